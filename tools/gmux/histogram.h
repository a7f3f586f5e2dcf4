/*
 * histogram.h: how often which latency came, in constant memory.
 *
 * Each power of two is cut into 64 equal steps, so a value is known to within 0.8 % of itself
 * whatever its size, and recording one is an increment.
 */
#ifndef TOOL_HISTOGRAM_H
#define TOOL_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEP_BITS = 6, HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS };

/* All zero: empty. */
typedef struct histogram {
  uint64_t total;
  uint64_t counts[(64 - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS];
} histogram;

void histogram_add(histogram *h, uint64_t value);

/* What was recorded in `from` is in `to`, too. */
void histogram_merge(histogram *to, const histogram *from);

/* How many are less than `value`, to within a step. */
uint64_t histogram_below(const histogram *h, double value);

/* The value that `part` (0..1) of all recorded ones do not exceed, 0 when there are none. */
double histogram_percentile(const histogram *h, double part);

#endif
