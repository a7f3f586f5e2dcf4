/*
 * purse.h: what each side of a world has in memory, to the byte.
 *
 * Each block counts what a usual allocator takes for it: 8 bytes more than asked for, rounded up to
 * 16, at least 32. So figures are the same with every C library, sanitizer and valgrind. A block
 * belongs to the server when it was got in a turn of the server's loop (which must be `outside`,
 * see sim_set_outside), and to the client else. OpenSSL's blocks are among them.
 */
#ifndef TESTS_SIM_PURSE_H
#define TESTS_SIM_PURSE_H

#include "tests/sim/sim.h"

typedef enum purse_side { PURSE_CLIENT = 0, PURSE_SERVER = 1 } purse_side;

/* For the whole program, before anything else. False: gmux or OpenSSL takes no allocator. */
bool purse_open(void);
/* Whose turns are the server's; NULL: nobody's. */
void purse_set_server(const gmux_loop *loop);
size_t purse_bytes(purse_side side);
/* The most of them at once since this was asked the last time. */
size_t purse_peak(purse_side side);

#endif
