/*
 * stream_recv.c: what comes on a stream: bytes are noted from inside nghttp2, and told to the owner
 * as messages when that has returned.
 */
#include "lib/h2/inside.h"
#include <string.h>

/* ---- inside nghttp2 ---- */

void gmux__stream_want_deliver(gmux__stream *stream) {
  if (!stream->conn || gmux__hook_is_in(&stream->event_hook)) return;
  gmux__hooks_append(&stream->conn->events, &stream->event_hook);
  gmux__conn_want_deliver(stream->conn);
}

void gmux__stream_on_data(gmux__stream *stream, const uint8_t *data, size_t len) {
  if (stream->in->piece_count == GMUX__STREAM_PIECES) gmux__stream_keep_pieces(stream);
  if (stream->end.how != GMUX__ENDING_NONE) return;
  stream->in->pieces[stream->in->piece_count++] = (gmux__slice){data, len};
  gmux__stream_want_deliver(stream);
}

void gmux__stream_keep_pieces(gmux__stream *stream) {
  if (stream->in->piece_count == 0) return;
  int rc = 0;
  for (unsigned i = 0; i < stream->in->piece_count && !rc; i++) {
    const gmux__slice *p = &stream->in->pieces[i];
    rc = gmux__buf_append(&stream->in->pending, p->data, p->len);
  }
  stream->in->piece_count = 0;
  if (rc) gmux__stream_break(stream, rc, NGHTTP2_INTERNAL_ERROR, "out of memory for a message");
}

/* What the application has taken goes back to the peer; what waits for credit does not. */
void gmux__stream_return_window(gmux__stream *stream, size_t bytes) {
  if (!stream->conn || !stream->conn->session || !bytes) return;
  if (stream->recv.state == GMUX__RECV_CLOSED) return;
  if (nghttp2_session_consume_stream(stream->conn->session, stream->id, bytes))
    gmux__conn_doom(stream->conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
  stream->in->taken += (uint32_t)bytes;
  if (stream->in->taken >= GMUX__WINDOW_BULK) gmux__windows_taken(stream, bytes);
  gmux__conn_want_write(stream->conn);
}

/* The bytes that come next: first what was held back, then the pieces in the read buffer. */
static inline gmux__slice next_input(const gmux__stream *stream) {
  const gmux__buf *pending = &stream->in->pending;
  if (gmux__buf_len(pending)) return (gmux__slice){gmux__buf_data(pending), gmux__buf_len(pending)};
  if (stream->in->piece_count) return stream->in->pieces[0];
  return (gmux__slice){NULL, 0};
}

void gmux__stream_credit(gmux__stream *stream, uint32_t count) {
  uint32_t *credit = &stream->recv.credit;
  *credit = count > GMUX_CREDIT_UNLIMITED - *credit ? GMUX_CREDIT_UNLIMITED : *credit + count;
  if (!stream->recv.is_next && next_input(stream).len) gmux__stream_want_deliver(stream);
}

static inline void eat_input(gmux__stream *stream, size_t bytes) {
  if (gmux__buf_len(&stream->in->pending)) {
    gmux__buf_consume(&stream->in->pending, bytes);
    return;
  }
  gmux__slice *first = stream->in->pieces;
  first->data += bytes;
  first->len -= bytes;
  if (first->len) return;
  stream->in->piece_count--;
  memmove(first, first + 1, stream->in->piece_count * sizeof *first);
}

/* A compressed message as its plain bytes; the limit holds for those too. */
static int inflate(gmux__stream *stream, gmux_bytes *message) {
  const gmux__head *head = &stream->in->head;
  if (head->encoding == GMUX__ENCODING_IDENTITY)
    return gmux__fail(GMUX_ERR_PROTOCOL, "a message is marked compressed, but no grpc-encoding "
                                         "was given");
  if (head->encoding == GMUX__ENCODING_UNKNOWN)
    return gmux__fail(GMUX_ERR_UNSUPPORTED,
                      "a message is compressed with \"%s\", which is not "
                      "supported",
                      head->encoding_name);
  gmux_bytes plain;
  int rc = gmux__codecs_decompress(head->codecs, head->encoding, &plain, message,
                                   stream->in->deframer.limit);
  if (rc) return rc;
  gmux__h2_release(stream->h2, message);
  *message = plain;
  return 0;
}

static uint32_t rst_code_for(int error) {
  return error == GMUX_ERR_PROTOCOL ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL;
}

static void drop_input(gmux__stream *stream) {
  if (!gmux__stream_has_received(stream)) return;
  gmux__buf_consume(&stream->in->pending, gmux__buf_len(&stream->in->pending));
  stream->in->piece_count = 0;
}

/* Where a status that says more has come already, it is that which is told, and nothing must be
 * left in front of it. */
static void refuse_message(gmux__stream *stream, int error, const char *why) {
  if (!stream->handlers->on_bad_message) {
    gmux__stream_break(stream, error, rst_code_for(error), why);
    drop_input(stream);
    return;
  }
  stream->recv.is_bad = true; /* what comes behind it is not to be made sense of */
  stream->handlers->on_bad_message(stream, error, why);
}

void gmux__stream_discard(gmux__stream *stream) {
  stream->recv.is_discarded = true;
  gmux__stream_expect_end(stream);
}

void gmux__stream_expect_end(gmux__stream *stream) {
  stream->recv.expects_end = true;
}

static bool discard_some(gmux__stream *stream, size_t bytes) {
  gmux__stream_return_window(stream, bytes);
  stream->in->discarded += bytes;
  if (stream->in->discarded > stream->in->deframer.limit) {
    refuse_message(stream, GMUX_ERR_TOO_LARGE, "there is more of what nobody reads than allowed");
    return false;
  }
  eat_input(stream, bytes);
  return true;
}

/* One message or as much of one as there is. False: nothing more can be done now. */
static bool deliver_some(gmux__stream *stream) {
  gmux__slice input = next_input(stream);
  if (!input.len) return false;
  stream->in->taken_ns = gmux__loop_now(stream->h2->loop);
  if (stream->recv.is_discarded) return discard_some(stream, input.len);
  size_t used;
  gmux_bytes message = {0};
  bool is_compressed = false;
  int rc = gmux__deframer_next(&stream->in->deframer, input.data, input.len, &used, &message,
                               &is_compressed);
  bool has_ceiling = stream->h2->budget.ceiling != 0;
  size_t returned = has_ceiling && rc >= 0 ? gmux__memory_to_return(stream, used) : used;
  if (rc >= 0) gmux__stream_return_window(stream, returned);
  if (rc == GMUX__DEFRAMED_MESSAGE && is_compressed) {
    int failed = inflate(stream, &message);
    if (failed) rc = failed;
  }
  if (rc == GMUX__DEFRAMED_MESSAGE) {
    if (stream->recv.credit != GMUX_CREDIT_UNLIMITED) stream->recv.credit--;
    stream->recv.was_compressed = is_compressed;
    stream->conn->tally.messages_received++;
    stream->conn->tally.received_ns = gmux__loop_now(stream->h2->loop);
    stream->handlers->on_message(stream, &message);
  }
  gmux__h2_release(stream->h2, &message);
  if (rc < 0) {
    if (stream->conn) refuse_message(stream, rc, gmux_last_error());
    return false;
  }
  if (!stream->conn) return false; /* reset by the handler */
  if (has_ceiling && rc == GMUX__DEFRAMED_MESSAGE) gmux__memory_give(stream);
  eat_input(stream, used);
  return true;
}

/* The last byte is here and nobody will get the rest: an end in the middle of a message. */
static void check_truncation(gmux__stream *stream) {
  if (stream->recv.state != GMUX__RECV_CLOSED || stream->recv.is_bad || next_input(stream).len ||
      !gmux__deframer_is_partial(&stream->in->deframer))
    return;
  refuse_message(stream, GMUX_ERR_PROTOCOL, "the stream ended in the middle of a message");
}

/* All that came has been told as messages. */
static bool is_read_out(const gmux__stream *stream) {
  return stream->end.how != GMUX__ENDING_BROKEN && !stream->recv.is_bad && !next_input(stream).len;
}

/* Everything there is credit for has been delivered and nothing waits. */
static bool is_drained(const gmux__stream *stream) {
  if (stream->h2->config.is_server || stream->end.how != GMUX__ENDING_FINISHED) return true;
  return !next_input(stream).len;
}

static void deliver_body(gmux__stream *stream) {
  while (stream->conn && stream->end.how != GMUX__ENDING_BROKEN && !stream->recv.is_bad &&
         stream->recv.credit && deliver_some(stream))
    ;
}

/* The server answered before it had heard all: tell it that the rest will not come (RFC 9113
 * section 8.1), and do not let who writes it wait until the answer has been taken. */
static void stop_sending(gmux__stream *stream) {
  if (gmux__stream_is_finished(stream)) return;
  gmux__stream_set_send(stream, GMUX__SEND_CLOSED);
  gmux__stream_drop(stream);
  gmux__stream_send_reset(stream, NGHTTP2_NO_ERROR);
  if (stream->handlers->on_answered) stream->handlers->on_answered(stream);
}

/* True: it was told, and the stream may be gone. */
static bool deliver_closed(gmux__stream *stream) {
  if (stream->end.how == GMUX__ENDING_NONE) return false;
  if (!is_drained(stream)) {
    stop_sending(stream);
    return false;
  }
  bool is_early = stream->end.how == GMUX__ENDING_FINISHED && !gmux__stream_is_finished(stream);
  if (is_early) gmux__stream_send_reset(stream, NGHTTP2_NO_ERROR);
  gmux__stream_detach(stream);
  if (!gmux__stream_can_rewind(stream)) gmux__stream_drop(stream);
  stream->handlers->on_closed(stream);
  return true;
}

static bool take_due(gmux__stream *stream, gmux__due what) {
  if (!stream->conn || !(stream->recv.due & what)) return false;
  stream->recv.due &= (uint8_t)~what;
  return true;
}

void gmux__stream_deliver(gmux__stream *stream) {
  stream->recv.is_next = true;
  if (take_due(stream, GMUX__DUE_HEADERS)) stream->handlers->on_headers(stream);
  if (take_due(stream, GMUX__DUE_DRAINING) && stream->handlers->on_draining)
    stream->handlers->on_draining(stream);
  deliver_body(stream);
  stream->recv.is_next = false;
  if (stream->conn) check_truncation(stream);
  if (take_due(stream, GMUX__DUE_STALLED)) stream->handlers->on_stalled(stream);
  if (is_read_out(stream) && take_due(stream, GMUX__DUE_HALF_CLOSE) &&
      stream->handlers->on_half_close)
    stream->handlers->on_half_close(stream);
  if (!stream->conn || deliver_closed(stream)) return;
  if (stream->conn) gmux__stream_keep_pieces(stream);
}
