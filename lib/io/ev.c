/*
 * ev.c: gmux_loop on libev.
 *
 * One iteration of libev is one turn of ours:
 *
 *     before_poll   work that came about outside of a turn (the application called us from a
 *                   callback of its own, or before ev_run) is done, so that it is not slept on;
 *                   timers that became due meanwhile wait for turn_end
 *     poll
 *     turn_start    EV_MAXPRI: reads the clock
 *     ...           readiness of sockets, and the application's own watchers
 *     turn_end      EV_MINPRI: timers, posts, deferred work
 *
 * The end stands behind the callbacks and not before the next poll, because ev_run may return
 * between the two: when it was asked for a single iteration, or when the last connection closed.
 *
 * What keeps ev_run alive: open things (`open`), a set timer, deferred work. What does not: the
 * eventfd and the watchers that frame the turn, hence ev_unref.
 */
#include "lib/io/ev.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/dial.h"
#include "lib/io/listener.h"
#include "lib/io/resolver.h"
#include "lib/io/sys.h"
#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Somebody waits in gmux_loop_stop for what the loop's thread says to it. */
struct gmux__stop {
  gmux__post post;
  gmux__ev_loop *el;
  sem_t done;
  size_t users, open; /* the answer; the loop ends when both are 0 */
};

/* ---- time and waking: gmux__loop_ops ---- */

static uint64_t clock_ns(clockid_t clock) {
  struct timespec ts;
  clock_gettime(clock, &ts);
  return (uint64_t)ts.tv_sec * GMUX__NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t loop_clock(gmux_loop *loop) {
  (void)loop;
  return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t loop_wall(gmux_loop *loop) {
  (void)loop;
  return clock_ns(CLOCK_REALTIME);
}

/* libev counts from its own reading of the clock, which is older than ours, so it may come a little
 * early; on_timer has us ask again. */
static void loop_wake_at(gmux_loop *loop, uint64_t at_ns) {
  gmux__ev_loop *el = gmux__ev_loop_of(loop);
  ev_timer_stop(el->ev, &el->timer);
  if (at_ns == GMUX__NEVER) return;
  uint64_t now_ns = loop->loop.now_ns;
  double after_s = at_ns > now_ns ? (double)(at_ns - now_ns) / (double)GMUX__NS_PER_S : 0;
  ev_timer_set(&el->timer, after_s, 0.);
  ev_timer_start(el->ev, &el->timer);
}

static void loop_wake(gmux_loop *loop) {
  gmux__ev_loop *el = gmux__ev_loop_of(loop);
  uint64_t one = 1;
  ssize_t n;
  do
    n = write(el->wake_fd, &one, sizeof one);
  while (n < 0 && errno == EINTR);
  /* EAGAIN: the counter is full, so the loop is about to wake anyway. */
}

static bool loop_is_inside(const gmux_loop *loop) {
  const gmux__ev_loop *el = (const gmux__ev_loop *)(const void *)loop;
  return pthread_equal(el->owner, pthread_self());
}

void gmux__ev_hold(gmux__ev_loop *el) {
  el->open++;
  ev_ref(el->ev);
}

void gmux__ev_release(gmux__ev_loop *el) {
  assert(el->open > 0);
  el->open--;
  ev_unref(el->ev);
}

/* ---- the turn ---- */

static void stop_decide(gmux__ev_loop *el);

static void loop_end_turn(gmux__ev_loop *el) {
  if (gmux__loop_end_turn(&el->common)) {
    ev_idle_start(el->ev, &el->more);
    return;
  }
  ev_idle_stop(el->ev, &el->more);
  if (el->stop) stop_decide(el);
}

static void on_turn_start(struct ev_loop *ev, ev_check *w, int revents) {
  (void)ev, (void)revents;
  gmux__ev_loop *el = w->data;
  gmux__loop_update_now(&el->common);
}

static void on_turn_end(struct ev_loop *ev, ev_check *w, int revents) {
  (void)ev, (void)revents;
  gmux__ev_loop *el = w->data;
  gmux__loop_run_timers(&el->common);
  loop_end_turn(el);
}

static bool is_awake(gmux__ev_loop *el) {
  return gmux__vigil_is_kept(&el->vigil) &&
         gmux__vigil_goes_on(&el->vigil, gmux__loop_clock(&el->common));
}

/* No timers: when the process was busy or stopped for long, what has arrived meanwhile is read
 * first, or a live connection would be given up for silent. */
static void on_before_poll(struct ev_loop *ev, ev_prepare *w, int revents) {
  (void)ev, (void)revents;
  gmux__ev_loop *el = w->data;
  if (!gmux__loop_needs_turn(&el->common)) {
    if (is_awake(el)) ev_idle_start(el->ev, &el->more);
    return;
  }
  gmux__loop_update_now(&el->common);
  loop_end_turn(el);
  /* Callbacks have run that the application may wait for with `while (!done) ev_run(EVRUN_ONCE)`:
   * so this iteration does not wait. */
  ev_idle_start(el->ev, &el->more);
}

static void on_timer(struct ev_loop *ev, ev_timer *w, int revents) {
  (void)ev, (void)revents;
  gmux__ev_loop *el = w->data;
  el->common.loop.wake_at_ns = GMUX__NEVER;
}

static void on_woken(struct ev_loop *ev, ev_io *w, int revents) {
  (void)ev;
  gmux__ev_loop *el = w->data;
  if (revents & EV_ERROR)
    gmux__log(&el->common.loop.logger, GMUX_LOG_ERROR, "io",
              "the system refused to watch the loop's eventfd: other threads can't wake it");
  uint64_t count;
  ssize_t n = read(el->wake_fd, &count, sizeof count); /* EAGAIN does no harm */
  (void)n;
}

static void on_more(struct ev_loop *ev, ev_idle *w, int revents) {
  (void)ev, (void)w, (void)revents; /* turn_end does the work */
}

/* ---- making and ending ---- */

static int loop_stop(gmux_loop *loop);

static const gmux__loop_ops loop_ops = {
    .clock = loop_clock,
    .wall = loop_wall,
    .wake_at = loop_wake_at,
    .wake = loop_wake,
    .is_inside = loop_is_inside,
    .dial = gmux__socket_dial,
    .dial_cancel = gmux__socket_dial_cancel,
    .resolve = gmux__resolver_start,
    .resolve_cancel = gmux__resolver_cancel,
    .listen = gmux__socket_listen,
    .listener_close = gmux__socket_listener_close,
    .listener_address = gmux__socket_listener_address,
    .stop = loop_stop,
};

static void watchers_init(gmux__ev_loop *el) {
  ev_io_init(&el->woken, on_woken, el->wake_fd, EV_READ);
  ev_check_init(&el->turn_start, on_turn_start);
  ev_check_init(&el->turn_end, on_turn_end);
  ev_prepare_init(&el->before_poll, on_before_poll);
  ev_timer_init(&el->timer, on_timer, 0., 0.);
  ev_idle_init(&el->more, on_more);
  ev_set_priority(&el->turn_start, EV_MAXPRI);
  ev_set_priority(&el->turn_end, EV_MINPRI);
  ev_set_priority(&el->before_poll, EV_MINPRI);
  el->woken.data = el->turn_start.data = el->turn_end.data = el;
  el->before_poll.data = el->timer.data = el;
}

enum { FRAME_WATCHERS = 4 }; /* the eventfd's, two checks, one prepare */

/* On a thread of its own nobody but gmux_loop_stop ends ev_run. */
static void watchers_start(gmux__ev_loop *el) {
  ev_io_start(el->ev, &el->woken);
  ev_check_start(el->ev, &el->turn_start);
  ev_check_start(el->ev, &el->turn_end);
  ev_prepare_start(el->ev, &el->before_poll);
  for (int i = 0; i < FRAME_WATCHERS && !el->is_own_thread; i++)
    ev_unref(el->ev);
}

static void watchers_stop(gmux__ev_loop *el) {
  for (int i = 0; i < FRAME_WATCHERS && !el->is_own_thread; i++)
    ev_ref(el->ev);
  ev_prepare_stop(el->ev, &el->before_poll);
  ev_check_stop(el->ev, &el->turn_end);
  ev_check_stop(el->ev, &el->turn_start);
  ev_io_stop(el->ev, &el->woken);
  ev_timer_stop(el->ev, &el->timer);
  ev_idle_stop(el->ev, &el->more);
}

/* Until no thread is on its way out of gmux__loop_post: a few instructions and a write. Sleeping
 * and not yielding, or a thread of higher priority would keep it from getting there. */
static void loop_await_posters(gmux__ev_loop *el) {
  const struct timespec moment = {.tv_nsec = 10000};
  while (atomic_load_explicit(&el->common.shared.posting, memory_order_acquire) > 0)
    nanosleep(&moment, NULL);
}

/* Takes a half-built one: what is not there yet is NULL or -1. Not on a loop's own thread, which
 * this would pull from under itself; the resolver is freed there before. */
static void loop_free(gmux__ev_loop *el) {
  loop_await_posters(el);
  if (ev_is_active(&el->woken)) watchers_stop(el);
  if (el->is_own_thread && el->ev) ev_loop_destroy(el->ev);
  if (el->wake_fd >= 0) close(el->wake_fd);
  gmux__loop_deinit(&el->common);
  gmux__free(el->dns_servers);
  gmux__free(el);
}

/* `ev` NULL: it gets one of its own. Everything but the thread. */
static int loop_new(gmux__ev_loop **out, struct ev_loop *ev, const gmux_loop_options *options) {
  uint64_t seed[4];
  if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
    return gmux__fail_errno(GMUX_ERR_IO, errno, "get random bytes from the system");
  seed[0] |= 1; /* xoshiro stands still on four zeros */
  gmux__ev_loop *el = gmux__calloc(1, sizeof *el);
  if (!el) return gmux__fail_code(GMUX_ERR_NOMEM);
  el->wake_fd = -1;
  el->owner = pthread_self();
  el->is_own_thread = !ev;
  int rv = gmux__loop_init(&el->common, &loop_ops, options, seed);
  if (rv) goto fail;
  el->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (el->wake_fd < 0) {
    rv = gmux__fail_errno(GMUX_ERR_IO, errno, "open an eventfd to wake the loop with");
    goto fail;
  }
  el->ev = ev ? ev : ev_loop_new(EVFLAG_AUTO);
  if (!el->ev) {
    rv = gmux__fail(GMUX_ERR_IO, "libev can't make a loop: no descriptor left, or no backend");
    goto fail;
  }
  watchers_init(el);
  watchers_start(el);
  *out = el;
  return 0;

fail:
  loop_free(el);
  return rv;
}

int gmux_loop_attach(gmux_loop **out, struct ev_loop *ev, const gmux_loop_options *options) {
  if (!out || !ev) return gmux__fail(GMUX_ERR_INVALID, "gmux_loop_attach: out or ev is NULL");
  int rv = options ? gmux_loop_options_check(options, NULL, 0) : 0;
  if (rv) return rv;
  gmux__ev_loop *el;
  rv = loop_new(&el, ev, options);
  if (rv) return rv;
  *out = &el->common;
  return 0;
}

/* ---- a thread of its own ---- */

typedef struct loop_start {
  gmux__ev_loop *el;
  sem_t running;
} loop_start;

static void *loop_main(void *arg) {
  loop_start *start = arg;
  gmux__ev_loop *el = start->el;
  el->owner = pthread_self();
  sem_post(&start->running); /* `start` is gone from here on */
  ev_run(el->ev, 0);
  while (gmux__loop_end_turn(&el->common)) {
  }
  gmux__resolver_free(el->resolver);
  el->resolver = NULL;
  return NULL;
}

static void sem_wait_for_sure(sem_t *sem) {
  while (sem_wait(sem) != 0 && errno == EINTR) {
  }
}

/* What a thread brings upon itself. Blocked, it would end the process past the application's
 * handler (POSIX leaves it undefined): past crash reporters, and past runtimes that live on such
 * faults. */
static void signals_keep_faults(sigset_t *set) {
  static const int faults[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
    sigdelset(set, faults[i]);
}

/* The thread inherits the mask with which it is made: no signal of the application may end up on
 * it, not even for a moment. */
static int thread_create_without_signals(pthread_t *thread, void *(*fn)(void *), void *arg) {
  sigset_t blocked, before;
  sigfillset(&blocked);
  signals_keep_faults(&blocked);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  int err = pthread_create(thread, NULL, fn, arg);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return err;
}

int gmux_loop_start(gmux_loop **out, const gmux_loop_options *options) {
  if (!out) return gmux__fail(GMUX_ERR_INVALID, "gmux_loop_start: out is NULL");
  int rv = options ? gmux_loop_options_check(options, NULL, 0) : 0;
  if (rv) return rv;
  loop_start start;
  rv = loop_new(&start.el, NULL, options);
  if (rv) return rv;
  sem_init(&start.running, 0, 0);
  int err = thread_create_without_signals(&start.el->thread, loop_main, &start);
  if (!err) {
    sem_wait_for_sure(&start.running);
    pthread_setname_np(start.el->thread, "gmux");
    *out = &start.el->common;
  }
  sem_destroy(&start.running);
  if (!err) return 0;
  loop_free(start.el);
  return gmux__fail_errno(GMUX_ERR_IO, err, "start a thread for the loop");
}

/* ---- the end ---- */

static int stop_check(size_t users, size_t open) {
  if (users)
    return gmux__fail(GMUX_ERR_STATE,
                      "%zu %s not closed and freed yet (a gmux_call or gmux_server_call that was "
                      "not let go of keeps its own)",
                      users,
                      users == 1 ? "channel or server of this loop is"
                                 : "channels or servers of this loop are");
  if (open)
    return gmux__fail(GMUX_ERR_STATE, "%zu %s still open", open,
                      open == 1 ? "connection or listener of this loop is"
                                : "connections or listeners of this loop are");
  return 0;
}

static size_t loop_users(gmux__ev_loop *el) {
  return atomic_load_explicit(&el->common.shared.users, memory_order_acquire);
}

/* On the loop's thread, when all that was posted and deferred has run. */
static void stop_decide(gmux__ev_loop *el) {
  gmux__stop *stop = el->stop;
  el->stop = NULL;
  stop->users = loop_users(el);
  stop->open = el->open;
  if (!stop->users && !stop->open) ev_break(el->ev, EVBREAK_ALL);
  sem_post(&stop->done); /* `stop` is gone from here on */
}

static void stop_ask(gmux__post *post) {
  gmux__stop *stop = gmux__container(post, gmux__stop, post);
  stop->el->stop = stop;
}

static int loop_stop_thread(gmux__ev_loop *el) {
  if (loop_is_inside(&el->common))
    return gmux__fail(GMUX_ERR_DEADLOCK, "gmux_loop_stop waits for the loop's thread to end, so "
                                         "it can't be called on it");
  gmux__stop stop = {.post.fn = stop_ask, .el = el};
  sem_init(&stop.done, 0, 0);
  gmux__loop_post(&el->common, &stop.post);
  sem_wait_for_sure(&stop.done);
  sem_destroy(&stop.done);
  int rv = stop_check(stop.users, stop.open);
  if (rv) return rv;
  pthread_join(el->thread, NULL);
  loop_free(el);
  return 0;
}

static int loop_stop_attached(gmux__ev_loop *el) {
  if (!loop_is_inside(&el->common))
    return gmux__fail(GMUX_ERR_THREAD, "gmux_loop_stop of an attached loop belongs on the thread "
                                       "that runs its ev_loop");
  if (el->common.loop.depth > 0)
    return gmux__fail(GMUX_ERR_STATE, "gmux_loop_stop can't be called from a callback of gmux");
  gmux__loop_update_now(&el->common);
  while (gmux__loop_end_turn(&el->common)) {
  }
  int rv = stop_check(loop_users(el), el->open);
  if (rv) return rv;
  gmux__resolver_free(el->resolver);
  loop_free(el);
  return 0;
}

static int loop_stop(gmux_loop *loop) {
  gmux__ev_loop *el = gmux__ev_loop_of(loop);
  return el->is_own_thread ? loop_stop_thread(el) : loop_stop_attached(el);
}
