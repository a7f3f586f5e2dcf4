/*
 * fuzz_percent.c: grpc-message, coded and decoded.
 *
 * The input: which allocation fails (1 byte, 0: none), the text (1 KiB of it at most). What comes
 * out is compared with a second, simpler reading of RFC 3629 and of gRPC's percent coding.
 */
#include "lib/wire/percent.h"
#include "tests/fuzz/fuzz.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1024 };

typedef struct text {
  uint8_t *data;
  size_t len;
} text;

/* ---- the second reading ---- */

/* Length of the character at the start; 0: it is none. */
static size_t character_len(const uint8_t *at, size_t len) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (at[0] < 0x80) return 1;
  size_t count = at[0] >> 5 == 6 ? 2 : at[0] >> 4 == 14 ? 3 : at[0] >> 3 == 30 ? 4 : 0;
  if (count == 0 || count > len) return 0;
  uint32_t character = at[0] & (0x7fu >> count);
  for (size_t i = 1; i < count; i++) {
    if (at[i] >> 6 != 2) return 0;
    character = character << 6 | (at[i] & 0x3f);
  }
  bool is_surrogate = character >= 0xd800 && character < 0xe000;
  return character < least[count] || character > 0x10ffff || is_surrogate ? 0 : count;
}

/* The text with U+FFFD for each byte that is in no character. For free(). */
static text made_valid(const uint8_t *data, size_t len) {
  text out = {malloc(3 * len + 1), 0};
  FUZZ_REQUIRE(out.data);
  for (size_t at = 0, count; at < len; at += count ? count : 1) {
    count = character_len(data + at, len - at);
    const void *from = count ? (const void *)(data + at) : "\xef\xbf\xbd";
    memcpy(out.data + out.len, from, count ? count : 3);
    out.len += count ? count : 3;
  }
  return out;
}

static bool is_hex(uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/* The text without escapes. For free(). */
static text unescaped(const uint8_t *data, size_t len) {
  text out = {malloc(len + 1), 0};
  FUZZ_REQUIRE(out.data);
  for (size_t at = 0; at < len;) {
    bool is_escape =
        len - at >= 3 && data[at] == '%' && is_hex(data[at + 1]) && is_hex(data[at + 2]);
    const char digits[] = {(char)data[at + (is_escape ? 1 : 0)],
                           (char)data[at + (is_escape ? 2 : 0)], 0};
    out.data[out.len++] = is_escape ? (uint8_t)strtoul(digits, NULL, 16) : data[at];
    at += is_escape ? 3 : 1;
  }
  return out;
}

/* ---- what has to hold ---- */

static const char before[] = "before"; /* what the buffer holds already */
enum { BEFORE = sizeof before - 1 };

static bool buf_ends_with(const gmux__buf *buf, const uint8_t *data, size_t len) {
  return gmux__buf_len(buf) == BEFORE + len && memcmp(gmux__buf_data(buf), before, BEFORE) == 0 &&
         (len == 0 || memcmp(gmux__buf_data(buf) + BEFORE, data, len) == 0);
}

/* Codes or decodes behind `before` into *out. False: out of memory, and nothing was changed. */
static bool convert(gmux__buf *out, bool encode, const uint8_t *data, size_t len, uint8_t fail_at) {
  FUZZ_REQUIRE(gmux__buf_append(out, before, BEFORE) == 0);
  fuzz_forget_words();
  test_alloc_fail_at(fail_at);
  int error = encode ? gmux__percent_encode(out, (const char *)data, len)
                     : gmux__percent_decode(out, data, len);
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  FUZZ_REQUIRE(error == (has_failed ? GMUX_ERR_NOMEM : 0));
  if (!error) return true;
  FUZZ_REQUIRE(fuzz_has_words() && buf_ends_with(out, NULL, 0));
  gmux__buf_deinit(out);
  return false;
}

static void check_decode(const uint8_t *data, size_t len, const text *expected, uint8_t fail_at) {
  gmux__buf out = {0};
  if (!convert(&out, false, data, len, fail_at)) return;
  FUZZ_REQUIRE(buf_ends_with(&out, expected->data, expected->len));
  gmux__buf_deinit(&out);
}

/* Fit to be a field's value (RFC 9113 section 8.2.1). */
static void check_is_field_value(const uint8_t *data, size_t len) {
  for (size_t i = 0; i < len; i++)
    FUZZ_REQUIRE(data[i] >= 0x20 && data[i] <= 0x7e);
  FUZZ_REQUIRE(len == 0 || (data[0] != ' ' && data[len - 1] != ' '));
}

static void check_encode(const uint8_t *data, size_t len, uint8_t fail_at) {
  gmux__buf out = {0};
  if (!convert(&out, true, data, len, fail_at)) return;
  const uint8_t *coded = gmux__buf_data(&out) + BEFORE;
  size_t coded_len = gmux__buf_len(&out) - BEFORE;
  check_is_field_value(coded, coded_len);
  text valid = made_valid(data, len);
  check_decode(coded, coded_len, &valid, 0);
  free(valid.data);
  gmux__buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  fuzz_begin();
  uint8_t fail_at = fuzz_u8(&in);
  in = fuzz_take(&in, TEXT_MAX);
  text bytes = unescaped(in.data, in.len), expected = made_valid(bytes.data, bytes.len);
  check_decode(in.data, in.len, &expected, fail_at);
  check_encode(in.data, in.len, fail_at);
  free(bytes.data);
  free(expected.data);
  return fuzz_end();
}
