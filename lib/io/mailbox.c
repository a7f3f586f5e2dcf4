/* mailbox.c: a mutex, a condition variable, flags, and a queue of messages. */
#include "lib/io/mailbox.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <errno.h>
#include <pthread.h>
#include <time.h>

typedef struct letter letter;
struct letter {
  letter *next;
  gmux_bytes message;
  bool mark;
};

struct gmux__mailbox {
  pthread_mutex_t mutex;
  pthread_cond_t cond; /* a flag was raised or a letter came; on the monotonic clock */
  unsigned flags;
  letter *first, **end; /* `end`: where the next one is hung */
};

/* A clock that jumps must not stretch or cut a timeout, hence the monotonic one. */
static int cond_init_monotonic(pthread_cond_t *cond) {
  pthread_condattr_t attr;
  int rv = pthread_condattr_init(&attr);
  if (rv) return rv;
  rv = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  if (!rv) rv = pthread_cond_init(cond, &attr);
  pthread_condattr_destroy(&attr);
  return rv;
}

int gmux__mailbox_new(gmux__mailbox **out) {
  gmux__mailbox *box = gmux__calloc(1, sizeof *box);
  if (!box) return gmux__fail_code(GMUX_ERR_NOMEM);
  box->end = &box->first;
  if (pthread_mutex_init(&box->mutex, NULL)) goto fail_mutex;
  if (cond_init_monotonic(&box->cond)) goto fail_cond;
  *out = box;
  return 0;

fail_cond:
  pthread_mutex_destroy(&box->mutex);
fail_mutex:
  gmux__free(box);
  return gmux__fail_code(GMUX_ERR_NOMEM); /* the only reason POSIX gives for these */
}

static void letter_free(letter *l) {
  gmux_bytes_release(&l->message);
  gmux__free(l);
}

void gmux__mailbox_free(gmux__mailbox *box) {
  if (!box) return;
  while (box->first) {
    letter *l = box->first;
    box->first = l->next;
    letter_free(l);
  }
  pthread_cond_destroy(&box->cond);
  pthread_mutex_destroy(&box->mutex);
  gmux__free(box);
}

/* ---- the loop's side ---- */

int gmux__mailbox_put(gmux__mailbox *box, gmux_bytes *message, bool mark) {
  letter *l = gmux__calloc(1, sizeof *l);
  if (!l) return gmux__fail_code(GMUX_ERR_NOMEM);
  int rv = gmux_bytes_take(&l->message, message);
  if (rv) {
    gmux__free(l);
    return rv;
  }
  l->mark = mark;
  pthread_mutex_lock(&box->mutex);
  *box->end = l;
  box->end = &l->next;
  pthread_cond_broadcast(&box->cond);
  pthread_mutex_unlock(&box->mutex);
  return 0;
}

void gmux__mailbox_set(gmux__mailbox *box, unsigned flags) {
  pthread_mutex_lock(&box->mutex);
  box->flags |= flags;
  pthread_cond_broadcast(&box->cond);
  pthread_mutex_unlock(&box->mutex);
}

void gmux__mailbox_clear(gmux__mailbox *box, unsigned flags) {
  pthread_mutex_lock(&box->mutex);
  box->flags &= ~flags;
  pthread_mutex_unlock(&box->mutex);
}

/* ---- a thread's side ---- */

static letter *mailbox_shift(gmux__mailbox *box) {
  letter *l = box->first;
  if (!l) return NULL;
  box->first = l->next;
  if (!box->first) box->end = &box->first;
  return l;
}

int gmux__mailbox_get(gmux__mailbox *box, gmux_bytes *out, bool *mark) {
  pthread_mutex_lock(&box->mutex);
  while (!box->first && !(box->flags & GMUX__BOX_NO_MORE))
    pthread_cond_wait(&box->cond, &box->mutex);
  letter *l = mailbox_shift(box);
  pthread_mutex_unlock(&box->mutex);
  if (!l) return gmux__fail_code(GMUX_ERR_EOF);
  *out = l->message;
  if (mark) *mark = l->mark;
  gmux__free(l);
  return 0;
}

static struct timespec deadline_after(int64_t timeout_ms) {
  const int64_t ms_max = INT64_C(1000) * 3600 * 24 * 365 * 100; /* a century: no overflow below */
  if (timeout_ms > ms_max) timeout_ms = ms_max;
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  ts.tv_sec += (time_t)(timeout_ms / 1000);
  ts.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
  if (ts.tv_nsec >= 1000000000) {
    ts.tv_nsec -= 1000000000;
    ts.tv_sec++;
  }
  return ts;
}

unsigned gmux__mailbox_wait(gmux__mailbox *box, unsigned flags, int64_t timeout_ms) {
  struct timespec deadline = {0};
  if (timeout_ms >= 0) deadline = deadline_after(timeout_ms);
  pthread_mutex_lock(&box->mutex);
  int rv = 0;
  while (!(box->flags & flags) && rv != ETIMEDOUT)
    rv = timeout_ms < 0 ? pthread_cond_wait(&box->cond, &box->mutex)
                        : pthread_cond_timedwait(&box->cond, &box->mutex, &deadline);
  unsigned up = box->flags & flags ? box->flags : 0;
  pthread_mutex_unlock(&box->mutex);
  return up;
}
