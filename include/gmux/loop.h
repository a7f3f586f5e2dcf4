/*
 * loop.h: an event loop, the thread that everything of it lives on.
 *
 * A gmux_loop is either attached to the application's own libev loop, or started on a thread of its
 * own. Channels, connections, calls and servers belong to one loop for life; all callbacks of
 * theirs come from its thread. There are no other threads and no locks on the path of a call. A
 * program may fork before it makes a loop; a loop does not survive a fork in the child
 * (doc/embedding.md).
 *
 * A loop must outlive what was made on it: free the calls, channels and servers first, then stop
 * the loop. An attached loop is stopped before ev_loop_destroy takes its `ev`.
 *
 * A program with a libev loop of its own, without the checks of what is returned:
 *
 *   struct ev_loop *ev = ev_default_loop(0);
 *   gmux_loop_attach(&loop, ev, NULL);
 *   gmux_channel_new(&channel, loop, "greeter.example:443", NULL);
 *   gmux_call_unary_start(NULL, channel, method, NULL, &request, on_reply, NULL);
 *   ev_run(ev, 0);              until gmux_channel_free, which on_reply may say, or ev_break
 *   gmux_loop_stop(loop);
 *   ev_loop_destroy(ev);
 */
#ifndef GMUX_LOOP_H
#define GMUX_LOOP_H

#include <gmux/log.h>
#include <stdbool.h>

GMUX_BEGIN_DECLS

/* No end, wherever a function or a call's options take a time to wait as an int64_t (timeout_ms,
 * grace_ms). 0 and less is no time at all everywhere, so that what is left of a time can be passed
 * on as it was computed. */
#define GMUX_NO_TIMEOUT INT64_MAX

typedef struct gmux_loop gmux_loop;
struct ev_loop; /* libev's */

typedef struct gmux_loop_options {
  size_t size;
  gmux_log_fn log;            /* NULL (default): silent; gmux_log_stderr; one's own */
  void *log_user_data;        /* passed to log */
  gmux_log_level log_level;   /* default GMUX_LOG_WARN */
  uint32_t read_buffer_bytes; /* default 65536, 16384..1048576: one buffer a loop, read into by
                                every connection; larger means fewer system calls for bulk data */
  /* Connections that all channels of this loop make at once, from TCP to the server's SETTINGS.
   * Default 64, 1..100000. More wait their turn, so that a restart of the servers is not followed
   * by a storm of handshakes. */
  uint32_t max_dialing;
  /* And how many they begin a second; a second's worth may begin at once. Default 100, 1..100000.
   */
  uint32_t dial_rate_per_s;
} gmux_loop_options;

/* Fills in the defaults. `size` is sizeof *options of the caller. Any thread. */
GMUX_API void gmux_loop_options_init(gmux_loop_options *options, size_t size);

/* 0, or GMUX_ERR_INVALID with the reason in why[0..len) (cut to fit; why may be NULL). Any thread.
 */
GMUX_API int gmux_loop_options_check(const gmux_loop_options *options, char *why, size_t len);

/*
 * A loop that runs inside `ev`, which the application runs itself (ev_run). To be called on the
 * thread that will run `ev`: that thread is the loop's own. The loop by itself does not keep ev_run
 * alive; open connections and listeners do, and so does whatever waits for a moment (a deadline, a
 * backoff). `options` may be NULL. GMUX_ERR_INVALID, GMUX_ERR_NOMEM, GMUX_ERR_IO (no descriptor
 * left). libev itself ends the process when memory runs out: see ev_set_allocator.
 */
GMUX_API int gmux_loop_attach(gmux_loop **out, struct ev_loop *ev,
                              const gmux_loop_options *options);

/* A loop with a thread of its own, on which all signals are blocked but those that a fault raises
 * on it (SIGSEGV and the like, SIGABRT). The same errors. */
GMUX_API int gmux_loop_start(gmux_loop **out, const gmux_loop_options *options);

/*
 * Ends the loop and frees it; takes NULL. For a started loop: waits until its thread has ended, so
 * it must not be called on it (GMUX_ERR_DEADLOCK, nothing done). For an attached one: on its own
 * thread (else GMUX_ERR_THREAD), and not from a callback of gmux (GMUX_ERR_STATE). Posts still
 * queued are run first, and what they lead to at once: gmux_channel_free or gmux_server_free may
 * stand right before it, with no wait for on_closed (but for that of a drain). GMUX_ERR_STATE, and
 * the loop goes on, while a channel or server of it is not freed, or is held by a gmux_call that is
 * not freed or a gmux_server_call that is not unref'd, or a connection is still open.
 */
GMUX_API int gmux_loop_stop(gmux_loop *loop);

/* ---- from any thread ---- */

/* Runs fn(arg) on the loop's thread, in the order of the posts of one thread; never from inside
 * this call. One wake-up serves all posts that come before the loop gets to them. GMUX_ERR_NOMEM.
 */
GMUX_API int gmux_loop_post(gmux_loop *loop, void (*fn)(void *arg), void *arg);

/* True on the loop's own thread, where blocking functions are refused. */
GMUX_API bool gmux_loop_is_inside(const gmux_loop *loop);

GMUX_END_DECLS

#endif
