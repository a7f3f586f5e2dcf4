/* share_test.c: how much of a turn one connection may have. */
#include "lib/policy/share.h"
#include "tests/unit/harness.h"

enum { BUFFER = 65536, FRAME = 16384, FRAMES = 128, WARY = 16, LEAST = 512 };
enum { FIRST = 1024, OF_FRAMES = 8192, FIRST_FRAMES = 16 };

static gmux__share share;

/* Reads what has frames of `frame_bytes`, of which `data_bytes` are of messages; how many frames
 * that were. */
static uint32_t read_once(size_t frame_bytes, size_t data_bytes, bool is_wary, bool *may_go_on) {
  gmux__portion p = {.bytes = gmux__share_room(&share, BUFFER)};
  p.frames = (uint32_t)(p.bytes / frame_bytes);
  p.data_bytes = p.bytes / frame_bytes * data_bytes;
  if (frame_bytes > p.bytes) p.data_bytes = p.bytes;
  *may_go_on = gmux__share_read(&share, &p, is_wary);
  return p.frames;
}

static uint32_t turn(size_t frame_bytes, size_t data_bytes, bool is_wary) {
  uint32_t frames = 0;
  bool may_go_on = true;
  gmux__share_begin(&share);
  for (int i = 0; i < 4 && may_go_on; i++)
    frames += read_once(frame_bytes, data_bytes, is_wary, &may_go_on);
  return frames;
}

static void setup(void) {
  gmux__share_init(&share, FRAMES);
}

/* Has used up each turn's share until that grew no more, with frames that fill a read. */
static void become_known(void) {
  const gmux__portion full = {.bytes = OF_FRAMES, .frames = FRAMES};
  for (int i = 0; i < 8; i++) {
    gmux__share_begin(&share);
    while (gmux__share_read(&share, &full, false))
      continue;
  }
}

static void who_sends_data_soon_has_the_whole_buffer(void) {
  CU_ASSERT_EQUAL(gmux__share_room(&share, BUFFER), FIRST);
  turn(FRAME, FRAME - 9, false);
  turn(FRAME, FRAME - 9, false);
  CU_ASSERT_EQUAL(gmux__share_room(&share, BUFFER), BUFFER);
  CU_ASSERT_EQUAL(turn(FRAME, FRAME - 9, false), 4 * BUFFER / FRAME);
}

static void who_is_new_begins_with_little(void) {
  const gmux__portion call = {.bytes = 200, .frames = 1};
  for (uint32_t share_of_turn = FIRST_FRAMES; share_of_turn <= FRAMES; share_of_turn *= 2) {
    uint32_t frames = 1;
    gmux__share_begin(&share);
    while (gmux__share_read(&share, &call, false))
      frames++;
    CU_ASSERT_EQUAL(frames, share_of_turn);
  }
  gmux__share_begin(&share);
  for (uint32_t i = 1; i < FRAMES; i++)
    CU_ASSERT_TRUE(gmux__share_read(&share, &call, false));
  CU_ASSERT_FALSE(gmux__share_read(&share, &call, false));
}

static void who_needs_no_more_is_given_no_more(void) {
  const gmux__portion few = {.bytes = 200, .frames = FIRST_FRAMES - 1}, one = {.frames = 1};
  for (int i = 0; i < 10; i++) {
    gmux__share_begin(&share);
    CU_ASSERT_TRUE(gmux__share_read(&share, &few, false));
  }
  CU_ASSERT_FALSE(gmux__share_read(&share, &one, false));
}

static void who_sends_small_frames_has_so_many_in_a_turn(void) {
  CU_ASSERT_TRUE(turn(9, 0, false) <= FIRST / 9);
  become_known();
  turn(17, 0, false); /* they are smaller than those before */
  for (int i = 0; i < 10; i++) {
    uint32_t frames = turn(17, 0, false);
    CU_ASSERT_TRUE(frames >= FRAMES / 2 && frames <= 2 * FRAMES);
  }
}

/* A call is begun by one frame and has its message in another. */
static void hundred_calls_with_a_message_each_are_one_turns(void) {
  become_known();
  const gmux__portion calls = {
      .bytes = 100 * 40, .data_bytes = 100 * 5, .frames = 100, .data_frames = 100};
  for (int i = 0; i < 10; i++) {
    gmux__share_begin(&share);
    CU_ASSERT_TRUE(gmux__share_room(&share, BUFFER) >= calls.bytes);
    CU_ASSERT_TRUE(gmux__share_read(&share, &calls, false));
  }
  CU_ASSERT_FALSE(gmux__share_read(&share, &calls, false));
}

/* A hundred replies with a message each: they are not cut in two for having begun small. */
static void a_burst_that_is_within_the_share_is_soon_read_at_once(void) {
  enum { BURST = 3500, PER_REPLY = 35 };
  int reads = 0;
  for (int i = 0; i < 10; i++) {
    reads = 0;
    gmux__share_begin(&share);
    for (size_t left = BURST; left; reads++) {
      size_t room = gmux__share_room(&share, BUFFER);
      gmux__portion p = {.bytes = room < left ? room : left};
      p.frames = p.data_frames = (uint32_t)(p.bytes / PER_REPLY);
      left -= p.bytes;
      gmux__share_read(&share, &p, false);
    }
  }
  CU_ASSERT_EQUAL(reads, 1);
}

static void frames_of_data_count_too(void) {
  const gmux__portion crumbs = {.bytes = OF_FRAMES, .data_bytes = 600, .data_frames = 600};
  become_known();
  CU_ASSERT_FALSE(gmux__share_read(&share, &crumbs, false));
}

static void bytes_that_no_stream_takes_do_not_widen_it(void) {
  const gmux__portion ignored = {.bytes = OF_FRAMES};
  for (int i = 0; i < 10; i++)
    CU_ASSERT_TRUE(gmux__share_read(&share, &ignored, false));
  CU_ASSERT_EQUAL(gmux__share_room(&share, BUFFER), OF_FRAMES);
}

static void who_turns_from_data_to_small_frames_is_narrowed_by_one_read(void) {
  turn(FRAME, FRAME - 9, false);
  turn(FRAME, FRAME - 9, false);
  bool may_go_on;
  gmux__share_begin(&share);
  CU_ASSERT_EQUAL(read_once(17, 0, false, &may_go_on), BUFFER / 17);
  CU_ASSERT_FALSE(may_go_on);
  CU_ASSERT_TRUE(turn(17, 0, false) <= FRAMES);
}

static void bytes_of_no_data_narrow_it_again(void) {
  become_known();
  turn(FRAME, FRAME - 9, false);
  turn(FRAME, FRAME - 9, false);
  turn(2000, 0, false);
  CU_ASSERT_EQUAL(gmux__share_room(&share, BUFFER), OF_FRAMES);
}

static void who_is_near_its_limits_is_read_in_crumbs(void) {
  become_known();
  turn(17, 0, true);
  for (int i = 0; i < 10; i++)
    CU_ASSERT_TRUE(turn(17, 0, true) <= LEAST / 17);
  for (int i = 0; i < 10; i++)
    CU_ASSERT_TRUE(turn(160, 0, true) <= 2 * WARY);
  turn(17, 0, false);
  CU_ASSERT_TRUE(turn(17, 0, false) > LEAST / 17); /* forgiven */
}

static void a_frame_without_an_end_never_leaves_no_room(void) {
  gmux__portion p = {.bytes = 1, .frames = 1000000};
  CU_ASSERT_FALSE(gmux__share_read(&share, &p, true));
  CU_ASSERT_EQUAL(gmux__share_room(&share, BUFFER), LEAST);
  CU_ASSERT_EQUAL(gmux__share_room(&share, 100), 100);
}

static const test_case cases[] = {
    TEST(who_sends_data_soon_has_the_whole_buffer),
    TEST(who_is_new_begins_with_little),
    TEST(who_needs_no_more_is_given_no_more),
    TEST(who_sends_small_frames_has_so_many_in_a_turn),
    TEST(hundred_calls_with_a_message_each_are_one_turns),
    TEST(a_burst_that_is_within_the_share_is_soon_read_at_once),
    TEST(frames_of_data_count_too),
    TEST(bytes_that_no_stream_takes_do_not_widen_it),
    TEST(who_turns_from_data_to_small_frames_is_narrowed_by_one_read),
    TEST(bytes_of_no_data_narrow_it_again),
    TEST(who_is_near_its_limits_is_read_in_crumbs),
    TEST(a_frame_without_an_end_never_leaves_no_room),
    TESTS_END,
};

extern const test_suite policy_share_suite;
const test_suite policy_share_suite = {.name = "share", .cases = cases, .setup = setup};
