/*
 * timer.c: the loop's timers, a pairing heap whose nodes lie in their owners' objects.
 *
 * A node's `child` is its first child and `next` the sibling behind it; `prev` is the sibling
 * before it or, for a first child, the parent. The root has neither siblings nor prev. Setting is
 * O(1), taking one out O(log n) amortised. Nothing recurses: a heap of 10^5 timers set in falling
 * order is a list, and no stack would be deep enough for it.
 */
#include "lib/io/loop.h"
#include <assert.h>

static bool timer_is_before(const gmux__timer *a, const gmux__timer *b) {
  if (a->at_ns != b->at_ns) return a->at_ns < b->at_ns;
  return a->order < b->order;
}

/* Two roots (either may be NULL) become one. */
static gmux__timer *heap_meld(gmux__timer *a, gmux__timer *b) {
  if (!a) return b;
  if (!b) return a;
  if (timer_is_before(b, a)) {
    gmux__timer *swap = a;
    a = b;
    b = swap;
  }
  b->prev = a;
  b->next = a->child;
  if (a->child) a->child->prev = b;
  a->child = b;
  return a;
}

/* Cuts the first of a row of siblings off and leaves it a root. */
static gmux__timer *row_shift(gmux__timer **row) {
  gmux__timer *first = *row;
  if (!first) return NULL;
  *row = first->next;
  first->next = first->prev = NULL;
  return first;
}

/* A row of siblings becomes one heap: melded in pairs from the left, and the pairs from the right,
 * which is where the logarithm comes from. */
static gmux__timer *heap_from_row(gmux__timer *row) {
  gmux__timer *pairs = NULL; /* the last one first, by `next` */
  while (row) {
    gmux__timer *a = row_shift(&row);
    gmux__timer *b = row_shift(&row);
    gmux__timer *pair = heap_meld(a, b);
    pair->next = pairs;
    pairs = pair;
  }
  gmux__timer *root = NULL;
  while (pairs)
    root = heap_meld(root, row_shift(&pairs));
  return root;
}

static gmux__timer *heap_remove(gmux__timer *root, gmux__timer *timer) {
  gmux__timer *rest = heap_from_row(timer->child);
  timer->child = NULL;
  if (timer == root) return rest;
  if (timer->prev->child == timer)
    timer->prev->child = timer->next;
  else
    timer->prev->next = timer->next;
  if (timer->next) timer->next->prev = timer->prev;
  timer->next = timer->prev = NULL;
  return heap_meld(root, rest);
}

void gmux__timer_init(gmux__timer *timer, void (*fn)(void *arg), void *arg) {
  *timer = (gmux__timer){.at_ns = GMUX__NEVER, .fn = fn, .arg = arg};
}

void gmux__timer_set(gmux_loop *loop, gmux__timer *timer, uint64_t at_ns) {
  assert(loop->ops->is_inside(loop));
  if (at_ns == GMUX__NEVER) {
    gmux__timer_clear(loop, timer);
    return;
  }
  /* What has passed counts as now, and so stands behind all that is due already: that is what
   * lets gmux__loop_run_timers stop at the first one that was set after it began. */
  if (at_ns < loop->loop.now_ns) at_ns = loop->loop.now_ns;
  if (timer->at_ns == at_ns) return;
  gmux__timer_clear(loop, timer);
  timer->at_ns = at_ns;
  timer->order = loop->loop.timer_order++;
  loop->loop.timers = heap_meld(loop->loop.timers, timer);
}

void gmux__timer_clear(gmux_loop *loop, gmux__timer *timer) {
  if (!gmux__timer_is_set(timer)) return;
  assert(loop->ops->is_inside(loop));
  loop->loop.timers = heap_remove(loop->loop.timers, timer);
  timer->at_ns = GMUX__NEVER;
}

void gmux__loop_run_timers(gmux_loop *loop) {
  uint64_t now_ns = loop->loop.now_ns;
  uint64_t end = loop->loop.timer_order;
  if (loop->loop.wake_at_ns <= now_ns) loop->loop.wake_at_ns = GMUX__NEVER;
  gmux__loop_enter(loop);
  for (gmux__timer *timer = loop->loop.timers; timer; timer = loop->loop.timers) {
    if (timer->at_ns > now_ns || timer->order >= end) break;
    gmux__timer_clear(loop, timer);
    timer->fn(timer->arg); /* may free it */
  }
  gmux__loop_leave(loop);
}
