/*
 * meter.h: what has been spent at one moment; the difference of two is what a window has cost.
 */
#ifndef GMUX_BENCH_METER_H
#define GMUX_BENCH_METER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct meter {
  uint64_t now_ns;      /* monotonic */
  double cpu_us;        /* user and system time of this process, all threads */
  double server_cpu_us; /* of the server, all threads; 0 without one */
} meter;

uint64_t meter_clock_ns(void);

/* Resident memory now, not its peak. */
uint64_t meter_resident_bytes(void);

/* The most that it was since this program began; 0: unknown. (ru_maxrss remembers the program that
 * started it, too: what the same process held before exec.) */
uint64_t meter_peak_bytes(void);

/* From now on the CPU time of that process is read, too. */
void meter_server(long pid);
bool meter_has_server(void);

/* Ends the program, in words, if the server is asked for and has gone. */
meter meter_read(void);

#endif
