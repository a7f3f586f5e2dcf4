/*
 * sim.c: the clock, the loops and whose turn it is.
 *
 * A step first lets everything happen that is due in the network (packets arrive, dials reach their
 * listener), then runs a turn of the first loop in the row that has something to do and sends it to
 * the row's end. Only when no loop has, the clock moves.
 */
#include "lib/base/fail.h"
#include "tests/sim/world.h"
#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many turns at one moment are a circle: somebody wants what is there and does not take it. The
 * longest honest row is one turn a byte, of a few messages of a megabyte. */
enum { TURNS_AT_ONE_TIME = 20000000 };

void sim_die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("sim: ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
  abort();
}

void *sim_alloc(size_t size) {
  void *p = calloc(1, size);
  if (!p) sim_die("no memory for %zu bytes", size);
  return p;
}

void *sim_copy(const void *data, size_t len) {
  void *copy = sim_alloc(len);
  memcpy(copy, data, len);
  return copy;
}

/* ---- chance ---- */

/* splitmix64 (Vigna, public domain): made to fill the seeds of others. */
static uint64_t splitmix(uint64_t *state) {
  uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

size_t sim_choose(sim *s, size_t below) {
  if (!s->shuffle.is_on || below < 2) return 0;
  size_t chosen = (size_t)(splitmix(&s->shuffle.state) % below);
  if (chosen > 0) s->happened.shuffles++;
  return chosen;
}

void sim_shuffle(sim *s, bool is_shuffled) {
  s->shuffle.is_on = is_shuffled;
}

/* ---- the loop's own operations; the network's are in net.c, dial.c and name.c ---- */

static uint64_t loop_clock(gmux_loop *loop) {
  return world_loop_of(loop)->sim->now_ns;
}

static uint64_t loop_wall(gmux_loop *loop) {
  return SIM_WALL + loop_clock(loop);
}

static void loop_wake_at(gmux_loop *loop, uint64_t at_ns) {
  world_loop_of(loop)->wake_at_ns = at_ns;
}

static void loop_wake(gmux_loop *loop) {
  world_loop_of(loop)->is_woken = true;
}

static bool loop_is_inside(const gmux_loop *loop) {
  return loop->loop.depth > 0 || !((const world_loop *)loop)->is_outside;
}

static bool loop_has_tasks(const gmux_loop *loop) {
  for (int phase = 0; phase < GMUX__PHASES; phase++)
    if (!gmux__list_is_empty(&loop->loop.tasks[phase])) return true;
  return false;
}

/* A timer set between two turns has not been told through wake_at: "it must run a turn before it
 * blocks" (lib/io/loop.h). */
static bool loop_has_untold_timer(const gmux_loop *loop) {
  uint64_t at_ns = loop->loop.timers ? loop->loop.timers->at_ns : GMUX__NEVER;
  return at_ns != loop->loop.wake_at_ns;
}

static bool loop_is_frozen(const world_loop *sl) {
  return sl->thaws_at_ns > sl->sim->now_ns;
}

static bool loop_has_work(const world_loop *sl) {
  return sl->is_woken || sl->wake_at_ns <= sl->sim->now_ns || !gmux__list_is_empty(&sl->due) ||
         loop_has_tasks(&sl->loop) || loop_has_untold_timer(&sl->loop) || sim_links_are_ready(sl);
}

static bool loop_has_turn(const world_loop *sl) {
  return !loop_is_frozen(sl) && loop_has_work(sl);
}

static void loop_run_due(world_loop *sl) {
  for (gmux__link *l = gmux__list_shift(&sl->due); l; l = gmux__list_shift(&sl->due)) {
    sim_event *event = gmux__container(l, sim_event, link);
    event->fn(event->arg); /* may free it */
  }
}

static void loop_turn(world_loop *sl) {
  sim *s = sl->sim;
  if (++s->turns_now > TURNS_AT_ONE_TIME)
    sim_die("%d turns and time stands still: who wants what is there and does not take it?",
            TURNS_AT_ONE_TIME);
  s->turns++;
  sl->is_woken = false;
  if (sl->wake_at_ns <= s->now_ns) sl->wake_at_ns = GMUX__NEVER; /* it fires once */
  gmux__loop_update_now(&sl->loop);
  gmux__loop_enter(&sl->loop);
  loop_run_due(sl);
  sim_links_run(sl);
  gmux__loop_leave(&sl->loop);
  gmux__loop_run_timers(&sl->loop);
  sl->is_woken |= gmux__loop_end_turn(&sl->loop);
}

static void loop_free(world_loop *sl) {
  sim_event_clear(sl->sim, &sl->thaw);
  if (!gmux__list_is_empty(&sl->ends) || !gmux__list_is_empty(&sl->due))
    sim_die("a loop ends with %zu transports and %zu answers of the network left", sl->ends.count,
            sl->due.count);
  if (loop_has_tasks(&sl->loop) || sl->loop.loop.timers)
    sim_die("a loop ends with a task or timer that will never run");
  gmux__loop_deinit(&sl->loop);
  gmux__list_remove(&sl->link);
  free(sl);
}

static int loop_stop(gmux_loop *loop) {
  if (!loop_is_inside(loop))
    return gmux__fail(GMUX_ERR_THREAD, "gmux_loop_stop: not on the loop's thread");
  if (loop->loop.depth > 0)
    return gmux__fail(GMUX_ERR_STATE, "gmux_loop_stop: called from a callback of the loop");
  if (atomic_load(&loop->shared.users) > 0)
    return gmux__fail(GMUX_ERR_STATE, "gmux_loop_stop: close its channels and servers first");
  world_loop *sl = world_loop_of(loop);
  while (sl->is_woken || loop_has_tasks(loop))
    loop_turn(sl);
  loop_free(sl);
  return 0;
}

static const gmux__loop_ops world_ops = {
    .clock = loop_clock,
    .wall = loop_wall,
    .wake_at = loop_wake_at,
    .wake = loop_wake,
    .is_inside = loop_is_inside,
    .dial = sim_net_dial,
    .dial_cancel = sim_net_dial_cancel,
    .resolve = sim_net_resolve,
    .resolve_cancel = sim_net_resolve_cancel,
    .listen = sim_net_listen,
    .listener_close = sim_net_listener_close,
    .listener_address = sim_net_listener_address,
    .stop = loop_stop,
};

/* ---- the world ---- */

sim *sim_new(uint64_t seed) {
  sim *s = sim_alloc(sizeof *s);
  s->now_ns = SIM_EPOCH;
  s->seed_state = seed;
  s->shuffle.state = ~seed;
  sim_net_init(s);
  return s;
}

void sim_free(sim *s) {
  if (!s) return;
  sim_run(s);
  sim_live live = s->net.live;
  if (live.transports + live.dials + live.resolves + live.listeners > 0)
    sim_die("left behind: %zu transports, %zu dials, %zu resolves, %zu listeners", live.transports,
            live.dials, live.resolves, live.listeners);
  while (s->loops.first) {
    world_loop *sl = gmux__container(s->loops.first, world_loop, link);
    if (atomic_load(&sl->loop.shared.users) > 0)
      sim_die("left behind: %zu channels or servers of a loop",
              atomic_load(&sl->loop.shared.users));
    loop_free(sl);
  }
  sim_net_deinit(s);
  sim_events_deinit(s);
  free(s);
}

gmux_loop *sim_loop(sim *s) {
  return sim_loop_with(s, NULL);
}

gmux_loop *sim_loop_with(sim *s, const gmux_loop_options *options) {
  uint64_t seed[4];
  for (int i = 0; i < 4; i++)
    seed[i] = splitmix(&s->seed_state);
  world_loop *sl = sim_alloc(sizeof *sl);
  sl->sim = s;
  sl->wake_at_ns = GMUX__NEVER;
  if (gmux__loop_init(&sl->loop, &world_ops, options, seed) != 0) {
    free(sl);
    return NULL;
  }
  gmux__list_append(&s->loops, &sl->link);
  return &sl->loop;
}

/* The time so far ahead; the end of time when that is beyond it. */
static uint64_t time_after(const sim *s, uint64_t ns) {
  return ns < GMUX__NEVER - s->now_ns ? s->now_ns + ns : GMUX__NEVER - 1;
}

/* Time stops where the freeze ends; the loop's turn follows by itself. */
static void loop_thaw(void *arg) {
  world_loop *sl = arg;
  if (loop_has_work(sl)) sl->sim->happened.freezes++;
}

void sim_loop_freeze(gmux_loop *loop, uint64_t ns) {
  world_loop *sl = world_loop_of(loop);
  sim *s = sl->sim;
  if (loop_is_frozen(sl)) loop_thaw(sl);
  sim_event_clear(s, &sl->thaw);
  sl->thaws_at_ns = time_after(s, ns);
  sl->thaw = (sim_event){.fn = loop_thaw, .arg = sl};
  if (ns > 0) sim_event_set(s, &sl->thaw, sl->thaws_at_ns);
}

uint64_t sim_loop_thaws_at(gmux_loop *loop) {
  return world_loop_of(loop)->thaws_at_ns;
}

void sim_set_outside(gmux_loop *loop, bool outside) {
  world_loop_of(loop)->is_outside = outside;
}

uint64_t sim_now(const sim *s) {
  return s->now_ns;
}

void sim_after_turn(sim *s, void (*fn)(gmux_loop *loop, void *arg), void *arg) {
  s->after_turn = fn;
  s->after_turn_arg = arg;
}

uint64_t sim_turns(const sim *s) {
  return s->turns;
}

/* ---- running ---- */

/* The first in the row that has a turn, after `skip` others that have one; NULL: there is none. */
static world_loop *loop_in_row(const sim *s, size_t skip) {
  for (gmux__link *l = s->loops.first; l; l = l->next) {
    world_loop *sl = gmux__container(l, world_loop, link);
    if (loop_has_turn(sl) && skip-- == 0) return sl;
  }
  return NULL;
}

static size_t loops_with_turn(const sim *s) {
  size_t count = 0;
  for (gmux__link *l = s->loops.first; l; l = l->next)
    if (loop_has_turn(gmux__container(l, world_loop, link))) count++;
  return count;
}

static world_loop *loop_next(sim *s) {
  size_t skip = s->shuffle.is_on ? sim_choose(s, loops_with_turn(s)) : 0;
  return loop_in_row(s, skip);
}

/* Of a frozen loop it is its thaw, which is an event. */
static uint64_t time_next(const sim *s) {
  uint64_t at_ns = sim_events_next(s);
  for (gmux__link *l = s->loops.first; l; l = l->next) {
    const world_loop *sl = gmux__container(l, world_loop, link);
    if (sl->wake_at_ns < at_ns && !loop_is_frozen(sl)) at_ns = sl->wake_at_ns;
  }
  return at_ns;
}

static void time_set(sim *s, uint64_t at_ns) {
  assert(at_ns >= s->now_ns);
  if (at_ns == s->now_ns) return;
  s->now_ns = at_ns;
  s->turns_now = 0;
}

/* As sim_step, but the clock does not move beyond `limit_ns`. */
static bool step_within(sim *s, uint64_t limit_ns) {
  if (s->is_running) sim_die("sim_step or its like called from a callback");
  s->is_running = true;
  sim_events_deliver(s);
  world_loop *sl = loop_next(s);
  if (sl) {
    gmux__list_remove(&sl->link);
    gmux__list_append(&s->loops, &sl->link);
    loop_turn(sl);
    if (s->after_turn) s->after_turn(&sl->loop, s->after_turn_arg);
  }
  s->is_running = false;
  if (sl) return true;
  uint64_t at_ns = time_next(s);
  if (at_ns == GMUX__NEVER || at_ns > limit_ns) return false;
  time_set(s, at_ns);
  return true;
}

bool sim_step(sim *s) {
  return step_within(s, GMUX__NEVER);
}

void sim_run(sim *s) {
  while (step_within(s, s->now_ns))
    ;
}

void sim_run_for(sim *s, uint64_t ns) {
  uint64_t end_ns = time_after(s, ns);
  while (step_within(s, end_ns))
    ;
  time_set(s, end_ns);
}

bool sim_run_until(sim *s, bool (*cond)(void *arg), void *arg, uint64_t max_ns) {
  uint64_t end_ns = time_after(s, max_ns);
  while (!cond(arg)) {
    if (step_within(s, end_ns)) continue;
    time_set(s, end_ns);
    return false;
  }
  return true;
}
