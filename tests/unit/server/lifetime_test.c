/* lifetime_test.c: how long a connection may be idle, how old it may become, and what ends first.
 */
#include "lib/wire/status.h"
#include "tests/unit/server/kit.h"

enum { STEP_MS = 10 };

static bool has_goaway(const rawpeer *peer) {
  return rawpeer_count(peer, RAW_GOAWAY, 0) > 0;
}

/* Milliseconds, in steps, until the peer hears GOAWAY; `max_ms` when it does not. */
static unsigned ms_until_goaway(const rawpeer *peer, unsigned max_ms) {
  unsigned ms = 0;
  for (; ms < max_ms && !has_goaway(peer); ms += STEP_MS)
    kit_run_ms(STEP_MS);
  return ms;
}

static unsigned ms_until_gone(const rawpeer *peer, unsigned max_ms) {
  unsigned ms = 0;
  for (; ms < max_ms && !kit_is_gone(peer); ms += STEP_MS)
    kit_run_ms(STEP_MS);
  return ms;
}

static bool goaway_says(const rawpeer *peer, size_t nth, uint32_t last_id, const char *text) {
  const rawframe *goaway = rawpeer_find(peer, RAW_GOAWAY, 0, nth);
  return goaway && rawframe_u32(goaway, 0) == last_id &&
         rawframe_u32(goaway, 4) == GMUX__H2_NO_ERROR && goaway->len == 8 + strlen(text) &&
         memcmp(goaway->payload + 8, text, strlen(text)) == 0;
}

static void answer_ping(rawpeer *peer) {
  const rawframe *ping = rawpeer_find(peer, RAW_PING, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(ping);
  rawpeer_ping(peer, RAW_ACK, ping->payload);
  kit_run();
}

static bool is_about(unsigned ms, unsigned of_ms) {
  return ms >= of_ms - of_ms / 10 && ms <= of_ms + of_ms / 10 + STEP_MS;
}

static void act_reply(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_UNARY) kit_reply_text(call, "reply");
}

/* ---- without limits ---- */

static void by_default_a_connection_is_ended_neither_for_idleness_nor_for_age(void) {
  kit.options.keepalive_ms = 0; /* these peers answer no PING */
  kit_serve();
  kit_connect();
  for (int hour = 0; hour < 48; hour++)
    kit_run_ms(3600000);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer) || has_goaway(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().ended_idle + kit_stats().ended_age, 0);
}

/* ---- idle ---- */

static void an_idle_connection_is_ended_within_a_tenth_of_its_time_in_two_steps(void) {
  kit.options.max_connection_idle_ms = 10000;
  kit_serve();
  kit_connect();
  CU_ASSERT_TRUE(is_about(ms_until_goaway(kit.peer, 20000), 10000));
  CU_ASSERT_EQUAL(rawframe_u32(rawpeer_find(kit.peer, RAW_GOAWAY, 0, 0), 0), INT32_MAX);
  CU_ASSERT_EQUAL(rawpeer_count(kit.peer, RAW_GOAWAY, 0), 1);
  CU_ASSERT_EQUAL(kit_stats().ended_idle, 1);
  answer_ping(kit.peer);
  CU_ASSERT_TRUE(goaway_says(kit.peer, 1, 0, "max_idle"));
  CU_ASSERT_TRUE(kit_is_gone(kit.peer));
  rawpeer_close(kit.peer);
  kit_run();
  CU_ASSERT_EQUAL(kit_stats().connections, 0);
  CU_ASSERT_EQUAL(kit_stats().ended_age, 0);
}

static void idle_time_runs_from_the_end_of_the_last_call(void) {
  kit.options.max_connection_idle_ms = 10000;
  kit.act = act_reply;
  kit_serve();
  kit_connect();
  /* Calls now and then keep it, however few. */
  for (uint32_t i = 0; i < 20; i++) {
    kit_run_ms(8900);
    kit_unary(1 + 2 * i, "/t.S/Fn", "x");
    KIT_STREQ(kit_reply(1 + 2 * i, 0), "reply");
  }
  CU_ASSERT_FALSE(has_goaway(kit.peer));
  /* So does one that takes long: two, of which the later to end counts. */
  kit_request(101, "/t.S/Bidi", false, NULL);
  kit_request(103, "/t.S/Bidi", false, NULL);
  kit_run_ms(123456);
  rawpeer_rst(kit.peer, 101, GMUX__H2_CANCEL);
  kit_run_ms(5000);
  CU_ASSERT_FALSE(has_goaway(kit.peer));
  rawpeer_rst(kit.peer, 103, GMUX__H2_CANCEL);
  kit_run();
  CU_ASSERT_TRUE(is_about(ms_until_goaway(kit.peer, 20000), 10000));
  CU_ASSERT_EQUAL(kit_stats().ended_idle, 1);
}

static void a_call_on_its_way_when_idleness_ends_a_connection_is_served(void) {
  kit.options.max_connection_idle_ms = 10000;
  kit.act = act_reply;
  kit_serve();
  kit_connect();
  ms_until_goaway(kit.peer, 20000);
  kit_unary(1, "/t.S/Fn", "x");
  KIT_STREQ(kit_reply(1, 0), "reply");
  answer_ping(kit.peer);
  CU_ASSERT_TRUE(goaway_says(kit.peer, 1, 1, "max_idle"));
  CU_ASSERT_TRUE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().calls_succeeded, 1);
}

static void time_in_the_handshake_is_not_idle_time(void) {
  kit.options.max_connection_idle_ms = 1000;
  kit.options.max_connection_age_ms = 1000;
  kit_serve();
  rawpeer *slow = kit_connect_silent();
  kit_run_ms(5000);
  kit_greet(slow);
  CU_ASSERT_FALSE(has_goaway(slow));
  CU_ASSERT_TRUE(is_about(ms_until_goaway(slow, 2000), 1000));
}

static void calls_turn_no_timer_of_an_idle_limit(void) {
  kit.options.max_connection_idle_ms = 1000000;
  kit.act = act_reply;
  kit_serve();
  kit_connect();
  for (uint32_t i = 0; i < 100; i++)
    kit_unary(1 + 2 * i, "/t.S/Fn", "x");
  /* One look in all that time: had each call set the timer, there would be one for each. */
  uint64_t turns = sim_turns(kit.world);
  kit_run_ms(800000);
  CU_ASSERT_TRUE(sim_turns(kit.world) - turns <= 2);
}

/* ---- age ---- */

static void connections_grow_old_within_a_tenth_of_the_time_and_not_in_step(void) {
  enum { MANY = 100, AGE_MS = 100000 };
  kit.options.max_connection_age_ms = AGE_MS;
  kit_serve();
  rawpeer *peers[MANY];
  unsigned at_ms[MANY] = {0};
  for (int i = 0; i < MANY; i++)
    peers[i] = kit_connect();
  for (unsigned ms = 1000; ms <= 2 * AGE_MS; ms += 1000) {
    kit_run_ms(1000);
    for (int i = 0; i < MANY; i++)
      if (at_ms[i] == 0 && has_goaway(peers[i])) at_ms[i] = ms;
  }
  unsigned busiest = 0;
  for (int i = 0; i < MANY; i++) {
    CU_ASSERT_TRUE(at_ms[i] >= AGE_MS - AGE_MS / 10 && at_ms[i] <= AGE_MS + AGE_MS / 10 + 1000);
    unsigned same = 0;
    for (int j = 0; j < MANY; j++)
      same += at_ms[j] == at_ms[i];
    if (same > busiest) busiest = same;
  }
  CU_ASSERT_TRUE(busiest <= MANY / 5); /* spread evenly over 20 s, 5 would fall into one */
  CU_ASSERT_EQUAL(kit_stats().ended_age, MANY);
  CU_ASSERT_EQUAL(kit_stats().connections, 0); /* no call held them */
}

static void age_ends_a_busy_connection_too_and_lets_calls_take_their_time(void) {
  kit.options.max_connection_age_ms = 10000;
  kit.options.keepalive_ms = 0;
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  CU_ASSERT_TRUE(is_about(ms_until_goaway(kit.peer, 20000), 10000));
  answer_ping(kit.peer);
  CU_ASSERT_TRUE(goaway_says(kit.peer, 1, 1, "max_age"));
  kit_run_ms(86400000); /* no grace was set: as long as it takes */
  KIT_STREQ(kit.order, "c");
  CU_ASSERT_EQUAL(kit_stats().connections, 1);
  CU_ASSERT_EQUAL(kit_stats().ended_age, 1);
  CU_ASSERT_EQUAL(gmux_server_call_finish(kit.call, NULL, NULL), 0);
  kit_run();
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
  CU_ASSERT_TRUE(kit_is_gone(kit.peer));
}

static void the_grace_after_age_cuts_what_is_left(void) {
  kit.options.max_connection_age_ms = 10000;
  kit.options.max_connection_age_grace_ms = 3000;
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  ms_until_goaway(kit.peer, 20000);
  answer_ping(kit.peer);
  kit_run_ms(2900);
  KIT_STREQ(kit.order, "c");
  /* From the moment it was too old, not from its second GOAWAY. */
  unsigned ms = ms_until_gone(kit.peer, 5000);
  CU_ASSERT_TRUE(ms > 0 && ms <= 100);
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_EQUAL(kit.code, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(kit_stats().connections, 0);
  CU_ASSERT_EQUAL(kit_stats().calls_failed, 1);
  CU_ASSERT_EQUAL(kit_stats().ended_age, 1);
}

static void a_drain_takes_those_that_are_leaving_already(void) {
  kit.options.max_connection_age_ms = 10000;
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  ms_until_goaway(kit.peer, 20000);
  answer_ping(kit.peer);
  gmux_server_drain(kit.server, 2000, kit_on_closed, &kit);
  kit_run_ms(1999);
  CU_ASSERT_EQUAL(kit.closed, 0);
  kit_run_ms(1);
  CU_ASSERT_EQUAL(kit.closed, 1);
  CU_ASSERT_EQUAL(kit.code, GMUX_CANCELLED);
}

static const test_case cases[] = {
    TEST(by_default_a_connection_is_ended_neither_for_idleness_nor_for_age),
    TEST(an_idle_connection_is_ended_within_a_tenth_of_its_time_in_two_steps),
    TEST(idle_time_runs_from_the_end_of_the_last_call),
    TEST(a_call_on_its_way_when_idleness_ends_a_connection_is_served),
    TEST(time_in_the_handshake_is_not_idle_time),
    TEST(calls_turn_no_timer_of_an_idle_limit),
    TEST(connections_grow_old_within_a_tenth_of_the_time_and_not_in_step),
    TEST(age_ends_a_busy_connection_too_and_lets_calls_take_their_time),
    TEST(the_grace_after_age_cuts_what_is_left),
    TEST(a_drain_takes_those_that_are_leaving_already),
    TESTS_END,
};

const test_suite server_lifetime_suite = {
    .name = "lifetime", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
