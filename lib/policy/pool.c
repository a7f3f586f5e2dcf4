/* pool.c: which connection takes the next call, and whether one more is wanted. */
#include "lib/policy/pool.h"
#include <assert.h>

bool gmux__load_has_room(const gmux__load *load) {
  return load->is_usable && load->used < load->limit;
}

bool gmux__load_is_below_ideal(const gmux__load *load, uint32_t ideal) {
  return load->used < ideal && load->used < load->limit;
}

/* The class of the header, and in it permanent before temporary: lower is better. */
static int load_rank(const gmux__load *load, uint32_t ideal) {
  int rank = load->is_temporary ? 1 : 0;
  if (load->is_blocked) return rank + 4;
  return gmux__load_is_below_ideal(load, ideal) ? rank : rank + 2;
}

/* How fast a connection is shows only in what it leaves lying; less than a frame says nothing. */
static size_t frames_queued(const gmux__load *load) {
  enum { FRAME_BYTES = 16384 };
  return load->is_blocked ? load->queued / FRAME_BYTES : 0;
}

bool gmux__pool_prefers(gmux__pool_order order, uint32_t ideal, const gmux__load *a,
                        const gmux__load *b) {
  assert(gmux__load_has_room(a));
  if (!gmux__load_has_room(b)) return true;
  int rank_a = load_rank(a, ideal), rank_b = load_rank(b, ideal);
  if (rank_a != rank_b) return rank_a < rank_b;
  size_t queued_a = frames_queued(a), queued_b = frames_queued(b);
  if (queued_a != queued_b) return queued_a < queued_b;
  if (order == GMUX__POOL_SPREAD) return a->used < b->used;

  /* Blocked ones are of one class whether below ideal or not. */
  bool is_a_below = gmux__load_is_below_ideal(a, ideal);
  if (is_a_below != gmux__load_is_below_ideal(b, ideal)) return is_a_below;
  return is_a_below ? a->used > b->used : a->used < b->used;
}

static bool pool_is_short(const gmux__pool_config *config, const gmux__pool_facts *facts) {
  if (facts->usable >= config->max_connections || facts->below_ideal > 0) return false;
  return facts->is_asked || facts->waiting > 0 || facts->has_overflowed;
}

static bool pool_needs_burst(const gmux__pool_config *config, const gmux__pool_facts *facts) {
  if (facts->usable < config->max_connections) return false; /* a permanent one is allowed */
  if (facts->temporary >= config->burst_connections) return false;
  return facts->waiting > 0 && facts->waited_ns >= config->burst_after_ns;
}

bool gmux__pool_is_full(const gmux__pool_config *config, const gmux__pool_facts *facts) {
  size_t allowed = (size_t)config->max_connections + config->burst_connections;
  return facts->usable + facts->temporary + facts->suspect >= 2 * allowed;
}

gmux__pool_wish gmux__pool_wants(const gmux__pool_config *config, const gmux__pool_facts *facts) {
  if (facts->dialing > 0 || gmux__pool_is_full(config, facts)) return GMUX__POOL_CONTENT;
  if (facts->usable < config->min_connections || facts->to_replace > 0) return GMUX__POOL_DIAL;
  if (pool_is_short(config, facts)) return GMUX__POOL_DIAL;
  return pool_needs_burst(config, facts) ? GMUX__POOL_DIAL_BURST : GMUX__POOL_CONTENT;
}
