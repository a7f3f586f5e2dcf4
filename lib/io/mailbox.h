/*
 * mailbox.h: where a thread waits for what a loop brings it.
 *
 * The one place with a condition variable: blocking reads, writes and waits of calls stand on it.
 * The loop's side never waits: the mutex is held for a few instructions only, and nothing is
 * allocated, freed or called under it. Who holds the box frees it when neither side can touch it
 * any more.
 */
#ifndef GMUX__IO_MAILBOX_H
#define GMUX__IO_MAILBOX_H

#include <gmux/bytes.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct gmux__mailbox gmux__mailbox;

/* GMUX_ERR_NOMEM */
int gmux__mailbox_new(gmux__mailbox **out);
void gmux__mailbox_free(gmux__mailbox *box); /* releases what was not read; takes NULL */

/* ---- the loop's side ---- */

/* Owned bytes move in (borrowed ones are copied), with one thing to be known about them: `mark`
 * means what both sides say it does. GMUX_ERR_NOMEM: nothing moved. */
int gmux__mailbox_put(gmux__mailbox *box, gmux_bytes *message, bool mark);
void gmux__mailbox_set(gmux__mailbox *box, unsigned flags); /* raises them and wakes who waits */
void gmux__mailbox_clear(gmux__mailbox *box, unsigned flags);

/* ---- a thread's side ---- */

/* Any flags at all; these two have a meaning for _get. */
enum {
  GMUX__BOX_NO_MORE = 1,  /* no message will follow */
  GMUX__BOX_WRITABLE = 2, /* a writer may go on */
  GMUX__BOX_HEADERS = 4,
  GMUX__BOX_END = 8,       /* the call is over */
  GMUX__BOX_CLOSED = 16,   /* the object is shut down */
  GMUX__BOX_NO_WRITES = 32 /* there will never be room again; never lowered */
};

/* Waits for a message. 0: *out is owned by the caller, *mark (may be NULL) is what it was put in
 * with; GMUX_ERR_EOF: none left and NO_MORE is up. */
int gmux__mailbox_get(gmux__mailbox *box, gmux_bytes *out, bool *mark);
/* Waits until one of `flags` is up; returns all flags that then are. timeout_ms < 0: for ever; 0:
 * only looks. Returns 0 when the time ran out. */
unsigned gmux__mailbox_wait(gmux__mailbox *box, unsigned flags, int64_t timeout_ms);

#endif
