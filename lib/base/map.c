/* map.c: from a string to a pointer, open addressing with linear probing. */
#include "lib/base/map.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { MAP_FIRST_SIZE = 8 };

struct gmux__map_slot {
  char *key; /* zero-terminated copy; NULL: the slot is empty */
  size_t key_len;
  uint64_t hash;
  void *value;
};

/* A multiplication carries what differs to the upper bits only, and the lower ones choose the slot.
 */
static uint64_t map_mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio, odd */
  return hash ^ hash >> 32;
}

/* Eight bytes at a time: a server asks for the method of each call by its path. Not keyed: whoever
 * could choose colliding keys is the application itself. */
static uint64_t map_hash(const char *key, size_t len) {
  uint64_t hash = len, word = 0;
  for (; len >= sizeof word; key += sizeof word, len -= sizeof word) {
    memcpy(&word, key, sizeof word);
    hash = map_mix(hash, word);
  }
  for (word = 0; len > 0; len--)
    word = word << 8 | (unsigned char)key[len - 1];
  return map_mix(hash, word);
}

static bool slot_has_key(const gmux__map_slot *slot, uint64_t hash, const char *key, size_t len) {
  return slot->hash == hash && slot->key_len == len &&
         (len == 0 || memcmp(slot->key, key, len) == 0);
}

/* The slot with this key, or the empty one where it belongs. Ends, because a quarter is empty. */
static gmux__map_slot *slots_find(gmux__map_slot *slots, size_t size, uint64_t hash,
                                  const char *key, size_t len) {
  size_t i = (size_t)hash & (size - 1);
  while (slots[i].key && !slot_has_key(&slots[i], hash, key, len))
    i = (i + 1) & (size - 1);
  return &slots[i];
}

static int map_grow(gmux__map *map) {
  size_t size = map->size ? map->size * 2 : MAP_FIRST_SIZE;
  gmux__map_slot *slots = gmux__calloc(size, sizeof *slots);
  if (!slots) return gmux__fail_code(GMUX_ERR_NOMEM);
  for (size_t i = 0; i < map->size; i++) {
    const gmux__map_slot *old = &map->slots[i];
    if (old->key) *slots_find(slots, size, old->hash, old->key, old->key_len) = *old;
  }
  gmux__free(map->slots);
  map->slots = slots;
  map->size = size;
  return 0;
}

int gmux__map_put(gmux__map *map, const char *key, size_t key_len, void *value) {
  assert(value);
  if (gmux__map_get(map, key, key_len))
    return gmux__fail(GMUX_ERR_EXISTS, "there is a \"%.*s\" already",
                      key_len < 200 ? (int)key_len : 200, key);
  if ((map->used + 1) * 4 > map->size * 3) {
    int error = map_grow(map);
    if (error) return error;
  }
  char *copy = gmux__strndup(key, key_len);
  if (!copy) return gmux__fail_code(GMUX_ERR_NOMEM);
  uint64_t hash = map_hash(key, key_len);
  gmux__map_slot *slot = slots_find(map->slots, map->size, hash, key, key_len);
  *slot = (gmux__map_slot){copy, key_len, hash, value};
  map->used++;
  return 0;
}

void *gmux__map_get(const gmux__map *map, const char *key, size_t key_len) {
  if (map->used == 0) return NULL;
  return slots_find(map->slots, map->size, map_hash(key, key_len), key, key_len)->value;
}

size_t gmux__map_count(const gmux__map *map) {
  return map->used;
}

void gmux__map_each(const gmux__map *map, void (*fn)(const char *key, void *value, void *arg),
                    void *arg) {
  for (size_t i = 0; i < map->size; i++)
    if (map->slots[i].key) fn(map->slots[i].key, map->slots[i].value, arg);
}

void gmux__map_deinit(gmux__map *map) {
  for (size_t i = 0; i < map->size; i++)
    gmux__free(map->slots[i].key);
  gmux__free(map->slots);
  *map = (gmux__map){NULL, 0, 0};
}
