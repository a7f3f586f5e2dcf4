/*
 * blackhole_test.c: packets that vanish while nobody asks whether the server is alive: no suspicion
 * and no PING, so that only the kernel can tell. What PINGs find is in faults_silence.c.
 */
#include "tests/net/apart.h"
#include "tests/net/ledger.h"

/* A request that TCP cannot deliver. */
static void without_pings(kit_kind kind) {
  gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
  o.suspect_after_ms = GMUX_NEVER_MS;
  o.keepalive_ms = 0;
  o.keepalive_timeout_ms = kit_ms(300);
  o.connect_timeout_ms = kit_ms(60000);
  kit_server server;
  kit_client client;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(kind), kit_server_tls(kind)));
  kit_client_start(&client, server.target, &o);
  ledger_entry in_flight, late;
  ledger_hold(1);
  ledger_start(&in_flight, client.channel, NULL, 0);
  ledger_await_held(1);
  apart_drop_from(0);
  CU_ASSERT_EQUAL(ledger_enter(&late, client.channel, 0), GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(late.evidence, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(ledger_wait(&in_flight), GMUX_UNAVAILABLE);
  gmux_channel_stats stats = kit_stats(client.channel);
  CU_ASSERT_EQUAL(stats.pings_sent, 0);
  CU_ASSERT_EQUAL(stats.lost[GMUX_LOSS_DEAD], 1);
  CU_ASSERT_EQUAL(stats.connections, 0);
  apart_drop_nothing();
  kit_client_stop(&client);
  ledger_answer_held(); /* which nobody waits for any more */
  kit_server_stop(&server);
  ledger_check(&in_flight);
  ledger_check(&late);
}

static void without_pings_in_cleartext(void) {
  without_pings(KIT_TCP);
}

static void without_pings_over_tls(void) {
  without_pings(KIT_TLS);
}

static void what_the_kernel_has_given_up_is_dead(void) {
  apart_run(without_pings_in_cleartext);
}

static void what_the_kernel_has_given_up_is_dead_over_tls(void) {
  kit_server_tls(KIT_TLS); /* made here, so that they go with this process */
  kit_client_tls(KIT_TLS);
  apart_run(without_pings_over_tls);
}

static const test_case cases[] = {TEST(what_the_kernel_has_given_up_is_dead),
                                  TEST(what_the_kernel_has_given_up_is_dead_over_tls), TESTS_END};
const test_suite net_blackhole_suite = {"blackhole", cases, kit_setup, kit_teardown};
