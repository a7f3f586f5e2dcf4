/* live.c: an allocator that writes the size of a block in front of it. */
#include "tests/bench/live.h"
#include <gmux/alloc.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* As large as the strictest alignment, so that what follows it is aligned too. */
typedef union head {
  size_t size;
  max_align_t align;
} head;

/* gmux may allocate on any thread. */
static atomic_size_t total;

/* Takes over a block from the C library. */
static void *block_begin(head *h, size_t size) {
  if (!h) return NULL;
  h->size = size;
  atomic_fetch_add_explicit(&total, size, memory_order_relaxed);
  return h + 1;
}

static head *block_end(void *ptr) {
  head *h = (head *)ptr - 1;
  atomic_fetch_sub_explicit(&total, h->size, memory_order_relaxed);
  return h;
}

static void *live_malloc(size_t size, void *user_data) {
  (void)user_data;
  return size > SIZE_MAX - sizeof(head) ? NULL : block_begin(malloc(sizeof(head) + size), size);
}

static void *live_calloc(size_t n, size_t size, void *user_data) {
  (void)user_data;
  if (size && n > (SIZE_MAX - sizeof(head)) / size) return NULL;
  return block_begin(calloc(1, sizeof(head) + n * size), n * size);
}

static void live_free(void *ptr, void *user_data) {
  (void)user_data;
  if (ptr) free(block_end(ptr));
}

static void *live_realloc(void *ptr, size_t size, void *user_data) {
  if (!ptr) return live_malloc(size, user_data);
  if (size > SIZE_MAX - sizeof(head)) return NULL;
  size_t old = ((head *)ptr - 1)->size;
  head *h = realloc((head *)ptr - 1, sizeof(head) + size);
  if (!h) return NULL;
  atomic_fetch_sub_explicit(&total, old, memory_order_relaxed);
  return block_begin(h, size);
}

int live_count(void) {
  static const gmux_allocator counting = {live_malloc, live_calloc, live_realloc, live_free, NULL};
  return gmux_set_allocator(&counting);
}

uint64_t live_bytes(void) {
  return atomic_load(&total);
}
