/*
 * counter.h: a figure that the loop's thread writes and any thread may read.
 *
 * Only one thread writes, so a plain load and store are enough (no locked instruction); atomic
 * because others read. Relaxed: figures are of one moment only for who reads them on the loop.
 */
#ifndef GMUX__WATCH_COUNTER_H
#define GMUX__WATCH_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic(uint64_t) gmux__counter;

static inline uint64_t gmux__counter_get(const gmux__counter *counter) {
  return atomic_load_explicit(counter, memory_order_relaxed);
}
static inline void gmux__counter_set(gmux__counter *counter, uint64_t value) {
  atomic_store_explicit(counter, value, memory_order_relaxed);
}
static inline void gmux__counter_add(gmux__counter *counter, uint64_t by) {
  gmux__counter_set(counter, gmux__counter_get(counter) + by);
}

#endif
