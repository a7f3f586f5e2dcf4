/* bench_result.c: what came of a load, as a table and as JSON. */
#include "tools/gmux/bench.h"
#include "tools/gmux/chart.h"
#include "tools/gmux/report.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
  double part;
  const char *name, *json;
} percentiles[] = {{0.5, "p50", "p50_ms"},
                   {0.9, "p90", "p90_ms"},
                   {0.99, "p99", "p99_ms"},
                   {0.999, "p99.9", "p99.9_ms"}};
enum { PERCENTILES = sizeof percentiles / sizeof *percentiles };

/* 0, where nothing was or no time passed. */
static double per(double what, double of) {
  return of > 0 ? what / of : 0;
}

void bench_title(const bench_plan *p, buffer *out) {
  buffer_add_format(out, "%s at %s, ", p->method, p->target);
  if (p->rate > 0)
    buffer_add_format(out, "%g a second", p->rate);
  else
    buffer_add_format(out, "%u at once", p->concurrency);
  buffer_add_format(out, " over %u connection%s", p->connections, p->connections == 1 ? "" : "s");
  if (p->loops > 1) buffer_add_format(out, " and %u loops", p->loops);
}

/* ---- the table ---- */

static void print_codes(const tally *t, const terminal *out) {
  for (unsigned i = 0; i < TALLY_CODES; i++) {
    if (!t->codes[i]) continue;
    printf("  %s%-18s%s %12" PRIu64 "\n", terminal_style(out, i ? STYLE_BAD : STYLE_GOOD),
           gmux_code_str((gmux_code)i), terminal_style(out, STYLE_PLAIN), t->codes[i]);
  }
}

static void print_latencies(const tally *t) {
  printf("  latency            least %s", chart_time_str((double)t->least_ns).text);
  for (size_t i = 0; i < PERCENTILES; i++)
    printf(", %s %s", percentiles[i].name,
           chart_time_str(tally_percentile_ns(t, percentiles[i].part)).text);
  printf(", most %s\n", chart_time_str((double)t->most_ns).text);
}

static void print_chart(const tally *t, const terminal *out) {
  buffer text = {.data = NULL};
  chart_text(&text, t, out->columns - 1, out->is_live ? "\xe2\x96\x88" : "#");
  printf("\n%s", buffer_string(&text));
  buffer_free(&text);
}

void bench_print(const bench_plan *p, const bench_result *r, const terminal *out) {
  const tally *t = &r->tally;
  double seconds = 1e-9 * (double)r->elapsed_ns;
  buffer title = {.data = NULL};
  bench_title(p, &title);
  printf("%s%s%s%s\n\n", terminal_style(out, STYLE_BOLD), buffer_string(&title),
         terminal_style(out, STYLE_PLAIN), r->was_stopped ? " (stopped)" : "");
  buffer_free(&title);
  printf("  %s%-18s%s %12" PRIu64 " in %.2f s: %.1f a second\n", terminal_style(out, STYLE_BOLD),
         "calls", terminal_style(out, STYLE_PLAIN), tally_calls(t), seconds,
         per((double)tally_calls(t), seconds));
  print_codes(t, out);
  if (p->kind != GMUX_UNARY)
    printf("  messages received  %12" PRIu64 ": %.1f a second\n", t->messages,
           per((double)t->messages, seconds));
  printf("  CPU of this side   %12.2f us a call, %.0f %% of a core\n",
         per(r->cpu_us, (double)tally_calls(t)), per(100 * r->cpu_us, 1e6 * seconds));
  if (!t->latencies_ns.total) return;
  print_latencies(t);
  print_chart(t, out);
}

/* ---- JSON ---- */

static void report_plan(report *out, const bench_plan *p) {
  report_text(out, "target", p->target);
  report_text(out, "method", p->method);
  if (p->rate > 0)
    report_number(out, "rate", p->rate);
  else
    report_count(out, "concurrency", p->concurrency);
  report_count(out, "connections", p->connections);
  report_count(out, "loops", p->loops);
}

static void report_latency(report *out, const tally *t) {
  report_open(out, "latency", '{');
  report_ms(out, "min_ms", t->least_ns);
  for (size_t i = 0; i < PERCENTILES; i++)
    report_number(out, percentiles[i].json, 1e-6 * tally_percentile_ns(t, percentiles[i].part));
  report_ms(out, "max_ms", t->most_ns);
  report_close(out, '}');
}

void bench_print_json(const bench_plan *p, const bench_result *r) {
  const tally *t = &r->tally;
  double seconds = 1e-9 * (double)r->elapsed_ns;
  report out;
  report_begin(&out);
  report_plan(&out, p);
  report_flag(&out, "stopped", r->was_stopped);
  report_number(&out, "seconds", seconds);
  report_count(&out, "calls", tally_calls(t));
  report_number(&out, "calls_per_second", per((double)tally_calls(t), seconds));
  report_open(&out, "statuses", '{');
  for (unsigned i = 0; i < TALLY_CODES; i++)
    if (t->codes[i]) report_count(&out, gmux_code_str((gmux_code)i), t->codes[i]);
  report_close(&out, '}');
  report_count(&out, "messages_received", t->messages);
  report_number(&out, "cpu_us_per_call", per(r->cpu_us, (double)tally_calls(t)));
  report_latency(&out, t);
  report_end(&out);
}
