/*
 * stream.h: one gRPC exchange on one HTTP/2 stream, either role: headers, messages out, messages
 * in, credit.
 *
 * A stream is embedded in its owner (an attempt of a client's call, a server's call). Its life:
 *
 *     init -> (client) open: waits on its connection until the end of the turn, then HEADERS leave
 *          -> (server) returned from the connection's on_stream
 *     handlers come, each from the loop and never from inside a function of this header:
 *        on_headers?  on_message*  on_half_close? (server)  on_closed, the last
 *     reset ends it early: no handler comes after it, not even on_closed
 *     (client) rewind, after on_closed: as before open, to be sent again
 *     deinit: when over, reset or never opened. The owner's memory may go in on_closed; else it
 * must stay until GMUX__PHASE_FREE
 *
 * Messages may be written before a client's stream is opened; they wait in it. All on the loop's
 * thread.
 */
#ifndef GMUX__H2_STREAM_H
#define GMUX__H2_STREAM_H

#include "lib/base/hook.h"
#include "lib/base/list.h"
#include "lib/base/machine.h"
#include "lib/h2/head.h"
#include "lib/h2/rules.h"
#include "lib/io/transport.h"
#include "lib/policy/window.h"
#include "lib/wire/framing.h"
#include "lib/wire/metadata.h"
#include "lib/wire/status.h"
#include <gmux/bytes.h>
#include <gmux/call.h>
#include <stdbool.h>

typedef struct gmux__h2 gmux__h2;
typedef struct gmux__conn gmux__conn;
typedef struct gmux__stream gmux__stream;
typedef struct gmux__seat gmux__seat;
typedef struct gmux__outmsg gmux__outmsg;

/* How a stream ended, for on_closed. */
typedef enum gmux__ending {
  GMUX__ENDING_NONE = 0,
  GMUX__ENDING_FINISHED, /* by END_STREAM both ways (server: the trailers were sent; client:
                            received) */
  GMUX__ENDING_RESET,    /* by the peer's RST_STREAM: end.h2_code */
  GMUX__ENDING_LOST,     /* with the connection, or passed over by GOAWAY: end.why */
  GMUX__ENDING_BROKEN /* by us: the peer broke a rule, passed a limit, or memory ended: end.error,
                         end.why */
} gmux__ending;

typedef struct gmux__stream_handlers {
  /* stream->in->head is complete: the response's (not when it is Trailers-Only: that is in
   * stream->in->tail alone), or the request's. */
  void (*on_headers)(gmux__stream *stream);
  /* One message, decompressed; borrowed unless taken. Costs one credit. */
  void (*on_message)(gmux__stream *stream, gmux_bytes *message);
  /* A message cannot be had: too large, corrupt, cut short by the end, in an encoding that nobody
   * knows. Neither a message nor on_half_close follows; the owner may still answer
   * (gmux__stream_finish), which tells a client more than a reset does. `why` is borrowed. May be
   * NULL: then the stream is BROKEN and reset. */
  void (*on_bad_message)(gmux__stream *stream, int error, const char *why);
  /* Server: the client has sent all; comes after the last message. Client: never. May be NULL
   * there. */
  void (*on_half_close)(gmux__stream *stream);
  /* `bytes` of the messages queued by gmux__stream_write (their lengths, prefixes not counted) have
   * been framed since the last time. Called from inside nghttp2: must not run the application's
   * code. Not told of what a reset or the end drops, nor again of what a rewind sends again: a
   * writer's queue is what it has written and was not told of, so its back-pressure needs no
   * correction, and a stream holds at most that and what gmux__stream_keep allows. */
  void (*on_sent)(gmux__stream *stream, size_t bytes);
  /* `is_full`: it has written while what is queued on the connection, or on all of this h2, had
   * passed its bound: write no more until told that it is not full any more, which comes at the
   * latest when all of this stream's has been framed. Comes from inside gmux__stream_write and
   * nghttp2, so it must not run the application's code; gmux__exchange_set_held may be called. Not
   * told of the end. May be NULL: then it is never held. */
  void (*on_queue)(gmux__stream *stream, bool is_full);
  /* Server: the client owes bytes, and has sent none for body_stall_ns (up to a quarter more).
   * Comes again after as long. May be NULL where that is 0. */
  void (*on_stalled)(gmux__stream *stream);
  /* The connection drains, by GOAWAY or because its owner says so, and this stream may finish. At
   * most once; client only, may be NULL. */
  void (*on_draining)(gmux__stream *stream);
  /* The answer is here to its last word, but messages of it wait for credit, and on_closed behind
   * them. What was queued is dropped, and nothing can be sent any more. At most once; client only,
   * may be NULL. */
  void (*on_answered)(gmux__stream *stream);
  /* Over; stream->end says how. The stream is off its connection, and not looked at after this. */
  void (*on_closed)(gmux__stream *stream);
  /*
   * Server: the trailers. Asked for when the last message has been framed after gmux__stream_finish
   * (or by it, for a Trailers-Only response: then stream->send.has_headers is false, and :status
   * and content-type belong to it). Fills fields[0..room), room being the count given to
   * gmux__stream_finish, and returns how many. What they point to must stay until the stream is
   * over. Must not call back.
   */
  size_t (*trailers)(gmux__stream *stream, gmux__field *fields, size_t room);
} gmux__stream_handlers;

typedef enum gmux__send_state {
  GMUX__SEND_OPEN = 0, /* messages may be queued */
  GMUX__SEND_CLOSING,  /* half_close or finish was said; the queue drains */
  GMUX__SEND_CLOSED    /* END_STREAM is on its way, or nobody wants to hear more */
} gmux__send_state;

typedef enum gmux__recv_state {
  GMUX__RECV_HEAD = 0, /* waiting for the first header block */
  GMUX__RECV_BODY,
  GMUX__RECV_CLOSED /* END_STREAM received */
} gmux__recv_state;

extern const gmux__machine gmux__send_machine, gmux__recv_machine;

/* How a stream ended. */
typedef struct gmux__stream_end {
  union {
    const char *why; /* words, when LOST or BROKEN; never NULL after on_closed; valid during it */
    char *own_why;   /* the same, while recv.has_own_why: the stream's to free */
  };
  uint32_t h2_code; /* of RST_STREAM, when RESET */
  int16_t error;    /* GMUX_ERR_*, when LOST or BROKEN */
  uint8_t how;      /* gmux__ending */
  uint8_t evidence; /* gmux_evidence: may it be sent again? */
} gmux__stream_end;

/* When things happened, of the time on one connection; a rewind forgets them. 0: has not happened.
 * queued_ns is a clock of how long something waited to be framed, see gmux__stream_queued_ns. */
typedef struct gmux__stream_times {
  uint64_t opened_ns, left_ns; /* put there; HEADERS left */
  uint64_t queued_ns;
} gmux__stream_times;

/* Handlers that are due. */
typedef enum gmux__due {
  GMUX__DUE_HEADERS = 1,
  GMUX__DUE_HALF_CLOSE = 2,
  GMUX__DUE_DRAINING = 4,
  GMUX__DUE_STALLED = 8
} gmux__due;

/* What a message that waits costs beside its bytes: where those lie, and the allocator's share. It
 * is counted with them, else a million messages of a byte would be a million bytes. */
enum { GMUX__MESSAGE_COST = 128 };

/* Pieces of DATA that lie in the loop's read buffer; each stream may have a few at once before it
 * has to copy. In 64 KiB, the default, lie three or four frames of 16 KiB and the ends of two. */
enum { GMUX__STREAM_PIECES = 6 };

/* Room for a short message that the owner keeps until it is told. */
enum { GMUX__INTAKE_ROOM = 256 };

/* What is received. It is made when the first header block begins, so that a call costs a third as
 * much while the server works on it. */
typedef struct gmux__intake {
  gmux__head head;   /* the request, or the response's initial metadata */
  gmux__head tail;   /* the response's trailers, also Trailers-Only */
  gmux__rules rules; /* client */
  gmux__deframer deframer;
  gmux__buf pending; /* bytes held back: no credit for them yet */
  gmux__slice pieces[GMUX__STREAM_PIECES];
  uint8_t piece_count;
  uint64_t taken_ns;     /* when the head, or bytes of the body, were last taken */
  uint64_t discarded;    /* bytes, while recv.is_discarded */
  uint32_t large_bytes;  /* under a ceiling: of its message, when that was asked for and granted, */
  bool is_large_kept;    /* and that its owner keeps, having been told of it */
  uint64_t granted_ns;   /* when it was */
  size_t withheld;       /* bytes of it that the window was not given back; else 0 */
  gmux__link large_link; /* among those whose message may not grow yet, see memory.c */
  gmux__stream *stream;
  gmux__window window;             /* what the peer may send ahead; no `bytes`: as it began */
  uint32_t widened;                /* the most that it was beyond that, bytes */
  uint32_t taken;                  /* bytes, since the window was told of some */
  uint8_t room[GMUX__INTAKE_ROOM]; /* the owner's */
} gmux__intake;

/* There are as many as calls run, so it is 216 bytes. */
struct gmux__stream {
  const gmux__stream_handlers *handlers;
  gmux__h2 *h2;
  gmux__conn *conn; /* NULL: not opened yet, or over */
  gmux__seat *seat; /* the slot that it has there; NULL: nghttp2 has closed the stream */
  /* Received; read by the owner. Never NULL: while nothing has come it is an empty one that is
   * everybody's, and cannot be written to. */
  gmux__intake *in;
  struct {
    uint32_t credit;         /* messages; GMUX_CREDIT_UNLIMITED */
    uint32_t limit;          /* bytes, of each message */
    uint8_t state;           /* gmux__recv_state */
    uint8_t due;             /* gmux__due: handlers */
    bool expects_end : 1;    /* the peer owes bytes until its END_STREAM */
    bool is_discarded : 1;   /* nobody wants to know what comes */
    bool is_next : 1;        /* credit that is granted now need not ask for a delivery: one is about
                                to look at the messages */
    bool is_bad : 1;         /* on_bad_message was told: nothing is read any more */
    bool was_compressed : 1; /* the last message that was delivered */
    bool has_own_why : 1;    /* see end */
  } recv;
  int32_t id;            /* 0: none yet */
  gmux__stream_end end;  /* read by the owner */
  gmux__hook event_hook; /* in its connection's list of streams that have something to deliver */
  gmux__link link;       /* among its connection's streams */
  gmux__hook hold_hook;  /* in the backlog that holds it */
  gmux__hook lane_hook;  /* in its connection's lane, while others with much to send are first */

  struct {
    /* Outgoing messages, in order: from `first` on those that were framed and are kept for a
     * rewind (client), from `next` on those that are not framed to their last byte. NULL: none;
     * `last` only holds while `first` is there. */
    struct gmux__outmsg *first, *next, *last;
    size_t queued_bytes;      /* from `next` on, prefixes included, and not framed */
    uint32_t queued_messages; /* from `next` on */
    uint32_t kept_bytes;      /* before `next` */
    union {
      uint32_t keep_limit;    /* client: of kept_bytes */
      uint32_t trailer_count; /* server: room for gmux__stream_handlers.trailers */
    };
    uint16_t kept_count;
    uint8_t state;            /* gmux__send_state */
    bool has_headers : 1;     /* server: response HEADERS were submitted */
    bool has_left : 1;        /* client: the request's HEADERS are on their way */
    bool is_asleep : 1;       /* nghttp2 waits for gmux__stream_write (NGHTTP2_ERR_DEFERRED) */
    bool is_committed : 1;    /* what was written is not all here any more, or never sent again */
    bool is_held_by_conn : 1; /* where hold_hook is in a list: its connection's, not that of all */
    bool is_clocked : 1;      /* times.queued_ns runs */
  } send;
  gmux__stream_times times; /* server: opened_ns alone */
};

/* `max_recv_bytes` limits each message. The stream holds `credit` at first. */
void gmux__stream_init(gmux__stream *stream, gmux__h2 *h2, const gmux__stream_handlers *handlers,
                       uint32_t max_recv_bytes, uint32_t credit);
/* Releases what is queued and received. Takes one that is over, reset, or never opened. */
void gmux__stream_deinit(gmux__stream *stream);

/*
 * Client: puts the stream on a connection that is READY and has a free slot. The request's header
 * fields are copied. HEADERS leave at the end of the turn, or earlier when many others are opened
 * in it. On an error nothing has changed: GMUX_ERR_NOMEM; GMUX_ERR_STATE when the connection takes
 * no streams; GMUX_ERR_TOO_LARGE, with words, when the server has announced that it accepts fewer
 * bytes of header fields.
 */
int gmux__stream_open(gmux__stream *stream, gmux__conn *conn, const gmux__field *fields,
                      size_t count);

/* Server: response HEADERS. Once, before anything is written. `only_bytes`, if not 0: one message
 * of so many bytes (GMUX__PREFIX_LEN with them) is about to be written, and gmux__stream_finish
 * said behind it, so that all of it can leave as one. GMUX_ERR_NOMEM, GMUX_ERR_STATE. */
int gmux__stream_respond(gmux__stream *stream, const gmux__field *fields, size_t count,
                         size_t only_bytes);

/* Server, from on_headers on: what comes is no messages. It is thrown away and its window given
 * back; then on_half_close. If it is more than max_recv_bytes, on_bad_message comes instead. The
 * end is expected, as by: */
void gmux__stream_discard(gmux__stream *stream);

/* Server, from on_headers on: the client is to say all it has without a pause, so that it owes
 * bytes (on_stalled) until its END_STREAM, and not only inside a message. */
void gmux__stream_expect_end(gmux__stream *stream);

/* Queues one message, as gmux_call_write does with its bytes; no bound here, that is the owner's.
 * GMUX_ERR_NOMEM, GMUX_ERR_STATE. On a server after gmux__stream_respond. */
int gmux__stream_write(gmux__stream *stream, gmux_bytes *message);
/* The same; `is_compressed`: in the encoding that the stream's header fields name. */
int gmux__stream_write_coded(gmux__stream *stream, gmux_bytes *message, bool is_compressed);
/* A message that is written before there is a stream, as gmux__stream_write takes it; it waits like
 * one that is queued, and counts like one. `is_to_wait`: longer than this turn, so it takes no
 * memory that is kept for messages that leave. NULL: out of memory. */
gmux__outmsg *gmux__letter_new(gmux__h2 *h2, gmux_bytes *message, bool is_compressed,
                               bool is_to_wait);
void gmux__letter_drop(gmux__h2 *h2, gmux__outmsg *letter); /* takes NULL */
/* Queues it, the first on a stream that is not opened. Takes NULL. */
void gmux__stream_post(gmux__stream *stream, gmux__outmsg *letter);
/* What waits to be framed on its connection, or on all, is as much as may: whoever has a choice
 * writes nothing now. */
bool gmux__stream_is_crowded(const gmux__stream *stream);

/* Client: END_STREAM after the last message. Idempotent. */
void gmux__stream_half_close(gmux__stream *stream);

/* Server: the end after the last message, with the trailers of handlers->trailers (at most
 * `trailer_count` fields). When no response HEADERS were sent, they make a Trailers-Only response.
 * Then, if the client has not half-closed, RST_STREAM(NO_ERROR). Idempotent. */
void gmux__stream_finish(gmux__stream *stream, size_t trailer_count);

/* Grants credit for `count` more messages (saturating). */
void gmux__stream_credit(gmux__stream *stream, uint32_t count);

/* Under a ceiling, in on_message: the owner keeps the message, of `bytes`, and says when not any
 * more (or the stream is off its connection). False: there is no memory for what it has become by
 * decompression. */
bool gmux__stream_keep_message(gmux__stream *stream, size_t bytes);
void gmux__stream_keep_message_no_more(gmux__stream *stream);

/* Ends it at once for the owner: no handler follows. RST_STREAM(h2_code) leaves if the peer knows
 * the stream and it is not finished; one that has not left is forgotten. stream->end.evidence is
 * set. What was written is released. When over it does only that, and when it was never opened. */
void gmux__stream_reset(gmux__stream *stream, uint32_t h2_code);

/* Client, before anything was written: keeps what has been framed, up to `limit` bytes (and 1,024
 * messages) in all, until the reply begins, so that the stream can be sent again. Owned bytes are
 * released that much later. Without it, or with 0, only what was never framed is still here. */
void gmux__stream_keep(gmux__stream *stream, uint32_t limit);
/* Whether all that was ever written is still here, and the reply has not begun. Stays so after
 * on_closed, until gmux__stream_reset or _deinit let go of it. */
bool gmux__stream_can_rewind(const gmux__stream *stream);
/* After on_closed or in it (or before it was opened), when it can be rewound: as it was before
 * gmux__stream_open, with all that was written queued again, in order, and half-closed if it was.
 * Credit that was granted and not used stays. on_sent is told once for each message: those it was
 * told of are not told again. Messages may be written all the while, also between the loss of the
 * stream and its rewind. Never fails. */
void gmux__stream_rewind(gmux__stream *stream);

/* On its connection, up to now: for how long something has waited to be framed. */
uint64_t gmux__stream_queued_ns(const gmux__stream *stream, uint64_t now_ns);

/* Never sent, or what is known now. */
gmux_evidence gmux__stream_evidence(const gmux__stream *stream);

#endif
