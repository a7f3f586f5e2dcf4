/*
 * proxies_main.c: each scenario through each gateway that can do it, to each server.
 */
#include "tests/net/proxies.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  TESTS_MAX = 128,
  NAME_BYTES = 96,
  LANES = 20,
  LONG_S = 60 /* longer than any test is */
};

extern const test_suite net_strangers_suite;

typedef struct combination {
  char name[NAME_BYTES];
  const proxies_scenario *scenario;
  gateway_make gateway;
  peer_make make;
} combination;

static combination combinations[TESTS_MAX];
static unsigned combination_count;

/* ---- a case ---- */

static void open_gateway(passage *p, gateway_make make, unsigned server_port) {
  const proxies_scenario *s = p->scenario;
  p->gateway = s->settings;
  p->gateway.make = make;
  p->gateway.is_tls = !s->is_cleartext;
  p->gateway.server_port = server_port;
  if (!p->gateway.idle_s) p->gateway.idle_s = LONG_S;
  if (!p->gateway.silence_s) p->gateway.silence_s = LONG_S;
  gateway_init(&p->gateway);
  gateway_start(&p->gateway);
  gateway_await(&p->gateway);
}

static gmux_channel_options options_of(const proxies_scenario *s) {
  gmux_channel_options o = kit_channel_options(kit_client_tls(s->is_cleartext ? KIT_TCP : KIT_TLS));
  o.connect_timeout_ms = kit_ms(10000);
  o.distrust_refused = s->distrust_refused;
  return o;
}

const char *proxies_target(const passage *p) {
  static char target[64];
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", p->gateway.port);
  return target;
}

static void run_by_hand(passage *p, gateway_make make) {
  kit_server server;
  kit.add_methods = p->scenario->add_methods;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TCP), NULL));
  open_gateway(p, make, server.port);
  p->options = options_of(p->scenario);
  kit_client_start(&p->client, proxies_target(p), &p->options);
  p->scenario->run(p);
  kit_client_stop(&p->client);
  gateway_free(&p->gateway);
  kit_server_stop(&server);
}

static void run_load(passage *p, gateway_make make) {
  p->peer = (peer){.make = p->make, .max_age_ms = p->scenario->max_age_ms};
  peer_start(&p->peer);
  peer_await(&p->peer);
  open_gateway(p, make, p->peer.port);
  p->options = options_of(p->scenario);
  p->load = load_start(proxies_target(p), &p->options, LANES);
  p->scenario->run(p);
  load_finish(p->load);
  CU_ASSERT_EQUAL(load_stats(p->load).too_many_pings, 0);
  if (p->scenario->is_lossless) load_check_none_lost(p->load);
  gateway_free(&p->gateway);
  peer_kill(&p->peer);
  load_check(p->load);
  load_free(p->load);
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
  const char *why = gateway_why_not(c->gateway);
  if (!why && !c->scenario->is_by_hand) why = peer_why_not(c->make);
  if (why) {
    test_skip(why);
    return;
  }
  passage p = {.scenario = c->scenario, .make = c->make};
  if (c->scenario->is_by_hand)
    run_by_hand(&p, c->gateway);
  else
    run_load(&p, c->gateway);
}

/* ---- all of them ---- */

static void add(const proxies_scenario *s, gateway_make through, peer_make make) {
  if (combination_count == TESTS_MAX - 1) abort(); /* too small a number, above */
  combination *c = &combinations[combination_count++];
  *c = (combination){.scenario = s, .gateway = through, .make = make};
  snprintf(c->name, sizeof c->name, "%s, %s, %s", s->name, gateway_make_str(through),
           peer_make_str(make));
}

static void add_scenario(const proxies_scenario *s) {
  for (gateway_make through = 0; through < GATEWAY_MAKES; through++) {
    if (!(s->gateways & GATEWAY(through))) continue;
    add(s, through, PEER_OWN);
    if (s->servers & SERVER(PEER_GRPCIO)) add(s, through, PEER_GRPCIO);
  }
}

static void add_scenarios(const proxies_scenario *s) {
  for (; s->name; s++)
    add_scenario(s);
}

int main(int argc, char **argv) {
  static test_case cases[TESTS_MAX];
  add_scenarios(proxies_call_scenarios);
  add_scenarios(proxies_word_scenarios);
  add_scenarios(proxies_connection_scenarios);
  add_scenarios(proxies_load_scenarios);
  for (unsigned i = 0; i < combination_count; i++)
    cases[i] = (test_case){combinations[i].name, run_combination};
  static const test_suite all = {"proxies", cases, peers_setup, peers_teardown};
  static const test_suite *const suites[] = {&all, &net_strangers_suite, NULL};
  return test_main("proxies", suites, 300, argc, argv);
}
