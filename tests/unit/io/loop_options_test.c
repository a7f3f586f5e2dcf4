/* loop_options_test.c: defaults, sizes of other versions, and what is refused. */
#include "lib/base/fail.h"
#include "lib/io/loop.h"
#include "tests/unit/harness.h"
#include <string.h>

static void defaults_are_safe_and_valid(void) {
  gmux_loop_options o;
  memset(&o, 0xff, sizeof o);
  gmux_loop_options_init(&o, sizeof o);
  CU_ASSERT_EQUAL(o.size, sizeof o);
  CU_ASSERT_TRUE(o.log == NULL);
  CU_ASSERT_EQUAL(o.log_level, GMUX_LOG_WARN);
  CU_ASSERT_EQUAL(o.read_buffer_bytes, 65536);
  CU_ASSERT_EQUAL(o.max_dialing, 64);
  CU_ASSERT_EQUAL(o.dial_rate_per_s, 100);
  CU_ASSERT_EQUAL(gmux_loop_options_check(&o, NULL, 0), 0);
}

/* A program that was built before the storm gate came. */
static void an_older_caller_gets_the_defaults_of_what_it_does_not_know(void) {
  gmux_loop_options o;
  memset(&o, 0, sizeof o);
  size_t older = offsetof(gmux_loop_options, max_dialing);
  gmux_loop_options_init(&o, older);
  CU_ASSERT_EQUAL(o.max_dialing, 0); /* not written to */
  CU_ASSERT_EQUAL(gmux_loop_options_check(&o, NULL, 0), 0);
  CU_ASSERT_EQUAL(gmux__loop_options_read(&o).max_dialing, 64);
  CU_ASSERT_EQUAL(gmux__loop_options_read(&o).dial_rate_per_s, 100);
}

static void the_size_of_a_pointer_is_refused(void) {
  gmux_loop_options o, *p = &o;
  memset(&o, 0xee, sizeof o);
  gmux_loop_options_init(p, sizeof p);
  CU_ASSERT_EQUAL(o.read_buffer_bytes, 0xeeeeeeee); /* not written to */
  CU_ASSERT_EQUAL(gmux_loop_options_check(&o, NULL, 0), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "gmux_loop_options_init(&o, sizeof o)"));
  CU_ASSERT_EQUAL(gmux__loop_options_read(&o).read_buffer_bytes, 65536);
}

static void a_newer_caller_gets_zeros_for_what_we_do_not_know(void) {
  struct {
    gmux_loop_options o;
    uint64_t more;
  } newer;
  memset(&newer, 0xee, sizeof newer);
  gmux_loop_options_init(&newer.o, sizeof newer);
  CU_ASSERT_EQUAL(newer.o.size, sizeof newer);
  CU_ASSERT_EQUAL(newer.more, 0);
  CU_ASSERT_EQUAL(gmux_loop_options_check(&newer.o, NULL, 0), 0);
}

static void expect_refused(const gmux_loop_options *o, const char *why_expected) {
  char why[128] = "";
  CU_ASSERT_EQUAL(gmux_loop_options_check(o, why, sizeof why), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(why, why_expected));
  CU_ASSERT_STRING_EQUAL(why, gmux_last_error());
  char cut[8];
  CU_ASSERT_EQUAL(gmux_loop_options_check(o, cut, sizeof cut), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(strlen(cut), sizeof cut - 1);
}

static void what_is_out_of_range_is_named(void) {
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.read_buffer_bytes = 16383;
  expect_refused(&o, "read_buffer_bytes 16383 is not in 16384..1048576");
  o.read_buffer_bytes = 1048577;
  expect_refused(&o, "read_buffer_bytes 1048577");
  o.read_buffer_bytes = 1048576;
  CU_ASSERT_EQUAL(gmux_loop_options_check(&o, NULL, 0), 0);
  o.log_level = (gmux_log_level)9;
  expect_refused(&o, "log_level 9");
}

static void dials_out_of_range_are_named(void) {
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.max_dialing = 0;
  expect_refused(&o, "max_dialing 0 is not in 1..100000");
  o.max_dialing = 100001;
  expect_refused(&o, "max_dialing 100001 is not in 1..100000");
  o.max_dialing = 100000;
  o.dial_rate_per_s = 0;
  expect_refused(&o, "dial_rate_per_s 0 is not in 1..100000");
  o.dial_rate_per_s = 100001;
  expect_refused(&o, "dial_rate_per_s 100001 is not in 1..100000");
  o.max_dialing = o.dial_rate_per_s = 1;
  CU_ASSERT_EQUAL(gmux_loop_options_check(&o, NULL, 0), 0);
}

static void options_that_were_not_initialised_are_refused(void) {
  gmux_loop_options o = {.size = 0};
  expect_refused(&o, "gmux_loop_options_init");
  expect_refused(NULL, "gmux_loop_options_init");
}

static const test_case cases[] = {
    TEST(defaults_are_safe_and_valid),
    TEST(the_size_of_a_pointer_is_refused),
    TEST(a_newer_caller_gets_zeros_for_what_we_do_not_know),
    TEST(an_older_caller_gets_the_defaults_of_what_it_does_not_know),
    TEST(what_is_out_of_range_is_named),
    TEST(dials_out_of_range_are_named),
    TEST(options_that_were_not_initialised_are_refused),
    TESTS_END,
};

const test_suite io_loop_options_suite = {"loop_options", cases, NULL, NULL};
