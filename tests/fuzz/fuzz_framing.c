/*
 * fuzz_framing.c: gRPC's length-prefixed messages out of DATA bytes.
 *
 * The input: which allocation fails (1 byte, 0: none), the limit (2 bytes), how the stream is cut
 * (1 byte), the stream. Of that 1 KiB at most is used: enough for a buffer to grow four times, and
 * quick even byte by byte. It is fed whole, byte by byte and in pieces. Each time what is yielded
 * has to be what a look at the whole stream says, and memory has to follow what came, not what a
 * prefix claims.
 */
#include "lib/wire/framing.h"
#include "tests/fuzz/fuzz.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_MAX = 1024 };

/* A deframer, and how far it is by our own account. */
typedef struct reader {
  gmux__deframer d;
  const uint8_t *stream;
  size_t fed;     /* bytes of the stream that it took */
  size_t message; /* where in the stream the message starts that is next */
  bool is_dead;
} reader;

static uint32_t length_at(const uint8_t *prefix) {
  return (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 | (uint32_t)prefix[3] << 8 |
         prefix[4];
}

static bool has_prefix(const reader *r) {
  return r->fed - r->message >= GMUX__PREFIX_LEN;
}

static void check_message(reader *r, const uint8_t *piece, size_t len, const gmux_bytes *message,
                          bool compressed) {
  FUZZ_REQUIRE(has_prefix(r));
  const uint8_t *prefix = r->stream + r->message;
  FUZZ_REQUIRE(prefix[0] <= 1 && compressed == (prefix[0] == 1));
  FUZZ_REQUIRE(message->len == length_at(prefix) && message->len <= r->d.limit);
  r->message += GMUX__PREFIX_LEN + message->len;
  FUZZ_REQUIRE(r->fed == r->message); /* it takes nothing of the message behind */
  if (message->len == 0) return;
  FUZZ_REQUIRE(memcmp(message->data, prefix + GMUX__PREFIX_LEN, message->len) == 0);
  bool is_borrowed = !message->release;
  FUZZ_REQUIRE(is_borrowed == (message->data >= piece && message->data < piece + len));

  uint8_t written[GMUX__PREFIX_LEN];
  gmux__prefix_write(written, compressed, (uint32_t)message->len);
  FUZZ_REQUIRE(memcmp(written, prefix, sizeof written) == 0);
}

/* All that there was has been taken, and it is no whole message. */
static void check_more(const reader *r) {
  FUZZ_REQUIRE(gmux__deframer_is_partial(&r->d) == (r->fed > r->message));
  if (!has_prefix(r)) return;
  const uint8_t *prefix = r->stream + r->message;
  size_t held = r->fed - r->message - GMUX__PREFIX_LEN;
  FUZZ_REQUIRE(prefix[0] <= 1 && length_at(prefix) <= r->d.limit && held < length_at(prefix));
  FUZZ_REQUIRE(r->d.partial.cap <= 2 * held + held / 2);
}

static void check_error(const reader *r, int error) {
  FUZZ_REQUIRE(fuzz_has_words() && has_prefix(r));
  const uint8_t *prefix = r->stream + r->message;
  if (error == GMUX_ERR_PROTOCOL) {
    FUZZ_REQUIRE(prefix[0] > 1);
    return;
  }
  FUZZ_REQUIRE(prefix[0] <= 1);
  if (error == GMUX_ERR_NOMEM)
    FUZZ_REQUIRE(test_alloc_has_failed());
  else
    FUZZ_REQUIRE(error == GMUX_ERR_TOO_LARGE && length_at(prefix) > r->d.limit);
}

/* One step on piece[0..len); how much of it was taken. */
static size_t reader_step(reader *r, const uint8_t *piece, size_t len, int *result) {
  static const gmux_bytes untouched = {(const uint8_t *)"untouched", 1234, NULL, NULL};
  gmux_bytes message = untouched;
  size_t used = SIZE_MAX;
  bool compressed = false;
  fuzz_forget_words();
  *result = gmux__deframer_next(&r->d, piece, len, &used, &message, &compressed);
  FUZZ_REQUIRE(used <= len);
  r->fed += used;
  if (*result == GMUX__DEFRAMED_MESSAGE) {
    check_message(r, piece, len, &message, compressed);
    gmux_bytes_release(&message);
    return used;
  }
  FUZZ_REQUIRE(memcmp(&message, &untouched, sizeof message) == 0);
  if (*result == GMUX__DEFRAMED_MORE) {
    FUZZ_REQUIRE(used == len);
    check_more(r);
  } else {
    check_error(r, *result);
  }
  return used;
}

/* Until nothing of the piece is left, or the deframer is dead. Out of memory is tried again. */
static void reader_feed(reader *r, const uint8_t *piece, size_t len) {
  size_t at = 0;
  int result = GMUX__DEFRAMED_MESSAGE;
  while (result == GMUX__DEFRAMED_MESSAGE || result == GMUX_ERR_NOMEM)
    at += reader_step(r, piece + at, len - at, &result);
  r->is_dead = result < 0;
  if (!r->is_dead) return;
  int again = 0;
  size_t used = reader_step(r, piece + at, len - at, &again);
  FUZZ_REQUIRE(again == result && used == 0);
}

/* The next piece of `left` bytes; `cuts`: 0 all of it, 1 a byte, else something like it. */
static size_t piece_len(size_t left, uint8_t cuts, size_t at) {
  if (cuts == 0) return left;
  size_t len = cuts == 1 ? 1 : 1 + (cuts * (at + 7)) % (cuts + 16u);
  return len < left ? len : left;
}

/* Returns how many bytes it took in messages. */
static size_t read_all(fuzz_input stream, uint32_t limit, uint8_t cuts, uint8_t fail_at) {
  reader r = {.stream = stream.data};
  gmux__deframer_init(&r.d, limit, NULL);
  test_alloc_fail_at(fail_at);
  for (size_t at = 0, len; at < stream.len && !r.is_dead; at += len) {
    len = piece_len(stream.len - at, cuts, at);
    uint8_t *piece = fuzz_copy((fuzz_input){stream.data + at, len});
    reader_feed(&r, piece, len);
    free(piece);
  }
  test_alloc_fail_at(0);
  gmux__deframer_deinit(&r.d);
  return r.message;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  fuzz_begin();
  uint8_t fail_at = fuzz_u8(&in);
  uint32_t limit = fuzz_u16(&in);
  uint8_t cuts = fuzz_u8(&in);
  fuzz_input stream = fuzz_take(&in, STREAM_MAX);
  size_t whole = read_all(stream, limit, 0, fail_at);
  FUZZ_REQUIRE(read_all(stream, limit, 1, fail_at) == whole);
  FUZZ_REQUIRE(read_all(stream, limit, cuts, fail_at) == whole);
  return fuzz_end();
}
