/*
 * server.c: a protobuf-c service behind a gRPC server.
 *
 * Nothing is kept beside the call itself. The method is found again by the call's path; the closure
 * that the service is given has the call for its data, with a hold on it, and the call's own data
 * pointer says whether the answer is still owed.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/protobuf/message.h"
#include "lib/protobuf/service.h"

#include <string.h>

/* Out of memory for the text: the code alone. When even that fails the call is over, or ends at its
 * deadline or with its connection. */
static void call_fail(gmux_server_call *call, gmux_code code, const char *text) {
  if (gmux_server_call_fail(call, code, text) == GMUX_ERR_NOMEM)
    gmux_server_call_fail(call, code, NULL);
}

static void call_reply(gmux_server_call *call, const ProtobufCMessage *reply) {
  if (!reply) {
    call_fail(call, GMUX_UNKNOWN, "the service gave no reply");
    return;
  }
  gmux_bytes bytes = gmux_bytes_borrow(NULL, 0);
  int error = gmux_protobuf_pack(&bytes, reply);
  if (!error) error = gmux_server_call_reply(call, &bytes);
  gmux_bytes_release(&bytes);                        /* empty if it was taken */
  if (error == 0 || error == GMUX_ERR_STATE) return; /* the client may have given up meanwhile */
  call_fail(call, error == GMUX_ERR_INVALID ? GMUX_INTERNAL : GMUX_RESOURCE_EXHAUSTED,
            gmux_last_error());
}

/* The ProtobufCClosure of a call. */
static void on_reply(const ProtobufCMessage *reply, void *closure_data) {
  gmux_server_call *call = closure_data;
  if (!gmux_server_call_get_data(call)) return; /* a second time */
  gmux_server_call_set_data(call, NULL);
  call_reply(call, reply);
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
  int error = gmux_protobuf_unpack(&request, method->input, bytes);
  if (error == GMUX_ERR_NOMEM) {
    call_fail(call, GMUX_RESOURCE_EXHAUSTED, "out of memory for the request");
    return;
  }
  if (error) {
    gmux__fail(error, "the request is %s", gmux_last_error());
    call_fail(call, GMUX_INTERNAL, gmux_last_error());
    return;
  }
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
