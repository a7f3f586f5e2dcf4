/*
 * conn.c: the life of a connection. Its bytes are in conn_io.c, its PINGs
 * and deadlines in conn_pulse.c, its GOAWAYs in conn_drain.c.
 *
 *     DIALING    no transport. conn_new
 *       | gmux__conn_start
 *     SECURING   TLS shakes hands; the transport minds its own readiness. conn_secure
 *       | conn_greet
 *     GREETING   our SETTINGS leave; the peer's have not come, so nothing but eager streams may be
 *                opened yet
 *       | on_settings (session.c)
 *     READY      streams come and go
 *       | gmux__conn_on_goaway, gmux__conn_drain (conn_drain.c)
 *     DRAINING   no new streams; gmux__conn_close_if_drained ends it with the last one, a server's
 *                when the client has closed, too (gmux__conn_part)
 *       |
 *     CLOSED     from any state by gmux__conn_close: no transport, every stream has its ending, and
 *                on_closed is due
 *
 * A turn: on_ready reads and feeds nghttp2, whose callbacks (session.c) take notes; what they noted
 * is delivered before the read buffer is used again, so that messages can be handed out where they
 * lie; what there is to write is gathered and written by write_task at the end of the turn.
 */
#include "lib/base/text.h"
#include "lib/h2/inside.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const conn_states[] = {"DIALING", "SECURING", "GREETING",
                                          "READY",   "DRAINING", "CLOSED"};
static const uint16_t conn_edges[] = {
    [GMUX__CONN_DIALING] = GMUX__TO(GMUX__CONN_SECURING),
    [GMUX__CONN_SECURING] = GMUX__TO(GMUX__CONN_GREETING) | GMUX__TO(GMUX__CONN_CLOSED),
    [GMUX__CONN_GREETING] = GMUX__TO(GMUX__CONN_READY) | GMUX__TO(GMUX__CONN_CLOSED),
    [GMUX__CONN_READY] = GMUX__TO(GMUX__CONN_DRAINING) | GMUX__TO(GMUX__CONN_CLOSED),
    [GMUX__CONN_DRAINING] = GMUX__TO(GMUX__CONN_CLOSED),
    [GMUX__CONN_CLOSED] = 0,
};
const gmux__machine gmux__conn_machine = {"connection", GMUX__CONN_CLOSED + 1, conn_states,
                                          conn_edges};

const char *gmux__conn_state_str(gmux__conn_state state) {
  return gmux__machine_str(&gmux__conn_machine, state);
}

/* ---- state ---- */

void gmux__conn_set_loss(gmux__conn *conn, gmux_loss loss) {
  if (conn->has_loss) return;
  conn->has_loss = true;
  conn->loss = loss;
}

void gmux__conn_set_state(gmux__conn *conn, gmux__conn_state state) {
  gmux__machine_step(&gmux__conn_machine, conn->state, state);
  const char *why = gmux__conn_why_alone(conn);
  gmux__conn_log(conn, GMUX_LOG_DEBUG, "h2", "%s -> %s%s%s", gmux__conn_state_str(conn->state),
                 gmux__conn_state_str(state), why[0] ? ": " : "", why);
  conn->state = state;
  gmux__conn_note(conn, GMUX__EVENT_STATE, state, 0);
  if (state == GMUX__CONN_DRAINING)
    conn->due.drain_ns = gmux__conn_due(conn, conn->h2->config.drain_ns);
}

void gmux__conn_note(gmux__conn *conn, gmux__event_kind kind, int64_t a, int64_t b) {
  gmux__ring_add(&conn->ring, gmux__loop_now(conn->h2->loop), kind, a, b);
}

void gmux__conn_want_write(gmux__conn *conn) {
  if (conn->state == GMUX__CONN_CLOSED || conn->is_write_blocked || conn->has_parted) return;
  gmux__loop_defer(conn->h2->loop, GMUX__PHASE_WRITE, &conn->write_task);
}

void gmux__conn_want_deliver(gmux__conn *conn) {
  gmux__loop_defer(conn->h2->loop, GMUX__PHASE_DONE, &conn->deliver_task);
}

void gmux__conn_doom(gmux__conn *conn, int error, uint32_t h2_code, const char *why) {
  if (conn->doom_error || conn->state == GMUX__CONN_CLOSED) return;
  conn->doom_error = error;
  conn->doom_code = h2_code;
  snprintf(conn->why, sizeof conn->why, "%s: %s", conn->peer, why);
  gmux__conn_want_deliver(conn);
}

/* ---- requests that wait for room in the socket ---- */

static bool has_not_left(const gmux__stream *stream) {
  return !stream->send.has_left && stream->end.how == GMUX__ENDING_NONE;
}

/* nghttp2 drops what it has of them when their turn comes, for it sends no request after GOAWAY. */
void gmux__conn_take_back_all(gmux__conn *conn) {
  for (gmux__link *l = conn->streams.first; l; l = l->next) {
    gmux__stream *stream = gmux__container(l, gmux__stream, link);
    if (has_not_left(stream))
      gmux__stream_set_end(stream, GMUX__ENDING_LOST, GMUX_ERR_CLOSED, conn->why);
  }
}

/* The newest first. */
void gmux__conn_heed_lower_limit(gmux__conn *conn) {
  uint32_t limit = gmux__slots_limit(&conn->slots), taken = conn->slots.taken;
  for (gmux__link *l = conn->streams.last; l && taken > limit; l = l->prev) {
    gmux__stream *stream = gmux__container(l, gmux__stream, link);
    if (!has_not_left(stream)) continue;
    gmux__stream_send_reset(stream, NGHTTP2_CANCEL);
    gmux__stream_set_end(stream, GMUX__ENDING_LOST, GMUX_ERR_CLOSED,
                         "the server has lowered its limit of streams");
    taken--;
  }
}

/* ---- delivery: outside nghttp2 ---- */

static bool take(bool *event) {
  bool was = *event;
  *event = false;
  return was;
}

static void conn_deliver_streams(gmux__conn *conn) {
  gmux__hook *hook;
  while ((hook = gmux__hooks_shift(&conn->events)))
    gmux__stream_deliver(gmux__container(hook, gmux__stream, event_hook));
}

static bool is_drained(const gmux__conn *conn) {
  return conn->state == GMUX__CONN_DRAINING && gmux__list_is_empty(&conn->streams) &&
         !gmux__timer_is_set(&conn->drain_timer) && gmux__conn_has_no_output(conn) &&
         !nghttp2_session_want_write(conn->session);
}

/* What is left of streams keeps no drain waiting. A client's server learns from the end of the
 * connection; a client may still want to hear how its call ended, and of those there are no more
 * than max_streams. */
static void conn_release_resets(gmux__conn *conn) {
  if (conn->state == GMUX__CONN_DRAINING && conn->h2->config.is_server &&
      gmux__list_is_empty(&conn->streams))
    gmux__resets_flush(conn);
}

void gmux__conn_close_if_drained(gmux__conn *conn) {
  conn_release_resets(conn);
  if (is_drained(conn)) gmux__conn_part(conn);
}

static void conn_act_on_doom(gmux__conn *conn) {
  if (conn->doom_error && conn->state != GMUX__CONN_CLOSED)
    gmux__conn_close(conn, conn->doom_error, conn->doom_code, conn->why);
}

/* A stream whose whole answer is here but not yet taken outlives the transport, and the end waits
 * for it. */
static bool is_end_due(const gmux__conn *conn) {
  return conn->has_closed_event && gmux__list_is_empty(&conn->streams);
}

/* The owner is to look for another connection. Once. */
static void conn_tell_draining(gmux__conn *conn) {
  if (conn->is_draining_told || !conn->handlers->on_draining) return;
  conn->is_draining_told = true;
  conn->handlers->on_draining(conn, conn->owner);
}

/* A handler may close the connection, and then the others have nothing to say. */
static void conn_deliver_changes(gmux__conn *conn) {
  const gmux__conn_handlers *h = conn->handlers;
  if (take(&conn->has_trust_event) && h->on_trust && conn->state != GMUX__CONN_CLOSED)
    h->on_trust(conn, conn->owner);
  if (take(&conn->has_worn_event) && h->on_worn && conn->state == GMUX__CONN_READY)
    h->on_worn(conn, conn->owner);
  bool takes_streams = conn->state == GMUX__CONN_READY || conn->state == GMUX__CONN_GREETING;
  if (take(&conn->has_slots_event) && h->on_slots && takes_streams) h->on_slots(conn, conn->owner);
  if (conn->state == GMUX__CONN_GREETING) gmux__conn_want_write(conn); /* see conn_offer_eager */
}

void gmux__conn_deliver(gmux__conn *conn) {
  conn_act_on_doom(conn);
  if (take(&conn->has_greeting_event) && conn->state != GMUX__CONN_CLOSED)
    conn->handlers->on_greeting(conn, conn->owner);
  if (take(&conn->has_ready_event) && conn->handlers->on_ready && conn->state != GMUX__CONN_CLOSED)
    conn->handlers->on_ready(conn, conn->owner);
  if (take(&conn->has_draining_event) && conn->state != GMUX__CONN_CLOSED) conn_tell_draining(conn);
  conn_deliver_streams(conn);
  gmux__resets_ask_for_life(conn);
  conn_deliver_changes(conn);
  gmux__conn_close_if_drained(conn);
  conn_deliver_streams(conn); /* those that a handler above, or the end, brought */
  if (!is_end_due(conn)) {
    if (conn->has_closed_event) conn_tell_draining(conn); /* the end may be long in coming */
    return;
  }
  conn->has_closed_event = false;
  conn->handlers->on_closed(conn, conn->owner);
}

static void on_deliver_task(void *arg) {
  gmux__conn_deliver(arg);
}

/* ---- beginning ---- */

/* A few streams may leave behind our preface, and in one write with it: it waits until they were
 * offered. What the peer's SETTINGS allow is known later, and may be less. */
static void conn_offer_eager(gmux__conn *conn) {
  gmux__slots_set_peer(&conn->slots, conn->h2->config.eager_streams);
  conn->has_slots_event = true;
  gmux__conn_want_deliver(conn);
}

static void conn_greet(gmux__conn *conn) {
  const gmux__transport_info *info = gmux__transport_info_get(conn->transport);
  gmux__address_str(&info->peer, conn->peer);
  conn->is_secure = info->is_secure;
  bool was_told = info->foreword_ns != 0; /* our SETTINGS, in the handshake */
  if (gmux__session_new(conn) || (was_told && gmux__session_skip_foreword(conn))) {
    gmux__conn_close(conn, GMUX_ERR_NOMEM, NGHTTP2_NO_ERROR, "out of memory");
    return;
  }
  gmux__conn_set_state(conn, GMUX__CONN_GREETING);
  conn->settings_sent_ns = was_told ? info->foreword_ns : gmux__loop_now(conn->h2->loop);
  conn->due.settings_ns = gmux__conn_due(conn, conn->h2->config.settings_ack_ns);
  gmux__conn_set_alarm(conn);
  gmux__conn_update_interest(conn);
  if (!conn->h2->config.is_server && conn->h2->config.eager_streams)
    conn_offer_eager(conn);
  else
    gmux__conn_want_write(conn);
  conn->has_greeting_event = conn->handlers->on_greeting != NULL;
  if (conn->has_greeting_event) gmux__conn_want_deliver(conn);
}

static void conn_secure(gmux__conn *conn) {
  int rc = gmux__transport_handshake(conn->transport);
  if (rc == GMUX_ERR_AGAIN) return;
  if (rc)
    gmux__conn_close(conn, rc, NGHTTP2_NO_ERROR, gmux_last_error());
  else
    conn_greet(conn);
}

static void on_ready(void *owner, unsigned events) {
  gmux__conn *conn = owner;
  if (conn->state == GMUX__CONN_SECURING) {
    conn_secure(conn);
    return;
  }
  if (events & GMUX__WRITABLE && conn->is_write_blocked) {
    conn->is_write_blocked = false;
    conn->unblocked_ns = gmux__loop_now(conn->h2->loop);
    gmux__resets_resume(conn);
    gmux__conn_want_write(conn);
  }
  if (events & GMUX__READABLE) gmux__conn_read(conn);
}

void gmux__conn_start(gmux__conn *conn, gmux__transport *transport) {
  assert(conn->state == GMUX__CONN_DIALING);
  conn->transport = transport;
  transport->owner = conn;
  transport->on_ready = on_ready;
  gmux__address_str(&gmux__transport_info_get(transport)->peer, conn->peer);
  gmux__conn_pulse_start(conn);
  gmux__lease_begin(conn);
  gmux__conn_set_state(conn, GMUX__CONN_SECURING);
  if (conn->h2->foreword_len)
    gmux__transport_set_foreword(transport, conn->h2->foreword, conn->h2->foreword_len);
  conn_secure(conn);
}

/* ---- the end ---- */

/* Tells the peer, as far as that can be done without waiting. */
static void conn_say_goodbye(gmux__conn *conn, uint32_t h2_code) {
  if (conn->has_parted) return; /* it was */
  if (conn->session && conn->error != GMUX_ERR_IO && conn->error != GMUX_ERR_TLS &&
      !conn->is_write_blocked && !conn->is_output_broken) {
    int32_t last = nghttp2_session_get_last_proc_stream_id(conn->session);
    const char *text = h2_code == NGHTTP2_NO_ERROR ? "" : conn->why;
    if (conn->farewell) text = conn->farewell;
    bool is_queued = !nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE, last, h2_code,
                                            (const uint8_t *)text, strlen(text));
    conn->transport->is_corked = true; /* the end follows */
    if (is_queued) (void)gmux__conn_flush(conn);
  }
  gmux__transport_shutdown(conn->transport);
}

static void conn_end_streams(gmux__conn *conn) {
  for (gmux__link *l = conn->streams.first; l; l = l->next) {
    gmux__stream *stream = gmux__container(l, gmux__stream, link);
    gmux__stream_set_end(stream, GMUX__ENDING_LOST, conn->error, conn->why);
    gmux__stream_want_deliver(stream);
  }
}

/* After a GOAWAY the loss of the connection is no news: the GOAWAY's words say more. */
static bool keeps_its_words(const gmux__conn *conn, const char *why) {
  return why == conn->why || conn->has_goaway;
}

static gmux_loss loss_of(int error) {
  switch (error) {
  case GMUX_ERR_EOF:
    return GMUX_LOSS_EOF;
  case GMUX_ERR_IO:
    return GMUX_LOSS_RESET;
  case GMUX_ERR_TLS:
    return GMUX_LOSS_TLS;
  case GMUX_ERR_TIMEOUT:
    return GMUX_LOSS_TIMEOUT;
  case GMUX_ERR_PROTOCOL:
    return GMUX_LOSS_PROTOCOL;
  default:
    return GMUX_LOSS_LOCAL;
  }
}

void gmux__conn_close(gmux__conn *conn, int error, uint32_t h2_code, const char *why) {
  if (conn->state == GMUX__CONN_CLOSED) return;
  conn->error = error;
  gmux__conn_set_loss(conn, loss_of(error));
  if (!keeps_its_words(conn, why)) {
    char words[GMUX__CONN_WHY]; /* `why` may stand in conn->why */
    gmux__text text;
    gmux__text_begin(&text, words, sizeof words);
    gmux__text_add(&text, conn->peer);
    if (conn->peer[0]) gmux__text_add(&text, ": ");
    gmux__text_add(&text, why);
    memcpy(conn->why, words, sizeof words);
  }
  if (conn->transport) {
    conn_say_goodbye(conn, h2_code);
    gmux__transport_close(conn->transport);
    conn->transport = NULL;
  }
  gmux__timer_clear(conn->h2->loop, &conn->drain_timer);
  gmux__timer_clear(conn->h2->loop, &conn->alarm);
  gmux__resets_stop(conn);
  gmux__conn_set_state(conn, GMUX__CONN_CLOSED);
  conn->is_suspect = conn->is_validating = false;
  conn_end_streams(conn);
  conn->has_closed_event = true;
  gmux__conn_want_deliver(conn);
}

static void on_free_task(void *arg) {
  gmux__conn *conn = arg;
  gmux__task_cancel(&conn->write_task);
  gmux__task_cancel(&conn->deliver_task);
  gmux__timer_clear(conn->h2->loop, &conn->drain_timer);
  gmux__timer_clear(conn->h2->loop, &conn->alarm);
  if (conn->session) nghttp2_session_del(conn->session);
  gmux__seats_deinit(conn);
  gmux__conn_free_output(conn);
  gmux__free(conn->early_why);
  gmux__hpack_deinit(&conn->hpack);
  gmux__free(conn);
}

void gmux__conn_free(gmux__conn *conn) {
  if (!conn) return;
  assert(conn->state == GMUX__CONN_DIALING || conn->state == GMUX__CONN_CLOSED);
  assert(gmux__list_is_empty(&conn->streams));
  conn->has_closed_event = false;
  gmux__lease_end(conn);
  gmux__task_cancel(&conn->deliver_task);
  gmux__loop_defer(conn->h2->loop, GMUX__PHASE_FREE, &conn->free_task);
}

int gmux__conn_new(gmux__conn **out, gmux__h2 *h2, const gmux__conn_handlers *handlers,
                   void *owner) {
  gmux__conn *conn = gmux__calloc(1, sizeof *conn);
  if (!conn) return gmux__fail_code(GMUX_ERR_NOMEM);
  conn->h2 = h2;
  conn->number = gmux__loop_number(h2->loop);
  conn->handlers = handlers;
  conn->owner = owner;
  conn->goaway_last_id = INT32_MAX;
  gmux__slots_init(&conn->slots, h2->config.max_streams);
  gmux__backlog_init(&conn->backlog, h2->config.connection_queue_bytes);
  gmux__hpack_init(&conn->hpack);
  gmux__resets_init(conn);
  gmux__conn_abuse_init(conn);
  conn->windows.initial = NGHTTP2_INITIAL_WINDOW_SIZE;
  gmux__task_init(&conn->write_task, gmux__conn_on_write_task, conn);
  gmux__task_init(&conn->deliver_task, on_deliver_task, conn);
  gmux__task_init(&conn->free_task, on_free_task, conn);
  gmux__conn_drain_init(conn);
  gmux__conn_pulse_init(conn);
  *out = conn;
  return 0;
}
