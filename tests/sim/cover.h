/*
 * cover.h: what the storms of a run have covered: faults by kind, and the steps of the library's
 * state machines.
 *
 * Counts run up in this process from cover_install on; cover_take hands them out and begins again
 * at nothing. A cover is plain numbers, so that it can go through a pipe and be added up there.
 */
#ifndef TESTS_SIM_COVER_H
#define TESTS_SIM_COVER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { COVER_FAULTS = 96, COVER_MACHINES = 11, COVER_STATES = 6 };

typedef struct cover {
  uint64_t seeds, calls;
  uint64_t faults[COVER_FAULTS];
  uint64_t steps[COVER_MACHINES][COVER_STATES][COVER_STATES]; /* [machine][from][to] */
} cover;

/* The names of faults are the storm's. */
typedef struct cover_faults {
  size_t count; /* at most COVER_FAULTS */
  const char *(*str)(size_t kind);
} cover_faults;

/* Before there is a second thread; see lib/base/machine.h. */
void cover_install(void);
/* One storm is over: how many calls were started in it, and which faults really happened. */
void cover_count_seed(uint64_t calls, const uint64_t *faults, size_t fault_kinds);
void cover_take(cover *out);
void cover_add(cover *sum, const cover *more);

/* Each kind of fault and each step with its count, then what never happened. */
void cover_print(const cover *sum, const cover_faults *faults, FILE *out);
/* What never happened alone. */
void cover_print_missing(const cover *sum, const cover_faults *faults, FILE *out);
/* What has never happened, though it can: kinds of faults, and steps. */
size_t cover_missing(const cover *sum, const cover_faults *faults);

#endif
