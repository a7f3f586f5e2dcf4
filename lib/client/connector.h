/*
 * connector.h: from a target to a connection: looks the name up, then races its addresses
 * (RFC 8305, gRPC A61).
 *
 *     OFF --start--> WAITING (for the storm gate) --passed--> RESOLVING (DNS) or RACING
 *     RESOLVING --addresses--> RACING
 *     RACING --a try won--> OFF      --no address is left, or no time--> OFF, on_failed
 *     any --stop--> OFF
 *
 * RACING: the first address is tried at once, each next one when happy_eyeballs_ns have passed or
 * one before it has failed; earlier ones go on. Addresses are interleaved by family, the resolver's
 * first family first. A TRY is one address, and becomes DIALING, then HANDED (the owner has its
 * transport and shakes hands over it); it ends by gmux__connector_win or gmux__connector_lose, and
 * when another won or the time is up: then the owner is told to give it up (on_dropped).
 *
 * An attempt has one deadline; a try has no other than that (the race takes care of the rest).
 * Where many addresses would not fit, they begin closer to each other, so that the last one still
 * has half of the time. At most GMUX__CONNECTOR_TRIES run at once: when a further one's time has
 * come the oldest, if possible one that is still DIALING, is given up for it. So a target with a
 * hundred dead addresses costs eight sockets.
 *
 * When all have failed, the words and the cause are of the one that got furthest: "localhost" is
 * often ::1 where nobody listens, beside 127.0.0.1 whose certificate is wrong.
 *
 * What DNS said is used again for cache_ns while attempts succeed; after a failed one, or later, it
 * is asked again. When it cannot be asked, or takes longer than GMUX__CONNECTOR_DNS_PATIENCE_NS,
 * its last answer is used nevertheless (RFC 8767): an outage of DNS is not one of the server. When
 * it says that there is no such name, the last answer is forgotten. Handlers never come from inside
 * a function of this header, except on_failed from gmux__connector_lose and on_dropped from
 * gmux__connector_win, _stop and _deinit. From any handler any function here may be called; what is
 * dropped is gone when the function returns.
 */
#ifndef GMUX__CLIENT_CONNECTOR_H
#define GMUX__CLIENT_CONNECTOR_H

#include "lib/base/machine.h"
#include "lib/client/gate.h"
#include "lib/io/loop.h"
#include "lib/io/target.h"
#include "lib/watch/odometer.h"
#include <gmux/channel.h>

typedef struct gmux__connector gmux__connector;

/* How far an address is, or got before it failed. */
typedef enum gmux__connector_reach {
  GMUX__REACH_NOTHING = 0,
  GMUX__REACH_DIAL, /* not connected */
  GMUX__REACH_TLS,  /* connected; TLS has not been agreed on */
  GMUX__REACH_GREETING
} gmux__connector_reach;

/* One address. The owner sees it from on_transport on, until it wins, loses or is dropped. */
typedef struct gmux__try {
  gmux__link link; /* in its connector's running ones */
  gmux__connector *connector;
  gmux__address address;
  gmux__dial *dial; /* NULL: HANDED */
  uint64_t started_ns;
  void *owner_data; /* the owner's: what it made of the transport; NULL at first */
} gmux__try;

static inline gmux__try *gmux__try_of(gmux__link *link) { /* takes NULL */
  return link ? gmux__container(link, gmux__try, link) : NULL;
}

typedef struct gmux__connector_handlers {
  /* Connected; the transport is the owner's. It answers, then or later, by win or lose. */
  void (*on_transport)(void *owner, gmux__try *t, gmux__transport *transport);
  /* A HANDED try is over: another won or all was stopped (GMUX_ERR_CANCELLED), or its time is up
   * (GMUX_ERR_TIMEOUT). `why` is in words, the reason alone. The owner gives up what it made; `t`
   * goes. */
  void (*on_dropped)(void *owner, gmux__try *t, int error, const char *why);
  /* No address is left, or no time; gmux__connector_why and _loss say why. It is OFF, and may be
   * started again from here. */
  void (*on_failed)(void *owner);
  /* gmux__connector_wait may have changed by itself. May be NULL. */
  void (*on_stage)(void *owner);
  /* A question: how far is this HANDED try, TLS or GREETING? For words and gmux__connector_wait.
   * NULL: GREETING, as without TLS. */
  gmux__connector_reach (*reach)(void *owner, const gmux__try *t);
} gmux__connector_handlers;

typedef enum gmux__connector_stage {
  GMUX__CONNECTOR_OFF = 0,
  GMUX__CONNECTOR_WAITING,
  GMUX__CONNECTOR_RESOLVING,
  GMUX__CONNECTOR_RACING
} gmux__connector_stage;

extern const gmux__machine gmux__connector_machine;

enum { GMUX__CONNECTOR_WHY = 320, GMUX__CONNECTOR_TRIES = 8 };
/* RFC 8767 section 5 recommends 1.8 s; half of an attempt's time where that is less. */
#define GMUX__CONNECTOR_DNS_PATIENCE_NS (1800 * GMUX__NS_PER_MS)

typedef struct gmux__connector_config {
  const gmux__target *target; /* outlives it */
  gmux__socket_options socket;
  uint64_t happy_eyeballs_ns, cache_ns;
} gmux__connector_config;

struct gmux__connector {
  gmux_loop *loop;
  gmux__connector_config config;
  const gmux__connector_handlers *handlers;
  void *owner;
  gmux__connector_stage stage;
  uint64_t within_ns, deadline_ns; /* from the gate on */
  uint64_t stage_started_ns;
  gmux__gate_pass pass;
  gmux__task refused;                     /* there was no memory for the gate */
  gmux__timer deadline_timer, next_timer; /* next: the next address; the end of the patience */
  uint64_t interval_ns;                   /* between two addresses */
  gmux__resolve *resolve;
  gmux__list tries;     /* of gmux__try: that run */
  gmux__address *found; /* what DNS said, interleaved; NULL: the target has its own */
  size_t found_count;
  uint64_t fresh_until_ns;     /* from then on DNS is asked again */
  size_t next;                 /* of the addresses: the next to be tried */
  gmux__connector_reach reach; /* of the address that `why` is about; NOTHING: of none */
  gmux_loss loss;              /* the same one's */
  char why[GMUX__CONNECTOR_WHY];
};

void gmux__connector_init(gmux__connector *c, gmux_loop *loop, const gmux__connector_config *config,
                          const gmux__connector_handlers *handlers, void *owner);
void gmux__connector_deinit(gmux__connector *c); /* stops it */

/* OFF only. Nothing happens before the end of this turn, and nothing fails at once. The time at the
 * gate is not part of `within_ns`. */
void gmux__connector_start(gmux__connector *c, uint64_t within_ns);
/* This try's connection is good: all others are dropped, and the connector is OFF. `t` goes. */
void gmux__connector_win(gmux__connector *c, gmux__try *t);
/* This try's address was no good. `t` goes. */
void gmux__connector_lose(gmux__connector *c, gmux__try *t, gmux__connector_reach reach,
                          gmux_loss loss, const char *why);
void gmux__connector_stop(gmux__connector *c);
/* How far it is, by the owner's answer where it is HANDED. */
gmux__connector_reach gmux__try_reach(const gmux__try *t);
/* The next attempt asks DNS again. */
void gmux__connector_forget_names(gmux__connector *c);
/* Whether this address is among those that the target has, or DNS said last. True when nothing is
 * known. */
bool gmux__connector_has_address(const gmux__connector *c, const gmux__address *address);

static inline bool gmux__connector_is_on(const gmux__connector *c) {
  return c->stage != GMUX__CONNECTOR_OFF;
}
/* Why the attempt failed: "connect to ipv4:127.0.0.1:80: connection refused", of its addresses the
 * one that got furthest, the last of equals. "" before the first failure. */
const char *gmux__connector_why(const gmux__connector *c);
gmux_loss gmux__connector_loss(const gmux__connector *c);
/* What a call waits for: GATE, RESOLVE, and while RACING what the furthest try is at: DIAL, TLS,
 * SETTINGS (by the owner's answer to `reach`). NONE when OFF. */
gmux__wait gmux__connector_wait(const gmux__connector *c);
/* What it is at: "connecting to ipv4:127.0.0.1:80". */
void gmux__connector_explain(const gmux__connector *c, char *text, size_t len);
/* Asserts, in a debug build, that its parts agree with each other. */
void gmux__connector_check(const gmux__connector *c);

#endif
