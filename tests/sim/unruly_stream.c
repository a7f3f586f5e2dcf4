/* unruly_stream.c: a call at the unruly server: its messages in, its answer out. */
#include "tests/sim/unruly_inside.h"
#include "tests/sim/world.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_MOST = 32768 }; /* queued ahead of the transport, and a frame */

unruly_stream *unruly_stream_find(const unruly_conn *c, uint32_t number) {
  for (gmux__link *l = c->streams.last; l; l = l->prev) {
    unruly_stream *s = gmux__container(l, unruly_stream, link);
    if (s->number == number) return s;
  }
  return NULL;
}

void unruly_stream_free(unruly_stream *s) {
  gmux__timer_clear(s->conn->u->loop, &s->timer);
  gmux__list_remove(&s->link);
  free(s);
}

/* ---- the ledger ---- */

/* Nothing that was said on this connection denies it. */
static void stream_execute(unruly_stream *s) {
  unruly_conn *c = s->conn;
  assert(s->number <= c->away.last);
  s->is_executed = true;
  if (s->number > c->top_executed) c->top_executed = s->number;
  c->u->options.handlers->on_executed(s->id, s->kind, c->u->options.user_data);
}

void unruly_stream_refuse(unruly_stream *s) {
  unruly_conn *c = s->conn;
  assert(!s->is_executed);
  c->u->options.handlers->on_refused(s->id, c->u->options.user_data);
  unruly_conn_frame_u32(c, RAW_RST_STREAM, s->number, H2_REFUSED_STREAM);
  unruly_stream_free(s);
}

void unruly_stream_reset(unruly_stream *s, uint32_t code) {
  assert(code != H2_REFUSED_STREAM);
  unruly_conn_frame_u32(s->conn, RAW_RST_STREAM, s->number, code);
  unruly_stream_free(s);
}

static void stream_served(const unruly_stream *s, gmux_code code) {
  const unruly_options *o = &s->conn->u->options;
  bool is_right = s->out.at == 0 && (!unruly_sends_one(s->kind) || s->out.messages == 1);
  if (code == GMUX_OK && !is_right) code = GMUX_INTERNAL;
  o->handlers->on_served(s->id, s->out.messages, code, o->user_data);
}

/* ---- messages in ---- */

static size_t take_prefix(unruly_stream *s, const uint8_t *data, size_t len) {
  size_t n = GRPC_PREFIX - s->in.prefix_len;
  if (n > len) n = len;
  memcpy(s->in.prefix + s->in.prefix_len, data, n);
  s->in.prefix_len += n;
  s->in.len = raw_get_u32(s->in.prefix + 1);
  return n;
}

static size_t take_message(unruly_stream *s, const uint8_t *data, size_t len) {
  const uint8_t *wanted;
  size_t wanted_len, n = s->in.len - s->in.at;
  if (n > len) n = len;
  s->conn->u->options.handlers->message(s->id, false, s->in.messages, &wanted, &wanted_len);
  if (s->in.prefix[0] != 0 || s->in.len != wanted_len)
    unruly_breach(s->conn, UNRULY_BREACH_MESSAGE, "call %u: message %u has %zu bytes, not %zu",
                  s->id, s->in.messages, s->in.len, wanted_len);
  else if (n > 0 && memcmp(data, wanted + s->in.at, n) != 0)
    unruly_breach(s->conn, UNRULY_BREACH_MESSAGE, "call %u: message %u is not what was written",
                  s->id, s->in.messages);
  s->in.at += n;
  return n;
}

void unruly_stream_on_data(unruly_stream *s, const uint8_t *data, size_t len) {
  while (len > 0) {
    bool is_prefix = s->in.prefix_len < GRPC_PREFIX;
    size_t n = is_prefix ? take_prefix(s, data, len) : 0;
    if (s->in.prefix_len == GRPC_PREFIX) n += take_message(s, data + n, len - n);
    data += n;
    len -= n;
    if (s->in.prefix_len < GRPC_PREFIX || s->in.at < s->in.len) continue;
    s->in.prefix_len = s->in.at = 0;
    s->in.messages++;
    unruly_stream_on_moment(s, AT_MESSAGE);
  }
}

void unruly_stream_on_half_close(unruly_stream *s) {
  s->is_client_done = true;
  if (s->in.prefix_len > 0)
    unruly_breach(s->conn, UNRULY_BREACH_MESSAGE, "call %u: half-closed in the middle of a message",
                  s->id);
  if (s->is_done)
    unruly_stream_free(s);
  else
    unruly_stream_on_moment(s, AT_HALF_CLOSE);
}

/* ---- headers out ---- */

/* In two frames, and with padding and priority, if that is the way of the connection. */
static void send_block(unruly_stream *s, const rawbuf *block, bool is_end) {
  static const uint8_t priority[5] = {0, 0, 0, 0, 15};
  unruly_conn *c = s->conn;
  uint8_t end = is_end ? RAW_END_STREAM : 0;
  if (!c->way.cuts_blocks) {
    unruly_conn_frame(c, RAW_HEADERS, end | RAW_END_HEADERS, s->number, block->data, block->len);
    return;
  }
  size_t cut = (size_t)unruly_below(&s->random, block->len);
  rawbuf first = {0};
  rawbuf_append(&first, priority, sizeof priority);
  rawbuf_append(&first, block->data, cut);
  unruly_conn_frame(c, RAW_HEADERS, end | RAW_PRIORITY_FLAG, s->number, first.data, first.len);
  unruly_conn_frame(c, RAW_CONTINUATION, RAW_END_HEADERS, s->number, block->data + cut,
                    block->len - cut);
  rawbuf_deinit(&first);
}

static void add_response(rawbuf *block) {
  rawbuf_field(block, ":status", "200");
  rawbuf_field(block, "content-type", "application/grpc");
}

static void add_echo(rawbuf *block, const char *name, uint32_t id) {
  char text[16];
  snprintf(text, sizeof text, "%u", id);
  rawbuf_field(block, name, text);
}

static void send_informational(unruly_stream *s) {
  rawbuf block = {0};
  rawbuf_field(&block, ":status", "103");
  rawbuf_field(&block, "link", "</style.css>; rel=preload");
  unruly_count(s->conn->u, UNRULY_INFORMATIONAL);
  send_block(s, &block, false);
  rawbuf_deinit(&block);
}

static void send_headers(unruly_stream *s) {
  if (s->has_headers) return;
  s->has_headers = true;
  if (s->script.is_informed) send_informational(s);
  rawbuf block = {0};
  add_response(&block);
  if (unruly_chance(&s->random, 30)) add_echo(&block, "x-echo", s->id);
  send_block(s, &block, false);
  rawbuf_deinit(&block);
}

void unruly_stream_send_status(unruly_stream *s, gmux_code code, bool is_trailers_only) {
  char text[8];
  rawbuf block = {0};
  if (!is_trailers_only) send_headers(s);
  if (is_trailers_only) add_response(&block);
  snprintf(text, sizeof text, "%d", (int)code);
  rawbuf_field(&block, "grpc-status", text);
  if (code) rawbuf_field(&block, "grpc-message", "unruly: it shall not be");
  if (unruly_chance(&s->random, 30)) add_echo(&block, "x-trailer", s->id);
  stream_served(s, code);
  send_block(s, &block, true);
  rawbuf_deinit(&block);
}

void unruly_stream_send_end(unruly_stream *s) {
  send_headers(s);
  unruly_conn_frame(s->conn, RAW_DATA, RAW_END_STREAM, s->number, NULL, 0);
}

/* ---- messages out ---- */

/* The bytes from `at` on of a message with its prefix. */
static void append_part(rawbuf *payload, const uint8_t *data, size_t len, size_t at, size_t n) {
  uint8_t prefix[GRPC_PREFIX] = {0};
  raw_put_u32(prefix + 1, (uint32_t)len);
  size_t of_prefix = at < GRPC_PREFIX ? GRPC_PREFIX - at : 0;
  if (of_prefix > n) of_prefix = n;
  if (of_prefix > 0) rawbuf_append(payload, prefix + at, of_prefix);
  if (n > of_prefix) rawbuf_append(payload, data + (at + of_prefix - GRPC_PREFIX), n - of_prefix);
}

/* What both windows have room for, padding and its length included. */
static int64_t room_of(const unruly_stream *s) {
  return s->out.window < s->conn->out_window ? s->out.window : s->conn->out_window;
}

static void send_data(unruly_stream *s, const uint8_t *data, size_t len, size_t n) {
  static const uint8_t zeros[UINT8_MAX];
  unruly_conn *c = s->conn;
  uint8_t padding = c->way.padding;
  bool is_padded =
      padding > 0 && n + 1 + padding <= FRAME_MAX && (int64_t)(n + 1 + padding) <= room_of(s);
  rawbuf payload = {0};
  if (is_padded) rawbuf_append(&payload, &padding, 1);
  append_part(&payload, data, len, s->out.at, n);
  if (is_padded) rawbuf_append(&payload, zeros, padding);
  if (c->way.has_empty_frames) unruly_conn_frame(c, RAW_DATA, 0, s->number, NULL, 0);
  unruly_conn_frame(c, RAW_DATA, is_padded ? RAW_PADDED : 0, s->number, payload.data, payload.len);
  s->out.window -= (int64_t)payload.len;
  c->out_window -= (int64_t)payload.len;
  s->out.at += n;
  rawbuf_deinit(&payload);
}

/* Goes on with the next message, up to `most` bytes of it; false: windows or transport are full. */
static bool send_some(unruly_stream *s, size_t most) {
  unruly_conn *c = s->conn;
  const uint8_t *data;
  size_t len;
  c->u->options.handlers->message(s->id, true, s->out.messages, &data, &len);
  size_t total = GRPC_PREFIX + len < most ? GRPC_PREFIX + len : most;
  while (s->out.at < total) {
    int64_t room = room_of(s);
    size_t n = total - s->out.at < c->way.frame_bytes ? total - s->out.at : c->way.frame_bytes;
    if (room <= 0 || c->out.len > OUT_MOST) return false;
    send_data(s, data, len, (int64_t)n < room ? n : (size_t)room);
  }
  return true;
}

bool unruly_stream_send_message(unruly_stream *s) {
  send_headers(s);
  s->is_full = !send_some(s, SIZE_MAX);
  if (s->is_full) return false;
  s->out.messages++;
  s->out.at = 0;
  return true;
}

void unruly_stream_send_half_message(unruly_stream *s) {
  const uint8_t *data;
  size_t len;
  s->conn->u->options.handlers->message(s->id, true, s->out.messages, &data, &len);
  send_headers(s);
  send_some(s, (GRPC_PREFIX + len) / 2);
}

/* ---- its life ---- */

void unruly_stream_begin(unruly_stream *s) {
  s->has_begun = true;
  if (s->script.executes)
    stream_execute(s);
  else if (s->script.h2_code == H2_REFUSED_STREAM)
    unruly_stream_refuse(s);
  else
    unruly_stream_reset(s, s->script.h2_code);
}

void unruly_stream_new(unruly_conn *c, uint32_t number, uint32_t id, gmux_method_kind kind,
                       bool is_whole) {
  if (number > c->away.last) { /* GOAWAY has said what becomes of it */
    c->u->options.handlers->on_refused(id, c->u->options.user_data);
    return;
  }
  unruly_stream *s = sim_alloc(sizeof *s);
  s->conn = c;
  s->number = number;
  s->id = id;
  s->kind = kind;
  s->random = unruly_mix(unruly_mix(c->u->seed, id), unruly_times_seen(c->u, id));
  s->in.window = c->settings.window;
  s->out.window = c->client_window;
  gmux__list_append(&c->streams, &s->link);
  unruly_stream_draw(s);
  unruly_stream_on_moment(s, AT_HEADERS);
  if (is_whole) unruly_stream_on_half_close(s);
}
