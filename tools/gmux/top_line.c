/*
 * top_line.c: a line of the view.
 *
 * A name, as wide as there is room for, and then the section's columns, from the first on as many
 * as fit.
 */
#include "tools/gmux/plain.h"
#include "tools/gmux/top_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CELL = 32, NAME_LEAST = 16, NAME_MOST = 48, COLUMNS_MOST = 16 };

typedef void cell_fn(const top_view *v, const top_row *row, char out[CELL]);

typedef struct column {
  const char *title;
  size_t width;
  cell_fn *print;
} column;

/* ---- cells ---- */

/* In at most seven characters. */
static void print_count(int64_t value, char out[CELL]) {
  static const char units[] = "kMGTPE";
  if (value < 10000000) {
    snprintf(out, CELL, "%" PRId64, value);
    return;
  }
  double shown = (double)value / 1000;
  size_t unit = 0;
  for (; shown >= 9999.95; unit++)
    shown /= 1000;
  snprintf(out, CELL, "%.1f%c", shown, units[unit]);
}

static void print_known(int64_t value, char out[CELL]) {
  if (value < 0)
    snprintf(out, CELL, "-");
  else
    print_count(value, out);
}

static void print_figure(const top_row *row, int64_t value, char out[CELL]) {
  print_known(row->is_known ? value : TOP_UNKNOWN, out);
}

static void print_rate(double rate, char out[CELL]) {
  if (rate < 0)
    snprintf(out, CELL, "-");
  else if (rate < 999.95)
    snprintf(out, CELL, "%.1f", rate);
  else
    print_count(rate < 1e18 ? (int64_t)(rate + 0.5) : INT64_C(1) << 60, out);
}

/* Two units at most, of which the second says something. Clocks differ: what is to come is now. */
static void print_age(int64_t now_ms, int64_t then_ms, char out[CELL]) {
  int64_t s = now_ms > then_ms ? (now_ms - then_ms) / 1000 : 0;
  if (then_ms == 0)
    snprintf(out, CELL, "-");
  else if (s < 60)
    snprintf(out, CELL, "%" PRId64 "s", s);
  else if (s < 3600)
    snprintf(out, CELL, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
  else if (s < 86400)
    snprintf(out, CELL, "%" PRId64 "h%02" PRId64 "m", s / 3600, s % 3600 / 60);
  else
    snprintf(out, CELL, "%" PRId64 "d%02" PRId64 "h", s / 86400, s % 86400 / 3600);
}

static void cell_id(const top_view *v, const top_row *row, char out[CELL]) {
  (void)v;
  snprintf(out, CELL, "%" PRId64, row->key.id);
}

static void cell_of(const top_view *v, const top_row *row, char out[CELL]) {
  static const char *const letters[] = {"server ", "channel ", "subch. ", "socket "};
  (void)v;
  snprintf(out, CELL, "%s%" PRId64, row->of.id ? letters[row->of.kind] : "", row->of.id);
  if (row->of.id == 0) snprintf(out, CELL, "-");
}

static void cell_state(const top_view *v, const top_row *row, char out[CELL]) {
  static const char *const states[] = {"?", "idle", "connecting", "ready", "failing", "shut down"};
  (void)v;
  snprintf(out, CELL, "%s", states[row->state < sizeof states / sizeof *states ? row->state : 0]);
}

static void cell_started(const top_view *v, const top_row *row, char out[CELL]) {
  (void)v;
  print_figure(row, row->started, out);
}

static void cell_succeeded(const top_view *v, const top_row *row, char out[CELL]) {
  (void)v;
  print_figure(row, row->succeeded, out);
}

static void cell_failed(const top_view *v, const top_row *row, char out[CELL]) {
  (void)v;
  print_figure(row, row->failed, out);
}

static void cell_running(const top_view *v, const top_row *row, char out[CELL]) {
  (void)v;
  print_figure(row, row->running, out);
}

static void cell_rate(const top_view *v, const top_row *row, char out[CELL]) {
  print_rate(top_view_rate(v, row, top_started), out);
}

static void cell_failing(const top_view *v, const top_row *row, char out[CELL]) {
  print_rate(top_view_rate(v, row, top_failed), out);
}

static void cell_messages(const top_view *v, const top_row *row, char out[CELL]) {
  print_rate(top_view_rate(v, row, top_messages), out);
}

static void cell_sent(const top_view *v, const top_row *row, char out[CELL]) {
  (void)v;
  print_known(row->sent, out);
}

static void cell_received(const top_view *v, const top_row *row, char out[CELL]) {
  (void)v;
  print_known(row->received, out);
}

static void cell_pings(const top_view *v, const top_row *row, char out[CELL]) {
  (void)v;
  print_known(row->pings, out);
}

static void cell_window(const top_view *v, const top_row *row, char out[CELL]) {
  (void)v;
  print_known(row->window, out);
}

static void cell_peer_window(const top_view *v, const top_row *row, char out[CELL]) {
  (void)v;
  print_known(row->peer_window, out);
}

static void cell_last(const top_view *v, const top_row *row, char out[CELL]) {
  print_age(v->wall_ms, row->last_ms, out);
}

static void cell_up(const top_view *v, const top_row *row, char out[CELL]) {
  print_age(v->wall_ms, row->since_ms, out);
}

static void cell_security(const top_view *v, const top_row *row, char out[CELL]) {
  (void)v;
  snprintf(out, CELL, "%s", row->is_secure ? "yes" : "-");
}

static void cell_goaway(const top_view *v, const top_row *row, char out[CELL]) {
  (void)v;
  if (row->goaway < 0)
    snprintf(out, CELL, "-");
  else
    snprintf(out, CELL, "%" PRId64, row->goaway);
}

/* ---- sections ---- */

typedef struct section {
  const char *title, *name;
  column columns[COLUMNS_MOST]; /* until the first without a title */
} section;

/* The numbers of what lives in another object may be long, and are looked for least. */
#define CHANNEL_COLUMNS                                                                            \
  {                                                                                                \
    {"STATE", 10, cell_state}, {"CALLS/S", 8, cell_rate}, {"RUNNING", 7, cell_running},            \
        {"STARTED", 8, cell_started}, {"FAILED", 8, cell_failed}, {"LAST", 6, cell_last},          \
        {"OK", 8, cell_succeeded}, {"FAILED/S", 8, cell_failing}, {"UP", 6, cell_up},              \
        {"ID", 14, cell_id}, {                                                                     \
      "OF", 16, cell_of                                                                            \
    }                                                                                              \
  }

static const section sections[TOP_KINDS] = {
    [TOP_SERVER] = {"SERVERS",
                    "LISTENS ON",
                    {{"CALLS/S", 8, cell_rate},
                     {"RUNNING", 7, cell_running},
                     {"STARTED", 8, cell_started},
                     {"FAILED", 8, cell_failed},
                     {"LAST", 6, cell_last},
                     {"OK", 8, cell_succeeded},
                     {"FAILED/S", 8, cell_failing},
                     {"UP", 6, cell_up},
                     {"ID", 14, cell_id}}},
    [TOP_CHANNEL] = {"CHANNELS", "TARGET", CHANNEL_COLUMNS},
    [TOP_SUBCHANNEL] = {"SUBCHANNELS", "TARGET", CHANNEL_COLUMNS},
    [TOP_SOCKET] = {"SOCKETS",
                    "PEER",
                    {{"OPEN", 5, cell_running},
                     {"STREAM/S", 8, cell_rate},
                     {"STREAMS", 8, cell_started},
                     {"LAST", 6, cell_last},
                     {"MSGS/S", 8, cell_messages},
                     {"SENT", 8, cell_sent},
                     {"RECEIVED", 8, cell_received},
                     {"FAILED", 8, cell_failed},
                     {"PINGS", 6, cell_pings},
                     {"WINDOW", 8, cell_window},
                     {"PEER'S", 8, cell_peer_window},
                     {"GOAWAY", 6, cell_goaway},
                     {"TLS", 3, cell_security},
                     {"ID", 14, cell_id},
                     {"OF", 22, cell_of}}},
};

/* ---- lines ---- */

typedef struct plan {
  const column *columns;
  size_t count, name_width;
} plan;

/* Columns stand behind a space each. */
static plan plan_of(top_kind kind, size_t width) {
  plan p = {.columns = sections[kind].columns, .name_width = NAME_LEAST};
  size_t used = NAME_LEAST;
  for (; p.count < COLUMNS_MOST && p.columns[p.count].title; p.count++) {
    if (used + 1 + p.columns[p.count].width > width) break;
    used += 1 + p.columns[p.count].width;
  }
  size_t left = width > used ? width - used : 0;
  p.name_width += left < NAME_MOST - NAME_LEAST ? left : NAME_MOST - NAME_LEAST;
  if (p.name_width > width) p.name_width = width;
  return p;
}

/* What is not of ASCII may be two cells wide, or none: it is a '?' here. */
static size_t add_name(buffer *out, const char *name, size_t width) {
  size_t len = strlen(name), size, shown = 0;
  for (size_t at = 0; at < len && shown < width; at += size, shown++) {
    bool is_fit = plain_is_fit(name + at, len - at, &size) && size == 1;
    buffer_add(out, is_fit ? name + at : "?", 1);
  }
  return shown;
}

/* A number without its end would be another one. */
static void add_cell(buffer *out, size_t width, const char *cell) {
  static const char too_wide[] = "######################";
  bool is_wide = strlen(cell) > width;
  buffer_add_format(out, " %*.*s", (int)width, (int)width, is_wide ? too_wide : cell);
}

static void add_row(const top_view *v, const plan *p, const top_row *row, buffer *out) {
  size_t shown = add_name(out, *row->name ? row->name : "-", p->name_width);
  buffer_add_format(out, "%*s", (int)(p->name_width - shown), "");
  for (size_t i = 0; i < p->count; i++) {
    char cell[CELL];
    p->columns[i].print(v, row, cell);
    add_cell(out, p->columns[i].width, cell);
  }
}

static void add_heads(const section *s, const plan *p, buffer *out) {
  buffer_add_format(out, "%-*.*s", (int)p->name_width, (int)p->name_width, s->name);
  for (size_t i = 0; i < p->count; i++)
    buffer_add_format(out, " %*s", (int)p->columns[i].width, p->columns[i].title);
}

static void add_cut(buffer *out, size_t width, const char *line) {
  buffer_add_format(out, "%.*s", (int)width, line);
}

static void add_title(const top_view *v, top_kind kind, size_t width, buffer *out) {
  char line[96];
  const char *more = kind == TOP_SOCKET ? ", and there are more (--max-sockets)" : ", and more";
  snprintf(line, sizeof line, "%s: %zu%s", sections[kind].title, v->now->counts[kind],
           v->now->is_cut[kind] ? more : "");
  add_cut(out, width, line);
}

void top_view_line(const top_view *v, size_t i, size_t width, buffer *out) {
  const top_line *line = &v->lines[i];
  plan p = plan_of(line->section, width);
  if (line->kind == TOP_LINE_TITLE) add_title(v, line->section, width, out);
  if (line->kind == TOP_LINE_HEADS) add_heads(&sections[line->section], &p, out);
  if (line->kind == TOP_LINE_ROW) add_row(v, &p, line->row, out);
}

style top_view_style(const top_view *v, size_t i) {
  enum {
    TRANSIENT_FAILURE = GRPC__CHANNELZ__V1__CHANNEL_CONNECTIVITY_STATE__STATE__TRANSIENT_FAILURE
  };
  const top_line *line = &v->lines[i];
  if (line->kind == TOP_LINE_TITLE) return STYLE_BOLD;
  if (line->kind == TOP_LINE_HEADS) return STYLE_DIM;
  if (line->kind == TOP_LINE_BLANK) return STYLE_PLAIN;
  if (line->row->state == TRANSIENT_FAILURE) return STYLE_BAD;
  return line->row->goaway > 0 ? STYLE_WARNING : STYLE_PLAIN;
}

/* ---- sums ---- */

typedef struct sums {
  int64_t started, succeeded, failed, running;
  double rate, failing; /* less than 0: known of none */
} sums;

static void add_rate(double *sum, double rate) {
  if (rate >= 0) *sum = rate + (*sum > 0 ? *sum : 0);
}

static void add_up(sums *s, const top_view *v, const top_row *row) {
  s->started += row->started;
  s->succeeded += row->succeeded;
  s->failed += row->failed;
  s->running += row->running;
  add_rate(&s->rate, top_view_rate(v, row, top_started));
  add_rate(&s->failing, top_view_rate(v, row, top_failed));
}

void top_view_sums(const top_view *v, size_t width, buffer *out) {
  top_kind kind = v->now->counts[TOP_SERVER] ? TOP_SERVER : TOP_CHANNEL;
  sums s = {.rate = TOP_UNKNOWN, .failing = TOP_UNKNOWN};
  for (size_t i = 0; i < v->now->count; i++) {
    const top_row *row = &v->now->rows[i];
    if (row->key.kind == kind && row->of.id == 0) add_up(&s, v, row);
  }
  char rate[CELL], failing[CELL], line[240];
  print_rate(s.rate, rate);
  print_rate(s.failing, failing);
  snprintf(line, sizeof line,
           "calls: %s/s, %" PRId64 " running, %" PRId64 " started, %" PRId64 " ok, %" PRId64
           " failed (%s/s)",
           rate, s.running, s.started, s.succeeded, s.failed, failing);
  add_cut(out, width, line);
}
