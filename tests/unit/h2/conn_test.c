#include "tests/unit/h2/pair.h"
#include <gmux/error.h>
#include <string.h>

/* ---- greeting ---- */

static void is_not_ready_before_the_peers_settings(void) {
  rawpeer *p = pair_client_to_raw();
  CU_ASSERT_TRUE(rawpeer_has_preface(p));
  CU_ASSERT_EQUAL(gmux__conn_get_state(client.conn), GMUX__CONN_GREETING);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 0);
  ASSERT_LOG(&client, "");
  rawpeer_settings(p, 0, NULL, NULL);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_get_state(client.conn), GMUX__CONN_READY);
  ASSERT_LOG(&client, "R S");
}

static void announces_what_it_enforces(void) {
  rawpeer *p = pair_client_to_raw();
  const rawframe *f = rawpeer_find(p, RAW_SETTINGS, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  bool has_push = false, has_window = false, has_headers = false;
  for (size_t at = 0; at + 6 <= f->len; at += 6) {
    unsigned id = (unsigned)f->payload[at] << 8 | f->payload[at + 1];
    uint32_t value = rawframe_u32(f, at + 2);
    if (id == 2) has_push = value == 0;
    if (id == 4) has_window = value == 65535;
    if (id == 6) has_headers = value == 8192;
  }
  CU_ASSERT_TRUE(has_push);
  CU_ASSERT_TRUE(has_window);
  CU_ASSERT_TRUE(has_headers);
}

static void slots_follow_the_peers_limit_also_below_what_is_in_flight(void) {
  rawpeer *p = pair_client_to_raw();
  uint16_t id = 3;
  uint32_t limit = 2;
  rawpeer_settings(p, 1, &id, &limit);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 2);
  party_start();
  party_start();
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 0);
  party *third = party_new(&client);
  CU_ASSERT_EQUAL(party_open(third), GMUX_ERR_STATE);
  limit = 1;
  rawpeer_settings(p, 1, &id, &limit);
  sim_run(pair_sim);
  raw_trailers(p, 1, "0");
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 0);
  limit = 3;
  rawpeer_settings(p, 1, &id, &limit);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 2);
}

/* ---- one whole call ---- */

static void on_server_event(party *p, char event) {
  if (event == 'M') {
    if (!p->stream.send.has_headers) party_respond(p);
    CU_ASSERT_EQUAL(party_write(p, gmux__buf_data(&p->received), gmux__buf_len(&p->received)), 0);
    gmux__buf_consume(&p->received, gmux__buf_len(&p->received));
  }
  if (event == 'C') party_finish(p, "0");
}

static void echo(party *p) {
  p->on_event = on_server_event;
}

static void carries_a_call_there_and_back(void) {
  pair_connect();
  server.on_party = echo;
  party *p = party_start();
  CU_ASSERT_EQUAL(party_write(p, "hello", 5), 0);
  gmux__stream_half_close(&p->stream);
  sim_run(pair_sim);
  ASSERT_LOG(last_party(&server), "H M5 C X");
  ASSERT_LOG(p, "H M5 X");
  CU_ASSERT_EQUAL(p->how, GMUX__ENDING_FINISHED);
  CU_ASSERT_EQUAL(last_party(&server)->how, GMUX__ENDING_FINISHED);
  CU_ASSERT_EQUAL(p->status, 0);
  CU_ASSERT_EQUAL(p->evidence, GMUX_EVIDENCE_ANSWERED);
  CU_ASSERT_EQUAL(p->sent, 5);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 100);
}

static void a_turn_leaves_with_one_write(void) {
  pair_connect();
  server.on_party = echo;
  sim_link *link = sim_link_first(pair_sim);
  uint64_t before = sim_link_writes(link, SIM_TO_SERVER);
  for (int i = 0; i < 50; i++) {
    party *p = party_start();
    CU_ASSERT_EQUAL(party_write(p, "hello", 5), 0);
    gmux__stream_half_close(&p->stream);
  }
  sim_step(pair_sim);
  CU_ASSERT_EQUAL(sim_link_writes(link, SIM_TO_SERVER), before + 1);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(server.party_count, 50);
}

static void carries_large_messages_both_ways_whole(void) {
  static uint8_t big[3 << 20];
  for (size_t i = 0; i < sizeof big; i++)
    big[i] = (uint8_t)(i * 2654435761u >> 13);
  pair_connect();
  server.on_party = echo;
  party *p = party_start();
  CU_ASSERT_EQUAL(party_write(p, big, sizeof big), 0);
  gmux__stream_half_close(&p->stream);
  sim_run(pair_sim);
  ASSERT_LOG(p, "H M3145728 X");
  CU_ASSERT_EQUAL_FATAL(gmux__buf_len(&p->received), sizeof big);
  CU_ASSERT_EQUAL(memcmp(gmux__buf_data(&p->received), big, sizeof big), 0);
}

/* Of messages: in the loop's read buffer, and in memory of their own. */
static size_t in_place, put_together;

static void on_message_somewhere(gmux__stream *stream, gmux_bytes *message) {
  (void)stream;
  size_t len;
  const uint8_t *buf = gmux__loop_read_buffer(pair_loop, &len);
  if (message->data >= buf && message->data < buf + len)
    in_place++;
  else
    put_together++;
}

enum { FRAMES = 5, MESSAGES = 8 };

/* Frames of some messages each, which come by one read when the connection's share has grown. */
static void send_frames_of_messages(rawpeer *p) {
  enum { LEN = 1024, BODY = LEN - 5 };
  static const uint8_t one[LEN] = {0, 0, 0, BODY >> 8, BODY & 0xff};
  uint8_t payload[MESSAGES * LEN];
  for (size_t i = 0; i < MESSAGES; i++)
    memcpy(payload + i * LEN, one, LEN);
  for (int i = 0; i < FRAMES; i++)
    rawpeer_data(p, 1, 0, payload, sizeof payload, 0);
  sim_run(pair_sim);
}

static void a_streams_messages_are_delivered_where_they_lie(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  gmux__stream_handlers handlers = *c->stream.handlers;
  handlers.on_message = on_message_somewhere;
  c->stream.handlers = &handlers;
  sim_run(pair_sim);
  raw_response(p, 1);
  send_frames_of_messages(p);
  send_frames_of_messages(p);
  in_place = put_together = 0;
  send_frames_of_messages(p);
  CU_ASSERT_EQUAL(in_place, FRAMES * MESSAGES);
  CU_ASSERT_EQUAL(put_together, 0);
  gmux__stream_reset(&c->stream, 8);
  sim_run(pair_sim);
}

static size_t released;
static void on_release(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data;
  released += len;
}

static void owned_bytes_are_released_once_when_they_have_gone(void) {
  static uint8_t big[300000];
  pair_connect();
  released = 0;
  party *p = party_start();
  gmux_bytes bytes = gmux_bytes_wrap(big, sizeof big, on_release, NULL);
  CU_ASSERT_EQUAL(gmux__stream_write(&p->stream, &bytes), 0);
  CU_ASSERT_EQUAL(bytes.len, 0);
  CU_ASSERT_EQUAL(released, 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(released, sizeof big);
  ASSERT_LOG(last_party(&server), "H M300000");
}

static void a_reset_releases_what_was_queued(void) {
  static uint8_t big[300000];
  pair_connect();
  released = 0;
  party *p = party_start();
  gmux_bytes bytes = gmux_bytes_wrap(big, sizeof big, on_release, NULL);
  CU_ASSERT_EQUAL(gmux__stream_write(&p->stream, &bytes), 0);
  sim_step(pair_sim);
  gmux__stream_reset(&p->stream, 8);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(released, sizeof big);
  ASSERT_LOG(p, "");
  CU_ASSERT_EQUAL(last_party(&server)->how, GMUX__ENDING_RESET);
  CU_ASSERT_EQUAL(last_party(&server)->h2_code, 8);
}

/* ---- back-pressure ---- */

static void a_reader_without_credit_holds_back_its_stream_and_no_other(void) {
  static uint8_t chunk[30000];
  pair_connect();
  server.credit = 1;
  party *slow = party_start();
  for (int i = 0; i < 10; i++)
    CU_ASSERT_EQUAL(party_write(slow, chunk, sizeof chunk), 0);
  sim_run(pair_sim);
  party *slow_server = last_party(&server);
  ASSERT_LOG(slow_server, "H M30000");
  CU_ASSERT_TRUE(slow->sent < 10 * sizeof chunk);
  server.credit = GMUX_CREDIT_UNLIMITED;
  party *fast = party_start();
  for (int i = 0; i < 60; i++)
    CU_ASSERT_EQUAL(party_write(fast, chunk, sizeof chunk), 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(fast->sent, 60 * sizeof chunk);
  ASSERT_LOG(slow_server, "H M30000");
  gmux__stream_credit(&slow_server->stream, 9);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(slow->sent, 10 * sizeof chunk);
  CU_ASSERT_EQUAL(gmux__buf_len(&slow_server->received), 10 * sizeof chunk);
}

static void an_answer_that_is_not_taken_yet_outlives_its_connection(void) {
  rawpeer *p = pair_ready_client();
  client.credit = 1;
  party *c = party_start();
  gmux__stream_half_close(&c->stream);
  sim_run(pair_sim);
  raw_response(p, 1);
  rawpeer_grpc_message(p, 1, 0, "one", 3);
  rawpeer_grpc_message(p, 1, 0, "three", 5);
  raw_trailers(p, 1, "0");
  rawpeer_shutdown(p);
  sim_run(pair_sim);
  ASSERT_LOG(c, "H M3");
  ASSERT_LOG(&client, "R S D");
  gmux__stream_credit(&c->stream, 1);
  sim_run(pair_sim);
  ASSERT_LOG(c, "H M3 M5 X");
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_FINISHED);
  ASSERT_LOG(&client, "R S D X");
}

/* ---- ends ---- */

static void a_lost_connection_ends_its_streams_with_its_words(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  party *unsent = NULL;
  sim_run(pair_sim);
  unsent = party_start();
  rawpeer_reset(p);
  sim_run(pair_sim);
  ASSERT_LOG(c, "X");
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_LOST);
  CU_ASSERT_EQUAL(c->error, GMUX_ERR_IO);
  CU_ASSERT_EQUAL(c->evidence, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(unsent->how, GMUX__ENDING_LOST);
  CU_ASSERT_PTR_NOT_NULL(strstr(c->why, "127.0.0.1"));
  ASSERT_LOG(&client, "R S X");
}

static void what_the_peer_said_last_is_heard_when_writing_fails(void) {
  rawpeer *p = pair_ready_client();
  party *done = party_start(), *other = party_start();
  gmux__stream_half_close(&done->stream);
  sim_run(pair_sim);
  sim_net(pair_sim)->read_chunk = 9; /* so that a turn does not hear all before it writes */
  raw_response(p, 1);
  raw_trailers(p, 1, "0");
  rawpeer_goaway(p, 1, 11, "too_many_pings");
  sim_link *link = sim_link_first(pair_sim);
  for (int i = 0; i < 3; i++)
    sim_step(pair_sim); /* all arrives, a few bytes are read */
  sim_link_reset(link);
  CU_ASSERT_EQUAL(party_write(other, "x", 1), 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(done->how, GMUX__ENDING_FINISHED);
  CU_ASSERT_EQUAL(other->how, GMUX__ENDING_LOST);
  CU_ASSERT_EQUAL(other->evidence, GMUX_EVIDENCE_ABOVE_LAST);
  CU_ASSERT_PTR_NOT_NULL(strstr(client.why, "ENHANCE_YOUR_CALM \"too_many_pings\""));
}

static void refused_stream_is_evidence(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  sim_run(pair_sim);
  rawpeer_rst(p, 1, 7);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_RESET);
  CU_ASSERT_EQUAL(c->h2_code, 7);
  CU_ASSERT_EQUAL(c->evidence, GMUX_EVIDENCE_REFUSED);
}

static void goaway_refuses_new_streams_but_drains_old(void) {
  rawpeer *p = pair_ready_client();
  party *first = party_start(), *second = party_start();
  sim_run(pair_sim);
  rawpeer_goaway(p, 1, 0, "bye");
  sim_run(pair_sim);
  ASSERT_LOG(&client, "R S D");
  CU_ASSERT_EQUAL(gmux__conn_get_state(client.conn), GMUX__CONN_DRAINING);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 0);
  ASSERT_LOG(first, "D");
  ASSERT_LOG(second, "X");
  CU_ASSERT_EQUAL(second->how, GMUX__ENDING_LOST);
  CU_ASSERT_EQUAL(second->evidence, GMUX_EVIDENCE_ABOVE_LAST);
  CU_ASSERT_PTR_NOT_NULL(strstr(second->why, "GOAWAY NO_ERROR \"bye\""));
  gmux__stream_half_close(&first->stream);
  raw_response(p, 1);
  raw_trailers(p, 1, "0");
  sim_run(pair_sim);
  ASSERT_LOG(first, "D H X");
  CU_ASSERT_EQUAL(first->how, GMUX__ENDING_FINISHED);
  ASSERT_LOG(&client, "R S D X");
}

static void a_server_drains_in_two_steps(void) {
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, 0);
  sim_run(pair_sim);
  gmux__conn_drain(server.conn, "test");
  sim_run(pair_sim);
  const rawframe *first = rawpeer_find(p, RAW_GOAWAY, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(first);
  CU_ASSERT_EQUAL(rawframe_u32(first, 0), 0x7fffffff);
  const rawframe *ping = rawpeer_find(p, RAW_PING, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(ping);
  raw_request(p, 3, RAW_END_STREAM); /* sent before the client knew */
  rawpeer_ping(p, RAW_ACK, ping->payload);
  sim_run(pair_sim);
  const rawframe *final = rawpeer_find(p, RAW_GOAWAY, 0, 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(final);
  CU_ASSERT_EQUAL(rawframe_u32(final, 0), 3);
  CU_ASSERT_EQUAL_FATAL(server.party_count, 2);
  party_finish(server.parties[0], "0");
  CU_ASSERT_EQUAL(gmux__conn_get_state(server.conn), GMUX__CONN_DRAINING);
  sim_run(pair_sim);
  party_finish(server.parties[1], "0");
  sim_run(pair_sim);
  ASSERT_LOG(&server, "R S D");
  CU_ASSERT_EQUAL(rawpeer_state(p), GMUX_ERR_EOF);
  rawpeer_close(p);
  sim_run(pair_sim);
  ASSERT_LOG(&server, "R S D X");
  CU_ASSERT_EQUAL(server.loss, GMUX_LOSS_LOCAL);
}

/* Drained, and all is said: its half is shut. */
static rawpeer *pair_parted_server(void) {
  rawpeer *p = pair_ready_server();
  gmux__conn_drain(server.conn, "test");
  sim_run(pair_sim);
  rawpeer_ping(p, RAW_ACK, rawpeer_find(p, RAW_PING, 0, 0)->payload);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_state(p), GMUX_ERR_EOF);
  return p;
}

/* To close earlier would reset the connection, and with it what the client has not read yet. */
static void a_drained_server_closes_when_its_client_has_or_after_a_second(void) {
  rawpeer *p = pair_parted_server();
  sim_run_for(pair_sim, GMUX__NS_PER_S - 1);
  CU_ASSERT_PTR_NOT_NULL(server.conn);
  CU_ASSERT_EQUAL(rawpeer_state(p), GMUX_ERR_EOF);
  sim_run_for(pair_sim, 1);
  CU_ASSERT_PTR_NULL(server.conn);
  CU_ASSERT_EQUAL(server.loss, GMUX_LOSS_LOCAL);
  CU_ASSERT_PTR_NOT_NULL(strstr(server.why, "drained: test"));
}

static void what_comes_when_all_is_said_is_passed_over(void) {
  static const uint8_t opaque[RAW_PING_BYTES] = "too late";
  rawpeer *p = pair_parted_server();
  size_t frames = rawpeer_count(p, RAW_ANY, RAW_ANY);
  raw_request(p, 1, RAW_END_STREAM);
  rawpeer_ping(p, 0, opaque);
  rawpeer_send(p, "no frame of HTTP/2 at all", 25);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(server.party_count, 0);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_ANY, RAW_ANY), frames);
  ASSERT_LOG(&server, "R S D");
  rawpeer_reset(p);
  sim_run(pair_sim);
  ASSERT_LOG(&server, "R S D X");
  CU_ASSERT_EQUAL(server.error, GMUX_ERR_CLOSED);
}

static void a_client_that_leaves_in_good_order_breaks_no_rule(void) {
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, RAW_END_STREAM);
  rawpeer_goaway(p, 0, 0, NULL);
  sim_run(pair_sim);
  CU_ASSERT_PTR_NOT_NULL_FATAL(server.conn);
  party_finish(last_party(&server), "0");
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(last_party(&server)->how, GMUX__ENDING_FINISHED);
  CU_ASSERT_PTR_NULL(server.conn);
  CU_ASSERT_EQUAL(server.error, GMUX_ERR_EOF);
  const rawframe *goaway = rawpeer_find(p, RAW_GOAWAY, 0, 0);
  CU_ASSERT_TRUE(!goaway || rawframe_u32(goaway, 4) == 0);
}

static void a_drain_does_not_wait_for_ever_for_the_ping(void) {
  rawpeer *p = pair_ready_server();
  gmux__conn_drain(server.conn, "test");
  sim_run_for(pair_sim, 10 * GMUX__NS_PER_S - 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_GOAWAY, 0), 1);
  CU_ASSERT_PTR_NOT_NULL(server.conn);
  sim_run_for(pair_sim, 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_GOAWAY, 0), 2);
  CU_ASSERT_EQUAL(rawpeer_state(p), GMUX_ERR_EOF);
}

/* While the last GOAWAY waits for a peer that does not read, requests go on arriving: it has been
 * said that they were not taken, so they must not be. */
static void no_request_is_taken_above_the_last_id_of_a_goaway_that_waits(void) {
  static const uint8_t big[20000];
  sim_net(pair_sim)->buffer_bytes = 4096;
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, 0);
  sim_run(pair_sim);
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_CLIENT);
  party_respond(server.parties[0]);
  CU_ASSERT_EQUAL(party_write(server.parties[0], big, sizeof big), 0);
  sim_run(pair_sim);
  gmux__conn_drain(server.conn, "test");
  sim_run_for(pair_sim, 10 * GMUX__NS_PER_S);
  raw_request(p, 3, RAW_END_STREAM);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(server.party_count, 1);
  sim_link_stall(sim_link_first(pair_sim), 0);
  sim_run(pair_sim);
  const rawframe *last = rawpeer_find(p, RAW_GOAWAY, 0, 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(last);
  CU_ASSERT_EQUAL(rawframe_u32(last, 0), 1);
}

/* ---- the application calls back from every handler ---- */

static char when;
static void reset_then(party *p, char event) {
  if (event == when) gmux__stream_reset(&p->stream, 8);
}

static void close_then(party *p, char event) {
  if (event == when && p->side->conn)
    gmux__conn_close(p->side->conn, GMUX_ERR_CLOSED, 0, "the test says so");
}

static void whole_answer(void (*on_event)(party *, char), char event) {
  rawpeer *p = pair_ready_client();
  when = event;
  party *c = party_start(), *other = party_start();
  c->on_event = on_event;
  sim_run(pair_sim);
  raw_response(p, 1);
  rawpeer_grpc_message(p, 1, 0, "one", 3);
  rawpeer_grpc_message(p, 1, 0, "two", 3);
  raw_trailers(p, 1, "0");
  raw_response(p, 3);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(on_event == close_then ? other->is_closed : !other->is_closed);
}

static void may_be_reset_from_on_headers(void) {
  whole_answer(reset_then, 'H');
  ASSERT_LOG(client.parties[0], "H");
}
static void may_be_reset_from_on_message(void) {
  whole_answer(reset_then, 'M');
  ASSERT_LOG(client.parties[0], "H M3");
}
static void may_be_reset_from_on_closed(void) {
  whole_answer(reset_then, 'X');
  ASSERT_LOG(client.parties[0], "H M3 M3 X");
}
static void connection_may_be_closed_from_on_headers(void) {
  whole_answer(close_then, 'H');
}
static void connection_may_be_closed_from_on_message(void) {
  whole_answer(close_then, 'M');
}
static void connection_may_be_closed_from_on_closed(void) {
  whole_answer(close_then, 'X');
}

static void a_finished_stream_is_never_reset(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  gmux__stream_half_close(&c->stream);
  sim_run(pair_sim);
  raw_response(p, 1);
  raw_trailers(p, 1, "0");
  sim_run(pair_sim);
  gmux__stream_reset(&c->stream, 8);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 0);
}

static void an_early_answer_ends_the_call_and_tells_the_server_to_stop_listening(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  sim_run(pair_sim);
  raw_response(p, 1);
  raw_trailers(p, 1, "5");
  sim_run(pair_sim);
  ASSERT_LOG(c, "H X");
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_FINISHED);
  const rawframe *rst = rawpeer_find(p, RAW_RST_STREAM, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(rst);
  CU_ASSERT_EQUAL(rawframe_u32(rst, 0), 0);
}

static void a_stream_that_never_left_is_forgotten_without_a_frame(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  gmux__stream_reset(&c->stream, 8);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(c->stream.end.evidence, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 0);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 0);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 100);
}

static void trailers_only_comes_as_trailers(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  sim_run(pair_sim);
  const char *const pairs[] = {":status",          "200",         "content-type",
                               "application/grpc", "grpc-status", "12",
                               "grpc-message",     "no%20such",   NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS | RAW_END_STREAM, pairs);
  sim_run(pair_sim);
  ASSERT_LOG(c, "X");
  CU_ASSERT_EQUAL(c->status, 12);
  CU_ASSERT_STRING_EQUAL(c->message, "no such");
}

static void informational_headers_are_skipped(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  sim_run(pair_sim);
  const char *const pairs[] = {":status", "103", "link", "x", NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS, pairs);
  sim_run(pair_sim);
  ASSERT_LOG(c, "");
  raw_response(p, 1);
  sim_run(pair_sim);
  ASSERT_LOG(c, "H");
  CU_ASSERT_EQUAL(c->stream.in->head.http_status, 200);
}

static void padding_is_given_back_to_both_windows(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  sim_run(pair_sim);
  raw_response(p, 1);
  /* 6,000 frames of 5 + 256 bytes: 1.5 MB of padding through a stream window of 65,535 bytes. */
  uint8_t bytes[5] = {0, 0, 0, 0, 0};
  for (int round = 0; round < 60; round++) {
    for (int i = 0; i < 100; i++)
      rawpeer_data(p, 1, 0, bytes, 5, 255);
    sim_run(pair_sim);
    CU_ASSERT_FALSE_FATAL(c->is_closed);
  }
  uint64_t stream = 0, connection = 0;
  for (size_t i = 0; i < rawpeer_count(p, RAW_WINDOW_UPDATE, 1); i++)
    stream += rawframe_u32(rawpeer_find(p, RAW_WINDOW_UPDATE, 1, i), 0);
  for (size_t i = 0; i < rawpeer_count(p, RAW_WINDOW_UPDATE, 0); i++)
    connection += rawframe_u32(rawpeer_find(p, RAW_WINDOW_UPDATE, 0, i), 0);
  CU_ASSERT_TRUE(stream > UINT64_C(6000) * 261 - 65535);
  CU_ASSERT_TRUE(connection > UINT64_C(6000) * 261 - (1 << 20));
}

static void a_message_over_the_limit_ends_its_stream_alone(void) {
  rawpeer *p = pair_ready_client();
  client.max_recv_bytes = 10;
  party *c = party_start(), *other = party_start();
  sim_run(pair_sim);
  raw_response(p, 1);
  const uint8_t prefix[5] = {0, 0xff, 0xff, 0xff, 0xff};
  rawpeer_data(p, 1, 0, prefix, 5, 0);
  sim_run(pair_sim);
  ASSERT_LOG(c, "H X");
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_BROKEN);
  CU_ASSERT_EQUAL(c->error, GMUX_ERR_TOO_LARGE);
  CU_ASSERT_PTR_NOT_NULL(strstr(c->why, "10"));
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 1);
  raw_response(p, 3);
  raw_trailers(p, 3, "0");
  sim_run(pair_sim);
  ASSERT_LOG(other, "H X");
}

/* The whole answer is there at once. */
static void answer_too_large(const char *status) {
  rawpeer *p = pair_ready_client();
  client.max_recv_bytes = 10;
  party *c = party_start();
  gmux__stream_half_close(&c->stream);
  sim_run(pair_sim);
  raw_response(p, 1);
  rawpeer_grpc_message(p, 1, 0, "too long for ten", 16);
  raw_trailers(p, 1, status);
  sim_run(pair_sim);
  ASSERT_LOG(c, "H X");
}

static void a_message_over_the_limit_is_not_ok_whatever_its_status(void) {
  answer_too_large("0");
  CU_ASSERT_EQUAL(client.parties[0]->how, GMUX__ENDING_BROKEN);
  CU_ASSERT_EQUAL(client.parties[0]->error, GMUX_ERR_TOO_LARGE);
}

static void a_status_is_told_though_a_message_before_it_was_over_the_limit(void) {
  answer_too_large("10");
  CU_ASSERT_EQUAL(client.parties[0]->how, GMUX__ENDING_FINISHED);
  CU_ASSERT_EQUAL(client.parties[0]->status, 10);
}

static void an_end_in_the_middle_of_a_message_is_an_error(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  sim_run(pair_sim);
  raw_response(p, 1);
  const uint8_t part[] = {0, 0, 0, 0, 9, 'x'};
  rawpeer_data(p, 1, 0, part, sizeof part, 0);
  raw_trailers(p, 1, "0");
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_BROKEN);
  CU_ASSERT_EQUAL(c->error, GMUX_ERR_PROTOCOL);
}

static void streams_over_the_limit_are_refused_before_it_is_acknowledged(void) {
  pair_config(&server)->max_streams = 2;
  rawpeer *p = pair_server_to_raw();
  rawpeer_preface(p);
  rawpeer_settings(p, 0, NULL, NULL);
  for (uint32_t id = 1; id <= 7; id += 2)
    raw_request(p, id, 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(server.party_count, 2);
  for (uint32_t id = 5; id <= 7; id += 2) {
    const rawframe *rst = rawpeer_find(p, RAW_RST_STREAM, id, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rst);
    CU_ASSERT_EQUAL(rawframe_u32(rst, 0), 7);
  }
  rawpeer_rst(p, 1, 8);
  raw_request(p, 9, 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(server.party_count, 3);
}

static void what_is_not_http2_ends_the_connection_in_words(void) {
  rawpeer *p = pair_server_to_raw();
  const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  rawpeer_send(p, text, sizeof text - 1);
  sim_run(pair_sim);
  ASSERT_LOG(&server, "X");
  CU_ASSERT_EQUAL(server.error, GMUX_ERR_PROTOCOL);
  CU_ASSERT_PTR_NOT_NULL(strstr(server.why, "does not speak HTTP/2"));
}

static void frames_at_the_wrong_time_end_the_connection(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_start();
  sim_run(pair_sim);
  rawpeer_frame(p, RAW_DATA, 0, 2, "x", 1); /* a stream that nobody opened */
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_LOST);
  CU_ASSERT_EQUAL(client.error, GMUX_ERR_PROTOCOL);
  const rawframe *goaway = rawpeer_find(p, RAW_GOAWAY, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(goaway);
  CU_ASSERT_EQUAL(rawframe_u32(goaway, 4), 1);
}

static void pings_are_answered_around_a_call(void) {
  rawpeer *p = pair_ready_client();
  party_start();
  sim_run(pair_sim);
  const uint8_t opaque[8] = "12345678";
  rawpeer_ping(p, 0, opaque);
  raw_response(p, 1);
  rawpeer_ping(p, 0, opaque);
  raw_trailers(p, 1, "0");
  rawpeer_ping(p, 0, opaque);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 3);
  CU_ASSERT_EQUAL(rawpeer_find(p, RAW_PING, 0, 2)->flags, RAW_ACK);
}

static void works_byte_by_byte(void) {
  sim_net(pair_sim)->read_chunk = 1;
  pair_connect();
  server.on_party = echo;
  party *p = party_start();
  CU_ASSERT_EQUAL(party_write(p, "hello", 5), 0);
  CU_ASSERT_EQUAL(party_write(p, "", 0), 0);
  gmux__stream_half_close(&p->stream);
  sim_run(pair_sim);
  ASSERT_LOG(p, "H M5 M0 X");
  CU_ASSERT_EQUAL(p->status, 0);
}

static void works_when_a_write_takes_one_byte(void) {
  sim_net(pair_sim)->write_chunk = 1;
  static uint8_t body[20000];
  pair_connect();
  server.on_party = echo;
  party *p = party_start();
  CU_ASSERT_EQUAL(party_write(p, body, sizeof body), 0);
  gmux__stream_half_close(&p->stream);
  sim_run(pair_sim);
  ASSERT_LOG(p, "H M20000 X");
}

static void a_peer_that_does_not_read_stops_the_writer(void) {
  static uint8_t chunk[50000];
  rawpeer *p = pair_client_to_raw();
  uint16_t id = 4;
  uint32_t window = 0x7fffffff;
  rawpeer_settings(p, 1, &id, &window);
  rawpeer_window_update(p, 0, 0x7fff0000 - 65535);
  sim_run(pair_sim);
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_SERVER);
  party *c = party_start();
  for (int i = 0; i < 40; i++)
    CU_ASSERT_EQUAL(party_write(c, chunk, sizeof chunk), 0);
  sim_run(pair_sim);
  /* The pipe (64 KiB) and one filling of the output: nothing runs ahead of the socket. */
  CU_ASSERT_TRUE(c->sent <= 65536 + 65536 + sizeof chunk);
  sim_link_stall(sim_link_first(pair_sim), 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(c->sent, 40 * sizeof chunk);
}

static int bad_messages;

static void on_bad_message(gmux__stream *stream, int error, const char *why) {
  (void)stream, (void)why;
  CU_ASSERT_EQUAL(error, GMUX_ERR_PROTOCOL);
  bad_messages++;
}

static void a_bad_message_is_told_once_whatever_credit_is_granted(void) {
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, 0);
  sim_run(pair_sim);
  party *s = last_party(&server);
  gmux__stream_handlers handlers = *s->stream.handlers;
  handlers.on_bad_message = on_bad_message;
  s->stream.handlers = &handlers;
  bad_messages = 0;
  const uint8_t compressed[] = {1, 0, 0, 0, 1, 'x'}; /* and no grpc-encoding */
  rawpeer_data(p, 1, 0, compressed, sizeof compressed, 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(bad_messages, 1);
  gmux__stream_credit(&s->stream, 1);
  rawpeer_grpc_message(p, 1, RAW_END_STREAM, "next", 4);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(bad_messages, 1);
  ASSERT_LOG(s, "H");
  gmux__stream_reset(&s->stream, 8);
  sim_run(pair_sim);
}

static void a_message_cut_short_by_the_end_is_bad_and_told_once(void) {
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, 0);
  sim_run(pair_sim);
  party *s = last_party(&server);
  gmux__stream_handlers handlers = *s->stream.handlers;
  handlers.on_bad_message = on_bad_message;
  s->stream.handlers = &handlers;
  bad_messages = 0;
  rawpeer_data(p, 1, RAW_END_STREAM, "\0\0\0\0\5he", 7, 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(bad_messages, 1);
  gmux__stream_credit(&s->stream, 1);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(bad_messages, 1);
  ASSERT_LOG(s, "H");            /* no half-close, which would say that all has come */
  CU_ASSERT_FALSE(s->is_closed); /* it may still be answered */
  gmux__stream_reset(&s->stream, 8);
  sim_run(pair_sim);
}

/* A block stops at 64 KiB, as nghttp2 has it. */
static const uint8_t huge_value[70000] = {[0 ... 69999] = 'v'};

static void a_request_too_large_for_http2_leaves_nothing_on_the_wire(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_new(&client);
  const gmux__field fields[] = {
      {.name = (const uint8_t *)"x-huge",
       .value = huge_value,
       .name_len = sizeof "x-huge" - 1,
       .value_len = sizeof huge_value,
       .is_name_lasting = true,
       .is_value_lasting = true},
  };
  CU_ASSERT_EQUAL(gmux__stream_open(&c->stream, client.conn, fields, 1), GMUX_ERR_TOO_LARGE);
  sim_run(pair_sim);
  ASSERT_LOG(c, "");
  CU_ASSERT_EQUAL(gmux__stream_evidence(&c->stream), GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 0);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 0); /* of an idle stream: illegal */
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 100);
}

static void trailers_too_large_for_http2_end_their_stream(void) {
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, RAW_END_STREAM);
  sim_run(pair_sim);
  party *s = last_party(&server);
  s->trailers[0] = (gmux__field){.name = (const uint8_t *)"x-huge",
                                 .value = huge_value,
                                 .name_len = sizeof "x-huge" - 1,
                                 .value_len = sizeof huge_value,
                                 .is_name_lasting = true,
                                 .is_value_lasting = true};
  s->trailer_count = 1;
  party_respond(s);
  gmux__stream_finish(&s->stream, 1);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(s->is_closed);
  CU_ASSERT_EQUAL(s->error, GMUX_ERR_TOO_LARGE);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 1);
}

static void a_peer_that_makes_us_answer_and_does_not_read_is_cut_off(void) {
  pair_config(&server)->max_streams = 2;
  rawpeer *p = pair_server_to_raw();
  rawpeer_preface(p);
  rawpeer_settings(p, 0, NULL, NULL); /* ours are never acknowledged */
  sim_run(pair_sim);
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_CLIENT);
  for (uint32_t id = 1; id <= 60001 && !strstr(server.log, "X"); id += 2) {
    raw_request(p, id, 0);
    if (id % 1000 == 1) sim_run(pair_sim);
  }
  CU_ASSERT_PTR_NOT_NULL(strstr(server.log, "X"));
  CU_ASSERT_EQUAL(server.error, GMUX_ERR_PROTOCOL);
}

static const test_case cases[] = {
    TEST(is_not_ready_before_the_peers_settings),
    TEST(announces_what_it_enforces),
    TEST(slots_follow_the_peers_limit_also_below_what_is_in_flight),
    TEST(carries_a_call_there_and_back),
    TEST(a_turn_leaves_with_one_write),
    TEST(carries_large_messages_both_ways_whole),
    TEST(a_streams_messages_are_delivered_where_they_lie),
    TEST(owned_bytes_are_released_once_when_they_have_gone),
    TEST(a_reset_releases_what_was_queued),
    TEST(a_reader_without_credit_holds_back_its_stream_and_no_other),
    TEST(an_answer_that_is_not_taken_yet_outlives_its_connection),
    TEST(a_lost_connection_ends_its_streams_with_its_words),
    TEST(what_the_peer_said_last_is_heard_when_writing_fails),
    TEST(refused_stream_is_evidence),
    TEST(goaway_refuses_new_streams_but_drains_old),
    TEST(a_server_drains_in_two_steps),
    TEST(a_drained_server_closes_when_its_client_has_or_after_a_second),
    TEST(what_comes_when_all_is_said_is_passed_over),
    TEST(a_client_that_leaves_in_good_order_breaks_no_rule),
    TEST(a_drain_does_not_wait_for_ever_for_the_ping),
    TEST(no_request_is_taken_above_the_last_id_of_a_goaway_that_waits),
    TEST(may_be_reset_from_on_headers),
    TEST(may_be_reset_from_on_message),
    TEST(may_be_reset_from_on_closed),
    TEST(connection_may_be_closed_from_on_headers),
    TEST(connection_may_be_closed_from_on_message),
    TEST(connection_may_be_closed_from_on_closed),
    TEST(a_finished_stream_is_never_reset),
    TEST(an_early_answer_ends_the_call_and_tells_the_server_to_stop_listening),
    TEST(a_stream_that_never_left_is_forgotten_without_a_frame),
    TEST(trailers_only_comes_as_trailers),
    TEST(informational_headers_are_skipped),
    TEST(padding_is_given_back_to_both_windows),
    TEST(a_message_over_the_limit_ends_its_stream_alone),
    TEST(a_message_over_the_limit_is_not_ok_whatever_its_status),
    TEST(a_status_is_told_though_a_message_before_it_was_over_the_limit),
    TEST(an_end_in_the_middle_of_a_message_is_an_error),
    TEST(streams_over_the_limit_are_refused_before_it_is_acknowledged),
    TEST(what_is_not_http2_ends_the_connection_in_words),
    TEST(frames_at_the_wrong_time_end_the_connection),
    TEST(pings_are_answered_around_a_call),
    TEST(works_byte_by_byte),
    TEST(works_when_a_write_takes_one_byte),
    TEST(a_peer_that_does_not_read_stops_the_writer),
    TEST(a_bad_message_is_told_once_whatever_credit_is_granted),
    TEST(a_message_cut_short_by_the_end_is_bad_and_told_once),
    TEST(a_request_too_large_for_http2_leaves_nothing_on_the_wire),
    TEST(trailers_too_large_for_http2_end_their_stream),
    TEST(a_peer_that_makes_us_answer_and_does_not_read_is_cut_off),
    TESTS_END,
};

extern const test_suite h2_conn_suite;
const test_suite h2_conn_suite = {"conn", cases, pair_setup, pair_teardown};
