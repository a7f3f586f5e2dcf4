/*
 * rtt.h: how long a round trip to the peer takes, smoothed (RFC 6298 without its variance).
 *
 * A PING's acknowledgement, or that of our SETTINGS, is a true sample. A reply is only an upper
 * bound, because the server's work hides in it: it counts as a first guess, and later only where it
 * is below the estimate. So a server that takes seconds to answer is not taken for a far one.
 */
#ifndef GMUX__POLICY_RTT_H
#define GMUX__POLICY_RTT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct gmux__rtt {
  uint64_t smoothed_ns; /* 0: no sample yet */
  uint64_t least_ns;    /* of the path without queues; the same */
  bool is_measured;     /* a true sample is in it, not only guesses */
} gmux__rtt;

void gmux__rtt_measured(gmux__rtt *rtt, uint64_t sample_ns); /* PING, SETTINGS */
void gmux__rtt_replied(gmux__rtt *rtt, uint64_t sample_ns);

#endif
