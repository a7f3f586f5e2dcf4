/* channel_pool_test.c: what the application asks of a channel's connections. */
#include "tests/unit/client/thread.h"
#include <gmux/error.h>

/* Each test runs on the loop's thread and, with posts, from outside of it. */
static bool is_outside;

static void setup(void) {
  w_setup();
  is_outside = false;
}

static void setup_outside(void) {
  w_setup();
  is_outside = true;
}

/* From here on the test is another thread, or not. */
static void go_outside(void) {
  sim_set_outside(w_loop, is_outside);
}

static void ask(void (*what)(gmux_channel *channel)) {
  go_outside();
  what(w_channel);
  sim_set_outside(w_loop, false);
}

/* ---- pause and resume ---- */

static void paused_calls_wait_and_resumed_ones_are_placed_in_order(void) {
  rawpeer *p = w_connected();
  ask(gmux_channel_pause);
  w_run();
  tcall *t[3];
  for (int i = 0; i < 3; i++)
    t[i] = w_unary();
  w_run_ms(1000);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 0);
  CU_ASSERT_EQUAL(w_stats().calls_waiting, 3);
  ask(gmux_channel_resume);
  w_run();
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 3);
  for (uint32_t i = 0; i < 3; i++) {
    w_answer(p, 2 * i + 1, "reply");
    w_run();
    ASSERT_CODE(t[i], GMUX_OK);
  }
}

static void running_calls_run_through_a_pause(void) {
  rawpeer *p = w_connected();
  tcall *t = w_unary();
  w_run();
  ask(gmux_channel_pause);
  w_run();
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

static void one_resume_ends_any_number_of_pauses(void) {
  rawpeer *p = w_connected();
  for (int i = 0; i < 3; i++)
    ask(gmux_channel_pause);
  w_run();
  ask(gmux_channel_resume);
  w_unary();
  w_run();
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 1);
}

/* Also when all are on their way together. */
static void what_was_asked_last_holds(void) {
  rawpeer *p = w_connected();
  ask(gmux_channel_pause);
  ask(gmux_channel_resume);
  ask(gmux_channel_pause);
  w_run();
  w_unary();
  w_run();
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 0);
  ask(gmux_channel_pause);
  ask(gmux_channel_resume);
  w_run();
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 1);
}

static void deadlines_and_the_bound_of_the_queue_hold_in_a_pause(void) {
  w_options.max_waiting = 1;
  w_connected();
  ask(gmux_channel_pause);
  w_run();
  gmux_call_options o = w_timeout(500);
  tcall *late = w_start(GMUX_UNARY, &o);
  tcall *beyond = w_unary();
  w_run();
  ASSERT_CODE(beyond, GMUX_RESOURCE_EXHAUSTED);
  w_run_ms(500);
  ASSERT_CODE(late, GMUX_DEADLINE_EXCEEDED);
}

static void a_pause_dials_for_nobody_and_hides_failures(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  ask(gmux_channel_pause);
  w_run();
  tcall *t = w_unary();
  w_run_ms(1000);
  CU_ASSERT_EQUAL(sim_net_dials(w_sim, &w_address), 0);
  gmux_channel_get_state(w_channel, true); /* who asks gets his attempt all the same */
  w_run();
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
  ASSERT_LOG(t, "");
  tcall *u = w_unary();
  w_run();
  ASSERT_LOG(u, "");
  ask(gmux_channel_resume); /* the backoff runs: now they hear of it */
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_CODE(u, GMUX_UNAVAILABLE);
}

static void a_paused_channel_closes_like_any_other(void) {
  w_connected();
  ask(gmux_channel_pause);
  w_run();
  tcall *t = w_unary();
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
  w_run();
  ASSERT_CODE(t, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(w_closed, 1);
  ask(gmux_channel_pause);
  ask(gmux_channel_resume);
  ask(gmux_channel_rotate);
  w_run();
}

/* A pause ends the wait for a place, not the attempt of a call that comes back to wait. */
static void a_call_made_again_waits_in_a_pause_before_new_ones(void) {
  rawpeer *p = w_connected();
  tcall *a = w_unary();
  w_run();
  ask(gmux_channel_pause);
  w_run();
  tcall *b = w_unary();
  rawpeer_rst(p, 1, 7); /* REFUSED_STREAM */
  w_run_ms(1000);
  CU_ASSERT_EQUAL(w_stats().calls_waiting, 2);
  ask(gmux_channel_resume);
  w_run();
  w_answer(p, 3, "reply");
  w_run();
  ASSERT_CODE(a, GMUX_OK);
  ASSERT_LOG(b, "");
}

static void rotate_may_be_asked_from_anywhere_and_again(void) {
  w_connected();
  for (size_t i = 1; i <= 3; i++) {
    ask(gmux_channel_rotate);
    w_run();
    CU_ASSERT_EQUAL(sim_net_dials(w_sim, &w_address), 1 + i);
    w_greet(-1);
    CU_ASSERT_EQUAL(w_stats().recycled_rotated, i);
  }
}

static void try_to_connect(gmux_channel *channel) {
  gmux_channel_get_state(channel, true);
}

static void each_reset_of_the_backoff_is_heard(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  ask(try_to_connect);
  w_run();
  for (size_t i = 1; i <= 3; i++) {
    CU_ASSERT_EQUAL(sim_net_dials(w_sim, &w_address), i);
    ask(gmux_channel_reset_backoff);
    w_run();
  }
}

static void each_wish_to_connect_is_heard(void) {
  w_open();
  for (size_t i = 1; i <= 3; i++) {
    ask(try_to_connect);
    w_run();
    CU_ASSERT_EQUAL(sim_net_dials(w_sim, &w_address), i);
    rawpeer *p = w_greet(-1);
    rawpeer_goaway(p, 0, 0, "");
    w_run_ms(2000); /* a connection of no use holds back the next one */
    CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  }
}

static void they_take_null(void) {
  gmux_channel_pause(NULL);
  gmux_channel_resume(NULL);
  gmux_channel_rotate(NULL);
  gmux_channel_drain(NULL, 0, NULL, NULL);
  CU_ASSERT_EQUAL(gmux_channel_warm_wait(NULL, 0), GMUX_ERR_INVALID);
}

/* ---- threads that wait until it is warm ---- */

static void serve_settings(void) {
  for (rawpeer *p = w_accept(); p; p = w_accept()) {
    w_settings(p, -1);
    sim_run(w_sim);
  }
}

static void serve_nothing(void) {
  w_accept();
}

static void a_thread_waits_until_warm(void) {
  w_options.min_connections = 3;
  w_open();
  thread_start(serve_settings, 0);
  CU_ASSERT_EQUAL(gmux_channel_warm_wait(w_channel, GMUX_NO_TIMEOUT), 0);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 3);
  CU_ASSERT_EQUAL(gmux_channel_warm_wait(w_channel, GMUX_NO_TIMEOUT), 0);
  thread_stop();
}

static void a_thread_that_waits_for_warmth_in_vain_learns_why(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  thread_start(serve_nothing, 0);
  int error; /* a busy machine may not have dialed yet when the first wait is over */
  do {
    error = gmux_channel_warm_wait(w_channel, 20);
  } while (error == GMUX_ERR_TIMEOUT && !strstr(gmux_last_error(), "connection refused"));
  CU_ASSERT_EQUAL(error, GMUX_ERR_TIMEOUT);
  thread_stop();
  CU_ASSERT_EQUAL(gmux_channel_warm_wait(w_channel, 0), GMUX_ERR_DEADLOCK);
  ASSERT_HAS(gmux_last_error(), "gmux_channel_warm_wait");
  CU_ASSERT_EQUAL(gmux_channel_drain_wait(w_channel, 0), GMUX_ERR_DEADLOCK);
  CU_ASSERT_NOT_EQUAL(w_state(), GMUX_CHANNEL_SHUTDOWN); /* nothing has happened */
}

static const test_case cases[] = {
    TEST(paused_calls_wait_and_resumed_ones_are_placed_in_order),
    TEST(running_calls_run_through_a_pause),
    TEST(one_resume_ends_any_number_of_pauses),
    TEST(what_was_asked_last_holds),
    TEST(deadlines_and_the_bound_of_the_queue_hold_in_a_pause),
    TEST(a_pause_dials_for_nobody_and_hides_failures),
    TEST(a_paused_channel_closes_like_any_other),
    TEST(a_call_made_again_waits_in_a_pause_before_new_ones),
    TEST(rotate_may_be_asked_from_anywhere_and_again),
    TEST(each_reset_of_the_backoff_is_heard),
    TEST(each_wish_to_connect_is_heard),
    TEST(they_take_null),
    TEST(a_thread_waits_until_warm),
    TEST(a_thread_that_waits_for_warmth_in_vain_learns_why),
    TESTS_END,
};

const test_suite client_channel_pool_suite = {"channel_pool", cases, setup, w_teardown};
const test_suite client_channel_pool_posted_suite = {"channel_pool_posted", cases, setup_outside,
                                                     w_teardown};
