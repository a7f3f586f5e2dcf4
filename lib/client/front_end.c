/*
 * front_end.c: how a channel of several loops ends: when all its lanes have.
 *
 * Whoever ends it first claims the end, as with a channel of one loop, and says whom to tell; each
 * lane is ended with the same word for the front, whoever asks, so that each says once that it is
 * over. The last of them, or who claimed the end if that took longer, tells it.
 */
#include "lib/base/fail.h"
#include "lib/client/front.h"
#include "lib/io/mailbox.h"

/* Lives on the stack of its thread, and is gone as soon as the box has its flag. */
typedef struct front_ender {
  gmux__link link; /* in the front's enders */
  gmux__mailbox *box;
} front_ender;

static void tell_enders(gmux__front *front) {
  gmux__link *link;
  gmux__lock_take(front->lock);
  front->locked.is_end_told = true;
  while ((link = gmux__list_shift(&front->locked.enders)))
    gmux__mailbox_set(gmux__container(link, front_ender, link)->box, GMUX__BOX_CLOSED);
  gmux__lock_give(front->lock);
}

static void front_tell_end(gmux__front *front) {
  if (front->on_closed) front->on_closed(front->on_closed_data);
  tell_enders(front);
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

/* True: its end has not been told yet, and will be to `e`. */
static bool ender_join(gmux__front *front, front_ender *e) {
  gmux__lock_take(front->lock);
  bool is_told = front->locked.is_end_told;
  if (!is_told) gmux__list_append(&front->locked.enders, &e->link);
  gmux__lock_give(front->lock);
  return !is_told;
}

int gmux__front_drain_wait(gmux__front *front, int64_t grace_ms) {
  front_ender e = {.box = NULL};
  int error = gmux__mailbox_new(&e.box);
  if (error) return error;
  gmux__front_hold(front); /* it may be freed under a thread that waits for it */
  gmux__front_hold_lanes(front);
  gmux__front_drain(front, grace_ms, NULL, NULL);
  gmux__front_release_lanes(front); /* or they would keep the loops from being stopped */
  if (ender_join(front, &e)) gmux__mailbox_wait(e.box, GMUX__BOX_CLOSED, -1);
  gmux__mailbox_free(e.box);
  gmux__front_release(front);
  return 0;
}
