/*
 * channel_end.c: how a channel ends: at once (close), when its calls have (drain), and when nobody
 * holds it any more.
 *
 * Several threads may end it at the same moment. The first to claim the end (shared.is_closing) has
 * its on_closed told, and from then on new calls are refused; the others can only hasten it. That
 * on_closed is there for the loop to read is a second step (shared.is_end_known), and the end waits
 * for it: a close that overtakes the drain that claimed the end must not tell half a callback.
 */
#include "lib/base/fail.h"
#include "lib/client/channel.h"
#include "lib/client/front.h"
#include "lib/io/mailbox.h"
#include <assert.h>

/* Calls first: so their streams are reset, and none of them hears that its connection was lost. */
static void channel_shut_down(gmux_channel *channel) {
  gmux__timer_clear(channel->loop, &channel->loop_only.drain_timer);
  gmux__h2_keep_nothing(channel->h2);
  gmux__channel_keep_nothing(channel);
  gmux__channel_cancel_calls(channel);
  gmux__endpoint_close(&channel->loop_only.endpoint, "the channel was closed");
  gmux__channel_reconcile(channel);
}

void gmux__channel_check_over(gmux_channel *channel) {
  bool has_calls = gmux__channel_has_calls(channel);
  if (channel->loop_only.is_draining && !has_calls &&
      channel->loop_only.state != GMUX_CHANNEL_SHUTDOWN) {
    channel_shut_down(channel); /* which comes here again */
    return;
  }
  if (channel->loop_only.is_over || channel->loop_only.state != GMUX_CHANNEL_SHUTDOWN) return;
  if (has_calls || !gmux__endpoint_is_gone(&channel->loop_only.endpoint)) return;
  if (!atomic_load(&channel->shared.is_end_known)) return; /* its post is on the way */
  channel->loop_only.is_over = true;
  gmux__loop_defer(channel->loop, GMUX__PHASE_DONE, &channel->loop_only.closed_task);
}

/* ---- threads that wait for the end ---- */

/* Lives on the stack of its thread, and is gone as soon as the box has its flag. */
typedef struct end_waiter {
  gmux__link link; /* in the channel's end_waiters */
  gmux__post post;
  gmux_channel *channel; /* held */
  gmux__mailbox *box;
} end_waiter;

static void end_waiter_on_post(gmux__post *post) {
  end_waiter *w = gmux__container(post, end_waiter, post);
  if (w->channel->loop_only.is_end_told)
    gmux__mailbox_set(w->box, GMUX__BOX_CLOSED);
  else
    gmux__list_append(&w->channel->loop_only.end_waiters, &w->link);
}

static void channel_tell_end_waiters(gmux_channel *channel) {
  gmux__link *link;
  while ((link = gmux__list_shift(&channel->loop_only.end_waiters)))
    gmux__mailbox_set(gmux__container(link, end_waiter, link)->box, GMUX__BOX_CLOSED);
}

void gmux__channel_on_closed_task(void *arg) {
  gmux_channel *channel = arg;
  if (channel->on_closed) channel->on_closed(channel->on_closed_data);
  channel->loop_only.is_end_told = true;
  channel_tell_end_waiters(channel);
  gmux__channel_release_here(channel); /* the loop's hold */
}

/* False: somebody else has. */
static bool channel_claim_end(gmux_channel *channel, void (*on_closed)(void *user_data),
                              void *user_data) {
  if (atomic_exchange(&channel->shared.is_closing, true)) return false;
  channel->on_closed = on_closed;
  channel->on_closed_data = user_data;
  atomic_store(&channel->shared.is_end_known, true);
  return true;
}

/* ---- close ---- */

/* Again when the end was not known the first time. */
static void channel_close_now(gmux_channel *channel) {
  if (channel->loop_only.state == GMUX_CHANNEL_SHUTDOWN)
    gmux__channel_check_over(channel);
  else
    channel_shut_down(channel);
}

void gmux__channel_on_close_post(gmux__post *post) {
  gmux_channel *channel = gmux__container(post, gmux_channel, close_post.post);
  atomic_store(&channel->close_post.is_posted, false);
  channel_close_now(channel);
  gmux__channel_release(channel);
}

void gmux_channel_close(gmux_channel *channel, void (*on_closed)(void *user_data),
                        void *user_data) {
  if (!channel) return;
  if (channel->front) {
    gmux__front_close(channel->front, on_closed, user_data);
    return;
  }
  bool is_mine = channel_claim_end(channel, on_closed, user_data);
  /* Another close may have overtaken this one and be through: then the end waits for us. */
  if (atomic_exchange(&channel->shared.is_shut, true) && !is_mine) return;
  if (gmux_loop_is_inside(channel->loop))
    channel_close_now(channel);
  else
    gmux__channel_send(channel, &channel->close_post);
}

void gmux_channel_free(gmux_channel *channel) {
  if (!channel) return;
  if (channel->front) {
    gmux__front_free(channel->front);
    return;
  }
  gmux_channel_close(channel, NULL, NULL);
  gmux__channel_release(channel);
}

/* ---- drain ---- */

void gmux__channel_on_drain_timer(void *arg) {
  channel_shut_down(arg);
}

static uint64_t grace_end(uint64_t now_ns, int64_t grace_ms) {
  uint64_t most_ms = (GMUX__NEVER - 1 - now_ns) / GMUX__NS_PER_MS;
  if (grace_ms == GMUX_NO_TIMEOUT || (uint64_t)grace_ms > most_ms) return GMUX__NEVER;
  return now_ns + (uint64_t)grace_ms * GMUX__NS_PER_MS;
}

static void channel_drain_now(gmux_channel *channel) {
  int64_t grace_ms = atomic_exchange(&channel->shared.grace_ms, GMUX_NO_TIMEOUT);
  if (channel->loop_only.state == GMUX_CHANNEL_SHUTDOWN) {
    gmux__channel_check_over(channel);
    return;
  }
  channel->loop_only.is_draining = true;
  uint64_t end_ns = grace_end(gmux__loop_now(channel->loop), grace_ms);
  if (end_ns < channel->loop_only.drain_timer.at_ns)
    gmux__timer_set(channel->loop, &channel->loop_only.drain_timer, end_ns);
  gmux__channel_set_paused(channel, false);
  if (grace_ms == 0)
    channel_shut_down(channel);
  else
    gmux__channel_check_over(channel);
}

void gmux__channel_on_drain_post(gmux__post *post) {
  gmux_channel *channel = gmux__container(post, gmux_channel, drain_post.post);
  atomic_store(&channel->drain_post.is_posted, false);
  channel_drain_now(channel);
  gmux__channel_release(channel);
}

/* The shortest that was asked for and not looked at yet. */
static void channel_offer_grace(gmux_channel *channel, int64_t grace_ms) {
  int64_t seen_ms = atomic_load(&channel->shared.grace_ms);
  while (grace_ms < seen_ms &&
         !atomic_compare_exchange_weak(&channel->shared.grace_ms, &seen_ms, grace_ms))
    ;
}

void gmux_channel_drain(gmux_channel *channel, int64_t grace_ms, void (*on_closed)(void *user_data),
                        void *user_data) {
  if (!channel) return;
  if (channel->front) {
    gmux__front_drain(channel->front, grace_ms, on_closed, user_data);
    return;
  }
  channel_claim_end(channel, on_closed, user_data);
  channel_offer_grace(channel, grace_ms < 0 ? 0 : grace_ms);
  if (gmux_loop_is_inside(channel->loop))
    channel_drain_now(channel);
  else
    gmux__channel_send(channel, &channel->drain_post);
}

int gmux_channel_drain_wait(gmux_channel *channel, int64_t grace_ms) {
  if (!channel) return gmux__fail(GMUX_ERR_INVALID, "gmux_channel_drain_wait: channel is NULL");
  if (gmux__channel_is_inside(channel))
    return gmux__fail(GMUX_ERR_DEADLOCK, "gmux_channel_drain_wait was called on the loop's own "
                                         "thread, which would wait for itself");
  if (channel->front) return gmux__front_drain_wait(channel->front, grace_ms);
  end_waiter w = {.post.fn = end_waiter_on_post, .channel = channel};
  int error = gmux__mailbox_new(&w.box);
  if (error) return error;
  gmux__channel_hold(channel); /* it may be freed under a thread that waits for it */
  gmux_channel_drain(channel, grace_ms, NULL, NULL);
  gmux__loop_post(channel->loop, &w.post);
  gmux__mailbox_wait(w.box, GMUX__BOX_CLOSED, -1);
  gmux__mailbox_free(w.box);
  gmux__channel_release(channel);
  return 0;
}

/* ---- holds ---- */

static void channel_defer_free(gmux_channel *channel) {
  gmux__loop_defer(channel->loop, GMUX__PHASE_FREE, &channel->loop_only.free_task);
}

void gmux__channel_on_free_post(gmux__post *post) {
  channel_defer_free(gmux__container(post, gmux_channel, free_post.post));
}

void gmux__channel_hold(gmux_channel *channel) {
  atomic_fetch_add_explicit(&channel->shared.holds, 1, memory_order_relaxed);
}

void gmux__channel_release(gmux_channel *channel) {
  unsigned before = atomic_fetch_sub_explicit(&channel->shared.holds, 1, memory_order_acq_rel);
  assert(before > 0);
  if (before != 1) return;
  if (gmux_loop_is_inside(channel->loop))
    channel_defer_free(channel);
  else
    gmux__loop_post(channel->loop, &channel->free_post.post);
}

void gmux__channel_hold_here(gmux_channel *channel) {
  assert(channel->loop_only.holds > 0 && gmux_loop_is_inside(channel->loop));
  channel->loop_only.holds++;
}

void gmux__channel_release_here(gmux_channel *channel) {
  assert(channel->loop_only.holds > 0 && gmux_loop_is_inside(channel->loop));
  if (--channel->loop_only.holds == 0) gmux__channel_release(channel);
}
