/*
 * memory.c: messages that come and are larger than a stream's share of max_memory_bytes
 * (lib/policy/budget.h).
 *
 * Where such a one begins it asks. Until it may grow, what comes of it is not given back to the
 * stream's window, and so no more comes than the window held already; streams that ask wait in a
 * row, h2->large. What it was given it has until it is told (and not kept by the stream's owner),
 * or its stream is over.
 *
 * Of those that wait and that there is room for the next is the one whose connection was not served
 * for longest, so a client with many streams does not stand before one with few. None waits for
 * ever: the one beyond the room may be any, and so it is the longest waiting one sooner or later.
 */
#include "lib/h2/inside.h"

/* In the middle of a message that has to be asked for. */
static bool is_in_large(const gmux__stream *stream) {
  const gmux__deframer *d = &stream->in->deframer;
  return d->prefix_len == GMUX__PREFIX_LEN && gmux__budget_is_large(&stream->h2->budget, d->need);
}

void gmux__memory_publish(gmux__h2 *h2) {
  gmux__counter_set(&h2->figures.memory_bytes, h2->budget.taken + h2->budget.extra);
}

/* ---- who waits ---- */

static void stream_grow(gmux__stream *stream, uint32_t bytes) {
  gmux__h2 *h2 = stream->h2;
  stream->in->large_bytes = bytes;
  stream->in->granted_ns = gmux__loop_now(h2->loop);
  stream->conn->lease.served = ++h2->large_served;
  gmux__budget_grow(&h2->budget, bytes);
  gmux__memory_publish(h2);
}

static void stream_shrink(gmux__stream *stream) {
  if (!stream->in->large_bytes) return;
  gmux__budget_shrink(&stream->h2->budget, stream->in->large_bytes);
  stream->in->large_bytes = 0;
  gmux__memory_go_on(stream->h2);
}

/* Its client was not told to go on until now. */
static void stream_go_on(gmux__stream *stream) {
  gmux__list_remove(&stream->in->large_link);
  stream_grow(stream, stream->in->deframer.need);
  size_t bytes = stream->in->withheld;
  stream->in->withheld = 0;
  gmux__stream_return_window(stream, bytes);
}

/* NULL: nobody waits, or there is room for none. */
static gmux__stream *next_large(const gmux__h2 *h2) {
  gmux__stream *next = NULL;
  for (gmux__link *l = h2->large.first; l; l = l->next) {
    gmux__stream *stream = gmux__container(l, gmux__intake, large_link)->stream;
    if (next && stream->conn->lease.served >= next->conn->lease.served) continue;
    if (gmux__budget_may_grow(&h2->budget, stream->in->deframer.need)) next = stream;
  }
  return next;
}

static void large_go_on(gmux__h2 *h2) {
  for (gmux__stream *next = next_large(h2); next; next = next_large(h2))
    stream_go_on(next);
}

void gmux__memory_go_on(gmux__h2 *h2) {
  large_go_on(h2);
  gmux__leases_go_on(h2);
  gmux__memory_publish(h2);
}

static void stream_ask(gmux__stream *stream) {
  gmux__h2 *h2 = stream->h2;
  if (!h2->large.first && gmux__budget_may_grow(&h2->budget, stream->in->deframer.need)) {
    stream_grow(stream, stream->in->deframer.need);
    return;
  }
  gmux__list_append(&h2->large, &stream->in->large_link);
  gmux__counter_add(&h2->figures.memory_waits, 1);
  large_go_on(h2); /* there may be room for this one */
}

/* ---- what comes ---- */

/* It came whole nevertheless, or its stream is to get no more of it. */
static size_t stop_waiting(gmux__stream *stream) {
  size_t bytes = stream->in->withheld;
  gmux__list_remove(&stream->in->large_link);
  stream->in->withheld = 0;
  return bytes;
}

size_t gmux__memory_to_return(gmux__stream *stream, size_t bytes) {
  bool is_large = is_in_large(stream);
  if (is_large && stream->in->is_large_kept) return 0; /* one too many: its owner takes but one */
  if (is_large && !stream->in->large_bytes && !gmux__link_is_linked(&stream->in->large_link))
    stream_ask(stream);
  if (!gmux__link_is_linked(&stream->in->large_link)) return bytes;
  if (!gmux__deframer_is_partial(&stream->in->deframer)) return bytes + stop_waiting(stream);
  stream->in->withheld += bytes;
  return 0;
}

void gmux__memory_give(gmux__stream *stream) {
  if (!gmux__stream_has_received(stream) || stream->in->is_large_kept) return;
  gmux__list_remove(&stream->in->large_link);
  stream_shrink(stream);
}

/* ---- what is kept ---- */

/* What a window may hold is its call's; beyond it a message has what it was granted, unless it has
 * become larger since. */
bool gmux__stream_keep_message(gmux__stream *stream, size_t bytes) {
  gmux__h2 *h2 = stream->h2;
  if (!h2->budget.ceiling || bytes <= h2->budget.window) return true;
  if (bytes > stream->in->large_bytes) {
    stream_shrink(stream);
    if (!gmux__budget_may_grow(&h2->budget, (uint32_t)bytes)) return false;
    stream_grow(stream, (uint32_t)bytes);
  }
  stream->in->is_large_kept = true;
  return true;
}

void gmux__stream_keep_message_no_more(gmux__stream *stream) {
  if (!stream->conn || !gmux__stream_has_received(stream)) return;
  stream->in->is_large_kept = false;
  gmux__memory_give(stream);
}

/* ---- calls ---- */

bool gmux__h2_may_begin(const gmux__h2 *h2) {
  return gmux__budget_may_begin(&h2->budget);
}

void gmux__h2_begin(gmux__h2 *h2) {
  gmux__budget_begin(&h2->budget);
  gmux__memory_publish(h2);
}

void gmux__h2_end(gmux__h2 *h2) {
  gmux__budget_end(&h2->budget);
  gmux__memory_go_on(h2);
}
