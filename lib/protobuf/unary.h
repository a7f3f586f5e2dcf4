/* unary.h (inside): a unary call of messages, by whatever its method was found. */
#ifndef GMUX__PROTOBUF_UNARY_H
#define GMUX__PROTOBUF_UNARY_H

#include <gmux/stub.h>

/* "SayHello" of "/hello.Greeter/SayHello". */
const char *gmux__stub_name(const gmux_stub_method *method);

/* What goes wrong before there is a call, as a status: the table of gmux_call_unary_wait. */
gmux_status gmux__unary_status(int error);

/* gmux_protobuf_pack of a request of that type; GMUX_ERR_INVALID names what was given instead. */
int gmux__unary_pack(gmux_bytes *out, const char *method, const ProtobufCMessageDescriptor *type,
                     const ProtobufCMessage *request);

/* The reply's message in *reply, or why there is none. */
gmux_status gmux__reply_unpack(ProtobufCMessage **reply, const ProtobufCMessageDescriptor *type,
                               const gmux_bytes *bytes);

/* Who gets the reply. */
typedef struct gmux__unary {
  const ProtobufCMessageDescriptor *reply_type;
  gmux_stub_done_thunk thunk;
  gmux_stub_fn on_done;
  void *user_data;
} gmux__unary;

/* Starts it; *what is copied. `bytes` is released, whatever happens. */
int gmux__unary_start(gmux_call **out, gmux_channel *channel, gmux_method *method,
                      const gmux_call_options *options, gmux_bytes *bytes, const gmux__unary *what);

#endif
