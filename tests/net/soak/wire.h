/* wire.h: what the client and the servers of a soak say to each other. A message is a head and a
 * filling that follows from it, so either side sees what is not its own. */
#ifndef TESTS_NET_SOAK_WIRE_H
#define TESTS_NET_SOAK_WIRE_H

#include <gmux/bytes.h>
#include <stdbool.h>
#include <string.h>

#define SOAK_UNARY  "/soak.Soak/Unary"
#define SOAK_CLIENT "/soak.Soak/Client" /* one reply when the client has said all */
#define SOAK_SERVER "/soak.Soak/Server" /* `replies` of them */
#define SOAK_BIDI   "/soak.Soak/Bidi"   /* one for each message */

enum { SOAK_MESSAGE_MAX = 1 << 20 };

typedef struct soak_head {
  uint64_t id;                /* the call's */
  uint32_t index, bytes;      /* of this message; bytes: all of it */
  uint32_t reply_bytes;       /* asked for, of each reply */
  uint16_t replies, pause_ms; /* asked for: how many, and how long before the first */
} soak_head;

static inline int soak_filling(const soak_head *head) {
  return (int)((head->id * 31 + head->index) & 0xff);
}

/* The message in `text`, which has room for head->bytes (at least a head); borrowed. */
static inline gmux_bytes soak_message(const soak_head *head, uint8_t *text) {
  memcpy(text, head, sizeof *head);
  memset(text + sizeof *head, soak_filling(head), head->bytes - sizeof *head);
  return gmux_bytes_borrow(text, head->bytes);
}

/* Reads the head; false: the message is not one of ours, or not whole. */
static inline bool soak_read(soak_head *head, const gmux_bytes *message) {
  if (message->len < sizeof *head) return false;
  memcpy(head, message->data, sizeof *head);
  if (head->bytes != message->len) return false;
  uint8_t filling = (uint8_t)soak_filling(head);
  const uint8_t *rest = message->data + sizeof *head;
  size_t len = message->len - sizeof *head;
  /* All the same, and the first one right. */
  return len == 0 || (rest[0] == filling && memcmp(rest, rest + 1, len - 1) == 0);
}

#endif
