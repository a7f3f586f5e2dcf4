/* front_end.c: how a server of several loops ends: when all its lanes have. As lib/client's. */
#include "lib/server/front.h"

static void front_tell_end(gmux__server_front *front) {
  if (front->on_closed) front->on_closed(front->on_closed_data);
  gmux__enders_tell(&front->locked.enders, front->lock);
  gmux__server_front_release(front); /* its end's hold */
}

static void front_on_lane_closed(void *user_data) {
  gmux__server_lane *lane = user_data;
  gmux__server_front *front = lane->front;
  gmux__lock_take(front->lock);
  lane->locked.is_over = true;
  gmux__lock_give(front->lock);
  if (atomic_fetch_sub(&front->left, 1) == 1) front_tell_end(front);
}

void gmux__server_front_on_end_post(gmux__post *post) {
  front_tell_end(gmux__container(post, gmux__server_front, end_post));
}

/* Another thread may have ended all lanes between the claim and the word whom to tell: then it is
 * told from the first lane's loop, which the handle that we were called with keeps alive. */
static void front_claim_end(gmux__server_front *front, void (*on_closed)(void *user_data),
                            void *user_data) {
  if (atomic_exchange(&front->is_ending, true)) return;
  front->on_closed = on_closed;
  front->on_closed_data = user_data;
  if (atomic_fetch_sub(&front->left, 1) == 1)
    gmux__loop_post(front->lanes[0].loop, &front->end_post);
}

void gmux__server_front_drain(gmux__server_front *front, int64_t grace_ms,
                              void (*on_closed)(void *user_data), void *user_data) {
  gmux__server_front_hold(front); /* on_closed may free the handle before we are through */
  front_claim_end(front, on_closed, user_data);
  for (size_t i = 0; i < front->count; i++)
    gmux_server_drain(front->lanes[i].server, grace_ms, front_on_lane_closed, &front->lanes[i]);
  gmux__server_front_release(front);
}

/* A drain that runs keeps the time it was given. */
void gmux__server_front_free(gmux__server_front *front) {
  if (!atomic_load(&front->is_ending)) gmux__server_front_drain(front, 0, NULL, NULL);
  for (size_t i = 0; i < front->count; i++)
    gmux_server_free(front->lanes[i].server);
  gmux__server_front_release(front);
}

int gmux__server_front_drain_wait(gmux__server_front *front, int64_t grace_ms) {
  gmux__ender e;
  int error = gmux__ender_init(&e);
  if (error) return error;
  gmux__server_front_hold(front);
  gmux__server_front_drain(front, grace_ms, NULL, NULL);
  gmux__ender_wait(&e, &front->locked.enders, front->lock);
  gmux__server_front_release(front);
  return 0;
}
