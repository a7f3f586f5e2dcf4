#include "lib/base/fail.h"
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <string.h>

static const char *why_failed(void) {
  return gmux__endpoint_why(&w_channel->loop_only.endpoint);
}

static void a_name_is_looked_up_and_dialed_on_its_port(void) {
  sim_dns_set(w_sim, "greeter.example", &w_address, 1);
  w_open_to("dns:///greeter.example:50051");
  tcall *t = w_unary();
  rawpeer *p = w_greet(-1);
  const rawframe *f = rawpeer_find(p, RAW_HEADERS, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  CU_ASSERT_STRING_EQUAL(rawframe_header(f, ":authority"), "greeter.example:50051");
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(t->peer, "ipv4:127.0.0.1:50051");
}

static void a_name_without_address_is_said_so(void) {
  sim_dns_fail(w_sim, "nowhere.example", "no such host");
  w_open_to("nowhere.example:1");
  tcall *t = w_unary();
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_MESSAGE(t, "look up nowhere.example: no such host");
}

static void a_name_that_is_never_answered_takes_the_whole_time(void) {
  sim_dns_hang(w_sim, "slow.example");
  w_options.connect_timeout_ms = 3000;
  w_open_to("slow.example:1");
  tcall *t = w_unary();
  w_run_ms(2999);
  ASSERT_LOG(t, "");
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING);
  w_run_ms(1);
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_MESSAGE(t, "look up slow.example: no answer within 3000 ms");
}

static void each_attempt_looks_the_name_up_again(void) {
  sim_dns_fail(w_sim, "moving.example", "no such host");
  w_open_to("moving.example:50051");
  gmux_call_options patient = w_patient();
  w_start(GMUX_UNARY, &patient);
  w_run_ms(3000);
  sim_dns_set(w_sim, "moving.example", &w_address, 1);
  w_greet_within(10000);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
}

static void the_next_address_is_dialed_when_one_refuses(void) {
  w_open_to("ipv4:127.0.0.9:1,127.0.0.8:1,127.0.0.1:50051");
  tcall *t = w_unary();
  rawpeer *p = w_greet(-1);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 0);
}

static void the_last_addresss_error_is_told_when_all_refuse(void) {
  w_open_to("ipv4:127.0.0.9:1,127.0.0.8:2");
  tcall *t = w_unary();
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_MESSAGE(t, "connect to ipv4:127.0.0.8:2: connection refused");
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1); /* one attempt, whatever its addresses */
}

/* As "localhost" does it, where the server has IPv4 only, or IPv4 comes last. */
static void the_error_of_the_address_that_got_furthest_is_told(void) {
  static const char *const targets[] = {"ipv4:127.0.0.1:50051,127.0.0.9:1",
                                        "ipv4:127.0.0.9:1,127.0.0.1:50051"};
  for (int i = 0; i < 2; i++) {
    w_open_to(targets[i]);
    tcall *t = w_unary();
    w_run();
    rawpeer *p = w_accept();
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    rawpeer_shutdown(p);
    w_run();
    ASSERT_CODE(t, GMUX_UNAVAILABLE);
    ASSERT_HAS(t->message, "connect to ipv4:127.0.0.1:50051: the peer closed the connection");
    gmux_channel_free(w_channel);
    w_channel = NULL;
    w_free(t);
    w_run();
  }
}

/* What was worse an attempt ago says nothing about this one. */
static void each_attempt_has_its_own_words(void) {
  w_open();
  gmux_call_options patient = w_patient();
  w_start(GMUX_UNARY, &patient);
  rawpeer *p = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  rawpeer_shutdown(p);
  w_run();
  ASSERT_HAS(why_failed(), "the peer closed the connection");
  sim_net_blackhole(w_sim, &w_address, SIM_BOTH_WAYS);
  w_run_ms(60000);
  ASSERT_HAS(why_failed(), "connect to ipv4:127.0.0.1:50051: no answer within ");
}

/* Addresses that never answer cost those behind them an interval each (Happy Eyeballs). */
static void addresses_that_never_answer_do_not_hold_those_behind_them(void) {
  gmux__address hole = sim_address("127.0.0.9", 1);
  sim_net_blackhole(w_sim, &hole, SIM_BOTH_WAYS);
  w_open_to("ipv4:127.0.0.9:1,127.0.0.9:1,127.0.0.1:50051");
  tcall *t = w_unary();
  w_run_ms(499);
  CU_ASSERT_PTR_NULL(w_accept());
  w_run_ms(1);
  w_answer(w_greet(-1), 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_EQUAL(sim_net_live(w_sim).dials, 0);
}

static void the_next_address_waits_for_happy_eyeballs_ms(void) {
  gmux__address hole = sim_address("127.0.0.9", 1);
  sim_net_blackhole(w_sim, &hole, SIM_BOTH_WAYS);
  w_options.happy_eyeballs_ms = 700;
  w_open_to("ipv4:127.0.0.9:1,127.0.0.1:50051");
  w_unary();
  w_run_ms(699);
  CU_ASSERT_EQUAL(sim_net_dials(w_sim, &w_address), 0);
  w_run_ms(1);
  CU_ASSERT_EQUAL(sim_net_dials(w_sim, &w_address), 1);
}

/* Asked every 40 s, with an answer that is remembered for so long. */
static void dial_twice_with_dns_cached_for(uint32_t ms, size_t to_the_old) {
  gmux__address other = sim_address("127.0.0.2", 50051);
  sim_dns_set(w_sim, "greeter.example", &w_address, 1);
  w_options.dns_cache_ms = ms;
  w_open_to("greeter.example:50051");
  w_unary();
  rawpeer *p = w_greet(-1);
  w_answer_all(p, "reply");
  w_run_ms(40000);
  sim_dns_set(w_sim, "greeter.example", &other, 1);
  rawpeer_close(p);
  w_run();
  w_unary();
  w_run();
  CU_ASSERT_EQUAL(sim_net_dials(w_sim, &w_address), to_the_old);
}

static void what_dns_said_is_used_again_for_dns_cache_ms(void) {
  dial_twice_with_dns_cached_for(50000, 2);
}

static void after_dns_cache_ms_it_is_asked_again(void) {
  dial_twice_with_dns_cached_for(30000, 1);
}

/* One that connects and then hangs is no better than one that never answers. */
static void a_server_that_never_greets_does_not_hold_the_next_address(void) {
  gmux__address mute = sim_address("127.0.0.9", 1);
  rawlistener *listener = rawpeer_listen(w_loop, &mute);
  w_open_to("ipv4:127.0.0.9:1,127.0.0.1:50051");
  tcall *t = w_unary();
  w_run_ms(250);
  w_answer(w_greet(-1), 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  rawpeer *p = rawpeer_accept(listener);
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_run();
  CU_ASSERT_NOT_EQUAL(rawpeer_state(p), 0); /* dropped */
  rawpeer_free(p);
  rawpeer_listen_close(listener);
}

static void a_server_that_never_greets_is_given_up(void) {
  w_options.connect_timeout_ms = 2000;
  w_open();
  tcall *t = w_unary();
  rawpeer *p = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_run_ms(1999);
  ASSERT_LOG(t, "");
  w_run_ms(1);
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_MESSAGE(t, "connect to ipv4:127.0.0.1:50051: no SETTINGS within 2000 ms");
  CU_ASSERT_NOT_EQUAL(rawpeer_state(p), 0);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
}

static void a_server_that_hangs_up_before_it_greets_is_a_failed_attempt(void) {
  w_open();
  tcall *t = w_unary();
  rawpeer *p = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  rawpeer_shutdown(p);
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_MESSAGE(t, "connect to ipv4:127.0.0.1:50051: the peer closed the connection "
                    "before its SETTINGS came: is it a TLS port?");
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
}

static void a_server_that_does_not_speak_http2_is_a_failed_attempt(void) {
  w_open();
  tcall *t = w_unary();
  rawpeer *p = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  rawpeer_send(p, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_HAS(t->message, "connect to ipv4:127.0.0.1:50051: ");
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
}

static void a_server_that_never_answers_the_tls_handshake_is_given_up(void) {
  gmux_tls *tls;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&tls, NULL), 0);
  w_options.cleartext = false;
  w_options.tls = tls;
  w_options.connect_timeout_ms = 2000;
  w_open();
  gmux_tls_free(tls); /* the channel keeps its own hold */
  tcall *t = w_unary();
  rawpeer *p = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_run_ms(2000);
  CU_ASSERT_FALSE(rawpeer_has_preface(p));
  CU_ASSERT_TRUE(rawpeer_bytes(p) > 100); /* a ClientHello */
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_MESSAGE(t, "connect to ipv4:127.0.0.1:50051: no end of the TLS handshake within 2000 ms");
}

static void a_server_without_tls_is_a_failed_attempt(void) {
  w_options.cleartext = false;
  w_open();
  tcall *t = w_unary();
  rawpeer *p = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_settings(p, -1);
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_HAS(t->message, "connect to ipv4:127.0.0.1:50051: ");
}

/* A loop that has no descriptor left, and a resolver that cannot be asked. */
static gmux__loop_ops broken_ops;

static int broken_dial(gmux_loop *loop, gmux__dial **out, const gmux__address *to,
                       const gmux__socket_options *options, gmux__dialed_fn fn, void *arg) {
  (void)loop, (void)out, (void)to, (void)options, (void)fn, (void)arg;
  return gmux__fail(GMUX_ERR_IO, "no descriptor left");
}

static int broken_resolve(gmux_loop *loop, gmux__resolve **out, const char *host, uint16_t port,
                          gmux__resolved_fn fn, void *arg) {
  (void)loop, (void)out, (void)host, (void)port, (void)fn, (void)arg;
  return gmux__fail(GMUX_ERR_RESOLVE, "no resolver");
}

static void what_fails_at_once_fails_the_attempt_a_moment_later(void) {
  const gmux__loop_ops *ops = w_loop->ops;
  broken_ops = *ops;
  broken_ops.dial = broken_dial;
  broken_ops.resolve = broken_resolve;
  static const char *const targets[] = {"ipv4:127.0.0.1:1,127.0.0.1:2", "greeter.example:1"};
  static const char *const words[] = {"connect to ipv4:127.0.0.1:2: no descriptor left",
                                      "look up greeter.example: no resolver"};
  for (int i = 0; i < 2; i++) {
    w_open_to(targets[i]);
    w_loop->ops = &broken_ops;
    tcall *t = w_unary();
    CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING);
    ASSERT_LOG(t, "");
    w_run();
    w_loop->ops = ops;
    ASSERT_CODE(t, GMUX_UNAVAILABLE);
    ASSERT_MESSAGE(t, words[i]);
    CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
    w_free(t);
    gmux_channel_free(w_channel);
    w_channel = NULL;
    w_run();
  }
}

/* Given up between connecting and its answer, nothing may come back. */
static void the_late_answer_of_a_dial_that_was_given_up_is_nothing(void) {
  w_options.connect_timeout_ms = 3000;
  sim_net_blackhole(w_sim, &w_address, SIM_BOTH_WAYS);
  w_open();
  w_unary();
  w_run_ms(3000);
  CU_ASSERT_EQUAL(sim_net_live(w_sim).dials, 0);
  sim_net_blackhole(w_sim, &w_address, 0);
  w_run_ms(1000);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
  ASSERT_HAS(why_failed(), "no answer within 3000 ms");
}

static const test_case cases[] = {
    TEST(a_name_is_looked_up_and_dialed_on_its_port),
    TEST(a_name_without_address_is_said_so),
    TEST(a_name_that_is_never_answered_takes_the_whole_time),
    TEST(each_attempt_looks_the_name_up_again),
    TEST(the_next_address_is_dialed_when_one_refuses),
    TEST(the_last_addresss_error_is_told_when_all_refuse),
    TEST(the_error_of_the_address_that_got_furthest_is_told),
    TEST(each_attempt_has_its_own_words),
    TEST(addresses_that_never_answer_do_not_hold_those_behind_them),
    TEST(the_next_address_waits_for_happy_eyeballs_ms),
    TEST(what_dns_said_is_used_again_for_dns_cache_ms),
    TEST(after_dns_cache_ms_it_is_asked_again),
    TEST(a_server_that_never_greets_does_not_hold_the_next_address),
    TEST(a_server_that_never_greets_is_given_up),
    TEST(a_server_that_hangs_up_before_it_greets_is_a_failed_attempt),
    TEST(a_server_that_does_not_speak_http2_is_a_failed_attempt),
    TEST(a_server_that_never_answers_the_tls_handshake_is_given_up),
    TEST(a_server_without_tls_is_a_failed_attempt),
    TEST(what_fails_at_once_fails_the_attempt_a_moment_later),
    TEST(the_late_answer_of_a_dial_that_was_given_up_is_nothing),
    TESTS_END,
};

const test_suite client_dialing_suite = {"dialing", cases, w_setup, w_teardown};
