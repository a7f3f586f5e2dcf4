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
 * Of HEADERS nghttp2 tells before it ignores them; of DATA it does not. So the heads of frames are
 * looked for in what it is about to read, and where DATA is on a stream that may be closed, what is
 * before it is read first.
 */
#include "lib/h2/inside.h"
#include <string.h>

void gmux__ids_init(gmux__conn *conn) {
  conn->ids.highest = conn->ids.skipped_to = -1;
  conn->heads.skip = NGHTTP2_CLIENT_MAGIC_LEN;
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

static int refuse_id(gmux__conn *conn, int32_t id, bool is_headers) {
  bool is_skipped = id >= conn->ids.skipped_from && id <= conn->ids.skipped_to;
  if (is_skipped && is_headers)
    gmux__conn_doom(conn, GMUX_ERR_PROTOCOL, NGHTTP2_PROTOCOL_ERROR,
                    "the client began a stream with a lower id than one before");
  else
    gmux__conn_doom(conn, GMUX_ERR_PROTOCOL, NGHTTP2_STREAM_CLOSED,
                    "the client went on with a stream that it had ended or passed over");
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* Zero and even ones are no client's: nghttp2 says so. */
static bool is_closed(const gmux__conn *conn, int32_t id) {
  return id % 2 != 0 && id <= conn->ids.highest && !is_known(conn, id) &&
         !was_reset_by_us(conn, id);
}

int gmux__ids_on_headers(gmux__conn *conn, int32_t id) {
  if (is_closed(conn, id)) return refuse_id(conn, id, true);
  if (id > conn->ids.highest && id % 2 != 0) ids_open(conn, id);
  return 0;
}

/* ---- DATA ---- */

static int32_t head_id(const uint8_t *head) {
  return (int32_t)((uint32_t)(head[5] & 0x7f) << 24 | (uint32_t)head[6] << 16 |
                   (uint32_t)head[7] << 8 | head[8]);
}

/* A head is complete. True: what is before it must be read before it can be judged. */
static bool take_head(gmux__conn *conn, const uint8_t *head) {
  int32_t id = head_id(head);
  conn->heads.skip = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
  conn->heads.has_reset = conn->heads.has_reset || head[3] == NGHTTP2_RST_STREAM;
  if (head[3] != NGHTTP2_DATA || !(conn->heads.has_reset || is_closed(conn, id))) return false;
  conn->heads.doubt = id;
  return true;
}

/* The next head, where it lies if it lies there whole; NULL: the rest of it has not come. */
static const uint8_t *next_head(gmux__conn *conn, const uint8_t *data, size_t *at, size_t len) {
  size_t missing = sizeof conn->heads.bytes - conn->heads.len;
  size_t n = len - *at < missing ? len - *at : missing;
  const uint8_t *from = data + *at;
  *at += n;
  if (n == sizeof conn->heads.bytes) return from;
  memcpy(conn->heads.bytes + conn->heads.len, from, n);
  conn->heads.len = (uint8_t)(conn->heads.len + n);
  if (conn->heads.len < sizeof conn->heads.bytes) return NULL;
  conn->heads.len = 0;
  return conn->heads.bytes;
}

ptrdiff_t gmux__ids_look_ahead(gmux__conn *conn, const uint8_t *data, size_t len) {
  size_t at = 0;
  if (conn->heads.doubt) {
    int32_t id = conn->heads.doubt;
    conn->heads.doubt = 0;
    if (is_closed(conn, id)) return refuse_id(conn, id, false);
    at = 1; /* the last byte of its head, which was held back */
  }
  conn->heads.has_reset = false; /* all that came before has been read */
  while (at < len) {
    if (conn->heads.skip > 0) {
      size_t n = len - at < conn->heads.skip ? len - at : conn->heads.skip;
      conn->heads.skip -= (uint32_t)n;
      at += n;
      continue;
    }
    const uint8_t *head = next_head(conn, data, &at, len);
    if (head && take_head(conn, head)) return (ptrdiff_t)at - 1;
  }
  return (ptrdiff_t)len;
}
