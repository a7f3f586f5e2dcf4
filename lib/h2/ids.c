/*
 * ids.c: a server's judgement of frames for streams that nghttp2 does not know (any more).
 *
 * nghttp2 keeps no closed streams here and ignores what comes for them. That is right where our
 * RST_STREAM has closed one: what the client had under way may still come (RFC 9113 section 5.1).
 * It is too kind where the client itself has ended the stream, or has passed over its id (section
 * 5.1.1): HEADERS or DATA can't come then in good faith, and end the connection.
 *
 * So those that we have reset are remembered, the newest of them; an id not above one that was
 * forgotten has the benefit of the doubt. Ids behind the last one that a drain takes are not looked
 * at: nghttp2 passes over them without a reset.
 *
 * Of HEADERS nghttp2 tells before it ignores them; of DATA it does not, so it is looked for in what
 * is about to be read (heads.c).
 */
#include "lib/h2/inside.h"

void gmux__ids_init(gmux__conn *conn) {
  conn->ids.highest = conn->ids.skipped_to = -1;
}

static bool is_known(const gmux__conn *conn, int32_t id) {
  nghttp2_stream *stream = nghttp2_session_find_stream(conn->session, id);
  return stream && nghttp2_stream_get_state(stream) != NGHTTP2_STREAM_STATE_IDLE;
}

static bool was_reset_by_us(const gmux__conn *conn, int32_t id) {
  if (id <= conn->ids.forgotten) return true; /* perhaps */
  for (size_t i = 0; i < GMUX__IDS_RESET; i++)
    if (conn->ids.reset[i] == id) return true;
  return false;
}

void gmux__ids_on_reset(gmux__conn *conn, int32_t id) {
  bool has_said_all = nghttp2_session_get_stream_remote_close(conn->session, id) == 1;
  if (has_said_all || was_reset_by_us(conn, id)) return;
  int32_t *place = &conn->ids.reset[conn->ids.next];
  if (*place > conn->ids.forgotten) conn->ids.forgotten = *place;
  *place = id;
  conn->ids.next = (uint8_t)((conn->ids.next + 1) % GMUX__IDS_RESET);
}

/* HEADERS of a new stream. Clients that skip ids are rare: the last gap is all that is told apart
 * from streams that were. */
static void ids_open(gmux__conn *conn, int32_t id) {
  if (conn->is_last_id_fixed) return;
  if (id > conn->ids.highest + 2) {
    conn->ids.skipped_from = conn->ids.highest + 2;
    conn->ids.skipped_to = id - 2;
  }
  conn->ids.highest = id;
}

static int refuse_headers(gmux__conn *conn, int32_t id) {
  if (id < conn->ids.skipped_from || id > conn->ids.skipped_to) return gmux__ids_refuse_data(conn);
  gmux__conn_doom(conn, GMUX_ERR_PROTOCOL, NGHTTP2_PROTOCOL_ERROR,
                  "the client began a stream with a lower id than one before");
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int gmux__ids_refuse_data(gmux__conn *conn) {
  gmux__conn_doom(conn, GMUX_ERR_PROTOCOL, NGHTTP2_STREAM_CLOSED,
                  "the client went on with a stream that it had ended or passed over");
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* Zero and even ones are no client's: nghttp2 says so. */
bool gmux__ids_is_closed(const gmux__conn *conn, int32_t id) {
  return id % 2 != 0 && id <= conn->ids.highest && !is_known(conn, id) &&
         !was_reset_by_us(conn, id);
}

int gmux__ids_on_headers(gmux__conn *conn, int32_t id) {
  if (gmux__ids_is_closed(conn, id)) return refuse_headers(conn, id);
  if (id > conn->ids.highest && id % 2 != 0) ids_open(conn, id);
  return 0;
}
