/*
 * client.c: calls of protobuf-c's services.
 *
 * A method is looked up by its name; from there it is a call of unary.c.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/protobuf/service.h"
#include "lib/protobuf/unary.h"

/* ---- methods by their name ---- */

static int method_find(const ProtobufCMethodDescriptor **out,
                       const ProtobufCServiceDescriptor *service, const char *name) {
  int error = gmux__protobuf_service_check(service);
  if (error) return error;
  if (!name) return gmux__fail(GMUX_ERR_INVALID, "the method's name is NULL");
  *out = protobuf_c_service_descriptor_get_method_by_name(service, name);
  if (!*out) return gmux__fail(GMUX_ERR_NOT_FOUND, "%s has no method \"%s\"", service->name, name);
  return 0;
}

/* What a generator would have written down; `path` is the caller's to free. */
static int stub_make(gmux_stub_method *stub, char **path, const ProtobufCServiceDescriptor *service,
                     const ProtobufCMethodDescriptor *method) {
  int error = gmux__protobuf_path(path, service, method);
  if (error) return error;
  *stub = (gmux_stub_method){
      .path = *path, .kind = GMUX_UNARY, .request = method->input, .reply = method->output};
  return 0;
}

static int stub_find(gmux_stub_method *stub, char **path, const ProtobufCServiceDescriptor *service,
                     const char *name) {
  const ProtobufCMethodDescriptor *method;
  int error = method_find(&method, service, name);
  return error ? error : stub_make(stub, path, service, method);
}

/* ---- calls ---- */

gmux_status gmux_protobuf_call_wait(gmux_channel *channel,
                                    const ProtobufCServiceDescriptor *service, const char *name,
                                    const gmux_call_options *options,
                                    const ProtobufCMessage *request, ProtobufCMessage **reply) {
  if (reply) *reply = NULL;
  gmux_stub_method method;
  char *path;
  int error = stub_find(&method, &path, service, name);
  if (error) return gmux__unary_status(error);
  gmux_status status = gmux_stub_unary_wait(channel, &method, options, request, reply);
  gmux__free(path);
  return status;
}

static void on_done_thunk(gmux_stub_fn on_done, gmux_call *call, const gmux_status *status,
                          const ProtobufCMessage *reply, const gmux_metadata *trailers,
                          void *user_data) {
  ((gmux_protobuf_fn)on_done)(call, status, reply, trailers, user_data);
}

int gmux_protobuf_call_start(gmux_call **out, gmux_channel *channel,
                             const ProtobufCServiceDescriptor *service, const char *name,
                             const gmux_call_options *options, const ProtobufCMessage *request,
                             gmux_protobuf_fn on_done, void *user_data) {
  gmux_stub_method method;
  char *path;
  int error = stub_find(&method, &path, service, name);
  if (error) return error;
  error = gmux_stub_unary_start(out, channel, &method, options, request, on_done_thunk,
                                (gmux_stub_fn)on_done, user_data);
  gmux__free(path);
  return error;
}

/* ---- as a ProtobufCService ---- */

/* A service's closure sees neither status nor trailers. */
static void closure_thunk(gmux_stub_fn closure, gmux_call *call, const gmux_status *status,
                          const ProtobufCMessage *reply, const gmux_metadata *trailers,
                          void *closure_data) {
  (void)call, (void)status, (void)trailers;
  ((ProtobufCClosure)closure)(reply, closure_data);
}

typedef struct client {
  ProtobufCService service; /* first: it is what the application holds */
  gmux_channel *channel;
  gmux_method *methods[]; /* by the descriptor's index; made once */
} client;

static void client_invoke(ProtobufCService *service, unsigned index, const ProtobufCMessage *input,
                          ProtobufCClosure closure, void *closure_data) {
  client *c = (client *)service;
  const ProtobufCMethodDescriptor *method = &service->descriptor->methods[index];
  gmux_bytes bytes;
  int error = gmux__unary_pack(&bytes, method->name, method->input, input);
  if (!error) {
    const gmux__unary what = {.reply_type = method->output,
                              .thunk = closure_thunk,
                              .on_done = (gmux_stub_fn)closure,
                              .user_data = closure_data};
    error = gmux__unary_start(NULL, c->channel, c->methods[index], NULL, &bytes, &what);
  }
  if (error) closure(NULL, closure_data);
}

static void client_destroy(ProtobufCService *service) {
  client *c = (client *)service;
  for (unsigned i = 0; i < service->descriptor->n_methods; i++)
    gmux_method_free(c->methods[i]);
  gmux__free(c);
}

static int method_new(gmux_method **out, const ProtobufCServiceDescriptor *service,
                      const ProtobufCMethodDescriptor *descriptor) {
  gmux_stub_method method;
  char *path;
  int error = stub_make(&method, &path, service, descriptor);
  if (error) return error;
  error = gmux_method_new(out, path, GMUX_UNARY, 0);
  gmux__free(path);
  return error;
}

int gmux_protobuf_client_new(ProtobufCService **out, gmux_channel *channel,
                             const ProtobufCServiceDescriptor *descriptor) {
  if (!out || !channel)
    return gmux__fail(GMUX_ERR_INVALID, "the %s is NULL", out ? "channel" : "place for the client");
  int error = gmux__protobuf_service_check(descriptor);
  if (error) return error;
  client *c = gmux__calloc(1, sizeof *c + descriptor->n_methods * sizeof c->methods[0]);
  if (!c) return gmux__fail_code(GMUX_ERR_NOMEM);
  c->service = (ProtobufCService){descriptor, client_invoke, client_destroy};
  c->channel = channel;
  for (unsigned i = 0; i < descriptor->n_methods && !error; i++)
    error = method_new(&c->methods[i], descriptor, &descriptor->methods[i]);
  if (error) {
    client_destroy(&c->service);
    return error;
  }
  *out = &c->service;
  return 0;
}
