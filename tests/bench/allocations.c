/* allocations.c: a counting allocator before gmux, another before nghttp2. */
#include "tests/bench/allocations.h"
#include <dlfcn.h>
#include <gmux/alloc.h>
#include <nghttp2/nghttp2.h>
#include <stdatomic.h>
#include <stdlib.h>

/* gmux may allocate on any thread. */
static struct {
  atomic_bool is_on;
  atomic_uint_fast64_t total, nghttp2;
  atomic_bool knows_nghttp2;
  nghttp2_mem inner; /* what gmux gave nghttp2; the same for all sessions */
} counted;

static void count(atomic_uint_fast64_t *counter) {
  atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ---- before gmux ---- */

static void *total_malloc(size_t size, void *user_data) {
  (void)user_data;
  count(&counted.total);
  return malloc(size);
}

static void *total_calloc(size_t n, size_t size, void *user_data) {
  (void)user_data;
  count(&counted.total);
  return calloc(n, size);
}

static void *total_realloc(void *ptr, size_t size, void *user_data) {
  (void)user_data;
  count(&counted.total);
  return realloc(ptr, size);
}

static void total_free(void *ptr, void *user_data) {
  (void)user_data;
  free(ptr);
}

int allocations_count(void) {
  static const gmux_allocator counting = {total_malloc, total_calloc, total_realloc, total_free,
                                          NULL};
  atomic_store(&counted.is_on, true);
  return gmux_set_allocator(&counting);
}

allocations allocations_now(void) {
  return (allocations){atomic_load(&counted.total), atomic_load(&counted.nghttp2)};
}

bool allocations_knows_nghttp2(void) {
  return atomic_load(&counted.knows_nghttp2);
}

/* ---- before nghttp2 ---- */

static void *door_malloc(size_t size, void *user_data) {
  count(&counted.nghttp2);
  return counted.inner.malloc(size, user_data);
}

static void *door_calloc(size_t n, size_t size, void *user_data) {
  count(&counted.nghttp2);
  return counted.inner.calloc(n, size, user_data);
}

static void *door_realloc(void *ptr, size_t size, void *user_data) {
  count(&counted.nghttp2);
  return counted.inner.realloc(ptr, size, user_data);
}

static void door_free(void *ptr, void *user_data) {
  counted.inner.free(ptr, user_data);
}

typedef int (*client_new_fn)(nghttp2_session **, const nghttp2_session_callbacks *, void *,
                             const nghttp2_option *, nghttp2_mem *);

/* Visible, so that gmux in a shared library finds this one; one connection is made at a time. */
__attribute__((visibility("default"))) int nghttp2_session_client_new3(
    nghttp2_session **out, const nghttp2_session_callbacks *callbacks, void *user_data,
    const nghttp2_option *option, nghttp2_mem *mem) {
  /* POSIX has dlsym return functions as objects; C has no cast for that but through memory. */
  client_new_fn real;
  *(void **)&real = dlsym(RTLD_NEXT, "nghttp2_session_client_new3");
  if (!real) return NGHTTP2_ERR_INVALID_STATE;
  if (!atomic_load(&counted.is_on) || !mem) return real(out, callbacks, user_data, option, mem);
  counted.inner = *mem;
  atomic_store(&counted.knows_nghttp2, true);
  nghttp2_mem counting = {mem->mem_user_data, door_malloc, door_free, door_calloc, door_realloc};
  return real(out, callbacks, user_data, option, &counting); /* copies what it points to */
}
