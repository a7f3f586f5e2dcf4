/* front.c: how a server of several loops is made, and what its lanes have done together. */
#include "lib/server/front.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/policy/lanes.h"
#include "lib/server/options.h"
#include <assert.h>
#include <stddef.h>

static_assert((int)GMUX_SERVER_LOOPS_MAX == (int)GMUX__LANES_MAX, "one bound is checked");

/* ---- holds ---- */

void gmux__server_front_hold(gmux__server_front *front) {
  atomic_fetch_add_explicit(&front->holds, 1, memory_order_relaxed);
}

void gmux__server_front_release(gmux__server_front *front) {
  unsigned before = atomic_fetch_sub_explicit(&front->holds, 1, memory_order_acq_rel);
  assert(before > 0);
  if (before != 1) return;
  gmux__lock_free(front->lock);
  gmux__free(front);
}

bool gmux__server_front_is_inside(const gmux__server_front *front) {
  for (size_t i = 0; i < front->count; i++)
    if (gmux_loop_is_inside(front->lanes[i].loop)) return true;
  return false;
}

/* The loop of a lane that is not over stays while the lock is held. */
bool gmux__server_lane_is_inside(gmux__server_lane *lane) {
  gmux__server_front *front = lane->front;
  bool is_inside = false;
  gmux__lock_take(front->lock);
  for (size_t i = 0; i < front->count && !is_inside; i++)
    is_inside = !front->lanes[i].locked.is_over && gmux_loop_is_inside(front->lanes[i].loop);
  gmux__lock_give(front->lock);
  return is_inside;
}

int gmux__server_front_each(gmux__server_front *front, int (*fn)(gmux_server *server, void *arg),
                            void *arg) {
  int error = 0;
  for (size_t i = 0; i < front->count && !error; i++)
    error = fn(front->lanes[i].server, arg);
  return error;
}

/* ---- making one ---- */

enum { LANE_CEILING = 1 << 20 }; /* the least that max_memory_bytes may be */

/* What is meant for the server as a whole is divided. */
static gmux_server_options lane_options(const gmux_server_options *total, size_t count,
                                        size_t lane) {
  gmux_server_options o = *total;
  o.max_connections = gmux__lanes_part_of_least(o.max_connections, count, lane, 1);
  o.max_handshaking = gmux__lanes_part_of_least(o.max_handshaking, count, lane, 1);
  o.max_server_held_calls = gmux__lanes_part_of_least(o.max_server_held_calls, count, lane, 1);
  o.server_queue_bytes =
      gmux__lanes_part_of_least(o.server_queue_bytes, count, lane, o.connection_queue_bytes);
  if (o.max_memory_bytes)
    o.max_memory_bytes = gmux__lanes_part_of_least(o.max_memory_bytes, count, lane, LANE_CEILING);
  return o;
}

static int front_add_lane(gmux__server_front *front, gmux_loop *loop,
                          const gmux_server_options *options) {
  gmux__server_lane *lane = &front->lanes[front->count];
  int error = gmux_server_new(&lane->server, loop, options);
  if (error) return error;
  lane->front = front;
  lane->loop = loop;
  gmux__server_front_hold(front);
  lane->server->lane = lane; /* nothing runs on it yet */
  front->count++;
  return 0;
}

static int front_new(gmux__server_front **out, size_t count) {
  gmux__server_front *front = gmux__calloc(1, sizeof *front + count * sizeof front->lanes[0]);
  if (!front) return gmux__fail_code(GMUX_ERR_NOMEM);
  int error = gmux__lock_new(&front->lock);
  if (error) {
    gmux__free(front);
    return error;
  }
  front->handle.front = front;
  front->end_post.fn = gmux__server_front_on_end_post;
  atomic_init(&front->holds, 1);
  *out = front;
  return 0;
}

/* The lanes that were made have never run: they go as soon as their loops look. */
static void front_discard(gmux__server_front *front) {
  for (size_t i = 0; i < front->count; i++)
    gmux_server_free(front->lanes[i].server);
  gmux__server_front_release(front);
}

int gmux_server_new_on_loops(gmux_server **out, gmux_loop *const *loops, size_t loop_count,
                             const gmux_server_options *options) {
  if (!out || !loops)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_server_new_on_loops: %s is NULL",
                      out ? "loops" : "out");
  int error = gmux__lanes_check("gmux_server_new_on_loops", loops, loop_count);
  if (error) return error;
  if (loop_count == 1) return gmux_server_new(out, loops[0], options);
  gmux_server_options total;
  error = gmux__server_options_read(&total, options);
  if (error) return error;
  gmux__server_front *front = NULL;
  error = front_new(&front, loop_count);
  if (error) return error;
  for (size_t i = 0; i < loop_count && !error; i++) {
    gmux_server_options o = lane_options(&total, loop_count, i);
    error = front_add_lane(front, loops[i], &o);
  }
  if (error) {
    front_discard(front);
    return error;
  }
  gmux__server_front_hold(front); /* its end's */
  atomic_init(&front->left, (unsigned)loop_count + 1);
  *out = &front->handle;
  return 0;
}

/* ---- figures ---- */

#define FIGURE(name) offsetof(gmux_server_stats, name)

static const size_t sums32[] = {
    FIGURE(calls_running),           FIGURE(calls_peak), FIGURE(connections),
    FIGURE(connections_handshaking), FIGURE(calls_held),
};
static const size_t sums64[] = {
    FIGURE(calls_started),       FIGURE(calls_succeeded),
    FIGURE(calls_failed),        FIGURE(connections_accepted),
    FIGURE(connections_refused), FIGURE(connections_overdue),
    FIGURE(pings_received),      FIGURE(pings_bad),
    FIGURE(too_many_pings),      FIGURE(pings_sent),
    FIGURE(clients_dead),        FIGURE(ended_idle),
    FIGURE(ended_age),           FIGURE(resets_sent),
    FIGURE(resets_delayed),      FIGURE(resets_received),
    FIGURE(bytes_sent),          FIGURE(bytes_received),
    FIGURE(calls_refused),       FIGURE(ended_resets),
    FIGURE(ended_chatter),       FIGURE(ended_metadata),
    FIGURE(ended_unread),        FIGURE(calls_refused_held),
    FIGURE(handshakes_failed),   FIGURE(calls_stalled),
    FIGURE(memory_bytes),        FIGURE(memory_waits),
};

static void add_figures(gmux_server_stats *sum, const gmux_server_stats *part) {
  for (size_t i = 0; i < sizeof sums32 / sizeof *sums32; i++)
    *(uint32_t *)(void *)((char *)sum + sums32[i]) +=
        *(const uint32_t *)(const void *)((const char *)part + sums32[i]);
  for (size_t i = 0; i < sizeof sums64 / sizeof *sums64; i++)
    *(uint64_t *)(void *)((char *)sum + sums64[i]) +=
        *(const uint64_t *)(const void *)((const char *)part + sums64[i]);
}

void gmux__server_front_get_stats(gmux__server_front *front, gmux_server_stats *stats) {
  for (size_t i = 0; i < front->count; i++) {
    gmux_server_stats part = {.size = sizeof part};
    gmux_server_get_stats(front->lanes[i].server, &part);
    add_figures(stats, &part);
  }
}
