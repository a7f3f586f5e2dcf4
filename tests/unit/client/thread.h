/*
 * thread.h: the simulated world on a thread of its own, so that the test can block.
 *
 * Between thread_start and thread_stop the loop, the sim and the raw server belong to that thread;
 * the test uses the channel and calls only. Whenever something is posted the world runs, and
 * `serve` is asked what the server does about it.
 */
#ifndef TESTS_UNIT_CLIENT_THREAD_H
#define TESTS_UNIT_CLIENT_THREAD_H

#include "tests/unit/client/world.h"

/* After w_setup. `advance_ms`: how much time passes with each post. */
void thread_start(void (*serve)(void), uint64_t advance_ms);
/* Waits until all that was posted has run; the world is the test's again. */
void thread_stop(void);

#endif
