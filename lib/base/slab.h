/* slab.h: a free list for objects of one size, so that the steady path does not allocate. One
 * thread. Objects are zeroed by _get. At most `keep` free ones are held; more go back to the
 * allocator. Memory from any gmux__calloc(1, size) may be put in, and an object that was got may
 * also be freed by gmux__free. Under AddressSanitizer a free object is poisoned. */
#ifndef GMUX__BASE_SLAB_H
#define GMUX__BASE_SLAB_H

#include <stddef.h>

typedef struct gmux__slab {
  void *free;
  size_t size, keep, held;
} gmux__slab;

void gmux__slab_init(gmux__slab *slab, size_t size, size_t keep); /* size >= a pointer's */
void *gmux__slab_get(gmux__slab *slab);                           /* NULL: out of memory */
/* The same without the zeroing: what is in it is anything. */
void *gmux__slab_get_raw(gmux__slab *slab);
void gmux__slab_put(gmux__slab *slab, void *object); /* takes NULL */
/* Frees what it holds; what was got and not put stays with its holder. */
void gmux__slab_deinit(gmux__slab *slab);

#endif
