/* stream_send.c: what leaves on a stream: its header blocks, and the messages between them. */
#include "lib/h2/inside.h"
#include <assert.h>
#include <string.h>

/* ---- header blocks ---- */

static const char block_too_large[] =
    "the metadata to send is too large for HTTP/2 (64 KiB a block)";

/* The block waits in its seat until its frame leaves; see draft.c. */
static int stream_draft(gmux__stream *stream, const gmux__field *fields, size_t count) {
  gmux__fields_sum sum = gmux__draft_sum(fields, count);
  if (!gmux__draft_fits(&sum)) return GMUX_ERR_TOO_LARGE;
  stream->seat->draft = gmux__draft_new(stream->h2, fields, &sum);
  return stream->seat->draft ? 0 : GMUX_ERR_NOMEM;
}

/* An answer that cannot be sent has to be ended, since its client waits for it. */
static void stream_refuse_block(gmux__stream *stream) {
  gmux__stream_set_end(stream, GMUX__ENDING_BROKEN, GMUX_ERR_TOO_LARGE, block_too_large);
  gmux__stream_send_reset(stream, NGHTTP2_INTERNAL_ERROR);
}

/* Trailers fit a usual block: grpc-status, grpc-message, details, and what the application adds. */
enum { FIELDS_ON_STACK = 32 };

static int stream_draft_trailers(gmux__stream *stream) {
  gmux__field on_stack[FIELDS_ON_STACK];
  gmux__field *fields = on_stack;
  size_t room = stream->send.trailer_count;
  if (room > FIELDS_ON_STACK) fields = gmux__malloc(room * sizeof *fields);
  if (!fields) return GMUX_ERR_NOMEM;
  size_t count = stream->handlers->trailers(stream, fields, room);
  assert(count <= room);
  int rc = stream_draft(stream, fields, count);
  if (fields != on_stack) gmux__free(fields);
  return rc;
}

/* GMUX_ERR_TOO_LARGE: the stream has been ended. */
static int stream_submit_trailers(gmux__stream *stream) {
  if (!stream->seat) return 0; /* nghttp2 has closed it: nobody would hear them */
  int rc = stream_draft_trailers(stream);
  if (rc == GMUX_ERR_TOO_LARGE) stream_refuse_block(stream);
  if (rc) return rc;
  nghttp2_session *session = stream->conn->session;
  rc = stream->send.has_headers ? nghttp2_submit_trailer(session, stream->id, NULL, 0)
                                : nghttp2_submit_response(session, stream->id, NULL, 0, NULL);
  return rc ? GMUX_ERR_NOMEM : 0;
}

/* ---- messages ---- */

/* The whole message is in frames: it is gone, or kept for a rewind. Its writer hears so once. */
static void stream_framed(gmux__stream *stream, gmux__outmsg *msg) {
  size_t bytes = msg->bytes.len;
  bool is_news = !msg->is_told;
  msg->is_told = true;
  stream->conn->tally.messages_sent++;
  stream->conn->tally.sent_ns = gmux__loop_now(stream->h2->loop);
  gmux__stream_keep_or_drop(stream);
  if (is_news) stream->handlers->on_sent(stream, bytes);
}

int gmux__stream_frame(gmux__stream *stream, gmux__outq *out, size_t len) {
  while (len) {
    gmux__outmsg *msg = stream->send.next;
    size_t n = gmux__outmsg_left(msg);
    if (n > len) n = len;
    size_t before = msg->framed;
    int error = gmux__outq_message(out, msg, n);
    bool is_whole = !gmux__outmsg_left(msg);
    /* Its prefix may fit where the rest fails. */
    gmux__backlog_framed(stream, msg->framed - before, is_whole);
    if (error) return error;
    len -= n;
    if (is_whole) stream_framed(stream, msg);
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

/* What has ridden (ride.c) nghttp2 takes for room. Without any it does not ask. */
static size_t room_in_window(const gmux__conn *conn, size_t room) {
  int32_t window = gmux__conn_send_window(conn);
  if (window <= 0) return 0;
  return room < (size_t)window ? room : (size_t)window;
}

static ssize_t on_data_wanted(nghttp2_session *session, int32_t id, uint8_t *buf, size_t room,
                              uint32_t *flags, nghttp2_data_source *source, void *user_data) {
  (void)session, (void)buf;
  const gmux__conn *conn = user_data;
  const gmux__seat *seat = source->ptr;
  gmux__stream *stream = seat->stream;
  /* Reset by us: RST_STREAM will end the stream, now or when it may leave. */
  if (!stream) return NGHTTP2_ERR_DEFERRED;
  /* Behind a client's farewell nobody waits for it; and where memory has ended in the middle of
   * the peer's SETTINGS, it would leave by a window that was never acknowledged. */
  if (conn->error && !conn->h2->config.is_server) return NGHTTP2_ERR_DEFERRED;
  size_t n = stream->send.queued_bytes;
  room = room_in_window(conn, room);
  if (n && !room) {
    gmux__lane_wait(stream);
    return NGHTTP2_ERR_DEFERRED;
  }
  if (n <= GMUX__LANE_SMALL) gmux__lane_end_turn(&stream->conn->lane, id);
  if (n > GMUX__LANE_SMALL && !gmux__lane_may_send(stream, room)) return NGHTTP2_ERR_DEFERRED;
  if (n <= room && stream->send.state == GMUX__SEND_CLOSING) {
    if (stream->h2->config.is_server) {
      int rc = stream_submit_trailers(stream);
      if (rc == GMUX_ERR_TOO_LARGE) return NGHTTP2_ERR_DEFERRED; /* as above */
      if (rc) return NGHTTP2_ERR_CALLBACK_FAILURE;
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    gmux__ride_note_data(stream->conn, stream->seat, false);
    gmux__stream_set_send(stream, GMUX__SEND_CLOSED);
  }
  if (n > room) n = room;
  if (n) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (n || (*flags & NGHTTP2_DATA_FLAG_EOF)) return (ssize_t)n;
  stream->send.is_asleep = true;
  return NGHTTP2_ERR_DEFERRED;
}

/* nghttp2 asks for the DATA of a stream only as long as it has not closed it, so its seat is there.
 */
static nghttp2_data_provider data_of(gmux__seat *seat) {
  return (nghttp2_data_provider){.source.ptr = seat, .read_callback = on_data_wanted};
}

/* RFC 9113 section 6.5.2: a server's limit is advice, but there are servers that end the
 * connection, and with it all other calls, over a request that does not heed it. */
static int check_limits(const gmux__conn *conn, const gmux__fields_sum *sum) {
  size_t bytes = sum->strings + sum->count * 32;
  uint32_t limit =
      nghttp2_session_get_remote_settings(conn->session, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
  if (bytes > limit)
    return gmux__fail(GMUX_ERR_TOO_LARGE,
                      "the request's metadata and headers count %zu bytes, the server accepts %u",
                      bytes, limit);
  if (gmux__draft_fits(sum)) return 0;
  return gmux__fail(GMUX_ERR_TOO_LARGE, "%s", block_too_large);
}

/* A block without fields, in whose place the draft leaves: nghttp2 would look for a method that
 * makes an answer special (HEAD, CONNECT), and ours is POST. */
static int32_t submit_request(gmux__conn *conn, gmux__seat *seat) {
  nghttp2_data_provider data = data_of(seat);
  return nghttp2_submit_request(conn->session, NULL, NULL, 0, seat->planned ? NULL : &data, seat);
}

/* All that is to be said is known. */
static void plan_request(const gmux__stream *stream, gmux__conn *conn, gmux__seat *seat) {
  if (stream->send.state == GMUX__SEND_CLOSING)
    (void)gmux__ride_plan(conn, seat, stream->send.queued_bytes);
}

/* What submitting fails with but for memory (RFC 9113 section 5.1.1). */
static int out_of_ids(gmux__conn *conn, int error) {
  gmux__conn_drain(conn, "its stream ids are used up");
  return gmux__fail(GMUX_ERR_STATE, "the connection takes no more streams: %s",
                    nghttp2_strerror(error));
}

int gmux__stream_open(gmux__stream *stream, gmux__conn *conn, const gmux__field *fields,
                      size_t count) {
  assert(!stream->conn && !stream->id);
  gmux__conn_mind_unframed(conn, stream->send.queued_bytes);
  if (!gmux__conn_free_slots(conn))
    return gmux__fail(GMUX_ERR_STATE, "the connection takes no more streams");
  gmux__fields_sum sum = gmux__draft_sum(fields, count);
  int error = check_limits(conn, &sum);
  if (error) return error;
  gmux__seat *seat = gmux__seat_new(conn->h2);
  if (!seat) return gmux__fail_code(GMUX_ERR_NOMEM);
  seat->draft = gmux__draft_new(conn->h2, fields, &sum);
  if (seat->draft) plan_request(stream, conn, seat);
  int32_t id = seat->draft ? submit_request(conn, seat) : NGHTTP2_ERR_NOMEM;
  if (id < 0) {
    gmux__ride_unplan(conn, seat);
    gmux__seat_drop(conn->h2, seat);
    return id == NGHTTP2_ERR_NOMEM ? gmux__fail_code(GMUX_ERR_NOMEM) : out_of_ids(conn, id);
  }
  gmux__slots_take(&conn->slots);
  gmux__stream_attach(stream, conn, id);
  gmux__seat_take(seat, stream, conn, id);
  if (!seat->planned) gmux__ride_note_data(conn, seat, true);
  gmux__conn_on_opened(conn);
  stream->times.opened_ns = gmux__loop_now(conn->h2->loop);
  gmux__conn_want_write(conn);
  return 0;
}

void gmux__stream_on_headers_leave(gmux__stream *stream) {
  gmux__conn_tally *tally = &stream->conn->tally;
  stream->send.has_left = true;
  stream->times.left_ns = gmux__loop_now(stream->h2->loop);
  stream->seat->is_started = true;
  tally->streams_started++;
  tally->stream_ns = stream->times.left_ns;
}

/* nghttp2's error. */
static int submit_draft(gmux__stream *stream) {
  if (!stream->seat->planned) gmux__ride_note_data(stream->conn, stream->seat, true);
  nghttp2_data_provider data = data_of(stream->seat);
  return nghttp2_submit_response(stream->conn->session, stream->id, NULL, 0,
                                 stream->seat->planned ? NULL : &data);
}

int gmux__stream_respond_again(gmux__stream *stream) {
  gmux__ride_unplan(stream->conn, stream->seat);
  return submit_draft(stream) ? GMUX_ERR_NOMEM : 0;
}

/* With a draft in its seat, which is dropped on failure. */
static int submit_response(gmux__stream *stream) {
  int rc = submit_draft(stream);
  if (!rc) return 0;
  gmux__ride_unplan(stream->conn, stream->seat);
  gmux__draft_free(stream->h2, stream->seat->draft);
  stream->seat->draft = NULL;
  if (rc == NGHTTP2_ERR_NOMEM) return gmux__fail_code(GMUX_ERR_NOMEM);
  return gmux__fail(GMUX_ERR_STATE, "the headers cannot be sent: %s", nghttp2_strerror(rc));
}

int gmux__stream_respond(gmux__stream *stream, const gmux__field *fields, size_t count,
                         size_t only_bytes) {
  gmux__conn *conn = stream->conn;
  if (!conn || !stream->seat || stream->send.has_headers || stream->end.how != GMUX__ENDING_NONE)
    return gmux__fail(GMUX_ERR_STATE, "the headers were sent, or the call is over");
  int error = stream_draft(stream, fields, count);
  if (error == GMUX_ERR_NOMEM) return gmux__fail_code(error);
  if (error) {
    stream->send.has_headers = true;
    stream_refuse_block(stream);
    return 0; /* its end says why */
  }
  if (only_bytes) (void)gmux__ride_plan(conn, stream->seat, only_bytes);
  error = submit_response(stream);
  if (error) return error;
  stream->send.has_headers = true;
  gmux__conn_want_write(conn);
  return 0;
}

static void stream_append(gmux__stream *stream, gmux__outmsg *msg) {
  if (stream->send.first)
    stream->send.last->next = msg;
  else
    stream->send.first = msg;
  stream->send.last = msg;
  if (!stream->send.next) stream->send.next = msg;
}

int gmux__stream_write(gmux__stream *stream, gmux_bytes *message) {
  return gmux__stream_write_coded(stream, message, false);
}

static gmux__outmsg_pool *pool_for(gmux__h2 *h2, const gmux_bytes *bytes) {
  bool is_short = bytes->release || bytes->len <= GMUX__OUTMSG_INLINE;
  return is_short ? &h2->messages : &h2->large_messages;
}

int gmux__stream_write_coded(gmux__stream *stream, gmux_bytes *message, bool is_compressed) {
  if (stream->send.state != GMUX__SEND_OPEN)
    return gmux__fail(GMUX_ERR_STATE, "nothing more can be written: the stream is half-closed");
  if (stream->end.how != GMUX__ENDING_NONE && !gmux__stream_can_rewind(stream))
    return gmux__fail(GMUX_ERR_STATE, "nothing more can be written: the stream is over");
  gmux__outmsg_pool *pool = pool_for(stream->h2, message);
  gmux__outmsg *msg = gmux__outmsg_new(pool, message, is_compressed);
  if (!msg) return gmux__fail_code(GMUX_ERR_NOMEM);
  stream_append(stream, msg);
  gmux__backlog_written(stream, gmux__outmsg_left(msg));
  stream_wake(stream);
  return 0;
}

gmux__outmsg *gmux__letter_new(gmux__h2 *h2, gmux_bytes *message, bool is_compressed,
                               bool is_to_wait) {
  gmux__outmsg_pool *pool = is_to_wait ? NULL : pool_for(h2, message);
  gmux__outmsg *letter = gmux__outmsg_new(pool, message, is_compressed);
  if (letter) gmux__backlog_put_letter(h2, gmux__outmsg_left(letter));
  return letter;
}

void gmux__letter_drop(gmux__h2 *h2, gmux__outmsg *letter) {
  if (!letter) return;
  gmux__backlog_drop_letter(h2, gmux__outmsg_left(letter));
  gmux__outmsg_unqueue(letter);
}

void gmux__stream_post(gmux__stream *stream, gmux__outmsg *letter) {
  if (!letter) return;
  assert(!stream->id && !stream->send.next);
  stream_append(stream, letter);
  gmux__backlog_take_letter(stream, gmux__outmsg_left(letter));
}

void gmux__stream_half_close(gmux__stream *stream) {
  if (stream->send.state != GMUX__SEND_OPEN) return;
  gmux__stream_set_send(stream, GMUX__SEND_CLOSING);
  stream_wake(stream);
}

void gmux__stream_finish(gmux__stream *stream, size_t trailer_count) {
  if (stream->send.state != GMUX__SEND_OPEN || !stream->conn || !stream->conn->session) return;
  gmux__stream_set_send(stream, GMUX__SEND_CLOSING);
  stream->send.trailer_count = (uint32_t)trailer_count;
  if (stream->send.has_headers) {
    stream_wake(stream);
    return;
  }
  if (stream_submit_trailers(stream) == GMUX_ERR_NOMEM) {
    gmux__conn_doom(stream->conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
    return;
  }
  stream->send.has_headers = true;
  gmux__stream_set_send(stream, GMUX__SEND_CLOSED);
  gmux__conn_want_write(stream->conn);
}
