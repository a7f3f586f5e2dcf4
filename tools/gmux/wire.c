/* wire.c: https://protobuf.dev/programming-guides/encoding/ */
#include "tools/gmux/wire.h"

enum {
  VARINT_MAX = 10,
  GROUP_END = 4,
  GROUP_DEPTH = 100, /* groups in groups; as deep as messages nest */
  NUMBER_MAX = (1 << 29) - 1
};

/* ---- reading ---- */

/* What does not fit in 64 bits is cut off, as in protobuf's own parsers. */
static bool read_varint(wire_reader *r, uint64_t *value) {
  *value = 0;
  for (unsigned i = 0; i < VARINT_MAX && r->at < r->len; i++) {
    uint8_t byte = r->data[r->at++];
    *value |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (!(byte & 0x80)) return true;
  }
  return false;
}

static bool read_fixed(wire_reader *r, size_t size, uint64_t *value) {
  if (r->len - r->at < size) return false;
  *value = 0;
  for (size_t i = 0; i < size; i++)
    *value |= (uint64_t)r->data[r->at + i] << (8 * i);
  r->at += size;
  return true;
}

bool wire_read_value(wire_reader *r, wire_type type, uint64_t *value) {
  switch (type) {
  case WIRE_VARINT:
    return read_varint(r, value);
  case WIRE_64BIT:
    return read_fixed(r, 8, value);
  case WIRE_32BIT:
    return read_fixed(r, 4, value);
  default:
    return false;
  }
}

static bool read_bytes(wire_reader *r, wire_field *field) {
  uint64_t len;
  if (!read_varint(r, &len) || len > r->len - r->at) return false;
  field->data = r->data + r->at;
  field->len = (size_t)len;
  r->at += field->len;
  return true;
}

/* `type` is one of all eight values. */
static bool read_tag(wire_reader *r, uint32_t *number, unsigned *type) {
  uint64_t tag;
  if (!read_varint(r, &tag) || tag >> 3 == 0 || tag >> 3 > NUMBER_MAX) return false;
  *number = (uint32_t)(tag >> 3);
  *type = (unsigned)(tag & 7);
  return true;
}

static bool read_plain(wire_reader *r, wire_field *field, unsigned type) {
  field->type = (wire_type)type;
  return type == WIRE_BYTES ? read_bytes(r, field) : wire_read_value(r, field->type, &field->value);
}

/* Behind the tag that begins it: up to and with the tag that ends it. */
static bool skip_group(wire_reader *r, uint32_t number) {
  uint32_t open[GROUP_DEPTH] = {number};
  for (size_t depth = 1; depth > 0;) {
    wire_field field;
    unsigned type;
    if (!read_tag(r, &field.number, &type)) return false;
    if (type == GROUP_END) {
      if (open[--depth] != field.number) return false;
    } else if (type == WIRE_GROUP) {
      if (depth == GROUP_DEPTH) return false;
      open[depth++] = field.number;
    } else if (!read_plain(r, &field, type)) {
      return false;
    }
  }
  return true;
}

bool wire_read(wire_reader *r, wire_field *field) {
  unsigned type;
  *field = (wire_field){.number = 0};
  if (!read_tag(r, &field->number, &type)) return false;
  if (type != WIRE_GROUP) return read_plain(r, field, type);
  field->type = WIRE_GROUP;
  return skip_group(r, field->number);
}

/* ---- writing ---- */

static size_t varint_encode(uint8_t *to, uint64_t value) {
  size_t len = 0;
  for (; value >= 0x80; value >>= 7)
    to[len++] = (uint8_t)(value | 0x80);
  to[len++] = (uint8_t)value;
  return len;
}

void wire_add_value(buffer *out, wire_type type, uint64_t value) {
  uint8_t bytes[VARINT_MAX];
  if (type == WIRE_VARINT) {
    buffer_add(out, bytes, varint_encode(bytes, value));
    return;
  }
  size_t size = type == WIRE_64BIT ? 8 : 4;
  for (size_t i = 0; i < size; i++)
    bytes[i] = (uint8_t)(value >> (8 * i));
  buffer_add(out, bytes, size);
}

void wire_add_tag(buffer *out, uint32_t number, wire_type type) {
  wire_add_value(out, WIRE_VARINT, (uint64_t)number << 3 | (unsigned)type);
}

void wire_add_number(buffer *out, uint32_t number, wire_type type, uint64_t value) {
  wire_add_tag(out, number, type);
  wire_add_value(out, type, value);
}

void wire_add_bytes(buffer *out, uint32_t number, const void *data, size_t len) {
  wire_add_tag(out, number, WIRE_BYTES);
  wire_add_value(out, WIRE_VARINT, len);
  buffer_add(out, data, len);
}

size_t wire_begin(buffer *out, uint32_t number) {
  wire_add_tag(out, number, WIRE_BYTES);
  return out->len;
}

void wire_end(buffer *out, size_t mark) {
  uint8_t bytes[VARINT_MAX];
  buffer_insert(out, mark, bytes, varint_encode(bytes, out->len - mark));
}
