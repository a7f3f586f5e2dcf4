/*
 * outq.h: what a connection is about to write, and the messages it comes from.
 *
 * Frames are gathered until the queue is full, then written with as few writev as possible; only
 * when it is empty is it filled again. So at most GMUX__OUTQ_BYTES and one frame stand ahead of the
 * socket (a frame or two where that is slow; more where it takes much at once), memory is bounded,
 * and one writev holds it all. Small things (frame headers, short payloads) are copied together
 * into one stage; large payloads are written from where they lie, and the queue holds their message
 * until they are gone.
 */
#ifndef GMUX__H2_OUTQ_H
#define GMUX__H2_OUTQ_H

#include "lib/base/buf.h"
#include "lib/base/slab.h"
#include "lib/io/transport.h"
#include "lib/wire/framing.h"
#include <gmux/bytes.h>
#include <stdbool.h>

/* One outgoing message: gRPC's prefix and its bytes. Held by its stream (in its queue, or among
 * what it keeps), and by each segment in flight; freed when neither is left. */
enum { GMUX__OUTMSG_INLINE = 256 }; /* in the smaller pool */
typedef struct gmux__outmsg_pool gmux__outmsg_pool;
typedef struct gmux__outmsg {
  struct gmux__outmsg *next; /* of its stream's, in the order of writing; its stream's to set */
  gmux__outmsg_pool *pool;   /* where it goes back to; NULL: to the allocator */
  gmux_bytes bytes;
  size_t framed;      /* of prefix and bytes, how much is in frames already */
  unsigned in_flight; /* segments that point into it */
  bool is_queued;     /* or kept for a rewind */
  bool is_told;       /* its writer has heard that it was framed */
  uint8_t prefix[GMUX__PREFIX_LEN];
  uint8_t inline_bytes[]; /* of what was copied */
} gmux__outmsg;

#define GMUX__OUTMSG_SMALL_SIZE (sizeof(gmux__outmsg) + GMUX__OUTMSG_INLINE)
/* For copies of up to 4 KiB, header included. */
#define GMUX__OUTMSG_LARGE_SIZE ((size_t)4096)

/*
 * Objects of one size for messages, so that a steady load allocates none. Only the first of them
 * have such an object, which is roomy: where more wait, because a peer does not read, each has
 * memory of just its size, and then it costs what is counted for it (GMUX__MESSAGE_COST).
 */
struct gmux__outmsg_pool {
  gmux__slab slab;
  size_t lent; /* objects that are messages now; at most slab.keep */
  gmux__hoard *hoard;
};
/* `hoard`: for owned bytes that come out of one; may be NULL. */
void gmux__outmsg_pool_init(gmux__outmsg_pool *pool, size_t size, size_t most, gmux__hoard *hoard);
void gmux__outmsg_pool_deinit(gmux__outmsg_pool *pool);

/* Owned bytes are taken (*bytes is then empty), borrowed ones copied, into the pool's object when
 * they fit; without a pool (NULL) into memory of just their size. NULL: out of memory. */
gmux__outmsg *gmux__outmsg_new(gmux__outmsg_pool *pool, gmux_bytes *bytes, bool is_compressed);
static inline size_t gmux__outmsg_left(const gmux__outmsg *msg) {
  return GMUX__PREFIX_LEN + msg->bytes.len - msg->framed;
}
/* The stream lets go of it. */
void gmux__outmsg_unqueue(gmux__outmsg *msg);

enum {
  /* Full from here on, and when as much is in the stage: with one frame more that stays below 64
   * KiB. */
  GMUX__OUTQ_BYTES = 40 * 1024,
  GMUX__OUTQ_SHORT = 16 * 1024, /* to be its aim: one frame of DATA of the usual size */
  GMUX__OUTQ_COPY = 2 * 1024    /* up to here copying is cheaper than a slice of its own */
};

typedef struct gmux__segment {
  const uint8_t *data; /* NULL: in the stage, at `offset` */
  size_t offset, len;
  gmux__outmsg *msg; /* held while data points into it */
} gmux__segment;

typedef struct gmux__outq {
  gmux__buf stage;
  gmux__segment segments[GMUX__SLICES_MAX];
  unsigned count, next; /* segments[next..count) are still to be written */
  size_t bytes;         /* in them */
  size_t aim;           /* bytes to be full with; 0: GMUX__OUTQ_BYTES */
} gmux__outq;           /* all zero is an empty one */

void gmux__outq_deinit(gmux__outq *q);
static inline bool gmux__outq_is_empty(const gmux__outq *q) {
  return q->bytes == 0;
}
bool gmux__outq_is_full(const gmux__outq *q);
/* Room for `len` bytes in the stage, for what is made in place; as many of them as are committed
 * then are in the queue. NULL: out of memory. */
uint8_t *gmux__outq_reserve(gmux__outq *q, size_t len);
void gmux__outq_commit(gmux__outq *q, size_t len);
/* Copies. GMUX_ERR_NOMEM. */
int gmux__outq_copy(gmux__outq *q, const uint8_t *data, size_t len);
/* The next `len` bytes of a message (prefix included), copied or pointed to. GMUX_ERR_NOMEM. */
int gmux__outq_message(gmux__outq *q, gmux__outmsg *msg, size_t len);
/* One write. 0: something was written; GMUX_ERR_AGAIN; other errors of the transport. *written (may
 * be NULL) in bytes. */
int gmux__outq_write(gmux__outq *q, gmux__transport *transport, size_t *written);

#endif
