/* text_test.c: short texts put together in a buffer. */
#include "lib/base/text.h"
#include "tests/unit/harness.h"
#include <string.h>

enum { SIZE = 32 };
static char buf[SIZE];
static gmux__text text;

static void setup(void) {
  memset(buf, '#', sizeof buf);
  gmux__text_begin(&text, buf, sizeof buf);
}

static void a_text_begins_empty(void) {
  CU_ASSERT_STRING_EQUAL(buf, "");
}

static void what_is_added_stands_in_a_row(void) {
  gmux__text_add(&text, "ipv4:");
  gmux__text_add_bytes(&text, "127.0.0.1:xyz", 10);
  gmux__text_add_number(&text, 50051);
  gmux__text_add(&text, "");
  CU_ASSERT_STRING_EQUAL(buf, "ipv4:127.0.0.1:50051");
}

static void numbers_reach_from_zero_to_the_largest(void) {
  gmux__text_add_number(&text, 0);
  gmux__text_add(&text, " ");
  gmux__text_add_number(&text, 1000);
  gmux__text_add(&text, " ");
  gmux__text_add_number(&text, UINT64_MAX);
  CU_ASSERT_STRING_EQUAL(buf, "0 1000 18446744073709551615");
}

/* The byte behind the buffer is looked at, too. */
static void what_has_no_room_is_cut_off(void) {
  for (size_t size = 1; size < SIZE; size++) {
    setup();
    gmux__text_begin(&text, buf, size);
    gmux__text_add(&text, "0123456789abcdef");
    gmux__text_add_number(&text, 1234567890123456);
    CU_ASSERT_EQUAL(strlen(buf), size - 1);
    CU_ASSERT_EQUAL(memcmp(buf, "0123456789abcdef1234567890123456", size - 1), 0);
    CU_ASSERT_EQUAL(buf[size], '#');
  }
}

static const test_case cases[] = {TEST(a_text_begins_empty), TEST(what_is_added_stands_in_a_row),
                                  TEST(numbers_reach_from_zero_to_the_largest),
                                  TEST(what_has_no_room_is_cut_off), TESTS_END};
const test_suite base_text_suite = {"text", cases, setup, NULL};
