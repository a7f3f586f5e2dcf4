/* acquire_test.c: how long a call waits for a place (promise 3: acquire_timeout_ms). */
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <string.h>

static tcall *unary_with(const gmux_call_options *o) {
  tcall *t = w_start(GMUX_UNARY, o);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  return t;
}

/* It has not ended one millisecond before, and so at its time. */
static void assert_impatient_after(tcall *t, uint64_t ms, const char *words) {
  w_run_ms(ms - 1);
  CU_ASSERT_EQUAL(t->ends, 0);
  w_run_ms(1);
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_HAS(t->message, words);
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_NEVER_LEFT);
}

static void a_call_that_finds_no_free_stream_ends_unavailable_and_says_so(void) {
  w_options.acquire_timeout_ms = 500;
  w_options.max_connections = 1;
  w_open();
  tcall *busy = w_unary();
  rawpeer *p = w_greet(1);
  tcall *t = unary_with(NULL);
  assert_impatient_after(t, 500,
                         "no place within 500 ms (acquire_timeout_ms), waiting for a free stream "
                         "to ipv4:127.0.0.1:50051, which has 1 of them in use");
  CU_ASSERT_EQUAL(busy->ends, 0);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 0);
}

static void a_call_that_finds_no_connection_ends_unavailable_and_says_so(void) {
  w_options.acquire_timeout_ms = 500;
  w_open();
  sim_net_blackhole(w_sim, &w_address, SIM_BOTH_WAYS);
  tcall *t = unary_with(NULL);
  assert_impatient_after(t, 500,
                         "no place within 500 ms (acquire_timeout_ms), waiting for a connection: "
                         "connecting to ipv4:127.0.0.1:50051");
}

static void who_waits_for_ready_is_no_more_patient(void) {
  w_options.acquire_timeout_ms = 500;
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  gmux_call_options o = w_patient();
  tcall *t = unary_with(&o);
  assert_impatient_after(t, 500, "connection refused");
}

static void a_pause_counts_as_waiting(void) {
  w_options.acquire_timeout_ms = 500;
  rawpeer *p = w_connected();
  gmux_channel_pause(w_channel);
  tcall *t = unary_with(NULL);
  assert_impatient_after(t, 500, "waiting for gmux_channel_resume");
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 0);
}

static void a_call_that_got_a_place_may_take_its_time(void) {
  w_options.acquire_timeout_ms = 500;
  w_open();
  gmux_call_options o = w_timeout(2000);
  tcall *waited = unary_with(&o);
  w_run_ms(499);
  rawpeer *p = w_greet(-1);
  tcall *at_once = unary_with(&o);
  w_run_ms(1500);
  CU_ASSERT_EQUAL(waited->ends, 0);
  w_run_ms(1);
  ASSERT_CODE(waited, GMUX_DEADLINE_EXCEEDED); /* the one timer was moved to it */
  CU_ASSERT_EQUAL(at_once->ends, 0);
  w_answer(p, 3, "reply");
  w_run();
  ASSERT_CODE(at_once, GMUX_OK);
}

static void the_deadline_comes_first_when_it_is_first(void) {
  w_options.acquire_timeout_ms = 500;
  w_open();
  gmux_call_options o = w_timeout(400);
  tcall *t = unary_with(&o);
  w_run_ms(400);
  ASSERT_CODE(t, GMUX_DEADLINE_EXCEEDED);
  gmux_call_options same = w_timeout(500);
  tcall *u = unary_with(&same);
  w_run_ms(500);
  ASSERT_CODE(u, GMUX_DEADLINE_EXCEEDED);
}

static void without_it_a_call_waits_as_long_as_its_deadline_allows(void) {
  w_open();
  tcall *t = unary_with(NULL);
  rawpeer *p = w_accept(); /* and is not greeted: attempts end after connect_timeout_ms */
  w_run_ms(19000);
  CU_ASSERT_EQUAL(t->ends, 0);
  w_settings(p, -1);
  w_run();
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

/* Each wait has its own: what came back is not punished for the time it had a place. */
static void a_call_that_waits_again_has_its_patience_again(void) {
  w_options.acquire_timeout_ms = 500;
  rawpeer *p = w_connected();
  tcall *t = unary_with(NULL);
  w_run_ms(2000);
  gmux_channel_pause(w_channel);
  rawpeer_rst(p, 1, 7);
  w_run();
  CU_ASSERT_EQUAL(t->call->loop_only.state, GMUX__CALL_WAITING);
  w_run_ms(499);
  CU_ASSERT_EQUAL(t->ends, 0);
  w_run_ms(1);
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_HAS(t->message, "acquire_timeout_ms");
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_REFUSED);
}

static void cancel_while_waiting_costs_nothing(void) {
  w_options.acquire_timeout_ms = 500;
  w_options.max_connections = 1;
  w_open();
  w_unary();
  rawpeer *p = w_greet(1);
  tcall *t = unary_with(NULL);
  gmux_call_cancel(t->call);
  w_run_ms(1000);
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_CANCELLED);
  w_answer(p, 1, "reply");
  w_run();
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 0);
}

static void ten_thousand_lose_patience_at_once(void) {
  enum { CALLS = 10000 };
  static tcall *calls[CALLS];
  w_options.acquire_timeout_ms = 500;
  w_open();
  for (int i = 0; i < CALLS; i++)
    calls[i] = unary_with(NULL);
  w_run_ms(499);
  CU_ASSERT_EQUAL(w_stats().calls_waiting, CALLS);
  CU_ASSERT_EQUAL(w_stats().oldest_waiter_ms, 499);
  w_run_ms(1);
  for (int i = 0; i < CALLS; i++)
    CU_ASSERT_TRUE(calls[i]->ends == 1 && calls[i]->code == GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(w_stats().calls_failed, CALLS);
  CU_ASSERT_EQUAL(w_stats().oldest_waiter_ms, 0);
}

static const test_case cases[] = {
    TEST(a_call_that_finds_no_free_stream_ends_unavailable_and_says_so),
    TEST(a_call_that_finds_no_connection_ends_unavailable_and_says_so),
    TEST(who_waits_for_ready_is_no_more_patient),
    TEST(a_pause_counts_as_waiting),
    TEST(a_call_that_got_a_place_may_take_its_time),
    TEST(the_deadline_comes_first_when_it_is_first),
    TEST(without_it_a_call_waits_as_long_as_its_deadline_allows),
    TEST(a_call_that_waits_again_has_its_patience_again),
    TEST(cancel_while_waiting_costs_nothing),
    TEST(ten_thousand_lose_patience_at_once),
    TESTS_END,
};

const test_suite client_acquire_suite = {"acquire", cases, w_setup, w_teardown};
