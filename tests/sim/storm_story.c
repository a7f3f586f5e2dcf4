/* storm_story.c: what happened, kept line by line, and told when a law breaks. */
#include "tests/sim/storm.h"
#include "tests/unit/memory.h"
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

enum { STORY_LINES = 160, STORY_WIDTH = 240 };

static struct {
  char lines[STORY_LINES][STORY_WIDTH];
  size_t count;
  bool is_live;
  uint64_t digest; /* of all lines: FNV-1a */
} story;

void storm_note(const char *format, ...) {
  char *line = story.lines[story.count++ % STORY_LINES];
  uint64_t at_us = st.sim ? (sim_now(st.sim) - SIM_EPOCH) / 1000 : 0;
  int n = snprintf(line, STORY_WIDTH, "%8llu.%03llu ms  ", (unsigned long long)(at_us / 1000),
                   (unsigned long long)(at_us % 1000));
  va_list args;
  va_start(args, format);
  vsnprintf(line + n, STORY_WIDTH - (size_t)n, format, args);
  va_end(args);
  for (const char *p = line; *p; p++)
    story.digest = (story.digest ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
  if (story.is_live) printf("# %s\n", line);
}

uint64_t storm_story_digest(void) {
  return story.digest;
}

static void story_tell(void) {
  size_t first = story.count > STORY_LINES ? story.count - STORY_LINES : 0;
  for (size_t i = first; i < story.count; i++)
    printf("#   %s\n", story.lines[i % STORY_LINES]);
}

/* ---- what the ledger asks ---- */

static uint64_t now_ns(void) {
  return st.sim ? sim_now(st.sim) - SIM_EPOCH : 0;
}

static void on_broken(ledger_law_id law, const char *format) {
  if (!st.is_broken)
    snprintf(st.broken_law, sizeof st.broken_law, "%s: %s", ledger_law_name(law), format);
  st.is_broken = true;
}

static void tell_notes(void) {
  if (!story.is_live) story_tell();
}

static uint64_t stopped_until_ns(void) {
  uint64_t last_ns = SIM_EPOCH;
  for (int i = 0; i < st.loop_count; i++) {
    uint64_t thaws_ns = sim_loop_thaws_at(st.loops[i]);
    if (thaws_ns > last_ns) last_ns = thaws_ns;
  }
  return last_ns - SIM_EPOCH;
}

/* The allocation that is to fail is not for who asks about a law. */
static void be_inside(bool is_inside) {
  test_alloc_fail_at(0);
  for (int i = 0; i < st.loop_count; i++)
    sim_set_outside(st.loops[i], !is_inside && st.is_outside);
}

/* Asserts of a _check() end here, and all other crashes. They come from what the storm does itself,
 * not in the middle of what stdio does; SA_RESETHAND has put the default action back. */
static void on_crash(int signo) {
  ledger_tell_crash();
  raise(signo);
}

/* A sanitizer that has taken a signal for itself has more to say than we have. */
static void catch_crashes(void) {
  static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    struct sigaction action;
    if (sigaction(signals[i], NULL, &action) != 0 || action.sa_handler != SIG_DFL) continue;
    action = (struct sigaction){.sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
    action.sa_handler = on_crash;
    sigaction(signals[i], &action, NULL);
  }
}

/* Of what is inside of TLS nothing is known. */
static uint64_t heard_ns(gmux__transport *transport) {
  if (st.client_tls) return now_ns();
  return sim_link_arrived_ns(sim_link_of(transport), SIM_TO_CLIENT) - SIM_EPOCH;
}

void storm_story_begin(bool is_live) {
  static const ledger_reader reader = {
      .now_ns = now_ns,
      .on_broken = on_broken,
      .tell_notes = tell_notes,
      .stopped_until_ns = stopped_until_ns,
      .heard_ns = heard_ns,
      .be_inside = be_inside,
  };
  story.count = 0;
  story.digest = UINT64_C(0xcbf29ce484222325);
  story.is_live = is_live;
  ledger_open(&reader);
  catch_crashes();
}
