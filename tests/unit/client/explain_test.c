/* explain_test.c: each call can say where its time went, and why, in one sentence (promise 14). */
#include "tests/unit/client/thread.h"
#include <gmux/error.h>
#include <stdio.h>
#include <string.h>

static uint64_t started_ns; /* of the call under test */

static tcall *start(gmux_method_kind kind, const gmux_call_options *o) {
  started_ns = sim_now(w_sim);
  return w_start(kind, o);
}

static tcall *start_unary(const gmux_call_options *o) {
  tcall *t = start(GMUX_UNARY, o);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  return t;
}

static uint64_t sum_of(const gmux_call_explanation *e) {
  return e->paused_ns + e->backoff_ns + e->gate_ns + e->resolve_ns + e->dial_ns + e->tls_ns +
         e->settings_ns + e->validation_ns + e->limit_ns + e->retry_ns + e->send_ns + e->server_ns;
}

/* Also asserts that it adds up. */
static gmux_call_explanation explain(const tcall *t) {
  gmux_call_explanation e = {.size = sizeof e};
  CU_ASSERT_EQUAL_FATAL(gmux_call_explain(t->call, &e), 0);
  CU_ASSERT_EQUAL(sum_of(&e), e.total_ns);
  return e;
}

/* It runs or waits, and has since it was started. */
static gmux_call_explanation explain_now(const tcall *t) {
  gmux_call_explanation e = explain(t);
  CU_ASSERT_EQUAL(e.total_ns, sim_now(w_sim) - started_ns);
  ASSERT_HAS(e.sentence, " so far");
  return e;
}

#define ASSERT_SENTENCE(e, text) CU_ASSERT_STRING_EQUAL((e).sentence, text)

/* Waits for this long in this way, explained while it does. */
static void assert_waits(const tcall *t, uint64_t ms, size_t field, const char *where) {
  gmux_call_explanation before = explain_now(t);
  w_run_ms(ms);
  gmux_call_explanation e = explain_now(t);
  uint64_t was, is;
  memcpy(&was, (const char *)&before + field, sizeof was);
  memcpy(&is, (const char *)&e + field, sizeof is);
  CU_ASSERT_EQUAL(is - was, ms * MS);
  CU_ASSERT_EQUAL(e.total_ns - before.total_ns, ms * MS);
  ASSERT_HAS(e.sentence, where);
}

#define WAITS(t, ms, field, where)                                                                 \
  assert_waits(t, ms, offsetof(gmux_call_explanation, field), where)

/* ---- adding up ---- */

static void the_times_of_a_cold_call_add_up(void) {
  sim_net(w_sim)->dns_latency_ns = 30 * MS;
  sim_net(w_sim)->latency_ns = 10 * MS;
  sim_dns_set(w_sim, "greeter.example", &w_address, 1);
  w_open_to("dns:///greeter.example:50051");
  tcall *t = start_unary(NULL);
  w_run_ms(30 + 20); /* name, TCP */
  rawpeer *p = w_accept();
  w_run_ms(5);
  w_settings(p, -1);
  w_run_ms(10);
  CU_ASSERT_EQUAL(t->call->loop_only.state, GMUX__CALL_RUNNING);
  w_run_ms(20);
  w_answer(p, 1, "reply");
  w_run_ms(1000);
  gmux_call_explanation e = explain(t);
  CU_ASSERT_EQUAL(e.resolve_ns, 30 * MS);
  CU_ASSERT_EQUAL(e.dial_ns, 20 * MS);
  CU_ASSERT_EQUAL(e.settings_ns, 15 * MS);
  CU_ASSERT_EQUAL(e.server_ns, 30 * MS);
  CU_ASSERT_EQUAL(e.total_ns, 95 * MS); /* and no more after its end */
  CU_ASSERT_EQUAL(e.attempts, 1);
  CU_ASSERT_EQUAL(e.evidence, GMUX_EVIDENCE_ANSWERED);
  CU_ASSERT_EQUAL(e.ended_by[GMUX_EVIDENCE_ANSWERED], 1);
  ASSERT_SENTENCE(e, "95 ms: 30 ms for DNS, 20 ms for TCP, 15 ms for the server's SETTINGS, "
                     "30 ms at the server");
}

static void a_call_that_ends_at_once_has_nothing_to_explain(void) {
  w_open();
  gmux_call_options o = w_timeout(0);
  tcall *t = start(GMUX_UNARY, &o);
  w_run_ms(100);
  gmux_call_explanation e = explain(t);
  CU_ASSERT_EQUAL(e.total_ns, 0);
  CU_ASSERT_EQUAL(e.attempts, 0);
  ASSERT_SENTENCE(e, "0 ms");
}

static void attempts_and_the_rest_between_them_are_told(void) {
  rawpeer *p = w_connected();
  tcall *t = start_unary(NULL);
  w_run_ms(20);
  rawpeer_rst(p, 1, 7);
  w_run_ms(30);
  rawpeer_rst(p, 3, 7);
  w_run();
  WAITS(t, 10, retry_ns, "between two attempts, the last of which was refused");
  w_run_ms(110);
  w_run_ms(5);
  w_answer(p, 5, "reply");
  w_run();
  gmux_call_explanation e = explain(t);
  CU_ASSERT_EQUAL(e.attempts, 3);
  CU_ASSERT_EQUAL(e.ended_by[GMUX_EVIDENCE_REFUSED], 2);
  CU_ASSERT_EQUAL(e.ended_by[GMUX_EVIDENCE_ANSWERED], 1);
  CU_ASSERT_EQUAL(e.total_ns, 175 * MS);
  CU_ASSERT_TRUE(e.retry_ns >= 80 * MS && e.retry_ns <= 120 * MS);
  ASSERT_HAS(e.sentence, " ms between attempts, ");
  ASSERT_HAS(e.sentence, " ms at the server; 3rd attempt, before it 2 were refused");
}

static void the_first_of_two_attempts_has_its_own_words(void) {
  rawpeer *p = w_connected();
  tcall *t = start_unary(NULL);
  w_run_ms(20);
  rawpeer_rst(p, 1, 7);
  w_run_ms(5);
  w_answer(p, 3, "reply");
  w_run();
  gmux_call_explanation e = explain(t);
  ASSERT_SENTENCE(e, "25 ms: 25 ms at the server; 2nd attempt, the first was refused");
}

static void what_it_had_waited_before_a_second_attempt_is_kept(void) {
  sim_net(w_sim)->latency_ns = 10 * MS;
  w_open();
  tcall *t = start_unary(NULL);
  w_run_ms(20);
  rawpeer *p = w_accept();
  w_run_ms(5);
  w_settings(p, -1);
  w_run_ms(20);
  rawpeer_rst(p, 1, 7);
  w_run_ms(20);
  w_answer(p, 3, "reply");
  w_run_ms(10);
  ASSERT_CODE(t, GMUX_OK);
  gmux_call_explanation e = explain(t);
  CU_ASSERT_EQUAL(e.dial_ns, 20 * MS);
  CU_ASSERT_EQUAL(e.settings_ns, 15 * MS);
  CU_ASSERT_EQUAL(e.total_ns, 75 * MS);
  CU_ASSERT_EQUAL(e.attempts, 2);
}

/* ---- each wait, while it waits ---- */

static void it_waits_for_dns(void) {
  sim_dns_hang(w_sim, "greeter.example");
  w_open_to("dns:///greeter.example:50051");
  tcall *t = start_unary(NULL);
  w_run();
  WAITS(t, 100, resolve_ns, "while waiting for a connection: looking up greeter.example");
}

/* One handshake at a time on this loop, and another channel's hangs. */
static void it_waits_for_the_gate(void) {
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.max_dialing = 1;
  gmux_loop *usual = w_loop;
  w_loop = sim_loop_with(w_sim, &o);
  sim_net_blackhole(w_sim, &w_address, SIM_BOTH_WAYS);
  gmux_channel *other;
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&other, w_loop, "ipv4:127.0.0.1:50051", &w_options), 0);
  gmux_channel_get_state(other, true);
  w_run();
  w_open();
  tcall *t = start_unary(NULL);
  w_run();
  WAITS(t, 100, gate_ns,
        "100 ms for other handshakes of this loop; while waiting for a connection");
  gmux_channel_free(other);
  w_run();
  WAITS(t, 50, dial_ns, "100 ms for other handshakes of this loop, 50 ms for TCP");
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  w_loop = usual;
}

static void it_waits_for_tcp(void) {
  sim_net_blackhole(w_sim, &w_address, SIM_BOTH_WAYS);
  w_open();
  tcall *t = start_unary(NULL);
  w_run();
  WAITS(t, 100, dial_ns, "connecting to ipv4:127.0.0.1:50051");
}

static void it_waits_for_tls(void) {
  w_options.cleartext = false;
  w_open();
  tcall *t = start_unary(NULL);
  w_accept();
  WAITS(t, 100, tls_ns, "TLS handshake");
}

static void it_waits_for_settings(void) {
  w_open();
  tcall *t = start_unary(NULL);
  w_accept();
  WAITS(t, 100, settings_ns, "no SETTINGS from ipv4:127.0.0.1:50051 yet");
}

static void it_waits_for_the_backoff(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  gmux_call_options o = w_patient();
  tcall *t = start_unary(&o);
  w_run_ms(1);
  WAITS(t, 700, backoff_ns, "connection refused");
}

static void it_waits_for_the_limit(void) {
  w_options.max_connections = 1;
  w_open();
  w_unary();
  rawpeer *p = w_greet(1);
  tcall *t = start_unary(NULL);
  WAITS(t, 100, limit_ns, "for a free stream to ipv4:127.0.0.1:50051, which has 1 of them");
  w_answer(p, 1, "reply");
  w_run();
  WAITS(t, 50, server_ns, "100 ms for a free stream, 50 ms at the server; while the server worked");
}

static void it_waits_for_the_end_of_a_pause(void) {
  w_connected();
  gmux_channel_pause(w_channel);
  tcall *t = start_unary(NULL);
  w_run();
  WAITS(t, 100, paused_ns,
        "100 ms while the channel was paused; while waiting for "
        "gmux_channel_resume");
  gmux_channel_resume(w_channel);
  w_run();
  WAITS(t, 10, server_ns, "100 ms while the channel was paused, 10 ms at the server");
}

static void it_waits_for_the_validation_of_an_idle_connection(void) {
  rawpeer *p = w_connected();
  tcall *before = w_unary();
  w_run();
  w_answer(p, 1, "reply");
  w_run_ms(60000);
  ASSERT_CODE(before, GMUX_OK);
  tcall *t = start_unary(NULL);
  w_run();
  WAITS(t, 40, validation_ns, "for the answer to a PING on a connection that was idle");
  const rawframe *ping = rawpeer_find(p, RAW_PING, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(ping);
  rawpeer_ping(p, RAW_ACK, ping->payload);
  w_run();
  WAITS(t, 10, server_ns, "while the server worked on it");
}

static void it_waits_for_the_socket(void) {
  static char big[40000];
  w_connected();
  sim_link_stall(sim_link_first(w_sim), SIM_TO_SERVER);
  for (int i = 0; i < 3; i++) {
    tcall *filler = w_start(GMUX_CLIENT_STREAMING, NULL);
    gmux_bytes message = gmux_bytes_borrow(big, sizeof big);
    CU_ASSERT_EQUAL(gmux_call_write(filler->call, &message), 0);
    w_run();
  }
  tcall *t = start(GMUX_BIDI_STREAMING, NULL); /* with nothing but its HEADERS to send */
  w_run();
  WAITS(t, 100, send_ns, "100 ms held back in sending; before it left for ipv4:127.0.0.1:50051");
}

static void it_waits_for_flow_control(void) {
  static char big[70000];
  rawpeer *p = w_connected();
  tcall *t = start(GMUX_CLIENT_STREAMING, NULL);
  w_run_ms(5);
  gmux_bytes message = gmux_bytes_borrow(big, sizeof big);
  CU_ASSERT_EQUAL(gmux_call_write(t->call, &message), GMUX_WRITE_FULL);
  w_run();
  WAITS(t, 50, send_ns, "the request was not half-closed");
  rawpeer_window_update(p, 1, 10000);
  w_run();
  WAITS(t, 20, server_ns, "held back in sending");
  CU_ASSERT_EQUAL(gmux_call_half_close(t->call), 0);
  w_answer(p, 1, "reply");
  w_run();
  gmux_call_explanation e = explain(t);
  CU_ASSERT_EQUAL(e.send_ns, 50 * MS);
  CU_ASSERT_EQUAL(e.server_ns, 25 * MS);
}

/* ---- who asks, and when ---- */

static void one_whose_start_is_on_its_way_says_so(void) {
  w_connected();
  sim_set_outside(w_loop, true);
  tcall *t = start_unary(NULL);
  sim_set_outside(w_loop, false);
  gmux_call_explanation e = explain(t);
  CU_ASSERT_EQUAL(e.total_ns, 0);
  ASSERT_SENTENCE(e, "on its way from the thread that started it");
  w_run();
  w_run_ms(10);
  CU_ASSERT_EQUAL(explain_now(t).server_ns, 10 * MS);
}

static void it_can_be_asked_after_channel_and_call_are_gone(void) {
  rawpeer *p = w_connected();
  tcall *t = start_unary(NULL);
  w_run_ms(10);
  w_answer(p, 1, "reply");
  w_run();
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run_ms(1000);
  ASSERT_SENTENCE(explain(t), "10 ms: 10 ms at the server");
}

static gmux_call_explanation at_end;

static void ask_at_end(tcall *t, char event) {
  if (event == 'E') at_end = explain(t);
}

static void the_handler_of_the_end_can_ask(void) {
  rawpeer *p = w_connected();
  tcall *t = start_unary(NULL);
  t->on_event = ask_at_end;
  w_run_ms(10);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_SENTENCE(at_end, "10 ms: 10 ms at the server");
}

static void misuse_is_told(void) {
  w_open();
  tcall *t = w_unary();
  gmux_call_explanation e = {.size = sizeof e};
  CU_ASSERT_EQUAL(gmux_call_explain(NULL, &e), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_call_explain(t->call, NULL), GMUX_ERR_INVALID);
  e.size = 0;
  CU_ASSERT_EQUAL(gmux_call_explain(t->call, &e), GMUX_ERR_INVALID);
}

static void an_older_program_gets_what_it_knows(void) {
  w_open();
  tcall *t = start_unary(NULL);
  w_run_ms(10);
  gmux_call_explanation e;
  memset(&e, 0x55, sizeof e);
  e.size = offsetof(gmux_call_explanation, paused_ns);
  CU_ASSERT_EQUAL(gmux_call_explain(t->call, &e), 0);
  CU_ASSERT_EQUAL(e.total_ns, 10 * MS);
  CU_ASSERT_EQUAL(e.paused_ns, 0x5555555555555555);
}

static rawpeer *peer;

static void serve_answers(void) {
  rawpeer *p = w_accept();
  if (p) {
    peer = p;
    w_settings(p, -1);
    w_run();
  }
  if (peer && rawpeer_state(peer) == 0) w_answer_all(peer, "reply");
}

static void other_threads_may_ask_at_any_time(void) {
  peer = NULL;
  w_open();
  thread_start(serve_answers, 7);
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_start(&call, w_channel, w_methods[GMUX_BIDI_STREAMING], NULL, NULL, NULL), 0);
  gmux_call_explanation e = {.size = sizeof e};
  CU_ASSERT_EQUAL(gmux_call_explain(call, &e), 0); /* it waits or runs */
  CU_ASSERT_EQUAL(sum_of(&e), e.total_ns);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  gmux_bytes reply;
  CU_ASSERT_EQUAL_FATAL(gmux_call_read_wait(call, &reply), 0);
  gmux_bytes_release(&reply);
  gmux_status status = gmux_call_end_wait(call, NULL);
  gmux_status_clear(&status);
  CU_ASSERT_EQUAL(gmux_call_explain(call, &e), 0); /* from then on without the loop */
  CU_ASSERT_EQUAL(sum_of(&e), e.total_ns);
  CU_ASSERT_EQUAL(e.evidence, GMUX_EVIDENCE_ANSWERED);
  thread_stop();
  gmux_call_free(call);
}

static void asking_from_elsewhere_without_memory_is_an_error(void) {
  w_connected();
  tcall *t = start_unary(NULL);
  w_run();
  gmux_call_explanation e = {.size = sizeof e};
  sim_set_outside(w_loop, true);
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux_call_explain(t->call, &e), GMUX_ERR_NOMEM);
  test_alloc_fail_at(0);
  sim_set_outside(w_loop, false);
}

/* ---- the same words elsewhere ---- */

static void a_deadline_says_where_the_time_went(void) {
  w_open();
  gmux_call_options o = w_timeout(1000);
  tcall *t = start_unary(&o);
  rawpeer *p = w_accept();
  w_run_ms(300);
  w_settings(p, -1);
  w_run_ms(700);
  ASSERT_CODE(t, GMUX_DEADLINE_EXCEEDED);
  ASSERT_MESSAGE(t, "deadline of 1000 ms passed while the server worked on it (300 ms for the "
                    "server's SETTINGS, 700 ms at the server)");
}

static void ten_thousand_that_wait_can_each_say_for_how_long(void) {
  enum { CALLS = 10000 };
  static tcall *calls[CALLS];
  w_open();
  rawpeer *p = NULL;
  for (int i = 0; i < CALLS; i++) {
    calls[i] = w_unary();
    if (i == CALLS / 2) p = w_accept();
    if (i % 100 == 0) w_run_ms(1);
  }
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_run_ms(10);
  for (int i = 0; i < CALLS; i += 1000) {
    gmux_call_explanation e = explain(calls[i]);
    CU_ASSERT_EQUAL(e.settings_ns, e.total_ns);
    CU_ASSERT_EQUAL(e.total_ns, (uint64_t)(CALLS - i) / 100 * MS + 10 * MS);
  }
}

static const test_case cases[] = {
    TEST(the_times_of_a_cold_call_add_up),
    TEST(a_call_that_ends_at_once_has_nothing_to_explain),
    TEST(attempts_and_the_rest_between_them_are_told),
    TEST(the_first_of_two_attempts_has_its_own_words),
    TEST(what_it_had_waited_before_a_second_attempt_is_kept),
    TEST(it_waits_for_dns),
    TEST(it_waits_for_the_gate),
    TEST(it_waits_for_tcp),
    TEST(it_waits_for_tls),
    TEST(it_waits_for_settings),
    TEST(it_waits_for_the_backoff),
    TEST(it_waits_for_the_limit),
    TEST(it_waits_for_the_end_of_a_pause),
    TEST(it_waits_for_the_validation_of_an_idle_connection),
    TEST(it_waits_for_the_socket),
    TEST(it_waits_for_flow_control),
    TEST(one_whose_start_is_on_its_way_says_so),
    TEST(it_can_be_asked_after_channel_and_call_are_gone),
    TEST(the_handler_of_the_end_can_ask),
    TEST(misuse_is_told),
    TEST(an_older_program_gets_what_it_knows),
    TEST(other_threads_may_ask_at_any_time),
    TEST(asking_from_elsewhere_without_memory_is_an_error),
    TEST(a_deadline_says_where_the_time_went),
    TEST(ten_thousand_that_wait_can_each_say_for_how_long),
    TESTS_END,
};

const test_suite client_explain_suite = {"explain", cases, w_setup, w_teardown};
