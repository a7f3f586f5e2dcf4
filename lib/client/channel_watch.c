/* channel_watch.c: who wants to know a channel's state: watchers of it and of its warmth, and
 * threads that wait for either. */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/client/channel.h"
#include "lib/client/front.h"
#include "lib/io/mailbox.h"
#include <stdio.h>

/* ---- watchers ---- */

/* One of gmux_channel_watch_state, or of gmux_channel_warm. */
typedef struct watcher {
  gmux__link link; /* in the channel's watchers or warmers, or due */
  gmux__post post;
  gmux_channel *channel;   /* held */
  gmux_channel_state last; /* watch */
  int seen;                /* what it will be told: a state, or an error */
  void (*fn)(gmux_channel_state state, void *user_data); /* watch; else NULL */
  void (*warm_fn)(int error, void *user_data);           /* warm */
  void *user_data;
} watcher;

static void watcher_free(watcher *w) {
  gmux_channel *channel = w->channel;
  gmux__free(w);
  gmux__channel_release(channel);
}

static void watcher_make_due(watcher *w, int seen) {
  gmux_channel *channel = w->channel;
  w->seen = seen;
  gmux__list_remove(&w->link);
  gmux__list_append(&channel->loop_only.due, &w->link);
  gmux__loop_defer(channel->loop, GMUX__PHASE_DONE, &channel->loop_only.watch_task);
}

static void watcher_add(watcher *w) {
  gmux_channel *channel = w->channel;
  if (channel->loop_only.state != w->last)
    watcher_make_due(w, (int)channel->loop_only.state);
  else if (w->last == GMUX_CHANNEL_SHUTDOWN)
    watcher_free(w); /* closed meanwhile, and nothing will ever change again */
  else
    gmux__list_append(&channel->loop_only.watchers, &w->link);
}

static void tell_watchers(gmux_channel *channel) {
  gmux__link *next;
  for (gmux__link *l = channel->loop_only.watchers.first; l; l = next) {
    next = l->next;
    watcher *w = gmux__container(l, watcher, link);
    if (w->last != channel->loop_only.state) watcher_make_due(w, (int)channel->loop_only.state);
  }
}

/* Whether who waits for READY, or for warmth, has an answer; if so, it is in *answer. */
static bool channel_answer(const gmux_channel *channel, bool is_warm, int *answer) {
  gmux_channel_state state = channel->loop_only.state;
  *answer = state == GMUX_CHANNEL_SHUTDOWN ? GMUX_ERR_CLOSED : 0;
  if (state == GMUX_CHANNEL_SHUTDOWN) return true;
  return is_warm ? gmux__endpoint_is_warm(&channel->loop_only.endpoint)
                 : state == GMUX_CHANNEL_READY;
}

static void warmer_add(watcher *w) {
  gmux_channel *channel = w->channel;
  gmux__list_append(&channel->loop_only.warmers, &w->link);
  if (channel->loop_only.state == GMUX_CHANNEL_SHUTDOWN)
    watcher_make_due(w, GMUX_ERR_CLOSED);
  else
    gmux__channel_reconcile(channel); /* which tells it, if all are there */
}

static void tell_warmers(gmux_channel *channel) {
  int answer;
  if (!channel->loop_only.warmers.first || !channel_answer(channel, true, &answer)) return;
  while (channel->loop_only.warmers.first)
    watcher_make_due(gmux__container(channel->loop_only.warmers.first, watcher, link), answer);
}

/* Those that are due now; one that a watcher adds waits for the next round. */
void gmux__channel_watch_run(void *arg) {
  gmux_channel *channel = arg;
  gmux__channel_hold(channel); /* beyond the last watcher */
  for (size_t left = channel->loop_only.due.count; left > 0; left--) {
    watcher *w = gmux__container(gmux__list_shift(&channel->loop_only.due), watcher, link);
    if (w->fn)
      w->fn((gmux_channel_state)w->seen, w->user_data);
    else
      w->warm_fn(w->seen, w->user_data);
    watcher_free(w);
  }
  gmux__channel_release(channel);
}

static void watcher_apply(watcher *w) {
  if (w->fn)
    watcher_add(w);
  else
    warmer_add(w);
}

static void watcher_on_post(gmux__post *post) {
  watcher_apply(gmux__container(post, watcher, post));
}

/* A copy of `asked` goes to the loop. */
static int watcher_start(const watcher *asked) {
  gmux_channel *channel = asked->channel;
  if (gmux__channel_is_closing(channel))
    return gmux__fail(GMUX_ERR_CLOSED, "the channel is closed");
  watcher *w = gmux__memdup(asked, sizeof *asked);
  if (!w) return gmux__fail_code(GMUX_ERR_NOMEM);
  gmux__channel_hold(channel);
  if (gmux_loop_is_inside(channel->loop)) {
    watcher_apply(w);
    return 0;
  }
  w->post.fn = watcher_on_post;
  gmux__loop_post(channel->loop, &w->post);
  return 0;
}

int gmux_channel_watch_state(gmux_channel *channel, gmux_channel_state last,
                             void (*fn)(gmux_channel_state state, void *user_data),
                             void *user_data) {
  if (!channel || !fn)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_channel_watch_state: channel or fn is NULL");
  if (channel->front) return gmux__front_watch_state(channel->front, last, fn, user_data);
  return watcher_start(
      &(watcher){.channel = channel, .last = last, .fn = fn, .user_data = user_data});
}

int gmux_channel_warm(gmux_channel *channel, void (*fn)(int error, void *user_data),
                      void *user_data) {
  if (!channel || !fn)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_channel_warm: channel or fn is NULL");
  if (channel->front) return gmux__front_warm(channel->front, fn, user_data);
  return watcher_start(&(watcher){.channel = channel, .warm_fn = fn, .user_data = user_data});
}

/* ---- threads that wait ---- */

bool gmux__channel_is_inside(const gmux_channel *channel) {
  return channel->front ? gmux__front_is_inside(channel->front)
                        : gmux_loop_is_inside(channel->loop);
}

typedef gmux__connect_waiter connect_waiter;

static void connect_waiter_answer(connect_waiter *cw, int answer) {
  cw->answer = answer;
  snprintf(cw->why, sizeof cw->why, "%s", gmux__endpoint_why(&cw->channel->loop_only.endpoint));
  gmux__list_remove(&cw->link);
  gmux__mailbox_set(cw->box, GMUX__BOX_END);
}

/* True: it is off the list. */
static bool connect_waiter_try(connect_waiter *cw) {
  int answer;
  bool is_answered = channel_answer(cw->channel, cw->is_warm, &answer);
  if (is_answered) connect_waiter_answer(cw, answer);
  return is_answered;
}

static void connect_waiter_on_add(gmux__post *post) {
  connect_waiter *cw = gmux__container(post, connect_waiter, add);
  gmux_channel *channel = cw->channel;
  gmux__list_append(&channel->loop_only.connect_waiters, &cw->link);
  if (!connect_waiter_try(cw)) gmux__channel_reconcile(channel);
}

static void connect_waiter_on_remove(gmux__post *post) {
  connect_waiter *cw = gmux__container(post, connect_waiter, remove);
  if (gmux__link_is_linked(&cw->link)) connect_waiter_answer(cw, GMUX_ERR_TIMEOUT);
  gmux__mailbox_set(cw->box, GMUX__BOX_CLOSED);
}

static void tell_connect_waiters(gmux_channel *channel) {
  gmux__link *next;
  for (gmux__link *l = channel->loop_only.connect_waiters.first; l; l = next) {
    next = l->next;
    connect_waiter_try(gmux__container(l, connect_waiter, link));
  }
}

void gmux__channel_tell_warmers(gmux_channel *channel) {
  tell_warmers(channel);
  tell_connect_waiters(channel);
}

void gmux__channel_tell_watchers(gmux_channel *channel) {
  tell_watchers(channel);
  gmux__channel_tell_warmers(channel);
}

int gmux__connect_waiter_init(gmux__connect_waiter *cw, gmux_channel *channel, bool is_warm) {
  *cw = (gmux__connect_waiter){.channel = channel,
                               .is_warm = is_warm,
                               .add.fn = connect_waiter_on_add,
                               .remove.fn = connect_waiter_on_remove};
  return gmux__mailbox_new(&cw->box);
}

void gmux__connect_waiter_begin(gmux__connect_waiter *cw) {
  gmux__loop_post(cw->channel->loop, &cw->add);
}

int gmux__connect_waiter_end(gmux__connect_waiter *cw, int64_t timeout_ms) {
  if (!gmux__mailbox_wait(cw->box, GMUX__BOX_END, timeout_ms)) {
    gmux__loop_post(cw->channel->loop, &cw->remove);
    gmux__mailbox_wait(cw->box, GMUX__BOX_CLOSED, -1);
  }
  return cw->answer;
}

static int connect_waiter_wait(connect_waiter *cw, int64_t timeout_ms) {
  gmux__connect_waiter_begin(cw);
  gmux__connect_waiter_end(cw, timeout_ms);
  if (cw->answer == 0) return 0;
  if (cw->answer == GMUX_ERR_CLOSED) return gmux__fail(GMUX_ERR_CLOSED, "the channel is closed");
  return gmux__fail(GMUX_ERR_TIMEOUT, "no connection within %lld ms%s%s", (long long)timeout_ms,
                    cw->why[0] ? ": " : "", cw->why);
}

static int channel_wait_for(gmux_channel *channel, const char *what, bool is_warm,
                            int64_t timeout_ms) {
  if (!channel) return gmux__fail(GMUX_ERR_INVALID, "%s: channel is NULL", what);
  if (timeout_ms < 0) timeout_ms = 0;
  if (gmux__channel_is_inside(channel))
    return gmux__fail(GMUX_ERR_DEADLOCK,
                      "%s was called on the loop's own thread, which would wait for itself", what);
  if (!is_warm && gmux_channel_get_state(channel, false) == GMUX_CHANNEL_READY) return 0;
  if (channel->front)
    return is_warm ? gmux__front_warm_wait(channel->front, timeout_ms)
                   : gmux__front_connect_wait(channel->front, timeout_ms);
  connect_waiter cw;
  int error = gmux__connect_waiter_init(&cw, channel, is_warm);
  if (error) return error;
  gmux__channel_hold(channel); /* it may be freed under a thread that waits for it */
  error = connect_waiter_wait(&cw, timeout_ms);
  gmux__channel_release(channel);
  gmux__mailbox_free(cw.box);
  return error;
}

int gmux_channel_connect_wait(gmux_channel *channel, int64_t timeout_ms) {
  return channel_wait_for(channel, "gmux_channel_connect_wait", false, timeout_ms);
}

int gmux_channel_warm_wait(gmux_channel *channel, int64_t timeout_ms) {
  return channel_wait_for(channel, "gmux_channel_warm_wait", true, timeout_ms);
}
