/* connection.c: one client's connection, from accept to its end. */
#include "lib/server/connection.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/tls.h"
#include "lib/policy/jitter.h"
#include "lib/server/call.h"
#include "lib/server/server.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

/* Of idle time and age, both ways: a fleet that came together must not leave together. */
enum { JITTER_PERCENT = 10 };

static gmux_loop *conn_loop(const gmux__server_conn *c) {
  return c->server->loop;
}

/* ---- state ---- */

static const char *const conn_states[] = {"HANDSHAKING", "SERVING", "LEAVING", "GONE"};
/* Forward, and only who has served can leave. */
static const uint16_t conn_edges[] = {
    [GMUX__SERVER_CONN_HANDSHAKING] =
        GMUX__TO(GMUX__SERVER_CONN_SERVING) | GMUX__TO(GMUX__SERVER_CONN_GONE),
    [GMUX__SERVER_CONN_SERVING] =
        GMUX__TO(GMUX__SERVER_CONN_LEAVING) | GMUX__TO(GMUX__SERVER_CONN_GONE),
    [GMUX__SERVER_CONN_LEAVING] = GMUX__TO(GMUX__SERVER_CONN_GONE),
    [GMUX__SERVER_CONN_GONE] = 0,
};
const gmux__machine gmux__server_conn_machine = {"server's connection", GMUX__SERVER_CONN_GONE + 1,
                                                 conn_states, conn_edges};

const char *gmux__server_conn_state_str(gmux__server_conn_state state) {
  return gmux__machine_str(&gmux__server_conn_machine, state);
}

/* SERVING: when it is too old or idle, or may be. While calls run it is not idle before one more
 * whole idle time: so a call costs no operation on the timer, and an idle connection is noticed to
 * the moment. */
static uint64_t conn_review_at(const gmux__server_conn *c, uint64_t now_ns) {
  if (c->idle_ns == GMUX__NEVER) return c->old_at_ns;
  uint64_t idle_at_ns = (c->running > 0 ? now_ns : c->idle_since_ns) + c->idle_ns;
  return idle_at_ns < c->old_at_ns ? idle_at_ns : c->old_at_ns;
}

/* What the timer waits for in its state. */
static uint64_t conn_timer_at(const gmux__server_conn *c) {
  uint64_t now_ns = gmux__loop_now(conn_loop(c));
  switch (c->state) {
  case GMUX__SERVER_CONN_HANDSHAKING:
    return now_ns + c->server->options.handshake_timeout_ms * GMUX__NS_PER_MS;
  case GMUX__SERVER_CONN_SERVING:
    return conn_review_at(c, now_ns);
  case GMUX__SERVER_CONN_LEAVING:
    return c->cut_at_ns;
  case GMUX__SERVER_CONN_GONE:
    break;
  }
  return GMUX__NEVER;
}

static void conn_enter(gmux__server_conn *c, gmux__server_conn_state state) {
  gmux__list_remove(&c->link);
  c->state = state;
  if (state != GMUX__SERVER_CONN_GONE)
    gmux__list_append(&c->server->loop_only.connections[state], &c->link);
  gmux__timer_set(conn_loop(c), &c->timer, conn_timer_at(c));
  gmux__server_connections_changed(c->server);
}

static void conn_set_state(gmux__server_conn *c, gmux__server_conn_state state, const char *why) {
  gmux__machine_step(&gmux__server_conn_machine, c->state, state);
  gmux__conn_log(c->conn, GMUX_LOG_DEBUG, "server", "%s -> %s%s%s",
                 gmux__server_conn_state_str(c->state), gmux__server_conn_state_str(state),
                 why[0] ? ": " : "", why);
  conn_enter(c, state);
}

/* ---- memory, and the calls that keep it ---- */

static void conn_maybe_free(gmux__server_conn *c) {
  if (c->conn || c->calls > 0) return;
  gmux__free(c->peer_name);
  gmux__free(c);
}

void gmux__server_conn_call_begun(gmux__server_conn *c) {
  c->calls++;
  c->running++;
}

void gmux__server_conn_call_over(gmux__server_conn *c) {
  assert(c->running > 0);
  c->running--;
  gmux__server_count(&c->server->stats.calls_held);
  if (c->running == 0) c->idle_since_ns = gmux__loop_now(conn_loop(c));
}

void gmux__server_conn_call_gone(gmux__server_conn *c) {
  assert(c->calls > c->running);
  c->calls--;
  gmux__counter_add(&c->server->stats.calls_held, (uint64_t)-1);
  conn_maybe_free(c);
}

/* ---- its time ---- */

static uint64_t later(uint64_t at_ns, uint32_t ms) {
  return ms ? at_ns + ms * GMUX__NS_PER_MS : GMUX__NEVER;
}

static uint64_t jittered(const gmux__server_conn *c, uint32_t ms) {
  if (ms == 0) return GMUX__NEVER;
  return gmux__jitter_around(ms * GMUX__NS_PER_MS, JITTER_PERCENT, gmux__loop_random(conn_loop(c)));
}

/* Its clocks run from SERVING on: a client whose handshake took long has its time like others. */
static void conn_start_clocks(gmux__server_conn *c) {
  const gmux_server_options *o = &c->server->options;
  uint64_t now_ns = gmux__loop_now(conn_loop(c));
  uint64_t age_ns = jittered(c, o->max_connection_age_ms);
  c->idle_ns = jittered(c, o->max_connection_idle_ms);
  c->idle_since_ns = now_ns;
  c->old_at_ns = c->cut_at_ns = GMUX__NEVER;
  if (age_ns == GMUX__NEVER) return;
  c->old_at_ns = now_ns + age_ns;
  c->cut_at_ns = later(c->old_at_ns, o->max_connection_age_grace_ms);
}

void gmux__server_conn_drain(gmux__server_conn *c, const char *why) {
  if (c->state == GMUX__SERVER_CONN_SERVING) conn_set_state(c, GMUX__SERVER_CONN_LEAVING, why);
  gmux__conn_drain(c->conn, why);
}

/* SERVING: is it too old, or idle for too long? Else when to look again. */
static void conn_review(gmux__server_conn *c) {
  uint64_t now_ns = gmux__loop_now(conn_loop(c));
  uint64_t at_ns = conn_review_at(c, now_ns);
  if (at_ns > now_ns) {
    gmux__timer_set(conn_loop(c), &c->timer, at_ns);
    return;
  }
  bool is_old = c->old_at_ns <= now_ns;
  gmux__server_count(is_old ? &c->server->stats.ended_age : &c->server->stats.ended_idle);
  gmux__server_conn_drain(c, is_old ? "max_age" : "max_idle");
}

static void conn_close_overdue(gmux__server_conn *c) {
  char why[96];
  snprintf(why, sizeof why, "the client's SETTINGS did not come within %u ms",
           c->server->options.handshake_timeout_ms);
  gmux__server_count(&c->server->stats.connections_overdue);
  gmux__conn_close(c->conn, GMUX_ERR_TIMEOUT, GMUX__H2_SETTINGS_TIMEOUT, why);
}

static void conn_on_timer(void *arg) {
  gmux__server_conn *c = arg;
  if (gmux__conn_get_state(c->conn) == GMUX__CONN_CLOSED) return; /* on_closed is on its way */
  if (c->state == GMUX__SERVER_CONN_HANDSHAKING)
    conn_close_overdue(c);
  else if (c->state == GMUX__SERVER_CONN_SERVING)
    conn_review(c);
  else
    gmux__conn_close(c->conn, GMUX_ERR_CLOSED, GMUX__H2_NO_ERROR,
                     "max_age: the time for its calls to end is over");
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

static void conn_on_ready(gmux__conn *conn, void *owner) {
  gmux__server_conn *c = owner;
  conn_start_clocks(c);
  conn_set_state(c, GMUX__SERVER_CONN_SERVING, "");
  /* Without memory for the name of its certificate a client would look like one that has none. */
  if (conn_learn_peer(c))
    gmux__conn_close(conn, GMUX_ERR_NOMEM, GMUX__H2_INTERNAL_ERROR, "out of memory");
  gmux__conn_log(conn, GMUX_LOG_INFO, "server", "ready");
}

/* A reset frees a stream; whoever works on its call may not have noticed. */
static bool conn_has_room(const gmux__server_conn *c) {
  const gmux_server_options *o = &c->server->options;
  return c->calls < (size_t)o->max_concurrent_streams + o->max_held_calls;
}

/* A client may come with many connections, or with a new one each time. Those that hold little go
 * on when others hold too much; but what connections that are gone have left is nobody's. */
static bool server_has_room(const gmux__server_conn *c) {
  uint64_t most = c->server->options.max_server_held_calls;
  uint64_t held = gmux__counter_get(&c->server->stats.calls_held);
  if (held < most) return true;
  return held < 2 * most &&
         c->calls - c->running <= most / gmux__server_connection_count(c->server);
}

static gmux__stream *conn_on_stream(gmux__conn *conn, void *owner) {
  (void)conn;
  gmux__server_conn *c = owner;
  if (!conn_has_room(c) || !server_has_room(c)) {
    gmux__server_count(&c->server->stats.calls_refused_held);
    return NULL;
  }
  gmux_server_call *call = gmux__server_call_new(c);
  return call ? &call->loop.stream : NULL;
}

static void conn_on_closed(gmux__conn *conn, void *owner) {
  gmux__server_conn *c = owner;
  gmux_server *server = c->server;
  gmux__conn_log(conn, GMUX_LOG_INFO, "server", "closed: %s", gmux__conn_why_alone(conn));
  if (c->state == GMUX__SERVER_CONN_HANDSHAKING && gmux__conn_error(conn) == GMUX_ERR_TLS)
    gmux__server_count(&server->stats.handshakes_failed);
  conn_set_state(c, GMUX__SERVER_CONN_GONE, "");
  gmux__conn_free(conn);
  c->conn = NULL;
  conn_maybe_free(c);
  gmux__server_maybe_close(server);
}

static const gmux__conn_handlers conn_handlers = {
    .on_ready = conn_on_ready,
    .on_closed = conn_on_closed,
    .on_stream = conn_on_stream,
};

/* ---- limits ---- */

/* A flood is told once a second, with how many there were. */
#define REFUSALS_QUIET_NS GMUX__NS_PER_S

static void server_refuse(gmux_server *server, uint32_t limit, const char *words) {
  gmux__server_count(&server->stats.connections_refused);
  uint64_t now_ns = gmux__loop_now(server->loop);
  if (now_ns < server->loop_only.refusals.quiet_until_ns) {
    server->loop_only.refusals.untold++;
    return;
  }
  char more[64] = "";
  if (server->loop_only.refusals.untold > 0)
    snprintf(more, sizeof more, "; so were %" PRIu64 " since this was last said",
             server->loop_only.refusals.untold);
  gmux__log(gmux__loop_logger(server->loop), GMUX_LOG_WARN, "server",
            "connection refused: %" PRIu32 " %s%s", limit, words, more);
  server->loop_only.refusals.untold = 0;
  server->loop_only.refusals.quiet_until_ns = now_ns + REFUSALS_QUIET_NS;
}

static const char *words_of_connections(const gmux_server *server) {
  return server->options.max_connections == gmux__h2_connections_max(server->h2)
             ? "are open already (max_memory_bytes)"
             : "are open already (max_connections)";
}

/* One more is not taken: counted, and logged. */
static bool server_is_full(gmux_server *server) {
  const gmux_server_options *o = &server->options;
  const gmux__list *handshaking = &server->loop_only.connections[GMUX__SERVER_CONN_HANDSHAKING];
  if (gmux__server_connection_count(server) >= o->max_connections)
    server_refuse(server, o->max_connections, words_of_connections(server));
  else if (handshaking->count >= o->max_handshaking)
    server_refuse(server, o->max_handshaking, "shake hands already (max_handshaking)");
  else
    return false;
  return true;
}

/* ---- accept ---- */

static int conn_new(gmux__server_conn **out, gmux_server *server) {
  gmux__server_conn *c = gmux__calloc(1, sizeof *c);
  if (!c) return gmux__fail_code(GMUX_ERR_NOMEM);
  c->server = server;
  gmux__timer_init(&c->timer, conn_on_timer, c);
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
  int error = tls ? gmux__tls_wrap(transport, tls, *transport, NULL) : 0;
  return error ? error : conn_new(out, server);
}

void gmux__server_accept(gmux_server *server, gmux_tls *tls, gmux__transport *transport) {
  if (server_is_full(server)) {
    gmux__transport_close(transport);
    return;
  }
  gmux__server_conn *c = NULL;
  if (conn_prepare(&c, server, tls, &transport)) {
    gmux__log(gmux__loop_logger(server->loop), GMUX_LOG_ERROR, "server", "connection dropped: %s",
              gmux_last_error());
    gmux__transport_close(transport);
    return;
  }
  gmux__server_count(&server->stats.connections_accepted);
  conn_enter(c, GMUX__SERVER_CONN_HANDSHAKING);
  gmux__conn_start(c->conn, transport);
}
