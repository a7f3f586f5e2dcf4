/* depth_test.c: what is nested too deep does not reach protobuf-c. */
#include "lib/protobuf/message.h"
#include <gmux/error.h>

#include "test.pb-c.h"
#include "tests/unit/harness.h"
#include <string.h>

/* A Node in a Node in a Node, written from the innermost outwards. */
static uint8_t wire[1 << 20];

static gmux_bytes nested(unsigned levels) {
  size_t start = sizeof wire;
  for (unsigned i = 1; i < levels; i++) {
    uint8_t head[6] = {0x0a}; /* field 1, a length */
    size_t head_len = 1;
    for (size_t len = sizeof wire - start; head_len == 1 || len > 0; len >>= 7)
      head[head_len++] = (uint8_t)((len & 0x7f) | (len > 0x7f ? 0x80 : 0));
    start -= head_len;
    memcpy(wire + start, head, head_len);
  }
  return gmux_bytes_borrow(wire + start, sizeof wire - start);
}

static int unpack(gmux_bytes bytes) {
  ProtobufCMessage *message;
  int error = gmux_protobuf_unpack(&message, &test__pb__node__descriptor, &bytes);
  if (!error) gmux_protobuf_free(message);
  return error;
}

static int unpack_text(const char *text, size_t len) {
  return unpack(gmux_bytes_borrow(text, len));
}

static void a_hundred_levels_are_allowed_and_one_more_is_not(void) {
  CU_ASSERT_EQUAL(unpack(nested(GMUX__PROTOBUF_MAX_DEPTH)), 0);
  CU_ASSERT_EQUAL(unpack(nested(GMUX__PROTOBUF_MAX_DEPTH + 1)), GMUX_ERR_PROTOCOL);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "nested deeper than 100 levels"));
}

static void nesting_that_would_overflow_the_stack_is_refused(void) {
  CU_ASSERT_EQUAL(unpack(nested(200000)), GMUX_ERR_PROTOCOL);
}

static void depth_behind_every_kind_of_field_is_seen(void) {
  static const char head[] = "\x1a\x02hi"                         /* label */
                             "\x20\xff\xff\x01"                   /* number */
                             "\x2d\1\2\3\4\x31\1\2\3\4\5\6\7\x08" /* four, eight */
                             "\x82\x01\x01x"                      /* unknown, a length */
                             "\x12\x02\x0a\x00";                  /* a child */
  gmux_bytes deep = nested(GMUX__PROTOBUF_MAX_DEPTH + 1);
  uint8_t *start = (uint8_t *)(uintptr_t)deep.data - (sizeof head - 1);
  memcpy(start, head, sizeof head - 1);
  CU_ASSERT_EQUAL(unpack(gmux_bytes_borrow(start, deep.len + sizeof head - 1)), GMUX_ERR_PROTOCOL);
  CU_ASSERT_EQUAL(unpack_text(head, sizeof head - 1), 0);
}

static void a_tag_of_five_bytes_does_not_hide_depth(void) {
  /* The tag 0x0a, spelt with four bytes of zeros behind it: protobuf-c reads it as field 1. */
  gmux_bytes deep = nested(GMUX__PROTOBUF_MAX_DEPTH + 1);
  static const uint8_t tag[] = {0x8a, 0x80, 0x80, 0x80, 0x00};
  uint8_t *start = (uint8_t *)(uintptr_t)deep.data - (sizeof tag - 1);
  memcpy(start, tag, sizeof tag);
  CU_ASSERT_EQUAL(unpack(gmux_bytes_borrow(start, deep.len + sizeof tag - 1)), GMUX_ERR_PROTOCOL);
  CU_ASSERT_EQUAL(unpack_text("\x8a\x80\x80\x80\x00\x02\x20\x05", 8), 0);
}

static void malformed_bytes_are_refused(void) {
  static const struct {
    const char *text;
    size_t len;
  } bad[] = {
      {"\x0a", 1},                                          /* no length */
      {"\x0a\x05", 2},                                      /* less than it says */
      {"\x0a\xff\xff\xff\xff\xff\x01", 7},                  /* a length that never ends */
      {"\x0a\xff\xff\xff\xff\x7f", 6},                      /* a length beyond 32 bits */
      {"\x20\x80", 2},                                      /* half a varint */
      {"\x20\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", 11}, /* a varint that never ends */
      {"\x2d\x01\x02\x03", 4},                              /* three bytes of four */
      {"\x31\x01\x02\x03\x04\x05\x06\x07", 8},              /* seven of eight */
      {"\x0b\x0c", 2},                                      /* a group */
      {"\x0f", 1},                                          /* no wire type */
      {"\x80", 1},                                          /* half a tag */
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CU_ASSERT_EQUAL(unpack_text(bad[i].text, bad[i].len), GMUX_ERR_PROTOCOL);
}

/* Whatever protobuf-c accepts must pass: all short strings over bytes that mean something. */
static void nothing_is_refused_that_protobuf_c_accepts(void) {
  static const uint8_t alphabet[] = {0x00, 0x01, 0x02, 0x0a, 0x12, 0x1a,
                                     0x20, 0x2d, 0x31, 0x80, 0x82, 0xff};
  enum { LETTERS = sizeof alphabet, LENGTH = 5 };
  size_t accepted = 0, total = 1;
  for (unsigned i = 0; i < LENGTH; i++)
    total *= LETTERS;
  for (size_t n = 0; n < total; n++) {
    uint8_t text[LENGTH];
    size_t rest = n;
    for (unsigned i = 0; i < LENGTH; i++, rest /= LETTERS)
      text[i] = alphabet[rest % LETTERS];
    const ProtobufCMessageDescriptor *type = &test__pb__node__descriptor;
    ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, LENGTH, text);
    if (!message) continue;
    protobuf_c_message_free_unpacked(message, NULL);
    accepted++;
    if (!gmux__protobuf_depth_is_sane(type, text, LENGTH)) CU_FAIL("refused what is a message");
  }
  CU_ASSERT_TRUE(accepted > 1000);
}

static const test_case cases[] = {TEST(a_hundred_levels_are_allowed_and_one_more_is_not),
                                  TEST(nesting_that_would_overflow_the_stack_is_refused),
                                  TEST(depth_behind_every_kind_of_field_is_seen),
                                  TEST(a_tag_of_five_bytes_does_not_hide_depth),
                                  TEST(malformed_bytes_are_refused),
                                  TEST(nothing_is_refused_that_protobuf_c_accepts),
                                  TESTS_END};
const test_suite protobuf_depth_suite = {"depth", cases, NULL, NULL};
