/*
 * abuse.c: what a peer may cost us beyond what nghttp2 bounds by itself; doc/security.md has the
 * whole. A connection that goes too far is doomed, which ends it with GOAWAY ENHANCE_YOUR_CALM as
 * soon as nghttp2 has returned; what came behind in the same read is not looked at.
 *
 * DATA of streams that are closed already is passed over by nghttp2 without a word (but see ids.c).
 * It costs no more than reading it.
 */
#include "lib/h2/inside.h"

/* A block may run this far over the limit before we stop decoding for that peer: HPACK can make
 * megabytes of one read (the "HPACK bomb"). */
enum { HEADER_FLOOD_FACTOR = 2, HEADER_FLOOD_FLOOR = 64 * 1024 };

/* A shorter frame that left more behind was cut by a window: the peer opened that by a crumb, to
 * have a whole frame for it. */
enum { CRUMB_BYTES = 1024 };

enum { FRAME_BYTES = 16384 }; /* SETTINGS_MAX_FRAME_SIZE as we leave it */

static const char *const words[] = {
    [GMUX__ABUSE_RESETS] = "too many calls were reset before they were of use (client_reset_burst)",
    [GMUX__ABUSE_CHATTER] = "the peer sends too many frames that carry nothing (chatter_burst)",
    [GMUX__ABUSE_HEADERS] = "the peer sent far more metadata than was announced",
    [GMUX__ABUSE_UNREAD] = "the peer makes us answer and does not read",
};

static uint64_t header_flood(const gmux__h2_config *config) {
  uint64_t limit = (uint64_t)config->max_header_bytes * HEADER_FLOOD_FACTOR;
  return limit < HEADER_FLOOD_FLOOR ? HEADER_FLOOD_FLOOR : limit;
}

void gmux__conn_abuse_init(gmux__conn *conn) {
  conn->block.flood = header_flood(&conn->h2->config);
  gmux__abuse_init(&conn->abuse, &conn->h2->config.abuse);
  bool is_server = conn->h2->config.is_server;
  gmux__share_init(&conn->share, is_server ? GMUX__SHARE_OF_CLIENT : GMUX__SHARE_OF_SERVER);
  gmux__ids_init(conn);
  gmux__heads_init(conn);
}

const char *gmux__conn_note_abuse(gmux__conn *conn, gmux__abuse_kind kind) {
  gmux__counter_add(&conn->h2->figures.abuses[kind], 1);
  return words[kind];
}

static uint64_t conn_now(const gmux__conn *conn) {
  return gmux__loop_now(conn->h2->loop);
}

static bool is_over(const gmux__conn *conn) {
  return conn->doom_error || conn->state == GMUX__CONN_CLOSED;
}

static int conn_punish(gmux__conn *conn, gmux__abuse_kind kind) {
  if (!is_over(conn))
    gmux__conn_doom(conn, GMUX_ERR_PROTOCOL, NGHTTP2_ENHANCE_YOUR_CALM,
                    gmux__conn_note_abuse(conn, kind));
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

bool gmux__conn_may_read_on(gmux__conn *conn, size_t bytes) {
  conn->portion.bytes = bytes;
  bool is_wary = gmux__abuse_is_near(&conn->abuse, conn_now(conn));
  bool may_read = gmux__share_read(&conn->share, &conn->portion, is_wary);
  conn->portion = (gmux__portion){0};
  return may_read;
}

/* ---- frames that carry nothing ---- */

int gmux__conn_on_chatter(gmux__conn *conn) {
  if (!gmux__abuse_chatter(&conn->abuse, conn_now(conn))) return 0;
  return conn_punish(conn, GMUX__ABUSE_CHATTER);
}

int gmux__conn_on_refused(gmux__conn *conn) {
  gmux__counter_add(&conn->h2->figures.streams_refused, 1);
  return gmux__conn_on_chatter(conn);
}

/* More was queued than the window let pass. */
static bool is_crumb(gmux__conn *conn, const nghttp2_frame *frame) {
  if (frame->hd.type != NGHTTP2_DATA || frame->hd.length >= CRUMB_BYTES) return false;
  const gmux__stream *stream = gmux__session_stream(conn, frame->hd.stream_id);
  return stream && stream->send.queued_bytes > 0;
}

void gmux__conn_on_served(gmux__conn *conn, const nghttp2_frame *frame) {
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return;
  if (!is_crumb(conn, frame)) gmux__abuse_served(&conn->abuse);
}

/* ---- the heads of frames ---- */

/* nghttp2 looks at the length of all frames but these, and does not at what continues a block. */
static int check_continuation(gmux__conn *conn, const nghttp2_frame_hd *head) {
  if (head->length <= FRAME_BYTES) return 0;
  gmux__conn_doom(conn, GMUX_ERR_PROTOCOL, NGHTTP2_FRAME_SIZE_ERROR,
                  "the peer sent a frame larger than SETTINGS_MAX_FRAME_SIZE");
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int gmux__conn_on_frame_begun(gmux__conn *conn, const nghttp2_frame_hd *head) {
  if (head->type == NGHTTP2_DATA) { /* an empty one is known when its padding is; on_data_frame */
    conn->portion.data_frames++;
    return 0;
  }
  conn->portion.frames++;
  switch (head->type) {
  case NGHTTP2_HEADERS:
    return conn->h2->config.is_server ? gmux__ids_on_headers(conn, head->stream_id) : 0;
  case NGHTTP2_CONTINUATION: /* nghttp2 bounds their number */
    return check_continuation(conn, head);
  case NGHTTP2_SETTINGS:
    if (!(head->flags & NGHTTP2_FLAG_ACK)) gmux__windows_before_settings(conn);
    return gmux__conn_on_chatter(conn);
  default:
    return gmux__conn_on_chatter(conn);
  }
}

/* ---- metadata ---- */

int gmux__conn_on_fields_flood(gmux__conn *conn) {
  return conn_punish(conn, GMUX__ABUSE_HEADERS);
}

/* ---- resets ---- */

/* Before that a reset has cost the application nothing. */
static bool is_known_to_application(const gmux__stream *stream) {
  return stream->recv.state != GMUX__RECV_HEAD && !(stream->recv.due & GMUX__DUE_HEADERS);
}

int gmux__conn_on_peer_reset(gmux__conn *conn, const gmux__stream *stream) {
  if (!conn->h2->config.is_server || !is_known_to_application(stream)) return 0;
  uint64_t now_ns = conn_now(conn);
  bool is_too_many = gmux__abuse_reset(&conn->abuse, now_ns, now_ns - stream->times.opened_ns,
                                       stream->in->head.timeout_ns);
  return is_too_many ? conn_punish(conn, GMUX__ABUSE_RESETS) : 0;
}

/* From within a send, so nothing is returned: it ends when this turn's bytes have left. nghttp2
 * resets some streams without a word (a wrong content-length), so here they are counted, too: the
 * next read is the smaller. */
void gmux__conn_on_breach(gmux__conn *conn) {
  if (!conn->h2->config.is_server) return;
  conn->portion.frames += GMUX__PORTION_OFFENCE;
  if (gmux__abuse_breach(&conn->abuse, conn_now(conn))) (void)conn_punish(conn, GMUX__ABUSE_RESETS);
}
