/* window.c: how wide a receive window has to be. */
#include "lib/policy/window.h"
#include "lib/policy/number.h"

#define NS_PER_US UINT64_C(1000)

enum {
  LEAST = 1048576,     /* what two busy loops let each other wait for: see doc/performance.md */
  FIRST_PER_US = 1250, /* bytes: 10 Gbit/s */
  SLACK = 2,           /* times bandwidth x delay */
  LEAP = 4,            /* times, where the window is the limit: more than */
  LIMIT_PERCENT = 75,  /* of it came within a delay */
  ROUNDS_UNNEEDED = 8  /* until it becomes narrower */
};

static const uint64_t ROUND_NS = 4000000; /* shorter ones measure turns of the loop */
static const uint64_t FAR_NS = 1000000;   /* a millisecond: no turn of a loop is as long */
static const uint64_t IDLE_NS = 10000000000;
static const uint64_t DELAY_MOST_NS = 60000000000; /* beyond that it is no delay */

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most) {
  return value < least ? least : value > most ? most : value;
}

/* For a path of which no rate is known. */
static uint32_t window_at_first(const gmux__window_config *config, uint64_t delay_ns) {
  if (!delay_ns) return config->first;
  uint64_t least = gmux__number_min(LEAST, config->first);
  return (uint32_t)clamp(FIRST_PER_US * (delay_ns / NS_PER_US), least, config->first);
}

static uint32_t saturated(uint64_t bytes) {
  return (uint32_t)gmux__number_min(bytes, UINT32_MAX);
}

static void round_begin(gmux__window *w, uint64_t bytes, uint64_t now_ns) {
  w->since_ns = now_ns;
  w->bytes = saturated(bytes);
}

/* What came within a delay, by the round that is over. Nothing overflows: a minute is 2^26 us. */
static uint64_t round_sample(const gmux__window *w, uint64_t elapsed_ns, uint64_t delay_ns) {
  return w->bytes * (delay_ns / NS_PER_US) / (elapsed_ns / NS_PER_US);
}

static uint32_t round_needed(const gmux__window *w, const gmux__window_config *config,
                             uint64_t sample, uint64_t delay_ns) {
  bool is_limit = sample >= gmux__number_percent(w->size, LIMIT_PERCENT);
  uint64_t needed = sample * (is_limit ? LEAP : SLACK);
  return (uint32_t)clamp(needed, window_at_first(config, delay_ns), config->most);
}

static void window_heed(gmux__window *w, uint32_t needed) {
  if (needed > w->wanted) w->wanted = needed;
  if (needed > w->size) w->size = needed;
  if (++w->rounds < ROUNDS_UNNEEDED) return;
  w->size = w->wanted;
  w->wanted = 0;
  w->rounds = 0;
}

bool gmux__window_came(gmux__window *w, const gmux__window_config *config, uint64_t bytes,
                       uint64_t now_ns, uint64_t delay_ns) {
  /* While it has no bytes nothing else of it is set. */
  uint64_t elapsed_ns = w->bytes ? gmux__number_subtract(now_ns, w->since_ns) : 0;
  delay_ns = gmux__number_min(delay_ns, DELAY_MOST_NS);
  if (!w->bytes || elapsed_ns >= IDLE_NS + delay_ns) {
    *w = (gmux__window){.size = window_at_first(config, delay_ns)};
    round_begin(w, bytes, now_ns);
    return true;
  }
  if (!delay_ns || elapsed_ns < gmux__number_max(delay_ns, ROUND_NS)) {
    w->bytes = saturated(w->bytes + bytes);
    return false;
  }
  uint64_t sample = round_sample(w, elapsed_ns, delay_ns);
  window_heed(w, round_needed(w, config, sample, delay_ns));
  round_begin(w, bytes, now_ns);
  return false;
}

uint32_t gmux__window_step(const gmux__window *w, uint64_t delay_ns) {
  return delay_ns < FAR_NS ? w->size / 2 : w->size / 8;
}
