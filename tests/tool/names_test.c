/* names_test.c: the nearest name. */
#include "tests/unit/harness.h"
#include "tools/gmux/nearest.h"

#include <string.h>

static const char *of(const char *wanted, const char *a, const char *b, const char *c) {
  nearest n = nearest_to(wanted, strlen(wanted));
  nearest_offer(&n, a);
  nearest_offer(&n, b);
  nearest_offer(&n, c);
  return n.best;
}

static void a_slip_of_the_hand_is_near(void) {
  CU_ASSERT_STRING_EQUAL(of("nmae", "name", "mane_of", "number"), "name");
  CU_ASSERT_STRING_EQUAL(of("nam", "number", "name", "game"), "name");
  CU_ASSERT_STRING_EQUAL(of("custommer_id", "customer_id", "customer", "id"), "customer_id");
}

static void case_counts_less_than_letters(void) {
  CU_ASSERT_STRING_EQUAL(of("sayhello", "SayHallo", "SayHello", "sayHelm"), "SayHello");
}

static void of_equals_the_first_is_taken(void) {
  CU_ASSERT_STRING_EQUAL(of("bat", "cat", "rat", "hat"), "cat");
}

static void a_name_without_its_package_is_near(void) {
  CU_ASSERT_STRING_EQUAL(of("Stock", "shop.v1.Stocks", "shop.v1.Stock", "Knock"), "shop.v1.Stock");
  CU_ASSERT_STRING_EQUAL(of("Me", "a.Mex", "a.bMe", "abc.Me"), "abc.Me");
  CU_ASSERT_PTR_NULL(of("Me", "abcMe", "abc.Me.Too", "Me.abcde"));
}

static void what_has_nothing_to_do_with_it_is_not_near(void) {
  CU_ASSERT_PTR_NULL(of("address", "name", "number", "id"));
  CU_ASSERT_PTR_NULL(of("", "name", "number", "id"));
  CU_ASSERT_PTR_NULL(of("name", "", "n", "na"));
}

static void what_nobody_types_is_not_compared(void) {
  char name[1000];
  memset(name, 'x', sizeof name);
  name[sizeof name - 1] = 0;
  CU_ASSERT_PTR_NULL(of(name, name, "x", "y"));
}

static const test_case cases[] = {TEST(a_slip_of_the_hand_is_near),
                                  TEST(case_counts_less_than_letters),
                                  TEST(of_equals_the_first_is_taken),
                                  TEST(a_name_without_its_package_is_near),
                                  TEST(what_has_nothing_to_do_with_it_is_not_near),
                                  TEST(what_nobody_types_is_not_compared),
                                  TESTS_END};
const test_suite tool_names_suite = {"names", cases, NULL, NULL};
