/* conform_frames.c: RFC 9113, 6, frame by frame; WINDOW_UPDATE is in conform_windows.c. */
#include "tests/sim/conform.h"

#define AUTHORITY                                                                                  \
  "\x01\x09"                                                                                       \
  "a.example"
#define PING_BYTES "12345678"
/* What a client may say about its own frame sizes and streams. */
#define MESSAGE_BYTES "\0\0\0\0\5hello"

static size_t settings_acks(void) {
  size_t acks = 0;
  const rawframe *f;
  for (size_t i = 0; (f = rawpeer_find(kit.peer, RAW_SETTINGS, 0, i)); i++)
    acks += (f->flags & RAW_ACK) != 0;
  return acks;
}

/* The greeting's, and one. */
static void check_settings_acked(void) {
  CU_ASSERT_EQUAL(settings_acks(), 2);
}

static void check_settings_acked_thrice(void) {
  CU_ASSERT_EQUAL(settings_acks(), 4);
}

/* In the order in which they came, each with its own bytes. */
static void check_two_ping_acks(void) {
  static const char *const opaque[] = {"AAAAAAAA", "BBBBBBBB"};
  CU_ASSERT_EQUAL(rawpeer_count(kit.peer, RAW_PING, 0), 2);
  for (size_t i = 0; i < 2; i++) {
    const rawframe *ack = rawpeer_find(kit.peer, RAW_PING, 0, i);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ack);
    CU_ASSERT_EQUAL(ack->flags, RAW_ACK);
    CU_ASSERT_EQUAL(memcmp(ack->payload, opaque[i], RAW_PING_BYTES), 0);
  }
}

static void check_no_ping_ack(void) {
  CU_ASSERT_EQUAL(rawpeer_count(kit.peer, RAW_PING, 0), 0);
}

static void check_nothing_more_on_3(void) {
  CU_ASSERT_EQUAL(rawpeer_count(kit.peer, RAW_ANY, 3), 0);
}

/* 1 byte of a message and 255 of padding a frame, more than all windows in sum: what is not given
 * back would stop it. */
static void say_padded_message(void) {
  static const uint8_t prefix[5] = {0, 0, 0, 1, 0x2c};
  conform_say(STEPS(OPEN(3)));
  rawpeer_data(kit.peer, 3, 0, prefix, sizeof prefix, 255);
  for (int i = 0; i < 300; i++) {
    rawpeer_data(kit.peer, 3, i == 299 ? RAW_END_STREAM : 0, "x", 1, 255);
    if (i % 64 == 0) kit_run();
  }
}

static void say_many_continuations(void) {
  static const char block[] = GOOD_HEAD;
  conform_say(STEPS(FRAME(RAW_HEADERS, 0, 3, "")));
  for (size_t i = 0; i < sizeof block - 1; i++)
    rawpeer_frame(kit.peer, RAW_CONTINUATION, i == sizeof block - 2 ? HEAD : 0, 3, block + i, 1);
  conform_say(STEPS(MESSAGE(3, "hello")));
}

static const conform_row rows[] = {
    /* ---- 6.1: DATA ---- */
    {"6.1", "DATA on stream 0 ends the connection", ENDS(PROTOCOL_ERROR), SAY(DATA(0, 0, "x"))},
    {"6.1", "padding as long as its frame ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(OPEN(3), DATA(3, RAW_PADDED, "\3xx"))},
    {"6.1", "padding longer than its frame ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(OPEN(3), DATA(3, RAW_PADDED, "\xff"))},
    {"6.1", "padded DATA without the padding's length ends the connection",
     ENDS_OF(PROTOCOL_ERROR, CODE(PROTOCOL_ERROR) | CODE(FRAME_SIZE_ERROR)),
     SAY(OPEN(3), DATA(3, RAW_PADDED, ""))},
    {"6.1", "padded DATA is taken without its padding", SERVES(3),
     SAY(OPEN(3), DATA(3, RAW_PADDED | RAW_END_STREAM, "\3" MESSAGE_BYTES "\0\0\0"))},
    {"6.1", "padding of no bytes is taken", SERVES(3),
     SAY(OPEN(3), DATA(3, RAW_PADDED | RAW_END_STREAM, "\0" MESSAGE_BYTES))},
    {"6.1", "DATA of nothing but padding is taken", SERVES(3),
     SAY(OPEN(3), DATA(3, RAW_PADDED, "\4\0\0\0\0"), MESSAGE(3, "hello"))},
    {"6.1", "empty DATA is taken", SERVES(3),
     SAY(OPEN(3), DATA(3, 0, ""), DATA(3, 0, MESSAGE_BYTES), DATA(3, RAW_END_STREAM, ""))},
    {"6.1", "padding is given back to both windows", SERVES(3), SAY(DO(say_padded_message))},

    /* ---- 6.2: HEADERS ---- */
    {"6.2", "padding longer than HEADERS ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, LAST | RAW_PADDED, 3, "\xff" GOOD_HEAD))},
    {"6.2", "padding longer than what the priority has left ends the connection",
     ENDS_OF(PROTOCOL_ERROR, CODE(PROTOCOL_ERROR) | CODE(FRAME_SIZE_ERROR)),
     SAY(FRAME(RAW_HEADERS, LAST | RAW_PADDED | RAW_PRIORITY_FLAG, 3,
               "\2\0\0\0\0\x0f"
               "x"))},
    {"6.2", "HEADERS too short for their priority end the connection",
     ENDS_OF(FRAME_SIZE_ERROR, CODE(PROTOCOL_ERROR) | CODE(FRAME_SIZE_ERROR)),
     SAY(FRAME(RAW_HEADERS, LAST | RAW_PRIORITY_FLAG, 3, "\0\0\0\0"))},
    {"6.2", "padded HEADERS without the padding's length end the connection",
     ENDS_OF(PROTOCOL_ERROR, CODE(PROTOCOL_ERROR) | CODE(FRAME_SIZE_ERROR)),
     SAY(FRAME(RAW_HEADERS, LAST | RAW_PADDED, 3, ""))},
    {"6.2", "padded HEADERS are taken", SERVES(3),
     SAY(FRAME(RAW_HEADERS, HEAD | RAW_PADDED, 3, "\2" GOOD_HEAD "\0\0"), MESSAGE(3, "hello"))},
    {"6.2", "HEADERS with padding and priority are taken", SERVES(3),
     SAY(FRAME(RAW_HEADERS, HEAD | RAW_PADDED | RAW_PRIORITY_FLAG, 3,
               "\2\0\0\0\0\x0f" GOOD_HEAD "\0\0"),
         MESSAGE(3, "hello"))},
    {"6.2", "HEADERS without any field are malformed", RESETS(3, PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, LAST, 3, ""))},

    /* ---- 6.3: PRIORITY ---- */
    {"6.3", "PRIORITY on stream 0 ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_PRIORITY, 0, 0, "\0\0\0\0\x0f"))},
    {"6.3", "PRIORITY of 4 bytes is refused", ENDS_FOR_STREAM(3, FRAME_SIZE_ERROR),
     SAY(OPEN(3), FRAME(RAW_PRIORITY, 0, 3, "\0\0\0\0"))},
    {"6.3", "PRIORITY of 6 bytes is refused", ENDS_FOR_STREAM(3, FRAME_SIZE_ERROR),
     SAY(OPEN(3), FRAME(RAW_PRIORITY, 0, 3, "\0\0\0\0\x0f\0"))},
    {"6.3", "PRIORITY of an open stream is taken", SERVES(3),
     SAY(OPEN(3), FRAME(RAW_PRIORITY, 0, 3, "\0\0\0\1\x0f"), MESSAGE(3, "hello"))},

    /* ---- 6.4: RST_STREAM ---- */
    {"6.4", "RST_STREAM on stream 0 ends the connection", ENDS(PROTOCOL_ERROR), SAY(RESET(0, 8))},
    {"6.4", "RST_STREAM of 3 bytes ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(OPEN(3), FRAME(RAW_RST_STREAM, 0, 3, "\0\0\0"))},
    {"6.4", "RST_STREAM of 5 bytes ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(OPEN(3), FRAME(RAW_RST_STREAM, 0, 3, "\0\0\0\0\x08"))},
    {"6.4", "nothing is said on a stream behind the client's RST_STREAM", IGNORES,
     SAY(HELD(3), HEAR, RESET(3, 8)), check_nothing_more_on_3},
    {"6.4", "RST_STREAM in the same read as its request costs no answer", IGNORES,
     SAY(CALL(3), RESET(3, 8)), check_nothing_more_on_3, .is_one_read = true},

    /* ---- 6.5: SETTINGS ---- */
    {"6.5", "an ACK with content ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_SETTINGS, RAW_ACK, 0, "\0\x03\0\0\0\1"))},
    {"6.5", "SETTINGS on a stream end the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_SETTINGS, 0, 1, "\0\x03\0\0\0\1"))},
    {"6.5", "an ACK on a stream ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_SETTINGS, RAW_ACK, 1, ""))},
    {"6.5", "SETTINGS of 3 bytes end the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_SETTINGS, 0, 0, "\0\x03\0"))},
    {"6.5", "SETTINGS of 7 bytes end the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_SETTINGS, 0, 0, "\0\x03\0\0\0\1\0"))},
    {"6.5", "an ACK of nothing is an error, which RFC 9113 does not name",
     ENDS_OR_IGNORES(0, PROTOCOL_ERROR, 0, CODE(PROTOCOL_ERROR)),
     SAY(FRAME(RAW_SETTINGS, RAW_ACK, 0, ""))},
    {"6.5.2", "SETTINGS_ENABLE_PUSH above 1 ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(SETTING(SET_PUSH, 2))},
    {"6.5.2", "SETTINGS_ENABLE_PUSH of 0 is taken", SERVES(3), SAY(SETTING(SET_PUSH, 0), CALL(3))},
    {"6.5.2", "SETTINGS_ENABLE_PUSH of 1 is taken", SERVES(3), SAY(SETTING(SET_PUSH, 1), CALL(3))},
    {"6.5.2", "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1 ends the connection",
     ENDS(FLOW_CONTROL_ERROR), SAY(SETTING(SET_WINDOW, 0x80000000))},
    {"6.5.2", "SETTINGS_MAX_FRAME_SIZE of 16,383 ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(SETTING(SET_FRAME_SIZE, 16383))},
    {"6.5.2", "SETTINGS_MAX_FRAME_SIZE of 0 ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(SETTING(SET_FRAME_SIZE, 0))},
    {"6.5.2", "SETTINGS_MAX_FRAME_SIZE of 2^24 ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(SETTING(SET_FRAME_SIZE, 1 << 24))},
    {"6.5.2", "SETTINGS_MAX_FRAME_SIZE of 2^24-1 is taken", SERVES(3),
     SAY(SETTING(SET_FRAME_SIZE, (1 << 24) - 1), CALL(3))},
    {"6.5.2", "SETTINGS_HEADER_TABLE_SIZE of 0 is kept to", SERVES(5),
     SAY(CALL(3), HEAR, SETTING(SET_TABLE_SIZE, 0), CALL(5))},
    {"6.5.2", "SETTINGS_HEADER_TABLE_SIZE of 2^32-1 is taken", SERVES(3),
     SAY(SETTING(SET_TABLE_SIZE, 0xffffffff), CALL(3))},
    {"6.5.2", "SETTINGS_MAX_CONCURRENT_STREAMS of 0 binds pushes alone", SERVES(3),
     SAY(SETTING(SET_STREAMS, 0), CALL(3))},
    {"6.5.2", "SETTINGS_MAX_HEADER_LIST_SIZE of 0 is advice", SERVES(3),
     SAY(SETTING(SET_LIST_SIZE, 0), CALL(3))},
    {"6.5.2", "SETTINGS_NO_RFC7540_PRIORITIES above 1 ends the connection",
     ENDS_OR_IGNORES(0, PROTOCOL_ERROR, 0, CODE(PROTOCOL_ERROR)), SAY(SETTING(9, 2))},
    {"6.5.3", "SETTINGS are acknowledged", IGNORES, SAY(SETTING(SET_WINDOW, 65535)),
     check_settings_acked},
    {"6.5.3", "empty SETTINGS are acknowledged", IGNORES, SAY(FRAME(RAW_SETTINGS, 0, 0, "")),
     check_settings_acked},
    {"6.5.3", "each SETTINGS is acknowledged", IGNORES,
     SAY(SETTING(SET_WINDOW, 1), SETTING(SET_WINDOW, 2), SETTING(SET_WINDOW, 65535)),
     check_settings_acked_thrice},

    /* ---- 6.6: PUSH_PROMISE ---- */
    {"6.6", "PUSH_PROMISE from a client ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(OPEN(3), FRAME(RAW_PUSH_PROMISE, HEAD, 3, "\0\0\0\2" GOOD_HEAD))},
    {"6.6", "PUSH_PROMISE on stream 0 ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_PUSH_PROMISE, HEAD, 0, "\0\0\0\2" GOOD_HEAD))},

    /* ---- 6.7: PING ---- */
    {"6.7", "PINGs are acknowledged in order with their bytes", IGNORES,
     SAY(FRAME(RAW_PING, 0, 0, "AAAAAAAA"), FRAME(RAW_PING, 0, 0, "BBBBBBBB")),
     check_two_ping_acks},
    {"6.7", "a PING ACK that nobody asked for is ignored", IGNORES,
     SAY(FRAME(RAW_PING, RAW_ACK, 0, PING_BYTES)), check_no_ping_ack},
    {"6.7", "PING on a stream ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_PING, 0, 1, PING_BYTES))},
    {"6.7", "a PING ACK on a stream ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_PING, RAW_ACK, 1, PING_BYTES))},
    {"6.7", "PING of 7 bytes ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_PING, 0, 0, "1234567"))},
    {"6.7", "PING of 9 bytes ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_PING, 0, 0, "123456789"))},
    {"6.7", "PING of no bytes ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_PING, 0, 0, ""))},

    /* ---- 6.8: GOAWAY ---- */
    {"6.8", "GOAWAY on a stream ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_GOAWAY, 0, 1, "\0\0\0\0\0\0\0\0"))},
    {"6.8", "GOAWAY of 7 bytes ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_GOAWAY, 0, 0, "\0\0\0\0\0\0\0"))},
    {"6.8", "a client that says GOAWAY still gets its answers", SERVES(3),
     SAY(OPEN(3), FRAME(RAW_GOAWAY, 0, 0, "\0\0\0\0\0\0\0\0bye"), HEAR, MESSAGE(3, "hello")),
     .is_last_id = true},
    {"6.8", "a second GOAWAY that names a higher stream ends the connection",
     ENDS_OR_IGNORES(0, PROTOCOL_ERROR, 0, CODE(PROTOCOL_ERROR)),
     SAY(FRAME(RAW_GOAWAY, 0, 0, "\0\0\0\0\0\0\0\0"), FRAME(RAW_GOAWAY, 0, 0, "\0\0\0\2\0\0\0\0"))},

    /* ---- 6.10: CONTINUATION ---- */
    {"6.10", "a block in three pieces is served", SERVES(3),
     SAY(FRAME(RAW_HEADERS, 0, 3, "\x83\x86\x04\x0a/t."), FRAME(RAW_CONTINUATION, 0, 3, "S/Una"),
         FRAME(RAW_CONTINUATION, HEAD, 3,
               "ry" AUTHORITY "\x0f\x10\x10"
               "application/grpc"),
         MESSAGE(3, "hello"))},
    {"6.10", "an empty CONTINUATION is taken", SERVES(3),
     SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), FRAME(RAW_CONTINUATION, HEAD, 3, ""),
         MESSAGE(3, "hello"))},
    {"6.10", "a block of many small pieces is served, in one read", SERVES(3),
     SAY(DO(say_many_continuations)), .is_one_read = true},
    {"6.10", "trailers in pieces are taken", SERVES(3),
     SAY(OPEN(3), DATA(3, 0, MESSAGE_BYTES), FRAME(RAW_HEADERS, RAW_END_STREAM, 3, "\0\1x"),
         FRAME(RAW_CONTINUATION, HEAD, 3,
               "\1"
               "1"))},
    {"6.10", "END_STREAM of HEADERS holds for the whole block", ANSWERS(3, "404"),
     SAY(FRAME(RAW_HEADERS, RAW_END_STREAM, 3, "\x82\x86"),
         FRAME(RAW_CONTINUATION, HEAD, 3, "\x84" AUTHORITY))},
    {"6.10", "CONTINUATION behind the end of a block ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(OPEN(3), FRAME(RAW_CONTINUATION, HEAD, 3, ""))},
    {"6.10", "CONTINUATION behind a block in pieces ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), FRAME(RAW_CONTINUATION, HEAD, 3, ""),
         FRAME(RAW_CONTINUATION, HEAD, 3, ""))},
    {"6.10", "CONTINUATION behind DATA ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(OPEN(3), DATA(3, 0, MESSAGE_BYTES), FRAME(RAW_CONTINUATION, HEAD, 3, ""))},
    {"6.10", "CONTINUATION on stream 0 ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), FRAME(RAW_CONTINUATION, HEAD, 0, ""))},
    {"6.10", "CONTINUATION of another stream ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), FRAME(RAW_CONTINUATION, HEAD, 5, ""))},
};

const conform_table conform_frames = CONFORM_TABLE(rows);
