/*
 * channel_pool.c: what the application asks of a channel's connections: connect, forget the
 * backoff, rotate, pause, resume.
 *
 * From another thread each is a post of its own, embedded in the channel, so that none can fail:
 * while one is on its way, asking again is the same question.
 */
#include "lib/client/channel.h"
#include "lib/client/front.h"

void gmux__channel_send(gmux_channel *channel, gmux__channel_post *post) {
  if (atomic_exchange(&post->is_posted, true)) return;
  gmux__channel_hold(channel);
  gmux__loop_post(channel->loop, &post->post);
}

/* ---- connect ---- */

static void channel_ask_connect(gmux_channel *channel) {
  if (channel->loop_only.state == GMUX_CHANNEL_READY) return;
  channel->loop_only.is_connect_asked = true;
  gmux__channel_reconcile(channel);
}

void gmux__channel_on_connect_post(gmux__post *post) {
  gmux_channel *channel = gmux__container(post, gmux_channel, connect_post.post);
  atomic_store(&channel->connect_post.is_posted, false);
  channel_ask_connect(channel);
  gmux__channel_release(channel);
}

gmux_channel_state gmux_channel_get_state(gmux_channel *channel, bool try_to_connect) {
  if (!channel) return GMUX_CHANNEL_SHUTDOWN;
  if (channel->front) return gmux__front_get_state(channel->front, try_to_connect);
  gmux_channel_state state = (gmux_channel_state)atomic_load(&channel->shared.state);
  if (!try_to_connect || (state != GMUX_CHANNEL_IDLE && state != GMUX_CHANNEL_TRANSIENT_FAILURE))
    return state;
  if (gmux_loop_is_inside(channel->loop))
    channel_ask_connect(channel);
  else
    gmux__channel_send(channel, &channel->connect_post);
  return state;
}

/* ---- backoff ---- */

static void channel_forget_backoff(gmux_channel *channel) {
  if (channel->loop_only.state == GMUX_CHANNEL_SHUTDOWN) return;
  gmux__endpoint_reset_backoff(&channel->loop_only.endpoint);
  gmux__channel_reconcile(channel);
}

void gmux__channel_on_backoff_post(gmux__post *post) {
  gmux_channel *channel = gmux__container(post, gmux_channel, backoff_post.post);
  atomic_store(&channel->backoff_post.is_posted, false);
  channel_forget_backoff(channel);
  gmux__channel_release(channel);
}

void gmux_channel_reset_backoff(gmux_channel *channel) {
  if (!channel) return;
  if (channel->front)
    gmux__front_each(channel->front, gmux_channel_reset_backoff);
  else if (gmux_loop_is_inside(channel->loop))
    channel_forget_backoff(channel);
  else
    gmux__channel_send(channel, &channel->backoff_post);
}

/* ---- rotate ---- */

static void channel_rotate(gmux_channel *channel) {
  if (channel->loop_only.state == GMUX_CHANNEL_SHUTDOWN) return;
  gmux__endpoint_rotate(&channel->loop_only.endpoint);
}

void gmux__channel_on_rotate_post(gmux__post *post) {
  gmux_channel *channel = gmux__container(post, gmux_channel, rotate_post.post);
  atomic_store(&channel->rotate_post.is_posted, false);
  channel_rotate(channel);
  gmux__channel_release(channel);
}

void gmux_channel_rotate(gmux_channel *channel) {
  if (!channel) return;
  if (channel->front)
    gmux__front_each(channel->front, gmux_channel_rotate);
  else if (gmux_loop_is_inside(channel->loop))
    channel_rotate(channel);
  else
    gmux__channel_send(channel, &channel->rotate_post);
}

/* ---- pause and resume ---- */

void gmux__channel_set_paused(gmux_channel *channel, bool is_paused) {
  if (channel->loop_only.is_paused == is_paused) return;
  if (channel->loop_only.state == GMUX_CHANNEL_SHUTDOWN) return;
  if (is_paused && channel->loop_only.is_draining) return; /* its calls are to end */
  gmux__log(gmux__loop_logger(channel->loop), GMUX_LOG_INFO, "client", "channel to %s: %s",
            channel->authority, is_paused ? "paused" : "resumed");
  channel->loop_only.is_paused = is_paused;
  if (!is_paused && gmux__endpoint_is_held_back(&channel->loop_only.endpoint))
    gmux__channel_fail_waiting(channel);
  gmux__channel_reconcile(channel);
}

void gmux__channel_on_pause_post(gmux__post *post) {
  gmux_channel *channel = gmux__container(post, gmux_channel, pause_post.post);
  atomic_store(&channel->pause_post.is_posted, false);
  gmux__channel_set_paused(channel, atomic_load(&channel->shared.is_pause_wanted));
  gmux__channel_release(channel);
}

void gmux__channel_heed_pause(gmux_channel *channel) {
  if (gmux_loop_is_inside(channel->loop))
    gmux__channel_set_paused(channel, atomic_load(&channel->shared.is_pause_wanted));
  else
    gmux__channel_send(channel, &channel->pause_post);
}

/* One post for both: what was asked last holds. */
static void channel_ask_pause(gmux_channel *channel, bool is_paused) {
  if (!channel) return;
  if (channel->front) {
    gmux__front_ask_pause(channel->front, is_paused);
    return;
  }
  atomic_store(&channel->shared.is_pause_wanted, is_paused);
  gmux__channel_heed_pause(channel);
}

void gmux_channel_pause(gmux_channel *channel) {
  channel_ask_pause(channel, true);
}

void gmux_channel_resume(gmux_channel *channel) {
  channel_ask_pause(channel, false);
}
