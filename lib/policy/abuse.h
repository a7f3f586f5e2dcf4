/*
 * abuse.h: how much a peer may make us do for nothing.
 *
 * Two token buckets of one connection, beside what is bounded by number (streams, bytes, queues):
 *
 *   RESETS   calls that a client starts and takes back before they can have been of use, whose work
 *            goes on or was done all the same ("rapid reset", CVE-2023-44487), and streams that we
 *            have to reset because it breaks a rule on them ("MadeYouReset", CVE-2025-8671). Either
 *            frees its slot at once, so the limit of streams does not bound them.
 *   CHATTER  frames that carry nothing: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM, empty
 *            DATA, ... (CVE-2019-9511 to 9518). Tokens come back with time, and with each frame of
 *            ours that is of use to the peer: WINDOW_UPDATE and PINGs that measure the path come in
 *            proportion to what we send, at any speed.
 *
 * gRPC cancels, and that is no offence: not counted is the reset of a call whose handler was not
 * told of it, that has lived a second, or that had spent half of the time it was given. None of
 * these lets a client do more than it could by letting calls end: such calls are bounded by the
 * slots they hold, or no work was done.
 */
#ifndef GMUX__POLICY_ABUSE_H
#define GMUX__POLICY_ABUSE_H

#include "lib/policy/bucket.h"

typedef struct gmux__abuse_config {
  uint32_t reset_burst, reset_rate_per_s;     /* burst 0: not bounded; else both >= 1 */
  uint32_t chatter_burst, chatter_rate_per_s; /* the same */
} gmux__abuse_config;

typedef struct gmux__abuse {
  bool bounds_resets, bounds_chatter;
  gmux__bucket resets, chatter;
} gmux__abuse;

void gmux__abuse_init(gmux__abuse *a, const gmux__abuse_config *config);

/* Each of these is true when it was one too many. */

/* The peer has reset a call that our application knows: so old, and given so much time (UINT64_MAX:
 * no bound). */
bool gmux__abuse_reset(gmux__abuse *a, uint64_t now_ns, uint64_t age_ns, uint64_t timeout_ns);
/* The peer has made us reset a stream. */
bool gmux__abuse_breach(gmux__abuse *a, uint64_t now_ns);
/* A frame has come that carries nothing. */
bool gmux__abuse_chatter(gmux__abuse *a, uint64_t now_ns);

/* More than half of what it may do of either is used up. */
bool gmux__abuse_is_near(const gmux__abuse *a, uint64_t now_ns);
/* A frame of use to the peer has left. */
void gmux__abuse_served(gmux__abuse *a);

#endif
