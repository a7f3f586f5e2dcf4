/*
 * odometer.h: for what reason calls waited, and how long, at no cost per call.
 *
 * At any moment all calls that wait for a connection wait for the same thing: a look-up, a dial,
 * the peer's limit. An odometer runs one clock per reason, the current one's. The time from one
 * change of the reason to the next is a LEG, which knows how all clocks stood when it began. A call
 * that begins to wait takes a mark, 16 bytes: the leg and the moment. When it is placed it takes
 * another, and what lies between them is its own time by reason. So a change of the reason costs
 * the same with one call waiting or ten thousand, and ten thousand that begin to wait in one leg
 * share it.
 */
#ifndef GMUX__WATCH_ODOMETER_H
#define GMUX__WATCH_ODOMETER_H

#include <stddef.h>
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

/* Freed when the odometer has left it and the last mark in it is dropped. While a mark is in it
 * only `holds` changes, so what marks say may be read on any thread. */
typedef struct gmux__leg {
  size_t holds; /* the odometer's, while it is the current one, and of marks */
  gmux__wait wait;
  uint64_t since_ns;
  uint64_t before_ns[GMUX__WAITS]; /* the clocks, at since_ns */
} gmux__leg;

typedef struct gmux__odometer {
  gmux__leg *leg; /* the current one */
} gmux__odometer;

/* A moment. All zero: none. */
typedef struct gmux__mark {
  gmux__leg *leg; /* held */
  uint64_t at_ns;
} gmux__mark;

/* It runs for NONE. GMUX_ERR_NOMEM. */
int gmux__odometer_init(gmux__odometer *o, uint64_t now_ns);
void gmux__odometer_deinit(gmux__odometer *o); /* marks may be left; takes an all zero one */
/* Without memory for the next leg the present one goes on until the next time. */
void gmux__odometer_set(gmux__odometer *o, gmux__wait wait, uint64_t now_ns);
static inline gmux__wait gmux__odometer_wait(const gmux__odometer *o) {
  return o->leg->wait;
}

gmux__mark gmux__odometer_mark(gmux__odometer *o, uint64_t now_ns);
void gmux__leg_drop(gmux__leg *leg);
static inline void gmux__mark_drop(gmux__mark *mark) { /* takes none, leaves none */
  if (!mark->leg) return;
  gmux__leg_drop(mark->leg);
  *mark = (gmux__mark){NULL, 0};
}
/* Adds what lies between two marks, by reason. */
void gmux__mark_add(uint64_t sum[GMUX__WAITS], const gmux__mark *from, const gmux__mark *to);

#endif
