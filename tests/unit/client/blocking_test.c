#include "tests/unit/client/thread.h"
#include <gmux/error.h>
#include <string.h>

/* ---- the server, on the world's thread ---- */

static rawpeer *peer;

static void greet_newcomers(void) {
  rawpeer *p = w_accept();
  if (!p) return;
  peer = p;
  w_settings(p, -1);
  rawpeer_window_update(p, 0, 1u << 30);
  sim_run(w_sim);
}

static void serve_good_answers(void) {
  greet_newcomers();
  if (peer) w_answer_all(peer, "reply");
}

static void serve_nothing(void) {}

/* Answers once the client has half-closed: with as many messages as it was sent. */
static void serve_echo(void) {
  greet_newcomers();
  const rawframe *f = peer ? rawpeer_find(peer, RAW_DATA, 1, 0) : NULL;
  size_t count = 0;
  bool is_end = false;
  for (; f; f = rawpeer_find(peer, RAW_DATA, 1, ++count))
    is_end = f->flags & RAW_END_STREAM;
  static bool is_done;
  if (!is_end) is_done = false;
  if (!is_end || is_done) return;
  is_done = true;
  w_headers(peer, 1);
  for (size_t i = 0; i < 10; i++)
    w_message(peer, 1, "echo");
  w_trailers(peer, 1, "0", NULL);
}

static void serve_errors(void) {
  static const char *const pairs[] = {
      ":status", "200",          "content-type",  "application/grpc", "grpc-status",
      "5",       "grpc-message", "no such thing", "x-trailer",        "t",
      NULL};
  greet_newcomers();
  for (uint32_t id = 1; peer && rawpeer_find(peer, RAW_HEADERS, id, 0); id += 2)
    if (!rawpeer_find(peer, RAW_RST_STREAM, id, 0))
      rawpeer_headers(peer, id, RAW_END_HEADERS | RAW_END_STREAM, pairs);
}

/* Has heard enough when it has seen the request's head. */
static void serve_early(void) {
  static bool is_done;
  greet_newcomers();
  bool has_request = peer && rawpeer_find(peer, RAW_HEADERS, 1, 0);
  if (!has_request) is_done = false;
  if (!has_request || is_done) return;
  is_done = true;
  w_headers(peer, 1);
  w_message(peer, 1, "first");
  w_message(peer, 1, "second");
  w_trailers(peer, 1, "0", NULL);
}

static void open_on(void (*serve)(void), uint64_t advance_ms) {
  peer = NULL;
  w_open();
  thread_start(serve, advance_ms);
}

/* ---- unary ---- */

static void a_unary_call_is_one_function(void) {
  open_on(serve_good_answers, 0);
  for (int i = 0; i < 10; i++) {
    gmux_bytes request = gmux_bytes_borrow("hello", 5), reply;
    gmux_status status =
        gmux_call_unary_wait(w_channel, w_methods[GMUX_UNARY], NULL, &request, &reply);
    CU_ASSERT_EQUAL(status.code, GMUX_OK);
    CU_ASSERT_EQUAL_FATAL(reply.len, 5);
    CU_ASSERT_EQUAL(memcmp(reply.data, "reply", 5), 0);
    gmux_bytes_release(&reply);
    gmux_status_clear(&status);
  }
  thread_stop();
  CU_ASSERT_EQUAL(w_stats().connections_made, 1);
}

static void the_servers_error_comes_as_the_status(void) {
  open_on(serve_errors, 0);
  gmux_bytes request = gmux_bytes_borrow("hello", 5), reply;
  gmux_status status =
      gmux_call_unary_wait(w_channel, w_methods[GMUX_UNARY], NULL, &request, &reply);
  thread_stop();
  CU_ASSERT_EQUAL(status.code, GMUX_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(status.message, "no such thing");
  CU_ASSERT_EQUAL(reply.len, 0);
  gmux_status_clear(&status);
}

static void a_unary_call_ends_at_its_deadline(void) {
  open_on(serve_nothing, 5000);
  gmux_call_options o = w_timeout(1000);
  gmux_bytes request = gmux_bytes_borrow("hello", 5), reply;
  gmux_status status = gmux_call_unary_wait(w_channel, w_methods[GMUX_UNARY], &o, &request, &reply);
  thread_stop();
  CU_ASSERT_EQUAL(status.code, GMUX_DEADLINE_EXCEEDED);
  ASSERT_HAS(status.message, "deadline of 1000 ms passed while waiting for a connection");
  gmux_status_clear(&status);
}

static gmux_status unary_wait(const gmux_call_options *o, gmux_bytes *request) {
  gmux_bytes reply = gmux_bytes_borrow("x", 1);
  gmux_status status = gmux_call_unary_wait(w_channel, w_methods[GMUX_UNARY], o, request, &reply);
  CU_ASSERT_EQUAL(reply.len, 0);
  return status;
}

#define ASSERT_STATUS(status, c, part)                                                             \
  do {                                                                                             \
    CU_ASSERT_EQUAL((status).code, c);                                                             \
    ASSERT_HAS((status).message, part);                                                            \
    gmux_status_clear(&(status));                                                                  \
  } while (0)

static void what_stops_a_unary_call_comes_as_a_status_with_words(void) {
  gmux_bytes request = gmux_bytes_borrow("hello", 5), reply;
  w_options.max_send_message_bytes = 4;
  w_open();
  gmux_status status = unary_wait(NULL, &request); /* here the test is on the loop's thread */
  ASSERT_STATUS(status, GMUX_FAILED_PRECONDITION, "on the loop's own thread");

  sim_set_outside(w_loop, true);
  status = unary_wait(NULL, &request);
  ASSERT_STATUS(status, GMUX_RESOURCE_EXHAUSTED, "max_send_message_bytes");
  status = unary_wait(NULL, NULL);
  ASSERT_STATUS(status, GMUX_INVALID_ARGUMENT, "is NULL");
  status = gmux_call_unary_wait(w_channel, w_methods[GMUX_BIDI_STREAMING], NULL, &request, &reply);
  ASSERT_STATUS(status, GMUX_INVALID_ARGUMENT, "not a unary method");
  status = gmux_call_unary_wait(w_channel, w_methods[GMUX_UNARY], NULL, &request, NULL);
  ASSERT_STATUS(status, GMUX_INVALID_ARGUMENT, "is NULL");
  gmux_call_options bad = w_timeout(1);
  bad.size = 0;
  status = unary_wait(&bad, &request);
  ASSERT_STATUS(status, GMUX_INVALID_ARGUMENT, "gmux_call_options_init");
  test_alloc_fail_at(1);
  status = unary_wait(NULL, &request);
  test_alloc_fail_at(0);
  CU_ASSERT_EQUAL(status.code, GMUX_RESOURCE_EXHAUSTED);
  gmux_status_clear(&status);
  CU_ASSERT_EQUAL(request.len, 5);

  gmux_channel_close(w_channel, NULL, NULL);
  status = unary_wait(NULL, &request);
  ASSERT_STATUS(status, GMUX_UNAVAILABLE, "the channel is closed");
}

/* ---- streams ---- */

static void a_stream_is_written_and_read_to_its_end(void) {
  open_on(serve_echo, 0);
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_start(&call, w_channel, w_methods[GMUX_BIDI_STREAMING], NULL, NULL, NULL), 0);
  for (int i = 0; i < 10; i++) {
    gmux_bytes message = gmux_bytes_borrow("ping", 4);
    CU_ASSERT_EQUAL(gmux_call_write_wait(call, &message), 0);
  }
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  const gmux_metadata *headers = NULL, *trailers = NULL;
  CU_ASSERT_EQUAL(gmux_call_headers_wait(call, &headers), 0);
  CU_ASSERT_STRING_EQUAL(gmux_metadata_get(headers, "x-header", NULL), "hello");
  size_t count = 0;
  gmux_bytes message;
  for (; gmux_call_read_wait(call, &message) == 0; count++) {
    CU_ASSERT_EQUAL(message.len, 4);
    gmux_bytes_release(&message);
  }
  CU_ASSERT_EQUAL(count, 10);
  CU_ASSERT_EQUAL(gmux_call_read_wait(call, &message), GMUX_ERR_EOF);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "no more messages; gmux_call_end_wait has the status");
  gmux_status status = gmux_call_end_wait(call, &trailers);
  CU_ASSERT_EQUAL(status.code, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(gmux_metadata_get(trailers, "x-trailer", NULL), "bye");
  CU_ASSERT_STRING_EQUAL(gmux_call_peer(call), "ipv4:127.0.0.1:50051");
  CU_ASSERT_EQUAL(gmux_call_get_evidence(call), GMUX_EVIDENCE_ANSWERED);
  gmux_status_clear(&status);
  gmux_call_free(call);
  thread_stop();
}

static void a_failed_stream_is_read_to_its_end_at_once(void) {
  open_on(serve_errors, 0);
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_start(&call, w_channel, w_methods[GMUX_SERVER_STREAMING], NULL, NULL, NULL), 0);
  const gmux_metadata *headers = NULL, *trailers = NULL;
  gmux_bytes message;
  CU_ASSERT_EQUAL(gmux_call_read_wait(call, &message), GMUX_ERR_EOF);
  CU_ASSERT_EQUAL(gmux_call_headers_wait(call, &headers), GMUX_ERR_EOF);
  ASSERT_HAS(gmux_last_error(), "the call ended without initial metadata");
  gmux_status status = gmux_call_end_wait(call, &trailers);
  CU_ASSERT_EQUAL(status.code, GMUX_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(gmux_metadata_get(trailers, "x-trailer", NULL), "t");
  gmux_status_clear(&status);
  message = gmux_bytes_borrow("late", 4);
  CU_ASSERT_EQUAL(gmux_call_write_wait(call, &message), GMUX_ERR_STATE);
  gmux_call_free(call);
  thread_stop();
}

static void the_one_reply_of_a_client_stream_is_read_like_any_message(void) {
  open_on(serve_good_answers, 0);
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_start(&call, w_channel, w_methods[GMUX_CLIENT_STREAMING], NULL, NULL, NULL), 0);
  gmux_bytes message;
  CU_ASSERT_EQUAL(gmux_call_read_wait(call, &message), 0);
  CU_ASSERT_EQUAL(message.len, 5);
  gmux_bytes_release(&message);
  CU_ASSERT_EQUAL(gmux_call_read_wait(call, &message), GMUX_ERR_EOF);
  gmux_status status = gmux_call_end_wait(call, NULL);
  CU_ASSERT_EQUAL(status.code, GMUX_OK);
  gmux_call_free(call);
  thread_stop();
}

static void cancelling_wakes_who_waits(void) {
  open_on(serve_nothing, 0);
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_start(&call, w_channel, w_methods[GMUX_SERVER_STREAMING], NULL, NULL, NULL), 0);
  gmux_call_cancel(call);
  gmux_bytes message;
  CU_ASSERT_EQUAL(gmux_call_read_wait(call, &message), GMUX_ERR_EOF);
  gmux_status status = gmux_call_end_wait(call, NULL);
  CU_ASSERT_EQUAL(status.code, GMUX_CANCELLED);
  gmux_status_clear(&status);
  gmux_call_free(call);
  thread_stop();
}

static void a_writer_waits_for_room(void) {
  static char block[4000];
  w_options.write_queue_bytes = 5000;
  open_on(greet_newcomers, 0);
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_start(&call, w_channel, w_methods[GMUX_CLIENT_STREAMING], NULL, NULL, NULL), 0);
  for (int i = 0; i < 15; i++) { /* 60 kB: within the server's first window */
    gmux_bytes message = gmux_bytes_borrow(block, sizeof block);
    CU_ASSERT_EQUAL(gmux_call_write_wait(call, &message), 0);
  }
  gmux_call_cancel(call);
  gmux_status status = gmux_call_end_wait(call, NULL);
  CU_ASSERT_EQUAL(status.code, GMUX_CANCELLED);
  gmux_status_clear(&status);
  gmux_call_free(call);
  thread_stop();
}

static void a_writer_does_not_wait_for_a_server_that_has_said_its_last_word(void) {
  static char block[4000];
  w_options.write_queue_bytes = 5000;
  open_on(serve_early, 0);
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_start(&call, w_channel, w_methods[GMUX_BIDI_STREAMING], NULL, NULL, NULL), 0);
  int error = 0;
  for (int i = 0; i < 25 && !error; i++) { /* 100 kB: beyond the server's window */
    gmux_bytes message = gmux_bytes_borrow(block, sizeof block);
    error = gmux_call_write_wait(call, &message);
  }
  CU_ASSERT_EQUAL(error, GMUX_ERR_STATE);
  size_t count = 0;
  for (gmux_bytes message; gmux_call_read_wait(call, &message) == 0; count++)
    gmux_bytes_release(&message);
  CU_ASSERT_EQUAL(count, 2);
  gmux_status status = gmux_call_end_wait(call, NULL);
  CU_ASSERT_EQUAL(status.code, GMUX_OK);
  gmux_status_clear(&status);
  gmux_call_free(call);
  thread_stop();
}

/* ---- the wrong form or thread ---- */

static void waiting_is_refused_on_the_loops_thread(void) {
  gmux_call *call;
  const gmux_metadata *metadata;
  gmux_bytes message = gmux_bytes_borrow("x", 1);
  w_open();
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_start(&call, w_channel, w_methods[GMUX_BIDI_STREAMING], NULL, NULL, NULL), 0);
  CU_ASSERT_EQUAL(gmux_call_read_wait(call, &message), GMUX_ERR_DEADLOCK);
  ASSERT_HAS(gmux_last_error(), "gmux_call_read_wait was called on the loop's own thread");
  CU_ASSERT_EQUAL(gmux_call_write_wait(call, &message), GMUX_ERR_DEADLOCK);
  CU_ASSERT_EQUAL(gmux_call_headers_wait(call, &metadata), GMUX_ERR_DEADLOCK);
  sim_set_outside(w_loop, true);
  CU_ASSERT_EQUAL(gmux_call_headers_wait(call, NULL), GMUX_ERR_INVALID);
  sim_set_outside(w_loop, false);
  const gmux_metadata *trailers = (const gmux_metadata *)(const void *)&message; /* not NULL */
  gmux_status status = gmux_call_end_wait(call, &trailers);
  ASSERT_STATUS(status, GMUX_FAILED_PRECONDITION, "on the loop's own thread");
  CU_ASSERT_PTR_NULL(trailers);
  gmux_call_free(call);
}

static void waiting_is_refused_in_the_callback_form(void) {
  const gmux_metadata *metadata;
  gmux_bytes message = gmux_bytes_borrow("x", 1);
  w_open();
  tcall *t = w_start(GMUX_BIDI_STREAMING, NULL);
  sim_set_outside(w_loop, true);
  CU_ASSERT_EQUAL(gmux_call_read_wait(t->call, &message), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(gmux_call_write_wait(t->call, &message), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(gmux_call_headers_wait(t->call, &metadata), GMUX_ERR_STATE);
  gmux_status status = gmux_call_end_wait(t->call, NULL);
  ASSERT_STATUS(status, GMUX_FAILED_PRECONDITION, "started with handlers");
  CU_ASSERT_EQUAL(gmux_call_read_wait(NULL, &message), GMUX_ERR_INVALID);
  status = gmux_call_end_wait(NULL, NULL);
  ASSERT_STATUS(status, GMUX_INVALID_ARGUMENT, "call is NULL");
}

static const test_case cases[] = {
    TEST(a_unary_call_is_one_function),
    TEST(the_servers_error_comes_as_the_status),
    TEST(a_unary_call_ends_at_its_deadline),
    TEST(what_stops_a_unary_call_comes_as_a_status_with_words),
    TEST(a_stream_is_written_and_read_to_its_end),
    TEST(a_failed_stream_is_read_to_its_end_at_once),
    TEST(the_one_reply_of_a_client_stream_is_read_like_any_message),
    TEST(cancelling_wakes_who_waits),
    TEST(a_writer_waits_for_room),
    TEST(a_writer_does_not_wait_for_a_server_that_has_said_its_last_word),
    TEST(waiting_is_refused_on_the_loops_thread),
    TEST(waiting_is_refused_in_the_callback_form),
    TESTS_END,
};

const test_suite client_blocking_suite = {"blocking", cases, w_setup, w_teardown};
