/* storm_unruly.c: servers that are unruly, in the places of ours, and what they write into the
 * ledger. */
#include "tests/sim/storm.h"

enum { MOST_MESSAGES = 31 }; /* of one answer: a bit of storm_call.said_ok each */

/* ---- what they write ---- */

static storm_call *call_of(uint32_t id) {
  bool is_known = id > 0 && id <= STORM_CALLS && st.calls[id - 1].id == id;
  return ledger_law(LAW_L6, is_known, "a call without an id arrived") ? &st.calls[id - 1] : NULL;
}

static void message(uint32_t id, bool to_client, unsigned number, const uint8_t **data,
                    size_t *len) {
  storm_message_text(id, to_client ? STORM_TO_CLIENT : STORM_TO_SERVER, number, data, len);
}

static void on_executed(uint32_t id, gmux_method_kind kind, void *user_data) {
  const storm_server *sv = user_data;
  storm_call *c = call_of(id);
  if (!c) return;
  storm_note("unruly server %d: executes call %u", (int)(sv - st.servers), id);
  c->is_elsewhere = true;
  ledger_executed_elsewhere(&c->entry);
  ledger_law_of_call(&c->entry, LAW_L6, c->kind == kind, "call %u came to another method", id);
}

static void on_served(uint32_t id, unsigned messages, gmux_code code, void *user_data) {
  (void)user_data;
  storm_call *c = call_of(id);
  if (!c) return;
  storm_note("unruly server, call %u: %s after %u replies", id, gmux_code_str(code), messages);
  if (code == GMUX_OK && messages <= MOST_MESSAGES) c->said_ok |= UINT32_C(1) << messages;
}

static void on_refused(uint32_t id, void *user_data) {
  (void)user_data;
  storm_call *c = call_of(id);
  if (!c) return;
  storm_note("unruly server, call %u: is not executed", id);
  c->may_be_refused = true;
}

static void on_eager(uint32_t id, void *user_data) {
  (void)user_data;
  const storm_call *c = call_of(id);
  if (!c) return;
  ledger_law_of_call(&c->entry, LAW_STREAMS, c->entry.channel->options.eager_calls > 0,
                     "call %u left before its server's limit was known, and eager_calls is 0", id);
}

/* Deeds are counted as moves of the plan. */
static void on_fault(unruly_fault fault, void *user_data) {
  (void)user_data;
  if (fault < UNRULY_DEEDS) return;
  storm_note("unruly server: %s", unruly_fault_str(fault));
  storm_fault_happened(storm_fault_of_unruly(fault));
}

static void on_breach(unruly_breach_kind kind, const char *what, void *user_data) {
  static const ledger_law_id laws[] = {
      [UNRULY_BREACH_STREAMS] = LAW_STREAMS,
      [UNRULY_BREACH_WIRE] = LAW_WIRE,
      [UNRULY_BREACH_MESSAGE] = LAW_L6,
  };
  const storm_server *sv = user_data;
  ledger_law(laws[kind], false, "server %d: %s", (int)(sv - st.servers), what);
}

static bool is_polite(uint32_t id) {
  const storm_call *c = id > 0 ? call_of(id) : NULL;
  if (!c || !c->entry.channel) return !ledger_is_impolite();
  return ledger_channel_is_polite(&c->entry.channel->options);
}

static void on_punishable(uint32_t id, void *user_data) {
  const storm_server *sv = user_data;
  ledger_law(LAW_PINGS, !is_polite(id),
             "server %d: the client of call %u has sent too many PINGs for a server with default "
             "settings",
             (int)(sv - st.servers), id);
}

static const unruly_handlers handlers = {
    .message = message,
    .on_executed = on_executed,
    .on_served = on_served,
    .on_refused = on_refused,
    .on_eager = on_eager,
    .on_fault = on_fault,
    .on_breach = on_breach,
    .on_punishable = on_punishable,
};

/* ---- their lives ---- */

/* They know no threads: whoever asks is on their loop. */
static void be_inside(const storm_server *sv, bool is_inside) {
  sim_set_outside(sv->loop, st.is_outside && !is_inside);
}

void storm_unruly_open(storm_server *sv, int i) {
  const unruly_options o = {
      .tls = st.server_tls,
      .paths = storm_paths,
      .max_bytes = st.max_bytes,
      .roughness = (unsigned)storm_random(60),
      .handlers = &handlers,
      .user_data = sv,
  };
  gmux__address at = storm_server_address(i);
  sv->loop = st.loops[storm_random((uint64_t)st.loop_count)];
  be_inside(sv, true);
  sv->unruly = unruly_open(sv->loop, &at, &o, storm_random(UINT64_MAX));
  if (sv->unruly && st.is_calm) unruly_calm(sv->unruly);
  be_inside(sv, false);
  sv->is_draining = sv->is_narrow = false;
  storm_note("server %d: is unruly, to %u percent", i, o.roughness);
}

void storm_unruly_drain(storm_server *sv) {
  be_inside(sv, true);
  unruly_drain(sv->unruly);
  be_inside(sv, false);
  sv->is_draining = true;
}

void storm_unruly_free(storm_server *sv) {
  be_inside(sv, true);
  unruly_close(sv->unruly);
  be_inside(sv, false);
  sv->unruly = NULL;
}

void storm_unruly_calm(storm_server *sv) {
  be_inside(sv, true);
  unruly_calm(sv->unruly);
  be_inside(sv, false);
}

void storm_unruly_settle(const storm_server *sv) {
  if (!sv->unruly) return;
  ledger_law(LAW_WIRE, unruly_windows_are_back(sv->unruly),
             "server %d: a client at rest has kept more than half of its connection's window",
             (int)(sv - st.servers));
}

static bool unruly_does(storm_server *sv, unruly_fault deed) {
  if (!sv->unruly) return false;
  be_inside(sv, true);
  bool is_done = unruly_do(sv->unruly, deed, storm_random(UINT64_MAX));
  be_inside(sv, false);
  return is_done;
}

bool storm_unruly_do(unruly_fault deed) {
  uint64_t first = storm_random((uint64_t)st.server_count);
  for (int i = 0; i < st.server_count; i++) {
    storm_server *sv = &st.servers[(first + (uint64_t)i) % (uint64_t)st.server_count];
    if (unruly_does(sv, deed)) return true;
  }
  return false;
}
