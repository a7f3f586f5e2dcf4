/* laws.c: what must be true of every call. */
#include "tests/net/laws.h"

const char *law_broken(const law_facts *f, unsigned bound_ms) {
  if (f->ends == 0) return "L1: a call without an end";
  if (f->ends > 1) return "L2: a call that ended twice";
  if (f->executed > 1 && !f->is_idempotent) return "L3: executed twice, and not idempotent";
  if (f->code == GMUX_OK && f->executed == 0) return "L4: OK, and never executed";
  if (f->evidence < GMUX_EVIDENCE_POSSIBLE && f->executed > 0)
    return "L5: executed, and it is said to be proven that it was not";
  if (f->is_foreign) return "L6: the body of another call, or of none";
  if (f->late_ms > bound_ms) return "L7: it outlived its deadline";
  return NULL;
}
