/*
 * server.h: a server, and one call as its server sees it.
 *
 * A server belongs to a loop; methods are added, then addresses listened on. Each arriving call is
 * matched by its path and handed to the method's handlers, all on the loop's thread and never from
 * inside a function of this header: on_call once (headers are here), on_message as often as there
 * are messages and credit, on_half_close once the client has sent all, on_writable in between,
 * on_end exactly once as the last. Any may be NULL, but one of on_call, on_message and
 * on_half_close must be there. Requests that are no call of a known method are answered by the
 * library (UNIMPLEMENTED, HTTP 404, 405 and 415, ...) and so are calls of a unary or
 * server-streaming method with no or several request messages (INTERNAL).
 *
 * A call is answered by gmux_server_call_finish (or _reply, _fail, which finish it too), from a
 * handler or any time later, from any thread; one that is never answered stays open until its
 * deadline or the client's patience ends. The call given to the handlers is valid until on_end has
 * returned; to use it later or from another thread take a hold with gmux_server_call_ref.
 *
 * Functions are for any thread, except where one says otherwise. None may be called in a signal
 * handler. A server until SIGTERM, start to end, without the checks of what is returned:
 *
 *   sigset_t stop;                                 blocked before any thread is there, for sigwait
 *   sigemptyset(&stop), sigaddset(&stop, SIGTERM);
 *   pthread_sigmask(SIG_BLOCK, &stop, NULL);
 *
 *   gmux_loop_start(&loop, NULL);
 *   gmux_server_new(&server, loop, NULL);
 *   gmux_server_add_unary(server, "/demo.Greeter/Hello", hello, NULL);
 *   gmux_server_listen(server, "[::]:443", tls, NULL);
 *   sigwait(&stop, &number);
 *   gmux_server_drain_wait(server, 10000);         calls that run have ten seconds
 *   gmux_server_free(server);
 *   gmux_loop_stop(loop);
 *
 * In a libev loop of the program's own an ev_signal stands for sigwait: its callback says
 * gmux_server_drain(server, 10000, NULL, NULL) and gmux_server_free(server), and stops its watcher;
 * ev_run returns when all is over, and gmux_loop_stop follows.
 */
#ifndef GMUX_SERVER_H
#define GMUX_SERVER_H

#include <gmux/call.h>
#include <gmux/codec.h>
#include <gmux/loop.h>
#include <gmux/metadata.h>
#include <gmux/status.h>
#include <gmux/tls.h>

GMUX_BEGIN_DECLS

typedef struct gmux_server gmux_server;
typedef struct gmux_server_call gmux_server_call;

typedef struct gmux_server_options {
  size_t size;
  uint32_t max_recv_message_bytes;  /* default 4194304, 0..2^31-1; as in channel.h */
  uint32_t max_send_message_bytes;  /* default 2^31-1 */
  uint32_t max_recv_metadata_bytes; /* default 8192, 1024..1048576; over it: HTTP 431 and
                                       RESOURCE_EXHAUSTED */
  uint32_t write_queue_bytes;       /* default 65536, 1024..2^30; counted as in channel.h */
  uint32_t stream_window_bytes;     /* default 0, as in channel.h, or 65535..2^31-1 */
  uint32_t connection_window_bytes; /* the same */
  /* Calls at once on one connection: announced, and enforced with REFUSED_STREAM. Default
   * 100, 1..1000000. */
  uint32_t max_concurrent_streams;
  /* Connections at once; one more is closed as soon as it is accepted. Default 10000, 1..1000000.
   */
  uint32_t max_connections;
  /* From accept until the client's SETTINGS have come (TLS included). Default 120000 as elsewhere
   * in gRPC, 100..3600000. Shorter where strangers can connect. */
  uint32_t handshake_timeout_ms;

  /* Connections whose handshake (TLS, SETTINGS) is under way at once; one more is closed as soon as
   * it is accepted. Default 1000, 1..1000000. Bounds what strangers can cost. */
  uint32_t max_handshaking;

  /* ---- what clients may ask (gRPC A8, A9) ---- */

  /* Least time between two PINGs of a client, while calls run. Default 300000 (5 min, as
   * everywhere), 0..2^31-1. Lower it for clients that are to notice dead connections sooner; their
   * keepalive_ms is to be somewhat more. */
  uint32_t min_ping_interval_ms;
  /* The same interval while no call runs. Default false: then it is 2 h. */
  bool permit_pings_without_calls;
  /* How many PINGs that come too early are forgiven; one more ends the connection with GOAWAY
   * ENHANCE_YOUR_CALM "too_many_pings". Default 2, 1..1000; 0: all of them. Cleared by each HEADERS
   * or DATA frame that is sent. */
  uint32_t max_ping_strikes;

  /* ---- are clients alive? ---- */

  /* A PING after so long without a byte from a client, calls or not. Default 7200000 (2 h, as
   * everywhere), 1000..2^31-1; 0: never. */
  uint32_t keepalive_ms;
  /* A PING that nothing followed for so long: the client is gone. It is also TCP_USER_TIMEOUT,
   * unless keepalive_ms is 0. Default 20000, 100..600000. */
  uint32_t keepalive_timeout_ms;
  /* TCP keepalive of the kernel, as in channel.h. Defaults 120 (0: off), 20, 3. */
  uint32_t tcp_keepalive_idle_s;
  uint32_t tcp_keepalive_interval_s;
  uint32_t tcp_keepalive_count;
  /* A client whose socket took nothing for so long while something had to leave: its connection is
   * closed. Default 60000, 1000..2^31-1; 0: never. */
  uint32_t write_stall_timeout_ms;

  /* ---- how long a connection lives ---- */

  /* Without a call for so long it is ended, with GOAWAY "max_idle". 0 (default): never; else
   * 1000..2^31-1. Jittered by 10 %. This and the age count from the client's SETTINGS. */
  uint32_t max_connection_idle_ms;
  /* So old it is ended in good order, with GOAWAY "max_age"; clients come back, perhaps to another
   * server behind the load balancer. 0 (default): never; else 1000..2^31-1. Jittered by 10 %, so
   * that a fleet does not come back in step. */
  uint32_t max_connection_age_ms;
  /* How long after that its calls may go on; then they end, for their clients UNAVAILABLE. 0
   * (default): as long as they take; else 1..2^31-1, and only with max_connection_age_ms. */
  uint32_t max_connection_age_grace_ms;

  /* ---- bounds ---- */

  /* RST_STREAM that may leave at once on a connection, and a second after that; as in channel.h.
   * Defaults 500 and 25, 1..1000000. */
  uint32_t reset_burst;
  uint32_t reset_rate_per_s;
  /* What all calls of one connection may have queued together, and all of the server, beside one
   * message each; beyond it gmux_server_call_write says "full" to each. Defaults 4194304 and
   * 268435456, 65536..2^31-1; a connection's not more than the server's. */
  uint32_t connection_queue_bytes;
  uint32_t server_queue_bytes;

  /* ---- hostile clients (doc/security.md) ---- */

  /* Calls of one connection that are over and held still (gmux_server_call_ref): a client that
   * resets what it starts frees its streams, but not the threads that work on them. With as many as
   * these and max_concurrent_streams together, the next request is refused (REFUSED_STREAM).
   * Default 400, 0..1000000. More where calls are kept for long after their end. */
  uint32_t max_held_calls;
  /* How many calls a client may reset at once before it is ended with GOAWAY ENHANCE_YOUR_CALM, and
   * a second after that. Counted are calls that began less than a second ago, and had spent less
   * than half of their time, and streams that it makes the server reset by breaking HTTP/2's rules.
   * Defaults 1000, 1..1000000, or 0: no bound; and 200, 1..1000000. More for clients that hedge, or
   * race calls against each other. */
  uint32_t client_reset_burst;
  uint32_t client_reset_rate_per_s;
  /* How many frames that carry nothing (PING, SETTINGS, WINDOW_UPDATE, PRIORITY, RST_STREAM, empty
   * DATA, frames of unknown kinds, refused requests) a client may send at once before it is ended
   * in the same way, and a second after that; each frame of HEADERS or DATA that is sent to it
   * allows four more. Defaults 10000, 100..1000000, or 0: no bound; and 1000, 1..1000000. */
  uint32_t chatter_burst;
  uint32_t chatter_rate_per_s;

  /* ---- compression ---- */

  /* With what replies are compressed for clients that understand it, unless a call chooses its own;
   * as in channel.h. NULL (default) and "identity": not. Copied. */
  const char *compression;
  /* Algorithms beside those that are built in, up to 8; copied. NULL (default): none. */
  const gmux_codec *codecs;
  uint32_t codec_count; /* default 0, 0..8 */

  /* ---- hostile clients that come with many connections ---- */

  /* Calls of all connections that are over and held still. With as many, those connections are
   * refused new calls that hold more than their share; with twice as many, all are. Beside them
   * only those can be held that run now. Default 10000, 1..1000000. */
  uint32_t max_server_held_calls;

  /* ---- clients that stop in the middle ---- */

  /* A call whose client owes bytes and has sent none for so long is ended, DEADLINE_EXCEEDED both
   * for its handlers and for the client (noticed up to a quarter of the time later). Bytes are owed
   * inside a message that has begun, and of methods that take one message until the half-close;
   * between the messages of others, and while a message waits for credit, the client may be silent
   * for ever. A plain HTTP request that is heard to its end gets its 404, 405 or 415 then. Default
   * 300000 (5 min: no client is known that pauses for longer within a message), 1000..2^31-1; 0:
   * never. Less where strangers can connect; more for clients that are put to sleep and go on. */
  uint32_t request_stall_timeout_ms;

  /* How wide the windows become by themselves for far clients, as in channel.h: default 16777216,
   * 65535..2^31-1; 0: they stay as they begin. */
  uint32_t max_window_bytes;

  /* ---- memory ---- */

  /* A ceiling for what the server has in memory, bytes: 0 (default), or 1048576..2^31-1. It makes
   * clients wait and refuses no call of one that heeds SETTINGS. Half of it is for calls that run,
   * a quarter for what they have written (connection_queue_bytes and server_queue_bytes are at most
   * that), a quarter for connections, of which there are at most as many as that allows (2 in 1
   * MiB, 146 in 64 MiB, 1337 in 1 GiB); each has one call for sure. A client is told to open no
   * more streams than there is memory for: one at first, as many as its share of that half when it
   * uses them all, fewer when others want theirs. It may send 1/4096 of it on a stream, at least
   * 8192 bytes and at most stream_window_bytes and 65536, before that is taken; larger messages are
   * received one after the other as memory allows, and one always. One that others wait for must be
   * here in request_stall_timeout_ms as a whole. On top come one message of each call that writes,
   * one large message that is received, and what the application keeps: messages it was given,
   * those that wait for gmux_server_call_read_wait, calls that are over. None by default, as in
   * channel.h; set it where a process has a limit, and max_connection_idle_ms with it. */
  uint32_t max_memory_bytes;
} gmux_server_options;

/* Fills in the defaults. `size` is sizeof *options of the caller. Any thread. */
GMUX_API void gmux_server_options_init(gmux_server_options *options, size_t size);
/* 0, or GMUX_ERR_INVALID with the reason in why[0..len) (cut to fit; why may be NULL). Any thread.
 */
GMUX_API int gmux_server_options_check(const gmux_server_options *options, char *why, size_t len);

/* To be filled by name (.on_call = ...): it may come to hold more. */
typedef struct gmux_server_handlers {
  /* The client's headers are here: gmux_server_call_metadata and the rest tell of them. */
  void (*on_call)(gmux_server_call *call, void *user_data);
  /* One message. Borrowed for the callback; gmux_bytes_take keeps it, and it may be written as it
   * is. */
  void (*on_message)(gmux_server_call *call, gmux_bytes *message, void *user_data);
  /* The client has sent all, and it was delivered. */
  void (*on_half_close)(gmux_server_call *call, void *user_data);
  /* The write queue has room again, after gmux_server_call_write said it was full. */
  void (*on_writable)(gmux_server_call *call, void *user_data);
  /* `code` is the status that was sent; CANCELLED when the client gave up or was lost,
   * DEADLINE_EXCEEDED when its time ran out, or the client stopped in the middle
   * (request_stall_timeout_ms); RESOURCE_EXHAUSTED or INTERNAL when it sent a message
   * over the limit or broke gRPC's rules. */
  void (*on_end)(gmux_server_call *call, gmux_code code, void *user_data);
  void (*reserved[4])(
      void); /* NULL: room for handlers to come, so that the struct keeps its size */
} gmux_server_handlers;

/* A server on `loop`, which listens at nothing yet. `options` may be NULL. GMUX_ERR_INVALID,
 * GMUX_ERR_NOMEM. */
GMUX_API int gmux_server_new(gmux_server **out, gmux_loop *loop,
                             const gmux_server_options *options);

enum { GMUX_SERVER_LOOPS_MAX = 64 };

/*
 * The same over several loops, so that one server can use every core; all functions here take it
 * like any other. `loops` is copied; 1 to GMUX_SERVER_LOOPS_MAX different ones (GMUX_ERR_INVALID
 * with words), and one of them is just gmux_server_new. doc/connection-management.md ("Several
 * loops") tells how it differs; in short:
 *
 * - loops[0] accepts, at every address of the server, and hands each connection to the loop that
 *   has the fewest; it stays there. Handlers are called from the thread of their call's connection,
 *   so handlers of different calls run at the same time, with the same user_data.
 * - max_connections, max_handshaking, max_server_held_calls and server_queue_bytes are for all
 *   loops together, and divided; each loop has one of each (and connection_queue_bytes) at least,
 *   also where that makes the total more. Everything else holds for a connection or a call by
 *   itself; max_window_bytes, where it is for all connections, for those of a loop.
 * - Figures are added up (calls_peak too, so it is a bound then). on_closed comes once, from one of
 *   the loops; waiting functions, of its calls too, fail with GMUX_ERR_DEADLOCK on the thread of
 *   any of them. gmux_server_listen waits for loops[0] on that of another.
 * - When adding a method or a service fails with GMUX_ERR_NOMEM, the server is to be freed: some
 *   loops may have it.
 *
 * After gmux_server_free the loops may be stopped in any order.
 */
GMUX_API int gmux_server_new_on_loops(gmux_server **out, gmux_loop *const *loops, size_t loop_count,
                                      const gmux_server_options *options);

/*
 * Adds a method. `path` is "/package.Service/Method", at most 1024 bytes, copied; `handlers` must
 * live as long as the server. `user_data` goes to each handler. Not on a server that listens
 * already (GMUX_ERR_STATE). GMUX_ERR_EXISTS, GMUX_ERR_INVALID, GMUX_ERR_NOMEM. One thread at a
 * time.
 */
GMUX_API int gmux_server_add_method(gmux_server *server, const char *path, gmux_method_kind kind,
                                    const gmux_server_handlers *handlers, void *user_data);

/* A unary method as one function, called with the whole request (borrowed, as in on_message) once
 * the client has half-closed; it answers with gmux_server_call_reply (or _fail), now or later: for
 * later it takes a hold of the call. Errors as of gmux_server_add_method. */
typedef void (*gmux_server_unary_fn)(gmux_server_call *call, gmux_bytes *request, void *user_data);
GMUX_API int gmux_server_add_unary(gmux_server *server, const char *path, gmux_server_unary_fn fn,
                                   void *user_data);

/*
 * Listens on "127.0.0.1:50051" (port 0: any) or, the same, "ipv4:127.0.0.1:50051"; "[::]:0" or
 * "ipv6:[::]:0"; "unix:/run/x.sock", "unix-abstract:name". No host names. A Unix socket's file is
 * removed at the end; one that nobody answers at is replaced. Several times for several addresses.
 * `tls` is what gmux_tls_server_new made; the server keeps its own hold. Without TLS it is
 * gmux_server_listen_cleartext. *port (may be NULL) receives the TCP port. GMUX_ERR_INVALID,
 * GMUX_ERR_EXISTS (in use), GMUX_ERR_IO, GMUX_ERR_NOMEM, GMUX_ERR_CLOSED. From any thread; it waits
 * for the loop if that is another's, so what it returns is what happened. An attached loop must be
 * running for that.
 */
GMUX_API int gmux_server_listen(gmux_server *server, const char *address, gmux_tls *tls,
                                uint16_t *port);
GMUX_API int gmux_server_listen_cleartext(gmux_server *server, const char *address, uint16_t *port);

/* ---- the end ---- */

/*
 * Orderly end: listeners close, clients are told by GOAWAY (in two steps, so that no call is lost
 * on the way), running calls may finish for grace_ms (0 and less: none; GMUX_NO_TIMEOUT: as long as
 * they take), then they are cancelled (their clients see UNAVAILABLE). on_closed (may be NULL)
 * comes once, from the loop, when all is over. A second call can only shorten the time; its
 * on_closed never comes.
 */
GMUX_API void gmux_server_drain(gmux_server *server, int64_t grace_ms,
                                void (*on_closed)(void *user_data), void *user_data);
/* gmux_server_drain with no grace. */
GMUX_API void gmux_server_close(gmux_server *server, void (*on_closed)(void *user_data),
                                void *user_data);
/*
 * gmux_server_drain, and waits until all is over, also when another drain is running (its on_closed
 * comes before this returns) or is over already. 0; GMUX_ERR_DEADLOCK on the loop's own thread,
 * GMUX_ERR_INVALID, GMUX_ERR_NOMEM: then nothing has happened. An attached loop must be running on
 * its thread.
 */
GMUX_API int gmux_server_drain_wait(gmux_server *server, int64_t grace_ms);
/* Lets go of the server; takes NULL. One that nobody drains or closes is closed with no grace; one
 * that drains finishes first, in the time it was given and with its on_closed. Its memory goes when
 * it is closed and the last hold on a call of it is gone. */
GMUX_API void gmux_server_free(gmux_server *server);

typedef struct gmux_server_stats {
  size_t size;
  uint64_t calls_started;   /* requests that were read, also those of unknown methods */
  uint64_t calls_succeeded; /* finished with OK, and the client got it */
  uint64_t calls_failed;    /* started = succeeded + failed + running */
  uint32_t calls_running;
  uint32_t calls_peak;  /* most at once, ever */
  uint32_t connections; /* now */
  uint64_t connections_accepted;
  uint64_t connections_refused;       /* over max_connections or max_handshaking */
  uint64_t connections_overdue;       /* closed because their handshake took too long */
  uint32_t connections_handshaking;   /* now */
  uint64_t pings_received, pings_bad; /* bad: too early, each a strike */
  uint64_t too_many_pings;            /* connections ended for them */
  uint64_t pings_sent;                /* own keepalive */
  uint64_t clients_dead;              /* connections ended by that, or by write_stall_timeout_ms */
  uint64_t ended_idle, ended_age;     /* connections, by max_connection_idle_ms and _age_ms */
  /* RST_STREAM; delayed: those that could not leave at once (reset_burst). */
  uint64_t resets_sent, resets_delayed, resets_received;
  uint64_t bytes_sent, bytes_received; /* on transports, above TLS */
  uint64_t calls_refused;              /* over max_concurrent_streams, or for held ones */
  uint32_t calls_held;                 /* now: that are over, and the application has still */
  /* Connections ended with ENHANCE_YOUR_CALM: for resets (client_reset_burst); for frames that
   * carry nothing (chatter_burst); for metadata far over max_recv_metadata_bytes; because the
   * client makes the server answer and does not read. */
  uint64_t ended_resets, ended_chatter, ended_metadata, ended_unread;
  /* Of calls_refused: those for max_held_calls and max_server_held_calls. */
  uint64_t calls_refused_held;
  /* Connections whose TLS handshake failed: we refused the client, the client us, it spoke no TLS,
   * or went away in the middle. Why is in the log (info), with the client's address. */
  uint64_t handshakes_failed;
  uint64_t calls_stalled; /* ended by request_stall_timeout_ms, plain HTTP requests too */
  /* Under max_memory_bytes: what has been given of it now, beside the one call that each connection
   * has, and how often a large message, or a client that has used all its streams, had to wait. */
  uint64_t memory_bytes, memory_waits;
} gmux_server_stats;
/* Fills *stats (its `size` set by the caller). GMUX_ERR_INVALID. The figures are of one moment only
 * when called on the loop's thread. */
GMUX_API int gmux_server_get_stats(gmux_server *server, gmux_server_stats *stats);

/* ---- a call: in its handlers, or from any thread that has a hold on it ---- */

/* A hold, so that the call may be used after on_end or on another thread. Each needs one unref. */
GMUX_API gmux_server_call *gmux_server_call_ref(gmux_server_call *call);
GMUX_API void gmux_server_call_unref(gmux_server_call *call); /* takes NULL */

/* What the client sent, borrowed as long as the call. Never NULL, but for metadata when there is
 * none. */
GMUX_API const char *gmux_server_call_path(const gmux_server_call *call);
GMUX_API const char *gmux_server_call_authority(const gmux_server_call *call);
GMUX_API const gmux_metadata *gmux_server_call_metadata(const gmux_server_call *call);
/* The client's address, "ipv4:127.0.0.1:40000". */
GMUX_API const char *gmux_server_call_peer(const gmux_server_call *call);
/* Subject of the client's verified certificate; NULL when there is none. */
GMUX_API const char *gmux_server_call_peer_name(const gmux_server_call *call);
/* What is left of the client's deadline (on the loop's thread: at this turn of the loop), 0 when it
 * is over; GMUX_NO_TIMEOUT without one. Fit to be the timeout_ms of the calls that this one makes.
 */
GMUX_API int64_t gmux_server_call_timeout_ms(const gmux_server_call *call);
/* True once the call has ended, so that work on it can be given up. */
GMUX_API bool gmux_server_call_is_over(const gmux_server_call *call);

/* A pointer of the application's own, NULL at first; for as many threads at once as a variable. */
GMUX_API void gmux_server_call_set_data(gmux_server_call *call, void *data);
GMUX_API void *gmux_server_call_get_data(const gmux_server_call *call);

/* Sends initial metadata (copied; may be NULL) now; without this call they leave, empty, with the
 * first message. Not sooner than needed: an error before them is a smaller reply (Trailers-Only),
 * and one that a client may retry. GMUX_ERR_STATE when they are sent, GMUX_ERR_TOO_LARGE (60 KiB),
 * GMUX_ERR_NOMEM. */
GMUX_API int gmux_server_call_send_headers(gmux_server_call *call, const gmux_metadata *metadata);

/* With what this call's replies are compressed, by name; NULL and "identity": not. Before headers
 * or messages are sent, else GMUX_ERR_STATE. GMUX_ERR_UNSUPPORTED when the client did not say that
 * it understands it: the call is then as it was. GMUX_ERR_INVALID: the server does not know it. */
GMUX_API int gmux_server_call_set_compression(gmux_server_call *call, const char *name);
/* As gmux_call_set_message_compression. */
GMUX_API void gmux_server_call_set_message_compression(gmux_server_call *call, bool is_wanted);
/* As gmux_call_was_compressed: the message that on_message, or the unary function, is told of; in
 * the blocking form the one that gmux_server_call_read_wait gave last. */
GMUX_API bool gmux_server_call_was_compressed(const gmux_server_call *call);

/* As gmux_call_write; GMUX_ERR_STATE also for a second message of a unary or client-streaming
 * method, which answer with one. */
GMUX_API int gmux_server_call_write(gmux_server_call *call, gmux_bytes *message);

/* Grants credit for `count` more messages (GMUX_ERR_INVALID for 0). The first message needs none;
 * gmux_server_call_set_manual_credit, called in on_call (GMUX_ERR_STATE elsewhere), makes every
 * further one wait for it: the client is then held back by flow control. Without, they come as they
 * arrive. */
GMUX_API int gmux_server_call_grant(gmux_server_call *call, uint32_t count);
GMUX_API int gmux_server_call_set_manual_credit(gmux_server_call *call);

/*
 * Ends the call: after the messages written so far the client gets `status` and `trailers` (both
 * copied; trailers may be NULL; a NULL status is OK; OK carries neither message nor details).
 * Nothing can be written after it, nothing more is delivered; on_end follows when the answer has
 * left. Once: GMUX_ERR_STATE afterwards, also when the library has ended the call meanwhile.
 * GMUX_ERR_TOO_LARGE when texts and trailers exceed 60 KiB, GMUX_ERR_NOMEM: then nothing has
 * happened, and it can be finished otherwise. OK for a unary or client-streaming method without a
 * message written is a mistake: the client gets INTERNAL, and it is logged.
 */
GMUX_API int gmux_server_call_finish(gmux_server_call *call, const gmux_status *status,
                                     const gmux_metadata *trailers);
/* The same with a code and a text. */
GMUX_API int gmux_server_call_fail(gmux_server_call *call, gmux_code code, const char *message);
/* One message and OK: all of a unary answer. The message is taken on success. Errors as of
 * gmux_server_call_write, after which the call is as it was. */
GMUX_API int gmux_server_call_reply(gmux_server_call *call, gmux_bytes *message);

/* ---- a call, blocking, on a thread of the application's ---- */

/*
 * In on_call (GMUX_ERR_STATE elsewhere; GMUX_ERR_NOMEM): from now on messages of this call are
 * collected for gmux_server_call_read_wait, instead of on_message and on_half_close. The
 * application then hands the call (with a hold) to a thread of its own.
 */
GMUX_API int gmux_server_call_set_blocking(gmux_server_call *call);
/* 0: *message is owned by the caller; GMUX_ERR_EOF: the client has half-closed, or the call is over
 * (gmux_server_call_is_over tells which); GMUX_ERR_DEADLOCK, GMUX_ERR_STATE. */
GMUX_API int gmux_server_call_read_wait(gmux_server_call *call, gmux_bytes *message);
/* As gmux_server_call_write, but waits while the queue is full. GMUX_ERR_STATE also when the call
 * is over. */
GMUX_API int gmux_server_call_write_wait(gmux_server_call *call, gmux_bytes *message);

GMUX_END_DECLS

#endif
