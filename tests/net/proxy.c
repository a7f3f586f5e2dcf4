/*
 * proxy.c: see proxy.h. One thread, one poll. A function of the header is a command: it is handed
 * to the thread, which takes it between two steps, and waits until that has been done.
 */
#include "tests/net/proxy.h"
#include "tests/net/proxy_link.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MS_NS UINT64_C(1000000)
#define S_NS  UINT64_C(1000000000)

enum {
  BUFFER_BYTES = 262144,
  BACKLOG = 512,
  ORDERS_MAX = 64,      /* faults for connections to come */
  ACCEPT_AGAIN_MS = 10, /* when there was no descriptor left for one */
  FIXED_FDS = 2         /* the wake-up and the listener stand before the links */
};

typedef struct order {
  uint64_t k;
  proxy_faults faults;
} order;

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
    proxy_home home;
    proxy_where at;
    int holder, listener; /* TCP's holder keeps the port while nobody listens; -1: none */
    uint64_t now_ns, accept_again_ns;
    proxy_faults faults; /* for those to come */
    order orders[ORDERS_MAX];
    unsigned order_count;
    proxy_link **links;
    struct pollfd *fds;
    size_t link_count, link_room;
    bool is_stopping;
  } own;

  pthread_mutex_t turn; /* one command at a time */
  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t changed;
  command *command;
  proxy_stats stats;
};

/* ---- the listener ---- */

static bool fail(char why[PROXY_WHY_BYTES], const char *what) {
  snprintf(why, PROXY_WHY_BYTES, "%s: %s", what, strerror(errno));
  return false;
}

/* Bound; -1 with errno. */
static int bind_at(const proxy_where *at) {
  int fd = proxy_where_socket(at), on = 1;
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (const struct sockaddr *)&at->storage, at->len) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static bool is_unix(const proxy *p) {
  return p->own.at.storage.ss_family == AF_UNIX;
}

static void unlink_at(const proxy *p) {
  if (is_unix(p)) unlink(((const struct sockaddr_un *)&p->own.at.storage)->sun_path);
}

static bool listener_open(proxy *p) {
  int fd = bind_at(&p->own.at);
  if (fd < 0) return false;
  if (listen(fd, BACKLOG) == 0) {
    p->own.listener = fd;
    return true;
  }
  int error = errno;
  close(fd);
  errno = error;
  return false;
}

static void listener_close(proxy *p) {
  if (p->own.listener >= 0) close(p->own.listener);
  p->own.listener = -1;
}

/* What the faults say of the listener. A port is held meanwhile, so it can be had again; if not,
 * nobody listens, and the test will notice. */
static void listener_follow(proxy *p) {
  bool is_open = p->own.listener >= 0;
  if (p->own.faults.is_refusing && is_open) listener_close(p);
  if (p->own.faults.is_refusing || is_open) return;
  unlink_at(p);
  listener_open(p);
}

/* A socket that is bound and does not listen: the port stays ours, and to connect fails. */
static bool listener_first(proxy *p, char why[PROXY_WHY_BYTES]) {
  proxy_where *at = &p->own.at;
  p->own.holder = is_unix(p) ? -1 : bind_at(at);
  if (p->own.holder < 0 && !is_unix(p)) return fail(why, "cannot listen there");
  if (!is_unix(p)) getsockname(p->own.holder, (struct sockaddr *)&at->storage, &at->len);
  if (!listener_open(p)) return fail(why, "cannot listen there");
  proxy_where_write(at, p->address);
  p->port = proxy_where_port(at);
  return true;
}

/* ---- connections ---- */

static bool links_grow(proxy *p) {
  size_t room = p->own.link_room ? 2 * p->own.link_room : 16;
  proxy_link **links = realloc(p->own.links, room * sizeof(proxy_link *));
  if (links) p->own.links = links;
  struct pollfd *fds = realloc(p->own.fds, (FIXED_FDS + 2 * room) * sizeof *fds);
  if (fds) p->own.fds = fds;
  if (!links || !fds) return false;
  p->own.link_room = room;
  return true;
}

/* Faults that wait for the k-th connection; NULL: none do. They are used up. */
static const proxy_faults *order_for(proxy *p, uint64_t k, proxy_faults *storage) {
  for (unsigned i = 0; i < p->own.order_count; i++) {
    if (p->own.orders[i].k != k) continue;
    *storage = p->own.orders[i].faults;
    p->own.orders[i] = p->own.orders[--p->own.order_count];
    return storage;
  }
  return NULL;
}

static void turn_away(proxy *p, int client) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(client);
  p->own.home.count[PROXY_TURNED_AWAY]++;
  p->own.home.count[PROXY_ENDED]++;
}

static void link_add(proxy *p, int client) {
  uint64_t k = ++p->own.home.count[PROXY_ACCEPTED];
  proxy_faults ordered;
  const proxy_faults *faults = order_for(p, k, &ordered);
  unsigned most = p->own.faults.max_connections;
  bool has_room = p->own.link_count < p->own.link_room || links_grow(p);
  if (!has_room || (most && p->own.link_count >= most)) {
    turn_away(p, client);
    return;
  }
  proxy_link *l =
      proxy_link_new(&p->own.home, k, client, faults ? faults : &p->own.faults, p->own.now_ns);
  if (l)
    p->own.links[p->own.link_count++] = l;
  else
    p->own.home.count[PROXY_ENDED]++;
}

static void accept_all(proxy *p) {
  if (p->own.listener < 0 || p->own.now_ns < p->own.accept_again_ns) return;
  int client;
  while ((client = accept4(p->own.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
    link_add(p, client);
  if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
    p->own.accept_again_ns = p->own.now_ns + ACCEPT_AGAIN_MS * MS_NS;
}

static void links_step(proxy *p) {
  for (size_t i = 0; i < p->own.link_count; i++)
    proxy_link_step(p->own.links[i], p->own.fds + FIXED_FDS + 2 * i, p->own.now_ns);
}

static void links_free_dead(proxy *p) {
  size_t kept = 0;
  for (size_t i = 0; i < p->own.link_count; i++) {
    proxy_link *l = p->own.links[i];
    if (!proxy_link_is_over(l)) {
      p->own.links[kept++] = l;
      continue;
    }
    proxy_link_free(l);
    p->own.home.count[PROXY_ENDED]++;
  }
  p->own.link_count = kept;
}

/* ---- the thread ---- */

static void read_clock(proxy *p) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  p->own.now_ns = (uint64_t)now.tv_sec * S_NS + (uint64_t)now.tv_nsec;
}

/* Returns when to wake up though nothing happens. */
static uint64_t fill_fds(proxy *p) {
  bool is_resting = p->own.now_ns < p->own.accept_again_ns;
  uint64_t due = is_resting ? p->own.accept_again_ns : PROXY_NEVER_NS;
  p->own.fds[0] = (struct pollfd){.fd = p->wake, .events = POLLIN};
  p->own.fds[1] = (struct pollfd){.fd = is_resting ? -1 : p->own.listener, .events = POLLIN};
  for (size_t i = 0; i < p->own.link_count; i++) {
    const proxy_link *l = p->own.links[i];
    proxy_link_wants(l, p->own.now_ns, p->own.fds + FIXED_FDS + 2 * i);
    uint64_t due_ns = proxy_link_due_ns(l);
    if (due_ns < due) due = due_ns;
  }
  return due;
}

static void wait_for_something(proxy *p) {
  uint64_t due = fill_fds(p), ns = due > p->own.now_ns ? due - p->own.now_ns : 0;
  struct timespec most = {.tv_sec = (time_t)(ns / S_NS), .tv_nsec = (long)(ns % S_NS)};
  int n = ppoll(p->own.fds, FIXED_FDS + 2 * p->own.link_count, due == PROXY_NEVER_NS ? NULL : &most,
                NULL);
  for (size_t i = 0; n < 0 && i < FIXED_FDS + 2 * p->own.link_count; i++)
    p->own.fds[i].revents = 0;
  read_clock(p);
}

static void publish(proxy *p) {
  if (memcmp(p->stats.count, p->own.home.count, sizeof p->stats.count) == 0 &&
      p->stats.open == p->own.link_count)
    return;
  memcpy(p->stats.count, p->own.home.count, sizeof p->stats.count);
  p->stats.open = (unsigned)p->own.link_count;
  pthread_cond_broadcast(&p->changed);
}

/* Connections that were there when the command was given are there for the command. */
static void take_command(proxy *p) {
  uint64_t ignored;
  if (read(p->wake, &ignored, sizeof ignored) < 0) return;
  accept_all(p);
  pthread_mutex_lock(&p->lock);
  command *c = p->command;
  pthread_mutex_unlock(&p->lock);
  if (!c) return;
  c->run(p, c->arg);
  links_free_dead(p);
  pthread_mutex_lock(&p->lock);
  publish(p);
  p->command = NULL;
  pthread_cond_broadcast(&p->changed);
  pthread_mutex_unlock(&p->lock);
}

/* New links come into the list behind those that poll has looked at, and a command may take some
 * out: so both are done when the steps are. */
static void *run(void *arg) {
  proxy *p = arg;
  read_clock(p);
  while (!p->own.is_stopping) {
    wait_for_something(p);
    links_step(p);
    links_free_dead(p);
    if (p->own.fds[1].revents) accept_all(p);
    if (p->own.fds[0].revents) take_command(p);
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
  p->own.faults = *s->faults;
  listener_follow(p);
  for (size_t i = 0; s->for_all && i < p->own.link_count; i++)
    proxy_link_set_faults(p->own.links[i], s->faults, p->own.now_ns);
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

static proxy_link *find_link(proxy *p, uint64_t k) {
  for (size_t i = 0; i < p->own.link_count; i++)
    if (proxy_link_number(p->own.links[i]) == k) return p->own.links[i];
  return NULL;
}

static void run_set_one(proxy *p, void *arg) {
  setting *s = arg;
  proxy_link *l = find_link(p, s->k);
  bool is_to_come = s->k > p->own.home.count[PROXY_ACCEPTED];
  proxy_faults replaced;
  s->is_good = l || is_to_come;
  if (l) proxy_link_set_faults(l, s->faults, p->own.now_ns);
  if (!is_to_come) return;
  order_for(p, s->k, &replaced);
  s->is_good = p->own.order_count < ORDERS_MAX;
  if (s->is_good) p->own.orders[p->own.order_count++] = (order){.k = s->k, .faults = *s->faults};
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
  for (size_t i = 0; i < p->own.link_count; i++) {
    if (d->k && proxy_link_number(p->own.links[i]) != d->k) continue;
    proxy_link_act(p->own.links[i], d->way, d->act);
    p->own.home.count[PROXY_DONE]++;
    d->count++;
  }
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
  p->own.home.to = *(const proxy_where *)arg;
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
  for (size_t i = 0; i < p->own.link_count; i++)
    proxy_link_free(p->own.links[i]);
  if (p->own.listener >= 0 || p->own.faults.is_refusing) unlink_at(p);
  listener_close(p);
  if (p->own.holder >= 0) close(p->own.holder);
  if (p->wake >= 0) close(p->wake);
  free(p->own.links);
  free(p->own.fds);
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
  p->own.holder = p->own.listener = -1;
  p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
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
  p->own.home.seed = o->seed;
  p->own.home.buffer_bytes = o->buffer_bytes ? o->buffer_bytes : BUFFER_BYTES;
  if (!check(&o->faults, why) || !proxy_where_parse(&p->own.at, o->listen, why) ||
      !proxy_where_parse(&p->own.home.to, o->to, why) || !listener_first(p, why))
    return false;
  p->own.faults = o->faults;
  listener_follow(p);
  if (p->wake < 0 || !links_grow(p)) return fail(why, "no descriptor or no memory left");
  errno = start_thread(p);
  return !errno || fail(why, "cannot start a thread");
}

proxy *proxy_start(const proxy_options *options, char why[PROXY_WHY_BYTES]) {
  proxy *p = proxy_alloc();
  if (!p) {
    snprintf(why, PROXY_WHY_BYTES, "out of memory");
    return NULL;
  }
  if (proxy_set_up(p, options, why)) return p;
  proxy_free(p);
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
