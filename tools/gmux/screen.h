/*
 * screen.h: a terminal of one's own for a while, and what happens to it.
 *
 * Between screen_open and screen_close the terminal shows another screen, and sends keys as they
 * are typed. It is given back on every way out: screen_close, a signal that ends the program (which
 * screen_wait reports, and screen_end obeys), a stop (^Z) for as long as it lasts.
 */
#ifndef TOOL_SCREEN_H
#define TOOL_SCREEN_H

#include "tools/gmux/keys.h"
#include "tools/gmux/terminal.h"

#include <stdint.h>

typedef enum screen_event {
  SCREEN_TIME = 0, /* it was waited for so long */
  SCREEN_READABLE, /* the descriptor is */
  SCREEN_KEY,
  SCREEN_CHANGED, /* it has another size, or is there again after a stop: draw all */
  SCREEN_END      /* a signal, or the terminal has gone */
} screen_event;

/* On standard output, which is_live; keys come from standard input if that is a terminal. */
void screen_open(terminal *t);
/* Waits for the first of them, for `timeout_ms` at most. */
screen_event screen_wait(int fd, int64_t timeout_ms, key *typed);
void screen_close(void);
/* After screen_close: dies of the signal that ended it. Returns if it was none. */
void screen_end(void);

#endif
