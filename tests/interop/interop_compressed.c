/* interop_compressed.c: the cases about messages that are compressed and others that are not, on
 * one call or on two. The payloads are zeros, which gzip makes a thousandth of. */
#include "tests/interop/interop_cases.h"

/* Of a call whose messages are compressed unless gmux_call_set_message_compression says otherwise.
 */
static gmux_call_options gzip_options(const interop_client *client) {
  gmux_call_options options = interop_options(client);
  options.compression = "gzip";
  return options;
}

static bool check_compressed(interop_client *client, const gmux_call *call, bool is_wanted) {
  if (gmux_call_was_compressed(call) == is_wanted) return true;
  return interop_fail(client, "a response came %scompressed", is_wanted ? "un" : "");
}

/* ---- unary ---- */

static gmux_call *start_large(interop_client *client, SimpleRequest request,
                              const gmux_call_options *options) {
  Payload payload = interop_payload(client, INTEROP_LARGE_REQUEST);
  request.payload = &payload;
  request.response_size = INTEROP_LARGE_RESPONSE;
  return interop_unary(client, &request, options);
}

/* The response is there, of the right size; the call goes on to its end. */
static bool read_large(interop_client *client, gmux_call *call) {
  SimpleResponse *response = interop_unary_read(client, call);
  if (!response) return false;
  bool ok = interop_check_size(client, response->payload, INTEROP_LARGE_RESPONSE);
  gmux_protobuf_free(response);
  return ok;
}

/* A request that says whether it is compressed, which it is or not: the server must tell. */
static bool send_unary(interop_client *client, bool says, bool is_compressed) {
  BoolValue expected = GRPC__TESTING__BOOL_VALUE__INIT;
  expected.value = says;
  SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
  request.expect_compressed = &expected;
  gmux_call_options gzip = gzip_options(client);
  gmux_call *call = start_large(client, request, is_compressed ? &gzip : NULL);
  bool ok = call != NULL;
  if (says != is_compressed)
    ok = ok && interop_expect_end(client, call, GMUX_INVALID_ARGUMENT, NULL);
  else
    ok = ok && read_large(client, call) && interop_expect_end(client, call, GMUX_OK, NULL);
  gmux_call_free(call);
  return ok;
}

bool interop_client_compressed_unary(interop_client *client) {
  bool is_refused = send_unary(client, true, false);
  /* In any case: a server that cannot tell is one that should understand. */
  return send_unary(client, true, true) && send_unary(client, false, false) && is_refused;
}

static bool ask_unary(interop_client *client, bool is_compressed) {
  BoolValue wanted = GRPC__TESTING__BOOL_VALUE__INIT;
  wanted.value = is_compressed;
  SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
  request.response_compressed = &wanted;
  gmux_call *call = start_large(client, request, NULL);
  bool ok = call && read_large(client, call) && check_compressed(client, call, is_compressed) &&
            interop_expect_end(client, call, GMUX_OK, NULL);
  gmux_call_free(call);
  return ok;
}

bool interop_server_compressed_unary(interop_client *client) {
  return ask_unary(client, true) && ask_unary(client, false);
}

/* ---- streams ---- */

/* Writes a request that says whether it is compressed, and is or not. */
static bool stream_request(interop_client *client, gmux_call *call, size_t size, bool says,
                           bool is_compressed) {
  BoolValue expected = GRPC__TESTING__BOOL_VALUE__INIT;
  expected.value = says;
  Payload payload = interop_payload(client, size);
  InputRequest request = GRPC__TESTING__STREAMING_INPUT_CALL_REQUEST__INIT;
  request.payload = &payload;
  request.expect_compressed = &expected;
  gmux_call_set_message_compression(call, is_compressed);
  return interop_wrote(
      client, grpc__testing__test_service__streaming_input_call__write_wait(call, &request));
}

/* A server that does not see the difference would take the message. */
static bool probe_streaming(interop_client *client) {
  gmux_call_options gzip = gzip_options(client);
  gmux_call *call = interop_input(client, &gzip);
  bool ok = call && stream_request(client, call, 27182, true, false);
  if (ok) gmux_call_half_close(call);
  ok = ok && interop_expect_end(client, call, GMUX_INVALID_ARGUMENT, NULL);
  gmux_call_free(call);
  return ok;
}

bool interop_client_compressed_streaming(interop_client *client) {
  bool is_refused = probe_streaming(client);
  gmux_call_options gzip = gzip_options(client);
  gmux_call *call = interop_input(client, &gzip);
  bool ok = call && stream_request(client, call, 27182, true, true) &&
            stream_request(client, call, 45904, false, false);
  ok = ok && interop_expect_sum(client, call, 27182 + 45904);
  return interop_finish(client, call, ok) && is_refused;
}

bool interop_server_compressed_streaming(interop_client *client) {
  static const int32_t sizes[] = {31415, 92653};
  ResponseParameters wanted[2], *all[2];
  BoolValue is_compressed[2];
  for (int i = 0; i < 2; i++) {
    grpc__testing__bool_value__init(&is_compressed[i]);
    is_compressed[i].value = i == 0;
    grpc__testing__response_parameters__init(&wanted[i]);
    wanted[i].size = sizes[i];
    wanted[i].compressed = &is_compressed[i];
    all[i] = &wanted[i];
  }
  OutputRequest request = GRPC__TESTING__STREAMING_OUTPUT_CALL_REQUEST__INIT;
  request.response_parameters = all;
  request.n_response_parameters = 2;
  gmux_call *call = interop_output(client, &request);
  bool ok = call != NULL;
  for (int i = 0; ok && i < 2; i++)
    ok = interop_expect_output(client, call, sizes[i]) && check_compressed(client, call, i == 0);
  return interop_finish(client, call, ok);
}
