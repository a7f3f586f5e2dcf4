/* random.h: messages made up from a seed, by their descriptors. */
#ifndef TESTS_TOOL_RANDOM_H
#define TESTS_TOOL_RANDOM_H

#include "tools/gmux/buffer.h"
#include "tools/gmux/types.h"

typedef struct dice {
  uint64_t state; /* any seed */
} dice;

uint64_t dice_roll(dice *d, uint64_t sides); /* 0..sides-1 */

/* Appends a message that has a form in JSON: in no order, with fields that come twice, packed and
 * not, and values at the limits of their types. No groups; Any holds one of `types`. */
void random_message(buffer *out, dice *d, const registry *types, const message_type *m);

#endif
