/*
 * heads.c: the heads of frames, looked at before nghttp2 reads them.
 *
 * As a rule all that was read is given to nghttp2 at once. Two kinds of frames are not, and what is
 * before them is given first, so that they meet the streams as these are then: DATA for a stream
 * that may be closed (ids.c), and WINDOW_UPDATE for bytes that nghttp2 does not know of (ride.c).
 * A head of which a part is here is held back until the rest has come, and so is the WINDOW_UPDATE.
 */
#include "lib/h2/inside.h"
#include <string.h>

enum { HEAD = 9, WINDOW_UPDATE = HEAD + 4 };

void gmux__heads_init(gmux__conn *conn) {
  if (conn->h2->config.is_server) conn->heads.skip = NGHTTP2_CLIENT_MAGIC_LEN;
}

static uint32_t length_of(const uint8_t *frame) {
  return (uint32_t)frame[0] << 16 | (uint32_t)frame[1] << 8 | frame[2];
}

static nghttp2_frame_hd head_of(const uint8_t *b) {
  return (nghttp2_frame_hd){
      .length = length_of(b),
      .type = b[3],
      .flags = b[4],
      .stream_id = (int32_t)((uint32_t)(b[5] & 0x7f) << 24 | (uint32_t)b[6] << 16 |
                             (uint32_t)b[7] << 8 | b[8]),
  };
}

/* ---- what it is ---- */

/* One of another length, or inside a header block, is an error that nghttp2 finds. */
static bool is_our_update(const gmux__conn *conn, const nghttp2_frame_hd *head) {
  return head->type == NGHTTP2_WINDOW_UPDATE && head->length == WINDOW_UPDATE - HEAD &&
         !conn->heads.is_in_block && gmux__ride_minds(conn, head->stream_id);
}

static bool is_doubtful_data(const gmux__conn *conn, const nghttp2_frame_hd *head) {
  return head->type == NGHTTP2_DATA && conn->h2->config.is_server &&
         (conn->heads.has_reset || gmux__ids_is_closed(conn, head->stream_id));
}

/* nghttp2 is to have it, whatever it brings. */
static void note_head(gmux__conn *conn, const uint8_t *frame) {
  conn->heads.skip = length_of(frame);
  uint8_t type = frame[3], flags = frame[4];
  if (type == NGHTTP2_HEADERS || type == NGHTTP2_CONTINUATION)
    conn->heads.is_in_block = !(flags & NGHTTP2_FLAG_END_HEADERS);
  if (type == NGHTTP2_RST_STREAM) conn->heads.has_reset = true;
}

/* ---- to nghttp2 ---- */

/* None of our callbacks pauses it, so it takes all. */
static int feed(gmux__conn *conn, const uint8_t *data, size_t len) {
  if (!len) return 0;
  if (!conn->heads.skip) conn->heads.has_reset = false; /* else the rest of it may be to come */
  ssize_t n = nghttp2_session_mem_recv(conn->session, data, len);
  return n < 0 ? (int)n : 0;
}

/* Most frames are of no interest, and their heads are read only as far as that takes. */
static bool is_to_be_looked_at(const gmux__conn *conn, const uint8_t *frame) {
  uint8_t type = frame[3];
  if (type != NGHTTP2_DATA && type != NGHTTP2_WINDOW_UPDATE) return false;
  nghttp2_frame_hd head = head_of(frame);
  return is_doubtful_data(conn, &head) || is_our_update(conn, &head);
}

/* How much of it nghttp2 may have without a second look. */
static size_t pass_over(gmux__conn *conn, const uint8_t *data, size_t len) {
  size_t at = 0;
  for (;;) {
    size_t n = len - at < conn->heads.skip ? len - at : conn->heads.skip;
    conn->heads.skip -= (uint32_t)n;
    at += n;
    if (len - at < HEAD || is_to_be_looked_at(conn, data + at)) return at;
    note_head(conn, data + at);
    at += HEAD;
  }
}

/* ---- one at a time ---- */

typedef struct span {
  const uint8_t *data;
  size_t len;
} span;

static void span_skip(span *in, size_t n) {
  in->data += n;
  in->len -= n;
}

/* False: the rest has not come. */
static bool hold(gmux__conn *conn, span *in, size_t whole) {
  size_t n = whole - conn->heads.len;
  if (n > in->len) n = in->len;
  memcpy(conn->heads.held + conn->heads.len, in->data, n);
  conn->heads.len = (uint8_t)(conn->heads.len + n);
  span_skip(in, n);
  return conn->heads.len == whole;
}

static int feed_held(gmux__conn *conn) {
  size_t len = conn->heads.len;
  conn->heads.len = 0;
  return feed(conn, conn->heads.held, len);
}

/* Of one that nghttp2 does not see it would not tell, and it counts. */
static int take_update(gmux__conn *conn, const nghttp2_frame_hd *head) {
  if (gmux__ride_take_update(conn, head->stream_id, conn->heads.held + HEAD))
    return feed_held(conn);
  conn->heads.len = 0;
  return gmux__conn_on_frame_begun(conn, head);
}

/* A frame begins here, or goes on, and all that was before it has been read. */
static int take_frame(gmux__conn *conn, span *in) {
  if (conn->heads.len < HEAD && !hold(conn, in, HEAD)) return 0;
  nghttp2_frame_hd head = head_of(conn->heads.held);
  if (conn->heads.len > HEAD || is_our_update(conn, &head))
    return hold(conn, in, WINDOW_UPDATE) ? take_update(conn, &head) : 0;
  if (is_doubtful_data(conn, &head) && gmux__ids_is_closed(conn, head.stream_id))
    return gmux__ids_refuse_data(conn);
  note_head(conn, conn->heads.held);
  return feed_held(conn);
}

int gmux__heads_read(gmux__conn *conn, const uint8_t *data, size_t len) {
  span in = {data, len};
  int rc = conn->heads.len > 0 ? take_frame(conn, &in) : 0;
  while (!rc && in.len > 0) {
    size_t n = pass_over(conn, in.data, in.len);
    rc = feed(conn, in.data, n);
    span_skip(&in, n);
    if (!rc && in.len > 0) rc = take_frame(conn, &in);
  }
  return rc;
}
