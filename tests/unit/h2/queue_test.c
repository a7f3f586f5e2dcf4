/* What is written and cannot leave is bounded, for a connection and for all (promise 19). */
#include "lib/h2/inside.h"
#include "tests/unit/h2/pair.h"
#include <gmux/error.h>
#include <string.h>

/* FRAMED: with its prefix; COUNTED: for what it costs beside that, too. */
enum { COUNTED = 1000, FRAMED = COUNTED - GMUX__MESSAGE_COST, MESSAGE = FRAMED - GMUX__PREFIX_LEN };

static int write_message(party *p) {
  static const uint8_t zeros[MESSAGE];
  return party_write(p, zeros, MESSAGE);
}

/* As an application that heeds what it is told. */
static size_t write_while_told_to(party *p, size_t most) {
  size_t n = 0;
  for (; n < most && !p->is_full; n++)
    CU_ASSERT_EQUAL(write_message(p), 0);
  return n;
}

/* Streams get no window but by WINDOW_UPDATE. */
static rawpeer *client_without_windows(void) {
  static const uint16_t ids[] = {4};
  static const uint32_t none[] = {0};
  rawpeer *p = pair_client_to_raw();
  rawpeer_settings(p, 1, ids, none);
  rawpeer_settings_ack(p);
  sim_run(pair_sim);
  return p;
}

static void what_is_written_to_a_peer_that_does_not_read_is_bounded_per_connection(void) {
  enum { CALLS = 20, LIMIT = 10000 };
  pair_config(&client)->connection_queue_bytes = LIMIT;
  (void)client_without_windows();
  size_t written = 0;
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < CALLS; i++) {
      if (!round) (void)party_start();
      written += write_while_told_to(client.parties[i], 3) * COUNTED;
      sim_run(pair_sim);
    }
  }
  CU_ASSERT_TRUE(written > LIMIT);
  CU_ASSERT_TRUE(written <= LIMIT + CALLS * COUNTED);
  for (int i = 0; i < CALLS; i++)
    CU_ASSERT_TRUE(client.parties[i]->is_full);
}

static void what_is_written_is_bounded_over_all_streams_also_waiting_ones(void) {
  pair_config(&client)->queue_bytes = 5000;
  (void)client_without_windows();
  party *open = party_start(), *waiting = party_new(&client), *late = party_new(&client);
  CU_ASSERT_EQUAL(write_while_told_to(open, 3), 3);
  CU_ASSERT_EQUAL(write_while_told_to(waiting, 9), 2);
  CU_ASSERT_EQUAL(write_while_told_to(late, 9), 1);
  CU_ASSERT_FALSE(open->is_full); /* nobody is told who does not write */
  gmux__stream_reset(&waiting->stream, 8);
  CU_ASSERT_TRUE(waiting->is_full); /* nor of the end */
  CU_ASSERT_EQUAL(write_while_told_to(late, 9), 0);
  gmux__stream_reset(&open->stream, 8);
  CU_ASSERT_FALSE(late->is_full);
}

static gmux__outmsg *letter_new(void) {
  static const uint8_t zeros[MESSAGE];
  gmux_bytes bytes = gmux_bytes_borrow(zeros, MESSAGE);
  return gmux__letter_new(client.h2, &bytes, false, false);
}

static void a_message_without_a_stream_counts_as_well_until_it_is_framed_or_given_up(void) {
  pair_config(&client)->queue_bytes = 2000;
  rawpeer *p = pair_client_to_raw();
  rawpeer_settings(p, 0, NULL, NULL);
  sim_run(pair_sim);
  party *writer = party_start();
  gmux__outmsg *kept = letter_new(), *dropped = letter_new();
  CU_ASSERT_EQUAL(client.h2->backlog.bytes, 2 * COUNTED);
  CU_ASSERT_EQUAL(write_while_told_to(writer, 9), 1);
  gmux__letter_drop(client.h2, dropped);
  sim_run(pair_sim);
  CU_ASSERT_FALSE(writer->is_full);
  party *reader = party_new(&client);
  gmux__stream_post(&reader->stream, kept);
  CU_ASSERT_EQUAL(client.h2->backlog.bytes, COUNTED);
  gmux__stream_reset(&reader->stream, 8);
  CU_ASSERT_EQUAL(client.h2->backlog.bytes, 0);
}

static void a_held_stream_that_flows_is_not_stopped_by_those_that_do_not(void) {
  pair_config(&client)->connection_queue_bytes = 5000;
  rawpeer *p = client_without_windows();
  party *stuck = party_start(), *flowing = party_start();
  CU_ASSERT_EQUAL(write_while_told_to(stuck, 9), 5);
  sim_run(pair_sim);
  for (size_t i = 1; i <= 20; i++) {
    CU_ASSERT_EQUAL_FATAL(write_while_told_to(flowing, 9), 1);
    sim_run(pair_sim);
    CU_ASSERT_TRUE(flowing->is_full);
    rawpeer_window_update(p, 3, FRAMED - 1);
    sim_run(pair_sim);
    CU_ASSERT_TRUE(flowing->is_full);
    rawpeer_window_update(p, 3, 1);
    sim_run(pair_sim);
    CU_ASSERT_FALSE(flowing->is_full);
    CU_ASSERT_EQUAL(flowing->sent, i * MESSAGE);
  }
  CU_ASSERT_TRUE(stuck->is_full);
}

static char order[16];
static void note_free(party *p, char event) {
  size_t n = strlen(order);
  if (event == 'f' && n + 1 < sizeof order) order[n] = (char)('0' + p->stream.id);
}

static void those_held_go_on_first_in_first_out_below_half_of_the_bound(void) {
  memset(order, 0, sizeof order);
  pair_config(&client)->connection_queue_bytes = 5000;
  rawpeer *p = client_without_windows();
  party *writer = party_start(), *a = party_start(), *b = party_start();
  a->on_event = b->on_event = note_free;
  CU_ASSERT_EQUAL(write_while_told_to(writer, 9), 5);
  CU_ASSERT_EQUAL(write_while_told_to(b, 9), 1);
  CU_ASSERT_EQUAL(write_while_told_to(a, 9), 1);
  sim_run(pair_sim);
  rawpeer_window_update(p, 1, 4 * FRAMED + 499); /* one byte above half */
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(order, "");
  rawpeer_window_update(p, 1, 1);
  sim_run(pair_sim);
  CU_ASSERT_FALSE(writer->is_full);
  CU_ASSERT_STRING_EQUAL(order, "");
  rawpeer_window_update(p, 1, 1);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(order, "5");
  rawpeer_window_update(p, 1, 1);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(order, "53");
}

static void what_waits_again_after_a_rewind_is_counted_again(void) {
  pair_config(&client)->connection_queue_bytes = 4000;
  rawpeer *p = pair_ready_client();
  party *c = party_new(&client), *other = party_start();
  gmux__stream_keep(&c->stream, 1 << 20);
  CU_ASSERT_EQUAL(party_open(c), 0);
  for (int i = 0; i < 5; i++) {
    CU_ASSERT_EQUAL(write_while_told_to(c, 1), 1);
    sim_run(pair_sim);
  }
  rawpeer_rst(p, 3, 7);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(write_while_told_to(other, 1), 1);
  CU_ASSERT_FALSE(other->is_full);
  gmux__stream_rewind(&c->stream);
  CU_ASSERT_EQUAL(party_open(c), 0);
  CU_ASSERT_FALSE(c->is_full); /* it has written nothing more */
  CU_ASSERT_EQUAL(write_while_told_to(other, 1), 1);
  CU_ASSERT_TRUE(other->is_full);
  sim_run(pair_sim);
  CU_ASSERT_FALSE(other->is_full);
}

/* Its place on the connection is lost, but not that it is held. */
static void a_stream_that_was_lost_while_held_goes_on_after_its_rewind(void) {
  pair_config(&client)->connection_queue_bytes = 3000;
  rawpeer *p = client_without_windows();
  party *c = party_start();
  CU_ASSERT_EQUAL(write_while_told_to(c, 9), 3);
  sim_run(pair_sim);
  rawpeer_rst(p, 1, 7);
  sim_run(pair_sim);
  CU_ASSERT_TRUE_FATAL(c->is_closed && gmux__stream_can_rewind(&c->stream));
  CU_ASSERT_TRUE(c->is_full);
  gmux__stream_rewind(&c->stream);
  CU_ASSERT_EQUAL(party_open(c), 0);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(c->is_full);
  rawpeer_window_update(p, 3, 3 * FRAMED);
  sim_run(pair_sim);
  CU_ASSERT_FALSE(c->is_full);
  CU_ASSERT_EQUAL(c->sent, 3 * MESSAGE);
}

static void what_is_written_to_a_client_that_does_not_read_is_bounded(void) {
  static const uint16_t ids[] = {4};
  static const uint32_t none[] = {0};
  pair_config(&server)->connection_queue_bytes = 5000;
  rawpeer *p = pair_ready_server();
  rawpeer_settings(p, 1, ids, none);
  for (uint32_t i = 0; i < 4; i++)
    raw_request(p, 1 + 2 * i, RAW_END_STREAM);
  sim_run(pair_sim);
  size_t written = 0;
  for (int i = 0; i < 4; i++) {
    party_respond(server.parties[i]);
    written += write_while_told_to(server.parties[i], 3);
  }
  CU_ASSERT_EQUAL(written, 3 + 2 + 1 + 1);
  for (int i = 0; i < 4; i++)
    party_finish(server.parties[i], "0");
  rawpeer_rst(p, 1, 8);
  rawpeer_rst(p, 3, 8);
  sim_run(pair_sim);
  CU_ASSERT_FALSE(server.parties[2]->is_full);
}

static uint64_t waited_ns(const party *p) {
  return gmux__stream_queued_ns(&p->stream, sim_now(pair_sim));
}

static void how_long_something_waited_to_be_framed_is_told(void) {
  rawpeer *p = client_without_windows();
  party *c = party_new(&client);
  CU_ASSERT_EQUAL(write_message(c), 0);
  sim_run_for(pair_sim, GMUX__NS_PER_S); /* on no connection: that is not what it waits for */
  CU_ASSERT_EQUAL(party_open(c), 0);
  uint64_t opened_ns = sim_now(pair_sim);
  sim_run_for(pair_sim, 3 * GMUX__NS_PER_S);
  const gmux__stream_times *times = &c->stream.times;
  CU_ASSERT_EQUAL(times->opened_ns, opened_ns);
  CU_ASSERT_EQUAL(times->left_ns, opened_ns);
  CU_ASSERT_EQUAL(waited_ns(c), sim_now(pair_sim) - opened_ns);
  rawpeer_window_update(p, 1, FRAMED);
  sim_run(pair_sim);
  uint64_t queued_ns = waited_ns(c);
  CU_ASSERT_TRUE(queued_ns >= 3 * GMUX__NS_PER_S && queued_ns < 4 * GMUX__NS_PER_S);
  sim_run_for(pair_sim, GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(waited_ns(c), queued_ns);
  CU_ASSERT_EQUAL(write_message(c), 0);
  sim_run_for(pair_sim, GMUX__NS_PER_S);
  raw_response(p, 1);
  rawpeer_rst(p, 1, 8);
  sim_run(pair_sim);
  queued_ns += GMUX__NS_PER_S;
  CU_ASSERT_TRUE(waited_ns(c) >= queued_ns && waited_ns(c) < queued_ns + GMUX__NS_PER_S);
  sim_run_for(pair_sim, GMUX__NS_PER_S);
  CU_ASSERT_TRUE(waited_ns(c) < queued_ns + GMUX__NS_PER_S);
}

static const test_case cases[] = {
    TEST(what_is_written_to_a_peer_that_does_not_read_is_bounded_per_connection),
    TEST(what_is_written_is_bounded_over_all_streams_also_waiting_ones),
    TEST(a_message_without_a_stream_counts_as_well_until_it_is_framed_or_given_up),
    TEST(a_held_stream_that_flows_is_not_stopped_by_those_that_do_not),
    TEST(those_held_go_on_first_in_first_out_below_half_of_the_bound),
    TEST(what_waits_again_after_a_rewind_is_counted_again),
    TEST(a_stream_that_was_lost_while_held_goes_on_after_its_rewind),
    TEST(what_is_written_to_a_client_that_does_not_read_is_bounded),
    TEST(how_long_something_waited_to_be_framed_is_told),
    TESTS_END,
};

extern const test_suite h2_queue_suite;
const test_suite h2_queue_suite = {"queue", cases, pair_setup, pair_teardown};
