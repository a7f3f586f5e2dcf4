/*
 * health_service.c: grpc.health.v1.Health, a gmux_health's seat at a server.
 *
 * The seat and its watchers are the loop's alone. A watcher has at most one message that has not
 * left, and looks for the latest status when it has: so nothing queues up for one that does not
 * read.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/server/call.h"
#include "lib/server/front.h"
#include "lib/services/answer.h"
#include "lib/services/health.h"
#include <stdio.h>
#include <string.h>

/* Field numbers of health.proto. */
enum { REQUEST_SERVICE = 1, RESPONSE_STATUS = 1, LIST_STATUSES = 1, MAP_KEY = 1, MAP_VALUE = 2 };

enum { LIST_MAX = 100 }; /* services; gRFC A90 leaves it to the server, grpc-go has this */

typedef struct seat {
  gmux__server_hook hook;
  gmux__health_listener listener;
  gmux_health *health; /* held */
  gmux__list watchers;
  bool is_draining; /* the server: whatever the statuses are, its clients go elsewhere */
  bool is_orphan;   /* the server is gone, the last post is not */
} seat;

typedef struct watcher {
  gmux__link link; /* in its seat's list */
  seat *seat;
  gmux_server_call *call;          /* until its on_end */
  const gmux__health_entry *entry; /* NULL: nobody knows its name yet */
  int shown;                       /* the status it was sent last; -1: none */
  size_t name_len;
  char name[]; /* cut behind a length that nothing is called by */
} watcher;

static int seat_status(const seat *s, const gmux__health_entry *entry) {
  if (entry && s->is_draining) return GMUX_HEALTH_NOT_SERVING;
  return gmux__health_status_of(s->health, entry);
}

static void put_status(gmux__pb_writer *w, int status) {
  gmux__pb_put_uint(w, RESPONSE_STATUS, (uint64_t)status);
}

/* The name in a HealthCheckRequest, borrowed. False: it is none; the call is told. */
static bool read_request(gmux_server_call *call, const gmux_bytes *request, gmux__pb_field *name) {
  gmux__pb_reader reader = gmux__pb_read(request->data, request->len);
  gmux__pb_field field;
  *name = (gmux__pb_field){.len = 0};
  while (gmux__pb_next(&reader, &field))
    if (gmux__pb_is(&field, REQUEST_SERVICE, GMUX__PB_BYTES)) *name = field;
  if (!reader.is_broken) return true;
  gmux__services_fail(call, GMUX_INTERNAL,
                      "the request is not a valid grpc.health.v1.HealthCheckRequest");
  return false;
}

/* ---- Check and List ---- */

static void on_check(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  seat *s = user_data;
  gmux__pb_field name;
  if (!read_request(call, request, &name)) return;
  const gmux__health_entry *entry = gmux__health_find(s->health, (const char *)name.data, name.len);
  if (!entry) {
    gmux__services_fail(call, GMUX_NOT_FOUND, "unknown service");
    return;
  }
  gmux__pb_writer w = {.buf = {0}};
  put_status(&w, seat_status(s, entry));
  gmux__services_reply(call, &w);
}

static void put_entry(gmux__pb_writer *w, const seat *s, const gmux__health_entry *entry) {
  size_t pair = gmux__pb_begin(w, LIST_STATUSES);
  gmux__pb_put_bytes(w, MAP_KEY, entry->name, entry->name_len);
  size_t value = gmux__pb_begin(w, MAP_VALUE);
  put_status(w, seat_status(s, entry));
  gmux__pb_end(w, value);
  gmux__pb_end(w, pair);
}

static void on_list(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)request; /* it has no fields */
  seat *s = user_data;
  gmux__pb_writer w = {.buf = {0}};
  size_t count = 0;
  for (const gmux__health_entry *e = atomic_load(&s->health->youngest); e; e = e->next) {
    if (++count <= LIST_MAX) {
      put_entry(&w, s, e);
      continue;
    }
    gmux__pb_deinit(&w);
    char why[96];
    snprintf(why, sizeof why, "there are more than %d services: check or watch those you need",
             LIST_MAX);
    gmux__services_fail(call, GMUX_RESOURCE_EXHAUSTED, why);
    return;
  }
  gmux__services_reply(call, &w);
}

/* ---- Watch ---- */

/* Sends what it was not sent last; as long as an older message has not left the call takes none
 * (GMUX_ERR_AGAIN), and on_writable comes back here. */
static void watcher_update(watcher *w) {
  if (!w->entry) w->entry = gmux__health_find(w->seat->health, w->name, w->name_len);
  int status = seat_status(w->seat, w->entry);
  if (status == w->shown) return;
  gmux__pb_writer message = {.buf = {0}};
  put_status(&message, status);
  int rv = gmux__services_write(w->call, &message);
  if (rv >= 0) w->shown = status;
  /* It would not learn of the change; the client comes again. */
  if (rv == GMUX_ERR_NOMEM)
    gmux__services_fail(w->call, GMUX_RESOURCE_EXHAUSTED, "the server is out of memory");
}

/* The server drains: this is the last that the watcher hears. */
static void watcher_end(watcher *w) {
  gmux__services_fail(w->call, GMUX_UNAVAILABLE, "the server is shutting down");
}

static watcher *watcher_new(seat *s, gmux_server_call *call, const gmux__pb_field *name) {
  size_t len = name->len <= GMUX_HEALTH_NAME_MAX ? name->len : GMUX_HEALTH_NAME_MAX + 1;
  watcher *w = gmux__calloc(1, sizeof *w + len);
  if (!w) return NULL;
  w->seat = s;
  w->call = call;
  w->shown = -1;
  w->name_len = len;
  if (len > 0) memcpy(w->name, name->data, len);
  gmux__list_append(&s->watchers, &w->link);
  return w;
}

static void watch_on_call(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux__server_call_queue_one(call);
}

static void watch_on_message(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  seat *s = user_data;
  gmux__pb_field name;
  if (!read_request(call, request, &name)) return;
  watcher *w = watcher_new(s, call, &name);
  if (!w) {
    gmux__services_fail(call, GMUX_RESOURCE_EXHAUSTED, "the server is out of memory");
    return;
  }
  gmux_server_call_set_data(call, w);
  watcher_update(w);
  if (s->is_draining) watcher_end(w);
}

static void watch_on_writable(gmux_server_call *call, void *user_data) {
  (void)user_data;
  watcher_update(gmux_server_call_get_data(call)); /* it is there: something was written */
}

static void watch_on_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)code, (void)user_data;
  watcher *w = gmux_server_call_get_data(call);
  if (!w) return;
  gmux__list_remove(&w->link);
  gmux__free(w);
}

static const gmux_server_handlers watch_handlers = {
    .on_call = watch_on_call,
    .on_message = watch_on_message,
    .on_writable = watch_on_writable,
    .on_end = watch_on_end,
};

/* ---- the seat ---- */

static void seat_update(seat *s) {
  for (gmux__link *l = s->watchers.first; l; l = l->next)
    watcher_update(gmux__container(l, watcher, link));
}

static void seat_free(seat *s) {
  gmux__health_release(s->health);
  gmux__free(s);
}

static void seat_on_post(gmux__post *post) {
  gmux__health_listener *listener = gmux__container(post, gmux__health_listener, post);
  seat *s = gmux__container(listener, seat, listener);
  atomic_store(&listener->is_posted, false);
  if (!s->is_orphan) {
    seat_update(s);
    return;
  }
  gmux_loop *loop = listener->loop;
  seat_free(s);
  gmux__loop_unref(loop);
}

static void seat_on_drain(gmux__server_hook *hook) {
  seat *s = gmux__container(hook, seat, hook);
  s->is_draining = true;
  seat_update(s);
  for (gmux__link *l = s->watchers.first; l; l = l->next)
    watcher_end(gmux__container(l, watcher, link));
}

/* The loop stays until a post that is on its way has come. */
static void seat_on_free(gmux__server_hook *hook) {
  seat *s = gmux__container(hook, seat, hook);
  gmux__health_unlisten(s->health, &s->listener);
  s->is_orphan = atomic_load(&s->listener.is_posted);
  if (s->is_orphan)
    gmux__loop_ref(s->listener.loop);
  else
    seat_free(s);
}

static int seat_new(seat **out, gmux_server *server, gmux_health *health) {
  seat *s = gmux__calloc(1, sizeof *s);
  if (!s) return gmux__fail_code(GMUX_ERR_NOMEM);
  s->hook = (gmux__server_hook){.on_drain = seat_on_drain, .on_free = seat_on_free};
  s->listener = (gmux__health_listener){.loop = server->loop, .post.fn = seat_on_post};
  s->health = health;
  int error = gmux__server_add_hook(server, &s->hook);
  if (error) {
    gmux__free(s);
    return error;
  }
  gmux__health_listen(health, &s->listener);
  *out = s;
  return 0;
}

/* Check comes first: where a health service is already, nothing is added. */
static int seat_add_methods(seat *s, gmux_server *server) {
  int error = gmux_server_add_unary(server, "/grpc.health.v1.Health/Check", on_check, s);
  if (!error) error = gmux_server_add_unary(server, "/grpc.health.v1.Health/List", on_list, s);
  if (!error)
    error = gmux_server_add_method(server, "/grpc.health.v1.Health/Watch", GMUX_SERVER_STREAMING,
                                   &watch_handlers, s);
  return error;
}

static int lane_add_health(gmux_server *server, void *health) {
  return gmux_server_add_health(server, health);
}

int gmux_server_add_health(gmux_server *server, gmux_health *health) {
  if (!server || !health)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_server_add_health: %s is NULL",
                      server ? "health" : "server");
  if (server->front) return gmux__server_front_each(server->front, lane_add_health, health);
  seat *s = NULL;
  int error = seat_new(&s, server, health);
  /* On failure the seat stays, idle, with the server. */
  return error ? error : seat_add_methods(s, server);
}
