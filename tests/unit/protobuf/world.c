/* world.c: what the tests of client and server share. */
#include "tests/unit/protobuf/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the service ---- */

static void echo_reply(echo *e, Test__Pb__Reply_Closure closure, void *closure_data) {
  static char text[ECHO_LONG_BYTES + 1];
  Test__Pb__Reply reply = TEST__PB__REPLY__INIT;
  snprintf(text, sizeof text, "Hello, %s!", e->name);
  if (e->mode == ECHO_LONG) memset(text, 'x', ECHO_LONG_BYTES);
  if (e->mode != ECHO_INCOMPLETE) reply.text = text;
  closure(e->mode == ECHO_NOTHING ? NULL : &reply, closure_data);
}

static void echo_say(Test__Pb__Echo_Service *service, const Test__Pb__Request *request,
                     Test__Pb__Reply_Closure closure, void *closure_data) {
  echo *e = (echo *)service;
  e->calls++;
  snprintf(e->name, sizeof e->name, "%s", request->name);
  e->closure = closure;
  e->closure_data = closure_data;
  if (e->mode == ECHO_LATER) return;
  echo_reply(e, closure, closure_data);
  if (e->mode == ECHO_TWICE) echo_reply(e, closure, closure_data);
}

static void echo_grow(Test__Pb__Echo_Service *service, const Test__Pb__Node *request,
                      Test__Pb__Node_Closure closure, void *closure_data) {
  (void)service;
  closure(request, closure_data);
}

void echo_init(echo *e) {
  *e = (echo){.service = {.base = TEST__PB__ECHO__BASE_INIT, .say = echo_say, .grow = echo_grow}};
}

void echo_answer(echo *e) {
  echo_reply(e, e->closure, e->closure_data);
}

/* ---- the world ---- */

world *world_new(int (*add)(gmux_server *server)) {
  static char name[] = "Ada";
  world *w = sim_alloc(sizeof *w);
  w->sim = sim_new(1);
  w->loop = sim_loop(w->sim);
  echo_init(&w->echo);
  test__pb__request__init(&w->request);
  w->request.name = name;

  gmux_channel_options options;
  gmux_channel_options_init(&options, sizeof options);
  options.cleartext = true;
  uint16_t port = 0;
  char target[64];
  int error = w->loop ? gmux_server_new(&w->server, w->loop, NULL) : GMUX_ERR_NOMEM;
  if (!error)
    error = add ? add(w->server) : gmux_server_add_protobuf(w->server, &w->echo.service.base);
  if (!error) error = gmux_server_listen_cleartext(w->server, "ipv4:127.0.0.1:0", &port);
  if (!error) {
    snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", port);
    error = gmux_channel_new(&w->channel, w->loop, target, &options);
  }
  if (!error) return w;
  CU_ASSERT_EQUAL(error, GMUX_ERR_NOMEM);
  world_free(w);
  return NULL;
}

void world_free(world *w) {
  if (!w) return;
  gmux_channel_free(w->channel);
  gmux_server_free(w->server);
  sim_run_for(w->sim, GMUX__NS_PER_S);
  sim_free(w->sim);
  free(w);
}

/* ---- calls ---- */

static void outcome_set(outcome *o, const gmux_status *status) {
  o->count++;
  o->code = status->code;
  snprintf(o->message, sizeof o->message, "%s", status->message);
}

void on_outcome(gmux_call *call, const gmux_status *status, const ProtobufCMessage *reply,
                const gmux_metadata *trailers, void *user_data) {
  (void)call;
  outcome *o = user_data;
  outcome_set(o, status);
  CU_ASSERT_EQUAL(reply != NULL, status->code == GMUX_OK);
  if (reply) snprintf(o->text, sizeof o->text, "%s", ((const Test__Pb__Reply *)reply)->text);
  const char *trailer = gmux_metadata_get(trailers, "x-trailer", NULL);
  if (trailer) snprintf(o->trailer, sizeof o->trailer, "%s", trailer);
}

static bool outcome_is_there(void *arg) {
  return ((outcome *)arg)->count > 0;
}

void world_wait(world *w, outcome *o) {
  CU_ASSERT_TRUE(sim_run_until(w->sim, outcome_is_there, o, 60 * GMUX__NS_PER_S));
  CU_ASSERT_EQUAL(o->count, 1);
}

int world_say(world *w, outcome *o) {
  return gmux_protobuf_call_start(NULL, w->channel, &test__pb__echo__descriptor, "Say", NULL,
                                  &w->request.base, on_outcome, o);
}

outcome world_ask(world *w) {
  outcome o = {0};
  CU_ASSERT_EQUAL_FATAL(world_say(w, &o), 0);
  CU_ASSERT_EQUAL(o.count, 0);
  world_wait(w, &o);
  return o;
}

static void on_raw(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                   const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers;
  outcome_set(user_data, status);
}

outcome world_ask_raw(world *w, const char *path, const void *bytes, size_t len) {
  outcome o = {0};
  gmux_method *method;
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&method, path, GMUX_UNARY, 0), 0);
  gmux_bytes request = gmux_bytes_borrow(bytes, len);
  CU_ASSERT_EQUAL_FATAL(gmux_call_unary_start(NULL, w->channel, method, NULL, &request, on_raw, &o),
                        0);
  gmux_method_free(method);
  world_wait(w, &o);
  return o;
}
