/*
 * promises_reset_test.c: promise 18: a peer that counts RST_STREAM as nghttp2 does (1000 at once,
 * 33 a second after that) never counts too many, and the application does not wait for that.
 *
 * The counting is the test's own: nghttp2's goes by the wall clock.
 */
#include "lib/policy/bucket.h"
#include "tests/sim/rawserver.h"
#include "tests/unit/harness.h"

extern const test_suite promises_reset_suite;

enum { NGHTTP2_BURST = 1000, NGHTTP2_RATE = 33, OURS_BURST = 500, OURS_RATE = 25 };

static gmux__bucket allowed;
static bool serves;

static void hold_or_serve(rawconn *c, uint32_t stream, fleet_call *call) {
  if (serves)
    rawserver_serve(c, stream, call);
  else
    rawserver_execute(c, call);
}

static void count_reset(rawconn *c, uint32_t stream) {
  (void)c;
  fleet_promise(gmux__bucket_take(&allowed, sim_now(fl.sim)), "RST_STREAM of stream %u is too many",
                stream);
}

/* All on one connection, so that there is only one bucket to be under. */
static fleet_channel *open_one_wide_connection(uint32_t streams) {
  gmux_channel_options o = fleet_channel_options();
  o.max_connections = 1;
  o.max_concurrent_streams = o.ideal_streams = streams;
  serves = false;
  rawserver_open(0, hold_or_serve);
  raw.on_reset = count_reset;
  gmux__bucket_init(&allowed, NGHTTP2_BURST, NGHTTP2_RATE);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  return ch;
}

/* Others go on while the resets wait: each is answered within a round trip. */
static void law_of_the_others(fleet_channel *ch) {
  serves = true;
  for (int i = 0; i < 200; i++) {
    fleet_call *c = fleet_start(ch, &(fleet_ask){0});
    fleet_run_for(4);
    fleet_promise(c->entry.ends == 1 && c->entry.code == GMUX_OK,
                  "call %u waits for the resets of others", c->entry.id);
  }
}

static void law_of_the_end(fleet_channel *ch, uint32_t resets) {
  fl.tick_ms = 10;
  fleet_run_for((resets - OURS_BURST) * UINT64_C(1000) / OURS_RATE + 1000);
  gmux_channel_stats s = fleet_figures(ch);
  CU_ASSERT_EQUAL(raw.conns[0].resets, resets);
  CU_ASSERT_EQUAL(s.resets_sent, resets);
  CU_ASSERT_TRUE(s.resets_delayed >= resets - OURS_BURST - OURS_RATE);
  CU_ASSERT_EQUAL(s.streams_unreset, 0);
  CU_ASSERT_EQUAL(s.connections_made, 1);
  CU_ASSERT_EQUAL(raw.count, 1);
  CU_ASSERT_EQUAL(raw.conns[0].open, 0);
}

static void a_mass_cancel_ends_all_calls_at_once_and_resets_them_in_peace(void) {
  unsigned count = fleet_many(10000);
  fleet_channel *ch = open_one_wide_connection(count + 100);
  fleet_start_many(ch, &(fleet_ask){.keeps_handle = true}, count);
  fleet_run_for(200);
  CU_ASSERT_EQUAL_FATAL(raw.conns[0].requests, count);
  for (size_t i = 0; i < count; i++)
    gmux_call_cancel(fleet_call_at(i)->handle);
  sim_run(fl.sim);
  CU_ASSERT_EQUAL(fl.running, 0);
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_CANCELLED), count);
  law_of_the_others(ch);
  law_of_the_end(ch, count);
  fleet_finish();
}

static void a_deadline_storm_ends_all_calls_in_time_and_resets_them_in_peace(void) {
  unsigned count = fleet_many(20000);
  fleet_channel *ch = open_one_wide_connection(count + 100);
  fleet_start_many(ch, &(fleet_ask){.timeout_ms = 300}, count);
  fleet_run_for(250);
  CU_ASSERT_EQUAL_FATAL(raw.conns[0].requests, count);
  fleet_run_for(50);
  sim_run(fl.sim);
  CU_ASSERT_EQUAL(fl.running, 0);
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_DEADLINE_EXCEEDED), count);
  law_of_the_others(ch);
  law_of_the_end(ch, count);
  fleet_finish();
}

/* What waits for its reset keeps its slot: the peer still counts it. */
static void streams_that_wait_for_their_reset_keep_their_slot(void) {
  gmux_channel_options o = fleet_channel_options();
  o.max_connections = 1;
  o.reset_burst = 1;
  o.reset_rate_per_s = 1;
  serves = false;
  rawserver_open(10, hold_or_serve);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_start_many(ch, &(fleet_ask){.keeps_handle = true}, 10);
  fleet_run_for(20);
  for (size_t i = 0; i < 10; i++)
    gmux_call_cancel(fleet_call_at(i)->handle);
  serves = true;
  fleet_start_many(ch, &(fleet_ask){0}, 20);
  fleet_run_for(10);
  CU_ASSERT_EQUAL(fleet_figures(ch).streams_unreset, 9);
  CU_ASSERT_TRUE(fleet_run_until_ended(10000));
  CU_ASSERT_EQUAL(fleet_ended_with(10, GMUX_OK), 20);
  CU_ASSERT_EQUAL(raw.conns[0].peak, 10);
  fleet_run_for(20000);
  CU_ASSERT_EQUAL(raw.conns[0].resets, 10);
  fleet_finish();
}

static const test_case cases[] = {
    TEST(a_mass_cancel_ends_all_calls_at_once_and_resets_them_in_peace),
    TEST(a_deadline_storm_ends_all_calls_in_time_and_resets_them_in_peace),
    TEST(streams_that_wait_for_their_reset_keep_their_slot),
    TESTS_END,
};

const test_suite promises_reset_suite = {"reset", cases, fleet_setup, fleet_teardown};
