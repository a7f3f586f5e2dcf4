/* payload.c: protobuf's varints. */
#include "tests/bench/peers/payload.h"
#include "tests/bench/peers/h2_conn.h"
#include <stdlib.h>

enum { VARINT = 0, BYTES = 2 };
enum { MOST_BYTES = 64 * 1024 * 1024 };

static uint64_t varint(const uint8_t **p, const uint8_t *end) {
  uint64_t value = 0;
  for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
    uint8_t byte = *(*p)++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) break;
  }
  return value;
}

static void keep(payload_request *r, uint64_t field, uint64_t value) {
  if (field == 1) r->count = value;
  if (field == 2) r->size = value < MOST_BYTES ? value : MOST_BYTES;
  if (field == 3) r->delay_ms = value;
}

void payload_read(payload_request *r, const uint8_t *message, size_t len) {
  *r = (payload_request){0};
  if (len <= H2_MESSAGE_HEAD) return;
  const uint8_t *p = message + H2_MESSAGE_HEAD, *end = message + len;
  while (p < end) {
    uint64_t tag = varint(&p, end), value = varint(&p, end);
    if (tag >> 3 == 0) return; /* no field has this number: opaque bytes */
    if ((tag & 7) == VARINT)
      keep(r, tag >> 3, value);
    else if ((tag & 7) == BYTES && value <= (uint64_t)(end - p))
      p += value;
    else
      return;
  }
}

uint8_t *payload_message(uint64_t size, size_t *len) {
  enum { FIELD_MOST = 11 }; /* its tag and its length */
  uint8_t *message = calloc(1, H2_MESSAGE_HEAD + FIELD_MOST + (size_t)size);
  if (!message) return NULL;
  uint8_t *p = message + H2_MESSAGE_HEAD;
  if (size) {
    *p++ = 1 << 3 | BYTES;
    uint64_t left = size;
    for (; left > 0x7f; left >>= 7)
      *p++ = (uint8_t)(left | 0x80);
    *p++ = (uint8_t)left;
    p += size;
  }
  *len = (size_t)(p - message);
  h2_message_head(message, *len - H2_MESSAGE_HEAD);
  return message;
}
