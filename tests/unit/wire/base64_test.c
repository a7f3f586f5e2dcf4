/* base64_test.c: RFC 4648 section 4, with and without padding. */
#include "lib/wire/base64.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

/* RFC 4648 section 10, without the padding that we do not write. */
static const struct {
  const char *bytes, *text, *padded;
} vectors[] = {{"", "", ""},
               {"f", "Zg", "Zg=="},
               {"fo", "Zm8", "Zm8="},
               {"foo", "Zm9v", "Zm9v"},
               {"foob", "Zm9vYg", "Zm9vYg=="},
               {"fooba", "Zm9vYmE", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
               {"\xfb\xff\xfe", "+//+", "+//+"}};
enum { VECTORS = sizeof vectors / sizeof *vectors };

/* Decodes into memory of exactly the size that _decoded_max names, so that a sanitizer sees more.
 */
static int decode(const char *text, size_t len, uint8_t **out, size_t *out_len) {
  size_t max = gmux__base64_decoded_max(len);
  *out = malloc(max ? max : 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(*out);
  int error = gmux__base64_decode(*out, out_len, (const uint8_t *)text, len);
  if (error) free(*out);
  return error;
}

static bool decodes_to(const char *text, const char *bytes) {
  uint8_t *out;
  size_t len;
  if (decode(text, strlen(text), &out, &len)) return false;
  bool same = len == strlen(bytes) && memcmp(out, bytes, len) == 0;
  free(out);
  return same;
}

static void the_rfcs_vectors_encode_without_padding(void) {
  for (int i = 0; i < VECTORS; i++) {
    char out[16] = "________";
    size_t len = strlen(vectors[i].text);
    CU_ASSERT_EQUAL(gmux__base64_encoded_len(strlen(vectors[i].bytes)), len);
    gmux__base64_encode(out, (const uint8_t *)vectors[i].bytes, strlen(vectors[i].bytes));
    CU_ASSERT_EQUAL(memcmp(out, vectors[i].text, len), 0);
    CU_ASSERT_EQUAL(out[len], len < 8 ? '_' : '\0');
  }
}

static void the_rfcs_vectors_decode_padded_and_unpadded(void) {
  for (int i = 0; i < VECTORS; i++) {
    CU_ASSERT_TRUE(decodes_to(vectors[i].text, vectors[i].bytes));
    CU_ASSERT_TRUE(decodes_to(vectors[i].padded, vectors[i].bytes));
  }
}

static void all_bytes_of_all_lengths_come_back(void) {
  uint8_t bytes[300];
  char text[400];
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * 167 + i / 256);
  for (size_t len = 0; len <= sizeof bytes; len++) {
    gmux__base64_encode(text, bytes, len);
    uint8_t *out;
    size_t out_len;
    CU_ASSERT_EQUAL_FATAL(decode(text, gmux__base64_encoded_len(len), &out, &out_len), 0);
    CU_ASSERT_EQUAL(out_len, len);
    CU_ASSERT_EQUAL(memcmp(out, bytes, len), 0);
    free(out);
  }
}

static void every_byte_that_is_no_digit_is_refused_at_every_place(void) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int byte = 0; byte < 256; byte++) {
    bool is_digit = byte != 0 && strchr(digits, byte);
    for (size_t at = 0; at < 4; at++) {
      char text[5] = "AAAA";
      text[at] = (char)byte;
      uint8_t *out;
      size_t len;
      int error = decode(text, 4, &out, &len);
      bool is_padding = byte == '=' && at == 3;
      CU_ASSERT_EQUAL(error, is_digit || is_padding ? 0 : GMUX_ERR_PROTOCOL);
      if (!error) free(out);
    }
  }
}

static void wrong_lengths_and_paddings_are_refused(void) {
  static const char *const wrong[] = {"A",    "AAAAA", "=",     "==",       "====",   "A===",
                                      "AA=",  "AAA==", "AAAA=", "AAAA====", "AA==AA", "A=AA",
                                      "=AAA", "AA=A",  "AA A",  "AA\n=",    "AA-_"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CU_ASSERT_FALSE(decodes_to(wrong[i], ""));
}

static void the_sentence_says_where(void) {
  uint8_t out[8];
  size_t len = 77;
  CU_ASSERT_EQUAL(gmux__base64_decode(out, &len, (const uint8_t *)"AAAA!A", 6), GMUX_ERR_PROTOCOL);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "byte 0x21 at position 4 is not base64");
  CU_ASSERT_EQUAL(len, 77);
}

static void unused_bits_of_the_last_digit_are_not_looked_at(void) {
  CU_ASSERT_TRUE(decodes_to("Zh", "f"));
  CU_ASSERT_TRUE(decodes_to("Zm9=", "fo"));
}

static const test_case cases[] = {TEST(the_rfcs_vectors_encode_without_padding),
                                  TEST(the_rfcs_vectors_decode_padded_and_unpadded),
                                  TEST(all_bytes_of_all_lengths_come_back),
                                  TEST(every_byte_that_is_no_digit_is_refused_at_every_place),
                                  TEST(wrong_lengths_and_paddings_are_refused),
                                  TEST(the_sentence_says_where),
                                  TEST(unused_bits_of_the_last_digit_are_not_looked_at),
                                  TESTS_END};
const test_suite wire_base64_suite = {"base64", cases, NULL, NULL};
