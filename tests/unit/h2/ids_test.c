/* Promise 13, stream ids that run out; and 6, streams that leave before the peer's SETTINGS. */
#include "tests/unit/h2/pair.h"
#include <gmux/error.h>
#include <string.h>

/* 75 % of 2^31-1 is 1610612735.25: the first id beyond it. */
enum { WORN = 1610612737, LAST = 2147483647 };

/* ---- ids ---- */

static void at_three_quarters_of_its_ids_a_connection_is_worn_once(void) {
  client.first_id = WORN - 4;
  rawpeer *p = pair_ready_client();
  party_start(); /* the next is WORN - 2 */
  sim_run(pair_sim);
  ASSERT_LOG(&client, "R S");
  party_start();
  sim_run(pair_sim);
  ASSERT_LOG(&client, "R S W");
  party_start();
  sim_run(pair_sim);
  ASSERT_LOG(&client, "R S W");
  CU_ASSERT_EQUAL(gmux__conn_get_state(client.conn), GMUX__CONN_READY);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, WORN), 1);
}

static void a_worn_connection_may_be_closed_at_once(void) {
  client.first_id = WORN;
  client.closes_on = 'W';
  pair_ready_client();
  party *c = party_start();
  sim_run(pair_sim);
  CU_ASSERT_PTR_NULL(client.conn);
  CU_ASSERT_EQUAL(c->how, GMUX__ENDING_LOST);
  CU_ASSERT_EQUAL(c->evidence, GMUX_EVIDENCE_NEVER_LEFT);
}

static void streams_are_opened_until_the_ids_end_and_then_it_drains(void) {
  client.first_id = LAST - 2;
  rawpeer *p = pair_ready_client();
  party *c[2] = {party_start(), party_start()};
  party *late = party_new(&client);
  CU_ASSERT_EQUAL(party_open(late), GMUX_ERR_STATE);
  gmux__stream_half_close(&c[0]->stream);
  gmux__stream_half_close(&c[1]->stream);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_get_state(client.conn), GMUX__CONN_DRAINING);
  raw_answer(p, LAST - 2);
  raw_answer(p, LAST);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(c[1]->how, GMUX__ENDING_FINISHED);
  CU_ASSERT_PTR_NULL(client.conn);
  CU_ASSERT_PTR_NOT_NULL(strstr(client.why, "ids are used up"));
}

/* ---- eager streams ---- */

static rawpeer *eager(uint32_t streams) {
  pair_config(&client)->eager_streams = streams;
  return pair_client_to_raw();
}

static void eager_streams_leave_behind_the_preface(void) {
  rawpeer *p = eager(2);
  ASSERT_LOG(&client, "S");
  CU_ASSERT_EQUAL(gmux__conn_get_state(client.conn), GMUX__CONN_GREETING);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 2);
  CU_ASSERT_EQUAL(gmux__conn_slot_limit(client.conn), 0);
  party_start();
  party_start();
  CU_ASSERT_EQUAL(party_open(party_new(&client)), GMUX_ERR_STATE);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(rawpeer_has_preface(p));
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 2);
}

static void a_lower_limit_than_was_eagerly_used_locks_nothing_up(void) {
  rawpeer *p = eager(3);
  for (int i = 0; i < 3; i++)
    gmux__stream_half_close(&party_start()->stream);
  sim_run(pair_sim);
  uint16_t id = 3;
  uint32_t limit = 1;
  rawpeer_settings(p, 1, &id, &limit);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_get_state(client.conn), GMUX__CONN_READY);
  CU_ASSERT_EQUAL(gmux__conn_slot_limit(client.conn), 1);
  CU_ASSERT_EQUAL(gmux__conn_peer_limit(client.conn), 1);
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), 3);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 0);
  for (uint32_t stream = 1; stream <= 5; stream += 2) {
    CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 0);
    raw_answer(p, stream);
    sim_run(pair_sim);
  }
  CU_ASSERT_EQUAL(gmux__conn_used_slots(client.conn), 0);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 1);
}

static void the_peers_limit_takes_the_place_of_the_eager_one(void) {
  rawpeer *p = eager(1);
  party_start();
  rawpeer_settings(p, 0, NULL, NULL);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 99);
  CU_ASSERT_EQUAL(gmux__conn_peer_limit(client.conn), UINT32_MAX);
}

static void eager_streams_of_a_lost_connection_are_possibly_executed(void) {
  rawpeer *p = eager(2);
  party *left = party_start();
  sim_run(pair_sim);
  party *unsent = party_start();
  rawpeer_reset(p);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(left->how, GMUX__ENDING_LOST);
  CU_ASSERT_EQUAL(left->evidence, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_TRUE(unsent->is_closed);
}

static void nothing_is_eager_unless_asked_for(void) {
  rawpeer *p = eager(0);
  CU_ASSERT_EQUAL(gmux__conn_free_slots(client.conn), 0);
  CU_ASSERT_EQUAL(gmux__conn_peer_limit(client.conn), 0);
  ASSERT_LOG(&client, "");
  (void)p;
}

static const test_case cases[] = {
    TEST(at_three_quarters_of_its_ids_a_connection_is_worn_once),
    TEST(a_worn_connection_may_be_closed_at_once),
    TEST(streams_are_opened_until_the_ids_end_and_then_it_drains),
    TEST(eager_streams_leave_behind_the_preface),
    TEST(a_lower_limit_than_was_eagerly_used_locks_nothing_up),
    TEST(the_peers_limit_takes_the_place_of_the_eager_one),
    TEST(eager_streams_of_a_lost_connection_are_possibly_executed),
    TEST(nothing_is_eager_unless_asked_for),
    TESTS_END,
};

extern const test_suite h2_ids_suite;
const test_suite h2_ids_suite = {"ids", cases, pair_setup, pair_teardown};
