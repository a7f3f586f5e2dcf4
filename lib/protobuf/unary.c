/*
 * unary.c: unary calls.
 *
 * One path for all: pack, gmux_call_unary_start with a gmux__unary that remembers the type of the
 * reply, unpack, hand on. It is made before the call starts and freed when its one callback has
 * run; it needs nothing of whoever started it.
 */
#include "lib/protobuf/unary.h"

#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/protobuf/message.h"
#include <string.h>

const char *gmux__stub_name(const gmux_stub_method *method) {
  const char *slash = strrchr(method->path, '/');
  return slash ? slash + 1 : method->path;
}

int gmux_stub_null(const char *what) {
  return gmux__fail(GMUX_ERR_INVALID, "%s is NULL", what);
}

/* ---- errors as statuses ---- */

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

gmux_status gmux__unary_status(int error) {
  return gmux_status_make(code_from_error(error), gmux_last_error(), NULL);
}

gmux_status gmux__reply_unpack(ProtobufCMessage **reply, const ProtobufCMessageDescriptor *type,
                               const gmux_bytes *bytes) {
  int error = gmux_protobuf_unpack(reply, type, bytes);
  if (!error) return gmux_status_make(GMUX_OK, NULL, NULL);
  if (error == GMUX_ERR_NOMEM)
    return gmux_status_make(GMUX_RESOURCE_EXHAUSTED, "out of memory for the reply", NULL);
  gmux__fail(error, "the reply is %s", gmux_last_error());
  return gmux_status_make(GMUX_INTERNAL, gmux_last_error(), NULL);
}

/* ---- before the call ---- */

int gmux__unary_pack(gmux_bytes *out, const char *method, const ProtobufCMessageDescriptor *type,
                     const ProtobufCMessage *request) {
  if (request && request->descriptor && !gmux__protobuf_type_is(request->descriptor, type))
    return gmux__fail(GMUX_ERR_INVALID, "%s takes a %s, not a %s", method,
                      gmux__protobuf_type_name(type),
                      gmux__protobuf_type_name(request->descriptor));
  return gmux_protobuf_pack(out, request);
}

/* What both forms need; on success both are the caller's. */
static int call_prepare(gmux_method **prepared, gmux_bytes *bytes, const gmux_stub_method *method,
                        const ProtobufCMessage *request) {
  if (!method) return gmux__fail(GMUX_ERR_INVALID, "the method is NULL");
  int error = gmux__unary_pack(bytes, gmux__stub_name(method), method->request, request);
  if (error) return error;
  error = gmux_method_new(prepared, method->path, method->kind, method->flags);
  if (error) gmux_bytes_release(bytes);
  return error;
}

/* ---- blocking ---- */

gmux_status gmux_stub_unary_wait(gmux_channel *channel, const gmux_stub_method *method,
                                 const gmux_call_options *options, const ProtobufCMessage *request,
                                 ProtobufCMessage **reply) {
  if (!reply)
    return gmux_status_make(GMUX_INVALID_ARGUMENT, "the place for the reply is NULL", NULL);
  *reply = NULL;
  gmux_method *prepared;
  gmux_bytes bytes;
  int error = call_prepare(&prepared, &bytes, method, request);
  if (error) return gmux__unary_status(error);

  gmux_bytes answer;
  gmux_status status = gmux_call_unary_wait(channel, prepared, options, &bytes, &answer);
  gmux_bytes_release(&bytes); /* empty if the call was started */
  gmux_method_free(prepared);
  if (status.code != GMUX_OK) return status;
  status = gmux__reply_unpack(reply, method->reply, &answer);
  gmux_bytes_release(&answer);
  return status;
}

/* ---- by callback ---- */

static void on_unary_done(gmux_call *call, const gmux_status *status, gmux_bytes *bytes,
                          const gmux_metadata *trailers, void *user_data) {
  gmux__unary *u = user_data;
  ProtobufCMessage *reply = NULL;
  if (status->code != GMUX_OK) {
    u->thunk(u->on_done, call, status, NULL, trailers, u->user_data);
  } else {
    gmux_status outcome = gmux__reply_unpack(&reply, u->reply_type, bytes);
    u->thunk(u->on_done, call, &outcome, reply, trailers, u->user_data);
    gmux_protobuf_free(reply);
    gmux_status_clear(&outcome);
  }
  gmux__free(u);
}

int gmux__unary_start(gmux_call **out, gmux_channel *channel, gmux_method *method,
                      const gmux_call_options *options, gmux_bytes *bytes,
                      const gmux__unary *what) {
  int error;
  gmux__unary *u = gmux__malloc(sizeof *u);
  if (u) {
    *u = *what;
    error = gmux_call_unary_start(out, channel, method, options, bytes, on_unary_done, u);
  } else {
    error = gmux__fail_code(GMUX_ERR_NOMEM);
  }
  gmux_bytes_release(bytes);
  if (error) gmux__free(u);
  return error;
}

int gmux_stub_unary_start(gmux_call **out, gmux_channel *channel, const gmux_stub_method *method,
                          const gmux_call_options *options, const ProtobufCMessage *request,
                          gmux_stub_done_thunk thunk, gmux_stub_fn on_done, void *user_data) {
  if (!on_done) return gmux__fail(GMUX_ERR_INVALID, "on_done is NULL: nobody would get the reply");
  gmux_method *prepared;
  gmux_bytes bytes;
  int error = call_prepare(&prepared, &bytes, method, request);
  if (error) return error;
  const gmux__unary what = {
      .reply_type = method->reply, .thunk = thunk, .on_done = on_done, .user_data = user_data};
  error = gmux__unary_start(out, channel, prepared, options, &bytes, &what);
  gmux_method_free(prepared);
  return error;
}
