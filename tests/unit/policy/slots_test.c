/* slots_test.c: how many streams a connection may carry. */
#include "lib/policy/slots.h"
#include "tests/unit/harness.h"

static gmux__slots s;

static void setup(void) {
  gmux__slots_init(&s, 100);
}

static void take(int count) {
  for (int i = 0; i < count; i++)
    gmux__slots_take(&s);
}

static void before_the_peers_settings_there_is_none(void) {
  CU_ASSERT_EQUAL(gmux__slots_limit(&s), 0);
  CU_ASSERT_EQUAL(gmux__slots_free(&s), 0);
}

static void the_limit_is_the_lesser_of_the_peers_and_ours(void) {
  static const uint32_t rows[][2] = {/* the peer's, the limit */
                                     {0, 0},     {1, 1},     {99, 99},
                                     {100, 100}, {101, 100}, {UINT32_MAX, 100}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gmux__slots_set_peer(&s, rows[i][0]);
    CU_ASSERT_EQUAL(gmux__slots_limit(&s), rows[i][1]);
    CU_ASSERT_EQUAL(gmux__slots_free(&s), rows[i][1]);
  }
}

static void slots_are_taken_and_given_back(void) {
  gmux__slots_set_peer(&s, 2);
  take(1);
  CU_ASSERT_EQUAL(gmux__slots_free(&s), 1);
  take(1);
  CU_ASSERT_EQUAL(gmux__slots_free(&s), 0);
  gmux__slots_give(&s);
  CU_ASSERT_EQUAL(gmux__slots_free(&s), 1);
  CU_ASSERT_EQUAL(s.taken, 1);
}

static void a_limit_lowered_below_what_runs_frees_nothing_until_enough_have_ended(void) {
  gmux__slots_set_peer(&s, 10);
  take(10);
  gmux__slots_set_peer(&s, 3);
  for (uint32_t running = 10; running > 3; running--) {
    CU_ASSERT_EQUAL(gmux__slots_free(&s), 0);
    gmux__slots_give(&s);
  }
  CU_ASSERT_EQUAL(gmux__slots_free(&s), 0);
  gmux__slots_give(&s);
  CU_ASSERT_EQUAL(gmux__slots_free(&s), 1);
}

static void a_limit_of_zero_holds_all_and_a_raised_one_lets_go(void) {
  gmux__slots_set_peer(&s, 10);
  take(4);
  gmux__slots_set_peer(&s, 0);
  CU_ASSERT_EQUAL(gmux__slots_free(&s), 0);
  gmux__slots_set_peer(&s, 6);
  CU_ASSERT_EQUAL(gmux__slots_free(&s), 2);
}

static const test_case cases[] = {
    TEST(before_the_peers_settings_there_is_none),
    TEST(the_limit_is_the_lesser_of_the_peers_and_ours),
    TEST(slots_are_taken_and_given_back),
    TEST(a_limit_lowered_below_what_runs_frees_nothing_until_enough_have_ended),
    TEST(a_limit_of_zero_holds_all_and_a_raised_one_lets_go),
    TESTS_END};
const test_suite policy_slots_suite = {"slots", cases, setup, NULL};
