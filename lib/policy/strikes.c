/* strikes.c: how a server punishes a client that sends too many PINGs. */
#include "lib/policy/strikes.h"
#include "lib/policy/number.h"

/* A8: without streams a PING is allowed so often, when it is not permitted more often. */
static const uint64_t IDLE_INTERVAL_NS = UINT64_C(7200) * 1000000000;

void gmux__strikes_init(gmux__strikes *s, const gmux__strikes_config *config) {
  *s = (gmux__strikes){.config = *config};
}

static bool strikes_is_good(const gmux__strikes *s, uint64_t now_ns, bool has_streams) {
  if (s->last_good_ns == 0) return true;
  uint64_t interval_ns = s->config.min_interval_ns;
  if (!has_streams && !s->config.permit_without_calls)
    interval_ns = gmux__number_max(interval_ns, IDLE_INTERVAL_NS);
  return gmux__number_subtract(now_ns, s->last_good_ns) >= interval_ns;
}

bool gmux__strikes_ping(gmux__strikes *s, uint64_t now_ns, bool has_streams) {
  if (strikes_is_good(s, now_ns, has_streams)) {
    s->last_good_ns = gmux__number_max(now_ns, 1); /* 0 says "none" */
    return false;
  }
  if (s->count < UINT32_MAX) s->count++;
  return s->config.max_strikes != 0 && s->count > s->config.max_strikes;
}

void gmux__strikes_clear(gmux__strikes *s) {
  s->last_good_ns = 0;
  s->count = 0;
}
