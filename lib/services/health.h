/*
 * health.h (inside): the statuses of a gmux_health, and who shows them.
 *
 * Names and statuses are shared by all threads: the table is behind a lock, a status and what hangs
 * all of them over are atomic. An entry is never taken away, so whoever has found one reads it
 * without the lock. A seat (health_service.c) is the object's place at one server, on that server's
 * loop; it is told by a post that something has changed, however much has.
 */
#ifndef GMUX__SERVICES_HEALTH_H
#define GMUX__SERVICES_HEALTH_H

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/io/lock.h"
#include "lib/io/loop.h"
#include <gmux/health.h>
#include <stdatomic.h>

/* Beside the statuses that can be set: nobody knows the name. */
enum { GMUX__HEALTH_SERVICE_UNKNOWN = 3 };

typedef struct gmux__health_entry gmux__health_entry;
struct gmux__health_entry {
  gmux__health_entry *next; /* in order of age, the youngest first */
  atomic_int status;        /* a gmux_health_status */
  size_t name_len;
  char name[];
};

/* What is told of changes. Any thread may post it while it is in the list. */
typedef struct gmux__health_listener {
  gmux__link link;
  gmux_loop *loop;
  gmux__post post;
  atomic_bool is_posted; /* lowered by the post, before it looks at anything */
} gmux__health_listener;

struct gmux_health {
  atomic_uint holds; /* the application's, and one of each listener */
  gmux__lock *lock;
  struct {
    gmux__map by_name;    /* gmux__health_entry, owned */
    gmux__list listeners; /* gmux__health_listener */
  } locked;
  _Atomic(gmux__health_entry *) youngest;
  atomic_bool is_shut_down;
};

/* NULL: nobody knows it. Any thread. */
gmux__health_entry *gmux__health_find(gmux_health *health, const char *name, size_t len);
/* The status to be shown: GMUX_HEALTH_NOT_SERVING for all when it is shut down. */
int gmux__health_status_of(const gmux_health *health, const gmux__health_entry *entry);

/* Takes a hold, and tells of each change from now on. */
void gmux__health_listen(gmux_health *health, gmux__health_listener *listener);
/* No more posts begin; one that is on its way (is_posted) still comes. Does not let go. */
void gmux__health_unlisten(gmux_health *health, gmux__health_listener *listener);
void gmux__health_release(gmux_health *health);

#endif
