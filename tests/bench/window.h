/*
 * window.h: from when to when a run is measured: a warm-up and then so many seconds; or, for tools
 * that count instructions, a number of calls from the first one on.
 */
#ifndef GMUX_BENCH_WINDOW_H
#define GMUX_BENCH_WINDOW_H

#include "tools/gmux/histogram.h"
#include "tests/bench/meter.h"
#include <stdbool.h>
#include <stdint.h>

typedef enum window_phase { WINDOW_WARM_UP, WINDOW_MEASURED, WINDOW_ENDING } window_phase;

typedef struct window {
  /* As asked for. */
  double seconds, warm_up;
  uint64_t count; /* 0: for those seconds */
  /* The window's own. */
  window_phase phase;
  uint64_t end_ns;
  uint64_t started, measured;
  histogram latencies_ns;
  meter first, last;
} window;

void window_begin(window *w, uint64_t now_ns);

/* Whether one more is wanted; if so it counts as started. */
bool window_may_start(window *w);

/* A call has ended well. One that was under way when the window opened counts: at the other end
 * there is one that does not. */
void window_note(window *w, uint64_t started_ns, uint64_t now_ns);

/* A call has failed: nothing will be started any more. */
void window_fail(window *w);

/* calls, seconds, ..., latencies: figures_window and figures_latencies. */
void window_print(const window *w);

#endif
