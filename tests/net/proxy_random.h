/* proxy_random.h: splitmix64, a small random source that is good enough for faults. */
#ifndef TESTS_NET_PROXY_RANDOM_H
#define TESTS_NET_PROXY_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct proxy_random {
  uint64_t state; /* the seed */
} proxy_random;

static inline uint64_t proxy_random_next(proxy_random *random) {
  uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* 0 <= x < 1 */
static inline double proxy_random_unit(proxy_random *random) {
  return (double)(proxy_random_next(random) >> 11) / (double)(UINT64_C(1) << 53);
}

/* 0 <= x < bound; bound is not 0 */
static inline uint64_t proxy_random_below(proxy_random *random, uint64_t bound) {
  return proxy_random_next(random) % bound;
}

static inline bool proxy_random_chance(proxy_random *random, double chance) {
  return proxy_random_unit(random) < chance;
}

#endif
