/*
 * conn.h: one HTTP/2 connection, either role.
 *
 * A connection is made without a transport (DIALING), started with one, and then lives by itself:
 * TLS handshake, SETTINGS, streams, flow control, GOAWAY, end. It decides nothing about when to
 * dial, how long to wait or which call goes where; that is its owner's (a channel, a server), which
 * is told through handlers. It watches its peer by itself: PINGs, and a deadline for each phase.
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

#include "lib/base/machine.h"
#include "lib/h2/stream.h"
#include "lib/io/loop.h"
#include "lib/policy/abuse.h"
#include "lib/policy/pulse.h"
#include "lib/policy/strikes.h"
#include "lib/watch/counter.h"
#include "lib/watch/ring.h"

typedef enum gmux__conn_state {
  GMUX__CONN_DIALING = 0, /* no transport yet */
  GMUX__CONN_SECURING,    /* TLS handshake */
  GMUX__CONN_GREETING,    /* ours are sent; the peer's SETTINGS have not come */
  GMUX__CONN_READY,       /* streams may be opened */
  GMUX__CONN_DRAINING,    /* no new streams; those there finish */
  GMUX__CONN_CLOSED
} gmux__conn_state;

extern const gmux__machine gmux__conn_machine;
const char *gmux__conn_state_str(gmux__conn_state state);

/*
 * What all connections of one channel or one server share: nghttp2's callbacks and options, limits,
 * figures, and the free list of outgoing messages. Belongs to one loop; must outlive its
 * connections and streams.
 */
typedef struct gmux__h2_config {
  bool is_server;
  uint32_t
      max_streams; /* client: own cap beside the peer's limit; server: announced and enforced */
  uint32_t stream_window_bytes;     /* announced */
  uint32_t connection_window_bytes; /* announced */
  uint32_t max_window_bytes;        /* how wide they become where the path needs it; 0: they stay */
  bool is_stream_window_fixed, is_connection_window_fixed; /* they stay all the same */
  uint32_t max_header_bytes;                               /* announced, and enforced by us */

  gmux__pulse_config pulse;               /* keepalive, suspicion; of connections made from now on;
                                             timeout_ns 0: no PINGs at all */
  gmux__strikes_config strikes;           /* server */
  gmux__abuse_config abuse;               /* resets: server */
  uint32_t reset_burst, reset_rate_per_s; /* RST_STREAM of ours; 0, 0: not paced */
  uint32_t eager_streams;                 /* client: may be opened in GREETING */
  bool distrusts_refused;                 /* client: REFUSED_STREAM proves nothing */
  uint64_t drain_ns;                      /* client: how long DRAINING may last; 0: no bound */
  uint64_t settings_ack_ns; /* until the peer must have acknowledged our SETTINGS; 0: no bound */
  uint64_t header_block_ns; /* from a header block's first frame to its last; 0: no bound */
  uint64_t write_stall_ns;  /* for how long a transport may take nothing; 0: no bound */
  uint64_t body_stall_ns;   /* server: for how long who owes bytes may send none; 0: no bound */
  size_t connection_queue_bytes; /* see gmux__stream_handlers.on_queue; 0: no bound */
  size_t queue_bytes;            /* of all streams together, also waiting ones; 0: no bound */
  const gmux__codecs *codecs;    /* borrowed; NULL: what is built in */
  uint64_t max_memory_bytes;     /* see budget.h; windows and queues are smaller then; 0: no ceiling
                                  */
} gmux__h2_config;

/* As the options of channel.h and server.h have them: 0 of the first two is what the path needs. */
void gmux__h2_config_windows(gmux__h2_config *config, uint32_t stream_bytes,
                             uint32_t connection_bytes, uint32_t max_bytes);

/* What a connection is ended for by us, with ENHANCE_YOUR_CALM. PINGs have a law of their own. */
typedef enum gmux__abuse_kind {
  GMUX__ABUSE_RESETS = 0, /* server: calls that are started and taken back, streams made to break */
  GMUX__ABUSE_CHATTER,    /* frames that carry nothing */
  GMUX__ABUSE_HEADERS,    /* metadata far over the limit, or in too many frames */
  GMUX__ABUSE_UNREAD,     /* it makes us answer and does not read */
  GMUX__ABUSES
} gmux__abuse_kind;

/* Sums over all connections, dead ones included. */
typedef struct gmux__h2_figures {
  gmux__counter pings_sent, pings_acked; /* ours: keepalive, suspicion, validation */
  gmux__counter pings_received, pings_bad, too_many_pings; /* server: the last one by us */
  gmux__counter suspicions, validations;
  gmux__counter deaths; /* by a PING that was not answered, a write stall, or the kernel's word */
  gmux__counter goaways[GMUX_H2_CODES]; /* received */
  gmux__counter resets_sent, resets_delayed, resets_received;
  gmux__counter resets_waiting; /* now: streams that hold a slot until their RST_STREAM may leave */
  gmux__counter streams_refused;      /* server: with REFUSED_STREAM */
  gmux__counter abuses[GMUX__ABUSES]; /* connections that we ended for it */
  gmux__counter bytes_sent, bytes_received;
  /* Under a ceiling: given now; messages that waited, and a server's clients that want more
   * streams.
   */
  gmux__counter memory_bytes, memory_waits;
} gmux__h2_figures;

int gmux__h2_new(gmux__h2 **out, gmux_loop *loop, const gmux__h2_config *config);
void gmux__h2_free(gmux__h2 *h2); /* takes NULL */
/* Of the library that is in use: "1.52.0". A distribution's patches do not show in it. */
const char *gmux__h2_nghttp2_version(void);
gmux__h2_figures *gmux__h2_get_figures(gmux__h2 *h2);
/* gmux_bytes_release, on the loop's thread, of what may be a message that was received: its memory
 * is kept for the next one. */
void gmux__h2_release(gmux__h2 *h2, gmux_bytes *bytes);
/* From now on that memory is not kept, and what is kept goes: there is no next message, but the
 * owner may be there for as long as somebody holds one of its calls. No timer of its is set then.
 */
void gmux__h2_keep_nothing(gmux__h2 *h2);
/* Server, under a ceiling: how many connections it leaves room for; without: UINT32_MAX. */
uint32_t gmux__h2_connections_max(const gmux__h2 *h2);
/* Client, under a ceiling: whether a further call may be put on a stream; one has been, one is off
 * it. */
bool gmux__h2_may_begin(const gmux__h2 *h2);
void gmux__h2_begin(gmux__h2 *h2);
void gmux__h2_end(gmux__h2 *h2);
/* For connections made from now on (too_many_pings). */
void gmux__h2_set_keepalive(gmux__h2 *h2, uint64_t keepalive_ns);
/* For tests of promise 13: client connections made from now on begin with this odd id. */
void gmux__h2_set_first_stream_id(gmux__h2 *h2, int32_t id);

/* What one connection has carried. Times are the loop's; 0: it has not happened. */
typedef struct gmux__conn_tally {
  uint64_t streams_started;   /* client: their HEADERS have left; server: have come */
  uint64_t streams_succeeded; /* the server's END_STREAM has come, or left */
  uint64_t streams_failed;    /* over without that; the rest is open */
  uint64_t messages_sent, messages_received;
  uint64_t keepalives_sent;      /* PINGs for keepalive alone */
  uint64_t stream_ns;            /* the last stream was started */
  uint64_t sent_ns, received_ns; /* the last message was framed; was delivered */
} gmux__conn_tally;

typedef struct gmux__conn_handlers {
  /* GREETING: TLS, where there is any, has been agreed on; eager streams may be opened. Once,
   * client. May be NULL. */
  void (*on_greeting)(gmux__conn *conn, void *owner);
  /* READY: the peer's SETTINGS are here. Once. May be NULL. */
  void (*on_ready)(gmux__conn *conn, void *owner);
  /* Slots came free, or the peer changed its limit: a waiting call may be placed. Client. May be
   * NULL. */
  void (*on_slots)(gmux__conn *conn, void *owner);
  /* No new streams here: DRAINING, or CLOSED with on_closed still waiting for an answer to be
   * taken. At most once. May be NULL. */
  void (*on_draining)(gmux__conn *conn, void *owner);
  /* It has become SUSPECT or is trusted again, or a validation has succeeded: the picker is to look
   * anew. Client. May be NULL. */
  void (*on_trust)(gmux__conn *conn, void *owner);
  /* 75 % of its stream ids are used up (promise 13): it is to be replaced. Once, client, may be
   * NULL. */
  void (*on_worn)(gmux__conn *conn, void *owner);
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
 * accepted; `why` ("max_age") is its debug text, and both sides' words. Before READY this is close.
 * Idempotent; the first reason stays. */
void gmux__conn_drain(gmux__conn *conn, const char *why);

/* Ends it: GOAWAY(h2_code, debug text `why`) as far as it can leave without waiting, streams are
 * LOST with the words `why`, the transport is closed. on_closed follows in this turn. Idempotent;
 * the first reason stays. Never fails. */
void gmux__conn_close(gmux__conn *conn, int error, uint32_t h2_code, const char *why);

/* After on_closed (or in it), or in DIALING. Takes NULL. Memory goes at the end of the turn. */
void gmux__conn_free(gmux__conn *conn);

gmux__conn_state gmux__conn_get_state(const gmux__conn *conn);
uint32_t gmux__conn_free_slots(const gmux__conn *conn); /* in GREETING: eager ones */
size_t gmux__conn_stream_count(const gmux__conn *conn); /* with an owner */
/* Slots taken: streams, and those that are only waiting for their RST_STREAM. Client. */
uint32_t gmux__conn_used_slots(const gmux__conn *conn);
uint32_t gmux__conn_slot_limit(
    const gmux__conn *conn); /* min(peer's, own cap); 0 before SETTINGS */
/* What the peer's SETTINGS said: UINT32_MAX, no limit; 0 also before they came. */
uint32_t gmux__conn_peer_limit(const gmux__conn *conn);
const gmux__conn_tally *gmux__conn_get_tally(const gmux__conn *conn);
/* DATA that may be sent, or may come, on all its streams together before the window is opened
 * further, bytes; 0 before SECURING is behind it. What the peer may send is what it knows by now.
 */
int32_t gmux__conn_send_window(const gmux__conn *conn);
int32_t gmux__conn_recv_window(const gmux__conn *conn);
/* A PING is unanswered for longer than it should be: new calls go elsewhere. */
bool gmux__conn_is_suspect(const gmux__conn *conn);
/* Its transport takes nothing at the moment; for how long already, 0: it is not blocked. */
bool gmux__conn_is_blocked(const gmux__conn *conn);
uint64_t gmux__conn_blocked_ns(const gmux__conn *conn);
/* What waits to be framed, and what is and has not left, bytes. */
size_t gmux__conn_queued_bytes(const gmux__conn *conn);
/* When the last byte came; when it was started before the first one. */
uint64_t gmux__conn_read_ns(const gmux__conn *conn);
uint64_t gmux__conn_rtt_ns(const gmux__conn *conn); /* smoothed; 0: unknown */
/* The peer's SETTINGS, or what holds where it did not say; after the first of them have come. */
typedef struct gmux__conn_settings {
  uint32_t table_bytes, max_streams, window_bytes, frame_bytes, header_list_bytes;
} gmux__conn_settings;
gmux__conn_settings gmux__conn_get_settings(const gmux__conn *conn);
/* READY: sends a PING before a call is committed to it; on_trust follows when anything comes, or
 * when it has become SUSPECT. False: none was sent, because the peer's policy might count it
 * against us; it counts as valid. Until then gmux__conn_is_validating. */
bool gmux__conn_validate(gmux__conn *conn);
bool gmux__conn_is_validating(const gmux__conn *conn);
/* The peer's last GOAWAY; false: none. */
bool gmux__conn_goaway(const gmux__conn *conn, uint32_t *h2_code);
/* That was ENHANCE_YOUR_CALM "too_many_pings". */
bool gmux__conn_is_over_pinged(const gmux__conn *conn);
/* CLOSED or DRAINING: the first cause. */
gmux_loss gmux__conn_loss(const gmux__conn *conn);
/* Why it was closed, and as an error code; "" and 0 before. Valid until the memory goes. */
const char *gmux__conn_why(const gmux__conn *conn);
/* The same without the peer's address that it starts with. */
const char *gmux__conn_why_alone(const gmux__conn *conn);
int gmux__conn_error(const gmux__conn *conn);
/* SECURING is behind it: TLS, where there is any, has been agreed on. Stays so. */
bool gmux__conn_has_greeted(const gmux__conn *conn);
/* NULL before the transport is there. */
const gmux__transport_info *gmux__conn_info(const gmux__conn *conn);
/* gmux__transport_certificate of it; GMUX_ERR_NOT_FOUND before the transport is there. */
int gmux__conn_certificate(const gmux__conn *conn, bool is_peers, gmux_bytes *der);
/* "ipv4:127.0.0.1:443"; "" before the transport is there. */
const char *gmux__conn_peer(const gmux__conn *conn);
/* 1 for the first connection of its loop, and so on: several have the same peer. */
uint64_t gmux__conn_number(const gmux__conn *conn);
/* A line of the log, after "connection 3 (ipv4:127.0.0.1:443): ". */
void gmux__conn_log(const gmux__conn *conn, gmux_log_level level, const char *room,
                    const char *format, ...) GMUX_PRINTF(4, 5);
const gmux__ring *gmux__conn_ring(const gmux__conn *conn);

#endif
