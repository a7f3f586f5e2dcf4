/*
 * backoff.h: how long until the next connection attempt (gRPC connection-backoff).
 *
 * delay(n) = min(initial x multiplier^n, max), each with jitter of +-20 % (also the capped one,
 * which can so be 144 s), counted from the START of the attempt: a slow attempt eats its own
 * backoff. Reset when the peer's SETTINGS arrive. Numbers in, numbers out: `random` is 64 uniformly
 * random bits from the caller; 0 gives the shortest delay and UINT64_MAX the longest.
 *
 * Per attempt one gmux__backoff_attempt, then either gmux__backoff_failed or gmux__backoff_reset.
 */
#ifndef GMUX__POLICY_BACKOFF_H
#define GMUX__POLICY_BACKOFF_H

#include <stdint.h>

typedef struct gmux__backoff_config {
  uint64_t initial_ns, max_ns, min_connect_ns;
  uint32_t multiplier_percent; /* 160; at least 100 */
  uint32_t jitter_percent;     /* 20; at most 100 */
} gmux__backoff_config;

typedef struct gmux__backoff {
  gmux__backoff_config config;
  uint64_t step_ns;       /* before jitter, of the next attempt */
  uint64_t attempt_at_ns; /* start of the last attempt */
  uint64_t next_at_ns;    /* when the next one may start; 0: at once */
  unsigned failures;      /* since the last reset */
} gmux__backoff;

void gmux__backoff_config_default(gmux__backoff_config *config); /* 1 s, 120 s, 20 s, 160, 20 */
void gmux__backoff_init(gmux__backoff *b, const gmux__backoff_config *config);
/* An attempt starts now. Returns by when it must be READY: now + max(min_connect, its backoff). */
uint64_t gmux__backoff_attempt(gmux__backoff *b, uint64_t now_ns, uint64_t random);
/* It failed: returns when the next one may start (start of the failed one + its backoff; never
 * before now). */
uint64_t gmux__backoff_failed(gmux__backoff *b, uint64_t now_ns);
/* The next attempt may start at once and has the first delay again. */
void gmux__backoff_reset(gmux__backoff *b);

#endif
