/*
 * enders.h: threads that wait until an object of several loops has ended.
 *
 * What they wait on lies on their stacks, and is gone as soon as they have been told: so joining
 * and telling are under the object's lock.
 */
#ifndef GMUX__IO_ENDERS_H
#define GMUX__IO_ENDERS_H

#include "lib/base/list.h"
#include "lib/io/lock.h"
#include "lib/io/mailbox.h"

typedef struct gmux__enders { /* in the object; all zero: it has not ended */
  gmux__list waiting;
  bool is_told;
} gmux__enders;

typedef struct gmux__ender {
  gmux__link link;
  gmux__mailbox *box;
} gmux__ender;

/* It has ended: wakes all, and whoever comes later does not wait. */
void gmux__enders_tell(gmux__enders *enders, gmux__lock *lock);

/* Before anything is asked of the object, since it can fail. GMUX_ERR_NOMEM */
int gmux__ender_init(gmux__ender *ender);
/* Waits for the end, and is no more. The object is held by the caller meanwhile. */
void gmux__ender_wait(gmux__ender *ender, gmux__enders *enders, gmux__lock *lock);

#endif
