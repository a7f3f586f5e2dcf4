/*
 * retry.c: an attempt that is over is made again, where that is certain to do no harm.
 *
 * What decides is lib/policy/retry.h; here stand the facts. All that the call has written is in its
 * stream again before anything else happens, so a writer that comes meanwhile writes behind it, and
 * a call that ends while it rests or waits leaves nothing with any server.
 */
#include "lib/base/alloc.h"
#include "lib/client/call.h"

/* It ended with its connection, or was refused, whether that is believed or not. All else is an
 * answer, or what either side did to this stream alone, and would happen again. */
static bool attempt_was_lost(const gmux__stream *stream) {
  if (stream->end.how == GMUX__ENDING_LOST) return true;
  return stream->end.how == GMUX__ENDING_RESET && stream->end.h2_code == GMUX__H2_REFUSED_STREAM;
}

static uint64_t retry_rest(gmux_call *call) {
  const gmux__stream *stream = &call->loop_only.attempt->stream;
  const gmux_channel_options *o = &call->channel->options;
  if (!attempt_was_lost(stream)) return GMUX__RETRY_NO;
  const gmux__retry_facts facts = {
      .fate = (gmux__fate)gmux__stream_evidence(stream),
      .is_lost = true,
      .is_idempotent = call->is_idempotent,
      .is_committed = !gmux__stream_can_rewind(stream),
      .max_refused = o->max_refused_retries,
      .max_lost = o->max_idempotent_retries,
      .random = gmux__loop_random(call->channel->loop),
  };
  return gmux__retry_decide(&call->loop_only.attempt->retry, &facts);
}

/* As often as needed is not as fast as possible: a connection on which nothing ever leaves is of no
 * use, and its successor waits for the backoff. */
static void call_leave_line(gmux_call *call) {
  gmux__attempt *attempt = call->loop_only.attempt;
  gmux__line *line = attempt->line;
  if (attempt->last == GMUX_EVIDENCE_NEVER_LEFT) gmux__line_discount_call(line);
  attempt->line = NULL;
  gmux__line_release(line);
}

/* Its one wait so far goes into the sum. False: out of memory. */
static bool call_begin_past(gmux_call *call) {
  gmux__attempt *attempt = call->loop_only.attempt;
  if (attempt->past) return true;
  attempt->past = gmux__calloc(1, sizeof *attempt->past);
  if (!attempt->past) return false;
  gmux__mark *from = &call->loop_only.waited_from, *to = &attempt->waited_to;
  if (from->leg) gmux__mark_add(attempt->past->waits, from, to);
  gmux__mark_drop(from);
  gmux__mark_drop(to);
  return true;
}

bool gmux__call_retry(gmux_call *call) {
  uint64_t rest_ns = retry_rest(call);
  if (rest_ns == GMUX__RETRY_NO) return false;
  uint64_t now_ns = gmux__loop_now(call->channel->loop);
  /* What it has to say of its end now says more than the deadline would then. */
  if (call->loop_only.deadline_ns <= now_ns + rest_ns) return false;
  if (!call_begin_past(call)) {
    gmux__call_fail(call, GMUX_RESOURCE_EXHAUSTED, "out of memory for another attempt");
    return true;
  }
  gmux__log(gmux__loop_logger(call->channel->loop), GMUX_LOG_DEBUG, "client",
            "call %s: made again in %llu ms: %s", call->method->path,
            (unsigned long long)(rest_ns / GMUX__NS_PER_MS),
            gmux_evidence_str(gmux__stream_evidence(&call->loop_only.attempt->stream)));
  gmux__call_set_state(call, GMUX__CALL_RESTING);
  gmux__stream_rewind(&call->loop_only.attempt->stream);
  call_leave_line(call);
  call->loop_only.attempt->past->rest_until_ns = now_ns + rest_ns;
  if (rest_ns == 0) gmux__channel_resubmit(call->channel, call);
  if (call->loop_only.state < GMUX__CALL_ENDING) gmux__call_set_timer(call);
  return true;
}
