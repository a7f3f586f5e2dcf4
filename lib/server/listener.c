/* listener.c: addresses that a server listens on. */
#include "lib/server/listener.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/mailbox.h"
#include "lib/io/target.h"
#include "lib/io/tls.h"
#include "lib/server/connection.h"
#include "lib/server/front.h"
#include "lib/server/options.h"
#include "lib/server/server.h"
#include <stdio.h>

static void listener_on_accepted(void *arg, gmux__transport *transport) {
  gmux__server_listener *l = arg;
  if (l->server->lane)
    gmux__server_lane_accept(l->server->lane, l->tls, transport);
  else
    gmux__server_accept(l->server, l->tls, transport);
}

void gmux__server_listener_close(gmux__server_listener *listener) {
  gmux__list_remove(&listener->link);
  gmux__listener_close(listener->socket);
  gmux_tls_free(listener->tls);
  gmux__free(listener);
}

/* ---- on the loop's thread ---- */

static int listener_open(gmux_server *server, const gmux__address *at, gmux_tls *tls,
                         uint16_t *port) {
  if (atomic_load(&server->shared.is_ending))
    return gmux__fail(GMUX_ERR_CLOSED, "the server is closed, or closing");
  gmux__server_listener *l = gmux__calloc(1, sizeof *l);
  if (!l) return gmux__fail_code(GMUX_ERR_NOMEM);
  l->server = server;
  gmux__socket_options socket_options = gmux__server_socket_options(&server->options);
  int error =
      gmux__loop_listen(server->loop, &l->socket, at, &socket_options, listener_on_accepted, l);
  if (error) {
    gmux__free(l);
    return error;
  }
  l->number = ++server->loop_only.last_listener;
  l->tls = tls ? gmux__tls_ref(tls) : NULL;
  gmux__list_append(&server->loop_only.listeners, &l->link);
  atomic_store(&server->shared.has_listened, true);
  const gmux__address *bound = gmux__listener_address(l->socket);
  char text[GMUX__ADDRESS_TEXT];
  gmux__log(gmux__loop_logger(server->loop), GMUX_LOG_INFO, "server",
            "listening on %s%s; nghttp2 %s", gmux__address_str(bound, text),
            tls ? " with TLS" : " in cleartext", gmux__h2_nghttp2_version());
  *port = bound->port;
  return 0;
}

/* ---- from another thread: the loop is asked, and waited for ---- */

typedef struct listen_request {
  gmux__post post;
  gmux_server *server;
  const gmux__address *at;
  gmux_tls *tls;
  gmux__mailbox *done;
  uint16_t port;
  int error;
  char why[GMUX__FAIL_TEXT]; /* the sentence that was left on the loop's thread */
} listen_request;

static void listen_request_run(gmux__post *post) {
  listen_request *r = gmux__container(post, listen_request, post);
  r->error = listener_open(r->server, r->at, r->tls, &r->port);
  if (r->error) snprintf(r->why, sizeof r->why, "%s", gmux_last_error());
  gmux__mailbox_set(r->done, GMUX__BOX_END); /* and r is gone */
}

static int listener_open_elsewhere(gmux_server *server, const gmux__address *at, gmux_tls *tls,
                                   uint16_t *port) {
  listen_request r = {.post.fn = listen_request_run, .server = server, .at = at, .tls = tls};
  int error = gmux__mailbox_new(&r.done);
  if (error) return error;
  gmux__loop_post(server->loop, &r.post);
  gmux__mailbox_wait(r.done, GMUX__BOX_END, -1);
  gmux__mailbox_free(r.done);
  if (r.error) return gmux__fail(r.error, "%s", r.why);
  *port = r.port;
  return 0;
}

/* ---- the application's side ---- */

static int server_listen_at(gmux_server *server, const gmux__target *target, gmux_tls *tls,
                            uint16_t *port) {
  if (target->address_count != 1)
    return gmux__fail(GMUX_ERR_INVALID, "%zu addresses given to listen on: listen once for each",
                      target->address_count);
  uint16_t bound = 0;
  int error = gmux_loop_is_inside(server->loop)
                  ? listener_open(server, target->addresses, tls, &bound)
                  : listener_open_elsewhere(server, target->addresses, tls, &bound);
  if (error) return error;
  if (port) *port = bound;
  return 0;
}

static int server_listen(gmux_server *server, const char *address, gmux_tls *tls, uint16_t *port) {
  if (server->front) server = server->front->lanes[0].server; /* it hands connections on */
  gmux__target target = {0};
  int error = gmux__target_parse_listen(&target, address);
  if (error) return error;
  error = server_listen_at(server, &target, tls, port);
  gmux__target_deinit(&target);
  return error;
}

int gmux_server_listen(gmux_server *server, const char *address, gmux_tls *tls, uint16_t *port) {
  if (!server || !address)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_server_listen: server or address is NULL");
  if (!tls)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_server_listen: tls is NULL; to listen without TLS "
                                        "use gmux_server_listen_cleartext");
  if (!gmux__tls_is_server(tls))
    return gmux__fail(GMUX_ERR_INVALID, "gmux_server_listen: tls has a client's credentials; use "
                                        "gmux_tls_server_new");
  return server_listen(server, address, tls, port);
}

int gmux_server_listen_cleartext(gmux_server *server, const char *address, uint16_t *port) {
  if (!server || !address)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_server_listen_cleartext: server or address is NULL");
  return server_listen(server, address, NULL, port);
}
