/* codec_test.c: names of algorithms, lists of them, and the application's own. */
#include "lib/base/fail.h"
#include "lib/wire/codec.h"
#include "tests/unit/harness.h"
#include "tests/unit/twin.h"
#include <string.h>

static gmux__codecs codecs;

static void setup(void) {
  gmux__codecs_init(&codecs, &twin_codec, 1);
}

static gmux__encoding find(const char *name) {
  return gmux__codecs_find(&codecs, (const uint8_t *)name, strlen(name));
}

static uint32_t parse(const char *list) {
  return gmux__codecs_parse(&codecs, (const uint8_t *)list, strlen(list));
}

static int check(const gmux_codec *codec, const char *compression) {
  return gmux__codecs_check(codec, codec ? 1 : 0, compression);
}

static gmux_codec named(const char *name) {
  gmux_codec codec = twin_codec;
  codec.name = name;
  return codec;
}

static void what_cannot_be_registered_is_told_in_words(void) {
  static const struct {
    const char *name, *why;
  } rows[] = {
      {NULL, "a codec has no name"},
      {"", "a codec has no name"},
      {"gzip", "codec \"gzip\" is built in"},
      {"identity", "codec \"identity\" is built in"},
      {"0123456789012345678901234567890", "a codec's name has more than 30 characters"},
      {"a,b", "a codec's name has byte 0x2c at position 1: only a-z, 0-9, '-', '_' and '.' can "
              "stand there"},
      {"Snappy", "a codec's name has byte 0x53 at position 0: only a-z, 0-9, '-', '_' and '.' can "
                 "stand there"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gmux_codec codec = named(rows[i].name);
    CU_ASSERT_EQUAL(check(&codec, NULL), GMUX_ERR_INVALID);
    CU_ASSERT_STRING_EQUAL(gmux_last_error(), rows[i].why);
  }
  gmux_codec longest = named("012345678901234567890123456789"), half = twin_codec;
  CU_ASSERT_EQUAL(check(&longest, longest.name), 0);
  half.decompress = NULL;
  CU_ASSERT_EQUAL(check(&half, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "codec \"twin\" lacks compress or decompress");
}

static void neither_twice_nor_too_many_nor_none(void) {
  gmux_codec twice[2] = {twin_codec, twin_codec};
  CU_ASSERT_EQUAL(gmux__codecs_check(twice, 2, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "codec \"twin\" is there twice");
  CU_ASSERT_EQUAL(gmux__codecs_check(NULL, 1, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux__codecs_check(twice, 9, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "codec_count 9 is not in 0..8");
}

static void compression_is_one_that_is_known(void) {
  CU_ASSERT_EQUAL(check(NULL, NULL), 0);
  CU_ASSERT_EQUAL(check(NULL, "identity"), 0);
  CU_ASSERT_EQUAL(check(NULL, "deflate"), 0);
  CU_ASSERT_EQUAL(check(&twin_codec, "twin"), 0);
  CU_ASSERT_EQUAL(check(NULL, "twin"), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(),
                         "compression \"twin\" is neither built in nor in codecs");
}

static void all_that_is_known_is_offered(void) {
  CU_ASSERT_STRING_EQUAL(codecs.accept, "identity,gzip,deflate,twin");
  gmux_codec eight[8];
  static char names[8][GMUX__CODEC_NAME];
  for (int i = 0; i < 8; i++) {
    memset(names[i], 'a' + i, sizeof names[i] - 1);
    eight[i] = named(names[i]);
  }
  static gmux__codecs full;
  CU_ASSERT_EQUAL_FATAL(gmux__codecs_check(eight, 8, names[7]), 0);
  gmux__codecs_init(&full, eight, 8);
  CU_ASSERT_EQUAL(strlen(full.accept), 21 + 8 * 31);
  CU_ASSERT_EQUAL(gmux__codecs_named(&full, names[7]), GMUX__ENCODING_CUSTOM + 7);
  CU_ASSERT_STRING_EQUAL(gmux__codecs_name(&full, gmux__codecs_named(&full, names[7])), names[7]);
}

static void a_name_is_found_only_where_it_is_registered(void) {
  CU_ASSERT_EQUAL(find("twin"), GMUX__ENCODING_CUSTOM);
  CU_ASSERT_EQUAL(find("gzip"), GMUX__ENCODING_GZIP);
  CU_ASSERT_EQUAL(find("twi"), GMUX__ENCODING_UNKNOWN);
  CU_ASSERT_EQUAL(find("twins"), GMUX__ENCODING_UNKNOWN);
  CU_ASSERT_EQUAL(find(""), GMUX__ENCODING_UNKNOWN);
  CU_ASSERT_EQUAL(gmux__codecs_named(NULL, "twin"), GMUX__ENCODING_UNKNOWN);
  CU_ASSERT_EQUAL(gmux__codecs_named(&codecs, NULL), GMUX__ENCODING_IDENTITY);
  CU_ASSERT_STRING_EQUAL(gmux__codecs_name(&codecs, GMUX__ENCODING_UNKNOWN), "unknown");
  CU_ASSERT_STRING_EQUAL(gmux__codecs_name(NULL, GMUX__ENCODING_CUSTOM), "unknown");
}

static void a_list_has_commas_and_perhaps_spaces_and_strangers(void) {
  const uint32_t gzip = gmux__encoding_bit(GMUX__ENCODING_GZIP),
                 deflate = gmux__encoding_bit(GMUX__ENCODING_DEFLATE),
                 identity = gmux__encoding_bit(GMUX__ENCODING_IDENTITY),
                 twin = gmux__encoding_bit(GMUX__ENCODING_CUSTOM);
  CU_ASSERT_EQUAL(parse("identity,gzip,deflate"), identity | gzip | deflate);
  CU_ASSERT_EQUAL(parse("gzip"), gzip);
  CU_ASSERT_EQUAL(parse(" gzip ,\ttwin\t"), gzip | twin);
  CU_ASSERT_EQUAL(parse("br,gzip,zstd"), gzip);
  CU_ASSERT_EQUAL(parse(",,gzip,,"), gzip);
  CU_ASSERT_EQUAL(parse("gzip deflate"), 0);
  CU_ASSERT_EQUAL(parse("xgzip,gzipx,GZIP"), 0);
  CU_ASSERT_EQUAL(parse(""), 0);
  CU_ASSERT_EQUAL(parse(" , ,"), 0);
}

/* ---- the application's own ---- */

static int decompress(const char *coded, size_t limit, gmux_bytes *out) {
  gmux_bytes message = gmux_bytes_borrow(coded, strlen(coded));
  return gmux__codecs_decompress(&codecs, GMUX__ENCODING_CUSTOM, out, &message, limit);
}

static void a_custom_codec_is_asked_both_ways(void) {
  gmux_bytes message = gmux_bytes_borrow("aabbcc", 6), coded = {0}, plain = {0};
  CU_ASSERT_EQUAL(gmux__codecs_compress(&codecs, GMUX__ENCODING_CUSTOM, &coded, &message), 0);
  CU_ASSERT_TRUE(coded.len == 3 && memcmp(coded.data, "abc", 3) == 0);
  CU_ASSERT_EQUAL(decompress("abc", 6, &plain), 0);
  CU_ASSERT_TRUE(plain.len == 6 && memcmp(plain.data, "aabbcc", 6) == 0);
  gmux_bytes_release(&coded);
  gmux_bytes_release(&plain);
}

static void what_it_cannot_compress_goes_as_it_is(void) {
  gmux_bytes message = gmux_bytes_borrow("abc", 3), coded = {0};
  CU_ASSERT_EQUAL(gmux__codecs_compress(&codecs, GMUX__ENCODING_CUSTOM, &coded, &message),
                  GMUX__IN_VAIN);
  CU_ASSERT_EQUAL(coded.len, 0);
}

static int grow(gmux_bytes *out, const gmux_bytes *message, void *user_data) {
  (void)user_data;
  return gmux_bytes_copy(out, message->data, message->len);
}

static int overdo(gmux_bytes *out, const gmux_bytes *message, size_t limit, void *user_data) {
  (void)limit;
  return grow(out, message, user_data);
}

static void a_codec_that_does_not_keep_its_word_does_no_harm(void) {
  gmux_codec bad = {.name = "bad", .compress = grow, .decompress = overdo};
  gmux__codecs_init(&codecs, &bad, 1);
  gmux_bytes message = gmux_bytes_borrow("abcdef", 6), coded = {0}, plain = {0};
  CU_ASSERT_EQUAL(gmux__codecs_compress(&codecs, GMUX__ENCODING_CUSTOM, &coded, &message),
                  GMUX__IN_VAIN);
  CU_ASSERT_EQUAL(decompress("abcdef", 5, &plain), GMUX_ERR_TOO_LARGE);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "a message of bad is longer than the limit of 5 bytes");
  CU_ASSERT_EQUAL(decompress("abcdef", 6, &plain), 0);
  gmux_bytes_release(&plain);
}

static void its_errors_are_told(void) {
  gmux_bytes plain = {0};
  CU_ASSERT_EQUAL(decompress("!", 10, &plain), GMUX_ERR_PROTOCOL);
  CU_ASSERT_EQUAL(decompress("abc", 5, &plain), GMUX_ERR_TOO_LARGE);
  CU_ASSERT_EQUAL(plain.len, 0);
}

static void there_and_back(void *arg) {
  (void)arg;
  gmux_bytes message = gmux_bytes_borrow("aabbcc", 6), coded = {0}, plain = {0};
  int error = gmux__codecs_compress(&codecs, GMUX__ENCODING_CUSTOM, &coded, &message);
  if (!error) error = gmux__codecs_decompress(&codecs, GMUX__ENCODING_CUSTOM, &plain, &coded, 100);
  CU_ASSERT_EQUAL(error, test_alloc_has_failed() ? GMUX_ERR_NOMEM : 0);
  gmux_bytes_release(&coded);
  gmux_bytes_release(&plain);
}

static void out_of_memory_is_told_and_leaks_nothing(void) {
  CU_ASSERT_EQUAL(test_alloc_torture(there_and_back, NULL), 3);
}

static const test_case cases[] = {TEST(what_cannot_be_registered_is_told_in_words),
                                  TEST(neither_twice_nor_too_many_nor_none),
                                  TEST(compression_is_one_that_is_known),
                                  TEST(all_that_is_known_is_offered),
                                  TEST(a_name_is_found_only_where_it_is_registered),
                                  TEST(a_list_has_commas_and_perhaps_spaces_and_strangers),
                                  TEST(a_custom_codec_is_asked_both_ways),
                                  TEST(what_it_cannot_compress_goes_as_it_is),
                                  TEST(a_codec_that_does_not_keep_its_word_does_no_harm),
                                  TEST(its_errors_are_told),
                                  TEST(out_of_memory_is_told_and_leaks_nothing),
                                  TESTS_END};

const test_suite wire_codec_suite = {.name = "codec", .cases = cases, .setup = setup};
