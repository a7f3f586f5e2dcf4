/* RST_STREAM of ours leaves at a pace, and its call ends at once all the same (promise 18). */
#include "lib/h2/inside.h"
#include "tests/unit/h2/pair.h"
#include <gmux/error.h>
#include <string.h>

enum { CANCEL = 8 };

static void set_pace(side *s, uint32_t burst, uint32_t rate_per_s) {
  pair_config(s)->reset_burst = burst;
  pair_config(s)->reset_rate_per_s = rate_per_s;
}

static const gmux__h2_figures *figures(const side *s) {
  return gmux__h2_get_figures(s->h2);
}
static uint64_t waiting(const side *s) {
  return gmux__counter_get(&figures(s)->resets_waiting);
}

static void cancel(party *p) {
  gmux__stream_reset(&p->stream, CANCEL);
}

static party *half_closed(void) {
  party *p = party_start();
  gmux__stream_half_close(&p->stream);
  sim_run(pair_sim);
  return p;
}

/* Any byte. */
static void show_life(rawpeer *p) {
  rawpeer_window_update(p, 0, 1);
  sim_run(pair_sim);
}

static void ten_thousand_cancels_send_no_more_resets_than_the_bucket_allows(void) {
  enum { CALLS = 10000, BURST = 500, RATE = 25 };
  set_pace(&client, BURST, RATE);
  pair_config(&client)->max_streams = CALLS;
  rawpeer *p = pair_ready_client();
  for (int i = 0; i < CALLS; i++)
    (void)party_start();
  sim_run(pair_sim);
  for (int i = 0; i < CALLS; i++)
    cancel(client.parties[i]);
  /* All over for who owns them, and each still has its slot. */
  CU_ASSERT_EQUAL(gmux__conn_stream_count(client.conn), 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), CALLS - BURST);
  CU_ASSERT_EQUAL(waiting(&client), CALLS - BURST);
  for (size_t s = 0; s < (CALLS - BURST) / RATE; s++) {
    CU_ASSERT_EQUAL_FATAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), BURST + s * RATE);
    sim_run_for(pair_sim, GMUX__NS_PER_S);
  }
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), CALLS);
  show_life(p);
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), 0);
  CU_ASSERT_EQUAL(waiting(&client), 0);
  CU_ASSERT_EQUAL(gmux__counter_get(&figures(&client)->resets_sent), CALLS);
  CU_ASSERT_EQUAL(gmux__counter_get(&figures(&client)->resets_delayed), CALLS - BURST);
  for (int i = 0; i < CALLS; i++)
    ASSERT_LOG(client.parties[i], "");
}

static void resets_that_wait_leave_in_the_order_of_their_cancels(void) {
  set_pace(&client, 1, 1);
  rawpeer *p = pair_ready_client();
  party *c[4];
  for (int i = 0; i < 4; i++)
    c[i] = half_closed();
  static const int order[] = {2, 0, 3, 1};
  for (int i = 0; i < 4; i++)
    cancel(c[order[i]]);
  for (uint32_t i = 0; i < 4; i++) {
    sim_run(pair_sim);
    CU_ASSERT_EQUAL_FATAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), i + 1);
    const rawframe *rst = rawpeer_find(p, RAW_RST_STREAM, RAW_ANY, i);
    CU_ASSERT_EQUAL(rst->stream, (uint32_t)order[i] * 2 + 1);
    CU_ASSERT_EQUAL(rawframe_u32(rst, 0), CANCEL);
    sim_run_for(pair_sim, GMUX__NS_PER_S - 1);
    CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), i + 1);
    sim_run_for(pair_sim, 1);
  }
}

static void a_stream_whose_reset_waits_keeps_its_slot_until_the_peer_ends_it(void) {
  set_pace(&client, 1, 1);
  pair_config(&client)->max_streams = 3;
  rawpeer *p = pair_ready_client();
  party *first = half_closed(), *ended = half_closed(), *reset = half_closed();
  cancel(first);
  cancel(ended);
  cancel(reset);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), 2);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 1);
  client.log[0] = 0;
  raw_response(p, 3);
  raw_trailers(p, 3, "0");
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), 1);
  ASSERT_LOG(&client, "S");
  rawpeer_rst(p, 5, CANCEL);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), 0);
  CU_ASSERT_EQUAL(waiting(&client), 0);
  /* A finished stream is never reset. */
  sim_run_for(pair_sim, 10 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 1);
  ASSERT_LOG(ended, "");
  ASSERT_LOG(reset, "");
}

/* ---- and after it has left (promise 1) ---- */

static void a_stream_that_was_reset_counts_until_the_peer_shows_life(void) {
  pair_config(&client)->max_streams = 3;
  rawpeer *p = pair_ready_client();
  cancel(half_closed());
  cancel(half_closed());
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 2);
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), 2);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 1);
  client.log[0] = 0;
  show_life(p);
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), 0);
  ASSERT_LOG(&client, "S");
}

static void the_slot_of_a_stream_that_the_peer_had_ended_is_free_at_once(void) {
  rawpeer *p = pair_ready_client();
  (void)party_start(); /* has not said all */
  sim_run(pair_sim);
  raw_answer(p, 1);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 1);
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), 0);
}

static rawpeer *ready_with_one_slot(void) {
  pair_config(&client)->max_streams = 1;
  pair_config(&client)->pulse = (gmux__pulse_config){.keepalive_ns = GMUX__PULSE_OFF,
                                                     .timeout_ns = 20 * GMUX__NS_PER_S,
                                                     .suspect_ns = GMUX__PULSE_OFF};
  return pair_ready_client();
}

static void ack_ping(rawpeer *p, size_t nth) {
  const rawframe *ping = rawpeer_find(p, RAW_PING, 0, nth);
  CU_ASSERT_PTR_NOT_NULL_FATAL(ping);
  rawpeer_ping(p, RAW_ACK, ping->payload);
  sim_run(pair_sim);
}

static void a_peer_whose_last_slot_was_reset_is_asked_for_a_sign_of_life(void) {
  rawpeer *p = ready_with_one_slot();
  cancel(half_closed());
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 1);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 0);
  ack_ping(p, 0);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 1);
}

static void where_that_might_be_punished_the_slot_is_free_at_once(void) {
  rawpeer *p = ready_with_one_slot();
  for (size_t i = 0; i < 2; i++) {
    cancel(half_closed());
    sim_run(pair_sim);
    ack_ping(p, i);
  }
  cancel(half_closed());
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 2);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 3);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 1);
}

static void what_comes_for_a_stream_whose_reset_waits_is_drained(void) {
  static const uint8_t big[16000];
  set_pace(&client, 1, 1);
  pair_config(&client)->connection_window_bytes = 65535;
  rawpeer *p = pair_ready_client();
  party *first = half_closed(), *gone = half_closed(), *other = half_closed();
  cancel(first);
  cancel(gone);
  raw_response(p, 3);
  for (int i = 0; i < 4; i++)
    rawpeer_data(p, 3, 0, big, sizeof big, 0);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(rawpeer_count(p, RAW_WINDOW_UPDATE, 0) > 0); /* others go on */
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_WINDOW_UPDATE, 3), 0); /* and this one has had its share */
  raw_response(p, 5);
  rawpeer_grpc_message(p, 5, 0, "reply", 5);
  raw_trailers(p, 5, "0");
  sim_run(pair_sim);
  ASSERT_LOG(gone, "");
  ASSERT_LOG(other, "H M5 X");
}

static void a_cancel_while_resets_wait_needs_no_memory(void) {
  set_pace(&client, 1, 1);
  (void)pair_ready_client();
  party *c[50];
  for (int i = 0; i < 50; i++)
    c[i] = half_closed();
  cancel(c[0]);
  size_t before = test_alloc_calls();
  for (int i = 1; i < 50; i++)
    cancel(c[i]);
  CU_ASSERT_EQUAL(test_alloc_calls(), before);
  CU_ASSERT_EQUAL(waiting(&client), 49);
}

static void a_request_that_never_left_needs_no_token(void) {
  set_pace(&client, 1, 1);
  rawpeer *p = pair_ready_client();
  party *first = half_closed();
  cancel(first);
  for (int i = 0; i < 10; i++)
    cancel(party_start());
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), 1); /* the first one's */
  CU_ASSERT_EQUAL(waiting(&client), 0);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 1);
}

static void a_reset_that_cannot_wait_is_counted(void) {
  static const char *const malformed[] = {":status", "200", "Upper-Case", "x", NULL};
  set_pace(&client, 2, 1);
  rawpeer *p = pair_ready_client();
  party *broken[3], *c = half_closed();
  for (uint32_t i = 0; i < 3; i++) {
    broken[i] = half_closed();
    rawpeer_headers(p, 3 + 2 * i, RAW_END_HEADERS, malformed);
  }
  sim_run(pair_sim);
  for (int i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(broken[i]->how, GMUX__ENDING_BROKEN);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 3);
  CU_ASSERT_EQUAL(gmux__counter_get(&figures(&client)->resets_delayed), 0);
  cancel(c);
  sim_run_for(pair_sim, 2 * GMUX__NS_PER_S - 1); /* one was owed */
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 0);
  sim_run_for(pair_sim, 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 1);
}

static void without_a_pace_all_leave_at_once(void) {
  rawpeer *p = pair_ready_client();
  for (int i = 0; i < 100; i++)
    (void)half_closed();
  for (int i = 0; i < 100; i++)
    cancel(client.parties[i]);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 100);
  CU_ASSERT_EQUAL(gmux__counter_get(&figures(&client)->resets_delayed), 0);
}

/* They would all arrive at once when it reads again, however long they were collected. */
static void resets_wait_for_a_socket_that_takes_nothing(void) {
  static const uint8_t big[60000];
  set_pace(&client, 2, 1000);
  sim_net(pair_sim)->buffer_bytes = 4096;
  rawpeer *p = pair_ready_client();
  for (int i = 0; i < 20; i++)
    (void)half_closed();
  party *writer = party_start();
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_SERVER);
  CU_ASSERT_EQUAL(party_write(writer, big, sizeof big), 0);
  sim_run(pair_sim);
  CU_ASSERT_TRUE_FATAL(gmux__conn_is_blocked(client.conn));
  for (int i = 0; i < 20; i++)
    cancel(client.parties[i]);
  uint64_t turns = sim_turns(pair_sim);
  sim_run_for(pair_sim, 60 * GMUX__NS_PER_S);
  CU_ASSERT_TRUE(sim_turns(pair_sim) < turns + 10); /* nor is it asked again and again */
  CU_ASSERT_EQUAL(waiting(&client), 20);
  rawpeer_rst(p, 41, CANCEL); /* the writer's: what is queued does not block again */
  rawpeer_rst(p, 3, CANCEL);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(waiting(&client), 19);
  sim_link_stall(sim_link_first(pair_sim), 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 2);
  sim_run_for(pair_sim, GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 19);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 3), 0);
}

static void a_drained_client_does_not_wait_for_its_resets(void) {
  set_pace(&client, 1, 1);
  rawpeer *p = pair_ready_client();
  for (int i = 0; i < 5; i++)
    (void)half_closed();
  party *last = half_closed();
  for (int i = 0; i < 5; i++)
    cancel(client.parties[i]);
  sim_run(pair_sim);
  gmux__conn_drain(client.conn, "test");
  sim_run(pair_sim);
  CU_ASSERT_PTR_NOT_NULL_FATAL(client.conn);
  raw_response(p, 11);
  raw_trailers(p, 11, "0");
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(last->how, GMUX__ENDING_FINISHED);
  CU_ASSERT_PTR_NULL(client.conn);
  CU_ASSERT_EQUAL(waiting(&client), 0);
}

static void a_lost_connection_takes_its_waiting_resets_along(void) {
  set_pace(&client, 1, 1);
  (void)pair_ready_client();
  for (int i = 0; i < 5; i++)
    (void)half_closed();
  for (int i = 0; i < 5; i++)
    cancel(client.parties[i]);
  CU_ASSERT_EQUAL(waiting(&client), 4);
  sim_link_reset(sim_link_first(pair_sim));
  sim_run(pair_sim);
  CU_ASSERT_PTR_NULL(client.conn);
  CU_ASSERT_EQUAL(waiting(&client), 0);
}

static void an_answer_that_is_not_taken_yet_may_have_its_reset_wait(void) {
  set_pace(&client, 1, 1);
  client.credit = 0;
  rawpeer *p = pair_ready_client();
  cancel(half_closed());
  party *early = party_start(); /* answered before it had said all */
  sim_run(pair_sim);
  raw_response(p, 3);
  rawpeer_grpc_message(p, 3, 0, "reply", 5);
  raw_trailers(p, 3, "0");
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(waiting(&client), 1);
  gmux__stream_credit(&early->stream, 1);
  sim_run(pair_sim);
  ASSERT_LOG(early, "H M5 X");
  CU_ASSERT_EQUAL(early->how, GMUX__ENDING_FINISHED);
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), 1);
  sim_run_for(pair_sim, GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 3), 1);
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), 0);
}

/* ---- server ---- */

static void an_early_answer_ends_the_call_though_its_reset_waits(void) {
  set_pace(&server, 1, 1);
  rawpeer *p = pair_ready_server();
  for (uint32_t i = 0; i < 3; i++)
    raw_request(p, 1 + 2 * i, 0);
  sim_run(pair_sim);
  for (int i = 0; i < 3; i++)
    party_finish(server.parties[i], "0");
  sim_run(pair_sim);
  for (int i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(server.parties[i]->how, GMUX__ENDING_FINISHED);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 3);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 1);
  CU_ASSERT_EQUAL(waiting(&server), 2);
  rawpeer_data(p, 3, RAW_END_STREAM, "", 0, 0); /* the client has done it by itself */
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(waiting(&server), 1);
  sim_run_for(pair_sim, 10 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 3), 0);
  const rawframe *rst = rawpeer_find(p, RAW_RST_STREAM, 5, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(rst);
  CU_ASSERT_EQUAL(rawframe_u32(rst, 0), 0);
}

static void a_servers_stream_keeps_its_slot_while_its_reset_waits(void) {
  set_pace(&server, 1, 1);
  pair_config(&server)->max_streams = 2;
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, RAW_END_STREAM);
  raw_request(p, 3, RAW_END_STREAM);
  sim_run(pair_sim);
  cancel(server.parties[0]);
  cancel(server.parties[1]);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_stream_count(server.conn), 0);
  raw_request(p, 5, RAW_END_STREAM); /* for the one slot that is free */
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(server.party_count, 3);
  raw_request(p, 7, RAW_END_STREAM);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(server.party_count, 3);
}

static void a_refusal_does_not_wait_but_is_counted(void) {
  set_pace(&server, 2, 1);
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, RAW_END_STREAM);
  sim_run(pair_sim);
  server.is_refusing = true;
  for (uint32_t i = 0; i < 3; i++)
    raw_request(p, 3 + 2 * i, RAW_END_STREAM);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 3);
  cancel(server.parties[0]);
  sim_run_for(pair_sim, 2 * GMUX__NS_PER_S - 1); /* one was owed */
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 0);
  sim_run_for(pair_sim, 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 1);
}

static void a_drained_server_sends_its_resets_before_it_goes(void) {
  set_pace(&server, 1, 1);
  rawpeer *p = pair_ready_server();
  for (uint32_t i = 0; i < 5; i++)
    raw_request(p, 1 + 2 * i, RAW_END_STREAM);
  sim_run(pair_sim);
  for (int i = 0; i < 5; i++)
    cancel(server.parties[i]);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(waiting(&server), 4);
  gmux__conn_drain(server.conn, "test");
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 5);
  sim_run_for(pair_sim, 10 * GMUX__NS_PER_S); /* the PING of the drain has no answer */
  CU_ASSERT_EQUAL(rawpeer_state(p), GMUX_ERR_EOF);
  CU_ASSERT_EQUAL(waiting(&server), 0);
}

static const test_case cases[] = {
    TEST(ten_thousand_cancels_send_no_more_resets_than_the_bucket_allows),
    TEST(resets_that_wait_leave_in_the_order_of_their_cancels),
    TEST(a_stream_whose_reset_waits_keeps_its_slot_until_the_peer_ends_it),
    TEST(a_stream_that_was_reset_counts_until_the_peer_shows_life),
    TEST(the_slot_of_a_stream_that_the_peer_had_ended_is_free_at_once),
    TEST(a_peer_whose_last_slot_was_reset_is_asked_for_a_sign_of_life),
    TEST(where_that_might_be_punished_the_slot_is_free_at_once),
    TEST(what_comes_for_a_stream_whose_reset_waits_is_drained),
    TEST(a_cancel_while_resets_wait_needs_no_memory),
    TEST(a_request_that_never_left_needs_no_token),
    TEST(a_reset_that_cannot_wait_is_counted),
    TEST(without_a_pace_all_leave_at_once),
    TEST(resets_wait_for_a_socket_that_takes_nothing),
    TEST(a_drained_client_does_not_wait_for_its_resets),
    TEST(a_lost_connection_takes_its_waiting_resets_along),
    TEST(an_answer_that_is_not_taken_yet_may_have_its_reset_wait),
    TEST(an_early_answer_ends_the_call_though_its_reset_waits),
    TEST(a_servers_stream_keeps_its_slot_while_its_reset_waits),
    TEST(a_refusal_does_not_wait_but_is_counted),
    TEST(a_drained_server_sends_its_resets_before_it_goes),
    TESTS_END,
};

extern const test_suite h2_resets_suite;
const test_suite h2_resets_suite = {"resets", cases, pair_setup, pair_teardown};
