/*
 * lane.c: streams that have much to send take turns, so that small messages need not wait for them.
 *
 * nghttp2 sends the DATA of streams in the order of the bytes that they have sent; of equals, as
 * many large messages are, the one that asked first. A new stream stands behind all its equals, and
 * a call of a few bytes would wait for a frame of each of them. So at most one stream with more
 * than GMUX__LANE_SMALL bytes to send is awake in nghttp2 at a time: it has the TURN. The others
 * are deferred there and wait in `waiting`, and the next is called when nghttp2 has nothing else
 * that it may send: when the turn is used up (LANE_TURN), the stream's end or its window has come,
 * or nothing is left of it. Where small messages never end, because the socket or the connection's
 * window takes fewer than are written, there is always something else: so the next is also called
 * when the output was filled LANE_PATIENCE times and nobody could use the turn.
 *
 * What is small is never held up here, the last bytes of a large message included: it waits for one
 * frame of the lane at most, beside what is gathered already.
 */
#include "lib/h2/inside.h"

enum {
  LANE_TURN = 64 * 1024, /* usual messages at one go, and four frames for one wait */
  LANE_PATIENCE = 4      /* fills of the output, each of 40 KiB and a frame at most */
};

static bool lane_take_turn(gmux__h2_lane *lane, int32_t id) {
  bool is_alone = !gmux__hooks_first(&lane->waiting);
  if (lane->turn == id) return lane->left > 0 || is_alone;
  if (lane->turn || !is_alone) return false;
  lane->turn = id;
  lane->left = LANE_TURN;
  return true;
}

/* What is small is the first when it comes. */
void gmux__lane_wait(gmux__stream *stream) {
  gmux__h2_lane *lane = &stream->conn->lane;
  bool is_small = stream->send.queued_bytes <= GMUX__LANE_SMALL;
  gmux__lane_end_turn(lane, stream->id);
  gmux__hooks_append(is_small ? &lane->short_of_window : &lane->waiting, &stream->lane_hook);
}

bool gmux__lane_may_send(gmux__stream *stream, size_t room) {
  gmux__h2_lane *lane = &stream->conn->lane;
  if (!lane_take_turn(lane, stream->id)) {
    gmux__lane_wait(stream);
    return false;
  }
  lane->left -= lane->left < room ? lane->left : room;
  if (stream->send.queued_bytes <= room + GMUX__LANE_SMALL) gmux__lane_end_turn(lane, stream->id);
  return true;
}

/* Who has the turn is asked sooner or later, unless its window is used up, or nghttp2 has closed
 * it. */
static bool lane_is_taken(const gmux__conn *conn) {
  int32_t turn = conn->lane.turn;
  return turn && nghttp2_session_get_stream_remote_window_size(conn->session, turn) > 0;
}

/* One that nghttp2 has closed meanwhile is refused, and the next is called. */
static void lane_resume(gmux__conn *conn, const gmux__stream *stream) {
  if (nghttp2_session_resume_data(conn->session, stream->id) == NGHTTP2_ERR_NOMEM)
    gmux__conn_doom(conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
}

static void lane_give_turn(gmux__conn *conn) {
  gmux__h2_lane *lane = &conn->lane;
  gmux__hook *hook = gmux__hooks_shift(&lane->waiting);
  const gmux__stream *stream = gmux__container(hook, gmux__stream, lane_hook);
  lane->turn = stream->id;
  lane->left = LANE_TURN;
  lane->fills = 0;
  lane_resume(conn, stream);
}

/* Without a window nghttp2 asks nobody, and who had the turn has it still. */
static bool lane_has_window(const gmux__conn *conn) {
  return gmux__conn_send_window(conn) > 0;
}

void gmux__lane_fill(gmux__conn *conn) {
  if (!gmux__hooks_first(&conn->lane.waiting) || lane_is_taken(conn)) {
    conn->lane.fills = 0;
    return;
  }
  if (lane_has_window(conn) && ++conn->lane.fills > LANE_PATIENCE) lane_give_turn(conn);
}

bool gmux__lane_call(gmux__conn *conn) {
  if (!lane_has_window(conn)) return false;
  gmux__hook *hook = gmux__hooks_shift(&conn->lane.short_of_window);
  if (hook)
    lane_resume(conn, gmux__container(hook, gmux__stream, lane_hook));
  else
    lane_give_turn(conn);
  return true;
}
