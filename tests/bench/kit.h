/*
 * kit.h: what the benchmark programs share: options, clocks, the loop, and the line of JSON.
 *
 * A program says in a table what it can be told; kit_parse fills in the values and prints the
 * usage. It ends in one of two ways: kit_print_begin ... kit_print_end, one line of figures; or
 * kit_die, words on stderr, no figure and exit status 1.
 */
#ifndef GMUX_BENCH_KIT_H
#define GMUX_BENCH_KIT_H

#include "tests/bench/histogram.h"
#include <gmux/gmux.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ev_loop;

/* ---- options ---- */

typedef enum kit_kind {
  KIT_FLAG,   /* bool */
  KIT_COUNT,  /* uint64_t, from least to most */
  KIT_NUMBER, /* double, from least to most */
  KIT_TEXT    /* const char * */
} kit_kind;

/* What *value is beforehand is the default. */
typedef struct kit_option {
  const char *name; /* "outstanding" is --outstanding; NULL ends a table */
  const char *argument;
  const char *help;
  kit_kind kind;
  void *value;
  double least, most;
} kit_option;

/* What every program that calls a server can be told; filled in by kit_parse. */
typedef struct kit_server {
  const char *target; /* the argument that is no option */
  const char *ca;     /* NULL: cleartext */
  uint64_t pid;       /* 0: not known, and its CPU time not measured */
  const char *name;   /* who serves: goes into the figures */
} kit_server;

/* The program's name, in front of everything that it says; set by kit_parse. */
extern const char *kit_program;

/* Ends the program on --help (0) and on what it cannot understand (2, with words and the usage).
 * `program` is the name in front of everything that is said later. */
void kit_parse(const char *program, const char *purpose, const kit_option *options,
               kit_server *server, int argc, char **argv);

/* What was asked for cannot be: exit status 2. */
void kit_refuse(const char *what, const char *why) __attribute__((noreturn));

/* ---- the end without figures ---- */

void kit_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* `error` is an answer of gmux: not 0 ends the program with gmux's words. */
void kit_must(int error);

/* Calls without a deadline would wait for ever on a server that stopped answering: after so long
 * the program ends. */
void kit_set_watchdog(double seconds);

/* ---- clocks and memory ---- */

uint64_t kit_now_ns(void);

/* What had been spent at one moment, CPU time by all threads, user and system. */
typedef struct kit_spent {
  uint64_t now_ns;
  double cpu_us, server_cpu_us;
} kit_spent;
kit_spent kit_spent_now(const kit_server *server);

/* Resident memory of a process now, pid 0 for this one: how much is touched, in whole pages. */
uint64_t kit_resident_bytes(uint64_t pid);

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

/* "bench", "peer", "server", "transport". */
void kit_print_begin(const char *bench, const kit_server *server);
void kit_print_count(const char *key, uint64_t value);
void kit_print_number(const char *key, double value);
void kit_print_text(const char *key, const char *value);
/* "calls", "calls_per_second", "seconds", and CPU time a call, between two moments. */
void kit_print_spent(const kit_spent *first, const kit_spent *last, uint64_t calls);
/* "p50_us", "p99_us", "p999_us" of what was recorded in nanoseconds. */
void kit_print_latencies(const histogram *latencies);
void kit_print_end(void);

#endif
