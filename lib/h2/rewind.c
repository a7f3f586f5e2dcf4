/*
 * rewind.c: what a stream has written stays until the reply begins, so that the same can be sent
 * again on another stream (promises 11 and 12).
 *
 * A message is in one of two lists: send.queue until its last byte is framed, then send.kept. So
 * nothing is copied, and what is kept costs one move between lists. The stream is COMMITTED, for
 * good, once anything it wrote is no longer here: because it was framed and not kept, because more
 * was framed than may be kept, because the reply has begun, or because it was reset. What is not
 * framed counts for nothing: it is here anyway, bounded by whoever writes.
 */
#include "lib/h2/inside.h"
#include <assert.h>

/* Short messages cost far more than their bytes; so many of them are a stream that lasts. */
enum { KEPT_MESSAGES = 1024 };

static void drop_list(gmux__list *list) {
  while (list->first)
    gmux__outmsg_unqueue(gmux__container(list->first, gmux__outmsg, link));
}

void gmux__stream_drop(gmux__stream *stream) {
  stream->send.is_committed = true;
  drop_list(&stream->send.kept);
  drop_list(&stream->send.queue);
  gmux__backlog_drop(stream);
}

void gmux__stream_keep(gmux__stream *stream, size_t limit) {
  assert(!stream->h2->config.is_server && !stream->id);
  bool is_less = stream->h2->budget.ceiling && stream->h2->budget.window < limit;
  stream->send.keep_limit = is_less ? stream->h2->budget.window : limit;
}

static bool may_keep(const gmux__stream *stream, size_t len) {
  return !stream->send.is_committed && len <= stream->send.keep_limit - stream->send.kept_bytes &&
         stream->send.kept.count < KEPT_MESSAGES;
}

void gmux__stream_keep_or_drop(gmux__stream *stream, gmux__outmsg *msg) {
  if (!may_keep(stream, msg->bytes.len)) {
    stream->send.is_committed = true;
    gmux__outmsg_unqueue(msg);
    drop_list(&stream->send.kept);
    return;
  }
  gmux__list_remove(&msg->link);
  gmux__list_append(&stream->send.kept, &msg->link);
  stream->send.kept_bytes += msg->bytes.len;
}

void gmux__stream_commit(gmux__stream *stream) {
  stream->send.is_committed = true;
  stream->times.answered_ns = gmux__loop_now(stream->h2->loop);
  drop_list(&stream->send.kept);
}

bool gmux__stream_can_rewind(const gmux__stream *stream) {
  return !stream->h2->config.is_server && !stream->send.is_committed &&
         gmux__stream_evidence(stream) != GMUX_EVIDENCE_ANSWERED;
}

/* A message whose framing had begun starts over, also while segments of it are still in flight on
 * the connection it is leaving: those hold it and know their own place. */
static void rewind_messages(gmux__stream *stream) {
  gmux__list queue = {0};
  gmux__list_move_all(&queue, &stream->send.kept);
  gmux__list_move_all(&queue, &stream->send.queue);
  gmux__list_move_all(&stream->send.queue, &queue);
  for (gmux__link *l = stream->send.queue.first; l; l = l->next) {
    gmux__outmsg *msg = gmux__container(l, gmux__outmsg, link);
    gmux__backlog_put(stream, msg->framed, gmux__outmsg_left(msg) ? 0 : 1);
    msg->framed = 0;
  }
  stream->send.kept_bytes = 0;
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
  stream->has_head_event = stream->has_half_close_event = stream->has_draining_event = false;
  gmux__free(stream->why_memory);
  stream->why_memory = NULL;
  stream->end = (struct gmux__stream_end){.why = ""};
  stream->times = (struct gmux__stream_times){0};
  stream->id = 0;
}
