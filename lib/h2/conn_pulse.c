/*
 * conn_pulse.c: whether the peer is alive, and in time.
 *
 * What is decided about PINGs is the pulse's (lib/policy/pulse.h): here it is told what happens,
 * and what it asks for is done. Beside it each phase of a connection has a deadline (conn->due).
 *
 * One timer, the alarm, serves them all, and it is lazy: a deadline that comes nearer brings it
 * forward, one that moves away or falls leaves it where it is; when it fires it looks at what is
 * due now and is set to the next. So neither a read nor a call costs a timer operation, but for
 * the first call after it was set to a distant keepalive.
 *
 * Within a turn reading comes before timers. So a process that was stopped for a minute hears what
 * has come meanwhile before it takes its peer for dead, which only the alarm does.
 */
#include "lib/h2/inside.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void gmux__ping_payload(uint8_t payload[GMUX__PING_BYTES], gmux__ping_kind kind, uint32_t number) {
  payload[0] = 'g';
  payload[1] = 'm';
  payload[2] = 'x';
  payload[3] = (uint8_t)kind;
  for (int i = 0; i < 4; i++)
    payload[4 + i] = (uint8_t)(number >> (24 - 8 * i));
}

static uint64_t conn_now(const gmux__conn *conn) {
  return gmux__loop_now(conn->h2->loop);
}

/* The owner minds how long the beginning may take. */
static bool has_pulse(const gmux__conn *conn) {
  return (conn->state == GMUX__CONN_READY || conn->state == GMUX__CONN_DRAINING) &&
         conn->pulse.config.timeout_ns;
}

/* As the peer sees it: also one that is only waiting to be reset, but none that was. */
static bool conn_has_streams(const gmux__conn *conn) {
  return conn->h2->config.is_server ? conn->open_streams > 0 : conn->slots.taken > conn->lingering;
}

/* ---- the alarm ---- */

static uint64_t sooner(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t conn_next_ns(const gmux__conn *conn) {
  uint64_t phase = sooner(sooner(conn->due.settings_ns, conn->due.block_ns),
                          sooner(conn->due.stall_ns, conn->due.drain_ns));
  phase = sooner(phase, conn->due.look_ns);
  return has_pulse(conn) ? sooner(phase, gmux__pulse_next_ns(&conn->pulse, conn_now(conn))) : phase;
}

void gmux__conn_set_alarm(gmux__conn *conn) {
  if (conn->state == GMUX__CONN_CLOSED) return;
  uint64_t at_ns = conn_next_ns(conn);
  if (at_ns < conn->alarm.at_ns) gmux__timer_set(conn->h2->loop, &conn->alarm, at_ns);
}

#ifdef GMUX_DEBUG
void gmux__conn_check(const gmux__conn *conn) {
  bool is_over = conn->state == GMUX__CONN_CLOSED;
  assert((conn->transport == NULL) == (is_over || conn->state == GMUX__CONN_DIALING));
  if (is_over) {
    assert(!gmux__timer_is_set(&conn->alarm) && !gmux__timer_is_set(&conn->drain_timer));
    assert(!conn->is_suspect && !conn->is_validating && conn->has_loss);
    return;
  }
  /* Late, the alarm would let something pass; so it never is. */
  assert(conn->alarm.at_ns <= conn_next_ns(conn));
  assert(conn->pulse.has_streams == conn_has_streams(conn));
  gmux__stalls_check(conn);
  gmux__windows_check(conn);
  assert(!conn->is_suspect || gmux__pulse_is_suspect(&conn->pulse, conn_now(conn)));
  assert(conn->state != GMUX__CONN_READY || (!conn->has_loss && conn->has_settings));
}
#endif

/* What led here is not forgotten over how it ends. */
static void conn_time_out(gmux__conn *conn, uint32_t h2_code, const char *words) {
  bool has_story = conn->state == GMUX__CONN_DRAINING;
  if (has_story) {
    size_t len = strlen(conn->why);
    snprintf(conn->why + len, sizeof conn->why - len, "; %s", words);
  }
  gmux__conn_close(conn, GMUX_ERR_TIMEOUT, h2_code, has_story ? conn->why : words);
}

void gmux__conn_note_death(gmux__conn *conn, const char *words) {
  gmux__counter_add(&conn->h2->figures.deaths, 1);
  gmux__conn_log(conn, GMUX_LOG_DEBUG, "h2", "dead: %s", words);
  gmux__conn_set_loss(conn, GMUX_LOSS_DEAD);
}

static void conn_die(gmux__conn *conn, const char *words) {
  gmux__conn_note_death(conn, words);
  conn_time_out(conn, NGHTTP2_NO_ERROR, words);
}

/* Closes it if one of its phases has taken too long. */
static void conn_end_overdue(gmux__conn *conn, uint64_t now_ns) {
  const gmux__h2_config *config = &conn->h2->config;
  char words[96];
  if (now_ns >= conn->due.settings_ns) {
    snprintf(words, sizeof words, "the peer did not acknowledge our SETTINGS within %" PRIu64 " ms",
             config->settings_ack_ns / GMUX__NS_PER_MS);
    conn_time_out(conn, NGHTTP2_SETTINGS_TIMEOUT, words);
  } else if (now_ns >= conn->due.block_ns) {
    snprintf(words, sizeof words, "a header block took the peer longer than %" PRIu64 " ms",
             config->header_block_ns / GMUX__NS_PER_MS);
    conn_time_out(conn, NGHTTP2_ENHANCE_YOUR_CALM, words);
  } else if (now_ns >= conn->due.stall_ns) {
    snprintf(words, sizeof words, "the peer took nothing for %" PRIu64 " ms",
             config->write_stall_ns / GMUX__NS_PER_MS);
    conn_die(conn, words);
  } else if (now_ns >= conn->due.drain_ns) {
    snprintf(words, sizeof words, "its calls did not end within %" PRIu64 " ms",
             config->drain_ns / GMUX__NS_PER_MS);
    conn_time_out(conn, NGHTTP2_NO_ERROR, words);
  }
}

/* ---- PINGs ---- */

static gmux__ping_kind kind_of(gmux__pulse_action action) {
  if (action == GMUX__PULSE_PING_KEEPALIVE) return GMUX__PING_KEEPALIVE;
  return action == GMUX__PULSE_PING_SUSPICION ? GMUX__PING_SUSPICION : GMUX__PING_VALIDATION;
}

static void conn_ping(gmux__conn *conn, gmux__pulse_action action) {
  uint8_t payload[GMUX__PING_BYTES];
  gmux__ping_payload(payload, kind_of(action), ++conn->ping_number);
  if (nghttp2_submit_ping(conn->session, NGHTTP2_FLAG_NONE, payload)) {
    gmux__conn_doom(conn, GMUX_ERR_NOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
    return;
  }
  gmux__pulse_on_ping_sent(&conn->pulse, conn_now(conn), action, gmux__loop_random(conn->h2->loop));
  gmux__counter_add(&conn->h2->figures.pings_sent, 1);
  if (action == GMUX__PULSE_PING_KEEPALIVE) conn->tally.keepalives_sent++;
  if (action == GMUX__PULSE_PING_VALIDATION) gmux__counter_add(&conn->h2->figures.validations, 1);
  gmux__conn_want_write(conn);
}

/* Sends the PING that is due, if any. Death waits for the alarm. */
static void conn_ping_if_due(gmux__conn *conn) {
  if (!has_pulse(conn) || conn->doom_error) return;
  gmux__pulse_action action = gmux__pulse_poll(&conn->pulse, conn_now(conn));
  if (action == GMUX__PULSE_PING_KEEPALIVE || action == GMUX__PULSE_PING_SUSPICION)
    conn_ping(conn, action);
}

static void conn_tell_trust(gmux__conn *conn) {
  conn->is_validating = false;
  conn->has_trust_event = true;
  gmux__conn_want_deliver(conn);
}

static void conn_suspect(gmux__conn *conn, uint64_t silent_ns) {
  conn->is_suspect = true;
  gmux__conn_note(conn, GMUX__EVENT_SUSPECT, (int64_t)(silent_ns / 1000), 0);
  gmux__counter_add(&conn->h2->figures.suspicions, 1);
  gmux__conn_log(conn, GMUX_LOG_INFO, "h2",
                 "suspect: not a byte came for %" PRIu64 " ms, and a PING is not answered",
                 silent_ns / GMUX__NS_PER_MS);
  conn_tell_trust(conn);
}

static void conn_trust(gmux__conn *conn, uint64_t silent_ns) {
  conn->is_suspect = false;
  gmux__conn_note(conn, GMUX__EVENT_TRUSTED, (int64_t)(silent_ns / 1000), 0);
  gmux__conn_log(conn, GMUX_LOG_INFO, "h2", "trusted again, after %" PRIu64 " ms without a byte",
                 silent_ns / GMUX__NS_PER_MS);
  conn_tell_trust(conn);
}

static void on_alarm(void *arg) {
  gmux__conn *conn = arg;
  uint64_t now_ns = conn_now(conn);
  conn_end_overdue(conn, now_ns);
  if (conn->state == GMUX__CONN_CLOSED) return;
  gmux__stalls_look(conn, now_ns);
  if (has_pulse(conn) && gmux__pulse_poll(&conn->pulse, now_ns) == GMUX__PULSE_DEAD) {
    char words[64];
    snprintf(words, sizeof words, "no answer to a PING within %" PRIu64 " ms",
             conn->pulse.config.timeout_ns / GMUX__NS_PER_MS);
    conn_die(conn, words);
    return;
  }
  conn_ping_if_due(conn);
  if (!conn->is_suspect && has_pulse(conn) && gmux__pulse_is_suspect(&conn->pulse, now_ns))
    conn_suspect(conn, now_ns - conn->pulse.read_ns);
  gmux__conn_set_alarm(conn);
}

/* ---- what happens ---- */

void gmux__conn_pulse_init(gmux__conn *conn) {
  gmux__timer_init(&conn->alarm, on_alarm, conn);
  conn->due.settings_ns = conn->due.block_ns = GMUX__NEVER;
  conn->due.stall_ns = conn->due.drain_ns = conn->due.look_ns = GMUX__NEVER;
}

void gmux__conn_pulse_start(gmux__conn *conn) {
  gmux_loop *loop = conn->h2->loop;
  gmux__pulse_init(&conn->pulse, &conn->h2->config.pulse, conn_now(conn), gmux__loop_random(loop));
  gmux__strikes_init(&conn->strikes, &conn->h2->config.strikes);
}

uint64_t gmux__conn_due(const gmux__conn *conn, uint64_t within_ns) {
  return within_ns ? conn_now(conn) + within_ns : GMUX__NEVER;
}

void gmux__conn_on_bytes(gmux__conn *conn) {
  uint64_t now_ns = conn_now(conn), silent_ns = now_ns - conn->pulse.read_ns;
  gmux__pulse_on_read(&conn->pulse, now_ns);
  if (conn->is_suspect) conn_trust(conn, silent_ns);
  if (conn->is_validating) conn_tell_trust(conn);
  gmux__resets_on_bytes(conn);
}

void gmux__conn_on_settings_ack(gmux__conn *conn) {
  gmux__rtt_measured(&conn->pulse.rtt, conn_now(conn) - conn->settings_sent_ns);
  conn->due.settings_ns = GMUX__NEVER;
  if (gmux__link_is_linked(&conn->lease.link)) gmux__lease_on_ack(conn);
}

void gmux__conn_count_streams(gmux__conn *conn) {
  bool has_streams = conn_has_streams(conn);
  if (has_streams == conn->pulse.has_streams) return;
  gmux__pulse_on_streams(&conn->pulse, conn_now(conn), has_streams);
  if (has_streams) gmux__stalls_begin(conn);
}

/* 75 % of 2^31-1 */
static const uint32_t WORN_ID = (uint32_t)((uint64_t)INT32_MAX * 3 / 4);

void gmux__conn_on_opened(gmux__conn *conn) {
  bool is_first = !conn->pulse.has_streams;
  gmux__conn_count_streams(conn);
  if (is_first) {
    conn_ping_if_due(conn); /* after long silence: ahead of the request */
    gmux__conn_set_alarm(conn);
  }
  if (conn->is_worn || nghttp2_session_get_next_stream_id(conn->session) <= WORN_ID) return;
  conn->is_worn = true;
  conn->has_worn_event = true;
  gmux__conn_want_deliver(conn);
}

/* ---- PINGs that come ---- */

static bool is_of_pulse(const gmux__conn *conn, const uint8_t *payload) {
  uint8_t ours[GMUX__PING_BYTES];
  gmux__ping_payload(ours, kind_of(conn->pulse.ping), conn->ping_number);
  return conn->pulse.ping_ns != GMUX__PULSE_OFF && memcmp(payload, ours, sizeof ours) == 0;
}

void gmux__conn_on_ping_acked(gmux__conn *conn, const uint8_t *payload) {
  uint64_t now_ns = conn_now(conn);
  if (!is_of_pulse(conn, payload)) {
    gmux__conn_note(conn, GMUX__EVENT_PING_ACKED, 0, 0);
    gmux__conn_drain_on_ping_acked(conn, payload);
    return;
  }
  gmux__conn_note(conn, GMUX__EVENT_PING_ACKED, (int64_t)((now_ns - conn->pulse.ping_ns) / 1000),
                  0);
  gmux__pulse_on_ping_acked(&conn->pulse, now_ns);
  gmux__counter_add(&conn->h2->figures.pings_acked, 1);
}

void gmux__conn_on_peer_ping(gmux__conn *conn) {
  gmux__h2_figures *figures = &conn->h2->figures;
  gmux__conn_note(conn, GMUX__EVENT_PING_RECEIVED, 0, 0);
  gmux__counter_add(&figures->pings_received, 1);
  if (!conn->h2->config.is_server || conn->doom_error) return;
  uint32_t strikes = conn->strikes.count;
  bool is_too_many = gmux__strikes_ping(&conn->strikes, conn_now(conn), conn->open_streams > 0);
  if (conn->strikes.count > strikes) gmux__counter_add(&figures->pings_bad, 1);
  if (!is_too_many) return;
  gmux__counter_add(&figures->too_many_pings, 1);
  conn->farewell = GMUX__TOO_MANY_PINGS;
  gmux__conn_doom(conn, GMUX_ERR_PROTOCOL, NGHTTP2_ENHANCE_YOUR_CALM,
                  "the client sent too many PINGs (" GMUX__TOO_MANY_PINGS ")");
}

/* ---- asked for ---- */

/* An ACK is outstanding, but the peer lived a moment ago: something came behind the PING. */
static bool was_alive_just_now(const gmux__pulse *p, uint64_t now_ns) {
  return p->ping_ns != GMUX__PULSE_OFF && !p->is_silent &&
         now_ns - p->ping_ns < p->config.timeout_ns;
}

bool gmux__conn_validate(gmux__conn *conn) {
  if (conn->is_validating) return true;
  if (conn->state != GMUX__CONN_READY || !has_pulse(conn)) return false;
  uint64_t now_ns = conn_now(conn);
  gmux__pulse *p = &conn->pulse;
  if (!gmux__pulse_may_validate(p, now_ns) || was_alive_just_now(p, now_ns)) return false;
  bool is_under_way = p->ping_ns != GMUX__PULSE_OFF && p->is_silent;
  if (!is_under_way) conn_ping(conn, GMUX__PULSE_PING_VALIDATION);
  conn->is_validating = true;
  gmux__conn_set_alarm(conn);
  return true;
}
