/* blocking.c: calls for programs with threads: the thread waits at the call's mailbox for what the
 * loop brings. */
#include "lib/base/fail.h"
#include "lib/client/call.h"
#include "lib/client/front.h"

/* On none of its channel's loops: two of them could wait for each other. */
static bool call_is_inside(const gmux_call *call) {
  if (gmux_loop_is_inside(call->channel->loop)) return true;
  return call->channel->lane && gmux__lane_is_inside(call->channel->lane);
}

static int call_check_may_wait(const gmux_call *call, const char *what) {
  if (!call) return gmux__fail(GMUX_ERR_INVALID, "%s: call is NULL", what);
  if (!call->exchange.box)
    return gmux__fail(GMUX_ERR_STATE, "%s waits, but the call was started with handlers", what);
  if (call_is_inside(call))
    return gmux__fail(GMUX_ERR_DEADLOCK,
                      "%s was called on the loop's own thread, which would wait for itself", what);
  return 0;
}

int gmux_call_read_wait(gmux_call *call, gmux_bytes *message) {
  int error = call_check_may_wait(call, "gmux_call_read_wait");
  if (!error) error = gmux__exchange_read_wait(&call->exchange, message);
  if (error == GMUX_ERR_EOF)
    return gmux__fail(GMUX_ERR_EOF, "no more messages; gmux_call_end_wait has the status");
  return error;
}

int gmux_call_write_wait(gmux_call *call, gmux_bytes *message) {
  int error = call_check_may_wait(call, "gmux_call_write_wait");
  if (error) return error;
  return gmux__exchange_write_wait(&call->exchange, message, gmux__method_sends_one(call->method));
}

int gmux_call_headers_wait(gmux_call *call, const gmux_metadata **metadata) {
  int error = call_check_may_wait(call, "gmux_call_headers_wait");
  if (!error && !metadata)
    error = gmux__fail(GMUX_ERR_INVALID, "gmux_call_headers_wait: metadata is NULL");
  if (error) return error;
  unsigned up = gmux__mailbox_wait(call->exchange.box, GMUX__BOX_HEADERS | GMUX__BOX_END, -1);
  if (!(up & GMUX__BOX_HEADERS))
    return gmux__fail(GMUX_ERR_EOF, "the call ended without initial metadata; "
                                    "gmux_call_end_wait has the status");
  *metadata = call->loop_only.attempt->stream.in->head.metadata;
  return 0;
}

/* What stops a call before it is one, as a status. */
static gmux_status status_of_error(int error) {
  gmux_code code = GMUX_INTERNAL;
  switch (error) {
  case GMUX_ERR_DEADLOCK:
  case GMUX_ERR_STATE:
    code = GMUX_FAILED_PRECONDITION;
    break;
  case GMUX_ERR_INVALID:
    code = GMUX_INVALID_ARGUMENT;
    break;
  case GMUX_ERR_CLOSED:
    code = GMUX_UNAVAILABLE;
    break;
  case GMUX_ERR_NOMEM:
  case GMUX_ERR_TOO_LARGE:
    code = GMUX_RESOURCE_EXHAUSTED;
    break;
  }
  return gmux_status_make(code, gmux_last_error(), NULL);
}

static gmux_status call_await_end(gmux_call *call) {
  gmux__mailbox_wait(call->exchange.box, GMUX__BOX_END, -1);
  return gmux_status_copy(&call->at_end.status);
}

gmux_status gmux_call_end_wait(gmux_call *call, const gmux_metadata **trailers) {
  if (trailers) *trailers = NULL;
  int error = call_check_may_wait(call, "gmux_call_end_wait");
  if (error) return status_of_error(error);
  gmux_status status = call_await_end(call);
  if (trailers) *trailers = gmux__call_trailers(call);
  return status;
}

static int unary_wait_check(const gmux_channel *channel, const gmux_method *method,
                            const gmux_bytes *request, const gmux_bytes *reply) {
  if (!channel || !method || !request || !reply)
    return gmux__fail(GMUX_ERR_INVALID,
                      "gmux_call_unary_wait: channel, method, request or reply is NULL");
  if (method->kind != GMUX_UNARY)
    return gmux__fail(GMUX_ERR_INVALID, "%s is not a unary method: use gmux_call_start",
                      method->path);
  if (gmux__channel_is_inside(channel))
    return gmux__fail(GMUX_ERR_DEADLOCK, "gmux_call_unary_wait was called on the loop's own "
                                         "thread, which would wait for itself");
  return 0;
}

gmux_status gmux_call_unary_wait(gmux_channel *channel, gmux_method *method,
                                 const gmux_call_options *options, gmux_bytes *request,
                                 gmux_bytes *reply) {
  if (reply) *reply = gmux_bytes_borrow(NULL, 0);
  int error = unary_wait_check(channel, method, request, reply);
  if (error) return status_of_error(error);
  const gmux__call_setup setup = {
      .channel = channel, .method = method, .options = options, .request = request};
  gmux_call *call;
  error = gmux__call_start(&call, &setup);
  if (error) return status_of_error(error);
  gmux_status status = call_await_end(call); /* that it may wait was seen above */
  /* There is one with OK: nothing to wait for, and nothing to grant. */
  if (status.code == GMUX_OK) gmux__mailbox_get(call->exchange.box, reply, NULL);
  gmux_call_free(call);
  return status;
}
