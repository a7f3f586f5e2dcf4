/*
 * conform_client.c: the same from the other side: what a server must not say to a client, and what
 * it may. Call 1 is the victim; call 3, beside it, is unharmed when the error is a stream's, and a
 * new connection serves the next call when it is the connection's.
 */
#include "tests/sim/conform.h"
#include "tests/unit/client/world.h"

#define HEADERS        FIELDS(1, HEAD, ":status", "200", "content-type", "application/grpc")
#define HELLO          DATA(1, 0, "\0\0\0\0\5hello")
#define TRAILERS       FIELDS(1, LAST, "grpc-status", "0")
#define ANSWER         HEADERS, HELLO, TRAILERS
#define MALFORMED(...) RESETS(1, PROTOCOL_ERROR), SAY(FIELDS(1, HEAD, __VA_ARGS__))
#define STATUS         ":status", "200"
#define OPAQUE         "12345678"

static const conform_row rows[] = {
    {"3.4", "a server whose first frame is no SETTINGS is left", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_PING, 0, 0, OPAQUE)), .is_bare = true},
    {"3.4", "a server that speaks HTTP/1.1 is left", CLOSES,
     SAY(BYTES("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")), .is_bare = true},
    {"4.1", "a frame of an unknown type is ignored", SERVES(1),
     SAY(FRAME(0xfa, 0xff, 1, "whatever"), ANSWER)},
    {"4.2", "DATA of 16,385 bytes is refused", ENDS_FOR_STREAM(1, FRAME_SIZE_ERROR),
     SAY(HEADERS, ZEROS(RAW_DATA, 0, 1, 16385))},
    {"4.2", "CONTINUATION of 16,385 bytes ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_HEADERS, 0, 1, "\x88"), ZEROS(RAW_CONTINUATION, HEAD, 1, 16385))},
    {"4.3", "a block that cannot be decoded ends the connection", ENDS(COMPRESSION_ERROR),
     SAY(FRAME(RAW_HEADERS, LAST, 1, "\xff\xff\xff\xff\xff\xff"))},
    {"4.3", "a frame amid a header block ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, 0, 1, "\x88"), DATA(1, 0, "x"))},
    {"5.1", "DATA on an idle stream ends the connection",
     ENDS_OF(PROTOCOL_ERROR, CODE(PROTOCOL_ERROR) | CODE(STREAM_CLOSED)), SAY(DATA(99, 0, "x"))},
    {"5.1", "RST_STREAM on an idle stream ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(RESET(99, 0))},
    {"5.1", "WINDOW_UPDATE on an idle stream ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(WINDOW(99, 1))},
    {"5.1", "DATA behind the end of an answer is ignored", SERVES(1),
     SAY(ANSWER, HEAR, DATA(1, 0, "x"))},
    {"5.1", "WINDOW_UPDATE and RST_STREAM behind the end of an answer are ignored", SERVES(1),
     SAY(ANSWER, HEAR, WINDOW(1, 1), RESET(1, 0))},
    {"5.1.1", "HEADERS on an even stream end the connection", ENDS(PROTOCOL_ERROR),
     SAY(FIELDS(2, HEAD, STATUS))},
    {"5.1.1", "HEADERS on stream 0 end the connection", ENDS(PROTOCOL_ERROR),
     SAY(FIELDS(0, HEAD, STATUS))},
    {"5.1.1", "HEADERS on a stream that we have not opened end the connection",
     ENDS(PROTOCOL_ERROR), SAY(FIELDS(99, HEAD, STATUS))},
    {"6.1", "DATA on stream 0 ends the connection", ENDS(PROTOCOL_ERROR), SAY(DATA(0, 0, "x"))},
    {"6.1", "padding longer than its frame ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(HEADERS, DATA(1, RAW_PADDED, "\xff"))},
    {"6.1", "padded DATA is taken", SERVES(1),
     SAY(HEADERS, DATA(1, RAW_PADDED, "\3\0\0\0\0\5hello\0\0\0"), TRAILERS)},
    {"6.4", "RST_STREAM on stream 0 ends the connection", ENDS(PROTOCOL_ERROR), SAY(RESET(0, 0))},
    {"6.4", "RST_STREAM of 3 bytes ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_RST_STREAM, 0, 1, "\0\0\0"))},
    {"6.5", "an ACK with content ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_SETTINGS, RAW_ACK, 0, "\0\3\0\0\0\1"))},
    {"6.5", "SETTINGS on a stream end the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_SETTINGS, 0, 1, ""))},
    {"6.5", "SETTINGS of 5 bytes end the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_SETTINGS, 0, 0, "12345"))},
    {"6.5.2", "SETTINGS_ENABLE_PUSH of 1 from a server ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(SETTING(SET_PUSH, 1))},
    {"6.5.2", "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1 ends the connection",
     ENDS(FLOW_CONTROL_ERROR), SAY(SETTING(SET_WINDOW, 0x80000000))},
    {"6.5.2", "SETTINGS_MAX_FRAME_SIZE of 16,383 ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(SETTING(SET_FRAME_SIZE, 16383))},
    {"6.5.2", "an unknown setting is ignored", SERVES(1), SAY(SETTING(0xfe03, 1), ANSWER)},
    {"6.6", "PUSH_PROMISE ends the connection, since we allow none", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_PUSH_PROMISE, HEAD, 1, "\0\0\0\2\x82\x86\x84"))},
    {"6.7", "PING of 7 bytes ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_PING, 0, 0, "1234567"))},
    {"6.7", "PING on a stream ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_PING, 0, 1, OPAQUE))},
    {"6.8", "GOAWAY on a stream ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_GOAWAY, 0, 1, "\0\0\0\0\0\0\0\0"))},
    {"6.9", "WINDOW_UPDATE of 0 on the connection ends it", ENDS(PROTOCOL_ERROR),
     SAY(WINDOW(0, 0))},
    {"6.9", "WINDOW_UPDATE of 0 on a stream is refused", ENDS_FOR_STREAM(1, PROTOCOL_ERROR),
     SAY(WINDOW(1, 0))},
    {"6.9.1", "WINDOW_UPDATE past 2^31-1 on the connection ends it", ENDS(FLOW_CONTROL_ERROR),
     SAY(WINDOW(0, 0x7fffffff))},
    {"6.9.2", "an initial window that lifts a stream past 2^31-1 ends the connection",
     ENDS(FLOW_CONTROL_ERROR), SAY(WINDOW(1, 0x7fffffff - 65535), SETTING(SET_WINDOW, 2 * 65535))},
    {"6.10", "CONTINUATION without HEADERS ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_CONTINUATION, HEAD, 1, "\x88"))},
    {"6.10", "an answer's head in pieces is taken", SERVES(1),
     SAY(FRAME(RAW_HEADERS, 0, 1,
               "\x88\x0f\x10\x10"
               "appl"),
         FRAME(RAW_CONTINUATION, HEAD, 1, "ication/grpc"), HELLO, TRAILERS)},
    {"8.1", "DATA before HEADERS is refused", ENDS_FOR_STREAM(1, PROTOCOL_ERROR), SAY(HELLO)},
    {"8.1", "a second head without END_STREAM is malformed", RESETS(1, PROTOCOL_ERROR),
     SAY(HEADERS, FIELDS(1, HEAD, "grpc-status", "0"))},
    {"8.1", "1xx with END_STREAM is malformed", RESETS(1, PROTOCOL_ERROR),
     SAY(FIELDS(1, LAST, ":status", "103"))},
    {"8.1", "1xx before the answer is taken", SERVES(1),
     SAY(FIELDS(1, HEAD, ":status", "103"), ANSWER)},
    {"8.1.1", "content-length that is not met is malformed", RESETS(1, PROTOCOL_ERROR),
     SAY(FIELDS(1, HEAD, STATUS, "content-type", "application/grpc", "content-length", "9"), HELLO,
         TRAILERS)},
    {"8.2", "an upper-case name is malformed", MALFORMED(STATUS, "X-Upper", "1")},
    {"8.2.1", "the end of a line in a value is malformed", MALFORMED(STATUS, "x", "a\nb")},
    {"8.2.1", "a space in a name is malformed", MALFORMED(STATUS, "x y", "1")},
    {"8.2.2", "connection is malformed", MALFORMED(STATUS, "connection", "close")},
    {"8.2.2", "transfer-encoding is malformed", MALFORMED(STATUS, "transfer-encoding", "chunked")},
    {"8.3.2", "no :status is malformed", MALFORMED("content-type", "application/grpc")},
    {"8.3.2", ":status twice is malformed", MALFORMED(STATUS, STATUS)},
    {"8.3.2", ":status of two digits is malformed", MALFORMED(":status", "20")},
    {"8.3", "a pseudo-header of requests is malformed", MALFORMED(STATUS, ":path", "/")},
    {"8.3", "pseudo-headers in trailers are malformed", RESETS(1, PROTOCOL_ERROR),
     SAY(HEADERS, HELLO, FIELDS(1, LAST, STATUS, "grpc-status", "0"))},
};

const conform_table conform_client = CONFORM_TABLE(rows);

/* ---- running ---- */

static bool is_ok(const tcall *t) {
  return t->ends == 1 && t->code == GMUX_OK;
}

static bool is_failed(const tcall *t) {
  return t->ends == 1 && t->code != GMUX_OK;
}

static void check_next_call(rawpeer *peer, uint32_t stream) {
  gmux_call_options patient = w_patient();
  tcall *next = w_start(GMUX_UNARY, &patient);
  CU_ASSERT_EQUAL(w_write(next, "hello"), 0);
  if (!peer) peer = w_greet_within(300000);
  w_run();
  w_answer(peer, stream, "fine");
  w_run();
  CU_ASSERT_TRUE(is_ok(next));
}

/* Both calls are lost with it, and the next has a connection of its own. */
static void check_lost(const tcall *victim, const tcall *beside) {
  CU_ASSERT_TRUE(is_failed(victim));
  CU_ASSERT_TRUE(is_failed(beside));
  rawpeer_close(kit.peer);
  check_next_call(NULL, 1);
}

static void check_kept(const tcall *victim, const tcall *beside, conform_end_kind kind) {
  CU_ASSERT_TRUE(kind == CONFORM_RESETS ? is_failed(victim) : is_ok(victim));
  w_answer(kit.peer, 3, "fine");
  w_run();
  CU_ASSERT_TRUE(is_ok(beside));
  check_next_call(kit.peer, 5);
  CU_ASSERT_EQUAL(w_stats().connections_made, 1);
}

void conform_try_client(const conform_row *row, conform_way way) {
  (void)way; /* cleartext: a channel's TLS is tried elsewhere */
  w_setup();
  w_open();
  tcall *victim = w_unary(), *beside = w_unary();
  kit = (kit_world){.world = w_sim, .peer = row->is_bare ? w_accept() : w_greet(-1)};
  w_run();
  conform_say(row->script);
  w_run();
  bool is_served = row->end.kind == CONFORM_SERVES;
  if (!is_served) conform_check_end(row);
  if (row->end.kind == CONFORM_ENDS || row->end.kind == CONFORM_CLOSES)
    check_lost(victim, beside);
  else
    check_kept(victim, beside, row->end.kind);
  w_teardown();
  kit = (kit_world){.world = NULL};
}
