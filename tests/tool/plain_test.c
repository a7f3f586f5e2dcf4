/* plain_test.c: what a server could say to a terminal, and what it cannot. */
#include "tests/tool/kit.h"
#include "tools/gmux/plain.h"

#include <string.h>

static void check_plain(const char *text, const char *expected) {
  buffer out = {.data = NULL};
  plain_add_string(&out, text);
  CU_ASSERT_STRING_EQUAL(buffer_string(&out), expected);
  buffer_free(&out);
}

static void letters_of_all_languages_stay(void) {
  check_plain("", "");
  check_plain("name_1 ~", "name_1 ~");
  check_plain("h\u00e9 \u4f60\u597d \U0001f600", "h\u00e9 \u4f60\u597d \U0001f600");
}

static void no_sequence_reaches_a_terminal(void) {
  check_plain("\033[2J", "?[2J");
  check_plain("\033]0;title\a", "?]0;title?");
  check_plain("a\r\nb\tc\x7f", "a??b?c?");
  /* CSI as one character of the 8-bit set. */
  check_plain("\xc2\x9b"
              "2J",
              "?2J");
  check_plain("\x9b"
              "2J",
              "?2J");
}

static void what_turns_or_hides_text_is_shown(void) {
  check_plain("cod.\u202etxt", "cod.?txt");
  check_plain("a\u2066b\u2069", "a?b?");
  check_plain("root\u200b", "root?");
  check_plain("\U000e0041", "?");
}

static void what_is_no_utf8_is_a_mark_a_byte(void) {
  check_plain("\xc0\x9b", "??");           /* too long for its value: a control character */
  check_plain("\xe0\x82\x9b", "???");      /* the same, of three bytes */
  check_plain("\xed\xa0\x80", "???");      /* a surrogate */
  check_plain("\xf4\x90\x80\x80", "????"); /* beyond Unicode */
  check_plain("\xff"
              "a\xe4\xbd",
              "?a??"); /* nothing, and cut at the end */
  check_plain("\xe4"
              "ab",
              "?ab"); /* what follows is not swallowed */
}

static void a_name_is_cut_between_characters(void) {
  char name[200];
  memset(name, 'x', 79);
  memcpy(name + 79, "\u00e9y", 4);
  quoted q = quote(name, strlen(name));
  CU_ASSERT_EQUAL(strlen(q.text), 79 + 3);
  CU_ASSERT_STRING_EQUAL(q.text + 78, "x...");
  CU_ASSERT_STRING_EQUAL(quote("a\033b", 3).text, "a?b");
  CU_ASSERT_STRING_EQUAL(quote("\xff\xc2\x9b", 3).text, "??");
}

static void json_has_escapes_for_them(void) {
  static const codec_options options = {.is_compact = true};
  static const char message[] = "\x72\x0e"
                                "a\033\x7f\xc2\x9b\u00e9\u202e\U000e0041";
  problem p;
  const char *json = decode_as("all.Scalars", message, sizeof message - 1, &options, &p);
  CU_ASSERT_PTR_NOT_NULL_FATAL(json);
  CU_ASSERT_STRING_EQUAL(json,
                         "{\"aString\":\"a\\u001B\\u007F\\u009B\u00e9\\u202E\\uDB40\\uDC41\"}");
}

static const test_case cases[] = {TEST(letters_of_all_languages_stay),
                                  TEST(no_sequence_reaches_a_terminal),
                                  TEST(what_turns_or_hides_text_is_shown),
                                  TEST(what_is_no_utf8_is_a_mark_a_byte),
                                  TEST(a_name_is_cut_between_characters),
                                  TEST(json_has_escapes_for_them),
                                  TESTS_END};
const test_suite tool_plain_suite = {"plain", cases, NULL, NULL};
