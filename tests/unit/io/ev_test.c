/* ev_test.c: a loop on libev: attached, started, woken from other threads, stopped. */
#include "lib/base/fail.h"
#include "lib/io/ev.h"
#include "lib/io/socket.h"
#include "tests/unit/fds.h"
#include "tests/unit/harness.h"
#include "tests/unit/io/net.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

static void raise_flag(void *arg) {
  *(bool *)arg = true;
}

/* ---- attached ---- */

static void ev_run_returns_when_nothing_is_open(void) {
  ev_run(net_ev, 0);
  net_server server;
  gmux__address at = net_ipv4(0);
  net_listen(&server, &at, NULL);
  net_run_turns(3);
  gmux__listener_close(server.listener);
  ev_run(net_ev, 0); /* hangs, and is killed, if something kept it alive */
  CU_ASSERT_EQUAL(gmux__ev_loop_of(net_loop)->open, 0);
}

static void close_listener(void *arg) {
  gmux__listener_close(arg);
}

static void ev_run_stays_while_a_listener_is_open(void) {
  net_server server;
  gmux__address at = net_ipv4(0);
  net_listen(&server, &at, NULL);
  gmux__timer timer;
  gmux__timer_init(&timer, close_listener, server.listener);
  gmux__timer_set(net_loop, &timer, gmux__loop_now(net_loop) + GMUX__NS_PER_MS);
  ev_run(net_ev, 0);
  CU_ASSERT_FALSE(gmux__timer_is_set(&timer)); /* else it returned too early */
}

static void a_set_timer_keeps_ev_run_until_it_has_fired(void) {
  bool fired = false;
  gmux__timer timer;
  gmux__timer_init(&timer, raise_flag, &fired);
  uint64_t at_ns = gmux__loop_now(net_loop) + 20 * GMUX__NS_PER_MS;
  gmux__timer_set(net_loop, &timer, at_ns);
  unsigned before = ev_iteration(net_ev);
  ev_run(net_ev, 0);
  CU_ASSERT_TRUE(fired);
  CU_ASSERT_TRUE(gmux__loop_now(net_loop) >= at_ns);
  CU_ASSERT_TRUE(ev_iteration(net_ev) - before < 20); /* it slept, and did not spin */
}

static void work_from_outside_of_a_turn_is_done_by_the_next_ev_run(void) {
  bool posted = false, deferred = false;
  gmux__task task;
  gmux__task_init(&task, raise_flag, &deferred);
  gmux__loop_defer(net_loop, GMUX__PHASE_DONE, &task);
  CU_ASSERT_EQUAL(gmux_loop_post(net_loop, raise_flag, &posted), 0);
  CU_ASSERT_FALSE(posted);
  ev_run(net_ev, 0);
  CU_ASSERT_TRUE(posted);
  CU_ASSERT_TRUE(deferred);
}

static void an_application_may_wait_for_a_callback_one_iteration_at_a_time(void) {
  net_server server; /* keeps ev_run alive, so that it could wait for ever */
  gmux__address at = net_ipv4(0);
  net_listen(&server, &at, NULL);
  bool posted = false;
  gmux_loop_post(net_loop, raise_flag, &posted);
  while (!posted)
    ev_run(net_ev, EVRUN_ONCE);
  bool deferred = false;
  gmux__task task;
  gmux__task_init(&task, raise_flag, &deferred);
  gmux__loop_defer(net_loop, GMUX__PHASE_DONE, &task);
  while (!deferred)
    ev_run(net_ev, EVRUN_ONCE);
  CU_ASSERT_TRUE(posted && deferred);
  gmux__listener_close(server.listener);
}

static gmux__task app_task;
static bool app_posted;

static void on_app_timer(struct ev_loop *ev, ev_timer *w, int revents) {
  (void)ev, (void)w, (void)revents;
  gmux__loop_defer(net_loop, GMUX__PHASE_DONE, &app_task);
  gmux_loop_post(net_loop, raise_flag, &app_posted);
}

static void work_from_the_applications_callback_is_done_in_the_same_iteration(void) {
  bool deferred = false;
  ev_timer timer;
  app_posted = false;
  gmux__task_init(&app_task, raise_flag, &deferred);
  ev_timer_init(&timer, on_app_timer, 0., 0.);
  ev_timer_start(net_ev, &timer);
  ev_run(net_ev, EVRUN_ONCE);
  CU_ASSERT_TRUE(deferred);
  CU_ASSERT_TRUE(app_posted);
}

/* A pulse that gives up who is silent, and the byte that says that he is not. */
static struct { bool is_heard, was_heard_in_time; } listening;

static void on_heard(void *owner, unsigned events) {
  (void)events;
  listening.is_heard = true;
  gmux__transport_want(owner, 0);
}

static void on_patience_over(void *arg) {
  *(bool *)arg = true;
  listening.was_heard_in_time = listening.is_heard;
}

/* The process was stopped, or busy, until the time was up; what came meanwhile counts first. */
static void what_has_arrived_is_read_before_timers_that_became_due_meanwhile(void) {
  gmux__address at = net_ipv4(0);
  net_pair pair = net_connect(&at);
  const gmux__slice byte = {(const uint8_t *)"x", 1};
  struct pollfd arrived = {.fd = gmux__socket_transport_fd(pair.server), .events = POLLIN};
  bool is_over = false, deferred = false;
  gmux__timer timer;
  gmux__task task;
  listening.is_heard = listening.was_heard_in_time = false;
  pair.server->owner = pair.server;
  pair.server->on_ready = on_heard;
  gmux__transport_want(pair.server, GMUX__READABLE);
  net_run_turns(1);
  CU_ASSERT_EQUAL(gmux__transport_write(pair.client, &byte, 1), 1);
  CU_ASSERT_EQUAL(poll(&arrived, 1, -1), 1);
  gmux__timer_init(&timer, on_patience_over, &is_over);
  gmux__timer_set(net_loop, &timer, gmux__loop_now(net_loop));
  gmux__task_init(&task, raise_flag, &deferred);
  gmux__loop_defer(net_loop, GMUX__PHASE_DONE, &task);
  net_run_until(&is_over);
  CU_ASSERT_TRUE(deferred);
  CU_ASSERT_TRUE(listening.was_heard_in_time);
  gmux__transport_close(pair.client);
  gmux__transport_close(pair.server);
}

/* ---- the first words of a peer on this machine ---- */

static gmux__vigil *vigil(void) {
  return &gmux__ev_loop_of(net_loop)->vigil;
}

typedef struct first_words {
  gmux__transport *transport;
  bool is_over, was_awake;
} first_words;

static void on_dialed_awake(void *arg, int error, gmux__transport *transport, const char *why) {
  (void)error, (void)why;
  first_words *w = arg;
  w->transport = transport;
  w->was_awake = gmux__vigil_is_kept(vigil());
  w->is_over = true;
}

static void who_has_connected_on_this_machine_waits_awake(void) {
  net_server server;
  gmux__address at = net_unix("x");
  gmux__dial *dial;
  first_words w = {0};
  net_listen(&server, &at, NULL);
  CU_ASSERT_EQUAL(gmux__loop_dial(net_loop, &dial, &at, NULL, on_dialed_awake, &w), 0);
  net_run_until(&w.is_over);
  CU_ASSERT_PTR_NOT_NULL(w.transport);
  CU_ASSERT_TRUE(w.was_awake);
  gmux__transport_close(w.transport);
  gmux__transport_close(net_server_take(&server));
  gmux__listener_close(server.listener);
}

static void who_was_refused_waits_for_nobody(void) {
  gmux__address at = net_unix("nobody");
  gmux__dial *dial;
  first_words w = {0};
  CU_ASSERT_EQUAL(gmux__loop_dial(net_loop, &dial, &at, NULL, on_dialed_awake, &w), 0);
  net_run_until(&w.is_over);
  CU_ASSERT_FALSE(w.was_awake);
}

static void the_first_words_end_the_vigil(void) {
  gmux__address at = net_ipv4(0);
  net_pair pair = net_connect(&at);
  const gmux__slice byte = {(const uint8_t *)"x", 1};
  listening.is_heard = false;
  pair.client->owner = pair.client;
  pair.client->on_ready = on_heard;
  gmux__transport_want(pair.client, GMUX__READABLE);
  *vigil() = (gmux__vigil){.until_ns = GMUX__NEVER};
  for (int i = 0; i < 3; i++)
    ev_run(net_ev, EVRUN_ONCE); /* hangs, and is killed, if it sleeps: nobody says anything */
  CU_ASSERT_TRUE(gmux__vigil_is_kept(vigil()));
  CU_ASSERT_EQUAL(gmux__transport_write(pair.server, &byte, 1), 1);
  net_run_until(&listening.is_heard);
  CU_ASSERT_FALSE(gmux__vigil_is_kept(vigil()));
  gmux__transport_close(pair.client);
  gmux__transport_close(pair.server);
}

static void after_a_vigil_in_vain_the_loop_sleeps(void) {
  gmux__address at = net_ipv4(0);
  net_pair pair = net_connect(&at);
  bool is_over = false;
  gmux__timer timer;
  gmux__timer_init(&timer, raise_flag, &is_over);
  gmux__timer_set(net_loop, &timer, gmux__loop_now(net_loop) + 20 * GMUX__NS_PER_MS);
  *vigil() = (gmux__vigil){.until_ns = 1};
  unsigned before = ev_iteration(net_ev);
  net_run_until(&is_over);
  CU_ASSERT_FALSE(gmux__vigil_is_kept(vigil()));
  CU_ASSERT_EQUAL(vigil()->to_skip, 1);
  CU_ASSERT_TRUE(ev_iteration(net_ev) - before < 20);
  gmux__transport_close(pair.client);
  gmux__transport_close(pair.server);
}

static void forever(void *arg) {
  gmux__task *task = arg;
  gmux__loop_defer(net_loop, GMUX__PHASE_DONE, task);
}

static void on_app_break(struct ev_loop *ev, ev_timer *w, int revents) {
  (void)w, (void)revents;
  app_posted = true;
  ev_break(ev, EVBREAK_ALL);
}

static void endless_work_does_not_starve_the_application(void) {
  gmux__task task;
  gmux__task_init(&task, forever, &task);
  gmux__loop_defer(net_loop, GMUX__PHASE_DONE, &task);
  ev_timer timer;
  app_posted = false;
  ev_timer_init(&timer, on_app_break, 0.005, 0.);
  ev_timer_start(net_ev, &timer);
  ev_run(net_ev, 0);
  CU_ASSERT_TRUE(app_posted);
  gmux__task_cancel(&task);
  net_run_turns(1);
}

static int stop_said;

static void stop_it(void *arg) {
  (void)arg;
  stop_said = gmux_loop_stop(net_loop);
}

static void an_attached_loop_is_not_stopped_from_its_callbacks(void) {
  stop_said = 0;
  gmux_loop_post(net_loop, stop_it, NULL);
  ev_run(net_ev, 0);
  CU_ASSERT_EQUAL(stop_said, GMUX_ERR_STATE);
}

static void *stop_elsewhere(void *arg) {
  (void)arg;
  stop_said = gmux_loop_stop(net_loop);
  return NULL;
}

static void an_attached_loop_is_not_stopped_from_another_thread(void) {
  pthread_t thread;
  stop_said = 0;
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, stop_elsewhere, NULL), 0);
  pthread_join(thread, NULL);
  CU_ASSERT_EQUAL(stop_said, GMUX_ERR_THREAD);
}

static void a_loop_in_use_is_not_stopped(void) {
  gmux__loop_ref(net_loop);
  CU_ASSERT_EQUAL(gmux_loop_stop(net_loop), GMUX_ERR_STATE);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(),
                         "1 channel or server of this loop is not closed and freed yet (a "
                         "gmux_call or gmux_server_call that was not let go of keeps its own)");
  gmux__loop_ref(net_loop);
  CU_ASSERT_EQUAL(gmux_loop_stop(net_loop), GMUX_ERR_STATE);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "2 channels or servers of this loop are not"));
  gmux__loop_unref(net_loop);
  gmux__loop_unref(net_loop);
  net_server server;
  gmux__address at = net_ipv4(0);
  net_listen(&server, &at, NULL);
  CU_ASSERT_EQUAL(gmux_loop_stop(net_loop), GMUX_ERR_STATE);
  CU_ASSERT_PTR_NOT_NULL(
      strstr(gmux_last_error(), "1 connection or listener of this loop is still"));
  gmux__listener_close(server.listener);
}

static void stopping_an_attached_loop_runs_what_was_posted(void) {
  bool posted = false;
  struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
  gmux_loop *loop;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_attach(&loop, ev, NULL), 0);
  gmux_loop_post(loop, raise_flag, &posted);
  CU_ASSERT_EQUAL(gmux_loop_stop(loop), 0);
  CU_ASSERT_TRUE(posted);
  ev_run(ev, 0); /* nothing of ours is left in it */
  ev_loop_destroy(ev);
}

static void two_loops_share_one_ev_loop(void) {
  gmux_loop *second;
  bool a = false, b = false;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_attach(&second, net_ev, NULL), 0);
  gmux_loop_post(net_loop, raise_flag, &a);
  gmux_loop_post(second, raise_flag, &b);
  ev_run(net_ev, 0);
  CU_ASSERT_TRUE(a && b);
  CU_ASSERT_EQUAL(gmux_loop_stop(second), 0);
}

/* ---- posts from several threads ---- */

enum { POSTERS = 4, POSTS = 10000 };

static struct {
  gmux_loop *loop;
  uintptr_t next[POSTERS]; /* expected of each; the loop's thread only */
  size_t wrong;
  atomic_size_t run, wakes;
} posts;

static void on_post(void *arg) {
  uintptr_t poster = (uintptr_t)arg % POSTERS, number = (uintptr_t)arg / POSTERS;
  if (posts.next[poster]++ != number) posts.wrong++;
  atomic_fetch_add(&posts.run, 1);
}

static void *post_many(void *arg) {
  for (uintptr_t i = 0; i < POSTS; i++)
    if (gmux_loop_post(posts.loop, on_post, (void *)(i * POSTERS + (uintptr_t)arg))) break;
  return NULL;
}

static void post_from_threads(gmux_loop *loop) {
  pthread_t threads[POSTERS];
  memset(posts.next, 0, sizeof posts.next);
  posts.loop = loop;
  posts.wrong = 0;
  atomic_store(&posts.run, 0);
  for (uintptr_t i = 0; i < POSTERS; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, post_many, (void *)i), 0);
  for (int i = 0; i < POSTERS; i++)
    pthread_join(threads[i], NULL);
}

static const gmux__loop_ops *real_ops;

static void counted_wake(gmux_loop *loop) {
  atomic_fetch_add(&posts.wakes, 1);
  real_ops->wake(loop);
}

static void posts_of_four_threads_come_in_order_and_wake_once(void) {
  real_ops = net_loop->ops;
  gmux__loop_ops counting = *real_ops;
  counting.wake = counted_wake;
  net_loop->ops = &counting;
  atomic_store(&posts.wakes, 0);
  post_from_threads(net_loop); /* while nobody runs the loop: one batch */
  CU_ASSERT_EQUAL(atomic_load(&posts.wakes), 1);
  ev_run(net_ev, 0);
  net_loop->ops = real_ops;
  CU_ASSERT_EQUAL(atomic_load(&posts.run), POSTERS * POSTS);
  CU_ASSERT_EQUAL(posts.wrong, 0);
}

static void a_started_loop_runs_the_posts_of_four_threads_in_order(void) {
  gmux_loop *loop;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&loop, NULL), 0);
  post_from_threads(loop);
  CU_ASSERT_EQUAL(gmux_loop_stop(loop), 0); /* which runs them all */
  CU_ASSERT_EQUAL(atomic_load(&posts.run), POSTERS * POSTS);
  CU_ASSERT_EQUAL(posts.wrong, 0);
}

/* A thread that has posted and is still about to wake the loop, while others see the post run and
 * stop the loop. */
static struct {
  gmux_loop *loop;
  sem_t in_wake;
  atomic_bool is_stopped, was_stopped_under_wake;
} late;

static void late_wake(gmux_loop *loop) {
  sem_post(&late.in_wake);
  /* Long enough for a loop that does not wait for us to be gone; one that does never is. */
  for (int i = 0; i < 2000 && !atomic_load(&late.is_stopped); i++)
    sched_yield();
  atomic_store(&late.was_stopped_under_wake, atomic_load(&late.is_stopped));
  if (!atomic_load(&late.is_stopped)) real_ops->wake(loop);
}

static void *post_and_wake_late(void *arg) {
  gmux__loop_post(late.loop, arg);
  return NULL;
}

static void ignore_post(gmux__post *post) {
  (void)post;
}

static void stopping_waits_for_who_is_about_to_wake_the_loop(void) {
  pthread_t poster;
  gmux__post post = {.fn = ignore_post};
  CU_ASSERT_EQUAL_FATAL(gmux_loop_attach(&late.loop, net_ev, NULL), 0);
  sem_init(&late.in_wake, 0, 0);
  atomic_store(&late.is_stopped, false);
  real_ops = late.loop->ops;
  gmux__loop_ops slow = *real_ops;
  slow.wake = late_wake;
  late.loop->ops = &slow;
  CU_ASSERT_EQUAL_FATAL(pthread_create(&poster, NULL, post_and_wake_late, &post), 0);
  while (sem_wait(&late.in_wake) != 0)
    continue;
  CU_ASSERT_EQUAL(gmux_loop_stop(late.loop), 0); /* runs the post */
  atomic_store(&late.is_stopped, true);
  pthread_join(poster, NULL);
  CU_ASSERT_FALSE(atomic_load(&late.was_stopped_under_wake));
  sem_destroy(&late.in_wake);
}

/* ---- started ---- */

typedef struct thread_view {
  gmux_loop *loop;
  sem_t seen;
  bool is_inside;
  int stop_said;
  sigset_t blocked;
  char name[16];
} thread_view;

static void look_around(void *arg) {
  thread_view *view = arg;
  view->is_inside = gmux_loop_is_inside(view->loop);
  view->stop_said = gmux_loop_stop(view->loop);
  pthread_sigmask(SIG_SETMASK, NULL, &view->blocked);
  pthread_getname_np(pthread_self(), view->name, sizeof view->name);
  sem_post(&view->seen);
}

static void wait_for(sem_t *sem) {
  while (sem_wait(sem) != 0) {
  }
}

static void a_started_loop_has_a_thread_without_signals_but_its_own_faults(void) {
  thread_view view = {.is_inside = false};
  sem_init(&view.seen, 0, 0);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&view.loop, NULL), 0);
  CU_ASSERT_FALSE(gmux_loop_is_inside(view.loop));
  gmux_loop_post(view.loop, look_around, &view);
  wait_for(&view.seen);
  CU_ASSERT_TRUE(view.is_inside);
  CU_ASSERT_EQUAL(view.stop_said, GMUX_ERR_DEADLOCK);
  CU_ASSERT_STRING_EQUAL(view.name, "gmux");
  for (int sig = 1; sig <= SIGRTMAX; sig++) {
    bool is_libcs = sig > SIGSYS && sig < SIGRTMIN; /* not ours to block */
    if (sig == SIGKILL || sig == SIGSTOP || is_libcs) continue;
    bool is_fault = sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL ||
                    sig == SIGTRAP || sig == SIGSYS || sig == SIGABRT;
    CU_ASSERT_EQUAL(sigismember(&view.blocked, sig), !is_fault);
  }
  sigset_t own;
  pthread_sigmask(SIG_SETMASK, NULL, &own);
  CU_ASSERT_EQUAL(sigismember(&own, SIGTERM), 0); /* the caller's mask is as it was */
  CU_ASSERT_EQUAL(gmux_loop_stop(view.loop), 0);
  sem_destroy(&view.seen);
}

static void a_started_loop_in_use_goes_on(void) {
  gmux_loop *loop;
  bool posted = false;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&loop, NULL), 0);
  gmux__loop_ref(loop);
  CU_ASSERT_EQUAL(gmux_loop_stop(loop), GMUX_ERR_STATE);
  gmux_loop_post(loop, raise_flag, &posted);
  gmux__loop_unref(loop);
  CU_ASSERT_EQUAL(gmux_loop_stop(loop), 0);
  CU_ASSERT_TRUE(posted);
}

static void starting_and_stopping_a_hundred_times_leaves_nothing(void) {
  size_t fds = test_count_fds();
  for (int i = 0; i < 100; i++) {
    gmux_loop *loop;
    bool posted = false;
    CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&loop, NULL), 0);
    gmux_loop_post(loop, raise_flag, &posted);
    CU_ASSERT_EQUAL(gmux_loop_stop(loop), 0);
    CU_ASSERT_TRUE(posted);
  }
  CU_ASSERT_EQUAL(test_count_fds(), fds);
}

static gmux_loop *timer_loop;
static gmux__timer thread_timer;
static sem_t timer_fired;

static void on_thread_timer(void *arg) {
  (void)arg;
  sem_post(&timer_fired);
}

static void set_thread_timer(void *arg) {
  (void)arg;
  gmux__timer_init(&thread_timer, on_thread_timer, NULL);
  gmux__timer_set(timer_loop, &thread_timer, gmux__loop_now(timer_loop) + GMUX__NS_PER_MS);
}

static void a_started_loop_wakes_for_its_timers(void) {
  sem_init(&timer_fired, 0, 0);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&timer_loop, NULL), 0);
  gmux_loop_post(timer_loop, set_thread_timer, NULL);
  wait_for(&timer_fired);
  CU_ASSERT_EQUAL(gmux_loop_stop(timer_loop), 0);
  sem_destroy(&timer_fired);
}

/* ---- what can go wrong ---- */

static int locals_live; /* read when the loop's thread has ended */

static int init_local(void **out, gmux_loop *loop) {
  *out = loop;
  locals_live++;
  return 0;
}

static void free_local(void *object) {
  (void)object;
  locals_live--;
}

static const gmux__local_kind local_kind = {init_local, free_local};

static void ask_for_local(void *arg) {
  CU_ASSERT_PTR_EQUAL(gmux__loop_local(arg, &local_kind), arg);
}

static void what_is_kept_with_a_started_loop_goes_with_it(void) {
  gmux_loop *loop;
  locals_live = 0;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&loop, NULL), 0);
  CU_ASSERT_EQUAL(gmux_loop_post(loop, ask_for_local, loop), 0);
  CU_ASSERT_EQUAL(gmux_loop_post(loop, ask_for_local, loop), 0);
  gmux__loop_ref(loop); /* not stopped yet, so nothing is freed */
  CU_ASSERT_EQUAL(gmux_loop_stop(loop), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(locals_live, 1);
  gmux__loop_unref(loop);
  CU_ASSERT_EQUAL(gmux_loop_stop(loop), 0);
  CU_ASSERT_EQUAL(locals_live, 0);
}

static void wrong_arguments_are_refused(void) {
  gmux_loop *loop = NULL;
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.read_buffer_bytes = 1;
  CU_ASSERT_EQUAL(gmux_loop_attach(NULL, net_ev, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_loop_attach(&loop, NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_loop_attach(&loop, net_ev, &o), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_loop_start(NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_loop_start(&loop, &o), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NULL(loop);
}

static void without_descriptors_the_error_says_so(void) {
  gmux_loop *loop = NULL;
  net_exhaust_fds();
  CU_ASSERT_EQUAL(gmux_loop_attach(&loop, net_ev, NULL), GMUX_ERR_IO);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "too many open files"));
  CU_ASSERT_EQUAL(gmux_loop_start(&loop, NULL), GMUX_ERR_IO);
  net_restore_fds();
  CU_ASSERT_PTR_NULL(loop);
}

static void attach_and_start(void *arg) {
  (void)arg;
  gmux_loop *loop;
  int rv = gmux_loop_attach(&loop, net_ev, NULL);
  CU_ASSERT_TRUE(rv == 0 || rv == GMUX_ERR_NOMEM);
  if (rv == 0) CU_ASSERT_EQUAL(gmux_loop_stop(loop), 0);
  rv = gmux_loop_start(&loop, NULL);
  CU_ASSERT_TRUE(rv == 0 || rv == GMUX_ERR_NOMEM);
  if (rv == 0) CU_ASSERT_EQUAL(gmux_loop_stop(loop), 0);
}

static void want_of_memory_leaves_nothing(void) {
  size_t fds = test_count_fds();
  CU_ASSERT_EQUAL(test_alloc_torture(attach_and_start, NULL), 5);
  CU_ASSERT_EQUAL(test_count_fds(), fds);
}

static const test_case cases[] = {
    TEST(ev_run_returns_when_nothing_is_open),
    TEST(ev_run_stays_while_a_listener_is_open),
    TEST(a_set_timer_keeps_ev_run_until_it_has_fired),
    TEST(work_from_outside_of_a_turn_is_done_by_the_next_ev_run),
    TEST(an_application_may_wait_for_a_callback_one_iteration_at_a_time),
    TEST(work_from_the_applications_callback_is_done_in_the_same_iteration),
    TEST(what_has_arrived_is_read_before_timers_that_became_due_meanwhile),
    TEST(who_has_connected_on_this_machine_waits_awake),
    TEST(who_was_refused_waits_for_nobody),
    TEST(the_first_words_end_the_vigil),
    TEST(after_a_vigil_in_vain_the_loop_sleeps),
    TEST(endless_work_does_not_starve_the_application),
    TEST(an_attached_loop_is_not_stopped_from_its_callbacks),
    TEST(an_attached_loop_is_not_stopped_from_another_thread),
    TEST(a_loop_in_use_is_not_stopped),
    TEST(stopping_an_attached_loop_runs_what_was_posted),
    TEST(two_loops_share_one_ev_loop),
    TEST(posts_of_four_threads_come_in_order_and_wake_once),
    TEST(a_started_loop_runs_the_posts_of_four_threads_in_order),
    TEST(stopping_waits_for_who_is_about_to_wake_the_loop),
    TEST(a_started_loop_has_a_thread_without_signals_but_its_own_faults),
    TEST(a_started_loop_in_use_goes_on),
    TEST(starting_and_stopping_a_hundred_times_leaves_nothing),
    TEST(a_started_loop_wakes_for_its_timers),
    TEST(what_is_kept_with_a_started_loop_goes_with_it),
    TEST(wrong_arguments_are_refused),
    TEST(without_descriptors_the_error_says_so),
    TEST(want_of_memory_leaves_nothing),
    TESTS_END,
};

const test_suite io_ev_suite = {"ev", cases, net_setup, net_teardown};
