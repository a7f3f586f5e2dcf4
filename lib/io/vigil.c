/* vigil.c: for how long it is kept, and how often. */
#include "lib/io/vigil.h"

void gmux__vigil_begin(gmux__vigil *v, uint64_t now_ns) {
  if (gmux__vigil_is_kept(v)) return; /* of many connections at once it is one all the same */
  if (v->to_skip > 0)
    v->to_skip--;
  else
    v->until_ns = now_ns + GMUX__VIGIL_NS;
}

static void vigil_was_in_vain(gmux__vigil *v) {
  v->until_ns = 0;
  v->skip = v->skip == 0 ? 1 : v->skip * 2;
  if (v->skip > GMUX__VIGIL_SKIP_MAX) v->skip = GMUX__VIGIL_SKIP_MAX;
  v->to_skip = v->skip;
}

bool gmux__vigil_goes_on(gmux__vigil *v, uint64_t now_ns) {
  if (now_ns < v->until_ns) return true;
  vigil_was_in_vain(v);
  return false;
}
