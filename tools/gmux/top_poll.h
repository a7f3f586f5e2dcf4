/*
 * top_poll.h: asks a server for all of its channelz.
 *
 * The questions and answers of a poll are of the loop's thread; the thread that began it waits for
 * poller_fd to become readable, and then takes what was found.
 */
#ifndef TOOL_TOP_POLL_H
#define TOOL_TOP_POLL_H

#include "tools/gmux/problem.h"
#include "tools/gmux/reach.h"
#include "tools/gmux/top_model.h"

typedef struct poller poller;

/* False: it has been complained of. *out is freed in any case. */
bool poller_new(poller **out, const reach *r, const char *target, int64_t timeout_ms,
                size_t max_sockets);
/* Ends what runs. */
void poller_free(poller *p);
int poller_fd(const poller *p);

/* Begins a poll; there is none now. */
void poller_begin(poller *p);
/* It has ended: true with its model in *m, whose own goes back to be filled by the next one; false:
 * it failed. */
bool poller_take(poller *p, top_model *m, gmux_code *code, problem *why);

#endif
