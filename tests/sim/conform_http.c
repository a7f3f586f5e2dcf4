/*
 * conform_http.c: plain requests of HTTP, as generic suites and browsers make them, are answered as
 * HTTP has it and not reset (RFC 9110); and floods (RFC 9113, 10.5).
 */
#include "tests/sim/conform.h"

#define PLAIN(id, fl, method, path)                                                                \
  REQUEST(id, fl, ":method", method, ":path", path, "content-type", "-")

/* Larger than both windows. */
enum { BODY_FRAMES = 10, TOO_MANY_FRAMES = 20 };

static void say_body(int frames) {
  for (int i = 0; i < frames; i++)
    conform_say(STEPS(ZEROS(RAW_DATA, 0, 3, 16384), HEAR));
}

static void say_large_body(void) {
  say_body(BODY_FRAMES);
  conform_say(STEPS(DATA(3, RAW_END_STREAM, "")));
}

/* More than a message may have. */
static void say_endless_body(void) {
  say_body(TOO_MANY_FRAMES);
}

static uint64_t updates_of(uint32_t stream) {
  uint64_t bytes = 0;
  const rawframe *f;
  for (size_t i = 0; (f = rawpeer_find(kit.peer, RAW_WINDOW_UPDATE, stream, i)); i++)
    bytes += rawframe_u32(f, 0);
  return bytes;
}

static void check_body_is_drained(void) {
  CU_ASSERT_TRUE(updates_of(0) >= BODY_FRAMES * 16384 - 65536);
  CU_ASSERT_TRUE(updates_of(3) >= BODY_FRAMES * 16384 - 65536);
  CU_ASSERT_EQUAL(kit_rst(3), -1);
}

static void check_allow(void) {
  KIT_STREQ(kit_header(3, "allow"), "POST");
}

/* RFC 9113, 8.1: a client that has said all is not reset. */
static void check_no_rst(void) {
  CU_ASSERT_EQUAL(kit_rst(3), -1);
}

static void check_nothing_on_3(void) {
  CU_ASSERT_EQUAL(rawpeer_count(kit.peer, RAW_ANY, 3), 0);
}

static void check_asked_to_stop(void) {
  CU_ASSERT_EQUAL(kit_rst(3), GMUX__H2_NO_ERROR);
}

static void check_unimplemented(void) {
  KIT_STREQ(kit_header(3, "grpc-status"), "12");
}

/* ---- floods ---- */

enum { FLOOD = 12000 };

static void flood(const conform_step *steps) {
  for (int i = 0; i < FLOOD && !kit_is_gone(kit.peer); i++) {
    conform_say(steps);
    if (i % 100 == 0) kit_run();
  }
}

static void flood_with_pings(void) {
  flood(STEPS(FRAME(RAW_PING, 0, 0, "12345678")));
}
static void flood_with_settings(void) {
  flood(STEPS(FRAME(RAW_SETTINGS, 0, 0, "")));
}
static void flood_with_priorities(void) {
  flood(STEPS(FRAME(RAW_PRIORITY, 0, 1, "\0\0\0\0\x0f")));
}
static void flood_with_empty_data(void) {
  conform_say(STEPS(OPEN(3)));
  flood(STEPS(DATA(3, 0, "")));
}
static void flood_with_windows(void) {
  flood(STEPS(WINDOW(0, 1)));
}
static void flood_with_resets(void) {
  for (uint32_t id = 3; id < 2 * FLOOD && !kit_is_gone(kit.peer); id += 2)
    conform_say(STEPS(OPEN(id), HEAR, RESET(id, 8)));
}
static void flood_with_breaches(void) {
  for (uint32_t id = 3; id < 2 * FLOOD && !kit_is_gone(kit.peer); id += 2)
    conform_say(STEPS(OPEN(id), HEAR, WINDOW(id, 0x7fffffff), HEAR));
}
static void flood_with_continuations(void) {
  conform_say(STEPS(FRAME(RAW_HEADERS, 0, 3, GOOD_HEAD)));
  for (int i = 0; i < FLOOD; i++)
    conform_say(STEPS(FRAME(RAW_CONTINUATION, 0, 3, "")));
}

static void say_large_head(uint32_t stream, size_t len) {
  static char value[16000];
  memset(value, 'v', sizeof value);
  value[len] = '\0';
  conform_say(STEPS(REQUEST(stream, LAST, "x-large", value)));
}

static void say_head_over_the_limit(void) {
  say_large_head(3, 9000);
}

/* One field of 4,000 bytes that the table keeps, then its index again and again. */
static void say_hpack_bomb(void) {
  rawbuf block = {NULL, 0, 0};
  static const uint8_t head[] = {0x40, 0x01, 'x', 0x7f, 0xa1, 0x1e}; /* 4,000 = 127 + 3,873 */
  uint8_t value[4000], index = 0xbe;
  memset(value, 'v', sizeof value);
  rawbuf_append(&block, GOOD_HEAD, sizeof GOOD_HEAD - 1);
  rawbuf_append(&block, head, sizeof head);
  rawbuf_append(&block, value, sizeof value);
  for (int i = 0; i < 2000; i++)
    rawbuf_append(&block, &index, 1);
  rawpeer_frame(kit.peer, RAW_HEADERS, LAST, 3, block.data, block.len);
  rawbuf_deinit(&block);
}

static const conform_row rows[] = {
    {"HTTP", "GET of no method's path is answered with 404", ANSWERS(3, "404"),
     SAY(PLAIN(3, LAST, "GET", "/")), check_no_rst},
    {"HTTP", "GET of a method is answered with 405, which says what would do", ANSWERS(3, "405"),
     SAY(PLAIN(3, LAST, "GET", "/t.S/Unary")), check_allow},
    {"HTTP", "HEAD is answered without a body", ANSWERS(3, "404"),
     SAY(PLAIN(3, LAST, "HEAD", "/"))},
    {"HTTP", "OPTIONS of a path is answered", ANSWERS(3, "404"),
     SAY(PLAIN(3, LAST, "OPTIONS", "/"))},
    {"HTTP", "OPTIONS of the whole server is answered", ANSWERS(3, "405"),
     SAY(PLAIN(3, LAST, "OPTIONS", "*"))},
    {"HTTP", "TRACE is answered", ANSWERS(3, "404"), SAY(PLAIN(3, LAST, "TRACE", "/"))},
    {"HTTP", "PUT with a body is answered", ANSWERS(3, "404"),
     SAY(PLAIN(3, HEAD, "PUT", "/"), DATA(3, RAW_END_STREAM, "body"))},
    {"HTTP", "DELETE is answered", ANSWERS(3, "404"), SAY(PLAIN(3, LAST, "DELETE", "/"))},
    {"HTTP", "a method that nobody knows is answered", ANSWERS(3, "404"),
     SAY(PLAIN(3, LAST, "BREW", "/"))},
    {"HTTP", "GET with a content-type is answered", ANSWERS(3, "404"),
     SAY(REQUEST(3, LAST, ":method", "GET", ":path", "/", "accept", "*/*"))},
    {"HTTP", "POST without a content-type is answered with 415", ANSWERS(3, "415"),
     SAY(PLAIN(3, HEAD, "POST", "/"), DATA(3, RAW_END_STREAM, "body")), check_no_rst},
    {"HTTP", "POST of a form is answered with 415", ANSWERS(3, "415"),
     SAY(REQUEST(3, HEAD, ":path", "/", "content-type", "application/x-www-form-urlencoded"),
         DATA(3, RAW_END_STREAM, "a=b"))},
    {"HTTP", "POST without a body is answered", ANSWERS(3, "415"),
     SAY(PLAIN(3, LAST, "POST", "/"))},
    {"HTTP", "POST with trailers is answered", ANSWERS(3, "415"),
     SAY(PLAIN(3, HEAD, "POST", "/"), DATA(3, 0, "body"), FIELDS(3, LAST, "x-trailer", "1")),
     check_no_rst},
    {"HTTP", "a request of gRPC to an unknown path has gRPC's answer", ANSWERS(3, "200"),
     SAY(REQUEST(3, LAST, ":path", "/nowhere")), check_unimplemented},
    {"HTTP", "a large body is drained and then answered", ANSWERS(3, "415"),
     SAY(PLAIN(3, HEAD, "POST", "/"), HEAR, DO(say_large_body)), check_body_is_drained},
    {"HTTP", "a body larger than a message may be is answered while it comes", ANSWERS(3, "415"),
     SAY(PLAIN(3, HEAD, "POST", "/"), HEAR, DO(say_endless_body)), check_asked_to_stop},
    {"HTTP", "a request that is still coming is not answered yet", IGNORES,
     SAY(PLAIN(3, HEAD, "GET", "/"), HEAR, DATA(3, 0, "body")), check_nothing_on_3},
    {"HTTP", "a request that its client gives up is not answered", IGNORES,
     SAY(PLAIN(3, HEAD, "GET", "/"), HEAR, DATA(3, 0, "body"), RESET(3, 8)), check_nothing_on_3},
    {"HTTP", "expect: 100-continue is answered at once", ANSWERS(3, "415"),
     SAY(REQUEST(3, HEAD, ":path", "/", "content-type", "text/plain", "expect", "100-continue")),
     check_asked_to_stop},

    /* ---- 10.5: what costs us more than the client ---- */
    {"10.5", "a flood of PINGs is ended", ENDS(ENHANCE_YOUR_CALM), SAY(DO(flood_with_pings))},
    {"10.5", "a flood of SETTINGS is ended", ENDS(ENHANCE_YOUR_CALM), SAY(DO(flood_with_settings))},
    {"10.5", "a flood of PRIORITYs is ended", ENDS(ENHANCE_YOUR_CALM),
     SAY(DO(flood_with_priorities))},
    {"10.5", "a flood of empty DATA is ended", ENDS(ENHANCE_YOUR_CALM),
     SAY(DO(flood_with_empty_data))},
    {"10.5", "a flood of WINDOW_UPDATEs is ended", ENDS(ENHANCE_YOUR_CALM),
     SAY(DO(flood_with_windows))},
    {"10.5", "a flood of requests that are reset is ended", ENDS(ENHANCE_YOUR_CALM),
     SAY(DO(flood_with_resets))},
    {"10.5", "a flood of requests that we have to reset is ended", ENDS(ENHANCE_YOUR_CALM),
     SAY(DO(flood_with_breaches))},
    {"10.5.1", "a flood of CONTINUATIONs is ended", ENDS(ENHANCE_YOUR_CALM),
     SAY(DO(flood_with_continuations))},
    {"10.5.1", "a head over SETTINGS_MAX_HEADER_LIST_SIZE is answered with 431", ANSWERS(3, "431"),
     SAY(DO(say_head_over_the_limit))},
    {"10.5.1", "a head that decodes to far more than it is ends the connection",
     ENDS(ENHANCE_YOUR_CALM), SAY(DO(say_hpack_bomb))},
};

const conform_table conform_http = CONFORM_TABLE(rows);
