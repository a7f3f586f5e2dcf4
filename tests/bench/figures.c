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

/* `what` is in the names: "cpu_us_per_call". */
static void number_of(const char *before, const char *what, const char *after, double number) {
  char name[64];
  snprintf(name, sizeof name, "%s%s%s", before, what, after);
  figures_number(name, number);
}

static void window_of(const char *what, meter first, meter last, double n) {
  double seconds = 1e-9 * (double)(last.now_ns - first.now_ns);
  number_of("", what, "s", n);
  figures_number("seconds", seconds);
  number_of("", what, "s_per_second", n / seconds);
  number_of("cpu_us_per_", what, "", (last.cpu_us - first.cpu_us) / n);
  if (meter_has_server())
    number_of("server_cpu_us_per_", what, "", (last.server_cpu_us - first.server_cpu_us) / n);
}

void figures_window(meter first, meter last, uint64_t calls) {
  window_of("call", first, last, (double)calls);
}

void figures_messages(meter first, meter last, uint64_t messages) {
  window_of("message", first, last, (double)messages);
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
