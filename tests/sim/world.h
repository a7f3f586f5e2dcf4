/*
 * world.h: what sim.c (turns), event.c (time), net.c (addresses, listeners), dial.c, name.c and
 * link.c (bytes, with pipe.c and patience.c beside it) share. Tests do not include it.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "tests/sim/net.h"

/* Something that happens at a time; embedded in its object. With a loop it happens in a turn of it,
 * else it is the network's own and no code under test runs in it. Once; may be set again. */
typedef struct sim_event {
  gmux__link link; /* world_loop.due */
  uint64_t at_ns;
  uint64_t order; /* among equals: the one set first has the smaller */
  size_t slot;    /* in sim.events, from 1; 0: not in it */
  gmux_loop *loop;
  void (*fn)(void *arg);
  void *arg;
} sim_event;

typedef struct world_loop {
  gmux_loop loop;
  gmux__link link; /* sim.loops */
  sim *sim;
  bool is_woken, is_outside;
  uint64_t wake_at_ns;
  uint64_t thaws_at_ns; /* no turn before this */
  sim_event thaw;
  gmux__list due;   /* events for the next turn, in order */
  gmux__list ends;  /* transports of this loop, the oldest first */
  gmux__list ready; /* those of them that have something to hear, in no order */
} world_loop;

/* What is special about an address; lives as long as the world. */
typedef struct sim_rule {
  gmux__link link;
  gmux__address at;
  sim_dial_fate dial_fate;
  uint64_t dial_delay_ns;
  bool has_latency;
  uint64_t latency_ns;
  unsigned lost;           /* directions */
  uint64_t bytes_per_s[2]; /* of pipes, as sim_link.pipes; 0: no limit */
  struct {                 /* of the next links, by pipe */
    sim_fate fate;
    uint64_t at_byte;
    unsigned links;
  } fates[2];
  uint64_t *dialed_ns; /* a row of times, in a buffer of a power of two */
  size_t dials;
} sim_rule;

struct sim {
  uint64_t now_ns;
  uint64_t turns, turns_now; /* in all, and since time last moved */
  uint64_t seed_state;       /* splitmix64 */
  bool is_running;
  void (*after_turn)(gmux_loop *loop, void *arg); /* NULL: nobody looks */
  void *after_turn_arg;
  struct { /* a binary heap by time and order */
    sim_event **heap;
    size_t count, room;
    uint64_t order;
  } events;
  gmux__list loops; /* whose turn it is comes first */
  struct {
    bool is_on;
    uint64_t state; /* splitmix64 */
  } shuffle;
  sim_happened happened;
  struct {
    sim_net_settings settings;
    sim_live live;
    gmux__list links, listeners, dials, rules, names;
    uint16_t next_port; /* of who dials */
    uint64_t ends_made;
  } net;
};

static inline world_loop *world_loop_of(gmux_loop *loop) {
  return gmux__container(loop, world_loop, loop);
}

/* The end of a test that cannot go on: words on stderr, then abort. */
_Noreturn void sim_die(const char *format, ...) GMUX_PRINTF(1, 2);

/* ---- sim.c ---- */

/* A number below `below`: 0 where turns are not shuffled. */
size_t sim_choose(sim *s, size_t below);
void *sim_copy(const void *data, size_t len);

/* ---- event.c ---- */

void sim_event_set(sim *s, sim_event *event, uint64_t at_ns); /* a time that has passed is now */
void sim_event_clear(sim *s, sim_event *event);
/* Neither set nor on its way to its loop's turn. */
bool sim_event_is_idle(const sim_event *event);
/* GMUX__NEVER: there is none. */
uint64_t sim_events_next(const sim *s);
/* The network's that are due happen; a loop's wait for its turn. */
void sim_events_deliver(sim *s);
void sim_events_deinit(sim *s);

/* ---- net.c ---- */

sim_rule *sim_rule_find(const sim *s, const gmux__address *at); /* NULL: nothing is special */
sim_rule *sim_rule_get(sim *s, const gmux__address *at);
static inline uint64_t sim_rule_latency(const sim_rule *rule, const sim *s) {
  return rule->has_latency ? rule->latency_ns : s->net.settings.latency_ns;
}
/* Something met its black hole. */
void sim_note_lost(sim *s, const sim_rule *rule);
bool sim_address_is_ip(const gmux__address *a);

void sim_net_init(sim *s);
void sim_net_deinit(sim *s);

typedef struct sim_listener {
  gmux__listener base;
  gmux__link link; /* sim.net.listeners */
  sim *sim;
  gmux__address at;
  gmux__socket_options options;
  gmux__accepted_fn fn;
  void *arg;
  gmux__list waiting; /* connected, not told yet */
} sim_listener;

enum { SIM_DIAL_PORT_FIRST = 50000 }; /* of who dials; free ones of listeners are below it */

/* Who gets a dial to `to`: the address itself, else the family's "any" with its port. */
sim_listener *sim_listener_for(const sim *s, const gmux__address *to);
/* It owns the transport from now on, and tells who listens in a turn. */
void sim_listener_take(sim_listener *listener, gmux__transport *transport);

/* Their part of gmux__loop_ops. */
int sim_net_listen(gmux_loop *loop, gmux__listener **out, const gmux__address *at,
                   const gmux__socket_options *options, gmux__accepted_fn fn, void *arg);
void sim_net_listener_close(gmux__listener *listener);
const gmux__address *sim_net_listener_address(const gmux__listener *listener);

/* ---- dial.c ---- */

int sim_net_dial(gmux_loop *loop, gmux__dial **out, const gmux__address *to,
                 const gmux__socket_options *options, gmux__dialed_fn fn, void *arg);
void sim_net_dial_cancel(gmux__dial *dial);
/* After what is lost at this address has changed: dials that waited go on. */
void sim_dials_resume(sim *s, const sim_rule *rule);

/* ---- name.c ---- */

int sim_net_resolve(gmux_loop *loop, gmux__resolve **out, const char *host, uint16_t port,
                    gmux__resolved_fn fn, void *arg);
void sim_net_resolve_cancel(gmux__resolve *resolve);
void sim_names_deinit(sim *s);

/* ---- link.c ---- */

enum { SIM_CLIENT = 0, SIM_SERVER = 1 }; /* sides; a pipe has the number of who writes into it */
/* The side that writes in this one direction. */
int sim_direction_writer(sim_direction direction);

/* Who makes a link: 0 is who dialed, 1 who listens. */
typedef struct sim_party {
  gmux_loop *loop;
  gmux__address at;
  gmux__socket_options options;
} sim_party;

/* `rule` is that of the address dialed, which on the listener's side may be "any". */
void sim_link_new(sim *s, sim_rule *rule, const sim_party parties[2], gmux__transport *out[2]);
/* After what is lost or slow at an address has changed. */
void sim_links_resume(sim *s, const sim_rule *rule);
/* Whether any transport of the loop has what it wants. */
bool sim_links_are_ready(const world_loop *sl);
/* on_ready of each that has, once. */
void sim_links_run(world_loop *sl);

#endif
