/* roles.h: the processes of a soak. Each is the same program, started again with a role. */
#ifndef TESTS_NET_SOAK_ROLES_H
#define TESTS_NET_SOAK_ROLES_H

#include "tests/net/soak/ledger.h"

/* Descriptors that a process inherits: the ledger, and a pipe into which a server writes one byte
 * when it listens. */
enum { SOAK_LEDGER_FD = 3, SOAK_READY_FD = 4 };

/* Serves until SIGTERM; then running calls may finish for SOAK_DRAIN_MS. The exit status. */
int soak_serve(soak_shared *shared, unsigned berth);
enum { SOAK_DRAIN_MS = 3000 };

/* Calls until SIGTERM; then those that run come to their end. The exit status. */
int soak_call(soak_shared *shared);

/* Exits with words when a function of gmux failed that cannot. */
void soak_must(int error);

#endif
