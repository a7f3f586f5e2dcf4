/*
 * hostile_foe.c: the attacker's connections: each says a round as soon as the last was taken, and
 * comes back as soon as it has been thrown out.
 */
#include "tests/bench/hostile.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FOES_MOST = 1024, DEAF_BUFFER = 4096 };

static foe foes[FOES_MOST];
static struct pollfd polled[FOES_MOST];
static board *told;
static struct sockaddr_in victim;

/* ---- coming and going ---- */

static void set_option(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);
}

/* Closing is a reset, or the ports would soon be used up by TIME_WAIT. */
static int socket_open(const attack *a) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const struct linger reset = {.l_onoff = 1};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (a->is_deaf) set_option(fd, SOL_SOCKET, SO_RCVBUF, DEAF_BUFFER);
  if (connect(fd, (const struct sockaddr *)&victim, sizeof victim) && errno != EINPROGRESS) {
    close(fd);
    return -1;
  }
  return fd;
}

static void greet(foe *f) {
  rawbuf_append(&f->out, raw_preface, RAW_PREFACE_BYTES);
  rawbuf_frame(&f->out, RAW_SETTINGS, 0, 0, NULL, 0);
}

static void foe_come(foe *f) {
  rawbuf out = f->out; /* its memory is used again */
  const attack *a = f->attack;
  out.len = 0;
  *f = (foe){.attack = a, .out = out, .next_id = 1, .fd = socket_open(a)};
  if (f->fd >= 0) (a->begin ? a->begin : greet)(f);
}

static void foe_come_back(foe *f) {
  if (f->fd >= 0) close(f->fd);
  atomic_fetch_add(&told->foe.returns, 1);
  foe_come(f);
}

/* ---- saying ---- */

static bool is_all_taken(const foe *f) {
  return f->out_at == f->out.len;
}

static void foe_say(foe *f) {
  const attack *a = f->attack;
  f->out.len = f->out_at = 0;
  a->say(f);
  f->round++;
  atomic_fetch_add(&told->foe.rounds, 1);
  f->is_done = f->out.len == 0;
  f->due_ns = a->pause_ms ? hostile_now_ns() + 1000000ull * a->pause_ms : 0;
}

/* False: the connection is over. */
static bool foe_write(foe *f) {
  ssize_t n = send(f->fd, f->out.data + f->out_at, f->out.len - f->out_at, MSG_NOSIGNAL);
  if (n < 0) return errno == EAGAIN;
  f->out_at += (size_t)n;
  atomic_fetch_add(&told->foe.bytes, (uint64_t)n);
  return true;
}

/* False: it is over, or has said its round and leaves. */
static bool foe_go_on(foe *f, uint64_t now_ns) {
  if (!is_all_taken(f)) return foe_write(f);
  if (f->attack->is_brief && (f->round > 0 || !f->attack->say)) return false;
  if (f->is_done || f->due_ns > now_ns || !f->attack->say) return true;
  foe_say(f);
  return f->is_done || foe_write(f);
}

/* ---- hearing ---- */

/* False: the connection is over. */
static bool foe_read(foe *f) {
  static char ignored[1 << 16];
  for (int i = 0; i < 4; i++) {
    ssize_t n = recv(f->fd, ignored, sizeof ignored, 0);
    if (n == 0) return false;
    if (n < 0) return errno == EAGAIN;
  }
  return true;
}

/* ---- all of them ---- */

static bool wants_to_write(const foe *f, uint64_t now_ns) {
  if (!f->is_connected || !is_all_taken(f)) return true;
  if (f->attack->is_brief) return true;
  return f->attack->say && !f->is_done && f->due_ns <= now_ns;
}

static short events_of(const foe *f, uint64_t now_ns) {
  int events = POLLRDHUP;
  if (!f->attack->is_deaf) events |= POLLIN;
  if (wants_to_write(f, now_ns)) events |= POLLOUT;
  return (short)events;
}

static bool foe_turn(foe *f, int events, uint64_t now_ns) {
  if (events & (POLLERR | POLLHUP | POLLRDHUP)) return false;
  if ((events & POLLIN) && !foe_read(f)) return false;
  if (!(events & POLLOUT)) return true;
  f->is_connected = true;
  return foe_go_on(f, now_ns);
}

static void foes_wait(unsigned count) {
  uint64_t now_ns = hostile_now_ns();
  for (unsigned i = 0; i < count; i++)
    polled[i] = (struct pollfd){.fd = foes[i].fd, .events = events_of(&foes[i], now_ns)};
  poll(polled, count, 1); /* at least: pauses, and descriptors that were missing */
}

void foe_run(const attack *a, board *b) {
  told = b;
  unsigned port = atomic_load(a->wants_tls ? &b->server.tls_port : &b->server.port);
  victim = (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t)port)};
  for (unsigned i = 0; i < a->connections; i++) {
    foes[i].attack = a;
    foe_come(&foes[i]);
  }
  for (;;) {
    foes_wait(a->connections);
    uint64_t now_ns = hostile_now_ns();
    for (unsigned i = 0; i < a->connections; i++) {
      foe *f = &foes[i];
      if (f->fd < 0 || (polled[i].revents && !foe_turn(f, polled[i].revents, now_ns)))
        foe_come_back(f);
    }
  }
}
