/*
 * memory.c: messages that come and are larger than a stream's share of max_memory_bytes
 * (lib/policy/budget.h).
 *
 * Where such a one begins it asks. Until it may grow, what comes of it is not given back to the
 * stream's window, and so no more comes than the window held already; streams that ask wait in a
 * row, h2->large. What it was given it has until it is told, or its stream is over.
 */
#include "lib/h2/inside.h"

/* In the middle of a message that has to be asked for. */
static bool is_in_large(const gmux__stream *stream) {
  const gmux__deframer *d = &stream->in->deframer;
  return d->prefix_len == GMUX__PREFIX_LEN && gmux__budget_is_large(&stream->h2->budget, d->need);
}

static void memory_publish(gmux__h2 *h2) {
  gmux__counter_set(&h2->figures.memory_bytes, h2->budget.taken);
}

static void stream_grow(gmux__stream *stream) {
  gmux__h2 *h2 = stream->h2;
  stream->in->large_bytes = stream->in->deframer.need;
  gmux__budget_grow(&h2->budget, stream->in->large_bytes);
  memory_publish(h2);
}

static void stream_ask(gmux__stream *stream) {
  gmux__h2 *h2 = stream->h2;
  if (!h2->large.first && gmux__budget_may_grow(&h2->budget, stream->in->deframer.need)) {
    stream_grow(stream);
    return;
  }
  gmux__list_append(&h2->large, &stream->in->large_link);
  gmux__counter_add(&h2->figures.memory_waits, 1);
}

static void memory_go_on(gmux__h2 *h2) {
  while (h2->large.first) {
    gmux__stream *stream = gmux__container(h2->large.first, gmux__intake, large_link)->stream;
    if (!gmux__budget_may_grow(&h2->budget, stream->in->deframer.need)) return;
    gmux__list_remove(&stream->in->large_link);
    stream_grow(stream);
    size_t bytes = stream->in->withheld;
    stream->in->withheld = 0;
    gmux__stream_return_window(stream, bytes);
  }
}

size_t gmux__memory_to_return(gmux__stream *stream, size_t bytes) {
  if (is_in_large(stream) && !stream->in->large_bytes &&
      !gmux__link_is_linked(&stream->in->large_link))
    stream_ask(stream);
  if (!gmux__link_is_linked(&stream->in->large_link)) return bytes;
  if (!gmux__deframer_is_partial(&stream->in->deframer)) { /* it came whole nevertheless */
    gmux__list_remove(&stream->in->large_link);
    bytes += stream->in->withheld;
    stream->in->withheld = 0;
    return bytes;
  }
  stream->in->withheld += bytes;
  return 0;
}

void gmux__memory_give(gmux__stream *stream) {
  if (!gmux__stream_has_received(stream)) return;
  gmux__list_remove(&stream->in->large_link);
  if (!stream->in->large_bytes) return;
  gmux__budget_shrink(&stream->h2->budget, stream->in->large_bytes);
  stream->in->large_bytes = 0;
  memory_publish(stream->h2);
  memory_go_on(stream->h2);
}

/* ---- calls ---- */

bool gmux__h2_may_begin(const gmux__h2 *h2) {
  return gmux__budget_may_begin(&h2->budget);
}

void gmux__h2_begin(gmux__h2 *h2) {
  gmux__budget_begin(&h2->budget);
  memory_publish(h2);
}

void gmux__h2_end(gmux__h2 *h2) {
  gmux__budget_end(&h2->budget);
  memory_publish(h2);
  memory_go_on(h2);
}
