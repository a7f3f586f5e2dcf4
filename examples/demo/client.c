/*
 * client.c: what `make demo` shows. A thousand callers, each with a call in flight all the
 * time, and a bidirectional stream beside them, over a handful of TLS connections, while things go
 * wrong on purpose:
 *
 *     LOAD         everything is well
 *     RESTART      the server is told to end (SIGTERM): it drains, ends, and is started again
 *     CALM         everything is well again; towards its end the stream finishes, and
 *     MARKED       from here on calls are marked idempotent
 *     BLACK_HOLE   one connection falls silent; nobody is told. Its calls are sent again elsewhere
 *     OVER         everybody stops, and the server's ledger is compared with what was called
 *
 * Every reply is compared with what it must be. Exit status 0: no call failed, and none was
 * executed twice but such as were marked.
 */
#include "examples/demo/relay.h"
#include "greeter.gmux.h"
#include <getopt.h>
#include <gmux/gmux.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: client [OPTION]... SERVER CERT KEY CA LEDGER\n"
    "Starts SERVER (demo/server) with these files and loads it while things go wrong.\n\n"
    "  --callers N    calls in flight at once (default 1000)\n"
    "  --calls N      calls in each quiet phase (default 40000)\n";

#define REDRAW_S 0.5
enum { LATENCY_SLOTS = 20000, SLOTS_PER_MS = 10 }; /* up to two seconds, a tenth of a ms each */

typedef enum phase { LOAD, RESTART, CALM, MARKED, BLACK_HOLE, OVER } phase;

typedef struct demo demo;

typedef struct caller {
  demo *demo;
  unsigned id;               /* of its call */
  bool is_marked, was_there; /* there when the connection fell silent */
  double started_at;
} caller;

struct demo {
  struct ev_loop *ev;
  ev_timer redraw;
  ev_child child;
  relay *relay;
  char **server_argv;
  char server_address[32]; /* that its second life listens on */
  phase phase;
  double began_at, phase_at; /* seconds */
  unsigned phase_calls, calls_a_phase;
  unsigned complaints; /* about calls that went wrong: the first few are shown */
  gmux_channel *channel;
  gmux_call_options options, marked_options;
  caller *callers;
  unsigned caller_count, callers_running;
  unsigned plain, marked; /* calls, which is also the next id */
  unsigned plain_running; /* of those, in flight */
  unsigned stuck;         /* calls that were in flight when the connection fell silent */
  unsigned failed;
  uint64_t made_before;                      /* connections, when the phase began */
  double restart_s, replacement_s, rescue_s; /* how long it took */
  /* Of the calls since the last line of figures; the last slot: longer than that. */
  unsigned latencies[LATENCY_SLOTS + 1], latency_count;
  struct {
    gmux_call *call;
    unsigned sent, received, moves;
    bool is_running, is_moving;
  } stream;
};

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "demo: %s\n", gmux_last_error());
  exit(1);
}

/* ---- what is shown ---- */

static void say(demo *d, const char *what) {
  printf("%8.3f s  %s\n", ev_time() - d->began_at, what);
  fflush(stdout);
}

/* What the library has to say: connections that come and go, and why. A program of one's own would
 * hand it to its own log, with the level. */
static void on_log(gmux_log_level level, const char *room, const char *message, void *user_data) {
  (void)level, (void)room;
  char text[512];
  snprintf(text, sizeof text, "gmux: %s", message);
  say(user_data, text);
}

static void latency_add(demo *d, double seconds) {
  double slot = seconds * 1000 * SLOTS_PER_MS;
  d->latencies[slot < LATENCY_SLOTS ? (size_t)slot : LATENCY_SLOTS]++;
  d->latency_count++;
}

static double latency_ms(const demo *d, double part) {
  size_t slot = 0;
  for (double seen = d->latencies[0]; seen < part * d->latency_count;)
    seen += d->latencies[++slot];
  return (double)slot / SLOTS_PER_MS;
}

static void latency_forget(demo *d) {
  memset(d->latencies, 0, sizeof d->latencies);
  d->latency_count = 0;
}

static gmux_channel_stats stats_of(const demo *d) {
  gmux_channel_stats s = {.size = sizeof s};
  must(gmux_channel_get_stats(d->channel, &s));
  return s;
}

static void on_redraw(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)ev, (void)events;
  demo *d = timer->data;
  gmux_channel_stats s = stats_of(d);
  char text[256], latencies[64] = "no reply since the last line";
  if (d->latency_count > 0)
    snprintf(latencies, sizeof latencies, "p50 %.1f ms, p99 %.1f ms", latency_ms(d, 0.50),
             latency_ms(d, 0.99));
  snprintf(text, sizeof text,
           "%8" PRIu64 " calls done, %u failed, %u running, %u waiting; %u connections; %s",
           s.calls_succeeded, d->failed, s.calls_running, s.calls_waiting, s.connections,
           latencies);
  say(d, text);
  latency_forget(d);
}

/* ---- the server ---- */

static pid_t server_pid; /* for an end that nobody planned */

static void server_spawn(demo *d, int out) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (out >= 0)
    posix_spawn_file_actions_adddup2(&actions, out, 1);
  else
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", 0, 0);
  pid_t pid;
  int error = posix_spawn(&pid, d->server_argv[0], &actions, NULL, d->server_argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error) {
    fprintf(stderr, "demo: %s: %s\n", d->server_argv[0], strerror(error));
    exit(1);
  }
  server_pid = pid;
  ev_child_set(&d->child, pid, 0);
  ev_child_start(d->ev, &d->child);
}

static void server_kill(void) {
  if (server_pid) kill(server_pid, SIGKILL);
}

static void on_interrupt(struct ev_loop *ev, ev_signal *w, int events) {
  (void)ev, (void)w, (void)events;
  exit(1);
}

/* The port that it says it listens on. */
static uint16_t server_start(demo *d) {
  int fds[2];
  char line[64] = "";
  if (pipe(fds)) exit(1);
  server_spawn(d, fds[1]);
  close(fds[1]);
  ssize_t n = read(fds[0], line, sizeof line - 1);
  close(fds[0]);
  unsigned port = 0;
  if (n <= 0 || sscanf(line, "port: %u", &port) != 1) exit(1); /* it has said why */
  snprintf(d->server_address, sizeof d->server_address, "ipv4:127.0.0.1:%u", port);
  d->server_argv[1] = d->server_address;
  return (uint16_t)port;
}

/* ---- phases ---- */

static void phase_set(demo *d, phase next) {
  d->phase = next;
  d->phase_at = ev_time();
  d->phase_calls = 0;
  d->made_before = stats_of(d).connections_made;
}

static void stream_finish(demo *d);
static void demo_end_if_over(demo *d);

static void on_server_exit(struct ev_loop *ev, ev_child *w, int events) {
  (void)events;
  demo *d = w->data;
  ev_child_stop(ev, w);
  server_pid = 0;
  if (d->phase == OVER) return;
  say(d, w->rstatus == 0 ? "the server has ended in good order; it is started again"
                         : "the server has FAILED; it is started again");
  server_spawn(d, -1);
  phase_set(d, CALM);
}

static void restart(demo *d) {
  phase_set(d, RESTART);
  say(d, "the server is told to end: SIGTERM");
  kill(d->child.pid, SIGTERM);
}

static void black_hole(demo *d) {
  phase_set(d, BLACK_HOLE);
  for (unsigned i = 0; i < d->caller_count; i++)
    d->callers[i].was_there = true;
  d->stuck = d->caller_count;
  say(d, relay_blackhole_oldest(d->relay) ? "one connection falls silent, and nobody is told"
                                          : "there is NO connection to fall silent");
}

static void check_replacement(demo *d) {
  if (d->replacement_s > 0 || stats_of(d).connections_made == d->made_before) return;
  d->replacement_s = ev_time() - d->phase_at;
  say(d, "another connection has taken its place");
}

/* Where the last replies were on their way when the connection fell silent, only calls that come
 * later are stuck on it, and it is replaced later. */
static void check_rescue(demo *d) {
  if (d->rescue_s > 0 || d->stuck > 0) return;
  d->rescue_s = ev_time() - d->phase_at;
  say(d, "every call that was in flight then has its reply");
}

/* After each call: is it time for the next thing? */
static void phase_step(demo *d) {
  d->phase_calls++;
  if (d->phase == LOAD && d->phase_calls == d->calls_a_phase) restart(d);
  if (d->phase == CALM && d->phase_calls == 1) {
    d->restart_s = ev_time() - d->phase_at;
    say(d, "calls are answered again");
  }
  if (d->phase == CALM && d->phase_calls == d->calls_a_phase) {
    phase_set(d, MARKED);
    say(d, "from here on calls are marked idempotent: they may be executed twice");
    stream_finish(d);
  }
  if (d->phase == MARKED && d->phase_calls >= d->calls_a_phase && d->plain_running == 0 &&
      !d->stream.is_running)
    black_hole(d);
  if (d->phase != BLACK_HOLE) return;
  check_replacement(d);
  check_rescue(d);
  if (d->replacement_s > 0 && d->rescue_s > 0) phase_set(d, OVER);
}

/* ---- the callers ---- */

static void caller_call(caller *c);

static void caller_check(demo *d, const caller *c, const gmux_status *status, const char *got) {
  char expected[64];
  snprintf(expected, sizeof expected, "Hello, %s %u!", c->is_marked ? "marked" : "plain", c->id);
  if (status->code == GMUX_OK && strcmp(got, expected) == 0) return;
  d->failed++;
  if (d->complaints++ < 5)
    fprintf(stderr, "demo: call %u: %s: %s\n", c->id, gmux_code_str(status->code), got);
}

static void on_reply(gmux_call *call, const gmux_status *status, const Hello__HelloReply *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers;
  caller *c = user_data;
  demo *d = c->demo;
  latency_add(d, ev_time() - c->started_at);
  caller_check(d, c, status, reply ? reply->message : status->message);
  if (!c->is_marked) d->plain_running--;
  if (c->was_there) d->stuck--;
  c->was_there = false;
  phase_step(d);
  if (d->phase != OVER) {
    caller_call(c);
    return;
  }
  d->callers_running--;
  demo_end_if_over(d);
}

static void caller_call(caller *c) {
  demo *d = c->demo;
  c->is_marked = d->phase >= MARKED;
  c->id = c->is_marked ? d->marked++ : d->plain++;
  if (!c->is_marked) d->plain_running++;
  char name[32];
  snprintf(name, sizeof name, "%s %u", c->is_marked ? "marked" : "plain", c->id);
  Hello__HelloRequest request = HELLO__HELLO_REQUEST__INIT;
  request.name = name;
  c->started_at = ev_time();
  must(hello__greeter__say_hello__start(
      NULL, d->channel, c->is_marked ? &d->marked_options : &d->options, &request, on_reply, c));
}

/* ---- the stream: the next message goes out when the last one is back. When its connection drains
 * it is moved: the old call ends in good order and a new one goes on. ---- */

static void stream_start(demo *d);

static void stream_write(demo *d) {
  if (d->phase >= MARKED || d->stream.is_moving) {
    must(gmux_call_half_close(d->stream.call));
    return;
  }
  char name[16];
  snprintf(name, sizeof name, "%u", d->stream.sent);
  Hello__HelloRequest request = HELLO__HELLO_REQUEST__INIT;
  request.name = name;
  must(hello__greeter__bidi_hello__write(d->stream.call, &request) < 0 ? -1 : 0);
  d->stream.sent++;
}

static void on_stream_message(gmux_call *call, const Hello__HelloReply *reply, void *user_data) {
  (void)call;
  demo *d = user_data;
  char expected[16];
  snprintf(expected, sizeof expected, "%u", d->stream.received++);
  if (strcmp(reply->message, expected) != 0) d->failed++;
  stream_write(d);
}

static void on_stream_draining(gmux_call *call, void *user_data) {
  (void)call;
  demo *d = user_data;
  d->stream.is_moving = true;
  say(d, "the stream hears that its connection drains; it is moved to a new call");
}

static void on_stream_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                          void *user_data) {
  (void)trailers;
  demo *d = user_data;
  if (status->code != GMUX_OK || d->stream.received != d->stream.sent) {
    d->failed++;
    fprintf(stderr, "demo: stream: %s: %s\n", gmux_code_str(status->code), status->message);
  }
  gmux_call_free(call);
  d->stream.is_running = false;
  d->stream.moves++;
  if (d->phase < MARKED) stream_start(d);
}

static void stream_start(demo *d) {
  static const Hello__Greeter__BidiHello_Handlers handlers = {
      .on_message = on_stream_message, .on_draining = on_stream_draining, .on_end = on_stream_end};
  d->stream.is_moving = false;
  must(hello__greeter__bidi_hello__start(&d->stream.call, d->channel, &d->options, &handlers, d));
  d->stream.is_running = true;
  stream_write(d);
}

/* It goes on until the message under way is back: on_stream_message sees the phase. */
static void stream_finish(demo *d) {
  char text[96];
  snprintf(text, sizeof text, "the stream ends after %u messages", d->stream.sent);
  say(d, text);
}

/* ---- beginning and end ---- */

static void on_closed(void *user_data) {
  demo *d = user_data;
  ev_timer_stop(d->ev, &d->redraw);
  kill(d->child.pid, SIGTERM); /* on_server_exit ends the loop's last watcher */
  relay_free(d->relay);
}

static void demo_end_if_over(demo *d) {
  if (d->callers_running == 0) gmux_channel_close(d->channel, on_closed, d);
}

static void demo_start(demo *d, gmux_loop *loop, const char *ca) {
  uint16_t port;
  d->relay = relay_new(d->ev, &port, server_start(d));
  if (!d->relay) exit(1);

  gmux_tls_options tls;
  gmux_tls_options_init(&tls, sizeof tls);
  tls.ca_file = ca;
  gmux_channel_options how;
  gmux_channel_options_init(&how, sizeof how);
  how.initial_backoff_ms = 100;    /* the server is back sooner than in the default of a second */
  how.keepalive_timeout_ms = 2000; /* nobody wants to watch a black hole for 20 s */
  must(gmux_tls_client_new(&how.tls, &tls));
  char target[64];
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", port);
  must(gmux_channel_new(&d->channel, loop, target, &how));
  gmux_tls_free(how.tls);

  gmux_call_options_init(&d->options, sizeof d->options);
  d->options.timeout_ms = 30000; /* a demo that hangs shows nothing */
  d->options.wait_for_ready = true;
  d->marked_options = d->options;
  d->marked_options.idempotent = true;
  stream_start(d);

  d->callers = calloc(d->caller_count, sizeof *d->callers);
  if (!d->callers) exit(1);
  d->callers_running = d->caller_count;
  for (unsigned i = 0; i < d->caller_count; i++) {
    d->callers[i].demo = d;
    caller_call(&d->callers[i]);
  }
}

/* ---- the proof ---- */

/* What the server wrote down: how often each id was executed, by kind. */
typedef struct ledger {
  uint8_t *plain, *marked;
  unsigned missing, twice, marked_missing, marked_again;
} ledger;

static void ledger_read(ledger *l, const demo *d, const char *path) {
  FILE *file = fopen(path, "r");
  l->plain = calloc(d->plain + 1, 1), l->marked = calloc(d->marked + 1, 1);
  if (!file || !l->plain || !l->marked) exit(1);
  char kind[16];
  for (unsigned id; fscanf(file, "%15s %u", kind, &id) == 2;) {
    bool is_marked = strcmp(kind, "marked") == 0;
    uint8_t *count = is_marked ? l->marked : l->plain;
    if (id < (is_marked ? d->marked : d->plain) && count[id] < UINT8_MAX) count[id]++;
  }
  fclose(file);
  for (unsigned i = 0; i < d->plain; i++)
    l->missing += l->plain[i] == 0, l->twice += l->plain[i] > 1;
  for (unsigned i = 0; i < d->marked; i++)
    l->marked_missing += l->marked[i] == 0, l->marked_again += l->marked[i] > 1;
  free(l->plain);
  free(l->marked);
}

static bool proof(bool is_good, const char *format, ...) GMUX_PRINTF(2, 3);
static bool proof(bool is_good, const char *format, ...) {
  va_list args;
  va_start(args, format);
  printf("%s: ", is_good ? "ok" : "FAILED");
  vprintf(format, args);
  putchar('\n');
  va_end(args);
  return is_good;
}

/* What it was all for; the exit status. */
static int verdict(const demo *d, const char *path) {
  ledger l = {0};
  ledger_read(&l, d, path);
  gmux_channel_stats s = stats_of(d);
  bool ok = proof(d->failed == 0 && s.calls_failed == 0 &&
                      s.calls_succeeded == d->plain + d->marked + d->stream.moves,
                  "%u calls and a stream of %u messages, none failed; up to %u in flight at once",
                  d->plain + d->marked, d->stream.sent, s.streams_peak);
  ok &= proof(l.twice == 0 && l.missing == 0,
              "the server's ledger: %u calls without a mark, %u missing, %u executed twice",
              d->plain, l.missing, l.twice);
  ok &= proof(l.marked_missing == 0,
              "the server's ledger: %u calls marked idempotent, %u missing, %u executed twice",
              d->marked, l.marked_missing, l.marked_again);
  ok &= proof(d->restart_s > 0,
              "restart: calls were answered again %.0f ms after the server had ended",
              d->restart_s * 1e3);
  ok &= proof(d->replacement_s > 0,
              "black hole: another connection had taken its place after %.0f ms",
              d->replacement_s * 1e3);
  ok &= proof(d->rescue_s > 0, "black hole: its calls had their replies after %.0f ms",
              d->rescue_s * 1e3);
  printf("connections made: %" PRIu64 "; calls sent again: %" PRIu64 " that had not left, %" PRIu64
         " refused by the server, %" PRIu64 " passed over by a GOAWAY, %" PRIu64
         " lost with their connection and marked idempotent\n",
         s.connections_made, s.retries[GMUX_EVIDENCE_NEVER_LEFT], s.retries[GMUX_EVIDENCE_REFUSED],
         s.retries[GMUX_EVIDENCE_ABOVE_LAST], s.retries[GMUX_EVIDENCE_POSSIBLE]);
  return ok ? 0 : 1;
}

int main(int argc, char **argv) {
  static const struct option longs[] = {{"callers", 1, NULL, 'c'},
                                        {"calls", 1, NULL, 'n'},
                                        {"help", 0, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  static demo d = {.caller_count = 1000, .calls_a_phase = 40000};
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == 'h' || o == '?') return fputs(usage, o == 'h' ? stdout : stderr), o == 'h' ? 0 : 2;
    *(o == 'c' ? &d.caller_count : &d.calls_a_phase) = (unsigned)strtoul(optarg, NULL, 10);
  }
  if (argc - optind != 5 || d.caller_count == 0 || d.calls_a_phase == 0)
    return fputs(usage, stderr), 2;
  char **files = argv + optind;
  char anywhere[] = "ipv4:127.0.0.1:0";
  char *server_argv[] = {files[0], anywhere, files[1], files[2], files[4], NULL};
  d.server_argv = server_argv;
  d.ev = ev_default_loop(0);
  d.began_at = ev_time();
  atexit(server_kill);
  ev_signal interrupt;
  ev_signal_init(&interrupt, on_interrupt, SIGINT);
  ev_signal_start(d.ev, &interrupt);
  ev_unref(d.ev);
  ev_init(&d.child, on_server_exit);
  d.child.data = &d;

  gmux_loop *loop;
  gmux_loop_options how;
  gmux_loop_options_init(&how, sizeof how);
  how.log = on_log, how.log_user_data = &d, how.log_level = GMUX_LOG_INFO;
  must(gmux_loop_attach(&loop, d.ev, &how));
  demo_start(&d, loop, files[3]);
  ev_timer_init(&d.redraw, on_redraw, REDRAW_S, REDRAW_S);
  d.redraw.data = &d;
  ev_timer_start(d.ev, &d.redraw);
  ev_run(d.ev, 0);

  int status = verdict(&d, files[4]);
  gmux_channel_free(d.channel);
  must(gmux_loop_stop(loop));
  ev_loop_destroy(d.ev);
  free(d.callers);
  return status;
}
