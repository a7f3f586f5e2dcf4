/* blocks.c: nghttp2's memory. Before each block stands the slab that it belongs to. */
#include "lib/h2/blocks.h"
#include "lib/base/alloc.h"
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What stands before a block; as wide as the strictest alignment. */
typedef union block_head {
  struct {
    gmux__slab *slab; /* that it goes back to; NULL: to the allocator */
    size_t room;      /* bytes behind it */
  } of;
  max_align_t align;
} block_head;

/* What nghttp2 1.52 asks for: queued DATA (40 to 48), fields of a server (71 and more, by their
 * number), queued frames (152), streams (224). And a request's draft (376, with path, grpc-timeout
 * and a field or two of metadata more). Larger ones are few and go to the allocator. */
static const size_t rooms[GMUX__BLOCK_SIZES] = {48, 96, 160, 240, 560};

/* Blocks of each size that are kept for the calls that run, 4.5 MiB of all sizes at most, and only
 * as long as they are used (gmux__blocks_trim). A debug build keeps none, so that each can fail,
 * and sanitizers know where it ends. */
#ifdef GMUX_DEBUG
enum { KEPT = 0 };
#else
enum { KEPT = 4096 };
#endif

void gmux__blocks_init(gmux__blocks *blocks) {
  for (size_t i = 0; i < GMUX__BLOCK_SIZES; i++)
    gmux__slab_init(&blocks->slabs[i], sizeof(block_head) + rooms[i], KEPT);
}

void gmux__blocks_trim(gmux__blocks *blocks) {
  for (size_t i = 0; i < GMUX__BLOCK_SIZES; i++)
    (void)gmux__slab_trim(&blocks->slabs[i]);
}

void gmux__blocks_keep_nothing(gmux__blocks *blocks) {
  for (size_t i = 0; i < GMUX__BLOCK_SIZES; i++)
    gmux__slab_keep_nothing(&blocks->slabs[i]);
}

void gmux__blocks_deinit(gmux__blocks *blocks) {
  for (size_t i = 0; i < GMUX__BLOCK_SIZES; i++)
    gmux__slab_deinit(&blocks->slabs[i]);
}

/* By size in words of 16 bytes, rounded up; as `rooms`. */
static const uint8_t slab_of_words[] = {0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4,
                                        4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4};

/* NULL: it is larger than all. */
static gmux__slab *slab_for(gmux__blocks *blocks, size_t size) {
  enum { WORD = 16 };
  if (size > (sizeof slab_of_words - 1) * WORD) return NULL;
  return &blocks->slabs[slab_of_words[(size + WORD - 1) / WORD]];
}

static block_head *head_of(void *block) {
  return (block_head *)block - 1;
}

static void *block_behind(block_head *head, gmux__slab *slab, size_t room) {
  if (!head) return NULL;
  head->of.slab = slab;
  head->of.room = room;
  return head + 1;
}

void *gmux__blocks_malloc(gmux__blocks *blocks, size_t size) {
  gmux__slab *slab = slab_for(blocks, size);
  if (slab) return block_behind(gmux__slab_get_raw(slab), slab, slab->size - sizeof(block_head));
  if (size > SIZE_MAX - sizeof(block_head)) return NULL;
  return block_behind(gmux__malloc(sizeof(block_head) + size), NULL, size);
}

void *gmux__blocks_calloc(gmux__blocks *blocks, size_t count, size_t size) {
  if (size > 0 && count > SIZE_MAX / size) return NULL;
  void *block = gmux__blocks_malloc(blocks, count * size);
  return block ? memset(block, 0, count * size) : NULL;
}

void *gmux__blocks_realloc(gmux__blocks *blocks, void *block, size_t size) {
  if (!block) return gmux__blocks_malloc(blocks, size);
  size_t room = head_of(block)->of.room;
  if (size <= room) return block;
  void *larger = gmux__blocks_malloc(blocks, size);
  if (!larger) return NULL;
  memcpy(larger, block, room);
  gmux__blocks_free(blocks, block);
  return larger;
}

void gmux__blocks_free(gmux__blocks *blocks, void *block) {
  (void)blocks;
  if (!block) return;
  block_head *head = head_of(block);
  if (head->of.slab)
    gmux__slab_put(head->of.slab, head);
  else
    gmux__free(head);
}
