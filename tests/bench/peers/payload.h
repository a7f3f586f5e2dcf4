/* payload.h: as much of bench.proto's messages as the raw server has to know. */
#ifndef GMUX_BENCH_PEERS_PAYLOAD_H
#define GMUX_BENCH_PEERS_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>

typedef struct payload_request {
  uint64_t count;    /* field 1: messages wanted */
  uint64_t size;     /* field 2: bytes of body in each */
  uint64_t delay_ms; /* field 3 */
} payload_request;

/* Reads those fields of a gRPC message with its head; what is no protobuf ends it. */
void payload_read(payload_request *r, const uint8_t *message, size_t len);

/* A Payload with a body of so many bytes, in a gRPC message, malloced; NULL: out of memory. */
uint8_t *payload_message(uint64_t size, size_t *len);

#endif
