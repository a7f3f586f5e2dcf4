/*
 * abuse_test.c: limits on what a client may cost by frames, metadata and ids, to the last frame:
 * what they let pass, what they do not, and who is not meant. Resets are in resets_test.c, whole
 * attacks, beside a client that is served, in hostile_test.c.
 */
#include "lib/wire/status.h"
#include "tests/unit/server/kit.h"

static const uint8_t opaque[RAW_PING_BYTES];

static void act_reply(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_UNARY) kit_reply_text(call, "reply");
}

static void serve_a_client(void) {
  kit.options.keepalive_ms = 0;
  kit.act = kit.act ? kit.act : act_reply;
  kit_serve();
  kit_connect();
}

/* ---- frames that carry nothing ---- */

static void say_ping(void) {
  rawpeer_ping(kit.peer, 0, opaque);
}
static void say_ping_ack(void) {
  rawpeer_ping(kit.peer, RAW_ACK, opaque);
}
static void say_settings(void) {
  rawpeer_settings(kit.peer, 0, NULL, NULL);
}
static void say_window_update(void) {
  rawpeer_window_update(kit.peer, 0, 1);
}
static void say_window_update_of_the_call(void) {
  rawpeer_window_update(kit.peer, 1, 1);
}
static void say_priority(void) {
  static const uint8_t priority[5] = {0, 0, 0, 0, 15};
  rawpeer_frame(kit.peer, RAW_PRIORITY, 0, 1, priority, sizeof priority);
}
static void say_empty_data(void) {
  rawpeer_data(kit.peer, 1, 0, NULL, 0, 0);
}
static void say_padding(void) {
  rawpeer_data(kit.peer, 1, 0, NULL, 0, 200);
}
static void say_reset_of_a_closed_stream(void) {
  rawpeer_rst(kit.peer, 3, GMUX__H2_CANCEL);
}

static void say_what_nobody_knows(void) {
  rawpeer_frame(kit.peer, 0xbe, 0, 0, "x", 1);
}
static void say_priority_update(void) {
  rawpeer_frame(kit.peer, 0x10, 0, 0, "\0\0\0\1u=1", 7); /* RFC 9218 */
}

static const struct {
  const char *name;
  void (*say)(void);
} chatter[] = {
    {"PING", say_ping},
    {"PING with ACK", say_ping_ack},
    {"SETTINGS", say_settings},
    {"WINDOW_UPDATE", say_window_update},
    {"WINDOW_UPDATE of a stream", say_window_update_of_the_call},
    {"PRIORITY", say_priority},
    {"empty DATA", say_empty_data},
    {"DATA of padding", say_padding},
    {"RST_STREAM of a closed stream", say_reset_of_a_closed_stream},
    {"a frame of an unknown kind", say_what_nobody_knows},
    {"PRIORITY_UPDATE", say_priority_update},
};

static void say_often(void (*say)(void), int count) {
  for (int i = 0; i < count; i++) {
    say();
    if (i % 100 == 99) kit_run();
  }
  kit_run();
}

/* A call that runs (1), and one that is over (3). */
static void connect_with_two_calls(void) {
  kit.peer = kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_unary(3, "/t.S/Fn", "x");
}

static void each_frame_that_carries_nothing_counts(void) {
  kit.options.max_ping_strikes = 0;
  kit.options.chatter_burst = 500;
  serve_a_client();
  for (size_t i = 0; i < sizeof chatter / sizeof *chatter; i++) {
    connect_with_two_calls();
    kit_run_ms(10000); /* what its beginning took has come back */
    say_often(chatter[i].say, 500);
    if (kit_is_gone(kit.peer)) CU_FAIL(chatter[i].name);
    say_often(chatter[i].say, 1);
    if (!kit_is_calmed("chatter_burst")) CU_FAIL(chatter[i].name);
    CU_ASSERT_EQUAL(kit_stats().ended_chatter, i + 1);
  }
}

static void chatter_is_forgiven_with_time(void) {
  kit.options.chatter_burst = 500;
  kit.options.chatter_rate_per_s = 50;
  serve_a_client();
  say_often(say_settings, 400);
  for (int second = 0; second < 100; second++) {
    kit_run_ms(1000);
    say_often(say_settings, 50);
  }
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  say_often(say_settings, 200);
  CU_ASSERT_TRUE(kit_is_gone(kit.peer));
}

static void requests_over_the_limit_count_too(void) {
  kit.options.chatter_burst = 100;
  kit.options.max_concurrent_streams = 1;
  kit.options.keepalive_ms = 0;
  kit_serve();
  kit.peer = kit_connect_silent(); /* it has acknowledged nothing */
  rawpeer_preface(kit.peer);
  rawpeer_settings(kit.peer, 0, NULL, NULL);
  for (uint32_t id = 1; id < 200; id += 2)
    kit_request(id, "/t.S/Bidi", false, NULL);
  kit_run();
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().calls_refused, 99);
  for (uint32_t id = 201; id < 210; id += 2)
    kit_request(id, "/t.S/Bidi", false, NULL);
  kit_run();
  CU_ASSERT_TRUE(kit_is_calmed("chatter_burst"));
  CU_ASSERT_EQUAL(kit.calls, 1);
}

static void chatter_need_not_be_bounded(void) {
  kit.options.chatter_burst = 0;
  serve_a_client();
  say_often(say_settings, 30000);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
}

/* ---- who works is allowed its share ---- */

static void act_pour(int event, gmux_server_call *call, gmux_bytes *message) {
  static char text[1000];
  act_reply(event, call, message);
  if (event != SAW_CALL && event != SAW_WRITABLE) return;
  for (int rv = 0; rv == 0;) {
    gmux_bytes bytes = gmux_bytes_borrow(text, sizeof text);
    rv = gmux_server_call_write(call, &bytes);
  }
}

/* Two WINDOW_UPDATEs and two PINGs for each frame of DATA, for ever, at any speed. */
static void a_reader_may_say_window_update_and_ping_for_all_that_it_reads(void) {
  kit.options.chatter_burst = 100;
  kit.options.chatter_rate_per_s = 1;
  kit.options.client_reset_burst = 1;
  kit.act = act_pour;
  serve_a_client();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  size_t seen = 0;
  for (int i = 0; i < 100 && !kit_is_gone(kit.peer); i++) {
    size_t bytes = kit_data_bytes(1);
    rawpeer_window_update(kit.peer, 0, (uint32_t)(bytes - seen));
    rawpeer_window_update(kit.peer, 1, (uint32_t)(bytes - seen));
    say_ping();
    say_ping();
    seen = bytes;
    kit_run();
  }
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_TRUE(seen > 1000000);
}

/* The same with windows of a byte, so that each byte costs a frame (CVE-2019-9511). */
static void who_opens_its_window_by_crumbs_is_ended(void) {
  kit.options.chatter_burst = 100;
  kit.options.chatter_rate_per_s = 1;
  kit.act = act_pour;
  serve_a_client();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  rawpeer_window_update(kit.peer, 0, 1 << 20);
  for (int i = 0; i < 200; i++) {
    say_window_update_of_the_call();
    kit_run();
  }
  CU_ASSERT_TRUE(kit_is_calmed("chatter_burst"));
  CU_ASSERT_TRUE(rawpeer_count(kit.peer, RAW_DATA, 1) < 150);
}

/* ---- turns ---- */

static uint64_t worked_off; /* of the flood, when another client's call came to its handler */

static void act_look_at_the_flood(int event, gmux_server_call *call, gmux_bytes *message) {
  if (event == SAW_UNARY) worked_off = kit_stats().pings_received;
  act_reply(event, call, message);
}

/* Both have spoken when the server looks, and the flood came first. */
static uint64_t flood_before_a_call(rawpeer *flooder, rawpeer *caller, uint32_t stream) {
  uint64_t before = kit_stats().pings_received;
  kit.peer = flooder;
  for (int i = 0; i < 3000; i++)
    rawpeer_ping(flooder, 0, opaque);
  kit.peer = caller;
  kit_unary(stream, "/t.S/Fn", "x");
  KIT_STREQ(kit_reply(stream, 0), "reply");
  CU_ASSERT_EQUAL(kit_stats().pings_received - before, 3000);
  return worked_off - before;
}

static void a_flood_is_worked_off_in_turns_with_others(void) {
  enum { A_SHARE = 120, CRUMBS = 40 };
  kit.options.max_ping_strikes = 0;
  kit.options.chatter_burst = 10000;
  kit.options.chatter_rate_per_s = 1;
  kit.act = act_look_at_the_flood;
  serve_a_client();
  rawpeer *flooder = kit.peer, *caller = kit_connect();
  uint64_t first = flood_before_a_call(flooder, caller, 1);
  CU_ASSERT_TRUE(first > 0 && first <= A_SHARE);
  flood_before_a_call(flooder, caller, 3); /* more than half of chatter_burst */
  uint64_t last = flood_before_a_call(flooder, caller, 5);
  CU_ASSERT_TRUE(last > 0 && last <= CRUMBS);
}

static void act_look_at_the_streams(int event, gmux_server_call *call, gmux_bytes *message) {
  if (event == SAW_UNARY) worked_off = kit_stats().calls_started;
  act_reply(event, call, message);
}

/* As flood_before_a_call, with streams whose body is longer than it was said to be: nghttp2 resets
 * them and tells nobody. */
static uint64_t broken_before_a_call(rawpeer *flooder, rawpeer *caller, uint32_t round) {
  enum { STREAMS = 300 };
  static const char *const length[] = {"content-length", "1", NULL};
  uint64_t before = kit_stats().calls_started;
  kit.peer = flooder;
  for (uint32_t i = 0; i < STREAMS; i++) {
    uint32_t id = 1 + 2 * (round * STREAMS + i);
    kit_request(id, "/t.S/Bidi", false, length);
    rawpeer_data(flooder, id, 0, "xx", 2, 0);
  }
  kit.peer = caller;
  kit_unary(1 + 2 * round, "/t.S/Fn", "x");
  return worked_off - before;
}

static void streams_that_break_without_a_word_cost_more_of_a_turn(void) {
  enum { ROUNDS = 4, FRAMES_A_TURN = 128 };
  kit.options.client_reset_burst = kit.options.reset_burst = 10000;
  kit.options.chatter_burst = 100000;
  kit.options.max_concurrent_streams = 1000;
  kit.act = act_look_at_the_streams;
  serve_a_client();
  rawpeer *flooder = kit.peer, *caller = kit_connect();
  uint64_t last = 0;
  for (uint32_t i = 0; i < ROUNDS; i++)
    last = broken_before_a_call(flooder, caller, i);
  CU_ASSERT_TRUE(last > 0 && last <= FRAMES_A_TURN / 2); /* 111, were they but two frames each */
}

/* ---- metadata ---- */

/* A block: the request, a field of 4000 bytes that the table keeps, and that field again as often
 * as there is room: one byte each. */
static void send_bomb(uint32_t id, size_t times) {
  static const char *const fields[] = {":method",   "POST",       ":scheme", "http", ":path",
                                       "/t.S/Bidi", ":authority", "a",       NULL};
  rawbuf block = {0};
  for (size_t i = 0; fields[i]; i += 2)
    rawbuf_field(&block, fields[i], fields[i + 1]);
  static const uint8_t indexed[] = {0x40, 1, 'x', 0x7f, 0xa1, 0x1e}; /* 127 + 33 + 30 * 128 */
  static char value[4000];
  memset(value, 'v', sizeof value);
  rawbuf_append(&block, indexed, sizeof indexed);
  rawbuf_append(&block, value, sizeof value);
  for (size_t i = 0; i < times; i++)
    rawbuf_append(&block, "\xbe", 1);
  rawpeer_frame(kit.peer, RAW_HEADERS, RAW_END_HEADERS, id, block.data, block.len);
  rawbuf_deinit(&block);
}

static void a_block_far_over_the_limit_ends_the_connection(void) {
  serve_a_client();
  send_bomb(1, 10); /* 44 KB: over the limit, so it is refused, and forgiven */
  kit_run();
  KIT_STREQ(kit_trailer(1, ":status"), "431");
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  send_bomb(3, 1000);
  kit_run();
  CU_ASSERT_TRUE(kit_is_calmed("metadata"));
  CU_ASSERT_EQUAL(kit_stats().ended_metadata, 1);
  CU_ASSERT_EQUAL(kit.calls, 0);
}

/* A field of no bytes costs the table 32 all the same (RFC 9113 section 6.5.2), and us no less
 * (CVE-2019-9516): 2,000 of one byte and nothing are 64 KB. */
static void fields_without_a_value_are_not_for_nothing(void) {
  serve_a_client();
  rawbuf block = {0};
  rawbuf_field(&block, ":method", "POST");
  for (int i = 0; i < 2000; i++)
    rawbuf_field(&block, "x", "");
  rawpeer_frame(kit.peer, RAW_HEADERS, RAW_END_HEADERS, 1, block.data, block.len);
  kit_run();
  rawbuf_deinit(&block);
  CU_ASSERT_TRUE(kit_is_calmed("metadata"));
  CU_ASSERT_EQUAL(kit_stats().ended_metadata, 1);
}

static gmux_server_call *held;

static void act_hold(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_CALL) held = gmux_server_call_ref(call);
}

static void so_does_one_of_a_request_that_is_refused(void) {
  kit.options.max_concurrent_streams = 1;
  kit.options.max_held_calls = 0;
  kit.act = act_hold;
  serve_a_client();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  rawpeer_rst(kit.peer, 1, GMUX__H2_CANCEL); /* its stream is free, but not its call */
  send_bomb(3, 1000);
  kit_run();
  CU_ASSERT_TRUE(kit_is_calmed("metadata"));
  CU_ASSERT_EQUAL(kit_stats().calls_refused, 1);
  gmux_server_call_unref(held);
}

static void a_block_in_too_many_frames_ends_the_connection(void) {
  serve_a_client();
  rawbuf block = {0};
  rawbuf_field(&block, ":method", "POST");
  rawpeer_frame(kit.peer, RAW_HEADERS, 0, 1, block.data, block.len);
  for (int i = 0; i < 100; i++)
    rawpeer_frame(kit.peer, RAW_CONTINUATION, 0, 1, NULL, 0);
  kit_run();
  rawbuf_deinit(&block);
  CU_ASSERT_TRUE(kit_is_calmed("metadata"));
  CU_ASSERT_EQUAL(kit_stats().ended_metadata, 1);
}

/* ---- ids ---- */

static void an_id_that_was_passed_over_ends_the_connection(void) {
  serve_a_client();
  kit_request(5, "/t.S/Bidi", false, NULL);
  kit_request(3, "/t.S/Bidi", false, NULL);
  kit_run();
  CU_ASSERT_TRUE(kit_is_ended_with(GMUX__H2_PROTOCOL_ERROR, "lower id"));
  CU_ASSERT_EQUAL(kit.calls, 0); /* nothing of that read was looked at */
}

/* Trailers of the client's that crossed our answer and its reset. */
static void what_comes_late_for_a_closed_stream_does_not(void) {
  static const char *const trailers[] = {"x", "y", NULL};
  serve_a_client();
  kit_request(1, "/not.a/Method", false, NULL);
  kit_run();
  CU_ASSERT_EQUAL(kit_rst(1), GMUX__H2_NO_ERROR);
  kit_request(11, "/t.S/Bidi", false, NULL); /* ids may be skipped */
  rawpeer_headers(kit.peer, 1, RAW_END_HEADERS | RAW_END_STREAM, trailers);
  kit_run();
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  kit_unary(13, "/t.S/Fn", "x");
  KIT_STREQ(kit_reply(13, 0), "reply");
  rawpeer_headers(kit.peer, 9, RAW_END_HEADERS | RAW_END_STREAM, trailers);
  kit_run();
  CU_ASSERT_TRUE(kit_is_gone(kit.peer));
}

/* Those that the last GOAWAY of a drain does not cover get no answer, and are no error. */
static void what_a_drain_passes_over_does_not_either(void) {
  serve_a_client();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  gmux_server_drain(kit.server, 60000, kit_on_closed, &kit);
  kit_run_ms(11000); /* the client does not answer the PING of the drain */
  CU_ASSERT_EQUAL(rawpeer_count(kit.peer, RAW_GOAWAY, 0), 2);
  kit_request(9, "/t.S/Bidi", false, NULL);
  kit_message(9, "x", false);
  kit_request(7, "/t.S/Bidi", false, NULL);
  kit_half_close(9);
  kit_run();
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit.calls, 1);
}

static const test_case cases[] = {
    TEST(each_frame_that_carries_nothing_counts),
    TEST(chatter_is_forgiven_with_time),
    TEST(requests_over_the_limit_count_too),
    TEST(chatter_need_not_be_bounded),
    TEST(a_reader_may_say_window_update_and_ping_for_all_that_it_reads),
    TEST(who_opens_its_window_by_crumbs_is_ended),
    TEST(a_flood_is_worked_off_in_turns_with_others),
    TEST(streams_that_break_without_a_word_cost_more_of_a_turn),
    TEST(a_block_far_over_the_limit_ends_the_connection),
    TEST(fields_without_a_value_are_not_for_nothing),
    TEST(so_does_one_of_a_request_that_is_refused),
    TEST(a_block_in_too_many_frames_ends_the_connection),
    TEST(an_id_that_was_passed_over_ends_the_connection),
    TEST(what_comes_late_for_a_closed_stream_does_not),
    TEST(what_a_drain_passes_over_does_not_either),
    TESTS_END,
};

const test_suite server_abuse_suite = {
    .name = "abuse", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
