/*
 * faults_main.c: every scenario, against each server, by each way that can do it.
 *
 * The tests are made when the program starts, one of each combination: CUnit runs them by a
 * function without arguments, which finds out by the name of the running test what it is to do.
 */
#include "tests/net/apart.h"
#include "tests/net/faults.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TESTS_MAX = 128, NAME_BYTES = 96 };

static const char *const way_names[FAULTS_WAYS] = {"filters", "proxy", "signals"};

typedef struct combination {
  char name[NAME_BYTES];
  const scenario *scenario;
  peer_make make;
  faults_way way;
} combination;

static combination combinations[TESTS_MAX];
static unsigned combination_count;
static faults running;

/* ---- a case ---- */

static void start_peers(faults *f) {
  unsigned count = f->scenario->peers ? f->scenario->peers : 1;
  for (unsigned i = 0; i < count; i++) {
    f->peers[i] = (peer){.make = f->make, .is_tls = !f->scenario->is_cleartext};
    peer_start(&f->peers[i]);
  }
  for (unsigned i = 0; i < count; i++)
    peer_await(&f->peers[i]);
  snprintf(f->direct, sizeof f->direct, "ipv4:127.0.0.1:%u", f->peers[0].port);
}

static void start_proxy(faults *f) {
  char why[PROXY_WHY_BYTES] = "";
  proxy_options o = {.listen = "127.0.0.1:0", .to = f->direct, .seed = 1};
  if (f->scenario->proxied) o.faults = *f->scenario->proxied;
  f->proxy = proxy_start(&o, why);
  if (!f->proxy) printf("# proxy: %s\n", why);
  CU_ASSERT_PTR_NOT_NULL_FATAL(f->proxy);
}

/* Of all servers, or of the proxy and what stands beside it. */
static void set_target(faults *f) {
  unsigned ports[1 + FAULTS_PEERS], count = 0;
  if (f->proxy) ports[count++] = proxy_port(f->proxy);
  if (!f->proxy || f->scenario->has_another)
    for (unsigned i = 0; i < FAULTS_PEERS && f->peers[i].pid; i++)
      ports[count++] = f->peers[i].port;
  int len = snprintf(f->target, sizeof f->target, "ipv4:127.0.0.1:%u", ports[0]);
  for (unsigned i = 1; i < count; i++)
    len += snprintf(f->target + len, sizeof f->target - (size_t)len, ",127.0.0.1:%u", ports[i]);
}

/* Whatever was done to it, it has not asked too often whether the server is alive. */
static void check_stats(load *l) {
  gmux_channel_stats stats = load_stats(l);
  CU_ASSERT_EQUAL(stats.too_many_pings, 0);
  CU_ASSERT_EQUAL(stats.calls_started, stats.calls_succeeded + stats.calls_failed);
  CU_ASSERT_EQUAL(stats.calls_started, load_started(l));
}

/* No server is there any more. */
static void end_load(load *l) {
  if (!l) return;
  load_check(l);
  load_free(l);
}

static void run_scenario(void) {
  faults *f = &running;
  start_peers(f);
  if (f->way == BY_PROXY) start_proxy(f);
  set_target(f);
  gmux_channel_options o = faults_options(f);
  f->load = load_start(f->target, &o, f->scenario->lanes);
  f->scenario->run(f);
  load_finish(f->load);
  check_stats(f->load);
  if (f->scenario->lossless & MAKE(f->make)) load_check_none_lost(f->load);
  for (unsigned i = 0; i < FAULTS_PEERS; i++)
    peer_kill(&f->peers[i]);
  end_load(f->load);
  end_load(f->other);
  proxy_stop(f->proxy);
}

static const combination *running_combination(void) {
  const char *name = CU_get_current_test()->pName;
  for (unsigned i = 0; i < combination_count; i++)
    if (strcmp(combinations[i].name, name) == 0) return &combinations[i];
  return NULL;
}

static void run_combination(void) {
  const combination *c = running_combination();
  CU_ASSERT_PTR_NOT_NULL_FATAL(c);
  const char *why = peer_why_not(c->make);
  if (why) {
    test_skip(why);
    return;
  }
  running = (faults){.scenario = c->scenario, .make = c->make, .way = c->way};
  if (c->way == BY_FILTERS) {
    kit_client_tls(KIT_TLS); /* made here, so that it goes with this process */
    apart_run(run_scenario);
  } else {
    run_scenario();
  }
}

/* ---- all of them ---- */

static void add_combination(const scenario *s, peer_make make, faults_way way) {
  if (combination_count == TESTS_MAX - 1) abort(); /* too small a number, above */
  combination *c = &combinations[combination_count++];
  *c = (combination){.scenario = s, .make = make, .way = way};
  snprintf(c->name, sizeof c->name, "%s, %s, %s", s->name, peer_make_str(make), way_names[way]);
}

/* Where all is slower (sanitizers, valgrind) by one way each: what they look at is the client, and
 * to that the ways are the same. */
static void add_ways(const scenario *s, peer_make make) {
  bool is_slow = kit_ms(1) > 1;
  for (faults_way way = 0; way < FAULTS_WAYS; way++) {
    if (!(s->ways & WAY(way))) continue;
    add_combination(s, make, way);
    if (is_slow) return;
  }
}

static void add_scenarios(const scenario *s) {
  for (; s->name; s++)
    for (peer_make make = 0; make < PEER_MAKES; make++)
      add_ways(s, make);
}

int main(int argc, char **argv) {
  static test_case cases[TESTS_MAX];
  add_scenarios(silence_scenarios);
  add_scenarios(restart_scenarios);
  add_scenarios(slow_scenarios);
  add_scenarios(proxy_scenarios);
  for (unsigned i = 0; i < combination_count; i++)
    cases[i] = (test_case){combinations[i].name, run_combination};
  static const test_suite all = {"faults", cases, peers_setup, peers_teardown};
  static const test_suite *const suites[] = {&all, NULL};
  return test_main("faults", suites, 300, argc, argv);
}
