/* plain.c: what a server says is not said to the terminal. */
#include "tools/gmux/plain.h"

#include <string.h>

/* How many bytes the first one announces; 0: it begins nothing. */
static size_t announced(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/* RFC 3629; 0 for what is none: too long for its value, a surrogate, cut. */
static uint32_t decode(const unsigned char *text, size_t size) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  uint32_t c = size == 1 ? text[0] : text[0] & (0x7fu >> size);
  for (size_t i = 1; i < size; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
    c = c << 6 | (text[i] & 0x3f);
  }
  bool is_surrogate = c >= 0xd800 && c < 0xe000;
  return c < least[size] || c > 0x10ffff || is_surrogate ? 0 : c;
}

typedef struct range {
  uint32_t first, last;
} range;

/* In the order of the first. A terminal takes U+009B for the start of a sequence, as it does ESC [;
 * the rest are of Unicode's categories Cf, Zl, Zp and Cn that change how others are read. */
static const range unfit[] = {
    {0x0, 0x1f},      {0x7f, 0x9f},     {0xad, 0xad},       {0x61c, 0x61c},   {0x180e, 0x180e},
    {0x200b, 0x200b}, {0x200e, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f}, {0xfeff, 0xfeff},
    {0xfff9, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0xe007f},
};

static bool is_unfit(uint32_t c) {
  for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++)
    if (c <= unfit[i].last) return c >= unfit[i].first;
  return false;
}

uint32_t plain_value(const char *text, size_t len, size_t *size) {
  size_t wanted = announced((unsigned char)*text);
  uint32_t c = wanted && wanted <= len ? decode((const unsigned char *)text, wanted) : 0;
  *size = c ? wanted : 1;
  return c;
}

bool plain_is_fit(const char *text, size_t len, size_t *size) {
  return !is_unfit(plain_value(text, len, size));
}

void plain_add(buffer *out, const char *text, size_t len) {
  size_t size;
  for (size_t at = 0; at < len; at += size) {
    if (plain_is_fit(text + at, len - at, &size))
      buffer_add(out, text + at, size);
    else
      buffer_add(out, "?", 1);
  }
}

void plain_add_string(buffer *out, const char *text) {
  plain_add(out, text, strlen(text));
}
