/* unruly_judge_test.c: what a client does wrong is seen by the unruly server, and nothing else is.
 */
#include "tests/sim/rawpeer.h"
#include "tests/sim/unruly_kit.h"
#include <stdio.h>
#include <string.h>

extern const test_suite unruly_judge_suite;

/* ---- a client that does what it must not ---- */

static rawpeer *wrong_client(void) {
  gmux__address at = sim_address("127.0.0.1", PORT);
  open_decent();
  w.is_breach_expected = true;
  rawpeer *p = rawpeer_connect(w.loop, &at);
  rawpeer_preface(p);
  rawpeer_settings(p, 0, NULL, NULL);
  run_ms(10);
  rawpeer_settings_ack(p);
  return p;
}

static void request(rawpeer *p, uint32_t stream, uint8_t flags) {
  rawpeer_headers(p, stream, flags | RAW_END_HEADERS,
                  (const char *[]){":method", "POST", ":path", kit_paths[GMUX_BIDI_STREAMING], "te",
                                   "trailers", "x-id", "64", NULL});
}

/* It is told; and nothing else is. */
static void breach(rawpeer *p, const char *words) {
  run_ms(10);
  CU_ASSERT_EQUAL(w.breaches, 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(w.last_breach, words));
  if (!strstr(w.last_breach, words)) printf("# \"%s\" is not \"%s\"\n", w.last_breach, words);
  rawpeer_free(p);
}

static void prepare(void) {
  w.calls[CALLS].kind = GMUX_BIDI_STREAMING;
}

static void stream_ids_that_fall_are_noticed(void) {
  rawpeer *p = wrong_client();
  prepare();
  request(p, 3, 0);
  request(p, 1, 0);
  breach(p, "HEADERS on stream 1 after 3");
}

static void streams_beyond_the_limit_are_noticed(void) {
  rawpeer *p = wrong_client();
  prepare();
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_LIMIT_ZERO, 1));
  run_ms(10);
  rawpeer_settings_ack(p);
  request(p, 1, 0);
  breach(p, "the limit is 0");
}

static void a_limit_that_was_not_acknowledged_is_not_held_against_it(void) {
  rawpeer *p = wrong_client();
  prepare();
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_LIMIT_ZERO, 1));
  request(p, 1, 0);
  run_ms(10);
  CU_ASSERT_EQUAL(w.breaches, 0);
  rawpeer_free(p);
}

static void a_stream_after_goaway_is_noticed(void) {
  rawpeer *p = wrong_client();
  prepare();
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_GOAWAY_TWO_STEPS, 1));
  run_ms(10);
  const rawframe *ping = rawpeer_find(p, RAW_PING, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(ping);
  request(p, 1, 0); /* it may have been on its way */
  rawpeer_ping(p, RAW_ACK, ping->payload);
  run_ms(10);
  CU_ASSERT_EQUAL(w.breaches, 0);
  request(p, 3, 0);
  breach(p, "after the client had heard GOAWAY");
}

static void data_beyond_a_window_are_noticed(void) {
  static uint8_t bytes[16384];
  rawpeer *p = wrong_client();
  prepare();
  w.calls[CALLS].kind = GMUX_BIDI_STREAMING;
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_STARVE, 1));
  for (int i = 0; i < 4; i++)
    rawpeer_data(p, 1, 0, bytes, i == 3 ? 16383 : 16384, 0); /* 65535, of no stream */
  run_ms(3);
  w.breaches = 0;
  rawpeer_data(p, 1, 0, bytes, 1, 0);
  run_ms(3);
  CU_ASSERT_TRUE(w.breaches >= 1);
  rawpeer_free(p);
}

static void a_foreign_message_is_noticed(void) {
  rawpeer *p = wrong_client();
  prepare();
  request(p, 1, 0);
  rawpeer_grpc_message(p, 1, 0, "x", 1);
  breach(p, "message 0 has 1 bytes");
}

static void a_wrong_ack_is_noticed(void) {
  rawpeer *p = wrong_client();
  rawpeer_ping(p, RAW_ACK, (const uint8_t[8]){0, 0, 0, 0, 0, 0, 0, 1});
  breach(p, "an ACK for PING 1");
}

static void too_frequent_pings_are_noticed_but_not_punished(void) {
  static const uint8_t payload[8] = {1};
  rawpeer *p = wrong_client();
  for (int i = 0; i < 3; i++)
    rawpeer_ping(p, 0, payload);
  run_ms(10);
  CU_ASSERT_EQUAL(w.punishable, 0); /* one is good, two are forgiven */
  rawpeer_ping(p, 0, payload);
  run_ms(10);
  CU_ASSERT_EQUAL(w.punishable, 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 4);
  CU_ASSERT_EQUAL(rawpeer_state(p), 0);
  rawpeer_free(p);
}

static const test_case cases[] = {
    TEST(stream_ids_that_fall_are_noticed),
    TEST(streams_beyond_the_limit_are_noticed),
    TEST(a_limit_that_was_not_acknowledged_is_not_held_against_it),
    TEST(a_stream_after_goaway_is_noticed),
    TEST(data_beyond_a_window_are_noticed),
    TEST(a_foreign_message_is_noticed),
    TEST(a_wrong_ack_is_noticed),
    TEST(too_frequent_pings_are_noticed_but_not_punished),
    TESTS_END,
};
const test_suite unruly_judge_suite = {"unruly_judge", cases, setup, teardown};
