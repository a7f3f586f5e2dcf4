/* slices_test.c: messages that leave from where they lie: each is given back exactly once, when its
 * bytes have left or can never leave, whatever happens in the middle of one. */
#include "lib/h2/inside.h"
#include "tests/sim/net.h"
#include "tests/unit/h2/pair.h"
#include <string.h>

enum { BIG = 300000 };

static uint8_t big[BIG];
static unsigned releases;

static void on_release(void *arg, const uint8_t *data, size_t len) {
  (void)arg;
  CU_ASSERT_PTR_EQUAL(data, big);
  CU_ASSERT_EQUAL(len, BIG);
  releases++;
}

static int write_big(party *p) {
  gmux_bytes bytes = gmux_bytes_wrap(big, BIG, on_release, NULL);
  return gmux__stream_write(&p->stream, &bytes);
}

static bool is_pointed_to(void) {
  for (unsigned i = client.conn->out->next; i < client.conn->out->count; i++)
    if (client.conn->out->segments[i].msg) return true;
  return false;
}

/* A call whose message stands with a part of it in the socket and a part of it ahead of that. */
static party *amid_a_slice(void) {
  for (size_t i = 0; i < BIG; i++)
    big[i] = (uint8_t)(i * 31);
  releases = 0;
  sim_net(pair_sim)->buffer_bytes = 20000; /* a frame, and a piece of the next */
  pair_connect();
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_SERVER);
  party *p = party_start();
  CU_ASSERT_EQUAL_FATAL(write_big(p), 0);
  sim_run(pair_sim);
  CU_ASSERT_TRUE_FATAL(is_pointed_to() && client.conn->is_write_blocked);
  CU_ASSERT_EQUAL(releases, 0);
  return p;
}

static void go_on(void) {
  sim_link_stall(sim_link_first(pair_sim), 0);
  sim_run(pair_sim);
}

static void a_message_leaves_whole_through_a_socket_that_takes_parts_of_slices(void) {
  party *p = amid_a_slice();
  gmux__stream_half_close(&p->stream);
  go_on();
  const party *served = last_party(&server);
  CU_ASSERT_EQUAL_FATAL(gmux__buf_len(&served->received), BIG);
  CU_ASSERT_EQUAL(memcmp(gmux__buf_data(&served->received), big, BIG), 0);
  CU_ASSERT_EQUAL(releases, 1);
}

/* The frame that has begun has to go on, or what follows could not be read. */
static void a_reset_amid_a_slice_gives_it_back_when_its_frame_has_left(void) {
  party *p = amid_a_slice();
  gmux__stream_reset(&p->stream, NGHTTP2_CANCEL);
  CU_ASSERT_EQUAL(releases, 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(releases, 0);
  go_on();
  CU_ASSERT_EQUAL(releases, 1);
  CU_ASSERT_EQUAL(last_party(&server)->how, GMUX__ENDING_RESET);
  party *next = party_start();
  CU_ASSERT_EQUAL(party_write(next, "abc", 3), 0);
  go_on();
  ASSERT_LOG(last_party(&server), "H M3");
}

/* What was written stays until its owner knows that it is not to be sent again. */
static void let_go(party *p) {
  CU_ASSERT_EQUAL(releases, 0);
  gmux__stream_drop(&p->stream);
  CU_ASSERT_EQUAL(releases, 1);
}

static void a_connection_that_dies_amid_a_slice_gives_it_back_once(void) {
  party *p = amid_a_slice();
  sim_link_reset(sim_link_first(pair_sim));
  go_on();
  CU_ASSERT_TRUE(p->is_closed);
  let_go(p);
}

static void a_connection_that_is_closed_amid_a_slice_gives_it_back_once(void) {
  party *p = amid_a_slice();
  gmux__conn_close(client.conn, GMUX_ERR_CLOSED, NGHTTP2_NO_ERROR, "the test says so");
  sim_run(pair_sim);
  let_go(p);
  go_on();
  CU_ASSERT_EQUAL(releases, 1);
}

/* What is kept to be sent again outlives the connection on which it was half sent. */
static void a_message_that_is_kept_is_given_back_after_its_retry(void) {
  releases = 0;
  pair_connect();
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_SERVER);
  party *p = party_new(&client);
  gmux__stream_keep(&p->stream, 2 * BIG);
  CU_ASSERT_EQUAL_FATAL(party_open(p), 0);
  CU_ASSERT_EQUAL_FATAL(write_big(p), 0);
  sim_run(pair_sim);
  gmux__conn_close(client.conn, GMUX_ERR_CLOSED, NGHTTP2_NO_ERROR, "the test says so");
  sim_run(pair_sim);
  CU_ASSERT_TRUE_FATAL(p->is_closed && gmux__stream_can_rewind(&p->stream));
  CU_ASSERT_EQUAL(releases, 0);
  gmux__stream_rewind(&p->stream);
  CU_ASSERT_EQUAL(p->stream.send.queued_bytes, BIG + GMUX__PREFIX_LEN);
  gmux__stream_drop(&p->stream);
  CU_ASSERT_EQUAL(releases, 1);
}

/* True: memory has ended somewhere on the way to the socket. */
static bool send_with_the_nth_failing(size_t n) {
  pair_ready_client();
  party *p = party_start();
  unsigned written = 0;
  releases = 0;
  test_alloc_fail_at(n);
  for (int i = 0; i < 3; i++)
    written += !write_big(p);
  sim_run(pair_sim);
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  if (client.conn) gmux__conn_close(client.conn, GMUX_ERR_CLOSED, NGHTTP2_NO_ERROR, "next");
  sim_run(pair_sim);
  gmux__stream_drop(&p->stream);
  CU_ASSERT_EQUAL(releases, written);
  return has_failed;
}

static void without_memory_each_message_is_given_back_once(void) {
  pair_teardown();
  for (size_t n = 1;; n++) {
    pair_setup();
    bool has_failed = send_with_the_nth_failing(n);
    pair_teardown();
    if (!has_failed) break;
  }
  pair_setup();
}

static const test_case cases[] = {
    TEST(a_message_leaves_whole_through_a_socket_that_takes_parts_of_slices),
    TEST(a_reset_amid_a_slice_gives_it_back_when_its_frame_has_left),
    TEST(a_connection_that_dies_amid_a_slice_gives_it_back_once),
    TEST(a_connection_that_is_closed_amid_a_slice_gives_it_back_once),
    TEST(a_message_that_is_kept_is_given_back_after_its_retry),
    TEST(without_memory_each_message_is_given_back_once),
    TESTS_END,
};

extern const test_suite h2_slices_suite;
const test_suite h2_slices_suite = {"slices", cases, pair_setup, pair_teardown};
