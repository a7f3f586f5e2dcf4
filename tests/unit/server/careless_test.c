/*
 * careless_test.c: applications that never read, never finish, never let go, or answer every
 * callback with all that they could call. They harm nobody but themselves.
 */
#include "lib/h2/exchange.h"
#include "lib/wire/status.h"
#include "tests/unit/server/kit.h"
#include <stdlib.h>

/* "/t.S/Fn" is the good method, on whatever stream: each test asks it in the end. */
static void check_good_call(uint32_t stream) {
  kit_unary(stream, "/t.S/Fn", "x");
  KIT_STREQ(kit_reply(stream, 0), "reply");
  KIT_STREQ(kit_trailer(stream, "grpc-status"), "0");
}

static void reply_if_good(int event, gmux_server_call *call) {
  if (event == SAW_UNARY) kit_reply_text(call, "reply");
}

/* ---- never reads ---- */

static void act_never_read(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  reply_if_good(event, call);
  if (event == SAW_CALL) CU_ASSERT_EQUAL(gmux_server_call_set_manual_credit(call), 0);
}

static void streams_that_nobody_reads_hold_back_themselves_alone(void) {
  enum { CALLS = 20, FILL = 60000, GOOD = 50000 };
  kit.options.stream_window_bytes = 65535;
  kit.options.connection_window_bytes = 65535; /* each fills nearly all of it */
  kit.act = act_never_read;
  kit_serve();
  kit_connect();
  char *text = calloc(1, FILL + 1);
  memset(text, 'x', FILL);
  for (uint32_t stream = 1; stream < 2 * CALLS; stream += 2) {
    kit_request(stream, "/t.S/Bidi", false, NULL);
    kit_message(stream, "first", false);
    for (int i = 0; i < 6; i++) { /* frames of 16 KiB at most */
      text[FILL / 6] = '\0';
      kit_message(stream, text, false);
      text[FILL / 6] = 'x';
      kit_run();
    }
  }
  CU_ASSERT_EQUAL(kit.calls, CALLS);
  CU_ASSERT_EQUAL(strlen(kit.order), 2 * CALLS); /* call and first message of each: no more */
  /* Nobody broke a rule of flow control, so the connection's window was given back all along. */
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  text[FILL / 6] = '\0';
  for (uint32_t stream = 101; stream < 121; stream += 2) {
    kit_request(stream, "/t.S/Fn", false, NULL);
    kit_message(stream, text, true);
    kit_run();
    KIT_STREQ(kit_reply(stream, 0), "reply");
  }
  free(text);
}

/* ---- never finishes, never lets go ---- */

enum { HELD_MAX = 1000 };
static gmux_server_call *held[HELD_MAX];
static size_t held_count;

static void act_hold(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  reply_if_good(event, call);
  if (event == SAW_CALL) held[held_count++] = gmux_server_call_ref(call);
}

static void let_go(void) {
  while (held_count > 0)
    gmux_server_call_unref(held[--held_count]);
  kit_run();
}

static void calls_that_are_held_for_ever_take_no_place_once_they_are_over(void) {
  kit.options.max_concurrent_streams = 10;
  kit.options.max_held_calls = HELD_MAX; /* beyond that abuse_test.c looks */
  kit.options.client_reset_burst = HELD_MAX;
  kit.act = act_hold;
  kit_serve();
  kit_connect();
  uint32_t stream = 1;
  for (int round = 0; round < HELD_MAX / 10; round++) {
    uint32_t first = stream;
    for (int i = 0; i < 10; i++, stream += 2)
      kit_request(stream, "/t.S/Bidi", false, NULL);
    kit_run();
    for (uint32_t s = first; s < stream; s += 2)
      rawpeer_rst(kit.peer, s, GMUX__H2_CANCEL); /* its client has given up */
    kit_run();
  }
  CU_ASSERT_EQUAL(held_count, HELD_MAX); /* none was refused for want of a place */
  CU_ASSERT_EQUAL(kit.ends, HELD_MAX);
  CU_ASSERT_EQUAL(kit_stats().calls_running, 0);
  check_good_call(stream);
  /* Nor is the server's end held up. */
  gmux_server_drain(kit.server, 1000, kit_on_closed, &kit);
  kit_run_ms(1000);
  CU_ASSERT_EQUAL(kit.closed, 1);
  CU_ASSERT_TRUE(gmux_server_call_is_over(held[0]));
  let_go();
}

static void calls_that_are_never_answered_end_by_their_deadline_or_with_their_client(void) {
  kit.act = act_hold;
  kit.options.keepalive_ms = 0;
  kit_serve();
  kit_connect();
  static const char *const timeout[] = {"grpc-timeout", "5S", NULL};
  for (uint32_t stream = 1; stream < 100; stream += 2)
    kit_request(stream, "/t.S/Bidi", false, stream < 50 ? timeout : NULL);
  kit_run_ms(4999);
  CU_ASSERT_EQUAL(kit.ends, 0);
  check_good_call(101);
  kit_run_ms(1);
  CU_ASSERT_EQUAL(kit.ends, 25);
  CU_ASSERT_EQUAL(kit.code, GMUX_DEADLINE_EXCEEDED);
  KIT_STREQ(kit_trailer(1, "grpc-status"), "4");
  check_good_call(103);
  rawpeer_close(kit.peer);
  kit_run();
  CU_ASSERT_EQUAL(kit.ends, 50);
  CU_ASSERT_EQUAL(kit.code, GMUX_CANCELLED);
  let_go();
}

static void calls_that_run_for_ever_take_the_places_of_their_own_client_alone(void) {
  kit.options.max_concurrent_streams = 10;
  kit.act = act_hold;
  kit_serve();
  kit_connect();
  for (uint32_t stream = 1; stream < 20; stream += 2)
    kit_request(stream, "/t.S/Bidi", false, NULL);
  kit_run();
  CU_ASSERT_EQUAL(kit.calls, 10);
  kit.peer = kit_connect();
  for (uint32_t stream = 1; stream < 100; stream += 2)
    check_good_call(stream);
  let_go();
}

/* ---- calls back from everywhere ---- */

static gmux_server_call *other; /* of the meddler's calls: the one before */
static unsigned meddled;

static void meddle_with(gmux_server_call *call) {
  gmux_bytes text = kit_text("meddled");
  gmux_server_call_send_headers(call, NULL);
  gmux_server_call_write(call, &text);
  gmux_server_call_grant(call, 1);
  gmux_server_call_set_manual_credit(call);
  CU_ASSERT_TRUE(gmux_server_call_read_wait(call, &text) < 0);
  CU_ASSERT_TRUE(gmux_server_call_write_wait(call, &text) < 0);
  gmux_server_call_unref(gmux_server_call_ref(call));
  gmux_server_call_timeout_ms(call);
}

static void meddle_with_the_server(void) {
  static gmux_server_handlers none;
  gmux_server_stats stats = {.size = sizeof stats};
  CU_ASSERT_EQUAL(gmux_server_get_stats(kit.server, &stats), 0);
  CU_ASSERT_EQUAL(gmux_server_add_method(kit.server, "/a/B", GMUX_UNARY, &none, NULL),
                  GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_listen_cleartext(kit.server, "ipv4:127.0.0.1:50051", NULL),
                  GMUX_ERR_EXISTS);
  CU_ASSERT_EQUAL(gmux_server_listen_cleartext(kit.server, "ipv4:127.0.0.1:0", NULL), 0);
  CU_ASSERT_EQUAL(gmux_server_drain_wait(kit.server, 0), GMUX_ERR_DEADLOCK);
}

static void act_meddle(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  reply_if_good(event, call);
  if (event == SAW_UNARY) return;
  meddled++;
  if (meddled % 50 == 1) meddle_with_the_server();
  meddle_with(call);
  if (other && other != call) {
    meddle_with(other);
    gmux_server_call_fail(other, GMUX_ABORTED, "by another");
  }
  if (event == SAW_MESSAGE) gmux_server_call_finish(call, NULL, NULL);
  if (event == SAW_CALL) {
    gmux_server_call_unref(other);
    other = gmux_server_call_ref(call);
  }
}

static void who_calls_back_from_every_callback_harms_no_other_call(void) {
  enum { ROUNDS = 50 };
  meddled = 0;
  kit.act = act_meddle;
  kit_serve();
  kit_connect();
  for (uint32_t i = 0; i < ROUNDS; i++) {
    uint32_t stream = 1 + 8 * i;
    kit_request(stream, "/t.S/Bidi", false, NULL);
    kit_message(stream, "one", false);
    kit_request(stream + 2, "/t.S/Fn", false, NULL);
    kit_request(stream + 4, "/t.S/Bidi", false, NULL);
    kit_message(stream + 2, "x", true);
    kit_message(stream + 4, "two", true);
    kit_run();
    KIT_STREQ(kit_reply(stream + 2, 0), "reply");
    KIT_STREQ(kit_trailer(stream + 2, "grpc-status"), "0");
    check_good_call(stream + 6);
  }
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  gmux_server_call_unref(other);
  other = NULL;
  kit_run();
  /* Each of its own calls has come to one end. */
  CU_ASSERT_EQUAL(kit.calls, 2 * ROUNDS);
  CU_ASSERT_EQUAL(kit.ends, kit.calls);
  gmux_server_stats stats = kit_stats();
  CU_ASSERT_EQUAL(stats.calls_running, 0);
  CU_ASSERT_EQUAL(stats.calls_started, 4 * ROUNDS);
}

/* ---- writes without listening ---- */

static size_t accepted; /* messages that a write took */

static void act_flood(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  reply_if_good(event, call);
  if (event != SAW_CALL && event != SAW_WRITABLE) return;
  static char kibibyte[1024];
  for (int i = 0; i < 1000; i++) { /* whatever it is told */
    gmux_bytes bytes = gmux_bytes_borrow(kibibyte, sizeof kibibyte);
    int rv = gmux_server_call_write(call, &bytes);
    CU_ASSERT_TRUE(rv == 0 || rv == GMUX_WRITE_FULL || rv == GMUX_ERR_AGAIN);
    if (rv >= 0) accepted++;
  }
}

/* Promise 19: what is queued for a client that does not read is bounded by connection, too. */
static void who_writes_whatever_it_is_told_is_held_to_the_bound_of_the_connection(void) {
  enum { CALLS = 50, BOUND = 65536, WINDOW = 65535 };
  kit.options.write_queue_bytes = BOUND;
  kit.options.connection_queue_bytes = BOUND;
  kit.act = act_flood;
  accepted = 0;
  kit_serve();
  kit_connect(); /* gives no window beyond the first */
  for (uint32_t i = 0; i < CALLS; i++) {
    kit_request(1 + 2 * i, "/t.S/Bidi", false, NULL);
    kit_run();
  }
  CU_ASSERT_EQUAL(kit.calls, CALLS);
  /* What has left, what one connection may queue, and beside it one message each. */
  CU_ASSERT_TRUE(accepted <= WINDOW / 1024 + BOUND / 1024 + CALLS + 2);
  CU_ASSERT_TRUE(accepted >= WINDOW / 1024 + BOUND / 1024);
  /* What has left makes room, and the one who can write is told. */
  size_t before = accepted;
  for (uint32_t i = 0; i < CALLS; i++)
    rawpeer_window_update(kit.peer, 1 + 2 * i, 1 << 20);
  rawpeer_window_update(kit.peer, 0, 1 << 20);
  kit_run();
  /* Five bytes before each message; the queue may have become shorter. */
  CU_ASSERT_TRUE(accepted - before >= (1 << 20) / 1029 - BOUND / 1024);
  kit.peer = kit_connect();
  check_good_call(1);
}

/* The bound of all together: the same with a call on each of many connections. */
static void who_writes_to_many_clients_is_held_to_the_bound_of_the_server(void) {
  enum { CLIENTS = 50, BOUND = 65536, WINDOW = 65535 };
  kit.options.write_queue_bytes = BOUND;
  kit.options.connection_queue_bytes = BOUND;
  kit.options.server_queue_bytes = BOUND;
  kit.act = act_flood;
  accepted = 0;
  kit_serve();
  for (uint32_t i = 0; i < CLIENTS; i++) {
    kit.peer = kit_connect();
    kit_request(1, "/t.S/Bidi", false, NULL);
    kit_run();
  }
  CU_ASSERT_EQUAL(kit.calls, CLIENTS);
  CU_ASSERT_TRUE(accepted >= BOUND / 1024);
  CU_ASSERT_TRUE(accepted <= CLIENTS * (WINDOW / 1024) + BOUND / 1024 + CLIENTS + 2);
  kit.peer = kit_connect();
  check_good_call(1);
}

static void act_flood_with_crumbs(int event, gmux_server_call *call, gmux_bytes *message) {
  enum { TRIES = 10000 };
  (void)message;
  reply_if_good(event, call);
  if (event != SAW_CALL) return;
  for (int i = 0; i < TRIES; i++) {
    gmux_bytes bytes = gmux_bytes_borrow("x", 1);
    accepted += gmux_server_call_write(call, &bytes) >= 0;
  }
}

/* A message that waits costs more than its byte. */
static void a_million_messages_of_a_byte_cost_no_more_than_the_bounds(void) {
  enum { CALLS = 100, BOUND = 4 << 20, KEPT_FREE = 1 << 20, A_CALL = 8 << 10 };
  static const uint16_t ids[] = {4}; /* SETTINGS_INITIAL_WINDOW_SIZE: nothing may leave */
  static const uint32_t none[] = {0};
  kit.options.connection_queue_bytes = BOUND;
  kit.act = act_flood_with_crumbs;
  accepted = 0;
  kit_serve();
  kit_connect();
  rawpeer_settings(kit.peer, 1, ids, none);
  kit_run();
  size_t before = test_alloc_bytes();
  (void)test_alloc_peak();
  for (uint32_t i = 0; i < CALLS; i++)
    kit_request(1 + 2 * i, "/t.S/Bidi", false, NULL);
  kit_run();
  CU_ASSERT_EQUAL(kit.calls, CALLS);
  CU_ASSERT_TRUE(accepted > BOUND / gmux__exchange_cost(1));
  CU_ASSERT_TRUE(accepted < BOUND / gmux__exchange_cost(1) + 2 * CALLS);
  CU_ASSERT_TRUE(test_alloc_peak() <= before + BOUND + CALLS * A_CALL + KEPT_FREE);
  kit.peer = kit_connect();
  check_good_call(1);
}

static const test_case cases[] = {
    TEST(streams_that_nobody_reads_hold_back_themselves_alone),
    TEST(calls_that_are_held_for_ever_take_no_place_once_they_are_over),
    TEST(calls_that_are_never_answered_end_by_their_deadline_or_with_their_client),
    TEST(calls_that_run_for_ever_take_the_places_of_their_own_client_alone),
    TEST(who_calls_back_from_every_callback_harms_no_other_call),
    TEST(who_writes_whatever_it_is_told_is_held_to_the_bound_of_the_connection),
    TEST(who_writes_to_many_clients_is_held_to_the_bound_of_the_server),
    TEST(a_million_messages_of_a_byte_cost_no_more_than_the_bounds),
    TESTS_END,
};

const test_suite server_careless_suite = {
    .name = "careless", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
