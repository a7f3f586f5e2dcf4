/*
 * storm_shrink.c: the smallest storm that still breaks the law.
 *
 * Delta debugging (Zeller, Hildebrandt: Simplifying and Isolating Failure-Inducing Input): pieces
 * of the plan are left out, large ones first, and stay out when the storm ends in the same way
 * without them; until no single move can be left out. Each trial is a process.
 */
#include "tests/sim/storm_jobs.h"
#include <string.h>

static bool ends_alike(const storm_plan *plan, const storm_outcome *wanted) {
  storm_outcome outcome = storm_apart(plan);
  return outcome.is_broken && strcmp(outcome.why, wanted->why) == 0;
}

/* So many of the moves that are still in, from the nth of them on. */
static void leave_out(storm_plan *plan, size_t from, size_t many) {
  size_t nth = 0;
  for (size_t i = 0; i < plan->count; i++) {
    if (plan->moves[i].is_left_out) continue;
    if (nth >= from && nth < from + many) plan->moves[i].is_left_out = true;
    nth++;
  }
}

static size_t moves_left(const storm_plan *plan) {
  size_t left = 0;
  for (size_t i = 0; i < plan->count; i++)
    left += !plan->moves[i].is_left_out;
  return left;
}

/* True: something could be left out. */
static bool shrink_by(storm_plan *plan, size_t many, const storm_outcome *wanted) {
  bool is_smaller = false;
  for (size_t from = 0; from < moves_left(plan);) {
    storm_plan trial = *plan;
    leave_out(&trial, from, many);
    if (ends_alike(&trial, wanted)) {
      *plan = trial;
      is_smaller = true;
    } else {
      from += many;
    }
  }
  return is_smaller;
}

static void plan_shrink(storm_plan *plan, const storm_outcome *wanted) {
  for (size_t many = moves_left(plan) / 2; many > 1; many /= 2) {
    shrink_by(plan, many, wanted);
    printf("# %zu moves of %zu are left\n", moves_left(plan), plan->count);
    fflush(stdout);
  }
  while (shrink_by(plan, 1, wanted))
    ;
}

bool storm_shrink(const storm_orders *orders) {
  static storm_plan plan;
  storm_plan_make(&plan, orders->scenario, orders->first);
  storm_plan_leave_out(&plan, orders->without);
  storm_outcome wanted = storm_apart(&plan);
  if (!wanted.is_broken) return false;
  plan_shrink(&plan, &wanted);
  storm_here(&plan, true);
  printf("# seed %llu: %s\n# %zu moves of %zu are enough: ", (unsigned long long)plan.seed,
         wanted.why, moves_left(&plan), plan.count);
  storm_command_print(stdout, &plan);
  return true;
}
