/* decode_test.c: bytes to JSON, and pairs that are the same in both directions. */
#include "tests/tool/kit.h"
#include "tools/gmux/wire.h"

#include <stdio.h>
#include <string.h>

static void scalars_are_the_same_in_both_directions(void) {
  static const pair pairs[] = {
      {"all.Scalars", "{}", BYTES("")},
      {"all.Scalars", "{\"aDouble\":1.5}", BYTES("\x09\0\0\0\0\0\0\xf8\x3f")},
      {"all.Scalars", "{\"aDouble\":\"NaN\"}", BYTES("\x09\0\0\0\0\0\0\xf8\x7f")},
      {"all.Scalars", "{\"aFloat\":\"-Infinity\"}", BYTES("\x15\0\0\x80\xff")},
      {"all.Scalars", "{\"aFloat\":0.1}", BYTES("\x15\xcd\xcc\xcc\x3d")},
      {"all.Scalars", "{\"anInt32\":-1}", BYTES("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
      {"all.Scalars", "{\"anInt64\":\"-9223372036854775808\"}",
       BYTES("\x20\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")},
      {"all.Scalars", "{\"aUint32\":4294967295}", BYTES("\x28\xff\xff\xff\xff\x0f")},
      {"all.Scalars", "{\"aUint64\":\"18446744073709551615\"}",
       BYTES("\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
      {"all.Scalars", "{\"aSint32\":-2147483648}", BYTES("\x38\xff\xff\xff\xff\x0f")},
      {"all.Scalars", "{\"aSint64\":\"9223372036854775807\"}",
       BYTES("\x40\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
      {"all.Scalars", "{\"aFixed32\":4294967295}", BYTES("\x4d\xff\xff\xff\xff")},
      {"all.Scalars", "{\"aFixed64\":\"1\"}", BYTES("\x51\x01\0\0\0\0\0\0\0")},
      {"all.Scalars", "{\"anSfixed32\":-1}", BYTES("\x5d\xff\xff\xff\xff")},
      {"all.Scalars", "{\"anSfixed64\":\"-1\"}", BYTES("\x61\xff\xff\xff\xff\xff\xff\xff\xff")},
      {"all.Scalars", "{\"aBool\":true}", BYTES("\x68\x01")},
      {"all.Scalars", "{\"aString\":\"\\\"\\\\\\n\\u0000\\u001Fü\xf0\x9f\x8e\x88\"}",
       BYTES("\x72\x0b\"\\\n\0\x1f\xc3\xbc\xf0\x9f\x8e\x88")},
      {"all.Scalars", "{\"aBytes\":\"+/8=\"}", BYTES("\x7a\x02\xfb\xff")},
      {"all.Scalars", "{\"aBytes\":\"AA==\"}", BYTES("\x7a\x01\x00")},
      {"all.Scalars", "{\"aColour\":\"RED\"}", BYTES("\x80\x01\x01")},
      {"all.Scalars", "{\"aColour\":99}", BYTES("\x80\x01\x63")},
      {"all.Scalars", "{\"@other name\":1}", BYTES("\x88\x01\x01")},
      {"all.Scalars", "{\"maybe\":0}", BYTES("\x90\x01\x00")},
      PAIRS_END};
  check_both(pairs);
}

static void lists_maps_and_oneofs_are_the_same_in_both_directions(void) {
  static const pair pairs[] = {
      {"all.Lists", "{\"int64s\":[\"1\",\"-1\"]}",
       BYTES("\x1a\x0b\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
      {"all.Lists", "{\"fixed32s\":[1,2]}", BYTES("\x2a\x08\x01\0\0\0\x02\0\0\0")},
      {"all.Lists", "{\"bools\":[true,false]}", BYTES("\x32\x02\x01\x00")},
      {"all.Lists", "{\"strings\":[\"a\",\"\"]}",
       BYTES("\x3a\x01"
             "a\x3a\x00")},
      {"all.Lists", "{\"messages\":[{},{\"aBool\":true}]}", BYTES("\x52\x00\x52\x02\x68\x01")},
      {"all.Lists", "{\"unpacked\":[1,2]}", BYTES("\x58\x01\x58\x02")},
      {"all.Lists", "{\"nulls\":[null,null]}", BYTES("\x6a\x02\x00\x00")},
      {"all.Maps", "{\"byString\":{\"\":\"\",\"a\":\"b\"}}",
       BYTES("\x0a\x04\x0a\x00\x12\x00\x0a\x06\x0a\x01"
             "a\x12\x01"
             "b")},
      {"all.Maps", "{\"byInt32\":{\"-1\":{},\"0\":{\"aBool\":true}}}",
       BYTES("\x12\x0d\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x12\x00"
             "\x12\x06\x08\x00\x12\x02\x68\x01")},
      {"all.Maps", "{\"bySint64\":{\"-2\":\"RED\"}}", BYTES("\x1a\x04\x08\x03\x10\x01")},
      {"all.Maps", "{\"byBool\":{\"false\":0,\"true\":1}}",
       BYTES("\x2a\x0b\x08\x00\x11\0\0\0\0\0\0\0\0\x2a\x0b\x08\x01\x11\0\0\0\0\0\0\xf0\x3f")},
      {"all.Choice", "{\"number\":0}", BYTES("\x08\x00")},
      {"all.Choice", "{\"nothing\":null}", BYTES("\x20\x00")},
      {"all.Choice", "{\"value\":null}", BYTES("\x2a\x02\x08\x00")},
      {"all.Choice", "{\"nested\":{\"nested\":{}}}", BYTES("\x1a\x02\x1a\x00")},
      {"old.Part", "{\"name\":\"x\",\"weight\":0,\"size\":\"SMALL\"}",
       BYTES("\x0a\x01x\x10\x00\x18\x01")},
      {"old.Part", "{\"name\":\"\",\"[old.note]\":\"n\",\"[old.marks]\":[1,2]}",
       BYTES("\x0a\x00\xa2\x06\x01n\xa8\x06\x01\xa8\x06\x02")},
      {"old.Part", "{\"name\":\"\",\"[old.Scope.inner]\":{\"isHere\":false}}",
       BYTES("\x0a\x00\xb2\x06\x02\x08\x00")},
      PAIRS_END};
  check_both(pairs);
}

static void what_comes_later_counts_and_parts_are_merged(void) {
  static const pair pairs[] = {
      {"all.Scalars", "{\"anInt32\":2}", BYTES("\x18\x01\x18\x02")},
      {"all.Scalars", "{}", BYTES("\x18\x01\x18\x00")},
      {"all.Choice", "{\"number\":1}", BYTES("\x12\x01x\x08\x01")},
      {"all.Choice", "{\"name\":\"x\"}", BYTES("\x08\x01\x12\x01x")},
      {"all.Choice", "{\"nested\":{\"name\":\"x\"}}", BYTES("\x1a\x02\x08\x01\x1a\x03\x12\x01x")},
      /* The number between them has emptied it. */
      {"all.Choice", "{\"nested\":{}}", BYTES("\x1a\x02\x08\x01\x08\x01\x1a\x00")},
      {"all.Tree", "{\"trunk\":{\"label\":\"b\",\"branches\":[{},{}]}}",
       BYTES("\x1a\x05\x0a\x01"
             "a\x12\x00\x1a\x05\x0a\x01"
             "b\x12\x00")},
      {"all.Maps", "{\"byString\":{\"a\":\"2\"}}",
       BYTES("\x0a\x06\x0a\x01"
             "a\x12\x01"
             "1\x0a\x06\x0a\x01"
             "a\x12\x01"
             "2")},
      {"all.Maps", "{\"byInt32\":{\"0\":{}}}", BYTES("\x12\x00")},
      PAIRS_END};
  check_decoded(pairs);
}

static void values_come_packed_or_not_whatever_is_declared(void) {
  static const pair pairs[] = {
      {"all.Lists", "{\"bools\":[true,false,true]}", BYTES("\x30\x01\x32\x02\x00\x01")},
      {"all.Lists", "{\"unpacked\":[1,2,3]}", BYTES("\x58\x01\x5a\x02\x02\x03")},
      {"all.Lists", "{}", BYTES("\x32\x00")},
      PAIRS_END};
  check_decoded(pairs);
}

static void what_the_descriptors_do_not_have_is_left_out(void) {
  static const pair pairs[] = {
      /* A number, bytes, fixed ones, and a group with a group in it. */
      {"all.Scalars", "{\"aBool\":true}",
       BYTES("\xa0\x06\x01\xa2\x06\x01x\xa5\x06\0\0\0\0\xa1\x06\0\0\0\0\0\0\0\0"
             "\xa3\x06\x0b\x08\x01\x0c\xa4\x06\x68\x01")},
      /* Of a type that the field does not have. */
      {"all.Scalars", "{}", BYTES("\x1a\x01x\x70\x01")},
      {"all.Lists", "{}", BYTES("\x38\x01")},
      /* A closed enum's. */
      {"old.Part", "{\"name\":\"\"}", BYTES("\x0a\x00\x18\x07\x20\x07\x22\x01\x07")},
      {"old.Part", "{\"name\":\"\",\"sizes\":[\"LARGE\"]}", BYTES("\x0a\x00\x20\x07\x20\x02")},
      {"old.Part", "{\"name\":\"\"}", BYTES("\x0a\x00\x42\x04\x0a\x00\x10\x07")},
      {"old.Part", "{\"name\":\"\",\"byName\":{\"\":\"GOOD\"}}",
       BYTES("\x0a\x00\x42\x04\x0a\x00\x10\x01\x42\x04\x0a\x00\x10\x07")},
      PAIRS_END};
  check_decoded(pairs);
}

static void what_has_no_form_in_json_is_refused(void) {
  static const refusal refusals[] = {
      {"all.Scalars", BYTES("\x18"), "all.Scalars: these 1 bytes are no protobuf"},
      {"all.Scalars", BYTES("\x72\x02x"), "all.Scalars: these 3 bytes are no protobuf"},
      {"all.Scalars", BYTES("\xa3\x06\x0b"), "all.Scalars: these 3 bytes are no protobuf"},
      {"all.Scalars", BYTES("\xa3\x06\xac\x06"), "all.Scalars: these 4 bytes are no protobuf"},
      {"all.Scalars", BYTES("\x03\x04"), "all.Scalars: these 2 bytes are no protobuf"},
      {"all.Scalars", BYTES("\x72\x01\xff"),
       "a_string holds bytes that are not UTF-8, for which JSON has no form"},
      {"all.Maps", BYTES("\x0a\x03\x0a\x01\xff"),
       "key holds bytes that are not UTF-8, for which JSON has no form"},
      {"all.Lists", BYTES("\x1a\x01\xff"), "int64s: its packed values are no protobuf"},
      {"all.Tree", BYTES("\x1a\x01\x0a"), "all.Tree: these 1 bytes are no protobuf"},
      {"old.Part", BYTES("\x0a\x00\x3b\x08\x01\x3c"),
       "box of old.Part is a group, for which JSON has no form"},
      REFUSALS_END};
  check_refused(refusals);
}

static void options_are_kept(void) {
  static const struct {
    const char *message, *bytes;
    size_t len;
    codec_options options;
    const char *json;
  } all[] = {
      {"all.Scalars",
       BYTES("\x18\x01"),
       {.with_original_names = true, .is_compact = true},
       "{\"an_int32\":1}"},
      {"all.Choice", BYTES(""), {.with_defaults = true, .is_compact = true}, "{}"},
      {"all.Scalars",
       BYTES(""),
       {.with_defaults = true, .is_compact = true},
       "{\"aDouble\":0,\"aFloat\":0,\"anInt32\":0,\"anInt64\":\"0\",\"aUint32\":0,\"aUint64\":"
       "\"0\","
       "\"aSint32\":0,\"aSint64\":\"0\",\"aFixed32\":0,\"aFixed64\":\"0\",\"anSfixed32\":0,"
       "\"anSfixed64\":\"0\",\"aBool\":false,\"aString\":\"\",\"aBytes\":\"\",\"aColour\":"
       "\"COLOUR_NONE\",\"@other name\":0}"},
      {"all.Tree",
       BYTES(""),
       {.with_defaults = true, .is_compact = true},
       "{\"label\":\"\",\"branches\":[]}"},
      {"all.Tree",
       BYTES("\x0a\x01x\x12\x00\x12\x03\x0a\x01y"),
       {.is_compact = false},
       "{\n  \"label\": \"x\",\n  \"branches\": [\n    {},\n    {\n      \"label\": \"y\"\n    }\n "
       " "
       "]\n}"},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    problem p;
    const char *json = decode_as(all[i].message, all[i].bytes, all[i].len, &all[i].options, &p);
    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    CU_ASSERT_STRING_EQUAL(json, all[i].json);
  }
}

static void bytes_nest_no_deeper_than_a_stack_bears(void) {
  enum { DEPTH = 20000 };
  static const codec_options options;
  static size_t marks[DEPTH];
  buffer deep = {.data = NULL};
  problem p = {""};
  for (size_t i = 0; i < DEPTH; i++)
    marks[i] = wire_begin(&deep, 3);
  for (size_t i = DEPTH; i > 0; i--)
    wire_end(&deep, marks[i - 1]);
  CU_ASSERT_PTR_NULL(decode_as("all.Tree", (const char *)deep.data, deep.len, &options, &p));
  CU_ASSERT_STRING_EQUAL(p.words, "messages in messages more than 100 deep");
  buffer_free(&deep);
}

static void few_bytes_make_no_endless_json(void) {
  enum { COUNT = 8 << 20 };
  static const codec_options options;
  buffer many = {.data = NULL};
  problem p = {""};
  static const uint8_t zeros[1024];
  size_t mark = wire_begin(&many, 9); /* COLOUR_NONE, one byte each */
  for (size_t i = 0; i < COUNT; i += sizeof zeros)
    buffer_add(&many, zeros, sizeof zeros);
  wire_end(&many, mark);
  CU_ASSERT_PTR_NULL(decode_as("all.Lists", (const char *)many.data, many.len, &options, &p));
  CU_ASSERT_STRING_EQUAL(p.words, "as JSON it were longer than 64 MiB");
  buffer_free(&many);
}

static const test_case cases[] = {TEST(scalars_are_the_same_in_both_directions),
                                  TEST(lists_maps_and_oneofs_are_the_same_in_both_directions),
                                  TEST(what_comes_later_counts_and_parts_are_merged),
                                  TEST(values_come_packed_or_not_whatever_is_declared),
                                  TEST(what_the_descriptors_do_not_have_is_left_out),
                                  TEST(what_has_no_form_in_json_is_refused),
                                  TEST(options_are_kept),
                                  TEST(bytes_nest_no_deeper_than_a_stack_bears),
                                  TEST(few_bytes_make_no_endless_json),
                                  TESTS_END};
const test_suite tool_decode_suite = {"decode", cases, NULL, NULL};
