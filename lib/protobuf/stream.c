/*
 * stream.c: streams of messages, as their client sees them.
 *
 * The callback form puts a `stream` between the call and the application: it unpacks each message
 * and, where that fails, cancels the call and remembers why, so that on_end can say it. It is freed
 * by the last of its two holders: on_end, and the function that starts it, which has yet to send
 * the request of a method that takes one while the call may end already on the loop's thread.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/protobuf/unary.h"
#include <stdatomic.h>

typedef struct stream {
  const ProtobufCMessageDescriptor *reply_type;
  gmux_stub_handlers handlers;
  gmux_stub_message_thunk thunk;
  void *user_data;
  gmux_status broken;       /* not OK: a reply could not be unpacked */
  atomic_int request_error; /* not 0: the request could not be sent */
  atomic_int holders;
} stream;

static void stream_drop(stream *s) {
  if (atomic_fetch_sub(&s->holders, 1) > 1) return;
  gmux_status_clear(&s->broken);
  gmux__free(s);
}

/* ---- handlers ---- */

static void on_headers(gmux_call *call, const gmux_metadata *metadata, void *user_data) {
  const stream *s = user_data;
  if (s->handlers.on_headers) s->handlers.on_headers(call, metadata, s->user_data);
}

static void on_message(gmux_call *call, gmux_bytes *bytes, void *user_data) {
  stream *s = user_data;
  if (s->broken.code != GMUX_OK || !s->handlers.on_message) return;
  ProtobufCMessage *message;
  s->broken = gmux__reply_unpack(&message, s->reply_type, bytes);
  if (s->broken.code != GMUX_OK) {
    gmux_call_cancel(call);
    return;
  }
  s->thunk(s->handlers.on_message, call, message, s->user_data);
  gmux_protobuf_free(message);
}

static void on_writable(gmux_call *call, void *user_data) {
  const stream *s = user_data;
  if (s->handlers.on_writable) s->handlers.on_writable(call, s->user_data);
}

static void on_draining(gmux_call *call, void *user_data) {
  const stream *s = user_data;
  if (s->handlers.on_draining) s->handlers.on_draining(call, s->user_data);
}

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  stream *s = user_data;
  gmux_status why = {.code = GMUX_RESOURCE_EXHAUSTED};
  int error = atomic_load(&s->request_error);
  if (error) {
    why.message = gmux_strerror(error);
    status = &why;
  } else if (s->broken.code != GMUX_OK) {
    status = &s->broken;
  }
  s->handlers.on_end(call, status, trailers, s->user_data);
  stream_drop(s);
}

static const gmux_call_handlers stream_handlers = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_writable = on_writable,
    .on_draining = on_draining,
    .on_end = on_end,
};

/* ---- callback form ---- */

static int call_start(gmux_call **out, gmux_channel *channel, const gmux_stub_method *method,
                      const gmux_call_options *options, stream *s) {
  gmux_method *prepared;
  int error = gmux_method_new(&prepared, method->path, method->kind, method->flags);
  if (error) return error;
  error = gmux_call_start(out, channel, prepared, options, s ? &stream_handlers : NULL, s);
  gmux_method_free(prepared);
  return error;
}

/* GMUX_ERR_STATE: the call is over, as on_end says. */
static void stream_send(stream *s, gmux_call *call, gmux_bytes *request) {
  int error = gmux_call_write(call, request);
  if (error >= 0 || error == GMUX_ERR_STATE) return;
  atomic_store(&s->request_error, error);
  gmux_call_cancel(call);
}

static stream *stream_new(const gmux_stub_method *method, const gmux_stub_handlers *handlers,
                          gmux_stub_message_thunk thunk, void *user_data) {
  stream *s = gmux__calloc(1, sizeof *s);
  if (!s) return NULL;
  s->reply_type = method->reply;
  s->handlers = *handlers;
  s->thunk = thunk;
  s->user_data = user_data;
  atomic_init(&s->holders, 2);
  return s;
}

static bool sends_one(const gmux_stub_method *method) {
  return method->kind == GMUX_UNARY || method->kind == GMUX_SERVER_STREAMING;
}

static int request_pack(gmux_bytes *out, const gmux_stub_method *method,
                        const ProtobufCMessage *request) {
  return gmux__unary_pack(out, gmux__stub_name(method), method->request, request);
}

int gmux_stub_stream_start(gmux_call **out, gmux_channel *channel, const gmux_stub_method *method,
                           const gmux_call_options *options, const ProtobufCMessage *request,
                           const gmux_stub_handlers *handlers, gmux_stub_message_thunk thunk,
                           void *user_data) {
  if (!handlers || !handlers->on_end)
    return gmux__fail(GMUX_ERR_INVALID, "on_end is NULL: nobody would learn how the call ends");
  gmux_bytes bytes = gmux_bytes_borrow(NULL, 0);
  int error = sends_one(method) ? request_pack(&bytes, method, request) : 0;
  if (error) return error;
  stream *s = stream_new(method, handlers, thunk, user_data);
  gmux_call *call = NULL;
  error = s ? call_start(&call, channel, method, options, s) : gmux__fail_code(GMUX_ERR_NOMEM);
  if (error) {
    gmux_bytes_release(&bytes);
    gmux__free(s);
    return error;
  }
  if (sends_one(method)) stream_send(s, call, &bytes);
  gmux_bytes_release(&bytes); /* empty if it was taken */
  stream_drop(s);
  if (out)
    *out = call;
  else
    gmux_call_free(call);
  return 0;
}

/* ---- blocking form ---- */

int gmux_stub_stream_open(gmux_call **out, gmux_channel *channel, const gmux_stub_method *method,
                          const gmux_call_options *options, const ProtobufCMessage *request) {
  if (!out) return gmux__fail(GMUX_ERR_INVALID, "the place for the call is NULL");
  gmux_call *call;
  int error = call_start(&call, channel, method, options, NULL);
  if (error) return error;
  error = sends_one(method) ? gmux_stub_write_wait(call, method, request) : 0;
  if (error < 0 && error != GMUX_ERR_STATE) { /* that: it is over, and its end says why */
    gmux_call_cancel(call);
    gmux_call_free(call);
    return error;
  }
  *out = call;
  return 0;
}

/* ---- both ---- */

typedef int (*write_fn)(gmux_call *call, gmux_bytes *message);

static int write_message(gmux_call *call, const gmux_stub_method *method,
                         const ProtobufCMessage *request, write_fn write) {
  gmux_bytes bytes;
  int error = request_pack(&bytes, method, request);
  if (error) return error;
  int result = write(call, &bytes);
  gmux_bytes_release(&bytes); /* empty if it was taken */
  return result;
}

int gmux_stub_write(gmux_call *call, const gmux_stub_method *method,
                    const ProtobufCMessage *request) {
  return write_message(call, method, request, gmux_call_write);
}

int gmux_stub_write_wait(gmux_call *call, const gmux_stub_method *method,
                         const ProtobufCMessage *request) {
  return write_message(call, method, request, gmux_call_write_wait);
}

int gmux_stub_read_wait(gmux_call *call, const gmux_stub_method *method, ProtobufCMessage **reply) {
  if (!reply) return gmux__fail(GMUX_ERR_INVALID, "the place for the reply is NULL");
  gmux_bytes bytes;
  int error = gmux_call_read_wait(call, &bytes);
  if (error) return error;
  error = gmux_protobuf_unpack(reply, method->reply, &bytes);
  gmux_bytes_release(&bytes);
  if (!error) return 0;
  gmux_call_cancel(call);
  return gmux__fail(error, "the reply is %s", gmux_last_error());
}
