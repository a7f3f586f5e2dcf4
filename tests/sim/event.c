/*
 * event.c: what happens when: a binary heap of events by time, and by order among equals.
 *
 * Each event knows its slot, so that it can be taken out of the middle. Slots count from 1: the
 * parent of slot i is i / 2.
 */
#include "tests/sim/world.h"
#include <stdlib.h>
#include <string.h>

static bool event_is_before(const sim_event *a, const sim_event *b) {
  return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static sim_event *heap_at(const sim *s, size_t slot) {
  return s->events.heap[slot - 1];
}

static void heap_put(sim *s, size_t slot, sim_event *event) {
  s->events.heap[slot - 1] = event;
  event->slot = slot;
}

/* Where `event` belongs at or above `slot`, which is free. */
static void heap_rise(sim *s, size_t slot, sim_event *event) {
  while (slot > 1 && event_is_before(event, heap_at(s, slot / 2))) {
    heap_put(s, slot, heap_at(s, slot / 2));
    slot /= 2;
  }
  heap_put(s, slot, event);
}

/* Where it belongs at or below. */
static void heap_sink(sim *s, size_t slot, sim_event *event) {
  for (size_t child = 2 * slot; child <= s->events.count; child = 2 * slot) {
    if (child < s->events.count && event_is_before(heap_at(s, child + 1), heap_at(s, child)))
      child++;
    if (!event_is_before(heap_at(s, child), event)) break;
    heap_put(s, slot, heap_at(s, child));
    slot = child;
  }
  heap_put(s, slot, event);
}

static void heap_grow(sim *s) {
  size_t room = s->events.room > 0 ? 2 * s->events.room : 64;
  sim_event **heap = sim_alloc(room * sizeof *heap);
  if (s->events.count > 0) memcpy(heap, s->events.heap, s->events.count * sizeof *heap);
  free(s->events.heap);
  s->events.heap = heap;
  s->events.room = room;
}

static void heap_remove(sim *s, sim_event *event) {
  size_t slot = event->slot;
  sim_event *last = heap_at(s, s->events.count--);
  event->slot = 0;
  if (last == event) return;
  if (slot > 1 && event_is_before(last, heap_at(s, slot / 2)))
    heap_rise(s, slot, last);
  else
    heap_sink(s, slot, last);
}

void sim_event_set(sim *s, sim_event *event, uint64_t at_ns) {
  sim_event_clear(s, event);
  event->at_ns = at_ns > s->now_ns ? at_ns : s->now_ns;
  event->order = s->events.order++;
  if (s->events.count == s->events.room) heap_grow(s);
  heap_rise(s, ++s->events.count, event);
}

void sim_event_clear(sim *s, sim_event *event) {
  if (event->slot > 0) heap_remove(s, event);
  gmux__list_remove(&event->link);
}

bool sim_event_is_idle(const sim_event *event) {
  return event->slot == 0 && !gmux__link_is_linked(&event->link);
}

uint64_t sim_events_next(const sim *s) {
  return s->events.count > 0 ? heap_at(s, 1)->at_ns : GMUX__NEVER;
}

void sim_events_deliver(sim *s) {
  while (sim_events_next(s) <= s->now_ns) {
    sim_event *event = heap_at(s, 1);
    heap_remove(s, event);
    if (event->loop)
      gmux__list_append(&world_loop_of(event->loop)->due, &event->link);
    else
      event->fn(event->arg);
  }
}

void sim_events_deinit(sim *s) {
  free(s->events.heap);
}
