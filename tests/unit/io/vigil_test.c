/* vigil_test.c: when a loop waits awake for the first words of a peer on its machine. */
#include "lib/io/vigil.h"
#include "tests/unit/harness.h"

#define S UINT64_C(1000000000)

static gmux__vigil vigil;
static uint64_t now_ns;

static void setup(void) {
  vigil = (gmux__vigil){0};
  now_ns = 7 * S;
}

/* A connection; true: a vigil is kept for it. */
static bool begin(void) {
  now_ns += S;
  gmux__vigil_begin(&vigil, now_ns);
  return gmux__vigil_is_kept(&vigil);
}

static void be_in_vain(void) {
  now_ns += GMUX__VIGIL_NS;
  CU_ASSERT_FALSE(gmux__vigil_goes_on(&vigil, now_ns));
}

/* Connections until there is a vigil again, which is in vain, too. */
static uint32_t skipped(void) {
  uint32_t n = 0;
  while (!begin())
    n++;
  be_in_vain();
  return n;
}

static void it_ends_with_the_first_words(void) {
  CU_ASSERT_TRUE(begin());
  CU_ASSERT_TRUE(gmux__vigil_goes_on(&vigil, now_ns + GMUX__VIGIL_NS - 1));
  gmux__vigil_end(&vigil);
  CU_ASSERT_FALSE(gmux__vigil_is_kept(&vigil));
  CU_ASSERT_TRUE(begin());
}

static void it_ends_when_its_time_is_over(void) {
  CU_ASSERT_TRUE(begin());
  be_in_vain();
  CU_ASSERT_FALSE(gmux__vigil_is_kept(&vigil));
}

static void connections_made_meanwhile_do_not_prolong_it(void) {
  CU_ASSERT_TRUE(begin());
  uint64_t end_ns = now_ns + GMUX__VIGIL_NS;
  gmux__vigil_begin(&vigil, end_ns - 1);
  CU_ASSERT_FALSE(gmux__vigil_goes_on(&vigil, end_ns));
}

static void after_each_in_vain_twice_as_many_go_without(void) {
  CU_ASSERT_EQUAL(skipped(), 0);
  for (uint32_t n = 1; n < GMUX__VIGIL_SKIP_MAX; n *= 2)
    CU_ASSERT_EQUAL(skipped(), n);
  for (int i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(skipped(), GMUX__VIGIL_SKIP_MAX);
}

static void one_that_was_not_in_vain_forgets_the_others(void) {
  for (int i = 0; i < 5; i++)
    (void)skipped();
  while (!begin())
    ;
  gmux__vigil_end(&vigil);
  CU_ASSERT_TRUE(begin());
  be_in_vain();
  CU_ASSERT_EQUAL(skipped(), 1);
}

static void words_without_a_vigil_mean_nothing(void) {
  (void)skipped();
  gmux__vigil_end(&vigil);
  CU_ASSERT_EQUAL(skipped(), 1);
}

static const test_case cases[] = {TEST(it_ends_with_the_first_words),
                                  TEST(it_ends_when_its_time_is_over),
                                  TEST(connections_made_meanwhile_do_not_prolong_it),
                                  TEST(after_each_in_vain_twice_as_many_go_without),
                                  TEST(one_that_was_not_in_vain_forgets_the_others),
                                  TEST(words_without_a_vigil_mean_nothing),
                                  TESTS_END};
const test_suite io_vigil_suite = {"vigil", cases, setup, NULL};
