/* weather.c: see weather.h. */
#include "tests/net/soak/weather.h"
#include "tests/net/proxy_words.h"
#include <stdio.h>

static unsigned draw(fleet *f, unsigned least, unsigned most) {
  return least + (unsigned)proxy_random_below(&f->random, most - least + 1);
}

static proxy_way draw_way(fleet *f) {
  return proxy_random_chance(&f->random, 0.5) ? PROXY_UP : PROXY_DOWN;
}

static void tell(const fleet *f, const char *what, unsigned number, const char *words) {
  if (!f->is_telling) return;
  printf("%9.3f s  %s %u: %s\n", (double)(soak_now_ns() - f->shared->started_ns) / 1e9, what,
         number, words);
  fflush(stdout);
}

/* ---- faults of a gate ---- */

static proxy_faults slow(fleet *f) {
  proxy_way_faults way = {.delay_ms = draw(f, 1, 100)};
  way.jitter_ms = draw(f, 0, 50);
  return (proxy_faults){.way = {way, way}};
}

static proxy_faults one_way(fleet *f, proxy_way_faults way) {
  proxy_faults faults = {.is_mute = false};
  faults.way[draw_way(f)] = way;
  return faults;
}

static proxy_faults narrow(fleet *f) {
  return one_way(f, (proxy_way_faults){.bytes_per_s = draw(f, 5000, 500000)});
}

static proxy_faults silent(fleet *f) {
  return one_way(f, (proxy_way_faults){.flow = PROXY_STALL});
}

static proxy_faults cut(fleet *f) {
  static const proxy_act acts[] = {PROXY_CLOSE, PROXY_RESET,  PROXY_SHUT,
                                   PROXY_STALL, PROXY_VANISH, PROXY_FORGET};
  proxy_way_faults way = {.cut = acts[draw(f, 0, 5)]};
  way.cut_after = draw(f, 0, 30000);
  return one_way(f, way);
}

static proxy_faults deadly(fleet *f) {
  proxy_faults faults = {.kill_per_s = draw(f, 1, 50) / 100.0};
  faults.kill = proxy_random_chance(&f->random, 0.3) ? PROXY_VANISH : PROXY_RESET;
  return faults;
}

/* Only under TLS, which notices: in cleartext a wrong byte may be a wrong body, and no law is
 * broken then. */
static proxy_faults corrupt(fleet *f) {
  return one_way(f, (proxy_way_faults){.corrupt_one_in = draw(f, 2000, 200000)});
}

static proxy_faults refusing(fleet *f) {
  (void)f;
  return (proxy_faults){.is_refusing = true};
}

static proxy_faults mute(fleet *f) {
  (void)f;
  return (proxy_faults){.is_mute = true};
}

static proxy_faults forgetful(fleet *f) {
  proxy_faults faults = {.idle_ms = draw(f, 50, 1000)};
  faults.idle = proxy_random_chance(&f->random, 0.5) ? PROXY_FORGET : PROXY_CLOSE;
  return faults;
}

static proxy_faults crowded(fleet *f) {
  return (proxy_faults){.max_connections = draw(f, 1, 2)};
}

static proxy_faults fine(fleet *f) {
  (void)f;
  return (proxy_faults){.is_mute = false};
}

static void gate_change(fleet *f, unsigned gate, proxy_faults (*draw_faults)(fleet *f)) {
  proxy_faults faults = draw_faults(f);
  char words[PROXY_WORDS_BYTES];
  proxy_words_write(&faults, words);
  tell(f, "gate", gate, words);
  proxy_set(f->gates[gate], &faults, NULL);
}

static void gate_strike(fleet *f, unsigned gate) {
  static const proxy_act acts[] = {PROXY_CLOSE, PROXY_RESET, PROXY_SHUT, PROXY_VANISH,
                                   PROXY_FORGET};
  proxy_act act = acts[draw(f, 0, 4)];
  tell(f, "gate", gate, proxy_act_str(act));
  proxy_do(f->gates[gate], 0, draw_way(f), act);
}

static bool is_tls(const fleet *f, unsigned gate) {
  return f->shared->is_gate_tls[gate];
}

/* ---- one change ---- */

static void server_change(fleet *f) {
  static const struct {
    void (*run)(fleet *f, unsigned server);
    const char *words;
  } changes[] = {{fleet_kill, "killed, and started again"},
                 {fleet_restart, "told to end, and started again"},
                 {fleet_replace, "replaced, and told to end"}};
  unsigned server = draw(f, 1, FLEET_SERVERS - 1), which = draw(f, 0, 2);
  tell(f, "server", server, changes[which].words);
  changes[which].run(f, server);
}

void weather_change(fleet *f) {
  static proxy_faults (*const kinds[])(fleet *) = {slow,     narrow, silent,    cut,    deadly,
                                                   refusing, mute,   forgetful, crowded};
  unsigned gate = draw(f, 0, SOAK_GATES - 1), dice = draw(f, 0, 99);
  if (dice < 35)
    gate_change(f, gate, fine);
  else if (dice < 80)
    gate_change(f, gate, kinds[draw(f, 0, sizeof kinds / sizeof *kinds - 1)]);
  else if (dice < 85)
    gate_change(f, gate, is_tls(f, gate) ? corrupt : fine);
  else if (dice < 93)
    gate_strike(f, gate);
  else
    server_change(f);
}
