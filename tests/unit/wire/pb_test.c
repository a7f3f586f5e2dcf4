/* pb_test.c: Protocol Buffers' encoding, field by field. */
#include "lib/wire/pb.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

/* What was written is these bytes; the writer is empty afterwards. */
static void check_written(gmux__pb_writer *w, const char *expected, size_t len) {
  gmux_bytes bytes;
  CU_ASSERT_EQUAL_FATAL(gmux__pb_finish(w, &bytes), 0);
  CU_ASSERT_EQUAL_FATAL(bytes.len, len);
  CU_ASSERT_TRUE(len == 0 || memcmp(bytes.data, expected, len) == 0);
  gmux_bytes_release(&bytes);
  CU_ASSERT_EQUAL(gmux__buf_len(&w->buf), 0);
}
#define CHECK_WRITTEN(w, literal) check_written(w, literal, sizeof literal - 1)

static void fields_are_written_as_the_documentation_says(void) {
  gmux__pb_writer w = {.buf = {0}};
  gmux__pb_put_uint(&w, 1, 150);
  gmux__pb_put_string(&w, 2, "testing");
  gmux__pb_put_bytes(&w, 16, "\0x", 2);
  CHECK_WRITTEN(&w, "\x08\x96\x01\x12\x07testing\x82\x01\x02\0x");
}

static void a_default_is_written_only_where_it_is_added(void) {
  gmux__pb_writer w = {.buf = {0}};
  gmux__pb_put_uint(&w, 1, 0);
  gmux__pb_put_int(&w, 1, 0);
  gmux__pb_put_string(&w, 2, "");
  gmux__pb_put_string(&w, 2, NULL);
  gmux__pb_put_bytes(&w, 2, NULL, 0);
  CHECK_WRITTEN(&w, "");
  gmux__pb_add_uint(&w, 1, 0);
  gmux__pb_add_bytes(&w, 2, NULL, 0);
  CHECK_WRITTEN(&w, "\x08\x00\x12\x00");
}

static void numbers_at_the_limits_are_written_whole(void) {
  gmux__pb_writer w = {.buf = {0}};
  gmux__pb_put_int(&w, 1, -1);
  gmux__pb_put_uint(&w, (1u << 29) - 1, UINT64_MAX);
  CHECK_WRITTEN(&w, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                    "\xf8\xff\xff\xff\x0f\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

static void messages_nest_whatever_their_length(void) {
  /* Around the lengths at which a prefix takes one byte more. */
  static const size_t lengths[] = {0, 1, 120, 127, 128, 130, 16379, 16383, 16384, 20000};
  static char text[20000];
  memset(text, 'x', sizeof text);
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    gmux__pb_writer w = {.buf = {0}};
    size_t outer = gmux__pb_begin(&w, 1), inner = gmux__pb_begin(&w, 2);
    gmux__pb_add_bytes(&w, 3, text, lengths[i]);
    gmux__pb_end(&w, inner);
    gmux__pb_end(&w, outer);
    gmux_bytes bytes;
    CU_ASSERT_EQUAL_FATAL(gmux__pb_finish(&w, &bytes), 0);

    gmux__pb_reader r = gmux__pb_read(bytes.data, bytes.len);
    gmux__pb_field field = {.number = 0};
    for (uint32_t number = 1; number <= 3; number++) {
      CU_ASSERT_TRUE(gmux__pb_next(&r, &field));
      CU_ASSERT_TRUE(gmux__pb_is(&field, number, GMUX__PB_BYTES));
      CU_ASSERT_PTR_EQUAL(r.at, r.end);
      r = gmux__pb_read(field.data, field.len);
    }
    CU_ASSERT_EQUAL(field.len, lengths[i]);
    CU_ASSERT_TRUE(field.len == 0 || memcmp(field.data, text, field.len) == 0);
    gmux_bytes_release(&bytes);
  }
}

static void write_all(void *arg) {
  (void)arg;
  static const char text[200];
  gmux__pb_writer w = {.buf = {0}};
  size_t mark = gmux__pb_begin(&w, 1);
  gmux__pb_put_uint(&w, 1, 1);
  gmux__pb_put_bytes(&w, 2, text, sizeof text);
  gmux__pb_put_bytes(&w, 3, text, sizeof text);
  gmux__pb_end(&w, mark);
  gmux_bytes bytes = gmux_bytes_borrow(NULL, 0);
  int error = gmux__pb_finish(&w, &bytes);
  CU_ASSERT_EQUAL(error, test_alloc_has_failed() ? GMUX_ERR_NOMEM : 0);
  gmux_bytes_release(&bytes);
  CU_ASSERT_EQUAL(gmux__buf_len(&w.buf), 0);
}

static void want_of_memory_is_told_at_the_end(void) {
  CU_ASSERT_TRUE(test_alloc_torture(write_all, NULL) > 2);
}

/* ---- reading ---- */

/* Reads a copy of just that size. Counts the fields; *broken says how it ended. */
static size_t fields_of(const char *bytes, size_t len, bool *broken) {
  char *exact = malloc(len ? len : 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
  memcpy(exact, bytes, len);
  gmux__pb_reader r = gmux__pb_read(exact, len);
  gmux__pb_field field;
  size_t count = 0;
  while (gmux__pb_next(&r, &field))
    count++;
  CU_ASSERT_FALSE(gmux__pb_next(&r, &field)); /* the end stays the end */
  *broken = r.is_broken;
  free(exact);
  return count;
}

static void every_type_is_read(void) {
  static const char bytes[] = "\x08\x96\x01\x11\x01\x02\x03\x04\x05\x06\x07\x08"
                              "\x1a\x02hi\x25\x01\x02\x03\x04";
  gmux__pb_reader r = gmux__pb_read(bytes, sizeof bytes - 1);
  gmux__pb_field field;
  CU_ASSERT_TRUE(gmux__pb_next(&r, &field));
  CU_ASSERT_TRUE(gmux__pb_is(&field, 1, GMUX__PB_VARINT) && field.value == 150);
  CU_ASSERT_TRUE(gmux__pb_next(&r, &field));
  CU_ASSERT_TRUE(gmux__pb_is(&field, 2, GMUX__PB_FIXED64) && field.value == 0x0807060504030201);
  CU_ASSERT_TRUE(gmux__pb_next(&r, &field));
  CU_ASSERT_TRUE(gmux__pb_is(&field, 3, GMUX__PB_BYTES) && field.len == 2);
  CU_ASSERT_EQUAL(memcmp(field.data, "hi", 2), 0);
  CU_ASSERT_TRUE(gmux__pb_next(&r, &field));
  CU_ASSERT_TRUE(gmux__pb_is(&field, 4, GMUX__PB_FIXED32) && field.value == 0x04030201);
  CU_ASSERT_FALSE(gmux__pb_next(&r, &field));
  CU_ASSERT_FALSE(r.is_broken);
}

static void nothing_is_a_message_without_fields(void) {
  gmux__pb_reader r = gmux__pb_read(NULL, 0);
  gmux__pb_field field;
  CU_ASSERT_FALSE(gmux__pb_next(&r, &field));
  CU_ASSERT_FALSE(r.is_broken);
}

static void groups_are_passed_over(void) {
  bool broken;
  /* group 1 { 2: 5, group 3 {}, 4: "x" }, then 5: 1 */
  static const char bytes[] = "\x0b\x10\x05\x1b\x1c\x22\x01x\x0c\x28\x01";
  CU_ASSERT_EQUAL(fields_of(bytes, sizeof bytes - 1, &broken), 1);
  CU_ASSERT_FALSE(broken);
  char deep[200];
  for (size_t depth = 1; depth <= 100; depth += 99) {
    memset(deep, 0x0b, depth);
    memset(deep + depth, 0x0c, depth);
    CU_ASSERT_EQUAL(fields_of(deep, 2 * depth, &broken), 0);
    CU_ASSERT_FALSE(broken);
  }
  memset(deep, 0x0b, sizeof deep);
  fields_of(deep, sizeof deep, &broken);
  CU_ASSERT_TRUE(broken);
}

typedef struct sample {
  const char *bytes;
  size_t len;
} sample;
#define SAMPLE(literal)                                                                            \
  { literal, sizeof literal - 1 }

static void what_is_no_protobuf_is_told(void) {
  static const sample samples[] = {
      SAMPLE("\x80"),                                         /* a tag cut short */
      SAMPLE("\x08"),                                         /* no value */
      SAMPLE("\x08\x80"),                                     /* a value cut short */
      SAMPLE("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"), /* eleven bytes and no end */
      SAMPLE("\x00\x01"),                                     /* field 0 */
      SAMPLE("\x80\x80\x80\x80\x10\x01"),                     /* field 2^29 */
      SAMPLE("\x0e"),                                         /* wire type 6 */
      SAMPLE("\x0f"),                                         /* wire type 7 */
      SAMPLE("\x0c"),                                         /* the end of no group */
      SAMPLE("\x0b\x08\x01"),                                 /* a group without an end */
      SAMPLE("\x0b\x14"),                                     /* the end of another group */
      SAMPLE("\x09\1\2\3\4\5\6\7"),                           /* seven bytes of eight */
      SAMPLE("\x0d\1\2\3"),                                   /* three bytes of four */
      SAMPLE("\x0a\x02x"),                                    /* one byte of two */
      SAMPLE("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")  /* a length of 2^64-1 */
  };
  for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
    bool broken = false;
    CU_ASSERT_EQUAL(fields_of(samples[i].bytes, samples[i].len, &broken), 0);
    CU_ASSERT_TRUE(broken);
  }
}

static const test_case cases[] = {TEST(fields_are_written_as_the_documentation_says),
                                  TEST(a_default_is_written_only_where_it_is_added),
                                  TEST(numbers_at_the_limits_are_written_whole),
                                  TEST(messages_nest_whatever_their_length),
                                  TEST(want_of_memory_is_told_at_the_end),
                                  TEST(every_type_is_read),
                                  TEST(nothing_is_a_message_without_fields),
                                  TEST(groups_are_passed_over),
                                  TEST(what_is_no_protobuf_is_told),
                                  TESTS_END};
const test_suite wire_pb_suite = {"pb", cases, NULL, NULL};
