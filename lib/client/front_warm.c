/* front_warm.c: every loop's share of min_connections, and who wants to know when they are there.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/client/ask.h"
#include "lib/client/front.h"
#include "lib/io/mailbox.h"
#include <stdio.h>

/* ---- one word for all lanes ---- */

typedef struct warming {
  atomic_uint left; /* lanes that have not told, or could not be asked */
  atomic_int error;
  void (*fn)(int error, void *user_data); /* NULL: nobody is told */
  void *user_data;
} warming;

static void warming_count(warming *w, unsigned lanes) {
  if (atomic_fetch_sub(&w->left, lanes) != lanes) return;
  if (w->fn) w->fn(atomic_load(&w->error), w->user_data);
  gmux__free(w);
}

static void on_lane_warm(int error, void *user_data) {
  warming *w = user_data;
  if (error) atomic_store(&w->error, error);
  warming_count(w, 1);
}

int gmux__front_warm(gmux__front *front, void (*fn)(int error, void *user_data), void *user_data) {
  warming *w = gmux__calloc(1, sizeof *w);
  if (!w) return gmux__fail_code(GMUX_ERR_NOMEM);
  w->fn = fn;
  w->user_data = user_data;
  atomic_init(&w->left, (unsigned)front->count);
  int error = 0;
  size_t asked = 0;
  while (asked < front->count && !error) {
    error = gmux_channel_warm(front->lanes[asked].channel, on_lane_warm, w);
    if (!error) asked++;
  }
  if (!error) return 0;
  w->fn = NULL; /* none of those that were asked is the last: the others are still counted */
  warming_count(w, (unsigned)(front->count - asked));
  return error;
}

/* ---- a thread that waits ---- */

/* Of `count` waiters; those whose box could not be had have none. */
static void waiters_free(gmux__connect_waiter *waiters, size_t count) {
  for (size_t i = 0; i < count; i++)
    gmux__mailbox_free(waiters[i].box);
  gmux__free(waiters);
}

static int waiters_new(gmux__connect_waiter **out, const gmux__front *front) {
  gmux__connect_waiter *waiters = gmux__calloc(front->count, sizeof *waiters);
  if (!waiters) return gmux__fail_code(GMUX_ERR_NOMEM);
  for (size_t i = 0; i < front->count; i++) {
    int error = gmux__connect_waiter_init(&waiters[i], front->lanes[i].channel, true);
    if (!error) continue;
    waiters_free(waiters, front->count);
    return error;
  }
  *out = waiters;
  return 0;
}

int64_t gmux__front_left_ms(int64_t timeout_ms, uint64_t past_ns) {
  uint64_t past_ms = past_ns / GMUX__NS_PER_MS;
  if (timeout_ms == GMUX_NO_TIMEOUT) return timeout_ms;
  return past_ms < (uint64_t)timeout_ms ? timeout_ms - (int64_t)past_ms : 0;
}

/* All are asked before any is waited for, and none knows of the thread when this returns. */
static int wait_for_all(gmux__front *front, gmux__connect_waiter *waiters, int64_t timeout_ms) {
  gmux_loop *loop = front->lanes[0].channel->loop;
  uint64_t start_ns = gmux__loop_clock(loop);
  for (size_t i = 0; i < front->count; i++)
    gmux__connect_waiter_begin(&waiters[i]);
  int answer = 0;
  for (size_t i = 0; i < front->count; i++) {
    uint64_t past_ns = gmux__loop_clock(loop) - start_ns;
    int error = gmux__connect_waiter_end(&waiters[i], gmux__front_left_ms(timeout_ms, past_ns));
    if (error) answer = error;
  }
  return answer;
}

int gmux__front_warm_wait(gmux__front *front, int64_t timeout_ms) {
  gmux__connect_waiter *waiters = NULL;
  int error = waiters_new(&waiters, front);
  if (error) return error;
  gmux__front_hold_lanes(front); /* it may be freed under a thread that waits for it */
  error = gmux__front_answer(front, wait_for_all(front, waiters, timeout_ms), timeout_ms);
  waiters_free(waiters, front->count);
  gmux__front_release_lanes(front);
  return error;
}

/* ---- in words ---- */

typedef struct excuse {
  gmux_channel *channel;
  char why[GMUX__CONNECTOR_WHY];
} excuse;

static void excuse_read(void *arg) {
  excuse *x = arg;
  snprintf(x->why, sizeof x->why, "%s", gmux__endpoint_why(&x->channel->loop_only.endpoint));
}

/* The last failure of the first lane that has one. */
static void front_excuse(gmux__front *front, excuse *x) {
  for (size_t i = 0; i < front->count && !x->why[0]; i++) {
    x->channel = front->lanes[i].channel;
    if (gmux__ask(x->channel->loop, excuse_read, x)) return;
  }
}

int gmux__front_answer(gmux__front *front, int answer, int64_t timeout_ms) {
  if (answer == 0) return 0;
  if (answer == GMUX_ERR_CLOSED) return gmux__fail(GMUX_ERR_CLOSED, "the channel is closed");
  excuse x = {.why = ""};
  front_excuse(front, &x);
  return gmux__fail(GMUX_ERR_TIMEOUT, "no connection within %lld ms%s%s", (long long)timeout_ms,
                    x.why[0] ? ": " : "", x.why);
}
