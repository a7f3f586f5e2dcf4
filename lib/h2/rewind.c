/*
 * rewind.c: what a stream has written stays until the reply begins, so that the same can be sent
 * again on another stream (promises 11 and 12).
 *
 * Messages are in one list, in order: those that are kept, from send.first on, and from send.next
 * on those whose last byte is not framed. So nothing is copied, and what is kept costs one step of
 * send.next. The stream is COMMITTED, for
 * good, once anything it wrote is no longer here: because it was framed and not kept, because more
 * was framed than may be kept, because the reply has begun, or because it was reset. What is not
 * framed counts for nothing: it is here anyway, bounded by whoever writes.
 */
#include "lib/h2/inside.h"
#include <assert.h>

/* Short messages cost far more than their bytes; so many of them are a stream that lasts. */
enum { KEPT_MESSAGES = 1024 };

/* Of what is here the messages up to `end`, which is NULL or one of them. */
static void drop_until(gmux__stream *stream, const gmux__outmsg *end) {
  while (stream->send.first != end) {
    gmux__outmsg *msg = stream->send.first;
    stream->send.first = msg->next;
    gmux__outmsg_unqueue(msg);
  }
}

static void drop_kept(gmux__stream *stream) {
  drop_until(stream, stream->send.next);
}

void gmux__stream_drop(gmux__stream *stream) {
  stream->send.is_committed = true;
  drop_until(stream, NULL);
  stream->send.next = NULL;
  gmux__backlog_drop(stream);
}

void gmux__stream_keep(gmux__stream *stream, uint32_t limit) {
  assert(!stream->h2->config.is_server && !stream->id);
  bool is_less = stream->h2->budget.ceiling && stream->h2->budget.window < limit;
  stream->send.keep_limit = is_less ? stream->h2->budget.window : limit;
}

static bool may_keep(const gmux__stream *stream, size_t len) {
  return !stream->send.is_committed && len <= stream->send.keep_limit - stream->send.kept_bytes &&
         stream->send.kept_count < KEPT_MESSAGES;
}

void gmux__stream_keep_or_drop(gmux__stream *stream) {
  gmux__outmsg *msg = stream->send.next;
  stream->send.next = msg->next;
  if (!may_keep(stream, msg->bytes.len)) {
    stream->send.is_committed = true;
    drop_kept(stream);
    return;
  }
  stream->send.kept_bytes += (uint32_t)msg->bytes.len;
  stream->send.kept_count++;
}

void gmux__stream_commit(gmux__stream *stream) {
  stream->send.is_committed = true;
  drop_kept(stream);
}

bool gmux__stream_can_rewind(const gmux__stream *stream) {
  return !stream->h2->config.is_server && !stream->send.is_committed &&
         gmux__stream_evidence(stream) != GMUX_EVIDENCE_ANSWERED;
}

/* A message whose framing had begun starts over, also while segments of it are still in flight on
 * the connection it is leaving: those hold it and know their own place. */
static void rewind_messages(gmux__stream *stream) {
  for (gmux__outmsg *msg = stream->send.first; msg; msg = msg->next) {
    gmux__backlog_put(stream, msg->framed, gmux__outmsg_left(msg) ? 0 : 1);
    msg->framed = 0;
  }
  stream->send.next = stream->send.first;
  stream->send.kept_bytes = 0;
  stream->send.kept_count = 0;
}

static void rewind_receiving(gmux__stream *stream) {
  assert(stream->recv.state == GMUX__RECV_HEAD);
  gmux__stream_forget_received(stream);
  stream->recv.is_bad = false;
}

void gmux__stream_rewind(gmux__stream *stream) {
  assert(!stream->conn && gmux__stream_can_rewind(stream));
  rewind_messages(stream);
  rewind_receiving(stream);
  if (stream->send.state == GMUX__SEND_CLOSED) gmux__stream_set_send(stream, GMUX__SEND_CLOSING);
  stream->send.has_left = stream->send.is_asleep = false;
  stream->recv.due = 0;
  gmux__stream_forget_end(stream);
  stream->times = (struct gmux__stream_times){0};
  stream->id = 0;
}
