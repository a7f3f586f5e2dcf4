/*
 * pulse.c: is the peer alive?
 *
 * All moments are computed from the few that are kept, so poll, next_ns and is_suspect cannot
 * disagree. OFF, the largest number, is "never": sums saturate to it.
 */
#include "lib/policy/pulse.h"
#include "lib/policy/jitter.h"
#include "lib/policy/number.h"
#include <assert.h>

#define OFF GMUX__PULSE_OFF

enum {
  BUDGET = 2,            /* what a server with default settings forgives (A8) */
  KEEPALIVE_JITTER = 10, /* percent, upwards */
  ROUND_TRIPS = 8        /* of silence are suspicious */
};

static const uint64_t SUSPECT_LEAST_NS = 500000000;    /* a retransmission or two fit in */
static const uint64_t SUSPECT_UNKNOWN_NS = 1000000000; /* no round trip was measured yet */

static bool has_come(uint64_t at_ns, uint64_t now_ns) {
  return at_ns != OFF && now_ns >= at_ns;
}

static uint64_t pulse_suspect_after(const gmux__pulse *p) {
  if (p->config.suspect_ns != 0) return p->config.suspect_ns;
  uint64_t after_ns = SUSPECT_UNKNOWN_NS;
  if (p->rtt.smoothed_ns != 0)
    after_ns = gmux__number_max(gmux__number_percent(p->rtt.smoothed_ns, ROUND_TRIPS * 100),
                                SUSPECT_LEAST_NS);
  return gmux__number_min(after_ns, p->config.timeout_ns);
}

/* The PING under way: when nobody waits for its ACK any more. */
static uint64_t pulse_ping_end(const gmux__pulse *p) {
  return gmux__number_add(p->ping_ns, p->config.timeout_ns);
}

static bool pulse_is_ping_under_way(const gmux__pulse *p, uint64_t now_ns) {
  return p->ping_ns != OFF && (p->is_silent || now_ns < pulse_ping_end(p));
}

static bool pulse_is_unanswered(const gmux__pulse *p) {
  return p->ping_ns != OFF && p->is_silent;
}

/* When the PING under way makes the peer suspect. */
static uint64_t pulse_suspect_at(const gmux__pulse *p) {
  if (p->ping == GMUX__PULSE_PING_SUSPICION) return p->ping_ns;
  return gmux__number_add(p->ping_ns, pulse_suspect_after(p));
}

/* The keepalive clock ran out while there was no stream. */
static bool pulse_has_overslept(const gmux__pulse *p) {
  return !p->config.without_calls && p->has_streams &&
         p->streams_ns >= gmux__number_add(p->read_ns, p->keepalive_ns);
}

/* When the schedule calls for a PING even if it is taken for the first since the stream began. */
static uint64_t pulse_overslept_due(const gmux__pulse *p) {
  return gmux__number_add(p->streams_ns, p->keepalive_ns);
}

static uint64_t pulse_keepalive_due(const gmux__pulse *p) {
  if (!p->has_streams && !p->config.without_calls) return OFF;
  if (!pulse_has_overslept(p)) return gmux__number_add(p->read_ns, p->keepalive_ns);
  return p->extra < BUDGET ? p->streams_ns : pulse_overslept_due(p);
}

static uint64_t pulse_suspicion_due(const gmux__pulse *p) {
  if (!p->has_streams || p->is_suspicion_spent || p->extra >= BUDGET) return OFF;
  return gmux__number_add(gmux__number_max(p->read_ns, p->streams_ns), pulse_suspect_after(p));
}

void gmux__pulse_init(gmux__pulse *p, const gmux__pulse_config *config, uint64_t now_ns,
                      uint64_t random) {
  *p = (gmux__pulse){.config = *config, .read_ns = now_ns, .ping_ns = OFF};
  p->keepalive_ns = gmux__jitter_above(config->keepalive_ns, KEEPALIVE_JITTER, random);
}

void gmux__pulse_on_read(gmux__pulse *p, uint64_t now_ns) {
  p->read_ns = now_ns;
  p->is_silent = false;
}

void gmux__pulse_on_answer(gmux__pulse *p) {
  p->is_suspicion_spent = false;
  p->extra = p->unacked;
}

void gmux__pulse_on_reply(gmux__pulse *p, uint64_t took_ns) {
  gmux__rtt_replied(&p->rtt, took_ns);
}

void gmux__pulse_on_streams(gmux__pulse *p, uint64_t now_ns, bool has_streams) {
  if (has_streams && !p->has_streams) p->streams_ns = now_ns;
  p->has_streams = has_streams;
}

/* Might a server with default settings count it against us? */
static bool pulse_is_extra(const gmux__pulse *p, uint64_t now_ns, gmux__pulse_action kind) {
  if (kind != GMUX__PULSE_PING_KEEPALIVE) return true;
  return pulse_has_overslept(p) && now_ns < pulse_overslept_due(p);
}

void gmux__pulse_on_ping_sent(gmux__pulse *p, uint64_t now_ns, gmux__pulse_action kind,
                              uint64_t random) {
  assert(kind == GMUX__PULSE_PING_KEEPALIVE || kind == GMUX__PULSE_PING_SUSPICION ||
         kind == GMUX__PULSE_PING_VALIDATION);
  assert(!pulse_is_ping_under_way(p, now_ns));
  if (pulse_is_extra(p, now_ns, kind)) p->extra++;
  if (kind == GMUX__PULSE_PING_SUSPICION) p->is_suspicion_spent = true;
  p->unacked++;
  p->ping_ns = now_ns;
  p->ping = kind;
  p->is_silent = true;
  p->keepalive_ns = gmux__jitter_above(p->config.keepalive_ns, KEEPALIVE_JITTER, random);
}

void gmux__pulse_on_ping_acked(gmux__pulse *p, uint64_t now_ns) {
  if (p->ping_ns == OFF) return;
  gmux__rtt_measured(&p->rtt, gmux__number_subtract(now_ns, p->ping_ns));
  p->ping_ns = OFF;
  p->ping = GMUX__PULSE_NOTHING;
  p->is_silent = false;
  p->unacked = 0; /* the peer acknowledges them in their order */
}

gmux__pulse_action gmux__pulse_poll(const gmux__pulse *p, uint64_t now_ns) {
  if (pulse_is_unanswered(p) && has_come(pulse_ping_end(p), now_ns)) return GMUX__PULSE_DEAD;
  if (pulse_is_ping_under_way(p, now_ns)) return GMUX__PULSE_NOTHING;
  if (has_come(pulse_keepalive_due(p), now_ns)) return GMUX__PULSE_PING_KEEPALIVE;
  if (has_come(pulse_suspicion_due(p), now_ns)) return GMUX__PULSE_PING_SUSPICION;
  return GMUX__PULSE_NOTHING;
}

uint64_t gmux__pulse_next_ns(const gmux__pulse *p, uint64_t now_ns) {
  if (gmux__pulse_poll(p, now_ns) != GMUX__PULSE_NOTHING) return now_ns;
  if (pulse_is_unanswered(p)) {
    uint64_t suspect_at_ns = pulse_suspect_at(p), dead_at_ns = pulse_ping_end(p);
    return suspect_at_ns > now_ns ? gmux__number_min(suspect_at_ns, dead_at_ns) : dead_at_ns;
  }
  uint64_t due_ns = gmux__number_min(pulse_keepalive_due(p), pulse_suspicion_due(p));
  if (p->ping_ns == OFF) return due_ns;
  return gmux__number_max(due_ns, pulse_ping_end(p));
}

bool gmux__pulse_is_suspect(const gmux__pulse *p, uint64_t now_ns) {
  return pulse_is_unanswered(p) && has_come(pulse_suspect_at(p), now_ns);
}

bool gmux__pulse_may_validate(const gmux__pulse *p, uint64_t now_ns) {
  return p->extra < BUDGET || pulse_is_ping_under_way(p, now_ns);
}
