/* call.c: gmux call: one message as JSON, and what comes back. */
#include "tools/gmux/arguments.h"
#include "tools/gmux/codec.h"
#include "tools/gmux/commands.h"
#include "tools/gmux/reach.h"

#include <getopt.h>
#include <gmux/gmux.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: gmux call --protoset FILE [OPTION]... TARGET SERVICE/METHOD\n"
    "Sends one message to a method that takes one, and prints what comes back.\n\n"
    "  --protoset FILE       the types: protoc --include_imports --descriptor_set_out=FILE\n"
    "  -d, --data JSON       the message (default {}); @FILE reads it from there, @ from standard\n"
    "                        input\n"
    REACH_USAGE
    "  --timeout-ms N        give up after N ms\n"
    "  --metadata KEY=VALUE  sent with the call; may be given several times\n"
    "  --ignore-unknown      pass over fields of the JSON that the message does not have\n"
    "  --defaults            print fields that are not set, too\n"
    "  --original-names      print foo_bar, not fooBar\n"
    "  --compact             a message a line\n\n"
    "  gmux call --protoset hello.protoset -d '{\"name\": \"you\"}' greeter.example:443 \\\n"
    "    hello.Greeter/SayHello\n"
    "  gmux call --protoset hello.protoset -d @request.json --cleartext localhost:50051 \\\n"
    "    hello.Greeter/LotsOfReplies\n";

typedef struct plan {
  const char *protoset, *data;
  reach reach;
  long timeout_ms; /* 0: none */
  codec_options codec;
  gmux_metadata *metadata;
  const char *target, *name;
  registry *types;
  const method_type *method;
  buffer request;
} plan;

/* ---- the command line ---- */

static bool add_metadata(plan *p, const char *pair) {
  const char *cut = strchr(pair, '=');
  if (!cut) return complain("--metadata %s: there is no = in it", pair), false;
  buffer key = {.data = NULL};
  buffer_add(&key, pair, (size_t)(cut - pair));
  bool is_good = gmux_metadata_add(p->metadata, buffer_string(&key), cut + 1) == 0;
  if (!is_good) complain("--metadata %s: %s", pair, gmux_last_error());
  buffer_free(&key);
  return is_good;
}

enum { OPTION_UNKNOWN = 1, OPTION_DEFAULTS, OPTION_NAMES, OPTION_COMPACT };

static bool take_option(plan *p, int option, char *value) {
  enum { TIMEOUT_MAX_MS = 1000 * 86400 };
  switch (option) {
  case 'p':
    return p->protoset = value, true;
  case 'd':
    return p->data = value, true;
  case 't':
    return read_number("--timeout-ms", value, TIMEOUT_MAX_MS, &p->timeout_ms);
  case 'm':
    return add_metadata(p, value);
  case OPTION_UNKNOWN:
    return p->codec.ignores_unknown = true;
  case OPTION_DEFAULTS:
    return p->codec.with_defaults = true;
  case OPTION_NAMES:
    return p->codec.with_original_names = true;
  case OPTION_COMPACT:
    return p->codec.is_compact = true;
  default:
    return reach_take(&p->reach, option, value) || (fputs(usage, stderr), false);
  }
}

static bool read_arguments(plan *p, int argc, char **argv) {
  /* clang-format off */
  static const struct option longs[] = {
      REACH_OPTIONS, {"protoset", 1, NULL, 'p'}, {"data", 1, NULL, 'd'},
      {"timeout-ms", 1, NULL, 't'}, {"metadata", 1, NULL, 'm'},
      {"ignore-unknown", 0, NULL, OPTION_UNKNOWN}, {"defaults", 0, NULL, OPTION_DEFAULTS},
      {"original-names", 0, NULL, OPTION_NAMES}, {"compact", 0, NULL, OPTION_COMPACT},
      {NULL, 0, NULL, 0}};
  /* clang-format on */
  for (int o; (o = getopt_long(argc, argv, "d:", longs, NULL)) != -1;)
    if (!take_option(p, o, optarg)) return false;
  if (!p->protoset || argc - optind != 2) return fputs(usage, stderr), false;
  if (!reach_check(&p->reach)) return false;
  p->target = argv[optind];
  p->name = argv[optind + 1];
  return true;
}

/* ---- before anything is sent: all that can be wrong here ---- */

static bool find_method(plan *p) {
  problem why;
  p->method = registry_method(p->types, p->name, &why);
  if (!p->method) return complain("%s", why.words), false;
  if (!p->method->is_client_streaming) return true;
  return complain("%s takes a stream of messages, which gmux call does not send", p->name), false;
}

static bool make_request(plan *p) {
  problem why;
  buffer json = {.data = NULL};
  bool is_file = *p->data == '@';
  if (!is_file) buffer_add_string(&json, p->data);
  bool is_good = !is_file || read_file(p->data[1] ? p->data + 1 : "-", CODEC_MAX_JSON, &json);
  if (is_good && !codec_read_json(p->types, p->method->request, buffer_string(&json), json.len,
                                  &p->codec, &p->request, &why)) {
    complain("%s: %s", is_file ? "the message" : "--data", why.words);
    is_good = false;
  }
  buffer_free(&json);
  return is_good;
}

/* ---- the call ---- */

static bool failed(const char *what) {
  complain("%s: %s", what, gmux_last_error());
  return false;
}

static bool print_reply(const plan *p, const gmux_bytes *reply) {
  buffer json = {.data = NULL};
  problem why;
  bool is_good =
      codec_write_json(p->types, p->method->reply, reply->data, reply->len, &p->codec, &json, &why);
  if (is_good)
    printf("%s\n", buffer_string(&json));
  else
    complain("a reply of %zu bytes: %s", reply->len, why.words);
  /* A stream is read as it comes. */
  fflush(stdout);
  buffer_free(&json);
  return is_good;
}

static bool end_call(gmux_call *call) {
  gmux_status status = gmux_call_end_wait(call, NULL);
  bool is_ok = status.code == GMUX_OK;
  if (!is_ok) complain("%s: %s", gmux_code_str(status.code), status.message);
  gmux_status_clear(&status);
  return is_ok;
}

/* A write that fails means that the call is over: its status says why. */
static bool exchange(const plan *p, gmux_call *call) {
  gmux_bytes request = gmux_bytes_borrow(p->request.data, p->request.len), reply;
  gmux_call_write_wait(call, &request);
  bool is_good = true;
  while (is_good && gmux_call_read_wait(call, &reply) == 0) {
    is_good = print_reply(p, &reply);
    gmux_bytes_release(&reply);
  }
  if (!is_good) gmux_call_cancel(call);
  return is_good && end_call(call);
}

static bool make_call(const plan *p, gmux_channel *channel) {
  gmux_method *method;
  gmux_method_kind kind = p->method->is_server_streaming ? GMUX_SERVER_STREAMING : GMUX_UNARY;
  if (gmux_method_new(&method, p->method->path, kind, 0)) return failed(p->name);
  gmux_call_options options;
  gmux_call_options_init(&options, sizeof options);
  if (p->timeout_ms) options.timeout_ms = p->timeout_ms;
  options.metadata = p->metadata;
  gmux_call *call;
  bool is_good = gmux_call_start(&call, channel, method, &options, NULL, NULL) == 0;
  gmux_method_free(method);
  if (!is_good) return failed(p->name);
  is_good = exchange(p, call);
  gmux_call_free(call);
  return is_good;
}

static int run(const plan *p) {
  gmux_loop *loop;
  gmux_channel *channel;
  if (gmux_loop_start(&loop, NULL)) return failed("no loop"), EXIT_CALL_FAILED;
  int code = EXIT_USAGE;
  gmux_channel_options how;
  gmux_channel_options_init(&how, sizeof how);
  if (reach_channel(&p->reach, loop, p->target, &how, &channel)) {
    code = make_call(p, channel) ? EXIT_DONE : EXIT_CALL_FAILED;
    gmux_channel_free(channel);
  }
  gmux_loop_stop(loop);
  return code;
}

int command_call(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout), EXIT_DONE;
  plan p = {.data = "{}"};
  int code = EXIT_USAGE;
  if (gmux_metadata_new(&p.metadata)) return complain("out of memory");
  if (read_arguments(&p, argc, argv) && (p.types = read_protoset(p.protoset)) && find_method(&p) &&
      make_request(&p))
    code = run(&p);
  buffer_free(&p.request);
  registry_free(p.types);
  gmux_metadata_free(p.metadata);
  return code;
}
