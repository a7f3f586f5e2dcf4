/* gzip_test.c: good, broken and malicious compressed messages. */
#include "lib/base/alloc.h"
#include "lib/wire/gzip.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* next_in is const */
#include <zlib.h>

enum { RAW = -MAX_WBITS, ZLIB = MAX_WBITS, GZIP = MAX_WBITS + 16 }; /* zlib.h's window bits */

typedef struct packed {
  uint8_t *data;
  size_t len;
} packed;

/* `len` bytes of `data` compressed, or that many zeros when it is NULL. To be freed. */
static packed pack(int window_bits, const uint8_t *data, size_t len) {
  static const uint8_t zeros[1 << 16];
  z_stream z;
  memset(&z, 0, sizeof z);
  CU_ASSERT_EQUAL_FATAL(
      deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  size_t room = deflateBound(&z, len) + 64;
  packed p = {malloc(room), 0};
  CU_ASSERT_PTR_NOT_NULL_FATAL(p.data);
  z.next_out = p.data;
  z.avail_out = (uInt)room;
  for (size_t at = 0; at < len;) {
    size_t piece = len - at < sizeof zeros ? len - at : sizeof zeros;
    z.next_in = data ? data + at : zeros;
    z.avail_in = (uInt)piece;
    CU_ASSERT_EQUAL_FATAL(deflate(&z, Z_NO_FLUSH), Z_OK);
    at += piece;
  }
  CU_ASSERT_EQUAL_FATAL(deflate(&z, Z_FINISH), Z_STREAM_END);
  p.len = room - z.avail_out;
  deflateEnd(&z);
  p.data = realloc(p.data, p.len); /* to just its size, for the sanitizer */
  CU_ASSERT_PTR_NOT_NULL_FATAL(p.data);
  return p;
}

static uint8_t sample[20000]; /* part text, part noise */

static void setup(void) {
  uint32_t random = 1;
  for (size_t i = 0; i < sizeof sample; i++) {
    random = random * 1664525 + 1013904223;
    sample[i] = i % 100 < 50 ? (uint8_t) "a sample of text "[i % 17] : (uint8_t)(random >> 24);
  }
}

/* Decompresses and compares with the head of the sample. */
static int unpack(gmux__encoding encoding, const uint8_t *data, size_t len, size_t expected_len,
                  size_t limit) {
  gmux_bytes out = gmux_bytes_borrow("untouched", 9);
  int error = gmux__decompress(&out, encoding, data, len, limit);
  if (error) {
    CU_ASSERT_EQUAL(out.len, 9);
    CU_ASSERT_PTR_NULL(out.release);
    return error;
  }
  CU_ASSERT_EQUAL(out.len, expected_len);
  CU_ASSERT_PTR_NOT_NULL(out.release);
  if (out.len == expected_len && out.len) CU_ASSERT_EQUAL(memcmp(out.data, sample, out.len), 0);
  gmux_bytes_release(&out);
  return 0;
}

static void encodings_have_the_headers_words(void) {
  CU_ASSERT_STRING_EQUAL(gmux__encoding_str(GMUX__ENCODING_IDENTITY), "identity");
  CU_ASSERT_STRING_EQUAL(gmux__encoding_str(GMUX__ENCODING_GZIP), "gzip");
  CU_ASSERT_STRING_EQUAL(gmux__encoding_str(GMUX__ENCODING_DEFLATE), "deflate");
  CU_ASSERT_STRING_EQUAL(gmux__encoding_str(GMUX__ENCODING_UNKNOWN), "unknown");
  CU_ASSERT_STRING_EQUAL(gmux__encoding_str((gmux__encoding)99), "unknown");
}

static void only_exact_words_are_encodings(void) {
  static const struct {
    const char *text;
    gmux__encoding encoding;
  } rows[] = {{"identity", GMUX__ENCODING_IDENTITY}, {"gzip", GMUX__ENCODING_GZIP},
              {"deflate", GMUX__ENCODING_DEFLATE},   {"", GMUX__ENCODING_UNKNOWN},
              {"gzi", GMUX__ENCODING_UNKNOWN},       {"gzip2", GMUX__ENCODING_UNKNOWN},
              {"GZIP", GMUX__ENCODING_UNKNOWN},      {"snappy", GMUX__ENCODING_UNKNOWN},
              {"unknown", GMUX__ENCODING_UNKNOWN},   {"gzip,identity", GMUX__ENCODING_UNKNOWN}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    CU_ASSERT_EQUAL(gmux__encoding_parse((const uint8_t *)rows[i].text, strlen(rows[i].text)),
                    rows[i].encoding);
}

static void both_formats_come_back_at_all_sizes(void) {
  static const size_t sizes[] = {0, 1, 2, 63, 64, 65, 1023, 1024, 1025, 5000, sizeof sample};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    packed gzip = pack(GZIP, sample, sizes[i]), zlib = pack(ZLIB, sample, sizes[i]);
    CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_GZIP, gzip.data, gzip.len, sizes[i], 1 << 22), 0);
    CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_DEFLATE, zlib.data, zlib.len, sizes[i], SIZE_MAX), 0);
    free(gzip.data);
    free(zlib.data);
  }
}

static void a_message_may_be_as_long_as_the_limit_and_no_longer(void) {
  static const size_t sizes[] = {0, 1, 1023, 1024, 1025, sizeof sample};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    size_t size = sizes[i];
    packed p = pack(GZIP, sample, size);
    CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_GZIP, p.data, p.len, size, size), 0);
    if (size > 0)
      CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_GZIP, p.data, p.len, size, size - 1),
                      GMUX_ERR_TOO_LARGE);
    free(p.data);
  }
}

/* The harness's allocator, with a look at how much is asked for. */
static gmux_allocator underneath;
static size_t largest, asked_times;

static void note_size(size_t size) {
  asked_times++;
  if (size > largest) largest = size;
}
static void *noting_malloc(size_t size, void *user_data) {
  note_size(size);
  return underneath.malloc(size, user_data);
}
static void *noting_calloc(size_t count, size_t size, void *user_data) {
  note_size(count * size);
  return underneath.calloc(count, size, user_data);
}
static void *noting_realloc(void *ptr, size_t size, void *user_data) {
  note_size(size);
  return underneath.realloc(ptr, size, user_data);
}
static void noting_free(void *ptr, void *user_data) {
  underneath.free(ptr, user_data);
}

static void a_bomb_costs_no_more_than_the_limit(void) {
  enum { MIB = 1 << 20 };
  packed bomb = pack(GZIP, NULL, 100 * (size_t)MIB);
  CU_ASSERT_TRUE(bomb.len < MIB);
  underneath = *gmux__allocator();
  gmux_allocator noting = {noting_malloc, noting_calloc, noting_realloc, noting_free,
                           underneath.user_data};
  largest = asked_times = 0;
  CU_ASSERT_EQUAL(gmux_set_allocator(&noting), 0);
  int error = unpack(GMUX__ENCODING_GZIP, bomb.data, bomb.len, 0, MIB);
  CU_ASSERT_EQUAL(gmux_set_allocator(&underneath), 0);
  CU_ASSERT_EQUAL(error, GMUX_ERR_TOO_LARGE);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(),
                         "a message inflates to more than the limit of 1048576 bytes");
  CU_ASSERT_TRUE(asked_times > 2); /* zlib's state and window are among them */
  CU_ASSERT_TRUE(largest <= MIB + 1);
  free(bomb.data);
}

static void a_message_cut_short_anywhere_is_refused(void) {
  packed gzip = pack(GZIP, sample, 700), zlib = pack(ZLIB, sample, 700);
  for (size_t len = 0; len < gzip.len; len++)
    CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_GZIP, gzip.data, len, 700, 1000), GMUX_ERR_PROTOCOL);
  for (size_t len = 0; len < zlib.len; len++)
    CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_DEFLATE, zlib.data, len, 700, 1000), GMUX_ERR_PROTOCOL);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "a compressed message is cut short");
  free(gzip.data);
  free(zlib.data);
}

static void bytes_behind_the_end_are_refused(void) {
  packed p = pack(GZIP, sample, 700);
  uint8_t *twice = malloc(2 * p.len);
  CU_ASSERT_PTR_NOT_NULL_FATAL(twice);
  memcpy(twice, p.data, p.len);
  memcpy(twice + p.len, p.data, p.len);
  CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_GZIP, twice, p.len, 700, 1000), 0);
  CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_GZIP, twice, 2 * p.len, 700, 10000), GMUX_ERR_PROTOCOL);
  CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_GZIP, twice, p.len + 1, 700, 1000), GMUX_ERR_PROTOCOL);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "a compressed message has 1 bytes behind its end");
  free(twice);
  free(p.data);
}

/* How many of the message's bits, flipped one at a time, make it refused. What is not refused was
 * compared by unpack. */
static size_t count_refused_flips(gmux__encoding encoding, packed *p, size_t expected_len) {
  size_t refused = 0;
  for (size_t bit = 0; bit < p->len * 8; bit++) {
    p->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    if (unpack(encoding, p->data, p->len, expected_len, 1000)) refused++;
    p->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  return refused;
}

/* No check sum covers gzip's ten bytes of header and the bits that fill deflate's last byte. */
static void no_flipped_bit_gives_a_wrong_message(void) {
  packed gzip = pack(GZIP, sample, 300), zlib = pack(ZLIB, sample, 300);
  CU_ASSERT_TRUE(count_refused_flips(GMUX__ENCODING_DEFLATE, &zlib, 300) >= zlib.len * 8 - 7);
  CU_ASSERT_TRUE(count_refused_flips(GMUX__ENCODING_GZIP, &gzip, 300) >= (gzip.len - 10) * 8 - 7);
  free(gzip.data);
  free(zlib.data);
}

static void each_encoding_takes_only_its_own_format(void) {
  packed gzip = pack(GZIP, sample, 700), zlib = pack(ZLIB, sample, 700),
         raw = pack(RAW, sample, 700);
  CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_DEFLATE, gzip.data, gzip.len, 700, 1000),
                  GMUX_ERR_PROTOCOL);
  CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_GZIP, zlib.data, zlib.len, 700, 1000), GMUX_ERR_PROTOCOL);
  CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_DEFLATE, raw.data, raw.len, 700, 1000), GMUX_ERR_PROTOCOL);
  CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_GZIP, NULL, 0, 0, 1000), GMUX_ERR_PROTOCOL);
  CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_IDENTITY, sample, 700, 700, 1000), GMUX_ERR_UNSUPPORTED);
  CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_UNKNOWN, sample, 700, 700, 1000), GMUX_ERR_UNSUPPORTED);
  free(gzip.data);
  free(zlib.data);
  free(raw.data);
}

static void more_than_a_prefix_can_announce_is_too_large(void) {
  if (SIZE_MAX == UINT32_MAX) {
    test_skip("no such length here");
    return;
  }
  CU_ASSERT_EQUAL(unpack(GMUX__ENCODING_GZIP, sample, (size_t)UINT32_MAX + 1, 0, SIZE_MAX),
                  GMUX_ERR_TOO_LARGE);
}

enum { LONG = 200000 };

/* Zeros, which come out in so many steps that zlib wants its window and the output has to grow. */
static void unpack_long(void *arg) {
  const packed *p = arg;
  gmux_bytes out = {0};
  int error = gmux__decompress(&out, GMUX__ENCODING_GZIP, p->data, p->len, LONG);
  CU_ASSERT_EQUAL(error, test_alloc_has_failed() ? GMUX_ERR_NOMEM : 0);
  CU_ASSERT_EQUAL(out.len, error ? 0 : LONG);
  gmux_bytes_release(&out);
}

static void out_of_memory_is_told_and_leaks_nothing(void) {
  packed p = pack(GZIP, NULL, LONG);
  CU_ASSERT_TRUE(test_alloc_torture(unpack_long, &p) > 4);
  free(p.data);
}

/* ---- compressing ---- */

static void what_is_compressed_comes_back_at_all_sizes(void) {
  static const size_t sizes[] = {100, 255, 256, 257, 511, 512, 513, 1025, 5000, sizeof sample};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (gmux__encoding e = GMUX__ENCODING_GZIP; e <= GMUX__ENCODING_DEFLATE; e++) {
      gmux_bytes coded = {0};
      CU_ASSERT_EQUAL(gmux__compress(&coded, e, sample, sizes[i]), 0);
      CU_ASSERT_TRUE(coded.len < sizes[i]);
      CU_ASSERT_EQUAL(unpack(e, coded.data, coded.len, sizes[i], sizes[i]), 0);
      gmux_bytes_release(&coded);
    }
}

static void what_would_not_get_shorter_is_left_alone(void) {
  uint8_t noise[3000];
  uint32_t random = 7;
  for (size_t i = 0; i < sizeof noise; i++, random = random * 1664525 + 1013904223)
    noise[i] = (uint8_t)(random >> 24);
  gmux_bytes out = gmux_bytes_borrow("untouched", 9);
  CU_ASSERT_EQUAL(gmux__compress(&out, GMUX__ENCODING_GZIP, noise, sizeof noise), GMUX__IN_VAIN);
  CU_ASSERT_EQUAL(gmux__compress(&out, GMUX__ENCODING_GZIP, sample, 5), GMUX__IN_VAIN);
  CU_ASSERT_EQUAL(gmux__compress(&out, GMUX__ENCODING_DEFLATE, NULL, 0), GMUX__IN_VAIN);
  CU_ASSERT_EQUAL(gmux__compress(&out, GMUX__ENCODING_IDENTITY, sample, 500), GMUX_ERR_UNSUPPORTED);
  CU_ASSERT_EQUAL(out.len, 9);
}

/* gzip.h says so. */
static void compressing_takes_the_memory_that_a_message_is_worth(void) {
  static const struct {
    size_t len, most;
  } rows[] = {{100, 16384}, {512, 16384}, {4096, 65536}, {20000, 320000}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (test_alloc_bytes() == 0 && test_alloc_peak() == 0) return; /* it cannot be asked here */
    size_t before = test_alloc_bytes();
    test_alloc_peak();
    gmux_bytes coded = {0};
    CU_ASSERT_EQUAL(gmux__compress(&coded, GMUX__ENCODING_GZIP, sample, rows[i].len), 0);
    CU_ASSERT_TRUE(test_alloc_peak() - before <= rows[i].most);
    gmux_bytes_release(&coded);
    CU_ASSERT_EQUAL(test_alloc_bytes(), before);
  }
}

static void compress_sample(void *arg) {
  (void)arg;
  gmux_bytes out = {0};
  int error = gmux__compress(&out, GMUX__ENCODING_GZIP, sample, sizeof sample);
  CU_ASSERT_EQUAL(error, test_alloc_has_failed() ? GMUX_ERR_NOMEM : 0);
  gmux_bytes_release(&out);
}

static void compressing_without_memory_is_told_and_leaks_nothing(void) {
  CU_ASSERT_TRUE(test_alloc_torture(compress_sample, NULL) > 4);
}

static const test_case cases[] = {TEST(encodings_have_the_headers_words),
                                  TEST(only_exact_words_are_encodings),
                                  TEST(both_formats_come_back_at_all_sizes),
                                  TEST(a_message_may_be_as_long_as_the_limit_and_no_longer),
                                  TEST(a_bomb_costs_no_more_than_the_limit),
                                  TEST(a_message_cut_short_anywhere_is_refused),
                                  TEST(bytes_behind_the_end_are_refused),
                                  TEST(no_flipped_bit_gives_a_wrong_message),
                                  TEST(each_encoding_takes_only_its_own_format),
                                  TEST(more_than_a_prefix_can_announce_is_too_large),
                                  TEST(out_of_memory_is_told_and_leaks_nothing),
                                  TEST(what_is_compressed_comes_back_at_all_sizes),
                                  TEST(what_would_not_get_shorter_is_left_alone),
                                  TEST(compressing_takes_the_memory_that_a_message_is_worth),
                                  TEST(compressing_without_memory_is_told_and_leaks_nothing),
                                  TESTS_END};
const test_suite wire_gzip_suite = {"gzip", cases, setup, NULL};
