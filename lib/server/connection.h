/*
 * connection.h: one client's connection, from accept to its end.
 *
 *     HANDSHAKING --the client's SETTINGS (conn_on_ready)--> SERVING
 *     SERVING --too old, idle (conn_review), the server drains (gmux__server_conn_drain)--> LEAVING
 *     LEAVING --its last call has ended, or its grace is over (conn_on_timer)--> GONE
 *     any --lost, closed, left by its client (conn_on_closed)--> GONE
 *
 * HANDSHAKING  from accept through TLS to the client's SETTINGS, within handshake_timeout_ms
 * SERVING      takes calls; looked at when it might be too old or idle
 * LEAVING      the client knows that it is to go elsewhere; calls finish
 * GONE         in no list; the memory stays while calls do, which show its peer
 *
 * It is in its server's list of its state, so that the lists are the counts. Loop's thread.
 */
#ifndef GMUX__SERVER_CONNECTION_H
#define GMUX__SERVER_CONNECTION_H

#include "lib/base/machine.h"
#include "lib/h2/conn.h"
#include <gmux/server.h>

typedef enum gmux__server_conn_state {
  GMUX__SERVER_CONN_HANDSHAKING = 0,
  GMUX__SERVER_CONN_SERVING,
  GMUX__SERVER_CONN_LEAVING,
  GMUX__SERVER_CONN_GONE
} gmux__server_conn_state;

extern const gmux__machine gmux__server_conn_machine;
const char *gmux__server_conn_state_str(gmux__server_conn_state state);

typedef struct gmux__server_conn {
  gmux_server *server;
  gmux__conn *conn; /* NULL: GONE */
  gmux__server_conn_state state;
  gmux__link link; /* in the server's list of this state */
  /* HANDSHAKING: its time is up. SERVING: it may be too old, or idle. LEAVING: its grace is over.
   */
  gmux__timer timer;
  uint64_t old_at_ns;     /* GMUX__NEVER: it does not grow old */
  uint64_t cut_at_ns;     /* the end of the grace after that; GMUX__NEVER: there is none */
  uint64_t idle_ns;       /* how long it may be without a call; GMUX__NEVER: for ever */
  uint64_t idle_since_ns; /* when running is 0: since when */
  size_t running;         /* calls that are not over */
  size_t calls;           /* calls that have memory still */
  char peer[GMUX__ADDRESS_TEXT];
  char *peer_name; /* of the verified certificate; NULL: none. Both are known from SERVING on */
} gmux__server_conn;

/* Takes the transport, whatever becomes of it. `tls` NULL: cleartext. */
void gmux__server_accept(gmux_server *server, gmux_tls *tls, gmux__transport *transport);

/* The client is told to go elsewhere, and why; calls finish. In HANDSHAKING it is closed. */
void gmux__server_conn_drain(gmux__server_conn *c, const char *why);

/* A call of it begins, is over, and gives up its memory; the last may free the connection. */
void gmux__server_conn_call_begun(gmux__server_conn *c);
void gmux__server_conn_call_over(gmux__server_conn *c);
void gmux__server_conn_call_gone(gmux__server_conn *c);

#endif
