/* proxy_queue.c: see proxy_queue.h. */
#include "tests/net/proxy_queue.h"
#include <stdlib.h>

#define MS_NS 1000000u
#define S_NS  UINT64_C(1000000000)

/* ---- life ---- */

bool proxy_queue_init(proxy_queue *q, const proxy_way_faults *faults, size_t capacity,
                      uint64_t seed) {
  *q = (proxy_queue){.faults = faults, .capacity = capacity, .bytes = malloc(capacity)};
  q->jitter.state = seed;
  q->corrupt.state = proxy_random_next(&q->jitter);
  proxy_queue_set_faults(q);
  return q->bytes != NULL;
}

void proxy_queue_deinit(proxy_queue *q) {
  free(q->bytes);
}

/* The gap to the next one: 1..2N-1, so one byte in N on average. */
static uint64_t draw_gap(proxy_queue *q) {
  uint64_t one_in = q->faults->corrupt_one_in;
  if (one_in == 0) return UINT64_MAX;
  return 1 + proxy_random_below(&q->corrupt, 2 * one_in - 1);
}

void proxy_queue_set_faults(proxy_queue *q) {
  uint64_t gap = draw_gap(q);
  q->corrupt_next = gap == UINT64_MAX ? gap : q->put + gap - 1;
}

/* ---- in ---- */

size_t proxy_queue_room(const proxy_queue *q, uint8_t **room) {
  if (q->has_end || q->used == q->capacity || q->piece_count == PROXY_PIECES) return 0;
  size_t end = (q->start + q->used) % q->capacity;
  *room = q->bytes + end;
  return end >= q->start ? q->capacity - end : q->start - end;
}

/* XOR with something: the byte is another one. */
static void corrupt_byte(proxy_queue *q, uint64_t offset) {
  size_t behind = (size_t)(offset - q->taken);
  q->bytes[(q->start + behind) % q->capacity] ^=
      (uint8_t)(1 + proxy_random_below(&q->corrupt, 255));
  q->corrupted++;
}

static void corrupt(proxy_queue *q, size_t bytes) {
  uint64_t end = q->put + bytes, at = q->faults->corrupt_at;
  if (at > q->put && at <= end) corrupt_byte(q, at - 1);
  while (q->corrupt_next < end) {
    corrupt_byte(q, q->corrupt_next);
    q->corrupt_next += draw_gap(q);
  }
}

/* Whatever is drawn, nothing overtakes what came before it: the queue is left in order. */
static uint64_t draw_due(proxy_queue *q, uint64_t now_ns) {
  const proxy_way_faults *f = q->faults;
  uint64_t due = now_ns + (uint64_t)f->delay_ms * MS_NS;
  if (f->jitter_ms) due += proxy_random_below(&q->jitter, (uint64_t)f->jitter_ms * MS_NS + 1);
  return due;
}

void proxy_queue_put(proxy_queue *q, size_t bytes, uint64_t now_ns) {
  corrupt(q, bytes);
  q->put += bytes;
  q->used += bytes;
  q->pieces[(q->first + q->piece_count++) % PROXY_PIECES] =
      (proxy_piece){.due_ns = draw_due(q, now_ns), .bytes = bytes};
}

void proxy_queue_put_end(proxy_queue *q, uint64_t now_ns) {
  q->has_end = true;
  q->end_due_ns = draw_due(q, now_ns);
}

void proxy_queue_drop(proxy_queue *q) {
  q->taken += q->used;
  q->start = q->used = 0;
  q->first = q->piece_count = 0;
}

/* ---- out ---- */

/* A fiftieth of a second's worth at once, so that a narrow way trickles instead of bursting. */
static size_t within_bandwidth(const proxy_queue *q, size_t bytes, uint64_t now_ns) {
  uint64_t rate = q->faults->bytes_per_s;
  if (rate == 0) return bytes;
  if (now_ns < q->free_at_ns) return 0;
  uint64_t most = rate / 50 + 1;
  return bytes < most ? bytes : (size_t)most;
}

size_t proxy_queue_ready(const proxy_queue *q, uint64_t now_ns, const uint8_t **bytes) {
  if (q->piece_count == 0 || q->pieces[q->first].due_ns > now_ns) return 0;
  size_t ready = q->pieces[q->first].bytes, straight = q->capacity - q->start;
  *bytes = q->bytes + q->start;
  return within_bandwidth(q, ready < straight ? ready : straight, now_ns);
}

void proxy_queue_take(proxy_queue *q, size_t bytes, uint64_t now_ns) {
  uint64_t rate = q->faults->bytes_per_s;
  if (rate) {
    if (q->free_at_ns < now_ns) q->free_at_ns = now_ns;
    q->free_at_ns += bytes * S_NS / rate;
  }
  q->taken += bytes;
  q->used -= bytes;
  q->start = q->used ? (q->start + bytes) % q->capacity : 0;
  q->pieces[q->first].bytes -= bytes;
  if (q->pieces[q->first].bytes > 0) return;
  q->first = (q->first + 1) % PROXY_PIECES;
  q->piece_count--;
}

bool proxy_queue_is_at_end(const proxy_queue *q, uint64_t now_ns) {
  return q->has_end && q->used == 0 && now_ns >= q->end_due_ns;
}

uint64_t proxy_queue_due_ns(const proxy_queue *q) {
  if (q->piece_count == 0) return q->has_end ? q->end_due_ns : PROXY_NEVER_NS;
  uint64_t due = q->pieces[q->first].due_ns;
  return q->faults->bytes_per_s && due < q->free_at_ns ? q->free_at_ns : due;
}
