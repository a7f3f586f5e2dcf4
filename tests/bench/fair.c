/*
 * fair.c: what a small call waits for when large ones share its connection.
 *
 * Large messages are echoed all the time, and one small call after another is made beside them. The
 * figure that says most is the wait in frames: latency over the time that the connection takes for
 * a frame of DATA (16 KiB) each way, as measured in the same window.
 */
#include "tests/bench/kit.h"
#include <ev.h>
#include <stdlib.h>

enum { FRAME_BYTES = 16384 };

typedef struct program {
  kit_server server;
  uint64_t bulk, bytes;
  struct ev_loop *ev;
  gmux_loop *loop;
  gmux_channel *channel;
  gmux_method *method;
  uint8_t *message;
  uint64_t running, bulk_measured;
  window window;
} program;

typedef struct caller {
  program *program;
  bool is_small;
  uint64_t started_ns;
} caller;

static void call_start(caller *c);

static void call_check(const caller *c, const gmux_status *status, const gmux_bytes *reply) {
  if (status->code != GMUX_OK)
    kit_die("a call: %s: %s", gmux_code_str(status->code), status->message);
  if (reply->len != (c->is_small ? 0 : c->program->bytes)) kit_die("a reply is not the request");
}

static void on_reply(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers;
  caller *c = user_data;
  program *p = c->program;
  call_check(c, status, reply);
  p->running--;
  if (c->is_small)
    window_note(&p->window, c->started_ns, meter_clock_ns());
  else if (p->window.phase == WINDOW_MEASURED)
    p->bulk_measured++;
  if (p->window.phase != WINDOW_ENDING)
    call_start(c);
  else if (p->running == 0)
    ev_break(p->ev, EVBREAK_ALL);
}

static void call_start(caller *c) {
  program *p = c->program;
  gmux_bytes request = gmux_bytes_borrow(p->message, c->is_small ? 0 : p->bytes);
  c->started_ns = meter_clock_ns();
  kit_must(gmux_call_unary_start(NULL, p->channel, p->method, NULL, &request, on_reply, c));
  p->running++;
}

static void print(const program *p) {
  const window *w = &p->window;
  double seconds = (double)(w->last.now_ns - w->first.now_ns) / 1e9;
  if (p->bulk_measured == 0) kit_die("no large call ended within the window");
  double frame_us = 1e6 * seconds * FRAME_BYTES / ((double)p->bulk_measured * (double)p->bytes);
  kit_print_begin("fair", &p->server);
  figures_number("bulk", (double)p->bulk);
  figures_number("bytes", (double)p->bytes);
  window_print(w);
  figures_number("frame_us", frame_us);
  figures_number("p99_frames", histogram_percentile(&w->latencies_ns, 0.99) / 1e3 / frame_us);
  figures_end();
}

int main(int argc, char **argv) {
  program p = {.bulk = 99, .bytes = 1 << 20, .window = {.seconds = 2, .warm_up = 1}};
  const kit_option options[] = {
      {"bulk", "N", "large calls at once", KIT_COUNT, &p.bulk, 1, 1000},
      {"bytes", "N", "of each large message", KIT_COUNT, &p.bytes, FRAME_BYTES, 4 << 20},
      KIT_WINDOW_OPTIONS(p.window),
      {0}};
  kit_parse("fair", "Measures small calls beside large ones.", options, &p.server, argc, argv);
  gmux_channel_options how;
  p.loop = kit_loop_new(&p.ev);
  kit_channel_options(&how, &p.server);
  how.max_connections = 1;
  p.channel = kit_channel_new(p.loop, &p.server, &how);
  kit_must(gmux_method_new(&p.method, "/bench.v1.Bench/Echo", GMUX_UNARY, 0));
  p.message = calloc(1, p.bytes);
  caller *callers = calloc(p.bulk + 1, sizeof *callers);
  if (!p.message || !callers) kit_die("out of memory");
  kit_channel_warm(p.channel, p.ev);

  kit_window_begin(&p.window);
  for (uint64_t i = 0; i <= p.bulk; i++) {
    callers[i] = (caller){.program = &p, .is_small = i == 0};
    call_start(&callers[i]);
  }
  ev_run(p.ev, 0);

  gmux_channel_free(p.channel);
  kit_loop_free(p.loop, p.ev);
  gmux_method_free(p.method);
  free(callers);
  free(p.message);
  print(&p);
  return 0;
}
