/*
 * posts.c: what it costs that calls are started by other threads than the loop's own.
 *
 * The same number of calls is under way either way. On the loop each call that ends starts the
 * next. From other threads: each thread has its share of the calls, waits until half of them have
 * ended, and starts as many again; so the threads sleep and wake up once for many calls, and what
 * is measured is the posting. Both ways take turns in short runs, so that what disturbs the machine
 * disturbs both.
 */
#include "tests/bench/kit.h"
#include <ev.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

typedef struct program program;

/* One thread's share of the calls. */
typedef struct poster {
  program *program;
  pthread_t thread;
  sem_t batch_ended; /* half of its calls */
  uint64_t ended;    /* of the loop's thread */
} poster;

/* What a run of one way came to. */
typedef struct cost {
  uint64_t calls;
  double cpu_us, seconds;
} cost;

struct program {
  kit_server server;
  uint64_t threads, outstanding, turns;
  double seconds;
  gmux_channel *channel;
  gmux_method *method;
  poster *posters;
  uint64_t half; /* of one thread's calls */
  /* A run; the loop's own. */
  bool is_posting;
  uint64_t running, ended;
  sem_t is_over;
  /* Read by all threads. */
  atomic_bool is_ending;
  cost on_loop, posted;
};

/* ---- calls ---- */

static void call_start(poster *by);

static void note_end(poster *by) {
  program *p = by->program;
  p->ended++;
  if (p->is_posting) {
    if (++by->ended % p->half == 0) sem_post(&by->batch_ended);
    return;
  }
  if (!atomic_load_explicit(&p->is_ending, memory_order_relaxed)) call_start(by);
  if (p->running == 0) sem_post(&p->is_over);
}

static void on_reply(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers;
  poster *by = user_data;
  if (status->code != GMUX_OK)
    kit_die("a call: %s: %s", gmux_code_str(status->code), status->message);
  if (!by->program->is_posting) by->program->running--;
  note_end(by);
}

static void call_start(poster *by) {
  program *p = by->program;
  gmux_bytes request = gmux_bytes_borrow(NULL, 0);
  kit_must(gmux_call_unary_start(NULL, p->channel, p->method, NULL, &request, on_reply, by));
  if (!p->is_posting) p->running++;
}

static void sleep_for(double seconds) {
  struct timespec rest = {.tv_sec = (time_t)seconds};
  rest.tv_nsec = (long)(1e9 * (seconds - (double)rest.tv_sec));
  while (nanosleep(&rest, &rest)) /* EINTR */
    ;
}

/* ---- from the loop ---- */

static void start_on_loop(void *arg) {
  program *p = arg;
  for (uint64_t i = 0; i < p->outstanding; i++)
    call_start(&p->posters[i % p->threads]);
}

static void run_on_loop(program *p, gmux_loop *loop) {
  kit_must(gmux_loop_post(loop, start_on_loop, p));
  sleep_for(p->seconds);
  atomic_store(&p->is_ending, true);
  while (sem_wait(&p->is_over)) /* EINTR */
    ;
}

/* ---- from threads ---- */

static void batch_start(poster *by) {
  for (uint64_t i = 0; i < by->program->half; i++)
    call_start(by);
}

static void batch_wait(poster *by) {
  while (sem_wait(&by->batch_ended)) /* EINTR */
    ;
}

/* Two batches under way, until it is time; then none. */
static void *poster_run(void *arg) {
  poster *by = arg;
  batch_start(by);
  while (!atomic_load(&by->program->is_ending)) {
    batch_start(by);
    batch_wait(by);
  }
  batch_wait(by);
  return NULL;
}

static void run_posted(program *p) {
  for (uint64_t i = 0; i < p->threads; i++)
    if (pthread_create(&p->posters[i].thread, NULL, poster_run, &p->posters[i]))
      kit_die("a thread cannot be started");
  sleep_for(p->seconds);
  atomic_store(&p->is_ending, true);
  for (uint64_t i = 0; i < p->threads; i++)
    pthread_join(p->posters[i].thread, NULL);
}

/* ---- turns ---- */

/* From nothing under way to nothing under way: every call is paid for in the run that began it. */
static void run(program *p, gmux_loop *loop, bool is_posting, cost *sum) {
  p->is_posting = is_posting;
  p->ended = 0;
  atomic_store(&p->is_ending, false);
  meter first = meter_read();
  if (is_posting)
    run_posted(p);
  else
    run_on_loop(p, loop);
  meter last = meter_read();
  sum->calls += p->ended;
  sum->cpu_us += last.cpu_us - first.cpu_us;
  sum->seconds += 1e-9 * (double)(last.now_ns - first.now_ns);
}

static void program_init(program *p, gmux_loop *loop) {
  p->half = p->outstanding / p->threads / 2;
  p->outstanding = p->half * p->threads * 2;
  p->posters = calloc(p->threads, sizeof *p->posters);
  if (!p->posters || sem_init(&p->is_over, 0, 0)) kit_die("out of memory");
  for (uint64_t i = 0; i < p->threads; i++) {
    p->posters[i].program = p;
    if (sem_init(&p->posters[i].batch_ended, 0, 0)) kit_die("no semaphore");
  }
  kit_must(gmux_method_new(&p->method, "/bench.v1.Bench/Echo", GMUX_UNARY, 0));
  gmux_channel_options how;
  kit_channel_options(&how, &p->server);
  how.max_connections = 1;
  how.max_concurrent_streams = how.ideal_streams = (uint32_t)p->outstanding;
  p->channel = kit_channel_new(loop, &p->server, &how);
  kit_must(gmux_channel_connect_wait(p->channel, 10000));
}

static void print_figures(const program *p) {
  double posted_us = p->posted.cpu_us / (double)p->posted.calls;
  double on_loop_us = p->on_loop.cpu_us / (double)p->on_loop.calls;
  kit_print_begin("posts", &p->server);
  figures_number("threads", (double)p->threads);
  figures_number("outstanding", (double)p->outstanding);
  figures_number("calls", (double)p->posted.calls);
  figures_number("calls_per_second", (double)p->posted.calls / p->posted.seconds);
  figures_number("cpu_us_per_call", posted_us);
  figures_number("on_loop_cpu_us_per_call", on_loop_us);
  figures_number("added_us_per_call", posted_us - on_loop_us);
  figures_end();
}

int main(int argc, char **argv) {
  program p = {.threads = 8, .outstanding = 800, .turns = 5, .seconds = 0.2};
  const kit_option options[] = {{"threads", "N", "that start calls", KIT_COUNT, &p.threads, 1, 64},
                                {"outstanding", "N", "calls under way, of all together", KIT_COUNT,
                                 &p.outstanding, 2, 100000},
                                {"turns", "N", "of each way", KIT_COUNT, &p.turns, 1, 1000},
                                {"seconds", "T", "of each turn", KIT_NUMBER, &p.seconds, 0.01, 60},
                                {0}};
  kit_parse("posts", "Measures calls that other threads start.", options, &p.server, argc, argv);
  if (p.outstanding < 2 * p.threads) kit_refuse("outstanding", "is less than two for each thread");
  kit_set_watchdog(30 + 2 * p.seconds * (double)p.turns);
  gmux_loop *loop;
  kit_must(gmux_loop_start(&loop, NULL));
  program_init(&p, loop);
  cost ignored = {0}; /* what the first turn of a process costs more */
  run(&p, loop, false, &ignored);
  for (uint64_t i = 0; i < p.turns; i++) {
    run(&p, loop, true, &p.posted);
    run(&p, loop, false, &p.on_loop);
  }
  gmux_channel_free(p.channel);
  kit_must(gmux_loop_stop(loop));
  gmux_method_free(p.method);
  print_figures(&p);
  free(p.posters);
  return 0;
}
