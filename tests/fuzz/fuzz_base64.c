/*
 * fuzz_base64.c: base64 decoding and encoding.
 *
 * The input is the text. It is also taken as bytes to encode.
 */
#include "lib/wire/base64.h"
#include "tests/fuzz/fuzz.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

/* Encoded and decoded again it is what it was. */
static void check_encoding(const uint8_t *data, size_t size) {
  size_t text_len = gmux__base64_encoded_len(size);
  char *text = malloc(text_len + 1);
  uint8_t *back = malloc(gmux__base64_decoded_max(text_len) + 1);
  FUZZ_REQUIRE(text && back);
  text[text_len] = '#'; /* nothing is written behind the end */
  gmux__base64_encode(text, data, size);
  FUZZ_REQUIRE(text[text_len] == '#');

  size_t back_len = 0;
  FUZZ_REQUIRE(gmux__base64_decode(back, &back_len, (const uint8_t *)text, text_len) == 0);
  FUZZ_REQUIRE(back_len == size && memcmp(back, data, size) == 0);
  free(text);
  free(back);
}

/* Whole groups of four, of which the last may lack digits or have "=" in their place. */
static bool is_base64(const uint8_t *data, size_t size) {
  char *text = fuzz_string((fuzz_input){data, size});
  size_t digits = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
  size_t padding = strspn(text + digits, "=");
  bool ends_well = padding == 0 || (padding <= 2 && (digits + padding) % 4 == 0);
  free(text);
  return digits + padding == size && digits % 4 != 1 && ends_well;
}

/* What was decoded has one encoding, and that decodes to the same. */
static void check_decoding(const uint8_t *data, size_t size) {
  size_t max = gmux__base64_decoded_max(size), len = SIZE_MAX;
  uint8_t *out = malloc(max ? max : 1); /* exactly the bound that was promised */
  FUZZ_REQUIRE(out);
  int error = gmux__base64_decode(out, &len, data, size);
  FUZZ_REQUIRE((error == 0) == is_base64(data, size));
  if (error) {
    FUZZ_REQUIRE(error == GMUX_ERR_PROTOCOL && fuzz_has_words() && len == SIZE_MAX);
  } else {
    FUZZ_REQUIRE(len <= max);
    check_encoding(out, len);
  }
  free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_begin();
  check_decoding(data, size);
  check_encoding(data, size);
  return fuzz_end();
}
