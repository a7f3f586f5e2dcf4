/* fail.c: error codes in words, and the last sentence of each thread. */
#include "lib/base/fail.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Per thread, so that a loop's thread never overwrites what an application's thread is about to
 * read. Static storage: leaving a sentence must work when memory has run out. */
static _Thread_local char last_error[GMUX__FAIL_TEXT];

const char *gmux_strerror(int error) {
  switch (error) {
  case 0:
    return "no error";
  case GMUX_ERR_INVALID:
    return "invalid argument";
  case GMUX_ERR_NOMEM:
    return "out of memory";
  case GMUX_ERR_AGAIN:
    return "not now, try again later";
  case GMUX_ERR_STATE:
    return "the object is not in a state for this";
  case GMUX_ERR_CLOSED:
    return "shut down";
  case GMUX_ERR_DEADLOCK:
    return "a blocking call on the loop's own thread";
  case GMUX_ERR_THREAD:
    return "called from a thread that is not the loop's";
  case GMUX_ERR_TOO_LARGE:
    return "over the size limit";
  case GMUX_ERR_TIMEOUT:
    return "timed out";
  case GMUX_ERR_CANCELLED:
    return "cancelled";
  case GMUX_ERR_NOT_FOUND:
    return "not found";
  case GMUX_ERR_EXISTS:
    return "exists already";
  case GMUX_ERR_IO:
    return "input/output error";
  case GMUX_ERR_EOF:
    return "the other side has ended";
  case GMUX_ERR_RESOLVE:
    return "name resolution failed";
  case GMUX_ERR_TLS:
    return "TLS error";
  case GMUX_ERR_PROTOCOL:
    return "protocol error";
  case GMUX_ERR_UNSUPPORTED:
    return "not supported";
  default:
    return "unknown error";
  }
}

const char *gmux_last_error(void) {
  return last_error;
}

int gmux__fail(int error, const char *format, ...) {
  /* Through a second buffer, because gmux_last_error() may be among the arguments. */
  char text[GMUX__FAIL_TEXT];
  va_list args;
  va_start(args, format);
  int len = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (len < 0) return gmux__fail_code(error);
  memcpy(last_error, text, strlen(text) + 1);
  return error;
}

int gmux__fail_code(int error) {
  const char *words = gmux_strerror(error);
  memcpy(last_error, words, strlen(words) + 1);
  return error;
}
