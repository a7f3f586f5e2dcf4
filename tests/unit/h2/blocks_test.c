#include "lib/h2/blocks.h"
#include "tests/unit/harness.h"
#include <stddef.h>
#include <string.h>

static gmux__blocks blocks;

static bool is_aligned(const void *block) {
  return (uintptr_t)block % _Alignof(max_align_t) == 0;
}

static bool holds(const uint8_t *block, size_t len, int byte) {
  for (size_t i = 0; i < len; i++)
    if (block[i] != byte) return false;
  return true;
}

static void a_block_of_any_size_is_aligned_and_whole(void) {
  gmux__blocks_init(&blocks);
  for (size_t size = 0; size < 600; size++) {
    uint8_t *one = gmux__blocks_malloc(&blocks, size), *two = gmux__blocks_malloc(&blocks, size);
    CU_ASSERT_TRUE_FATAL(one && two && is_aligned(one) && is_aligned(two));
    memset(one, 1, size);
    memset(two, 2, size);
    CU_ASSERT_TRUE(holds(one, size, 1));
    gmux__blocks_free(&blocks, one);
    gmux__blocks_free(&blocks, two);
  }
  gmux__blocks_deinit(&blocks);
}

static void a_block_that_was_used_before_is_zeroed_again(void) {
  gmux__blocks_init(&blocks);
  for (size_t size = 1; size < 600; size += 7) {
    void *used = gmux__blocks_malloc(&blocks, size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(used);
    memset(used, 0xff, size);
    gmux__blocks_free(&blocks, used);
    uint8_t *zeroed = gmux__blocks_calloc(&blocks, 1, size);
    CU_ASSERT_TRUE_FATAL(zeroed && holds(zeroed, size, 0));
    gmux__blocks_free(&blocks, zeroed);
  }
  gmux__blocks_deinit(&blocks);
}

static void a_block_keeps_its_bytes_as_it_grows_and_shrinks(void) {
  gmux__blocks_init(&blocks);
  uint8_t *block = gmux__blocks_realloc(&blocks, NULL, 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(block);
  block[0] = 0;
  size_t len = 1;
  for (; len < 1200; len++) {
    block = gmux__blocks_realloc(&blocks, block, len + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    block[len] = (uint8_t)len;
  }
  block = gmux__blocks_realloc(&blocks, block, 10);
  for (size_t i = 0; i < 10; i++)
    CU_ASSERT_EQUAL(block[i], i);
  gmux__blocks_free(&blocks, block);
  gmux__blocks_free(&blocks, NULL);
  gmux__blocks_deinit(&blocks);
}

static void sizes_that_overflow_are_refused(void) {
  gmux__blocks_init(&blocks);
  CU_ASSERT_PTR_NULL(gmux__blocks_malloc(&blocks, SIZE_MAX));
  CU_ASSERT_PTR_NULL(gmux__blocks_calloc(&blocks, SIZE_MAX / 2, 4));
  void *block = gmux__blocks_malloc(&blocks, 10);
  CU_ASSERT_PTR_NULL(gmux__blocks_realloc(&blocks, block, SIZE_MAX));
  gmux__blocks_free(&blocks, block);
  gmux__blocks_deinit(&blocks);
}

static void a_block_that_cannot_grow_stays_as_it_was(void) {
  gmux__blocks_init(&blocks);
  uint8_t *block = gmux__blocks_malloc(&blocks, 40);
  CU_ASSERT_PTR_NOT_NULL_FATAL(block);
  memset(block, 7, 40);
  test_alloc_fail_at(1);
  CU_ASSERT_PTR_NULL(gmux__blocks_realloc(&blocks, block, 1000));
  test_alloc_fail_at(0);
  CU_ASSERT_TRUE(holds(block, 40, 7));
  gmux__blocks_free(&blocks, block);
  gmux__blocks_deinit(&blocks);
}

static const test_case cases[] = {TEST(a_block_of_any_size_is_aligned_and_whole),
                                  TEST(a_block_that_was_used_before_is_zeroed_again),
                                  TEST(a_block_keeps_its_bytes_as_it_grows_and_shrinks),
                                  TEST(sizes_that_overflow_are_refused),
                                  TEST(a_block_that_cannot_grow_stays_as_it_was),
                                  TESTS_END};

extern const test_suite h2_blocks_suite;
const test_suite h2_blocks_suite = {"blocks", cases, NULL, NULL};
