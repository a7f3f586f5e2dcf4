/*
 * laws.h: what must be true of every call, whatever the network, the server or the machine did.
 * Facts in, a verdict in words out: the tests over real sockets differ in how they come to know.
 */
#ifndef TESTS_NET_LAWS_H
#define TESTS_NET_LAWS_H

#include <gmux/gmux.h>

typedef struct law_facts {
  unsigned ends;     /* how often the application was told that it is over */
  unsigned executed; /* how often servers did what it asked for; to be counted when they are gone */
  bool is_idempotent;
  bool is_foreign;  /* a body, there or back, that was not this call's own */
  uint64_t late_ms; /* from its deadline to its end; 0: it ended before that, or had none */
  gmux_code code;
  gmux_evidence evidence;
} law_facts;

/* NULL, or the first law that is broken. `bound_ms`: how late a call may end. */
const char *law_broken(const law_facts *facts, unsigned bound_ms);

#endif
