/*
 * rpc_server.c: a server with all four kinds of call, over TLS or cleartext.
 *
 * Its methods are handlers with typed messages, in the struct that protoc-gen-gmux made of the
 * .proto. All of them run on the one thread of the gmux_loop; main waits for the
 * signals that end it: the first lets running calls finish, another one cuts them off. SIGHUP
 * brings renewed certificates into use, which no call and no connection notices.
 */
#define _POSIX_C_SOURCE 200809L
#include "greeter.gmux.h"
#include <getopt.h>
#include <gmux/gmux.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
    "usage: rpc_server [OPTION]...\n"
    "Serves hello.Greeter, health and reflection until SIGINT or SIGTERM, then lets running calls\n"
    "finish; the second signal does not wait for them. SIGHUP reads --cert, --key and --ca again.\n"
    "  --listen ADDRESS   default ipv4:127.0.0.1:0 (0: any port); ipv6:[::1]:443, unix:/run/x\n"
    "  --cert, --key FILE the server's certificate chain, and its private key (PEM)\n"
    "  --ca FILE          ask clients for a certificate of this authority (mutual TLS)\n"
    "  --cleartext        no TLS\n"
    "  --max-streams N    calls at once on one connection (default 100)\n"
    "  --max-age-ms N     connections older than that are ended in good order (default: never)\n"
    "  --min-ping-ms N    what clients must let pass between two PINGs (default 300000)\n"
    "  --drain-ms N       how long running calls have to finish at the end (default 5000)\n";

/* ---- SayHello ---- */

static void say_hello(gmux_server_call *call, const Hello__HelloRequest *request, void *user_data) {
  (void)user_data;
  char text[128];
  snprintf(text, sizeof text, "Hello, %s!", request->name);
  Hello__HelloReply reply = HELLO__HELLO_REPLY__INIT;
  reply.message = text;
  hello__greeter__say_hello__reply(call, &reply); /* packed: text may go */
}

/* ---- the streams, and what a call of theirs remembers ---- */

typedef struct greeting {
  char name[64];
  unsigned count;
  char text[128];
} greeting;

/* NULL: out of memory, and the call has its answer. */
static greeting *greeting_new(gmux_server_call *call) {
  greeting *g = calloc(1, sizeof *g);
  if (!g) gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, "out of memory");
  gmux_server_call_set_data(call, g);
  return g;
}

static void on_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)code, (void)user_data;
  free(gmux_server_call_get_data(call));
}

/* Requests come one by one, as we ask for them. */
static void on_call(gmux_server_call *call, void *user_data) {
  (void)user_data;
  if (greeting_new(call)) gmux_server_call_set_manual_credit(call);
}

static void ask_for_more(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_grant(call, 1);
}

static greeting *greeting_hear(gmux_server_call *call, const Hello__HelloRequest *request) {
  greeting *g = gmux_server_call_get_data(call);
  if (!g) return NULL;
  snprintf(g->name, sizeof g->name, "%s", request->name);
  g->count++;
  return g;
}

/* The text is the greeting's own. */
static Hello__HelloReply reply_make(greeting *g) {
  snprintf(g->text, sizeof g->text, "Hello, %s! (%u)", g->name, g->count);
  Hello__HelloReply reply = HELLO__HELLO_REPLY__INIT;
  reply.message = g->text;
  return reply;
}

/* Of a write: true when the next may follow at once. After GMUX_WRITE_FULL on_writable goes on. */
static bool may_go_on(gmux_server_call *call, int result) {
  if (result < 0) gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, gmux_last_error());
  return result == 0;
}

/* LotsOfReplies: five replies to the one request, as fast as the client takes them. */
static void lots_write(gmux_server_call *call, void *user_data) {
  (void)user_data;
  greeting *g = gmux_server_call_get_data(call);
  while (g->count <= 5) {
    Hello__HelloReply reply = reply_make(g);
    g->count++;
    if (!may_go_on(call, hello__greeter__lots_of_replies__server_write(call, &reply))) return;
  }
  gmux_server_call_finish(call, NULL, NULL);
}

static void lots_request(gmux_server_call *call, const Hello__HelloRequest *request,
                         void *user_data) {
  if (greeting_new(call) && greeting_hear(call, request)) lots_write(call, user_data);
}

/* LotsOfGreetings: one reply when the client has said all. */
static void many_request(gmux_server_call *call, const Hello__HelloRequest *request,
                         void *user_data) {
  if (greeting_hear(call, request)) ask_for_more(call, user_data);
}

static void many_end(gmux_server_call *call, void *user_data) {
  (void)user_data;
  greeting *g = gmux_server_call_get_data(call);
  if (!g) return;
  Hello__HelloReply reply = reply_make(g);
  hello__greeter__lots_of_greetings__reply(call, &reply);
}

/* BidiHello: a reply for each request. The next request is asked for when there is room for its
 * reply, so that a client that writes and never reads is held back. */
static void bidi_request(gmux_server_call *call, const Hello__HelloRequest *request,
                         void *user_data) {
  greeting *g = greeting_hear(call, request);
  if (!g) return;
  Hello__HelloReply reply = reply_make(g);
  if (may_go_on(call, hello__greeter__bidi_hello__server_write(call, &reply)))
    ask_for_more(call, user_data);
}

static void bidi_end(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_finish(call, NULL, NULL);
}

static const Hello__Greeter_Server greeter = {
    .say_hello = say_hello,
    .lots_of_replies = {.on_request = lots_request, .on_writable = lots_write, .on_end = on_end},
    .lots_of_greetings = {.on_call = on_call,
                          .on_message = many_request,
                          .on_half_close = many_end,
                          .on_end = on_end},
    .bidi_hello = {.on_call = on_call,
                   .on_message = bidi_request,
                   .on_half_close = bidi_end,
                   .on_writable = ask_for_more,
                   .on_end = on_end}};

/* ---- starting and stopping ---- */

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "rpc_server: %s\n", gmux_last_error());
  exit(1);
}

/* Of an option; the library says what is out of range. */
static uint32_t number(const char *given, uint32_t otherwise) {
  return given ? (uint32_t)strtoul(given, NULL, 10) : otherwise;
}

/* With it clients learn which services there are, and how their messages look. */
static void add_reflection(gmux_server *server) {
  gmux_bytes set = hello__greeter__file__descriptors();
  gmux_reflection_options options;
  gmux_reflection_options_init(&options, sizeof options);
  options.descriptor_sets = &set, options.descriptor_set_count = 1;
  must(gmux_server_add_reflection(server, &options));
}

/* On the loop's thread, where all signals are blocked: this one goes to sigwait in main. */
static void on_drained(void *user_data) {
  (void)user_data;
  kill(getpid(), SIGUSR1);
}

/* Until a signal that ends us. */
static void serve(const sigset_t *signals, gmux_tls *tls) {
  int signal;
  while (sigwait(signals, &signal) == 0 && signal == SIGHUP)
    if (tls && gmux_tls_reload(tls, NULL))
      fprintf(stderr, "rpc_server: the old certificate stays: %s\n", gmux_last_error());
}

int main(int argc, char **argv) {
  /* clang-format off */
  static const struct option longs[] = {
      {"listen", 1, NULL, 'l'}, {"cert", 1, NULL, 'c'}, {"key", 1, NULL, 'k'}, {"ca", 1, NULL, 'a'},
      {"cleartext", 0, NULL, 'n'}, {"max-streams", 1, NULL, 'm'}, {"max-age-ms", 1, NULL, 'o'},
      {"min-ping-ms", 1, NULL, 'p'}, {"drain-ms", 1, NULL, 'd'},
      {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
  /* clang-format on */
  const char *given[128] = {['l'] = "ipv4:127.0.0.1:0"};
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == 'h' || o == '?') return fputs(usage, o == 'h' ? stdout : stderr), o == 'h' ? 0 : 2;
    given[o] = optarg ? optarg : "yes";
  }

  sigset_t signals; /* blocked before the loop starts its thread: they come to sigwait */
  sigemptyset(&signals), sigaddset(&signals, SIGINT), sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP), sigaddset(&signals, SIGUSR1); /* on_drained */
  pthread_sigmask(SIG_BLOCK, &signals, NULL);

  gmux_loop *loop;
  gmux_server *server;
  gmux_server_options options;
  gmux_server_options_init(&options, sizeof options);
  options.max_concurrent_streams = number(given['m'], options.max_concurrent_streams);
  options.max_connection_age_ms = number(given['o'], options.max_connection_age_ms);
  options.min_ping_interval_ms = number(given['p'], options.min_ping_interval_ms);
  must(gmux_loop_start(&loop, NULL));
  must(gmux_server_new(&server, loop, &options));
  must(hello__greeter__server__add(server, &greeter));

  gmux_health *health; /* SERVING from now on, NOT_SERVING from the drain on */
  must(gmux_health_new(&health));
  must(gmux_server_add_health(server, health));
  add_reflection(server);

  uint16_t port = 0;
  gmux_tls *tls = NULL;
  if (given['n']) {
    must(gmux_server_listen_cleartext(server, given['l'], &port));
  } else {
    gmux_tls_options how;
    gmux_tls_options_init(&how, sizeof how);
    how.cert_file = given['c'], how.key_file = given['k'], how.ca_file = given['a'];
    if (given['a']) how.client_cert = GMUX_CLIENT_CERT_REQUIRED;
    must(gmux_tls_server_new(&tls, &how));
    must(gmux_server_listen(server, given['l'], tls, &port));
  }
  printf("port: %u\n", port), fflush(stdout);

  serve(&signals, tls);
  gmux_server_drain(server, number(given['d'], 5000), on_drained, NULL);
  serve(&signals, tls); /* until all is over, or somebody does not want to wait */
  must(gmux_server_drain_wait(server, 0));
  gmux_tls_free(tls);
  gmux_server_free(server);
  gmux_health_free(health);
  return gmux_loop_stop(loop) ? 1 : 0;
}
