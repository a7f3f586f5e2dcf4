/* alloc.h (inside): memory through the process's allocator. All return NULL when there is none, and
 * none but gmux__malloc(0)-like requests of zero bytes may return NULL otherwise. Any thread. */
#ifndef GMUX__BASE_ALLOC_H
#define GMUX__BASE_ALLOC_H

#include <gmux/alloc.h>

void *gmux__malloc(size_t size);
void *gmux__calloc(size_t count, size_t size);
void *gmux__realloc(void *ptr, size_t size);
void gmux__free(void *ptr);
char *gmux__strdup(const char *s);
char *gmux__strndup(const char *s, size_t len); /* len bytes and a zero */
void *gmux__memdup(const void *p, size_t len);

/* The allocator in force, for libraries that take one (nghttp2_mem, ProtobufCAllocator). */
const gmux_allocator *gmux__allocator(void);

#endif
