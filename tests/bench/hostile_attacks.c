/*
 * hostile_attacks.c: what attackers say, a round each. doc/security.md has what stops them.
 */
#include "tests/bench/hostile.h"
#include <limits.h>
#include <string.h>

enum { BURST = 500, CANCEL = 8, FRAME_MOST = 16384 };

static void frame(foe *f, uint8_t type, uint8_t flags, uint32_t stream, const void *payload,
                  size_t len) {
  rawbuf_frame(&f->out, type, flags, stream, payload, len);
}

static void frame_of_number(foe *f, uint8_t type, uint32_t stream, uint32_t number) {
  uint8_t payload[4];
  raw_put_u32(payload, number);
  frame(f, type, 0, stream, payload, sizeof payload);
}

static void greet_with(foe *f, uint16_t id, uint32_t value) {
  rawbuf entry = {0};
  rawbuf_append(&f->out, raw_preface, RAW_PREFACE_BYTES);
  rawbuf_setting(&entry, id, value);
  frame(f, RAW_SETTINGS, 0, 0, entry.data, entry.len);
  rawbuf_deinit(&entry);
}

/* ---- requests ---- */

static rawbuf block; /* of header fields, used again and again */

static rawbuf *fields(const char *path, const char *name, const char *value) {
  block.len = 0;
  rawbuf_field(&block, ":method", "POST");
  rawbuf_field(&block, ":scheme", "http");
  rawbuf_field(&block, ":path", path);
  rawbuf_field(&block, ":authority", "localhost");
  rawbuf_field(&block, "content-type", "application/grpc");
  rawbuf_field(&block, "te", "trailers");
  if (name) rawbuf_field(&block, name, value);
  return &block;
}

static uint32_t request_with(foe *f, const char *path, const char *name, const char *value) {
  const rawbuf *b = fields(path, name, value);
  uint32_t id = f->next_id;
  frame(f, RAW_HEADERS, RAW_END_HEADERS, id, b->data, b->len);
  f->next_id += 2;
  return id;
}

static uint32_t request(foe *f, const char *path) {
  return request_with(f, path, NULL, NULL);
}

/* ---- resets ---- */

/* CVE-2023-44487, so quickly that no handler is told. */
static void reset_at_once(foe *f) {
  for (int i = 0; i < BURST; i++)
    frame_of_number(f, RAW_RST_STREAM, request(f, HOSTILE_HOLD), CANCEL);
}

/* And what was started in the last round, whose handlers run. */
static void reset_what_was_started(foe *f) {
  enum { CALLS = 90 };
  for (uint32_t id = f->next_id > 2 * CALLS ? f->next_id - 2 * CALLS : f->next_id; id < f->next_id;
       id += 2)
    frame_of_number(f, RAW_RST_STREAM, id, CANCEL);
  for (int i = 0; i < CALLS; i++)
    request(f, HOSTILE_HOLD);
}

/* CVE-2025-8671: the server is made to reset. */
static void break_by_field(foe *f, const char *name, const char *value) {
  for (int i = 0; i < 80; i++)
    request_with(f, HOSTILE_HOLD, name, value);
}
static void say_upper_case(foe *f) {
  break_by_field(f, "Upper-Case", "x");
}
static void say_connection(foe *f) {
  break_by_field(f, "connection", "keep-alive");
}
static void say_line_ends(foe *f) {
  break_by_field(f, "x-lines", "one\r\ntwo");
}
static void say_path_twice(foe *f) {
  break_by_field(f, ":path", HOSTILE_HOLD);
}
/* A name of four letters, a value with a zero in it. */
static void say_nul(foe *f) {
  static const uint8_t field[] = {0, 4, 'x', '-', 'n', 'u', 3, 'a', 0, 'b'};
  for (int i = 0; i < 80; i++) {
    rawbuf *b = fields(HOSTILE_HOLD, NULL, NULL);
    rawbuf_append(b, field, sizeof field);
    frame(f, RAW_HEADERS, RAW_END_HEADERS, f->next_id, b->data, b->len);
    f->next_id += 2;
  }
}
static void say_nothing_in_headers(foe *f) {
  for (int i = 0; i < 80; i++, f->next_id += 2)
    frame(f, RAW_HEADERS, RAW_END_HEADERS, f->next_id, NULL, 0);
}
static void overflow_windows(foe *f) {
  for (int i = 0; i < 80; i++)
    frame_of_number(f, RAW_WINDOW_UPDATE, request(f, HOSTILE_HOLD), INT32_MAX);
}
static void say_a_wrong_length(foe *f) {
  for (int i = 0; i < 80; i++)
    frame(f, RAW_DATA, 0, request_with(f, HOSTILE_HOLD, "content-length", "1"), "xx", 2);
}

/* ---- frames that carry nothing ---- */

static const uint8_t opaque[RAW_PING_BYTES];

static void ping(foe *f) {
  for (int i = 0; i < BURST; i++)
    frame(f, RAW_PING, 0, 0, opaque, sizeof opaque);
}
static void acknowledge_pings(foe *f) {
  for (int i = 0; i < BURST; i++)
    frame(f, RAW_PING, RAW_ACK, 0, opaque, sizeof opaque);
}
static void change_settings(foe *f) {
  for (int i = 0; i < BURST; i++)
    frame(f, RAW_SETTINGS, 0, 0, NULL, 0);
}
static void widen_windows(foe *f) {
  for (int i = 0; i < BURST; i++)
    frame_of_number(f, RAW_WINDOW_UPDATE, 0, 1);
}
static void prioritise(foe *f) {
  static const uint8_t priority[5] = {0, 0, 0, 0, 15};
  for (uint32_t i = 0; i < BURST; i++)
    frame(f, RAW_PRIORITY, 0, 1 + 2 * i, priority, sizeof priority);
}
/* Of streams that are closed. */
static void reset_the_closed(foe *f) {
  if (f->round == 0) frame_of_number(f, RAW_RST_STREAM, request(f, "/not.a/Method"), CANCEL);
  for (int i = 0; i < BURST; i++)
    frame_of_number(f, RAW_RST_STREAM, 1, CANCEL);
}
static void send_empty_data(foe *f) {
  if (f->round == 0) request(f, HOSTILE_HOLD);
  for (int i = 0; i < BURST; i++)
    frame(f, RAW_DATA, 0, 1, NULL, 0);
}
static void send_the_unknown(foe *f) {
  for (int i = 0; i < BURST; i++)
    frame(f, 0xbe, 0, 0, NULL, 0);
}

/* ---- metadata ---- */

/* A field of 4000 bytes that the table keeps, and again 10,000 times in a byte each: 40 MB. */
static void send_hpack_bomb(foe *f) {
  static const uint8_t indexed[] = {0x40, 1, 'x', 0x7f, 0xa1, 0x1e}; /* 127 + 33 + 30 * 128 */
  static uint8_t bomb[sizeof indexed + 4000 + 10000];
  memcpy(bomb, indexed, sizeof indexed);
  memset(bomb + sizeof indexed, 'v', 4000);
  memset(bomb + sizeof indexed + 4000, 0xbe, 10000);
  frame(f, RAW_HEADERS, RAW_END_HEADERS, f->next_id, bomb, sizeof bomb);
  f->next_id += 2;
}

/* Nearly twice of what is allowed, in thousands of fields. */
static void send_many_fields(foe *f) {
  for (int i = 0; i < 10; i++, f->next_id += 2) {
    rawbuf *b = fields(HOSTILE_HOLD, NULL, NULL);
    while (b->len < FRAME_MOST - 100)
      rawbuf_field(b, "x", "");
    frame(f, RAW_HEADERS, RAW_END_HEADERS, f->next_id, b->data, b->len);
  }
}

static void continue_for_ever(foe *f) {
  if (f->round == 0) frame(f, RAW_HEADERS, 0, f->next_id, NULL, 0);
  for (int i = 0; i < BURST; i++)
    frame(f, RAW_CONTINUATION, 0, f->next_id, NULL, 0);
}

/* ---- more than is allowed ---- */

static void ask_for_too_many(foe *f) {
  for (int i = 0; i < BURST; i++)
    request(f, HOSTILE_HOLD);
}

static void go_back_in_ids(foe *f) {
  f->next_id += 2;
  request(f, HOSTILE_HOLD);
  f->next_id -= 4;
  request(f, HOSTILE_HOLD);
}

static void say_no_http2(foe *f) {
  static const char text[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  rawbuf_append(&f->out, text, sizeof text - 1);
}

static void ask_for_unknown_methods(foe *f) {
  for (int i = 0; i < 80; i++)
    request(f, "/not.a/Method");
}

/* ---- not reading, or a byte at a time ---- */

static void greet_without_windows(foe *f) {
  greet_with(f, 4, 0); /* SETTINGS_INITIAL_WINDOW_SIZE */
}
static void greet_with_large_windows(foe *f) {
  greet_with(f, 4, INT32_MAX);
  frame_of_number(f, RAW_WINDOW_UPDATE, 0, INT32_MAX - 65535);
}
static void ask_for_floods(foe *f) {
  for (int i = 0; f->round == 0 && i < 100; i++)
    request(f, HOSTILE_POUR);
}
static void open_the_window_by_crumbs(foe *f) {
  ask_for_floods(f);
  for (uint32_t i = 0; i < BURST; i++)
    frame_of_number(f, RAW_WINDOW_UPDATE, 1 + 2 * (i % 100), 1);
}

/* ---- slowly ---- */

static void greet_not(foe *f) {
  (void)f;
}
/* The first byte of a ClientHello's record, and so on. */
static void say_hello_slowly(foe *f) {
  static const uint8_t hello[] = {0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3};
  rawbuf_append(&f->out, f->round < sizeof hello ? &hello[f->round] : hello, 1);
}
static void say_preface_slowly(foe *f) {
  if (f->round < RAW_PREFACE_BYTES) rawbuf_append(&f->out, raw_preface + f->round, 1);
}
static void say_headers_slowly(foe *f) {
  static const uint8_t head[RAW_FRAME_HEAD] = {0, 0x3f, 0xff, RAW_HEADERS, RAW_END_HEADERS, 0,
                                               0, 0,    1};
  rawbuf_append(&f->out, f->round < sizeof head ? &head[f->round] : (const uint8_t *)"\x82", 1);
}
/* A message of a MiB, said to be one. */
static void say_body_slowly(foe *f) {
  static const uint8_t prefix[] = {0, 0, 0x10, 0, 0};
  if (f->round == 0) request(f, HOSTILE_ECHO);
  frame(f, RAW_DATA, 0, 1, f->round < sizeof prefix ? &prefix[f->round] : prefix, 1);
}

#define AS(field) .counted_as = offsetof(gmux_server_stats, field)
#define FEW       .connections = 8
#define MANY      .connections = 200

const attack attacks[] = {
    {"rapid reset", .say = reset_at_once, AS(ended_chatter), FEW},
    {"rapid reset of running calls", .say = reset_what_was_started, AS(ended_resets), FEW},
    {"made you reset: upper case", .say = say_upper_case, AS(ended_resets), FEW},
    {"made you reset: connection field", .say = say_connection, AS(ended_resets), FEW},
    {"made you reset: CR and LF", .say = say_line_ends, AS(ended_resets), FEW},
    {"made you reset: NUL", .say = say_nul, AS(ended_resets), FEW},
    {"made you reset: :path twice", .say = say_path_twice, AS(ended_resets), FEW},
    {"made you reset: empty HEADERS", .say = say_nothing_in_headers, AS(ended_resets), FEW},
    {"made you reset: window overflow", .say = overflow_windows, AS(ended_resets), FEW},
    {"made you reset: wrong length", .say = say_a_wrong_length, AS(ended_resets), FEW},
    {"PING", .say = ping, AS(too_many_pings), FEW},
    {"PING with ACK", .say = acknowledge_pings, AS(ended_chatter), FEW},
    {"SETTINGS", .say = change_settings, AS(ended_chatter), FEW},
    {"RST_STREAM", .say = reset_the_closed, AS(ended_chatter), FEW},
    {"WINDOW_UPDATE", .say = widen_windows, AS(ended_chatter), FEW},
    {"PRIORITY", .say = prioritise, AS(ended_chatter), FEW},
    {"empty DATA", .say = send_empty_data, AS(ended_chatter), FEW},
    {"unknown frames", .say = send_the_unknown, AS(ended_chatter), FEW},
    {"CONTINUATION", .say = continue_for_ever, AS(ended_metadata), FEW},
    {"HPACK bomb", .say = send_hpack_bomb, AS(ended_metadata), FEW},
    {"header bomb: many fields", .say = send_many_fields, FEW},
    {"too many streams, before the ACK", .say = ask_for_too_many, AS(calls_refused), FEW},
    {"unknown methods", .say = ask_for_unknown_methods, AS(resets_sent), FEW},
    {"ids that go back", .say = go_back_in_ids, FEW},
    {"not HTTP/2", .begin = greet_not, .say = say_no_http2, FEW},
    {"zero window", .begin = greet_without_windows, .say = ask_for_floods, FEW},
    {"windows of one byte", .begin = greet_without_windows, .say = open_the_window_by_crumbs,
     AS(ended_chatter), FEW},
    {"floods that are not read", .begin = greet_with_large_windows, .say = ask_for_floods,
     .is_deaf = true, FEW},
    {"answers that are not read", .say = ask_for_unknown_methods, .is_deaf = true, FEW},
    {"slow TLS", .begin = greet_not, .say = say_hello_slowly, .pause_ms = 10, .wants_tls = true,
     MANY},
    {"slow preface", .begin = greet_not, .say = say_preface_slowly, .pause_ms = 10, MANY},
    {"slow headers", .say = say_headers_slowly, .pause_ms = 10, MANY},
    {"slow body", .say = say_body_slowly, .pause_ms = 10, MANY},
    {"silent connections", .begin = greet_not, .connections = 1000},
    {"connection storm: silent", .begin = greet_not, .is_brief = true, FEW},
    {"connection storm: greeting", .is_brief = true, FEW},
    {"connection storm: TLS", .begin = greet_not, .say = say_hello_slowly, .is_brief = true,
     .wants_tls = true, FEW},
};
const size_t attack_count = sizeof attacks / sizeof *attacks;
