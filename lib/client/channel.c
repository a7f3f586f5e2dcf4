/*
 * channel.c: a channel's states, and how it is made. Its calls are in channel_calls.c, its end in
 * channel_end.c, what the application asks of its connections in channel_pool.c.
 *
 *     IDLE         no connection and none on its way. Calls wait here only where the next
 *       |          attempt is held back, because a connection was just lost
 *       |  a call waits, or somebody asked (gmux__channel_reconcile)
 *       v
 *     CONNECTING   an attempt runs
 *       |     |
 *       |     +--- it failed (channel_on_failed) --> TRANSIENT_FAILURE
 *       |  a connection is READY (endpoint)
 *       v
 *     READY        calls are put on it; what finds no free stream waits, and brings another
 *       |
 *       +--- the last one is lost or has sent GOAWAY (endpoint): --> CONNECTING where an attempt
 *       |    runs, TRANSIENT_FAILURE where one has failed while it did not answer (gRPC A105), else
 *       |    as below
 *       +--- idle_timeout_ms (channel_on_idle) --> IDLE
 *
 *     TRANSIENT_FAILURE   until the backoff is over calls that do not wait_for_ready fail at once
 *       |
 *       +--- it is over, and a call waits or somebody asked --> CONNECTING
 *
 *     any --gmux_channel_close--> SHUTDOWN, for good
 *
 * The state is read off the endpoint's facts (gmux__endpoint_state) after each of its changes, and
 * set in one place (channel_set_state). Nothing of the application's runs from here: calls end, and
 * watchers are told, from tasks.
 */
#include "lib/client/channel.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/client/call.h"
#include "lib/client/front.h"
#include "lib/client/options.h"
#include <assert.h>

/* Memory of ended calls is kept for the next ones: of as many as can end in one turn and be
 * followed by new ones before it is given back, which is all that run at once; about 800 bytes
 * each. What was not needed for a second goes back. */
enum { CALLS_KEPT_MAX = 16384 };

/* Replies are given back in the turn in which they came: as many as one read brings. */
enum { REPLIES_KEPT = 64 };

static const char *const channel_states[] = {"IDLE", "CONNECTING", "READY", "TRANSIENT_FAILURE",
                                             "SHUTDOWN"};
static const uint16_t channel_edges[] = {
    [GMUX_CHANNEL_IDLE] = GMUX__TO(GMUX_CHANNEL_CONNECTING) | GMUX__TO(GMUX_CHANNEL_SHUTDOWN),
    [GMUX_CHANNEL_CONNECTING] = GMUX__TO(GMUX_CHANNEL_READY) |
                                GMUX__TO(GMUX_CHANNEL_TRANSIENT_FAILURE) |
                                GMUX__TO(GMUX_CHANNEL_SHUTDOWN),
    [GMUX_CHANNEL_READY] = GMUX__TO(GMUX_CHANNEL_IDLE) | GMUX__TO(GMUX_CHANNEL_CONNECTING) |
                           GMUX__TO(GMUX_CHANNEL_TRANSIENT_FAILURE) |
                           GMUX__TO(GMUX_CHANNEL_SHUTDOWN),
    [GMUX_CHANNEL_TRANSIENT_FAILURE] =
        GMUX__TO(GMUX_CHANNEL_CONNECTING) | GMUX__TO(GMUX_CHANNEL_SHUTDOWN),
    [GMUX_CHANNEL_SHUTDOWN] = 0,
};
const gmux__machine gmux__channel_machine = {"channel", GMUX_CHANNEL_SHUTDOWN + 1, channel_states,
                                             channel_edges};

const char *gmux_channel_state_str(gmux_channel_state state) {
  return (unsigned)state <= GMUX_CHANNEL_SHUTDOWN ? channel_states[state] : "unknown";
}

/* ---- state ---- */

/* From now on without calls: the idle time begins, if there is a connection to close. A timer that
 * is set already looks at the clock again when it fires, so that calls in quick succession do not
 * set and clear it each. */
static void channel_mark_idle(gmux_channel *channel) {
  uint32_t timeout_ms = channel->options.idle_timeout_ms;
  channel->loop_only.idle_since_ns = gmux__loop_now(channel->loop);
  if (timeout_ms == 0 || channel->options.min_connections > 0 ||
      channel->loop_only.state != GMUX_CHANNEL_READY)
    return;
  if (gmux__timer_is_set(&channel->loop_only.idle_timer)) return;
  gmux__timer_set(channel->loop, &channel->loop_only.idle_timer,
                  channel->loop_only.idle_since_ns + timeout_ms * GMUX__NS_PER_MS);
}

static void channel_leave_ready(gmux_channel *channel) {
  gmux__timer_clear(channel->loop, &channel->loop_only.idle_timer);
}

static void channel_enter_ready(gmux_channel *channel) {
  channel->loop_only.is_connect_asked = false;
  if (!gmux__channel_has_calls(channel)) channel_mark_idle(channel);
}

static void channel_set_state(gmux_channel *channel, gmux_channel_state state) {
  gmux_channel_state old = channel->loop_only.state;
  gmux__machine_step(&gmux__channel_machine, old, state);
  gmux__log(gmux__loop_logger(channel->loop), GMUX_LOG_DEBUG, "client", "channel to %s: %s -> %s",
            channel->authority, gmux_channel_state_str(old), gmux_channel_state_str(state));
  channel->loop_only.state = state;
  atomic_store(&channel->shared.state, (int)state);
  gmux__ring_add(&channel->loop_only.ring, gmux__loop_now(channel->loop), GMUX__EVENT_CHANNEL_STATE,
                 state, 0);
  if (old == GMUX_CHANNEL_READY) channel_leave_ready(channel);
  if (state == GMUX_CHANNEL_READY) channel_enter_ready(channel);
  gmux__channel_tell_watchers(channel);
  if (channel->lane) gmux__lane_on_state(channel->lane, state);
  if (state == GMUX_CHANNEL_SHUTDOWN) gmux__farewells_tell(&channel->loop_only.farewells);
  gmux__channel_check(channel);
}

static void channel_update_state(gmux_channel *channel) {
  gmux_channel_state state = gmux__endpoint_state(&channel->loop_only.endpoint);
  if (state != channel->loop_only.state) channel_set_state(channel, state);
  gmux__channel_publish(channel);
}

static bool channel_is_asked(const gmux_channel *channel) {
  return channel->loop_only.is_connect_asked || channel->loop_only.connect_waiters.first ||
         channel->loop_only.warmers.first;
}

/* What waits for gmux_channel_resume, or for memory, needs no connection before. */
static void channel_drive(gmux_channel *channel, bool is_asked) {
  bool can_place = !channel->loop_only.is_paused && !gmux__channel_is_short(channel);
  const gmux__demand demand = {
      .waiting = can_place ? gmux__channel_waiting(channel) : 0,
      .waiting_since_ns = gmux__channel_oldest_wait(channel),
      .is_asked = is_asked || channel_is_asked(channel),
  };
  gmux__endpoint_drive(&channel->loop_only.endpoint, &demand);
  channel_update_state(channel);
}

static gmux__wait channel_wait(gmux_channel *channel) {
  if (channel->loop_only.is_paused) return GMUX__WAIT_PAUSED;
  if (gmux__channel_is_short(channel)) return GMUX__WAIT_MEMORY;
  return gmux__endpoint_wait(&channel->loop_only.endpoint);
}

static void channel_note_wait(gmux_channel *channel) {
  gmux__odometer_set(&channel->loop_only.waits, channel_wait(channel),
                     gmux__loop_now(channel->loop));
}

void gmux__channel_reconcile(gmux_channel *channel) {
  channel_update_state(channel);
  gmux__channel_check_over(channel);
  if (channel->loop_only.state == GMUX_CHANNEL_SHUTDOWN) return;
  gmux__channel_place_waiting(channel);
  channel_drive(channel, false);
  channel_note_wait(channel);
  gmux__channel_tell_warmers(channel);
}

void gmux__channel_want_connection(gmux_channel *channel) {
  channel_drive(channel, true);
}

void gmux__channel_call_ended(gmux_channel *channel) {
  if (gmux__channel_has_calls(channel)) return;
  channel_mark_idle(channel);
  gmux__channel_check_over(channel);
}

/* ---- what the endpoint tells ---- */

static void channel_on_change(void *owner) {
  gmux__channel_reconcile(owner);
}

static void channel_on_room(void *owner) {
  gmux__channel_place_waiting(owner);
  channel_note_wait(owner);
}

static void channel_on_wait(void *owner) {
  channel_note_wait(owner);
}

static void channel_on_failed(void *owner) {
  channel_update_state(owner);
  gmux__channel_fail_waiting(owner);
}

static void channel_on_slower(void *owner) {
  gmux_channel *channel = owner;
  if (channel->lane) gmux__lane_on_slower(channel->lane, channel->loop_only.endpoint.keepalive_ns);
}

static const gmux__endpoint_handlers endpoint_handlers = {
    .on_change = channel_on_change,
    .on_room = channel_on_room,
    .on_wait = channel_on_wait,
    .on_failed = channel_on_failed,
    .on_slower = channel_on_slower,
};

/* ---- idle ---- */

static void channel_on_idle(void *arg) {
  gmux_channel *channel = arg;
  if (gmux__channel_has_calls(channel)) return; /* set again when the last one goes */
  uint64_t due_ns =
      channel->loop_only.idle_since_ns + channel->options.idle_timeout_ms * GMUX__NS_PER_MS;
  if (gmux__loop_now(channel->loop) < due_ns) {
    gmux__timer_set(channel->loop, &channel->loop_only.idle_timer, due_ns);
    return;
  }
  gmux__endpoint_drop(&channel->loop_only.endpoint);
  channel_update_state(channel);
}

/* ---- memory ---- */

/* Takes one that is half made. */
static void channel_destroy(gmux_channel *channel) {
  gmux__task_cancel(&channel->loop_only.place_task);
  if (gmux__timer_is_set(&channel->loop_only.slab_timer))
    gmux__timer_clear(channel->loop, &channel->loop_only.slab_timer);
  gmux__endpoint_deinit(&channel->loop_only.endpoint);
  gmux__odometer_deinit(&channel->loop_only.waits);
  gmux_method_free(channel->loop_only.usual.method);
  gmux__slab_deinit(&channel->loop_only.calls);
  gmux__slab_deinit(&channel->loop_only.attempts);
  gmux__slab_deinit(&channel->loop_only.replies);
  gmux__free(channel->loop_only.fields);
  gmux__h2_free(channel->h2);
  gmux__request_deinit(&channel->request);
  gmux_tls_free(channel->tls);
  gmux__free(channel->authority);
  gmux__free(channel->tls_host);
  gmux__target_deinit(&channel->target);
  gmux__free(channel);
}

static void channel_on_free_task(void *arg) {
  gmux_channel *channel = arg;
  gmux_loop *loop = channel->loop;
  if (channel->lane) gmux__front_release(channel->lane->front);
  channel_destroy(channel);
  gmux__loop_unref(loop);
}

/* ---- making one ---- */

static void channel_set_codecs(gmux_channel *channel) {
  gmux_channel_options *o = &channel->options;
  gmux__codecs_init(&channel->codecs, o->codecs, o->codec_count);
  channel->encoding = gmux__codecs_named(&channel->codecs, o->compression);
  o->codecs = NULL;
  o->compression = NULL;
}

/* What the options point to is copied or held; none of their pointers is looked at again. */
static int channel_set_options(gmux_channel *channel, const gmux_channel_options *options) {
  int error = gmux__channel_options_read(&channel->options, options);
  if (error) return error;
  gmux_channel_options *o = &channel->options;
  if (o->tls)
    channel->tls = gmux__tls_ref(o->tls);
  else if (!o->cleartext)
    error = gmux_tls_client_new(&channel->tls, NULL);
  if (error) return error;

  channel_set_codecs(channel);
  const char *tls_host = o->tls_host ? o->tls_host : channel->target.host;
  const char *authority = o->authority  ? o->authority
                          : o->tls_host ? o->tls_host
                                        : channel->target.authority;
  channel->tls_host = gmux__strdup(tls_host);
  channel->authority = gmux__strdup(authority);
  if (!channel->tls_host || !channel->authority) return gmux__fail_code(GMUX_ERR_NOMEM);
  error = gmux__request_init(&channel->request, channel->tls != NULL, channel->authority,
                             o->user_agent, channel->codecs.accept);
  o->tls = NULL;
  o->tls_host = o->authority = o->user_agent = NULL;
  return error;
}

static int channel_new_h2(gmux_channel *channel) {
  const gmux_channel_options *o = &channel->options;
  size_t kept =
      o->max_concurrent_streams < CALLS_KEPT_MAX ? o->max_concurrent_streams : CALLS_KEPT_MAX;
  gmux__slab_init(&channel->loop_only.calls, sizeof(gmux_call), kept);
  gmux__slab_init(&channel->loop_only.attempts, sizeof(gmux__attempt), kept);
  gmux__slab_init(&channel->loop_only.replies, GMUX__CALL_REPLY_SLAB, REPLIES_KEPT);
  gmux__h2_config config;
  gmux__settings_h2(&config, o);
  config.codecs = &channel->codecs;
  return gmux__h2_new(&channel->h2, channel->loop, &config);
}

static void channel_init_endpoint(gmux_channel *channel) {
  const gmux__endpoint_config config = {
      .target = &channel->target,
      .options = &channel->options,
      .h2 = channel->h2,
      .tls = channel->tls,
      .tls_host = channel->tls_host,
      .figures = &channel->shared.figures,
      .ring = &channel->loop_only.ring,
  };
  gmux__endpoint_init(&channel->loop_only.endpoint, channel->loop, &config, &endpoint_handlers,
                      channel);
}

static void channel_post_init(gmux__channel_post *post, void (*fn)(gmux__post *post)) {
  post->post.fn = fn;
  atomic_init(&post->is_posted, false);
}

/* What cannot fail. */
static void channel_init(gmux_channel *channel) {
  channel->home = (gmux__exchange_home){&gmux__call_ops, channel->loop, &channel->codecs};
  gmux__task_init(&channel->loop_only.watch_task, gmux__channel_watch_run, channel);
  gmux__task_init(&channel->loop_only.place_task, gmux__channel_on_place_task, channel);
  gmux__task_init(&channel->loop_only.closed_task, gmux__channel_on_closed_task, channel);
  gmux__task_init(&channel->loop_only.free_task, channel_on_free_task, channel);
  gmux__timer_init(&channel->loop_only.idle_timer, channel_on_idle, channel);
  gmux__timer_init(&channel->loop_only.slab_timer, gmux__channel_on_slab_timer, channel);
  gmux__timer_init(&channel->loop_only.drain_timer, gmux__channel_on_drain_timer, channel);
  channel_post_init(&channel->connect_post, gmux__channel_on_connect_post);
  channel_post_init(&channel->backoff_post, gmux__channel_on_backoff_post);
  channel_post_init(&channel->rotate_post, gmux__channel_on_rotate_post);
  channel_post_init(&channel->pause_post, gmux__channel_on_pause_post);
  channel_post_init(&channel->drain_post, gmux__channel_on_drain_post);
  channel_post_init(&channel->close_post, gmux__channel_on_close_post);
  channel_post_init(&channel->free_post, gmux__channel_on_free_post);
  atomic_init(&channel->shared.holds, 2); /* the application's and the loop's */
  channel->loop_only.holds = 1;
  atomic_init(&channel->shared.state, GMUX_CHANNEL_IDLE);
  atomic_init(&channel->shared.grace_ms, GMUX_NO_TIMEOUT);
}

int gmux_channel_new(gmux_channel **out, gmux_loop *loop, const char *target,
                     const gmux_channel_options *options) {
  if (!out || !loop || !target)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_channel_new: out, loop or target is NULL");
  gmux_channel *channel = gmux__calloc(1, sizeof *channel);
  if (!channel) return gmux__fail_code(GMUX_ERR_NOMEM);
  channel->loop = loop;
  channel->made_ns = gmux__loop_clock(loop);
  channel_init(channel);
  int error = gmux__odometer_init(&channel->loop_only.waits, channel->made_ns);
  if (!error) error = gmux__target_parse(&channel->target, target);
  if (!error) error = channel_set_options(channel, options);
  if (!error) error = channel_new_h2(channel);
  if (!error) channel_init_endpoint(channel);
  if (error) {
    channel_destroy(channel);
    return error;
  }
  gmux__loop_ref(loop);
  *out = channel;
  return 0;
}
