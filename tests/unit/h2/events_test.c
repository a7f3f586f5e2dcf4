/* events_test.c: a connection keeps its last events, for explaining afterwards (promise 14). */
#include "lib/watch/ring.h"
#include "tests/unit/h2/pair.h"
#include <stdio.h>
#include <string.h>

extern const test_suite h2_events_suite;

/* All that the ring holds, in words, without the changes of state. */
static const char *story(const gmux__ring *ring) {
  static char text[2048];
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < gmux__ring_count(ring); i++) {
    const gmux__event *event = gmux__ring_at(ring, i);
    char what[96];
    if (event->kind == GMUX__EVENT_STATE) continue;
    gmux__event_str(event, what, sizeof what);
    used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", what);
  }
  return text;
}

static void ms(uint64_t ms) {
  sim_run_for(pair_sim, ms * GMUX__NS_PER_MS);
}

static void pulse(side *of, uint64_t keepalive_ms, uint64_t suspect_ms) {
  gmux__pulse_config *p = &pair_config(of)->pulse;
  p->keepalive_ns = keepalive_ms * GMUX__NS_PER_MS;
  p->timeout_ns = 60 * GMUX__NS_PER_S;
  p->suspect_ns = suspect_ms * GMUX__NS_PER_MS;
}

static void what_a_client_lives_through_is_kept(void) {
  static const uint16_t id = 3; /* MAX_CONCURRENT_STREAMS */
  static const uint32_t limit = 7;
  pulse(&client, 600000, 1000);
  rawpeer *p = pair_ready_client();
  rawpeer_settings(p, 1, &id, &limit);
  party_start();
  ms(1500);
  const rawframe *ping = rawpeer_find(p, RAW_PING, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(ping);
  rawpeer_ping(p, RAW_ACK, ping->payload);
  raw_answer(p, 1);
  ms(0);
  party_start();
  sim_run(pair_sim);
  rawpeer_rst(p, 3, 8);
  sim_run(pair_sim);
  party *q = party_start();
  sim_run(pair_sim);
  gmux__stream_reset(&q->stream, 8);
  sim_run(pair_sim);
  rawpeer_goaway(p, 5, 11, "enough");
  sim_run(pair_sim);
  CU_ASSERT_PTR_NULL(client.conn);
  CU_ASSERT_STRING_EQUAL(story(&client.ring),
                         "SETTINGS received: 4294967295 streams, window 65535\n"
                         "SETTINGS received: 7 streams, window 65535\n"
                         "suspect: 1000000 us without a byte\n"
                         "PING sent\n"
                         "trusted again: 1500000 us without a byte\n"
                         "PING acknowledged after 500000 us\n"
                         "RST_STREAM sent: 1, code 0\n"
                         "RST_STREAM received: 3, code 8\n"
                         "RST_STREAM sent: 5, code 8\n"
                         "GOAWAY received: last stream 5, code 11\n"
                         "GOAWAY sent: last stream 0, code 0\n");
}

static void what_a_server_lives_through_is_kept(void) {
  rawpeer *p = pair_ready_server();
  raw_request(p, 1, RAW_END_STREAM);
  rawpeer_ping(p, 0, (const uint8_t *)"12345678");
  sim_run(pair_sim);
  party_respond(last_party(&server));
  party_finish(last_party(&server), "0");
  sim_run(pair_sim);
  gmux__conn_drain(server.conn, "max_age");
  sim_run(pair_sim);
  rawpeer_reset(p);
  sim_run(pair_sim);
  CU_ASSERT_PTR_NULL(server.conn);
  CU_ASSERT_STRING_EQUAL(story(&server.ring),
                         "SETTINGS received: 4294967295 streams, window 65535\n"
                         "PING received\n"
                         "PING sent\n"
                         "GOAWAY sent: last stream 2147483647, code 0\n"
                         "input/output error: input/output error\n");
}

static void the_end_of_input_is_kept(void) {
  rawpeer *p = pair_ready_client();
  party_start();
  sim_run(pair_sim);
  rawpeer_shutdown(p);
  sim_run(pair_sim);
  CU_ASSERT_PTR_NULL(client.conn);
  CU_ASSERT_PTR_NOT_NULL(strstr(story(&client.ring), "end of input\n"));
}

static const test_case cases[] = {
    TEST(what_a_client_lives_through_is_kept),
    TEST(what_a_server_lives_through_is_kept),
    TEST(the_end_of_input_is_kept),
    TESTS_END,
};

const test_suite h2_events_suite = {"events", cases, pair_setup, pair_teardown};
