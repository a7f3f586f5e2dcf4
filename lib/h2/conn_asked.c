/* conn_asked.c: what the owner of a connection may ask it. Nothing here changes anything. */
#include "lib/h2/inside.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

gmux__conn_state gmux__conn_get_state(const gmux__conn *conn) {
  return conn->state;
}

const char *gmux__conn_why(const gmux__conn *conn) {
  return conn->why;
}

const char *gmux__conn_why_alone(const gmux__conn *conn) {
  size_t len = strlen(conn->peer);
  bool has_peer =
      len > 0 && strncmp(conn->why, conn->peer, len) == 0 && strncmp(conn->why + len, ": ", 2) == 0;
  return has_peer ? conn->why + len + 2 : conn->why;
}

int gmux__conn_error(const gmux__conn *conn) {
  return conn->error;
}

gmux_loss gmux__conn_loss(const gmux__conn *conn) {
  return conn->has_loss ? conn->loss : GMUX_LOSS_LOCAL;
}

bool gmux__conn_has_greeted(const gmux__conn *conn) {
  return conn->session != NULL;
}

const gmux__transport_info *gmux__conn_info(const gmux__conn *conn) {
  return conn->transport ? gmux__transport_info_get(conn->transport) : NULL;
}

int gmux__conn_certificate(const gmux__conn *conn, bool is_peers, gmux_bytes *der) {
  if (!conn->transport) return GMUX_ERR_NOT_FOUND;
  return gmux__transport_certificate(conn->transport, is_peers, der);
}

const char *gmux__conn_peer(const gmux__conn *conn) {
  return conn->peer;
}

uint64_t gmux__conn_number(const gmux__conn *conn) {
  return conn->number;
}

void gmux__conn_log(const gmux__conn *conn, gmux_log_level level, const char *room,
                    const char *format, ...) {
  const gmux__logger *logger = gmux__loop_logger(conn->h2->loop);
  if (!logger->fn || level > logger->level) return;
  char text[512];
  bool has_peer = conn->peer[0] != '\0';
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  gmux__log_write(logger, level, room, "connection %" PRIu64 "%s%s%s: %s", conn->number,
                  has_peer ? " (" : "", conn->peer, has_peer ? ")" : "", text);
}

const gmux__ring *gmux__conn_ring(const gmux__conn *conn) {
  return &conn->ring;
}

/* ---- streams and slots ---- */

size_t gmux__conn_stream_count(const gmux__conn *conn) {
  return conn->streams.count;
}

/* In GREETING the slots are those of eager streams. */
uint32_t gmux__conn_free_slots(const gmux__conn *conn) {
  bool takes_streams = conn->state == GMUX__CONN_READY || conn->state == GMUX__CONN_GREETING;
  return takes_streams && !conn->doom_error ? gmux__slots_free(&conn->slots) : 0;
}

uint32_t gmux__conn_used_slots(const gmux__conn *conn) {
  return conn->slots.taken;
}

uint32_t gmux__conn_slot_limit(const gmux__conn *conn) {
  return conn->has_settings ? gmux__slots_limit(&conn->slots) : 0;
}

uint32_t gmux__conn_peer_limit(const gmux__conn *conn) {
  return conn->has_settings ? conn->slots.peer : 0;
}

/* ---- what it has carried, and may ---- */

const gmux__conn_tally *gmux__conn_get_tally(const gmux__conn *conn) {
  return &conn->tally;
}

int32_t gmux__conn_recv_window(const gmux__conn *conn) {
  return conn->session ? nghttp2_session_get_local_window_size(conn->session) : 0;
}

/* ---- the peer ---- */

bool gmux__conn_is_suspect(const gmux__conn *conn) {
  return conn->is_suspect;
}

bool gmux__conn_is_validating(const gmux__conn *conn) {
  return conn->is_validating;
}

size_t gmux__conn_queued_bytes(const gmux__conn *conn) {
  return conn->backlog.bytes + (conn->out ? conn->out->bytes : 0);
}

uint64_t gmux__conn_blocked_ns(const gmux__conn *conn) {
  return conn->is_write_blocked ? gmux__loop_now(conn->h2->loop) - conn->blocked_ns : 0;
}

bool gmux__conn_is_blocked(const gmux__conn *conn) {
  return conn->is_write_blocked;
}

uint64_t gmux__conn_read_ns(const gmux__conn *conn) {
  return conn->pulse.read_ns;
}

uint64_t gmux__conn_rtt_ns(const gmux__conn *conn) {
  return conn->pulse.rtt.smoothed_ns;
}

static uint32_t setting(const gmux__conn *conn, nghttp2_settings_id id) {
  return nghttp2_session_get_remote_settings(conn->session, id);
}

gmux__conn_settings gmux__conn_get_settings(const gmux__conn *conn) {
  return (gmux__conn_settings){
      .table_bytes = setting(conn, NGHTTP2_SETTINGS_HEADER_TABLE_SIZE),
      .max_streams = setting(conn, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS),
      .window_bytes = setting(conn, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE),
      .frame_bytes = setting(conn, NGHTTP2_SETTINGS_MAX_FRAME_SIZE),
      .header_list_bytes = setting(conn, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE),
  };
}

bool gmux__conn_goaway(const gmux__conn *conn, uint32_t *h2_code) {
  if (conn->has_goaway_code) *h2_code = conn->goaway_code;
  return conn->has_goaway_code;
}

bool gmux__conn_is_over_pinged(const gmux__conn *conn) {
  return conn->is_over_pinged;
}
