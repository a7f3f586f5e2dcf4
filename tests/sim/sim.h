/*
 * sim.h: a world for tests in which time is a number and the network is memory.
 *
 * A sim has one clock, one network (net.h) and several loops: the second implementation of
 * lib/io/loop.h. Everything runs on the thread that calls the functions below, one turn of one loop
 * at a time, and nothing happens between them. The same seed and the same calls give the same run,
 * byte for byte and in the same order.
 *
 * The machinery takes its memory from libc and ends the process when there is none, so that a test
 * that fails the n-th allocation counts and fails the library's alone. The one exception is the
 * read buffer of a loop, which is the library's: make loops before the failing starts.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "lib/io/loop.h"

typedef struct sim sim;

/* Time starts at 1 s: zero is a moment that only a forgotten variable names. */
#define SIM_EPOCH GMUX__NS_PER_S
/* The wall's clock at time 0: some day of 2023. */
#define SIM_WALL (UINT64_C(1700000000) * GMUX__NS_PER_S)

sim *sim_new(uint64_t seed);
/*
 * Frees the world and its loops; takes NULL. A transport, dial, look-up, listener or user of a loop
 * (gmux__loop_ref) that is left is a leak of the test or of the library: they are counted on stderr
 * and the process aborts. So does a deferred task or a timer that nobody would run any more.
 */
void sim_free(sim *s);

/* A new loop, owned by the world. NULL: out of memory. Most tests need one, for both sides. */
gmux_loop *sim_loop(sim *s);
/* The same with options (NULL: defaults), as for gmux_loop_start. */
gmux_loop *sim_loop_with(sim *s, const gmux_loop_options *options);

/*
 * Loops believe that every call comes from their own thread. A loop that is `outside` believes so
 * only during its own turns, so that calls of the test take the way of another thread's: a post.
 */
void sim_set_outside(gmux_loop *loop, bool outside);

/*
 * The loop's process is stopped (SIGSTOP, swap, a pause of its machine): for `ns` from now it runs
 * no turn, then sees that time has jumped. The network goes on meanwhile, and so does the clock
 * that a caller outside of its turns reads. Replaces a freeze that still lasts; 0 ends it.
 */
void sim_loop_freeze(gmux_loop *loop, uint64_t ns);
/* When the last freeze ended, or will end; 0: there was none. What the loop owed to somebody before
 * that moment may have come as late as this. */
uint64_t sim_loop_thaws_at(gmux_loop *loop);

/*
 * Which of the loops with something to do runs next, and in which order a turn serves the
 * transports that are ready, comes from the world's seed instead of the row; false (the default):
 * from the row. Chance of its own: what loops draw stays the same.
 */
void sim_shuffle(sim *s, bool is_shuffled);

/* ---- running: not from callbacks. A row of turns without end while time stands still (somebody
 * wants what is there and does not take it) ends the process with words on stderr. ---- */

uint64_t sim_now(const sim *s);
/*
 * The smallest step: one turn of a loop that has something to do now (bytes, room, a dial, a timer
 * that is due, a task, a post); loops take turns. When none has, the clock moves to the next event
 * instead. False: there is none, and there will be none before a call from outside.
 */
bool sim_step(sim *s);
/* Runs until no loop has anything to do at this moment. Does not move time. */
void sim_run(sim *s);
/* Moves time by `ns`, stopping at each event on the way; what is due at the end has run. */
void sim_run_for(sim *s, uint64_t ns);
/* Moves time until `cond` holds, which is asked before the first and after each step. False: it did
 * not within `max_ns`, which have then passed. */
bool sim_run_until(sim *s, bool (*cond)(void *arg), void *arg, uint64_t max_ns);

/* `fn` is called after each turn of any loop, when all that it put off has run; it looks, and does
 * nothing that needs a turn. NULL: no longer. */
void sim_after_turn(sim *s, void (*fn)(gmux_loop *loop, void *arg), void *arg);

/* Turns run so far, of all loops: "nothing happens" can be asserted. */
uint64_t sim_turns(const sim *s);

/* Zeroed memory from libc; ends the process when there is none. */
void *sim_alloc(size_t size);

#endif
