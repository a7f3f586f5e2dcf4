/* rawserver.c: raw peers that serve, or do not. */
#include "tests/sim/rawserver.h"
#include "tests/unit/harness.h"
#include <string.h>

enum { SETTINGS_MAX_STREAMS = 3, GRPC_PREFIX = 5 };

rawserver raw;

void rawserver_open(uint32_t limit,
                    void (*on_request)(rawconn *c, uint32_t stream, fleet_call *call)) {
  gmux__address at = fleet_address(0);
  memset(&raw, 0, sizeof raw);
  raw.listener = rawpeer_listen(fl.loops[0], &at);
  raw.limit = limit;
  raw.on_request = on_request;
  fl.on_tick = rawserver_look;
  fl.on_close = rawserver_close;
}

void rawserver_close(void) {
  for (size_t i = 0; i < raw.count; i++)
    rawpeer_free(raw.conns[i].peer);
  rawpeer_listen_close(raw.listener);
  memset(&raw, 0, sizeof raw);
  fl.on_tick = NULL;
}

/* ---- what is said ---- */

static bool conn_is_open(const rawconn *c) {
  return rawpeer_state(c->peer) == 0;
}

static void set_limit(rawconn *c, uint32_t limit) {
  if (!fleet_promise(c->told - c->acked < RAWSERVER_LIMITS, "SETTINGS are not acknowledged"))
    return;
  c->limits[c->told++ % RAWSERVER_LIMITS] = limit;
  rawpeer_settings(c->peer, 1, (const uint16_t[]){SETTINGS_MAX_STREAMS}, &limit);
}

void rawserver_set_limit(rawconn *c, uint32_t limit) {
  if (conn_is_open(c)) set_limit(c, limit);
}

void rawserver_execute(rawconn *c, fleet_call *call) {
  ledger_executed_elsewhere(&call->entry);
  call->port = (uint16_t)(c->number + 1);
}

void rawserver_answer(rawconn *c, uint32_t stream, const fleet_call *call) {
  uint8_t reply[FLEET_REPLY_BYTES];
  if (!conn_is_open(c)) return;
  fleet_ledger_reply(call, reply);
  rawpeer_headers(
      c->peer, stream, RAW_END_HEADERS,
      (const char *[]){":status", "200", "content-type", "application/grpc", (char *)NULL});
  rawpeer_grpc_message(c->peer, stream, 0, reply, sizeof reply);
  rawpeer_headers(c->peer, stream, RAW_END_HEADERS | RAW_END_STREAM,
                  (const char *[]){"grpc-status", "0", (char *)NULL});
  c->open--;
}

void rawserver_serve(rawconn *c, uint32_t stream, fleet_call *call) {
  rawserver_execute(c, call);
  rawserver_answer(c, stream, call);
}

void rawserver_reset_stream(rawconn *c, uint32_t stream, uint32_t code) {
  if (!conn_is_open(c)) return;
  rawpeer_rst(c->peer, stream, code);
  c->open--;
}

void rawserver_goaway(rawconn *c, uint32_t last_stream, uint32_t code, const char *debug) {
  if (!conn_is_open(c)) return;
  rawpeer_goaway(c->peer, last_stream, code, debug);
  c->has_gone_away = true;
  c->goaway_last = last_stream;
}

/* ---- what comes ---- */

static void take_headers(rawconn *c, const rawframe *frame) {
  fleet_promise(frame->stream > c->last_stream, "stream %u after %u", frame->stream,
                c->last_stream);
  c->last_stream = frame->stream;
  if (++c->open > c->peak) c->peak = c->open;
  uint32_t limit = c->acked > 0 ? c->limits[(c->acked - 1) % RAWSERVER_LIMITS] : UINT32_MAX;
  fleet_promise(c->open <= limit, "stream %u is number %u, the limit is %u", frame->stream, c->open,
                limit);
}

static rawpart *part_of(rawconn *c, uint32_t stream) {
  for (size_t i = 0; i < RAWSERVER_PARTS; i++)
    if (c->parts[i].stream == stream) return &c->parts[i];
  return NULL;
}

/* NULL: the request is not whole yet, or is none of a fleet. */
static const uint8_t *take_part(rawconn *c, const rawframe *frame) {
  if (frame->len == RAWSERVER_REQUEST) return frame->payload;
  rawpart *part = part_of(c, frame->stream);
  if (!part) part = part_of(c, 0);
  if (!fleet_promise(part && part->len + frame->len <= sizeof part->data,
                     "a request in odd pieces"))
    return NULL;
  memcpy(part->data + part->len, frame->payload, frame->len);
  part->stream = frame->stream;
  part->len += frame->len;
  if (part->len < sizeof part->data) return NULL;
  part->stream = 0;
  part->len = 0;
  return part->data;
}

static void take_data(rawconn *c, const rawframe *frame) {
  if (frame->len == 0) return;
  rawpeer_window_update(c->peer, 0, (uint32_t)frame->len);
  if (c->has_gone_away && frame->stream > c->goaway_last) return;
  const uint8_t *request = take_part(c, frame);
  if (!request) return;
  fleet_call *call = fleet_ledger_find(request + GRPC_PREFIX, FLEET_REQUEST_BYTES);
  c->requests++;
  if (call) raw.on_request(c, frame->stream, call);
}

static void take_reset(rawconn *c, uint32_t stream) {
  c->resets++;
  c->open--;
  if (raw.on_reset) raw.on_reset(c, stream);
}

static void take_frame(rawconn *c, const rawframe *frame) {
  bool is_ack = (frame->flags & RAW_ACK) != 0;
  switch (frame->type) {
  case RAW_SETTINGS:
    if (is_ack && c->acked < c->told) c->acked++;
    if (!is_ack && !c->is_mute) rawpeer_settings_ack(c->peer);
    return;
  case RAW_PING:
    if (is_ack) return;
    c->pings++;
    if (!c->is_mute) rawpeer_ping(c->peer, RAW_ACK, frame->payload);
    return;
  case RAW_HEADERS:
    take_headers(c, frame);
    return;
  case RAW_DATA:
    if (!c->is_mute) take_data(c, frame);
    return;
  case RAW_RST_STREAM:
    take_reset(c, frame->stream);
    return;
  default:
    return;
  }
}

static void conn_look(rawconn *c) {
  for (const rawframe *frame = rawpeer_find(c->peer, RAW_ANY, RAW_ANY, c->seen);
       frame && conn_is_open(c); frame = rawpeer_find(c->peer, RAW_ANY, RAW_ANY, c->seen)) {
    c->seen++;
    take_frame(c, frame);
  }
}

static void conn_greet(rawpeer *peer) {
  rawconn *c = &raw.conns[raw.count];
  *c = (rawconn){.peer = peer, .number = raw.count};
  raw.count++;
  if (raw.limit > 0)
    set_limit(c, raw.limit);
  else
    rawpeer_settings(peer, 0, NULL, NULL);
}

void rawserver_look(void) {
  for (rawpeer *peer = rawpeer_accept(raw.listener); peer; peer = rawpeer_accept(raw.listener)) {
    if (fleet_promise(raw.count < RAWSERVER_CONNS, "%zu connections to the raw server", raw.count))
      conn_greet(peer);
    else
      rawpeer_free(peer);
  }
  for (size_t i = 0; i < raw.count; i++)
    if (conn_is_open(&raw.conns[i])) conn_look(&raw.conns[i]);
}
