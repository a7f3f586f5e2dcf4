/* pool_size_test.c: how many connections are kept, and which spare ones close. */
#include "tests/unit/client/pool_kit.h"
#include <gmux/error.h>

/* ---- promise 4: min_connections and warm ---- */

static struct {
  unsigned count;
  int error;
} warm;

static void on_warm(int error, void *user_data) {
  CU_ASSERT_PTR_EQUAL(user_data, &warm);
  warm.count++;
  warm.error = error;
}

static void setup(void) {
  pool_setup();
  warm.count = 0;
  warm.error = 1;
}

static void nothing_is_connected_before_the_first_need(void) {
  w_options.min_connections = 2;
  w_open();
  gmux_channel_reset_backoff(w_channel);
  gmux_channel_pause(w_channel);
  gmux_channel_resume(w_channel);
  gmux_channel_rotate(w_channel);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(dials(), 0);
  start(1);
  w_greet(-1);
  w_greet(-1);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(dials(), 2);
}

static void warm_opens_min_connections_one_after_the_other_and_tells_once(void) {
  w_options.min_connections = 3;
  w_open();
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &warm), 0);
  for (unsigned i = 1; i <= 3; i++) {
    w_run();
    CU_ASSERT_EQUAL(dials(), i);
    CU_ASSERT_EQUAL(warm.count, 0);
    w_greet(-1);
  }
  CU_ASSERT_EQUAL(warm.count, 1);
  CU_ASSERT_EQUAL(warm.error, 0);
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &warm), 0);
  CU_ASSERT_EQUAL(warm.count, 1); /* never from inside */
  w_run();
  CU_ASSERT_EQUAL(warm.count, 2);
}

static void warm_without_a_minimum_opens_one(void) {
  w_open();
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &warm), 0);
  w_greet(-1);
  CU_ASSERT_EQUAL(warm.count, 1);
  w_run_ms(1000);
  CU_ASSERT_EQUAL(dials(), 1);
}

static void warm_goes_on_through_failures(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_options.min_connections = 2;
  w_open();
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &warm), 0);
  w_run_ms(5000);
  CU_ASSERT_TRUE(w_stats().dials_failed >= 3);
  CU_ASSERT_EQUAL(warm.count, 0);
  sim_net_refuse(w_sim, &w_address, false);
  w_greet_within(20000);
  w_greet(-1);
  CU_ASSERT_EQUAL(warm.count, 1);
}

static void warm_hears_of_the_end(void) {
  w_open();
  CU_ASSERT_EQUAL(gmux_channel_warm(NULL, on_warm, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &warm), 0);
  w_run();
  gmux_channel_close(w_channel, NULL, NULL);
  CU_ASSERT_EQUAL(warm.count, 0);
  w_run();
  CU_ASSERT_EQUAL(warm.count, 1);
  CU_ASSERT_EQUAL(warm.error, GMUX_ERR_CLOSED);
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &warm), GMUX_ERR_CLOSED);
}

static void min_connections_are_made_again_when_lost_and_never_idle(void) {
  w_options.min_connections = 2;
  w_options.idle_timeout_ms = 1000;
  w_options.max_idle_ms = 1000;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_greet(-1);
  w_greet(-1);
  w_run_ms(100000);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 2);
  rawpeer_reset(p);
  w_run();
  CU_ASSERT_EQUAL(dials(), 3);
  w_greet(-1);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 2);
}

/* ---- promise 4: spare ones ---- */

static void spare_connections_close_after_max_idle_and_the_last_stays(void) {
  w_options.max_idle_ms = 5000;
  w_open();
  start(6);
  rawpeer *p[3];
  for (int i = 0; i < 3; i++)
    p[i] = w_greet(2);
  w_run_ms(1000);
  for (int i = 2; i >= 0; i--) { /* the last one first, a second apart */
    w_answer_all(p[i], "reply");
    w_run_ms(1000);
  }
  w_run_ms(1999);
  CU_ASSERT_EQUAL(w_stats().connections, 3);
  w_run_ms(1);
  CU_ASSERT_FALSE(is_open(p[2]));
  CU_ASSERT_EQUAL(w_stats().connections, 2);
  w_run_ms(1000);
  CU_ASSERT_FALSE(is_open(p[1]));
  w_run_ms(60000);
  CU_ASSERT_TRUE(is_open(p[0]));
  CU_ASSERT_EQUAL(w_stats().connections, 1);
  CU_ASSERT_EQUAL(w_stats().closed_idle, 2);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
}

static void a_busy_connection_is_not_idle(void) {
  w_options.max_idle_ms = 1000;
  w_open();
  start(4);
  rawpeer *p = w_greet(2), *q = w_greet(2);
  w_answer_all(p, "reply");
  w_run_ms(999);
  CU_ASSERT_TRUE(is_open(p));
  w_run_ms(60000);
  CU_ASSERT_FALSE(is_open(p));
  CU_ASSERT_TRUE(is_open(q));
  CU_ASSERT_EQUAL(w_stats().calls_running, 2);
}

static void a_maximum_idle_time_of_0_keeps_spare_ones(void) {
  w_options.max_idle_ms = 0;
  w_open();
  start(2);
  rawpeer *p = w_greet(1), *q = w_greet(1);
  w_answer_all(p, "reply");
  w_answer_all(q, "reply");
  w_run_ms(1000000);
  CU_ASSERT_EQUAL(w_stats().connections, 2);
}

static void the_idle_timeout_closes_all_and_stops_a_dial(void) {
  w_options.idle_timeout_ms = 5000;
  w_options.max_idle_ms = 0;
  w_open();
  start(3);
  rawpeer *p = w_greet(1), *q = w_greet(1);
  w_accept(); /* the third never greets */
  gmux_call_cancel(w_unary()->call);
  w_answer_all(p, "reply");
  w_answer_all(q, "reply");
  w_run();
  w_answer_all(p, "reply");
  w_run_ms(4999);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  w_run_ms(1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  w_run();
  CU_ASSERT_EQUAL(w_stats().connections + w_stats().connections_dialing, 0);
  CU_ASSERT_EQUAL(w_stats().closed_idle, 2);
}

/* ---- promise 4: burst ---- */

static void a_call_that_waits_for_long_brings_a_burst_connection(void) {
  burst_options();
  w_open();
  start(2);
  rawpeer *p = w_greet(1);
  w_run_ms(99);
  CU_ASSERT_EQUAL(dials(), 1);
  w_run_ms(1);
  CU_ASSERT_EQUAL(dials(), 2);
  rawpeer *q = w_greet(1);
  CU_ASSERT_EQUAL(requests(p) + requests(q), 2);
  start(5);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(dials(), 2); /* no more than burst_connections */
}

static void burst_connections_are_used_last_and_go_first(void) {
  burst_options();
  w_open();
  start(2);
  rawpeer *p = w_greet(1);
  w_run_ms(100);
  rawpeer *q = w_greet(1);
  w_run_ms(1000);
  w_answer_all(p, "reply");
  w_run_ms(10);
  w_answer_all(q, "reply"); /* idle later than the other, and yet the first to go */
  w_run();
  start(1);
  CU_ASSERT_EQUAL(requests(p), 2);
  w_answer_all(p, "reply");
  w_run_ms(5000);
  CU_ASSERT_FALSE(is_open(q));
  CU_ASSERT_TRUE(is_open(p));
}

static void a_burst_connection_takes_the_place_of_one_lost_meanwhile(void) {
  burst_options();
  w_open();
  start(2);
  rawpeer *p = w_greet(1);
  w_run_ms(100);
  CU_ASSERT_EQUAL(dials(), 2);
  rawpeer_reset(p);
  w_run();
  w_greet(1);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 1);
  CU_ASSERT_FALSE(line_at(0)->is_temporary);
}

static void a_burst_connection_that_nobody_needs_any_more_is_closed(void) {
  burst_options();
  w_open();
  start(2);
  rawpeer *p = w_greet(1);
  w_run_ms(100);
  CU_ASSERT_EQUAL(dials(), 2);
  answer_stream(p, 1);
  answer_stream(p, 3);
  rawpeer *q = w_greet(1);
  w_run();
  CU_ASSERT_FALSE(is_open(q));
  CU_ASSERT_EQUAL(w_stats().connections, 1);
}

static void waiting_for_the_answer_of_an_idle_connection_is_no_burst(void) {
  burst_options();
  rawpeer *p = w_connected();
  w_run_ms(30000);
  start(1);
  w_run_ms(300);
  CU_ASSERT_EQUAL(dials(), 1);
  ack_pings(p);
  CU_ASSERT_EQUAL(requests(p), 1);
}

static const test_case cases[] = {
    TEST(nothing_is_connected_before_the_first_need),
    TEST(warm_opens_min_connections_one_after_the_other_and_tells_once),
    TEST(warm_without_a_minimum_opens_one),
    TEST(warm_goes_on_through_failures),
    TEST(warm_hears_of_the_end),
    TEST(min_connections_are_made_again_when_lost_and_never_idle),
    TEST(spare_connections_close_after_max_idle_and_the_last_stays),
    TEST(a_busy_connection_is_not_idle),
    TEST(a_maximum_idle_time_of_0_keeps_spare_ones),
    TEST(the_idle_timeout_closes_all_and_stops_a_dial),
    TEST(a_call_that_waits_for_long_brings_a_burst_connection),
    TEST(burst_connections_are_used_last_and_go_first),
    TEST(a_burst_connection_takes_the_place_of_one_lost_meanwhile),
    TEST(a_burst_connection_that_nobody_needs_any_more_is_closed),
    TEST(waiting_for_the_answer_of_an_idle_connection_is_no_burst),
    TESTS_END,
};

const test_suite client_pool_size_suite = {"pool_size", cases, setup, w_teardown};
