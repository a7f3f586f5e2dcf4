/*
 * pipe.h: one direction of a link, and the link and ends around it: what pipe.c (bytes under way),
 * link.c (transports) and patience.c (ends that give up) share.
 *
 * A pipe has four counters of bytes that only grow: acked <= arrived <= written, read <= arrived.
 * What lies between arrived and written is under way: a row of MARKS says when which byte, or the
 * end, is there. They arrive in the order in which they were sent: one whose time comes before that
 * of those in front of it (the latency has fallen) waits for them. What lies between acked and
 * arrived is there, and the writer has not heard so, because the way back is lost.
 */
#ifndef TESTS_SIM_PIPE_H
#define TESTS_SIM_PIPE_H

#include "tests/sim/world.h"

typedef struct sim_pipe {
  sim_link *owner;
  uint8_t *ring;
  size_t ring_len; /* so far: it grows to `size` */
  size_t size;
  uint64_t read, arrived, acked, written;
  uint64_t taken, writes; /* what the writer got rid of, in how many calls */
  gmux__list marks;
  sim_event arrival; /* of the first mark, while it may arrive */
  sim_fate fate;
  uint64_t fate_at;     /* in bytes taken */
  uint64_t bytes_per_s; /* 0: no limit */
  uint64_t drips_at_ns; /* not before this, where there is one */
  uint64_t arrived_ns;  /* when the last bytes did */
  uint64_t acked_ns;    /* when the writer last heard of some */
  uint64_t moved_ns;    /* when one was acknowledged, or was written while none waited for that */
  bool is_cut;          /* what is written from now on is thrown away */
  bool has_eof, has_reset; /* arrived; a reset ends the reader's own writing, too */
} sim_pipe;

typedef struct sim_end {
  gmux__transport base;
  sim_link *owner;
  int side;
  uint64_t number;  /* the older of two has the smaller */
  gmux__link link;  /* world_loop.ends */
  gmux__link ready; /* world_loop.ready, kept by sim_ends_update */
  gmux__link turn;  /* while on_ready is on its way to it */
  unsigned wanted;
  bool is_shut;
  gmux__transport_info info;
  struct { /* see patience.c */
    gmux__socket_options options;
    sim_event user_timeout, keepalive;
    uint64_t answered_ns; /* the last probe, or the dial */
    uint32_t probes;      /* unanswered */
    bool is_over;         /* it has given up */
  } patience;
} sim_end;

struct sim_link {
  sim *sim;
  gmux__link link; /* sim.net.links */
  sim_rule *rule;
  unsigned stalled;
  sim_end *ends[2]; /* NULL: closed */
  sim_pipe pipes[2];
};

static inline sim_pipe *sim_end_in(const sim_end *end) {
  return &end->owner->pipes[!end->side];
}

static inline sim_pipe *sim_end_out(const sim_end *end) {
  return &end->owner->pipes[end->side];
}

/* ---- pipe.c ---- */

void sim_pipe_init(sim_pipe *pipe, sim_link *link);
void sim_pipe_deinit(sim_pipe *pipe);

/* How much a write may take, and a read would return. */
size_t sim_pipe_room(const sim_pipe *pipe);
size_t sim_pipe_unread(const sim_pipe *pipe);
/* At most these. */
void sim_pipe_write(sim_pipe *pipe, const gmux__slice *slices, size_t len);
void sim_pipe_read(sim_pipe *pipe, uint8_t *buf, size_t len);

/* Behind what is under way. */
void sim_pipe_send_eof(sim_pipe *pipe);
void sim_pipe_send_reset(sim_pipe *pipe);
/* A reset at both ends of its link, behind what is under way. */
void sim_pipe_send_cut(sim_pipe *pipe);
/* What is under way is lost. */
void sim_pipe_drop(sim_pipe *pipe);
/* After what is lost or slow has changed. */
void sim_pipe_resume(sim_pipe *pipe);
/* Packets in this direction are lost. */
bool sim_pipe_is_lost(const sim_pipe *pipe);
/* The writer has bytes left of which it has not heard that they are there, or that found no room.
 */
bool sim_pipe_is_pending(const sim_pipe *pipe);

/* ---- link.c ---- */

/* After anything on which it depends whether they are ready. */
void sim_ends_update(sim_link *link);
/* sim_link_reset, by fate. */
void sim_link_cut(sim_link *link);

/* ---- patience.c ---- */

/* Its options are known. */
void sim_patience_begin(sim_end *end);
void sim_patience_end(sim_end *end);
/* Bytes were written. */
void sim_patience_wrote(sim_end *end);

#endif
