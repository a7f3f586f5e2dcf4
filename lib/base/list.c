/* list.c: an intrusive doubly linked list that knows its length. */
#include "lib/base/list.h"
#include <assert.h>

void gmux__list_append(gmux__list *list, gmux__link *link) {
  assert(!link->list);
  link->list = list;
  link->next = NULL;
  link->prev = list->last;
  if (list->last)
    list->last->next = link;
  else
    list->first = link;
  list->last = link;
  list->count++;
}

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

void gmux__list_remove(gmux__link *link) {
  gmux__list *list = link->list;
  if (!list) return;
  if (link->prev)
    link->prev->next = link->next;
  else
    list->first = link->next;
  if (link->next)
    link->next->prev = link->prev;
  else
    list->last = link->prev;
  list->count--;
  *link = (gmux__link){NULL, NULL, NULL};
}

gmux__link *gmux__list_shift(gmux__list *list) {
  gmux__link *link = list->first;
  if (link) gmux__list_remove(link);
  return link;
}

void gmux__list_move_all(gmux__list *to, gmux__list *from) {
  assert(to != from);
  for (gmux__link *link = gmux__list_shift(from); link; link = gmux__list_shift(from))
    gmux__list_append(to, link);
}
