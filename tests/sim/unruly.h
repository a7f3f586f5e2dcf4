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

/*
 * All that it may do, to be counted: name, words, and for deeds how likely each is among the
 * others.
 */
#define UNRULY_DEED_LIST(X)                                                                        \
  /* Deeds: done to a connection when unruly_do says so. */                                        \
  X(UNRULY_GOAWAY, "GOAWAY of any code, last id and text", 5)                                      \
  X(UNRULY_GOAWAY_LOWERED, "a second GOAWAY with a lower last id", 3)                              \
  X(UNRULY_GOAWAY_CLOSE, "GOAWAY of any kind, and close", 4)                                       \
  X(UNRULY_GOAWAY_TWO_STEPS, "GOAWAY in two steps", 3)                                             \
  X(UNRULY_TOO_MANY_PINGS, "\"too_many_pings\" without reason", 2)                                 \
  X(UNRULY_REFUSE, "REFUSED_STREAM to all that is not executed", 4)                                \
  X(UNRULY_RESET, "RST_STREAM of another code", 4)                                                 \
  X(UNRULY_LIMIT_UP, "MAX_CONCURRENT_STREAMS raised", 3)                                           \
  X(UNRULY_LIMIT_DOWN, "MAX_CONCURRENT_STREAMS below what runs", 5)                                \
  X(UNRULY_LIMIT_ZERO, "MAX_CONCURRENT_STREAMS zero for a time", 3)                                \
  X(UNRULY_WINDOW_UP, "INITIAL_WINDOW_SIZE raised", 2)                                             \
  X(UNRULY_WINDOW_DOWN, "INITIAL_WINDOW_SIZE lowered", 4)                                          \
  X(UNRULY_STARVE, "no WINDOW_UPDATE for a time", 4)                                               \
  X(UNRULY_PINGS, "a burst of PINGs", 2)                                                           \
  X(UNRULY_NO_ACKS, "neither PING nor SETTINGS acknowledged for a time", 4)                        \
  X(UNRULY_DEAF, "nothing is read for a time", 3)                                                  \
  X(UNRULY_DRIP, "a few bytes at a time", 3)                                                       \
  X(UNRULY_BABBLE, "frames and settings that nobody knows", 3)                                     \
  X(UNRULY_CLOSE, "transport closed", 3)                                                           \
  X(UNRULY_ABORT, "transport reset", 2)                                                            \
  X(UNRULY_HALF_CLOSE, "our half closed", 2)

#define UNRULY_NATURE_LIST(X)                                                                      \
  /* What a connection may be born with. */                                                        \
  X(UNRULY_NO_GREETING, "SETTINGS never come", 0)                                                  \
  X(UNRULY_LATE_GREETING, "SETTINGS come late", 0)                                                 \
  X(UNRULY_GOAWAY_AT_ONCE, "GOAWAY behind the first SETTINGS", 0)                                  \
  X(UNRULY_LATE_ACKS, "no ACKs at first", 0)                                                       \
  X(UNRULY_SMALL_WINDOW, "small windows, down to nothing at first", 0)                             \
  X(UNRULY_PADDING, "padded DATA", 0)                                                              \
  X(UNRULY_SMALL_FRAMES, "small DATA frames", 0)                                                   \
  X(UNRULY_EMPTY_FRAMES, "empty DATA frames", 0)                                                   \
  X(UNRULY_CONTINUATION, "header blocks in pieces, with priority", 0)

#define UNRULY_FATE_LIST(X)                                                                        \
  /* What may become of a call. */                                                                 \
  X(UNRULY_REFUSED, "refused as soon as it comes", 0)                                              \
  X(UNRULY_REFUSED_LATE, "refused after its messages", 0)                                          \
  X(UNRULY_RESET_UNEXECUTED, "reset, and not executed", 0)                                         \
  X(UNRULY_RESET_EXECUTED, "executed, and reset in the answer", 0)                                 \
  X(UNRULY_ERROR, "an error", 0)                                                                   \
  X(UNRULY_ERROR_ONLY, "an error as Trailers-Only", 0)                                             \
  X(UNRULY_EARLY, "answered before the client has half-closed", 0)                                 \
  X(UNRULY_INFORMATIONAL, "1xx before the answer", 0)                                              \
  X(UNRULY_NO_TRAILERS, "the end without a status", 0)                                             \
  X(UNRULY_CUT_MESSAGE, "OK in the middle of a message", 0)                                        \
  X(UNRULY_WRONG_COUNT, "OK after none or two messages instead of one", 0)                         \
  X(UNRULY_BROKEN_OFF, "transport closed in the answer", 0)                                        \
  X(UNRULY_GOAWAY_INSTEAD, "GOAWAY and close in the answer", 0)                                    \
  X(UNRULY_SILENT, "executed, and not answered before calm", 0)

#define UNRULY_FAULT_LIST(X) UNRULY_DEED_LIST(X) UNRULY_NATURE_LIST(X) UNRULY_FATE_LIST(X)

typedef enum unruly_fault {
#define X(name, words, weight) name,
  UNRULY_FAULT_LIST(X)
#undef X
      UNRULY_FAULTS,
  UNRULY_DEEDS = UNRULY_NO_GREETING, /* their number */
  UNRULY_NATURES = UNRULY_REFUSED    /* deeds and natures */
} unruly_fault;

/* What of a client's was wrong. */
typedef enum unruly_breach_kind {
  UNRULY_BREACH_STREAMS, /* more of them, or later, than it was allowed */
  UNRULY_BREACH_WIRE,    /* another rule of HTTP/2, or beyond a window */
  UNRULY_BREACH_MESSAGE  /* a request that is not what was asked for */
} unruly_breach_kind;

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
  /* It came before its client had acknowledged any SETTINGS: no limit is known to it. */
  void (*on_eager)(uint32_t id, void *user_data);
  void (*on_fault)(unruly_fault fault, void *user_data);
  /* The client did what it must not. */
  void (*on_breach)(unruly_breach_kind kind, const char *what, void *user_data);
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
/* When calm has lasted: whether each client has given back the window of what it was sent. */
bool unruly_windows_are_back(const unruly *u);
/* No new connections; those there get a GOAWAY and end with their last call. It is still to be
 * closed. */
void unruly_drain(unruly *u);
size_t unruly_connections(const unruly *u);
/* Calls that it has and has not ended. */
size_t unruly_calls(const unruly *u);

#endif
