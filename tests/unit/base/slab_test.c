/* slab_test.c: the free list. */
#include "lib/base/alloc.h"
#include "lib/base/slab.h"
#include "tests/unit/harness.h"
#include <string.h>

enum { SIZE = 48 };

static bool is_zero(const void *object) {
  static const char zeros[SIZE];
  return memcmp(object, zeros, SIZE) == 0;
}

static void objects_come_zeroed_also_when_used_before(void) {
  gmux__slab slab;
  gmux__slab_init(&slab, SIZE, 4);
  void *object = gmux__slab_get(&slab);
  CU_ASSERT_PTR_NOT_NULL_FATAL(object);
  CU_ASSERT_TRUE(is_zero(object));
  memset(object, 0xff, SIZE);
  gmux__slab_put(&slab, object);
  void *again = gmux__slab_get(&slab);
  CU_ASSERT_PTR_EQUAL(again, object);
  CU_ASSERT_TRUE(is_zero(again));
  gmux__slab_put(&slab, again);
  gmux__slab_deinit(&slab);
}

static void the_steady_path_does_not_allocate(void) {
  gmux__slab slab;
  gmux__slab_init(&slab, SIZE, 4);
  void *objects[4];
  for (int i = 0; i < 4; i++)
    objects[i] = gmux__slab_get(&slab);
  for (int i = 0; i < 4; i++)
    gmux__slab_put(&slab, objects[i]);
  size_t calls = test_alloc_calls();
  for (int round = 0; round < 100; round++) {
    for (int i = 0; i < 4; i++)
      CU_ASSERT_PTR_NOT_NULL(objects[i] = gmux__slab_get(&slab));
    for (int i = 0; i < 4; i++)
      gmux__slab_put(&slab, objects[i]);
  }
  CU_ASSERT_EQUAL(test_alloc_calls(), calls);
  gmux__slab_deinit(&slab);
}

static void raw_objects_are_the_held_ones_as_they_were_left(void) {
  gmux__slab slab;
  gmux__slab_init(&slab, SIZE, 2);
  char *object = gmux__slab_get_raw(&slab);
  CU_ASSERT_PTR_NOT_NULL_FATAL(object);
  memset(object, 0xff, SIZE);
  gmux__slab_put(&slab, object);
  char *again = gmux__slab_get_raw(&slab);
  CU_ASSERT_PTR_EQUAL(again, object);
  CU_ASSERT_EQUAL(again[SIZE - 1], (char)0xff);
  gmux__slab_put(&slab, again);
  gmux__slab_deinit(&slab);
}

static void no_more_than_keep_free_objects_are_held(void) {
  gmux__slab slab;
  gmux__slab_init(&slab, SIZE, 2);
  size_t live = test_alloc_live();
  void *objects[5];
  for (int i = 0; i < 5; i++)
    objects[i] = gmux__slab_get(&slab);
  CU_ASSERT_EQUAL(test_alloc_live(), live + 5);
  for (int i = 0; i < 5; i++)
    gmux__slab_put(&slab, objects[i]);
  CU_ASSERT_EQUAL(test_alloc_live(), live + 2);
  gmux__slab_deinit(&slab);
  CU_ASSERT_EQUAL(test_alloc_live(), live);
}

static void fill(gmux__slab *slab, size_t count) {
  void *objects[8];
  for (size_t i = 0; i < count; i++)
    objects[i] = gmux__slab_get(slab);
  for (size_t i = 0; i < count; i++)
    gmux__slab_put(slab, objects[i]);
}

static void what_nobody_needed_since_the_last_time_is_given_back(void) {
  gmux__slab slab;
  gmux__slab_init(&slab, SIZE, 8);
  size_t live = test_alloc_live();
  fill(&slab, 8);
  CU_ASSERT_TRUE(gmux__slab_trim(&slab)); /* all were needed, and are held only since then */
  CU_ASSERT_EQUAL(test_alloc_live(), live + 8);
  fill(&slab, 3);
  CU_ASSERT_TRUE(gmux__slab_trim(&slab));
  CU_ASSERT_EQUAL(test_alloc_live(), live + 3);
  fill(&slab, 3);
  CU_ASSERT_TRUE(gmux__slab_trim(&slab));
  CU_ASSERT_EQUAL(test_alloc_live(), live + 3);
  CU_ASSERT_FALSE(gmux__slab_trim(&slab));
  CU_ASSERT_EQUAL(test_alloc_live(), live);
  gmux__slab_deinit(&slab);
}

static void memory_may_come_from_calloc_and_go_to_free(void) {
  gmux__slab slab;
  gmux__slab_init(&slab, SIZE, 2);
  size_t live = test_alloc_live();
  gmux__slab_put(&slab, gmux__calloc(1, SIZE));
  gmux__free(gmux__slab_get(&slab));
  gmux__slab_put(&slab, NULL);
  CU_ASSERT_EQUAL(test_alloc_live(), live);
  gmux__slab_deinit(&slab);
}

static void without_memory_get_is_null_and_held_ones_still_come(void) {
  gmux__slab slab;
  gmux__slab_init(&slab, SIZE, 2);
  gmux__slab_put(&slab, gmux__calloc(1, SIZE));
  test_alloc_fail_at(1);
  void *object = gmux__slab_get(&slab);
  CU_ASSERT_PTR_NOT_NULL(object);
  CU_ASSERT_PTR_NULL(gmux__slab_get(&slab));
  gmux__slab_put(&slab, object);
  gmux__slab_deinit(&slab);
}

static const test_case cases[] = {TEST(objects_come_zeroed_also_when_used_before),
                                  TEST(the_steady_path_does_not_allocate),
                                  TEST(raw_objects_are_the_held_ones_as_they_were_left),
                                  TEST(no_more_than_keep_free_objects_are_held),
                                  TEST(what_nobody_needed_since_the_last_time_is_given_back),
                                  TEST(memory_may_come_from_calloc_and_go_to_free),
                                  TEST(without_memory_get_is_null_and_held_ones_still_come),
                                  TESTS_END};
const test_suite base_slab_suite = {"slab", cases, NULL, NULL};
