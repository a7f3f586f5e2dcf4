/* proxy_link.c: see proxy_link.h. */
#include "tests/net/proxy_link.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#define MS_NS UINT64_C(1000000)
#define S_NS  UINT64_C(1000000000)

typedef enum link_state { LINK_MUTE, LINK_CONNECTING, LINK_OPEN, LINK_OVER } link_state;

typedef struct way {
  proxy_queue queue;
  bool has_ended;      /* its side has said all */
  bool is_end_a_reset; /* and not in good order */
  bool is_shut;        /* that was passed on */
  bool is_lost;        /* carries nothing any more; what comes is thrown away */
  bool is_blocked;     /* the socket it leads to takes nothing now */
  bool is_cut;         /* the cut has been done */
} way;

struct proxy_link {
  proxy_home *home;
  uint64_t number;
  link_state state;
  proxy_faults faults;
  int fd[2]; /* by side; -1: closed */
  way ways[PROXY_WAYS];
  proxy_random random; /* for its death */
  uint64_t next_kill_ns, last_byte_ns;
  bool has_idled;
};

/* ---- sides ---- */

static void side_close(proxy_link *l, int side) {
  if (l->fd[side] >= 0) close(l->fd[side]);
  l->fd[side] = -1;
}

static void side_reset(proxy_link *l, int side) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  if (l->fd[side] >= 0) setsockopt(l->fd[side], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  side_close(l, side);
}

/* A socket that is closed with unread bytes sends a RST, which could overtake what was said before:
 * those that have come are read. For more that comes later a RST is the right answer. */
static void side_close_in_order(proxy_link *l, int side) {
  char rest[4096];
  if (l->fd[side] < 0) return;
  shutdown(l->fd[side], SHUT_WR);
  while (recv(l->fd[side], rest, sizeof rest, 0) > 0) {
  }
  side_close(l, side);
}

static void link_over(proxy_link *l, void (*end)(proxy_link *l, int side)) {
  for (int side = 0; side < 2; side++)
    end(l, side);
  l->state = LINK_OVER;
}

/* ---- life ---- */

static void set_no_delay(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* fails on Unix sockets */
}

proxy_link *proxy_link_new(proxy_home *home, uint64_t number, int client,
                           const proxy_faults *faults, uint64_t now_ns) {
  proxy_link *l = calloc(1, sizeof *l);
  if (!l) {
    close(client);
    return NULL;
  }
  *l = (proxy_link){.home = home, .number = number, .fd = {client, -1}, .last_byte_ns = now_ns};
  set_no_delay(client);
  l->random.state = home->seed ^ (number * UINT64_C(0xd1342543de82ef95));
  bool is_good = true;
  for (int w = 0; w < PROXY_WAYS; w++)
    is_good &= proxy_queue_init(&l->ways[w].queue, &l->faults.way[w], home->buffer_bytes,
                                proxy_random_next(&l->random));
  if (!is_good) {
    proxy_link_free(l);
    return NULL;
  }
  proxy_link_set_faults(l, faults, now_ns);
  return l;
}

void proxy_link_free(proxy_link *l) {
  if (!l) return;
  for (int side = 0; side < 2; side++)
    side_reset(l, side);
  for (int w = 0; w < PROXY_WAYS; w++)
    proxy_queue_deinit(&l->ways[w].queue);
  free(l);
}

uint64_t proxy_link_number(const proxy_link *l) {
  return l->number;
}

bool proxy_link_is_over(const proxy_link *l) {
  return l->state == LINK_OVER;
}

/* ---- faults ---- */

void proxy_link_set_faults(proxy_link *l, const proxy_faults *faults, uint64_t now_ns) {
  l->faults = *faults;
  l->has_idled = false;
  /* Somewhere in the second, so that connections do not all die at the same moment of it. */
  l->next_kill_ns =
      faults->kill_per_s > 0 ? now_ns + proxy_random_below(&l->random, S_NS) : PROXY_NEVER_NS;
  for (int w = 0; w < PROXY_WAYS; w++) {
    l->ways[w].is_cut = false;
    proxy_queue_set_faults(&l->ways[w].queue);
  }
}

/* Nothing is carried by it any more. */
static void way_lose(way *w) {
  proxy_queue_drop(&w->queue);
  w->is_lost = true;
}

static void link_shut(proxy_link *l, int w) {
  if (l->fd[!w] >= 0) shutdown(l->fd[!w], SHUT_WR);
  l->ways[w].is_shut = true;
  way_lose(&l->ways[w]);
}

/* The side !w is gone, and whoever is at the side w is not told. */
static void link_vanish(proxy_link *l, int w) {
  side_reset(l, !w);
  l->ways[!w].has_ended = true;
  way_lose(&l->ways[w]);
  way_lose(&l->ways[!w]);
}

void proxy_link_act(proxy_link *l, proxy_way w, proxy_act act) {
  switch (act) {
  case PROXY_CLOSE:
    link_over(l, side_close_in_order);
    break;
  case PROXY_RESET:
    link_over(l, side_reset);
    break;
  case PROXY_SHUT:
    link_shut(l, (int)w);
    break;
  case PROXY_STALL:
  case PROXY_SWALLOW:
    l->faults.way[w].flow = act;
    break;
  case PROXY_VANISH:
    link_vanish(l, (int)w);
    break;
  case PROXY_FORGET:
    way_lose(&l->ways[PROXY_UP]);
    way_lose(&l->ways[PROXY_DOWN]);
    break;
  case PROXY_PASS:
  case PROXY_ACTS:
    break;
  }
}

/* What the way does now: PASS, STALL or SWALLOW. */
static proxy_act way_flow(const proxy_link *l, int w) {
  const proxy_way_faults *f = &l->faults.way[w];
  if (l->ways[w].is_lost) return PROXY_SWALLOW;
  if (l->faults.is_mute) return PROXY_STALL;
  if (f->flow == PROXY_PASS && l->ways[w].is_cut && f->cut == PROXY_SWALLOW) return PROXY_SWALLOW;
  return f->flow;
}

/* ---- connecting ---- */

static void link_unreached(proxy_link *l) {
  l->home->count[PROXY_UNREACHED]++;
  link_over(l, side_reset);
}

static bool link_is_to_connect(const proxy_link *l) {
  return l->state == LINK_MUTE && !l->faults.is_mute && !l->ways[PROXY_UP].is_lost;
}

static void link_connect(proxy_link *l) {
  const proxy_where *to = &l->home->to;
  l->fd[1] = proxy_where_socket(to);
  if (l->fd[1] < 0) {
    link_unreached(l);
    return;
  }
  set_no_delay(l->fd[1]);
  l->state = LINK_CONNECTING;
  if (connect(l->fd[1], (const struct sockaddr *)&to->storage, to->len) == 0)
    l->state = LINK_OPEN;
  else if (errno != EINPROGRESS)
    link_unreached(l);
}

static void link_connected(proxy_link *l) {
  int error = 0;
  socklen_t len = sizeof error;
  getsockopt(l->fd[1], SOL_SOCKET, SO_ERROR, &error, &len);
  if (error) {
    link_unreached(l);
    return;
  }
  l->state = LINK_OPEN;
  if (l->ways[PROXY_UP].is_shut) shutdown(l->fd[1], SHUT_WR); /* too early before */
}

/* ---- reading ---- */

static bool has_cut(const proxy_link *l, int w) {
  return l->faults.way[w].cut != PROXY_PASS && !l->ways[w].is_cut;
}

/* Of the bytes that come after the first `done` ones, how many may pass: those before a cut that is
 * to be done, or that stalls the way. */
static size_t way_passes(const proxy_link *l, int w, uint64_t done, size_t bytes) {
  const proxy_way_faults *f = &l->faults.way[w];
  bool is_bounded = has_cut(l, w) || (l->ways[w].is_cut && f->cut == PROXY_STALL);
  if (!is_bounded) return bytes;
  uint64_t left = f->cut_after > done ? f->cut_after - done : 0;
  return bytes < left ? bytes : (size_t)left;
}

static size_t way_room(const proxy_link *l, int w, uint8_t **room) {
  const proxy_queue *q = &l->ways[w].queue;
  return way_passes(l, w, q->put, proxy_queue_room(q, room));
}

static bool way_wants_to_read(const proxy_link *l, int w) {
  uint8_t *room;
  if (l->fd[w] < 0 || l->ways[w].has_ended) return false;
  if (l->state != LINK_OPEN && !l->ways[w].is_lost) return false;
  proxy_act flow = way_flow(l, w);
  return flow == PROXY_SWALLOW || (flow == PROXY_PASS && way_room(l, w, &room) > 0);
}

static void way_ended(proxy_link *l, int w, bool is_reset, uint64_t now_ns) {
  l->ways[w].has_ended = true;
  l->ways[w].is_end_a_reset |= is_reset;
  proxy_queue_put_end(&l->ways[w].queue, now_ns);
}

static void way_read(proxy_link *l, int w, uint64_t now_ns) {
  uint8_t waste[16384], *room = waste;
  bool is_swallowing = way_flow(l, w) == PROXY_SWALLOW;
  size_t most = is_swallowing ? sizeof waste : way_room(l, w, &room);
  ssize_t n = recv(l->fd[w], room, most, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  l->last_byte_ns = now_ns;
  if (n <= 0)
    way_ended(l, w, n < 0, now_ns);
  else if (is_swallowing)
    l->home->count[PROXY_SWALLOWED] += (uint64_t)n;
  else
    proxy_queue_put(&l->ways[w].queue, (size_t)n, now_ns);
}

/* ---- writing ---- */

/* Who should take it is gone, by a reset that only the first function is told of. What he said
 * before that is still passed on. */
static void way_refused(proxy_link *l, int w) {
  way_lose(&l->ways[w]);
  l->ways[!w].is_end_a_reset = true;
  if (l->ways[!w].is_shut) link_over(l, side_reset);
}

static size_t way_ready(const proxy_link *l, int w, uint64_t now_ns, const uint8_t **bytes) {
  const proxy_queue *q = &l->ways[w].queue;
  return way_passes(l, w, q->taken, proxy_queue_ready(q, now_ns, bytes));
}

static void way_write(proxy_link *l, int w, uint64_t now_ns) {
  way *v = &l->ways[w];
  const uint8_t *bytes;
  for (size_t ready; (ready = way_ready(l, w, now_ns, &bytes)) > 0;) {
    ssize_t n = send(l->fd[!w], bytes, ready, MSG_NOSIGNAL);
    v->is_blocked = n < 0 && (errno == EAGAIN || errno == EINTR);
    if (n < 0 && !v->is_blocked) way_refused(l, w);
    if (n < 0) return;
    proxy_queue_take(&v->queue, (size_t)n, now_ns);
    l->home->count[w == PROXY_UP ? PROXY_BYTES_UP : PROXY_BYTES_DOWN] += (uint64_t)n;
  }
}

/* After `cut_after` bytes, and at once when there have been more before it was asked for. */
static bool way_is_to_be_cut(const proxy_link *l, int w) {
  return has_cut(l, w) && l->ways[w].queue.taken >= l->faults.way[w].cut_after;
}

static void way_cut(proxy_link *l, int w) {
  const proxy_way_faults *f = &l->faults.way[w];
  if (!way_is_to_be_cut(l, w)) return;
  l->ways[w].is_cut = true;
  l->home->count[PROXY_CUTS]++;
  if (f->cut == PROXY_SWALLOW) proxy_queue_drop(&l->ways[w].queue);
  if (f->cut != PROXY_STALL && f->cut != PROXY_SWALLOW) proxy_link_act(l, (proxy_way)w, f->cut);
}

static void way_pass_end(proxy_link *l, int w, uint64_t now_ns) {
  way *v = &l->ways[w];
  if (v->is_shut || v->is_lost || !proxy_queue_is_at_end(&v->queue, now_ns)) return;
  if (v->is_end_a_reset) {
    link_over(l, side_reset);
    return;
  }
  v->is_shut = true;
  shutdown(l->fd[!w], SHUT_WR);
}

static void way_step(proxy_link *l, int w, bool is_readable, uint64_t now_ns) {
  uint64_t corrupted = l->ways[w].queue.corrupted;
  if (is_readable && way_wants_to_read(l, w)) way_read(l, w, now_ns);
  l->home->count[PROXY_CORRUPTED] += l->ways[w].queue.corrupted - corrupted;
  if (way_flow(l, w) == PROXY_STALL) return;
  way_write(l, w, now_ns);
  way_cut(l, w);
  if (l->state == LINK_OPEN && way_flow(l, w) == PROXY_PASS) way_pass_end(l, w, now_ns);
}

/* ---- by the clock ---- */

static void link_kill(proxy_link *l, uint64_t now_ns) {
  if (now_ns < l->next_kill_ns) return;
  l->next_kill_ns += S_NS;
  if (proxy_random_unit(&l->random) >= l->faults.kill_per_s) return;
  l->home->count[PROXY_KILLED]++;
  proxy_link_act(l, PROXY_UP, l->faults.kill ? l->faults.kill : PROXY_RESET);
}

static uint64_t idle_due_ns(const proxy_link *l) {
  if (l->faults.idle_ms == 0 || l->has_idled) return PROXY_NEVER_NS;
  return l->last_byte_ns + l->faults.idle_ms * MS_NS;
}

static void link_idle(proxy_link *l, uint64_t now_ns) {
  if (now_ns < idle_due_ns(l)) return;
  l->has_idled = true;
  l->home->count[PROXY_IDLED]++;
  proxy_link_act(l, PROXY_UP, l->faults.idle ? l->faults.idle : PROXY_CLOSE);
}

/* ---- the outside ---- */

static bool way_wants_to_write(const proxy_link *l, int w, uint64_t now_ns) {
  const uint8_t *bytes;
  return l->ways[w].is_blocked && way_flow(l, w) != PROXY_STALL && l->fd[!w] >= 0 &&
         way_ready(l, w, now_ns, &bytes) > 0;
}

void proxy_link_wants(const proxy_link *l, uint64_t now_ns, struct pollfd sides[2]) {
  for (int side = 0; side < 2; side++) {
    short events = 0;
    if (way_wants_to_read(l, side)) events |= POLLIN;
    if (way_wants_to_write(l, !side, now_ns)) events |= POLLOUT;
    if (l->state == LINK_CONNECTING && side == 1) events = POLLOUT;
    sides[side] = (struct pollfd){.fd = events ? l->fd[side] : -1, .events = events};
  }
}

static uint64_t way_due_ns(const proxy_link *l, int w) {
  const way *v = &l->ways[w];
  proxy_act flow = way_flow(l, w);
  if (l->state != LINK_OPEN || flow == PROXY_STALL) return PROXY_NEVER_NS;
  if (way_is_to_be_cut(l, w)) return 0;
  if (v->is_lost || v->is_shut || v->is_blocked) return PROXY_NEVER_NS;
  /* An end is not passed on while the way swallows, and a byte not behind a cut that stalls it. */
  if (v->queue.used == 0 ? flow != PROXY_PASS : way_passes(l, w, v->queue.taken, 1) == 0)
    return PROXY_NEVER_NS;
  return proxy_queue_due_ns(&v->queue);
}

uint64_t proxy_link_due_ns(const proxy_link *l) {
  if (link_is_to_connect(l)) return 0;
  uint64_t due = l->next_kill_ns, idle = idle_due_ns(l);
  if (idle < due) due = idle;
  for (int w = 0; w < PROXY_WAYS; w++)
    if (way_due_ns(l, w) < due) due = way_due_ns(l, w);
  return due;
}

static bool way_is_finished(const way *w) {
  return w->has_ended && (w->is_shut || w->is_lost);
}

void proxy_link_step(proxy_link *l, const struct pollfd sides[2], uint64_t now_ns) {
  if (link_is_to_connect(l)) link_connect(l);
  if (l->state == LINK_CONNECTING && sides[1].revents) link_connected(l);
  if (l->state != LINK_OVER) link_kill(l, now_ns);
  if (l->state != LINK_OVER) link_idle(l, now_ns);
  for (int w = 0; w < PROXY_WAYS; w++) {
    if (sides[!w].revents & (POLLOUT | POLLERR | POLLHUP)) l->ways[w].is_blocked = false;
    if (l->state == LINK_OPEN || l->ways[w].is_lost)
      way_step(l, w, sides[w].revents & (POLLIN | POLLERR | POLLHUP), now_ns);
  }
  if (l->state != LINK_OVER && way_is_finished(&l->ways[0]) && way_is_finished(&l->ways[1]))
    link_over(l, side_close_in_order);
}
