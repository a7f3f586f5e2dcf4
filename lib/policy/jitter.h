/* jitter.h: durations that a fleet must not share. `random` is 64 uniformly random bits. */
#ifndef GMUX__POLICY_JITTER_H
#define GMUX__POLICY_JITTER_H

#include <stdint.h>

/* Uniform in ns x [1 - percent/100, 1 + percent/100]; saturates below UINT64_MAX, which (never)
 * stays what it is. percent <= 100. */
uint64_t gmux__jitter_around(uint64_t ns, uint32_t percent, uint64_t random);
/* Uniform in ns x [1, 1 + percent/100]: never earlier than a peer allows. */
uint64_t gmux__jitter_above(uint64_t ns, uint32_t percent, uint64_t random);
/* Uniform in [0, ns]. */
uint64_t gmux__jitter_up_to(uint64_t ns, uint64_t random);

#endif
