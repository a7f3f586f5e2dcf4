/*
 * connector.h: from a target to a transport: looks the name up, then dials its addresses one after
 * the other.
 *
 *     OFF --start--> STARTING --task--> RESOLVING (DNS) or DIALING
 *     RESOLVING --addresses--> DIALING --connected--> HANDED (the owner has the transport)
 *     DIALING, HANDED --failed or late--> DIALING the next address; none left: OFF, on_failed
 *     any --stop--> OFF
 *
 * One attempt has one deadline; each address gets an even share of what is left of it, so that one
 * that never answers does not eat the time of those behind it. When all have failed, the words are
 * of the one that got furthest: "localhost" is often ::1 where nobody listens, beside 127.0.0.1
 * whose certificate is wrong. The owner makes a connection of the transport and says how it went:
 * gmux__connector_stop when it is good, gmux__connector_next when it is not. Handlers never come
 * from inside a function of this header, except on_failed from gmux__connector_next.
 */
#ifndef GMUX__CLIENT_CONNECTOR_H
#define GMUX__CLIENT_CONNECTOR_H

#include "lib/io/loop.h"
#include "lib/io/target.h"

typedef struct gmux__connector_handlers {
  /* Connected; the transport is the owner's. */
  void (*on_transport)(void *owner, gmux__transport *transport);
  /* HANDED for too long: the owner gives up what it made of the transport and calls
   * gmux__connector_next with words. */
  void (*on_late)(void *owner);
  /* No address is left, or no time; gmux__connector_why says why. It is OFF. */
  void (*on_failed)(void *owner);
} gmux__connector_handlers;

typedef enum gmux__connector_stage {
  GMUX__CONNECTOR_OFF = 0,
  GMUX__CONNECTOR_STARTING,
  GMUX__CONNECTOR_RESOLVING,
  GMUX__CONNECTOR_DIALING,
  GMUX__CONNECTOR_HANDED
} gmux__connector_stage;

/* How far an address got before it failed. */
typedef enum gmux__connector_reach {
  GMUX__REACH_NOTHING = 0,
  GMUX__REACH_DIAL, /* not connected */
  GMUX__REACH_TLS,  /* connected, but TLS could not be agreed on */
  GMUX__REACH_GREETING
} gmux__connector_reach;

enum { GMUX__CONNECTOR_WHY = 320 };

typedef struct gmux__connector {
  gmux_loop *loop;
  const gmux__target *target; /* outlives it */
  const gmux__connector_handlers *handlers;
  void *owner;
  gmux__connector_stage stage;
  uint64_t deadline_ns, step_started_ns; /* a step: the look-up, or one address */
  gmux__task start_task;
  gmux__timer timer; /* of the look-up, or of one address */
  gmux__resolve *resolve;
  gmux__dial *dial;
  gmux__address *found;        /* what DNS said; NULL: the target has its own */
  size_t count, next;          /* addresses; [next - 1] is the current one */
  gmux__connector_reach reach; /* of the address that `why` is about; NOTHING: of none */
  char why[GMUX__CONNECTOR_WHY];
} gmux__connector;

void gmux__connector_init(gmux__connector *c, gmux_loop *loop, const gmux__target *target,
                          const gmux__connector_handlers *handlers, void *owner);
void gmux__connector_deinit(gmux__connector *c); /* stops it */

/* OFF only. Nothing happens before the end of this turn, and nothing fails at once. */
void gmux__connector_start(gmux__connector *c, uint64_t deadline_ns);
/* HANDED only: the current address was no good, for this reason. */
void gmux__connector_next(gmux__connector *c, gmux__connector_reach reach, const char *why);
void gmux__connector_stop(gmux__connector *c);

static inline bool gmux__connector_is_on(const gmux__connector *c) {
  return c->stage != GMUX__CONNECTOR_OFF;
}
/* Why the attempt failed: "connect to ipv4:127.0.0.1:80: connection refused", of its addresses the
 * one that got furthest, the last of equals. "" before the first failure. */
const char *gmux__connector_why(const gmux__connector *c);
/* DIALING and HANDED: the address that is tried. */
const char *gmux__connector_address(const gmux__connector *c, char text[GMUX__ADDRESS_TEXT]);
/* How long the look-up or the current address has taken, for words. */
uint64_t gmux__connector_spent_ms(gmux__connector *c);
/* What it is at: "connecting to ipv4:127.0.0.1:80". */
void gmux__connector_explain(const gmux__connector *c, char *text, size_t len);

#endif
