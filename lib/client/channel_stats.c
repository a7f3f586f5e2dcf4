/* channel_stats.c: a channel's figures, and in debug builds whether they and its lists agree. */
#include "lib/base/fail.h"
#include "lib/client/call.h"
#include <assert.h>
#include <string.h>

static void set_u32(_Atomic(uint32_t) *figure, size_t value) {
  atomic_store_explicit(figure, (uint32_t)value, memory_order_relaxed);
}

static uint32_t get_u32(const _Atomic(uint32_t) *figure) {
  return atomic_load_explicit(figure, memory_order_relaxed);
}

static uint64_t get_u64(const _Atomic(uint64_t) *figure) {
  return atomic_load_explicit(figure, memory_order_relaxed);
}

/* Counts are lengths of lists, so they cannot drift; this shows them to other threads. */
void gmux__channel_publish(gmux_channel *channel) {
  gmux__channel_figures *f = &channel->shared.figures;
  const gmux__endpoint *endpoint = &channel->loop_only.endpoint;
  size_t running = channel->loop_only.running.count;
  set_u32(&f->running, running);
  set_u32(&f->waiting, channel->loop_only.waiting.count);
  if (running > get_u32(&f->peak)) set_u32(&f->peak, running);
  set_u32(&f->connections, gmux__endpoint_connections(endpoint));
  atomic_store_explicit(&f->made, endpoint->made, memory_order_relaxed);
  atomic_store_explicit(&f->dials_failed, endpoint->failed, memory_order_relaxed);
}

int gmux_channel_get_stats(gmux_channel *channel, gmux_channel_stats *stats) {
  if (!channel || !stats)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_channel_get_stats: channel or stats is NULL");
  if (stats->size < sizeof stats->size)
    return gmux__fail(GMUX_ERR_INVALID, "stats->size is %zu: set it to sizeof *stats", stats->size);
  const gmux__channel_figures *f = &channel->shared.figures;
  const gmux_channel_stats now = {
      .size = stats->size,
      .calls_started = get_u64(&f->started),
      .calls_succeeded = get_u64(&f->succeeded),
      .calls_failed = get_u64(&f->failed),
      .calls_running = get_u32(&f->running),
      .calls_waiting = get_u32(&f->waiting),
      .streams_peak = get_u32(&f->peak),
      .connections = get_u32(&f->connections),
      .connections_made = get_u64(&f->made),
      .dials_failed = get_u64(&f->dials_failed),
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
  check_list(channel, &channel->loop_only.running, GMUX__CALL_RUNNING);
  check_list(channel, &channel->loop_only.ending, GMUX__CALL_ENDING);
  assert(channel->loop_only.waiting.count <= channel->options.max_waiting);
  if (channel->loop_only.state == GMUX_CHANNEL_SHUTDOWN)
    assert(!channel->loop_only.waiting.first && !channel->loop_only.running.first);
  const gmux__channel_figures *f = &channel->shared.figures;
  assert(get_u64(&f->started) == get_u64(&f->succeeded) + get_u64(&f->failed) +
                                     channel->loop_only.waiting.count +
                                     channel->loop_only.running.count);
}
#endif
