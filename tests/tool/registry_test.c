/* registry_test.c: what descriptors say. */
#include "tests/tool/kit.h"
#include "tools/gmux/wire.h"

#include <string.h>

static const field *find(const char *message, const char *name) {
  const field *f = message_field(tool_message(message), name, strlen(name));
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  return f;
}

static void a_field_is_found_by_either_of_its_names(void) {
  CU_ASSERT_PTR_EQUAL(find("all.Scalars", "an_int32"), find("all.Scalars", "anInt32"));
  CU_ASSERT_PTR_EQUAL(find("all.Scalars", "renamed"), find("all.Scalars", "@other name"));
  CU_ASSERT_EQUAL(find("all.Scalars", "aSint64")->number, 8);
  CU_ASSERT_PTR_NULL(message_field(tool_message("all.Scalars"), "an_int3", 7));
  CU_ASSERT_PTR_NULL(message_field(tool_message("all.Scalars"), "an_int32\0", 9));
}

static void presence_and_packing_are_those_of_the_syntax(void) {
  CU_ASSERT_FALSE(find("all.Scalars", "an_int32")->has_presence);
  CU_ASSERT_TRUE(find("all.Scalars", "maybe")->has_presence);
  CU_ASSERT_EQUAL(find("all.Scalars", "maybe")->oneof, NO_ONEOF);
  CU_ASSERT_TRUE(find("all.Choice", "number")->has_presence);
  CU_ASSERT_EQUAL(find("all.Choice", "number")->oneof, 0);
  CU_ASSERT_TRUE(find("old.Part", "weight")->has_presence);
  CU_ASSERT_TRUE(find("old.Part", "name")->is_required);
  CU_ASSERT_TRUE(find("all.Lists", "doubles")->is_packed);
  CU_ASSERT_FALSE(find("all.Lists", "strings")->is_packed);
  CU_ASSERT_FALSE(find("all.Lists", "unpacked")->is_packed);
  CU_ASSERT_TRUE(find("old.Part", "packed")->is_packed);
  CU_ASSERT_FALSE(find("old.Part", "plain")->is_packed);
}

static void maps_enums_and_extensions_are_known(void) {
  const field *map = find("all.Maps", "by_int32");
  CU_ASSERT_TRUE(field_is_map(map));
  CU_ASSERT_EQUAL(map_key(map)->type, FIELD_INT32);
  CU_ASSERT_STRING_EQUAL(map_value(map)->message->name, "all.Scalars");
  const enum_type *e = registry_enum(tool_types(), "all.Colour", 10);
  CU_ASSERT_PTR_NOT_NULL_FATAL(e);
  CU_ASSERT_FALSE(e->is_closed);
  CU_ASSERT_STRING_EQUAL(enum_by_number(e, 1)->name, "RED");
  CU_ASSERT_EQUAL(enum_by_name(e, "CRIMSON", 7)->number, 1);
  CU_ASSERT_TRUE(find("old.Part", "size")->enumeration->is_closed);
  CU_ASSERT_EQUAL(find("old.Part", "[old.note]")->number, 100);
  CU_ASSERT_EQUAL(find("old.Part", "[old.Scope.inner]")->number, 102);
}

static void a_method_is_found_however_its_name_is_written(void) {
  static const char *const names[] = {"all.Shop/Watch", "/all.Shop/Watch", "all.Shop.Watch"};
  problem p;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const method_type *m = registry_method(tool_types(), names[i], &p);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    CU_ASSERT_STRING_EQUAL(m->path, "/all.Shop/Watch");
    CU_ASSERT_STRING_EQUAL(m->request->name, "all.Choice");
    CU_ASSERT_TRUE(m->is_server_streaming && !m->is_client_streaming);
  }
}

static void of_a_wrong_name_the_nearest_is_told(void) {
  static const struct {
    const char *name, *words;
  } wrong[] = {
      {"all.Shop/Buuy", "service all.Shop has no method Buuy: did you mean Buy?"},
      {"all.Shop/buy", "service all.Shop has no method buy: did you mean Buy?"},
      {"all.Shop/Return", "service all.Shop has no method Return"},
      {"all.Shpo/Buy", "there is no service all.Shpo: did you mean all.Shop?"},
      {"zoo.Keeper/Feed", "there is no service zoo.Keeper"},
      {"Buy", "Buy is no method's name: package.Service/Method is"},
      {"all.Shop/", "all.Shop/ is no method's name: package.Service/Method is"},
      {"", " is no method's name: package.Service/Method is"},
  };
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    problem p;
    CU_ASSERT_PTR_NULL(registry_method(tool_types(), wrong[i].name, &p));
    CU_ASSERT_STRING_EQUAL(p.words, wrong[i].words);
  }
}

/* ---- sets that are not good ---- */

static void check_set(buffer *set, const char *words) {
  problem p = {""};
  registry *r = registry_new(set->data, set->len, &p);
  CU_ASSERT_PTR_NULL(r);
  CU_ASSERT_STRING_EQUAL(p.words, words);
  registry_free(r);
  buffer_free(set);
}

static void no_set_is_refused(void) {
  buffer set = {.data = NULL};
  buffer_add_string(&set, "\x0a\x7f{}");
  check_set(&set, "the descriptors are no FileDescriptorSet");
}

static void editions_are_refused(void) {
  buffer set = {.data = NULL};
  size_t file = wire_begin(&set, 1);
  wire_add_bytes(&set, 1, "new.proto", 9);
  wire_add_bytes(&set, 12, "editions", 8);
  wire_end(&set, file);
  check_set(&set, "new.proto: its syntax is editions, and only proto2 and proto3 are understood");
}

static void a_type_that_is_not_there_is_refused(void) {
  buffer set = {.data = NULL};
  size_t file = wire_begin(&set, 1);
  wire_add_bytes(&set, 1, "half.proto", 10);
  size_t message = wire_begin(&set, 4);
  wire_add_bytes(&set, 1, "Half", 4);
  size_t f = wire_begin(&set, 2);
  wire_add_bytes(&set, 1, "other", 5);
  wire_add_number(&set, 3, WIRE_VARINT, 1);
  wire_add_number(&set, 5, WIRE_VARINT, FIELD_MESSAGE);
  wire_add_bytes(&set, 6, ".Other", 6);
  wire_end(&set, f);
  wire_end(&set, message);
  wire_end(&set, file);
  check_set(&set, "field other of Half is of type .Other, which the descriptors do not have");
}

static void one_name_for_two_is_refused_and_a_file_twice_is_not(void) {
  problem p = {""};
  buffer set = {.data = NULL};
  for (int i = 0; i < 2; i++) {
    size_t file = wire_begin(&set, 1);
    wire_add_bytes(&set, 1, "a.proto", 7);
    size_t message = wire_begin(&set, 4);
    wire_add_bytes(&set, 1, "Twin", 4);
    wire_end(&set, message);
    wire_end(&set, file);
  }
  registry *r = registry_new(set.data, set.len, &p);
  CU_ASSERT_PTR_NOT_NULL(r);
  registry_free(r);
  set.data[4] = 'b'; /* the first file's name */
  check_set(&set, "a.proto and b.proto both declare Twin");
}

static void descriptors_nest_no_deeper_than_a_stack_bears(void) {
  enum { DEPTH = 20000 };
  buffer set = {.data = NULL};
  size_t marks[DEPTH];
  marks[0] = wire_begin(&set, 1);
  wire_add_bytes(&set, 1, "d.proto", 7);
  for (size_t i = 1; i < DEPTH; i++)
    marks[i] = wire_begin(&set, i == 1 ? 4 : 3);
  for (size_t i = DEPTH; i > 0; i--)
    wire_end(&set, marks[i - 1]);
  check_set(&set, "the descriptors have messages in messages more than 31 deep");
}

static const test_case cases[] = {TEST(a_field_is_found_by_either_of_its_names),
                                  TEST(presence_and_packing_are_those_of_the_syntax),
                                  TEST(maps_enums_and_extensions_are_known),
                                  TEST(a_method_is_found_however_its_name_is_written),
                                  TEST(of_a_wrong_name_the_nearest_is_told),
                                  TEST(no_set_is_refused),
                                  TEST(editions_are_refused),
                                  TEST(a_type_that_is_not_there_is_refused),
                                  TEST(one_name_for_two_is_refused_and_a_file_twice_is_not),
                                  TEST(descriptors_nest_no_deeper_than_a_stack_bears),
                                  TESTS_END};
const test_suite tool_registry_suite = {"registry", cases, NULL, NULL};
