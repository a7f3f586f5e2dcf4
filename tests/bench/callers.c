/*
 * callers.c: what it costs that many callers share a few connections.
 *
 * First one caller, alone on the channel; its latency is what the link and the server take. Then so
 * many callers, each of which makes a call every now and then, not all at the same time; the
 * difference of the medians is what sharing costs. Last all callers at once: how much memory that
 * takes above what the process had when it was idle.
 *
 * A caller here is what a client of a connection pooler is: somebody with a call of his own now and
 * then, and no connection.
 */
#include "tests/bench/kit.h"
#include <ev.h>
#include <stdlib.h>

typedef struct program program;

typedef struct caller {
  program *program;
  ev_timer timer; /* until the next call */
  uint64_t started_ns;
} caller;

struct program {
  kit_server server;
  uint64_t count, connections;
  double rate; /* calls a second, of all callers together */
  window window;
  struct ev_loop *ev;
  gmux_channel *channel;
  gmux_method *method;
  caller *callers;
  uint64_t running;
  double think_seconds; /* between two calls of one caller; 0: none */
  bool is_once;         /* a call of each, and no more */
};

/* ---- calls ---- */

static void caller_start(caller *c);

static void caller_rest(caller *c) {
  ev_timer_set(&c->timer, c->program->think_seconds, 0.);
  ev_timer_start(c->program->ev, &c->timer);
}

static void caller_go_on(caller *c) {
  if (c->program->is_once || c->program->window.phase == WINDOW_ENDING) return;
  if (c->program->think_seconds > 0)
    caller_rest(c);
  else
    caller_start(c);
}

static void on_reply(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers;
  caller *c = user_data;
  if (status->code != GMUX_OK)
    kit_die("a call: %s: %s", gmux_code_str(status->code), status->message);
  window_note(&c->program->window, c->started_ns, meter_clock_ns());
  c->program->running--;
  caller_go_on(c);
  bool is_over = c->program->window.phase == WINDOW_ENDING && c->program->running == 0;
  if (is_over) ev_break(c->program->ev, EVBREAK_ALL);
}

static void caller_start(caller *c) {
  program *p = c->program;
  gmux_bytes request = gmux_bytes_borrow(NULL, 0);
  c->started_ns = meter_clock_ns();
  kit_must(gmux_call_unary_start(NULL, p->channel, p->method, NULL, &request, on_reply, c));
  p->running++;
}

static void on_rested(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)ev, (void)events;
  caller *c = timer->data;
  if (c->program->window.phase != WINDOW_ENDING) caller_start(c);
}

/* ---- the three parts ---- */

static void run(program *p) {
  while (p->window.phase != WINDOW_ENDING || p->running)
    ev_run(p->ev, 0);
}

static void begin(program *p, double think_seconds, uint64_t count) {
  window *w = &p->window;
  *w = (window){.seconds = w->seconds, .warm_up = w->warm_up, .count = count};
  p->think_seconds = think_seconds;
  kit_window_begin(w);
}

static double median_us(const program *p) {
  return 1e-3 * histogram_percentile(&p->window.latencies_ns, 0.5);
}

/* It rests between its calls, too: whoever waits for a core that sleeps waits for it either way. */
static double run_alone(program *p) {
  begin(p, 1e-3, 0);
  caller_start(&p->callers[0]);
  run(p);
  return median_us(p);
}

/* Each begins at a moment of its own within the time between two calls. */
static void run_shared(program *p) {
  double think = (double)p->count / p->rate;
  begin(p, think, 0);
  ev_now_update(p->ev);
  for (uint64_t i = 0; i < p->count; i++) {
    caller *c = &p->callers[i];
    ev_timer_set(&c->timer, think * (double)i / (double)p->count, 0.);
    ev_timer_start(p->ev, &c->timer);
  }
  run(p);
  for (uint64_t i = 0; i < p->count; i++)
    ev_timer_stop(p->ev, &p->callers[i].timer);
}

static double run_at_once(program *p, double idle_bytes) {
  begin(p, 0, p->count);
  p->is_once = true;
  for (uint64_t i = 0; i < p->count; i++)
    caller_start(&p->callers[i]);
  run(p);
  return (double)meter_peak_bytes() - idle_bytes;
}

/* ---- all of it ---- */

static void program_init(program *p, gmux_loop **loop) {
  kit_must(gmux_method_new(&p->method, "/bench.v1.Bench/Echo", GMUX_UNARY, 0));
  *loop = kit_loop_new(&p->ev);
  p->callers = calloc(p->count, sizeof *p->callers);
  if (!p->callers) kit_die("out of memory");
  for (uint64_t i = 0; i < p->count; i++) {
    caller *c = &p->callers[i];
    c->program = p;
    ev_timer_init(&c->timer, on_rested, 0., 0.);
    c->timer.data = c;
  }
  gmux_channel_options how;
  kit_channel_options(&how, &p->server);
  how.max_connections = how.min_connections = (uint32_t)p->connections;
  how.pick_order = GMUX_PICK_SPREAD;
  how.idle_timeout_ms = 0;
  p->channel = kit_channel_new(*loop, &p->server, &how);
  kit_channel_warm(p->channel, p->ev);
}

int main(int argc, char **argv) {
  program p = {
      .count = 10000, .connections = 4, .rate = 10000, .window = {.seconds = 2, .warm_up = 0.3}};
  const kit_option options[] = {
      {"callers", "N", "how many", KIT_COUNT, &p.count, 1, 100000},
      {"connections", "N", "that they share", KIT_COUNT, &p.connections, 1, 1000},
      {"rate", "N", "calls a second, of all of them together", KIT_NUMBER, &p.rate, 1, 1e6},
      {"seconds", "T", "of each measured window", KIT_NUMBER, &p.window.seconds, 0.01, 3600},
      {"warm-up", "T", "seconds before each", KIT_NUMBER, &p.window.warm_up, 0, 3600},
      {0}};
  kit_parse("callers", "Measures what it costs to share connections.", options, &p.server, argc,
            argv);
  gmux_loop *loop;
  program_init(&p, &loop);
  double alone_us = run_alone(&p);
  double idle_bytes = (double)meter_resident_bytes();
  run_shared(&p);
  window shared = p.window;
  double above_idle = run_at_once(&p, idle_bytes);
  gmux_channel_free(p.channel);
  kit_loop_free(loop, p.ev);
  gmux_method_free(p.method);

  kit_print_begin("callers", &p.server);
  figures_number("callers", (double)p.count);
  figures_number("connections", (double)p.connections);
  window_print(&shared);
  figures_number("alone_p50_us", alone_us);
  figures_number("overhead_us", 1e-3 * histogram_percentile(&shared.latencies_ns, 0.5) - alone_us);
  figures_number("mib_above_idle", above_idle / 1048576);
  figures_end();
  free(p.callers);
  return 0;
}
