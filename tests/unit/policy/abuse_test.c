/* abuse_test.c: what a peer may make us do for nothing, in time and number. */
#include "lib/policy/abuse.h"
#include "tests/unit/harness.h"

#define MS    UINT64_C(1000000)
#define S     UINT64_C(1000000000)
#define NEVER UINT64_MAX

static gmux__abuse a;

static void begin(uint32_t reset_burst, uint32_t chatter_burst) {
  gmux__abuse_init(&a, &(gmux__abuse_config){.reset_burst = reset_burst,
                                             .reset_rate_per_s = 10,
                                             .chatter_burst = chatter_burst,
                                             .chatter_rate_per_s = 10});
}

static void young_calls_are_reset_as_often_as_the_bucket_says(void) {
  begin(3, 0);
  for (int i = 0; i < 3; i++)
    CU_ASSERT_FALSE(gmux__abuse_reset(&a, S, 0, NEVER));
  CU_ASSERT_TRUE(gmux__abuse_reset(&a, S, 0, NEVER));
  CU_ASSERT_TRUE(gmux__abuse_reset(&a, S + 99 * MS, 99 * MS, NEVER));
  CU_ASSERT_FALSE(gmux__abuse_reset(&a, S + 100 * MS, 100 * MS, NEVER));
  CU_ASSERT_TRUE(gmux__abuse_reset(&a, S + 100 * MS, 100 * MS, NEVER));
}

static void a_call_that_lived_a_second_may_be_cancelled_as_one_likes(void) {
  begin(1, 0);
  for (int i = 0; i < 100000; i++)
    CU_ASSERT_FALSE(gmux__abuse_reset(&a, S, S, NEVER));
  CU_ASSERT_FALSE(gmux__abuse_reset(&a, S, S - 1, NEVER));
  CU_ASSERT_TRUE(gmux__abuse_reset(&a, S, S - 1, NEVER));
}

/* A storm of short deadlines: client and server find them missed at the same time. */
static void a_call_that_had_half_of_its_time_may_be_cancelled_as_one_likes(void) {
  begin(1, 0);
  for (int i = 0; i < 100000; i++)
    CU_ASSERT_FALSE(gmux__abuse_reset(&a, S, 5 * MS, 10 * MS));
  CU_ASSERT_FALSE(gmux__abuse_reset(&a, S, 5 * MS - 1, 10 * MS));
  CU_ASSERT_TRUE(gmux__abuse_reset(&a, S, 5 * MS - 1, 10 * MS));
}

static void what_breaks_a_rule_empties_the_same_bucket(void) {
  begin(4, 0);
  CU_ASSERT_FALSE(gmux__abuse_breach(&a, S));
  CU_ASSERT_FALSE(gmux__abuse_reset(&a, S, 0, NEVER));
  CU_ASSERT_FALSE(gmux__abuse_breach(&a, S));
  CU_ASSERT_FALSE(gmux__abuse_breach(&a, S));
  CU_ASSERT_TRUE(gmux__abuse_reset(&a, S, 0, NEVER));
  CU_ASSERT_TRUE(gmux__abuse_breach(&a, S));
}

static void each_useful_frame_allows_four_that_carry_nothing(void) {
  begin(0, 8);
  for (int i = 0; i < 8; i++)
    CU_ASSERT_FALSE(gmux__abuse_chatter(&a, S));
  CU_ASSERT_TRUE(gmux__abuse_chatter(&a, S));
  gmux__abuse_served(&a);
  for (int i = 0; i < 4; i++)
    CU_ASSERT_FALSE(gmux__abuse_chatter(&a, S));
  CU_ASSERT_TRUE(gmux__abuse_chatter(&a, S));
}

static void useful_frames_are_not_saved_up_beyond_the_burst(void) {
  begin(0, 8);
  for (int i = 0; i < 1000; i++)
    gmux__abuse_served(&a);
  for (int i = 0; i < 8; i++)
    CU_ASSERT_FALSE(gmux__abuse_chatter(&a, S));
  CU_ASSERT_TRUE(gmux__abuse_chatter(&a, S));
}

static void neither_bucket_knows_of_the_other(void) {
  begin(1, 1);
  CU_ASSERT_FALSE(gmux__abuse_chatter(&a, S));
  CU_ASSERT_FALSE(gmux__abuse_breach(&a, S));
  CU_ASSERT_TRUE(gmux__abuse_chatter(&a, S));
  CU_ASSERT_TRUE(gmux__abuse_breach(&a, S));
}

static void a_burst_of_none_is_no_bound(void) {
  begin(0, 0);
  for (int i = 0; i < 100000; i++) {
    CU_ASSERT_FALSE(gmux__abuse_reset(&a, S, 0, NEVER));
    CU_ASSERT_FALSE(gmux__abuse_breach(&a, S));
    CU_ASSERT_FALSE(gmux__abuse_chatter(&a, S));
  }
  gmux__abuse_served(&a);
}

static const test_case cases[] = {
    TEST(young_calls_are_reset_as_often_as_the_bucket_says),
    TEST(a_call_that_lived_a_second_may_be_cancelled_as_one_likes),
    TEST(a_call_that_had_half_of_its_time_may_be_cancelled_as_one_likes),
    TEST(what_breaks_a_rule_empties_the_same_bucket),
    TEST(each_useful_frame_allows_four_that_carry_nothing),
    TEST(useful_frames_are_not_saved_up_beyond_the_burst),
    TEST(neither_bucket_knows_of_the_other),
    TEST(a_burst_of_none_is_no_bound),
    TESTS_END,
};

const test_suite policy_abuse_suite = {.name = "abuse", .cases = cases};
