/*
 * ledger.h: the laws that hold in every run, and the book in which a run is written down.
 *
 * A run is a world of channels, calls and servers in some weather. The program that makes it
 * (gmux-sim, test-promises) writes into the ledger what its application asked for and saw and what
 * its servers executed, and the ledger compares both ends: when something happens, after each turn
 * of the world, and when all is over. doc/testing.md has the table of laws.
 *
 * Who breaks a law is told with the law, the story of the call, the last events of the channel's
 * connections, and what the reader has to add: its own notes, and how to see it again.
 *
 * The records are plain and filled by functions that need no library under test, so that each law
 * is also shown to be able to fail (ledger_test.c). One world at a time; not from several threads.
 */
#ifndef TESTS_SIM_LEDGER_H
#define TESTS_SIM_LEDGER_H

#include "lib/base/list.h"
#include "lib/io/loop.h"
#include <gmux/call.h>
#include <gmux/channel.h>
#include <gmux/server.h>

/* ---- the laws ---- */

typedef enum ledger_law_id {
  LAW_L1 = 0, /* no call without an end */
  LAW_L2,     /* none ended twice */
  LAW_L3,     /* none executed twice, unless idempotent */
  LAW_L4,     /* no OK without execution, and its messages */
  LAW_L5,     /* none executed whose evidence excludes it */
  LAW_L6,     /* no foreign or broken message, metadata or trailers */
  LAW_L7,     /* none later than its deadline plus a bound */
  LAW_STREAMS,
  LAW_WIRE,
  LAW_CONNECTIONS,
  LAW_DIALS,
  LAW_PINGS,
  LAW_CALM,
  LAW_PLACES,
  LAW_WAITS,
  LAW_SILENCE,
  LAW_UPKEEP,
  LAW_RETRIES,
  LAW_RESETS,
  LAW_QUEUES,
  LAW_LEAKS,
  LAW_RECOVERY,
  LAW_COUNTS,
  LAW_CALLBACKS,
  LAW_ANSWERS,
  LAW_STORY,
  LAW_CHECK,
  LEDGER_LAWS
} ledger_law_id;

const char *ledger_law_name(ledger_law_id law);     /* "L3" */
const char *ledger_law_sentence(ledger_law_id law); /* "no call is executed twice, unless ..." */
/* How often it was looked at since the program began: a law that nobody reads proves nothing. */
uint64_t ledger_law_readings(ledger_law_id law);

typedef struct ledger_channel ledger_channel;
typedef struct ledger_call ledger_call;

/* The program that makes the run. Each may be NULL, but now_ns. */
typedef struct ledger_reader {
  uint64_t (*now_ns)(void);
  /* A law is broken: once for each time, after it was told. `format` is what was said of it. */
  void (*on_broken)(ledger_law_id law, const char *format);
  void (*tell_notes)(void);  /* what happened before; lines that begin with "# " on stdout */
  void (*tell_replay)(void); /* the last line: the command that does it again */
  /* Loops were stopped until then: what was due before may have come so late. */
  uint64_t (*stopped_until_ns)(void);
  /* When bytes last arrived at this transport of a client; ledger_now() where that is unknown. */
  uint64_t (*heard_ns)(gmux__transport *transport);
  /* Loops believe from now on that they are asked from inside, or no longer: what asks a channel
   * for its story must not wait for a loop's turn. */
  void (*be_inside)(bool is_inside);
} ledger_reader;

/* A new run. `reader` must live until the next one. */
void ledger_open(const ledger_reader *reader);
/* Laws broken in this run. */
unsigned ledger_broken(void);
/* For who catches a signal, e.g. of an assertion in a _check(): tells that CHECK is broken. */
void ledger_tell_crash(void);

/* True, or it is told. The first of a run with all there is to say, the next few in a line each.
 * The channel and the call may be NULL. */
bool ledger_law(ledger_law_id law, bool holds, const char *format, ...) GMUX_PRINTF(3, 4);
bool ledger_law_of_channel(const ledger_channel *channel, ledger_law_id law, bool holds,
                           const char *format, ...) GMUX_PRINTF(4, 5);
bool ledger_law_of_call(const ledger_call *call, ledger_law_id law, bool holds, const char *format,
                        ...) GMUX_PRINTF(4, 5);

/* ---- channels (ledger_channel.c) ---- */

/* What was seen of a channel's connections and of who waits, turn by turn (ledger_pool.c). */
enum { LEDGER_LINES = 24 };

typedef struct ledger_line {
  uint64_t number, looked;                 /* of its connection; in which look it was seen last */
  uint32_t next_id, limit;                 /* of streams */
  unsigned shut;                           /* why it takes no calls; see ledger_pool.c */
  uint64_t drains_since_ns, busy_since_ns; /* 0: does not drain, has no calls */
  uint64_t events, since_ns;               /* of its ring that were seen; of that: */
  uint64_t resets;                         /* sent by us */
} ledger_line;

typedef struct ledger_pool {
  uint64_t looks, changes; /* how often; connections that were made, or lost */
  uint64_t goaways, ready; /* received; connections, at the last look */
  ledger_line lines[LEDGER_LINES];
  const gmux_call *first; /* that waits; NULL: nobody. Not to be looked into */
  uint64_t first_since_ns, first_attempts;
} ledger_pool;

/* What is to be done with a channel's connections (ledger_upkeep.c). */
typedef enum ledger_overdue {
  LEDGER_OLD,
  LEDGER_WORN,
  LEDGER_ROTATED,
  LEDGER_IDLE,
  LEDGER_FEW,
  LEDGER_OVERDUE
} ledger_overdue;

typedef struct ledger_upkeep {
  unsigned overdue[LEDGER_OVERDUE]; /* for how many turns */
  uint64_t rotated_ns;              /* when the application last said so, by the loop's clock */
  bool is_paused, was_paused;       /* the application has said so; and it was in the last look */
  uint64_t attempts;                /* of calls, then */
} ledger_upkeep;

/* What a channel is allowed, and what its application counted. Embedded; all zero is none. */
struct ledger_channel {
  gmux__link link; /* in those that are looked at after each turn */
  int number;
  gmux_channel *channel;        /* NULL: none now, or let go of */
  gmux_channel_options options; /* pointers in it are not looked at */
  bool is_recycled;         /* connections may be replaced though no option says so (rotate, DNS) */
  bool may_be_accused;      /* a server of this run says "too_many_pings" without reason */
  size_t max_message_bytes; /* that its application sends; 0: unknown, QUEUES has no bound */
  uint64_t started, succeeded, failed;
  uint64_t left;              /* calls of those that have ended that left */
  uint64_t attempts, retries; /* of those that have ended; retries: all but a call's first */
  struct {                    /* what was seen of its attempts to connect, turn by turn */
    uint64_t started, failed, failed_by_us, made;
    uint64_t looked_ns; /* when all this was seen last */
    uint64_t at_ns;     /* when the last one began */
    uint64_t reset_ns;  /* attempts that began until then have no backoff */
    uint64_t busy_ns;   /* when it was last seen with calls */
    bool is_reset_late; /* the loop was stopped then, and hears of it in its next turn */
    unsigned failures;  /* in a row, for each of which there is a backoff */
    unsigned useless;   /* 0, or of which failure the last one has the backoff: it brought the only
                           connection, and no call has been on that */
    uint64_t attempts;  /* of calls, when it began */
    uint64_t beside_ns; /* when one began beside a connection that was lost in the same turn */
    bool is_alone;      /* there was no connection then */
    bool is_rotated;    /* since the last one began: the next has been asked for */
  } dials;
  ledger_pool pool;
  ledger_upkeep upkeep;
  /* Of a channel of several loops (ledger_channel_spread): what it is on each, else NULL. Such a
   * lane has the laws of one loop; calls are counted by the whole. */
  struct ledger_channel *lanes;
  size_t lane_count;
  const struct ledger_channel *whole; /* of a lane */
};

/* `options` as they were given to gmux_channel_new. */
void ledger_channel_open(ledger_channel *ch, int number, gmux_channel *channel,
                         const gmux_channel_options *options);
/* It has several loops: what it is on each gets a record of its own in `lanes`, which has room for
 * GMUX_CHANNEL_LOOPS_MAX and lives as long as `ch`. Right behind _open, when all else in `ch` is
 * set.
 */
void ledger_channel_spread(ledger_channel *ch, ledger_channel *lanes);
/* The loop on which a call runs that was started. */
gmux_loop *ledger_call_loop(const gmux_call *call);
/* Nobody may ask it anything any more: the handle is about to be let go of. Harmless twice. */
void ledger_channel_leave(ledger_channel *ch);
/* The application says gmux_channel_reset_backoff. */
void ledger_channel_reset_backoff(ledger_channel *ch);
/* The application says gmux_channel_pause, or _resume; gmux_channel_rotate. */
void ledger_channel_pause(ledger_channel *ch, bool is_paused);
void ledger_channel_rotate(ledger_channel *ch);
/* A call of it was started, and has ended. */
void ledger_channel_started(ledger_channel *ch);
void ledger_channel_ended(ledger_channel *ch, gmux_code code, gmux_evidence evidence,
                          uint32_t attempts);
/* COUNTS, CONNECTIONS, PINGS: between any two turns. With figures that were asked for already. */
void ledger_channel_read(const ledger_channel *ch);
void ledger_channel_read_stats(const ledger_channel *ch, const gmux_channel_stats *s);
/* DIALS, from what has changed since the last turn. */
typedef struct ledger_dials {
  uint64_t started, failed, failed_by_us, made;
  uint64_t attempts;    /* of calls */
  uint32_t connections; /* now */
  bool has_calls;
} ledger_dials;
void ledger_channel_read_dials(ledger_channel *ch, const ledger_dials *now);
/* No server with default settings may find its PINGs too many. */
bool ledger_channel_is_polite(const gmux_channel_options *options);

/* ---- calls (ledger_call.c) ---- */

enum { LEDGER_STORY = 384 };
/* A code that no call ends with: what has not ended is not OK. */
#define LEDGER_NOT_ENDED ((gmux_code)99)

/* A call as its application asked for it and saw it end, and what servers did with it. */
struct ledger_call {
  uint32_t id;
  ledger_channel *channel;  /* NULL: of none that has laws */
  gmux_call *const *handle; /* where the application keeps it; NULL there, or here: it does not */
  bool is_idempotent;
  uint64_t started_ns, deadline_ns, ended_ns; /* deadline GMUX__NEVER: none */
  unsigned ends;
  gmux_code code;
  gmux_evidence evidence;
  uint32_t attempts;        /* known at the end */
  unsigned executed;        /* by any server */
  char story[LEDGER_STORY]; /* the sentence with which it ended */
};

/* Before it is started; and when that has succeeded. timeout_ms GMUX_NO_TIMEOUT: none. */
void ledger_call_begin(ledger_call *c, uint32_t id, ledger_channel *channel, bool is_idempotent,
                       int64_t timeout_ms);
void ledger_call_started(ledger_call *c);
/* STORY of a call that runs or ends, and what it says about L3. */
void ledger_call_explained(const ledger_call *c, const gmux_call_explanation *e);
/* Asks it, and reads that. */
gmux_call_explanation ledger_call_explain(const ledger_call *c, gmux_call *call);
/* Its end was told: L2, L3, L4, L5, L7, STORY. */
void ledger_call_ended(ledger_call *c, gmux_code code, gmux_evidence evidence,
                       const gmux_call_explanation *e);
/* The same, of what the library says in on_end. */
void ledger_call_hear_end(ledger_call *c, gmux_call *call, const gmux_status *status);
/* When nothing can be executed any more: L1, L2, L3, L4, L5. */
void ledger_call_settle(const ledger_call *c);
/* L4 says that it did not happen. */
bool ledger_evidence_excludes_execution(gmux_evidence evidence);

/* ---- servers (ledger_server.c) ---- */

/* A connection of a server, turn by turn (ledger_upkeep.c). */
enum { LEDGER_CLIENTS = 24 };

typedef struct ledger_client {
  uint64_t number, looked; /* of its connection; in which look it was seen last */
  uint64_t since_ns;       /* when it came, or has served since, by the loop's clock */
  bool serves;
  unsigned overdue; /* for how many turns */
} ledger_client;

/* One server from listening to its end. Embedded; all zero is none. */
typedef struct ledger_server {
  gmux__link link; /* in those that are looked at after each turn */
  int number;
  gmux_server *server; /* NULL: let go of */
  gmux_server_options options;
  bool is_default_police;   /* what it allows in PINGs is the default, or more */
  size_t max_message_bytes; /* as of a channel */
  uint64_t executed, ended; /* calls that its handlers saw, and saw end */
  int64_t grace_ms;         /* of its drain, and when that is over; 0: has none */
  uint64_t ends_by_ns;
  uint64_t looks;
  ledger_client clients[LEDGER_CLIENTS];
} ledger_server;

/* One execution of a call. */
typedef struct ledger_execution {
  ledger_call *call;
  ledger_server *server;
  uint64_t deadline_ns; /* as its server sees it; GMUX__NEVER: none */
  bool is_over;
} ledger_execution;

void ledger_server_open(ledger_server *sv, int number, gmux_server *server,
                        const gmux_server_options *options);
void ledger_server_leave(ledger_server *sv);
/* L3. timeout_ms as the server's call has it. */
void ledger_executed(ledger_execution *x, ledger_call *call, ledger_server *sv, int64_t timeout_ms);
/* Of a server that is none of the library's. */
void ledger_executed_elsewhere(ledger_call *call);
/* Its server was told that it is over, or found it so: L7. */
void ledger_execution_over(ledger_execution *x);
/* L7 of one that goes on. */
void ledger_execution_look(const ledger_execution *x);
/* It was found to be over, some time after it was. */
void ledger_execution_found_over(ledger_execution *x);
/* COUNTS, CONNECTIONS, PINGS; with figures that were asked for already. */
void ledger_server_read(const ledger_server *sv);
void ledger_server_read_stats(const ledger_server *sv, const gmux_server_stats *s);

/* ---- what is looked at inside the library (ledger_look.c) ---- */

/* After a turn of this loop: DIALS. For sim_after_turn. */
void ledger_look(gmux_loop *loop, void *unused);
/* The same, and CHECK: every _check() of what is open on the loop. Does that in debug builds only.
 */
void ledger_look_closely(gmux_loop *loop, void *unused);
/* Memory of messages that all channels and servers keep for the next ones, and what may lie unread
 * because windows are wider than they began, bytes. */
size_t ledger_spare(void);
/* QUEUES of a channel and a server that are open, between any two turns. */
void ledger_channel_read_queues(const ledger_channel *ch);
void ledger_server_read_queues(const ledger_server *sv);

/* PLACES, WAITS and SILENCE of an open channel after a turn of its loop (ledger_pool.c); and when a
 * call has ended, RETRIES. A part of ledger_look and of ledger_call_hear_end. */
void ledger_pool_look(ledger_channel *ch);
void ledger_call_look_at_end(const ledger_call *c, gmux_call *call);
/* UPKEEP of an open channel and an open server after a turn of their loop: a part of ledger_look.
 */
void ledger_upkeep_look(ledger_channel *ch);
void ledger_upkeep_look_at_server(ledger_server *sv);

/* ---- the files of the ledger among themselves ---- */

uint64_t ledger_heard(gmux__transport *transport);

uint64_t ledger_now(void); /* of the run */
/* When what was due at this moment has come at the latest. */
uint64_t ledger_due(uint64_t at_ns);
/* Those that are open. */
gmux__list *ledger_channels(void);
gmux__list *ledger_servers(void);
/* A channel of this run sends PINGs that servers with default settings punish. */
bool ledger_is_impolite(void);
void ledger_note_impolite(void);

/* ---- bounds (ledger_bounds.c) ---- */

/* Within so long of calm new calls succeed again on a channel with these options, if one that fails
 * or hangs is followed by another and nothing else holds them up. */
uint64_t ledger_recovery_ns(const gmux_channel_options *options, uint64_t round_trip_ns);
/* Within so long a channel knows that a connection is dead whose peer has gone without a word.
 * GMUX__NEVER: its options do not ask. */
uint64_t ledger_detection_ns(const gmux_channel_options *options);
/* The same of a server and a client to which it has nothing to say, by TCP keepalive alone. */
uint64_t ledger_server_detection_ns(const gmux_server_options *options);

#endif
