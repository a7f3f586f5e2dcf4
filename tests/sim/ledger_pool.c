/*
 * ledger_pool.c: the laws of a pool, as they are seen from inside after each turn: PLACES, WAITS
 * and SILENCE; and, when a call ends, RETRIES.
 *
 * What is remembered from turn to turn is a few words of each connection, and who waits first.
 */
#include "lib/client/call.h"
#include "lib/client/channel.h"
#include "lib/h2/inside.h"
#include "tests/sim/ledger.h"

typedef unsigned long long ull;

/* ---- connections ---- */

/* Why it takes no calls: bits. */
enum { IS_SUSPECT = 1, IS_DRAINING = 2 };

static unsigned shut_by(const gmux__line *line) {
  bool drains = line->state == GMUX__LINE_DRAINING || line->conn->state == GMUX__CONN_DRAINING;
  return (gmux__conn_is_suspect(line->conn) ? IS_SUSPECT : 0u) | (drains ? IS_DRAINING : 0u);
}

/* What the peer allows, now or a turn ago: it may have lowered it since. */
static uint32_t limit_of(const gmux__conn *conn, ledger_line *seen) {
  uint32_t before = seen->limit;
  seen->limit =
      nghttp2_session_get_remote_settings(conn->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return before > seen->limit ? before : seen->limit;
}

/* A stream that was ever opened has taken the next id. */
static void look_at_place(const ledger_channel *ch, const gmux__line *line, ledger_line *seen) {
  const gmux__conn *conn = line->conn;
  if (!conn->session) return;
  uint32_t next_id = nghttp2_session_get_next_stream_id(conn->session);
  uint32_t limit = limit_of(conn, seen);
  unsigned shut = shut_by(line), stays = shut & seen->shut; /* before this turn, and behind it */
  ledger_law_of_channel(ch, LAW_PLACES, !stays || next_id == seen->next_id,
                        "channel %d: a call was put on a connection that %s", ch->number,
                        stays & IS_DRAINING ? "drains" : "is suspect");
  /* Eager calls were there before anybody knew its limit. */
  bool is_new = seen->next_id == 0;
  ledger_law_of_channel(
      ch, LAW_STREAMS, is_new || next_id == seen->next_id || conn->slots.taken <= limit,
      "channel %d: a call was put on a connection with %u streams, its peer allows %u", ch->number,
      conn->slots.taken, limit);
  seen->shut = shut;
  seen->next_id = next_id;
}

/* Connections that were made, or have ended. */
static uint64_t changes(const gmux_channel *channel) {
  const gmux__channel_figures *f = &channel->shared.figures;
  uint64_t count = gmux__counter_get(&f->made);
  for (int k = 0; k < GMUX_LOSSES; k++)
    count += gmux__counter_get(&f->lost[k]);
  return count;
}

static uint64_t goaways(const gmux_channel *channel) {
  uint64_t count = 0;
  for (int code = 0; code < GMUX_H2_CODES; code++)
    count += gmux__counter_get(&channel->h2->figures.goaways[code]);
  return count;
}

/* Two were ready before this turn, in which a server told one to go: that may be the replacement.
 */
static bool may_have_lost_it(const ledger_channel *ch) {
  return ch->pool.ready >= 2 && ch->pool.goaways != goaways(ch->channel);
}

/* One that is to be replaced has gone over to draining: the other is there, or came or went in this
 * turn. A channel without calls may close them all; a temporary one needs no other. */
static void look_at_replacement(const ledger_channel *ch, const gmux__line *line,
                                const ledger_line *seen) {
  const gmux_channel *channel = ch->channel;
  bool has_drained = (shut_by(line) & IS_DRAINING) && seen->next_id && !(seen->shut & IS_DRAINING);
  bool is_ours = line->recycle != GMUX__RECYCLE_NO && !line->is_temporary &&
                 !line->conn->has_goaway && line->conn->state == GMUX__CONN_DRAINING;
  if (!has_drained || !is_ours || !gmux__channel_has_calls(channel)) return;
  ledger_law_of_channel(ch, LAW_CONNECTIONS,
                        channel->loop_only.endpoint.ready.count > 0 ||
                            ch->pool.changes != changes(channel) || may_have_lost_it(ch),
                        "channel %d: a connection was recycled before another was ready",
                        ch->number);
}

/* RST_STREAM that we wanted, not nghttp2, that left since the last turn. */
static unsigned resets_since(const gmux__conn *conn, ledger_line *seen) {
  unsigned count = 0;
  uint64_t from = conn->ring.written - gmux__ring_count(&conn->ring);
  if (from < seen->events) from = seen->events;
  for (; from < conn->ring.written; from++) {
    const gmux__event *e = &conn->ring.events[from % GMUX__RING_EVENTS];
    bool is_ours = e->b == GMUX__H2_CANCEL || e->b == GMUX__H2_NO_ERROR;
    count += e->kind == GMUX__EVENT_RST_SENT && is_ours;
  }
  seen->events = from;
  return count;
}

/* Since it was first seen never more than reset_burst, and reset_rate_per_s behind them. What was
 * let through may have waited for the socket and leave together, so there is no bound for a shorter
 * time; and eager calls may have been reset before. */
static void look_at_resets(const ledger_channel *ch, const gmux__line *line, ledger_line *seen) {
  uint64_t now_ns = ledger_now();
  unsigned sent = resets_since(line->conn, seen);
  if (seen->next_id == 0) seen->since_ns = now_ns;
  if (seen->next_id != 0) seen->resets += sent;
  uint64_t paced = (now_ns - seen->since_ns) * ch->options.reset_rate_per_s / GMUX__NS_PER_S;
  ledger_law_of_channel(
      ch, LAW_RESETS,
      ch->options.reset_burst == 0 || seen->resets <= ch->options.reset_burst + paced + 1,
      "channel %d: %llu streams of a connection were reset within %llu ms; "
      "reset_burst is %u, reset_rate_per_s %u",
      ch->number, (ull)seen->resets, (ull)((now_ns - seen->since_ns) / GMUX__NS_PER_MS),
      ch->options.reset_burst, ch->options.reset_rate_per_s);
}

static void look_at_drain(const ledger_channel *ch, const gmux__line *line, ledger_line *seen) {
  uint64_t now_ns = ledger_now(), timeout_ns = ch->options.drain_timeout_ms * GMUX__NS_PER_MS;
  if (line->conn->state != GMUX__CONN_DRAINING) return;
  if (seen->drains_since_ns == 0) seen->drains_since_ns = now_ns;
  ledger_law_of_channel(
      ch, LAW_SILENCE, timeout_ns == 0 || now_ns <= ledger_due(seen->drains_since_ns + timeout_ns),
      "channel %d: a connection drains for %llu ms, drain_timeout_ms is %u", ch->number,
      (ull)((now_ns - seen->drains_since_ns) / GMUX__NS_PER_MS), ch->options.drain_timeout_ms);
}

/* Bytes that arrive, and the first call, set the clock back. What the channel was told to slow down
 * to is no shorter than what its options say. */
static void look_at_silence(const ledger_channel *ch, const gmux__line *line, ledger_line *seen) {
  const gmux__conn *conn = line->conn;
  uint64_t now_ns = ledger_now(), heard_ns = ledger_heard(conn->transport);
  if (conn->slots.taken <= conn->lingering || conn->state == GMUX__CONN_CLOSED) {
    seen->busy_since_ns = 0;
    return;
  }
  if (seen->busy_since_ns == 0) seen->busy_since_ns = now_ns;
  /* What arrives at a loop that is stopped is heard when it goes on. */
  uint64_t since_ns = ledger_due(heard_ns > seen->busy_since_ns ? heard_ns : seen->busy_since_ns);
  uint64_t keepalive_ns = line->keepalive_ns, timeout_ns = conn->pulse.config.timeout_ns;
  if (keepalive_ns == GMUX__PULSE_OFF || timeout_ns == 0) return;
  /* A PING that bytes followed, but no ACK (a link that stopped in the middle of one), is waited
   * for before the next is sent: pulse.h. */
  uint64_t after_ns = keepalive_ns + keepalive_ns / 10;
  uint64_t asked_ns = ledger_due(since_ns + (after_ns > timeout_ns ? after_ns : timeout_ns));
  ledger_law_of_channel(ch, LAW_SILENCE, now_ns <= ledger_due(asked_ns + timeout_ns),
                        "channel %d: a connection has calls, and was silent for %llu ms; a PING "
                        "was due for %llu",
                        ch->number, (ull)((now_ns - since_ns) / GMUX__NS_PER_MS),
                        (ull)((now_ns - asked_ns) / GMUX__NS_PER_MS));
}

/* A place for one that is new, in that of one that has gone: both lists are looked through in each
 * turn, so who was not seen in this one or the last is none. NULL: there are too many. */
static ledger_line *line_seen(ledger_pool *pool, const gmux__line *line) {
  uint64_t number = gmux__conn_number(line->conn);
  ledger_line *place = NULL;
  for (size_t i = 0; i < LEDGER_LINES; i++) {
    ledger_line *seen = &pool->lines[i];
    if (seen->number == number) return seen;
    if (!place && seen->looked + 1 < pool->looks) place = seen;
  }
  if (place) *place = (ledger_line){.number = number};
  return place;
}

static void look_at_lines(ledger_channel *ch, const gmux__list *lines) {
  for (const gmux__link *l = lines->first; l; l = l->next) {
    const gmux__line *line = gmux__line_of(l);
    ledger_line *seen = line_seen(&ch->pool, line);
    if (!seen) continue;
    seen->looked = ch->pool.looks;
    look_at_replacement(ch, line, seen);
    look_at_resets(ch, line, seen);
    look_at_place(ch, line, seen);
    look_at_drain(ch, line, seen);
    look_at_silence(ch, line, seen);
  }
}

/* ---- who waits ---- */

static const gmux_call *first_of(const gmux__list *calls) {
  return calls->first ? gmux__container(calls->first, gmux_call, loop_only.link) : NULL;
}

/* The first has waited for longest. */
static void law_of_patience(const ledger_channel *ch, const gmux_call *first) {
  uint64_t patience_ns = ch->options.acquire_timeout_ms * GMUX__NS_PER_MS;
  if (!first || patience_ns == 0) return;
  uint64_t waited_ns = gmux__loop_now(ch->channel->loop) - first->loop_only.waited_from.at_ns;
  uint64_t now_ns = ledger_now();
  ledger_law_of_channel(ch, LAW_WAITS, now_ns <= ledger_due(now_ns - waited_ns + patience_ns),
                        "channel %d: a call waits for %llu ms, acquire_timeout_ms is %u",
                        ch->number, (ull)(waited_ns / GMUX__NS_PER_MS),
                        ch->options.acquire_timeout_ms);
}

static uint64_t first_attempts(const gmux_channel *channel) {
  const gmux__channel_figures *f = &channel->shared.figures;
  uint64_t count = gmux__counter_get(&f->attempts);
  for (int i = 0; i < GMUX__EVIDENCES; i++)
    count -= gmux__counter_get(&f->retries[i]);
  return count;
}

/* Whose attempt was not the first one went before, and may. */
static void law_of_order(ledger_channel *ch, const gmux_call *first) {
  ledger_pool *pool = &ch->pool;
  uint64_t attempts = first_attempts(ch->channel);
  uint64_t since_ns = first ? first->loop_only.waited_from.at_ns : 0;
  bool waits_still = first && pool->first == first && pool->first_since_ns == since_ns;
  ledger_law_of_channel(ch, LAW_WAITS, !waits_still || attempts == pool->first_attempts,
                        "channel %d: a call was overtaken by one that had not waited as long",
                        ch->number);
  pool->first = first;
  pool->first_since_ns = since_ns;
  pool->first_attempts = attempts;
}

static bool somebody_is_impatient(const gmux__list *calls) {
  for (gmux__link *l = calls->first; l; l = l->next)
    if (!gmux__container(l, gmux_call, loop_only.link)->wait_for_ready) return true;
  return false;
}

static void look_at_waits(ledger_channel *ch) {
  gmux_channel *channel = ch->channel;
  const gmux__list *again = &channel->loop_only.again, *waiting = &channel->loop_only.waiting;
  law_of_patience(ch, first_of(again));
  law_of_patience(ch, first_of(waiting));
  law_of_order(ch, first_of(waiting));
  if (channel->loop_only.is_paused || (!again->first && !waiting->first)) return;
  if (!gmux__endpoint_is_held_back(&channel->loop_only.endpoint)) return;
  ledger_law_of_channel(
      ch, LAW_WAITS, !somebody_is_impatient(again) && !somebody_is_impatient(waiting),
      "channel %d: a call waits for an attempt that must not start yet, and did not ask to",
      ch->number);
}

void ledger_pool_look(ledger_channel *ch) {
  const gmux__endpoint *e = &ch->channel->loop_only.endpoint;
  ch->pool.looks++;
  look_at_lines(ch, &e->ready);
  look_at_lines(ch, &e->draining);
  ch->pool.changes = changes(ch->channel);
  ch->pool.goaways = goaways(ch->channel);
  ch->pool.ready = e->ready.count;
  look_at_waits(ch);
}

/* ---- calls that end ---- */

static uint32_t proven_idle(const gmux_call *call) {
  uint32_t ended_by[GMUX__EVIDENCES];
  gmux__call_ended_by(call, ended_by);
  return ended_by[GMUX_EVIDENCE_REFUSED] + ended_by[GMUX_EVIDENCE_ABOVE_LAST];
}

/* That it cannot be sent again has a reason: it was sent in part, and not kept. */
static bool is_kept_whole(const ledger_call *c, const gmux_call *call) {
  const ledger_channel *ch = c->channel;
  return gmux__method_sends_one(call->method) && ch->max_message_bytes > 0 &&
         ch->options.retry_buffer_bytes >= ch->max_message_bytes;
}

/* Its last attempt is still as it ended: nobody has sent it again. */
static void law_of_retry(const ledger_call *c, const gmux_call *call) {
  if (!call->loop_only.attempt) return;
  const gmux__stream *stream = &call->loop_only.attempt->stream;
  gmux_evidence last = stream->end.evidence;
  bool was_lost = stream->end.how == GMUX__ENDING_LOST || last == GMUX_EVIDENCE_REFUSED;
  if (!was_lost || c->code != GMUX_UNAVAILABLE || ledger_now() >= c->deadline_ns) return;
  ledger_law_of_call(c, LAW_RETRIES, last != GMUX_EVIDENCE_NEVER_LEFT,
                     "call %u: was lost before it had left, and not tried again", c->id);
  if (last != GMUX_EVIDENCE_REFUSED && last != GMUX_EVIDENCE_ABOVE_LAST) return;
  if (c->channel->options.max_refused_retries == 0 || !is_kept_whole(c, call)) return;
  ledger_law_of_call(c, LAW_RETRIES, proven_idle(call) > 1,
                     "call %u: the server has done nothing of it, and it was not tried again",
                     c->id);
}

/* The first that is sent again after it was refused does not wait; the next 100 ms, then twice as
 * long each time, to 5 s; less a fifth. What came of the last refusal may be nothing. */
static void law_of_pace(const ledger_call *c, gmux_call *call) {
  enum { LEAST_MS = 80, MOST_MS = 4000 };
  gmux_call_explanation e = {.size = sizeof e};
  uint64_t least_ms = 0, step_ms = LEAST_MS;
  for (uint32_t n = proven_idle(call); n > 2; n--) {
    least_ms += step_ms;
    step_ms = 2 * step_ms < MOST_MS ? 2 * step_ms : MOST_MS;
  }
  if (least_ms == 0 || gmux_call_explain(call, &e)) return;
  ledger_law_of_call(c, LAW_RETRIES, e.retry_ns >= least_ms * GMUX__NS_PER_MS,
                     "call %u: refused %u times, and rested for %llu ms only", c->id,
                     proven_idle(call), (ull)(e.retry_ns / GMUX__NS_PER_MS));
}

static void law_of_evidence(const ledger_call *c, const gmux_call *call) {
  if (!call->loop_only.attempt) return;
  const gmux__stream *stream = &call->loop_only.attempt->stream;
  ledger_law_of_call(
      c, LAW_RETRIES,
      stream->end.evidence != GMUX_EVIDENCE_POSSIBLE || stream->times.left_ns != 0 ||
          stream->end.how == GMUX__ENDING_NONE,
      "call %u: never left on its last connection, and passes for \"possibly executed\"", c->id);
}

void ledger_call_look_at_end(const ledger_call *c, gmux_call *call) {
  if (!c->channel) return;
  law_of_retry(c, call);
  law_of_pace(c, call);
  law_of_evidence(c, call);
  bool failed_early = c->code == GMUX_UNAVAILABLE && c->attempts == 0;
  ledger_law_of_call(c, LAW_WAITS,
                     !failed_early || !call->wait_for_ready ||
                         c->channel->options.acquire_timeout_ms > 0,
                     "call %u: was to wait for a connection, and was not let", c->id);
}
