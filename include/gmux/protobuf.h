/*
 * protobuf.h: protobuf-c's messages and services over calls and servers.
 *
 * Works with what protoc-c generates, without a generator of gmux's own: methods are found by their
 * name in a ProtobufCServiceDescriptor. protobuf-c does not record which methods stream; these
 * functions are for unary ones. For streams pack and unpack messages with gmux_protobuf_pack and
 * _unpack and use gmux_call_* with a gmux_method.
 */
#ifndef GMUX_PROTOBUF_H
#define GMUX_PROTOBUF_H

#include <gmux/call.h>
#include <gmux/server.h>
#include <protobuf-c/protobuf-c.h>

GMUX_BEGIN_DECLS

/* The message's bytes, owned, packed straight into one buffer of their exact size. GMUX_ERR_NOMEM,
 * GMUX_ERR_INVALID (NULL; a proto2 message that lacks a required field, which is named). Any
 * thread. */
GMUX_API int gmux_protobuf_pack(gmux_bytes *out, const ProtobufCMessage *message);

/* A message from bytes; give it back with gmux_protobuf_free. GMUX_ERR_PROTOCOL when they are not
 * such a message. Any thread. */
GMUX_API int gmux_protobuf_unpack(ProtobufCMessage **out, const ProtobufCMessageDescriptor *type,
                                  const gmux_bytes *bytes);
GMUX_API void gmux_protobuf_free(ProtobufCMessage *message); /* takes NULL */

/* ---- client ---- */

/*
 * A unary call, blocking. `method` is the name within the service ("SayHello"). With OK *reply is
 * the caller's, to be given back with gmux_protobuf_free; else it is NULL. Errors before the call
 * come as a status, as in gmux_call_unary_wait; an unknown method is UNIMPLEMENTED without asking
 * the server; a reply that is not protobuf is INTERNAL. Any thread but the loop's.
 */
GMUX_API gmux_status gmux_protobuf_call_wait(gmux_channel *channel,
                                             const ProtobufCServiceDescriptor *service,
                                             const char *method, const gmux_call_options *options,
                                             const ProtobufCMessage *request,
                                             ProtobufCMessage **reply);

/* The same by callback. `reply` is NULL unless OK; it is the callback's to free with
 * gmux_protobuf_free. `call` (`out`) may be NULL. Any thread. */
typedef void (*gmux_protobuf_fn)(gmux_call *call, const gmux_status *status,
                                 ProtobufCMessage *reply, void *user_data);
GMUX_API int gmux_protobuf_call_start(gmux_call **out, gmux_channel *channel,
                                      const ProtobufCServiceDescriptor *service, const char *method,
                                      const gmux_call_options *options,
                                      const ProtobufCMessage *request, gmux_protobuf_fn on_done,
                                      void *user_data);

/*
 * A ProtobufCService that makes its calls on `channel`, for the functions that protoc-c generates
 * for clients (foo__bar (service, &input, closure, closure_data)). The closure gets NULL when the
 * call failed; protobuf-c has no place for a status, so prefer the functions above. Destroy with
 * protobuf_c_service_destroy. The closure runs on the loop's thread.
 */
GMUX_API int gmux_protobuf_client_new(ProtobufCService **out, gmux_channel *channel,
                                      const ProtobufCServiceDescriptor *descriptor);

/* ---- server ---- */

/*
 * Serves every method of a protobuf-c service (all as unary) under "/package.Service/Method". Its
 * functions get the request and a closure to call with the reply, now or later, on the loop's
 * thread; NULL as reply ends the call with UNKNOWN. `service` must live as long as the server.
 * Errors as gmux_server_add_method.
 */
GMUX_API int gmux_protobuf_server_add(gmux_server *server, ProtobufCService *service);

GMUX_END_DECLS

#endif
