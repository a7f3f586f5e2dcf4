/*
 * hook.h: an intrusive list for what there is much of and is seldom in it: a hook takes two words,
 * where a gmux__link takes three. For that the list does not know its length, and a hook not the
 * list that it is in. A list that is all zero is empty; one that has been used must not move.
 */
#ifndef GMUX__BASE_HOOK_H
#define GMUX__BASE_HOOK_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct gmux__hook gmux__hook;
struct gmux__hook {
  gmux__hook *next, *prev; /* a ring, of which the list's own is part; NULL: in none */
};

typedef struct gmux__hooks {
  gmux__hook ring;
} gmux__hooks;

static inline bool gmux__hook_is_in(const gmux__hook *hook) {
  return hook->next != NULL;
}

/* The first; NULL when empty. */
static inline gmux__hook *gmux__hooks_first(const gmux__hooks *list) {
  return list->ring.next == &list->ring ? NULL : list->ring.next;
}

/* `hook` must be in no list. */
static inline void gmux__hooks_append(gmux__hooks *list, gmux__hook *hook) {
  assert(!hook->next);
  gmux__hook *ring = &list->ring;
  if (!ring->next) *ring = (gmux__hook){ring, ring};
  *hook = (gmux__hook){ring, ring->prev};
  hook->prev->next = hook;
  ring->prev = hook;
}

/* Out of whatever list it is in; nothing happens if it is in none. */
static inline void gmux__hook_remove(gmux__hook *hook) {
  if (!hook->next) return;
  hook->next->prev = hook->prev;
  hook->prev->next = hook->next;
  *hook = (gmux__hook){NULL, NULL};
}

/* Removes and returns the first; NULL when empty. */
static inline gmux__hook *gmux__hooks_shift(gmux__hooks *list) {
  gmux__hook *hook = gmux__hooks_first(list);
  if (hook) gmux__hook_remove(hook);
  return hook;
}

#endif
