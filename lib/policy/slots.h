/*
 * slots.h: how many streams one connection may carry, and how many it does.
 *
 * Slots = min(the peer's SETTINGS_MAX_CONCURRENT_STREAMS, our own cap). The limit may fall below
 * what is in flight at any time; then nothing is free until enough have ended, and nothing is lost.
 * Before the peer's SETTINGS there are no slots: a connection that has not greeted carries nothing.
 */
#ifndef GMUX__POLICY_SLOTS_H
#define GMUX__POLICY_SLOTS_H

#include <stdint.h>

typedef struct gmux__slots {
  uint32_t cap;   /* our own */
  uint32_t peer;  /* the peer's; 0 before its SETTINGS, UINT32_MAX when they name none */
  uint32_t taken; /* streams in flight */
} gmux__slots;

void gmux__slots_init(gmux__slots *s, uint32_t cap);
void gmux__slots_set_peer(gmux__slots *s, uint32_t peer);
static inline uint32_t gmux__slots_limit(const gmux__slots *s) {
  return s->peer < s->cap ? s->peer : s->cap;
}
/* 0 while taken >= limit */
static inline uint32_t gmux__slots_free(const gmux__slots *s) {
  uint32_t limit = gmux__slots_limit(s);
  return s->taken < limit ? limit - s->taken : 0;
}
void gmux__slots_take(gmux__slots *s); /* there must be a free one */
void gmux__slots_give(gmux__slots *s); /* one must be taken */

#endif
