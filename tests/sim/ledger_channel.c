/* ledger_channel.c: the laws of a channel: COUNTS, CONNECTIONS, PINGS, CALM and DIALS. */
#include "lib/client/front.h"
#include "tests/sim/ledger.h"

typedef unsigned long long ull;

bool ledger_channel_is_polite(const gmux_channel_options *options) {
  gmux_channel_options usual;
  gmux_channel_options_init(&usual, sizeof usual);
  bool is_seldom = options->keepalive_ms == 0 || options->keepalive_ms >= usual.keepalive_ms;
  return is_seldom && !options->keepalive_without_calls;
}

void ledger_channel_open(ledger_channel *ch, int number, gmux_channel *channel,
                         const gmux_channel_options *options) {
  ledger_channel_leave(ch);
  *ch = (ledger_channel){
      .number = number,
      .channel = channel,
      .options = *options,
  };
  if (!ledger_channel_is_polite(options)) ledger_note_impolite();
  gmux__list_append(ledger_channels(), &ch->link);
}

void ledger_channel_leave(ledger_channel *ch) {
  for (size_t i = 0; i < ch->lane_count; i++)
    ledger_channel_leave(&ch->lanes[i]);
  if (gmux__link_is_linked(&ch->link)) gmux__list_remove(&ch->link);
  ch->channel = NULL;
}

gmux_loop *ledger_call_loop(const gmux_call *call) {
  return call->channel->loop;
}

/* ---- several loops ---- */

/* What is meant for the channel as a whole is divided; each lane has one connection, and one place
 * to wait where there is any. */
static void lane_open(ledger_channel *lane, const ledger_channel *whole, gmux_channel *channel) {
  gmux_channel_options o = whole->options;
  o.max_connections = channel->options.max_connections;
  o.min_connections = channel->options.min_connections;
  o.burst_connections = channel->options.burst_connections;
  o.max_waiting = channel->options.max_waiting;
  o.channel_queue_bytes = channel->options.channel_queue_bytes;
  ledger_channel_open(lane, whole->number, channel, &o);
  lane->whole = whole;
  lane->is_recycled = whole->is_recycled;
  lane->may_be_accused = whole->may_be_accused;
  lane->max_message_bytes = whole->max_message_bytes;
}

static void law_of_division(const ledger_channel *ch, uint64_t parts, uint64_t total,
                            uint64_t least, const char *what) {
  uint64_t bound = total < least * ch->lane_count ? least * ch->lane_count : total;
  ledger_law_of_channel(ch, LAW_CONNECTIONS, parts == bound,
                        "channel %d: its loops have %llu %s together, it has %llu", ch->number,
                        (ull)parts, what, (ull)bound);
}

void ledger_channel_spread(ledger_channel *ch, ledger_channel *lanes) {
  const gmux__front *front = ch->channel->front;
  const gmux_channel_options *o = &ch->options;
  uint64_t most = 0, least = 0, burst = 0, waiting = 0;
  gmux__list_remove(&ch->link); /* its lanes are looked at instead */
  ch->lanes = lanes;
  ch->lane_count = front->count;
  for (size_t i = 0; i < ch->lane_count; i++) {
    lane_open(&lanes[i], ch, front->lanes[i].channel);
    most += lanes[i].options.max_connections;
    least += lanes[i].options.min_connections;
    burst += lanes[i].options.burst_connections;
    waiting += lanes[i].options.max_waiting;
  }
  law_of_division(ch, most, o->max_connections, 1, "max_connections");
  law_of_division(ch, least, o->min_connections, 0, "min_connections");
  law_of_division(ch, burst, o->burst_connections, 0, "burst_connections");
  law_of_division(ch, waiting, o->max_waiting, o->max_waiting > 0, "max_waiting");
}

/* ---- what its application says and counts ---- */

void ledger_channel_reset_backoff(ledger_channel *ch) {
  for (size_t i = 0; i < ch->lane_count; i++)
    ledger_channel_reset_backoff(&ch->lanes[i]);
  ch->dials.reset_ns = ledger_now();
  ch->dials.is_reset_late = ledger_due(0) > ledger_now();
}

void ledger_channel_started(ledger_channel *ch) {
  ch->started++;
}

void ledger_channel_ended(ledger_channel *ch, gmux_code code, gmux_evidence evidence,
                          uint32_t attempts) {
  if (code == GMUX_OK)
    ch->succeeded++;
  else
    ch->failed++;
  ch->left += evidence != GMUX_EVIDENCE_NEVER_LEFT;
  ch->attempts += attempts;
  ch->retries += attempts > 1 ? attempts - 1 : 0;
}

/* ---- COUNTS ---- */

static void law_of_calls(const ledger_channel *ch, const gmux_channel_stats *s) {
  ledger_law_of_channel(ch, LAW_COUNTS,
                        s->calls_started == s->calls_succeeded + s->calls_failed +
                                                s->calls_running + s->calls_waiting,
                        "channel %d: %llu calls are not %llu + %llu + %u + %u", ch->number,
                        (ull)s->calls_started, (ull)s->calls_succeeded, (ull)s->calls_failed,
                        s->calls_running, s->calls_waiting);
  ledger_law_of_channel(
      ch, LAW_COUNTS,
      s->calls_started == ch->started && s->calls_succeeded == ch->succeeded &&
          s->calls_failed == ch->failed,
      "channel %d counts %llu started, %llu succeeded, %llu failed; it was %llu, %llu, %llu",
      ch->number, (ull)s->calls_started, (ull)s->calls_succeeded, (ull)s->calls_failed,
      (ull)ch->started, (ull)ch->succeeded, (ull)ch->failed);
}

/* Each attempt but a call's first is a retry, and has the evidence of the one before. A call that
 * never left may have had an attempt, or none. */
static void law_of_retries(const ledger_channel *ch, const gmux_channel_stats *s) {
  uint64_t retries = 0;
  for (int i = GMUX_EVIDENCE_NEVER_LEFT; i <= GMUX_EVIDENCE_ANSWERED; i++)
    retries += s->retries[i];
  ledger_law_of_channel(
      ch, LAW_COUNTS, s->attempts >= retries + ch->left && s->attempts <= retries + ch->started,
      "channel %d: %llu attempts are not %llu retries and the first ones of %llu calls", ch->number,
      (ull)s->attempts, (ull)retries, (ull)ch->started);
  ledger_law_of_channel(ch, LAW_COUNTS, s->retries[GMUX_EVIDENCE_ANSWERED] == 0,
                        "channel %d: a call was made again after an answer", ch->number);
  bool is_quiet = s->calls_running + s->calls_waiting == 0;
  ledger_law_of_channel(
      ch, LAW_COUNTS, !is_quiet || (s->attempts == ch->attempts && retries == ch->retries),
      "channel %d: %llu attempts and %llu retries, its calls had %llu and %llu", ch->number,
      (ull)s->attempts, (ull)retries, (ull)ch->attempts, (ull)ch->retries);
}

static void law_of_losses(const ledger_channel *ch, const gmux_channel_stats *s) {
  uint64_t lost = 0;
  for (int k = 0; k < GMUX_LOSSES; k++)
    lost += s->lost[k];
  ledger_law_of_channel(
      ch, LAW_COUNTS,
      s->dials_started == s->connections_made + s->dials_failed + s->connections_dialing,
      "channel %d: %llu dials are not %llu + %llu + %u", ch->number, (ull)s->dials_started,
      (ull)s->connections_made, (ull)s->dials_failed, s->connections_dialing);
  ledger_law_of_channel(ch, LAW_COUNTS,
                        s->connections == s->connections_ready + s->connections_draining,
                        "channel %d: %u connections are not %u ready and %u draining", ch->number,
                        s->connections, s->connections_ready, s->connections_draining);
  /* One that lost its race, and drains because eager calls are on it, was never made. */
  uint64_t ended = lost + s->connections, begun = s->dials_failed + s->connections_made;
  bool is_right = ch->options.eager_calls > 0 ? ended >= begun : ended == begun;
  ledger_law_of_channel(ch, LAW_COUNTS, is_right,
                        "channel %d: %llu lost and %u there are not %llu failed and %llu made",
                        ch->number, (ull)lost, s->connections, (ull)s->dials_failed,
                        (ull)s->connections_made);
}

/* Of each figure the part is not more than the whole. */
static void law_of_parts(const ledger_channel *ch, const gmux_channel_stats *s) {
  ledger_law_of_channel(ch, LAW_COUNTS, s->pings_acked <= s->pings_sent,
                        "channel %d: %llu PINGs acknowledged, %llu sent", ch->number,
                        (ull)s->pings_acked, (ull)s->pings_sent);
  ledger_law_of_channel(ch, LAW_COUNTS, s->validations <= s->pings_sent,
                        "channel %d: %llu validations in %llu PINGs", ch->number,
                        (ull)s->validations, (ull)s->pings_sent);
  ledger_law_of_channel(ch, LAW_COUNTS, s->reused <= s->attempts,
                        "channel %d: %llu attempts on used connections, of %llu", ch->number,
                        (ull)s->reused, (ull)s->attempts);
  ledger_law_of_channel(ch, LAW_COUNTS, s->calls_running <= s->streams_peak,
                        "channel %d: %u calls run, there were never more than %u", ch->number,
                        s->calls_running, s->streams_peak);
}

/* ---- CONNECTIONS ---- */

/* Suspect ones come on top, as many again; and so does one that is made to replace another. */
static void law_of_connections(const ledger_channel *ch, const gmux_channel_stats *s) {
  const gmux_channel_options *o = &ch->options;
  uint32_t bound = o->max_connections + o->burst_connections;
  uint32_t trusted = s->connections_ready - s->connections_suspect;
  bool replaces = ch->is_recycled || o->max_age_ms > 0 || o->max_calls > 0;
  ledger_law_of_channel(ch, LAW_CONNECTIONS, trusted <= bound,
                        "channel %d: %u connections, of which %u are allowed", ch->number, trusted,
                        bound);
  ledger_law_of_channel(ch, LAW_CONNECTIONS, trusted + s->connections_dialing <= bound + replaces,
                        "channel %d: %u connections and %u in the making, of which %u are allowed",
                        ch->number, trusted, s->connections_dialing, bound + replaces);
  ledger_law_of_channel(ch, LAW_CONNECTIONS, s->connections_ready <= 2 * bound,
                        "channel %d: %u connections, the suspect ones among them, allowed are %u",
                        ch->number, s->connections_ready, 2 * bound);
  ledger_law_of_channel(ch, LAW_DIALS, s->connections_dialing <= 1,
                        "channel %d: %u attempts to connect at once", ch->number,
                        s->connections_dialing);
}

/* ---- PINGS ---- */

/* How often `interval` is twice the one before it, from `first` on; -1: it is no such multiple. */
static int doublings(uint64_t first, uint64_t interval) {
  int times = 0;
  for (; first < interval; first *= 2)
    times++;
  return first == interval ? times : -1;
}

/* A loop hears of what another one was told. */
static uint64_t times_of_all(const ledger_channel *whole) {
  gmux_channel_stats s = {.size = sizeof s};
  gmux_channel_get_stats(whole->channel, &s);
  return s.too_many_pings;
}

/* A channel that was told so goes on in twice the interval; the word of several connections that
 * were made with the same one counts once. */
static void law_of_pings(const ledger_channel *ch, const gmux_channel_stats *s) {
  uint64_t times = s->too_many_pings;
  bool is_polite = ledger_channel_is_polite(&ch->options);
  ledger_law_of_channel(ch, LAW_PINGS, times == 0 || !is_polite || ch->may_be_accused,
                        "channel %d: a server has found its PINGs too many", ch->number);
  int slower = doublings(ch->options.keepalive_ms, s->keepalive_ms);
  uint64_t most = ch->whole ? times_of_all(ch->whole) : times;
  ledger_law_of_channel(
      ch, LAW_PINGS,
      ch->options.keepalive_ms == 0 || (slower >= (times > 0) && (uint64_t)slower <= most),
      "channel %d: PINGs every %u ms, after %u ms at first and %llu times too many", ch->number,
      s->keepalive_ms, ch->options.keepalive_ms, (ull)times);
}

/* Unruly servers break rules, but are not that busy. */
static void law_of_calm(const ledger_channel *ch, const gmux_channel_stats *s) {
  ledger_law_of_channel(ch, LAW_CALM, s->ended_chatter + s->ended_metadata + s->ended_unread == 0,
                        "channel %d has ended connections: %llu for chatter, %llu for metadata, "
                        "%llu that were not read",
                        ch->number, (ull)s->ended_chatter, (ull)s->ended_metadata,
                        (ull)s->ended_unread);
}

void ledger_channel_read_stats(const ledger_channel *ch, const gmux_channel_stats *s) {
  if (!ch->whole) law_of_calls(ch, s);
  if (!ch->whole) law_of_retries(ch, s);
  law_of_losses(ch, s);
  law_of_parts(ch, s);
  law_of_calm(ch, s);
  if (ch->lanes) return; /* each of which has its own */
  law_of_connections(ch, s);
  law_of_pings(ch, s);
}

void ledger_channel_read(const ledger_channel *ch) {
  gmux_channel_stats s = {.size = sizeof s};
  if (ch->channel && gmux_channel_get_stats(ch->channel, &s) == 0)
    ledger_channel_read_stats(ch, &s);
  for (size_t i = 0; i < ch->lane_count; i++)
    ledger_channel_read(&ch->lanes[i]);
}

/* ---- DIALS ---- */

/* The shortest that gRPC's backoff is after so many failures: x 1.6 each time up to the longest,
 * less 20 % of jitter; counted from the start of the attempt that failed. */
static uint64_t backoff_ns(const gmux_channel_options *o, unsigned failures) {
  uint64_t ns = o->initial_backoff_ms * GMUX__NS_PER_MS,
           max_ns = o->max_backoff_ms * GMUX__NS_PER_MS;
  for (; failures > 1 && ns < max_ns; failures--)
    ns = ns * 8 / 5;
  return (ns < max_ns ? ns : max_ns) / 5 * 4;
}

/* Without a call for idle_timeout_ms a channel forgets what was. */
static void look_at_idleness(ledger_channel *ch, bool has_calls, uint64_t now_ns) {
  uint64_t after_ns = ch->options.idle_timeout_ms * GMUX__NS_PER_MS;
  bool is_idle = after_ns > 0 && now_ns - ch->dials.busy_ns >= after_ns;
  if (is_idle) ch->dials.failures = ch->dials.useless = 0;
  if (has_calls) ch->dials.busy_ns = now_ns;
}

/* The last attempt began before the application said that there is no backoff. */
static bool is_forgiven(const ledger_channel *ch) {
  return ch->dials.at_ns <= ch->dials.reset_ns;
}

static void law_of_backoff(const ledger_channel *ch, unsigned failures, const char *what,
                           uint64_t now_ns) {
  uint64_t least_ns = backoff_ns(&ch->options, failures);
  uint64_t since_ns = now_ns - ch->dials.at_ns;
  ledger_law_of_channel(ch, LAW_DIALS, since_ns >= least_ns,
                        "channel %d: an attempt to connect %llu us after the last began, which was "
                        "%s number %u in a row; the backoff is at least %llu us",
                        ch->number, (ull)(since_ns / 1000), what, failures, (ull)(least_ns / 1000));
}

/* In one turn a connection can come, bring the next attempt where there may be several, and be
 * lost. Once in a backoff: after that its loss is known. */
static bool began_beside(ledger_channel *ch, const ledger_dials *now, uint64_t now_ns) {
  uint32_t most = ch->options.max_connections + ch->options.burst_connections;
  if (most == 1 || now->made == ch->dials.made) return false;
  uint64_t last_ns = ch->dials.beside_ns;
  if (last_ns && now_ns < last_ns + backoff_ns(&ch->options, 1)) return false;
  ch->dials.beside_ns = now_ns;
  return true;
}

/* While its loop was stopped the application may have asked for it, any time since the last look.
 * And an attempt that it asked for (gmux_channel_rotate) replaces a connection that is well, which
 * can be lost in the same turn. */
static void attempt_begins(ledger_channel *ch, const ledger_dials *now, uint64_t now_ns) {
  bool was_stopped = ledger_due(0) > ch->dials.looked_ns;
  if (is_forgiven(ch)) ch->dials.failures = ch->dials.useless = 0;
  if (ch->dials.failures > 0) law_of_backoff(ch, ch->dials.failures, "failure", now_ns);
  if (ch->dials.useless > 0 && now->connections == 0 && !ch->dials.is_rotated &&
      !began_beside(ch, now, now_ns))
    law_of_backoff(ch, ch->dials.useless, "of no use, as", now_ns);
  ch->dials.at_ns = was_stopped ? ch->dials.looked_ns : now_ns;
  ch->dials.useless = 0;
  ch->dials.is_rotated = false;
  ch->dials.attempts = now->attempts;
  ch->dials.is_alone = now->connections == 0;
}

/* A peer that accepts and ends every connection at once is dialed no faster than one that refuses
 * it. */
static void attempt_succeeds(ledger_channel *ch) {
  ch->dials.useless = ch->dials.is_alone && !is_forgiven(ch) ? ch->dials.failures + 1 : 0;
  ch->dials.failures = 0;
}

/* A call has been on it, or the channel gave it up by itself. */
static void look_at_use(ledger_channel *ch, const ledger_dials *now) {
  bool is_given_up = now->failed_by_us != ch->dials.failed_by_us;
  if (now->attempts != ch->dials.attempts || is_given_up) ch->dials.useless = 0;
}

/* One that the channel gave up by itself has no backoff. */
static void attempt_fails(ledger_channel *ch, bool is_by_us) {
  ch->dials.failures = is_by_us || is_forgiven(ch) ? 0 : ch->dials.failures + 1;
}

/* Within one turn an attempt can end and the next begin, not the other way round. */
void ledger_channel_read_dials(ledger_channel *ch, const ledger_dials *now) {
  uint64_t now_ns = ledger_now();
  look_at_idleness(ch, now->has_calls, now_ns);
  if (ch->dials.is_reset_late) ch->dials.reset_ns = now_ns;
  ch->dials.is_reset_late = false;
  if (now->made != ch->dials.made) attempt_succeeds(ch);
  look_at_use(ch, now);
  if (now->failed != ch->dials.failed)
    attempt_fails(ch, now->failed_by_us != ch->dials.failed_by_us);
  if (now->started != ch->dials.started) attempt_begins(ch, now, now_ns);
  ch->dials.started = now->started;
  ch->dials.failed = now->failed;
  ch->dials.failed_by_us = now->failed_by_us;
  ch->dials.made = now->made;
  ch->dials.looked_ns = now_ns;
}
