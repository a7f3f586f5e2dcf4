/* path_test.c: the names of methods. */
#include "lib/wire/path.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <string.h>

static void a_service_ends_at_the_last_slash(void) {
  CU_ASSERT_EQUAL(gmux__path_service_len("/p.S/M"), 3);
  CU_ASSERT_EQUAL(gmux__path_service_len("/a/b/M"), 3);
  CU_ASSERT_EQUAL(gmux__path_service_len("/M"), 0);
  CU_ASSERT_EQUAL(gmux__path_service_len("/p.S/"), 0);
  CU_ASSERT_EQUAL(gmux__path_service_len(""), 0);
  CU_ASSERT_EQUAL(gmux__path_service_len("*"), 0);
}

/* A server could once be given "//a/M", which no client would call, and a client "/a/b/", which no
 * server would serve. */
static void a_path_is_good_when_it_has_a_service_and_a_method(void) {
  static const char *const good[] = {"/p.S/M", "/a/b/M", "//a/M", "/!/~"};
  static const char *const bad[] = {"", "/", "//", "p.S/M", "/p.S", "/p.S/", "//M", "/a/b/"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    CU_ASSERT_EQUAL(gmux__path_check(good[i]), 0);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CU_ASSERT_EQUAL(gmux__path_check(bad[i]), GMUX_ERR_INVALID);
}

static void a_path_of_1024_bytes_is_good_and_of_1025_is_not(void) {
  char path[1026];
  memset(path, 'a', sizeof path);
  path[0] = path[3] = '/';
  path[1024] = '\0';
  CU_ASSERT_EQUAL(gmux__path_check(path), 0);
  path[1024] = 'a';
  path[1025] = '\0';
  CU_ASSERT_EQUAL(gmux__path_check(path), GMUX_ERR_INVALID);
}

static const test_case cases[] = {
    TEST(a_service_ends_at_the_last_slash),
    TEST(a_path_is_good_when_it_has_a_service_and_a_method),
    TEST(a_path_of_1024_bytes_is_good_and_of_1025_is_not),
    TESTS_END,
};

const test_suite wire_path_suite = {.name = "path", .cases = cases};
