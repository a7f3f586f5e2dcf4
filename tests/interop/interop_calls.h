/*
 * interop_calls.h: calls of grpc.testing.TestService, blocking, for the cases of interop_client.
 * Each function that returns bool leaves the reason in client->why when it is false; one that
 * returns a pointer, when it is NULL.
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

/* ---- a call ---- */

/* `path` is whole, or a method's name in TestService. `options` NULL: interop_options. */
gmux_call *interop_start(interop_client *client, const char *path, gmux_method_kind kind,
                         const gmux_call_options *options);
bool interop_write(interop_client *client, gmux_call *call, const ProtobufCMessage *message);
/* The next message, to be given back with gmux_protobuf_free. */
void *interop_read(interop_client *client, gmux_call *call, const ProtobufCMessageDescriptor *type);
/* No message is left, and the end is this one; `message` NULL: any. */
bool interop_expect_end(interop_client *client, gmux_call *call, gmux_code code,
                        const char *message);
/* The last step of a stream: if all went well so far (`ok`), says that no more is written and
 * expects OK. Frees the call (may be NULL). */
bool interop_finish(interop_client *client, gmux_call *call, bool ok);

/* A unary call that ends so; `message` NULL: any. */
bool interop_unary_fails(interop_client *client, const char *path, const ProtobufCMessage *request,
                         gmux_code code, const char *message);
/* One that ends with OK. The response, to be given back with gmux_protobuf_free. */
void *interop_unary(interop_client *client, const char *path, const ProtobufCMessage *request,
                    const ProtobufCMessageDescriptor *type);

/* ---- the duplex call ---- */

gmux_call *interop_duplex(interop_client *client, const gmux_call_options *options);
/* Writes a request with a payload of this size that asks for a response of that size. */
bool interop_ask(interop_client *client, gmux_call *call, size_t size, int32_t response_size);
/* The next response has a payload of this size. */
bool interop_expect_size(interop_client *client, gmux_call *call, int32_t size);

bool interop_check_size(interop_client *client, const Payload *payload, int32_t size);

#endif
