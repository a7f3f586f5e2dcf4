/* base64.c: the wire form of "-bin" metadata values. */
#include "lib/wire/base64.h"
#include "lib/base/fail.h"

/* A group of 1, 2 or 3 bytes is 2, 3 or 4 digits. */
size_t gmux__base64_encoded_len(size_t len) {
  return len / 3 * 4 + (len % 3 ? len % 3 + 1 : 0);
}

size_t gmux__base64_decoded_max(size_t len) {
  return len / 4 * 3 + len % 4;
}

void gmux__base64_encode(char *out, const uint8_t *data, size_t len) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (; len >= 3; data += 3, len -= 3) {
    *out++ = digits[data[0] >> 2];
    *out++ = digits[(data[0] & 3) << 4 | data[1] >> 4];
    *out++ = digits[(data[1] & 15) << 2 | data[2] >> 6];
    *out++ = digits[data[2] & 63];
  }
  if (len == 0) return;
  uint8_t second = len == 2 ? data[1] : 0;
  *out++ = digits[data[0] >> 2];
  *out++ = digits[(data[0] & 3) << 4 | second >> 4];
  if (len == 2) *out = digits[(second & 15) << 2];
}

static int digit_value(uint8_t digit) {
  if (digit >= 'A' && digit <= 'Z') return digit - 'A';
  if (digit >= 'a' && digit <= 'z') return digit - 'a' + 26;
  if (digit >= '0' && digit <= '9') return digit - '0' + 52;
  if (digit == '+') return 62;
  return digit == '/' ? 63 : -1;
}

/* The length without padding: of a whole number of groups, the last may end in one or two '='. */
static size_t unpadded_len(const uint8_t *text, size_t len) {
  if (len == 0 || len % 4 != 0 || text[len - 1] != '=') return len;
  return text[len - 2] == '=' ? len - 2 : len - 1;
}

int gmux__base64_decode(uint8_t *out, size_t *out_len, const uint8_t *text, size_t len) {
  len = unpadded_len(text, len);
  if (len % 4 == 1) /* 6 bits are no byte */
    return gmux__fail(GMUX_ERR_PROTOCOL, "%zu digits cannot be base64", len);
  uint32_t bits = 0;
  size_t written = 0;
  for (size_t i = 0; i < len; i++) {
    int value = digit_value(text[i]);
    if (value < 0)
      return gmux__fail(GMUX_ERR_PROTOCOL, "byte 0x%02x at position %zu is not base64", text[i], i);
    bits = bits << 6 | (uint32_t)value;
    if (i % 4 != 0) out[written++] = (uint8_t)(bits >> (6 - i % 4 * 2));
  }
  *out_len = written;
  return 0;
}
