/* answer_test.c: answers as header fields. */
#include "lib/server/answer.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 32 };

/* "name: value\n" for each field; asserts that the count said so. */
static const char *text_of(const gmux__field *fields, size_t count) {
  static char text[2048];
  size_t n = 0;
  text[0] = '\0';
  for (size_t i = 0; i < count; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "%.*s: %.*s\n", (int)fields[i].name_len,
                          (const char *)fields[i].name, (int)fields[i].value_len,
                          (const char *)fields[i].value);
  return text;
}

static const gmux__usual *usual(void) {
  static gmux__usual fields;
  gmux__usual_init(&fields, "identity,gzip,deflate");
  return &fields;
}

static const char *trailers_of(const gmux__answer *answer, bool is_trailers_only) {
  gmux__field fields[ROOM];
  size_t count = gmux__answer_fields(answer, usual(), is_trailers_only, fields, ROOM);
  CU_ASSERT_EQUAL(count, gmux__answer_count(answer, is_trailers_only));
  return text_of(fields, count);
}

static gmux_metadata *metadata_new(void) {
  gmux_metadata *m;
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&m), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(m, "a", "1"), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(m, "b-bin", "\x00\x01", 2), 0);
  return m;
}

static void a_bare_code_is_one_trailer(void) {
  gmux__answer answer = {.code = GMUX_OK};
  CU_ASSERT_STRING_EQUAL(trailers_of(&answer, false), "grpc-status: 0\n");
  answer.code = GMUX_UNAUTHENTICATED;
  CU_ASSERT_STRING_EQUAL(trailers_of(&answer, false), "grpc-status: 16\n");
}

static void trailers_only_has_the_http_status_in_front(void) {
  gmux__answer answer = {.code = GMUX_NOT_FOUND, .words = "no"};
  CU_ASSERT_STRING_EQUAL(trailers_of(&answer, true), ":status: 200\n"
                                                     "content-type: application/grpc\n"
                                                     "grpc-status: 5\n"
                                                     "grpc-message: no\n");
  answer.http_status = "405";
  CU_ASSERT_STRING_EQUAL(trailers_of(&answer, true), ":status: 405\n"
                                                     "content-type: application/grpc\n"
                                                     "allow: POST\n"
                                                     "grpc-status: 5\n"
                                                     "grpc-message: no\n");
}

static void words_details_and_metadata_are_coded_and_in_order(void) {
  gmux_metadata *m = metadata_new();
  gmux_status status = {.code = GMUX_ABORTED,
                        .message = "50% \xc3\xa9\n",
                        .details = gmux_bytes_borrow("\xff\xfe\xfd\xfc", 4)};
  gmux__answer answer = {.code = GMUX_ABORTED, .words = "not these", .offers_encodings = true};
  CU_ASSERT_EQUAL_FATAL(gmux__extras_new(&answer.extras, &status, m), 0);
  gmux_metadata_free(m); /* copied */
  CU_ASSERT_STRING_EQUAL(trailers_of(&answer, false),
                         "grpc-status: 10\n"
                         "grpc-message: 50%25 %C3%A9%0A\n"
                         "grpc-accept-encoding: identity,gzip,deflate\n"
                         "grpc-status-details-bin: //79/A\n"
                         "a: 1\n"
                         "b-bin: AAE\n");
  gmux__answer_deinit(&answer);
}

static void ok_carries_no_words_and_no_details_but_trailers(void) {
  gmux_metadata *m = metadata_new();
  gmux_status status = {.message = "fine", .details = gmux_bytes_borrow("x", 1)};
  gmux__answer answer = {.code = GMUX_OK};
  CU_ASSERT_EQUAL_FATAL(gmux__extras_new(&answer.extras, &status, m), 0);
  CU_ASSERT_STRING_EQUAL(trailers_of(&answer, false), "grpc-status: 0\na: 1\nb-bin: AAE\n");
  gmux__answer_deinit(&answer);
  gmux_metadata_free(m);
}

static void what_has_no_extras_takes_no_memory(void) {
  gmux_metadata *empty;
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&empty), 0);
  size_t before = test_alloc_calls();
  gmux__extras *extras;
  CU_ASSERT_EQUAL(gmux__extras_new(&extras, NULL, NULL), 0);
  CU_ASSERT_PTR_NULL(extras);
  gmux_status bare = {.code = GMUX_INTERNAL}; /* also with a message that is NULL */
  CU_ASSERT_EQUAL(gmux__extras_new(&extras, &bare, empty), 0);
  CU_ASSERT_PTR_NULL(extras);
  gmux_status fine = {.code = GMUX_OK, .message = "fine"};
  CU_ASSERT_EQUAL(gmux__extras_new(&extras, &fine, NULL), 0);
  CU_ASSERT_PTR_NULL(extras);
  CU_ASSERT_EQUAL(test_alloc_calls(), before);
  gmux_metadata_free(empty);
}

static void what_no_header_block_can_hold_is_refused_in_words(void) {
  char *large = malloc(GMUX__EXTRAS_MAX_BYTES + 2);
  CU_ASSERT_PTR_NOT_NULL_FATAL(large);
  memset(large, 'x', GMUX__EXTRAS_MAX_BYTES + 1);
  large[GMUX__EXTRAS_MAX_BYTES + 1] = '\0';
  gmux_status status = {.code = GMUX_INTERNAL, .message = large};
  gmux__extras *extras = NULL;
  CU_ASSERT_EQUAL(gmux__extras_new(&extras, &status, NULL), GMUX_ERR_TOO_LARGE);
  CU_ASSERT_PTR_NULL(extras);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "61441 bytes"));
  large[GMUX__EXTRAS_MAX_BYTES] = '\0';
  CU_ASSERT_EQUAL(gmux__extras_new(&extras, &status, NULL), 0);
  gmux__extras_free(extras);
  free(large);
}

static void a_response_starts_with_what_grpc_needs(void) {
  gmux__field fields[ROOM];
  gmux__response response = {.usual = usual()};
  size_t count = gmux__response_fields(&response, fields, ROOM);
  CU_ASSERT_EQUAL(count, gmux__response_count(&response));
  CU_ASSERT_STRING_EQUAL(text_of(fields, count), ":status: 200\n"
                                                 "content-type: application/grpc\n"
                                                 "grpc-accept-encoding: identity,gzip,deflate\n");
  gmux_metadata *m = metadata_new();
  gmux__extras *extras;
  CU_ASSERT_EQUAL_FATAL(gmux__extras_new(&extras, NULL, m), 0);
  response.encoding = "gzip";
  response.extras = extras;
  count = gmux__response_fields(&response, fields, ROOM);
  CU_ASSERT_EQUAL(count, gmux__response_count(&response));
  CU_ASSERT_STRING_EQUAL(text_of(fields, count), ":status: 200\n"
                                                 "content-type: application/grpc\n"
                                                 "grpc-encoding: gzip\n"
                                                 "grpc-accept-encoding: identity,gzip,deflate\n"
                                                 "a: 1\nb-bin: AAE\n");
  gmux__extras_free(extras);
  gmux_metadata_free(m);
}

static void make_extras(void *arg) {
  gmux_status status = {
      .code = GMUX_ABORTED, .message = "why", .details = gmux_bytes_borrow("x", 1)};
  gmux__extras *extras;
  int rv = gmux__extras_new(&extras, &status, arg);
  CU_ASSERT_TRUE(rv == 0 || rv == GMUX_ERR_NOMEM);
  if (!rv) gmux__extras_free(extras);
}

static void extras_leak_nothing_when_memory_runs_out(void) {
  gmux_metadata *m = metadata_new();
  CU_ASSERT_TRUE(test_alloc_torture(make_extras, m) > 4);
  gmux_metadata_free(m);
  gmux__extras_free(NULL);
}

static const test_case cases[] = {
    TEST(a_bare_code_is_one_trailer),
    TEST(trailers_only_has_the_http_status_in_front),
    TEST(words_details_and_metadata_are_coded_and_in_order),
    TEST(ok_carries_no_words_and_no_details_but_trailers),
    TEST(what_has_no_extras_takes_no_memory),
    TEST(what_no_header_block_can_hold_is_refused_in_words),
    TEST(a_response_starts_with_what_grpc_needs),
    TEST(extras_leak_nothing_when_memory_runs_out),
    TESTS_END,
};

const test_suite server_answer_suite = {.name = "answer", .cases = cases};
