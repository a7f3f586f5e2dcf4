/*
 * gate.c: the queue before the storm gate.
 *
 * Who may pass now is lib/policy/gate.h's to say. Passes are handed out from a task or from the
 * timer of the rate, so never from inside gmux__gate_ask or _leave, and in the order of the asking:
 * nobody overtakes the queue, also when there is room.
 */
#include "lib/client/gate.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/policy/gate.h"
#include <assert.h>

typedef struct gate {
  gmux_loop *loop;
  gmux__gate_state state;
  gmux__list waiting; /* of gmux__gate_pass, the first to come first */
  gmux__task open;    /* somebody came, or left */
  gmux__timer rate;   /* the first in the queue may begin then */
} gate;

/* Only those that are there: what on_pass has ask anew stands in line for the next time. */
static void gate_open(void *arg) {
  gate *g = arg;
  uint64_t now_ns = gmux__loop_now(g->loop);
  for (size_t left = g->waiting.count; left > 0 && g->waiting.first; left--) {
    if (!gmux__gate_state_enter(&g->state, now_ns)) break;
    gmux__link *link = gmux__list_shift(&g->waiting);
    gmux__gate_pass *pass = gmux__container(link, gmux__gate_pass, link);
    pass->is_inside = true;
    pass->on_pass(pass->owner); /* may leave, and have others ask or leave */
  }
  bool is_wanted = !gmux__list_is_empty(&g->waiting);
  uint64_t next_ns = is_wanted ? gmux__gate_state_next_ns(&g->state, now_ns) : GMUX__NEVER;
  gmux__timer_set(g->loop, &g->rate, next_ns);
}

static int gate_new(void **out, gmux_loop *loop) {
  gate *g = gmux__calloc(1, sizeof *g);
  if (!g) return gmux__fail_code(GMUX_ERR_NOMEM);
  const gmux__gate_limits limits = {.max_dialing = gmux__loop_max_dialing(loop),
                                    .rate_per_s = gmux__loop_dial_rate(loop)};
  g->loop = loop;
  gmux__gate_state_init(&g->state, &limits);
  gmux__task_init(&g->open, gate_open, g);
  gmux__timer_init(&g->rate, gate_open, g);
  *out = g;
  return 0;
}

/* Nobody is left who could wait, so neither the task nor the timer is set. */
static void gate_free(void *object) {
  gate *g = object;
  assert(gmux__list_is_empty(&g->waiting) && g->state.dialing == 0);
  gmux__free(g);
}

/* NULL: there is no memory to make it; never after the first time. */
static gate *gate_of(gmux_loop *loop) {
  static const gmux__local_kind kind = {gate_new, gate_free};
  return gmux__loop_local(loop, &kind);
}

void gmux__gate_pass_init(gmux__gate_pass *pass, gmux_loop *loop, void (*on_pass)(void *owner),
                          void *owner) {
  *pass = (gmux__gate_pass){.loop = loop, .on_pass = on_pass, .owner = owner};
}

int gmux__gate_ask(gmux__gate_pass *pass) {
  assert(!pass->is_inside && !gmux__gate_is_waiting(pass));
  gate *g = gate_of(pass->loop);
  if (!g) return GMUX_ERR_NOMEM;
  gmux__list_append(&g->waiting, &pass->link);
  gmux__loop_defer(g->loop, GMUX__PHASE_DONE, &g->open);
  return 0;
}

/* With the last one gone nothing may be left to happen: the loop may be about to end. */
static void gate_leave_queue(gate *g, gmux__gate_pass *pass) {
  gmux__list_remove(&pass->link);
  if (!gmux__list_is_empty(&g->waiting)) return;
  gmux__task_cancel(&g->open);
  gmux__timer_clear(g->loop, &g->rate);
}

void gmux__gate_leave(gmux__gate_pass *pass) {
  if (!pass->is_inside && !gmux__gate_is_waiting(pass)) return;
  gate *g = gate_of(pass->loop);
  if (!pass->is_inside) {
    gate_leave_queue(g, pass);
    return;
  }
  pass->is_inside = false;
  gmux__gate_state_leave(&g->state);
  if (!gmux__list_is_empty(&g->waiting)) gmux__loop_defer(g->loop, GMUX__PHASE_DONE, &g->open);
}
