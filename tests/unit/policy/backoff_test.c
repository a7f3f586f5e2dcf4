/* backoff_test.c: the sequence of delays, by hand-moved time. */
#include "lib/policy/backoff.h"
#include "tests/unit/harness.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

static const uint64_t SHORTEST = 0, LONGEST = UINT64_MAX;

static gmux__backoff b;
static uint64_t now;

static void start_with(uint32_t jitter_percent) {
  gmux__backoff_config config;
  gmux__backoff_config_default(&config);
  config.jitter_percent = jitter_percent;
  gmux__backoff_init(&b, &config);
  now = 1000 * S;
}

/* One attempt that fails at once; returns how long until the next. */
static uint64_t delay_of_next(uint64_t random) {
  gmux__backoff_attempt(&b, now, random);
  return gmux__backoff_failed(&b, now) - now;
}

/* initial x 1.6^n, as whole percents of whole numbers give it. */
static const uint64_t steps[] = {1 * S,        1600 * MS,   2560 * MS,   4096 * MS,   6553600000,
                                 10485760000,  16777216000, 26843545600, 42949672960, 68719476736,
                                 109951162777, 120 * S,     120 * S,     120 * S};
enum { STEPS = sizeof steps / sizeof *steps };

static void the_defaults_are_grpcs(void) {
  gmux__backoff_config config;
  gmux__backoff_config_default(&config);
  CU_ASSERT_EQUAL(config.initial_ns, 1 * S);
  CU_ASSERT_EQUAL(config.max_ns, 120 * S);
  CU_ASSERT_EQUAL(config.min_connect_ns, 20 * S);
  CU_ASSERT_EQUAL(config.multiplier_percent, 160);
  CU_ASSERT_EQUAL(config.jitter_percent, 20);
}

static void without_jitter_the_sequence_is_exact_and_capped(void) {
  start_with(0);
  for (int i = 0; i < STEPS; i++)
    CU_ASSERT_EQUAL(delay_of_next(UINT64_C(0x123456789abcdef) * (uint64_t)i), steps[i]);
  CU_ASSERT_EQUAL(b.failures, STEPS);
}

static void jitter_is_a_fifth_both_ways_also_at_the_cap(void) {
  start_with(20);
  for (int i = 0; i < STEPS; i++) {
    CU_ASSERT_EQUAL(delay_of_next(SHORTEST), steps[i] - steps[i] / 5);
  }
  start_with(20);
  for (int i = 0; i < STEPS; i++) {
    CU_ASSERT_EQUAL(delay_of_next(LONGEST), steps[i] + steps[i] / 5);
  }
}

static void jitter_does_not_add_up(void) {
  start_with(20);
  for (int i = 0; i < STEPS; i++) {
    delay_of_next(LONGEST);
    CU_ASSERT_EQUAL(b.step_ns, steps[i + 1 < STEPS ? i + 1 : i]);
  }
}

static void jitter_is_even_and_grows_with_random(void) {
  uint64_t last = 0;
  for (uint64_t part = 0; part <= 16; part++) {
    start_with(20);
    uint64_t random = part < 16 ? part << 60 : UINT64_MAX;
    uint64_t delay = delay_of_next(random);
    uint64_t even = 800 * MS + part * 25 * MS; /* sixteenths of 400 ms */
    CU_ASSERT_TRUE(delay > last);
    CU_ASSERT_TRUE(delay >= even && delay <= even + 1);
    last = delay;
  }
}

static void jitter_may_be_the_whole_delay(void) {
  start_with(100);
  CU_ASSERT_EQUAL(delay_of_next(SHORTEST), 0);
  start_with(100);
  CU_ASSERT_EQUAL(delay_of_next(LONGEST), 2 * S);
}

static void backoff_counts_from_the_start_of_the_attempt(void) {
  start_with(0);
  gmux__backoff_attempt(&b, now, 0);
  CU_ASSERT_EQUAL(b.attempt_at_ns, now);
  CU_ASSERT_EQUAL(gmux__backoff_failed(&b, now + 300 * MS), now + 1 * S);
  gmux__backoff_attempt(&b, now + 1 * S, 0);
  CU_ASSERT_EQUAL(gmux__backoff_failed(&b, now + 2 * S), now + 2600 * MS);
}

static void a_slow_attempt_has_eaten_its_backoff(void) {
  start_with(0);
  gmux__backoff_attempt(&b, now, 0);
  CU_ASSERT_EQUAL(gmux__backoff_failed(&b, now + 1 * S), now + 1 * S);
  gmux__backoff_attempt(&b, now + 1 * S, 0);
  CU_ASSERT_EQUAL(gmux__backoff_failed(&b, now + 21 * S), now + 21 * S);
}

static void an_attempt_has_twenty_seconds_or_its_backoff_if_that_is_longer(void) {
  start_with(0);
  for (int i = 0; i < STEPS; i++) {
    uint64_t most = steps[i] > 20 * S ? steps[i] : 20 * S;
    CU_ASSERT_EQUAL(gmux__backoff_attempt(&b, now, 0), now + most);
    gmux__backoff_failed(&b, now);
  }
  start_with(20); /* the jittered one */
  b.step_ns = 100 * S;
  CU_ASSERT_EQUAL(gmux__backoff_attempt(&b, now, LONGEST), now + 120 * S);
}

static void reset_starts_again_at_once_and_from_the_first_delay(void) {
  start_with(0);
  for (int i = 0; i < 5; i++)
    delay_of_next(0);
  gmux__backoff_attempt(&b, now, 0);
  gmux__backoff_reset(&b);
  CU_ASSERT_EQUAL(b.failures, 0);
  CU_ASSERT_EQUAL(b.next_at_ns, 0);
  CU_ASSERT_EQUAL(gmux__backoff_failed(&b, now), now);
  CU_ASSERT_EQUAL(delay_of_next(0), 1 * S);
}

static void a_first_delay_over_the_cap_is_the_cap(void) {
  gmux__backoff_config config = {
      .initial_ns = 10 * S, .max_ns = 3 * S, .multiplier_percent = 200, .jitter_percent = 0};
  gmux__backoff_init(&b, &config);
  now = 0;
  CU_ASSERT_EQUAL(delay_of_next(0), 3 * S);
  CU_ASSERT_EQUAL(delay_of_next(0), 3 * S);
}

static void a_multiplier_of_one_keeps_the_delay(void) {
  gmux__backoff_config config = {
      .initial_ns = 123456789, .max_ns = 3 * S, .multiplier_percent = 100, .jitter_percent = 0};
  gmux__backoff_init(&b, &config);
  now = 0;
  for (int i = 0; i < 5; i++)
    CU_ASSERT_EQUAL(delay_of_next(0), 123456789);
}

static void a_delay_too_long_to_count_is_the_cap(void) {
  gmux__backoff_config config = {.initial_ns = UINT64_C(1) << 62,
                                 .max_ns = UINT64_MAX,
                                 .multiplier_percent = UINT32_MAX,
                                 .jitter_percent = 0};
  gmux__backoff_init(&b, &config);
  now = 0;
  CU_ASSERT_EQUAL(delay_of_next(0), UINT64_C(1) << 62);
  CU_ASSERT_EQUAL(delay_of_next(0), UINT64_MAX);
}

static void huge_numbers_stop_at_the_end_of_time(void) {
  gmux__backoff_config config = {.initial_ns = UINT64_MAX / 2,
                                 .max_ns = UINT64_MAX,
                                 .min_connect_ns = UINT64_MAX,
                                 .multiplier_percent = UINT32_MAX,
                                 .jitter_percent = 100};
  gmux__backoff_init(&b, &config);
  now = UINT64_MAX - 5;
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(gmux__backoff_attempt(&b, now, LONGEST), UINT64_MAX);
    CU_ASSERT_EQUAL(gmux__backoff_failed(&b, now), UINT64_MAX);
  }
}

static const test_case cases[] = {
    TEST(the_defaults_are_grpcs),
    TEST(without_jitter_the_sequence_is_exact_and_capped),
    TEST(jitter_is_a_fifth_both_ways_also_at_the_cap),
    TEST(jitter_does_not_add_up),
    TEST(jitter_is_even_and_grows_with_random),
    TEST(jitter_may_be_the_whole_delay),
    TEST(backoff_counts_from_the_start_of_the_attempt),
    TEST(a_slow_attempt_has_eaten_its_backoff),
    TEST(an_attempt_has_twenty_seconds_or_its_backoff_if_that_is_longer),
    TEST(reset_starts_again_at_once_and_from_the_first_delay),
    TEST(a_first_delay_over_the_cap_is_the_cap),
    TEST(a_multiplier_of_one_keeps_the_delay),
    TEST(a_delay_too_long_to_count_is_the_cap),
    TEST(huge_numbers_stop_at_the_end_of_time),
    TESTS_END};
const test_suite policy_backoff_suite = {"backoff", cases, NULL, NULL};
