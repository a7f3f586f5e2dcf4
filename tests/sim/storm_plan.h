/*
 * storm_plan.h: what will happen in a storm, all of it drawn from the seed before anything does.
 *
 * A plan is a row of moves: calls that are started, pokes at calls under way, things that an
 * application does to a channel, and faults. Each move has a random stream of its own, from the
 * seed and its number, and each call brings its own, too: a move that is left out changes nothing
 * of what the others draw. That is what makes a storm that breaks a law small (storm_shrink.c).
 */
#ifndef TESTS_SIM_STORM_PLAN_H
#define TESTS_SIM_STORM_PLAN_H

#include "tests/sim/unruly.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * The kinds of faults: name, words, and how likely among the others. Each is counted when it has
 * really happened (storm_fault_happened). Those without weight are not planned: they follow from
 * options and from what others do.
 */
#define STORM_FAULTS(X)                                                                            \
  X(DIAL_REFUSED, "dials refused", 5)                                                              \
  X(DIAL_SLOW, "dials are slow", 3)                                                                \
  X(DIAL_UNREACHABLE, "no route for dials", 2)                                                     \
  X(DIAL_UNANSWERED, "dials are not answered", 4)                                                  \
  X(GREETING_STOPS, "TLS or SETTINGS never come, or in part", 5)                                   \
  X(BLACKHOLE_TO_SERVER, "black hole to the server", 3)                                            \
  X(BLACKHOLE_TO_CLIENT, "black hole to the client", 3)                                            \
  X(BLACKHOLE_BOTH, "black hole both ways", 3)                                                     \
  X(RESET, "link reset", 8)                                                                        \
  X(HALF_CLOSE_TO_SERVER, "half close by the client's network", 3)                                 \
  X(HALF_CLOSE_TO_CLIENT, "half close by the server's network", 3)                                 \
  X(STALL, "link stalled", 8)                                                                      \
  X(RESET_AT_BYTE, "link reset at a byte", 5)                                                      \
  X(END_AT_BYTE, "link half closed at a byte", 4)                                                  \
  X(STALL_AT_BYTE, "link stalled at a byte", 4)                                                    \
  X(FLIP, "a byte under TLS is another", 4)                                                        \
  X(DRIP, "bytes come slowly", 4)                                                                  \
  X(PIECES, "other latency, pieces and buffers", 6)                                                \
  X(DNS_FAIL, "names fail", 2)                                                                     \
  X(DNS_HANG, "names are never answered", 2)                                                       \
  X(DNS_GONE, "a name is forgotten", 2)                                                            \
  X(DNS_CHANGE, "a name has other addresses", 3)                                                   \
  X(FROZEN, "a loop is frozen", 5)                                                                 \
  X(REORDER, "turns are reordered", 2)                                                             \
  X(GOAWAY_TWO_STEPS, "GOAWAY in two steps", 6)                                                    \
  X(GOAWAY_ABRUPT, "GOAWAY and close", 6)                                                          \
  X(SERVER_DRAIN, "server drained", 5)                                                             \
  X(SERVER_KILL, "server killed", 5)                                                               \
  X(DIAL_TIMED_OUT, "the system gives up a dial", 0)                                               \
  X(USER_TIMEOUT, "TCP gives up by its user timeout", 0)                                           \
  X(TCP_KEEPALIVE, "TCP gives up by its keepalive", 0)                                             \
  X(MEMORY, "allocation fails", 0)                                                                 \
  X(START_INSIDE, "a callback starts a call", 0)                                                   \
  X(CANCEL_INSIDE, "a callback cancels its call", 0)                                               \
  X(CLOSE_INSIDE, "a callback closes a channel", 0)                                                \
  X(DRAIN_INSIDE, "a callback drains a server", 0)                                                 \
  X(TOO_MANY_PINGS, "a server finds PINGs too many", 0)                                            \
  X(TOO_OLD, "a server's connection gets too old", 0)                                              \
  X(TOO_IDLE, "a server's connection is idle too long", 0)                                         \
  X(TURNED_AWAY, "a server turns a connection away", 0)                                            \
  X(OVERDUE, "a client's handshake takes too long", 0)                                             \
  X(CLIENT_DEAD, "a server finds its client dead", 0)                                              \
  X(SPREAD, "a channel has several loops", 0)

/* Then come those of unruly servers. */
typedef enum storm_fault {
#define X(name, words, weight) STORM_FAULT_##name,
  STORM_FAULTS(X) UNRULY_FAULT_LIST(X)
#undef X
      STORM_FAULT_KINDS
} storm_fault;

static inline storm_fault storm_fault_of_unruly(unruly_fault fault) {
  return (storm_fault)(STORM_FAULT_UNRULY_GOAWAY + (int)fault);
}
static inline bool storm_fault_is_deed(storm_fault fault) {
  return fault >= STORM_FAULT_UNRULY_GOAWAY && fault < storm_fault_of_unruly(UNRULY_DEEDS);
}

const char *storm_fault_str(storm_fault fault);

/* What kind of storms: `mixed` has all the others in it. */
typedef struct storm_scenario {
  const char *name, *words;
  unsigned tls_percent, memory_percent; /* of its seeds */
  unsigned unruly_percent;              /* of its seeds: with servers that are unruly */
  bool has_faults;
} storm_scenario;

const storm_scenario *storm_scenario_find(const char *name); /* NULL: there is none */
void storm_scenarios_print(FILE *out);

enum { STORM_PLANNED = 160, STORM_MOVES = 640 };

typedef enum storm_act { STORM_START, STORM_POKE, STORM_TOUCH, STORM_BREAK } storm_act;

typedef struct storm_move {
  storm_act act;
  uint64_t at_ns;    /* since the beginning */
  uint64_t for_ns;   /* of a fault: until it heals */
  uint64_t random;   /* its stream */
  storm_fault fault; /* STORM_BREAK */
  uint32_t call;     /* STORM_START: its id, from 1 to STORM_PLANNED */
  bool is_left_out;
} storm_move;

typedef struct storm_plan {
  uint64_t seed;
  const storm_scenario *scenario;
  bool is_over_tls, fails_memory;
  unsigned unruly_percent; /* of its servers' lives */
  size_t count, calls, faults;
  storm_move moves[STORM_MOVES]; /* by time */
} storm_plan;

/* At least 50 calls and 5 faults (none where the scenario has none). */
void storm_plan_make(storm_plan *plan, const storm_scenario *scenario, uint64_t seed);
/* "3,7,12-40": moves by number, from 0. False: it cannot be read, or names none of the plan's. */
bool storm_plan_leave_out(storm_plan *plan, const char *list);
/* The same list again, of what is left out now; "": nothing. */
void storm_plan_left_out(const storm_plan *plan, char *list, size_t size);

/* ---- chance ---- */

/* splitmix64 (Vigna, public domain). */
uint64_t storm_draw(uint64_t *stream, uint64_t below);
/* The start of a stream of its own, for the nth of some kind of thing. */
typedef enum storm_stream {
  STORM_STREAM_WORLD,
  STORM_STREAM_PLAN,
  STORM_STREAM_MOVE,
  STORM_STREAM_CALL,
  STORM_STREAM_SERVED,
  STORM_STREAM_CHANNEL,
  STORM_STREAM_SERVER,
  STORM_STREAM_CALM,
  STORM_STREAM_TLS,
  STORM_STREAM_SPREAD
} storm_stream;
uint64_t storm_stream_start(uint64_t seed, storm_stream kind, uint64_t nth);

#endif
