/* known_test.c: well-known types, each in its form. */
#include "tests/tool/kit.h"

#include <string.h>

static void times_and_masks_are_strings(void) {
  static const pair pairs[] = {
      {"google.protobuf.Timestamp", "\"1970-01-01T00:00:01.500Z\"",
       BYTES("\x08\x01\x10\x80\xca\xb5\xee\x01")},
      {"google.protobuf.Timestamp", "\"1970-01-01T00:00:00Z\"", BYTES("")},
      {"google.protobuf.Duration", "\"-0.000000001s\"",
       BYTES("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
      {"all.Known", "{\"duration\":\"3s\"}", BYTES("\x12\x02\x08\x03")},
      {"all.Known", "{\"timestamps\":[\"1970-01-01T00:00:00Z\",\"1970-01-01T00:00:01Z\"]}",
       BYTES("\x9a\x01\x00\x9a\x01\x02\x08\x01")},
      {"google.protobuf.FieldMask", "\"\"", BYTES("")},
      {"google.protobuf.FieldMask", "\"fooBar.baz,q\"",
       BYTES("\x0a\x0b"
             "foo_bar.baz\x0a\x01q")},
      PAIRS_END};
  check_both(pairs);
}

static void structs_are_any_json(void) {
  static const pair pairs[] = {
      {"google.protobuf.Struct", "{}", BYTES("")},
      {"google.protobuf.Struct", "{\"a\":null,\"b\":true}",
       BYTES("\x0a\x07\x0a\x01"
             "a\x12\x02\x08\x00\x0a\x07\x0a\x01"
             "b\x12\x02\x20\x01")},
      {"google.protobuf.Value", "null", BYTES("\x08\x00")},
      {"google.protobuf.Value", "1.5", BYTES("\x11\0\0\0\0\0\0\xf8\x3f")},
      {"google.protobuf.Value", "\"\"", BYTES("\x1a\x00")},
      {"google.protobuf.Value", "false", BYTES("\x20\x00")},
      {"google.protobuf.Value", "{\"a\":{}}",
       BYTES("\x2a\x09\x0a\x07\x0a\x01"
             "a\x12\x02\x2a\x00")},
      {"google.protobuf.Value", "[]", BYTES("\x32\x00")},
      {"google.protobuf.ListValue", "[null,[\"x\"]]",
       BYTES("\x0a\x02\x08\x00\x0a\x07\x32\x05\x0a\x03\x1a\x01x")},
      {"all.Known", "{\"structure\":{},\"list\":[]}", BYTES("\x2a\x00\x3a\x00")},
      {"all.Maps", "{\"values\":{\"a\":null}}",
       BYTES("\x3a\x07\x0a\x01"
             "a\x12\x02\x08\x00")},
      PAIRS_END};
  check_both(pairs);
}

static void a_null_of_an_enum_is_its_default_and_so_not_there(void) {
  static const pair set[] = {{"all.Known", "{\"nothing\":null}", BYTES("")}, PAIRS_END};
  check_encoded(set);
  static const pair unset[] = {{"all.Known", "{}", BYTES("\x90\x01\x00")},
                               {"google.protobuf.Value", "null", BYTES("")},
                               PAIRS_END};
  check_decoded(unset);
}

static void wrappers_are_their_values(void) {
  static const pair pairs[] = {
      {"google.protobuf.Int64Value", "\"0\"", BYTES("")},
      {"google.protobuf.StringValue", "\"x\"", BYTES("\x0a\x01x")},
      {"all.Known", "{\"boolValue\":false,\"bytesValue\":\"\",\"doubleValue\":0.5}",
       BYTES("\x4a\x00\x52\x00\x5a\x09\x09\0\0\0\0\0\0\xe0\x3f")},
      {"all.Known", "{\"floatValue\":\"NaN\",\"int32Value\":-1,\"int64Value\":\"1\"}",
       BYTES("\x62\x05\x0d\0\0\xc0\x7f\x6a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
             "\x72\x02\x08\x01")},
      {"all.Known", "{\"stringValue\":\"\",\"uint32Value\":1,\"uint64Value\":\"2\"}",
       BYTES("\x7a\x00\x82\x01\x02\x08\x01\x8a\x01\x02\x08\x02")},
      PAIRS_END};
  check_both(pairs);
}

static void any_names_its_type(void) {
  static const pair pairs[] = {
      {"google.protobuf.Any", "{}", BYTES("")},
      {"google.protobuf.Any", "{\"@type\":\"type.googleapis.com/all.Scalars\",\"aBool\":true}",
       BYTES("\x0a\x1ftype.googleapis.com/all.Scalars\x12\x02\x68\x01")},
      {"google.protobuf.Any", "{\"@type\":\"x/all.Scalars\"}", BYTES("\x0a\x0dx/all.Scalars")},
      {"google.protobuf.Any", "{\"@type\":\"x/google.protobuf.Duration\",\"value\":\"3s\"}",
       BYTES("\x0a\x1ax/google.protobuf.Duration\x12\x02\x08\x03")},
      {"google.protobuf.Any", "{\"@type\":\"x/google.protobuf.Empty\"}",
       BYTES("\x0a\x17x/google.protobuf.Empty")},
      {"google.protobuf.Any",
       "{\"@type\":\"x/google.protobuf.Any\",\"value\":{\"@type\":\"x/all.Tree\",\"label\":\"a\"}}",
       BYTES("\x0a\x15x/google.protobuf.Any\x12\x11\x0a\x0ax/all.Tree\x12\x03\x0a\x01"
             "a")},
      PAIRS_END};
  check_both(pairs);
  static const pair others[] = {
      {"google.protobuf.Any", "{\"aBool\":true,\"@type\":\"x/all.Scalars\"}",
       BYTES("\x0a\x0dx/all.Scalars\x12\x02\x68\x01")},
      {"google.protobuf.Any", "{\"@type\":\"x/google.protobuf.Empty\",\"value\":{}}",
       BYTES("\x0a\x17x/google.protobuf.Empty")},
      PAIRS_END};
  check_encoded(others);
}

static void json_of_a_wrong_form_is_refused(void) {
  static const refusal refusals[] = {
      {"all.Known", "{\"timestamp\": 5}", 0,
       "line 1, column 15: google.protobuf.Timestamp takes a time as \"1972-01-01T10:00:20.021Z\" "
       "of the years 1 to 9999, not a number"},
      {"all.Known", "{\"timestamp\": \"today\"}", 0,
       "line 1, column 15: google.protobuf.Timestamp takes a time as \"1972-01-01T10:00:20.021Z\" "
       "of the years 1 to 9999, not today"},
      {"all.Known", "{\"duration\": \"1m\"}", 0,
       "line 1, column 14: google.protobuf.Duration takes seconds as \"-1.5s\", at most 10,000 "
       "years, not 1m"},
      {"all.Known", "{\"mask\": []}", 0,
       "line 1, column 10: google.protobuf.FieldMask takes paths as \"fooBar,baz\", not an array"},
      {"all.Known", "{\"mask\": \"a,foo_bar\"}", 0,
       "line 1, column 10: google.protobuf.FieldMask: foo_bar is no path as fooBar.baz"},
      {"all.Known", "{\"mask\": \"a,\"}", 0,
       "line 1, column 10: google.protobuf.FieldMask:  is no path as fooBar.baz"},
      {"all.Known", "{\"structure\": []}", 0,
       "line 1, column 15: google.protobuf.Struct takes an object, not an array"},
      {"all.Known", "{\"list\": {}}", 0,
       "line 1, column 10: google.protobuf.ListValue takes an array, not an object"},
      {"all.Known", "{\"value\": 1e999}", 0,
       "line 1, column 15: real number overflow near '1e999'"},
      {"all.Known", "{\"int32Value\": \"x\"}", 0,
       "line 1, column 16: value (int32): x is no number"},
      {"google.protobuf.StringValue", "null", 0,
       "line 1, column 1: value (string) takes a string, not null"},
      {"all.Known", "{\"any\": {\"a\": 1}}", 0,
       "line 1, column 9: google.protobuf.Any takes an object with a string \"@type\""},
      {"all.Known", "{\"any\": {\"@type\": 1}}", 0,
       "line 1, column 19: google.protobuf.Any takes an object with a string \"@type\""},
      {"all.Known", "{\"any\": {\"@type\": \"all.Tree\"}}", 0,
       "line 1, column 19: \"@type\" is a URL as type.googleapis.com/package.Message, not "
       "all.Tree"},
      {"all.Known", "{\"any\": {\"@type\": \"x/all.Tre\"}}", 0,
       "line 1, column 19: there is no message all.Tre: did you mean all.Tree?"},
      {"all.Known", "{\"any\": {\"@type\": \"x/all.Tree\", \"lable\": \"\"}}", 0,
       "line 1, column 33: all.Tree has no field lable: did you mean label?"},
      {"all.Known", "{\"any\": {\"@type\": \"x/google.protobuf.Duration\"}}", 0,
       "line 1, column 9: google.protobuf.Duration stands in google.protobuf.Any as \"value\", "
       "which is not there"},
      {"all.Known", "{\"any\": {\"@type\": \"x/google.protobuf.Value\", \"value\": 1, \"x\": 2}}",
       0,
       "line 1, column 58: beside \"@type\" and \"value\" of google.protobuf.Value nothing else is "
       "taken"},
      REFUSALS_END};
  check_refused(refusals);
}

static void bytes_without_a_form_are_refused(void) {
  static const refusal refusals[] = {
      {"google.protobuf.Timestamp", BYTES("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
       "google.protobuf.Timestamp of 0 seconds and -1 nanoseconds is out of its range"},
      {"google.protobuf.Duration", BYTES("\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
       "google.protobuf.Duration of 1 seconds and -1 nanoseconds is out of its range"},
      {"google.protobuf.FieldMask",
       BYTES("\x0a\x06"
             "fooBar"),
       "google.protobuf.FieldMask: fooBar has no form in JSON"},
      {"google.protobuf.FieldMask",
       BYTES("\x0a\x05"
             "a__bc"),
       "google.protobuf.FieldMask: a__bc has no form in JSON"},
      {"google.protobuf.Value", BYTES("\x11\0\0\0\0\0\0\xf8\x7f"),
       "google.protobuf.Value holds NaN or Infinity, for which it has no form in JSON"},
      {"google.protobuf.Any", BYTES("\x0a\x05x/a.B"),
       "google.protobuf.Any holds x/a.B, which the descriptors do not have"},
      {"google.protobuf.Any", BYTES("\x12\x01x"), "google.protobuf.Any holds 1 bytes of no type"},
      {"google.protobuf.StringValue", BYTES("\x0a\x01\xff"),
       "value holds bytes that are not UTF-8, for which JSON has no form"},
      REFUSALS_END};
  check_refused(refusals);
}

static const test_case cases[] = {TEST(times_and_masks_are_strings),
                                  TEST(structs_are_any_json),
                                  TEST(a_null_of_an_enum_is_its_default_and_so_not_there),
                                  TEST(wrappers_are_their_values),
                                  TEST(any_names_its_type),
                                  TEST(json_of_a_wrong_form_is_refused),
                                  TEST(bytes_without_a_form_are_refused),
                                  TESTS_END};
const test_suite tool_known_suite = {"known", cases, NULL, NULL};
