/*
 * front.h: a server of several loops.
 *
 * As with a channel (lib/client/front.h) it is a thin front over LANES, ordinary servers, one a
 * loop, each with the same methods. What the application holds is the front's handle, a gmux_server
 * of which nothing but `front` is ever used.
 *
 * The first lane listens, and hands each connection that it accepts to the lane that has the
 * fewest, before a byte of it is read. That is exact where SO_REUSEPORT only spreads by chance, and
 * gRPC's clients have few connections, for long; it works for every kind of address; limits that
 * are divided among the lanes hold in total; and a second program that takes the same port by
 * mistake is told so.
 *
 * No lane needs the loop of another: a connection is handed over under the lock, to a lane that is
 * open. The front is held by: the application, until gmux_server_free; its end, until on_closed has
 * been told; each lane's server, until its memory goes; each connection on its way; each thread
 * that waits for the end.
 */
#ifndef GMUX__SERVER_FRONT_H
#define GMUX__SERVER_FRONT_H

#include "lib/io/enders.h"
#include "lib/server/server.h"

typedef struct gmux__server_lane {
  gmux__server_front *front;
  gmux_server *server; /* the front's handle on it, until gmux_server_free */
  gmux_loop *loop;
  struct {             /* under the lock */
    bool is_shut;      /* it drains: the server may be gone */
    bool is_over;      /* closed: the loop may be gone, too */
    uint32_t arriving; /* connections on their way to it */
  } locked;
} gmux__server_lane;

struct gmux__server_front {
  gmux_server handle; /* first */
  gmux__lock *lock;
  atomic_uint holds;
  atomic_bool is_ending;
  /* The lanes that are not closed, and who has claimed the end, until on_closed is set. */
  atomic_uint left;
  void (*on_closed)(void *user_data);
  void *on_closed_data;
  gmux__post end_post;
  struct {
    gmux__enders enders; /* threads in gmux_server_drain_wait */
  } locked;
  size_t count;
  gmux__server_lane lanes[];
};

void gmux__server_front_hold(gmux__server_front *front);
void gmux__server_front_release(gmux__server_front *front);
/* True on one of its loops' threads. */
bool gmux__server_front_is_inside(const gmux__server_front *front);
/* The same of the server that a lane belongs to, whose handle may be gone: for its calls. */
bool gmux__server_lane_is_inside(gmux__server_lane *lane);

/* ---- what the functions of server.h do with a handle ---- */

/* Until one fails. */
int gmux__server_front_each(gmux__server_front *front, int (*fn)(gmux_server *server, void *arg),
                            void *arg);
void gmux__server_front_drain(gmux__server_front *front, int64_t grace_ms,
                              void (*on_closed)(void *user_data), void *user_data);
int gmux__server_front_drain_wait(gmux__server_front *front, int64_t grace_ms);
void gmux__server_front_free(gmux__server_front *front);
void gmux__server_front_get_stats(gmux__server_front *front, gmux_server_stats *stats);

/* ---- what a lane's server tells, on its loop ---- */

/* Takes a new connection to the lane that is to have it, perhaps this one. */
void gmux__server_lane_accept(gmux__server_lane *lane, gmux_tls *tls, gmux__transport *transport);
/* It drains: nothing is handed to it any more. */
void gmux__server_lane_shut(gmux__server_lane *lane);

/* ---- the files of a front among themselves ---- */

void gmux__server_front_on_end_post(gmux__post *post);

#endif
