/* fleet_test.c: many channels of one process, whose server goes and comes back. */
#include "tests/net/ledger.h"
#include <string.h>
#include <time.h>

enum {
  LOOPS = 4,
  CHANNELS = 200,
  DIAL_RATE = 60 /* a second and loop, a little more than its channels */
};

static struct {
  gmux_loop *loops[LOOPS];
  gmux_channel *channels[CHANNELS];
  ledger_entry lost[CHANNELS], kept[CHANNELS], late[CHANNELS];
  struct timespec began;
} fleet;

static void fleet_start(const char *target) {
  memset(&fleet, 0, sizeof fleet);
  clock_gettime(CLOCK_MONOTONIC, &fleet.began);
  gmux_loop_options lo;
  gmux_loop_options_init(&lo, sizeof lo);
  lo.dial_rate_per_s = DIAL_RATE;
  for (int i = 0; i < LOOPS; i++)
    CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&fleet.loops[i], &lo), 0);
  gmux_channel_options o = kit_channel_options(NULL);
  for (int i = 0; i < CHANNELS; i++)
    CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&fleet.channels[i], fleet.loops[i % LOOPS], target, &o),
                          0);
}

static void fleet_stop(void) {
  for (int i = 0; i < CHANNELS; i++)
    gmux_channel_free(fleet.channels[i]);
  for (int i = 0; i < LOOPS; i++)
    CU_ASSERT_EQUAL(gmux_loop_stop(fleet.loops[i]), 0);
}

static void fleet_call(ledger_entry entries[CHANNELS], bool is_idempotent) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.wait_for_ready = true;
  o.idempotent = is_idempotent;
  for (int i = 0; i < CHANNELS; i++)
    ledger_start(&entries[i], fleet.channels[i], &o, 0);
}

static void fleet_wait(ledger_entry entries[CHANNELS], gmux_code code) {
  for (int i = 0; i < CHANNELS; i++)
    CU_ASSERT_EQUAL(ledger_wait(&entries[i]), code);
}

static double fleet_age_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)(now.tv_sec - fleet.began.tv_sec) +
         (double)(now.tv_nsec - fleet.began.tv_nsec) / 1e9;
}

/* Each has connected twice, and all together no more often than the gates of the loops let them: a
 * second's worth at once, and then so many a second. */
static void check_dials(void) {
  uint64_t dials = 0;
  for (int i = 0; i < CHANNELS; i++) {
    gmux_channel_stats stats = kit_stats(fleet.channels[i]);
    CU_ASSERT_EQUAL(stats.connections_made, 2);
    CU_ASSERT_EQUAL(stats.dials_started, 2 + stats.dials_failed);
    dials += stats.dials_started;
  }
  CU_ASSERT((double)dials <= LOOPS * DIAL_RATE * (1 + fleet_age_s()));
}

static void check_entries(void) {
  for (int i = 0; i < CHANNELS; i++) {
    ledger_check(&fleet.lost[i]);
    CU_ASSERT_EQUAL(fleet.lost[i].evidence, GMUX_EVIDENCE_POSSIBLE);
    CU_ASSERT_EQUAL(ledger_executed(&fleet.lost[i]), 1);
    CU_ASSERT_EQUAL(ledger_executed(&fleet.kept[i]), 2);
    CU_ASSERT_EQUAL(ledger_executed(&fleet.late[i]), 1);
  }
}

/* At the same address, in this process, where it can be asked how many have come. */
static void come_back(kit_server *server) {
  char address[sizeof server->target];
  memcpy(address, server->target, sizeof address);
  CU_ASSERT_FATAL(kit_server_start(server, NULL, address, NULL));
}

static void a_fleet_comes_back_to_a_server_that_was_killed(void) {
  kit_server server;
  pid_t pid = kit_server_fork(&server, kit_held_address(KIT_TCP), NULL);
  fleet_start(server.target);
  ledger_hold(2 * CHANNELS);
  fleet_call(fleet.lost, false);
  fleet_call(fleet.kept, true);
  ledger_await_held(2 * CHANNELS);
  kit_kill(pid);
  fleet_wait(fleet.lost, GMUX_UNAVAILABLE);
  fleet_call(fleet.late, false); /* each finds that its connection is gone */
  come_back(&server);
  fleet_wait(fleet.kept, GMUX_OK);
  fleet_wait(fleet.late, GMUX_OK);
  check_dials();
  gmux_server_stats stats = {.size = sizeof stats};
  CU_ASSERT_EQUAL(gmux_server_get_stats(server.server, &stats), 0);
  CU_ASSERT_EQUAL(stats.connections_accepted, CHANNELS);
  fleet_stop();
  kit_server_stop(&server);
  check_entries();
}

static const test_case cases[] = {TEST(a_fleet_comes_back_to_a_server_that_was_killed), TESTS_END};
const test_suite net_fleet_suite = {"fleet", cases, kit_setup, kit_teardown};
