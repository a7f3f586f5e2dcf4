/* top_view.h: two polls, as lines of a width. */
#ifndef TOOL_TOP_VIEW_H
#define TOOL_TOP_VIEW_H

#include "tools/gmux/buffer.h"
#include "tools/gmux/terminal.h"
#include "tools/gmux/top_model.h"

typedef enum top_order {
  TOP_BY_RATE = 0, /* what began a second */
  TOP_BY_RUNNING,
  TOP_BY_STARTED,
  TOP_BY_FAILED,
  TOP_BY_LAST, /* the latest first */
  TOP_BY_NAME,
  TOP_BY_ID,
  TOP_ORDERS
} top_order;
const char *top_order_str(top_order order);
/* False: there is none of that name. */
bool top_order_of(const char *name, top_order *order);

typedef enum top_line_kind {
  TOP_LINE_BLANK = 0,
  TOP_LINE_TITLE, /* of a section */
  TOP_LINE_HEADS, /* of its columns */
  TOP_LINE_ROW
} top_line_kind;

typedef struct top_line {
  top_line_kind kind;
  top_kind section;
  const top_row *row;
} top_line;

/* What is drawn, and its lines. The models are borrowed, and valid as long as the lines are used.
 */
typedef struct top_view {
  const top_model *now, *before; /* `before` NULL: there are no rates yet */
  int64_t wall_ms;               /* of now: for what was how long ago */
  top_order order;
  bool is_reversed;
  top_line *lines;
  size_t count, room;
} top_view;

/* Sorts, and lays the lines anew. */
void top_view_lay(top_view *v);
void top_view_free(top_view *v);

/* Line `i`, of at most `width` characters, all of them fit for a terminal and as wide as one cell;
 * without a line's end. */
void top_view_line(const top_view *v, size_t i, size_t width, buffer *out);
style top_view_style(const top_view *v, size_t i);
/* The sums of all servers, or where there are none of all channels. */
void top_view_sums(const top_view *v, size_t width, buffer *out);

/* How many a second since the poll before; less than 0: not known, as the row was not there, or was
 * another one's (its number went back: the server began anew). */
double top_view_rate(const top_view *v, const top_row *row, int64_t (*of)(const top_row *row));

/* What can be counted of a row. */
int64_t top_started(const top_row *row);
int64_t top_failed(const top_row *row);
int64_t top_messages(const top_row *row);

#endif
