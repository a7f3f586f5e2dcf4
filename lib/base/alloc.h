/* alloc.h (inside): memory through the process's allocator. NULL has one meaning, out of memory: a
 * request of zero bytes is served as one of a single byte. No sentence is left for
 * gmux_last_error(); who reports GMUX_ERR_NOMEM leaves it (gmux__fail_code). Any thread. */
#ifndef GMUX__BASE_ALLOC_H
#define GMUX__BASE_ALLOC_H

#include <gmux/alloc.h>

void *gmux__malloc(size_t size);
void *gmux__calloc(size_t count, size_t size);
void *gmux__realloc(void *ptr, size_t size);
void gmux__free(void *ptr); /* takes NULL */
char *gmux__strdup(const char *s);
char *gmux__strndup(const char *s, size_t len); /* exactly len bytes, and a zero */
void *gmux__memdup(const void *p, size_t len);  /* p may be NULL when len is 0 */

/* The allocator in force, for libraries that take one (nghttp2_mem, ProtobufCAllocator). */
const gmux_allocator *gmux__allocator(void);

#endif
