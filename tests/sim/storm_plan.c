/* storm_plan.c: drawing a plan, and leaving parts of it out. */
#include "tests/sim/storm_plan.h"
#include "lib/base/list.h"
#include "lib/io/loop.h"
#include <stdlib.h>
#include <string.h>

/* ---- chance ---- */

uint64_t storm_draw(uint64_t *stream, uint64_t below) {
  uint64_t z = *stream += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (z ^ (z >> 31)) % below;
}

uint64_t storm_stream_start(uint64_t seed, storm_stream kind, uint64_t nth) {
  uint64_t stream = seed ^ (uint64_t)kind << 56;
  stream = storm_draw(&stream, UINT64_MAX) ^ nth;
  return storm_draw(&stream, UINT64_MAX);
}

/* ---- names ---- */

const char *storm_fault_str(storm_fault fault) {
  static const char *const words[] = {
#define X(name, text, weight) text,
      STORM_FAULTS(X) UNRULY_FAULT_LIST(X)
#undef X
  };
  return words[fault];
}

static const storm_scenario scenarios[] = {
    {"mixed", "all of the others, most of it over cleartext", 3, 20, 40, true},
    {"clear", "cleartext, and memory that lasts", 0, 0, 40, true},
    {"tls", "every link over TLS", 100, 10, 40, true},
    {"memory", "allocations fail now and then", 0, 100, 40, true},
    {"unruly", "no server is ours, and none behaves", 3, 20, 100, true},
    {"calm", "no faults: whoever has no deadline succeeds", 3, 0, 0, false},
};
enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

const storm_scenario *storm_scenario_find(const char *name) {
  for (size_t i = 0; i < SCENARIOS; i++)
    if (strcmp(scenarios[i].name, name) == 0) return &scenarios[i];
  return NULL;
}

void storm_scenarios_print(FILE *out) {
  for (size_t i = 0; i < SCENARIOS; i++)
    fprintf(out, "  %-8s %s\n", scenarios[i].name, scenarios[i].words);
}

/* ---- drawing ---- */

/* Deeds of unruly servers only where there is one. */
static storm_fault draw_fault(bool has_unruly, uint64_t *stream) {
  static const unsigned weights[] = {
#define X(name, text, weight) weight,
      STORM_FAULTS(X) UNRULY_FAULT_LIST(X)
#undef X
  };
  int kinds = has_unruly ? STORM_FAULT_KINDS : STORM_FAULT_UNRULY_GOAWAY;
  unsigned sum = 0;
  for (int i = 0; i < kinds; i++)
    sum += weights[i];
  uint64_t nth = storm_draw(stream, sum);
  int fault = 0;
  while (nth >= weights[fault])
    nth -= weights[fault++];
  return (storm_fault)fault;
}

/* Most are short; what lasts for seconds meets time-outs and keepalive. */
static uint64_t draw_duration(uint64_t *stream) {
  switch (storm_draw(stream, 10)) {
  case 0:
    return storm_draw(stream, 10 * GMUX__NS_PER_S);
  case 1:
  case 2:
  case 3:
    return storm_draw(stream, GMUX__NS_PER_S);
  default:
    return storm_draw(stream, 100 * GMUX__NS_PER_MS);
  }
}

static uint64_t draw_pause(uint64_t *stream) {
  switch (storm_draw(stream, 20)) {
  case 0:
    return storm_draw(stream, 3 * GMUX__NS_PER_S);
  case 1:
  case 2:
  case 3:
  case 4:
  case 5:
  case 6:
    return storm_draw(stream, 40 * GMUX__NS_PER_MS);
  default:
    return 0; /* several at one moment */
  }
}

static void add_moves(storm_plan *plan, storm_act act, size_t count) {
  for (size_t i = 0; i < count && plan->count < STORM_MOVES; i++)
    plan->moves[plan->count++] = (storm_move){.act = act};
}

static void shuffle(storm_plan *plan, uint64_t *stream) {
  for (size_t i = plan->count; i > 1; i--) {
    size_t k = storm_draw(stream, i);
    storm_move kept = plan->moves[k];
    plan->moves[k] = plan->moves[i - 1];
    plan->moves[i - 1] = kept;
  }
}

static void complete_move(storm_plan *plan, size_t i, uint64_t *stream) {
  storm_move *move = &plan->moves[i];
  move->random = storm_stream_start(plan->seed, STORM_STREAM_MOVE, i);
  if (move->act == STORM_START) move->call = (uint32_t)++plan->calls;
  if (move->act != STORM_BREAK) return;
  plan->faults++;
  move->fault = draw_fault(plan->unruly_percent > 0, stream);
  move->for_ns = draw_duration(stream);
}

/* Where all may be unruly all are; else a server may change its mind at a restart. */
static unsigned draw_unruly_percent(const storm_scenario *scenario, uint64_t *stream) {
  if (scenario->unruly_percent == 100) return 100;
  if (storm_draw(stream, 100) >= scenario->unruly_percent) return 0;
  return storm_draw(stream, 2) == 0 ? 100 : 50;
}

void storm_plan_make(storm_plan *plan, const storm_scenario *scenario, uint64_t seed) {
  uint64_t stream = storm_stream_start(seed, STORM_STREAM_PLAN, 0);
  memset(plan, 0, sizeof *plan);
  plan->seed = seed;
  plan->scenario = scenario;
  plan->is_over_tls = storm_draw(&stream, 100) < scenario->tls_percent;
  plan->fails_memory = storm_draw(&stream, 100) < scenario->memory_percent;
  plan->unruly_percent = draw_unruly_percent(scenario, &stream);
  size_t faults = storm_draw(&stream, 10) < 3 ? 36 : 16;
  /* Some cannot be started, for want of memory, and some faults find nothing to break. */
  add_moves(plan, STORM_START, 54 + storm_draw(&stream, storm_draw(&stream, 4) == 0 ? 106 : 16));
  add_moves(plan, STORM_POKE, storm_draw(&stream, 200));
  add_moves(plan, STORM_TOUCH, storm_draw(&stream, 20));
  if (scenario->has_faults) add_moves(plan, STORM_BREAK, 10 + storm_draw(&stream, faults));
  shuffle(plan, &stream);
  uint64_t at_ns = 0;
  for (size_t i = 0; i < plan->count; i++) {
    plan->moves[i].at_ns = at_ns += draw_pause(&stream);
    complete_move(plan, i, &stream);
  }
}

/* ---- leaving out ---- */

/* One "7" or "12-40", and moves on; false: it is none. */
static bool take_range(const char **at, size_t *first, size_t *last) {
  char *end;
  if (**at < '0' || **at > '9') return false;
  *first = *last = strtoul(*at, &end, 10);
  if (*end == '-') {
    if (end[1] < '0' || end[1] > '9') return false;
    *last = strtoul(end + 1, &end, 10);
  }
  *at = end;
  return *first <= *last;
}

bool storm_plan_leave_out(storm_plan *plan, const char *list) {
  while (*list) {
    size_t first, last;
    if (!take_range(&list, &first, &last) || last >= plan->count) return false;
    for (size_t i = first; i <= last; i++)
      plan->moves[i].is_left_out = true;
    if (*list == ',' && list[1])
      list++;
    else if (*list)
      return false;
  }
  return true;
}

void storm_plan_left_out(const storm_plan *plan, char *list, size_t size) {
  size_t len = 0;
  *list = '\0';
  for (size_t i = 0; i < plan->count && len < size; i++) {
    if (!plan->moves[i].is_left_out) continue;
    size_t first = i;
    while (i + 1 < plan->count && plan->moves[i + 1].is_left_out)
      i++;
    const char *comma = len > 0 ? "," : "";
    int n = i > first ? snprintf(list + len, size - len, "%s%zu-%zu", comma, first, i)
                      : snprintf(list + len, size - len, "%s%zu", comma, first);
    len += (size_t)n;
  }
}
