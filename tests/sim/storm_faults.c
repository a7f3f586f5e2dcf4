/* storm_faults.c: what breaks, and how it heals. A fault that finds nothing to break is none. */
#include "tests/sim/storm_kind.h"

void storm_fault_happened(storm_fault fault) {
  st.happened[fault]++;
}

/* ---- servers ---- */

static int random_server(void) {
  return (int)storm_random((uint64_t)st.server_count);
}

static bool say_goaway(const storm_move *move) {
  return storm_server_goaway(random_server(), move->fault == STORM_FAULT_GOAWAY_ABRUPT);
}

static bool drain_server(const storm_move *move) {
  (void)move;
  int i = random_server();
  if (!storm_server_is_open(i)) return false;
  storm_server_drain(i);
  return true;
}

static bool kill_server(const storm_move *move) {
  (void)move;
  int i = random_server();
  if (!storm_server_is_open(i)) return false;
  storm_server_free(i);
  return true;
}

/* Another takes the place of one that has gone, or is going. */
static void reopen_servers(const storm_move *move) {
  (void)move;
  for (int i = 0; i < st.server_count; i++) {
    if (st.servers[i].is_draining) storm_server_free(i);
    storm_server_open(i);
  }
}

/* ---- loops ---- */

/* It goes on by itself; some only when every timeout has passed. */
static bool freeze_loop(const storm_move *move) {
  uint64_t ns = storm_chance(10) ? 8 * move->for_ns : move->for_ns;
  sim_loop_freeze(st.loops[storm_random((uint64_t)st.loop_count)], ns);
  return true;
}

static bool reorder_turns(const storm_move *move) {
  (void)move;
  sim_shuffle(st.sim, true);
  return true;
}

static void order_turns(const storm_move *move) {
  (void)move;
  sim_shuffle(st.sim, false);
}

/* ---- by the plan ---- */

static const storm_kind kinds[STORM_FAULT_KINDS] = {
    [STORM_FAULT_GOAWAY_TWO_STEPS] = {say_goaway, NULL, 0},
    [STORM_FAULT_GOAWAY_ABRUPT] = {say_goaway, NULL, 0},
    [STORM_FAULT_SERVER_DRAIN] = {drain_server, reopen_servers, 0},
    [STORM_FAULT_SERVER_KILL] = {kill_server, reopen_servers, 0},
    [STORM_FAULT_FROZEN] = {freeze_loop, NULL, STORM_BY(freezes)},
    [STORM_FAULT_REORDER] = {reorder_turns, order_turns, STORM_BY(shuffles)},
};

static const storm_kind *kind_of(storm_fault fault) {
  const storm_kind *kind = storm_network_kind(fault);
  return kind ? kind : &kinds[fault];
}

static bool fault_begin(const storm_move *move) {
  if (storm_fault_is_deed(move->fault))
    return storm_unruly_do((unruly_fault)(move->fault - STORM_FAULT_UNRULY_GOAWAY));
  const storm_kind *kind = kind_of(move->fault);
  return kind->begin && kind->begin(move);
}

void storm_fault_begin(const storm_move *move) {
  if (!fault_begin(move)) return;
  storm_note("fault: %s", storm_fault_str(move->fault));
  storm_fault_happened(move->fault);
}

void storm_fault_end(const storm_move *move) {
  const storm_kind *kind = kind_of(move->fault);
  if (!kind->end) return;
  storm_note("well again: %s", storm_fault_str(move->fault));
  kind->end(move);
}

void storm_faults_heal(void) {
  storm_network_heal();
  order_turns(NULL);
  for (int i = 0; i < st.loop_count; i++)
    sim_loop_freeze(st.loops[i], 0);
}

/* What was begun and met nobody is taken back, and what only the world knows of is added. */
void storm_faults_count(void) {
  const char *figures = (const char *)sim_happened_so_far(st.sim);
  for (int i = 0; i < STORM_FAULT_KINDS; i++) {
    const storm_kind *kind = kind_of((storm_fault)i);
    if (!kind->counter) continue;
    uint64_t met = *(const uint64_t *)(const void *)(figures + kind->counter);
    if (!kind->begin || st.happened[i] > met) st.happened[i] = met;
  }
}
