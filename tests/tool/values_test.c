/* values_test.c: where a JSON value ends, in text that comes bit by bit. */
#include "tests/unit/harness.h"
#include "tools/gmux/values.h"

#include <stdio.h>
#include <string.h>

static void take(values *v, buffer *all) {
  json_value value;
  while (values_next(v, &value)) {
    buffer_add_format(all, "%zu:%zu ", value.line, value.column);
    buffer_add(all, value.text, value.len);
    buffer_add(all, "|", 1);
  }
}

/* All values of a text that comes in pieces of `step` bytes, as "line:column value|". */
static void split(const char *text, size_t step, buffer *all) {
  values v;
  values_init(&v);
  for (size_t at = 0, len = strlen(text); at < len; at += step) {
    values_add(&v, text + at, len - at < step ? len - at : step);
    take(&v, all);
  }
  values_end(&v);
  take(&v, all);
  values_free(&v);
}

static void check(const char *text, const char *wanted) {
  for (size_t step = 1; step <= strlen(text); step++) {
    buffer all = {.data = NULL};
    split(text, step, &all);
    CU_ASSERT_STRING_EQUAL(buffer_string(&all), wanted);
    if (strcmp(buffer_string(&all), wanted) != 0)
      fprintf(stderr, "# %zu at a time: %s\n", step, buffer_string(&all));
    buffer_free(&all);
  }
}

static void values_end_where_their_brackets_do(void) {
  check("{\"a\": [1, {}]}{} []", "1:1 {\"a\": [1, {}]}|1:15 {}|1:18 []|");
}

static void brackets_and_quotes_in_strings_do_not_count(void) {
  check("{\"}\": \"\\\"]{\"} \"a\\\\\"\"{\"", "1:1 {\"}\": \"\\\"]{\"}|1:15 \"a\\\\\"|1:20 \"{\"|");
}

static void words_and_numbers_end_where_something_else_begins(void) {
  check("1 -2.5\ntrue{}null\"a\"", "1:1 1|1:3 -2.5|2:1 true|2:5 {}|2:7 null|2:11 \"a\"|");
}

static void places_count_lines_and_characters(void) {
  check("\xc3\xa9 {}\n\n  {\n} \t{}", "1:1 \xc3\xa9|1:3 {}|3:3 {\n}|4:4 {}|");
}

static void what_is_cut_is_given_at_the_end(void) {
  check("{} {\"a\": ", "1:1 {}|1:4 {\"a\": |");
  check("{} \"a", "1:1 {}|1:4 \"a|");
  check(" \n ", "");
}

static void what_is_no_json_is_given_too(void) {
  check("}, {}", "1:1 },|1:4 {}|");
  check("{]}{}", "1:1 {]|1:3 }|1:4 {}|");
}

static void what_was_given_takes_no_memory(void) {
  values v;
  json_value value;
  values_init(&v);
  for (unsigned i = 0; i < 10000; i++) {
    values_add(&v, "{\"a\": 1}\n", 9);
    CU_ASSERT_TRUE(values_next(&v, &value));
    CU_ASSERT_EQUAL(value.line, i + 1);
    CU_ASSERT_FALSE(values_next(&v, &value));
  }
  CU_ASSERT_TRUE(v.text.room < 1024);
  values_free(&v);
}

static const test_case cases[] = {TEST(values_end_where_their_brackets_do),
                                  TEST(brackets_and_quotes_in_strings_do_not_count),
                                  TEST(words_and_numbers_end_where_something_else_begins),
                                  TEST(places_count_lines_and_characters),
                                  TEST(what_is_cut_is_given_at_the_end),
                                  TEST(what_is_no_json_is_given_too),
                                  TEST(what_was_given_takes_no_memory),
                                  TESTS_END};
const test_suite tool_values_suite = {"values", cases, NULL, NULL};
