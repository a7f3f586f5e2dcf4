/* gzip.c: inflates one message. */
#define ZLIB_CONST /* next_in is const */
#include "lib/wire/gzip.h"
#include "lib/base/alloc.h"
#include "lib/base/buf.h"
#include "lib/base/fail.h"
#include <limits.h>
#include <string.h>
#include <zlib.h>

enum {
  STEP_MIN = 1024,     /* output room asked for at first, and */
  STEP_MAX = 64 * 1024 /* from then on; the buffer doubles underneath */
};

static const char *const words[] = {"identity", "gzip", "deflate"};

const char *gmux__encoding_str(gmux__encoding encoding) {
  return (unsigned)encoding < GMUX__ENCODING_UNKNOWN ? words[encoding] : "unknown";
}

gmux__encoding gmux__encoding_parse(const uint8_t *text, size_t len) {
  for (size_t i = 0; i < GMUX__ENCODING_UNKNOWN; i++)
    if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0) return (gmux__encoding)i;
  return GMUX__ENCODING_UNKNOWN;
}

static void *zlib_alloc(void *opaque, uInt items, uInt size) {
  (void)opaque;
  return gmux__calloc(items, size);
}

static void zlib_free(void *opaque, void *memory) {
  (void)opaque;
  gmux__free(memory);
}

static size_t size_min(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Inflates once into more room of `out`, which never holds more than `most`. 0: go on; 1: done. */
static int inflate_step(z_stream *z, gmux__buf *out, size_t step, size_t most) {
  size_t room = size_min(step, most - gmux__buf_len(out));
  uint8_t *end = gmux__buf_reserve_within(out, room, most);
  if (!end) return gmux__fail_code(GMUX_ERR_NOMEM);
  z->next_out = end;
  z->avail_out = (uInt)room;
  int result = inflate(z, Z_NO_FLUSH);
  gmux__buf_commit(out, room - z->avail_out);
  switch (result) {
  case Z_OK:
    return 0;
  case Z_STREAM_END:
    return 1;
  case Z_MEM_ERROR:
    return gmux__fail_code(GMUX_ERR_NOMEM);
  case Z_BUF_ERROR: /* there was room, so there was no input */
    return gmux__fail(GMUX_ERR_PROTOCOL, "a compressed message is cut short");
  default:
    return gmux__fail(GMUX_ERR_PROTOCOL, "a compressed message is corrupt: %s",
                      z->msg ? z->msg : "not its format");
  }
}

static int inflate_all(z_stream *z, gmux__buf *out, size_t limit) {
  size_t most = limit < SIZE_MAX ? limit + 1 : limit; /* one more byte proves that it is over */
  size_t step = z->avail_in > STEP_MAX / 2 ? STEP_MAX : (size_t)z->avail_in * 2;
  if (step < STEP_MIN) step = STEP_MIN;
  for (int result = 0; result != 1; step = STEP_MAX) {
    result = inflate_step(z, out, step, most);
    if (result < 0) return result;
    if (gmux__buf_len(out) > limit)
      return gmux__fail(GMUX_ERR_TOO_LARGE,
                        "a message inflates to more than the limit of %zu bytes", limit);
  }
  if (z->avail_in > 0)
    return gmux__fail(GMUX_ERR_PROTOCOL, "a compressed message has %u bytes behind its end",
                      z->avail_in);
  return 0;
}

int gmux__decompress(gmux_bytes *out, gmux__encoding encoding, const uint8_t *data, size_t len,
                     size_t limit) {
  if (encoding != GMUX__ENCODING_GZIP && encoding != GMUX__ENCODING_DEFLATE)
    return gmux__fail(GMUX_ERR_UNSUPPORTED, "no decompressor for encoding \"%s\"",
                      gmux__encoding_str(encoding));
  if (len > UINT_MAX) /* no message is: its length has 32 bits */
    return gmux__fail(GMUX_ERR_TOO_LARGE, "a compressed message of %zu bytes is too long", len);

  z_stream z;
  memset(&z, 0, sizeof z);
  z.zalloc = zlib_alloc;
  z.zfree = zlib_free;
  z.next_in = data;
  z.avail_in = (uInt)len;
  int gzip_bits = encoding == GMUX__ENCODING_GZIP ? 16 : 0; /* zlib.h: 16 more means gzip only */
  if (inflateInit2(&z, MAX_WBITS + gzip_bits) != Z_OK) return gmux__fail_code(GMUX_ERR_NOMEM);

  gmux__buf inflated = {0};
  int error = inflate_all(&z, &inflated, limit);
  inflateEnd(&z);
  if (error)
    gmux__buf_deinit(&inflated);
  else
    gmux__buf_detach(&inflated, out);
  return error;
}
