/*
 * exchange.h: what a client's call and a server's call have in common: threads, holds,
 * back-pressure, the blocking form.
 *
 * An exchange is embedded (as the first member) in gmux_call and gmux_server_call. It makes their
 * operations safe from any thread: on the loop's thread an operation is applied at once; elsewhere
 * it travels as a post that holds the exchange, and is applied by the same function (ops->apply) a
 * moment later, in the order of that thread.
 *
 * Holds: the application has some (its handle), the loop has one until the end has been told, each
 * post in flight has one. When the last goes, ops->destroy runs on the loop's thread, in
 * GMUX__PHASE_FREE unless who let go knew that nobody looks at it any more.
 */
#ifndef GMUX__H2_EXCHANGE_H
#define GMUX__H2_EXCHANGE_H

#include "lib/io/loop.h"
#include "lib/io/mailbox.h"
#include "lib/wire/codec.h"
#include <gmux/bytes.h>
#include <gmux/call.h>
#include <stdatomic.h>

typedef struct gmux__exchange gmux__exchange;

typedef enum gmux__op_kind {
  GMUX__OP_START, /* begin (a client's call started elsewhere) */
  GMUX__OP_WRITE, /* message */
  GMUX__OP_HALF_CLOSE,
  GMUX__OP_CREDIT, /* count */
  GMUX__OP_CANCEL,
  GMUX__OP_HEADERS, /* data: owner's, given to ops->drop when not applied */
  GMUX__OP_FINISH   /* data: owner's, the same */
} gmux__op_kind;

typedef struct gmux__op {
  gmux__op_kind kind;
  uint32_t count;
  bool is_compressed; /* the message */
  gmux_bytes message; /* owned or borrowed; apply takes it or leaves it, what is left is released */
  void *data;
} gmux__op;

typedef struct gmux__exchange_ops {
  /* On the loop's thread. An error is returned to a caller on that thread; for one elsewhere the
   * owner must see to it that it is not lost (GMUX_ERR_NOMEM ends the call). Must take op->data
   * (set it to NULL) if it keeps it. */
  int (*apply)(gmux__exchange *exchange, gmux__op *op, bool was_posted);
  void (*drop)(void *data);                      /* op->data that was not taken; may be NULL */
  void (*on_writable)(gmux__exchange *exchange); /* the queue was full and has room again */
  void (*destroy)(gmux__exchange *exchange);
} gmux__exchange_ops;

/* What all exchanges of a channel, or of a server, have in common. */
typedef struct gmux__exchange_home {
  const gmux__exchange_ops *ops;
  gmux_loop *loop;
  const gmux__codecs *codecs;
} gmux__exchange_home;

struct gmux__exchange {
  const gmux__exchange_home *home; /* borrowed */
  gmux__mailbox
      *box; /* blocking form; NULL: callback form. Set before it is shared, never changed after */
  uint32_t write_queue_bytes, max_send_bytes;
  struct { /* the loop's thread */
    /* That it can be written to, then the owner's end, then its freeing: each makes those before
     * pointless, so that they need but one. */
    gmux__task task;
  } loop_only;
  gmux__post post; /* cancel must not allocate; nor must the last hold, which comes after it */
  struct {
    _Atomic(size_t) queued_bytes; /* of messages written and not yet framed: what they cost */
    atomic_uint holds;
    atomic_uint owed_credit; /* blocking form: messages read and not yet granted again */
    atomic_uchar encoding;   /* of what is written: a gmux__encoding, and whether it may change */
    atomic_bool is_plain;    /* messages are not compressed now */
    atomic_bool was_compressed;  /* blocking form: the message read last */
    atomic_bool is_held;         /* full, however short the queue is */
    atomic_bool is_full;         /* a writer was told so */
    atomic_bool is_write_closed; /* half-closed or finished: no more writes */
    atomic_bool is_over;         /* nobody will hear more: the end has been told, or is to be */
    atomic_bool is_cancel_posted;
  } shared;
};

/* One hold, the loop's. */
void gmux__exchange_init(gmux__exchange *exchange, const gmux__exchange_home *home,
                         uint32_t write_queue_bytes, uint32_t max_send_bytes);
/* From destroy. */
void gmux__exchange_deinit(gmux__exchange *exchange);

void gmux__exchange_hold(gmux__exchange *exchange);    /* any thread */
void gmux__exchange_release(gmux__exchange *exchange); /* any thread */
/* On the loop's thread, where nobody above on the stack looks at it again: if it was the last it is
 * destroyed at once, and its memory is used again while that is in the caches. */
void gmux__exchange_release_now(gmux__exchange *exchange);

/* Applies `op` here or posts it. On success the op's message and data have changed hands (message
 * is left empty). GMUX_ERR_NOMEM: nothing happened. Any thread. */
int gmux__exchange_do(gmux__exchange *exchange, gmux__op *op);

/* ---- compression ----
 * Identity at first. It may be chosen until the first message is written, or header fields that
 * name it leave: then both say the same, whichever threads they come from. */

/* GMUX_ERR_STATE when it is too late. */
int gmux__exchange_set_encoding(gmux__exchange *exchange, gmux__encoding encoding);
/* What it is, from now on for good. */
gmux__encoding gmux__exchange_fix_encoding(gmux__exchange *exchange);
/* The message as it goes on the wire, in op->message; gmux__exchange_encoded must follow when `op`
 * has been done or not (`rc`), so that *message has changed hands or not. GMUX_ERR_NOMEM: nothing
 * happened. */
int gmux__exchange_encode(gmux__exchange *exchange, gmux__op *op, const gmux_bytes *message);
void gmux__exchange_encoded(gmux__op *op, gmux_bytes *message, int rc);

/* The rules of gmux_call_write in front of gmux__exchange_do. Any thread. `close` ends writing with
 * this message. */
int gmux__exchange_write(gmux__exchange *exchange, gmux_bytes *message, bool close);
/* 0 once; GMUX_ERR_STATE when writing was ended before. Any thread. Does not apply anything. */
int gmux__exchange_close_writing(gmux__exchange *exchange);
/* Cancel: never fails, never allocates. Any thread. */
void gmux__exchange_cancel(gmux__exchange *exchange);

/* What a message of `len` bytes counts for while it is queued. Any thread. */
size_t gmux__exchange_cost(size_t len);
/* The owner's stream says that `bytes` have gone (gmux__stream_handlers.on_sent), or the end
 * dropped them. Once for each message, however often it is sent: a stream that is rewound tells
 * only of what it has not told of. Loop's thread. */
void gmux__exchange_sent(gmux__exchange *exchange, size_t bytes);

/*
 * gmux__stream_handlers.on_queue: while held, writing is answered as if the queue were full
 * (GMUX_WRITE_FULL, GMUX_ERR_AGAIN), and on_writable comes when that ends and the queue itself has
 * room. A stream is held by a write of its own, so each exchange may have one message more than the
 * bound; those of other threads that are on their way to the loop then, up to write_queue_bytes.
 * May be called from inside a write: runs nobody's code. Loop's thread.
 */
void gmux__exchange_set_held(gmux__exchange *exchange, bool is_held);

/* `end` is run with the exchange in GMUX__PHASE_DONE of this turn; once, after
 * gmux__exchange_set_over. Loop's thread. */
void gmux__exchange_defer_end(gmux__exchange *exchange, void (*end)(void *exchange));

/* The peer has said its last word, though it may be long until the end is told: nothing can be
 * written any more, and nobody is to wait for that. Loop's thread. */
void gmux__exchange_set_over(gmux__exchange *exchange);

/* Blocking form; each GMUX_ERR_DEADLOCK on the loop's thread, GMUX_ERR_STATE without a box, and as
 * gmux_call_read_wait etc. say. */
int gmux__exchange_read_wait(gmux__exchange *exchange, gmux_bytes *message);
int gmux__exchange_write_wait(gmux__exchange *exchange, gmux_bytes *message, bool close);

#endif
