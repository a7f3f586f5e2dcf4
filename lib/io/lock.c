/* lock.c: a mutex. */
#include "lib/io/lock.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <pthread.h>

struct gmux__lock {
  pthread_mutex_t mutex;
};

int gmux__lock_new(gmux__lock **out) {
  gmux__lock *lock = gmux__calloc(1, sizeof *lock);
  if (!lock) return gmux__fail_code(GMUX_ERR_NOMEM);
  if (pthread_mutex_init(&lock->mutex, NULL)) {
    gmux__free(lock);
    return gmux__fail_code(GMUX_ERR_NOMEM); /* the only reason POSIX gives */
  }
  *out = lock;
  return 0;
}

void gmux__lock_free(gmux__lock *lock) {
  if (!lock) return;
  pthread_mutex_destroy(&lock->mutex);
  gmux__free(lock);
}

/* Neither can fail: the mutex is neither recursive nor checked, and nobody takes it twice. */
void gmux__lock_take(gmux__lock *lock) {
  pthread_mutex_lock(&lock->mutex);
}

void gmux__lock_give(gmux__lock *lock) {
  pthread_mutex_unlock(&lock->mutex);
}
