/* bench.c: gmux bench: what is to be sent, how often, and for how long. */
#include "tools/gmux/bench.h"
#include "tools/gmux/arguments.h"
#include "tools/gmux/chart.h"
#include "tools/gmux/codec.h"
#include "tools/gmux/commands.h"
#include "tools/gmux/requests.h"
#include "tools/gmux/schema.h"
#include "tools/protoc-gen-gmux/pool.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: gmux bench [OPTION]... TARGET SERVICE/METHOD\n"
    "Calls a method over and over, and tells how fast it was. The message is made once.\n\n"
    "  gmux bench -d '{\"name\": \"you\"}' greeter.example:443 hello.Greeter/SayHello\n"
    "  gmux bench --cleartext -c 500 --connections 4 --loops 4 --duration 30s localhost:50051 \\\n"
    "    hello.Greeter/SayHello\n"
    "  gmux bench --cleartext --rate 2000 --svg latency.svg localhost:50051 \\\n"
    "    hello.Greeter/SayHello\n\n"
    "  -d, --data JSON       the message, or several, as for gmux call\n"
    "  -c, --concurrency N   calls at once: another begins when one has ended (default 100)\n"
    "  --rate N              instead: N calls a second, however slow they are; each is counted "
    "from\n"
    "                        when it was to start\n"
    "  --duration TIME       how long calls are started (default 10s)\n"
    "  --requests N          how many, if that comes first; without --duration only that counts\n"
    "  --warm-up TIME        calls before that are not counted (default 500ms; 0: none)\n"
    "  --connections N       over which they go (default: one a loop)\n"
    "  --loops N             threads of this side (default 1)\n"
    "  --compress NAME       gzip or deflate what is sent\n"
    "  --svg FILE            draw the latencies\n"
    "  --json                one object\n\n" SCHEMA_USAGE
    "How the server is reached (each call is given up after 20 s, unless --timeout says "
    "else):\n" SESSION_USAGE;

enum {
  CONCURRENCY_USUAL = 100,
  DURATION_USUAL_MS = 10000,
  WARM_UP_USUAL_MS = 500,
  TIMEOUT_USUAL_MS = 20000,
  NUMBER_MAX = 1000000
};

typedef struct command {
  const char *data, *svg;
  bool is_json;
  long concurrency, connections, loops, requests; /* 0: not said */
  int64_t duration_ms, warm_up_ms;                /* 0: not said; -1: none */
  double rate;
  codec_options codec;
  schema schema;
  session session;
  registry *types;
  requests sent;
  bench_message *messages;
  bench_plan plan;
} command;

/* ---- the command line ---- */

enum {
  OPTION_RATE = 1,
  OPTION_DURATION,
  OPTION_REQUESTS,
  OPTION_WARM_UP,
  OPTION_CONNECTIONS,
  OPTION_LOOPS,
  OPTION_COMPRESS,
  OPTION_SVG,
  OPTION_JSON,
  OPTION_HELP
};

static bool set_rate(command *c, const char *value) {
  char *end;
  c->rate = strtod(value, &end);
  if (*value >= '0' && *value <= '9' && !*end && c->rate >= 0.01 && c->rate <= NUMBER_MAX)
    return true;
  return complain("--rate takes 0.01 to %d, not %s", NUMBER_MAX, quote(value, strlen(value)).text),
         false;
}

static bool set_warm_up(command *c, const char *value) {
  if (strcmp(value, "0") == 0) return c->warm_up_ms = -1, true;
  return read_time_ms("--warm-up", value, &c->warm_up_ms);
}

/* False: it has been complained of. */
static bool take_option(command *c, int option, const char *value) {
  switch (option) {
  case 'd':
    return c->data = value, true;
  case 'c':
    return read_number("--concurrency", value, 1, NUMBER_MAX, &c->concurrency);
  case OPTION_RATE:
    return set_rate(c, value);
  case OPTION_DURATION:
    return read_time_ms("--duration", value, &c->duration_ms);
  case OPTION_REQUESTS:
    return read_number("--requests", value, 1, 1000000000, &c->requests);
  case OPTION_WARM_UP:
    return set_warm_up(c, value);
  case OPTION_CONNECTIONS:
    return read_number("--connections", value, 1, 1000, &c->connections);
  case OPTION_LOOPS:
    return read_number("--loops", value, 1, BENCH_LOOPS_MAX, &c->loops);
  case OPTION_COMPRESS:
    return read_compression(value, &c->session.call_options.compression);
  case OPTION_SVG:
    return c->svg = value, true;
  case OPTION_JSON:
    return c->is_json = true;
  default:
    return schema_take_shared(&c->schema, &c->session, option, value, usage);
  }
}

/* Each loop needs a connection, a place for a call and a call. */
static int check_numbers(const command *c) {
  if (c->rate > 0 && c->concurrency)
    return complain("--rate starts calls whether others have ended or not: not with -c");
  if (c->connections < c->loops)
    return complain("--connections %ld are less than --loops %ld", c->connections, c->loops);
  if (!(c->rate > 0) && c->plan.concurrency < c->loops)
    return complain("-c %u is less than --loops %ld", c->plan.concurrency, c->loops);
  if (c->requests && c->requests < c->loops)
    return complain("--requests %ld are less than --loops %ld", c->requests, c->loops);
  return EXIT_DONE;
}

static int settle_numbers(command *c) {
  enum { NS_PER_MS = 1000000 };
  if (!c->loops) c->loops = 1;
  if (!c->connections) c->connections = c->loops;
  if (!c->warm_up_ms) c->warm_up_ms = WARM_UP_USUAL_MS;
  if (!c->duration_ms && !c->requests) c->duration_ms = DURATION_USUAL_MS;
  bench_plan *p = &c->plan;
  p->rate = c->rate;
  p->concurrency = (uint32_t)(c->concurrency ? c->concurrency : CONCURRENCY_USUAL);
  p->connections = (uint32_t)c->connections;
  p->loops = (uint32_t)c->loops;
  p->requests = (uint64_t)c->requests;
  p->duration_ns = (uint64_t)c->duration_ms * NS_PER_MS;
  p->warm_up_ns = c->warm_up_ms > 0 ? (uint64_t)c->warm_up_ms * NS_PER_MS : 0;
  return check_numbers(c);
}

/* EXIT_DONE: go on; -1: help was asked for; else it has been complained of. */
static int read_arguments(command *c, int argc, char **argv) {
  /* clang-format off */
  static const struct option longs[] = {
      SESSION_OPTIONS, SCHEMA_OPTIONS, {"data", 1, NULL, 'd'}, {"concurrency", 1, NULL, 'c'},
      {"rate", 1, NULL, OPTION_RATE}, {"duration", 1, NULL, OPTION_DURATION},
      {"requests", 1, NULL, OPTION_REQUESTS}, {"warm-up", 1, NULL, OPTION_WARM_UP},
      {"connections", 1, NULL, OPTION_CONNECTIONS}, {"loops", 1, NULL, OPTION_LOOPS},
      {"compress", 1, NULL, OPTION_COMPRESS}, {"svg", 1, NULL, OPTION_SVG},
      {"json", 0, NULL, OPTION_JSON}, {"help", 0, NULL, OPTION_HELP}, {NULL, 0, NULL, 0}};
  /* clang-format on */
  for (int o;
       (o = getopt_long(argc, argv, "d:c:" SESSION_SHORT SCHEMA_SHORT, longs, NULL)) != -1;) {
    if (o == OPTION_HELP) return fputs(usage, stdout), -1;
    if (!take_option(c, o, optarg)) return EXIT_USAGE;
  }
  if (argc - optind != 2) return show_synopsis(usage);
  c->plan.target = argv[optind];
  c->plan.method = argv[optind + 1];
  return settle_numbers(c);
}

/* ---- what is sent ---- */

static void add_message(command *c, const uint8_t *data, size_t len) {
  size_t count = c->plan.message_count;
  if ((count & (count - 1)) == 0) {
    bench_message *more = realloc(c->messages, (count ? 2 * count : 1) * sizeof *more);
    if (!more) out_of_memory();
    c->plan.messages = c->messages = more;
  }
  c->messages[c->plan.message_count++] = (bench_message){data, len};
}

/* They lie in `sent` until the end. */
static int make_messages(command *c, const method_type *method) {
  if (!requests_open(&c->sent, c->types, method, c->data, &c->codec)) return EXIT_USAGE;
  if (c->sent.is_live) return complain("messages from standard input cannot be sent twice");
  const uint8_t *data;
  size_t len;
  problem none;
  while (requests_next(&c->sent, &data, &len, &none) == REQUESTS_MESSAGE)
    add_message(c, data, len);
  return EXIT_DONE;
}

/* With words from the server itself before anything is set up for it: any answer will do. */
static int probe(command *c) {
  gmux_method *method;
  gmux_bytes none = gmux_bytes_borrow(NULL, 0), reply;
  gmux_call_options options = c->session.call_options;
  if (gmux_method_new(&method, "/grpc.health.v1.Health/Check", GMUX_UNARY, 0))
    return complain("%s", gmux_last_error()), EXIT_CALL_FAILED;
  gmux_status s = gmux_call_unary_wait(c->session.channel, method, &options, &none, &reply);
  bool is_there = s.code != GMUX_UNAVAILABLE && s.code != GMUX_DEADLINE_EXCEEDED;
  if (!is_there) complain("%s: %s", gmux_code_str(s.code), s.message);
  gmux_bytes_release(&reply);
  gmux_status_clear(&s);
  gmux_method_free(method);
  return is_there ? EXIT_DONE : EXIT_CALL_FAILED;
}

static int prepare(command *c) {
  bench_plan *p = &c->plan;
  const method_type *method = NULL;
  gmux_call_options *options = &c->session.call_options;
  if (options->timeout_ms == GMUX_NO_TIMEOUT) options->timeout_ms = TIMEOUT_USUAL_MS;
  int code = session_open(&c->session, p->target);
  if (code == EXIT_DONE)
    code = schema_get_method(&c->schema, &c->session, p->method, &c->types, &method);
  if (code == EXIT_DONE) code = make_messages(c, method);
  if (code == EXIT_DONE) code = probe(c);
  if (code != EXIT_DONE) return code;
  p->kind = schema_method_kind(method);
  p->reach = &c->session.reach;
  p->channel_options = c->session.channel_options;
  p->call_options = c->session.call_options;
  if (gmux_method_new(&p->call_method, method->path, p->kind, 0))
    return complain("%s", gmux_last_error()), EXIT_CALL_FAILED;
  return EXIT_DONE;
}

/* ---- all of it ---- */

/* Of a run that failed nothing is left behind. */
static bool write_svg(const command *c, FILE *file, const bench_result *r) {
  buffer title = {.data = NULL}, svg = {.data = NULL};
  bench_title(&c->plan, &title);
  chart_svg(&svg, &r->tally, buffer_string(&title));
  bool is_good = fwrite(svg.data, 1, svg.len, file) == svg.len && fflush(file) == 0;
  if (!is_good) complain("%s: %s", c->svg, strerror(errno));
  buffer_free(&title), buffer_free(&svg);
  return is_good;
}

static int run(command *c, FILE *svg) {
  terminal out = terminal_of(stdout), live = terminal_of(stderr);
  static bench_result result;
  if (!bench_run(&c->plan, &live, &result)) return EXIT_CALL_FAILED;
  if (c->is_json)
    bench_print_json(&c->plan, &result);
  else
    bench_print(&c->plan, &result, &out);
  if (svg && !write_svg(c, svg, &result)) return EXIT_CALL_FAILED;
  return tally_failed(&result.tally) ? EXIT_CALL_FAILED : EXIT_DONE;
}

/* The file is opened before anything is run: it would be a pity afterwards. */
static int run_all(command *c) {
  FILE *svg = NULL;
  int code = prepare(c);
  if (code != EXIT_DONE) return code;
  if (c->svg && !(svg = fopen(c->svg, "wb"))) return complain("%s: %s", c->svg, strerror(errno));
  code = run(c, svg);
  if (!svg) return code;
  bool is_empty = ftell(svg) == 0;
  fclose(svg);
  if (is_empty) remove(c->svg);
  return code;
}

int command_bench(int argc, char **argv) {
  static command c;
  session_init(&c.session);
  int code = read_arguments(&c, argc, argv);
  if (code == EXIT_DONE) code = run_all(&c);
  gmux_method_free(c.plan.call_method);
  free(c.messages);
  requests_close(&c.sent);
  registry_free(c.types);
  session_close(&c.session);
  return code < 0 ? EXIT_DONE : code;
}
