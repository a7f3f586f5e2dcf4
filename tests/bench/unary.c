/*
 * unary.c: what a unary call costs its client.
 *
 * Keeps a number of echo calls outstanding on one channel, each completion starting the next call,
 * first for a warm-up and then for a measured window; or makes a fixed number of them, for tools
 * that count instructions or system calls. Prints its figures as a line of JSON.
 *
 * One call that goes wrong ends the run without a figure.
 */
#include "tests/bench/allocations.h"
#include "tests/bench/figures.h"
#include "tests/bench/load.h"
#include <ev.h>
#include <gmux/gmux.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: unary [OPTION]... TARGET\n"
    "Measures unary calls of /bench.v1.Bench/Echo over one connection.\n\n" LOAD_USAGE
    "  --timeout-ms N    give each call a deadline (default: none)\n"
    "  --own-thread      gmux's loop on a thread of its own, instead of this program's libev loop\n"
    "  --allocations     count allocations per call; the counting costs a little time\n";

typedef struct bench bench;

typedef struct caller {
  bench *bench;
  uint64_t started_ns;
} caller;

/* Everything here belongs to the loop's thread while that runs. */
struct bench {
  load load;
  bool has_own_thread;
  bool counts_allocations;
  gmux_channel *channel;
  gmux_method *method;
  gmux_call_options options;
  uint8_t *payload;
  caller *callers;
  sem_t closed;
  uint32_t running;
  uint64_t allocations; /* until the window opened; once it has closed, those within it */
  char failure[256];    /* the first one, in words */
};

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "unary: %s\n", gmux_last_error());
  exit(1);
}

/* ---- the calls ---- */

static void fail(bench *b, const char *what, const char *why) {
  window_fail(&b->load.window);
  if (!b->failure[0]) snprintf(b->failure, sizeof b->failure, "%s: %s", what, why);
}

/* The payload outlives every call, so the library may use it where it lies. */
static void keep(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data, (void)len;
}

/* Comparing all bytes would be measured too; that is for the warm-up. */
static bool is_echo(const bench *b, const gmux_bytes *reply) {
  if (reply->len != b->load.size) return false;
  bool is_warm_up = b->load.window.phase == WINDOW_WARM_UP;
  return !is_warm_up || !reply->len || !memcmp(reply->data, b->payload, reply->len);
}

/* A call has ended well. */
static void note(bench *b, const caller *c, uint64_t now_ns) {
  window_phase before = b->load.window.phase;
  window_note(&b->load.window, c->started_ns, now_ns);
  if (b->load.window.phase == before) return;
  uint64_t now = allocations_now();
  b->allocations = before == WINDOW_WARM_UP ? now : now - b->allocations;
}

static void caller_start(caller *c, uint64_t now_ns);

static void on_channel_closed(void *user_data) {
  bench *b = user_data;
  sem_post(&b->closed);
}

static void close_when_idle(bench *b) {
  if (b->running == 0) gmux_channel_close(b->channel, on_channel_closed, b);
}

static void on_reply(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers;
  caller *c = user_data;
  bench *b = c->bench;
  uint64_t now_ns = meter_clock_ns();
  b->running--;
  if (status->code != GMUX_OK)
    fail(b, gmux_code_str(status->code), status->message);
  else if (!is_echo(b, reply))
    fail(b, "a reply", "it is not the request");
  else
    note(b, c, now_ns);
  caller_start(c, now_ns);
  close_when_idle(b);
}

static void caller_start(caller *c, uint64_t now_ns) {
  bench *b = c->bench;
  if (!window_may_start(&b->load.window)) return;
  gmux_bytes request = gmux_bytes_wrap(b->payload, b->load.size, keep, NULL);
  c->started_ns = now_ns;
  if (gmux_call_unary_start(NULL, b->channel, b->method, &b->options, &request, on_reply, c)) {
    fail(b, "a call could not be started", gmux_last_error());
    return;
  }
  b->running++;
}

static void start_all(void *arg) {
  bench *b = arg;
  uint64_t now_ns = meter_clock_ns();
  window_begin(&b->load.window, now_ns);
  b->allocations = allocations_now();
  for (uint32_t i = 0; i < b->load.outstanding; i++)
    caller_start(&b->callers[i], now_ns);
  close_when_idle(b);
}

/* ---- all of it ---- */

static void print_figures(const bench *b) {
  load_print(&b->load, "unary", "gmux");
  window_print(&b->load.window);
  figures_number("peak_mib", (double)meter_peak_bytes() / 1048576);
  if (b->counts_allocations)
    figures_number("allocations_per_call",
                   (double)b->allocations / (double)b->load.window.measured);
  figures_end();
}

static void channel_make(bench *b, gmux_loop *loop) {
  const load *l = &b->load;
  gmux_channel_options how;
  gmux_channel_options_init(&how, sizeof how);
  how.cleartext = !l->ca;
  if (l->outstanding > how.max_concurrent_streams) how.max_concurrent_streams = l->outstanding;
  if (l->ca) {
    gmux_tls_options tls;
    gmux_tls_options_init(&tls, sizeof tls);
    tls.ca_file = l->ca;
    must(gmux_tls_client_new(&how.tls, &tls));
  }
  must(gmux_channel_new(&b->channel, loop, l->target, &how));
  gmux_tls_free(how.tls);
}

/* The program's loop, into which gmux is attached: ev_run returns when the channel has gone. */
static void run_attached(bench *b) {
  struct ev_loop *ev = ev_loop_new(0);
  gmux_loop *loop;
  must(gmux_loop_attach(&loop, ev, NULL));
  channel_make(b, loop);
  start_all(b);
  ev_run(ev, 0);
  gmux_channel_free(b->channel);
  must(gmux_loop_stop(loop));
  ev_loop_destroy(ev);
}

static void run_own_thread(bench *b) {
  gmux_loop *loop;
  must(gmux_loop_start(&loop, NULL));
  channel_make(b, loop);
  must(gmux_loop_post(loop, start_all, b));
  while (sem_wait(&b->closed)) /* EINTR */
    ;
  gmux_channel_free(b->channel);
  must(gmux_loop_stop(loop));
}

static bool bench_prepare(bench *b) {
  b->payload = load_payload(&b->load);
  b->callers = calloc(b->load.outstanding, sizeof *b->callers);
  if (!b->payload || !b->callers || sem_init(&b->closed, 0, 0)) return false;
  for (uint32_t i = 0; i < b->load.outstanding; i++)
    b->callers[i].bench = b;
  return true;
}

static int run(bench *b) {
  if (b->counts_allocations) must(allocations_count());
  if (!bench_prepare(b)) {
    fprintf(stderr, "unary: out of memory\n");
    return 1;
  }
  must(gmux_method_new(&b->method, "/bench.v1.Bench/Echo", GMUX_UNARY, 0));
  load_watch(&b->load);
  if (b->has_own_thread)
    run_own_thread(b);
  else
    run_attached(b);
  bool is_good = !b->failure[0];
  if (is_good)
    print_figures(b);
  else
    fprintf(stderr, "unary: no figures: %s\n", b->failure);
  gmux_method_free(b->method);
  sem_destroy(&b->closed);
  free(b->callers);
  free(b->payload);
  return is_good ? 0 : 1;
}

int main(int argc, char **argv) {
  static const struct option longs[] = {LOAD_OPTIONS,
                                        {"timeout-ms", 1, NULL, 'd'},
                                        {"own-thread", 0, NULL, 'o'},
                                        {"allocations", 0, NULL, 'm'},
                                        {"help", 0, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  static bench b;
  load_init(&b.load);
  gmux_call_options_init(&b.options, sizeof b.options);
  b.options.timeout_ms = GMUX_NO_TIMEOUT;
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == 'h') return fputs(usage, stdout), 0;
    if (o == '?') return fputs(usage, stderr), 2;
    if (load_take(&b.load, o, optarg)) continue;
    if (o == 'd') b.options.timeout_ms = (int64_t)load_number("timeout-ms", optarg, 1, 1e9);
    if (o == 'o') b.has_own_thread = true;
    if (o == 'm') b.counts_allocations = true;
  }
  if (!load_target(&b.load, argc, argv)) return fputs(usage, stderr), 2;
  return run(&b);
}
