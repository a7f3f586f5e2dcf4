/*
 * channel_calls.c: a channel's calls: who gets a place, who waits, who is told that there is none.
 *
 * Those that wait are placed strictly first come, first served: first those that had an attempt
 * before (`again`), then the others (`waiting`).
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/client/call.h"

static gmux_call *first_of(const gmux__list *list) {
  return list->first ? gmux__container(list->first, gmux_call, loop_only.link) : NULL;
}

static gmux_call *channel_first_waiting(const gmux_channel *channel) {
  gmux_call *again = first_of(&channel->loop_only.again);
  return again ? again : first_of(&channel->loop_only.waiting);
}

size_t gmux__channel_waiting(const gmux_channel *channel) {
  return channel->loop_only.again.count + channel->loop_only.waiting.count;
}

uint64_t gmux__channel_oldest_wait(const gmux_channel *channel) {
  const gmux_call *again = first_of(&channel->loop_only.again);
  const gmux_call *fresh = first_of(&channel->loop_only.waiting);
  uint64_t again_ns = again ? again->loop_only.waited_from.at_ns : GMUX__NEVER;
  uint64_t fresh_ns = fresh ? fresh->loop_only.waited_from.at_ns : GMUX__NEVER;
  return again_ns < fresh_ns ? again_ns : fresh_ns;
}

bool gmux__channel_has_calls(const gmux_channel *channel) {
  return channel->loop_only.waiting.first || channel->loop_only.again.first ||
         channel->loop_only.running.first || channel->loop_only.resting.first ||
         channel->loop_only.ending.first;
}

/* ---- places ---- */

bool gmux__channel_is_short(const gmux_channel *channel) {
  return channel->options.max_memory_bytes && !gmux__h2_may_begin(channel->h2);
}

void gmux__channel_place_waiting(gmux_channel *channel) {
  if (channel->loop_only.is_paused) return;
  gmux_call *call;
  while (!gmux__channel_is_short(channel) && (call = channel_first_waiting(channel))) {
    gmux__line *line = gmux__endpoint_pick(&channel->loop_only.endpoint);
    if (!line || !gmux__attempt_open(call, line)) return;
  }
}

/* Nobody who waits is overtaken. */
static bool channel_place_now(gmux_channel *channel, gmux_call *call) {
  if (channel->loop_only.is_paused || channel_first_waiting(channel)) return false;
  if (gmux__channel_is_short(channel)) return false;
  gmux__line *line = gmux__endpoint_pick(&channel->loop_only.endpoint);
  return line && gmux__attempt_open(call, line);
}

/* One more than those. Who has a free stream, and waits only until its connection has answered a
 * PING, needs no room in the queue: or a READY channel that has none would take no call at all when
 * it was quiet for validate_after_ms. */
static bool channel_may_wait(const gmux_channel *channel, size_t waiting) {
  size_t room = channel->options.max_waiting;
  if (waiting < room) return true;
  if (channel->loop_only.is_paused || gmux__channel_is_short(channel)) return false;
  return waiting - room < gmux__endpoint_places_asked(&channel->loop_only.endpoint);
}

/* Put on a connection, or made to wait for one. */
static void channel_admit(gmux_channel *channel, gmux_call *call) {
  if (channel_place_now(channel, call)) return;
  size_t waiting = gmux__channel_waiting(channel);
  if (channel_may_wait(channel, waiting)) {
    if (gmux__channel_is_short(channel))
      gmux__counter_add(&channel->shared.figures.memory_waits, 1);
    gmux__call_set_state(call, GMUX__CALL_WAITING);
    gmux__channel_reconcile(channel);
    return;
  }
  gmux__call_fail(call, GMUX_RESOURCE_EXHAUSTED, "%zu calls are waiting already (max_waiting)",
                  waiting);
  /* Who may not wait at all wants a connection nevertheless: for the next one. */
  gmux__channel_want_connection(channel);
}

/* The last attempt to connect has failed and the next must not start yet: nobody who did not ask to
 * wait through that does. A pause holds calls back from hearing of it. */
static bool channel_is_hopeless(gmux_channel *channel, const gmux_call *call) {
  return !call->wait_for_ready && !channel->loop_only.is_paused &&
         gmux__endpoint_is_held_back(&channel->loop_only.endpoint);
}

static void channel_fail_call(gmux_channel *channel, gmux_call *call) {
  gmux__call_fail(call, GMUX_UNAVAILABLE, "%s", gmux__endpoint_why(&channel->loop_only.endpoint));
}

void gmux__channel_submit(gmux_channel *channel, gmux_call *call, int error) {
  gmux__counter_add(&channel->shared.figures.started, 1);
  gmux__counter_set(&channel->shared.figures.last_call_ns, gmux__loop_now(channel->loop));
  if (channel->loop_only.state == GMUX_CHANNEL_SHUTDOWN)
    gmux__call_fail(call, GMUX_CANCELLED, "the channel was closed");
  else if (call->loop_only.is_cancelled)
    gmux__call_fail(call, GMUX_CANCELLED, "cancelled by the application");
  else if (gmux__call_is_late(call))
    gmux__call_end_late(call);
  else if (error)
    gmux__call_fail(call, GMUX_RESOURCE_EXHAUSTED, "%s for the request", gmux_strerror(error));
  else if (channel_is_hopeless(channel, call))
    channel_fail_call(channel, call);
  else
    channel_admit(channel, call);
}

void gmux__channel_resubmit(gmux_channel *channel, gmux_call *call) {
  if (channel->loop_only.state == GMUX_CHANNEL_SHUTDOWN) {
    gmux__call_fail(call, GMUX_CANCELLED, "the channel was closed");
    return;
  }
  if (gmux__call_is_late(call)) {
    gmux__call_end_late(call);
    return;
  }
  if (channel_is_hopeless(channel, call)) {
    channel_fail_call(channel, call);
    return;
  }
  gmux__call_set_state(call, GMUX__CALL_WAITING);
  gmux__loop_defer(channel->loop, GMUX__PHASE_DONE, &channel->loop_only.place_task);
}

void gmux__channel_give_memory(gmux_channel *channel) {
  gmux__h2_end(channel->h2);
  if (channel_first_waiting(channel))
    gmux__loop_defer(channel->loop, GMUX__PHASE_DONE, &channel->loop_only.place_task);
}

void gmux__channel_mind_memory(gmux_channel *channel) {
  if (gmux__channel_is_short(channel) && channel_first_waiting(channel))
    gmux__loop_defer(channel->loop, GMUX__PHASE_DONE, &channel->loop_only.place_task);
}

void gmux__channel_on_place_task(void *arg) {
  gmux__channel_reconcile(arg);
}

/* ---- ends ---- */

static void fail_impatient(gmux_channel *channel, gmux__list *calls) {
  gmux__link *next;
  for (gmux__link *l = calls->first; l; l = next) {
    next = l->next;
    gmux_call *call = gmux__container(l, gmux_call, loop_only.link);
    if (!call->wait_for_ready) channel_fail_call(channel, call);
  }
}

void gmux__channel_fail_waiting(gmux_channel *channel) {
  if (channel->loop_only.is_paused) return;
  fail_impatient(channel, &channel->loop_only.again);
  fail_impatient(channel, &channel->loop_only.waiting);
}

static void cancel_all(gmux__list *calls) {
  while (calls->first)
    gmux__call_fail(gmux__container(calls->first, gmux_call, loop_only.link), GMUX_CANCELLED,
                    "the channel was closed");
}

void gmux__channel_cancel_calls(gmux_channel *channel) {
  cancel_all(&channel->loop_only.again);
  cancel_all(&channel->loop_only.waiting);
  cancel_all(&channel->loop_only.resting);
  cancel_all(&channel->loop_only.running);
}

void gmux__channel_count_end(gmux_channel *channel, gmux_code code) {
  gmux__channel_figures *figures = &channel->shared.figures;
  gmux__counter_add(code == GMUX_OK ? &figures->succeeded : &figures->failed, 1);
}

/* ---- memory ---- */

/* What nobody needed for so long goes back. */
static const uint64_t SLABS_NS = GMUX__NS_PER_S;

static void channel_come_again(gmux_channel *channel) {
  gmux__timer_set(channel->loop, &channel->loop_only.slab_timer,
                  gmux__loop_now(channel->loop) + SLABS_NS);
}

void gmux__channel_mind_slabs_late(gmux_channel *channel) {
  if (channel->loop_only.calls.held || channel->loop_only.attempts.held)
    channel_come_again(channel);
}

void gmux__channel_on_slab_timer(void *arg) {
  gmux_channel *channel = arg;
  bool has_calls = gmux__slab_trim(&channel->loop_only.calls);
  bool has_attempts = gmux__slab_trim(&channel->loop_only.attempts);
  bool has_replies = gmux__slab_trim(&channel->loop_only.replies);
  if (has_calls || has_attempts || has_replies) channel_come_again(channel);
}

void gmux__channel_keep_nothing(gmux_channel *channel) {
  gmux__slab_keep_nothing(&channel->loop_only.calls);
  gmux__slab_keep_nothing(&channel->loop_only.attempts);
  gmux__slab_keep_nothing(&channel->loop_only.replies);
  gmux__timer_clear(channel->loop, &channel->loop_only.slab_timer);
}

gmux__field *gmux__channel_fields(gmux_channel *channel, size_t count) {
  if (count <= channel->loop_only.field_room) return channel->loop_only.fields;
  gmux__field *fields = gmux__realloc(channel->loop_only.fields, count * sizeof *fields);
  if (!fields) return NULL;
  channel->loop_only.fields = fields;
  channel->loop_only.field_room = count;
  return fields;
}
