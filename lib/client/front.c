/* front.c: how a channel of several loops is made, and which of them takes a call. */
#include "lib/client/front.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/client/options.h"
#include <assert.h>
#include <stdio.h>

static_assert((int)GMUX_CHANNEL_LOOPS_MAX == (int)GMUX__LANES_MAX, "one bound is checked");

/* ---- holds ---- */

bool gmux__front_is_inside(const gmux__front *front) {
  for (size_t i = 0; i < front->count; i++)
    if (gmux_loop_is_inside(front->lanes[i].channel->loop)) return true;
  return false;
}

/* The channel of one that is not over stays while the lock is held, and its loop with it. */
bool gmux__lane_is_inside(gmux__lane *lane) {
  gmux__front *front = lane->front;
  bool is_inside = false;
  gmux__lock_take(front->lock);
  for (size_t i = 0; i < front->count && !is_inside; i++)
    is_inside = !front->lanes[i].is_over && gmux_loop_is_inside(front->lanes[i].channel->loop);
  gmux__lock_give(front->lock);
  return is_inside;
}

void gmux__front_hold(gmux__front *front) {
  atomic_fetch_add_explicit(&front->holds, 1, memory_order_relaxed);
}

void gmux__front_release(gmux__front *front) {
  unsigned before = atomic_fetch_sub_explicit(&front->holds, 1, memory_order_acq_rel);
  assert(before > 0);
  if (before != 1) return;
  gmux__lock_free(front->lock);
  gmux__free(front);
}

void gmux__front_hold_lanes(gmux__front *front) {
  gmux__front_hold(front);
  for (size_t i = 0; i < front->count; i++)
    gmux__channel_hold(front->lanes[i].channel);
}

void gmux__front_release_lanes(gmux__front *front) {
  for (size_t i = 0; i < front->count; i++)
    gmux__channel_release(front->lanes[i].channel);
  gmux__front_release(front);
}

void gmux__front_each(gmux__front *front, void (*fn)(gmux_channel *channel)) {
  for (size_t i = 0; i < front->count; i++)
    fn(front->lanes[i].channel);
}

/* Of two threads that ask for different things the later one is heard by all lanes. */
void gmux__front_ask_pause(gmux__front *front, bool is_paused) {
  gmux__lock_take(front->lock);
  for (size_t i = 0; i < front->count; i++)
    atomic_store(&front->lanes[i].channel->shared.is_pause_wanted, is_paused);
  gmux__lock_give(front->lock);
  gmux__front_each(front, gmux__channel_heed_pause);
}

/* ---- calls ---- */

/* What is over is read first: so the difference is never below zero. */
static gmux__lane_load lane_load(const gmux__lane *lane) {
  const gmux__channel_figures *f = &lane->channel->shared.figures;
  uint64_t over = gmux__counter_get(&f->succeeded) + gmux__counter_get(&f->failed);
  atomic_thread_fence(memory_order_acquire);
  uint64_t given = atomic_load_explicit(&lane->given, memory_order_relaxed);
  return (gmux__lane_load){
      .state = (gmux_channel_state)atomic_load_explicit(&lane->state, memory_order_relaxed),
      .calls = given > over ? given - over : 0,
      .is_asked = atomic_load_explicit(&lane->is_asked, memory_order_relaxed)};
}

/* The lane on whose loop we are; the count: none. */
static size_t front_own(const gmux__front *front) {
  size_t own = 0;
  while (own < front->count && !gmux_loop_is_inside(front->lanes[own].channel->loop))
    own++;
  return own;
}

/* One that has failed would otherwise never try again: while another is READY it gets no call. */
static void lane_wake(gmux__lane *lane) {
  atomic_store(&lane->is_asked, true);
  gmux_channel_get_state(lane->channel, true);
}

static gmux__lane *front_pick(gmux__front *front) {
  gmux__lane_load loads[GMUX__LANES_MAX];
  size_t own = front_own(front);
  if (own < front->count) {
    loads[own] = lane_load(&front->lanes[own]);
    if (gmux__lanes_may_stay(&loads[own])) return &front->lanes[own];
  }
  for (size_t i = 0; i < front->count; i++)
    loads[i] = lane_load(&front->lanes[i]);
  size_t picked = gmux__lanes_pick(loads, front->count, own);
  size_t asleep = gmux__lanes_wake(loads, front->count, picked);
  if (asleep < front->count) lane_wake(&front->lanes[asleep]);
  return &front->lanes[picked];
}

int gmux__front_start(gmux__front *front, gmux_call **out, const gmux__call_setup *setup) {
  if (atomic_load_explicit(&front->is_closing, memory_order_acquire))
    return gmux__fail(GMUX_ERR_CLOSED, "the channel is closed");
  gmux__lane *lane = front_pick(front);
  gmux__call_setup here = *setup;
  here.channel = lane->channel;
  atomic_fetch_add_explicit(&lane->given, 1, memory_order_relaxed);
  int error = gmux__call_start(out, &here);
  if (error) atomic_fetch_sub_explicit(&lane->given, 1, memory_order_relaxed);
  return error;
}

/* ---- making one ---- */

enum { LANE_CEILING = 1 << 20 }; /* the least that max_memory_bytes may be */

/* What is meant for the channel as a whole is divided. A lane without a connection could carry
 * nothing, and one without a place to wait would refuse what another has room for. */
static gmux_channel_options lane_options(const gmux_channel_options *total, size_t count,
                                         size_t lane) {
  gmux_channel_options o = *total;
  o.max_connections = gmux__lanes_part_of_least(o.max_connections, count, lane, 1);
  o.min_connections = gmux__lanes_part(o.min_connections, count, lane);
  o.burst_connections = gmux__lanes_part(o.burst_connections, count, lane);
  o.max_waiting = gmux__lanes_part_of_least(o.max_waiting, count, lane, o.max_waiting > 0);
  o.channel_queue_bytes =
      gmux__lanes_part_of_least(o.channel_queue_bytes, count, lane, o.connection_queue_bytes);
  if (o.max_memory_bytes)
    o.max_memory_bytes = gmux__lanes_part_of_least(o.max_memory_bytes, count, lane, LANE_CEILING);
  return o;
}

static int front_add_lane(gmux__front *front, gmux_loop *loop, const char *target,
                          const gmux_channel_options *options) {
  gmux__lane *lane = &front->lanes[front->count];
  int error = gmux_channel_new(&lane->channel, loop, target, options);
  if (error) return error;
  lane->front = front;
  lane->index = front->count++;
  gmux__task_init(&lane->loop_only.task, gmux__lane_run_due, lane);
  lane->slow_post.post.fn = gmux__lane_on_slow_post;
  gmux__front_hold(front);
  lane->channel->lane = lane; /* nothing runs on it yet */
  return 0;
}

static int front_add_lanes(gmux__front *front, gmux_loop *const *loops, size_t count,
                           const char *target, const gmux_channel_options *options) {
  int error = 0;
  for (size_t i = 0; i < count && !error; i++) {
    gmux_channel_options o = lane_options(options, count, i);
    error = front_add_lane(front, loops[i], target, &o);
  }
  return error;
}

static int front_new(gmux__front **out, size_t count) {
  gmux__front *front = gmux__calloc(1, sizeof *front + count * sizeof front->lanes[0]);
  if (!front) return gmux__fail_code(GMUX_ERR_NOMEM);
  int error = gmux__lock_new(&front->lock);
  if (error) {
    gmux__free(front);
    return error;
  }
  front->handle.front = front;
  atomic_init(&front->handle.shared.is_closing, true); /* so calls come to gmux__front_start */
  atomic_init(&front->holds, 1);
  front->end_post.fn = gmux__front_on_end_post;
  *out = front;
  return 0;
}

/* The lanes that were made have never run: they go as soon as their loops look. */
static void front_discard(gmux__front *front) {
  for (size_t i = 0; i < front->count; i++) {
    front->lanes[i].channel->lane = NULL;
    gmux_channel_free(front->lanes[i].channel);
  }
  atomic_store(&front->holds, 1);
  gmux__front_release(front);
}

/* Lanes share one set of credentials, and so one store of authorities and of sessions. */
static int front_open(gmux__front *front, gmux_loop *const *loops, size_t count, const char *target,
                      gmux_channel_options *o) {
  gmux_tls *own = NULL;
  int error = o->cleartext || o->tls ? 0 : gmux_tls_client_new(&own, NULL);
  if (error) return error;
  if (own) o->tls = own;
  error = front_add_lanes(front, loops, count, target, o);
  gmux_tls_free(own);
  return error;
}

int gmux_channel_new_on_loops(gmux_channel **out, gmux_loop *const *loops, size_t loop_count,
                              const char *target, const gmux_channel_options *options) {
  if (!out || !loops || !target)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_channel_new_on_loops: out, loops or target is NULL");
  int error = gmux__lanes_check("gmux_channel_new_on_loops", loops, loop_count);
  if (error) return error;
  if (loop_count == 1) return gmux_channel_new(out, loops[0], target, options);
  gmux_channel_options o;
  error = gmux__channel_options_read(&o, options);
  if (error) return error;
  gmux__front *front = NULL;
  error = front_new(&front, loop_count);
  if (error) return error;
  error = front_open(front, loops, loop_count, target, &o);
  if (error) {
    front_discard(front);
    return error;
  }
  gmux__front_hold(front); /* its end's */
  atomic_init(&front->left, (unsigned)loop_count + 1);
  *out = &front->handle;
  return 0;
}
