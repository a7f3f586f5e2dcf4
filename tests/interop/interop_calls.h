/*
 * interop_calls.h: calls of grpc.testing.TestService, blocking, for the cases of interop_client.
 * Each function that returns bool leaves the reason in client->why when it is false.
 */
#ifndef TESTS_INTEROP_INTEROP_CALLS_H
#define TESTS_INTEROP_INTEROP_CALLS_H

#include "tests/interop/interop.h"

enum { INTEROP_LARGE_REQUEST = 271828, INTEROP_LARGE_RESPONSE = 314159 };

/* --soak_...; see soak in interop_client's usage. */
typedef struct interop_soak {
  uint32_t iterations, max_failures, max_latency_ms, overall_timeout_s, min_time_ms;
  uint32_t request_size, response_size, threads;
} interop_soak;

typedef struct interop_client {
  gmux_loop *loop;
  const char *target;
  gmux_channel_options how; /* what a channel is made with */
  interop_soak soak;
  gmux_channel *channel;
  gmux_metadata *additional; /* goes with every call */
  int64_t patience_ms;       /* the deadline of a call that should end by itself */
  uint8_t *zeros;            /* of the largest payload that is sent */
  char why[512];
} interop_client;

/* Always false, for `return`. */
bool interop_fail(interop_client *client, const char *format, ...) GMUX_PRINTF(2, 3);

/* The client's patience and additional metadata. */
gmux_call_options interop_options(const interop_client *client);
Payload interop_payload(const interop_client *client, size_t len);

/* ---- a call: what became of a step of it, as a stub's function returned it ---- */

/* Of an __open. */
bool interop_opened(interop_client *client, int error);
/* Of a __write_wait. True also when the call is over already: its end says why. */
bool interop_wrote(interop_client *client, int error);
/* Of a __read_wait: a message was wanted. */
bool interop_read(interop_client *client, gmux_call *call, int error);
/* Of a __wait: this status was wanted; `message` NULL: any. Clears it. */
bool interop_expect_status(interop_client *client, gmux_status *status, gmux_code code,
                           const char *message);

/* No message is left, and the end is this one; `message` NULL: any. */
bool interop_expect_end(interop_client *client, gmux_call *call, gmux_code code,
                        const char *message);
/* The last step of a stream: if all went well so far (`ok`), says that no more is written and
 * expects OK. Frees the call (may be NULL). */
bool interop_finish(interop_client *client, gmux_call *call, bool ok);

/* ---- each kind of call; NULL: why is told. `options` NULL: interop_options ---- */

/* Step by step: for who looks at more than the response. */
gmux_call *interop_unary(interop_client *client, const SimpleRequest *request,
                         const gmux_call_options *options);
/* To be given back with gmux_protobuf_free. */
SimpleResponse *interop_unary_read(interop_client *client, gmux_call *call);

gmux_call *interop_input(interop_client *client, const gmux_call_options *options);
/* All is written; the server has counted so many bytes. */
bool interop_expect_sum(interop_client *client, gmux_call *call, int32_t bytes);

gmux_call *interop_output(interop_client *client, const OutputRequest *request);
/* The next response has a payload of this size. */
bool interop_expect_output(interop_client *client, gmux_call *call, int32_t size);

gmux_call *interop_duplex(interop_client *client, const gmux_call_options *options);
/* Writes a request with a payload of this size that asks for a response of that size. */
bool interop_ask(interop_client *client, gmux_call *call, size_t size, int32_t response_size);
bool interop_expect_size(interop_client *client, gmux_call *call, int32_t size);

/* ---- payloads ---- */

/* Frees the response. */
bool interop_take_size(interop_client *client, OutputResponse *response, int32_t size);
bool interop_check_size(interop_client *client, const Payload *payload, int32_t size);

#endif
