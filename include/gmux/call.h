/*
 * call.h: one call, as its client sees it.
 *
 * A call is started on a channel with a method, options and either handlers (callback form) or none
 * (blocking form, for programs with threads). All four kinds of gRPC go through the same functions:
 * messages are written until half_close, read as they come, and the call ends exactly once with a
 * status.
 *
 * Callback form. The handlers come from the loop's thread, never from inside a function of this
 * header, in this order: on_headers at most once; on_message as often as there are messages and
 * credit; on_writable and on_draining in between; on_end exactly once, always, as the last. Any of
 * them may call anything here, also cancel and free. Any may be NULL but on_end.
 *
 * Blocking form. The handlers are NULL; gmux_call_read_wait and its like wait on the caller's
 * thread. On the loop's own thread they fail at once with GMUX_ERR_DEADLOCK. The usual order of
 * every kind, where a unary call just reads once:
 *
 *   gmux_call_start(&call, channel, method, &options, NULL, NULL)
 *   gmux_call_write_wait(call, &message) ..., gmux_call_half_close(call)
 *   gmux_call_headers_wait(call, &metadata)              if the initial metadata are wanted
 *   while (!gmux_call_read_wait(call, &reply))           each reply: gmux_bytes_release
 *   status = gmux_call_end_wait(call, &trailers)         gmux_status_clear
 *   gmux_call_free(call)
 *
 * Where both sides say much, one thread writes while another reads: with all writes first, a server
 * that waits for its replies to be read would end up waiting for us, and we for it.
 *
 * Life. The handle is the application's until gmux_call_free, however the call ended. Freeing lets
 * go of the handle and nothing more: a running call runs on and its handlers still come (start,
 * free, wait for on_end is a fine way to use it); to stop it, cancel it. In the handlers the call
 * is valid in any case.
 *
 * Threads. Every function here may be called from any thread; elsewhere than on the loop's thread
 * it takes effect there a moment later, in the order of the calls of one thread.
 */
#ifndef GMUX_CALL_H
#define GMUX_CALL_H

#include <gmux/channel.h>
#include <gmux/metadata.h>
#include <gmux/status.h>

GMUX_BEGIN_DECLS

/* ---- method ---- */

typedef enum gmux_method_kind {
  GMUX_UNARY = 0,
  GMUX_CLIENT_STREAMING = 1,
  GMUX_SERVER_STREAMING = 2,
  GMUX_BIDI_STREAMING = 3
} gmux_method_kind;

enum {
  GMUX_METHOD_IDEMPOTENT =
      1 /* may be executed twice without harm, and so sent again when its fate is unknown */
};

typedef struct gmux_method gmux_method;

/* A method, made once and used for many calls on any channels and loops. `path` is
 * "/package.Service/Method", at most 1024 bytes, copied. GMUX_ERR_INVALID, GMUX_ERR_NOMEM. */
GMUX_API int gmux_method_new(gmux_method **out, const char *path, gmux_method_kind kind,
                             unsigned flags);
/* Lets go of it; calls that use it keep what they need. Takes NULL. */
GMUX_API void gmux_method_free(gmux_method *method);
GMUX_API const char *gmux_method_path(const gmux_method *method);

/* ---- starting ---- */

typedef struct gmux_call gmux_call;

#define GMUX_CREDIT_UNLIMITED UINT32_MAX

typedef struct gmux_call_options {
  size_t size;
  /* From its start until the call must have ended, waiting for a connection included; then it ends
   * DEADLINE_EXCEEDED. The server is told what is left when the request leaves. Default
   * GMUX_NO_TIMEOUT; 0 and less: over at once. */
  int64_t timeout_ms;
  /* Sent with the request; copied. NULL (default): none. */
  const gmux_metadata *metadata;
  /* Default false: fail at once while the channel is in TRANSIENT_FAILURE. True: wait until it is
   * READY or the time is up. */
  bool wait_for_ready;
  /* 0 (default): the channel's max_recv_message_bytes; else 1..2^31-1. */
  uint32_t max_recv_message_bytes;
  /* How many messages may be delivered before gmux_call_grant; 0: none. Default
   * GMUX_CREDIT_UNLIMITED: as they come. With a number the server is held back by flow control when
   * it is used up, and on_end waits behind the messages that wait. Ignored by the blocking form,
   * where each read grants one, and by gmux_call_unary_start. */
  uint32_t initial_credit;
  /* Default false. True: as GMUX_METHOD_IDEMPOTENT, for this call alone. */
  bool idempotent;
  /* With what this call's messages are compressed, by name; "identity": not. NULL (default): as the
   * channel says. One that the channel does not know is GMUX_ERR_INVALID. */
  const char *compression;
} gmux_call_options;

/* Fills in the defaults. `size` is sizeof *options of the caller. Any thread. */
GMUX_API void gmux_call_options_init(gmux_call_options *options, size_t size);
/* 0, or GMUX_ERR_INVALID with the reason in why[0..len) (cut to fit; why may be NULL). Any thread.
 */
GMUX_API int gmux_call_options_check(const gmux_call_options *options, char *why, size_t len);

/* To be filled by name (.on_end = ...): it may come to hold more. */
typedef struct gmux_call_handlers {
  /* The server's initial metadata, borrowed for the callback, NULL when there are none; not for a
   * Trailers-Only reply. */
  void (*on_headers)(gmux_call *call, const gmux_metadata *metadata, void *user_data);
  /* One message. Borrowed for the callback; gmux_bytes_take keeps it, without a copy where it can.
   * Where a method answers with one message, it comes when the status is known to be OK, right
   * before on_end; with any other status it is dropped. */
  void (*on_message)(gmux_call *call, gmux_bytes *message, void *user_data);
  /* The write queue has room again, after gmux_call_write said it was full; also when half_close
   * was said since, where there is nothing left to write. */
  void (*on_writable)(gmux_call *call, void *user_data);
  /* The connection is going away (the server's GOAWAY, max_age_ms, gmux_channel_rotate, ...): this
   * call may finish, within drain_timeout_ms, but a stream meant to live long should be moved to a
   * new call when convenient. At most once an attempt: one that is then made again on another
   * connection may hear it of that one, too. */
  void (*on_draining)(gmux_call *call, void *user_data);
  /* The end. `status` and `trailers` (NULL when there are none) are borrowed for the callback. */
  void (*on_end)(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                 void *user_data);
  void (*reserved[4])(
      void); /* NULL: room for handlers to come, so that the struct keeps its size */
} gmux_call_handlers;

/*
 * Starts a call. `out` may be NULL in callback form, if the handle is not wanted. `handlers` must
 * live until on_end; NULL for blocking form. `options` may be NULL. GMUX_ERR_INVALID,
 * GMUX_ERR_CLOSED (channel shut down), GMUX_ERR_NOMEM: then no handler ever comes. Everything else
 * that goes wrong comes as a status; when that is known at once (no connection can be had now) the
 * call is over before anything was written, gmux_call_write says GMUX_ERR_STATE, and on_end is on
 * its way.
 */
GMUX_API int gmux_call_start(gmux_call **out, gmux_channel *channel, gmux_method *method,
                             const gmux_call_options *options, const gmux_call_handlers *handlers,
                             void *user_data);

/*
 * A whole unary call with one callback. `request` is taken on success, as by gmux_call_write.
 * Errors are those of gmux_call_start, and GMUX_ERR_TOO_LARGE for a request over the channel's
 * max_send_message_bytes. on_done comes exactly once, from the loop, unless an error is returned;
 * `reply` has the message when the status is OK (borrowed, as in on_message), else it is empty.
 * `out` may be NULL; a handle that was asked for has to be freed. The initial metadata are not
 * shown: who wants them uses gmux_call_start. Any thread.
 */
typedef void (*gmux_unary_fn)(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                              const gmux_metadata *trailers, void *user_data);
GMUX_API int gmux_call_unary_start(gmux_call **out, gmux_channel *channel, gmux_method *method,
                                   const gmux_call_options *options, gmux_bytes *request,
                                   gmux_unary_fn on_done, void *user_data);

/*
 * A whole unary call, blocking. The answer is the status; what stops the call from being started at
 * all comes as one too, with the error in its text (GMUX_ERR_DEADLOCK: FAILED_PRECONDITION,
 * GMUX_ERR_INVALID: INVALID_ARGUMENT, GMUX_ERR_CLOSED: UNAVAILABLE, GMUX_ERR_NOMEM and _TOO_LARGE:
 * RESOURCE_EXHAUSTED). `request` is taken if it was started, whatever the status. With OK *reply is
 * owned by the caller (gmux_bytes_release); else it is empty. Clear the status with
 * gmux_status_clear. Metadata of the reply are not shown: who wants them goes the long way of the
 * blocking form, above. Any thread but the loop's.
 */
GMUX_API gmux_status gmux_call_unary_wait(gmux_channel *channel, gmux_method *method,
                                          const gmux_call_options *options, gmux_bytes *request,
                                          gmux_bytes *reply);

/* ---- a running call, both forms ---- */

enum { GMUX_WRITE_FULL = 1 };

/*
 * Sends one message. Borrowed bytes are copied, and may be written again or to another call; owned
 * ones are taken on success (*message is then empty: written again it would be a message of no
 * bytes) and released once they are on their way and need not be kept any more for sending them
 * again (until the reply begins, within retry_buffer_bytes of the channel). Returns 0; or
 * GMUX_WRITE_FULL (> 0): taken, but the queue is full, wait for on_writable. Errors, with
 * nothing taken: GMUX_ERR_AGAIN (the queue was full already, or what it shares with other calls is
 * full since the last write: on_writable comes), GMUX_ERR_TOO_LARGE, GMUX_ERR_STATE
 * (half-closed, or a second message of a method that sends one; or the call is over, or all but:
 * the server has said its last word, and on_end waits for its messages to be taken),
 * GMUX_ERR_NOMEM, GMUX_ERR_INVALID.
 */
GMUX_API int gmux_call_write(gmux_call *call, gmux_bytes *message);

/* Whether the messages that are written from now on are compressed, where the call has a
 * compression at all. True at first; false leaves out one that is compressed in itself, or holds a
 * secret. Of the thread that writes. */
GMUX_API void gmux_call_set_message_compression(gmux_call *call, bool is_wanted);

/* Whether the message that on_message is told of came compressed; when the whole reply is told of
 * at the end, that one. Loop's thread only. In the blocking form: the message that
 * gmux_call_read_wait gave last, also when others have come since, until the next is read; false
 * before the first. Of the thread that reads. */
GMUX_API bool gmux_call_was_compressed(const gmux_call *call);

/* No more messages will be written; allowed while the queue is full. A client-streaming or
 * bidirectional call needs it: without, most servers wait for more until the deadline, and without
 * a deadline for ever. GMUX_ERR_STATE when it was said before, GMUX_ERR_NOMEM. Unneeded after the
 * one message of a unary or server-streaming method, where write does it, and harmless there. */
GMUX_API int gmux_call_half_close(gmux_call *call);

/* Grants credit for `count` more messages (see initial_credit). GMUX_ERR_INVALID for 0,
 * GMUX_ERR_NOMEM. */
GMUX_API int gmux_call_grant(gmux_call *call, uint32_t count);

/* The call ends with CANCELLED, unless it has ended already. Never fails; takes effect at once on
 * the loop's thread. */
GMUX_API void gmux_call_cancel(gmux_call *call);

/* Lets go of the handle; takes NULL. A handle that is never freed keeps its channel's memory, and
 * gmux_loop_stop refuses while there is one. */
GMUX_API void gmux_call_free(gmux_call *call);

/* What is known of what became of an attempt at the server (gRPC A6): may it be sent again without
 * being executed twice? */
typedef enum gmux_evidence {
  GMUX_EVIDENCE_NEVER_LEFT = 0, /* no byte of it was given to a connection */
  GMUX_EVIDENCE_REFUSED = 1,    /* RST_STREAM(REFUSED_STREAM): the server did not look at it */
  GMUX_EVIDENCE_ABOVE_LAST = 2, /* GOAWAY with a lower last stream id: the same */
  GMUX_EVIDENCE_POSSIBLE = 3, /* it left, and nothing proves anything: it may have been executed */
  GMUX_EVIDENCE_ANSWERED = 4  /* the server answered */
} gmux_evidence;
GMUX_API const char *gmux_evidence_str(gmux_evidence evidence);

/* Of all attempts together: the greatest. So a call whose second attempt never left is "possibly
 * executed" if its first was. Valid from on_end (or end_wait) on; before that what is known so far.
 */
GMUX_API gmux_evidence gmux_call_get_evidence(const gmux_call *call);

/* The address of the server that has the call, "ipv4:127.0.0.1:443"; "" while it is on no
 * connection. To be asked in handlers, where it is valid until they return, or after the end: as
 * long as the handle. */
GMUX_API const char *gmux_call_peer(const gmux_call *call);

/* Where a call's time went, as far as it has come; sized like options. The times add up to
 * total_ns. */
typedef struct gmux_call_explanation {
  size_t size;
  uint64_t total_ns; /* since it was started, until its end */
  /* While it waited for a place, by what the channel was at. */
  uint64_t paused_ns, backoff_ns, gate_ns, resolve_ns, dial_ns, tls_ns, settings_ns, validation_ns;
  uint64_t limit_ns;  /* all streams that the server, or our own cap, allows were taken */
  uint64_t retry_ns;  /* between attempts: the backoff of a retry */
  uint64_t send_ns;   /* what it had written was held back by flow control or the socket */
  uint64_t server_ns; /* on its stream, with nothing of its own left to send: server and network */
  uint32_t attempts;  /* times it was put on a stream */
  gmux_evidence evidence; /* of all attempts together */
  uint32_t ended_by[5];   /* attempts that have ended, by gmux_evidence */
  char sentence[384]; /* "412 ms: 250 ms for TCP, 160 ms at the server; 2nd attempt, the first was
                         refused" */
  uint32_t loop;      /* of a channel of several: which of them has it, from 1; else 0 */
  uint64_t memory_ns; /* while it waited for a place: max_memory_bytes was taken by other calls */
} gmux_call_explanation;

/* Fills *explanation (its `size` set by the caller): also of a call that waits or runs. Elsewhere
 * than on the loop's thread it waits for the loop, until the call has ended. GMUX_ERR_INVALID,
 * GMUX_ERR_NOMEM. */
GMUX_API int gmux_call_explain(gmux_call *call, gmux_call_explanation *explanation);

/* ---- blocking form ---- */

/* Waits for the next message. 0: *message is owned by the caller (gmux_bytes_release);
 * GMUX_ERR_EOF: there is none left, ask gmux_call_end_wait why; GMUX_ERR_DEADLOCK, GMUX_ERR_STATE
 * (callback form). */
GMUX_API int gmux_call_read_wait(gmux_call *call, gmux_bytes *message);

/* As gmux_call_write, but waits while the queue is full. GMUX_ERR_STATE also when the call has
 * ended. */
GMUX_API int gmux_call_write_wait(gmux_call *call, gmux_bytes *message);

/* Waits for the initial metadata, borrowed as long as the handle. *metadata is NULL when there is
 * none. GMUX_ERR_EOF: the call ended without. */
GMUX_API int gmux_call_headers_wait(gmux_call *call, const gmux_metadata **metadata);

/* Waits for the end. A stream of messages has to be read to its end before, or the call cancelled:
 * a server that has more to say waits for the reads. The status is the caller's to clear; *trailers
 * (may be NULL; receives NULL when there are none) is borrowed as long as the handle. On the loop's
 * thread: FAILED_PRECONDITION with the reason. */
GMUX_API gmux_status gmux_call_end_wait(gmux_call *call, const gmux_metadata **trailers);

GMUX_END_DECLS

#endif
