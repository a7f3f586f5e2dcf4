/*
 * stall_test.c: a server that does nothing for so long that its sockets fill up. Its kernel still
 * accepts connections; nobody answers. One that stalls for less is in faults_silence.c.
 */
#include "tests/net/ledger.h"
#include <string.h>

enum {
  CALLS = 20,
  /* More of the large ones than the sockets' buffers hold. */
  LARGE = 500,
  LARGE_BYTES = KIT_WINDOW_BYTES - 100 /* which a stream's window still lets out as a whole */
};

static struct {
  kit_server server;
  pid_t pid;
  kit_client client;
  ledger_entry late[CALLS], large[LARGE];
} t;

/* No other thread runs yet. */
static void start(const gmux_channel_options *o) {
  memset(&t, 0, sizeof t);
  t.pid = kit_server_fork(&t.server, kit_address(KIT_TCP), NULL);
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
  start(&o);
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

static const test_case cases[] = {TEST(a_server_whose_socket_is_full_for_too_long_is_given_up),
                                  TESTS_END};
const test_suite net_stall_suite = {"stall", cases, kit_setup, kit_teardown};
