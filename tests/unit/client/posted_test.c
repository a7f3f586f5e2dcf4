/* posted_test.c: what another thread asks for travels as posts; it must come to the same as on the
 * loop's own thread, in the same order. */
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <stdio.h>
#include <string.h>

/* What can be observed of a run: all logs and all frames that the server got. */
typedef struct trace {
  char text[8192];
} trace;

static void trace_add(trace *tr, const char *text) {
  strncat(tr->text, text, sizeof tr->text - strlen(tr->text) - 1);
}

static void trace_call(trace *tr, const tcall *t) {
  char line[1400];
  snprintf(line, sizeof line, "%s | %s | %s | %s | %s\n", t->log, gmux_code_str(t->code),
           t->message, t->received, gmux_evidence_str(t->evidence));
  trace_add(tr, line);
}

static void trace_peer(trace *tr, const rawpeer *p) {
  const rawframe *f;
  for (size_t i = 0; (f = rawpeer_find(p, RAW_ANY, RAW_ANY, i)); i++) {
    char line[100];
    snprintf(line, sizeof line, "type %u flags %u stream %u len %zu\n", f->type, f->flags,
             f->stream, f->len);
    trace_add(tr, line);
  }
}

/* One scenario, once directly and once through posts. */
static trace run_scenario(void (*scenario)(trace *tr), bool outside) {
  trace tr = {""};
  sim_set_outside(w_loop, outside);
  scenario(&tr);
  sim_set_outside(w_loop, false);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  while (w_accept())
    ;
  return tr;
}

static void assert_same(void (*scenario)(trace *tr)) {
  trace direct = run_scenario(scenario, false);
  trace posted = run_scenario(scenario, true);
  CU_ASSERT_STRING_EQUAL(direct.text, posted.text);
  CU_ASSERT_NOT_EQUAL(direct.text[0], '\0');
  if (strcmp(direct.text, posted.text) != 0)
    fprintf(stderr, "--- direct\n%s--- posted\n%s", direct.text, posted.text);
}

static void many_operations(trace *tr) {
  w_open();
  tcall *a = w_unary();
  tcall *b = w_start(GMUX_BIDI_STREAMING, NULL);
  CU_ASSERT_EQUAL(w_write(b, "one"), 0);
  CU_ASSERT_EQUAL(w_write(b, "two"), 0);
  tcall *c = w_unary();
  gmux_call_cancel(c->call);
  rawpeer *p = w_greet(-1);
  w_answer(p, 1, "reply");
  w_headers(p, 3);
  w_message(p, 3, "first");
  w_run();
  CU_ASSERT_EQUAL(w_write(b, "three"), 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(b->call), 0);
  CU_ASSERT_EQUAL(w_write(b, "four"), GMUX_ERR_STATE);
  w_run();
  w_trailers(p, 3, "0", NULL);
  w_run();
  trace_call(tr, a);
  trace_call(tr, b);
  trace_call(tr, c);
  trace_peer(tr, p);
  w_free(a);
  w_free(b);
  w_free(c);
  w_run();
}

static void posted_operations_come_to_the_same(void) {
  assert_same(many_operations);
}

static void with_credit(trace *tr) {
  w_open();
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.initial_credit = 0;
  tcall *t = w_start(GMUX_SERVER_STREAMING, &o);
  CU_ASSERT_EQUAL(gmux_call_grant(t->call, 1), 0);
  CU_ASSERT_EQUAL(gmux_call_grant(t->call, 1), 0);
  rawpeer *p = w_greet(-1);
  w_headers(p, 1);
  for (int i = 0; i < 4; i++)
    w_message(p, 1, "x");
  w_trailers(p, 1, "0", NULL);
  w_run();
  trace_call(tr, t);
  CU_ASSERT_EQUAL(gmux_call_grant(t->call, 2), 0);
  w_run();
  trace_call(tr, t);
  w_free(t);
  w_run();
}

static void posted_credit_comes_to_the_same(void) {
  assert_same(with_credit);
}

static void failing(trace *tr) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  tcall *a = w_unary();
  w_run();
  gmux_call_options o = w_timeout(50);
  o.wait_for_ready = true;
  tcall *b = w_start(GMUX_UNARY, &o);
  w_run_ms(100);
  trace_call(tr, a);
  trace_call(tr, b);
  trace_add(tr, gmux_channel_state_str(w_state()));
  w_free(a);
  w_free(b);
  w_run();
  sim_net_refuse(w_sim, &w_address, false);
}

static void posted_failures_come_to_the_same(void) {
  assert_same(failing);
}

static void closing(trace *tr) {
  w_closed = 0;
  w_open();
  tcall *a = w_unary(), *b = w_unary();
  w_greet(1);
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
  tcall *late = w_record();
  CU_ASSERT_EQUAL(w_start_with(late, GMUX_UNARY, NULL), GMUX_ERR_CLOSED);
  w_run();
  CU_ASSERT_EQUAL(w_closed, 1);
  trace_call(tr, a);
  trace_call(tr, b);
  w_free(a);
  w_free(b);
  w_run();
}

static void a_posted_close_comes_to_the_same(void) {
  assert_same(closing);
}

/* ---- what only posts can do ---- */

static void asking_to_connect_and_resetting_the_backoff_are_posted(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  sim_set_outside(w_loop, true);
  size_t before = test_alloc_calls();
  for (int i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(gmux_channel_get_state(w_channel, true), GMUX_CHANNEL_IDLE);
  CU_ASSERT_EQUAL(test_alloc_calls(), before);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
  gmux_channel_reset_backoff(w_channel);
  gmux_channel_reset_backoff(w_channel);
  w_run();
  CU_ASSERT_EQUAL(w_stats().dials_failed, 2);
}

static tcall *start_with_timeout(int64_t ms) {
  gmux_call_options o = w_timeout(ms);
  o.wait_for_ready = true;
  return w_start(GMUX_UNARY, &o);
}

/* Not from when the loop, which was busy or stopped, hears of it. */
static void a_deadline_counts_from_the_moment_of_the_start(void) {
  w_open();
  sim_set_outside(w_loop, true);
  sim_loop_freeze(w_loop, 50 * GMUX__NS_PER_MS);
  tcall *early = start_with_timeout(9), *late = start_with_timeout(70);
  w_run_ms(50);
  ASSERT_LOG(early, "E");
  ASSERT_CODE(early, GMUX_DEADLINE_EXCEEDED);
  ASSERT_MESSAGE(early, "deadline of 9 ms passed before it was started");
  w_run_ms(19);
  ASSERT_LOG(late, "");
  w_run_ms(1);
  ASSERT_LOG(late, "E");
  w_free(early);
  w_free(late);
}

/* The loss and the call come in the same turn, and the call is heard first. The connection had
 * carried no call, so that the next attempt waits as after a failure: 1 s, less 20 %. */
static void a_call_that_comes_with_a_loss_does_not_dial_before_the_backoff(void) {
  rawpeer *p = w_connected();
  size_t before = sim_net_dials(w_sim, &w_address);
  gmux_call_options o = w_patient();
  sim_set_outside(w_loop, true);
  rawpeer_close(p);
  tcall *t = w_start(GMUX_UNARY, &o);
  w_run_ms(700);
  CU_ASSERT_EQUAL(sim_net_dials(w_sim, &w_address), before);
  w_run_ms(600);
  CU_ASSERT_EQUAL(sim_net_dials(w_sim, &w_address), before + 1);
  w_free(t);
}

static void close_cancel_and_free_do_not_allocate(void) {
  w_open();
  sim_set_outside(w_loop, true);
  tcall *t = w_unary();
  w_run();
  size_t before = test_alloc_calls();
  gmux_call_cancel(t->call);
  w_free(t);
  gmux_channel_close(w_channel, NULL, NULL);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  CU_ASSERT_EQUAL(test_alloc_calls(), before);
  w_run();
  ASSERT_CODE(t, GMUX_CANCELLED);
}

static void a_call_whose_channel_closed_before_its_start_came_is_cancelled(void) {
  w_open();
  sim_set_outside(w_loop, true);
  tcall *t = w_unary();
  sim_set_outside(w_loop, false);
  gmux_channel_close(w_channel, NULL, NULL); /* on the loop's thread: overtakes the post */
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_CANCELLED);
}

static void a_call_cancelled_before_its_start_came_is_cancelled(void) {
  w_open();
  sim_set_outside(w_loop, true);
  tcall *t = w_unary();
  sim_set_outside(w_loop, false);
  gmux_call_cancel(t->call);
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
}

static void the_last_hold_may_be_let_go_of_anywhere(void) {
  w_open();
  tcall *t = w_unary();
  w_run();
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  ASSERT_CODE(t, GMUX_CANCELLED);
  sim_set_outside(w_loop, true);
  w_free(t); /* and with it the channel */
  w_run();
  CU_ASSERT_EQUAL(atomic_load(&w_loop->shared.users), 0);
}

static void a_closed_channel_may_be_freed_anywhere(void) {
  w_open();
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
  w_run();
  CU_ASSERT_EQUAL(w_closed, 1);
  CU_ASSERT_EQUAL(atomic_load(&w_loop->shared.users), 1);
  sim_set_outside(w_loop, true);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  CU_ASSERT_EQUAL(atomic_load(&w_loop->shared.users), 0);
}

static void unary_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                       const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers;
  *(gmux_code *)user_data = status->code;
}

static void a_posted_unary_start_takes_its_request_or_leaves_it(void) {
  rawpeer *p = w_connected();
  sim_set_outside(w_loop, true);
  gmux_code code = GMUX_UNKNOWN;
  gmux_bytes request;
  CU_ASSERT_EQUAL_FATAL(gmux_bytes_copy(&request, "hello", 5), 0);
  for (size_t n = 1;; n++) {
    test_alloc_fail_at(n);
    int error = gmux_call_unary_start(NULL, w_channel, w_methods[GMUX_UNARY], NULL, &request,
                                      unary_done, &code);
    test_alloc_fail_at(0);
    if (error == 0) break;
    CU_ASSERT_EQUAL(error, GMUX_ERR_NOMEM);
    CU_ASSERT_EQUAL(request.len, 5);
  }
  CU_ASSERT_EQUAL(request.len, 0);
  w_run();
  w_answer(p, 1, "reply");
  w_run();
  CU_ASSERT_EQUAL(code, GMUX_OK);
}

static void half_close_that_could_not_be_posted_can_be_said_again(void) {
  w_open();
  sim_set_outside(w_loop, true);
  tcall *t = w_start(GMUX_CLIENT_STREAMING, NULL);
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux_call_half_close(t->call), GMUX_ERR_NOMEM);
  CU_ASSERT_EQUAL(gmux_call_half_close(t->call), 0);
  rawpeer *p = w_greet(-1);
  const rawframe *f = rawpeer_find(p, RAW_DATA, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  CU_ASSERT_TRUE(f->flags & RAW_END_STREAM);
}

static const test_case cases[] = {
    TEST(posted_operations_come_to_the_same),
    TEST(posted_credit_comes_to_the_same),
    TEST(posted_failures_come_to_the_same),
    TEST(a_posted_close_comes_to_the_same),
    TEST(asking_to_connect_and_resetting_the_backoff_are_posted),
    TEST(a_deadline_counts_from_the_moment_of_the_start),
    TEST(a_call_that_comes_with_a_loss_does_not_dial_before_the_backoff),
    TEST(close_cancel_and_free_do_not_allocate),
    TEST(a_call_whose_channel_closed_before_its_start_came_is_cancelled),
    TEST(a_call_cancelled_before_its_start_came_is_cancelled),
    TEST(the_last_hold_may_be_let_go_of_anywhere),
    TEST(a_closed_channel_may_be_freed_anywhere),
    TEST(a_posted_unary_start_takes_its_request_or_leaves_it),
    TEST(half_close_that_could_not_be_posted_can_be_said_again),
    TESTS_END,
};

const test_suite client_posted_suite = {"posted", cases, w_setup, w_teardown};
