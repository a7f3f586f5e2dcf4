/*
 * loop.c: what every loop has, whatever time and network are made of: the turn, posts from other
 * threads, random numbers, and the way to the implementation.
 */
#include "lib/io/loop.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <assert.h>
#include <stdatomic.h>

/* A callback that starts a call that fails at once that starts a call... gets this many answers
 * before the sockets are looked at again. */
enum { LOOP_ROUNDS = 16 };

int gmux__loop_init(gmux_loop *loop, const gmux__loop_ops *ops, const gmux_loop_options *options,
                    const uint64_t seed[4]) {
  gmux_loop_options o = gmux__loop_options_read(options);
  *loop = (gmux_loop){.ops = ops};
  loop->loop.read_buffer = gmux__malloc(o.read_buffer_bytes);
  if (!loop->loop.read_buffer) return gmux__fail_code(GMUX_ERR_NOMEM);
  loop->loop.read_buffer_len = o.read_buffer_bytes;
  loop->loop.logger = (gmux__logger){o.log, o.log_user_data, o.log_level};
  loop->loop.max_dialing = o.max_dialing;
  loop->loop.dial_rate_per_s = o.dial_rate_per_s;
  loop->loop.wake_at_ns = GMUX__NEVER;
  for (int i = 0; i < 4; i++)
    loop->loop.random[i] = seed[i];
  atomic_init(&loop->shared.posts, NULL);
  atomic_init(&loop->shared.posting, 0);
  atomic_init(&loop->shared.users, 0);
  gmux__loop_update_now(loop);
  return 0;
}

static void loop_free_locals(gmux_loop *loop) {
  while (loop->loop.local_count > 0) {
    const gmux__local *local = &loop->loop.locals[--loop->loop.local_count];
    local->kind->free(local->object);
  }
}

void gmux__loop_deinit(gmux_loop *loop) {
  assert(!atomic_load(&loop->shared.posts));
  assert(!atomic_load(&loop->shared.posting));
  assert(!atomic_load(&loop->shared.users));
  assert(!loop->loop.timers);
  loop_free_locals(loop);
  gmux__free(loop->loop.read_buffer);
  loop->loop.read_buffer = NULL;
}

/* ---- time and chance ---- */

void gmux__loop_update_now(gmux_loop *loop) {
  uint64_t now_ns = loop->ops->clock(loop);
  if (now_ns > loop->loop.now_ns) loop->loop.now_ns = now_ns;
}

uint64_t gmux__loop_clock(gmux_loop *loop) {
  return loop->ops->clock(loop);
}

uint64_t gmux__loop_wall(gmux_loop *loop, uint64_t at_ns) {
  return loop->ops->wall(loop) - (loop->ops->clock(loop) - at_ns);
}

static uint64_t rotate_left(uint64_t x, unsigned by) {
  return (x << by) | (x >> (64 - by));
}

uint64_t gmux__loop_number(gmux_loop *loop) {
  return ++loop->loop.last_number;
}

/* xoshiro256** (Blackman and Vigna, public domain): fast, and good enough for jitter. */
uint64_t gmux__loop_random(gmux_loop *loop) {
  uint64_t *s = loop->loop.random;
  uint64_t result = rotate_left(s[1] * 5, 7) * 9;
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate_left(s[3], 45);
  return result;
}

/* ---- the turn ---- */

void gmux__task_init(gmux__task *task, void (*fn)(void *arg), void *arg) {
  *task = (gmux__task){.fn = fn, .arg = arg};
}

void gmux__loop_defer(gmux_loop *loop, gmux__phase phase, gmux__task *task) {
  assert(loop->ops->is_inside(loop));
  if (gmux__task_is_deferred(task)) return;
  gmux__list_append(&loop->loop.tasks[phase], &task->link);
}

void gmux__task_cancel(gmux__task *task) {
  gmux__list_remove(&task->link);
}

/* What is deferred to the phase while it runs waits for the next round: the count bounds it. */
static void loop_run_phase(gmux_loop *loop, gmux__phase phase) {
  gmux__list *tasks = &loop->loop.tasks[phase];
  for (size_t left = tasks->count; left > 0; left--) {
    gmux__link *link = gmux__list_shift(tasks);
    if (!link) return; /* others were cancelled meanwhile */
    gmux__task *task = gmux__container(link, gmux__task, link);
    task->fn(task->arg); /* may free it */
  }
}

static bool loop_has_posts(const gmux_loop *loop) {
  return atomic_load_explicit(&loop->shared.posts, memory_order_relaxed) != NULL;
}

static bool loop_has_work(const gmux_loop *loop) {
  return loop_has_posts(loop) || !gmux__list_is_empty(&loop->loop.tasks[GMUX__PHASE_DONE]) ||
         !gmux__list_is_empty(&loop->loop.tasks[GMUX__PHASE_WRITE]);
}

static bool loop_is_unfinished(const gmux_loop *loop) {
  return loop_has_work(loop) || !gmux__list_is_empty(&loop->loop.tasks[GMUX__PHASE_FREE]);
}

static uint64_t loop_next_timer(const gmux_loop *loop) {
  return loop->loop.timers ? loop->loop.timers->at_ns : GMUX__NEVER;
}

static void loop_tell_wake_at(gmux_loop *loop) {
  uint64_t at_ns = loop_next_timer(loop);
  if (at_ns == loop->loop.wake_at_ns) return;
  loop->loop.wake_at_ns = at_ns;
  loop->ops->wake_at(loop, at_ns);
}

bool gmux__loop_end_turn(gmux_loop *loop) {
  gmux__loop_enter(loop);
  for (int round = 0; round < LOOP_ROUNDS && loop_has_work(loop); round++) {
    gmux__loop_run_posts(loop);
    loop_run_phase(loop, GMUX__PHASE_DONE);
    loop_run_phase(loop, GMUX__PHASE_WRITE);
  }
  loop_run_phase(loop, GMUX__PHASE_FREE);
  gmux__loop_leave(loop);
  loop_tell_wake_at(loop);
  return loop_is_unfinished(loop);
}

bool gmux__loop_needs_turn(const gmux_loop *loop) {
  return loop_is_unfinished(loop) || loop_next_timer(loop) != loop->loop.wake_at_ns;
}

/* ---- other threads ---- */

/*
 * Posts are a stack that any thread pushes onto and the loop takes whole, so there is no ABA and
 * no lock; turned round, the posts of one thread are in order. Only the push that finds it empty
 * wakes the loop: whoever finds something there knows that a wake-up is under way. A push from
 * inside a turn needs none, because the turn's end looks once more.
 *
 * Between the push and the wake-up the loop may run the post and somebody who learns of it may stop
 * the loop. `posting` has him wait until nobody here looks at the loop any more.
 */
static void loop_push(gmux_loop *loop, gmux__post *post) {
  gmux__post *top = atomic_load_explicit(&loop->shared.posts, memory_order_relaxed);
  do
    post->next = top;
  while (!atomic_compare_exchange_weak_explicit(&loop->shared.posts, &top, post,
                                                memory_order_release, memory_order_relaxed));
  /* `post` may be gone by now. */
  if (top) return;
  if (loop->ops->is_inside(loop) && loop->loop.depth > 0) return;
  loop->ops->wake(loop);
}

void gmux__loop_post(gmux_loop *loop, gmux__post *post) {
  atomic_fetch_add_explicit(&loop->shared.posting, 1, memory_order_relaxed);
  loop_push(loop, post);
  atomic_fetch_sub_explicit(&loop->shared.posting, 1, memory_order_release);
}

static gmux__post *posts_reverse(gmux__post *post) {
  gmux__post *reversed = NULL;
  while (post) {
    gmux__post *next = post->next;
    post->next = reversed;
    reversed = post;
    post = next;
  }
  return reversed;
}

void gmux__loop_run_posts(gmux_loop *loop) {
  gmux__post *stack = atomic_exchange_explicit(&loop->shared.posts, NULL, memory_order_acquire);
  gmux__post *post = posts_reverse(stack);
  gmux__loop_enter(loop);
  while (post) {
    gmux__post *next = post->next;
    post->fn(post); /* may free it */
    post = next;
  }
  gmux__loop_leave(loop);
}

typedef struct user_post {
  gmux__post post;
  void (*fn)(void *arg);
  void *arg;
} user_post;

static void user_post_run(gmux__post *post) {
  user_post *up = gmux__container(post, user_post, post);
  void (*fn)(void *) = up->fn;
  void *arg = up->arg;
  gmux__free(up);
  fn(arg);
}

int gmux_loop_post(gmux_loop *loop, void (*fn)(void *arg), void *arg) {
  if (!loop || !fn) return gmux__fail(GMUX_ERR_INVALID, "gmux_loop_post: loop or fn is NULL");
  user_post *up = gmux__malloc(sizeof *up);
  if (!up) return gmux__fail_code(GMUX_ERR_NOMEM);
  *up = (user_post){.post.fn = user_post_run, .fn = fn, .arg = arg};
  gmux__loop_post(loop, &up->post);
  return 0;
}

/* ---- what every loop has ---- */

bool gmux_loop_is_inside(const gmux_loop *loop) {
  return loop && loop->ops->is_inside(loop);
}

int gmux_loop_stop(gmux_loop *loop) {
  return loop ? loop->ops->stop(loop) : 0;
}

uint8_t *gmux__loop_read_buffer(gmux_loop *loop, size_t *len) {
  *len = loop->loop.read_buffer_len;
  return loop->loop.read_buffer;
}

const gmux__logger *gmux__loop_logger(const gmux_loop *loop) {
  return &loop->loop.logger;
}

void gmux__loop_ref(gmux_loop *loop) {
  atomic_fetch_add_explicit(&loop->shared.users, 1, memory_order_relaxed);
}

void gmux__loop_unref(gmux_loop *loop) {
  size_t users = atomic_fetch_sub_explicit(&loop->shared.users, 1, memory_order_release);
  assert(users > 0);
  (void)users;
}

uint32_t gmux__loop_max_dialing(const gmux_loop *loop) {
  return loop->loop.max_dialing;
}

uint32_t gmux__loop_dial_rate(const gmux_loop *loop) {
  return loop->loop.dial_rate_per_s;
}

/* Stored last: `init` may ask for a local of another kind. */
static void *loop_make_local(gmux_loop *loop, const gmux__local_kind *kind) {
  void *object;
  if (kind->init(&object, loop)) return NULL;
  assert(loop->loop.local_count < GMUX__LOCALS_MAX);
  loop->loop.locals[loop->loop.local_count++] = (gmux__local){kind, object};
  return object;
}

void *gmux__loop_local(gmux_loop *loop, const gmux__local_kind *kind) {
  assert(loop->ops->is_inside(loop));
  for (size_t i = 0; i < loop->loop.local_count; i++)
    if (loop->loop.locals[i].kind == kind) return loop->loop.locals[i].object;
  return loop_make_local(loop, kind);
}

/* ---- network: the implementation's ---- */

int gmux__loop_dial(gmux_loop *loop, gmux__dial **out, const gmux__address *to,
                    const gmux__socket_options *options, gmux__dialed_fn fn, void *arg) {
  return loop->ops->dial(loop, out, to, options, fn, arg);
}

void gmux__dial_cancel(gmux__dial *dial) {
  if (dial) dial->loop->ops->dial_cancel(dial);
}

int gmux__loop_resolve(gmux_loop *loop, gmux__resolve **out, const char *host, uint16_t port,
                       gmux__resolved_fn fn, void *arg) {
  return loop->ops->resolve(loop, out, host, port, fn, arg);
}

void gmux__resolve_cancel(gmux__resolve *resolve) {
  if (resolve) resolve->loop->ops->resolve_cancel(resolve);
}

int gmux__loop_listen(gmux_loop *loop, gmux__listener **out, const gmux__address *at,
                      const gmux__socket_options *options, gmux__accepted_fn fn, void *arg) {
  return loop->ops->listen(loop, out, at, options, fn, arg);
}

const gmux__address *gmux__listener_address(const gmux__listener *listener) {
  return listener->loop->ops->listener_address(listener);
}

void gmux__listener_close(gmux__listener *listener) {
  if (listener) listener->loop->ops->listener_close(listener);
}
