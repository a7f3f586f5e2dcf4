/* ledger_call.c: the laws of a call: L1 to L5, L7 and STORY. */
#include "tests/sim/ledger.h"
#include <stdio.h>

bool ledger_evidence_excludes_execution(gmux_evidence evidence) {
  return evidence == GMUX_EVIDENCE_NEVER_LEFT || evidence == GMUX_EVIDENCE_REFUSED ||
         evidence == GMUX_EVIDENCE_ABOVE_LAST;
}

void ledger_call_begin(ledger_call *c, uint32_t id, ledger_channel *channel, bool is_idempotent,
                       int64_t timeout_ms) {
  uint64_t now_ns = ledger_now();
  *c = (ledger_call){
      .id = id,
      .channel = channel,
      .is_idempotent = is_idempotent,
      .started_ns = now_ns,
      .deadline_ns = GMUX__NEVER,
      .code = LEDGER_NOT_ENDED,
  };
  if (timeout_ms != GMUX_NO_TIMEOUT)
    c->deadline_ns = now_ns + (uint64_t)timeout_ms * GMUX__NS_PER_MS;
}

void ledger_call_started(ledger_call *c) {
  if (c->channel) ledger_channel_started(c->channel);
}

/* ---- what it can say ---- */

static uint64_t explained_ns(const gmux_call_explanation *e) {
  return e->paused_ns + e->backoff_ns + e->gate_ns + e->resolve_ns + e->dial_ns + e->tls_ns +
         e->settings_ns + e->validation_ns + e->limit_ns + e->retry_ns + e->send_ns + e->server_ns;
}

static uint32_t proven_idle(const gmux_call_explanation *e) {
  return e->ended_by[GMUX_EVIDENCE_REFUSED] + e->ended_by[GMUX_EVIDENCE_ABOVE_LAST];
}

static uint32_t perhaps_executed(const gmux_call_explanation *e) {
  return e->ended_by[GMUX_EVIDENCE_POSSIBLE] + e->ended_by[GMUX_EVIDENCE_ANSWERED];
}

/* Nothing is sent again that must not be, nor more often than the channel's options say. */
static void law_of_attempts(const ledger_call *c, const gmux_call_explanation *e) {
  uint32_t perhaps = perhaps_executed(e), idle = proven_idle(e);
  uint32_t ended = perhaps + idle + e->ended_by[GMUX_EVIDENCE_NEVER_LEFT];
  ledger_law_of_call(c, LAW_STORY, ended == e->attempts || ended + 1 == e->attempts,
                     "call %u: %u attempts, %u ended", c->id, e->attempts, ended);
  ledger_law_of_call(c, LAW_L3, perhaps <= 1 || c->is_idempotent,
                     "call %u: sent again after it may have been executed: %s", c->id, e->sentence);
  const ledger_channel *ch = c->channel;
  if (!ch) return;
  ledger_law_of_call(c, LAW_L3, perhaps <= 1 + ch->options.max_idempotent_retries,
                     "call %u: lost %u times, of which max_idempotent_retries allows %u more than "
                     "one: %s",
                     c->id, perhaps, ch->options.max_idempotent_retries, e->sentence);
  ledger_law_of_call(c, LAW_COUNTS, idle <= 1 + ch->options.max_refused_retries,
                     "call %u: refused %u times, of which max_refused_retries allows %u more than "
                     "one: %s",
                     c->id, idle, ch->options.max_refused_retries, e->sentence);
}

void ledger_call_explained(const ledger_call *c, const gmux_call_explanation *e) {
  uint64_t took_ns = ledger_now() - c->started_ns;
  ledger_law_of_call(
      c, LAW_STORY, explained_ns(e) == e->total_ns, "call %u: %llu ns are explained, of %llu: %s",
      c->id, (unsigned long long)explained_ns(e), (unsigned long long)e->total_ns, e->sentence);
  ledger_law_of_call(c, LAW_STORY, e->total_ns <= took_ns,
                     "call %u: explains %llu ns, it took %llu", c->id,
                     (unsigned long long)e->total_ns, (unsigned long long)took_ns);
  ledger_law_of_call(c, LAW_STORY, e->sentence[0] != '\0', "call %u: its story is empty", c->id);
  law_of_attempts(c, e);
}

gmux_call_explanation ledger_call_explain(const ledger_call *c, gmux_call *call) {
  gmux_call_explanation e = {.size = sizeof e};
  int error = gmux_call_explain(call, &e);
  if (ledger_law_of_call(c, LAW_STORY, error == 0, "call %u cannot be explained: %d", c->id, error))
    ledger_call_explained(c, &e);
  return e;
}

/* ---- its end ---- */

/* Both when it ends and when all is over: a server may execute what its client has given up. */
static void law_of_execution(const ledger_call *c) {
  const char *evidence = gmux_evidence_str(c->evidence);
  ledger_law_of_call(c, LAW_L3, c->executed <= 1 || c->is_idempotent,
                     "call %u was executed %u times", c->id, c->executed);
  ledger_law_of_call(c, LAW_L3, c->executed <= c->attempts,
                     "call %u was executed %u times in %u attempts", c->id, c->executed,
                     c->attempts);
  ledger_law_of_call(c, LAW_L5,
                     c->executed == 0 || !ledger_evidence_excludes_execution(c->evidence),
                     "call %u was executed, its evidence is \"%s\"", c->id, evidence);
  if (c->code != GMUX_OK) return;
  ledger_law_of_call(c, LAW_L4, c->executed > 0, "call %u: OK, and not executed", c->id);
  ledger_law_of_call(c, LAW_L4, c->evidence == GMUX_EVIDENCE_ANSWERED,
                     "call %u: OK with evidence \"%s\"", c->id, evidence);
}

/* What "the greatest of all attempts" is, from the attempts. */
static void law_of_evidence(const ledger_call *c, const gmux_call_explanation *e) {
  int greatest = GMUX_EVIDENCE_NEVER_LEFT;
  for (int i = 0; i <= GMUX_EVIDENCE_ANSWERED; i++)
    if (e->ended_by[i] > 0) greatest = i;
  ledger_law_of_call(c, LAW_STORY, (int)c->evidence >= greatest,
                     "call %u: its evidence is \"%s\", of an attempt it was \"%s\"", c->id,
                     gmux_evidence_str(c->evidence), gmux_evidence_str((gmux_evidence)greatest));
}

void ledger_call_ended(ledger_call *c, gmux_code code, gmux_evidence evidence,
                       const gmux_call_explanation *e) {
  uint64_t now_ns = ledger_now();
  bool is_first = c->ends++ == 0;
  if (!ledger_law_of_call(c, LAW_L2, is_first, "call %u ends again", c->id)) return;
  c->ended_ns = now_ns;
  c->code = code;
  c->evidence = evidence;
  c->attempts = e->attempts;
  snprintf(c->story, sizeof c->story, "%s", e->sentence);
  ledger_law_of_call(c, LAW_L7, now_ns <= ledger_due(c->deadline_ns),
                     "call %u: ends %llu us after its deadline", c->id,
                     (unsigned long long)((now_ns - c->deadline_ns) / 1000));
  law_of_evidence(c, e);
  law_of_execution(c);
  if (c->channel) ledger_channel_ended(c->channel, code, evidence, e->attempts);
}

void ledger_call_hear_end(ledger_call *c, gmux_call *call, const gmux_status *status) {
  gmux_call_explanation e = ledger_call_explain(c, call);
  ledger_call_ended(c, status->code, gmux_call_get_evidence(call), &e);
  ledger_call_look_at_end(c, call);
}

void ledger_call_settle(const ledger_call *c) {
  if (!ledger_law_of_call(c, LAW_L1, c->ends > 0, "call %u of channel %d has not ended", c->id,
                          c->channel ? c->channel->number : -1))
    return;
  ledger_law_of_call(c, LAW_L2, c->ends == 1, "call %u ended %u times", c->id, c->ends);
  law_of_execution(c);
}
