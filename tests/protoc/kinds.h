/* kinds.h: a server of kinds.proto on generated stubs, for their tests. */
#ifndef TESTS_PROTOC_KINDS_H
#define TESTS_PROTOC_KINDS_H

#include "kinds.gmux.h"
#include <pthread.h>
#include <stdbool.h>

typedef struct kinds {
  Test__Kinds__Kinds_Server service;
  unsigned ended;  /* on_end of streams */
  bool has_thread; /* set: Collect is served by `thread`, which the test joins */
  pthread_t thread;
} kinds;

/*
 * One answers "one: <text>"; Many `count` times "many: <text>", as fast as the client takes them;
 * Collect "<n> messages"; Chat each with its text. Asked for "other" One tries to answer
 * with a message of another type; asked for "rubbish" Many answers with bytes that are no message.
 */
void kinds_init(kinds *k);

/* A message with this text, which must outlive it. */
Test__Kinds__Ask ask_make(const char *text, int32_t count);

#endif
