/* fleet.h: the servers and the gates of a soak, as its first process has them, and the weather over
 * them: faults that change all the time, and servers that are killed, restarted and replaced. */
#ifndef TESTS_NET_SOAK_FLEET_H
#define TESTS_NET_SOAK_FLEET_H

#include "tests/net/proxy.h"
#include "tests/net/proxy_random.h"
#include "tests/net/soak/ledger.h"
#include <sys/types.h>

enum { FLEET_SERVERS = 3 /* the first one is never touched: its memory is watched */ };

typedef struct fleet_berth {
  pid_t pid;          /* 0: free */
  uint64_t end_by_ns; /* 0: it serves */
  bool is_killed;     /* by us: how it ends is no matter */
} fleet_berth;

typedef struct fleet {
  soak_shared *shared;
  int ledger_fd;
  bool is_telling;    /* each change of the weather, on standard output */
  char dir[64];       /* of the Unix socket and the certificates */
  unsigned change_ms; /* how often the weather changes, on average */
  proxy_random random;
  uint64_t next_ns; /* when the weather changes */
  fleet_berth berths[SOAK_BERTHS];
  unsigned serving[FLEET_SERVERS]; /* their berths */
  proxy *gates[SOAK_GATES];
  unsigned changes, killed, restarted, replaced, misbehaved; /* so far */
} fleet;

/* A process with a role (roles.h); argv ends with NULL, argv[0] is ours. */
pid_t fleet_spawn(fleet *f, char *const argv[], int ready_fd);

void fleet_start(fleet *f);
/* What is due: a change of the weather, and servers that have ended. */
void fleet_step(fleet *f);
/* All is well from now on. */
void fleet_calm(fleet *f);
/* Ends the servers in good order, and the gates. */
void fleet_stop(fleet *f);

#endif
