/* promises_loss_test.c: promises 11 and 12: connections end in every way, and what becomes of
 * calls.
 */
#include "tests/sim/rawserver.h"
#include "tests/unit/harness.h"
#include <string.h>

extern const test_suite promises_loss_suite;

enum { HELD = 10, MIDDLE = 5, REFUSED_CALLS = 500 };

static struct {
  uint32_t stream;
  fleet_call *call;
} held[HELD];
static size_t held_count;
static unsigned tries[REFUSED_CALLS + 1]; /* by id */

static void setup(void) {
  fleet_setup();
  held_count = 0;
  memset(tries, 0, sizeof tries);
}

static void hold(rawconn *c, uint32_t stream, fleet_call *call) {
  (void)c;
  CU_ASSERT_FATAL(held_count < HELD);
  held[held_count].stream = stream;
  held[held_count++].call = call;
}

/* Ten calls that the server has and did nothing about. */
static fleet_channel *hold_ten(void) {
  rawserver_open(100, hold);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_start_many(ch, &(fleet_ask){0}, HELD);
  fleet_run_for(20);
  CU_ASSERT_EQUAL_FATAL(held_count, HELD);
  raw.on_request = rawserver_serve;
  return ch;
}

/* ---- GOAWAY ---- */

static void goaway_every_50_ms_under_1000_calls_loses_none_and_executes_none_twice(void) {
  gmux_server_options so;
  gmux_server_options_init(&so, sizeof so);
  so.max_concurrent_streams = 300;
  fleet_server_open(0, &so);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_load_start(ch, &(fleet_ask){.work_ms = 100, .spread_ms = 300}, 1000);
  unsigned rounds = fleet_many(200);
  for (unsigned i = 0; i < rounds; i++) {
    fleet_run_for(50);
    fleet_server_drain_connections(0);
  }
  gmux_channel_stats s = fleet_figures(ch);
  CU_ASSERT_TRUE(s.goaways[RAW_NO_ERROR] >= rounds / 4);
  CU_ASSERT_TRUE(ch->book.succeeded >= rounds * UINT64_C(50));
  fleet_finish();
  CU_ASSERT_EQUAL(ch->book.failed, 0);
}

/* One process ends in good order, and the next has its port: 20 times. */
static void deployments_under_load_lose_no_patient_call(void) {
  fleet_server_open(0, NULL);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_load_start(ch, &(fleet_ask){.work_ms = 10, .spread_ms = 500, .is_patient = true}, 200);
  for (int i = 0; i < 20; i++) {
    fleet_run_for(200);
    fleet_server_replace(0, NULL);
  }
  fleet_finish();
  CU_ASSERT_EQUAL(ch->book.failed, 0);
}

static void calls_on_a_draining_connection_may_go_on_for_drain_timeout_and_no_longer(void) {
  gmux_channel_options o = fleet_channel_options();
  o.drain_timeout_ms = 500;
  fleet_server_open(0, NULL);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_call *brief = fleet_start(ch, &(fleet_ask){.work_ms = 400});
  fleet_call *endless = fleet_start(ch, &(fleet_ask){.work_ms = FLEET_FOREVER});
  fleet_run_for(20);
  fleet_server_drain_connections(0);
  uint64_t told_ns = sim_now(fl.sim) + FLEET_MS;
  CU_ASSERT_TRUE(fleet_run_until_ended(1000));
  CU_ASSERT_EQUAL(brief->entry.code, GMUX_OK);
  CU_ASSERT_EQUAL(endless->entry.code, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(endless->entry.evidence, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(endless->entry.ended_ns, told_ns + 500 * FLEET_MS);
  fleet_finish();
}

static void goaway_in_the_middle_keeps_what_is_below_and_sends_the_rest_elsewhere(void) {
  fleet_channel *ch = hold_ten();
  rawserver_goaway(&raw.conns[0], held[MIDDLE - 1].stream, RAW_NO_ERROR, "");
  fleet_run_for(300);
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), HELD - MIDDLE);
  for (size_t i = 0; i < MIDDLE; i++)
    rawserver_serve(&raw.conns[0], held[i].stream, held[i].call);
  CU_ASSERT_TRUE(fleet_run_until_ended(100));
  gmux_channel_stats s = fleet_figures(ch);
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), HELD);
  CU_ASSERT_EQUAL(s.retries[GMUX_EVIDENCE_ABOVE_LAST], HELD - MIDDLE);
  CU_ASSERT_EQUAL(fleet_retries(&s), HELD - MIDDLE);
  CU_ASSERT_EQUAL(raw.count, 2);
  fleet_finish();
}

static void nginx_goaway_and_close_at_once_loses_nothing_that_was_answered_or_unseen(void) {
  fleet_channel *ch = hold_ten();
  for (size_t i = 0; i < MIDDLE; i++)
    rawserver_serve(&raw.conns[0], held[i].stream, held[i].call);
  rawserver_goaway(&raw.conns[0], held[MIDDLE - 1].stream, RAW_NO_ERROR, "");
  rawpeer_shutdown(raw.conns[0].peer);
  CU_ASSERT_TRUE(fleet_run_until_ended(1000));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), HELD);
  CU_ASSERT_EQUAL(fleet_figures(ch).retries[GMUX_EVIDENCE_ABOVE_LAST], HELD - MIDDLE);
  fleet_finish();
}

static void goaway_and_close_ends_what_it_had_seen_with_possibly_executed(void) {
  fleet_channel *ch = hold_ten();
  for (size_t i = 0; i < MIDDLE; i++)
    rawserver_execute(&raw.conns[0], held[i].call);
  rawserver_goaway(&raw.conns[0], held[MIDDLE - 1].stream, RAW_NO_ERROR, "");
  rawpeer_shutdown(raw.conns[0].peer);
  CU_ASSERT_TRUE(fleet_run_until_ended(1000));
  for (size_t i = 0; i < HELD; i++) {
    CU_ASSERT_EQUAL(held[i].call->entry.code, i < MIDDLE ? GMUX_UNAVAILABLE : GMUX_OK);
    CU_ASSERT_EQUAL(held[i].call->entry.evidence,
                    i < MIDDLE ? GMUX_EVIDENCE_POSSIBLE : GMUX_EVIDENCE_ANSWERED);
  }
  CU_ASSERT_EQUAL(fleet_figures(ch).retries[GMUX_EVIDENCE_POSSIBLE], 0);
  fleet_finish();
}

/* ---- REFUSED_STREAM ---- */

static void refuse_thrice(rawconn *c, uint32_t stream, fleet_call *call) {
  if (tries[call->entry.id]++ < 3)
    rawserver_reset_stream(c, stream, RAW_REFUSED_STREAM);
  else
    rawserver_serve(c, stream, call);
}

static void refuse(rawconn *c, uint32_t stream, fleet_call *call) {
  tries[call->entry.id]++;
  rawserver_reset_stream(c, stream, RAW_REFUSED_STREAM);
}

static void calls_refused_three_times_each_succeed_at_the_fourth(void) {
  rawserver_open(100, refuse_thrice);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_start_many(ch, &(fleet_ask){0}, REFUSED_CALLS);
  CU_ASSERT_TRUE(fleet_run_until_ended(5000));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), REFUSED_CALLS);
  CU_ASSERT_EQUAL(fleet_figures(ch).retries[GMUX_EVIDENCE_REFUSED], 3 * REFUSED_CALLS);
  fleet_finish();
}

static void a_server_that_refuses_for_ever_is_asked_four_times_and_not_in_a_hurry(void) {
  rawserver_open(100, refuse);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_start_many(ch, &(fleet_ask){0}, REFUSED_CALLS);
  CU_ASSERT_TRUE(fleet_run_until_ended(5000));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_UNAVAILABLE), REFUSED_CALLS);
  for (size_t i = 0; i < REFUSED_CALLS; i++) {
    const fleet_call *c = fleet_call_at(i);
    CU_ASSERT_EQUAL(c->entry.evidence, GMUX_EVIDENCE_REFUSED);
    CU_ASSERT_EQUAL(tries[c->entry.id], 4);
    CU_ASSERT_TRUE(c->entry.ended_ns - c->entry.started_ns >=
                   200 * FLEET_MS); /* 80 and 160 at least */
  }
  CU_ASSERT_EQUAL(fleet_figures(ch).attempts, 4 * REFUSED_CALLS);
  fleet_finish();
}

/* ---- the server is killed ---- */

static void law_of_kills(bool is_idempotent) {
  for (size_t i = 0; i < fl.call_count; i++) {
    const fleet_call *c = fleet_call_at(i);
    if (c->entry.is_idempotent != is_idempotent || c->entry.code == GMUX_OK) continue;
    fleet_promise(!is_idempotent, "idempotent call %u failed: %s, %s", c->entry.id,
                  gmux_code_str(c->entry.code), gmux_evidence_str(c->entry.evidence));
    fleet_promise(c->entry.code == GMUX_UNAVAILABLE && c->entry.evidence == GMUX_EVIDENCE_POSSIBLE,
                  "call %u failed: %s, %s", c->entry.id, gmux_code_str(c->entry.code),
                  gmux_evidence_str(c->entry.evidence));
  }
}

static void server_killed_20_times_fails_only_what_it_may_have_executed(void) {
  fleet_server_open(0, NULL);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_load_start(ch, &(fleet_ask){.work_ms = 1, .spread_ms = 100, .is_patient = true}, 100);
  fleet_load_start(
      ch, &(fleet_ask){.work_ms = 1, .spread_ms = 100, .is_patient = true, .is_idempotent = true},
      100);
  for (int i = 0; i < 20; i++) {
    fleet_run_for(100 + fleet_random(400));
    fleet_server_kill(0);
    fleet_run_for(1 + fleet_random(1500));
    fleet_server_open(0, NULL);
  }
  fleet_run_for(5000);
  fleet_loads_stop();
  CU_ASSERT_TRUE(fleet_run_until_ended(10000));
  law_of_kills(false);
  law_of_kills(true);
  CU_ASSERT_TRUE(ch->book.failed > 0 && ch->book.failed <= UINT64_C(20) * 100);
  gmux_channel_stats s = fleet_figures(ch);
  CU_ASSERT_TRUE(s.retries[GMUX_EVIDENCE_POSSIBLE] > 0);
  fleet_finish();
}

static void calls_that_do_not_wait_fail_at_once_while_the_server_is_known_to_be_down(void) {
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_start(ch, &(fleet_ask){0});
  CU_ASSERT_TRUE(fleet_run_until_ended(100));
  CU_ASSERT_EQUAL(fleet_call_at(0)->entry.code, GMUX_UNAVAILABLE);
  fleet_call *impatient = fleet_start(ch, &(fleet_ask){.timeout_ms = 60000});
  fleet_call *patient = fleet_start(ch, &(fleet_ask){.is_patient = true});
  sim_run(fl.sim);
  CU_ASSERT_EQUAL(impatient->entry.ends, 1);
  CU_ASSERT_EQUAL(impatient->entry.code, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(impatient->entry.evidence, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_EQUAL(patient->entry.ends, 0);
  fleet_server_open(0, NULL);
  CU_ASSERT_TRUE(fleet_run_until_ended(3000));
  CU_ASSERT_EQUAL(patient->entry.code, GMUX_OK);
  fleet_finish();
}

static const test_case cases[] = {
    TEST(goaway_every_50_ms_under_1000_calls_loses_none_and_executes_none_twice),
    TEST(deployments_under_load_lose_no_patient_call),
    TEST(calls_on_a_draining_connection_may_go_on_for_drain_timeout_and_no_longer),
    TEST(goaway_in_the_middle_keeps_what_is_below_and_sends_the_rest_elsewhere),
    TEST(nginx_goaway_and_close_at_once_loses_nothing_that_was_answered_or_unseen),
    TEST(goaway_and_close_ends_what_it_had_seen_with_possibly_executed),
    TEST(calls_refused_three_times_each_succeed_at_the_fourth),
    TEST(a_server_that_refuses_for_ever_is_asked_four_times_and_not_in_a_hurry),
    TEST(server_killed_20_times_fails_only_what_it_may_have_executed),
    TEST(calls_that_do_not_wait_fail_at_once_while_the_server_is_known_to_be_down),
    TESTS_END,
};

const test_suite promises_loss_suite = {"loss", cases, setup, fleet_teardown};
