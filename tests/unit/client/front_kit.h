/*
 * front_kit.h: a channel over several loops of a simulated world (w_channel), each `outside`: what
 * the test calls comes from another thread than theirs.
 */
#ifndef TESTS_UNIT_CLIENT_FRONT_KIT_H
#define TESTS_UNIT_CLIENT_FRONT_KIT_H

#include "lib/client/front.h"
#include "tests/unit/client/world.h"

enum { FK_LOOPS = 3 };
extern gmux_loop *fk_loops[FK_LOOPS];

void fk_setup(void);
void fk_teardown(void);

/* A channel over the first `count` of them with w_options. */
void fk_open(size_t count);
gmux__front *fk_front(void);
gmux_channel *fk_lane(size_t i);
gmux_channel_state fk_lane_state(size_t i);
/* All that have been dialed and not greeted yet are; returns how many. */
size_t fk_greet_all(void);
rawpeer *fk_peer(size_t i); /* in the order in which they were greeted */
/* fk_open, and every loop has its connection. */
void fk_connected(size_t count);
/* Answers what has come on any connection; returns how many. */
size_t fk_answer_all(void);
/* Calls fn(arg) in a turn of loop i. */
void fk_inside(size_t i, void (*fn)(void *arg), void *arg);
/* Calls that loop i has had. */
uint64_t fk_calls_of(size_t i);

#endif
