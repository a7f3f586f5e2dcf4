/* conform_connection.c: RFC 9113, 3.4 (preface), 4 (frames), 5.4 (errors), 5.5 (extensions). */
#include "tests/sim/conform.h"

#define PREFACE     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define NO_SETTINGS "\0\0\0\4\0\0\0\0\0"
#define OPAQUE      "12345678"

static void check_first_frame(void) {
  const rawframe *first = rawpeer_find(kit.peer, RAW_ANY, RAW_ANY, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(first);
  CU_ASSERT_EQUAL(first->type, RAW_SETTINGS);
  CU_ASSERT_EQUAL(first->flags, 0);
  CU_ASSERT_EQUAL(first->stream, 0);
}

static void say_preface_byte_by_byte(void) {
  static const char bytes[] = PREFACE NO_SETTINGS;
  for (size_t i = 0; i < sizeof bytes - 1; i++) {
    rawpeer_send(kit.peer, bytes + i, 1);
    kit_run();
  }
}

/* A frame whose header says `len`, with R set in front of its stream. */
static void say_ping_with_reserved_bit(void) {
  rawpeer_send(kit.peer, "\0\0\x08\x06\0\x80\0\0\0" OPAQUE, 17);
}

static void check_ping_acks(size_t count) {
  CU_ASSERT_EQUAL(rawpeer_count(kit.peer, RAW_PING, 0), count);
  for (size_t i = 0; i < count; i++) {
    const rawframe *ack = rawpeer_find(kit.peer, RAW_PING, 0, i);
    CU_ASSERT_EQUAL(ack->flags, RAW_ACK);
    CU_ASSERT_EQUAL(ack->len, RAW_PING_BYTES);
    CU_ASSERT_EQUAL(memcmp(ack->payload, OPAQUE, RAW_PING_BYTES), 0);
  }
}

static void check_one_ping_ack(void) {
  check_ping_acks(1);
}

static void check_last_stream(void) {
  const rawframe *goaway = rawpeer_find(kit.peer, RAW_GOAWAY, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(goaway);
  CU_ASSERT_EQUAL(rawframe_u32(goaway, 0), 7);
}

static const conform_row rows[] = {
    /* ---- 3.4: how a connection begins ---- */
    {"3.4", "the server's first frame is SETTINGS", SERVES(3),
     SAY(BYTES(PREFACE NO_SETTINGS), CALL(3)), check_first_frame, .is_bare = true},
    {"3.4", "a preface may come byte by byte", SERVES(3),
     SAY(DO(say_preface_byte_by_byte), CALL(3)), .is_bare = true},
    {"3.4", "requests may follow the preface at once", SERVES(1),
     SAY(BYTES(PREFACE NO_SETTINGS), CALL(1)), .is_bare = true},
    {"3.4", "HTTP/1.1 in place of a preface closes", CLOSES,
     SAY(BYTES("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")), .is_bare = true},
    {"3.4", "a preface with one wrong byte closes", CLOSES,
     SAY(BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r" NO_SETTINGS)), .is_bare = true},
    {"3.4", "a frame without a preface closes", CLOSES,
     SAY(BYTES(NO_SETTINGS), BYTES(NO_SETTINGS), BYTES(NO_SETTINGS)), .is_bare = true},
    {"3.4", "PING before SETTINGS ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(BYTES(PREFACE), FRAME(RAW_PING, 0, 0, OPAQUE)), .is_bare = true},
    {"3.4", "HEADERS before SETTINGS end the connection", ENDS(PROTOCOL_ERROR),
     SAY(BYTES(PREFACE), OPEN(1)), .is_bare = true},
    {"3.4", "an ACK is no first SETTINGS", ENDS(PROTOCOL_ERROR),
     SAY(BYTES(PREFACE), FRAME(RAW_SETTINGS, RAW_ACK, 0, "")), .is_bare = true},
    {"3.4", "an unknown frame before SETTINGS ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(BYTES(PREFACE), FRAME(0xfa, 0, 0, "x")), .is_bare = true},
    {"3.4", "first SETTINGS of a wrong size end the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(BYTES(PREFACE), FRAME(RAW_SETTINGS, 0, 0, "12345")), .is_bare = true},

    /* ---- 4.1: the layout of frames ---- */
    {"4.1", "a frame of an unknown type is ignored", SERVES(3),
     SAY(FRAME(0xfa, 0, 0, "whatever"), CALL(3))},
    {"4.1", "a frame of an unknown type on an open stream is ignored", SERVES(3),
     SAY(OPEN(3), FRAME(0xfa, 0xff, 3, "whatever"), MESSAGE(3, "hello"))},
    {"4.1", "a frame of an unknown type on an idle stream is ignored", SERVES(3),
     SAY(FRAME(0xfa, 0, 9, ""), CALL(3))},
    {"4.1", "flags that a frame does not have are ignored", IGNORES,
     SAY(FRAME(RAW_PING, 0xfe, 0, OPAQUE)), check_one_ping_ack},
    {"4.1", "flags that HEADERS and DATA do not have are ignored", SERVES(3),
     SAY(REQUEST(3, HEAD | 0x80 | 0x40, "te", "trailers"),
         DATA(3, RAW_END_STREAM | 0xc0, "\0\0\0\0\5hello"))},
    {"4.1", "the reserved bit before the stream's id is ignored", IGNORES,
     SAY(DO(say_ping_with_reserved_bit)), check_one_ping_ack},

    /* ---- 4.2: sizes ---- */
    {"4.2", "DATA of 16,384 bytes is taken", SERVES(3),
     SAY(OPEN(3), FRAME(RAW_DATA, 0, 3, "\0\0\0\x3f\xfb"),
         ZEROS(RAW_DATA, RAW_END_STREAM, 3, 16379))},
    {"4.2", "one frame of 16,384 bytes is taken", SERVES(3),
     SAY(OPEN(3), ZEROS(0xfa, 0, 3, 16384), MESSAGE(3, "hello"))},
    {"4.2", "DATA of 16,385 bytes is refused", ENDS_FOR_STREAM(3, FRAME_SIZE_ERROR),
     SAY(OPEN(3), ZEROS(RAW_DATA, 0, 3, 16385))},
    {"4.2", "HEADERS of 16,385 bytes end the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(ZEROS(RAW_HEADERS, LAST, 3, 16385))},
    {"4.2", "CONTINUATION of 16,385 bytes ends the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), ZEROS(RAW_CONTINUATION, HEAD, 3, 16385))},
    {"4.2", "SETTINGS of 16,386 bytes end the connection", ENDS(FRAME_SIZE_ERROR),
     SAY(ZEROS(RAW_SETTINGS, 0, 0, 16386))},
    {"4.2", "an unknown frame of 16,385 bytes is refused", ENDS(FRAME_SIZE_ERROR),
     SAY(ZEROS(0xfa, 0, 0, 16385))},

    /* ---- 4.3: header blocks ---- */
    {"4.3", "a header block that cannot be decoded ends the connection", ENDS(COMPRESSION_ERROR),
     SAY(FRAME(RAW_HEADERS, LAST, 3, "\xff\xff\xff\xff\xff\xff"))},
    {"4.3", "a header block that ends in the middle of a field ends the connection",
     ENDS(COMPRESSION_ERROR), SAY(FRAME(RAW_HEADERS, LAST, 3, GOOD_HEAD "\0\x05te"))},
    {"4.3", "trailers that cannot be decoded end the connection", ENDS(COMPRESSION_ERROR),
     SAY(OPEN(3), FRAME(RAW_HEADERS, LAST, 3, "\xff\xff\xff\xff\xff\xff"))},
    {"4.3", "PRIORITY amid a header block ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), FRAME(RAW_PRIORITY, 0, 3, "\0\0\0\0\x0f"))},
    {"4.3", "HEADERS of another stream amid a header block end the connection",
     ENDS(PROTOCOL_ERROR), SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), OPEN(5))},
    {"4.3", "HEADERS of the same stream amid a header block end the connection",
     ENDS(PROTOCOL_ERROR), SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), OPEN(3))},
    {"4.3", "DATA amid a header block ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), DATA(1, 0, "x"))},
    {"4.3", "PING amid a header block ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), FRAME(RAW_PING, 0, 0, OPAQUE))},
    {"4.3", "SETTINGS amid a header block end the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), FRAME(RAW_SETTINGS, 0, 0, ""))},
    {"4.3", "WINDOW_UPDATE amid a header block ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), WINDOW(0, 1))},
    {"4.3", "RST_STREAM amid its own header block ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), RESET(3, 8))},

    /* ---- 5.4: errors ---- */
    {"5.4.1", "GOAWAY names the last stream that was looked at", ENDS(FRAME_SIZE_ERROR),
     SAY(OPEN(3), OPEN(7), FRAME(RAW_PING, 0, 0, "short")), check_last_stream},
    {"5.4.1", "what follows a connection error is not looked at", ENDS(FRAME_SIZE_ERROR),
     SAY(OPEN(3), OPEN(7), FRAME(RAW_PING, 0, 0, "short"), FRAME(RAW_PING, 0, 0, OPAQUE), OPEN(9)),
     check_last_stream},
    {"5.4.2", "RST_STREAM is not answered by RST_STREAM", IGNORES, SAY(OPEN(3), RESET(3, 8))},
    {"5.4.2", "RST_STREAM of an answer under way is not answered", IGNORES,
     SAY(HELD(3), HEAR, RESET(3, 8))},

    /* ---- 5.5: extensions ---- */
    {"5.5", "an unknown frame amid a header block ends the connection", ENDS(PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD), FRAME(0xfa, 0, 3, "x"))},
    {"5.5", "an unknown setting is ignored and acknowledged", SERVES(3),
     SAY(SETTING(0xfe03, 1), CALL(3))},
    {"5.5", "PRIORITY_UPDATE (RFC 9218) is ignored", SERVES(3),
     SAY(FRAME(0x10, 0, 0, "\0\0\0\3u=1"), CALL(3))},
    {"5.5", "ALTSVC and ORIGIN from a client are ignored", SERVES(3),
     SAY(FRAME(0x0a, 0, 0, "\0\0"), FRAME(0x0c, 0, 0, ""), CALL(3))},
};

const conform_table conform_connection = CONFORM_TABLE(rows);
