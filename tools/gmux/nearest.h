/* nearest.h: the name that was meant. */
#ifndef TOOL_NEAREST_H
#define TOOL_NEAREST_H

#include <stddef.h>

/* Offered one after the other. All zero but `wanted` at first. */
typedef struct nearest {
  const char *wanted;
  size_t len;
  const char *best; /* NULL: none is near */
  size_t distance;  /* of the best */
} nearest;

nearest nearest_to(const char *wanted, size_t len);
/* Kept, if it is nearer than those before and near enough: at most a third of it is wrong. Letters
 * differ less when only their case does; to leave out the package is one wrong letter. `name` must
 * live as long as `best` is asked for. */
void nearest_offer(nearest *n, const char *name);

#endif
