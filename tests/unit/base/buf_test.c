/* buf_test.c: the growing buffer, against a plain array that does the same slowly. */
#include "lib/base/alloc.h"
#include "lib/base/buf.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <string.h>

static bool holds(const gmux__buf *buf, const void *bytes, size_t len) {
  return gmux__buf_len(buf) == len && (len == 0 || memcmp(gmux__buf_data(buf), bytes, len) == 0);
}

static void bytes_come_out_as_they_went_in(void) {
  gmux__buf buf = {0};
  CU_ASSERT_PTR_NULL(gmux__buf_data(&buf));
  CU_ASSERT_EQUAL(gmux__buf_append(&buf, "hello ", 6), 0);
  CU_ASSERT_EQUAL(gmux__buf_append(&buf, NULL, 0), 0);
  CU_ASSERT_EQUAL(gmux__buf_append(&buf, "world", 5), 0);
  CU_ASSERT_TRUE(holds(&buf, "hello world", 11));
  gmux__buf_consume(&buf, 6);
  CU_ASSERT_TRUE(holds(&buf, "world", 5));
  gmux__buf_truncate(&buf, 3);
  CU_ASSERT_TRUE(holds(&buf, "wor", 3));
  gmux__buf_deinit(&buf);
  CU_ASSERT_EQUAL(gmux__buf_len(&buf), 0);
}

static void reserved_room_counts_only_when_committed(void) {
  gmux__buf buf = {0};
  uint8_t *end = gmux__buf_reserve(&buf, 100);
  CU_ASSERT_PTR_NOT_NULL_FATAL(end);
  memset(end, 'x', 100);
  CU_ASSERT_EQUAL(gmux__buf_len(&buf), 0);
  gmux__buf_commit(&buf, 3);
  CU_ASSERT_TRUE(holds(&buf, "xxx", 3));
  CU_ASSERT_PTR_EQUAL(gmux__buf_reserve(&buf, 97), end + 3);
  gmux__buf_deinit(&buf);
}

/* A fixed sequence of random appends and consumes; the model is an array with a start and an end.
 */
static void any_order_of_appends_and_consumes_keeps_the_bytes(void) {
  static uint8_t model[1 << 20];
  size_t start = 0, end = 0;
  gmux__buf buf = {0};
  uint32_t random = 12345;
  while (end < sizeof model - 600) {
    random = random * 1664525 + 1013904223;
    size_t len = (random >> 8) % 600;
    if (random >> 31) {
      for (size_t i = 0; i < len; i++)
        model[end + i] = (uint8_t)((end + i) * 7 + (end + i) / 256);
      CU_ASSERT_EQUAL_FATAL(gmux__buf_append(&buf, model + end, len), 0);
      end += len;
    } else {
      if (len > end - start) len = end - start;
      gmux__buf_consume(&buf, len);
      start += len;
    }
    CU_ASSERT_TRUE_FATAL(holds(&buf, model + start, end - start));
  }
  gmux__buf_deinit(&buf);
}

static void a_queue_that_never_runs_empty_does_not_grow_for_ever(void) {
  gmux__buf buf = {0};
  uint8_t block[100] = {0};
  CU_ASSERT_EQUAL(gmux__buf_append(&buf, block, 100), 0);
  size_t calls = test_alloc_calls();
  for (int i = 0; i < 100000; i++) {
    CU_ASSERT_EQUAL_FATAL(gmux__buf_append(&buf, block, 100), 0);
    gmux__buf_consume(&buf, 100);
  }
  CU_ASSERT_TRUE(buf.cap <= 1024);
  CU_ASSERT_TRUE(test_alloc_calls() - calls < 5);
  gmux__buf_deinit(&buf);
}

static void growing_byte_by_byte_doubles(void) {
  gmux__buf buf = {0};
  size_t calls = test_alloc_calls();
  for (int i = 0; i < 1 << 16; i++)
    CU_ASSERT_EQUAL_FATAL(gmux__buf_append(&buf, "x", 1), 0);
  CU_ASSERT_EQUAL(test_alloc_calls() - calls, 11); /* 64 << 10 is 1 << 16 */
  gmux__buf_deinit(&buf);
}

static void reserve_within_stops_growing_at_the_bound(void) {
  gmux__buf buf = {0};
  for (size_t i = 0; i < 1000; i++) {
    uint8_t *end = gmux__buf_reserve_within(&buf, 1, 1000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(end);
    *end = (uint8_t)i;
    gmux__buf_commit(&buf, 1);
    CU_ASSERT_TRUE(buf.cap <= 1000);
  }
  CU_ASSERT_EQUAL(gmux__buf_data(&buf)[999], 999 % 256);
  /* At the bound, room at the front is used even when moving costs more than it gains. */
  gmux__buf_consume(&buf, 1);
  uint8_t *end = gmux__buf_reserve_within(&buf, 1, 1000);
  CU_ASSERT_PTR_NOT_NULL_FATAL(end);
  *end = 0xee;
  gmux__buf_commit(&buf, 1);
  CU_ASSERT_EQUAL(buf.cap, 1000);
  CU_ASSERT_EQUAL(gmux__buf_len(&buf), 1000);
  CU_ASSERT_EQUAL(gmux__buf_data(&buf)[0], 1);
  CU_ASSERT_EQUAL(gmux__buf_data(&buf)[999], 0xee);
  gmux__buf_deinit(&buf);
}

/* `eaten` of 64 bytes are gone and `len` more come: how many allocations does it take? */
static size_t allocations_after(size_t eaten, size_t len) {
  uint8_t block[65] = {0};
  gmux__buf buf = {0};
  CU_ASSERT_EQUAL(gmux__buf_append(&buf, block, 64), 0);
  CU_ASSERT_EQUAL(buf.cap, 64);
  gmux__buf_consume(&buf, eaten);
  size_t calls = test_alloc_calls();
  CU_ASSERT_EQUAL(gmux__buf_append(&buf, block, len), 0);
  calls = test_alloc_calls() - calls;
  CU_ASSERT_TRUE(buf.end <= buf.cap);
  gmux__buf_deinit(&buf);
  return calls;
}

static void room_at_the_front_is_used_when_moving_pays(void) {
  CU_ASSERT_EQUAL(allocations_after(32, 32), 0); /* as much was eaten as is left to move */
  CU_ASSERT_EQUAL(allocations_after(31, 31), 1); /* less */
  CU_ASSERT_EQUAL(allocations_after(32, 33), 1); /* it does not fit */
  CU_ASSERT_EQUAL(allocations_after(1, 1), 1);
  CU_ASSERT_EQUAL(allocations_after(63, 63), 0);
  CU_ASSERT_EQUAL(allocations_after(64, 64), 0);
}

static void the_last_byte_eaten_gives_much_memory_back_and_keeps_little(void) {
  gmux__buf buf = {0};
  CU_ASSERT_PTR_NOT_NULL(gmux__buf_reserve(&buf, 64 * 1024));
  gmux__buf_commit(&buf, 10);
  gmux__buf_consume(&buf, 10);
  CU_ASSERT_EQUAL(buf.cap, 64 * 1024);
  CU_ASSERT_PTR_NOT_NULL(gmux__buf_reserve(&buf, 64 * 1024 + 1));
  gmux__buf_commit(&buf, 10);
  gmux__buf_consume(&buf, 9);
  CU_ASSERT_TRUE(buf.cap > 64 * 1024);
  gmux__buf_consume(&buf, 1);
  CU_ASSERT_EQUAL(buf.cap, 0);
  gmux__buf_deinit(&buf);
}

static void detaching_hands_out_the_memory_itself(void) {
  gmux__buf buf = {0};
  CU_ASSERT_EQUAL(gmux__buf_append(&buf, "message", 7), 0);
  const uint8_t *mem = gmux__buf_data(&buf);
  size_t calls = test_alloc_calls();
  gmux_bytes bytes;
  gmux__buf_detach(&buf, &bytes);
  CU_ASSERT_EQUAL(test_alloc_calls(), calls);
  CU_ASSERT_PTR_EQUAL(bytes.data, mem);
  CU_ASSERT_EQUAL(bytes.len, 7);
  CU_ASSERT_EQUAL(gmux__buf_len(&buf), 0);
  CU_ASSERT_EQUAL(gmux__buf_append(&buf, "next", 4), 0);
  CU_ASSERT_EQUAL(memcmp(bytes.data, "message", 7), 0);
  gmux_bytes_release(&bytes);
  gmux__buf_deinit(&buf);
}

static void detaching_what_was_eaten_into_moves_it_to_the_front(void) {
  gmux__buf buf = {0};
  CU_ASSERT_EQUAL(gmux__buf_append(&buf, "a message", 9), 0);
  gmux__buf_consume(&buf, 2);
  gmux_bytes bytes;
  gmux__buf_detach(&buf, &bytes);
  CU_ASSERT_EQUAL_FATAL(bytes.len, 7);
  CU_ASSERT_EQUAL(memcmp(bytes.data, "message", 7), 0);
  gmux_bytes_release(&bytes);
}

static void detaching_an_empty_buffer_gives_empty_bytes(void) {
  gmux__buf buf = {0};
  gmux_bytes bytes;
  gmux__buf_detach(&buf, &bytes);
  CU_ASSERT_EQUAL(bytes.len, 0);
  gmux_bytes_release(&bytes);
}

static void more_than_there_can_be_is_out_of_memory(void) {
  gmux__buf buf = {0};
  CU_ASSERT_EQUAL(gmux__buf_append(&buf, "x", 1), 0);
  CU_ASSERT_PTR_NULL(gmux__buf_reserve(&buf, SIZE_MAX));
  CU_ASSERT_TRUE(holds(&buf, "x", 1));
  gmux__buf_deinit(&buf);
}

static void append_and_eat(void *arg) {
  (void)arg;
  gmux__buf buf = {0};
  size_t start = 0, end = 0;
  uint8_t model[2000];
  for (size_t i = 0; i < sizeof model; i++)
    model[i] = (uint8_t)(i * 31);
  while (end < sizeof model) {
    int error = gmux__buf_append(&buf, model + end, 50);
    CU_ASSERT_TRUE(error == 0 || (error == GMUX_ERR_NOMEM && test_alloc_has_failed()));
    if (!error) end += 50;
    CU_ASSERT_TRUE(holds(&buf, model + start, end - start));
    if (error) continue;
    gmux__buf_consume(&buf, 10);
    start += 10;
  }
  gmux__buf_deinit(&buf);
}

static void out_of_memory_leaves_the_content(void) {
  CU_ASSERT_TRUE(test_alloc_torture(append_and_eat, NULL) > 3);
}

static const test_case cases[] = {TEST(bytes_come_out_as_they_went_in),
                                  TEST(reserved_room_counts_only_when_committed),
                                  TEST(any_order_of_appends_and_consumes_keeps_the_bytes),
                                  TEST(a_queue_that_never_runs_empty_does_not_grow_for_ever),
                                  TEST(growing_byte_by_byte_doubles),
                                  TEST(reserve_within_stops_growing_at_the_bound),
                                  TEST(room_at_the_front_is_used_when_moving_pays),
                                  TEST(the_last_byte_eaten_gives_much_memory_back_and_keeps_little),
                                  TEST(detaching_hands_out_the_memory_itself),
                                  TEST(detaching_what_was_eaten_into_moves_it_to_the_front),
                                  TEST(detaching_an_empty_buffer_gives_empty_bytes),
                                  TEST(more_than_there_can_be_is_out_of_memory),
                                  TEST(out_of_memory_leaves_the_content),
                                  TESTS_END};
const test_suite base_buf_suite = {"buf", cases, NULL, NULL};
