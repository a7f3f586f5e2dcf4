/* memory.c: libc's allocator, counted. Tests of the loop allocate on several threads, hence the
 * atomics. */
#include "tests/unit/memory.h"
#include <gmux/alloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#ifdef HAVE_MALLOC_USABLE_SIZE
#include <malloc.h>
#endif

static atomic_size_t alloc_live, alloc_bytes, alloc_peak;
static atomic_size_t alloc_calls;
static atomic_size_t alloc_countdown; /* the allocation that takes it from 1 to 0 fails; 0: none */
static atomic_bool alloc_failed;

static bool alloc_must_fail(void) {
  atomic_fetch_add(&alloc_calls, 1);
  size_t left = atomic_load(&alloc_countdown);
  while (left > 0) {
    if (atomic_compare_exchange_weak(&alloc_countdown, &left, left - 1)) {
      if (left == 1) atomic_store(&alloc_failed, true);
      return left == 1;
    }
  }
  return false;
}

static size_t bytes_of(void *ptr) {
#ifdef HAVE_MALLOC_USABLE_SIZE
  return malloc_usable_size(ptr);
#else
  (void)ptr;
  return 0;
#endif
}

static void bytes_grow(size_t more) {
  size_t bytes = atomic_fetch_add(&alloc_bytes, more) + more;
  size_t peak = atomic_load(&alloc_peak);
  while (peak < bytes && !atomic_compare_exchange_weak(&alloc_peak, &peak, bytes))
    ;
}

static void *alloc_counted(void *ptr) {
  if (!ptr) return NULL;
  atomic_fetch_add(&alloc_live, 1);
  bytes_grow(bytes_of(ptr));
  return ptr;
}

/* A request of zero bytes is given one, so that NULL always means "out of memory". */
static void *hook_malloc(size_t size, void *user_data) {
  (void)user_data;
  return alloc_must_fail() ? NULL : alloc_counted(malloc(size ? size : 1));
}

static void *hook_calloc(size_t count, size_t size, void *user_data) {
  (void)user_data;
  if (count == 0 || size == 0) count = size = 1;
  return alloc_must_fail() ? NULL : alloc_counted(calloc(count, size));
}

static void *hook_realloc(void *ptr, size_t size, void *user_data) {
  if (!ptr) return hook_malloc(size, user_data);
  if (alloc_must_fail()) return NULL;
  size_t before = bytes_of(ptr);
  void *moved = realloc(ptr, size ? size : 1);
  if (!moved) return NULL;
  atomic_fetch_sub(&alloc_bytes, before);
  bytes_grow(bytes_of(moved));
  return moved;
}

static void hook_free(void *ptr, void *user_data) {
  (void)user_data;
  if (!ptr) return;
  atomic_fetch_sub(&alloc_live, 1);
  atomic_fetch_sub(&alloc_bytes, bytes_of(ptr));
  free(ptr);
}

size_t test_alloc_live(void) {
  return atomic_load(&alloc_live);
}

size_t test_alloc_bytes(void) {
  return atomic_load(&alloc_bytes);
}

size_t test_alloc_peak(void) {
  return atomic_exchange(&alloc_peak, atomic_load(&alloc_bytes));
}

size_t test_alloc_calls(void) {
  return atomic_load(&alloc_calls);
}

void test_alloc_fail_at(size_t n) {
  atomic_store(&alloc_failed, false);
  atomic_store(&alloc_countdown, n);
}

bool test_alloc_has_failed(void) {
  return atomic_load(&alloc_failed);
}

bool test_alloc_install(void) {
  static const gmux_allocator allocator = {
      .malloc = hook_malloc, .calloc = hook_calloc, .realloc = hook_realloc, .free = hook_free};
  return gmux_set_allocator(&allocator) == 0;
}
