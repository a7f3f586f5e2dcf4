/* version.c: the version that was compiled in. */
#include <gmux/version.h>

const char *gmux_version(void) {
  return GMUX_VERSION;
}
