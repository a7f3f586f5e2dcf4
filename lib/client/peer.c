/* peer.c: who is at the other end (gmux_channel_get_peer). */
#include "lib/base/fail.h"
#include "lib/client/ask.h"
#include "lib/client/front.h"
#include <stdio.h>
#include <string.h>

typedef struct question {
  gmux_channel *channel;
  gmux_channel_peer peer;
  gmux_bytes *certificate;
  int error;
} question;

/* A text that is not known is NULL. */
static void copy(char *to, size_t room, const char *text) {
  snprintf(to, room, "%s", text ? text : "");
}

static void tell_transport(gmux_channel_peer *peer, const gmux__transport_info *info) {
  copy(peer->tls_version, sizeof peer->tls_version, info->tls_version);
  copy(peer->tls_cipher, sizeof peer->tls_cipher, info->tls_cipher);
  copy(peer->alpn, sizeof peer->alpn, info->alpn);
  peer->is_resumed = info->is_resumed;
}

static void tell_settings(gmux_channel_peer *peer, gmux__conn_settings settings) {
  peer->header_table_bytes = settings.table_bytes;
  peer->max_concurrent_streams = settings.max_streams;
  peer->initial_window_bytes = settings.window_bytes;
  peer->max_frame_bytes = settings.frame_bytes;
  peer->max_header_list_bytes = settings.header_list_bytes;
}

/* Without TLS there is nothing between the connection and the greeting. */
static void tell_times(gmux_channel_peer *peer, const gmux__line *line) {
  if (*peer->tls_version) peer->tls_ns = line->greeted_ns - line->connected_ns;
  peer->settings_ns = line->settled_ns - line->greeted_ns;
  peer->rtt_ns = gmux__conn_rtt_ns(line->conn);
}

static int take_certificate(const gmux__conn *conn, gmux_bytes *out) {
  if (!out) return 0;
  gmux_bytes der = {.data = NULL};
  int error = gmux__conn_certificate(conn, true, &der);
  if (error && error != GMUX_ERR_NOT_FOUND) return error;
  *out = der;
  return 0;
}

/* A line hears of the end of its connection when all answers that came on it have been told, so a
 * callback may find one that is in the list and over. */
static const gmux__line *newest_open(const gmux__list *ready) {
  for (gmux__link *l = ready->last; l; l = l->prev)
    if (gmux__conn_get_state(gmux__line_of(l)->conn) == GMUX__CONN_READY) return gmux__line_of(l);
  return NULL;
}

static void answer(void *arg) {
  question *q = arg;
  const gmux__line *line = newest_open(&q->channel->loop_only.endpoint.ready);
  q->error = GMUX_ERR_NOT_FOUND;
  if (!line) return;
  const gmux__transport_info *info = gmux__conn_info(line->conn);
  copy(q->peer.address, sizeof q->peer.address, line->peer);
  if (info) tell_transport(&q->peer, info);
  tell_times(&q->peer, line);
  tell_settings(&q->peer, gmux__conn_get_settings(line->conn));
  q->error = take_certificate(line->conn, q->certificate);
}

int gmux_channel_get_peer(gmux_channel *channel, gmux_channel_peer *peer, gmux_bytes *certificate) {
  if (!channel || !peer)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_channel_get_peer: channel or peer is NULL");
  if (peer->size < sizeof peer->size)
    return gmux__fail(GMUX_ERR_INVALID, "peer->size is %zu: set it to sizeof *peer", peer->size);
  if (channel->front) return gmux__front_get_peer(channel->front, peer, certificate);
  question q = {.channel = channel, .peer.size = peer->size, .certificate = certificate};
  int error = gmux__ask(channel->loop, answer, &q);
  if (error) return error;
  if (q.error == GMUX_ERR_NOT_FOUND)
    return gmux__fail(GMUX_ERR_NOT_FOUND, "no connection takes calls");
  if (q.error) return gmux__fail_code(q.error);
  memcpy(peer, &q.peer, peer->size < sizeof q.peer ? peer->size : sizeof q.peer);
  return 0;
}
