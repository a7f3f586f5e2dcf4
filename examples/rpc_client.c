/*
 * rpc_client.c: a client that makes each of the four kinds of call, in the blocking form.
 *
 * One channel, so one connection, carries them all. The gmux_loop has a thread of its own; main
 * waits for each call as it would for a function. embedded_loop.c shows the other form.
 */
#include "greeter.gmux.h"
#include <getopt.h>
#include <gmux/gmux.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: rpc_client [OPTION]... TARGET NAME...\n"
    "Greets each NAME by all four methods of hello.Greeter at TARGET: localhost:50051,\n"
    "dns:///greeter.example:443, ipv4:127.0.0.1:50051, unix:/run/x.\n\n"
    "  --ca FILE             trust this authority (PEM) instead of the system's\n"
    "  --host NAME           the certificate must be for NAME instead of TARGET's host\n"
    "  --cert, --key FILE    a certificate and key of our own (mutual TLS)\n"
    "  --cleartext           no TLS\n"
    "  --timeout-ms N        give up a call after N ms (default 5000)\n"
    "  --metadata KEY=VALUE  sent with every call; may be given several times\n";

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "rpc_client: %s\n", gmux_last_error());
  exit(1);
}

/* Says how a call ended, unless it went well; gives the status back. */
static bool is_ok(const char *method, gmux_status *status) {
  bool ok = status->code == GMUX_OK;
  if (!ok)
    fprintf(stderr, "rpc_client: %s: %s: %s\n", method, gmux_code_str(status->code),
            status->message);
  gmux_status_clear(status);
  return ok;
}

/* ---- messages ---- */

static Hello__HelloRequest request_make(char *name) {
  Hello__HelloRequest request = HELLO__HELLO_REQUEST__INIT;
  request.name = name;
  return request;
}

/* A reply that a function gave back is ours. */
static void show(const char *method, Hello__HelloReply *reply) {
  printf("%s: %s\n", method, reply->message);
  gmux_protobuf_free(reply);
}

/* ---- unary: one function, as if the server were a library ---- */

static bool say_hello(gmux_channel *channel, const gmux_call_options *options, char *name) {
  Hello__HelloRequest request = request_make(name);
  Hello__HelloReply *reply;
  gmux_status status = hello__greeter__say_hello__wait(channel, options, &request, &reply);
  if (reply) show("SayHello", reply);
  return is_ok("SayHello", &status);
}

/* ---- streams: opened, written, read to their end; then the status says how it went ---- */

static bool call_end(const char *method, gmux_call *call) {
  gmux_status status = gmux_call_end_wait(call, NULL);
  gmux_call_free(call);
  return is_ok(method, &status);
}

static bool lots_of_replies(gmux_channel *channel, const gmux_call_options *options, char *name) {
  Hello__HelloRequest request = request_make(name);
  Hello__HelloReply *reply;
  gmux_call *call;
  must(hello__greeter__lots_of_replies__open(&call, channel, options, &request));
  while (hello__greeter__lots_of_replies__read_wait(call, &reply) == 0)
    show("LotsOfReplies", reply);
  return call_end("LotsOfReplies", call);
}

/* A write or half_close that fails means that the call is over. */
static bool lots_of_greetings(gmux_channel *channel, const gmux_call_options *options,
                              char **names) {
  Hello__HelloReply *reply;
  gmux_call *call;
  must(hello__greeter__lots_of_greetings__open(&call, channel, options));
  for (; *names; names++) {
    Hello__HelloRequest request = request_make(*names);
    if (hello__greeter__lots_of_greetings__write_wait(call, &request)) break;
  }
  gmux_call_half_close(call);
  if (hello__greeter__lots_of_greetings__read_wait(call, &reply) == 0)
    show("LotsOfGreetings", reply);
  return call_end("LotsOfGreetings", call);
}

static bool bidi_hello(gmux_channel *channel, const gmux_call_options *options, char **names) {
  Hello__HelloReply *reply;
  gmux_call *call;
  must(hello__greeter__bidi_hello__open(&call, channel, options));
  for (; *names; names++) {
    Hello__HelloRequest request = request_make(*names);
    if (hello__greeter__bidi_hello__write_wait(call, &request)) break;
    if (hello__greeter__bidi_hello__read_wait(call, &reply)) break;
    show("BidiHello", reply);
  }
  gmux_call_half_close(call);
  while (hello__greeter__bidi_hello__read_wait(call, &reply) == 0)
    show("BidiHello", reply);
  return call_end("BidiHello", call);
}

static bool all_kinds(gmux_channel *channel, const gmux_call_options *options, char **names) {
  bool ok = true;
  for (char **name = names; *name; name++)
    ok &= say_hello(channel, options, *name);
  for (char **name = names; *name; name++)
    ok &= lots_of_replies(channel, options, *name);
  ok &= lots_of_greetings(channel, options, names);
  ok &= bidi_hello(channel, options, names);
  return ok;
}

/* ---- options ---- */

static void add_metadata(gmux_metadata *metadata, char *pair) {
  char *value = strchr(pair, '=');
  if (!value) {
    fprintf(stderr, "rpc_client: --metadata %s: there is no = in it\n", pair);
    exit(2);
  }
  *value++ = '\0';
  must(gmux_metadata_add(metadata, pair, value));
}

int main(int argc, char **argv) {
  /* clang-format off */
  static const struct option longs[] = {
      {"ca", 1, NULL, 'a'}, {"host", 1, NULL, 'o'}, {"cert", 1, NULL, 'c'}, {"key", 1, NULL, 'k'},
      {"cleartext", 0, NULL, 'n'}, {"timeout-ms", 1, NULL, 't'}, {"metadata", 1, NULL, 'm'},
      {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
  /* clang-format on */
  gmux_metadata *metadata;
  must(gmux_metadata_new(&metadata));
  const char *given[128] = {['t'] = "5000"};
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == 'h' || o == '?') return fputs(usage, o == 'h' ? stdout : stderr), o == 'h' ? 0 : 2;
    if (o == 'm') add_metadata(metadata, optarg);
    given[o] = optarg ? optarg : "yes";
  }
  if (argc - optind < 2) return fputs(usage, stderr), 2;

  gmux_channel_options how;
  gmux_channel_options_init(&how, sizeof how);
  how.cleartext = given['n'] != NULL;
  how.tls_host = given['o'];
  if (!how.cleartext) {
    gmux_tls_options tls;
    gmux_tls_options_init(&tls, sizeof tls);
    tls.ca_file = given['a'], tls.cert_file = given['c'], tls.key_file = given['k'];
    must(gmux_tls_client_new(&how.tls, &tls));
  }
  gmux_loop *loop;
  gmux_channel *channel;
  must(gmux_loop_start(&loop, NULL));
  must(gmux_channel_new(&channel, loop, argv[optind], &how));
  gmux_tls_free(how.tls); /* the channel has its own hold */

  gmux_call_options options;
  gmux_call_options_init(&options, sizeof options);
  options.timeout_ms = strtol(given['t'], NULL, 10);
  options.metadata = metadata;
  bool ok = all_kinds(channel, &options, argv + optind + 1);

  gmux_metadata_free(metadata);
  gmux_channel_free(channel);
  must(gmux_loop_stop(loop));
  return ok ? 0 : 1;
}
