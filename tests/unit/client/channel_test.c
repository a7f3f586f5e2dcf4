#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_REFUSED "connect to ipv4:127.0.0.1:50051: connection refused"

/* ---- making and asking ---- */

static void wrong_arguments_are_refused_in_words(void) {
  gmux_channel *ch = NULL;
  CU_ASSERT_EQUAL(gmux_channel_new(NULL, w_loop, "x:1", NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channel_new(&ch, NULL, "x:1", NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channel_new(&ch, w_loop, NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channel_new(&ch, w_loop, "a b", &w_options), GMUX_ERR_INVALID);
  ASSERT_HAS(gmux_last_error(), "a b");
  w_options.max_concurrent_streams = 0;
  CU_ASSERT_EQUAL(gmux_channel_new(&ch, w_loop, "x:1", &w_options), GMUX_ERR_INVALID);
  ASSERT_HAS(gmux_last_error(), "max_concurrent_streams 0");
  CU_ASSERT_PTR_NULL(ch);
  gmux_channel_free(NULL);
  gmux_channel_close(NULL, NULL, NULL);
  gmux_channel_reset_backoff(NULL);
  CU_ASSERT_EQUAL(gmux_channel_get_state(NULL, true), GMUX_CHANNEL_SHUTDOWN);
  CU_ASSERT_EQUAL(gmux_channel_get_stats(NULL, NULL), GMUX_ERR_INVALID);
}

static void what_the_options_point_to_is_copied(void) {
  char authority[] = "virtual.example", agent[] = "app/1";
  w_options.authority = authority;
  w_options.user_agent = agent;
  w_open();
  memset(authority, 'x', sizeof authority - 1);
  memset(agent, 'x', sizeof agent - 1);
  w_unary();
  rawpeer *p = w_greet(-1);
  const rawframe *f = rawpeer_find(p, RAW_HEADERS, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  CU_ASSERT_STRING_EQUAL(rawframe_header(f, ":authority"), "virtual.example");
  ASSERT_HAS(rawframe_header(f, "user-agent"), "app/1 grpc-c-gmux/");
}

static void the_authority_is_the_targets(void) {
  w_connected();
  w_unary();
  w_run();
  CU_ASSERT_STRING_EQUAL(w_channel->authority, "127.0.0.1:50051");
}

static void without_memory_no_channel_is_made_and_nothing_leaks(void) {
  bool was_made = false;
  for (size_t n = 1; !was_made && n < 100; n++) {
    size_t live = test_alloc_live();
    test_alloc_fail_at(n);
    int error = gmux_channel_new(&w_channel, w_loop, "dns:///x:1", &w_options);
    test_alloc_fail_at(0);
    was_made = error == 0;
    if (was_made) break;
    CU_ASSERT_EQUAL(error, GMUX_ERR_NOMEM);
    CU_ASSERT_EQUAL(test_alloc_live(), live);
    w_channel = NULL;
  }
  CU_ASSERT_TRUE(was_made);
}

static void a_new_channel_is_idle_and_does_nothing(void) {
  w_open();
  uint64_t turns = sim_turns(w_sim);
  w_run_ms(100000);
  CU_ASSERT_EQUAL(sim_turns(w_sim), turns);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  CU_ASSERT_EQUAL(sim_net_live(w_sim).dials, 0);
}

static void states_have_names(void) {
  static const char *const names[] = {"IDLE", "CONNECTING", "READY", "TRANSIENT_FAILURE",
                                      "SHUTDOWN"};
  for (int i = 0; i < 5; i++)
    CU_ASSERT_STRING_EQUAL(gmux_channel_state_str((gmux_channel_state)i), names[i]);
  CU_ASSERT_STRING_EQUAL(gmux_channel_state_str((gmux_channel_state)5), "unknown");
}

/* ---- connecting ---- */

static void the_first_call_connects(void) {
  w_open();
  tcall *t = w_unary();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING);
  rawpeer *p = w_greet(-1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_LOG(t, "H M5 E");
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(t->received, "reply");
}

static void asking_connects_without_a_call(void) {
  w_open();
  CU_ASSERT_EQUAL(gmux_channel_get_state(w_channel, true), GMUX_CHANNEL_IDLE);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING);
  w_greet(-1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  CU_ASSERT_EQUAL(w_stats().connections_made, 1);
}

static void it_is_not_ready_before_the_servers_settings(void) {
  w_open();
  tcall *t = w_unary();
  rawpeer *p = w_accept();
  w_run_ms(1000);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 0);
  w_settings(p, -1);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 1);
  ASSERT_LOG(t, "");
}

static void many_calls_share_one_connection(void) {
  w_open();
  tcall *t[100];
  for (int i = 0; i < 100; i++)
    t[i] = w_unary();
  rawpeer *p = w_greet(-1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 100);
  CU_ASSERT_PTR_NULL(w_accept());
  CU_ASSERT_EQUAL(w_stats().calls_running, 100);
  CU_ASSERT_EQUAL(w_answer_all(p, "reply"), 100);
  w_run();
  for (int i = 0; i < 100; i++)
    ASSERT_LOG(t[i], "H M5 E");
  gmux_channel_stats stats = w_stats();
  CU_ASSERT_EQUAL(stats.connections_made, 1);
  CU_ASSERT_EQUAL(stats.connections, 1);
  CU_ASSERT_EQUAL(stats.streams_peak, 100);
  CU_ASSERT_EQUAL(stats.calls_started, 100);
  CU_ASSERT_EQUAL(stats.calls_succeeded, 100);
  CU_ASSERT_EQUAL(stats.calls_running, 0);
}

static void stats_are_written_as_far_as_their_size_goes(void) {
  w_open();
  gmux_channel_stats stats;
  memset(&stats, 0xee, sizeof stats);
  stats.size = offsetof(gmux_channel_stats, calls_failed);
  CU_ASSERT_EQUAL(gmux_channel_get_stats(w_channel, &stats), 0);
  CU_ASSERT_EQUAL(stats.calls_started, 0);
  CU_ASSERT_EQUAL(stats.calls_failed, UINT64_C(0xeeeeeeeeeeeeeeee));
  stats.size = 0;
  CU_ASSERT_EQUAL(gmux_channel_get_stats(w_channel, &stats), GMUX_ERR_INVALID);
}

/* ---- failing ---- */

static void a_failed_attempt_fails_the_calls_that_wait_with_its_words(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  tcall *a = w_unary(), *b = w_unary();
  w_run();
  ASSERT_LOG(a, "E");
  ASSERT_CODE(a, GMUX_UNAVAILABLE);
  ASSERT_MESSAGE(a, WHY_REFUSED);
  ASSERT_CODE(b, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(a->evidence, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_STRING_EQUAL(a->peer, "");
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
}

static void while_the_backoff_runs_calls_fail_at_once_with_the_same_words(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  w_unary();
  w_run();
  w_run_ms(700); /* the shortest first backoff is 800 ms */
  tcall *t = w_unary();
  ASSERT_LOG(t, ""); /* never from inside */
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_MESSAGE(t, WHY_REFUSED);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
}

static void a_call_that_waits_for_ready_waits_through_failures(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  gmux_call_options patient = w_patient();
  tcall *t = w_start(GMUX_UNARY, &patient);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  w_run_ms(5000);
  ASSERT_LOG(t, "");
  CU_ASSERT_TRUE(w_stats().dials_failed >= 3);
  CU_ASSERT_EQUAL(w_stats().calls_waiting, 1);
  sim_net_refuse(w_sim, &w_address, false);
  rawpeer *p = w_greet_within(20000);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_LOG(t, "H M5 E");
  ASSERT_CODE(t, GMUX_OK);
}

/* ---- backoff, on time ---- */

static bool has_failures(void *arg) {
  return w_stats().dials_failed >= *(uint64_t *)arg;
}

static uint64_t time_of_failure(uint64_t number) {
  CU_ASSERT_TRUE(sim_run_until(w_sim, has_failures, &number, UINT64_C(1000000) * MS));
  return sim_now(w_sim);
}

/* A refused dial takes no time here, so failures are as far apart as attempts start. */
static void attempts_follow_each_other_by_the_backoff(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  gmux_call_options patient = w_patient();
  w_start(GMUX_UNARY, &patient);
  uint64_t last_ns = time_of_failure(1);
  double step_ms = 1000;
  for (uint64_t n = 2; n < 18; n++) {
    uint64_t now_ns = time_of_failure(n);
    double waited_ms = (double)(now_ns - last_ns) / 1e6;
    CU_ASSERT_TRUE(waited_ms >= 0.8 * step_ms - 1 && waited_ms <= 1.2 * step_ms + 1);
    last_ns = now_ns;
    step_ms = step_ms * 1.6 < 120000 ? step_ms * 1.6 : 120000;
  }
}

static void the_backoff_is_counted_from_the_start_of_the_attempt(void) {
  w_options.connect_timeout_ms = 5000;
  w_open();
  tcall *t = w_unary();
  sim_net_blackhole(w_sim, &w_address, SIM_BOTH_WAYS);
  w_run_ms(5000); /* the attempt takes longer than its backoff: that is over with it */
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_MESSAGE(t, "connect to ipv4:127.0.0.1:50051: no answer within 5000 ms");
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
  sim_net_blackhole(w_sim, &w_address, 0);
  w_unary();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING);
}

static void the_next_attempt_starts_exactly_when_the_backoff_ends(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  gmux_call_options patient = w_patient();
  w_start(GMUX_UNARY, &patient);
  w_run();
  uint64_t start_ns = sim_now(w_sim);
  uint64_t end_ns = w_channel->loop_only.endpoint.not_before_ns;
  CU_ASSERT_TRUE(end_ns - start_ns >= 800 * MS && end_ns - start_ns <= 1200 * MS);
  sim_run_for(w_sim, end_ns - start_ns - 1);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
  sim_run_for(w_sim, 1);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 2);
}

static void after_the_backoff_nobody_dials_without_a_need(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  w_unary();
  w_run();
  w_run_ms(100000);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
}

static void after_the_backoff_a_call_starts_an_attempt_and_waits_for_it(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  w_unary();
  w_run();
  w_run_ms(1300);
  sim_net_refuse(w_sim, &w_address, false);
  tcall *t = w_unary();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING);
  rawpeer *p = w_greet(-1);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

static void who_asked_to_connect_is_tried_for_until_ready(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  gmux_channel_get_state(w_channel, true);
  w_run_ms(10000);
  CU_ASSERT_TRUE(w_stats().dials_failed >= 3);
  sim_net_refuse(w_sim, &w_address, false);
  rawpeer *p = w_greet_within(20000);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  rawpeer_reset(p); /* the wish was fulfilled: nobody dials again */
  w_run();
  w_run_ms(100000);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
}

static void reset_backoff_starts_the_next_attempt_at_once(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  gmux_call_options patient = w_patient();
  w_start(GMUX_UNARY, &patient);
  w_run_ms(20000);
  uint64_t failed = w_stats().dials_failed;
  gmux_channel_reset_backoff(w_channel);
  w_run();
  CU_ASSERT_EQUAL(w_stats().dials_failed, failed + 1);
  w_run_ms(1300); /* and the first delay is short again */
  CU_ASSERT_EQUAL(w_stats().dials_failed, failed + 2);
}

static void reset_backoff_lets_the_next_call_connect(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  w_unary();
  w_run();
  sim_net_refuse(w_sim, &w_address, false);
  gmux_channel_reset_backoff(w_channel);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
  tcall *t = w_unary();
  w_answer(w_greet(-1), 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

static void ready_resets_the_backoff(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  gmux_channel_get_state(w_channel, true);
  w_run_ms(60000);
  sim_net_refuse(w_sim, &w_address, false);
  rawpeer *p = w_greet_within(120000);
  tcall *t = w_unary();
  w_run();
  sim_net_refuse(w_sim, &w_address, true);
  rawpeer_reset(p);
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  gmux_call_options patient = w_patient();
  uint64_t failed = w_stats().dials_failed;
  w_start(GMUX_UNARY, &patient);
  w_run();
  CU_ASSERT_EQUAL(w_stats().dials_failed, failed + 1);
  w_run_ms(1200);
  CU_ASSERT_EQUAL(w_stats().dials_failed, failed + 2);
}

/* ---- losing ---- */

static void a_lost_connection_fails_its_calls_and_the_next_call_works(void) {
  rawpeer *p = w_connected();
  tcall *a = w_unary(), *b = w_unary();
  w_run();
  rawpeer_reset(p);
  w_run();
  ASSERT_LOG(a, "E");
  ASSERT_CODE(a, GMUX_UNAVAILABLE);
  ASSERT_HAS(a->message, "ipv4:127.0.0.1:50051: ");
  CU_ASSERT_EQUAL(a->evidence, GMUX_EVIDENCE_POSSIBLE);
  ASSERT_CODE(b, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  tcall *c = w_unary();
  p = w_greet(-1);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(c, GMUX_OK);
  CU_ASSERT_EQUAL(w_stats().connections_made, 2);
}

static void the_server_closing_in_good_order_is_said_so(void) {
  rawpeer *p = w_connected();
  tcall *t = w_unary();
  w_run();
  rawpeer_close(p);
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
}

static void without_calls_a_lost_connection_is_not_replaced(void) {
  rawpeer *p = w_connected();
  rawpeer_reset(p);
  w_run_ms(100000);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  CU_ASSERT_EQUAL(w_stats().connections_made, 1);
  CU_ASSERT_EQUAL(w_stats().connections, 0);
}

static void calls_that_wait_when_the_connection_is_lost_get_a_new_one_at_once(void) {
  w_open();
  tcall *t[4];
  for (int i = 0; i < 4; i++)
    t[i] = w_unary();
  rawpeer *p = w_greet(2);
  CU_ASSERT_EQUAL(w_stats().calls_waiting, 2);
  rawpeer_reset(p);
  p = w_greet(-1);
  CU_ASSERT_EQUAL(w_answer_all(p, "reply"), 2);
  w_run();
  ASSERT_CODE(t[0], GMUX_UNAVAILABLE);
  ASSERT_CODE(t[1], GMUX_UNAVAILABLE);
  ASSERT_CODE(t[2], GMUX_OK);
  ASSERT_CODE(t[3], GMUX_OK);
}

/* A server that greets and hangs up must not be called again and again without a pause. */
static void a_connection_of_no_use_holds_back_the_next_one(void) {
  w_options.max_connections = 1; /* or another would be on its way already */
  w_open();
  w_unary();
  rawpeer *p = w_greet(0); /* no stream allowed: the call waits on */
  rawpeer_reset(p);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  CU_ASSERT_EQUAL(w_stats().calls_waiting, 1);
  w_run_ms(799);
  CU_ASSERT_PTR_NULL(w_accept());
  w_run_ms(500);
  p = w_greet(-1);
  CU_ASSERT_EQUAL(w_answer_all(p, "reply"), 1);
}

/* Where each brings the next, the loss of one holds back the one after that. */
static void a_connection_of_no_use_holds_back_also_behind_one_that_was_on_its_way(void) {
  w_options.min_connections = 2;
  w_options.redial_jitter_ms = 0;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_greet(-1);
  rawpeer_reset(p);
  w_run();
  w_greet(-1);
  CU_ASSERT_EQUAL(w_stats().connections_made, 2);
  w_run_ms(799);
  CU_ASSERT_EQUAL(w_stats().dials_started, 2);
  w_run_ms(500);
  CU_ASSERT_EQUAL(w_stats().dials_started, 3);
}

/* Both come in one read, so that it is READY, and of no use, before anybody can be told. */
static void a_greeting_with_goaway_holds_back_the_next_one(void) {
  w_options.redial_jitter_ms = 0;
  w_open();
  tcall *t = w_unary();
  rawpeer *p = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_settings(p, -1);
  rawpeer_goaway(p, 0, 0, "");
  rawpeer_close(p);
  w_run_ms(799);
  CU_ASSERT_PTR_NULL(w_accept());
  CU_ASSERT_EQUAL(w_stats().connections_made, 1);
  w_run_ms(500);
  CU_ASSERT_EQUAL(w_answer_all(w_greet(-1), "reply"), 1);
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

static void goaway_moves_new_calls_and_lets_the_old_finish(void) {
  rawpeer *p = w_connected();
  tcall *a = w_unary();
  w_run();
  rawpeer_goaway(p, 1, 0, "restart");
  w_run();
  ASSERT_LOG(a, "D");
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING); /* calls run: they will not be the last */
  tcall *b = w_unary();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING);
  rawpeer *q = w_greet(-1);
  CU_ASSERT_EQUAL(rawpeer_count(q, RAW_HEADERS, RAW_ANY), 1);
  CU_ASSERT_EQUAL(w_stats().connections, 2);
  w_answer(p, 1, "old");
  w_answer(q, 1, "new");
  w_run();
  CU_ASSERT_STRING_EQUAL(a->received, "old");
  CU_ASSERT_STRING_EQUAL(b->received, "new");
  ASSERT_LOG(a, "D H M3 E");
  CU_ASSERT_EQUAL(w_stats().connections, 1);
  CU_ASSERT_NOT_EQUAL(rawpeer_state(p), 0); /* drained, and closed */
  CU_ASSERT_EQUAL(rawpeer_state(q), 0);
}

static void a_call_above_goaways_last_id_is_known_unprocessed_and_without_retries_unavailable(
    void) {
  w_options.max_refused_retries = 0;
  rawpeer *p = w_connected();
  tcall *a = w_unary(), *b = w_unary();
  w_run();
  rawpeer_goaway(p, 1, 0, NULL);
  w_run();
  ASSERT_LOG(a, "D");
  ASSERT_LOG(b, "E");
  ASSERT_CODE(b, GMUX_UNAVAILABLE);
  ASSERT_HAS(b->message, "GOAWAY");
  CU_ASSERT_EQUAL(b->evidence, GMUX_EVIDENCE_ABOVE_LAST);
  w_answer(p, 1, "a");
  w_run();
  ASSERT_CODE(a, GMUX_OK);
}

static void goaway_without_calls_goes_idle(void) {
  rawpeer *p = w_connected();
  rawpeer_goaway(p, 0, 0, NULL);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  CU_ASSERT_EQUAL(w_stats().connections, 0);
}

static void a_call_started_while_the_loss_is_being_told_goes_to_the_next_connection(void);
static tcall *started_in_end;
static void start_on_end(tcall *t, char event) {
  if (event != 'E') return;
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE); /* settled before anybody is told */
  started_in_end = w_unary();
  t->on_event = NULL;
}

static void a_call_started_while_the_loss_is_being_told_goes_to_the_next_connection(void) {
  rawpeer *p = w_connected();
  tcall *t = w_unary();
  t->on_event = start_on_end;
  w_run();
  rawpeer_reset(p);
  p = w_greet(-1);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_CODE(started_in_end, GMUX_OK);
}

/* ---- waiting ---- */

static void calls_wait_for_a_free_stream_in_the_order_they_came(void) {
  w_open();
  tcall *t[6];
  for (int i = 0; i < 6; i++) {
    char text[2] = {(char)('a' + i), '\0'};
    t[i] = w_start(GMUX_UNARY, NULL);
    CU_ASSERT_EQUAL(w_write(t[i], text), 0);
  }
  rawpeer *p = w_greet(2);
  for (uint32_t i = 0; i < 6; i++) {
    CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), i + 2 < 6 ? i + 2 : 6);
    const rawframe *data = rawpeer_find(p, RAW_DATA, 2 * i + 1, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(data);
    CU_ASSERT_EQUAL(data->payload[5], 'a' + i);
    w_answer(p, 2 * i + 1, "reply");
    w_run();
    ASSERT_LOG(t[i], "H M5 E");
    if (i < 5) ASSERT_LOG(t[i + 1], "");
  }
}

static void a_newcomer_does_not_overtake_those_who_wait(void) {
  w_open();
  for (int i = 0; i < 3; i++)
    w_unary();
  rawpeer *p = w_greet(2);
  tcall *newcomer = w_unary();
  w_answer(p, 1, "reply");
  w_run();
  CU_ASSERT_EQUAL(newcomer->call->loop_only.state, GMUX__CALL_WAITING);
  w_answer(p, 3, "reply");
  w_run();
  CU_ASSERT_EQUAL(newcomer->call->loop_only.state, GMUX__CALL_RUNNING);
}

static void a_raised_limit_places_who_waits(void) {
  w_open();
  for (int i = 0; i < 5; i++)
    w_unary();
  rawpeer *p = w_greet(1);
  CU_ASSERT_EQUAL(w_stats().calls_running, 1);
  w_settings(p, 3);
  w_run();
  CU_ASSERT_EQUAL(w_stats().calls_running, 3);
  CU_ASSERT_EQUAL(w_stats().calls_waiting, 2);
}

static void our_own_cap_holds_beside_the_servers_limit(void) {
  w_options.max_concurrent_streams = 3;
  w_open();
  for (int i = 0; i < 5; i++)
    w_unary();
  w_greet(100);
  CU_ASSERT_EQUAL(w_stats().calls_running, 3);
  CU_ASSERT_EQUAL(w_stats().streams_peak, 3);
}

static void one_call_more_than_may_wait_is_resource_exhausted(void) {
  w_options.max_waiting = 2;
  w_open();
  tcall *a = w_unary(), *b = w_unary(), *c = w_unary();
  w_run();
  ASSERT_LOG(a, "");
  ASSERT_LOG(b, "");
  ASSERT_LOG(c, "E");
  ASSERT_CODE(c, GMUX_RESOURCE_EXHAUSTED);
  ASSERT_MESSAGE(c, "2 calls are waiting already (max_waiting)");
}

static void with_no_waiting_allowed_a_ready_connection_still_takes_calls(void) {
  w_options.max_waiting = 0;
  rawpeer *p = w_connected();
  tcall *t = w_unary();
  w_run();
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

static void with_no_waiting_allowed_a_call_still_brings_a_connection(void) {
  w_options.max_waiting = 0;
  w_open();
  tcall *t = w_unary();
  rawpeer *p = w_accept();
  ASSERT_CODE(t, GMUX_RESOURCE_EXHAUSTED);
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_settings(p, -1);
  w_run();
  t = w_unary();
  w_run();
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

static void ten_thousand_waiting_calls_cause_one_dial_and_all_end(void) {
  enum { CALLS = 10000 };
  static tcall *t[CALLS];
  w_open();
  for (int i = 0; i < CALLS; i++)
    t[i] = w_unary();
  CU_ASSERT_EQUAL(w_stats().calls_waiting, CALLS);
  rawpeer *p = w_greet(100);
  size_t answered = 0;
  for (size_t n = 1; n > 0; answered += n) {
    n = w_answer_all(p, "reply");
    w_run();
  }
  CU_ASSERT_EQUAL(answered, CALLS);
  size_t good = 0;
  for (int i = 0; i < CALLS; i++)
    good += t[i]->ends == 1 && t[i]->code == GMUX_OK;
  CU_ASSERT_EQUAL(good, CALLS);
  gmux_channel_stats stats = w_stats();
  CU_ASSERT_EQUAL(stats.connections_made, 1);
  CU_ASSERT_EQUAL(stats.streams_peak, 100);
  CU_ASSERT_EQUAL(stats.calls_succeeded, CALLS);
}

static void ten_thousand_waiting_calls_fail_together(void) {
  enum { CALLS = 10000 };
  static tcall *t[CALLS];
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  for (int i = 0; i < CALLS; i++)
    t[i] = w_unary();
  w_run();
  size_t failed = 0;
  for (int i = 0; i < CALLS; i++)
    failed += t[i]->ends == 1 && t[i]->code == GMUX_UNAVAILABLE;
  CU_ASSERT_EQUAL(failed, CALLS);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
  CU_ASSERT_EQUAL(w_stats().calls_failed, CALLS);
}

/* ---- idle ---- */

static void an_idle_connection_is_closed_after_its_time(void) {
  w_options.idle_timeout_ms = 5000;
  rawpeer *p = w_connected();
  w_run_ms(4999);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  w_run_ms(1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  w_run();
  CU_ASSERT_NOT_EQUAL(rawpeer_state(p), 0);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_GOAWAY, 0), 1);
  CU_ASSERT_EQUAL(w_stats().connections, 0);
  tcall *t = w_unary();
  w_answer(w_greet(-1), 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

static void the_idle_time_counts_from_the_end_of_the_last_call(void) {
  w_options.idle_timeout_ms = 5000;
  rawpeer *p = w_connected();
  w_run_ms(4000);
  w_unary();
  w_run_ms(20000); /* a running call is not idle, however long */
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  w_answer(p, 1, "reply");
  w_run();
  w_run_ms(3000);
  w_unary();
  w_run();
  w_answer(p, 3, "reply");
  w_run();
  w_run_ms(4999);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  w_run_ms(1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
}

static void a_lost_connection_leaves_no_idle_timer_behind(void) {
  rawpeer *p = w_connected();
  rawpeer_reset(p);
  w_run();
  uint64_t turns = sim_turns(w_sim);
  w_run_ms(UINT64_C(100000000));
  CU_ASSERT_EQUAL(sim_turns(w_sim), turns);
}

static void an_idle_timeout_of_zero_never_closes(void) {
  w_options.idle_timeout_ms = 0;
  w_connected();
  w_run_ms(UINT64_C(100000000));
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
}

/* ---- the end ---- */

static void closing_cancels_running_and_waiting_calls_and_then_tells(void) {
  w_open();
  tcall *running = w_unary(), *waiting = w_unary();
  rawpeer *p = w_greet(1);
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
  CU_ASSERT_EQUAL(w_closed, 0); /* never from inside */
  CU_ASSERT_EQUAL(running->ends + waiting->ends, 0);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_SHUTDOWN);
  w_run();
  ASSERT_CODE(running, GMUX_CANCELLED);
  ASSERT_MESSAGE(running, "the channel was closed");
  ASSERT_CODE(waiting, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(w_closed, 1);
  w_run();
  CU_ASSERT_NOT_EQUAL(rawpeer_state(p), 0);
  CU_ASSERT_EQUAL(w_stats().connections, 0);
}

static void a_closed_channel_refuses_new_calls(void) {
  w_open();
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
  tcall *t = w_record();
  CU_ASSERT_EQUAL(w_start_with(t, GMUX_UNARY, NULL), GMUX_ERR_CLOSED);
  CU_ASSERT_PTR_NULL(t->call);
  w_run();
  ASSERT_LOG(t, "");
  CU_ASSERT_EQUAL(w_closed, 1);
  CU_ASSERT_EQUAL(gmux_channel_get_state(w_channel, true), GMUX_CHANNEL_SHUTDOWN);
  gmux_channel_reset_backoff(w_channel);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_SHUTDOWN);
}

static void closing_twice_tells_once(void) {
  w_open();
  static unsigned never;
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
  gmux_channel_close(w_channel, w_on_closed, &never);
  w_run();
  gmux_channel_close(w_channel, w_on_closed, &never);
  w_run();
  CU_ASSERT_EQUAL(w_closed, 1);
}

/* Where it can be: looking up, dialing, greeting, draining, backing off. */
static void closing_in_every_phase_leaves_nothing(void) {
  for (int phase = 0; phase < 5; phase++) {
    w_closed = 0;
    sim_dns_hang(w_sim, "slow.example");
    sim_net_refuse(w_sim, &w_address, phase == 4);
    sim_net(w_sim)->latency_ns = phase == 1 ? 10 * MS : 0;
    w_open_to(phase == 0 ? "slow.example:1" : "ipv4:127.0.0.1:50051");
    tcall *t = w_unary();
    if (phase != 1) w_run();
    if (phase == 2) CU_ASSERT_PTR_NOT_NULL(w_accept());
    if (phase == 3) rawpeer_goaway(w_greet(-1), 1, 0, NULL);
    if (phase != 1) w_run();
    gmux_channel_close(w_channel, w_on_closed, &w_closed);
    w_run_ms(100);
    CU_ASSERT_EQUAL(w_closed, 1);
    CU_ASSERT_EQUAL(t->ends, 1);
    ASSERT_CODE(t, phase == 4 ? GMUX_UNAVAILABLE : GMUX_CANCELLED);
    while (phase == 1 && w_accept())
      ;
    sim_live live = sim_net_live(w_sim);
    CU_ASSERT_EQUAL(live.dials + live.resolves, 0);
    w_free(t);
    gmux_channel_free(w_channel);
    w_channel = NULL;
    w_run();
  }
}

static void freeing_without_closing_closes(void) {
  w_open();
  tcall *t = w_unary();
  w_greet(-1);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_CANCELLED);
}

static void a_calls_handle_outlives_its_channel(void) {
  rawpeer *p = w_connected();
  tcall *t = w_unary();
  w_run();
  w_answer(p, 1, "reply");
  w_run();
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  CU_ASSERT_EQUAL(gmux_call_get_evidence(t->call), GMUX_EVIDENCE_ANSWERED);
  CU_ASSERT_STRING_EQUAL(gmux_call_peer(t->call), "ipv4:127.0.0.1:50051");
  gmux_call_cancel(t->call);
  CU_ASSERT_EQUAL(w_write(t, "late"), GMUX_ERR_STATE);
  w_run();
  ASSERT_LOG(t, "H M5 E");
}

static const test_case cases[] = {
    TEST(wrong_arguments_are_refused_in_words),
    TEST(what_the_options_point_to_is_copied),
    TEST(the_authority_is_the_targets),
    TEST(without_memory_no_channel_is_made_and_nothing_leaks),
    TEST(a_new_channel_is_idle_and_does_nothing),
    TEST(states_have_names),
    TEST(the_first_call_connects),
    TEST(asking_connects_without_a_call),
    TEST(it_is_not_ready_before_the_servers_settings),
    TEST(many_calls_share_one_connection),
    TEST(stats_are_written_as_far_as_their_size_goes),
    TEST(a_failed_attempt_fails_the_calls_that_wait_with_its_words),
    TEST(while_the_backoff_runs_calls_fail_at_once_with_the_same_words),
    TEST(a_call_that_waits_for_ready_waits_through_failures),
    TEST(attempts_follow_each_other_by_the_backoff),
    TEST(the_backoff_is_counted_from_the_start_of_the_attempt),
    TEST(the_next_attempt_starts_exactly_when_the_backoff_ends),
    TEST(after_the_backoff_nobody_dials_without_a_need),
    TEST(after_the_backoff_a_call_starts_an_attempt_and_waits_for_it),
    TEST(who_asked_to_connect_is_tried_for_until_ready),
    TEST(reset_backoff_starts_the_next_attempt_at_once),
    TEST(reset_backoff_lets_the_next_call_connect),
    TEST(ready_resets_the_backoff),
    TEST(a_lost_connection_fails_its_calls_and_the_next_call_works),
    TEST(the_server_closing_in_good_order_is_said_so),
    TEST(without_calls_a_lost_connection_is_not_replaced),
    TEST(calls_that_wait_when_the_connection_is_lost_get_a_new_one_at_once),
    TEST(a_connection_of_no_use_holds_back_the_next_one),
    TEST(a_connection_of_no_use_holds_back_also_behind_one_that_was_on_its_way),
    TEST(a_greeting_with_goaway_holds_back_the_next_one),
    TEST(goaway_moves_new_calls_and_lets_the_old_finish),
    TEST(a_call_above_goaways_last_id_is_known_unprocessed_and_without_retries_unavailable),
    TEST(goaway_without_calls_goes_idle),
    TEST(a_call_started_while_the_loss_is_being_told_goes_to_the_next_connection),
    TEST(calls_wait_for_a_free_stream_in_the_order_they_came),
    TEST(a_newcomer_does_not_overtake_those_who_wait),
    TEST(a_raised_limit_places_who_waits),
    TEST(our_own_cap_holds_beside_the_servers_limit),
    TEST(one_call_more_than_may_wait_is_resource_exhausted),
    TEST(with_no_waiting_allowed_a_ready_connection_still_takes_calls),
    TEST(with_no_waiting_allowed_a_call_still_brings_a_connection),
    TEST(ten_thousand_waiting_calls_cause_one_dial_and_all_end),
    TEST(ten_thousand_waiting_calls_fail_together),
    TEST(an_idle_connection_is_closed_after_its_time),
    TEST(the_idle_time_counts_from_the_end_of_the_last_call),
    TEST(a_lost_connection_leaves_no_idle_timer_behind),
    TEST(an_idle_timeout_of_zero_never_closes),
    TEST(closing_cancels_running_and_waiting_calls_and_then_tells),
    TEST(a_closed_channel_refuses_new_calls),
    TEST(closing_twice_tells_once),
    TEST(closing_in_every_phase_leaves_nothing),
    TEST(freeing_without_closing_closes),
    TEST(a_calls_handle_outlives_its_channel),
    TESTS_END,
};

const test_suite client_channel_suite = {"channel", cases, w_setup, w_teardown};
