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

static void clocks_turn(gmux__call_clocks *clocks, const gmux_channel *channel,
                        gmux__call_state state, uint64_t now_ns) {
  uint64_t reading[GMUX__WAITS];
  switch (state) {
  case GMUX__CALL_WAITING:
    gmux__odometer_read(&channel->loop_only.waits, now_ns, reading);
    for (int i = 0; i < GMUX__WAITS; i++)
      clocks->waits[i] = reading[i] - clocks->waits[i];
    break;
  case GMUX__CALL_RUNNING:
    clocks->running_ns = now_ns - clocks->running_ns;
    break;
  case GMUX__CALL_RESTING:
    clocks->resting_ns = now_ns - clocks->resting_ns;
    break;
  case GMUX__CALL_NEW:
  case GMUX__CALL_ENDING:
  case GMUX__CALL_ENDED:
    break;
  }
}

void gmux__call_turn_clock(gmux_call *call, gmux__call_state state, uint64_t now_ns) {
  clocks_turn(&call->loop_only.clocks, call->channel, state, now_ns);
}

/* Until its HEADERS have left a stream is held back, and after that while something of it waits to
 * be framed; the two overlap, and what was written before it was opened waits only from then on. */
static uint64_t stream_sending_ns(const gmux__stream *stream, uint64_t now_ns) {
  uint64_t opened_ns = stream->times.opened_ns, left_ns = stream->times.left_ns;
  if (opened_ns == 0) return 0;
  uint64_t leaving_ns = (left_ns ? left_ns : now_ns) - opened_ns;
  uint64_t queued_ns = stream->times.queued_ns, since_ns = stream->times.queued_since_ns;
  if (since_ns) queued_ns += now_ns - (since_ns > opened_ns ? since_ns : opened_ns);
  return queued_ns > leaving_ns ? queued_ns : leaving_ns;
}

void gmux__call_note_sending(gmux_call *call, uint64_t now_ns) {
  call->loop_only.clocks.send_ns += stream_sending_ns(&call->loop_only.attempt->stream, now_ns);
}

/* All clocks standing, as of now. */
static gmux__call_clocks call_read_clocks(const gmux_call *call) {
  gmux__call_clocks clocks = call->loop_only.clocks;
  gmux__call_state state = call->loop_only.state;
  if (state >= GMUX__CALL_ENDING) return clocks; /* any thread may ask then */
  uint64_t now_ns = gmux__loop_now(call->exchange.loop);
  clocks_turn(&clocks, call->channel, state, now_ns);
  if (state == GMUX__CALL_RUNNING)
    clocks.send_ns += stream_sending_ns(&call->loop_only.attempt->stream, now_ns);
  return clocks;
}

/* ---- figures ---- */

static void explain_times(const gmux_call *call, gmux_call_explanation *e) {
  gmux__call_clocks clocks = call_read_clocks(call);
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
  const gmux__attempt *attempt = call->loop_only.attempt;
  if (attempt) memcpy(e->ended_by, attempt->ended_by, sizeof e->ended_by);
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
  if (!attempt) return false;
  uint32_t past[GMUX__EVIDENCES], count = 0;
  memcpy(past, attempt->ended_by, sizeof past);
  /* The one with which the call ended is not a past one. */
  if (call->loop_only.state >= GMUX__CALL_ENDING && attempt->line) past[attempt->last]--;
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
  else if (channel->loop_only.waits.current == GMUX__WAIT_VALIDATION)
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
    return gmux__ask(call->exchange.loop, explain_fill, &x);
  explain_fill(&x);
  return 0;
}
