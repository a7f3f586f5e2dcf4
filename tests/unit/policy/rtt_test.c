/* rtt_test.c: how long a round trip takes, from PINGs and from replies. */
#include "lib/policy/rtt.h"
#include "tests/unit/harness.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

static gmux__rtt rtt;

static void setup(void) {
  rtt = (gmux__rtt){0};
}

static void the_first_ping_is_the_estimate(void) {
  gmux__rtt_measured(&rtt, 80 * MS);
  CU_ASSERT_EQUAL(rtt.smoothed_ns, 80 * MS);
  CU_ASSERT_TRUE(rtt.is_measured);
}

static void later_pings_move_it_by_an_eighth(void) {
  gmux__rtt_measured(&rtt, 80 * MS);
  gmux__rtt_measured(&rtt, 160 * MS);
  CU_ASSERT_EQUAL(rtt.smoothed_ns, 90 * MS);
  for (int i = 0; i < 200; i++)
    gmux__rtt_measured(&rtt, 8 * MS);
  CU_ASSERT_TRUE(rtt.smoothed_ns >= 8 * MS && rtt.smoothed_ns < 8 * MS + 8);
}

static void the_first_reply_is_a_guess_and_a_faster_one_a_better(void) {
  gmux__rtt_replied(&rtt, 300 * MS);
  CU_ASSERT_EQUAL(rtt.smoothed_ns, 300 * MS);
  CU_ASSERT_FALSE(rtt.is_measured);
  gmux__rtt_replied(&rtt, 20 * MS);
  CU_ASSERT_EQUAL(rtt.smoothed_ns, 20 * MS);
}

static void a_slow_server_is_not_a_far_one(void) {
  gmux__rtt_replied(&rtt, 20 * MS);
  for (int i = 0; i < 100; i++)
    gmux__rtt_replied(&rtt, 60 * S);
  CU_ASSERT_EQUAL(rtt.smoothed_ns, 20 * MS);
  gmux__rtt_measured(&rtt, 30 * MS);
  gmux__rtt_replied(&rtt, 60 * S);
  CU_ASSERT_EQUAL(rtt.smoothed_ns, 30 * MS);
}

static void a_ping_replaces_a_guess(void) {
  gmux__rtt_replied(&rtt, 20 * S);
  gmux__rtt_measured(&rtt, 10 * MS);
  CU_ASSERT_EQUAL(rtt.smoothed_ns, 10 * MS);
}

static void a_reply_faster_than_the_pings_counts_as_one(void) {
  gmux__rtt_measured(&rtt, 80 * MS);
  gmux__rtt_replied(&rtt, 16 * MS);
  CU_ASSERT_EQUAL(rtt.smoothed_ns, 72 * MS);
}

static void a_round_trip_of_no_time_is_still_a_sample(void) {
  gmux__rtt_replied(&rtt, 0);
  CU_ASSERT_EQUAL(rtt.smoothed_ns, 1);
  for (int i = 0; i < 10; i++)
    gmux__rtt_measured(&rtt, 0);
  CU_ASSERT_EQUAL(rtt.smoothed_ns, 1);
}

static void the_longest_samples_do_not_wrap(void) {
  for (int i = 0; i < 10; i++)
    gmux__rtt_measured(&rtt, UINT64_MAX);
  CU_ASSERT_TRUE(rtt.smoothed_ns >= UINT64_MAX - 8);
}

static const test_case cases[] = {TEST(the_first_ping_is_the_estimate),
                                  TEST(later_pings_move_it_by_an_eighth),
                                  TEST(the_first_reply_is_a_guess_and_a_faster_one_a_better),
                                  TEST(a_slow_server_is_not_a_far_one),
                                  TEST(a_ping_replaces_a_guess),
                                  TEST(a_reply_faster_than_the_pings_counts_as_one),
                                  TEST(a_round_trip_of_no_time_is_still_a_sample),
                                  TEST(the_longest_samples_do_not_wrap),
                                  TESTS_END};
const test_suite policy_rtt_suite = {"rtt", cases, setup, NULL};
