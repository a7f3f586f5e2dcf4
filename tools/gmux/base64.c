/* base64.c: three bytes are four digits. */
#include "tools/gmux/base64.h"

void base64_encode(buffer *out, const uint8_t *data, size_t len) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < len; i += 3) {
    size_t count = len - i < 3 ? len - i : 3;
    uint32_t bits = (uint32_t)data[i] << 16;
    if (count > 1) bits |= (uint32_t)data[i + 1] << 8;
    if (count > 2) bits |= data[i + 2];
    char digits[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63], alphabet[bits >> 6 & 63],
                      alphabet[bits & 63]};
    for (size_t k = count + 1; k < 4; k++)
      digits[k] = '=';
    buffer_add(out, digits, sizeof digits);
  }
}

static int digit_value(char digit) {
  if (digit >= 'A' && digit <= 'Z') return digit - 'A';
  if (digit >= 'a' && digit <= 'z') return digit - 'a' + 26;
  if (digit >= '0' && digit <= '9') return digit - '0' + 52;
  if (digit == '+' || digit == '-') return 62;
  return digit == '/' || digit == '_' ? 63 : -1;
}

/* Padding fills up the last group of four, so it is there only if the length is a multiple. */
static size_t unpadded(const char *digits, size_t len) {
  if (len == 0 || len % 4 != 0 || digits[len - 1] != '=') return len;
  return digits[len - 2] == '=' ? len - 2 : len - 1;
}

bool base64_decode(uint8_t *out, size_t *out_len, const char *digits, size_t len) {
  len = unpadded(digits, len);
  if (len % 4 == 1) return false; /* six bits are no byte */
  uint32_t bits = 0;
  *out_len = 0;
  for (size_t i = 0; i < len; i++) {
    int value = digit_value(digits[i]);
    if (value < 0) return false;
    bits = bits << 6 | (uint32_t)value;
    if (i % 4 != 0) out[(*out_len)++] = (uint8_t)(bits >> (6 - i % 4 * 2));
  }
  return true;
}
