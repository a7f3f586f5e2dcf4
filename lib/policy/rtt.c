/* rtt.c: how long a round trip to the peer takes. */
#include "lib/policy/rtt.h"
#include "lib/policy/number.h"

/* RFC 6298: an eighth of each new sample. The result is never 0, which says "none". */
static void rtt_smooth(gmux__rtt *rtt, uint64_t sample_ns) {
  rtt->smoothed_ns = rtt->smoothed_ns - rtt->smoothed_ns / 8 + sample_ns / 8;
}

static void rtt_heed_least(gmux__rtt *rtt, uint64_t sample_ns) {
  if (!rtt->least_ns || sample_ns < rtt->least_ns) rtt->least_ns = sample_ns;
}

void gmux__rtt_measured(gmux__rtt *rtt, uint64_t sample_ns) {
  sample_ns = gmux__number_max(sample_ns, 1);
  /* PINGs are sent after silence, when nothing stands in queues: a longer path shows in them. */
  if (rtt->is_measured) rtt->least_ns += gmux__number_subtract(sample_ns, rtt->least_ns) / 2;
  rtt_heed_least(rtt, sample_ns);
  if (rtt->is_measured) {
    rtt_smooth(rtt, sample_ns);
    return;
  }
  rtt->is_measured = true; /* what was there before was a guess */
  rtt->smoothed_ns = sample_ns;
}

void gmux__rtt_replied(gmux__rtt *rtt, uint64_t sample_ns) {
  sample_ns = gmux__number_max(sample_ns, 1);
  if (rtt->smoothed_ns != 0 && sample_ns >= rtt->smoothed_ns) return;
  rtt_heed_least(rtt, sample_ns);
  if (rtt->is_measured)
    rtt_smooth(rtt, sample_ns);
  else
    rtt->smoothed_ns = sample_ns; /* the lowest bound so far */
}
