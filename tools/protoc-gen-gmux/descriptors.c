/* descriptors.c: what reflection tells of a file. */
#include "tools/protoc-gen-gmux/schema.h"

#include <string.h>

enum { SET_FILE = 1, FILE_COMMENTS = 9 /* FileDescriptorProto.source_code_info */ };
enum { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_LENGTH = 2, WIRE_32BIT = 5 };

typedef ProtobufCBinaryData bytes;

/* ---- which files ---- */

static size_t index_of(const schema *s, const char *name) {
  size_t i = 0;
  while (i < s->file_count && strcmp(s->files[i]->name, name) != 0)
    i++;
  return i;
}

/* The file and its imports; protoc sends imports first, so their order is that of the request. */
static void mark(const schema *s, bool *is_wanted, const char *name) {
  size_t i = index_of(s, name);
  if (i == s->file_count || is_wanted[i]) return;
  is_wanted[i] = true;
  for (size_t k = 0; k < s->files[i]->n_dependency; k++)
    mark(s, is_wanted, s->files[i]->dependency[k]);
}

/* ---- one file ---- */

/* The length of a varint, 0 where there is none. */
static size_t varint_read(const uint8_t *at, size_t left, uint64_t *value) {
  *value = 0;
  for (size_t i = 0; i < left && i < 10; i++) {
    *value |= (uint64_t)(at[i] & 0x7f) << (7 * i);
    if (!(at[i] & 0x80)) return i + 1;
  }
  return 0;
}

/* The length of a field's value, with what says how long it is. protobuf-c has unpacked the file
 * already, so it is well formed. */
static size_t value_len(const uint8_t *at, size_t left, unsigned wire_type) {
  uint64_t value;
  size_t len = varint_read(at, left, &value);
  switch (wire_type) {
  case WIRE_64BIT:
    return 8;
  case WIRE_32BIT:
    return 4;
  case WIRE_LENGTH:
    return len + value;
  default:
    return len;
  }
}

/* Without its comments; `out` has room for all of it. The length of what is left. */
static size_t file_copy(uint8_t *out, bytes file) {
  size_t len = 0;
  for (size_t at = 0; at < file.len;) {
    uint64_t tag;
    size_t field = varint_read(file.data + at, file.len - at, &tag);
    field += value_len(file.data + at + field, file.len - at - field, tag & 7);
    if (tag >> 3 != FILE_COMMENTS) {
      memcpy(out + len, file.data + at, field);
      len += field;
    }
    at += field;
  }
  return len;
}

/* ---- all of them ---- */

static size_t varint_write(uint8_t *out, uint64_t value) {
  size_t len = 0;
  for (; value >= 0x80; value >>= 7)
    out[len++] = (uint8_t)(value | 0x80);
  out[len++] = (uint8_t)value;
  return len;
}

ProtobufCBinaryData schema_set(const schema *s, pool *p, const Plugin__File *file) {
  bool *is_wanted = pool_get(p, s->file_count, sizeof *is_wanted);
  mark(s, is_wanted, file->name);
  size_t room = 0;
  for (size_t i = 0; i < s->file_count; i++)
    room += is_wanted[i] ? s->bytes[i].len + 11 : 0; /* a tag, and a length of up to ten bytes */

  bytes set = {.data = pool_get(p, room, 1)};
  for (size_t i = 0; i < s->file_count; i++) {
    if (!is_wanted[i]) continue;
    uint8_t *plain = pool_get(p, s->bytes[i].len, 1);
    size_t len = file_copy(plain, s->bytes[i]);
    set.data[set.len++] = SET_FILE << 3 | WIRE_LENGTH;
    set.len += varint_write(set.data + set.len, len);
    memcpy(set.data + set.len, plain, len);
    set.len += len;
  }
  return set;
}
