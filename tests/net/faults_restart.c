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

static void restart(faults *f) {
  for (int life = 0; life < LIVES; life++) {
    faults_await_ok(f, SOME);
    replace(f, &f->peers[0]);
  }
  faults_await_ok(f, SOME);
}

/* There is always one that is up: calls need not wait until the other is back. */
static void rolling_restart(faults *f) {
  for (int i = 0; i < FAULTS_PEERS; i++) {
    faults_await_ok(f, SOME);
    replace(f, &f->peers[i]);
  }
  faults_await_ok(f, SOME);
}

/* By SIGTERM our own server loses nothing: it says in two steps that it goes, and serves what comes
 * until it knows that the client has heard of it. grpcio's cancels that. */
const scenario restart_scenarios[] = {{.name = "restart by SIGKILL",
                                       .ways = WAY(BY_SIGNALS),
                                       .lanes = LANES,
                                       .signal = SIGKILL,
                                       .run = restart},
                                      {.name = "restart by SIGTERM",
                                       .ways = WAY(BY_SIGNALS),
                                       .lanes = LANES,
                                       .signal = SIGTERM,
                                       .lossless = MAKE(PEER_OWN),
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
                                       .lossless = MAKE(PEER_OWN),
                                       .peers = FAULTS_PEERS,
                                       .run = rolling_restart},
                                      {.name = NULL}};
