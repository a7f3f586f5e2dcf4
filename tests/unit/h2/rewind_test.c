/* A stream that is sent again: what it wrote is kept until its reply begins (promises 11, 12). */
#include "lib/base/alloc.h"
#include "tests/unit/h2/pair.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

enum { REFUSED = 7 };

/* All DATA of a stream, one frame behind the other; *is_ended: the last had END_STREAM. */
static gmux__buf data_of(const rawpeer *p, uint32_t stream, bool *is_ended) {
  gmux__buf all = {0};
  const rawframe *frame;
  *is_ended = false;
  for (size_t i = 0; (frame = rawpeer_find(p, RAW_DATA, stream, i)); i++) {
    if (frame->len && gmux__buf_append(&all, frame->payload, frame->len)) abort();
    *is_ended = frame->flags & RAW_END_STREAM;
  }
  return all;
}

static void assert_same_data(const rawpeer *p, uint32_t a, uint32_t b) {
  bool a_ended, b_ended;
  gmux__buf first = data_of(p, a, &a_ended), second = data_of(p, b, &b_ended);
  CU_ASSERT_EQUAL_FATAL(gmux__buf_len(&first), gmux__buf_len(&second));
  CU_ASSERT_EQUAL(memcmp(gmux__buf_data(&first), gmux__buf_data(&second), gmux__buf_len(&first)),
                  0);
  CU_ASSERT_EQUAL(a_ended, b_ended);
  gmux__buf_deinit(&first);
  gmux__buf_deinit(&second);
}

static party *party_keeping(uint32_t limit) {
  party *c = party_new(&client);
  gmux__stream_keep(&c->stream, limit);
  return c;
}

static void refuse(rawpeer *p, uint32_t stream) {
  rawpeer_rst(p, stream, REFUSED);
  sim_run(pair_sim);
}

static void again(party *c) {
  CU_ASSERT_TRUE_FATAL(gmux__stream_can_rewind(&c->stream));
  gmux__stream_rewind(&c->stream);
  CU_ASSERT_EQUAL_FATAL(party_open(c), 0);
  sim_run(pair_sim);
}

static void a_refused_stream_is_rewound_and_sends_the_same_bytes(void) {
  static uint8_t big[3000];
  memset(big, 'b', sizeof big);
  rawpeer *p = pair_ready_client();
  party *c = party_keeping(4096);
  CU_ASSERT_EQUAL(party_open(c), 0);
  CU_ASSERT_EQUAL(party_write(c, "hello", 5), 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(party_write(c, "", 0), 0);
  CU_ASSERT_EQUAL(party_write(c, big, sizeof big), 0);
  gmux__stream_half_close(&c->stream);
  sim_run(pair_sim);
  refuse(p, 1);
  ASSERT_LOG(c, "X");
  CU_ASSERT_EQUAL(c->evidence, GMUX_EVIDENCE_REFUSED);
  again(c);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, 3), 1);
  assert_same_data(p, 1, 3);
  raw_response(p, 3);
  rawpeer_grpc_message(p, 3, 0, "reply", 5);
  raw_trailers(p, 3, "0");
  sim_run(pair_sim);
  ASSERT_LOG(c, "X H M5 X");
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_FINISHED);
  CU_ASSERT_EQUAL(c->evidence, GMUX_EVIDENCE_ANSWERED);
}

static void a_writer_is_told_once_of_what_is_sent_twice(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_keeping(4096);
  CU_ASSERT_EQUAL(party_open(c), 0);
  CU_ASSERT_EQUAL(party_write(c, "hello", 5), 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(c->sent, 5);
  refuse(p, 1);
  CU_ASSERT_EQUAL(party_write(c, "more", 4), 0);
  CU_ASSERT_EQUAL(c->sent, 5);
  again(c);
  CU_ASSERT_EQUAL(c->sent, 9);
  refuse(p, 3);
  again(c);
  CU_ASSERT_EQUAL(c->sent, 9);
}

static void what_is_written_between_loss_and_rewind_follows_in_order(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_keeping(4096);
  CU_ASSERT_EQUAL(party_open(c), 0);
  CU_ASSERT_EQUAL(party_write(c, "1", 1), 0);
  sim_run(pair_sim);
  refuse(p, 1);
  CU_ASSERT_EQUAL(party_write(c, "2", 1), 0);
  gmux__stream_rewind(&c->stream);
  CU_ASSERT_EQUAL(party_write(c, "3", 1), 0);
  gmux__stream_half_close(&c->stream);
  CU_ASSERT_EQUAL(party_write(c, "4", 1), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(party_open(c), 0);
  sim_run(pair_sim);
  bool is_ended;
  gmux__buf data = data_of(p, 3, &is_ended);
  CU_ASSERT_EQUAL_FATAL(gmux__buf_len(&data), 18);
  CU_ASSERT_EQUAL(gmux__buf_data(&data)[5], '1');
  CU_ASSERT_EQUAL(gmux__buf_data(&data)[11], '2');
  CU_ASSERT_EQUAL(gmux__buf_data(&data)[17], '3');
  CU_ASSERT_TRUE(is_ended);
  gmux__buf_deinit(&data);
}

static void rewind_and_open(party *c, char event) {
  if (event != 'X' || c->stream.end.evidence != GMUX_EVIDENCE_REFUSED) return;
  gmux__stream_rewind(&c->stream);
  CU_ASSERT_EQUAL(party_open(c), 0);
}

static void may_be_rewound_and_opened_from_on_closed(void) {
  rawpeer *p = pair_ready_client();
  party *c = party_keeping(4096);
  c->on_event = rewind_and_open;
  CU_ASSERT_EQUAL(party_open(c), 0);
  CU_ASSERT_EQUAL(party_write(c, "hello", 5), 0);
  gmux__stream_half_close(&c->stream);
  sim_run(pair_sim);
  for (uint32_t id = 1; id < 20; id += 2) {
    refuse(p, id);
    assert_same_data(p, 1, id + 2);
  }
}

/* Segments of the first time are still in flight when the second begins. */
static void a_message_may_be_in_flight_twice(void) {
  static uint8_t big[60000];
  for (size_t i = 0; i < sizeof big; i++)
    big[i] = (uint8_t)(i * 31);
  sim_net(pair_sim)->buffer_bytes = 4096;
  rawpeer *p = pair_ready_client();
  party *c = party_keeping(1 << 20);
  CU_ASSERT_EQUAL(party_open(c), 0);
  CU_ASSERT_EQUAL(party_write(c, big, sizeof big), 0);
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_SERVER);
  sim_run(pair_sim);
  refuse(p, 1);
  CU_ASSERT_TRUE(c->is_closed);
  CU_ASSERT_EQUAL(c->sent, 0); /* framed in part */
  gmux__stream_rewind(&c->stream);
  gmux__stream_half_close(&c->stream);
  rawpeer_window_update(p, 0, 1 << 20);
  CU_ASSERT_EQUAL(party_open(c), 0);
  sim_link_stall(sim_link_first(pair_sim), 0);
  sim_run(pair_sim);
  bool is_ended;
  gmux__buf data = data_of(p, 3, &is_ended);
  CU_ASSERT_TRUE(is_ended);
  CU_ASSERT_EQUAL_FATAL(gmux__buf_len(&data), 5 + sizeof big);
  CU_ASSERT_EQUAL(memcmp(gmux__buf_data(&data) + 5, big, sizeof big), 0);
  gmux__buf_deinit(&data);
}

static void a_stream_lost_with_its_connection_still_has_all_it_wrote(void) {
  (void)pair_ready_client();
  party *c = party_keeping(4096), *plain = party_new(&client), *waiting = party_new(&client);
  CU_ASSERT_EQUAL(party_open(c), 0);
  CU_ASSERT_EQUAL(party_open(plain), 0);
  CU_ASSERT_EQUAL(party_write(c, "hello", 5), 0);
  CU_ASSERT_EQUAL(party_write(plain, "hello", 5), 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(party_open(waiting), 0);
  CU_ASSERT_EQUAL(party_write(waiting, "hello", 5), 0);
  gmux__conn_close(client.conn, GMUX_ERR_IO, 0, "the cable");
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(c->evidence, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_TRUE(gmux__stream_can_rewind(&c->stream));
  CU_ASSERT_FALSE(gmux__stream_can_rewind(&plain->stream));
  /* Never framed, so it is here though nobody asked to keep it. */
  CU_ASSERT_EQUAL(waiting->evidence, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_TRUE(gmux__stream_can_rewind(&waiting->stream));
  gmux__stream_rewind(&waiting->stream);
  CU_ASSERT_EQUAL(waiting->stream.send.queued_messages, 1);
}

static size_t released;
static void on_release(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data;
  released += len;
}

static void write_owned(party *c, size_t len) {
  static uint8_t big[5000];
  gmux_bytes bytes = gmux_bytes_wrap(big, len, on_release, NULL);
  CU_ASSERT_EQUAL(gmux__stream_write(&c->stream, &bytes), 0);
  sim_run(pair_sim);
}

static void what_is_kept_goes_when_the_reply_begins(void) {
  rawpeer *p = pair_ready_client();
  released = 0;
  party *c = party_keeping(4096);
  CU_ASSERT_EQUAL(party_open(c), 0);
  write_owned(c, 3000);
  CU_ASSERT_EQUAL(released, 0);
  const char *const early[] = {":status", "103", NULL};
  rawpeer_headers(p, 1, RAW_END_HEADERS, early); /* not the reply */
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(released, 0);
  CU_ASSERT_TRUE(gmux__stream_can_rewind(&c->stream));
  raw_response(p, 1);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(released, 3000);
  CU_ASSERT_FALSE(gmux__stream_can_rewind(&c->stream));
  write_owned(c, 100);
  CU_ASSERT_EQUAL(released, 3100);
  refuse(p, 1); /* after its headers that proves nothing */
  CU_ASSERT_EQUAL(c->evidence, GMUX_EVIDENCE_ANSWERED);
  CU_ASSERT_FALSE(gmux__stream_can_rewind(&c->stream));
}

static void so_many_bytes_are_kept_and_not_one_more(void) {
  (void)pair_ready_client();
  released = 0;
  party *c = party_keeping(4096);
  CU_ASSERT_EQUAL(party_open(c), 0);
  write_owned(c, 4000);
  write_owned(c, 96);
  CU_ASSERT_EQUAL(released, 0);
  CU_ASSERT_TRUE(gmux__stream_can_rewind(&c->stream));
  write_owned(c, 1);
  CU_ASSERT_EQUAL(released, 4097);
  CU_ASSERT_FALSE(gmux__stream_can_rewind(&c->stream));
}

static void so_many_messages_are_kept_and_not_one_more(void) {
  (void)pair_ready_client();
  party *c = party_keeping(1 << 20);
  CU_ASSERT_EQUAL(party_open(c), 0);
  for (int i = 0; i < 1024; i++)
    CU_ASSERT_EQUAL(party_write(c, "", 0), 0);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(gmux__stream_can_rewind(&c->stream));
  CU_ASSERT_EQUAL(party_write(c, "", 0), 0);
  sim_run(pair_sim);
  CU_ASSERT_FALSE(gmux__stream_can_rewind(&c->stream));
  CU_ASSERT_PTR_NULL(c->stream.send.first);
}

static void a_reset_lets_go_of_what_was_kept(void) {
  rawpeer *p = pair_ready_client();
  released = 0;
  party *running = party_keeping(4096), *over = party_keeping(4096);
  CU_ASSERT_EQUAL(party_open(running), 0);
  CU_ASSERT_EQUAL(party_open(over), 0);
  write_owned(running, 100);
  write_owned(over, 1000);
  refuse(p, 3);
  CU_ASSERT_EQUAL(released, 0);
  gmux__stream_reset(&running->stream, 8);
  CU_ASSERT_EQUAL(released, 100);
  CU_ASSERT_FALSE(gmux__stream_can_rewind(&running->stream));
  gmux__stream_reset(&over->stream, 8);
  CU_ASSERT_EQUAL(released, 1100);
  CU_ASSERT_FALSE(gmux__stream_can_rewind(&over->stream));
}

static void keeping_costs_no_allocation(void) {
  (void)pair_ready_client();
  party *warm = party_keeping(4096), *c = party_keeping(4096);
  CU_ASSERT_EQUAL(party_open(warm), 0);
  CU_ASSERT_EQUAL(party_open(c), 0);
  CU_ASSERT_EQUAL(party_write(warm, "hello", 5), 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(party_write(warm, "hello", 5), 0);
  sim_run(pair_sim);

  gmux__stream_reset(&warm->stream, 8); /* its messages go back to the slab */
  sim_run(pair_sim);
  size_t before = test_alloc_calls();
  CU_ASSERT_EQUAL(party_write(c, "hello", 5), 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(test_alloc_calls(), before);
}

static const test_case cases[] = {
    TEST(a_refused_stream_is_rewound_and_sends_the_same_bytes),
    TEST(a_writer_is_told_once_of_what_is_sent_twice),
    TEST(what_is_written_between_loss_and_rewind_follows_in_order),
    TEST(may_be_rewound_and_opened_from_on_closed),
    TEST(a_message_may_be_in_flight_twice),
    TEST(a_stream_lost_with_its_connection_still_has_all_it_wrote),
    TEST(what_is_kept_goes_when_the_reply_begins),
    TEST(so_many_bytes_are_kept_and_not_one_more),
    TEST(so_many_messages_are_kept_and_not_one_more),
    TEST(a_reset_lets_go_of_what_was_kept),
    TEST(keeping_costs_no_allocation),
    TESTS_END,
};

extern const test_suite h2_rewind_suite;
const test_suite h2_rewind_suite = {"rewind", cases, pair_setup, pair_teardown};
