/*
 * attempt.c: a call on a stream.
 *
 * The stream's handlers come from its connection, outside nghttp2 and never from inside a function
 * that the application called, so the application's handlers can be run from them. Only an end that
 * is not an answer takes a detour (gmux__call_end).
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/client/call.h"
#include "lib/wire/timeout.h"
#include <assert.h>
#include <gmux/error.h>
#include <string.h>

static gmux__attempt *attempt_of(gmux__stream *stream) {
  return gmux__container(stream, gmux__attempt, stream);
}

static gmux_call *call_of(gmux__stream *stream) {
  return attempt_of(stream)->call;
}

/* ---- out ---- */

static size_t attempt_fields(gmux_call *call, char timeout[GMUX__TIMEOUT_TEXT],
                             gmux__field *fields) {
  uint64_t deadline_ns = call->loop_only.deadline_ns;
  bool has_deadline = deadline_ns != GMUX__NEVER;
  if (has_deadline)
    gmux__timeout_format(timeout, deadline_ns - gmux__loop_now(call->channel->loop));
  gmux__encoding encoding = gmux__exchange_fix_encoding(&call->exchange);
  const char *name = gmux__codecs_name(&call->channel->codecs, encoding);
  return gmux__request_fields(&call->channel->request, call->method, has_deadline ? timeout : NULL,
                              encoding == GMUX__ENCODING_IDENTITY ? NULL : name, call->metadata,
                              fields);
}

static void attempt_count(const gmux_call *call, const gmux__line *line) {
  gmux__channel_figures *figures = &call->channel->shared.figures;
  gmux__counter_add(&figures->attempts, 1);
  if (line->calls > 0) gmux__counter_add(&figures->reused, 1);
  const gmux__attempt *attempt = call->loop_only.attempt;
  if (attempt->past) gmux__counter_add(&figures->retries[attempt->last], 1);
}

static int attempt_submit(gmux_call *call, gmux__line *line) {
  if (gmux__attempt_make(call)) return GMUX_ERR_NOMEM;
  size_t room = GMUX__REQUEST_FIELDS + gmux_metadata_count(call->metadata);
  gmux__field *fields = gmux__channel_fields(call->channel, room);
  if (!fields) return GMUX_ERR_NOMEM;
  char timeout[GMUX__TIMEOUT_TEXT];
  size_t count = attempt_fields(call, timeout, fields);
  return gmux__stream_open(&call->loop_only.attempt->stream, line->conn, fields, count);
}

bool gmux__attempt_open(gmux_call *call, gmux__line *line) {
  /* A timer that is due and has not fired yet: not worth bothering the server. */
  if (gmux__call_is_late(call)) {
    gmux__call_end_late(call);
    return true;
  }
  int error = attempt_submit(call, line);
  if (error == GMUX_ERR_STATE) return false;
  if (error) {
    gmux__call_fail(call, GMUX_RESOURCE_EXHAUSTED, "%s",
                    error == GMUX_ERR_TOO_LARGE ? gmux_last_error()
                                                : "out of memory for the request");
    return true;
  }
  attempt_count(call, line);
  gmux__line_take_call(line);
  call->loop_only.attempt->line = line;
  if (call->channel->options.max_memory_bytes) gmux__h2_begin(call->channel->h2);
  atomic_store_explicit(&call->evidence, GMUX_EVIDENCE_POSSIBLE, memory_order_relaxed);
  gmux__call_set_state(call, GMUX__CALL_RUNNING);
  return true;
}

static void attempt_on_sent(gmux__stream *stream, size_t bytes) {
  gmux__exchange_sent(&call_of(stream)->exchange, bytes);
}

static void attempt_on_queue(gmux__stream *stream, bool is_full) {
  gmux__exchange_set_held(&call_of(stream)->exchange, is_full);
}

/* ---- in ---- */

static void attempt_on_headers(gmux__stream *stream) {
  gmux_call *call = call_of(stream);
  gmux__result result;
  if (gmux__result_of_headers(&result, &stream->in->head,
                              call->channel->options.max_recv_metadata_bytes)) {
    gmux__call_end(call, &result);
    return;
  }
  if (call->exchange.box)
    gmux__mailbox_set(call->exchange.box, GMUX__BOX_HEADERS);
  else if (!call->has_on_done && call->handlers->on_headers)
    call->handlers->on_headers(call, stream->in->head.metadata, call->user_data);
}

/* A copy of borrowed bytes to where there is room for it without an allocation. */
static void *attempt_reply_memory(gmux__attempt *attempt, size_t len) {
  if (len <= GMUX__INTAKE_ROOM) return attempt->stream.in->room;
  if (len > GMUX__CALL_REPLY_SLAB) return NULL;
  attempt->reply_memory = gmux__slab_get_raw(&attempt->call->channel->loop_only.replies);
  return attempt->reply_memory;
}

static int attempt_copy_reply(gmux__attempt *attempt, gmux_bytes *message) {
  void *memory = message->release ? NULL : attempt_reply_memory(attempt, message->len);
  if (!memory) return gmux_bytes_take(&attempt->reply, message);
  if (message->len) memcpy(memory, message->data, message->len);
  attempt->reply = gmux_bytes_borrow(memory, message->len);
  return 0;
}

/* The one message of the answer waits for the status: only OK makes it valid. */
static void attempt_keep_reply(gmux__attempt *attempt, gmux_bytes *message) {
  gmux_call *call = attempt->call;
  if (attempt->messages > 1) {
    gmux__call_fail(call, GMUX_INTERNAL,
                    "the server sent a second message, where %s answers "
                    "with one",
                    call->method->path);
    return;
  }
  if (attempt_copy_reply(attempt, message)) {
    gmux__call_fail(call, GMUX_RESOURCE_EXHAUSTED, "out of memory for the reply");
    return;
  }
  /* A second one must be seen, whatever credit the application gave: it breaks the method. */
  gmux__stream_credit(&attempt->stream, 1);
}

static void attempt_on_message(gmux__stream *stream, gmux_bytes *message) {
  gmux__attempt *attempt = attempt_of(stream);
  gmux_call *call = attempt->call;
  if (attempt->messages < UINT32_MAX) attempt->messages++;
  gmux__channel_mind_memory(call->channel); /* first: the handler may do anything to the call */
  if (gmux__method_receives_one(call->method)) {
    attempt_keep_reply(attempt, message);
    return;
  }
  if (!call->exchange.box) {
    if (call->handlers->on_message) call->handlers->on_message(call, message, call->user_data);
    return;
  }
  if (gmux__mailbox_put(call->exchange.box, message, stream->recv.was_compressed))
    gmux__call_fail(call, GMUX_RESOURCE_EXHAUSTED, "out of memory for a message");
}

static void attempt_on_draining(gmux__stream *stream) {
  gmux_call *call = call_of(stream);
  const gmux_call_handlers *handlers = gmux__call_handlers(call);
  if (handlers && handlers->on_draining) handlers->on_draining(call, call->user_data);
}

void gmux__attempt_drop_reply(gmux__attempt *attempt) {
  gmux_channel *channel = attempt->call->channel;
  if (attempt->reply.release) gmux__h2_release(channel->h2, &attempt->reply);
  attempt->reply = (gmux_bytes){0}; /* one that lies in the intake is borrowed */
  if (!attempt->reply_memory) return;
  gmux__slab_put(&channel->loop_only.replies, attempt->reply_memory);
  attempt->reply_memory = NULL;
}

/* ---- the end ---- */

static void attempt_on_answered(gmux__stream *stream) {
  gmux__exchange_set_over(&call_of(stream)->exchange);
}

/* In the blocking form the reply is read like any other message. */
static void attempt_post_reply(gmux__attempt *attempt, gmux__result *result) {
  const gmux_call *call = attempt->call;
  gmux__mailbox *box = call->exchange.box;
  if (!box || result->code != GMUX_OK || !gmux__method_receives_one(call->method)) return;
  if (gmux__mailbox_put(box, &attempt->reply, attempt->stream.recv.was_compressed))
    gmux__result_set(result, GMUX_RESOURCE_EXHAUSTED, "out of memory for the reply");
}

/* Our own words say which attempt it was; the server's are left alone. */
static void attempt_say_past(const gmux_call *call, gmux__result *result) {
  if (result->message != result->text) return;
  size_t used = strlen(result->text);
  gmux__call_past(call, result->text + used, sizeof result->text - used);
}

/* And its connection goes on, so that nothing but the call has to be settled. Its memory is told of
 * and used again while it is in the caches. */
static bool attempt_was_answered(const gmux__attempt *attempt) {
  return attempt->stream.end.how == GMUX__ENDING_FINISHED &&
         gmux__conn_get_state(attempt->line->conn) == GMUX__CONN_READY;
}

static void attempt_on_closed(gmux__stream *stream) {
  gmux__attempt *attempt = attempt_of(stream);
  gmux_call *call = attempt->call;
  if (gmux__call_retry(call)) return;
  gmux__result_facts facts = {
      .stream = stream,
      .needs_message = gmux__method_receives_one(call->method),
      .messages = attempt->messages,
      .limit = call->channel->options.max_recv_metadata_bytes,
      .is_past_deadline = gmux__call_is_late(call),
      .is_half_closed = atomic_load(&call->exchange.shared.is_write_closed),
      .timeout_ms = call->timeout_ms,
  };
  gmux__result result;
  gmux__result_of_end(&result, &facts);
  attempt_say_past(call, &result);
  attempt_post_reply(attempt, &result);
  if (attempt_was_answered(attempt))
    gmux__call_end_now(call, &result);
  else
    gmux__call_end(call, &result);
}

static const gmux__stream_handlers attempt_handlers = {
    .on_headers = attempt_on_headers,
    .on_message = attempt_on_message,
    .on_sent = attempt_on_sent,
    .on_queue = attempt_on_queue,
    .on_draining = attempt_on_draining,
    .on_answered = attempt_on_answered,
    .on_closed = attempt_on_closed,
};

/* ---- life ---- */

/* All that the call kept for its stream until now. */
static void attempt_catch_up(gmux__attempt *attempt) {
  gmux_call *call = attempt->call;
  gmux__stream_post(&attempt->stream, call->before_end.letter);
  call->before_end.letter = NULL;
  if (call->loop_only.is_half_closed) gmux__stream_half_close(&attempt->stream);
}

int gmux__attempt_make(gmux_call *call) {
  if (call->loop_only.attempt) return 0;
  gmux_channel *channel = call->channel;
  gmux__attempt *attempt = gmux__slab_get_raw(&channel->loop_only.attempts);
  if (!attempt) return gmux__fail_code(GMUX_ERR_NOMEM);
  memset((char *)attempt + sizeof attempt->stream, 0, sizeof *attempt - sizeof attempt->stream);
  attempt->call = call;
  gmux__stream_init(&attempt->stream, channel->h2, &attempt_handlers, call->before_end.limit,
                    call->before_end.credit);
  gmux__stream_keep(&attempt->stream, channel->options.retry_buffer_bytes);
  call->loop_only.attempt = attempt;
  attempt_catch_up(attempt);
  return 0;
}

void gmux__attempt_free(gmux_call *call) {
  gmux__attempt *attempt = call->loop_only.attempt;
  if (!attempt) return;
  assert(!attempt->reply_memory && "the reply goes when the end has been told");
  gmux__stream_deinit(&attempt->stream);
  gmux__line_release(attempt->line);
  gmux__mark_drop(&attempt->waited_to);
  if (attempt->past) gmux__free(attempt->past);
  gmux__slab_put(&call->channel->loop_only.attempts, attempt);
  call->loop_only.attempt = NULL;
}
