/* describe_test.c: symbols in words, and the details of a status. */
#include "tests/tool/kit.h"
#include "tools/gmux/describe.h"
#include "tools/gmux/details.h"
#include "tools/gmux/wire.h"

#include <stdio.h>
#include <string.h>

static void check_text(const char *name, const char *wanted) {
  subject s;
  problem p = {""};
  buffer out = {.data = NULL};
  CU_ASSERT_TRUE_FATAL(subject_find(tool_types(), name, &s, &p));
  describe_text(tool_types(), &s, &out);
  CU_ASSERT_STRING_EQUAL(buffer_string(&out), wanted);
  if (strcmp(buffer_string(&out), wanted) != 0) fprintf(stderr, "%s", buffer_string(&out));
  buffer_free(&out);
}

static void a_message_is_described_as_it_was_declared(void) {
  check_text("old.Part", "// old.Part, of old.proto\n"
                         "message Part {\n"
                         "  required string name = 1;\n"
                         "  optional int32 weight = 2 [default = 5];\n"
                         "  optional old.Size size = 3 [default = LARGE];\n"
                         "  repeated old.Size sizes = 4;\n"
                         "  repeated int32 packed = 5 [packed = true];\n"
                         "  repeated int32 plain = 6;\n"
                         "  optional group old.Part.Box box = 7;\n"
                         "  map<string, old.Grade> by_name = 8;\n"
                         "  extensions 100 to 200;\n"
                         "  message Box {\n"
                         "    optional int32 depth = 1;\n"
                         "  }\n"
                         "}\n");
}

static void an_enum_is_described_with_all_its_names(void) {
  check_text("all.Colour", "// all.Colour, of all.proto\n"
                           "enum Colour {\n"
                           "  COLOUR_NONE = 0;\n"
                           "  RED = 1;\n"
                           "  CRIMSON = 1;\n"
                           "  BLUE = -7;\n"
                           "}\n");
}

static void what_is_not_there_is_said_with_the_nearest(void) {
  subject s;
  problem p;
  CU_ASSERT_FALSE(subject_find(tool_types(), "all.Scalers", &s, &p));
  CU_ASSERT_STRING_EQUAL(p.words, "there is no all.Scalers: did you mean all.Scalars?");
  CU_ASSERT_FALSE(subject_find(tool_types(), "nothing", &s, &p));
  CU_ASSERT_STRING_EQUAL(p.words, "there is no nothing");
}

/* A control character that a server puts into its descriptors reaches no terminal. */
static void names_of_a_server_are_made_plain(void) {
  buffer set = {.data = NULL}, out = {.data = NULL};
  size_t file = wire_begin(&set, 1);
  wire_add_bytes(&set, 1, "a\033.proto", 8);
  size_t message = wire_begin(&set, 4);
  wire_add_bytes(&set, 1, "M\033[2J", 5);
  wire_end(&set, message);
  wire_end(&set, file);
  problem p;
  registry *r = registry_new(set.data, set.len, &p);
  CU_ASSERT_PTR_NOT_NULL_FATAL(r);
  subject s;
  CU_ASSERT_TRUE(subject_find(r, "M\033[2J", &s, &p));
  describe_text(r, &s, &out);
  CU_ASSERT_STRING_EQUAL(buffer_string(&out), "// M?[2J, of a?.proto\nmessage M?[2J {\n}\n");
  registry_free(r);
  buffer_free(&set), buffer_free(&out);
}

/* Every message of the files: what its template says can be sent. */
static void templates_can_be_sent(void) {
  static const codec_options options;
  const registry *r = tool_types();
  const message_type *m;
  for (size_t i = 0; (m = registry_message_at(r, i)); i++) {
    buffer json = {.data = NULL}, bytes = {.data = NULL};
    problem p = {""};
    describe_template(m, 0, &json);
    bool is_good = m->is_map_entry ||
                   codec_read_json(r, m, buffer_string(&json), json.len, &options, &bytes, &p);
    CU_ASSERT_TRUE(is_good);
    if (!is_good) fprintf(stderr, "# %s: %s\n%s\n", m->name, p.words, buffer_string(&json));
    buffer_free(&json), buffer_free(&bytes);
  }
}

/* ---- details ---- */

static void add_any(buffer *status, const char *url, const char *bytes, size_t len) {
  size_t any = wire_begin(status, 3);
  wire_add_bytes(status, 1, url, strlen(url));
  wire_add_bytes(status, 2, bytes, len);
  wire_end(status, any);
}

static void check_details(const buffer *status, const char *wanted) {
  buffer out = {.data = NULL};
  printer p = {.out = &out, .is_compact = true};
  details_print(&p, tool_types(), status->data, status->len);
  CU_ASSERT_STRING_EQUAL(buffer_string(&out), wanted);
  buffer_free(&out);
}

static void details_are_decoded_where_their_type_is_known(void) {
  buffer status = {.data = NULL};
  wire_add_number(&status, 1, WIRE_VARINT, 5);
  wire_add_bytes(&status, 2, "no", 2);
  add_any(&status, "type.googleapis.com/google.protobuf.Duration", BYTES("\x08\x05"));
  add_any(&status, "x/all.Choice", BYTES("\x08\x07"));
  add_any(&status, "x/all.Unknown", BYTES("\x08\x07"));
  add_any(&status, "x/google.protobuf.Duration", BYTES("\xff"));
  check_details(&status, "[{\"@type\":\"type.googleapis.com/google.protobuf.Duration\",\"value\":"
                         "\"5s\"},{\"@type\":\"x/all.Choice\",\"number\":7},"
                         "{\"@type\":\"x/all.Unknown\",\"value\":\"CAc=\"},"
                         "{\"@type\":\"x/google.protobuf.Duration\",\"value\":\"/w==\"}]");
  status.len -= 3; /* cut in the last one */
  check_details(&status, "[{\"@type\":\"type.googleapis.com/google.protobuf.Duration\",\"value\":"
                         "\"5s\"},{\"@type\":\"x/all.Choice\",\"number\":7},"
                         "{\"@type\":\"x/all.Unknown\",\"value\":\"CAc=\"}]");
  buffer_free(&status);
  check_details(&status, "[]");
}

static const test_case cases[] = {TEST(a_message_is_described_as_it_was_declared),
                                  TEST(an_enum_is_described_with_all_its_names),
                                  TEST(what_is_not_there_is_said_with_the_nearest),
                                  TEST(names_of_a_server_are_made_plain),
                                  TEST(templates_can_be_sent),
                                  TEST(details_are_decoded_where_their_type_is_known),
                                  TESTS_END};
const test_suite tool_describe_suite = {"describe", cases, NULL, NULL};
