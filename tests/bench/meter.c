/* meter.c: getrusage for ourselves, /proc for a server. */
#include "tests/bench/meter.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static long server_pid;

uint64_t meter_clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t meter_resident_bytes(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
  if (file) fclose(file);
  return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t meter_peak_bytes(void) {
  char line[256];
  unsigned long long kib = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "VmHWM: %llu", &kib) == 1) break;
  if (file) fclose(file);
  return 1024 * kib;
}

void meter_server(long pid) {
  server_pid = pid;
}

bool meter_has_server(void) {
  return server_pid != 0;
}

static double microseconds(struct timeval t) {
  return 1e6 * (double)t.tv_sec + (double)t.tv_usec;
}

/* A thread's schedstat begins with the nanoseconds that it ran: exact, where /proc/PID/stat counts
 * ticks of 10 ms. */
static uint64_t thread_cpu_ns(const char *thread) {
  char path[128];
  unsigned long long ns = 0;
  snprintf(path, sizeof path, "/proc/%ld/task/%.20s/schedstat", server_pid, thread);
  FILE *file = fopen(path, "r");
  if (!file) return 0; /* the thread has ended */
  if (fscanf(file, "%llu", &ns) != 1) ns = 0;
  fclose(file);
  return ns;
}

static double server_cpu_us(void) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/task", server_pid);
  DIR *threads = opendir(path);
  if (!threads) {
    fprintf(stderr, "the server has gone: there is no process %ld\n", server_pid);
    exit(1);
  }
  uint64_t ns = 0;
  for (struct dirent *e; (e = readdir(threads));)
    if (e->d_name[0] != '.') ns += thread_cpu_ns(e->d_name);
  closedir(threads);
  return 1e-3 * (double)ns;
}

meter meter_read(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (meter){.now_ns = meter_clock_ns(),
                 .cpu_us = microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
                 .server_cpu_us = server_pid ? server_cpu_us() : 0};
}
