/*
 * front_state.c: what the lanes of a front are together, and who wants to know.
 *
 * A watcher is told on the loop of the lane whose change made the state another one, or, if it is
 * another one already, on that of the first lane. What one lane learns of the server's patience
 * (too_many_pings) goes to the others from here too.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/client/front.h"
#include "lib/io/mailbox.h"
#include <stdio.h>

/* One of gmux_channel_watch_state. */
typedef struct front_watcher {
  gmux__link link; /* in the front's watchers, or in a lane's due */
  gmux__post post;
  gmux__lane *lane;   /* whose loop tells it */
  gmux__front *front; /* held */
  gmux_channel_state last, seen;
  void (*fn)(gmux_channel_state state, void *user_data);
  void *user_data;
} front_watcher;

/* On the stack of its thread; gone as soon as the box has its flag. */
typedef struct front_waiter {
  gmux__link link;
  gmux__mailbox *box;
  int answer;
} front_waiter;

static void watcher_tell(front_watcher *w) {
  gmux__front *front = w->front;
  w->fn(w->seen, w->user_data);
  gmux__free(w);
  gmux__front_release(front);
}

/* Those that are due now; one that a watcher adds waits for the next round. */
void gmux__lane_run_due(void *arg) {
  gmux__lane *lane = arg;
  gmux__front *front = lane->front;
  gmux__front_hold(front); /* beyond the last watcher */
  for (size_t left = lane->loop_only.due.count; left > 0; left--)
    watcher_tell(gmux__container(gmux__list_shift(&lane->loop_only.due), front_watcher, link));
  gmux__front_release(front);
}

/* ---- under the lock ---- */

static void tell_watchers(gmux__front *front, gmux__lane *lane) {
  gmux__link *next;
  for (gmux__link *l = front->locked.watchers.first; l; l = next) {
    next = l->next;
    front_watcher *w = gmux__container(l, front_watcher, link);
    if (w->last == front->locked.state) continue;
    w->seen = front->locked.state;
    gmux__list_remove(&w->link);
    gmux__list_append(&lane->loop_only.due, &w->link);
    gmux__loop_defer(lane->channel->loop, GMUX__PHASE_DONE, &lane->loop_only.task);
  }
}

static bool state_is_answer(gmux_channel_state state) {
  return state == GMUX_CHANNEL_READY || state == GMUX_CHANNEL_SHUTDOWN;
}

static void tell_waiters(gmux__front *front) {
  if (!state_is_answer(front->locked.state)) return;
  gmux__link *link;
  while ((link = gmux__list_shift(&front->locked.waiters))) {
    front_waiter *w = gmux__container(link, front_waiter, link);
    w->answer = front->locked.state == GMUX_CHANNEL_READY ? 0 : GMUX_ERR_CLOSED;
    gmux__mailbox_set(w->box, GMUX__BOX_END);
  }
}

static gmux_channel_state front_sum_of_states(const gmux__front *front) {
  gmux__lane_load loads[GMUX__LANES_MAX];
  for (size_t i = 0; i < front->count; i++)
    loads[i].state = (gmux_channel_state)atomic_load(&front->lanes[i].state);
  return gmux__lanes_state(loads, front->count);
}

/* ---- what a lane tells ---- */

void gmux__lane_on_state(gmux__lane *lane, gmux_channel_state state) {
  gmux__front *front = lane->front;
  gmux__lock_take(front->lock);
  atomic_store(&lane->state, (int)state);
  atomic_store(&lane->is_asked, false);
  gmux_channel_state sum = front_sum_of_states(front);
  if (sum != front->locked.state) {
    front->locked.state = sum;
    atomic_store(&front->state, (int)sum);
    tell_watchers(front, lane);
    tell_waiters(front);
  }
  gmux__lock_give(front->lock);
}

static void lane_offer_keepalive(gmux__lane *lane, uint64_t keepalive_ns) {
  uint64_t seen_ns = atomic_load(&lane->keepalive_ns);
  while (seen_ns < keepalive_ns &&
         !atomic_compare_exchange_weak(&lane->keepalive_ns, &seen_ns, keepalive_ns))
    ;
}

/* Under the lock no lane comes to its end, so the channel of one that has not can be held. */
void gmux__lane_on_slower(gmux__lane *lane, uint64_t keepalive_ns) {
  gmux__front *front = lane->front;
  gmux__lock_take(front->lock);
  for (size_t i = 0; i < front->count; i++) {
    gmux__lane *other = &front->lanes[i];
    if (other == lane || other->is_over) continue;
    lane_offer_keepalive(other, keepalive_ns);
    gmux__channel_send(other->channel, &other->slow_post);
  }
  gmux__lock_give(front->lock);
}

void gmux__lane_on_slow_post(gmux__post *post) {
  gmux__lane *lane = gmux__container(post, gmux__lane, slow_post.post);
  gmux_channel *channel = lane->channel;
  atomic_store(&lane->slow_post.is_posted, false);
  gmux__endpoint_slow_down(&channel->loop_only.endpoint, atomic_load(&lane->keepalive_ns));
  gmux__channel_release(channel);
}

/* ---- the application's side ---- */

gmux_channel_state gmux__front_get_state(gmux__front *front, bool try_to_connect) {
  gmux_channel_state state = (gmux_channel_state)atomic_load(&front->state);
  if (!try_to_connect || (state != GMUX_CHANNEL_IDLE && state != GMUX_CHANNEL_TRANSIENT_FAILURE))
    return state;
  for (size_t i = 0; i < front->count; i++)
    gmux_channel_get_state(front->lanes[i].channel, true);
  return state;
}

static void watcher_on_post(gmux__post *post) {
  front_watcher *w = gmux__container(post, front_watcher, post);
  gmux_channel *channel = w->lane->channel;
  watcher_tell(w);
  gmux__channel_release(channel);
}

/* It is another state already. The first lane tells it; while the handle is held its loop runs. */
static void watcher_post(front_watcher *w) {
  w->lane = &w->front->lanes[0];
  w->post.fn = watcher_on_post;
  gmux__channel_hold(w->lane->channel);
  gmux__loop_post(w->lane->channel->loop, &w->post);
}

int gmux__front_watch_state(gmux__front *front, gmux_channel_state last,
                            void (*fn)(gmux_channel_state state, void *user_data),
                            void *user_data) {
  if (atomic_load(&front->is_closing)) return gmux__fail(GMUX_ERR_CLOSED, "the channel is closed");
  front_watcher *w = gmux__calloc(1, sizeof *w);
  if (!w) return gmux__fail_code(GMUX_ERR_NOMEM);
  *w = (front_watcher){.front = front, .last = last, .fn = fn, .user_data = user_data};
  gmux__lock_take(front->lock);
  w->seen = front->locked.state;
  bool is_other = w->seen != last;
  bool is_never = !is_other && last == GMUX_CHANNEL_SHUTDOWN;
  if (!is_other && !is_never) gmux__list_append(&front->locked.watchers, &w->link);
  if (!is_never) gmux__front_hold(front);
  gmux__lock_give(front->lock);
  if (is_other) watcher_post(w);
  if (!is_never) return 0;
  gmux__free(w); /* closed meanwhile, and nothing will ever change again */
  return gmux__fail(GMUX_ERR_CLOSED, "the channel is closed");
}

/* ---- threads that wait ---- */

/* True: it waits; else it has its answer. */
static bool waiter_join(gmux__front *front, front_waiter *w) {
  gmux__lock_take(front->lock);
  bool is_answered = state_is_answer(front->locked.state);
  if (is_answered)
    w->answer = front->locked.state == GMUX_CHANNEL_READY ? 0 : GMUX_ERR_CLOSED;
  else
    gmux__list_append(&front->locked.waiters, &w->link);
  gmux__lock_give(front->lock);
  return !is_answered;
}

/* The time is up; but the answer may just have come. */
static void waiter_leave(gmux__front *front, front_waiter *w) {
  gmux__lock_take(front->lock);
  if (gmux__link_is_linked(&w->link)) {
    gmux__list_remove(&w->link);
    w->answer = GMUX_ERR_TIMEOUT;
  }
  gmux__lock_give(front->lock);
}

/* Lanes that connect already too: perhaps for a call, and when that has failed nobody asks. */
void gmux__front_want_connections(gmux__front *front) {
  for (size_t i = 0; i < front->count; i++)
    gmux__channel_send(front->lanes[i].channel, &front->lanes[i].channel->connect_post);
}

int gmux__front_connect_wait(gmux__front *front, int64_t timeout_ms) {
  front_waiter w = {.answer = 0};
  int error = gmux__mailbox_new(&w.box);
  if (error) return error;
  gmux__front_hold_lanes(front); /* it may be freed under a thread that waits for it */
  if (waiter_join(front, &w)) {
    gmux__front_want_connections(front);
    if (!gmux__mailbox_wait(w.box, GMUX__BOX_END, timeout_ms)) waiter_leave(front, &w);
  }
  gmux__mailbox_free(w.box);
  error = gmux__front_answer(front, w.answer, timeout_ms);
  gmux__front_release_lanes(front);
  return error;
}
