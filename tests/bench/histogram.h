/*
 * histogram.h: how often which latency came, in constant memory.
 *
 * Each power of two is cut into 64 equal steps, so a value is known to within 0.8 % of itself
 * whatever its size, and recording one is an increment.
 */
#ifndef GMUX_BENCH_HISTOGRAM_H
#define GMUX_BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEP_BITS = 6, HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS };

/* All zero: empty. */
typedef struct histogram {
  uint64_t total;
  uint64_t counts[(64 - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS];
} histogram;

void histogram_add(histogram *h, uint64_t value);

/* The value that `part` (0..1) of all recorded ones do not exceed, 0 when there are none. */
double histogram_percentile(const histogram *h, double part);

#endif
