/* slab.h: a free list for objects of one size, so that the steady path does not allocate. One
 * thread. Objects are zeroed by _get. At most `keep` free ones are held; more go back to the
 * allocator, and so does by _trim what nobody needed for a while: who calls that now and then holds
 * what its load needs, and nothing when it is idle. Memory from any gmux__calloc(1, size) may be
 * put in, and an object that was got may also be freed by gmux__free. Under AddressSanitizer a free
 * object is poisoned. */
#ifndef GMUX__BASE_SLAB_H
#define GMUX__BASE_SLAB_H

#include "lib/base/poison.h"
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct gmux__slab {
  void *free;
  size_t size, keep, held, least; /* least: held since the last _trim */
} gmux__slab;

void gmux__slab_init(gmux__slab *slab, size_t size, size_t keep); /* size >= a pointer's */
void *gmux__slab_get(gmux__slab *slab);                           /* NULL: out of memory */
void *gmux__slab_get_new(gmux__slab *slab);                       /* it holds none */
/* The same without the zeroing: what is in it is anything. Here because a call does so ten times.
 */
static inline void *gmux__slab_get_raw(gmux__slab *slab) {
  void *object = slab->free;
  if (!object) return gmux__slab_get_new(slab);
  ASAN_UNPOISON_MEMORY_REGION(object, slab->size);
  memcpy(&slab->free, object, sizeof slab->free);
  if (--slab->held < slab->least) slab->least = slab->held;
  return object;
}
void gmux__slab_put(gmux__slab *slab, void *object); /* takes NULL */
/* True: something is still held, so that it is worth to come again. */
bool gmux__slab_trim(gmux__slab *slab);
/* Frees what it holds, and whatever is put from now on. */
void gmux__slab_keep_nothing(gmux__slab *slab);
/* Frees what it holds; what was got and not put stays with its holder. */
void gmux__slab_deinit(gmux__slab *slab);

#endif
