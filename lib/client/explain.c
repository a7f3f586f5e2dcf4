/*
 * explain.c: where a call's time went, and why, in one sentence.
 *
 * The clocks are turned by gmux__call_set_state alone. What a call waited for is the channel's
 * odometer's (lib/watch/odometer.h), so ten thousand calls that wait cost nothing while they do.
 */
#include "lib/base/fail.h"
#include "lib/client/ask.h"
#include "lib/client/call.h"
#include "lib/client/front.h"
#include "lib/client/words.h"
#include <stdio.h>
#include <string.h>

/* ---- clocks ---- */

/* Waits of a call that is made again are summed up: it may have many. */
static void wait_end(gmux_call *call, uint64_t now_ns) {
  gmux__attempt *attempt = call->loop_only.attempt;
  gmux__mark *from = &call->loop_only.waited_from;
  gmux__mark to = gmux__odometer_mark(&call->channel->loop_only.waits, now_ns);
  if (attempt && attempt->past) {
    gmux__mark_add(attempt->past->waits, from, &to);
    gmux__mark_drop(from);
    gmux__mark_drop(&to);
  } else if (attempt) {
    attempt->waited_to = to;
  } else {
    call->at_end.waited_to = to; /* it can only end, and its status is settled */
  }
}

void gmux__call_stop_clock(gmux_call *call, uint64_t now_ns) {
  gmux__attempt *attempt = call->loop_only.attempt;
  gmux__call_state state = call->loop_only.state;
  if (state == GMUX__CALL_WAITING) wait_end(call, now_ns);
  if (state == GMUX__CALL_RUNNING) attempt->running_ns = now_ns - attempt->running_ns;
  if (state == GMUX__CALL_RESTING) attempt->past->resting_ns = now_ns - attempt->past->resting_ns;
}

void gmux__call_start_clock(gmux_call *call, uint64_t now_ns) {
  gmux__attempt *attempt = call->loop_only.attempt;
  gmux__call_state state = call->loop_only.state;
  if (state == GMUX__CALL_WAITING)
    call->loop_only.waited_from = gmux__odometer_mark(&call->channel->loop_only.waits, now_ns);
  if (state == GMUX__CALL_RUNNING) attempt->running_ns = now_ns - attempt->running_ns;
  if (state == GMUX__CALL_RESTING) attempt->past->resting_ns = now_ns - attempt->past->resting_ns;
}

/* Until its HEADERS have left a stream is held back, and after that while something of it waits to
 * be framed; the two overlap, and what was written before it was opened waits only from then on. */
static uint64_t stream_sending_ns(const gmux__stream *stream, uint64_t now_ns) {
  uint64_t opened_ns = stream->times.opened_ns, left_ns = stream->times.left_ns;
  if (opened_ns == 0) return 0;
  uint64_t leaving_ns = (left_ns ? left_ns : now_ns) - opened_ns;
  uint64_t queued_ns = gmux__stream_queued_ns(stream, now_ns);
  return queued_ns > leaving_ns ? queued_ns : leaving_ns;
}

void gmux__call_note_sending(gmux_call *call, uint64_t now_ns) {
  call->loop_only.attempt->send_ns += stream_sending_ns(&call->loop_only.attempt->stream, now_ns);
}

/* All clocks standing. */
typedef struct call_clocks {
  uint64_t waits[GMUX__WAITS];
  uint64_t running_ns, resting_ns, send_ns;
} call_clocks;

/* The wait that is under way, or the one that is over and not in the sum. */
static void clocks_add_wait(call_clocks *clocks, const gmux_call *call) {
  const gmux__attempt *attempt = call->loop_only.attempt;
  const gmux__mark *from = &call->loop_only.waited_from;
  if (!from->leg) return;
  if (call->loop_only.state == GMUX__CALL_WAITING) {
    const gmux__mark now = {call->channel->loop_only.waits.leg,
                            gmux__loop_now(call->channel->loop)};
    gmux__mark_add(clocks->waits, from, &now);
    return;
  }
  gmux__mark_add(clocks->waits, from, attempt ? &attempt->waited_to : &call->at_end.waited_to);
}

/* As of now; when it is over any thread may ask. */
static call_clocks call_read_clocks(const gmux_call *call) {
  const gmux__attempt *attempt = call->loop_only.attempt;
  const gmux__past *past = attempt ? attempt->past : NULL;
  gmux__call_state state = call->loop_only.state;
  call_clocks clocks = {.running_ns = attempt ? attempt->running_ns : 0,
                        .resting_ns = past ? past->resting_ns : 0,
                        .send_ns = attempt ? attempt->send_ns : 0};
  if (past) memcpy(clocks.waits, past->waits, sizeof clocks.waits);
  clocks_add_wait(&clocks, call);
  if (state >= GMUX__CALL_ENDING) return clocks;
  uint64_t now_ns = gmux__loop_now(call->channel->loop);
  if (state == GMUX__CALL_RUNNING) {
    clocks.running_ns = now_ns - clocks.running_ns;
    clocks.send_ns += stream_sending_ns(&attempt->stream, now_ns);
  }
  if (state == GMUX__CALL_RESTING) clocks.resting_ns = now_ns - clocks.resting_ns;
  return clocks;
}

/* ---- figures ---- */

static void explain_times(const gmux_call *call, gmux_call_explanation *e) {
  call_clocks clocks = call_read_clocks(call);
  const uint64_t *waits = clocks.waits;
  e->paused_ns = waits[GMUX__WAIT_PAUSED];
  e->backoff_ns = waits[GMUX__WAIT_BACKOFF];
  e->gate_ns = waits[GMUX__WAIT_GATE];
  e->resolve_ns = waits[GMUX__WAIT_RESOLVE];
  e->dial_ns = waits[GMUX__WAIT_DIAL];
  e->tls_ns = waits[GMUX__WAIT_TLS];
  e->settings_ns = waits[GMUX__WAIT_SETTINGS];
  e->validation_ns = waits[GMUX__WAIT_VALIDATION];
  /* NONE is the rest of a turn in which there is a place already. */
  e->limit_ns = waits[GMUX__WAIT_LIMIT] + waits[GMUX__WAIT_NONE];
  e->memory_ns = waits[GMUX__WAIT_MEMORY];
  e->retry_ns = clocks.resting_ns;
  e->send_ns = clocks.send_ns < clocks.running_ns ? clocks.send_ns : clocks.running_ns;
  e->server_ns = clocks.running_ns - e->send_ns;
  e->total_ns = clocks.running_ns + clocks.resting_ns;
  for (int i = 0; i < GMUX__WAITS; i++)
    e->total_ns += waits[i];
}

static void explain_attempts(const gmux_call *call, gmux_call_explanation *e) {
  e->attempts = gmux__call_attempts(call);
  e->evidence = gmux_call_get_evidence(call);
  gmux__call_ended_by(call, e->ended_by);
  const gmux__lane *lane = call->channel->lane;
  e->loop = lane ? (uint32_t)lane->index + 1 : 0;
}

/* ---- words ---- */

/* Less is not worth a word. */
static const uint64_t WORTH_SAYING_NS = GMUX__NS_PER_MS / 20;

/* "250 ms for TCP, 160 ms at the server", after `before`; returns how many. */
static int say_times(gmux__words *w, const gmux_call_explanation *e, const char *before) {
  const struct {
    uint64_t ns;
    const char *where;
  } parts[] = {
      {e->paused_ns, gmux__wait_str(GMUX__WAIT_PAUSED)},
      {e->backoff_ns, gmux__wait_str(GMUX__WAIT_BACKOFF)},
      {e->gate_ns, gmux__wait_str(GMUX__WAIT_GATE)},
      {e->resolve_ns, gmux__wait_str(GMUX__WAIT_RESOLVE)},
      {e->dial_ns, gmux__wait_str(GMUX__WAIT_DIAL)},
      {e->tls_ns, gmux__wait_str(GMUX__WAIT_TLS)},
      {e->settings_ns, gmux__wait_str(GMUX__WAIT_SETTINGS)},
      {e->validation_ns, gmux__wait_str(GMUX__WAIT_VALIDATION)},
      {e->limit_ns, gmux__wait_str(GMUX__WAIT_LIMIT)},
      {e->memory_ns, gmux__wait_str(GMUX__WAIT_MEMORY)},
      {e->retry_ns, "between attempts"},
      {e->send_ns, "held back in sending"},
      {e->server_ns, "at the server"},
  };
  int count = 0;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (parts[i].ns < WORTH_SAYING_NS) continue;
    gmux__say(w, "%s", count++ > 0 ? ", " : before);
    gmux__say_ms(w, parts[i].ns);
    gmux__say(w, " %s", parts[i].where);
  }
  return count;
}

static const char *ordinal_ending(uint32_t n) {
  if (n % 100 >= 11 && n % 100 <= 13) return "th";
  return n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

/* "2nd attempt, the first was refused"; nothing where there was no attempt before. */
static bool say_attempts(gmux__words *w, const gmux_call *call, const char *before) {
  const gmux__attempt *attempt = call->loop_only.attempt;
  if (!attempt || !attempt->past) return false;
  const uint32_t *past = attempt->past->ended_by;
  uint32_t count = 0;
  for (int i = 0; i < GMUX__EVIDENCES; i++)
    count += past[i];
  if (count == 0) return false;
  gmux__say(w, "%s%u%s attempt, ", before, count + 1, ordinal_ending(count + 1));
  const char *separator = count == 1 ? "the first " : "before it ";
  for (int i = 0; i < GMUX__EVIDENCES; i++) {
    if (past[i] == 0) continue;
    gmux__say(w, "%s", separator);
    if (count > 1) gmux__say(w, "%u ", past[i]);
    if (i != GMUX_EVIDENCE_NEVER_LEFT) gmux__say(w, past[i] == 1 ? "was " : "were ");
    gmux__say(w, "%s", gmux_evidence_str((gmux_evidence)i));
    separator = ", ";
  }
  return true;
}

void gmux__channel_explain_wait(const gmux_channel *channel, char *text, size_t len) {
  if (channel->loop_only.is_paused)
    snprintf(text, len, "for gmux_channel_resume");
  else if (gmux__odometer_wait(&channel->loop_only.waits) == GMUX__WAIT_VALIDATION)
    snprintf(text, len, "for the answer to a PING on a connection that was idle");
  else if (gmux__channel_is_short(channel))
    snprintf(text, len, "for memory: %zu calls have their share of max_memory_bytes, %u",
             channel->loop_only.running.count, channel->options.max_memory_bytes);
  else
    gmux__endpoint_explain(&channel->loop_only.endpoint, text, len);
}

void gmux__call_where(const gmux_call *call, char *text, size_t len) {
  char what[GMUX__CONNECTOR_WHY];
  switch (call->loop_only.state) {
  case GMUX__CALL_WAITING:
    gmux__channel_explain_wait(call->channel, what, sizeof what);
    snprintf(text, len, "while waiting %s", what);
    return;
  case GMUX__CALL_RUNNING:
    if (gmux__stream_evidence(&call->loop_only.attempt->stream) == GMUX_EVIDENCE_NEVER_LEFT)
      snprintf(text, len, "before it left for %s", call->loop_only.attempt->line->peer);
    else
      snprintf(text, len, "%s",
               gmux__result_where(atomic_load(&call->exchange.shared.is_write_closed)));
    return;
  case GMUX__CALL_RESTING:
    snprintf(text, len, "between two attempts, the last of which was %s",
             gmux_evidence_str(call->loop_only.attempt->last));
    return;
  case GMUX__CALL_NEW:
  case GMUX__CALL_ENDING:
  case GMUX__CALL_ENDED:
    snprintf(text, len, "before it was started");
    return;
  }
}

void gmux__call_times(const gmux_call *call, char *text, size_t len) {
  gmux_call_explanation e;
  explain_times(call, &e);
  gmux__words w = {text, len, 0};
  gmux__say(&w, " (");
  int parts = say_times(&w, &e, "");
  bool has_past = say_attempts(&w, call, parts ? "; " : "");
  gmux__say(&w, ")");
  if (parts < 2 && !has_past) *text = '\0';
}

void gmux__call_past(const gmux_call *call, char *text, size_t len) {
  gmux__words w = {text, len, 0};
  if (!say_attempts(&w, call, "; ") && len > 0) *text = '\0';
}

static void explain_sentence(const gmux_call *call, gmux_call_explanation *e) {
  gmux__words w = {e->sentence, sizeof e->sentence, 0};
  bool is_over = call->loop_only.state >= GMUX__CALL_ENDING;
  if (call->loop_only.state == GMUX__CALL_NEW) {
    gmux__say(&w, "on its way from the thread that started it");
    return;
  }
  gmux__say_ms(&w, e->total_ns);
  if (!is_over) gmux__say(&w, " so far");
  if (e->loop) gmux__say(&w, " on loop %u of %zu", e->loop, call->channel->lane->front->count);
  say_times(&w, e, ": ");
  say_attempts(&w, call, "; ");
  if (is_over) return;
  char where[GMUX__RESULT_TEXT];
  gmux__call_where(call, where, sizeof where);
  gmux__say(&w, "; %s", where);
}

/* ---- gmux_call_explain ---- */

typedef struct explaining {
  const gmux_call *call;
  gmux_call_explanation *out;
} explaining;

static void explain_fill(void *arg) {
  const explaining *x = arg;
  size_t size = x->out->size;
  gmux_call_explanation e = {.size = size};
  explain_times(x->call, &e);
  explain_attempts(x->call, &e);
  explain_sentence(x->call, &e);
  memcpy(x->out, &e, size < sizeof e ? size : sizeof e);
}

int gmux_call_explain(gmux_call *call, gmux_call_explanation *explanation) {
  if (!call || !explanation)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_call_explain: call or explanation is NULL");
  if (explanation->size < sizeof explanation->size)
    return gmux__fail(GMUX_ERR_INVALID, "explanation->size is %zu: set it to sizeof *explanation",
                      explanation->size);
  explaining x = {call, explanation};
  if (!atomic_load_explicit(&call->is_settled, memory_order_acquire))
    return gmux__ask(call->channel->loop, explain_fill, &x);
  explain_fill(&x);
  return 0;
}
