/*
 * faults_slow.c: peers that say what they have to say byte by byte, so that they are never silent
 * and never done.
 */
#include "tests/net/faults.h"

enum {
  LANES = 30,
  SOME = 100,
  DRIP = 100,         /* bytes a second: a TLS handshake takes far longer than it may */
  DRIP_CLEARTEXT = 5, /* and so does a preface, or a frame of SETTINGS */
  ENDS_MS = 60000
};

static const proxy_faults server_drips = {.way[PROXY_DOWN].bytes_per_s = DRIP},
                          client_drips = {.way[PROXY_UP].bytes_per_s = DRIP},
                          cleartext_server_drips = {.way[PROXY_DOWN].bytes_per_s = DRIP_CLEARTEXT},
                          cleartext_client_drips = {.way[PROXY_UP].bytes_per_s = DRIP_CLEARTEXT};

/* ---- the server ---- */

/* The way through the proxy is dialed first, and never ends; the other one carries the calls. */
static void server_is_slow_to_greet(faults *f) {
  faults_await_ok(f, SOME);
  CU_ASSERT(proxy_get_stats(f->proxy).count[PROXY_ACCEPTED] > 0);
  faults_heal(f);
  faults_await_ok(f, SOME);
}

/* Bytes come, so it is alive; calls that have a deadline end by that. */
static void server_is_slow_to_answer(faults *f) {
  faults_await_ok(f, SOME);
  CU_ASSERT(proxy_set(f->proxy, &server_drips, NULL));
  load_await_ends(f->load, LANES / 2, ENDS_MS);
  gmux_channel_stats stats = load_stats(f->load);
  CU_ASSERT_EQUAL(stats.lost[GMUX_LOSS_DEAD], 0);
  faults_heal(f);
  faults_await_ok(f, SOME);
}

/* ---- the client ---- */

/* Straight to the server, while the slow one holds what it holds of it. */
static void check_others_are_served(faults *f) {
  gmux_channel_options o = faults_options(f);
  load *good = f->other = load_start(f->direct, &o, LANES);
  load_await_ok(good, 3 * SOME, ENDS_MS);
  load_finish(good);
  load_check_none_lost(good);
  CU_ASSERT_EQUAL(load_stats(good).connections_made, load_stats(good).dials_started);
}

static void client_is_slow_to_greet(faults *f) {
  check_others_are_served(f);
  CU_ASSERT_EQUAL(load_stats(f->load).connections_made, 0);
  if (f->make == PEER_OWN) faults_await_proxy(f, PROXY_ENDED, 1); /* the server has had enough */
  faults_heal(f);
  faults_await_ok(f, SOME);
}

static void client_is_slow_to_ask(faults *f) {
  faults_await_ok(f, SOME);
  CU_ASSERT(proxy_set(f->proxy, &client_drips, NULL));
  load_await_ends(f->load, LANES / 2, ENDS_MS);
  check_others_are_served(f);
  faults_heal(f);
  faults_await_ok(f, SOME);
}

/* Nothing that is slow is suspected. */
static void be_trustful(gmux_channel_options *o) {
  o->suspect_after_ms = GMUX_NEVER_MS;
}

const scenario slow_scenarios[] = {{.name = "server drips its TLS",
                                    .ways = WAY(BY_PROXY),
                                    .lanes = LANES,
                                    .lossless = ALL_PEERS,
                                    .run = server_is_slow_to_greet,
                                    .proxied = &server_drips,
                                    .has_another = true},
                                   {.name = "server drips its SETTINGS",
                                    .ways = WAY(BY_PROXY),
                                    .lanes = LANES,
                                    .lossless = ALL_PEERS,
                                    .run = server_is_slow_to_greet,
                                    .proxied = &cleartext_server_drips,
                                    .is_cleartext = true,
                                    .has_another = true},
                                   {.name = "server drips headers and bodies",
                                    .ways = WAY(BY_PROXY),
                                    .lanes = LANES,
                                    .lossless = ALL_PEERS,
                                    .run = server_is_slow_to_answer,
                                    .set_options = be_trustful},
                                   {.name = "client drips its TLS",
                                    .ways = WAY(BY_PROXY),
                                    .lanes = LANES,
                                    .lossless = ALL_PEERS,
                                    .run = client_is_slow_to_greet,
                                    .proxied = &client_drips},
                                   {.name = "client drips its preface",
                                    .ways = WAY(BY_PROXY),
                                    .lanes = LANES,
                                    .lossless = ALL_PEERS,
                                    .run = client_is_slow_to_greet,
                                    .proxied = &cleartext_client_drips,
                                    .is_cleartext = true},
                                   {.name = "client drips headers and bodies",
                                    .ways = WAY(BY_PROXY),
                                    .lanes = LANES,
                                    .lossless = ALL_PEERS,
                                    .run = client_is_slow_to_ask,
                                    .set_options = be_trustful},
                                   {.name = NULL}};
