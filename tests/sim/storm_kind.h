/* storm_kind.h: how a kind of fault is done; what storm_faults.c and storm_network.c share. */
#ifndef TESTS_SIM_STORM_KIND_H
#define TESTS_SIM_STORM_KIND_H

#include "tests/sim/storm.h"

/*
 * begin: false when there was nothing to break. NULL: the fault follows from others.
 * end: when its time is over, drawing from the same stream as the beginning, so that it finds the
 * same address. NULL: it does not last, or ends by itself.
 * counter: of sim_happened, when the world knows whether it met anybody; else it counts as begun.
 */
typedef struct storm_kind {
  bool (*begin)(const storm_move *move);
  void (*end)(const storm_move *move);
  size_t counter; /* STORM_BY */
} storm_kind;

/* No figure of a fault stands at the very beginning: that is SIM_FATE_NONE's. */
#define STORM_BY(member) offsetof(sim_happened, member)

/* NULL: it is none of the network's. */
const storm_kind *storm_network_kind(storm_fault fault);
void storm_network_heal(void);

#endif
