/* channel_end_test.c: drain, close, and both at once. */
#include "tests/unit/client/world.h"
#include "tests/unit/memory.h"
#include <gmux/error.h>

static unsigned never;

static void drain(int64_t grace_ms) {
  gmux_channel_drain(w_channel, grace_ms, w_on_closed, &w_closed);
}

static void draining_ends_when_the_last_call_has(void) {
  w_options.max_connections = 1;
  w_open();
  tcall *running = w_unary(), *waiting = w_unary();
  rawpeer *p = w_greet(1);
  drain(GMUX_NO_TIMEOUT);
  w_run_ms(100000);
  CU_ASSERT_EQUAL(w_closed, 0);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(running, GMUX_OK);
  CU_ASSERT_EQUAL(w_closed, 0);
  w_answer(p, 3, "reply"); /* who waited may still run */
  w_run();
  ASSERT_CODE(waiting, GMUX_OK);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_SHUTDOWN);
  CU_ASSERT_EQUAL(w_closed, 1);
  CU_ASSERT_NOT_EQUAL(rawpeer_state(p), 0);
}

static void draining_refuses_new_calls_at_once(void) {
  w_connected();
  w_unary();
  w_run();
  drain(GMUX_NO_TIMEOUT);
  tcall *t = w_record();
  CU_ASSERT_EQUAL(w_start_with(t, GMUX_UNARY, NULL), GMUX_ERR_CLOSED);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
}

static void calls_that_wait_in_a_drain_may_still_dial(void) {
  w_open();
  tcall *t = w_unary();
  drain(GMUX_NO_TIMEOUT);
  rawpeer *p = w_greet(-1);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_EQUAL(w_closed, 1);
}

static void after_the_grace_what_is_left_is_cancelled(void) {
  w_connected();
  tcall *t = w_unary();
  w_run();
  drain(500);
  w_run_ms(499);
  ASSERT_LOG(t, "");
  w_run_ms(1);
  ASSERT_CODE(t, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(w_closed, 1);
}

/* The memory of a message is kept for the next one, and a closed channel has no next one; but it is
 * there for as long as anybody holds one of its calls. */
static void a_closed_channel_keeps_no_memory_of_messages(void) {
  enum { BLOCK = 16000, BLOCKS = 12, LARGE = BLOCKS * BLOCK };
  static const char block[BLOCK];
  static const uint8_t prefix[] = {0, 0, LARGE >> 16, LARGE >> 8 & 255, LARGE & 255};
  rawpeer *p = w_connected();
  tcall *t = w_unary();
  w_run();
  w_headers(p, 1);
  rawpeer_data(p, 1, 0, prefix, sizeof prefix, 0);
  for (int i = 0; i < BLOCKS; i++)
    rawpeer_data(p, 1, 0, block, BLOCK, 0);
  w_trailers(p, 1, "0", NULL);
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  size_t before = test_alloc_bytes();
  drain(0);
  w_run();
  CU_ASSERT_EQUAL(w_closed, 1);
  CU_ASSERT_TRUE(test_alloc_bytes() == 0 || test_alloc_bytes() + LARGE < before);
}

static void note_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                      const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)status, (void)reply, (void)trailers;
  ++*(int *)user_data;
}

/* What calls were made of is kept for a second. */
static void a_channel_that_has_ended_leaves_ev_run_nothing_to_wait_for(void) {
  enum { CALLS = 80 };
  rawpeer *p = w_connected();
  int done = 0;
  for (int i = 0; i < CALLS; i++) {
    gmux_bytes request = gmux_bytes_borrow("hello", 5);
    CU_ASSERT_EQUAL_FATAL(gmux_call_unary_start(NULL, w_channel, w_methods[GMUX_UNARY], NULL,
                                                &request, note_done, &done),
                          0);
  }
  w_run();
  w_answer_all(p, "reply");
  w_run();
  CU_ASSERT_EQUAL(done, CALLS);
  drain(0);
  w_run();
  CU_ASSERT_EQUAL(w_closed, 1);
  CU_ASSERT_PTR_NULL(w_loop->loop.timers);
}

static void a_grace_of_0_is_a_close(void) {
  w_connected();
  tcall *t = w_unary();
  w_run();
  drain(0);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_SHUTDOWN);
  CU_ASSERT_EQUAL(w_closed, 0); /* never from inside */
  w_run();
  ASSERT_CODE(t, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(w_closed, 1);
}

static void without_calls_a_drain_is_over_at_once(void) {
  w_connected();
  drain(GMUX_NO_TIMEOUT);
  w_run();
  CU_ASSERT_EQUAL(w_closed, 1);
}

static void a_channel_that_was_never_used_drains(void) {
  w_open();
  drain(1000);
  w_run();
  CU_ASSERT_EQUAL(w_closed, 1);
}

static void a_paused_channel_is_resumed_by_a_drain_and_stays_so(void) {
  w_options.max_connections = w_options.max_concurrent_streams = 1;
  rawpeer *p = w_connected();
  gmux_channel_pause(w_channel);
  tcall *t = w_unary(), *u = w_unary();
  w_run();
  drain(GMUX_NO_TIMEOUT);
  gmux_channel_pause(w_channel); /* `u` still waits, and is to end nevertheless */
  w_run();
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 1);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  w_answer(p, 3, "reply");
  w_run();
  ASSERT_CODE(u, GMUX_OK);
}

static void a_second_drain_can_only_shorten_the_time(void) {
  w_connected();
  tcall *t = w_unary();
  w_run();
  drain(1000);
  gmux_channel_drain(w_channel, 5000, w_on_closed, &never);
  gmux_channel_drain(w_channel, GMUX_NO_TIMEOUT, w_on_closed, &never);
  w_run_ms(100);
  gmux_channel_drain(w_channel, 500, w_on_closed, &never); /* its on_closed never comes */
  w_run_ms(499);
  ASSERT_LOG(t, "");
  w_run_ms(1);
  ASSERT_CODE(t, GMUX_CANCELLED);
  w_run_ms(5000);
  CU_ASSERT_EQUAL(w_closed, 1);
}

static void a_grace_that_is_used_up_is_none(void) {
  w_connected();
  tcall *t = w_unary();
  w_run();
  drain(-1);
  w_run();
  ASSERT_CODE(t, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(w_closed, 1);
}

static void a_close_ends_a_drain(void) {
  w_connected();
  tcall *t = w_unary();
  w_run();
  drain(GMUX_NO_TIMEOUT);
  gmux_channel_close(w_channel, w_on_closed, &never);
  w_run();
  ASSERT_CODE(t, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(w_closed, 1);
}

static void freeing_a_channel_that_drains_closes_it(void) {
  w_connected();
  tcall *t = w_unary();
  w_run();
  drain(GMUX_NO_TIMEOUT);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  ASSERT_CODE(t, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(w_closed, 1);
}

static void a_call_that_rests_before_its_retry_is_waited_for(void) {
  rawpeer *p = w_connected();
  tcall *t = w_unary();
  w_run();
  rawpeer_rst(p, 1, 7);
  w_run();
  rawpeer_rst(p, 3, 7); /* the second time it rests */
  w_run();
  CU_ASSERT_EQUAL(w_channel->loop_only.resting.count, 1);
  drain(GMUX_NO_TIMEOUT);
  w_run_ms(1000);
  CU_ASSERT_EQUAL(w_closed, 0);
  w_answer(p, 5, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_EQUAL(w_closed, 1);
}

/* ---- from other threads ---- */

static void posted_drains_come_to_the_same(void) {
  w_connected();
  tcall *t = w_unary();
  w_run();
  sim_set_outside(w_loop, true);
  drain(5000);
  gmux_channel_drain(w_channel, 1000, w_on_closed, &never); /* both on their way */
  gmux_channel_drain(w_channel, GMUX_NO_TIMEOUT, w_on_closed, &never);
  CU_ASSERT_EQUAL(w_start_with(w_record(), GMUX_UNARY, NULL), GMUX_ERR_CLOSED);
  sim_set_outside(w_loop, false);
  w_run_ms(999);
  ASSERT_LOG(t, "");
  w_run_ms(1);
  ASSERT_CODE(t, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(w_closed, 1);
}

/* Threads that end it at the same moment: one has claimed the end and not said yet what is to be
 * told (as if it had been stopped there); another's close overtakes it. */
static void the_end_waits_until_it_is_known_whom_to_tell(void) {
  w_connected();
  atomic_store(&w_channel->shared.is_closing, true);
  sim_set_outside(w_loop, true);
  gmux_channel_close(w_channel, w_on_closed, &never);
  sim_set_outside(w_loop, false);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_SHUTDOWN);
  CU_ASSERT_FALSE(w_channel->loop_only.is_over);
  w_channel->on_closed = w_on_closed; /* now it goes on */
  w_channel->on_closed_data = &w_closed;
  atomic_store(&w_channel->shared.is_end_known, true);
  sim_set_outside(w_loop, true);
  gmux_channel_drain(w_channel, 1000, NULL, NULL);
  sim_set_outside(w_loop, false);
  w_run();
  CU_ASSERT_EQUAL(w_closed, 1);
}

/* The same with two closes: the one that was overtaken has claimed the end, so it brings it. */
static void a_close_that_another_overtook_is_told(void) {
  w_connected();
  atomic_store(&w_channel->shared.is_closing, true);
  sim_set_outside(w_loop, true);
  gmux_channel_close(w_channel, w_on_closed, &never);
  sim_set_outside(w_loop, false);
  w_run();
  CU_ASSERT_EQUAL(w_closed, 0);
  atomic_store(&w_channel->shared.is_closing, false); /* as if it claimed it only now */
  sim_set_outside(w_loop, true);
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
  sim_set_outside(w_loop, false);
  w_run();
  CU_ASSERT_EQUAL(w_closed, 1);
}

static const test_case cases[] = {
    TEST(draining_ends_when_the_last_call_has),
    TEST(draining_refuses_new_calls_at_once),
    TEST(calls_that_wait_in_a_drain_may_still_dial),
    TEST(after_the_grace_what_is_left_is_cancelled),
    TEST(a_closed_channel_keeps_no_memory_of_messages),
    TEST(a_channel_that_has_ended_leaves_ev_run_nothing_to_wait_for),
    TEST(a_grace_of_0_is_a_close),
    TEST(without_calls_a_drain_is_over_at_once),
    TEST(a_channel_that_was_never_used_drains),
    TEST(a_paused_channel_is_resumed_by_a_drain_and_stays_so),
    TEST(a_second_drain_can_only_shorten_the_time),
    TEST(a_grace_that_is_used_up_is_none),
    TEST(a_close_ends_a_drain),
    TEST(freeing_a_channel_that_drains_closes_it),
    TEST(a_call_that_rests_before_its_retry_is_waited_for),
    TEST(posted_drains_come_to_the_same),
    TEST(the_end_waits_until_it_is_known_whom_to_tell),
    TEST(a_close_that_another_overtook_is_told),
    TESTS_END,
};

const test_suite client_channel_end_suite = {"channel_end", cases, w_setup, w_teardown};
