/*
 * stall_test.c: a server that does nothing for a while, as one whose machine swaps, or is being
 * moved. Its kernel still accepts connections and takes bytes; nobody answers.
 */
#include "tests/net/ledger.h"
#include <string.h>

enum {
  CALLS = 20,
  PATIENCE_MS = 100,
  MANY = 200, /* more of the impatient calls than it can take until one gets nowhere */
  /* More of the large ones than the sockets' buffers hold. */
  LARGE = 500,
  LARGE_BYTES = KIT_WINDOW_BYTES - 100 /* which a stream's window still lets out as a whole */
};

static struct {
  kit_server server;
  pid_t pid;
  kit_client client;
  ledger_entry early[CALLS], impatient[MANY], late[CALLS], large[LARGE];
} t;

/* No other thread runs yet. */
static void start(kit_kind kind, const gmux_channel_options *o) {
  memset(&t, 0, sizeof t);
  t.pid = kit_server_fork(&t.server, kit_address(kind), kit_server_tls(kind));
  kit_client_start(&t.client, t.server.target, o);
  ledger_entry entry;
  CU_ASSERT_EQUAL(ledger_enter(&entry, t.client.channel, 0), GMUX_OK);
  kit_freeze(t.pid);
}

static void stop(void) {
  kit_client_stop(&t.client);
  kit_kill(t.pid);
}

static void start_calls(ledger_entry entries[], unsigned count, size_t padding) {
  for (unsigned i = 0; i < count; i++)
    ledger_start(&entries[i], t.client.channel, NULL, padding);
}

static void check_all_succeed(ledger_entry entries[]) {
  for (unsigned i = 0; i < CALLS; i++) {
    CU_ASSERT_EQUAL(ledger_wait(&entries[i]), GMUX_OK);
    CU_ASSERT_EQUAL(ledger_executed(&entries[i]), 1);
  }
}

/* Calls go to the silent connection until one, which ends without having left, shows that it is
 * suspect. How many there were. */
static unsigned await_suspicion(void) {
  for (unsigned i = 0; i < MANY; i++) {
    CU_ASSERT_EQUAL(ledger_enter(&t.impatient[i], t.client.channel, kit_ms(PATIENCE_MS)),
                    GMUX_DEADLINE_EXCEEDED);
    if (t.impatient[i].evidence == GMUX_EVIDENCE_NEVER_LEFT) return i + 1;
  }
  CU_FAIL_FATAL("the server was never suspected");
  return MANY;
}

static void stall_and_go_on(kit_kind kind) {
  gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
  o.suspect_after_ms = kit_ms(200);
  o.keepalive_timeout_ms = o.connect_timeout_ms = kit_ms(60000);
  start(kind, &o);
  start_calls(t.early, CALLS, 0); /* on the silent connection */
  unsigned impatient = await_suspicion();
  start_calls(t.late, CALLS, 0); /* which wait for another */
  gmux_channel_stats stats = kit_stats(t.client.channel);
  CU_ASSERT_EQUAL(stats.suspicions, 1);
  CU_ASSERT_EQUAL(stats.connections_suspect, 1);
  CU_ASSERT_EQUAL(stats.connections_dialing, 1);
  kit_thaw(t.pid);
  check_all_succeed(t.early);
  check_all_succeed(t.late);
  CU_ASSERT(kit_echo(t.client.channel)); /* behind what the impatient ones have left there */
  stats = kit_stats(t.client.channel);
  CU_ASSERT_EQUAL(stats.connections_suspect, 0);
  for (int i = 0; i < GMUX_LOSSES; i++)
    CU_ASSERT_EQUAL(stats.lost[i], 0);
  stop();
  for (unsigned i = 0; i < impatient; i++)
    ledger_check(&t.impatient[i]);
}

static void a_server_that_stalls_is_suspect_then_trusted_and_no_call_is_lost(void) {
  stall_and_go_on(KIT_TCP);
  stall_and_go_on(KIT_TLS);
}

/* ---- its socket is full ---- */

static void check_large(ledger_entry *entry, unsigned *lost) {
  if (ledger_wait(entry) != GMUX_OK) {
    CU_ASSERT_EQUAL(entry->code, GMUX_UNAVAILABLE);
    CU_ASSERT_EQUAL(entry->evidence, GMUX_EVIDENCE_POSSIBLE);
    (*lost)++;
  }
}

/* What had left is lost with it; all else is made elsewhere, once the server goes on. */
static void a_server_whose_socket_is_full_for_too_long_is_given_up(void) {
  gmux_channel_options o = kit_channel_options(NULL);
  o.suspect_after_ms = GMUX_NEVER_MS;
  o.keepalive_timeout_ms = o.connect_timeout_ms = kit_ms(60000);
  o.write_stall_timeout_ms = kit_ms(1000);
  o.max_connections = 1;
  start(KIT_TCP, &o);
  start_calls(t.large, LARGE, LARGE_BYTES);
  unsigned lost = 0;
  check_large(&t.large[0], &lost);
  CU_ASSERT_EQUAL(lost, 1); /* it was the first to leave */
  gmux_channel_stats stats = kit_stats(t.client.channel);
  CU_ASSERT_EQUAL(stats.lost[GMUX_LOSS_DEAD], 1);
  start_calls(t.late, CALLS, 0); /* which wait for another connection */
  kit_thaw(t.pid);
  check_all_succeed(t.late);
  for (unsigned i = 1; i < LARGE; i++)
    check_large(&t.large[i], &lost);
  stats = kit_stats(t.client.channel);
  CU_ASSERT_EQUAL(stats.retries[GMUX_EVIDENCE_NEVER_LEFT], LARGE - lost);
  CU_ASSERT_EQUAL(stats.connections_made, 2);
  stop();
  for (unsigned i = 0; i < LARGE; i++)
    ledger_check(&t.large[i]);
}

static const test_case cases[] = {
    TEST(a_server_that_stalls_is_suspect_then_trusted_and_no_call_is_lost),
    TEST(a_server_whose_socket_is_full_for_too_long_is_given_up), TESTS_END};
const test_suite net_stall_suite = {"stall", cases, kit_setup, kit_teardown};
