/*
 * client.c: calls of protobuf-c's services.
 *
 * One path for all: pack, gmux_call_unary_start with a pending_call that remembers the type of the
 * reply, unpack, hand on. A pending_call is made before the call starts and freed when its one
 * callback has run; it needs nothing of the service object, which may be destroyed meanwhile.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/protobuf/message.h"
#include "lib/protobuf/service.h"

typedef struct pending_call {
  const ProtobufCMessageDescriptor *reply_type;
  gmux_protobuf_fn on_done;
  void *user_data;
  ProtobufCClosure closure; /* of a ProtobufCService, instead of on_done */
} pending_call;

/* ---- errors as statuses ---- */

/* The table of gmux_call_unary_wait, for what goes wrong before there is a call. */
static gmux_code code_from_error(int error) {
  switch (error) {
  case GMUX_ERR_INVALID:
    return GMUX_INVALID_ARGUMENT;
  case GMUX_ERR_NOT_FOUND:
    return GMUX_UNIMPLEMENTED;
  default:
    return GMUX_RESOURCE_EXHAUSTED; /* GMUX_ERR_NOMEM, GMUX_ERR_TOO_LARGE */
  }
}

static gmux_status status_from_error(int error) {
  return gmux_status_make(code_from_error(error), gmux_last_error(), NULL);
}

/* The reply's message in *reply, or why there is none. `status` is the call's, and stays its. */
static gmux_status reply_unpack(ProtobufCMessage **reply, const ProtobufCMessageDescriptor *type,
                                const gmux_bytes *bytes) {
  int error = gmux_protobuf_unpack(reply, type, bytes);
  if (!error) return gmux_status_make(GMUX_OK, NULL, NULL);
  if (error == GMUX_ERR_NOMEM)
    return gmux_status_make(GMUX_RESOURCE_EXHAUSTED, "out of memory for the reply", NULL);
  gmux__fail(error, "the reply is %s", gmux_last_error());
  return gmux_status_make(GMUX_INTERNAL, gmux_last_error(), NULL);
}

/* ---- before the call ---- */

static int method_find(const ProtobufCMethodDescriptor **out,
                       const ProtobufCServiceDescriptor *service, const char *name) {
  int error = gmux__protobuf_service_check(service);
  if (error) return error;
  if (!name) return gmux__fail(GMUX_ERR_INVALID, "the method's name is NULL");
  *out = protobuf_c_service_descriptor_get_method_by_name(service, name);
  if (!*out) return gmux__fail(GMUX_ERR_NOT_FOUND, "%s has no method \"%s\"", service->name, name);
  return 0;
}

static int request_pack(gmux_bytes *out, const ProtobufCMethodDescriptor *method,
                        const ProtobufCMessage *request) {
  if (request && request->descriptor && !gmux__protobuf_type_is(request->descriptor, method->input))
    return gmux__fail(GMUX_ERR_INVALID, "%s takes a %s, not a %s", method->name,
                      gmux__protobuf_type_name(method->input),
                      gmux__protobuf_type_name(request->descriptor));
  return gmux_protobuf_pack(out, request);
}

static int method_new(gmux_method **out, const ProtobufCServiceDescriptor *service,
                      const ProtobufCMethodDescriptor *method) {
  char *path;
  int error = gmux__protobuf_path(&path, service, method);
  if (error) return error;
  error = gmux_method_new(out, path, GMUX_UNARY, 0);
  gmux__free(path);
  return error;
}

/* What both forms need; on success both are the caller's. */
static int call_prepare(gmux_method **method, gmux_bytes *bytes,
                        const ProtobufCMethodDescriptor **descriptor,
                        const ProtobufCServiceDescriptor *service, const char *name,
                        const ProtobufCMessage *request) {
  int error = method_find(descriptor, service, name);
  if (!error) error = request_pack(bytes, *descriptor, request);
  if (error) return error;
  error = method_new(method, service, *descriptor);
  if (error) gmux_bytes_release(bytes);
  return error;
}

/* ---- blocking ---- */

gmux_status gmux_protobuf_call_wait(gmux_channel *channel,
                                    const ProtobufCServiceDescriptor *service, const char *name,
                                    const gmux_call_options *options,
                                    const ProtobufCMessage *request, ProtobufCMessage **reply) {
  if (!reply)
    return gmux_status_make(GMUX_INVALID_ARGUMENT, "the place for the reply is NULL", NULL);
  *reply = NULL;
  const ProtobufCMethodDescriptor *descriptor;
  gmux_method *method;
  gmux_bytes bytes;
  int error = call_prepare(&method, &bytes, &descriptor, service, name, request);
  if (error) return status_from_error(error);

  gmux_bytes answer;
  gmux_status status = gmux_call_unary_wait(channel, method, options, &bytes, &answer);
  gmux_bytes_release(&bytes); /* empty if the call was started */
  gmux_method_free(method);
  if (status.code != GMUX_OK) return status;
  status = reply_unpack(reply, descriptor->output, &answer);
  gmux_bytes_release(&answer);
  return status;
}

/* ---- by callback ---- */

/* A service's closure sees neither status nor trailers. */
static void pending_finish(const pending_call *pending, gmux_call *call, const gmux_status *status,
                           const ProtobufCMessage *reply, const gmux_metadata *trailers) {
  if (pending->closure)
    pending->closure(reply, pending->user_data);
  else
    pending->on_done(call, status, reply, trailers, pending->user_data);
}

static void on_unary_done(gmux_call *call, const gmux_status *status, gmux_bytes *bytes,
                          const gmux_metadata *trailers, void *user_data) {
  pending_call *pending = user_data;
  ProtobufCMessage *reply = NULL;
  if (status->code != GMUX_OK) {
    pending_finish(pending, call, status, NULL, trailers);
  } else {
    gmux_status outcome = reply_unpack(&reply, pending->reply_type, bytes);
    pending_finish(pending, call, &outcome, reply, trailers);
    gmux_protobuf_free(reply);
    gmux_status_clear(&outcome);
  }
  gmux__free(pending);
}

/* `bytes` is released, whatever happens. */
static int pending_start(gmux_call **out, gmux_channel *channel, gmux_method *method,
                         const gmux_call_options *options, gmux_bytes *bytes,
                         const pending_call *what) {
  int error;
  pending_call *pending = gmux__malloc(sizeof *pending);
  if (pending) {
    *pending = *what;
    error = gmux_call_unary_start(out, channel, method, options, bytes, on_unary_done, pending);
  } else {
    error = gmux__fail_code(GMUX_ERR_NOMEM);
  }
  gmux_bytes_release(bytes);
  if (error) gmux__free(pending);
  return error;
}

int gmux_protobuf_call_start(gmux_call **out, gmux_channel *channel,
                             const ProtobufCServiceDescriptor *service, const char *name,
                             const gmux_call_options *options, const ProtobufCMessage *request,
                             gmux_protobuf_fn on_done, void *user_data) {
  if (!on_done) return gmux__fail(GMUX_ERR_INVALID, "on_done is NULL: nobody would get the reply");
  const ProtobufCMethodDescriptor *descriptor;
  gmux_method *method;
  gmux_bytes bytes;
  int error = call_prepare(&method, &bytes, &descriptor, service, name, request);
  if (error) return error;
  pending_call what = {
      .reply_type = descriptor->output, .on_done = on_done, .user_data = user_data};
  error = pending_start(out, channel, method, options, &bytes, &what);
  gmux_method_free(method);
  return error;
}

/* ---- as a ProtobufCService ---- */

typedef struct client {
  ProtobufCService service; /* first: it is what the application holds */
  gmux_channel *channel;
  gmux_method *methods[]; /* by the descriptor's index; made once */
} client;

static void client_invoke(ProtobufCService *service, unsigned index, const ProtobufCMessage *input,
                          ProtobufCClosure closure, void *closure_data) {
  client *c = (client *)service;
  const ProtobufCMethodDescriptor *descriptor = &service->descriptor->methods[index];
  pending_call what = {
      .reply_type = descriptor->output, .closure = closure, .user_data = closure_data};
  gmux_bytes bytes;
  int error = request_pack(&bytes, descriptor, input);
  if (!error) error = pending_start(NULL, c->channel, c->methods[index], NULL, &bytes, &what);
  if (error) closure(NULL, closure_data);
}

static void client_destroy(ProtobufCService *service) {
  client *c = (client *)service;
  for (unsigned i = 0; i < service->descriptor->n_methods; i++)
    gmux_method_free(c->methods[i]);
  gmux__free(c);
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
