/*
 * gate.h: how many handshakes may run at once, and begin a second, on one loop (promise 7).
 *
 * Numbers only: who waits, and in which order, is its owner's (lib/client/gate.c).
 */
#ifndef GMUX__POLICY_GATE_H
#define GMUX__POLICY_GATE_H

#include "lib/policy/bucket.h"

typedef struct gmux__gate_limits {
  uint32_t max_dialing; /* at once */
  uint32_t rate_per_s;  /* begun; a second's worth may begin at once */
} gmux__gate_limits;

typedef struct gmux__gate_state {
  gmux__bucket bucket;
  uint32_t max_dialing, dialing;
} gmux__gate_state;

void gmux__gate_state_init(gmux__gate_state *g, const gmux__gate_limits *limits);
/* True: it may begin, and counts until gmux__gate_state_leave. */
bool gmux__gate_state_enter(gmux__gate_state *g, uint64_t now_ns);
void gmux__gate_state_leave(gmux__gate_state *g);
/* When to ask again: UINT64_MAX, not before somebody leaves. */
uint64_t gmux__gate_state_next_ns(const gmux__gate_state *g, uint64_t now_ns);

#endif
