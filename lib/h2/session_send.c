/*
 * session_send.c: nghttp2's callbacks for what leaves. They note, as those in session.c do.
 */
#include "lib/h2/inside.h"

/* A server that has answered before the client had said all asks it to stop (RFC 9113 section 8.1).
 */
static void on_response_end_sent(gmux__conn *conn, int32_t id) {
  gmux__stream *stream = gmux__session_stream(conn, id);
  if (!stream) return;
  stream->seat->is_answered = true;
  if (stream->recv.state == GMUX__RECV_CLOSED) return;
  gmux__stream_send_reset(stream, NGHTTP2_NO_ERROR);
  gmux__stream_set_end(stream, GMUX__ENDING_FINISHED, 0, ""); /* it need not wait for that */
}

/* The GOAWAY is nghttp2's own, and nothing is known that says more. */
static bool is_breach(const gmux__conn *conn) {
  return conn->goaway_sent_code && !conn->error && !conn->doom_error && !conn->has_goaway;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) {
  (void)session;
  gmux__conn *conn = user_data;
  bool is_server = conn->h2->config.is_server;
  gmux__conn_on_served(conn, frame);
  switch (frame->hd.type) {
  case NGHTTP2_DATA:
    gmux__strikes_clear(&conn->strikes);
    break;
  case NGHTTP2_HEADERS:
    gmux__strikes_clear(&conn->strikes);
    if (is_server && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
      on_response_end_sent(conn, frame->hd.stream_id);
    break;
  case NGHTTP2_RST_STREAM:
    gmux__resets_on_sent(conn, gmux__session_seat(conn, frame->hd.stream_id));
    if (is_server) gmux__ids_on_reset(conn, frame->hd.stream_id);
    gmux__conn_note(conn, GMUX__EVENT_RST_SENT, frame->hd.stream_id, frame->rst_stream.error_code);
    break;
  case NGHTTP2_GOAWAY:
    gmux__conn_note(conn, GMUX__EVENT_GOAWAY_SENT, frame->goaway.last_stream_id,
                    frame->goaway.error_code);
    conn->goaway_sent_code = frame->goaway.error_code;
    if (is_breach(conn)) gmux__conn_say_goaway(conn, "we sent", &frame->goaway);
    break;
  case NGHTTP2_PING:
    if (!(frame->hd.flags & NGHTTP2_FLAG_ACK)) gmux__conn_note(conn, GMUX__EVENT_PING_SENT, 0, 0);
    break;
  default:
    break;
  }
  return 0;
}

/* Its block takes the place of nghttp2's, which is empty. */
static int headers_leave(gmux__conn *conn, gmux__seat *seat, uint8_t flags) {
  if (seat->planned) return gmux__ride_leave(conn, seat);
  if (seat->stream && !conn->h2->config.is_server) gmux__stream_on_headers_leave(seat->stream);
  return gmux__draft_leave(conn, seat, flags & NGHTTP2_FLAG_END_STREAM);
}

/* A request that has not left when the connection closes stays: behind our farewell it could only
 * be lost, and would be "possibly executed" for nothing. One leaves with its first frame: of a
 * large block the others follow, whatever becomes of its stream meanwhile. */
static int before_frame_send(nghttp2_session *session, const nghttp2_frame *frame,
                             void *user_data) {
  (void)session;
  gmux__conn *conn = user_data;
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  if (conn->error && !conn->h2->config.is_server) return NGHTTP2_ERR_CANCEL;
  int rc = headers_leave(conn, gmux__session_seat(conn, frame->hd.stream_id), frame->hd.flags);
  if (rc) return rc == GMUX_ERR_AGAIN ? NGHTTP2_ERR_CANCEL : NGHTTP2_ERR_CALLBACK_FAILURE;
  conn->is_frame_replaced = true;
  return 0;
}

/* Of a request, while the connection goes on. */
static const char *unsent_words(int error) {
  if (error != NGHTTP2_ERR_CANCEL) return nghttp2_strerror(error);
  return "the peer's SETTINGS took the window for its message before it had left";
}

static int on_frame_not_send(nghttp2_session *session, const nghttp2_frame *frame, int error,
                             void *user_data) {
  (void)session;
  gmux__conn *conn = user_data;
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  gmux__stream *stream = gmux__session_stream(conn, frame->hd.stream_id);
  if (!stream) return 0;
  if (error == NGHTTP2_ERR_CANCEL && conn->h2->config.is_server)
    return gmux__stream_respond_again(stream) ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  if (error == NGHTTP2_ERR_HEADER_COMP)
    gmux__stream_set_end(stream, GMUX__ENDING_BROKEN, GMUX_ERR_NOMEM, "out of memory");
  else
    gmux__stream_set_end(stream, GMUX__ENDING_LOST, GMUX_ERR_CLOSED,
                         conn->why[0] ? conn->why : unsent_words(error));
  return 0;
}

static int on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *header,
                        size_t len, nghttp2_data_source *source, void *user_data) {
  (void)session, (void)frame;
  gmux__conn *conn = user_data;
  gmux__seat *seat = source->ptr; /* nghttp2 does not ask for a stream that it has closed */
  gmux__stream *stream = seat->stream;
  conn->recent = seat;
  conn->ride.fills = 0;
  /* Asked for and reset within one call into nghttp2 cannot happen: nobody is called in between. */
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (gmux__outq_copy(conn->out, header, 9) || gmux__stream_frame(stream, conn->out, len))
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  return gmux__outq_is_full(conn->out) ? NGHTTP2_ERR_PAUSE : 0;
}

void gmux__session_set_send_callbacks(nghttp2_session_callbacks *c) {
  nghttp2_session_callbacks_set_before_frame_send_callback(c, before_frame_send);
  nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(c, on_frame_not_send);
  nghttp2_session_callbacks_set_send_data_callback(c, on_send_data);
}
