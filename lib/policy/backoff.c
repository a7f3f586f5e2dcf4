/* backoff.c: how long until the next connection attempt. */
#include "lib/policy/backoff.h"
#include <assert.h>

static const uint64_t SECOND_NS = 1000000000;

void gmux__backoff_config_default(gmux__backoff_config *config) {
  config->initial_ns = SECOND_NS;
  config->max_ns = 120 * SECOND_NS;
  config->min_connect_ns = 20 * SECOND_NS;
  config->multiplier_percent = 160;
  config->jitter_percent = 20;
}

void gmux__backoff_init(gmux__backoff *b, const gmux__backoff_config *config) {
  assert(config->multiplier_percent >= 100 && config->jitter_percent <= 100);
  *b = (gmux__backoff){.config = *config};
  gmux__backoff_reset(b);
}

static uint64_t min_u64(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

static uint64_t add_saturating(uint64_t a, uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* value x percent / 100, rounded down, without overflow on the way. */
static uint64_t percent_of(uint64_t value, uint32_t percent) {
  uint64_t whole = value / 100, rest = value % 100 * percent / 100;
  if (percent != 0 && whole > UINT64_MAX / percent) return UINT64_MAX;
  return add_saturating(whole * percent, rest);
}

/* random x (span + 1) / 2^64: even over 0..span, both ends included. The high half of the product,
 * from products of 32-bit halves. */
static uint64_t pick(uint64_t span, uint64_t random) {
  uint64_t n = add_saturating(span, 1);
  uint64_t n_high = n >> 32, n_low = n & UINT32_MAX;
  uint64_t r_high = random >> 32, r_low = random & UINT32_MAX;
  uint64_t middle = n_high * r_low + (n_low * r_low >> 32);
  uint64_t middle_low = n_low * r_high + (middle & UINT32_MAX);
  return n_high * r_high + (middle >> 32) + (middle_low >> 32);
}

static uint64_t jittered(uint64_t delay_ns, uint32_t jitter_percent, uint64_t random) {
  uint64_t around = percent_of(delay_ns, jitter_percent);
  return add_saturating(delay_ns - around, pick(add_saturating(around, around), random));
}

uint64_t gmux__backoff_attempt(gmux__backoff *b, uint64_t now_ns, uint64_t random) {
  const gmux__backoff_config *config = &b->config;
  uint64_t delay_ns = jittered(b->step_ns, config->jitter_percent, random);
  b->step_ns = min_u64(percent_of(b->step_ns, config->multiplier_percent), config->max_ns);
  b->attempt_at_ns = now_ns;
  b->next_at_ns = add_saturating(now_ns, delay_ns);
  return add_saturating(now_ns, max_u64(config->min_connect_ns, delay_ns));
}

uint64_t gmux__backoff_failed(gmux__backoff *b, uint64_t now_ns) {
  b->failures++;
  return max_u64(b->next_at_ns, now_ns);
}

void gmux__backoff_reset(gmux__backoff *b) {
  b->step_ns = min_u64(b->config.initial_ns, b->config.max_ns);
  b->next_at_ns = 0;
  b->failures = 0;
}
