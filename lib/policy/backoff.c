/* backoff.c: how long until the next connection attempt. */
#include "lib/policy/backoff.h"
#include "lib/policy/jitter.h"
#include "lib/policy/number.h"
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

uint64_t gmux__backoff_attempt(gmux__backoff *b, uint64_t now_ns, uint64_t random) {
  const gmux__backoff_config *config = &b->config;
  uint64_t delay_ns = gmux__jitter_around(b->step_ns, config->jitter_percent, random);
  b->step_ns = gmux__number_min(gmux__number_percent(b->step_ns, config->multiplier_percent),
                                config->max_ns);
  b->attempt_at_ns = now_ns;
  b->next_at_ns = gmux__number_add(now_ns, delay_ns);
  return gmux__number_add(now_ns, gmux__number_max(config->min_connect_ns, delay_ns));
}

uint64_t gmux__backoff_failed(gmux__backoff *b, uint64_t now_ns) {
  b->failures++;
  return gmux__number_max(b->next_at_ns, now_ns);
}

void gmux__backoff_reset(gmux__backoff *b) {
  b->step_ns = gmux__number_min(b->config.initial_ns, b->config.max_ns);
  b->next_at_ns = 0;
  b->failures = 0;
}
