/* call.c: gmux call: JSON in, JSON out, for all four kinds of call. */
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"
#include "tools/gmux/schema.h"
#include "tools/gmux/sender.h"
#include "tools/gmux/transcript.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: gmux call [OPTION]... TARGET SERVICE/METHOD\n"
    "Makes a call: messages are JSON, those that come back are printed as they come.\n\n"
    "  gmux call -d '{\"name\": \"you\"}' greeter.example:443 hello.Greeter/SayHello\n"
    "  gmux call --cleartext -d @request.json localhost:50051 hello.Greeter/LotsOfReplies\n"
    "  printf '{\"name\": \"a\"} {\"name\": \"b\"}' |\n"
    "    gmux call --cleartext -d @ localhost:50051 hello.Greeter/BidiHello\n"
    "  gmux call --proto greeter.proto -H 'authorization: Bearer x' -v -d '{}' \\\n"
    "    greeter.example:443 hello.Greeter/SayHello\n\n"
    "  -d, --data JSON       the message (default {}), or several one behind the other for a "
    "method\n"
    "                        that takes a stream (default: none); @FILE: what is in the file;\n"
    "                        @: standard input, of which each message is sent as it comes\n"
    "  -v, --verbose         tell of headers, trailers and times, on standard error\n"
    "  --json                one object: headers, messages, status, trailers, times\n"
    "  --compact             a message a line\n"
    "  --defaults            print fields that are not set, too\n"
    "  --original-names      print foo_bar, not fooBar\n"
    "  --ignore-unknown      pass over fields of the JSON that the message does not have\n"
    "  --compress NAME       gzip or deflate what is sent\n"
    "  --max-message BYTES   take messages as long as that (default 4194304)\n"
    "  --idempotent          it may be executed twice: send it again when its fate is unknown\n"
    "  --retries N           how often it is sent again where that does no harm (default 3)\n"
    "\n" SCHEMA_USAGE "How the server is reached:\n" SESSION_USAGE;

typedef struct plan {
  const char *data, *target, *name;
  bool is_idempotent;
  codec_options codec;
  schema schema;
  session session;
  transcript transcript;
  registry *types;
  const method_type *method;
  requests requests;
} plan;

/* ---- the command line ---- */

enum {
  OPTION_UNKNOWN = 1,
  OPTION_DEFAULTS,
  OPTION_NAMES,
  OPTION_COMPACT,
  OPTION_JSON,
  OPTION_COMPRESS,
  OPTION_MAX_MESSAGE,
  OPTION_IDEMPOTENT,
  OPTION_RETRIES,
  OPTION_HELP
};

static bool set_max_message(plan *p, const char *value) {
  long bytes;
  if (!read_number("--max-message", value, 1, INT32_MAX, &bytes)) return false;
  p->session.call_options.max_recv_message_bytes = (uint32_t)bytes;
  return true;
}

static bool set_retries(plan *p, const char *value) {
  enum { MAX = 100 };
  long count;
  if (!read_number("--retries", value, 0, MAX, &count)) return false;
  p->session.channel_options.max_refused_retries = (uint32_t)count;
  p->session.channel_options.max_idempotent_retries = (uint32_t)count;
  return true;
}

/* False: it has been complained of. */
static bool take_option(plan *p, int option, const char *value) {
  switch (option) {
  case 'd':
    return p->data = value, true;
  case 'v':
    return p->transcript.is_verbose = true;
  case OPTION_JSON:
    return p->transcript.is_json = true;
  case OPTION_UNKNOWN:
    return p->codec.ignores_unknown = true;
  case OPTION_DEFAULTS:
    return p->codec.with_defaults = true;
  case OPTION_NAMES:
    return p->codec.with_original_names = true;
  case OPTION_COMPACT:
    return p->codec.is_compact = true;
  case OPTION_COMPRESS:
    return read_compression(value, &p->session.call_options.compression);
  case OPTION_MAX_MESSAGE:
    return set_max_message(p, value);
  case OPTION_IDEMPOTENT:
    return p->is_idempotent = true;
  case OPTION_RETRIES:
    return set_retries(p, value);
  default:
    return schema_take_shared(&p->schema, &p->session, option, value, usage);
  }
}

/* EXIT_DONE: go on; -1: help was asked for; else it has been complained of. */
static int read_arguments(plan *p, int argc, char **argv) {
  /* clang-format off */
  static const struct option longs[] = {
      SESSION_OPTIONS, SCHEMA_OPTIONS, {"data", 1, NULL, 'd'}, {"verbose", 0, NULL, 'v'},
      {"json", 0, NULL, OPTION_JSON}, {"compact", 0, NULL, OPTION_COMPACT},
      {"defaults", 0, NULL, OPTION_DEFAULTS}, {"original-names", 0, NULL, OPTION_NAMES},
      {"ignore-unknown", 0, NULL, OPTION_UNKNOWN}, {"compress", 1, NULL, OPTION_COMPRESS},
      {"max-message", 1, NULL, OPTION_MAX_MESSAGE}, {"idempotent", 0, NULL, OPTION_IDEMPOTENT},
      {"retries", 1, NULL, OPTION_RETRIES}, {"help", 0, NULL, OPTION_HELP}, {NULL, 0, NULL, 0}};
  /* clang-format on */
  for (int o; (o = getopt_long(argc, argv, "d:v" SESSION_SHORT SCHEMA_SHORT, longs, NULL)) != -1;) {
    if (o == OPTION_HELP) return fputs(usage, stdout), -1;
    if (!take_option(p, o, optarg)) return EXIT_USAGE;
  }
  if (argc - optind != 2) return show_synopsis(usage);
  p->target = argv[optind];
  p->name = argv[optind + 1];
  return EXIT_DONE;
}

/* ---- before the call: all that can be wrong here ---- */

static int prepare(plan *p) {
  int code = session_open(&p->session, p->target);
  if (code == EXIT_DONE)
    code = schema_get_method(&p->schema, &p->session, p->name, &p->types, &p->method);
  if (code != EXIT_DONE) return code;
  bool is_good = requests_open(&p->requests, p->types, p->method, p->data, &p->codec);
  return is_good ? EXIT_DONE : EXIT_USAGE;
}

/* ---- the call ---- */

/* NULL: it has been complained of. */
static gmux_call *start(plan *p) {
  gmux_method *method = NULL;
  gmux_call *call = NULL;
  bool is_idempotent = p->is_idempotent || p->method->is_idempotent;
  unsigned flags = is_idempotent ? GMUX_METHOD_IDEMPOTENT : 0;
  int error = gmux_method_new(&method, p->method->path, schema_method_kind(p->method), flags);
  if (!error)
    error =
        gmux_call_start(&call, p->session.channel, method, &p->session.call_options, NULL, NULL);
  if (error) complain("%s: %s", p->name, gmux_last_error());
  gmux_method_free(method);
  return error ? NULL : call;
}

/* The one message of a method that takes one. A write that fails means that the call is over: its
 * status says why. */
static void write_one(plan *p, gmux_call *call) {
  const uint8_t *data;
  size_t len;
  problem none;
  if (requests_next(&p->requests, &data, &len, &none) != REQUESTS_MESSAGE) return;
  gmux_bytes message = gmux_bytes_borrow(data, len);
  gmux_call_write_wait(call, &message);
}

/* False: a message could not be shown, and the call was cancelled. */
static bool show_replies(plan *p, gmux_call *call) {
  const gmux_metadata *headers = NULL;
  bool has_come = gmux_call_headers_wait(call, &headers) == 0, is_good = true;
  transcript_headers(&p->transcript, has_come, headers);
  gmux_bytes reply;
  while (is_good && gmux_call_read_wait(call, &reply) == 0) {
    is_good = transcript_message(&p->transcript, &reply);
    gmux_bytes_release(&reply);
  }
  if (!is_good) gmux_call_cancel(call);
  return is_good;
}

static int end(plan *p, gmux_call *call, bool is_shown, const sender *s) {
  const gmux_metadata *trailers = NULL;
  gmux_status status = gmux_call_end_wait(call, &trailers);
  session_note(&p->session, call);
  int code = EXIT_CALL_FAILED;
  bool is_wrong = s && s->is_wrong;
  if (is_wrong) code = complain("%s", s->why.words);
  if (is_wrong || !is_shown)
    transcript_close(&p->transcript, call, &status, trailers);
  else
    code = transcript_end(&p->transcript, call, &status, trailers);
  gmux_status_clear(&status);
  return code;
}

static int stream(plan *p, gmux_call *call) {
  sender s;
  if (!sender_start(&s, call, &p->requests)) return gmux_call_cancel(call), EXIT_CALL_FAILED;
  bool is_shown = show_replies(p, call);
  sender_end(&s);
  return end(p, call, is_shown, &s);
}

static int make_call(plan *p) {
  transcript_begin(&p->transcript, p->types, p->method);
  gmux_call *call = start(p);
  if (!call) return EXIT_CALL_FAILED;
  int code;
  if (p->method->is_client_streaming) {
    code = stream(p, call);
  } else {
    write_one(p, call);
    code = end(p, call, show_replies(p, call), NULL);
  }
  gmux_call_free(call);
  return code;
}

int command_call(int argc, char **argv) {
  plan p = {.data = NULL};
  session_init(&p.session);
  int code = read_arguments(&p, argc, argv);
  if (code == EXIT_DONE) {
    p.transcript.codec = &p.codec, p.transcript.session = &p.session;
    transcript_init(&p.transcript);
    code = prepare(&p);
    if (code == EXIT_DONE)
      code = make_call(&p);
    else if (code == EXIT_CALL_FAILED)
      transcript_failure(&p.transcript);
  }
  transcript_free(&p.transcript);
  requests_close(&p.requests);
  registry_free(p.types);
  session_close(&p.session);
  return code < 0 ? EXIT_DONE : code;
}
