/* retry_test.c: what may be sent again (gRPC A6; promises 11 and 12). */
#include "lib/policy/retry.h"
#include "tests/unit/harness.h"

#define MS UINT64_C(1000000)

static gmux__retry retry;
static gmux__retry_facts facts;

/* random: no jitter */
static void setup(void) {
  retry = (gmux__retry){0};
  facts = (gmux__retry_facts){.max_refused = 3, .max_lost = 3, .random = UINT64_C(1) << 63};
}

static uint64_t decide(gmux__fate fate) {
  facts.fate = fate;
  return gmux__retry_decide(&retry, &facts);
}

static void one_that_never_left_is_retried_as_often_as_needed(void) {
  for (int i = 0; i < 100000; i++)
    CU_ASSERT_EQUAL(decide(GMUX__FATE_NEVER_LEFT), 0);
  CU_ASSERT_EQUAL(retry.refused + retry.lost, 0);
}

static void a_refused_one_is_retried_at_once_then_after_a_backoff(void) {
  CU_ASSERT_EQUAL(decide(GMUX__FATE_REFUSED), 0);
  CU_ASSERT_EQUAL(decide(GMUX__FATE_REFUSED), 100 * MS);
  CU_ASSERT_EQUAL(decide(GMUX__FATE_REFUSED), 200 * MS);
  CU_ASSERT_EQUAL(decide(GMUX__FATE_REFUSED), GMUX__RETRY_NO);
  CU_ASSERT_EQUAL(retry.refused, 3);
}

static void above_the_last_id_counts_as_refused(void) {
  CU_ASSERT_EQUAL(decide(GMUX__FATE_ABOVE_LAST), 0);
  CU_ASSERT_EQUAL(decide(GMUX__FATE_REFUSED), 100 * MS);
  CU_ASSERT_EQUAL(decide(GMUX__FATE_ABOVE_LAST), 200 * MS);
  CU_ASSERT_EQUAL(decide(GMUX__FATE_ABOVE_LAST), GMUX__RETRY_NO);
}

static void one_that_never_left_is_retried_though_refusals_are_used_up(void) {
  facts.max_refused = 0;
  CU_ASSERT_EQUAL(decide(GMUX__FATE_REFUSED), GMUX__RETRY_NO);
  CU_ASSERT_EQUAL(decide(GMUX__FATE_NEVER_LEFT), 0);
}

static void the_backoff_doubles_up_to_five_seconds(void) {
  static const uint64_t delays[] = {0,         100 * MS,  200 * MS,  400 * MS, 800 * MS,
                                    1600 * MS, 3200 * MS, 5000 * MS, 5000 * MS};
  facts.max_refused = UINT32_MAX;
  for (size_t i = 0; i < sizeof delays / sizeof *delays; i++)
    CU_ASSERT_EQUAL(decide(GMUX__FATE_REFUSED), delays[i]);
  for (int i = 0; i < 1000; i++)
    CU_ASSERT_EQUAL(decide(GMUX__FATE_REFUSED), 5000 * MS);
}

static void the_backoff_has_a_jitter_of_a_fifth_both_ways(void) {
  retry.refused = 1;
  facts.random = 0;
  CU_ASSERT_EQUAL(decide(GMUX__FATE_REFUSED), 80 * MS);
  retry.refused = 1;
  facts.random = UINT64_MAX;
  CU_ASSERT_EQUAL(decide(GMUX__FATE_REFUSED), 120 * MS);
}

static void a_call_possibly_executed_is_never_sent_twice(void) {
  facts.is_lost = true;
  CU_ASSERT_EQUAL(decide(GMUX__FATE_POSSIBLE), GMUX__RETRY_NO);
  facts.is_lost = false;
  CU_ASSERT_EQUAL(decide(GMUX__FATE_POSSIBLE), GMUX__RETRY_NO);
  CU_ASSERT_EQUAL(retry.lost, 0);
}

static void an_idempotent_call_lost_with_its_connection_is(void) {
  facts.is_lost = facts.is_idempotent = true;
  CU_ASSERT_EQUAL(decide(GMUX__FATE_POSSIBLE), 0);
  CU_ASSERT_EQUAL(decide(GMUX__FATE_POSSIBLE), 100 * MS);
  CU_ASSERT_EQUAL(decide(GMUX__FATE_POSSIBLE), 200 * MS);
  CU_ASSERT_EQUAL(decide(GMUX__FATE_POSSIBLE), GMUX__RETRY_NO);
  CU_ASSERT_EQUAL(retry.lost, 3);
  CU_ASSERT_EQUAL(retry.refused, 0);
}

static void an_idempotent_call_that_was_reset_alone_is_not(void) {
  facts.is_idempotent = true;
  CU_ASSERT_EQUAL(decide(GMUX__FATE_POSSIBLE), GMUX__RETRY_NO);
}

static void an_answered_call_is_never_retried(void) {
  facts.is_lost = facts.is_idempotent = true;
  CU_ASSERT_EQUAL(decide(GMUX__FATE_ANSWERED), GMUX__RETRY_NO);
}

static void a_committed_call_is_never_retried(void) {
  facts.is_lost = facts.is_idempotent = facts.is_committed = true;
  for (int fate = GMUX__FATE_NEVER_LEFT; fate <= GMUX__FATE_ANSWERED; fate++)
    CU_ASSERT_EQUAL(decide((gmux__fate)fate), GMUX__RETRY_NO);
  CU_ASSERT_EQUAL(retry.refused + retry.lost, 0);
}

static void the_count_stops_at_its_end(void) {
  facts.max_refused = UINT32_MAX;
  retry.refused = UINT16_MAX - 1;
  CU_ASSERT_EQUAL(decide(GMUX__FATE_REFUSED), 5000 * MS);
  CU_ASSERT_EQUAL(decide(GMUX__FATE_REFUSED), GMUX__RETRY_NO);
}

static const test_case cases[] = {TEST(one_that_never_left_is_retried_as_often_as_needed),
                                  TEST(a_refused_one_is_retried_at_once_then_after_a_backoff),
                                  TEST(above_the_last_id_counts_as_refused),
                                  TEST(one_that_never_left_is_retried_though_refusals_are_used_up),
                                  TEST(the_backoff_doubles_up_to_five_seconds),
                                  TEST(the_backoff_has_a_jitter_of_a_fifth_both_ways),
                                  TEST(a_call_possibly_executed_is_never_sent_twice),
                                  TEST(an_idempotent_call_lost_with_its_connection_is),
                                  TEST(an_idempotent_call_that_was_reset_alone_is_not),
                                  TEST(an_answered_call_is_never_retried),
                                  TEST(a_committed_call_is_never_retried),
                                  TEST(the_count_stops_at_its_end),
                                  TESTS_END};
const test_suite policy_retry_suite = {"retry", cases, setup, NULL};
