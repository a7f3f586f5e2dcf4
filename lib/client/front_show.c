/* front_show.c: what the lanes of a front have done together, in figures and in words. */
#include "lib/client/front.h"
#include "lib/client/words.h"
#include <stddef.h>
#include <string.h>

/* ---- figures ---- */

#define FIGURE(name) offsetof(gmux_channel_stats, name)

/* uint32_t, and uint64_t, that are added up; rows of them by their length. */
static const size_t sums32[] = {
    FIGURE(calls_running),     FIGURE(calls_waiting),       FIGURE(streams_peak),
    FIGURE(connections),       FIGURE(streams_unreset),     FIGURE(connections_dialing),
    FIGURE(connections_ready), FIGURE(connections_suspect), FIGURE(connections_draining),
};
static const struct {
  size_t at, length;
} sums64[] = {
    {FIGURE(calls_started), 1},  {FIGURE(calls_succeeded), 1},
    {FIGURE(calls_failed), 1},   {FIGURE(connections_made), 1},
    {FIGURE(dials_failed), 1},   {FIGURE(dials_started), 1},
    {FIGURE(lost), GMUX_LOSSES}, {FIGURE(goaways), GMUX_H2_CODES},
    {FIGURE(too_many_pings), 1}, {FIGURE(attempts), 1},
    {FIGURE(retries), 5},        {FIGURE(reused), 1},
    {FIGURE(recycled_age), 1},   {FIGURE(recycled_calls), 1},
    {FIGURE(recycled_ids), 1},   {FIGURE(recycled_rotated), 1},
    {FIGURE(closed_idle), 1},    {FIGURE(pings_sent), 1},
    {FIGURE(pings_acked), 1},    {FIGURE(suspicions), 1},
    {FIGURE(validations), 1},    {FIGURE(resets_sent), 1},
    {FIGURE(resets_delayed), 1}, {FIGURE(resets_received), 1},
    {FIGURE(bytes_sent), 1},     {FIGURE(bytes_received), 1},
    {FIGURE(ended_chatter), 1},  {FIGURE(ended_metadata), 1},
    {FIGURE(ended_unread), 1},   {FIGURE(memory_bytes), 1},
    {FIGURE(memory_waits), 1},
};

static void add_figures(gmux_channel_stats *sum, const gmux_channel_stats *part) {
  for (size_t i = 0; i < sizeof sums32 / sizeof *sums32; i++)
    *(uint32_t *)(void *)((char *)sum + sums32[i]) +=
        *(const uint32_t *)(const void *)((const char *)part + sums32[i]);
  for (size_t i = 0; i < sizeof sums64 / sizeof *sums64; i++)
    for (size_t j = 0; j < sums64[i].length; j++)
      ((uint64_t *)(void *)((char *)sum + sums64[i].at))[j] +=
          ((const uint64_t *)(const void *)((const char *)part + sums64[i].at))[j];
  if (part->oldest_waiter_ms > sum->oldest_waiter_ms)
    sum->oldest_waiter_ms = part->oldest_waiter_ms;
  if (part->keepalive_ms > sum->keepalive_ms) sum->keepalive_ms = part->keepalive_ms;
}

void gmux__front_get_stats(gmux__front *front, gmux_channel_stats *stats) {
  for (size_t i = 0; i < front->count; i++) {
    gmux_channel_stats part = {.size = sizeof part};
    gmux_channel_get_stats(front->lanes[i].channel, &part);
    add_figures(stats, &part);
  }
}

/* ---- words ---- */

/* Without waiting for its loop: two loops that describe each other would wait for ever. */
static void say_from_afar(gmux__words *w, gmux__lane *lane) {
  gmux_channel_stats s = {.size = sizeof s};
  gmux_channel_get_stats(lane->channel, &s);
  gmux__say(w, "channel to %s: %s\n", lane->channel->authority,
            gmux_channel_state_str((gmux_channel_state)atomic_load(&lane->state)));
  gmux__say(w, "  calls: %u on a stream, %u wait\n", s.calls_running, s.calls_waiting);
  gmux__say(w, "  connections: %u (asked on another loop's thread: no more is told)\n",
            s.connections);
}

static void say_lane(gmux__words *w, gmux__lane *lane, bool is_inside) {
  gmux_channel *channel = lane->channel;
  gmux__say(w, "on loop %zu of %zu: ", lane->index + 1, lane->front->count);
  if (is_inside && !gmux_loop_is_inside(channel->loop)) {
    say_from_afar(w, lane);
    return;
  }
  size_t used = w->used < w->len ? w->used : w->len;
  w->used += gmux_channel_describe(channel, w->text ? w->text + used : NULL, w->len - used);
}

size_t gmux__front_describe(gmux__front *front, char *text, size_t len) {
  gmux__words w = {text, len, 0};
  bool is_inside = gmux__front_is_inside(front);
  gmux__say(&w, "channel to %s on %zu loops: %s\n", front->lanes[0].channel->authority,
            front->count, gmux_channel_state_str((gmux_channel_state)atomic_load(&front->state)));
  for (size_t i = 0; i < front->count; i++)
    say_lane(&w, &front->lanes[i], is_inside);
  return w.used;
}

/* ---- a peer ---- */

/* As with words: who is on a loop's thread waits for no other loop. */
int gmux__front_get_peer(gmux__front *front, gmux_channel_peer *peer, gmux_bytes *certificate) {
  bool is_inside = gmux__front_is_inside(front);
  int error = GMUX_ERR_NOT_FOUND;
  for (size_t i = 0; i < front->count && error == GMUX_ERR_NOT_FOUND; i++) {
    gmux_channel *channel = front->lanes[i].channel;
    if (!is_inside || gmux_loop_is_inside(channel->loop))
      error = gmux_channel_get_peer(channel, peer, certificate);
  }
  return error;
}
