/* fail_test.c: error codes in words, and the last sentence of a thread. */
#include "lib/base/fail.h"
#include "tests/unit/harness.h"
#include <limits.h>
#include <pthread.h>
#include <string.h>

static void every_code_has_words_of_its_own(void) {
  for (int a = 0; a >= GMUX_ERR_UNSUPPORTED; a--) {
    CU_ASSERT_STRING_NOT_EQUAL(gmux_strerror(a), "unknown error");
    for (int b = 0; b > a; b--)
      CU_ASSERT_STRING_NOT_EQUAL(gmux_strerror(a), gmux_strerror(b));
  }
}

static void a_number_that_is_no_code_is_an_unknown_error(void) {
  static const int numbers[] = {1, GMUX_ERR_UNSUPPORTED - 1, INT_MIN, INT_MAX};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    CU_ASSERT_STRING_EQUAL(gmux_strerror(numbers[i]), "unknown error");
}

static void fail_leaves_the_sentence_and_hands_the_code_on(void) {
  CU_ASSERT_EQUAL(gmux__fail(GMUX_ERR_INVALID, "port %d is not in 1..65535", 70000),
                  GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "port 70000 is not in 1..65535");
}

static void fail_code_leaves_the_codes_own_words(void) {
  gmux__fail(GMUX_ERR_INVALID, "a longer sentence than the one that comes next");
  CU_ASSERT_EQUAL(gmux__fail_code(GMUX_ERR_NOMEM), GMUX_ERR_NOMEM);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "out of memory");
}

static void a_sentence_too_long_is_cut(void) {
  char text[GMUX__FAIL_TEXT + 100];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  gmux__fail(GMUX_ERR_IO, "%s", text);
  CU_ASSERT_EQUAL(strlen(gmux_last_error()), GMUX__FAIL_TEXT - 1);
  CU_ASSERT_EQUAL(strspn(gmux_last_error(), "x"), GMUX__FAIL_TEXT - 1);
}

static void words_can_be_put_in_front_of_the_last_sentence(void) {
  gmux__fail(GMUX_ERR_IO, "connection refused");
  gmux__fail(GMUX_ERR_IO, "127.0.0.1:1: %s", gmux_last_error());
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "127.0.0.1:1: connection refused");
}

static void failing_needs_no_memory(void) {
  test_alloc_fail_at(1);
  gmux__fail(GMUX_ERR_IO, "%d", 7);
  CU_ASSERT_FALSE(test_alloc_has_failed());
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "7");
  test_alloc_fail_at(0);
}

static void *fail_elsewhere(void *arg) {
  bool *was_empty = arg;
  *was_empty = gmux_last_error()[0] == '\0';
  gmux__fail(GMUX_ERR_TLS, "there");
  return NULL;
}

static void each_thread_has_its_own_last_sentence(void) {
  gmux__fail(GMUX_ERR_IO, "here");
  bool was_empty = false;
  pthread_t thread;
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, fail_elsewhere, &was_empty), 0);
  pthread_join(thread, NULL);
  CU_ASSERT_TRUE(was_empty);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "here");
}

static const test_case cases[] = {TEST(every_code_has_words_of_its_own),
                                  TEST(a_number_that_is_no_code_is_an_unknown_error),
                                  TEST(fail_leaves_the_sentence_and_hands_the_code_on),
                                  TEST(fail_code_leaves_the_codes_own_words),
                                  TEST(a_sentence_too_long_is_cut),
                                  TEST(words_can_be_put_in_front_of_the_last_sentence),
                                  TEST(failing_needs_no_memory),
                                  TEST(each_thread_has_its_own_last_sentence),
                                  TESTS_END};
const test_suite base_fail_suite = {"fail", cases, NULL, NULL};
