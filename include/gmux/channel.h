/*
 * channel.h: the way to one target.
 *
 * A channel resolves its target, connects when a call needs it, and carries calls over one HTTP/2
 * connection that many of them share. When the connection is lost, calls that run on it end with
 * UNAVAILABLE and the next call brings a new one, held back by gRPC's backoff while the server
 * cannot be reached. (A pool of connections, keepalive and transparent retries are to come; see
 * README.)
 *
 * States are gRPC's (Connectivity Semantics): IDLE, no connection and none wanted; CONNECTING;
 * READY; TRANSIENT_FAILURE, the last attempt failed: while the backoff runs calls fail at once with
 * that attempt's error (unless they wait_for_ready), and when it is over the next call, or who
 * asked to connect, starts another attempt and waits for it; SHUTDOWN, closed by the application.
 *
 * A channel belongs to its loop. It is made by gmux_channel_new, ended by gmux_channel_close and
 * let go of by gmux_channel_free; all functions here are safe from any thread unless said
 * otherwise.
 */
#ifndef GMUX_CHANNEL_H
#define GMUX_CHANNEL_H

#include <gmux/loop.h>
#include <gmux/tls.h>

GMUX_BEGIN_DECLS

typedef struct gmux_channel gmux_channel;

typedef enum gmux_channel_state {
  GMUX_CHANNEL_IDLE = 0,
  GMUX_CHANNEL_CONNECTING = 1,
  GMUX_CHANNEL_READY = 2,
  GMUX_CHANNEL_TRANSIENT_FAILURE = 3,
  GMUX_CHANNEL_SHUTDOWN = 4
} gmux_channel_state;

/* "IDLE", "TRANSIENT_FAILURE", ... */
GMUX_API const char *gmux_channel_state_str(gmux_channel_state state);

typedef struct gmux_channel_options {
  size_t size;
  /* Credentials; the channel keeps its own hold. NULL (default): a plain client's, i.e. TLS with
   * the system's store of authorities. */
  gmux_tls *tls;
  /* Default false. True: no TLS at all; anybody on the way can read and change everything. For
   * loopback, Unix sockets, and networks that are already encrypted. Not together with `tls`. */
  bool cleartext;
  /* The name that the certificate must be for, and SNI; NULL (default): the target's host. Copied.
   * To connect to an address while checking for a name. */
  const char *tls_host;
  /* :authority of every call; NULL (default): from tls_host or the target. Copied. For virtual
   * hosts. */
  const char *authority;
  /* Put before "grpc-c-gmux/version" in the user-agent header; NULL (default): nothing. Copied. */
  const char *user_agent;
  /* Largest message accepted, bytes, after decompression. Default 4194304 (4 MiB, as everywhere in
   * gRPC), 0..2^31-1. Checked before memory is spent. A call may set its own. */
  uint32_t max_recv_message_bytes;
  /* Largest message sent, bytes. Default 2^31-1: servers have limits of their own. */
  uint32_t max_send_message_bytes;
  /* Metadata accepted with a reply, bytes as RFC 9113 section 6.5.2 counts them; announced to the
   * server. Default 8192, 1024..1048576. */
  uint32_t max_recv_metadata_bytes;
  /* What a call queues before write says "full" (gmux_call_write). Default 65536, 1024..2^30.
   * Larger: fewer on_writable; smaller: less memory per slow call. */
  uint32_t write_queue_bytes;
  /* How much of one stream's data the peer may send before the application has taken it. Default
   * 262144, 65535..2^31-1. Larger for fat or far connections: throughput of one stream is at most
   * this per round trip. */
  uint32_t stream_window_bytes;
  /* The same for all streams of a connection together; it is given back as data arrives, so a slow
   * reader does not hold back others. Default 4194304, 65535..2^31-1. */
  uint32_t connection_window_bytes;
  /* Streams at once on a connection, beside the server's own limit. Default 100, 1..1000000. More
   * calls wait. */
  uint32_t max_concurrent_streams;
  /* Calls that may wait for a connection or a free stream; one more ends RESOURCE_EXHAUSTED at
   * once. Default 100000, 0..2^31-1. */
  uint32_t max_waiting;
  /* Backoff between attempts to connect: first, and longest (gRPC Connection Backoff; x 1.6, +-20
   * %). Defaults 1000 and 120000, 100..86400000; initial must not exceed max. */
  uint32_t initial_backoff_ms;
  uint32_t max_backoff_ms;
  /* Least time that one attempt (look-up, TCP, TLS and the server's SETTINGS) is given; the backoff
   * if that is longer. Of several addresses each gets an even share of it. Default 20000,
   * 100..3600000. */
  uint32_t connect_timeout_ms;
  /* Without any call for so long the connection is closed and the channel goes IDLE. Default
   * 1800000 (30 min, as all implementations), 1000..2^31-1; 0: never. */
  uint32_t idle_timeout_ms;
} gmux_channel_options;

/* Fills in the defaults. `size` is sizeof *options of the caller. Any thread. */
GMUX_API void gmux_channel_options_init(gmux_channel_options *options, size_t size);
/* 0, or GMUX_ERR_INVALID with the reason in why[0..len) (cut to fit; why may be NULL). Any thread.
 */
GMUX_API int gmux_channel_options_check(const gmux_channel_options *options, char *why, size_t len);

/*
 * A channel to `target`: "host:port", "1.2.3.4:80", "[::1]:80", "dns:///host:port",
 * "ipv4:1.2.3.4:80", "ipv6:[::1]:80", "unix:/path" (or "unix:///path", "unix:relative/path"),
 * "unix-abstract:name"; no "http://": that is what `tls` and `cleartext` say. Without a port it is
 * 443. Nothing is connected yet. `options` may be NULL, which is TLS with the system's store; what
 * it points to is copied. GMUX_ERR_INVALID (with words: target or options), GMUX_ERR_TLS (no system
 * store), GMUX_ERR_UNSUPPORTED (a scheme of other implementations), GMUX_ERR_NOMEM.
 */
GMUX_API int gmux_channel_new(gmux_channel **out, gmux_loop *loop, const char *target,
                              const gmux_channel_options *options);

/*
 * Ends the channel: the state becomes SHUTDOWN, every call that runs or waits ends with CANCELLED,
 * new ones are refused with GMUX_ERR_CLOSED. on_closed (may be NULL) comes once, from the loop,
 * when all calls have ended and the connection is gone; only a call that another thread was just
 * starting may end (with CANCELLED) after it. Closing twice does nothing; its on_closed never
 * comes.
 */
GMUX_API void gmux_channel_close(gmux_channel *channel, void (*on_closed)(void *user_data),
                                 void *user_data);

/* Lets go of the channel, closing it if it is not closed; takes NULL. Allowed at any time: calls
 * that run end with CANCELLED, and their handlers come. Memory goes when its last call is freed. */
GMUX_API void gmux_channel_free(gmux_channel *channel);

/* The state now. With try_to_connect, in IDLE or TRANSIENT_FAILURE, a start towards READY: attempts
 * go on, held back by the backoff, until it is reached. NULL is SHUTDOWN. */
GMUX_API gmux_channel_state gmux_channel_get_state(gmux_channel *channel, bool try_to_connect);

/*
 * Calls `fn` once, from the loop, when the state is another than `last` (soon, if it already is).
 * GMUX_ERR_NOMEM, GMUX_ERR_CLOSED when it is SHUTDOWN. A watch that is pending when the channel
 * closes sees SHUTDOWN.
 */
GMUX_API int gmux_channel_watch_state(gmux_channel *channel, gmux_channel_state last,
                                      void (*fn)(gmux_channel_state state, void *user_data),
                                      void *user_data);

/* Blocks until READY, connecting if need be: 0; GMUX_ERR_TIMEOUT (with the last attempt's error in
 * words), GMUX_ERR_CLOSED, GMUX_ERR_DEADLOCK on the loop's thread. timeout_ms < 0: no limit. */
GMUX_API int gmux_channel_connect_wait(gmux_channel *channel, int64_t timeout_ms);

/* The next attempt to connect starts at once, whatever the backoff says. */
GMUX_API void gmux_channel_reset_backoff(gmux_channel *channel);

/* Figures of a moment; every one is documented. Sized like options. */
typedef struct gmux_channel_stats {
  size_t size;
  uint64_t calls_started;
  uint64_t calls_succeeded; /* ended with OK */
  uint64_t
      calls_failed; /* ended with anything else; started = succeeded + failed + running + waiting */
  uint32_t calls_running;    /* on a stream */
  uint32_t calls_waiting;    /* for a connection or a free stream */
  uint32_t streams_peak;     /* most on a stream at once, ever */
  uint32_t connections;      /* READY or DRAINING now */
  uint64_t connections_made; /* that became READY, ever */
  uint64_t dials_failed;     /* attempts that did not become READY */
} gmux_channel_stats;

/* Fills *stats (its `size` set by the caller). GMUX_ERR_INVALID. The figures are of one moment only
 * when called on the loop's thread. */
GMUX_API int gmux_channel_get_stats(gmux_channel *channel, gmux_channel_stats *stats);

GMUX_END_DECLS

#endif
