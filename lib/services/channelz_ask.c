/*
 * channelz_ask.c: the service: a question, and its way to the loops of those it asks for.
 *
 * A question belongs to its call. What is on the server's own loop is looked at on the spot; for
 * what is on another it goes there itself, writes what it finds, goes on to the next, and comes
 * home with the answer:
 *
 *     HOME   on the server's loop. ask_run, ask_answer
 *       | ask_go (to a loop)                       ^
 *       v                                          | ask_on_home
 *     AWAY   on its way, or on another loop. ask_run
 *
 * A call can end while its question is away: its time is over, the client has gone, the server is
 * closed, the question has been away for PATIENCE because a loop does not run. Then nobody waits
 * for it at home, where the loop itself may be gone (is_given_up): it ends where it is.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/server/front.h"
#include "lib/services/answer.h"
#include "lib/services/channelz.h"
#include <stdio.h>

/* For what is not more than a turn of a loop. */
#define PATIENCE_NS (5 * GMUX__NS_PER_S)

typedef enum ask_kind {
  ASK_TOP_CHANNELS = 0,
  ASK_SERVERS,
  ASK_SERVER,
  ASK_SERVER_SOCKETS,
  ASK_CHANNEL,
  ASK_SUBCHANNEL,
  ASK_SOCKET,
  ASK_KINDS
} ask_kind;

typedef struct ask {
  gmux_channelz *z; /* held */
  ask_kind kind;
  uint64_t id; /* whom it asks for; of a page, from whom on */
  uint64_t from_socket;
  size_t max, found;
  gmux__pb_writer out;
  gmux_code code;
  gmux__post post;
  struct {
    gmux_server_call *call; /* borrowed: until on_end */
    gmux_loop *loop;
    gmux__timer patience;
  } home; /* not to be looked at while AWAY, unless z's lock says that is_given_up is not set */
  struct {
    bool is_away, is_given_up;
  } locked; /* by z's */
} ask;

static void ask_free(ask *a) {
  gmux__pb_deinit(&a->out);
  gmux__channelz_release(a->z);
  gmux__free(a);
}

/* ---- its end ---- */

static const char *code_words(const ask *a) {
  if (a->code == GMUX_NOT_FOUND) return "there is no such object, or not any more";
  return "too many questions wait for loops that do not answer";
}

/* HOME. What is left of it goes with its call. */
static void ask_answer(ask *a) {
  gmux__timer_clear(a->home.loop, &a->home.patience);
  if (a->code != GMUX_OK)
    gmux__services_fail(a->home.call, a->code, code_words(a));
  else if (gmux__services_may_answer(a->home.call))
    gmux__services_reply(a->home.call, &a->out);
}

static void ask_on_home(gmux__post *post) {
  ask *a = gmux__container(post, ask, post);
  gmux__lock_take(a->z->lock);
  a->locked.is_away = false;
  a->z->locked.away--;
  bool is_given_up = a->locked.is_given_up;
  gmux__lock_give(a->z->lock);
  if (is_given_up)
    ask_free(a);
  else
    ask_answer(a);
}

/* AWAY, with the lock held. False: nobody is there any more. */
static bool ask_go_home(ask *a) {
  if (a->locked.is_given_up) {
    a->z->locked.away--;
    return false;
  }
  a->post.fn = ask_on_home;
  gmux__loop_post(a->home.loop, &a->post);
  return true;
}

static void ask_end(ask *a, gmux_code code) {
  a->code = code;
  gmux__lock_take(a->z->lock);
  bool is_away = a->locked.is_away;
  bool is_orphan = is_away && !ask_go_home(a);
  gmux__lock_give(a->z->lock);
  if (is_orphan)
    ask_free(a);
  else if (!is_away)
    ask_answer(a);
}

/* ---- its way ---- */

static void ask_on_visit(gmux__post *post);

typedef enum ask_step { STEP_HERE, STEP_GONE, STEP_NOBODY, STEP_TOO_MANY } ask_step;

static bool is_page(ask_kind kind) {
  return kind == ASK_TOP_CHANNELS || kind == ASK_SERVERS;
}

/* Whom it asks for next; with the lock held. */
static gmux__channelz_entry *ask_whom(const ask *a) {
  if (is_page(a->kind)) return gmux__channelz_from(a->z, a->id, a->kind == ASK_TOP_CHANNELS);
  bool is_childs = a->kind == ASK_SUBCHANNEL || a->kind == ASK_SOCKET;
  return gmux__channelz_find(a->z, is_childs ? gmux__channelz_owner_id(a->id) : a->id);
}

/* With the lock held: to the loop of `entry`, which therefore runs. */
static ask_step ask_go(ask *a, gmux__channelz_entry *entry) {
  if (!a->locked.is_away && a->z->locked.away >= GMUX__CHANNELZ_AWAY_MAX) return STEP_TOO_MANY;
  if (!a->locked.is_away) a->z->locked.away++;
  a->locked.is_away = true;
  a->post.fn = ask_on_visit;
  gmux__loop_post(entry->loop, &a->post);
  return STEP_GONE;
}

/* Each is looked up anew: it may have left meanwhile. */
static ask_step ask_next(ask *a, gmux__channelz_entry **out) {
  gmux__lock_take(a->z->lock);
  gmux__channelz_entry *entry = ask_whom(a);
  ask_step step = STEP_NOBODY;
  if (entry) step = gmux_loop_is_inside(entry->loop) ? STEP_HERE : ask_go(a, entry);
  gmux__lock_give(a->z->lock);
  *out = entry;
  return step;
}

/* On the entry's loop. False: it has not what was asked for. */
static bool ask_write(ask *a, const gmux__channelz_entry *entry) {
  switch (a->kind) {
  case ASK_TOP_CHANNELS:
  case ASK_CHANNEL:
    if (!entry->channel || entry->lanes == 0) return false;
    gmux__channelz_put_channel(&a->out, 1, entry);
    return true;
  case ASK_SERVERS:
  case ASK_SERVER:
    if (entry->server) gmux__channelz_put_server(&a->out, 1, entry);
    return entry->server != NULL;
  case ASK_SERVER_SOCKETS:
    if (!entry->server) return false;
    gmux__pb_put_uint(&a->out, 2,
                      gmux__channelz_put_sockets(&a->out, 1, entry, a->from_socket, a->max));
    return true;
  case ASK_SUBCHANNEL:
    return gmux__channelz_put_subchannel(&a->out, 1, entry, a->id);
  case ASK_SOCKET:
    return gmux__channelz_put_socket(&a->out, 1, entry, a->id);
  case ASK_KINDS:
    break;
  }
  return false;
}

/* Of a page: the one that was looked for is not there. */
static void ask_end_page(ask *a) {
  gmux__pb_put_uint(&a->out, 2, true);
  ask_end(a, GMUX_OK);
}

static bool ask_has_more(const ask *a) {
  gmux__lock_take(a->z->lock);
  bool has_more = ask_whom(a) != NULL;
  gmux__lock_give(a->z->lock);
  return has_more;
}

/* True: go on. */
static bool ask_visit(ask *a, const gmux__channelz_entry *entry) {
  bool has_found = ask_write(a, entry);
  if (!is_page(a->kind)) {
    ask_end(a, has_found ? GMUX_OK : GMUX_NOT_FOUND);
    return false;
  }
  a->id = entry->id + 1;
  if (++a->found < a->max) return true;
  if (ask_has_more(a))
    ask_end(a, GMUX_OK);
  else
    ask_end_page(a);
  return false;
}

static void ask_run(ask *a) {
  gmux__channelz_entry *entry;
  ask_step step;
  do
    step = ask_next(a, &entry);
  while (step == STEP_HERE && ask_visit(a, entry));
  if (step == STEP_TOO_MANY) ask_end(a, GMUX_RESOURCE_EXHAUSTED);
  if (step != STEP_NOBODY) return; /* gone, or answered, and perhaps freed */
  if (is_page(a->kind))
    ask_end_page(a);
  else
    ask_end(a, GMUX_NOT_FOUND);
}

static void ask_on_visit(gmux__post *post) {
  ask_run(gmux__container(post, ask, post));
}

static void ask_on_patience(void *arg) {
  const ask *a = arg;
  gmux__services_fail(a->home.call, GMUX_UNAVAILABLE,
                      "a loop on which something of what was asked for lives does not answer");
}

/* ---- the service ---- */

typedef struct service service;

typedef struct method {
  service *of;
  ask_kind kind;
} method;

/* As long as its server. */
struct service {
  gmux_channelz *z; /* held */
  gmux_server *server;
  gmux__server_hook hook;
  method methods[ASK_KINDS];
};

/* The fields of all requests are numbers, from 1 on. False: it is no message. */
static bool read_request(const gmux_bytes *message, int64_t values[4]) {
  gmux__pb_reader r = gmux__pb_read(message->data, message->len);
  gmux__pb_field field;
  while (gmux__pb_next(&r, &field))
    if (field.number < 4 && field.type == GMUX__PB_VARINT)
      values[field.number] = (int64_t)field.value;
  return !r.is_broken;
}

static void ask_take_request(ask *a, const int64_t values[4]) {
  bool is_sockets = a->kind == ASK_SERVER_SOCKETS;
  uint64_t max = (uint64_t)values[is_sockets ? 3 : 2];
  a->id = (uint64_t)values[1];
  a->from_socket = (uint64_t)values[2];
  a->max = max > 0 && max < GMUX__CHANNELZ_PAGE ? (size_t)max : GMUX__CHANNELZ_PAGE;
}

static ask *ask_new(const method *m, gmux_server_call *call) {
  ask *a = gmux__calloc(1, sizeof *a);
  if (!a) return NULL;
  a->kind = m->kind;
  a->z = m->of->z;
  a->home.call = call;
  a->home.loop = m->of->server->loop;
  gmux__timer_init(&a->home.patience, ask_on_patience, a);
  gmux__lock_take(a->z->lock);
  gmux__channelz_hold(a->z);
  gmux__lock_give(a->z->lock);
  return a;
}

static void on_message(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  int64_t values[4] = {0};
  if (!read_request(message, values)) {
    gmux__services_fail(call, GMUX_INTERNAL, "the request is not a valid message");
    return;
  }
  if (values[1] < 0 || values[2] < 0 || values[3] < 0) {
    gmux__services_fail(call, GMUX_INVALID_ARGUMENT, "ids and max_results are not negative");
    return;
  }
  ask *a = ask_new(user_data, call);
  if (!a) {
    gmux__services_fail(call, GMUX_RESOURCE_EXHAUSTED, "out of memory for the request");
    return;
  }
  ask_take_request(a, values);
  gmux_server_call_set_data(call, a);
}

static void on_half_close(gmux_server_call *call, void *user_data) {
  (void)user_data;
  ask *a = gmux_server_call_get_data(call);
  if (!a) return;
  gmux__timer_set(a->home.loop, &a->home.patience, gmux__loop_now(a->home.loop) + PATIENCE_NS);
  ask_run(a);
}

static void on_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)code, (void)user_data;
  ask *a = gmux_server_call_get_data(call);
  if (!a) return;
  gmux__timer_clear(a->home.loop, &a->home.patience);
  gmux__lock_take(a->z->lock);
  bool is_away = a->locked.is_away;
  a->locked.is_given_up = true;
  gmux__lock_give(a->z->lock);
  if (!is_away) ask_free(a);
}

static const gmux_server_handlers handlers = {
    .on_message = on_message, .on_half_close = on_half_close, .on_end = on_end};

static void service_free(service *s) {
  gmux__channelz_release(s->z);
  gmux__free(s);
}

static void service_on_free(gmux__server_hook *hook) {
  service_free(gmux__container(hook, service, hook));
}

static service *service_new(gmux_server *server, gmux_channelz *z) {
  service *s = gmux__calloc(1, sizeof *s);
  if (!s) return NULL;
  *s = (service){.z = z, .server = server, .hook.on_free = service_on_free};
  for (int kind = 0; kind < ASK_KINDS; kind++)
    s->methods[kind] = (method){s, (ask_kind)kind};
  gmux__lock_take(z->lock);
  gmux__channelz_hold(z);
  gmux__lock_give(z->lock);
  return s;
}

static int service_add_methods(service *s) {
  static const char *const paths[] = {
      [ASK_TOP_CHANNELS] = "/grpc.channelz.v1.Channelz/GetTopChannels",
      [ASK_SERVERS] = "/grpc.channelz.v1.Channelz/GetServers",
      [ASK_SERVER] = "/grpc.channelz.v1.Channelz/GetServer",
      [ASK_SERVER_SOCKETS] = "/grpc.channelz.v1.Channelz/GetServerSockets",
      [ASK_CHANNEL] = "/grpc.channelz.v1.Channelz/GetChannel",
      [ASK_SUBCHANNEL] = "/grpc.channelz.v1.Channelz/GetSubchannel",
      [ASK_SOCKET] = "/grpc.channelz.v1.Channelz/GetSocket",
  };
  int error = 0;
  for (int kind = 0; kind < ASK_KINDS && !error; kind++)
    error =
        gmux_server_add_method(s->server, paths[kind], GMUX_UNARY, &handlers, &s->methods[kind]);
  return error;
}

static int lane_add_channelz(gmux_server *server, void *z) {
  return gmux_server_add_channelz(server, z);
}

int gmux_server_add_channelz(gmux_server *server, gmux_channelz *z) {
  if (!server || !z)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_server_add_channelz: %s is NULL",
                      server ? "z" : "server");
  if (server->front) return gmux__server_front_each(server->front, lane_add_channelz, z);
  service *s = service_new(server, z);
  if (!s) return gmux__fail_code(GMUX_ERR_NOMEM);
  int error = gmux__server_add_hook(server, &s->hook);
  if (error) {
    service_free(s);
    return error;
  }
  return service_add_methods(s); /* those that were added stay, and so does s, with the server */
}
