/* faults_silence.c: packets that vanish without a word, and servers that do nothing. */
#include "tests/net/faults.h"

enum { LANES = 50, SOME = 100 };

/* Calls go elsewhere while the hole is there, before it is known to be one; what fell into it dies
 * with its connection, or is made again. */
static void black_hole(faults *f) {
  faults_await_ok(f, SOME);
  faults_swallow(f, f->scenario->direction);
  faults_await_suspect(f);
  faults_await_ok(f, SOME);
  CU_ASSERT_EQUAL(load_stats(f->load).lost[GMUX_LOSS_DEAD], 0);
  faults_await_lost(f, GMUX_LOSS_DEAD, 1);
  CU_ASSERT_EQUAL(load_lost_idempotent(f->load), 0);
  CU_ASSERT(load_stats(f->load).retries[GMUX_EVIDENCE_POSSIBLE] > 0);
  faults_await_ok(f, SOME);
  faults_heal(f);
  faults_await_ok(f, SOME);
}

/* For longer than the timeout. Calls that can wait do so until it is up. */
static void link_down(faults *f) {
  faults_await_ok(f, SOME);
  faults_cut_off(f);
  faults_await_lost(f, GMUX_LOSS_DEAD, 1);
  load_await_ends(f->load, LANES / 2, 10000); /* those that have a deadline, or do not wait */
  faults_heal(f);
  faults_await_ok(f, SOME);
}

/* For less: TCP sends again what was dropped, and the connection is trusted again. */
static void link_blinks(faults *f) {
  faults_await_ok(f, SOME);
  faults_cut_off(f);
  faults_await_suspect(f);
  load_await_ends(f->load, LANES / 4, 10000);
  faults_heal(f);
  faults_await_ok(f, SOME);
  CU_ASSERT_EQUAL(load_stats(f->load).lost[GMUX_LOSS_DEAD], 0);
}

/* As one whose machine swaps, or is being moved: its kernel goes on. */
static void server_stalls(faults *f) {
  faults_await_ok(f, SOME);
  kit_freeze(f->peers[0].pid);
  faults_await_suspect(f);
  load_await_ends(f->load, LANES / 4, 10000);
  kit_thaw(f->peers[0].pid);
  faults_await_ok(f, SOME);
  CU_ASSERT_EQUAL(load_stats(f->load).lost[GMUX_LOSS_DEAD], 0);
}

/* There is time to see that a connection is suspect, and not dead. */
static void suspect_first(gmux_channel_options *o) {
  o->keepalive_timeout_ms = kit_ms(1200);
}

static void be_patient(gmux_channel_options *o) {
  o->keepalive_timeout_ms = o->connect_timeout_ms = kit_ms(60000);
}

const scenario silence_scenarios[] = {{.name = "black hole to the server",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .direction = TO_SERVER,
                                       .run = black_hole,
                                       .set_options = suspect_first},
                                      {.name = "black hole to the client",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .direction = TO_CLIENT,
                                       .run = black_hole,
                                       .set_options = suspect_first},
                                      {.name = "black hole both ways",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .direction = BOTH_WAYS,
                                       .run = black_hole,
                                       .set_options = suspect_first},
                                      {.name = "link down and up",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .run = link_down},
                                      {.name = "link down for a moment",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .lossless = ALL_PEERS,
                                       .run = link_blinks,
                                       .set_options = be_patient},
                                      {.name = "server stalls",
                                       .ways = WAY(BY_SIGNALS),
                                       .lanes = LANES,
                                       .lossless = ALL_PEERS,
                                       .run = server_stalls,
                                       .set_options = be_patient},
                                      {.name = NULL}};
