/* channel_stats.c: a channel's figures, and in debug builds whether they and its lists agree. */
#include "lib/base/fail.h"
#include "lib/client/call.h"
#include <assert.h>
#include <string.h>

static size_t calls_waiting(const gmux_channel *channel) {
  return channel->loop_only.waiting.count + channel->loop_only.again.count +
         channel->loop_only.resting.count;
}

/* Counts are lengths of lists, so they cannot drift; this shows them to other threads. */
void gmux__channel_publish(gmux_channel *channel) {
  gmux__channel_figures *f = &channel->shared.figures;
  const gmux__endpoint *endpoint = &channel->loop_only.endpoint;
  size_t running = channel->loop_only.running.count;
  gmux__counter_set(&f->running, running);
  gmux__counter_set(&f->waiting, calls_waiting(channel));
  if (running > gmux__counter_get(&f->peak)) gmux__counter_set(&f->peak, running);
  gmux__counter_set(&f->ready, endpoint->ready.count);
  gmux__counter_set(&f->draining, endpoint->draining.count);
  gmux__counter_set(&f->made, endpoint->made);
  gmux__counter_set(&f->dials_failed, endpoint->failed);
}

int gmux_channel_get_stats(gmux_channel *channel, gmux_channel_stats *stats) {
  if (!channel || !stats)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_channel_get_stats: channel or stats is NULL");
  if (stats->size < sizeof stats->size)
    return gmux__fail(GMUX_ERR_INVALID, "stats->size is %zu: set it to sizeof *stats", stats->size);
  const gmux__channel_figures *f = &channel->shared.figures;
  const gmux_channel_stats now = {
      .size = stats->size,
      .calls_started = gmux__counter_get(&f->started),
      .calls_succeeded = gmux__counter_get(&f->succeeded),
      .calls_failed = gmux__counter_get(&f->failed),
      .calls_running = (uint32_t)gmux__counter_get(&f->running),
      .calls_waiting = (uint32_t)gmux__counter_get(&f->waiting),
      .streams_peak = (uint32_t)gmux__counter_get(&f->peak),
      .connections = (uint32_t)(gmux__counter_get(&f->ready) + gmux__counter_get(&f->draining)),
      .connections_made = gmux__counter_get(&f->made),
      .dials_failed = gmux__counter_get(&f->dials_failed),
  };
  memcpy(stats, &now, stats->size < sizeof now ? stats->size : sizeof now);
  return 0;
}

#ifdef GMUX_DEBUG
static void check_list(const gmux_channel *channel, const gmux__list *list,
                       gmux__call_state state) {
  size_t count = 0;
  for (gmux__link *l = list->first; l; l = l->next) {
    const gmux_call *call = gmux__container(l, gmux_call, loop_only.link);
    assert(call->loop_only.state == state);
    assert(call->channel == channel);
    assert((call->loop_only.stream.conn != NULL) == (state == GMUX__CALL_RUNNING));
    if (state == GMUX__CALL_WAITING)
      assert((list == &channel->loop_only.again) == (gmux__call_attempts(call) > 0));
    count++;
  }
  assert(count == list->count);
}

void gmux__channel_check(const gmux_channel *channel) {
  const gmux__endpoint *endpoint = &channel->loop_only.endpoint;
  assert(channel->loop_only.state == gmux__endpoint_state(endpoint));
  assert(endpoint->greeting.count <= 1 && endpoint->ready.count <= 1);
  assert(!endpoint->greeting.first || endpoint->connector.stage == GMUX__CONNECTOR_HANDED);
  assert(!endpoint->ready.first || !gmux__connector_is_on(&endpoint->connector));
  check_list(channel, &channel->loop_only.waiting, GMUX__CALL_WAITING);
  check_list(channel, &channel->loop_only.again, GMUX__CALL_WAITING);
  check_list(channel, &channel->loop_only.running, GMUX__CALL_RUNNING);
  check_list(channel, &channel->loop_only.resting, GMUX__CALL_RESTING);
  check_list(channel, &channel->loop_only.ending, GMUX__CALL_ENDING);
  assert(channel->loop_only.waiting.count <= channel->options.max_waiting);
  if (channel->loop_only.state == GMUX_CHANNEL_SHUTDOWN)
    assert(!calls_waiting(channel) && !channel->loop_only.running.first);
  const gmux__channel_figures *f = &channel->shared.figures;
  assert(gmux__counter_get(&f->started) ==
         gmux__counter_get(&f->succeeded) + gmux__counter_get(&f->failed) +
             calls_waiting(channel) + channel->loop_only.running.count);
  assert(gmux__counter_get(&f->waiting) == calls_waiting(channel));
  assert(gmux__counter_get(&f->running) == channel->loop_only.running.count);
}
#endif
