/* percent.c: grpc-message. */
#include "lib/wire/percent.h"
#include "lib/base/fail.h"
#include <stdbool.h>

enum { UTF8_MAX = 4 };

static const uint8_t replacement[] = {0xef, 0xbf, 0xbd}; /* U+FFFD in UTF-8 */

/* The second byte of a sequence has a narrower range than 80..BF after four leads (RFC 3629 section
 * 4): that keeps out overlong forms, surrogates and what is above U+10FFFF. */
static bool utf8_is_second(uint8_t lead, uint8_t byte) {
  uint8_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint8_t most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  return byte >= least && byte <= most;
}

static size_t utf8_length_by_lead(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0; /* a continuation byte; C0 and C1 could only be overlong */
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

/* Length of the character at the start of text[0..len), len > 0; 0 when it is not valid UTF-8. */
static size_t utf8_sequence(const uint8_t *text, size_t len) {
  size_t length = utf8_length_by_lead(text[0]);
  if (length > len) return 0;
  if (length > 1 && !utf8_is_second(text[0], text[1])) return 0;
  for (size_t i = 2; i < length; i++)
    if ((text[i] & 0xc0) != 0x80) return 0;
  return length;
}

static int buf_escape(gmux__buf *out, const uint8_t *bytes, size_t count) {
  static const char hex[] = "0123456789ABCDEF";
  for (size_t i = 0; i < count; i++) {
    const char escape[] = {'%', hex[bytes[i] >> 4], hex[bytes[i] & 15]};
    int error = gmux__buf_append(out, escape, sizeof escape);
    if (error) return error;
  }
  return 0;
}

static bool is_plain(const uint8_t *text, size_t len, size_t i) {
  if (text[i] == ' ') return i > 0 && i < len - 1;
  return text[i] > 0x20 && text[i] < 0x7f && text[i] != '%';
}

static int encode_all(gmux__buf *out, const uint8_t *text, size_t len) {
  for (size_t i = 0; i < len;) {
    size_t length = utf8_sequence(text + i, len - i);
    int error = length == 0              ? buf_escape(out, replacement, sizeof replacement)
                : is_plain(text, len, i) ? gmux__buf_append(out, text + i, 1)
                                         : buf_escape(out, text + i, length);
    if (error) return error;
    i += length ? length : 1;
  }
  return 0;
}

int gmux__percent_encode(gmux__buf *out, const char *text, size_t len) {
  size_t before = gmux__buf_len(out);
  int error = encode_all(out, (const uint8_t *)text, len);
  if (error) gmux__buf_truncate(out, before);
  return error;
}

static int hex_value(uint8_t digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

/* The first byte of text[0..len), len > 0, unescaped; returns how much of the text it takes. */
static size_t unescape(const uint8_t *text, size_t len, uint8_t *byte) {
  *byte = text[0];
  if (text[0] != '%' || len < 3) return 1;
  int high = hex_value(text[1]), low = hex_value(text[2]);
  if (high < 0 || low < 0) return 1;
  *byte = (uint8_t)(high * 16 + low);
  return 3;
}

/* Decodes one character, looking at no more text than four escapes; *taken says how much it was. */
static int decode_one(gmux__buf *out, const uint8_t *text, size_t len, size_t *taken) {
  uint8_t bytes[UTF8_MAX];
  size_t ends[UTF8_MAX]; /* ends[i]: of the text that bytes[0..i] came from */
  size_t count = 0;
  for (size_t at = 0; count < UTF8_MAX && at < len; ends[count++] = at)
    at += unescape(text + at, len - at, &bytes[count]);

  size_t length = utf8_sequence(bytes, count);
  *taken = ends[length ? length - 1 : 0];
  return length ? gmux__buf_append(out, bytes, length)
                : gmux__buf_append(out, replacement, sizeof replacement);
}

int gmux__percent_decode(gmux__buf *out, const uint8_t *text, size_t len) {
  size_t before = gmux__buf_len(out);
  for (size_t at = 0, taken; at < len; at += taken) {
    int error = decode_one(out, text + at, len - at, &taken);
    if (!error) continue;
    gmux__buf_truncate(out, before);
    return error;
  }
  return 0;
}
