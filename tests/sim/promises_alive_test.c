/* promises_alive_test.c: promises 5, 8, 9 and 10: dead peers are noticed, live ones are not
 * annoyed.
 */
#include "tests/sim/rawserver.h"
#include "tests/unit/harness.h"

extern const test_suite promises_alive_suite;

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

static void stall(sim_link *link) {
  sim_link_stall(link, SIM_BOTH_WAYS);
}

/* ---- the black hole ---- */

enum { IN_FLIGHT = 10, NEW_CALLS = 20 };

static void law_of_the_lost(const fleet_call *c, uint64_t stalled_ns) {
  uint64_t after_ms = (c->entry.ended_ns - stalled_ns) / FLEET_MS;
  fleet_promise(after_ms >= 20000 && after_ms <= 21500,
                "call %u ended %llu ms after the black hole", c->entry.id,
                (unsigned long long)after_ms);
  fleet_promise(c->entry.code == (c->entry.is_idempotent ? GMUX_OK : GMUX_UNAVAILABLE),
                "call %u ended %s", c->entry.id, gmux_code_str(c->entry.code));
  fleet_promise(c->entry.is_idempotent || c->entry.evidence == GMUX_EVIDENCE_POSSIBLE,
                "call %u: %s", c->entry.id, gmux_evidence_str(c->entry.evidence));
}

static void new_calls_leave_a_black_hole_alone_and_it_is_dead_at_the_keepalive_timeout(void) {
  fleet_server_open(0, NULL);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_warm(ch);
  fleet_start_many(ch, &(fleet_ask){0}, 5); /* so that the round trip is known */
  CU_ASSERT_TRUE(fleet_run_until_ended(100));
  size_t first = fl.call_count;
  fleet_start_many(ch, &(fleet_ask){.work_ms = 300, .is_idempotent = true}, IN_FLIGHT);
  fleet_start_many(ch, &(fleet_ask){.work_ms = 300}, IN_FLIGHT);
  fleet_run_for(50);
  fleet_each_link(0, stall);
  uint64_t stalled_ns = sim_now(fl.sim);
  fleet_run_for(500); /* suspect_after_ms: eight round trips of 2 ms, at least 500 ms */
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_suspect, 1);
  fleet_start_many(ch, &(fleet_ask){0}, NEW_CALLS);
  fleet_run_for(20); /* one dial, SETTINGS, and a round trip: 6 ms */
  for (size_t i = first + 2 * IN_FLIGHT; i < fl.call_count; i++)
    CU_ASSERT_EQUAL(fleet_call_at(i)->entry.code == GMUX_OK && fleet_call_at(i)->entry.ends == 1,
                    true);
  CU_ASSERT_EQUAL(fleet_figures(ch).connections, 2);
  CU_ASSERT_TRUE(fleet_run_until_ended(25000));
  for (size_t i = first; i < first + 2 * IN_FLIGHT; i++)
    law_of_the_lost(fleet_call_at(i), stalled_ns);
  gmux_channel_stats s = fleet_figures(ch);
  CU_ASSERT_EQUAL(s.connections, 1);
  CU_ASSERT_EQUAL(s.suspicions, 1);
  CU_ASSERT_EQUAL(s.lost[GMUX_LOSS_DEAD], 1);
  CU_ASSERT_EQUAL(s.retries[GMUX_EVIDENCE_POSSIBLE], IN_FLIGHT);
  fleet_finish();
}

static void one_black_hole_among_four_takes_no_call_any_more_once_it_is_suspect(void) {
  gmux_channel_options o = fleet_channel_options();
  o.min_connections = 4;
  o.pick_order = GMUX_PICK_SPREAD;
  fleet_server_open(0, NULL);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  fleet_load_start(ch, &(fleet_ask){.work_ms = 20, .spread_ms = 20}, 40);
  fleet_run_for(500);
  stall(sim_link_first(fl.sim));
  fleet_run_for(501);
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_suspect, 1);
  size_t first = fl.call_count;
  fleet_run_for(1000);
  fleet_loads_stop();
  fleet_run_for(100);
  CU_ASSERT_EQUAL(fleet_ended_with(first, GMUX_OK), fl.call_count - first);
  CU_ASSERT_TRUE(fl.running > 0 && fl.running <= 40); /* those that were caught */
  CU_ASSERT_TRUE(fleet_run_until_ended(21000));
  CU_ASSERT_EQUAL(fleet_figures(ch).lost[GMUX_LOSS_DEAD], 1);
  fleet_finish();
}

static void heal(sim_link *link) {
  sim_link_stall(link, 0);
}

static void a_connection_that_answers_after_all_is_trusted_again(void) {
  fleet_server_open(0, NULL);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_warm(ch);
  fleet_start_many(ch, &(fleet_ask){.work_ms = 100}, IN_FLIGHT);
  fleet_run_for(20);
  fleet_each_link(0, stall);
  fleet_run_for(1000);
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_suspect, 1);
  fleet_each_link(0, heal);
  CU_ASSERT_TRUE(fleet_run_until_ended(200));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), IN_FLIGHT);
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_suspect, 0);
  fleet_finish();
}

/* ---- a process that was stopped ---- */

static void stall_answers(sim_link *link) {
  sim_link_stall(link, SIM_TO_CLIENT);
}

static uint64_t connections_lost(const fleet_channel *ch) {
  gmux_channel_stats s = fleet_figures(ch);
  uint64_t lost = 0;
  for (int i = 0; i < GMUX_LOSSES; i++)
    lost += s.lost[i];
  return lost;
}

/* Its PING was not answered when it was stopped, and the time for the ACK is long over when it goes
 * on; but the ACK is there, and read first. */
static void a_process_that_was_stopped_finds_its_connections_alive(void) {
  fleet_add_loops(1, NULL);
  fleet_server_open(0, NULL);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_warm(ch);
  fleet_start_many(ch, &(fleet_ask){.work_ms = 3000}, IN_FLIGHT);
  fleet_run_for(100);
  fleet_each_link(0, stall_answers);
  fleet_run_for(1000);
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_suspect, 1);
  sim_loop_freeze(ch->loop, 60 * SECOND * FLEET_MS);
  fleet_run_for(SECOND);
  fleet_each_link(0, heal);
  CU_ASSERT_FALSE(fleet_run_until_ended(58 * SECOND));
  CU_ASSERT_TRUE(fleet_run_until_ended(2 * SECOND));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), IN_FLIGHT);
  CU_ASSERT_EQUAL(connections_lost(ch), 0);
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_suspect, 0);
  fleet_finish();
}

/* ---- a load balancer that forgets ---- */

static void call_after_a_silent_drop(uint32_t connections) {
  gmux_channel_options o = fleet_channel_options();
  o.min_connections = connections;
  o.tcp_keepalive_idle_s = 0; /* it would find out before the call does */
  fleet_server_open(0, NULL);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  fleet_start(ch, &(fleet_ask){0});
  CU_ASSERT_TRUE(fleet_run_until_ended(100));
  fleet_run_for(MINUTE);
  fleet_each_link(0, stall);
  fl.tick_ms = 100;
  fleet_run_for(9 * MINUTE);
  fl.tick_ms = 1;
  fleet_call *c = fleet_start(ch, &(fleet_ask){0});
  CU_ASSERT_TRUE(fleet_run_until_ended(60000));
  CU_ASSERT_EQUAL(c->entry.code, GMUX_OK);
  /* Validation: 500 ms. A dial: 2 ms, its SETTINGS 1 or 2. The call: 2 ms. */
  CU_ASSERT_TRUE(c->entry.ended_ns - c->entry.started_ns <= 510 * FLEET_MS);
  CU_ASSERT_TRUE(fleet_figures(ch).validations >= 1);
  fleet_finish();
}

static void a_call_after_a_silent_drop_waits_for_validation_and_one_dial(void) {
  call_after_a_silent_drop(0);
}

static void a_call_after_a_silent_drop_of_all_connections_waits_no_longer(void) {
  call_after_a_silent_drop(3);
}

/* ---- pings ---- */

enum { DAY_CHANNELS = 20 };

static uint64_t next_ms[DAY_CHANNELS];

static void use_at_random(void) {
  static const uint64_t silences[] = {SECOND,      10 * SECOND, MINUTE,  6 * MINUTE,
                                      25 * MINUTE, 40 * MINUTE, 3 * HOUR};
  static const uint64_t works[] = {1, 1, 10, SECOND, MINUTE, 6 * MINUTE, HOUR};
  for (size_t i = 0; i < DAY_CHANNELS; i++) {
    if (fleet_now_ms() < next_ms[i]) continue;
    for (uint64_t n = 1 + fleet_random(3); n > 0; n--)
      fleet_start(&fl.channels[i], &(fleet_ask){.spread_ms = (uint32_t)works[fleet_random(7)]});
    next_ms[i] = fleet_now_ms() + fleet_random(silences[fleet_random(7)]);
  }
}

static void a_day_of_default_use_is_no_annoyance_to_a_default_server(void) {
  fleet_server_open(0, NULL);
  for (size_t i = 0; i < DAY_CHANNELS; i++) {
    fleet_channel_new(0, NULL);
    next_ms[i] = fleet_random(MINUTE);
  }
  fl.tick_ms = 2000;
  fl.on_tick = use_at_random;
  fleet_run_for(fleet_many(24) * HOUR);
  fl.on_tick = NULL;
  CU_ASSERT_TRUE(fleet_run_until_ended(2 * HOUR));
  gmux_server_stats ss = fleet_server_figures(0);
  CU_ASSERT_EQUAL(ss.too_many_pings, 0);
  CU_ASSERT_TRUE(ss.pings_received >= fleet_many(100)); /* it was asked, now and then */
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), fl.call_count);
  for (size_t i = 0; i < DAY_CHANNELS; i++) {
    gmux_channel_stats s = fleet_figures(&fl.channels[i]);
    CU_ASSERT_EQUAL(s.too_many_pings, 0);
    CU_ASSERT_EQUAL(s.lost[GMUX_LOSS_DEAD], 0);
  }
  fleet_finish();
}

static void an_eager_pinger_is_punished_at_the_third_bad_ping_until_it_has_doubled_enough(void) {
  gmux_channel_options o = fleet_channel_options();
  o.keepalive_ms = 1000;
  fleet_server_open(0, NULL);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fl.tick_ms = 100;
  const fleet_ask for_hours = {.work_ms = (uint32_t)(3 * HOUR), .is_patient = true};
  for (unsigned n = 1; n <= 9; n++) {
    fleet_call *c = fleet_start(ch, &for_hours);
    CU_ASSERT_TRUE(fleet_run_until_ended(2 * HOUR));
    CU_ASSERT_EQUAL(c->entry.code, GMUX_UNAVAILABLE);
    CU_ASSERT_EQUAL(fleet_server_figures(0).too_many_pings, n);
    CU_ASSERT_EQUAL(fleet_server_figures(0).pings_bad, UINT64_C(3) * n);
    gmux_channel_stats s = fleet_figures(ch);
    CU_ASSERT_EQUAL(s.too_many_pings, n);
    CU_ASSERT_EQUAL(s.goaways[RAW_CALM], n);
    CU_ASSERT_EQUAL(s.keepalive_ms, UINT32_C(1000) << n);
  }
  fleet_call *c = fleet_start(ch, &for_hours);
  CU_ASSERT_TRUE(fleet_run_until_ended(4 * HOUR));
  CU_ASSERT_EQUAL(c->entry.code, GMUX_OK);
  CU_ASSERT_EQUAL(fleet_server_figures(0).too_many_pings, 9);
  fleet_finish();
}

/* A call that starts after a long silence finds out whether anybody is there: it does not wait for
 * the keepalive interval to begin anew. */
static void a_call_after_long_silence_pings_at_once(void) {
  gmux_channel_options o = fleet_channel_options();
  o.keepalive_ms = 10000;
  o.validate_after_ms = 0;
  o.suspect_after_ms = GMUX_NEVER_MS;
  fleet_server_open(0, NULL);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  fleet_run_for(30 * SECOND);
  CU_ASSERT_EQUAL(fleet_server_figures(0).pings_received, 0);
  fleet_start(ch, &(fleet_ask){.work_ms = 100});
  fleet_run_for(5);
  CU_ASSERT_EQUAL(fleet_server_figures(0).pings_received, 1);
  fleet_finish();
}

/* ---- the server's own keepalive ---- */

static void a_server_ends_connections_of_clients_that_have_vanished(void) {
  gmux_server_options so;
  gmux_server_options_init(&so, sizeof so);
  so.keepalive_ms = 10000;
  so.keepalive_timeout_ms = 5000;
  fleet_server_open(0, &so);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_warm(ch);
  fleet_run_for(30 * SECOND);
  CU_ASSERT_EQUAL(fleet_server_figures(0).connections, 1);
  CU_ASSERT_TRUE(fleet_server_figures(0).pings_sent >= 2);
  fleet_each_link(0, stall);
  fleet_run_for(17 * SECOND);
  CU_ASSERT_EQUAL(fleet_server_figures(0).connections, 0);
  CU_ASSERT_EQUAL(fleet_server_figures(0).clients_dead, 1);
  fleet_finish();
}

static const test_case cases[] = {
    TEST(new_calls_leave_a_black_hole_alone_and_it_is_dead_at_the_keepalive_timeout),
    TEST(one_black_hole_among_four_takes_no_call_any_more_once_it_is_suspect),
    TEST(a_connection_that_answers_after_all_is_trusted_again),
    TEST(a_process_that_was_stopped_finds_its_connections_alive),
    TEST(a_call_after_a_silent_drop_waits_for_validation_and_one_dial),
    TEST(a_call_after_a_silent_drop_of_all_connections_waits_no_longer),
    TEST(a_day_of_default_use_is_no_annoyance_to_a_default_server),
    TEST(an_eager_pinger_is_punished_at_the_third_bad_ping_until_it_has_doubled_enough),
    TEST(a_call_after_long_silence_pings_at_once),
    TEST(a_server_ends_connections_of_clients_that_have_vanished),
    TESTS_END,
};

const test_suite promises_alive_suite = {"alive", cases, fleet_setup, fleet_teardown};
