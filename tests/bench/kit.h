/*
 * kit.h: what those benchmark programs share that are not plain unary load: options, gmux's loop
 * and a channel.
 *
 * A program says in a table what it can be told; kit_parse fills in the values and prints the
 * usage. It ends in one of two ways: kit_print_begin ... figures_end, one line of figures; or
 * kit_die, words on stderr, no figure and exit status 1.
 */
#ifndef GMUX_BENCH_KIT_H
#define GMUX_BENCH_KIT_H

#include "tests/bench/figures.h"
#include "tests/bench/kit_options.h"
#include "tests/bench/window.h"
#include <gmux/gmux.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ev_loop;

/* window_begin; and a run that takes half a minute longer than it should ends without figures. */
void kit_window_begin(window *w);

/* ---- the end without figures ---- */

void kit_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* `error` is an answer of gmux: not 0 ends the program with gmux's words. */
void kit_must(int error);

/* Calls without a deadline would wait for ever on a server that stopped answering: after so long
 * the program ends. */
void kit_set_watchdog(double seconds);

/* ---- the machine ---- */

/* As many descriptors as the system allows: connections by the thousand. */
void kit_raise_descriptors(void);

/* ---- gmux ---- */

/* The program's own libev loop, gmux attached to it. Every dial may start at once. */
gmux_loop *kit_loop_new(struct ev_loop **ev);
void kit_loop_free(gmux_loop *loop, struct ev_loop *ev);

/* Options for a channel to that server; kit_channel_new lets go of the credentials in them. */
void kit_channel_options(gmux_channel_options *options, const kit_server *server);
gmux_channel *kit_channel_new(gmux_loop *loop, const kit_server *server,
                              gmux_channel_options *options);

/* Runs the loop until the channel is READY with min_connections (at least one). */
void kit_channel_warm(gmux_channel *channel, struct ev_loop *ev);

/* Runs the loop for so long, whatever happens on it. */
void kit_run_for(struct ev_loop *ev, double seconds);

/* ---- figures ---- */

/* figures_begin, and over what the server was reached. */
void kit_print_begin(const char *bench, const kit_server *server);

#endif
