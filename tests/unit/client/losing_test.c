/* losing_test.c: what follows when connections are lost, and what calls wait for meanwhile. */
#include "tests/unit/client/pool_kit.h"
#include <string.h>

/* ---- promises 7 and 11: losing them ---- */

static void after_goaway_with_calls_a_replacement_is_dialed_before_any_call_needs_it(void) {
  w_options.redial_jitter_ms = 1000;
  rawpeer *p = w_connected();
  start(1);
  rawpeer_goaway(p, 1, 0, NULL);
  w_run();
  CU_ASSERT_EQUAL(dials(), 1);
  w_run_ms(1000);
  CU_ASSERT_EQUAL(dials(), 2);
  rawpeer *q = w_greet(-1);
  start(1);
  CU_ASSERT_EQUAL(requests(q), 1);
  CU_ASSERT_TRUE(is_open(p));
}

static void the_replacement_itself_needs_none(void) {
  rawpeer *p = w_connected();
  start(1);
  rawpeer_goaway(p, 1, 0, NULL);
  w_run();
  rawpeer *q = w_greet(-1);
  rawpeer_reset(q);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(dials(), 2);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
}

static void growth_and_rotation_are_not_spread(void) {
  w_options.redial_jitter_ms = 60000;
  rawpeer *p = w_connected();
  CU_ASSERT_EQUAL(dials(), 1); /* nor is a first dial */
  w_settings(p, 1);
  w_run();
  start(2);
  CU_ASSERT_EQUAL(dials(), 2);
  w_greet(1);
  gmux_channel_rotate(w_channel);
  w_run();
  CU_ASSERT_EQUAL(dials(), 3);
}

static void the_redials_of_200_channels_are_spread_over_the_jitter(void) {
  enum { CHANNELS = 200, BUCKETS = 10 };
  static gmux_channel *channels[CHANNELS];
  static rawpeer *peers[CHANNELS];
  const gmux_loop_options fast = {.size = sizeof fast,
                                  .read_buffer_bytes = 65536,
                                  .max_dialing = 1000,
                                  .dial_rate_per_s = 1000};
  gmux_loop *loop = sim_loop_with(w_sim, &fast);
  w_options.redial_jitter_ms = 1000;
  for (int i = 0; i < CHANNELS; i++) {
    CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&channels[i], loop, "ipv4:127.0.0.1:50051", &w_options),
                          0);
    gmux_channel_get_state(channels[i], true);
  }
  w_run();
  for (int i = 0; i < CHANNELS; i++) {
    peers[i] = rawpeer_accept(w_listener);
    CU_ASSERT_PTR_NOT_NULL_FATAL(peers[i]);
    w_settings(peers[i], -1);
  }
  w_run();
  for (int i = 0; i < CHANNELS; i++) {
    gmux_method *method = w_methods[GMUX_BIDI_STREAMING];
    tcall *t = w_record();
    CU_ASSERT_EQUAL(gmux_call_start(&t->call, channels[i], method, NULL, &w_handlers, t), 0);
  }
  w_run();
  for (int i = 0; i < CHANNELS; i++) /* the server restarts */
    rawpeer_goaway(peers[i], INT32_MAX, 0, NULL);
  w_run();
  size_t counted = CHANNELS;
  for (int i = 0; i < BUCKETS; i++) {
    w_run_ms(100);
    size_t more = dials() - counted;
    CU_ASSERT_TRUE(more >= 5 && more <= 45); /* 20 each on average */
    counted = dials();
  }
  CU_ASSERT_EQUAL(counted, 2 * CHANNELS);
  for (int i = 0; i < CHANNELS; i++)
    gmux_channel_free(channels[i]);
  w_run();
  for (int i = 0; i < CHANNELS; i++)
    rawpeer_free(peers[i]);
  for (rawpeer *p = rawpeer_accept(w_listener); p; p = rawpeer_accept(w_listener))
    rawpeer_free(p);
}

static void when_one_of_two_is_lost_its_calls_alone_fail(void) {
  w_open();
  start(2);
  rawpeer *p = w_greet(1), *q = w_greet(1);
  rawpeer_reset(p);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  CU_ASSERT_EQUAL(w_stats().calls_failed, 1);
  w_answer_all(q, "reply");
  w_run();
  CU_ASSERT_EQUAL(w_stats().calls_succeeded, 1);
  CU_ASSERT_EQUAL(w_stats().lost[GMUX_LOSS_RESET], 1);
}

/* ---- promise 9 ---- */

static void too_many_pings_doubles_the_interval_once_for_all_connections_that_had_it(void) {
  w_options.min_connections = 2;
  w_options.keepalive_ms = 10000;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p[2] = {w_greet(-1), w_greet(-1)};
  CU_ASSERT_EQUAL(w_stats().keepalive_ms, 10000);
  for (int i = 0; i < 2; i++)
    rawpeer_goaway(p[i], 0, 11, "too_many_pings");
  w_run();
  CU_ASSERT_EQUAL(w_stats().too_many_pings, 2);
  CU_ASSERT_EQUAL(w_stats().keepalive_ms, 20000);
  w_run_ms(1200);           /* they were of no use, so the next one waits as after a failure */
  rawpeer *q = w_greet(-1); /* made with the new interval: it counts again */
  rawpeer_goaway(q, 0, 11, "too_many_pings");
  w_run();
  CU_ASSERT_EQUAL(w_stats().keepalive_ms, 40000);
  CU_ASSERT_EQUAL(w_stats().goaways[11], 3);
}

static void other_reasons_to_calm_down_change_no_interval(void) {
  w_options.keepalive_ms = 10000;
  rawpeer *p = w_connected();
  rawpeer_goaway(p, 0, 11, "excess load");
  w_run();
  CU_ASSERT_EQUAL(w_stats().keepalive_ms, 10000);
  CU_ASSERT_EQUAL(w_stats().too_many_pings, 0);
}

static void on_log(gmux_log_level level, const char *room, const char *text, void *user_data) {
  (void)room;
  char *log = user_data;
  if (level <= GMUX_LOG_INFO) strncat(log, text, 999 - strlen(log));
}

/* On the loop's thread, when it begins to matter. */
static void an_interval_that_few_servers_allow_is_worth_a_line_in_the_log(void) {
  char log[1000] = "";
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.log = on_log;
  o.log_user_data = log;
  o.log_level = GMUX_LOG_INFO;
  gmux_loop *loop = sim_loop_with(w_sim, &o);
  for (uint32_t ms = 9999; ms <= 10000; ms++) {
    w_options.keepalive_ms = ms;
    CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&w_channel, loop, "127.0.0.1:50051", &w_options), 0);
    CU_ASSERT_STRING_EQUAL(log, "");
    gmux_channel_get_state(w_channel, true);
    CU_ASSERT_EQUAL(strstr(log, "keepalive_ms 9999") != NULL, ms == 9999);
    gmux_channel_free(w_channel);
    w_channel = NULL;
    w_run();
    log[0] = '\0';
  }
}

/* ---- promise 6: eager calls ---- */

static void eager_calls_leave_before_the_servers_settings(void) {
  w_options.eager_calls = 3;
  w_open();
  start(5);
  rawpeer *p = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_run();
  CU_ASSERT_EQUAL(requests(p), 3);
  CU_ASSERT_EQUAL(sim_link_writes(rawpeer_link(p), SIM_TO_SERVER), 1); /* with the preface */
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING);
  w_settings(p, -1);
  w_run();
  CU_ASSERT_EQUAL(requests(p), 5);
  CU_ASSERT_EQUAL(w_answer_all(p, "reply"), 5);
  w_run();
  CU_ASSERT_EQUAL(w_stats().calls_succeeded, 5);
}

/* They count though their connection was not READY when they were put on it. */
static void eager_calls_wear_out_a_connection_like_others(void) {
  w_options.eager_calls = 3;
  w_options.max_calls = 2;
  w_open();
  start(3);
  rawpeer *p = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_run();
  CU_ASSERT_EQUAL(requests(p), 3);
  w_settings(p, -1);
  w_run();
  rawpeer *q = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(q);
  w_settings(q, -1);
  w_run();
  CU_ASSERT_EQUAL(w_stats().recycled_calls, 1);
  CU_ASSERT_EQUAL(w_answer_all(p, "reply"), 3);
  w_run();
  CU_ASSERT_EQUAL(w_stats().calls_succeeded, 3);
}

static void eager_calls_heed_the_limit_that_the_peer_had_before(void) {
  w_options.eager_calls = 3;
  rawpeer *p = w_connected();
  w_settings(p, 1);
  w_run();
  rawpeer_goaway(p, 0, 0, NULL);
  start(3);
  p = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_run();
  CU_ASSERT_EQUAL(requests(p), 1);
}

static void an_eager_call_lost_before_the_settings_is_possibly_executed(void) {
  w_options.eager_calls = 1;
  w_open();
  tcall *t = w_unary();
  rawpeer *p = w_accept();
  w_run();
  CU_ASSERT_EQUAL(requests(p), 1);
  rawpeer_reset(p);
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_POSSIBLE);
}

static void eager_calls_on_an_address_that_loses_the_race_may_finish(void) {
  gmux__address slow = sim_address("127.0.0.2", 50051);
  rawlistener *listener = rawpeer_listen(w_loop, &slow);
  w_options.eager_calls = 1;
  w_open_to("ipv4:127.0.0.2:50051,127.0.0.1:50051");
  tcall *t = w_unary();
  w_run_ms(250);
  rawpeer *p = rawpeer_accept(listener);
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_run();
  CU_ASSERT_EQUAL(requests(p), 1);
  w_greet(-1); /* the other one is faster */
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  ASSERT_LOG(t, "");
  w_settings(p, -1);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_FALSE(is_open(p));
  rawpeer_free(p);
  rawpeer_listen_close(listener);
}

/* ---- promise 14: what calls wait for ---- */

static gmux__wait waits_for(void) {
  return gmux__odometer_wait(&w_channel->loop_only.waits);
}

static void what_calls_wait_for_is_known_at_each_step(void) {
  sim_dns_set(w_sim, "greeter.example", &w_address, 1);
  sim_net(w_sim)->dns_latency_ns = 10 * MS;
  sim_net(w_sim)->latency_ns = 10 * MS;
  w_options.max_connections = 1;
  w_open_to("greeter.example:50051");
  gmux_call_options patient = w_patient();
  w_start(GMUX_UNARY, &patient);
  w_run();
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_RESOLVE);
  w_run_ms(10);
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_DIAL);
  w_run_ms(20);
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_SETTINGS);
  rawpeer *p = w_accept();
  w_settings(p, 0);
  w_run_ms(20);
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_LIMIT);
  sim_net_refuse(w_sim, &w_address, true);
  rawpeer_reset(p);
  w_run_ms(60);
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_BACKOFF);
  gmux_channel_pause(w_channel);
  w_run();
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_PAUSED);
}

static void the_tls_handshake_is_waited_for_by_its_name(void) {
  w_options.cleartext = false;
  w_open();
  w_unary();
  CU_ASSERT_PTR_NOT_NULL(w_accept());
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_TLS);
}

static const test_case cases[] = {
    TEST(after_goaway_with_calls_a_replacement_is_dialed_before_any_call_needs_it),
    TEST(the_replacement_itself_needs_none),
    TEST(growth_and_rotation_are_not_spread),
    TEST(the_redials_of_200_channels_are_spread_over_the_jitter),
    TEST(when_one_of_two_is_lost_its_calls_alone_fail),
    TEST(too_many_pings_doubles_the_interval_once_for_all_connections_that_had_it),
    TEST(other_reasons_to_calm_down_change_no_interval),
    TEST(an_interval_that_few_servers_allow_is_worth_a_line_in_the_log),
    TEST(eager_calls_leave_before_the_servers_settings),
    TEST(eager_calls_wear_out_a_connection_like_others),
    TEST(eager_calls_heed_the_limit_that_the_peer_had_before),
    TEST(an_eager_call_lost_before_the_settings_is_possibly_executed),
    TEST(eager_calls_on_an_address_that_loses_the_race_may_finish),
    TEST(what_calls_wait_for_is_known_at_each_step),
    TEST(the_tls_handshake_is_waited_for_by_its_name),
    TESTS_END,
};

const test_suite client_losing_suite = {"losing", cases, pool_setup, w_teardown};
