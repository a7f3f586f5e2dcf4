/* desk.c: the standard services behind the server of the kit. */
#include "tests/unit/services/desk.h"
#include <stdlib.h>

void desk_open(void) {
  uint16_t port;
  CU_ASSERT_EQUAL_FATAL(gmux_server_listen_cleartext(kit.server, "ipv4:127.0.0.1:50051", &port), 0);
  kit_connect();
}

void desk_ask(uint32_t stream, const char *path, const void *bytes, size_t len, bool is_end) {
  if (!rawpeer_find(kit.peer, RAW_HEADERS, stream, 0)) kit_request(stream, path, false, NULL);
  rawpeer_grpc_message(kit.peer, stream, is_end ? RAW_END_STREAM : 0, bytes, len);
  kit_run();
}

void desk_ask_message(uint32_t stream, const char *path, const ProtobufCMessage *message,
                      bool is_end) {
  uint8_t bytes[2048];
  size_t len = protobuf_c_message_get_packed_size(message);
  CU_ASSERT_TRUE_FATAL(len <= sizeof bytes);
  protobuf_c_message_pack(message, bytes);
  desk_ask(stream, path, bytes, len, is_end);
}

/* All DATA of a stream in one piece, for free(). */
static uint8_t *stream_bytes(uint32_t stream, size_t *len) {
  *len = kit_data_bytes(stream);
  uint8_t *bytes = sim_alloc(*len + 1), *at = bytes;
  size_t count = rawpeer_count(kit.peer, RAW_DATA, stream);
  for (size_t i = 0; i < count; i++) {
    const rawframe *frame = rawpeer_find(kit.peer, RAW_DATA, stream, i);
    if (frame->len) memcpy(at, frame->payload, frame->len);
    at += frame->len;
  }
  return bytes;
}

/* Where the nth message begins, behind its prefix; *count says how many there are. NULL: fewer. */
static const uint8_t *message_at(const uint8_t *bytes, size_t len, size_t nth, size_t *message_len,
                                 size_t *count) {
  const uint8_t *found = NULL;
  *count = 0;
  for (size_t at = 0; at + 5 <= len;) {
    size_t size = (size_t)bytes[at + 1] << 24 | (size_t)bytes[at + 2] << 16 |
                  (size_t)bytes[at + 3] << 8 | bytes[at + 4];
    if (size > len - at - 5) break;
    if ((*count)++ == nth) {
      found = bytes + at + 5;
      *message_len = size;
    }
    at += 5 + size;
  }
  return found;
}

size_t desk_count(uint32_t stream) {
  size_t len, message_len, count;
  uint8_t *bytes = stream_bytes(stream, &len);
  message_at(bytes, len, SIZE_MAX, &message_len, &count);
  free(bytes);
  return count;
}

ProtobufCMessage *desk_message(uint32_t stream, size_t nth,
                               const ProtobufCMessageDescriptor *type) {
  size_t len, message_len = 0, count;
  uint8_t *bytes = stream_bytes(stream, &len);
  const uint8_t *data = message_at(bytes, len, nth, &message_len, &count);
  ProtobufCMessage *message =
      data ? protobuf_c_message_unpack(type, NULL, message_len, data) : NULL;
  free(bytes);
  CU_ASSERT_PTR_NOT_NULL_FATAL(message);
  return message;
}

void desk_free(void *message) {
  if (message) protobuf_c_message_free_unpacked(message, NULL);
}

int desk_status(uint32_t stream) {
  if (!kit_is_ended(stream)) return -1;
  return atoi(kit_trailer(stream, "grpc-status"));
}
