/* percent_test.c: grpc-message there and back. */
#include "lib/wire/percent.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FFFD "\xef\xbf\xbd" /* U+FFFD as it stands in text */

typedef struct pair {
  const char *text, *wire;
} pair;

/* The result as a string, in a static buffer; the input stands in memory of just its size. */
static const char *converted(bool encode, const char *input, size_t len) {
  static char text[1024];
  char *exact = malloc(len ? len : 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
  memcpy(exact, input, len);
  gmux__buf out = {0};
  int error = encode ? gmux__percent_encode(&out, exact, len)
                     : gmux__percent_decode(&out, (const uint8_t *)exact, len);
  CU_ASSERT_EQUAL(error, 0);
  CU_ASSERT_TRUE_FATAL(gmux__buf_len(&out) < sizeof text);
  memset(text, 0, sizeof text);
  if (gmux__buf_len(&out)) memcpy(text, gmux__buf_data(&out), gmux__buf_len(&out));
  gmux__buf_deinit(&out);
  free(exact);
  return text;
}

static const char *encoded(const char *text) {
  return converted(true, text, strlen(text));
}

static const char *decoded(const char *wire) {
  return converted(false, wire, strlen(wire));
}

static void texts_go_there_and_back(void) {
  static const pair pairs[] = {
      {"", ""},
      {"plain ~text!", "plain ~text!"},
      {"100 %", "100 %25"},
      {"%41", "%2541"},
      {"a\x1f\x7f", "a%1F%7F"},
      {"\xc3\xbc", "%C3%BC"},
      /* the limits of each length: U+0080 U+07FF U+0800 U+D7FF U+E000 U+FFFF U+10000 U+10FFFF */
      {"\xc2\x80\xdf\xbf", "%C2%80%DF%BF"},
      {"\xe0\xa0\x80\xed\x9f\xbf", "%E0%A0%80%ED%9F%BF"},
      {"\xee\x80\x80\xef\xbf\xbf", "%EE%80%80%EF%BF%BF"},
      {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "%F0%90%80%80%F4%8F%BF%BF"},
      /* the interop case special_status_message */
      {"\t\ntest with whitespace\r\nand Unicode BMP \xe2\x98\xba and non-BMP \xf0\x9f\x98\x88\t\n",
       "%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA and non-BMP "
       "%F0%9F%98%88%09%0A"}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    CU_ASSERT_STRING_EQUAL(encoded(pairs[i].text), pairs[i].wire);
    CU_ASSERT_STRING_EQUAL(decoded(pairs[i].wire), pairs[i].text);
  }
}

static void spaces_are_escaped_at_the_ends_only(void) {
  static const pair pairs[] = {
      {" a b ", "%20a b%20"}, {" ", "%20"}, {"  ", "%20%20"}, {"   ", "%20 %20"}, {"a  b", "a  b"}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    CU_ASSERT_STRING_EQUAL(encoded(pairs[i].text), pairs[i].wire);
    CU_ASSERT_STRING_EQUAL(decoded(pairs[i].wire), pairs[i].text);
  }
}

static void every_single_byte_is_plain_escaped_or_replaced(void) {
  for (int byte = 0; byte < 256; byte++) {
    char text = (char)byte, expected[16];
    if (byte >= 0x80)
      snprintf(expected, sizeof expected, "%%EF%%BF%%BD");
    else if (byte > 0x20 && byte < 0x7f && byte != '%')
      snprintf(expected, sizeof expected, "%c", byte);
    else
      snprintf(expected, sizeof expected, "%%%02X", (unsigned)byte);
    CU_ASSERT_STRING_EQUAL(converted(true, &text, 1), expected);
  }
}

static void each_byte_of_invalid_utf8_becomes_a_replacement(void) {
  static const pair pairs[] = {
      {"a\x80z", "a" FFFD "z"},                    /* a continuation byte alone */
      {"\xc0\xaf", FFFD FFFD},                     /* overlong '/' in two bytes */
      {"\xc1\xbf", FFFD FFFD},                     /* overlong DEL */
      {"\xe0\x9f\xbf", FFFD FFFD FFFD},            /* overlong U+07FF in three */
      {"\xf0\x8f\xbf\xbf", FFFD FFFD FFFD FFFD},   /* overlong U+FFFF in four */
      {"\xed\xa0\x80", FFFD FFFD FFFD},            /* surrogate U+D800 */
      {"\xed\xbf\xbf", FFFD FFFD FFFD},            /* surrogate U+DFFF */
      {"\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD},   /* U+110000 */
      {"\xf5\x80\x80\x80", FFFD FFFD FFFD FFFD},   /* no lead byte */
      {"\xfe\xff", FFFD FFFD},                     /* neither */
      {"\xc3", FFFD},                              /* cut short */
      {"\xe2\x98", FFFD FFFD},                     /* cut short */
      {"\xf0\x9f\x98", FFFD FFFD FFFD},            /* cut short */
      {"\xc3z", FFFD "z"},                         /* interrupted: z is kept */
      {"\xc3\xc3\xbc", FFFD "\xc3\xbc"},           /* interrupted by a good one */
      {"\xe2\x98z", FFFD FFFD "z"},                /* interrupted: z is kept */
      {"\xf0\x9f\xc3\xbc", FFFD FFFD "\xc3\xbc"}}; /* interrupted by a good one */
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    CU_ASSERT_STRING_EQUAL(decoded(pairs[i].text), pairs[i].wire);
    CU_ASSERT_STRING_EQUAL(decoded(encoded(pairs[i].text)), pairs[i].wire);
    char escaped[64] = "";
    for (const char *p = pairs[i].text; *p; p++)
      snprintf(escaped + strlen(escaped), 4, "%%%02x", (unsigned char)*p);
    CU_ASSERT_STRING_EQUAL(decoded(escaped), pairs[i].wire);
  }
}

static void a_bad_escape_stays_as_it_is(void) {
  static const char *const texts[] = {"%",   "a%",  "%4",  "a%4", "%%",
                                      "%G1", "%1G", "%-1", "% 1", "%0x"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    CU_ASSERT_STRING_EQUAL(decoded(texts[i]), texts[i]);
  CU_ASSERT_STRING_EQUAL(decoded("%%41"), "%A");
  CU_ASSERT_STRING_EQUAL(decoded("%4%41"), "%4A");
}

static void escapes_may_be_lower_case_and_unneeded(void) {
  CU_ASSERT_STRING_EQUAL(decoded("%61%c3%Bc\xc3\xbc%2f"), "a\xc3\xbc\xc3\xbc/");
  /* one character, half of it escaped */
  CU_ASSERT_STRING_EQUAL(decoded("%C3\xbc"), "\xc3\xbc");
}

static void a_zero_byte_is_a_character_like_others(void) {
  CU_ASSERT_STRING_EQUAL(converted(true, "a\0b", 3), "a%00b");
  CU_ASSERT_EQUAL(memcmp(converted(false, "a%00b", 5), "a\0b", 3), 0);
}

static void results_are_appended(void) {
  gmux__buf out = {0};
  CU_ASSERT_EQUAL(gmux__buf_append(&out, "> ", 2), 0);
  CU_ASSERT_EQUAL(gmux__percent_encode(&out, "%", 1), 0);
  CU_ASSERT_EQUAL(gmux__percent_decode(&out, (const uint8_t *)"%41", 3), 0);
  CU_ASSERT_EQUAL_FATAL(gmux__buf_len(&out), 6);
  CU_ASSERT_EQUAL(memcmp(gmux__buf_data(&out), "> %25A", 6), 0);
  gmux__buf_deinit(&out);
}

/* Long enough to need memory more than once. */
static void convert_long_text(void *arg) {
  bool encode = *(bool *)arg;
  char text[600];
  memset(text, '%', sizeof text);
  gmux__buf out = {0};
  if (gmux__buf_append(&out, "kept", 4) == 0) {
    int error = encode ? gmux__percent_encode(&out, text, sizeof text)
                       : gmux__percent_decode(&out, (const uint8_t *)text, sizeof text);
    CU_ASSERT_EQUAL(error, test_alloc_has_failed() ? GMUX_ERR_NOMEM : 0);
    size_t whole = 4 + sizeof text * (encode ? 3 : 1);
    CU_ASSERT_EQUAL_FATAL(gmux__buf_len(&out), error ? 4 : whole);
    CU_ASSERT_EQUAL(memcmp(gmux__buf_data(&out), "kept", 4), 0);
  }
  gmux__buf_deinit(&out);
}

static void out_of_memory_takes_back_what_was_appended(void) {
  bool encode = true;
  CU_ASSERT_TRUE(test_alloc_torture(convert_long_text, &encode) > 3);
  encode = false;
  CU_ASSERT_TRUE(test_alloc_torture(convert_long_text, &encode) > 3);
}

static const test_case cases[] = {TEST(texts_go_there_and_back),
                                  TEST(spaces_are_escaped_at_the_ends_only),
                                  TEST(every_single_byte_is_plain_escaped_or_replaced),
                                  TEST(each_byte_of_invalid_utf8_becomes_a_replacement),
                                  TEST(a_bad_escape_stays_as_it_is),
                                  TEST(escapes_may_be_lower_case_and_unneeded),
                                  TEST(a_zero_byte_is_a_character_like_others),
                                  TEST(results_are_appended),
                                  TEST(out_of_memory_takes_back_what_was_appended),
                                  TESTS_END};
const test_suite wire_percent_suite = {"percent", cases, NULL, NULL};
