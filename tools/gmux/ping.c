/*
 * ping.c: gmux ping: how a connection is made, who is at its other end, and how far away that is.
 *
 * A server counts PINGs, and with default settings it ends a connection that sends more than two of
 * them without a call in between (gRPC A8). So each round is a call, and the channel is told to ask
 * for life before it (validate_after_ms), as it does by itself, within that policy: the PING's time
 * is what the call waited for it.
 */
#include "tools/gmux/ping.h"
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>

static const char usage[] =
    "usage: gmux ping [OPTION]... TARGET\n"
    "Connects, tells how long each step took, what TLS agreed on, what certificate the server has\n"
    "and what its SETTINGS allow; then round trips until it is stopped. A round trip is a PING "
    "and\n"
    "a call to the health service, whatever that answers. Exit status: 0 if none was lost, else "
    "1.\n"
    "\n"
    "  gmux ping greeter.example:443\n"
    "  gmux ping --cleartext -c 5 -i 0.2 localhost:50051\n"
    "  gmux ping --json -c 1 greeter.example:443\n\n"
    "  -c, --count N         stop after N round trips\n"
    "  -i, --interval TIME   between two of them (default 1s; 200ms or more)\n"
    "  --json                an object a line\n\n"
    "How the server is reached (a call is given up after 5 s, unless --timeout says "
    "else):\n" SESSION_USAGE;

enum {
  INTERVAL_USUAL_MS = 1000,
  INTERVAL_LEAST_MS = 200, /* as for ping(8) */
  QUIET_MS = 100,          /* the least that a channel takes for validate_after_ms */
  TIMEOUT_USUAL_MS = 5000
};

typedef struct command {
  session session;
  ping_view view;
  long count; /* 0: until stopped */
  int64_t interval_ms;
  gmux_method *method;
  ping_sum sum;
  gmux_call_explanation connected; /* of the call that waited for the connection */
  bool has_shown;
} command;

static volatile sig_atomic_t is_stopped;
static void on_signal(int number) {
  (void)number;
  is_stopped = 1;
}

/* ---- a round ---- */

/* What takes the time from the PING's end on. */
static uint64_t call_ns_of(const gmux_call_explanation *e) {
  return e->limit_ns + e->send_ns + e->server_ns;
}

/* HealthCheckRequest without a field: of the server as a whole. */
static bool exchange(command *c, gmux_call **call, gmux_status *status) {
  if (gmux_call_start(call, c->session.channel, c->method, &c->session.call_options, NULL, NULL))
    return complain("%s", gmux_last_error()), false;
  gmux_bytes none = gmux_bytes_borrow(NULL, 0), reply;
  gmux_call_write_wait(*call, &none);
  while (gmux_call_read_wait(*call, &reply) == 0)
    gmux_bytes_release(&reply);
  *status = gmux_call_end_wait(*call, NULL);
  return true;
}

static void add_up(command *c, const ping_round *r) {
  c->sum.rounds++;
  c->sum.lost += r->is_lost;
  if (r->is_lost || !r->ping_ns) return;
  tally_add(&c->sum.pings, GMUX_OK, r->ping_ns);
  c->sum.sum_ns += r->ping_ns;
}

/* Once there is a connection; with what the first round trip of it adds. */
static void show_steps(command *c, const gmux_call_explanation *e, const ping_round *first) {
  gmux_channel_peer peer = {.size = sizeof peer};
  gmux_bytes der = {.data = NULL};
  bool is_there = gmux_channel_get_peer(c->session.channel, &peer, &der) == 0;
  ping_show_steps(&c->view, e, is_there ? &peer : NULL, &der, first);
  gmux_bytes_release(&der);
}

typedef void (*round_fn)(command *c, const gmux_call_explanation *e, const ping_round *r);

/* False: it could not even be begun. */
static bool do_round(command *c, round_fn then) {
  gmux_call *call;
  gmux_status status;
  if (!exchange(c, &call, &status)) return false;
  gmux_call_explanation e = {.size = sizeof e};
  gmux_call_explain(call, &e);
  ping_round r = {
      .number = c->sum.rounds + 1,
      .ping_ns = e.validation_ns,
      .call_ns = call_ns_of(&e),
      .code = status.code,
      .is_lost = e.evidence != GMUX_EVIDENCE_ANSWERED,
      .words = status.message,
  };
  then(c, &e, &r);
  gmux_status_clear(&status);
  gmux_call_free(call);
  return true;
}

/* ---- the connection, and then round trips ---- */

static void on_connected(command *c, const gmux_call_explanation *e, const ping_round *r) {
  c->connected = *e;
  if (!r->is_lost) return;
  show_steps(c, e, NULL);
  if (c->view.is_json) ping_show_round(&c->view, r);
  complain("%s: %s", gmux_code_str(r->code), r->words);
  c->sum.lost++;
}

static void on_round(command *c, const gmux_call_explanation *e, const ping_round *r) {
  (void)e;
  if (!c->has_shown) show_steps(c, &c->connected, r);
  c->has_shown = true;
  ping_show_round(&c->view, r);
  add_up(c, r);
}

/* A signal ends it. Blocked but for the sleep itself, it cannot come just before it and be slept
 * over; a call that hangs is ended by the second one. */
static void rest(int64_t ms) {
  struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
  sigset_t stopping, before;
  sigemptyset(&stopping);
  sigaddset(&stopping, SIGINT), sigaddset(&stopping, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stopping, &before);
  if (!is_stopped) pselect(0, NULL, NULL, NULL, &t, &before);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int ping(command *c) {
  if (!do_round(c, on_connected) || c->sum.lost) return EXIT_CALL_FAILED;
  rest(QUIET_MS + QUIET_MS / 5); /* or there would be nothing to ask for */
  while (!is_stopped && (!c->count || c->sum.rounds < (uint64_t)c->count)) {
    if (c->sum.rounds) rest(c->interval_ms);
    if (is_stopped || !do_round(c, on_round)) break;
  }
  ping_show_sum(&c->view, &c->sum);
  return c->sum.lost ? EXIT_CALL_FAILED : EXIT_DONE;
}

/* ---- the command line ---- */

enum { OPTION_JSON = 1, OPTION_HELP };

static bool set_interval(command *c, const char *value) {
  if (!read_time_ms("--interval", value, &c->interval_ms)) return false;
  if (c->interval_ms >= INTERVAL_LEAST_MS) return true;
  return complain("--interval is %d ms or more", INTERVAL_LEAST_MS), false;
}

static bool take_option(command *c, int option, const char *value) {
  switch (option) {
  case 'c':
    return read_number("--count", value, 1, 1000000000, &c->count);
  case 'i':
    return set_interval(c, value);
  case OPTION_JSON:
    return c->view.is_json = true;
  default:
    break;
  }
  session_taken taken = session_take(&c->session, option, value);
  if (taken == SESSION_NOT_MINE) show_synopsis(usage);
  return taken == SESSION_TAKEN;
}

/* EXIT_DONE: go on; -1: help was asked for; else it has been complained of. */
static int read_arguments(command *c, int argc, char **argv) {
  static const struct option longs[] = {SESSION_OPTIONS,
                                        {"count", 1, NULL, 'c'},
                                        {"interval", 1, NULL, 'i'},
                                        {"json", 0, NULL, OPTION_JSON},
                                        {"help", 0, NULL, OPTION_HELP},
                                        {NULL, 0, NULL, 0}};
  for (int o; (o = getopt_long(argc, argv, "c:i:" SESSION_SHORT, longs, NULL)) != -1;) {
    if (o == OPTION_HELP) return fputs(usage, stdout), -1;
    if (!take_option(c, o, optarg)) return EXIT_USAGE;
  }
  if (argc - optind != 1) return show_synopsis(usage);
  c->view.target = argv[optind];
  return EXIT_DONE;
}

static int run(command *c) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  gmux_call_options *options = &c->session.call_options;
  if (options->timeout_ms == GMUX_NO_TIMEOUT) options->timeout_ms = TIMEOUT_USUAL_MS;
  c->session.channel_options.validate_after_ms = QUIET_MS;
  c->view.is_cleartext = c->session.reach.is_cleartext;
  int code = session_open(&c->session, c->view.target);
  if (code != EXIT_DONE) return code;
  if (gmux_method_new(&c->method, "/grpc.health.v1.Health/Check", GMUX_UNARY, 0))
    return complain("%s", gmux_last_error()), EXIT_CALL_FAILED;
  return ping(c);
}

int command_ping(int argc, char **argv) {
  static command c;
  c = (command){.interval_ms = INTERVAL_USUAL_MS};
  c.view.terminal = terminal_of(stdout);
  session_init(&c.session);
  int code = read_arguments(&c, argc, argv);
  if (code == EXIT_DONE) code = run(&c);
  gmux_method_free(c.method);
  session_close(&c.session);
  return code < 0 ? EXIT_DONE : code;
}
