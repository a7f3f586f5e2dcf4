/*
 * front.h: a channel of several loops.
 *
 * It is a thin front over LANES: ordinary channels, one a loop, each with its own connections,
 * resolver and backoff. What the application holds is the front's handle, a gmux_channel of which
 * nothing but `front` (and that it is "closing", so that the start of a call looks here) is ever
 * used; each function of channel.h that is given one comes here. A call is started on a lane and
 * knows nothing of the front from then on.
 *
 * No lane waits for another, nor does a lane's loop need another's: so the loops may be stopped in
 * any order right behind gmux_channel_free. What they share is behind a lock that is held for a few
 * instructions. The front is held (holds) by: the application, until gmux_channel_free; its end,
 * until on_closed has been told; each lane's channel, until its memory goes; each watcher, and each
 * thread that waits.
 *
 * front.c: life, and which lane takes a call; front_state.c: state, watchers, threads that wait for
 * it; front_warm.c: warmth; front_end.c: close, drain, free; front_show.c: figures and words.
 */
#ifndef GMUX__CLIENT_FRONT_H
#define GMUX__CLIENT_FRONT_H

#include "lib/client/call.h"
#include "lib/client/channel.h"
#include "lib/io/enders.h"
#include "lib/policy/lanes.h"

typedef struct gmux__lane {
  gmux__front *front;
  gmux_channel *channel; /* the front's handle on it, until gmux_channel_free */
  size_t index;
  /* Calls that were given to it. Those that are over are counted by the channel; both counts only
   * grow, each on one side, so nobody waits for anybody. */
  _Atomic(uint64_t) given;
  atomic_int state;               /* of the channel */
  atomic_bool is_asked;           /* to connect, since it has that state */
  gmux__channel_post slow_post;   /* another lane has learned what the server allows */
  _Atomic(uint64_t) keepalive_ns; /* that it is to go by */
  struct {                        /* the lane's loop */
    gmux__list due;               /* of front_watcher: to be told */
    gmux__task task;
  } loop_only;
  bool is_over;   /* under the lock: its channel may be gone */
  char apart[64]; /* lanes are written by different threads: no cache line is of two */
} gmux__lane;

struct gmux__front {
  gmux_channel handle; /* first */
  gmux__lock *lock;
  atomic_uint holds;
  atomic_int state; /* a mirror of locked.state */
  atomic_bool is_closing;
  /* The lanes that are not over, and who has claimed the end, until on_closed is set. */
  atomic_uint left;
  void (*on_closed)(void *user_data);
  void *on_closed_data;
  gmux__post end_post;
  struct {
    gmux_channel_state state;
    gmux__list watchers; /* of front_watcher */
    gmux__list waiters;  /* of threads in gmux_channel_connect_wait, */
    gmux__enders enders; /* and in gmux_channel_drain_wait */
  } locked;
  size_t count;
  gmux__lane lanes[];
};

/* True on one of its loops' threads. */
bool gmux__front_is_inside(const gmux__front *front);
/* The same of the channel that a lane belongs to, whose handle may be gone: for its calls. */
bool gmux__lane_is_inside(gmux__lane *lane);
void gmux__front_hold(gmux__front *front);
void gmux__front_release(gmux__front *front);
/* It and its lanes' channels stay, whoever frees the handle meanwhile. */
void gmux__front_hold_lanes(gmux__front *front);
void gmux__front_release_lanes(gmux__front *front);

/* As gmux__call_start, on the lane that is to have it. */
int gmux__front_start(gmux__front *front, gmux_call **out, const gmux__call_setup *setup);

/* ---- what the functions of channel.h do with a handle ---- */

gmux_channel_state gmux__front_get_state(gmux__front *front, bool try_to_connect);
int gmux__front_watch_state(gmux__front *front, gmux_channel_state last,
                            void (*fn)(gmux_channel_state state, void *user_data), void *user_data);
int gmux__front_connect_wait(gmux__front *front, int64_t timeout_ms);
int gmux__front_warm(gmux__front *front, void (*fn)(int error, void *user_data), void *user_data);
int gmux__front_warm_wait(gmux__front *front, int64_t timeout_ms);
void gmux__front_each(gmux__front *front, void (*fn)(gmux_channel *channel));
void gmux__front_ask_pause(gmux__front *front, bool is_paused);
void gmux__front_close(gmux__front *front, void (*on_closed)(void *user_data), void *user_data);
void gmux__front_drain(gmux__front *front, int64_t grace_ms, void (*on_closed)(void *user_data),
                       void *user_data);
int gmux__front_drain_wait(gmux__front *front, int64_t grace_ms);
void gmux__front_free(gmux__front *front);
void gmux__front_get_stats(gmux__front *front, gmux_channel_stats *stats);
size_t gmux__front_describe(gmux__front *front, char *text, size_t len);
int gmux__front_get_peer(gmux__front *front, gmux_channel_peer *peer, gmux_bytes *certificate);

/* ---- what a lane's channel tells, on its loop ---- */

void gmux__lane_on_state(gmux__lane *lane, gmux_channel_state state);
/* The server has counted too many PINGs: the others need not learn it each by itself. */
void gmux__lane_on_slower(gmux__lane *lane, uint64_t keepalive_ns);
void gmux__lane_on_slow_post(gmux__post *post);

/* ---- the files of a front among themselves ---- */

void gmux__lane_run_due(void *arg); /* loop_only.task */
void gmux__front_on_end_post(gmux__post *post);
/* Each lane tries until it is READY, whatever it does now. Any thread. */
void gmux__front_want_connections(gmux__front *front);
/* What is left of timeout_ms (not negative) when so much time has passed: all lanes together are
 * waited for as long as one alone would be. */
int64_t gmux__front_left_ms(int64_t timeout_ms, uint64_t past_ns);
/* What a thread that waited for READY, or for warmth, is told: 0, or the error with its words. */
int gmux__front_answer(gmux__front *front, int answer, int64_t timeout_ms);

#endif
