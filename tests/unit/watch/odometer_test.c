/* odometer_test.c: where the time of calls went that waited (promise 14). */
#include "lib/watch/odometer.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>

#define S UINT64_C(1000000000)

static const uint64_t T0 = 1000 * S;

static gmux__odometer o;

static void setup(void) {
  CU_ASSERT_EQUAL_FATAL(gmux__odometer_init(&o, T0), 0);
}

static void teardown(void) {
  gmux__odometer_deinit(&o);
}

/* As a call does it: what has passed since `from`. */
static void add_since(uint64_t now_ns, gmux__mark *from, uint64_t sum[GMUX__WAITS]) {
  gmux__mark to = gmux__odometer_mark(&o, now_ns);
  gmux__mark_add(sum, from, &to);
  gmux__mark_drop(&to);
  gmux__mark_drop(from);
}

static uint64_t total(const uint64_t sum[GMUX__WAITS]) {
  uint64_t all = 0;
  for (int i = 0; i < GMUX__WAITS; i++)
    all += sum[i];
  return all;
}

static void a_call_waited_for_what_passed_meanwhile(void) {
  uint64_t sum[GMUX__WAITS] = {0};
  gmux__odometer_set(&o, GMUX__WAIT_RESOLVE, T0);
  gmux__mark from =
      gmux__odometer_mark(&o, T0 + 1 * S); /* it comes when the look-up has run for 1 s */
  gmux__odometer_set(&o, GMUX__WAIT_DIAL, T0 + 3 * S);
  gmux__odometer_set(&o, GMUX__WAIT_TLS, T0 + 7 * S);
  add_since(T0 + 15 * S, &from, sum);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_RESOLVE], 2 * S);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_DIAL], 4 * S);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_TLS], 8 * S);
  CU_ASSERT_EQUAL(total(sum), 14 * S);
}

static void a_reason_that_comes_again_adds_up(void) {
  uint64_t sum[GMUX__WAITS] = {0};
  gmux__mark from = gmux__odometer_mark(&o, T0);
  for (uint64_t i = 0; i < 10; i++) {
    gmux__odometer_set(&o, GMUX__WAIT_BACKOFF, T0 + 2 * i * S);
    gmux__odometer_set(&o, GMUX__WAIT_DIAL, T0 + (2 * i + 1) * S);
  }
  add_since(T0 + 20 * S, &from, sum);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_BACKOFF], 10 * S);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_DIAL], 10 * S);
}

static void a_call_that_waits_twice_keeps_both_times(void) {
  uint64_t sum[GMUX__WAITS] = {0};
  gmux__odometer_set(&o, GMUX__WAIT_LIMIT, T0);
  gmux__mark from = gmux__odometer_mark(&o, T0);
  add_since(T0 + 1 * S, &from, sum);
  from = gmux__odometer_mark(&o, T0 + 5 * S); /* between them it ran */
  add_since(T0 + 7 * S, &from, sum);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_LIMIT], 3 * S);
}

static void the_same_reason_again_changes_nothing(void) {
  uint64_t sum[GMUX__WAITS] = {0};
  gmux__odometer_set(&o, GMUX__WAIT_LIMIT, T0);
  gmux__mark from = gmux__odometer_mark(&o, T0);
  const gmux__leg *leg = o.leg;
  gmux__odometer_set(&o, GMUX__WAIT_LIMIT, T0 + 1 * S);
  CU_ASSERT_PTR_EQUAL(o.leg, leg);
  add_since(T0 + 2 * S, &from, sum);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_LIMIT], 2 * S);
}

static void calls_of_one_leg_share_it_and_each_has_its_own_time(void) {
  uint64_t early_sum[GMUX__WAITS] = {0}, late_sum[GMUX__WAITS] = {0};
  gmux__odometer_set(&o, GMUX__WAIT_DIAL, T0);
  gmux__mark early = gmux__odometer_mark(&o, T0 + 1 * S);
  gmux__mark late = gmux__odometer_mark(&o, T0 + 3 * S);
  CU_ASSERT_PTR_EQUAL(early.leg, late.leg);
  gmux__odometer_set(&o, GMUX__WAIT_LIMIT, T0 + 4 * S);
  add_since(T0 + 6 * S, &early, early_sum);
  add_since(T0 + 9 * S, &late, late_sum);
  CU_ASSERT_EQUAL(early_sum[GMUX__WAIT_DIAL], 3 * S);
  CU_ASSERT_EQUAL(early_sum[GMUX__WAIT_LIMIT], 2 * S);
  CU_ASSERT_EQUAL(late_sum[GMUX__WAIT_DIAL], 1 * S);
  CU_ASSERT_EQUAL(late_sum[GMUX__WAIT_LIMIT], 5 * S);
}

static void marks_outlive_the_odometer(void) {
  uint64_t sum[GMUX__WAITS] = {0};
  gmux__mark from = gmux__odometer_mark(&o, T0);
  gmux__odometer_set(&o, GMUX__WAIT_TLS, T0 + 1 * S);
  gmux__mark to = gmux__odometer_mark(&o, T0 + 3 * S);
  gmux__odometer_deinit(&o);
  gmux__mark_add(sum, &from, &to);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_TLS], 2 * S);
  CU_ASSERT_EQUAL(total(sum), 3 * S);
  gmux__mark_drop(&from);
  gmux__mark_drop(&to);
}

/* The sum stays right; only what it was spent on is not told apart. */
static void without_memory_for_the_next_leg_the_present_one_goes_on(void) {
  uint64_t sum[GMUX__WAITS] = {0};
  gmux__odometer_set(&o, GMUX__WAIT_DIAL, T0);
  gmux__mark from = gmux__odometer_mark(&o, T0);
  test_alloc_fail_at(1);
  gmux__odometer_set(&o, GMUX__WAIT_TLS, T0 + 1 * S);
  test_alloc_fail_at(0);
  CU_ASSERT_EQUAL(gmux__odometer_wait(&o), GMUX__WAIT_DIAL);
  gmux__odometer_set(&o, GMUX__WAIT_TLS, T0 + 3 * S);
  add_since(T0 + 4 * S, &from, sum);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_DIAL], 3 * S);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_TLS], 1 * S);
}

static void without_memory_there_is_no_odometer(void) {
  gmux__odometer none = {0};
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux__odometer_init(&none, T0), GMUX_ERR_NOMEM);
  test_alloc_fail_at(0);
  gmux__odometer_deinit(&none);
}

static void no_wait_is_no_time(void) {
  uint64_t sum[GMUX__WAITS] = {0};
  gmux__odometer_set(&o, GMUX__WAIT_DIAL, T0);
  gmux__mark from = gmux__odometer_mark(&o, T0 + 1 * S);
  add_since(T0 + 1 * S, &from, sum);
  CU_ASSERT_EQUAL(total(sum), 0);
}

static void each_moment_belongs_to_one_reason(void) {
  uint64_t sum[GMUX__WAITS] = {0}, now = T0;
  gmux__mark from = gmux__odometer_mark(&o, now);
  for (uint64_t i = 0; i < 1000; i++) {
    now += i * i % 77;
    gmux__odometer_set(&o, (gmux__wait)(i * 7 % GMUX__WAITS), now);
  }
  add_since(now, &from, sum);
  CU_ASSERT_EQUAL(total(sum), now - T0);
}

static void each_reason_has_words_of_its_own(void) {
  for (int a = 0; a < GMUX__WAITS; a++)
    for (int b = 0; b <= GMUX__WAITS; b++)
      if (a != b)
        CU_ASSERT_STRING_NOT_EQUAL(gmux__wait_str((gmux__wait)a), gmux__wait_str((gmux__wait)b));
}

static const test_case cases[] = {TEST(a_call_waited_for_what_passed_meanwhile),
                                  TEST(a_reason_that_comes_again_adds_up),
                                  TEST(a_call_that_waits_twice_keeps_both_times),
                                  TEST(the_same_reason_again_changes_nothing),
                                  TEST(calls_of_one_leg_share_it_and_each_has_its_own_time),
                                  TEST(marks_outlive_the_odometer),
                                  TEST(without_memory_for_the_next_leg_the_present_one_goes_on),
                                  TEST(without_memory_there_is_no_odometer),
                                  TEST(no_wait_is_no_time),
                                  TEST(each_moment_belongs_to_one_reason),
                                  TEST(each_reason_has_words_of_its_own),
                                  TESTS_END};
const test_suite watch_odometer_suite = {"odometer", cases, setup, teardown};
