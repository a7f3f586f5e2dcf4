/*
 * windows.c: SETTINGS_INITIAL_WINDOW_SIZE that lifts a stream's window past 2^31-1. That is an
 * error of the connection (RFC 9113 section 6.9.2); nghttp2 resets the stream and goes on.
 */
#include "lib/h2/inside.h"

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
