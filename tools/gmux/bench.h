/*
 * bench.h: gmux bench among its files.
 *
 * bench.c reads the command line and what is to be sent, bench_run.c runs loads on threads of their
 * own, of which bench_load.c is one, and bench_result.c prints what came of them. Each load has a
 * libev loop, a channel and a part of the calls; they share nothing that is written while calls
 * run.
 */
#ifndef TOOL_BENCH_H
#define TOOL_BENCH_H

#include "tools/gmux/buffer.h"
#include "tools/gmux/course.h"
#include "tools/gmux/reach.h"
#include "tools/gmux/tally.h"
#include "tools/gmux/terminal.h"

enum { BENCH_LOOPS_MAX = 64 };

typedef struct bench_message {
  const uint8_t *data;
  size_t len;
} bench_message;

typedef struct bench_plan {
  const char *target, *method;
  /* How the server is called. */
  const reach *reach;
  gmux_channel_options channel_options;
  gmux_call_options call_options;
  gmux_method *call_method;
  gmux_method_kind kind;
  const bench_message *messages; /* sent in each call, the same in all */
  size_t message_count;
  /* How much. */
  double rate; /* a second, 0: as `concurrency` allows */
  uint32_t concurrency, connections, loops;
  uint64_t duration_ns, warm_up_ns, requests;
} bench_plan;

typedef struct bench_result {
  tally tally;
  uint64_t elapsed_ns; /* from when on calls were counted until the last of them had ended */
  double cpu_us;       /* of this process, user and system, meanwhile */
  bool was_stopped;    /* by a signal */
} bench_result;

/* Runs it; what goes on is said on `live`, if that is a terminal. False: it has been complained of.
 */
bool bench_run(const bench_plan *p, const terminal *live, bench_result *result);

/* What became of it, for people and for programs, on standard output. */
void bench_print(const bench_plan *p, const bench_result *r, const terminal *out);
void bench_print_json(const bench_plan *p, const bench_result *r);
/* "SERVICE/METHOD at TARGET, 100 at once over 1 connection". */
void bench_title(const bench_plan *p, buffer *out);

#endif
