/* bench_run.c: the loads of gmux bench, started together and looked on until they have ended. */
#include "tools/gmux/arguments.h"
#include "tools/gmux/bench_load.h"
#include "tools/protoc-gen-gmux/pool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { TICK_NS = 250000000 };

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

/* A signal says that it is enough; the second one ends the program. */
static atomic_bool is_stopped;
static void on_signal(int number) {
  atomic_store(&is_stopped, true);
  signal(number, SIG_DFL);
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
  run_state r = {.plan = p, .is_stopped = &is_stopped, .loads = calloc(p->loops, sizeof *r.loads)};
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
