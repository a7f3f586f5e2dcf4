/* fake_loop.h: a loop whose time is a number and whose wake-ups are counted; no network. For what
 * loop.c and timer.c do by themselves. */
#ifndef TESTS_UNIT_IO_FAKE_LOOP_H
#define TESTS_UNIT_IO_FAKE_LOOP_H

#include "lib/io/loop.h"

typedef struct fake_loop {
  gmux_loop common; /* first */
  uint64_t clock_ns;
  uint64_t wake_at_ns;
  unsigned wake_at_calls, wakes;
  bool is_outside; /* pretend to be another thread */
} fake_loop;

extern fake_loop fake; /* made and ended around every case by these */
void fake_setup(void);
void fake_teardown(void);

/* One turn at this time; what gmux__loop_end_turn said. */
bool fake_turn(uint64_t at_ns);

#endif
