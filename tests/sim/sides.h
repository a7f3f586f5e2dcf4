/*
 * sides.h: what the tests of the network share: a world with one loop, a listener, and two ends
 * whose owners read all that they are told of and keep it.
 */
#ifndef TESTS_SIM_SIDES_H
#define TESTS_SIM_SIDES_H

#include "tests/sim/net.h"
#include "tests/unit/harness.h"

#define MS GMUX__NS_PER_MS
#define S  GMUX__NS_PER_S

typedef struct side {
  gmux__transport *transport;
  size_t calls;    /* of on_ready */
  unsigned events; /* of the last one */
  ptrdiff_t end;   /* what ended reading: an error code */
  uint64_t at_ns;  /* when the last of this was */
  size_t len;
  char data[512];
} side;

extern sim *world;
extern gmux_loop *loop;
extern gmux__listener *listener; /* at `at` */
extern gmux__address at;
extern gmux__socket_options dial_options, listen_options; /* none, where a test sets none */
extern side client, server;
extern gmux__dial *dial;
extern size_t dialed, accepted; /* how often, and when last */
extern uint64_t dialed_ns, accepted_ns;
extern int dial_error;
extern char dial_why[64];

void sides_setup(void);
void sides_setup_with(uint64_t seed);
void sides_teardown(void);
/* Closes the listener and listens again with listen_options. */
void sides_listen_again(void);
void sides_dial(const gmux__address *to);
/* A link, made at the latency that the network has. */
sim_link *sides_connect(void);
void sides_on_accepted(void *arg, gmux__transport *transport);
void sides_on_dialed(void *arg, int error, gmux__transport *transport, const char *why);

void side_read(side *x);
void side_close(side *x);
ptrdiff_t side_write(side *x, const char *text);

#endif
