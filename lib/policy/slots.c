/* slots.c: how many streams one connection may carry, and how many it does. */
#include "lib/policy/slots.h"
#include <assert.h>

void gmux__slots_init(gmux__slots *s, uint32_t cap) {
  *s = (gmux__slots){.cap = cap};
}

void gmux__slots_set_peer(gmux__slots *s, uint32_t peer) {
  s->peer = peer;
}

uint32_t gmux__slots_limit(const gmux__slots *s) {
  return s->peer < s->cap ? s->peer : s->cap;
}

uint32_t gmux__slots_free(const gmux__slots *s) {
  uint32_t limit = gmux__slots_limit(s);
  return s->taken < limit ? limit - s->taken : 0;
}

void gmux__slots_take(gmux__slots *s) {
  assert(gmux__slots_free(s) > 0);
  s->taken++;
}

void gmux__slots_give(gmux__slots *s) {
  assert(s->taken > 0);
  s->taken--;
}
