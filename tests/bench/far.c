/*
 * far.c: how long many calls take that are all started at once on a channel that is connected, over
 * a link with a long round trip (tests/bench/delay_proxy makes one).
 *
 * With --streams, the server's limit, the least that it can take is known: as many round trips as
 * there are rounds of so many calls on all connections. The figure is how many times that it took.
 */
#include "tests/bench/kit.h"
#include <ev.h>
#include <math.h>
#include <stdlib.h>

typedef struct program {
  kit_server server;
  uint64_t calls, connections, streams;
  double round_trip_ms;
  struct ev_loop *ev;
  gmux_method *method;
  window window;
} program;

typedef struct caller {
  program *program;
  uint64_t started_ns;
} caller;

static void on_reply(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers;
  caller *c = user_data;
  if (status->code != GMUX_OK)
    kit_die("a call: %s: %s", gmux_code_str(status->code), status->message);
  window_note(&c->program->window, c->started_ns, meter_clock_ns());
  if (c->program->window.phase == WINDOW_ENDING) ev_break(c->program->ev, EVBREAK_ALL);
}

static void call_all(program *p, gmux_channel *channel) {
  caller *callers = calloc(p->calls, sizeof *callers);
  if (!callers) kit_die("out of memory");
  kit_window_begin(&p->window);
  for (uint64_t i = 0; i < p->calls; i++) {
    callers[i] = (caller){p, meter_clock_ns()};
    gmux_bytes request = gmux_bytes_borrow(NULL, 0);
    kit_must(
        gmux_call_unary_start(NULL, channel, p->method, NULL, &request, on_reply, &callers[i]));
  }
  while (p->window.phase != WINDOW_ENDING)
    ev_run(p->ev, 0);
  free(callers);
}

/* A channel with all its connections. Spread: with several of them each takes its part. */
static gmux_channel *channel_make(program *p, gmux_loop *loop) {
  gmux_channel_options how;
  kit_channel_options(&how, &p->server);
  how.max_connections = how.min_connections = (uint32_t)p->connections;
  how.max_concurrent_streams = (uint32_t)p->calls;
  how.ideal_streams = (uint32_t)p->calls;
  how.idle_timeout_ms = 0;
  how.pick_order = GMUX_PICK_SPREAD;
  gmux_channel *channel = kit_channel_new(loop, &p->server, &how);
  kit_channel_warm(channel, p->ev);
  return channel;
}

static void print_figures(const program *p) {
  kit_print_begin(p->streams ? "limited" : "far", &p->server);
  figures_number("connections", (double)p->connections);
  window_print(&p->window);
  if (p->streams) {
    double seconds = 1e-9 * (double)(p->window.last.now_ns - p->window.first.now_ns);
    double rounds = ceil((double)p->calls / (double)(p->streams * p->connections));
    figures_number("streams", (double)p->streams);
    figures_number("round_trips", seconds / (1e-3 * p->round_trip_ms));
    figures_number("of_theoretical", seconds / (rounds * 1e-3 * p->round_trip_ms));
  }
  figures_end();
}

int main(int argc, char **argv) {
  program p = {.calls = 1000, .connections = 1, .round_trip_ms = 10};
  const kit_option options[] = {{"calls", "N", "started at once", KIT_COUNT, &p.calls, 1, 100000},
                                {"connections", "N", "of the channel, all of them open beforehand",
                                 KIT_COUNT, &p.connections, 1, 1000},
                                {"streams", "N",
                                 "what the server allows on each; 0: more than enough", KIT_COUNT,
                                 &p.streams, 0, 1000000},
                                {"round-trip-ms", "T", "--streams: how far the server is",
                                 KIT_NUMBER, &p.round_trip_ms, 0.01, 10000},
                                {0}};
  kit_parse("far", "Measures the time for many calls at once.", options, &p.server, argc, argv);
  p.window.count = p.calls;
  kit_must(gmux_method_new(&p.method, "/bench.v1.Bench/Echo", GMUX_UNARY, 0));
  gmux_loop *loop = kit_loop_new(&p.ev);
  gmux_channel *channel = channel_make(&p, loop);
  call_all(&p, channel);
  gmux_channel_free(channel);
  kit_loop_free(loop, p.ev);
  gmux_method_free(p.method);
  print_figures(&p);
  return 0;
}
