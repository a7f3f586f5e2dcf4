/* tally.h: what became of the calls of a load. */
#ifndef TOOL_TALLY_H
#define TOOL_TALLY_H

#include "tools/gmux/histogram.h"

enum { TALLY_CODES = 17 }; /* gRPC's */

/* All zero: empty. */
typedef struct tally {
  histogram latencies_ns; /* of calls that ended with OK: others end sooner, or at a deadline */
  uint64_t least_ns, most_ns;
  uint64_t codes[TALLY_CODES];
  uint64_t messages; /* received */
} tally;

/* A code that gRPC does not have is UNKNOWN. */
void tally_add(tally *t, unsigned code, uint64_t latency_ns);
void tally_merge(tally *to, const tally *from);
uint64_t tally_calls(const tally *t);
uint64_t tally_failed(const tally *t);
/* As histogram_percentile, but not beyond what there was. */
double tally_percentile_ns(const tally *t, double part);

#endif
