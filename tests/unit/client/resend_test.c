/* resend_test.c: what a call that is made again sends, what its application may do meanwhile, and
 * many of them at once (promises 11 and 12). */
#include "tests/unit/client/thread.h"
#include <gmux/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFUSED_STREAM = 7 };

static char first[100000], again[100000];

static size_t requests(const rawpeer *p) {
  return rawpeer_count(p, RAW_HEADERS, RAW_ANY);
}

static void refuse(rawpeer *p, uint32_t stream) {
  rawpeer_rst(p, stream, REFUSED_STREAM);
  w_run();
}

static bool is_half_closed(const rawpeer *p, uint32_t stream) {
  size_t count = rawpeer_count(p, RAW_DATA, stream);
  return count > 0 && (rawpeer_find(p, RAW_DATA, stream, count - 1)->flags & RAW_END_STREAM);
}

/* The bodies of two requests are the same bytes in the same order. */
static void assert_same_body(const rawpeer *p, uint32_t a, const rawpeer *q, uint32_t b) {
  size_t len = w_body(p, a, first, sizeof first);
  CU_ASSERT_EQUAL_FATAL(w_body(q, b, again, sizeof again), len);
  CU_ASSERT_EQUAL(memcmp(first, again, len), 0);
}

static void write_block(tcall *t, size_t len, int expected) {
  static char block[80000];
  for (size_t i = 0; i < len; i++)
    block[i] = (char)('a' + (i * 7 + len) % 26);
  gmux_bytes message = gmux_bytes_borrow(block, len);
  CU_ASSERT_EQUAL(gmux_call_write(t->call, &message), expected);
}

/* Refused twice: it rests now, on a connection on which streams 1 and 3 were refused. */
static tcall *resting(rawpeer **p, gmux_method_kind kind) {
  *p = w_connected();
  tcall *t = w_start(kind, NULL);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  w_run();
  refuse(*p, 1);
  refuse(*p, 3);
  CU_ASSERT_EQUAL_FATAL(t->call->loop_only.state, GMUX__CALL_RESTING);
  return t;
}

/* ---- the same again ---- */

static void messages_of_a_stream_are_sent_again_in_order(void) {
  rawpeer *p = w_connected();
  tcall *t = w_start(GMUX_CLIENT_STREAMING, NULL);
  for (size_t len = 0; len < 40; len += 13)
    write_block(t, len, 0);
  w_run();
  write_block(t, 3000, 0); /* too long for the smaller slab */
  w_run();
  refuse(p, 1);
  assert_same_body(p, 1, p, 3);
  write_block(t, 5000, 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(t->call), 0);
  w_run();
  CU_ASSERT_TRUE(is_half_closed(p, 3));
  refuse(p, 3);
  w_run_ms(150);
  assert_same_body(p, 3, p, 5);
  CU_ASSERT_TRUE(is_half_closed(p, 5));
  w_answer(p, 5, "done");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

static void what_is_written_while_it_rests_comes_behind(void) {
  rawpeer *p;
  tcall *t = resting(&p, GMUX_BIDI_STREAMING);
  CU_ASSERT_EQUAL(w_write(t, "one"), 0);
  CU_ASSERT_EQUAL(w_write(t, "two"), 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(t->call), 0);
  w_run_ms(150);
  static const char body[] = "\0\0\0\0\5hello\0\0\0\0\3one\0\0\0\0\3two";
  CU_ASSERT_EQUAL_FATAL(w_body(p, 5, first, sizeof first), sizeof body - 1);
  CU_ASSERT_EQUAL(memcmp(first, body, sizeof body - 1), 0);
  CU_ASSERT_TRUE(is_half_closed(p, 5));
  CU_ASSERT_EQUAL(w_write(t, "three"), GMUX_ERR_STATE);
}

/* Flow control stopped the message in its middle: it starts over. */
static void a_message_that_was_half_sent_starts_over(void) {
  rawpeer *p = w_connected();
  tcall *t = w_start(GMUX_CLIENT_STREAMING, NULL);
  write_block(t, 10000, 0);
  write_block(t, 70000, GMUX_WRITE_FULL); /* beyond the window of 65,535 */
  w_run();
  CU_ASSERT_EQUAL(w_body(p, 1, first, sizeof first), 65535);
  rawpeer_goaway(p, 0, 0, NULL);
  rawpeer *q = w_greet_within(200);
  rawpeer_window_update(q, 1, 100000);
  w_run();
  size_t len = w_body(q, 1, again, sizeof again);
  CU_ASSERT_EQUAL(len, 5 + 10000 + 5 + 70000);
  CU_ASSERT_EQUAL(memcmp(first, again, 65535), 0);
}

static void a_half_close_without_a_message_is_sent_again(void) {
  rawpeer *p = w_connected();
  tcall *t = w_start(GMUX_BIDI_STREAMING, NULL);
  CU_ASSERT_EQUAL(gmux_call_half_close(t->call), 0);
  w_run();
  refuse(p, 1);
  CU_ASSERT_TRUE(is_half_closed(p, 3));
  assert_same_body(p, 1, p, 3);
}

static void metadata_and_path_are_sent_again(void) {
  gmux_metadata *md;
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&md), 0);
  gmux_metadata_add(md, "x-key", "value");
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.metadata = md;
  rawpeer *p = w_connected();
  tcall *t = w_start(GMUX_UNARY, &o);
  gmux_metadata_free(md);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  w_run();
  refuse(p, 1);
  const rawframe *f = rawpeer_find(p, RAW_HEADERS, 3, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  CU_ASSERT_STRING_EQUAL(rawframe_header(f, "x-key"), "value");
  CU_ASSERT_STRING_EQUAL(rawframe_header(f, ":path"), "/test.Service/Unary");
}

static void the_unary_form_is_made_again_too(void) {
  rawpeer *p = w_connected();
  tcall *t = w_record();
  gmux_bytes request = gmux_bytes_borrow("hello", 5);
  CU_ASSERT_EQUAL_FATAL(gmux_call_unary_start(&t->call, w_channel, w_methods[GMUX_UNARY], NULL,
                                              &request, w_on_done, t),
                        0);
  w_run();
  refuse(p, 1);
  assert_same_body(p, 1, p, 3);
  w_answer(p, 3, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(t->received, "reply");
}

/* ---- how much is kept ---- */

static tcall *written(rawpeer *p, size_t len) {
  tcall *t = w_start(GMUX_CLIENT_STREAMING, NULL);
  write_block(t, len, 0);
  w_run();
  const rawframe *f = rawpeer_find(p, RAW_HEADERS, RAW_ANY, requests(p) - 1);
  refuse(p, f->stream);
  return t;
}

static void over_the_retry_buffer_it_is_committed(void) {
  w_options.retry_buffer_bytes = 1000;
  rawpeer *p = w_connected();
  tcall *fits = written(p, 1000);
  ASSERT_LOG(fits, "");
  CU_ASSERT_EQUAL(requests(p), 2);
  tcall *is_over = written(p, 1001);
  ASSERT_LOG(is_over, "E");
  ASSERT_CODE(is_over, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(is_over->evidence, GMUX_EVIDENCE_REFUSED);
  CU_ASSERT_EQUAL(requests(p), 3);
}

static void without_a_retry_buffer_nothing_that_left_is_sent_again(void) {
  w_options.retry_buffer_bytes = 0;
  rawpeer *p = w_connected();
  tcall *t = written(p, 1);
  ASSERT_LOG(t, "E");
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_REFUSED);
}

static unsigned releases;
static void on_release(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data, (void)len;
  releases++;
}

static void owned_bytes_are_released_once_however_often_they_are_sent(void) {
  static const uint8_t block[2000];
  releases = 0;
  rawpeer *p = w_connected();
  tcall *t = w_start(GMUX_UNARY, NULL);
  gmux_bytes message = gmux_bytes_wrap(block, sizeof block, on_release, NULL);
  CU_ASSERT_EQUAL(gmux_call_write(t->call, &message), 0);
  w_run();
  refuse(p, 1);
  refuse(p, 3);
  w_run_ms(150);
  CU_ASSERT_EQUAL(releases, 0);
  w_answer(p, 5, "reply");
  w_run();
  CU_ASSERT_EQUAL(releases, 1);
  ASSERT_CODE(t, GMUX_OK);
}

/* ---- back-pressure ---- */

/* What made room once does not take it away again: a writer that was not told "full" is not. */
static void back_pressure_goes_on_across_a_retry(void) {
  w_options.write_queue_bytes = 1024;
  rawpeer *p = w_connected();
  tcall *t = w_start(GMUX_CLIENT_STREAMING, NULL);
  write_block(t, 2000, GMUX_WRITE_FULL);
  w_run();
  ASSERT_LOG(t, "W");
  write_block(t, 500, 0);
  w_run();
  refuse(p, 1);
  refuse(p, 3);
  write_block(t, 500, 0);
  write_block(t, 600, GMUX_WRITE_FULL);
  ASSERT_LOG(t, "W");
  w_run_ms(150);
  ASSERT_LOG(t, "W W");
  CU_ASSERT_EQUAL(w_body(p, 5, first, sizeof first), 4 * 5 + 2000 + 500 + 500 + 600);
  CU_ASSERT_EQUAL(gmux_call_half_close(t->call), 0);
  w_answer(p, 5, "done");
  w_run();
  ASSERT_LOG(t, "W W H M4 E");
}

/* Held because its connection had too much queued; on the next one it is alone. */
static void a_writer_that_was_held_is_let_go_with_the_next_connection(void) {
  w_options.connection_queue_bytes = 65536;
  rawpeer *p = w_connected();
  tcall *full = w_start(GMUX_CLIENT_STREAMING, NULL);
  for (int i = 0; i < 3; i++)
    write_block(full, 60000, i == 0 ? 0 : i == 1 ? GMUX_WRITE_FULL : GMUX_ERR_AGAIN);
  tcall *held = w_start(GMUX_CLIENT_STREAMING, NULL);
  write_block(held, 10, GMUX_WRITE_FULL);
  write_block(held, 10, GMUX_ERR_AGAIN);
  rawpeer_goaway(p, 0, 0, NULL);
  rawpeer *q = w_greet_within(200);
  ASSERT_LOG(held, "W");
  write_block(held, 10, 0);
  w_run();
  CU_ASSERT_EQUAL(requests(q), 2);
  CU_ASSERT_EQUAL(w_body(q, 3, first, sizeof first), 2 * 15);
}

/* ---- while it rests ---- */

static void cancel_while_it_rests_costs_nothing(void) {
  rawpeer *p;
  tcall *t = resting(&p, GMUX_UNARY);
  gmux_call_cancel(t->call);
  ASSERT_LOG(t, ""); /* never from inside */
  w_run_ms(10000);
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_REFUSED);
  CU_ASSERT_EQUAL(requests(p), 2);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 0);
  CU_ASSERT_EQUAL(w_stats().calls_waiting, 0);
}

static void a_handle_let_go_of_while_it_rests_changes_nothing(void) {
  rawpeer *p;
  tcall *t = resting(&p, GMUX_UNARY);
  w_free(t);
  w_run_ms(150);
  w_answer(p, 5, "reply");
  w_run();
  ASSERT_LOG(t, "H M5 E");
}

static void a_channel_that_closes_cancels_those_that_rest(void) {
  rawpeer *p;
  tcall *t = resting(&p, GMUX_UNARY);
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(w_closed, 1);
}

static tcall *victim;

static void cancel_victim(tcall *t, char event) {
  (void)t, (void)event;
  gmux_call_cancel(victim->call);
  w_free(victim);
}

static void callbacks_may_cancel_and_free_one_that_rests(void) {
  rawpeer *p;
  victim = resting(&p, GMUX_UNARY);
  tcall *other = w_unary();
  other->on_event = cancel_victim;
  w_run();
  w_answer(p, 5, "reply");
  w_run();
  ASSERT_LOG(other, "H M5 E");
  ASSERT_LOG(victim, "E");
  ASSERT_CODE(victim, GMUX_CANCELLED);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(requests(p), 3);
}

/* The refused call is put on the connection again in the same turn, and before that another's
 * on_end cancels it. */
static void callbacks_may_cancel_one_that_is_about_to_be_made_again(void) {
  rawpeer *p = w_connected();
  tcall *other = w_unary();
  victim = w_unary();
  other->on_event = cancel_victim;
  w_run();
  w_answer(p, 1, "reply");
  rawpeer_rst(p, 3, REFUSED_STREAM);
  w_run();
  ASSERT_LOG(victim, "E");
  ASSERT_CODE(victim, GMUX_CANCELLED);
  ASSERT_CODE(other, GMUX_OK);
}

/* ---- many ---- */

enum { CALLS = 1000, PEERS = 8 };

/* Which call it is that this request carries; its body is a number. */
static int call_of_request(const rawpeer *p, const rawframe *f) {
  char body[16];
  CU_ASSERT_FATAL(w_body(p, f->stream, body, sizeof body) > 5);
  int i = atoi(body + 5);
  CU_ASSERT_FATAL(i >= 0 && i < CALLS);
  return i;
}

/* Refuses the first attempt of every call, and answers the second. */
static void serve_second_attempts(unsigned attempts[CALLS]) {
  rawpeer *peers[PEERS];
  size_t next[PEERS] = {0}, count = 0;
  for (int quiet = 0; quiet < 3; quiet++) {
    rawpeer *p = w_accept();
    if (p) {
      CU_ASSERT_FATAL(count < PEERS);
      w_settings(p, -1);
      rawpeer_window_update(p, 0, 1u << 30);
      peers[count++] = p;
      quiet = 0;
    }
    w_run();
    const rawframe *f;
    for (size_t k = 0; k < count; k++) {
      for (; (f = rawpeer_find(peers[k], RAW_HEADERS, RAW_ANY, next[k])); next[k]++, quiet = 0) {
        if (attempts[call_of_request(peers[k], f)]++ == 0)
          rawpeer_rst(peers[k], f->stream, REFUSED_STREAM);
        else
          w_answer(peers[k], f->stream, "reply");
      }
    }
  }
}

static void a_server_that_refuses_each_of_1000_calls_once_loses_none(void) {
  static tcall *calls[CALLS];
  static unsigned attempts[CALLS];
  memset(attempts, 0, sizeof attempts);
  w_open();
  for (int i = 0; i < CALLS; i++) {
    char text[12];
    snprintf(text, sizeof text, "%d", i);
    calls[i] = w_start(GMUX_UNARY, NULL);
    CU_ASSERT_EQUAL(w_write(calls[i], text), 0);
  }
  serve_second_attempts(attempts);
  for (int i = 0; i < CALLS; i++)
    CU_ASSERT_TRUE(attempts[i] == 2 && calls[i]->ends == 1 && calls[i]->code == GMUX_OK);
  gmux_channel_stats s = w_stats();
  CU_ASSERT_EQUAL(s.calls_succeeded, CALLS);
  CU_ASSERT_EQUAL(s.attempts, 2 * CALLS);
  CU_ASSERT_EQUAL(s.retries[GMUX_EVIDENCE_REFUSED], CALLS);
}

/* ---- from other threads ---- */

static void serve_refusing_the_first(void) {
  rawpeer *p = w_accept();
  static rawpeer *peer;
  if (p) {
    peer = p;
    w_settings(p, -1);
    rawpeer_window_update(p, 0, 1u << 30);
    w_run();
    const rawframe *f = rawpeer_find(p, RAW_HEADERS, RAW_ANY, 0);
    if (f) refuse(p, f->stream);
  }
  for (size_t i = 1; peer && i < requests(peer); i++) {
    const rawframe *f = rawpeer_find(peer, RAW_HEADERS, RAW_ANY, i);
    if (is_half_closed(peer, f->stream)) w_answer(peer, f->stream, "reply");
  }
}

static void a_blocking_call_notices_nothing(void) {
  w_open();
  thread_start(serve_refusing_the_first, 0);
  gmux_bytes request = gmux_bytes_borrow("hello", 5), reply;
  gmux_status status =
      gmux_call_unary_wait(w_channel, w_methods[GMUX_UNARY], NULL, &request, &reply);
  thread_stop();
  CU_ASSERT_EQUAL(status.code, GMUX_OK);
  CU_ASSERT_EQUAL(reply.len, 5);
  CU_ASSERT_EQUAL(w_stats().retries[GMUX_EVIDENCE_REFUSED], 1);
  gmux_bytes_release(&reply);
  gmux_status_clear(&status);
}

static const test_case cases[] = {
    TEST(messages_of_a_stream_are_sent_again_in_order),
    TEST(what_is_written_while_it_rests_comes_behind),
    TEST(a_message_that_was_half_sent_starts_over),
    TEST(a_half_close_without_a_message_is_sent_again),
    TEST(metadata_and_path_are_sent_again),
    TEST(the_unary_form_is_made_again_too),
    TEST(over_the_retry_buffer_it_is_committed),
    TEST(without_a_retry_buffer_nothing_that_left_is_sent_again),
    TEST(owned_bytes_are_released_once_however_often_they_are_sent),
    TEST(back_pressure_goes_on_across_a_retry),
    TEST(a_writer_that_was_held_is_let_go_with_the_next_connection),
    TEST(cancel_while_it_rests_costs_nothing),
    TEST(a_handle_let_go_of_while_it_rests_changes_nothing),
    TEST(a_channel_that_closes_cancels_those_that_rest),
    TEST(callbacks_may_cancel_and_free_one_that_rests),
    TEST(callbacks_may_cancel_one_that_is_about_to_be_made_again),
    TEST(a_server_that_refuses_each_of_1000_calls_once_loses_none),
    TEST(a_blocking_call_notices_nothing),
    TESTS_END,
};

const test_suite client_resend_suite = {"resend", cases, w_setup, w_teardown};
