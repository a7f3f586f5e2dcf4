/*
 * alloc.h: where memory comes from.
 *
 * One allocator serves the whole process. It is the only process-wide setting of gmux, so that a
 * buffer made on one thread can be freed on another. nghttp2 and protobuf-c allocate through it
 * too; OpenSSL, libev and c-ares have their own hooks.
 */
#ifndef GMUX_ALLOC_H
#define GMUX_ALLOC_H

#include <gmux/api.h>

GMUX_BEGIN_DECLS

/* Four functions with the meaning of the C library's, callable from any thread at once. */
typedef struct gmux_allocator {
  void *(*malloc)(size_t size, void *user_data);
  void *(*calloc)(size_t count, size_t size, void *user_data);
  void *(*realloc)(void *ptr, size_t size, void *user_data);
  void (*free)(void *ptr, void *user_data); /* takes NULL */
  void *user_data;
} gmux_allocator;

/*
 * Sets the allocator; NULL gives the C library's back. The struct is copied. Must be called while
 * no object of gmux exists (memory must go back to where it came from) and before a second thread
 * uses gmux. GMUX_ERR_INVALID if one of the four functions is missing.
 */
GMUX_API int gmux_set_allocator(const gmux_allocator *allocator);

/* Memory from that allocator, for buffers that gmux shall own (gmux_bytes_own). NULL when there is
 * none left; gmux_free takes NULL. Any thread. */
GMUX_API void *gmux_malloc(size_t size);
GMUX_API void gmux_free(void *ptr);

GMUX_END_DECLS

#endif
