/* random.h: numbers for the property tests of this room, the same in each run (splitmix64). */
#ifndef TESTS_UNIT_POLICY_RANDOM_H
#define TESTS_UNIT_POLICY_RANDOM_H

#include <stdint.h>

typedef struct test_random {
  uint64_t state;
} test_random;

static inline uint64_t test_random_next(test_random *r) {
  r->state += UINT64_C(0x9e3779b97f4a7c15);
  uint64_t z = r->state;
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* 0..below - 1 */
static inline uint64_t test_random_below(test_random *r, uint64_t below) {
  return test_random_next(r) % below;
}

#endif
