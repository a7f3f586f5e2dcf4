/* promises_storm_test.c: promise 7: a fleet of clients does not come back in step. */
#include "tests/sim/fleet.h"
#include "tests/sim/rawpeer.h"
#include "tests/unit/harness.h"

extern const test_suite promises_storm_suite;

enum { FLEET = 200, DIALS_PER_S = 40, JITTER_MS = 1000, BACK_MS = 60000 };

static size_t dials(void) {
  gmux__address at = fleet_address(0);
  return sim_net_dials(fl.sim, &at);
}

static uint64_t dialed_at_ms(size_t i) {
  gmux__address at = fleet_address(0);
  return (sim_net_dialed_at(fl.sim, &at, i) - SIM_EPOCH) / FLEET_MS;
}

/* Of the dials from the first-th on, most within any window of so many milliseconds. */
static size_t most_dials_within(size_t first, uint64_t window_ms) {
  size_t most = 0, from = first;
  for (size_t i = first; i < dials(); i++) {
    while (dialed_at_ms(i) - dialed_at_ms(from) >= window_ms)
      from++;
    if (i - from + 1 > most) most = i - from + 1;
  }
  return most;
}

/* On `loops` loops, each with a gate of so many dials a second and at once. */
static void fleet_make(size_t loops, uint32_t dials_per_s, uint32_t jitter_ms) {
  gmux_loop_options lo;
  gmux_loop_options_init(&lo, sizeof lo);
  lo.dial_rate_per_s = dials_per_s;
  lo.max_dialing = dials_per_s;
  fleet_add_loops(loops, &lo);
  gmux_server_options so;
  gmux_server_options_init(&so, sizeof so);
  fleet_server_open(0, &so);
  gmux_channel_options o = fleet_channel_options();
  o.min_connections = 1;
  o.redial_jitter_ms = jitter_ms;
  for (int i = 0; i < FLEET; i++) {
    fleet_channel *ch = fleet_channel_new(0, &o);
    fleet_load_start(ch, &(fleet_ask){.work_ms = 200, .spread_ms = 300, .is_patient = true}, 1);
  }
  fl.tick_ms = 10;
}

static bool all_are_ready(void *arg) {
  (void)arg;
  for (size_t i = 0; i < fl.channel_count; i++)
    if (gmux_channel_get_state(fl.channels[i].channel, false) != GMUX_CHANNEL_READY) return false;
  return true;
}

/* A second's worth may begin at once, and as many in the second after. */
static void law_of_the_gate(size_t first, size_t loops, uint32_t dials_per_s) {
  size_t most = most_dials_within(first, 1000);
  fleet_promise(most <= loops * 2 * dials_per_s, "%zu dials within a second", most);
}

static void restart_with(size_t loops) {
  uint32_t dials_per_s = (uint32_t)(DIALS_PER_S / loops);
  fleet_make(loops, dials_per_s, JITTER_MS);
  CU_ASSERT_TRUE_FATAL(fleet_run_until(all_are_ready, NULL, BACK_MS));
  law_of_the_gate(0, loops, dials_per_s);
  fleet_run_for(5000);
  size_t first = dials();
  fleet_server_kill(0);
  fleet_run_for(3000);
  fleet_server_open(0, NULL);
  CU_ASSERT_TRUE(fleet_run_until(all_are_ready, NULL, BACK_MS));
  law_of_the_gate(first, loops, dials_per_s);
  fleet_run_for(1000);
  for (size_t i = 0; i < fl.channel_count; i++)
    CU_ASSERT_TRUE(fl.channels[i].book.failed <= 1); /* the one that ran */
  fleet_finish();
}

static void a_fleet_whose_server_restarts_comes_back_through_the_gate(void) {
  restart_with(1);
}

static void a_fleet_on_four_loops_comes_back_through_four_gates(void) {
  restart_with(4);
}

/* With a gate that holds nobody back, it is the jitter alone that spreads. */
static void law_of_the_spread(size_t first) {
  size_t most = most_dials_within(first, JITTER_MS / 10);
  fleet_promise(most <= FLEET / 4, "%zu of %d dials within a tenth of the jitter", most,
                (int)FLEET);
  size_t last = first + FLEET - 1;
  fleet_promise(dials() > last && dialed_at_ms(last) - dialed_at_ms(first) >= JITTER_MS * 3 / 4,
                "%zu dials are not spread over the jitter", dials() - first);
}

static void redials_after_a_mass_loss_are_spread_over_the_jitter(void) {
  fleet_make(1, 10000, JITTER_MS);
  CU_ASSERT_TRUE_FATAL(fleet_run_until(all_are_ready, NULL, BACK_MS));
  size_t first = dials();
  fleet_each_link(0, sim_link_reset);
  fleet_run_for(2000);
  CU_ASSERT_TRUE(all_are_ready(NULL));
  law_of_the_spread(first);
  fleet_finish();
}

static void redials_after_a_goaway_to_all_are_spread_and_no_call_is_lost(void) {
  fleet_make(1, 10000, JITTER_MS);
  CU_ASSERT_TRUE_FATAL(fleet_run_until(all_are_ready, NULL, BACK_MS));
  size_t first = dials();
  fleet_server_drain_connections(0);
  fleet_run_for(2000);
  CU_ASSERT_TRUE(all_are_ready(NULL));
  law_of_the_spread(first);
  fleet_finish();
  for (size_t i = 0; i < fl.channel_count; i++)
    CU_ASSERT_EQUAL(fl.channels[i].book.failed, 0);
}

/* A server that stays down is asked less and less: the backoff, not the load, says how often. */
static void a_server_that_stays_down_is_dialed_by_the_backoff(void) {
  fleet_make(1, 10000, 0);
  CU_ASSERT_TRUE_FATAL(fleet_run_until(all_are_ready, NULL, BACK_MS));
  size_t first = dials();
  fleet_server_kill(0);
  fleet_run_for(10000);
  /* At once, then after about 1, 2.6 and 5.2 s, +-20 % each; the next at 9.3 s. */
  CU_ASSERT_TRUE(dials() - first >= 4 * FLEET);
  CU_ASSERT_TRUE(dials() - first <= 6 * FLEET);
  fleet_server_open(0, NULL);
  CU_ASSERT_TRUE(fleet_run_until(all_are_ready, NULL, BACK_MS));
  fleet_finish();
}

static rawlistener *door;

static void end_who_came(void) {
  for (rawpeer *p; (p = rawpeer_accept(door));)
    rawpeer_free(p);
}

/* gRPC's interop test of backoff (ReconnectService): a port that ends each connection at once, for
 * 540 s, and a client that wants one all the while. */
static void a_server_that_ends_each_connection_at_once_is_dialed_by_grpcs_schedule(void) {
  gmux__address at = fleet_address(0);
  door = rawpeer_listen(fl.loops[0], &at);
  fl.on_tick = end_who_came;
  fleet_start(fleet_channel_new(0, NULL), &(fleet_ask){.timeout_ms = 540000, .is_patient = true});
  fleet_run_for(540000);
  double step_ms = 1000;
  for (size_t i = 1; i < dials(); i++) {
    double waited_ms = (double)(dialed_at_ms(i) - dialed_at_ms(i - 1));
    fleet_promise(waited_ms >= 0.8 * step_ms - 1 && waited_ms <= 1.2 * step_ms + 2,
                  "dial %zu was %.0f ms after the last, %.0f +-20 %% were due", i, waited_ms,
                  step_ms);
    step_ms = step_ms * 1.6 < 120000 ? step_ms * 1.6 : 120000;
  }
  /* 14 without the jitter; with it the 13th comes by 494 s, the 16th not before 617 s. */
  CU_ASSERT_TRUE(dials() >= 13 && dials() <= 15);
  fl.on_tick = NULL;
  rawpeer_listen_close(door);
  fleet_finish();
}

static const test_case cases[] = {
    TEST(a_fleet_whose_server_restarts_comes_back_through_the_gate),
    TEST(a_fleet_on_four_loops_comes_back_through_four_gates),
    TEST(redials_after_a_mass_loss_are_spread_over_the_jitter),
    TEST(redials_after_a_goaway_to_all_are_spread_and_no_call_is_lost),
    TEST(a_server_that_stays_down_is_dialed_by_the_backoff),
    TEST(a_server_that_ends_each_connection_at_once_is_dialed_by_grpcs_schedule),
    TESTS_END,
};

const test_suite promises_storm_suite = {"storm", cases, fleet_setup, fleet_teardown};
