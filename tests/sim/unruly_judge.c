/* unruly_judge.c: the client's frames, and what is wrong with them. */
#include "tests/sim/unruly_inside.h"
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define PING_INTERVAL_NS      (UINT64_C(300) * GMUX__NS_PER_S) /* gRPC A8: the defaults */
#define PING_IDLE_INTERVAL_NS (UINT64_C(7200) * GMUX__NS_PER_S)
enum { PING_STRIKES = 2 };

/* ---- windows ---- */

static void give(unruly_conn *c, uint32_t stream, int64_t *window, uint32_t target) {
  if (*window > target / 2) return;
  unruly_conn_frame_u32(c, RAW_WINDOW_UPDATE, stream, (uint32_t)(target - *window));
  *window = target;
}

void unruly_conn_give_windows(unruly_conn *c) {
  if (c->until.starving_ns != 0 || !c->has_greeted || !unruly_conn_is_open(c)) return;
  give(c, 0, &c->in_window, DEFAULT_WINDOW);
  for (gmux__link *l = c->streams.first; l; l = l->next) {
    unruly_stream *s = gmux__container(l, unruly_stream, link);
    if (!s->is_client_done) give(c, s->number, &s->in.window, c->way.window);
  }
}

static void take_window_update(unruly_conn *c, const rawview *frame) {
  if (frame->len != 4 || raw_get_u32(frame->payload) == 0) {
    unruly_breach(c, UNRULY_BREACH_WIRE, "WINDOW_UPDATE of %zu bytes, or of nothing", frame->len);
    return;
  }
  unruly_stream *s = frame->stream ? unruly_stream_find(c, frame->stream) : NULL;
  if (frame->stream && !s) return; /* it was closed meanwhile */
  int64_t *window = s ? &s->out.window : &c->out_window;
  *window += raw_get_u32(frame->payload);
  if (c->out_window > c->most_out_window) c->most_out_window = c->out_window;
  if (*window > INT32_MAX)
    unruly_breach(c, UNRULY_BREACH_WIRE, "stream %u: a window of %" PRId64, frame->stream, *window);
}

bool unruly_conn_window_is_back(const unruly_conn *c) {
  bool is_at_rest = unruly_conn_is_open(c) && c->streams.count == 0 && c->out.len == 0;
  return !is_at_rest || c->out_window >= c->most_out_window / 2;
}

/* ---- SETTINGS ---- */

/* The client has taken what it was told: what it sends from now on goes by that. */
static void take_settings_ack(unruly_conn *c) {
  if (c->settings.count == 0) {
    unruly_breach(c, UNRULY_BREACH_WIRE, "an ACK for SETTINGS that were not sent");
    return;
  }
  const unruly_told *told = &c->settings.told[c->settings.first];
  c->settings.first = (c->settings.first + 1) % UNRULY_TOLD;
  c->settings.count--;
  c->settings.has_any = true;
  if (told->has_limit) c->settings.limit = told->limit;
  if (!told->has_window) return;
  int64_t change = (int64_t)told->window - c->settings.window;
  c->settings.window = told->window;
  for (gmux__link *l = c->streams.first; l; l = l->next)
    gmux__container(l, unruly_stream, link)->in.window += change;
}

/* A server uses what the client allows from when it has acknowledged that. */
static void settings_take_effect(unruly_conn *c, uint32_t window) {
  int64_t change = (int64_t)window - c->client_window;
  c->client_window = window;
  for (gmux__link *l = c->streams.first; l; l = l->next)
    gmux__container(l, unruly_stream, link)->out.window += change;
  unruly_conn_frame(c, RAW_SETTINGS, RAW_ACK, 0, NULL, 0);
}

static uint32_t settings_window(const unruly_conn *c, const rawview *frame) {
  uint32_t window = c->client_window;
  if (c->held.settings_count > 0) window = c->held.windows[c->held.settings_count - 1];
  for (size_t at = 0; at + RAW_SETTING_BYTES <= frame->len; at += RAW_SETTING_BYTES) {
    const uint8_t *entry = frame->payload + at;
    if (entry[0] == 0 && entry[1] == SETTING_INITIAL_WINDOW) window = raw_get_u32(entry + 2);
  }
  return window;
}

void unruly_conn_ack_all(unruly_conn *c) {
  assert(c->has_greeted);
  for (size_t i = 0; i < c->held.settings_count; i++)
    settings_take_effect(c, c->held.windows[i]);
  for (size_t i = 0; i < c->held.ping_count; i++)
    unruly_conn_frame(c, RAW_PING, RAW_ACK, 0, c->held.pings[i], RAW_PING_BYTES);
  c->held.settings_count = c->held.ping_count = 0;
}

/* ACKs come when they may, and at last when there is no more room for what waits for them. Nothing
 * goes before our SETTINGS. */
static void ack(unruly_conn *c) {
  bool is_full = c->held.settings_count == UNRULY_HELD || c->held.ping_count == UNRULY_HELD;
  if (is_full) unruly_conn_greet(c);
  if (is_full || (c->until.without_acks_ns == 0 && c->has_greeted)) unruly_conn_ack_all(c);
}

static void take_settings(unruly_conn *c, const rawview *frame) {
  if (frame->flags & RAW_ACK) {
    take_settings_ack(c);
    return;
  }
  uint32_t window = settings_window(c, frame);
  c->held.windows[c->held.settings_count++] = window;
  ack(c);
}

/* ---- PING ---- */

static bool judge_punishes(unruly_judge *judge, uint64_t now_ns, bool has_streams) {
  uint64_t interval_ns = has_streams ? PING_INTERVAL_NS : PING_IDLE_INTERVAL_NS;
  bool is_good = judge->last_ns == 0 || now_ns - judge->last_ns >= interval_ns;
  if (is_good || judge->is_core) judge->last_ns = now_ns;
  if (!is_good) judge->strikes++;
  return judge->strikes > PING_STRIKES;
}

static void judge_ping(unruly_conn *c) {
  bool is_punishable = false;
  for (int i = 0; i < 2; i++)
    is_punishable |= judge_punishes(&c->judges[i], unruly_now(c->u), c->streams.count > 0);
  if (!is_punishable || c->is_punishable) return;
  c->is_punishable = true;
  c->u->options.handlers->on_punishable(c->some_id, c->u->options.user_data);
}

/* PINGs are answered in their order, with what they said. */
static void take_ping_ack(unruly_conn *c, const rawview *frame) {
  uint64_t number = raw_get_u32(frame->payload + 4);
  if (raw_get_u32(frame->payload) != 0 || number != c->pings_acked + 1 || number > c->pings_sent)
    unruly_breach(c, UNRULY_BREACH_WIRE,
                  "an ACK for PING %" PRIu64 " behind %" PRIu64 " of %" PRIu64, number,
                  c->pings_acked, c->pings_sent);
  c->pings_acked = number;
  if (c->away.fence == 0 || number < c->away.fence) return;
  c->away.is_fenced = true;
  if (c->away.second_ns != 0) c->away.second_ns = unruly_now(c->u);
}

static void take_ping(unruly_conn *c, const rawview *frame) {
  if (frame->len != RAW_PING_BYTES) {
    unruly_breach(c, UNRULY_BREACH_WIRE, "PING of %zu bytes", frame->len);
    return;
  }
  if (frame->flags & RAW_ACK) {
    take_ping_ack(c, frame);
    return;
  }
  judge_ping(c);
  memcpy(c->held.pings[c->held.ping_count++], frame->payload, RAW_PING_BYTES);
  ack(c);
}

/* ---- requests ---- */

static void take_headers(unruly_conn *c, const rawview *frame) {
  c->block.id = 0;
  c->block.kind = -1;
  c->block.has_te = false;
  if (frame->stream % 2 == 0 || frame->stream <= c->top_stream)
    unruly_breach(c, UNRULY_BREACH_WIRE, "HEADERS on stream %u after %u", frame->stream,
                  c->top_stream);
  if (c->away.is_fenced)
    unruly_breach(c, UNRULY_BREACH_STREAMS,
                  "stream %u was opened after the client had heard GOAWAY", frame->stream);
  if (c->streams.count + 1 > c->settings.limit)
    unruly_breach(c, UNRULY_BREACH_STREAMS, "stream %u is number %zu, the limit is %u",
                  frame->stream, c->streams.count + 1, c->settings.limit);
  c->top_stream = frame->stream;
}

static bool field_is(const nghttp2_nv *field, const char *name) {
  return field->namelen == strlen(name) && memcmp(field->name, name, field->namelen) == 0;
}

static int kind_of(const unruly *u, const nghttp2_nv *field) {
  for (int kind = 0; kind < 4; kind++) {
    const char *path = u->options.paths[kind];
    if (field->valuelen == strlen(path) && memcmp(field->value, path, field->valuelen) == 0)
      return kind;
  }
  return -1;
}

static uint32_t number_of(const nghttp2_nv *field) {
  uint32_t number = 0;
  for (size_t i = 0; i < field->valuelen && field->value[i] >= '0' && field->value[i] <= '9'; i++)
    number = 10 * number + (uint32_t)(field->value[i] - '0');
  return number;
}

static void on_field(void *owner, const nghttp2_nv *field) {
  unruly_conn *c = owner;
  if (field_is(field, ":path")) c->block.kind = kind_of(c->u, field);
  if (field_is(field, "x-id")) c->block.id = number_of(field);
  if (field_is(field, "te")) c->block.has_te = true;
}

static void on_block(void *owner, uint32_t number, uint8_t flags) {
  unruly_conn *c = owner;
  if (c->block.id == 0 || c->block.kind < 0 || !c->block.has_te) {
    unruly_breach(c, UNRULY_BREACH_MESSAGE, "stream %u is no call", number);
    return;
  }
  c->some_id = c->block.id;
  if (!c->settings.has_any) c->u->options.handlers->on_eager(c->some_id, c->u->options.user_data);
  if (!unruly_conn_is_open(c)) return;
  unruly_stream_new(c, number, c->block.id, (gmux_method_kind)c->block.kind,
                    (flags & RAW_END_STREAM) != 0);
}

/* ---- DATA ---- */

/* Where its payload lies without padding; false: they don't fit. */
static bool data_bytes(const rawview *frame, const uint8_t **data, size_t *len) {
  size_t front = 0, back = 0;
  if (frame->flags & RAW_PADDED && frame->len > 0) {
    front = 1;
    back = frame->payload[0];
  }
  *data = frame->payload + front;
  *len = frame->len - front - back;
  return front + back <= frame->len;
}

static void take_data_of(unruly_conn *c, unruly_stream *s, const rawview *frame) {
  const uint8_t *data;
  size_t len;
  if (s->is_client_done || !data_bytes(frame, &data, &len)) {
    unruly_breach(c, UNRULY_BREACH_WIRE, "stream %u: DATA after its end, or with too much padding",
                  s->number);
    return;
  }
  s->in.window -= (int64_t)frame->len;
  if (s->in.window < 0 && frame->len > 0)
    unruly_breach(c, UNRULY_BREACH_WIRE, "stream %u: %" PRId64 " bytes beyond its window",
                  s->number, -s->in.window);
  unruly_stream_on_data(s, data, len);
  if (frame->flags & RAW_END_STREAM) unruly_stream_on_half_close(s);
}

static void take_data(unruly_conn *c, const rawview *frame) {
  c->in_window -= (int64_t)frame->len;
  if (c->in_window < 0)
    unruly_breach(c, UNRULY_BREACH_WIRE, "%" PRId64 " bytes beyond the connection's window",
                  -c->in_window);
  if (frame->len > FRAME_MAX) unruly_breach(c, UNRULY_BREACH_WIRE, "DATA of %zu bytes", frame->len);
  if (frame->stream == 0 || frame->stream > c->top_stream)
    unruly_breach(c, UNRULY_BREACH_WIRE, "DATA on stream %u, which was not opened", frame->stream);
  unruly_stream *s = unruly_stream_find(c, frame->stream);
  if (s) take_data_of(c, s, frame);
}

static void take_reset(unruly_conn *c, const rawview *frame) {
  if (frame->stream == 0 || frame->stream > c->top_stream)
    unruly_breach(c, UNRULY_BREACH_WIRE, "RST_STREAM on stream %u, which was not opened",
                  frame->stream);
  unruly_stream *s = unruly_stream_find(c, frame->stream);
  if (s) unruly_stream_free(s);
}

/*
 * All that is done here is legal, so a client that ends the connection over it is wrong. But for
 * one thing: nghttp2 bears 8 CONTINUATION frames of one block, and counts each read in which it
 * waits for the rest of one's first 9 bytes, and those of blocks that it ignores without end.
 */
static void take_goaway(unruly_conn *c, const rawview *frame) {
  uint32_t code = frame->len >= 8 ? raw_get_u32(frame->payload + 4) : H2_PROTOCOL_ERROR;
  bool is_accusation = code == H2_PROTOCOL_ERROR || code == H2_FLOW_CONTROL_ERROR ||
                       code == H2_STREAM_CLOSED || code == H2_FRAME_SIZE_ERROR ||
                       code == H2_COMPRESSION_ERROR;
  if (is_accusation && !c->way.cuts_blocks)
    unruly_breach(c, UNRULY_BREACH_WIRE, "the client finds fault, and sends GOAWAY %u", code);
}

/* ---- frames ---- */

/* SETTINGS; or the end of a client that had no memory even for those. */
static bool may_be_first(const rawview *frame) {
  if (frame->type == RAW_GOAWAY) return true;
  return frame->type == RAW_SETTINGS && !(frame->flags & RAW_ACK);
}

static void on_frame(void *owner, const rawview *frame) {
  unruly_conn *c = owner;
  if (!c->has_client_settings && !may_be_first(frame))
    unruly_breach(c, UNRULY_BREACH_WIRE, "the client begins with a frame of type %u", frame->type);
  c->has_client_settings = true;
  switch (frame->type) {
  case RAW_DATA:
    take_data(c, frame);
    return;
  case RAW_HEADERS:
    take_headers(c, frame);
    return;
  case RAW_RST_STREAM:
    take_reset(c, frame);
    return;
  case RAW_SETTINGS:
    take_settings(c, frame);
    return;
  case RAW_PING:
    take_ping(c, frame);
    return;
  case RAW_GOAWAY:
    take_goaway(c, frame);
    return;
  case RAW_WINDOW_UPDATE:
    take_window_update(c, frame);
    return;
  case RAW_PUSH_PROMISE:
    unruly_breach(c, UNRULY_BREACH_WIRE, "a client pushes");
    return;
  default:
    return;
  }
}

static void on_bad(void *owner, const char *why) {
  unruly_breach(owner, UNRULY_BREACH_WIRE, "%s", why);
}

const rawcutter_handlers unruly_frames = {
    .on_frame = on_frame,
    .on_field = on_field,
    .on_block = on_block,
    .on_bad = on_bad,
};
