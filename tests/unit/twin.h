/* twin.h: a codec for tests. "twin" leaves out every second byte, which must be as the one before
 * it: what is not so is refused, and travels as it is. */
#ifndef TESTS_UNIT_TWIN_H
#define TESTS_UNIT_TWIN_H

#include <gmux/alloc.h>
#include <gmux/codec.h>
#include <gmux/error.h>

static int twin_compress(gmux_bytes *out, const gmux_bytes *message, void *user_data) {
  (void)user_data;
  size_t half = message->len / 2;
  if (message->len % 2 != 0) return GMUX_ERR_INVALID;
  uint8_t *bytes = gmux_malloc(half + 1);
  if (!bytes) return GMUX_ERR_NOMEM;
  for (size_t i = 0; i < half; i++) {
    bytes[i] = message->data[2 * i];
    if (message->data[2 * i + 1] == bytes[i]) continue;
    gmux_free(bytes);
    return GMUX_ERR_INVALID;
  }
  *out = gmux_bytes_own(bytes, half);
  return 0;
}

/* What begins with '!' is corrupt. */
static int twin_decompress(gmux_bytes *out, const gmux_bytes *message, size_t limit,
                           void *user_data) {
  (void)user_data;
  if (message->len > 0 && message->data[0] == '!') return GMUX_ERR_PROTOCOL;
  if (message->len > limit / 2) return GMUX_ERR_TOO_LARGE;
  uint8_t *bytes = gmux_malloc(2 * message->len + 1);
  if (!bytes) return GMUX_ERR_NOMEM;
  for (size_t i = 0; i < 2 * message->len; i++)
    bytes[i] = message->data[i / 2];
  *out = gmux_bytes_own(bytes, 2 * message->len);
  return 0;
}

static const gmux_codec twin_codec = {
    .name = "twin", .compress = twin_compress, .decompress = twin_decompress};

#endif
