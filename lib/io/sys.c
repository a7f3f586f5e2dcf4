/* sys.c: errors of system calls in words. */
#include "lib/io/sys.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *gmux__errno_words(int err, char buf[GMUX__ERRNO_TEXT]) {
  char own[GMUX__ERRNO_TEXT];
  const char *words = strerror_r(err, own, sizeof own); /* GNU's, under _GNU_SOURCE */
  snprintf(buf, GMUX__ERRNO_TEXT, "%s", words);
  /* "Connection refused" stands in the middle of a sentence here; no such text starts with a
   * name. */
  if (buf[0] >= 'A' && buf[0] <= 'Z') buf[0] = (char)(buf[0] - 'A' + 'a');
  return buf;
}

int gmux__fail_errno(int error, int err, const char *format, ...) {
  char what[GMUX__FAIL_TEXT / 2];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  char words[GMUX__ERRNO_TEXT];
  return gmux__fail(error, "%s: %s", what, gmux__errno_words(err, words));
}
