/*
 * conn_io.c: the bytes of a connection: what is read feeds nghttp2, what nghttp2 has to say is
 * gathered and written once a turn.
 */
#include "lib/h2/inside.h"
#include <stdio.h>
#include <string.h>

enum {
  READS_A_TURN = 4,      /* then others get theirs, or sooner: see gmux__share */
  WRITES_A_ROUND = 2,    /* of a turn; more goes out in the next, when others had theirs */
  WRITES_EARLY = 3,      /* before the end of a turn, each of 40 KiB */
  FRAMES_WAITING = 5000, /* for a peer that does not read, without DATA, and */
  FRAMES_A_STREAM = 8,   /* as many more for each stream that it may have: HEADERS, trailers, ... */
  LAST_READS = 64 /* times READS_A_TURN, from a peer that takes no more: its socket's buffer */
};

/* ---- writing ---- */

/* GOAWAY with the highest id and no debug text (RFC 9113 section 6.8). What nghttp2 hands out
 * begins with a frame header. */
static bool is_shutdown_notice(const uint8_t *data, size_t len) {
  static const uint8_t notice[] = {0, 0, 8, NGHTTP2_GOAWAY, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff};
  return len == 17 && memcmp(data, notice, sizeof notice) == 0;
}

/* nghttp2 makes the notice without a debug text, and takes no more streams after any other GOAWAY:
 * so the text is put in here. */
static int conn_queue(gmux__conn *conn, const uint8_t *data, size_t len) {
  if (conn->is_frame_replaced) {
    conn->is_frame_replaced = false;
    return 0;
  }
  if (!is_shutdown_notice(data, len)) return gmux__outq_copy(conn->out, data, len);
  uint8_t frame[17 + GMUX__CONN_DRAIN_TEXT];
  size_t text_len = strlen(conn->drain_text);
  memcpy(frame, data, 17);
  memcpy(frame + 17, conn->drain_text, text_len);
  frame[2] = (uint8_t)(8 + text_len);
  return gmux__outq_copy(conn->out, frame, 17 + text_len);
}

/* nghttp2 has nothing more, unless it has paused because the output is full. */
static bool conn_call_next(gmux__conn *conn) {
  if (!gmux__lane_has_any(&conn->lane) || gmux__outq_is_full(conn->out)) return false;
  return gmux__lane_call(conn);
}

/* ---- the output's memory: a connection has it only while something waits in it, so that all that
 * write whatever they have in one turn share one ---- */

/* What waits for a socket that is full goes ahead of all that comes later, so it is little; unless
 * the socket asks for more only when it takes much. */
static void conn_aim_output(gmux__conn *conn) {
  size_t much = gmux__transport_info_get(conn->transport)->write_bytes;
  conn->out->aim = much ? much : conn->is_output_short ? GMUX__OUTQ_SHORT : GMUX__OUTQ_BYTES;
}

static int conn_take_output(gmux__conn *conn) {
  gmux__h2 *h2 = conn->h2;
  if (conn->out) return 0;
  conn->out = h2->spare_output ? h2->spare_output : gmux__calloc(1, sizeof *conn->out);
  h2->spare_output = NULL;
  if (!conn->out) return GMUX_ERR_NOMEM;
  conn_aim_output(conn);
  return 0;
}

static void conn_give_output(gmux__conn *conn) {
  if (!conn->out || !gmux__outq_is_empty(conn->out)) return;
  if (conn->h2->spare_output)
    gmux__conn_free_output(conn);
  else
    conn->h2->spare_output = conn->out;
  conn->out = NULL;
}

void gmux__conn_free_output(gmux__conn *conn) {
  if (conn->out) gmux__outq_deinit(conn->out);
  gmux__free(conn->out);
  conn->out = NULL;
}

/* ---- writing, a round ---- */

/* What nghttp2 says when it fails here, its own words or our callbacks', is always that memory has
 * ended. */
static int conn_gather(gmux__conn *conn) {
  conn->unframed = 0;
  while (!gmux__outq_is_full(conn->out)) {
    const uint8_t *data;
    ssize_t n = nghttp2_session_mem_send(conn->session, &data);
    if (n == 0 && conn_call_next(conn)) continue;
    if (n == 0) {
      conn->ride.fills = 0;
      return 0;
    }
    if (n < 0 || conn_queue(conn, data, (size_t)n)) {
      conn->is_output_broken = true; /* a frame may be half gathered: nothing can follow it */
      return GMUX_ERR_NOMEM;
    }
  }
  return 0;
}

/* Fills the output from nghttp2 until that has no more or the output is full. One that has begun to
 * leave is not filled again before it is empty. */
static int conn_fill(gmux__conn *conn) {
  bool is_new = gmux__conn_has_no_output(conn);
  if (!is_new && !conn->is_output_begun) return 0;
  int rc = conn_take_output(conn);
  if (rc) return rc;
  if (is_new) {
    conn->ride.fills++;
    gmux__lane_fill(conn);
  }
  conn->is_output_begun = true;
  return conn_gather(conn);
}

static int conn_write_output(gmux__conn *conn) {
  size_t written = 0;
  conn->is_output_begun = false;
  int rc = gmux__outq_write(conn->out, conn->transport, &written);
  gmux__counter_add(&conn->h2->figures.bytes_sent, written);
  if (written) conn->due.stall_ns = GMUX__NEVER;
  return rc;
}

/* One round: 0 to go on, GMUX_ERR_AGAIN when the peer does not read, GMUX_ERR_EOF when all is
 * written. */
static int conn_write_once(gmux__conn *conn) {
  int rc = conn_fill(conn);
  if (rc) return rc;
  return gmux__outq_is_empty(conn->out) ? GMUX_ERR_EOF : conn_write_output(conn);
}

int gmux__conn_flush(gmux__conn *conn) {
  int rc = 0;
  for (int i = 0; i < WRITES_A_ROUND && !rc; i++)
    rc = conn_write_once(conn);
  if (rc == GMUX_ERR_AGAIN) conn->is_output_short = true;
  if (rc == GMUX_ERR_EOF) conn->is_output_short = false;
  if (conn->out) conn_aim_output(conn);
  conn_give_output(conn);
  return rc;
}

void gmux__conn_update_interest(gmux__conn *conn) {
  gmux__transport_want(conn->transport,
                       GMUX__READABLE | (conn->is_write_blocked ? GMUX__WRITABLE : 0u));
}

/* What the kernel has found dead is as dead as what a PING has. */
static void conn_lose(gmux__conn *conn, int error, const char *why) {
  if (error != GMUX_ERR_NOMEM) conn->is_output_broken = true;
  gmux__conn_note(conn, GMUX__EVENT_IO_ERROR, -error, 0);
  if (error == GMUX_ERR_TIMEOUT && conn->state != GMUX__CONN_GREETING)
    gmux__conn_note_death(conn, why);
  gmux__conn_close(conn, error, NGHTTP2_NO_ERROR, why);
}

static void conn_fail_io(gmux__conn *conn, int error) {
  conn_lose(conn, error, error == GMUX_ERR_NOMEM ? "out of memory" : gmux_last_error());
}

static bool is_flowing(const gmux__conn *conn) {
  return conn->state == GMUX__CONN_GREETING || conn->state == GMUX__CONN_READY ||
         conn->state == GMUX__CONN_DRAINING;
}

/* ---- reading ---- */

/* A peer that does not read can make us queue frames all the same: each request that is refused has
 * its RST_STREAM, each answered and reset one leaves its HEADERS. nghttp2 bounds only ACKs. */
static bool is_flooded(const gmux__conn *conn) {
  return conn->is_write_blocked &&
         nghttp2_session_get_outbound_queue_size(conn->session) >
             FRAMES_WAITING + FRAMES_A_STREAM * (size_t)conn->h2->config.max_streams;
}

/* Most header blocks end in the read that begins them, and need no deadline. */
static void conn_time_block(gmux__conn *conn) {
  if (conn->block.id && conn->due.block_ns == GMUX__NEVER)
    conn->due.block_ns = gmux__conn_due(conn, conn->h2->config.header_block_ns);
}

static void conn_end_abuse(gmux__conn *conn, gmux__abuse_kind kind) {
  gmux__conn_close(conn, GMUX_ERR_PROTOCOL, NGHTTP2_ENHANCE_YOUR_CALM,
                   gmux__conn_note_abuse(conn, kind));
}

/* RFC 8446 section 5.1: a record of a handshake. */
static bool is_client_hello(const uint8_t *data, size_t len) {
  return len > 1 && data[0] == 0x16 && data[1] == 0x03;
}

static bool conn_feed(gmux__conn *conn, const uint8_t *data, size_t len) {
  gmux__conn_on_bytes(conn);
  int n = gmux__heads_read(conn, data, len); /* nghttp2's error, or 0 */
  gmux__session_consume(conn);
  if (!n && conn->portion.data_bytes >= GMUX__WINDOW_BULK)
    gmux__windows_came(conn, conn->portion.data_bytes);
  gmux__conn_deliver(conn);
  if (conn->state == GMUX__CONN_CLOSED) return false;
  if (is_flooded(conn)) {
    conn_end_abuse(conn, GMUX__ABUSE_UNREAD);
    return false;
  }
  conn_time_block(conn);
  gmux__conn_set_alarm(conn);
  gmux__conn_want_write(conn);
  if (!n) return true;
  if (n == NGHTTP2_ERR_FLOODED)
    conn_end_abuse(conn, GMUX__ABUSE_CHATTER);
  else if (n == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS)
    conn_end_abuse(conn, GMUX__ABUSE_HEADERS);
  else if (n == NGHTTP2_ERR_NOMEM)
    gmux__conn_close(conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
  else if (n == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
    gmux__conn_close(conn, GMUX_ERR_PROTOCOL, NGHTTP2_PROTOCOL_ERROR,
                     is_client_hello(data, len)
                         ? "the peer speaks TLS, and this port is for cleartext"
                         : "the peer does not speak HTTP/2");
  else
    gmux__conn_close(conn, GMUX_ERR_PROTOCOL, NGHTTP2_PROTOCOL_ERROR, nghttp2_strerror(n));
  return false;
}

/* What a server that expects TLS does when it gets none. */
static const char *eof_words(const gmux__conn *conn) {
  bool is_early = conn->state == GMUX__CONN_GREETING && !conn->h2->config.is_server;
  if (!is_early) return "the peer closed the connection";
  return conn->is_secure
             ? "the peer closed the connection before its SETTINGS came"
             : "the peer closed the connection before its SETTINGS came: is it a TLS port?";
}

/* From a peer that has been told all: what it says is of no use any more, until it closes. */
static bool conn_skip(gmux__conn *conn) {
  size_t room;
  uint8_t *buf = gmux__loop_read_buffer(conn->h2->loop, &room);
  for (int i = 0; i < READS_A_TURN; i++) {
    ptrdiff_t n = gmux__transport_read(conn->transport, buf, room);
    if (n == GMUX_ERR_AGAIN) return false;
    if (n >= 0) continue;
    gmux__conn_close(conn, GMUX_ERR_CLOSED, NGHTTP2_NO_ERROR, conn->why);
    return false;
  }
  return true;
}

/* True when there may be more to read. */
bool gmux__conn_read(gmux__conn *conn) {
  if (conn->has_parted) return conn_skip(conn);
  size_t most;
  uint8_t *buf = gmux__loop_read_buffer(conn->h2->loop, &most);
  gmux__share_begin(&conn->share);
  for (int i = 0; i < READS_A_TURN; i++) {
    size_t room = gmux__share_room(&conn->share, most);
    ptrdiff_t n = gmux__transport_read(conn->transport, buf, room);
    if (n == GMUX_ERR_AGAIN) return false;
    if (n == GMUX_ERR_EOF) {
      gmux__conn_note(conn, GMUX__EVENT_EOF, 0, 0);
      gmux__conn_close(conn, GMUX_ERR_EOF, NGHTTP2_NO_ERROR, eof_words(conn));
      return false;
    }
    if (n < 0) {
      conn_fail_io(conn, (int)n);
      return false;
    }
    gmux__counter_add(&conn->h2->figures.bytes_received, (uint64_t)n);
    if (!conn_feed(conn, buf, (size_t)n)) return false;
    if (!gmux__conn_may_read_on(conn, (size_t)n)) return true;
    if ((size_t)n < room) return true; /* all there was; no call to learn so */
  }
  return true;
}

/* ---- the write of a turn ---- */

/*
 * A peer that has closed may have said why before it did: a GOAWAY, the end of a call. That can
 * still be read when writing fails, and often ends in words that say more than the failed write.
 */
static void conn_fail_write(gmux__conn *conn, int error, const char *words) {
  char why[GMUX__CONN_WHY];
  snprintf(why, sizeof why, "%s", error == GMUX_ERR_NOMEM ? "out of memory" : words);
  conn->is_output_broken = true;
  bool has_more = error != GMUX_ERR_NOMEM;
  for (int i = 0; i < LAST_READS && has_more; i++)
    has_more = gmux__conn_read(conn);
  if (conn->state != GMUX__CONN_CLOSED) conn_lose(conn, error, why);
}

/* nghttp2 has found a breach of protocol and sent its GOAWAY; or the peer has sent one, and no
 * stream is left. */
static bool is_done_with_peer(const gmux__conn *conn) {
  return is_flowing(conn) && !gmux__timer_is_set(&conn->drain_timer) &&
         gmux__conn_has_no_output(conn) && !nghttp2_session_want_read(conn->session) &&
         !nghttp2_session_want_write(conn->session);
}

/* From the first attempt that failed since something was taken. */
static void conn_watch_stall(gmux__conn *conn) {
  if (conn->due.stall_ns == GMUX__NEVER)
    conn->due.stall_ns = gmux__conn_due(conn, conn->h2->config.write_stall_ns);
  gmux__conn_set_alarm(conn);
}

static const char *conn_early_words(const gmux__conn *conn) {
  return conn->early_why ? conn->early_why : gmux_strerror(conn->early_error);
}

static bool is_write_error(int rc) {
  return rc && rc != GMUX_ERR_AGAIN && rc != GMUX_ERR_EOF;
}

static void conn_write(gmux__conn *conn) {
  if (conn->early_error) {
    conn_fail_write(conn, conn->early_error, conn_early_words(conn));
    return;
  }
  int rc = gmux__conn_flush(conn);
  if (is_write_error(rc)) {
    conn_fail_write(conn, rc, gmux_last_error());
    return;
  }
  gmux__h2_mind_hoard(conn->h2);
  conn->is_write_blocked = rc == GMUX_ERR_AGAIN;
  if (conn->is_write_blocked) conn->blocked_ns = gmux__loop_now(conn->h2->loop);
  if (conn->is_write_blocked) conn_watch_stall(conn);
  if (!rc) gmux__conn_want_write(conn);
  gmux__conn_update_interest(conn);
  gmux__conn_close_if_drained(conn);
  if (!is_done_with_peer(conn)) return;
  if (conn->goaway_sent_code)
    gmux__conn_close(conn, GMUX_ERR_PROTOCOL, NGHTTP2_PROTOCOL_ERROR,
                     conn->why[0] ? conn->why : "the peer broke a rule of HTTP/2");
  else if (conn->is_last_id_fixed) /* drained; the last streams have not been told yet */
    gmux__conn_part(conn);
  else
    gmux__conn_close(conn, GMUX_ERR_EOF, NGHTTP2_NO_ERROR, "the peer ended the connection");
}

static bool may_write(const gmux__conn *conn) {
  return is_flowing(conn) && !conn->is_write_blocked && !conn->has_parted;
}

void gmux__conn_on_write_task(void *arg) {
  gmux__conn *conn = arg;
  if (may_write(conn)) conn_write(conn);
  gmux__conn_check(conn);
}

/* ---- before the end of a turn ---- */

/* The requests that wait are framed, as long as the socket takes what fills the output. As a rule
 * they are 100 KiB at most; what is more, because their metadata are large, and large messages that
 * wait behind them are for the writes of turns. */
static int conn_frame_requests(gmux__conn *conn) {
  int rc = 0;
  for (int i = 0; i < WRITES_EARLY && !rc; i++) {
    rc = conn_fill(conn);
    if (rc || !gmux__outq_is_full(conn->out)) return rc;
    rc = conn_write_output(conn);
    if (!gmux__outq_is_empty(conn->out)) return rc;
  }
  return rc;
}

/* What fails is told by the write of the turn: here may be inside a function of the application's.
 */
void gmux__conn_frame_early(gmux__conn *conn) {
  if (!may_write(conn) || conn->early_error) return;
  conn->unframed = 0; /* also where the socket takes nothing: it need not be asked by each */
  int rc = conn_frame_requests(conn);
  gmux__conn_want_write(conn);
  if (!is_write_error(rc)) return;
  conn->is_output_broken = true;
  conn->early_error = rc;
  conn->early_why = gmux__strdup(gmux_last_error());
}
