/*
 * socket.c: a stream socket (TCP or Unix) as a transport.
 *
 * No byte leaves but through sendmsg with MSG_NOSIGNAL, so a peer that has gone is an error and
 * never a SIGPIPE. The watcher is touched only when `want` changes, and libev tells the kernel only
 * what differs at the end of a turn: a connection that just reads costs no epoll_ctl.
 */
#include "lib/io/socket.h"
#include "lib/base/alloc.h"
#include "lib/io/sockaddr.h"
#include "lib/io/sys.h"
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/uio.h>
#include <unistd.h>

typedef struct socket_transport {
  gmux__transport base; /* first */
  int fd;
  bool is_broken; /* libev could not watch it */
  ev_io io;
  unsigned wanted;
  gmux__transport_info info;
} socket_transport;

static socket_transport *socket_of(gmux__transport *t) {
  return gmux__container(t, socket_transport, base);
}

/* ---- opening ---- */

static int family_domain(gmux__family family) {
  if (family == GMUX__FAMILY_IPV4) return AF_INET;
  return family == GMUX__FAMILY_IPV6 ? AF_INET6 : AF_UNIX;
}

/*
 * What the kernel holds and has not sent yet goes ahead of everything that is written later, and by
 * itself it takes megabytes. Two frames of DATA keep it busy until we are asked for more.
 */
enum { UNSENT_BYTES = 32 * 1024 };

/* These can't fail on a TCP socket of ours with values in the ranges of our options, and if they do
 * nothing is lost but speed: a connection that died is still found by its PINGs. */
static void tcp_set(int fd, int name, uint32_t value) {
  if (value > 0) setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value);
}

static void tcp_set_options(int fd, const gmux__socket_options *options) {
  int on = 1;
  tcp_set(fd, TCP_NODELAY, 1);
  tcp_set(fd, TCP_NOTSENT_LOWAT, UNSENT_BYTES);
  if (!options) return;
  tcp_set(fd, TCP_USER_TIMEOUT, options->user_timeout_ms);
  if (options->keepalive_idle_s == 0) return;
  tcp_set(fd, TCP_KEEPIDLE, options->keepalive_idle_s);
  tcp_set(fd, TCP_KEEPINTVL, options->keepalive_interval_s);
  tcp_set(fd, TCP_KEEPCNT, options->keepalive_count);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

int gmux__socket_open(gmux__family family, const gmux__socket_options *options) {
  int domain = family_domain(family);
  int fd = socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return gmux__fail_errno(GMUX_ERR_IO, errno, "open a socket");
  if (domain != AF_UNIX) tcp_set_options(fd, options);
  return fd;
}

/* ---- gmux__transport_ops ---- */

static int socket_handshake(gmux__transport *t) {
  (void)t;
  return 0;
}

/* ETIMEDOUT: the kernel has given up, by TCP_USER_TIMEOUT or by its own keepalive. Who owns the
 * transport says whose it is. */
static int socket_fail(const char *what, int err) {
  return gmux__fail_errno(err == ETIMEDOUT ? GMUX_ERR_TIMEOUT : GMUX_ERR_IO, err, "%s", what);
}

static int socket_fail_broken(void) {
  return gmux__fail(GMUX_ERR_IO, "the system refused to watch a socket");
}

static ptrdiff_t socket_read(gmux__transport *t, uint8_t *buf, size_t len) {
  socket_transport *s = socket_of(t);
  if (s->is_broken) return socket_fail_broken();
  ssize_t n;
  do
    n = recv(s->fd, buf, len, 0);
  while (n < 0 && errno == EINTR);
  if (n > 0) return n;
  if (n == 0) return GMUX_ERR_EOF;
  if (errno == EAGAIN || errno == EWOULDBLOCK) return GMUX_ERR_AGAIN;
  return socket_fail("read", errno);
}

static ptrdiff_t socket_write(gmux__transport *t, const gmux__slice *slices, size_t count) {
  assert(count >= 1 && count <= GMUX__SLICES_MAX);
  socket_transport *s = socket_of(t);
  if (s->is_broken) return socket_fail_broken();
  struct iovec iov[GMUX__SLICES_MAX];
  for (size_t i = 0; i < count; i++)
    iov[i] =
        (struct iovec){.iov_base = (void *)(uintptr_t)slices[i].data, .iov_len = slices[i].len};
  struct msghdr msg = {.msg_iov = iov, .msg_iovlen = count};
  ssize_t n;
  do
    n = sendmsg(s->fd, &msg, MSG_NOSIGNAL | (t->is_corked ? MSG_MORE : 0));
  while (n < 0 && errno == EINTR);
  if (n >= 0) return n;
  if (errno == EAGAIN || errno == EWOULDBLOCK) return GMUX_ERR_AGAIN;
  return socket_fail("write", errno);
}

static void socket_shutdown(gmux__transport *t) {
  shutdown(socket_of(t)->fd, SHUT_WR);
}

static void socket_close(gmux__transport *t) {
  socket_transport *s = socket_of(t);
  gmux__ev_loop *el = gmux__ev_loop_of(t->loop);
  ev_io_stop(el->ev, &s->io);
  close(s->fd);
  gmux__free(s);
  gmux__ev_release(el);
}

static void socket_want(gmux__transport *t, unsigned events) {
  socket_transport *s = socket_of(t);
  if (events == s->wanted || s->is_broken) return;
  gmux__ev_loop *el = gmux__ev_loop_of(t->loop);
  s->wanted = events;
  ev_io_stop(el->ev, &s->io);
  if (!events) return;
  /* _modify and not _set: with _set libev would think that the descriptor is another one. */
  ev_io_modify(&s->io,
               (events & GMUX__READABLE ? EV_READ : 0) | (events & GMUX__WRITABLE ? EV_WRITE : 0));
  ev_io_start(el->ev, &s->io);
}

static const gmux__transport_info *socket_info(gmux__transport *t) {
  return &socket_of(t)->info;
}

/* Its watcher was never started. */
static void socket_move(gmux__transport *t, gmux_loop *loop) {
  assert(!ev_is_active(&socket_of(t)->io));
  if (t->loop) gmux__ev_release(gmux__ev_loop_of(t->loop));
  if (loop) gmux__ev_hold(gmux__ev_loop_of(loop));
  t->loop = loop;
}

static const gmux__transport_ops socket_ops = {
    .move = socket_move,
    .handshake = socket_handshake,
    .read = socket_read,
    .write = socket_write,
    .shutdown = socket_shutdown,
    .close = socket_close,
    .want = socket_want,
    .info = socket_info,
};

/* ---- making ---- */

static void on_socket(struct ev_loop *ev, ev_io *w, int revents) {
  (void)ev;
  socket_transport *s = w->data;
  gmux_loop *loop = s->base.loop;
  unsigned events =
      (revents & EV_READ ? GMUX__READABLE : 0u) | (revents & EV_WRITE ? GMUX__WRITABLE : 0u);
  /* epoll refused the descriptor (ENOSPC, ENOMEM), and libev has stopped the watcher: the owner
   * finds out by reading or writing. */
  if (revents & EV_ERROR) {
    s->is_broken = true;
    events = s->wanted;
  }
  if (events & GMUX__READABLE) gmux__vigil_end(&gmux__ev_loop_of(loop)->vigil);
  gmux__loop_enter(loop);
  s->base.on_ready(s->base.owner, events); /* may close it */
  gmux__loop_leave(loop);
}

void gmux__socket_transport_learn_local(gmux__transport *t) {
  socket_transport *s = socket_of(t);
  gmux__sockaddr sa;
  socklen_t len = sizeof sa;
  if (getsockname(s->fd, &sa.sa, &len) == 0) gmux__address_from_sockaddr(&s->info.local, &sa, len);
}

/*
 * A Unix socket takes 208 KiB, unless the system was told otherwise, and asks for more when a
 * quarter of that is left; what is written at once lies in one piece, up to half of it. Seven
 * frames of DATA fill one. Small pieces cost a call and a wake-up each. And they are other pages
 * than the peer's large ones: those that were freed by reading serve no writing, and the system has
 * to find new ones on one side while they pile up on the other.
 */
enum { UNIX_WRITE_BYTES = 112 * 1024 };

static bool family_is_tcp(gmux__family family) {
  return family == GMUX__FAMILY_IPV4 || family == GMUX__FAMILY_IPV6;
}

int gmux__socket_transport_new(gmux__transport **out, gmux__ev_loop *el, int fd,
                               const gmux__address *peer) {
  socket_transport *s = gmux__calloc(1, sizeof *s);
  if (!s) return gmux__fail_code(GMUX_ERR_NOMEM);
  s->base.ops = &socket_ops;
  s->base.loop = &el->common;
  s->fd = fd;
  s->info.peer = *peer;
  s->info.write_bytes = family_is_tcp(peer->family) ? 0 : UNIX_WRITE_BYTES;
  ev_io_init(&s->io, on_socket, fd, EV_READ);
  s->io.data = s;
  gmux__ev_hold(el);
  *out = &s->base;
  return 0;
}

/* A connect to a free port of our own ephemeral range can meet itself (simultaneous open): nobody
 * listens there. */
static bool socket_is_own_peer(const socket_transport *s) {
  return s->info.local.port != 0 && gmux__address_is_equal(&s->info.local, &s->info.peer);
}

int gmux__socket_transport_connected(gmux__transport *t) {
  gmux__socket_transport_learn_local(t);
  return socket_is_own_peer(socket_of(t)) ? ECONNREFUSED : 0;
}

int gmux__socket_transport_error(gmux__transport *t) {
  int err = 0;
  socklen_t len = sizeof err;
  return getsockopt(socket_of(t)->fd, SOL_SOCKET, SO_ERROR, &err, &len) ? errno : err;
}

int gmux__socket_transport_fd(const gmux__transport *t) {
  return ((const socket_transport *)(const void *)t)->fd;
}

void gmux__socket_transport_set_user_timeout(gmux__transport *t, uint32_t ms) {
  if (family_is_tcp(socket_of(t)->info.peer.family))
    tcp_set(socket_of(t)->fd, TCP_USER_TIMEOUT, ms);
}
