/*
 * blocks.h: the memory that nghttp2 asks for, and drafts (draft.c).
 *
 * For each call it wants the same few small blocks, and gives them back when the call is over. They
 * are kept for the next call here: malloc's own shelf of free blocks is shorter than the calls of a
 * connection are many. One thread.
 */
#ifndef GMUX__H2_BLOCKS_H
#define GMUX__H2_BLOCKS_H

#include "lib/base/slab.h"

enum { GMUX__BLOCK_SIZES = 5 };

typedef struct gmux__blocks {
  gmux__slab slabs[GMUX__BLOCK_SIZES];
} gmux__blocks;

void gmux__blocks_init(gmux__blocks *blocks);
/* Of any size; as malloc, calloc, realloc and free. What one of them gave goes back by another. */
void *gmux__blocks_malloc(gmux__blocks *blocks, size_t size);
void *gmux__blocks_calloc(gmux__blocks *blocks, size_t count, size_t size);
void *gmux__blocks_realloc(gmux__blocks *blocks, void *block, size_t size);
void gmux__blocks_free(gmux__blocks *blocks, void *block); /* takes NULL */
/* What nobody needed since the last time goes back to the allocator. */
void gmux__blocks_trim(gmux__blocks *blocks);
/* From now on none is kept. */
void gmux__blocks_keep_nothing(gmux__blocks *blocks);
/* Every block is back. */
void gmux__blocks_deinit(gmux__blocks *blocks);

#endif
