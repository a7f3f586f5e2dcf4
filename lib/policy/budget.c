/* budget.c: what the calls of one channel or server may take of max_memory_bytes. */
#include "lib/policy/budget.h"
#include <assert.h>

enum {
  WINDOWS_A_CEILING = 4096,
  CALL_BYTES = 4096, /* a call, its stream, nghttp2's, and room for a reply: 3 KiB, see prices */
  /* One kept for a retry, or of metadata; one of unread bytes, and half a one in a message. */
  WINDOWS_A_CALL = 3,
  /* A server's: 45 KiB with TLS, see prices, and 64 of output while the client does not read. */
  CONNECTION_BYTES = 112 * 1024
};

void gmux__budget_init(gmux__budget *b, uint64_t ceiling, uint32_t window) {
  *b = (gmux__budget){.ceiling = ceiling, .room = ceiling / 2, .window = window};
  uint64_t fair = ceiling / WINDOWS_A_CEILING;
  if (fair < GMUX__BUDGET_WINDOW) fair = GMUX__BUDGET_WINDOW;
  if (ceiling && fair < window) b->window = (uint32_t)fair;
}

/* Of the quarter for connections each has its own bytes; and the calls that they have for sure are
 * at most half of what is for calls. */
void gmux__budget_init_server(gmux__budget *b, uint64_t ceiling, uint32_t window) {
  bool is_wide = ceiling && window > GMUX__BUDGET_SERVER_WINDOW;
  gmux__budget_init(b, ceiling, is_wide ? GMUX__BUDGET_SERVER_WINDOW : window);
  uint64_t call = gmux__budget_call(b);
  uint64_t each = call > CONNECTION_BYTES ? call : CONNECTION_BYTES;
  b->connections = (uint32_t)(ceiling / 4 / each);
  b->room -= b->connections * call;
}

uint32_t gmux__budget_share(const gmux__budget *b, size_t connections) {
  return 1 + (uint32_t)(b->room / gmux__budget_call(b) / (connections + 1));
}

uint32_t gmux__budget_queue(const gmux__budget *b, uint32_t bytes) {
  uint64_t share = b->ceiling / 4;
  return b->ceiling && share < bytes ? (uint32_t)share : bytes;
}

uint64_t gmux__budget_call(const gmux__budget *b) {
  return CALL_BYTES + (uint64_t)WINDOWS_A_CALL * b->window;
}

static bool has_room(const gmux__budget *b, uint64_t bytes) {
  return b->taken + bytes <= b->room;
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
  return !b->extra || has_room(b, bytes);
}

void gmux__budget_grow(gmux__budget *b, uint32_t bytes) {
  if (has_room(b, bytes))
    b->taken += bytes;
  else
    b->extra = bytes;
}

/* Of two of one size it does not matter which was the extra one. */
void gmux__budget_shrink(gmux__budget *b, uint32_t bytes) {
  if (b->extra == bytes) {
    b->extra = 0;
    return;
  }
  assert(b->taken >= bytes);
  b->taken -= bytes;
}
