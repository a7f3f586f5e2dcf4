/* message_test.c: messages to bytes and back. */
#include "lib/protobuf/message.h"
#include <gmux/error.h>

#include "nameless.pb-c.h"
#include "test.pb-c.h"
#include "tests/unit/harness.h"
#include <string.h>

static char street[] = "Main Street";
static char name[] = "Ada";

static void a_message_comes_back_as_it_was_packed(void) {
  Test__Pb__Home home = TEST__PB__HOME__INIT;
  home.street = street;
  Test__Pb__Request sent = TEST__PB__REQUEST__INIT;
  sent.name = name;
  sent.home = &home;

  gmux_bytes bytes;
  CU_ASSERT_EQUAL_FATAL(gmux_protobuf_pack(&bytes, &sent.base), 0);
  CU_ASSERT_EQUAL(bytes.len, test__pb__request__get_packed_size(&sent));
  ProtobufCMessage *message;
  CU_ASSERT_EQUAL_FATAL(gmux_protobuf_unpack(&message, &test__pb__request__descriptor, &bytes), 0);
  Test__Pb__Request *got = (Test__Pb__Request *)message;
  CU_ASSERT_STRING_EQUAL(got->name, name);
  CU_ASSERT_STRING_EQUAL(got->home->street, street);
  gmux_protobuf_free(message);
  gmux_bytes_release(&bytes);
}

static void packing_allocates_once_and_the_bytes_own_it(void) {
  Test__Pb__Reply reply = TEST__PB__REPLY__INIT;
  reply.text = name;
  size_t calls = test_alloc_calls(), live = test_alloc_live();
  gmux_bytes bytes;
  CU_ASSERT_EQUAL_FATAL(gmux_protobuf_pack(&bytes, &reply.base), 0);
  CU_ASSERT_EQUAL(test_alloc_calls(), calls + 1);
  CU_ASSERT_PTR_NOT_NULL(bytes.release);
  gmux_bytes_release(&bytes);
  CU_ASSERT_EQUAL(test_alloc_live(), live);
}

static void an_empty_message_is_no_bytes_and_back(void) {
  Test__Pb__Node sent = TEST__PB__NODE__INIT;
  gmux_bytes bytes;
  CU_ASSERT_EQUAL_FATAL(gmux_protobuf_pack(&bytes, &sent.base), 0);
  CU_ASSERT_EQUAL(bytes.len, 0);
  ProtobufCMessage *got;
  CU_ASSERT_EQUAL_FATAL(gmux_protobuf_unpack(&got, &test__pb__node__descriptor, &bytes), 0);
  CU_ASSERT_PTR_NULL(((Test__Pb__Node *)got)->child);
  gmux_protobuf_free(got);
  gmux_bytes_release(&bytes);
}

static void nulls_and_rubbish_are_refused_in_words(void) {
  Test__Pb__Reply reply = TEST__PB__REPLY__INIT;
  reply.text = name;
  gmux_bytes bytes = gmux_bytes_borrow("", 0);
  ProtobufCMessage *message;
  CU_ASSERT_EQUAL(gmux_protobuf_pack(NULL, &reply.base), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_protobuf_pack(&bytes, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "the message is NULL");
  const ProtobufCMessageDescriptor *type = &test__pb__reply__descriptor;
  CU_ASSERT_EQUAL(gmux_protobuf_unpack(NULL, type, &bytes), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_protobuf_unpack(&message, NULL, &bytes), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_protobuf_unpack(&message, type, NULL), GMUX_ERR_INVALID);
  gmux_protobuf_free(NULL);

  Test__Pb__Reply zeros;
  memset(&zeros, 0, sizeof zeros);
  CU_ASSERT_EQUAL(gmux_protobuf_pack(&bytes, &zeros.base), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "FOO__INIT"));
}

static void a_message_over_two_gib_is_refused(void) {
  /* 1025 times the same 2 MiB: only the sum is too large. */
  enum { COUNT = 1025, LEN = 2 << 20 };
  static char text[LEN + 1];
  static char *names[COUNT];
  memset(text, 'x', LEN);
  for (size_t i = 0; i < COUNT; i++)
    names[i] = text;
  Test__Pb__Request request = TEST__PB__REQUEST__INIT;
  request.name = name;
  request.n_nicknames = COUNT;
  request.nicknames = names;
  gmux_bytes bytes;
  CU_ASSERT_EQUAL(gmux_protobuf_pack(&bytes, &request.base), GMUX_ERR_TOO_LARGE);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "test.pb.Request"));
}

static void every_cut_of_a_message_is_refused_or_a_message(void) {
  static const uint8_t whole[] = "\x0a\x03"
                                 "Ada\x12\x05\x0a\x03"
                                 "abc\x42\x02\x01\x02";
  size_t refused = 0;
  for (size_t len = 0; len < sizeof whole; len++) {
    gmux_bytes bytes = gmux_bytes_borrow(whole, len);
    ProtobufCMessage *message;
    int error = gmux_protobuf_unpack(&message, &test__pb__request__descriptor, &bytes);
    if (!error) gmux_protobuf_free(message);
    if (error == GMUX_ERR_PROTOCOL) refused++;
    CU_ASSERT_TRUE(error == 0 || error == GMUX_ERR_PROTOCOL);
  }
  CU_ASSERT_EQUAL(refused, sizeof whole - 3); /* behind each of its three fields it may end */
}

static void a_missing_required_field_is_refused_by_both_ways(void) {
  Test__Pb__Reply reply = TEST__PB__REPLY__INIT;
  gmux_bytes bytes;
  CU_ASSERT_EQUAL(gmux_protobuf_pack(&bytes, &reply.base), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "test.pb.Reply: field text: is required and not set");
  bytes = gmux_bytes_borrow(NULL, 0);
  ProtobufCMessage *message;
  CU_ASSERT_EQUAL(gmux_protobuf_unpack(&message, &test__pb__reply__descriptor, &bytes),
                  GMUX_ERR_PROTOCOL);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "not a valid test.pb.Reply");
}

static void types_are_the_same_by_name_and_nameless_ones_only_by_address(void) {
  ProtobufCMessageDescriptor copy = test__pb__reply__descriptor;
  CU_ASSERT_TRUE(gmux__protobuf_type_is(&copy, &test__pb__reply__descriptor));
  CU_ASSERT_FALSE(gmux__protobuf_type_is(&copy, &test__pb__request__descriptor));
  copy = test__nameless__empty__descriptor;
  CU_ASSERT_FALSE(gmux__protobuf_type_is(&copy, &test__nameless__empty__descriptor));
  CU_ASSERT_TRUE(gmux__protobuf_type_is(&copy, &copy));
  CU_ASSERT_PTR_NOT_NULL(gmux__protobuf_type_name(&copy));
}

/* Fields twice, so that protobuf-c merges; unknown ones; both members of the oneof. */
static void torture_unpack(void *arg) {
  (void)arg;
  static const char wire[] = "\x0a\x03"
                             "Ada\x12\x05\x0a\x03"
                             "abc\x12\x08\x0a\x03xyz\x12\x01k\x1a\x03\x0a\x01q\x1a\x03\x0a\x01r"
                             "\x22\x01n\x22\x01m\x2a\x02pp\x2a\x02qq\x32\x03\x0a\x01v\x38\x07"
                             "\x32\x03\x0a\x01w\x42\x02\x01\x02\x7a\x01u";
  gmux_bytes bytes = gmux_bytes_borrow(wire, sizeof wire - 1);
  ProtobufCMessage *message;
  int error = gmux_protobuf_unpack(&message, &test__pb__request__descriptor, &bytes);
  CU_ASSERT_EQUAL(error, test_alloc_has_failed() ? GMUX_ERR_NOMEM : 0);
  if (!error) gmux_protobuf_free(message);
}

static void unpacking_survives_every_failing_allocation(void) {
  size_t runs = test_alloc_torture(torture_unpack, NULL);
  CU_ASSERT_TRUE(runs > 15);
}

static void torture_pack(void *arg) {
  (void)arg;
  Test__Pb__Reply reply = TEST__PB__REPLY__INIT;
  reply.text = name;
  gmux_bytes bytes = gmux_bytes_borrow(NULL, 0);
  int error = gmux_protobuf_pack(&bytes, &reply.base);
  CU_ASSERT_EQUAL(error, test_alloc_has_failed() ? GMUX_ERR_NOMEM : 0);
  gmux_bytes_release(&bytes);
}

static void packing_survives_a_failing_allocation(void) {
  CU_ASSERT_EQUAL(test_alloc_torture(torture_pack, NULL), 2);
}

static const test_case cases[] = {
    TEST(a_message_comes_back_as_it_was_packed),
    TEST(packing_allocates_once_and_the_bytes_own_it),
    TEST(an_empty_message_is_no_bytes_and_back),
    TEST(nulls_and_rubbish_are_refused_in_words),
    TEST(a_message_over_two_gib_is_refused),
    TEST(every_cut_of_a_message_is_refused_or_a_message),
    TEST(a_missing_required_field_is_refused_by_both_ways),
    TEST(types_are_the_same_by_name_and_nameless_ones_only_by_address),
    TEST(unpacking_survives_every_failing_allocation),
    TEST(packing_survives_a_failing_allocation),
    TESTS_END};
const test_suite protobuf_message_suite = {"message", cases, NULL, NULL};
