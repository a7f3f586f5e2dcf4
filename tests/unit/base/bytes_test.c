/* bytes_test.c: who frees what. */
#include "tests/unit/harness.h"
#include <gmux/alloc.h>
#include <gmux/bytes.h>
#include <gmux/error.h>
#include <string.h>

static const uint8_t text[] = "some bytes";

/* What the release function was called with. */
static struct {
  int calls;
  const uint8_t *data;
  size_t len;
} released;

static void note_release(void *arg, const uint8_t *data, size_t len) {
  CU_ASSERT_PTR_EQUAL(arg, &released);
  released.calls++;
  released.data = data;
  released.len = len;
}

static gmux_bytes wrapped(void) {
  memset(&released, 0, sizeof released);
  return gmux_bytes_wrap(text, sizeof text, note_release, &released);
}

static bool is_empty(const gmux_bytes *bytes) {
  return !bytes->data && bytes->len == 0 && !bytes->release && !bytes->release_arg;
}

static void borrowed_bytes_are_neither_copied_nor_freed(void) {
  gmux_bytes bytes = gmux_bytes_borrow(text, sizeof text);
  CU_ASSERT_PTR_EQUAL(bytes.data, text);
  CU_ASSERT_EQUAL(bytes.len, sizeof text);
  CU_ASSERT_PTR_NULL(bytes.release);
  gmux_bytes_release(&bytes);
  gmux_bytes_release(NULL);
  CU_ASSERT_PTR_EQUAL(bytes.data, text);
}

static void a_copy_is_owned(void) {
  gmux_bytes copy;
  CU_ASSERT_EQUAL_FATAL(gmux_bytes_copy(&copy, text, sizeof text), 0);
  CU_ASSERT_PTR_NOT_EQUAL(copy.data, text);
  CU_ASSERT_EQUAL_FATAL(copy.len, sizeof text);
  CU_ASSERT_EQUAL(memcmp(copy.data, text, sizeof text), 0);
  gmux_bytes_release(&copy);
  CU_ASSERT_TRUE(is_empty(&copy));
}

static void a_copy_of_nothing_costs_nothing(void) {
  size_t calls = test_alloc_calls();
  gmux_bytes copy;
  CU_ASSERT_EQUAL(gmux_bytes_copy(&copy, NULL, 0), 0);
  CU_ASSERT_EQUAL(test_alloc_calls(), calls);
  CU_ASSERT_TRUE(is_empty(&copy));
  gmux_bytes_release(&copy);
}

static void own_takes_a_buffer_from_gmux_malloc(void) {
  size_t live = test_alloc_live();
  void *buffer = gmux_malloc(4);
  CU_ASSERT_PTR_NOT_NULL_FATAL(buffer);
  gmux_bytes bytes = gmux_bytes_own(buffer, 4);
  CU_ASSERT_PTR_EQUAL(bytes.data, buffer);
  gmux_bytes_release(&bytes);
  CU_ASSERT_EQUAL(test_alloc_live(), live);
  bytes = gmux_bytes_own(NULL, 0);
  gmux_bytes_release(&bytes);
}

static void the_release_function_is_called_once_with_the_bytes(void) {
  gmux_bytes bytes = wrapped();
  gmux_bytes_release(&bytes);
  gmux_bytes_release(&bytes);
  CU_ASSERT_EQUAL(released.calls, 1);
  CU_ASSERT_PTR_EQUAL(released.data, text);
  CU_ASSERT_EQUAL(released.len, sizeof text);
  CU_ASSERT_TRUE(is_empty(&bytes));
}

static void owned_bytes_of_no_length_are_released_too(void) {
  memset(&released, 0, sizeof released);
  gmux_bytes bytes = gmux_bytes_wrap(text, 0, note_release, &released), taken;
  CU_ASSERT_EQUAL(gmux_bytes_take(&taken, &bytes), 0);
  gmux_bytes_release(&taken);
  CU_ASSERT_EQUAL(released.calls, 1);
}

static void taking_owned_bytes_moves_them(void) {
  gmux_bytes from = wrapped(), to;
  CU_ASSERT_EQUAL(gmux_bytes_take(&to, &from), 0);
  CU_ASSERT_TRUE(is_empty(&from));
  CU_ASSERT_PTR_EQUAL(to.data, text);
  gmux_bytes_release(&from);
  CU_ASSERT_EQUAL(released.calls, 0);
  gmux_bytes_release(&to);
  CU_ASSERT_EQUAL(released.calls, 1);
}

static void taking_borrowed_bytes_copies_them(void) {
  gmux_bytes from = gmux_bytes_borrow(text, sizeof text), to;
  CU_ASSERT_EQUAL_FATAL(gmux_bytes_take(&to, &from), 0);
  CU_ASSERT_PTR_EQUAL(from.data, text); /* to be used again */
  CU_ASSERT_EQUAL(from.len, sizeof text);
  CU_ASSERT_PTR_NOT_EQUAL(to.data, text);
  CU_ASSERT_EQUAL(memcmp(to.data, text, sizeof text), 0);
  gmux_bytes_release(&to);
}

static void bytes_can_be_taken_in_place(void) {
  gmux_bytes bytes = gmux_bytes_borrow(text, sizeof text);
  CU_ASSERT_EQUAL_FATAL(gmux_bytes_take(&bytes, &bytes), 0);
  CU_ASSERT_PTR_NOT_NULL(bytes.release);
  CU_ASSERT_EQUAL(bytes.len, sizeof text);
  gmux_bytes_release(&bytes);
  bytes = wrapped();
  CU_ASSERT_EQUAL(gmux_bytes_take(&bytes, &bytes), 0);
  CU_ASSERT_PTR_EQUAL(bytes.data, text);
  gmux_bytes_release(&bytes);
  CU_ASSERT_EQUAL(released.calls, 1);
}

static void without_memory_nothing_changes_hands(void) {
  gmux_bytes from = gmux_bytes_borrow(text, sizeof text), to = gmux_bytes_borrow("x", 1);
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux_bytes_take(&to, &from), GMUX_ERR_NOMEM);
  CU_ASSERT_PTR_EQUAL(from.data, text);
  CU_ASSERT_EQUAL(to.len, 1);
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux_bytes_copy(&to, text, sizeof text), GMUX_ERR_NOMEM);
  CU_ASSERT_EQUAL(to.len, 1);
}

static void a_null_is_refused_in_words(void) {
  gmux_bytes bytes = gmux_bytes_borrow(text, 1);
  CU_ASSERT_EQUAL(gmux_bytes_copy(NULL, text, 1), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "gmux_bytes_copy: out is NULL");
  CU_ASSERT_EQUAL(gmux_bytes_copy(&bytes, NULL, 1), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "gmux_bytes_copy: data is NULL");
  CU_ASSERT_EQUAL(gmux_bytes_take(NULL, &bytes), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "gmux_bytes_take: out is NULL");
  CU_ASSERT_EQUAL(gmux_bytes_take(&bytes, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "gmux_bytes_take: from is NULL");
  CU_ASSERT_PTR_EQUAL(bytes.data, text);
}

static const test_case cases[] = {TEST(borrowed_bytes_are_neither_copied_nor_freed),
                                  TEST(a_copy_is_owned),
                                  TEST(a_copy_of_nothing_costs_nothing),
                                  TEST(own_takes_a_buffer_from_gmux_malloc),
                                  TEST(the_release_function_is_called_once_with_the_bytes),
                                  TEST(owned_bytes_of_no_length_are_released_too),
                                  TEST(taking_owned_bytes_moves_them),
                                  TEST(taking_borrowed_bytes_copies_them),
                                  TEST(bytes_can_be_taken_in_place),
                                  TEST(without_memory_nothing_changes_hands),
                                  TEST(a_null_is_refused_in_words),
                                  TESTS_END};
const test_suite base_bytes_suite = {"bytes", cases, NULL, NULL};
