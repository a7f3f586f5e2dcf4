/*
 * prices.c: the price list of memory (promise 15), measured in a world of moved time, where it
 * comes out the same each time.
 *
 *     prices            TAP: each price is at most what is committed here, and what is committed
 *                       here is what doc/performance.md tells
 *     prices --list     the list as it is measured
 *
 * nghttp2's and OpenSSL's memory is counted, the kernel's and libev's is not. A price is the
 * difference between much and more of a thing, so what there is once is in none but its own.
 */
#include "tests/sim/net.h"
#include "tests/sim/purse.h"
#include "tests/unit/certs.h"
#include <gmux/call.h>
#include <gmux/channel.h>
#include <gmux/server.h>
#include <gmux/tls.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET "ipv4:127.0.0.1:50051"
#define MS     GMUX__NS_PER_MS

enum { CONNECTIONS = 32, CHANNELS = 32, CALLS = 10000 };

static struct {
  sim *sim;
  gmux_loop *client_loop, *server_loop;
  gmux_server *server;
  gmux_channel *channel;
  gmux_tls *server_tls, *client_tls; /* NULL in cleartext */
  gmux_method *method;
  unsigned arrived, ended;
  uint32_t connections; /* of the channel */
} w;

/* ---- the world ---- */

static void fail(const char *format, ...) GMUX_PRINTF(1, 2);
static void fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  printf("Bail out! ");
  vprintf(format, args);
  printf("\n");
  exit(1);
}

static void need(int error, const char *what) {
  if (error) fail("%s: %s", what, gmux_last_error());
}

/* It is never answered: what it costs is what it costs to wait. */
static void on_request(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)call, (void)request, (void)user_data;
  w.arrived++;
}

static void server_open(uint32_t max_streams) {
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  o.max_concurrent_streams = max_streams;
  need(gmux_server_new(&w.server, w.server_loop, &o), "a server");
  need(gmux_server_add_unary(w.server, "/prices.Service/Wait", on_request, NULL), "a method");
  need(w.server_tls ? gmux_server_listen(w.server, TARGET, w.server_tls, NULL)
                    : gmux_server_listen_cleartext(w.server, TARGET, NULL),
       "a listener");
  sim_set_outside(w.server_loop, true);
  purse_set_server(w.server_loop);
}

static gmux_channel *channel_new(uint32_t connections) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.cleartext = !w.client_tls;
  o.tls = w.client_tls;
  o.tls_host = w.client_tls ? "a.example" : NULL;
  o.max_connections = o.min_connections = connections;
  o.max_concurrent_streams = CALLS;
  gmux_channel *channel;
  need(gmux_channel_new(&channel, w.client_loop, TARGET, &o), "a channel");
  return channel;
}

static void on_warm(int error, void *user_data) {
  need(error, "connections");
  *(bool *)user_data = true;
}

static void warm(gmux_channel *channel) {
  bool is_warm = false;
  need(gmux_channel_warm(channel, on_warm, &is_warm), "connections");
  for (int i = 0; i < 10000 && !is_warm; i++)
    sim_run_for(w.sim, MS);
  if (!is_warm) fail("connections are not made");
  sim_run_for(w.sim, 1000 * MS); /* tickets, ACKs of SETTINGS */
}

static void world_open(const test_ca *ca, const test_cert *cert, uint32_t max_streams) {
  memset(&w, 0, sizeof w);
  w.sim = sim_new(7);
  w.client_loop = sim_loop(w.sim);
  w.server_loop = sim_loop(w.sim);
  need(gmux_method_new(&w.method, "/prices.Service/Wait", GMUX_UNARY, 0), "a method");
  if (ca) {
    gmux_tls_options o;
    gmux_tls_options_init(&o, sizeof o);
    o.ca_pem = test_ca_pem(ca);
    need(gmux_tls_client_new(&w.client_tls, &o), "credentials");
    gmux_tls_options_init(&o, sizeof o);
    o.cert_pem = cert->cert_pem;
    o.key_pem = cert->key_pem;
    need(gmux_tls_server_new(&w.server_tls, &o), "credentials");
  }
  server_open(max_streams);
}

static void world_close(void) {
  gmux_channel_free(w.channel);
  sim_run_for(w.sim, 1000 * MS);
  gmux_server_close(w.server, NULL, NULL);
  gmux_server_free(w.server);
  sim_run_for(w.sim, 1000 * MS);
  gmux_method_free(w.method);
  gmux_tls_free(w.client_tls);
  gmux_tls_free(w.server_tls);
  purse_set_server(NULL);
  sim_free(w.sim);
}

/* ---- what is measured ---- */

typedef enum price_of {
  PRICE_CHANNEL,
  PRICE_CONNECTION,
  PRICE_CONNECTION_TLS,
  PRICE_CALL,
  PRICE_WAITING_CALL,
  PRICE_SERVER_CONNECTION,
  PRICE_SERVER_CONNECTION_TLS,
  PRICE_SERVER_CALL,
  PRICES
} price_of;

typedef struct price {
  const char *what;
  size_t at_most;
  size_t bytes;
} price;

static price list[PRICES] = {
    [PRICE_CHANNEL] = {"channel, not connected", 7550, 0},
    [PRICE_CONNECTION] = {"idle connection, cleartext", 30200, 0},
    [PRICE_CONNECTION_TLS] = {"idle connection, TLS", 46600, 0},
    [PRICE_CALL] = {"outstanding call", 1170, 0},
    [PRICE_WAITING_CALL] = {"waiting call", 400, 0},
    [PRICE_SERVER_CONNECTION] = {"server: idle connection, cleartext", 30100, 0},
    [PRICE_SERVER_CONNECTION_TLS] = {"server: idle connection, TLS", 45100, 0},
    [PRICE_SERVER_CALL] = {"server: call", 2715, 0},
};

static void measure_channels(void) {
  world_open(NULL, NULL, 100);
  gmux_channel *channels[CHANNELS];
  size_t before = purse_bytes(PURSE_CLIENT);
  for (int i = 0; i < CHANNELS; i++)
    channels[i] = channel_new(1);
  list[PRICE_CHANNEL].bytes = (purse_bytes(PURSE_CLIENT) - before) / CHANNELS;
  for (int i = 0; i < CHANNELS; i++)
    gmux_channel_free(channels[i]);
  world_close();
}

/* The first channel has one connection, the second has more. */
static void measure_connections(const test_ca *ca, const test_cert *cert, price_of client,
                                price_of server) {
  size_t bytes[2][2];
  for (unsigned i = 0; i < 2; i++) {
    world_open(ca, cert, 100);
    w.channel = channel_new(i ? 1 + CONNECTIONS : 1);
    warm(w.channel);
    bytes[i][PURSE_CLIENT] = purse_bytes(PURSE_CLIENT);
    bytes[i][PURSE_SERVER] = purse_bytes(PURSE_SERVER);
    world_close();
  }
  list[client].bytes = (bytes[1][PURSE_CLIENT] - bytes[0][PURSE_CLIENT]) / CONNECTIONS;
  list[server].bytes = (bytes[1][PURSE_SERVER] - bytes[0][PURSE_SERVER]) / CONNECTIONS;
}

static void on_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)status, (void)reply, (void)trailers, (void)user_data;
  w.ended++;
}

static void start_calls(void) {
  for (int i = 0; i < CALLS; i++) {
    gmux_bytes request = gmux_bytes_borrow("", 0);
    need(gmux_call_unary_start(NULL, w.channel, w.method, NULL, &request, on_done, NULL), "a call");
  }
  sim_run_for(w.sim, 5000 * MS); /* what it took to start them is given back */
  if (w.ended) fail("%u calls ended", w.ended);
}

static void measure_calls(void) {
  world_open(NULL, NULL, CALLS);
  w.channel = channel_new(1);
  warm(w.channel);
  size_t client = purse_bytes(PURSE_CLIENT), server = purse_bytes(PURSE_SERVER);
  start_calls();
  if (w.arrived != CALLS) fail("%u calls arrived", w.arrived);
  list[PRICE_CALL].bytes = (purse_bytes(PURSE_CLIENT) - client) / CALLS;
  list[PRICE_SERVER_CALL].bytes = (purse_bytes(PURSE_SERVER) - server) / CALLS;
  world_close();
}

static void measure_waiting_calls(void) {
  world_open(NULL, NULL, 1);
  w.channel = channel_new(1);
  warm(w.channel);
  size_t before = purse_bytes(PURSE_CLIENT);
  start_calls();
  if (w.arrived != 1) fail("%u calls arrived", w.arrived);
  list[PRICE_WAITING_CALL].bytes = (purse_bytes(PURSE_CLIENT) - before) / CALLS;
  world_close();
}

static void measure(void) {
  test_ca *ca = test_ca_new("the authority");
  test_cert *cert = test_cert_new(ca, &(test_cert_options){.san = "DNS:a.example"});
  measure_channels();
  measure_connections(NULL, NULL, PRICE_CONNECTION, PRICE_SERVER_CONNECTION);
  measure_connections(ca, cert, PRICE_CONNECTION_TLS, PRICE_SERVER_CONNECTION_TLS);
  measure_calls();
  measure_waiting_calls();
  test_cert_free(cert);
  test_ca_free(ca);
}

/* ---- what comes of it ---- */

static bool told_in_doc(const price *p) {
  char path[4096], line[512], row[128];
  const char *source = getenv("GMUX_SRCDIR");
  snprintf(path, sizeof path, "%s/doc/performance.md", source ? source : ".");
  snprintf(row, sizeof row, "| %s | %zu |", p->what, p->at_most);
  FILE *doc = fopen(path, "r");
  if (!doc) fail("%s cannot be read: set GMUX_SRCDIR to the source", path);
  bool is_told = false;
  while (!is_told && fgets(line, sizeof line, doc))
    is_told = strncmp(line, row, strlen(row)) == 0;
  fclose(doc);
  return is_told;
}

static int tell(unsigned number, bool holds, const char *claim, const price *p) {
  printf("%s %u - prices/%s: %s (%zu bytes, at most %zu)\n", holds ? "ok" : "not ok", number, claim,
         p->what, p->bytes, p->at_most);
  return !holds;
}

int main(int argc, char **argv) {
  bool is_list = argc == 2 && strcmp(argv[1], "--list") == 0;
  if (argc > 1 && !is_list) {
    fprintf(stderr, "usage: prices [--list]\n");
    return 2;
  }
  if (!purse_open()) fail("no allocator can be set");
  measure();
  int failed = 0;
  if (!is_list) printf("1..%d\n", 2 * PRICES);
  for (unsigned i = 0; i < PRICES; i++) {
    const price *p = &list[i];
    if (is_list) printf("%8zu  %s\n", p->bytes, p->what);
    if (is_list) continue;
    failed |= tell(2 * i + 1, p->bytes <= p->at_most, "holds", p);
    failed |= tell(2 * i + 2, told_in_doc(p), "is in doc/performance.md", p);
  }
  return failed;
}
