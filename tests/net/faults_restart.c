/* faults_restart.c: servers that go and come back, under load. */
#include "tests/net/faults.h"
#include <signal.h>

enum { LANES = 50, SOME = 100, LIVES = 3 };

/* Another one, at the same port: it waits until that is free. */
static void replace(faults *f, peer *p) {
  peer old = *p;
  if (f->scenario->signal == SIGKILL)
    peer_kill(&old);
  else
    peer_terminate(&old);
  peer_start(p);
  faults_await_up(f, p);
  faults_await_gone(f, &old);
}

/* By SIGTERM our own server loses nothing: it says in two steps that it goes, and what it has not
 * taken by then is made again elsewhere. grpcio's cancels what comes between the two. */
static void check_lost(faults *f) {
  if (f->make == PEER_OWN && f->scenario->signal == SIGTERM) CU_ASSERT_EQUAL(load_lost(f->load), 0);
}

static void restart(faults *f) {
  for (int life = 0; life < LIVES; life++) {
    faults_await_ok(f, SOME);
    replace(f, &f->peers[0]);
  }
  faults_await_ok(f, SOME);
  check_lost(f);
}

/* There is always one that is up: calls need not wait until the other is back. */
static void rolling_restart(faults *f) {
  for (int i = 0; i < FAULTS_PEERS; i++) {
    faults_await_ok(f, SOME);
    replace(f, &f->peers[i]);
  }
  faults_await_ok(f, SOME);
  check_lost(f);
}

const scenario restart_scenarios[] = {{.name = "restart by SIGKILL",
                                       .ways = WAY(BY_SIGNALS),
                                       .lanes = LANES,
                                       .signal = SIGKILL,
                                       .run = restart},
                                      {.name = "restart by SIGTERM",
                                       .ways = WAY(BY_SIGNALS),
                                       .lanes = LANES,
                                       .signal = SIGTERM,
                                       .run = restart},
                                      {.name = "rolling restart by SIGKILL",
                                       .ways = WAY(BY_SIGNALS),
                                       .lanes = LANES,
                                       .signal = SIGKILL,
                                       .peers = FAULTS_PEERS,
                                       .run = rolling_restart},
                                      {.name = "rolling restart by SIGTERM",
                                       .ways = WAY(BY_SIGNALS),
                                       .lanes = LANES,
                                       .signal = SIGTERM,
                                       .peers = FAULTS_PEERS,
                                       .run = rolling_restart},
                                      {.name = NULL}};
