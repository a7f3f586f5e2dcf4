/*
 * unruly.h: a gRPC server that does what ours never would, and keeps an honest ledger.
 *
 * It speaks raw frames (rawwire.h) and everything it does is legal HTTP/2: GOAWAY of every kind,
 * REFUSED_STREAM, limits and windows that change at bad moments, answers that break off, silence.
 * What becomes of a call is drawn when it arrives, from the seed and the call's own id (metadata
 * "x-id"), so that it does not depend on other calls; greater DEEDS are asked for by unruly_do.
 *
 * Honest: a call is executed at one moment, which the ledger hears of (on_executed). From then on
 * nothing the server says denies it: no REFUSED_STREAM, no GOAWAY with a last stream id below it.
 * What it has denied (on_refused) it never executes.
 *
 * It also judges its client (on_breach): streams within the acknowledged limit, with odd and rising
 * ids, none after a GOAWAY that the client has answered for; DATA within the windows; messages as
 * they should be; SETTINGS and PINGs acknowledged in order; and PINGs that a server with default
 * settings would punish (on_punishable).
 *
 * One loop. It is to be used from the loop's thread, and its memory is not the library's.
 */
#ifndef TESTS_SIM_UNRULY_H
#define TESTS_SIM_UNRULY_H

#include "tests/sim/net.h"
#include <gmux/call.h>
#include <gmux/tls.h>

/* All that it may do, to be counted. */
typedef enum unruly_fault {
  /* Deeds: done to a connection when unruly_do says so. */
  UNRULY_GOAWAY = 0,       /* of any code, last id and text; what it spares runs on */
  UNRULY_GOAWAY_LOWERED,   /* a second one, with a lower last id if that is honest */
  UNRULY_GOAWAY_CLOSE,     /* the connection ends behind it */
  UNRULY_GOAWAY_TWO_STEPS, /* 2^31-1 first, the real one a while later */
  UNRULY_TOO_MANY_PINGS,   /* GOAWAY ENHANCE_YOUR_CALM "too_many_pings", and the end */
  UNRULY_REFUSE,           /* REFUSED_STREAM to all calls that it has not executed */
  UNRULY_RESET,            /* RST_STREAM of another code to a call */
  UNRULY_LIMIT_UP,
  UNRULY_LIMIT_DOWN, /* also below what runs */
  UNRULY_LIMIT_ZERO, /* for a time */
  UNRULY_WINDOW_UP,  /* INITIAL_WINDOW_SIZE */
  UNRULY_WINDOW_DOWN,
  UNRULY_STARVE,  /* no WINDOW_UPDATE for a time */
  UNRULY_PINGS,   /* a burst of them */
  UNRULY_NO_ACKS, /* neither for PING nor for SETTINGS, for a time */
  UNRULY_DEAF,    /* nothing is read, for a time */
  UNRULY_DRIP,    /* a few bytes at a time, wherever that cuts, for a time */
  UNRULY_BABBLE,  /* frames and settings that nobody knows, PRIORITY, many WINDOW_UPDATEs */
  UNRULY_CLOSE,
  UNRULY_ABORT, /* a reset of the transport */
  UNRULY_HALF_CLOSE,
  UNRULY_DEEDS, /* their number */

  /* What a connection may be born with. */
  UNRULY_NO_GREETING = UNRULY_DEEDS, /* SETTINGS never come */
  UNRULY_LATE_GREETING,
  UNRULY_GOAWAY_AT_ONCE, /* behind the first SETTINGS */
  UNRULY_LATE_ACKS,      /* it begins with UNRULY_NO_ACKS */
  UNRULY_SMALL_WINDOW,   /* of streams: down to nothing */
  UNRULY_PADDING,
  UNRULY_SMALL_FRAMES,
  UNRULY_EMPTY_FRAMES,
  UNRULY_CONTINUATION, /* header blocks in pieces */

  /* What may become of a call. */
  UNRULY_REFUSED,          /* as soon as it comes */
  UNRULY_REFUSED_LATE,     /* after its messages */
  UNRULY_RESET_UNEXECUTED, /* by another code than REFUSED_STREAM */
  UNRULY_RESET_EXECUTED,   /* also in the middle of the answer */
  UNRULY_ERROR,            /* trailers with a status, after messages or none */
  UNRULY_ERROR_ONLY,       /* the same as Trailers-Only */
  UNRULY_EARLY,            /* the answer is whole before the client has half-closed */
  UNRULY_INFORMATIONAL,    /* 1xx before the answer */
  UNRULY_NO_TRAILERS,      /* END_STREAM without a status */
  UNRULY_CUT_MESSAGE,      /* "OK" in the middle of a message */
  UNRULY_WRONG_COUNT,      /* "OK" after none or two, where the method answers with one */
  UNRULY_BROKEN_OFF,       /* the transport closes in the middle of the answer */
  UNRULY_GOAWAY_INSTEAD,   /* the same behind a GOAWAY */
  UNRULY_SILENT,           /* executed, and not answered before calm */
  UNRULY_FAULTS
} unruly_fault;

const char *unruly_fault_str(unruly_fault fault);

/* None may call anything on the server. */
typedef struct unruly_handlers {
  /* What message `number` of a call says; to_client: of the answer. Valid while the server is. */
  void (*message)(uint32_t id, bool to_client, unsigned number, const uint8_t **data, size_t *len);
  void (*on_executed)(uint32_t id, gmux_method_kind kind, void *user_data);
  /* A status is on its way behind so many whole messages; GMUX_OK only if the answer is right. */
  void (*on_served)(uint32_t id, unsigned messages, gmux_code code, void *user_data);
  /* The client is told that this attempt was not, and will not be, executed. */
  void (*on_refused)(uint32_t id, void *user_data);
  void (*on_fault)(unruly_fault fault, void *user_data);
  /* The client did what it must not. */
  void (*on_breach)(const char *what, void *user_data);
  /* A server with default settings would say "too_many_pings" now. `id`: some call that came on
   * this connection; 0: none did. */
  void (*on_punishable)(uint32_t id, void *user_data);
} unruly_handlers;

typedef struct unruly_options {
  gmux_tls *tls;            /* NULL: cleartext. Borrowed. */
  const char *const *paths; /* of the methods, by gmux_method_kind. Borrowed. */
  size_t max_bytes;         /* of a message: no frame or window is too small for that */
  unsigned roughness;       /* percent: how often it is unruly without being asked to */
  unruly_fault always;      /* instead: to every connection, or call, this; a deed: nothing */
  const unruly_handlers *handlers;
  void *user_data;
} unruly_options;

typedef struct unruly unruly;

/* NULL: nobody can listen there. The options are copied. */
unruly *unruly_open(gmux_loop *loop, const gmux__address *at, const unruly_options *options,
                    uint64_t seed);
/* Closes everything at once; takes NULL. */
void unruly_close(unruly *u);

/* Does it to one of its connections, drawn from `seed`. False: there is none to which it can be
 * done. */
bool unruly_do(unruly *u, unruly_fault deed, uint64_t seed);
/* From now on it behaves: what it holds is answered, windows and limits are wide. Connections that
 * it has told to go away stay so. */
void unruly_calm(unruly *u);
/* No new connections; those there get a GOAWAY and end with their last call. It is still to be
 * closed. */
void unruly_drain(unruly *u);
size_t unruly_connections(const unruly *u);
/* Calls that it has and has not ended. */
size_t unruly_calls(const unruly *u);

#endif
