/*
 * proxy_queue.h: what one way of a connection holds: bytes, each with the moment at which it may
 * leave, and behind them perhaps the end. Delay, jitter, bandwidth and corruption happen here; it
 * knows no socket and no clock.
 */
#ifndef TESTS_NET_PROXY_QUEUE_H
#define TESTS_NET_PROXY_QUEUE_H

#include "tests/net/proxy.h"
#include "tests/net/proxy_random.h"

#define PROXY_NEVER_NS UINT64_MAX

enum { PROXY_PIECES = 256 };

/* Bytes that came together, and leave together. */
typedef struct proxy_piece {
  uint64_t due_ns;
  size_t bytes;
} proxy_piece;

typedef struct proxy_queue {
  const proxy_way_faults *faults; /* of the way; they change under it */
  uint8_t *bytes;                 /* a ring */
  size_t capacity, start, used;
  proxy_piece pieces[PROXY_PIECES]; /* another ring */
  unsigned first, piece_count;
  uint64_t end_due_ns;
  uint64_t free_at_ns; /* when the bandwidth lets the next byte go */
  bool has_end;
  uint64_t put, taken; /* bytes, ever */
  uint64_t corrupted;
  uint64_t corrupt_next;        /* offset of the next byte drawn for it */
  proxy_random jitter, corrupt; /* apart: how reads fall does not change what is corrupted */
} proxy_queue;

/* False: out of memory. */
bool proxy_queue_init(proxy_queue *q, const proxy_way_faults *faults, size_t capacity,
                      uint64_t seed);
void proxy_queue_deinit(proxy_queue *q);
void proxy_queue_set_faults(proxy_queue *q); /* they have changed */

/* Room for bytes to be read into: returns how much there is at *room; 0: none now. */
size_t proxy_queue_room(const proxy_queue *q, uint8_t **room);
void proxy_queue_put(proxy_queue *q, size_t bytes, uint64_t now_ns); /* so many were */
void proxy_queue_put_end(proxy_queue *q, uint64_t now_ns);
void proxy_queue_drop(proxy_queue *q); /* what it holds; not the end */

/* What may leave now: how much, and where it is. */
size_t proxy_queue_ready(const proxy_queue *q, uint64_t now_ns, const uint8_t **bytes);
void proxy_queue_take(proxy_queue *q, size_t bytes, uint64_t now_ns); /* so many left */
bool proxy_queue_is_at_end(const proxy_queue *q, uint64_t now_ns);    /* nothing before it */

/* When something may leave; PROXY_NEVER_NS: it holds nothing. */
uint64_t proxy_queue_due_ns(const proxy_queue *q);

#endif
