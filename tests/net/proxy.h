/*
 * proxy.h: a proxy on a thread of its own that does to connections what packet filters can't: it
 * delays, squeezes, cuts, resets, corrupts, stalls and forgets them. TCP over IPv4 and IPv6, and
 * Unix sockets. It knows nothing of what it carries, and of gmux. `gmux-proxy` is the same as a
 * program.
 *
 *     client ── PROXY_UP ──> proxy ── PROXY_UP ──> server
 *     client <─ PROXY_DOWN ─ proxy <─ PROXY_DOWN ─ server
 *
 *   proxy *p = proxy_start(&(proxy_options){.listen = "127.0.0.1:0", .to = server.target}, why);
 *   ... a client connects to proxy_address(p) ...
 *   proxy_set(p, &(proxy_faults){.way[PROXY_DOWN] = {.flow = PROXY_STALL}});
 *   proxy_wait(p, PROXY_ACCEPTED, 2, 5000);      by then the client has tried another connection
 *   proxy_set(p, &(proxy_faults){0});            all is well again
 *   proxy_stop(p);
 *
 * Without faults it is transparent: bytes, the end of a direction and resets go through, and so
 * does back-pressure (a bounded buffer each way). It cannot delay the handshake of TCP, which its
 * kernel does; and where the server refuses, the client is accepted and reset.
 *
 * Functions are for any thread but the proxy's (it calls nobody), and what they ask for is in force
 * when they return.
 */
#ifndef TESTS_NET_PROXY_H
#define TESTS_NET_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct proxy proxy;

typedef enum proxy_way { PROXY_UP, PROXY_DOWN, PROXY_WAYS } proxy_way;

/* What can be done to a connection, or to one way of it. "Comes from" and "leads to" are meant in
 * the direction of the way. */
typedef enum proxy_act {
  PROXY_PASS,    /* nothing */
  PROXY_CLOSE,   /* both sides are closed, as by a process that ends in good order */
  PROXY_RESET,   /* both sides get a RST */
  PROXY_SHUT,    /* half close: this way ends (FIN), the other one goes on */
  PROXY_STALL,   /* nothing is read this way any more: whoever sends fills his buffers */
  PROXY_SWALLOW, /* read and thrown away: whoever sends notices nothing */
  PROXY_VANISH,  /* half-open: the side this way leads to gets a RST, and the side it comes from is
                    not told: what it sends is swallowed */
  PROXY_FORGET,  /* both ways swallow, and nobody is told */
  PROXY_ACTS
} proxy_act;

/* Faults of one way. All zero: none. */
typedef struct proxy_way_faults {
  unsigned delay_ms;    /* what is read arrives so much later, its end too; order is kept */
  unsigned jitter_ms;   /* and later by 0..jitter_ms more */
  uint64_t bytes_per_s; /* bandwidth; 0: no limit */
  proxy_act flow;       /* PASS, STALL, SWALLOW: as long as these faults are in force */
  /* When `cut_after` bytes of this way have been sent on this is done, at once if more have; PASS:
   * nothing. STALL and SWALLOW last until faults are set; after a SWALLOW bytes are missing. */
  proxy_act cut;
  uint64_t cut_after;
  uint64_t corrupt_at;     /* the n-th byte (1 is the first) arrives as another one; 0: none */
  uint64_t corrupt_one_in; /* and so does one byte in so many, drawn from the seed; 0: none */
} proxy_way_faults;

/* Faults. All zero: none. */
typedef struct proxy_faults {
  proxy_way_faults way[PROXY_WAYS];
  bool is_mute; /* connections are accepted, and that is all: nothing is read, and the server hears
                   of none of them while it is so */
  double kill_per_s;        /* each connection is killed with this chance each second; 0..1 */
  proxy_act kill;           /* how; PASS is RESET */
  unsigned idle_ms;         /* when no byte came either way for so long; 0: never */
  proxy_act idle;           /* this is done; PASS is CLOSE */
  bool is_refusing;         /* nobody listens: to connect fails (ECONNREFUSED) */
  unsigned max_connections; /* one more is reset when it is accepted; 0: no limit */
} proxy_faults;

typedef struct proxy_options {
  const char *listen; /* "127.0.0.1:0" (0: any port), "[::1]:4711", "unix:/path" */
  const char *to; /* the server's, in the same forms; "ipv4:" or "ipv6:" may stand before them */
  uint64_t seed;  /* everything that is drawn follows from it */
  size_t buffer_bytes; /* each way of each connection; 0: 262144. A way carries at most so much in
                          one delay_ms */
  proxy_faults faults; /* from the start */
} proxy_options;

enum { PROXY_WHY_BYTES = 160 };

/* NULL: why[] has the reason in words. */
proxy *proxy_start(const proxy_options *options, char why[PROXY_WHY_BYTES]);
void proxy_stop(proxy *p); /* resets what is open; takes NULL */

/* Where it listens, with the port that was found: what a client connects to. */
const char *proxy_address(const proxy *p);
uint16_t proxy_port(const proxy *p); /* 0: a Unix socket */

/* These faults, and no others any more: for all connections, those that are there and those to
 * come. False, with nothing changed: why[] (may be NULL) tells what is wrong with them. */
bool proxy_set(proxy *p, const proxy_faults *faults, char why[PROXY_WHY_BYTES]);
/* Only for those to come. */
bool proxy_set_new(proxy *p, const proxy_faults *faults, char why[PROXY_WHY_BYTES]);
/* Only for the k-th (1 is the first that was accepted), whether it is there or to come; the other
 * two change it no more before it is there. is_refusing and max_connections are none of its. Up to
 * 64 that are to come. */
bool proxy_set_one(proxy *p, uint64_t k, const proxy_faults *faults, char why[PROXY_WHY_BYTES]);

/* Does it now to the k-th connection, or to all (k 0) that are open. STALL and SWALLOW last until
 * faults are set. `way` is of no matter for CLOSE, RESET and FORGET. How many it was done to. */
unsigned proxy_do(proxy *p, uint64_t k, proxy_way way, proxy_act act);
unsigned proxy_kill_all(proxy *p); /* RESET to all */

/* Where connections to come are led to. False: no such address (why[] may be NULL). */
bool proxy_lead_to(proxy *p, const char *to, char why[PROXY_WHY_BYTES]);

/* What has happened since the start. */
typedef enum proxy_counter {
  PROXY_ACCEPTED,    /* connections, and of those: */
  PROXY_TURNED_AWAY, /* reset for max_connections */
  PROXY_UNREACHED,   /* reset because the server could not be reached */
  PROXY_ENDED,       /* closed on both sides, for whatever reason */
  PROXY_BYTES_UP,    /* that were sent on */
  PROXY_BYTES_DOWN,
  PROXY_SWALLOWED, /* bytes */
  PROXY_CORRUPTED, /* bytes */
  PROXY_CUTS,      /* done at their byte */
  PROXY_KILLED,    /* by kill_per_s */
  PROXY_IDLED,     /* by idle_ms */
  PROXY_DONE,      /* by proxy_do */
  PROXY_COUNTERS
} proxy_counter;

typedef struct proxy_stats {
  uint64_t count[PROXY_COUNTERS];
  unsigned open; /* connections now */
} proxy_stats;
proxy_stats proxy_get_stats(proxy *p);
const char *proxy_counter_str(proxy_counter counter);
const char *proxy_act_str(proxy_act act);

/* Wait for it to happen: until the counter has come to `least`; until `open` connections are open,
 * no more and no less. False when that was not so within timeout_ms. */
bool proxy_wait(proxy *p, proxy_counter counter, uint64_t least, unsigned timeout_ms);
bool proxy_wait_connections(proxy *p, unsigned open, unsigned timeout_ms);

#endif
