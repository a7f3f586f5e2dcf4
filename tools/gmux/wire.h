/* wire.h: Protocol Buffers' encoding, with packed lists and fixed widths (lib/wire/pb.h has what
 * the library itself speaks, which is neither). */
#ifndef TOOL_WIRE_H
#define TOOL_WIRE_H

#include "tools/gmux/buffer.h"

#include <stdbool.h>

typedef enum wire_type {
  WIRE_VARINT = 0,
  WIRE_64BIT = 1,
  WIRE_BYTES = 2,
  WIRE_GROUP = 3,
  WIRE_32BIT = 5
} wire_type;

/* ---- reading ---- */

typedef struct wire_reader {
  const uint8_t *data;
  size_t len, at;
} wire_reader;

typedef struct wire_field {
  uint32_t number;
  wire_type type;
  uint64_t value;      /* of numbers */
  const uint8_t *data; /* of WIRE_BYTES, borrowed; a group's content is passed over */
  size_t len;
} wire_field;

/* The next field; false when it is broken at `at`. Not to be called at the end (at == len). */
bool wire_read(wire_reader *r, wire_field *field);
/* One of a packed list. */
bool wire_read_value(wire_reader *r, wire_type type, uint64_t *value);

/* ---- writing ---- */

void wire_add_value(buffer *out, wire_type type, uint64_t value);
void wire_add_tag(buffer *out, uint32_t number, wire_type type);
void wire_add_number(buffer *out, uint32_t number, wire_type type, uint64_t value);
void wire_add_bytes(buffer *out, uint32_t number, const void *data, size_t len);
/* What is written between the two is a message, or a packed list; they nest. */
size_t wire_begin(buffer *out, uint32_t number);
void wire_end(buffer *out, size_t mark);

#endif
