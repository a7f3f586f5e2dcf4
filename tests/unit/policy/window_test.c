/* window_test.c: how wide a receive window has to be, by a peer that sends as much as it may. */
#include "lib/policy/window.h"
#include "tests/unit/harness.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

enum { BASE = 256 * 1024 };

static gmux__window w;
static uint64_t now;

static void setup(void) {
  gmux__window_init(&w, BASE);
  now = S;
}

/* A round trip with a path that carries so much in it, in pieces of 16 KiB evenly over its time. */
static void round_trip(uint64_t path_bytes, uint64_t rtt_ns) {
  enum { PIECE = 16 * 1024 };
  uint64_t most = path_bytes < w.size ? path_bytes : w.size, began = now;
  for (uint64_t sent = 0; sent < most; sent += PIECE) {
    now = began + rtt_ns * sent / (path_bytes > most ? path_bytes : most);
    uint64_t n = most - sent < PIECE ? most - sent : PIECE;
    w.size = gmux__window_taken(&w, n, now, rtt_ns);
  }
  now = began + rtt_ns;
}

static void doubles_with_each_round_trip_while_it_is_the_limit(void) {
  for (int i = 0; i < 2; i++)
    round_trip(64 << 20, 50 * MS);
  CU_ASSERT_TRUE(w.size > BASE * 19 / 10 && w.size < BASE * 21 / 10);
  for (int i = 0; i < 4; i++)
    round_trip(64 << 20, 50 * MS);
  CU_ASSERT_TRUE(w.size > BASE * 16 && w.size < BASE * 48);
}

static void comes_to_rest_at_about_twice_what_the_path_holds(void) {
  for (uint64_t path = BASE; path < (64 << 20); path += path / 3) {
    setup();
    for (int i = 0; i < 100; i++)
      round_trip(path, 80 * MS);
    CU_ASSERT_TRUE(w.size >= path * 3 / 2);
    CU_ASSERT_TRUE(w.size <= path * 5 / 2);
  }
}

static void stays_where_the_path_holds_less(void) {
  for (int i = 0; i < 1000; i++)
    round_trip(BASE / 2, 80 * MS);
  CU_ASSERT_EQUAL(w.size, BASE);
}

static void what_comes_slowly_is_no_reason_however_much_it_is(void) {
  for (int i = 0; i < 100000; i++, now += 40 * MS)
    w.size = gmux__window_taken(&w, 64 * 1024, now, 50 * MS);
  CU_ASSERT_EQUAL(w.size, BASE);
}

static void a_burst_after_a_long_pause_is_no_reason(void) {
  for (int i = 0; i < 100; i++, now += 10 * S)
    w.size = gmux__window_taken(&w, BASE, now, 50 * MS);
  CU_ASSERT_EQUAL(w.size, BASE);
}

static void is_not_changed_before_the_round_trip_is_known(void) {
  for (int i = 0; i < 1000; i++, now += MS)
    CU_ASSERT_EQUAL_FATAL(gmux__window_taken(&w, 10 << 20, now, 0), BASE);
}

static void never_passes_what_http2_allows(void) {
  for (int i = 0; i < 1000; i++, now += S)
    w.size = gmux__window_taken(&w, UINT64_MAX, now, S);
  CU_ASSERT_EQUAL(w.size, INT32_MAX);
}

static void a_clock_that_stands_still_or_goes_back_does_no_harm(void) {
  for (int i = 0; i < 100; i++)
    CU_ASSERT_EQUAL(gmux__window_taken(&w, BASE, now - (uint64_t)i * MS, 50 * MS), BASE);
}

static void is_idle_when_no_round_has_begun_for_so_long(void) {
  gmux__window_taken(&w, 1, now, 50 * MS);
  CU_ASSERT_FALSE(gmux__window_is_idle(&w, now, S));
  CU_ASSERT_FALSE(gmux__window_is_idle(&w, now + S - 1, S));
  CU_ASSERT_TRUE(gmux__window_is_idle(&w, now + S, S));
  gmux__window_taken(&w, 1, now + S, 50 * MS);
  CU_ASSERT_FALSE(gmux__window_is_idle(&w, now + S, S));
}

static const test_case cases[] = {
    TEST(doubles_with_each_round_trip_while_it_is_the_limit),
    TEST(comes_to_rest_at_about_twice_what_the_path_holds),
    TEST(stays_where_the_path_holds_less),
    TEST(what_comes_slowly_is_no_reason_however_much_it_is),
    TEST(a_burst_after_a_long_pause_is_no_reason),
    TEST(is_not_changed_before_the_round_trip_is_known),
    TEST(never_passes_what_http2_allows),
    TEST(a_clock_that_stands_still_or_goes_back_does_no_harm),
    TEST(is_idle_when_no_round_has_begun_for_so_long),
    TESTS_END,
};

extern const test_suite policy_window_suite;
const test_suite policy_window_suite = {"window", cases, setup, NULL};
