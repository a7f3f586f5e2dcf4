/* records.h: a message's fields as they came, by number: several of one number are one after the
 * other, the last one last. */
#ifndef TOOL_RECORDS_H
#define TOOL_RECORDS_H

#include "tools/gmux/types.h"
#include "tools/gmux/wire.h"

typedef struct record {
  wire_field field;
  size_t order; /* in the message */
} record;

typedef struct records {
  const record *list;
  size_t count;
} records;

/* Of the pool's memory; data is borrowed. False: it is no protobuf. */
bool records_read(records *r, pool *memory, const uint8_t *data, size_t len);
/* Those of a number, and those of it that came later than the record `after`, counted from 1. */
records records_of(records r, uint32_t number);
records records_after(records r, size_t after);
/* The last one of this wire type, or NULL. */
const wire_field *records_last(records r, wire_type type);
/* Of a message's parts, which together are the message: the encodings behind each other. */
wire_field records_merge(records r, pool *memory);

/* Which field of a oneof is set: it came last. */
typedef struct winner {
  const field *field; /* NULL: none */
  size_t order;       /* of its last record, from 1 */
  size_t after;       /* of the last record of all others, from 1; 0: there is none */
} winner;
void winner_offer(winner *w, records r, const field *f);

#endif
