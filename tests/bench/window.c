/* window.c: the phases of a run. */
#include "tests/bench/window.h"
#include "tests/bench/figures.h"

static void window_open(window *w, uint64_t now_ns) {
  w->phase = WINDOW_MEASURED;
  w->end_ns = w->count ? UINT64_MAX : now_ns + (uint64_t)(1e9 * w->seconds);
  w->first = meter_read();
}

static void window_close(window *w) {
  w->phase = WINDOW_ENDING;
  w->last = meter_read();
}

void window_begin(window *w, uint64_t now_ns) {
  w->end_ns = now_ns + (uint64_t)(1e9 * w->warm_up);
  if (w->count) window_open(w, now_ns);
}

bool window_may_start(window *w) {
  if (w->phase == WINDOW_ENDING || (w->count && w->started == w->count)) return false;
  w->started++;
  return true;
}

void window_note(window *w, uint64_t started_ns, uint64_t now_ns) {
  if (w->phase == WINDOW_MEASURED) {
    histogram_add(&w->latencies_ns, now_ns - started_ns);
    w->measured++;
    if (now_ns >= w->end_ns || w->measured == w->count) window_close(w);
  } else if (w->phase == WINDOW_WARM_UP && now_ns >= w->end_ns) {
    window_open(w, now_ns);
  }
}

void window_fail(window *w) {
  w->phase = WINDOW_ENDING;
}

void window_print(const window *w) {
  figures_window(w->first, w->last, w->measured);
  figures_latencies(&w->latencies_ns);
}
