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

gmux_call *interop_start(interop_client *client, const char *path, gmux_method_kind kind,
                         const gmux_call_options *options) {
  gmux_call_options usual = interop_options(client);
  char whole[128];
  snprintf(whole, sizeof whole, "%s%s", path[0] == '/' ? "" : INTEROP_SERVICE, path);
  gmux_method *method = NULL;
  gmux_call *call = NULL;
  if (gmux_method_new(&method, whole, kind, 0) ||
      gmux_call_start(&call, client->channel, method, options ? options : &usual, NULL, NULL))
    interop_fail(client, "start of %s: %s", whole, gmux_last_error());
  gmux_method_free(method);
  return call;
}

bool interop_write(interop_client *client, gmux_call *call, const ProtobufCMessage *message) {
  gmux_bytes bytes;
  if (gmux_protobuf_pack(&bytes, message))
    return interop_fail(client, "pack: %s", gmux_last_error());
  int error = gmux_call_write_wait(call, &bytes);
  gmux_bytes_release(&bytes);
  if (error == 0 || error == GMUX_ERR_STATE) return true; /* over already: its end says why */
  return interop_fail(client, "write: %s", gmux_strerror(error));
}

/* The call has ended: that is the reason. */
static void fail_by_end(interop_client *client, gmux_call *call) {
  gmux_status status = gmux_call_end_wait(call, NULL);
  interop_fail(client, "a message was wanted, but the call ended %s \"%s\"",
               gmux_code_str(status.code), status.message);
  gmux_status_clear(&status);
}

void *interop_read(interop_client *client, gmux_call *call,
                   const ProtobufCMessageDescriptor *type) {
  gmux_bytes bytes;
  if (gmux_call_read_wait(call, &bytes)) {
    fail_by_end(client, call);
    return NULL;
  }
  ProtobufCMessage *message = NULL;
  if (gmux_protobuf_unpack(&message, type, &bytes))
    interop_fail(client, "%zu bytes that are no %s came", bytes.len, type->name);
  gmux_bytes_release(&bytes);
  return message;
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
  bool ok = status.code == code && (!message || strcmp(status.message, message) == 0);
  if (!ok)
    interop_fail(client, "%s \"%s\" was wanted, %s \"%s\" came", gmux_code_str(code),
                 message ? message : "...", gmux_code_str(status.code), status.message);
  gmux_status_clear(&status);
  return ok;
}

bool interop_finish(interop_client *client, gmux_call *call, bool ok) {
  if (call && ok) {
    gmux_call_half_close(call);
    ok = interop_expect_end(client, call, GMUX_OK, NULL);
  }
  gmux_call_free(call);
  return call && ok;
}

bool interop_unary_fails(interop_client *client, const char *path, const ProtobufCMessage *request,
                         gmux_code code, const char *message) {
  gmux_call *call = interop_start(client, path, GMUX_UNARY, NULL);
  bool ok = call && interop_write(client, call, request) &&
            interop_expect_end(client, call, code, message);
  gmux_call_free(call);
  return ok;
}

void *interop_unary(interop_client *client, const char *path, const ProtobufCMessage *request,
                    const ProtobufCMessageDescriptor *type) {
  gmux_call *call = interop_start(client, path, GMUX_UNARY, NULL);
  ProtobufCMessage *response =
      call && interop_write(client, call, request) ? interop_read(client, call, type) : NULL;
  bool ok = response && interop_expect_end(client, call, GMUX_OK, NULL);
  gmux_call_free(call);
  if (ok) return response;
  gmux_protobuf_free(response);
  return NULL;
}

/* ---- the duplex call ---- */

gmux_call *interop_duplex(interop_client *client, const gmux_call_options *options) {
  return interop_start(client, "FullDuplexCall", GMUX_BIDI_STREAMING, options);
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
  return interop_write(client, call, &request.base);
}

bool interop_expect_size(interop_client *client, gmux_call *call, int32_t size) {
  OutputResponse *response =
      interop_read(client, call, &grpc__testing__streaming_output_call_response__descriptor);
  if (!response) return false;
  bool ok = interop_check_size(client, response->payload, size);
  gmux_protobuf_free(&response->base);
  return ok;
}

bool interop_check_size(interop_client *client, const Payload *payload, int32_t size) {
  size_t len = payload ? payload->body.len : 0;
  if (len == (size_t)size) return true;
  return interop_fail(client, "a payload of %zu bytes came, %d were wanted", len, size);
}
