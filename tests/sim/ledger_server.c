/* ledger_server.c: the laws of a server and of what it executes: L3, L7, COUNTS, CONNECTIONS,
 * PINGS, CALM. */
#include "lib/client/call.h"
#include "tests/sim/ledger.h"

typedef unsigned long long ull;

/* How long a server may take over its last words, when a deadline has passed: what it gives them,
 * and the part of a millisecond that it does not say of the time that was left. */
#define LAST_WORDS_NS (GMUX__NS_PER_S + GMUX__NS_PER_MS)

/* What it allows is what servers do by default, or more. */
static bool is_default_police(const gmux_server_options *o) {
  gmux_server_options usual;
  gmux_server_options_init(&usual, sizeof usual);
  bool is_patient = o->min_ping_interval_ms <= usual.min_ping_interval_ms;
  bool forgives = o->max_ping_strikes == 0 || o->max_ping_strikes >= usual.max_ping_strikes;
  return is_patient && forgives;
}

void ledger_server_open(ledger_server *sv, int number, gmux_server *server,
                        const gmux_server_options *options) {
  ledger_server_leave(sv);
  *sv = (ledger_server){
      .number = number,
      .server = server,
      .options = *options,
      .is_default_police = is_default_police(options),
  };
  gmux__list_append(ledger_servers(), &sv->link);
}

void ledger_server_leave(ledger_server *sv) {
  if (gmux__link_is_linked(&sv->link)) gmux__list_remove(&sv->link);
  sv->server = NULL;
}

/* ---- executions ---- */

void ledger_executed_elsewhere(ledger_call *call) {
  call->executed++;
  ledger_law_of_call(call, LAW_L3, call->executed == 1 || call->is_idempotent,
                     "call %u is executed %u times", call->id, call->executed);
  bool is_excluded = call->ends > 0 && ledger_evidence_excludes_execution(call->evidence);
  ledger_law_of_call(call, LAW_L5, !is_excluded, "call %u is executed after it ended with \"%s\"",
                     call->id, gmux_evidence_str(call->evidence));
}

/* What the wire says of a duration is never less, and more by less than a hundred thousandth. */
static bool is_within(int64_t timeout_ms, uint64_t most_ns) {
  uint64_t told_ns = (uint64_t)timeout_ms * GMUX__NS_PER_MS;
  return told_ns <= most_ns + most_ns / 100000 + 2 * GMUX__NS_PER_MS;
}

/* A server knows of a deadline, and of no more time than was left when the call was put on its
 * connection. An idempotent one may be on another by now. */
static void law_of_told_time(const ledger_call *c, int64_t timeout_ms) {
  const gmux_call *call = c->handle && !c->is_idempotent ? *c->handle : NULL;
  if (c->deadline_ns == GMUX__NEVER || c->deadline_ns < c->started_ns) return;
  uint64_t most_ns = c->deadline_ns - c->started_ns;
  if (call && c->ends == 0 && call->loop_only.state == GMUX__CALL_RUNNING)
    most_ns = call->loop_only.deadline_ns - call->loop_only.attempt->stream.times.opened_ns;
  ledger_law_of_call(c, LAW_L7, timeout_ms != GMUX_NO_TIMEOUT && is_within(timeout_ms, most_ns),
                     "call %u: its server was told of %lld ms, it has %llu us", c->id,
                     (long long)timeout_ms, (ull)(most_ns / 1000));
}

void ledger_executed(ledger_execution *x, ledger_call *call, ledger_server *sv,
                     int64_t timeout_ms) {
  *x = (ledger_execution){.call = call, .server = sv, .deadline_ns = GMUX__NEVER};
  if (timeout_ms != GMUX_NO_TIMEOUT)
    x->deadline_ns = ledger_now() + (uint64_t)timeout_ms * GMUX__NS_PER_MS;
  if (sv) sv->executed++;
  ledger_executed_elsewhere(call);
  law_of_told_time(call, timeout_ms);
}

static void law_of_deadline(const ledger_execution *x) {
  const ledger_call *c = x->call;
  uint64_t now_ns = ledger_now();
  bool is_late =
      x->deadline_ns != GMUX__NEVER && now_ns > ledger_due(x->deadline_ns) + LAST_WORDS_NS;
  ledger_law_of_call(c, LAW_L7, !is_late, "call %u: still at its server %llu us after its deadline",
                     c->id, is_late ? (ull)((now_ns - x->deadline_ns) / 1000) : 0);
}

void ledger_execution_found_over(ledger_execution *x) {
  if (x->is_over) return;
  x->is_over = true;
  if (x->server) x->server->ended++;
}

void ledger_execution_over(ledger_execution *x) {
  ledger_execution_look(x);
  ledger_execution_found_over(x);
}

void ledger_execution_look(const ledger_execution *x) {
  if (!x->is_over) law_of_deadline(x);
}

/* ---- figures ---- */

static void law_of_calls(const ledger_server *sv, const gmux_server_stats *s) {
  ledger_law(LAW_COUNTS,
             s->calls_started == s->calls_succeeded + s->calls_failed + s->calls_running,
             "server %d: %llu calls are not %llu + %llu + %u", sv->number, (ull)s->calls_started,
             (ull)s->calls_succeeded, (ull)s->calls_failed, s->calls_running);
  /* Those that the library answers by itself reach no handler. */
  ledger_law(LAW_COUNTS, s->calls_started >= sv->executed,
             "server %d counts %llu calls, its handlers saw %llu", sv->number,
             (ull)s->calls_started, (ull)sv->executed);
  ledger_law(LAW_COUNTS, s->calls_running <= s->calls_peak,
             "server %d: %u calls run, there were never more than %u", sv->number, s->calls_running,
             s->calls_peak);
}

static void law_of_connections(const ledger_server *sv, const gmux_server_stats *s) {
  ledger_law(LAW_CONNECTIONS, s->connections <= sv->options.max_connections,
             "server %d: %u connections, max_connections is %u", sv->number, s->connections,
             sv->options.max_connections);
  ledger_law(LAW_CONNECTIONS, s->connections_handshaking <= sv->options.max_handshaking,
             "server %d: %u handshakes, max_handshaking is %u", sv->number,
             s->connections_handshaking, sv->options.max_handshaking);
  uint64_t most = (uint64_t)s->connections * sv->options.max_concurrent_streams;
  ledger_law(LAW_STREAMS, s->calls_running <= most,
             "server %d: %u calls run on %u connections, each may have %u", sv->number,
             s->calls_running, s->connections, sv->options.max_concurrent_streams);
}

/* Its figures know nobody, so one impolite channel excuses them. */
static void law_of_pings(const ledger_server *sv, const gmux_server_stats *s) {
  ledger_law(LAW_PINGS, s->too_many_pings == 0 || !sv->is_default_police || ledger_is_impolite(),
             "server %d has ended %llu connections for too many PINGs", sv->number,
             (ull)s->too_many_pings);
  ledger_law(LAW_PINGS, s->too_many_pings <= s->pings_bad && s->pings_bad <= s->pings_received,
             "server %d: %llu PINGs, %llu of them bad, %llu connections ended for them", sv->number,
             (ull)s->pings_received, (ull)s->pings_bad, (ull)s->too_many_pings);
}

/* Its clients are channels, whatever befalls them on the way. */
static void law_of_calm(const ledger_server *sv, const gmux_server_stats *s) {
  ledger_law(
      LAW_CALM, s->ended_resets + s->ended_chatter + s->ended_metadata + s->ended_unread == 0,
      "server %d has ended connections: %llu for resets, %llu for chatter, %llu for metadata, "
      "%llu that were not read",
      sv->number, (ull)s->ended_resets, (ull)s->ended_chatter, (ull)s->ended_metadata,
      (ull)s->ended_unread);
}

void ledger_server_read_stats(const ledger_server *sv, const gmux_server_stats *s) {
  law_of_calls(sv, s);
  law_of_connections(sv, s);
  law_of_pings(sv, s);
  law_of_calm(sv, s);
}

void ledger_server_read(const ledger_server *sv) {
  gmux_server_stats s = {.size = sizeof s};
  if (sv->server && gmux_server_get_stats(sv->server, &s) == 0) ledger_server_read_stats(sv, &s);
}
