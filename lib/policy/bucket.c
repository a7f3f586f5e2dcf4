/* bucket.c: a token bucket as one moment in time (the generic cell rate algorithm). */
#include "lib/policy/bucket.h"
#include "lib/policy/number.h"
#include <assert.h>

static const uint64_t SECOND_NS = 1000000000;

void gmux__bucket_init(gmux__bucket *b, uint32_t burst, uint32_t rate_per_s) {
  assert(burst >= 1 && rate_per_s >= 1);
  /* Rounded up: never more than the rate, and above 10^9 a second no more than that. 2^32 tokens of
   * a second each fit into 63 bits. */
  uint64_t token_ns = (SECOND_NS + rate_per_s - 1) / rate_per_s;
  *b = (gmux__bucket){.token_ns = token_ns, .depth_ns = token_ns * burst};
}

/* How far from full it is. */
static uint64_t bucket_missing_ns(const gmux__bucket *b, uint64_t now_ns) {
  return gmux__number_subtract(b->full_ns, now_ns);
}

bool gmux__bucket_take(gmux__bucket *b, uint64_t now_ns) {
  uint64_t missing_ns = gmux__number_add(bucket_missing_ns(b, now_ns), b->token_ns);
  if (missing_ns > b->depth_ns) return false;
  b->full_ns = gmux__number_add(now_ns, missing_ns);
  return true;
}

void gmux__bucket_force(gmux__bucket *b, uint64_t now_ns) {
  uint64_t missing_ns = gmux__number_add(bucket_missing_ns(b, now_ns), b->token_ns);
  missing_ns = gmux__number_min(missing_ns, 2 * b->depth_ns);
  b->full_ns = gmux__number_add(now_ns, missing_ns);
}

void gmux__bucket_give(gmux__bucket *b, uint32_t tokens) {
  b->full_ns = gmux__number_subtract(b->full_ns, tokens * b->token_ns);
}

bool gmux__bucket_is_low(const gmux__bucket *b, uint64_t now_ns) {
  return bucket_missing_ns(b, now_ns) > b->depth_ns / 2;
}

uint64_t gmux__bucket_next_ns(const gmux__bucket *b, uint64_t now_ns) {
  uint64_t empty_by_one_ns = b->depth_ns - b->token_ns;
  return gmux__number_max(now_ns, gmux__number_subtract(b->full_ns, empty_by_one_ns));
}
