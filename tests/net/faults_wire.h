/*
 * faults_wire.h: what the load of the fault tests and its servers say to each other. All of a
 * message follows from the number of its call, so either side sees what is not its own.
 */
#ifndef TESTS_NET_FAULTS_WIRE_H
#define TESTS_NET_FAULTS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WIRE_ENTER "/net.Faults/Enter" /* unary: its message, after a pause */
#define WIRE_TALK  "/net.Faults/Talk"  /* bidi: each message comes back */
#define WIRE_HOLD                                                                                  \
  "/net.Faults/Hold" /* unary: executed, and not answered, but for the second time */

/* A variable of our server's environment: its connections end, by GOAWAY, after so many ms. */
#define WIRE_MAX_AGE "GMUX_FAULTS_MAX_AGE_MS"

enum {
  WIRE_WORDS_MAX = 500,
  WIRE_MESSAGE_MAX = WIRE_WORDS_MAX * 4,
  WIRE_PAUSES_MS = 30,
  WIRE_DRAIN_MS = 60000,
  WIRE_HANDSHAKE_MS = 2000
};
#define WIRE_FOREIGN UINT32_MAX /* in a log: what was executed was asked for by nobody */

/* The number, as the machine has it, again and again. Returns the length. */
static inline size_t wire_message(uint32_t number, uint8_t text[WIRE_MESSAGE_MAX]) {
  size_t words = 1 + number % WIRE_WORDS_MAX;
  for (size_t i = 0; i < words; i++)
    memcpy(text + 4 * i, &number, 4);
  return 4 * words;
}

static inline uint32_t wire_number(const void *text, size_t len) {
  uint32_t number = WIRE_FOREIGN;
  if (len >= sizeof number) memcpy(&number, text, sizeof number);
  return number;
}

static inline bool wire_is_message(uint32_t number, const void *text, size_t len) {
  uint8_t want[WIRE_MESSAGE_MAX];
  return len == wire_message(number, want) && memcmp(text, want, len) == 0;
}

/* Between execution and answer: of its own for each call, so that they get out of step. */
static inline unsigned wire_pause_ms(uint32_t number) {
  return number * 7 % WIRE_PAUSES_MS;
}

#endif
