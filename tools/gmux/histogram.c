/* histogram.c: the arithmetic of histogram.h. */
#include "tools/gmux/histogram.h"
#include <stddef.h>

/*
 * Below 64 a value is its own index. From there on the top seven bits count, of which the first is
 * always set: "octave" says how far they stand to the left, and the six behind the first are the
 * step.
 */
static size_t index_of(uint64_t value) {
  if (value < HISTOGRAM_STEPS) return (size_t)value;
  unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
  size_t octave = shift + 1u;
  return octave * HISTOGRAM_STEPS + (size_t)((value >> shift) & (HISTOGRAM_STEPS - 1));
}

/* The middle of what falls under an index. */
static double value_of(size_t index) {
  if (index < HISTOGRAM_STEPS) return (double)index;
  unsigned shift = (unsigned)(index / HISTOGRAM_STEPS) - 1u;
  double width = (double)((uint64_t)1 << shift);
  return ((double)(HISTOGRAM_STEPS + index % HISTOGRAM_STEPS) + 0.5) * width;
}

void histogram_add(histogram *h, uint64_t value) {
  h->counts[index_of(value)]++;
  h->total++;
}

enum { COUNTS = sizeof((histogram *)0)->counts / sizeof(uint64_t) };

void histogram_merge(histogram *to, const histogram *from) {
  for (size_t i = 0; i < COUNTS; i++)
    to->counts[i] += from->counts[i];
  to->total += from->total;
}

uint64_t histogram_below(const histogram *h, double value) {
  uint64_t seen = 0;
  for (size_t i = 0; i < COUNTS && value_of(i) < value; i++)
    seen += h->counts[i];
  return seen;
}

double histogram_percentile(const histogram *h, double part) {
  uint64_t seen = 0;
  for (size_t i = 0; i < COUNTS; i++) {
    seen += h->counts[i];
    if (seen && (double)seen >= part * (double)h->total) return value_of(i);
  }
  return 0;
}
