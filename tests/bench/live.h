/*
 * live.h: how many bytes gmux holds, nghttp2's memory included, by gmux's own hook
 * (gmux_set_allocator). What was asked for is counted, without what malloc adds; OpenSSL, libev and
 * c-ares have hooks of their own and are not in it.
 */
#ifndef GMUX_BENCH_LIVE_H
#define GMUX_BENCH_LIVE_H

#include <stdint.h>

/* Before any object of gmux exists. 0, or gmux's error. From then on each block is 16 bytes larger,
 * so resident memory is not to be measured in the same run. */
int live_count(void);

/* Of all blocks that are not freed. */
uint64_t live_bytes(void);

#endif
