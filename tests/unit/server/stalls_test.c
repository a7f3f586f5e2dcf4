/*
 * stalls_test.c: request_stall_timeout_ms: clients that stop in the middle of what they say, and
 * those that only seem to.
 */
#include "lib/wire/status.h"
#include "tests/unit/server/kit.h"

enum { STALL_MS = 8000, LATE_MS = STALL_MS / 4 };

static const char prefix[] = {0, 0, 0, 0, 10}; /* of a message of ten bytes */

static void serve_a_client(void) {
  kit.options.keepalive_ms = 0;
  kit.options.request_stall_timeout_ms = STALL_MS;
  kit_serve();
  kit_connect();
}

static void say(uint32_t stream, const void *bytes, size_t len) {
  rawpeer_data(kit.peer, stream, 0, bytes, len, 0);
}

static void say_plain_request(uint32_t stream) {
  static const char *const put[] = {":method", "PUT",        ":scheme", "http", ":path",
                                    "/f",      ":authority", "a",       NULL};
  rawpeer_headers(kit.peer, stream, RAW_END_HEADERS, put);
}

/* ---- attacks ---- */

static void stop_behind_headers(void) {
  kit_request(1, "/t.S/Unary", false, NULL);
}
static void stop_behind_headers_of_a_server_stream(void) {
  kit_request(1, "/t.S/Server", false, NULL);
}
static void stop_behind_headers_of_a_function(void) {
  kit_request(1, "/t.S/Fn", false, NULL);
}
static void stop_in_the_prefix(void) {
  kit_request(1, "/t.S/Bidi", false, NULL);
  say(1, prefix, 1);
}
static void stop_behind_the_prefix(void) {
  kit_request(1, "/t.S/Client", false, NULL);
  say(1, prefix, sizeof prefix);
}
static void stop_in_the_message(void) {
  kit_request(1, "/t.S/Bidi", false, NULL);
  say(1, prefix, sizeof prefix);
  say(1, "123456789", 9);
}
static void stop_in_the_second_message(void) {
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_message(1, "first", false);
  say(1, prefix, 4);
}
static void stop_before_the_half_close(void) {
  kit_request(1, "/t.S/Fn", false, NULL);
  kit_message(1, "all of it", false);
}
/* Neither takes from it what it owes. */
static void stop_and_send_what_carries_nothing(void) {
  stop_in_the_message();
  rawpeer_data(kit.peer, 1, 0, NULL, 0, 0);
  rawpeer_data(kit.peer, 1, 0, NULL, 0, 200);
}

static const struct {
  const char *name;
  void (*say)(void);
} attacks[] = {
    {"behind HEADERS, unary", stop_behind_headers},
    {"behind HEADERS, server streaming", stop_behind_headers_of_a_server_stream},
    {"behind HEADERS, a function", stop_behind_headers_of_a_function},
    {"in the prefix", stop_in_the_prefix},
    {"behind the prefix", stop_behind_the_prefix},
    {"in the message", stop_in_the_message},
    {"in the second message", stop_in_the_second_message},
    {"before the half-close", stop_before_the_half_close},
    {"with empty DATA and padding", stop_and_send_what_carries_nothing},
};

static bool is_ended_as_stalled(void) {
  return kit_is_ended(1) && kit_rst(1) == GMUX__H2_NO_ERROR && kit_stats().calls_stalled == 1 &&
         kit_stats().calls_failed == 1 && kit_stats().calls_running == 0 &&
         strcmp(kit_trailer(1, "grpc-status"), "4") == 0 &&
         strstr(kit_trailer(1, "grpc-message"), "request_stall_timeout_ms") != NULL;
}

static bool attack_run(void (*attack)(void)) {
  serve_a_client();
  attack();
  kit_run_ms(STALL_MS - 1);
  bool is_early = kit_stats().calls_running == 0;
  kit_run_ms(1 + LATE_MS);
  return !is_early && is_ended_as_stalled() && !kit_is_gone(kit.peer);
}

static void who_stops_in_the_middle_is_ended_and_told_which_option(void) {
  for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
    if (i > 0) kit_setup(); /* a world for each */
    if (!attack_run(attacks[i].say)) CU_FAIL(attacks[i].name);
    if (i + 1 < sizeof attacks / sizeof *attacks) kit_teardown();
  }
}

static void a_plain_request_that_stops_is_answered_as_if_it_had_ended(void) {
  serve_a_client();
  say_plain_request(1);
  say(1, "{", 1);
  kit_run_ms(STALL_MS - 1);
  CU_ASSERT_FALSE(kit_is_ended(1));
  kit_run_ms(1);
  KIT_STREQ(kit_header(1, ":status"), "404");
  CU_ASSERT_TRUE(kit_is_trailers_only(1));
  CU_ASSERT_EQUAL(kit_rst(1), GMUX__H2_NO_ERROR);
  CU_ASSERT_EQUAL(kit_stats().calls_stalled, 1);
  KIT_STREQ(kit.order, "");
}

static void handlers_are_told_and_the_slot_is_free_again(void) {
  kit.options.max_concurrent_streams = 1;
  serve_a_client();
  stop_in_the_message();
  kit_run_ms(STALL_MS);
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_EQUAL(kit.code, GMUX_DEADLINE_EXCEEDED);
  kit_request(3, "/t.S/Bidi", false, NULL);
  kit_run();
  KIT_STREQ(kit.order, "cec");
  CU_ASSERT_EQUAL(kit_stats().calls_refused, 0);
}

static void act_pour(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  static const uint8_t much[100000]; /* more than a window */
  gmux_bytes bytes = gmux_bytes_borrow(much, sizeof much);
  if (event == SAW_CALL) CU_ASSERT_TRUE(gmux_server_call_write(call, &bytes) >= 0);
}

static void a_call_whose_words_could_not_leave_is_reset(void) {
  kit.act = act_pour;
  serve_a_client();
  stop_in_the_message();
  kit_run_ms(STALL_MS);
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_EQUAL(kit.code, GMUX_DEADLINE_EXCEEDED);
  CU_ASSERT_EQUAL(kit_rst(1), GMUX__H2_CANCEL);
  CU_ASSERT_EQUAL(kit_stats().calls_stalled, 1);
}

/* Each a little later than the one before: as many looks as that would be too many. */
static void many_that_stop_one_after_the_other_are_ended_in_four_looks(void) {
  enum { CALLS = 100, APART_MS = STALL_MS / CALLS };
  serve_a_client();
  for (uint32_t i = 0; i < CALLS; i++) {
    kit_request(1 + 2 * i, "/t.S/Unary", false, NULL);
    kit_run_ms(APART_MS);
  }
  uint64_t turns = sim_turns(kit.world);
  kit_run_ms(STALL_MS + LATE_MS);
  CU_ASSERT_EQUAL(kit_stats().calls_stalled, CALLS);
  /* A look, the peer that hears of it, and back. */
  CU_ASSERT_TRUE(sim_turns(kit.world) - turns < 10 * 4);
}

/* ---- who is not meant ---- */

/* What bounds it is the number of streams and connections. */
static void a_byte_now_and_then_is_progress(void) {
  serve_a_client();
  kit_request(1, "/t.S/Unary", false, NULL);
  say(1, prefix, sizeof prefix);
  for (int i = 0; i < 10; i++) {
    kit_run_ms(STALL_MS - 1);
    say(1, "x", 1);
  }
  kit_run();
  KIT_STREQ(kit.order, "cm");
  KIT_STREQ(kit.message, "xxxxxxxxxx");
  kit_half_close(1);
  kit_run();
  KIT_STREQ(kit.order, "cmh");
  kit_run_ms(10 * STALL_MS); /* now it is the server that takes its time */
  CU_ASSERT_EQUAL(kit_stats().calls_stalled, 0);
}

static void a_stream_may_be_silent_between_its_messages(void) {
  serve_a_client();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_request(3, "/t.S/Client", false, NULL);
  for (int i = 0; i < 3; i++) {
    kit_run_ms(3 * STALL_MS);
    kit_message(1, "m", false);
    kit_message(3, "m", false);
  }
  kit_run_ms(3 * STALL_MS);
  KIT_STREQ(kit.order, "ccmmmmmm");
  CU_ASSERT_EQUAL(kit_stats().calls_stalled, 0);
}

static void act_manual(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_CALL) CU_ASSERT_EQUAL(gmux_server_call_set_manual_credit(call), 0);
}

/* Its next message has begun, and the window is full of it; from the credit on it has the whole
 * time. */
static void a_client_that_waits_for_credit_is_not_ended(void) {
  static const char large[] = {0, 0, 1, 0, 0}; /* 65536 bytes: more than the window */
  static uint8_t body[65535 - 6 - sizeof large];
  kit.act = act_manual;
  kit.options.stream_window_bytes = 65535;
  serve_a_client();
  kit_request(1, "/t.S/Client", false, NULL);
  kit_message(1, "1", false);
  say(1, large, sizeof large);
  for (size_t said = 0; said < sizeof body;) {
    size_t len = sizeof body - said < 16384 ? sizeof body - said : 16384;
    say(1, body + said, len);
    said += len;
  }
  kit_run_ms(10 * STALL_MS + STALL_MS / 2);
  CU_ASSERT_EQUAL(kit_stats().calls_running, 1);
  CU_ASSERT_EQUAL(gmux_server_call_grant(kit.call, 1), 0);
  kit_run_ms(STALL_MS - 1);
  CU_ASSERT_EQUAL(kit_stats().calls_running, 1);
  CU_ASSERT_TRUE(rawpeer_count(kit.peer, RAW_WINDOW_UPDATE, 1) > 0);
  kit_run_ms(1 + LATE_MS);
  CU_ASSERT_EQUAL(kit_stats().calls_stalled, 1);
}

/* The WINDOW_UPDATE that it waits for may lie in front of a socket that takes nothing. */
static void a_client_whose_socket_is_stuck_has_its_time_when_it_is_not(void) {
  kit.act = act_pour;
  kit.options.write_stall_timeout_ms = 0;
  serve_a_client();
  sim_net(kit.world)->buffer_bytes = 1024;
  kit.peer = kit_connect();
  sim_link *link = rawpeer_link(kit.peer);
  sim_link_stall(link, SIM_TO_CLIENT);
  stop_in_the_message();
  kit_run_ms(3 * STALL_MS + STALL_MS / 2);
  CU_ASSERT_EQUAL(kit_stats().calls_running, 1);
  sim_link_stall(link, 0);
  kit_run_ms(STALL_MS - 1);
  CU_ASSERT_EQUAL(kit_stats().calls_running, 1);
  kit_run_ms(1 + LATE_MS);
  CU_ASSERT_EQUAL(kit_stats().calls_stalled, 1);
}

static void act_reply(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_MESSAGE) kit_reply_text(call, "reply");
}

/* The request is not all here, but nobody waits for it any more. */
static void an_answer_that_waits_for_its_window_is_left_alone(void) {
  static const uint16_t ids[] = {4}; /* SETTINGS_INITIAL_WINDOW_SIZE */
  static const uint32_t values[] = {0};
  kit.act = act_reply;
  serve_a_client();
  rawpeer_settings(kit.peer, 1, ids, values);
  kit_request(1, "/t.S/Unary", false, NULL);
  kit_message(1, "x", false);
  kit_run_ms(10 * STALL_MS);
  rawpeer_window_update(kit.peer, 1, 1000);
  kit_run();
  KIT_STREQ(kit_reply(1, 0), "reply");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
  CU_ASSERT_EQUAL(kit_stats().calls_stalled, 0);
}

static void with_0_nobody_is_ended(void) {
  kit.options.keepalive_ms = 0;
  kit.options.request_stall_timeout_ms = 0;
  kit_serve();
  kit_connect();
  stop_in_the_message();
  kit_run_ms(60 * 1000); /* whatever else the beginning had to wait for */
  uint64_t turns = sim_turns(kit.world);
  kit_run_ms(3600 * 1000);
  CU_ASSERT_EQUAL(sim_turns(kit.world), turns);
  KIT_STREQ(kit.order, "c");
}

/* ---- what it costs ---- */

static void a_connection_without_calls_is_looked_at_once_at_most(void) {
  kit.act = act_reply;
  serve_a_client();
  kit_unary(1, "/t.S/Unary", "x");
  kit_run_ms(60 * 1000); /* whatever else the beginning had to wait for */
  uint64_t turns = sim_turns(kit.world);
  kit_run_ms(3600 * 1000);
  CU_ASSERT_EQUAL(sim_turns(kit.world), turns);
}

/* The timer stands where the first call had put it; the second has its own time all the same. */
static void each_call_has_its_own_time(void) {
  kit.act = act_reply;
  serve_a_client();
  kit_unary(1, "/t.S/Unary", "x");
  kit_run_ms(STALL_MS - 1000);
  kit_request(3, "/t.S/Unary", false, NULL);
  kit_run_ms(STALL_MS - 1);
  CU_ASSERT_EQUAL(kit_stats().calls_running, 1);
  kit_run_ms(1 + LATE_MS);
  CU_ASSERT_EQUAL(kit_stats().calls_stalled, 1);
}

static const test_case cases[] = {
    TEST(who_stops_in_the_middle_is_ended_and_told_which_option),
    TEST(a_plain_request_that_stops_is_answered_as_if_it_had_ended),
    TEST(handlers_are_told_and_the_slot_is_free_again),
    TEST(a_call_whose_words_could_not_leave_is_reset),
    TEST(many_that_stop_one_after_the_other_are_ended_in_four_looks),
    TEST(a_byte_now_and_then_is_progress),
    TEST(a_stream_may_be_silent_between_its_messages),
    TEST(a_client_that_waits_for_credit_is_not_ended),
    TEST(a_client_whose_socket_is_stuck_has_its_time_when_it_is_not),
    TEST(an_answer_that_waits_for_its_window_is_left_alone),
    TEST(with_0_nobody_is_ended),
    TEST(a_connection_without_calls_is_looked_at_once_at_most),
    TEST(each_call_has_its_own_time),
    TESTS_END,
};

const test_suite server_stalls_suite = {
    .name = "stalls", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
