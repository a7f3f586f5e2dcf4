/*
 * storm_jobs.h: many seeds, each storm in a process that may crash or never end.
 *
 * Workers are forked, take seeds in turn, and write what happens into memory that they share with
 * their parent. What a worker prints is kept and shown when one of its seeds breaks a law, ends by
 * a signal or takes too long.
 */
#ifndef TESTS_SIM_STORM_JOBS_H
#define TESTS_SIM_STORM_JOBS_H

#include "tests/sim/storm_plan.h"

enum { STORM_JOBS_MAX = 64 };

typedef struct storm_orders {
  const storm_scenario *scenario;
  uint64_t first, count;   /* of seeds */
  unsigned jobs;           /* processes at once, at most STORM_JOBS_MAX */
  const char *without;     /* moves that are left out; "": none */
  bool tells, is_covering; /* the story while it happens; the table of what was covered */
  bool digests;            /* a line a seed, by which two runs can be compared */
} storm_orders;

/* How a storm ended: 0 is well; else which law was broken, or a signal, in words that are the same
 * each time that it happens for the same reason. */
typedef struct storm_outcome {
  bool is_broken;
  char why[160];
} storm_outcome;

/* One storm in this process. */
storm_outcome storm_here(const storm_plan *plan, bool tells);
/* The same in a process of its own; what it prints goes nowhere. */
storm_outcome storm_apart(const storm_plan *plan);

/* All seeds that were ordered; stops at the first that does not end well. True: none. */
bool storm_jobs_run(const storm_orders *orders);
/* Leaves out moves of the first seed's plan for as long as the storm still ends in the same way,
 * and shows what is left. False: it could not, because the storm ends well. */
bool storm_shrink(const storm_orders *orders);

/* "gmux-sim --scenario x --seed n --without ..." */
void storm_command_print(FILE *out, const storm_plan *plan);

#endif
