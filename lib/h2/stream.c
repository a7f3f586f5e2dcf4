#include "lib/h2/inside.h"
#include <assert.h>
#include <string.h>

const char *gmux__ending_str(gmux__ending ending) {
  switch (ending) {
  case GMUX__ENDING_NONE:
    return "none";
  case GMUX__ENDING_FINISHED:
    return "finished";
  case GMUX__ENDING_RESET:
    return "reset";
  case GMUX__ENDING_LOST:
    return "lost";
  case GMUX__ENDING_BROKEN:
    return "broken";
  }
  return "?";
}

void gmux__stream_init(gmux__stream *stream, gmux__h2 *h2, const gmux__stream_handlers *handlers,
                       uint32_t max_recv_bytes, uint32_t credit) {
  *stream = (gmux__stream){.handlers = handlers, .h2 = h2};
  gmux__head_init(&stream->head);
  gmux__head_init(&stream->tail);
  gmux__deframer_init(&stream->recv.deframer, max_recv_bytes);
  stream->recv.credit = credit;
  stream->end.why = "";
}

static void drop_queue(gmux__stream *stream) {
  while (stream->send.queue.first)
    gmux__outmsg_unqueue(gmux__container(stream->send.queue.first, gmux__outmsg, link));
}

void gmux__stream_deinit(gmux__stream *stream) {
  assert(!stream->conn && "reset it first");
  drop_queue(stream);
  gmux__head_deinit(&stream->head);
  gmux__head_deinit(&stream->tail);
  gmux__deframer_deinit(&stream->recv.deframer);
  gmux__buf_deinit(&stream->recv.pending);
  gmux__free(stream->why_memory);
  stream->why_memory = NULL;
}

/* ---- on and off a connection ---- */

void gmux__stream_attach(gmux__stream *stream, gmux__conn *conn, int32_t id) {
  stream->conn = conn;
  stream->id = id;
  gmux__list_append(&conn->streams, &stream->link);
}

void gmux__stream_detach(gmux__stream *stream) {
  gmux__conn *conn = stream->conn;
  if (!conn) return;
  gmux__list_remove(&stream->link);
  gmux__list_remove(&stream->event_link);
  /* Unknown to nghttp2 when it has closed the stream already: nothing to do then. */
  if (conn->session) nghttp2_session_set_stream_user_data(conn->session, stream->id, NULL);
  stream->conn = NULL;
  gmux__conn_want_deliver(conn); /* it may have been the last that a drain or the end waits for */
}

void gmux__fields_to_nv(nghttp2_nv *nva, const gmux__field *fields, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const gmux__field *f = &fields[i];
    nva[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)f->name, (uint8_t *)(uintptr_t)f->value,
                          f->name_len, f->value_len, NGHTTP2_NV_FLAG_NONE};
  }
}

/* Header blocks of usual size need no memory of their own. */
enum { NV_ON_STACK = 32 };

typedef struct nv_block {
  nghttp2_nv *nva;
  nghttp2_nv on_stack[NV_ON_STACK];
} nv_block;

static int nv_block_init(nv_block *block, const gmux__field *fields, size_t count) {
  block->nva = block->on_stack;
  if (count > NV_ON_STACK) block->nva = gmux__malloc(count * sizeof *block->nva);
  if (!block->nva) return gmux__fail_code(GMUX_ERR_NOMEM);
  gmux__fields_to_nv(block->nva, fields, count);
  return 0;
}

static void nv_block_deinit(nv_block *block) {
  if (block->nva != block->on_stack) gmux__free(block->nva);
}

/* ---- sending ---- */

size_t gmux__stream_queued(gmux__stream *stream, size_t enough) {
  size_t n = 0;
  for (gmux__link *l = stream->send.queue.first; l && n < enough; l = l->next)
    n += gmux__outmsg_left(gmux__container(l, gmux__outmsg, link));
  return n;
}

int gmux__stream_frame(gmux__stream *stream, gmux__outq *out, size_t len) {
  while (len) {
    gmux__outmsg *msg = gmux__container(stream->send.queue.first, gmux__outmsg, link);
    size_t n = gmux__outmsg_left(msg);
    if (n > len) n = len;
    if (gmux__outq_message(out, msg, n)) return GMUX_ERR_NOMEM;
    len -= n;
    if (gmux__outmsg_left(msg)) continue;
    size_t bytes = msg->bytes.len;
    gmux__outmsg_unqueue(msg);
    stream->handlers->on_sent(stream, bytes);
  }
  return 0;
}

/* nghttp2 asked for DATA when there was none; now there is something to say. */
static void stream_wake(gmux__stream *stream) {
  if (!stream->conn || !stream->conn->session) return;
  gmux__conn_want_write(stream->conn);
  if (!stream->send.is_asleep) return;
  stream->send.is_asleep = false;
  if (nghttp2_session_resume_data(stream->conn->session, stream->id) == NGHTTP2_ERR_NOMEM)
    gmux__conn_doom(stream->conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
}

static ssize_t on_data_wanted(nghttp2_session *session, int32_t id, uint8_t *buf, size_t room,
                              uint32_t *flags, nghttp2_data_source *source, void *user_data) {
  (void)buf, (void)source, (void)user_data;
  gmux__stream *stream = nghttp2_session_get_stream_user_data(session, id);
  /* Reset by us: RST_STREAM stands before this in nghttp2's queue and will end the stream. */
  if (!stream) return NGHTTP2_ERR_DEFERRED;
  size_t n = gmux__stream_queued(stream, room + 1);
  if (n <= room && stream->send.state == GMUX__SEND_CLOSING) {
    if (stream->h2->config.is_server) {
      if (gmux__stream_submit_trailers(stream)) return NGHTTP2_ERR_CALLBACK_FAILURE;
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    stream->send.state = GMUX__SEND_CLOSED;
  }
  if (n > room) n = room;
  if (n) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (n || (*flags & NGHTTP2_DATA_FLAG_EOF)) return (ssize_t)n;
  stream->send.is_asleep = true;
  return NGHTTP2_ERR_DEFERRED;
}

static const nghttp2_data_provider data_provider = {.read_callback = on_data_wanted};

/* RFC 9113 section 6.5.2: a server's limit is advice, but there are servers that end the
 * connection, and with it all other calls, over a request that does not heed it. */
static int check_peer_limit(const gmux__conn *conn, const gmux__field *fields, size_t count) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++)
    bytes += fields[i].name_len + fields[i].value_len + 32;
  uint32_t limit =
      nghttp2_session_get_remote_settings(conn->session, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
  if (bytes <= limit) return 0;
  return gmux__fail(GMUX_ERR_TOO_LARGE,
                    "the request's metadata and headers count %zu bytes, the server accepts %u",
                    bytes, limit);
}

int gmux__stream_open(gmux__stream *stream, gmux__conn *conn, const gmux__field *fields,
                      size_t count) {
  assert(!stream->conn && !stream->id);
  if (!gmux__conn_free_slots(conn))
    return gmux__fail(GMUX_ERR_STATE, "the connection takes no more streams");
  int error = check_peer_limit(conn, fields, count);
  if (error) return error;
  nv_block block;
  if (nv_block_init(&block, fields, count)) return GMUX_ERR_NOMEM;
  int32_t id =
      nghttp2_submit_request(conn->session, NULL, block.nva, count, &data_provider, stream);
  nv_block_deinit(&block);
  if (id == NGHTTP2_ERR_NOMEM) return gmux__fail_code(GMUX_ERR_NOMEM);
  if (id < 0) {
    /* Only the ids can be used up (RFC 9113 section 5.1.1). */
    gmux__conn_drain(conn, "its stream ids are used up");
    return gmux__fail(GMUX_ERR_STATE, "the connection takes no more streams: %s",
                      nghttp2_strerror(id));
  }
  gmux__slots_take(&conn->slots);
  gmux__stream_attach(stream, conn, id);
  gmux__conn_note(conn, GMUX__EVENT_STREAM_OPENED, id, 0);
  gmux__conn_want_write(conn);
  return 0;
}

int gmux__stream_respond(gmux__stream *stream, const gmux__field *fields, size_t count) {
  gmux__conn *conn = stream->conn;
  if (!conn || !conn->session || stream->send.has_headers || stream->end.how != GMUX__ENDING_NONE)
    return gmux__fail(GMUX_ERR_STATE, "the headers were sent, or the call is over");
  nv_block block;
  if (nv_block_init(&block, fields, count)) return GMUX_ERR_NOMEM;
  int rc = nghttp2_submit_response(conn->session, stream->id, block.nva, count, &data_provider);
  nv_block_deinit(&block);
  if (rc == NGHTTP2_ERR_NOMEM) return gmux__fail_code(GMUX_ERR_NOMEM);
  if (rc) return gmux__fail(GMUX_ERR_STATE, "the headers cannot be sent: %s", nghttp2_strerror(rc));
  stream->send.has_headers = true;
  gmux__conn_want_write(conn);
  return 0;
}

int gmux__stream_write(gmux__stream *stream, gmux_bytes *message) {
  if (stream->send.state != GMUX__SEND_OPEN || stream->end.how != GMUX__ENDING_NONE)
    return gmux__fail(GMUX_ERR_STATE, "nothing more can be written: the stream is %s",
                      stream->end.how == GMUX__ENDING_NONE ? "half-closed" : "over");
  bool is_short = message->release || message->len <= GMUX__OUTMSG_INLINE;
  gmux__slab *slab = is_short ? &stream->h2->messages : &stream->h2->large_messages;
  gmux__outmsg *msg = gmux__outmsg_new(slab, message);
  if (!msg) return gmux__fail_code(GMUX_ERR_NOMEM);
  gmux__list_append(&stream->send.queue, &msg->link);
  stream_wake(stream);
  return 0;
}

void gmux__stream_half_close(gmux__stream *stream) {
  if (stream->send.state != GMUX__SEND_OPEN) return;
  stream->send.state = GMUX__SEND_CLOSING;
  stream_wake(stream);
}

/* Trailers fit a usual block: grpc-status, grpc-message, details, and what the application adds. */
enum { FIELDS_ON_STACK = 32 };

int gmux__stream_submit_trailers(gmux__stream *stream) {
  gmux__field on_stack[FIELDS_ON_STACK];
  gmux__field *fields = on_stack;
  size_t room = stream->send.trailer_count;
  if (room > FIELDS_ON_STACK) fields = gmux__malloc(room * sizeof *fields);
  if (!fields) return GMUX_ERR_NOMEM;
  size_t count = stream->handlers->trailers(stream, fields, room);
  assert(count <= room);
  nv_block block;
  int rc = nv_block_init(&block, fields, count);
  if (fields != on_stack) gmux__free(fields);
  if (rc) return rc;
  nghttp2_session *session = stream->conn->session;
  rc = stream->send.has_headers
           ? nghttp2_submit_trailer(session, stream->id, block.nva, count)
           : nghttp2_submit_response(session, stream->id, block.nva, count, NULL);
  nv_block_deinit(&block);
  return rc ? GMUX_ERR_NOMEM : 0;
}

void gmux__stream_finish(gmux__stream *stream, size_t trailer_count) {
  if (stream->send.state != GMUX__SEND_OPEN || !stream->conn || !stream->conn->session) return;
  stream->send.state = GMUX__SEND_CLOSING;
  stream->send.trailer_count = trailer_count;
  if (stream->send.has_headers) {
    stream_wake(stream);
    return;
  }
  if (gmux__stream_submit_trailers(stream)) {
    gmux__conn_doom(stream->conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
    return;
  }
  stream->send.has_headers = true;
  stream->send.state = GMUX__SEND_CLOSED;
  gmux__conn_want_write(stream->conn);
}

/* ---- the end ---- */

gmux_evidence gmux__stream_evidence(const gmux__stream *stream) {
  if (stream->end.how != GMUX__ENDING_NONE) return stream->end.evidence;
  if (stream->head.http_status || stream->recv.state != GMUX__RECV_HEAD)
    return GMUX_EVIDENCE_ANSWERED;
  return stream->send.has_left ? GMUX_EVIDENCE_POSSIBLE : GMUX_EVIDENCE_NEVER_LEFT;
}

static gmux_evidence ending_evidence(const gmux__stream *stream, gmux__ending how) {
  gmux_evidence now = gmux__stream_evidence(stream);
  if (how == GMUX__ENDING_FINISHED) return GMUX_EVIDENCE_ANSWERED;
  if (now != GMUX_EVIDENCE_POSSIBLE) return now;
  if (how == GMUX__ENDING_RESET && stream->end.h2_code == NGHTTP2_REFUSED_STREAM)
    return GMUX_EVIDENCE_REFUSED;
  if (stream->conn && stream->id > stream->conn->goaway_last_id) return GMUX_EVIDENCE_ABOVE_LAST;
  return now;
}

void gmux__stream_set_end(gmux__stream *stream, gmux__ending how, int error, const char *why) {
  if (stream->end.how != GMUX__ENDING_NONE) return;
  stream->end.evidence = ending_evidence(stream, how);
  stream->end.how = how;
  stream->end.error = error;
  stream->end.why = why;
  gmux__stream_want_deliver(stream);
}

/* Both halves are done, or nghttp2 has closed it: a RST_STREAM would be one too many. */
static bool is_finished(const gmux__stream *stream) {
  return stream->end.how == GMUX__ENDING_RESET || stream->end.how == GMUX__ENDING_BROKEN ||
         stream->end.how == GMUX__ENDING_LOST ||
         (stream->recv.state == GMUX__RECV_CLOSED && stream->send.state == GMUX__SEND_CLOSED);
}

/* What ended it stays, but for an answer whose messages cannot all be delivered: its OK would be a
 * lie. Another status says more than that, and is kept. */
static bool may_break(const gmux__stream *stream) {
  if (stream->end.how == GMUX__ENDING_NONE) return true;
  if (stream->h2->config.is_server || stream->end.how != GMUX__ENDING_FINISHED) return false;
  return !stream->tail.has_status || stream->tail.status == GMUX_OK;
}

void gmux__stream_break(gmux__stream *stream, int error, uint32_t h2_code, const char *why) {
  if (!may_break(stream)) return;
  stream->end.how = GMUX__ENDING_NONE;
  bool needs_rst = !is_finished(stream);
  stream->why_memory = gmux__strdup(why);
  gmux__stream_set_end(stream, GMUX__ENDING_BROKEN, error,
                       stream->why_memory ? stream->why_memory : gmux_strerror(error));
  if (needs_rst) gmux__session_reset_stream(stream->conn, stream->id, h2_code);
}

void gmux__stream_reset(gmux__stream *stream, uint32_t h2_code) {
  gmux__conn *conn = stream->conn;
  if (!conn) return;
  bool needs_rst = !is_finished(stream);
  stream->end.evidence = gmux__stream_evidence(stream);
  int32_t id = stream->id;
  gmux__stream_detach(stream);
  drop_queue(stream);
  if (needs_rst) gmux__session_reset_stream(conn, id, h2_code);
}

/* ---- receiving ---- */

void gmux__stream_want_deliver(gmux__stream *stream) {
  if (!stream->conn || gmux__link_is_linked(&stream->event_link)) return;
  gmux__list_append(&stream->conn->events, &stream->event_link);
  gmux__conn_want_deliver(stream->conn);
}

void gmux__stream_on_data(gmux__stream *stream, const uint8_t *data, size_t len) {
  if (stream->recv.piece_count == GMUX__STREAM_PIECES) gmux__stream_keep_pieces(stream);
  if (stream->end.how != GMUX__ENDING_NONE) return;
  stream->recv.pieces[stream->recv.piece_count++] = (gmux__slice){data, len};
  gmux__stream_want_deliver(stream);
}

void gmux__stream_keep_pieces(gmux__stream *stream) {
  int rc = 0;
  for (unsigned i = 0; i < stream->recv.piece_count && !rc; i++) {
    const gmux__slice *p = &stream->recv.pieces[i];
    rc = gmux__buf_append(&stream->recv.pending, p->data, p->len);
  }
  stream->recv.piece_count = 0;
  if (rc) gmux__stream_break(stream, rc, NGHTTP2_INTERNAL_ERROR, "out of memory for a message");
}

void gmux__stream_credit(gmux__stream *stream, uint32_t count) {
  uint32_t *credit = &stream->recv.credit;
  *credit = count > GMUX_CREDIT_UNLIMITED - *credit ? GMUX_CREDIT_UNLIMITED : *credit + count;
  gmux__stream_want_deliver(stream);
}

/* What the application has taken goes back to the peer; what waits for credit does not. */
static void return_window(gmux__stream *stream, size_t bytes) {
  if (!stream->conn || !stream->conn->session || !bytes) return;
  if (stream->recv.state == GMUX__RECV_CLOSED) return;
  if (nghttp2_session_consume_stream(stream->conn->session, stream->id, bytes))
    gmux__conn_doom(stream->conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
  gmux__conn_want_write(stream->conn);
}

/* The bytes that come next: first what was held back, then the pieces in the read buffer. */
static gmux__slice next_input(const gmux__stream *stream) {
  const gmux__buf *pending = &stream->recv.pending;
  if (gmux__buf_len(pending)) return (gmux__slice){gmux__buf_data(pending), gmux__buf_len(pending)};
  if (stream->recv.piece_count) return stream->recv.pieces[0];
  return (gmux__slice){NULL, 0};
}

static void eat_input(gmux__stream *stream, size_t bytes) {
  if (gmux__buf_len(&stream->recv.pending)) {
    gmux__buf_consume(&stream->recv.pending, bytes);
    return;
  }
  gmux__slice *first = stream->recv.pieces;
  first->data += bytes;
  first->len -= bytes;
  if (first->len) return;
  stream->recv.piece_count--;
  memmove(first, first + 1, stream->recv.piece_count * sizeof *first);
}

/* A compressed message as its plain bytes; the limit holds for those too. */
static int inflate(gmux__stream *stream, gmux_bytes *message) {
  const gmux__head *head = &stream->head;
  if (head->encoding == GMUX__ENCODING_IDENTITY)
    return gmux__fail(GMUX_ERR_PROTOCOL, "a message is marked compressed, but no grpc-encoding "
                                         "was given");
  gmux_bytes plain;
  int rc = gmux__decompress(&plain, head->encoding, message->data, message->len,
                            stream->recv.deframer.limit);
  if (rc) return rc;
  gmux_bytes_release(message);
  *message = plain;
  return 0;
}

static uint32_t rst_code_for(int error) {
  return error == GMUX_ERR_PROTOCOL ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL;
}

static void drop_input(gmux__stream *stream) {
  gmux__buf_consume(&stream->recv.pending, gmux__buf_len(&stream->recv.pending));
  stream->recv.piece_count = 0;
}

/* Where a status that says more has come already, it is that which is told, and nothing must be
 * left in front of it. */
static void refuse_message(gmux__stream *stream, int error) {
  if (!stream->handlers->on_bad_message) {
    gmux__stream_break(stream, error, rst_code_for(error), gmux_last_error());
    drop_input(stream);
    return;
  }
  stream->recv.is_bad = true; /* what comes behind it is not to be made sense of */
  stream->handlers->on_bad_message(stream, error, gmux_last_error());
}

/* One message or as much of one as there is. False: nothing more can be done now. */
static bool deliver_some(gmux__stream *stream) {
  gmux__slice input = next_input(stream);
  if (!input.len) return false;
  size_t used;
  gmux_bytes message = {0};
  bool is_compressed = false;
  int rc = gmux__deframer_next(&stream->recv.deframer, input.data, input.len, &used, &message,
                               &is_compressed);
  if (rc >= 0) return_window(stream, used);
  if (rc == GMUX__DEFRAMED_MESSAGE && is_compressed) {
    int failed = inflate(stream, &message);
    if (failed) rc = failed;
  }
  if (rc == GMUX__DEFRAMED_MESSAGE) {
    if (stream->recv.credit != GMUX_CREDIT_UNLIMITED) stream->recv.credit--;
    stream->handlers->on_message(stream, &message);
  }
  gmux_bytes_release(&message);
  if (rc < 0) {
    if (stream->conn) refuse_message(stream, rc);
    return false;
  }
  if (!stream->conn) return false; /* reset by the handler */
  eat_input(stream, used);
  return true;
}

/* The last byte is here and nobody will get the rest: an end in the middle of a message. */
static void check_truncation(gmux__stream *stream) {
  if (stream->recv.state != GMUX__RECV_CLOSED || next_input(stream).len ||
      !gmux__deframer_is_partial(&stream->recv.deframer))
    return;
  gmux__stream_break(stream, GMUX_ERR_PROTOCOL, NGHTTP2_INTERNAL_ERROR,
                     "the stream ended in the middle of a message");
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
  if (is_finished(stream)) return;
  stream->send.state = GMUX__SEND_CLOSED;
  drop_queue(stream);
  gmux__session_reset_stream(stream->conn, stream->id, NGHTTP2_NO_ERROR);
  if (stream->handlers->on_answered) stream->handlers->on_answered(stream);
}

static void deliver_closed(gmux__stream *stream) {
  if (stream->end.how == GMUX__ENDING_NONE) return;
  if (!is_drained(stream)) {
    stop_sending(stream);
    return;
  }
  bool is_early = stream->end.how == GMUX__ENDING_FINISHED && !is_finished(stream);
  gmux__conn *conn = stream->conn;
  int32_t id = stream->id;
  gmux__stream_detach(stream);
  drop_queue(stream);
  if (is_early) gmux__session_reset_stream(conn, id, NGHTTP2_NO_ERROR);
  stream->handlers->on_closed(stream);
}

static bool take_event(gmux__stream *stream, bool *event) {
  if (!stream->conn || !*event) return false;
  *event = false;
  return true;
}

void gmux__stream_deliver(gmux__stream *stream) {
  if (take_event(stream, &stream->has_head_event)) stream->handlers->on_headers(stream);
  if (take_event(stream, &stream->has_draining_event) && stream->handlers->on_draining)
    stream->handlers->on_draining(stream);
  deliver_body(stream);
  if (stream->conn) check_truncation(stream);
  if (stream->end.how != GMUX__ENDING_BROKEN && !next_input(stream).len &&
      take_event(stream, &stream->has_half_close_event) && stream->handlers->on_half_close)
    stream->handlers->on_half_close(stream);
  if (stream->conn) deliver_closed(stream);
  if (stream->conn) gmux__stream_keep_pieces(stream);
}
