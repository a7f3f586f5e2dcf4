/*
 * call.h (inside): one call and its attempts, of which it has one at a time.
 *
 *     NEW --START--> WAITING --placed--> RUNNING --over--> ENDING --told--> ENDED
 *      |                ^                   |
 *      |                |          to be made again (gmux__call_retry)
 *      |                |                   v
 *      |                +---- rested --- RESTING
 *      +--START--> RUNNING (a connection had room)
 *
 *     NEW, WAITING, RESTING --failed, cancelled, deadline--> ENDING
 *
 *     NEW      also one that another thread has started and whose START has not come yet
 *     WAITING  for a place; in the channel's list `waiting`, or `again` when it had an attempt
 *     RUNNING  its stream is open
 *     RESTING  between two attempts: its stream holds again all that was written; until the
 *              backoff of the retry is over, which the first time is at once
 *     ENDING   the status is settled for good; the application hears of it from a task of
 *              GMUX__PHASE_DONE, so never from inside a function that it called, and after
 *              everything else of that moment has been settled too. Where an answer has come whole
 *              on a connection that goes on, there is nothing else, and it hears at once
 *
 * RUNNING, RESTING and ENDING are in the channel's lists of these names. One timer serves the
 * deadline, acquire_timeout_ms and the backoff; an ordinary call sets it once and clears it once.
 *
 * Ten thousand calls may wait for four connections. What a call needs only on a stream, and the
 * stream, is therefore memory of its own (gmux__attempt), which it has from the moment at which it
 * is given a place, or writes what it cannot keep itself: all but the one message of its method.
 */
#ifndef GMUX__CLIENT_CALL_H
#define GMUX__CLIENT_CALL_H

#include "lib/base/machine.h"
#include "lib/client/channel.h"
#include "lib/client/result.h"
#include "lib/h2/exchange.h"
#include "lib/policy/retry.h"

typedef enum gmux__call_state {
  GMUX__CALL_NEW = 0,
  GMUX__CALL_WAITING,
  GMUX__CALL_RUNNING,
  GMUX__CALL_RESTING,
  GMUX__CALL_ENDING,
  GMUX__CALL_ENDED
} gmux__call_state;

extern const gmux__machine gmux__call_machine;
const char *gmux__call_state_str(gmux__call_state state);

/* A reply that must be kept until the status is known, and was not owned, is copied: to the
 * stream's intake, to memory of the channel's slab, or to memory of its own. Usual replies cost no
 * allocation. */
enum { GMUX__CALL_REPLY_SLAB = 4096 };

enum { GMUX__EVIDENCES = 5 };

/*
 * Where a call's time goes: a clock for each of its states but NEW, and for WAITING one a reason.
 * They add up to the call's time because each change of state stops one and starts the next at the
 * same moment. A clock that stands holds what was spent; one that runs holds the moment minus that:
 * stopping and starting are the same subtraction. A wait is kept as its two marks, which is enough
 * for nearly all calls; one that is made again may wait more than once, and its gmux__past sums up.
 */

/* What a call has once it is made again. */
typedef struct gmux__past {
  uint64_t waits[GMUX__WAITS]; /* those that are over */
  uint64_t resting_ns;
  uint64_t rest_until_ns;             /* RESTING */
  uint32_t ended_by[GMUX__EVIDENCES]; /* attempts that another one followed */
} gmux__past;

/* What a call has from its first place on, until its memory goes; of the channel's slab. */
typedef struct gmux__attempt {
  gmux__stream stream; /* of the attempt that runs; between two, of the next. It clears itself */
  gmux_call *call;
  gmux__line *line;   /* whose connection it is or was on; NULL: none, or it will be another */
  gmux__past *past;   /* NULL: this is the first attempt */
  gmux__retry retry;  /* how often, by reason */
  gmux_evidence last; /* of the attempt before, if there was one */
  uint64_t running_ns;
  uint64_t send_ns;     /* of running_ns: with something to send; of the attempts that are over */
  gmux__mark waited_to; /* the end of the one wait; none: there was none, or it is in `past` */
  gmux_bytes reply;     /* of a method that answers with one message, until the end */
  void *reply_memory;   /* the slab's, when that is where it lies */
  uint32_t messages;    /* received */
} gmux__attempt;

struct gmux_call {
  gmux__exchange exchange; /* must be first */

  /* Set before the call is shared, then only read. */
  gmux_channel *channel;
  gmux_method *method;
  union {
    const gmux_call_handlers *handlers; /* NULL: blocking form */
    gmux_unary_fn on_done;              /* of gmux_call_unary_start: has_on_done */
  };
  void *user_data;
  gmux_metadata *metadata; /* to be sent; NULL: none */
  int64_t timeout_ms;
  bool has_on_done;
  bool wait_for_ready;
  bool is_idempotent;
  bool starts_with_message; /* START brings the one message of a unary call */
  bool is_slabs;            /* its memory is of the channel's slab */

  atomic_bool is_settled; /* ENDED: nothing that gmux_call_explain tells changes any more */
  atomic_uchar evidence;  /* of all attempts; POSSIBLE while one runs */

  struct {
    bool is_cancelled; /* before START came */
    bool is_half_closed;
    gmux__call_state state;
    gmux__link link; /* in a list of the channel */
    uint64_t deadline_ns;
    gmux__mark waited_from; /* WAITING: since when; later, of the one wait, as waited_to */
    gmux__attempt *attempt; /* NULL: none yet */
  } loop_only;

  /* The loop's, too. What a call needs before its end and what after it are never needed both. */
  union {
    struct {
      gmux__timer timer;    /* gmux__call_set_timer says for what */
      gmux__outmsg *letter; /* without an attempt: written, and the last; NULL: none */
      uint32_t credit;      /* the same: messages that it may have, and */
      uint32_t limit;       /* bytes of each */
    } before_end;           /* NEW to RESTING */
    struct {
      gmux_status status;   /* others may read it once the mailbox or on_end has said so */
      gmux__mark waited_to; /* without an attempt: the end of its wait; none: it did not wait */
    } at_end;               /* ENDING, ENDED */
  };
};

/* NULL: it has none, in the blocking form and with on_done. */
static inline const gmux_call_handlers *gmux__call_handlers(const gmux_call *call) {
  return call->has_on_done ? NULL : call->handlers;
}

/* ---- call.c ---- */

void gmux__call_set_state(gmux_call *call, gmux__call_state state);
/* Settles the status; a stream that still runs is reset. */
void gmux__call_end(gmux_call *call, const gmux__result *result);
/* The same, told at once: from the stream's on_closed alone. The call may be gone then. */
void gmux__call_end_now(gmux_call *call, const gmux__result *result);
/* The same with a code and words. */
void gmux__call_fail(gmux_call *call, gmux_code code, const char *format, ...) GMUX_PRINTF(3, 4);
/* Its deadline has passed. */
void gmux__call_end_late(gmux_call *call);
bool gmux__call_is_late(gmux_call *call);
/* For the next that it is to be woken for: the deadline, the end of its patience in WAITING, or of
 * its rest in RESTING. */
void gmux__call_set_timer(gmux_call *call);
/* Times it was put on a stream. */
uint32_t gmux__call_attempts(const gmux_call *call);
/* Those that are over. */
void gmux__call_ended_by(const gmux_call *call, uint32_t ended_by[GMUX__EVIDENCES]);

/* That came; NULL: none. */
const gmux_metadata *gmux__call_trailers(const gmux_call *call);

/* What gmux_call_start and the unary forms have in common. `request` (may be NULL) is taken on
 * success. */
typedef struct gmux__call_setup {
  gmux_channel *channel;
  gmux_method *method;
  const gmux_call_options *options;
  const gmux_call_handlers *handlers;
  gmux_unary_fn on_done;
  void *user_data;
  gmux_bytes *request;
} gmux__call_setup;
int gmux__call_start(gmux_call **out, const gmux__call_setup *setup);
/* The last hold is gone. */
void gmux__call_destroy(gmux__exchange *exchange);

/* ---- attempt.c ---- */

/* Its stream is there from now on, with what was said of it so far. GMUX_ERR_NOMEM: nothing has
 * changed. */
int gmux__attempt_make(gmux_call *call);
/* The call's memory goes. */
void gmux__attempt_free(gmux_call *call);
void gmux__attempt_drop_reply(gmux__attempt *attempt);

/* WAITING or NEW: puts the call on this connection, which has room: then it is RUNNING, or ENDING
 * when that failed for good. False: nothing has changed, the connection takes no more. */
bool gmux__attempt_open(gmux_call *call, gmux__line *line);

/* ---- retry.c ---- */

/* RUNNING, its stream is over: true when it is made again without the application's knowledge
 * (promises 11 and 12), and so is RESTING or WAITING now, or ENDING where nothing is to be had. */
bool gmux__call_retry(gmux_call *call);

/* ---- explain.c ---- */

/* Of the state it is about to leave; of the one it has come to. */
void gmux__call_stop_clock(gmux_call *call, uint64_t now_ns);
void gmux__call_start_clock(gmux_call *call, uint64_t now_ns);
/* Leaves RUNNING: how much of it went by with something to send. */
void gmux__call_note_sending(gmux_call *call, uint64_t now_ns);
/* Where it stands, to follow "deadline of 100 ms passed": "while the server worked on it". */
void gmux__call_where(const gmux_call *call, char *text, size_t len);
/* What those that wait for a place wait for: "for a free stream to ...", "for a connection: ...".
 */
void gmux__channel_explain_wait(const gmux_channel *channel, char *text, size_t len);
/* RUNNING, its stream is over: "; 4th attempt, before it 3 were refused", to follow why this one
 * was the last; "" when it was the first. */
void gmux__call_past(const gmux_call *call, char *text, size_t len);
/* Where its time went, to follow that: " (250 ms for TCP, 160 ms at the server)"; "" when it was
 * spent at one place. */
void gmux__call_times(const gmux_call *call, char *text, size_t len);

/* ---- call_api.c ---- */

extern const gmux__exchange_ops gmux__call_ops;

#endif
