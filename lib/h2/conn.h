/*
 * conn.h: one HTTP/2 connection, either role.
 *
 * A connection is made without a transport (DIALING), started with one, and then lives by itself:
 * TLS handshake, SETTINGS, streams, flow control, GOAWAY, end. It decides nothing about when to
 * dial, how long to wait or which call goes where; that is its owner's (a channel, a server), which
 * is told through handlers.
 *
 *     DIALING --start--> SECURING --TLS done--> GREETING --peer's SETTINGS--> READY
 *     READY --GOAWAY either way, ids used up--> DRAINING --last stream ended--> CLOSED
 *     any --close, lost, protocol error--> CLOSED
 *
 * on_closed comes exactly once, as the last handler, and never from inside a function of this
 * header; every stream has had its on_closed before. Then, or in it, the owner frees the
 * connection.
 */
#ifndef GMUX__H2_CONN_H
#define GMUX__H2_CONN_H

#include "lib/h2/stream.h"
#include "lib/io/loop.h"
#include "lib/watch/ring.h"

typedef enum gmux__conn_state {
  GMUX__CONN_DIALING = 0, /* no transport yet */
  GMUX__CONN_SECURING,    /* TLS handshake */
  GMUX__CONN_GREETING,    /* ours are sent; the peer's SETTINGS have not come */
  GMUX__CONN_READY,       /* streams may be opened */
  GMUX__CONN_DRAINING,    /* no new streams; those there finish */
  GMUX__CONN_CLOSED
} gmux__conn_state;

const char *gmux__conn_state_str(gmux__conn_state state);

/*
 * What all connections of one channel or one server share: nghttp2's callbacks and options, limits,
 * and the free list of outgoing messages. Belongs to one loop; must outlive its connections and
 * streams.
 */
typedef struct gmux__h2_config {
  bool is_server;
  uint32_t
      max_streams; /* client: own cap beside the peer's limit; server: announced and enforced */
  uint32_t stream_window_bytes;     /* announced */
  uint32_t connection_window_bytes; /* announced */
  uint32_t max_header_bytes;        /* announced, and enforced by us */
} gmux__h2_config;

int gmux__h2_new(gmux__h2 **out, gmux_loop *loop, const gmux__h2_config *config);
void gmux__h2_free(gmux__h2 *h2); /* takes NULL */

typedef struct gmux__conn_handlers {
  /* READY: the peer's SETTINGS are here. Once. May be NULL. */
  void (*on_ready)(gmux__conn *conn, void *owner);
  /* Slots came free, or the peer changed its limit: a waiting call may be placed. Client. May be
   * NULL. */
  void (*on_slots)(gmux__conn *conn, void *owner);
  /* No new streams here: DRAINING, or CLOSED with on_closed still waiting for an answer to be
   * taken. At most once. May be NULL. */
  void (*on_draining)(gmux__conn *conn, void *owner);
  void (*on_closed)(gmux__conn *conn, void *owner);
  /* Server: a new request. Returns the stream of a new call, initialised, or NULL to refuse it
   * (REFUSED_STREAM). Called from inside nghttp2: must not call back or run the application's code.
   */
  gmux__stream *(*on_stream)(gmux__conn *conn, void *owner);
} gmux__conn_handlers;

/* `handlers` must outlive it. GMUX_ERR_NOMEM. */
int gmux__conn_new(gmux__conn **out, gmux__h2 *h2, const gmux__conn_handlers *handlers,
                   void *owner);

/* Takes the transport (whatever becomes of it) and goes on to SECURING; what fails from here on is
 * told by on_closed. */
void gmux__conn_start(gmux__conn *conn, gmux__transport *transport);

/* No new streams; those there finish; then CLOSED. A server tells its peer in two steps: GOAWAY
 * with the highest id, a PING, and when that is answered (or after 10 s) GOAWAY with the last id it
 * accepted. Before READY this is close. Idempotent. */
void gmux__conn_drain(gmux__conn *conn);

/* Ends it: GOAWAY(h2_code, debug text `why`) as far as it can leave without waiting, streams are
 * LOST with the words `why`, the transport is closed. on_closed follows in this turn. Idempotent;
 * the first reason stays. Never fails. */
void gmux__conn_close(gmux__conn *conn, int error, uint32_t h2_code, const char *why);

/* After on_closed (or in it), or in DIALING. Takes NULL. Memory goes at the end of the turn. */
void gmux__conn_free(gmux__conn *conn);

gmux__conn_state gmux__conn_get_state(const gmux__conn *conn);
uint32_t gmux__conn_free_slots(const gmux__conn *conn);
size_t gmux__conn_stream_count(const gmux__conn *conn);
/* Why it was closed, and as an error code; "" and 0 before. Valid until the memory goes. */
const char *gmux__conn_why(const gmux__conn *conn);
int gmux__conn_error(const gmux__conn *conn);
/* SECURING is behind it: TLS, where there is any, has been agreed on. Stays so. */
bool gmux__conn_has_greeted(const gmux__conn *conn);
/* NULL before the transport is there. */
const gmux__transport_info *gmux__conn_info(const gmux__conn *conn);
/* "ipv4:127.0.0.1:443"; "" before the transport is there. */
const char *gmux__conn_peer(const gmux__conn *conn);
const gmux__ring *gmux__conn_ring(const gmux__conn *conn);

#endif
