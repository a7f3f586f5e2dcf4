/* timeout_test.c: grpc-timeout. */
#include "lib/wire/timeout.h"
#include "tests/unit/harness.h"
#include <string.h>

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)
#define M  (60 * S)
#define H  (3600 * S)

static const uint64_t units[] = {1, US, MS, S, M, H};

static const char *formatted(uint64_t ns) {
  static char text[GMUX__TIMEOUT_TEXT];
  memset(text, 'x', sizeof text);
  size_t len = gmux__timeout_format(text, ns);
  CU_ASSERT_TRUE_FATAL(len < sizeof text);
  CU_ASSERT_EQUAL(text[len], '\0');
  CU_ASSERT_EQUAL(strlen(text), len);
  return text;
}

/* Of a string whose end is the end of its memory but for the zero. */
static bool parses_to(const char *text, uint64_t expected) {
  uint64_t ns = 0xdead;
  return gmux__timeout_parse((const uint8_t *)text, strlen(text), &ns) && ns == expected;
}

static void the_finest_unit_that_fits_is_taken(void) {
  static const struct {
    uint64_t ns;
    const char *text;
  } rows[] = {{0, "0n"},
              {1, "1n"},
              {99999999, "99999999n"},
              {100000000, "100000u"},
              {S, "1000000u"},
              {99999999 * US, "99999999u"},
              {99999999 * US + 999, "99999999u"},
              {100000000 * US, "100000m"},
              {99999999 * MS + MS - 1, "99999999m"},
              {100000000 * MS, "100000S"},
              {99999999 * S + S - 1, "99999999S"},
              {100000000 * S, "1666666M"},
              {99999999 * M + M - 1, "99999999M"},
              {100000000 * M, "1666666H"},
              {UINT64_MAX, "5124095H"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    CU_ASSERT_STRING_EQUAL(formatted(rows[i].ns), rows[i].text);
}

/* Around each power of ten and of two, and each unit's multiples. */
static void check_never_later(uint64_t ns) {
  uint64_t back;
  const char *text = formatted(ns);
  CU_ASSERT_TRUE_FATAL(gmux__timeout_parse((const uint8_t *)text, strlen(text), &back));
  CU_ASSERT_TRUE(back <= ns);
  CU_ASSERT_TRUE(ns - back <= ns / 100000); /* and hardly earlier: 8 digits, units 1000 apart */
}

static void the_peers_deadline_is_never_later_than_ours(void) {
  for (uint64_t power = 1; power <= UINT64_MAX / 10; power *= 10)
    for (uint64_t near = 0; near < 5; near++)
      check_never_later(power * 9 + near - 2);
  for (int bit = 1; bit < 64; bit++)
    for (uint64_t near = 0; near < 5; near++)
      check_never_later((UINT64_C(1) << bit) + near - 2);
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    for (uint64_t near = 0; near < 5; near++)
      if (units[i] <= UINT64_MAX / 100000000) check_never_later(units[i] * 100000000 + near - 2);
}

static void every_unit_and_number_of_digits_is_understood(void) {
  static const char names[] = "numSMH";
  for (size_t u = 0; u < 6; u++) {
    char text[GMUX__TIMEOUT_TEXT] = "";
    uint64_t value = 0;
    for (size_t digits = 1; digits <= 8; digits++) {
      text[digits - 1] = (char)('0' + digits);
      text[digits] = names[u];
      value = value * 10 + digits;
      bool fits = value <= UINT64_MAX / units[u];
      CU_ASSERT_TRUE(parses_to(text, fits ? value * units[u] : UINT64_MAX));
    }
  }
  CU_ASSERT_TRUE(parses_to("0H", 0));
  CU_ASSERT_TRUE(parses_to("00000007S", 7 * S));
}

static void more_nanoseconds_than_64_bits_hold_are_the_most(void) {
  CU_ASSERT_TRUE(parses_to("5124095H", 5124095 * H));
  CU_ASSERT_TRUE(parses_to("5124096H", UINT64_MAX));
  CU_ASSERT_TRUE(parses_to("99999999H", UINT64_MAX));
  CU_ASSERT_TRUE(parses_to("99999999M", 99999999 * M));
}

static void what_is_malformed_is_refused(void) {
  static const char *const wrong[] = {
      "",     "S",  "1",  "n1", "123456789n", "000000001S", "-1S", "+1S", " 1S",  "1 S", "1S ",
      "1.5S", "1s", "1h", "1N", "1U",         "1ms",        "1SS", "1x",  "0x1S", "1:S", "1/S"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    uint64_t ns = 77;
    CU_ASSERT_FALSE(gmux__timeout_parse((const uint8_t *)wrong[i], strlen(wrong[i]), &ns));
    CU_ASSERT_EQUAL(ns, 77);
  }
  uint64_t ns;
  CU_ASSERT_FALSE(gmux__timeout_parse((const uint8_t *)"1\0S", 3, &ns));
  CU_ASSERT_FALSE(gmux__timeout_parse(NULL, 0, &ns));
}

static void any_byte_but_six_is_no_unit(void) {
  for (int byte = 0; byte < 256; byte++) {
    const uint8_t text[] = {'1', (uint8_t)byte};
    uint64_t ns;
    CU_ASSERT_EQUAL(gmux__timeout_parse(text, 2, &ns), byte != 0 && strchr("numSMH", byte) != NULL);
  }
}

static const test_case cases[] = {TEST(the_finest_unit_that_fits_is_taken),
                                  TEST(the_peers_deadline_is_never_later_than_ours),
                                  TEST(every_unit_and_number_of_digits_is_understood),
                                  TEST(more_nanoseconds_than_64_bits_hold_are_the_most),
                                  TEST(what_is_malformed_is_refused),
                                  TEST(any_byte_but_six_is_no_unit),
                                  TESTS_END};
const test_suite wire_timeout_suite = {"timeout", cases, NULL, NULL};
