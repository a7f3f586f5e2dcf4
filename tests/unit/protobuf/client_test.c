/* client_test.c: calls of a protobuf-c service. */
#include "nameless.pb-c.h"
#include "tests/unit/protobuf/world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const ProtobufCServiceDescriptor *const service = &test__pb__echo__descriptor;

static uint64_t calls_seen_by_server(world *w) {
  gmux_server_stats stats = {.size = sizeof stats};
  CU_ASSERT_EQUAL(gmux_server_get_stats(w->server, &stats), 0);
  return stats.calls_started;
}

static void a_call_brings_its_reply(void) {
  world *w = world_new(NULL);
  outcome o = world_ask(w);
  CU_ASSERT_EQUAL(o.code, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(o.text, "Hello, Ada!");
  world_free(w);
}

static void many_calls_share_one_connection(void) {
  world *w = world_new(NULL);
  outcome o[50] = {{0}};
  for (size_t i = 0; i < 50; i++)
    CU_ASSERT_EQUAL_FATAL(world_say(w, &o[i]), 0);
  for (size_t i = 0; i < 50; i++) {
    world_wait(w, &o[i]);
    CU_ASSERT_STRING_EQUAL(o[i].text, "Hello, Ada!");
  }
  gmux_channel_stats stats = {.size = sizeof stats};
  CU_ASSERT_EQUAL(gmux_channel_get_stats(w->channel, &stats), 0);
  CU_ASSERT_EQUAL(stats.connections_made, 1);
  CU_ASSERT_EQUAL(stats.streams_peak, 50);
  world_free(w);
}

static void a_failed_call_has_a_status_and_no_reply(void) {
  world *w = world_new(NULL);
  w->echo.mode = ECHO_NOTHING;
  outcome o = world_ask(w);
  CU_ASSERT_EQUAL(o.code, GMUX_UNKNOWN);
  CU_ASSERT_STRING_EQUAL(o.text, "");
  world_free(w);
}

/* Answers with a message and a trailer of its own. */
static void reply_with_trailer(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)request, (void)user_data;
  Test__Pb__Reply reply = TEST__PB__REPLY__INIT;
  static char text[] = "Hello";
  reply.text = text;
  gmux_bytes bytes;
  gmux_metadata *trailers;
  CU_ASSERT_EQUAL_FATAL(gmux_protobuf_pack(&bytes, &reply.base), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&trailers), 0);
  CU_ASSERT_EQUAL(gmux_metadata_add(trailers, "x-trailer", "cheap"), 0);
  CU_ASSERT_EQUAL(gmux_server_call_write(call, &bytes), 0);
  CU_ASSERT_EQUAL(gmux_server_call_finish(call, NULL, trailers), 0);
  gmux_metadata_free(trailers);
}

static int add_trailing(gmux_server *server) {
  return gmux_server_add_unary(server, "/test.pb.Echo/Say", reply_with_trailer, NULL);
}

static void the_callback_is_shown_the_trailers(void) {
  world *w = world_new(add_trailing);
  outcome o = world_ask(w);
  CU_ASSERT_EQUAL(o.code, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(o.text, "Hello");
  CU_ASSERT_STRING_EQUAL(o.trailer, "cheap");
  world_free(w);
}

static void rubbish_reply(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)request, (void)user_data;
  gmux_bytes rubbish = gmux_bytes_borrow("\xff\xff", 2);
  CU_ASSERT_EQUAL(gmux_server_call_reply(call, &rubbish), 0);
}

static int add_rubbish(gmux_server *server) {
  return gmux_server_add_unary(server, "/test.pb.Echo/Say", rubbish_reply, NULL);
}

static void a_reply_that_is_not_protobuf_is_internal(void) {
  world *w = world_new(add_rubbish);
  outcome o = world_ask(w);
  CU_ASSERT_EQUAL(o.code, GMUX_INTERNAL);
  CU_ASSERT_STRING_EQUAL(o.message, "the reply is not a valid test.pb.Reply");
  world_free(w);
}

static void an_unknown_method_is_refused_without_asking_the_server(void) {
  world *w = world_new(NULL);
  outcome o = {0};
  CU_ASSERT_EQUAL(gmux_protobuf_call_start(NULL, w->channel, service, "Shout", NULL,
                                           &w->request.base, on_outcome, &o),
                  GMUX_ERR_NOT_FOUND);
  ProtobufCMessage *reply;
  gmux_status status =
      gmux_protobuf_call_wait(w->channel, service, "Shout", NULL, &w->request.base, &reply);
  CU_ASSERT_EQUAL(status.code, GMUX_UNIMPLEMENTED);
  CU_ASSERT_STRING_EQUAL(status.message, "test.pb.Echo has no method \"Shout\"");
  CU_ASSERT_PTR_NULL(reply);
  gmux_status_clear(&status);
  sim_run_for(w->sim, GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(o.count, 0);
  CU_ASSERT_EQUAL(calls_seen_by_server(w), 0);
  world_free(w);
}

static void bad_requests_are_refused_in_words(void) {
  world *w = world_new(NULL);
  Test__Pb__Node node = TEST__PB__NODE__INIT;
  CU_ASSERT_EQUAL(gmux_protobuf_call_start(NULL, w->channel, service, "Say", NULL, &node.base,
                                           on_outcome, NULL),
                  GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "Say takes a test.pb.Request, not a test.pb.Node");
  w->request.name = NULL;
  CU_ASSERT_EQUAL(world_say(w, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "test.pb.Request: field name: is required and not set");
  ProtobufCMessage *reply;
  gmux_status status =
      gmux_protobuf_call_wait(w->channel, service, "Say", NULL, &w->request.base, &reply);
  CU_ASSERT_EQUAL(status.code, GMUX_INVALID_ARGUMENT);
  CU_ASSERT_PTR_NULL(reply);
  gmux_status_clear(&status);
  world_free(w);
}

static void every_null_is_refused(void) {
  world *w = world_new(NULL);
  const ProtobufCMessage *request = &w->request.base;
  ProtobufCService *client;
  gmux_channel *channel = w->channel;
  CU_ASSERT_EQUAL(
      gmux_protobuf_call_start(NULL, NULL, service, "Say", NULL, request, on_outcome, NULL),
      GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(
      gmux_protobuf_call_start(NULL, channel, NULL, "Say", NULL, request, on_outcome, NULL),
      GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(
      gmux_protobuf_call_start(NULL, channel, service, NULL, NULL, request, on_outcome, NULL),
      GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(
      gmux_protobuf_call_start(NULL, channel, service, "Say", NULL, NULL, on_outcome, NULL),
      GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(
      gmux_protobuf_call_start(NULL, channel, service, "Say", NULL, request, NULL, NULL),
      GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_protobuf_client_new(NULL, channel, service), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_protobuf_client_new(&client, NULL, service), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_protobuf_client_new(&client, channel, NULL), GMUX_ERR_INVALID);
  gmux_status status = gmux_protobuf_call_wait(channel, service, "Say", NULL, request, NULL);
  CU_ASSERT_EQUAL(status.code, GMUX_INVALID_ARGUMENT);
  gmux_status_clear(&status);
  world_free(w);
}

static void a_service_without_names_is_refused(void) {
  world *w = world_new(NULL);
  const ProtobufCServiceDescriptor *nameless = &test__nameless__service__descriptor;
  Test__Nameless__Empty request = TEST__NAMELESS__EMPTY__INIT;
  ProtobufCService *client;
  CU_ASSERT_EQUAL(gmux_protobuf_call_start(NULL, w->channel, nameless, "Say", NULL, &request.base,
                                           on_outcome, NULL),
                  GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "CODE_SIZE"));
  CU_ASSERT_EQUAL(gmux_protobuf_client_new(&client, w->channel, nameless), GMUX_ERR_INVALID);
  ProtobufCServiceDescriptor wrong = {0};
  CU_ASSERT_EQUAL(gmux_protobuf_client_new(&client, w->channel, &wrong), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "not a service descriptor"));
  world_free(w);
}

/* ---- blocking ---- */

static void a_blocking_call_on_the_loops_thread_says_so(void) {
  world *w = world_new(NULL);
  ProtobufCMessage *reply;
  gmux_status status =
      gmux_protobuf_call_wait(w->channel, service, "Say", NULL, &w->request.base, &reply);
  CU_ASSERT_EQUAL(status.code, GMUX_FAILED_PRECONDITION);
  CU_ASSERT_PTR_NULL(reply);
  gmux_status_clear(&status);
  world_free(w);
}

/* The one test here that needs a second thread, and so a real loop. */
static void a_blocking_call_brings_its_reply(void) {
  gmux_loop *loop;
  gmux_server *server;
  gmux_channel *channel;
  echo e;
  echo_init(&e);
  char address[64];
  snprintf(address, sizeof address, "unix-abstract:gmux-test-protobuf-%ld", (long)getpid());
  gmux_channel_options options;
  gmux_channel_options_init(&options, sizeof options);
  options.cleartext = true;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&server, loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_protobuf(server, &e.service.base), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_listen_cleartext(server, address, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&channel, loop, address, &options), 0);

  static char name[] = "Grace";
  Test__Pb__Request request = TEST__PB__REQUEST__INIT;
  request.name = name;
  ProtobufCMessage *reply;
  gmux_status status =
      gmux_protobuf_call_wait(channel, service, "Say", NULL, &request.base, &reply);
  CU_ASSERT_EQUAL_FATAL(status.code, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(((Test__Pb__Reply *)reply)->text, "Hello, Grace!");
  gmux_protobuf_free(reply);

  gmux_channel_free(channel);
  gmux_server_free(server);
  CU_ASSERT_EQUAL(gmux_loop_stop(loop), 0);
}

/* ---- as a ProtobufCService ---- */

static void on_reply(const Test__Pb__Reply *reply, void *closure_data) {
  outcome *o = closure_data;
  o->count++;
  o->code = reply ? GMUX_OK : GMUX_UNKNOWN;
  if (reply) snprintf(o->text, sizeof o->text, "%s", reply->text);
}

static void the_functions_of_protoc_c_make_calls(void) {
  world *w = world_new(NULL);
  ProtobufCService *client;
  CU_ASSERT_EQUAL_FATAL(gmux_protobuf_client_new(&client, w->channel, service), 0);
  outcome o = {0};
  test__pb__echo__say(client, &w->request, on_reply, &o);
  CU_ASSERT_EQUAL(o.count, 0);
  world_wait(w, &o);
  CU_ASSERT_STRING_EQUAL(o.text, "Hello, Ada!");
  protobuf_c_service_destroy(client);
  world_free(w);
}

static void a_client_may_be_destroyed_while_its_call_runs(void) {
  world *w = world_new(NULL);
  ProtobufCService *client;
  CU_ASSERT_EQUAL_FATAL(gmux_protobuf_client_new(&client, w->channel, service), 0);
  outcome o = {0};
  test__pb__echo__say(client, &w->request, on_reply, &o);
  protobuf_c_service_destroy(client);
  world_wait(w, &o);
  CU_ASSERT_STRING_EQUAL(o.text, "Hello, Ada!");
  world_free(w);
}

static void a_closure_gets_null_when_the_call_fails(void) {
  world *w = world_new(NULL);
  w->echo.mode = ECHO_NOTHING;
  ProtobufCService *client;
  CU_ASSERT_EQUAL_FATAL(gmux_protobuf_client_new(&client, w->channel, service), 0);
  outcome o = {0};
  test__pb__echo__say(client, &w->request, on_reply, &o);
  world_wait(w, &o);
  CU_ASSERT_EQUAL(o.code, GMUX_UNKNOWN);
  protobuf_c_service_destroy(client);
  world_free(w);
}

static void a_closure_runs_at_once_when_the_call_cannot_start(void) {
  world *w = world_new(NULL);
  ProtobufCService *client;
  CU_ASSERT_EQUAL_FATAL(gmux_protobuf_client_new(&client, w->channel, service), 0);
  outcome incomplete = {0}, closed = {0};
  Test__Pb__Request nobody = TEST__PB__REQUEST__INIT;
  test__pb__echo__say(client, &nobody, on_reply, &incomplete);
  CU_ASSERT_EQUAL(incomplete.count, 1);
  gmux_channel_close(w->channel, NULL, NULL);
  test__pb__echo__say(client, &w->request, on_reply, &closed);
  CU_ASSERT_EQUAL(closed.count, 1);
  CU_ASSERT_EQUAL(closed.code, GMUX_UNKNOWN);
  protobuf_c_service_destroy(client);
  world_free(w);
}

/* ---- out of memory ---- */

/* Whatever fails: an error and no callback, or one callback, which blames nobody for bad bytes. */
static void torture_call(void *arg) {
  world *w = world_new(NULL);
  if (!w) return;
  w->echo.mode = *(const echo_mode *)arg;
  outcome o = {0};
  int error = world_say(w, &o);
  CU_ASSERT_TRUE(error == 0 || error == GMUX_ERR_NOMEM);
  sim_run_for(w->sim, 60 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(o.count, error ? 0 : 1);
  CU_ASSERT_PTR_NULL(strstr(o.message, "the reply is"));
  CU_ASSERT_PTR_NULL(strstr(o.message, "the request is"));
  if (w->echo.mode == ECHO_AT_ONCE && !test_alloc_has_failed())
    CU_ASSERT_STRING_EQUAL(o.text, "Hello, Ada!");
  world_free(w);
}

static void a_call_survives_every_failing_allocation(void) {
  static const echo_mode modes[] = {ECHO_AT_ONCE, ECHO_TWICE, ECHO_NOTHING, ECHO_INCOMPLETE,
                                    ECHO_LONG};
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    echo_mode mode = modes[i];
    CU_ASSERT_TRUE(test_alloc_torture(torture_call, &mode) > 20);
  }
}

static void torture_client(void *arg) {
  (void)arg;
  world *w = world_new(NULL);
  if (!w) return;
  ProtobufCService *client;
  int error = gmux_protobuf_client_new(&client, w->channel, service);
  CU_ASSERT_TRUE(error == 0 || error == GMUX_ERR_NOMEM);
  if (!error) {
    outcome o = {0};
    test__pb__echo__say(client, &w->request, on_reply, &o);
    sim_run_for(w->sim, 60 * GMUX__NS_PER_S);
    CU_ASSERT_EQUAL(o.count, 1);
    protobuf_c_service_destroy(client);
  }
  world_free(w);
}

static void a_client_survives_every_failing_allocation(void) {
  CU_ASSERT_TRUE(test_alloc_torture(torture_client, NULL) > 20);
}

static const test_case cases[] = {TEST(a_call_brings_its_reply),
                                  TEST(many_calls_share_one_connection),
                                  TEST(a_failed_call_has_a_status_and_no_reply),
                                  TEST(the_callback_is_shown_the_trailers),
                                  TEST(a_reply_that_is_not_protobuf_is_internal),
                                  TEST(an_unknown_method_is_refused_without_asking_the_server),
                                  TEST(bad_requests_are_refused_in_words),
                                  TEST(every_null_is_refused),
                                  TEST(a_service_without_names_is_refused),
                                  TEST(a_blocking_call_on_the_loops_thread_says_so),
                                  TEST(a_blocking_call_brings_its_reply),
                                  TEST(the_functions_of_protoc_c_make_calls),
                                  TEST(a_client_may_be_destroyed_while_its_call_runs),
                                  TEST(a_closure_gets_null_when_the_call_fails),
                                  TEST(a_closure_runs_at_once_when_the_call_cannot_start),
                                  TEST(a_call_survives_every_failing_allocation),
                                  TEST(a_client_survives_every_failing_allocation),
                                  TESTS_END};
const test_suite protobuf_client_suite = {"client", cases, NULL, NULL};
