/* kit.c: ends without figures, the loop and channels; kit_options.c has the options. */
#include "tests/bench/kit.h"
#include <ev.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
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

void kit_window_begin(window *w) {
  kit_set_watchdog(30 + w->warm_up + w->seconds);
  window_begin(w, meter_clock_ns());
}

/* ---- the machine ---- */

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

static const char *transport_of(const kit_server *server) {
  if (server->ca) return "tls";
  return strncmp(server->target, "unix", 4) ? "tcp" : "unix";
}

void kit_print_begin(const char *bench, const kit_server *server) {
  figures_begin(bench, "gmux");
  figures_text("transport", transport_of(server));
}
