/*
 * proxy_crowd.h: the listener of a proxy and all of its connections, on one thread, by one poll.
 * Faults and acts reach each of them from here.
 */
#ifndef TESTS_NET_PROXY_CROWD_H
#define TESTS_NET_PROXY_CROWD_H

#include "tests/net/proxy_link.h"

enum { PROXY_ORDERS_MAX = 64 /* faults for connections to come */ };

typedef struct proxy_order {
  uint64_t k;
  proxy_faults faults;
} proxy_order;

typedef struct proxy_crowd {
  proxy_home home; /* with the counters */
  proxy_where at;
  int holder, listener; /* TCP's holder keeps the port while nobody listens; -1: none */
  bool is_bound;        /* the address is ours */
  uint64_t now_ns, accept_again_ns;
  proxy_faults faults; /* for connections to come */
  proxy_order orders[PROXY_ORDERS_MAX];
  unsigned order_count;
  proxy_link **links;
  struct pollfd *fds;
  size_t link_count, link_room;
} proxy_crowd;

/* Listens. False: why[] tells why not; to be closed in any case. */
bool proxy_crowd_open(proxy_crowd *c, const proxy_options *options, char why[PROXY_WHY_BYTES]);
void proxy_crowd_close(proxy_crowd *c);

/* Waits for something to happen, which includes that `wake` is readable: returns whether it is. */
bool proxy_crowd_wait(proxy_crowd *c, int wake);
/* And does what follows from it. */
void proxy_crowd_step(proxy_crowd *c);

/* Those that an act has just ended are links no more. */
void proxy_crowd_free_dead(proxy_crowd *c);

/* As the functions of proxy.h. */
void proxy_crowd_set(proxy_crowd *c, const proxy_faults *faults, bool for_all);
bool proxy_crowd_set_one(proxy_crowd *c, uint64_t k, const proxy_faults *faults);
unsigned proxy_crowd_do(proxy_crowd *c, uint64_t k, proxy_way way, proxy_act act);

#endif
