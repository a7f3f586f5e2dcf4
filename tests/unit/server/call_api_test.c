/* call_api_test.c: what an application may do with a call, when, and from where. */
#include "lib/wire/status.h"
#include "tests/unit/memory.h"
#include "tests/unit/server/kit.h"
#include <stdio.h>
#include <stdlib.h>

/* A call that is running and has had its request message. */
static gmux_server_call *call_on(uint32_t stream, const char *path) {
  kit_request(stream, path, false, NULL);
  kit_message(stream, "request", false);
  kit_run();
  CU_ASSERT_PTR_NOT_NULL_FATAL(kit.call);
  return kit.call;
}

static int write_text(gmux_server_call *call, const char *text) {
  gmux_bytes message = kit_text(text);
  return gmux_server_call_write(call, &message);
}

static int reply_text(gmux_server_call *call, const char *text) {
  gmux_bytes message = kit_text(text);
  return gmux_server_call_reply(call, &message);
}

/* ---- finishing ---- */

static void a_call_is_finished_once(void) {
  kit_serve();
  kit_connect();
  gmux_server_call *call = gmux_server_call_ref(call_on(1, "/t.S/Bidi"));
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), 0);
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(gmux_server_call_fail(call, GMUX_ABORTED, "x"), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(write_text(call, "x"), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(reply_text(call, "x"), GMUX_ERR_STATE);
  kit_run();
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), GMUX_ERR_STATE);
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
  CU_ASSERT_PTR_NULL(kit_reply(1, 0));
  gmux_server_call_unref(call);
}

static int finish_in; /* the event */

static void act_finish_in(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == finish_in)
    CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL),
                    event == SAW_END ? GMUX_ERR_STATE : 0);
}

static void a_call_may_be_finished_from_each_handler(void) {
  static const struct {
    int event;
    const char *order;
  } rows[] = {{SAW_CALL, "ce"}, {SAW_MESSAGE, "cme"}, {SAW_HALF_CLOSE, "cmhe"}};
  kit_serve();
  kit_connect();
  kit.act = act_finish_in;
  for (uint32_t i = 0; i < 3; i++) {
    memset(kit.order, 0, sizeof kit.order);
    finish_in = rows[i].event;
    kit_unary(2 * i + 1, "/t.S/Bidi", "x");
    KIT_STREQ(kit.order, rows[i].order);
    KIT_STREQ(kit_trailer(2 * i + 1, "grpc-status"), "0");
    CU_ASSERT_EQUAL(kit.code, GMUX_OK);
  }
  /* In on_end it is too late, and harmless. */
  memset(kit.order, 0, sizeof kit.order);
  finish_in = SAW_END;
  kit_unary(7, "/t.S/Bidi", "x");
  rawpeer_rst(kit.peer, 7, GMUX__H2_CANCEL);
  kit_run();
  KIT_STREQ(kit.order, "cmhe");
}

static void act_finish_when_writable(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_WRITABLE) CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), 0);
}

static void a_call_may_be_finished_from_on_writable(void) {
  kit.options.write_queue_bytes = 1024;
  kit_serve();
  kit_connect();
  kit.act = act_finish_when_writable;
  gmux_server_call *call = call_on(1, "/t.S/Bidi");
  char large[2000];
  memset(large, 'x', sizeof large);
  gmux_bytes message = gmux_bytes_borrow(large, sizeof large);
  CU_ASSERT_EQUAL(gmux_server_call_write(call, &message), GMUX_WRITE_FULL);
  kit_run();
  KIT_STREQ(kit.order, "cmwe");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
}

static void act_fail_unary(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_UNARY)
    CU_ASSERT_EQUAL(gmux_server_call_fail(call, GMUX_OUT_OF_RANGE, "too far"), 0);
}

static void a_unary_function_may_fail_the_call(void) {
  kit_serve();
  kit_connect();
  kit.act = act_fail_unary;
  kit_unary(1, "/t.S/Fn", "x");
  CU_ASSERT_TRUE(kit_is_trailers_only(1));
  KIT_STREQ(kit_trailer(1, "grpc-status"), "11");
  KIT_STREQ(kit_trailer(1, "grpc-message"), "too far");
}

static gmux_server_call *kept;

static void act_keep(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_UNARY) kept = gmux_server_call_ref(call);
}

static void a_unary_call_may_be_answered_later(void) {
  kit_serve();
  kit_connect();
  kit.act = act_keep;
  kit_unary(1, "/t.S/Fn", "x");
  CU_ASSERT_EQUAL(rawpeer_count(kit.peer, RAW_HEADERS, 1), 0);
  kit_run_ms(1000);
  CU_ASSERT_EQUAL(reply_text(kept, "at last"), 0);
  gmux_server_call_unref(kept);
  kit_run();
  KIT_STREQ(kit_reply(1, 0), "at last");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
}

static void a_status_that_is_no_code_becomes_unknown(void) {
  kit_serve();
  kit_connect();
  gmux_server_call *call = call_on(1, "/t.S/Bidi");
  CU_ASSERT_EQUAL(gmux_server_call_fail(call, (gmux_code)99, "x"), 0);
  kit_run();
  KIT_STREQ(kit_trailer(1, "grpc-status"), "2");
  CU_ASSERT_EQUAL(kit.code, GMUX_UNKNOWN);
}

static void trailers_that_no_block_can_hold_are_refused_and_the_call_goes_on(void) {
  kit_serve();
  kit_connect();
  gmux_server_call *call = call_on(1, "/t.S/Bidi");
  char *large = malloc(70001);
  CU_ASSERT_PTR_NOT_NULL_FATAL(large);
  memset(large, 'x', 70000);
  large[70000] = '\0';
  CU_ASSERT_EQUAL(gmux_server_call_fail(call, GMUX_ABORTED, large), GMUX_ERR_TOO_LARGE);
  free(large);
  CU_ASSERT_EQUAL(gmux_server_call_fail(call, GMUX_ABORTED, "short"), 0);
  kit_run();
  KIT_STREQ(kit_trailer(1, "grpc-message"), "short");
}

/* ---- messages ---- */

static void a_method_with_one_response_refuses_the_second(void) {
  static const char *const paths[] = {"/t.S/Unary", "/t.S/Client"};
  kit_serve();
  kit_connect();
  for (uint32_t i = 0; i < 2; i++) {
    gmux_server_call *call = call_on(2 * i + 1, paths[i]);
    CU_ASSERT_EQUAL(write_text(call, "one"), 0);
    CU_ASSERT_EQUAL(write_text(call, "two"), GMUX_ERR_STATE);
    CU_ASSERT_EQUAL(reply_text(call, "two"), GMUX_ERR_STATE);
    CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), 0);
    kit_run();
    KIT_STREQ(kit_reply(2 * i + 1, 0), "one");
    CU_ASSERT_PTR_NULL(kit_reply(2 * i + 1, 1));
    KIT_STREQ(kit_trailer(2 * i + 1, "grpc-status"), "0");
  }
}

static void a_response_that_was_refused_may_be_written_again(void) {
  kit.options.max_send_message_bytes = 4;
  kit_serve();
  kit_connect();
  gmux_server_call *call = call_on(1, "/t.S/Unary");
  CU_ASSERT_EQUAL(reply_text(call, "12345"), GMUX_ERR_TOO_LARGE);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "max_send_message_bytes"));
  CU_ASSERT_EQUAL(reply_text(call, "1234"), 0);
  kit_run();
  KIT_STREQ(kit_reply(1, 0), "1234");
}

static unsigned released;

static void on_release(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data, (void)len;
  released++;
}

static void an_owned_message_is_taken_on_success_and_left_on_failure(void) {
  released = 0;
  kit_serve();
  kit_connect();
  gmux_server_call *call = call_on(1, "/t.S/Bidi");
  gmux_bytes message = gmux_bytes_wrap("mine", 4, on_release, NULL);
  CU_ASSERT_EQUAL(gmux_server_call_write(call, &message), 0);
  CU_ASSERT_EQUAL(message.len, 0);
  kit_run();
  CU_ASSERT_EQUAL(released, 1);
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), 0);
  message = gmux_bytes_wrap("mine", 4, on_release, NULL);
  CU_ASSERT_EQUAL(gmux_server_call_write(call, &message), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(message.len, 4);
  CU_ASSERT_EQUAL(released, 1);
}

static void headers_are_sent_once_and_before_the_first_message(void) {
  kit_serve();
  kit_connect();
  gmux_server_call *call = call_on(1, "/t.S/Bidi");
  CU_ASSERT_EQUAL(gmux_server_call_send_headers(call, NULL), 0);
  CU_ASSERT_EQUAL(gmux_server_call_send_headers(call, NULL), GMUX_ERR_STATE);
  kit_run();
  KIT_STREQ(kit_header(1, ":status"), "200");
  CU_ASSERT_FALSE(kit_is_ended(1));
  CU_ASSERT_EQUAL(write_text(call, "x"), 0);
  kit_run();
  CU_ASSERT_EQUAL(rawpeer_count(kit.peer, RAW_HEADERS, 1), 1);

  call = call_on(3, "/t.S/Bidi");
  CU_ASSERT_EQUAL(write_text(call, "x"), 0);
  CU_ASSERT_EQUAL(gmux_server_call_send_headers(call, NULL), GMUX_ERR_STATE);
}

/* ---- back-pressure ---- */

/* The peer's SETTINGS_INITIAL_WINDOW_SIZE: what it takes on a stream before it says more. */
static void peer_give_window(uint32_t bytes) {
  static const uint16_t ids[] = {4};
  rawpeer_settings(kit.peer, 1, ids, &bytes);
  kit_run();
}

static void a_writer_is_stopped_by_a_peer_without_window_and_told_when_to_go_on(void) {
  kit.options.write_queue_bytes = 1024;
  kit_serve();
  kit_connect();
  peer_give_window(0);
  gmux_server_call *call = call_on(1, "/t.S/Bidi");
  char text[600];
  memset(text, 'x', sizeof text);
  gmux_bytes message = gmux_bytes_borrow(text, sizeof text);
  CU_ASSERT_EQUAL(gmux_server_call_write(call, &message), 0);
  message = gmux_bytes_borrow(text, sizeof text);
  CU_ASSERT_EQUAL(gmux_server_call_write(call, &message), GMUX_WRITE_FULL);
  message = gmux_bytes_borrow(text, sizeof text);
  CU_ASSERT_EQUAL(gmux_server_call_write(call, &message), GMUX_ERR_AGAIN);
  kit_run_ms(1000);
  CU_ASSERT_EQUAL(kit_data_bytes(1), 0);
  KIT_STREQ(kit.order, "cm");
  rawpeer_window_update(kit.peer, 1, 10000);
  kit_run();
  KIT_STREQ(kit.order, "cmw");
  CU_ASSERT_EQUAL(kit_data_bytes(1), 2 * (sizeof text + 5));
  CU_ASSERT_EQUAL(gmux_server_call_write(call, &message), 0);
  kit_run();
  KIT_STREQ(kit.order, "cmw"); /* only after it was full */
}

static void what_was_written_before_the_end_leaves_before_the_trailers(void) {
  kit_serve();
  kit_connect();
  peer_give_window(7);
  gmux_server_call *call = call_on(1, "/t.S/Bidi");
  CU_ASSERT_EQUAL(write_text(call, "one"), 0);
  CU_ASSERT_EQUAL(reply_text(call, "two"), 0);
  kit_run();
  CU_ASSERT_EQUAL(kit_data_bytes(1), 7);
  CU_ASSERT_FALSE(kit_is_ended(1));
  KIT_STREQ(kit.order, "cm");
  rawpeer_window_update(kit.peer, 1, 100);
  kit_run();
  CU_ASSERT_EQUAL(kit_data_bytes(1), 16);
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
  KIT_STREQ(kit.order, "cme");
}

static void no_on_writable_comes_once_the_call_is_finished(void) {
  kit.options.write_queue_bytes = 1024;
  kit_serve();
  kit_connect();
  peer_give_window(0);
  gmux_server_call *call = call_on(1, "/t.S/Bidi");
  char text[2000];
  memset(text, 'x', sizeof text);
  gmux_bytes message = gmux_bytes_borrow(text, sizeof text);
  CU_ASSERT_EQUAL(gmux_server_call_write(call, &message), GMUX_WRITE_FULL);
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), 0);
  rawpeer_window_update(kit.peer, 1, 10000);
  kit_run();
  KIT_STREQ(kit.order, "cme");
}

static void act_manual(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_CALL) CU_ASSERT_EQUAL(gmux_server_call_set_manual_credit(call), 0);
}

static void with_manual_credit_the_first_message_is_free_and_each_further_one_is_asked_for(void) {
  kit_serve();
  kit_connect();
  kit.act = act_manual;
  kit_request(1, "/t.S/Client", false, NULL);
  for (int i = 0; i < 5; i++)
    kit_message(1, "x", i == 4);
  kit_run();
  KIT_STREQ(kit.order, "cm");
  CU_ASSERT_EQUAL(gmux_server_call_grant(kit.call, 1), 0);
  KIT_STREQ(kit.order, "cm"); /* never from inside the call that asks */
  kit_run();
  KIT_STREQ(kit.order, "cmm");
  CU_ASSERT_EQUAL(gmux_server_call_grant(kit.call, 2), 0);
  kit_run();
  KIT_STREQ(kit.order, "cmmmm");
  CU_ASSERT_EQUAL(gmux_server_call_grant(kit.call, GMUX_CREDIT_UNLIMITED), 0);
  kit_run();
  KIT_STREQ(kit.order, "cmmmmmh");
  CU_ASSERT_EQUAL(gmux_server_call_grant(kit.call, 0), GMUX_ERR_INVALID);
}

static size_t window_updates(int64_t stream) {
  size_t bytes = 0, count = rawpeer_count(kit.peer, RAW_WINDOW_UPDATE, stream);
  for (size_t i = 0; i < count; i++)
    bytes += rawframe_u32(rawpeer_find(kit.peer, RAW_WINDOW_UPDATE, stream, i), 0);
  return bytes;
}

static void a_reader_without_credit_holds_back_its_stream_and_not_the_connection(void) {
  enum { BYTES = 60000, FRAMES = 4 }; /* most of both windows */
  kit.options.stream_window_bytes = 65535;
  kit.options.connection_window_bytes = 65535;
  kit_serve();
  kit_connect();
  kit.act = act_manual;
  kit_request(1, "/t.S/Client", false, NULL);
  kit_message(1, "first", false);
  kit_run();
  KIT_STREQ(kit.order, "cm");
  size_t before = window_updates(1);
  /* One message that nobody asked for. */
  char *part = calloc(1, BYTES / FRAMES);
  CU_ASSERT_PTR_NOT_NULL_FATAL(part);
  uint8_t prefix[5] = {0, 0, BYTES >> 16 & 0xff, BYTES >> 8 & 0xff, BYTES & 0xff};
  rawpeer_data(kit.peer, 1, 0, prefix, sizeof prefix, 0);
  for (int i = 0; i < FRAMES; i++)
    rawpeer_data(kit.peer, 1, 0, part, BYTES / FRAMES, 0);
  kit_run();
  free(part);
  CU_ASSERT_EQUAL(window_updates(1), before);
  CU_ASSERT_TRUE(window_updates(0) >= 32767); /* nghttp2 gives back from half a window on */
  /* Another call of the connection goes on. */
  kit.act = NULL;
  kit_request(3, "/t.S/Client", false, NULL);
  kit_message(3, "other", false);
  gmux_server_call *held = gmux_server_call_ref(kit.call);
  kit_run();
  KIT_STREQ(kit.message, "other");
  /* And when it is asked for, the stream's window is given back too. */
  CU_ASSERT_EQUAL(gmux_server_call_grant(held, 1), 0);
  kit_run();
  CU_ASSERT_EQUAL(kit.message_len, BYTES);
  CU_ASSERT_TRUE(window_updates(1) >= before + 32767);
  gmux_server_call_unref(held);
}

/* ---- only in on_call ---- */

static void how_a_call_is_served_is_said_in_on_call_only(void) {
  kit_serve();
  kit_connect();
  gmux_server_call *call = call_on(1, "/t.S/Bidi");
  CU_ASSERT_EQUAL(gmux_server_call_set_manual_credit(call), GMUX_ERR_STATE);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "only in on_call"));
  CU_ASSERT_EQUAL(gmux_server_call_set_blocking(call), GMUX_ERR_STATE);
  gmux_bytes message;
  CU_ASSERT_EQUAL(gmux_server_call_read_wait(call, &message), GMUX_ERR_STATE);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "gmux_server_call_set_blocking"));
  message = kit_text("x");
  CU_ASSERT_EQUAL(gmux_server_call_write_wait(call, &message), GMUX_ERR_STATE);
}

/* ---- the blocking form; the test is the other thread, and never has to wait ---- */

static void act_blocking(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event != SAW_CALL) return;
  CU_ASSERT_EQUAL(gmux_server_call_set_blocking(call), 0);
  CU_ASSERT_EQUAL(gmux_server_call_set_blocking(call), GMUX_ERR_STATE);
  gmux_bytes none;
  CU_ASSERT_EQUAL(gmux_server_call_read_wait(call, &none), GMUX_ERR_DEADLOCK);
  none = kit_text("x");
  CU_ASSERT_EQUAL(gmux_server_call_write_wait(call, &none), GMUX_ERR_DEADLOCK);
  kept = gmux_server_call_ref(call);
}

static void read_is(const char *text) {
  gmux_bytes message;
  CU_ASSERT_EQUAL_FATAL(gmux_server_call_read_wait(kept, &message), 0);
  CU_ASSERT_EQUAL(message.len, strlen(text));
  CU_ASSERT_EQUAL(memcmp(message.data, text, message.len), 0);
  CU_ASSERT_PTR_NOT_NULL(message.release); /* the reader's own */
  gmux_bytes_release(&message);
}

static void a_thread_reads_each_message_and_then_eof_and_answers(void) {
  kit_serve();
  kit_connect();
  kit.act = act_blocking;
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_message(1, "one", false);
  kit_message(1, "two", true);
  kit_run();
  sim_set_outside(kit.loop, true);
  read_is("one");
  kit_run(); /* the credit that the read has granted brings the next */
  read_is("two");
  kit_run();
  gmux_bytes message;
  CU_ASSERT_EQUAL(gmux_server_call_read_wait(kept, &message), GMUX_ERR_EOF);
  KIT_STREQ(gmux_last_error(), "no more messages: the client has half-closed");
  CU_ASSERT_FALSE(gmux_server_call_is_over(kept));
  message = kit_text("echo");
  CU_ASSERT_EQUAL(gmux_server_call_write_wait(kept, &message), 0);
  CU_ASSERT_EQUAL(gmux_server_call_finish(kept, NULL, NULL), 0);
  kit_run();
  KIT_STREQ(kit.order, "ce"); /* on_message and on_half_close are the reader's */
  KIT_STREQ(kit_reply(1, 0), "echo");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
  gmux_server_call_unref(kept);
  sim_set_outside(kit.loop, false);
}

static void a_reader_holds_back_what_it_has_not_asked_for(void) {
  kit_serve();
  kit_connect();
  kit.act = act_blocking;
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_message(1, "x", false);
  kit_run(); /* the call, and the one letter that may wait for its reader */
  size_t before = test_alloc_live();
  for (int i = 0; i < 100; i++)
    kit_message(1, "x", false);
  kit_run();
  CU_ASSERT_TRUE(test_alloc_live() < before + 10); /* not a letter for each */
  gmux_server_call_unref(kept);
}

static void a_reader_whose_call_is_over_gets_eof_and_a_writer_is_refused(void) {
  kit_serve();
  kit_connect();
  kit.act = act_blocking;
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_message(1, "one", false);
  kit_run();
  rawpeer_rst(kit.peer, 1, GMUX__H2_CANCEL);
  kit_run();
  sim_set_outside(kit.loop, true);
  CU_ASSERT_TRUE(gmux_server_call_is_over(kept));
  gmux_bytes message;
  int rv = gmux_server_call_read_wait(kept, &message); /* what came before the end is there */
  if (rv == 0) gmux_bytes_release(&message);
  CU_ASSERT_EQUAL(gmux_server_call_read_wait(kept, &message), GMUX_ERR_EOF);
  KIT_STREQ(gmux_last_error(), "no more messages: the call is over");
  message = kit_text("x");
  CU_ASSERT_EQUAL(gmux_server_call_write_wait(kept, &message), GMUX_ERR_STATE);
  gmux_server_call_unref(kept);
  kit_run();
  sim_set_outside(kit.loop, false);
}

/* ---- holds ---- */

static void a_held_call_can_be_asked_after_its_end_and_its_connection(void) {
  kit_serve();
  kit_connect();
  gmux_server_call *call = gmux_server_call_ref(call_on(1, "/t.S/Bidi"));
  char peer[GMUX__ADDRESS_TEXT];
  snprintf(peer, sizeof peer, "%s", gmux_server_call_peer(call));
  int mine;
  CU_ASSERT_PTR_NULL(gmux_server_call_get_data(call));
  gmux_server_call_set_data(call, &mine);
  CU_ASSERT_FALSE(gmux_server_call_is_over(call));
  rawpeer_reset(kit.peer);
  kit_run();
  CU_ASSERT_EQUAL(kit_stats().connections, 0);
  CU_ASSERT_TRUE(gmux_server_call_is_over(call));
  KIT_STREQ(gmux_server_call_path(call), "/t.S/Bidi");
  KIT_STREQ(gmux_server_call_authority(call), "a.example");
  KIT_STREQ(gmux_server_call_peer(call), peer);
  CU_ASSERT_PTR_EQUAL(gmux_server_call_get_data(call), &mine);
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), GMUX_ERR_STATE);
  gmux_server_call_unref(call);
}

static void a_held_call_outlives_its_server(void) {
  kit_serve();
  kit_connect();
  gmux_server_call *call = gmux_server_call_ref(call_on(1, "/t.S/Bidi"));
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run();
  KIT_STREQ(kit.order, "cme");
  KIT_STREQ(gmux_server_call_path(call), "/t.S/Bidi");
  CU_ASSERT_TRUE(gmux_server_call_is_over(call));
  gmux_server_call_unref(call); /* and with it the server; the world counts what is left */
}

/* The memory of a message is kept for the next one; who let go of the server wants none. */
static void a_held_call_keeps_no_memory_of_messages_for_a_freed_server(void) {
  enum { BLOCK = 16000, BLOCKS = 12, LARGE = BLOCKS * BLOCK };
  static const char block[BLOCK];
  static const uint8_t prefix[] = {0, 0, LARGE >> 16, LARGE >> 8 & 255, LARGE & 255};
  kit_serve();
  kit_connect();
  gmux_server_call *call = gmux_server_call_ref(call_on(1, "/t.S/Bidi"));
  rawpeer_data(kit.peer, 1, 0, prefix, sizeof prefix, 0);
  for (int i = 0; i < BLOCKS; i++)
    rawpeer_data(kit.peer, 1, 0, block, BLOCK, 0);
  kit_run();
  CU_ASSERT_EQUAL(kit.message_len, LARGE);
  size_t before = test_alloc_bytes();
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run();
  CU_ASSERT_TRUE(test_alloc_bytes() == 0 || test_alloc_bytes() + LARGE < before);
  gmux_server_call_unref(call);
}

/* ---- from another thread ---- */

static void what_another_thread_says_takes_effect_in_its_order(void) {
  kit_serve();
  kit_connect();
  gmux_server_call *call = gmux_server_call_ref(call_on(1, "/t.S/Bidi"));
  sim_set_outside(kit.loop, true);
  gmux_metadata *m;
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&m), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(m, "k", "v"), 0);
  CU_ASSERT_EQUAL(gmux_server_call_send_headers(call, m), 0);
  CU_ASSERT_EQUAL(gmux_server_call_send_headers(call, m), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(write_text(call, "one"), 0);
  CU_ASSERT_EQUAL(write_text(call, "two"), 0);
  gmux_status status = gmux_status_make(GMUX_ABORTED, "enough", NULL);
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, &status, m), 0);
  gmux_status_clear(&status); /* all copied */
  gmux_metadata_free(m);
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(write_text(call, "three"), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(gmux_server_call_grant(call, 1), 0);
  KIT_STREQ(kit.order, "cm");
  kit_run();
  KIT_STREQ(kit.order, "cme");
  KIT_STREQ(kit_header(1, "k"), "v");
  KIT_STREQ(kit_reply(1, 0), "one");
  KIT_STREQ(kit_reply(1, 1), "two");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "10");
  KIT_STREQ(kit_trailer(1, "grpc-message"), "enough");
  KIT_STREQ(kit_trailer(1, "k"), "v");
  gmux_server_call_unref(call);
  kit_run();
  sim_set_outside(kit.loop, false);
}

static void a_reply_from_another_thread_is_message_and_end(void) {
  kit_serve();
  kit_connect();
  kit.act = act_keep;
  kit_unary(1, "/t.S/Fn", "x");
  sim_set_outside(kit.loop, true);
  CU_ASSERT_EQUAL(reply_text(kept, "from afar"), 0);
  CU_ASSERT_EQUAL(reply_text(kept, "again"), GMUX_ERR_STATE);
  gmux_server_call_unref(kept);
  kit_run();
  KIT_STREQ(kit_reply(1, 0), "from afar");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
  sim_set_outside(kit.loop, false);
}

static void what_another_thread_says_too_late_is_dropped(void) {
  released = 0;
  kit_serve();
  kit_connect();
  gmux_server_call *call = gmux_server_call_ref(call_on(1, "/t.S/Bidi"));
  sim_set_outside(kit.loop, true);
  rawpeer_rst(kit.peer, 1, GMUX__H2_CANCEL); /* arrives before the posts are run, or after: */
  gmux_bytes message = gmux_bytes_wrap("mine", 4, on_release, NULL);
  CU_ASSERT_EQUAL(gmux_server_call_write(call, &message), 0);
  CU_ASSERT_EQUAL(gmux_server_call_fail(call, GMUX_ABORTED, "late"), 0);
  gmux_server_call_unref(call);
  kit_run();
  CU_ASSERT_EQUAL(released, 1);
  CU_ASSERT_EQUAL(kit.ends, 1);
  sim_set_outside(kit.loop, false);
}

static void a_writer_elsewhere_hears_that_the_library_has_ended_the_call(void) {
  kit_serve();
  kit_connect();
  peer_give_window(0);
  gmux_server_call *call = gmux_server_call_ref(call_on(1, "/t.S/Server"));
  CU_ASSERT_EQUAL(write_text(call, "stuck"), 0); /* so that the end is stuck behind it */
  kit_message(1, "a second request", false);
  kit_run();
  KIT_STREQ(kit.order, "cm");
  sim_set_outside(kit.loop, true);
  CU_ASSERT_EQUAL(write_text(call, "x"), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), GMUX_ERR_STATE);
  sim_set_outside(kit.loop, false);
  rawpeer_window_update(kit.peer, 1, 100);
  kit_run();
  KIT_STREQ(kit_trailer(1, "grpc-status"), "13");
  gmux_server_call_unref(call);
}

/* ---- memory ---- */

static void finishing_that_fails_for_memory_may_be_tried_again(void) {
  kit_serve();
  kit_connect();
  gmux_server_call *call = gmux_server_call_ref(call_on(1, "/t.S/Bidi"));
  sim_set_outside(kit.loop, true);
  test_alloc_fail_at(1); /* the post */
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, NULL), GMUX_ERR_NOMEM);
  test_alloc_fail_at(1); /* the extras */
  CU_ASSERT_EQUAL(gmux_server_call_fail(call, GMUX_ABORTED, "x"), GMUX_ERR_NOMEM);
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux_server_call_send_headers(call, NULL), GMUX_ERR_NOMEM);
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(reply_text(call, "x"), GMUX_ERR_NOMEM);
  CU_ASSERT_EQUAL(gmux_server_call_send_headers(call, NULL), 0);
  CU_ASSERT_EQUAL(reply_text(call, "x"), 0);
  gmux_server_call_unref(call);
  kit_run();
  KIT_STREQ(kit_reply(1, 0), "x");
  KIT_STREQ(kit_trailer(1, "grpc-status"), "0");
  sim_set_outside(kit.loop, false);
}

static void a_posted_message_that_finds_no_memory_ends_the_call_with_words(void) {
  kit_serve();
  kit_connect();
  gmux_server_call *call = gmux_server_call_ref(call_on(1, "/t.S/Bidi"));
  sim_set_outside(kit.loop, true);
  CU_ASSERT_EQUAL(write_text(call, "x"), 0);
  test_alloc_fail_at(1); /* when it is applied */
  kit_run();
  CU_ASSERT_TRUE(test_alloc_has_failed());
  KIT_STREQ(kit.order, "cme");
  CU_ASSERT_EQUAL(kit.code, GMUX_RESOURCE_EXHAUSTED);
  KIT_STREQ(kit_trailer(1, "grpc-status"), "8");
  KIT_STREQ(kit_trailer(1, "grpc-message"), "the server is out of memory");
  gmux_server_call_unref(call);
  kit_run();
  sim_set_outside(kit.loop, false);
}

/* ---- nothing where something belongs ---- */

static void a_null_is_refused_in_words(void) {
  gmux_bytes message = kit_text("x");
  CU_ASSERT_EQUAL(gmux_server_call_write(NULL, &message), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "call is NULL"));
  CU_ASSERT_EQUAL(gmux_server_call_reply(NULL, &message), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_call_write_wait(NULL, &message), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_call_read_wait(NULL, &message), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_call_finish(NULL, NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_call_fail(NULL, GMUX_OK, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_call_grant(NULL, 1), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_call_send_headers(NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_call_set_blocking(NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_call_set_manual_credit(NULL), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NULL(gmux_server_call_ref(NULL));
  gmux_server_call_unref(NULL);
  kit_serve();
  kit_connect();
  gmux_server_call *call = call_on(1, "/t.S/Unary");
  CU_ASSERT_EQUAL(gmux_server_call_write(call, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_call_reply(call, NULL), GMUX_ERR_INVALID);
  message = gmux_bytes_borrow(NULL, 5);
  CU_ASSERT_EQUAL(gmux_server_call_reply(call, &message), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(reply_text(call, "fine"), 0);
  kit_run();
  KIT_STREQ(kit_reply(1, 0), "fine");
}

static const test_case cases[] = {
    TEST(a_call_is_finished_once),
    TEST(a_call_may_be_finished_from_each_handler),
    TEST(a_call_may_be_finished_from_on_writable),
    TEST(a_unary_function_may_fail_the_call),
    TEST(a_unary_call_may_be_answered_later),
    TEST(a_status_that_is_no_code_becomes_unknown),
    TEST(trailers_that_no_block_can_hold_are_refused_and_the_call_goes_on),
    TEST(a_method_with_one_response_refuses_the_second),
    TEST(a_response_that_was_refused_may_be_written_again),
    TEST(an_owned_message_is_taken_on_success_and_left_on_failure),
    TEST(headers_are_sent_once_and_before_the_first_message),
    TEST(a_writer_is_stopped_by_a_peer_without_window_and_told_when_to_go_on),
    TEST(what_was_written_before_the_end_leaves_before_the_trailers),
    TEST(no_on_writable_comes_once_the_call_is_finished),
    TEST(with_manual_credit_the_first_message_is_free_and_each_further_one_is_asked_for),
    TEST(a_reader_without_credit_holds_back_its_stream_and_not_the_connection),
    TEST(how_a_call_is_served_is_said_in_on_call_only),
    TEST(a_thread_reads_each_message_and_then_eof_and_answers),
    TEST(a_reader_holds_back_what_it_has_not_asked_for),
    TEST(a_reader_whose_call_is_over_gets_eof_and_a_writer_is_refused),
    TEST(a_held_call_can_be_asked_after_its_end_and_its_connection),
    TEST(a_held_call_outlives_its_server),
    TEST(a_held_call_keeps_no_memory_of_messages_for_a_freed_server),
    TEST(what_another_thread_says_takes_effect_in_its_order),
    TEST(a_reply_from_another_thread_is_message_and_end),
    TEST(what_another_thread_says_too_late_is_dropped),
    TEST(a_writer_elsewhere_hears_that_the_library_has_ended_the_call),
    TEST(finishing_that_fails_for_memory_may_be_tried_again),
    TEST(a_posted_message_that_finds_no_memory_ends_the_call_with_words),
    TEST(a_null_is_refused_in_words),
    TESTS_END,
};

const test_suite server_call_api_suite = {
    .name = "call_api", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
