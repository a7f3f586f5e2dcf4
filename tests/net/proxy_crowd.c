/* proxy_crowd.c: see proxy_crowd.h. */
#include "tests/net/proxy_crowd.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MS_NS UINT64_C(1000000)
#define S_NS  UINT64_C(1000000000)

enum {
  BUFFER_BYTES = 262144,
  BACKLOG = 512,
  ACCEPT_AGAIN_MS = 10, /* when there was no descriptor left for one */
  FIXED_FDS = 2         /* the wake-up and the listener stand before the links */
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

static bool is_unix(const proxy_crowd *c) {
  return c->at.storage.ss_family == AF_UNIX;
}

static void unlink_at(const proxy_crowd *c) {
  if (is_unix(c)) unlink(((const struct sockaddr_un *)&c->at.storage)->sun_path);
}

static bool listener_open(proxy_crowd *c) {
  int fd = bind_at(&c->at);
  if (fd < 0) return false;
  if (listen(fd, BACKLOG) == 0) {
    c->listener = fd;
    return true;
  }
  int error = errno;
  close(fd);
  errno = error;
  return false;
}

static void listener_close(proxy_crowd *c) {
  if (c->listener >= 0) close(c->listener);
  c->listener = -1;
}

/* What the faults say of the listener. A port is held meanwhile, so it can be had again; if not,
 * nobody listens, and the test will notice. */
static void listener_follow(proxy_crowd *c) {
  bool is_open = c->listener >= 0;
  if (c->faults.is_refusing && is_open) listener_close(c);
  if (c->faults.is_refusing || is_open) return;
  unlink_at(c);
  listener_open(c);
}

/* A socket that is bound and does not listen: the port stays ours, and to connect fails. */
static bool listener_first(proxy_crowd *c, char why[PROXY_WHY_BYTES]) {
  proxy_where *at = &c->at;
  c->holder = is_unix(c) ? -1 : bind_at(at);
  if (c->holder < 0 && !is_unix(c)) return fail(why, "cannot listen there");
  if (!is_unix(c)) getsockname(c->holder, (struct sockaddr *)&at->storage, &at->len);
  if (!listener_open(c)) return fail(why, "cannot listen there");
  c->is_bound = true;
  return true;
}

/* ---- connections ---- */

static bool links_grow(proxy_crowd *c) {
  size_t room = c->link_room ? 2 * c->link_room : 16;
  proxy_link **links = realloc(c->links, room * sizeof(proxy_link *));
  if (links) c->links = links;
  struct pollfd *fds = realloc(c->fds, (FIXED_FDS + 2 * room) * sizeof *fds);
  if (fds) c->fds = fds;
  if (!links || !fds) return false;
  c->link_room = room;
  return true;
}

/* Faults that wait for the k-th connection; NULL: none do. They are used up. */
static const proxy_faults *order_for(proxy_crowd *c, uint64_t k, proxy_faults *storage) {
  for (unsigned i = 0; i < c->order_count; i++) {
    if (c->orders[i].k != k) continue;
    *storage = c->orders[i].faults;
    c->orders[i] = c->orders[--c->order_count];
    return storage;
  }
  return NULL;
}

static void turn_away(proxy_crowd *c, int client) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(client);
  c->home.count[PROXY_TURNED_AWAY]++;
  c->home.count[PROXY_ENDED]++;
}

static void link_add(proxy_crowd *c, int client) {
  uint64_t k = ++c->home.count[PROXY_ACCEPTED];
  proxy_faults ordered;
  const proxy_faults *faults = order_for(c, k, &ordered);
  unsigned most = c->faults.max_connections;
  bool has_room = c->link_count < c->link_room || links_grow(c);
  if (!has_room || (most && c->link_count >= most)) {
    turn_away(c, client);
    return;
  }
  proxy_link *l = proxy_link_new(&c->home, k, client, faults ? faults : &c->faults, c->now_ns);
  if (l)
    c->links[c->link_count++] = l;
  else
    c->home.count[PROXY_ENDED]++;
}

static void accept_all(proxy_crowd *c) {
  if (c->listener < 0 || c->now_ns < c->accept_again_ns) return;
  int client;
  while ((client = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
    link_add(c, client);
  if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
    c->accept_again_ns = c->now_ns + ACCEPT_AGAIN_MS * MS_NS;
}

void proxy_crowd_free_dead(proxy_crowd *c) {
  size_t kept = 0;
  for (size_t i = 0; i < c->link_count; i++) {
    proxy_link *l = c->links[i];
    if (!proxy_link_is_over(l)) {
      c->links[kept++] = l;
      continue;
    }
    proxy_link_free(l);
    c->home.count[PROXY_ENDED]++;
  }
  c->link_count = kept;
}

/* ---- a turn ---- */

static void read_clock(proxy_crowd *c) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  c->now_ns = (uint64_t)now.tv_sec * S_NS + (uint64_t)now.tv_nsec;
}

/* Returns when to wake up though nothing happens. */
static uint64_t fill_fds(proxy_crowd *c, int wake) {
  bool is_resting = c->now_ns < c->accept_again_ns;
  uint64_t due = is_resting ? c->accept_again_ns : PROXY_NEVER_NS;
  c->fds[0] = (struct pollfd){.fd = wake, .events = POLLIN};
  c->fds[1] = (struct pollfd){.fd = is_resting ? -1 : c->listener, .events = POLLIN};
  for (size_t i = 0; i < c->link_count; i++) {
    const proxy_link *l = c->links[i];
    proxy_link_wants(l, c->now_ns, c->fds + FIXED_FDS + 2 * i);
    uint64_t due_ns = proxy_link_due_ns(l);
    if (due_ns < due) due = due_ns;
  }
  return due;
}

bool proxy_crowd_wait(proxy_crowd *c, int wake) {
  read_clock(c);
  uint64_t due = fill_fds(c, wake), ns = due > c->now_ns ? due - c->now_ns : 0;
  struct timespec most = {.tv_sec = (time_t)(ns / S_NS), .tv_nsec = (long)(ns % S_NS)};
  size_t count = FIXED_FDS + 2 * c->link_count;
  int n = ppoll(c->fds, count, due == PROXY_NEVER_NS ? NULL : &most, NULL);
  for (size_t i = 0; n < 0 && i < count; i++)
    c->fds[i].revents = 0;
  read_clock(c);
  return c->fds[0].revents != 0;
}

/* New links are not among those that poll has looked at: they come last. */
void proxy_crowd_step(proxy_crowd *c) {
  for (size_t i = 0; i < c->link_count; i++)
    proxy_link_step(c->links[i], c->fds + FIXED_FDS + 2 * i, c->now_ns);
  proxy_crowd_free_dead(c);
  if (c->fds[1].revents) accept_all(c);
}

/* ---- faults ---- */

void proxy_crowd_set(proxy_crowd *c, const proxy_faults *faults, bool for_all) {
  c->faults = *faults;
  listener_follow(c);
  for (size_t i = 0; for_all && i < c->link_count; i++)
    proxy_link_set_faults(c->links[i], faults, c->now_ns);
}

bool proxy_crowd_set_one(proxy_crowd *c, uint64_t k, const proxy_faults *faults) {
  proxy_faults replaced;
  for (size_t i = 0; i < c->link_count; i++) {
    if (proxy_link_number(c->links[i]) != k) continue;
    proxy_link_set_faults(c->links[i], faults, c->now_ns);
    return true;
  }
  if (k <= c->home.count[PROXY_ACCEPTED]) return false;
  order_for(c, k, &replaced);
  if (c->order_count == PROXY_ORDERS_MAX) return false;
  c->orders[c->order_count++] = (proxy_order){.k = k, .faults = *faults};
  return true;
}

unsigned proxy_crowd_do(proxy_crowd *c, uint64_t k, proxy_way way, proxy_act act) {
  unsigned count = 0;
  for (size_t i = 0; i < c->link_count; i++) {
    if (k && proxy_link_number(c->links[i]) != k) continue;
    proxy_link_act(c->links[i], way, act);
    count++;
  }
  c->home.count[PROXY_DONE] += count;
  return count;
}

/* ---- life ---- */

bool proxy_crowd_open(proxy_crowd *c, const proxy_options *o, char why[PROXY_WHY_BYTES]) {
  *c = (proxy_crowd){.holder = -1, .listener = -1, .faults = o->faults};
  c->home.seed = o->seed;
  c->home.buffer_bytes = o->buffer_bytes ? o->buffer_bytes : BUFFER_BYTES;
  if (!proxy_where_parse(&c->at, o->listen, why) || !proxy_where_parse(&c->home.to, o->to, why) ||
      !listener_first(c, why))
    return false;
  listener_follow(c);
  return links_grow(c) || fail(why, "no connections");
}

void proxy_crowd_close(proxy_crowd *c) {
  for (size_t i = 0; i < c->link_count; i++)
    proxy_link_free(c->links[i]);
  if (c->is_bound) unlink_at(c);
  listener_close(c);
  if (c->holder >= 0) close(c->holder);
  free(c->links);
  free(c->fds);
}
