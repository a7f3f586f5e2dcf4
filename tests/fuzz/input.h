/*
 * input.h: an input as one decision after another; beside what fuzz.h reads.
 */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include "tests/fuzz/fuzz.h"

/* 0..n-1, by one byte. */
static inline size_t input_below(fuzz_input *in, size_t n) {
  return fuzz_u8(in) % n;
}

static inline uint32_t input_any_of(fuzz_input *in, const uint32_t *values, size_t count) {
  return values[input_below(in, count)];
}
#define INPUT_ANY_OF(in, ...)                                                                      \
  input_any_of(in, (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

/* A length (one byte) and so many bytes, or as many as are left. */
static inline fuzz_input input_run(fuzz_input *in) {
  size_t len = fuzz_u8(in);
  return fuzz_take(in, len);
}

#endif
