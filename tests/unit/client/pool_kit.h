/*
 * pool_kit.h: what the tests of the pool have in common: short questions and the server's answers.
 */
#ifndef TESTS_UNIT_CLIENT_POOL_KIT_H
#define TESTS_UNIT_CLIENT_POOL_KIT_H

#include "tests/unit/client/world.h"

size_t dials(void);                /* to the raw server, begun so far */
size_t requests(const rawpeer *p); /* that came there */
bool is_open(const rawpeer *p);
void start(size_t count); /* so many unary calls */
void answer_stream(rawpeer *p, uint32_t stream);
void ack_pings(rawpeer *p);          /* all that came and were not acknowledged yet */
const gmux__line *line_at(size_t n); /* the n-th that is READY; NULL: there are less */
void burst_options(void);            /* one connection, and one more after 100 ms */
void pool_setup(void);

#endif
