/*
 * endpoint.h: all connections to one place: a target whose addresses mean the same server.
 *
 * It knows how to get a connection (connector, TLS, HTTP/2, backoff) and which one takes calls; its
 * owner, the channel, knows whether one is wanted. There is at most one connection for new calls,
 * beside those that drain. (A pool and its decisions will stand here; the questions that the owner
 * asks stay.)
 *
 *     a connection:  greeting --READY--> ready --GOAWAY, dropped--> draining --last call--> gone
 *                    any --lost--> gone;  greeting --late, stopped--> abandoned --closed--> gone
 *
 * What the owner sees is made of facts, so it cannot drift from them:
 *     READY               a connection is ready
 *     CONNECTING          an attempt runs
 *     TRANSIENT_FAILURE   the last attempt failed. It stays so, also when the backoff is over and
 *                         nobody wants a connection (gRPC's "sticky" failure), until an attempt
 *                         starts
 *     IDLE                nothing of all that
 *
 * All on the loop's thread.
 */
#ifndef GMUX__CLIENT_ENDPOINT_H
#define GMUX__CLIENT_ENDPOINT_H

#include "lib/client/connector.h"
#include "lib/h2/conn.h"
#include "lib/io/tls.h"
#include "lib/policy/backoff.h"
#include <gmux/channel.h>

typedef struct gmux__endpoint gmux__endpoint;

/* A connection as its calls see it. Stays until the last of them lets go of it, because they may be
 * asked for their server's address after it is gone. */
typedef struct gmux__line {
  gmux__link link; /* in one of its endpoint's lists; in none: gone */
  gmux__endpoint *endpoint;
  gmux__conn *conn; /* NULL: gone */
  size_t holds;     /* one of the connection, one of each call that was put on it */
  uint64_t calls;   /* that have been put on it, ever */
  char peer[GMUX__ADDRESS_TEXT];
} gmux__line;

/* A call has been put on it: the call holds it from now on. */
void gmux__line_take_call(gmux__line *line);
void gmux__line_release(gmux__line *line); /* takes NULL */

typedef struct gmux__endpoint_handlers {
  /* Something changed: an attempt started or failed, a connection came, drains or went, or the
   * backoff is over. Never from inside a function of this header. */
  void (*on_change)(void *owner);
  /* Calls may find a place. */
  void (*on_room)(void *owner);
  /* An attempt has failed: who does not want to wait for the next one should hear of it. Before its
   * on_change. */
  void (*on_failed)(void *owner);
} gmux__endpoint_handlers;

typedef struct gmux__endpoint_config {
  const gmux__target *target; /* all of these outlive the endpoint */
  gmux__h2 *h2;
  gmux_tls *tls; /* NULL: cleartext */
  const char *tls_host;
  gmux__backoff_config backoff;
} gmux__endpoint_config;

struct gmux__endpoint {
  gmux_loop *loop;
  gmux__endpoint_config config;
  const gmux__endpoint_handlers *handlers;
  void *owner;
  gmux__tls_session *session; /* to resume; NULL without TLS */
  gmux__connector connector;
  gmux__backoff backoff;
  uint64_t not_before_ns; /* no attempt may start earlier */
  gmux__timer backoff_timer;
  gmux__list greeting;  /* of gmux__line: made by the attempt that runs; at most one */
  gmux__list ready;     /* takes calls; at most one */
  gmux__list draining;  /* finish their calls */
  gmux__list abandoned; /* closed by us, not gone yet */
  bool has_failed;      /* the last attempt */
  bool is_closed;
  uint64_t made;   /* connections that became READY */
  uint64_t failed; /* attempts */
  char why[GMUX__CONNECTOR_WHY];
};

/* GMUX_ERR_NOMEM; any thread. */
int gmux__endpoint_init(gmux__endpoint *e, gmux_loop *loop, const gmux__endpoint_config *config,
                        const gmux__endpoint_handlers *handlers, void *owner);
/* When gmux__endpoint_is_gone, or nothing was ever asked of it. */
void gmux__endpoint_deinit(gmux__endpoint *e);

/* Gets a connection, as soon as the backoff allows; does nothing where one is there or on its way.
 */
void gmux__endpoint_connect(gmux__endpoint *e);
/* The next attempt need not wait. */
void gmux__endpoint_reset_backoff(gmux__endpoint *e);
/* The ready connection takes no more calls and goes when it has none. */
void gmux__endpoint_drop(gmux__endpoint *e);
/* Ends all connections and attempts; on_change comes when they are gone. */
void gmux__endpoint_close(gmux__endpoint *e, const char *why);

gmux_channel_state gmux__endpoint_state(const gmux__endpoint *e);
/* The connection for the next call; NULL: none has room. */
gmux__line *gmux__endpoint_pick(gmux__endpoint *e);
/* The last attempt failed and the next must not start yet: calls that do not wait fail at once. */
bool gmux__endpoint_is_held_back(gmux__endpoint *e);
/* Nothing is left of it in the loop. */
bool gmux__endpoint_is_gone(const gmux__endpoint *e);
/* READY or DRAINING. */
size_t gmux__endpoint_connections(const gmux__endpoint *e);
/* Why the last attempt failed, or the last connection was lost; "" when neither has happened. */
const char *gmux__endpoint_why(const gmux__endpoint *e);
/* What a call that waits is waiting for: "for a connection: ...", "for a free stream ...". */
void gmux__endpoint_explain(const gmux__endpoint *e, char *text, size_t len);

#endif
