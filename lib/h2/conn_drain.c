/* conn_drain.c: GOAWAY, the peer's and our own, and the orderly end that follows. */
#include "lib/h2/inside.h"
#include <stdio.h>
#include <string.h>

/* The longest wait for the PING of a graceful GOAWAY. */
#define DRAIN_PING_NS (10 * GMUX__NS_PER_S)
/* A client that is told all has so long to close. */
#define PART_NS GMUX__NS_PER_S

/* ---- the peer's ---- */

/* Those that GOAWAY passes over, or that have not left, do not stay to hear of it. */
static bool goaway_ends(const gmux__conn *conn, const gmux__stream *stream) {
  return conn->has_goaway && (stream->id > conn->goaway_last_id || !stream->send.has_left);
}

/* No new streams from now on, whoever wants it so. Those of a client hear of it once: one that is
 * meant to live long may want to move. */
static void conn_begin_drain(gmux__conn *conn) {
  gmux__conn_set_state(conn, GMUX__CONN_DRAINING);
  conn->has_draining_event = true;
  for (gmux__link *l = conn->streams.first; l; l = l->next) {
    gmux__stream *stream = gmux__container(l, gmux__stream, link);
    if (goaway_ends(conn, stream)) continue;
    stream->recv.due |= GMUX__DUE_DRAINING;
    gmux__stream_want_deliver(stream);
  }
}

/* "the peer sent GOAWAY ENHANCE_YOUR_CALM "too_many_pings"" */
void gmux__conn_say_goaway(gmux__conn *conn, const char *who, const nghttp2_goaway *goaway) {
  int shown = goaway->opaque_data_len > 80 ? 80 : (int)goaway->opaque_data_len;
  snprintf(conn->why, sizeof conn->why, "%s: %s GOAWAY %s%s%.*s%s", conn->peer, who,
           gmux__h2_code_str(goaway->error_code), shown ? " \"" : "", shown,
           shown ? (const char *)goaway->opaque_data : "", shown ? "\"" : "");
}

static bool is_for_our_pings(const nghttp2_goaway *goaway) {
  static const char words[] = GMUX__TOO_MANY_PINGS;
  return goaway->error_code == NGHTTP2_ENHANCE_YOUR_CALM &&
         goaway->opaque_data_len == sizeof words - 1 &&
         memcmp(goaway->opaque_data, words, sizeof words - 1) == 0;
}

static void note_goaway(gmux__conn *conn, const nghttp2_goaway *goaway) {
  uint32_t code = goaway->error_code;
  conn->has_goaway_code = true;
  conn->goaway_code = code;
  gmux__conn_note(conn, GMUX__EVENT_GOAWAY_RECEIVED, goaway->last_stream_id, code);
  gmux__counter_add(&conn->h2->figures.goaways[code < GMUX_H2_CODES - 1 ? code : GMUX_H2_CODES - 1],
                    1);
}

/* A client that says it will open no more streams changes nothing for a server. A later GOAWAY may
 * only lower the last stream id (RFC 9113 section 6.8): nghttp2 ends the connection over one that
 * raises it, and what had been passed over stays so. */
void gmux__conn_on_goaway(gmux__conn *conn, const nghttp2_goaway *goaway) {
  note_goaway(conn, goaway);
  if (conn->h2->config.is_server) return;
  conn->has_goaway = true;
  conn->goaway_last_id = goaway->last_stream_id;
  if (is_for_our_pings(goaway)) conn->is_over_pinged = true; /* its owner warns */
  gmux__conn_say_goaway(conn, "the peer sent", goaway);
  gmux__conn_set_loss(conn, GMUX_LOSS_GOAWAY);
  gmux__conn_take_back_all(conn);
  if (conn->state != GMUX__CONN_READY) return;
  conn_begin_drain(conn);
  gmux__conn_want_deliver(conn);
}

/* ---- ours ---- */

/* The second step: what the client had sent before it heard of the first has arrived, or the time
 * is up. */
static void on_drain_timer(void *arg) {
  gmux__conn *conn = arg;
  if (conn->state != GMUX__CONN_DRAINING) return;
  if (conn->has_parted) {
    gmux__conn_close(conn, GMUX_ERR_CLOSED, NGHTTP2_NO_ERROR, conn->why);
    return;
  }
  conn->is_last_id_fixed = true;
  int32_t last_id = nghttp2_session_get_last_proc_stream_id(conn->session);
  const char *text = conn->drain_text;
  if (nghttp2_submit_goaway(conn->session, NGHTTP2_FLAG_NONE, last_id, NGHTTP2_NO_ERROR,
                            (const uint8_t *)text, strlen(text)))
    gmux__conn_doom(conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
  gmux__conn_want_write(conn);
  gmux__conn_want_deliver(conn);
}

static void server_drain(gmux__conn *conn) {
  uint8_t payload[8];
  gmux__ping_payload(payload, GMUX__PING_DRAIN, 0);
  gmux__timer_set(conn->h2->loop, &conn->drain_timer,
                  gmux__loop_now(conn->h2->loop) + DRAIN_PING_NS);
  if (nghttp2_submit_shutdown_notice(conn->session) ||
      nghttp2_submit_ping(conn->session, NGHTTP2_FLAG_NONE, payload))
    gmux__conn_doom(conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
}

void gmux__conn_drain(gmux__conn *conn, const char *why) {
  if (conn->state == GMUX__CONN_CLOSED) return;
  if (conn->state < GMUX__CONN_READY) {
    gmux__conn_close(conn, GMUX_ERR_CLOSED, NGHTTP2_NO_ERROR, "closed before it was ready");
    return;
  }
  if (conn->state == GMUX__CONN_READY) {
    gmux__conn_set_loss(conn, GMUX_LOSS_LOCAL);
    snprintf(conn->drain_text, sizeof conn->drain_text, "%s", why);
    snprintf(conn->why, sizeof conn->why, "%s: drained: %s", conn->peer, why);
    conn_begin_drain(conn);
    if (conn->h2->config.is_server) server_drain(conn);
    gmux__conn_set_alarm(conn);
  }
  gmux__conn_want_write(conn);
  gmux__conn_want_deliver(conn);
}

/*
 * All is said. A server that closed now, while something of the client is on its way or unread,
 * would have the kernel reset the connection; and there are clients (haproxy) that then throw away
 * the last replies, which have arrived. So it ends its half, and closes when the client has. A
 * client has nothing to lose by it.
 */
void gmux__conn_part(gmux__conn *conn) {
  if (!conn->h2->config.is_server) {
    gmux__conn_close(conn, GMUX_ERR_CLOSED, NGHTTP2_NO_ERROR, conn->why);
    return;
  }
  conn->has_parted = true;
  gmux__transport_shutdown(conn->transport);
  gmux__timer_set(conn->h2->loop, &conn->drain_timer, gmux__loop_now(conn->h2->loop) + PART_NS);
}

void gmux__conn_drain_init(gmux__conn *conn) {
  gmux__timer_init(&conn->drain_timer, on_drain_timer, conn);
}

/* The PING between the two steps. */
static bool is_of_drain(const gmux__conn *conn, const uint8_t *payload) {
  uint8_t ours[GMUX__PING_BYTES];
  gmux__ping_payload(ours, GMUX__PING_DRAIN, 0);
  return gmux__timer_is_set(&conn->drain_timer) && memcmp(payload, ours, sizeof ours) == 0;
}

void gmux__conn_drain_on_ping_acked(gmux__conn *conn, const uint8_t *payload) {
  if (is_of_drain(conn, payload))
    gmux__timer_set(conn->h2->loop, &conn->drain_timer, gmux__loop_now(conn->h2->loop));
}
