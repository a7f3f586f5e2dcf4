/* faults_silence.c: packets that vanish without a word, and servers that do nothing. */
#include "tests/net/faults.h"

enum { LANES = 50, SOME = 100, ENDS_MS = 60000 };

/* What fell into it dies with its connection, or is made again. */
static void black_hole(faults *f) {
  faults_await_ok(f, SOME);
  faults_hold(f);
  faults_swallow(f, f->scenario->direction);
  faults_await_lost(f, GMUX_LOSS_DEAD, 1);
  faults_await_held(f);
  CU_ASSERT(load_stats(f->load).retries[GMUX_EVIDENCE_POSSIBLE] > 0);
  CU_ASSERT_EQUAL(load_lost_idempotent(f->load), 0);
  faults_await_ok(f, SOME);
  faults_heal(f);
  faults_await_ok(f, SOME);
}

/* Calls go elsewhere while the hole is there, and long before it is known to be one. When filters
 * are gone TCP sends again what fell into it; the proxy has nothing to send. */
static void around_a_black_hole(faults *f) {
  faults_await_ok(f, SOME);
  faults_swallow(f, f->scenario->direction);
  faults_await_suspect(f);
  faults_await_ok(f, SOME);
  CU_ASSERT_EQUAL(load_stats(f->load).lost[GMUX_LOSS_DEAD], 0);
  faults_heal(f);
  if (f->way == BY_PROXY) CU_ASSERT(proxy_kill_all(f->proxy) > 0);
  faults_await_ok(f, SOME);
}

/* For longer than the timeout. Calls that can wait do so until it is up. */
static void link_down(faults *f) {
  faults_await_ok(f, SOME);
  faults_cut_off(f);
  faults_await_lost(f, GMUX_LOSS_DEAD, 1);
  load_await_ends(f->load, LANES / 2, ENDS_MS); /* those that have a deadline, or do not wait */
  faults_heal(f);
  faults_await_ok(f, SOME);
}

/* For less: TCP sends again what was dropped, and the connection is trusted again. */
static void link_blinks(faults *f) {
  faults_await_ok(f, SOME);
  faults_cut_off(f);
  faults_await_suspect(f);
  load_await_ends(f->load, LANES / 4, ENDS_MS);
  faults_heal(f);
  faults_await_ok(f, SOME);
  CU_ASSERT_EQUAL(load_stats(f->load).lost[GMUX_LOSS_DEAD], 0);
}

/* As one whose machine swaps, or is being moved: its kernel goes on. */
static void server_stalls(faults *f) {
  faults_await_ok(f, SOME);
  kit_freeze(f->peers[0].pid);
  faults_await_suspect(f);
  load_await_ends(f->load, LANES / 4, ENDS_MS);
  kit_thaw(f->peers[0].pid);
  faults_await_ok(f, SOME);
  CU_ASSERT_EQUAL(load_stats(f->load).lost[GMUX_LOSS_DEAD], 0);
}

/* A machine that is busy for so long that a good connection is given up, too, costs a call one of
 * its lives; none is to run out of them. */
static void give_up_connections_soon(gmux_channel_options *o) {
  o->keepalive_timeout_ms = kit_ms(800);
  o->max_idempotent_retries = 100;
}

/* The server's own words arrive: deadlines of calls whose rest it does not hear, PINGs. Each ends a
 * suspicion, and none is followed by another one; then it is for the schedule to ask. */
static void ask_soon(gmux_channel_options *o) {
  give_up_connections_soon(o);
  o->keepalive_ms = 1000;
}

/* One that had begun when the hole opened. */
static void give_up_attempts(gmux_channel_options *o) {
  o->connect_timeout_ms = kit_ms(5000);
}

static void give_up_attempts_too(gmux_channel_options *o) {
  give_up_connections_soon(o);
  o->connect_timeout_ms = kit_ms(2000);
}

const scenario silence_scenarios[] = {{.name = "black hole to the server",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .direction = TO_SERVER,
                                       .run = black_hole,
                                       .set_options = ask_soon},
                                      {.name = "black hole to the client",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .direction = TO_CLIENT,
                                       .run = black_hole,
                                       .set_options = give_up_connections_soon},
                                      {.name = "black hole both ways",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .direction = BOTH_WAYS,
                                       .run = black_hole,
                                       .set_options = give_up_connections_soon},
                                      {.name = "around a black hole",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .direction = BOTH_WAYS,
                                       .run = around_a_black_hole,
                                       .set_options = give_up_attempts},
                                      {.name = "link down and up",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .run = link_down,
                                       .set_options = give_up_attempts_too},
                                      {.name = "link down for a moment",
                                       .ways = WAY(BY_FILTERS) | WAY(BY_PROXY),
                                       .lanes = LANES,
                                       .lossless = ALL_PEERS,
                                       .run = link_blinks},
                                      {.name = "server stalls",
                                       .ways = WAY(BY_SIGNALS),
                                       .lanes = LANES,
                                       .lossless = ALL_PEERS,
                                       .run = server_stalls},
                                      {.name = NULL}};
