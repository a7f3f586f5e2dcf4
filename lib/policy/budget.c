/* budget.c: what the calls of one channel may take of max_memory_bytes. */
#include "lib/policy/budget.h"
#include <assert.h>

enum {
  WINDOWS_A_CEILING = 4096,
  CALL_BYTES = 4096, /* a call, its stream, nghttp2's, and room for a reply: 3 KiB, see prices */
  WINDOWS_A_CALL = 3 /* one kept for a retry; one of unread bytes, and half a one in a message */
};

void gmux__budget_init(gmux__budget *b, uint64_t ceiling, uint32_t window) {
  *b = (gmux__budget){.ceiling = ceiling, .window = window};
  uint64_t fair = ceiling / WINDOWS_A_CEILING;
  if (fair < GMUX__BUDGET_WINDOW) fair = GMUX__BUDGET_WINDOW;
  if (ceiling && fair < window) b->window = (uint32_t)fair;
}

uint32_t gmux__budget_queue(const gmux__budget *b, uint32_t bytes) {
  uint64_t share = b->ceiling / 4;
  return b->ceiling && share < bytes ? (uint32_t)share : bytes;
}

uint64_t gmux__budget_call(const gmux__budget *b) {
  return CALL_BYTES + (uint64_t)WINDOWS_A_CALL * b->window;
}

static bool has_room(const gmux__budget *b, uint64_t bytes) {
  return b->taken + bytes <= b->ceiling / 2;
}

bool gmux__budget_may_begin(const gmux__budget *b) {
  return !b->ceiling || b->calls == 0 || has_room(b, gmux__budget_call(b));
}

void gmux__budget_begin(gmux__budget *b) {
  b->calls++;
  b->taken += gmux__budget_call(b);
}

void gmux__budget_end(gmux__budget *b) {
  assert(b->calls > 0);
  b->calls--;
  b->taken -= gmux__budget_call(b);
}

bool gmux__budget_may_grow(const gmux__budget *b, uint32_t bytes) {
  return b->large == 0 || has_room(b, bytes);
}

void gmux__budget_grow(gmux__budget *b, uint32_t bytes) {
  b->large++;
  b->taken += bytes;
}

void gmux__budget_shrink(gmux__budget *b, uint32_t bytes) {
  assert(b->large > 0 && b->taken >= bytes);
  b->large--;
  b->taken -= bytes;
}
