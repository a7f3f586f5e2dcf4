/* Promises 5, 8 and 10: PINGs that ask whether the peer is alive, and what follows. */
#include "tests/unit/h2/pair.h"
#include <gmux/error.h>
#include <string.h>

#define MS GMUX__NS_PER_MS
#define S  GMUX__NS_PER_S

/* Keepalive after 10 s (and up to 10 % more), dead after 20 s, suspicion after 500 ms. */
static gmux__pulse_config *pulse(void) {
  gmux__pulse_config *pulse = &pair_config(&client)->pulse;
  *pulse =
      (gmux__pulse_config){.keepalive_ns = 10 * S, .timeout_ns = 20 * S, .suspect_ns = 500 * MS};
  return pulse;
}

static rawpeer *keepalive_only(void) {
  pulse()->suspect_ns = GMUX__PULSE_OFF;
  return pair_ready_client();
}

static rawpeer *suspicion_only(void) {
  pulse()->keepalive_ns = GMUX__PULSE_OFF;
  return pair_ready_client();
}

static size_t pings(rawpeer *p) {
  return rawpeer_count(p, RAW_PING, 0);
}

static void acknowledge(rawpeer *p) {
  CU_ASSERT_FATAL(pings(p) > 0);
  rawpeer_ping(p, RAW_ACK, rawpeer_find(p, RAW_PING, 0, pings(p) - 1)->payload);
  sim_run(pair_sim);
}

static uint64_t figure(const gmux__counter *counter) {
  return gmux__counter_get(counter);
}

static gmux__h2_figures *figures(void) {
  return gmux__h2_get_figures(client.h2);
}

/* ---- keepalive ---- */

static void nothing_read_for_the_keepalive_time_brings_a_ping(void) {
  rawpeer *p = keepalive_only();
  party_start();
  sim_run_for(pair_sim, 10 * S - 1);
  CU_ASSERT_EQUAL(pings(p), 0);
  sim_run_for(pair_sim, 1 * S + 1);
  CU_ASSERT_EQUAL(pings(p), 1);
  CU_ASSERT_EQUAL(figure(&figures()->pings_sent), 1);
  acknowledge(p);
  CU_ASSERT_EQUAL(figure(&figures()->pings_acked), 1);
  sim_run_for(pair_sim, 10 * S - 1);
  CU_ASSERT_EQUAL(pings(p), 1);
  sim_run_for(pair_sim, 1 * S + 1);
  CU_ASSERT_EQUAL(pings(p), 2);
}

static void each_byte_read_puts_the_ping_off(void) {
  rawpeer *p = keepalive_only();
  party_start();
  for (int i = 0; i < 10; i++) {
    sim_run_for(pair_sim, 9 * S);
    rawpeer_window_update(p, 0, 1);
    sim_run(pair_sim);
  }
  CU_ASSERT_EQUAL(pings(p), 0);
}

static void without_calls_there_are_no_pings_unless_asked_for(void) {
  rawpeer *p = keepalive_only();
  sim_run_for(pair_sim, 100 * S);
  CU_ASSERT_EQUAL(pings(p), 0);
  CU_ASSERT_PTR_NOT_NULL(client.conn);
}

static void without_calls_there_are_pings_where_asked_for(void) {
  pulse()->without_calls = true;
  rawpeer *p = pair_ready_client();
  sim_run_for(pair_sim, 11 * S);
  CU_ASSERT_EQUAL(pings(p), 1);
}

static void a_call_that_starts_after_long_silence_pings_at_once(void) {
  rawpeer *p = keepalive_only();
  sim_run_for(pair_sim, 60 * S);
  CU_ASSERT_EQUAL(pings(p), 0);
  size_t before = rawpeer_count(p, RAW_ANY, RAW_ANY);
  party_start();
  sim_run(pair_sim);
  CU_ASSERT_EQUAL_FATAL(rawpeer_count(p, RAW_ANY, RAW_ANY), before + 2);
  CU_ASSERT_EQUAL(rawpeer_find(p, RAW_ANY, RAW_ANY, before)->type, RAW_PING);
  CU_ASSERT_EQUAL(rawpeer_find(p, RAW_ANY, RAW_ANY, before + 1)->type, RAW_HEADERS);
}

static void start_from_a_post(gmux__post *post) {
  (void)post;
  party_start();
}

/* The timers of the turn have run by then. */
static void also_ahead_of_a_request_from_within_a_turn(void) {
  rawpeer *p = keepalive_only();
  sim_run_for(pair_sim, 60 * S);
  size_t before = rawpeer_count(p, RAW_ANY, RAW_ANY);
  gmux__post post = {.fn = start_from_a_post};
  gmux__loop_post(pair_loop, &post);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL_FATAL(rawpeer_count(p, RAW_ANY, RAW_ANY), before + 2);
  CU_ASSERT_EQUAL(rawpeer_find(p, RAW_ANY, RAW_ANY, before)->type, RAW_PING);
}

static void a_ping_that_nothing_follows_is_the_end(void) {
  rawpeer *p = keepalive_only();
  party *c = party_start();
  while (!pings(p))
    sim_run_for(pair_sim, 100 * MS);
  sim_run_for(pair_sim, 20 * S - 100 * MS - 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
  sim_run_for(pair_sim, 100 * MS + 1);
  CU_ASSERT_PTR_NULL_FATAL(client.conn);
  CU_ASSERT_EQUAL(client.error, GMUX_ERR_TIMEOUT);
  CU_ASSERT_EQUAL(client.loss, GMUX_LOSS_DEAD);
  CU_ASSERT_PTR_NOT_NULL(strstr(client.why, "no answer to a PING within 20000 ms"));
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_LOST);
  CU_ASSERT_EQUAL(c->evidence, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_PTR_NOT_NULL(strstr(c->why, "no answer to a PING"));
  CU_ASSERT_EQUAL(figure(&figures()->deaths), 1);
}

static void any_byte_after_the_ping_is_life(void) {
  rawpeer *p = keepalive_only();
  party_start();
  sim_run_for(pair_sim, 11 * S);
  CU_ASSERT_EQUAL(pings(p), 1);
  sim_run_for(pair_sim, 18 * S);
  rawpeer_window_update(p, 0, 1);
  sim_run_for(pair_sim, 9 * S);
  CU_ASSERT_PTR_NOT_NULL(client.conn);
}

static void an_ack_of_another_ping_is_a_byte_but_no_round_trip(void) {
  rawpeer *p = keepalive_only();
  party_start();
  sim_run_for(pair_sim, 11 * S);
  uint64_t rtt_ns = gmux__conn_rtt_ns(client.conn);
  uint8_t other[8];
  memcpy(other, rawpeer_find(p, RAW_PING, 0, 0)->payload, 8);
  other[7]++;
  sim_run_for(pair_sim, 5 * S);
  rawpeer_ping(p, RAW_ACK, other);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_rtt_ns(client.conn), rtt_ns);
  CU_ASSERT_EQUAL(figure(&figures()->pings_acked), 0);
  CU_ASSERT_EQUAL(gmux__conn_read_ns(client.conn), sim_now(pair_sim));
}

static void the_acknowledgement_of_settings_is_the_first_round_trip(void) {
  pulse();
  rawpeer *p = pair_client_to_raw();
  sim_run_for(pair_sim, 40 * MS);
  CU_ASSERT_EQUAL(gmux__conn_rtt_ns(client.conn), 0);
  rawpeer_settings(p, 0, NULL, NULL);
  rawpeer_settings_ack(p);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_rtt_ns(client.conn), 40 * MS);
}

static void a_server_asks_idle_clients_and_ends_dead_ones(void) {
  pair_config(&server)->pulse = (gmux__pulse_config){.keepalive_ns = 60 * S,
                                                     .timeout_ns = 20 * S,
                                                     .suspect_ns = GMUX__PULSE_OFF,
                                                     .without_calls = true};
  rawpeer *p = pair_ready_server();
  sim_run_for(pair_sim, 66 * S);
  CU_ASSERT_EQUAL(pings(p), 1);
  acknowledge(p);
  sim_run_for(pair_sim, 66 * S);
  CU_ASSERT_EQUAL(pings(p), 2);
  sim_run_for(pair_sim, 20 * S);
  CU_ASSERT_PTR_NULL(server.conn);
  CU_ASSERT_EQUAL(server.loss, GMUX_LOSS_DEAD);
}

/* ---- suspicion ---- */

static void silence_with_calls_outstanding_is_suspicious_until_any_byte_comes(void) {
  rawpeer *p = suspicion_only();
  party_start();
  sim_run_for(pair_sim, 500 * MS - 1);
  CU_ASSERT_FALSE(gmux__conn_is_suspect(client.conn));
  ASSERT_LOG(&client, "R S");
  sim_run_for(pair_sim, 1);
  CU_ASSERT_TRUE(gmux__conn_is_suspect(client.conn));
  CU_ASSERT_EQUAL(pings(p), 1);
  ASSERT_LOG(&client, "R S T");
  CU_ASSERT_EQUAL(figure(&figures()->suspicions), 1);
  sim_run_for(pair_sim, 10 * S);
  ASSERT_LOG(&client, "R S T");
  rawpeer_window_update(p, 0, 1);
  sim_run(pair_sim);
  CU_ASSERT_FALSE(gmux__conn_is_suspect(client.conn));
  ASSERT_LOG(&client, "R S T T");
  acknowledge(p);
  ASSERT_LOG(&client, "R S T T");
}

static void a_suspect_is_dead_at_the_keepalive_timeout(void) {
  suspicion_only();
  party_start();
  sim_run_for(pair_sim, 20 * S + 500 * MS - 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
  sim_run_for(pair_sim, 1);
  CU_ASSERT_PTR_NULL(client.conn);
  CU_ASSERT_EQUAL(client.loss, GMUX_LOSS_DEAD);
}

static void suspicion_pings_once_between_two_answers(void) {
  rawpeer *p = suspicion_only();
  party_start();
  sim_run_for(pair_sim, 500 * MS);
  acknowledge(p);
  sim_run_for(pair_sim, 1000 * S);
  CU_ASSERT_EQUAL(pings(p), 1);
  raw_response(p, 1);
  sim_run(pair_sim);
  sim_run_for(pair_sim, 499 * MS);
  CU_ASSERT_EQUAL(pings(p), 1);
  sim_run_for(pair_sim, 1 * MS);
  CU_ASSERT_EQUAL(pings(p), 2);
}

static void silence_without_calls_is_not_suspicious(void) {
  rawpeer *p = suspicion_only();
  party *c = party_start();
  gmux__stream_half_close(&c->stream);
  sim_run(pair_sim);
  raw_answer(p, 1);
  sim_run_for(pair_sim, 100 * S);
  CU_ASSERT_EQUAL(pings(p), 0);
  party_start(); /* the clock starts with it */
  sim_run_for(pair_sim, 499 * MS);
  CU_ASSERT_EQUAL(pings(p), 0);
  sim_run_for(pair_sim, 1 * MS);
  CU_ASSERT_EQUAL(pings(p), 1);
}

static void an_unanswered_keepalive_ping_is_suspicious_after_a_while(void) {
  gmux__pulse_config *config = pulse();
  config->suspect_ns = 2 * S;
  config->without_calls = true;
  rawpeer *p = pair_ready_client();
  while (!pings(p))
    sim_run_for(pair_sim, 1 * MS);
  CU_ASSERT_FALSE(gmux__conn_is_suspect(client.conn));
  sim_run_for(pair_sim, 1999 * MS);
  CU_ASSERT_FALSE(gmux__conn_is_suspect(client.conn));
  sim_run_for(pair_sim, 1 * MS);
  CU_ASSERT_TRUE(gmux__conn_is_suspect(client.conn));
  ASSERT_LOG(&client, "R S T");
}

static void the_connection_may_be_closed_when_it_becomes_suspect(void) {
  suspicion_only();
  party *c = party_start();
  client.closes_on = 'T';
  sim_run_for(pair_sim, 500 * MS);
  CU_ASSERT_PTR_NULL(client.conn);
  CU_ASSERT_TRUE(c->is_closed);
}

static void the_connection_may_be_closed_when_it_is_trusted_again(void) {
  rawpeer *p = suspicion_only();
  party *c = party_start();
  gmux__stream_half_close(&c->stream);
  sim_run_for(pair_sim, 500 * MS);
  client.closes_on = 'T';
  raw_answer(p, 1);
  sim_run(pair_sim);
  CU_ASSERT_PTR_NULL(client.conn);
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_FINISHED);
}

/* ---- validation ---- */

static void validation_pings_and_any_byte_makes_it_valid(void) {
  rawpeer *p = suspicion_only();
  sim_run_for(pair_sim, 60 * S);
  CU_ASSERT_TRUE(gmux__conn_validate(client.conn));
  CU_ASSERT_TRUE(gmux__conn_validate(client.conn)); /* the same one */
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(pings(p), 1);
  CU_ASSERT_TRUE(gmux__conn_is_validating(client.conn));
  ASSERT_LOG(&client, "R S");
  acknowledge(p);
  CU_ASSERT_FALSE(gmux__conn_is_validating(client.conn));
  ASSERT_LOG(&client, "R S T");
  CU_ASSERT_EQUAL(figure(&figures()->validations), 1);
}

static void validation_without_an_answer_makes_it_suspect(void) {
  suspicion_only();
  sim_run_for(pair_sim, 60 * S);
  CU_ASSERT_TRUE(gmux__conn_validate(client.conn));
  sim_run_for(pair_sim, 500 * MS);
  CU_ASSERT_FALSE(gmux__conn_is_validating(client.conn));
  CU_ASSERT_TRUE(gmux__conn_is_suspect(client.conn));
  ASSERT_LOG(&client, "R S T");
}

static void who_lived_a_moment_ago_needs_no_validation(void) {
  rawpeer *p = keepalive_only();
  party_start();
  sim_run_for(pair_sim, 11 * S);
  CU_ASSERT_EQUAL(pings(p), 1);
  rawpeer_window_update(p, 0, 1); /* behind the PING, and no ACK of it */
  sim_run_for(pair_sim, 1 * S);
  CU_ASSERT_FALSE(gmux__conn_validate(client.conn));
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(pings(p), 1);
}

static void what_the_peer_might_punish_is_not_asked(void) {
  rawpeer *p = suspicion_only();
  for (int i = 0; i < 2; i++) {
    sim_run_for(pair_sim, 60 * S);
    CU_ASSERT_TRUE(gmux__conn_validate(client.conn));
    sim_run(pair_sim);
    acknowledge(p);
  }
  sim_run_for(pair_sim, 60 * S);
  CU_ASSERT_FALSE(gmux__conn_validate(client.conn));
  CU_ASSERT_FALSE(gmux__conn_is_validating(client.conn));
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(pings(p), 2);
}

static void without_pings_everything_is_valid(void) {
  pair_ready_client();
  CU_ASSERT_FALSE(gmux__conn_validate(client.conn));
}

/* ---- its price ---- */

static void answer_at_once(party *p, char event) {
  if (event == 'C') party_finish(p, "0");
}

static void answering(party *p) {
  p->on_event = answer_at_once;
}

static void calls_in_a_row_set_no_timer(void) {
  pulse();
  pair_connect();
  server.on_party = answering;
  uint64_t set = 0;
  for (int i = 0; i < 100; i++) {
    party *p = party_start();
    gmux__stream_half_close(&p->stream);
    sim_run_for(pair_sim, 1 * MS);
    CU_ASSERT_EQUAL(p->how, GMUX__ENDING_FINISHED);
    if (i == 0) set = pair_loop->loop.timer_order;
  }
  CU_ASSERT_EQUAL(pair_loop->loop.timer_order, set);
}

static const test_case cases[] = {
    TEST(nothing_read_for_the_keepalive_time_brings_a_ping),
    TEST(each_byte_read_puts_the_ping_off),
    TEST(without_calls_there_are_no_pings_unless_asked_for),
    TEST(without_calls_there_are_pings_where_asked_for),
    TEST(a_call_that_starts_after_long_silence_pings_at_once),
    TEST(also_ahead_of_a_request_from_within_a_turn),
    TEST(a_ping_that_nothing_follows_is_the_end),
    TEST(any_byte_after_the_ping_is_life),
    TEST(an_ack_of_another_ping_is_a_byte_but_no_round_trip),
    TEST(the_acknowledgement_of_settings_is_the_first_round_trip),
    TEST(a_server_asks_idle_clients_and_ends_dead_ones),
    TEST(silence_with_calls_outstanding_is_suspicious_until_any_byte_comes),
    TEST(a_suspect_is_dead_at_the_keepalive_timeout),
    TEST(suspicion_pings_once_between_two_answers),
    TEST(silence_without_calls_is_not_suspicious),
    TEST(an_unanswered_keepalive_ping_is_suspicious_after_a_while),
    TEST(the_connection_may_be_closed_when_it_becomes_suspect),
    TEST(the_connection_may_be_closed_when_it_is_trusted_again),
    TEST(validation_pings_and_any_byte_makes_it_valid),
    TEST(validation_without_an_answer_makes_it_suspect),
    TEST(who_lived_a_moment_ago_needs_no_validation),
    TEST(what_the_peer_might_punish_is_not_asked),
    TEST(without_pings_everything_is_valid),
    TEST(calls_in_a_row_set_no_timer),
    TESTS_END,
};

extern const test_suite h2_pulse_suite;
const test_suite h2_pulse_suite = {"pulse", cases, pair_setup, pair_teardown};
