/*
 * stubs_test.c: the standard services, asked by the stubs that protoc-gen-gmux makes of their
 * .proto files: over a real socket and a loop of its own, as a program of one's own asks them.
 */
#include "grpc/channelz/v1/channelz.gmux.h"
#include "grpc/health/v1/health.gmux.h"
#include "grpc/reflection/v1/reflection.gmux.h"
#include "grpc/reflection/v1alpha/reflection.gmux.h"
#include "tests/unit/harness.h"
#include <gmux/gmux.h>
#include <stdio.h>

static struct {
  gmux_loop *loop;
  gmux_server *server;
  gmux_channel *channel;
  gmux_health *health;
  gmux_channelz *z;
  char target[64];
} t;

static void setup(void) {
  uint16_t port = 0;
  gmux_channel_options options;
  gmux_channel_options_init(&options, sizeof options);
  options.cleartext = true;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&t.loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_health_new(&t.health), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_channelz_new(&t.z), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&t.server, t.loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_health(t.server, t.health), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_reflection(t.server, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_channelz(t.server, t.z), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_channelz_add_server(t.z, t.server), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_listen_cleartext(t.server, "ipv4:127.0.0.1:0", &port), 0);
  snprintf(t.target, sizeof t.target, "127.0.0.1:%u", port);
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&t.channel, t.loop, t.target, &options), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_channelz_add_channel(t.z, t.channel), 0);
}

static void teardown(void) {
  gmux_channel_free(t.channel);
  gmux_server_free(t.server);
  gmux_channelz_free(t.z);
  gmux_health_free(t.health);
  CU_ASSERT_EQUAL(gmux_loop_stop(t.loop), 0);
}

/* Of a blocking call: it went well. */
static void expect_ok(gmux_status status) {
  CU_ASSERT_EQUAL(status.code, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(status.message, "");
  gmux_status_clear(&status);
}

/* ---- health ---- */

typedef Grpc__Health__V1__HealthCheckRequest CheckRequest;
typedef Grpc__Health__V1__HealthCheckResponse CheckResponse;
enum {
  SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING,
  NOT_SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING,
  SERVICE_UNKNOWN = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN
};

static void health_is_checked(void) {
  char shop[] = "demo.Shop";
  CheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  CheckResponse *response;
  expect_ok(grpc__health__v1__health__check__wait(t.channel, NULL, &request, &response));
  CU_ASSERT_EQUAL((int)response->status, SERVING);
  gmux_protobuf_free(response);

  request.service = shop;
  gmux_status status = grpc__health__v1__health__check__wait(t.channel, NULL, &request, &response);
  CU_ASSERT_EQUAL(status.code, GMUX_NOT_FOUND);
  CU_ASSERT_PTR_NULL(response);
  gmux_status_clear(&status);
}

static void health_is_listed(void) {
  CU_ASSERT_EQUAL(gmux_health_set(t.health, "demo.Shop", GMUX_HEALTH_NOT_SERVING), 0);
  Grpc__Health__V1__HealthListRequest request = GRPC__HEALTH__V1__HEALTH_LIST_REQUEST__INIT;
  Grpc__Health__V1__HealthListResponse *response;
  expect_ok(grpc__health__v1__health__list__wait(t.channel, NULL, &request, &response));
  CU_ASSERT_EQUAL_FATAL(response->n_statuses, 2);
  for (size_t i = 0; i < 2; i++)
    CU_ASSERT_EQUAL((int)response->statuses[i]->value->status,
                    response->statuses[i]->key[0] ? NOT_SERVING : SERVING);
  gmux_protobuf_free(response);
}

static void expect_status(gmux_call *watch, int status) {
  CheckResponse *response;
  CU_ASSERT_EQUAL_FATAL(grpc__health__v1__health__watch__read_wait(watch, &response), 0);
  CU_ASSERT_EQUAL((int)response->status, status);
  gmux_protobuf_free(response);
}

static void health_is_watched_until_the_server_drains(void) {
  char shop[] = "demo.Shop";
  CheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
  CheckResponse *response;
  request.service = shop;
  gmux_call *watch;
  CU_ASSERT_EQUAL_FATAL(grpc__health__v1__health__watch__open(&watch, t.channel, NULL, &request),
                        0);
  expect_status(watch, SERVICE_UNKNOWN);
  CU_ASSERT_EQUAL(gmux_health_set(t.health, "demo.Shop", GMUX_HEALTH_SERVING), 0);
  expect_status(watch, SERVING);
  CU_ASSERT_EQUAL(gmux_server_drain_wait(t.server, GMUX_NO_TIMEOUT), 0);
  expect_status(watch, NOT_SERVING);
  CU_ASSERT_EQUAL(grpc__health__v1__health__watch__read_wait(watch, &response), GMUX_ERR_EOF);
  gmux_call_free(watch);
}

/* ---- reflection ---- */

typedef Grpc__Reflection__V1__ServerReflectionRequest Question;
typedef Grpc__Reflection__V1__ServerReflectionResponse Answer;

/* To be freed. */
static Answer *reflect(gmux_call *call, const Question *question) {
  Answer *answer;
  CU_ASSERT_EQUAL(
      grpc__reflection__v1__server_reflection__server_reflection_info__write_wait(call, question),
      0);
  CU_ASSERT_EQUAL_FATAL(
      grpc__reflection__v1__server_reflection__server_reflection_info__read_wait(call, &answer), 0);
  return answer;
}

static void expect_services(gmux_call *call) {
  static const char *const names[] = {"grpc.channelz.v1.Channelz", "grpc.health.v1.Health",
                                      "grpc.reflection.v1.ServerReflection",
                                      "grpc.reflection.v1alpha.ServerReflection"};
  enum { COUNT = sizeof names / sizeof *names };
  char all[] = "";
  Question question = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  question.message_request_case =
      GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES;
  question.list_services = all;
  Answer *answer = reflect(call, &question);
  CU_ASSERT_EQUAL_FATAL(
      answer->message_response_case,
      GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE);
  CU_ASSERT_EQUAL_FATAL(answer->list_services_response->n_service, COUNT);
  for (size_t i = 0; i < COUNT; i++)
    CU_ASSERT_STRING_EQUAL(answer->list_services_response->service[i]->name, names[i]);
  gmux_protobuf_free(answer);
}

static void expect_files(gmux_call *call) {
  char symbol[] = "grpc.channelz.v1.Channelz";
  Question question = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  question.message_request_case =
      GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL;
  question.file_containing_symbol = symbol;
  Answer *answer = reflect(call, &question);
  CU_ASSERT_EQUAL_FATAL(
      answer->message_response_case,
      GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE);
  /* channelz.proto, and the two that it imports. */
  CU_ASSERT_EQUAL(answer->file_descriptor_response->n_file_descriptor_proto, 3);
  gmux_protobuf_free(answer);
}

static void reflection_lists_services_and_shows_files(void) {
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(
      grpc__reflection__v1__server_reflection__server_reflection_info__open(&call, t.channel, NULL),
      0);
  expect_services(call);
  expect_files(call);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  expect_ok(gmux_call_end_wait(call, NULL));
  gmux_call_free(call);
}

static void reflection_of_v1alpha_says_what_it_lacks(void) {
  char symbol[] = "demo.Shop";
  Grpc__Reflection__V1alpha__ServerReflectionRequest question =
      GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_REQUEST__INIT;
  Grpc__Reflection__V1alpha__ServerReflectionResponse *answer;
  question.message_request_case =
      GRPC__REFLECTION__V1ALPHA__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL;
  question.file_containing_symbol = symbol;
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(grpc__reflection__v1alpha__server_reflection__server_reflection_info__open(
                            &call, t.channel, NULL),
                        0);
  CU_ASSERT_EQUAL(grpc__reflection__v1alpha__server_reflection__server_reflection_info__write_wait(
                      call, &question),
                  0);
  CU_ASSERT_EQUAL_FATAL(
      grpc__reflection__v1alpha__server_reflection__server_reflection_info__read_wait(call,
                                                                                      &answer),
      0);
  CU_ASSERT_EQUAL(answer->error_response->error_code, GMUX_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(answer->original_request->file_containing_symbol, symbol);
  gmux_protobuf_free(answer);
  gmux_call_cancel(call);
  gmux_call_free(call);
}

/* ---- channelz ---- */

static int64_t the_server(void) {
  Grpc__Channelz__V1__GetServersRequest all = GRPC__CHANNELZ__V1__GET_SERVERS_REQUEST__INIT;
  Grpc__Channelz__V1__GetServersResponse *servers;
  expect_ok(grpc__channelz__v1__channelz__get_servers__wait(t.channel, NULL, &all, &servers));
  CU_ASSERT_EQUAL_FATAL(servers->n_server, 1);
  CU_ASSERT_TRUE(servers->end);
  /* Of calls that have begun this one is the first. */
  CU_ASSERT_EQUAL(servers->server[0]->data->calls_started, 1);
  int64_t id = servers->server[0]->ref->server_id;
  gmux_protobuf_free(servers);
  return id;
}

static void channelz_shows_the_connection_that_asks(void) {
  Grpc__Channelz__V1__GetServerSocketsRequest of =
      GRPC__CHANNELZ__V1__GET_SERVER_SOCKETS_REQUEST__INIT;
  Grpc__Channelz__V1__GetServerSocketsResponse *sockets;
  of.server_id = the_server();
  expect_ok(grpc__channelz__v1__channelz__get_server_sockets__wait(t.channel, NULL, &of, &sockets));
  CU_ASSERT_EQUAL_FATAL(sockets->n_socket_ref, 1);

  Grpc__Channelz__V1__GetSocketRequest which = GRPC__CHANNELZ__V1__GET_SOCKET_REQUEST__INIT;
  Grpc__Channelz__V1__GetSocketResponse *socket;
  which.socket_id = sockets->socket_ref[0]->socket_id;
  gmux_protobuf_free(sockets);
  expect_ok(grpc__channelz__v1__channelz__get_socket__wait(t.channel, NULL, &which, &socket));
  CU_ASSERT_EQUAL(socket->socket->data->streams_started, 3);
  CU_ASSERT_EQUAL(socket->socket->data->streams_succeeded, 2);
  CU_ASSERT_TRUE(socket->socket->data->last_remote_stream_created_timestamp->seconds > 0);
  gmux_protobuf_free(socket);
}

static void channelz_shows_the_channel_that_asks(void) {
  Grpc__Channelz__V1__GetTopChannelsRequest all =
      GRPC__CHANNELZ__V1__GET_TOP_CHANNELS_REQUEST__INIT;
  Grpc__Channelz__V1__GetTopChannelsResponse *channels;
  expect_ok(grpc__channelz__v1__channelz__get_top_channels__wait(t.channel, NULL, &all, &channels));
  CU_ASSERT_EQUAL_FATAL(channels->n_channel, 1);
  CU_ASSERT_EQUAL(channels->channel[0]->data->calls_started, 1);
  CU_ASSERT_STRING_EQUAL(channels->channel[0]->data->target, t.target);
  gmux_protobuf_free(channels);

  Grpc__Channelz__V1__GetChannelRequest which = GRPC__CHANNELZ__V1__GET_CHANNEL_REQUEST__INIT;
  Grpc__Channelz__V1__GetChannelResponse *none;
  which.channel_id = 12345;
  gmux_status status =
      grpc__channelz__v1__channelz__get_channel__wait(t.channel, NULL, &which, &none);
  CU_ASSERT_EQUAL(status.code, GMUX_NOT_FOUND);
  gmux_status_clear(&status);
}

static const test_case cases[] = {
    TEST(health_is_checked),
    TEST(health_is_listed),
    TEST(health_is_watched_until_the_server_drains),
    TEST(reflection_lists_services_and_shows_files),
    TEST(reflection_of_v1alpha_says_what_it_lacks),
    TEST(channelz_shows_the_connection_that_asks),
    TEST(channelz_shows_the_channel_that_asks),
    TESTS_END,
};
const test_suite services_stubs_suite = {"stubs", cases, setup, teardown};
