/*
 * dial.c: a non-blocking connect.
 *
 * The transport is made before the connect, so that nothing can fail for want of memory once the
 * peer has answered: until then it is owned by the dial and waits to become writable. A connect
 * that is decided at once (Unix sockets, peers on this machine, no route) still answers from a
 * deferred task.
 *
 * TCP_USER_TIMEOUT is set when the peer has answered: it says how long written bytes may go
 * unacknowledged, and may be far shorter than a connect should be given, which Linux would hold to
 * it too.
 */
#include "lib/io/dial.h"
#include "lib/base/alloc.h"
#include "lib/io/sockaddr.h"
#include "lib/io/socket.h"
#include "lib/io/sys.h"
#include <errno.h>
#include <unistd.h>

typedef struct socket_dial {
  gmux__dial base; /* first */
  gmux__transport *transport;
  gmux__task done; /* for what connect() decided at once */
  int err;         /* its errno */
  uint32_t user_timeout_ms;
  gmux__dialed_fn fn;
  void *arg;
} socket_dial;

static void dial_succeed(socket_dial *d) {
  gmux__transport *t = d->transport;
  gmux__dialed_fn fn = d->fn;
  void *arg = d->arg;
  gmux__transport_want(t, 0);
  gmux__socket_transport_set_user_timeout(t, d->user_timeout_ms);
  t->on_ready = NULL;
  t->owner = NULL;
  gmux__free(d);
  fn(arg, 0, t, NULL);
}

static void dial_fail(socket_dial *d, int err) {
  gmux__dialed_fn fn = d->fn;
  void *arg = d->arg;
  gmux__socket_dial_cancel(&d->base);
  char why[GMUX__ERRNO_TEXT];
  int error = err == ETIMEDOUT ? GMUX_ERR_TIMEOUT : GMUX_ERR_IO;
  fn(arg, error, NULL, gmux__errno_words(err, why));
}

static void dial_end(socket_dial *d, int err) {
  if (!err) err = gmux__socket_transport_connected(d->transport);
  if (err)
    dial_fail(d, err);
  else
    dial_succeed(d);
}

static void on_dial_ready(void *owner, unsigned events) {
  (void)events;
  socket_dial *d = owner;
  dial_end(d, gmux__socket_transport_error(d->transport));
}

static void on_dial_decided(void *arg) {
  socket_dial *d = arg;
  gmux_loop *loop = d->base.loop;
  if (!d->err) gmux__vigil_begin(&gmux__ev_loop_of(loop)->vigil, gmux__loop_clock(loop));
  dial_end(d, d->err);
}

/* 0, or an errno; EINPROGRESS or EALREADY: not decided yet. */
static int connect_once(const socket_dial *d, const gmux__sockaddr *sa, socklen_t len) {
  if (connect(gmux__socket_transport_fd(d->transport), &sa->sa, len) == 0) return 0;
  /* Interrupted, it goes on in the background all the same. */
  return errno == EINTR ? EINPROGRESS : errno;
}

static bool is_decided(int err) {
  return err != EINPROGRESS && err != EALREADY;
}

/* To a peer on this machine TCP has connected before the first call returns, which says EINPROGRESS
 * all the same; the second tells, and nothing needs to be watched and polled for it. */
static int dial_connect(const socket_dial *d, const gmux__address *to) {
  gmux__sockaddr sa;
  socklen_t len = gmux__sockaddr_from(&sa, to);
  int err = connect_once(d, &sa, len);
  return is_decided(err) ? err : connect_once(d, &sa, len);
}

static int dial_new(socket_dial **out, gmux__ev_loop *el, int fd, const gmux__address *to) {
  socket_dial *d = gmux__calloc(1, sizeof *d);
  if (!d) return gmux__fail_code(GMUX_ERR_NOMEM);
  int rv = gmux__socket_transport_new(&d->transport, el, fd, to);
  if (rv) {
    gmux__free(d);
    return rv;
  }
  d->base.loop = &el->common;
  d->transport->on_ready = on_dial_ready;
  d->transport->owner = d;
  gmux__task_init(&d->done, on_dial_decided, d);
  *out = d;
  return 0;
}

int gmux__socket_dial(gmux_loop *loop, gmux__dial **out, const gmux__address *to,
                      const gmux__socket_options *options, gmux__dialed_fn fn, void *arg) {
  if (to->family == GMUX__FAMILY_NONE)
    return gmux__fail(GMUX_ERR_INVALID, "there is no address to connect to");
  gmux__socket_options connecting = options ? *options : (gmux__socket_options){0};
  connecting.user_timeout_ms = 0;
  int fd = gmux__socket_open(to->family, &connecting);
  if (fd < 0) return fd;
  socket_dial *d = NULL;
  int rv = dial_new(&d, gmux__ev_loop_of(loop), fd, to);
  if (rv) {
    close(fd);
    return rv;
  }
  d->fn = fn;
  d->arg = arg;
  d->user_timeout_ms = options ? options->user_timeout_ms : 0;
  d->err = dial_connect(d, to);
  if (is_decided(d->err))
    gmux__loop_defer(loop, GMUX__PHASE_DONE, &d->done);
  else
    gmux__transport_want(d->transport, GMUX__WRITABLE);
  *out = &d->base;
  return 0;
}

void gmux__socket_dial_cancel(gmux__dial *dial) {
  socket_dial *d = gmux__container(dial, socket_dial, base);
  gmux__task_cancel(&d->done);
  gmux__transport_close(d->transport);
  gmux__free(d);
}
