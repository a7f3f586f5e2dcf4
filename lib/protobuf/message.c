/* message.c: messages to bytes and back. */
#include "lib/protobuf/message.h"

#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <string.h>

/*
 * protobuf-c's allocator over ours. It answers NULL for bytes that are no message and for want of
 * memory alike; the flag tells which it was.
 */
static void *allocator_alloc(void *is_out_of_memory, size_t size) {
  void *memory = gmux__malloc(size);
  if (!memory && is_out_of_memory) *(bool *)is_out_of_memory = true;
  return memory;
}

static void allocator_free(void *is_out_of_memory, void *memory) {
  (void)is_out_of_memory;
  gmux__free(memory);
}

static ProtobufCAllocator allocator_make(bool *is_out_of_memory) {
  return (ProtobufCAllocator){allocator_alloc, allocator_free, is_out_of_memory};
}

const char *gmux__protobuf_type_name(const ProtobufCMessageDescriptor *type) {
  return type->name ? type->name : "message (its .proto was compiled without names)";
}

bool gmux__protobuf_type_is(const ProtobufCMessageDescriptor *a,
                            const ProtobufCMessageDescriptor *b) {
  if (a == b) return true;
  return a->name && b->name && strcmp(a->name, b->name) == 0;
}

/* protobuf-c itself asserts these, which in a release build is no check at all. */
static int check(const ProtobufCMessage *message) {
  if (!message) return gmux__fail(GMUX_ERR_INVALID, "the message is NULL");
  if (!message->descriptor || message->descriptor->magic != PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC)
    return gmux__fail(GMUX_ERR_INVALID,
                      "the message was not initialised (Foo msg = FOO__INIT, or foo__init(&msg))");
  if (protobuf_c_message_check(message)) return 0;

  char why[256];
  gmux__protobuf_explain_missing(message, why, sizeof why);
  return gmux__fail(GMUX_ERR_INVALID, "%s: %s", gmux__protobuf_type_name(message->descriptor), why);
}

int gmux_protobuf_pack(gmux_bytes *out, const ProtobufCMessage *message) {
  if (!out) return gmux__fail(GMUX_ERR_INVALID, "the place for the bytes is NULL");
  int error = check(message);
  if (error) return error;

  size_t size = protobuf_c_message_get_packed_size(message);
  if (size > INT32_MAX) /* protobuf's own limit; its parsers refuse more */
    return gmux__fail(GMUX_ERR_TOO_LARGE, "%s of %zu bytes: a message has at most 2147483647",
                      gmux__protobuf_type_name(message->descriptor), size);
  if (size == 0) {
    *out = gmux_bytes_borrow(NULL, 0);
    return 0;
  }
  uint8_t *data = gmux__malloc(size);
  if (!data) return gmux__fail_code(GMUX_ERR_NOMEM);
  protobuf_c_message_pack(message, data);
  *out = gmux_bytes_own(data, size);
  return 0;
}

int gmux_protobuf_unpack(ProtobufCMessage **out, const ProtobufCMessageDescriptor *type,
                         const gmux_bytes *bytes) {
  if (!out || !type || !bytes || (!bytes->data && bytes->len > 0))
    return gmux__fail(GMUX_ERR_INVALID, "unpack needs a place for the message, its descriptor "
                                        "(&foo__descriptor) and bytes; one of them is NULL");
  if (!gmux__protobuf_depth_is_sane(type, bytes->data, bytes->len))
    return gmux__fail(GMUX_ERR_PROTOCOL,
                      "not a valid %s: malformed, or nested deeper than %d levels",
                      gmux__protobuf_type_name(type), GMUX__PROTOBUF_MAX_DEPTH);

  bool is_out_of_memory = false;
  ProtobufCAllocator allocator = allocator_make(&is_out_of_memory);
  ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, bytes->len, bytes->data);
  if (message) {
    *out = message;
    return 0;
  }
  if (is_out_of_memory) return gmux__fail_code(GMUX_ERR_NOMEM);
  return gmux__fail(GMUX_ERR_PROTOCOL, "not a valid %s", gmux__protobuf_type_name(type));
}

void gmux_protobuf_free(void *message) {
  if (!message) return;
  ProtobufCAllocator allocator = allocator_make(NULL);
  protobuf_c_message_free_unpacked(message, &allocator);
}
