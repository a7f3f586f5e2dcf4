/*
 * peer.h: servers of the fault tests, as processes: our own (faults_server.c), and grpcio's
 * (faults_server.py). Both write what they execute into the one log of the case.
 */
#ifndef TESTS_NET_PEER_H
#define TESTS_NET_PEER_H

#include <stdbool.h>
#include <sys/types.h>

typedef enum peer_make { PEER_OWN, PEER_GRPCIO, PEER_MAKES } peer_make;
const char *peer_make_str(peer_make make);

/* NULL, or why there cannot be one here. */
const char *peer_why_not(peer_make make);

/* Around each case, beside kit_setup and kit_teardown: an empty log, a certificate's files. */
void peers_setup(void);
void peers_teardown(void);

typedef struct peer {
  peer_make make;
  bool is_tls;
  unsigned max_age_ms; /* of connections of our own; 0: they do not age */
  pid_t pid;           /* 0: it does not run */
  unsigned port;
  int told; /* where it will say its port; -1: it has */
} peer;

/* Runs `p` (its make, is_tls and max_age_ms are set) at its port; 0: at any, which is its own from
 * then on. It is up when it listens, which is once whoever was there before does so no more. */
void peer_start(peer *p);
bool peer_is_up(peer *p);
void peer_await(peer *p); /* blocks until it is */

void peer_kill(peer *p);      /* SIGKILL; nothing, when it does not run */
void peer_terminate(peer *p); /* SIGTERM; it goes when it likes, and in good order: */
bool peer_is_gone(peer *p);

/* How often servers have executed each of the calls from number `first` on, until now; free it. In
 * *foreign those that were asked for by no call. */
unsigned *peers_executed(unsigned first, unsigned count, unsigned *foreign);

#endif
