/* jitter_test.c: durations that a fleet must not share. */
#include "lib/policy/jitter.h"
#include "tests/unit/harness.h"

#define S UINT64_C(1000000000)

static const uint64_t LEAST = 0, MOST = UINT64_MAX, MIDDLE = UINT64_C(1) << 63;

static void around_reaches_both_ends_and_the_middle(void) {
  CU_ASSERT_EQUAL(gmux__jitter_around(100 * S, 10, LEAST), 90 * S);
  CU_ASSERT_EQUAL(gmux__jitter_around(100 * S, 10, MIDDLE), 100 * S);
  CU_ASSERT_EQUAL(gmux__jitter_around(100 * S, 10, MOST), 110 * S);
  CU_ASSERT_EQUAL(gmux__jitter_around(100 * S, 100, LEAST), 0);
  CU_ASSERT_EQUAL(gmux__jitter_around(100 * S, 100, MOST), 200 * S);
}

static void above_is_never_earlier_than_asked(void) {
  CU_ASSERT_EQUAL(gmux__jitter_above(100 * S, 10, LEAST), 100 * S);
  CU_ASSERT_EQUAL(gmux__jitter_above(100 * S, 10, MIDDLE), 105 * S);
  CU_ASSERT_EQUAL(gmux__jitter_above(100 * S, 10, MOST), 110 * S);
}

static void up_to_reaches_both_ends(void) {
  CU_ASSERT_EQUAL(gmux__jitter_up_to(100, LEAST), 0);
  CU_ASSERT_EQUAL(gmux__jitter_up_to(100, MIDDLE), 50);
  CU_ASSERT_EQUAL(gmux__jitter_up_to(100, MOST), 100);
  CU_ASSERT_EQUAL(gmux__jitter_up_to(0, MOST), 0);
  CU_ASSERT_EQUAL(gmux__jitter_up_to(UINT64_MAX, LEAST), 0);
}

static void no_jitter_is_the_time_itself(void) {
  CU_ASSERT_EQUAL(gmux__jitter_around(123, 0, MOST), 123);
  CU_ASSERT_EQUAL(gmux__jitter_above(123, 0, MOST), 123);
  CU_ASSERT_EQUAL(gmux__jitter_around(0, 100, MOST), 0);
}

static void each_duration_is_as_likely(void) {
  unsigned seen[11] = {0};
  for (uint64_t i = 0; i < 1100; i++)
    seen[gmux__jitter_up_to(10, i * (UINT64_MAX / 1100))]++;
  for (int i = 0; i <= 10; i++)
    CU_ASSERT_TRUE(seen[i] >= 99 && seen[i] <= 101);
}

static void never_stays_never(void) {
  CU_ASSERT_EQUAL(gmux__jitter_around(UINT64_MAX, 10, LEAST), UINT64_MAX);
  CU_ASSERT_EQUAL(gmux__jitter_above(UINT64_MAX, 10, MOST), UINT64_MAX);
}

static void a_long_time_does_not_become_never(void) {
  CU_ASSERT_EQUAL(gmux__jitter_around(UINT64_MAX - 1, 100, MOST), UINT64_MAX - 1);
  CU_ASSERT_EQUAL(gmux__jitter_above(UINT64_MAX - 1, 100, MOST), UINT64_MAX - 1);
  CU_ASSERT_EQUAL(gmux__jitter_above(UINT64_MAX - 1, 0, MOST), UINT64_MAX - 1);
}

static const test_case cases[] = {TEST(around_reaches_both_ends_and_the_middle),
                                  TEST(above_is_never_earlier_than_asked),
                                  TEST(up_to_reaches_both_ends),
                                  TEST(no_jitter_is_the_time_itself),
                                  TEST(each_duration_is_as_likely),
                                  TEST(never_stays_never),
                                  TEST(a_long_time_does_not_become_never),
                                  TESTS_END};
const test_suite policy_jitter_suite = {"jitter", cases, NULL, NULL};
