/*
 * proxies_load.c: what becomes of calls when proxies reload, restart, end idle connections, or
 * connections in use, and when the server behind them goes, or ends connections in good order.
 */
#include "tests/net/proxies.h"

enum {
  SOME = 100, /* calls */
  TIMES = 3,
  IDLE_S = 1,
  FEW_REQUESTS = 20,
  AGE_MS = 1000,
  OK_MS = 60000
};

/* ---- waiting, while the load runs ---- */

static void await_ok(passage *p) {
  load_await_ok(p->load, SOME, OK_MS);
}

static bool is_up(load *l, void *arg) {
  (void)l;
  return gateway_is_up(&((passage *)arg)->gateway);
}

/* One that was told to end. */
static bool has_closed(load *l, void *arg) {
  (void)l;
  return gateway_is_gone(arg) || !gateway_is_up(arg);
}

static bool is_gone(load *l, void *arg) {
  (void)l;
  return gateway_is_gone(arg);
}

static bool has_no_connection(load *l, void *arg) {
  (void)arg;
  return load_stats(l).connections == 0;
}

static bool is_peer_up(load *l, void *arg) {
  (void)l;
  return peer_is_up(&((passage *)arg)->peer);
}

static bool has_made(load *l, void *arg) {
  return load_stats(l).connections_made > *(uint64_t *)arg;
}

static void await(passage *p, bool (*is_so)(load *, void *)) {
  load_await(p->load, is_so, p, PROXIES_EVENT_MS);
}

/* ---- under load ---- */

/* Whoever serves the connections that are there says goodbye; others are made. */
static void reload(passage *p) {
  for (int i = 0; i < TIMES; i++) {
    await_ok(p);
    uint64_t made = load_stats(p->load).connections_made;
    gateway_reload(&p->gateway);
    load_await(p->load, has_made, &made, PROXIES_EVENT_MS);
  }
  await_ok(p);
}

/* Another at the same port, once the one before does not listen there any more. */
static void replace(passage *p, void (*end)(gateway *)) {
  gateway old = p->gateway;
  end(&old);
  load_await(p->load, has_closed, &old, PROXIES_EVENT_MS);
  gateway_start(&p->gateway);
  await(p, is_up);
  load_await(p->load, is_gone, &old, PROXIES_EVENT_MS);
}

static void restart(passage *p) {
  for (int i = 0; i < TIMES; i++) {
    await_ok(p);
    replace(p, gateway_leave);
  }
  await_ok(p);
}

static void end_at_once(passage *p) {
  for (int i = 0; i < TIMES; i++) {
    await_ok(p);
    replace(p, gateway_terminate);
  }
  await_ok(p);
}

/* What the gateway makes of it are errors of HTTP, and streams that it resets. haproxy says
 * REFUSED_STREAM, which means that nothing was executed, of what it had passed on: a client that
 * believes it executes such calls again. */
static void lose_the_server(passage *p) {
  for (int i = 0; i < TIMES; i++) {
    await_ok(p);
    peer_kill(&p->peer);
    peer_start(&p->peer);
    await(p, is_peer_up);
  }
  await_ok(p);
}

/* Calls that come when the gateway has ended the connection, and for as long as it does so. */
static void idle_out(passage *p) {
  for (int i = 0; i < TIMES; i++) {
    await_ok(p);
    load_finish(p->load);
    await(p, has_no_connection);
    load_go_on(p->load);
  }
  await_ok(p);
}

/* Each connection ends in the middle of its calls. */
static void wear_out(passage *p) {
  for (int i = 0; i < TIMES; i++)
    await_ok(p);
  CU_ASSERT(load_stats(p->load).connections_made > SOME / FEW_REQUESTS);
}

/* The server's connections, which are the gateway's, end in good order (GOAWAY in two steps) amid
 * calls; the client's is not touched. */
static void age(passage *p) {
  await_ok(p);
  load_run_for(p->load, AGE_MS + AGE_MS / 2); /* so that each has come of age: 10 % of jitter */
  await_ok(p);
  CU_ASSERT_EQUAL(load_stats(p->load).connections_made, 1);
}

const proxies_scenario proxies_load_scenarios[] = {
    {.name = "reload",
     .run = reload,
     .gateways = ALL_GATEWAYS,
     .servers = ALL_SERVERS,
     .is_lossless = true},
    {.name = "restart",
     .run = restart,
     .gateways = ALL_GATEWAYS,
     .servers = ALL_SERVERS,
     .is_lossless = true},
    {.name = "ended at once", .run = end_at_once, .gateways = ALL_GATEWAYS},
    {.name = "the server behind is killed",
     .run = lose_the_server,
     .gateways = GATEWAY(GATEWAY_NGINX) | GATEWAY(GATEWAY_NGHTTPX),
     .servers = ALL_SERVERS},
    {.name = "the same, REFUSED_STREAM is not believed",
     .run = lose_the_server,
     .gateways = GATEWAY(GATEWAY_HAPROXY),
     .servers = ALL_SERVERS,
     .distrust_refused = true},
    {.name = "the same, mode tcp",
     .run = lose_the_server,
     .gateways = GATEWAY(GATEWAY_HAPROXY),
     .servers = ALL_SERVERS,
     .settings = {.is_blind = true}},
    {.name = "the server behind ends connections of 1 s",
     .run = age,
     .gateways = ALL_GATEWAYS,
     .is_lossless = true,
     .max_age_ms = AGE_MS},
    {.name = "idle for 1 s",
     .run = idle_out,
     .gateways = ALL_GATEWAYS,
     .is_lossless = true,
     .settings = {.idle_s = IDLE_S}},
    {.name = "20 requests a connection",
     .run = wear_out,
     .gateways = GATEWAY(GATEWAY_NGINX) | GATEWAY(GATEWAY_NGHTTPX),
     .is_lossless = true,
     .settings = {.max_requests = FEW_REQUESTS}},
    {0},
};
