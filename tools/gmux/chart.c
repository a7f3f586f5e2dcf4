/* chart.c: bars over a logarithmic scale of latencies. */
#include "tools/gmux/chart.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_MAX = 16, BARS = 60 };

/* ---- both ---- */

chart_time chart_time_str(double ns) {
  static const struct {
    double ns;
    const char *name;
  } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
  size_t i = 0;
  while (i < 3 && ns < units[i].ns * 0.9995)
    i++;
  double value = ns / units[i].ns;
  int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  chart_time t;
  snprintf(t.text, sizeof t.text, "%.*f %s", digits, value, units[i].name);
  return t;
}

/* From the least to the most, in equal factors. */
typedef struct scale {
  double from_ns, factor;
  size_t steps;
} scale;

/* Steps finer than the histogram's would be empty one after the other. */
static scale scale_of(const tally *t, double to_ns, size_t most_steps) {
  static const double finest = 1.04;
  double from_ns = t->least_ns ? (double)t->least_ns : 1;
  if (to_ns <= from_ns) to_ns = from_ns + 1;
  double spread = log(to_ns / from_ns);
  double wanted = ceil(spread / log(finest));
  size_t steps = wanted < 1 ? 1 : wanted > (double)most_steps ? most_steps : (size_t)wanted;
  return (scale){from_ns, exp(spread / (double)steps), steps};
}

static double scale_at(const scale *s, size_t step) {
  return s->from_ns * pow(s->factor, (double)step);
}

/* The first one takes what rounding would put outside, and the last one all that is beyond it. */
static uint64_t count_in(const tally *t, const scale *s, size_t step) {
  const histogram *h = &t->latencies_ns;
  uint64_t below = step ? histogram_below(h, scale_at(s, step)) : 0;
  return (step + 1 < s->steps ? histogram_below(h, scale_at(s, step + 1)) : h->total) - below;
}

static uint64_t highest_of(const tally *t, const scale *s) {
  uint64_t highest = 1;
  for (size_t i = 0; i < s->steps; i++)
    if (count_in(t, s, i) > highest) highest = count_in(t, s, i);
  return highest;
}

/* ---- text ---- */

/* Up to where all but a thousandth are (as exactly as a histogram knows), and a line for those:
 * they would be most of the picture. */
static scale text_scale(const tally *t) {
  static const double step = 1.016;
  scale s = scale_of(t, tally_percentile_ns(t, 0.999) * step, ROWS_MAX - 1);
  s.steps++;
  return s;
}

static void add_bar(buffer *out, int length, const char *bar) {
  for (int i = 0; i < length; i++)
    buffer_add_string(out, bar);
  buffer_add_string(out, "\n");
}

void chart_text(buffer *out, const tally *t, int columns, const char *bar) {
  enum { BEFORE = 26 };
  if (!t->latencies_ns.total) return;
  scale s = text_scale(t);
  double highest = (double)highest_of(t, &s);
  int room = (columns < CHART_COLUMNS_MIN ? CHART_COLUMNS_MIN : columns) - BEFORE;
  for (size_t i = 0; i < s.steps; i++) {
    bool is_last = i + 1 == s.steps;
    uint64_t count = count_in(t, &s, i);
    if (is_last && !count) break;
    double to_ns = is_last ? (double)t->most_ns : fmin(scale_at(&s, i + 1), (double)t->most_ns);
    buffer_add_format(out, "  %9s %12" PRIu64 " |", chart_time_str(to_ns).text, count);
    int length = (int)((double)count / highest * room + 0.5);
    add_bar(out, count && !length ? 1 : length, bar);
  }
}

/* ---- SVG ---- */

enum { WIDTH = 760, HEIGHT = 360, LEFT = 30, RIGHT = 730, TOP = 80, BOTTOM = 320 };

static void add_escaped(buffer *out, const char *text) {
  for (; *text; text++) {
    const char *as = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : NULL;
    if (as)
      buffer_add_string(out, as);
    else
      buffer_add(out, text, 1);
  }
}

/* Both themes: colours are the reader's own. */
static void svg_begin(buffer *out, const char *title) {
  buffer_add_format(out,
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
                    "font-family=\"sans-serif\" font-size=\"12\">\n"
                    "<style>text{fill:#333}.bar{fill:#4c78a8}.mark{stroke:#e45756}"
                    ".axis{stroke:#888}rect.page{fill:#fff}\n"
                    "@media (prefers-color-scheme:dark){text{fill:#ddd}rect.page{fill:#1b1b1b}}"
                    "</style>\n<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n"
                    "<text x=\"%d\" y=\"24\" font-size=\"15\">",
                    WIDTH, HEIGHT, WIDTH, HEIGHT, LEFT);
  add_escaped(out, title);
  buffer_add_string(out, "</text>\n");
}

static double x_of(const scale *s, double ns) {
  double part = log(ns / s->from_ns) / (log(s->factor) * (double)s->steps);
  return LEFT + (part < 0 ? 0 : part > 1 ? 1 : part) * (RIGHT - LEFT);
}

static void svg_bars(buffer *out, const tally *t, const scale *s) {
  uint64_t highest = highest_of(t, s);
  double width = (double)(RIGHT - LEFT) / (double)s->steps;
  for (size_t i = 0; i < s->steps; i++) {
    uint64_t count = count_in(t, s, i);
    double height = (double)count / (double)highest * (BOTTOM - TOP);
    if (!count) continue;
    buffer_add_format(out,
                      "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">"
                      "<title>%" PRIu64 " up to %s</title></rect>\n",
                      LEFT + width * (double)i, BOTTOM - height, width > 1.5 ? width - 0.5 : width,
                      height, count, chart_time_str(scale_at(s, i + 1)).text);
  }
}

/* Words of neighbours stand on two lines. */
static void svg_percentiles(buffer *out, const tally *t, const scale *s) {
  static const struct {
    double part;
    const char *name;
  } marks[] = {{0.5, "p50"}, {0.9, "p90"}, {0.99, "p99"}, {0.999, "p99.9"}};
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    double ns = tally_percentile_ns(t, marks[i].part), x = x_of(s, ns);
    buffer_add_format(out,
                      "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>"
                      "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s %s</text>\n",
                      x, x, TOP - 10, BOTTOM, x + (x > WIDTH / 2 ? -3 : 3), i % 2 ? 48 : 64,
                      x > WIDTH / 2 ? "end" : "start", marks[i].name, chart_time_str(ns).text);
  }
}

/* 1, 2 and 5 of each power of ten. */
static void svg_axis(buffer *out, const scale *s) {
  static const double steps[] = {1, 2, 5};
  buffer_add_format(out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", LEFT,
                    RIGHT, BOTTOM, BOTTOM);
  double to_ns = scale_at(s, s->steps);
  for (double decade = 1; decade <= to_ns; decade *= 10)
    for (size_t i = 0; i < 3; i++) {
      double ns = decade * steps[i];
      if (ns < s->from_ns || ns > to_ns) continue;
      buffer_add_format(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
                        x_of(s, ns), BOTTOM + 18, chart_time_str(ns).text);
    }
}

void chart_svg(buffer *out, const tally *t, const char *title) {
  svg_begin(out, title);
  if (t->latencies_ns.total) {
    scale s = scale_of(t, (double)t->most_ns + 1, BARS);
    svg_bars(out, t, &s);
    svg_percentiles(out, t, &s);
    svg_axis(out, &s);
  }
  buffer_add_string(out, "</svg>\n");
}
