/* message.h (inside): what the files of this room share about messages. */
#ifndef GMUX__PROTOBUF_MESSAGE_H
#define GMUX__PROTOBUF_MESSAGE_H

#include <gmux/protobuf.h>
#include <stdbool.h>

/* "package.Type"; other words when the .proto was compiled without names (optimize_for =
 * CODE_SIZE). */
const char *gmux__protobuf_type_name(const ProtobufCMessageDescriptor *type);
/* The same type: equal descriptors, or equal names, since two shared objects of one program may
 * each hold a copy of the generated code. */
bool gmux__protobuf_type_is(const ProtobufCMessageDescriptor *a,
                            const ProtobufCMessageDescriptor *b);

/* ---- missing.c ---- */

/*
 * Names the first thing that protobuf_c_message_check objects to, as a path from the message that
 * `path` is about: "required field home.street is not set". `why` is always filled, cut to fit.
 */
void gmux__protobuf_explain_missing(const ProtobufCMessage *message, char *why, size_t len);

/* ---- depth.c ---- */

enum { GMUX__PROTOBUF_MAX_DEPTH = 100 };

/*
 * False when messages within messages go deeper than GMUX__PROTOBUF_MAX_DEPTH, or when the bytes
 * are malformed on the way there. To be asked before protobuf_c_message_unpack, which takes a stack
 * frame of more than 1 KiB for each level that the sender chose: some 20 KB of request would be the
 * end of the process.
 */
bool gmux__protobuf_depth_is_sane(const ProtobufCMessageDescriptor *type, const uint8_t *data,
                                  size_t len);

#endif
