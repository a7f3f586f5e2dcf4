/*
 * window.h: how wide a receive window has to be. Numbers in, decisions out.
 *
 * What keeps a path full is its bandwidth x delay, and a window that is twice that is never waited
 * for: half of it is under way while the other half is given back. Both factors are known without a
 * PING: the delay from the acknowledgement of our SETTINGS, which every connection begins with (and
 * from PINGs that are sent for other reasons), the bandwidth from what is taken in the time of a
 * round trip. So nothing is asked of a peer that counts PINGs.
 *
 * A round begins with the first byte and ends with the first that comes a round trip later. What
 * was taken in it, as much as one round trip brings of it, is a sample: when it is more than 60 %
 * of the window, that is, or may be, what held the peer back, and the window becomes twice the
 * sample. Where the window is the limit it doubles with each round; where the path is, it comes to
 * rest between 1.7 and 2 x bandwidth x delay. Only what the reader has taken counts: who does not
 * read is not given more.
 */
#ifndef GMUX__POLICY_WINDOW_H
#define GMUX__POLICY_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

typedef struct gmux__window {
  uint32_t size;     /* bytes */
  uint32_t bytes;    /* taken in the present round; 0: it has not begun */
  uint64_t since_ns; /* when it began */
} gmux__window;

void gmux__window_init(gmux__window *w, uint32_t size);
/* So much was taken. The size that it should have, at least the present one. `rtt_ns` 0: unknown.
 */
uint32_t gmux__window_taken(gmux__window *w, uint64_t bytes, uint64_t now_ns, uint64_t rtt_ns);
/* Nothing to speak of was taken for `ns`. */
bool gmux__window_is_idle(const gmux__window *w, uint64_t now_ns, uint64_t ns);

#endif
