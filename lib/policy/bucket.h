/*
 * bucket.h: at most `burst` at once, and `rate` a second in the long run (a token bucket).
 *
 * It keeps one number, the moment at which the bucket will be full again, so a bucket that nobody
 * asks costs nothing. Used for RST_STREAM that we send (promise 18), for dials (promise 7) and for
 * what peers may ask of us (abuse.h).
 */
#ifndef GMUX__POLICY_BUCKET_H
#define GMUX__POLICY_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

typedef struct gmux__bucket {
  uint64_t token_ns; /* one token's time */
  uint64_t depth_ns; /* burst tokens' time */
  uint64_t full_ns;  /* when it is full again */
} gmux__bucket;

/* burst >= 1, rate_per_s >= 1. It starts full. */
void gmux__bucket_init(gmux__bucket *b, uint32_t burst, uint32_t rate_per_s);
/* Takes a token. False: there is none, nothing has changed. */
bool gmux__bucket_take(gmux__bucket *b, uint64_t now_ns);
/* Takes one that is needed whatever the bucket says; it may owe up to `burst` of them. */
void gmux__bucket_force(gmux__bucket *b, uint64_t now_ns);
/* Puts tokens back, as far as there is room. */
void gmux__bucket_give(gmux__bucket *b, uint32_t tokens);
/* More than half of it is gone. */
bool gmux__bucket_is_low(const gmux__bucket *b, uint64_t now_ns);
/* When there will be one: now_ns if there is one now. */
uint64_t gmux__bucket_next_ns(const gmux__bucket *b, uint64_t now_ns);

#endif
