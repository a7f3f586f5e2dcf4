/* jitter.c: durations that a fleet must not share. */
#include "lib/policy/jitter.h"
#include "lib/policy/number.h"
#include <assert.h>

/* random x (span + 1) / 2^64: even over 0..span, both ends included. The high half of the product,
 * from products of 32-bit halves. */
static uint64_t pick(uint64_t span, uint64_t random) {
  uint64_t n = gmux__number_add(span, 1);
  uint64_t n_high = n >> 32, n_low = n & UINT32_MAX;
  uint64_t r_high = random >> 32, r_low = random & UINT32_MAX;
  uint64_t middle = n_high * r_low + (n_low * r_low >> 32);
  uint64_t middle_low = n_low * r_high + (middle & UINT32_MAX);
  return n_high * r_high + (middle >> 32) + (middle_low >> 32);
}

/* A long time does not become "never" by its jitter. */
static uint64_t shifted(uint64_t shortest_ns, uint64_t span_ns, uint64_t random) {
  return gmux__number_min(gmux__number_add(shortest_ns, pick(span_ns, random)), UINT64_MAX - 1);
}

uint64_t gmux__jitter_around(uint64_t ns, uint32_t percent, uint64_t random) {
  assert(percent <= 100);
  if (ns == UINT64_MAX) return ns;
  uint64_t around = gmux__number_percent(ns, percent);
  return shifted(ns - around, gmux__number_add(around, around), random);
}

uint64_t gmux__jitter_above(uint64_t ns, uint32_t percent, uint64_t random) {
  assert(percent <= 100);
  if (ns == UINT64_MAX) return ns;
  return shifted(ns, gmux__number_percent(ns, percent), random);
}

uint64_t gmux__jitter_up_to(uint64_t ns, uint64_t random) {
  return pick(ns, random);
}
