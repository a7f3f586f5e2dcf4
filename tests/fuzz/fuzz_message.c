/*
 * fuzz_message.c: protobuf messages from the wire.
 *
 * The input: which allocation fails (1 byte, 0: none), the type (1 byte), the bytes. What unpacks
 * must pack, to bytes that unpack and pack to the same; nesting is refused where it gets too deep
 * and nowhere else.
 */
#include "test.pb-c.h"
#include "tests/fuzz/fuzz.h"
#include <gmux/error.h>
#include <gmux/protobuf.h>
#include <string.h>

/* Beyond these a message could be nested so deep that protobuf-c alone would overflow the stack. */
enum { UNGUARDED_MAX = 400 };
/* That of the other implementations of protobuf. */
enum { DEPTH_MAX = 100 };

/* What an unpacked message looks like, with all that is in it. */
typedef struct shape {
  unsigned depth;
  bool has_field_zero;
} shape;

static void look(shape *s, const ProtobufCMessage *message, unsigned depth);

static void look_at_field(shape *s, const ProtobufCMessage *message,
                          const ProtobufCFieldDescriptor *field, unsigned depth) {
  const char *base = (const char *)message;
  ProtobufCMessage *one, **list;
  size_t count;
  memcpy(&one, base + field->offset, sizeof one);
  if (field->label != PROTOBUF_C_LABEL_REPEATED) {
    if (one) look(s, one, depth);
    return;
  }
  memcpy(&list, base + field->offset, sizeof list);
  memcpy(&count, base + field->quantifier_offset, sizeof count);
  for (size_t i = 0; i < count; i++)
    look(s, list[i], depth);
}

static bool is_set_message(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  if (field->type != PROTOBUF_C_TYPE_MESSAGE) return false;
  if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) return true;
  uint32_t set;
  memcpy(&set, (const char *)message + field->quantifier_offset, sizeof set);
  return set == field->id;
}

static void look(shape *s, const ProtobufCMessage *message, unsigned depth) {
  if (s->depth < depth) s->depth = depth;
  for (unsigned i = 0; i < message->n_unknown_fields; i++)
    if (message->unknown_fields[i].tag == 0) s->has_field_zero = true;
  for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
    if (is_set_message(message, field)) look_at_field(s, message, field, depth + 1);
  }
}

static shape shape_of(const ProtobufCMessage *message) {
  shape s = {0, false};
  look(&s, message, 1);
  return s;
}

/* protobuf-c by itself; the library must refuse what it refuses, and what is too deep. */
static bool is_acceptable(const ProtobufCMessageDescriptor *type, fuzz_input in) {
  ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, in.len, in.data);
  if (!message) return false;
  bool is_flat = shape_of(message).depth <= DEPTH_MAX;
  protobuf_c_message_free_unpacked(message, NULL);
  return is_flat;
}

static int unpack(ProtobufCMessage **out, const ProtobufCMessageDescriptor *type,
                  const gmux_bytes *bytes) {
  ProtobufCMessage *untouched = (ProtobufCMessage *)&untouched;
  *out = untouched;
  fuzz_forget_words();
  int error = gmux_protobuf_unpack(out, type, bytes);
  FUZZ_REQUIRE(!error || (*out == untouched && fuzz_has_words()));
  return error;
}

static gmux_bytes packed(const ProtobufCMessage *message) {
  gmux_bytes bytes;
  FUZZ_REQUIRE(gmux_protobuf_pack(&bytes, message) == 0);
  return bytes;
}

/* One round makes the bytes canonical; from then on they stay. protobuf-c 1.4 refuses a field with
 * the number 0, but for one whose tag is written with more bytes than it needs; it keeps that,
 * packs it in the usual form and refuses what it packed. */
static void check_round_trip(const ProtobufCMessageDescriptor *type,
                             const ProtobufCMessage *message) {
  if (shape_of(message).has_field_zero) return;
  gmux_bytes first = packed(message);
  ProtobufCMessage *again = NULL;
  FUZZ_REQUIRE(unpack(&again, type, &first) == 0);
  gmux_bytes second = packed(again);
  FUZZ_REQUIRE(first.len == second.len);
  FUZZ_REQUIRE(first.len == 0 || memcmp(first.data, second.data, first.len) == 0);
  gmux_protobuf_free(again);
  gmux_bytes_release(&first);
  gmux_bytes_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const ProtobufCMessageDescriptor *const types[] = {
      &test__pb__node__descriptor, &test__pb__request__descriptor, &test__pb__home__descriptor};
  fuzz_input in = {data, size};
  fuzz_begin();
  uint8_t fail_at = fuzz_u8(&in);
  const ProtobufCMessageDescriptor *type = types[fuzz_u8(&in) % 3];
  gmux_bytes bytes = gmux_bytes_borrow(in.data, in.len);
  ProtobufCMessage *message;
  test_alloc_fail_at(fail_at);
  int error = unpack(&message, type, &bytes);
  bool has_failed = test_alloc_has_failed();
  test_alloc_fail_at(0);
  FUZZ_REQUIRE((error == GMUX_ERR_NOMEM) == has_failed);
  FUZZ_REQUIRE(!error || has_failed || error == GMUX_ERR_PROTOCOL);
  if (!has_failed && in.len <= UNGUARDED_MAX) FUZZ_REQUIRE((error == 0) == is_acceptable(type, in));
  if (!error) {
    check_round_trip(type, message);
    gmux_protobuf_free(message);
  }
  return fuzz_end();
}
