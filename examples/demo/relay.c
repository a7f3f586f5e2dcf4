/* relay.c: see relay.h. */
#include "examples/demo/relay.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIPE_BYTES = 65536 };

typedef struct pair pair;

/* One direction: what was read from `in` and not yet written to `out`. */
typedef struct pipe_half {
  pair *owner;
  ev_io in, out;
  size_t start, end;
  char bytes[PIPE_BYTES];
} pipe_half;

struct pair {
  relay *relay;
  pair *next; /* the oldest is the first */
  int client, server;
  bool is_silent;
  pipe_half up, down;
};

struct relay {
  struct ev_loop *ev;
  ev_io accept;
  int fd;
  uint16_t to_port;
  pair *pairs;
};

static struct sockaddr_in loopback(uint16_t port) {
  return (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

static void pair_stop(pair *p) {
  ev_io_stop(p->relay->ev, &p->up.in);
  ev_io_stop(p->relay->ev, &p->up.out);
  ev_io_stop(p->relay->ev, &p->down.in);
  ev_io_stop(p->relay->ev, &p->down.out);
}

static void pair_free(pair *p) {
  pair **at = &p->relay->pairs;
  while (*at != p)
    at = &(*at)->next;
  *at = p->next;
  pair_stop(p);
  close(p->client);
  close(p->server);
  free(p);
}

/* One side has ended, and so does the other: the relay keeps no half-open connections. */
static bool is_over(ssize_t n) {
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static void on_readable(struct ev_loop *ev, ev_io *w, int events) {
  (void)events;
  pipe_half *h = w->data;
  ssize_t n = recv(w->fd, h->bytes, sizeof h->bytes, 0);
  if (is_over(n)) {
    pair_free(h->owner);
    return;
  }
  if (n < 0) return;
  h->start = 0, h->end = (size_t)n;
  ev_io_stop(ev, &h->in);
  ev_io_start(ev, &h->out);
}

static void on_writable(struct ev_loop *ev, ev_io *w, int events) {
  (void)events;
  pipe_half *h = w->data;
  ssize_t n = send(w->fd, h->bytes + h->start, h->end - h->start, MSG_NOSIGNAL);
  if (is_over(n)) {
    pair_free(h->owner);
    return;
  }
  if (n < 0 || (h->start += (size_t)n) < h->end) return;
  ev_io_stop(ev, &h->out);
  ev_io_start(ev, &h->in);
}

static void half_init(pipe_half *h, pair *owner, int in, int out) {
  h->owner = owner;
  ev_io_init(&h->in, on_readable, in, EV_READ);
  ev_io_init(&h->out, on_writable, out, EV_WRITE);
  h->in.data = h->out.data = h;
  ev_io_start(owner->relay->ev, &h->in);
}

static int connect_to(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in to = loopback(port);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS)
    return fd;
  close(fd);
  return -1;
}

static void on_connection(struct ev_loop *ev, ev_io *w, int events) {
  (void)ev, (void)events;
  relay *r = w->data;
  int client = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client < 0) return;
  int server = connect_to(r->to_port);
  pair *p = server < 0 ? NULL : calloc(1, sizeof *p);
  if (!p) {
    close(client);
    if (server >= 0) close(server);
    return;
  }
  p->relay = r, p->client = client, p->server = server;
  pair **at = &r->pairs;
  while (*at)
    at = &(*at)->next;
  *at = p;
  half_init(&p->up, p, client, server);
  half_init(&p->down, p, server, client);
}

relay *relay_new(struct ev_loop *ev, uint16_t *port, uint16_t to_port) {
  relay *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->ev = ev, r->to_port = to_port;
  r->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = loopback(0);
  socklen_t len = sizeof at;
  if (r->fd < 0 || bind(r->fd, (struct sockaddr *)&at, len) || listen(r->fd, 64) ||
      getsockname(r->fd, (struct sockaddr *)&at, &len)) {
    if (r->fd >= 0) close(r->fd);
    free(r);
    return NULL;
  }
  *port = ntohs(at.sin_port);
  ev_io_init(&r->accept, on_connection, r->fd, EV_READ);
  r->accept.data = r;
  ev_io_start(ev, &r->accept);
  return r;
}

bool relay_blackhole_oldest(relay *r) {
  for (pair *p = r->pairs; p; p = p->next) {
    if (p->is_silent) continue;
    p->is_silent = true;
    pair_stop(p);
    return true;
  }
  return false;
}

void relay_free(relay *r) {
  if (!r) return;
  while (r->pairs)
    pair_free(r->pairs);
  ev_io_stop(r->ev, &r->accept);
  close(r->fd);
  free(r);
}
