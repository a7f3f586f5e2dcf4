/*
 * desk.h: the server of tests/unit/server/kit.h with the standard services, and what comes back of
 * them, read by code that protoc-c generates of the .proto files: an application's own copies, that
 * stand beside the library's in one program.
 */
#ifndef TESTS_UNIT_SERVICES_DESK_H
#define TESTS_UNIT_SERVICES_DESK_H

#include "tests/unit/server/kit.h"
#include <protobuf-c/protobuf-c.h>

/* kit.server listens on KIT_PORT, and kit.peer is connected to it. */
void desk_open(void);

/* A whole request of bytes; END_STREAM comes with it if `is_end`. */
void desk_ask(uint32_t stream, const char *path, const void *bytes, size_t len, bool is_end);
/* The same of a message. */
void desk_ask_message(uint32_t stream, const char *path, const ProtobufCMessage *message,
                      bool is_end);

/* How many whole messages have come on a stream of kit.peer. */
size_t desk_count(uint32_t stream);
/* The nth of them, to be freed with protobuf_c_message_free_unpacked(message, NULL); fails the test
 * when there is none, or it is not of this type. */
ProtobufCMessage *desk_message(uint32_t stream, size_t nth, const ProtobufCMessageDescriptor *type);
/* Frees what desk_message gave; takes NULL. */
void desk_free(void *message);
/* The grpc-status of a call that has ended; -1: it has not. */
int desk_status(uint32_t stream);

#endif
