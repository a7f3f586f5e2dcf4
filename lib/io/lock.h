/*
 * lock.h: a mutex, for what several loops share (the statuses of a gmux_health).
 *
 * Held for a look into a table or a change of it; nothing of the application's is called under it,
 * but for its allocator.
 */
#ifndef GMUX__IO_LOCK_H
#define GMUX__IO_LOCK_H

typedef struct gmux__lock gmux__lock;

/* GMUX_ERR_NOMEM */
int gmux__lock_new(gmux__lock **out);
void gmux__lock_free(gmux__lock *lock); /* that nobody holds; takes NULL */
void gmux__lock_take(gmux__lock *lock);
void gmux__lock_give(gmux__lock *lock);

#endif
