/*
 * proxies_test.c: nginx, haproxy and nghttpx between client and server: what they pass on, and what
 * becomes of calls when they reload, restart, end idle connections, or connections in use.
 *
 * As in faults_main.c each combination of scenario, gateway and server is a test of its own, made
 * when the program starts. The laws (laws.h) hold for each call of all of them.
 */
#include "tests/net/gateway.h"
#include "tests/net/kit.h"
#include "tests/net/load.h"
#include "tests/net/peer.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  TESTS_MAX = 64,
  NAME_BYTES = 96,
  LANES = 20,
  SOME = 100, /* calls */
  TIMES = 3,
  IDLE_S = 1,
  LONG_S = 60, /* idle for longer than any test is */
  FEW_REQUESTS = 20,
  OK_MS = 10000,
  EVENT_MS = 20000
};
extern const test_suite net_strangers_suite;

#define GATEWAY(make) (1u << (make))
#define SERVER(make)  (1u << (make))
#define ALL_SERVERS   (SERVER(PEER_OWN) | SERVER(PEER_GRPCIO))
#define ALL_GATEWAYS  (GATEWAY(GATEWAY_NGINX) | GATEWAY(GATEWAY_HAPROXY) | GATEWAY(GATEWAY_NGHTTPX))

typedef struct passage passage;

typedef struct scenario {
  const char *name;
  void (*run)(passage *p);
  unsigned gateways; /* GATEWAY() of those that can do it */
  unsigned servers;  /* SERVER(); 0: our own alone */
  unsigned idle_s;   /* 0: LONG_S */
  unsigned max_requests;
  bool is_lossless; /* no call may be lost (load_lost) */
  bool is_by_hand;  /* calls one by one, to the server of the kit, in place of the load */
  bool is_cleartext;
} scenario;

/* The running one. */
struct passage {
  const scenario *scenario;
  peer_make make;
  gateway gateway;
  peer peer;
  load *load;
  kit_client client; /* is_by_hand */
};

/* ---- waiting, while the load runs ---- */

static void await_ok(passage *p) {
  load_await_ok(p->load, SOME, OK_MS);
}

static bool is_up(load *l, void *arg) {
  (void)l;
  return gateway_is_up(&((passage *)arg)->gateway);
}

static bool is_not_up(load *l, void *arg) {
  return !is_up(l, arg);
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
  load_await(p->load, is_so, p, EVENT_MS);
}

/* ---- under load ---- */

/* Whoever serves the connections that are there says goodbye; others are made. */
static void reload(passage *p) {
  for (int i = 0; i < TIMES; i++) {
    await_ok(p);
    uint64_t made = load_stats(p->load).connections_made;
    gateway_reload(&p->gateway);
    load_await(p->load, has_made, &made, EVENT_MS);
  }
  await_ok(p);
}

/* Another at the same port, once the one before does not listen there any more. */
static void replace(passage *p, void (*end)(gateway *)) {
  gateway old = p->gateway;
  end(&old);
  await(p, is_not_up);
  gateway_start(&p->gateway);
  await(p, is_up);
  load_await(p->load, is_gone, &old, EVENT_MS);
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

/* What the gateway makes of it are errors of HTTP, and streams that it resets. Not with haproxy: it
 * answers REFUSED_STREAM, which says that nothing was executed, for what it had passed on; a client
 * that believes it executes such calls again. */
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

/* ---- by hand: each kind of call ---- */

static gmux_call *start(passage *p, const char *path, gmux_method_kind kind, int64_t timeout_ms) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.timeout_ms = timeout_ms;
  gmux_method *method = kit_method(path, kind);
  gmux_call *call;
  CU_ASSERT_EQUAL_FATAL(gmux_call_start(&call, p->client.channel, method, &o, NULL, NULL), 0);
  gmux_method_free(method);
  return call;
}

static void write_message(gmux_call *call, unsigned n) {
  gmux_bytes message = kit_message(n);
  CU_ASSERT_EQUAL(gmux_call_write_wait(call, &message), 0);
}

static void read_message(gmux_call *call, unsigned n) {
  gmux_bytes message = gmux_bytes_borrow(NULL, 0);
  CU_ASSERT_EQUAL_FATAL(gmux_call_read_wait(call, &message), 0);
  CU_ASSERT(kit_is_message(&message, n));
  gmux_bytes_release(&message);
}

static void check_end(gmux_call *call, gmux_code code) {
  gmux_status status = gmux_call_end_wait(call, NULL);
  CU_ASSERT_EQUAL(status.code, code);
  if (status.code != code) printf("# %s: %s\n", gmux_code_str(status.code), status.message);
  gmux_status_clear(&status);
  gmux_call_free(call);
}

static void check_eof(gmux_call *call) {
  gmux_bytes none;
  CU_ASSERT_EQUAL(gmux_call_read_wait(call, &none), GMUX_ERR_EOF);
}

static void unary(passage *p) {
  for (int i = 0; i < 20; i++)
    CU_ASSERT(kit_echo(p->client.channel));
}

/* Trailers only; the server's words come through. */
static void a_refusal(passage *p) {
  gmux_code code;
  char words[256];
  CU_ASSERT_FALSE(kit_call(p->client.channel, "/net.Test/None", "x", NULL, &code, words));
  CU_ASSERT_EQUAL(code, GMUX_UNIMPLEMENTED);
  CU_ASSERT_STRING_EQUAL(words, "unknown method None of service net.Test");
}

static void conversation(passage *p) {
  gmux_call *call = start(p, KIT_TALK, GMUX_BIDI_STREAMING, GMUX_NO_TIMEOUT);
  for (unsigned n = 0; n < 50; n++) {
    write_message(call, n);
    read_message(call, n); /* before the next is written: nobody keeps one back */
  }
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  check_eof(call);
  check_end(call, GMUX_OK);
}

static void client_stream(passage *p) {
  atomic_store(&kit.sink_taken, 0);
  gmux_call *call = start(p, KIT_SINK, GMUX_CLIENT_STREAMING, GMUX_NO_TIMEOUT);
  write_message(call, 0);
  while (atomic_load(&kit.sink_taken) == 0)
    poll(NULL, 0, 1);
  kit_sink_open();
  for (unsigned n = 1; n < KIT_MESSAGES; n++)
    write_message(call, n);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  gmux_bytes reply = gmux_bytes_borrow(NULL, 0);
  CU_ASSERT_EQUAL_FATAL(gmux_call_read_wait(call, &reply), 0);
  CU_ASSERT(reply.len == 3 && memcmp(reply.data, "200", 3) == 0);
  gmux_bytes_release(&reply);
  check_end(call, GMUX_OK);
  CU_ASSERT_EQUAL(atomic_load(&kit.sink_taken), KIT_MESSAGES);
}

static void server_stream(passage *p) {
  atomic_store(&kit.flood_written, 0);
  gmux_call *call = start(p, KIT_FLOOD, GMUX_SERVER_STREAMING, GMUX_NO_TIMEOUT);
  write_message(call, 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  for (unsigned n = 0; n < KIT_MESSAGES; n++)
    read_message(call, n);
  check_eof(call);
  check_end(call, GMUX_OK);
  kit_wait(&kit.flood_ended);
}

/* It is over for the server, too. */
static void deadline(passage *p) {
  atomic_store(&kit.sink_taken, 0);
  gmux_call *call = start(p, KIT_SINK, GMUX_CLIENT_STREAMING, kit_ms(300));
  write_message(call, 0);
  check_end(call, GMUX_DEADLINE_EXCEEDED);
  while (atomic_load(&kit.sink))
    poll(NULL, 0, 1);
}

/* The server does not end this one before it is told. */
static void cancellation(passage *p) {
  atomic_store(&kit.sink_taken, 0);
  gmux_call *call = start(p, KIT_SINK, GMUX_CLIENT_STREAMING, GMUX_NO_TIMEOUT);
  write_message(call, 0);
  while (atomic_load(&kit.sink_taken) == 0)
    poll(NULL, 0, 1);
  gmux_call_cancel(call);
  check_end(call, GMUX_CANCELLED);
  while (atomic_load(&kit.sink))
    poll(NULL, 0, 1);
}

static void all_kinds(passage *p) {
  unary(p);
  a_refusal(p);
  conversation(p);
  client_stream(p);
  server_stream(p);
  deadline(p);
  cancellation(p);
  unary(p);
  CU_ASSERT_EQUAL(kit_stats(p->client.channel).connections_made, 1);
}

/* ---- scenarios ---- */

static const scenario scenarios[] = {
    {.name = "calls of all kinds over TLS",
     .run = all_kinds,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true},
    {.name = "calls of all kinds in cleartext",
     .run = all_kinds,
     .gateways = ALL_GATEWAYS,
     .is_by_hand = true,
     .is_cleartext = true},
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
    {.name = "idle for 1 s",
     .run = idle_out,
     .gateways = ALL_GATEWAYS,
     .is_lossless = true,
     .idle_s = IDLE_S},
    {.name = "20 requests a connection",
     .run = wear_out,
     .gateways = GATEWAY(GATEWAY_NGINX) | GATEWAY(GATEWAY_NGHTTPX),
     .is_lossless = true,
     .max_requests = FEW_REQUESTS},
};

typedef struct combination {
  char name[NAME_BYTES];
  const scenario *scenario;
  gateway_make gateway;
  peer_make make;
} combination;

static combination combinations[TESTS_MAX];
static unsigned combination_count;

/* ---- a case ---- */

static void open_gateway(passage *p, gateway_make make, unsigned server_port) {
  const scenario *s = p->scenario;
  p->gateway = (gateway){.make = make,
                         .is_tls = !s->is_cleartext,
                         .server_port = server_port,
                         .idle_s = s->idle_s ? s->idle_s : LONG_S,
                         .max_requests = s->max_requests};
  gateway_init(&p->gateway);
  gateway_start(&p->gateway);
  gateway_await(&p->gateway);
}

static gmux_channel_options options_of(const scenario *s) {
  gmux_channel_options o = kit_channel_options(kit_client_tls(s->is_cleartext ? KIT_TCP : KIT_TLS));
  o.connect_timeout_ms = kit_ms(2000);
  return o;
}

static const char *target_of(const passage *p) {
  static char target[64];
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", p->gateway.port);
  return target;
}

static void run_by_hand(passage *p, gateway_make make) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TCP), NULL));
  open_gateway(p, make, server.port);
  gmux_channel_options o = options_of(p->scenario);
  kit_client_start(&p->client, target_of(p), &o);
  p->scenario->run(p);
  kit_client_stop(&p->client);
  gateway_free(&p->gateway);
  kit_server_stop(&server);
}

static void run_load(passage *p, gateway_make make) {
  p->peer = (peer){.make = p->make};
  peer_start(&p->peer);
  peer_await(&p->peer);
  open_gateway(p, make, p->peer.port);
  gmux_channel_options o = options_of(p->scenario);
  p->load = load_start(target_of(p), &o, LANES);
  p->scenario->run(p);
  load_finish(p->load);
  CU_ASSERT_EQUAL(load_stats(p->load).too_many_pings, 0);
  if (p->scenario->is_lossless) CU_ASSERT_EQUAL(load_lost(p->load), 0);
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

static void add(const scenario *s, gateway_make through, peer_make make) {
  if (combination_count == TESTS_MAX - 1) abort(); /* too small a number, above */
  combination *c = &combinations[combination_count++];
  *c = (combination){.scenario = s, .gateway = through, .make = make};
  snprintf(c->name, sizeof c->name, "%s, %s, %s", s->name, gateway_make_str(through),
           peer_make_str(make));
}

static void add_scenario(const scenario *s) {
  for (gateway_make through = 0; through < GATEWAY_MAKES; through++) {
    if (!(s->gateways & GATEWAY(through))) continue;
    add(s, through, PEER_OWN);
    if (s->servers & SERVER(PEER_GRPCIO)) add(s, through, PEER_GRPCIO);
  }
}

int main(int argc, char **argv) {
  static test_case cases[TESTS_MAX];
  for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
    add_scenario(&scenarios[i]);
  for (unsigned i = 0; i < combination_count; i++)
    cases[i] = (test_case){combinations[i].name, run_combination};
  static const test_suite all = {"proxies", cases, peers_setup, peers_teardown};
  static const test_suite *const suites[] = {&all, &net_strangers_suite, NULL};
  return test_main("proxies", suites, 300, argc, argv);
}
