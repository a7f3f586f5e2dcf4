/* tally.c: the sums of tally.h. */
#include "tools/gmux/tally.h"

#include <stddef.h>

enum { OK = 0, UNKNOWN = 2 };

void tally_add(tally *t, unsigned code, uint64_t latency_ns) {
  t->codes[code < TALLY_CODES ? code : UNKNOWN]++;
  if (code != OK) return;
  if (!t->latencies_ns.total || latency_ns < t->least_ns) t->least_ns = latency_ns;
  if (latency_ns > t->most_ns) t->most_ns = latency_ns;
  histogram_add(&t->latencies_ns, latency_ns);
}

void tally_merge(tally *to, const tally *from) {
  if (from->latencies_ns.total) {
    if (!to->latencies_ns.total || from->least_ns < to->least_ns) to->least_ns = from->least_ns;
    if (from->most_ns > to->most_ns) to->most_ns = from->most_ns;
  }
  histogram_merge(&to->latencies_ns, &from->latencies_ns);
  for (size_t i = 0; i < TALLY_CODES; i++)
    to->codes[i] += from->codes[i];
  to->messages += from->messages;
}

uint64_t tally_calls(const tally *t) {
  return t->codes[OK] + tally_failed(t);
}

uint64_t tally_failed(const tally *t) {
  uint64_t sum = 0;
  for (size_t i = OK + 1; i < TALLY_CODES; i++)
    sum += t->codes[i];
  return sum;
}

double tally_percentile_ns(const tally *t, double part) {
  double ns = histogram_percentile(&t->latencies_ns, part);
  if (ns < (double)t->least_ns) return (double)t->least_ns;
  return ns > (double)t->most_ns ? (double)t->most_ns : ns;
}
