/*
 * blackhole_test.c: packets that vanish without a word, so that only silence tells. Each case lives
 * in a network of its own, and drops there what it wants.
 *
 * Moments are not compared: that something was soon enough shows by its having been before
 * something else.
 */
#include "tests/net/apart.h"
#include "tests/net/ledger.h"
#include <string.h>
#include <time.h>

enum {
  CALLS = 20,
  PATIENCE_MS = 100,
  MANY = 200 /* more of the impatient calls than it can take until one gets through */
};

static struct {
  kit_server server;
  kit_client client;
  ledger_entry impatient[MANY], late[CALLS], in_flight[CALLS];
  unsigned impatient_count;
} t;

static gmux_channel_options options(kit_kind kind) {
  gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
  o.suspect_after_ms = kit_ms(200);
  o.keepalive_timeout_ms = kit_ms(60000);
  o.connect_timeout_ms = kit_ms(200);
  return o;
}

static void start(kit_kind kind, const gmux_channel_options *o) {
  memset(&t, 0, sizeof t);
  CU_ASSERT_FATAL(kit_server_start(&t.server, NULL, kit_address(kind), kit_server_tls(kind)));
  kit_client_start(&t.client, t.server.target, o);
}

/* Packets flow again by now. */
static void stop(void) {
  kit_client_stop(&t.client);
  ledger_answer_held(); /* which nobody waits for any more */
  kit_server_stop(&t.server);
  for (unsigned i = 0; i < t.impatient_count; i++)
    ledger_check(&t.impatient[i]);
}

/* Executed and not answered; every second one idempotent. */
static void put_in_flight(unsigned count) {
  ledger_hold(count);
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  for (unsigned i = 0; i < count; i++) {
    o.idempotent = i % 2;
    ledger_start(&t.in_flight[i], t.client.channel, &o, 0);
  }
  ledger_await_held(count);
}

static ledger_entry *call_impatiently(void) {
  CU_ASSERT_FATAL(t.impatient_count < MANY);
  ledger_entry *entry = &t.impatient[t.impatient_count++];
  ledger_enter(entry, t.client.channel, kit_ms(PATIENCE_MS));
  return entry;
}

static void start_waiting(void) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.wait_for_ready = true;
  for (unsigned i = 0; i < CALLS; i++)
    ledger_start(&t.late[i], t.client.channel, &o, 0);
}

static void check_waiting_succeed(void) {
  for (unsigned i = 0; i < CALLS; i++) {
    CU_ASSERT_EQUAL(ledger_wait(&t.late[i]), GMUX_OK);
    CU_ASSERT_EQUAL(ledger_executed(&t.late[i]), 1);
  }
}

/* ---- one connection ---- */

/* Those that are idempotent were executed a second time, elsewhere. */
static void check_lost_with_its_connection(ledger_entry *entry) {
  gmux_code code = ledger_wait(entry);
  CU_ASSERT_EQUAL(code, entry->is_idempotent ? GMUX_OK : GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(entry->evidence,
                  entry->is_idempotent ? GMUX_EVIDENCE_ANSWERED : GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(ledger_executed(entry), entry->is_idempotent ? 2 : 1);
}

/* Those that were put on the dead connection end by their deadline; the first that is not shows
 * that it is suspect, and another is there. */
static void check_new_calls_go_elsewhere(void) {
  while (call_impatiently()->code == GMUX_DEADLINE_EXCEEDED) {
  }
  for (unsigned i = 0; i < CALLS; i++)
    CU_ASSERT_EQUAL(call_impatiently()->code, GMUX_OK);
  gmux_channel_stats stats = kit_stats(t.client.channel);
  CU_ASSERT_EQUAL(stats.connections_made, 2);
  CU_ASSERT_EQUAL(stats.connections_suspect, 1);
  CU_ASSERT_EQUAL(stats.suspicions, 1);
  CU_ASSERT_EQUAL(stats.lost[GMUX_LOSS_DEAD], 0); /* all that was before the timeout */
}

static void check_the_dead_one_goes(void) {
  for (unsigned i = 0; i < CALLS; i++)
    CU_ASSERT_FALSE(atomic_load(&t.in_flight[i].is_over));
  for (unsigned i = 0; i < CALLS; i++)
    check_lost_with_its_connection(&t.in_flight[i]);
  gmux_channel_stats stats = kit_stats(t.client.channel);
  CU_ASSERT_EQUAL(stats.lost[GMUX_LOSS_DEAD], 1);
  CU_ASSERT_EQUAL(stats.connections_made, 2);
  CU_ASSERT_EQUAL(stats.connections_ready, 1);
  CU_ASSERT_EQUAL(stats.connections_suspect, 0);
  CU_ASSERT_EQUAL(stats.retries[GMUX_EVIDENCE_POSSIBLE], CALLS / 2);
}

static void start_with_calls_in_flight(void) {
  gmux_channel_options o = options(KIT_TCP);
  o.keepalive_timeout_ms = kit_ms(1500);
  start(KIT_TCP, &o);
  put_in_flight(CALLS);
}

static void in_both_directions(void) {
  start_with_calls_in_flight();
  unsigned port = ledger_client_port();
  apart_drop_from(port);
  apart_drop_to(port);
  check_new_calls_go_elsewhere();
  check_the_dead_one_goes();
  apart_drop_nothing();
  stop();
}

static void a_black_hole_costs_only_the_calls_that_are_in_it(void) {
  apart_run(in_both_directions);
}

static void from_the_server(void) {
  start_with_calls_in_flight();
  apart_drop_to(ledger_client_port());
  check_new_calls_go_elsewhere();
  check_the_dead_one_goes();
  apart_drop_nothing();
  stop();
}

static void a_black_hole_for_replies_alone_costs_no_more(void) {
  apart_run(from_the_server);
}

/* ---- an idle connection ---- */

static void sleep_ms(unsigned ms) {
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
  while (nanosleep(&time, &time) != 0) {
  }
}

static void while_idle(void) {
  gmux_channel_options o = options(KIT_TCP);
  o.validate_after_ms = 100;
  o.connect_timeout_ms = kit_ms(20000);
  start(KIT_TCP, &o);
  CU_ASSERT_EQUAL(call_impatiently()->code, GMUX_OK);
  unsigned port = ledger_client_port();
  apart_drop_from(port);
  apart_drop_to(port);
  sleep_ms(o.validate_after_ms + 1); /* time itself is what is waited for */
  ledger_entry entry;
  CU_ASSERT_EQUAL(ledger_enter(&entry, t.client.channel, o.keepalive_timeout_ms / 2), GMUX_OK);
  CU_ASSERT_EQUAL(ledger_executed(&entry), 1);
  gmux_channel_stats stats = kit_stats(t.client.channel);
  CU_ASSERT_EQUAL(stats.validations, 1);
  CU_ASSERT_EQUAL(stats.suspicions, 1);
  CU_ASSERT_EQUAL(stats.dials_started, 2);
  CU_ASSERT_EQUAL(stats.connections_made, 2);
  CU_ASSERT_EQUAL(stats.attempts, 2); /* one a call: none went into the hole */
  apart_drop_nothing();
  stop();
}

static void a_black_hole_on_an_idle_connection_is_found_before_a_call_is_committed(void) {
  apart_run(while_idle);
}

/* ---- everything ---- */

static void drop_all(void) {
  apart_drop_from(0);
}

/* The impatient calls have gone to the dead connection until one, which ends without having left,
 * shows that it is suspect. One without a deadline shows that an attempt has failed since. */
static void await_outage(void) {
  while (call_impatiently()->evidence != GMUX_EVIDENCE_NEVER_LEFT) {
  }
  ledger_entry entry;
  CU_ASSERT_EQUAL(ledger_enter(&entry, t.client.channel, 0), GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(entry.evidence, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_EQUAL(ledger_executed(&entry), 0);
}

/* The connection is trusted again: TCP itself has sent again what was dropped. */
static void outlive_an_outage(void (*begin)(void), void (*end)(void)) {
  gmux_channel_options o = options(KIT_TCP);
  start(KIT_TCP, &o);
  put_in_flight(1);
  begin();
  await_outage();
  start_waiting();
  CU_ASSERT_EQUAL(kit_stats(t.client.channel).connections_suspect, 1);
  end();
  check_waiting_succeed();
  ledger_answer_held();
  CU_ASSERT_EQUAL(ledger_wait(&t.in_flight[0]), GMUX_OK);
  CU_ASSERT_EQUAL(ledger_executed(&t.in_flight[0]), 1);
  gmux_channel_stats stats = kit_stats(t.client.channel);
  CU_ASSERT_EQUAL(stats.lost[GMUX_LOSS_DEAD], 0);
  CU_ASSERT_EQUAL(stats.connections_suspect, 0);
  stop();
}

static void with_packets_dropped(void) {
  outlive_an_outage(drop_all, apart_drop_nothing);
}

static void an_outage_shorter_than_the_timeout_loses_no_connection(void) {
  apart_run(with_packets_dropped);
}

static void with_the_link_down(void) {
  outlive_an_outage(apart_link_down, apart_link_up);
}

static void a_link_that_was_down_loses_no_connection(void) {
  apart_run(with_the_link_down);
}

static void without_end(void) {
  gmux_channel_options o = options(KIT_TCP);
  o.keepalive_timeout_ms = kit_ms(600);
  start(KIT_TCP, &o);
  put_in_flight(1);
  drop_all();
  await_outage();
  start_waiting();
  CU_ASSERT_EQUAL(ledger_wait(&t.in_flight[0]), GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(t.in_flight[0].evidence, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(kit_stats(t.client.channel).connections, 0);
  apart_drop_nothing();
  check_waiting_succeed();
  CU_ASSERT_EQUAL(kit_stats(t.client.channel).lost[GMUX_LOSS_DEAD], 1);
  stop();
  ledger_check(&t.in_flight[0]);
}

static void calls_wait_until_an_outage_is_over(void) {
  apart_run(without_end);
}

/* ---- nobody asks ---- */

/* Neither a suspicion nor a PING, but a request that TCP cannot deliver. */
static void without_pings(kit_kind kind) {
  gmux_channel_options o = options(kind);
  o.suspect_after_ms = GMUX_NEVER_MS;
  o.keepalive_ms = 0;
  o.keepalive_timeout_ms = kit_ms(300);
  start(kind, &o);
  put_in_flight(1);
  drop_all();
  ledger_entry entry;
  CU_ASSERT_EQUAL(ledger_enter(&entry, t.client.channel, 0), GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(entry.evidence, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(ledger_wait(&t.in_flight[0]), GMUX_UNAVAILABLE);
  gmux_channel_stats stats = kit_stats(t.client.channel);
  CU_ASSERT_EQUAL(stats.pings_sent, 0);
  CU_ASSERT_EQUAL(stats.lost[GMUX_LOSS_DEAD], 1);
  CU_ASSERT_EQUAL(stats.connections, 0);
  apart_drop_nothing();
  stop();
  ledger_check(&entry);
}

static void without_pings_in_cleartext(void) {
  without_pings(KIT_TCP);
}

static void without_pings_over_tls(void) {
  without_pings(KIT_TLS);
}

static void what_the_kernel_has_given_up_is_dead(void) {
  apart_run(without_pings_in_cleartext);
  kit_server_tls(KIT_TLS); /* made here, so that they go with this process */
  kit_client_tls(KIT_TLS);
  apart_run(without_pings_over_tls);
}

static const test_case cases[] = {
    TEST(a_black_hole_costs_only_the_calls_that_are_in_it),
    TEST(a_black_hole_for_replies_alone_costs_no_more),
    TEST(a_black_hole_on_an_idle_connection_is_found_before_a_call_is_committed),
    TEST(an_outage_shorter_than_the_timeout_loses_no_connection),
    TEST(a_link_that_was_down_loses_no_connection),
    TEST(calls_wait_until_an_outage_is_over),
    TEST(what_the_kernel_has_given_up_is_dead),
    TESTS_END};
const test_suite net_blackhole_suite = {"blackhole", cases, kit_setup, kit_teardown};
