/* path.c: the names of methods. */
#include "lib/wire/path.h"
#include "lib/base/fail.h"
#include <string.h>

/* Far beyond any real name, and well within the metadata that every server takes. */
enum { PATH_MAX_LEN = 1024 };

size_t gmux__path_service_len(const char *path) {
  if (path[0] != '/') return 0;
  const char *slash = strrchr(path + 1, '/');
  if (!slash || slash[1] == '\0') return 0;
  return (size_t)(slash - path) - 1;
}

int gmux__path_check(const char *path) {
  static const char form[] = "a method's path is \"/package.Service/Method\"";
  size_t len = strlen(path);
  if (len > PATH_MAX_LEN)
    return gmux__fail(GMUX_ERR_INVALID, "%s of at most %d bytes, this one has %zu", form,
                      PATH_MAX_LEN, len);
  for (size_t i = 0; i < len; i++)
    if (path[i] <= 0x20 || path[i] > 0x7e)
      return gmux__fail(GMUX_ERR_INVALID, "%s: byte 0x%02x at position %zu cannot stand there",
                        form, (unsigned char)path[i], i);
  if (path[0] != '/')
    return gmux__fail(GMUX_ERR_INVALID, "%s: \"%.80s\" has no slash at its start", form, path);
  if (gmux__path_service_len(path) == 0)
    return gmux__fail(GMUX_ERR_INVALID, "%s: \"%.80s\" lacks the service or the method", form,
                      path);
  return 0;
}
