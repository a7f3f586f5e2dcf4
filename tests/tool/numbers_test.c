/* numbers_test.c: numbers and times in words. */
#include "tests/unit/harness.h"
#include "tools/gmux/moment.h"
#include "tools/gmux/number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static number_result read_int(const char *text, int64_t *value) {
  return number_read_int(text, strlen(text), INT64_MIN, INT64_MAX, value);
}

static void check_int(const char *text, int64_t expected) {
  int64_t value = 0;
  CU_ASSERT_EQUAL(read_int(text, &value), NUMBER_OK);
  CU_ASSERT_EQUAL(value, expected);
}

static void an_integer_is_exact_in_any_notation(void) {
  check_int("0", 0);
  check_int("-0", 0);
  check_int("0e999999999999", 0);
  check_int("9223372036854775807", INT64_MAX);
  check_int("-9223372036854775808", INT64_MIN);
  check_int("1e5", 100000);
  check_int("1.5E1", 15);
  check_int("100.00", 100);
  check_int("1200e-2", 12);
  check_int("9007199254740993", 9007199254740993); /* no double */
}

static void what_is_no_integer_says_why(void) {
  static const struct {
    const char *text;
    number_result result;
  } wrong[] = {{"1.5", NUMBER_FRACTION},
               {"1e-1", NUMBER_FRACTION},
               {"1e-999999999999", NUMBER_FRACTION},
               {"9223372036854775808", NUMBER_RANGE},
               {"-9223372036854775809", NUMBER_RANGE},
               {"1e19", NUMBER_RANGE},
               {"1e999999999999", NUMBER_RANGE},
               {"", NUMBER_MALFORMED},
               {"-", NUMBER_MALFORMED},
               {"+1", NUMBER_MALFORMED},
               {"01", NUMBER_MALFORMED},
               {" 1", NUMBER_MALFORMED},
               {"1 ", NUMBER_MALFORMED},
               {"1.", NUMBER_MALFORMED},
               {".5", NUMBER_MALFORMED},
               {"1e", NUMBER_MALFORMED},
               {"1e+", NUMBER_MALFORMED},
               {"0x10", NUMBER_MALFORMED}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    int64_t value;
    CU_ASSERT_EQUAL(read_int(wrong[i].text, &value), wrong[i].result);
  }
}

static void unsigned_ones_have_all_their_bits(void) {
  uint64_t value = 0;
  CU_ASSERT_EQUAL(number_read_uint("18446744073709551615", 20, UINT64_MAX, &value), NUMBER_OK);
  CU_ASSERT_EQUAL(value, UINT64_MAX);
  CU_ASSERT_EQUAL(number_read_uint("18446744073709551616", 20, UINT64_MAX, &value), NUMBER_RANGE);
  CU_ASSERT_EQUAL(number_read_uint("4294967296", 10, UINT32_MAX, &value), NUMBER_RANGE);
  CU_ASSERT_EQUAL(number_read_uint("-1", 2, UINT64_MAX, &value), NUMBER_RANGE);
  CU_ASSERT_EQUAL(number_read_uint("-0", 2, UINT64_MAX, &value), NUMBER_OK);
}

static void check_double(double value, const char *digits) {
  char out[NUMBER_ROOM];
  double back = 0;
  number_write_double(out, value);
  CU_ASSERT_STRING_EQUAL(out, digits);
  CU_ASSERT_EQUAL(number_read_double(out, strlen(out), &back), NUMBER_OK);
  CU_ASSERT_EQUAL(memcmp(&back, &value, sizeof value), 0);
}

static void check_float(float value, const char *digits) {
  char out[NUMBER_ROOM];
  float back = 0;
  number_write_float(out, value);
  CU_ASSERT_STRING_EQUAL(out, digits);
  CU_ASSERT_EQUAL(number_read_float(out, strlen(out), &back), NUMBER_OK);
  CU_ASSERT_EQUAL(memcmp(&back, &value, sizeof value), 0);
}

static void floats_have_as_few_digits_as_read_back_the_same(void) {
  check_double(0.1, "0.1");
  check_double(-0.0, "-0.0");
  check_double(0, "0");
  check_double(1e23, "1e+23");
  check_double(DBL_MAX, "1.7976931348623157e+308");
  check_double(5e-324, "5e-324");
  check_double(0.1 + 0.2, "0.30000000000000004");
  check_float(0.1f, "0.1");
  check_float(16777216.0f, "16777216");
  check_float(1e-45f, "1e-45");
  check_float(FLT_MAX, "3.4028235e+38");
}

static void too_large_a_float_is_refused(void) {
  float small;
  double large;
  CU_ASSERT_EQUAL(number_read_float("3.5e38", 6, &small), NUMBER_RANGE);
  CU_ASSERT_EQUAL(number_read_double("3.5e38", 6, &large), NUMBER_OK);
  CU_ASSERT_EQUAL(number_read_double("-1.8e308", 8, &large), NUMBER_RANGE);
  CU_ASSERT_EQUAL(number_read_double("NaN", 3, &large), NUMBER_MALFORMED);
  CU_ASSERT_EQUAL(number_read_double("0x1p3", 5, &large), NUMBER_MALFORMED);
}

/* ---- times ---- */

static void each_day_of_all_years_comes_back(void) {
  for (int64_t day = -719162; day <= 2932896; day += 97) {
    moment m = {.seconds = day * 86400 + 86399, .nanos = 1}, back = {0};
    char words[MOMENT_ROOM];
    CU_ASSERT_TRUE_FATAL(timestamp_write(words, m));
    CU_ASSERT_TRUE_FATAL(timestamp_read(words, strlen(words), &back));
    CU_ASSERT_TRUE_FATAL(back.seconds == m.seconds && back.nanos == 1);
  }
}

static void check_timestamp(const char *text, int64_t seconds, int32_t nanos, const char *written) {
  moment m = {0};
  char words[MOMENT_ROOM] = "";
  CU_ASSERT_TRUE(timestamp_read(text, strlen(text), &m));
  CU_ASSERT_EQUAL(m.seconds, seconds);
  CU_ASSERT_EQUAL(m.nanos, nanos);
  CU_ASSERT_TRUE(timestamp_write(words, m));
  CU_ASSERT_STRING_EQUAL(words, written);
}

static void timestamps_are_of_rfc_3339(void) {
  check_timestamp("1970-01-01T00:00:00Z", 0, 0, "1970-01-01T00:00:00Z");
  check_timestamp("0001-01-01T00:00:00Z", -62135596800, 0, "0001-01-01T00:00:00Z");
  check_timestamp("9999-12-31T23:59:59.999999999Z", 253402300799, 999999999,
                  "9999-12-31T23:59:59.999999999Z");
  check_timestamp("2000-02-29T12:00:00.5+01:30", 951820200, 500000000, "2000-02-29T10:30:00.500Z");
  check_timestamp("1969-12-31T23:59:59.000001Z", -1, 1000, "1969-12-31T23:59:59.000001Z");
  check_timestamp("1969-12-31T20:00:00-08:00", 14400, 0, "1970-01-01T04:00:00Z");
}

static void what_is_no_timestamp_is_refused(void) {
  static const char *const wrong[] = {
      "",
      "1970-01-01",
      "1970-01-01T00:00:00",
      "1970-01-01t00:00:00Z",
      "1970-01-01T00:00:00z",
      "1970-01-01 00:00:00Z",
      "1970-13-01T00:00:00Z",
      "1970-00-01T00:00:00Z",
      "1900-02-29T00:00:00Z",
      "1970-01-01T24:00:00Z",
      "1970-01-01T00:60:00Z",
      "1970-01-01T00:00:60Z",
      "1970-01-01T00:00:00.Z",
      "1970-01-01T00:00:00.0123456789Z",
      "1970-01-01T00:00:00+1:00",
      "1970-01-01T00:00:00Z ",
      "0000-01-01T00:00:00Z",
      "10000-01-01T00:00:00Z",
      "0001-01-01T00:00:00+00:01",
      "9999-12-31T23:59:59-00:01",
  };
  moment m;
  char words[MOMENT_ROOM];
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CU_ASSERT_FALSE(timestamp_read(wrong[i], strlen(wrong[i]), &m));
  CU_ASSERT_FALSE(timestamp_write(words, (moment){253402300800, 0}));
  CU_ASSERT_FALSE(timestamp_write(words, (moment){0, -1}));
  CU_ASSERT_FALSE(timestamp_write(words, (moment){0, 1000000000}));
}

static void check_duration(const char *text, int64_t seconds, int32_t nanos, const char *written) {
  moment m = {0};
  char words[MOMENT_ROOM] = "";
  CU_ASSERT_TRUE(duration_read(text, strlen(text), &m));
  CU_ASSERT_EQUAL(m.seconds, seconds);
  CU_ASSERT_EQUAL(m.nanos, nanos);
  CU_ASSERT_TRUE(duration_write(words, m));
  CU_ASSERT_STRING_EQUAL(words, written);
}

static void durations_are_seconds(void) {
  check_duration("0s", 0, 0, "0s");
  check_duration("1.5s", 1, 500000000, "1.500s");
  check_duration("-0.000000001s", 0, -1, "-0.000000001s");
  check_duration("-315576000000.999999999s", -315576000000, -999999999, "-315576000000.999999999s");
}

static void what_is_no_duration_is_refused(void) {
  static const char *const wrong[] = {"",
                                      "s",
                                      "1",
                                      "1.s",
                                      ".5s",
                                      "+1s",
                                      "1 s",
                                      "1sx",
                                      "1.0000000000s",
                                      "315576000001s",
                                      "--1s",
                                      "99999999999999999999s"};
  moment m;
  char words[MOMENT_ROOM];
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CU_ASSERT_FALSE(duration_read(wrong[i], strlen(wrong[i]), &m));
  CU_ASSERT_FALSE(duration_write(words, (moment){1, -1}));
  CU_ASSERT_FALSE(duration_write(words, (moment){-1, 1}));
  CU_ASSERT_FALSE(duration_write(words, (moment){INT64_MIN, 0}));
}

static const test_case cases[] = {TEST(an_integer_is_exact_in_any_notation),
                                  TEST(what_is_no_integer_says_why),
                                  TEST(unsigned_ones_have_all_their_bits),
                                  TEST(floats_have_as_few_digits_as_read_back_the_same),
                                  TEST(too_large_a_float_is_refused),
                                  TEST(each_day_of_all_years_comes_back),
                                  TEST(timestamps_are_of_rfc_3339),
                                  TEST(what_is_no_timestamp_is_refused),
                                  TEST(durations_are_seconds),
                                  TEST(what_is_no_duration_is_refused),
                                  TESTS_END};
const test_suite tool_numbers_suite = {"numbers", cases, NULL, NULL};
