/*
 * odometer.h: for what reason calls waited, and how long, at no cost per call.
 *
 * At any moment all calls that wait for a connection wait for the same thing: a look-up, a dial,
 * the peer's limit. An odometer runs one clock per reason, the current one's. A call that begins to
 * wait takes a reading; when it is placed, the difference is its own time by reason. So a change of
 * the reason costs the same with one call waiting or ten thousand.
 */
#ifndef GMUX__WATCH_ODOMETER_H
#define GMUX__WATCH_ODOMETER_H

#include <stdint.h>

typedef enum gmux__wait {
  GMUX__WAIT_NONE = 0,   /* a place will be found in this turn */
  GMUX__WAIT_PAUSED,     /* gmux_channel_pause */
  GMUX__WAIT_BACKOFF,    /* the next attempt must not start yet, or is spread by a jitter */
  GMUX__WAIT_GATE,       /* too many handshakes run on this loop */
  GMUX__WAIT_RESOLVE,    /* DNS */
  GMUX__WAIT_DIAL,       /* TCP */
  GMUX__WAIT_TLS,        /* handshake */
  GMUX__WAIT_SETTINGS,   /* the peer's first */
  GMUX__WAIT_VALIDATION, /* a PING on a connection that was idle */
  GMUX__WAIT_LIMIT,      /* every stream that the peer, or our own cap, allows is taken */
  GMUX__WAIT_MEMORY,     /* max_memory_bytes is taken by calls that run */
  GMUX__WAITS
} gmux__wait;

/* "while the channel was paused", "for the backoff", "for DNS", ...: to follow "2.1 ms ". */
const char *gmux__wait_str(gmux__wait wait);

/* All zero is one that has run for NONE since the beginning of time; only differences count. */
typedef struct gmux__odometer {
  gmux__wait current;
  uint64_t since_ns;
  uint64_t total_ns[GMUX__WAITS]; /* without what runs since since_ns */
} gmux__odometer;

void gmux__odometer_set(gmux__odometer *o, gmux__wait wait, uint64_t now_ns);
/* All clocks as they stand now. */
void gmux__odometer_read(const gmux__odometer *o, uint64_t now_ns, uint64_t reading[GMUX__WAITS]);

#endif
