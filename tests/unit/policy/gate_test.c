/* gate_test.c: how many handshakes may run at once, and begin a second (promise 7). */
#include "lib/policy/gate.h"
#include "tests/unit/harness.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

static gmux__gate_state g;

static void start(uint32_t max_dialing, uint32_t rate_per_s) {
  gmux__gate_limits limits = {max_dialing, rate_per_s};
  gmux__gate_state_init(&g, &limits);
}

static uint32_t enter_all(uint64_t now) {
  uint32_t entered = 0;
  while (gmux__gate_state_enter(&g, now))
    entered++;
  return entered;
}

static void no_more_than_max_dialing_run_at_once(void) {
  start(64, 100);
  CU_ASSERT_EQUAL(enter_all(S), 64);
  CU_ASSERT_EQUAL(gmux__gate_state_next_ns(&g, S), UINT64_MAX);
  CU_ASSERT_EQUAL(enter_all(1000 * S), 0);
  gmux__gate_state_leave(&g);
  CU_ASSERT_EQUAL(gmux__gate_state_next_ns(&g, S), S);
  CU_ASSERT_EQUAL(enter_all(S), 1);
}

static void a_seconds_worth_may_begin_at_once_and_then_the_rate(void) {
  start(1000, 100);
  CU_ASSERT_EQUAL(enter_all(S), 100);
  CU_ASSERT_EQUAL(gmux__gate_state_next_ns(&g, S), S + 10 * MS);
  CU_ASSERT_EQUAL(enter_all(S + 10 * MS - 1), 0);
  CU_ASSERT_EQUAL(enter_all(S + 10 * MS), 1);
}

static void handshakes_that_end_at_once_still_keep_the_rate(void) {
  start(2, 10);
  uint32_t begun = 0;
  for (uint64_t now = S; now < 11 * S; now += MS)
    while (gmux__gate_state_enter(&g, now)) {
      gmux__gate_state_leave(&g);
      begun++;
    }
  CU_ASSERT_EQUAL(begun, 10 + 99); /* a second's worth, and 10 s less a moment of the rate */
}

static void one_that_is_refused_at_the_limit_costs_no_token(void) {
  start(1, 2);
  CU_ASSERT_EQUAL(enter_all(S), 1);
  for (int i = 0; i < 10; i++)
    CU_ASSERT_FALSE(gmux__gate_state_enter(&g, S));
  gmux__gate_state_leave(&g);
  CU_ASSERT_EQUAL(enter_all(S), 1);
}

static void one_that_is_refused_for_the_rate_does_not_count_as_running(void) {
  start(2, 1);
  CU_ASSERT_EQUAL(enter_all(S), 1);
  for (int i = 0; i < 10; i++)
    CU_ASSERT_FALSE(gmux__gate_state_enter(&g, S));
  CU_ASSERT_EQUAL(g.dialing, 1);
}

static const test_case cases[] = {TEST(no_more_than_max_dialing_run_at_once),
                                  TEST(a_seconds_worth_may_begin_at_once_and_then_the_rate),
                                  TEST(handshakes_that_end_at_once_still_keep_the_rate),
                                  TEST(one_that_is_refused_at_the_limit_costs_no_token),
                                  TEST(one_that_is_refused_for_the_rate_does_not_count_as_running),
                                  TESTS_END};
const test_suite policy_gate_suite = {"gate", cases, NULL, NULL};
