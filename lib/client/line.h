/*
 * line.h: one connection of an endpoint's pool, as the endpoint and its calls see it.
 *
 *     NEW        being made
 *       | endpoint_on_transport (dialing.c)
 *     GREETING   TLS and SETTINGS of a try that races; takes calls only if they are eager
 *       |  |
 *       |  +-- another was faster, and it carries eager calls (dialing.c) --> DRAINING
 *       |  +-- another was faster, too late, closed --> ABANDONED
 *       | the peer's SETTINGS (line_on_ready): its try has won
 *     READY      takes calls, while it is trusted
 *       |  |
 *       |  +-- gmux__endpoint_close --> ABANDONED
 *       | GOAWAY, ids used up (line_on_draining); replaced, spare (gmux__line_retire)
 *     DRAINING   finishes its calls
 *       | gmux__endpoint_close
 *     ABANDONED  closed by us; its end has not been told yet
 *
 *     any --on_closed--> GONE: no connection; memory goes with its last call
 *
 * A line in GREETING to ABANDONED is in its endpoint's list of that name, so the lists are the
 * counts. A READY line is TRUSTED unless its connection is SUSPECT (a PING is unanswered); it may
 * be STALE (nothing came for long: asked by a PING before it takes a call), and have a reason to be
 * recycled: then it goes on taking calls until its replacement is READY.
 */
#ifndef GMUX__CLIENT_LINE_H
#define GMUX__CLIENT_LINE_H

#include "lib/base/machine.h"
#include "lib/client/connector.h"
#include "lib/h2/conn.h"
#include "lib/policy/pool.h"

typedef struct gmux__endpoint gmux__endpoint;

typedef enum gmux__line_state {
  GMUX__LINE_NEW = 0,
  GMUX__LINE_GREETING,
  GMUX__LINE_READY,
  GMUX__LINE_DRAINING,
  GMUX__LINE_ABANDONED,
  GMUX__LINE_GONE
} gmux__line_state;

extern const gmux__machine gmux__line_machine;
const char *gmux__line_state_str(gmux__line_state state);

/* Why a READY line is to be replaced. */
typedef enum gmux__recycle {
  GMUX__RECYCLE_NO = 0,
  GMUX__RECYCLE_AGE,     /* max_age_ms */
  GMUX__RECYCLE_CALLS,   /* max_calls */
  GMUX__RECYCLE_IDS,     /* most of its stream ids are used up */
  GMUX__RECYCLE_ROTATED, /* gmux_channel_rotate */
  GMUX__RECYCLE_MOVED    /* DNS does not name its address any more */
} gmux__recycle;

/* Stays until the last of its calls lets go of it, because they may be asked for their server's
 * address after the connection is gone. */
typedef struct gmux__line {
  gmux__link link; /* in the endpoint's list of its state */
  gmux__endpoint *endpoint;
  gmux__conn *conn; /* NULL: GONE */
  gmux__try *race;  /* GREETING: what it came of; else NULL */
  gmux__line_state state;
  gmux__recycle recycle;
  size_t holds;           /* one of the connection, one of each call that was put on it */
  uint64_t calls;         /* that have been put on it, ever */
  uint64_t keepalive_ns;  /* what its connection was made with */
  uint64_t ready_ns;      /* since when it is READY */
  uint64_t old_ns;        /* when it will be too old; GMUX__NEVER: never */
  uint64_t idle_since_ns; /* GMUX__NEVER: it has calls */
  /* Of the clock itself: a turn may see the whole handshake. */
  uint64_t connected_ns, greeted_ns, settled_ns;
  uint64_t redial_ns; /* if it was of no use: its successor is not dialed before */
  bool is_temporary;  /* beyond max_connections (burst) */
  bool is_end_told;   /* the log has said why its connection has ended */
  gmux__address address;
  char peer[GMUX__ADDRESS_TEXT];
} gmux__line;

/* Its connection is made and not started; GMUX_ERR_NOMEM. NEW: in no list. */
int gmux__line_new(gmux__line **out, gmux__endpoint *e, gmux__try *t);
/* A call has been put on it: the call holds it from now on. */
void gmux__line_take_call(gmux__line *line);
/* A call that it took never left on it: the line was of no use to that one. The hold stays. */
void gmux__line_discount_call(gmux__line *line);
void gmux__line_release(gmux__line *line); /* takes NULL */

/* The one way to another state; moves it to the list of the new one. */
void gmux__line_set_state(gmux__line *line, gmux__line_state state);
/* READY: it takes no more calls, and goes when those that it has are over. */
void gmux__line_retire(gmux__line *line, const char *why);
/* GREETING to DRAINING: ends with all that is on it. */
void gmux__line_abandon(gmux__line *line, int error, const char *why);
/* READY: to be replaced, for the first reason that is given. */
void gmux__line_mark(gmux__line *line, gmux__recycle why);

gmux__load gmux__line_load(const gmux__line *line);
static inline bool gmux__line_is_trusted(const gmux__line *line) {
  return !gmux__conn_is_suspect(line->conn);
}
/* A PING asks whether it lives, before it takes a call. */
static inline bool gmux__line_is_asked(const gmux__line *line) {
  return gmux__line_is_trusted(line) && gmux__conn_is_validating(line->conn);
}
static inline bool gmux__line_is_empty(const gmux__line *line) {
  return gmux__conn_stream_count(line->conn) == 0;
}
static inline gmux__line *gmux__line_of(const gmux__link *link) {
  return link ? (gmux__line *)((uintptr_t)link - offsetof(gmux__line, link)) : NULL;
}
const char *gmux__recycle_str(gmux__recycle why);

#endif
