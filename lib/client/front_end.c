/*
 * front_end.c: how a channel of several loops ends: when all its lanes have.
 *
 * Whoever ends it first claims the end, as with a channel of one loop, and says whom to tell; each
 * lane is ended with the same word for the front, whoever asks, so that each says once that it is
 * over. The last of them, or who claimed the end if that took longer, tells it.
 */
#include "lib/client/front.h"

static void front_tell_end(gmux__front *front) {
  if (front->on_closed) front->on_closed(front->on_closed_data);
  gmux__enders_tell(&front->locked.enders, front->lock);
  gmux__front_release(front); /* its end's hold */
}

static void front_on_lane_closed(void *user_data) {
  gmux__lane *lane = user_data;
  gmux__front *front = lane->front;
  gmux__lock_take(front->lock);
  lane->is_over = true;
  gmux__lock_give(front->lock);
  if (atomic_fetch_sub(&front->left, 1) == 1) front_tell_end(front);
}

/* ---- the application's side ---- */

void gmux__front_on_end_post(gmux__post *post) {
  gmux__front *front = gmux__container(post, gmux__front, end_post);
  gmux_channel *channel = front->lanes[0].channel;
  front_tell_end(front);
  gmux__channel_release(channel);
}

/* Another thread may have ended all lanes between the claim and the word whom to tell: then it is
 * told from the first lane's loop, which the handle that we were called with keeps alive. */
static void front_claim_end(gmux__front *front, void (*on_closed)(void *user_data),
                            void *user_data) {
  if (atomic_exchange(&front->is_closing, true)) return;
  front->on_closed = on_closed;
  front->on_closed_data = user_data;
  if (atomic_fetch_sub(&front->left, 1) != 1) return;
  gmux__channel_hold(front->lanes[0].channel);
  gmux__loop_post(front->lanes[0].channel->loop, &front->end_post);
}

void gmux__front_close(gmux__front *front, void (*on_closed)(void *user_data), void *user_data) {
  gmux__front_hold(front); /* on_closed may free the handle before we are through */
  front_claim_end(front, on_closed, user_data);
  for (size_t i = 0; i < front->count; i++)
    gmux_channel_close(front->lanes[i].channel, front_on_lane_closed, &front->lanes[i]);
  gmux__front_release(front);
}

void gmux__front_drain(gmux__front *front, int64_t grace_ms, void (*on_closed)(void *user_data),
                       void *user_data) {
  gmux__front_hold(front);
  front_claim_end(front, on_closed, user_data);
  for (size_t i = 0; i < front->count; i++)
    gmux_channel_drain(front->lanes[i].channel, grace_ms, front_on_lane_closed, &front->lanes[i]);
  gmux__front_release(front);
}

void gmux__front_free(gmux__front *front) {
  gmux__front_close(front, NULL, NULL);
  for (size_t i = 0; i < front->count; i++)
    gmux_channel_free(front->lanes[i].channel);
  gmux__front_release(front);
}

int gmux__front_drain_wait(gmux__front *front, int64_t grace_ms) {
  gmux__ender e;
  int error = gmux__ender_init(&e);
  if (error) return error;
  gmux__front_hold(front); /* it may be freed under a thread that waits for it */
  gmux__front_hold_lanes(front);
  gmux__front_drain(front, grace_ms, NULL, NULL);
  gmux__front_release_lanes(front); /* or they would keep the loops from being stopped */
  gmux__ender_wait(&e, &front->locked.enders, front->lock);
  gmux__front_release(front);
  return 0;
}
