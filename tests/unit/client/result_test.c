#include "lib/client/result.h"
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <stdio.h>
#include <string.h>

enum { LIMIT = 8192 };

typedef struct field {
  const char *name, *value;
} field;

/* A stream that ended as told, without a connection. */
static gmux__stream stream;
static gmux__intake in;
static gmux__result result;

static void setup(void) {
  memset(&stream, 0, sizeof stream);
  stream.in = &in;
  gmux__head_init(&in.head);
  gmux__head_init(&in.tail);
  stream.end.why = "";
}

static void teardown(void) {
  gmux__head_deinit(&in.head);
  gmux__head_deinit(&in.tail);
}

static void add(gmux__head *head, const char *name, const char *value) {
  gmux__head_field(head, LIMIT, (const uint8_t *)name, strlen(name), (const uint8_t *)value,
                   strlen(value));
}

static void good_head(gmux__head *head) {
  add(head, ":status", "200");
  add(head, "content-type", "application/grpc+proto");
}

static bool is_half_closed;

static void end_with(gmux__ending how, uint32_t messages, bool needs_message, bool is_late) {
  stream.end.how = (uint8_t)how;
  gmux__result_facts facts = {.stream = &stream,
                              .needs_message = needs_message,
                              .messages = messages,
                              .limit = LIMIT,
                              .is_past_deadline = is_late,
                              .is_half_closed = is_half_closed,
                              .timeout_ms = 250};
  gmux__result_of_end(&result, &facts);
}

#define ASSERT_RESULT(c, words)                                                                    \
  do {                                                                                             \
    CU_ASSERT_EQUAL(result.code, c);                                                               \
    CU_ASSERT_STRING_EQUAL(result.message, words);                                                 \
  } while (0)

/* ---- with grpc-status ---- */

static void each_grpc_status_is_passed_on_with_its_message(void) {
  for (int code = 0; code <= 16; code++) {
    char text[16];
    snprintf(text, sizeof text, "%d", code);
    setup();
    add(&in.tail, "grpc-status", text);
    add(&in.tail, "grpc-message", "caf%C3%A9 100%25");
    end_with(GMUX__ENDING_FINISHED, 1, true, false);
    ASSERT_RESULT((gmux_code)code, "caf\xc3\xa9 100%");
    CU_ASSERT_PTR_NULL(result.details);
    teardown();
  }
}

static void details_are_passed_on(void) {
  add(&in.tail, "grpc-status", "9");
  add(&in.tail, "grpc-status-details-bin", "CAkSAWE");
  end_with(GMUX__ENDING_FINISHED, 0, true, false);
  CU_ASSERT_EQUAL(result.code, GMUX_FAILED_PRECONDITION);
  CU_ASSERT_PTR_NOT_NULL_FATAL(result.details);
  CU_ASSERT_EQUAL(result.details->len, 5);
  CU_ASSERT_EQUAL(memcmp(result.details->data,
                         "\x08\x09\x12\x01"
                         "a",
                         5),
                  0);
}

static void a_status_that_is_no_number_of_grpcs_is_unknown(void) {
  static const char *const wrong[] = {"", "x", "-1", "+1", "1 ", "007", "17", "99999999999"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    setup();
    add(&in.tail, "grpc-status", wrong[i]);
    add(&in.tail, "grpc-message", "kept");
    end_with(GMUX__ENDING_FINISHED, 1, true, false);
    ASSERT_RESULT(GMUX_UNKNOWN, "kept");
    teardown();
  }
}

static void trailers_only_with_a_status_wins_over_its_http_status(void) {
  add(&in.tail, ":status", "503");
  add(&in.tail, "content-type", "text/html");
  add(&in.tail, "grpc-status", "7");
  add(&in.tail, "grpc-message", "no");
  end_with(GMUX__ENDING_FINISHED, 0, true, false);
  ASSERT_RESULT(GMUX_PERMISSION_DENIED, "no");
}

/* ---- without ---- */

static const struct {
  const char *http;
  gmux_code code;
} http_rows[] = {
    {"200", GMUX_UNKNOWN},       {"204", GMUX_UNKNOWN},         {"302", GMUX_UNKNOWN},
    {"400", GMUX_INTERNAL},      {"401", GMUX_UNAUTHENTICATED}, {"403", GMUX_PERMISSION_DENIED},
    {"404", GMUX_UNIMPLEMENTED}, {"418", GMUX_UNKNOWN},         {"429", GMUX_UNAVAILABLE},
    {"431", GMUX_UNKNOWN},       {"500", GMUX_UNKNOWN},         {"502", GMUX_UNAVAILABLE},
    {"503", GMUX_UNAVAILABLE},   {"504", GMUX_UNAVAILABLE},
};

static void http_status_speaks_where_grpc_does_not_in_headers(void) {
  for (size_t i = 0; i < sizeof http_rows / sizeof *http_rows; i++) {
    char words[80];
    snprintf(words, sizeof words, "not a gRPC answer: HTTP status %s, content-type text/html",
             http_rows[i].http);
    setup();
    add(&in.head, ":status", http_rows[i].http);
    add(&in.head, "content-type", "text/html");
    CU_ASSERT_TRUE(gmux__result_of_headers(&result, &in.head, LIMIT));
    ASSERT_RESULT(http_rows[i].code, words);
    teardown();
  }
}

static void http_status_speaks_where_grpc_does_not_in_trailers_only(void) {
  for (size_t i = 0; i < sizeof http_rows / sizeof *http_rows; i++) {
    char words[80];
    snprintf(words, sizeof words, "not a gRPC answer: HTTP status %s, no content-type",
             http_rows[i].http);
    setup();
    add(&in.tail, ":status", http_rows[i].http);
    end_with(GMUX__ENDING_FINISHED, 0, true, false);
    ASSERT_RESULT(http_rows[i].code, words);
    teardown();
  }
}

static void headers_of_grpc_go_on(void) {
  static const char *const types[] = {"application/grpc", "application/grpc+proto",
                                      "application/grpc;charset=utf-8"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    setup();
    add(&in.head, ":status", "200");
    add(&in.head, "content-type", types[i]);
    CU_ASSERT_FALSE(gmux__result_of_headers(&result, &in.head, LIMIT));
    teardown();
  }
}

static void headers_without_content_type_are_no_grpc(void) {
  add(&in.head, ":status", "200");
  CU_ASSERT_TRUE(gmux__result_of_headers(&result, &in.head, LIMIT));
  ASSERT_RESULT(GMUX_UNKNOWN, "not a gRPC answer: HTTP status 200, no content-type");
}

static void a_content_type_cannot_bring_control_characters_into_the_words(void) {
  add(&in.head, ":status", "200");
  add(&in.head, "content-type", "text/\x01\xff");
  CU_ASSERT_TRUE(gmux__result_of_headers(&result, &in.head, LIMIT));
  ASSERT_RESULT(GMUX_UNKNOWN, "not a gRPC answer: HTTP status 200, content-type text/?\?");
  add(&in.head, "grpc-status", "0");
  CU_ASSERT_TRUE(gmux__result_of_headers(&result, &in.head, LIMIT));
  ASSERT_RESULT(GMUX_INTERNAL,
                "OK in what is not a gRPC answer: HTTP status 200, content-type text/?\?");
}

static void a_grpc_status_in_headers_that_are_no_grpc_wins(void) {
  add(&in.head, ":status", "415");
  add(&in.head, "grpc-status", "12");
  add(&in.head, "grpc-message", "what is this");
  CU_ASSERT_TRUE(gmux__result_of_headers(&result, &in.head, LIMIT));
  ASSERT_RESULT(GMUX_UNIMPLEMENTED, "what is this");
}

static void ok_in_headers_that_are_no_grpc_is_not_ok(void) {
  add(&in.head, ":status", "500");
  add(&in.head, "grpc-status", "0");
  CU_ASSERT_TRUE(gmux__result_of_headers(&result, &in.head, LIMIT));
  CU_ASSERT_EQUAL(result.code, GMUX_INTERNAL);
}

static void ok_in_trailers_only_that_are_no_grpc_is_not_ok(void) {
  add(&in.tail, ":status", "200");
  add(&in.tail, "grpc-status", "0");
  end_with(GMUX__ENDING_FINISHED, 0, false, false);
  ASSERT_RESULT(GMUX_INTERNAL, "OK in what is not a gRPC answer: HTTP status 200, no content-type");
  teardown();
  setup();
  add(&in.tail, ":status", "503");
  add(&in.tail, "content-type", "application/grpc");
  add(&in.tail, "grpc-status", "0");
  end_with(GMUX__ENDING_FINISHED, 0, false, false);
  ASSERT_RESULT(GMUX_INTERNAL,
                "OK in what is not a gRPC answer: HTTP status 503, content-type application/grpc");
}

static void ok_in_trailers_only_of_grpc_is_ok(void) {
  good_head(&in.tail);
  add(&in.tail, "grpc-status", "0");
  end_with(GMUX__ENDING_FINISHED, 0, false, false);
  ASSERT_RESULT(GMUX_OK, "");
}

static void no_trailers_is_internal(void) {
  good_head(&in.head);
  end_with(GMUX__ENDING_FINISHED, 1, true, false);
  ASSERT_RESULT(GMUX_INTERNAL, "server closed the stream without sending trailers");
}

static void trailers_without_status_are_unknown(void) {
  good_head(&in.head);
  add(&in.tail, "x-trailer", "1");
  end_with(GMUX__ENDING_FINISHED, 1, true, false);
  ASSERT_RESULT(GMUX_UNKNOWN, "the server's trailers have no grpc-status");
}

static void trailers_only_without_status_are_unknown(void) {
  good_head(&in.tail);
  end_with(GMUX__ENDING_FINISHED, 0, true, false);
  ASSERT_RESULT(GMUX_UNKNOWN, "the server's trailers have no grpc-status");
}

/* ---- blocks that cannot be taken ---- */

static void fill(gmux__head *head) {
  static char value[LIMIT + 1];
  memset(value, 'v', LIMIT);
  add(head, "x-large", value);
}

static void too_much_metadata_is_resource_exhausted(void) {
  good_head(&in.head);
  fill(&in.head);
  CU_ASSERT_TRUE(gmux__result_of_headers(&result, &in.head, LIMIT));
  ASSERT_RESULT(GMUX_RESOURCE_EXHAUSTED,
                "the server's metadata are over max_recv_metadata_bytes (8192)");
  add(&in.tail, "grpc-status", "0");
  fill(&in.tail);
  end_with(GMUX__ENDING_FINISHED, 1, true, false);
  ASSERT_RESULT(GMUX_RESOURCE_EXHAUSTED,
                "the server's metadata are over max_recv_metadata_bytes (8192)");
}

static void bad_base64_is_internal(void) {
  good_head(&in.head);
  add(&in.head, "x-bin", "!!!!");
  CU_ASSERT_TRUE(gmux__result_of_headers(&result, &in.head, LIMIT));
  ASSERT_RESULT(GMUX_INTERNAL, "the server sent a -bin value that is not base64");
  add(&in.tail, "grpc-status", "0");
  add(&in.tail, "grpc-status-details-bin", "!");
  end_with(GMUX__ENDING_FINISHED, 1, true, false);
  ASSERT_RESULT(GMUX_INTERNAL, "the server sent a -bin value that is not base64");
}

static void no_memory_for_metadata_is_resource_exhausted(void) {
  add(&in.tail, "grpc-status", "0");
  in.tail.is_out_of_memory = true;
  end_with(GMUX__ENDING_FINISHED, 1, true, false);
  CU_ASSERT_EQUAL(result.code, GMUX_RESOURCE_EXHAUSTED);
}

static void no_memory_for_the_text_leaves_the_code(void) {
  char text[65];
  memset(text, 'x', 64); /* a size at which the buffer is full: its zero needs more room */
  text[64] = '\0';
  add(&in.tail, "grpc-status", "5");
  add(&in.tail, "grpc-message", text);
  test_alloc_fail_at(1);
  end_with(GMUX__ENDING_FINISHED, 1, true, false);
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  CU_ASSERT_EQUAL(result.code, GMUX_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(result.message, has_failed ? "" : text);
}

/* ---- cardinality ---- */

static void ok_without_the_one_message_is_internal(void) {
  add(&in.tail, "grpc-status", "0");
  end_with(GMUX__ENDING_FINISHED, 0, true, false);
  ASSERT_RESULT(GMUX_INTERNAL, "no message came with OK");
  end_with(GMUX__ENDING_FINISHED, 0, false, false);
  ASSERT_RESULT(GMUX_OK, "");
}

/* ---- not finished ---- */

static void each_reset_code_has_its_status(void) {
  static const struct {
    uint32_t h2;
    gmux_code code;
    const char *words;
  } rows[] = {
      {0, GMUX_INTERNAL, "NO_ERROR (0)"},
      {1, GMUX_INTERNAL, "PROTOCOL_ERROR (1)"},
      {2, GMUX_INTERNAL, "INTERNAL_ERROR (2)"},
      {3, GMUX_INTERNAL, "FLOW_CONTROL_ERROR (3)"},
      {4, GMUX_INTERNAL, "SETTINGS_TIMEOUT (4)"},
      {5, GMUX_INTERNAL, "STREAM_CLOSED (5)"},
      {6, GMUX_INTERNAL, "FRAME_SIZE_ERROR (6)"},
      {7, GMUX_UNAVAILABLE, "REFUSED_STREAM (7)"},
      {8, GMUX_CANCELLED, "CANCEL (8)"},
      {9, GMUX_INTERNAL, "COMPRESSION_ERROR (9)"},
      {10, GMUX_INTERNAL, "CONNECT_ERROR (10)"},
      {11, GMUX_RESOURCE_EXHAUSTED, "ENHANCE_YOUR_CALM (11)"},
      {12, GMUX_PERMISSION_DENIED, "INADEQUATE_SECURITY (12)"},
      {13, GMUX_INTERNAL, "HTTP_1_1_REQUIRED (13)"},
      {4711, GMUX_INTERNAL, "unknown code (4711)"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char words[100];
    snprintf(words, sizeof words, "the server reset the stream: %s", rows[i].words);
    setup();
    stream.end.h2_code = rows[i].h2;
    end_with(GMUX__ENDING_RESET, 0, true, false);
    ASSERT_RESULT(rows[i].code, words);
    teardown();
  }
}

static void a_lost_connection_is_unavailable_in_its_words(void) {
  stream.end.why = "ipv4:127.0.0.1:1: the peer closed the connection";
  stream.end.error = GMUX_ERR_EOF;
  end_with(GMUX__ENDING_LOST, 0, true, false);
  ASSERT_RESULT(GMUX_UNAVAILABLE, "ipv4:127.0.0.1:1: the peer closed the connection");
}

static void a_broken_rule_is_internal_and_a_passed_limit_resource_exhausted(void) {
  static const struct {
    int16_t error;
    gmux_code code;
  } rows[] = {{GMUX_ERR_TOO_LARGE, GMUX_RESOURCE_EXHAUSTED},
              {GMUX_ERR_NOMEM, GMUX_RESOURCE_EXHAUSTED},
              {GMUX_ERR_UNSUPPORTED, GMUX_INTERNAL},
              {GMUX_ERR_PROTOCOL, GMUX_INTERNAL}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    stream.end.error = rows[i].error;
    stream.end.why = "words";
    end_with(GMUX__ENDING_BROKEN, 1, true, false);
    ASSERT_RESULT(rows[i].code, "words");
  }
}

/* ---- the deadline ---- */

static void cancelled_by_the_server_after_our_deadline_is_our_deadline(void) {
  stream.end.h2_code = GMUX__H2_CANCEL;
  end_with(GMUX__ENDING_RESET, 0, true, true);
  ASSERT_RESULT(GMUX_DEADLINE_EXCEEDED,
                "deadline of 250 ms passed while the server had it and the request was not "
                "half-closed");
  is_half_closed = true;
  end_with(GMUX__ENDING_RESET, 0, true, true);
  is_half_closed = false;
  ASSERT_RESULT(GMUX_DEADLINE_EXCEEDED, "deadline of 250 ms passed while the server worked on it");
  add(&in.tail, "grpc-status", "1");
  end_with(GMUX__ENDING_FINISHED, 0, true, true);
  CU_ASSERT_EQUAL(result.code, GMUX_DEADLINE_EXCEEDED);
  end_with(GMUX__ENDING_FINISHED, 0, true, false);
  CU_ASSERT_EQUAL(result.code, GMUX_CANCELLED);
}

static void other_answers_after_our_deadline_stay_what_they_are(void) {
  add(&in.tail, "grpc-status", "0");
  end_with(GMUX__ENDING_FINISHED, 1, true, true);
  ASSERT_RESULT(GMUX_OK, "");
}

static void a_deadline_before_now_is_told_as_zero(void) {
  gmux__result_deadline(&result, INT64_MIN, "before it was started");
  ASSERT_RESULT(GMUX_DEADLINE_EXCEEDED, "deadline of 0 ms passed before it was started");
}

static const test_case cases[] = {
    TEST(each_grpc_status_is_passed_on_with_its_message),
    TEST(details_are_passed_on),
    TEST(a_status_that_is_no_number_of_grpcs_is_unknown),
    TEST(trailers_only_with_a_status_wins_over_its_http_status),
    TEST(http_status_speaks_where_grpc_does_not_in_headers),
    TEST(http_status_speaks_where_grpc_does_not_in_trailers_only),
    TEST(headers_of_grpc_go_on),
    TEST(headers_without_content_type_are_no_grpc),
    TEST(a_content_type_cannot_bring_control_characters_into_the_words),
    TEST(a_grpc_status_in_headers_that_are_no_grpc_wins),
    TEST(ok_in_headers_that_are_no_grpc_is_not_ok),
    TEST(ok_in_trailers_only_that_are_no_grpc_is_not_ok),
    TEST(ok_in_trailers_only_of_grpc_is_ok),
    TEST(no_trailers_is_internal),
    TEST(trailers_without_status_are_unknown),
    TEST(trailers_only_without_status_are_unknown),
    TEST(too_much_metadata_is_resource_exhausted),
    TEST(bad_base64_is_internal),
    TEST(no_memory_for_metadata_is_resource_exhausted),
    TEST(no_memory_for_the_text_leaves_the_code),
    TEST(ok_without_the_one_message_is_internal),
    TEST(each_reset_code_has_its_status),
    TEST(a_lost_connection_is_unavailable_in_its_words),
    TEST(a_broken_rule_is_internal_and_a_passed_limit_resource_exhausted),
    TEST(cancelled_by_the_server_after_our_deadline_is_our_deadline),
    TEST(other_answers_after_our_deadline_stay_what_they_are),
    TEST(a_deadline_before_now_is_told_as_zero),
    TESTS_END,
};

const test_suite client_result_suite = {"result", cases, setup, teardown};
