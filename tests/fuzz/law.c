/* law.c: the end of a bad run. */
#include "tests/fuzz/law.h"
#include "tests/fuzz/fuzz.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

unsigned fuzz_in_api;

void fuzz_law(bool holds, const char *format, ...) {
  if (holds) return;
  va_list args;
  va_start(args, format);
  fputs("broken law: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  abort();
}

bool fuzz_tells(void) {
  static int tells = -1;
  if (tells < 0) tells = getenv("GMUX_FUZZ_STORY") != NULL;
  return tells;
}

void fuzz_tell(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
}

/* ---- memory ---- */

static bool memory_has_failed;

void fuzz_memory_begin(void) {
  fuzz_begin();
  (void)test_alloc_peak();
  memory_has_failed = false;
  fuzz_in_api = 0;
}

void fuzz_memory_end(void) {
  (void)fuzz_end();
}

void fuzz_memory_fail_at(size_t n) {
  memory_has_failed = fuzz_memory_has_failed();
  test_alloc_fail_at(n);
}

bool fuzz_memory_has_failed(void) {
  return memory_has_failed || test_alloc_has_failed();
}
