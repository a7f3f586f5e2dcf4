/* strikes_test.c: how a server punishes too many PINGs (gRPC A8, promise 16). */
#include "lib/policy/strikes.h"
#include "tests/unit/harness.h"

#define S    UINT64_C(1000000000)
#define MIN  (60 * S)
#define HOUR (60 * MIN)

static gmux__strikes s;
static const uint64_t T0 = 1000 * S;

static void start_with(uint64_t min_interval_ns, bool permit, uint32_t max_strikes) {
  gmux__strikes_config config = {min_interval_ns, permit, max_strikes};
  gmux__strikes_init(&s, &config);
}

static void start(void) {
  start_with(5 * MIN, false, 2);
}

static void the_third_bad_ping_is_punished(void) {
  start();
  CU_ASSERT_FALSE(gmux__strikes_ping(&s, T0, true)); /* good */
  CU_ASSERT_FALSE(gmux__strikes_ping(&s, T0 + 1, true));
  CU_ASSERT_FALSE(gmux__strikes_ping(&s, T0 + 2, true));
  CU_ASSERT_EQUAL(s.count, 2);
  CU_ASSERT_TRUE(gmux__strikes_ping(&s, T0 + 3, true));
  CU_ASSERT_TRUE(gmux__strikes_ping(&s, T0 + 4, true));
}

static void pings_at_the_minimum_interval_are_good_for_ever(void) {
  start();
  for (uint64_t i = 0; i < 10000; i++)
    CU_ASSERT_FALSE(gmux__strikes_ping(&s, T0 + i * 5 * MIN, true));
  CU_ASSERT_EQUAL(s.count, 0);
}

static void one_nanosecond_early_is_bad(void) {
  start();
  gmux__strikes_ping(&s, T0, true);
  gmux__strikes_ping(&s, T0 + 5 * MIN - 1, true);
  CU_ASSERT_EQUAL(s.count, 1);
}

static void a_bad_ping_does_not_move_the_clock(void) {
  start();
  gmux__strikes_ping(&s, T0, true);
  gmux__strikes_ping(&s, T0 + 4 * MIN, true);
  CU_ASSERT_EQUAL(s.count, 1);
  gmux__strikes_ping(&s, T0 + 5 * MIN, true);
  CU_ASSERT_EQUAL(s.count, 1);
  CU_ASSERT_EQUAL(s.last_good_ns, T0 + 5 * MIN);
}

static void a_good_ping_does_not_forgive(void) {
  start();
  gmux__strikes_ping(&s, T0, true);
  gmux__strikes_ping(&s, T0 + 1, true);
  gmux__strikes_ping(&s, T0 + 5 * MIN, true);
  gmux__strikes_ping(&s, T0 + 6 * MIN, true);
  CU_ASSERT_TRUE(gmux__strikes_ping(&s, T0 + 7 * MIN, true));
}

static void without_streams_two_hours_must_pass(void) {
  start();
  gmux__strikes_ping(&s, T0, false);
  gmux__strikes_ping(&s, T0 + 2 * HOUR - 1, false);
  CU_ASSERT_EQUAL(s.count, 1);
  gmux__strikes_ping(&s, T0 + 2 * HOUR, false);
  CU_ASSERT_EQUAL(s.count, 1);
}

static void permitted_without_calls_the_interval_is_the_same(void) {
  start_with(5 * MIN, true, 2);
  gmux__strikes_ping(&s, T0, false);
  gmux__strikes_ping(&s, T0 + 5 * MIN, false);
  CU_ASSERT_EQUAL(s.count, 0);
  gmux__strikes_ping(&s, T0 + 10 * MIN - 1, false);
  CU_ASSERT_EQUAL(s.count, 1);
}

static void an_interval_above_two_hours_holds_without_streams_too(void) {
  start_with(3 * HOUR, false, 2);
  gmux__strikes_ping(&s, T0, false);
  gmux__strikes_ping(&s, T0 + 2 * HOUR, false);
  CU_ASSERT_EQUAL(s.count, 1);
}

static void a_written_frame_clears_strikes_and_clock(void) {
  start();
  for (uint64_t i = 0; i < 10000; i++) {
    CU_ASSERT_FALSE(gmux__strikes_ping(&s, T0 + i, true));
    CU_ASSERT_FALSE(gmux__strikes_ping(&s, T0 + i, true));
    CU_ASSERT_FALSE(gmux__strikes_ping(&s, T0 + i, true));
    CU_ASSERT_EQUAL(s.count, 2);
    gmux__strikes_clear(&s);
    CU_ASSERT_EQUAL(s.count, 0);
  }
}

static void with_a_maximum_of_zero_nothing_is_punished(void) {
  start_with(5 * MIN, false, 0);
  for (int i = 0; i < 10000; i++)
    CU_ASSERT_FALSE(gmux__strikes_ping(&s, T0, false));
  CU_ASSERT_EQUAL(s.count, 9999);
}

static void with_a_maximum_of_one_the_second_is_punished(void) {
  start_with(5 * MIN, false, 1);
  gmux__strikes_ping(&s, T0, true);
  CU_ASSERT_FALSE(gmux__strikes_ping(&s, T0, true));
  CU_ASSERT_TRUE(gmux__strikes_ping(&s, T0, true));
}

static void the_beginning_of_time_is_a_time(void) {
  start();
  CU_ASSERT_FALSE(gmux__strikes_ping(&s, 0, true));
  gmux__strikes_ping(&s, 0, true);
  CU_ASSERT_EQUAL(s.count, 1);
}

static void numbers_stop_at_their_end(void) {
  start_with(UINT64_MAX, false, UINT32_MAX);
  gmux__strikes_ping(&s, UINT64_MAX - 1, true);
  s.count = UINT32_MAX;
  CU_ASSERT_FALSE(gmux__strikes_ping(&s, UINT64_MAX, true));
  CU_ASSERT_EQUAL(s.count, UINT32_MAX);
}

static const test_case cases[] = {TEST(the_third_bad_ping_is_punished),
                                  TEST(pings_at_the_minimum_interval_are_good_for_ever),
                                  TEST(one_nanosecond_early_is_bad),
                                  TEST(a_bad_ping_does_not_move_the_clock),
                                  TEST(a_good_ping_does_not_forgive),
                                  TEST(without_streams_two_hours_must_pass),
                                  TEST(permitted_without_calls_the_interval_is_the_same),
                                  TEST(an_interval_above_two_hours_holds_without_streams_too),
                                  TEST(a_written_frame_clears_strikes_and_clock),
                                  TEST(with_a_maximum_of_zero_nothing_is_punished),
                                  TEST(with_a_maximum_of_one_the_second_is_punished),
                                  TEST(the_beginning_of_time_is_a_time),
                                  TEST(numbers_stop_at_their_end),
                                  TESTS_END};
const test_suite policy_strikes_suite = {"strikes", cases, NULL, NULL};
