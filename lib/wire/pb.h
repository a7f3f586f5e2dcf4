/*
 * pb.h: Protocol Buffers' encoding, read and written field by field.
 *
 * For the few messages that the library itself speaks (health, reflection, channelz) and for the
 * descriptors that reflection looks into: nothing is allocated to read, nothing is built to write,
 * and no generated symbol can clash with an application's own copy of the same .proto. Messages of
 * the application go through protobuf-c (lib/protobuf).
 */
#ifndef GMUX__WIRE_PB_H
#define GMUX__WIRE_PB_H

#include "lib/base/buf.h"
#include <gmux/bytes.h>
#include <stdbool.h>

/* ---- reading ---- */

/* Wire types. Groups (3 and 4) are skipped by the reader and never seen. */
typedef enum gmux__pb_type {
  GMUX__PB_VARINT = 0,
  GMUX__PB_FIXED64 = 1,
  GMUX__PB_BYTES = 2,
  GMUX__PB_FIXED32 = 5
} gmux__pb_type;

typedef struct gmux__pb_field {
  uint32_t number; /* 1..2^29-1 */
  gmux__pb_type type;
  uint64_t value;      /* but of BYTES */
  const uint8_t *data; /* of BYTES: a string, bytes, a message; borrowed from what is read */
  size_t len;
} gmux__pb_field;

typedef struct gmux__pb_reader {
  const uint8_t *at, *end;
  bool is_broken;
} gmux__pb_reader;

/* `data` may be NULL when len is 0. */
static inline gmux__pb_reader gmux__pb_read(const void *data, size_t len) {
  const uint8_t *at = (const uint8_t *)data;
  return (gmux__pb_reader){.at = at, .end = len ? at + len : at};
}

/*
 * The next field. False at the end, and at the first byte that is not protobuf: then is_broken is
 * set and stays. Unknown fields are the caller's to ignore, and so are those whose type is not the
 * one that it expects, as protobuf's parsers do.
 */
bool gmux__pb_next(gmux__pb_reader *reader, gmux__pb_field *field);

/* The field is this number and of this type. */
static inline bool gmux__pb_is(const gmux__pb_field *field, uint32_t number, gmux__pb_type type) {
  return field->number == number && field->type == type;
}

/* ---- writing ---- */

/* All zero is an empty one. Functions that write do nothing any more once memory has run out; it is
 * told by _finish. Numbers are 1..2^29-1, a message has less than 2^31 bytes. */
typedef struct gmux__pb_writer {
  gmux__buf buf;
  bool is_out_of_memory;
} gmux__pb_writer;

/* Fields of proto3 without presence: nothing is written for 0 and for no bytes. */
void gmux__pb_put_uint(gmux__pb_writer *w, uint32_t number, uint64_t value);
void gmux__pb_put_int(gmux__pb_writer *w, uint32_t number, int64_t value);
void gmux__pb_put_string(gmux__pb_writer *w, uint32_t number, const char *text); /* takes NULL */
void gmux__pb_put_bytes(gmux__pb_writer *w, uint32_t number, const void *data, size_t len);
/* Always written: one of a repeated field, a member of a oneof, a message that is there already. */
void gmux__pb_add_uint(gmux__pb_writer *w, uint32_t number, uint64_t value);
void gmux__pb_add_bytes(gmux__pb_writer *w, uint32_t number, const void *data, size_t len);

/* A message as a field: what is written between the two is in it. _begin gives a mark for _end;
 * they nest. */
size_t gmux__pb_begin(gmux__pb_writer *w, uint32_t number);
void gmux__pb_end(gmux__pb_writer *w, size_t mark);

/* The message's bytes, owned; the writer is empty afterwards in any case. GMUX_ERR_NOMEM. */
int gmux__pb_finish(gmux__pb_writer *w, gmux_bytes *out);
/* Gives up. */
void gmux__pb_deinit(gmux__pb_writer *w);

#endif
