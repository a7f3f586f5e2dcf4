/*
 * loops.c: what a second loop brings: one channel over two loops, each with a loop of its server,
 * on two cores, beside one such pair on one core.
 *
 * Server and channel are in this process. Loop i of the channel and loop i of the server share core
 * i, and a connection; that it is so is seen from the answer to a first call, and where chance has
 * paired them otherwise the channel is made again. Each loop keeps its share of the calls under
 * way: each call that ends starts the next on its loop. (Of the first ones some go to another loop,
 * while that has none; hence the atomic counts.) One pair and two take turns, so that what disturbs
 * the machine disturbs both.
 */
#include "tests/bench/kit.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOOPS_MAX = 16, ATTEMPTS = 100 };

typedef struct program program;

/* One core: a loop of the server, a loop of the channel, and what that one does. */
typedef struct core {
  program *program;
  int number;
  gmux_loop *served, *called;
  _Atomic(uint64_t) running, ended; /* calls that its loop began, and those that follow them */
  unsigned met;                     /* the server's loop that answered the first call */
} core;

/* A server and a channel over the first so many cores. */
typedef struct setting {
  program *program;
  size_t loops;
  gmux_server *server;
  gmux_channel *channel;
  double calls, seconds;
} setting;

struct program {
  kit_server kit;
  uint64_t loops, outstanding, turns;
  double seconds;
  gmux_method *echo, *where;
  core cores[LOOPS_MAX];
  setting *now; /* whose turn it is; the loops read it in posts behind */
  atomic_bool is_ending;
  sem_t step; /* a core has done what it was asked for */
};

static void wait_for_steps(program *p, size_t count) {
  for (size_t i = 0; i < count; i++)
    while (sem_wait(&p->step)) /* EINTR */
      ;
}

/* ---- cores ---- */

typedef struct pinning {
  program *program;
  int number;
} pinning;

static void pin_here(void *arg) {
  const pinning *pin = arg;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((unsigned)pin->number, &set);
  int error = pthread_setaffinity_np(pthread_self(), sizeof set, &set);
  if (error) kit_die("core %d cannot be had: %s", pin->number, strerror(error));
  sem_post(&pin->program->step);
}

static gmux_loop *pinned_loop(program *p, int number) {
  gmux_loop *loop;
  pinning pin = {p, number};
  kit_must(gmux_loop_start(&loop, NULL));
  kit_must(gmux_loop_post(loop, pin_here, &pin));
  wait_for_steps(p, 1);
  return loop;
}

/* Those that this process may use, in order. */
static void find_cores(program *p) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set)) kit_die("the cores cannot be asked for");
  if ((uint64_t)CPU_COUNT(&set) < p->loops)
    kit_refuse("--loops", "is more than the cores that this process may use: each loop needs one");
  size_t found = 0;
  for (int number = 0; found < p->loops && number < CPU_SETSIZE; number++)
    if (CPU_ISSET((unsigned)number, &set)) p->cores[found++].number = number;
}

/* ---- the server ---- */

static void on_echo(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  if (gmux_server_call_reply(call, request))
    gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, gmux_last_error());
}

/* Which of the server's loops we are on. */
static void on_where(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)request;
  program *p = user_data;
  uint8_t number = 0;
  while (!gmux_loop_is_inside(p->cores[number].served))
    number++;
  gmux_bytes reply = gmux_bytes_borrow(&number, 1);
  kit_must(gmux_server_call_reply(call, &reply));
}

static uint16_t serve(setting *s) {
  program *p = s->program;
  gmux_loop *loops[LOOPS_MAX];
  gmux_server_options o;
  uint16_t port;
  gmux_server_options_init(&o, sizeof o);
  o.max_concurrent_streams = (uint32_t)p->outstanding;
  for (size_t i = 0; i < s->loops; i++)
    loops[i] = p->cores[i].served;
  kit_must(gmux_server_new_on_loops(&s->server, loops, s->loops, &o));
  kit_must(gmux_server_add_unary(s->server, "/bench.v1.Bench/Echo", on_echo, p));
  kit_must(gmux_server_add_unary(s->server, "/bench.v1.Bench/Where", on_where, p));
  kit_must(gmux_server_listen_cleartext(s->server, p->kit.target, &port));
  return port;
}

/* ---- the channel, each loop of which meets its own of the server ---- */

static void on_found(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers;
  core *c = user_data;
  if (status->code != GMUX_OK || reply->len != 1)
    kit_die("the first call: %s", status->message ? status->message : "a wrong reply");
  if (!gmux_loop_is_inside(c->called)) kit_die("a call has left the loop that started it");
  c->met = reply->data[0];
  sem_post(&c->program->step);
}

static void find_out(void *arg) {
  core *c = arg;
  gmux_bytes request = gmux_bytes_borrow(NULL, 0);
  kit_must(gmux_call_unary_start(NULL, c->program->now->channel, c->program->where, NULL, &request,
                                 on_found, c));
}

static bool is_paired(setting *s) {
  program *p = s->program;
  p->now = s;
  for (size_t i = 0; i < s->loops; i++)
    kit_must(gmux_loop_post(p->cores[i].called, find_out, &p->cores[i]));
  wait_for_steps(p, s->loops);
  for (size_t i = 0; i < s->loops; i++)
    if (p->cores[i].met != i) return false;
  return true;
}

static void channel_open(setting *s, uint16_t port) {
  program *p = s->program;
  gmux_loop *loops[LOOPS_MAX];
  gmux_channel_options o;
  char target[64];
  kit_channel_options(&o, &p->kit);
  o.max_connections = (uint32_t)s->loops;
  o.max_concurrent_streams = o.ideal_streams = (uint32_t)p->outstanding;
  for (size_t i = 0; i < s->loops; i++)
    loops[i] = p->cores[i].called;
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", port);
  kit_must(gmux_channel_new_on_loops(&s->channel, loops, s->loops, target, &o));
  kit_must(gmux_channel_warm_wait(s->channel, 10000));
}

static void connections_await(gmux_server *server, uint32_t count) {
  gmux_server_stats stats = {.size = sizeof stats};
  const struct timespec moment = {.tv_nsec = 1000000};
  do {
    nanosleep(&moment, NULL);
    kit_must(gmux_server_get_stats(server, &stats));
  } while (stats.connections != count);
}

static void setting_open(setting *s) {
  uint16_t port = serve(s);
  for (int i = 0; i < ATTEMPTS; i++) {
    channel_open(s, port);
    if (is_paired(s)) return;
    kit_must(gmux_channel_drain_wait(s->channel, 0));
    gmux_channel_free(s->channel);
    connections_await(s->server, 0);
  }
  kit_die("the loops of the channel never met those of the server in order");
}

static void setting_close(setting *s) {
  kit_must(gmux_channel_drain_wait(s->channel, 0));
  gmux_channel_free(s->channel);
  kit_must(gmux_server_drain_wait(s->server, 0));
  gmux_server_free(s->server);
}

/* ---- a turn ---- */

static void call_start(core *c);

static void on_reply(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers;
  core *c = user_data;
  if (status->code != GMUX_OK)
    kit_die("a call: %s: %s", gmux_code_str(status->code), status->message);
  atomic_fetch_add_explicit(&c->ended, 1, memory_order_relaxed);
  if (!atomic_load_explicit(&c->program->is_ending, memory_order_relaxed)) call_start(c);
  if (atomic_fetch_sub(&c->running, 1) == 1) sem_post(&c->program->step);
}

static void call_start(core *c) {
  gmux_bytes request = gmux_bytes_borrow(NULL, 0);
  atomic_fetch_add(&c->running, 1);
  kit_must(gmux_call_unary_start(NULL, c->program->now->channel, c->program->echo, NULL, &request,
                                 on_reply, c));
}

static void start_all(void *arg) {
  core *c = arg;
  atomic_store(&c->ended, 0);
  for (uint64_t i = 0; i < c->program->outstanding; i++)
    call_start(c);
}

static void sleep_for(double seconds) {
  struct timespec rest = {.tv_sec = (time_t)seconds};
  rest.tv_nsec = (long)(1e9 * (seconds - (double)rest.tv_sec));
  while (nanosleep(&rest, &rest)) /* EINTR */
    ;
}

/* From nothing under way to nothing under way. */
static void run(setting *s) {
  program *p = s->program;
  p->now = s;
  atomic_store(&p->is_ending, false);
  meter first = meter_read();
  for (size_t i = 0; i < s->loops; i++)
    kit_must(gmux_loop_post(p->cores[i].called, start_all, &p->cores[i]));
  sleep_for(p->seconds);
  atomic_store(&p->is_ending, true);
  wait_for_steps(p, s->loops);
  s->seconds += 1e-9 * (double)(meter_read().now_ns - first.now_ns);
  for (size_t i = 0; i < s->loops; i++)
    s->calls += (double)atomic_load(&p->cores[i].ended);
}

static void program_init(program *p) {
  if (sem_init(&p->step, 0, 0)) kit_die("no semaphore");
  find_cores(p);
  for (size_t i = 0; i < p->loops; i++) {
    p->cores[i].program = p;
    p->cores[i].served = pinned_loop(p, p->cores[i].number);
    p->cores[i].called = pinned_loop(p, p->cores[i].number);
  }
  kit_must(gmux_method_new(&p->echo, "/bench.v1.Bench/Echo", GMUX_UNARY, 0));
  kit_must(gmux_method_new(&p->where, "/bench.v1.Bench/Where", GMUX_UNARY, 0));
}

static void program_deinit(program *p) {
  for (size_t i = 0; i < p->loops; i++) {
    kit_must(gmux_loop_stop(p->cores[i].called));
    kit_must(gmux_loop_stop(p->cores[i].served));
  }
  gmux_method_free(p->echo);
  gmux_method_free(p->where);
  sem_destroy(&p->step);
}

static void print_figures(const program *p, const setting *one, const setting *many) {
  double alone = one->calls / one->seconds, together = many->calls / many->seconds;
  kit_print_begin("loops", &p->kit);
  figures_number("loops", (double)p->loops);
  figures_number("outstanding", (double)p->outstanding);
  figures_number("calls", many->calls);
  figures_number("calls_per_second", together);
  figures_number("one_loop_calls_per_second", alone);
  figures_number("of_one_loop", together / alone);
  figures_end();
}

int main(int argc, char **argv) {
  static program p = {.kit = {.target = "ipv4:127.0.0.1:0"},
                      .loops = 2,
                      .outstanding = 100,
                      .turns = 5,
                      .seconds = 0.2};
  const kit_option options[] = {
      {"loops", "N", "of the channel, and as many of its server", KIT_COUNT, &p.loops, 2,
       LOOPS_MAX},
      {"outstanding", "N", "calls under way on each loop", KIT_COUNT, &p.outstanding, 1, 10000},
      {"turns", "N", "of one pair, and of all", KIT_COUNT, &p.turns, 1, 1000},
      {"seconds", "T", "of each turn", KIT_NUMBER, &p.seconds, 0.01, 60},
      {0}};
  kit_parse("loops", "Measures one channel over several loops; it brings its own server.", options,
            &p.kit, argc, argv);
  kit_set_watchdog(30 + 2.2 * p.seconds * (double)(p.turns + 1));
  program_init(&p);
  setting one = {.program = &p, .loops = 1}, many = {.program = &p, .loops = (size_t)p.loops};
  setting_open(&one);
  setting_open(&many);
  run(&one);
  run(&many);
  one.calls = one.seconds = many.calls = many.seconds = 0; /* a process costs more at first */
  for (uint64_t i = 0; i < p.turns; i++) {
    run(&one);
    run(&many);
  }
  setting_close(&one);
  setting_close(&many);
  program_deinit(&p);
  print_figures(&p, &one, &many);
  return 0;
}
