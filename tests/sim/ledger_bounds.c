/* ledger_bounds.c: how long it may take until all is well again. */
#include "tests/sim/ledger.h"

static uint64_t most(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

/* Until a connection that will never carry a byte again is known to be dead, once a call is on it:
 * suspicion or keepalive, and the PING's time. */
static uint64_t detection_ns(const gmux_channel_options *o, uint64_t round_trip_ns) {
  uint64_t timeout_ns = o->keepalive_timeout_ms * GMUX__NS_PER_MS;
  uint64_t keepalive_ns = o->keepalive_ms * GMUX__NS_PER_MS;
  keepalive_ns += keepalive_ns / 10; /* its jitter */
  uint64_t by_itself_ns = most(GMUX__NS_PER_S, 8 * round_trip_ns);
  uint64_t suspect_ns = o->suspect_after_ms ? o->suspect_after_ms * GMUX__NS_PER_MS : by_itself_ns;
  if (o->suspect_after_ms == GMUX_NEVER_MS)
    return o->keepalive_ms ? keepalive_ns + timeout_ns : GMUX__NEVER;
  return suspect_ns + timeout_ns;
}

/* Until an attempt that was begun in the worst moment is over, and the next one may begin: both
 * count from its start. */
static uint64_t attempt_ns(const gmux_channel_options *o) {
  uint64_t backoff_ns = o->max_backoff_ms * GMUX__NS_PER_MS;
  return most(o->connect_timeout_ms * GMUX__NS_PER_MS, backoff_ns + backoff_ns / 5);
}

/* Name, TCP, TLS, SETTINGS, the call, and a pause of the server's in each. */
static uint64_t call_ns(uint64_t round_trip_ns) {
  return GMUX__NS_PER_S + 10 * round_trip_ns;
}

uint64_t ledger_recovery_ns(const gmux_channel_options *o, uint64_t round_trip_ns) {
  uint64_t detection = detection_ns(o, round_trip_ns);
  if (detection == GMUX__NEVER) return GMUX__NEVER;
  return detection + attempt_ns(o) + o->redial_jitter_ms * GMUX__NS_PER_MS + call_ns(round_trip_ns);
}
