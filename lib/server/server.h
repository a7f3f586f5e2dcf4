/*
 * server.h (inside): what a server is made of.
 *
 *     OPEN --drain, close, free--> DRAINING --last connection gone--> CLOSED
 *
 * OPEN      it may listen and accepts what comes
 * DRAINING  listeners are closed, connections drain until the grace time is over
 * CLOSED    on_closed has been called
 *
 * At the step to DRAINING services of the library's own (hooks) speak first: what they write leaves
 * ahead of the GOAWAYs, at the end of the same turn.
 *
 * The memory stays while the application has its handle (until gmux_server_free), while the server
 * is not CLOSED, and while any of its calls has memory (a hold of the application, a post).
 */
#ifndef GMUX__SERVER_SERVER_H
#define GMUX__SERVER_SERVER_H

#include "lib/base/machine.h"
#include "lib/base/slab.h"
#include "lib/h2/conn.h"
#include "lib/h2/exchange.h"
#include "lib/server/answer.h"
#include "lib/server/connection.h"
#include "lib/server/methods.h"
#include "lib/watch/counter.h"
#include "lib/watch/farewell.h"
#include <gmux/server.h>
#include <stdatomic.h>

typedef enum gmux__server_state {
  GMUX__SERVER_OPEN = 0,
  GMUX__SERVER_DRAINING,
  GMUX__SERVER_CLOSED
} gmux__server_state;

extern const gmux__machine gmux__server_machine;

/* What a service of the library's own is told of its server, on the loop's thread. Embedded in its
 * object. */
typedef struct gmux__server_hook gmux__server_hook;
struct gmux__server_hook {
  gmux__link link;
  void (*on_drain)(gmux__server_hook *hook); /* once, if ever; may be NULL */
  void (*on_free)(gmux__server_hook *hook);  /* once: no call of the server is left */
};

typedef struct gmux__server_front gmux__server_front;
typedef struct gmux__server_lane gmux__server_lane;

struct gmux_server {
  /* A handle of a server of several loops (front.h): nothing else of it is ever looked at. NULL:
   * one of one loop. */
  gmux__server_front *front;
  gmux__server_lane *lane; /* its place behind such a handle; NULL: it is alone */
  gmux_loop *loop;
  gmux_server_options options;
  gmux__codecs codecs;
  gmux__usual usual;
  gmux__encoding encoding;  /* of replies, to who understands it */
  gmux__exchange_home home; /* of calls */
  gmux__methods methods;    /* not changed any more once it listens; */
  gmux__list hooks;         /* nor are these */
  gmux__h2 *h2;
  struct { /* the loop's thread */
    gmux__server_state state;
    bool is_handle_held; /* until gmux_server_free */
    gmux__list listeners;
    gmux__list connections[GMUX__SERVER_CONN_GONE]; /* gmux__server_conn, by their states */
    gmux__list waiters;                             /* threads in gmux_server_drain_wait */
    gmux__list farewells;                           /* told when it is CLOSED */
    uint64_t last_listener;                         /* the number of */
    gmux__slab call_slab, request_slab;
    size_t calls_alive; /* that have memory */
    gmux__timer grace;
    gmux__task goaway_task; /* DRAINING: connections are told when the hooks' words have left */
    gmux__task free_task;
    struct {
      uint64_t quiet_until_ns; /* what is refused before that is only counted, in: */
      uint64_t untold;
    } refusals;
  } loop_only;
  struct { /* any thread */
    atomic_bool has_listened;
    atomic_bool is_ending;     /* drain, close or free was said */
    atomic_bool is_shortening; /* shorten_post is on its way */
    _Atomic(int64_t) grace_ms; /* the shortest that was asked for */
    gmux__post drain_post;     /* of the first that said it, */
    gmux__post shorten_post;   /* of later ones, */
    gmux__post free_post;      /* and of the last */
  } shared;
  struct { /* written by the first to say drain, before its post */
    void (*on_closed)(void *user_data);
    void *user_data;
  } ending;
  struct { /* see gmux_server_stats; the rest of it is in h2's figures */
    gmux__counter calls_started, calls_succeeded, calls_failed;
    gmux__counter calls_running, calls_peak;
    gmux__counter last_call_ns;       /* loop time at which the last one was started; 0: none */
    gmux__counter calls_held;         /* now: over, with memory still */
    gmux__counter calls_refused_held; /* for those */
    gmux__counter calls_stalled;      /* by request_stall_timeout_ms */
    gmux__counter connections, connections_handshaking; /* now: lengths of the lists */
    gmux__counter connections_accepted, connections_refused, connections_overdue;
    gmux__counter handshakes_failed;
    gmux__counter ended_idle, ended_age;
  } stats;
};

/* Before the server listens (GMUX_ERR_STATE). The hook stays until its on_free. */
int gmux__server_add_hook(gmux_server *server, gmux__server_hook *hook);
/* After a connection has gone: perhaps it was the last that a drain waited for. */
void gmux__server_maybe_close(gmux_server *server);
size_t gmux__server_connection_count(const gmux_server *server);
/* The memory of a call, with anything in it. NULL: out of memory. */
void *gmux__server_call_alloc(gmux_server *server);
/* May be the last thing that the server waits for: in GMUX__PHASE_FREE, or while its connection is
 * there, for which it waits too. */
void gmux__server_call_dealloc(gmux_server *server, void *call);

/* Figures: stats.c. */
static inline void gmux__server_count(gmux__counter *counter) {
  gmux__counter_add(counter, 1);
}
void gmux__server_count_started(gmux_server *server);
void gmux__server_count_ended(gmux_server *server, bool has_succeeded);
/* After a connection has gone to another list: the lists are the counts. */
void gmux__server_connections_changed(gmux_server *server);

#ifdef GMUX_DEBUG
void gmux__server_check(const gmux_server *server);
#else
static inline void gmux__server_check(const gmux_server *server) {
  (void)server;
}
#endif

#endif
