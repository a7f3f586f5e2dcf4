/* allocations.c: a counting allocator. */
#include "tests/bench/allocations.h"
#include <gmux/alloc.h>
#include <stdatomic.h>
#include <stdlib.h>

/* gmux may allocate on any thread. */
static atomic_uint_fast64_t counted;

static void count(void) {
  atomic_fetch_add_explicit(&counted, 1, memory_order_relaxed);
}

static void *counting_malloc(size_t size, void *user_data) {
  (void)user_data;
  count();
  return malloc(size);
}

static void *counting_calloc(size_t n, size_t size, void *user_data) {
  (void)user_data;
  count();
  return calloc(n, size);
}

static void *counting_realloc(void *ptr, size_t size, void *user_data) {
  (void)user_data;
  count();
  return realloc(ptr, size);
}

static void counting_free(void *ptr, void *user_data) {
  (void)user_data;
  free(ptr);
}

int allocations_count(void) {
  static const gmux_allocator counting = {counting_malloc, counting_calloc, counting_realloc,
                                          counting_free, NULL};
  return gmux_set_allocator(&counting);
}

uint64_t allocations_now(void) {
  return atomic_load(&counted);
}
