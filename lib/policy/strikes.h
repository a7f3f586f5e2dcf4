/*
 * strikes.h: how a server punishes a client that sends too many PINGs (gRPC A8).
 *
 * A PING is good when it comes at least the minimum interval after the last good one; that is two
 * hours while there is no stream, unless pings without calls are permitted. A bad one is a strike,
 * and one strike more than `max_strikes` (by default the third) ends the connection with GOAWAY
 * ENHANCE_YOUR_CALM "too_many_pings". Each HEADERS or DATA frame that is written clears strikes and
 * clock.
 */
#ifndef GMUX__POLICY_STRIKES_H
#define GMUX__POLICY_STRIKES_H

#include <stdbool.h>
#include <stdint.h>

typedef struct gmux__strikes_config {
  uint64_t min_interval_ns;
  bool permit_without_calls;
  uint32_t max_strikes; /* 0: never punished */
} gmux__strikes_config;

typedef struct gmux__strikes {
  gmux__strikes_config config;
  uint64_t last_good_ns; /* 0: none since the last clear */
  uint32_t count;
} gmux__strikes;

void gmux__strikes_init(gmux__strikes *s, const gmux__strikes_config *config);
/* A PING (no ACK) has come. True: that was one too many. */
bool gmux__strikes_ping(gmux__strikes *s, uint64_t now_ns, bool has_streams);
/* A HEADERS or DATA frame was written. */
void gmux__strikes_clear(gmux__strikes *s);

#endif
