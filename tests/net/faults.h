/*
 * faults.h: scenarios of what networks and servers do, the same against servers of different make,
 * and by different ways to do it: each of these together is a test of its own.
 *
 * A scenario waits for what its fault does, heals it, and shows that calls succeed again. What
 * holds in all of them it need not say: the laws for each call (laws.h), and no PING that a server
 * would punish.
 */
#ifndef TESTS_NET_FAULTS_H
#define TESTS_NET_FAULTS_H

#include "tests/net/kit.h"
#include "tests/net/load.h"
#include "tests/net/peer.h"
#include "tests/net/proxy.h"

enum { FAULTS_PEERS = 3 };

/* By what a fault is done. */
typedef enum faults_way {
  BY_FILTERS, /* of packets, in a network of its own (apart.h) */
  BY_PROXY,   /* between client and server (proxy.h) */
  BY_SIGNALS, /* to the servers' processes */
  FAULTS_WAYS
} faults_way;
#define WAY(way)   (1u << (way))
#define MAKE(make) (1u << (make))
#define ALL_PEERS  (MAKE(PEER_OWN) | MAKE(PEER_GRPCIO))

typedef enum faults_direction { TO_SERVER, TO_CLIENT, BOTH_WAYS } faults_direction;

typedef struct faults faults;

typedef struct scenario {
  const char *name;
  unsigned ways;  /* WAY() of those that can do it */
  unsigned lanes; /* calls at once */
  unsigned
      lossless; /* MAKE() of the servers with which no call may be lost (load_check_none_lost) */
  void (*run)(faults *f);
  void (*set_options)(gmux_channel_options *o); /* NULL: as they are */
  faults_direction direction;                   /* of those that have one */
  unsigned peers;                               /* 0 is 1 */
  bool is_cleartext;
  bool has_another;            /* beside the way through the proxy, one straight to the server */
  const proxy_faults *proxied; /* from the start; NULL: nothing */
  int signal;                  /* of those that send one */
} scenario;

/* The running one. */
struct faults {
  const scenario *scenario;
  peer_make make;
  faults_way way;
  peer peers[FAULTS_PEERS];
  proxy *proxy;     /* BY_PROXY */
  char target[128]; /* of the load: the proxy's, if there is one */
  char direct[128]; /* of the first server itself */
  load *load;
  load *other; /* that a scenario has started beside it, and finished; or NULL */
};

/* Each ends with one whose name is NULL. */
extern const scenario silence_scenarios[], restart_scenarios[], slow_scenarios[], proxy_scenarios[];

gmux_channel_options faults_options(const faults *f);

/* What goes in that direction over the connections that are open vanishes without a word; new ones
 * are spared. Waits until none is in the making. */
void faults_swallow(faults *f, faults_direction direction);
/* Everything, over new ones too. */
void faults_cut_off(faults *f);
void faults_heal(faults *f);

/* While the load runs. */
void faults_await_lost(faults *f, gmux_loss loss, unsigned count);
void faults_await_suspect(faults *f); /* a connection is, now */
/* A call that is idempotent and has no deadline is open on a connection; then that it was made
 * again. */
void faults_hold(faults *f);
void faults_await_held(faults *f);
void faults_await_up(faults *f, peer *p);
void faults_await_gone(faults *f, peer *p);
void faults_await_proxy(faults *f, proxy_counter counter, uint64_t least);

/* Calls succeed, as they do before a fault and after it; within a bound. */
void faults_await_ok(faults *f, unsigned count);

#endif
