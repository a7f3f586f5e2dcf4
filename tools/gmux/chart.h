/* chart.h: how often which latency came, to look at: as lines of text and as SVG. */
#ifndef TOOL_CHART_H
#define TOOL_CHART_H

#include "tools/gmux/buffer.h"
#include "tools/gmux/tally.h"

enum { CHART_COLUMNS_MIN = 40 };

/* "12.3 us", "4.56 ms", "1.23 s": three digits. */
typedef struct chart_time {
  char text[24];
} chart_time;
chart_time chart_time_str(double ns);

/* At most 16 lines that are at most `columns` wide; each step is the same factor. Nothing, if no
 * call was good. `bar` is what a bar is made of. */
void chart_text(buffer *out, const tally *t, int columns, const char *bar);
/* A picture of its own, with `title` above it and the percentiles in it. */
void chart_svg(buffer *out, const tally *t, const char *title);

#endif
