#include "tests/interop/interop_flags.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

bool interop_flag_wrong(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  return false;
}

bool interop_flag_number(const char *name, const char *text, uint32_t min, uint32_t max,
                         uint32_t *out) {
  char *end;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  /* strtoull takes spaces and signs, too. */
  bool is_number = text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
  if (!is_number || number < min || number > max)
    return interop_flag_wrong("--%s is a number from %u to %u, not \"%s\"", name, min, max, text);
  *out = (uint32_t)number;
  return true;
}

bool interop_flag_bool(const char *name, const char *text, bool *out) {
  static const char *const words[][2] = {
      {"false", "true"}, {"0", "1"}, {"no", "yes"}, {"f", "t"}, {"n", "y"}};
  *out = true;
  if (!text) return true;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    *out = strcasecmp(text, words[i][1]) == 0;
    if (*out || strcasecmp(text, words[i][0]) == 0) return true;
  }
  return interop_flag_wrong("--%s is true or false, not \"%s\"", name, text);
}

bool interop_flag_credential(const char *name, const char *file, const char **value) {
  if (*value) return true;
  if (access(file, R_OK) == 0) return *value = file, true;
  return interop_flag_wrong("%s: %s: `make` makes it, with openssl(1); or name another by --%s",
                            file, strerror(errno), name);
}
