/* law.c: the end of a bad run, and libc's allocator with its bytes counted. */
#include "tests/fuzz/law.h"
#include <gmux/alloc.h>
#include <malloc.h>
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

static struct {
  size_t blocks, bytes, peak;
  size_t countdown; /* the allocation that takes it from 1 to 0 fails; 0: none */
  bool has_failed;
} heap;

static bool heap_must_fail(void) {
  if (heap.countdown == 0 || --heap.countdown > 0) return false;
  heap.has_failed = true;
  return true;
}

static void *heap_add(void *p) {
  if (!p) return NULL;
  heap.blocks++;
  heap.bytes += malloc_usable_size(p);
  if (heap.bytes > heap.peak) heap.peak = heap.bytes;
  return p;
}

static void heap_remove(void *p) {
  if (!p) return;
  heap.blocks--;
  heap.bytes -= malloc_usable_size(p);
}

static void *heap_malloc(size_t size, void *user_data) {
  (void)user_data;
  return heap_must_fail() ? NULL : heap_add(malloc(size));
}

static void *heap_calloc(size_t count, size_t size, void *user_data) {
  (void)user_data;
  return heap_must_fail() ? NULL : heap_add(calloc(count, size));
}

static void *heap_realloc(void *old, size_t size, void *user_data) {
  (void)user_data;
  if (heap_must_fail()) return NULL;
  size_t before = old ? malloc_usable_size(old) : 0;
  void *p = realloc(old, size);
  if (!p) return NULL;
  heap.bytes -= before;
  heap.blocks -= old != NULL;
  return heap_add(p);
}

static void heap_free(void *p, void *user_data) {
  (void)user_data;
  heap_remove(p);
  free(p);
}

void fuzz_memory_begin(void) {
  static const gmux_allocator allocator = {
      .malloc = heap_malloc, .calloc = heap_calloc, .realloc = heap_realloc, .free = heap_free};
  fuzz_law(heap.blocks == 0, "memory is held before the input begins");
  fuzz_law(gmux_set_allocator(&allocator) == 0, "no allocator");
  heap.peak = 0;
  heap.countdown = 0;
  heap.has_failed = false;
  fuzz_in_api = 0;
}

void fuzz_memory_end(void) {
  fuzz_law(heap.blocks == 0, "%zu blocks of %zu bytes are left", heap.blocks, heap.bytes);
}

size_t fuzz_memory_peak(void) {
  return heap.peak;
}

void fuzz_memory_fail_at(size_t n) {
  heap.countdown = n;
}

bool fuzz_memory_has_failed(void) {
  return heap.has_failed;
}
