/* window.c: how wide a receive window has to be. */
#include "lib/policy/window.h"
#include "lib/policy/number.h"

enum { ENOUGH_PERCENT = 60 };

void gmux__window_init(gmux__window *w, uint32_t size) {
  *w = (gmux__window){.size = size};
}

static void round_begin(gmux__window *w, uint64_t bytes, uint64_t now_ns) {
  w->since_ns = now_ns;
  w->bytes = (uint32_t)gmux__number_min(bytes, UINT32_MAX);
}

/* bytes / elapsed x rtt, rtt <= elapsed. Both are cut to microseconds, so that nothing overflows
 * below 2^32 bytes and an hour. */
static uint64_t round_sample(const gmux__window *w, uint64_t elapsed_ns, uint64_t rtt_ns) {
  uint64_t elapsed_us = elapsed_ns / 1000 + 1, rtt_us = rtt_ns / 1000 + 1;
  return w->bytes * gmux__number_min(rtt_us, UINT32_MAX) / elapsed_us;
}

uint32_t gmux__window_taken(gmux__window *w, uint64_t bytes, uint64_t now_ns, uint64_t rtt_ns) {
  if (w->bytes == 0 || rtt_ns == 0) {
    round_begin(w, bytes, now_ns);
    return w->size;
  }
  uint64_t elapsed_ns = gmux__number_subtract(now_ns, w->since_ns);
  if (elapsed_ns < rtt_ns) {
    w->bytes = (uint32_t)gmux__number_min(w->bytes + bytes, UINT32_MAX);
    return w->size;
  }
  uint64_t sample = round_sample(w, elapsed_ns, rtt_ns);
  round_begin(w, bytes, now_ns);
  if (sample <= gmux__number_percent(w->size, ENOUGH_PERCENT)) return w->size;
  return (uint32_t)gmux__number_min(gmux__number_max(2 * sample, w->size), INT32_MAX);
}

bool gmux__window_is_idle(const gmux__window *w, uint64_t now_ns, uint64_t ns) {
  return gmux__number_subtract(now_ns, w->since_ns) >= ns;
}
