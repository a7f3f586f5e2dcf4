/* gate.c: how many handshakes may run at once, and begin a second. */
#include "lib/policy/gate.h"
#include <assert.h>

void gmux__gate_state_init(gmux__gate_state *g, const gmux__gate_limits *limits) {
  assert(limits->max_dialing >= 1);
  *g = (gmux__gate_state){.max_dialing = limits->max_dialing};
  gmux__bucket_init(&g->bucket, limits->rate_per_s, limits->rate_per_s);
}

bool gmux__gate_state_enter(gmux__gate_state *g, uint64_t now_ns) {
  if (g->dialing >= g->max_dialing) return false;
  if (!gmux__bucket_take(&g->bucket, now_ns)) return false;
  g->dialing++;
  return true;
}

void gmux__gate_state_leave(gmux__gate_state *g) {
  assert(g->dialing > 0);
  g->dialing--;
}

uint64_t gmux__gate_state_next_ns(const gmux__gate_state *g, uint64_t now_ns) {
  if (g->dialing >= g->max_dialing) return UINT64_MAX;
  return gmux__bucket_next_ns(&g->bucket, now_ns);
}
