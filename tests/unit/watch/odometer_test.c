/* odometer_test.c: where the time of calls went that waited (promise 14). */
#include "lib/watch/odometer.h"
#include "tests/unit/harness.h"

#define S UINT64_C(1000000000)

static const uint64_t T0 = 1000 * S;

static gmux__odometer o;

static void setup(void) {
  o = (gmux__odometer){.since_ns = T0};
}

/* As a call does it: what has passed since `reading`. */
static void add_since(uint64_t now_ns, const uint64_t reading[GMUX__WAITS],
                      uint64_t sum[GMUX__WAITS]) {
  uint64_t now_reading[GMUX__WAITS];
  gmux__odometer_read(&o, now_ns, now_reading);
  for (int i = 0; i < GMUX__WAITS; i++)
    sum[i] += now_reading[i] - reading[i];
}

static uint64_t total(const uint64_t sum[GMUX__WAITS]) {
  uint64_t all = 0;
  for (int i = 0; i < GMUX__WAITS; i++)
    all += sum[i];
  return all;
}

static void a_call_waited_for_what_passed_meanwhile(void) {
  uint64_t reading[GMUX__WAITS], sum[GMUX__WAITS] = {0};
  gmux__odometer_set(&o, GMUX__WAIT_RESOLVE, T0);
  gmux__odometer_read(&o, T0 + 1 * S, reading); /* it comes when the look-up has run for 1 s */
  gmux__odometer_set(&o, GMUX__WAIT_DIAL, T0 + 3 * S);
  gmux__odometer_set(&o, GMUX__WAIT_TLS, T0 + 7 * S);
  add_since(T0 + 15 * S, reading, sum);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_RESOLVE], 2 * S);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_DIAL], 4 * S);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_TLS], 8 * S);
  CU_ASSERT_EQUAL(total(sum), 14 * S);
}

static void a_reason_that_comes_again_adds_up(void) {
  uint64_t reading[GMUX__WAITS], sum[GMUX__WAITS] = {0};
  gmux__odometer_read(&o, T0, reading);
  for (uint64_t i = 0; i < 10; i++) {
    gmux__odometer_set(&o, GMUX__WAIT_BACKOFF, T0 + 2 * i * S);
    gmux__odometer_set(&o, GMUX__WAIT_DIAL, T0 + (2 * i + 1) * S);
  }
  add_since(T0 + 20 * S, reading, sum);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_BACKOFF], 10 * S);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_DIAL], 10 * S);
}

static void a_call_that_waits_twice_keeps_both_times(void) {
  uint64_t reading[GMUX__WAITS], sum[GMUX__WAITS] = {0};
  gmux__odometer_set(&o, GMUX__WAIT_LIMIT, T0);
  gmux__odometer_read(&o, T0, reading);
  add_since(T0 + 1 * S, reading, sum);
  gmux__odometer_read(&o, T0 + 5 * S, reading); /* between them it ran */
  add_since(T0 + 7 * S, reading, sum);
  CU_ASSERT_EQUAL(sum[GMUX__WAIT_LIMIT], 3 * S);
}

static void the_same_reason_again_changes_nothing(void) {
  uint64_t reading[GMUX__WAITS];
  gmux__odometer_set(&o, GMUX__WAIT_LIMIT, T0);
  gmux__odometer_set(&o, GMUX__WAIT_LIMIT, T0 + 1 * S);
  CU_ASSERT_EQUAL(o.since_ns, T0);
  gmux__odometer_read(&o, T0 + 2 * S, reading);
  CU_ASSERT_EQUAL(reading[GMUX__WAIT_LIMIT], 2 * S);
}

static void no_wait_is_no_time(void) {
  uint64_t reading[GMUX__WAITS], sum[GMUX__WAITS] = {0};
  gmux__odometer_set(&o, GMUX__WAIT_DIAL, T0);
  gmux__odometer_read(&o, T0 + 1 * S, reading);
  add_since(T0 + 1 * S, reading, sum);
  CU_ASSERT_EQUAL(total(sum), 0);
}

static void each_moment_belongs_to_one_reason(void) {
  uint64_t reading[GMUX__WAITS], sum[GMUX__WAITS] = {0}, now = T0;
  gmux__odometer_read(&o, now, reading);
  for (uint64_t i = 0; i < 1000; i++) {
    now += i * i % 77;
    gmux__odometer_set(&o, (gmux__wait)(i * 7 % GMUX__WAITS), now);
  }
  add_since(now, reading, sum);
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
                                  TEST(no_wait_is_no_time),
                                  TEST(each_moment_belongs_to_one_reason),
                                  TEST(each_reason_has_words_of_its_own),
                                  TESTS_END};
const test_suite watch_odometer_suite = {"odometer", cases, setup, NULL};
