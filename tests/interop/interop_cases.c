/* interop_cases.c: each as grpc/grpc, doc/interop-test-descriptions.md has it. */
#include "tests/interop/interop_cases.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- plain calls ---- */

static bool empty_unary(interop_client *client) {
  gmux_call_options options = interop_options(client);
  Empty request = GRPC__TESTING__EMPTY__INIT, *response;
  gmux_status status =
      grpc__testing__test_service__empty_call__wait(client->channel, &options, &request, &response);
  if (!interop_expect_status(client, &status, GMUX_OK, NULL)) return false;
  bool ok = response->base.n_unknown_fields == 0 ||
            interop_fail(client, "the empty response has fields in it");
  gmux_protobuf_free(response);
  return ok;
}

static bool large_unary(interop_client *client) {
  gmux_call_options options = interop_options(client);
  Payload payload = interop_payload(client, INTEROP_LARGE_REQUEST);
  SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
  request.payload = &payload;
  request.response_size = INTEROP_LARGE_RESPONSE;
  SimpleResponse *response;
  gmux_status status =
      grpc__testing__test_service__unary_call__wait(client->channel, &options, &request, &response);
  if (!interop_expect_status(client, &status, GMUX_OK, NULL)) return false;
  bool ok = interop_check_size(client, response->payload, INTEROP_LARGE_RESPONSE);
  gmux_protobuf_free(response);
  return ok;
}

static bool client_streaming(interop_client *client) {
  static const size_t sizes[] = {27182, 8, 1828, 45904};
  gmux_call *call = interop_input(client, NULL);
  bool ok = call != NULL;
  for (size_t i = 0; ok && i < 4; i++) {
    Payload payload = interop_payload(client, sizes[i]);
    InputRequest request = GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
    request.payload = &payload;
    ok = interop_wrote(
        client, grpc__testing__test_service__streaming_input_call__write_wait(call, &request));
  }
  return interop_finish(client, call, ok && interop_expect_sum(client, call, 74922));
}

static bool server_streaming(interop_client *client) {
  static const int32_t sizes[] = {31415, 9, 2653, 58979};
  ResponseParameters wanted[4], *all[4];
  for (size_t i = 0; i < 4; i++) {
    grpc__testing__response_parameters__init(&wanted[i]);
    wanted[i].size = sizes[i];
    all[i] = &wanted[i];
  }
  OutputRequest request = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
  request.response_parameters = all;
  request.n_response_parameters = 4;
  gmux_call *call = interop_output(client, &request);
  bool ok = call != NULL;
  for (size_t i = 0; ok && i < 4; i++)
    ok = interop_expect_output(client, call, sizes[i]);
  return interop_finish(client, call, ok);
}

static bool ping_pong(interop_client *client) {
  static const size_t requests[] = {27182, 8, 1828, 45904};
  static const int32_t responses[] = {31415, 9, 2653, 58979};
  gmux_call *call = interop_duplex(client, NULL);
  bool ok = call != NULL;
  for (size_t i = 0; ok && i < 4; i++)
    ok = interop_ask(client, call, requests[i], responses[i]) &&
         interop_expect_size(client, call, responses[i]);
  return interop_finish(client, call, ok);
}

/* All requests before the first response. */
static bool half_duplex_ask(interop_client *client, gmux_call *call, int32_t size) {
  ResponseParameters wanted = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
  wanted.size = size;
  ResponseParameters *all[] = {&wanted};
  OutputRequest request = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
  request.response_parameters = all;
  request.n_response_parameters = 1;
  return interop_wrote(client,
                       grpc__testing__test_service__half_duplex_call__write_wait(call, &request));
}

static bool half_duplex_expect(interop_client *client, gmux_call *call, int32_t size) {
  OutputResponse *response;
  int error = grpc__testing__test_service__half_duplex_call__read_wait(call, &response);
  return interop_read(client, call, error) && interop_take_size(client, response, size);
}

static bool half_duplex(interop_client *client) {
  static const int32_t responses[] = {31415, 9, 2653, 58979};
  gmux_call_options options = interop_options(client);
  gmux_call *call = NULL;
  bool ok = interop_opened(client, grpc__testing__test_service__half_duplex_call__open(
                                       &call, client->channel, &options));
  for (size_t i = 0; ok && i < 4; i++)
    ok = half_duplex_ask(client, call, responses[i]);
  if (ok) gmux_call_half_close(call);
  for (size_t i = 0; ok && i < 4; i++)
    ok = half_duplex_expect(client, call, responses[i]);
  return interop_finish(client, call, ok);
}

static bool empty_stream(interop_client *client) {
  return interop_finish(client, interop_duplex(client, NULL), true);
}

/* ---- metadata ---- */

static const char initial_value[] = "test_initial_metadata_value";
static const uint8_t trailing_value[] = {0xab, 0xab, 0xab};

/* The additional metadata and those of the case; NULL out of memory. */
static gmux_metadata *metadata_to_echo(const interop_client *client) {
  gmux_metadata *m;
  if (gmux_metadata_new(&m)) return NULL;
  gmux_metadata_entry e;
  bool ok = true;
  for (size_t i = 0; ok && gmux_metadata_at(client->additional, i, &e) == 0; i++)
    ok = gmux_metadata_add(m, e.key, (const char *)e.value) == 0;
  if (ok && gmux_metadata_add(m, INTEROP_ECHO_INITIAL, initial_value) == 0 &&
      gmux_metadata_add_bin(m, INTEROP_ECHO_TRAILING, trailing_value, sizeof trailing_value) == 0)
    return m;
  gmux_metadata_free(m);
  return NULL;
}

/* Both have come back. Reads what is left, expects OK and frees the call. */
static bool metadata_are_back(interop_client *client, gmux_call *call, bool ok) {
  const gmux_metadata *initial = NULL, *trailers = NULL;
  if (ok) {
    gmux_call_half_close(call);
    gmux_call_headers_wait(call, &initial);
    ok = interop_expect_end(client, call, GMUX_OK, NULL);
  }
  if (ok) {
    gmux_status status = gmux_call_end_wait(call, &trailers);
    gmux_status_clear(&status);
    const char *text = gmux_metadata_get(initial, INTEROP_ECHO_INITIAL, NULL);
    size_t len = 0;
    const char *bytes = gmux_metadata_get(trailers, INTEROP_ECHO_TRAILING, &len);
    if (!text || strcmp(text, initial_value) != 0)
      ok = interop_fail(client, "initial metadata: \"%s\" came back", text ? text : "(nothing)");
    else if (!bytes || len != sizeof trailing_value || memcmp(bytes, trailing_value, len) != 0)
      ok = interop_fail(client, "trailing metadata: %zu bytes came back, not those three", len);
  }
  gmux_call_free(call);
  return call && ok;
}

static bool unary_metadata(interop_client *client, const gmux_call_options *options) {
  Payload payload = interop_payload(client, INTEROP_LARGE_REQUEST);
  SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
  request.payload = &payload;
  request.response_size = INTEROP_LARGE_RESPONSE;
  gmux_call *call = interop_unary(client, &request, options);
  SimpleResponse *response = call ? interop_unary_read(client, call) : NULL;
  bool ok = response != NULL;
  gmux_protobuf_free(response);
  return metadata_are_back(client, call, ok);
}

static bool duplex_metadata(interop_client *client, const gmux_call_options *options) {
  gmux_call *call = interop_duplex(client, options);
  bool ok = call && interop_ask(client, call, INTEROP_LARGE_REQUEST, INTEROP_LARGE_RESPONSE) &&
            interop_expect_size(client, call, INTEROP_LARGE_RESPONSE);
  return metadata_are_back(client, call, ok);
}

static bool custom_metadata(interop_client *client) {
  gmux_metadata *m = metadata_to_echo(client);
  if (!m) return interop_fail(client, "%s", gmux_last_error());
  gmux_call_options options = interop_options(client);
  options.metadata = m;
  bool ok = unary_metadata(client, &options) && duplex_metadata(client, &options);
  gmux_metadata_free(m);
  return ok;
}

/* ---- status ---- */

static bool unary_status(interop_client *client, EchoStatus *wanted) {
  gmux_call_options options = interop_options(client);
  SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
  request.response_status = wanted;
  SimpleResponse *response;
  gmux_status status =
      grpc__testing__test_service__unary_call__wait(client->channel, &options, &request, &response);
  gmux_protobuf_free(response);
  return interop_expect_status(client, &status, (gmux_code)wanted->code, wanted->message);
}

static bool duplex_status(interop_client *client, EchoStatus *wanted) {
  OutputRequest request = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
  request.response_status = wanted;
  gmux_call *call = interop_duplex(client, NULL);
  bool ok = call && interop_wrote(client, grpc__testing__test_service__full_duplex_call__write_wait(
                                              call, &request));
  if (ok) gmux_call_half_close(call);
  ok = ok && interop_expect_end(client, call, (gmux_code)wanted->code, wanted->message);
  gmux_call_free(call);
  return ok;
}

static bool status_code_and_message(interop_client *client) {
  char text[] = "test status message";
  EchoStatus wanted = GRPC__TESTING__ECHO_STATUS__INIT;
  wanted.code = GMUX_UNKNOWN;
  wanted.message = text;
  return unary_status(client, &wanted) && duplex_status(client, &wanted);
}

static bool special_status_message(interop_client *client) {
  /* U+263A and, outside the basic plane, U+1F608 */
  char text[] = "\t\ntest with whitespace\r\nand Unicode BMP \xe2\x98\xba and non-BMP "
                "\xf0\x9f\x98\x88\t\n";
  EchoStatus wanted = GRPC__TESTING__ECHO_STATUS__INIT;
  wanted.code = GMUX_UNKNOWN;
  wanted.message = text;
  return unary_status(client, &wanted);
}

static bool unimplemented_method(interop_client *client) {
  gmux_call_options options = interop_options(client);
  Empty request = GRPC__TESTING__EMPTY__INIT, *response;
  gmux_status status = grpc__testing__test_service__unimplemented_call__wait(
      client->channel, &options, &request, &response);
  gmux_protobuf_free(response);
  return interop_expect_status(client, &status, GMUX_UNIMPLEMENTED, NULL);
}

static bool unimplemented_service(interop_client *client) {
  gmux_call_options options = interop_options(client);
  Empty request = GRPC__TESTING__EMPTY__INIT, *response;
  gmux_status status = grpc__testing__unimplemented_service__unimplemented_call__wait(
      client->channel, &options, &request, &response);
  gmux_protobuf_free(response);
  return interop_expect_status(client, &status, GMUX_UNIMPLEMENTED, NULL);
}

/* ---- giving up ---- */

static bool cancel_after_begin(interop_client *client) {
  gmux_call *call = interop_input(client, NULL);
  if (!call) return false;
  gmux_call_cancel(call);
  bool ok = interop_expect_end(client, call, GMUX_CANCELLED, NULL);
  gmux_call_free(call);
  return ok;
}

static bool cancel_after_first_response(interop_client *client) {
  gmux_call *call = interop_duplex(client, NULL);
  bool ok =
      call && interop_ask(client, call, 27182, 31415) && interop_expect_size(client, call, 31415);
  if (ok) {
    gmux_call_cancel(call);
    ok = interop_expect_end(client, call, GMUX_CANCELLED, NULL);
  }
  gmux_call_free(call);
  return ok;
}

static bool timeout_on_sleeping_server(interop_client *client) {
  gmux_call_options options = interop_options(client);
  options.timeout_ms = 1;
  gmux_call *call = interop_duplex(client, &options);
  if (!call) return false;
  Payload payload = interop_payload(client, 27182);
  OutputRequest request = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
  request.payload = &payload;
  /* The time may be up before it is written: then the end says so. */
  grpc__testing__test_service__full_duplex_call__write_wait(call, &request);
  bool ok = interop_expect_end(client, call, GMUX_DEADLINE_EXCEEDED, NULL);
  gmux_call_free(call);
  return ok;
}

/* ---- connections ---- */

enum { PICKS = 100, ID_LEN = 128 };

/* The id of the server that a call got to. */
static bool ask_server_id(interop_client *client, char id[ID_LEN]) {
  gmux_call_options options = interop_options(client);
  SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
  request.response_size = 1;
  request.fill_server_id = true;
  SimpleResponse *response;
  gmux_status status =
      grpc__testing__test_service__unary_call__wait(client->channel, &options, &request, &response);
  if (!interop_expect_status(client, &status, GMUX_OK, NULL)) return false;
  snprintf(id, ID_LEN, "%s", response->server_id);
  gmux_protobuf_free(response);
  return id[0] != '\0' || interop_fail(client, "the server did not say who it is");
}

/* Of the servers that the name stands for one gets all calls. */
static bool pick_first_unary(interop_client *client) {
  char first[ID_LEN], id[ID_LEN];
  if (!ask_server_id(client, first)) return false;
  for (int i = 1; i < PICKS; i++) {
    if (!ask_server_id(client, id)) return false;
    if (strcmp(first, id) != 0)
      return interop_fail(client, "first call to %s, call %d to %s", first, i + 1, id);
  }
  return true;
}

/* Starts a call that stays open and asks the server from where it sees us. */
static gmux_call *ask_own_address(interop_client *client, char address[ID_LEN]) {
  ResponseParameters wanted = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
  wanted.fill_peer_socket_address = true;
  ResponseParameters *all[] = {&wanted};
  OutputRequest request = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
  request.response_parameters = all;
  request.n_response_parameters = 1;
  gmux_call *call = interop_duplex(client, NULL);
  OutputResponse *response = NULL;
  if (call && interop_wrote(client, grpc__testing__test_service__full_duplex_call__write_wait(
                                        call, &request)))
    interop_read(client, call,
                 grpc__testing__test_service__full_duplex_call__read_wait(call, &response));
  snprintf(address, ID_LEN, "%s", response ? response->peer_socket_address : "");
  gmux_protobuf_free(response);
  return call;
}

/* The server must allow two streams a connection, and the client two connections. */
static bool connection_scaling(interop_client *client) {
  gmux_call *calls[3];
  char from[3][ID_LEN];
  bool ok = true;
  for (size_t i = 0; i < 3; i++) {
    calls[i] = ok ? ask_own_address(client, from[i]) : NULL;
    ok = calls[i] && from[i][0];
  }
  if (!ok && calls[0] && !client->why[0]) interop_fail(client, "the server tells no addresses");
  if (ok && (strcmp(from[0], from[1]) != 0 || strcmp(from[0], from[2]) == 0))
    ok = interop_fail(client, "calls came from %s, %s and %s", from[0], from[1], from[2]);
  for (size_t i = 0; i < 3; i++)
    ok = interop_finish(client, calls[i], ok) && ok;
  return ok;
}

#define CLOUD "needs credentials of a cloud"

const interop_case interop_cases[] = {
    {"empty_unary", empty_unary, NULL},
    {"cacheable_unary", NULL, "needs GET and a proxy that keeps responses; gmux sends POST alone"},
    {"large_unary", large_unary, NULL},
    {"client_compressed_unary", interop_client_compressed_unary, NULL},
    {"server_compressed_unary", interop_server_compressed_unary, NULL},
    {"client_streaming", client_streaming, NULL},
    {"client_compressed_streaming", interop_client_compressed_streaming, NULL},
    {"server_streaming", server_streaming, NULL},
    {"server_compressed_streaming", interop_server_compressed_streaming, NULL},
    {"ping_pong", ping_pong, NULL},
    {"half_duplex", half_duplex, NULL},
    {"empty_stream", empty_stream, NULL},
    {"custom_metadata", custom_metadata, NULL},
    {"status_code_and_message", status_code_and_message, NULL},
    {"special_status_message", special_status_message, NULL},
    {"unimplemented_method", unimplemented_method, NULL},
    {"unimplemented_service", unimplemented_service, NULL},
    {"cancel_after_begin", cancel_after_begin, NULL},
    {"cancel_after_first_response", cancel_after_first_response, NULL},
    {"timeout_on_sleeping_server", timeout_on_sleeping_server, NULL},
    {"pick_first_unary", pick_first_unary, NULL},
    {"orca_per_rpc", NULL, "gmux has no load reports"},
    {"orca_oob", NULL, "gmux has no load reports"},
    {"max_concurrent_streams_connection_scaling", connection_scaling, NULL},
    {"rpc_soak", interop_rpc_soak, NULL},
    {"channel_soak", interop_channel_soak, NULL},
    {"long_lived_channel", interop_rpc_soak, NULL},
    {"concurrent_large_unary", interop_concurrent_large_unary, NULL},
    {"compute_engine_creds", NULL, CLOUD},
    {"jwt_token_creds", NULL, CLOUD},
    {"oauth2_auth_token", NULL, CLOUD},
    {"per_rpc_creds", NULL, CLOUD},
    {"google_default_credentials", NULL, CLOUD},
    {"compute_engine_channel_credentials", NULL, CLOUD},
    {NULL, NULL, NULL},
};
