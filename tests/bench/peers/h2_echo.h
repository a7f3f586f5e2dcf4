/*
 * h2_echo.h: the raw server's service, bench.proto's, at the least price there is:
 *
 *   .../Echo          the request comes back as it is, after Payload.delay_ms
 *   .../ServerStream  StreamRequest.count messages (0: until cancelled) with .size bytes of body
 *   .../BidiEcho      bytes come back as they arrive
 *
 * Any bytes may be sent; only those fields are looked for. Every answer ends with grpc-status: 0.
 */
#ifndef GMUX_BENCH_PEERS_H2_ECHO_H
#define GMUX_BENCH_PEERS_H2_ECHO_H

#include "tests/bench/peers/h2_conn.h"

typedef struct h2_echo h2_echo; /* one call */

/* A connection with its calls. */
typedef struct h2_peer {
  h2_conn conn; /* user_data of its session is this h2_peer */
  h2_echo *calls;
} h2_peer;

void h2_echo_callbacks(nghttp2_session_callbacks *callbacks);

/* The connection has ended. */
void h2_echo_free_all(h2_peer *peer);

#endif
