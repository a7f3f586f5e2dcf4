/*
 * ride.c: a short message that rides with the head of its stream.
 *
 * A unary request is HEADERS and one short DATA that ends the stream, and a unary answer is
 * HEADERS, DATA and trailers; all of it is known when the first of them leaves. For nghttp2 each is
 * a thing of its own: a frame in a queue, a place in the order of those that send, a call to ask
 * for it. That is a fifth of what a call costs. So where all is known nghttp2 is told of HEADERS
 * that end the stream, and what is written in their place is the whole: HEADERS, DATA and trailers.
 *
 * Its state of the stream is right then. What it does not know is that DATA has left:
 *
 *   - What has ridden is OWED, by the stream and by the connection: nghttp2 takes their windows to
 *     be larger by as much. The peer's WINDOW_UPDATE pays what is owed first, and only the rest is
 *     shown to nghttp2 (heads.c). So it finds a window past 2^31-1 where there is one.
 *   - What is to ride is PLANNED from the moment on in which nghttp2 is told, so that no other DATA
 *     takes its place in the connection's window. Others may send what that has without both; who
 *     finds nothing waits in the lane. A part is always left to them.
 *
 * HEADERS leave before all DATA. Where those without end fill the output whenever it is empty, what
 * does not ride would never leave; so after PATIENCE such fills nothing more is planned, until some
 * DATA has left the usual way.
 *
 * It is looked at once more when the HEADERS leave: if the peer's SETTINGS have made its window too
 * small meanwhile, or the message did not come, an answer goes the usual way, and a request ends as
 * one that never left.
 */
#include "lib/h2/inside.h"
#include <assert.h>

enum {
  FRAME_HEAD = 9,
  WINDOW_LEFT = 16384, /* of the connection's, to those that wait for it: a frame */
  PATIENCE = 4,        /* fills of the output, see above */
  FIELDS_ON_STACK = 16 /* trailers: grpc-status, grpc-message, details, and some metadata */
};

/* ---- windows ---- */

int32_t gmux__conn_send_window(const gmux__conn *conn) {
  if (!conn->session) return 0;
  int64_t window = nghttp2_session_get_remote_window_size(conn->session);
  return (int32_t)(window - conn->ride.owed - conn->ride.planned);
}

bool gmux__ride_minds(const gmux__conn *conn, int32_t id) {
  return id ? conn->ride.has_any : conn->ride.owed > 0;
}

/* What is left of `more` when that was paid. */
static uint32_t pay(uint32_t *owed, uint32_t more) {
  uint32_t paid = more < *owed ? more : *owed;
  *owed -= paid;
  return more - paid;
}

static uint32_t pay_of_stream(gmux__conn *conn, int32_t id, uint32_t more) {
  gmux__seat *seat = gmux__session_seat(conn, id);
  if (!seat) return more;
  uint32_t owed = seat->owed;
  more = pay(&owed, more);
  seat->owed = (uint16_t)owed;
  return more;
}

bool gmux__ride_take_update(gmux__conn *conn, int32_t id, uint8_t *value) {
  uint32_t more = (uint32_t)(value[0] & 0x7f) << 24 | (uint32_t)value[1] << 16 |
                  (uint32_t)value[2] << 8 | value[3];
  if (!more) return true; /* an error, which nghttp2 finds */
  more = id ? pay_of_stream(conn, id, more) : pay(&conn->ride.owed, more);
  for (int i = 0; i < 4; i++)
    value[i] = (uint8_t)(more >> (24 - 8 * i));
  return more > 0;
}

/* ---- the plan ---- */

static bool is_in_the_way(const gmux__conn *conn) {
  return conn->ride.others && conn->ride.fills > PATIENCE;
}

void gmux__ride_note_data(gmux__conn *conn, gmux__seat *seat, bool has_data) {
  if (seat->has_data == has_data) return;
  seat->has_data = has_data;
  if (has_data)
    conn->ride.others++;
  else
    conn->ride.others--;
}

bool gmux__ride_plan(gmux__conn *conn, gmux__seat *seat, size_t bytes) {
  if (bytes == 0 || bytes > GMUX__RIDE_MOST || bytes > conn->windows.initial) return false;
  if (gmux__conn_send_window(conn) < (int32_t)bytes + WINDOW_LEFT) return false;
  if (is_in_the_way(conn)) return false;
  seat->planned = (uint16_t)bytes;
  conn->ride.planned += (uint32_t)bytes;
  return true;
}

void gmux__ride_unplan(gmux__conn *conn, gmux__seat *seat) {
  if (!seat->planned) return;
  conn->ride.planned -= seat->planned;
  seat->planned = 0;
  if (gmux__lane_has_any(&conn->lane)) gmux__conn_want_write(conn);
}

/* ---- it leaves ---- */

/* What was planned is there, and nothing else; and the stream's window, of which nothing was used,
 * still has room for it. */
static bool is_as_planned(const gmux__conn *conn, const gmux__seat *seat) {
  const gmux__stream *stream = seat->stream;
  return stream && stream->send.state == GMUX__SEND_CLOSING &&
         stream->send.queued_bytes == seat->planned && seat->planned <= conn->windows.initial;
}

static int queue_message(gmux__conn *conn, gmux__stream *stream, size_t len, uint8_t flags) {
  uint8_t *head = gmux__outq_reserve(conn->out, FRAME_HEAD);
  if (!head) return GMUX_ERR_NOMEM;
  gmux__frame_head(head, len, NGHTTP2_DATA, flags, stream->id);
  gmux__outq_commit(conn->out, FRAME_HEAD);
  gmux__abuse_served(&conn->abuse);
  return gmux__stream_frame(stream, conn->out, len);
}

static void settle(gmux__conn *conn, gmux__seat *seat) {
  conn->ride.planned -= seat->planned;
  conn->ride.owed += seat->planned;
  conn->ride.has_any = true;
  seat->owed = seat->planned;
  seat->planned = 0;
}

static int request_leave(gmux__conn *conn, gmux__seat *seat) {
  gmux__stream *stream = seat->stream;
  size_t len = seat->planned;
  settle(conn, seat);
  gmux__stream_on_headers_leave(stream);
  gmux__stream_set_send(stream, GMUX__SEND_CLOSED);
  int rc = gmux__draft_leave(conn, seat, NGHTTP2_FLAG_NONE);
  return rc ? rc : queue_message(conn, stream, len, NGHTTP2_FLAG_END_STREAM);
}

static int answer_leave(gmux__conn *conn, gmux__seat *seat) {
  gmux__stream *stream = seat->stream;
  gmux__field fields[FIELDS_ON_STACK];
  if (stream->send.trailer_count > FIELDS_ON_STACK) return GMUX_ERR_AGAIN;
  size_t count = stream->handlers->trailers(stream, fields, stream->send.trailer_count);
  gmux__fields_sum sum = gmux__draft_sum(fields, count);
  if (!gmux__fields_fit_frame(&sum)) return GMUX_ERR_AGAIN;
  size_t len = seat->planned;
  settle(conn, seat);
  gmux__stream_set_send(stream, GMUX__SEND_CLOSED);
  int rc = gmux__draft_leave(conn, seat, NGHTTP2_FLAG_NONE);
  if (!rc) rc = queue_message(conn, stream, len, NGHTTP2_FLAG_NONE);
  gmux__abuse_served(&conn->abuse);
  return rc ? rc : gmux__fields_leave(conn, stream->id, fields, &sum, NGHTTP2_FLAG_END_STREAM);
}

int gmux__ride_leave(gmux__conn *conn, gmux__seat *seat) {
  if (!is_as_planned(conn, seat)) {
    gmux__ride_unplan(conn, seat);
    return GMUX_ERR_AGAIN;
  }
  return conn->h2->config.is_server ? answer_leave(conn, seat) : request_leave(conn, seat);
}
