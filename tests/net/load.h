/*
 * load.h: calls of every kind on a channel, so many at any time, and what became of each of them.
 *
 * A lane is a call at a time, each of which brings the next, after a rest if it failed. Their kind
 * follows from their number: unary and streaming, idempotent and not, that wait for a connection
 * and that do not, with deadlines from none to short. All is on one thread, that of the test, which
 * runs the loop while it awaits something: so a test may start servers in between, and reads what
 * it likes.
 */
#ifndef TESTS_NET_LOAD_H
#define TESTS_NET_LOAD_H

#include <ev.h>
#include <gmux/gmux.h>
#include <stdbool.h>

typedef struct load load;

/* Makes a loop and a channel, and starts the calls. */
load *load_start(const char *target, const gmux_channel_options *options, unsigned lanes);

/* Runs the loop until it is so. False: it was not so within `ms`, and that is a failure of the
 * test, with what the channel was doing in words. */
bool load_await(load *l, bool (*is_so)(load *l, void *arg), void *arg, unsigned ms);
/* Until so many more calls have succeeded, of those that were started from now on. */
bool load_await_ok(load *l, unsigned more, unsigned ms);
/* Until so many more calls have ended, however. */
bool load_await_ends(load *l, unsigned more, unsigned ms);
/* For no event but time itself. */
void load_run_for(load *l, unsigned ms);

/* One call more, idempotent, that may take as long as it likes and whose first execution is never
 * answered (WIRE_HOLD); returns when a server has executed it. load_await_held: until it has been
 * made again, and answered. */
void load_hold(load *l, unsigned ms);
void load_await_held(load *l, unsigned ms);

/* Lanes end with their call; until load_go_on. */
void load_pause(load *l);
void load_go_on(load *l);

gmux_channel_stats load_stats(load *l);
unsigned load_started(const load *l);
/* Checks that no call failed though it had left, or was to wait; deadlines are not counted. What
 * became of those that did is said. */
void load_check_none_lost(const load *l);
/* The unary ones among such calls that might have been made again. */
unsigned load_lost_idempotent(const load *l);
unsigned load_now_ms(const load *l); /* since it was started */

/* Lets the calls that run come to their end. */
void load_finish(load *l);
/* When no server is there any more: the laws, for each call. */
void load_check(load *l);
/* After load_finish. */
void load_free(load *l);

#endif
