/*
 * endpoint.h: the pool of connections to one place: a target whose addresses mean the same server.
 *
 * It knows how to get a connection (connector, TLS, HTTP/2, backoff), which one takes the next call
 * and which one has to go; its owner, the channel, tells what it needs (gmux__endpoint_drive). The
 * decisions themselves are lib/policy/pool.h's. The states of a connection are in line.h.
 *
 * One attempt to connect runs at a time, whoever wants it: calls that wait, min_connections, the
 * replacement of a connection that is to be recycled, growth because all are at their ideal. Until
 * it is over calls go on flowing over what is there. What is told to nobody fails nobody: an
 * attempt that fails while a trusted connection is there is tried again, and that is all.
 *
 * What the owner sees is made of facts, so it cannot drift from them:
 *     READY               a connection is ready
 *     CONNECTING          an attempt runs
 *     TRANSIENT_FAILURE   the last attempt failed, and there was nothing else. It stays so, also
 *                         when the backoff is over and nobody wants a connection (gRPC's "sticky"
 *                         failure), until an attempt starts
 *     IDLE                nothing of all that
 *
 * min_connections hold from the first need on (a call, connect, warm), not before.
 *
 * All on the loop's thread. endpoint.c: life and questions; dialing.c: attempts; pool.c: which line
 * takes a call, what is wanted, what must go.
 */
#ifndef GMUX__CLIENT_ENDPOINT_H
#define GMUX__CLIENT_ENDPOINT_H

#include "lib/client/figures.h"
#include "lib/client/line.h"
#include "lib/io/tls.h"
#include "lib/policy/backoff.h"
#include <gmux/channel.h>

typedef struct gmux__endpoint_handlers {
  /* Something changed: an attempt started or failed, a connection came, drains, went or has another
   * trust, a time is over. Never from inside a function of this header. */
  void (*on_change)(void *owner);
  /* Calls may find a place. */
  void (*on_room)(void *owner);
  /* What calls wait for (gmux__endpoint_wait) may be another thing now. */
  void (*on_wait)(void *owner);
  /* An attempt has failed, and no trusted connection is there: who does not want to wait for the
   * next one should hear of it. Before its on_change. */
  void (*on_failed)(void *owner);
  /* The server has counted too many PINGs: keepalive_ns is longer from now on. */
  void (*on_slower)(void *owner);
} gmux__endpoint_handlers;

typedef struct gmux__endpoint_config {
  const gmux__target *target;          /* all of these outlive the endpoint */
  const gmux_channel_options *options; /* no pointer of it is looked at */
  gmux__h2 *h2;
  gmux_tls *tls; /* NULL: cleartext */
  const char *tls_host;
  gmux__channel_figures *figures;
  gmux__ring *ring; /* of the channel */
} gmux__endpoint_config;

/* What the owner needs. */
typedef struct gmux__demand {
  size_t waiting;            /* calls without a place */
  uint64_t waiting_since_ns; /* the first of them; GMUX__NEVER: none */
  bool is_asked;             /* a connection is wanted, though no call waits */
} gmux__demand;

struct gmux__endpoint {
  gmux_loop *loop;
  gmux__endpoint_config config;
  gmux__pool_config pool;
  const gmux__endpoint_handlers *handlers;
  void *owner;
  gmux__connector connector;
  gmux__backoff backoff;
  uint64_t not_before_ns;   /* no attempt may start earlier */
  gmux__timer dial_timer;   /* the next attempt may start, or a call has waited for long */
  gmux__timer upkeep_timer; /* a line is too old, or idle for too long */
  gmux__task change_task;   /* on_change, from inside a function of this header */
  gmux__list greeting, ready, draining, abandoned; /* of gmux__line, by state */
  bool has_failed;          /* the last attempt, and there was nothing else */
  bool is_started;          /* somebody has needed a connection: min_connections hold */
  bool is_burst;            /* the attempt that runs: for a temporary one */
  bool has_overflowed;      /* a call was placed above ideal since the last connection came */
  bool is_successor_wanted; /* GOAWAY has come while calls ran, and nothing was made since */
  bool is_closed;
  uint32_t peer_limit;   /* of streams, as the newest connection's peer said; 0: unknown */
  uint64_t keepalive_ns; /* of connections made from now on; GMUX__PULSE_OFF: none */
  char why[GMUX__CONNECTOR_WHY];
};

/* Any thread. */
void gmux__endpoint_init(gmux__endpoint *e, gmux_loop *loop, const gmux__endpoint_config *config,
                         const gmux__endpoint_handlers *handlers, void *owner);
/* When gmux__endpoint_is_gone, or nothing was ever asked of it. */
void gmux__endpoint_deinit(gmux__endpoint *e);

/* Begins what is wanted now, as soon as backoff and jitter allow; to be called after each change of
 * the demand, and in on_change. */
void gmux__endpoint_drive(gmux__endpoint *e, const gmux__demand *demand);
/* The next attempt need not wait. */
void gmux__endpoint_reset_backoff(gmux__endpoint *e);
/* Every ready line is to be replaced, one after the other; DNS is asked again. */
void gmux__endpoint_rotate(gmux__endpoint *e);
/* PINGs of connections made from now on come at least so long after the last byte, if at all. */
void gmux__endpoint_slow_down(gmux__endpoint *e, uint64_t keepalive_ns);
/* The ready connections take no more calls and go when they have none. */
void gmux__endpoint_drop(gmux__endpoint *e);
/* Ends all connections and attempts; on_change comes when they are gone. */
void gmux__endpoint_close(gmux__endpoint *e, const char *why);

gmux_channel_state gmux__endpoint_state(const gmux__endpoint *e);
/* The connection for the next call; NULL: none has room, or the one that has is asked by a PING
 * first. */
gmux__line *gmux__endpoint_pick(gmux__endpoint *e);
/* While a connection is asked by a PING before its next call: so many streams are free for those
 * that wait for the answer. 0: none is asked. */
size_t gmux__endpoint_places_asked(const gmux__endpoint *e);
/* The last attempt failed, nothing else is there, and the next must not start yet: calls that do
 * not wait fail at once. */
bool gmux__endpoint_is_held_back(gmux__endpoint *e);
/* min_connections, at least one, are ready and trusted. */
bool gmux__endpoint_is_warm(const gmux__endpoint *e);
/* Nothing is left of it in the loop. */
bool gmux__endpoint_is_gone(const gmux__endpoint *e);
/* Why the last attempt failed, or the last connection was lost; "" when neither has happened since
 * a connection came. */
const char *gmux__endpoint_why(const gmux__endpoint *e);
/* What a call that waits is waiting for. */
gmux__wait gmux__endpoint_wait(gmux__endpoint *e);
/* The same in words: "for a connection: ...", "for a free stream ...". */
void gmux__endpoint_explain(const gmux__endpoint *e, char *text, size_t len);

#ifdef GMUX_DEBUG
void gmux__endpoint_check(const gmux__endpoint *e);
#else
static inline void gmux__endpoint_check(const gmux__endpoint *e) {
  (void)e;
}
#endif

/* ---- endpoint.c, line.c, dialing.c and pool.c among themselves ---- */

/* Tells the owner now; from a handler of a lower room. */
void gmux__endpoint_changed(gmux__endpoint *e);
/* Tells it later in this turn. */
void gmux__endpoint_changes(gmux__endpoint *e);
/* Ready ones that are not suspect. */
size_t gmux__endpoint_trusted(const gmux__endpoint *e);
/* For the channel's ring. */
void gmux__endpoint_note(gmux__endpoint *e, gmux__event_kind kind, uint64_t number, gmux_loss loss);
/* Shows the lengths of the lists to other threads. */
void gmux__endpoint_publish(gmux__endpoint *e);

/* dialing.c */
extern const gmux__connector_handlers gmux__endpoint_connector_handlers;
void gmux__endpoint_dial(gmux__endpoint *e); /* when none runs, and it may start */
/* Gives up the one that runs, if any: those that are GREETING are abandoned. */
void gmux__endpoint_stop_dialing(gmux__endpoint *e);
/* Success is the server's SETTINGS: the backoff starts afresh (gRPC connection-backoff). Returns
 * what the attempt would have had to wait for, in case the connection turns out to be of no use: a
 * server that greets and hangs up is not called again and again without a pause. */
uint64_t gmux__endpoint_succeed(gmux__endpoint *e);
/* A connection that was READY is lost or goes away: its successor waits for a random while. */
void gmux__endpoint_spread_redial(gmux__endpoint *e, const gmux__line *line);

/* pool.c */
/* A line has become READY: who is replaced by it, or too many, goes. */
void gmux__pool_on_ready(gmux__endpoint *e, gmux__line *line);
/* One is trusted again, or no longer: more may be there than allowed, or one that is idle. */
void gmux__pool_on_trust(gmux__endpoint *e);
/* A line has no call any more. */
void gmux__pool_on_idle(gmux__endpoint *e, gmux__line *line);
void gmux__pool_on_upkeep(void *arg);

#endif
