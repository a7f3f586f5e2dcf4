/* tally_test.c: what a connection says it has carried. */
#include "tests/unit/h2/pair.h"
#include <gmux/error.h>

#define S GMUX__NS_PER_S

static const gmux__conn_tally *tally_of(const side *s) {
  return gmux__conn_get_tally(s->conn);
}

static void expect_streams(const side *s, uint64_t started, uint64_t succeeded, uint64_t failed) {
  CU_ASSERT_EQUAL(tally_of(s)->streams_started, started);
  CU_ASSERT_EQUAL(tally_of(s)->streams_succeeded, succeeded);
  CU_ASSERT_EQUAL(tally_of(s)->streams_failed, failed);
}

static void on_event(party *p, char event) {
  if (event == 'M') {
    if (!p->stream.send.has_headers) party_respond(p);
    party_write(p, "pong", 4);
  }
  if (event == 'C') party_finish(p, "0");
}

static void answer_all(party *p) {
  p->on_event = on_event;
}

static void call(unsigned messages) {
  party *p = party_start();
  for (unsigned i = 0; i < messages; i++)
    party_write(p, "ping", 4);
  gmux__stream_half_close(&p->stream);
  sim_run(pair_sim);
}

static void both_sides_count_streams_and_messages(void) {
  pair_connect();
  server.on_party = answer_all;
  call(3);
  call(2);
  expect_streams(&client, 2, 2, 0);
  expect_streams(&server, 2, 2, 0);
  CU_ASSERT_EQUAL(tally_of(&client)->messages_sent, 5);
  CU_ASSERT_EQUAL(tally_of(&client)->messages_received, 5);
  CU_ASSERT_EQUAL(tally_of(&server)->messages_sent, 5);
  CU_ASSERT_EQUAL(tally_of(&server)->messages_received, 5);
}

static void times_are_those_of_the_last_one(void) {
  pair_connect();
  server.on_party = answer_all;
  CU_ASSERT_EQUAL(tally_of(&client)->stream_ns, 0);
  sim_run_for(pair_sim, 1 * S);
  call(0);
  uint64_t first_ns = sim_now(pair_sim);
  CU_ASSERT_EQUAL(tally_of(&client)->stream_ns, first_ns);
  CU_ASSERT_EQUAL(tally_of(&client)->sent_ns, 0);
  sim_run_for(pair_sim, 1 * S);
  call(1);
  CU_ASSERT_EQUAL(tally_of(&server)->stream_ns, first_ns + 1 * S);
  CU_ASSERT_EQUAL(tally_of(&client)->sent_ns, first_ns + 1 * S);
  CU_ASSERT_EQUAL(tally_of(&client)->received_ns, first_ns + 1 * S);
}

static void an_open_stream_is_neither(void) {
  pair_connect();
  party *p = party_start();
  sim_run(pair_sim);
  expect_streams(&client, 1, 0, 0);
  expect_streams(&server, 1, 0, 0);
  gmux__stream_reset(&p->stream, GMUX__H2_CANCEL);
  sim_run(pair_sim);
  expect_streams(&client, 1, 0, 1);
  expect_streams(&server, 1, 0, 1);
}

static void what_never_left_was_never_started(void) {
  pair_connect();
  party *p = party_start();
  gmux__stream_reset(&p->stream, GMUX__H2_CANCEL);
  sim_run(pair_sim);
  expect_streams(&client, 0, 0, 0);
}

static void what_a_server_refuses_has_failed(void) {
  rawpeer *p = pair_ready_server();
  server.is_refusing = true;
  raw_request(p, 1, RAW_END_STREAM);
  sim_run(pair_sim);
  expect_streams(&server, 1, 0, 1);
}

/* The answer was whole before the request was. */
static void an_early_answer_is_a_success(void) {
  rawpeer *p = pair_ready_client();
  party_start();
  sim_run(pair_sim);
  raw_answer(p, 1);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 1);
  expect_streams(&client, 1, 1, 0);
}

static void keepalives_are_not_other_pings(void) {
  pair_config(&client)->pulse =
      (gmux__pulse_config){.keepalive_ns = 10 * S, .timeout_ns = 20 * S, .suspect_ns = 1 * S};
  pair_connect();
  party_start();
  sim_run_for(pair_sim, 5 * S); /* a suspicion, which was answered */
  CU_ASSERT_EQUAL(gmux__counter_get(&gmux__h2_get_figures(client.h2)->pings_sent), 1);
  CU_ASSERT_EQUAL(tally_of(&client)->keepalives_sent, 0);
  sim_run_for(pair_sim, 15 * S);
  CU_ASSERT_EQUAL(tally_of(&client)->keepalives_sent, 1);
}

static void windows_are_what_is_left_of_them(void) {
  pair_config(&server)->connection_window_bytes = 100000;
  pair_connect();
  CU_ASSERT_EQUAL(gmux__conn_recv_window(server.conn), 100000);
  CU_ASSERT_EQUAL(gmux__conn_send_window(client.conn), 100000);
  server.on_party = answer_all;
  call(1);
  CU_ASSERT_EQUAL(gmux__conn_send_window(client.conn), 100000 - 9); /* and its prefix */
  CU_ASSERT_EQUAL(gmux__conn_recv_window(server.conn), 100000 - 9);
}

static const test_case cases[] = {
    TEST(both_sides_count_streams_and_messages),
    TEST(times_are_those_of_the_last_one),
    TEST(an_open_stream_is_neither),
    TEST(what_never_left_was_never_started),
    TEST(what_a_server_refuses_has_failed),
    TEST(an_early_answer_is_a_success),
    TEST(keepalives_are_not_other_pings),
    TEST(windows_are_what_is_left_of_them),
    TESTS_END,
};

const test_suite h2_tally_suite = {"tally", cases, pair_setup, pair_teardown};
