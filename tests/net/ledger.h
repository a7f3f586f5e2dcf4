/*
 * ledger.h: what servers have executed, written down by a number that each call brings, and what
 * became of these calls at their client. The ledger is shared memory: servers in processes that are
 * forked write into the same.
 */
#ifndef TESTS_NET_LEDGER_H
#define TESTS_NET_LEDGER_H

#include "tests/net/kit.h"

#define LEDGER_ENTER "/net.Test/Enter" /* unary: writes down its number */

enum { LEDGER_ENTRIES = 2048 }; /* of one case */

/* By the kit, around each case and for each server. */
void ledger_open(void);
void ledger_close(void);
int ledger_serve(gmux_server *server);

/* A call to LEDGER_ENTER. What stands below `is_over` is valid when that is true. */
typedef struct ledger_entry {
  unsigned number;
  bool is_idempotent;
  sem_t end;
  atomic_bool is_over;
  gmux_code code;
  gmux_evidence evidence;
  char words[256];
} ledger_entry;

/* The request is `padding` bytes longer than the number. Each needs one ledger_wait. */
void ledger_start(ledger_entry *entry, gmux_channel *channel, const gmux_call_options *options,
                  size_t padding);
gmux_code ledger_wait(ledger_entry *entry);
/* Start and wait. Without wait_for_ready; timeout_ms 0: without a deadline. */
gmux_code ledger_enter(ledger_entry *entry, gmux_channel *channel, unsigned timeout_ms);

unsigned ledger_executed(const ledger_entry *entry);
/* The laws (laws.h) but for those of bodies and time. To be asked when nothing can be executed any
 * more. */
void ledger_check(const ledger_entry *entry);

/* The next `count` calls are executed, and not answered. ledger_await_held returns when so many
 * are; ledger_answer_held answers them, after that, where the server is in this process. */
void ledger_hold(unsigned count);
void ledger_await_held(unsigned count);
void ledger_answer_held(void);

#endif
