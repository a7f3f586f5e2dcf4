/*
 * resets.c: seats, and RST_STREAM at a pace that peers bear (promise 18).
 *
 * A SEAT is what nghttp2 knows a stream by, from its first HEADERS until nghttp2 has closed it: one
 * slot of the connection, taken. Its stream may leave it at any time; what comes for an empty seat
 * is given back to the connection's window and forgotten.
 *
 *     TAKEN     in conn->seats
 *       | gmux__stream_send_reset, no token or no room in the socket
 *     DELAYED   in conn->delayed, first in first out: its RST_STREAM waits, its slot is not free
 *       | a token (reset_timer), room (gmux__resets_resume)
 *     RESET     in conn->seats again: its RST_STREAM is nghttp2's, and closes it; a client's slot
 *               lingers (conn->lingering, no seat any more) until the peer shows life (promise 1)
 *
 * From each of them nghttp2 may close the stream, because both sides or the peer have ended it; a
 * RST_STREAM that still waited then is never sent. The seat is FREE (gmux__seat_free), and gone.
 *
 * A seat is made with its stream, from a slab, so that a reset needs no memory of ours. What
 * nghttp2 resets by itself, and what is refused, cannot wait, but is counted in the bucket, which
 * may owe it.
 */
#include "lib/h2/inside.h"
#include <assert.h>

/* ---- seats ---- */

static const char *const seat_states[] = {"TAKEN", "DELAYED", "RESET", "FREE"};
static const uint16_t seat_edges[] = {
    [GMUX__SEAT_TAKEN] =
        GMUX__TO(GMUX__SEAT_DELAYED) | GMUX__TO(GMUX__SEAT_RESET) | GMUX__TO(GMUX__SEAT_FREE),
    [GMUX__SEAT_DELAYED] = GMUX__TO(GMUX__SEAT_RESET) | GMUX__TO(GMUX__SEAT_FREE),
    [GMUX__SEAT_RESET] = GMUX__TO(GMUX__SEAT_FREE),
    [GMUX__SEAT_FREE] = 0,
};
const gmux__machine gmux__seat_machine = {"seat", GMUX__SEAT_FREE + 1, seat_states, seat_edges};

static void seat_set_state(gmux__seat *seat, gmux__seat_state state) {
  gmux__machine_step(&gmux__seat_machine, seat->state, state);
  seat->state = (uint8_t)state;
}

static void seats_check(const gmux__conn *conn) {
  size_t seats = conn->seats.count + conn->delayed.count + conn->lingering;
  assert(conn->h2->config.is_server ? seats <= conn->open_streams : seats == conn->slots.taken);
  (void)seats;
}

gmux__seat *gmux__seat_new(gmux__h2 *h2) {
  return gmux__slab_get(&h2->seats);
}

void gmux__seat_drop(gmux__h2 *h2, gmux__seat *seat) {
  if (!seat) return;
  gmux__draft_free(h2, seat->draft);
  gmux__slab_put(&h2->seats, seat);
}

void gmux__seat_take(gmux__seat *seat, gmux__stream *stream, gmux__conn *conn, int32_t id) {
  seat->stream = stream;
  seat->id = id;
  stream->seat = seat;
  gmux__list_append(&conn->seats, &seat->link);
  seats_check(conn);
}

void gmux__seat_leave(gmux__stream *stream) {
  if (!stream->seat) return;
  if (stream->conn->block.seat == stream->seat) stream->conn->block.head = NULL;
  stream->seat->stream = NULL;
  stream->seat = NULL;
}

static void count_waiting(gmux__conn *conn, int64_t by) {
  gmux__counter_add(&conn->h2->figures.resets_waiting, (uint64_t)by);
}

/* ---- slots of streams that we have reset ---- */

/* RST_STREAM has no acknowledgement. A silent peer may still be at work on the stream, or be gone;
 * so it counts against the limit until any byte comes. */
static void conn_linger(gmux__conn *conn) {
  conn->lingering++;
  gmux__conn_want_deliver(conn);
}

void gmux__resets_on_bytes(gmux__conn *conn) {
  if (conn->lingering == 0) return;
  for (; conn->lingering > 0; conn->lingering--)
    gmux__slots_give(&conn->slots);
  conn->has_slots_event = true;
  gmux__conn_want_deliver(conn);
}

void gmux__resets_ask_for_life(gmux__conn *conn) {
  if (conn->lingering == 0 || conn->state != GMUX__CONN_READY || conn->is_suspect) return;
  if (gmux__slots_free(&conn->slots) > 0 || gmux__conn_validate(conn)) return;
  gmux__resets_on_bytes(conn); /* a PING might be held against us */
}

static void seat_give_slot(gmux__conn *conn, const gmux__seat *seat) {
  if (seat->is_unheard)
    conn_linger(conn);
  else
    gmux__slots_give(&conn->slots);
}

void gmux__seat_free(gmux__conn *conn, gmux__seat *seat) {
  if (!seat) return; /* refused: it never had one */
  seats_check(conn);
  if (seat->stream) gmux__seat_leave(seat->stream);
  if (conn->block.seat == seat) {
    conn->block.seat = NULL;
    conn->block.head = NULL;
  }
  if (conn->recent == seat) conn->recent = NULL;
  gmux__ride_unplan(conn, seat);
  gmux__ride_note_data(conn, seat, false);
  if (seat->link.list == &conn->delayed) count_waiting(conn, -1);
  seat_set_state(seat, GMUX__SEAT_FREE);
  gmux__list_remove(&seat->link);
  if (!conn->h2->config.is_server) seat_give_slot(conn, seat);
  gmux__seat_drop(conn->h2, seat);
}

void gmux__seats_deinit(gmux__conn *conn) {
  assert(gmux__list_is_empty(&conn->delayed));
  gmux__link *link;
  while ((link = gmux__list_shift(&conn->seats)))
    gmux__seat_drop(conn->h2, gmux__container(link, gmux__seat, link));
}

/* ---- the pace ---- */

static bool is_paced(const gmux__h2_config *config) {
  return config->reset_burst && config->reset_rate_per_s;
}

/* What is submitted while the socket takes nothing would leave in one burst when it does again. */
static bool conn_may_reset(gmux__conn *conn) {
  if (conn->is_write_blocked) return false;
  return !is_paced(&conn->h2->config) ||
         gmux__bucket_take(&conn->resets, gmux__loop_now(conn->h2->loop));
}

static void conn_reset_now(gmux__conn *conn, gmux__seat *seat) {
  seat_set_state(seat, GMUX__SEAT_RESET);
  seat->is_paid = true;
  gmux__session_reset_stream(conn, seat->id, seat->reset_code);
}

static void seat_delay(gmux__conn *conn, gmux__seat *seat) {
  seat_set_state(seat, GMUX__SEAT_DELAYED);
  gmux__list_remove(&seat->link);
  gmux__list_append(&conn->delayed, &seat->link);
  gmux__counter_add(&conn->h2->figures.resets_delayed, 1);
  count_waiting(conn, 1);
}

static gmux__seat *conn_undelay_first(gmux__conn *conn) {
  gmux__link *link = gmux__list_shift(&conn->delayed);
  gmux__list_append(&conn->seats, link);
  count_waiting(conn, -1);
  return gmux__container(link, gmux__seat, link);
}

/* The one place that sets the timer. */
static void conn_update_timer(gmux__conn *conn) {
  uint64_t at_ns = GMUX__NEVER;
  if (!gmux__list_is_empty(&conn->delayed) && !conn->is_write_blocked)
    at_ns = gmux__bucket_next_ns(&conn->resets, gmux__loop_now(conn->h2->loop));
  gmux__timer_set(conn->h2->loop, &conn->reset_timer, at_ns);
}

void gmux__resets_resume(gmux__conn *conn) {
  while (!gmux__list_is_empty(&conn->delayed) && conn_may_reset(conn))
    conn_reset_now(conn, conn_undelay_first(conn));
  conn_update_timer(conn);
}

static void on_reset_timer(void *arg) {
  gmux__resets_resume(arg);
}

void gmux__resets_init(gmux__conn *conn) {
  const gmux__h2_config *config = &conn->h2->config;
  gmux__timer_init(&conn->reset_timer, on_reset_timer, conn);
  if (is_paced(config))
    gmux__bucket_init(&conn->resets, config->reset_burst, config->reset_rate_per_s);
}

void gmux__resets_flush(gmux__conn *conn) {
  while (!gmux__list_is_empty(&conn->delayed))
    conn_reset_now(conn, conn_undelay_first(conn));
  conn_update_timer(conn);
}

void gmux__resets_stop(gmux__conn *conn) {
  while (!gmux__list_is_empty(&conn->delayed))
    (void)conn_undelay_first(conn);
  gmux__timer_clear(conn->h2->loop, &conn->reset_timer);
}

void gmux__stream_send_reset(gmux__stream *stream, uint32_t h2_code) {
  gmux__conn *conn = stream->conn;
  gmux__seat *seat = stream->seat;
  if (!seat || seat->state != GMUX__SEAT_TAKEN || conn->state == GMUX__CONN_CLOSED) return;
  seat->reset_code = h2_code;
  bool has_left = conn->h2->config.is_server || stream->send.has_left;
  if (!has_left) { /* nghttp2 takes its HEADERS back, when their turn comes: nothing leaves */
    gmux__ride_unplan(conn, seat);
    seat_set_state(seat, GMUX__SEAT_RESET);
    gmux__session_reset_stream(conn, seat->id, h2_code);
    return;
  }
  if (gmux__list_is_empty(&conn->delayed) && conn_may_reset(conn)) {
    conn_reset_now(conn, seat);
    return;
  }
  seat_delay(conn, seat);
  conn_update_timer(conn);
}

void gmux__resets_on_sent(gmux__conn *conn, gmux__seat *seat) {
  gmux__counter_add(&conn->h2->figures.resets_sent, 1);
  if (seat) seat->is_unheard = !nghttp2_session_get_stream_remote_close(conn->session, seat->id);
  if (seat && seat->is_paid) return;
  if (seat && seat->state != GMUX__SEAT_RESET) gmux__conn_on_breach(conn);
  if (is_paced(&conn->h2->config))
    gmux__bucket_force(&conn->resets, gmux__loop_now(conn->h2->loop));
}
