/* methods_test.c: what a server serves, by path. */
#include "lib/server/methods.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <string.h>

static const gmux__method method = {.kind = GMUX_BIDI_STREAMING};

static void a_method_is_found_by_its_whole_path(void) {
  gmux__methods methods = {0};
  CU_ASSERT_EQUAL(gmux__methods_add(&methods, "/p.S/M", &method), 0);
  const gmux__method *found = gmux__methods_find(&methods, "/p.S/M");
  CU_ASSERT_PTR_NOT_NULL_FATAL(found);
  CU_ASSERT_EQUAL(found->kind, GMUX_BIDI_STREAMING);
  CU_ASSERT_PTR_NULL(gmux__methods_find(&methods, "/p.S/m"));
  CU_ASSERT_PTR_NULL(gmux__methods_find(&methods, "/p.S/M/"));
  CU_ASSERT_PTR_NULL(gmux__methods_find(&methods, ""));
  gmux__methods_deinit(&methods);
}

static void two_methods_of_one_service_go_together_and_the_same_twice_does_not(void) {
  gmux__methods methods = {0};
  CU_ASSERT_EQUAL(gmux__methods_add(&methods, "/p.S/A", &method), 0);
  CU_ASSERT_EQUAL(gmux__methods_add(&methods, "/p.S/B", &method), 0);
  CU_ASSERT_EQUAL(gmux__methods_add(&methods, "/p.S/A", &method), GMUX_ERR_EXISTS);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "/p.S/A"));
  gmux__methods_deinit(&methods);
}

static void a_path_that_no_client_could_send_is_refused_in_words(void) {
  static const char *const bad[] = {"",    "/",      "p.S/M",     "/p.S",         "/p.S/",
                                    "//M", "/p.S/ ", "/p.S/\x7f", "/p.S/\xc3\xa9"};
  gmux__methods methods = {0};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CU_ASSERT_EQUAL(gmux__methods_add(&methods, bad[i], &method), GMUX_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "method's path"));
  }
  gmux__methods_deinit(&methods);
}

static void fill(void *arg) {
  (void)arg;
  gmux__methods methods = {0};
  int rv = gmux__methods_add(&methods, "/p.S/A", &method);
  CU_ASSERT_TRUE(rv == 0 || rv == GMUX_ERR_NOMEM);
  CU_ASSERT_EQUAL(gmux__methods_find(&methods, "/p.S/A") != NULL, rv == 0);
  gmux__methods_deinit(&methods);
}

static void a_method_is_added_wholly_or_not_when_memory_runs_out(void) {
  CU_ASSERT_TRUE(test_alloc_torture(fill, NULL) > 3);
}

static const test_case cases[] = {
    TEST(a_method_is_found_by_its_whole_path),
    TEST(two_methods_of_one_service_go_together_and_the_same_twice_does_not),
    TEST(a_path_that_no_client_could_send_is_refused_in_words),
    TEST(a_method_is_added_wholly_or_not_when_memory_runs_out),
    TESTS_END,
};

const test_suite server_methods_suite = {.name = "methods", .cases = cases};
