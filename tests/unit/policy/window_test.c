/* window_test.c: how wide a receive window has to be, by a peer that sends as much as it may. */
#include "lib/policy/window.h"
#include "tests/unit/harness.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

enum { KIB = 1024, MIB = 1024 * 1024, PIECE = 16 * KIB };

static const gmux__window_config OF_STREAM = {.first = 256 * KIB, .most = INT32_MAX};
static const gmux__window_config OF_CONNECTION = {.first = 4 * MIB, .most = 16 * MIB};

static const gmux__window_config *config;
static gmux__window w;
static uint64_t now;

static void begin(const gmux__window_config *how) {
  config = how;
  w = (gmux__window){0};
  now = S;
}

static void setup(void) {
  begin(&OF_STREAM);
}

static bool came(uint64_t bytes, uint64_t delay_ns) {
  return gmux__window_came(&w, config, bytes, now, delay_ns);
}

/* A round trip with a path that carries so much in it, in pieces evenly over its time. */
static void round_trip(uint64_t path_bytes, uint64_t delay_ns) {
  uint64_t size = w.bytes ? w.size : config->first, began = now;
  uint64_t most = path_bytes < size ? path_bytes : size;
  for (uint64_t sent = 0; sent < most; sent += PIECE) {
    now = began + delay_ns * sent / (path_bytes > most ? path_bytes : most);
    came(most - sent < PIECE ? most - sent : PIECE, delay_ns);
  }
  now = began + delay_ns;
}

static void grows_to_four_times_in_two_round_trips_while_it_is_the_limit(void) {
  for (uint64_t size = config->first; size < 256 * config->first; size *= 4) {
    round_trip(UINT64_C(1) << 30, 50 * MS);
    CU_ASSERT_TRUE(w.size >= size / 10 * 9 && w.size <= size / 10 * 41);
    round_trip(UINT64_C(1) << 30, 50 * MS);
  }
}

static void comes_to_rest_at_twice_what_the_path_holds(void) {
  for (uint64_t path = config->first; path < 64 * MIB; path += path / 3) {
    setup();
    for (int i = 0; i < 100; i++)
      round_trip(path, 80 * MS);
    CU_ASSERT_TRUE(w.size >= path / 10 * 18);
    CU_ASSERT_TRUE(w.size <= path / 10 * 22);
  }
}

static void never_passes_its_bound(void) {
  for (int i = 0; i < 1000; i++, now += S)
    came(UINT64_MAX, S);
  CU_ASSERT_EQUAL(w.size, INT32_MAX);
  begin(&OF_CONNECTION);
  for (int i = 0; i < 1000; i++, now += 60 * S)
    came(UINT64_MAX, UINT64_MAX);
  CU_ASSERT_EQUAL(w.size, 16 * MIB);
}

static void a_stream_stays_where_the_path_holds_less(void) {
  for (int i = 0; i < 1000; i++)
    round_trip(config->first / 2, 80 * MS);
  CU_ASSERT_EQUAL(w.size, config->first);
}

static void what_comes_slowly_is_no_reason_however_much_it_is(void) {
  for (int i = 0; i < 100000; i++, now += 40 * MS)
    came(64 * KIB, 50 * MS);
  CU_ASSERT_EQUAL(w.size, config->first);
}

static void a_burst_after_a_pause_is_no_reason(void) {
  for (int i = 0; i < 100; i++, now += 9 * S)
    came(config->first, 50 * MS);
  CU_ASSERT_EQUAL(w.size, config->first);
}

static void nothing_is_changed_before_the_delay_is_known(void) {
  begin(&OF_CONNECTION);
  for (int i = 0; i < 1000; i++, now += MS)
    came(10 * MIB, 0);
  CU_ASSERT_EQUAL(w.size, config->first);
}

/* As a connection's first is: 10 Gbit/s times the delay, between 1 and 4 MiB. */
static void a_short_path_begins_narrow_and_a_far_one_as_it_would_without_it(void) {
  begin(&OF_CONNECTION);
  CU_ASSERT_TRUE(came(PIECE, MS / 10));
  CU_ASSERT_EQUAL(w.size, 1 * MIB);
  begin(&OF_CONNECTION);
  CU_ASSERT_TRUE(came(PIECE, 2 * MS));
  CU_ASSERT_EQUAL(w.size, 2500000);
  begin(&OF_CONNECTION);
  CU_ASSERT_TRUE(came(PIECE, 20 * MS));
  CU_ASSERT_EQUAL(w.size, 4 * MIB);
}

static void eight_rounds_that_do_not_need_it_make_it_narrower(void) {
  for (int i = 0; i < 32; i++)
    round_trip(4 * MIB, 80 * MS);
  CU_ASSERT_TRUE(w.size > 7 * MIB);
  for (int i = 0; i < 7; i++)
    round_trip(1 * MIB, 80 * MS);
  CU_ASSERT_TRUE(w.size > 7 * MIB);
  for (int i = 0; i < 10; i++)
    round_trip(1 * MIB, 80 * MS);
  CU_ASSERT_TRUE(w.size > 18 * MIB / 10 && w.size < 22 * MIB / 10);
}

static void one_of_eight_that_does_keeps_it(void) {
  for (int i = 0; i < 32; i++)
    round_trip(4 * MIB, 80 * MS);
  for (int i = 0; i < 100; i++) {
    round_trip(i % 5 ? MIB : 4 * MIB, 80 * MS);
    CU_ASSERT_TRUE_FATAL(w.size > 7 * MIB);
  }
}

static void ten_seconds_of_nothing_begin_it_anew(void) {
  for (int i = 0; i < 32; i++)
    round_trip(4 * MIB, 80 * MS);
  uint32_t size = w.size;
  now += 9 * S;
  CU_ASSERT_FALSE(came(1, 80 * MS));
  CU_ASSERT_EQUAL(w.size, size);
  now += 11 * S;
  CU_ASSERT_TRUE(came(1, 80 * MS));
  CU_ASSERT_EQUAL(w.size, config->first);
}

static void a_clock_that_stands_still_or_goes_back_does_no_harm(void) {
  for (int i = 0; i < 100; i++, now -= MS)
    came(config->first, 50 * MS);
  CU_ASSERT_EQUAL(w.size, config->first);
}

static void a_far_path_is_given_back_to_in_smaller_steps(void) {
  w.size = 8 * MIB;
  CU_ASSERT_EQUAL(gmux__window_step(&w, 80 * MS), 1 * MIB);
  CU_ASSERT_EQUAL(gmux__window_step(&w, MS / 10), 4 * MIB);
  CU_ASSERT_EQUAL(gmux__window_step(&w, 0), 4 * MIB);
}

static const test_case cases[] = {
    TEST(grows_to_four_times_in_two_round_trips_while_it_is_the_limit),
    TEST(comes_to_rest_at_twice_what_the_path_holds),
    TEST(never_passes_its_bound),
    TEST(a_stream_stays_where_the_path_holds_less),
    TEST(what_comes_slowly_is_no_reason_however_much_it_is),
    TEST(a_burst_after_a_pause_is_no_reason),
    TEST(nothing_is_changed_before_the_delay_is_known),
    TEST(a_short_path_begins_narrow_and_a_far_one_as_it_would_without_it),
    TEST(eight_rounds_that_do_not_need_it_make_it_narrower),
    TEST(one_of_eight_that_does_keeps_it),
    TEST(ten_seconds_of_nothing_begin_it_anew),
    TEST(a_clock_that_stands_still_or_goes_back_does_no_harm),
    TEST(a_far_path_is_given_back_to_in_smaller_steps),
    TESTS_END,
};

extern const test_suite policy_window_suite;
const test_suite policy_window_suite = {"window", cases, setup, NULL};
