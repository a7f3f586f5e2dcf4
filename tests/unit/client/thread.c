#include "tests/unit/client/thread.h"
#include <pthread.h>
#include <stdatomic.h>

static struct {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t cond;
  bool is_woken, is_stopped; /* under the mutex */
  gmux__loop_ops ops;
  const gmux__loop_ops *sim_ops;
  void (*serve)(void);
  uint64_t advance_ms;
} world = {.mutex = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};

static _Thread_local bool is_world_thread;

static bool is_inside(const gmux_loop *loop) {
  (void)loop;
  return is_world_thread;
}

static void wake(gmux_loop *loop) {
  if (is_world_thread) {
    world.sim_ops->wake(loop);
    return;
  }
  pthread_mutex_lock(&world.mutex);
  world.is_woken = true;
  pthread_cond_signal(&world.cond);
  pthread_mutex_unlock(&world.mutex);
}

/* False: stopped, and nothing is left to do. */
static bool wait_for_work(void) {
  pthread_mutex_lock(&world.mutex);
  while (!world.is_woken && !world.is_stopped)
    pthread_cond_wait(&world.cond, &world.mutex);
  bool has_work = world.is_woken;
  world.is_woken = false;
  pthread_mutex_unlock(&world.mutex);
  return has_work;
}

static void *run(void *arg) {
  (void)arg;
  is_world_thread = true;
  while (wait_for_work()) {
    world.sim_ops->wake(w_loop);
    sim_run(w_sim);
    world.serve();
    sim_run(w_sim);
    world.serve();
    sim_run_for(w_sim, world.advance_ms * MS);
  }
  return NULL;
}

void thread_start(void (*serve)(void), uint64_t advance_ms) {
  world.sim_ops = w_loop->ops;
  world.ops = *w_loop->ops;
  world.ops.is_inside = is_inside;
  world.ops.wake = wake;
  w_loop->ops = &world.ops;
  world.serve = serve;
  world.advance_ms = advance_ms;
  world.is_woken = world.is_stopped = false;
  CU_ASSERT_EQUAL_FATAL(pthread_create(&world.thread, NULL, run, NULL), 0);
}

void thread_stop(void) {
  pthread_mutex_lock(&world.mutex);
  world.is_stopped = true;
  pthread_cond_signal(&world.cond);
  pthread_mutex_unlock(&world.mutex);
  pthread_join(world.thread, NULL);
  w_loop->ops = world.sim_ops;
}
