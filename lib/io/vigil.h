/*
 * vigil.h: whether a loop that has just connected to a peer on its own machine waits awake for the
 * first words.
 *
 * Such a peer answers within microseconds, and to fall asleep and be woken costs both processes
 * more than that (doc/performance.md, "Fresh connections"). So for a moment the loop looks again
 * instead. Where answers take longer (TLS, a peer that is busy, one core for both) each of those
 * moments is lost: after every vigil in vain twice as many connections as before go without one.
 */
#ifndef GMUX__IO_VIGIL_H
#define GMUX__IO_VIGIL_H

#include <stdbool.h>
#include <stdint.h>

/* What the sleep costs this side alone, about: more is never lost than was to be gained. */
#define GMUX__VIGIL_NS UINT64_C(20000)
/* Connections without, at most, before it is tried again. */
#define GMUX__VIGIL_SKIP_MAX UINT32_C(64)

/* All zero: none was ever kept. */
typedef struct gmux__vigil {
  uint64_t until_ns; /* 0: none is kept */
  uint32_t skip;     /* after the next in vain; 0: the last one was not */
  uint32_t to_skip;  /* so many more connections go without */
} gmux__vigil;

/* A connection was made. */
void gmux__vigil_begin(gmux__vigil *v, uint64_t now_ns);
/* Nobody has said anything: is it to be kept on? */
bool gmux__vigil_goes_on(gmux__vigil *v, uint64_t now_ns);

static inline bool gmux__vigil_is_kept(const gmux__vigil *v) {
  return v->until_ns != 0;
}

/* Somebody has said something. */
static inline void gmux__vigil_end(gmux__vigil *v) {
  if (!gmux__vigil_is_kept(v)) return;
  v->until_ns = 0;
  v->skip = 0;
}

#endif
