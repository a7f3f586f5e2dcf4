/*
 * channel.h: the way to one target.
 *
 * A channel resolves its target, connects when a call needs it, and carries calls over a small pool
 * of HTTP/2 connections that many of them share. It watches them with PINGs, replaces them before
 * they are needed, and goes on when a server restarts, drains or falls silent: what can be proven
 * not to have reached the server's application is sent again, what cannot ends with UNAVAILABLE
 * unless it was marked idempotent. doc/connection-management.md tells which option is for what.
 *
 * States are gRPC's (Connectivity Semantics): IDLE, no connection and none wanted; CONNECTING;
 * READY; TRANSIENT_FAILURE, the last attempt failed: while the backoff runs calls fail at once with
 * that attempt's error (unless they wait_for_ready), and when it is over the next call, or who
 * asked to connect, starts another attempt and waits for it; SHUTDOWN, closed by the application.
 *
 * A channel belongs to its loop. It is made by gmux_channel_new, ended by gmux_channel_close and
 * let go of by gmux_channel_free; all functions here are safe from any thread unless said
 * otherwise, but not in a signal handler (server.h tells what a program does on a signal).
 */
#ifndef GMUX_CHANNEL_H
#define GMUX_CHANNEL_H

#include <gmux/bytes.h>
#include <gmux/codec.h>
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

typedef enum gmux_pick_order {
  GMUX_PICK_PACK = 0,  /* the fullest below ideal_streams, so that spare connections can go idle */
  GMUX_PICK_SPREAD = 1 /* the least loaded */
} gmux_pick_order;

#define GMUX_NEVER_MS UINT32_MAX

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
  /* What a call queues before write says "full" (gmux_call_write); each message counts 133 bytes
   * beside its own, for what it costs while it waits. Default 65536, 1024..2^30. Larger: fewer
   * on_writable; smaller: less memory per slow call. */
  uint32_t write_queue_bytes;
  /* How much of one stream's data the peer may send before the application has taken it. Default 0:
   * 262144 at first, and then what the path needs (max_window_bytes). 65535..2^31-1: just that;
   * throughput of one stream is at most this per round trip. */
  uint32_t stream_window_bytes;
  /* The same for all streams of a connection together; it is given back as data arrives, so a slow
   * reader does not hold back others. Default 0: 4194304 at first, and then what the path needs,
   * which may be less. 65535..2^31-1: just that; less where small calls that have to be quick share
   * a connection with large ones. */
  uint32_t connection_window_bytes;
  /* Streams at once on a connection, the hard limit beside the server's own. Default 1000,
   * 1..1000000. More calls go to another connection, or wait. */
  uint32_t max_concurrent_streams;
  /* Calls that may wait for a connection or a free stream; one more ends RESOURCE_EXHAUSTED at
   * once. Beside them may wait as many as streams are free on connections that answer a PING first
   * (validate_after_ms). Default 100000, 0..2^31-1; 0: without a connection no call is taken, but
   * the first one brings it. */
  uint32_t max_waiting;
  /* Backoff between attempts to connect: first, and longest (gRPC Connection Backoff; x 1.6, +-20
   * %). Defaults 1000 and 120000, 100..86400000; initial must not exceed max. */
  uint32_t initial_backoff_ms;
  uint32_t max_backoff_ms;
  /* Least time that one attempt (look-up, TCP, TLS and the server's SETTINGS) is given, for all
   * addresses together; the backoff if that is longer. Default 20000, 100..3600000. */
  uint32_t connect_timeout_ms;
  /* Without any call for so long all connections are closed and the channel goes IDLE. Default
   * 1800000 (30 min, as all implementations), 1000..2^31-1; 0: never. Not with min_connections. */
  uint32_t idle_timeout_ms;

  /* ---- the pool ---- */

  /* A connection with so many streams is full enough: the next call brings a further connection,
   * though up to the hard limit (the server's, and max_concurrent_streams) calls still go on it
   * meanwhile. 0 (default): 100, or max_concurrent_streams where that is less. 1..1000000, not more
   * than max_concurrent_streams. Less: load spreads over more connections, and so over the servers
   * behind a load balancer. */
  uint32_t ideal_streams;
  /* Connections that take calls at once, and are being made. Default 4, 1..1000. Those that drain
   * or are suspected dead (at most as many again) come on top, and so does the replacement of one
   * while it is made. */
  uint32_t max_connections;
  /* Kept open, and made again when lost, though no call needs them: from the first call,
   * gmux_channel_warm or other wish to connect on. Default 0, up to max_connections; the channel
   * does not go IDLE then. For calls without a handshake before them. */
  uint32_t min_connections;
  /* How many more may be opened when a call has waited for burst_after_ms. Default 0, 0..1000. They
   * are used last and close first. For servers with low stream limits and peaks in load. */
  uint32_t burst_connections;
  uint32_t burst_after_ms; /* default 100, 1..3600000; below acquire_timeout_ms, if there is one */
  /* Which connection takes the next call. Default GMUX_PICK_PACK. */
  gmux_pick_order pick_order;
  /* How long a call may wait for a place, connecting and a pause included; then it ends
   * UNAVAILABLE. 0 (default): as long as its deadline allows. 1..2^31-1. To fail sooner than the
   * deadline when the server is overloaded. */
  uint32_t acquire_timeout_ms;
  /* A connection beyond min_connections that carried no call for so long is closed while others are
   * there. Default 300000, 1000..2^31-1; 0: never. (The last one goes by idle_timeout_ms.) */
  uint32_t max_idle_ms;
  /* A connection so old is replaced, busy or not: the new one is READY before the old one drains.
   * Jittered by 10 %, one at a time. 0 (default): never; else 1000..2^31-1. To spread load anew
   * behind a load balancer that balances connections, and to follow DNS. */
  uint32_t max_age_ms;
  /* The same after so many calls. 0 (default): never; else any number. */
  uint32_t max_calls;
  /* A connection from which nothing came for so long, whether calls run on it or not, is asked by a
   * PING before a call is committed to it, where that is within what a server with default settings
   * forgives. Default 30000, 100..2^31-1; 0: never. Costs that call a round trip; spares it a
   * connection that a NAT or a load balancer has forgotten, or whose server is gone. */
  uint32_t validate_after_ms;
  /* How long calls on a connection that drains (GOAWAY, age, rotation) may go on; then they end
   * UNAVAILABLE. 0 (default): as long as the server lets them. 1..2^31-1. */
  uint32_t drain_timeout_ms;

  /* ---- dialing ---- */

  /* Of several addresses the next is tried when the one before has not answered for so long, beside
   * it (RFC 8305, Happy Eyeballs). Default 250, 100..2000. */
  uint32_t happy_eyeballs_ms;
  /* After a connection was lost or sent GOAWAY the next dial waits for a random part of this, so
   * that a fleet of clients does not come back in step. Default 100, 0..60000. */
  uint32_t redial_jitter_ms;
  /* What DNS said is used again for so long, while attempts succeed; after a failed one it is asked
   * again. When it cannot be asked its last answer is used. Default 30000 (as all implementations),
   * 0..86400000. */
  uint32_t dns_cache_ms;
  /* So many calls may leave right behind the handshake of TCP and TLS, before the server's
   * SETTINGS: a cold call takes a round trip less, but if the connection is lost in that moment
   * they are "possibly executed" and are not made again. Default 0: none; up to 100. */
  uint32_t eager_calls;

  /* ---- is the server alive? ---- */

  /* A PING after so long without a byte from the server, while calls run. Default 330000: just
   * above what servers with default settings allow (5 min). 1000..2^31-1; 0: never. A random part
   * of 10 % is added each time. Less only where the server's policy is known to permit it, and then
   * somewhat more than its least interval (min_ping_interval_ms of a gmux server): it answers too
   * many by GOAWAY "too_many_pings", and then this channel's interval doubles. */
  uint32_t keepalive_ms;
  /* A PING that nothing followed for so long, whatever it was sent for: the connection is dead. It
   * is also TCP_USER_TIMEOUT. Default 20000, 100..600000. */
  uint32_t keepalive_timeout_ms;
  /* Also while no call runs. Default false: servers with default settings punish it. Not with
   * keepalive_ms 0. */
  bool keepalive_without_calls;
  /* Calls run and not a byte came for so long: one PING is sent ahead of the schedule, and until
   * something comes new calls go to other connections. 0 (default): eight round trips as measured,
   * at least 500 ms, 1 s before the first is measured, at most keepalive_timeout_ms; else
   * 10..600000; GMUX_NEVER_MS: off. */
  uint32_t suspect_after_ms;
  /* TCP keepalive of the kernel, which no gRPC server counts: idle time before the first probe,
   * seconds. Default 120, 1..32767; 0: off. Keeps NATs and load balancers from forgetting idle
   * connections. */
  uint32_t tcp_keepalive_idle_s;
  uint32_t tcp_keepalive_interval_s; /* between probes; default 20, 1..32767 */
  /* Unanswered ones until it is dead; default 3, 1..127. Where TCP_USER_TIMEOUT is set, as it is
   * here, Linux goes by that instead: the first unanswered one is enough when keepalive_timeout_ms
   * have passed without a byte, which makes 140 s with the defaults. */
  uint32_t tcp_keepalive_count;
  /* The server's socket took nothing for so long while something had to leave: the connection is
   * closed. Default 60000, 1000..2^31-1; 0: never. */
  uint32_t write_stall_timeout_ms;

  /* ---- retries without the application's knowledge (gRPC A6, transparent retries) ---- */

  /* How often a call is sent again that was proven not to have been looked at (REFUSED_STREAM, or
   * above GOAWAY's last stream id): the first time at once, then with a backoff. Default 3, 0..100.
   * One that never left the client is sent as often as needed before its deadline. */
  uint32_t max_refused_retries;
  /* How often a call marked idempotent is sent again after its connection was lost. Default 3,
   * 0..100. */
  uint32_t max_idempotent_retries;
  /* What a call has written is kept for that until its reply begins, up to so many bytes; a call
   * that wrote more is not sent again. Default 262144 (as in core and Go), 0..2^30. */
  uint32_t retry_buffer_bytes;

  /* ---- bounds ---- */

  /* RST_STREAM that may leave at once on a connection, and a second after that; further ones wait
   * while their calls have long ended. Servers close connections over too many (nghttp2: 1000 and
   * 33). Defaults 500 and 25; 1..1000000. */
  uint32_t reset_burst;
  uint32_t reset_rate_per_s;
  /* What all calls of one connection may have queued together, and all of the channel, beside one
   * message each; beyond it gmux_call_write says "full" to each. Defaults 4194304 and 67108864,
   * 65536..2^31-1; a connection's not more than the channel's. */
  uint32_t connection_queue_bytes;
  uint32_t channel_queue_bytes;
  /* How many frames that carry nothing (PING, SETTINGS, WINDOW_UPDATE, RST_STREAM, empty DATA, 1xx)
   * a server may send at once before its connection is closed, and a second after that; each frame
   * of HEADERS or DATA that is sent to it allows four more. Defaults 10000, 100..1000000, or 0: no
   * bound; and 1000, 1..1000000. */
  uint32_t chatter_burst;
  uint32_t chatter_rate_per_s;

  /* ---- compression ---- */

  /* With what the calls' messages are compressed, unless a call chooses its own: "gzip", "deflate"
   * or the name of one of `codecs`; NULL (default) and "identity": not. Copied. For large messages
   * over slow ways: it costs 20 to 50 ms of the writing thread a MiB. A server that does not know
   * it answers UNIMPLEMENTED. */
  const char *compression;
  /* Algorithms beside those that are built in; copied. NULL (default): none. */
  const gmux_codec *codecs;
  uint32_t codec_count; /* default 0, 0..8 */

  /* ---- retries, once more ---- */

  /* REFUSED_STREAM is no proof that nobody has looked at a call: its evidence is then "possibly
   * executed", and only idempotent calls are sent again, as if their connection had been lost.
   * Default false, as HTTP/2 has it (RFC 9113, 8.7). For a proxy that says REFUSED_STREAM of what
   * it had passed on: haproxy does, when the server behind it dies (doc/connection-management.md).
   */
  bool distrust_refused;

  /* ---- memory ---- */

  /* A ceiling for what the channel has in memory, bytes: 0 (default), or 1048576..2^31-1. It makes
   * calls slower and fails none by itself: who waits for it may come to the end of max_waiting,
   * acquire_timeout_ms or a deadline, as with any other wait. Half of it is for calls that run;
   * when those have it, further ones wait for a place as if no stream were free (gmux_call_explain
   * says "for memory"). A quarter is for messages that were written (connection_queue_bytes and
   * channel_queue_bytes are at most that then), the rest for connections. A server may send a
   * stream 1/4096 of it, at least 8192 bytes and at most stream_window_bytes, before it is taken,
   * and as much is kept for a retry; larger messages are received whole only as memory allows, but
   * always one. What the application hands over is not refused: on top come the requests of calls
   * that wait, one message of each call that writes, one large message that is received, and what
   * the application keeps of what it was given. By default there is none, because what is too much
   * depends on the machine, and because throughput over a far link needs the larger windows; set it
   * where a process has a limit. */
  uint32_t max_memory_bytes;

  /* ---- far servers ---- */

  /* How wide the windows above become by themselves, where they were not set: twice what arrives
   * within a round trip, measured without a PING; a stream's only if the application takes what
   * comes. They become narrower when less is needed and when nothing has come for 10 s. All streams
   * of a connection together are given no more than this beyond 262144 each, and on all connections
   * four times as much: that is what it may cost in memory. Under max_memory_bytes streams are
   * given nothing. Default 16777216 (16 MiB: 1.3 Gbit/s over 50 ms), 65535..2^31-1; 0: windows stay
   * as they begin. */
  uint32_t max_window_bytes;
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

enum { GMUX_CHANNEL_LOOPS_MAX = 64 };

/*
 * The same over several loops, so that one channel can use every core: it has connections on each,
 * and all functions here and in call.h take it like any other. `loops` is copied; 1 to
 * GMUX_CHANNEL_LOOPS_MAX different ones (GMUX_ERR_INVALID with words), and one of them is just
 * gmux_channel_new. doc/connection-management.md ("Several loops") tells how it differs; in short:
 *
 * - A call belongs to one loop, from its start to its end: its handlers come from there, retries
 *   too. So handlers of different calls run at the same time. It goes to the loop that has the
 *   fewest calls, of those that are READY if any is; started on the thread of one of the loops it
 *   stays there, unless that has more than twice as many as another and 64 more.
 * - The state is READY when any loop's is, else CONNECTING when any is, else IDLE when any is, else
 *   TRANSIENT_FAILURE; SHUTDOWN when all are. Callbacks of the channel itself come from one of the
 *   loops, each once. Waiting functions fail with GMUX_ERR_DEADLOCK on the thread of any of them.
 * - max_connections, min_connections, burst_connections, max_waiting, channel_queue_bytes and
 *   max_memory_bytes are for all loops together, and divided; each loop has one connection, one
 *   place to wait, connection_queue_bytes (and 1 MiB of memory) at least, also where that makes the
 *   total more. Everything else holds for each loop, or each connection, by itself; that the server
 *   counts too many PINGs is learned by all from one.
 * - gmux_channel_get_stats adds up (streams_peak too, so it is a bound then; oldest_waiter_ms and
 *   keepalive_ms are the largest).
 * - When gmux_channel_connect_wait or _warm_wait has run out of time, attempts go on.
 *
 * Each loop must outlive its part: after gmux_channel_free they may be stopped in any order.
 */
GMUX_API int gmux_channel_new_on_loops(gmux_channel **out, gmux_loop *const *loops,
                                       size_t loop_count, const char *target,
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
 * that run end with CANCELLED, and their handlers come. That cuts a drain short, other than with
 * gmux_server_free: whoever drains frees in on_closed, or after it. Memory goes when its last call
 * is freed. */
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
 * words), GMUX_ERR_CLOSED, GMUX_ERR_DEADLOCK on the loop's thread. GMUX_NO_TIMEOUT: no limit; 0 and
 * less: is it READY now? */
GMUX_API int gmux_channel_connect_wait(gmux_channel *channel, int64_t timeout_ms);

/* The next attempt to connect starts at once, whatever the backoff says: for who has heard that the
 * network is back. */
GMUX_API void gmux_channel_reset_backoff(gmux_channel *channel);

/* ---- the pool ---- */

/*
 * Opens connections until min_connections (at least one) are READY, then calls `fn` once, from the
 * loop, with 0; or with GMUX_ERR_CLOSED when the channel closes first. Attempts that fail go on,
 * held back by the backoff. GMUX_ERR_INVALID, GMUX_ERR_NOMEM, GMUX_ERR_CLOSED: fn never comes.
 */
GMUX_API int gmux_channel_warm(gmux_channel *channel, void (*fn)(int error, void *user_data),
                               void *user_data);
/* The same, blocking, as gmux_channel_connect_wait. */
GMUX_API int gmux_channel_warm_wait(gmux_channel *channel, int64_t timeout_ms);

/* Replaces every connection that is open now, idle ones too, one after another: each drains once
 * its replacement is READY, so no call notices. A name is looked up anew. After a change of
 * certificates (the server's; a gmux_tls of one's own never changes), DNS or the servers behind a
 * load balancer. */
GMUX_API void gmux_channel_rotate(gmux_channel *channel);

/* New calls wait, and waiting ones go on waiting (deadlines, max_waiting and acquire_timeout_ms
 * hold); running ones run. Not counted: one resume ends any number of pauses. */
GMUX_API void gmux_channel_pause(gmux_channel *channel);
GMUX_API void gmux_channel_resume(gmux_channel *channel);

/*
 * Orderly end: new calls are refused with GMUX_ERR_CLOSED from now on, those that wait or run may
 * finish for grace_ms (0 and less: none; GMUX_NO_TIMEOUT: as long as they take), then the channel
 * is closed as by gmux_channel_close. A paused channel is resumed. on_closed (may be NULL) comes
 * once, from the loop. A second drain or a close can only shorten the time; its on_closed never
 * comes.
 */
GMUX_API void gmux_channel_drain(gmux_channel *channel, int64_t grace_ms,
                                 void (*on_closed)(void *user_data), void *user_data);
/* The same, and waits until all is over, also when another drain is running (its on_closed comes
 * before this returns) or is over already. 0; GMUX_ERR_DEADLOCK on the loop's own thread,
 * GMUX_ERR_INVALID, GMUX_ERR_NOMEM: then nothing has happened. */
GMUX_API int gmux_channel_drain_wait(gmux_channel *channel, int64_t grace_ms);

/* ---- figures ---- */

/* Why connections were lost or could not be had, for stats; gRPC A94 has the same. */
typedef enum gmux_loss {
  GMUX_LOSS_DNS = 0,      /* the name could not be looked up */
  GMUX_LOSS_REFUSED = 1,  /* TCP: refused, unreachable, no file, ... */
  GMUX_LOSS_TIMEOUT = 2,  /* an attempt took too long */
  GMUX_LOSS_TLS = 3,      /* handshake or record failed */
  GMUX_LOSS_GOAWAY = 4,   /* the server sent GOAWAY */
  GMUX_LOSS_EOF = 5,      /* closed by the peer without a word */
  GMUX_LOSS_RESET = 6,    /* reset, or another failure of the socket */
  GMUX_LOSS_DEAD = 7,     /* a PING was not answered, the socket took nothing, TCP gave up */
  GMUX_LOSS_PROTOCOL = 8, /* the peer broke a rule of HTTP/2 */
  GMUX_LOSS_LOCAL = 9,    /* we ended it: idle, age, rotation, close, out of memory */
  GMUX_LOSSES = 10
} gmux_loss;
GMUX_API const char *gmux_loss_str(gmux_loss loss);

enum { GMUX_H2_CODES = 15 }; /* RFC 9113 section 7; the last one is for codes it does not know */

/* Figures of a moment, and since the channel was made; sized like options. */
typedef struct gmux_channel_stats {
  size_t size;
  /* Calls. started = succeeded + failed + running + waiting, where waiting includes those that
   * wait for a retry's backoff. */
  uint64_t calls_started;
  uint64_t calls_succeeded;  /* ended with OK */
  uint64_t calls_failed;     /* ended with anything else */
  uint32_t calls_running;    /* on a stream */
  uint32_t calls_waiting;    /* for a place */
  uint32_t streams_peak;     /* most on a stream at once, ever */
  uint32_t connections;      /* READY or DRAINING now */
  uint64_t connections_made; /* that became READY, ever */
  uint64_t dials_failed;     /* attempts that did not become READY */

  uint64_t oldest_waiter_ms; /* how long the first of those that wait has waited */
  /* Connections now, by state. connections = ready + draining. */
  uint32_t connections_dialing; /* TCP, TLS or SETTINGS under way */
  uint32_t connections_ready;   /* suspect ones included */
  uint32_t connections_suspect; /* of those: a PING is unanswered */
  uint32_t connections_draining;
  uint32_t streams_unreset; /* of ended calls, that hold a slot until their RST_STREAM may leave */
  /* Since it was made. */
  uint64_t dials_started;
  uint64_t lost[GMUX_LOSSES];      /* READY connections that ended, and failed attempts, by cause */
  uint64_t goaways[GMUX_H2_CODES]; /* received, by error code */
  uint64_t too_many_pings;         /* of those: for our PINGs; each doubled the interval */
  uint64_t attempts;               /* times a call was put on a stream */
  uint64_t retries[5];             /* by gmux_evidence of the attempt before */
  uint64_t reused;                 /* attempts on a connection that had carried one before */
  /* Replaced, by reason; rotated ones include those whose address DNS does not name any more. */
  uint64_t recycled_age, recycled_calls, recycled_ids, recycled_rotated;
  uint64_t closed_idle;             /* spare ones, and the last one by idle_timeout_ms */
  uint64_t pings_sent, pings_acked; /* of ours */
  uint64_t suspicions;              /* times a connection became suspect */
  uint64_t validations;             /* PINGs before a call was committed */
  uint64_t resets_sent, resets_delayed, resets_received; /* RST_STREAM */
  uint64_t bytes_sent, bytes_received;                   /* on transports, above TLS */
  uint32_t keepalive_ms;                                 /* the interval as it is now; 0: off */
  /* Connections ended for too many frames that carry nothing (chatter_burst); for metadata far over
   * max_recv_metadata_bytes; because the server makes us answer and does not read. */
  uint64_t ended_chatter, ended_metadata, ended_unread;
  /* Under max_memory_bytes: what calls that run have been given of it now, and how often a call, or
   * a large message, had to wait for it. */
  uint64_t memory_bytes, memory_waits;
} gmux_channel_stats;

/* Fills *stats (its `size` set by the caller). GMUX_ERR_INVALID. The figures are of one moment only
 * when called on the loop's thread. */
GMUX_API int gmux_channel_get_stats(gmux_channel *channel, gmux_channel_stats *stats);

/*
 * Writes for people what the channel is doing, several lines: state, what waiting calls wait for,
 * its last events (connections that came and went, and why), each connection with its streams,
 * round trip and last events. Cut to fit, always terminated unless len is 0; returns the length it
 * would have had, and 0 out of memory. Elsewhere than on the loop's thread it waits for the loop. 4
 * KiB, and as much for each connection, are enough.
 */
GMUX_API size_t gmux_channel_describe(gmux_channel *channel, char *text, size_t len);

/* Who is at the other end of a connection, and what it allows; sized like options. */
typedef struct gmux_channel_peer {
  size_t size;
  char address[160];    /* "ipv4:127.0.0.1:443" */
  char tls_version[16]; /* "TLSv1.3"; "" without TLS, as the next two */
  char tls_cipher[64];  /* "TLS_AES_256_GCM_SHA384" */
  char alpn[16];        /* "h2" */
  bool is_resumed;      /* its TLS session was that of a connection before */
  uint64_t tls_ns;      /* what the handshake of TLS took, */
  uint64_t settings_ns; /* and from then until its SETTINGS came */
  uint64_t rtt_ns;      /* a round trip, as measured by PINGs; 0: not yet */
  /* Its SETTINGS (RFC 9113, 6.5.2), or what holds where it did not say; UINT32_MAX: no limit. */
  uint32_t header_table_bytes, max_concurrent_streams, initial_window_bytes, max_frame_bytes,
      max_header_list_bytes;
} gmux_channel_peer;

/*
 * Fills *peer (its `size` set by the caller) for the newest connection that takes calls. With
 * `certificate` also what the server proved itself with: DER, owned by the caller
 * (gmux_bytes_release), empty without TLS; NULL: not wanted. Elsewhere than on the loop's thread it
 * waits for the loop; on a thread of several loops it looks at that loop's connections alone.
 * GMUX_ERR_NOT_FOUND: there is no such connection; GMUX_ERR_INVALID, GMUX_ERR_NOMEM.
 */
GMUX_API int gmux_channel_get_peer(gmux_channel *channel, gmux_channel_peer *peer,
                                   gmux_bytes *certificate);

GMUX_END_DECLS

#endif
