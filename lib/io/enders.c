/* enders.c: threads that wait until an object of several loops has ended. */
#include "lib/io/enders.h"

void gmux__enders_tell(gmux__enders *enders, gmux__lock *lock) {
  gmux__link *link;
  gmux__lock_take(lock);
  enders->is_told = true;
  while ((link = gmux__list_shift(&enders->waiting)))
    gmux__mailbox_set(gmux__container(link, gmux__ender, link)->box, GMUX__BOX_CLOSED);
  gmux__lock_give(lock);
}

int gmux__ender_init(gmux__ender *ender) {
  *ender = (gmux__ender){.box = NULL};
  return gmux__mailbox_new(&ender->box);
}

/* True: the end has not been told yet, and will be to `ender`. */
static bool ender_join(gmux__ender *ender, gmux__enders *enders, gmux__lock *lock) {
  gmux__lock_take(lock);
  bool is_told = enders->is_told;
  if (!is_told) gmux__list_append(&enders->waiting, &ender->link);
  gmux__lock_give(lock);
  return !is_told;
}

void gmux__ender_wait(gmux__ender *ender, gmux__enders *enders, gmux__lock *lock) {
  if (ender_join(ender, enders, lock)) gmux__mailbox_wait(ender->box, GMUX__BOX_CLOSED, -1);
  gmux__mailbox_free(ender->box);
}
