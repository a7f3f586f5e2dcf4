/*
 * window.h: how wide a receive window has to be, of a connection or a stream. Numbers in, decisions
 * out.
 *
 * What keeps a path full is its bandwidth x delay, and a window of twice that is never waited for:
 * half of it is under way while the other half is given back. What is wider than that only stands
 * in queues, and whatever comes behind it waits for it.
 *
 * Both factors are known without a PING: the delay from the acknowledgement of our SETTINGS, which
 * every connection begins with, and from what else was measured (rtt.h); the bandwidth from what
 * comes in the time of a round trip. Until more has been seen a path is taken for one of 10 Gbit/s,
 * up to the window that it begins with: so a near one is narrowed at once and a far one is not.
 *
 * A round begins with the first bytes and ends with the first that come a delay later, 4 ms at
 * least. Where the window is the limit it becomes up to four times as wide with every other round,
 * since what it allows comes a round trip later; where the path is, it comes to rest at twice
 * bandwidth x delay. It becomes wider at once, and narrower when eight rounds did not need it, or
 * nothing came for 10 s: the rate of then says nothing of now.
 */
#ifndef GMUX__POLICY_WINDOW_H
#define GMUX__POLICY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

typedef struct gmux__window_config {
  uint32_t first; /* bytes; what a path of unknown delay is given */
  uint32_t most;  /* at least `first` */
} gmux__window_config;

typedef struct gmux__window {
  uint64_t since_ns; /* when the present round began */
  uint32_t bytes;    /* of it; 0: there was none yet, and the rest means nothing */
  uint32_t size;
  uint32_t wanted; /* the most that one of the last rounds needed */
  uint32_t rounds; /* since `wanted` was begun anew */
} gmux__window;

/* So much has come, more than 0; `delay_ns` 0: unknown. Sets w->size. True: it begins anew, for the
 * first time or after idling. */
bool gmux__window_came(gmux__window *w, const gmux__window_config *config, uint64_t bytes,
                       uint64_t now_ns, uint64_t delay_ns);
/* With so many bytes the peer is given back what was taken. On a far path more often than HTTP/2's
 * libraries do: who waits for half of a window to be taken keeps back nearly as much, and only the
 * other half is of use. On a near one each time wakes two loops. */
uint32_t gmux__window_step(const gmux__window *w, uint64_t delay_ns);

#endif
