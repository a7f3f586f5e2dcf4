/* channel_stats.c: a channel's figures, and in debug builds whether they and its lists agree. */
#include "lib/base/fail.h"
#include "lib/client/call.h"
#include "lib/client/front.h"
#include <assert.h>
#include <string.h>

static size_t calls_waiting(const gmux_channel *channel) {
  return channel->loop_only.waiting.count + channel->loop_only.again.count +
         channel->loop_only.resting.count;
}

/* Counts are lengths of lists, so they cannot drift; this shows them to other threads. */
void gmux__channel_publish(gmux_channel *channel) {
  gmux__channel_figures *f = &channel->shared.figures;
  size_t running = channel->loop_only.running.count;
  uint64_t oldest_ns = gmux__channel_oldest_wait(channel);
  gmux__counter_set(&f->running, running);
  gmux__counter_set(&f->waiting, calls_waiting(channel));
  gmux__counter_set(&f->oldest_waiter_since_ns, oldest_ns == GMUX__NEVER ? 0 : oldest_ns);
  if (running > gmux__counter_get(&f->peak)) gmux__counter_set(&f->peak, running);
}

static void copy_counters(uint64_t *out, const gmux__counter *counters, size_t count) {
  for (size_t i = 0; i < count; i++)
    out[i] = gmux__counter_get(&counters[i]);
}

static void stats_of_calls(gmux_channel_stats *s, gmux_channel *channel) {
  const gmux__channel_figures *f = &channel->shared.figures;
  s->calls_started = gmux__counter_get(&f->started);
  s->calls_succeeded = gmux__counter_get(&f->succeeded);
  s->calls_failed = gmux__counter_get(&f->failed);
  s->calls_running = (uint32_t)gmux__counter_get(&f->running);
  s->calls_waiting = (uint32_t)gmux__counter_get(&f->waiting);
  s->streams_peak = (uint32_t)gmux__counter_get(&f->peak);
  s->attempts = gmux__counter_get(&f->attempts);
  copy_counters(s->retries, f->retries, GMUX__EVIDENCES);
  s->reused = gmux__counter_get(&f->reused);
  uint64_t since_ns = gmux__counter_get(&f->oldest_waiter_since_ns);
  uint64_t now_ns = since_ns ? gmux__loop_clock(channel->loop) : 0;
  if (since_ns < now_ns) s->oldest_waiter_ms = (now_ns - since_ns) / GMUX__NS_PER_MS;
}

static void stats_of_connections(gmux_channel_stats *s, const gmux__channel_figures *f) {
  s->connections_dialing = (uint32_t)gmux__counter_get(&f->dialing);
  s->connections_ready = (uint32_t)gmux__counter_get(&f->ready);
  s->connections_suspect = (uint32_t)gmux__counter_get(&f->suspect);
  s->connections_draining = (uint32_t)gmux__counter_get(&f->draining);
  s->connections = s->connections_ready + s->connections_draining;
  s->connections_made = gmux__counter_get(&f->made);
  s->dials_started = gmux__counter_get(&f->dials_started);
  s->dials_failed = gmux__counter_get(&f->dials_failed);
  copy_counters(s->lost, f->lost, GMUX_LOSSES);
  s->recycled_age = gmux__counter_get(&f->recycled_age);
  s->recycled_calls = gmux__counter_get(&f->recycled_calls);
  s->recycled_ids = gmux__counter_get(&f->recycled_ids);
  s->recycled_rotated = gmux__counter_get(&f->recycled_rotated);
  s->closed_idle = gmux__counter_get(&f->closed_idle);
  s->too_many_pings = gmux__counter_get(&f->too_many_pings);
  s->keepalive_ms = (uint32_t)gmux__counter_get(&f->keepalive_ms);
  s->memory_waits = gmux__counter_get(&f->memory_waits);
}

static void stats_of_h2(gmux_channel_stats *s, const gmux__h2_figures *f) {
  copy_counters(s->goaways, f->goaways, GMUX_H2_CODES);
  s->streams_unreset = (uint32_t)gmux__counter_get(&f->resets_waiting);
  s->pings_sent = gmux__counter_get(&f->pings_sent);
  s->pings_acked = gmux__counter_get(&f->pings_acked);
  s->suspicions = gmux__counter_get(&f->suspicions);
  s->validations = gmux__counter_get(&f->validations);
  s->resets_sent = gmux__counter_get(&f->resets_sent);
  s->resets_delayed = gmux__counter_get(&f->resets_delayed);
  s->resets_received = gmux__counter_get(&f->resets_received);
  s->memory_bytes = gmux__counter_get(&f->memory_bytes);
  s->memory_waits += gmux__counter_get(&f->memory_waits);
  s->bytes_sent = gmux__counter_get(&f->bytes_sent);
  s->bytes_received = gmux__counter_get(&f->bytes_received);
  s->ended_chatter = gmux__counter_get(&f->abuses[GMUX__ABUSE_CHATTER]);
  s->ended_metadata = gmux__counter_get(&f->abuses[GMUX__ABUSE_HEADERS]);
  s->ended_unread = gmux__counter_get(&f->abuses[GMUX__ABUSE_UNREAD]);
}

static void stats_fill(gmux_channel_stats *s, gmux_channel *channel) {
  stats_of_calls(s, channel);
  stats_of_connections(s, &channel->shared.figures);
  stats_of_h2(s, gmux__h2_get_figures(channel->h2));
}

int gmux_channel_get_stats(gmux_channel *channel, gmux_channel_stats *stats) {
  if (!channel || !stats)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_channel_get_stats: channel or stats is NULL");
  if (stats->size < sizeof stats->size)
    return gmux__fail(GMUX_ERR_INVALID, "stats->size is %zu: set it to sizeof *stats", stats->size);
  gmux_channel_stats now = {.size = stats->size};
  if (channel->front)
    gmux__front_get_stats(channel->front, &now);
  else
    stats_fill(&now, channel);
  memcpy(stats, &now, stats->size < sizeof now ? stats->size : sizeof now);
  return 0;
}

const char *gmux_loss_str(gmux_loss loss) {
  switch (loss) {
  case GMUX_LOSS_DNS:
    return "the name could not be looked up";
  case GMUX_LOSS_REFUSED:
    return "refused";
  case GMUX_LOSS_TIMEOUT:
    return "timeout";
  case GMUX_LOSS_TLS:
    return "TLS";
  case GMUX_LOSS_GOAWAY:
    return "GOAWAY";
  case GMUX_LOSS_EOF:
    return "closed by the peer";
  case GMUX_LOSS_RESET:
    return "reset";
  case GMUX_LOSS_DEAD:
    return "dead";
  case GMUX_LOSS_PROTOCOL:
    return "broken protocol";
  case GMUX_LOSS_LOCAL:
    return "ended by us";
  case GMUX_LOSSES: /* how many there are */
    break;
  }
  return "unknown";
}

#ifdef GMUX_DEBUG
static void check_list(const gmux_channel *channel, const gmux__list *list,
                       gmux__call_state state) {
  size_t count = 0;
  for (gmux__link *l = list->first; l; l = l->next) {
    const gmux_call *call = gmux__container(l, gmux_call, loop_only.link);
    assert(call->loop_only.state == state);
    assert(call->channel == channel);
    const gmux__attempt *attempt = call->loop_only.attempt;
    assert((attempt && attempt->stream.conn) == (state == GMUX__CALL_RUNNING));
    assert(state >= GMUX__CALL_ENDING || !attempt || !call->before_end.letter);
    assert(state != GMUX__CALL_RESTING || attempt->past);
    if (state == GMUX__CALL_WAITING)
      assert((list == &channel->loop_only.again) == (gmux__call_attempts(call) > 0));
    count++;
  }
  assert(count == list->count);
}

static uint64_t sum_of(const gmux__counter *counters, size_t count) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += gmux__counter_get(&counters[i]);
  return sum;
}

static uint64_t lines_made(const gmux__list *lines) {
  uint64_t count = 0;
  for (gmux__link *l = lines->first; l; l = l->next)
    count += gmux__line_of(l)->ready_ns != 0;
  return count;
}

/* Counters add up: each call and each connection is somewhere, and each loss has its cause. */
static void check_figures(const gmux_channel *channel) {
  const gmux__channel_figures *f = &channel->shared.figures;
  const gmux__endpoint *e = &channel->loop_only.endpoint;
  size_t running = channel->loop_only.running.count, waiting = calls_waiting(channel);
  assert(gmux__counter_get(&f->waiting) == waiting);
  assert(gmux__counter_get(&f->running) == running);
  uint64_t ended = gmux__counter_get(&f->succeeded) + gmux__counter_get(&f->failed);
  assert(gmux__counter_get(&f->started) == ended + running + waiting);
  uint64_t attempts = gmux__counter_get(&f->attempts);
  uint64_t retries = sum_of(f->retries, GMUX__EVIDENCES);
  assert(retries <= attempts && attempts - retries <= gmux__counter_get(&f->started));
  uint64_t open = lines_made(&e->ready) + lines_made(&e->draining) + lines_made(&e->abandoned);
  assert(gmux__counter_get(&f->made) + gmux__counter_get(&f->dials_failed) ==
         sum_of(f->lost, GMUX_LOSSES) + open);
}

static void check_lanes(const gmux__front *front) {
  for (size_t i = 0; i < front->count; i++)
    gmux__channel_check(front->lanes[i].channel);
}

void gmux__channel_check(const gmux_channel *channel) {
  if (channel->front) {
    check_lanes(channel->front);
    return;
  }
  const gmux__endpoint *endpoint = &channel->loop_only.endpoint;
  assert(channel->loop_only.state == gmux__endpoint_state(endpoint));
  gmux__endpoint_check(endpoint);
  check_list(channel, &channel->loop_only.waiting, GMUX__CALL_WAITING);
  check_list(channel, &channel->loop_only.again, GMUX__CALL_WAITING);
  check_list(channel, &channel->loop_only.running, GMUX__CALL_RUNNING);
  check_list(channel, &channel->loop_only.resting, GMUX__CALL_RESTING);
  check_list(channel, &channel->loop_only.ending, GMUX__CALL_ENDING);
  if (channel->loop_only.state == GMUX_CHANNEL_SHUTDOWN)
    assert(!calls_waiting(channel) && !channel->loop_only.running.first);
  check_figures(channel);
}
#endif
