/*
 * unruly_kit.h: what the tests of the unruly server share: a world with one of them and a channel,
 * and calls whose fate both sides write down.
 */
#ifndef TESTS_SIM_UNRULY_KIT_H
#define TESTS_SIM_UNRULY_KIT_H

#include "tests/sim/unruly.h"
#include "tests/unit/harness.h"
#include <gmux/channel.h>

enum { CALLS = 64, PORT = 50051 };
#define MS GMUX__NS_PER_MS

extern const char *const kit_paths[4];

typedef struct line { /* of the ledger, and what its client heard */
  gmux_call *call;
  gmux_method_kind kind;
  unsigned executed, served_ok, refused, received, headers, ends;
  gmux_code code;
  gmux_evidence evidence;
} line;

typedef struct unruly_kit {
  sim *sim;
  gmux_loop *loop;
  unruly *server;
  gmux_channel *channel;
  gmux_method *methods[4];
  line calls[CALLS + 1]; /* by id, from 1 */
  uint32_t count;
  uint64_t faults[UNRULY_FAULTS];
  unsigned breaches, punishable, eager;
  char last_breach[160];
  bool is_breach_expected;
} unruly_kit;

extern unruly_kit w;

/* Around each case; teardown reads the laws of all calls. */
void setup(void);
void teardown(void);
void run_ms(uint64_t ms);

/* `paths`, `max_bytes` and `handlers` are filled in. */
void server_open(const unruly_options *options, uint64_t seed);
gmux_channel_options channel_options(void); /* cleartext, else the defaults */
void channel_open_with(const gmux_channel_options *options);
void channel_open(void);
/* A server that is decent by itself, and a channel. */
void open_decent(void);
void open_always(unruly_fault fault);

/* Written, and half-closed if it says all. */
line *start_with(gmux_method_kind kind, unsigned messages, bool says_all);
line *start(void); /* unary */
void start_many(unsigned n);
/* Executed, if its server does that, and not answered: it waits for more. */
line *start_open(void);
size_t ended_with(gmux_code code);
gmux_channel_stats figures(void);

#endif
