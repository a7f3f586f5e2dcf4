/* map.h: from a string to a pointer. Open addressing, power-of-two size, at most 3/4 full; keys are
 * copied. A key is a length and any bytes. For tables the application fills (methods, services):
 * a peer may ask for any key, but must not be able to put one in, since the hash is not keyed. */
#ifndef GMUX__BASE_MAP_H
#define GMUX__BASE_MAP_H

#include <stddef.h>

typedef struct gmux__map_slot gmux__map_slot;
typedef struct gmux__map {
  gmux__map_slot *slots;
  size_t size, used;
} gmux__map; /* all zero is an empty map */

/* GMUX_ERR_EXISTS, GMUX_ERR_NOMEM: nothing changed. value must not be NULL. */
int gmux__map_put(gmux__map *map, const char *key, size_t key_len, void *value);
void *gmux__map_get(const gmux__map *map, const char *key, size_t key_len); /* NULL: none */
size_t gmux__map_count(const gmux__map *map);
/* Calls fn for each value in no particular order; fn must not change the map. */
void gmux__map_each(const gmux__map *map, void (*fn)(const char *key, void *value, void *arg),
                    void *arg);
/* Leaves an empty map; the values are the caller's. */
void gmux__map_deinit(gmux__map *map);

#endif
