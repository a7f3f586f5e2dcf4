/*
 * backlog.c: what has been written and is not framed yet is bounded: each connection's, and that of
 * all together (promise 19).
 *
 * Bytes are counted where they come and go, so a bound costs an addition; and each message counts
 * for what it costs beside them. A stream that writes while one is passed is HELD: its owner is
 * told to write no more, and it waits in that backlog's list. It is let go
 *
 *     when all it wrote has been framed: so who is held by others' backlog goes on, one message at
 *         a time, and streams whose readers have stopped cannot stop those that flow;
 *     or first in, first out, one each time that something is framed below half the bound.
 *
 * So the most there can be is the bound and one message for each stream.
 */
#include "lib/h2/inside.h"
#include <assert.h>

void gmux__backlog_init(gmux__backlog *backlog, size_t limit) {
  *backlog = (gmux__backlog){.limit = limit};
}

static bool is_full(const gmux__backlog *backlog) {
  return backlog->limit && backlog->bytes >= backlog->limit;
}

static bool has_room(const gmux__backlog *backlog) {
  return !backlog->limit || backlog->bytes <= backlog->limit / 2;
}

/* ---- held ---- */

static void stream_hold(gmux__stream *stream) {
  if (!stream->handlers->on_queue || gmux__hook_is_in(&stream->hold_hook)) return;
  gmux__backlog *own = stream->conn ? &stream->conn->backlog : NULL, *all = &stream->h2->backlog;
  gmux__backlog *full = own && is_full(own) ? own : is_full(all) ? all : NULL;
  if (!full) return;
  gmux__hooks_append(&full->held, &stream->hold_hook);
  stream->send.is_held_by_conn = full == own;
  stream->handlers->on_queue(stream, true);
}

static void stream_let_go(gmux__stream *stream) {
  gmux__hook_remove(&stream->hold_hook);
  stream->handlers->on_queue(stream, false);
}

static void backlog_let_first_go(gmux__backlog *backlog) {
  if (has_room(backlog))
    stream_let_go(gmux__container(gmux__hooks_first(&backlog->held), gmux__stream, hold_hook));
}

/* Nearly always nobody is held. */
static inline void backlog_let_one_go(gmux__backlog *backlog) {
  if (gmux__hooks_first(&backlog->held)) backlog_let_first_go(backlog);
}

/* ---- the count ---- */

/* One that runs holds the moment minus what was spent: starting and stopping are the same. */
static void clock_turn(gmux__stream *stream) {
  stream->times.queued_ns = gmux__loop_now(stream->h2->loop) - stream->times.queued_ns;
  stream->send.is_clocked = !stream->send.is_clocked;
}

uint64_t gmux__stream_queued_ns(const gmux__stream *stream, uint64_t now_ns) {
  uint64_t clock = stream->times.queued_ns;
  return stream->send.is_clocked ? now_ns - clock : clock;
}

static void clock_start(gmux__stream *stream) {
  if (stream->conn && stream->send.queued_bytes && !stream->send.is_clocked) clock_turn(stream);
}

static void clock_stop(gmux__stream *stream) {
  if (stream->send.is_clocked) clock_turn(stream);
}

static size_t cost_of(size_t bytes, size_t messages) {
  return bytes + messages * GMUX__MESSAGE_COST;
}

static size_t stream_cost(const gmux__stream *stream) {
  return cost_of(stream->send.queued_bytes, stream->send.queued_messages);
}

void gmux__backlog_put(gmux__stream *stream, size_t bytes, size_t messages) {
  size_t cost = cost_of(bytes, messages);
  stream->send.queued_bytes += bytes;
  stream->send.queued_messages += (uint32_t)messages;
  stream->h2->backlog.bytes += cost;
  if (stream->conn) stream->conn->backlog.bytes += cost;
  clock_start(stream);
}

void gmux__backlog_written(gmux__stream *stream, size_t bytes) {
  gmux__backlog_put(stream, bytes, 1);
  stream_hold(stream);
}

void gmux__backlog_put_letter(gmux__h2 *h2, size_t bytes) {
  h2->backlog.bytes += cost_of(bytes, 1);
}

void gmux__backlog_drop_letter(gmux__h2 *h2, size_t bytes) {
  h2->backlog.bytes -= cost_of(bytes, 1);
  backlog_let_one_go(&h2->backlog);
}

/* It stays in the sum of all. */
void gmux__backlog_take_letter(gmux__stream *stream, size_t bytes) {
  stream->send.queued_bytes += bytes;
  stream->send.queued_messages++;
}

static void backlog_take(gmux__stream *stream, size_t bytes, size_t messages) {
  assert(stream->send.queued_bytes >= bytes && stream->send.queued_messages >= messages);
  size_t cost = cost_of(bytes, messages);
  stream->send.queued_bytes -= bytes;
  stream->send.queued_messages -= (uint32_t)messages;
  stream->h2->backlog.bytes -= cost;
  if (stream->conn) stream->conn->backlog.bytes -= cost;
  if (!stream->send.queued_bytes) clock_stop(stream);
}

void gmux__backlog_framed(gmux__stream *stream, size_t bytes, size_t messages) {
  backlog_take(stream, bytes, messages);
  if (!stream->send.queued_bytes && gmux__hook_is_in(&stream->hold_hook)) stream_let_go(stream);
  backlog_let_one_go(&stream->conn->backlog);
  backlog_let_one_go(&stream->h2->backlog);
}

void gmux__backlog_drop(gmux__stream *stream) {
  if (gmux__hook_is_in(&stream->hold_hook)) gmux__hook_remove(&stream->hold_hook);
  if (!stream->send.queued_bytes) return;
  backlog_take(stream, stream->send.queued_bytes, stream->send.queued_messages);
  if (stream->conn) backlog_let_one_go(&stream->conn->backlog);
  backlog_let_one_go(&stream->h2->backlog);
}

bool gmux__stream_is_crowded(const gmux__stream *stream) {
  return (stream->conn && is_full(&stream->conn->backlog)) || is_full(&stream->h2->backlog);
}

/* ---- on and off a connection ---- */

void gmux__backlog_enter(gmux__stream *stream) {
  stream->conn->backlog.bytes += stream_cost(stream);
  clock_start(stream);
}

void gmux__backlog_leave(gmux__stream *stream) {
  gmux__backlog *own = &stream->conn->backlog;
  own->bytes -= stream_cost(stream);
  clock_stop(stream);
  if (gmux__hook_is_in(&stream->hold_hook) &&
      stream->send.is_held_by_conn) { /* it stays so, until it has been sent elsewhere */
    gmux__hook_remove(&stream->hold_hook);
    gmux__hooks_append(&stream->h2->backlog.held, &stream->hold_hook);
    stream->send.is_held_by_conn = false;
  }
  backlog_let_one_go(own);
}
