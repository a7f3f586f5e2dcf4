/*
 * fuzz_gzip.c: compressed messages.
 *
 * The input: which allocation fails (1 byte, 0: none), the encoding (1 byte), the limit (2 bytes),
 * the message. It is inflated as it is; and it is deflated by zlib and then inflated, whole, cut
 * short and with a byte too many.
 */
#include "lib/wire/gzip.h"
#include "tests/fuzz/fuzz.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { GZIP_OVERHEAD = 64 }; /* header and trailer, far less than this */

/* The result; *out holds the bytes when it is 0, and is untouched otherwise. */
static int decompress(gmux_bytes *out, gmux__encoding encoding, fuzz_input message, size_t limit) {
  static const gmux_bytes untouched = {(const uint8_t *)"untouched", 1234, NULL, NULL};
  *out = untouched;
  fuzz_forget_words();
  int error = gmux__decompress(out, encoding, message.data, message.len, limit);
  if (error)
    FUZZ_REQUIRE(fuzz_has_words() && memcmp(out, &untouched, sizeof *out) == 0);
  else
    FUZZ_REQUIRE(out->len <= limit && (out->release || out->len == 0));
  return error;
}

static void require_error(int expected, gmux__encoding encoding, fuzz_input message, size_t limit) {
  gmux_bytes out;
  FUZZ_REQUIRE(decompress(&out, encoding, message, limit) == expected);
}

/* What inflates within one limit inflates to the same within any that is not below its length. */
static void check_limits(gmux__encoding encoding, fuzz_input message, const gmux_bytes *inflated) {
  gmux_bytes again;
  FUZZ_REQUIRE(decompress(&again, encoding, message, inflated->len) == 0);
  FUZZ_REQUIRE(again.len == inflated->len);
  FUZZ_REQUIRE(again.len == 0 || memcmp(again.data, inflated->data, again.len) == 0);
  gmux_bytes_release(&again);
  if (inflated->len > 0) require_error(GMUX_ERR_TOO_LARGE, encoding, message, inflated->len - 1);
}

static void check_raw(gmux__encoding encoding, fuzz_input message, size_t limit, uint8_t fail_at) {
  gmux_bytes out;
  test_alloc_fail_at(fail_at);
  int error = decompress(&out, encoding, message, limit);
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  FUZZ_REQUIRE((error == GMUX_ERR_NOMEM) == has_failed);
  bool is_known = encoding == GMUX__ENCODING_GZIP || encoding == GMUX__ENCODING_DEFLATE;
  FUZZ_REQUIRE((error == GMUX_ERR_UNSUPPORTED) == !is_known);
  if (error) return;
  check_limits(encoding, message, &out);
  gmux_bytes_release(&out);
}

/* The message deflated by zlib itself, and one byte behind it. For free(). */
static fuzz_input deflated(gmux__encoding encoding, fuzz_input message) {
  z_stream z;
  memset(&z, 0, sizeof z);
  int window = MAX_WBITS + (encoding == GMUX__ENCODING_GZIP ? 16 : 0);
  FUZZ_REQUIRE(deflateInit2(&z, 1, Z_DEFLATED, window, 1, Z_DEFAULT_STRATEGY) == Z_OK);
  size_t room = deflateBound(&z, message.len) + GZIP_OVERHEAD;
  uint8_t *out = calloc(room + 1, 1);
  FUZZ_REQUIRE(out);
  uint8_t *copy = fuzz_copy(message);
  z.next_in = copy;
  z.avail_in = (uInt)message.len;
  z.next_out = out;
  z.avail_out = (uInt)room;
  FUZZ_REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
  deflateEnd(&z);
  free(copy);
  return (fuzz_input){out, room - z.avail_out};
}

static void check_round_trip(gmux__encoding encoding, fuzz_input message, size_t cut) {
  fuzz_input coded = deflated(encoding, message);
  gmux_bytes back;
  FUZZ_REQUIRE(decompress(&back, encoding, coded, message.len) == 0 && back.len == message.len);
  FUZZ_REQUIRE(back.len == 0 || memcmp(back.data, message.data, back.len) == 0);
  gmux_bytes_release(&back);

  fuzz_input shorter = {coded.data, cut % coded.len};
  uint8_t *exact = fuzz_copy(shorter);
  require_error(GMUX_ERR_PROTOCOL, encoding, (fuzz_input){exact, shorter.len}, message.len + 1);
  free(exact);
  require_error(GMUX_ERR_PROTOCOL, encoding, (fuzz_input){coded.data, coded.len + 1}, message.len);
  free((uint8_t *)(uintptr_t)coded.data);
}

/* A name is that of the encoding which has this name. */
static void check_name(fuzz_input name) {
  gmux__encoding encoding = gmux__encoding_parse(name.data, name.len);
  if (encoding == GMUX__ENCODING_UNKNOWN) return;
  const char *word = gmux__encoding_str(encoding);
  FUZZ_REQUIRE(strlen(word) == name.len && memcmp(word, name.data, name.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  fuzz_begin();
  uint8_t fail_at = fuzz_u8(&in);
  gmux__encoding encoding = (gmux__encoding)(fuzz_u8(&in) % (GMUX__ENCODING_UNKNOWN + 1));
  uint16_t limit = fuzz_u16(&in);
  check_name(in);
  check_raw(encoding, in, limit, fail_at);
  if (encoding == GMUX__ENCODING_GZIP || encoding == GMUX__ENCODING_DEFLATE)
    check_round_trip(encoding, in, limit);
  return fuzz_end();
}
