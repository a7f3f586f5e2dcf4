/*
 * allocations.h: counts what gmux allocates, nghttp2's memory included, by gmux's own hook
 * (gmux_set_allocator). Counted are malloc, calloc and realloc, also a realloc that only grows.
 */
#ifndef GMUX_BENCH_ALLOCATIONS_H
#define GMUX_BENCH_ALLOCATIONS_H

#include <stdint.h>

/* Before any object of gmux exists. 0, or gmux's error. */
int allocations_count(void);

/* How many there have been since. */
uint64_t allocations_now(void);

#endif
