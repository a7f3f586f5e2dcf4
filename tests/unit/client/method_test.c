#include "lib/client/method.h"
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <string.h>

static void a_method_knows_its_path_and_kind(void) {
  gmux_method *m;
  char path[] = "/pkg.Service/Method";
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&m, path, GMUX_CLIENT_STREAMING, GMUX_METHOD_IDEMPOTENT),
                        0);
  memset(path, 'x', sizeof path - 1); /* it was copied */
  CU_ASSERT_STRING_EQUAL(gmux_method_path(m), "/pkg.Service/Method");
  CU_ASSERT_FALSE(gmux__method_sends_one(m));
  CU_ASSERT_TRUE(gmux__method_receives_one(m));
  gmux_method_free(m);
}

static void what_each_kind_sends_and_receives(void) {
  static const struct {
    gmux_method_kind kind;
    bool sends_one, receives_one;
  } rows[] = {{GMUX_UNARY, true, true},
              {GMUX_CLIENT_STREAMING, false, true},
              {GMUX_SERVER_STREAMING, true, false},
              {GMUX_BIDI_STREAMING, false, false}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gmux_method *m;
    CU_ASSERT_EQUAL_FATAL(gmux_method_new(&m, "/s/m", rows[i].kind, 0), 0);
    CU_ASSERT_EQUAL(gmux__method_sends_one(m), rows[i].sends_one);
    CU_ASSERT_EQUAL(gmux__method_receives_one(m), rows[i].receives_one);
    gmux_method_free(m);
  }
}

static void a_wrong_path_is_refused_in_words(void) {
  static const struct {
    const char *path, *words;
  } rows[] = {
      {"", "no slash at its start"},
      {"pkg.Service/Method", "no slash at its start"},
      {"/", "lacks the service"},
      {"/service", "lacks the service"},
      {"/service/", "lacks the service"},
      {"//method", "lacks the service"},
      {"/service/method/", "lacks the service"},
      {"/ser vice/m", "byte 0x20 at position 4"},
      {"/s/m\xc3\xa4", "byte 0xc3 at position 4"},
      {"/s/m\n", "byte 0x0a at position 4"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gmux_method *m;
    CU_ASSERT_EQUAL(gmux_method_new(&m, rows[i].path, GMUX_UNARY, 0), GMUX_ERR_INVALID);
    ASSERT_HAS(gmux_last_error(), rows[i].words);
  }
}

static void other_wrong_arguments_are_refused(void) {
  gmux_method *m;
  char path[1100];
  memset(path, 'a', sizeof path);
  path[0] = path[3] = '/';
  path[sizeof path - 1] = '\0';
  CU_ASSERT_EQUAL(gmux_method_new(&m, path, GMUX_UNARY, 0), GMUX_ERR_INVALID);
  ASSERT_HAS(gmux_last_error(), "at most 1024 bytes");
  CU_ASSERT_EQUAL(gmux_method_new(NULL, "/s/m", GMUX_UNARY, 0), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_method_new(&m, NULL, GMUX_UNARY, 0), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_method_new(&m, "/s/m", (gmux_method_kind)4, 0), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_method_new(&m, "/s/m", GMUX_UNARY, 2), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_method_path(NULL), "");
  gmux_method_free(NULL);
}

static void without_memory_there_is_no_method(void) {
  gmux_method *m;
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux_method_new(&m, "/s/m", GMUX_UNARY, 0), GMUX_ERR_NOMEM);
}

static void a_method_lives_as_long_as_its_last_holder(void) {
  gmux_method *m;
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&m, "/s/m", GMUX_UNARY, 0), 0);
  gmux_method *held = gmux__method_ref(m);
  gmux_method_free(m);
  CU_ASSERT_STRING_EQUAL(gmux_method_path(held), "/s/m");
  gmux_method_free(held);
}

static void expect_holds(const gmux_method *m, unsigned holds) {
  CU_ASSERT_EQUAL(atomic_load(&m->holds), holds);
}

static void one_hold_serves_all_calls_of_the_usual_method(void) {
  gmux_method *m;
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&m, "/s/m", GMUX_UNARY, 0), 0);
  gmux__usual_method usual = {NULL, 0};
  for (int i = 0; i < 3; i++)
    CU_ASSERT_PTR_EQUAL(gmux__usual_method_take(&usual, m), m);
  expect_holds(m, 2);
  for (int i = 0; i < 3; i++)
    gmux__usual_method_give(&usual, m);
  expect_holds(m, 2); /* for the next call */
  gmux_method_free(usual.method);
  expect_holds(m, 1);
  gmux_method_free(m);
}

/* Which of the holds a call gives back is all the same: none is lost, none given twice. */
static void another_method_becomes_the_usual_one_when_the_first_has_no_calls(void) {
  gmux_method *a, *b;
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&a, "/s/a", GMUX_UNARY, 0), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&b, "/s/b", GMUX_UNARY, 0), 0);
  gmux__usual_method usual = {NULL, 0};
  gmux__usual_method_take(&usual, a);
  gmux__usual_method_take(&usual, b); /* a hold of its own */
  expect_holds(b, 2);
  gmux__usual_method_give(&usual, a);
  gmux__usual_method_take(&usual, b);
  CU_ASSERT_PTR_EQUAL(usual.method, b);
  expect_holds(a, 1);
  expect_holds(b, 3);
  gmux__usual_method_give(&usual, b);
  gmux__usual_method_give(&usual, b);
  expect_holds(b, 2);
  gmux_method_free(usual.method);
  gmux_method_free(a);
  gmux_method_free(b);
}

static const test_case cases[] = {
    TEST(a_method_knows_its_path_and_kind),
    TEST(what_each_kind_sends_and_receives),
    TEST(a_wrong_path_is_refused_in_words),
    TEST(other_wrong_arguments_are_refused),
    TEST(without_memory_there_is_no_method),
    TEST(a_method_lives_as_long_as_its_last_holder),
    TEST(one_hold_serves_all_calls_of_the_usual_method),
    TEST(another_method_becomes_the_usual_one_when_the_first_has_no_calls),
    TESTS_END,
};

const test_suite client_method_suite = {"method", cases, NULL, NULL};
