/* burst_test.c: many requests that are opened in one turn are framed before it ends, so that they
 * do not all wait as drafts; a few leave by the one write of the turn, as ever (conn_test.c). */
#include "lib/h2/inside.h"
#include "tests/unit/h2/pair.h"
#include <string.h>

enum { BURST = 1000, MESSAGE = 200 };

static void burst_setup(void) {
  pair_setup();
  sim_net(pair_sim)->buffer_bytes = 1 << 20; /* it holds a burst, which nobody reads meanwhile */
  pair_config(&client)->max_streams = BURST;
  pair_config(&server)->max_streams = BURST;
}

static void start_one(void) {
  static const uint8_t message[MESSAGE];
  party *p = party_start();
  CU_ASSERT_EQUAL(party_write(p, message, sizeof message), 0);
  gmux__stream_half_close(&p->stream);
}

static size_t count_left(void) {
  size_t left = 0;
  for (size_t i = 0; i < client.party_count; i++)
    left += client.parties[i]->stream.send.has_left;
  return left;
}

static size_t count_closed(gmux_evidence evidence) {
  size_t closed = 0;
  for (size_t i = 0; i < client.party_count; i++)
    closed += client.parties[i]->is_closed && client.parties[i]->evidence == evidence;
  return closed;
}

static void start_burst(void) {
  for (int i = 0; i < BURST; i++)
    start_one();
}

static void of_a_burst_few_requests_wait_to_be_framed(void) {
  pair_connect();
  for (size_t i = 1; i <= BURST; i++) {
    start_one();
    CU_ASSERT_TRUE_FATAL(i - count_left() <= GMUX__CONN_UNFRAMED);
  }
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(count_left(), BURST);
  CU_ASSERT_EQUAL(server.party_count, BURST);
}

/* Those of a kilobyte count six times. */
static void of_larger_requests_fewer_wait(void) {
  static const uint8_t message[1024];
  pair_connect();
  for (size_t i = 1; i <= BURST / 2; i++) {
    party *p = party_new(&client);
    CU_ASSERT_EQUAL(party_write(p, message, sizeof message), 0);
    gmux__stream_half_close(&p->stream);
    CU_ASSERT_EQUAL(party_open(p), 0);
    CU_ASSERT_TRUE_FATAL(i - count_left() <= GMUX__CONN_UNFRAMED / GMUX__UNFRAMED_MOST + 1);
  }
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(server.party_count, BURST / 2);
}

static void a_burst_is_written_when_the_output_is_full_and_not_before(void) {
  pair_connect();
  sim_link *link = sim_link_first(pair_sim);
  uint64_t writes = sim_link_writes(link, SIM_TO_SERVER);
  uint64_t bytes = sim_link_bytes(link, SIM_TO_SERVER);
  start_burst();
  CU_ASSERT_TRUE(sim_link_writes(link, SIM_TO_SERVER) > writes);
  sim_run(pair_sim);
  writes = sim_link_writes(link, SIM_TO_SERVER) - writes;
  bytes = sim_link_bytes(link, SIM_TO_SERVER) - bytes;
  CU_ASSERT_TRUE(bytes > (size_t)BURST * MESSAGE);
  CU_ASSERT_TRUE(writes <= bytes / GMUX__OUTQ_BYTES + 1);
}

static void a_burst_into_a_full_socket_waits_and_leaves_later(void) {
  sim_net(pair_sim)->buffer_bytes = 4096;
  pair_connect();
  sim_link *link = sim_link_first(pair_sim);
  sim_link_stall(link, SIM_TO_SERVER);
  start_burst();
  sim_run(pair_sim);
  CU_ASSERT_TRUE(gmux__conn_is_blocked(client.conn));
  CU_ASSERT_TRUE(count_left() < BURST / 2);
  sim_link_stall(link, 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(server.party_count, BURST);
  for (size_t i = 0; i < BURST; i++)
    ASSERT_LOG(server.parties[i], "H M200 C");
}

/* The operations of the client's transport, but that writes are counted. */
static struct {
  gmux__transport_ops ops;
  const gmux__transport_ops *real;
  size_t writes;
} counted;

static ptrdiff_t counted_write(gmux__transport *t, const gmux__slice *slices, size_t count) {
  counted.writes++;
  return counted.real->write(t, slices, count);
}

static void count_writes(gmux__transport *t) {
  counted.real = t->ops;
  counted.ops = *t->ops;
  counted.ops.write = counted_write;
  counted.writes = 0;
  t->ops = &counted.ops;
}

/* Of a connection that ends: its GOAWAY leaves with the end that follows it, and nothing else waits
 * for more. */
static size_t corked_writes;

static ptrdiff_t corked_write(gmux__transport *t, const gmux__slice *slices, size_t count) {
  counted.writes++;
  corked_writes += t->is_corked;
  return counted.real->write(t, slices, count);
}

static void the_goaway_of_a_close_waits_for_the_end_and_nothing_else_does(void) {
  pair_connect();
  count_writes(client.conn->transport);
  counted.ops.write = corked_write;
  corked_writes = 0;
  start_burst();
  sim_run(pair_sim);
  CU_ASSERT_TRUE(counted.writes > 0);
  CU_ASSERT_EQUAL(corked_writes, 0);
  counted.writes = 0;
  gmux__conn_close(client.conn, GMUX_ERR_CLOSED, 0, "enough");
  CU_ASSERT_EQUAL(counted.writes, 1);
  CU_ASSERT_EQUAL(corked_writes, 1);
}

/* A system call each, on a socket. */
static void a_full_socket_is_not_asked_by_each_request_of_a_burst(void) {
  sim_net(pair_sim)->buffer_bytes = 20; /* what was full is full still when as much has left */
  pair_connect();
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_SERVER);
  count_writes(client.conn->transport);
  start_burst();
  CU_ASSERT_TRUE(counted.writes > 0 && counted.writes <= BURST / GMUX__CONN_UNFRAMED);
}

/* ---- what is gathered for a socket that is full ---- */

enum { MUCH = 2 * GMUX__OUTQ_BYTES, BULK = 6 * GMUX__OUTQ_BYTES };
static size_t gathered; /* at one go, at most: the first write of what was gathered has it all */
static size_t gathered_left;
static gmux__transport_info much_info;

static ptrdiff_t gathered_write(gmux__transport *t, const gmux__slice *slices, size_t count) {
  size_t sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += slices[i].len;
  if (gathered_left == 0 && sum > gathered) gathered = sum;
  ptrdiff_t n = counted.real->write(t, slices, count);
  gathered_left = sum - (n > 0 ? (size_t)n : 0);
  return n;
}

static const gmux__transport_info *info_of_much(gmux__transport *t) {
  much_info = *counted.real->info(t);
  much_info.write_bytes = MUCH;
  return &much_info;
}

static void send_bulk_through_a_full_socket(bool takes_much) {
  static const uint8_t bulk[BULK];
  sim_net(pair_sim)->buffer_bytes = 4096;
  gmux__h2_config_windows(pair_config(&server), 2 * BULK, 2 * BULK, 2 * BULK);
  pair_connect();
  count_writes(client.conn->transport);
  counted.ops.write = gathered_write;
  if (takes_much) counted.ops.info = info_of_much;
  party *p = party_start();
  CU_ASSERT_EQUAL(party_write(p, bulk, sizeof bulk), 0);
  gmux__stream_half_close(&p->stream);
  sim_link *link = sim_link_first(pair_sim);
  sim_link_stall(link, SIM_TO_SERVER);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(gmux__conn_is_blocked(client.conn));
  gathered = 0;
  sim_link_stall(link, 0);
  sim_run(pair_sim);
  ASSERT_LOG(last_party(&server), "H M245760 C");
}

static void behind_a_full_socket_little_is_gathered(void) {
  send_bulk_through_a_full_socket(false);
  CU_ASSERT_TRUE(gathered > 0 && gathered < 2 * GMUX__OUTQ_SHORT);
}

static void behind_a_full_socket_that_takes_much_at_once_much_is_gathered(void) {
  send_bulk_through_a_full_socket(true);
  CU_ASSERT_TRUE(gathered >= MUCH && gathered < MUCH + 2 * GMUX__OUTQ_SHORT);
}

static void a_socket_that_breaks_amid_a_burst_is_told_after_it(void) {
  pair_connect();
  sim_link_reset(sim_link_first(pair_sim));
  start_burst();
  size_t left = count_left();
  CU_ASSERT_TRUE(left > 0 && left < BURST);
  for (size_t i = 0; i < BURST; i++)
    ASSERT_LOG(client.parties[i], "");
  CU_ASSERT_EQUAL(gmux__conn_get_state(client.conn), GMUX__CONN_READY);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(client.loss, GMUX_LOSS_RESET);
  CU_ASSERT_PTR_NOT_NULL(strstr(client.why, "reset"));
  CU_ASSERT_EQUAL(count_closed(GMUX_EVIDENCE_POSSIBLE), left);
  CU_ASSERT_EQUAL(count_closed(GMUX_EVIDENCE_NEVER_LEFT), BURST - left);
}

static size_t kept_objects(const gmux__h2 *h2) {
  size_t held = h2->seats.held + h2->intakes.held + h2->messages.slab.held;
  for (size_t i = 0; i < GMUX__BLOCK_SIZES; i++)
    held += h2->blocks.slabs[i].held;
  return held;
}

static void answer(party *p) {
  party_respond(p);
  party_finish(p, "0");
}

static void run_burst(void) {
  size_t before = client.party_count;
  start_burst();
  sim_run(pair_sim);
  for (size_t i = before; i < client.party_count; i++)
    answer(server.parties[i]);
  sim_run(pair_sim);
}

static void what_a_burst_leaves_is_kept_for_the_next_and_goes_when_none_comes(void) {
  pair_connect();
  run_burst();
  CU_ASSERT_TRUE(client.h2->seats.held >= BURST && server.h2->seats.held >= BURST);
  sim_run_for(pair_sim, GMUX__NS_PER_S / 2);
  run_burst();
  sim_run_for(pair_sim, GMUX__NS_PER_S);
  CU_ASSERT_TRUE(client.h2->seats.held >= BURST && server.h2->seats.held >= BURST);
  sim_run_for(pair_sim, 2 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(kept_objects(client.h2), 0);
  CU_ASSERT_EQUAL(kept_objects(server.h2), 0);
}

/* It leaves one seat, so that nothing else of it is worth a look. */
static void what_the_messages_of_one_stream_leave_goes_too(void) {
  static const uint8_t small[MESSAGE], large[4 * MESSAGE];
  pair_connect();
  party *p = party_start();
  for (int i = 0; i < 300; i++) {
    CU_ASSERT_EQUAL_FATAL(party_write(p, small, sizeof small), 0);
    CU_ASSERT_EQUAL_FATAL(party_write(p, large, sizeof large), 0);
  }
  sim_run(pair_sim);
  CU_ASSERT_TRUE(client.h2->messages.slab.held >= 300);
  CU_ASSERT_TRUE(client.h2->large_messages.slab.held >= 100);
  sim_run_for(pair_sim, 3 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(client.h2->messages.slab.held, 0);
  CU_ASSERT_EQUAL(client.h2->large_messages.slab.held, 0);
}

static const test_case cases[] = {
    TEST(of_a_burst_few_requests_wait_to_be_framed),
    TEST(of_larger_requests_fewer_wait),
    TEST(a_burst_is_written_when_the_output_is_full_and_not_before),
    TEST(a_burst_into_a_full_socket_waits_and_leaves_later),
    TEST(the_goaway_of_a_close_waits_for_the_end_and_nothing_else_does),
    TEST(a_full_socket_is_not_asked_by_each_request_of_a_burst),
    TEST(behind_a_full_socket_little_is_gathered),
    TEST(behind_a_full_socket_that_takes_much_at_once_much_is_gathered),
    TEST(a_socket_that_breaks_amid_a_burst_is_told_after_it),
    TEST(what_a_burst_leaves_is_kept_for_the_next_and_goes_when_none_comes),
    TEST(what_the_messages_of_one_stream_leave_goes_too),
    TESTS_END,
};

extern const test_suite h2_burst_suite;
const test_suite h2_burst_suite = {"burst", cases, burst_setup, pair_teardown};
