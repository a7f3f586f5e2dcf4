/*
 * storm_run.c: a storm from its first move to its last law.
 *
 * The moves of the plan are made at their times, and faults end at theirs. Then everything is
 * healed and the application behaves, and within a bound all calls have ended, new ones succeed,
 * and everything closes. The laws are the ledger's (ledger.h).
 */
#include "tests/sim/storm.h"
#include "tests/unit/memory.h"
#include <string.h>

/* ---- what is done beside the plan ---- */

static void touch_channel(int i) {
  if (!st.channels[i].channel)
    storm_channel_open(i);
  else if (!storm_chance(10))
    storm_channel_poke(i);
  else if (storm_chance(10))
    storm_channel_close(i);
  else if (storm_chance(10))
    storm_channel_drain(i);
}

/* Of the last ones that were started. */
static void poke_somebody(void) {
  if (st.call_count > 0) {
    size_t recent = st.call_count < 40 ? st.call_count : 40;
    storm_call_poke(st.started[st.call_count - 1 - storm_random(recent)]);
  }
  if (st.served_count > 0) {
    size_t recent = st.served_count < 40 ? st.served_count : 40;
    storm_served_poke(&st.served[st.served_count - 1 - storm_random(recent)]);
  }
}

static void close_inside(int i) {
  if (!st.channels[i].channel) return;
  storm_channel_close(i);
  storm_fault_happened(STORM_FAULT_CLOSE_INSIDE);
}

static void drain_inside(int i) {
  if (!storm_server_is_open(i)) return;
  storm_server_drain(i);
  storm_fault_happened(STORM_FAULT_DRAIN_INSIDE);
}

void storm_mischief(void) {
  if (st.is_calm) return;
  if (storm_chance(3 * st.malice)) poke_somebody();
  if (storm_chance(st.malice)) touch_channel((int)storm_random((uint64_t)st.channel_count));
  if (!st.plan.scenario->has_faults) return;
  if (storm_random(400) == 0) close_inside((int)storm_random((uint64_t)st.channel_count));
  if (storm_random(400) == 0) drain_inside((int)storm_random((uint64_t)st.server_count));
}

/* ---- the laws of counting ---- */

static bool is_any_loop_frozen(void) {
  for (int i = 0; i < st.loop_count; i++)
    if (sim_loop_thaws_at(st.loops[i]) > sim_now(st.sim)) return true;
  return false;
}

/* What was asked of a loop that is frozen waits for it, and is not counted yet. */
static void laws_of_counting(void) {
  if (is_any_loop_frozen()) return;
  for (size_t i = 0; i < st.book_count; i++) {
    if (!st.books[i].channel) continue;
    ledger_channel_read(&st.books[i]);
    ledger_channel_read_queues(&st.books[i]);
  }
  for (size_t i = 0; i < st.life_count; i++) {
    if (!st.lives[i].book.server) continue;
    ledger_server_read(&st.lives[i].book);
    ledger_server_read_queues(&st.lives[i].book);
  }
  for (size_t i = 0; i < st.served_count; i++)
    storm_served_look(&st.served[i]);
  storm_law_of_memory();
}

/* ---- the plan ---- */

static void fail_memory(void) {
  if (!st.plan.fails_memory || !storm_chance(30)) return;
  test_alloc_fail_at(1 + storm_random(60));
  storm_fault_happened(STORM_FAULT_MEMORY);
}

static void move_make(const storm_move *move) {
  uint64_t random = move->random;
  storm_on_behalf(&random);
  fail_memory();
  switch (move->act) {
  case STORM_START:
    storm_call_start(move->call);
    break;
  case STORM_POKE:
    for (uint64_t n = storm_random(8); n > 0; n--)
      poke_somebody();
    break;
  case STORM_TOUCH:
    touch_channel((int)storm_random((uint64_t)st.channel_count));
    break;
  case STORM_BREAK:
    storm_fault_begin(move);
    break;
  }
}

static void move_end(const storm_move *move) {
  uint64_t random = move->random;
  storm_on_behalf(&random);
  fail_memory();
  storm_fault_end(move);
}

/* The fault that ends first of those that have begun; NULL: none. */
static const storm_move *next_end(const bool *is_on, size_t begun) {
  const storm_move *first = NULL;
  for (size_t i = 0; i < begun; i++) {
    const storm_move *m = &st.plan.moves[i];
    if (is_on[i] && (!first || m->at_ns + m->for_ns < first->at_ns + first->for_ns)) first = m;
  }
  return first;
}

static void run_until(uint64_t at_ns) {
  uint64_t now_ns = sim_now(st.sim) - SIM_EPOCH;
  if (at_ns > now_ns)
    sim_run_for(st.sim, at_ns - now_ns);
  else
    sim_run(st.sim);
}

static void run_plan(void) {
  static bool is_on[STORM_MOVES];
  memset(is_on, 0, sizeof is_on);
  for (size_t i = 0; i < st.plan.count && !st.is_broken; i++) {
    const storm_move *move = &st.plan.moves[i];
    if (move->is_left_out) continue;
    for (const storm_move *ended = next_end(is_on, i);
         ended && ended->at_ns + ended->for_ns <= move->at_ns; ended = next_end(is_on, i)) {
      run_until(ended->at_ns + ended->for_ns);
      is_on[ended - st.plan.moves] = false;
      move_end(ended);
    }
    run_until(move->at_ns);
    laws_of_counting();
    move_make(move);
    is_on[i] = move->act == STORM_BREAK;
  }
}

/* ---- after it ---- */

static void heal(void) {
  sim_run(st.sim);
  st.is_calm = true;
  storm_on_behalf(&st.of_calm);
  test_alloc_fail_at(0);
  storm_note("calm");
  storm_faults_heal();
  for (int i = 0; i < st.server_count; i++) {
    if (st.servers[i].is_draining || st.servers[i].is_narrow) storm_server_free(i);
    if (st.servers[i].unruly) storm_unruly_calm(&st.servers[i]);
  }
  for (int i = 0; i < st.channel_count; i++)
    if (st.channels[i].channel) storm_channel_resume(i);
}

/* Everybody does what is left to do. */
static void complete_all(void) {
  storm_on_behalf(&st.of_calm);
  for (int i = 0; i < st.server_count; i++)
    storm_server_open(i);
  for (size_t i = 0; i < st.call_count; i++)
    storm_call_complete(st.started[i]);
  for (size_t i = 0; i < st.served_count; i++)
    storm_served_complete(&st.served[i]);
}

static bool all_is_settled(void) {
  for (int i = 0; i < st.server_count; i++)
    if (!storm_server_is_open(i)) return false;
  for (size_t i = 0; i < st.call_count; i++)
    if (st.started[i]->entry.ends == 0) return false;
  return true;
}

/* What was under way when the weather changed arrives in the first few seconds. */
enum { QUIET_S = 5, STEP_MS = 500, PROBE_STEP_MS = 50, PROBE_TRY_S = 1 };

static void calm_for(uint64_t ns) {
  complete_all();
  sim_run_for(st.sim, ns);
}

/* All of a loop stand in line before its gate. */
static uint64_t recovery_ns(void) {
  uint64_t sum = 0;
  for (int i = 0; i < st.channel_count; i++)
    sum += ledger_recovery_ns(&st.channels[i].book->options, 2 * STORM_MS);
  return sum;
}

/* A server that gave up a client while nothing reached it leaves a half-open connection, on which
 * calls go on until that is found. */
static uint64_t detection_ns(void) {
  uint64_t longest_ns = 0;
  for (size_t i = 0; i < st.book_count; i++) {
    uint64_t ns = ledger_detection_ns(&st.books[i].options);
    if (ns > longest_ns) longest_ns = ns;
  }
  return longest_ns;
}

/* One call after the other may have to be completed, in a few steps each. */
static uint64_t settle_ns(void) {
  uint64_t left = 0;
  for (size_t i = 0; i < st.call_count; i++)
    left += st.started[i]->entry.ends == 0;
  return QUIET_S * GMUX__NS_PER_S + detection_ns() + recovery_ns() + left * 4 * STEP_MS * STORM_MS;
}

static void settle(void) {
  uint64_t quiet_ns = sim_now(st.sim) + QUIET_S * GMUX__NS_PER_S;
  uint64_t end_ns = sim_now(st.sim) + settle_ns();
  while (sim_now(st.sim) < quiet_ns || (sim_now(st.sim) < end_ns && !all_is_settled()))
    calm_for(STEP_MS * STORM_MS);
  for (int i = 0; i < st.server_count; i++)
    storm_unruly_settle(&st.servers[i]);
  for (size_t i = 0; i < st.call_count; i++)
    ledger_call_settle(&st.started[i]->entry);
}

/* Until it has ended, or for PROBE_TRY_S: then another is tried beside it. Where they fail at once
 * the pauses grow, so that there are enough of them for the whole bound. */
static bool probe_succeeds(storm_call *c, unsigned nth) {
  uint64_t pause_ms = (uint64_t)PROBE_STEP_MS << (nth < 6 ? nth : 6);
  for (int k = 0; k < PROBE_TRY_S * 1000 / PROBE_STEP_MS && c->entry.ends == 0; k++)
    calm_for(PROBE_STEP_MS * STORM_MS);
  if (c->entry.ends == 0) return false;
  if (c->entry.code != GMUX_OK) calm_for(pause_ms * STORM_MS);
  return c->entry.code == GMUX_OK;
}

/* The last of the calls that were tried; NULL: none could be started. */
static storm_call *probe(int i, uint64_t end_ns) {
  storm_call *last = NULL;
  for (unsigned nth = 0; nth < STORM_PROBES && sim_now(st.sim) <= end_ns; nth++) {
    storm_call *c = storm_probe_start(i, nth);
    if (c) last = c;
    if (c && probe_succeeds(c, nth)) break;
  }
  return last;
}

static void law_of_recovery(int i) {
  uint64_t within_ns = recovery_ns();
  const storm_call *c = probe(i, sim_now(st.sim) + within_ns);
  ledger_law_of_call(c ? &c->entry : NULL, LAW_RECOVERY, c && c->entry.code == GMUX_OK,
                     "channel %d: no new call succeeds within %llu ms of calm, the last one: %s", i,
                     (unsigned long long)(within_ns / STORM_MS),
                     !c                   ? "cannot be started"
                     : c->entry.ends == 0 ? "has not ended"
                                          : gmux_code_str(c->entry.code));
}

static void laws_of_recovery(void) {
  storm_on_behalf(&st.of_calm);
  for (int i = 0; i < st.channel_count; i++)
    if (!st.channels[i].channel) storm_channel_open(i);
  for (int i = 0; i < st.channel_count; i++)
    law_of_recovery(i);
}

/* A client that gave up a silent link told nobody; a server that drains for as long as it takes
 * finds that out by TCP keepalive. */
static void wait_for_servers(void) {
  uint64_t longest_ns = 0;
  for (size_t i = 0; i < st.life_count; i++) {
    uint64_t ns = ledger_server_detection_ns(&st.lives[i].book.options);
    if (ns > longest_ns) longest_ns = ns;
  }
  uint64_t end_ns = sim_now(st.sim) + longest_ns;
  while (sim_net_live(st.sim).transports > 0 && sim_now(st.sim) < end_ns)
    sim_run_for(st.sim, GMUX__NS_PER_S);
}

static void close_all(void) {
  storm_on_behalf(&st.of_calm);
  for (int i = 0; i < st.channel_count; i++)
    storm_channel_close(i);
  storm_channels_let_go();
  for (size_t i = 0; i < st.call_count; i++)
    storm_call_let_go(st.started[i]);
  for (int i = 0; i < st.server_count; i++) {
    storm_server_drain(i);
    storm_server_free(i);
  }
  sim_run_for(st.sim, 30 * GMUX__NS_PER_S);
  wait_for_servers();
  for (int i = 0; i < 3; i++) {
    storm_on_behalf(&st.of_calm);
    for (size_t k = 0; k < st.served_count; k++)
      storm_served_complete(&st.served[k]);
    sim_run_for(st.sim, GMUX__NS_PER_S);
  }
}

static void law_of_closing(void) {
  for (size_t i = 0; i < st.closing_count; i++)
    ledger_law(LAW_CALLBACKS, st.closings[i].is_told, "channel %d: no on_closed",
               st.closings[i].book->number);
  for (int i = 0; i < st.server_count; i++)
    ledger_law(LAW_CALLBACKS, st.servers[i].closes_due == 0, "server %d: no on_closed", i);
  sim_live live = sim_net_live(st.sim);
  ledger_law(LAW_LEAKS, live.transports + live.dials + live.resolves + live.listeners == 0,
             "left behind: %zu transports, %zu dials, %zu look-ups, %zu listeners", live.transports,
             live.dials, live.resolves, live.listeners);
  ledger_law(LAW_LEAKS, st.owned == 0, "%zu buffers were not given back", st.owned);
  for (size_t i = 0; i < st.served_count; i++) {
    const storm_served *s = &st.served[i];
    ledger_law_of_call(&s->asked->entry, LAW_L1, s->is_unary_fn || s->execution.is_over,
                       "server, call %u: no on_end", s->asked->id);
  }
}

bool storm_run(void) {
  size_t live = test_alloc_live();
  st.bytes_before = test_alloc_bytes();
  storm_world_make();
  run_plan();
  heal();
  settle();
  laws_of_recovery();
  laws_of_counting();
  close_all();
  law_of_closing();
  storm_world_end();
  ledger_law(LAW_LEAKS, test_alloc_live() == live, "%zu blocks of memory are left",
             test_alloc_live() - live);
  return !st.is_broken;
}
