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

/* Held by the thread, which may have no more time, and by the lanes' answer. */
typedef struct warm_waiter {
  atomic_uint holds;
  atomic_int answer;
  gmux__mailbox *box;
} warm_waiter;

static void warm_waiter_release(warm_waiter *w) {
  if (atomic_fetch_sub(&w->holds, 1) != 1) return;
  gmux__mailbox_free(w->box);
  gmux__free(w);
}

static void on_all_warm(int error, void *user_data) {
  warm_waiter *w = user_data;
  atomic_store(&w->answer, error);
  gmux__mailbox_set(w->box, GMUX__BOX_END);
  warm_waiter_release(w);
}

static int warm_waiter_new(warm_waiter **out) {
  warm_waiter *w = gmux__calloc(1, sizeof *w);
  if (!w) return gmux__fail_code(GMUX_ERR_NOMEM);
  atomic_init(&w->holds, 1);
  int error = gmux__mailbox_new(&w->box);
  if (error) {
    gmux__free(w);
    return error;
  }
  *out = w;
  return 0;
}

static int warm_wait(gmux__front *front, warm_waiter *w, int64_t timeout_ms) {
  atomic_fetch_add(&w->holds, 1);
  int error = gmux__front_warm(front, on_all_warm, w);
  if (error) {
    warm_waiter_release(w);
    return error;
  }
  bool is_told = gmux__mailbox_wait(w->box, GMUX__BOX_END, timeout_ms) != 0;
  return gmux__front_answer(front, is_told ? atomic_load(&w->answer) : GMUX_ERR_TIMEOUT,
                            timeout_ms);
}

int gmux__front_warm_wait(gmux__front *front, int64_t timeout_ms) {
  warm_waiter *w = NULL;
  int error = warm_waiter_new(&w);
  if (error) return error;
  gmux__front_hold_lanes(front); /* it may be freed under a thread that waits for it */
  error = warm_wait(front, w, timeout_ms);
  gmux__front_release_lanes(front);
  warm_waiter_release(w);
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
