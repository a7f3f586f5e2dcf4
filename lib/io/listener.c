/* listener.c: listening sockets. */
#include "lib/io/listener.h"
#include "lib/base/alloc.h"
#include "lib/io/sockaddr.h"
#include "lib/io/socket.h"
#include "lib/io/sys.h"
#include "lib/io/unix_file.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
  ACCEPT_BATCH = 64, /* a turn, so that a storm of clients does not starve those that are in */
  ACCEPT_PAUSE_MS = 100
};

typedef struct socket_listener {
  gmux__listener base; /* first */
  int fd;              /* -1: closed */
  ev_io io;
  gmux__timer resume; /* set: paused, because the system is short of something */
  gmux__task free;
  gmux__address address;
  gmux__unix_file file;
  gmux__accepted_fn fn;
  void *arg;
} socket_listener;

static socket_listener *listener_of(gmux__listener *listener) {
  return gmux__container(listener, socket_listener, base);
}

/* ---- accepting ---- */

static void listener_accepted(socket_listener *l, int fd, const gmux__sockaddr *sa, socklen_t len) {
  gmux__address peer;
  gmux__address_from_sockaddr(&peer, sa, len);
  gmux__transport *t;
  if (gmux__socket_transport_new(&t, gmux__ev_loop_of(l->base.loop), fd, &peer)) {
    close(fd);
    gmux__log(gmux__loop_logger(l->base.loop), GMUX_LOG_WARN, "io",
              "a connection was dropped: out of memory");
    return;
  }
  gmux__socket_transport_learn_local(t);
  l->fn(l->arg, t); /* may close the listener */
}

/* The connection was lost while it waited to be accepted (accept(2) passes its errors on). */
static bool errno_is_of_one_connection(int err) {
  switch (err) {
  case EINTR:
  case ECONNABORTED:
  case EPROTO:
  case ENOPROTOOPT:
  case ENETDOWN:
  case ENETUNREACH:
  case EHOSTDOWN:
  case EHOSTUNREACH:
  case ENONET:
  case EOPNOTSUPP:
  case EPERM: /* a firewall's rule */
    return true;
  default:
    return false;
  }
}

/* The socket stays readable, so going on would spin. */
static void listener_pause(socket_listener *l, int err) {
  gmux_loop *loop = l->base.loop;
  char text[GMUX__ADDRESS_TEXT];
  gmux__fail_errno(GMUX_ERR_IO, err, "accept on %s", gmux__address_str(&l->address, text));
  gmux__log(gmux__loop_logger(loop), GMUX_LOG_WARN, "io", "%s; trying again in %d ms",
            gmux_last_error(), ACCEPT_PAUSE_MS);
  ev_io_stop(gmux__ev_loop_of(loop)->ev, &l->io);
  gmux__timer_set(loop, &l->resume, gmux__loop_now(loop) + ACCEPT_PAUSE_MS * GMUX__NS_PER_MS);
}

static void on_resume(void *arg) {
  socket_listener *l = arg;
  ev_io_start(gmux__ev_loop_of(l->base.loop)->ev, &l->io);
}

/* False: no more for now. */
static bool listener_accept_one(socket_listener *l) {
  gmux__sockaddr sa;
  socklen_t len = sizeof sa;
  int fd = accept4(l->fd, &sa.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    listener_accepted(l, fd, &sa, len);
    return true;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
  if (errno_is_of_one_connection(errno)) return true;
  listener_pause(l, errno);
  return false;
}

static void on_listener(struct ev_loop *ev, ev_io *w, int revents) {
  (void)ev;
  socket_listener *l = w->data;
  gmux_loop *loop = l->base.loop;
  gmux__loop_enter(loop);
  if (revents & EV_ERROR) listener_pause(l, EIO); /* epoll refused it: ask again */
  for (int i = 0; i < ACCEPT_BATCH && l->fd >= 0; i++)
    if (!listener_accept_one(l)) break;
  gmux__loop_leave(loop);
}

/* ---- opening ---- */

/* Options are set before the bind; what is accepted inherits TCP's. */
static void listener_set_options(int fd, const gmux__address *at) {
  static const uint8_t any[16];
  int on = 1, off = 0;
  if (at->family != GMUX__FAMILY_IPV4 && at->family != GMUX__FAMILY_IPV6) return;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (at->family == GMUX__FAMILY_IPV6 && memcmp(at->ip, any, sizeof any) == 0)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
}

static int listener_fail(const gmux__address *at, int err) {
  char text[GMUX__ADDRESS_TEXT];
  return gmux__fail_errno(err == EADDRINUSE ? GMUX_ERR_EXISTS : GMUX_ERR_IO, err, "listen on %s",
                          gmux__address_str(at, text));
}

static int listener_bind(socket_listener *l, const gmux__address *at) {
  gmux__sockaddr sa;
  socklen_t len = gmux__sockaddr_from(&sa, at);
  /* Kept, because to look at a stale file sets errno as well. */
  int err = bind(l->fd, &sa.sa, len) == 0 ? 0 : errno;
  if (err == EADDRINUSE && at->family == GMUX__FAMILY_UNIX &&
      gmux__unix_file_remove_stale(at->path))
    err = bind(l->fd, &sa.sa, len) == 0 ? 0 : errno;
  if (err) return listener_fail(at, err);
  if (at->family == GMUX__FAMILY_UNIX) gmux__unix_file_remember(&l->file, at->path);
  if (listen(l->fd, SOMAXCONN) != 0) return listener_fail(at, errno);
  len = sizeof sa;
  if (getsockname(l->fd, &sa.sa, &len) != 0) return listener_fail(at, errno);
  gmux__address_from_sockaddr(&l->address, &sa, len);
  return 0;
}

static void listener_free(void *arg) {
  gmux__free(arg);
}

static void listener_close_fd(socket_listener *l) {
  gmux__unix_file_remove(&l->file); /* first: while we listen nobody takes it for stale */
  close(l->fd);
  l->fd = -1;
}

int gmux__socket_listen(gmux_loop *loop, gmux__listener **out, const gmux__address *at,
                        const gmux__socket_options *options, gmux__accepted_fn fn, void *arg) {
  if (at->family == GMUX__FAMILY_NONE)
    return gmux__fail(GMUX_ERR_INVALID, "there is no address to listen on");
  gmux__ev_loop *el = gmux__ev_loop_of(loop);
  socket_listener *l = gmux__calloc(1, sizeof *l);
  if (!l) return gmux__fail_code(GMUX_ERR_NOMEM);
  *l = (socket_listener){.base.loop = loop, .fn = fn, .arg = arg};
  int rv = l->fd = gmux__socket_open(at->family, options);
  if (rv < 0) goto fail;
  listener_set_options(l->fd, at);
  rv = listener_bind(l, at);
  if (rv) goto fail_fd;
  gmux__timer_init(&l->resume, on_resume, l);
  gmux__task_init(&l->free, listener_free, l);
  ev_io_init(&l->io, on_listener, l->fd, EV_READ);
  l->io.data = l;
  ev_io_start(el->ev, &l->io);
  gmux__ev_hold(el);
  *out = &l->base;
  return 0;

fail_fd:
  listener_close_fd(l);
fail:
  gmux__free(l);
  return rv;
}

const gmux__address *gmux__socket_listener_address(const gmux__listener *listener) {
  return &((const socket_listener *)(const void *)listener)->address;
}

/* May be called from its own callback, in the middle of a batch: hence freed at the turn's end. */
void gmux__socket_listener_close(gmux__listener *listener) {
  socket_listener *l = listener_of(listener);
  gmux__ev_loop *el = gmux__ev_loop_of(l->base.loop);
  ev_io_stop(el->ev, &l->io);
  gmux__timer_clear(l->base.loop, &l->resume);
  listener_close_fd(l);
  gmux__loop_defer(l->base.loop, GMUX__PHASE_FREE, &l->free);
  gmux__ev_release(el);
}
