/* call_api.c: the functions of call.h, and what they do on the loop's thread. */
#include "lib/base/fail.h"
#include "lib/client/call.h"

static gmux_call *call_of(gmux__exchange *exchange) {
  return gmux__container(exchange, gmux_call, exchange);
}

/* ---- on the loop's thread ---- */

/* Its last message: kept by the call itself until there is a stream. */
static int call_write_last(gmux_call *call, gmux__op *op) {
  gmux_channel *channel = call->channel;
  bool is_to_wait = gmux__channel_waiting(channel) > 0; /* nobody who waits is overtaken */
  gmux__outmsg *letter = gmux__letter_new(channel->h2, &op->message, op->is_compressed, is_to_wait);
  if (!letter) return gmux__fail_code(GMUX_ERR_NOMEM);
  call->before_end.letter = letter;
  call->loop_only.is_half_closed = true;
  return 0;
}

static void call_half_close(gmux_call *call) {
  call->loop_only.is_half_closed = true;
  if (call->loop_only.attempt) gmux__stream_half_close(&call->loop_only.attempt->stream);
}

static int call_write(gmux_call *call, gmux__op *op, bool is_last) {
  if (is_last && !call->loop_only.attempt) return call_write_last(call, op);
  int error = gmux__attempt_make(call);
  if (error) return error;
  gmux__stream *stream = &call->loop_only.attempt->stream;
  error = gmux__stream_write_coded(stream, &op->message, op->is_compressed);
  if (!error && is_last) call_half_close(call);
  return error;
}

static void call_credit(gmux_call *call, uint32_t count) {
  if (call->loop_only.attempt) {
    gmux__stream_credit(&call->loop_only.attempt->stream, count);
    return;
  }
  if (call->loop_only.state >= GMUX__CALL_ENDING) return;
  uint32_t *credit = &call->before_end.credit;
  *credit = count > GMUX_CREDIT_UNLIMITED - *credit ? GMUX_CREDIT_UNLIMITED : *credit + count;
}

static int apply_start(gmux_call *call, gmux__op *op, bool was_posted) {
  int error = 0;
  if (call->starts_with_message) error = call_write_last(call, op);
  if (error && !was_posted) return error;
  gmux__channel_submit(call->channel, call, error);
  if (call->loop_only.state < GMUX__CALL_ENDING) gmux__call_set_timer(call);
  return 0;
}

static int apply_write(gmux_call *call, gmux__op *op, bool was_posted) {
  if (call->loop_only.state >= GMUX__CALL_ENDING)
    return gmux__fail(GMUX_ERR_STATE, "the call is over; nothing more can be written");
  int error = call_write(call, op, op->count > 0);
  /* Who wrote on another thread has been told that it is on its way. */
  if (error == GMUX_ERR_NOMEM && was_posted)
    gmux__call_fail(call, GMUX_RESOURCE_EXHAUSTED, "out of memory for a message to send");
  return error;
}

static void apply_cancel(gmux_call *call) {
  if (call->loop_only.state == GMUX__CALL_NEW)
    call->loop_only.is_cancelled = true; /* its START is on the way, and finds this */
  else if (call->loop_only.state < GMUX__CALL_ENDING)
    gmux__call_fail(call, GMUX_CANCELLED, "cancelled by the application");
}

static int call_apply(gmux__exchange *exchange, gmux__op *op, bool was_posted) {
  gmux_call *call = call_of(exchange);
  switch (op->kind) {
  case GMUX__OP_START:
    return apply_start(call, op, was_posted);
  case GMUX__OP_WRITE:
    return apply_write(call, op, was_posted);
  case GMUX__OP_HALF_CLOSE:
    call_half_close(call);
    return 0;
  case GMUX__OP_CREDIT:
    call_credit(call, op->count);
    return 0;
  case GMUX__OP_CANCEL:
    apply_cancel(call);
    return 0;
  case GMUX__OP_HEADERS:
  case GMUX__OP_FINISH: /* a server's */
    break;
  }
  return gmux__fail_code(GMUX_ERR_STATE);
}

static void call_on_writable(gmux__exchange *exchange) {
  gmux_call *call = call_of(exchange);
  const gmux_call_handlers *handlers = gmux__call_handlers(call);
  if (handlers && handlers->on_writable) handlers->on_writable(call, call->user_data);
}

const gmux__exchange_ops gmux__call_ops = {
    .apply = call_apply,
    .on_writable = call_on_writable,
    .destroy = gmux__call_destroy,
};

/* ---- any thread ---- */

static int start_check(const gmux_channel *channel, const gmux_method *method) {
  if (!channel) return gmux__fail(GMUX_ERR_INVALID, "channel is NULL");
  if (!method) return gmux__fail(GMUX_ERR_INVALID, "method is NULL");
  return 0;
}

int gmux_call_start(gmux_call **out, gmux_channel *channel, gmux_method *method,
                    const gmux_call_options *options, const gmux_call_handlers *handlers,
                    void *user_data) {
  int error = start_check(channel, method);
  if (error) return error;
  if (!handlers && !out)
    return gmux__fail(GMUX_ERR_INVALID, "out and handlers are both NULL: the blocking form needs "
                                        "the handle, the callback form its handlers");
  if (handlers && !handlers->on_end)
    return gmux__fail(GMUX_ERR_INVALID, "handlers->on_end is NULL: it must be there");
  const gmux__call_setup setup = {.channel = channel,
                                  .method = method,
                                  .options = options,
                                  .handlers = handlers,
                                  .user_data = user_data};
  return gmux__call_start(out, &setup);
}

int gmux_call_unary_start(gmux_call **out, gmux_channel *channel, gmux_method *method,
                          const gmux_call_options *options, gmux_bytes *request,
                          gmux_unary_fn on_done, void *user_data) {
  int error = start_check(channel, method);
  if (error) return error;
  if (!request || !on_done)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_call_unary_start: request or on_done is NULL");
  if (method->kind != GMUX_UNARY)
    return gmux__fail(GMUX_ERR_INVALID, "%s is not a unary method: use gmux_call_start",
                      method->path);
  const gmux__call_setup setup = {.channel = channel,
                                  .method = method,
                                  .options = options,
                                  .on_done = on_done,
                                  .user_data = user_data,
                                  .request = request};
  return gmux__call_start(out, &setup);
}

int gmux_call_write(gmux_call *call, gmux_bytes *message) {
  if (!call) return gmux__fail(GMUX_ERR_INVALID, "gmux_call_write: call is NULL");
  return gmux__exchange_write(&call->exchange, message, gmux__method_sends_one(call->method));
}

void gmux_call_set_message_compression(gmux_call *call, bool is_wanted) {
  if (call) atomic_store(&call->exchange.shared.is_plain, !is_wanted);
}

bool gmux_call_was_compressed(const gmux_call *call) {
  if (!call) return false;
  if (call->exchange.box) return atomic_load(&call->exchange.shared.was_compressed);
  const gmux__attempt *attempt = call->loop_only.attempt;
  return attempt && attempt->stream.recv.was_compressed;
}

int gmux_call_half_close(gmux_call *call) {
  if (!call) return gmux__fail(GMUX_ERR_INVALID, "gmux_call_half_close: call is NULL");
  int error = gmux__exchange_close_writing(&call->exchange);
  if (error) return gmux__method_sends_one(call->method) ? 0 : error;
  gmux__op op = {.kind = GMUX__OP_HALF_CLOSE};
  error = gmux__exchange_do(&call->exchange, &op);
  if (error) atomic_store(&call->exchange.shared.is_write_closed, false); /* not said */
  return error;
}

int gmux_call_grant(gmux_call *call, uint32_t count) {
  if (!call) return gmux__fail(GMUX_ERR_INVALID, "gmux_call_grant: call is NULL");
  if (count == 0) return gmux__fail(GMUX_ERR_INVALID, "gmux_call_grant: count is 0");
  gmux__op op = {.kind = GMUX__OP_CREDIT, .count = count};
  return gmux__exchange_do(&call->exchange, &op);
}

void gmux_call_cancel(gmux_call *call) {
  if (call) gmux__exchange_cancel(&call->exchange);
}

void gmux_call_free(gmux_call *call) {
  if (call) gmux__exchange_release(&call->exchange);
}

gmux_evidence gmux_call_get_evidence(const gmux_call *call) {
  if (!call) return GMUX_EVIDENCE_NEVER_LEFT;
  return (gmux_evidence)atomic_load_explicit(&call->evidence, memory_order_acquire);
}

const char *gmux_call_peer(const gmux_call *call) {
  const gmux__attempt *attempt = call ? call->loop_only.attempt : NULL;
  return attempt && attempt->line ? attempt->line->peer : "";
}
