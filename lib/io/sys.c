/* sys.c: errors of system calls in words. */
#include "lib/io/sys.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int gmux__fail_errno(int error, int err, const char *format, ...) {
  char what[GMUX__FAIL_TEXT / 2];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  char buf[128];
  const char *words = strerror_r(err, buf, sizeof buf); /* GNU's, under _GNU_SOURCE */
  /* "Connection refused" stands in the middle of a sentence here; no such text starts with a
   * name. */
  char first = words[0] >= 'A' && words[0] <= 'Z' ? (char)(words[0] - 'A' + 'a') : words[0];
  return gmux__fail(error, "%s: %c%s", what, first, words[0] ? words + 1 : "");
}
