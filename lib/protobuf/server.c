/*
 * server.c: a protobuf-c service behind a gRPC server, and the servers of generated stubs.
 *
 * Nothing is kept beside the call itself. The method is found again by the call's path; the closure
 * that the service is given has the call for its data, with a hold on it, and the call's own data
 * pointer says whether the answer is still owed.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/protobuf/message.h"
#include "lib/protobuf/service.h"
#include "lib/protobuf/unary.h"

#include <string.h>

/* Out of memory for the text: the code alone. When even that fails the call is over, or ends at its
 * deadline or with its connection. */
static void call_fail(gmux_server_call *call, gmux_code code, const char *text) {
  if (gmux_server_call_fail(call, code, text) == GMUX_ERR_NOMEM)
    gmux_server_call_fail(call, code, NULL);
}

/* Says in the call's status why there is no answer, but for one that is over: its client may have
 * given up meanwhile. */
static int call_reply(gmux_server_call *call, const ProtobufCMessage *reply) {
  gmux_bytes bytes = gmux_bytes_borrow(NULL, 0);
  int error = gmux_protobuf_pack(&bytes, reply);
  if (!error) error = gmux_server_call_reply(call, &bytes);
  gmux_bytes_release(&bytes); /* empty if it was taken */
  if (error && error != GMUX_ERR_STATE)
    call_fail(call, error == GMUX_ERR_INVALID ? GMUX_INTERNAL : GMUX_RESOURCE_EXHAUSTED,
              gmux_last_error());
  return error;
}

/* The same for a request that cannot be unpacked. */
static int call_unpack(ProtobufCMessage **request, gmux_server_call *call,
                       const ProtobufCMessageDescriptor *type, const gmux_bytes *bytes) {
  int error = gmux_protobuf_unpack(request, type, bytes);
  if (!error) return 0;
  if (error == GMUX_ERR_NOMEM) {
    call_fail(call, GMUX_RESOURCE_EXHAUSTED, "out of memory for the request");
    return error;
  }
  gmux__fail(error, "the request is %s", gmux_last_error());
  call_fail(call, GMUX_INTERNAL, gmux_last_error());
  return error;
}

/* ---- a protobuf-c service ---- */

/* The ProtobufCClosure of a call. */
static void on_reply(const ProtobufCMessage *reply, void *closure_data) {
  gmux_server_call *call = closure_data;
  if (!gmux_server_call_get_data(call)) return; /* a second time */
  gmux_server_call_set_data(call, NULL);
  if (reply)
    call_reply(call, reply);
  else
    call_fail(call, GMUX_UNKNOWN, "the service gave no reply");
  gmux_server_call_unref(call);
}

/* That it is there was seen when it was added. */
static const ProtobufCMethodDescriptor *method_of(const gmux_server_call *call,
                                                  const ProtobufCService *service) {
  const char *name = strrchr(gmux_server_call_path(call), '/') + 1;
  return protobuf_c_service_descriptor_get_method_by_name(service->descriptor, name);
}

static void on_request(gmux_server_call *call, gmux_bytes *bytes, void *user_data) {
  ProtobufCService *service = user_data;
  const ProtobufCMethodDescriptor *method = method_of(call, service);
  ProtobufCMessage *request;
  if (call_unpack(&request, call, method->input, bytes)) return;
  gmux_server_call_set_data(call, service);
  service->invoke(service, (unsigned)(method - service->descriptor->methods), request, on_reply,
                  gmux_server_call_ref(call));
  gmux_protobuf_free(request);
}

/* In a service of protoc-c's making the functions stand behind the ProtobufCService, and one that
 * is NULL would be called all the same. In another only its own invoke knows. */
static bool method_is_there(const ProtobufCService *service, unsigned index) {
  if (service->invoke != protobuf_c_service_invoke_internal) return true;
  typedef void (*method_fn)(void);
  return ((const method_fn *)(service + 1))[index] != NULL;
}

static int method_add(gmux_server *server, ProtobufCService *service,
                      const ProtobufCMethodDescriptor *method) {
  char *path;
  int error = gmux__protobuf_path(&path, service->descriptor, method);
  if (error) return error;
  error = gmux_server_add_unary(server, path, on_request, service);
  gmux__free(path);
  return error;
}

int gmux_server_add_protobuf(gmux_server *server, ProtobufCService *service) {
  if (!server || !service)
    return gmux__fail(GMUX_ERR_INVALID, "the %s is NULL", server ? "service" : "server");
  const ProtobufCServiceDescriptor *descriptor = service->descriptor;
  int error = gmux__protobuf_service_check(descriptor);
  if (error) return error;
  for (unsigned i = 0; i < descriptor->n_methods; i++) {
    if (!method_is_there(service, i)) continue;
    error = method_add(server, service, &descriptor->methods[i]);
    if (error) return error;
  }
  return 0;
}

/* ---- generated stubs ---- */

/* What a server is given to call back with is never written to; its type does not say so. */
static void *unconst(const void *service) {
  return (void *)(uintptr_t)service;
}

int gmux_stub_server_add(gmux_server *server, const gmux_stub_method *method,
                         gmux_server_unary_fn unary, const gmux_server_handlers *handlers,
                         const void *service) {
  if (!method) return gmux__fail(GMUX_ERR_INVALID, "the method is NULL");
  if (method->kind == GMUX_UNARY)
    return gmux_server_add_unary(server, method->path, unary, unconst(service));
  return gmux_server_add_method(server, method->path, method->kind, handlers, unconst(service));
}

ProtobufCMessage *gmux_stub_server_request(gmux_server_call *call, const gmux_stub_method *method,
                                           const gmux_bytes *bytes) {
  ProtobufCMessage *request;
  return call_unpack(&request, call, method->request, bytes) ? NULL : request;
}

/* Another type's reply would be bytes that the client takes for its own. */
static int reply_check(const gmux_stub_method *method, const ProtobufCMessage *reply) {
  if (!reply || !reply->descriptor || gmux__protobuf_type_is(reply->descriptor, method->reply))
    return 0; /* gmux_protobuf_pack tells of the first two */
  return gmux__fail(GMUX_ERR_INVALID, "%s answers with a %s, not a %s", gmux__stub_name(method),
                    gmux__protobuf_type_name(method->reply),
                    gmux__protobuf_type_name(reply->descriptor));
}

int gmux_stub_server_reply(gmux_server_call *call, const gmux_stub_method *method,
                           const ProtobufCMessage *reply) {
  int error = reply_check(method, reply);
  if (!error) return call_reply(call, reply);
  call_fail(call, GMUX_INTERNAL, gmux_last_error());
  return error;
}

typedef int (*write_fn)(gmux_server_call *call, gmux_bytes *message);

static int write_message(gmux_server_call *call, const gmux_stub_method *method,
                         const ProtobufCMessage *reply, write_fn write) {
  gmux_bytes bytes;
  int error = reply_check(method, reply);
  if (!error) error = gmux_protobuf_pack(&bytes, reply);
  if (error) return error;
  int result = write(call, &bytes);
  gmux_bytes_release(&bytes); /* empty if it was taken */
  return result;
}

int gmux_stub_server_write(gmux_server_call *call, const gmux_stub_method *method,
                           const ProtobufCMessage *reply) {
  return write_message(call, method, reply, gmux_server_call_write);
}

int gmux_stub_server_write_wait(gmux_server_call *call, const gmux_stub_method *method,
                                const ProtobufCMessage *reply) {
  return write_message(call, method, reply, gmux_server_call_write_wait);
}

int gmux_stub_server_read_wait(gmux_server_call *call, const gmux_stub_method *method,
                               ProtobufCMessage **request) {
  if (!request) return gmux__fail(GMUX_ERR_INVALID, "the place for the request is NULL");
  gmux_bytes bytes;
  int error = gmux_server_call_read_wait(call, &bytes);
  if (error) return error;
  error = call_unpack(request, call, method->request, &bytes);
  gmux_bytes_release(&bytes);
  return error;
}

/* ---- reflection ---- */

static void release_nothing(void *release_arg, const uint8_t *data, size_t len) {
  (void)release_arg, (void)data, (void)len;
}

gmux_bytes gmux_stub_static_bytes(const void *data, size_t len) {
  return gmux_bytes_wrap(data, len, release_nothing, NULL);
}
