/*
 * rpc_server.c: a server with all four kinds of call, over TLS or cleartext.
 *
 * SayHello is a function of a protobuf-c service. protobuf-c knows no streams, so the other three
 * are handlers on bytes. All of them run on the one thread of the gmux_loop; main waits for the
 * signals that end it: the first lets running calls finish, another one cuts them off. SIGHUP
 * brings renewed certificates into use, which no call and no connection notices.
 */
#define _POSIX_C_SOURCE 200809L
#include "greeter.pb-c.h"
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
    "  --protoset FILE    what reflection tells of the messages (protoc --descriptor_set_out)\n"
    "  --min-ping-ms N    what clients must let pass between two PINGs (default 300000)\n"
    "  --drain-ms N       how long running calls have to finish at the end (default 5000)\n";

/* ---- SayHello: protobuf-c calls us with the request; we answer through the closure ---- */

static void say_hello(Hello__Greeter_Service *service, const Hello__HelloRequest *request,
                      Hello__HelloReply_Closure closure, void *closure_data) {
  (void)service;
  char text[128];
  snprintf(text, sizeof text, "Hello, %s!", request->name);
  Hello__HelloReply reply = HELLO__HELLO_REPLY__INIT;
  reply.message = text;
  closure(&reply, closure_data);
}

/* The methods that stream are NULL here, and added one by one in main. */
static Hello__Greeter_Service greeter = {.base = HELLO__GREETER__BASE_INIT, .say_hello = say_hello};

/* ---- the streams: handlers on bytes, and what a call remembers ---- */

typedef struct greeting {
  char name[64];
  unsigned count;
} greeting;

static void on_call(gmux_server_call *call, void *user_data) {
  (void)user_data;
  greeting *g = calloc(1, sizeof *g);
  if (!g) gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, "out of memory");
  gmux_server_call_set_data(call, g);
  gmux_server_call_set_manual_credit(call); /* requests come one by one, as we ask for them */
}

static void on_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)code, (void)user_data;
  free(gmux_server_call_get_data(call));
}

/* Remembers the name in a request; NULL: there is none, and the call has its answer. */
static greeting *read_request(gmux_server_call *call, const gmux_bytes *bytes) {
  greeting *g = gmux_server_call_get_data(call);
  ProtobufCMessage *message;
  if (!g) return NULL;
  if (gmux_protobuf_unpack(&message, &hello__hello_request__descriptor, bytes)) {
    gmux_server_call_fail(call, GMUX_INVALID_ARGUMENT, gmux_last_error());
    return NULL;
  }
  snprintf(g->name, sizeof g->name, "%s", ((Hello__HelloRequest *)message)->name);
  gmux_protobuf_free(message);
  g->count++;
  return g;
}

/* 0, GMUX_WRITE_FULL (taken, but wait for on_writable before the next), or an error. */
static int write_reply(gmux_server_call *call, const char *name, unsigned n) {
  char text[128];
  snprintf(text, sizeof text, "Hello, %s! (%u)", name, n);
  Hello__HelloReply reply = HELLO__HELLO_REPLY__INIT;
  reply.message = text;
  gmux_bytes bytes = gmux_bytes_borrow(NULL, 0);
  int result = gmux_protobuf_pack(&bytes, &reply.base);
  if (result == 0) result = gmux_server_call_write(call, &bytes);
  gmux_bytes_release(&bytes); /* does nothing when the call has taken them */
  if (result < 0) gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, gmux_last_error());
  return result;
}

static void ask_for_more(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_grant(call, 1);
}

static void on_request(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  if (read_request(call, message)) ask_for_more(call, user_data);
}

/* LotsOfReplies: five replies to the one request, as fast as the client takes them. */
static void lots_write(gmux_server_call *call, void *user_data) {
  (void)user_data;
  greeting *g = gmux_server_call_get_data(call);
  while (g && g->count <= 5)
    if (write_reply(call, g->name, g->count++) != 0) return; /* full: on_writable goes on */
  gmux_server_call_finish(call, NULL, NULL);
}

/* LotsOfGreetings: one reply when the client has said all. */
static void many_end(gmux_server_call *call, void *user_data) {
  (void)user_data;
  greeting *g = gmux_server_call_get_data(call);
  if (g && write_reply(call, g->name, g->count) >= 0) gmux_server_call_finish(call, NULL, NULL);
}

/* BidiHello: a reply for each request. The next request is asked for when there is room for its
 * reply, so that a client that writes and never reads is held back. */
static void bidi_request(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  greeting *g = read_request(call, message);
  if (g && write_reply(call, g->name, g->count) == 0) ask_for_more(call, user_data);
}

static void bidi_end(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_finish(call, NULL, NULL);
}

static const gmux_server_handlers lots = {.on_call = on_call,
                                          .on_message = on_request,
                                          .on_half_close = lots_write,
                                          .on_writable = lots_write,
                                          .on_end = on_end},
                                  many = {.on_call = on_call,
                                          .on_message = on_request,
                                          .on_half_close = many_end,
                                          .on_end = on_end},
                                  bidi = {.on_call = on_call,
                                          .on_message = bidi_request,
                                          .on_half_close = bidi_end,
                                          .on_writable = ask_for_more,
                                          .on_end = on_end};

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

/* With a file of protoc's clients learn how messages look, else only which services there are. */
static void add_reflection(gmux_server *server, const char *path) {
  static uint8_t bytes[1048576];
  gmux_bytes set = gmux_bytes_borrow(bytes, 0); /* copied by the server */
  FILE *file = path ? fopen(path, "rb") : NULL;
  if (path && !file) perror(path), exit(1);
  if (file) set.len = fread(bytes, 1, sizeof bytes, file), fclose(file);
  if (set.len == sizeof bytes) fprintf(stderr, "%s: larger than 1 MiB\n", path), exit(1);
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
      {"protoset", 1, NULL, 's'}, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
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
  must(gmux_server_add_protobuf(server, &greeter.base));
  const char *const lots_path = "/hello.Greeter/LotsOfReplies";
  must(gmux_server_add_method(server, lots_path, GMUX_SERVER_STREAMING, &lots, NULL));
  const char *const many_path = "/hello.Greeter/LotsOfGreetings";
  must(gmux_server_add_method(server, many_path, GMUX_CLIENT_STREAMING, &many, NULL));
  const char *const bidi_path = "/hello.Greeter/BidiHello";
  must(gmux_server_add_method(server, bidi_path, GMUX_BIDI_STREAMING, &bidi, NULL));

  gmux_health *health; /* SERVING from now on, NOT_SERVING from the drain on */
  must(gmux_health_new(&health));
  must(gmux_server_add_health(server, health));
  add_reflection(server, given['s']);

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
