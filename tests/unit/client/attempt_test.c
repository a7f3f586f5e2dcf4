/* attempt_test.c: answers of every kind, good and illegal, from a scripted server. */
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <string.h>

static const char *const grpc_head[] = {":status", "200", "content-type", "application/grpc", NULL};
static const char *const ok_trailers[] = {"grpc-status", "0", NULL};

enum { HEAD = RAW_END_HEADERS, LAST = RAW_END_HEADERS | RAW_END_STREAM };

/* A call of this kind with its request on the wire as stream 1. */
static rawpeer *request(tcall **t, gmux_method_kind kind) {
  rawpeer *p = w_connected();
  *t = w_start(kind, NULL);
  CU_ASSERT_EQUAL(w_write(*t, "hello"), 0);
  w_run();
  return p;
}

static bool was_reset(const rawpeer *p) {
  return rawpeer_count(p, RAW_RST_STREAM, 1) > 0;
}

/* The channel is as good as ever: the next call on the same connection works. */
static void assert_others_go_on(rawpeer *p) {
  tcall *t = w_unary();
  w_run();
  CU_ASSERT_PTR_NOT_NULL(rawpeer_find(p, RAW_HEADERS, 3, 0));
  w_answer(p, 3, "fine");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_EQUAL(w_stats().connections_made, 1);
}

/* ---- good ones ---- */

static void headers_message_and_trailers_come_in_order(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_SERVER_STREAMING);
  w_headers(p, 1);
  w_run();
  ASSERT_LOG(t, "H");
  CU_ASSERT_STRING_EQUAL(t->header, "hello");
  w_message(p, 1, "one");
  w_run();
  ASSERT_LOG(t, "H M3");
  w_message(p, 1, "");
  w_message(p, 1, "three");
  w_trailers(p, 1, "0", NULL);
  w_run();
  ASSERT_LOG(t, "H M3 M0 M5 E");
  CU_ASSERT_STRING_EQUAL(t->received, "onethree");
  CU_ASSERT_STRING_EQUAL(t->trailer, "bye");
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_ANSWERED);
}

static void the_one_reply_comes_with_its_status(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  w_headers(p, 1);
  w_message(p, 1, "reply");
  w_run();
  ASSERT_LOG(t, "H"); /* not before it is known to be good */
  w_trailers(p, 1, "0", NULL);
  w_run();
  ASSERT_LOG(t, "H M5 E");
}

static void a_long_reply_is_kept_too(void) {
  static char big[100000];
  memset(big, 'x', sizeof big);
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  w_headers(p, 1);
  rawpeer_grpc_message(p, 1, 0, big, 257); /* one more than fits the call */
  w_run();
  w_trailers(p, 1, "0", NULL);
  w_run();
  ASSERT_LOG(t, "H M257 E");
  tcall *u = w_unary();
  w_run();
  w_headers(p, 3);
  for (size_t at = 0; at < sizeof big; at += 10000) {
    uint8_t prefix[5] = {0, 0, sizeof big >> 16, (sizeof big >> 8) & 255, sizeof big & 255};
    if (at == 0) rawpeer_data(p, 3, 0, prefix, 5, 0);
    rawpeer_data(p, 3, 0, big + at, 10000, 0);
  }
  w_trailers(p, 3, "0", NULL);
  w_run();
  ASSERT_LOG(u, "H M100000 E");
}

static void trailers_only_is_an_answer_without_headers(void) {
  static const char *const pairs[] = {
      ":status", "200",          "content-type",  "application/grpc", "grpc-status",
      "16",      "grpc-message", "who%20are you", "x-trailer",        "t",
      NULL};
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  rawpeer_headers(p, 1, LAST, pairs);
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_UNAUTHENTICATED);
  ASSERT_MESSAGE(t, "who are you");
  CU_ASSERT_STRING_EQUAL(t->trailer, "t");
  assert_others_go_on(p);
}

static void details_come_with_the_status(void) {
  static const char *const pairs[] = {
      "grpc-status", "9", "grpc-message", "no", "grpc-status-details-bin", "ZGV0YWlscw", NULL};
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  w_headers(p, 1);
  rawpeer_headers(p, 1, LAST, pairs);
  w_run();
  ASSERT_CODE(t, GMUX_FAILED_PRECONDITION);
  CU_ASSERT_STRING_EQUAL(t->details, "details");
}

static void an_answer_before_the_request_is_complete_is_taken(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_BIDI_STREAMING);
  w_answer(p, 1, "enough");
  w_run();
  ASSERT_LOG(t, "H M6 E");
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_EQUAL(w_write(t, "more"), GMUX_ERR_STATE);
  const rawframe *rst = rawpeer_find(p, RAW_RST_STREAM, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(rst);
  CU_ASSERT_EQUAL(rawframe_u32(rst, 0), 0); /* NO_ERROR */
  assert_others_go_on(p);
}

static void reset_with_no_error_after_the_trailers_changes_nothing(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_BIDI_STREAMING);
  w_answer(p, 1, "enough");
  rawpeer_rst(p, 1, 0);
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  assert_others_go_on(p);
}

static void informational_headers_are_passed_over(void) {
  static const char *const pairs[] = {":status", "103", "link", "x", NULL};
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  rawpeer_headers(p, 1, HEAD, pairs);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_LOG(t, "H M5 E");
  ASSERT_CODE(t, GMUX_OK);
}

static void a_compressed_message_is_inflated(void) {
  static const char *const pairs[] = {
      ":status", "200", "content-type", "application/grpc", "grpc-encoding", "gzip", NULL};
  /* gzip of "hello" */
  static const uint8_t zipped[] = {0x1f, 0x8b, 8,    0,    0,    0,    0,    0,    0,
                                   3,    0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x86,
                                   0xa6, 0x10, 0x36, 5,    0,    0,    0};
  uint8_t framed[5 + sizeof zipped] = {1, 0, 0, 0, sizeof zipped};
  memcpy(framed + 5, zipped, sizeof zipped);
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  rawpeer_headers(p, 1, HEAD, pairs);
  rawpeer_data(p, 1, 0, framed, sizeof framed, 0);
  w_trailers(p, 1, "0", NULL);
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(t->received, "hello");
}

/* ---- not gRPC ---- */

static void an_http_error_page_ends_the_call_at_once(void) {
  static const char *const pairs[] = {":status", "503", "content-type", "text/html", NULL};
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  rawpeer_headers(p, 1, HEAD, pairs);
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_MESSAGE(t, "not a gRPC answer: HTTP status 503, content-type text/html");
  CU_ASSERT_TRUE(was_reset(p));
  rawpeer_data(p, 1, RAW_END_STREAM, "<html>", 6, 0);
  w_run();
  ASSERT_LOG(t, "E");
  assert_others_go_on(p);
}

static void another_content_type_ends_the_call_at_once(void) {
  static const char *const pairs[] = {":status", "200", "content-type", "application/json", NULL};
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  rawpeer_headers(p, 1, HEAD, pairs);
  w_run();
  ASSERT_CODE(t, GMUX_UNKNOWN);
  ASSERT_MESSAGE(t, "not a gRPC answer: HTTP status 200, content-type application/json");
  assert_others_go_on(p);
}

static void an_http_error_without_a_body_is_told_too(void) {
  static const char *const pairs[] = {":status", "404", NULL};
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  rawpeer_headers(p, 1, LAST, pairs);
  w_run();
  ASSERT_CODE(t, GMUX_UNIMPLEMENTED);
  assert_others_go_on(p);
}

/* ---- incomplete ---- */

static void an_end_without_trailers_is_internal(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  w_headers(p, 1);
  rawpeer_grpc_message(p, 1, RAW_END_STREAM, "reply", 5);
  w_run();
  ASSERT_LOG(t, "H E");
  ASSERT_CODE(t, GMUX_INTERNAL);
  ASSERT_MESSAGE(t, "server closed the stream without sending trailers");
  assert_others_go_on(p);
}

static void trailers_without_a_status_are_unknown(void) {
  static const char *const pairs[] = {"x-trailer", "t", NULL};
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  w_headers(p, 1);
  w_message(p, 1, "reply");
  rawpeer_headers(p, 1, LAST, pairs);
  w_run();
  ASSERT_CODE(t, GMUX_UNKNOWN);
  CU_ASSERT_STRING_EQUAL(t->trailer, "t");
  assert_others_go_on(p);
}

static void ok_without_the_reply_is_internal(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  w_headers(p, 1);
  w_trailers(p, 1, "0", NULL);
  w_run();
  ASSERT_LOG(t, "H E");
  ASSERT_CODE(t, GMUX_INTERNAL);
  ASSERT_MESSAGE(t, "no message came with OK");
  assert_others_go_on(p);
}

static void a_stream_of_no_messages_is_ok(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_SERVER_STREAMING);
  w_headers(p, 1);
  w_trailers(p, 1, "0", NULL);
  w_run();
  ASSERT_LOG(t, "H E");
  ASSERT_CODE(t, GMUX_OK);
}

static void a_second_reply_is_internal_and_none_is_delivered(void) {
  for (int with_credit = 0; with_credit < 2; with_credit++) {
    rawpeer *p = w_connected();
    gmux_call_options o;
    gmux_call_options_init(&o, sizeof o);
    if (with_credit) o.initial_credit = 1; /* exactly one: the second must be seen all the same */
    tcall *t = w_start(GMUX_CLIENT_STREAMING, &o);
    w_run();
    w_headers(p, 1);
    w_message(p, 1, "one");
    w_message(p, 1, "two");
    w_run();
    ASSERT_LOG(t, "H E");
    ASSERT_CODE(t, GMUX_INTERNAL);
    ASSERT_HAS(t->message, "second message");
    CU_ASSERT_TRUE(was_reset(p));
    assert_others_go_on(p);
    w_free(t);
    gmux_channel_free(w_channel);
    w_channel = NULL;
    w_run();
  }
}

static void a_reply_with_an_error_is_dropped(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  w_headers(p, 1);
  w_message(p, 1, "reply");
  w_trailers(p, 1, "13", "broken");
  w_run();
  ASSERT_LOG(t, "H E");
  ASSERT_CODE(t, GMUX_INTERNAL);
  ASSERT_MESSAGE(t, "broken");
}

/* ---- resets ---- */

static void a_reset_has_its_codes_status(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  rawpeer_rst(p, 1, 11);
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_RESOURCE_EXHAUSTED);
  ASSERT_MESSAGE(t, "the server reset the stream: ENHANCE_YOUR_CALM (11)");
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_POSSIBLE);
  assert_others_go_on(p);
}

static void a_refused_stream_is_known_unprocessed_and_without_retries_unavailable(void) {
  w_options.max_refused_retries = 0;
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  rawpeer_rst(p, 1, 7);
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_REFUSED);
  assert_others_go_on(p);
}

/* The negative interop cases rst_after_header, rst_during_data and rst_after_data. */
static void a_reset_in_the_middle_of_an_answer_fails_and_delivers_no_reply(void) {
  for (int phase = 0; phase < 3; phase++) {
    tcall *t;
    rawpeer *p = request(&t, GMUX_UNARY);
    w_headers(p, 1);
    if (phase == 1) rawpeer_data(p, 1, 0, "\0\0\0\0\5he", 7, 0);
    if (phase == 2) w_message(p, 1, "reply");
    rawpeer_rst(p, 1, 0);
    w_run();
    ASSERT_LOG(t, "H E");
    ASSERT_CODE(t, GMUX_INTERNAL);
    assert_others_go_on(p);
    w_free(t);
    gmux_channel_free(w_channel);
    w_channel = NULL;
    w_run();
  }
}

static void a_connection_lost_in_the_middle_of_an_answer_is_unavailable(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  w_headers(p, 1);
  w_message(p, 1, "reply");
  rawpeer_shutdown(p);
  w_run();
  ASSERT_LOG(t, "H E");
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_MESSAGE(t, "ipv4:127.0.0.1:50051: the peer closed the connection");
}

/* ---- illegal and over limits ---- */

static void a_message_over_the_limit_is_resource_exhausted(void) {
  w_options.max_recv_message_bytes = 100;
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  w_headers(p, 1);
  rawpeer_data(p, 1, 0, "\0\0\0\0\x65", 5, 0); /* 101: the prefix is enough to know */
  w_run();
  ASSERT_LOG(t, "H E");
  ASSERT_CODE(t, GMUX_RESOURCE_EXHAUSTED);
  CU_ASSERT_TRUE(was_reset(p));
  assert_others_go_on(p);
}

static void a_call_may_have_its_own_limit(void) {
  w_options.max_recv_message_bytes = 3;
  rawpeer *p = w_connected();
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.max_recv_message_bytes = 5;
  tcall *t = w_start(GMUX_UNARY, &o);
  w_run();
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

static void an_unknown_message_flag_is_internal(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  w_headers(p, 1);
  rawpeer_data(p, 1, 0, "\2\0\0\0\1x", 6, 0);
  w_run();
  ASSERT_CODE(t, GMUX_INTERNAL);
  assert_others_go_on(p);
}

static void a_compressed_message_without_an_encoding_is_internal(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  w_headers(p, 1);
  rawpeer_data(p, 1, 0, "\1\0\0\0\1x", 6, 0);
  w_run();
  ASSERT_CODE(t, GMUX_INTERNAL);
  assert_others_go_on(p);
}

static void an_unknown_encoding_is_internal(void) {
  static const char *const pairs[] = {
      ":status", "200", "content-type", "application/grpc", "grpc-encoding", "snappy", NULL};
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  rawpeer_headers(p, 1, HEAD, pairs);
  rawpeer_data(p, 1, 0, "\1\0\0\0\1x", 6, 0);
  w_run();
  ASSERT_CODE(t, GMUX_INTERNAL);
  assert_others_go_on(p);
}

static void an_end_in_the_middle_of_a_message_is_internal(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  w_headers(p, 1);
  rawpeer_data(p, 1, 0, "\0\0\0\0\5he", 7, 0);
  rawpeer_headers(p, 1, LAST, ok_trailers);
  w_run();
  ASSERT_LOG(t, "H E");
  ASSERT_CODE(t, GMUX_INTERNAL);
  assert_others_go_on(p);
}

static void too_much_metadata_is_resource_exhausted(void) {
  static char value[9000];
  memset(value, 'v', sizeof value - 1);
  const char *const pairs[] = {":status", "200", "content-type", "application/grpc", "x-large",
                               value,     NULL};
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  rawpeer_headers(p, 1, HEAD, pairs);
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_RESOURCE_EXHAUSTED);
  ASSERT_MESSAGE(t, "the server's metadata are over max_recv_metadata_bytes (8192)");
  CU_ASSERT_TRUE(was_reset(p));
  assert_others_go_on(p);
}

static void a_request_over_the_servers_announced_limit_is_not_sent(void) {
  static const uint16_t id = 6; /* MAX_HEADER_LIST_SIZE */
  static const uint32_t limit = 1000;
  static char value[1000];
  gmux_metadata *md;
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&md), 0);
  memset(value, 'v', sizeof value - 1);
  CU_ASSERT_EQUAL(gmux_metadata_add(md, "x-large", value), 0);
  rawpeer *p = w_connected();
  rawpeer_settings(p, 1, &id, &limit);
  w_run();
  gmux_call_options o = w_patient();
  o.metadata = md;
  tcall *t = w_start(GMUX_UNARY, &o);
  gmux_metadata_free(md);
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_RESOURCE_EXHAUSTED);
  ASSERT_HAS(t->message, "the server accepts 1000");
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_NEVER_LEFT);
  tcall *u = w_unary();
  w_run();
  CU_ASSERT_EQUAL(w_answer_all(p, "reply"), 1);
  w_run();
  ASSERT_CODE(u, GMUX_OK);
}

static void metadata_that_is_not_base64_is_internal(void) {
  static const char *const pairs[] = {":status", "200", "content-type", "application/grpc", "x-bin",
                                      "!!",      NULL};
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  rawpeer_headers(p, 1, HEAD, pairs);
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_INTERNAL);
  assert_others_go_on(p);
}

static void a_second_header_block_that_does_not_end_the_stream_is_internal(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  rawpeer_headers(p, 1, HEAD, grpc_head);
  rawpeer_headers(p, 1, HEAD, ok_trailers);
  w_run();
  CU_ASSERT_EQUAL(t->ends, 1);
  ASSERT_CODE(t, GMUX_INTERNAL);
}

static void frames_of_a_stream_that_was_never_opened_cost_the_connection_and_no_more(void) {
  tcall *t;
  rawpeer *p = request(&t, GMUX_UNARY);
  w_headers(p, 7);
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  tcall *u = w_unary();
  w_answer(w_greet(-1), 1, "reply");
  w_run();
  ASSERT_CODE(u, GMUX_OK);
}

static const test_case cases[] = {
    TEST(headers_message_and_trailers_come_in_order),
    TEST(the_one_reply_comes_with_its_status),
    TEST(a_long_reply_is_kept_too),
    TEST(trailers_only_is_an_answer_without_headers),
    TEST(details_come_with_the_status),
    TEST(an_answer_before_the_request_is_complete_is_taken),
    TEST(reset_with_no_error_after_the_trailers_changes_nothing),
    TEST(informational_headers_are_passed_over),
    TEST(a_compressed_message_is_inflated),
    TEST(an_http_error_page_ends_the_call_at_once),
    TEST(another_content_type_ends_the_call_at_once),
    TEST(an_http_error_without_a_body_is_told_too),
    TEST(an_end_without_trailers_is_internal),
    TEST(trailers_without_a_status_are_unknown),
    TEST(ok_without_the_reply_is_internal),
    TEST(a_stream_of_no_messages_is_ok),
    TEST(a_second_reply_is_internal_and_none_is_delivered),
    TEST(a_reply_with_an_error_is_dropped),
    TEST(a_reset_has_its_codes_status),
    TEST(a_refused_stream_is_known_unprocessed_and_without_retries_unavailable),
    TEST(a_reset_in_the_middle_of_an_answer_fails_and_delivers_no_reply),
    TEST(a_connection_lost_in_the_middle_of_an_answer_is_unavailable),
    TEST(a_message_over_the_limit_is_resource_exhausted),
    TEST(a_call_may_have_its_own_limit),
    TEST(an_unknown_message_flag_is_internal),
    TEST(a_compressed_message_without_an_encoding_is_internal),
    TEST(an_unknown_encoding_is_internal),
    TEST(an_end_in_the_middle_of_a_message_is_internal),
    TEST(too_much_metadata_is_resource_exhausted),
    TEST(a_request_over_the_servers_announced_limit_is_not_sent),
    TEST(metadata_that_is_not_base64_is_internal),
    TEST(a_second_header_block_that_does_not_end_the_stream_is_internal),
    TEST(frames_of_a_stream_that_was_never_opened_cost_the_connection_and_no_more),
    TESTS_END,
};

const test_suite client_attempt_suite = {"attempt", cases, w_setup, w_teardown};
