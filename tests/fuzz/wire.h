/*
 * wire.h: one thing that a raw peer says, as the input decides: right, nearly right, or any bytes.
 */
#ifndef TESTS_FUZZ_WIRE_H
#define TESTS_FUZZ_WIRE_H

#include "tests/fuzz/input.h"
#include "tests/sim/rawpeer.h"

/* What a client says, or a server. Pairs end with NULL. */
typedef struct wire_role {
  const char *const (*heads)[20]; /* whole requests, or the beginnings of replies */
  size_t head_count;
  const char *const *tail; /* the trailers of a good reply; NULL for a client: END_STREAM says it */
  const char *const (*fields)[2]; /* right and wrong ones, to be put together */
  size_t field_count;
} wire_role;

extern const wire_role wire_client, wire_server;

/* How many things there are to say: `what` is one of 0..WIRE_THINGS-1. */
enum { WIRE_THINGS = 19 };
void wire_say(rawpeer *p, const wire_role *role, unsigned what, fuzz_input *in);

#endif
