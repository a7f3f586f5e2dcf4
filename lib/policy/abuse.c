/* abuse.c: how much a peer may make us do for nothing. */
#include "lib/policy/abuse.h"

/* So long a call is worth its slot: at most as many as there are slots can be reset each second. */
static const uint64_t WORTHY_NS = 1000000000;

/* For each useful frame of ours: WINDOW_UPDATE for stream and connection, a PING that measures the
 * path, and one to spare. */
enum { GIVEN_A_FRAME = 4 };

void gmux__abuse_init(gmux__abuse *a, const gmux__abuse_config *config) {
  *a = (gmux__abuse){.bounds_resets = config->reset_burst > 0,
                     .bounds_chatter = config->chatter_burst > 0};
  if (a->bounds_resets)
    gmux__bucket_init(&a->resets, config->reset_burst, config->reset_rate_per_s);
  if (a->bounds_chatter)
    gmux__bucket_init(&a->chatter, config->chatter_burst, config->chatter_rate_per_s);
}

bool gmux__abuse_reset(gmux__abuse *a, uint64_t now_ns, uint64_t age_ns, uint64_t timeout_ns) {
  if (age_ns >= WORTHY_NS || age_ns >= timeout_ns / 2) return false;
  return gmux__abuse_breach(a, now_ns);
}

bool gmux__abuse_breach(gmux__abuse *a, uint64_t now_ns) {
  return a->bounds_resets && !gmux__bucket_take(&a->resets, now_ns);
}

bool gmux__abuse_chatter(gmux__abuse *a, uint64_t now_ns) {
  return a->bounds_chatter && !gmux__bucket_take(&a->chatter, now_ns);
}

bool gmux__abuse_is_near(const gmux__abuse *a, uint64_t now_ns) {
  return (a->bounds_resets && gmux__bucket_is_low(&a->resets, now_ns)) ||
         (a->bounds_chatter && gmux__bucket_is_low(&a->chatter, now_ns));
}

void gmux__abuse_served(gmux__abuse *a) {
  gmux__bucket_give(&a->chatter, GIVEN_A_FRAME);
}
