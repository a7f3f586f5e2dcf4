/*
 * stub.h: what the code that protoc-gen-gmux generates stands on.
 *
 * An application calls the typed functions of a generated header (greeter.gmux.h), which say the
 * same with its own messages; these are for generated code, and for whoever writes such code by
 * hand. They are protobuf.h's functions for all four kinds of method, by a gmux_stub_method instead
 * of a ProtobufCServiceDescriptor, which does not know of streams.
 *
 * Two rules hold for all messages: one that a callback is given is on loan until it returns; one
 * that a function gave back is the caller's, for gmux_protobuf_free. Messages that are passed in
 * are packed before the function returns, and stay the caller's.
 */
#ifndef GMUX_STUB_H
#define GMUX_STUB_H

#include <gmux/error.h>
#include <gmux/protobuf.h>

GMUX_BEGIN_DECLS

/* A method as its .proto has it. Static, never changed. */
typedef struct gmux_stub_method {
  const char *path; /* "/package.Service/Method" */
  gmux_method_kind kind;
  unsigned flags; /* GMUX_METHOD_IDEMPOTENT, where the .proto says so (idempotency_level) */
  const ProtobufCMessageDescriptor *request, *reply;
} gmux_stub_method;

/* A typed function of the application's, on its way to the thunk that knows its type. */
typedef void (*gmux_stub_fn)(void);

/* GMUX_ERR_INVALID, with gmux_last_error saying that `what` is NULL. Any thread. */
GMUX_API int gmux_stub_null(const char *what);

/* ---- client: unary ---- */

/* As gmux_protobuf_call_wait. Any thread but the loop's. */
GMUX_API gmux_status gmux_stub_unary_wait(gmux_channel *channel, const gmux_stub_method *method,
                                          const gmux_call_options *options,
                                          const ProtobufCMessage *request,
                                          ProtobufCMessage **reply);

/* As gmux_protobuf_call_start. `thunk` calls `on_done` as the type that it is. Any thread. */
typedef void (*gmux_stub_done_thunk)(gmux_stub_fn on_done, gmux_call *call,
                                     const gmux_status *status, const ProtobufCMessage *reply,
                                     const gmux_metadata *trailers, void *user_data);
GMUX_API int gmux_stub_unary_start(gmux_call **out, gmux_channel *channel,
                                   const gmux_stub_method *method, const gmux_call_options *options,
                                   const ProtobufCMessage *request, gmux_stub_done_thunk thunk,
                                   gmux_stub_fn on_done, void *user_data);

/* ---- client: streams ---- */

/* gmux_call_handlers, but for the message: on_message is called by a thunk. Any may be NULL but
 * on_end. */
typedef struct gmux_stub_handlers {
  void (*on_headers)(gmux_call *call, const gmux_metadata *metadata, void *user_data);
  gmux_stub_fn on_message;
  void (*on_writable)(gmux_call *call, void *user_data);
  void (*on_draining)(gmux_call *call, void *user_data);
  void (*on_end)(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                 void *user_data);
} gmux_stub_handlers;

typedef void (*gmux_stub_message_thunk)(gmux_stub_fn on_message, gmux_call *call,
                                        const ProtobufCMessage *message, void *user_data);

/*
 * Starts a stream, callback form. `handlers` are copied. `request` is the one message of a method
 * that takes one, and starts with it; of others it is ignored. Errors as of gmux_call_start and
 * gmux_protobuf_pack, and GMUX_ERR_TOO_LARGE for a request over the channel's
 * max_send_message_bytes: no handler ever comes. A reply that is not such a message cancels the
 * call, and on_end says INTERNAL. Any thread.
 */
GMUX_API int gmux_stub_stream_start(gmux_call **out, gmux_channel *channel,
                                    const gmux_stub_method *method,
                                    const gmux_call_options *options,
                                    const ProtobufCMessage *request,
                                    const gmux_stub_handlers *handlers,
                                    gmux_stub_message_thunk thunk, void *user_data);

/* Starts a stream, blocking form; `request` as above. Where it is sent, also what
 * gmux_call_write_wait may answer, and then there is no call. Any thread, but where it is sent not
 * the loop's (GMUX_ERR_DEADLOCK). */
GMUX_API int gmux_stub_stream_open(gmux_call **out, gmux_channel *channel,
                                   const gmux_stub_method *method, const gmux_call_options *options,
                                   const ProtobufCMessage *request);

/* gmux_call_write and _write_wait of a message; also what gmux_protobuf_pack may answer, with
 * nothing written. Threads as theirs. */
GMUX_API int gmux_stub_write(gmux_call *call, const gmux_stub_method *method,
                             const ProtobufCMessage *request);
GMUX_API int gmux_stub_write_wait(gmux_call *call, const gmux_stub_method *method,
                                  const ProtobufCMessage *request);

/* gmux_call_read_wait of a message. GMUX_ERR_PROTOCOL: it is not such a message; GMUX_ERR_NOMEM:
 * there is no room for it. Both cancel the call, and gmux_last_error says what was wrong. *reply is
 * set only on success. Threads as its. */
GMUX_API int gmux_stub_read_wait(gmux_call *call, const gmux_stub_method *method,
                                 ProtobufCMessage **reply);

/* ---- server ---- */

/* gmux_server_add_unary with `unary` for a unary method, else gmux_server_add_method with
 * `handlers`; `service` goes to them as their user_data, is not changed, and must live as long as
 * the server. Any thread, before listening. */
GMUX_API int gmux_stub_server_add(gmux_server *server, const gmux_stub_method *method,
                                  gmux_server_unary_fn unary, const gmux_server_handlers *handlers,
                                  const void *service);

/* The request in `bytes`, the caller's. NULL: it is none (INTERNAL) or there is no memory for it
 * (RESOURCE_EXHAUSTED), and the call was ended with that. Any thread that has a hold. */
GMUX_API ProtobufCMessage *gmux_stub_server_request(gmux_server_call *call,
                                                    const gmux_stub_method *method,
                                                    const gmux_bytes *bytes);

/* gmux_server_call_reply of a message. On failure the call is ended all the same: INTERNAL for a
 * reply that cannot be packed, else RESOURCE_EXHAUSTED; GMUX_ERR_STATE: it was over. Any thread
 * that has a hold. */
GMUX_API int gmux_stub_server_reply(gmux_server_call *call, const gmux_stub_method *method,
                                    const ProtobufCMessage *reply);

/* gmux_server_call_write and _write_wait of a message; also what gmux_protobuf_pack may answer,
 * with nothing written. Threads as theirs. */
GMUX_API int gmux_stub_server_write(gmux_server_call *call, const gmux_stub_method *method,
                                    const ProtobufCMessage *reply);
GMUX_API int gmux_stub_server_write_wait(gmux_server_call *call, const gmux_stub_method *method,
                                         const ProtobufCMessage *reply);

/* gmux_server_call_read_wait of a message. GMUX_ERR_PROTOCOL or GMUX_ERR_NOMEM for one that cannot
 * be unpacked, which ends the call as gmux_stub_server_request does. Threads as its. */
GMUX_API int gmux_stub_server_read_wait(gmux_server_call *call, const gmux_stub_method *method,
                                        ProtobufCMessage **request);

/* ---- reflection ---- */

/* Bytes that are never freed, for gmux_reflection_options: the server keeps no copy of them. Any
 * thread. */
GMUX_API gmux_bytes gmux_stub_static_bytes(const void *data, size_t len);

GMUX_END_DECLS

#endif
