/* slab.c: a free list for objects of one size. A free object's first word points to the next. */
#include "lib/base/slab.h"
#include "lib/base/alloc.h"
#include "lib/base/poison.h"
#include <assert.h>
#include <string.h>

void gmux__slab_init(gmux__slab *slab, size_t size, size_t keep) {
  assert(size >= sizeof(void *));
  *slab = (gmux__slab){.size = size, .keep = keep};
}

void *gmux__slab_get(gmux__slab *slab) {
  if (!slab->free) return gmux__calloc(1, slab->size);
  return memset(gmux__slab_get_raw(slab), 0, slab->size);
}

void *gmux__slab_get_new(gmux__slab *slab) {
  return gmux__malloc(slab->size);
}

void gmux__slab_put(gmux__slab *slab, void *object) {
  if (!object) return;
  if (slab->held >= slab->keep) {
    gmux__free(object);
    return;
  }
  memcpy(object, &slab->free, sizeof slab->free);
  ASAN_POISON_MEMORY_REGION(object, slab->size);
  slab->free = object;
  slab->held++;
}

bool gmux__slab_trim(gmux__slab *slab) {
  for (size_t spare = slab->least; spare > 0; spare--)
    gmux__free(gmux__slab_get_raw(slab));
  slab->least = slab->held;
  return slab->held > 0;
}

void gmux__slab_keep_nothing(gmux__slab *slab) {
  gmux__slab_deinit(slab);
  slab->keep = 0;
}

void gmux__slab_deinit(gmux__slab *slab) {
  while (slab->free)
    gmux__free(gmux__slab_get_raw(slab));
}
