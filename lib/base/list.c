/* list.c: an intrusive doubly linked list that knows its length. */
#include "lib/base/list.h"
#include <assert.h>

void gmux__list_insert_before(gmux__list *list, gmux__link *where, gmux__link *link) {
  assert(!link->list);
  assert(where->list == list);
  link->list = list;
  link->next = where;
  link->prev = where->prev;
  if (where->prev)
    where->prev->next = link;
  else
    list->first = link;
  where->prev = link;
  list->count++;
}

void gmux__list_move_all(gmux__list *to, gmux__list *from) {
  assert(to != from);
  for (gmux__link *link = gmux__list_shift(from); link; link = gmux__list_shift(from))
    gmux__list_append(to, link);
}
