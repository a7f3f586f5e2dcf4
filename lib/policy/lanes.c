/* lanes.c: several loops that do the work of one channel or server. */
#include "lib/policy/lanes.h"
#include "lib/base/fail.h"

int gmux__lanes_check(const char *function, gmux_loop *const *loops, size_t count) {
  if (count == 0 || count > GMUX__LANES_MAX)
    return gmux__fail(GMUX_ERR_INVALID, "%s: %zu loops: it must be 1 to %d", function, count,
                      GMUX__LANES_MAX);
  for (size_t i = 0; i < count; i++) {
    if (!loops[i]) return gmux__fail(GMUX_ERR_INVALID, "%s: loops[%zu] is NULL", function, i);
    for (size_t j = 0; j < i; j++)
      if (loops[i] == loops[j])
        return gmux__fail(GMUX_ERR_INVALID,
                          "%s: loops[%zu] and loops[%zu] are the same: give each loop once",
                          function, j, i);
  }
  return 0;
}

/* The better a lane is for a call, the smaller. IDLE and CONNECTING are alike: what is not
 * connected connects for the call. */
static unsigned lane_rank(const gmux__lane_load *lane) {
  switch (lane->state) {
  case GMUX_CHANNEL_READY:
    return 0;
  case GMUX_CHANNEL_IDLE:
  case GMUX_CHANNEL_CONNECTING:
    return 1;
  case GMUX_CHANNEL_TRANSIENT_FAILURE:
    return 2;
  case GMUX_CHANNEL_SHUTDOWN:
    break;
  }
  return 3;
}

static bool lane_is_better(const gmux__lane_load *a, const gmux__lane_load *b) {
  unsigned rank_a = lane_rank(a), rank_b = lane_rank(b);
  return rank_a != rank_b ? rank_a < rank_b : a->calls < b->calls;
}

size_t gmux__lanes_pick(const gmux__lane_load *lanes, size_t count, size_t own) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++)
    if (lane_is_better(&lanes[i], &lanes[best])) best = i;
  if (own == count || lane_rank(&lanes[own]) > lane_rank(&lanes[best])) return best;
  return lanes[own].calls <= 2 * lanes[best].calls + GMUX__LANES_SLACK ? own : best;
}

size_t gmux__lanes_wake(const gmux__lane_load *lanes, size_t count, size_t picked) {
  if (lanes[picked].state != GMUX_CHANNEL_READY || lanes[picked].calls == 0) return count;
  for (size_t i = 0; i < count; i++)
    if (lanes[i].state == GMUX_CHANNEL_IDLE) return i;
  for (size_t i = 0; i < count; i++)
    if (lanes[i].state == GMUX_CHANNEL_TRANSIENT_FAILURE && !lanes[i].is_asked) return i;
  return count;
}

gmux_channel_state gmux__lanes_state(const gmux__lane_load *lanes, size_t count) {
  static const gmux_channel_state order[] = {GMUX_CHANNEL_READY, GMUX_CHANNEL_CONNECTING,
                                             GMUX_CHANNEL_IDLE, GMUX_CHANNEL_TRANSIENT_FAILURE};
  for (size_t rank = 0; rank < sizeof order / sizeof *order; rank++)
    for (size_t i = 0; i < count; i++)
      if (lanes[i].state == order[rank]) return order[rank];
  return GMUX_CHANNEL_SHUTDOWN;
}

uint32_t gmux__lanes_part(uint32_t total, size_t count, size_t lane) {
  return (uint32_t)(total / count + (lane < total % count));
}

uint32_t gmux__lanes_part_of_least(uint32_t total, size_t count, size_t lane, uint32_t least) {
  uint32_t part = gmux__lanes_part(total, count, lane);
  return part > least ? part : least;
}
