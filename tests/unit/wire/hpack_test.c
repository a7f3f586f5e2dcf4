/* hpack_test.c: header blocks, byte by byte. That nghttp2 reads them as they were meant is tested
 * in tests/unit/h2/draft_test.c. */
#include "lib/wire/hpack.h"
#include "lib/wire/huffman.h"
#include "tests/unit/harness.h"
#include "tests/unit/memory.h"
#include <string.h>

static gmux__hpack hpack;
static uint8_t block[8192];

static gmux__field field_of(const char *name, const char *value) {
  return (gmux__field){.name = (const uint8_t *)name,
                       .value = (const uint8_t *)value,
                       .name_len = strlen(name),
                       .value_len = strlen(value)};
}

static gmux__field steady(const char *name, const char *value) {
  gmux__field field = field_of(name, value);
  field.is_name_lasting = field.is_value_lasting = true;
  gmux__field_prepare(&field);
  return field;
}

static bool encodes_to(gmux__field field, const void *bytes, size_t len) {
  size_t n = gmux__hpack_encode(&hpack, block, &field, 1);
  return n == len && memcmp(block, bytes, len) == 0;
}

#define ENCODES(field, text) CU_ASSERT_TRUE(encodes_to(field, text, sizeof(text) - 1))

static void set_up(void) {
  gmux__hpack_init(&hpack);
}

static void tear_down(void) {
  gmux__hpack_deinit(&hpack);
}

static void a_steady_field_is_added_once_and_an_index_from_then_on(void) {
  ENCODES(steady("te", "trailers"), "\x40\x02te\x08trailers");
  ENCODES(steady("te", "trailers"), "\xbe");
  ENCODES(steady(":path", "/a"), "\x44\x02/a"); /* the name is one of appendix A */
  ENCODES(steady("te", "trailers"), "\xbf");
  ENCODES(steady(":path", "/a"), "\xbe");
  ENCODES(steady(":path", "/b"), "\x44\x02/b"); /* paths do not push out each other */
  ENCODES(steady(":path", "/a"), "\xbf");
}

static void a_steady_field_is_found_by_its_text_too(void) {
  char path[] = "/pkg.Service/Method";
  gmux__field field = steady(":path", path);
  field.is_value_lasting = false;
  ENCODES(field, "\x44\x13/pkg.Service/Method");
  memset(path, 'x', sizeof path - 1); /* the entry has a copy */
  ENCODES(steady(":path", "/pkg.Service/Method"), "\xbe");
}

static void a_field_of_the_static_table_is_never_added(void) {
  gmux__field field = steady(":method", "POST");
  field.static_index = 3;
  ENCODES(field, "\x83");
  CU_ASSERT_EQUAL(hpack.bytes, 0);
}

static void a_value_that_changes_is_added_only_when_it_comes_twice(void) {
  ENCODES(field_of("id", "1"), "\x40\x02id\x01"
                               "1");
  ENCODES(field_of("id", "1"), "\xbe");
  ENCODES(field_of("id", "2"), "\x0f\x2f\x01"
                               "2"); /* 15 + 47: the name of entry 62 */
  ENCODES(field_of("id", "3"), "\x0f\x2f\x01"
                               "3");
  ENCODES(field_of("id", "3"), "\x7e\x01"
                               "3"); /* added, with the name of entry 62 */
  ENCODES(field_of("id", "3"), "\xbe");
  ENCODES(field_of("id", "1"), "\xbf");
}

static void values_that_never_come_again_push_nothing_out(void) {
  ENCODES(steady("te", "trailers"), "\x40\x02te\x08trailers");
  for (int i = 0; i < 10000; i++) {
    char text[16];
    snprintf(text, sizeof text, "%d", i);
    gmux__field field = field_of("id", text);
    gmux__hpack_encode(&hpack, block, &field, 1);
  }
  ENCODES(steady("te", "trailers"), "\xbf");
}

static void long_values_that_change_do_not_push_each_other_out(void) {
  static char one[2000], other[2000];
  ENCODES(steady("te", "trailers"), "\x40\x02te\x08trailers");
  for (int i = 0; i < 10; i++) {
    memset(one, 'a' + i, sizeof one - 1);
    memset(other, 'k' + i, sizeof other - 1);
    gmux__field fields[] = {field_of("first", one), field_of("second", other)};
    gmux__hpack_encode(&hpack, block, fields, 2);
  }
  CU_ASSERT_EQUAL(hpack.added, 2); /* te, and the first of `first`, for which there was room */
  ENCODES(steady("te", "trailers"), "\xbf");
}

static void credentials_are_never_added(void) {
  for (int i = 0; i < 2; i++) {
    ENCODES(field_of("authorization", "x"), "\x1f\x08\x01x");
    ENCODES(field_of("cookie", "x"), "\x1f\x11\x01x");
    ENCODES(field_of("proxy-authorization", "x"), "\x10\x13proxy-authorization\x01x");
  }
  CU_ASSERT_EQUAL(hpack.bytes, 0);
  ENCODES(field_of("cookies", "x"), "\x40\x07"
                                    "cookies\x01x");
}

static void what_would_fill_the_table_is_not_added(void) {
  static char value[3072];              /* with its overhead more than three quarters */
  memset(value, '~', sizeof value - 1); /* longer in Huffman's code */
  gmux__field field = field_of("big", value);
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(gmux__hpack_encode(&hpack, block, &field, 1), 1 + 4 + 3 + 3071);
    CU_ASSERT_EQUAL(memcmp(block,
                           "\x00\x03"
                           "big\x7f\x80\x17~",
                           9),
                    0); /* 127 + 0 + 23 * 128 */
  }
  CU_ASSERT_EQUAL(hpack.bytes, 0);
}

static void the_oldest_leave_when_the_table_is_full(void) {
  char value[1000];
  memset(value, 'v', sizeof value);
  value[sizeof value - 1] = '\0';
  ENCODES(steady("te", "trailers"), "\x40\x02te\x08trailers");
  for (char name[] = "a"; name[0] <= 'd'; name[0]++) { /* 4 times 1,032 */
    gmux__field field = field_of(name, value);
    gmux__hpack_encode(&hpack, block, &field, 1);
    CU_ASSERT_TRUE(hpack.bytes <= GMUX__HPACK_TABLE_BYTES);
  }
  ENCODES(field_of("d", value), "\xbe");
  ENCODES(field_of("b", value), "\xc0");
  ENCODES(steady("te", "trailers"), "\x40\x02te\x08trailers"); /* pushes nothing out: it fits */
  ENCODES(field_of("b", value), "\xc1");
}

static void a_smaller_table_is_told_first_and_stays_small(void) {
  ENCODES(steady("te", "trailers"), "\x40\x02te\x08trailers");
  gmux__hpack_set_limit(&hpack, 100);
  gmux__hpack_set_limit(&hpack, 60);
  gmux__hpack_set_limit(&hpack, 4096);
  ENCODES(steady("te", "trailers"), "\x3f\x1d\xbe"); /* 31 + 29 */
  ENCODES(steady("te", "trailers"), "\xbe");
  gmux__hpack_set_limit(&hpack, 41);
  ENCODES(steady("te", "trailers"), "\x3f\x0a\x00\x02te\x08trailers");
  gmux__hpack_set_limit(&hpack, 0);
  ENCODES(steady("te", "trailers"), "\x20\x00\x02te\x08trailers");
}

static void without_memory_a_field_is_sent_and_not_added(void) {
  test_alloc_fail_at(1);
  ENCODES(steady("te", "trailers"), "\x00\x02te\x08trailers");
  CU_ASSERT_TRUE(test_alloc_has_failed());
  ENCODES(steady("te", "trailers"), "\x40\x02te\x08trailers");
}

static void a_block_is_not_longer_than_its_bound(void) {
  static char name[500], value[70000];
  memset(name, '~', sizeof name - 1);
  memset(value, '~', sizeof value - 1);
  static uint8_t out[80000];
  gmux__hpack_set_limit(&hpack, 1000);
  gmux__field fields[] = {field_of(name, value), field_of("", ""), field_of("a", "")};
  size_t strings = sizeof name + sizeof value - 2 + 1;
  CU_ASSERT_TRUE(gmux__hpack_encode(&hpack, out, fields, 3) <= gmux__hpack_bound(3, strings));
}

/* RFC 7541 appendix C.4.1 and C.6.1. */
static void huffmans_code_is_that_of_the_rfc(void) {
  uint8_t out[64];
  static const struct {
    const char *text, *code;
  } known[] = {{"www.example.com", "\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"},
               {"private", "\xae\xc3\x77\x1a\x4b"},
               {"https://www.example.com",
                "\x9d\x29\xad\x17\x18\x63\xc7\x8f\x0b\x97\xc8\xe9\xae\x82\xae\x43\xd3"}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    const uint8_t *text = (const uint8_t *)known[i].text;
    size_t len = strlen(known[i].text), coded = strlen(known[i].code);
    CU_ASSERT_EQUAL(gmux__huffman_len(text, len), coded);
    CU_ASSERT_EQUAL(gmux__huffman_put(out, text, len) - out, (ptrdiff_t)coded);
    CU_ASSERT_EQUAL(memcmp(out, known[i].code, coded), 0);
  }
}

static void a_long_value_is_sent_in_huffmans_code_where_that_is_shorter(void) {
  char value[201] = "";
  memset(value, 'a', 200); /* of 5 bits: 125 bytes */
  gmux__field field = field_of("id", value);
  CU_ASSERT_EQUAL(gmux__hpack_encode(&hpack, block, &field, 1), 1 + 3 + 1 + 125);
  CU_ASSERT_EQUAL(memcmp(block, "\x40\x02id\xfd", 5), 0); /* 128 + 125 */
}

static const test_case cases[] = {TEST(a_steady_field_is_added_once_and_an_index_from_then_on),
                                  TEST(a_steady_field_is_found_by_its_text_too),
                                  TEST(a_field_of_the_static_table_is_never_added),
                                  TEST(a_value_that_changes_is_added_only_when_it_comes_twice),
                                  TEST(values_that_never_come_again_push_nothing_out),
                                  TEST(long_values_that_change_do_not_push_each_other_out),
                                  TEST(credentials_are_never_added),
                                  TEST(what_would_fill_the_table_is_not_added),
                                  TEST(the_oldest_leave_when_the_table_is_full),
                                  TEST(a_smaller_table_is_told_first_and_stays_small),
                                  TEST(without_memory_a_field_is_sent_and_not_added),
                                  TEST(a_block_is_not_longer_than_its_bound),
                                  TEST(huffmans_code_is_that_of_the_rfc),
                                  TEST(a_long_value_is_sent_in_huffmans_code_where_that_is_shorter),
                                  TESTS_END};
const test_suite wire_hpack_suite = {"hpack", cases, set_up, tear_down};
