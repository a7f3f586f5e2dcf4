/*
 * list.h: an intrusive doubly linked list that knows its length.
 *
 * A gmux__link is embedded in the object; an object may sit in as many lists as it has links. A
 * link that is in no list has list == NULL, so "where is it" has an answer and counts cannot drift.
 */
#ifndef GMUX__BASE_LIST_H
#define GMUX__BASE_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct gmux__list gmux__list;
typedef struct gmux__link gmux__link;

struct gmux__link {
  gmux__link *next, *prev;
  gmux__list *list; /* NULL: in none */
};

struct gmux__list {
  gmux__link *first, *last;
  size_t count;
};

/* The object around a link. */
#define gmux__container(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* The short ones are here because each call goes through some twenty of them. */

/* `link` must be in no list. */
static inline void gmux__list_append(gmux__list *list, gmux__link *link) {
  assert(!link->list);
  *link = (gmux__link){NULL, list->last, list};
  if (list->last)
    list->last->next = link;
  else
    list->first = link;
  list->last = link;
  list->count++;
}

void gmux__list_insert_before(gmux__list *list, gmux__link *where, gmux__link *link);

/* Out of whatever list it is in; nothing happens if it is in none. */
static inline void gmux__list_remove(gmux__link *link) {
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

/* Removes and returns the first; NULL when empty. */
static inline gmux__link *gmux__list_shift(gmux__list *list) {
  gmux__link *link = list->first;
  if (link) gmux__list_remove(link);
  return link;
}

/* Moves everything of `from` to the end of `to`: O(length), because each link knows its list. */
void gmux__list_move_all(gmux__list *to, gmux__list *from);

static inline bool gmux__list_is_empty(const gmux__list *list) {
  return list->first == NULL;
}
static inline bool gmux__link_is_linked(const gmux__link *link) {
  return link->list != NULL;
}

#endif
