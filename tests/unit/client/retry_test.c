/* retry_test.c: which attempts are made again without the application's knowledge, and which never
 * (promises 11 and 12). What is sent again is in resend_test.c. */
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFUSED_STREAM = 7 };

static size_t requests(const rawpeer *p) {
  return rawpeer_count(p, RAW_HEADERS, RAW_ANY);
}

/* Refuses the nth request (from 0) that came on this connection. */
static void refuse(rawpeer *p, size_t nth) {
  const rawframe *f = rawpeer_find(p, RAW_HEADERS, RAW_ANY, nth);
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  rawpeer_rst(p, f->stream, REFUSED_STREAM);
  w_run();
}

static gmux_call_options idempotent(void) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.idempotent = true;
  return o;
}

static tcall *start_unary(const gmux_call_options *o) {
  tcall *t = w_start(GMUX_UNARY, o);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  w_run();
  return t;
}

static gmux_call_explanation explained(const tcall *t) {
  gmux_call_explanation e = {.size = sizeof e};
  CU_ASSERT_EQUAL_FATAL(gmux_call_explain(t->call, &e), 0);
  return e;
}

/* ---- refused ---- */

static void a_refused_call_is_made_again_and_succeeds(void) {
  rawpeer *p = w_connected();
  tcall *t = start_unary(NULL);
  refuse(p, 0);
  CU_ASSERT_EQUAL_FATAL(requests(p), 2); /* at once */
  ASSERT_LOG(t, "");
  w_answer(p, 3, "reply");
  w_run();
  ASSERT_LOG(t, "H M5 E");
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_ANSWERED);
  gmux_channel_stats s = w_stats();
  CU_ASSERT_EQUAL(s.calls_started, 1);
  CU_ASSERT_EQUAL(s.calls_succeeded, 1);
  CU_ASSERT_EQUAL(s.attempts, 2);
  CU_ASSERT_EQUAL(s.retries[GMUX_EVIDENCE_REFUSED], 1);
  CU_ASSERT_EQUAL(s.reused, 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 0);
}

/* 100 ms x 2, +-20 %; the first time at once. */
static void the_second_retry_and_later_ones_come_with_a_backoff(void) {
  rawpeer *p = w_connected();
  tcall *t = start_unary(NULL);
  refuse(p, 0);
  refuse(p, 1);
  CU_ASSERT_EQUAL(t->call->loop_only.state, GMUX__CALL_RESTING);
  CU_ASSERT_EQUAL(w_stats().calls_waiting, 1);
  CU_ASSERT_EQUAL(w_stats().calls_running, 0);
  w_run_ms(79);
  CU_ASSERT_EQUAL(requests(p), 2);
  w_run_ms(41);
  CU_ASSERT_EQUAL_FATAL(requests(p), 3);
  refuse(p, 2);
  w_run_ms(159);
  CU_ASSERT_EQUAL(requests(p), 3);
  w_run_ms(81);
  CU_ASSERT_EQUAL(requests(p), 4);
  gmux_call_explanation e = explained(t);
  CU_ASSERT_TRUE(e.retry_ns >= 240 * MS && e.retry_ns <= 360 * MS);
}

static void the_fourth_refusal_ends_it(void) {
  rawpeer *p = w_connected();
  tcall *t = start_unary(NULL);
  for (size_t i = 0; i < 4; i++) {
    CU_ASSERT_EQUAL(t->ends, 0);
    refuse(p, i);
    w_run_ms(300);
  }
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_MESSAGE(t, "the server reset the stream: REFUSED_STREAM (7); 4th attempt, before it 3 "
                    "were refused");
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_REFUSED);
  w_run_ms(60000);
  CU_ASSERT_EQUAL(requests(p), 4);
  CU_ASSERT_EQUAL(w_stats().retries[GMUX_EVIDENCE_REFUSED], 3);
  CU_ASSERT_EQUAL(explained(t).ended_by[GMUX_EVIDENCE_REFUSED], 4);
}

static void a_rest_beyond_the_deadline_is_not_taken(void) {
  rawpeer *p = w_connected();
  gmux_call_options o = w_timeout(60);
  tcall *t = start_unary(&o);
  refuse(p, 0);
  refuse(p, 1);
  ASSERT_LOG(t, "E"); /* now, with what the server said */
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_HAS(t->message, "REFUSED_STREAM");
}

static void each_attempt_tells_the_server_what_time_is_left(void) {
  rawpeer *p = w_connected();
  gmux_call_options o = w_timeout(1000);
  tcall *t = start_unary(&o);
  CU_ASSERT_STRING_EQUAL(rawframe_header(rawpeer_find(p, RAW_HEADERS, RAW_ANY, 0), "grpc-timeout"),
                         "1000000u");
  w_run_ms(400);
  refuse(p, 0);
  const rawframe *second = rawpeer_find(p, RAW_HEADERS, RAW_ANY, 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(second);
  CU_ASSERT_STRING_EQUAL(rawframe_header(second, "grpc-timeout"), "600000u");
  /* That is for retry policies (gRPC A6). */
  CU_ASSERT_PTR_NULL(rawframe_header(second, "grpc-previous-rpc-attempts"));
  w_run_ms(600);
  ASSERT_CODE(t, GMUX_DEADLINE_EXCEEDED);
  ASSERT_HAS(t->message, "deadline of 1000 ms passed while the server worked on it");
  ASSERT_HAS(t->message, "2nd attempt, the first was refused");
}

/* ---- GOAWAY ---- */

static void above_the_last_stream_id_it_is_made_again_once_elsewhere(void) {
  rawpeer *p = w_connected();
  tcall *a = start_unary(NULL), *b = start_unary(NULL);
  rawpeer_goaway(p, 1, 0, NULL);
  rawpeer *q = w_greet_within(200);
  CU_ASSERT_EQUAL_FATAL(requests(q), 1);
  CU_ASSERT_EQUAL(requests(p), 2);
  w_answer(q, 1, "new");
  w_answer(p, 1, "old");
  w_run();
  CU_ASSERT_STRING_EQUAL(a->received, "old");
  CU_ASSERT_STRING_EQUAL(b->received, "new");
  CU_ASSERT_EQUAL(w_stats().retries[GMUX_EVIDENCE_ABOVE_LAST], 1);
  CU_ASSERT_EQUAL(explained(b).ended_by[GMUX_EVIDENCE_ABOVE_LAST], 1);
}

/* nginx's way: one GOAWAY, and what is above its id was never looked at. */
static void an_abrupt_goaway_in_the_middle_of_100_calls_loses_none_and_repeats_none(void) {
  enum { CALLS = 100, LAST = 51 };
  unsigned executed[CALLS] = {0};
  rawpeer *p = w_connected();
  tcall *calls[CALLS];
  for (int i = 0; i < CALLS; i++) {
    char text[12];
    snprintf(text, sizeof text, "%d", i);
    calls[i] = w_start(GMUX_UNARY, NULL);
    CU_ASSERT_EQUAL(w_write(calls[i], text), 0);
  }
  w_run();
  rawpeer_goaway(p, 2 * LAST - 1, 0, NULL);
  rawpeer *q = w_greet_within(200);
  char body[16];
  for (uint32_t id = 1; id < 2 * CALLS; id += 2) {
    if (id < 2 * LAST && w_body(p, id, body, sizeof body)) {
      executed[atoi(body + 5)]++;
      w_answer(p, id, "old");
    }
    if (w_body(q, id, body, sizeof body)) {
      executed[atoi(body + 5)]++;
      w_answer(q, id, "new");
    }
  }
  w_run();
  for (int i = 0; i < CALLS; i++) {
    CU_ASSERT_EQUAL(executed[i], 1);
    ASSERT_CODE(calls[i], GMUX_OK);
    CU_ASSERT_STRING_EQUAL(calls[i]->received, i < LAST ? "old" : "new");
  }
  CU_ASSERT_EQUAL(w_stats().retries[GMUX_EVIDENCE_ABOVE_LAST], CALLS - LAST);
}

static void draining_is_told_once_an_attempt(void) {
  rawpeer *p = w_connected();
  tcall *t = start_unary(NULL);
  rawpeer_goaway(p, INT32_MAX, 0, NULL);
  w_run();
  ASSERT_LOG(t, "D");
  rawpeer_goaway(p, 0, 0, NULL);
  rawpeer *q = w_greet_within(200);
  ASSERT_LOG(t, "D");
  rawpeer_goaway(q, INT32_MAX, 0, NULL);
  w_run();
  ASSERT_LOG(t, "D D");
  w_answer(q, 1, "reply");
  w_run();
  ASSERT_LOG(t, "D D H M5 E");
}

/* A long stream should move before drain_timeout_ms, whoever it is that ends its connection. */
static void a_call_hears_of_it_too_when_we_replace_its_connection(void) {
  w_options.max_age_ms = 10000;
  rawpeer *p = w_connected();
  tcall *t = start_unary(NULL);
  w_run_ms(11000);
  w_greet(-1);
  ASSERT_LOG(t, "D");
  rawpeer_goaway(p, INT32_MAX, 0, NULL);
  w_run();
  ASSERT_LOG(t, "D");
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_LOG(t, "D H M5 E");
}

/* ---- possibly executed ---- */

static void a_possibly_executed_call_is_never_sent_twice(void) {
  rawpeer *p = w_connected();
  tcall *t = start_unary(NULL);
  rawpeer_reset(p);
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_POSSIBLE);
  tcall *next = start_unary(NULL);
  rawpeer *q = w_greet_within(2000);
  CU_ASSERT_EQUAL(requests(q), 1);
  w_answer(q, 1, "next");
  w_run();
  ASSERT_CODE(next, GMUX_OK);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(requests(q), 1);
  CU_ASSERT_EQUAL(w_stats().attempts, 2);
}

static void an_idempotent_call_that_was_lost_with_its_connection_is_made_again(void) {
  gmux_method *method;
  CU_ASSERT_EQUAL_FATAL(
      gmux_method_new(&method, "/test.Service/Get", GMUX_UNARY, GMUX_METHOD_IDEMPOTENT), 0);
  rawpeer *p = w_connected();
  gmux_call_options o = idempotent();
  tcall *by_option = start_unary(&o), *by_method = w_record();
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_start(&by_method->call, w_channel, method, NULL, &w_handlers, by_method), 0);
  CU_ASSERT_EQUAL(w_write(by_method, "hello"), 0);
  w_run();
  rawpeer_reset(p);
  rawpeer *q = w_greet_within(2000);
  CU_ASSERT_EQUAL(w_answer_all(q, "reply"), 2);
  w_run();
  ASSERT_CODE(by_option, GMUX_OK);
  ASSERT_CODE(by_method, GMUX_OK);
  CU_ASSERT_EQUAL(w_stats().retries[GMUX_EVIDENCE_POSSIBLE], 2);
  gmux_method_free(method);
}

static void an_idempotent_call_is_given_up_after_max_idempotent_retries(void) {
  w_options.max_idempotent_retries = 2;
  rawpeer *p = w_connected();
  gmux_call_options o = idempotent();
  o.wait_for_ready = true;
  tcall *t = start_unary(&o);
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(t->ends, 0);
    rawpeer_reset(p);
    w_run();
    if (i < 2) p = w_greet_within(20000);
    w_run_ms(300);
  }
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(explained(t).ended_by[GMUX_EVIDENCE_POSSIBLE], 3);
}

/* The server has it in hand, and says so: that is no loss. */
static void an_idempotent_call_that_the_server_ends_is_not_made_again(void) {
  static const char *const unavailable[] = {
      ":status", "200", "content-type", "application/grpc", "grpc-status", "14", NULL};
  rawpeer *p = w_connected();
  gmux_call_options o = idempotent();
  tcall *a = start_unary(&o), *b = start_unary(&o);
  rawpeer_rst(p, 1, 8);
  rawpeer_headers(p, 3, RAW_END_HEADERS | RAW_END_STREAM, unavailable);
  w_run_ms(1000);
  ASSERT_CODE(a, GMUX_CANCELLED);
  ASSERT_CODE(b, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(requests(p), 2);
}

/* A proxy that says so of what it had passed on. */
static void a_refusal_that_is_not_believed_is_a_loss(void) {
  w_options.distrust_refused = true;
  w_options.max_refused_retries = 0; /* it is not counted as refused */
  rawpeer *p = w_connected();
  gmux_call_options o = idempotent();
  tcall *once = start_unary(NULL), *twice = start_unary(&o);
  rawpeer_rst(p, 1, GMUX__H2_REFUSED_STREAM);
  rawpeer_rst(p, 3, GMUX__H2_REFUSED_STREAM);
  w_run();
  ASSERT_LOG(once, "E");
  ASSERT_CODE(once, GMUX_UNAVAILABLE);
  ASSERT_MESSAGE(once, "the server reset the stream: REFUSED_STREAM (7)");
  CU_ASSERT_EQUAL(once->evidence, GMUX_EVIDENCE_POSSIBLE);
  w_answer(p, 5, "reply");
  w_run();
  ASSERT_CODE(twice, GMUX_OK);
  CU_ASSERT_EQUAL(explained(twice).ended_by[GMUX_EVIDENCE_POSSIBLE], 1);
  CU_ASSERT_EQUAL(requests(p), 3);
}

static void evidence_is_the_greatest_of_all_attempts(void) {
  rawpeer *p = w_connected();
  gmux_call_options o = idempotent();
  tcall *t = start_unary(&o);
  rawpeer_reset(p);
  rawpeer *q = w_greet_within(2000);
  for (size_t i = 0; i < 4; i++) {
    refuse(q, i);
    w_run_ms(300);
  }
  ASSERT_LOG(t, "E");
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_POSSIBLE);
  gmux_call_explanation e = explained(t);
  CU_ASSERT_EQUAL(e.evidence, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(e.attempts, 5);
  CU_ASSERT_EQUAL(e.ended_by[GMUX_EVIDENCE_REFUSED], 4);
  ASSERT_HAS(e.sentence, "5th attempt, before it 3 were refused, 1 was possibly executed");
}

static void a_reply_that_has_begun_commits(void) {
  rawpeer *p = w_connected();
  gmux_call_options o = idempotent();
  tcall *t = w_start(GMUX_SERVER_STREAMING, &o);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  w_run();
  w_headers(p, 1);
  w_message(p, 1, "one");
  w_run();
  rawpeer_reset(p);
  w_run_ms(1000);
  ASSERT_LOG(t, "H M3 E");
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_ANSWERED);
  CU_ASSERT_EQUAL(w_stats().attempts, 1);
}

static void headers_alone_commit_too(void) {
  rawpeer *p = w_connected();
  gmux_call_options o = idempotent();
  tcall *t = start_unary(&o);
  w_headers(p, 1);
  rawpeer_rst(p, 1, REFUSED_STREAM); /* which it cannot mean */
  w_run_ms(1000);
  ASSERT_LOG(t, "H E");
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_ANSWERED);
  CU_ASSERT_EQUAL(requests(p), 1);
}

/* ---- never left ---- */

/* The next connection, greeted, on which our own greeting does not even fit the socket's buffer:
 * also when one buffer of it has arrived already. */
static rawpeer *connection_that_takes_nothing(void) {
  sim_net(w_sim)->buffer_bytes = 20;
  while (!sim_link_first(w_sim))
    CU_ASSERT_TRUE_FATAL(sim_step(w_sim));
  sim_link_stall(sim_link_first(w_sim), SIM_TO_SERVER);
  return w_greet(-1);
}

static void a_call_that_never_left_is_made_again_as_often_as_needed(void) {
  w_options.max_refused_retries = 0;
  w_open();
  gmux_call_options o = w_patient();
  tcall *t = w_start(GMUX_UNARY, &o);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  for (uint32_t i = 1; i <= 10; i++) {
    rawpeer *p = connection_that_takes_nothing();
    CU_ASSERT_EQUAL(t->call->loop_only.state, GMUX__CALL_RUNNING);
    rawpeer_reset(p);
    rawpeer_close(p);
    w_run();
    gmux_call_explanation e = explained(t);
    CU_ASSERT_EQUAL(e.ended_by[GMUX_EVIDENCE_NEVER_LEFT], i);
    CU_ASSERT_EQUAL(e.evidence, GMUX_EVIDENCE_NEVER_LEFT);
    CU_ASSERT_EQUAL(t->ends, 0);
  }
  sim_net(w_sim)->buffer_bytes = 65536;
  rawpeer *p = w_greet_within(5000);
  CU_ASSERT_EQUAL(w_answer_all(p, "reply"), 1);
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_EQUAL(w_stats().retries[GMUX_EVIDENCE_NEVER_LEFT], 10);
  ASSERT_HAS(explained(t).sentence, "11th attempt, before it 10 never left");
}

/* Nor does that make a storm of dials: a connection on which nothing leaves was of no use. */
static void connections_on_which_nothing_leaves_follow_each_other_by_the_backoff(void) {
  w_open();
  gmux_call_options o = w_patient();
  tcall *t = w_start(GMUX_UNARY, &o);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  for (size_t i = 0; i < 5; i++) {
    rawpeer *p = connection_that_takes_nothing();
    rawpeer_reset(p);
    rawpeer_close(p);
    w_run();
    if (i == 0) continue;
    uint64_t apart_ns =
        sim_net_dialed_at(w_sim, &w_address, i) - sim_net_dialed_at(w_sim, &w_address, i - 1);
    CU_ASSERT_TRUE(apart_ns >= 800 * MS && apart_ns <= 1200 * MS);
  }
  CU_ASSERT_EQUAL(t->ends, 0);
}

/* ---- nothing to be had ---- */

static void a_retry_waits_for_no_server_that_is_known_to_be_down(void) {
  rawpeer *p = w_connected();
  gmux_call_options patient = idempotent();
  patient.wait_for_ready = true;
  gmux_call_options o = idempotent();
  tcall *a = start_unary(&o), *b = start_unary(&patient);
  sim_net_refuse(w_sim, &w_address, true);
  rawpeer_reset(p);
  w_run_ms(200);
  ASSERT_CODE(a, GMUX_UNAVAILABLE);
  ASSERT_HAS(a->message, "refused");
  CU_ASSERT_EQUAL(a->evidence, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(b->ends, 0);
  sim_net_refuse(w_sim, &w_address, false);
  rawpeer *q = w_greet_within(5000);
  CU_ASSERT_EQUAL(w_answer_all(q, "reply"), 1);
  w_run();
  ASSERT_CODE(b, GMUX_OK);
}

static void calls_that_had_a_place_come_before_those_that_had_none(void) {
  w_open();
  tcall *a = w_unary(), *b = w_unary();
  rawpeer *p = w_greet(1);
  refuse(p, 0);
  w_answer(p, 3, "first");
  w_run();
  ASSERT_CODE(a, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(a->received, "first");
  CU_ASSERT_EQUAL(b->ends, 0);
  w_answer(p, 5, "second");
  w_run();
  CU_ASSERT_STRING_EQUAL(b->received, "second");
}

static const test_case cases[] = {
    TEST(a_refused_call_is_made_again_and_succeeds),
    TEST(the_second_retry_and_later_ones_come_with_a_backoff),
    TEST(the_fourth_refusal_ends_it),
    TEST(a_rest_beyond_the_deadline_is_not_taken),
    TEST(each_attempt_tells_the_server_what_time_is_left),
    TEST(above_the_last_stream_id_it_is_made_again_once_elsewhere),
    TEST(an_abrupt_goaway_in_the_middle_of_100_calls_loses_none_and_repeats_none),
    TEST(draining_is_told_once_an_attempt),
    TEST(a_call_hears_of_it_too_when_we_replace_its_connection),
    TEST(a_possibly_executed_call_is_never_sent_twice),
    TEST(an_idempotent_call_that_was_lost_with_its_connection_is_made_again),
    TEST(an_idempotent_call_is_given_up_after_max_idempotent_retries),
    TEST(a_refusal_that_is_not_believed_is_a_loss),
    TEST(an_idempotent_call_that_the_server_ends_is_not_made_again),
    TEST(evidence_is_the_greatest_of_all_attempts),
    TEST(a_reply_that_has_begun_commits),
    TEST(headers_alone_commit_too),
    TEST(a_call_that_never_left_is_made_again_as_often_as_needed),
    TEST(connections_on_which_nothing_leaves_follow_each_other_by_the_backoff),
    TEST(a_retry_waits_for_no_server_that_is_known_to_be_down),
    TEST(calls_that_had_a_place_come_before_those_that_had_none),
    TESTS_END,
};

const test_suite client_retry_suite = {"retry", cases, w_setup, w_teardown};
