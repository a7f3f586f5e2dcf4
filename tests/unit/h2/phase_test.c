/* Promises 17 and 19, a timer for each phase; and 11, how a connection ends. */
#include "tests/unit/h2/pair.h"
#include <gmux/error.h>
#include <string.h>

#define MS GMUX__NS_PER_MS
#define S  GMUX__NS_PER_S

static bool says(const rawframe *goaway, uint32_t last_id, const char *text) {
  return goaway && rawframe_u32(goaway, 0) == last_id && goaway->len == 8 + strlen(text) &&
         memcmp(goaway->payload + 8, text, strlen(text)) == 0;
}

/* ---- SETTINGS acknowledged ---- */

static void a_peer_that_never_acknowledges_settings_is_closed(void) {
  pair_config(&client)->settings_ack_ns = 60 * S;
  rawpeer *p = pair_client_to_raw();
  rawpeer_settings(p, 0, NULL, NULL);
  sim_run_for(pair_sim, 60 * S - 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
  CU_ASSERT_EQUAL(gmux__conn_get_state(client.conn), GMUX__CONN_READY);
  sim_run_for(pair_sim, 1);
  CU_ASSERT_PTR_NULL_FATAL(client.conn);
  CU_ASSERT_EQUAL(client.error, GMUX_ERR_TIMEOUT);
  CU_ASSERT_EQUAL(client.loss, GMUX_LOSS_TIMEOUT);
  CU_ASSERT_PTR_NOT_NULL(strstr(client.why, "did not acknowledge our SETTINGS within 60000 ms"));
  const rawframe *goaway = rawpeer_find(p, RAW_GOAWAY, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(goaway);
  CU_ASSERT_EQUAL(rawframe_u32(goaway, 4), 4); /* SETTINGS_TIMEOUT */
}

static void one_that_acknowledges_them_is_not(void) {
  pair_config(&client)->settings_ack_ns = 60 * S;
  pair_ready_client();
  sim_run_for(pair_sim, 600 * S);
  CU_ASSERT_PTR_NOT_NULL(client.conn);
}

/* ---- header blocks ---- */

static rawpeer *begin_block(uint32_t id) {
  pair_config(&server)->header_block_ns = 10 * S;
  rawpeer *p = pair_ready_server();
  static const char *const pairs[] = {":method", "POST", ":scheme", "http", NULL};
  rawpeer_headers(p, id, RAW_END_STREAM, pairs);
  sim_run(pair_sim);
  return p;
}

/* A literal field of its own, not indexed: "x-a: b". */
static void continuation(rawpeer *p, uint32_t id, uint8_t flags) {
  static const uint8_t field[] = {0, 3, 'x', '-', 'a', 1, 'b'};
  rawpeer_frame(p, RAW_CONTINUATION, flags, id, field, sizeof field);
  sim_run(pair_sim);
}

static void a_header_block_that_takes_too_long_ends_the_connection(void) {
  rawpeer *p = begin_block(1);
  for (int i = 0; i < 4; i++) {
    sim_run_for(pair_sim, 2 * S);
    continuation(p, 1, 0); /* a byte now and then does not help */
  }
  sim_run_for(pair_sim, 2 * S - 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server.conn);
  sim_run_for(pair_sim, 1);
  CU_ASSERT_PTR_NULL(server.conn);
  CU_ASSERT_EQUAL(server.error, GMUX_ERR_TIMEOUT);
  CU_ASSERT_PTR_NOT_NULL(strstr(server.why, "header block"));
}

static void a_header_block_that_ends_in_time_is_fine(void) {
  rawpeer *p = begin_block(1);
  sim_run_for(pair_sim, 9 * S);
  continuation(p, 1, RAW_END_HEADERS);
  sim_run_for(pair_sim, 100 * S);
  CU_ASSERT_PTR_NOT_NULL(server.conn);
}

static void each_header_block_has_its_own_time(void) {
  rawpeer *p = begin_block(1);
  sim_run_for(pair_sim, 9 * S);
  continuation(p, 1, RAW_END_HEADERS);
  static const char *const pairs[] = {":method", "POST", NULL};
  rawpeer_headers(p, 3, 0, pairs);
  sim_run_for(pair_sim, 10 * S - 1);
  CU_ASSERT_PTR_NOT_NULL(server.conn);
  sim_run_for(pair_sim, 1);
  CU_ASSERT_PTR_NULL(server.conn);
}

static void a_block_that_breaks_a_rule_leaves_no_deadline(void) {
  pair_config(&server)->header_block_ns = 10 * S;
  rawpeer *p = pair_ready_server();
  static const char *const pairs[] = {":method", "POST", "Upper", "case", NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS, pairs);
  sim_run_for(pair_sim, 100 * S);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 1);
  CU_ASSERT_PTR_NOT_NULL(server.conn);
}

static void a_request_that_was_not_taken_leaves_no_deadline(void) {
  pair_config(&server)->header_block_ns = 10 * S;
  rawpeer *p = pair_ready_server();
  server.is_refusing = true;
  raw_request(p, 1, 0);
  sim_run_for(pair_sim, 100 * S);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 1);
  CU_ASSERT_PTR_NOT_NULL(server.conn);
}

static void a_stream_reset_amid_its_header_block_leaves_no_deadline(void) {
  pair_config(&client)->header_block_ns = 10 * S;
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  sim_run(pair_sim);
  static const char *const pairs[] = {":status", "200", NULL};
  rawpeer_headers(p, 1, 0, pairs);
  sim_run(pair_sim);
  gmux__stream_reset(&c->stream, 8);
  sim_run(pair_sim);
  continuation(p, 1, RAW_END_HEADERS);
  sim_run_for(pair_sim, 100 * S);
  CU_ASSERT_PTR_NOT_NULL(client.conn);
}

/* ---- a transport that takes nothing ---- */

static party *stalled_writer(void) {
  static const uint8_t chunk[50000];
  pair_config(&client)->write_stall_ns = 60 * S;
  sim_net(pair_sim)->buffer_bytes = 4096;
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  sim_run(pair_sim);
  (void)p;
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_SERVER);
  CU_ASSERT_EQUAL(party_write(c, chunk, sizeof chunk), 0);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(gmux__conn_is_blocked(client.conn));
  return c;
}

static void a_transport_that_takes_nothing_is_given_up(void) {
  party *c = stalled_writer();
  sim_run_for(pair_sim, 60 * S - 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
  sim_run_for(pair_sim, 1);
  CU_ASSERT_PTR_NULL_FATAL(client.conn);
  CU_ASSERT_EQUAL(client.loss, GMUX_LOSS_DEAD);
  CU_ASSERT_PTR_NOT_NULL(strstr(client.why, "took nothing for 60000 ms"));
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_LOST);
  CU_ASSERT_EQUAL(gmux__counter_get(&gmux__h2_get_figures(client.h2)->deaths), 1);
}

static void one_that_takes_a_little_now_and_then_is_not(void) {
  stalled_writer();
  for (int i = 0; i < 5; i++) {
    sim_run_for(pair_sim, 50 * S);
    sim_link *link = sim_link_first(pair_sim);
    sim_net(pair_sim)->read_chunk = 1;
    sim_link_stall(link, 0);
    sim_step(pair_sim);
    sim_step(pair_sim);
    sim_step(pair_sim);
    sim_link_stall(link, SIM_TO_SERVER);
    sim_run(pair_sim);
    CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
    CU_ASSERT_TRUE(gmux__conn_is_blocked(client.conn));
  }
}

static void one_that_has_nothing_to_take_is_not(void) {
  pair_config(&client)->write_stall_ns = 60 * S;
  pair_ready_client();
  party_start();
  sim_run(pair_sim);
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_SERVER);
  sim_run_for(pair_sim, 600 * S);
  CU_ASSERT_PTR_NOT_NULL(client.conn);
}

/* ---- draining ---- */

static void a_drain_that_takes_too_long_is_ended_with_words(void) {
  pair_config(&client)->drain_ns = 5 * S;
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  sim_run(pair_sim);
  rawpeer_goaway(p, 1, 0, "bye");
  sim_run_for(pair_sim, 5 * S - 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
  sim_run_for(pair_sim, 1);
  CU_ASSERT_PTR_NULL_FATAL(client.conn);
  CU_ASSERT_EQUAL(client.loss, GMUX_LOSS_GOAWAY);
  CU_ASSERT_PTR_NOT_NULL(strstr(c->why, "GOAWAY NO_ERROR \"bye\""));
  CU_ASSERT_PTR_NOT_NULL(strstr(c->why, "did not end within 5000 ms"));
}

static void streams_hear_of_our_own_drain_and_a_goaway_after_it_is_no_news(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  sim_run(pair_sim);
  gmux__conn_drain(client.conn, "idle");
  sim_run(pair_sim);
  ASSERT_LOG(c, "D");
  rawpeer_goaway(p, 1, 0, "bye");
  sim_run(pair_sim);
  ASSERT_LOG(c, "D");
  ASSERT_LOG(&client, "R S D");
}

static void a_clients_own_drain_closes_with_its_last_stream_and_says_goodbye(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  gmux__stream_half_close(&c->stream);
  sim_run(pair_sim);
  gmux__conn_drain(client.conn, "recycled: 3600 s old");
  gmux__conn_drain(client.conn, "another reason");
  sim_run(pair_sim);
  ASSERT_LOG(&client, "R S D");
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 0);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_GOAWAY, 0), 0);
  raw_answer(p, 1);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_FINISHED);
  ASSERT_LOG(&client, "R S D X");
  CU_ASSERT_EQUAL(client.loss, GMUX_LOSS_LOCAL);
  CU_ASSERT_PTR_NOT_NULL(strstr(client.why, "recycled: 3600 s old"));
  const rawframe *goaway = rawpeer_find(p, RAW_GOAWAY, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(goaway);
  CU_ASSERT_EQUAL(rawframe_u32(goaway, 4), 0);
}

static void a_server_says_why_it_drains_in_both_steps(void) {
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, 0);
  sim_run(pair_sim);
  gmux__conn_drain(server.conn, "max_age");
  sim_run(pair_sim);
  CU_ASSERT_TRUE(says(rawpeer_find(p, RAW_GOAWAY, 0, 0), 0x7fffffff, "max_age"));
  raw_request(p, 3, 0); /* still taken */
  rawpeer_ping(p, RAW_ACK, rawpeer_find(p, RAW_PING, 0, 0)->payload);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(server.party_count, 2);
  CU_ASSERT_TRUE(says(rawpeer_find(p, RAW_GOAWAY, 0, 1), 3, "max_age"));
  party_finish(server.parties[0], "0");
  party_finish(server.parties[1], "0");
  sim_run(pair_sim);
  rawpeer_close(p);
  sim_run(pair_sim);
  CU_ASSERT_PTR_NULL(server.conn);
  CU_ASSERT_PTR_NOT_NULL(strstr(server.why, "max_age"));
}

static void another_pings_ack_does_not_hurry_a_drain(void) {
  rawpeer *p = pair_ready_server();
  gmux__conn_drain(server.conn, "max_age");
  sim_run(pair_sim);
  const uint8_t other[8] = "12345678";
  rawpeer_ping(p, RAW_ACK, other);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_GOAWAY, 0), 1);
}

/* ---- GOAWAY ---- */

static void a_later_goaway_lowers_the_last_id(void) {
  rawpeer *p = pair_ready_client();
  party *c[3];
  for (int i = 0; i < 3; i++)
    c[i] = party_start();
  sim_run(pair_sim);
  rawpeer_goaway(p, 0x7fffffff, 0, "soon");
  sim_run(pair_sim);
  uint32_t code = 99;
  CU_ASSERT_TRUE(gmux__conn_goaway(client.conn, &code));
  CU_ASSERT_EQUAL(code, 0);
  ASSERT_LOG(c[2], "D");
  rawpeer_goaway(p, 3, 2, "now");
  sim_run(pair_sim);
  CU_ASSERT_TRUE(gmux__conn_goaway(client.conn, &code));
  CU_ASSERT_EQUAL(code, 2);
  ASSERT_LOG(c[1], "D");
  ASSERT_LOG(c[2], "D X");
  CU_ASSERT_EQUAL(c[2]->evidence, GMUX_EVIDENCE_ABOVE_LAST);
  CU_ASSERT_EQUAL(gmux__counter_get(&gmux__h2_get_figures(client.h2)->goaways[0]), 1);
  CU_ASSERT_EQUAL(gmux__counter_get(&gmux__h2_get_figures(client.h2)->goaways[2]), 1);
}

/* What was passed over may have been made again elsewhere. */
static void a_later_goaway_cannot_raise_the_last_id(void) {
  rawpeer *p = pair_ready_client();
  party *first = party_start(), *second = party_start();
  sim_run(pair_sim);
  rawpeer_goaway(p, 1, 0, "one");
  rawpeer_goaway(p, 3, 0, "two");
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(second->evidence, GMUX_EVIDENCE_ABOVE_LAST);
  CU_ASSERT_EQUAL(first->evidence, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(client.loss, GMUX_LOSS_GOAWAY);
}

static void goaway_is_the_cause_of_the_end_that_follows(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  sim_run(pair_sim);
  rawpeer_goaway(p, 1, 0, "going");
  rawpeer_close(p);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(client.loss, GMUX_LOSS_GOAWAY);
  CU_ASSERT_PTR_NOT_NULL(strstr(c->why, "GOAWAY NO_ERROR \"going\""));
}

static void a_request_that_has_not_left_stays_when_the_connection_closes(void) {
  rawpeer *p = pair_ready_client();
  party *left = party_start();
  sim_run(pair_sim);
  party *late = party_start();
  gmux__conn_close(client.conn, GMUX_ERR_CLOSED, 0, "the test says so");
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(left->evidence, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(late->evidence, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_EQUAL(late->how, GMUX__ENDING_LOST);
  CU_ASSERT_PTR_NOT_NULL(strstr(late->why, "the test says so"));
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_GOAWAY, 0), 1);
}

static void an_end_without_a_word_is_eof(void) {
  rawpeer *p = pair_ready_client();
  rawpeer_shutdown(p);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(client.loss, GMUX_LOSS_EOF);
}

static void a_reset_is_a_reset(void) {
  rawpeer *p = pair_ready_client();
  rawpeer_reset(p);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(client.loss, GMUX_LOSS_RESET);
}

static void a_breach_of_protocol_is_named(void) {
  rawpeer *p = pair_ready_client();
  rawpeer_frame(p, RAW_DATA, 0, 2, "x", 1);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(client.loss, GMUX_LOSS_PROTOCOL);
}

static const test_case cases[] = {
    TEST(a_peer_that_never_acknowledges_settings_is_closed),
    TEST(one_that_acknowledges_them_is_not),
    TEST(a_header_block_that_takes_too_long_ends_the_connection),
    TEST(a_header_block_that_ends_in_time_is_fine),
    TEST(each_header_block_has_its_own_time),
    TEST(a_block_that_breaks_a_rule_leaves_no_deadline),
    TEST(a_request_that_was_not_taken_leaves_no_deadline),
    TEST(a_stream_reset_amid_its_header_block_leaves_no_deadline),
    TEST(a_transport_that_takes_nothing_is_given_up),
    TEST(one_that_takes_a_little_now_and_then_is_not),
    TEST(one_that_has_nothing_to_take_is_not),
    TEST(a_drain_that_takes_too_long_is_ended_with_words),
    TEST(streams_hear_of_our_own_drain_and_a_goaway_after_it_is_no_news),
    TEST(a_clients_own_drain_closes_with_its_last_stream_and_says_goodbye),
    TEST(a_server_says_why_it_drains_in_both_steps),
    TEST(another_pings_ack_does_not_hurry_a_drain),
    TEST(a_later_goaway_lowers_the_last_id),
    TEST(a_later_goaway_cannot_raise_the_last_id),
    TEST(goaway_is_the_cause_of_the_end_that_follows),
    TEST(a_request_that_has_not_left_stays_when_the_connection_closes),
    TEST(an_end_without_a_word_is_eof),
    TEST(a_reset_is_a_reset),
    TEST(a_breach_of_protocol_is_named),
    TESTS_END,
};

extern const test_suite h2_phase_suite;
const test_suite h2_phase_suite = {"phase", cases, pair_setup, pair_teardown};
