/*
 * resets_test.c: limits on what a client may cost by calls that it takes back, and by streams that
 * it makes us reset; and which resets are not meant.
 */
#include "lib/wire/status.h"
#include "tests/unit/server/kit.h"

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

/* ---- calls that are started and taken back ---- */

static uint32_t next_id;

/* So many calls whose handlers run, each given up when it is `ms` old. */
static void start_and_reset(uint32_t count, unsigned ms, const char *const *more) {
  for (uint32_t i = 0; i < count && !kit_is_gone(kit.peer); i++, next_id += 2) {
    kit_request(next_id, "/t.S/Bidi", false, more);
    kit_run();
    if (ms > 0) kit_run_ms(ms);
    rawpeer_rst(kit.peer, next_id, GMUX__H2_CANCEL);
    kit_run();
  }
}

static void serve_who_resets(uint32_t burst) {
  next_id = 1;
  kit.options.client_reset_burst = burst;
  serve_a_client();
}

static void a_client_that_resets_what_it_starts_is_ended_in_words(void) {
  serve_who_resets(50);
  start_and_reset(50, 0, NULL);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().ended_resets, 0);
  start_and_reset(1, 0, NULL);
  CU_ASSERT_TRUE(kit_is_calmed("client_reset_burst"));
  CU_ASSERT_EQUAL(kit_stats().ended_resets, 1);
  CU_ASSERT_EQUAL(kit.calls, 51);
}

static void its_patience_comes_back_with_time(void) {
  kit.options.client_reset_rate_per_s = 10;
  serve_who_resets(50);
  start_and_reset(50, 0, NULL);
  for (int second = 0; second < 20; second++) {
    kit_run_ms(1000);
    start_and_reset(10, 0, NULL);
  }
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  start_and_reset(1, 0, NULL);
  CU_ASSERT_TRUE(kit_is_gone(kit.peer));
}

static void calls_that_have_lived_may_all_be_cancelled(void) {
  kit.options.client_reset_rate_per_s = 1;
  serve_who_resets(1);
  for (uint32_t id = 1; id < 200; id += 2)
    kit_request(id, "/t.S/Bidi", false, NULL);
  kit_run_ms(1000);
  for (uint32_t id = 1; id < 200; id += 2)
    rawpeer_rst(kit.peer, id, GMUX__H2_CANCEL);
  kit_run();
  CU_ASSERT_EQUAL(kit.ends, 100);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
}

static void calls_whose_time_is_nearly_up_may_all_be_cancelled(void) {
  static const char *const timeout[] = {"grpc-timeout", "10m", NULL};
  kit.options.client_reset_rate_per_s = 1;
  serve_who_resets(1);
  start_and_reset(200, 9, timeout);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit.calls, 200);
}

/* What nobody was told of has cost nobody anything. It is nghttp2's own bucket, too, that must not
 * be the one to end such a client: 1000 and 33 a second, by the machine's clock. */
static void calls_that_no_handler_was_told_of_are_not_counted(void) {
  serve_who_resets(1);
  for (int i = 0; i < 480; i++, kit_run()) /* five at a time: in one read, also of a new client */
    for (int k = 0; k < 5; k++, next_id += 2) {
      kit_request(next_id, "/t.S/Bidi", false, NULL);
      rawpeer_rst(kit.peer, next_id, GMUX__H2_CANCEL);
    }
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().resets_received, 2400);
  CU_ASSERT_EQUAL(kit.calls, 0);
}

/* After the trailers it is the client's good right: it need not have known of them. */
static void resets_of_answered_calls_are_not_counted(void) {
  serve_who_resets(1);
  for (uint32_t i = 0; i < 100; i++, next_id += 2) {
    kit_unary(next_id, "/t.S/Fn", "x");
    rawpeer_rst(kit.peer, next_id, GMUX__H2_CANCEL);
    kit_run();
  }
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().calls_succeeded, 100);
}

static void resets_need_not_be_bounded(void) {
  serve_who_resets(0);
  start_and_reset(3000, 0, NULL);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit.ends, 3000);
}

/* ---- streams that it makes us reset ---- */

static void break_by_a_bad_field(uint32_t id) {
  static const char *const bad[] = {"Upper-Case", "x", NULL};
  kit_request(id, "/t.S/Bidi", false, bad);
}

static void break_by_a_window_too_wide(uint32_t id) {
  kit_request(id, "/t.S/Bidi", false, NULL);
  rawpeer_window_update(kit.peer, id, INT32_MAX);
}

static void break_by_a_wrong_length(uint32_t id) {
  static const char *const length[] = {"content-length", "1", NULL};
  kit_request(id, "/t.S/Bidi", false, length);
  rawpeer_data(kit.peer, id, 0, "xx", 2, 0);
}

static void break_streams(void (*one)(uint32_t id), uint32_t count) {
  for (uint32_t i = 0; i < count; i++, next_id += 2) {
    one(next_id);
    kit_run();
    if (!kit_is_gone(kit.peer)) CU_ASSERT_NOT_EQUAL(kit_rst(next_id), -1);
  }
}

static void a_client_that_makes_us_reset_its_streams_is_ended(void) {
  void (*const ways[])(uint32_t) = {break_by_a_bad_field, break_by_a_window_too_wide,
                                    break_by_a_wrong_length};
  serve_who_resets(50);
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    kit.peer = kit_connect();
    next_id = 1;
    break_streams(ways[i], 50);
    CU_ASSERT_FALSE(kit_is_gone(kit.peer));
    break_streams(ways[i], 1);
    CU_ASSERT_TRUE(kit_is_calmed("client_reset_burst"));
    CU_ASSERT_EQUAL(kit_stats().ended_resets, i + 1);
  }
}

static void both_kinds_of_resets_are_one(void) {
  serve_who_resets(50);
  start_and_reset(25, 0, NULL);
  break_streams(break_by_a_bad_field, 25);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  start_and_reset(1, 0, NULL);
  CU_ASSERT_TRUE(kit_is_calmed("client_reset_burst"));
}

/* What the server answers early, and resets with NO_ERROR, breaks no rule; it is paced. */
static void calls_answered_before_they_had_said_all_are_not_counted(void) {
  serve_who_resets(1);
  for (uint32_t i = 0; i < 100; i++, next_id += 2) {
    kit_request(next_id, "/not.a/Method", false, NULL);
    kit_run();
    CU_ASSERT_EQUAL(kit_rst(next_id), GMUX__H2_NO_ERROR);
  }
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
}

/* ---- calls that go on after their end ---- */

enum { HELD_MAX = 200 };
static gmux_server_call *held[HELD_MAX];
static size_t held_count;

static void act_hold(int event, gmux_server_call *call, gmux_bytes *message) {
  act_reply(event, call, message);
  if (event == SAW_CALL) held[held_count++] = gmux_server_call_ref(call);
}

static void let_go(size_t left) {
  while (held_count > left)
    gmux_server_call_unref(held[--held_count]);
  kit_run();
}

static void a_reset_does_not_make_room_for_more_work_than_is_allowed(void) {
  kit.options.max_concurrent_streams = 10;
  kit.options.max_held_calls = 30;
  kit.act = act_hold;
  serve_who_resets(1000);
  start_and_reset(100, 0, NULL);
  CU_ASSERT_EQUAL(kit.calls, 40);
  CU_ASSERT_EQUAL(kit_stats().calls_held, 40);
  CU_ASSERT_EQUAL(kit_stats().calls_running, 0);
  CU_ASSERT_EQUAL(kit_stats().calls_refused, 60);
  CU_ASSERT_EQUAL(kit_rst(next_id - 2), GMUX__H2_REFUSED_STREAM);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  /* Whoever works on them lets go, and there is room again, for as many. */
  let_go(35);
  start_and_reset(100, 0, NULL);
  CU_ASSERT_EQUAL(kit.calls, 45);
  let_go(0);
  CU_ASSERT_EQUAL(kit_stats().calls_held, 0);
  kit_unary(next_id, "/t.S/Fn", "x");
  KIT_STREQ(kit_reply(next_id, 0), "reply");
}

static void held_calls_take_no_place_of_running_ones(void) {
  kit.options.max_concurrent_streams = 10;
  kit.options.max_held_calls = 30;
  kit.act = act_hold;
  serve_who_resets(1000);
  start_and_reset(30, 0, NULL);
  for (int i = 0; i < 10; i++, next_id += 2)
    kit_request(next_id, "/t.S/Bidi", false, NULL);
  kit_run();
  CU_ASSERT_EQUAL(kit_stats().calls_running, 10);
  CU_ASSERT_EQUAL(kit_stats().calls_refused, 0);
  kit.peer = kit_connect(); /* and none of another client's */
  kit_unary(1, "/t.S/Fn", "x");
  KIT_STREQ(kit_reply(1, 0), "reply");
  let_go(0);
}

static void check_good_client(void) {
  kit.peer = kit_connect();
  kit_unary(1, "/t.S/Fn", "x");
  KIT_STREQ(kit_reply(1, 0), "reply");
}

/* Each connection may hold 30, but all together 50. */
static void serve_who_holds(void) {
  kit.options.max_concurrent_streams = 10;
  kit.options.max_held_calls = 30;
  kit.options.max_server_held_calls = 50;
  kit.act = act_hold;
  serve_who_resets(1000);
}

static void many_connections_hold_no_more_than_all_together_may(void) {
  enum { CONNECTIONS = 10, SHARE = 50 / (CONNECTIONS + 1) };
  rawpeer *peers[CONNECTIONS];
  serve_who_holds(); /* and the first connection does nothing */
  for (int i = 0; i < CONNECTIONS; i++)
    peers[i] = kit_connect();
  for (int i = 0; i < CONNECTIONS; i++) {
    kit.peer = peers[i];
    next_id = 1;
    start_and_reset(20, 0, NULL);
  }
  gmux_server_stats stats = kit_stats();
  CU_ASSERT_EQUAL(stats.calls_held, 20 + 20 + 10 + 7 * (SHARE + 1));
  CU_ASSERT_EQUAL(stats.calls_refused_held, stats.calls_refused);
  CU_ASSERT_EQUAL(stats.calls_refused + stats.calls_held, 20 * CONNECTIONS);
  check_good_client();
  let_go(0);
  CU_ASSERT_EQUAL(kit_stats().calls_held, 0);
}

static void who_leaves_calls_behind_and_comes_back_makes_no_room_for_more(void) {
  serve_who_holds();
  for (int i = 0; i < 19; i++) {
    kit.peer = kit_connect();
    for (uint32_t id = 1; id < 20; id += 2)
      kit_request(id, "/t.S/Bidi", false, NULL);
    kit_run();
    rawpeer_close(kit.peer);
    kit_run();
    if (i == 8) check_good_client();
  }
  CU_ASSERT_EQUAL(kit_stats().calls_held, 2 * 50);
  CU_ASSERT_EQUAL(kit_stats().calls_refused_held, 9 * 10);
  let_go(49);
  check_good_client();
  let_go(0);
}

/* HEADERS and RST_STREAM again and again in one read: none is told, each would take memory. */
static void one_read_makes_no_more_calls_than_that(void) {
  kit.options.max_concurrent_streams = 10;
  kit.options.max_held_calls = 10;
  serve_a_client();
  kit_run();
  size_t before = test_alloc_bytes();
  (void)test_alloc_peak();
  for (uint32_t id = 1; id < 1000; id += 2) {
    kit_request(id, "/t.S/Bidi", false, NULL);
    rawpeer_rst(kit.peer, id, GMUX__H2_CANCEL);
  }
  kit_run();
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_TRUE(kit_stats().calls_refused > 0);
  CU_ASSERT_TRUE(test_alloc_peak() <= before + (256 << 10));
}

static const test_case cases[] = {
    TEST(a_client_that_resets_what_it_starts_is_ended_in_words),
    TEST(its_patience_comes_back_with_time),
    TEST(calls_that_have_lived_may_all_be_cancelled),
    TEST(calls_whose_time_is_nearly_up_may_all_be_cancelled),
    TEST(calls_that_no_handler_was_told_of_are_not_counted),
    TEST(resets_of_answered_calls_are_not_counted),
    TEST(resets_need_not_be_bounded),
    TEST(a_client_that_makes_us_reset_its_streams_is_ended),
    TEST(both_kinds_of_resets_are_one),
    TEST(calls_answered_before_they_had_said_all_are_not_counted),
    TEST(a_reset_does_not_make_room_for_more_work_than_is_allowed),
    TEST(held_calls_take_no_place_of_running_ones),
    TEST(many_connections_hold_no_more_than_all_together_may),
    TEST(who_leaves_calls_behind_and_comes_back_makes_no_room_for_more),
    TEST(one_read_makes_no_more_calls_than_that),
    TESTS_END,
};

const test_suite server_resets_suite = {
    .name = "resets", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
