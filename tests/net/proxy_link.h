/*
 * proxy_link.h: one connection through the proxy: two sockets, and a way in each direction with a
 * bounded queue and faults of its own. It knows no thread and no clock, and it never waits: it is
 * told the time, says what it waits for, and takes a step.
 *
 *   MUTE ──not mute (any more)──> CONNECTING ──> OPEN ──> OVER
 *     └───────────────── whatever ends it ────────────────^
 *
 * The way w comes from the side w and leads to the side !w; side 0 is the client's. A way has ended
 * when its side has said all; its end is passed on behind its bytes, and as late as they are. A way
 * that is lost carries nothing any more, not even its end. The link is over when each way has ended
 * and that was passed on, or is lost; or when an act says so.
 */
#ifndef TESTS_NET_PROXY_LINK_H
#define TESTS_NET_PROXY_LINK_H

#include "tests/net/proxy_queue.h"
#include "tests/net/proxy_where.h"
#include <poll.h>

typedef struct proxy_link proxy_link;

/* What all links of a proxy share; it outlives them. */
typedef struct proxy_home {
  proxy_where to;
  uint64_t seed;
  size_t buffer_bytes;
  uint64_t count[PROXY_COUNTERS];
} proxy_home;

/* Takes the socket, also when it fails (NULL: out of memory). The number is the k of proxy_do. */
proxy_link *proxy_link_new(proxy_home *home, uint64_t number, int client,
                           const proxy_faults *faults, uint64_t now_ns);
void proxy_link_free(proxy_link *l); /* resets what is open; takes NULL */
uint64_t proxy_link_number(const proxy_link *l);

void proxy_link_set_faults(proxy_link *l, const proxy_faults *faults, uint64_t now_ns);
void proxy_link_act(proxy_link *l, proxy_way way, proxy_act act);

/* Its two sockets with the events that it waits for; fd -1 where there are none. */
void proxy_link_wants(const proxy_link *l, uint64_t now_ns, struct pollfd sides[2]);
/* When it wants to take a step though nothing happens. */
uint64_t proxy_link_due_ns(const proxy_link *l);
/* sides: as they were filled by proxy_link_wants, and then by poll. */
void proxy_link_step(proxy_link *l, const struct pollfd sides[2], uint64_t now_ns);
bool proxy_link_is_over(const proxy_link *l);

#endif
