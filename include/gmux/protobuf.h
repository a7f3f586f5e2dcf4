/*
 * protobuf.h: protobuf-c's messages and services over calls and servers.
 *
 * Works with what protoc-c alone generates: methods are found by their name in a
 * ProtobufCServiceDescriptor. protobuf-c does not record which methods stream; these functions are
 * for unary ones. Typed functions for all four kinds are what protoc-gen-gmux generates (stub.h).
 */
#ifndef GMUX_PROTOBUF_H
#define GMUX_PROTOBUF_H

#include <gmux/call.h>
#include <gmux/server.h>
#include <protobuf-c/protobuf-c.h>

GMUX_BEGIN_DECLS

/* The message's bytes, owned, packed straight into one buffer of their exact size. GMUX_ERR_NOMEM,
 * GMUX_ERR_INVALID (NULL; a proto2 message that lacks a required field, which is named),
 * GMUX_ERR_TOO_LARGE (over 2^31-1 bytes, protobuf's own limit). Any thread. */
GMUX_API int gmux_protobuf_pack(gmux_bytes *out, const ProtobufCMessage *message);

/* A message from bytes; give it back with gmux_protobuf_free (not with foo__free_unpacked, which
 * knows nothing of gmux's allocator). GMUX_ERR_PROTOCOL when they are not such a message, or nest
 * messages more than 100 deep: protobuf-c recurses without a limit of its own, so to unpack bytes
 * from elsewhere use this. GMUX_ERR_NOMEM, GMUX_ERR_INVALID (a NULL). Any thread. */
GMUX_API int gmux_protobuf_unpack(ProtobufCMessage **out, const ProtobufCMessageDescriptor *type,
                                  const gmux_bytes *bytes);
/* Gives a message back that gmux unpacked, of any type: a pointer to it, or to its base. Takes
 * NULL. Any thread. */
GMUX_API void gmux_protobuf_free(void *message);

/* ---- client ---- */

/*
 * A unary call, blocking. `method` is the name within the service ("SayHello"). With OK *reply is
 * the caller's, to be given back with gmux_protobuf_free; else it is NULL. Errors before the call
 * come as a status, as in gmux_call_unary_wait; an unknown method is UNIMPLEMENTED without asking
 * the server; a reply that is not protobuf is INTERNAL. The method is prepared for each call anew,
 * some 0.1 us; gmux_protobuf_client_new prepares a service's once. Any thread but the loop's.
 */
GMUX_API gmux_status gmux_protobuf_call_wait(gmux_channel *channel,
                                             const ProtobufCServiceDescriptor *service,
                                             const char *method, const gmux_call_options *options,
                                             const ProtobufCMessage *request,
                                             ProtobufCMessage **reply);

/* The same by callback, which comes once, on the loop's thread. `reply` is NULL unless OK; it and
 * the rest are on loan, as in gmux_unary_fn: who wants to keep the message goes by
 * gmux_call_unary_start and unpacks it there. `out` may be NULL; a handle that was asked for has to
 * be freed. What goes wrong before the call is returned, and no callback comes: as
 * gmux_call_unary_start and gmux_protobuf_pack, GMUX_ERR_NOT_FOUND for an unknown method. `request`
 * is packed before it returns. Any thread. */
typedef void (*gmux_protobuf_fn)(gmux_call *call, const gmux_status *status,
                                 const ProtobufCMessage *reply, const gmux_metadata *trailers,
                                 void *user_data);
GMUX_API int gmux_protobuf_call_start(gmux_call **out, gmux_channel *channel,
                                      const ProtobufCServiceDescriptor *service, const char *method,
                                      const gmux_call_options *options,
                                      const ProtobufCMessage *request, gmux_protobuf_fn on_done,
                                      void *user_data);

/*
 * A ProtobufCService that makes its calls on `channel`, for the functions that protoc-c generates
 * for clients (foo__bar (service, &input, closure, closure_data)). The closure runs once, on the
 * loop's thread; the reply is on loan to it, NULL when the call failed (protobuf-c has no place for
 * a status: where one is wanted use the functions above). A call that could not even be started
 * (request incomplete, channel closed, no memory) has no other way to tell than to run the closure
 * with NULL at once, inside the function that was to start it. Destroy with
 * protobuf_c_service_destroy; calls that run are not disturbed. `channel` must outlive it. Any
 * thread. GMUX_ERR_INVALID, GMUX_ERR_NOMEM.
 */
GMUX_API int gmux_protobuf_client_new(ProtobufCService **out, gmux_channel *channel,
                                      const ProtobufCServiceDescriptor *descriptor);

/* ---- server ---- */

/*
 * Serves every method of a protobuf-c service (all as unary) under "/package.Service/Method". Its
 * functions get the request, on loan until they return, and a closure to call with the reply (which
 * stays theirs), now or later, from any thread; NULL as reply ends the call with UNKNOWN. A request
 * that is not protobuf never gets there: INTERNAL. A method whose function is NULL is left out, and
 * so UNIMPLEMENTED.
 *
 * The closure must be called once for each request, also when the client has gone meanwhile (which
 * protobuf-c can't tell): until then the call keeps its memory. A second time inside the method's
 * function is ignored; later it would be the use of freed memory, as with any closure of
 * protobuf-c's.
 *
 * `service` must live as long as the server. Errors as gmux_server_add_method; after one, methods
 * that stand before it in the service remain added.
 */
GMUX_API int gmux_server_add_protobuf(gmux_server *server, ProtobufCService *service);

GMUX_END_DECLS

#endif
