/* connection.c: one client's connection, from accept to its end. */
#include "lib/server/connection.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/tls.h"
#include "lib/server/call.h"
#include "lib/server/server.h"
#include <assert.h>
#include <stdio.h>

static const gmux__logger *conn_logger(const gmux__server_conn *c) {
  return gmux__loop_logger(c->server->loop);
}

/* ---- memory ---- */

static void conn_maybe_free(gmux__server_conn *c) {
  if (c->conn || c->calls > 0) return;
  gmux__free(c->peer_name);
  gmux__free(c);
}

void gmux__server_conn_hold(gmux__server_conn *c) {
  c->calls++;
}

void gmux__server_conn_release(gmux__server_conn *c) {
  assert(c->calls > 0);
  c->calls--;
  conn_maybe_free(c);
}

/* ---- handlers ---- */

/* Who it is, for good: the transport forgets it when it is closed. */
static int conn_learn_peer(gmux__server_conn *c) {
  const gmux__transport_info *info = gmux__conn_info(c->conn);
  snprintf(c->peer, sizeof c->peer, "%s", gmux__conn_peer(c->conn));
  if (!info || !info->peer_name) return 0;
  c->peer_name = gmux__strdup(info->peer_name);
  return c->peer_name ? 0 : gmux__fail_code(GMUX_ERR_NOMEM);
}

static void conn_on_handshake_timeout(void *arg) {
  gmux__server_conn *c = arg;
  char why[96];
  snprintf(why, sizeof why, "the client's SETTINGS did not come within %u ms",
           c->server->options.handshake_timeout_ms);
  gmux__conn_close(c->conn, GMUX_ERR_TIMEOUT, GMUX__H2_SETTINGS_TIMEOUT, why);
}

static void conn_on_ready(gmux__conn *conn, void *owner) {
  gmux__server_conn *c = owner;
  gmux__timer_clear(c->server->loop, &c->handshake);
  /* Without memory for the name of its certificate a client would look like one that has none. */
  if (conn_learn_peer(c))
    gmux__conn_close(conn, GMUX_ERR_NOMEM, GMUX__H2_INTERNAL_ERROR, "out of memory");
}

static gmux__stream *conn_on_stream(gmux__conn *conn, void *owner) {
  (void)conn;
  gmux_server_call *call = gmux__server_call_new(owner);
  return call ? &call->loop.stream : NULL;
}

static void conn_on_closed(gmux__conn *conn, void *owner) {
  gmux__server_conn *c = owner;
  gmux_server *server = c->server;
  gmux__log(conn_logger(c), GMUX_LOG_INFO, "server", "connection closed: %s", gmux__conn_why(conn));
  gmux__timer_clear(server->loop, &c->handshake);
  gmux__list_remove(&c->link);
  gmux__conn_free(conn);
  c->conn = NULL;
  conn_maybe_free(c);
  gmux__server_connection_gone(server);
}

static const gmux__conn_handlers conn_handlers = {
    .on_ready = conn_on_ready,
    .on_closed = conn_on_closed,
    .on_stream = conn_on_stream,
};

/* ---- accept ---- */

static int conn_new(gmux__server_conn **out, gmux_server *server) {
  gmux__server_conn *c = gmux__calloc(1, sizeof *c);
  if (!c) return gmux__fail_code(GMUX_ERR_NOMEM);
  c->server = server;
  gmux__timer_init(&c->handshake, conn_on_handshake_timeout, c);
  int error = gmux__conn_new(&c->conn, server->h2, &conn_handlers, c);
  if (error) {
    gmux__free(c);
    return error;
  }
  *out = c;
  return 0;
}

/* A connection for the transport, which is wrapped into TLS if need be. On failure *transport is
 * what is to be closed. */
static int conn_prepare(gmux__server_conn **out, gmux_server *server, gmux_tls *tls,
                        gmux__transport **transport) {
  int error = tls ? gmux__tls_wrap(transport, tls, *transport, NULL, NULL) : 0;
  return error ? error : conn_new(out, server);
}

void gmux__server_accept(gmux_server *server, gmux_tls *tls, gmux__transport *transport) {
  const gmux__logger *logger = gmux__loop_logger(server->loop);
  if (server->loop_only.connections.count >= server->options.max_connections) {
    gmux__server_count_refused(server);
    gmux__log(logger, GMUX_LOG_WARN, "server", "connection refused: %u are open already",
              server->options.max_connections);
    gmux__transport_close(transport);
    return;
  }
  gmux__server_conn *c = NULL;
  if (conn_prepare(&c, server, tls, &transport)) {
    gmux__log(logger, GMUX_LOG_ERROR, "server", "connection dropped: %s", gmux_last_error());
    gmux__transport_close(transport);
    return;
  }
  gmux__list_append(&server->loop_only.connections, &c->link);
  gmux__server_count_accepted(server);
  gmux__timer_set(server->loop, &c->handshake,
                  gmux__loop_now(server->loop) +
                      server->options.handshake_timeout_ms * GMUX__NS_PER_MS);
  gmux__conn_start(c->conn, transport);
}
