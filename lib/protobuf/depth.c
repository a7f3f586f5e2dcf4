/*
 * depth.c: how deep a message goes, before anything recurses into it.
 *
 * protobuf-c has no limit of its own; 100 is what every other implementation of protobuf takes. A
 * type without fields that are messages costs one look at its field list. In other types the tags
 * are walked once over, by the rules of protobuf-c's parser: what it accepts is never refused here
 * for another reason than its depth, and what is malformed here is malformed there, so that no
 * message gets past by confusing the one about where the other is.
 */
#include "lib/protobuf/message.h"

/* Protocol Buffers, "Encoding" */
enum { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_LENGTH = 2, WIRE_32BIT = 5 };
enum { VARINT_BYTES = 10, PREFIX_BYTES = 5 };

typedef struct scan {
  const uint8_t *at, *end;
} scan;

static size_t scan_left(const scan *s) {
  return (size_t)(s->end - s->at);
}

static bool scan_skip(scan *s, size_t len) {
  if (len > scan_left(s)) return false;
  s->at += len;
  return true;
}

static bool scan_skip_varint(scan *s) {
  for (int i = 0; i < VARINT_BYTES && s->at < s->end; i++)
    if (!(*s->at++ & 0x80)) return true;
  return false;
}

/* A tag or a length: at most five bytes, of which protobuf-c uses all 35 bits. */
static bool scan_prefix(scan *s, uint64_t *out) {
  uint64_t value = 0;
  for (unsigned i = 0; i < PREFIX_BYTES && s->at < s->end; i++) {
    uint8_t byte = *s->at++;
    value |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte & 0x80) continue;
    *out = value;
    return true;
  }
  return false;
}

/* A length and what it is the length of. */
static bool scan_block(scan *s, scan *block) {
  uint64_t len;
  if (!scan_prefix(s, &len) || len > scan_left(s)) return false;
  *block = (scan){s->at, s->at + len};
  s->at = block->end;
  return true;
}

static bool type_has_messages(const ProtobufCMessageDescriptor *type) {
  for (unsigned i = 0; i < type->n_fields; i++)
    if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE) return true;
  return false;
}

/* The type of the message in the field with this number; NULL: none, or no message. */
static const ProtobufCMessageDescriptor *field_message(const ProtobufCMessageDescriptor *type,
                                                       uint32_t number) {
  const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, number);
  return field && field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
}

static bool depth_is_within(const ProtobufCMessageDescriptor *type, scan s, unsigned levels);

static bool field_is_within(const ProtobufCMessageDescriptor *type, scan *s, unsigned levels) {
  uint64_t tag;
  if (!scan_prefix(s, &tag)) return false;
  switch (tag & 7) {
  case WIRE_VARINT:
    return scan_skip_varint(s);
  case WIRE_64BIT:
    return scan_skip(s, 8);
  case WIRE_32BIT:
    return scan_skip(s, 4);
  case WIRE_LENGTH: {
    scan block;
    if (!scan_block(s, &block)) return false;
    const ProtobufCMessageDescriptor *inner = field_message(type, (uint32_t)(tag >> 3));
    return !inner || depth_is_within(inner, block, levels - 1);
  }
  default: /* a group, which protobuf-c refuses too, or nothing that there is */
    return false;
  }
}

static bool depth_is_within(const ProtobufCMessageDescriptor *type, scan s, unsigned levels) {
  if (levels == 0) return false;
  if (!type_has_messages(type)) return true;
  while (s.at < s.end)
    if (!field_is_within(type, &s, levels)) return false;
  return true;
}

bool gmux__protobuf_depth_is_sane(const ProtobufCMessageDescriptor *type, const uint8_t *data,
                                  size_t len) {
  if (len == 0) return true; /* data may be NULL */
  return depth_is_within(type, (scan){data, data + len}, GMUX__PROTOBUF_MAX_DEPTH);
}
