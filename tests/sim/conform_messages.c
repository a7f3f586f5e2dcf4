/* conform_messages.c: RFC 9113, 8: requests as messages of HTTP. What is malformed is reset. */
#include "tests/sim/conform.h"

#define HELLO "\0\0\0\0\5hello" /* ten bytes */

/* A whole request with this field in the place of its own, or beside them. */
#define ODD(...)       SAY(REQUEST(3, HEAD, __VA_ARGS__), MESSAGE(3, "hello"))
#define MALFORMED(...) RESETS(3, PROTOCOL_ERROR), ODD(__VA_ARGS__)
#define TAKEN(...)     SERVES(3), ODD(__VA_ARGS__)
/* Fields alone, in this order. */
#define BARE(...) SAY(FIELDS(3, LAST, __VA_ARGS__))

#define PSEUDO ":method", "POST", ":scheme", "http", ":path", "/t.S/Unary"

static void say_field(const void *name, size_t name_len, const void *value, size_t value_len) {
  rawbuf block = {NULL, 0, 0};
  uint8_t lens[2] = {(uint8_t)name_len, (uint8_t)value_len}, literal = 0;
  rawbuf_append(&block, GOOD_HEAD, sizeof GOOD_HEAD - 1);
  rawbuf_append(&block, &literal, 1);
  rawbuf_append(&block, &lens[0], 1);
  rawbuf_append(&block, name, name_len);
  rawbuf_append(&block, &lens[1], 1);
  rawbuf_append(&block, value, value_len);
  rawpeer_frame(kit.peer, RAW_HEADERS, HEAD, 3, block.data, block.len);
  rawbuf_deinit(&block);
}

static void say_name_with_nul(void) {
  say_field("x\0y", 3, "1", 1);
}
static void say_value_with_nul(void) {
  say_field("x", 1, "a\0b", 3);
}
static void say_empty_name(void) {
  say_field("", 0, "1", 1);
}

static void check_grpc_status_13(void) {
  KIT_STREQ(kit_trailer(3, "grpc-status"), "13");
}

static void check_asked_to_stop(void) {
  CU_ASSERT_EQUAL(kit_rst(3), GMUX__H2_NO_ERROR);
}

/* No handler hears of a request that is malformed: nothing but the witnesses' has begun. */
static void check_not_told(void) {
  CU_ASSERT_EQUAL(kit.calls, 2);
}

static const conform_row rows[] = {
    /* ---- 8.1: framing ---- */
    {"8.1", "trailers end a request", SERVES(3),
     SAY(OPEN(3), DATA(3, 0, HELLO), FIELDS(3, LAST, "x-trailer", "1"))},
    {"8.1", "trailers without END_STREAM are malformed", RESETS(3, PROTOCOL_ERROR),
     SAY(OPEN(3), DATA(3, 0, HELLO), FIELDS(3, HEAD, "x-trailer", "1"))},
    {"8.1", "a second head is malformed", RESETS(3, PROTOCOL_ERROR), SAY(OPEN(3), OPEN(3))},
    {"8.1", "trailers with pseudo-headers are malformed", RESETS(3, PROTOCOL_ERROR),
     SAY(OPEN(3), DATA(3, 0, HELLO), FIELDS(3, LAST, ":method", "POST"))},
    {"8.1", "trailers with an unknown pseudo-header are malformed", RESETS(3, PROTOCOL_ERROR),
     SAY(OPEN(3), DATA(3, 0, HELLO), FIELDS(3, LAST, ":x", "1"))},
    {"8.1", "trailers with a connection's field are malformed", RESETS(3, PROTOCOL_ERROR),
     SAY(OPEN(3), DATA(3, 0, HELLO), FIELDS(3, LAST, "connection", "close"))},
    {"8.1", "trailers with an upper-case name are malformed", RESETS(3, PROTOCOL_ERROR),
     SAY(OPEN(3), DATA(3, 0, HELLO), FIELDS(3, LAST, "X-Trailer", "1"))},
    {"8.1.1", "a body that a plain request's content-length denies is found",
     RESETS(3, PROTOCOL_ERROR),
     SAY(REQUEST(3, HEAD, "content-type", "text/plain", "content-length", "1"), HEAR,
         DATA(3, RAW_END_STREAM, "body"))},
    {"8.1", "a second head of a plain request is found", RESETS(3, PROTOCOL_ERROR),
     SAY(REQUEST(3, HEAD, "content-type", "text/plain"), HEAR, DATA(3, 0, "body"), HEAR,
         FIELDS(3, HEAD, "x-trailer", "1"))},
    {"8.1", "an answer before the request's end asks the client to stop", ANSWERS(3, "200"),
     SAY(REQUEST(3, HEAD, ":path", "/nowhere")), check_asked_to_stop},
    {"8.1.1", "a malformed request reaches no handler", RESETS(3, PROTOCOL_ERROR),
     ODD("connection", "close"), check_not_told},
    {"8.1.1", "content-length that is met is taken", TAKEN("content-length", "10")},
    {"8.1.1", "content-length that is met by several frames is taken", SERVES(3),
     SAY(REQUEST(3, HEAD, "content-length", "10"), DATA(3, 0, "\0\0\0\0\5"), DATA(3, 0, ""),
         DATA(3, RAW_END_STREAM, "hello"))},
    {"8.1.1", "padding does not count for content-length", SERVES(3),
     SAY(REQUEST(3, HEAD, "content-length", "10"),
         DATA(3, RAW_END_STREAM | RAW_PADDED, "\2" HELLO "\0\0"))},
    {"8.1.1", "less than content-length is malformed", MALFORMED("content-length", "11")},
    {"8.1.1", "more than content-length is malformed", MALFORMED("content-length", "9")},
    {"8.1.1", "several frames that are more than content-length are malformed",
     RESETS(3, PROTOCOL_ERROR),
     SAY(REQUEST(3, HEAD, "content-length", "9"), DATA(3, 0, "\0\0\0\0\5"),
         DATA(3, RAW_END_STREAM, "hello"))},
    {"8.1.1", "content-length without a body is malformed", RESETS(3, PROTOCOL_ERROR),
     SAY(REQUEST(3, LAST, "content-length", "10"))},
    {"8.1.1", "content-length that trailers cut short is malformed", RESETS(3, PROTOCOL_ERROR),
     SAY(REQUEST(3, HEAD, "content-length", "11"), DATA(3, 0, HELLO),
         FIELDS(3, LAST, "x-trailer", "1"))},
    {"8.1.1", "content-length of 0 without a body is well-formed", ANSWERS(3, "405"),
     SAY(REQUEST(3, LAST, ":method", "GET", "content-length", "0"))},
    {"8.1.1", "content-length that is no number is malformed", MALFORMED("content-length", "ten")},
    {"8.1.1", "content-length with a sign is malformed", MALFORMED("content-length", "+10")},
    {"8.1.1", "content-length past 2^63 is malformed",
     MALFORMED("content-length", "99999999999999999999")},
    {"8.1.1", "two values of content-length are malformed", RESETS(3, PROTOCOL_ERROR),
     SAY(REQUEST(3, HEAD, "content-length", "10", "content-length", "11"), MESSAGE(3, "hello"))},

    /* ---- 8.2: fields ---- */
    {"8.2", "an upper-case name is malformed", MALFORMED("X-Upper", "1")},
    {"8.2", "one upper-case letter is malformed", MALFORMED("x-uppeR", "1")},
    {"8.2.1", "a space in a name is malformed", MALFORMED("x y", "1")},
    {"8.2.1", "a control character in a name is malformed", MALFORMED("x\x01y", "1")},
    {"8.2.1", "DEL in a name is malformed", MALFORMED("x\x7fy", "1")},
    {"8.2.1", "a name beyond ASCII is malformed", MALFORMED("x\xe4y", "1")},
    {"8.2.1", "a colon in a name is malformed", MALFORMED("x:y", "1")},
    {"8.2.1", "a parenthesis in a name is malformed", MALFORMED("x(y)", "1")},
    {"8.2.1", "NUL in a name is malformed", RESETS(3, PROTOCOL_ERROR), SAY(DO(say_name_with_nul))},
    {"8.2.1", "an empty name is malformed", RESETS(3, PROTOCOL_ERROR), SAY(DO(say_empty_name))},
    {"8.2.1", "NUL in a value is malformed", RESETS(3, PROTOCOL_ERROR),
     SAY(DO(say_value_with_nul))},
    {"8.2.1", "LF in a value is malformed", MALFORMED("x", "a\nb")},
    {"8.2.1", "CR in a value is malformed", MALFORMED("x", "a\rb")},
    {"8.2.1", "a space before a value is malformed", MALFORMED("x", " a")},
    {"8.2.1", "a space behind a value is malformed", MALFORMED("x", "a ")},
    {"8.2.1", "a tab before a value is malformed", MALFORMED("x", "\ta")},
    {"8.2.1", "a tab behind a value is malformed", MALFORMED("x", "a\t")},
    {"8.2.1", "an empty value is taken", TAKEN("x", "")},
    {"8.2.1", "a tab within a value is taken", TAKEN("x", "a\tb")},
    {"8.2.1", "a value beyond ASCII is taken", TAKEN("x", "\xe4\xf6")},
    {"8.2.1", "every character of a token is taken in a name", TAKEN("!#$%&'*+-.^_`|~09az", "1")},
    {"8.2.2", "connection is malformed", MALFORMED("connection", "keep-alive")},
    {"8.2.2", "keep-alive is malformed", MALFORMED("keep-alive", "timeout=5")},
    {"8.2.2", "proxy-connection is malformed", MALFORMED("proxy-connection", "keep-alive")},
    {"8.2.2", "transfer-encoding is malformed", MALFORMED("transfer-encoding", "chunked")},
    {"8.2.2", "upgrade is malformed", MALFORMED("upgrade", "h2c")},
    {"8.2.2", "te of anything but trailers is malformed", MALFORMED("te", "trailers, deflate")},
    {"8.2.2", "te: trailers is taken", TAKEN("te", "trailers")},
    {"8.2.3", "cookies in crumbs are taken", TAKEN("cookie", "a=b", "cookie", "c=d")},

    /* ---- 8.3: pseudo-headers ---- */
    {"8.3", "an unknown pseudo-header is malformed", MALFORMED(":unknown", "1")},
    {"8.3", "a pseudo-header of answers is malformed", MALFORMED(":status", "200")},
    {"8.3", "a pseudo-header behind a field is malformed", RESETS(3, PROTOCOL_ERROR),
     BARE(":method", "POST", ":scheme", "http", "x", "1", ":path", "/t.S/Unary")},
    {"8.3", "an upper-case pseudo-header is malformed", MALFORMED(":Method", "POST")},
    {"8.3.1", "no :method is malformed", MALFORMED(":method", "-")},
    {"8.3.1", "no :scheme is malformed", MALFORMED(":scheme", "-")},
    {"8.3.1", "no :path is malformed", MALFORMED(":path", "-")},
    {"8.3.1", "an empty :path is malformed", MALFORMED(":path", "")},
    {"8.3.1", "a :path without a slash is malformed", MALFORMED(":path", "t.S/Unary")},
    {"8.3.1", "a :path of * for anything but OPTIONS is malformed", MALFORMED(":path", "*")},
    {"8.3.1", "a space in :path is malformed", MALFORMED(":path", "/t.S/Una ry")},
    {"8.3.1", "an empty :method is malformed", MALFORMED(":method", "")},
    {"8.3.1", "a space in :method is malformed", MALFORMED(":method", "PO ST")},
    {"8.3.1", "an empty :scheme is malformed", MALFORMED(":scheme", "")},
    {"8.3.1", "a space in :authority is malformed", MALFORMED(":authority", "a example")},
    {"8.3.1", ":method twice is malformed", RESETS(3, PROTOCOL_ERROR),
     BARE(PSEUDO, ":method", "POST")},
    {"8.3.1", ":scheme twice is malformed", RESETS(3, PROTOCOL_ERROR),
     BARE(PSEUDO, ":scheme", "http")},
    {"8.3.1", ":path twice is malformed", RESETS(3, PROTOCOL_ERROR),
     BARE(PSEUDO, ":path", "/t.S/Unary")},
    {"8.3.1", ":authority twice is malformed", RESETS(3, PROTOCOL_ERROR),
     BARE(PSEUDO, ":authority", "a.example", ":authority", "a.example")},
    {"8.3.1", "host in the place of :authority is taken",
     TAKEN(":authority", "-", "host", "a.example")},
    {"8.3.1", "host that says what :authority says is taken", TAKEN("host", "a.example")},
    /* SHOULD be malformed; gRPC lets :authority count (gRFC A41). */
    {"8.3.1", "host that says something else than :authority is passed over",
     TAKEN("host", "b.example")},
    {"8.3.1", "neither :authority nor host is malformed", MALFORMED(":authority", "-")},
    {"8.3.1", "the scheme that is not the connection's is taken", TAKEN(":scheme", "https")},

    /* ---- 8.5: CONNECT ---- */
    {"8.5", "CONNECT is answered with 405", ANSWERS(3, "405"),
     BARE(":method", "CONNECT", ":authority", "a.example:80")},
    {"8.5", "CONNECT with :path is malformed", RESETS(3, PROTOCOL_ERROR),
     BARE(":method", "CONNECT", ":authority", "a.example:80", ":path", "/")},
    {"8.5", "CONNECT with :scheme is malformed", RESETS(3, PROTOCOL_ERROR),
     BARE(":method", "CONNECT", ":scheme", "http", ":authority", "a.example:80")},
    {"8.5", "CONNECT without :authority is malformed", RESETS(3, PROTOCOL_ERROR),
     BARE(":method", "CONNECT")},
    {"8.5", ":protocol (RFC 8441), which was not offered, is malformed", RESETS(3, PROTOCOL_ERROR),
     BARE(":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/",
          ":authority", "a.example")},

    /* ---- gRPC's own, where HTTP is kept to ---- */
    {"8.1", "a request without its message is answered by gRPC", ANSWERS(3, "200"),
     SAY(REQUEST(3, LAST, "te", "trailers")), check_grpc_status_13},
};

const conform_table conform_messages = CONFORM_TABLE(rows);
