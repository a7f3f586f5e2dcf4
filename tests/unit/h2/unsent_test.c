/* Requests that wait for a socket that takes nothing, when it turns out that they cannot leave, or
 * not soon: they are better off elsewhere (promises 1 and 11). */
#include "tests/unit/h2/pair.h"
#include <gmux/error.h>
#include <string.h>

enum { CANCEL = 8 };
static const uint8_t big[60000];

/* A stream that is stuck amid its message, and what comes after it waits. */
static rawpeer *blocked_client(void) {
  sim_net(pair_sim)->buffer_bytes = 4096;
  rawpeer *p = pair_ready_client();
  party *writer = party_start();
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_SERVER);
  CU_ASSERT_EQUAL(party_write(writer, big, sizeof big), 0);
  sim_run(pair_sim);
  CU_ASSERT_TRUE_FATAL(gmux__conn_is_blocked(client.conn));
  return p;
}

static void unblock(void) {
  sim_link_stall(sim_link_first(pair_sim), 0);
  sim_run(pair_sim);
}

static void set_limit(rawpeer *p, uint32_t limit) {
  static const uint16_t ids[] = {3};
  rawpeer_settings(p, 1, ids, &limit);
  sim_run(pair_sim);
}

static void a_request_that_goaway_finds_unsent_ends_at_once(void) {
  rawpeer *p = blocked_client();
  party *unsent = party_start();
  sim_run(pair_sim);
  rawpeer_goaway(p, INT32_MAX, 0, "max_age");
  sim_run(pair_sim);
  ASSERT_LOG(client.parties[0], "D");
  ASSERT_LOG(unsent, "X");
  CU_ASSERT_EQUAL(unsent->how, GMUX__ENDING_LOST);
  CU_ASSERT_EQUAL(unsent->evidence, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_PTR_NOT_NULL(strstr(unsent->why, "max_age"));
  unblock();
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 1);
}

static void a_lower_limit_gives_back_the_newest_that_have_not_left(void) {
  rawpeer *p = blocked_client();
  party *waits = party_start(), *unsent[2] = {party_start(), party_start()};
  set_limit(p, 2);
  ASSERT_LOG(waits, "");
  for (int i = 0; i < 2; i++) {
    ASSERT_LOG(unsent[i], "X");
    CU_ASSERT_EQUAL(unsent[i]->evidence, GMUX_EVIDENCE_NEVER_LEFT);
    CU_ASSERT_TRUE(gmux__stream_can_rewind(&unsent[i]->stream));
  }
  unblock();
  set_limit(p, 100);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 2);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 0);
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), 2);
}

static void a_limit_of_zero_is_no_deadlock(void) {
  rawpeer *p = blocked_client();
  party *unsent = party_start();
  set_limit(p, 0);
  ASSERT_LOG(unsent, "X");
  unblock();
  raw_answer(p, 1);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(client.parties[0]->is_closed);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 0);
  set_limit(p, 2);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 2);
  party *next = party_start();
  sim_run(pair_sim);
  raw_answer(p, (uint32_t)next->stream.id);
  sim_run(pair_sim);
  ASSERT_LOG(next, "H X");
}

#define FIELD(n, v)                                                                                \
  {                                                                                                \
    .name = (const uint8_t *)(n), .value = (const uint8_t *)(v), .name_len = sizeof(n) - 1,        \
    .value_len = sizeof(v) - 1, .is_name_lasting = true, .is_value_lasting = true                  \
  }

static void large_request(party *p) {
  static uint8_t value[60000];
  memset(value, '~', sizeof value); /* longer in Huffman's code */
  const gmux__field fields[] = {
      FIELD(":method", "POST"),
      FIELD(":scheme", "http"),
      FIELD(":path", "/test.T/M"),
      FIELD(":authority", "localhost"),
      {.name = (const uint8_t *)"x-large",
       .value = value,
       .name_len = sizeof "x-large" - 1,
       .value_len = sizeof value,
       .is_name_lasting = true,
       .is_value_lasting = true},
  };
  CU_ASSERT_EQUAL_FATAL(gmux__stream_open(&p->stream, client.conn, fields, 5), 0);
}

/* The rest of the block follows its first frame whatever happens, and makes the request whole. */
static void a_request_has_left_with_the_first_frame_of_its_headers(void) {
  sim_net(pair_sim)->buffer_bytes = 4096;
  rawpeer *p = pair_ready_client();
  sim_link_stall(sim_link_first(pair_sim), SIM_TO_SERVER);
  party *large = party_new(&client);
  large_request(large);
  sim_run(pair_sim);
  CU_ASSERT_TRUE_FATAL(gmux__conn_is_blocked(client.conn));
  gmux__stream_reset(&large->stream, CANCEL);
  CU_ASSERT_EQUAL(large->stream.end.evidence, GMUX_EVIDENCE_POSSIBLE);
  unblock();
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, 1), 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, 1), 1);
}

static const test_case cases[] = {
    TEST(a_request_that_goaway_finds_unsent_ends_at_once),
    TEST(a_lower_limit_gives_back_the_newest_that_have_not_left),
    TEST(a_limit_of_zero_is_no_deadlock),
    TEST(a_request_has_left_with_the_first_frame_of_its_headers),
    TESTS_END,
};

extern const test_suite h2_unsent_suite;
const test_suite h2_unsent_suite = {"unsent", cases, pair_setup, pair_teardown};
