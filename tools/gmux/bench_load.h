/*
 * bench_load.h: a part of the calls of gmux bench, with a loop, a channel and a thread of its own.
 *
 * bench_run.c makes them, starts them all at one moment, and looks on. What a load has is its
 * thread's until that has ended, but for `seen`.
 */
#ifndef TOOL_BENCH_LOAD_H
#define TOOL_BENCH_LOAD_H

#include "tools/gmux/bench.h"

#include <ev.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

typedef struct load load;

/* What loads share. */
typedef struct run_state {
  const bench_plan *plan;
  const atomic_bool *is_stopped; /* a signal says that it is enough */
  pthread_barrier_t start;
  sem_t ended;       /* once a load */
  atomic_bool is_no; /* a load could not be made ready, and has complained */
  load *loads;
} run_state;

struct load {
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
  uint64_t last_ns; /* when the last call that counts has ended */
  bool is_over;
  /* For who looks on. */
  struct {
    atomic_uint_fast64_t ended, failed, spent_ns;
  } seen;
};

/* Of r->loads the one at `index`, with its part of what is to be done. */
void load_init(load *l, run_state *r, size_t index);
/* Its thread: connects, waits for r->start, and runs; then it has posted r->ended. */
void *load_main(void *l);

uint64_t clock_ns(void);

#endif
