/* top_view.c: sections, one a kind, with the rows that are first in their order on top. */
#include "tools/gmux/top_view.h"
#include "tools/protoc-gen-gmux/pool.h"

#include <stdlib.h>
#include <string.h>

/* ---- figures ---- */

int64_t top_started(const top_row *row) {
  return row->started;
}

int64_t top_failed(const top_row *row) {
  return row->failed;
}

int64_t top_messages(const top_row *row) {
  return row->sent + row->received;
}

double top_view_rate(const top_view *v, const top_row *row, int64_t (*of)(const top_row *row)) {
  const top_row *before = v->before ? top_model_find(v->before, row->key) : NULL;
  if (!before || !before->is_known || !row->is_known || v->now->at_ns <= v->before->at_ns)
    return TOP_UNKNOWN;
  int64_t more = of(row) - of(before);
  double seconds = (double)(v->now->at_ns - v->before->at_ns) / 1e9;
  return more < 0 ? TOP_UNKNOWN : (double)more / seconds;
}

/* ---- order ---- */

static const char *const order_names[TOP_ORDERS] = {
    [TOP_BY_RATE] = "rate",     [TOP_BY_RUNNING] = "running", [TOP_BY_STARTED] = "started",
    [TOP_BY_FAILED] = "failed", [TOP_BY_LAST] = "last",       [TOP_BY_NAME] = "name",
    [TOP_BY_ID] = "id",
};

const char *top_order_str(top_order order) {
  return order_names[order];
}

bool top_order_of(const char *name, top_order *order) {
  for (size_t i = 0; i < TOP_ORDERS; i++)
    if (strcmp(name, order_names[i]) == 0) return *order = (top_order)i, true;
  return false;
}

typedef struct place {
  const top_row *row;
  double weight; /* the heaviest first; names are compared where all are of one weight */
  bool is_by_name;
} place;

static double weight_of(const top_view *v, const top_row *row) {
  switch (v->order) {
  case TOP_BY_RATE:
    return top_view_rate(v, row, top_started);
  case TOP_BY_RUNNING:
    return (double)row->running;
  case TOP_BY_STARTED:
    return (double)row->started;
  case TOP_BY_FAILED:
    return (double)row->failed;
  case TOP_BY_LAST:
    return (double)row->last_ms;
  case TOP_BY_NAME:
  case TOP_BY_ID:
  case TOP_ORDERS:
    break;
  }
  return 0;
}

/* Of those that weigh the same the oldest is first: lines do not change places for nothing. */
static int compare(const void *a, const void *b) {
  const place *x = a, *y = b;
  if (x->weight > y->weight) return -1;
  if (x->weight < y->weight) return 1;
  int name = x->is_by_name ? strcmp(x->row->name, y->row->name) : 0;
  if (name) return name;
  return (x->row->key.id > y->row->key.id) - (x->row->key.id < y->row->key.id);
}

static place *sorted(const top_view *v, top_kind kind, size_t *count) {
  place *places = calloc(v->now->counts[kind] + 1, sizeof *places);
  if (!places) out_of_memory();
  *count = 0;
  for (size_t i = 0; i < v->now->count; i++) {
    const top_row *row = &v->now->rows[i];
    if (row->key.kind != kind) continue;
    places[(*count)++] = (place){row, weight_of(v, row), v->order == TOP_BY_NAME};
  }
  qsort(places, *count, sizeof *places, compare);
  return places;
}

/* ---- lines ---- */

static void add_line(top_view *v, top_line line) {
  enum { FIRST_ROOM = 64 };
  if (v->count == v->room) {
    v->room = v->room ? v->room * 2 : FIRST_ROOM;
    v->lines = realloc(v->lines, v->room * sizeof *v->lines);
    if (!v->lines) out_of_memory();
  }
  v->lines[v->count++] = line;
}

static void lay_section(top_view *v, top_kind kind) {
  size_t count;
  place *places = sorted(v, kind, &count);
  if (count && v->count) add_line(v, (top_line){TOP_LINE_BLANK, kind, NULL});
  if (count) {
    add_line(v, (top_line){TOP_LINE_TITLE, kind, NULL});
    add_line(v, (top_line){TOP_LINE_HEADS, kind, NULL});
  }
  for (size_t i = 0; i < count; i++)
    add_line(v, (top_line){TOP_LINE_ROW, kind, places[v->is_reversed ? count - 1 - i : i].row});
  free(places);
}

void top_view_lay(top_view *v) {
  v->count = 0;
  for (unsigned kind = 0; kind < TOP_KINDS; kind++)
    lay_section(v, (top_kind)kind);
}

void top_view_free(top_view *v) {
  free(v->lines);
  v->lines = NULL;
  v->count = v->room = 0;
}
