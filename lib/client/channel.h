/*
 * channel.h (inside): what the files of a channel share, and what its calls ask of it.
 *
 * A channel is held (shared.holds) by: the application, until gmux_channel_free; the loop, until
 * on_closed has been told; each call, until its memory goes; each watcher, until it has been told;
 * each post in flight. The last one to let go frees it, on the loop's thread.
 */
#ifndef GMUX__CLIENT_CHANNEL_H
#define GMUX__CLIENT_CHANNEL_H

#include "lib/base/machine.h"
#include "lib/base/slab.h"
#include "lib/client/endpoint.h"
#include "lib/client/figures.h"
#include "lib/client/method.h"
#include "lib/client/request.h"
#include "lib/h2/exchange.h"
#include "lib/io/mailbox.h"
#include "lib/watch/farewell.h"
#include "lib/watch/odometer.h"
#include <gmux/call.h>
#include <stdatomic.h>

typedef struct gmux__front gmux__front;
typedef struct gmux__lane gmux__lane;

/* A post that can be in flight once at a time. */
typedef struct gmux__channel_post {
  gmux__post post;
  atomic_bool is_posted;
} gmux__channel_post;

struct gmux_channel {
  /* A handle of a channel of several loops (front.h): of the rest of it only that it is closing is
   * ever looked at. NULL: one of one loop. */
  gmux__front *front;
  gmux__lane *lane; /* its place behind such a handle; NULL: it is alone */

  /* Set by gmux_channel_new, then only read. */
  gmux_loop *loop;
  gmux_channel_options options; /* pointers in it are not the channel's: see below */
  gmux__target target;
  gmux_tls *tls; /* NULL: cleartext */
  char *authority, *tls_host;
  gmux__codecs codecs;
  gmux__encoding encoding;  /* of calls that do not say */
  gmux__exchange_home home; /* of calls */
  gmux__request request;
  gmux__h2 *h2;
  uint64_t made_ns; /* loop time */

  struct {
    gmux_channel_state state;
    bool is_connect_asked; /* gmux_channel_get_state(try_to_connect), until READY */
    bool is_paused;
    bool is_draining; /* gmux_channel_drain: closes when no call is left */
    bool is_over;     /* on_closed is due or told */
    bool is_end_told; /* it was told */
    gmux__endpoint endpoint;
    gmux__list waiting, running, ending; /* of gmux_call, by its state */
    gmux__list again;           /* WAITING too: had an attempt before, so they are placed first */
    gmux__list resting;         /* until the backoff of a retry is over */
    gmux__odometer waits;       /* what those in `waiting` and `again` wait for */
    gmux__list watchers, due;   /* of watcher; due: to be told */
    gmux__list warmers;         /* of watcher: who waits for min_connections */
    gmux__list farewells;       /* told when it is SHUTDOWN */
    gmux__ring ring;            /* its last events */
    gmux__list connect_waiters; /* threads in gmux_channel_connect_wait and _warm_wait, */
    gmux__list end_waiters;     /* and in gmux_channel_drain_wait */
    gmux__timer idle_timer;
    uint64_t idle_since_ns;  /* when the last call went */
    gmux__timer drain_timer; /* the end of its grace */
    gmux__task place_task;   /* after a call came back for another attempt */
    gmux__task watch_task, closed_task, free_task;
    size_t holds; /* the loop's own, and those of calls that began on its thread */
    gmux__usual_method usual;
    gmux__slab calls;       /* memory of calls, */
    gmux__slab attempts;    /* of what they need on a stream */
    gmux__slab replies;     /* and of replies that are too long for their call's own */
    gmux__timer slab_timer; /* when those are looked through; set while they hold any */
    gmux__field *fields;    /* for the request that is being made */
    size_t field_room;
  } loop_only;

  void (*on_closed)(void *user_data); /* set by who claims the end (channel_end.c) */
  void *on_closed_data;

  gmux__channel_post connect_post, backoff_post, rotate_post, pause_post, drain_post, close_post,
      free_post;
  struct {
    atomic_uint holds;
    atomic_int state;         /* a mirror of loop_only.state */
    atomic_bool is_closing;   /* somebody drains or closes: new calls are refused */
    atomic_bool is_end_known; /* on_closed is set */
    atomic_bool is_shut;      /* somebody closes */
    atomic_bool is_pause_wanted;
    _Atomic(int64_t) grace_ms; /* the shortest asked for, and not looked at yet */
    gmux__channel_figures figures;
  } shared;
};

extern const gmux__machine gmux__channel_machine;

void gmux__channel_hold(gmux_channel *channel);    /* any thread */
void gmux__channel_release(gmux_channel *channel); /* any thread */
/* The same on the loop's thread, by a plain count: whatever is held so is one of shared.holds. Not
 * to begin with once the end was told. */
void gmux__channel_hold_here(gmux_channel *channel);
void gmux__channel_release_here(gmux_channel *channel);

static inline bool gmux__channel_is_closing(const gmux_channel *channel) {
  return atomic_load_explicit(&channel->shared.is_closing, memory_order_acquire);
}

/* True on the thread of its loop, or of one of its loops: there nobody may wait for it. */
bool gmux__channel_is_inside(const gmux_channel *channel);

/* ---- for calls, on the loop's thread ---- */

/* A new call: put on a connection, made to wait, or ended (its status is settled then). `error`:
 * its request could not be taken, for want of memory. */
void gmux__channel_submit(gmux_channel *channel, gmux_call *call, int error);
/* RESTING: its attempt may be made again now: it waits before all that have had none, or ends
 * (closed, too late, nothing to be had). Never placed from inside this. */
void gmux__channel_resubmit(gmux_channel *channel, gmux_call *call);
/* Under max_memory_bytes: a call is off its stream; who waits for memory is placed in this turn. */
void gmux__channel_give_memory(gmux_channel *channel);
/* Under max_memory_bytes: a message is told, and what a large one had is free when that is done:
 * the same. */
void gmux__channel_mind_memory(gmux_channel *channel);
/* A call has told its end. */
void gmux__channel_call_ended(gmux_channel *channel);
/* A call has its status. */
void gmux__channel_count_end(gmux_channel *channel, gmux_code code);
/* Memory of a call has gone back to its slab. */
void gmux__channel_mind_slabs_late(gmux_channel *channel);
static inline void gmux__channel_mind_slabs(gmux_channel *channel) {
  if (!gmux__timer_is_set(&channel->loop_only.slab_timer)) gmux__channel_mind_slabs_late(channel);
}
/* There will be no further call: what its calls and theirs were made of goes, and no timer stays
 * set that would keep the application's loop running (ev_run). */
void gmux__channel_keep_nothing(gmux_channel *channel);
/* Room for this many header fields; NULL: out of memory. Valid until the next time. */
gmux__field *gmux__channel_fields(gmux_channel *channel, size_t count);

/* ---- the files of a channel among themselves ---- */

/* channel.c */

/* After anything has changed: brings state, waiting calls and the endpoint in line. */
void gmux__channel_reconcile(gmux_channel *channel);
/* A connection, though nobody waits for one. */
void gmux__channel_want_connection(gmux_channel *channel);

/* channel_calls.c */

size_t gmux__channel_waiting(const gmux_channel *channel); /* for a place */
bool gmux__channel_has_calls(const gmux_channel *channel);
/* Since when the first of those that wait does; GMUX__NEVER: nobody. */
uint64_t gmux__channel_oldest_wait(const gmux_channel *channel);
void gmux__channel_place_waiting(gmux_channel *channel);
/* Calls that run have all of max_memory_bytes that they may have. */
bool gmux__channel_is_short(const gmux_channel *channel);
/* Those that did not ask to wait through a failure. */
void gmux__channel_fail_waiting(gmux_channel *channel);
void gmux__channel_cancel_calls(gmux_channel *channel);
void gmux__channel_on_place_task(void *arg);
void gmux__channel_on_slab_timer(void *arg);

/* channel_pool.c */

/* Runs `post` on the loop once; while it is on its way, asking again is the same question. */
void gmux__channel_send(gmux_channel *channel, gmux__channel_post *post);
void gmux__channel_set_paused(gmux_channel *channel, bool is_paused);
void gmux__channel_on_connect_post(gmux__post *post);
void gmux__channel_on_backoff_post(gmux__post *post);
void gmux__channel_on_pause_post(gmux__post *post);
/* It does what was wanted last. Any thread. */
void gmux__channel_heed_pause(gmux_channel *channel);
void gmux__channel_on_rotate_post(gmux__post *post);

/* channel_end.c */

/* Ends what drains and has no calls left; tells on_closed when nothing is left of what was ended.
 */
void gmux__channel_check_over(gmux_channel *channel);
void gmux__channel_on_closed_task(void *arg);
void gmux__channel_on_drain_timer(void *arg);
void gmux__channel_on_drain_post(gmux__post *post);
void gmux__channel_on_close_post(gmux__post *post);
void gmux__channel_on_free_post(gmux__post *post);

/* channel_watch.c and channel_stats.c */

/* The state has changed: who watches it is told, and who waits for READY. */
void gmux__channel_tell_watchers(gmux_channel *channel);
/* Who waits for min_connections, if they are there. */
void gmux__channel_tell_warmers(gmux_channel *channel);

/*
 * A thread that waits for READY or for warmth. It posts `add`; the loop raises END with the answer.
 * When the time is up first, the thread posts `remove` and waits until that has run: from then on
 * the loop knows nothing of it, whoever was faster. The channel is held meanwhile.
 */
typedef struct gmux__connect_waiter {
  gmux__link link; /* in the channel's connect_waiters */
  gmux__post add, remove;
  gmux_channel *channel;
  gmux__mailbox *box; /* whoever has called _init frees it */
  bool is_warm;       /* for min_connections; else for READY */
  int answer;
  char why[GMUX__CONNECTOR_WHY];
} gmux__connect_waiter;

/* GMUX_ERR_NOMEM */
int gmux__connect_waiter_init(gmux__connect_waiter *cw, gmux_channel *channel, bool is_warm);
/* Each that has begun is to be ended: 0, GMUX_ERR_TIMEOUT, GMUX_ERR_CLOSED. */
void gmux__connect_waiter_begin(gmux__connect_waiter *cw);
int gmux__connect_waiter_end(gmux__connect_waiter *cw, int64_t timeout_ms);
void gmux__channel_watch_run(void *arg); /* loop_only.watch_task */
void gmux__channel_publish(gmux_channel *channel);

#ifdef GMUX_DEBUG
void gmux__channel_check(const gmux_channel *channel);
#else
static inline void gmux__channel_check(const gmux_channel *channel) {
  (void)channel;
}
#endif

#endif
