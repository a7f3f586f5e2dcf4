/* gzip.c: deflates or inflates one message. */
#define ZLIB_CONST /* next_in is const */
#include "lib/wire/gzip.h"
#include "lib/base/alloc.h"
#include "lib/base/buf.h"
#include "lib/base/fail.h"
#include <assert.h>
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

static bool is_zlibs(gmux__encoding encoding) {
  return encoding == GMUX__ENCODING_GZIP || encoding == GMUX__ENCODING_DEFLATE;
}

/* zlib.h: 16 more means gzip, and gzip only. */
static int gzip_bits(gmux__encoding encoding) {
  return encoding == GMUX__ENCODING_GZIP ? 16 : 0;
}

static void *zlib_alloc(void *opaque, uInt items, uInt size) {
  (void)opaque;
  return gmux__calloc(items, size);
}

static void zlib_free(void *opaque, void *memory) {
  (void)opaque;
  gmux__free(memory);
}

static z_stream stream_of(const uint8_t *data, size_t len) {
  return (z_stream){
      .zalloc = zlib_alloc, .zfree = zlib_free, .next_in = data, .avail_in = (uInt)len};
}

static size_t size_min(size_t a, size_t b) {
  return a < b ? a : b;
}

/* ---- inflating ---- */

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
  if (!is_zlibs(encoding))
    return gmux__fail(GMUX_ERR_UNSUPPORTED, "no decompressor for encoding \"%s\"",
                      gmux__encoding_str(encoding));
  if (len > UINT_MAX) /* no message is: its length has 32 bits */
    return gmux__fail(GMUX_ERR_TOO_LARGE, "a compressed message of %zu bytes is too long", len);

  z_stream z = stream_of(data, len);
  if (inflateInit2(&z, MAX_WBITS + gzip_bits(encoding)) != Z_OK)
    return gmux__fail_code(GMUX_ERR_NOMEM);

  gmux__buf inflated = {0};
  int error = inflate_all(&z, &inflated, limit);
  inflateEnd(&z);
  if (error)
    gmux__buf_deinit(&inflated);
  else
    gmux__buf_detach(&inflated, out);
  return error;
}

/* ---- deflating ---- */

enum { WINDOW_BITS_MIN = 9 }; /* zlib makes 9 of 8, and not the same 9 for both ends */

/* A window is of no use beyond the message; its tables are made to fit it. */
static int window_bits(size_t len) {
  int bits = WINDOW_BITS_MIN;
  while (bits < MAX_WBITS && ((size_t)1 << bits) < len)
    bits++;
  return bits;
}

static int deflate_all(z_stream *z, gmux__buf *out, size_t most) {
  for (size_t step = STEP_MIN;; step = STEP_MAX) {
    size_t room = size_min(step, most - gmux__buf_len(out));
    if (room == 0) return GMUX__IN_VAIN;
    uint8_t *end = gmux__buf_reserve_within(out, room, most);
    if (!end) return gmux__fail_code(GMUX_ERR_NOMEM);
    z->next_out = end;
    z->avail_out = (uInt)room;
    int result = deflate(z, Z_FINISH);
    gmux__buf_commit(out, room - z->avail_out);
    if (result == Z_STREAM_END) return 0;
    assert(result == Z_OK || result == Z_BUF_ERROR); /* more room is wanted: nothing else can be */
  }
}

int gmux__compress(gmux_bytes *out, gmux__encoding encoding, const uint8_t *data, size_t len) {
  if (!is_zlibs(encoding))
    return gmux__fail(GMUX_ERR_UNSUPPORTED, "no compressor for encoding \"%s\"",
                      gmux__encoding_str(encoding));
  if (len == 0 || len > UINT_MAX) return GMUX__IN_VAIN;
  z_stream z = stream_of(data, len);
  int bits = window_bits(len);
  /* zlib.h: 2^(bits + 2) + 2^(level + 9) bytes; level 8 for the largest window is its default. */
  if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits + gzip_bits(encoding), bits - 7,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    return gmux__fail_code(GMUX_ERR_NOMEM);
  gmux__buf deflated = {0};
  int rc = deflate_all(&z, &deflated, len - 1);
  deflateEnd(&z);
  if (rc)
    gmux__buf_deinit(&deflated);
  else
    gmux__buf_detach(&deflated, out);
  return rc;
}
