/* health.c: gmux health: grpc.health.v1.Health, Check and Watch. */
#include "grpc/health/v1/health.gmux.h"
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"
#include "tools/gmux/reach.h"
#include "tools/gmux/report.h"
#include "tools/gmux/terminal.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "usage: gmux health [OPTION]... TARGET [SERVICE]\n"
    "Asks a server how it is, or how one of its services is (grpc.health.v1.Health). Exit status: "
    "0\n"
    "if it is SERVING, else 1.\n\n"
    "  --watch               print each change until stopped\n"
    "  --json                an object a line\n"
    "  --timeout TIME        give up after 1.5s, 200ms, 2m; a bare number is seconds (default 5s;\n"
    "                        --watch: never)\n" REACH_USAGE "\n"
    "  gmux health shop.example:443\n"
    "  gmux health --cleartext localhost:50051 shop.Shop || systemctl restart shop\n"
    "  gmux health --watch --json shop.example:443 shop.Shop\n";

enum { TIMEOUT_MAX_MS = 1000 * 86400, TIMEOUT_USUAL_MS = 5000 };

typedef struct plan {
  reach reach;
  const char *target, *service;
  int64_t timeout_ms; /* 0: none */
  bool is_watch, is_json;
  terminal terminal;
} plan;

typedef Grpc__Health__V1__HealthCheckRequest Request;
typedef Grpc__Health__V1__HealthCheckResponse Response;

/* ---- what is said ---- */

enum { SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING };

static void begin_json(const plan *p, report *r) {
  report_begin(r);
  if (p->is_watch) report_count(r, "time", (uint64_t)time(NULL));
  report_text(r, "service", p->service);
}

static void print_json(const plan *p, const char *status) {
  report r;
  begin_json(p, &r);
  report_text(&r, "status", status);
  report_end(&r);
}

/* Of a watch one wants to know when. */
static void print_time(const plan *p) {
  time_t now = time(NULL);
  struct tm local;
  char text[16] = "";
  if (localtime_r(&now, &local)) strftime(text, sizeof text, "%H:%M:%S ", &local);
  printf("%s%s%s", terminal_style(&p->terminal, STYLE_DIM), text,
         terminal_style(&p->terminal, STYLE_PLAIN));
}

static void print_words(const plan *p, int status, const char *name) {
  if (p->is_watch) print_time(p);
  printf("%s%s%s\n", terminal_style(&p->terminal, status == SERVING ? STYLE_GOOD : STYLE_BAD), name,
         terminal_style(&p->terminal, STYLE_PLAIN));
  fflush(stdout);
}

/* The exit status that it makes. */
static int say(const plan *p, const Response *response) {
  int status = (int)response->status;
  char number[32];
  snprintf(number, sizeof number, "status %d", status);
  const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
      &grpc__health__v1__health_check_response__serving_status__descriptor, status);
  const char *name = value ? value->name : number;
  if (p->is_json)
    print_json(p, name);
  else
    print_words(p, status, name);
  return status == SERVING ? EXIT_DONE : EXIT_CALL_FAILED;
}

static int say_failure(const plan *p, const gmux_status *status) {
  if (p->is_json) {
    report r;
    begin_json(p, &r);
    report_text(&r, "error", gmux_code_str(status->code));
    report_text(&r, "message", status->message);
    report_end(&r);
  }
  complain("%s: %s", gmux_code_str(status->code), status->message);
  return EXIT_CALL_FAILED;
}

/* ---- the call ---- */

static int check(const plan *p, gmux_channel *channel, const gmux_call_options *options,
                 const Request *request) {
  Response *response;
  gmux_status status = grpc__health__v1__health__check__wait(channel, options, request, &response);
  int code = status.code == GMUX_OK ? say(p, response) : say_failure(p, &status);
  gmux_protobuf_free(response);
  gmux_status_clear(&status);
  return code;
}

/* A watch does not end by itself: when it does, the server has gone, or knows no watches. */
static int watch(const plan *p, gmux_channel *channel, const gmux_call_options *options,
                 const Request *request) {
  gmux_call *call;
  if (grpc__health__v1__health__watch__open(&call, channel, options, request))
    return complain("%s", gmux_last_error()), EXIT_CALL_FAILED;
  Response *response;
  int error;
  while ((error = grpc__health__v1__health__watch__read_wait(call, &response)) == 0) {
    say(p, response);
    gmux_protobuf_free(response);
  }
  if (error == GMUX_ERR_PROTOCOL) complain("%s", gmux_last_error());
  gmux_status status = gmux_call_end_wait(call, NULL);
  if (status.code == GMUX_OK)
    complain("the server has ended the watch");
  else
    say_failure(p, &status);
  gmux_status_clear(&status);
  gmux_call_free(call);
  return EXIT_CALL_FAILED;
}

static int ask(const plan *p, gmux_channel *channel) {
  gmux_call_options options;
  gmux_call_options_init(&options, sizeof options);
  if (p->timeout_ms) options.timeout_ms = p->timeout_ms;
  Request request;
  grpc__health__v1__health_check_request__init(&request);
  request.service = (char *)(uintptr_t)p->service; /* which nobody writes to */
  return (p->is_watch ? watch : check)(p, channel, &options, &request);
}

/* ---- the command line ---- */

enum { OPTION_WATCH = 1, OPTION_JSON, OPTION_TIMEOUT, OPTION_TIMEOUT_MS, OPTION_HELP };

static bool set_timeout_ms(plan *p, const char *value) {
  long ms;
  if (!read_number("--timeout-ms", value, 1, TIMEOUT_MAX_MS, &ms)) return false;
  p->timeout_ms = ms;
  return true;
}

static bool take_option(plan *p, int option, const char *value) {
  if (reach_take(&p->reach, option, value)) return true;
  switch (option) {
  case OPTION_WATCH:
    return p->is_watch = true;
  case OPTION_JSON:
    return p->is_json = true;
  case OPTION_TIMEOUT:
    return read_time_ms("--timeout", value, &p->timeout_ms);
  case OPTION_TIMEOUT_MS:
    return set_timeout_ms(p, value);
  default:
    return show_synopsis(usage), false;
  }
}

/* EXIT_DONE: go on; -1: help was asked for; else it has been complained of. */
static int read_arguments(plan *p, int argc, char **argv) {
  static const struct option longs[] = {REACH_OPTIONS,
                                        {"watch", 0, NULL, OPTION_WATCH},
                                        {"json", 0, NULL, OPTION_JSON},
                                        {"timeout", 1, NULL, OPTION_TIMEOUT},
                                        {"timeout-ms", 1, NULL, OPTION_TIMEOUT_MS},
                                        {"help", 0, NULL, OPTION_HELP},
                                        {NULL, 0, NULL, 0}};
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == OPTION_HELP) return fputs(usage, stdout), -1;
    if (!take_option(p, o, optarg)) return EXIT_USAGE;
  }
  int count = argc - optind;
  if (count != 1 && count != 2) return show_synopsis(usage);
  p->target = argv[optind];
  p->service = count == 2 ? argv[optind + 1] : "";
  if (!p->is_watch && !p->timeout_ms) p->timeout_ms = TIMEOUT_USUAL_MS;
  return reach_check(&p->reach) ? EXIT_DONE : EXIT_USAGE;
}

static int run(plan *p) {
  gmux_loop *loop;
  gmux_channel *channel;
  gmux_channel_options how;
  if (gmux_loop_start(&loop, NULL)) return complain("%s", gmux_last_error()), EXIT_CALL_FAILED;
  gmux_channel_options_init(&how, sizeof how);
  int code = EXIT_USAGE;
  if (reach_channel(&p->reach, loop, p->target, &how, &channel)) {
    code = ask(p, channel);
    gmux_channel_free(channel);
  }
  gmux_loop_stop(loop);
  return code;
}

int command_health(int argc, char **argv) {
  plan p = {.terminal = terminal_of(stdout)};
  int code = read_arguments(&p, argc, argv);
  if (code == EXIT_DONE) code = run(&p);
  return code < 0 ? EXIT_DONE : code;
}
