/*
 * call.h (inside): one call and its attempt.
 *
 *     NEW --START--> WAITING --placed--> RUNNING --over--> ENDING --told--> ENDED
 *     NEW --START--> RUNNING (a connection had room)
 *     NEW, WAITING --failed, cancelled, deadline--> ENDING
 *
 * NEW is also a call that another thread has started and whose START has not come yet. A call in
 * WAITING, RUNNING or ENDING is in the channel's list of that name. Entering ENDING settles the
 * status for good; the application hears of it from a task of GMUX__PHASE_DONE, so never from
 * inside a function that it called, and after everything else of that moment has been settled too.
 */
#ifndef GMUX__CLIENT_CALL_H
#define GMUX__CLIENT_CALL_H

#include "lib/client/channel.h"
#include "lib/client/result.h"
#include "lib/h2/exchange.h"

typedef enum gmux__call_state {
  GMUX__CALL_NEW = 0,
  GMUX__CALL_WAITING,
  GMUX__CALL_RUNNING,
  GMUX__CALL_ENDING,
  GMUX__CALL_ENDED
} gmux__call_state;

const char *gmux__call_state_str(gmux__call_state state);

/* A reply that must be kept until the status is known, and was not owned, is copied: to the call
 * itself, to memory of the channel's slab, or to memory of its own. Usual replies cost no
 * allocation. */
enum { GMUX__CALL_REPLY_INLINE = 256, GMUX__CALL_REPLY_SLAB = 4096 };

struct gmux_call {
  gmux__exchange exchange; /* must be first */

  /* Set before the call is shared, then only read. */
  gmux_channel *channel;
  gmux_method *method;
  const gmux_call_handlers *handlers; /* NULL: blocking form, or on_done */
  gmux_unary_fn on_done;              /* of gmux_call_unary_start; else NULL */
  void *user_data;
  gmux_metadata *metadata; /* to be sent; NULL: none */
  int64_t timeout_ms;
  bool wait_for_ready;
  bool starts_with_message; /* START brings the one message of a unary call */

  struct {
    gmux__call_state state;
    gmux__link link; /* in a list of the channel */
    uint64_t deadline_ns;
    gmux__timer deadline_timer;
    gmux__task end_task;
    bool is_cancelled;         /* before START came */
    gmux__stream stream;       /* of the one attempt */
    gmux__line *line;          /* whose connection it was put on; NULL: none yet */
    uint64_t waiting_since_ns; /* WAITING: since when */
    uint32_t messages;         /* received */
    gmux_bytes reply;          /* of a method that answers with one message, until the end */
    void *reply_memory;        /* the slab's, when that is where it lies */
  } loop_only;

  gmux_status status; /* the loop's; others may read it once the mailbox or on_end has said so */
  atomic_int evidence;

  uint8_t reply_inline[GMUX__CALL_REPLY_INLINE];
};

/* ---- call.c ---- */

void gmux__call_set_state(gmux_call *call, gmux__call_state state);
/* Settles the status; a stream that still runs is reset. */
void gmux__call_end(gmux_call *call, const gmux__result *result);
/* The same with a code and words. */
void gmux__call_fail(gmux_call *call, gmux_code code, const char *format, ...) GMUX_PRINTF(3, 4);
/* Its deadline has passed. */
void gmux__call_end_late(gmux_call *call);
bool gmux__call_is_late(gmux_call *call);

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

extern const gmux__stream_handlers gmux__attempt_handlers;

/* WAITING or NEW: puts the call on this connection, which has room: then it is RUNNING, or ENDING
 * when that failed for good. False: nothing has changed, the connection takes no more. */
bool gmux__attempt_open(gmux_call *call, gmux__line *line);

/* ---- call_api.c ---- */

extern const gmux__exchange_ops gmux__call_ops;

#endif
