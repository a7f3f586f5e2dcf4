/* pings_test.c: PINGs of clients (gRPC A8), and the server's own. */
#include "lib/wire/status.h"
#include "tests/unit/server/kit.h"

static const uint8_t opaque[8] = {'c', 'l', 'i', 'e', 'n', 't', '0', '1'};

enum { MINUTE_MS = 60000, HOUR_MS = 3600000 };

static void ping(void) {
  rawpeer_ping(kit.peer, 0, opaque);
  kit_run();
}

static void ping_after(unsigned ms) {
  kit_run_ms(ms);
  ping();
}

/* How many of our PINGs were acknowledged. */
static size_t acks(void) {
  size_t n = 0, count = rawpeer_count(kit.peer, RAW_PING, 0);
  for (size_t i = 0; i < count; i++) {
    const rawframe *frame = rawpeer_find(kit.peer, RAW_PING, 0, i);
    n += (frame->flags & RAW_ACK) && memcmp(frame->payload, opaque, sizeof opaque) == 0;
  }
  return n;
}

static bool is_punished(void) {
  static const char words[] = "too_many_pings"; /* exactly that: clients compare it */
  size_t count = rawpeer_count(kit.peer, RAW_GOAWAY, 0);
  if (count == 0) return false;
  const rawframe *goaway = rawpeer_find(kit.peer, RAW_GOAWAY, 0, count - 1);
  return kit_is_gone(kit.peer) && rawframe_u32(goaway, 4) == GMUX__H2_ENHANCE_YOUR_CALM &&
         goaway->len == 8 + strlen(words) && memcmp(goaway->payload + 8, words, strlen(words)) == 0;
}

static void serve_a_client(void) {
  kit_serve();
  kit_connect();
}

static void serve_a_client_with_a_call(void) {
  serve_a_client();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
}

static void act_reply(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_UNARY) kit_reply_text(call, "reply");
}

/* ---- too many ---- */

static void the_third_bad_ping_is_punished_and_not_the_second(void) {
  kit.options.keepalive_ms = 0;
  serve_a_client_with_a_call();
  ping(); /* good: the first */
  ping();
  ping_after(5 * MINUTE_MS - 1); /* nearly */
  kit_run_ms(30000);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(acks(), 3);
  CU_ASSERT_EQUAL(kit_stats().pings_received, 3);
  CU_ASSERT_EQUAL(kit_stats().pings_bad, 2);
  KIT_STREQ(kit.order, "c");
  ping(); /* more than 5 min after the last good one: good, but strikes stay */
  ping();
  CU_ASSERT_TRUE(is_punished());
  CU_ASSERT_EQUAL(kit_stats().pings_bad, 3);
  CU_ASSERT_EQUAL(kit_stats().too_many_pings, 1);
  CU_ASSERT_EQUAL(kit_stats().clients_dead, 0);
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_EQUAL(kit.code, GMUX_CANCELLED);
}

static void pings_at_the_allowed_interval_are_never_punished_while_a_call_runs(void) {
  kit.options.keepalive_ms = 0;
  serve_a_client_with_a_call();
  for (int i = 0; i < 24 * 12; i++)
    ping_after(5 * MINUTE_MS);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().pings_received, 24 * 12);
  CU_ASSERT_EQUAL(kit_stats().pings_bad, 0);
  CU_ASSERT_EQUAL(acks(), 24 * 12);
}

static void pings_just_faster_than_allowed_are_punished(void) {
  kit.options.keepalive_ms = 0;
  serve_a_client_with_a_call();
  unsigned pings = 0;
  for (; pings < 100 && !kit_is_gone(kit.peer); pings++)
    ping_after(5 * MINUTE_MS - 1);
  /* A bad one does not move the clock, so every other is good: 1 3 5 good, 2 4 6 bad. */
  CU_ASSERT_EQUAL(pings, 6);
  CU_ASSERT_TRUE(is_punished());
}

static void without_calls_two_hours_must_lie_between_pings(void) {
  kit.options.keepalive_ms = 0;
  serve_a_client();
  for (int i = 0; i < 24; i++)
    ping_after(2 * HOUR_MS);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().pings_bad, 0);
  ping_after(5 * MINUTE_MS);
  ping_after(5 * MINUTE_MS);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  ping_after(5 * MINUTE_MS);
  CU_ASSERT_TRUE(is_punished());
}

static void where_it_is_permitted_no_call_is_needed(void) {
  kit.options.keepalive_ms = 0;
  kit.options.permit_pings_without_calls = true;
  kit.options.min_ping_interval_ms = 10000;
  serve_a_client();
  for (int i = 0; i < 1000; i++)
    ping_after(10000);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().pings_bad, 0);
  for (int i = 0; i < 3; i++)
    ping();
  CU_ASSERT_TRUE(is_punished());
}

static void every_answer_clears_the_strikes(void) {
  kit.act = act_reply;
  serve_a_client();
  for (uint32_t i = 0; i < 100; i++) {
    ping(); /* good, because the clock is cleared too */
    ping();
    ping();
    kit_unary(1 + 2 * i, "/t.S/Fn", "x");
  }
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().pings_bad, 200);
  CU_ASSERT_EQUAL(kit_stats().calls_succeeded, 100);
  for (int i = 0; i < 4; i++)
    ping();
  CU_ASSERT_TRUE(is_punished());
}

static void how_many_are_forgiven_is_an_option(void) {
  kit.options.max_ping_strikes = 5;
  serve_a_client();
  for (int i = 0; i < 1 + 5; i++)
    ping();
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  ping();
  CU_ASSERT_TRUE(is_punished());
}

static void all_may_be_forgiven(void) {
  kit.options.max_ping_strikes = 0;
  serve_a_client();
  for (int i = 0; i < 2000; i++)
    ping();
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(acks(), 2000);
  CU_ASSERT_EQUAL(kit_stats().pings_bad, 1999);
  CU_ASSERT_EQUAL(kit_stats().too_many_pings, 0);
}

static void with_no_least_interval_no_ping_is_bad_while_a_call_runs(void) {
  kit.options.min_ping_interval_ms = 0;
  serve_a_client_with_a_call();
  for (int i = 0; i < 1000; i++)
    ping();
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().pings_bad, 0);
}

static void who_is_punished_is_alone_with_it(void) {
  kit.act = act_reply;
  kit_serve();
  rawpeer *bad = kit_connect();
  rawpeer *good = kit_connect();
  for (int i = 0; i < 4; i++)
    ping();
  CU_ASSERT_TRUE(is_punished() && kit_is_gone(bad));
  kit.peer = good;
  kit_unary(1, "/t.S/Fn", "x");
  KIT_STREQ(kit_reply(1, 0), "reply");
  CU_ASSERT_EQUAL(kit_stats().connections, 1);
  kit.peer = kit_connect(); /* and may come back */
  kit_unary(1, "/t.S/Fn", "x");
  KIT_STREQ(kit_reply(1, 0), "reply");
}

/* What the client says of the server's own PINGs is no PING of its own. */
static void acks_are_no_pings(void) {
  serve_a_client_with_a_call();
  for (int i = 0; i < 100; i++)
    rawpeer_ping(kit.peer, RAW_ACK, opaque);
  kit_run();
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().pings_received, 0);
}

/* ---- the server's own ---- */

static const rawframe *server_ping(size_t nth) {
  size_t count = rawpeer_count(kit.peer, RAW_PING, 0);
  for (size_t i = 0; i < count; i++) {
    const rawframe *frame = rawpeer_find(kit.peer, RAW_PING, 0, i);
    if (!(frame->flags & RAW_ACK) && nth-- == 0) return frame;
  }
  return NULL;
}

/* Milliseconds until the nth PING is there. */
static unsigned ms_until_ping(size_t nth, unsigned max_ms) {
  unsigned ms = 0;
  for (; ms < max_ms && !server_ping(nth); ms++)
    kit_run_ms(1);
  return ms;
}

static void a_silent_client_is_asked_also_without_calls_and_lives_while_it_answers(void) {
  kit.options.keepalive_ms = 10000;
  kit.options.keepalive_timeout_ms = 1000;
  serve_a_client();
  for (size_t i = 0; i < 20; i++) {
    unsigned ms = ms_until_ping(i, 20000);
    CU_ASSERT_TRUE(ms >= 9999 && ms < 20000); /* never sooner than asked for */
    CU_ASSERT_PTR_NOT_NULL_FATAL(server_ping(i));
    kit_run_ms(900);
    rawpeer_ping(kit.peer, RAW_ACK, server_ping(i)->payload);
    kit_run();
  }
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().pings_sent, 20);
  CU_ASSERT_EQUAL(kit_stats().clients_dead, 0);
}

static void a_client_that_talks_is_not_asked(void) {
  kit.options.keepalive_ms = 10000;
  kit.act = act_reply;
  serve_a_client();
  for (uint32_t i = 0; i < 50; i++) {
    kit_run_ms(9000);
    kit_unary(1 + 2 * i, "/t.S/Fn", "x");
  }
  CU_ASSERT_PTR_NULL(server_ping(0));
  CU_ASSERT_EQUAL(kit_stats().calls_succeeded, 50);
}

static void a_dead_clients_calls_end_cancelled_when_the_timeout_is_over(void) {
  kit.options.keepalive_ms = 10000;
  kit.options.keepalive_timeout_ms = 2000;
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_request(3, "/t.S/Bidi", false, NULL);
  kit_run();
  CU_ASSERT_TRUE(ms_until_ping(0, 20000) < 20000);
  kit_run_ms(1998);
  KIT_STREQ(kit.order, "cc");
  kit_run_ms(2);
  KIT_STREQ(kit.order, "ccee");
  CU_ASSERT_EQUAL(kit.code, GMUX_CANCELLED);
  CU_ASSERT_TRUE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().clients_dead, 1);
  CU_ASSERT_EQUAL(kit_stats().pings_sent, 1);
  CU_ASSERT_EQUAL(kit_stats().connections, 0);
  CU_ASSERT_EQUAL(kit_stats().calls_failed, 2);
}

/* No reset, no end: nothing comes any more, and nothing arrives. */
static void a_client_in_a_black_hole_is_noticed(void) {
  kit.options.keepalive_ms = 10000;
  kit.options.keepalive_timeout_ms = 2000;
  serve_a_client_with_a_call();
  gmux__address at = sim_address("127.0.0.1", KIT_PORT);
  sim_net_blackhole(kit.world, &at, SIM_BOTH_WAYS);
  kit_run_ms(15000);
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_EQUAL(kit.code, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(kit_stats().clients_dead, 1);
  sim_net_blackhole(kit.world, &at, 0);
}

static void with_keepalive_off_nobody_is_asked(void) {
  kit.options.keepalive_ms = 0;
  serve_a_client_with_a_call();
  for (int i = 0; i < 48; i++)
    kit_run_ms(HOUR_MS);
  CU_ASSERT_PTR_NULL(server_ping(0));
  KIT_STREQ(kit.order, "c");
}

static void by_default_a_client_is_asked_after_two_hours(void) {
  serve_a_client();
  kit_run_ms(2 * HOUR_MS - 1);
  CU_ASSERT_PTR_NULL(server_ping(0));
  kit_run_ms(HOUR_MS);
  CU_ASSERT_EQUAL(kit_stats().clients_dead, 1); /* it did not answer */
}

static const test_case cases[] = {
    TEST(the_third_bad_ping_is_punished_and_not_the_second),
    TEST(pings_at_the_allowed_interval_are_never_punished_while_a_call_runs),
    TEST(pings_just_faster_than_allowed_are_punished),
    TEST(without_calls_two_hours_must_lie_between_pings),
    TEST(where_it_is_permitted_no_call_is_needed),
    TEST(every_answer_clears_the_strikes),
    TEST(how_many_are_forgiven_is_an_option),
    TEST(all_may_be_forgiven),
    TEST(with_no_least_interval_no_ping_is_bad_while_a_call_runs),
    TEST(who_is_punished_is_alone_with_it),
    TEST(acks_are_no_pings),
    TEST(a_silent_client_is_asked_also_without_calls_and_lives_while_it_answers),
    TEST(a_client_that_talks_is_not_asked),
    TEST(a_dead_clients_calls_end_cancelled_when_the_timeout_is_over),
    TEST(a_client_in_a_black_hole_is_noticed),
    TEST(with_keepalive_off_nobody_is_asked),
    TEST(by_default_a_client_is_asked_after_two_hours),
    TESTS_END,
};

const test_suite server_pings_suite = {
    .name = "pings", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
