/* text.c: short texts put together in a buffer. */
#include "lib/base/text.h"
#include <assert.h>
#include <string.h>

void gmux__text_begin(gmux__text *text, char *buf, size_t size) {
  assert(size > 0);
  *text = (gmux__text){.at = buf, .room = size - 1};
  *buf = '\0';
}

void gmux__text_add_bytes(gmux__text *text, const char *s, size_t len) {
  if (len > text->room) len = text->room;
  if (len) memcpy(text->at, s, len);
  text->at += len;
  text->room -= len;
  *text->at = '\0';
}

void gmux__text_add(gmux__text *text, const char *s) {
  gmux__text_add_bytes(text, s, strlen(s));
}

void gmux__text_add_number(gmux__text *text, uint64_t number) {
  enum { DIGITS_MAX = 20 }; /* of 2^64 */
  char digits[DIGITS_MAX];
  size_t first = DIGITS_MAX;
  do {
    digits[--first] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  gmux__text_add_bytes(text, digits + first, DIGITS_MAX - first);
}
