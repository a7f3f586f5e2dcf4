/* server.c: a server from new to free. */
#include "lib/server/server.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/mailbox.h"
#include "lib/server/call.h"
#include "lib/server/connection.h"
#include "lib/server/front.h"
#include "lib/server/listener.h"
#include "lib/server/options.h"
#include <assert.h>

/* Free calls that are kept for new ones, so that a steady load allocates none. */
enum { SERVER_KEEP_CALLS = 1024, SERVER_KEEP_REQUESTS = 64 };

static const char shutting_down[] = "the server is shutting down";

/* ---- memory ---- */

static void server_free_hooks(gmux_server *server) {
  for (gmux__link *l = gmux__list_shift(&server->hooks); l; l = gmux__list_shift(&server->hooks)) {
    gmux__server_hook *hook = gmux__container(l, gmux__server_hook, link);
    hook->on_free(hook);
  }
}

static void server_destroy(gmux_server *server) {
  server_free_hooks(server);
  gmux__h2_free(server->h2);
  gmux__methods_deinit(&server->methods);
  gmux__slab_deinit(&server->loop_only.call_slab);
  gmux__slab_deinit(&server->loop_only.request_slab);
  gmux__free(server);
}

static void server_on_free(void *arg) {
  gmux_server *server = arg;
  gmux_loop *loop = server->loop;
  if (server->lane) gmux__server_front_release(server->lane->front);
  server_destroy(server);
  gmux__loop_unref(loop);
}

static void server_maybe_free(gmux_server *server) {
  if (server->loop_only.is_handle_held || server->loop_only.state != GMUX__SERVER_CLOSED ||
      server->loop_only.calls_alive > 0)
    return;
  gmux__loop_defer(server->loop, GMUX__PHASE_FREE, &server->loop_only.free_task);
}

void *gmux__server_call_alloc(gmux_server *server) {
  void *call = gmux__slab_get_raw(&server->loop_only.call_slab);
  if (call) server->loop_only.calls_alive++;
  return call;
}

void gmux__server_call_dealloc(gmux_server *server, void *call) {
  assert(server->loop_only.calls_alive > 0);
  gmux__slab_put(&server->loop_only.call_slab, call);
  server->loop_only.calls_alive--;
  server_maybe_free(server);
}

/* ---- threads that wait for the end ---- */

/* Lives on the stack of its thread, and is gone as soon as the box has its flag. */
typedef struct drain_waiter {
  gmux__link link; /* in the server's waiters */
  gmux__post post;
  gmux_server *server;
  gmux__mailbox *box;
} drain_waiter;

static void waiter_on_post(gmux__post *post) {
  drain_waiter *w = gmux__container(post, drain_waiter, post);
  if (w->server->loop_only.state == GMUX__SERVER_CLOSED)
    gmux__mailbox_set(w->box, GMUX__BOX_CLOSED);
  else
    gmux__list_append(&w->server->loop_only.waiters, &w->link);
}

static void server_tell_waiters(gmux_server *server) {
  for (gmux__link *l = gmux__list_shift(&server->loop_only.waiters); l;
       l = gmux__list_shift(&server->loop_only.waiters))
    gmux__mailbox_set(gmux__container(l, drain_waiter, link)->box, GMUX__BOX_CLOSED);
}

/* ---- the end, on the loop's thread ---- */

static const char *const server_states[] = {"OPEN", "DRAINING", "CLOSED"};
static const uint16_t server_edges[] = {
    [GMUX__SERVER_OPEN] = GMUX__TO(GMUX__SERVER_DRAINING),
    [GMUX__SERVER_DRAINING] = GMUX__TO(GMUX__SERVER_CLOSED),
    [GMUX__SERVER_CLOSED] = 0,
};
const gmux__machine gmux__server_machine = {"server", GMUX__SERVER_CLOSED + 1, server_states,
                                            server_edges};

static void server_set_state(gmux_server *server, gmux__server_state state) {
  gmux__server_state old = server->loop_only.state;
  gmux__machine_step(&gmux__server_machine, old, state);
  gmux__log(gmux__loop_logger(server->loop), GMUX_LOG_DEBUG, "server", "server: %s -> %s",
            server_states[old], server_states[state]);
  server->loop_only.state = state;
}

size_t gmux__server_connection_count(const gmux_server *server) {
  size_t count = 0;
  for (int state = 0; state < GMUX__SERVER_CONN_GONE; state++)
    count += server->loop_only.connections[state].count;
  return count;
}

void gmux__server_maybe_close(gmux_server *server) {
  if (server->loop_only.state != GMUX__SERVER_DRAINING || gmux__server_connection_count(server) > 0)
    return;
  server_set_state(server, GMUX__SERVER_CLOSED);
  gmux__timer_clear(server->loop, &server->loop_only.grace);
  gmux__h2_keep_nothing(server->h2);
  gmux__log(gmux__loop_logger(server->loop), GMUX_LOG_INFO, "server", "closed");
  gmux__farewells_tell(&server->loop_only.farewells);
  if (server->ending.on_closed) server->ending.on_closed(server->ending.user_data);
  server_tell_waiters(server);
  server_maybe_free(server);
}

static gmux__server_conn *conn_of(gmux__link *link) {
  return gmux__container(link, gmux__server_conn, link);
}

/* Those that are left; their calls are told that they are cancelled. */
static void server_close_connections(gmux_server *server) {
  /* None leaves its list here: on_closed never comes from inside gmux__conn_close. */
  for (int state = 0; state < GMUX__SERVER_CONN_GONE; state++)
    for (gmux__link *l = server->loop_only.connections[state].first; l; l = l->next)
      gmux__conn_close(conn_of(l)->conn, GMUX_ERR_CLOSED, GMUX__H2_NO_ERROR, shutting_down);
}

static void server_on_grace_over(void *arg) {
  server_close_connections(arg);
}

/* From now on the time runs that was last asked for, if it is over sooner. */
static void server_apply_grace(gmux_server *server) {
  int64_t grace_ms = atomic_load(&server->shared.grace_ms);
  if (grace_ms == GMUX_NO_TIMEOUT) return;
  if (grace_ms == 0) {
    server_close_connections(server);
    return;
  }
  uint64_t now_ns = gmux__loop_now(server->loop);
  uint64_t grace_ns = (uint64_t)grace_ms > (GMUX__NEVER - 1 - now_ns) / GMUX__NS_PER_MS
                          ? GMUX__NEVER - 1 - now_ns
                          : (uint64_t)grace_ms * GMUX__NS_PER_MS;
  uint64_t at_ns = now_ns + grace_ns;
  if (at_ns < server->loop_only.grace.at_ns)
    gmux__timer_set(server->loop, &server->loop_only.grace, at_ns);
}

static void server_close_listeners(gmux_server *server) {
  for (gmux__link *l = gmux__list_shift(&server->loop_only.listeners); l;
       l = gmux__list_shift(&server->loop_only.listeners))
    gmux__server_listener_close(gmux__container(l, gmux__server_listener, link));
}

static void server_drain_connections(gmux_server *server) {
  gmux__list *lists = server->loop_only.connections;
  for (gmux__link *l = lists[GMUX__SERVER_CONN_HANDSHAKING].first; l; l = l->next)
    gmux__server_conn_drain(conn_of(l), shutting_down);
  while (lists[GMUX__SERVER_CONN_SERVING].first) /* each goes to LEAVING */
    gmux__server_conn_drain(conn_of(lists[GMUX__SERVER_CONN_SERVING].first), shutting_down);
}

static void server_on_goaway(void *arg) {
  gmux_server *server = arg;
  if (server->loop_only.state != GMUX__SERVER_DRAINING) return; /* none was left */
  server_drain_connections(server);
  server_apply_grace(server);
  gmux__server_maybe_close(server);
}

static void server_tell_hooks(gmux_server *server) {
  for (gmux__link *l = server->hooks.first; l; l = l->next) {
    gmux__server_hook *hook = gmux__container(l, gmux__server_hook, link);
    if (hook->on_drain) hook->on_drain(hook);
  }
}

static void server_on_drain_post(gmux__post *post) {
  gmux_server *server = gmux__container(post, gmux_server, shared.drain_post);
  server_set_state(server, GMUX__SERVER_DRAINING);
  if (server->lane) gmux__server_lane_shut(server->lane);
  server_close_listeners(server);
  server_tell_hooks(server);
  /* Behind the writes that the hooks have asked for in this phase. */
  gmux__loop_defer(server->loop, GMUX__PHASE_WRITE, &server->loop_only.goaway_task);
}

static void server_on_shorten_post(gmux__post *post) {
  gmux_server *server = gmux__container(post, gmux_server, shared.shorten_post);
  atomic_store(&server->shared.is_shortening, false);
  /* Before connections are told there is nothing to do: the shorter time will be seen then. */
  if (server->loop_only.state == GMUX__SERVER_DRAINING &&
      !gmux__task_is_deferred(&server->loop_only.goaway_task))
    server_apply_grace(server);
}

static void server_on_free_post(gmux__post *post) {
  gmux_server *server = gmux__container(post, gmux_server, shared.free_post);
  server->loop_only.is_handle_held = false;
  gmux__h2_keep_nothing(server->h2);
  server_maybe_free(server);
}

/* ---- the application's side ---- */

static void server_set_codecs(gmux_server *server) {
  gmux_server_options *o = &server->options;
  gmux__codecs_init(&server->codecs, o->codecs, o->codec_count);
  gmux__usual_init(&server->usual, server->codecs.accept);
  server->encoding = gmux__codecs_named(&server->codecs, o->compression);
  o->codecs = NULL;
  o->compression = NULL;
}

int gmux_server_new(gmux_server **out, gmux_loop *loop, const gmux_server_options *options) {
  if (!out || !loop)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_server_new: %s is NULL", out ? "loop" : "out");
  gmux_server_options o;
  int error = gmux__server_options_read(&o, options);
  if (error) return error;
  gmux_server *server = gmux__calloc(1, sizeof *server);
  if (!server) return gmux__fail_code(GMUX_ERR_NOMEM);
  server->loop = loop;
  server->options = o;
  server_set_codecs(server);
  server->home = (gmux__exchange_home){&gmux__server_call_ops, loop, &server->codecs};
  gmux__h2_config config = gmux__server_h2_config(&o);
  config.codecs = &server->codecs;
  gmux__slab_init(&server->loop_only.call_slab, sizeof(gmux_server_call), SERVER_KEEP_CALLS);
  gmux__slab_init(&server->loop_only.request_slab, GMUX__CALL_REQUEST_SLAB, SERVER_KEEP_REQUESTS);
  error = gmux__h2_new(&server->h2, loop, &config);
  if (error) {
    server_destroy(server);
    return error;
  }
  uint32_t connections = gmux__h2_connections_max(server->h2);
  if (server->options.max_connections > connections) server->options.max_connections = connections;
  server->loop_only.is_handle_held = true;
  gmux__timer_init(&server->loop_only.grace, server_on_grace_over, server);
  gmux__task_init(&server->loop_only.goaway_task, server_on_goaway, server);
  gmux__task_init(&server->loop_only.free_task, server_on_free, server);
  server->shared.drain_post.fn = server_on_drain_post;
  server->shared.shorten_post.fn = server_on_shorten_post;
  server->shared.free_post.fn = server_on_free_post;
  atomic_init(&server->shared.grace_ms, GMUX_NO_TIMEOUT);
  gmux__loop_ref(loop);
  *out = server;
  return 0;
}

typedef struct adding {
  const char *path;
  const gmux__method *method;
} adding;

static int server_add(gmux_server *server, const char *path, const gmux__method *method);

static int lane_add(gmux_server *server, void *arg) {
  const adding *a = arg;
  return server_add(server, a->path, a->method);
}

/* On several loops the first listens for all, and connections run on the others from then on. */
static bool server_has_listened(const gmux_server *server) {
  if (server->lane) server = server->lane->front->lanes[0].server;
  return atomic_load(&server->shared.has_listened);
}

/* On several loops the first one refuses what is wrong, before any has it. */
static int server_add(gmux_server *server, const char *path, const gmux__method *method) {
  adding a = {path, method};
  if (server->front) return gmux__server_front_each(server->front, lane_add, &a);
  if (server_has_listened(server))
    return gmux__fail(GMUX_ERR_STATE, "the server listens already: add its methods before that");
  return gmux__methods_add(&server->methods, path, method);
}

int gmux__server_add_hook(gmux_server *server, gmux__server_hook *hook) {
  if (server_has_listened(server))
    return gmux__fail(GMUX_ERR_STATE, "the server listens already: add its services before that");
  gmux__list_append(&server->hooks, &hook->link);
  return 0;
}

int gmux_server_add_method(gmux_server *server, const char *path, gmux_method_kind kind,
                           const gmux_server_handlers *handlers, void *user_data) {
  if (!server || !path || !handlers)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_server_add_method: server, path or handlers is NULL");
  if ((unsigned)kind > GMUX_BIDI_STREAMING)
    return gmux__fail(GMUX_ERR_INVALID, "%d is not a gmux_method_kind", (int)kind);
  if (!handlers->on_call && !handlers->on_message && !handlers->on_half_close)
    return gmux__fail(GMUX_ERR_INVALID,
                      "method \"%.160s\" would never be told of a call: set one "
                      "of on_call, on_message and on_half_close",
                      path);
  gmux__method method = {.kind = kind, .handlers = handlers, .user_data = user_data};
  return server_add(server, path, &method);
}

int gmux_server_add_unary(gmux_server *server, const char *path, gmux_server_unary_fn fn,
                          void *user_data) {
  if (!server || !path || !fn)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_server_add_unary: server, path or fn is NULL");
  static const gmux_server_handlers no_handlers = {.on_call = NULL};
  gmux__method method = {
      .kind = GMUX_UNARY, .handlers = &no_handlers, .unary = fn, .user_data = user_data};
  return server_add(server, path, &method);
}

static void server_lower_grace(gmux_server *server, int64_t grace_ms) {
  int64_t now = atomic_load(&server->shared.grace_ms);
  while (grace_ms < now && !atomic_compare_exchange_weak(&server->shared.grace_ms, &now, grace_ms))
    ;
}

void gmux_server_drain(gmux_server *server, int64_t grace_ms, void (*on_closed)(void *user_data),
                       void *user_data) {
  if (!server) return;
  if (server->front) {
    gmux__server_front_drain(server->front, grace_ms, on_closed, user_data);
    return;
  }
  server_lower_grace(server, grace_ms < 0 ? 0 : grace_ms);
  if (!atomic_exchange(&server->shared.is_ending, true)) {
    server->ending.on_closed = on_closed;
    server->ending.user_data = user_data;
    gmux__loop_post(server->loop, &server->shared.drain_post);
    return;
  }
  if (!atomic_exchange(&server->shared.is_shortening, true))
    gmux__loop_post(server->loop, &server->shared.shorten_post);
}

void gmux_server_close(gmux_server *server, void (*on_closed)(void *user_data), void *user_data) {
  gmux_server_drain(server, 0, on_closed, user_data);
}

int gmux_server_drain_wait(gmux_server *server, int64_t grace_ms) {
  if (!server) return gmux__fail(GMUX_ERR_INVALID, "gmux_server_drain_wait: server is NULL");
  if (server->front ? gmux__server_front_is_inside(server->front)
                    : gmux_loop_is_inside(server->loop))
    return gmux__fail(GMUX_ERR_DEADLOCK, "gmux_server_drain_wait was called on the loop's own "
                                         "thread, which would wait for itself");
  if (server->front) return gmux__server_front_drain_wait(server->front, grace_ms);
  drain_waiter w = {.post.fn = waiter_on_post, .server = server};
  int error = gmux__mailbox_new(&w.box);
  if (error) return error;
  gmux_server_drain(server, grace_ms, NULL, NULL);
  gmux__loop_post(server->loop, &w.post);
  gmux__mailbox_wait(w.box, GMUX__BOX_CLOSED, -1);
  gmux__mailbox_free(w.box);
  return 0;
}

void gmux_server_free(gmux_server *server) {
  if (!server) return;
  if (server->front) {
    gmux__server_front_free(server->front);
    return;
  }
  /* A drain that runs keeps the time it was given. */
  if (!atomic_load(&server->shared.is_ending)) gmux_server_close(server, NULL, NULL);
  gmux__loop_post(server->loop, &server->shared.free_post);
}
