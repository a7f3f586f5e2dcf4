/* call.c: a call's states, its beginning, its timer and its end. */
#include "lib/client/call.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/client/front.h"
#include "lib/client/options.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const call_states[] = {"NEW",     "WAITING", "RUNNING",
                                          "RESTING", "ENDING",  "ENDED"};
static const uint16_t call_edges[] = {
    [GMUX__CALL_NEW] =
        GMUX__TO(GMUX__CALL_WAITING) | GMUX__TO(GMUX__CALL_RUNNING) | GMUX__TO(GMUX__CALL_ENDING),
    [GMUX__CALL_WAITING] = GMUX__TO(GMUX__CALL_RUNNING) | GMUX__TO(GMUX__CALL_ENDING),
    [GMUX__CALL_RUNNING] = GMUX__TO(GMUX__CALL_RESTING) | GMUX__TO(GMUX__CALL_ENDING),
    [GMUX__CALL_RESTING] = GMUX__TO(GMUX__CALL_WAITING) | GMUX__TO(GMUX__CALL_ENDING),
    [GMUX__CALL_ENDING] = GMUX__TO(GMUX__CALL_ENDED),
    [GMUX__CALL_ENDED] = 0,
};
const gmux__machine gmux__call_machine = {"call", GMUX__CALL_ENDED + 1, call_states, call_edges};

const char *gmux__call_state_str(gmux__call_state state) {
  return gmux__machine_str(&gmux__call_machine, state);
}

const char *gmux_evidence_str(gmux_evidence evidence) {
  switch (evidence) {
  case GMUX_EVIDENCE_NEVER_LEFT:
    return "never left";
  case GMUX_EVIDENCE_REFUSED:
    return "refused";
  case GMUX_EVIDENCE_ABOVE_LAST:
    return "above last stream id";
  case GMUX_EVIDENCE_POSSIBLE:
    return "possibly executed";
  case GMUX_EVIDENCE_ANSWERED:
    return "answered";
  }
  return "unknown";
}

/* ---- state ---- */

/* It ended with the attempt that its stream still tells of. */
static bool call_ended_on_stream(const gmux_call *call) {
  return call->loop_only.state >= GMUX__CALL_ENDING && call->loop_only.attempt->line;
}

void gmux__call_ended_by(const gmux_call *call, uint32_t ended_by[GMUX__EVIDENCES]) {
  const gmux__attempt *attempt = call->loop_only.attempt;
  memset(ended_by, 0, GMUX__EVIDENCES * sizeof *ended_by);
  if (!attempt) return;
  if (attempt->past) memcpy(ended_by, attempt->past->ended_by, sizeof attempt->past->ended_by);
  if (call_ended_on_stream(call)) ended_by[attempt->last]++;
}

uint32_t gmux__call_attempts(const gmux_call *call) {
  uint32_t ended_by[GMUX__EVIDENCES], count = call->loop_only.state == GMUX__CALL_RUNNING;
  gmux__call_ended_by(call, ended_by);
  for (int i = 0; i < GMUX__EVIDENCES; i++)
    count += ended_by[i];
  return count;
}

/* It is in the list of those that are placed first. */
static bool call_was_tried(const gmux_call *call) {
  return call->loop_only.attempt && call->loop_only.attempt->past;
}

static gmux__list *call_list(const gmux_call *call, gmux__call_state state) {
  gmux_channel *channel = call->channel;
  switch (state) {
  case GMUX__CALL_WAITING:
    return call_was_tried(call) ? &channel->loop_only.again : &channel->loop_only.waiting;
  case GMUX__CALL_RUNNING:
    return &channel->loop_only.running;
  case GMUX__CALL_RESTING:
    return &channel->loop_only.resting;
  case GMUX__CALL_ENDING:
    return &channel->loop_only.ending;
  case GMUX__CALL_NEW:
  case GMUX__CALL_ENDED:
    return NULL;
  }
  return NULL;
}

/* RUNNING is left: the stream is over, and knows how far it came. */
static void call_close_attempt(gmux_call *call, gmux__call_state next, uint64_t now_ns) {
  gmux__attempt *attempt = call->loop_only.attempt;
  gmux__past *past = attempt->past;
  attempt->last = gmux__stream_evidence(&attempt->stream);
  if (next == GMUX__CALL_RESTING) past->ended_by[attempt->last]++;
  gmux__call_note_sending(call, now_ns);
  if (call->channel->options.max_memory_bytes) gmux__channel_give_memory(call->channel);
  int worst = GMUX__EVIDENCES - 1;
  while (worst > (int)attempt->last && !(past && past->ended_by[worst]))
    worst--;
  atomic_store_explicit(&call->evidence, (unsigned char)worst, memory_order_release);
}

static bool has_clock(gmux__call_state state) {
  return state > GMUX__CALL_NEW && state < GMUX__CALL_ENDING;
}

void gmux__call_set_state(gmux_call *call, gmux__call_state state) {
  gmux__call_state old = call->loop_only.state;
  gmux__machine_step(&gmux__call_machine, old, state);
  gmux__log(gmux__loop_logger(call->channel->loop), GMUX_LOG_DEBUG, "client", "call %s: %s -> %s",
            call->method->path, gmux__call_state_str(old), gmux__call_state_str(state));
  uint64_t now_ns = gmux__loop_now(call->channel->loop);
  if (has_clock(old)) gmux__call_stop_clock(call, now_ns);
  if (old == GMUX__CALL_RUNNING) call_close_attempt(call, state, now_ns);
  call->loop_only.state = state;
  if (has_clock(state)) gmux__call_start_clock(call, now_ns);
  gmux__list_remove(&call->loop_only.link);
  gmux__list *list = call_list(call, state);
  if (list) gmux__list_append(list, &call->loop_only.link);
  if (state == GMUX__CALL_ENDED) return; /* which changes no figure */
  if (state == GMUX__CALL_ENDING) gmux__channel_count_end(call->channel, call->at_end.status.code);
  gmux__channel_publish(call->channel);
}

/* ---- the end ---- */

const gmux_metadata *gmux__call_trailers(const gmux_call *call) {
  const gmux__attempt *attempt = call->loop_only.attempt;
  return attempt ? attempt->stream.in->tail.metadata : NULL;
}

static void call_tell_handlers(gmux_call *call) {
  gmux__attempt *attempt = call->loop_only.attempt;
  const gmux_metadata *trailers = gmux__call_trailers(call);
  gmux_bytes none = gmux_bytes_borrow(NULL, 0);
  gmux_bytes *reply = attempt ? &attempt->reply : &none;
  const gmux_status *status = &call->at_end.status;
  if (call->has_on_done) {
    call->on_done(call, status, reply, trailers, call->user_data);
    return;
  }
  bool has_reply = status->code == GMUX_OK && gmux__method_receives_one(call->method);
  if (has_reply && call->handlers->on_message)
    call->handlers->on_message(call, reply, call->user_data);
  call->handlers->on_end(call, status, trailers, call->user_data);
}

static void call_on_end_task(void *arg) {
  gmux_call *call = gmux__container(arg, gmux_call, exchange);
  gmux__call_set_state(call, GMUX__CALL_ENDED);
  atomic_store_explicit(&call->is_settled, true, memory_order_release);
  if (call->exchange.box)
    gmux__mailbox_set(call->exchange.box, GMUX__BOX_NO_MORE | GMUX__BOX_END);
  else
    call_tell_handlers(call);
  if (call->loop_only.attempt) gmux__attempt_drop_reply(call->loop_only.attempt);
  gmux__channel_call_ended(call->channel);
  gmux__exchange_release_now(&call->exchange); /* the loop's hold */
}

/* What it wrote is given up; harmless when its stream is over: then this is what ended the call. */
static void call_stop(gmux_call *call, bool is_ok) {
  gmux__attempt *attempt = call->loop_only.attempt;
  gmux__letter_drop(call->channel->h2, call->before_end.letter);
  gmux__timer_clear(call->channel->loop, &call->before_end.timer);
  if (!attempt) return;
  gmux__stream_reset(&attempt->stream, GMUX__H2_CANCEL);
  if (!is_ok) gmux__attempt_drop_reply(attempt);
}

static void call_settle(gmux_call *call, const gmux__result *result) {
  assert(call->loop_only.state < GMUX__CALL_ENDING);
  gmux_status status = gmux_status_make(result->code, result->message, result->details);
  call_stop(call, status.code == GMUX_OK);
  call->at_end.status = status;
  call->at_end.waited_to = (gmux__mark){NULL, 0};
  gmux__exchange_set_over(&call->exchange);
  gmux__call_set_state(call, GMUX__CALL_ENDING);
}

void gmux__call_end(gmux_call *call, const gmux__result *result) {
  call_settle(call, result);
  gmux__exchange_defer_end(&call->exchange, call_on_end_task);
}

void gmux__call_end_now(gmux_call *call, const gmux__result *result) {
  call_settle(call, result);
  call_on_end_task(&call->exchange);
}

void gmux__call_fail(gmux_call *call, gmux_code code, const char *format, ...) {
  char text[GMUX__RESULT_TEXT];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  gmux__result result;
  gmux__result_set(&result, code, "%s", text);
  gmux__call_end(call, &result);
}

/* ---- time ---- */

bool gmux__call_is_late(gmux_call *call) {
  return call->loop_only.deadline_ns <= gmux__loop_now(call->channel->loop);
}

void gmux__call_end_late(gmux_call *call) {
  char where[GMUX__RESULT_TEXT];
  gmux__call_where(call, where, sizeof where);
  size_t used = strlen(where);
  gmux__call_times(call, where + used, sizeof where - used);
  gmux__result result;
  gmux__result_deadline(&result, call->timeout_ms, where);
  gmux__call_end(call, &result);
}

static uint64_t call_patience_ends(const gmux_call *call) {
  uint32_t patience_ms = call->channel->options.acquire_timeout_ms;
  if (patience_ms == 0) return GMUX__NEVER;
  return call->loop_only.waited_from.at_ns + patience_ms * GMUX__NS_PER_MS;
}

void gmux__call_set_timer(gmux_call *call) {
  uint64_t at_ns = call->loop_only.deadline_ns, sooner_ns = GMUX__NEVER;
  if (call->loop_only.state == GMUX__CALL_WAITING) sooner_ns = call_patience_ends(call);
  if (call->loop_only.state == GMUX__CALL_RESTING)
    sooner_ns = call->loop_only.attempt->past->rest_until_ns;
  if (sooner_ns < at_ns) at_ns = sooner_ns;
  gmux__timer_set(call->channel->loop, &call->before_end.timer, at_ns);
}

static void call_end_impatient(gmux_call *call) {
  char what[GMUX__CONNECTOR_WHY];
  gmux__channel_explain_wait(call->channel, what, sizeof what);
  gmux__call_fail(call, GMUX_UNAVAILABLE, "no place within %u ms (acquire_timeout_ms), waiting %s",
                  call->channel->options.acquire_timeout_ms, what);
}

/* The timer of a call that has been placed meanwhile is not moved then, where most are over before
 * it fires; it is now. */
static void call_on_timer(void *arg) {
  gmux_call *call = arg;
  uint64_t now_ns = gmux__loop_now(call->channel->loop);
  gmux__call_state state = call->loop_only.state;
  if (call->loop_only.deadline_ns <= now_ns)
    gmux__call_end_late(call);
  else if (state == GMUX__CALL_WAITING && call_patience_ends(call) <= now_ns)
    call_end_impatient(call);
  else if (state == GMUX__CALL_RESTING && call->loop_only.attempt->past->rest_until_ns <= now_ns)
    gmux__channel_resubmit(call->channel, call);
  if (call->loop_only.state < GMUX__CALL_ENDING) gmux__call_set_timer(call);
}

/* ---- making one ---- */

static uint32_t setup_credit(const gmux__call_setup *setup, const gmux_call_options *options) {
  if (setup->handlers) return options->initial_credit;
  /* One reply is no flood; and so a second one is seen. */
  if (gmux__method_receives_one(setup->method)) return GMUX_CREDIT_UNLIMITED;
  return 1; /* read_wait grants the next */
}

/* Zeroed, but for the exchange, which sees to itself. */
static gmux_call *call_alloc(gmux_channel *channel) {
  bool is_inside = gmux_loop_is_inside(channel->loop);
  gmux_call *call =
      is_inside ? gmux__slab_get_raw(&channel->loop_only.calls) : gmux__malloc(sizeof(gmux_call));
  if (!call) return NULL;
  memset((char *)call + sizeof call->exchange, 0, sizeof *call - sizeof call->exchange);
  call->is_slabs = is_inside;
  return call;
}

/* Most calls begin on the loop's thread, where a hold is a plain count; they end there, too. */
static void call_hold(gmux_call *call, gmux_channel *channel, gmux_method *method) {
  call->channel = channel;
  if (call->is_slabs) {
    gmux__channel_hold_here(channel);
    call->method = gmux__usual_method_take(&channel->loop_only.usual, method);
  } else {
    gmux__channel_hold(channel);
    call->method = gmux__method_ref(method);
  }
}

/* Gives back everything but the memory itself, and the channel. */
static void call_deinit(gmux_call *call) {
  if (call->loop_only.state >= GMUX__CALL_ENDING) {
    gmux_status_clear(&call->at_end.status);
    gmux__mark_drop(&call->at_end.waited_to);
  }
  gmux__mark_drop(&call->loop_only.waited_from);
  gmux__attempt_free(call);
  gmux_metadata_free(call->metadata);
  if (call->is_slabs)
    gmux__usual_method_give(&call->channel->loop_only.usual, call->method);
  else
    gmux_method_free(call->method);
  gmux__exchange_deinit(&call->exchange);
}

/* And its memory: where all calls come from other threads nobody would ever take them out of the
 * slab. */
static void call_free(gmux_call *call) {
  call_deinit(call);
  if (call->is_slabs)
    gmux__slab_put(&call->channel->loop_only.calls, call);
  else
    gmux__free(call);
}

static void call_let_go(gmux_channel *channel, bool is_here) {
  if (is_here)
    gmux__channel_release_here(channel);
  else
    gmux__channel_release(channel);
}

/* One that was never shared. */
static void call_discard(gmux_call *call) {
  gmux_channel *channel = call->channel;
  bool is_here = call->is_slabs;
  call_free(call);
  if (is_here) gmux__channel_mind_slabs(channel);
  call_let_go(channel, is_here);
}

void gmux__call_destroy(gmux__exchange *exchange) {
  gmux_call *call = gmux__container(exchange, gmux_call, exchange);
  gmux_channel *channel = call->channel;
  bool is_here = call->is_slabs;
  call_free(call);
  gmux__channel_mind_slabs(channel);
  call_let_go(channel, is_here);
}

/* From the moment at which the application asks for the call: a loop that is busy with others, or
 * stands still, may hear of it later. 0 is over in any turn, also in one that had begun before the
 * call was asked for. */
static uint64_t deadline_after(gmux_loop *loop, int64_t timeout_ms) {
  if (timeout_ms == GMUX_NO_TIMEOUT) return GMUX__NEVER;
  if (timeout_ms <= 0) return 0;
  uint64_t now_ns = gmux_loop_is_inside(loop) ? gmux__loop_now(loop) : gmux__loop_clock(loop);
  uint64_t most_ms = (GMUX__NEVER - 1 - now_ns) / GMUX__NS_PER_MS;
  uint64_t ms = (uint64_t)timeout_ms;
  return now_ns + (ms < most_ms ? ms : most_ms) * GMUX__NS_PER_MS;
}

static void call_init(gmux_call *call, const gmux__call_setup *setup,
                      const gmux_call_options *options) {
  gmux_channel *channel = setup->channel;
  const gmux_channel_options *o = &channel->options;
  gmux__exchange_init(&call->exchange, &channel->home, o->write_queue_bytes,
                      o->max_send_message_bytes);
  call_hold(call, channel, setup->method);
  call->has_on_done = setup->on_done != NULL;
  if (setup->on_done)
    call->on_done = setup->on_done;
  else
    call->handlers = setup->handlers;
  call->user_data = setup->user_data;
  call->timeout_ms = options->timeout_ms;
  call->wait_for_ready = options->wait_for_ready;
  call->is_idempotent = options->idempotent || (setup->method->flags & GMUX_METHOD_IDEMPOTENT);
  atomic_init(&call->evidence, GMUX_EVIDENCE_NEVER_LEFT);
  atomic_init(&call->is_settled, false);
  call->loop_only.deadline_ns = deadline_after(channel->loop, options->timeout_ms);
  gmux__timer_init(&call->before_end.timer, call_on_timer, call);
  call->before_end.credit = setup_credit(setup, options);
  call->before_end.limit =
      options->max_recv_message_bytes ? options->max_recv_message_bytes : o->max_recv_message_bytes;
}

static int call_set_compression(gmux_call *call, const char *name) {
  const gmux_channel *channel = call->channel;
  gmux__encoding encoding = name ? gmux__codecs_named(&channel->codecs, name) : channel->encoding;
  if (encoding == GMUX__ENCODING_UNKNOWN)
    return gmux__fail(GMUX_ERR_INVALID,
                      "compression \"%.40s\" is neither built in nor in the channel's codecs",
                      name);
  /* Nobody else knows of the call yet. */
  atomic_store_explicit(&call->exchange.shared.encoding, (unsigned char)encoding,
                        memory_order_relaxed);
  return 0;
}

static int call_new(gmux_call **out, const gmux__call_setup *setup,
                    const gmux_call_options *options) {
  gmux_call *call = call_alloc(setup->channel);
  if (!call) return gmux__fail_code(GMUX_ERR_NOMEM);
  call_init(call, setup, options);
  int error = call_set_compression(call, options->compression);
  if (!error) error = gmux__metadata_copy(&call->metadata, options->metadata);
  if (!error && !setup->handlers && !setup->on_done) error = gmux__mailbox_new(&call->exchange.box);
  if (error) {
    call_discard(call);
    return error;
  }
  *out = call;
  return 0;
}

/* The message that START will bring counts as written, and as the last one. */
static int call_set_request(gmux_call *call, gmux__op *op, const gmux_bytes *request) {
  uint32_t limit = call->exchange.max_send_bytes;
  if (!request->data && request->len)
    return gmux__fail(GMUX_ERR_INVALID, "request has a length of %zu but no data", request->len);
  if (request->len > limit)
    return gmux__fail(GMUX_ERR_TOO_LARGE,
                      "request of %zu bytes is over the limit of %u (max_send_message_bytes)",
                      request->len, limit);
  int error = gmux__exchange_encode(&call->exchange, op, request);
  if (error) return error;
  call->starts_with_message = true;
  /* Nobody else knows of the call yet. */
  atomic_store_explicit(&call->exchange.shared.queued_bytes, gmux__exchange_cost(op->message.len),
                        memory_order_relaxed);
  atomic_store_explicit(&call->exchange.shared.is_write_closed, true, memory_order_relaxed);
  return 0;
}

int gmux__call_start(gmux_call **out, const gmux__call_setup *setup) {
  gmux_call_options options;
  int error = gmux__call_options_read(&options, setup->options);
  if (error) return error;
  if (gmux__channel_is_closing(setup->channel)) {
    if (setup->channel->front) return gmux__front_start(setup->channel->front, out, setup);
    return gmux__fail(GMUX_ERR_CLOSED, "the channel is closed");
  }
  gmux_call *call = NULL;
  error = call_new(&call, setup, &options);
  if (error) return error;
  gmux__op op = {.kind = GMUX__OP_START};
  if (setup->request) error = call_set_request(call, &op, setup->request);
  if (!error && out) gmux__exchange_hold(&call->exchange); /* the application's */
  bool has_message = call->starts_with_message; /* once it is posted the loop may end and free it */
  if (!error) error = gmux__exchange_do(&call->exchange, &op);
  if (has_message) gmux__exchange_encoded(&op, setup->request, error);
  if (error) {
    call_discard(call);
    return error;
  }
  if (out) *out = call;
  return 0;
}
