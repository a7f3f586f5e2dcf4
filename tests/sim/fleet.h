/*
 * fleet.h: servers with a ledger, channels under load, and the laws that hold for every call.
 *
 * A fleet is one world: a network, servers that answer "/fleet.Service/Work", channels to them, and
 * calls. The request of a call says which it is and what the server is to do; the server writes
 * into the call's entry that it executed it and over which connection. The laws of ledger.h are
 * read all the while, and again when all is over (fleet_finish). rawserver.h puts a scripted peer
 * in a server's place.
 */
#ifndef TESTS_SIM_FLEET_H
#define TESTS_SIM_FLEET_H

#include "tests/sim/ledger.h"
#include "tests/sim/net.h"
#include <gmux/error.h>

enum { FLEET_SERVERS = 4, FLEET_LOOPS = 5, FLEET_CHANNELS = 200, FLEET_LOADS = 400 };
enum { FLEET_REQUEST_BYTES = 8, FLEET_REPLY_BYTES = 4 };

#define FLEET_FOREVER UINT32_MAX /* work that is never done */
#define FLEET_MS      GMUX__NS_PER_MS

typedef struct fleet_channel {
  gmux_channel *channel;
  gmux_loop *loop;
  ledger_channel book;
  uint32_t connections_peak; /* seen at a tick: ready and trusted */
  uint32_t dialing_peak;     /* with those that were being made */
  uint32_t draining_peak;
} fleet_channel;

/* What a call is to be like. All zero: at once, no deadline, fails while no server is to be had. */
typedef struct fleet_ask {
  uint32_t work_ms;               /* how long the server works on it */
  uint32_t spread_ms;             /* and a random part of this beside */
  int64_t timeout_ms;             /* 0: none */
  bool is_idempotent, is_patient; /* wait_for_ready */
  bool keeps_handle;
} fleet_ask;

typedef struct fleet_load fleet_load;

typedef struct fleet_call {
  ledger_call entry;
  fleet_channel *channel;
  fleet_load *load;  /* NULL: of none */
  gmux_call *handle; /* NULL: not kept */
  uint16_t port;     /* the client's, of the connection over which it was executed last */
} fleet_call;

/* So many calls at once, each replaced when it ends: at once after success, at the next tick after
 * a failure. */
struct fleet_load {
  fleet_channel *channel;
  fleet_ask ask;
  bool is_on;
  unsigned owed;
};

/* One server from listening to its end: it may outlive its place, while it drains. */
typedef struct fleet_life {
  struct fleet_life *next;
  struct fleet_server *place;
  ledger_server book;
} fleet_life;

typedef struct fleet_server {
  gmux_server *server; /* NULL: none */
  fleet_life *life;    /* its */
  uint64_t executed;   /* by all that were here */
} fleet_server;

typedef struct fleet {
  sim *sim;
  gmux_loop *loops[FLEET_LOOPS];
  size_t loop_count;
  fleet_server servers[FLEET_SERVERS];
  fleet_life *lives;
  fleet_channel channels[FLEET_CHANNELS];
  size_t channel_count;
  fleet_load loads[FLEET_LOADS];
  size_t load_count;
  fleet_call **chunks; /* calls, in blocks so that they stay where they are */
  size_t call_count, running;
  gmux_method *method;
  uint64_t random;
  uint32_t tick_ms;                         /* how often fleet_run_for looks; default 1 */
  void (*on_tick)(void);                    /* NULL: none */
  void (*on_close)(void);                   /* NULL: none; once the channels are closed */
  void (*add_methods)(gmux_server *server); /* NULL: none but the fleet's own */
  size_t live_blocks;                       /* of memory, before it was made */
  unsigned broken;                          /* promises */
} fleet;

extern fleet fl;

/* One loop for all, 1 ms each way. */
void fleet_setup(void);
/* More loops: channels take turns on these, servers stay on the first. Before any channel. */
void fleet_add_loops(size_t count, const gmux_loop_options *options);
/* Ends all loads, waits for all calls, reads the laws and closes everything. The last of a test. */
void fleet_finish(void);
/* After a test, also one that broke off. */
void fleet_teardown(void);

/* True, or it is told and the test fails: of what one test alone promises. Laws are the ledger's.
 */
bool fleet_promise(bool holds, const char *format, ...) GMUX_PRINTF(2, 3);
uint64_t fleet_random(uint64_t below);
/* `n`, or a tenth of it where every instruction is slow (GMUX_TEST_SLOW). */
unsigned fleet_many(unsigned n);

/* ---- time ---- */

uint64_t fleet_now_ms(void); /* since the beginning */
/* With a look every tick_ms: loads, laws of connections, on_tick. */
void fleet_run_for(uint64_t ms);
/* False: it did not come true within max_ns. Looks as often. */
bool fleet_run_until(bool (*is_true)(void *arg), void *arg, uint64_t max_ms);
bool fleet_run_until_ended(uint64_t max_ms); /* all calls */

/* ---- servers ---- */

gmux__address fleet_address(int server);
/* NULL: defaults. */
void fleet_server_open(int i, const gmux_server_options *options);
/* As by SIGKILL: its connections are reset, nobody listens. */
void fleet_server_kill(int i);
/* The last one to listen ends in good order; the place is free for another at once. */
void fleet_server_replace(int i, const gmux_server_options *options);
/* GOAWAY in two steps on each connection, as by age. */
void fleet_server_drain_connections(int i);
gmux_server_stats fleet_server_figures(int i);
/* All links to it that are open now. */
size_t fleet_links(int i);
void fleet_each_link(int i, void (*fn)(sim_link *link));

/* ---- channels and calls ---- */

/* The library's defaults, without TLS. */
gmux_channel_options fleet_channel_options(void);
fleet_channel *fleet_channel_new(int server, const gmux_channel_options *options);
void fleet_warm(fleet_channel *ch); /* and waits for it */
gmux_channel_stats fleet_figures(const fleet_channel *ch);
uint64_t fleet_retries(const gmux_channel_stats *stats);

/* NULL: it could not be started, which breaks a law. */
fleet_call *fleet_start(fleet_channel *ch, const fleet_ask *ask);
void fleet_start_many(fleet_channel *ch, const fleet_ask *ask, unsigned count);
fleet_call *fleet_call_at(size_t i);
/* A call of a test's own, which `ch->book` knows (ledger_channel_started), has ended. */
void fleet_ended_beside(fleet_channel *ch, gmux_call *call, const gmux_status *status);
/* How many of those from `first` on have ended with this code. */
size_t fleet_ended_with(size_t first, gmux_code code);
fleet_load *fleet_load_start(fleet_channel *ch, const fleet_ask *ask, unsigned concurrent);
void fleet_loads_stop(void);

/* ---- the ledger, for who stands in for a server ---- */

/* The call that a request is of; NULL: of none, which breaks a law. */
fleet_call *fleet_ledger_find(const uint8_t *request, size_t len);
void fleet_ledger_reply(const fleet_call *call, uint8_t reply[FLEET_REPLY_BYTES]);

#endif
