/*
 * stream.c: streams of messages, as their client sees them.
 *
 * The callback form puts a `stream` between the call and the application: it unpacks each message
 * and, where that fails, cancels the call and remembers why, so that on_end can say it, which frees
 * it. The request of a method that takes one starts with the call: once that is started it may end
 * on the loop's thread, and on_end may have freed it, before the function that starts it returns.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/client/call.h"
#include "lib/protobuf/unary.h"

typedef struct stream {
  const ProtobufCMessageDescriptor *reply_type;
  gmux_stub_handlers handlers;
  gmux_stub_message_thunk thunk;
  void *user_data;
  gmux_status broken; /* not OK: a reply could not be unpacked */
} stream;

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
  if (s->broken.code != GMUX_OK) status = &s->broken;
  s->handlers.on_end(call, status, trailers, s->user_data);
  gmux_status_clear(&s->broken);
  gmux__free(s);
}

static const gmux_call_handlers stream_handlers = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_writable = on_writable,
    .on_draining = on_draining,
    .on_end = on_end,
};

/* ---- callback form ---- */

/* `s` is NULL in the blocking form; `request` is taken on success, if there is one. */
static int call_start(gmux_call **out, gmux_channel *channel, const gmux_stub_method *method,
                      const gmux_call_options *options, stream *s, gmux_bytes *request) {
  if (!channel) return gmux__fail(GMUX_ERR_INVALID, "channel is NULL");
  gmux__call_setup setup = {.channel = channel,
                            .options = options,
                            .handlers = s ? &stream_handlers : NULL,
                            .user_data = s,
                            .request = request};
  int error = gmux_method_new(&setup.method, method->path, method->kind, method->flags);
  if (error) return error;
  error = gmux__call_start(out, &setup);
  gmux_method_free(setup.method);
  return error;
}

static stream *stream_new(const gmux_stub_method *method, const gmux_stub_handlers *handlers,
                          gmux_stub_message_thunk thunk, void *user_data) {
  stream *s = gmux__calloc(1, sizeof *s);
  if (!s) return NULL;
  s->reply_type = method->reply;
  s->handlers = *handlers;
  s->thunk = thunk;
  s->user_data = user_data;
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
  if (!method) return gmux_stub_null("method");
  gmux_bytes bytes;
  gmux_bytes *first = sends_one(method) ? &bytes : NULL;
  int error = first ? request_pack(first, method, request) : 0;
  if (error) return error;
  stream *s = stream_new(method, handlers, thunk, user_data);
  error = s ? call_start(out, channel, method, options, s, first) : gmux__fail_code(GMUX_ERR_NOMEM);
  if (first) gmux_bytes_release(first); /* empty if it was taken */
  if (error) gmux__free(s);
  return error;
}

/* ---- blocking form ---- */

int gmux_stub_stream_open(gmux_call **out, gmux_channel *channel, const gmux_stub_method *method,
                          const gmux_call_options *options, const ProtobufCMessage *request) {
  if (!out) return gmux__fail(GMUX_ERR_INVALID, "the place for the call is NULL");
  if (!method) return gmux_stub_null("method");
  gmux_call *call;
  int error = call_start(&call, channel, method, options, NULL, NULL);
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
  if (!method) return gmux_stub_null("method");
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
  if (!method) return gmux_stub_null("method");
  gmux_bytes bytes;
  int error = gmux_call_read_wait(call, &bytes);
  if (error) return error;
  error = gmux_protobuf_unpack(reply, method->reply, &bytes);
  gmux_bytes_release(&bytes);
  if (!error) return 0;
  gmux_call_cancel(call);
  return gmux__fail(error, "the reply is %s", gmux_last_error());
}
