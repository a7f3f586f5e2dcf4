/*
 * windows.c: flow control that nghttp2 leaves to us.
 *
 * What we receive: windows begin as announced and become as wide as the path needs
 * (lib/policy/window.h), up to max_window_bytes. The connection's counts what comes and costs no
 * memory, since it is given back at once: it may become narrower than it began, too, where the path
 * is short, so that what is behind large messages does not wait long. A stream's counts what is
 * taken, and is what may lie here unread, so who does not take what comes is not given more. What
 * all streams of a connection have beyond their beginning is bounded by max_window_bytes, and that
 * of all connections by four times as much.
 *
 * What was given cannot be taken back (RFC 9113 section 6.9.3). A window that becomes narrower is
 * not given back to until the peer has used up the difference; so it counts as wide as it ever was
 * until its stream has ended. What a stream has needed lately later ones get as soon as they have
 * taken a quarter of a window in a round.
 *
 * All this happens when something comes, and only when it is much: small calls cost nothing, and
 * there is no timer.
 *
 * What we send: SETTINGS_INITIAL_WINDOW_SIZE that lifts a stream's window past 2^31-1 is an error
 * of the connection (RFC 9113 section 6.9.2); nghttp2 resets the stream and goes on.
 */
#include "lib/h2/inside.h"
#include "lib/policy/number.h"
#include <assert.h>

enum {
  STREAM_WINDOW = 262144, /* where they begin */
  CONNECTION_WINDOW = 4194304,
  OF_ALL = 4 /* times max_window_bytes: what streams of all connections may have more */
};

void gmux__h2_config_windows(gmux__h2_config *config, uint32_t stream_bytes,
                             uint32_t connection_bytes, uint32_t max_bytes) {
  config->is_stream_window_fixed = stream_bytes != 0;
  config->is_connection_window_fixed = connection_bytes != 0;
  config->stream_window_bytes = stream_bytes ? stream_bytes : STREAM_WINDOW;
  config->connection_window_bytes = connection_bytes ? connection_bytes : CONNECTION_WINDOW;
  config->max_window_bytes = max_bytes;
}

/* ---- what we receive ---- */

/* `first`: where a window begins; a low max_window_bytes makes none smaller. */
static gmux__window_config bounds(const gmux__conn *conn, uint32_t first) {
  uint32_t most = conn->h2->config.max_window_bytes;
  return (gmux__window_config){.first = first, .most = most > first ? most : first};
}

static bool window_came(const gmux__conn *conn, gmux__window *w, uint32_t first, size_t bytes) {
  const gmux__window_config config = bounds(conn, first);
  return gmux__window_came(w, &config, bytes, gmux__loop_now(conn->h2->loop),
                           conn->pulse.rtt.least_ns);
}

/* `id` 0: the connection's. Its errors but for memory cannot be: no size is above 2^31-1. */
static void conn_set_window(gmux__conn *conn, int32_t id, uint32_t size) {
  if (nghttp2_session_set_local_window_size(conn->session, NGHTTP2_FLAG_NONE, id, (int32_t)size))
    gmux__conn_doom(conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
  gmux__conn_want_write(conn);
}

/* nghttp2 gives back what was consumed with half of a window; here, if that is too late. It keeps
 * account of this, too. */
static void conn_give_back(gmux__conn *conn, const gmux__window *w, int32_t id, int64_t bytes) {
  if (bytes <= 0 || bytes < gmux__window_step(w, conn->pulse.rtt.least_ns)) return;
  if (nghttp2_submit_window_update(conn->session, NGHTTP2_FLAG_NONE, id, (int32_t)bytes))
    gmux__conn_doom(conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
}

/* Of a connection all that came is consumed. */
static void conn_set_own(gmux__conn *conn, uint32_t was) {
  const gmux__window *w = &conn->windows.own;
  if (w->size != was) conn_set_window(conn, 0, w->size);
  conn_give_back(conn, w, 0, nghttp2_session_get_effective_recv_data_length(conn->session));
}

void gmux__windows_came(gmux__conn *conn, size_t bytes) {
  const gmux__h2_config *config = &conn->h2->config;
  gmux__window *w = &conn->windows.own;
  if (!config->max_window_bytes) return;
  uint32_t was = w->bytes ? w->size : config->connection_window_bytes;
  if (window_came(conn, w, config->connection_window_bytes, bytes)) conn->windows.learned = 0;
  if (!config->is_connection_window_fixed) conn_set_own(conn, was);
}

/* How much wider than ever before streams of this connection may become. */
static uint64_t room_for_more(const gmux__conn *conn) {
  uint64_t most = conn->h2->config.max_window_bytes;
  return gmux__number_min(gmux__number_subtract(most, conn->windows.widened),
                          gmux__number_subtract(OF_ALL * most, conn->h2->widened));
}

/* Of `wanted`, what there is room for. */
static uint32_t stream_widen(gmux__stream *stream, uint32_t wanted) {
  gmux__conn *conn = stream->conn;
  gmux__intake *in = stream->in;
  uint32_t first = conn->h2->config.stream_window_bytes, widened = wanted - first;
  if (widened <= in->widened) return wanted;
  uint32_t more = (uint32_t)gmux__number_min(widened - in->widened, room_for_more(conn));
  in->widened += more;
  conn->windows.widened += more;
  conn->h2->widened += more;
  return first + in->widened;
}

/* It took a good part of a window in one round. */
static bool is_bulk(const gmux__window *w, uint32_t first) {
  return w->bytes >= first / 4;
}

/* What came of it and is not taken yet. */
static size_t stream_unread(const gmux__stream *stream) {
  size_t sum = gmux__buf_len(&stream->in->pending);
  for (unsigned i = 0; i < stream->in->piece_count; i++)
    sum += stream->in->pieces[i].len;
  return sum;
}

static void stream_give_back(gmux__stream *stream, size_t unread) {
  nghttp2_session *session = stream->conn->session;
  int32_t held = nghttp2_session_get_stream_effective_recv_data_length(session, stream->id);
  conn_give_back(stream->conn, &stream->in->window, stream->id, (int64_t)held - (int64_t)unread);
}

/* When our SETTINGS are acknowledged nghttp2 lifts the windows of all streams by what they said:
 * one that was widened before would be that much wider than what is counted of it. */
static bool is_beginning_agreed(const gmux__conn *conn) {
  return nghttp2_session_get_local_settings(conn->session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE) ==
         conn->h2->config.stream_window_bytes;
}

void gmux__windows_taken(gmux__stream *stream, size_t bytes) {
  gmux__conn *conn = stream->conn;
  const gmux__h2_config *config = &conn->h2->config;
  gmux__window *w = &stream->in->window;
  uint32_t taken = stream->in->taken;
  stream->in->taken = 0;
  if (!config->max_window_bytes || config->is_stream_window_fixed) return;
  if (!is_beginning_agreed(conn)) return;
  uint32_t first = config->stream_window_bytes, was = w->bytes ? w->size : first;
  window_came(conn, w, first, taken);
  if (w->size < conn->windows.learned && is_bulk(w, first)) w->size = conn->windows.learned;
  if (w->size > was) w->size = stream_widen(stream, w->size);
  if (w->size != was) {
    conn->windows.learned = w->size;
    conn_set_window(conn, stream->id, w->size);
  }
  stream_give_back(stream, stream_unread(stream) - bytes);
}

void gmux__windows_leave(gmux__stream *stream) {
  stream->conn->windows.widened -= stream->in->widened;
  stream->h2->widened -= stream->in->widened;
  stream->in->widened = 0;
}

#ifdef GMUX_DEBUG
void gmux__windows_check(const gmux__conn *conn) {
  uint64_t sum = 0;
  for (gmux__link *l = conn->streams.first; l; l = l->next)
    sum += gmux__container(l, gmux__stream, link)->in->widened;
  assert(conn->windows.widened == sum && conn->h2->widened >= sum);
  assert(sum <= conn->h2->config.max_window_bytes);
}
#endif

/* ---- what we send ---- */

void gmux__windows_before_settings(gmux__conn *conn) {
  conn->windows.widest = 0;
  for (gmux__link *l = conn->streams.first; l; l = l->next) {
    const gmux__stream *stream = gmux__container(l, gmux__stream, link);
    int32_t window = nghttp2_session_get_stream_remote_window_size(conn->session, stream->id);
    if (window > conn->windows.widest) conn->windows.widest = window;
  }
}

int gmux__windows_after_settings(gmux__conn *conn, uint32_t initial) {
  int64_t lifted = (int64_t)conn->windows.widest + initial - conn->windows.initial;
  conn->windows.initial = initial;
  if (lifted <= INT32_MAX) return 0;
  gmux__conn_doom(conn, GMUX_ERR_PROTOCOL, NGHTTP2_FLOW_CONTROL_ERROR,
                  "the peer's SETTINGS lift a window past 2^31-1 (SETTINGS_INITIAL_WINDOW_SIZE)");
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}
