/* front_end.c: how a server of several loops ends: when all its lanes have. As lib/client's. */
#include "lib/base/fail.h"
#include "lib/io/mailbox.h"
#include "lib/server/front.h"

/* Lives on the stack of its thread, and is gone as soon as the box has its flag. */
typedef struct front_ender {
  gmux__link link; /* in the front's enders */
  gmux__mailbox *box;
} front_ender;

static void tell_enders(gmux__server_front *front) {
  gmux__link *link;
  gmux__lock_take(front->lock);
  front->locked.is_end_told = true;
  while ((link = gmux__list_shift(&front->locked.enders)))
    gmux__mailbox_set(gmux__container(link, front_ender, link)->box, GMUX__BOX_CLOSED);
  gmux__lock_give(front->lock);
}

static void front_tell_end(gmux__server_front *front) {
  if (front->on_closed) front->on_closed(front->on_closed_data);
  tell_enders(front);
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

/* True: its end has not been told yet, and will be to `e`. */
static bool ender_join(gmux__server_front *front, front_ender *e) {
  gmux__lock_take(front->lock);
  bool is_told = front->locked.is_end_told;
  if (!is_told) gmux__list_append(&front->locked.enders, &e->link);
  gmux__lock_give(front->lock);
  return !is_told;
}

int gmux__server_front_drain_wait(gmux__server_front *front, int64_t grace_ms) {
  front_ender e = {.box = NULL};
  int error = gmux__mailbox_new(&e.box);
  if (error) return error;
  gmux__server_front_hold(front);
  gmux__server_front_drain(front, grace_ms, NULL, NULL);
  if (ender_join(front, &e)) gmux__mailbox_wait(e.box, GMUX__BOX_CLOSED, -1);
  gmux__mailbox_free(e.box);
  gmux__server_front_release(front);
  return 0;
}
