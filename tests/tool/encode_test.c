/* encode_test.c: JSON to bytes: what is taken beyond what is written, and what is refused. */
#include "tests/tool/kit.h"
#include "tools/gmux/wire.h"

#include <stdlib.h>
#include <string.h>

static void numbers_are_taken_in_any_notation(void) {
  static const pair pairs[] = {{"all.Scalars", "{\"anInt32\": \"-1\"}",
                                BYTES("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
                               {"all.Scalars", "{\"anInt32\": 1e2}", BYTES("\x18\x64")},
                               {"all.Scalars", "{\"anInt32\": 2.0}", BYTES("\x18\x02")},
                               {"all.Scalars", "{\"aUint64\": 18446744073709551615}",
                                BYTES("\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
                               {"all.Scalars", "{\"anInt64\": -9223372036854775808}",
                                BYTES("\x20\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")},
                               {"all.Scalars", "{\"aFloat\": \"1.5\"}", BYTES("\x15\0\0\xc0\x3f")},
                               {"all.Scalars", "{\"aDouble\": 100000000000000000000}",
                                BYTES("\x09\x40\x8c\xb5\x78\x1d\xaf\x15\x44")},
                               PAIRS_END};
  check_encoded(pairs);
}

static void names_are_taken_in_both_forms(void) {
  static const pair pairs[] = {
      {"all.Scalars", "{\"an_int32\": 1, \"aSint32\": -1}", BYTES("\x18\x01\x38\x01")},
      {"all.Scalars", "{\"renamed\": 1}", BYTES("\x88\x01\x01")},
      {"all.Scalars", "{\"a\\u005Fbool\": true}", BYTES("\x68\x01")},
      PAIRS_END};
  check_encoded(pairs);
}

static void defaults_of_fields_without_presence_are_left_out(void) {
  static const pair pairs[] = {
      {"all.Scalars",
       "{\"aDouble\": 0, \"anInt32\": 0, \"aBool\": false, \"aString\": \"\", \"aBytes\": \"\", "
       "\"aColour\": 0}",
       BYTES("")},
      {"all.Scalars", "{\"aDouble\": -0.0}", BYTES("\x09\0\0\0\0\0\0\0\x80")},
      {"all.Scalars", "{\"maybe\": 0}", BYTES("\x90\x01\x00")},
      {"all.Choice", "{\"name\": \"\"}", BYTES("\x12\x00")},
      {"all.Lists", "{\"int64s\": [], \"strings\": [\"\"]}", BYTES("\x3a\x00")},
      PAIRS_END};
  check_encoded(pairs);
}

static void null_is_absence(void) {
  static const pair pairs[] = {
      {"all.Scalars", "{\"anInt32\": null, \"aString\": null, \"maybe\": null}", BYTES("")},
      {"all.Lists", "{\"messages\": null}", BYTES("")},
      {"all.Maps", "{\"byString\": null}", BYTES("")},
      {"all.Known", "{\"timestamp\": null, \"any\": null, \"boolValue\": null}", BYTES("")},
      {"all.Choice", "{\"number\": null, \"name\": \"x\"}", BYTES("\x12\x01x")},
      PAIRS_END};
  check_encoded(pairs);
}

static void base64_is_taken_in_both_alphabets(void) {
  static const pair pairs[] = {{"all.Scalars", "{\"aBytes\": \"+/8=\"}", BYTES("\x7a\x02\xfb\xff")},
                               {"all.Scalars", "{\"aBytes\": \"-_8=\"}", BYTES("\x7a\x02\xfb\xff")},
                               {"all.Scalars", "{\"aBytes\": \"-_8\"}", BYTES("\x7a\x02\xfb\xff")},
                               PAIRS_END};
  check_encoded(pairs);
}

static void enums_are_taken_by_name_and_number(void) {
  static const pair pairs[] = {
      {"all.Scalars", "{\"aColour\": \"CRIMSON\"}", BYTES("\x80\x01\x01")},
      {"all.Scalars", "{\"aColour\": -7}",
       BYTES("\x80\x01\xf9\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
      {"all.Scalars", "{\"aColour\": 99}", BYTES("\x80\x01\x63")},
      {"old.Part", "{\"name\": \"x\", \"size\": 2}", BYTES("\x0a\x01x\x18\x02")},
      PAIRS_END};
  check_encoded(pairs);
}

static void what_is_wrong_is_said_with_its_place(void) {
  static const refusal refusals[] = {
      {"all.Scalars", "", 0, "line 1, column 1: unexpected token near end of file"},
      {"all.Scalars", "{\n  \"anInt32\": 1,\n}", 0,
       "line 3, column 1: string or '}' expected near '}'"},
      {"all.Scalars", "[1]", 0, "line 1, column 1: all.Scalars takes an object, not an array"},
      {"all.Scalars", "{\n  \"an_int\": 1\n}", 0,
       "line 2, column 3: all.Scalars has no field an_int: did you mean an_int32?"},
      {"all.Scalars", "{\"zebra\": 1}", 0, "line 1, column 2: all.Scalars has no field zebra"},
      {"all.Scalars", "{\"ü\\u00fc\": 1}", 0, "line 1, column 2: all.Scalars has no field üü"},
      {"all.Scalars", "{\"aString\": \"üü\", \"aBool\": 1}", 0,
       "line 1, column 28: a_bool (bool) takes true or false, not a number"},
      {"all.Scalars", "{\"anInt32\": 2147483648}", 0,
       "line 1, column 13: an_int32 (int32): 2147483648 is out of its range"},
      {"all.Scalars", "{\"anInt32\": 0.5}", 0,
       "line 1, column 13: an_int32 (int32): 0.5 has a fraction"},
      {"all.Scalars", "{\"anInt32\": \"1 \"}", 0,
       "line 1, column 13: an_int32 (int32): 1  is no number"},
      {"all.Scalars", "{\"anInt32\": {}}", 0,
       "line 1, column 13: an_int32 (int32) takes a number, or a string with one, not an object"},
      {"all.Scalars", "{\"aUint32\": -1}", 0,
       "line 1, column 13: a_uint32 (uint32): -1 is out of its range"},
      {"all.Scalars", "{\"aFloat\": 3.5e38}", 0,
       "line 1, column 12: a_float (float): 3.5e38 is out of its range"},
      {"all.Scalars", "{\"aBytes\": \"a*b\"}", 0,
       "line 1, column 12: a_bytes (bytes): a*b is not base64"},
      {"all.Scalars", "{\"aBytes\": \"AAAAA\"}", 0,
       "line 1, column 12: a_bytes (bytes): AAAAA is not base64"},
      {"all.Scalars", "{\"aBytes\": \"AA=\"}", 0,
       "line 1, column 12: a_bytes (bytes): AA= is not base64"},
      {"all.Scalars", "{\"aColour\": \"REDD\"}", 0,
       "line 1, column 13: enum all.Colour has no value REDD: did you mean RED?"},
      {"all.Scalars", "{\"an_int32\": 1, \"anInt32\": 2}", 0,
       "line 1, column 17: an_int32 is given twice, by either of its names"},
      {"all.Scalars", "{\"aBool\": true, \"aBool\": true}", 0,
       "line 1, column 23: duplicate object key near '\"aBool\"'"},
      {"all.Choice", "{\"number\": 1, \"name\": \"x\"}", 0,
       "line 1, column 15: number and name are both of oneof pick: only one of them can be set"},
      {"all.Lists", "{\"strings\": \"x\"}", 0,
       "line 1, column 13: strings is repeated and takes an array, not a string"},
      {"all.Lists", "{\"strings\": [\"x\", null]}", 0,
       "line 1, column 19: strings has null among its values"},
      {"all.Maps", "{\"byString\": []}", 0,
       "line 1, column 14: by_string is a map and takes an object, not an array"},
      {"all.Maps", "{\"byInt32\": {\"x\": {}}}", 0,
       "line 1, column 14: key (int32): x is no number"},
      {"all.Maps", "{\"byString\": {\"\\u0000\": \"\"}}", 0,
       "line 1, column 22: NUL byte in object key not supported near '\"\\u0000\"'"},
      {"all.Maps", "{\"byBool\": {\"1\": 1}}", 0,
       "line 1, column 13: a key of type bool is \"true\" or \"false\", not 1"},
      {"all.Maps", "{\"byString\": {\"a\": null}}", 0,
       "line 1, column 20: value has null among its values"},
      {"old.Part", "{}", 0, "line 1, column 1: old.Part lacks its required field name"},
      {"old.Part", "{\"name\": \"x\", \"size\": 3}", 0,
       "line 1, column 23: enum old.Size has no value 3"},
      {"old.Part", "{\"name\": \"x\", \"box\": {}}", 0,
       "line 1, column 22: box is a group, for which JSON has no form"},
      REFUSALS_END};
  check_refused(refusals);
}

static void unknown_names_are_passed_over_if_asked_for(void) {
  static const codec_options options = {.ignores_unknown = true};
  static const struct {
    const char *message, *json, *bytes;
    size_t len;
  } pairs[] = {
      {"all.Scalars", "{\"zebra\": [1, {\"a\": []}], \"anInt32\": 1, \"x\": null}",
       BYTES("\x18\x01")},
      {"all.Scalars", "{\"aColour\": \"MAUVE\"}", BYTES("")},
      {"all.Lists", "{\"colours\": [\"MAUVE\", \"RED\"]}", BYTES("\x4a\x01\x01")},
      {"all.Maps", "{\"bySint64\": {\"1\": \"MAUVE\"}}", BYTES("")},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    size_t len;
    problem p;
    const char *bytes = encode_as(pairs[i].message, pairs[i].json, &options, &len, &p);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    CU_ASSERT_TRUE(len == pairs[i].len && memcmp(bytes, pairs[i].bytes, len) == 0);
  }
}

/* `count` times `before`, then `middle`, then as many `after`. */
static char *nested(const char *before, const char *middle, const char *after, size_t count) {
  buffer b = {.data = NULL};
  for (size_t i = 0; i < count; i++)
    buffer_add_string(&b, before);
  buffer_add_string(&b, middle);
  for (size_t i = 0; i < count; i++)
    buffer_add_string(&b, after);
  buffer_string(&b);
  return (char *)b.data;
}

static void messages_nest_as_deep_as_others_read_them(void) {
  static const codec_options options;
  size_t len;
  problem p = {""};
  char *deep = nested("{\"trunk\":", "{}", "}", CODEC_MAX_DEPTH - 1);
  const char *bytes = encode_as("all.Tree", deep, &options, &len, &p);
  CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
  char *copy = malloc(len);
  memcpy(copy, bytes, len);
  CU_ASSERT_PTR_NOT_NULL(decode_as("all.Tree", copy, len, &options, &p));
  free(copy);
  free(deep);

  deep = nested("{\"trunk\":", "{}", "}", CODEC_MAX_DEPTH);
  CU_ASSERT_PTR_NULL(encode_as("all.Tree", deep, &options, &len, &p));
  CU_ASSERT_STRING_EQUAL(p.words, "line 1, column 901: messages in messages more than 100 deep");
  free(deep);

  deep = nested("[", "", "]", 100000);
  CU_ASSERT_PTR_NULL(encode_as("google.protobuf.ListValue", deep, &options, &len, &p));
  CU_ASSERT_STRING_EQUAL(p.words, "line 1, column 2049: maximum parsing depth reached near '['");
  free(deep);
}

static void a_text_has_a_length_that_is_read(void) {
  static const codec_options options;
  buffer out = {.data = NULL};
  problem p;
  char *long_one = calloc(1, CODEC_MAX_JSON + 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(long_one);
  memset(long_one, ' ', CODEC_MAX_JSON + 1);
  memcpy(long_one, "{}", 2);
  const message_type *m = tool_message("all.Scalars");
  CU_ASSERT_TRUE(codec_read_json(tool_types(), m, long_one, CODEC_MAX_JSON, &options, &out, &p));
  CU_ASSERT_FALSE(
      codec_read_json(tool_types(), m, long_one, CODEC_MAX_JSON + 1, &options, &out, &p));
  CU_ASSERT_STRING_EQUAL(p.words,
                         "the JSON is 16777217 bytes long, and no more than 16777216 are read");
  buffer_free(&out);
  free(long_one);
}

static const test_case cases[] = {TEST(numbers_are_taken_in_any_notation),
                                  TEST(names_are_taken_in_both_forms),
                                  TEST(defaults_of_fields_without_presence_are_left_out),
                                  TEST(null_is_absence),
                                  TEST(base64_is_taken_in_both_alphabets),
                                  TEST(enums_are_taken_by_name_and_number),
                                  TEST(what_is_wrong_is_said_with_its_place),
                                  TEST(unknown_names_are_passed_over_if_asked_for),
                                  TEST(messages_nest_as_deep_as_others_read_them),
                                  TEST(a_text_has_a_length_that_is_read),
                                  TESTS_END};
const test_suite tool_encode_suite = {"encode", cases, NULL, NULL};
