/*
 * memory_test.c: max_memory_bytes: how many streams and connections clients may have under it, who
 * may send a large message, and that nobody holds up the others for ever.
 */
#include "lib/wire/status.h"
#include "tests/unit/server/kit.h"

enum {
  MIB = 1 << 20, /* two connections; beside the call of each 16 calls, of 28672 bytes */
  CALL = 28672,
  LARGE = 500000, /* more than there is room for in a MiB: one at a time */
  STALL_MS = 8000,
  LATE_MS = STALL_MS / 4,
  MAX_STREAMS = 3 /* SETTINGS_MAX_CONCURRENT_STREAMS */
};

static void serve(uint32_t ceiling) {
  kit.options.max_memory_bytes = ceiling;
  kit.options.keepalive_ms = 0;
  kit.options.request_stall_timeout_ms = STALL_MS;
  kit_serve();
}

/* ---- a client ---- */

typedef struct client {
  rawpeer *peer;
  size_t heeded; /* SETTINGS of the server that it has acknowledged */
} client;

static client connect_client(void) {
  return (client){kit_connect(), 1};
}

/* How many streams the server's SETTINGS let it open. */
static uint32_t told_streams(const client *c) {
  uint32_t streams = 0;
  for (size_t i = 0; i < rawpeer_count(c->peer, RAW_SETTINGS, 0); i++) {
    const rawframe *frame = rawpeer_find(c->peer, RAW_SETTINGS, 0, i);
    for (size_t at = 0; at + 6 <= frame->len; at += 6)
      if (frame->payload[at + 1] == MAX_STREAMS) streams = rawframe_u32(frame, at + 2);
  }
  return streams;
}

static size_t settings_count(const client *c) {
  size_t count = 0;
  for (size_t i = 0; i < rawpeer_count(c->peer, RAW_SETTINGS, 0); i++)
    count += !(rawpeer_find(c->peer, RAW_SETTINGS, 0, i)->flags & RAW_ACK);
  return count;
}

static void heed(client *c) {
  kit_run();
  while (c->heeded < settings_count(c)) {
    c->heeded++;
    rawpeer_settings_ack(c->peer);
    kit_run();
  }
}

/* Streams that stay open, numbered from `first`. */
static void open_streams(client *c, uint32_t first, uint32_t count) {
  kit.peer = c->peer;
  for (uint32_t i = 0; i < count; i++)
    kit_request(first + 2 * i, "/t.S/Bidi", false, NULL);
  heed(c);
}

static client connect_and_use_all(void) {
  client c = connect_client();
  open_streams(&c, 1, 1);
  open_streams(&c, 3, told_streams(&c) - 1);
  return c;
}

/* The first `said` bytes of a message of LARGE bytes. */
static void begin_large(const client *c, uint32_t stream, size_t said) {
  static const uint8_t body[8192];
  static const uint8_t prefix[] = {0, LARGE >> 24, (LARGE >> 16) & 0xff, (LARGE >> 8) & 0xff,
                                   LARGE & 0xff};
  rawpeer_data(c->peer, stream, 0, prefix, sizeof prefix, 0);
  rawpeer_data(c->peer, stream, 0, body, said, 0);
  kit_run();
}

/* As far as the window goes, over and over. */
static void say_rest(const client *c, uint32_t stream, size_t said, uint8_t flags) {
  static const uint8_t body[4000];
  for (size_t left = LARGE - said; left > 0;) {
    size_t len = left < sizeof body ? left : sizeof body;
    left -= len;
    rawpeer_data(c->peer, stream, left ? 0 : flags, body, len, 0);
    kit_run();
  }
}

static bool may_go_on(const client *c, uint32_t stream) {
  return rawpeer_count(c->peer, RAW_WINDOW_UPDATE, stream) > 0;
}

static bool is_refused(const client *c, uint32_t stream) {
  const rawframe *rst = rawpeer_find(c->peer, RAW_RST_STREAM, stream, 0);
  return rst && rawframe_u32(rst, 0) == 7; /* REFUSED_STREAM */
}

/* ---- streams ---- */

static void a_client_begins_with_one_stream_and_is_given_its_share_when_it_uses_it(void) {
  serve(MIB);
  client peer = connect_client();
  CU_ASSERT_EQUAL(told_streams(&peer), 1);
  kit_run_ms(60000);
  CU_ASSERT_EQUAL(told_streams(&peer), 1);
  open_streams(&peer, 1, 1);
  CU_ASSERT_EQUAL(told_streams(&peer), 1 + 16 / 2);
  CU_ASSERT_EQUAL(kit_stats().memory_bytes, 8 * CALL);
  CU_ASSERT_EQUAL(kit_stats().memory_waits, 0);
}

static void its_share_is_never_more_than_max_concurrent_streams(void) {
  kit.options.max_concurrent_streams = 3;
  serve(MIB);
  client peer = connect_and_use_all();
  CU_ASSERT_EQUAL(told_streams(&peer), 3);
  CU_ASSERT_EQUAL(kit_stats().calls_running, 3);
}

static void what_it_was_not_told_of_is_refused_before_anybody_looks_at_it(void) {
  serve(MIB);
  client eager = {kit_connect_silent(), 0};
  rawpeer_preface(eager.peer);
  rawpeer_settings(eager.peer, 0, NULL, NULL);
  open_streams(&eager, 1, 2); /* before it has heard anything */
  CU_ASSERT_FALSE(is_refused(&eager, 1));
  CU_ASSERT_TRUE(is_refused(&eager, 3));
  KIT_STREQ(kit.order, "c");
  CU_ASSERT_EQUAL(kit_stats().calls_refused, 1);
}

/* Of 32 calls the first client has 16, the second 10, and the third would have 8. */
static void who_has_more_than_its_share_is_told_when_another_wants_it(void) {
  serve(2 * MIB);
  client a = connect_and_use_all(), b = connect_and_use_all();
  CU_ASSERT_EQUAL(told_streams(&a), 17);
  CU_ASSERT_EQUAL(told_streams(&b), 11);
  client c = connect_and_use_all();
  CU_ASSERT_EQUAL(told_streams(&c), 7);
  CU_ASSERT_EQUAL(kit_stats().memory_waits, 1);
  CU_ASSERT_EQUAL(told_streams(&a), 9);
  CU_ASSERT_EQUAL(told_streams(&b), 9);
  CU_ASSERT_EQUAL(kit_stats().calls_refused, 0);
  heed(&a);
  for (uint32_t id = 1; id < 2 * 17; id += 2) /* what its streams had comes back with them */
    rawpeer_rst(a.peer, id, 8);
  kit_run();
  CU_ASSERT_EQUAL(told_streams(&c), 8); /* what the first of them had; it asks again for more */
  heed(&c);
  open_streams(&c, 15, 1);
  CU_ASSERT_EQUAL(told_streams(&c), 9);
}

static void a_client_that_goes_leaves_what_it_had(void) {
  serve(2 * MIB);
  client a = connect_and_use_all();
  connect_and_use_all();
  client c = connect_and_use_all();
  CU_ASSERT_EQUAL(told_streams(&c), 7);
  rawpeer_close(a.peer);
  kit_run();
  CU_ASSERT_EQUAL(told_streams(&c), 11); /* of two */
}

/* A client that opens all it may and says nothing more is no obstacle to the others. */
static void streams_that_are_silent_leave_others_theirs(void) {
  serve(MIB);
  connect_and_use_all();
  client other = connect_client();
  for (uint32_t id = 1; id < 40; id += 2) {
    kit.peer = other.peer;
    kit_request(id, "/t.S/Bidi", true, NULL);
    kit_run();
    CU_ASSERT_EQUAL(gmux_server_call_finish(kit.call, NULL, NULL), 0);
    heed(&other);
    KIT_STREQ(kit_trailer(id, "grpc-status"), "0");
    if (id == 1) CU_ASSERT_EQUAL(told_streams(&other), 1 + 16 / 3);
  }
  CU_ASSERT_EQUAL(kit_stats().calls_refused, 0);
}

/* One SETTINGS waits at a time, and not for ever. */
static void who_acknowledges_nothing_is_told_nothing_and_ended(void) {
  serve(MIB);
  client peer = connect_client();
  kit.peer = peer.peer;
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run();
  CU_ASSERT_EQUAL(told_streams(&peer), 9);
  size_t settings = settings_count(&peer);
  kit_run_ms(59000);
  CU_ASSERT_EQUAL(settings_count(&peer), settings);
  CU_ASSERT_FALSE(kit_is_gone(peer.peer));
  kit_run_ms(2000);
  CU_ASSERT_TRUE(kit_is_gone(peer.peer));
  CU_ASSERT_EQUAL(kit_stats().memory_bytes, 0);
}

/* ---- connections ---- */

static void one_connection_too_many_is_refused_and_the_log_names_the_option(void) {
  serve(MIB);
  kit_connect();
  kit_connect();
  CU_ASSERT_EQUAL(kit_stats().connections_refused, 0);
  CU_ASSERT_TRUE(kit_is_gone(kit_connect()));
  CU_ASSERT_EQUAL(kit_stats().connections_refused, 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(kit.log, "2 are open already (max_memory_bytes)"));
}

static void fewer_connections_than_there_is_memory_for_are_max_connections(void) {
  kit.options.max_connections = 1;
  serve(MIB);
  kit_connect();
  CU_ASSERT_TRUE(kit_is_gone(kit_connect()));
  CU_ASSERT_PTR_NOT_NULL(strstr(kit.log, "1 are open already (max_connections)"));
}

/* ---- large messages ---- */

static void large_messages_come_one_after_the_other(void) {
  serve(MIB);
  client peer = connect_client();
  open_streams(&peer, 1, 1);
  open_streams(&peer, 3, 1);
  begin_large(&peer, 1, 8000);
  begin_large(&peer, 3, 8000);
  CU_ASSERT_TRUE(may_go_on(&peer, 1));
  CU_ASSERT_FALSE(may_go_on(&peer, 3));
  CU_ASSERT_EQUAL(kit_stats().memory_waits, 1);
  CU_ASSERT_EQUAL(kit_stats().memory_bytes, 8 * CALL + LARGE);
  say_rest(&peer, 1, 8000, 0);
  KIT_STREQ(kit.order, "ccm");
  CU_ASSERT_TRUE(may_go_on(&peer, 3));
  say_rest(&peer, 3, 8000, 0);
  KIT_STREQ(kit.order, "ccmm");
  CU_ASSERT_EQUAL(kit_stats().memory_bytes, 8 * CALL);
}

static void a_client_with_many_does_not_stand_before_one_with_few(void) {
  serve(MIB);
  client many = connect_and_use_all(), few = connect_client();
  open_streams(&few, 1, 1);
  for (uint32_t id = 1; id < 9; id += 2)
    begin_large(&many, id, 8000);
  begin_large(&few, 1, 8000);
  CU_ASSERT_FALSE(may_go_on(&few, 1));
  say_rest(&many, 1, 8000, 0);
  CU_ASSERT_FALSE(may_go_on(&many, 3));
  CU_ASSERT_TRUE(may_go_on(&few, 1));
}

/* Else a unary call that is never half-closed would keep what nobody counts. */
static void a_request_that_waits_for_its_half_close_keeps_its_memory(void) {
  serve(MIB);
  client peer = connect_client();
  kit.peer = peer.peer;
  kit_request(1, "/t.S/Fn", false, NULL);
  kit_run();
  begin_large(&peer, 1, 8000);
  say_rest(&peer, 1, 8000, 0);
  KIT_STREQ(kit.order, "");
  CU_ASSERT_EQUAL(kit_stats().memory_bytes, 8 * CALL + LARGE);
  kit_half_close(1);
  kit_run();
  KIT_STREQ(kit.order, "u");
  CU_ASSERT_EQUAL(kit_stats().memory_bytes, 8 * CALL);
}

static void a_call_that_is_given_up_gives_back_what_its_message_had(void) {
  serve(MIB);
  client peer = connect_client();
  open_streams(&peer, 1, 1);
  open_streams(&peer, 3, 1);
  begin_large(&peer, 1, 8000);
  begin_large(&peer, 3, 8000);
  rawpeer_rst(peer.peer, 1, 8);
  kit_run();
  CU_ASSERT_TRUE(may_go_on(&peer, 3));
  rawpeer_close(peer.peer);
  kit_run();
  CU_ASSERT_EQUAL(kit_stats().memory_bytes, 0);
}

/* ---- who is slow ---- */

/* A byte now and then is progress (stalls_test.c), but not where others wait for its end. */
static void who_drips_while_others_wait_has_one_time_in_all(void) {
  serve(MIB);
  client slow = connect_client(), other = connect_client();
  open_streams(&slow, 1, 1);
  open_streams(&other, 1, 1);
  begin_large(&slow, 1, 8000);
  begin_large(&other, 1, 8000);
  for (int i = 0; i < 4; i++) {
    CU_ASSERT_FALSE(may_go_on(&other, 1));
    kit_run_ms(STALL_MS / 4 - 1);
    rawpeer_data(slow.peer, 1, 0, "x", 1, 0);
  }
  kit_run_ms(LATE_MS + 4);
  CU_ASSERT_EQUAL(kit_stats().calls_stalled, 1);
  CU_ASSERT_TRUE(may_go_on(&other, 1));
  say_rest(&other, 1, 8000, 0);
  KIT_STREQ(kit.order, "ccem");
}

static void who_drips_and_holds_up_nobody_may(void) {
  serve(MIB);
  client slow = connect_client();
  open_streams(&slow, 1, 1);
  begin_large(&slow, 1, 8000);
  for (int i = 0; i < 12; i++) {
    kit_run_ms(STALL_MS / 2);
    rawpeer_data(slow.peer, 1, 0, "x", 1, 0);
  }
  CU_ASSERT_EQUAL(kit_stats().calls_stalled, 0);
}

/* It was not told to go on; from when it is, it has its time. */
static void who_waits_for_memory_is_not_taken_for_one_that_stopped(void) {
  serve(MIB);
  client first = connect_client(), second = connect_client();
  open_streams(&first, 1, 1);
  open_streams(&second, 1, 1);
  begin_large(&first, 1, 8000);
  kit_run_ms(STALL_MS / 2);
  begin_large(&second, 1, 8000);
  kit_run_ms(STALL_MS / 2 + LATE_MS);
  CU_ASSERT_EQUAL(kit_stats().calls_stalled, 1); /* the first */
  CU_ASSERT_TRUE(may_go_on(&second, 1));
  kit_run_ms(STALL_MS / 2);
  say_rest(&second, 1, 8000, 0);
  KIT_STREQ(kit.order, "ccem");
}

static const test_case cases[] = {
    TEST(a_client_begins_with_one_stream_and_is_given_its_share_when_it_uses_it),
    TEST(its_share_is_never_more_than_max_concurrent_streams),
    TEST(what_it_was_not_told_of_is_refused_before_anybody_looks_at_it),
    TEST(who_has_more_than_its_share_is_told_when_another_wants_it),
    TEST(a_client_that_goes_leaves_what_it_had),
    TEST(streams_that_are_silent_leave_others_theirs),
    TEST(who_acknowledges_nothing_is_told_nothing_and_ended),
    TEST(one_connection_too_many_is_refused_and_the_log_names_the_option),
    TEST(fewer_connections_than_there_is_memory_for_are_max_connections),
    TEST(large_messages_come_one_after_the_other),
    TEST(a_client_with_many_does_not_stand_before_one_with_few),
    TEST(a_request_that_waits_for_its_half_close_keeps_its_memory),
    TEST(a_call_that_is_given_up_gives_back_what_its_message_had),
    TEST(who_drips_while_others_wait_has_one_time_in_all),
    TEST(who_drips_and_holds_up_nobody_may),
    TEST(who_waits_for_memory_is_not_taken_for_one_that_stopped),
    TESTS_END,
};

const test_suite server_memory_suite = {
    .name = "memory", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
