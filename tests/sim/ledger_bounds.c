/*
 * ledger_bounds.c: how long it may take until all is well again.
 *
 * Bounds are made of what the options promise, each part with its reason, so that a storm whose
 * channels are quick to act is held to that, and one with patient options is not blamed for them.
 */
#include "tests/sim/ledger.h"

static uint64_t most(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

uint64_t ledger_detection_ns(const gmux_channel_options *o) {
  uint64_t timeout_ns = o->keepalive_timeout_ms * GMUX__NS_PER_MS;
  uint64_t keepalive_ns = o->keepalive_ms * GMUX__NS_PER_MS;
  uint64_t by_ping_ns = o->keepalive_ms ? keepalive_ns + keepalive_ns / 10 : GMUX__NEVER;
  uint64_t by_tcp_ns =
      o->tcp_keepalive_idle_s ? o->tcp_keepalive_idle_s * GMUX__NS_PER_S : GMUX__NEVER;
  uint64_t found_ns = least(by_ping_ns, by_tcp_ns);
  return found_ns == GMUX__NEVER ? GMUX__NEVER : found_ns + timeout_ns;
}

/* The first probe, those that must follow, and the rest of the time that a peer has: after that the
 * next moment to probe is the end. */
uint64_t ledger_server_detection_ns(const gmux_server_options *o) {
  if (o->tcp_keepalive_idle_s == 0) return GMUX__NEVER;
  uint64_t probes_ns = o->tcp_keepalive_count * o->tcp_keepalive_interval_s * GMUX__NS_PER_S;
  uint64_t patience_ns = o->keepalive_timeout_ms * GMUX__NS_PER_MS;
  if (o->keepalive_ms) probes_ns = patience_ns + o->tcp_keepalive_interval_s * GMUX__NS_PER_S;
  return o->tcp_keepalive_idle_s * GMUX__NS_PER_S + probes_ns;
}

/* Until an attempt that was begun in the worst moment is over, and the next one may begin: both
 * count from its start. */
static uint64_t attempt_ns(const gmux_channel_options *o) {
  uint64_t backoff_ns = o->max_backoff_ms * GMUX__NS_PER_MS;
  return most(o->connect_timeout_ms * GMUX__NS_PER_MS, backoff_ns + backoff_ns / 5);
}

/* Until calls avoid a connection from which nothing comes: eight round trips, at least half a
 * second, one where none was measured. */
static uint64_t suspicion_ns(const gmux_channel_options *o, uint64_t round_trip_ns) {
  if (o->suspect_after_ms == GMUX_NEVER_MS) return ledger_detection_ns(o);
  uint64_t by_itself_ns = most(GMUX__NS_PER_S, 8 * round_trip_ns);
  return o->suspect_after_ms ? o->suspect_after_ms * GMUX__NS_PER_MS : by_itself_ns;
}

/* Name, TCP, TLS, SETTINGS, a PING before it, the call, and a second for what the world takes. */
static uint64_t call_ns(uint64_t round_trip_ns) {
  return GMUX__NS_PER_S + 10 * round_trip_ns;
}

uint64_t ledger_recovery_ns(const gmux_channel_options *o, uint64_t round_trip_ns) {
  return suspicion_ns(o, round_trip_ns) + attempt_ns(o) + o->redial_jitter_ms * GMUX__NS_PER_MS +
         call_ns(round_trip_ns);
}
