/*
 * raw_socket.c: what the system alone costs: messages of a fixed length, echoed over one socket,
 * epoll on both sides and no protocol at all.
 *
 *     raw_socket --listen ADDRESS          the server: any bytes come back
 *     raw_socket [OPTION]... TARGET        the client
 *
 * A message is 64 bytes longer than --size says: in place of the head that a call has.
 */
#include "tests/bench/figures.h"
#include "tests/bench/load.h"
#include "tests/bench/peers/net.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char usage[] = "usage: raw_socket --listen ADDRESS\n"
                            "       raw_socket [OPTION]... TARGET\n"
                            "Measures messages that are echoed without a protocol.\n\n" LOAD_USAGE;

enum { HEAD = 64, BUFFER = 1 << 20 };

static _Noreturn void die(const char *why) {
  fprintf(stderr, "raw_socket: no figures: %s: %s\n", why, strerror(errno));
  exit(1);
}

static void epoll_set(int epoll, int op, int fd, uint32_t events, void *user_data) {
  struct epoll_event e = {.events = events, .data.ptr = user_data};
  if (epoll_ctl(epoll, op, fd, &e)) die("epoll_ctl");
}

/* ---- the server ---- */

/* Nothing is read while something waits to be written. */
typedef struct peer {
  int fd;
  size_t len, sent;
  uint8_t bytes[BUFFER];
} peer;

static void peer_new(int epoll, int listener) {
  int fd = net_accept(listener);
  if (fd < 0) return;
  peer *p = calloc(1, sizeof *p);
  if (!p) die("out of memory");
  p->fd = fd;
  epoll_set(epoll, EPOLL_CTL_ADD, fd, EPOLLIN, p);
}

/* False: the peer has gone. */
static bool peer_read(peer *p) {
  ssize_t n = recv(p->fd, p->bytes, BUFFER, 0);
  if (n <= 0) return n < 0 && errno == EAGAIN;
  p->len = (size_t)n;
  p->sent = 0;
  return true;
}

static bool peer_write(peer *p) {
  while (p->sent < p->len) {
    ssize_t n = send(p->fd, p->bytes + p->sent, p->len - p->sent, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN;
    p->sent += (size_t)n;
  }
  return true;
}

static void peer_serve(int epoll, peer *p) {
  bool was_full = p->sent < p->len;
  if ((!was_full && !peer_read(p)) || !peer_write(p)) {
    close(p->fd);
    free(p);
    return;
  }
  bool is_full = p->sent < p->len;
  if (is_full != was_full) epoll_set(epoll, EPOLL_CTL_MOD, p->fd, is_full ? EPOLLOUT : EPOLLIN, p);
}

/* Until a signal ends the process. */
static _Noreturn void serve(const char *address) {
  int listener = net_listen(address), epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event events[64];
  epoll_set(epoll, EPOLL_CTL_ADD, listener, EPOLLIN, NULL);
  net_say_port(listener);
  for (;;) {
    int n = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < n; i++)
      if (events[i].data.ptr)
        peer_serve(epoll, events[i].data.ptr);
      else
        peer_new(epoll, listener);
  }
}

/* ---- the client ---- */

typedef struct client {
  load load;
  int fd, epoll;
  bool is_full;       /* the socket took less than there was */
  size_t message_len; /* with what stands for its head */
  uint64_t to_send, received;
  uint64_t ended;
  uint64_t *started_ns; /* by number, modulo those outstanding */
} client;

static void start_messages(client *c, uint64_t now_ns) {
  const window *w = &c->load.window;
  while (w->started - c->ended < c->load.outstanding && window_may_start(&c->load.window)) {
    c->started_ns[(w->started - 1) % c->load.outstanding] = now_ns;
    c->to_send += c->message_len;
  }
}

static void send_all(client *c) {
  static const uint8_t bytes[BUFFER];
  bool is_full = false;
  while (c->to_send && !is_full) {
    ssize_t n = send(c->fd, bytes, c->to_send < BUFFER ? c->to_send : BUFFER, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) die("send");
    if (n < 0)
      is_full = true;
    else
      c->to_send -= (uint64_t)n;
  }
  if (is_full == c->is_full) return;
  c->is_full = is_full;
  epoll_set(c->epoll, EPOLL_CTL_MOD, c->fd, is_full ? EPOLLIN | EPOLLOUT : EPOLLIN, NULL);
}

static void take_replies(client *c) {
  static uint8_t bytes[BUFFER];
  ssize_t n = recv(c->fd, bytes, BUFFER, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) die("recv");
  uint64_t now_ns = meter_clock_ns();
  for (c->received += (uint64_t)n; c->received >= c->message_len; c->received -= c->message_len)
    window_note(&c->load.window, c->started_ns[c->ended++ % c->load.outstanding], now_ns);
}

static void run(client *c) {
  struct epoll_event event;
  c->fd = net_dial(c->load.target);
  net_unblock(c->fd);
  c->epoll = epoll_create1(EPOLL_CLOEXEC);
  c->message_len = c->load.size + HEAD;
  c->started_ns = calloc(c->load.outstanding, sizeof *c->started_ns);
  if (!c->started_ns) die("memory");
  epoll_set(c->epoll, EPOLL_CTL_ADD, c->fd, EPOLLIN, NULL);
  load_watch(&c->load);
  window_begin(&c->load.window, meter_clock_ns());
  while (c->load.window.phase != WINDOW_ENDING) {
    start_messages(c, meter_clock_ns());
    send_all(c);
    epoll_wait(c->epoll, &event, 1, -1);
    take_replies(c);
  }
  load_print(&c->load, "unary", "raw-socket");
  window_print(&c->load.window);
  figures_end();
  free(c->started_ns);
}

int main(int argc, char **argv) {
  static const struct option longs[] = {
      LOAD_OPTIONS, {"listen", 1, NULL, 'l'}, {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
  static client c;
  load_init(&c.load);
  const char *address = NULL;
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == 'h') return fputs(usage, stdout), 0;
    if (o == 'l')
      address = optarg;
    else if (!load_take(&c.load, o, optarg))
      return fputs(usage, stderr), 2;
  }
  if (address && argc == optind) serve(address);
  if (address || !load_target(&c.load, argc, argv) || c.load.ca) return fputs(usage, stderr), 2;
  run(&c);
  return 0;
}
