/* callers.h: eight threads that call the same channel. */
#ifndef TESTS_NET_CALLERS_H
#define TESTS_NET_CALLERS_H

#include "tests/net/kit.h"
#include <pthread.h>

enum { CALLERS = 8 };

typedef struct caller {
  pthread_t thread;
  gmux_channel *channel;
  unsigned number, calls; /* calls: how many it is to make */
  unsigned good;          /* of which so many ended well */
  sem_t done;
} caller;

/* Each thread runs `run` with its caller. */
void callers_start(caller callers[CALLERS], gmux_channel *channel, unsigned calls,
                   void *(*run)(void *));
unsigned callers_join(caller callers[CALLERS]); /* the good ones of all */

/* For `run`: `calls` blocking ones, one after the other. */
void *caller_call_and_wait(void *arg);

#endif
