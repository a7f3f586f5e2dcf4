/* echo_cases.h: what echo_client can try. */
#ifndef TESTS_INTEROP_ECHO_CASES_H
#define TESTS_INTEROP_ECHO_CASES_H

#include "tests/interop/echo_calls.h"

/* One after the other on one channel. False: client->why says what was wrong. */
typedef struct echo_case {
  const char *name;
  bool (*run)(echo_client *client);
} echo_case;

/* The last one has no name. */
extern const echo_case echo_cases[];

#endif
