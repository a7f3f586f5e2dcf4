/* purse.c: before each block stands how large it is and whose. */
#include "tests/sim/purse.h"
#include <gmux/alloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

typedef union purse_head {
  struct {
    size_t size;
    purse_side side;
  } of;
  max_align_t align;
} purse_head;

static const gmux_loop *server_loop;
static size_t held[2], most[2];

static size_t cost_of(size_t size) {
  size_t cost = (size + 8 + 15) / 16 * 16;
  return cost < 32 ? 32 : cost;
}

static void count(const purse_head *head) {
  purse_side side = head->of.side;
  held[side] += cost_of(head->of.size);
  if (held[side] > most[side]) most[side] = held[side];
}

static void uncount(const purse_head *head) {
  held[head->of.side] -= cost_of(head->of.size);
}

static purse_side side_now(void) {
  return server_loop && gmux_loop_is_inside(server_loop) ? PURSE_SERVER : PURSE_CLIENT;
}

static void *block_get(size_t size) {
  purse_head *head = size > SIZE_MAX - sizeof *head ? NULL : malloc(sizeof *head + size);
  if (!head) return NULL;
  head->of.size = size;
  head->of.side = side_now();
  count(head);
  return head + 1;
}

static void block_put(void *block) {
  if (!block) return;
  purse_head *head = (purse_head *)block - 1;
  uncount(head);
  free(head);
}

/* It stays with the side that has got it. */
static void *block_resize(void *block, size_t size) {
  if (!block) return block_get(size);
  purse_head *head = (purse_head *)block - 1;
  purse_head *moved = size > SIZE_MAX - sizeof *head ? NULL : realloc(head, sizeof *head + size);
  if (!moved) return NULL;
  uncount(moved);
  moved->of.size = size;
  count(moved);
  return moved + 1;
}

static void *gmux_get(size_t size, void *user_data) {
  (void)user_data;
  return block_get(size);
}

static void *gmux_get_zeroed(size_t n, size_t size, void *user_data) {
  (void)user_data;
  if (size && n > SIZE_MAX / size) return NULL;
  void *block = block_get(n * size);
  return block ? memset(block, 0, n * size) : NULL;
}

static void *gmux_resize(void *block, size_t size, void *user_data) {
  (void)user_data;
  return block_resize(block, size);
}

static void gmux_put(void *block, void *user_data) {
  (void)user_data;
  block_put(block);
}

static void *openssl_get(size_t size, const char *file, int line) {
  (void)file, (void)line;
  return block_get(size);
}

static void *openssl_resize(void *block, size_t size, const char *file, int line) {
  (void)file, (void)line;
  return block_resize(block, size);
}

static void openssl_put(void *block, const char *file, int line) {
  (void)file, (void)line;
  block_put(block);
}

bool purse_open(void) {
  static const gmux_allocator allocator = {
      .malloc = gmux_get, .calloc = gmux_get_zeroed, .realloc = gmux_resize, .free = gmux_put};
  return CRYPTO_set_mem_functions(openssl_get, openssl_resize, openssl_put) == 1 &&
         gmux_set_allocator(&allocator) == 0;
}

void purse_set_server(const gmux_loop *loop) {
  server_loop = loop;
}

size_t purse_bytes(purse_side side) {
  return held[side];
}

size_t purse_peak(purse_side side) {
  size_t peak = most[side];
  most[side] = held[side];
  return peak;
}
