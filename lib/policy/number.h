/* number.h: arithmetic on times that stops at the ends instead of wrapping. */
#ifndef GMUX__POLICY_NUMBER_H
#define GMUX__POLICY_NUMBER_H

#include <stdint.h>

static inline uint64_t gmux__number_min(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static inline uint64_t gmux__number_max(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

static inline uint64_t gmux__number_add(uint64_t a, uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t gmux__number_subtract(uint64_t a, uint64_t b) {
  return a > b ? a - b : 0;
}

/* value x percent / 100, rounded down, without overflow on the way. */
static inline uint64_t gmux__number_percent(uint64_t value, uint32_t percent) {
  uint64_t whole = value / 100, rest = value % 100 * percent / 100;
  if (percent != 0 && whole > UINT64_MAX / percent) return UINT64_MAX;
  return gmux__number_add(whole * percent, rest);
}

#endif
