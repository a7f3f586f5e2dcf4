/*
 * wire_http2_test.c: the eight negative HTTP/2 cases of gRPC's interop suite (grpc/grpc,
 * test/http2_test), each against a channel of ours, with the suite's own sizes. A test bears the
 * name of its case.
 */
#include "tests/unit/client/world.h"
#include <string.h>

enum { REQUEST = 271828, REPLY = 314159, PREFIX = 5, PIECE = 5, PADDING = 255 };
enum { SETTING_WINDOW = 4, WINDOW = 65535 };

static uint8_t request_bytes[REQUEST];
static uint8_t reply_bytes[PREFIX + REPLY] = {0, 0, REPLY >> 16, (REPLY >> 8) & 0xff, REPLY & 0xff};

/* ---- a large unary call ---- */

static tcall *start_large(void) {
  tcall *t = w_start(GMUX_UNARY, NULL);
  gmux_bytes message = gmux_bytes_borrow(request_bytes, sizeof request_bytes);
  CU_ASSERT_TRUE(gmux_call_write(t->call, &message) >= 0);
  return t;
}

/* The nth request of a connection has come whole: on which stream? */
static uint32_t take_large(rawpeer *p, size_t nth) {
  w_run();
  const rawframe *head = rawpeer_find(p, RAW_HEADERS, RAW_ANY, nth);
  CU_ASSERT_PTR_NOT_NULL_FATAL(head);
  rawpeer_window_update(p, head->stream, REQUEST);
  w_run();
  size_t bytes = 0, frames = rawpeer_count(p, RAW_DATA, head->stream);
  for (size_t i = 0; i < frames; i++)
    bytes += rawpeer_find(p, RAW_DATA, head->stream, i)->len;
  CU_ASSERT_EQUAL(bytes, PREFIX + REQUEST);
  return head->stream;
}

/* ---- a server that keeps to the client's windows ---- */

typedef struct sender {
  rawpeer *peer;
  uint32_t stream;
  int64_t stream_window, conn_window;
  size_t seen; /* WINDOW_UPDATEs */
} sender;

static sender sender_of(rawpeer *p, uint32_t stream) {
  sender s = {p, stream, WINDOW, WINDOW, 0};
  const rawframe *settings = rawpeer_find(p, RAW_SETTINGS, 0, 0);
  for (size_t at = 0; settings && at + RAW_SETTING_BYTES <= settings->len; at += RAW_SETTING_BYTES)
    if (rawframe_u32(settings, at) >> 16 == SETTING_WINDOW)
      s.stream_window = rawframe_u32(settings, at + 2);
  return s;
}

static void look_for_windows(sender *s) {
  const rawframe *update;
  w_run();
  while ((update = rawpeer_find(s->peer, RAW_WINDOW_UPDATE, RAW_ANY, s->seen))) {
    s->seen++;
    if (update->stream == 0) s->conn_window += rawframe_u32(update, 0);
    if (update->stream == s->stream) s->stream_window += rawframe_u32(update, 0);
  }
}

/* One frame, when there is room for it. A client that does not give back what a frame counts, its
 * padding and the byte of its length with it, is found here: nothing would ever open the window. */
static void send_piece(sender *s, const uint8_t *data, size_t len, uint8_t padding) {
  int64_t cost = (int64_t)len + (padding ? padding + 1 : 0);
  if (s->stream_window < cost || s->conn_window < cost) look_for_windows(s);
  CU_ASSERT_FATAL(s->stream_window >= cost && s->conn_window >= cost);
  s->stream_window -= cost;
  s->conn_window -= cost;
  rawpeer_data(s->peer, s->stream, 0, data, len, padding);
}

static void send_reply(sender *s, size_t bytes, size_t piece, uint8_t padding) {
  for (size_t at = 0; at < bytes; at += piece)
    send_piece(s, reply_bytes + at, bytes - at < piece ? bytes - at : piece, padding);
}

static void answer_large(rawpeer *p, uint32_t stream) {
  sender s = sender_of(p, stream);
  s.conn_window = INT32_MAX; /* of these there are few; the stream's window is what counts */
  w_headers(p, stream);
  send_reply(&s, sizeof reply_bytes, 8192, 0);
  w_trailers(p, stream, "0", NULL);
  w_run();
}

static void assert_large_reply(const tcall *t) {
  ASSERT_LOG(t, "W H M314159 E");
  ASSERT_CODE(t, GMUX_OK);
}

/* ---- the cases ---- */

static void goaway(void) {
  rawpeer *first = w_connected();
  tcall *one = start_large();
  uint32_t stream = take_large(first, 0);
  answer_large(first, stream);
  rawpeer_goaway(first, stream, 0, "");
  w_run_ms(1000);
  assert_large_reply(one);
  tcall *two = start_large();
  rawpeer *second = w_greet(-1);
  answer_large(second, take_large(second, 0));
  assert_large_reply(two);
  CU_ASSERT_EQUAL(rawpeer_count(first, RAW_HEADERS, RAW_ANY), 1);
  CU_ASSERT_EQUAL(w_stats().connections_made, 2);
}

/* The reply's first `bytes` bytes, then RST_STREAM(NO_ERROR): no reply is delivered, and the
 * channel keeps its connection. */
static void reset_after(size_t bytes) {
  rawpeer *p = w_connected();
  tcall *t = start_large();
  uint32_t stream = take_large(p, 0);
  sender s = sender_of(p, stream);
  w_headers(p, stream);
  send_reply(&s, bytes, 8192, 0);
  rawpeer_rst(p, stream, 0);
  w_run();
  ASSERT_LOG(t, "W H E");
  ASSERT_CODE(t, GMUX_INTERNAL);
  ASSERT_MESSAGE(t, "the server reset the stream: NO_ERROR (0)");
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_ANSWERED); /* it is not to be sent again */
  tcall *next = start_large();
  answer_large(p, take_large(p, 1));
  assert_large_reply(next);
  CU_ASSERT_EQUAL(w_stats().connections_made, 1);
}

static void rst_after_header(void) {
  reset_after(0);
}

static void rst_during_data(void) {
  reset_after(sizeof reply_bytes / 2);
}

static void rst_after_data(void) {
  reset_after(sizeof reply_bytes);
}

static void say_ping(rawpeer *p, uint8_t number) {
  uint8_t opaque[RAW_PING_BYTES] = {'p', 'i', 'n', 'g', 0, 0, 0, number};
  rawpeer_ping(p, 0, opaque);
}

/* Each ACK, in order, with the PING's own bytes. */
static void assert_pings_acknowledged(rawpeer *p, uint8_t count) {
  size_t acks = 0;
  const rawframe *f;
  for (size_t i = 0; (f = rawpeer_find(p, RAW_PING, 0, i)); i++) {
    if (!(f->flags & RAW_ACK)) continue; /* the client's own */
    CU_ASSERT_EQUAL(f->len, RAW_PING_BYTES);
    CU_ASSERT_EQUAL(rawframe_u32(f, 4), acks);
    acks++;
  }
  CU_ASSERT_EQUAL(acks, count);
}

static void ping(void) {
  uint8_t number = 0;
  rawpeer *p = w_connected();
  tcall *t = start_large();
  uint32_t stream = take_large(p, 0);
  sender s = sender_of(p, stream);
  say_ping(p, number++);
  w_headers(p, stream);
  say_ping(p, number++);
  for (size_t at = 0; at < sizeof reply_bytes; at += 16384) {
    size_t left = sizeof reply_bytes - at;
    send_piece(&s, reply_bytes + at, left < 16384 ? left : 16384, 0);
    say_ping(p, number++);
  }
  w_trailers(p, stream, "0", NULL);
  say_ping(p, number++);
  w_run();
  assert_large_reply(t);
  assert_pings_acknowledged(p, number);
}

static void max_streams(void) {
  enum { CALLS = 15 };
  tcall *calls[CALLS];
  w_options.max_connections = 1; /* else it would make more, and need no patience */
  w_open();
  tcall *first = start_large();
  rawpeer *p = w_greet(1);
  answer_large(p, take_large(p, 0));
  assert_large_reply(first);
  for (size_t i = 0; i < CALLS; i++)
    calls[i] = start_large();
  for (size_t i = 1; i <= CALLS; i++) {
    uint32_t stream = take_large(p, i);
    CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), i + 1); /* no second one is open */
    rawpeer_window_update(p, 0, REQUEST + PREFIX);
    answer_large(p, stream);
  }
  for (size_t i = 0; i < CALLS; i++)
    assert_large_reply(calls[i]);
  CU_ASSERT_EQUAL(w_stats().connections_made, 1);
}

static void answer_in_small_pieces(uint8_t padding) {
  rawpeer *p = w_connected();
  tcall *t = start_large();
  uint32_t stream = take_large(p, 0);
  sender s = sender_of(p, stream);
  look_for_windows(&s);
  w_headers(p, stream);
  send_reply(&s, sizeof reply_bytes, PIECE, padding);
  w_trailers(p, stream, "0", NULL);
  w_run();
  assert_large_reply(t);
}

static void data_frame_padding(void) {
  answer_in_small_pieces(PADDING);
}

static void no_df_padding_sanity_test(void) {
  answer_in_small_pieces(0);
}

static const test_case cases[] = {
    TEST(goaway), TEST(rst_after_header), TEST(rst_during_data),    TEST(rst_after_data),
    TEST(ping),   TEST(max_streams),      TEST(data_frame_padding), TEST(no_df_padding_sanity_test),
    TESTS_END,
};

const test_suite wire_http2_suite = {"http2", cases, w_setup, w_teardown};
