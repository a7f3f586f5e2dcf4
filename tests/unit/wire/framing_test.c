/* framing_test.c: one stream of messages, cut in every way. */
#include "lib/base/alloc.h"
#include "lib/wire/framing.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 1000, STREAM_MAX = 8192 };

static const uint32_t lengths[] = {3, 0, 300, 1, 0, 0, LIMIT, 64, 5};
enum { MESSAGES = sizeof lengths / sizeof *lengths };

static uint8_t stream[STREAM_MAX];
static size_t stream_len;

static bool flag_of(size_t message) {
  return message % 3 == 0;
}

static uint8_t byte_of(size_t message, size_t i) {
  return (uint8_t)(message * 37 + i * 11 + i / 256);
}

static void setup(void) {
  stream_len = 0;
  for (size_t m = 0; m < MESSAGES; m++) {
    gmux__prefix_write(stream + stream_len, flag_of(m), lengths[m]);
    stream_len += GMUX__PREFIX_LEN;
    for (size_t i = 0; i < lengths[m]; i++)
      stream[stream_len++] = byte_of(m, i);
  }
}

/* A deframer and how many of the stream's messages it has yielded. */
typedef struct reader {
  gmux__deframer d;
  size_t messages, owned;
} reader;

static bool is_message(const gmux_bytes *bytes, size_t message) {
  if (message >= MESSAGES || bytes->len != lengths[message]) return false;
  for (size_t i = 0; i < bytes->len; i++)
    if (bytes->data[i] != byte_of(message, i)) return false;
  return true;
}

/* Feeds data[0..len) until nothing is left; out of memory is tried again. */
static void reader_feed(reader *r, const uint8_t *data, size_t len) {
  size_t at = 0;
  for (;;) {
    size_t used = 12345;
    gmux_bytes bytes = {0};
    bool compressed = false;
    const uint8_t *rest = len ? data + at : NULL;
    int result = gmux__deframer_next(&r->d, rest, len - at, &used, &bytes, &compressed);
    CU_ASSERT_TRUE_FATAL(used <= len - at);
    at += used;
    if (result == GMUX_ERR_NOMEM) {
      CU_ASSERT_TRUE_FATAL(test_alloc_has_failed());
      continue;
    }
    if (result == GMUX__DEFRAMED_MORE) {
      CU_ASSERT_EQUAL(at, len);
      return;
    }
    CU_ASSERT_EQUAL_FATAL(result, GMUX__DEFRAMED_MESSAGE);
    CU_ASSERT_TRUE(is_message(&bytes, r->messages));
    CU_ASSERT_EQUAL(compressed, flag_of(r->messages));
    CU_ASSERT_FALSE(gmux__deframer_is_partial(&r->d));
    if (bytes.release)
      r->owned++;
    else if (bytes.len)
      CU_ASSERT_TRUE(bytes.data >= data && bytes.data + bytes.len <= data + at);
    gmux_bytes_release(&bytes);
    r->messages++;
  }
}

/* The same from memory of just this size, so that a sanitizer sees a byte read too many. */
static void reader_feed_exact(reader *r, const uint8_t *data, size_t len) {
  uint8_t *exact = malloc(len ? len : 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
  memcpy(exact, data, len);
  reader_feed(r, exact, len);
  free(exact);
}

static void reader_start(reader *r) {
  memset(r, 0, sizeof *r);
  gmux__deframer_init(&r->d, LIMIT, NULL);
}

static void reader_end(reader *r) {
  CU_ASSERT_EQUAL(r->messages, MESSAGES);
  CU_ASSERT_FALSE(gmux__deframer_is_partial(&r->d));
  gmux__deframer_deinit(&r->d);
}

static void a_prefix_is_a_flag_and_a_big_endian_length(void) {
  uint8_t prefix[GMUX__PREFIX_LEN];
  gmux__prefix_write(prefix, true, 0x01020304);
  CU_ASSERT_EQUAL(memcmp(prefix, "\1\1\2\3\4", 5), 0);
  gmux__prefix_write(prefix, false, UINT32_MAX);
  CU_ASSERT_EQUAL(memcmp(prefix, "\0\xff\xff\xff\xff", 5), 0);
}

static void messages_that_lie_whole_are_yielded_where_they_lie(void) {
  reader r;
  reader_start(&r);
  size_t calls = test_alloc_calls();
  reader_feed(&r, stream, stream_len);
  CU_ASSERT_EQUAL(test_alloc_calls(), calls);
  CU_ASSERT_EQUAL(r.owned, 0);
  reader_end(&r);
}

static void byte_by_byte_gives_the_same_messages(void) {
  reader r;
  reader_start(&r);
  for (size_t i = 0; i < stream_len; i++)
    reader_feed_exact(&r, stream + i, 1);
  CU_ASSERT_EQUAL(r.owned, 5); /* those of more than one byte */
  reader_end(&r);
}

static void cut_in_two_anywhere_gives_the_same_messages(void) {
  for (size_t cut = 0; cut <= stream_len; cut++) {
    reader r;
    reader_start(&r);
    reader_feed_exact(&r, stream, cut);
    reader_feed_exact(&r, stream + cut, stream_len - cut);
    reader_end(&r);
  }
}

static void pieces_of_every_size_give_the_same_messages(void) {
  for (size_t size = 1; size <= 400; size++) {
    reader r;
    reader_start(&r);
    for (size_t at = 0; at < stream_len; at += size)
      reader_feed_exact(&r, stream + at, stream_len - at < size ? stream_len - at : size);
    reader_end(&r);
  }
}

static void feeding_nothing_changes_nothing(void) {
  reader r;
  reader_start(&r);
  for (size_t i = 0; i < stream_len; i++) {
    size_t before = r.messages;
    reader_feed(&r, NULL, 0);
    CU_ASSERT_EQUAL(r.messages, before);
    reader_feed(&r, stream + i, 1);
  }
  reader_end(&r);
}

static void it_is_partial_from_the_first_byte_to_the_last_but_one(void) {
  static const uint8_t message[] = "\0\0\0\0\3abc";
  gmux__deframer d;
  gmux__deframer_init(&d, LIMIT, NULL);
  CU_ASSERT_FALSE(gmux__deframer_is_partial(&d));
  for (size_t i = 0; i < 8; i++) {
    size_t used;
    gmux_bytes bytes = {0};
    bool compressed;
    int result = gmux__deframer_next(&d, message + i, 1, &used, &bytes, &compressed);
    CU_ASSERT_EQUAL(result, i == 7 ? GMUX__DEFRAMED_MESSAGE : GMUX__DEFRAMED_MORE);
    CU_ASSERT_EQUAL(gmux__deframer_is_partial(&d), i < 7);
    gmux_bytes_release(&bytes);
  }
  gmux__deframer_deinit(&d);
}

static void a_message_put_together_can_be_kept_without_a_copy(void) {
  gmux__deframer d;
  size_t used;
  gmux_bytes first = {0}, second = {0};
  bool compressed;
  gmux__deframer_init(&d, LIMIT, NULL);
  CU_ASSERT_EQUAL(
      gmux__deframer_next(&d, (const uint8_t *)"\0\0\0\0\4ab", 7, &used, &first, &compressed),
      GMUX__DEFRAMED_MORE);
  CU_ASSERT_PTR_NULL(first.data);
  CU_ASSERT_EQUAL(
      gmux__deframer_next(&d, (const uint8_t *)"cd\0\0\0\0\2x", 8, &used, &first, &compressed),
      GMUX__DEFRAMED_MESSAGE);
  CU_ASSERT_EQUAL(used, 2);
  CU_ASSERT_PTR_NOT_NULL(first.release);
  CU_ASSERT_EQUAL(
      gmux__deframer_next(&d, (const uint8_t *)"\0\0\0\0\2x", 6, &used, &second, &compressed),
      GMUX__DEFRAMED_MORE);
  CU_ASSERT_EQUAL(gmux__deframer_next(&d, (const uint8_t *)"y", 1, &used, &second, &compressed),
                  GMUX__DEFRAMED_MESSAGE);
  CU_ASSERT_EQUAL_FATAL(first.len, 4);
  CU_ASSERT_EQUAL(memcmp(first.data, "abcd", 4), 0);
  CU_ASSERT_EQUAL(memcmp(second.data, "xy", 2), 0);
  gmux_bytes_release(&first);
  gmux_bytes_release(&second);
  gmux__deframer_deinit(&d);
}

static int feed_prefix(gmux__deframer *d, uint8_t flag, uint32_t len, size_t *used) {
  uint8_t prefix[GMUX__PREFIX_LEN];
  gmux_bytes bytes;
  bool compressed;
  gmux__prefix_write(prefix, false, len);
  prefix[0] = flag;
  return gmux__deframer_next(d, prefix, sizeof prefix, used, &bytes, &compressed);
}

static void a_length_is_read_as_it_is_written(void) {
  static const uint32_t lens[] = {1, 0x01020304, 0xfedcba98, 0x00ff0000, 0xff00ff00};
  for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
    gmux__deframer d;
    size_t used;
    gmux__deframer_init(&d, UINT32_MAX, NULL);
    CU_ASSERT_EQUAL(feed_prefix(&d, 0, lens[i], &used), GMUX__DEFRAMED_MORE);
    CU_ASSERT_EQUAL(d.need, lens[i]);
    gmux__deframer_deinit(&d);
  }
}

static void every_flag_above_one_is_refused(void) {
  for (int flag = 2; flag < 256; flag++) {
    gmux__deframer d;
    size_t used;
    gmux__deframer_init(&d, LIMIT, NULL);
    CU_ASSERT_EQUAL(feed_prefix(&d, (uint8_t)flag, 0, &used), GMUX_ERR_PROTOCOL);
    CU_ASSERT_EQUAL(used, GMUX__PREFIX_LEN);
    gmux__deframer_deinit(&d);
  }
  CU_ASSERT_STRING_EQUAL(gmux_last_error(),
                         "a gRPC message starts with byte 0xff; it must be 0 or 1 (compressed)");
}

static void the_limit_is_checked_on_the_prefix_before_any_memory_is_taken(void) {
  static const uint32_t limits[] = {0, 1, LIMIT, UINT32_MAX - 1};
  size_t calls = test_alloc_calls(), used;
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    gmux__deframer d;
    gmux__deframer_init(&d, limits[i], NULL);
    CU_ASSERT_EQUAL(feed_prefix(&d, 0, limits[i] + 1, &used), GMUX_ERR_TOO_LARGE);
    gmux__deframer_init(&d, limits[i], NULL);
    CU_ASSERT_EQUAL(feed_prefix(&d, 0, limits[i], &used),
                    limits[i] ? GMUX__DEFRAMED_MORE : GMUX__DEFRAMED_MESSAGE);
    gmux__deframer_deinit(&d);
  }
  CU_ASSERT_STRING_EQUAL(gmux_last_error(),
                         "a message of 4294967295 bytes is over the limit of 4294967294");
  CU_ASSERT_EQUAL(test_alloc_calls(), calls);
}

static void what_failed_for_good_fails_again(void) {
  gmux__deframer d;
  size_t used;
  gmux__deframer_init(&d, LIMIT, NULL);
  CU_ASSERT_EQUAL(feed_prefix(&d, 2, 0, &used), GMUX_ERR_PROTOCOL);
  CU_ASSERT_EQUAL(feed_prefix(&d, 0, 0, &used), GMUX_ERR_PROTOCOL);
  CU_ASSERT_EQUAL(used, 0);
  gmux__deframer_init(&d, LIMIT, NULL);
  CU_ASSERT_EQUAL(feed_prefix(&d, 0, LIMIT + 1, &used), GMUX_ERR_TOO_LARGE);
  CU_ASSERT_EQUAL(feed_prefix(&d, 0, 0, &used), GMUX_ERR_TOO_LARGE);
  CU_ASSERT_EQUAL(used, 0);
  gmux__deframer_deinit(&d);
}

static void memory_follows_the_bytes_that_came_not_the_length_claimed(void) {
  gmux__deframer d;
  size_t used, came = 0;
  static const uint8_t block[997];
  gmux_bytes bytes;
  bool compressed;
  gmux__deframer_init(&d, UINT32_MAX, NULL);
  CU_ASSERT_EQUAL(feed_prefix(&d, 0, UINT32_MAX, &used), GMUX__DEFRAMED_MORE);
  CU_ASSERT_EQUAL(d.partial.cap, 0);
  while (came < 1 << 20) {
    CU_ASSERT_EQUAL(gmux__deframer_next(&d, block, sizeof block, &used, &bytes, &compressed),
                    GMUX__DEFRAMED_MORE);
    came += used;
    CU_ASSERT_TRUE(d.partial.cap <= 2 * came);
  }
  gmux__deframer_deinit(&d);
}

static void a_message_put_together_takes_no_more_memory_than_it_has_bytes(void) {
  gmux__deframer d;
  size_t used, at = 0;
  static const uint8_t block[LIMIT];
  gmux_bytes bytes = {0};
  bool compressed;
  gmux__deframer_init(&d, LIMIT, NULL);
  CU_ASSERT_EQUAL(feed_prefix(&d, 0, LIMIT, &used), GMUX__DEFRAMED_MORE);
  for (; at + 7 < LIMIT; at += 7)
    CU_ASSERT_EQUAL(gmux__deframer_next(&d, block, 7, &used, &bytes, &compressed),
                    GMUX__DEFRAMED_MORE);
  CU_ASSERT_EQUAL(d.partial.cap, LIMIT);
  gmux__deframer_deinit(&d);
}

static void memory_that_is_kept_is_taken_for_the_whole_message_at_once(void) {
  enum { LARGE = 64 * 1024 };
  static const uint8_t block[LARGE];
  gmux__hoard hoard;
  gmux__hoard_init(&hoard, 1 << 20);
  size_t calls = 0;
  for (int round = 0; round < 3; round++) {
    gmux__deframer d;
    size_t used;
    gmux_bytes bytes = {0};
    bool compressed;
    gmux__deframer_init(&d, LARGE, &hoard);
    if (round == 1) calls = test_alloc_calls();
    CU_ASSERT_EQUAL(feed_prefix(&d, 0, LARGE, &used), GMUX__DEFRAMED_MORE);
    for (size_t at = 0; at < LARGE; at += 4096) {
      int rc = gmux__deframer_next(&d, block, 4096, &used, &bytes, &compressed);
      CU_ASSERT_EQUAL(rc, at + 4096 < LARGE ? GMUX__DEFRAMED_MORE : GMUX__DEFRAMED_MESSAGE);
    }
    CU_ASSERT_EQUAL(bytes.len, LARGE);
    gmux__hoard_release(&hoard, &bytes);
    gmux__deframer_deinit(&d);
  }
  CU_ASSERT_EQUAL(test_alloc_calls(), calls);
  gmux__hoard_deinit(&hoard);
}

static void read_in_pieces(void *arg) {
  (void)arg;
  reader r;
  reader_start(&r);
  for (size_t at = 0; at < stream_len; at += 50)
    reader_feed(&r, stream + at, stream_len - at < 50 ? stream_len - at : 50);
  reader_end(&r);
}

static void out_of_memory_loses_nothing(void) {
  CU_ASSERT_TRUE(test_alloc_torture(read_in_pieces, NULL) > 5);
}

static void a_message_given_up_half_way_is_freed(void) {
  size_t live = test_alloc_live();
  reader r;
  reader_start(&r);
  reader_feed(&r, stream, GMUX__PREFIX_LEN + 2);
  CU_ASSERT_EQUAL(test_alloc_live(), live + 1);
  gmux__deframer_deinit(&r.d);
  CU_ASSERT_EQUAL(test_alloc_live(), live);
}

static const test_case cases[] = {
    TEST(a_prefix_is_a_flag_and_a_big_endian_length),
    TEST(messages_that_lie_whole_are_yielded_where_they_lie),
    TEST(byte_by_byte_gives_the_same_messages),
    TEST(cut_in_two_anywhere_gives_the_same_messages),
    TEST(pieces_of_every_size_give_the_same_messages),
    TEST(feeding_nothing_changes_nothing),
    TEST(it_is_partial_from_the_first_byte_to_the_last_but_one),
    TEST(a_message_put_together_can_be_kept_without_a_copy),
    TEST(a_length_is_read_as_it_is_written),
    TEST(every_flag_above_one_is_refused),
    TEST(the_limit_is_checked_on_the_prefix_before_any_memory_is_taken),
    TEST(what_failed_for_good_fails_again),
    TEST(memory_follows_the_bytes_that_came_not_the_length_claimed),
    TEST(a_message_put_together_takes_no_more_memory_than_it_has_bytes),
    TEST(memory_that_is_kept_is_taken_for_the_whole_message_at_once),
    TEST(out_of_memory_loses_nothing),
    TEST(a_message_given_up_half_way_is_freed),
    TESTS_END};
const test_suite wire_framing_suite = {"framing", cases, setup, NULL};
