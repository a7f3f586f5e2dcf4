/* alloc_test.c: the allocator hook and its helpers. */
#include "lib/base/alloc.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

static void a_request_of_zero_bytes_is_not_out_of_memory(void) {
  void *blocks[] = {gmux__malloc(0),        gmux__calloc(0, 8),    gmux__calloc(8, 0),
                    gmux__realloc(NULL, 0), gmux__memdup(NULL, 0), gmux_malloc(0)};
  for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
    CU_ASSERT_PTR_NOT_NULL(blocks[i]);
    gmux_free(blocks[i]);
  }
  gmux__free(NULL);
}

static void realloc_to_zero_bytes_keeps_a_block(void) {
  void *block = gmux__realloc(gmux__malloc(8), 0);
  CU_ASSERT_PTR_NOT_NULL(block);
  gmux__free(block);
}

static void strndup_copies_so_many_bytes_and_a_zero(void) {
  char *copy = gmux__strndup("ab\0cd", 4);
  CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
  CU_ASSERT_EQUAL(memcmp(copy, "ab\0c", 5), 0);
  gmux__free(copy);
  copy = gmux__strndup(NULL, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
  CU_ASSERT_STRING_EQUAL(copy, "");
  gmux__free(copy);
  copy = gmux__strdup("target");
  CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
  CU_ASSERT_STRING_EQUAL(copy, "target");
  gmux__free(copy);
}

static void strndup_of_all_there_could_be_is_out_of_memory(void) {
  CU_ASSERT_PTR_NULL(gmux__strndup("", SIZE_MAX));
}

static void memdup_copies_zeros_too(void) {
  char *copy = gmux__memdup("a\0b", 4);
  CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
  CU_ASSERT_EQUAL(memcmp(copy, "a\0b", 4), 0);
  gmux__free(copy);
}

static void each_function_reports_out_of_memory_as_null(void) {
  test_alloc_fail_at(1);
  CU_ASSERT_PTR_NULL(gmux__malloc(1));
  test_alloc_fail_at(1);
  CU_ASSERT_PTR_NULL(gmux__calloc(1, 1));
  test_alloc_fail_at(1);
  CU_ASSERT_PTR_NULL(gmux__strdup("a"));
  test_alloc_fail_at(1);
  CU_ASSERT_PTR_NULL(gmux__strndup("a", 1));
  test_alloc_fail_at(1);
  CU_ASSERT_PTR_NULL(gmux__memdup("a", 1));
  test_alloc_fail_at(1);
  CU_ASSERT_PTR_NULL(gmux_malloc(1));
  void *block = gmux__malloc(1);
  test_alloc_fail_at(1);
  CU_ASSERT_PTR_NULL(gmux__realloc(block, 2));
  gmux__free(block);
}

/* An allocator that marks whose memory it is by counting into user_data. */
static void *counting_malloc(size_t size, void *user_data) {
  ++*(int *)user_data;
  return malloc(size);
}
static void *counting_calloc(size_t count, size_t size, void *user_data) {
  ++*(int *)user_data;
  return calloc(count, size);
}
static void *counting_realloc(void *ptr, size_t size, void *user_data) {
  ++*(int *)user_data;
  return realloc(ptr, size);
}
static void counting_free(void *ptr, void *user_data) {
  --*(int *)user_data;
  free(ptr);
}

static void all_memory_comes_from_the_allocator_that_was_set(void) {
  gmux_allocator before = *gmux__allocator();
  int count = 0;
  gmux_allocator counting = {counting_malloc, counting_calloc, counting_realloc, counting_free,
                             &count};
  CU_ASSERT_EQUAL(gmux_set_allocator(&counting), 0);
  counting.free = NULL; /* it was copied */
  void *block = gmux__realloc(gmux__malloc(1), 2);
  void *other = gmux__calloc(1, 1);
  CU_ASSERT_EQUAL(count, 3);
  gmux__free(block);
  gmux_free(other);
  CU_ASSERT_EQUAL(count, 1);
  CU_ASSERT_EQUAL(gmux_set_allocator(&before), 0);
}

static void null_gives_the_c_librarys_allocator_back(void) {
  gmux_allocator before = *gmux__allocator();
  size_t calls = test_alloc_calls();
  CU_ASSERT_EQUAL(gmux_set_allocator(NULL), 0);
  void *block = gmux__realloc(gmux__malloc(1), 2);
  void *other = gmux__calloc(1, 1);
  CU_ASSERT_PTR_NOT_NULL(block);
  CU_ASSERT_PTR_NOT_NULL(other);
  CU_ASSERT_EQUAL(test_alloc_calls(), calls);
  gmux__free(block);
  gmux__free(other);
  CU_ASSERT_EQUAL(gmux_set_allocator(&before), 0);
}

static void an_allocator_that_lacks_a_function_is_refused(void) {
  const gmux_allocator before = *gmux__allocator();
  for (int missing = 0; missing < 4; missing++) {
    gmux_allocator broken = before;
    if (missing == 0) broken.malloc = NULL;
    if (missing == 1) broken.calloc = NULL;
    if (missing == 2) broken.realloc = NULL;
    if (missing == 3) broken.free = NULL;
    CU_ASSERT_EQUAL(gmux_set_allocator(&broken), GMUX_ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "realloc"));
    CU_ASSERT_PTR_EQUAL(gmux__allocator()->malloc, before.malloc);
    CU_ASSERT_PTR_EQUAL(gmux__allocator()->free, before.free);
  }
}

static const test_case cases[] = {TEST(a_request_of_zero_bytes_is_not_out_of_memory),
                                  TEST(realloc_to_zero_bytes_keeps_a_block),
                                  TEST(strndup_copies_so_many_bytes_and_a_zero),
                                  TEST(strndup_of_all_there_could_be_is_out_of_memory),
                                  TEST(memdup_copies_zeros_too),
                                  TEST(each_function_reports_out_of_memory_as_null),
                                  TEST(all_memory_comes_from_the_allocator_that_was_set),
                                  TEST(null_gives_the_c_librarys_allocator_back),
                                  TEST(an_allocator_that_lacks_a_function_is_refused),
                                  TESTS_END};
const test_suite base_alloc_suite = {"alloc", cases, NULL, NULL};
