/* figures.c: figures as JSON, on stdout. */
#include "tests/bench/figures.h"
#include <stdio.h>

void figures_begin(const char *bench, const char *peer) {
  printf("{\"bench\": \"%s\"", bench);
  figures_text("peer", peer);
}

void figures_text(const char *name, const char *text) {
  printf(", \"%s\": \"%s\"", name, text);
}

void figures_number(const char *name, double number) {
  printf(", \"%s\": %.10g", name, number);
}

void figures_window(meter first, meter last, uint64_t calls) {
  double n = (double)calls, seconds = 1e-9 * (double)(last.now_ns - first.now_ns);
  figures_number("calls", n);
  figures_number("seconds", seconds);
  figures_number("calls_per_second", n / seconds);
  figures_number("cpu_us_per_call", (last.cpu_us - first.cpu_us) / n);
  if (meter_has_server())
    figures_number("server_cpu_us_per_call", (last.server_cpu_us - first.server_cpu_us) / n);
}

void figures_latencies(const histogram *latencies_ns) {
  figures_number("p50_us", 1e-3 * histogram_percentile(latencies_ns, 0.5));
  figures_number("p99_us", 1e-3 * histogram_percentile(latencies_ns, 0.99));
  figures_number("p999_us", 1e-3 * histogram_percentile(latencies_ns, 0.999));
}

void figures_end(void) {
  puts("}");
  fflush(stdout);
}
