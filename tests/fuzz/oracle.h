/*
 * oracle.h: what a server's bytes can have meant at most.
 *
 * It reads all that a raw server says, and counts the answers that a client may take for OK: it
 * says yes to more than a client has to, never to less. So there must be at least as many of them
 * as calls that ended OK, and at least as many messages as were delivered.
 */
#ifndef TESTS_FUZZ_ORACLE_H
#define TESTS_FUZZ_ORACLE_H

#include <stddef.h>
#include <stdint.h>

typedef struct oracle oracle;

oracle *oracle_new(void);
void oracle_free(oracle *o); /* takes NULL */
/* As rawpeer_tap wants it. */
void oracle_read(void *o, const uint8_t *bytes, size_t len);

/* Streams with a gRPC head and a tail that says OK; of those, with a whole message. */
size_t oracle_answers(const oracle *o);
size_t oracle_answers_with_message(const oracle *o);
/* Whole messages on all streams. */
size_t oracle_messages(const oracle *o);

#endif
