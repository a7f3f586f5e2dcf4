/* windows_test.c: large messages over far links, and windows as wide as the path needs. */
#include "lib/h2/inside.h"
#include "tests/sim/net.h"
#include "tests/unit/h2/pair.h"
#include <string.h>

#define MS GMUX__NS_PER_MS

enum { KIB = 1024, MIB = 1024 * 1024, STREAM = 256 * KIB, WHOLE = 4 * MIB, WIDE = 16 * MIB };

/* 800 Mbit/s and 100 ms: 10 MiB are under way when it is full. */
static const uint64_t ONE_WAY = 50 * MS;
static const uint64_t LINK_BYTES_PER_S = 100 * MIB;

static uint8_t block[MIB];

static void window_config(const side *of, uint32_t stream, uint32_t connection, uint32_t most) {
  gmux__h2_config_windows(pair_config(of), stream, connection, most);
}

/* What comes from the server is to be looked at; a client's requests go the same way, and back. */
static void connect_over(uint64_t one_way_ns, uint64_t bytes_per_s) {
  sim_net(pair_sim)->latency_ns = one_way_ns;
  sim_net(pair_sim)->buffer_bytes = 64 * MIB;
  pair_connect_slowly();
  const gmux__address *at = &gmux__conn_info(client.conn)->peer;
  sim_net_drip(pair_sim, at, SIM_BOTH_WAYS, bytes_per_s);
}

static party *call_over(uint64_t one_way_ns, uint64_t bytes_per_s) {
  connect_over(one_way_ns, bytes_per_s);
  party *p = party_start();
  sim_run_for(pair_sim, 2 * one_way_ns + MS);
  return p;
}

static party *far_call(uint32_t max_window_bytes) {
  window_config(&client, 0, 0, max_window_bytes);
  return call_over(ONE_WAY, LINK_BYTES_PER_S);
}

static void send_blocks(party *from, size_t blocks) {
  for (size_t i = 0; i < blocks; i++)
    CU_ASSERT_EQUAL_FATAL(party_write(from, block, sizeof block), 0);
}

static size_t wanted;
static bool has_all(void *arg) {
  const party *p = arg;
  return p->received_bytes >= wanted;
}

/* How long it takes from the first byte at `from` to the last at `to`, ns. */
static uint64_t time_of(party *from, party *to, size_t blocks) {
  wanted = to->received_bytes + blocks * sizeof block;
  uint64_t began_ns = sim_now(pair_sim);
  send_blocks(from, blocks);
  CU_ASSERT_TRUE_FATAL(sim_run_until(pair_sim, has_all, to, 120 * GMUX__NS_PER_S));
  return sim_now(pair_sim) - began_ns;
}

static uint64_t time_of_answer(party *p, size_t blocks) {
  party_respond(last_party(&server));
  return time_of(last_party(&server), p, blocks);
}

static uint64_t link_ns(size_t bytes) {
  return (uint64_t)bytes * GMUX__NS_PER_S / LINK_BYTES_PER_S;
}

static uint32_t stream_window(const party *p) {
  nghttp2_session *session = p->side->conn->session;
  int32_t size = nghttp2_session_get_stream_effective_local_window_size(session, p->stream.id);
  return (uint32_t)size;
}

/* What came and is not given back yet. */
static uint64_t unreturned(const party *p) {
  nghttp2_session *session = p->side->conn->session;
  return (uint64_t)nghttp2_session_get_stream_effective_recv_data_length(session, p->stream.id);
}

static uint32_t conn_window(const side *of) {
  return (uint32_t)nghttp2_session_get_effective_local_window_size(of->conn->session);
}

/* ---- far ---- */

/* Five to the width that it needs, and one for the first byte and the last. */
static void a_stream_fills_a_far_link_within_six_round_trips(void) {
  enum { BLOCKS = 200 };
  party *p = far_call(32 * MIB);
  uint64_t took_ns = time_of_answer(p, BLOCKS);
  CU_ASSERT_TRUE(took_ns < link_ns(BLOCKS * MIB) + 6 * 2 * ONE_WAY);
  CU_ASSERT_TRUE(stream_window(p) > 18 * MIB);
  CU_ASSERT_TRUE(stream_window(p) < 24 * MIB);
  CU_ASSERT_TRUE(conn_window(&client) > 18 * MIB);
}

static void so_does_one_that_a_server_receives(void) {
  enum { BLOCKS = 200 };
  window_config(&server, 0, 0, 32 * MIB);
  party *p = call_over(ONE_WAY, LINK_BYTES_PER_S);
  uint64_t took_ns = time_of(p, last_party(&server), BLOCKS);
  CU_ASSERT_TRUE(took_ns < link_ns(BLOCKS * MIB) + 6 * 2 * ONE_WAY);
  CU_ASSERT_TRUE(stream_window(last_party(&server)) > 18 * MIB);
}

static void so_does_a_stream_of_small_messages(void) {
  enum { SIZE = 1000, COUNT = 60000 };
  party *p = far_call(32 * MIB);
  party_respond(last_party(&server));
  wanted = (size_t)SIZE * COUNT;
  uint64_t began_ns = sim_now(pair_sim);
  for (int i = 0; i < COUNT; i++)
    CU_ASSERT_EQUAL_FATAL(party_write(last_party(&server), block, SIZE), 0);
  CU_ASSERT_TRUE_FATAL(sim_run_until(pair_sim, has_all, p, 120 * GMUX__NS_PER_S));
  CU_ASSERT_TRUE(sim_now(pair_sim) - began_ns < link_ns(wanted) + 7 * 2 * ONE_WAY);
}

/* What the tests above would find without it. */
static void a_window_that_was_set_stays_and_carries_itself_once_a_round_trip(void) {
  enum { BLOCKS = 8 };
  window_config(&client, STREAM, WHOLE, WIDE);
  party *p = call_over(ONE_WAY, LINK_BYTES_PER_S);
  CU_ASSERT_TRUE(time_of_answer(p, BLOCKS) > (BLOCKS * MIB / STREAM - 4) * 2 * ONE_WAY);
  CU_ASSERT_EQUAL(stream_window(p), STREAM);
  CU_ASSERT_EQUAL(conn_window(&client), WHOLE);
}

static void without_a_bound_for_it_no_window_is_changed(void) {
  party *p = far_call(0);
  time_of_answer(p, 8);
  CU_ASSERT_EQUAL(stream_window(p), STREAM);
  CU_ASSERT_EQUAL(conn_window(&client), WHOLE);
}

static void not_one_ping_is_sent_for_it(void) {
  party *p = far_call(WIDE);
  time_of_answer(p, 50);
  CU_ASSERT_TRUE(stream_window(p) > STREAM);
  CU_ASSERT_EQUAL(gmux__counter_get(&gmux__h2_get_figures(client.h2)->pings_sent), 0);
  CU_ASSERT_EQUAL(gmux__counter_get(&gmux__h2_get_figures(server.h2)->pings_received), 0);
}

static void a_message_of_64_kib_never_waits_for_a_window(void) {
  party *p = far_call(WIDE);
  wanted = 64 * KIB;
  party *served = last_party(&server);
  party_respond(served);
  uint64_t began_ns = sim_now(pair_sim);
  CU_ASSERT_EQUAL_FATAL(party_write(served, block, 64 * KIB), 0);
  CU_ASSERT_TRUE_FATAL(sim_run_until(pair_sim, has_all, p, GMUX__NS_PER_S));
  CU_ASSERT_TRUE(sim_now(pair_sim) - began_ns < ONE_WAY + link_ns(64 * KIB) + 3 * MS);
}

/* The next one has not to find out for itself: a quarter of its first window is enough. */
static void what_a_stream_has_needed_later_ones_get_at_once(void) {
  enum { BLOCKS = 40 };
  party *p = far_call(WIDE);
  time_of_answer(p, 100);
  party *next = party_start();
  sim_run_for(pair_sim, 2 * ONE_WAY + MS);
  gmux__stream_reset(&p->stream, NGHTTP2_CANCEL);
  sim_run_for(pair_sim, 4 * ONE_WAY);
  CU_ASSERT_TRUE(time_of_answer(next, BLOCKS) < link_ns(BLOCKS * MIB) + 3 * 2 * ONE_WAY);
}

/* ---- near ---- */

static void over_a_short_way_the_connections_window_becomes_narrower(void) {
  window_config(&client, 0, 0, WIDE);
  party *p = call_over(MS / 10, LINK_BYTES_PER_S);
  time_of_answer(p, 20);
  CU_ASSERT_EQUAL(conn_window(&client), 1 * MIB);
  CU_ASSERT_EQUAL(stream_window(p), STREAM);
  CU_ASSERT_EQUAL(client.h2->widened, 0);
}

static void one_that_was_set_stays_there_too(void) {
  window_config(&client, 0, 2 * MIB, WIDE);
  party *p = call_over(MS / 10, LINK_BYTES_PER_S);
  time_of_answer(p, 20);
  CU_ASSERT_EQUAL(conn_window(&client), 2 * MIB);
}

/* What is behind a large message in the queues of a short way waits for a window at most. */
static void no_more_than_that_is_under_way(void) {
  window_config(&client, 0, 0, WIDE);
  party *first = call_over(MS / 10, LINK_BYTES_PER_S);
  time_of_answer(first, 20);
  for (int i = 0; i < 7; i++) {
    party_start();
    sim_run_for(pair_sim, MS);
    party_respond(last_party(&server));
  }
  for (size_t i = 0; i < server.party_count; i++)
    send_blocks(server.parties[i], 4);
  for (int i = 0; i < 100; i++) {
    sim_run_for(pair_sim, MS);
    sim_link *link = sim_link_first(pair_sim);
    uint64_t sent = sim_link_bytes(link, SIM_TO_CLIENT);
    uint64_t came = gmux__counter_get(&gmux__h2_get_figures(client.h2)->bytes_received);
    CU_ASSERT_TRUE(sent - came <= 1 * MIB + 64 * KIB);
  }
}

static void small_calls_change_nothing(void) {
  window_config(&client, 0, 0, WIDE);
  party *p = call_over(MS / 10, 0);
  party_respond(last_party(&server));
  for (int i = 0; i < 1000; i++) {
    CU_ASSERT_EQUAL_FATAL(party_write(last_party(&server), block, 1 * KIB), 0);
    sim_run_for(pair_sim, MS);
  }
  CU_ASSERT_EQUAL(p->received_bytes, 1000 * KIB);
  CU_ASSERT_EQUAL(client.conn->windows.own.bytes, 0);
}

/* ---- idle ---- */

static void after_ten_seconds_without_traffic_what_is_given_next_is_small_again(void) {
  party *p = far_call(WIDE);
  time_of_answer(p, 100);
  CU_ASSERT_TRUE(stream_window(p) > 8 * MIB);
  sim_run_for(pair_sim, 11 * GMUX__NS_PER_S);
  time_of(last_party(&server), p, 1);
  CU_ASSERT_EQUAL(stream_window(p), STREAM);
  CU_ASSERT_EQUAL(conn_window(&client), WHOLE);
  CU_ASSERT_EQUAL(client.conn->windows.learned, STREAM);
  /* The peer may still use what it was given: it counts until the stream has ended. */
  CU_ASSERT_TRUE(client.h2->widened > 0);
  gmux__stream_reset(&p->stream, NGHTTP2_CANCEL);
  CU_ASSERT_EQUAL(client.h2->widened, 0);
  CU_ASSERT_EQUAL(client.conn->windows.widened, 0);
}

static void a_stream_that_flows_keeps_its_window(void) {
  party *p = far_call(WIDE);
  time_of_answer(p, 100);
  for (int i = 0; i < 10; i++) {
    time_of(last_party(&server), p, 100);
    CU_ASSERT_TRUE(stream_window(p) > 15 * MIB);
  }
}

/* ---- bounds ---- */

static void who_does_not_take_what_comes_is_given_no_more(void) {
  client.credit = 0;
  party *p = far_call(WIDE);
  party_respond(last_party(&server));
  send_blocks(last_party(&server), 4);
  sim_run_for(pair_sim, 2 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(stream_window(p), STREAM);
  CU_ASSERT_EQUAL(gmux__buf_len(&p->stream.in->pending), STREAM);
}

static void check_unread(const party *p) {
  size_t unread = gmux__buf_len(&p->stream.in->pending);
  CU_ASSERT_TRUE(unread > STREAM);
  CU_ASSERT_TRUE(unread <= STREAM + client.h2->widened);
  CU_ASSERT_TRUE(client.h2->widened <= WIDE);
}

/* It was read swiftly for long, and then no more, and then a message now and then. */
static void all_that_may_lie_unread_is_what_it_was_given(void) {
  client.credit = 100;
  party *p = far_call(WIDE);
  time_of_answer(p, 100);
  send_blocks(last_party(&server), 60);
  sim_run_for(pair_sim, 5 * GMUX__NS_PER_S);
  check_unread(p);
  for (int i = 0; i < 10; i++) {
    gmux__stream_credit(&p->stream, 1);
    sim_run_for(pair_sim, GMUX__NS_PER_S);
    check_unread(p);
  }
}

static void answer_all(size_t blocks) {
  for (size_t i = 0; i < server.party_count; i++) {
    party_respond(server.parties[i]);
    send_blocks(server.parties[i], blocks);
  }
}

static void all_streams_together_are_given_no_more_than_the_bound(void) {
  enum { STREAMS = 8, BOUND = 2 * MIB };
  far_call(BOUND);
  for (int i = 1; i < STREAMS; i++)
    party_start();
  sim_run_for(pair_sim, 2 * ONE_WAY + MS);
  answer_all(16);
  uint64_t most = 0;
  for (int i = 0; i < 300; i++) {
    sim_run_for(pair_sim, 40 * MS);
    if (client.h2->widened > most) most = client.h2->widened;
    uint64_t given = 0;
    for (int k = 0; k < STREAMS; k++)
      given += client.parties[k]->stream.in->widened;
    CU_ASSERT_EQUAL(client.h2->widened, given);
  }
  CU_ASSERT_TRUE(most > BOUND / 2 && most <= BOUND);
  for (int k = 0; k < STREAMS; k++)
    CU_ASSERT_EQUAL(client.parties[k]->received_bytes, 16 * MIB);
}

static void and_all_connections_no_more_than_four_times_that(void) {
  const uint64_t others = 4 * (uint64_t)WIDE - MIB;
  party *p = far_call(WIDE);
  client.h2->widened = others;
  time_of_answer(p, 20);
  CU_ASSERT_EQUAL(stream_window(p), STREAM + MIB);
  CU_ASSERT_EQUAL(client.h2->widened, others + MIB);
  client.h2->widened -= others;
}

static void under_a_ceiling_of_memory_streams_are_given_nothing(void) {
  pair_config(&client)->max_memory_bytes = 64 * MIB;
  party *p = far_call(WIDE);
  time_of_answer(p, 4);
  CU_ASSERT_EQUAL(client.h2->widened, 0);
  CU_ASSERT_EQUAL(stream_window(p), 16 * KIB);
}

/* A server whose SETTINGS ACK and answers come so late that it looks as far as that: it has begun
 * to answer one call. */
static rawpeer *raw_at_distance(uint64_t delay_ns) {
  rawpeer *raw = pair_client_to_raw();
  rawpeer_settings(raw, 0, NULL, NULL);
  sim_run_for(pair_sim, delay_ns);
  rawpeer_settings_ack(raw);
  sim_run(pair_sim);
  party_start();
  sim_run_for(pair_sim, delay_ns);
  raw_response(raw, 1);
  return raw;
}

/* One that with its prefix is as long as this. */
static void fill_with_a_message(size_t bytes) {
  size_t length = bytes - 5;
  memset(block, 0, bytes);
  block[3] = (uint8_t)(length >> 8);
  block[4] = (uint8_t)length;
}

/* And it sends more than it may. */
static void a_peer_that_feigns_distance_gets_the_bound_and_no_more(void) {
  enum { FRAME = 16380 };
  window_config(&client, 0, 0, 8 * MIB);
  rawpeer *raw = raw_at_distance(10 * GMUX__NS_PER_S);
  party *p = last_party(&client);
  fill_with_a_message(FRAME);
  for (int i = 0; i < 4000; i++) {
    rawpeer_data(raw, 1, 0, block, FRAME, 0);
    sim_run_for(pair_sim, 20 * MS);
  }
  CU_ASSERT_EQUAL(gmux__conn_get_state(client.conn), GMUX__CONN_READY);
  CU_ASSERT_TRUE(stream_window(p) > STREAM);
  CU_ASSERT_TRUE(stream_window(p) <= 8 * MIB);
  CU_ASSERT_TRUE(conn_window(&client) <= 8 * MIB);
  CU_ASSERT_TRUE(client.h2->widened <= 8 * MIB);
}

/* An acknowledgement lifts the windows of streams that were there before it, by what SETTINGS said:
 * one that had been widened would be that much wider than what is counted of it. */
static void who_owes_the_acknowledgement_of_settings_is_given_no_more(void) {
  enum { FRAME = 16380, DELAY_MS = 500 };
  window_config(&client, 0, 0, WIDE);
  rawpeer *raw = pair_client_to_raw();
  rawpeer_settings(raw, 0, NULL, NULL);
  sim_run(pair_sim);
  party *p = party_start();
  sim_run_for(pair_sim, DELAY_MS * MS);
  raw_response(raw, 1);
  fill_with_a_message(FRAME);
  for (int i = 0; i < 400; i++) {
    rawpeer_data(raw, 1, 0, block, FRAME, 0);
    sim_run_for(pair_sim, 2 * MS);
  }
  CU_ASSERT_EQUAL(client.h2->widened, 0);
  rawpeer_settings_ack(raw);
  sim_run_for(pair_sim, MS);
  CU_ASSERT_EQUAL(gmux__conn_get_state(client.conn), GMUX__CONN_READY);
  CU_ASSERT_EQUAL(stream_window(p), STREAM);
  for (int i = 0; i < 400; i++) {
    rawpeer_data(raw, 1, 0, block, FRAME, 0);
    sim_run_for(pair_sim, 2 * MS);
  }
  CU_ASSERT_TRUE(client.h2->widened > 0);
  CU_ASSERT_EQUAL(stream_window(p), STREAM + client.h2->widened);
}

/* Padding is consumed by nghttp2, what is unread is not consumed at all: neither is lost, and
 * neither is given back twice. */
static void what_is_given_back_in_steps_adds_up(void) {
  window_config(&client, 0, 0, WIDE);
  rawpeer *raw = raw_at_distance(2 * ONE_WAY);
  party *p = last_party(&client);
  memset(block, 0, 16000); /* 3200 messages of no bytes */
  uint64_t sent = 0;
  for (int i = 0; i < 2000; i++, sent += 16000 + 256) {
    rawpeer_data(raw, 1, 0, block, 16000, 255);
    sim_run_for(pair_sim, 30 * MS);
  }
  sim_run_for(pair_sim, GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(gmux__conn_get_state(client.conn), GMUX__CONN_READY);
  uint64_t given = 0, given_conn = 0;
  for (size_t i = 0; i < rawpeer_count(raw, RAW_WINDOW_UPDATE, RAW_ANY); i++) {
    const rawframe *f = rawpeer_find(raw, RAW_WINDOW_UPDATE, RAW_ANY, i);
    uint32_t n = (uint32_t)f->payload[0] << 24 | (uint32_t)f->payload[1] << 16 |
                 (uint32_t)f->payload[2] << 8 | f->payload[3];
    if (f->stream == 1)
      given += n;
    else
      given_conn += n;
  }
  CU_ASSERT_EQUAL(STREAM + given - sent + unreturned(p), stream_window(p));
  CU_ASSERT_TRUE(65535 + given_conn - sent > conn_window(&client) / 8 * 6);
  CU_ASSERT_TRUE(65535 + given_conn - sent <= conn_window(&client));
}

static const test_case cases[] = {
    TEST(a_stream_fills_a_far_link_within_six_round_trips),
    TEST(so_does_one_that_a_server_receives),
    TEST(so_does_a_stream_of_small_messages),
    TEST(a_window_that_was_set_stays_and_carries_itself_once_a_round_trip),
    TEST(without_a_bound_for_it_no_window_is_changed),
    TEST(not_one_ping_is_sent_for_it),
    TEST(a_message_of_64_kib_never_waits_for_a_window),
    TEST(what_a_stream_has_needed_later_ones_get_at_once),
    TEST(over_a_short_way_the_connections_window_becomes_narrower),
    TEST(one_that_was_set_stays_there_too),
    TEST(no_more_than_that_is_under_way),
    TEST(small_calls_change_nothing),
    TEST(after_ten_seconds_without_traffic_what_is_given_next_is_small_again),
    TEST(a_stream_that_flows_keeps_its_window),
    TEST(who_does_not_take_what_comes_is_given_no_more),
    TEST(all_that_may_lie_unread_is_what_it_was_given),
    TEST(all_streams_together_are_given_no_more_than_the_bound),
    TEST(and_all_connections_no_more_than_four_times_that),
    TEST(under_a_ceiling_of_memory_streams_are_given_nothing),
    TEST(who_owes_the_acknowledgement_of_settings_is_given_no_more),
    TEST(what_is_given_back_in_steps_adds_up),
    TEST(a_peer_that_feigns_distance_gets_the_bound_and_no_more),
    TESTS_END,
};

/* Of a gigabyte how much came is all that is asked. */
static void setup(void) {
  pair_setup();
  client.is_forgetful = server.is_forgetful = true;
}

extern const test_suite h2_windows_suite;
const test_suite h2_windows_suite = {"windows", cases, setup, pair_teardown};
