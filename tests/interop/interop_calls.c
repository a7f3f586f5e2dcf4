#include "tests/interop/interop_calls.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool interop_fail(interop_client *client, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(client->why, sizeof client->why, format, args);
  va_end(args);
  return false;
}

gmux_call_options interop_options(const interop_client *client) {
  gmux_call_options options;
  gmux_call_options_init(&options, sizeof options);
  options.timeout_ms = client->patience_ms;
  options.metadata = client->additional;
  return options;
}

Payload interop_payload(const interop_client *client, size_t len) {
  Payload payload = GRPC__TESTING__PAYLOAD__INIT;
  payload.body.data = client->zeros;
  payload.body.len = len;
  return payload;
}

/* ---- a call ---- */

bool interop_opened(interop_client *client, int error) {
  return !error || interop_fail(client, "start: %s", gmux_last_error());
}

bool interop_wrote(interop_client *client, int error) {
  if (error == 0 || error == GMUX_ERR_STATE) return true;
  return interop_fail(client, "write: %s", gmux_last_error());
}

bool interop_read(interop_client *client, gmux_call *call, int error) {
  if (!error) return true;
  if (error == GMUX_ERR_PROTOCOL) return interop_fail(client, "%s", gmux_last_error());
  gmux_status status = gmux_call_end_wait(call, NULL);
  interop_fail(client, "a message was wanted, but the call ended %s \"%s\"",
               gmux_code_str(status.code), status.message);
  gmux_status_clear(&status);
  return false;
}

bool interop_expect_status(interop_client *client, gmux_status *status, gmux_code code,
                           const char *message) {
  bool ok = status->code == code && (!message || strcmp(status->message, message) == 0);
  if (!ok)
    interop_fail(client, "%s \"%s\" was wanted, %s \"%s\" came", gmux_code_str(code),
                 message ? message : "...", gmux_code_str(status->code), status->message);
  gmux_status_clear(status);
  return ok;
}

bool interop_expect_end(interop_client *client, gmux_call *call, gmux_code code,
                        const char *message) {
  gmux_bytes more;
  if (gmux_call_read_wait(call, &more) == 0) {
    size_t len = more.len;
    gmux_bytes_release(&more);
    return interop_fail(client, "the end was wanted, but a message of %zu bytes came", len);
  }
  gmux_status status = gmux_call_end_wait(call, NULL);
  return interop_expect_status(client, &status, code, message);
}

bool interop_finish(interop_client *client, gmux_call *call, bool ok) {
  if (call && ok) {
    gmux_call_half_close(call);
    ok = interop_expect_end(client, call, GMUX_OK, NULL);
  }
  gmux_call_free(call);
  return call && ok;
}

/* ---- each kind of call ---- */

gmux_call *interop_unary(interop_client *client, const SimpleRequest *request,
                         const gmux_call_options *options) {
  gmux_call_options usual = interop_options(client);
  gmux_call *call = NULL;
  interop_opened(client, grpc__testing__test_service__unary_call__open(
                             &call, client->channel, options ? options : &usual, request));
  return call;
}

SimpleResponse *interop_unary_read(interop_client *client, gmux_call *call) {
  SimpleResponse *response = NULL;
  interop_read(client, call, grpc__testing__test_service__unary_call__read_wait(call, &response));
  return response;
}

gmux_call *interop_input(interop_client *client, const gmux_call_options *options) {
  gmux_call_options usual = interop_options(client);
  gmux_call *call = NULL;
  interop_opened(client, grpc__testing__test_service__streaming_input_call__open(
                             &call, client->channel, options ? options : &usual));
  return call;
}

bool interop_expect_sum(interop_client *client, gmux_call *call, int32_t bytes) {
  InputResponse *response;
  gmux_call_half_close(call);
  int error = grpc__testing__test_service__streaming_input_call__read_wait(call, &response);
  if (!interop_read(client, call, error)) return false;
  bool ok = response->aggregated_payload_size == bytes ||
            interop_fail(client, "%d bytes were sent, the server says %d", bytes,
                         response->aggregated_payload_size);
  gmux_protobuf_free(response);
  return ok;
}

gmux_call *interop_output(interop_client *client, const OutputRequest *request) {
  gmux_call_options usual = interop_options(client);
  gmux_call *call = NULL;
  interop_opened(client, grpc__testing__test_service__streaming_output_call__open(
                             &call, client->channel, &usual, request));
  return call;
}

bool interop_expect_output(interop_client *client, gmux_call *call, int32_t size) {
  OutputResponse *response;
  int error = grpc__testing__test_service__streaming_output_call__read_wait(call, &response);
  return interop_read(client, call, error) && interop_take_size(client, response, size);
}

gmux_call *interop_duplex(interop_client *client, const gmux_call_options *options) {
  gmux_call_options usual = interop_options(client);
  gmux_call *call = NULL;
  interop_opened(client, grpc__testing__test_service__full_duplex_call__open(
                             &call, client->channel, options ? options : &usual));
  return call;
}

bool interop_ask(interop_client *client, gmux_call *call, size_t size, int32_t response_size) {
  Payload payload = interop_payload(client, size);
  ResponseParameters wanted = GRPC__TESTING__RESPONSE_PARAMETERS__INIT;
  wanted.size = response_size;
  ResponseParameters *all[] = {&wanted};
  OutputRequest request = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
  request.payload = &payload;
  request.response_parameters = all;
  request.n_response_parameters = 1;
  return interop_wrote(client,
                       grpc__testing__test_service__full_duplex_call__write_wait(call, &request));
}

bool interop_expect_size(interop_client *client, gmux_call *call, int32_t size) {
  OutputResponse *response;
  int error = grpc__testing__test_service__full_duplex_call__read_wait(call, &response);
  return interop_read(client, call, error) && interop_take_size(client, response, size);
}

/* ---- payloads ---- */

bool interop_take_size(interop_client *client, OutputResponse *response, int32_t size) {
  bool ok = interop_check_size(client, response->payload, size);
  gmux_protobuf_free(response);
  return ok;
}

bool interop_check_size(interop_client *client, const Payload *payload, int32_t size) {
  size_t len = payload ? payload->body.len : 0;
  if (len == (size_t)size) return true;
  return interop_fail(client, "a payload of %zu bytes came, %d were wanted", len, size);
}
