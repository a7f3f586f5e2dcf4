/*
 * loop.h (inside): the only way to time, network, randomness and other threads.
 *
 * Everything above this room sees the world through a gmux_loop. What is common to all loops
 * (timers, the turn, posts) lives in loop.c; what differs is a gmux__loop_ops: libev over real
 * sockets (ev.c), and a loop for tests in which time is a number and the network is memory
 * (tests/sim).
 *
 * A TURN of the loop: read, feed, decide; then run what was deferred: first GMUX__PHASE_DONE (the
 * application's callbacks), then GMUX__PHASE_WRITE (one write a connection), again while callbacks
 * or writes brought more, and at the end GMUX__PHASE_FREE. So whatever a turn produced, also what
 * the application did in its callbacks, leaves with one write a connection, and nothing is freed
 * while anything above it on the stack could still look at it. (Messages and answers are told as
 * they are read; who is told an answer and holds nothing of it is freed with it.)
 */
#ifndef GMUX__IO_LOOP_H
#define GMUX__IO_LOOP_H

#include "lib/base/list.h"
#include "lib/base/log.h"
#include "lib/io/address.h"
#include "lib/io/transport.h"
#include <gmux/loop.h>

/* ---- time ---- */

#define GMUX__NS_PER_MS UINT64_C(1000000)
#define GMUX__NS_PER_S  UINT64_C(1000000000)
#define GMUX__NEVER     UINT64_MAX

/* Monotonic nanoseconds, read once a turn: constant within one. Where no turn runs (an application
 * that starts a call from its own libev callback) the clock is asked, since the last turn may be
 * long ago. Never goes back. */
static inline uint64_t gmux__loop_now(gmux_loop *loop);
/* The clock itself; any thread. For figures that others ask for; decisions go by gmux__loop_now. */
uint64_t gmux__loop_clock(gmux_loop *loop);
/* A moment of the loop's as the wall's clock has it now: nanoseconds since 1970, UTC. To be shown
 * to people; that clock may be set, so a moment may be another one when it is asked for again. Any
 * thread. */
uint64_t gmux__loop_wall(gmux_loop *loop, uint64_t at_ns);

/*
 * A timer is embedded in its object; setting one neither allocates nor fails (an intrusive pairing
 * heap, one system timer a loop). It fires once, never before its time, never from inside
 * gmux__timer_set. Those set for the same time fire in the order in which they were set; one set
 * for a time that has passed fires in the next run of timers, so that a timer that always sets
 * itself to now can't hold a turn.
 */
typedef struct gmux__timer gmux__timer;
struct gmux__timer {
  uint64_t at_ns; /* GMUX__NEVER: not set */
  uint64_t order; /* among equals: the one set first has the smaller */
  void (*fn)(void *arg);
  void *arg;
  gmux__timer *child, *next, *prev; /* the heap's */
};

void gmux__timer_init(gmux__timer *timer, void (*fn)(void *arg), void *arg);
/* Sets or moves it; GMUX__NEVER clears it. Set again to the time it has, it keeps its place. */
void gmux__timer_set(gmux_loop *loop, gmux__timer *timer, uint64_t at_ns);
void gmux__timer_clear(gmux_loop *loop, gmux__timer *timer);
static inline bool gmux__timer_is_set(const gmux__timer *timer) {
  return timer->at_ns != GMUX__NEVER;
}

/* 64 uniformly random bits, for jitter; not for secrets. */
uint64_t gmux__loop_random(gmux_loop *loop);

/* 1, 2, 3, ...: a name for a connection in the log. */
uint64_t gmux__loop_number(gmux_loop *loop);

/* ---- the turn ---- */

typedef enum gmux__phase {
  GMUX__PHASE_DONE = 0,
  GMUX__PHASE_WRITE,
  GMUX__PHASE_FREE,
  GMUX__PHASES
} gmux__phase;

/* Work for later in this turn (outside of one: for the end of the next); embedded in its object.
 * Deferring it twice runs it once; it is out of the list when it runs, so it may free itself or
 * defer itself again. */
typedef struct gmux__task {
  gmux__link link;
  void (*fn)(void *arg);
  void *arg;
} gmux__task;

void gmux__task_init(gmux__task *task, void (*fn)(void *arg), void *arg);
void gmux__loop_defer(gmux_loop *loop, gmux__phase phase, gmux__task *task);
void gmux__task_cancel(gmux__task *task);
static inline bool gmux__task_is_deferred(const gmux__task *task) {
  return gmux__link_is_linked(&task->link);
}

/* ---- other threads ---- */

/* A post that is embedded in its object, so that it cannot fail. fn may free it. Any thread. */
typedef struct gmux__post gmux__post;
struct gmux__post {
  gmux__post *next;
  void (*fn)(gmux__post *post);
};
void gmux__loop_post(gmux_loop *loop, gmux__post *post);

/* ---- network ---- */

/* What a dial, a listener or a look-up in progress is held by. Cancelling is closing: no callback
 * follows. */
typedef struct gmux__dial gmux__dial;
typedef struct gmux__resolve gmux__resolve;
typedef struct gmux__listener gmux__listener;

/* Of TCP; others take no notice. */
typedef struct gmux__socket_options {
  /* TCP_USER_TIMEOUT (RFC 5482, gRPC A18), once connected; 0: the system's. */
  uint32_t user_timeout_ms;
  /* SO_KEEPALIVE and its three times; idle 0: without; another 0: the system's. Beside a user
   * timeout it is that, and not the count, that says when unanswered probes are enough (Linux). */
  uint32_t keepalive_idle_s, keepalive_interval_s, keepalive_count;
} gmux__socket_options;

/* `error` 0: `transport` is connected and the callback's to own. Else NULL, and `why` says it in
 * words: the reason alone, for the caller knows where it was to go (GMUX_ERR_TIMEOUT: the system
 * had no answer; else GMUX_ERR_IO). The dial is over and freed when this comes; never from inside
 * gmux__loop_dial. */
typedef void (*gmux__dialed_fn)(void *arg, int error, gmux__transport *transport, const char *why);
int gmux__loop_dial(gmux_loop *loop, gmux__dial **out, const gmux__address *to,
                    const gmux__socket_options *options, gmux__dialed_fn fn, void *arg);
void gmux__dial_cancel(gmux__dial *dial); /* takes NULL */

/* `addresses` (never empty when error is 0; ports filled in; order as the resolver sorted them) are
 * borrowed, and so is `why`, the reason alone. GMUX_ERR_NOT_FOUND: DNS has answered that there is
 * no such name, or no address of it; GMUX_ERR_RESOLVE: it could not be asked; GMUX_ERR_NOMEM. */
typedef void (*gmux__resolved_fn)(void *arg, int error, const gmux__address *addresses,
                                  size_t count, const char *why);
int gmux__loop_resolve(gmux_loop *loop, gmux__resolve **out, const char *host, uint16_t port,
                       gmux__resolved_fn fn, void *arg);
void gmux__resolve_cancel(gmux__resolve *resolve); /* takes NULL */

/* A peer has connected: `transport` is the callback's to own. */
typedef void (*gmux__accepted_fn)(void *arg, gmux__transport *transport);
int gmux__loop_listen(gmux_loop *loop, gmux__listener **out, const gmux__address *at,
                      const gmux__socket_options *options, gmux__accepted_fn fn, void *arg);
/* Where it listens, with the port that the system chose for port 0. */
const gmux__address *gmux__listener_address(const gmux__listener *listener);
void gmux__listener_close(gmux__listener *listener); /* takes NULL */

/* ---- what every loop has ---- */

/* The loop's read buffer: whoever reads a transport may use it until it returns to the loop. */
uint8_t *gmux__loop_read_buffer(gmux_loop *loop, size_t *len);
const gmux__logger *gmux__loop_logger(const gmux_loop *loop);
/* Channels and servers count themselves, so that a loop is not stopped under them. Loop's thread or
 * not. */
void gmux__loop_ref(gmux_loop *loop);
void gmux__loop_unref(gmux_loop *loop);

/*
 * Loop-local storage: what a room above keeps once per loop (the dial gate). Made by the first who
 * asks, on the loop's thread. Freed with the loop, the last made first, when nothing runs on it any
 * more (perhaps by another thread); by then it must have no timer set and no task deferred.
 */
typedef struct gmux__local_kind {
  int (*init)(void **out, gmux_loop *loop); /* GMUX_ERR_NOMEM */
  void (*free)(void *object);
} gmux__local_kind;
enum { GMUX__LOCALS_MAX = 4 }; /* kinds; more is a mistake */
typedef struct gmux__local {
  const gmux__local_kind *kind;
  void *object;
} gmux__local;
/* NULL: out of memory. `kind` is a static constant: its address is the name. */
void *gmux__loop_local(gmux_loop *loop, const gmux__local_kind *kind);
/* max_dialing and dial_rate_per_s of its options. */
uint32_t gmux__loop_max_dialing(const gmux_loop *loop);
uint32_t gmux__loop_dial_rate(const gmux_loop *loop);

/* ---- for implementations: what a kind of loop brings, and what it calls ---- */

typedef struct gmux__loop_ops {
  uint64_t (*clock)(gmux_loop *loop); /* monotonic nanoseconds, now */
  uint64_t (*wall)(gmux_loop *loop);  /* nanoseconds since 1970, UTC, now */
  void (*wake_at)(gmux_loop *loop,
                  uint64_t at_ns);          /* run a turn at this time; GMUX__NEVER: none needed */
  void (*wake)(gmux_loop *loop);            /* run a turn soon; any thread */
  bool (*is_inside)(const gmux_loop *loop); /* any thread */
  int (*dial)(gmux_loop *loop, gmux__dial **out, const gmux__address *to,
              const gmux__socket_options *options, gmux__dialed_fn fn, void *arg);
  void (*dial_cancel)(gmux__dial *dial);
  int (*resolve)(gmux_loop *loop, gmux__resolve **out, const char *host, uint16_t port,
                 gmux__resolved_fn fn, void *arg);
  void (*resolve_cancel)(gmux__resolve *resolve);
  int (*listen)(gmux_loop *loop, gmux__listener **out, const gmux__address *at,
                const gmux__socket_options *options, gmux__accepted_fn fn, void *arg);
  void (*listener_close)(gmux__listener *listener);
  const gmux__address *(*listener_address)(const gmux__listener *listener);
  int (*stop)(gmux_loop *loop); /* gmux_loop_stop, with all that it promises */
} gmux__loop_ops;

/* The handles begin with their loop, so that the functions above find the implementation. */
struct gmux__dial {
  gmux_loop *loop;
};
struct gmux__resolve {
  gmux_loop *loop;
};
struct gmux__listener {
  gmux_loop *loop;
};

/* The common part; an implementation embeds it as its first member. */
struct gmux_loop {
  const gmux__loop_ops *ops;
  struct { /* the loop's thread only */
    uint64_t now_ns;
    uint64_t random[4];   /* xoshiro256** */
    gmux__timer *timers;  /* the root of the heap */
    uint64_t timer_order; /* the next timer's */
    uint64_t wake_at_ns;  /* what the implementation was told last; GMUX__NEVER: fired, or none */
    gmux__list tasks[GMUX__PHASES];
    uint8_t *read_buffer;
    size_t read_buffer_len;
    gmux__logger logger;
    uint64_t last_number; /* of gmux__loop_number */
    unsigned depth;       /* of turns: callbacks must not stop the loop */
    uint32_t max_dialing, dial_rate_per_s;
    gmux__local locals[GMUX__LOCALS_MAX]; /* in the order in which they were made */
    size_t local_count;
  } loop;
  struct { /* any thread */
    _Atomic(gmux__post *) posts;
    _Atomic(size_t) posting; /* threads inside gmux__loop_post, whose post may have run by now */
    _Atomic(size_t) users;
  } shared;
};

/*
 * A turn, as an implementation runs it:
 *
 *     gmux__loop_update_now(loop);
 *     ...on_ready of transports, between gmux__loop_enter and gmux__loop_leave...
 *     gmux__loop_run_timers(loop);
 *     soon = gmux__loop_end_turn(loop);
 *
 * It must run one before it blocks, whatever woke it, because timers may have been set and work
 * deferred between two turns.
 */

/* seed: four random words, not all zero. options checked before; NULL: defaults. GMUX_ERR_NOMEM. */
int gmux__loop_init(gmux_loop *loop, const gmux__loop_ops *ops, const gmux_loop_options *options,
                    const uint64_t seed[4]);
/* Nothing may be posted, deferred or set any more, and shared.posting is 0. */
void gmux__loop_deinit(gmux_loop *loop);
void gmux__loop_update_now(gmux_loop *loop); /* reads the clock: at the start of a turn */
static inline uint64_t gmux__loop_now(gmux_loop *loop) {
  if (loop->loop.depth == 0) gmux__loop_update_now(loop);
  return loop->loop.now_ns;
}
/* One batch: what is posted by these posts waits for the next. gmux__loop_end_turn calls it. */
void gmux__loop_run_posts(gmux_loop *loop);
/* All that are due, but not those set meanwhile. After a wake_at that came before its time (a
 * coarse system timer) the implementation is told again at the end of the turn. */
void gmux__loop_run_timers(gmux_loop *loop);
/* The end of a turn: runs posts and the deferred phases until nothing is left, or for a bounded
 * number of rounds, so that sockets are not starved by a callback that always starts more; true:
 * something is left, run another turn soon. Then tells the implementation the next timer
 * (wake_at). */
bool gmux__loop_end_turn(gmux_loop *loop);
/* Something was posted, deferred or timed since the last turn: an implementation that asks this
 * before it blocks needs no turn, and so no reading of the clock, when the answer is no. */
bool gmux__loop_needs_turn(const gmux_loop *loop);
/* Around whatever is called from the implementation into the rooms above: time stands still, and
 * the loop can't be stopped. */
static inline void gmux__loop_enter(gmux_loop *loop) {
  loop->loop.depth++;
}
static inline void gmux__loop_leave(gmux_loop *loop) {
  loop->loop.depth--;
}

/* The caller's options as far as it knows them, the defaults for the rest; `options` may be NULL.
 */
gmux_loop_options gmux__loop_options_read(const gmux_loop_options *options);

#endif
