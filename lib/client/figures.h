/* figures.h: what a channel counts. Written by the loop's thread, read by any (counter.h). */
#ifndef GMUX__CLIENT_FIGURES_H
#define GMUX__CLIENT_FIGURES_H

#include "lib/watch/counter.h"
#include <gmux/channel.h>

/* Those of gmux_channel_stats that lib/h2 does not count. Who writes: call.c and attempt.c the
 * calls, endpoint.c and connector.c the rest. */
typedef struct gmux__channel_figures {
  gmux__counter started, succeeded, failed;
  gmux__counter running, waiting, peak; /* mirrors of list lengths */
  gmux__counter attempts, retries[5], reused;
  gmux__counter dialing, ready, suspect, draining; /* mirrors */
  gmux__counter made, dials_started, dials_failed;
  gmux__counter lost[GMUX_LOSSES];
  gmux__counter recycled_age, recycled_calls, recycled_ids, recycled_rotated, closed_idle;
  gmux__counter memory_waits; /* calls */
  gmux__counter too_many_pings, keepalive_ms;
  gmux__counter last_call_ns;           /* loop time at which the last one was started; 0: none */
  gmux__counter oldest_waiter_since_ns; /* loop time; 0: nobody waits */
} gmux__channel_figures;

#endif
