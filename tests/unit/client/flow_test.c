/* flow_test.c: back-pressure, both ways. */
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <string.h>

static char block[20000];

static int write_block(tcall *t, size_t len) {
  gmux_bytes message = gmux_bytes_borrow(block, len);
  return gmux_call_write(t->call, &message);
}

/* ---- out ---- */

static void a_full_queue_says_so_refuses_more_and_tells_when_there_is_room(void) {
  w_options.write_queue_bytes = 30000;
  rawpeer *p = w_connected();
  tcall *t = w_start(GMUX_BIDI_STREAMING, NULL);
  for (int i = 0; i < 3; i++) /* 60 kB: the server's first window takes them */
    CU_ASSERT_EQUAL(write_block(t, 20000), i == 1 ? GMUX_WRITE_FULL : i == 2 ? GMUX_ERR_AGAIN : 0);
  w_run();
  ASSERT_LOG(t, "W");
  CU_ASSERT_EQUAL(write_block(t, 20000), 0);
  CU_ASSERT_EQUAL(write_block(t, 20000), GMUX_WRITE_FULL);
  w_run(); /* the stream's window of 65535 is used up */
  ASSERT_LOG(t, "W");
  CU_ASSERT_EQUAL(write_block(t, 1), 0);
  rawpeer_window_update(p, 1, 100000);
  w_run();
  ASSERT_LOG(t, "W W");
  CU_ASSERT_EQUAL(write_block(t, 20000), 0);
}

static void who_was_never_told_full_is_never_told_writable(void) {
  w_connected();
  tcall *t = w_start(GMUX_BIDI_STREAMING, NULL);
  for (int i = 0; i < 10; i++)
    CU_ASSERT_EQUAL(write_block(t, 100), 0);
  w_run();
  ASSERT_LOG(t, "");
}

static void a_call_that_waits_for_a_connection_queues_as_much_and_no_more(void) {
  w_options.write_queue_bytes = 1024;
  w_open();
  tcall *t = w_start(GMUX_CLIENT_STREAMING, NULL);
  CU_ASSERT_EQUAL(write_block(t, 800), 0);
  CU_ASSERT_EQUAL(write_block(t, 800), GMUX_WRITE_FULL);
  CU_ASSERT_EQUAL(write_block(t, 800), GMUX_ERR_AGAIN);
  rawpeer *p = w_greet(-1);
  ASSERT_LOG(t, "W");
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_DATA, 1) > 0, true);
}

/* One place, and it is taken. */
static rawpeer *full_connection(void) {
  w_options.max_connections = 1;
  w_open();
  w_unary();
  rawpeer *p = w_greet(1);
  w_run();
  return p;
}

static void the_one_message_of_a_call_that_waits_needs_no_stream(void) {
  rawpeer *p = full_connection();
  tcall *t = w_unary();
  w_run();
  CU_ASSERT_PTR_NULL(t->call->loop_only.attempt);
  w_answer(p, 1, "x");
  w_run();
  CU_ASSERT_PTR_NOT_NULL_FATAL(t->call->loop_only.attempt);
  char body[32];
  CU_ASSERT_EQUAL(w_body(p, 3, body, sizeof body), GMUX__PREFIX_LEN + 5);
  CU_ASSERT_STRING_EQUAL(body + GMUX__PREFIX_LEN, "hello");
  w_answer(p, 3, "y");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

static void a_half_close_before_there_is_a_stream_ends_it_when_there_is(void) {
  rawpeer *p = full_connection();
  tcall *t = w_start(GMUX_CLIENT_STREAMING, NULL);
  CU_ASSERT_EQUAL(gmux_call_half_close(t->call), 0);
  CU_ASSERT_PTR_NULL(t->call->loop_only.attempt);
  w_answer(p, 1, "x");
  w_run();
  w_answer(p, 3, "y");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 3), 0); /* both halves were over */
}

static void a_call_that_never_had_a_stream_ends_like_any_other(void) {
  (void)full_connection();
  tcall *t = w_unary();
  CU_ASSERT_EQUAL(gmux_call_grant(t->call, GMUX_CREDIT_UNLIMITED), 0);
  gmux_call_cancel(t->call);
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_NEVER_LEFT);
  gmux_call_explanation before = {.size = sizeof before}, after = {.size = sizeof after};
  CU_ASSERT_EQUAL(gmux_call_explain(t->call, &before), 0);
  CU_ASSERT_EQUAL(gmux_call_grant(t->call, 1000000), 0);
  CU_ASSERT_EQUAL(gmux_call_explain(t->call, &after), 0);
  CU_ASSERT_EQUAL(before.total_ns, after.total_ns); /* which lies where the credit lay */
  CU_ASSERT_FALSE(gmux_call_was_compressed(t->call));
  CU_ASSERT_STRING_EQUAL(gmux_call_peer(t->call), "");
}

static void credit_without_end_stays_so_also_before_there_is_a_stream(void) {
  rawpeer *p = full_connection();
  tcall *t = w_start(GMUX_SERVER_STREAMING, NULL);
  CU_ASSERT_EQUAL(gmux_call_grant(t->call, 1), 0);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  CU_ASSERT_PTR_NULL(t->call->loop_only.attempt);
  w_answer(p, 1, "x");
  w_run();
  w_answer(p, 3, "y");
  w_run();
  ASSERT_LOG(t, "H M1 E");
}

/* Short messages cost more than their bytes. Whatever the application is told, it goes on. */
static void a_million_messages_of_a_byte_cost_no_more_than_the_bounds(void) {
  enum { CALLS = 100, TRIES = 10000, BOUND = 4 << 20, KEPT_FREE = 1 << 20, A_CALL = 8 << 10 };
  w_options.connection_queue_bytes = BOUND;
  w_options.channel_queue_bytes = BOUND;
  rawpeer *p = w_connected();
  static const uint16_t ids[] = {4}; /* SETTINGS_INITIAL_WINDOW_SIZE: it takes nothing */
  static const uint32_t none[] = {0};
  rawpeer_settings(p, 1, ids, none);
  w_run();
  size_t before = test_alloc_bytes(), taken = 0;
  (void)test_alloc_peak();
  for (int i = 0; i < CALLS; i++) {
    tcall *t = w_start(GMUX_BIDI_STREAMING, NULL);
    for (int k = 0; k < TRIES; k++)
      taken += write_block(t, 1) >= 0;
    w_run();
  }
  CU_ASSERT_TRUE(taken > BOUND / gmux__exchange_cost(1));
  CU_ASSERT_TRUE(taken < BOUND / gmux__exchange_cost(1) + 2 * CALLS);
  CU_ASSERT_TRUE(test_alloc_peak() <= before + BOUND + CALLS * A_CALL + KEPT_FREE);
}

static unsigned releases;
static void on_release(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data, (void)len;
  releases++;
}

static void owned_messages_are_taken_and_released_when_they_are_on_their_way(void) {
  releases = 0;
  w_options.write_queue_bytes = 1024;
  w_options.retry_buffer_bytes = 0;
  w_open();
  tcall *t = w_start(GMUX_CLIENT_STREAMING, NULL);
  gmux_bytes a = gmux_bytes_wrap(block, 2000, on_release, NULL);
  gmux_bytes b = gmux_bytes_wrap(block, 2000, on_release, NULL);
  CU_ASSERT_EQUAL(gmux_call_write(t->call, &a), GMUX_WRITE_FULL);
  CU_ASSERT_EQUAL(gmux_call_write(t->call, &b), GMUX_ERR_AGAIN);
  CU_ASSERT_EQUAL(a.len, 0);
  CU_ASSERT_EQUAL(b.len, 2000); /* still the caller's */
  CU_ASSERT_EQUAL(releases, 0);
  w_greet(-1);
  CU_ASSERT_EQUAL(releases, 1);
  gmux_bytes_release(&b);
}

static void owned_messages_are_kept_until_the_reply_begins(void) {
  releases = 0;
  rawpeer *p = w_connected();
  tcall *t = w_start(GMUX_CLIENT_STREAMING, NULL);
  gmux_bytes message = gmux_bytes_wrap(block, 2000, on_release, NULL);
  CU_ASSERT_EQUAL(gmux_call_write(t->call, &message), 0);
  w_run();
  CU_ASSERT_EQUAL(releases, 0); /* they may have to be sent again */
  w_headers(p, 1);
  w_run();
  CU_ASSERT_EQUAL(releases, 1);
}

static void messages_that_never_left_are_released_with_the_call(void) {
  releases = 0;
  w_open();
  tcall *t = w_start(GMUX_CLIENT_STREAMING, NULL);
  gmux_bytes message = gmux_bytes_wrap(block, 2000, on_release, NULL);
  CU_ASSERT_EQUAL(gmux_call_write(t->call, &message), 0);
  gmux_call_cancel(t->call);
  w_free(t);
  w_run();
  CU_ASSERT_EQUAL(releases, 1);
}

static void calls_written_in_one_turn_leave_with_one_write(void) {
  w_connected();
  sim_link *link = sim_link_first(w_sim);
  uint64_t before = sim_link_writes(link, SIM_TO_SERVER);
  for (int i = 0; i < 50; i++)
    w_unary();
  w_run();
  CU_ASSERT_EQUAL(sim_link_writes(link, SIM_TO_SERVER), before + 1);
}

/* ---- in ---- */

static tcall *start_with_credit(uint32_t credit) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.initial_credit = credit;
  return w_start(GMUX_SERVER_STREAMING, &o);
}

static void messages_wait_for_credit(void) {
  rawpeer *p = w_connected();
  tcall *t = start_with_credit(1);
  w_run();
  w_headers(p, 1);
  for (int i = 0; i < 4; i++)
    w_message(p, 1, "x");
  w_trailers(p, 1, "0", NULL);
  w_run();
  ASSERT_LOG(t, "H M1");
  CU_ASSERT_EQUAL(gmux_call_grant(t->call, 2), 0);
  ASSERT_LOG(t, "H M1"); /* never from inside */
  w_run();
  ASSERT_LOG(t, "H M1 M1 M1");
  CU_ASSERT_EQUAL(gmux_call_grant(t->call, 1), 0);
  w_run();
  ASSERT_LOG(t, "H M1 M1 M1 M1 E");
}

static void without_credit_headers_still_come(void) {
  rawpeer *p = w_connected();
  tcall *t = start_with_credit(0);
  w_run();
  w_headers(p, 1);
  w_message(p, 1, "x");
  w_run();
  ASSERT_LOG(t, "H");
}

static void credit_may_be_granted_before_the_call_has_a_connection(void) {
  w_open();
  tcall *t = start_with_credit(0);
  CU_ASSERT_EQUAL(gmux_call_grant(t->call, 1), 0);
  rawpeer *p = w_greet(-1);
  w_headers(p, 1);
  w_message(p, 1, "x");
  w_message(p, 1, "y");
  w_run();
  ASSERT_LOG(t, "H M1");
}

static void ask_for_one_more(tcall *t, char event) {
  if (event == 'M') gmux_call_grant(t->call, 1);
}

static void credit_granted_from_on_message_keeps_it_flowing(void) {
  rawpeer *p = w_connected();
  tcall *t = start_with_credit(1);
  t->on_event = ask_for_one_more;
  w_run();
  w_headers(p, 1);
  for (int i = 0; i < 5; i++)
    w_message(p, 1, "x");
  w_trailers(p, 1, "0", NULL);
  w_run();
  ASSERT_LOG(t, "H M1 M1 M1 M1 M1 E");
}

static size_t window_given(const rawpeer *p, int64_t stream) {
  size_t sum = 0;
  const rawframe *f;
  for (size_t i = 0; (f = rawpeer_find(p, RAW_WINDOW_UPDATE, stream, i)); i++)
    sum += rawframe_u32(f, 0);
  return sum;
}

static void what_is_not_taken_holds_back_its_stream_and_not_the_connection(void) {
  w_options.stream_window_bytes = 65535;
  w_options.connection_window_bytes = 65535;
  rawpeer *p = w_connected();
  tcall *t = start_with_credit(0);
  w_run();
  w_headers(p, 1);
  for (int i = 0; i < 3; i++)
    rawpeer_grpc_message(p, 1, 0, block, 16000);
  w_run();
  CU_ASSERT_EQUAL(window_given(p, 1), 0);
  CU_ASSERT_TRUE(window_given(p, 0) > 30000);
  CU_ASSERT_EQUAL(gmux_call_grant(t->call, 3), 0);
  w_run();
  ASSERT_LOG(t, "H M16000 M16000 M16000");
  CU_ASSERT_TRUE(window_given(p, 1) > 30000);
}

/* So that a call that goes on for long keeps nobody waiting for what it has given back. */
static void a_large_message_that_was_told_makes_room_for_who_waits(void) {
  enum { LARGE = 490000, PIECE = 4000 }; /* there is room for it, and then for no call */
  w_options.max_memory_bytes = 1048576;
  rawpeer *p = w_connected();
  tcall *t = w_start(GMUX_BIDI_STREAMING, NULL);
  w_run();
  w_headers(p, 1);
  static const uint8_t prefix[5] = {0, LARGE >> 24, LARGE >> 16 & 0xff, LARGE >> 8 & 0xff,
                                    LARGE & 0xff};
  rawpeer_data(p, 1, 0, prefix, sizeof prefix, 0);
  for (int sent = 0; sent < LARGE; sent += PIECE) {
    if (sent == 40 * PIECE) {
      w_unary();
      w_run();
      CU_ASSERT_EQUAL(w_stats().calls_waiting, 1);
    }
    int len = LARGE - sent < PIECE ? LARGE - sent : PIECE;
    rawpeer_data(p, 1, 0, block, (size_t)len, 0);
    w_run();
  }
  ASSERT_LOG(t, "H M490000");
  CU_ASSERT_EQUAL(w_stats().calls_waiting, 0);
  CU_ASSERT_EQUAL(w_stats().calls_running, 2);
}

static void cancelling_gives_up_what_was_not_taken(void) {
  rawpeer *p = w_connected();
  tcall *t = start_with_credit(0);
  w_run();
  w_headers(p, 1);
  w_message(p, 1, "never seen");
  w_trailers(p, 1, "0", NULL);
  w_run();
  gmux_call_cancel(t->call);
  w_run();
  ASSERT_LOG(t, "H E");
  ASSERT_CODE(t, GMUX_CANCELLED);
}

static void a_deadline_ends_a_call_whose_answer_is_not_taken(void) {
  rawpeer *p = w_connected();
  gmux_call_options o = w_timeout(100);
  o.initial_credit = 0;
  tcall *t = w_start(GMUX_SERVER_STREAMING, &o);
  w_run();
  w_headers(p, 1);
  w_message(p, 1, "never seen");
  w_trailers(p, 1, "0", NULL);
  w_run_ms(100);
  ASSERT_LOG(t, "H E");
  ASSERT_CODE(t, GMUX_DEADLINE_EXCEEDED);
}

static void closing_the_channel_ends_a_call_whose_answer_is_not_taken(void) {
  rawpeer *p = w_connected();
  tcall *t = start_with_credit(0);
  w_run();
  w_headers(p, 1);
  w_message(p, 1, "never seen");
  w_trailers(p, 1, "0", NULL);
  rawpeer_shutdown(p);
  w_run();
  ASSERT_LOG(t, "H");
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
  w_run();
  ASSERT_CODE(t, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(w_closed, 1);
}

/* The connection is gone, but an answer that lies here untaken keeps its object: new calls must not
 * be put on it, nor wait for it. */
static void an_answer_that_is_not_taken_does_not_hold_up_the_next_connection(void) {
  rawpeer *p = w_connected();
  tcall *t = start_with_credit(0);
  w_run();
  w_headers(p, 1);
  w_message(p, 1, "x");
  w_trailers(p, 1, "0", NULL);
  rawpeer_shutdown(p);
  w_run();
  tcall *u = w_unary();
  rawpeer *q = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(q);
  w_settings(q, -1);
  w_run();
  w_answer(q, 1, "reply");
  w_run();
  ASSERT_CODE(u, GMUX_OK);
  CU_ASSERT_EQUAL(gmux_call_grant(t->call, 1), 0);
  w_run();
  ASSERT_LOG(t, "H M1 E");
  ASSERT_CODE(t, GMUX_OK);
}

/* Its end waits for the application to take the messages; what is written meanwhile would wait for
 * nobody. */
static void nothing_is_written_behind_an_answer_that_is_not_taken(void) {
  w_options.write_queue_bytes = 1024;
  w_open();
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.initial_credit = 1;
  tcall *t = w_start(GMUX_BIDI_STREAMING, &o);
  rawpeer *p = w_greet(-1);
  CU_ASSERT_EQUAL(write_block(t, 20000), GMUX_WRITE_FULL);
  for (int i = 0; i < 3; i++) {
    w_run();
    CU_ASSERT_EQUAL(write_block(t, 20000), GMUX_WRITE_FULL);
  }
  w_run(); /* the stream's window is used up */
  CU_ASSERT_EQUAL(write_block(t, 1), GMUX_ERR_AGAIN);
  w_headers(p, 1);
  w_message(p, 1, "x");
  w_message(p, 1, "y");
  w_trailers(p, 1, "0", NULL);
  w_run();
  CU_ASSERT_EQUAL(write_block(t, 1), GMUX_ERR_STATE);
  ASSERT_HAS(gmux_last_error(), "the call is over");
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 1);
  CU_ASSERT_EQUAL(gmux_call_half_close(t->call), 0);
  CU_ASSERT_EQUAL(gmux_call_grant(t->call, 1), 0);
  w_run();
  ASSERT_LOG(t, "W W W H M1 M1 E");
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 1);
}

static const test_case cases[] = {
    TEST(a_full_queue_says_so_refuses_more_and_tells_when_there_is_room),
    TEST(who_was_never_told_full_is_never_told_writable),
    TEST(a_call_that_waits_for_a_connection_queues_as_much_and_no_more),
    TEST(the_one_message_of_a_call_that_waits_needs_no_stream),
    TEST(a_half_close_before_there_is_a_stream_ends_it_when_there_is),
    TEST(a_call_that_never_had_a_stream_ends_like_any_other),
    TEST(credit_without_end_stays_so_also_before_there_is_a_stream),
    TEST(a_million_messages_of_a_byte_cost_no_more_than_the_bounds),
    TEST(owned_messages_are_taken_and_released_when_they_are_on_their_way),
    TEST(owned_messages_are_kept_until_the_reply_begins),
    TEST(messages_that_never_left_are_released_with_the_call),
    TEST(calls_written_in_one_turn_leave_with_one_write),
    TEST(messages_wait_for_credit),
    TEST(without_credit_headers_still_come),
    TEST(credit_may_be_granted_before_the_call_has_a_connection),
    TEST(credit_granted_from_on_message_keeps_it_flowing),
    TEST(what_is_not_taken_holds_back_its_stream_and_not_the_connection),
    TEST(a_large_message_that_was_told_makes_room_for_who_waits),
    TEST(cancelling_gives_up_what_was_not_taken),
    TEST(a_deadline_ends_a_call_whose_answer_is_not_taken),
    TEST(closing_the_channel_ends_a_call_whose_answer_is_not_taken),
    TEST(an_answer_that_is_not_taken_does_not_hold_up_the_next_connection),
    TEST(nothing_is_written_behind_an_answer_that_is_not_taken),
    TESTS_END,
};

const test_suite client_flow_suite = {"flow", cases, w_setup, w_teardown};
