/* slots.c: how many streams one connection may carry, and how many it does. */
#include "lib/policy/slots.h"
#include <assert.h>

void gmux__slots_init(gmux__slots *s, uint32_t cap) {
  *s = (gmux__slots){.cap = cap};
}

void gmux__slots_set_peer(gmux__slots *s, uint32_t peer) {
  s->peer = peer;
}

void gmux__slots_take(gmux__slots *s) {
  assert(gmux__slots_free(s) > 0);
  s->taken++;
}

void gmux__slots_give(gmux__slots *s) {
  assert(s->taken > 0);
  s->taken--;
}
