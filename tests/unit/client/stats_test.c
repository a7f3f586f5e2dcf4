/* stats_test.c: what a channel counts adds up, each with its cause, and can be described (promise
 * 14). */
#include "tests/unit/client/thread.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

static tcall *start_unary(const gmux_call_options *o) {
  tcall *t = w_start(GMUX_UNARY, o);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  w_run();
  return t;
}

static void assert_one_loss(gmux_loss loss) {
  gmux_channel_stats s = w_stats();
  for (int i = 0; i < GMUX_LOSSES; i++)
    CU_ASSERT_EQUAL(s.lost[i], i == (int)loss ? 1 : 0);
}

/* ---- calls ---- */

static void each_call_is_counted_where_it_is(void) {
  w_options.max_connections = 1;
  w_open();
  tcall *a = w_unary(), *b = w_unary(), *c = w_unary();
  CU_ASSERT_EQUAL(w_stats().calls_waiting, 3);
  rawpeer *p = w_greet(1);
  gmux_channel_stats s = w_stats();
  CU_ASSERT_EQUAL(s.calls_started, 3);
  CU_ASSERT_EQUAL(s.calls_running, 1);
  CU_ASSERT_EQUAL(s.calls_waiting, 2);
  w_answer(p, 1, "reply");
  w_run();
  w_headers(p, 3);
  w_trailers(p, 3, "5", NULL);
  w_run();
  gmux_call_cancel(c->call);
  w_run();
  s = w_stats();
  CU_ASSERT_EQUAL(s.calls_succeeded, 1);
  CU_ASSERT_EQUAL(s.calls_failed, 2);
  CU_ASSERT_EQUAL(s.calls_running + s.calls_waiting, 0);
  CU_ASSERT_EQUAL(s.streams_peak, 1);
  CU_ASSERT_EQUAL(s.attempts, 3);
  CU_ASSERT_EQUAL(s.reused, 2); /* the second and the third were not the first on it */
  CU_ASSERT_EQUAL(s.resets_sent, 1);
  CU_ASSERT_TRUE(a->ends && b->ends && c->ends);
}

static void one_that_rests_counts_as_waiting(void) {
  rawpeer *p = w_connected();
  tcall *t = start_unary(NULL);
  rawpeer_rst(p, 1, 7);
  w_run();
  rawpeer_rst(p, 3, 7);
  w_run();
  gmux_channel_stats s = w_stats();
  CU_ASSERT_EQUAL(s.calls_started, 1);
  CU_ASSERT_EQUAL(s.calls_waiting, 1);
  CU_ASSERT_EQUAL(s.calls_running, 0);
  CU_ASSERT_EQUAL(s.oldest_waiter_ms, 0); /* it waits for no place */
  CU_ASSERT_EQUAL(s.resets_received, 2);
  CU_ASSERT_EQUAL(t->ends, 0);
}

static void the_oldest_waiter_is_known_to_the_millisecond(void) {
  w_open();
  w_unary();
  w_run_ms(30);
  w_unary();
  w_run_ms(12);
  CU_ASSERT_EQUAL(w_stats().oldest_waiter_ms, 42);
  w_greet(-1);
  CU_ASSERT_EQUAL(w_stats().oldest_waiter_ms, 0);
}

static void retries_are_counted_by_the_evidence_of_the_attempt_before(void) {
  rawpeer *p = w_connected();
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.idempotent = true;
  start_unary(&o);
  rawpeer_rst(p, 1, 7);
  w_run();
  rawpeer_goaway(p, 1, 0, NULL);
  w_run_ms(200);
  rawpeer *q = w_greet_within(200);
  rawpeer_reset(q);
  rawpeer *r = w_greet_within(2000);
  CU_ASSERT_EQUAL(w_answer_all(r, "reply"), 1);
  w_run();
  gmux_channel_stats s = w_stats();
  CU_ASSERT_EQUAL(s.calls_succeeded, 1);
  CU_ASSERT_EQUAL(s.attempts, 4);
  CU_ASSERT_EQUAL(s.retries[GMUX_EVIDENCE_NEVER_LEFT], 0);
  CU_ASSERT_EQUAL(s.retries[GMUX_EVIDENCE_REFUSED], 1);
  CU_ASSERT_EQUAL(s.retries[GMUX_EVIDENCE_ABOVE_LAST], 1);
  CU_ASSERT_EQUAL(s.retries[GMUX_EVIDENCE_POSSIBLE], 1);
  CU_ASSERT_EQUAL(s.retries[GMUX_EVIDENCE_ANSWERED], 0);
  CU_ASSERT_EQUAL(s.goaways[0], 1);
  CU_ASSERT_EQUAL(s.connections_made, 3);
}

/* ---- connections ---- */

static void each_connection_is_counted_where_it_is(void) {
  w_open();
  CU_ASSERT_EQUAL(w_stats().connections_dialing, 0);
  w_unary();
  w_accept();
  gmux_channel_stats s = w_stats();
  CU_ASSERT_EQUAL(s.connections_dialing, 1);
  CU_ASSERT_EQUAL(s.dials_started, 1);
  CU_ASSERT_EQUAL(s.connections, 0);
  w_teardown();
  w_setup();
  rawpeer *p = w_connected();
  start_unary(NULL);
  s = w_stats();
  CU_ASSERT_EQUAL(s.connections_dialing, 0);
  CU_ASSERT_EQUAL(s.connections_ready, 1);
  rawpeer_goaway(p, 1, 2, NULL);
  w_greet_within(200);
  s = w_stats();
  CU_ASSERT_EQUAL(s.connections_ready, 1);
  CU_ASSERT_EQUAL(s.connections_draining, 1);
  CU_ASSERT_EQUAL(s.connections, 2);
  CU_ASSERT_EQUAL(s.goaways[2], 1);
}

static void a_code_that_nobody_knows_is_counted_as_the_last(void) {
  rawpeer *p = w_connected();
  rawpeer_goaway(p, 0, 77, NULL);
  w_run();
  CU_ASSERT_EQUAL(w_stats().goaways[GMUX_H2_CODES - 1], 1);
}

static void a_name_that_cannot_be_looked_up_is_lost_to_dns(void) {
  sim_dns_fail(w_sim, "greeter.example", "no such host");
  w_open_to("dns:///greeter.example:50051");
  w_unary();
  w_run();
  assert_one_loss(GMUX_LOSS_DNS);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
}

static void a_refused_dial_is_lost_to_refused(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  w_unary();
  w_run();
  assert_one_loss(GMUX_LOSS_REFUSED);
}

static void an_attempt_that_took_too_long_is_lost_to_timeout(void) {
  w_options.connect_timeout_ms = 500;
  sim_net_blackhole(w_sim, &w_address, SIM_BOTH_WAYS);
  w_open();
  w_unary();
  w_run_ms(1100);
  assert_one_loss(GMUX_LOSS_TIMEOUT);
}

static void a_server_without_tls_is_lost_to_tls(void) {
  w_options.cleartext = false;
  w_open();
  w_unary();
  rawpeer *p = w_accept();
  rawpeer_send(p, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
  w_run();
  assert_one_loss(GMUX_LOSS_TLS);
}

static void a_goaway_that_ended_in_order_is_lost_to_goaway(void) {
  rawpeer *p = w_connected();
  rawpeer_goaway(p, 0, 0, NULL);
  rawpeer_shutdown(p);
  w_run();
  assert_one_loss(GMUX_LOSS_GOAWAY);
}

static void a_server_that_hangs_up_is_lost_to_eof(void) {
  rawpeer *p = w_connected();
  rawpeer_shutdown(p);
  w_run();
  assert_one_loss(GMUX_LOSS_EOF);
}

static void a_reset_is_lost_to_reset(void) {
  rawpeer *p = w_connected();
  rawpeer_reset(p);
  w_run();
  assert_one_loss(GMUX_LOSS_RESET);
}

static void a_ping_without_an_answer_is_lost_to_death(void) {
  w_options.keepalive_ms = 10000;
  w_connected();
  start_unary(NULL);
  w_run_ms(40000);
  assert_one_loss(GMUX_LOSS_DEAD);
  gmux_channel_stats s = w_stats();
  CU_ASSERT_EQUAL(s.pings_sent, 1);
  CU_ASSERT_EQUAL(s.pings_acked, 0);
  CU_ASSERT_EQUAL(s.keepalive_ms, 10000);
}

static void a_broken_rule_is_lost_to_the_protocol(void) {
  rawpeer *p = w_connected();
  rawpeer_frame(p, RAW_DATA, 0, 0, "x", 1); /* DATA on stream 0 */
  w_run();
  assert_one_loss(GMUX_LOSS_PROTOCOL);
}

static void what_we_end_ourselves_is_lost_locally(void) {
  w_options.idle_timeout_ms = 1000;
  w_connected();
  w_run_ms(2000);
  assert_one_loss(GMUX_LOSS_LOCAL);
  CU_ASSERT_EQUAL(w_stats().closed_idle, 1);
}

static void bytes_are_those_of_the_transport(void) {
  rawpeer *p = w_connected();
  start_unary(NULL);
  w_answer(p, 1, "reply");
  w_run();
  sim_link *link = sim_link_first(w_sim);
  gmux_channel_stats s = w_stats();
  CU_ASSERT_EQUAL(s.bytes_sent, sim_link_bytes(link, SIM_TO_SERVER));
  CU_ASSERT_EQUAL(s.bytes_received, sim_link_bytes(link, SIM_TO_CLIENT));
  CU_ASSERT_TRUE(s.bytes_sent > 0 && s.bytes_received > 0);
}

static void losses_have_names(void) {
  for (int i = 0; i < GMUX_LOSSES; i++) {
    const char *name = gmux_loss_str((gmux_loss)i);
    CU_ASSERT_STRING_NOT_EQUAL(name, "unknown");
    for (int k = 0; k < i; k++)
      CU_ASSERT_STRING_NOT_EQUAL(name, gmux_loss_str((gmux_loss)k));
  }
  CU_ASSERT_STRING_EQUAL(gmux_loss_str(GMUX_LOSSES), "unknown");
  CU_ASSERT_STRING_EQUAL(gmux_loss_str((gmux_loss)-1), "unknown");
}

/* ---- in words ---- */

static char text[16384];

static void a_channel_says_what_it_is_doing(void) {
  w_options.max_connections = 1;
  w_options.keepalive_ms = 60000;
  w_open();
  CU_ASSERT_TRUE(gmux_channel_describe(w_channel, text, sizeof text) > 0);
  ASSERT_HAS(text, "channel to 127.0.0.1:50051: IDLE\n");
  ASSERT_HAS(text, "  calls: 0 on a stream, 0 wait\n");
  ASSERT_HAS(text, "  keepalive: a PING after 60000 ms without a byte\n");
  w_unary(), w_unary();
  rawpeer *p = w_accept();
  gmux_channel_describe(w_channel, text, sizeof text);
  ASSERT_HAS(text, ": CONNECTING\n");
  ASSERT_HAS(text, "  dialing: no SETTINGS from ipv4:127.0.0.1:50051 yet");
  w_settings(p, 1);
  w_run_ms(250);
  size_t len = gmux_channel_describe(w_channel, text, sizeof text);
  CU_ASSERT_EQUAL(len, strlen(text));
  ASSERT_HAS(text, ": READY\n");
  ASSERT_HAS(text, "  calls: 1 on a stream, 1 wait for a free stream to ipv4:127.0.0.1:50051, "
                   "which has 1 of them in use, the first of them for 250 ms\n");
  ASSERT_HAS(text, "  connection 1 (ipv4:127.0.0.1:50051): READY, 1 of 1 streams, 1 calls so far, "
                   "ready for 250 ms");
  ASSERT_HAS(text, "\n    250 ms ago: READY\n");
}

static void a_pause_a_rest_and_a_failure_are_described(void) {
  rawpeer *p = w_connected();
  start_unary(NULL);
  rawpeer_rst(p, 1, 7);
  w_run();
  rawpeer_rst(p, 3, 7);
  w_run();
  gmux_channel_pause(w_channel);
  rawpeer_reset(p);
  w_run();
  gmux_channel_describe(w_channel, text, sizeof text);
  ASSERT_HAS(text, ", paused\n");
  ASSERT_HAS(text, "0 wait; 1 rest until they are made again\n");
  ASSERT_HAS(text, "  last failure: ipv4:127.0.0.1:50051: ");
  ASSERT_HAS(text, "  last events:\n    0 ms ago: CONNECTING\n"
                   "    0 ms ago: connected: connection 1\n    0 ms ago: READY\n");
  ASSERT_HAS(text, "    0 ms ago: connection 1 ended: reset\n");
  start_unary(NULL);
  gmux_channel_describe(w_channel, text, sizeof text);
  ASSERT_HAS(text, "1 wait for gmux_channel_resume, the first of them for 0 ms");
}

static void a_description_is_cut_to_fit(void) {
  w_connected();
  size_t len = gmux_channel_describe(w_channel, NULL, 0);
  CU_ASSERT_EQUAL(gmux_channel_describe(w_channel, text, sizeof text), len);
  for (size_t room = 1; room <= len + 2; room++) {
    char *cut = malloc(room);
    CU_ASSERT_EQUAL(gmux_channel_describe(w_channel, cut, room), len);
    CU_ASSERT_EQUAL(strlen(cut), room <= len ? room - 1 : len);
    CU_ASSERT_EQUAL(strncmp(cut, text, room - 1), 0);
    free(cut);
  }
}

static void nothing_can_be_said_of_no_channel_or_without_memory(void) {
  text[0] = 'x';
  CU_ASSERT_EQUAL(gmux_channel_describe(NULL, text, sizeof text), 0);
  CU_ASSERT_STRING_EQUAL(text, "");
  w_open();
  sim_set_outside(w_loop, true);
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux_channel_describe(w_channel, text, sizeof text), 0);
  test_alloc_fail_at(0);
  sim_set_outside(w_loop, false);
}

static void serve_nothing(void) {}

static void other_threads_may_ask_for_figures_and_words(void) {
  w_open();
  thread_start(serve_nothing, 1);
  gmux_channel_get_state(w_channel, true);
  for (int i = 0; i < 20; i++) {
    CU_ASSERT_TRUE(gmux_channel_describe(w_channel, text, sizeof text) > 0);
    ASSERT_HAS(text, "channel to 127.0.0.1:50051: ");
    CU_ASSERT_EQUAL(w_stats().calls_started, 0);
  }
  thread_stop();
}

static const test_case cases[] = {
    TEST(each_call_is_counted_where_it_is),
    TEST(one_that_rests_counts_as_waiting),
    TEST(the_oldest_waiter_is_known_to_the_millisecond),
    TEST(retries_are_counted_by_the_evidence_of_the_attempt_before),
    TEST(each_connection_is_counted_where_it_is),
    TEST(a_code_that_nobody_knows_is_counted_as_the_last),
    TEST(a_name_that_cannot_be_looked_up_is_lost_to_dns),
    TEST(a_refused_dial_is_lost_to_refused),
    TEST(an_attempt_that_took_too_long_is_lost_to_timeout),
    TEST(a_server_without_tls_is_lost_to_tls),
    TEST(a_goaway_that_ended_in_order_is_lost_to_goaway),
    TEST(a_server_that_hangs_up_is_lost_to_eof),
    TEST(a_reset_is_lost_to_reset),
    TEST(a_ping_without_an_answer_is_lost_to_death),
    TEST(a_broken_rule_is_lost_to_the_protocol),
    TEST(what_we_end_ourselves_is_lost_locally),
    TEST(bytes_are_those_of_the_transport),
    TEST(losses_have_names),
    TEST(a_channel_says_what_it_is_doing),
    TEST(a_pause_a_rest_and_a_failure_are_described),
    TEST(a_description_is_cut_to_fit),
    TEST(nothing_can_be_said_of_no_channel_or_without_memory),
    TEST(other_threads_may_ask_for_figures_and_words),
    TESTS_END,
};

const test_suite client_stats_suite = {"stats", cases, w_setup, w_teardown};
