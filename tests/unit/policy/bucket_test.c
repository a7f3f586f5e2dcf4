/* bucket_test.c: at most a burst at once, and a rate in the long run. */
#include "lib/policy/bucket.h"
#include "tests/unit/harness.h"
#include "tests/unit/policy/random.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

static gmux__bucket b;

static uint32_t take_all(uint64_t now) {
  uint32_t taken = 0;
  while (taken < 100000 && gmux__bucket_take(&b, now))
    taken++;
  return taken;
}

static void it_starts_full_and_gives_a_burst_at_once(void) {
  gmux__bucket_init(&b, 500, 25);
  CU_ASSERT_EQUAL(take_all(7 * S), 500);
  CU_ASSERT_FALSE(gmux__bucket_take(&b, 7 * S));
}

static void it_starts_full_at_time_zero_too(void) {
  gmux__bucket_init(&b, 3, 1);
  CU_ASSERT_EQUAL(take_all(0), 3);
}

static void a_token_comes_back_exactly_when_it_says(void) {
  gmux__bucket_init(&b, 2, 25);
  CU_ASSERT_EQUAL(gmux__bucket_next_ns(&b, S), S);
  take_all(S);
  CU_ASSERT_EQUAL(gmux__bucket_next_ns(&b, S), S + 40 * MS);
  CU_ASSERT_FALSE(gmux__bucket_take(&b, S + 40 * MS - 1));
  CU_ASSERT_EQUAL(gmux__bucket_next_ns(&b, S + 40 * MS - 1), S + 40 * MS);
  CU_ASSERT_TRUE(gmux__bucket_take(&b, S + 40 * MS));
  CU_ASSERT_EQUAL(gmux__bucket_next_ns(&b, S + 40 * MS), S + 80 * MS);
}

static void the_rate_holds_in_the_long_run(void) {
  gmux__bucket_init(&b, 10, 100);
  CU_ASSERT_EQUAL(take_all(S), 10);
  uint32_t taken = 0;
  for (uint64_t now = S; now <= 11 * S; now += MS)
    taken += take_all(now);
  CU_ASSERT_EQUAL(taken, 1000);
}

static void it_never_holds_more_than_its_burst(void) {
  gmux__bucket_init(&b, 4, 1000);
  take_all(S);
  CU_ASSERT_EQUAL(take_all(1000000 * S), 4);
}

static void a_refusal_changes_nothing(void) {
  gmux__bucket_init(&b, 1, 1);
  take_all(S);
  uint64_t full_ns = b.full_ns;
  for (int i = 0; i < 100; i++)
    CU_ASSERT_FALSE(gmux__bucket_take(&b, S + 1));
  CU_ASSERT_EQUAL(b.full_ns, full_ns);
}

static void what_is_forced_is_owed(void) {
  gmux__bucket_init(&b, 2, 1);
  take_all(S);
  gmux__bucket_force(&b, S);
  CU_ASSERT_EQUAL(gmux__bucket_next_ns(&b, S), 3 * S);
  CU_ASSERT_FALSE(gmux__bucket_take(&b, 3 * S - 1));
  CU_ASSERT_TRUE(gmux__bucket_take(&b, 3 * S));
}

static void no_more_than_a_burst_is_owed(void) {
  gmux__bucket_init(&b, 2, 1);
  for (int i = 0; i < 1000; i++)
    gmux__bucket_force(&b, S);
  CU_ASSERT_EQUAL(gmux__bucket_next_ns(&b, S), 4 * S);
}

static void forcing_takes_what_there_is_first(void) {
  gmux__bucket_init(&b, 3, 1);
  gmux__bucket_force(&b, S);
  CU_ASSERT_EQUAL(take_all(S), 2);
}

static void a_rate_that_does_not_divide_a_second_is_rounded_down(void) {
  gmux__bucket_init(&b, 1, 3);
  take_all(0);
  CU_ASSERT_FALSE(gmux__bucket_take(&b, S / 3));
  CU_ASSERT_TRUE(gmux__bucket_take(&b, S / 3 + 1));
}

static void the_largest_numbers_do_not_wrap(void) {
  static const uint32_t ends[] = {1, 2, UINT32_MAX - 1, UINT32_MAX};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    for (size_t j = 0; j < sizeof ends / sizeof *ends; j++)
      for (uint64_t before_end = 0; before_end < 3; before_end++) {
        uint64_t now = UINT64_MAX - before_end;
        gmux__bucket_init(&b, ends[i], ends[j]);
        CU_ASSERT_TRUE(gmux__bucket_take(&b, now));
        for (int forced = 0; forced < 5; forced++)
          gmux__bucket_force(&b, now);
        CU_ASSERT_TRUE(b.full_ns >= now);
        CU_ASSERT_TRUE(gmux__bucket_next_ns(&b, now) >= now);
      }
}

static void the_deepest_bucket_counts_exactly(void) {
  gmux__bucket_init(&b, UINT32_MAX, 1);
  for (int i = 0; i < 1000; i++)
    CU_ASSERT_TRUE(gmux__bucket_take(&b, S));
  CU_ASSERT_EQUAL(b.full_ns, 1001 * S);
}

static void a_clock_that_stands_gives_nothing(void) {
  gmux__bucket_init(&b, 5, UINT32_MAX);
  CU_ASSERT_EQUAL(take_all(S), 5);
  CU_ASSERT_EQUAL(take_all(S), 0);
}

/* In each window that begins with a token taken, no more than the burst and the rate give. */
static void check_windows(const uint64_t *at, size_t count, uint32_t burst, uint32_t rate) {
  for (size_t first = 0; first < count; first++)
    for (size_t last = first; last < count; last++) {
      uint64_t window_ns = at[last] - at[first];
      if (last - first + 1 > burst + window_ns * rate / S) {
        CU_FAIL("more than burst + rate x time");
        return;
      }
    }
}

static void no_window_ever_sees_more_than_burst_and_rate(void) {
  enum { TAKEN_MAX = 200 };
  for (uint64_t seed = 0; seed < 500; seed++) {
    test_random random = {seed};
    uint32_t burst = 1 + (uint32_t)test_random_below(&random, 20);
    uint32_t rate = 1 + (uint32_t)test_random_below(&random, 2000);
    uint64_t now = test_random_below(&random, S), at[TAKEN_MAX];
    size_t taken = 0;
    gmux__bucket_init(&b, burst, rate);
    for (int step = 0; step < TAKEN_MAX; step++) {
      now += test_random_below(&random, 4) == 0 ? test_random_below(&random, 5 * S / rate) : 0;
      uint64_t next = gmux__bucket_next_ns(&b, now);
      bool may = gmux__bucket_take(&b, now);
      CU_ASSERT_EQUAL(may, next == now); /* what it says is what it does */
      if (may) at[taken++] = now;
    }
    CU_ASSERT_TRUE(taken >= burst);
    check_windows(at, taken, burst, rate);
  }
}

static const test_case cases[] = {TEST(it_starts_full_and_gives_a_burst_at_once),
                                  TEST(it_starts_full_at_time_zero_too),
                                  TEST(a_token_comes_back_exactly_when_it_says),
                                  TEST(the_rate_holds_in_the_long_run),
                                  TEST(it_never_holds_more_than_its_burst),
                                  TEST(a_refusal_changes_nothing),
                                  TEST(what_is_forced_is_owed),
                                  TEST(no_more_than_a_burst_is_owed),
                                  TEST(forcing_takes_what_there_is_first),
                                  TEST(a_rate_that_does_not_divide_a_second_is_rounded_down),
                                  TEST(the_largest_numbers_do_not_wrap),
                                  TEST(the_deepest_bucket_counts_exactly),
                                  TEST(a_clock_that_stands_gives_nothing),
                                  TEST(no_window_ever_sees_more_than_burst_and_rate),
                                  TESTS_END};
const test_suite policy_bucket_suite = {"bucket", cases, NULL, NULL};
