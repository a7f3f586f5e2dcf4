/* Promises 9 and 16: PINGs that come too often, seen from both sides. */
#include "tests/unit/h2/pair.h"
#include <gmux/error.h>
#include <string.h>

#define S GMUX__NS_PER_S

static const uint8_t opaque[8] = "12345678";

/* A server with default settings, and a raw client with one call. */
static rawpeer *enforcing_server(void) {
  pair_config(&server)->strikes =
      (gmux__strikes_config){.min_interval_ns = 300 * S, .max_strikes = 2};
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, 0);
  sim_run(pair_sim);
  return p;
}

static void ping(rawpeer *p, int times) {
  for (int i = 0; i < times; i++) {
    rawpeer_ping(p, 0, opaque);
    sim_run_for(pair_sim, 1 * S);
  }
}

static uint64_t figure(const gmux__counter *counter) {
  return gmux__counter_get(counter);
}

static bool says(const rawframe *goaway, uint32_t code, const char *text) {
  return goaway && rawframe_u32(goaway, 4) == code && goaway->len == 8 + strlen(text) &&
         memcmp(goaway->payload + 8, text, strlen(text)) == 0;
}

static void third_bad_ping_is_answered_by_goaway_too_many_pings(void) {
  rawpeer *p = enforcing_server();
  ping(p, 3); /* the first is good */
  CU_ASSERT_PTR_NOT_NULL_FATAL(server.conn);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_GOAWAY, 0), 0);
  ping(p, 1);
  CU_ASSERT_TRUE(says(rawpeer_find(p, RAW_GOAWAY, 0, 0), 11, "too_many_pings"));
  CU_ASSERT_NOT_EQUAL(rawpeer_state(p), 0);
  CU_ASSERT_PTR_NULL(server.conn);
  CU_ASSERT_EQUAL(server.loss, GMUX_LOSS_PROTOCOL);
  CU_ASSERT_PTR_NOT_NULL(strstr(server.why, "too_many_pings"));
  CU_ASSERT_EQUAL(last_party(&server)->how, GMUX__ENDING_LOST);
  const gmux__h2_figures *f = gmux__h2_get_figures(server.h2);
  CU_ASSERT_EQUAL(figure(&f->pings_received), 4);
  CU_ASSERT_EQUAL(figure(&f->pings_bad), 3);
  CU_ASSERT_EQUAL(figure(&f->too_many_pings), 1);
}

static void a_flood_of_pings_in_one_read_is_punished_once(void) {
  rawpeer *p = enforcing_server();
  for (int i = 0; i < 1000; i++)
    rawpeer_ping(p, 0, opaque);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_GOAWAY, 0), 1);
  CU_ASSERT_EQUAL(figure(&gmux__h2_get_figures(server.h2)->too_many_pings), 1);
}

static void pings_at_the_permitted_interval_are_never_punished(void) {
  rawpeer *p = enforcing_server();
  for (int i = 0; i < 20; i++) {
    rawpeer_ping(p, 0, opaque);
    sim_run_for(pair_sim, 300 * S);
  }
  CU_ASSERT_PTR_NOT_NULL(server.conn);
  CU_ASSERT_EQUAL(figure(&gmux__h2_get_figures(server.h2)->pings_bad), 0);
}

static void a_headers_frame_written_clears_the_strikes(void) {
  rawpeer *p = enforcing_server();
  ping(p, 3);
  party_respond(last_party(&server));
  sim_run(pair_sim);
  ping(p, 3);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server.conn);
  ping(p, 1);
  CU_ASSERT_PTR_NULL(server.conn);
}

static void each_data_frame_written_clears_the_strikes(void) {
  rawpeer *p = enforcing_server();
  party_respond(last_party(&server));
  sim_run(pair_sim);
  for (int i = 0; i < 10; i++) {
    ping(p, 3);
    CU_ASSERT_PTR_NOT_NULL_FATAL(server.conn);
    CU_ASSERT_EQUAL(party_write(last_party(&server), "x", 1), 0);
    sim_run(pair_sim);
  }
}

static void data_that_is_only_queued_clears_nothing(void) {
  static const uint8_t big[70000];
  rawpeer *p = enforcing_server();
  party_respond(last_party(&server));
  CU_ASSERT_EQUAL(party_write(last_party(&server), big, sizeof big), 0);
  sim_run(pair_sim); /* 65535 bytes have gone; the rest waits for the window */
  ping(p, 3);
  CU_ASSERT_EQUAL(party_write(last_party(&server), "x", 1), 0);
  ping(p, 1);
  CU_ASSERT_PTR_NULL(server.conn);
}

static void acknowledging_pings_and_settings_clears_nothing(void) {
  rawpeer *p = enforcing_server();
  ping(p, 3);
  rawpeer_settings(p, 0, NULL, NULL);
  sim_run(pair_sim);
  ping(p, 1);
  CU_ASSERT_PTR_NULL(server.conn);
}

static void without_a_bound_nobody_is_punished(void) {
  rawpeer *p = pair_ready_server();
  ping(p, 100);
  CU_ASSERT_PTR_NOT_NULL(server.conn);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 100);
}

/* ---- the client that hears it ---- */

static void hear_goaway(uint32_t code, const char *text) {
  rawpeer *p = pair_ready_client();
  party_start();
  sim_run(pair_sim);
  rawpeer_goaway(p, 1, code, text);
  rawpeer_shutdown(p);
  sim_run(pair_sim);
  CU_ASSERT_PTR_NULL(client.conn);
  CU_ASSERT_EQUAL(client.loss, GMUX_LOSS_GOAWAY);
  CU_ASSERT_EQUAL(last_party(&client)->evidence, GMUX_EVIDENCE_POSSIBLE);
}

static void too_many_pings_is_told_from_other_goaways(void) {
  hear_goaway(11, "too_many_pings");
  CU_ASSERT_TRUE(client.is_over_pinged);
  CU_ASSERT_PTR_NOT_NULL(strstr(client.why, "ENHANCE_YOUR_CALM \"too_many_pings\""));
  CU_ASSERT_EQUAL(figure(&gmux__h2_get_figures(client.h2)->goaways[11]), 1);
}

static void another_calm_is_not_about_pings(void) {
  hear_goaway(11, "too_many_pings!");
  CU_ASSERT_FALSE(client.is_over_pinged);
}

static void those_words_with_another_code_are_not_about_pings(void) {
  hear_goaway(0, "too_many_pings");
  CU_ASSERT_FALSE(client.is_over_pinged);
}

static void codes_that_nobody_knows_are_counted_together(void) {
  hear_goaway(0xdeadbeef, NULL);
  CU_ASSERT_EQUAL(figure(&gmux__h2_get_figures(client.h2)->goaways[GMUX_H2_CODES - 1]), 1);
}

/* ---- the two together ---- */

static void respond_and_leave_open(party *p, char event) {
  if (event == 'H') party_respond(p);
}

static void silent_server(party *p) {
  p->on_event = respond_and_leave_open;
}

/* Keepalive, suspicion and validation as they are by default, a server as it is by default, calls
 * that are silent for hours and hours without calls. */
static void default_settings_never_meet_too_many_pings(void) {
  pair_config(&server)->strikes =
      (gmux__strikes_config){.min_interval_ns = 300 * S, .max_strikes = 2};
  pair_config(&client)->pulse = (gmux__pulse_config){.keepalive_ns = 330 * S, .timeout_ns = 20 * S};
  sim_net(pair_sim)->latency_ns = 20 * GMUX__NS_PER_MS;
  server.on_party = silent_server;
  pair_connect_slowly();
  for (int hour = 0; hour < 40; hour++) {
    CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
    (void)gmux__conn_validate(client.conn);
    sim_run_for(pair_sim, 1 * S);
    party *p = party_start();
    sim_run_for(pair_sim, 3600 * S);
    CU_ASSERT_FALSE(gmux__conn_is_suspect(client.conn));
    gmux__stream_reset(&p->stream, 8);
    sim_run_for(pair_sim, (hour % 3 ? 40 : 4000) * S);
  }
  CU_ASSERT_TRUE(figure(&gmux__h2_get_figures(client.h2)->pings_sent) > 100);
  CU_ASSERT_EQUAL(figure(&gmux__h2_get_figures(server.h2)->too_many_pings), 0);
}

static const test_case cases[] = {
    TEST(third_bad_ping_is_answered_by_goaway_too_many_pings),
    TEST(a_flood_of_pings_in_one_read_is_punished_once),
    TEST(pings_at_the_permitted_interval_are_never_punished),
    TEST(a_headers_frame_written_clears_the_strikes),
    TEST(each_data_frame_written_clears_the_strikes),
    TEST(data_that_is_only_queued_clears_nothing),
    TEST(acknowledging_pings_and_settings_clears_nothing),
    TEST(without_a_bound_nobody_is_punished),
    TEST(too_many_pings_is_told_from_other_goaways),
    TEST(another_calm_is_not_about_pings),
    TEST(those_words_with_another_code_are_not_about_pings),
    TEST(codes_that_nobody_knows_are_counted_together),
    TEST(default_settings_never_meet_too_many_pings),
    TESTS_END,
};

extern const test_suite h2_strikes_suite;
const test_suite h2_strikes_suite = {"strikes", cases, pair_setup, pair_teardown};
