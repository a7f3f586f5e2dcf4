/* unruly_deed_test.c: what is done to a connection of an unruly server, as a channel sees it. */
#include "tests/sim/unruly_kit.h"
#include <string.h>

extern const test_suite unruly_deed_suite;

/* ---- deeds ---- */

/* Calls under way on one connection, and the deed. */
static void do_under_way(unruly_fault deed, uint64_t seed) {
  open_decent();
  start_many(20);
  run_ms(4);
  CU_ASSERT_TRUE(unruly_calls(w.server) > 0);
  CU_ASSERT_TRUE(unruly_do(w.server, deed, seed));
  CU_ASSERT_EQUAL(w.faults[deed], 1);
  start_many(10);
  run_ms(20000);
}

/* In a world of its own for each seed. */
static void for_seeds(void (*run)(uint64_t seed)) {
  for (uint64_t seed = 1; seed <= 20; seed++) {
    if (seed > 1) {
      teardown();
      setup();
    }
    run(seed);
  }
}

static uint64_t goaways(void) {
  uint64_t count = 0;
  gmux_channel_stats s = figures();
  for (int code = 0; code < GMUX_H2_CODES; code++)
    count += s.goaways[code];
  return count;
}

static void goaway_seed(uint64_t seed) {
  do_under_way(UNRULY_GOAWAY, seed);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 30);
  CU_ASSERT_EQUAL(goaways(), 1);
}

static void goaway_of_any_kind_loses_no_call(void) {
  for_seeds(goaway_seed);
}

static void lowered_seed(uint64_t seed) {
  open_decent();
  start_many(20);
  run_ms(3);
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_GOAWAY_TWO_STEPS, seed));
  CU_ASSERT_FALSE(unruly_do(w.server, UNRULY_GOAWAY, seed)); /* it has been told */
  run_ms(3);
  unruly_do(w.server, UNRULY_GOAWAY_LOWERED, seed);
  run_ms(20000);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 20);
  CU_ASSERT_TRUE(goaways() >= 2);
}

static void a_second_goaway_may_lower_the_first(void) {
  for_seeds(lowered_seed);
}

static void close_seed(uint64_t seed) {
  do_under_way(UNRULY_GOAWAY_CLOSE, seed);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK) + ended_with(GMUX_UNAVAILABLE), 30);
}

static void goaway_and_close_ends_calls_by_the_evidence(void) {
  for_seeds(close_seed);
}

static void two_steps_lose_no_call(void) {
  do_under_way(UNRULY_GOAWAY_TWO_STEPS, 1);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 30);
  CU_ASSERT_EQUAL(goaways(), 2);
}

static void too_many_pings_is_counted_as_such(void) {
  do_under_way(UNRULY_TOO_MANY_PINGS, 1);
  CU_ASSERT_EQUAL(figures().too_many_pings, 1);
}

static void what_is_refused_is_made_again(void) {
  do_under_way(UNRULY_REFUSE, 1);
  unsigned refused = 0;
  for (uint32_t id = 1; id <= w.count; id++)
    refused += w.calls[id].refused;
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 30);
  CU_ASSERT_TRUE(refused > 0);
  CU_ASSERT_EQUAL(figures().retries[GMUX_EVIDENCE_REFUSED], refused);
}

static void a_reset_ends_one_call(void) {
  do_under_way(UNRULY_RESET, 1);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 29);
}

static void lower_seed(uint64_t seed) {
  open_decent();
  for (int i = 0; i < 8; i++)
    start_open();
  run_ms(5);
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_LIMIT_DOWN, seed));
  start_many(20);
  run_ms(3000);
  for (uint32_t id = 1; id <= 8; id++)
    gmux_call_half_close(w.calls[id].call);
  run_ms(20000);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 28);
}

static void a_limit_below_what_runs_is_respected(void) {
  for_seeds(lower_seed);
}

static void a_limit_of_zero_holds_calls_until_it_is_raised(void) {
  gmux_channel_options o = channel_options();
  o.max_connections = 1;
  server_open(&(unruly_options){.roughness = 0}, 1);
  channel_open_with(&o);
  start();
  run_ms(1000);
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_LIMIT_ZERO, 1));
  run_ms(3);
  line *c = start();
  run_ms(1);
  CU_ASSERT_EQUAL(unruly_calls(w.server), 0);
  run_ms(10000);
  CU_ASSERT_EQUAL(c->code, GMUX_OK);
}

static void deeds_without_loss(unruly_fault deed) {
  do_under_way(deed, 1);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 30);
  CU_ASSERT_EQUAL(figures().connections_made, 1); /* and that one lives */
}

static void a_raised_limit_is_used(void) {
  deeds_without_loss(UNRULY_LIMIT_UP);
}

static void wider_windows_are_used(void) {
  deeds_without_loss(UNRULY_WINDOW_UP);
}

static void windows_may_shrink_below_what_is_under_way(void) {
  deeds_without_loss(UNRULY_WINDOW_DOWN);
}

static void starved_calls_go_on_when_windows_come(void) {
  deeds_without_loss(UNRULY_STARVE);
}

static void pings_are_answered_in_their_order(void) {
  deeds_without_loss(UNRULY_PINGS);
}

static void withheld_acks_come_later(void) {
  deeds_without_loss(UNRULY_NO_ACKS);
}

static void what_was_not_read_is_read_later(void) {
  deeds_without_loss(UNRULY_DEAF);
}

static void frames_may_be_cut_anywhere(void) {
  deeds_without_loss(UNRULY_DRIP);
}

static void what_nobody_knows_is_ignored(void) {
  deeds_without_loss(UNRULY_BABBLE);
}

static void a_transport_that_ends_is_replaced(void) {
  static const unruly_fault ends[] = {UNRULY_CLOSE, UNRULY_ABORT, UNRULY_HALF_CLOSE};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    if (i > 0) {
      teardown();
      setup();
    }
    do_under_way(ends[i], 1);
    const line *c = start();
    run_ms(2000);
    CU_ASSERT_EQUAL(c->code, GMUX_OK);
    CU_ASSERT_EQUAL(figures().connections_made, 2);
    CU_ASSERT_EQUAL(ended_with(GMUX_OK) + ended_with(GMUX_UNAVAILABLE), 31);
  }
}

static void a_drained_server_takes_nobody_and_finishes(void) {
  open_decent();
  line *c = start_open();
  run_ms(100);
  unruly_drain(w.server);
  run_ms(100);
  CU_ASSERT_EQUAL(figures().goaways[0], 2);
  CU_ASSERT_EQUAL(c->ends, 0);
  gmux_call_half_close(c->call);
  run_ms(1000);
  CU_ASSERT_EQUAL(c->code, GMUX_OK);
  CU_ASSERT_EQUAL(unruly_connections(w.server), 0);
}

static void the_same_seed_does_the_same(void) {
  uint64_t bytes[2], faults[2][UNRULY_FAULTS];
  for (int i = 0; i < 2; i++) {
    server_open(&(unruly_options){.roughness = 100}, 7);
    channel_open();
    start_many(30);
    run_ms(500);
    bytes[i] = sim_turns(w.sim);
    memcpy(faults[i], w.faults, sizeof w.faults);
    if (i > 0) break;
    teardown();
    setup();
  }
  CU_ASSERT_EQUAL(bytes[0], bytes[1]);
  CU_ASSERT_EQUAL(memcmp(faults[0], faults[1], sizeof faults[0]), 0);
}

static const test_case cases[] = {
    TEST(goaway_of_any_kind_loses_no_call),
    TEST(a_second_goaway_may_lower_the_first),
    TEST(goaway_and_close_ends_calls_by_the_evidence),
    TEST(two_steps_lose_no_call),
    TEST(too_many_pings_is_counted_as_such),
    TEST(what_is_refused_is_made_again),
    TEST(a_reset_ends_one_call),
    TEST(a_limit_below_what_runs_is_respected),
    TEST(a_limit_of_zero_holds_calls_until_it_is_raised),
    TEST(a_raised_limit_is_used),
    TEST(wider_windows_are_used),
    TEST(windows_may_shrink_below_what_is_under_way),
    TEST(starved_calls_go_on_when_windows_come),
    TEST(pings_are_answered_in_their_order),
    TEST(withheld_acks_come_later),
    TEST(what_was_not_read_is_read_later),
    TEST(frames_may_be_cut_anywhere),
    TEST(what_nobody_knows_is_ignored),
    TEST(a_transport_that_ends_is_replaced),
    TEST(a_drained_server_takes_nobody_and_finishes),
    TEST(the_same_seed_does_the_same),
    TESTS_END,
};
const test_suite unruly_deed_suite = {"unruly_deed", cases, setup, teardown};
