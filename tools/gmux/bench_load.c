/* bench_load.c: the calls of gmux bench on one loop: as many at once as there are places, or each
 * at its moment. */
#include "tools/gmux/bench_load.h"
#include "tools/gmux/arguments.h"
#include "tools/protoc-gen-gmux/pool.h"

#include <ev.h>
#include <stdlib.h>
#include <time.h>

enum { CONNECT_SECONDS = 20 };
static const double LOOK_SECONDS = 0.1; /* how soon a load that waits sees a signal */

/* A call, or the place of one. */
typedef struct op {
  load *load;
  struct op *next;
  course_call call;
  size_t written;
  uint64_t messages;
} op;

uint64_t clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
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
  bool is_over = l->is_over || atomic_load_explicit(l->run->is_stopped, memory_order_relaxed);
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
  bool is_over = atomic_load(l->run->is_stopped);
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

void load_init(load *l, run_state *r, size_t index) {
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

void *load_main(void *arg) {
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
