/*
 * rpc_client.c: a client that makes each of the four kinds of call, in the blocking form.
 *
 * One channel, so one connection, carries them all. The gmux_loop has a thread of its own; main
 * waits for each call as it would for a function. embedded_loop.c shows the other form.
 */
#include "greeter.pb-c.h"
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

/* ---- unary: one function, as if the server were a library ---- */

static bool say_hello(gmux_channel *channel, const gmux_call_options *options, char *name) {
  Hello__HelloRequest request = HELLO__HELLO_REQUEST__INIT;
  request.name = name;
  ProtobufCMessage *reply;
  gmux_status status = gmux_protobuf_call_wait(channel, &hello__greeter__descriptor, "SayHello",
                                               options, &request.base, &reply);
  if (status.code == GMUX_OK) printf("SayHello: %s\n", ((Hello__HelloReply *)reply)->message);
  gmux_protobuf_free(reply);
  return is_ok("SayHello", &status);
}

/* ---- streams: messages are packed and unpacked around gmux_call_* ---- */

/* False: the call is over, and gmux_call_end_wait says why. */
static bool write_name(gmux_call *call, char *name) {
  Hello__HelloRequest request = HELLO__HELLO_REQUEST__INIT;
  request.name = name;
  gmux_bytes bytes;
  must(gmux_protobuf_pack(&bytes, &request.base));
  int error = gmux_call_write_wait(call, &bytes);
  gmux_bytes_release(&bytes); /* does nothing when the call has taken them */
  return error == 0;
}

/* False: there are no more. */
static bool print_reply(gmux_call *call, const char *method) {
  gmux_bytes bytes;
  if (gmux_call_read_wait(call, &bytes)) return false;
  ProtobufCMessage *reply;
  int error = gmux_protobuf_unpack(&reply, &hello__hello_reply__descriptor, &bytes);
  gmux_bytes_release(&bytes);
  must(error);
  printf("%s: %s\n", method, ((Hello__HelloReply *)reply)->message);
  gmux_protobuf_free(reply);
  return true;
}

static bool stream(gmux_channel *channel, const gmux_call_options *options, const char *path,
                   gmux_method_kind kind, char **names) {
  const char *name = strrchr(path, '/') + 1;
  gmux_method *method; /* a program that makes many calls keeps it */
  must(gmux_method_new(&method, path, kind, 0));
  gmux_call *call;
  must(gmux_call_start(&call, channel, method, options, NULL, NULL));
  gmux_method_free(method);

  bool going = true;
  for (; going && *names; names++) {
    going = write_name(call, *names);
    if (kind == GMUX_SERVER_STREAMING) break; /* takes one request */
    if (going && kind == GMUX_BIDI_STREAMING) going = print_reply(call, name);
  }
  gmux_call_half_close(call); /* an error here means that the call is over, as the end says */
  while (print_reply(call, name))
    continue;
  gmux_status status = gmux_call_end_wait(call, NULL);
  gmux_call_free(call);
  return is_ok(name, &status);
}

static bool all_kinds(gmux_channel *channel, const gmux_call_options *options, char **names) {
  bool ok = true;
  for (char **name = names; *name; name++)
    ok &= say_hello(channel, options, *name);
  for (char *one[2] = {NULL}, **name = names; (one[0] = *name); name++)
    ok &= stream(channel, options, "/hello.Greeter/LotsOfReplies", GMUX_SERVER_STREAMING, one);
  ok &= stream(channel, options, "/hello.Greeter/LotsOfGreetings", GMUX_CLIENT_STREAMING, names);
  ok &= stream(channel, options, "/hello.Greeter/BidiHello", GMUX_BIDI_STREAMING, names);
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
