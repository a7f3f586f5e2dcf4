/* pool_test.c: which connection takes a call, and when one more is dialed. */
#include "tests/unit/client/pool_kit.h"
#include <string.h>

/* ---- promise 1: slots, ideal, pack and spread ---- */

static void three_calls_with_a_limit_of_2_take_two_connections(void) {
  w_open();
  start(3);
  rawpeer *p = w_greet(2), *q = w_greet(2);
  CU_ASSERT_PTR_NOT_NULL_FATAL(rawpeer_find(p, RAW_HEADERS, 1, 0));
  CU_ASSERT_EQUAL(requests(p), 2);
  CU_ASSERT_EQUAL(requests(q), 1);
  CU_ASSERT_EQUAL(w_answer_all(p, "reply") + w_answer_all(q, "reply"), 3);
  w_run();
  CU_ASSERT_EQUAL(w_stats().calls_succeeded, 3);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 2);
}

static void a_limit_lowered_from_100_to_1_with_100_in_flight_blocks_nothing_for_ever(void) {
  w_options.max_connections = 1;
  w_open();
  start(150);
  rawpeer *p = w_greet(100);
  CU_ASSERT_EQUAL(requests(p), 100);
  w_settings(p, 1);
  w_run();
  CU_ASSERT_EQUAL(w_stats().calls_running, 100); /* none is harmed */
  for (uint32_t i = 0; i < 150; i++) {
    CU_ASSERT_EQUAL(requests(p), i < 100 ? 100 : i + 1);
    answer_stream(p, 2 * i + 1);
  }
  CU_ASSERT_EQUAL(w_stats().calls_succeeded, 150);
}

static void with_pack_calls_fill_the_fullest_connection_below_its_ideal(void) {
  w_options.ideal_streams = 2;
  w_open();
  start(3);
  rawpeer *p = w_greet(-1), *q = w_greet(-1);
  CU_ASSERT_EQUAL(requests(p), 3); /* while the second was made the first took what came */
  start(1);
  CU_ASSERT_EQUAL(requests(q), 1);
  answer_stream(p, 1);
  answer_stream(p, 3);
  start(1); /* both carry one call: the first asked, which is the oldest */
  CU_ASSERT_EQUAL(requests(p), 4);
  start(1);
  CU_ASSERT_EQUAL(requests(q), 2);
  answer_stream(p, 5);
  answer_stream(p, 7);
  answer_stream(q, 1);
  start(1); /* none and one: the fuller one, so that the other can go idle */
  CU_ASSERT_EQUAL(requests(q), 3);
}

static void with_spread_calls_go_to_the_least_loaded_connection(void) {
  w_options.pick_order = GMUX_PICK_SPREAD;
  w_options.min_connections = 3;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p[3];
  for (int i = 0; i < 3; i++)
    p[i] = w_greet(-1);
  start(30);
  for (int i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(requests(p[i]), 10);
}

static void a_connection_whose_socket_takes_nothing_is_passed_over(void) {
  sim_net(w_sim)->buffer_bytes = 1024;
  w_options.min_connections = 2;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_greet(-1), *q = w_greet(-1);
  sim_link_stall(sim_link_first(w_sim), SIM_TO_SERVER);
  static char much[100000];
  memset(much, 'x', sizeof much - 1);
  tcall *t = w_start(GMUX_UNARY, NULL);
  CU_ASSERT_TRUE(w_write(t, much) >= 0);
  w_run();
  CU_ASSERT_TRUE(gmux__conn_is_blocked(line_at(0)->conn));
  start(1);
  CU_ASSERT_EQUAL(requests(p), 0);
  CU_ASSERT_EQUAL(requests(q), 1);
}

/* ---- promise 2: one more connection ---- */

static void ten_thousand_calls_on_a_cold_channel_make_one_dial_then_at_most_four(void) {
  enum { CALLS = 10000 };
  static tcall *t[CALLS];
  w_open();
  for (int i = 0; i < CALLS; i++)
    t[i] = w_unary();
  w_run();
  CU_ASSERT_EQUAL(dials(), 1);
  rawpeer *p[4];
  size_t answered = 0;
  for (size_t i = 0; i < 4; i++) {
    CU_ASSERT_EQUAL(dials(), i + 1); /* the next one only when this one greets */
    p[i] = w_greet(100);
  }
  while (answered < CALLS) {
    size_t before = answered;
    for (int i = 0; i < 4; i++)
      answered += w_answer_all(p[i], "reply");
    w_run();
    CU_ASSERT_FATAL(answered > before);
  }
  CU_ASSERT_EQUAL(dials(), 4);
  size_t good = 0;
  for (int i = 0; i < CALLS; i++)
    good += t[i]->ends == 1 && t[i]->code == GMUX_OK;
  CU_ASSERT_EQUAL(good, CALLS);
  CU_ASSERT_EQUAL(w_stats().streams_peak, 400);
  for (int i = 0; i < 4; i++) /* each has carried its share */
    CU_ASSERT_TRUE(requests(p[i]) > CALLS / 8);
}

static void a_full_connection_goes_on_taking_calls_while_another_is_dialed(void) {
  w_options.ideal_streams = 2;
  rawpeer *p = w_connected();
  start(2);
  CU_ASSERT_EQUAL(dials(), 1);
  start(1);
  CU_ASSERT_EQUAL(dials(), 2);
  start(10);
  CU_ASSERT_EQUAL(requests(p), 13);
  CU_ASSERT_EQUAL(dials(), 2);
  rawpeer *q = w_greet(-1);
  start(1);
  CU_ASSERT_EQUAL(requests(q), 1);
  CU_ASSERT_EQUAL(requests(p), 13);
}

static void growth_stops_at_the_maximum(void) {
  w_options.ideal_streams = 1;
  w_options.max_connections = 2;
  w_connected();
  start(2);
  w_greet(-1);
  start(20);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(dials(), 2);
  CU_ASSERT_EQUAL(w_stats().calls_running, 22);
}

static void a_growth_dial_that_fails_fails_nobody(void) {
  rawpeer *p = w_connected();
  w_settings(p, 1);
  w_run();
  sim_net_refuse(w_sim, &w_address, true);
  start(1);
  tcall *waits = w_unary();
  w_run();
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
  ASSERT_LOG(waits, "");
  tcall *later = w_unary(); /* nor a new one while the backoff runs */
  w_run();
  ASSERT_LOG(later, "");
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  w_run_ms(1200);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 2); /* and it is tried again */
  for (uint32_t stream = 1; stream <= 5; stream += 2)
    answer_stream(p, stream);
  ASSERT_CODE(waits, GMUX_OK);
  ASSERT_CODE(later, GMUX_OK);
  w_run_ms(100000);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 2); /* until nobody needs it */
}

static void a_crowd_that_has_gone_needs_no_further_connection(void) {
  w_options.ideal_streams = 2;
  rawpeer *p = w_connected();
  sim_net_refuse(w_sim, &w_address, true);
  start(3);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
  w_run_ms(1200);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 2); /* it is still there */
  answer_stream(p, 1);
  answer_stream(p, 3);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 2);
  start(2); /* the next one does */
  CU_ASSERT_EQUAL(w_stats().dials_failed, 3);
}

static void a_dial_that_nobody_needs_any_more_becomes_a_spare(void) {
  rawpeer *p = w_connected();
  w_settings(p, 1);
  start(1);
  tcall *t = w_unary();
  w_run();
  CU_ASSERT_EQUAL(dials(), 2);
  gmux_call_cancel(t->call);
  answer_stream(p, 1);
  rawpeer *q = w_greet(1);
  w_run();
  CU_ASSERT_TRUE(is_open(q));
  CU_ASSERT_EQUAL(w_stats().connections_ready, 2);
}

/* ---- promise 3: who waits ---- */

static void when_the_last_connection_is_lost_and_dials_fail_waiting_calls_fail(void) {
  rawpeer *p = w_connected();
  w_settings(p, 1);
  start(1);
  tcall *t = w_unary();
  w_run();
  rawpeer *q = w_accept(); /* the growth dial hangs before its SETTINGS */
  sim_net_refuse(w_sim, &w_address, true);
  rawpeer_reset(p);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING); /* by the dial that runs (gRPC A105) */
  ASSERT_LOG(t, "");
  rawpeer_reset(q);
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
}

static const test_case cases[] = {
    TEST(three_calls_with_a_limit_of_2_take_two_connections),
    TEST(a_limit_lowered_from_100_to_1_with_100_in_flight_blocks_nothing_for_ever),
    TEST(with_pack_calls_fill_the_fullest_connection_below_its_ideal),
    TEST(with_spread_calls_go_to_the_least_loaded_connection),
    TEST(a_connection_whose_socket_takes_nothing_is_passed_over),
    TEST(ten_thousand_calls_on_a_cold_channel_make_one_dial_then_at_most_four),
    TEST(a_full_connection_goes_on_taking_calls_while_another_is_dialed),
    TEST(growth_stops_at_the_maximum),
    TEST(a_growth_dial_that_fails_fails_nobody),
    TEST(a_crowd_that_has_gone_needs_no_further_connection),
    TEST(a_dial_that_nobody_needs_any_more_becomes_a_spare),
    TEST(when_the_last_connection_is_lost_and_dials_fail_waiting_calls_fail),
    TESTS_END,
};

const test_suite client_pool_suite = {"pool", cases, pool_setup, w_teardown};
