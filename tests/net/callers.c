/* callers.c: eight threads that call the same channel. */
#include "tests/net/callers.h"
#include <stdio.h>

void callers_start(caller callers[CALLERS], gmux_channel *channel, unsigned calls,
                   void *(*run)(void *)) {
  for (unsigned i = 0; i < CALLERS; i++) {
    callers[i] = (caller){.channel = channel, .number = i, .calls = calls};
    sem_init(&callers[i].done, 0, 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&callers[i].thread, NULL, run, &callers[i]), 0);
  }
}

unsigned callers_join(caller callers[CALLERS]) {
  unsigned good = 0;
  for (unsigned i = 0; i < CALLERS; i++) {
    pthread_join(callers[i].thread, NULL);
    sem_destroy(&callers[i].done);
    good += callers[i].good;
  }
  return good;
}

/* Each request is answered with itself, so a caller knows its own. */
void *caller_call_and_wait(void *arg) {
  caller *c = arg;
  char text[16];
  snprintf(text, sizeof text, "thread %u", c->number);
  for (unsigned i = 0; i < c->calls; i++)
    c->good += kit_call(c->channel, KIT_ECHO, text, NULL, NULL, NULL);
  return NULL;
}
