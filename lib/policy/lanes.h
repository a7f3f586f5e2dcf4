/*
 * lanes.h: several loops that do the work of one channel or server: which takes the next call, what
 * they are together, and what each has of a limit that is meant for all.
 *
 * A lane that answers calls fastest by failing them looks least busy, so the state goes before the
 * load: while one is READY calls go to none that is not. So that the others become READY too one
 * that is IDLE, or that has failed and that no call makes try again, is to be woken as soon as the
 * chosen lane is not without work.
 */
#ifndef GMUX__POLICY_LANES_H
#define GMUX__POLICY_LANES_H

#include <gmux/channel.h>
#include <stdbool.h>

enum {
  GMUX__LANES_MAX = 64, /* all are looked at for a call */
  /* A call that is started on a lane's own loop needs no post there: it stays while that lane has
   * not more than so many calls, or these and twice as many as the least busy. */
  GMUX__LANES_SLACK = 64
};

typedef struct gmux__lane_load {
  gmux_channel_state state;
  uint64_t calls; /* that run, wait, or are on their way to it */
  bool is_asked;  /* TRANSIENT_FAILURE: to go on trying, since it is that */
} gmux__lane_load;

/* GMUX_ERR_INVALID with words in the name of `function`, unless these are one to GMUX__LANES_MAX
 * loops, each once. */
int gmux__lanes_check(const char *function, gmux_loop *const *loops, size_t count);

/* Nothing needs be known of the other lanes to keep a call here. */
static inline bool gmux__lanes_may_stay(const gmux__lane_load *own) {
  return own->state == GMUX_CHANNEL_READY && own->calls <= GMUX__LANES_SLACK;
}
/* The lane for a call; `own`: the one on whose loop it is started, `count` for none. */
size_t gmux__lanes_pick(const gmux__lane_load *lanes, size_t count, size_t own);
/* The lane that is to be asked to connect, now that `picked` was chosen; `count`: none. */
size_t gmux__lanes_wake(const gmux__lane_load *lanes, size_t count, size_t picked);

/* What the channel is when its lanes are this (gRPC's load balancing policies): READY if any is,
 * else CONNECTING if any is, else IDLE if any is, else TRANSIENT_FAILURE; SHUTDOWN when all are. */
gmux_channel_state gmux__lanes_state(const gmux__lane_load *lanes, size_t count);

/* What lane number `lane`, from 0, has of `total`: these add up to it. */
uint32_t gmux__lanes_part(uint32_t total, size_t count, size_t lane);
/* The same for what no lane can be without: at least `least`. */
uint32_t gmux__lanes_part_of_least(uint32_t total, size_t count, size_t lane, uint32_t least);

#endif
