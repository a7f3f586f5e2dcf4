#include "tests/unit/client/thread.h"
#include <gmux/error.h>
#include <string.h>

/* ---- watchers ---- */

static char seen[256];
static gmux_channel_state last_seen;
static bool watch_goes_on;

static void on_state(gmux_channel_state state, void *user_data) {
  CU_ASSERT_PTR_EQUAL(user_data, seen);
  strcat(seen, gmux_channel_state_str(state));
  strcat(seen, " ");
  last_seen = state;
  if (watch_goes_on && state != GMUX_CHANNEL_SHUTDOWN)
    CU_ASSERT_EQUAL(gmux_channel_watch_state(w_channel, state, on_state, seen), 0);
}

static void watch_all(void) {
  seen[0] = '\0';
  watch_goes_on = true;
  CU_ASSERT_EQUAL(gmux_channel_watch_state(w_channel, GMUX_CHANNEL_IDLE, on_state, seen), 0);
}

static void watch_once(gmux_channel_state last) {
  seen[0] = '\0';
  watch_goes_on = false;
  CU_ASSERT_EQUAL(gmux_channel_watch_state(w_channel, last, on_state, seen), 0);
}

static void a_watcher_sees_the_whole_life(void) {
  w_open();
  watch_all();
  w_run();
  CU_ASSERT_STRING_EQUAL(seen, "");
  sim_net_refuse(w_sim, &w_address, true);
  w_unary();
  w_run();
  CU_ASSERT_STRING_EQUAL(seen, "CONNECTING TRANSIENT_FAILURE ");
  sim_net_refuse(w_sim, &w_address, false);
  w_run_ms(1500);
  w_unary();
  rawpeer *p = w_greet(-1);
  CU_ASSERT_STRING_EQUAL(seen, "CONNECTING TRANSIENT_FAILURE CONNECTING READY ");
  rawpeer_reset(p);
  w_run();
  gmux_channel_close(w_channel, NULL, NULL);
  w_run();
  CU_ASSERT_STRING_EQUAL(seen, "CONNECTING TRANSIENT_FAILURE CONNECTING READY IDLE SHUTDOWN ");
}

static void a_watcher_comes_once(void) {
  w_open();
  watch_once(GMUX_CHANNEL_IDLE);
  w_unary();
  w_greet(-1);
  CU_ASSERT_STRING_EQUAL(seen, "CONNECTING ");
}

static void a_state_that_is_another_already_is_told_soon_but_not_from_inside(void) {
  w_open();
  watch_once(GMUX_CHANNEL_READY);
  CU_ASSERT_STRING_EQUAL(seen, "");
  w_run();
  CU_ASSERT_STRING_EQUAL(seen, "IDLE ");
}

/* A short state is not missed, because the watcher keeps what it has seen. */
static void a_state_that_passed_within_one_turn_is_seen(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  watch_once(GMUX_CHANNEL_IDLE);
  w_unary();
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
  CU_ASSERT_STRING_EQUAL(seen, "CONNECTING ");
}

static void watching_does_not_connect(void) {
  w_open();
  watch_once(GMUX_CHANNEL_IDLE);
  w_run_ms(100000);
  CU_ASSERT_STRING_EQUAL(seen, "");
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
}

static void a_pending_watcher_sees_the_shutdown(void) {
  w_open();
  watch_once(GMUX_CHANNEL_IDLE);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  CU_ASSERT_STRING_EQUAL(seen, "SHUTDOWN ");
}

static void a_closed_channel_cannot_be_watched(void) {
  w_open();
  gmux_channel_close(w_channel, NULL, NULL);
  CU_ASSERT_EQUAL(gmux_channel_watch_state(w_channel, GMUX_CHANNEL_IDLE, on_state, seen),
                  GMUX_ERR_CLOSED);
  CU_ASSERT_EQUAL(gmux_channel_watch_state(NULL, GMUX_CHANNEL_IDLE, on_state, seen),
                  GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channel_watch_state(w_channel, GMUX_CHANNEL_IDLE, NULL, seen),
                  GMUX_ERR_INVALID);
}

static void a_watcher_of_shutdown_that_comes_after_it_is_let_go(void) {
  w_open();
  sim_set_outside(w_loop, true);
  watch_once(GMUX_CHANNEL_SHUTDOWN);
  sim_set_outside(w_loop, false);
  gmux_channel_close(w_channel, NULL, NULL); /* overtakes the post */
  w_run();
  CU_ASSERT_STRING_EQUAL(seen, "");
}

static void a_posted_watcher_sees_the_state_that_it_meets(void) {
  w_open();
  sim_set_outside(w_loop, true);
  watch_once(GMUX_CHANNEL_SHUTDOWN);
  gmux_channel_close(w_channel, NULL, NULL);
  w_run();
  CU_ASSERT_STRING_EQUAL(seen, "IDLE ");
}

static void without_memory_nothing_is_watched(void) {
  w_open();
  seen[0] = '\0';
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux_channel_watch_state(w_channel, GMUX_CHANNEL_READY, on_state, seen),
                  GMUX_ERR_NOMEM);
  w_run();
  CU_ASSERT_STRING_EQUAL(seen, "");
}

static void close_and_free(gmux_channel_state state, void *user_data) {
  (void)state, (void)user_data;
  gmux_channel_free(w_channel);
  w_channel = NULL;
}

static void the_channel_may_be_freed_from_a_watcher(void) {
  w_open();
  watch_once(GMUX_CHANNEL_IDLE);
  CU_ASSERT_EQUAL(gmux_channel_watch_state(w_channel, GMUX_CHANNEL_READY, close_and_free, NULL), 0);
  w_run();
  CU_ASSERT_STRING_EQUAL(seen, "SHUTDOWN ");
}

/* ---- threads that wait for READY ---- */

static void serve_settings(void) {
  rawpeer *p = w_accept();
  if (p) w_settings(p, -1);
  sim_run(w_sim);
}

static void serve_nothing(void) {
  w_accept();
}

static void a_thread_waits_until_ready(void) {
  w_open();
  thread_start(serve_settings, 0);
  CU_ASSERT_EQUAL(gmux_channel_connect_wait(w_channel, GMUX_NO_TIMEOUT), 0);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  CU_ASSERT_EQUAL(gmux_channel_connect_wait(w_channel, 0), 0);
  thread_stop();
}

static void a_thread_that_waits_in_vain_learns_why(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  thread_start(serve_nothing, 0);
  CU_ASSERT_EQUAL(gmux_channel_connect_wait(w_channel, 20), GMUX_ERR_TIMEOUT);
  ASSERT_HAS(gmux_last_error(), "no connection within 20 ms: connect to ipv4:127.0.0.1:50051: "
                                "connection refused");
  thread_stop();
  CU_ASSERT_PTR_NULL(w_channel->loop_only.connect_waiters.first);
  w_run_ms(100000); /* nobody wants a connection any more */
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
}

static void a_time_that_is_used_up_is_none(void) {
  w_open();
  thread_start(serve_nothing, 0);
  CU_ASSERT_EQUAL(gmux_channel_connect_wait(w_channel, -1), GMUX_ERR_TIMEOUT);
  CU_ASSERT_EQUAL(gmux_channel_warm_wait(w_channel, INT64_MIN), GMUX_ERR_TIMEOUT);
  thread_stop();
}

static void who_waits_keeps_the_attempts_going(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  thread_start(serve_nothing, 10000);
  CU_ASSERT_EQUAL(gmux_channel_connect_wait(w_channel, 20), GMUX_ERR_TIMEOUT);
  thread_stop();
  CU_ASSERT_TRUE(w_stats().dials_failed >= 3);
}

static void a_closed_channel_lets_go_of_who_waits(void) {
  w_open();
  thread_start(serve_nothing, 0);
  gmux_channel_close(w_channel, NULL, NULL);
  CU_ASSERT_EQUAL(gmux_channel_connect_wait(w_channel, GMUX_NO_TIMEOUT), GMUX_ERR_CLOSED);
  thread_stop();
}

static void waiting_is_refused_on_the_loops_thread(void) {
  w_open();
  CU_ASSERT_EQUAL(gmux_channel_connect_wait(w_channel, 0), GMUX_ERR_DEADLOCK);
  CU_ASSERT_EQUAL(gmux_channel_connect_wait(NULL, 0), GMUX_ERR_INVALID);
  sim_set_outside(w_loop, true);
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux_channel_connect_wait(w_channel, 0), GMUX_ERR_NOMEM);
}

static const test_case cases[] = {
    TEST(a_watcher_sees_the_whole_life),
    TEST(a_watcher_comes_once),
    TEST(a_state_that_is_another_already_is_told_soon_but_not_from_inside),
    TEST(a_state_that_passed_within_one_turn_is_seen),
    TEST(watching_does_not_connect),
    TEST(a_pending_watcher_sees_the_shutdown),
    TEST(a_closed_channel_cannot_be_watched),
    TEST(a_watcher_of_shutdown_that_comes_after_it_is_let_go),
    TEST(a_posted_watcher_sees_the_state_that_it_meets),
    TEST(without_memory_nothing_is_watched),
    TEST(the_channel_may_be_freed_from_a_watcher),
    TEST(a_thread_waits_until_ready),
    TEST(a_thread_that_waits_in_vain_learns_why),
    TEST(a_time_that_is_used_up_is_none),
    TEST(who_waits_keeps_the_attempts_going),
    TEST(a_closed_channel_lets_go_of_who_waits),
    TEST(waiting_is_refused_on_the_loops_thread),
    TESTS_END,
};

const test_suite client_channel_watch_suite = {"channel_watch", cases, w_setup, w_teardown};
