#include "lib/h2/head.h"
#include "tests/unit/harness.h"
#include <stdio.h>
#include <string.h>

static gmux__head head;

static void setup(void) {
  gmux__head_init(&head);
}
static void teardown(void) {
  gmux__head_deinit(&head);
}

enum { LIMIT = 8192 };

static void field(const char *name, const char *value) {
  gmux__head_field(&head, LIMIT, (const uint8_t *)name, strlen(name), (const uint8_t *)value,
                   strlen(value));
}

static void a_request_is_taken_apart(void) {
  field(":method", "POST");
  field(":scheme", "https");
  field(":path", "/a.B/C");
  field(":authority", "example.com");
  field("te", "trailers");
  field("content-type", "application/grpc+proto");
  field("grpc-timeout", "1500m");
  field("grpc-encoding", "gzip");
  CU_ASSERT_TRUE(head.is_post);
  CU_ASSERT_STRING_EQUAL(head.path, "/a.B/C");
  CU_ASSERT_STRING_EQUAL(head.authority, "example.com");
  CU_ASSERT_TRUE(head.has_te);
  CU_ASSERT_TRUE(head.is_grpc);
  CU_ASSERT_EQUAL(head.timeout_ns, UINT64_C(1500000000));
  CU_ASSERT_EQUAL(head.encoding, GMUX__ENCODING_GZIP);
  CU_ASSERT_PTR_NULL(head.metadata);
}

static void usual_requests_need_no_memory(void) {
  size_t before = test_alloc_calls();
  a_request_is_taken_apart();
  CU_ASSERT_EQUAL(test_alloc_calls(), before);
}

static void a_response_is_taken_apart(void) {
  field(":status", "200");
  field("content-type", "application/grpc");
  field("grpc-status", "5");
  field("grpc-message", "no%20such");
  field("grpc-status-details-bin", "AQID");
  field("x-mine", "yes");
  CU_ASSERT_EQUAL(head.http_status, 200);
  CU_ASSERT_TRUE(head.has_status);
  CU_ASSERT_EQUAL(head.status, GMUX_NOT_FOUND);
  CU_ASSERT_EQUAL(gmux__buf_len(&head.message), 7);
  CU_ASSERT_EQUAL(memcmp(gmux__buf_data(&head.message), "no such", 7), 0);
  CU_ASSERT_EQUAL(head.details.len, 3);
  CU_ASSERT_EQUAL(memcmp(head.details.data, "\1\2\3", 3), 0);
  CU_ASSERT_STRING_EQUAL(gmux_metadata_get(head.metadata, "x-mine", NULL), "yes");
  CU_ASSERT_EQUAL(gmux_metadata_count(head.metadata), 1);
}

static void content_types_of_grpc_and_of_others(void) {
  static const struct {
    const char *text;
    bool is_grpc;
  } rows[] = {
      {"application/grpc", true},
      {"application/grpc+json", true},
      {"application/grpc;charset", true},
      {"application/grpc-web", false},
      {"application/grpcx", false},
      {"text/html", false},
      {"", false},
      {"application/grp", false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    field("content-type", rows[i].text);
    CU_ASSERT_EQUAL(head.is_grpc, rows[i].is_grpc);
    CU_ASSERT_STRING_EQUAL(head.content_type, rows[i].text);
  }
}

static void what_is_wrong_is_noted(void) {
  field("grpc-timeout", "soon");
  field("grpc-encoding", "snappy-of-a-very-long-name-that-does-not-fit");
  field("key-bin", "not*base64");
  field("grpc-status", "none");
  CU_ASSERT_TRUE(head.bad_timeout);
  CU_ASSERT_EQUAL(head.encoding, GMUX__ENCODING_UNKNOWN);
  CU_ASSERT_EQUAL(strlen(head.encoding_name), sizeof head.encoding_name - 1);
  CU_ASSERT_TRUE(head.is_bad_metadata);
  CU_ASSERT_TRUE(head.has_status);
  CU_ASSERT_EQUAL(head.status, GMUX_UNKNOWN);
}

static void the_host_header_stands_in_for_authority_but_does_not_replace_it(void) {
  field("host", "a");
  CU_ASSERT_STRING_EQUAL(head.authority, "a");
  field(":authority", "b");
  CU_ASSERT_STRING_EQUAL(head.authority, "a");
}

static void long_paths_are_kept_whole(void) {
  char path[1000];
  memset(path, 'p', sizeof path);
  path[0] = '/';
  path[sizeof path - 1] = '\0';
  field(":path", path);
  field(":authority", path);
  CU_ASSERT_STRING_EQUAL(head.path, path);
  CU_ASSERT_STRING_EQUAL(head.authority, path);
}

static void strings_move_with_their_head(void) {
  char longer[300];
  memset(longer, 'x', sizeof longer);
  longer[sizeof longer - 1] = '\0';
  field(":path", "/short");
  field(":authority", longer);
  field("x-mine", "1");
  gmux__head to;
  gmux__head_move(&to, &head);
  CU_ASSERT_PTR_NULL(head.path);
  CU_ASSERT_PTR_NULL(head.metadata);
  memset(head.text, 0, sizeof head.text);
  CU_ASSERT_STRING_EQUAL(to.path, "/short");
  CU_ASSERT_STRING_EQUAL(to.authority, longer);
  gmux__head_deinit(&to);
}

/* RFC 9113 section 6.5.2: name + value + 32. */
static void over_the_limit_only_what_is_needed_to_answer_is_kept(void) {
  char value[LIMIT];
  memset(value, 'v', sizeof value);
  value[LIMIT - 32 - 1] = '\0';
  field("k", value); /* exactly the limit */
  CU_ASSERT_EQUAL(head.bytes, LIMIT);
  CU_ASSERT_FALSE(head.is_too_large);
  field("x", "");
  CU_ASSERT_TRUE(head.is_too_large);
  CU_ASSERT_EQUAL(gmux_metadata_count(head.metadata), 1);
  field(":path", "/p");
  field("grpc-status", "7");
  field("grpc-message", "dropped");
  CU_ASSERT_STRING_EQUAL(head.path, "/p");
  CU_ASSERT_EQUAL(head.status, GMUX_PERMISSION_DENIED);
  CU_ASSERT_EQUAL(gmux__buf_len(&head.message), 0);
}

static void fill(void *arg) {
  (void)arg;
  char longer[300];
  memset(longer, 'x', sizeof longer);
  longer[sizeof longer - 1] = '\0';
  gmux__head_init(&head);
  field(":path", longer);
  field("grpc-message", "text");
  field("grpc-status-details-bin", "AQID");
  field("key-bin", "AQID");
  field("key", "value");
  bool is_whole = head.path && head.details.len && gmux__buf_len(&head.message) &&
                  gmux_metadata_count(head.metadata) == 2;
  CU_ASSERT_EQUAL(is_whole, !head.is_out_of_memory);
  gmux__head_deinit(&head);
}

static void running_out_of_memory_is_noted(void) {
  CU_ASSERT_TRUE(test_alloc_torture(fill, NULL) > 4);
}

/* Each value that a comma parts costs what a field costs: its key again, and an entry. */
static void joined_binary_values_count_as_so_many_fields(void) {
  char name[4000], value[4000];
  memset(name, 'k', sizeof name);
  memcpy(name + sizeof name - 5, "-bin", 5);
  memset(value, ',', sizeof value - 1);
  value[sizeof value - 1] = '\0';
  field(name, value);
  CU_ASSERT_TRUE(head.is_too_large);
  CU_ASSERT_PTR_NULL(head.metadata);
}

static void a_few_joined_binary_values_are_all_kept(void) {
  field("x-bin", "AQ,Ag,Aw");
  CU_ASSERT_FALSE(head.is_too_large);
  CU_ASSERT_EQUAL(gmux_metadata_count(head.metadata), 3);
  CU_ASSERT_EQUAL(head.bytes, 3 * (5 + 32) + 8);
}

static const test_case cases[] = {
    TEST(a_request_is_taken_apart),
    TEST(usual_requests_need_no_memory),
    TEST(a_response_is_taken_apart),
    TEST(content_types_of_grpc_and_of_others),
    TEST(what_is_wrong_is_noted),
    TEST(the_host_header_stands_in_for_authority_but_does_not_replace_it),
    TEST(long_paths_are_kept_whole),
    TEST(strings_move_with_their_head),
    TEST(over_the_limit_only_what_is_needed_to_answer_is_kept),
    TEST(joined_binary_values_count_as_so_many_fields),
    TEST(a_few_joined_binary_values_are_all_kept),
    TEST(running_out_of_memory_is_noted),
    TESTS_END,
};

extern const test_suite h2_head_suite;
const test_suite h2_head_suite = {"head", cases, setup, teardown};
