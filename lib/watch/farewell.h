/*
 * farewell.h: who is to be told that an object is over, without a hold on it.
 *
 * Embedded in whoever wants to know, and put into the object's list of farewells on the object's
 * loop; taken out there again, or told once, when the object comes to its end. It is out of the
 * list when it is told, so it may free itself.
 */
#ifndef GMUX__WATCH_FAREWELL_H
#define GMUX__WATCH_FAREWELL_H

#include "lib/base/list.h"

typedef struct gmux__farewell gmux__farewell;
struct gmux__farewell {
  gmux__link link;
  void (*fn)(gmux__farewell *farewell);
};

static inline void gmux__farewells_tell(gmux__list *farewells) {
  for (gmux__link *l = gmux__list_shift(farewells); l; l = gmux__list_shift(farewells)) {
    gmux__farewell *farewell = gmux__container(l, gmux__farewell, link);
    farewell->fn(farewell);
  }
}

#endif
