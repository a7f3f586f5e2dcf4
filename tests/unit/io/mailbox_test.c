/* mailbox_test.c: what one thread puts in, another gets. */
#include "lib/base/fail.h"
#include "lib/io/mailbox.h"
#include "tests/unit/harness.h"
#include <pthread.h>
#include <string.h>

static gmux__mailbox *box;

static void setup(void) {
  box = NULL;
  CU_ASSERT_EQUAL(gmux__mailbox_new(&box), 0);
}

static void teardown(void) {
  gmux__mailbox_free(box);
}

static int put(const char *text) {
  gmux_bytes message = gmux_bytes_borrow(text, strlen(text));
  return gmux__mailbox_put(box, &message, false);
}

static void expect_get(const char *text) {
  gmux_bytes got = {.data = NULL};
  CU_ASSERT_EQUAL(gmux__mailbox_get(box, &got, NULL), 0);
  CU_ASSERT_EQUAL(got.len, strlen(text));
  CU_ASSERT_TRUE(got.len == strlen(text) && memcmp(got.data, text, got.len) == 0);
  gmux_bytes_release(&got);
}

static void messages_come_out_in_order(void) {
  CU_ASSERT_EQUAL(put("one"), 0);
  CU_ASSERT_EQUAL(put("two"), 0);
  expect_get("one");
  CU_ASSERT_EQUAL(put("three"), 0);
  expect_get("two");
  expect_get("three");
}

static void a_mark_comes_out_with_its_message(void) {
  gmux_bytes plain = gmux_bytes_borrow("plain", 5), marked = gmux_bytes_borrow("marked", 6), got;
  CU_ASSERT_EQUAL(gmux__mailbox_put(box, &marked, true), 0);
  CU_ASSERT_EQUAL(gmux__mailbox_put(box, &plain, false), 0);
  bool mark = false;
  CU_ASSERT_EQUAL(gmux__mailbox_get(box, &got, &mark), 0);
  CU_ASSERT_TRUE(mark);
  gmux_bytes_release(&got);
  CU_ASSERT_EQUAL(gmux__mailbox_get(box, &got, &mark), 0);
  CU_ASSERT_FALSE(mark);
  gmux_bytes_release(&got);
}

static void no_more_comes_behind_the_last_message(void) {
  put("last");
  gmux__mailbox_set(box, GMUX__BOX_NO_MORE);
  expect_get("last");
  gmux_bytes got;
  CU_ASSERT_EQUAL(gmux__mailbox_get(box, &got, NULL), GMUX_ERR_EOF);
  CU_ASSERT_EQUAL(gmux__mailbox_get(box, &got, NULL), GMUX_ERR_EOF);
}

static int releases;

static void count_release(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data, (void)len;
  releases++;
}

static void owned_bytes_move_in_and_unread_ones_are_released(void) {
  static const char text[] = "text";
  gmux_bytes message = gmux_bytes_wrap(text, 4, count_release, NULL);
  releases = 0;
  CU_ASSERT_EQUAL(gmux__mailbox_put(box, &message, false), 0);
  CU_ASSERT_PTR_NULL(message.release); /* the caller's is empty */
  CU_ASSERT_EQUAL(releases, 0);
  teardown();
  CU_ASSERT_EQUAL(releases, 1);
  box = NULL; /* NULL may be freed too: by teardown */
}

static void without_memory_nothing_moves(void) {
  static const char text[] = "text";
  gmux_bytes message = gmux_bytes_wrap(text, 4, count_release, NULL);
  releases = 0;
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux__mailbox_put(box, &message, false), GMUX_ERR_NOMEM);
  CU_ASSERT_EQUAL(message.len, 4);
  gmux_bytes_release(&message);
  CU_ASSERT_EQUAL(releases, 1);
  test_alloc_fail_at(2); /* the copy of what is borrowed */
  CU_ASSERT_EQUAL(put("borrowed"), GMUX_ERR_NOMEM);
  gmux__mailbox *none = NULL;
  test_alloc_fail_at(1);
  CU_ASSERT_EQUAL(gmux__mailbox_new(&none), GMUX_ERR_NOMEM);
  CU_ASSERT_PTR_NULL(none);
}

static void flags_stay_up_until_they_are_cleared(void) {
  CU_ASSERT_EQUAL(gmux__mailbox_wait(box, GMUX__BOX_WRITABLE, 0), 0);
  gmux__mailbox_set(box, GMUX__BOX_WRITABLE | GMUX__BOX_HEADERS);
  CU_ASSERT_EQUAL(gmux__mailbox_wait(box, GMUX__BOX_WRITABLE, -1),
                  GMUX__BOX_WRITABLE | GMUX__BOX_HEADERS);
  CU_ASSERT_EQUAL(gmux__mailbox_wait(box, GMUX__BOX_END, 0), 0);
  gmux__mailbox_clear(box, GMUX__BOX_WRITABLE);
  CU_ASSERT_EQUAL(gmux__mailbox_wait(box, GMUX__BOX_WRITABLE, 0), 0);
  CU_ASSERT_EQUAL(gmux__mailbox_wait(box, GMUX__BOX_WRITABLE | GMUX__BOX_HEADERS, 0),
                  GMUX__BOX_HEADERS);
}

static void a_wait_ends_when_its_time_is_up(void) {
  gmux__mailbox_set(box, GMUX__BOX_HEADERS); /* not what is waited for */
  CU_ASSERT_EQUAL(gmux__mailbox_wait(box, GMUX__BOX_END, 1), 0);
}

static void the_longest_wait_does_not_overflow(void) {
  gmux__mailbox_set(box, GMUX__BOX_END);
  CU_ASSERT_EQUAL(gmux__mailbox_wait(box, GMUX__BOX_END, INT64_MAX), GMUX__BOX_END);
}

/* ---- two threads ---- */

enum { MANY = 10000 };

static void *put_many(void *arg) {
  (void)arg;
  for (uint32_t i = 0; i < MANY; i++) {
    gmux_bytes message = gmux_bytes_borrow(&i, sizeof i);
    if (gmux__mailbox_put(box, &message, false)) return NULL;
  }
  gmux__mailbox_set(box, GMUX__BOX_NO_MORE);
  return NULL;
}

static void a_reader_waits_for_a_writer(void) {
  pthread_t thread;
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, put_many, NULL), 0);
  uint32_t expected = 0, wrong = 0;
  gmux_bytes got;
  while (gmux__mailbox_get(box, &got, NULL) == 0) {
    if (got.len != sizeof expected || memcmp(got.data, &expected, sizeof expected) != 0) wrong++;
    expected++;
    gmux_bytes_release(&got);
  }
  pthread_join(thread, NULL);
  CU_ASSERT_EQUAL(expected, MANY);
  CU_ASSERT_EQUAL(wrong, 0);
}

/* Raises one flag and lowers the other, each time it sees its own. */
static void *answer_flags(void *arg) {
  (void)arg;
  for (int i = 0; i < 1000; i++) {
    gmux__mailbox_wait(box, GMUX__BOX_HEADERS, -1);
    gmux__mailbox_clear(box, GMUX__BOX_HEADERS);
    gmux__mailbox_set(box, GMUX__BOX_WRITABLE);
  }
  return NULL;
}

static void a_wait_is_woken_by_its_flag(void) {
  pthread_t thread;
  int answers = 0;
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, answer_flags, NULL), 0);
  for (int i = 0; i < 1000; i++) {
    gmux__mailbox_set(box, GMUX__BOX_HEADERS);
    if (gmux__mailbox_wait(box, GMUX__BOX_WRITABLE, 3600 * 1000)) answers++;
    gmux__mailbox_clear(box, GMUX__BOX_WRITABLE);
  }
  pthread_join(thread, NULL);
  CU_ASSERT_EQUAL(answers, 1000);
}

static const test_case cases[] = {
    TEST(messages_come_out_in_order),
    TEST(a_mark_comes_out_with_its_message),
    TEST(no_more_comes_behind_the_last_message),
    TEST(owned_bytes_move_in_and_unread_ones_are_released),
    TEST(without_memory_nothing_moves),
    TEST(flags_stay_up_until_they_are_cleared),
    TEST(a_wait_ends_when_its_time_is_up),
    TEST(the_longest_wait_does_not_overflow),
    TEST(a_reader_waits_for_a_writer),
    TEST(a_wait_is_woken_by_its_flag),
    TESTS_END,
};

const test_suite io_mailbox_suite = {"mailbox", cases, setup, teardown};
