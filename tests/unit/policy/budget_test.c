/* budget_test.c: who may take of max_memory_bytes, by hand: of a channel, then of a server. */
#include "lib/policy/budget.h"
#include "tests/unit/harness.h"

enum { MIB = 1 << 20, WINDOW = 262144 };

static gmux__budget b;

/* 28,672 bytes a call, so that 18 of them have room in half a MiB. */
static void setup(void) {
  gmux__budget_init(&b, MIB, WINDOW);
}

static unsigned begin_all(void) {
  unsigned count = 0;
  for (; gmux__budget_may_begin(&b) && count < 100000; count++)
    gmux__budget_begin(&b);
  return count;
}

static void without_a_ceiling_all_is_allowed_and_nothing_is_smaller(void) {
  gmux__budget_init(&b, 0, WINDOW);
  CU_ASSERT_EQUAL(b.window, WINDOW);
  CU_ASSERT_EQUAL(gmux__budget_queue(&b, 4194304), 4194304);
  CU_ASSERT_FALSE(gmux__budget_is_large(&b, UINT32_MAX));
  CU_ASSERT_EQUAL(begin_all(), 100000);
}

static void windows_grow_with_the_ceiling_up_to_what_they_would_be_without(void) {
  static const struct {
    uint64_t ceiling;
    uint32_t window;
  } rows[] = {
      {MIB, 8192},
      {32 * (uint64_t)MIB, 8192},
      {64 * (uint64_t)MIB, 16384},
      {256 * (uint64_t)MIB, 65536},
      {1024 * (uint64_t)MIB, WINDOW},
      {4095 * (uint64_t)MIB, WINDOW},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gmux__budget_init(&b, rows[i].ceiling, WINDOW);
    CU_ASSERT_EQUAL(b.window, rows[i].window);
  }
}

static void a_quarter_may_be_queued_but_never_more_than_without(void) {
  CU_ASSERT_EQUAL(gmux__budget_queue(&b, 4194304), MIB / 4);
  CU_ASSERT_EQUAL(gmux__budget_queue(&b, 65536), 65536);
}

static void calls_begin_until_half_of_the_ceiling_is_taken(void) {
  CU_ASSERT_EQUAL(gmux__budget_call(&b), 28672);
  CU_ASSERT_EQUAL(begin_all(), 18);
  CU_ASSERT_TRUE(b.taken <= MIB / 2);
  gmux__budget_end(&b);
  CU_ASSERT_TRUE(gmux__budget_may_begin(&b));
}

static void a_large_message_is_one_of_more_than_half_a_window(void) {
  CU_ASSERT_FALSE(gmux__budget_is_large(&b, 4096));
  CU_ASSERT_TRUE(gmux__budget_is_large(&b, 4097));
}

static void large_messages_take_what_calls_leave(void) {
  gmux__budget_begin(&b);
  gmux__budget_grow(&b, INT32_MAX); /* the one beyond it */
  uint32_t left = (uint32_t)(MIB / 2 - b.taken);
  gmux__budget_grow(&b, 5000);
  CU_ASSERT_TRUE(gmux__budget_may_grow(&b, left - 5000));
  CU_ASSERT_FALSE(gmux__budget_may_grow(&b, left - 4999));
  gmux__budget_grow(&b, left - 5000);
  CU_ASSERT_FALSE(gmux__budget_may_begin(&b));
  gmux__budget_shrink(&b, left - 5000);
  CU_ASSERT_TRUE(gmux__budget_may_begin(&b));
}

/* A ceiling that is too low for anything is none that stops everything. */
static void one_call_and_one_large_message_are_always_allowed(void) {
  begin_all();
  CU_ASSERT_TRUE(gmux__budget_may_grow(&b, INT32_MAX));
  gmux__budget_grow(&b, INT32_MAX);
  CU_ASSERT_FALSE(gmux__budget_may_grow(&b, INT32_MAX));
  while (b.calls > 0)
    gmux__budget_end(&b);
  gmux__budget_grow(&b, MIB / 2); /* all that there is room for */
  CU_ASSERT_TRUE(gmux__budget_may_begin(&b));
  gmux__budget_begin(&b);
  CU_ASSERT_FALSE(gmux__budget_may_begin(&b));
  gmux__budget_shrink(&b, MIB / 2);
  CU_ASSERT_TRUE(gmux__budget_may_begin(&b));
  gmux__budget_end(&b);
  gmux__budget_shrink(&b, INT32_MAX);
  CU_ASSERT_EQUAL(b.taken, 0);
  CU_ASSERT_EQUAL(b.extra, 0);
}

/* Who is slow with one that is larger than everything else holds up only others like it. */
static void the_large_message_beyond_the_room_takes_nothing_of_it(void) {
  gmux__budget_grow(&b, INT32_MAX);
  CU_ASSERT_EQUAL(begin_all(), 18);
  CU_ASSERT_TRUE(gmux__budget_may_grow(&b, 8192));
  CU_ASSERT_FALSE(gmux__budget_may_grow(&b, 8193));
}

/* ---- a server's ---- */

static void a_server_has_no_more_connections_than_a_quarter_has_room_for(void) {
  static const struct {
    uint64_t ceiling;
    uint32_t window, connections;
  } rows[] = {
      {MIB, 8192, 2},
      {64 * (uint64_t)MIB, 16384, 146},
      {256 * (uint64_t)MIB, 65536, 334},
      {1024 * (uint64_t)MIB, 65536, 1337},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    gmux__budget_init_server(&b, rows[i].ceiling, WINDOW);
    CU_ASSERT_EQUAL(b.window, rows[i].window);
    CU_ASSERT_EQUAL(b.connections, rows[i].connections);
  }
}

static void the_calls_that_connections_have_for_sure_leave_at_least_a_quarter(void) {
  for (uint64_t ceiling = MIB; ceiling <= INT32_MAX; ceiling += 777777) {
    gmux__budget_init_server(&b, ceiling, WINDOW);
    CU_ASSERT_TRUE(b.connections >= 2);
    CU_ASSERT_TRUE(b.room >= ceiling / 4 && b.room < ceiling / 2);
  }
}

static void a_connection_shares_with_those_there_are_and_one_more(void) {
  gmux__budget_init_server(&b, MIB, WINDOW);
  CU_ASSERT_EQUAL(begin_all(), 16);
  CU_ASSERT_EQUAL(gmux__budget_share(&b, 1), 1 + 8);
  CU_ASSERT_EQUAL(gmux__budget_share(&b, 2), 1 + 5);
  CU_ASSERT_EQUAL(gmux__budget_share(&b, 1000), 1);
}

static void without_a_ceiling_a_server_has_its_windows(void) {
  gmux__budget_init_server(&b, 0, WINDOW);
  CU_ASSERT_EQUAL(b.window, WINDOW);
  CU_ASSERT_TRUE(gmux__budget_may_begin(&b));
}

static const test_case cases[] = {
    TEST(without_a_ceiling_all_is_allowed_and_nothing_is_smaller),
    TEST(windows_grow_with_the_ceiling_up_to_what_they_would_be_without),
    TEST(a_quarter_may_be_queued_but_never_more_than_without),
    TEST(calls_begin_until_half_of_the_ceiling_is_taken),
    TEST(a_large_message_is_one_of_more_than_half_a_window),
    TEST(large_messages_take_what_calls_leave),
    TEST(one_call_and_one_large_message_are_always_allowed),
    TEST(the_large_message_beyond_the_room_takes_nothing_of_it),
    TEST(a_server_has_no_more_connections_than_a_quarter_has_room_for),
    TEST(the_calls_that_connections_have_for_sure_leave_at_least_a_quarter),
    TEST(a_connection_shares_with_those_there_are_and_one_more),
    TEST(without_a_ceiling_a_server_has_its_windows),
    TESTS_END,
};
extern const test_suite policy_budget_suite;
const test_suite policy_budget_suite = {"budget", cases, setup, NULL};
