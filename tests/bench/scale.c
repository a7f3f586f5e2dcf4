/*
 * scale.c: how the price of a call grows with what there is beside it: calls under way, connections
 * of a channel, channels of a loop. And what they cost while nothing happens.
 *
 * So many calls are kept under way in all; the first goes to the first channel, the second to the
 * second, and so on, and each channel gives its own to the connection that has the fewest.
 */
#include "tests/bench/kit.h"
#include <ev.h>
#include <stdlib.h>

typedef struct program program;

typedef struct caller {
  program *program;
  gmux_channel *channel;
  uint64_t started_ns;
} caller;

struct program {
  kit_server server;
  uint64_t outstanding, connections, channels;
  double idle_seconds;
  window window;
  gmux_loop *loop;
  struct ev_loop *ev;
  gmux_channel **channel;
  gmux_method *method;
  caller *callers;
  uint64_t running;
};

/* ---- calls ---- */

static void caller_start(caller *c);

static void on_reply(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers;
  caller *c = user_data;
  program *p = c->program;
  if (status->code != GMUX_OK)
    kit_die("a call: %s: %s", gmux_code_str(status->code), status->message);
  window_note(&p->window, c->started_ns, meter_clock_ns());
  p->running--;
  caller_start(c);
  if (p->running == 0) ev_break(p->ev, EVBREAK_ALL);
}

static void caller_start(caller *c) {
  program *p = c->program;
  if (!window_may_start(&p->window)) return;
  gmux_bytes request = gmux_bytes_borrow(NULL, 0);
  c->started_ns = meter_clock_ns();
  kit_must(gmux_call_unary_start(NULL, c->channel, p->method, NULL, &request, on_reply, c));
  p->running++;
}

static void run_calls(program *p) {
  kit_window_begin(&p->window);
  for (uint64_t i = 0; i < p->outstanding; i++) {
    caller *c = &p->callers[i];
    *c = (caller){.program = p, .channel = p->channel[i % p->channels]};
    caller_start(c);
  }
  while (p->running)
    ev_run(p->ev, 0);
}

/* CPU time a second while all connections are open and no call is made. */
static double run_idle(program *p) {
  kit_run_for(p->ev, 0.3); /* what the calls left behind */
  meter before = meter_read();
  kit_run_for(p->ev, p->idle_seconds);
  return (meter_read().cpu_us - before.cpu_us) / p->idle_seconds;
}

/* ---- channels ---- */

static void channels_open(program *p) {
  uint32_t streams = (uint32_t)p->outstanding;
  gmux_channel_options how;
  kit_channel_options(&how, &p->server);
  how.max_connections = how.min_connections = (uint32_t)p->connections;
  if (how.max_concurrent_streams < streams) how.max_concurrent_streams = streams;
  how.ideal_streams = how.max_concurrent_streams;
  how.pick_order = GMUX_PICK_SPREAD;
  how.idle_timeout_ms = 0;
  for (uint64_t i = 0; i < p->channels; i++) {
    kit_must(gmux_channel_new(&p->channel[i], p->loop, p->server.target, &how));
    kit_channel_warm(p->channel[i], p->ev);
  }
  gmux_tls_free(how.tls);
}

static void program_init(program *p) {
  kit_raise_descriptors();
  kit_must(gmux_method_new(&p->method, "/bench.v1.Bench/Echo", GMUX_UNARY, 0));
  p->loop = kit_loop_new(&p->ev);
  p->channel = calloc(p->channels, sizeof(gmux_channel *));
  p->callers = calloc(p->outstanding, sizeof *p->callers);
  if (!p->channel || !p->callers) kit_die("out of memory");
  channels_open(p);
}

static void program_deinit(program *p) {
  for (uint64_t i = 0; i < p->channels; i++)
    gmux_channel_free(p->channel[i]);
  kit_loop_free(p->loop, p->ev);
  gmux_method_free(p->method);
  free(p->channel);
  free(p->callers);
}

int main(int argc, char **argv) {
  program p = {.outstanding = 1000,
               .connections = 1,
               .channels = 1,
               .idle_seconds = 1,
               .window = {.seconds = 2, .warm_up = 0.3}};
  const kit_option options[] = {
      {"outstanding", "N", "calls under way all the time, in all", KIT_COUNT, &p.outstanding, 1,
       100000},
      {"connections", "N", "of each channel", KIT_COUNT, &p.connections, 1, 1000},
      {"channels", "N", "each with an endpoint of its own", KIT_COUNT, &p.channels, 1, 10000},
      {"idle", "T", "seconds without a call afterwards", KIT_NUMBER, &p.idle_seconds, 0.1, 60},
      KIT_WINDOW_OPTIONS(p.window),
      {0}};
  kit_parse("scale", "Measures calls beside many others, connections and channels.", options,
            &p.server, argc, argv);
  program_init(&p);
  run_calls(&p);
  double idle_us = run_idle(&p);
  program_deinit(&p);

  kit_print_begin("scale", &p.server);
  figures_number("outstanding", (double)p.outstanding);
  figures_number("connections", (double)p.connections);
  figures_number("channels", (double)p.channels);
  window_print(&p.window);
  figures_number("idle_cpu_us_per_second", idle_us);
  figures_end();
  return 0;
}
