/*
 * world.h: what sim.c (time, turns), net.c (addresses, names) and link.c (bytes) share. Tests do
 * not include it.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "tests/sim/net.h"

/* Something that happens at a time; embedded in its object. With a loop it happens in a turn of it,
 * else it is the network's own and no code under test runs in it. Once; may be set again. */
typedef struct sim_event {
  gmux__link link;
  uint64_t at_ns;
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
  gmux__list due;  /* events for the next turn, in order */
  gmux__list ends; /* transports of this loop, the oldest first */
} world_loop;

struct sim {
  uint64_t now_ns;
  uint64_t turns, turns_now; /* in all, and since time last moved */
  uint64_t seed_state;       /* splitmix64 */
  bool is_running;
  void (*after_turn)(gmux_loop *loop, void *arg); /* NULL: nobody looks */
  void *after_turn_arg;
  gmux__list events; /* by time; among equals in the order in which they were set */
  gmux__list loops;  /* whose turn it is comes first */
  struct {
    sim_net_settings settings;
    sim_live live;
    gmux__list links, listeners, dials, rules, names;
    uint16_t next_port; /* of who dials */
  } net;
};

static inline world_loop *world_loop_of(gmux_loop *loop) {
  return gmux__container(loop, world_loop, loop);
}

/* The end of a test that cannot go on: words on stderr, then abort. */
_Noreturn void sim_die(const char *format, ...) GMUX_PRINTF(1, 2);

/* ---- sim.c ---- */

void sim_event_set(sim *s, sim_event *event, uint64_t at_ns); /* a time that has passed is now */
void sim_event_clear(sim_event *event);

/* ---- net.c ---- */

/* Its half of gmux__loop_ops. */
int sim_net_dial(gmux_loop *loop, gmux__dial **out, const gmux__address *to,
                 const gmux__socket_options *options, gmux__dialed_fn fn, void *arg);
void sim_net_dial_cancel(gmux__dial *dial);
int sim_net_resolve(gmux_loop *loop, gmux__resolve **out, const char *host, uint16_t port,
                    gmux__resolved_fn fn, void *arg);
void sim_net_resolve_cancel(gmux__resolve *resolve);
int sim_net_listen(gmux_loop *loop, gmux__listener **out, const gmux__address *at,
                   const gmux__socket_options *options, gmux__accepted_fn fn, void *arg);
void sim_net_listener_close(gmux__listener *listener);
const gmux__address *sim_net_listener_address(const gmux__listener *listener);

void sim_net_init(sim *s);
void sim_net_deinit(sim *s);
/* The directions in which packets to and from this server are lost. */
unsigned sim_net_lost(const sim *s, const gmux__address *server);
/* Each way between it and who dials it. */
uint64_t sim_net_latency(const sim *s, const gmux__address *server);

/* ---- link.c ---- */

/* A link whose ends belong to these loops: 0 is who dialed, 1 who listens at `at`. */
void sim_link_new(sim *s, gmux_loop *const loops[2], const gmux__address *from,
                  const gmux__address *at, gmux__transport *out[2]);
/* After what is lost has changed: what may arrive again is on its way. */
void sim_link_resume(sim_link *link);
/* Whether any transport of the loop has what it wants. */
bool sim_links_are_ready(const world_loop *sl);
/* on_ready of each that has, once. */
void sim_links_run(world_loop *sl);

#endif
