/*
 * figures.h: the one line of JSON that each benchmark program prints, when everything went well.
 *
 *     figures_begin("unary", "gmux");
 *     figures_number("bytes", 1024);
 *     figures_end();                      {"bench": "unary", "peer": "gmux", "bytes": 1024}
 *
 * What tests/bench/run shows of it is named in tests/bench/runner/rows.py.
 */
#ifndef GMUX_BENCH_FIGURES_H
#define GMUX_BENCH_FIGURES_H

#include "tools/gmux/histogram.h"
#include "tests/bench/meter.h"

void figures_begin(const char *bench, const char *peer);

/* Names and texts are printed as they are: none of ours holds a quote. */
void figures_text(const char *name, const char *text);
void figures_number(const char *name, double number);

/* calls, seconds, calls_per_second, cpu_us_per_call, and server_cpu_us_per_call if the meter was
 * told of a server. */
void figures_window(meter first, meter last, uint64_t calls);

/* The same with "message" for "call". */
void figures_messages(meter first, meter last, uint64_t messages);

/* p50_us, p99_us and p999_us; what was recorded are nanoseconds. */
void figures_latencies(const histogram *latencies_ns);

void figures_end(void);

#endif
