/* faults_silence.c: packets that vanish without a word, and servers that do nothing. */
#include "tests/net/faults.h"

enum { LANES = 50, SOME = 100 };

/* Calls go elsewhere while the hole is there; what fell into it dies with its connection. */
static void black_hole(faults *f) {
  faults_await_ok(f, SOME);
  faults_swallow(f, f->scenario->direction);
  faults_await_ok(f, SOME);
  faults_await_lost(f, GMUX_LOSS_DEAD, 1);
  CU_ASSERT(load_stats(f->load).suspicions > 0);
  faults_await_ok(f, SOME);
  faults_heal(f);
  faults_await_ok(f, SOME);
}

static void link_down(faults *f) {
  faults_await_ok(f, SOME);
  faults_cut_off(f);
  faults_await_lost(f, GMUX_LOSS_DEAD, 1);
  load_await_ends(f->load, LANES, 10000); /* those that have a deadline, or do not wait */
  faults_heal(f);
  faults_await_ok(f, SOME);
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

static void be_patient(gmux_channel_options *o) {
  o->keepalive_timeout_ms = o->connect_timeout_ms = kit_ms(60000);
}

const scenario silence_scenarios[] = {{.name = "black hole to the server",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .direction = TO_SERVER,
                                       .run = black_hole},
                                      {.name = "black hole to the client",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .direction = TO_CLIENT,
                                       .run = black_hole},
                                      {.name = "black hole both ways",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .direction = BOTH_WAYS,
                                       .run = black_hole},
                                      {.name = "link down and up",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .run = link_down},
                                      {.name = "server stalls",
                                       .ways = WAY(BY_SIGNALS),
                                       .lanes = LANES,
                                       .lossless = ALL_PEERS,
                                       .run = server_stalls,
                                       .set_options = be_patient},
                                      {.name = NULL}};
