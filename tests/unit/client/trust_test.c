/* trust_test.c: connections that are asked, suspect, or trusted again. */
#include "tests/unit/client/pool_kit.h"

/* ---- promise 5: validation ---- */

static void a_connection_idle_for_long_is_asked_before_a_call_is_committed_to_it(void) {
  rawpeer *p = w_connected();
  w_run_ms(30000);
  tcall *t = w_unary();
  w_run();
  CU_ASSERT_EQUAL(requests(p), 0);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 1);
  CU_ASSERT_EQUAL(gmux__odometer_wait(&w_channel->loop_only.waits), GMUX__WAIT_VALIDATION);
  ack_pings(p);
  CU_ASSERT_EQUAL(requests(p), 1);
  answer_stream(p, 1);
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_EQUAL(w_stats().validations, 1);
  CU_ASSERT_EQUAL(dials(), 1); /* waiting for the answer is no need for more */
}

/* Suspicion has its one PING between two answers; without this a black hole behind a quiet stream
 * would swallow every later call. */
static void a_connection_with_a_quiet_stream_is_asked_too(void) {
  w_options.max_connections = 1;
  w_options.suspect_after_ms = 0;
  rawpeer *p = w_connected();
  start(1);
  w_run_ms(1000);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 1); /* suspicion's */
  ack_pings(p);
  w_run_ms(30000);
  tcall *t = w_unary();
  w_run();
  CU_ASSERT_EQUAL(requests(p), 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 2);
  rawpeer_ping(p, RAW_ACK, rawpeer_find(p, RAW_PING, 0, 1)->payload);
  w_run();
  CU_ASSERT_EQUAL(requests(p), 2);
  w_answer_all(p, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

static void a_connection_idle_for_less_takes_calls_at_once(void) {
  rawpeer *p = w_connected();
  w_run_ms(29999);
  start(1);
  CU_ASSERT_EQUAL(requests(p), 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 0);
}

static void without_validation_an_idle_connection_takes_calls_at_once(void) {
  w_options.validate_after_ms = 0;
  rawpeer *p = w_connected();
  w_run_ms(300000);
  start(1);
  CU_ASSERT_EQUAL(requests(p), 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 0);
}

static void while_an_idle_connection_is_asked_calls_go_to_a_fresh_one(void) {
  w_options.pick_order = GMUX_PICK_SPREAD;
  w_options.min_connections = 2;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_greet(-1), *q = w_greet(-1);
  w_run_ms(29000);
  start(1);
  CU_ASSERT_EQUAL(requests(p), 1);
  w_headers(p, 1);
  w_run_ms(1000);
  start(1); /* the other is the least loaded, and silent for 30 s */
  CU_ASSERT_EQUAL(rawpeer_count(q, RAW_PING, 0), 1);
  CU_ASSERT_EQUAL(requests(p), 2);
  ack_pings(q);
  start(1);
  CU_ASSERT_EQUAL(requests(q), 1);
}

static void of_two_idle_connections_one_is_asked_and_the_other_waits_its_turn(void) {
  w_options.min_connections = 2;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_greet(1), *q = w_greet(1);
  w_run_ms(60000);
  start(1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 1);
  CU_ASSERT_EQUAL(rawpeer_count(q, RAW_PING, 0) + requests(q), 0);
  ack_pings(p);
  CU_ASSERT_EQUAL(requests(p), 1);
  start(1); /* the first is full */
  CU_ASSERT_EQUAL(rawpeer_count(q, RAW_PING, 0), 1);
}

/* Or a channel that lets nobody wait would refuse every call that comes after a quiet time. */
static void with_no_waiting_allowed_calls_wait_for_the_answer_while_streams_are_free(void) {
  w_options.max_waiting = 0;
  w_options.max_connections = 1;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_greet(2);
  w_run_ms(30000);
  tcall *first = w_unary(), *second = w_unary(), *third = w_unary();
  w_run();
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 1);
  ASSERT_LOG(first, "");
  ASSERT_LOG(second, "");
  ASSERT_CODE(third, GMUX_RESOURCE_EXHAUSTED);
  ack_pings(p);
  CU_ASSERT_EQUAL(requests(p), 2);
  w_answer_all(p, "reply");
  w_run();
  ASSERT_CODE(first, GMUX_OK);
  ASSERT_CODE(second, GMUX_OK);
}

static void of_two_idle_connections_that_are_asked_in_turn_the_streams_of_both_are_free(void) {
  w_options.max_waiting = 0;
  w_options.max_connections = w_options.min_connections = 2;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_greet(1), *q = w_greet(1);
  w_run_ms(60000);
  start(2);
  ack_pings(p);
  ack_pings(q);
  CU_ASSERT_EQUAL(requests(p), 1);
  CU_ASSERT_EQUAL(requests(q), 1);
  tcall *third = w_unary();
  w_run();
  ASSERT_CODE(third, GMUX_RESOURCE_EXHAUSTED);
}

static void who_waited_for_an_answer_in_vain_is_not_turned_away_and_makes_no_room(void) {
  w_options.max_waiting = 0;
  w_options.suspect_after_ms = 500;
  w_connected();
  w_run_ms(30000);
  sim_link_stall(sim_link_first(w_sim), SIM_BOTH_WAYS);
  tcall *t = w_unary();
  w_run_ms(500);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 1);
  tcall *later = w_unary();
  w_run();
  ASSERT_CODE(later, GMUX_RESOURCE_EXHAUSTED);
  w_answer_all(w_greet(-1), "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

static void a_pause_lets_nobody_wait_for_an_answer_beyond_max_waiting(void) {
  w_options.max_waiting = 0;
  w_connected();
  w_run_ms(30000);
  tcall *t = w_unary();
  w_run();
  ASSERT_LOG(t, "");
  gmux_channel_pause(w_channel);
  tcall *later = w_unary();
  w_run();
  ASSERT_CODE(later, GMUX_RESOURCE_EXHAUSTED);
}

static void a_call_goes_to_a_fresh_connection_when_an_idle_one_does_not_answer(void) {
  w_options.suspect_after_ms = 500;
  rawpeer *p = w_connected();
  w_run_ms(60000);
  sim_net_blackhole(w_sim, &w_address, SIM_BOTH_WAYS);
  tcall *t = w_unary();
  w_run_ms(100);
  sim_link_stall(sim_link_first(w_sim), SIM_BOTH_WAYS); /* the old link stays dead */
  sim_net_blackhole(w_sim, &w_address, 0);
  w_run_ms(400);
  CU_ASSERT_EQUAL(dials(), 2);
  rawpeer *q = w_greet(-1);
  w_answer_all(q, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  w_run_ms(20000);
  CU_ASSERT_EQUAL(w_stats().lost[GMUX_LOSS_DEAD], 1);
  CU_ASSERT_EQUAL(w_stats().connections, 1);
  (void)p;
}

/* ---- promise 10: suspicion ---- */

static void new_calls_leave_a_black_hole_within_suspect_after_and_one_dial(void) {
  w_options.suspect_after_ms = 500;
  rawpeer *p = w_connected();
  tcall *lost = w_unary();
  w_run();
  sim_link_stall(sim_link_first(w_sim), SIM_BOTH_WAYS);
  w_run_ms(500);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  CU_ASSERT_EQUAL(dials(), 1);
  tcall *t = w_unary();
  rawpeer *q = w_greet(-1);
  CU_ASSERT_EQUAL(requests(q), 1);
  w_answer_all(q, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  w_run_ms(19999);
  ASSERT_LOG(lost, "");
  w_run_ms(1);
  ASSERT_CODE(lost, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(w_stats().connections, 1);
  CU_ASSERT_EQUAL(w_stats().lost[GMUX_LOSS_DEAD], 1);
  (void)p;
}

static void when_all_is_suspect_and_the_dial_fails_calls_fail(void) {
  w_options.suspect_after_ms = 500;
  w_connected();
  start(1);
  sim_link_stall(sim_link_first(w_sim), SIM_BOTH_WAYS);
  w_run_ms(500);
  sim_net_refuse(w_sim, &w_address, true);
  tcall *t = w_unary();
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_HAS(t->message, "connection refused");
  t = w_unary(); /* until the next attempt may start */
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(dials(), 2);
}

/* What the attempt said is no news any more when a connection is there after all. */
static void once_trusted_again_the_failed_dial_is_forgotten(void) {
  w_options.suspect_after_ms = 500;
  rawpeer *p = w_connected();
  start(1);
  w_run_ms(500);
  sim_net_refuse(w_sim, &w_address, true);
  start(1);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
  ack_pings(p);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 0);
  w_answer_all(p, "reply");
  w_run();
  rawpeer_goaway(p, 1, 0, "");
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  tcall *t = w_unary(); /* it waits for the next attempt */
  w_run();
  ASSERT_LOG(t, "");
}

static void trusted_again_the_least_loaded_beyond_the_maximum_drains(void) {
  w_options.suspect_after_ms = 500;
  w_options.max_connections = 1;
  rawpeer *p = w_connected();
  start(3);
  w_run_ms(500);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 1);
  start(1);
  rawpeer *q = w_greet(-1); /* the suspect one does not count */
  CU_ASSERT_EQUAL(requests(q), 1);
  ack_pings(p);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 0);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 1);
  CU_ASSERT_EQUAL(w_stats().connections_draining, 1);
  start(1);
  CU_ASSERT_EQUAL(requests(p), 4); /* with three calls against one */
  w_answer_all(q, "reply");
  w_run();
  CU_ASSERT_FALSE(is_open(q));
}

static void of_too_many_the_one_that_is_to_be_replaced_drains_for_that_reason(void) {
  w_options.suspect_after_ms = 500;
  w_options.max_connections = 1;
  rawpeer *p = w_connected();
  start(3);
  w_run_ms(500);
  start(1);
  w_greet(-1); /* the suspect one does not count */
  gmux_channel_rotate(w_channel);
  w_run();
  CU_ASSERT_EQUAL(w_stats().recycled_rotated, 0); /* their replacement is not there yet */
  ack_pings(p);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 1);
  CU_ASSERT_EQUAL(w_stats().connections_draining, 1);
  CU_ASSERT_EQUAL(w_stats().recycled_rotated, 1);
}

static void a_burst_connection_made_while_another_was_suspect_is_one_too_many(void) {
  burst_options();
  w_options.suspect_after_ms = 500;
  w_open();
  start(2);
  rawpeer *a = w_greet(1);
  w_run_ms(100);
  rawpeer *burst = w_greet(1);
  w_run_ms(600);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 2);
  start(2);
  w_greet(1);
  w_run_ms(100);
  CU_ASSERT_EQUAL(dials(), 4); /* suspect ones of a burst do not count, either */
  ack_pings(a);
  ack_pings(burst);
  rawpeer *late = w_greet(1);
  w_run();
  CU_ASSERT_EQUAL(w_stats().connections_ready, 2);
  CU_ASSERT_TRUE(is_open(a) && is_open(burst));
  CU_ASSERT_FALSE(is_open(late));
}

static void a_suspect_connection_is_no_spare_however_little_it_carries(void) {
  w_options.suspect_after_ms = 500;
  w_options.max_connections = 1;
  w_options.burst_connections = 1; /* or a third would not be made */
  w_options.burst_after_ms = 60000;
  rawpeer *p = w_connected();
  start(3);
  w_run_ms(500);
  start(1);
  w_greet(-1);
  w_run_ms(500);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 2);
  start(2);
  rawpeer *r = w_greet(-1);
  ack_pings(p); /* three calls against two; and one on the suspect one */
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 1);
  CU_ASSERT_EQUAL(w_stats().connections_draining, 1);
  w_answer_all(r, "reply");
  w_run();
  CU_ASSERT_FALSE(is_open(r));
}

/* Each would be suspect in its turn, and another made for the next call. */
static void a_server_that_greets_and_falls_silent_is_not_given_more_and_more(void) {
  w_options.suspect_after_ms = 500;
  w_options.max_connections = 2;
  w_connected();
  for (int i = 0; i < 3; i++) {
    start(1);
    w_run_ms(500);
    start(1);
    w_greet(-1);
  }
  w_run_ms(500);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 4);
  tcall *t = w_unary();
  w_run_ms(5000);
  CU_ASSERT_EQUAL(dials(), 4);
  ASSERT_LOG(t, "");
  w_run_ms(15000); /* until the first of them is dead */
  CU_ASSERT_TRUE(dials() > 4);
}

static void of_connections_with_as_many_calls_the_newest_drains(void) {
  w_options.suspect_after_ms = 500;
  w_options.max_connections = 1;
  rawpeer *p = w_connected();
  start(1);
  w_run_ms(500);
  start(1);
  rawpeer *q = w_greet(-1);
  ack_pings(p);
  w_answer_all(q, "reply");
  w_run();
  CU_ASSERT_FALSE(is_open(q));
  CU_ASSERT_TRUE(is_open(p));
}

static void a_burst_connection_trusted_again_beyond_the_maximum_drains(void) {
  burst_options();
  w_options.suspect_after_ms = 500;
  w_open();
  start(2);
  rawpeer *p = w_greet(1);
  w_run_ms(100);
  rawpeer *q = w_greet(1);
  w_run_ms(600);
  ack_pings(p);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 1);
  start(1);
  w_run_ms(100);
  rawpeer *r = w_greet(1); /* in place of the suspect one */
  CU_ASSERT_EQUAL(requests(r), 1);
  ack_pings(q);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 2);
  CU_ASSERT_EQUAL(w_stats().connections_draining, 1);
}

static void an_idle_connection_waits_for_trust_before_it_closes_and_nobody_waits_busily(void) {
  w_options.suspect_after_ms = 500;
  w_options.max_connections = 3;
  w_options.max_idle_ms = 1000;
  w_open();
  tcall *t = w_unary();
  start(2);
  rawpeer *p = w_greet(1), *q = w_greet(1), *r = w_greet(1);
  w_run_ms(500);
  ack_pings(q);
  ack_pings(r);
  gmux_call_cancel(t->call);
  uint64_t turns = sim_turns(w_sim);
  w_run_ms(5000);
  CU_ASSERT_TRUE(sim_turns(w_sim) - turns < 50);
  CU_ASSERT_TRUE(is_open(p));
  ack_pings(p);
  CU_ASSERT_FALSE(is_open(p));
  CU_ASSERT_EQUAL(w_stats().closed_idle, 1);
}

static const test_case cases[] = {
    TEST(a_connection_idle_for_long_is_asked_before_a_call_is_committed_to_it),
    TEST(a_connection_with_a_quiet_stream_is_asked_too),
    TEST(a_connection_idle_for_less_takes_calls_at_once),
    TEST(without_validation_an_idle_connection_takes_calls_at_once),
    TEST(while_an_idle_connection_is_asked_calls_go_to_a_fresh_one),
    TEST(of_two_idle_connections_one_is_asked_and_the_other_waits_its_turn),
    TEST(with_no_waiting_allowed_calls_wait_for_the_answer_while_streams_are_free),
    TEST(of_two_idle_connections_that_are_asked_in_turn_the_streams_of_both_are_free),
    TEST(who_waited_for_an_answer_in_vain_is_not_turned_away_and_makes_no_room),
    TEST(a_pause_lets_nobody_wait_for_an_answer_beyond_max_waiting),
    TEST(a_call_goes_to_a_fresh_connection_when_an_idle_one_does_not_answer),
    TEST(new_calls_leave_a_black_hole_within_suspect_after_and_one_dial),
    TEST(when_all_is_suspect_and_the_dial_fails_calls_fail),
    TEST(once_trusted_again_the_failed_dial_is_forgotten),
    TEST(trusted_again_the_least_loaded_beyond_the_maximum_drains),
    TEST(of_too_many_the_one_that_is_to_be_replaced_drains_for_that_reason),
    TEST(a_burst_connection_made_while_another_was_suspect_is_one_too_many),
    TEST(a_suspect_connection_is_no_spare_however_little_it_carries),
    TEST(a_server_that_greets_and_falls_silent_is_not_given_more_and_more),
    TEST(of_connections_with_as_many_calls_the_newest_drains),
    TEST(a_burst_connection_trusted_again_beyond_the_maximum_drains),
    TEST(an_idle_connection_waits_for_trust_before_it_closes_and_nobody_waits_busily),
    TESTS_END,
};

const test_suite client_trust_suite = {"trust", cases, pool_setup, w_teardown};
