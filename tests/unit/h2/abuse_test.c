/* abuse_test.c: servers that cost their client more than an answer should. The clients of a server
 * are in tests/unit/server/abuse_test.c. */
#include "tests/unit/h2/pair.h"

static const uint8_t opaque[RAW_PING_BYTES];
static rawpeer *peer;

static void begin(uint32_t chatter_burst) {
  pair_config(&client)->abuse =
      (gmux__abuse_config){.chatter_burst = chatter_burst, .chatter_rate_per_s = 10};
  peer = pair_ready_client();
  sim_run_for(pair_sim, 60 * GMUX__NS_PER_S); /* what the beginning took has come back */
}

static gmux__h2_figures *figures(void) {
  return gmux__h2_get_figures(client.h2);
}

static uint64_t count_of(gmux__abuse_kind kind) {
  return gmux__counter_get(&figures()->abuses[kind]);
}

/* Closed with ENHANCE_YOUR_CALM, and these words. */
static bool is_calmed(const char *words) {
  const rawframe *goaway = rawpeer_find(peer, RAW_GOAWAY, 0, 0);
  return !client.conn && goaway && rawframe_u32(goaway, 4) == 11 && strstr(client.why, words) &&
         client.loss == GMUX_LOSS_PROTOCOL;
}

static void ping(void) {
  rawpeer_ping(peer, 0, opaque);
}
static void settings(void) {
  rawpeer_settings(peer, 0, NULL, NULL);
}
static void window_update(void) {
  rawpeer_window_update(peer, 0, 1);
}
static void empty_data(void) {
  rawpeer_data(peer, 1, 0, NULL, 0, 0);
}
static void informational(void) {
  static const char *const head[] = {":status", "103", NULL};
  rawpeer_headers(peer, 3, RAW_END_HEADERS, head);
}

static void say_often(void (*say)(void), int count) {
  for (int i = 0; i < count; i++) {
    say();
    sim_run(pair_sim);
  }
}

static void check_one_kind(void (*say)(void)) {
  begin(200);
  party *answered = party_start(), *waiting = party_start();
  sim_run(pair_sim);
  raw_response(peer, 1);
  say_often(say, 200);
  CU_ASSERT_PTR_NOT_NULL(client.conn);
  say_often(say, 1);
  CU_ASSERT_TRUE(is_calmed("chatter_burst"));
  CU_ASSERT_EQUAL(count_of(GMUX__ABUSE_CHATTER), 1);
  CU_ASSERT_TRUE(answered->is_closed && answered->how == GMUX__ENDING_LOST);
  CU_ASSERT_TRUE(waiting->is_closed && waiting->evidence == GMUX_EVIDENCE_POSSIBLE);
}

static void a_server_that_pings_without_end_is_left(void) {
  check_one_kind(ping);
}
static void one_that_changes_its_settings_without_end_is_left(void) {
  check_one_kind(settings);
}
static void one_that_widens_its_window_without_end_is_left(void) {
  check_one_kind(window_update);
}
static void one_that_sends_empty_frames_without_end_is_left(void) {
  check_one_kind(empty_data);
}
static void one_that_announces_its_answer_without_end_is_left(void) {
  check_one_kind(informational);
}

/* A server that measures the path pings for what is sent to it (grpc's estimate of bandwidth). */
static void who_is_sent_much_may_ping_much(void) {
  static const uint8_t message[5000];
  begin(20);
  party *p = party_start();
  sim_run(pair_sim);
  rawpeer_window_update(peer, 0, 1 << 30);
  rawpeer_window_update(peer, 1, 1 << 30);
  for (int i = 0; i < 1000 && client.conn; i++) {
    CU_ASSERT_EQUAL(party_write(p, message, sizeof message), 0);
    sim_run(pair_sim);
    ping();
    rawpeer_window_update(peer, 0, 5000);
    rawpeer_window_update(peer, 1, 5000);
    sim_run(pair_sim);
  }
}

static void trailers_far_over_the_limit_end_the_connection(void) {
  static char value[9001];
  memset(value, 'v', sizeof value - 1);
  const char *fields[] = {"grpc-status", "0", "a", value, NULL};
  begin(0);
  party *p = party_start();
  sim_run(pair_sim);
  raw_response(peer, 1);
  /* 72 KB: the floor of what ends it is 64 KiB. */
  rawbuf block = {0};
  rawbuf_field(&block, fields[0], fields[1]);
  for (int i = 0; i < 8; i++)
    rawbuf_field(&block, fields[2], fields[3]);
  for (size_t at = 0; at < block.len; at += 16384) {
    size_t len = block.len - at < 16384 ? block.len - at : 16384;
    uint8_t flags = at + len == block.len ? RAW_END_HEADERS : 0;
    if (at == 0)
      rawpeer_frame(peer, RAW_HEADERS, RAW_END_STREAM, 1, block.data, len);
    else
      rawpeer_frame(peer, RAW_CONTINUATION, flags, 1, block.data + at, len);
  }
  sim_run(pair_sim);
  rawbuf_deinit(&block);
  CU_ASSERT_TRUE(is_calmed("metadata"));
  CU_ASSERT_EQUAL(count_of(GMUX__ABUSE_HEADERS), 1);
  CU_ASSERT_TRUE(p->is_closed);
}

static const test_case cases[] = {
    TEST(a_server_that_pings_without_end_is_left),
    TEST(one_that_changes_its_settings_without_end_is_left),
    TEST(one_that_widens_its_window_without_end_is_left),
    TEST(one_that_sends_empty_frames_without_end_is_left),
    TEST(one_that_announces_its_answer_without_end_is_left),
    TEST(who_is_sent_much_may_ping_much),
    TEST(trailers_far_over_the_limit_end_the_connection),
    TESTS_END,
};

const test_suite h2_abuse_suite = {
    .name = "abuse", .cases = cases, .setup = pair_setup, .teardown = pair_teardown};
