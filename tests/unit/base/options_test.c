/* options_test.c: structs of options of older and newer programs, and of none. */
#include "lib/base/options.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <string.h>

typedef struct options_v2 {
  size_t size;
  uint32_t first, second;
  uint64_t later; /* since the second version */
} options_v2;

static const options_v2 defaults = {
    .size = sizeof(options_v2), .first = 1, .second = 2, .later = 3};

static const gmux__options_kind kind = {.defaults = &defaults,
                                        .size = sizeof(options_v2),
                                        .first = GMUX__SIZE_UPTO(options_v2, second),
                                        .init = "x_options_init"};

static void what_an_older_program_does_not_know_has_its_default(void) {
  options_v2 o, read;
  memset(&o, 0xee, sizeof o);
  gmux__options_init(&kind, &o, kind.first);
  CU_ASSERT_EQUAL(o.size, kind.first);
  CU_ASSERT_EQUAL(o.first, 1);
  CU_ASSERT_EQUAL(o.later, UINT64_C(0xeeeeeeeeeeeeeeee)); /* not written to */
  o.second = 7;
  CU_ASSERT_EQUAL(gmux__options_read(&kind, &read, &o), 0);
  CU_ASSERT_EQUAL(read.second, 7);
  CU_ASSERT_EQUAL(read.later, 3);
}

static void what_a_newer_program_knows_is_cleared_by_init_and_passed_over(void) {
  struct {
    options_v2 known;
    uint64_t newer;
  } o;
  memset(&o, 0xee, sizeof o);
  gmux__options_init(&kind, &o, sizeof o);
  CU_ASSERT_EQUAL(o.known.size, sizeof o);
  CU_ASSERT_EQUAL(o.newer, 0);
  o.known.later = 8;
  options_v2 read;
  CU_ASSERT_EQUAL(gmux__options_read(&kind, &read, &o), 0);
  CU_ASSERT_EQUAL(read.later, 8);
}

static void without_any_there_are_the_defaults(void) {
  options_v2 read;
  CU_ASSERT_EQUAL(gmux__options_read(&kind, &read, NULL), 0);
  CU_ASSERT_EQUAL(memcmp(&read, &defaults, sizeof read), 0);
  gmux__options_init(&kind, NULL, sizeof read); /* nothing to do */
}

static void sizes_that_no_version_had_are_refused(void) {
  const size_t sizes[] = {0, sizeof(options_v2 *), kind.first - 1, 4097, SIZE_MAX};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    options_v2 given = {.size = sizes[i], .first = 9}, read = {.first = 7};
    CU_ASSERT_EQUAL(gmux__options_read(&kind, &read, &given), GMUX_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "x_options_init(&o, sizeof o)"));
    CU_ASSERT_EQUAL(read.first, 1);
  }
  CU_ASSERT_EQUAL(gmux__options_missing(&kind), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "NULL"));
}

static const gmux__options_range ranges[] = {
    {"first", offsetof(options_v2, first), 1, 10, false},
    {"second", offsetof(options_v2, second), 5, 10, true},
};

static int check(uint32_t first, uint32_t second) {
  const options_v2 o = {.first = first, .second = second};
  return gmux__options_check_ranges(&kind, &o, ranges, 2);
}

static void numbers_are_held_to_their_bounds(void) {
  CU_ASSERT_EQUAL(check(1, 5), 0);
  CU_ASSERT_EQUAL(check(10, 10), 0);
  CU_ASSERT_EQUAL(check(10, 0), 0);
  CU_ASSERT_EQUAL(check(11, 5), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "first 11 is not in 1..10");
  CU_ASSERT_EQUAL(check(1, 4), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "second 4 is not 0 or in 5..10");
}

static void a_zero_that_cannot_be_asks_for_init(void) {
  CU_ASSERT_EQUAL(check(0, 5), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(),
                         "first 0 is not in 1..10: fill the options with x_options_init(&o, sizeof "
                         "o) before you set some");
}

static const test_case cases[] = {
    TEST(what_an_older_program_does_not_know_has_its_default),
    TEST(what_a_newer_program_knows_is_cleared_by_init_and_passed_over),
    TEST(without_any_there_are_the_defaults),
    TEST(sizes_that_no_version_had_are_refused),
    TEST(numbers_are_held_to_their_bounds),
    TEST(a_zero_that_cannot_be_asks_for_init),
    TESTS_END,
};

const test_suite base_options_suite = {"options", cases, NULL, NULL};
