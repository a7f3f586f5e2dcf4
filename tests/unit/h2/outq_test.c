#include "lib/base/alloc.h"
#include "lib/h2/outq.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <string.h>

/* A transport that takes `take` bytes a write and keeps them. */
static uint8_t taken[1 << 20];
static size_t taken_len, take;
static unsigned slices_seen;

static ptrdiff_t on_write(gmux__transport *t, const gmux__slice *slices, size_t count) {
  (void)t;
  size_t n = 0;
  slices_seen = (unsigned)count;
  for (size_t i = 0; i < count && n < take; i++) {
    size_t len = slices[i].len < take - n ? slices[i].len : take - n;
    memcpy(taken + taken_len, slices[i].data, len);
    taken_len += len;
    n += len;
  }
  return n ? (ptrdiff_t)n : GMUX_ERR_AGAIN;
}

static const gmux__transport_ops ops = {.write = on_write};
static gmux__transport transport = {.ops = &ops};
static gmux__outmsg_pool pool;
static gmux__outq q;
static size_t released;

static void setup(void) {
  taken_len = 0;
  take = sizeof taken;
  released = 0;
  gmux__outmsg_pool_init(&pool, GMUX__OUTMSG_SMALL_SIZE, 4, NULL);
  memset(&q, 0, sizeof q);
}

static void teardown(void) {
  gmux__outq_deinit(&q);
  gmux__outmsg_pool_deinit(&pool);
}

static void on_release(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data;
  released += len;
}

static gmux__outmsg *message(const void *data, size_t len) {
  gmux_bytes bytes = gmux_bytes_wrap(data, len, on_release, NULL);
  gmux__outmsg *msg = gmux__outmsg_new(&pool, &bytes, false);
  CU_ASSERT_PTR_NOT_NULL_FATAL(msg);
  return msg;
}

static void drain(void) {
  while (!gmux__outq_is_empty(&q))
    CU_ASSERT_EQUAL_FATAL(gmux__outq_write(&q, &transport, NULL), 0);
}

static void small_things_leave_in_one_slice(void) {
  gmux__outmsg *msg = message("abc", 3);
  CU_ASSERT_EQUAL(gmux__outq_copy(&q, (const uint8_t *)"head", 4), 0);
  CU_ASSERT_EQUAL(gmux__outq_message(&q, msg, 8), 0);
  CU_ASSERT_EQUAL(gmux__outmsg_left(msg), 0);
  gmux__outmsg_unqueue(msg);
  CU_ASSERT_EQUAL(released, 3); /* it was copied */
  drain();
  CU_ASSERT_EQUAL(slices_seen, 1);
  CU_ASSERT_EQUAL(taken_len, 12);
  CU_ASSERT_EQUAL(memcmp(taken, "head\0\0\0\0\3abc", 12), 0);
}

static void large_payloads_are_pointed_to_and_held_until_they_have_gone(void) {
  static uint8_t big[20000];
  memset(big, 'b', sizeof big);
  gmux__outmsg *msg = message(big, sizeof big);
  CU_ASSERT_EQUAL(gmux__outq_message(&q, msg, gmux__outmsg_left(msg)), 0);
  gmux__outmsg_unqueue(msg);
  CU_ASSERT_EQUAL(released, 0);
  CU_ASSERT_TRUE(gmux__buf_len(&q.stage) < 100);
  take = 15000;
  CU_ASSERT_EQUAL(gmux__outq_write(&q, &transport, NULL), 0);
  CU_ASSERT_EQUAL(released, 0);
  drain();
  CU_ASSERT_EQUAL(released, sizeof big);
  CU_ASSERT_EQUAL(taken_len, sizeof big + 5);
}

static void any_split_of_the_writes_gives_the_same_bytes(void) {
  static uint8_t whole[sizeof taken];
  static uint8_t big[9000];
  for (size_t i = 0; i < sizeof big; i++)
    big[i] = (uint8_t)(i * 31);
  size_t whole_len = 0;
  static const size_t splits[] = {sizeof taken, 1, 7, 4096, 8999};
  for (size_t s = 0; s < sizeof splits / sizeof *splits; s++) {
    setup();
    take = splits[s];
    for (int i = 0; i < 3; i++) {
      gmux__outmsg *msg = message(big, i == 1 ? 10 : sizeof big);
      CU_ASSERT_EQUAL(gmux__outq_copy(&q, (const uint8_t *)"123456789", 9), 0);
      CU_ASSERT_EQUAL(gmux__outq_message(&q, msg, 3), 0); /* amid the prefix */
      CU_ASSERT_EQUAL(gmux__outq_copy(&q, (const uint8_t *)"123456789", 9), 0);
      CU_ASSERT_EQUAL(gmux__outq_message(&q, msg, gmux__outmsg_left(msg)), 0);
      gmux__outmsg_unqueue(msg);
    }
    drain();
    if (s == 0) {
      memcpy(whole, taken, taken_len);
      whole_len = taken_len;
    }
    CU_ASSERT_EQUAL(taken_len, whole_len);
    CU_ASSERT_EQUAL(memcmp(taken, whole, whole_len), 0);
    gmux__outmsg_pool_deinit(&pool);
    gmux__outq_deinit(&q);
  }
  setup();
}

static void is_full_before_it_would_need_another_write(void) {
  static uint8_t big[16384];
  size_t frames = 0;
  while (!gmux__outq_is_full(&q)) {
    gmux__outmsg *msg = message(big, sizeof big);
    CU_ASSERT_EQUAL(gmux__outq_copy(&q, (const uint8_t *)"123456789", 9), 0);
    CU_ASSERT_EQUAL(gmux__outq_message(&q, msg, gmux__outmsg_left(msg)), 0);
    gmux__outmsg_unqueue(msg);
    frames++;
  }
  CU_ASSERT_TRUE(q.bytes < GMUX__OUTQ_BYTES + sizeof big + 20);
  CU_ASSERT_EQUAL(gmux__outq_write(&q, &transport, NULL), 0);
  CU_ASSERT_TRUE(gmux__outq_is_empty(&q));
  CU_ASSERT_EQUAL(released, frames * sizeof big);
}

static void is_full_with_a_frame_when_that_is_its_aim(void) {
  static const uint8_t frame[GMUX__OUTQ_SHORT];
  q.aim = GMUX__OUTQ_SHORT;
  CU_ASSERT_EQUAL(gmux__outq_copy(&q, frame, sizeof frame - 1), 0);
  CU_ASSERT_FALSE(gmux__outq_is_full(&q));
  CU_ASSERT_EQUAL(gmux__outq_copy(&q, frame, 1), 0);
  CU_ASSERT_TRUE(gmux__outq_is_full(&q));
}

static void an_aim_for_much_is_for_large_payloads_and_not_for_copies(void) {
  static uint8_t big[4 * GMUX__OUTQ_BYTES];
  q.aim = 3 * GMUX__OUTQ_BYTES;
  gmux__outmsg *msg = message(big, sizeof big);
  CU_ASSERT_EQUAL(gmux__outq_message(&q, msg, q.aim - 1), 0);
  CU_ASSERT_FALSE(gmux__outq_is_full(&q));
  CU_ASSERT_EQUAL(gmux__outq_message(&q, msg, 1), 0);
  CU_ASSERT_TRUE(gmux__outq_is_full(&q));
  drain();
  CU_ASSERT_EQUAL(gmux__outq_copy(&q, big, GMUX__OUTQ_BYTES - 1), 0);
  CU_ASSERT_FALSE(gmux__outq_is_full(&q));
  CU_ASSERT_EQUAL(gmux__outq_message(&q, msg, 1), 0); /* one byte is copied */
  CU_ASSERT_TRUE(gmux__outq_is_full(&q));
  gmux__outmsg_unqueue(msg);
}

static void many_medium_messages_do_not_run_out_of_segments(void) {
  static uint8_t medium[GMUX__OUTQ_COPY + 1];
  for (int i = 0; i < 100; i++) {
    gmux__outmsg *msg = message(medium, sizeof medium);
    CU_ASSERT_EQUAL(gmux__outq_message(&q, msg, gmux__outmsg_left(msg)), 0);
    gmux__outmsg_unqueue(msg);
  }
  CU_ASSERT_TRUE(q.count <= GMUX__SLICES_MAX);
  drain();
  CU_ASSERT_EQUAL(taken_len, 100 * (sizeof medium + 5));
}

static void what_is_left_is_given_back(void) {
  static uint8_t big[20000];
  gmux__outmsg *msg = message(big, sizeof big);
  CU_ASSERT_EQUAL(gmux__outq_message(&q, msg, 10000), 0);
  gmux__outmsg_unqueue(msg);
  gmux__outq_deinit(&q);
  CU_ASSERT_EQUAL(released, sizeof big);
}

static void borrowed_bytes_are_copied(void) {
  char text[] = "abc";
  gmux_bytes bytes = gmux_bytes_borrow(text, 3);
  gmux__outmsg *msg = gmux__outmsg_new(&pool, &bytes, false);
  CU_ASSERT_PTR_NOT_NULL_FATAL(msg);
  CU_ASSERT_EQUAL(bytes.len, 3); /* to be used again */
  text[0] = 'X';
  CU_ASSERT_EQUAL(memcmp(msg->bytes.data, "abc", 3), 0);
  gmux__outmsg_unqueue(msg);
}

static void without_memory_the_caller_keeps_its_bytes(void) {
  gmux_bytes bytes = gmux_bytes_wrap("abc", 3, on_release, NULL);
  test_alloc_fail_at(1);
  CU_ASSERT_PTR_NULL(gmux__outmsg_new(&pool, &bytes, false));
  test_alloc_fail_at(0);
  CU_ASSERT_EQUAL(bytes.len, 3);
  CU_ASSERT_EQUAL(released, 0);
}

static const test_case cases[] = {
    TEST(small_things_leave_in_one_slice),
    TEST(large_payloads_are_pointed_to_and_held_until_they_have_gone),
    TEST(any_split_of_the_writes_gives_the_same_bytes),
    TEST(is_full_before_it_would_need_another_write),
    TEST(is_full_with_a_frame_when_that_is_its_aim),
    TEST(an_aim_for_much_is_for_large_payloads_and_not_for_copies),
    TEST(many_medium_messages_do_not_run_out_of_segments),
    TEST(what_is_left_is_given_back),
    TEST(borrowed_bytes_are_copied),
    TEST(without_memory_the_caller_keeps_its_bytes),
    TESTS_END,
};

extern const test_suite h2_outq_suite;
const test_suite h2_outq_suite = {"outq", cases, setup, teardown};
