/* call_test.c: calls as they stand on the wire. */
#include "lib/wire/status.h"
#include "tests/unit/server/kit.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- the four kinds ---- */

static void act_echo_at_half_close(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_HALF_CLOSE) kit_reply_text(call, kit.message);
}

static void a_unary_call_is_answered_with_headers_a_message_and_trailers(void) {
  kit_serve();
  kit_connect();
  kit.act = act_echo_at_half_close;
  kit_unary(1, "/t.S/Unary", "hello");
  KIT_STREQ(kit.order, "cmhe");
  CU_ASSERT_EQUAL(kit.code, GMUX_OK);
  CU_ASSERT_EQUAL(rawpeer_count(kit.peer, RAW_HEADERS, 1), 2);
  KIT_STREQ(kit_header(1, ":status"), "200");
  KIT_STREQ(kit_header(1, "content-type"), "application/grpc");
  KIT_STREQ(kit_header(1, "grpc-status"), "");
  KIT_STREQ(kit_reply(1, 0), "hello");
  CU_ASSERT_PTR_NULL(kit_reply(1, 1));
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
  KIT_STREQ(kit_trailer(1, "grpc-message"), "");
  CU_ASSERT_TRUE(kit_is_ended(1));
  CU_ASSERT_EQUAL(kit_rst(1), -1);
  CU_ASSERT_EQUAL(kit_stats().calls_succeeded, 1);
}

static void act_echo_unary(int event, gmux_server_call *call, gmux_bytes *message) {
  if (event != SAW_UNARY) return;
  gmux_bytes reply;
  CU_ASSERT_EQUAL(gmux_bytes_copy(&reply, message->data, message->len), 0);
  CU_ASSERT_EQUAL(gmux_server_call_reply(call, &reply), 0);
}

static void a_unary_function_gets_the_whole_request_once(void) {
  kit_serve();
  kit_connect();
  kit.act = act_echo_unary;
  kit_unary(1, "/t.S/Fn", "hello");
  KIT_STREQ(kit.order, "u");
  KIT_STREQ(kit.message, "hello");
  KIT_STREQ(kit_reply(1, 0), "hello");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
}

static void a_unary_function_waits_for_the_half_close(void) {
  kit_serve();
  kit_connect();
  kit.act = act_echo_unary;
  kit_request(1, "/t.S/Fn", false, NULL);
  kit_message(1, "hello", false);
  kit_run();
  KIT_STREQ(kit.order, "");
  kit_half_close(1);
  kit_run();
  KIT_STREQ(kit.order, "u");
  KIT_STREQ(kit_reply(1, 0), "hello");
}

/* Around the size that is kept in the call itself; and an empty one. */
static void a_unary_request_of_any_size_comes_whole(void) {
  static const size_t sizes[] = {0, 1, 1023, 1024, 1025, 100000};
  kit_serve();
  kit_connect();
  kit.act = act_echo_unary;
  uint32_t stream = 1;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++, stream += 2) {
    char *text = malloc(sizes[i] + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, 'a', sizes[i]);
    text[sizes[i]] = '\0';
    kit_request(stream, "/t.S/Fn", false, NULL);
    /* In frames that a peer may send (RFC 9113 section 4.2), the end apart from the message. */
    uint8_t prefix[5] = {0, 0, (uint8_t)(sizes[i] >> 16), (uint8_t)(sizes[i] >> 8),
                         (uint8_t)sizes[i]};
    rawpeer_data(kit.peer, stream, 0, prefix, sizeof prefix, 0);
    for (size_t at = 0; at < sizes[i]; at += 16384)
      rawpeer_data(kit.peer, stream, 0, text + at, sizes[i] - at < 16384 ? sizes[i] - at : 16384,
                   0);
    kit_half_close(stream);
    rawpeer_window_update(kit.peer, 0, 200000);
    rawpeer_window_update(kit.peer, stream, 200000);
    kit_run();
    CU_ASSERT_EQUAL(kit.message_len, sizes[i]);
    CU_ASSERT_EQUAL(kit_data_bytes(stream), sizes[i] + 5);
    KIT_STREQ(kit_trailer(stream, "grpc-status"), "0");
    free(text);
  }
}

static void a_unary_request_without_its_half_close_goes_with_the_call(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Fn", false, NULL);
  char large[2000];
  memset(large, 'x', sizeof large - 1);
  large[sizeof large - 1] = '\0';
  kit_message(1, large, false);
  kit_run();
  rawpeer_rst(kit.peer, 1, GMUX__H2_CANCEL);
  kit_run();
  KIT_STREQ(kit.order, "");
  CU_ASSERT_EQUAL(kit_stats().calls_failed, 1); /* and kit_teardown counts the memory */
}

static void a_client_streaming_call_takes_many_messages_and_gives_one(void) {
  kit_serve();
  kit_connect();
  kit.act = act_echo_at_half_close;
  kit_request(1, "/t.S/Client", false, NULL);
  kit_message(1, "a", false);
  kit_message(1, "b", false);
  kit_run();
  KIT_STREQ(kit.order, "cmm");
  kit_message(1, "c", true);
  kit_run();
  KIT_STREQ(kit.order, "cmmmhe");
  KIT_STREQ(kit_reply(1, 0), "c");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
}

static void act_three_at_half_close(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event != SAW_HALF_CLOSE) return;
  static const char *const texts[] = {"one", "two", "three"};
  for (int i = 0; i < 3; i++) {
    gmux_bytes text = kit_text(texts[i]);
    CU_ASSERT_EQUAL(gmux_server_call_write(call, &text), 0);
  }
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), 0);
}

static void a_server_streaming_call_takes_one_message_and_gives_many(void) {
  kit_serve();
  kit_connect();
  kit.act = act_three_at_half_close;
  kit_unary(1, "/t.S/Server", "go");
  KIT_STREQ(kit.order, "cmhe");
  KIT_STREQ(kit_reply(1, 0), "one");
  KIT_STREQ(kit_reply(1, 1), "two");
  KIT_STREQ(kit_reply(1, 2), "three");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
}

static void a_server_streaming_call_may_give_none(void) {
  kit_serve();
  kit_connect();
  kit_unary(1, "/t.S/Server", "go");
  CU_ASSERT_EQUAL(gmux_server_call_finish(kit.call, NULL, NULL), 0);
  kit_run();
  CU_ASSERT_TRUE(kit_is_trailers_only(1));
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
}

static void act_ping_pong(int event, gmux_server_call *call, gmux_bytes *message) {
  if (event == SAW_MESSAGE) {
    gmux_bytes echo = gmux_bytes_borrow(message->data, message->len);
    CU_ASSERT_EQUAL(gmux_server_call_write(call, &echo), 0);
  }
  if (event == SAW_HALF_CLOSE) CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), 0);
}

static void a_bidi_call_answers_while_the_client_is_still_writing(void) {
  kit_serve();
  kit_connect();
  kit.act = act_ping_pong;
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_message(1, "ping", false);
  kit_run();
  KIT_STREQ(kit_reply(1, 0), "ping");
  CU_ASSERT_FALSE(kit_is_ended(1));
  kit_message(1, "pong", false);
  kit_run();
  KIT_STREQ(kit_reply(1, 1), "pong");
  kit_half_close(1);
  kit_run();
  KIT_STREQ(kit.order, "cmmhe");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
}

static void a_bidi_call_without_any_message_is_a_call(void) {
  kit_serve();
  kit_connect();
  kit.act = act_ping_pong;
  kit_request(1, "/t.S/Bidi", true, NULL);
  kit_run();
  KIT_STREQ(kit.order, "che");
  CU_ASSERT_EQUAL(kit.code, GMUX_OK);
}

static void a_half_close_comes_after_the_last_message_however_the_bytes_are_cut(void) {
  for (size_t chunk = 1; chunk < 12; chunk++) {
    if (!kit.server) kit_serve();
    if (!kit.peer) kit_connect();
    sim_net(kit.world)->read_chunk = chunk;
    kit.act = act_echo_at_half_close;
    memset(kit.order, 0, sizeof kit.order);
    uint32_t stream = (uint32_t)(2 * chunk - 1);
    kit_request(stream, "/t.S/Client", false, NULL);
    kit_message(stream, "first", false);
    kit_message(stream, "last", true);
    kit_run();
    KIT_STREQ(kit.order, "cmmhe");
    KIT_STREQ(kit_reply(stream, 0), "last");
  }
}

/* ---- refused requests, on the wire ---- */

static void a_refused_request_is_answered_at_once_by_one_header_block(void) {
  static const struct {
    const char *path, *name, *value; /* one more header */
    const char *http_status, *grpc_status, *message;
  } rows[] = {
      {"/t.S/Nope", "a", "b", "200", "12", "unknown method Nope of service t.S"},
      {"/t.X/Unary", "a", "b", "200", "12", "unknown service t.X"},
      {"/t.S/Unary", "grpc-timeout", "soon", "200", "13", "malformed grpc-timeout"},
      {"/t.S/Unary", "grpc-timeout", "0m", "200", "4",
       "the deadline had passed when the request arrived"},
      {"/t.S/Unary", "grpc-encoding", "br", "200", "12", "grpc-encoding \"br\" is not supported"},
      {"/t.S/Unary", "k-bin", "?", "400", "13", "the value of a -bin header is not base64"},
  };
  kit_serve();
  kit_connect();
  uint32_t stream = 1;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++, stream += 2) {
    const char *more[] = {rows[i].name, rows[i].value, NULL};
    kit_request(stream, rows[i].path, true, more);
    kit_run();
    CU_ASSERT_TRUE(kit_is_trailers_only(stream));
    KIT_STREQ(kit_header(stream, ":status"), rows[i].http_status);
    KIT_STREQ(kit_header(stream, "content-type"), "application/grpc");
    KIT_STREQ(kit_header(stream, "grpc-status"), rows[i].grpc_status);
    KIT_STREQ(kit_header(stream, "grpc-message"), rows[i].message);
    bool is_encoding = strcmp(rows[i].name, "grpc-encoding") == 0;
    KIT_STREQ(kit_header(stream, "grpc-accept-encoding"),
              is_encoding ? "identity,gzip,deflate" : "");
    CU_ASSERT_EQUAL(kit_rst(stream), -1);
  }
  KIT_STREQ(kit.order, "");
  CU_ASSERT_EQUAL(kit_stats().calls_failed, sizeof rows / sizeof *rows);
}

static void an_ordinary_http_client_gets_404_405_and_415_with_an_end(void) {
  static const char *const get[] = {":method",     "GET",        ":scheme", "http", ":path",
                                    "/index.html", ":authority", "a",       NULL};
  static const char *const put[] = {":method",    "PUT",        ":scheme", "http", ":path",
                                    "/t.S/Unary", ":authority", "a",       NULL};
  static const char *const form[] = {
      ":method", "POST",         ":scheme",          "http", ":path", "/t.S/Unary", ":authority",
      "a",       "content-type", "application/json", NULL};
  kit_serve();
  kit_connect();
  rawpeer_headers(kit.peer, 1, RAW_END_HEADERS | RAW_END_STREAM, get);
  rawpeer_headers(kit.peer, 3, RAW_END_HEADERS, form);
  rawpeer_data(kit.peer, 3, RAW_END_STREAM, "{}", 2, 0);
  rawpeer_headers(kit.peer, 5, RAW_END_HEADERS | RAW_END_STREAM, put);
  kit_run();
  KIT_STREQ(kit_header(1, ":status"), "404");
  KIT_STREQ(kit_header(1, "grpc-status"), "12");
  CU_ASSERT_TRUE(kit_is_trailers_only(1));
  KIT_STREQ(kit_header(5, ":status"), "405");
  KIT_STREQ(kit_header(5, "allow"), "POST");
  CU_ASSERT_TRUE(kit_is_trailers_only(5));
  KIT_STREQ(kit_header(3, ":status"), "415");
  KIT_STREQ(kit_header(3, "grpc-status"), "13");
  CU_ASSERT_TRUE(kit_is_trailers_only(3));
  CU_ASSERT_EQUAL(rawpeer_state(kit.peer), 0);
}

static void a_refusal_while_the_client_is_writing_asks_it_to_stop(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Nope", false, NULL);
  kit_message(1, "in vain", false);
  kit_run();
  CU_ASSERT_TRUE(kit_is_trailers_only(1));
  CU_ASSERT_EQUAL(kit_rst(1), GMUX__H2_NO_ERROR);
}

static void metadata_over_the_limit_is_431_and_the_connection_goes_on(void) {
  kit_serve();
  kit_connect();
  char *large = malloc(9001);
  CU_ASSERT_PTR_NOT_NULL_FATAL(large);
  memset(large, 'x', 9000);
  large[9000] = '\0';
  const char *more[] = {"k", large, NULL};
  kit_request(1, "/t.S/Unary", true, more);
  kit_run();
  KIT_STREQ(kit_header(1, ":status"), "431");
  KIT_STREQ(kit_header(1, "grpc-status"), "8");
  CU_ASSERT_TRUE(kit_is_trailers_only(1));
  kit.act = act_echo_at_half_close;
  kit_unary(3, "/t.S/Unary", "still here");
  KIT_STREQ(kit_reply(3, 0), "still here");
  free(large);
}

static void a_request_without_te_is_served(void) {
  static const char *const pairs[] = {
      ":method", "POST",         ":scheme",          "http", ":path", "/t.S/Unary", ":authority",
      "a",       "content-type", "application/grpc", NULL};
  kit_serve();
  kit_connect();
  kit.act = act_echo_at_half_close;
  rawpeer_headers(kit.peer, 1, RAW_END_HEADERS, pairs);
  kit_message(1, "x", true);
  kit_run();
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
}

/* ---- answers ---- */

static void act_fail_at_once(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_CALL)
    CU_ASSERT_EQUAL(gmux_server_call_fail(call, GMUX_PERMISSION_DENIED, "not y\xc3\xb6u, 100%"), 0);
}

static void an_error_before_any_message_is_trailers_only_with_its_words_coded(void) {
  kit_serve();
  kit_connect();
  kit.act = act_fail_at_once;
  kit_unary(1, "/t.S/Unary", "x");
  KIT_STREQ(kit.order, "ce"); /* what comes after the answer is not delivered */
  CU_ASSERT_EQUAL(kit.code, GMUX_PERMISSION_DENIED);
  CU_ASSERT_TRUE(kit_is_trailers_only(1));
  KIT_STREQ(kit_header(1, ":status"), "200");
  KIT_STREQ(kit_header(1, "grpc-status"), "7");
  KIT_STREQ(kit_header(1, "grpc-message"), "not y%C3%B6u, 100%25");
  CU_ASSERT_EQUAL(kit_stats().calls_failed, 1);
}

static gmux_metadata *metadata_of(const char *key, const char *value) {
  gmux_metadata *m;
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&m), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(m, key, value), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add_bin(m, "raw-bin", "\x00\xff", 2), 0);
  return m;
}

static void act_answer_with_metadata(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event != SAW_HALF_CLOSE) return;
  gmux_metadata *headers = metadata_of("in-front", "1"), *trailers = metadata_of("behind", "2");
  gmux_bytes reply = kit_text("r");
  gmux_status status = {
      .code = GMUX_ABORTED, .message = "half way", .details = gmux_bytes_borrow("\x08\x0a", 2)};
  CU_ASSERT_EQUAL(gmux_server_call_send_headers(call, headers), 0);
  CU_ASSERT_EQUAL(gmux_server_call_write(call, &reply), 0);
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, &status, trailers), 0);
  gmux_metadata_free(headers); /* all copied */
  gmux_metadata_free(trailers);
}

static void metadata_of_both_kinds_goes_in_front_and_behind(void) {
  kit_serve();
  kit_connect();
  kit.act = act_answer_with_metadata;
  kit_unary(1, "/t.S/Server", "x");
  KIT_STREQ(kit_header(1, "in-front"), "1");
  KIT_STREQ(kit_header(1, "raw-bin"), "AP8");
  KIT_STREQ(kit_header(1, "behind"), "");
  KIT_STREQ(kit_trailer(1, "behind"), "2");
  KIT_STREQ(kit_trailer(1, "raw-bin"), "AP8");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "10");
  KIT_STREQ(kit_trailer(1, "grpc-message"), "half way");
  KIT_STREQ(kit_trailer(1, "grpc-status-details-bin"), "CAo");
}

static void act_many_metadata(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event != SAW_HALF_CLOSE) return;
  gmux_metadata *m;
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&m), 0);
  for (int i = 0; i < 200; i++)
    CU_ASSERT_EQUAL(gmux_metadata_add(m, "many", "v"), 0);
  CU_ASSERT_EQUAL(gmux_server_call_send_headers(call, m), 0);
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, m), 0);
  gmux_metadata_free(m);
}

static void more_metadata_than_a_usual_block_has_arrives_whole(void) {
  kit_serve();
  kit_connect();
  kit.act = act_many_metadata;
  kit_unary(1, "/t.S/Server", "x");
  const rawframe *front = rawpeer_find(kit.peer, RAW_HEADERS, 1, 0);
  const rawframe *back = rawpeer_find(kit.peer, RAW_HEADERS, 1, 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(back);
  CU_ASSERT_EQUAL(front->header_count, 203);
  CU_ASSERT_EQUAL(back->header_count, 201);
}

static void act_look_at_request(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event != SAW_CALL) return;
  KIT_STREQ(gmux_server_call_path(call), "/t.S/Unary");
  KIT_STREQ(gmux_server_call_authority(call), "a.example");
  CU_ASSERT_EQUAL(strncmp(gmux_server_call_peer(call), "ipv4:127.0.0.1:", 15), 0);
  CU_ASSERT_PTR_NULL(gmux_server_call_peer_name(call));
  const gmux_metadata *m = gmux_server_call_metadata(call);
  size_t len;
  KIT_STREQ(gmux_metadata_get(m, "user-agent", NULL), "test/1");
  KIT_STREQ(gmux_metadata_get(m, "text", NULL), "a b");
  const char *bin = gmux_metadata_get(m, "both-bin", &len);
  CU_ASSERT_EQUAL(len, 2);
  CU_ASSERT_EQUAL(memcmp(bin, "\x00\x01", 2), 0);
  CU_ASSERT_EQUAL(gmux_metadata_count(m), 4); /* the joined value is two; gRPC's own are none */
  CU_ASSERT_EQUAL(gmux_server_call_timeout_ms(call), GMUX_NO_TIMEOUT);
}

static void a_handler_sees_what_the_client_sent(void) {
  static const char *const more[] = {"user-agent", "test/1",   "text", "a b",
                                     "both-bin",   "AAE,Ag==", NULL};
  kit_serve();
  kit_connect();
  kit.act = act_look_at_request;
  kit_request(1, "/t.S/Unary", false, more);
  kit_run();
  KIT_STREQ(kit.order, "c");
}

/* ---- limits and broken rules ---- */

static void a_message_over_the_limit_ends_the_call_and_not_the_connection(void) {
  kit.options.max_recv_message_bytes = 3;
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_message(1, "abc", false);
  kit_run();
  KIT_STREQ(kit.order, "cm");
  kit_message(1, "abcd", false);
  kit_run();
  KIT_STREQ(kit.order, "cme");
  CU_ASSERT_EQUAL(kit.code, GMUX_RESOURCE_EXHAUSTED);
  KIT_STREQ(kit_trailer(1, "grpc-status"), "8");
  CU_ASSERT_EQUAL(kit_rst(1), GMUX__H2_NO_ERROR);
  CU_ASSERT_EQUAL(rawpeer_state(kit.peer), 0);
}

static void a_frame_that_is_no_grpc_message_ends_the_call_with_internal(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  rawpeer_data(kit.peer, 1, 0, "\x02\x00\x00\x00\x00", 5, 0);
  kit_run();
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_EQUAL(kit.code, GMUX_INTERNAL);
  KIT_STREQ(kit_trailer(1, "grpc-status"), "13");
}

static void an_end_in_the_middle_of_a_message_ends_the_call_with_internal(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Fn", false, NULL);
  rawpeer_data(kit.peer, 1, RAW_END_STREAM,
               "\x00\x00\x00\x00\x05"
               "ab",
               7, 0);
  kit_request(3, "/t.S/Bidi", false, NULL);
  rawpeer_data(kit.peer, 3, RAW_END_STREAM, "\x00\x00", 2, 0);
  kit_run();
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_EQUAL(kit.code, GMUX_INTERNAL);
}

static void a_second_request_message_where_one_belongs_is_internal(void) {
  static const char *const paths[] = {"/t.S/Unary", "/t.S/Server", "/t.S/Fn"};
  kit_serve();
  kit_connect();
  for (uint32_t i = 0; i < 3; i++) {
    uint32_t stream = 2 * i + 1;
    kit_request(stream, paths[i], false, NULL);
    kit_message(stream, "one", false);
    kit_message(stream, "two", true);
    kit_run();
    KIT_STREQ(kit_trailer(stream, "grpc-status"), "13");
    CU_ASSERT_PTR_NOT_NULL(strstr(kit_trailer(stream, "grpc-message"), "sent another"));
  }
  KIT_STREQ(kit.order, "cmecme"); /* the function is never called */
}

static void no_request_message_where_one_belongs_is_internal(void) {
  static const char *const paths[] = {"/t.S/Unary", "/t.S/Server", "/t.S/Fn"};
  kit_serve();
  kit_connect();
  for (uint32_t i = 0; i < 3; i++) {
    uint32_t stream = 2 * i + 1;
    kit_request(stream, paths[i], true, NULL);
    kit_run();
    KIT_STREQ(kit_trailer(stream, "grpc-status"), "13");
    CU_ASSERT_PTR_NOT_NULL(strstr(kit_trailer(stream, "grpc-message"), "sent none"));
  }
  KIT_STREQ(kit.order, "cece");
  CU_ASSERT_EQUAL(kit.code, GMUX_INTERNAL);
}

static void act_finish_ok(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_HALF_CLOSE || event == SAW_UNARY)
    CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), 0);
}

static void ok_without_the_one_response_message_becomes_internal_and_is_logged(void) {
  static const char *const paths[] = {"/t.S/Unary", "/t.S/Client", "/t.S/Fn"};
  kit_serve();
  kit_connect();
  kit.act = act_finish_ok;
  for (uint32_t i = 0; i < 3; i++) {
    uint32_t stream = 2 * i + 1;
    memset(kit.log, 0, sizeof kit.log);
    kit_unary(stream, paths[i], "x");
    KIT_STREQ(kit_trailer(stream, "grpc-status"), "13");
    CU_ASSERT_PTR_NOT_NULL(strstr(kit_trailer(stream, "grpc-message"), "response message"));
    CU_ASSERT_PTR_NOT_NULL(strstr(kit.log, paths[i]));
  }
  CU_ASSERT_EQUAL(kit.code, GMUX_INTERNAL); /* on_end says what was sent */
}

static void act_fail_at_half_close(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_HALF_CLOSE)
    CU_ASSERT_EQUAL(gmux_server_call_fail(call, GMUX_NOT_FOUND, NULL), 0);
}

static void an_error_needs_no_response_message(void) {
  kit_serve();
  kit_connect();
  kit.act = act_fail_at_half_close;
  kit_unary(1, "/t.S/Unary", "x");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "5");
  KIT_STREQ(kit_trailer(1, "grpc-message"), "");
}

/* ---- ends that the server does not choose ---- */

static void a_deadline_ends_the_call_on_time_and_the_client_is_told(void) {
  static const char *const more[] = {"grpc-timeout", "50m", NULL};
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Unary", false, more);
  kit_run();
  CU_ASSERT_EQUAL(gmux_server_call_timeout_ms(kit.call), 50);
  kit_run_ms(49);
  KIT_STREQ(kit.order, "c");
  CU_ASSERT_EQUAL(gmux_server_call_timeout_ms(kit.call), 1);
  sim_set_outside(kit.loop, true);
  CU_ASSERT_EQUAL(gmux_server_call_timeout_ms(kit.call), 1); /* a thread that works on it */
  sim_set_outside(kit.loop, false);
  gmux_server_call *call = gmux_server_call_ref(kit.call);
  kit_run_ms(1);
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_EQUAL(kit.code, GMUX_DEADLINE_EXCEEDED);
  CU_ASSERT_EQUAL(gmux_server_call_timeout_ms(call), 0);
  gmux_bytes late = kit_text("late");
  CU_ASSERT_EQUAL(gmux_server_call_write(call, &late), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(gmux_server_call_reply(call, &late), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(gmux_server_call_send_headers(call, NULL), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(gmux_server_call_grant(call, 1), GMUX_ERR_STATE);
  gmux_server_call_unref(call);
  kit_run();
  KIT_STREQ(kit_trailer(1, "grpc-status"), "4");
  CU_ASSERT_EQUAL(kit_rst(1), GMUX__H2_NO_ERROR);
  CU_ASSERT_EQUAL(kit_stats().calls_failed, 1);
}

static void act_write_much_to_server_streams(int event, gmux_server_call *call,
                                             gmux_bytes *message) {
  (void)message;
  if (event != SAW_CALL || strcmp(gmux_server_call_path(call), "/t.S/Server") != 0) return;
  static const uint8_t much[32768];
  gmux_bytes bytes = gmux_bytes_borrow(much, sizeof much);
  CU_ASSERT_EQUAL(gmux_server_call_write(call, &bytes), 0);
}

/* Nothing of the call's own is in the way, but the connection takes no byte more. */
static void a_deadline_whose_words_cannot_leave_ends_the_call_a_second_later(void) {
  static const char *const more[] = {"grpc-timeout", "50m", NULL};
  kit_serve();
  sim_net(kit.world)->buffer_bytes = 1024;
  kit_connect();
  sim_link_stall(sim_link_first(kit.world), SIM_TO_CLIENT);
  kit.act = act_write_much_to_server_streams;
  kit_request(1, "/t.S/Server", false, NULL);
  kit_request(3, "/t.S/Unary", false, more);
  kit_run();
  KIT_STREQ(kit.order, "cc");
  kit_run_ms(1049);
  KIT_STREQ(kit.order, "cc");
  kit_run_ms(1);
  KIT_STREQ(kit.order, "cce");
  CU_ASSERT_EQUAL(kit.code, GMUX_DEADLINE_EXCEEDED);
}

static void what_is_left_of_a_deadline_is_rounded_up(void) {
  static const char *const more[] = {"grpc-timeout", "1500u", NULL};
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, more);
  kit_run();
  CU_ASSERT_EQUAL(gmux_server_call_timeout_ms(kit.call), 2);
  kit_run_ms(1);
  CU_ASSERT_EQUAL(gmux_server_call_timeout_ms(kit.call), 1);
}

static void a_call_that_ends_in_time_leaves_no_timer(void) {
  static const char *const more[] = {"grpc-timeout", "50m", NULL};
  kit_serve();
  kit_connect();
  kit.act = act_echo_at_half_close;
  kit_request(1, "/t.S/Unary", false, more);
  kit_message(1, "x", true);
  kit_run();
  KIT_STREQ(kit.order, "cmhe");
  uint64_t turns = sim_turns(kit.world);
  kit_run_ms(100);
  CU_ASSERT_EQUAL(sim_turns(kit.world), turns);
  CU_ASSERT_EQUAL(kit.code, GMUX_OK);
}

static void a_deadline_of_centuries_is_none(void) {
  static const char *const more[] = {"grpc-timeout", "99999999H", NULL};
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, more);
  kit_run();
  CU_ASSERT_TRUE(gmux_server_call_timeout_ms(kit.call) > INT64_C(1000) * 3600 * 24 * 365 * 100);
}

static void a_deadline_also_ends_a_call_whose_answer_cannot_leave(void) {
  static const char *const more[] = {"grpc-timeout", "50m", NULL};
  static const uint16_t ids[] = {4}; /* SETTINGS_INITIAL_WINDOW_SIZE */
  static const uint32_t values[] = {0};
  kit_serve();
  kit_connect();
  rawpeer_settings(kit.peer, 1, ids, values);
  kit.act = act_echo_at_half_close;
  kit_request(1, "/t.S/Unary", false, more);
  kit_message(1, "stuck", true);
  kit_run();
  KIT_STREQ(kit.order, "cmh");
  kit_run_ms(50);
  KIT_STREQ(kit.order, "cmhe");
  CU_ASSERT_EQUAL(kit.code, GMUX_DEADLINE_EXCEEDED);
  CU_ASSERT_EQUAL(kit_rst(1), GMUX__H2_CANCEL);
}

static void a_reset_by_the_client_ends_the_call_with_cancelled(void) {
  static const uint32_t codes[] = {GMUX__H2_CANCEL, GMUX__H2_NO_ERROR, GMUX__H2_INTERNAL_ERROR,
                                   12345};
  kit_serve();
  kit_connect();
  for (uint32_t i = 0; i < 4; i++) {
    memset(kit.order, 0, sizeof kit.order);
    kit_request(2 * i + 1, "/t.S/Bidi", false, NULL);
    kit_run();
    rawpeer_rst(kit.peer, 2 * i + 1, codes[i]);
    kit_run();
    KIT_STREQ(kit.order, "ce");
    CU_ASSERT_EQUAL(kit.code, GMUX_CANCELLED);
    CU_ASSERT_EQUAL(kit_rst(2 * i + 1), -1);
  }
}

static void a_request_reset_before_it_was_looked_at_never_reaches_the_application(void) {
  kit_serve();
  kit_connect();
  kit_request(1, "/t.S/Bidi", false, NULL);
  rawpeer_rst(kit.peer, 1, GMUX__H2_CANCEL);
  kit_run();
  KIT_STREQ(kit.order, "");
  CU_ASSERT_EQUAL(kit_stats().calls_started, 0);
}

static void a_lost_connection_ends_all_its_calls_with_cancelled(void) {
  kit_serve();
  kit_connect();
  for (uint32_t stream = 1; stream <= 5; stream += 2)
    kit_request(stream, "/t.S/Bidi", false, NULL);
  kit_run();
  KIT_STREQ(kit.order, "ccc");
  CU_ASSERT_EQUAL(kit_stats().calls_running, 3);
  rawpeer_reset(kit.peer);
  kit_run();
  KIT_STREQ(kit.order, "ccceee");
  CU_ASSERT_EQUAL(kit.code, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(kit_stats().calls_running, 0);
  CU_ASSERT_EQUAL(kit_stats().connections, 0);
}

/* ---- what it costs ---- */

static void act_reply_static(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_UNARY) kit_reply_text(call, "a reply of usual size");
}

static size_t allocations_of_calls(uint32_t from, uint32_t count) {
  size_t before = test_alloc_calls();
  for (uint32_t i = 0; i < count; i++)
    kit_unary(from + 2 * i, "/t.S/Fn", "a request of usual size");
  return test_alloc_calls() - before;
}

/* With nghttp2 1.52 these are 18, all of them its own: the fields of the request, which the raw
 * peer sends as literals, are most of them. */
static void a_steady_call_allocates_only_what_nghttp2_needs(void) {
  kit_serve();
  kit_connect();
  kit.act = act_reply_static;
  allocations_of_calls(1, 10); /* free lists fill */
  size_t ten = allocations_of_calls(101, 10);
  size_t next_ten = allocations_of_calls(201, 10);
  CU_ASSERT_EQUAL(ten, next_ten);
  CU_ASSERT_TRUE(ten <= 180);
}

static const test_case cases[] = {
    TEST(a_unary_call_is_answered_with_headers_a_message_and_trailers),
    TEST(a_unary_function_gets_the_whole_request_once),
    TEST(a_unary_function_waits_for_the_half_close),
    TEST(a_unary_request_of_any_size_comes_whole),
    TEST(a_unary_request_without_its_half_close_goes_with_the_call),
    TEST(a_client_streaming_call_takes_many_messages_and_gives_one),
    TEST(a_server_streaming_call_takes_one_message_and_gives_many),
    TEST(a_server_streaming_call_may_give_none),
    TEST(a_bidi_call_answers_while_the_client_is_still_writing),
    TEST(a_bidi_call_without_any_message_is_a_call),
    TEST(a_half_close_comes_after_the_last_message_however_the_bytes_are_cut),
    TEST(a_refused_request_is_answered_at_once_by_one_header_block),
    TEST(an_ordinary_http_client_gets_404_405_and_415_with_an_end),
    TEST(a_refusal_while_the_client_is_writing_asks_it_to_stop),
    TEST(metadata_over_the_limit_is_431_and_the_connection_goes_on),
    TEST(a_request_without_te_is_served),
    TEST(an_error_before_any_message_is_trailers_only_with_its_words_coded),
    TEST(metadata_of_both_kinds_goes_in_front_and_behind),
    TEST(more_metadata_than_a_usual_block_has_arrives_whole),
    TEST(a_handler_sees_what_the_client_sent),
    TEST(a_message_over_the_limit_ends_the_call_and_not_the_connection),
    TEST(a_frame_that_is_no_grpc_message_ends_the_call_with_internal),
    TEST(an_end_in_the_middle_of_a_message_ends_the_call_with_internal),
    TEST(a_second_request_message_where_one_belongs_is_internal),
    TEST(no_request_message_where_one_belongs_is_internal),
    TEST(ok_without_the_one_response_message_becomes_internal_and_is_logged),
    TEST(an_error_needs_no_response_message),
    TEST(a_deadline_ends_the_call_on_time_and_the_client_is_told),
    TEST(a_deadline_whose_words_cannot_leave_ends_the_call_a_second_later),
    TEST(what_is_left_of_a_deadline_is_rounded_up),
    TEST(a_call_that_ends_in_time_leaves_no_timer),
    TEST(a_deadline_of_centuries_is_none),
    TEST(a_deadline_also_ends_a_call_whose_answer_cannot_leave),
    TEST(a_reset_by_the_client_ends_the_call_with_cancelled),
    TEST(a_request_reset_before_it_was_looked_at_never_reaches_the_application),
    TEST(a_lost_connection_ends_all_its_calls_with_cancelled),
    TEST(a_steady_call_allocates_only_what_nghttp2_needs),
    TESTS_END,
};

const test_suite server_call_suite = {
    .name = "call", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
