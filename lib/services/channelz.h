/*
 * channelz.h (inside): what the files of channelz share.
 *
 *     channelz.c         the list of what is shown
 *     channelz_ask.c     the service: a question, and its way to the loops of those it asks for
 *     channelz_show.c    channels, subchannels and servers as messages
 *     channelz_socket.c  connections and listeners as messages
 *
 * The list is under a lock, since its channels and servers come, go and are asked for on different
 * loops. Each entry leaves it on its object's own loop (lib/watch/farewell.h); so what is found
 * there, on that loop, stays until the loop's next step.
 *
 * Ids. A channel or server gets the next number of the list. What belongs to one is named by its
 * number, a kind and a number within (of a connection: the loop's), so it has the same id for life,
 * nobody has to remember which were given out, and any id says where to ask.
 */
#ifndef GMUX__SERVICES_CHANNELZ_H
#define GMUX__SERVICES_CHANNELZ_H

#include "lib/client/front.h"
#include "lib/io/lock.h"
#include "lib/server/front.h"
#include "lib/wire/pb.h"
#include <gmux/channelz.h>

enum {
  GMUX__CHANNELZ_CHILD_BITS = 40,  /* of an id, for the kind of a child and */
  GMUX__CHANNELZ_NUMBER_BITS = 38, /* its number: of 1,000 connections a second, for 8 years */
  GMUX__CHANNELZ_ENTRIES_MAX = (1 << 23) - 1, /* so that ids are positive in 64 bits */
  GMUX__CHANNELZ_PAGE = 100,                  /* objects in an answer, whatever was asked for */
  GMUX__CHANNELZ_AWAY_MAX = 100               /* questions on other loops; more are refused */
};

typedef enum gmux__channelz_child {
  GMUX__CHANNELZ_CONNECTION = 0,
  GMUX__CHANNELZ_LISTENER,
  GMUX__CHANNELZ_SUBCHANNEL
} gmux__channelz_child;

/* One of channel and server is NULL. */
typedef struct gmux__channelz_entry {
  gmux_channelz *z; /* held */
  gmux__link link;
  uint64_t id;
  gmux_channel *channel;
  gmux_server *server;
  gmux_loop *loop; /* theirs */
  /* A channel of several loops has an entry for each, with ids in a row; the first is shown as the
   * channel, and each as a subchannel of it. How many there are from this one on: 1 for a channel
   * of one loop, or a server; 0: not the first. */
  size_t lanes;
  gmux__post post; /* to bring the farewell there */
  gmux__farewell farewell;
} gmux__channelz_entry;

struct gmux_channelz {
  gmux__lock *lock;
  struct {
    gmux__list entries; /* by id */
    uint64_t last_id;
    size_t holds; /* the application's; one of each entry, service and question */
    size_t away;  /* questions on their way through other loops */
  } locked;
};

/* With the lock held. */
void gmux__channelz_hold(gmux_channelz *z);
/* The first of a kind with this id or a higher one; NULL: none. */
gmux__channelz_entry *gmux__channelz_from(gmux_channelz *z, uint64_t id, bool is_channel);
/* The one with this id, of whatever kind. */
gmux__channelz_entry *gmux__channelz_find(gmux_channelz *z, uint64_t id);

/* Without it; the last one frees it. */
void gmux__channelz_release(gmux_channelz *z);

static inline uint64_t gmux__channelz_child_id(uint64_t owner, gmux__channelz_child kind,
                                               uint64_t number) {
  uint64_t kind_bits = (uint64_t)kind << GMUX__CHANNELZ_NUMBER_BITS;
  return owner << GMUX__CHANNELZ_CHILD_BITS | kind_bits | number;
}
static inline uint64_t gmux__channelz_owner_id(uint64_t child) {
  return child >> GMUX__CHANNELZ_CHILD_BITS;
}

/* ---- messages, on the entry's loop; each is written as field `number` ---- */

void gmux__channelz_put_channel(gmux__pb_writer *w, uint32_t number,
                                const gmux__channelz_entry *entry);
void gmux__channelz_put_server(gmux__pb_writer *w, uint32_t number,
                               const gmux__channelz_entry *entry);
/* False: it has no such child. */
bool gmux__channelz_put_subchannel(gmux__pb_writer *w, uint32_t number,
                                   const gmux__channelz_entry *entry, uint64_t id);
bool gmux__channelz_put_socket(gmux__pb_writer *w, uint32_t number,
                               const gmux__channelz_entry *entry, uint64_t id);
/* A server's connections from an id on, at most `max`, in the order of their ids. False: there are
 * more. */
bool gmux__channelz_put_sockets(gmux__pb_writer *w, uint32_t number,
                                const gmux__channelz_entry *entry, uint64_t from, size_t max);

/* What they are made of. */
void gmux__channelz_put_time(gmux__pb_writer *w, uint32_t number, gmux_loop *loop, uint64_t at_ns);
void gmux__channelz_put_socket_ref(gmux__pb_writer *w, uint32_t number, uint64_t id,
                                   const char *name);

#endif
