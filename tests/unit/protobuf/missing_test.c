/* missing_test.c: what is said of an incomplete message. */
#include "lib/protobuf/message.h"
#include <gmux/error.h>

#include "test.pb-c.h"
#include "tests/unit/harness.h"
#include <string.h>

static char name[] = "Ada";
static char street[] = "Main Street";

/* What pack says of `request`, in which exactly one thing is wrong. */
static const char *words(const Test__Pb__Request *request) {
  static char text[512];
  gmux_bytes bytes;
  CU_ASSERT_EQUAL(gmux_protobuf_pack(&bytes, &request->base), GMUX_ERR_INVALID);
  strcpy(text, gmux_last_error());
  return text;
}

static void a_field_inside_a_message_is_named_by_its_path(void) {
  Test__Pb__Home home = TEST__PB__HOME__INIT;
  Test__Pb__Request request = TEST__PB__REQUEST__INIT;
  request.name = name;
  request.home = &home;
  CU_ASSERT_STRING_EQUAL(words(&request),
                         "test.pb.Request: field home.street: is required and not set");
}

static void an_element_is_named_by_its_index(void) {
  Test__Pb__Home good = TEST__PB__HOME__INIT, bad = TEST__PB__HOME__INIT;
  good.street = street;
  Test__Pb__Home *homes[] = {&good, &good, &bad};
  Test__Pb__Request request = TEST__PB__REQUEST__INIT;
  request.name = name;
  request.homes = homes;
  request.n_homes = 3;
  CU_ASSERT_STRING_EQUAL(words(&request),
                         "test.pb.Request: field homes[2].street: is required and not set");

  homes[1] = NULL;
  CU_ASSERT_STRING_EQUAL(words(&request),
                         "test.pb.Request: field homes[1]: is required and not set");

  char *nicknames[] = {name, NULL};
  request.n_homes = 0;
  request.nicknames = nicknames;
  request.n_nicknames = 2;
  CU_ASSERT_STRING_EQUAL(words(&request),
                         "test.pb.Request: field nicknames[1]: is required and not set");
}

static void a_count_or_length_without_memory_behind_it_is_named(void) {
  Test__Pb__Request request = TEST__PB__REQUEST__INIT;
  request.name = name;
  request.n_numbers = 3;
  CU_ASSERT_STRING_EQUAL(words(&request),
                         "test.pb.Request: field numbers: has a count, but its array is NULL");
  request.n_numbers = 0;
  request.has_photo = 1;
  request.photo.len = 5;
  CU_ASSERT_STRING_EQUAL(words(&request),
                         "test.pb.Request: field photo: has a length, but its data is NULL");
}

static void only_the_set_member_of_a_oneof_counts(void) {
  Test__Pb__Home home = TEST__PB__HOME__INIT;
  Test__Pb__Request request = TEST__PB__REQUEST__INIT;
  request.name = name;
  request.contact_case = TEST__PB__REQUEST__CONTACT_VISIT;
  request.visit = &home;
  CU_ASSERT_STRING_EQUAL(words(&request),
                         "test.pb.Request: field visit.street: is required and not set");
  request.contact_case = TEST__PB__REQUEST__CONTACT_PHONE;
  request.phone = 42;
  request.n_numbers = 3;
  CU_ASSERT_STRING_EQUAL(words(&request),
                         "test.pb.Request: field numbers: has a count, but its array is NULL");
  request.n_numbers = 0;
  gmux_bytes bytes;
  CU_ASSERT_EQUAL(gmux_protobuf_pack(&bytes, &request.base), 0);
  gmux_bytes_release(&bytes);
}

static void a_message_inside_that_was_not_initialised_is_named(void) {
  Test__Pb__Home home;
  memset(&home, 0, sizeof home);
  Test__Pb__Request request = TEST__PB__REQUEST__INIT;
  request.name = name;
  request.home = &home;
  CU_ASSERT_STRING_EQUAL(words(&request),
                         "test.pb.Request: field home: is a message that was not initialised");
}

static void a_path_that_is_too_long_is_cut(void) {
  enum { LEVELS = 80 };
  Test__Pb__Node nodes[LEVELS];
  for (size_t i = 0; i < LEVELS; i++) {
    test__pb__node__init(&nodes[i]);
    if (i > 0) nodes[i - 1].child = &nodes[i];
  }
  nodes[LEVELS - 1].n_children = 1;
  gmux_bytes bytes;
  CU_ASSERT_EQUAL(gmux_protobuf_pack(&bytes, &nodes[0].base), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "field child.child.child"));
  char why[16];
  gmux__protobuf_explain_missing(&nodes[0].base, why, sizeof why);
  CU_ASSERT_STRING_EQUAL(why, "field child.chi");
}

static const test_case cases[] = {TEST(a_field_inside_a_message_is_named_by_its_path),
                                  TEST(an_element_is_named_by_its_index),
                                  TEST(a_count_or_length_without_memory_behind_it_is_named),
                                  TEST(only_the_set_member_of_a_oneof_counts),
                                  TEST(a_message_inside_that_was_not_initialised_is_named),
                                  TEST(a_path_that_is_too_long_is_cut),
                                  TESTS_END};
const test_suite protobuf_missing_suite = {"missing", cases, NULL, NULL};
