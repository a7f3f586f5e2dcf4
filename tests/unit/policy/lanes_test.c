/* lanes_test.c: which loop takes a call, and what several loops are together. */
#include "lib/policy/lanes.h"
#include "tests/unit/harness.h"

enum { LANES = 4, NO_LANE = LANES };

static gmux__lane_load lanes[LANES];

static void setup(void) {
  for (size_t i = 0; i < LANES; i++)
    lanes[i] = (gmux__lane_load){.state = GMUX_CHANNEL_READY};
}

static void the_least_busy_takes_the_call(void) {
  for (size_t least = 0; least < LANES; least++) {
    for (size_t i = 0; i < LANES; i++)
      lanes[i].calls = i == least ? 6 : 7;
    CU_ASSERT_EQUAL(gmux__lanes_pick(lanes, LANES, NO_LANE), least);
  }
}

static void one_that_is_not_ready_takes_none_while_one_is(void) {
  static const gmux_channel_state others[] = {GMUX_CHANNEL_IDLE, GMUX_CHANNEL_CONNECTING,
                                              GMUX_CHANNEL_TRANSIENT_FAILURE,
                                              GMUX_CHANNEL_SHUTDOWN};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    lanes[0].state = lanes[1].state = lanes[3].state = others[i];
    lanes[2].calls = 1000000;
    CU_ASSERT_EQUAL(gmux__lanes_pick(lanes, LANES, NO_LANE), 2);
    CU_ASSERT_EQUAL(gmux__lanes_pick(lanes, LANES, 0), 2);
  }
}

static void one_that_failed_takes_none_while_one_may_connect(void) {
  for (size_t i = 0; i < LANES; i++)
    lanes[i].state = GMUX_CHANNEL_TRANSIENT_FAILURE;
  CU_ASSERT_EQUAL(gmux__lanes_pick(lanes, LANES, 1), 1);
  lanes[3] = (gmux__lane_load){.state = GMUX_CHANNEL_IDLE, .calls = 5};
  CU_ASSERT_EQUAL(gmux__lanes_pick(lanes, LANES, 1), 3);
}

static void calls_before_any_connection_are_spread(void) {
  for (size_t i = 0; i < LANES; i++)
    lanes[i].state = i % 2 ? GMUX_CHANNEL_IDLE : GMUX_CHANNEL_CONNECTING;
  for (size_t call = 0; call < 40 * LANES; call++)
    lanes[gmux__lanes_pick(lanes, LANES, NO_LANE)].calls++;
  for (size_t i = 0; i < LANES; i++)
    CU_ASSERT_EQUAL(lanes[i].calls, 40);
}

static void a_call_stays_on_its_loop_while_that_is_not_much_busier(void) {
  lanes[1].calls = GMUX__LANES_SLACK;
  CU_ASSERT_TRUE(gmux__lanes_may_stay(&lanes[1]));
  CU_ASSERT_EQUAL(gmux__lanes_pick(lanes, LANES, 1), 1);
  lanes[1].calls++;
  CU_ASSERT_FALSE(gmux__lanes_may_stay(&lanes[1]));
  CU_ASSERT_EQUAL(gmux__lanes_pick(lanes, LANES, 1), 0);
  lanes[0].calls = lanes[2].calls = lanes[3].calls = 1; /* twice as many, and the slack */
  CU_ASSERT_EQUAL(gmux__lanes_pick(lanes, LANES, 1), 1);
}

static void a_loop_that_is_not_ready_keeps_no_call_for_being_its_own(void) {
  lanes[2].state = GMUX_CHANNEL_CONNECTING;
  CU_ASSERT_FALSE(gmux__lanes_may_stay(&lanes[2]));
  CU_ASSERT_EQUAL(gmux__lanes_pick(lanes, LANES, 2), 0);
}

static void one_that_sleeps_is_woken_once_there_is_work_for_it(void) {
  lanes[3].state = GMUX_CHANNEL_IDLE;
  CU_ASSERT_EQUAL(gmux__lanes_wake(lanes, LANES, 0), NO_LANE); /* the one call is alone */
  lanes[0].calls = 1;
  CU_ASSERT_EQUAL(gmux__lanes_wake(lanes, LANES, 0), 3);
  lanes[3].state = GMUX_CHANNEL_CONNECTING;
  CU_ASSERT_EQUAL(gmux__lanes_wake(lanes, LANES, 0), NO_LANE);
}

static void one_that_has_failed_is_asked_once_to_try_again(void) {
  lanes[0].calls = 1;
  lanes[2].state = GMUX_CHANNEL_TRANSIENT_FAILURE; /* its backoff says when */
  CU_ASSERT_EQUAL(gmux__lanes_wake(lanes, LANES, 0), 2);
  lanes[3].state = GMUX_CHANNEL_IDLE; /* may be sooner */
  CU_ASSERT_EQUAL(gmux__lanes_wake(lanes, LANES, 0), 3);
  lanes[3].state = GMUX_CHANNEL_READY;
  lanes[2].is_asked = true;
  CU_ASSERT_EQUAL(gmux__lanes_wake(lanes, LANES, 0), NO_LANE);
}

static void while_none_is_ready_the_call_itself_wakes_its_lane(void) {
  for (size_t i = 0; i < LANES; i++)
    lanes[i] = (gmux__lane_load){.state = GMUX_CHANNEL_IDLE, .calls = 1};
  CU_ASSERT_EQUAL(gmux__lanes_wake(lanes, LANES, 0), NO_LANE);
}

static gmux_channel_state sum(gmux_channel_state a, gmux_channel_state b, gmux_channel_state c) {
  const gmux__lane_load three[] = {{.state = a}, {.state = b}, {.state = c}};
  return gmux__lanes_state(three, 3);
}

static void together_they_are_the_best_that_one_is(void) {
  const gmux_channel_state idle = GMUX_CHANNEL_IDLE, connecting = GMUX_CHANNEL_CONNECTING,
                           ready = GMUX_CHANNEL_READY, failed = GMUX_CHANNEL_TRANSIENT_FAILURE,
                           shut = GMUX_CHANNEL_SHUTDOWN;
  CU_ASSERT_EQUAL(sum(idle, ready, failed), ready);
  CU_ASSERT_EQUAL(sum(idle, connecting, failed), connecting);
  CU_ASSERT_EQUAL(sum(failed, idle, failed), idle);
  CU_ASSERT_EQUAL(sum(failed, failed, failed), failed);
  CU_ASSERT_EQUAL(sum(shut, ready, shut), ready);
  CU_ASSERT_EQUAL(sum(shut, failed, shut), failed);
  CU_ASSERT_EQUAL(sum(shut, shut, shut), shut);
}

static void parts_add_up_to_the_whole(void) {
  for (uint32_t total = 0; total < 40; total++)
    for (size_t count = 1; count < 10; count++) {
      uint32_t parts = 0;
      for (size_t i = 0; i < count; i++)
        parts += gmux__lanes_part(total, count, i);
      CU_ASSERT_EQUAL(parts, total);
    }
  CU_ASSERT_EQUAL(gmux__lanes_part(UINT32_MAX, 2, 0), UINT32_MAX / 2 + 1);
}

static void nobody_goes_without_what_one_cannot_be_without(void) {
  CU_ASSERT_EQUAL(gmux__lanes_part_of_least(2, LANES, 0, 1), 1);
  CU_ASSERT_EQUAL(gmux__lanes_part_of_least(2, LANES, 3, 1), 1);
  CU_ASSERT_EQUAL(gmux__lanes_part_of_least(9, LANES, 0, 1), 3);
  CU_ASSERT_EQUAL(gmux__lanes_part_of_least(0, LANES, 0, 0), 0);
}

static const test_case cases[] = {
    TEST(the_least_busy_takes_the_call),
    TEST(one_that_is_not_ready_takes_none_while_one_is),
    TEST(one_that_failed_takes_none_while_one_may_connect),
    TEST(calls_before_any_connection_are_spread),
    TEST(a_call_stays_on_its_loop_while_that_is_not_much_busier),
    TEST(a_loop_that_is_not_ready_keeps_no_call_for_being_its_own),
    TEST(one_that_sleeps_is_woken_once_there_is_work_for_it),
    TEST(one_that_has_failed_is_asked_once_to_try_again),
    TEST(while_none_is_ready_the_call_itself_wakes_its_lane),
    TEST(together_they_are_the_best_that_one_is),
    TEST(parts_add_up_to_the_whole),
    TEST(nobody_goes_without_what_one_cannot_be_without),
    TESTS_END,
};

extern const test_suite policy_lanes_suite;
const test_suite policy_lanes_suite = {.name = "lanes", .cases = cases, .setup = setup};
