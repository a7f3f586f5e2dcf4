/* hoard_test.c: memory for large messages, and what is kept of it. */
#include "lib/base/hoard.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <string.h>

enum { KEEP = 1 << 20, SIZE = 64 * 1024 };

static gmux__hoard hoard;

static void setup(void) {
  gmux__hoard_init(&hoard, KEEP);
}

static void teardown(void) {
  gmux__hoard_deinit(&hoard);
}

static gmux_bytes message_of(size_t len) {
  gmux__chunk chunk = {0};
  gmux_bytes bytes;
  gmux__hoard_lend(&hoard, &chunk, len);
  CU_ASSERT_EQUAL_FATAL(gmux__chunk_grow(&chunk, len, len), 0);
  memset(chunk.data, 'm', len);
  chunk.len = len;
  gmux__chunk_detach(&chunk, &bytes);
  CU_ASSERT_PTR_NULL(chunk.data);
  return bytes;
}

static void what_is_given_back_serves_the_next_message_of_its_size(void) {
  gmux_bytes first = message_of(SIZE);
  const uint8_t *data = first.data;
  gmux__hoard_release(&hoard, &first);
  CU_ASSERT_EQUAL(first.len, 0);
  size_t calls = test_alloc_calls();
  for (int i = 0; i < 10; i++) {
    gmux_bytes next = message_of(SIZE - (size_t)i * 100);
    CU_ASSERT_PTR_EQUAL(next.data, data);
    gmux__hoard_release(&hoard, &next);
  }
  CU_ASSERT_EQUAL(test_alloc_calls(), calls);
}

static void a_size_wastes_at_most_a_quarter(void) {
  for (size_t len = GMUX__HOARD_LEAST; len < (64 << 20); len += len / 7) {
    gmux__chunk chunk = {0};
    CU_ASSERT_EQUAL_FATAL(gmux__chunk_grow(&chunk, len, len), 0);
    CU_ASSERT_TRUE(chunk.cap >= len && chunk.cap <= len + len / 4);
    gmux__chunk_deinit(&chunk);
  }
}

static void a_small_one_has_just_its_size_and_is_not_kept(void) {
  gmux__chunk chunk = {0};
  CU_ASSERT_EQUAL_FATAL(gmux__chunk_grow(&chunk, 1001, 1001), 0);
  CU_ASSERT_EQUAL(chunk.cap, 1001);
  gmux_bytes bytes;
  chunk.len = 1001;
  gmux__chunk_detach(&chunk, &bytes);
  gmux__hoard_release(&hoard, &bytes);
  CU_ASSERT_EQUAL(hoard.held, 0);
}

static void what_was_not_grown_to_the_whole_has_just_what_was_asked_for(void) {
  gmux__chunk chunk = {0};
  CU_ASSERT_EQUAL_FATAL(gmux__chunk_grow(&chunk, 20001, 1 << 30), 0);
  CU_ASSERT_EQUAL(chunk.cap, 20001);
  gmux__chunk_deinit(&chunk);
}

static void growing_keeps_what_is_there_and_failing_too(void) {
  gmux__chunk chunk = {0};
  CU_ASSERT_EQUAL_FATAL(gmux__chunk_grow(&chunk, 3, SIZE), 0);
  memcpy(chunk.data, "abc", 3);
  chunk.len = 3;
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux__chunk_grow(&chunk, SIZE, SIZE), GMUX_ERR_NOMEM);
  test_alloc_fail_at(0);
  CU_ASSERT_EQUAL(chunk.cap, 3);
  CU_ASSERT_EQUAL_FATAL(gmux__chunk_grow(&chunk, SIZE, SIZE), 0);
  CU_ASSERT_EQUAL(memcmp(chunk.data, "abc", 3), 0);
  gmux__chunk_deinit(&chunk);
}

static void a_much_larger_one_is_kept_for_others(void) {
  gmux_bytes large = message_of(KEEP);
  gmux__hoard_release(&hoard, &large);
  CU_ASSERT_EQUAL(hoard.held, KEEP);
  gmux__chunk chunk = {0};
  gmux__hoard_lend(&hoard, &chunk, SIZE);
  CU_ASSERT_PTR_NULL(chunk.data);
}

static void no_more_is_kept_than_it_may(void) {
  enum { MANY = 40 };
  gmux_bytes messages[MANY];
  for (int i = 0; i < MANY; i++)
    messages[i] = message_of(SIZE);
  for (int i = 0; i < MANY; i++)
    gmux__hoard_release(&hoard, &messages[i]);
  CU_ASSERT_EQUAL(hoard.held, KEEP);
}

static void what_was_not_needed_since_the_last_time_goes_back(void) {
  gmux_bytes messages[4];
  for (int i = 0; i < 4; i++)
    messages[i] = message_of(SIZE);
  for (int i = 0; i < 4; i++)
    gmux__hoard_release(&hoard, &messages[i]);
  CU_ASSERT_TRUE(gmux__hoard_trim(&hoard)); /* all were needed a moment ago */
  CU_ASSERT_EQUAL(hoard.held, 4 * SIZE);
  gmux_bytes one = message_of(SIZE);
  gmux__hoard_release(&hoard, &one);
  CU_ASSERT_TRUE(gmux__hoard_trim(&hoard));
  CU_ASSERT_EQUAL(hoard.held, SIZE);
  CU_ASSERT_FALSE(gmux__hoard_trim(&hoard));
  CU_ASSERT_EQUAL(hoard.held, 0);
}

static void a_message_outlives_its_hoard(void) {
  gmux_bytes kept = message_of(SIZE);
  gmux__hoard_deinit(&hoard);
  CU_ASSERT_EQUAL(kept.data[SIZE - 1], 'm');
  gmux_bytes_release(&kept);
}

static size_t released;
static void on_release(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data;
  released += len;
}

static void what_is_no_chunk_is_released_as_ever(void) {
  released = 0;
  gmux_bytes bytes = gmux_bytes_wrap("abc", 3, on_release, NULL);
  gmux__hoard_release(&hoard, &bytes);
  CU_ASSERT_EQUAL(released, 3);
  gmux_bytes borrowed = gmux_bytes_borrow("abc", 3);
  gmux__hoard_release(&hoard, &borrowed);
  gmux_bytes chunk = message_of(SIZE);
  gmux__hoard_release(NULL, &chunk);
  CU_ASSERT_EQUAL(chunk.len, 0);
  CU_ASSERT_EQUAL(hoard.held, 0);
}

static const test_case cases[] = {
    TEST(what_is_given_back_serves_the_next_message_of_its_size),
    TEST(a_size_wastes_at_most_a_quarter),
    TEST(a_small_one_has_just_its_size_and_is_not_kept),
    TEST(what_was_not_grown_to_the_whole_has_just_what_was_asked_for),
    TEST(growing_keeps_what_is_there_and_failing_too),
    TEST(a_much_larger_one_is_kept_for_others),
    TEST(no_more_is_kept_than_it_may),
    TEST(what_was_not_needed_since_the_last_time_goes_back),
    TEST(a_message_outlives_its_hoard),
    TEST(what_is_no_chunk_is_released_as_ever),
    TESTS_END,
};

extern const test_suite base_hoard_suite;
const test_suite base_hoard_suite = {"hoard", cases, setup, teardown};
