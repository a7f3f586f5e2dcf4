/*
 * allocations.h: counts what gmux allocates, and how much of it nghttp2 asked for.
 *
 * The total comes from gmux's own hook (gmux_set_allocator), through which nghttp2 allocates too.
 * nghttp2's share is counted at the door of nghttp2: this program defines
 * nghttp2_session_client_new3, which therefore stands before the one of libnghttp2, and wraps the
 * allocator that gmux hands over there. What is left is gmux's own. The library needs no hook for
 * it, and what is counted is what a user's program would do.
 *
 * Counted are malloc, calloc and realloc, also a realloc that only grows.
 */
#ifndef GMUX_BENCH_ALLOCATIONS_H
#define GMUX_BENCH_ALLOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct allocations {
  uint64_t total;
  uint64_t nghttp2;
} allocations;

/* Before any object of gmux exists. 0, or gmux's error. */
int allocations_count(void);

/* How many there have been since. */
allocations allocations_now(void);

/* Whether gmux passed through the door. If not, nghttp2's share is unknown and not zero. */
bool allocations_knows_nghttp2(void);

#endif
