/* samples.h: figures of processes over time, whether they grow, and how they look. */
#ifndef TESTS_NET_SOAK_SAMPLES_H
#define TESTS_NET_SOAK_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A figure is noted several times a second; each second's average is a value. */
typedef struct samples {
  double *values;
  size_t count, room;
  double sum; /* of this second */
  unsigned noted;
} samples;
void samples_note(samples *s, double value);
void samples_end_second(samples *s); /* nothing, when none was noted */
void samples_free(samples *s);

/* Of a process: what it has for itself alone (RssAnon, bytes), its descriptors, its threads. False:
 * it is gone. */
typedef struct sample_process {
  double memory, fds, threads;
} sample_process;
bool sample_take(sample_process *out, pid_t pid);

/*
 * Least squares over the second half, which is averaged into tenths before: neighbouring samples
 * resemble each other, and would make the noise look smaller than it is. Growth is what the line
 * gains over that half. It is within tolerance if it is less than the noise explains (one-sided, 1
 * in 1,000) plus 1 % of the mean, which is what a malloc may take in one piece.
 */
typedef struct samples_slope {
  double mean, per_hour, growth, tolerance;
  bool is_flat;
} samples_slope;
enum { SAMPLES_FOR_SLOPE = 120 }; /* with fewer it says nothing */
samples_slope samples_get_slope(const samples *s);

/* Several in one picture, from 0 up, each drawn with its letter; `unit` divides the values. */
typedef struct samples_curve {
  char letter;
  const char *name;
  const samples *samples;
} samples_curve;
void samples_plot(const char *title, const samples_curve *curves, size_t count, double unit);

#endif
