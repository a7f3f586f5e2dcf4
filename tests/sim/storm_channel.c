/* storm_channel.c: channels with random options, what is done to them, and what they count. */
#include "tests/sim/storm.h"
#include <stdio.h>

/* ---- options ---- */

uint32_t storm_any_of(const uint32_t *values, size_t count) {
  return values[storm_random(count)];
}

static void random_pool(gmux_channel_options *o) {
  o->max_concurrent_streams = STORM_ANY_OF(1, 5, 100, 100);
  o->max_waiting = storm_chance(75) ? 100000 : STORM_ANY_OF(0, 3);
  o->idle_timeout_ms = STORM_ANY_OF(0, 1000, 3000, 1800000);
  o->max_connections = STORM_ANY_OF(1, 2, 4);
  o->min_connections = STORM_ANY_OF(0, 0, 0, 1, o->max_connections);
  o->burst_connections = STORM_ANY_OF(0, 0, 2);
  o->burst_after_ms = 1 + (uint32_t)storm_random(200);
  o->ideal_streams = STORM_ANY_OF(0, 1, o->max_concurrent_streams);
  o->pick_order = storm_chance(50) ? GMUX_PICK_PACK : GMUX_PICK_SPREAD;
  o->acquire_timeout_ms = STORM_ANY_OF(0, 0, 0, 20, 1000);
  if (o->acquire_timeout_ms > 0 && o->burst_after_ms >= o->acquire_timeout_ms)
    o->burst_after_ms = o->acquire_timeout_ms / 2;
  o->max_idle_ms = STORM_ANY_OF(300000, 300000, 1000, 0);
  o->max_age_ms = STORM_ANY_OF(0, 0, 1000, 3000);
  o->max_calls = STORM_ANY_OF(0, 0, 1, 20);
  o->drain_timeout_ms = STORM_ANY_OF(0, 0, 100, 2000);
}

static void random_health(gmux_channel_options *o) {
  o->validate_after_ms = STORM_ANY_OF(30000, 1000, 100, 0);
  o->keepalive_ms = storm_chance(50) ? o->keepalive_ms : STORM_ANY_OF(0, 1000, 5000);
  o->keepalive_timeout_ms = STORM_ANY_OF(20000, 20000, 2000, 100);
  o->keepalive_without_calls = o->keepalive_ms > 0 && storm_chance(10);
  o->suspect_after_ms = STORM_ANY_OF(0, 0, 10, 100, GMUX_NEVER_MS);
  o->tcp_keepalive_idle_s = STORM_ANY_OF(120, 120, 1);
  o->tcp_keepalive_interval_s = STORM_ANY_OF(20, 1);
  o->tcp_keepalive_count = STORM_ANY_OF(3, 1);
  o->write_stall_timeout_ms = STORM_ANY_OF(60000, 1000, 0);
}

static void random_dialing(gmux_channel_options *o) {
  o->initial_backoff_ms = 100 + (uint32_t)storm_random(900);
  o->max_backoff_ms = o->initial_backoff_ms + (uint32_t)storm_random(2000);
  o->connect_timeout_ms = 100 + (uint32_t)storm_random(3000);
  o->redial_jitter_ms = STORM_ANY_OF(0, 100, 500);
  o->dns_cache_ms = STORM_ANY_OF(30000, 0);
  o->eager_calls = STORM_ANY_OF(0, 0, 5);
  o->happy_eyeballs_ms = STORM_ANY_OF(250, 100);
}

static void random_bounds(gmux_channel_options *o) {
  o->stream_window_bytes = STORM_ANY_OF(65535, 65535, 100000, 0);
  o->connection_window_bytes = STORM_ANY_OF(65535, 65535, 100000, 262144);
  o->write_queue_bytes = STORM_ANY_OF(1024, 4096, 65536);
  o->connection_queue_bytes = STORM_ANY_OF(65536, 4194304);
  o->channel_queue_bytes = STORM_ANY_OF(o->connection_queue_bytes, 67108864);
  if (storm_chance(15)) o->max_recv_message_bytes = (uint32_t)(st.max_bytes / 2);
  o->max_refused_retries = STORM_ANY_OF(0, 1, 3, 3);
  o->max_idempotent_retries = STORM_ANY_OF(0, 1, 3, 3);
  o->retry_buffer_bytes = STORM_ANY_OF(0, 500, 262144, 262144);
  o->reset_burst = STORM_ANY_OF(1, 10, 500);
  o->reset_rate_per_s = STORM_ANY_OF(20, 25, 1000);
}

static gmux_channel_options random_options(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.cleartext = !st.client_tls;
  o.tls = st.client_tls;
  o.tls_host = st.client_tls ? "storm.example" : NULL;
  random_pool(&o);
  random_health(&o);
  random_dialing(&o);
  random_bounds(&o);
  return o;
}

/* How many loops it has, from its own on. */
static size_t draw_loops(void) {
  if (!st.is_spread || !storm_chance(60)) return 1;
  size_t loops = 2 + (size_t)storm_random((uint64_t)st.loop_count - 1);
  return st.lane_count + loops <= STORM_LANES ? loops : 1;
}

static int channel_new(storm_channel *ch, size_t loops, const char *target,
                       const gmux_channel_options *o) {
  gmux_loop *on[STORM_LOOPS];
  size_t count = (size_t)st.loop_count, first = 0;
  if (loops == 1) return STORM_API(gmux_channel_new(&ch->channel, ch->loop, target, o));
  while (st.loops[first] != ch->loop)
    first++;
  for (size_t i = 0; i < loops; i++)
    on[i] = st.loops[(first + i) % count];
  return STORM_API(gmux_channel_new_on_loops(&ch->channel, on, loops, target, o));
}

static void channel_begin(storm_channel *ch, const gmux_channel_options *o, size_t loops) {
  ch->lives++;
  ch->book = &st.books[st.book_count++];
  ledger_channel_open(ch->book, (int)(ch - st.channels), ch->channel, o);
  ch->book->is_recycled = true; /* it may be rotated at any time */
  ch->book->may_be_accused = st.plan.unruly_percent > 0;
  ch->book->max_message_bytes = st.max_bytes;
  if (loops > 1) {
    ledger_channel_spread(ch->book, &st.lanes[st.lane_count]);
    st.lane_count += loops;
    storm_fault_happened(STORM_FAULT_SPREAD);
  }
  ch->shares_little = storm_shares_little(o->connection_queue_bytes);
  ch->is_impatient =
      o->acquire_timeout_ms > 0 || o->drain_timeout_ms > 0 || !ledger_channel_is_polite(o);
  ch->may_be_refused = o->eager_calls > 0;
}

static void channel_open(int i) {
  storm_channel *ch = &st.channels[i];
  if (st.book_count == STORM_LIVES) return;
  gmux_channel_options o = random_options();
  char target[64];
  gmux__address at = storm_server_address((int)storm_random((uint64_t)st.server_count));
  char text[GMUX__ADDRESS_TEXT];
  if (storm_chance(50))
    snprintf(target, sizeof target, "dns:///storm.example:%u", at.port);
  else
    snprintf(target, sizeof target, "%s", gmux__address_str(&at, text));
  ch->loop = st.loops[storm_random((uint64_t)st.loop_count)];
  size_t loops = draw_loops();
  int error = channel_new(ch, loops, target, &o);
  ledger_law(LAW_ANSWERS, storm_is_fine(error, 0), "no channel: %s", gmux_last_error());
  if (error) return;
  channel_begin(ch, &o, loops);
  storm_note("channel %d: new, %zu loops, to %s, %u streams, %u waiting, idle %u, %u to %u "
             "connections, age %u, %u calls",
             i, loops, target, o.max_concurrent_streams, o.max_waiting, o.idle_timeout_ms,
             o.min_connections, o.max_connections, o.max_age_ms, o.max_calls);
}

/* What it is like is drawn from a stream of its own, for each of its lives. */
void storm_channel_open(int i) {
  storm_channel *ch = &st.channels[i];
  uint64_t nth = (uint64_t)i << 32 | ch->lives;
  uint64_t *random = st.random;
  ch->random = storm_stream_start(st.plan.seed, STORM_STREAM_CHANNEL, nth);
  storm_on_behalf(&ch->random);
  channel_open(i);
  storm_on_behalf(random);
}

/* ---- the end ---- */

static bool has_running_calls(const storm_closing *closing) {
  for (size_t i = 0; i < st.call_count; i++) {
    const storm_call *c = st.started[i];
    if (c->entry.channel == closing->book && c->entry.ends == 0) return true;
  }
  return false;
}

/* A call that another thread was just starting may end later. */
static void on_channel_closed(void *user_data) {
  storm_closing *closing = user_data;
  ledger_law(LAW_CALLBACKS, st.in_api == 0,
             "a channel's on_closed from inside a function of the library");
  ledger_law(LAW_CALLBACKS, !closing->is_told, "a channel's on_closed came twice");
  ledger_law(LAW_CALLBACKS, st.is_outside || !has_running_calls(closing),
             "a channel's on_closed before its calls'");
  closing->is_told = true;
  storm_note("channel %d: on_closed", closing->book->number);
}

/* It takes no more calls, so that its place is free. NULL: there is none, or no room to note it. */
static storm_closing *channel_leave(int i) {
  storm_channel *ch = &st.channels[i];
  if (!ch->channel || st.closing_count == STORM_LIVES) return NULL;
  storm_closing *closing = &st.closings[st.closing_count++];
  *closing = (storm_closing){.book = ch->book, .handle = ch->channel};
  ch->channel = NULL;
  return closing;
}

static void closing_let_go(storm_closing *closing) {
  gmux_channel *channel = closing->handle;
  closing->handle = NULL;
  ledger_channel_leave(closing->book);
  st.in_api++;
  gmux_channel_free(channel);
  st.in_api--;
}

void storm_channel_close(int i) {
  storm_closing *closing = channel_leave(i);
  if (!closing) return;
  storm_note("channel %d: close", i);
  st.in_api++;
  gmux_channel_close(closing->handle, on_channel_closed, closing);
  st.in_api--;
  closing_let_go(closing);
}

void storm_channel_drain(int i) {
  int64_t grace_ms = storm_chance(40) ? GMUX_NO_TIMEOUT : (int64_t)storm_random(3000);
  storm_closing *closing = channel_leave(i);
  if (!closing) return;
  storm_note("channel %d: drain, grace %lld", i, (long long)grace_ms);
  st.in_api++;
  gmux_channel_drain(closing->handle, grace_ms, on_channel_closed, closing);
  st.in_api--;
}

/* Who lets go of a channel that drains ends it. */
void storm_channels_let_go(void) {
  for (size_t i = 0; i < st.closing_count; i++)
    closing_let_go(&st.closings[i]);
}

/* ---- what is done to it ---- */

static void on_state(gmux_channel_state state, void *user_data) {
  storm_on_behalf(user_data);
  ledger_law(LAW_CALLBACKS, st.in_api == 0, "a watch from inside a function of the library");
  storm_note("a watch sees %s", gmux_channel_state_str(state));
  if (!st.is_calm) storm_mischief();
}

static void on_warm(int error, void *user_data) {
  storm_on_behalf(user_data);
  ledger_law(LAW_CALLBACKS, st.in_api == 0,
             "the answer of warm from inside a function of the library");
  ledger_law(LAW_ANSWERS, storm_is_fine(error, GMUX_ERR_CLOSED), "a channel cannot be warmed: %d",
             error);
  storm_note("a channel is warm: %d", error);
  if (!st.is_calm) storm_mischief();
}

static void channel_watch(storm_channel *ch) {
  gmux_channel_state state = gmux_channel_get_state(ch->channel, false);
  int error = STORM_API(gmux_channel_watch_state(ch->channel, state, on_state, &ch->random));
  ledger_law(LAW_ANSWERS, storm_is_fine(error, 0), "a state cannot be watched: %d", error);
}

static void channel_warm(storm_channel *ch) {
  int error = STORM_API(gmux_channel_warm(ch->channel, on_warm, &ch->random));
  ledger_law(LAW_ANSWERS, storm_is_fine(error, 0), "a channel cannot be warmed: %d", error);
}

void storm_channel_resume(int i) {
  ledger_channel_pause(st.channels[i].book, false);
  gmux_channel_resume(st.channels[i].channel);
}

/* A pause is not for long: nothing else happens in one. */
static void channel_do(storm_channel *ch) {
  gmux_channel *channel = ch->channel;
  switch (storm_random(9)) {
  case 0:
    ledger_channel_reset_backoff(ch->book);
    gmux_channel_reset_backoff(channel);
    return;
  case 1:
    channel_watch(ch);
    return;
  case 2:
    ledger_channel_pause(ch->book, true);
    gmux_channel_pause(channel);
    return;
  case 3:
  case 4:
  case 5:
    ledger_channel_pause(ch->book, false);
    gmux_channel_resume(channel);
    return;
  case 6:
    ledger_channel_rotate(ch->book);
    gmux_channel_rotate(channel);
    return;
  case 7:
    channel_warm(ch);
    return;
  default:
    gmux_channel_get_state(channel, true);
    return;
  }
}

void storm_channel_poke(int i) {
  if (!st.channels[i].channel) return;
  st.in_api++;
  channel_do(&st.channels[i]);
  st.in_api--;
}
