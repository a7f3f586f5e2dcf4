/* ask.h: a question to a loop from any thread. */
#ifndef GMUX__CLIENT_ASK_H
#define GMUX__CLIENT_ASK_H

#include "lib/io/loop.h"

/* Runs fn(arg) on the loop's thread and returns when it has run: at once when that is the caller's
 * own, else after a post and a wait. GMUX_ERR_NOMEM: it has not run and will not. */
int gmux__ask(gmux_loop *loop, void (*fn)(void *arg), void *arg);

#endif
