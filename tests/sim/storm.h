/*
 * storm.h: what the files of the storm share.
 *
 * A storm is one world made from one number: servers, channels, calls that misbehave in every way
 * the headers allow, and a network that breaks. storm_plan.c draws what will happen, storm_run.c
 * lets it happen, heals it and reads the laws; storm_world.c makes the world, storm_channel.c makes
 * channels, storm_client.c starts calls and hears of them, storm_served.c answers them,
 * storm_server.c has the servers, storm_unruly.c has servers that are none of the library's,
 * storm_faults.c and storm_network.c break and heal, storm_memory.c knows what memory is for,
 * storm_story.c tells. The laws are ledger.h's.
 *
 * All that is random comes from the seed. Who draws says on whose behalf (storm_on_behalf), because
 * each move, call and channel has a stream of its own: see storm_plan.h.
 *
 * What a message holds follows from its call, its direction and its number alone, so that each side
 * knows what must arrive without having been told.
 */
#ifndef TESTS_SIM_STORM_H
#define TESTS_SIM_STORM_H

#include "tests/sim/ledger.h"
#include "tests/sim/net.h"
#include "tests/sim/storm_plan.h"
#include <gmux/error.h>

/* Calls beside the planned ones: those that a call's handlers start, and the probes in the end. */
enum {
  STORM_SERVERS = 4,
  STORM_CHANNELS = 3,
  STORM_LOOPS = 4,
  STORM_LANES = 64,   /* of channels of several loops */
  STORM_CHILDREN = 3, /* of each planned call */
  STORM_FIRST_PROBE = STORM_PLANNED * (1 + STORM_CHILDREN),
  STORM_PROBES = 32, /* of each channel */
  STORM_CALLS = STORM_FIRST_PROBE + STORM_CHANNELS * STORM_PROBES,
  STORM_LIVES = 200
};
enum { STORM_TO_SERVER = 0, STORM_TO_CLIENT = 1 };

#define STORM_MS GMUX__NS_PER_MS

/* A call as its client sees it. */
typedef struct storm_call {
  uint32_t id; /* 0: not started */
  ledger_call entry;
  uint64_t random;   /* the stream of its client */
  gmux_call *handle; /* NULL: let go of */
  int channel;
  gmux_loop *loop; /* the channel's, or the one of them on which it runs */
  gmux_method_kind kind;
  bool is_unary_form;
  bool may_be_refused, shares_little; /* as its channel, which may have given way to another */
  bool is_of_loop;                    /* started on the loop's thread; see storm_may_speak */
  unsigned to_write, written;
  bool is_half_closed, is_full, is_cancelled, is_memory_short;
  uint64_t credit;
  unsigned received, headers, drainings, children;
  bool is_elsewhere; /* an unruly server has it, or had it */
  uint32_t said_ok;  /* bit n: an unruly server said OK behind n messages */
} storm_call;

/* The server's side of one. */
typedef struct storm_served {
  gmux_server_call *call; /* valid while held, or in a handler */
  storm_call *asked;
  ledger_execution execution;
  uint64_t random; /* the stream of its server */
  struct storm_life *life;
  gmux_method_kind kind;
  gmux_loop *loop;
  bool is_held, is_prompt, is_early, is_manual, is_unary_fn, has_half_closed, has_headers;
  bool is_full;
  unsigned to_write, written, received;
  uint64_t credit;
  gmux_code code; /* planned; then said */
  bool is_finished;
  char peer[64];
} storm_served;

typedef struct storm_channel {
  gmux_channel *channel; /* NULL: none now */
  ledger_channel *book;  /* its, or the last one's */
  gmux_loop *loop;       /* or the first of them */
  unsigned lives;        /* so far */
  uint64_t random;       /* the stream of who watches it */
  bool is_impatient;  /* a call may have to end because it waited, or ran too long on its connection
                       */
  bool shares_little; /* its calls may fill what a connection's may queue together */
  bool may_be_refused; /* its calls may leave before the server's limit is known */
} storm_channel;

/* A channel that was closed, or drains: its on_closed is to come. */
typedef struct storm_closing {
  ledger_channel *book;
  gmux_channel *handle; /* NULL: let go of */
  bool is_told;
} storm_closing;

/* One server from listening to its end: it may outlive its place, while it drains. */
typedef struct storm_life {
  int server;
  ledger_server book;
  uint32_t limit;
  bool shares_little; /* its calls may fill what a connection's may queue together */
  gmux_loop *loop;
} storm_life;

typedef struct storm_server {
  gmux_server *server; /* NULL: none now, or ... */
  unruly *unruly;      /* ... one that is unruly */
  storm_life *life;    /* of ours */
  gmux_loop *loop;
  bool is_draining;
  bool is_narrow;      /* it may turn away a channel, or cut off a call */
  unsigned closes_due; /* on_closed that must still come */
  unsigned lives;      /* so far */
} storm_server;

typedef struct storm {
  storm_plan plan;
  uint64_t *random; /* the stream that is drawn from */
  uint64_t of_world, of_calm;
  sim *sim;
  gmux_tls *server_tls, *client_tls; /* NULL: cleartext */
  bool is_outside, is_calm;          /* calm: nobody does mischief any more */
  bool is_spread;                    /* channels may have several loops */
  int loop_count, server_count, channel_count;
  gmux_loop *loops[STORM_LOOPS];
  storm_server servers[STORM_SERVERS];
  storm_channel channels[STORM_CHANNELS];
  storm_life lives[STORM_LIVES];
  size_t life_count;
  ledger_channel books[STORM_LIVES];
  size_t book_count;
  ledger_channel lanes[STORM_LANES]; /* of those books that have any */
  size_t lane_count;
  storm_closing closings[STORM_LIVES];
  size_t closing_count;
  gmux_method *methods[4];
  storm_call calls[STORM_CALLS];    /* by id, from 1 */
  storm_call *started[STORM_CALLS]; /* in the order in which they were */
  size_t call_count;                /* of those */
  storm_served served[STORM_CALLS * 2];
  size_t served_count;
  size_t bytes_before;   /* of memory, when it began */
  size_t price_of_calls; /* see storm_memory.c */
  size_t max_bytes;      /* of a message */
  unsigned malice;       /* how much more than usual handlers do beside their work */
  unsigned in_api;       /* functions of the library that the test is in */
  size_t owned;          /* bytes values given away and not released yet */
  uint64_t happened[STORM_FAULT_KINDS];
  bool is_broken;
  char broken_law[160]; /* the first one: which it is, without numbers */
} storm;

extern storm st;

/* ---- storm_world.c ---- */

/* From whose stream is drawn from now on. */
void storm_on_behalf(uint64_t *stream);
uint64_t storm_random(uint64_t below);
bool storm_chance(unsigned percent);
void storm_world_make(void); /* st.plan is made */
void storm_world_end(void);
/* What message `number` of a call holds; valid for ever. */
void storm_message_text(uint32_t id, int direction, unsigned number, const uint8_t **data,
                        size_t *len);
gmux_bytes storm_message(uint32_t id, int direction, unsigned number);
/* With what a call's messages are compressed; NULL: nobody says. */
const char *storm_compression(uint32_t id, int direction);
bool storm_message_is(const gmux_bytes *message, uint32_t id, int direction, unsigned number);
/* Whether all calls of the plan may have more to say than their connection may queue: then a write
 * may find the queue full that others have filled since the last one. */
bool storm_shares_little(uint32_t connection_queue_bytes);
/* 0, or out of memory where that is made to happen; `also` is another answer that is right. */
bool storm_is_fine(int error, int also);
/* "In the order of the calls of one thread": where threads are played, only one of them speaks on a
 * call, and in calm that is the test. */
bool storm_may_speak(gmux_loop *loop, bool is_of_loop);

/* ---- storm_tls.c ---- */

/* Certificates for both sides. */
void storm_tls_make(void);

/* ---- storm_story.c ---- */

/* One line of the story that is told when a law breaks. */
void storm_note(const char *format, ...) GMUX_PRINTF(1, 2);
/* A new storm, in which the ledger's laws are read. live: it is told while it happens, too. */
void storm_story_begin(bool is_live);
/* A number that is another one when anything in the story is, from its beginning. */
uint64_t storm_story_digest(void);

/* ---- storm_run.c ---- */

/* The plan that st.plan holds, from the first move to the last law. True: all laws held. */
bool storm_run(void);
/* What a handler may do beside its work: to other calls, channels, servers and links. */
void storm_mischief(void);

/* ---- storm_memory.c ---- */

/* Not more than there is a reason for; between moves. */
void storm_law_of_memory(void);

/* ---- storm_faults.c ---- */

void storm_fault_begin(const storm_move *move);
void storm_fault_end(const storm_move *move);
/* It was not only planned: a link was there to be reset. */
void storm_fault_happened(storm_fault fault);
void storm_faults_heal(void);  /* all of them, for calm */
void storm_faults_count(void); /* when all is over: which ones met somebody */

/* Around every function of the library: no handler may come from inside one. */
#define STORM_API(call) (st.in_api++, storm_api_done(call))
static inline int storm_api_done(int result) {
  st.in_api--;
  return result;
}

/* ---- storm_channel.c ---- */

uint32_t storm_any_of(const uint32_t *values, size_t count);
#define STORM_ANY_OF(...)                                                                          \
  storm_any_of((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

void storm_channel_open(int i);
void storm_channel_close(int i);
void storm_channel_drain(int i);
/* Something that an application might do to a channel at any time. */
void storm_channel_poke(int i);
void storm_channel_resume(int i);
/* Of a channel that drains, too. */
void storm_channels_let_go(void);

/* ---- storm_client.c ---- */

/* NULL: it could not be started. */
storm_call *storm_call_start(uint32_t id);
storm_call *storm_child_start(storm_call *parent);
storm_call *storm_probe_start(int channel, unsigned nth); /* a new call in calm */
/* Something that an application might do to a call at any time. */
void storm_call_poke(storm_call *c);
/* Everything is done that the call needs to end by itself. */
void storm_call_complete(storm_call *c);
void storm_call_let_go(storm_call *c);

/* ---- storm_served.c ---- */

extern const char *const storm_paths[4];
/* All methods, with handlers that know this life. */
int storm_served_by(gmux_server *server, storm_life *life);
void storm_served_poke(storm_served *s);
void storm_served_complete(storm_served *s);
void storm_served_look(const storm_served *s); /* L7 of one that goes on */
/* Some execution of this call ended with OK after so many messages. */
bool storm_call_was_served(const storm_call *c, unsigned messages);

/* ---- storm_server.c ---- */

bool storm_server_is_open(int i);
void storm_server_open(int i);
void storm_server_drain(int i);
void storm_server_free(int i);
/* GOAWAY on one of its connections. Not from a handler. False: there is none. */
bool storm_server_goaway(int i, bool is_abrupt);
gmux__address storm_server_address(int i);

/* ---- storm_unruly.c ---- */

/* One that is unruly, in the place of ours. */
void storm_unruly_open(storm_server *sv, int i);
void storm_unruly_drain(storm_server *sv);
void storm_unruly_free(storm_server *sv);
void storm_unruly_calm(storm_server *sv);
/* What holds when calm has lasted; harmless where there is none. */
void storm_unruly_settle(const storm_server *sv);
/* Some of them does it. False: there is none that can. */
bool storm_unruly_do(unruly_fault deed);

#endif
