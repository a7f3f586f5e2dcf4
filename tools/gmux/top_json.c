/* top_json.c: a poll as one object, in one line. */
#include "tools/gmux/top_json.h"
#include "tools/gmux/number.h"
#include "tools/gmux/plain.h"
#include "tools/gmux/printer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void name(printer *p, const char *text) {
  print_name(p, text, strlen(text));
}

/* What is no UTF-8 has no form in JSON: it is made plain. */
static void put_string(printer *p, const char *key, const char *text) {
  name(p, key);
  if (print_string(p, text, strlen(text))) return;
  buffer plain = {.data = NULL};
  plain_add_string(&plain, text);
  print_string(p, buffer_string(&plain), plain.len);
  buffer_free(&plain);
}

static void put_number(printer *p, const char *key, int64_t value) {
  char digits[NUMBER_ROOM];
  snprintf(digits, sizeof digits, "%" PRId64, value);
  name(p, key);
  print_raw(p, digits);
}

static void put_known(printer *p, const char *key, int64_t value) {
  if (value != TOP_UNKNOWN) put_number(p, key, value);
}

static void put_moment(printer *p, const char *key, int64_t ms) {
  if (ms) put_number(p, key, ms);
}

static void put_rate(printer *p, const char *key, double rate) {
  char digits[NUMBER_ROOM];
  if (rate < 0) return;
  number_write_double(digits, rate);
  name(p, key);
  print_raw(p, digits);
}

static void put_bool(printer *p, const char *key, bool value) {
  name(p, key);
  print_raw(p, value ? "true" : "false");
}

static void put_of(printer *p, top_key of) {
  static const char *const keys[TOP_KINDS] = {"serverId", "channelId", "subchannelId", "socketId"};
  if (of.id) put_number(p, keys[of.kind], of.id);
}

static void put_state(printer *p, unsigned state) {
  const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
      &grpc__channelz__v1__channel_connectivity_state__state__descriptor, (int)state);
  if (value) put_string(p, "state", value->name);
}

static void put_calls(printer *p, const top_view *v, const top_row *row) {
  bool is_socket = row->key.kind == TOP_SOCKET;
  put_number(p, is_socket ? "streamsStarted" : "callsStarted", row->started);
  put_number(p, is_socket ? "streamsSucceeded" : "callsSucceeded", row->succeeded);
  put_number(p, is_socket ? "streamsFailed" : "callsFailed", row->failed);
  put_number(p, is_socket ? "streamsOpen" : "callsRunning", row->running);
  put_rate(p, is_socket ? "streamsPerSecond" : "callsPerSecond",
           top_view_rate(v, row, top_started));
  put_rate(p, "failedPerSecond", top_view_rate(v, row, top_failed));
  put_moment(p, "lastMs", row->last_ms);
  put_moment(p, "sinceMs", row->since_ms);
}

static void put_socket(printer *p, const top_view *v, const top_row *row) {
  put_known(p, "messagesSent", row->sent);
  put_known(p, "messagesReceived", row->received);
  put_rate(p, "messagesPerSecond", top_view_rate(v, row, top_messages));
  put_known(p, "keepAlivesSent", row->pings);
  put_known(p, "window", row->window);
  put_known(p, "peerWindow", row->peer_window);
  put_known(p, "receivedGoaway", row->goaway);
  put_bool(p, "tls", row->is_secure);
}

static void put_row(printer *p, const top_view *v, const top_row *row) {
  print_open(p, '{');
  put_number(p, "id", row->key.id);
  put_string(p, "name", row->name);
  put_of(p, row->of);
  if (row->is_known) {
    if (row->key.kind == TOP_CHANNEL || row->key.kind == TOP_SUBCHANNEL) put_state(p, row->state);
    put_calls(p, v, row);
    if (row->key.kind == TOP_SOCKET) put_socket(p, v, row);
  }
  print_close(p, '}');
}

static void put_kind(printer *p, const top_view *v, top_kind kind) {
  static const char *const keys[TOP_KINDS] = {"servers", "channels", "subchannels", "sockets"};
  name(p, keys[kind]);
  print_open(p, '[');
  for (size_t i = 0; i < v->count; i++)
    if (v->lines[i].kind == TOP_LINE_ROW && v->lines[i].section == kind)
      put_row(p, v, v->lines[i].row);
  print_close(p, ']');
}

static bool is_cut(const top_model *m) {
  for (size_t i = 0; i < TOP_KINDS; i++)
    if (m->is_cut[i]) return true;
  return false;
}

void top_json(const top_view *v, const char *target, buffer *out) {
  printer p = {.out = out, .is_compact = true};
  print_open(&p, '{');
  put_string(&p, "target", target);
  put_number(&p, "timeMs", v->wall_ms);
  for (unsigned kind = 0; kind < TOP_KINDS; kind++)
    put_kind(&p, v, (top_kind)kind);
  put_bool(&p, "hasMore", is_cut(v->now));
  print_close(&p, '}');
  buffer_add(out, "\n", 1);
}

void top_json_failure(const char *target, int64_t wall_ms, const char *why, buffer *out) {
  printer p = {.out = out, .is_compact = true};
  print_open(&p, '{');
  put_string(&p, "target", target);
  put_number(&p, "timeMs", wall_ms);
  put_string(&p, "error", why);
  print_close(&p, '}');
  buffer_add(out, "\n", 1);
}
