/* retry.c: may an attempt that failed be made again without the application's knowledge? */
#include "lib/policy/retry.h"
#include "lib/policy/jitter.h"
#include "lib/policy/number.h"

static const uint64_t FIRST_NS = 100000000, MOST_NS = UINT64_C(5000000000);
enum {
  JITTER = 20, /* percent, both ways */
  STEPS = 6    /* doublings until the cap is reached: 100 ms x 2^6 > 5 s */
};

/* Before the retry that `count` others went before. */
static uint64_t backoff_ns(uint16_t count, uint64_t random) {
  if (count == 0) return 0;
  unsigned doublings = count - 1u < STEPS ? count - 1u : STEPS;
  return gmux__jitter_around(gmux__number_min(FIRST_NS << doublings, MOST_NS), JITTER, random);
}

static uint64_t count_one(uint16_t *count, uint32_t max, uint64_t random) {
  if (*count >= max || *count == UINT16_MAX) return GMUX__RETRY_NO;
  return backoff_ns((*count)++, random);
}

uint64_t gmux__retry_decide(gmux__retry *retry, const gmux__retry_facts *facts) {
  if (facts->is_committed) return GMUX__RETRY_NO;
  switch (facts->fate) {
  case GMUX__FATE_NEVER_LEFT:
    return 0;
  case GMUX__FATE_REFUSED:
  case GMUX__FATE_ABOVE_LAST:
    return count_one(&retry->refused, facts->max_refused, facts->random);
  case GMUX__FATE_POSSIBLE:
    if (!facts->is_idempotent || !facts->is_lost) return GMUX__RETRY_NO;
    return count_one(&retry->lost, facts->max_lost, facts->random);
  case GMUX__FATE_ANSWERED:
    break;
  }
  return GMUX__RETRY_NO;
}
