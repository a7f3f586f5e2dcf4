/* kit.c: clocks, memory, the loop and the line of figures; kit_options.c has the options. */
#include "tests/bench/kit.h"
#include <ev.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* ---- the end without figures ---- */

void kit_die(const char *format, ...) {
  fprintf(stderr, "%s: no figures: ", kit_program);
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  exit(1);
}

void kit_must(int error) {
  if (error) kit_die("%s", gmux_last_error());
}

static void on_alarm(int number) {
  (void)number;
  static const char text[] = "bench: no figures: the calls do not end\n";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(1);
  _exit(1);
}

void kit_set_watchdog(double seconds) {
  signal(SIGALRM, on_alarm);
  alarm((unsigned)ceil(seconds));
}

/* ---- clocks and memory ---- */

static uint64_t clock_ns(clockid_t clock) {
  struct timespec t;
  if (clock_gettime(clock, &t)) kit_die("a clock stands still: the server has gone");
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t kit_now_ns(void) {
  return clock_ns(CLOCK_MONOTONIC);
}

/* The clock of another process counts nanoseconds, as its /proc/PID/stat does not. */
static double cpu_us_of(uint64_t pid) {
  clockid_t clock;
  if (clock_getcpuclockid((pid_t)pid, &clock))
    kit_die("there is no process %" PRIu64 ": the server has gone", pid);
  return 1e-3 * (double)clock_ns(clock);
}

kit_spent kit_spent_now(const kit_server *server) {
  return (kit_spent){.now_ns = kit_now_ns(),
                     .cpu_us = cpu_us_of(0),
                     .server_cpu_us = server->pid ? cpu_us_of(server->pid) : 0};
}

uint64_t kit_resident_bytes(uint64_t pid) {
  char path[64] = "/proc/self/statm";
  if (pid) snprintf(path, sizeof path, "/proc/%" PRIu64 "/statm", pid);
  unsigned long long size, resident;
  FILE *file = fopen(path, "r");
  int found = file ? fscanf(file, "%llu %llu", &size, &resident) : 0;
  if (file) fclose(file);
  if (found != 2) kit_die("%s cannot be read: resident memory is not known here", path);
  return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

void kit_raise_descriptors(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- gmux ---- */

gmux_loop *kit_loop_new(struct ev_loop **ev) {
  gmux_loop_options options;
  gmux_loop_options_init(&options, sizeof options);
  options.max_dialing = 100000;
  options.dial_rate_per_s = 100000;
  *ev = ev_loop_new(0);
  if (!*ev) kit_die("libev has no loop");
  gmux_loop *loop;
  kit_must(gmux_loop_attach(&loop, *ev, &options));
  return loop;
}

void kit_loop_free(gmux_loop *loop, struct ev_loop *ev) {
  kit_must(gmux_loop_stop(loop));
  ev_loop_destroy(ev);
}

void kit_channel_options(gmux_channel_options *options, const kit_server *server) {
  gmux_channel_options_init(options, sizeof *options);
  options->cleartext = !server->ca;
  if (!server->ca) return;
  gmux_tls_options tls;
  gmux_tls_options_init(&tls, sizeof tls);
  tls.ca_file = server->ca;
  kit_must(gmux_tls_client_new(&options->tls, &tls));
}

gmux_channel *kit_channel_new(gmux_loop *loop, const kit_server *server,
                              gmux_channel_options *options) {
  gmux_channel *channel;
  kit_must(gmux_channel_new(&channel, loop, server->target, options));
  gmux_tls_free(options->tls);
  options->tls = NULL;
  return channel;
}

/* The program's loop, and what ends a run of it. */
typedef struct warming {
  struct ev_loop *ev;
  bool is_over;
} warming;

static void on_warm(int error, void *user_data) {
  warming *p = user_data;
  if (error) kit_die("the channel closed before it was connected");
  p->is_over = true;
  ev_break(p->ev, EVBREAK_ALL);
}

void kit_channel_warm(gmux_channel *channel, struct ev_loop *ev) {
  warming p = {.ev = ev};
  kit_must(gmux_channel_warm(channel, on_warm, &p));
  while (!p.is_over)
    ev_run(ev, 0);
}

static void on_time(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)events;
  *(bool *)timer->data = true;
  ev_break(ev, EVBREAK_ALL);
}

void kit_run_for(struct ev_loop *ev, double seconds) {
  bool is_over = false;
  ev_timer timer;
  ev_now_update(ev);
  ev_timer_init(&timer, on_time, seconds, 0.);
  timer.data = &is_over;
  ev_timer_start(ev, &timer);
  while (!is_over)
    ev_run(ev, 0);
}

/* ---- figures ---- */

/* Names and file names of ours: the two signs that JSON gives a meaning are all that may occur. */
static void print_quoted(const char *text) {
  putchar('"');
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') putchar('\\');
    putchar(*text);
  }
  putchar('"');
}

void kit_print_text(const char *key, const char *value) {
  printf(", \"%s\": ", key);
  print_quoted(value);
}

static const char *transport_of(const kit_server *server) {
  if (server->ca) return "tls";
  return strncmp(server->target, "unix", 4) ? "tcp" : "unix";
}

void kit_print_begin(const char *bench, const kit_server *server) {
  printf("{\"bench\": ");
  print_quoted(bench);
  kit_print_text("peer", "gmux");
  if (server->name) kit_print_text("server", server->name);
  kit_print_text("transport", transport_of(server));
}

void kit_print_count(const char *key, uint64_t value) {
  printf(", \"%s\": %" PRIu64, key, value);
}

/* Four digits and more: figures go from nanoseconds to millions of calls. */
void kit_print_number(const char *key, double value) {
  printf(", \"%s\": %.*f", key, fabs(value) < 1000 ? 4 : 1, value);
}

void kit_print_spent(const kit_spent *first, const kit_spent *last, uint64_t calls) {
  double seconds = 1e-9 * (double)(last->now_ns - first->now_ns);
  double each = 1 / (double)(calls ? calls : 1);
  kit_print_count("calls", calls);
  kit_print_number("seconds", seconds);
  kit_print_number("calls_per_second", (double)calls / seconds);
  kit_print_number("cpu_us_per_call", each * (last->cpu_us - first->cpu_us));
  if (last->server_cpu_us > 0)
    kit_print_number("server_cpu_us_per_call", each * (last->server_cpu_us - first->server_cpu_us));
}

void kit_print_latencies(const histogram *latencies) {
  kit_print_number("p50_us", 1e-3 * histogram_percentile(latencies, 0.5));
  kit_print_number("p99_us", 1e-3 * histogram_percentile(latencies, 0.99));
  kit_print_number("p999_us", 1e-3 * histogram_percentile(latencies, 0.999));
}

void kit_print_end(void) {
  puts("}");
  if (fflush(stdout)) kit_die("standard output cannot be written");
}
