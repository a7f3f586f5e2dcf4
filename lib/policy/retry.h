/*
 * retry.h: may an attempt that failed be made again without the application's knowledge?
 * (gRPC A6, transparent retries; DESIGN promises 11 and 12.)
 *
 *     never left            as often as needed before the deadline, at once
 *     refused, above last   proven unprocessed: max_refused times; the first at once, later ones
 *                           after a backoff (100 ms, doubled up to 5 s, each +-20 %)
 *     possibly executed     only a call marked idempotent that was lost with its connection:
 *                           max_lost times, with the same backoff from the second on
 *     answered              never
 *
 * Never when it is committed: its reply has begun, or what it sent is no longer kept. At most once
 * is the law; everything else yields to it.
 */
#ifndef GMUX__POLICY_RETRY_H
#define GMUX__POLICY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

typedef enum gmux__fate { /* in the order of gmux_evidence */
                          GMUX__FATE_NEVER_LEFT = 0,
                          GMUX__FATE_REFUSED,
                          GMUX__FATE_ABOVE_LAST,
                          GMUX__FATE_POSSIBLE,
                          GMUX__FATE_ANSWERED
} gmux__fate;

typedef struct gmux__retry {
  uint16_t refused, lost; /* retries so far, by reason */
} gmux__retry;

typedef struct gmux__retry_facts {
  gmux__fate fate;
  bool is_lost;       /* it ended with its connection, or by REFUSED_STREAM: not by an answer, and
                         not by what we or the peer did to this stream alone */
  bool is_idempotent; /* the application says so */
  bool is_committed;
  uint32_t max_refused, max_lost;
  uint64_t random;
} gmux__retry_facts;

#define GMUX__RETRY_NO UINT64_MAX

/* GMUX__RETRY_NO, or after how many nanoseconds (0: at once); then it is counted. */
uint64_t gmux__retry_decide(gmux__retry *retry, const gmux__retry_facts *facts);

#endif
