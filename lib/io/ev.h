/*
 * ev.h: a loop on libev, as its sockets and its resolver see it.
 *
 * libev ends the process when it runs out of memory (its own ev_set_allocator and ev_set_syserr_cb
 * are process-wide, so they are the application's to set). It allocates only when a descriptor's
 * number or the count of watchers reaches a new peak. Where a lack of descriptors would make it do
 * the same, as ev_async does, we use our own instead.
 */
#ifndef GMUX__IO_EV_H
#define GMUX__IO_EV_H

#include "lib/io/loop.h"
#include "lib/io/vigil.h"
#include <ev.h>
#include <pthread.h>

typedef struct gmux__resolver gmux__resolver;
typedef struct gmux__stop gmux__stop;

typedef struct gmux__ev_loop {
  gmux_loop common; /* first */
  struct ev_loop *ev;
  pthread_t owner;    /* the thread that runs `ev` */
  bool is_own_thread; /* started, not attached */
  pthread_t thread;   /* to join, when started */
  int wake_fd;        /* an eventfd: other threads write, `woken` reads */
  ev_io woken;
  ev_check turn_start, turn_end; /* the first and the last callback behind a poll */
  ev_prepare before_poll;
  ev_timer timer;
  ev_idle more; /* active: do not wait in poll */
  gmux__vigil vigil;
  size_t open; /* transports, dials and listeners: each keeps ev_run alive */
  gmux__stop *stop;
  gmux__resolver *resolver; /* NULL: nobody asked yet */
  char *dns_servers;        /* NULL: the system's */
} gmux__ev_loop;

static inline gmux__ev_loop *gmux__ev_loop_of(gmux_loop *loop) {
  return gmux__container(loop, gmux__ev_loop, common);
}

/* One more, one fewer thing of ours is open. */
void gmux__ev_hold(gmux__ev_loop *el);
void gmux__ev_release(gmux__ev_loop *el);

#endif
