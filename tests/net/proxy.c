/*
 * proxy.c: see proxy.h. One thread, one poll. A function of the header is a command: it is handed
 * to the thread, which takes it between two steps, and waits until that has been done.
 */
#include "tests/net/proxy.h"
#include "tests/net/proxy_crowd.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MS_NS UINT64_C(1000000)
#define S_NS  UINT64_C(1000000000)

typedef struct command {
  void (*run)(proxy *p, void *arg);
  void *arg;
} command;

struct proxy {
  pthread_t thread;
  int wake; /* an eventfd */
  char address[PROXY_WHERE_BYTES];
  uint16_t port;

  struct { /* of the thread alone */
    proxy_crowd crowd;
    bool is_stopping;
  } own;

  pthread_mutex_t turn; /* one command at a time */
  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t changed;
  command *command;
  proxy_stats stats;
};

/* ---- the thread ---- */

static void publish(proxy *p) {
  const proxy_crowd *c = &p->own.crowd;
  if (memcmp(p->stats.count, c->home.count, sizeof p->stats.count) == 0 &&
      p->stats.open == c->link_count)
    return;
  memcpy(p->stats.count, c->home.count, sizeof p->stats.count);
  p->stats.open = (unsigned)c->link_count;
  pthread_cond_broadcast(&p->changed);
}

/* Connections that were there when the command was given are there for the command: the poll that
 * saw the wake-up has seen them. */
static void take_command(proxy *p) {
  uint64_t ignored;
  if (read(p->wake, &ignored, sizeof ignored) < 0) return;
  pthread_mutex_lock(&p->lock);
  command *c = p->command;
  pthread_mutex_unlock(&p->lock);
  c->run(p, c->arg);
  proxy_crowd_free_dead(&p->own.crowd);
  pthread_mutex_lock(&p->lock);
  publish(p);
  p->command = NULL;
  pthread_cond_broadcast(&p->changed);
  pthread_mutex_unlock(&p->lock);
}

static void *run(void *arg) {
  proxy *p = arg;
  while (!p->own.is_stopping) {
    bool is_woken = proxy_crowd_wait(&p->own.crowd, p->wake);
    proxy_crowd_step(&p->own.crowd);
    if (is_woken) take_command(p);
    pthread_mutex_lock(&p->lock);
    publish(p);
    pthread_mutex_unlock(&p->lock);
  }
  return NULL;
}

/* ---- commands ---- */

static void order_to(proxy *p, void (*fn)(proxy *p, void *arg), void *arg) {
  command c = {.run = fn, .arg = arg};
  uint64_t one = 1;
  pthread_mutex_lock(&p->turn);
  pthread_mutex_lock(&p->lock);
  p->command = &c;
  while (write(p->wake, &one, sizeof one) < 0 && errno == EINTR) {
  }
  while (p->command)
    pthread_cond_wait(&p->changed, &p->lock);
  pthread_mutex_unlock(&p->lock);
  pthread_mutex_unlock(&p->turn);
}

static const char *faults_wrong(const proxy_faults *f) {
  for (int w = 0; w < PROXY_WAYS; w++) {
    const proxy_way_faults *v = &f->way[w];
    if (v->flow != PROXY_PASS && v->flow != PROXY_STALL && v->flow != PROXY_SWALLOW)
      return "a flow can be pass, stall or swallow";
    if (v->cut >= PROXY_ACTS) return "there is no such act";
    if (v->delay_ms > 3600000 || v->jitter_ms > 3600000) return "a delay is an hour at most";
    if (v->corrupt_one_in > UINT32_MAX) return "a byte in 4294967295 is the least corruption";
    if (v->bytes_per_s > UINT32_MAX) return "a bandwidth is 4294967295 bytes a second at most";
  }
  if (!(f->kill_per_s >= 0 && f->kill_per_s <= 1)) return "a chance is 0 to 1";
  if (f->kill >= PROXY_ACTS || f->idle >= PROXY_ACTS) return "there is no such act";
  if (f->idle_ms > 86400000) return "an idle time is a day at most";
  return NULL;
}

typedef struct setting {
  const proxy_faults *faults;
  uint64_t k; /* set_one */
  bool for_all, is_good;
} setting;

static bool check(const proxy_faults *faults, char why[PROXY_WHY_BYTES]) {
  const char *wrong = faults_wrong(faults);
  if (wrong && why) snprintf(why, PROXY_WHY_BYTES, "%s", wrong);
  return !wrong;
}

static void run_set(proxy *p, void *arg) {
  setting *s = arg;
  proxy_crowd_set(&p->own.crowd, s->faults, s->for_all);
}

bool proxy_set(proxy *p, const proxy_faults *faults, char why[PROXY_WHY_BYTES]) {
  if (!check(faults, why)) return false;
  order_to(p, run_set, &(setting){.faults = faults, .for_all = true});
  return true;
}

bool proxy_set_new(proxy *p, const proxy_faults *faults, char why[PROXY_WHY_BYTES]) {
  if (!check(faults, why)) return false;
  order_to(p, run_set, &(setting){.faults = faults});
  return true;
}

static void run_set_one(proxy *p, void *arg) {
  setting *s = arg;
  s->is_good = proxy_crowd_set_one(&p->own.crowd, s->k, s->faults);
}

bool proxy_set_one(proxy *p, uint64_t k, const proxy_faults *faults, char why[PROXY_WHY_BYTES]) {
  if (!check(faults, why)) return false;
  setting s = {.faults = faults, .k = k};
  order_to(p, run_set_one, &s);
  if (!s.is_good && why)
    snprintf(why, PROXY_WHY_BYTES, "that connection is over, or too many are awaited");
  return s.is_good;
}

typedef struct doing {
  uint64_t k;
  proxy_way way;
  proxy_act act;
  unsigned count;
} doing;

static void run_do(proxy *p, void *arg) {
  doing *d = arg;
  d->count = proxy_crowd_do(&p->own.crowd, d->k, d->way, d->act);
}

unsigned proxy_do(proxy *p, uint64_t k, proxy_way way, proxy_act act) {
  doing d = {.k = k, .way = way, .act = act};
  order_to(p, run_do, &d);
  return d.count;
}

unsigned proxy_kill_all(proxy *p) {
  return proxy_do(p, 0, PROXY_UP, PROXY_RESET);
}

static void run_lead_to(proxy *p, void *arg) {
  p->own.crowd.home.to = *(const proxy_where *)arg;
}

bool proxy_lead_to(proxy *p, const char *to, char why[PROXY_WHY_BYTES]) {
  proxy_where where;
  if (!proxy_where_parse(&where, to, why)) return false;
  order_to(p, run_lead_to, &where);
  return true;
}

/* ---- figures ---- */

static void run_nothing(proxy *p, void *arg) {
  (void)p, (void)arg;
}

/* With the last turn's: whoever has seen a fault finds it counted. */
proxy_stats proxy_get_stats(proxy *p) {
  order_to(p, run_nothing, NULL);
  pthread_mutex_lock(&p->lock);
  proxy_stats stats = p->stats;
  pthread_mutex_unlock(&p->lock);
  return stats;
}

const char *proxy_counter_str(proxy_counter counter) {
  static const char *const names[PROXY_COUNTERS] = {
      "accepted",  "turned-away", "unreached", "ended",  "bytes-up", "bytes-down",
      "swallowed", "corrupted",   "cuts",      "killed", "idled",    "done"};
  return (unsigned)counter < PROXY_COUNTERS ? names[counter] : "unknown";
}

const char *proxy_act_str(proxy_act act) {
  static const char *const names[PROXY_ACTS] = {"pass",  "close",   "reset",  "shut",
                                                "stall", "swallow", "vanish", "forget"};
  return (unsigned)act < PROXY_ACTS ? names[act] : "unknown";
}

/* ---- waiting ---- */

static struct timespec after(unsigned timeout_ms) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  uint64_t ns = (uint64_t)until.tv_nsec + timeout_ms * MS_NS;
  until.tv_sec += (time_t)(ns / S_NS);
  until.tv_nsec = (long)(ns % S_NS);
  return until;
}

bool proxy_wait(proxy *p, proxy_counter counter, uint64_t least, unsigned timeout_ms) {
  struct timespec until = after(timeout_ms);
  int error = 0;
  pthread_mutex_lock(&p->lock);
  while (p->stats.count[counter] < least && !error)
    error = pthread_cond_timedwait(&p->changed, &p->lock, &until);
  bool is_so = p->stats.count[counter] >= least;
  pthread_mutex_unlock(&p->lock);
  return is_so;
}

bool proxy_wait_connections(proxy *p, unsigned open, unsigned timeout_ms) {
  struct timespec until = after(timeout_ms);
  int error = 0;
  pthread_mutex_lock(&p->lock);
  while (p->stats.open != open && !error)
    error = pthread_cond_timedwait(&p->changed, &p->lock, &until);
  bool is_so = p->stats.open == open;
  pthread_mutex_unlock(&p->lock);
  return is_so;
}

/* ---- life ---- */

static void proxy_free(proxy *p) {
  proxy_crowd_close(&p->own.crowd);
  if (p->wake >= 0) close(p->wake);
  pthread_cond_destroy(&p->changed);
  pthread_mutex_destroy(&p->lock);
  pthread_mutex_destroy(&p->turn);
  free(p);
}

static proxy *proxy_alloc(void) {
  proxy *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&p->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  pthread_mutex_init(&p->lock, NULL);
  pthread_mutex_init(&p->turn, NULL);
  return p;
}

/* Signals are the program's: the thread takes none. */
static int start_thread(proxy *p) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&p->thread, NULL, run, p);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}

static bool proxy_set_up(proxy *p, const proxy_options *o, char why[PROXY_WHY_BYTES]) {
  p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (!proxy_crowd_open(&p->own.crowd, o, why)) return false;
  proxy_where_write(&p->own.crowd.at, p->address);
  p->port = proxy_where_port(&p->own.crowd.at);
  int error = p->wake < 0 ? EMFILE : start_thread(p);
  if (error) snprintf(why, PROXY_WHY_BYTES, "no thread: %s", strerror(error));
  return !error;
}

proxy *proxy_start(const proxy_options *options, char why[PROXY_WHY_BYTES]) {
  if (!check(&options->faults, why)) return NULL;
  proxy *p = proxy_alloc();
  if (p && proxy_set_up(p, options, why)) return p;
  if (p)
    proxy_free(p);
  else
    snprintf(why, PROXY_WHY_BYTES, "out of memory");
  return NULL;
}

static void run_stop(proxy *p, void *arg) {
  (void)arg;
  p->own.is_stopping = true;
}

void proxy_stop(proxy *p) {
  if (!p) return;
  order_to(p, run_stop, NULL);
  pthread_join(p->thread, NULL);
  proxy_free(p);
}

const char *proxy_address(const proxy *p) {
  return p->address;
}

uint16_t proxy_port(const proxy *p) {
  return p->port;
}
