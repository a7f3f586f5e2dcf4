/* slab.c: a free list for objects of one size. A free object's first word points to the next. */
#include "lib/base/slab.h"
#include "lib/base/alloc.h"
#include "lib/base/poison.h"
#include <assert.h>
#include <string.h>

void gmux__slab_init(gmux__slab *slab, size_t size, size_t keep) {
  assert(size >= sizeof(void *));
  *slab = (gmux__slab){NULL, size, keep, 0};
}

static void *slab_pop(gmux__slab *slab) {
  void *object = slab->free;
  ASAN_UNPOISON_MEMORY_REGION(object, slab->size);
  memcpy(&slab->free, object, sizeof slab->free);
  slab->held--;
  return object;
}

void *gmux__slab_get(gmux__slab *slab) {
  if (!slab->free) return gmux__calloc(1, slab->size);
  return memset(slab_pop(slab), 0, slab->size);
}

void *gmux__slab_get_raw(gmux__slab *slab) {
  return slab->free ? slab_pop(slab) : gmux__malloc(slab->size);
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

void gmux__slab_deinit(gmux__slab *slab) {
  while (slab->free)
    gmux__free(slab_pop(slab));
}
