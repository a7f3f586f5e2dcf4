/* alloc.c: the process's allocator, and the few helpers that the C library has no hook for. */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <stdlib.h>
#include <string.h>

static void *libc_malloc(size_t size, void *user_data) {
  (void)user_data;
  return malloc(size);
}

static void *libc_calloc(size_t count, size_t size, void *user_data) {
  (void)user_data;
  return calloc(count, size);
}

static void *libc_realloc(void *ptr, size_t size, void *user_data) {
  (void)user_data;
  return realloc(ptr, size);
}

static void libc_free(void *ptr, void *user_data) {
  (void)user_data;
  free(ptr);
}

static const gmux_allocator libc_allocator = {libc_malloc, libc_calloc, libc_realloc, libc_free,
                                              NULL};

/* The one process-wide setting. Not locked: it is set before there is a second thread. */
static gmux_allocator current = {libc_malloc, libc_calloc, libc_realloc, libc_free, NULL};

int gmux_set_allocator(const gmux_allocator *allocator) {
  if (!allocator) {
    current = libc_allocator;
    return 0;
  }
  if (!allocator->malloc || !allocator->calloc || !allocator->realloc || !allocator->free)
    return gmux__fail(GMUX_ERR_INVALID,
                      "an allocator needs all of malloc, calloc, realloc and free");
  current = *allocator;
  return 0;
}

const gmux_allocator *gmux__allocator(void) {
  return &current;
}

/* C lets malloc(0) be NULL. Asking for a byte instead leaves NULL one meaning. */
static size_t size_at_least_one(size_t size) {
  return size ? size : 1;
}

void *gmux__malloc(size_t size) {
  return current.malloc(size_at_least_one(size), current.user_data);
}

void *gmux__calloc(size_t count, size_t size) {
  return current.calloc(size_at_least_one(count), size_at_least_one(size), current.user_data);
}

void *gmux__realloc(void *ptr, size_t size) {
  return current.realloc(ptr, size_at_least_one(size), current.user_data);
}

void gmux__free(void *ptr) {
  current.free(ptr, current.user_data);
}

char *gmux__strdup(const char *s) {
  return gmux__strndup(s, strlen(s));
}

char *gmux__strndup(const char *s, size_t len) {
  if (len == SIZE_MAX) return NULL;
  char *copy = gmux__malloc(len + 1);
  if (!copy) return NULL;
  if (len) memcpy(copy, s, len);
  copy[len] = '\0';
  return copy;
}

void *gmux__memdup(const void *p, size_t len) {
  void *copy = gmux__malloc(len);
  if (copy && len) memcpy(copy, p, len);
  return copy;
}

void *gmux_malloc(size_t size) {
  return gmux__malloc(size);
}

void gmux_free(void *ptr) {
  gmux__free(ptr);
}
