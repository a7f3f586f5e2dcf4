/* odometer.c: for what reason calls waited, and how long. */
#include "lib/watch/odometer.h"

const char *gmux__wait_str(gmux__wait wait) {
  switch (wait) {
  case GMUX__WAIT_NONE:
    return "for a place";
  case GMUX__WAIT_PAUSED:
    return "while the channel was paused";
  case GMUX__WAIT_BACKOFF:
    return "for the backoff";
  case GMUX__WAIT_GATE:
    return "for other handshakes of this loop";
  case GMUX__WAIT_RESOLVE:
    return "for DNS";
  case GMUX__WAIT_DIAL:
    return "for TCP";
  case GMUX__WAIT_TLS:
    return "for TLS";
  case GMUX__WAIT_SETTINGS:
    return "for the server's SETTINGS";
  case GMUX__WAIT_VALIDATION:
    return "for a PING on an idle connection";
  case GMUX__WAIT_LIMIT:
    return "for a free stream";
  case GMUX__WAIT_MEMORY:
    return "for memory";
  case GMUX__WAITS:
    break;
  }
  return "for an unknown reason";
}

static uint64_t odometer_running_ns(const gmux__odometer *o, uint64_t now_ns) {
  return now_ns > o->since_ns ? now_ns - o->since_ns : 0;
}

void gmux__odometer_set(gmux__odometer *o, gmux__wait wait, uint64_t now_ns) {
  if (wait == o->current) return;
  o->total_ns[o->current] += odometer_running_ns(o, now_ns);
  o->since_ns = now_ns;
  o->current = wait;
}

void gmux__odometer_read(const gmux__odometer *o, uint64_t now_ns, uint64_t reading[GMUX__WAITS]) {
  for (int i = 0; i < GMUX__WAITS; i++)
    reading[i] = o->total_ns[i];
  reading[o->current] += odometer_running_ns(o, now_ns);
}
