/* endpoint.c: attempts to connect, backoff, and the connections that came of them. */
#include "lib/client/endpoint.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>

static const gmux__conn_handlers conn_handlers;
static const gmux__connector_handlers connector_handlers;

/* ---- a line ---- */

void gmux__line_take_call(gmux__line *line) {
  line->calls++;
  line->holds++;
}

void gmux__line_release(gmux__line *line) {
  if (!line || --line->holds > 0) return;
  gmux__free(line);
}

static int line_new(gmux__line **out, gmux__endpoint *e) {
  gmux__line *line = gmux__calloc(1, sizeof *line);
  if (!line) return gmux__fail_code(GMUX_ERR_NOMEM);
  line->endpoint = e;
  line->holds = 1;
  int error = gmux__conn_new(&line->conn, e->config.h2, &conn_handlers, line);
  if (error) {
    gmux__free(line);
    return error;
  }
  *out = line;
  return 0;
}

static void line_move(gmux__line *line, gmux__list *to) {
  gmux__list_remove(&line->link);
  gmux__list_append(to, &line->link);
}

static gmux__line *line_first(const gmux__list *list) {
  return list->first ? gmux__container(list->first, gmux__line, link) : NULL;
}

static void line_abandon(gmux__line *line, int error, const char *why) {
  line_move(line, &line->endpoint->abandoned);
  gmux__conn_close(line->conn, error, GMUX__H2_NO_ERROR, why);
}

/* ---- life ---- */

static void endpoint_changed(gmux__endpoint *e) {
  e->handlers->on_change(e->owner);
}

static void endpoint_on_backoff(void *arg) {
  endpoint_changed(arg);
}

int gmux__endpoint_init(gmux__endpoint *e, gmux_loop *loop, const gmux__endpoint_config *config,
                        const gmux__endpoint_handlers *handlers, void *owner) {
  *e = (gmux__endpoint){.loop = loop, .config = *config, .handlers = handlers, .owner = owner};
  gmux__connector_init(&e->connector, loop, config->target, &connector_handlers, e);
  gmux__backoff_init(&e->backoff, &config->backoff);
  gmux__timer_init(&e->backoff_timer, endpoint_on_backoff, e);
  return config->tls ? gmux__tls_session_new(&e->session) : 0;
}

void gmux__endpoint_deinit(gmux__endpoint *e) {
  if (!e->loop) return;
  assert(gmux__endpoint_is_gone(e));
  gmux__connector_deinit(&e->connector);
  gmux__timer_clear(e->loop, &e->backoff_timer);
  if (e->session) gmux__tls_session_free(e->session);
  e->session = NULL;
}

void gmux__endpoint_close(gmux__endpoint *e, const char *why) {
  e->is_closed = true;
  gmux__connector_stop(&e->connector);
  gmux__timer_clear(e->loop, &e->backoff_timer);
  gmux__list *const lists[] = {&e->greeting, &e->ready, &e->draining};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    while (lists[i]->first)
      line_abandon(line_first(lists[i]), GMUX_ERR_CANCELLED, why);
}

/* ---- questions ---- */

gmux_channel_state gmux__endpoint_state(const gmux__endpoint *e) {
  if (e->is_closed) return GMUX_CHANNEL_SHUTDOWN;
  if (e->ready.first) return GMUX_CHANNEL_READY;
  if (gmux__connector_is_on(&e->connector)) return GMUX_CHANNEL_CONNECTING;
  return e->has_failed ? GMUX_CHANNEL_TRANSIENT_FAILURE : GMUX_CHANNEL_IDLE;
}

gmux__line *gmux__endpoint_pick(gmux__endpoint *e) {
  gmux__line *line = line_first(&e->ready);
  return line && gmux__conn_free_slots(line->conn) > 0 ? line : NULL;
}

bool gmux__endpoint_is_held_back(gmux__endpoint *e) {
  return gmux__endpoint_state(e) == GMUX_CHANNEL_TRANSIENT_FAILURE &&
         gmux__loop_now(e->loop) < e->not_before_ns;
}

size_t gmux__endpoint_connections(const gmux__endpoint *e) {
  return e->ready.count + e->draining.count;
}

bool gmux__endpoint_is_gone(const gmux__endpoint *e) {
  return !gmux__connector_is_on(&e->connector) &&
         e->greeting.count + e->abandoned.count + gmux__endpoint_connections(e) == 0;
}

const char *gmux__endpoint_why(const gmux__endpoint *e) {
  return e->why;
}

/* "": no attempt runs. */
static void endpoint_explain_attempt(const gmux__endpoint *e, char *text, size_t len) {
  const gmux__line *line = line_first(&e->greeting);
  char address[GMUX__ADDRESS_TEXT];
  text[0] = '\0';
  if (line && gmux__conn_get_state(line->conn) == GMUX__CONN_SECURING)
    snprintf(text, len, "in the TLS handshake with %s",
             gmux__connector_address(&e->connector, address));
  else if (gmux__connector_is_on(&e->connector))
    gmux__connector_explain(&e->connector, text, len);
}

void gmux__endpoint_explain(const gmux__endpoint *e, char *text, size_t len) {
  const gmux__line *line = line_first(&e->ready);
  if (line) {
    snprintf(text, len, "for a free stream to %s, which has %zu of them in use", line->peer,
             gmux__conn_stream_count(line->conn));
    return;
  }
  char now[GMUX__CONNECTOR_WHY];
  endpoint_explain_attempt(e, now, sizeof now);
  snprintf(text, len, "for a connection%s%s%s%s", *now ? ": " : "", now, *e->why ? ": " : "",
           e->why);
}

/* ---- attempts ---- */

void gmux__endpoint_connect(gmux__endpoint *e) {
  if (e->is_closed || e->ready.first || gmux__connector_is_on(&e->connector)) return;
  uint64_t now_ns = gmux__loop_now(e->loop);
  if (now_ns < e->not_before_ns) {
    gmux__timer_set(e->loop, &e->backoff_timer, e->not_before_ns);
    return;
  }
  gmux__timer_clear(e->loop, &e->backoff_timer);
  uint64_t random = gmux__loop_random(e->loop);
  gmux__connector_start(&e->connector, gmux__backoff_attempt(&e->backoff, now_ns, random));
}

void gmux__endpoint_reset_backoff(gmux__endpoint *e) {
  gmux__backoff_reset(&e->backoff);
  gmux__timer_clear(e->loop, &e->backoff_timer);
  e->not_before_ns = 0;
}

static void endpoint_on_failed(void *owner) {
  gmux__endpoint *e = owner;
  e->has_failed = true;
  e->failed++;
  e->not_before_ns = gmux__backoff_failed(&e->backoff, gmux__loop_now(e->loop));
  snprintf(e->why, sizeof e->why, "%s", gmux__connector_why(&e->connector));
  gmux__log(gmux__loop_logger(e->loop), GMUX_LOG_WARN, "client", "%s", e->why);
  e->handlers->on_failed(e->owner);
  endpoint_changed(e);
}

/* The transport is ours to close when it cannot be wrapped. */
static int endpoint_secure(gmux__endpoint *e, gmux__transport **transport) {
  if (!e->config.tls) return 0;
  gmux__transport *inner = *transport;
  return gmux__tls_wrap(transport, e->config.tls, inner, e->config.tls_host, e->session);
}

static void endpoint_on_transport(void *owner, gmux__transport *transport) {
  gmux__endpoint *e = owner;
  gmux__line *line = NULL;
  int error = endpoint_secure(e, &transport);
  if (!error) error = line_new(&line, e);
  if (error) {
    gmux__transport_close(transport);
    gmux__connector_next(&e->connector, GMUX__REACH_TLS, gmux_last_error());
    return;
  }
  gmux__list_append(&e->greeting, &line->link);
  gmux__conn_start(line->conn, transport);
}

static void endpoint_on_late(void *owner) {
  gmux__endpoint *e = owner;
  char why[96];
  gmux__line *line = line_first(&e->greeting);
  bool is_securing = line && gmux__conn_get_state(line->conn) == GMUX__CONN_SECURING;
  snprintf(why, sizeof why, "%s within %llu ms",
           is_securing ? "no end of the TLS handshake" : "no SETTINGS",
           (unsigned long long)gmux__connector_spent_ms(&e->connector));
  if (line) line_abandon(line, GMUX_ERR_TIMEOUT, why);
  gmux__connector_next(&e->connector, is_securing ? GMUX__REACH_TLS : GMUX__REACH_GREETING, why);
}

static const gmux__connector_handlers connector_handlers = {
    .on_transport = endpoint_on_transport,
    .on_late = endpoint_on_late,
    .on_failed = endpoint_on_failed,
};

/* ---- connections ---- */

/* Success is the server's SETTINGS: the backoff starts afresh (gRPC connection-backoff). What the
 * attempt would have had to wait is kept for a connection that turns out to be of no use, so that a
 * server that greets and hangs up is not called again and again without a pause. */
static void line_on_ready(gmux__conn *conn, void *owner) {
  gmux__line *line = owner;
  gmux__endpoint *e = line->endpoint;
  if (line->link.list != &e->greeting) return;
  gmux__connector_stop(&e->connector);
  e->not_before_ns = e->backoff.next_at_ns;
  gmux__backoff_reset(&e->backoff);
  e->has_failed = false;
  e->why[0] = '\0';
  e->made++;
  snprintf(line->peer, sizeof line->peer, "%s", gmux__conn_peer(conn));
  line_move(line, &e->ready);
  gmux__log(gmux__loop_logger(e->loop), GMUX_LOG_INFO, "client", "connected to %s", line->peer);
  endpoint_changed(e);
}

static void line_on_slots(gmux__conn *conn, void *owner) {
  (void)conn;
  gmux__line *line = owner;
  gmux__endpoint *e = line->endpoint;
  if (line->link.list == &e->ready) e->handlers->on_room(e->owner);
}

/* A connection that has carried calls was of use: its successor may be made at once. */
static void line_leaves_ready(gmux__line *line) {
  if (line->calls > 0) line->endpoint->not_before_ns = 0;
}

/* It takes no more calls; those on it finish. */
static void line_retire(gmux__line *line) {
  gmux__endpoint *e = line->endpoint;
  line_leaves_ready(line);
  line_move(line, &e->draining);
  snprintf(e->why, sizeof e->why, "%s", gmux__conn_why(line->conn));
  gmux__log(gmux__loop_logger(e->loop), GMUX_LOG_INFO, "client", "no more calls on %s: %s",
            line->peer, e->why);
}

static void line_on_draining(gmux__conn *conn, void *owner) {
  (void)conn;
  gmux__line *line = owner;
  gmux__endpoint *e = line->endpoint;
  if (line->link.list != &e->ready) return;
  line_retire(line);
  endpoint_changed(e);
}

/* The connection's words start with its address, which the connector puts before them too. */
static const char *conn_why_alone(const gmux__conn *conn) {
  const char *why = gmux__conn_why(conn), *peer = gmux__conn_peer(conn);
  size_t len = strlen(peer);
  bool is_repeated = len > 0 && strncmp(why, peer, len) == 0 && strncmp(why + len, ": ", 2) == 0;
  return is_repeated ? why + len + 2 : why;
}

/* Takes the connection out of its list and lets it go. */
static void line_end(gmux__line *line) {
  gmux__list_remove(&line->link);
  gmux__conn_free(line->conn);
  line->conn = NULL;
  gmux__line_release(line);
}

static void line_on_closed(gmux__conn *conn, void *owner) {
  gmux__line *line = owner;
  gmux__endpoint *e = line->endpoint;
  bool was_greeting = line->link.list == &e->greeting;
  gmux__connector_reach reach =
      gmux__conn_has_greeted(conn) ? GMUX__REACH_GREETING : GMUX__REACH_TLS;
  char why[sizeof e->why];
  snprintf(why, sizeof why, "%s", was_greeting ? conn_why_alone(conn) : gmux__conn_why(conn));
  if (line->link.list == &e->ready) {
    line_leaves_ready(line);
    memcpy(e->why, why, sizeof why);
    gmux__log(gmux__loop_logger(e->loop), GMUX_LOG_INFO, "client", "connection lost: %s", why);
  }
  line_end(line);
  if (was_greeting)
    gmux__connector_next(&e->connector, reach, why);
  else
    endpoint_changed(e);
}

static const gmux__conn_handlers conn_handlers = {
    .on_ready = line_on_ready,
    .on_slots = line_on_slots,
    .on_draining = line_on_draining,
    .on_closed = line_on_closed,
};

void gmux__endpoint_drop(gmux__endpoint *e) {
  gmux__line *line = line_first(&e->ready);
  if (!line) return;
  line_move(line, &e->draining);
  e->not_before_ns = 0;
  gmux__conn_drain(line->conn, "idle");
}
