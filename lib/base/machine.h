/*
 * machine.h: a state machine's name, its states, and the steps that it may take.
 *
 * Each object with states has one enum and one function that changes it; beside them lies a
 * gmux__machine that says which steps are legal, in the one place that all can read: the function
 * that takes them (gmux__machine_step asserts), its log (gmux__machine_str), and the simulator,
 * which counts them and lists those that no test ever took.
 */
#ifndef GMUX__BASE_MACHINE_H
#define GMUX__BASE_MACHINE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct gmux__machine {
  const char *name;
  unsigned count;            /* of states: 0 to count - 1 */
  const char *const *states; /* their names */
  const uint16_t *edges;     /* edges[from]: the GMUX__TO() of each legal step from there */
} gmux__machine;

#define GMUX__TO(state) (1u << (state))

/* For tests that count, set before there is a second thread; else NULL. Comes from inside the
 * function that changes the state, before it does, so it must not call back. */
typedef void gmux__machine_observer(const gmux__machine *machine, unsigned from, unsigned to);
extern gmux__machine_observer *gmux__machine_observe;

static inline bool gmux__machine_may(const gmux__machine *machine, unsigned from, unsigned to) {
  return from < machine->count && to < machine->count && (machine->edges[from] & GMUX__TO(to));
}

/* The step is about to be taken. It is the caller's to take it. */
static inline void gmux__machine_step(const gmux__machine *machine, unsigned from, unsigned to) {
  assert(gmux__machine_may(machine, from, to));
  if (gmux__machine_observe) gmux__machine_observe(machine, from, to);
}

/* "?" for what is no state. */
static inline const char *gmux__machine_str(const gmux__machine *machine, unsigned state) {
  return state < machine->count ? machine->states[state] : "?";
}

#endif
