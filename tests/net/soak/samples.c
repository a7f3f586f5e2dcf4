/* samples.c: see samples.h. */
#include "tests/net/soak/samples.h"
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TENTHS = 10, PLOT_COLUMNS = 72, PLOT_ROWS = 12 };
/* Student's t of 1 in 1,000 with TENTHS - 2 degrees of freedom. */
#define STUDENT_T 4.501

void samples_note(samples *s, double value) {
  s->sum += value;
  s->noted++;
}

void samples_end_second(samples *s) {
  if (s->noted == 0) return;
  if (s->count == s->room) {
    s->room = s->room ? 2 * s->room : 1024;
    s->values = realloc(s->values, s->room * sizeof *s->values);
    if (!s->values) abort();
  }
  s->values[s->count++] = s->sum / s->noted;
  s->sum = 0;
  s->noted = 0;
}

void samples_free(samples *s) {
  free(s->values);
}

/* ---- a process ---- */

static double count_entries(const char *path) {
  DIR *dir = opendir(path);
  double count = -2; /* . and .. */
  if (!dir) return 0;
  while (readdir(dir))
    count++;
  closedir(dir);
  return count;
}

bool sample_take(sample_process *out, pid_t pid) {
  char path[64], line[128];
  double kib = -1;
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  FILE *file = fopen(path, "r");
  if (!file) return false;
  while (fgets(line, sizeof line, file))
    if (strncmp(line, "RssAnon:", 8) == 0) kib = strtod(line + 8, NULL);
  fclose(file);
  snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
  out->fds = count_entries(path);
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  out->threads = count_entries(path);
  out->memory = kib * 1024;
  return kib >= 0; /* a zombie has none */
}

/* ---- slope ---- */

static double mean_of(const double *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += values[i];
  return count ? sum / (double)count : 0;
}

samples_slope samples_get_slope(const samples *s) {
  size_t half = s->count / 2, from = s->count - half;
  double tenth[TENTHS], xx = 0, xy = 0, squares = 0;
  samples_slope slope = {.mean = mean_of(s->values + from, half)};
  if (half < TENTHS) return slope;
  for (size_t i = 0; i < TENTHS; i++) {
    size_t begin = from + half * i / TENTHS, end = from + half * (i + 1) / TENTHS;
    tenth[i] = mean_of(s->values + begin, end - begin);
  }
  double mean = mean_of(tenth, TENTHS), middle = (TENTHS - 1) / 2.0;
  for (size_t i = 0; i < TENTHS; i++) {
    double x = (double)i - middle;
    xx += x * x;
    xy += x * (tenth[i] - mean);
  }
  double per_tenth = xy / xx;
  for (size_t i = 0; i < TENTHS; i++) {
    double off = tenth[i] - mean - per_tenth * ((double)i - middle);
    squares += off * off;
  }
  double error = sqrt(squares / (TENTHS - 2) / xx);
  slope.growth = per_tenth * TENTHS;
  slope.per_hour = slope.growth * 3600 / (double)half;
  slope.tolerance = STUDENT_T * error * TENTHS + 0.01 * slope.mean;
  slope.is_flat = slope.growth <= slope.tolerance;
  return slope;
}

/* ---- pictures ---- */

static double highest(const samples_curve *curves, size_t count) {
  double most = 0;
  for (size_t c = 0; c < count; c++)
    for (size_t i = 0; i < curves[c].samples->count; i++)
      most = fmax(most, curves[c].samples->values[i]);
  return most > 0 ? most : 1;
}

static void draw(char rows[PLOT_ROWS][PLOT_COLUMNS + 1], const samples_curve *curve, double most) {
  const samples *s = curve->samples;
  for (size_t x = 0; x < PLOT_COLUMNS && s->count > 0; x++) {
    size_t begin = s->count * x / PLOT_COLUMNS, end = s->count * (x + 1) / PLOT_COLUMNS;
    if (end == begin) end = begin + 1;
    double value = mean_of(s->values + begin, end - begin);
    size_t y = (size_t)(value / most * (PLOT_ROWS - 1) + 0.5);
    rows[PLOT_ROWS - 1 - y][x] = curve->letter;
  }
}

void samples_plot(const char *title, const samples_curve *curves, size_t count, double unit) {
  char rows[PLOT_ROWS][PLOT_COLUMNS + 1];
  double most = highest(curves, count);
  for (size_t y = 0; y < PLOT_ROWS; y++) {
    memset(rows[y], ' ', PLOT_COLUMNS);
    rows[y][PLOT_COLUMNS] = '\0';
  }
  for (size_t c = 0; c < count; c++)
    draw(rows, &curves[c], most);
  printf("\n%s\n", title);
  for (size_t y = 0; y < PLOT_ROWS; y++)
    printf("%8.1f |%s\n", most / unit * (double)(PLOT_ROWS - 1 - y) / (PLOT_ROWS - 1), rows[y]);
  printf("%8s +", "");
  for (size_t x = 0; x < PLOT_COLUMNS; x++)
    putchar('-');
  printf("> %zu s\n", curves[0].samples->count);
  for (size_t c = 0; c < count; c++)
    printf("%10s %c: %s\n", "", curves[c].letter, curves[c].name);
}
