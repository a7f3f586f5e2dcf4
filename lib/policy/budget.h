/*
 * budget.h: what the calls of one channel or server may take of max_memory_bytes, and who waits.
 *
 * Half of the ceiling is for calls that run, a quarter for what they have written and nobody has
 * read yet (backlog.c), and a quarter for connections and what else there is. A call that begins is
 * given what it may come to hold without asking again: itself, what it keeps for a retry (a
 * server's: its metadata), and what the peer may send it, which a small window bounds. Only a
 * message that is larger than that window lets it hold more, and for such a one it asks.
 *
 * Whoever waits goes on, because two things are always allowed: one call, when none runs, and one
 * large message beyond what there is room for, when no other such one is under way. Neither waits
 * for anything that waits here; how long they take is up to the peer and the application, and a
 * stalled one without a deadline may hold up the others, which then end by limits of their own
 * (a server's clients: see stalls.c). The most there can be is half of the ceiling, and one call
 * and one large message.
 *
 * A server cannot let a call wait that has come, so it says beforehand how many may come (lease.c).
 * Each connection that it may have has one call for sure, which is paid for from the start; the
 * rest is shared by those there are and one that may still come, so that who is first leaves
 * something.
 */
#ifndef GMUX__POLICY_BUDGET_H
#define GMUX__POLICY_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gmux__budget {
  uint64_t ceiling; /* bytes; 0: there is none, and all is allowed */
  uint64_t room;    /* of it, for calls and large messages */
  uint64_t taken;   /* by them */
  size_t calls;
  uint32_t window;      /* what a peer may send of a stream before any of it is taken */
  uint32_t extra;       /* the large message beyond the room; 0: none */
  uint32_t connections; /* a server's: so many it may have */
} gmux__budget;

/* `window`: as large as it would be without a ceiling; at least GMUX__BUDGET_WINDOW. */
enum { GMUX__BUDGET_WINDOW = 8192, GMUX__BUDGET_SERVER_WINDOW = 65536 };
void gmux__budget_init(gmux__budget *b, uint64_t ceiling, uint32_t window);
/* The same for a server; windows are at most GMUX__BUDGET_SERVER_WINDOW, because each connection
 * has a call's for sure. */
void gmux__budget_init_server(gmux__budget *b, uint64_t ceiling, uint32_t window);
/* How many calls one of so many connections may have, its own one included. */
uint32_t gmux__budget_share(const gmux__budget *b, size_t connections);
/* Of what may be queued without a ceiling, how much with it. */
uint32_t gmux__budget_queue(const gmux__budget *b, uint32_t bytes);
/* What one call is given when it begins. */
uint64_t gmux__budget_call(const gmux__budget *b);

/* The next call may begin; each that does must end. */
bool gmux__budget_may_begin(const gmux__budget *b);
void gmux__budget_begin(gmux__budget *b);
void gmux__budget_end(gmux__budget *b);

/* A message of so many bytes is more than its call was given for. */
static inline bool gmux__budget_is_large(const gmux__budget *b, uint32_t bytes) {
  return b->ceiling && bytes > b->window / 2;
}
/* It may be received whole; each that is must be dropped (with as many bytes). */
bool gmux__budget_may_grow(const gmux__budget *b, uint32_t bytes);
void gmux__budget_grow(gmux__budget *b, uint32_t bytes);
void gmux__budget_shrink(gmux__budget *b, uint32_t bytes);

#endif
