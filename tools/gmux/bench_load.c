/* bench_load.c: the calls of gmux bench, on one loop or several. */
#include "tools/gmux/arguments.h"
#include "tools/gmux/bench.h"
#include "tools/protoc-gen-gmux/pool.h"

#include <errno.h>
#include <ev.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { CONNECT_SECONDS = 20, TICK_NS = 250000000 };
static const double LOOK_SECONDS = 0.1; /* how soon a load that waits sees a signal */

typedef struct bench_run_state run_state;

/* Its thread's, but for `seen`. */
typedef struct load {
  run_state *run;
  pthread_t thread;
  struct ev_loop *ev;
  gmux_loop *loop;
  gmux_channel *channel;
  ev_timer timer; /* the next call at a rate; while it connects: the end of patience */
  course course;
  uint32_t concurrency, running;
  struct op *free_ops;
  tally tally;
  uint64_t last_ns;
  bool is_over;
  /* For who looks on. */
  struct {
    atomic_uint_fast64_t ended, failed, spent_ns;
  } seen;
} load;

struct bench_run_state {
  const bench_plan *plan;
  pthread_barrier_t start;
  sem_t ended;       /* once a load */
  atomic_bool is_no; /* a load could not be made ready, and has complained */
  load *loads;
};

/* A call, or the place of one. */
typedef struct op {
  load *load;
  struct op *next;
  course_call call;
  size_t written;
  uint64_t messages;
} op;

static uint64_t clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A signal says that it is enough; the second one ends the program. */
static atomic_bool is_stopped;
static void on_signal(int number) {
  atomic_store(&is_stopped, true);
  signal(number, SIG_DFL);
}

/* ---- one call ---- */

static void op_start(op *o);

static op *op_take(load *l) {
  op *o = l->free_ops;
  if (o) {
    l->free_ops = o->next;
    return o;
  }
  o = malloc(sizeof *o);
  if (!o) out_of_memory();
  o->load = l;
  return o;
}

static void op_give_back(op *o) {
  o->next = o->load->free_ops;
  o->load->free_ops = o;
}

static void add(atomic_uint_fast64_t *sum, uint64_t value) {
  atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + value,
                        memory_order_relaxed);
}

static void op_count(op *o, gmux_code code, uint64_t now_ns) {
  load *l = o->load;
  uint64_t took_ns = now_ns - o->call.planned_ns;
  add(&l->seen.ended, 1);
  add(&l->seen.spent_ns, took_ns);
  if (code != GMUX_OK) add(&l->seen.failed, 1);
  if (!o->call.is_counted) return;
  tally_add(&l->tally, (unsigned)code, took_ns);
  l->tally.messages += o->messages;
  l->last_ns = now_ns;
}

static void on_closed(void *user_data) {
  ev_break(((load *)user_data)->ev, EVBREAK_ALL);
}

static void load_end(load *l) {
  if (l->is_over) return;
  l->is_over = true;
  ev_timer_stop(l->ev, &l->timer);
  gmux_channel_close(l->channel, on_closed, l);
}

/* Without a rate the next one takes its place. */
static void op_end(op *o, gmux_code code) {
  load *l = o->load;
  uint64_t now_ns = clock_ns();
  op_count(o, code, now_ns);
  l->running--;
  bool is_over = l->is_over || atomic_load_explicit(&is_stopped, memory_order_relaxed);
  if (!is_over && l->course.interval_ns == 0 && course_next(&l->course, now_ns, &o->call)) {
    op_start(o);
    return;
  }
  op_give_back(o);
  if (l->running == 0 && (is_over || course_is_over(&l->course, now_ns))) load_end(l);
}

static void on_unary(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers;
  op *o = user_data;
  o->messages = status->code == GMUX_OK;
  op_end(o, status->code);
}

/* The bytes outlive every call, so the library may use them where they lie. */
static void keep(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data, (void)len;
}

static gmux_bytes message_at(const bench_plan *p, size_t i) {
  return gmux_bytes_wrap(p->messages[i].data, p->messages[i].len, keep, NULL);
}

/* As far as the queue takes it; a call that is over takes nothing more. */
static void op_write(op *o, gmux_call *call) {
  const bench_plan *p = o->load->run->plan;
  while (o->written < p->message_count) {
    gmux_bytes message = message_at(p, o->written);
    int result = gmux_call_write(call, &message);
    if (result < 0) return;
    o->written++;
    if (result == GMUX_WRITE_FULL && o->written < p->message_count) return;
  }
  gmux_call_half_close(call);
}

static void on_message(gmux_call *call, gmux_bytes *message, void *user_data) {
  (void)call, (void)message;
  ((op *)user_data)->messages++;
}

static void on_writable(gmux_call *call, void *user_data) {
  op_write(user_data, call);
}

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  (void)call, (void)trailers;
  op_end(user_data, status->code);
}

static int start_stream(op *o, const bench_plan *p) {
  static const gmux_call_handlers handlers = {
      .on_message = on_message, .on_writable = on_writable, .on_end = on_end};
  gmux_call *call;
  int error =
      gmux_call_start(&call, o->load->channel, p->call_method, &p->call_options, &handlers, o);
  if (error) return error;
  op_write(o, call);
  gmux_call_free(call);
  return 0;
}

/* What cannot even be started ends like one that failed, though not from inside itself: it would
 * start the next one. */
static void op_start(op *o) {
  load *l = o->load;
  const bench_plan *p = l->run->plan;
  o->written = 0;
  o->messages = 0;
  gmux_bytes request = p->message_count ? message_at(p, 0) : gmux_bytes_borrow(NULL, 0);
  int error = p->kind == GMUX_UNARY ? gmux_call_unary_start(NULL, l->channel, p->call_method,
                                                            &p->call_options, &request, on_unary, o)
                                    : start_stream(o, p);
  if (!error) {
    l->running++;
    return;
  }
  op_count(o, GMUX_INTERNAL, clock_ns());
  op_give_back(o);
  load_end(l);
}

/* ---- one load ---- */

/* Without a rate as many as there are places; with one all whose moment has come. */
static void load_fill(load *l) {
  uint64_t now_ns = clock_ns();
  course_call call;
  while (!l->is_over && (l->course.interval_ns > 0 || l->running < l->concurrency) &&
         course_next(&l->course, now_ns, &call)) {
    op *o = op_take(l);
    o->call = call;
    op_start(o);
  }
}

static void load_set_timer(load *l, uint64_t now_ns) {
  uint64_t due_ns = course_due_ns(&l->course);
  double seconds = due_ns > now_ns ? 1e-9 * (double)(due_ns - now_ns) : 0;
  if (seconds > LOOK_SECONDS) seconds = LOOK_SECONDS;
  ev_timer_set(&l->timer, seconds, 0.);
  ev_timer_start(l->ev, &l->timer);
}

static void on_due(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)events;
  load *l = timer->data;
  ev_now_update(ev);
  bool is_over = atomic_load(&is_stopped);
  if (!is_over) load_fill(l);
  uint64_t now_ns = clock_ns();
  if (!is_over && !course_is_over(&l->course, now_ns))
    load_set_timer(l, now_ns);
  else if (l->running == 0)
    load_end(l);
}

static void on_warm(int error, void *user_data) {
  load *l = user_data;
  if (!error) ev_break(l->ev, EVBREAK_ALL);
}

static void on_patience(struct ev_loop *ev, ev_timer *timer, int events) {
  (void)events;
  load *l = timer->data;
  if (!atomic_exchange(&l->run->is_no, true))
    complain("%s: no %u connections in %d s", l->run->plan->target, l->run->plan->connections,
             CONNECT_SECONDS);
  ev_break(ev, EVBREAK_ALL);
}

/* Calls are not to pay for handshakes. */
static void load_connect(load *l) {
  ev_timer_init(&l->timer, on_patience, CONNECT_SECONDS, 0.);
  l->timer.data = l;
  ev_timer_start(l->ev, &l->timer);
  if (gmux_channel_warm(l->channel, on_warm, l)) {
    if (!atomic_exchange(&l->run->is_no, true)) complain("%s", gmux_last_error());
  } else {
    ev_run(l->ev, 0);
  }
  ev_timer_stop(l->ev, &l->timer);
}

/* epoll counts in milliseconds, select() in microseconds: it is for calls that have a moment, and
 * for as many descriptors as it can. */
static struct ev_loop *loop_for(const bench_plan *p) {
  enum { SELECT_MOST = 900 };
  bool is_exact =
      p->rate > 0 && p->connections < SELECT_MOST && (ev_supported_backends() & EVBACKEND_SELECT);
  return ev_loop_new(is_exact ? EVBACKEND_SELECT : EVFLAG_AUTO);
}

static bool load_open(load *l, uint32_t connections) {
  const bench_plan *p = l->run->plan;
  gmux_channel_options how = p->channel_options;
  how.tls = NULL;
  how.min_connections = how.max_connections = connections;
  if (l->concurrency > how.max_concurrent_streams) how.max_concurrent_streams = l->concurrency;
  if (l->concurrency > how.max_waiting) how.max_waiting = l->concurrency;
  how.pick_order = GMUX_PICK_SPREAD;
  l->ev = loop_for(p);
  if (!l->ev || gmux_loop_attach(&l->loop, l->ev, NULL))
    return complain("no loop: %s", l->ev ? gmux_last_error() : "out of memory"), false;
  return reach_channel(p->reach, l->loop, p->target, &how, &l->channel);
}

static void load_free(load *l) {
  gmux_channel_free(l->channel);
  gmux_loop_stop(l->loop);
  if (l->ev) ev_loop_destroy(l->ev);
  while (l->free_ops) {
    op *o = l->free_ops;
    l->free_ops = o->next;
    free(o);
  }
}

static void load_run(load *l) {
  ev_timer_init(&l->timer, on_due, 0., 0.);
  l->timer.data = l;
  course_begin(&l->course, clock_ns());
  if (l->course.interval_ns > 0)
    load_set_timer(l, l->course.begin_ns);
  else
    load_fill(l);
  ev_run(l->ev, 0); /* until on_closed */
}

/* A part of what is divided: the first ones have one more. */
static uint64_t share(uint64_t total, uint64_t parts, uint64_t index) {
  return total / parts + (index < total % parts);
}

static void *load_main(void *arg) {
  load *l = arg;
  run_state *r = l->run;
  size_t index = (size_t)(l - r->loads);
  if (load_open(l, (uint32_t)share(r->plan->connections, r->plan->loops, index)))
    load_connect(l);
  else
    atomic_store(&r->is_no, true);
  pthread_barrier_wait(&r->start);
  if (!atomic_load(&r->is_no)) load_run(l);
  load_free(l);
  sem_post(&r->ended);
  return NULL;
}

/* ---- looking on ---- */

static double cpu_us(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return 1e6 * (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
         (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

typedef struct look {
  uint64_t at_ns, ended, failed, spent_ns;
} look;

static look look_now(const run_state *r) {
  look sum = {.at_ns = clock_ns()};
  for (size_t i = 0; i < r->plan->loops; i++) {
    sum.ended += atomic_load(&r->loads[i].seen.ended);
    sum.failed += atomic_load(&r->loads[i].seen.failed);
    sum.spent_ns += atomic_load(&r->loads[i].seen.spent_ns);
  }
  return sum;
}

static void say_look(const terminal *live, look first, look before, look now) {
  double seconds = 1e-9 * (double)(now.at_ns - before.at_ns);
  uint64_t ended = now.ended - before.ended;
  double mean_ms = ended ? 1e-6 * (double)(now.spent_ns - before.spent_ns) / (double)ended : 0;
  fprintf(live->out, "%s%4.0f s  %.0f calls/s  mean %.3f ms  %s%llu failed%s",
          terminal_erase_line(live), 1e-9 * (double)(now.at_ns - first.at_ns),
          (double)ended / seconds, mean_ms, now.failed ? terminal_style(live, STYLE_BAD) : "",
          (unsigned long long)now.failed, terminal_style(live, STYLE_PLAIN));
  fflush(live->out);
}

/* False: a load has ended. */
static bool wait_until(run_state *r, uint64_t at_ns) {
  uint64_t now_ns = clock_ns();
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  uint64_t left_ns = (at_ns > now_ns ? at_ns - now_ns : 0) + (uint64_t)until.tv_nsec;
  until.tv_sec += (time_t)(left_ns / 1000000000u);
  until.tv_nsec = (long)(left_ns % 1000000000u);
  return sem_timedwait(&r->ended, &until) != 0;
}

/* Until all have ended. What the warm-up has spent is not to be counted. */
static void look_on(run_state *r, const terminal *live, bench_result *result) {
  uint64_t counts_from_ns = clock_ns() + r->plan->warm_up_ns;
  double cpu_before_us = cpu_us();
  bool is_counting = r->plan->warm_up_ns == 0;
  look first = look_now(r), before = first;
  for (size_t left = r->plan->loops; left > 0;) {
    uint64_t next_ns = before.at_ns + TICK_NS;
    if (!is_counting && counts_from_ns < next_ns) next_ns = counts_from_ns;
    if (!wait_until(r, next_ns)) left--;
    look now = look_now(r);
    if (!is_counting && now.at_ns >= counts_from_ns) cpu_before_us = cpu_us(), is_counting = true;
    if (now.at_ns < before.at_ns + TICK_NS) continue;
    if (live->is_live) say_look(live, first, before, now);
    before = now;
  }
  result->cpu_us = cpu_us() - cpu_before_us;
  fputs(terminal_erase_line(live), live->out);
}

/* ---- all of them ---- */

static void load_init(load *l, run_state *r, size_t index) {
  const bench_plan *p = r->plan;
  *l = (load){.run = r};
  l->concurrency = (uint32_t)share(p->concurrency, p->loops, index);
  l->course = (course){
      .interval_ns = p->rate > 0 ? 1e9 * p->loops / p->rate : 0,
      .offset_ns = p->rate > 0 ? 1e9 * (double)index / p->rate : 0,
      .warm_up_ns = p->warm_up_ns,
      .duration_ns = p->duration_ns,
      .requests = share(p->requests, p->loops, index),
  };
}

/* Signals are for the thread that looks on. */
static bool start_all(run_state *r) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  for (size_t i = 0; i < r->plan->loops && !error; i++)
    error = pthread_create(&r->loads[i].thread, NULL, load_main, &r->loads[i]);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error == 0 || (complain("no thread: %s", strerror(error)), false);
}

static void add_up(run_state *r, bench_result *result) {
  uint64_t from_ns = UINT64_MAX, to_ns = 0;
  for (size_t i = 0; i < r->plan->loops; i++) {
    const load *l = &r->loads[i];
    uint64_t load_from_ns = course_counts_from_ns(&l->course);
    if (load_from_ns < from_ns) from_ns = load_from_ns;
    if (l->last_ns > to_ns) to_ns = l->last_ns;
    tally_merge(&result->tally, &l->tally);
  }
  result->elapsed_ns = to_ns > from_ns ? to_ns - from_ns : 0;
  result->was_stopped = atomic_load(&is_stopped);
}

bool bench_run(const bench_plan *p, const terminal *live, bench_result *result) {
  run_state r = {.plan = p, .loads = calloc(p->loops, sizeof *r.loads)};
  if (!r.loads || sem_init(&r.ended, 0, 0) || pthread_barrier_init(&r.start, NULL, p->loops + 1))
    out_of_memory();
  for (size_t i = 0; i < p->loops; i++)
    load_init(&r.loads[i], &r, i);
  signal(SIGINT, on_signal), signal(SIGTERM, on_signal);
  /* Threads that could not be started would be waited for: there is nothing to go back to. */
  if (!start_all(&r)) exit(1);
  pthread_barrier_wait(&r.start);
  look_on(&r, live, result);
  for (size_t i = 0; i < p->loops; i++)
    pthread_join(r.loads[i].thread, NULL);
  add_up(&r, result);
  pthread_barrier_destroy(&r.start);
  sem_destroy(&r.ended);
  free(r.loads);
  return !atomic_load(&r.is_no);
}
