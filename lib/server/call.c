/* call.c: one call, on the loop's thread; its states are in call.h. */
#include "lib/server/call.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/server/request.h"
#include "lib/server/server.h"
#include <assert.h>
#include <stddef.h>
#include <string.h>

static gmux_server_call *call_of_stream(gmux__stream *stream) {
  return gmux__container(stream, gmux_server_call, loop.stream);
}

static gmux_server_call *call_of_exchange(gmux__exchange *exchange) {
  return gmux__container(exchange, gmux_server_call, exchange);
}

/* ---- state ---- */

/* A line with shortcuts. */
static const char *const call_states[] = {"NEW", "RUNNING", "ANSWERED", "OVER"};
static const uint16_t call_edges[] = {
    [GMUX__SERVER_CALL_NEW] = GMUX__TO(GMUX__SERVER_CALL_RUNNING) |
                              GMUX__TO(GMUX__SERVER_CALL_ANSWERED) |
                              GMUX__TO(GMUX__SERVER_CALL_OVER),
    [GMUX__SERVER_CALL_RUNNING] =
        GMUX__TO(GMUX__SERVER_CALL_ANSWERED) | GMUX__TO(GMUX__SERVER_CALL_OVER),
    [GMUX__SERVER_CALL_ANSWERED] = GMUX__TO(GMUX__SERVER_CALL_OVER),
    [GMUX__SERVER_CALL_OVER] = 0,
};
const gmux__machine gmux__server_call_machine = {"server's call", GMUX__SERVER_CALL_OVER + 1,
                                                 call_states, call_edges};

static void call_set_state(gmux_server_call *call, gmux__server_call_state state) {
  gmux__server_call_state from = call->loop.state;
  gmux__machine_step(&gmux__server_call_machine, from, state);
  gmux__log(gmux__loop_logger(call->server->loop), GMUX_LOG_DEBUG, "server",
            "%s: call %s: %s -> %s", call->connection->peer, gmux_server_call_path(call),
            call_states[from], call_states[state]);
  call->loop.state = state;
  if (from == GMUX__SERVER_CALL_NEW && state != GMUX__SERVER_CALL_OVER)
    gmux__server_count_started(call->server);
}

/* The end, for all ways there. The state is settled before the application is called. The loop's
 * hold is still to be let go. */
static void call_tell_end(gmux_server_call *call, gmux_code code, bool has_succeeded) {
  gmux_loop *loop = call->server->loop;
  const gmux__method *method = call->method;
  bool is_counted = call->loop.state != GMUX__SERVER_CALL_NEW;
  call_set_state(call, GMUX__SERVER_CALL_OVER);
  gmux__timer_clear(loop, &call->loop.deadline);
  if (is_counted) gmux__server_count_ended(call->server, has_succeeded);
  gmux__server_conn_call_over(call->connection);
  gmux__exchange_set_over(&call->exchange);
  if (call->exchange.box) gmux__mailbox_set(call->exchange.box, GMUX__BOX_NO_MORE | GMUX__BOX_END);
  if (method && method->handlers->on_end) method->handlers->on_end(call, code, method->user_data);
}

static void call_end(gmux_server_call *call, gmux_code code, bool has_succeeded) {
  call_tell_end(call, code, has_succeeded);
  gmux__exchange_release(&call->exchange);
}

/* Nothing can be written any more; what is queued, and call->loop.answer behind it, leaves. */
static void call_answer(gmux_server_call *call) {
  call_set_state(call, GMUX__SERVER_CALL_ANSWERED);
  atomic_store(&call->exchange.shared.is_write_closed, true);
  gmux__stream *stream = &call->loop.stream;
  gmux__stream_finish(stream, gmux__answer_count(&call->loop.answer, !stream->send.has_headers));
}

/* Ends a running call in the application's stead, with static words of characters that need no
 * coding. Cannot fail. */
static void call_break(gmux_server_call *call, gmux_code code, const char *words) {
  call->loop.answer = (gmux__answer){.code = code, .words = words};
  call_answer(call);
}

/* ---- the request ---- */

/* How long the words of a missed deadline may take to leave. */
enum { LAST_WORDS_NS = 1000000000 };

/* Most clients know by themselves that the time is up. One whose clock says otherwise would take
 * a reset for a cancel, so it is told, unless there is a queue to wait in. */
static void call_time_out(gmux_server_call *call, const char *words) {
  gmux_loop *loop = call->server->loop;
  if (call->loop.state == GMUX__SERVER_CALL_RUNNING && !call->loop.stream.send.next) {
    gmux__timer_set(loop, &call->loop.deadline, gmux__loop_now(loop) + LAST_WORDS_NS);
    call_break(call, GMUX_DEADLINE_EXCEEDED, words);
    return;
  }
  gmux__stream_reset(&call->loop.stream, GMUX__H2_CANCEL);
  call_end(call, GMUX_DEADLINE_EXCEEDED, false);
}

static void call_on_deadline(void *arg) {
  call_time_out(arg, "the deadline has passed");
}

static void call_set_deadline(gmux_server_call *call, uint64_t timeout_ns) {
  gmux_loop *loop = call->server->loop;
  uint64_t now_ns = gmux__loop_now(loop);
  if (timeout_ns >= GMUX__NEVER - now_ns) return; /* centuries from now */
  call->loop.deadline_ns = now_ns + timeout_ns;
  gmux__timer_set(loop, &call->loop.deadline, call->loop.deadline_ns);
}

static void call_refuse(gmux_server_call *call, const gmux__verdict *verdict) {
  gmux__answer *answer = &call->loop.answer;
  *answer = (gmux__answer){
      .code = verdict->code,
      .http_status = verdict->http_status,
      .words = "refused; the server has no memory to say why",
      .offers_encodings = verdict->offers_encodings,
  };
  gmux_status status = {.code = verdict->code, .message = verdict->text};
  gmux__extras_new(&answer->extras, &status, NULL); /* failing it leaves the words above */
  gmux__log(gmux__loop_logger(call->server->loop), GMUX_LOG_DEBUG, "server",
            "%s: request refused: %s", call->connection->peer, verdict->text);
  call->loop.waits_for_end = verdict->is_plain && call->loop.stream.recv.state != GMUX__RECV_CLOSED;
  if (call->loop.waits_for_end)
    gmux__stream_discard(&call->loop.stream);
  else
    call_answer(call);
}

/* The request that was refused has ended, or is too long to wait for that. */
static void call_stop_waiting(gmux_server_call *call) {
  call->loop.waits_for_end = false;
  call_answer(call);
}

/* Every method starts with credit for one message. More than the first: of a method that has one,
 * to notice when there is a second; of others as they come, unless the application grants it. */
static void call_grant_credit(gmux_server_call *call) {
  if (gmux__kind_has_one_request(call->method->kind)) {
    gmux__stream_credit(&call->loop.stream, 1);
    gmux__stream_expect_end(&call->loop.stream);
  } else if (!call->loop.has_manual_credit) {
    gmux__stream_credit(&call->loop.stream, GMUX_CREDIT_UNLIMITED);
  }
}

bool gmux__server_call_accepts(const gmux_server_call *call, gmux__encoding encoding) {
  return encoding == GMUX__ENCODING_IDENTITY ||
         (call->loop.stream.in->head.accepts & gmux__encoding_bit(encoding)) != 0;
}

static void call_accept(gmux_server_call *call, const gmux__method *method) {
  call->method = method;
  if (gmux__server_call_accepts(call, call->server->encoding))
    gmux__exchange_set_encoding(&call->exchange, call->server->encoding); /* nothing was sent */
  call_set_state(call, GMUX__SERVER_CALL_RUNNING);
  call_set_deadline(call, call->loop.stream.in->head.timeout_ns);
  if (method->handlers->on_call) {
    call->loop.is_in_on_call = true;
    method->handlers->on_call(call, method->user_data);
    call->loop.is_in_on_call = false;
  }
  if (call->loop.state == GMUX__SERVER_CALL_RUNNING) call_grant_credit(call);
}

static void call_on_headers(gmux__stream *stream) {
  gmux_server_call *call = call_of_stream(stream);
  /* Given up or lost before anybody looked at it: it never began. */
  if (stream->end.how != GMUX__ENDING_NONE) return;
  gmux__verdict verdict;
  gmux__request_judge(&verdict, &stream->in->head, &call->server->methods);
  if (verdict.method)
    call_accept(call, verdict.method);
  else
    call_refuse(call, &verdict);
}

/* ---- messages ---- */

/* Where there is room for so much without an allocation. */
static void *call_request_memory(gmux_server_call *call, size_t len) {
  if (len <= GMUX__INTAKE_ROOM) return call->loop.stream.in->room;
  if (len > GMUX__CALL_REQUEST_SLAB) return NULL;
  call->loop.request_memory = gmux__slab_get_raw(&call->server->loop_only.request_slab);
  return call->loop.request_memory;
}

static int call_keep_long_request(gmux_server_call *call, gmux_bytes *message) {
  gmux__stream *stream = &call->loop.stream;
  bool is_whole = stream->recv.state == GMUX__RECV_CLOSED; /* then it is not kept for long */
  if (!is_whole && !gmux__stream_keep_message(stream, message->len)) return GMUX_ERR_NOMEM;
  return gmux_bytes_take(&call->loop.request, message);
}

/* A unary method's request waits for the half-close, because a second one may come. */
static int call_keep_request(gmux_server_call *call, gmux_bytes *message) {
  void *memory = message->release ? NULL : call_request_memory(call, message->len);
  if (!memory) return call_keep_long_request(call, message);
  if (message->len > 0) memcpy(memory, message->data, message->len);
  call->loop.request = gmux_bytes_borrow(memory, message->len);
  return 0;
}

static void call_drop_request(gmux_server_call *call) {
  if (call->loop.request.release) {
    gmux__h2_release(call->server->h2, &call->loop.request);
    gmux__stream_keep_message_no_more(&call->loop.stream);
  }
  gmux__slab_put(&call->server->loop_only.request_slab, call->loop.request_memory);
  call->loop.request_memory = NULL;
}

/* To whoever wants it: the blocking reader, the unary function, or the handlers. */
static int call_take_message(gmux_server_call *call, gmux_bytes *message) {
  const gmux__method *method = call->method;
  if (call->exchange.box)
    return gmux__mailbox_put(call->exchange.box, message, call->loop.stream.recv.was_compressed);
  if (method->unary) return call_keep_request(call, message);
  if (method->handlers->on_message) method->handlers->on_message(call, message, method->user_data);
  return 0;
}

static void call_on_message(gmux__stream *stream, gmux_bytes *message) {
  gmux_server_call *call = call_of_stream(stream);
  if (call->loop.state != GMUX__SERVER_CALL_RUNNING) return;
  call->loop.requests++;
  if (call->loop.requests > 1 && gmux__kind_has_one_request(call->method->kind)) {
    call_break(call, GMUX_INTERNAL,
               "the method takes one request message, the client sent another");
    return;
  }
  if (call_take_message(call, message))
    call_break(call, GMUX_RESOURCE_EXHAUSTED, "the server is out of memory");
}

static gmux_code broken_code(int error) {
  switch (error) {
  case GMUX_ERR_NOMEM:
  case GMUX_ERR_TOO_LARGE:
    return GMUX_RESOURCE_EXHAUSTED;
  case GMUX_ERR_UNSUPPORTED:
    return GMUX_UNIMPLEMENTED;
  default:
    return GMUX_INTERNAL;
  }
}

static void call_on_bad_message(gmux__stream *stream, int error, const char *why) {
  gmux_server_call *call = call_of_stream(stream);
  if (call->loop.waits_for_end) call_stop_waiting(call);
  if (call->loop.state != GMUX__SERVER_CALL_RUNNING) return;
  gmux_status status = {.code = broken_code(error), .message = why};
  gmux__answer *answer = &call->loop.answer;
  *answer = (gmux__answer){
      .code = status.code,
      .words = "a message was refused; the server has no memory to say why",
  };
  gmux__extras_new(&answer->extras, &status, NULL); /* failing it leaves the words above */
  call_answer(call);
}

static void call_run_unary(gmux_server_call *call) {
  call->method->unary(call, &call->loop.request, call->method->user_data);
  call_drop_request(call);
}

static void call_on_half_close(gmux__stream *stream) {
  gmux_server_call *call = call_of_stream(stream);
  if (call->loop.waits_for_end) call_stop_waiting(call);
  if (call->loop.state != GMUX__SERVER_CALL_RUNNING) return;
  const gmux__method *method = call->method;
  if (call->loop.requests == 0 && gmux__kind_has_one_request(method->kind)) {
    call_break(call, GMUX_INTERNAL, "the method takes one request message, the client sent none");
    return;
  }
  if (call->exchange.box)
    gmux__mailbox_set(call->exchange.box, GMUX__BOX_NO_MORE);
  else if (method->unary)
    call_run_unary(call);
  else if (method->handlers->on_half_close)
    method->handlers->on_half_close(call, method->user_data);
}

/* An answer that waits to leave says more than that its request is not all here. */
static void call_on_stalled(gmux__stream *stream) {
  gmux_server_call *call = call_of_stream(stream);
  bool is_waited_for = call->loop.waits_for_end;
  if (!is_waited_for && call->loop.state != GMUX__SERVER_CALL_RUNNING) return;
  gmux__server_count(&call->server->stats.calls_stalled);
  if (is_waited_for)
    call_stop_waiting(call);
  else
    call_time_out(call, "the client began a request and did not go on with it in time "
                        "(the server's request_stall_timeout_ms)");
}

static void call_on_sent(gmux__stream *stream, size_t bytes) {
  gmux__exchange_sent(&call_of_stream(stream)->exchange, bytes);
}

static void call_on_queue(gmux__stream *stream, bool is_full) {
  gmux__exchange_set_held(&call_of_stream(stream)->exchange, is_full);
}

/* ---- the stream's end ---- */

static void call_on_closed(gmux__stream *stream) {
  gmux_server_call *call = call_of_stream(stream);
  gmux_code code = GMUX_CANCELLED; /* by the client, or with its connection */
  bool is_answered = stream->end.how == GMUX__ENDING_FINISHED;
  if (is_answered) code = call->loop.answer.code;
  if (stream->end.how == GMUX__ENDING_BROKEN) code = broken_code(stream->end.error);
  call_tell_end(call, code, is_answered && code == GMUX_OK);
  gmux__exchange_release_now(&call->exchange);
}

static size_t call_trailers(gmux__stream *stream, gmux__field *fields, size_t room) {
  gmux_server_call *call = call_of_stream(stream);
  return gmux__answer_fields(&call->loop.answer, &call->server->usual, !stream->send.has_headers,
                             fields, room);
}

static const gmux__stream_handlers stream_handlers = {
    .on_headers = call_on_headers,
    .on_message = call_on_message,
    .on_bad_message = call_on_bad_message,
    .on_half_close = call_on_half_close,
    .on_stalled = call_on_stalled,
    .on_sent = call_on_sent,
    .on_queue = call_on_queue,
    .on_closed = call_on_closed,
    .trailers = call_trailers,
};

/* ---- what the application asked for ---- */

enum { FIELDS_ON_STACK = 16 };

static gmux__response call_response(gmux_server_call *call, const gmux__extras *extras) {
  const gmux__codecs *codecs = &call->server->codecs;
  gmux__encoding encoding = gmux__exchange_fix_encoding(&call->exchange);
  const char *name = gmux__codecs_name(codecs, encoding);
  return (gmux__response){.usual = &call->server->usual,
                          .encoding = encoding == GMUX__ENCODING_IDENTITY ? NULL : name,
                          .extras = extras};
}

/* `only_bytes`: as gmux__stream_respond has it. */
static int call_respond(gmux_server_call *call, const gmux__extras *extras, size_t only_bytes) {
  gmux__field on_stack[FIELDS_ON_STACK];
  const gmux__response response = call_response(call, extras);
  size_t count = gmux__response_count(&response);
  gmux__field *fields = count <= FIELDS_ON_STACK ? on_stack : gmux__malloc(count * sizeof *fields);
  if (!fields) return gmux__fail_code(GMUX_ERR_NOMEM);
  gmux__response_fields(&response, fields, count);
  int error = gmux__stream_respond(&call->loop.stream, fields, count, only_bytes);
  if (fields != on_stack) gmux__free(fields);
  return error;
}

/* OK without the one message that the method promises would be a riddle to the client. */
static void call_check_answer(gmux_server_call *call) {
  if (call->loop.answer.code != GMUX_OK || call->loop.responses > 0 ||
      !gmux__kind_has_one_response(call->method->kind))
    return;
  gmux__answer_deinit(&call->loop.answer);
  call->loop.answer = (gmux__answer){
      .code = GMUX_INTERNAL,
      .words = "the server finished the call with OK, but without its response message",
  };
  gmux__log(gmux__loop_logger(call->server->loop), GMUX_LOG_WARN, "server",
            "%s: finished with OK, but without its response message: the client gets INTERNAL",
            call->loop.stream.in->head.path);
}

static int call_apply_finish(gmux_server_call *call, gmux__op *op) {
  call->loop.answer = (gmux__answer){.code = (gmux_code)op->count, .extras = op->data};
  op->data = NULL;
  call_check_answer(call);
  call_answer(call);
  return 0;
}

/* With op->count (gmux__exchange_write's `close`) it is the last one, and all is well. */
static int call_apply_write(gmux_server_call *call, gmux__op *op) {
  gmux__stream *stream = &call->loop.stream;
  size_t only_bytes = op->count ? GMUX__PREFIX_LEN + op->message.len : 0;
  int error = stream->send.has_headers ? 0 : call_respond(call, NULL, only_bytes);
  if (!error) error = gmux__stream_write_coded(stream, &op->message, op->is_compressed);
  if (error) return error;
  call->loop.responses++;
  if (op->count) call_answer(call); /* what stands in call->loop.answer is OK */
  return 0;
}

static int call_apply_op(gmux_server_call *call, gmux__op *op) {
  switch (op->kind) {
  case GMUX__OP_WRITE:
    return call_apply_write(call, op);
  case GMUX__OP_HEADERS:
    return call_respond(call, op->data, 0);
  case GMUX__OP_FINISH:
    return call_apply_finish(call, op);
  case GMUX__OP_CREDIT:
    gmux__stream_credit(&call->loop.stream, op->count);
    return 0;
  case GMUX__OP_CANCEL:
  case GMUX__OP_START:
  case GMUX__OP_HALF_CLOSE:
    break; /* a client's */
  }
  return gmux__fail(GMUX_ERR_STATE, "a server's call has no such operation");
}

static int call_apply(gmux__exchange *exchange, gmux__op *op, bool was_posted) {
  gmux_server_call *call = call_of_exchange(exchange);
  if (call->loop.state != GMUX__SERVER_CALL_RUNNING)
    return gmux__fail(GMUX_ERR_STATE, "the call is finished, or over");
  int error = call_apply_op(call, op);
  /* Who posted it believes that it was done. */
  if (error == GMUX_ERR_NOMEM && was_posted)
    call_break(call, GMUX_RESOURCE_EXHAUSTED, "the server is out of memory");
  return error;
}

static void call_drop(void *data) {
  gmux__extras_free(data);
}

static void call_on_writable(gmux__exchange *exchange) {
  gmux_server_call *call = call_of_exchange(exchange);
  if (call->loop.state != GMUX__SERVER_CALL_RUNNING) return;
  const gmux__method *method = call->method;
  if (method->handlers->on_writable) method->handlers->on_writable(call, method->user_data);
}

/* ---- life ---- */

static void call_destroy(gmux__exchange *exchange) {
  gmux_server_call *call = call_of_exchange(exchange);
  assert(call->loop.state == GMUX__SERVER_CALL_OVER);
  gmux_server *server = call->server;
  gmux__stream_deinit(&call->loop.stream);
  gmux__answer_deinit(&call->loop.answer);
  call_drop_request(call);
  gmux__server_conn_call_gone(call->connection);
  gmux__exchange_deinit(exchange);
  gmux__server_call_dealloc(server, call);
}

const gmux__exchange_ops gmux__server_call_ops = {
    .apply = call_apply,
    .drop = call_drop,
    .on_writable = call_on_writable,
    .destroy = call_destroy,
};

gmux_server_call *gmux__server_call_new(gmux__server_conn *connection) {
  gmux_server *server = connection->server;
  gmux_server_call *call = gmux__server_call_alloc(server);
  if (!call) return NULL;
  memset(call, 0, offsetof(gmux_server_call, loop.stream));
  const gmux_server_options *o = &server->options;
  gmux__exchange_init(&call->exchange, &server->home, o->write_queue_bytes,
                      o->max_send_message_bytes);
  gmux__stream_init(&call->loop.stream, server->h2, &stream_handlers, o->max_recv_message_bytes, 1);
  gmux__timer_init(&call->loop.deadline, call_on_deadline, call);
  call->loop.deadline_ns = GMUX__NEVER;
  call->server = server;
  call->connection = connection;
  gmux__server_conn_call_begun(connection);
  return call;
}
