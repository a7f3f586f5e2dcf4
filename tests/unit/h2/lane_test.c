/* Streams with much to send take turns, and what is small does not wait for theirs. */
#include "tests/unit/h2/pair.h"
#include <stdio.h>
#include <string.h>

extern const test_suite h2_lane_suite;

enum { WIDE = 1 << 30, BULK = 160 * 1024, SMALL = 100, FRAME = 16384, FRAMES_A_TURN = 4 };

static const uint8_t noise[BULK];

/* Its streams have a window of `window` each, the connection one that is never used up. */
static rawpeer *client_with_windows(uint32_t window) {
  static const uint16_t ids[] = {4};
  rawpeer *p = pair_client_to_raw();
  rawpeer_settings(p, 1, ids, &window);
  rawpeer_settings_ack(p);
  rawpeer_window_update(p, 0, WIDE);
  sim_run(pair_sim);
  return p;
}

static rawpeer *client_with_the_usual_window(void) {
  static const uint16_t ids[] = {4};
  static const uint32_t window[] = {WIDE};
  rawpeer *p = pair_client_to_raw();
  rawpeer_settings(p, 1, ids, window);
  rawpeer_settings_ack(p);
  sim_run(pair_sim);
  return p;
}

static party *start_with(size_t bytes) {
  party *x = party_start();
  CU_ASSERT_EQUAL(party_write(x, noise, bytes), 0);
  gmux__stream_half_close(&x->stream);
  return x;
}

/* The streams of all DATA frames so far, in order: "1 1 3". */
static const char *order(const rawpeer *p) {
  static char text[1024];
  size_t at = 0;
  text[0] = '\0';
  for (size_t i = 0; i < rawpeer_count(p, RAW_DATA, RAW_ANY); i++) {
    const rawframe *f = rawpeer_find(p, RAW_DATA, RAW_ANY, i);
    at += (size_t)snprintf(text + at, sizeof text - at, at ? " %u" : "%u", f->stream);
  }
  return text;
}

static size_t bytes_on(const rawpeer *p, uint32_t stream) {
  size_t bytes = 0;
  for (size_t i = 0; i < rawpeer_count(p, RAW_DATA, stream); i++)
    bytes += rawpeer_find(p, RAW_DATA, stream, i)->len;
  return bytes;
}

/* Whole, with the prefix. */
static bool has_come(const rawpeer *p, uint32_t stream, size_t bytes) {
  return bytes_on(p, stream) == bytes + GMUX__PREFIX_LEN;
}

static void large_messages_take_turns_of_four_frames(void) {
  rawpeer *p = client_with_windows(WIDE);
  start_with(BULK);
  start_with(BULK);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(order(p), "1 1 1 1 3 3 3 3 1 1 1 1 3 3 3 3 1 1 1 3 3 3");
  CU_ASSERT_TRUE(has_come(p, 1, BULK) && has_come(p, 3, BULK));
}

static void a_small_message_passes_all_large_ones_but_the_frame_that_was_first(void) {
  rawpeer *p = client_with_windows(WIDE);
  for (int i = 0; i < 10; i++)
    start_with(BULK);
  start_with(SMALL);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_find(p, RAW_DATA, RAW_ANY, 1)->stream, 21);
  for (uint32_t id = 1; id < 20; id += 2)
    CU_ASSERT_TRUE(has_come(p, id, BULK));
}

static void the_last_bytes_of_a_large_message_wait_for_nobody(void) {
  rawpeer *p = client_with_windows(WIDE);
  start_with(FRAMES_A_TURN * FRAME + SMALL);
  start_with(BULK);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(order(p), "1 1 1 1 1 3 3 3 3 3 3 3 3 3 3 3");
}

static void who_has_no_window_keeps_nobody_waiting(void) {
  rawpeer *p = client_with_windows(FRAME);
  for (int i = 0; i < 3; i++)
    start_with(BULK);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(order(p), "1 3 5");
  rawpeer_window_update(p, 5, WIDE);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(has_come(p, 5, BULK));
  rawpeer_window_update(p, 1, WIDE);
  rawpeer_window_update(p, 3, WIDE);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(has_come(p, 1, BULK) && has_come(p, 3, BULK));
}

static void turns_go_on_where_the_connections_window_ended(void) {
  static const uint16_t ids[] = {4};
  static const uint32_t window[] = {WIDE};
  rawpeer *p = pair_client_to_raw();
  rawpeer_settings(p, 1, ids, window);
  rawpeer_settings_ack(p);
  sim_run(pair_sim);
  for (int i = 0; i < 3; i++)
    start_with(BULK);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(order(p), "1 1 1 1"); /* 65,535 bytes: one less than a turn */
  start_with(SMALL);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_DATA, 7), 0);
  rawpeer_window_update(p, 0, WIDE);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(order(p),
                         "1 1 1 1 7 1 3 3 3 3 5 5 5 5 1 1 1 1 3 3 3 3 5 5 5 5 1 1 3 3 3 5 5 5");
}

/* As much as the connection's window lets through is written in small messages, all the time. */
static void small_messages_without_end_do_not_starve_large_ones(void) {
  enum { WRITERS = 12, TEXT = 3000, GRANTS = 150 };
  static const uint16_t ids[] = {4};
  static const uint32_t window[] = {WIDE};
  rawpeer *p = pair_client_to_raw();
  rawpeer_settings(p, 1, ids, window);
  rawpeer_settings_ack(p);
  sim_run(pair_sim);
  start_with(BULK);
  start_with(BULK);
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(order(p), "1 1 1 1"); /* its turn is nearly over, and so is the window */
  party *writers[WRITERS];
  size_t written[WRITERS] = {0};
  for (int i = 0; i < WRITERS; i++)
    writers[i] = party_start();
  for (int grant = 0; grant < GRANTS; grant++) {
    for (int i = 0; i < WRITERS; i++) {
      if (writers[i]->sent < written[i]) continue;
      CU_ASSERT_EQUAL(party_write(writers[i], noise, TEXT), 0);
      written[i] += TEXT;
    }
    rawpeer_window_update(p, 0, FRAME); /* less than half of it */
    sim_run(pair_sim);
  }
  CU_ASSERT_TRUE(bytes_on(p, 1) > (size_t)FRAMES_A_TURN * FRAME + FRAME);
  CU_ASSERT_TRUE(bytes_on(p, 3) > 0);
  for (uint32_t id = 5; id < 5 + 2 * WRITERS; id += 2)
    CU_ASSERT_TRUE(bytes_on(p, id) > bytes_on(p, 3) / 2);
}

/* Opened where the window has just come, so that it rides: nghttp2 sees a window where there is
 * none, and asks who waits for it. */
static void ride_again(party *c, char event) {
  (void)c;
  if (event != 'X' || !client.conn) return;
  party *next = party_new(&client);
  next->on_event = ride_again;
  CU_ASSERT_EQUAL(party_write(next, noise, SMALL), 0);
  gmux__stream_half_close(&next->stream);
  CU_ASSERT_EQUAL(party_open(next), 0);
}

static void nor_do_those_that_wait_for_the_connections_window(void) {
  enum { WRITERS = 12, TEXT = 3000, GRANTS = 150, GRANT = 20000 };
  rawpeer *p = client_with_the_usual_window();
  ride_again(NULL, 'X');
  sim_run(pair_sim);
  start_with(BULK);
  start_with(BULK);
  sim_run(pair_sim);
  party *writers[WRITERS];
  size_t written[WRITERS] = {0};
  for (int i = 0; i < WRITERS; i++)
    writers[i] = party_start();
  uint32_t rider = 1;
  for (int grant = 0; grant < GRANTS; grant++) {
    for (int i = 0; i < WRITERS; i++) {
      if (writers[i]->sent < written[i]) continue;
      CU_ASSERT_EQUAL(party_write(writers[i], noise, TEXT), 0);
      written[i] += TEXT;
    }
    rawpeer_window_update(p, 0, GRANT);
    raw_answer(p, rider);
    sim_run(pair_sim);
    rider = (uint32_t)last_party(&client)->stream.id;
  }
  CU_ASSERT_TRUE(bytes_on(p, 3) > (size_t)FRAMES_A_TURN * FRAME + FRAME);
  CU_ASSERT_TRUE(bytes_on(p, 5) > 0);
}

static void who_is_reset_gives_its_turn_or_its_place_away(void) {
  rawpeer *p = client_with_windows(FRAME);
  party *first = start_with(BULK), *waiting = start_with(BULK);
  start_with(BULK);
  sim_run(pair_sim);
  gmux__stream_reset(&waiting->stream, 8);
  gmux__stream_reset(&first->stream, 8);
  rawpeer_window_update(p, 5, WIDE);
  sim_run(pair_sim);
  CU_ASSERT_TRUE(has_come(p, 5, BULK));
  CU_ASSERT_EQUAL(bytes_on(p, 1), FRAME);
}

static void who_is_reset_in_the_lane_is_called_no_more(void) {
  sim_net(pair_sim)->buffer_bytes = FRAME;
  rawpeer *p = client_with_windows(WIDE);
  sim_link_stall(rawpeer_link(p), SIM_TO_SERVER);
  party *x[3];
  for (int i = 0; i < 3; i++)
    x[i] = start_with(BULK);
  sim_run(pair_sim); /* the socket is full; the second and third wait in the lane */
  gmux__stream_reset(&x[1]->stream, 8);
  gmux__stream_reset(&x[0]->stream, 8);
  sim_link_stall(rawpeer_link(p), 0);
  sim_run(pair_sim);
  CU_ASSERT_EQUAL(bytes_on(p, 3), 0);
  CU_ASSERT_TRUE(has_come(p, 5, BULK));
}

static void a_server_does_the_same_with_replies(void) {
  rawpeer *p = pair_server_to_raw();
  static const uint16_t ids[] = {4};
  static const uint32_t window[] = {WIDE};
  rawpeer_preface(p);
  rawpeer_settings(p, 1, ids, window);
  rawpeer_settings_ack(p);
  rawpeer_window_update(p, 0, WIDE);
  party *x[3];
  for (uint32_t i = 0; i < 3; i++) {
    raw_request(p, 1 + 2 * i, RAW_END_HEADERS | RAW_END_STREAM);
    sim_run(pair_sim);
    x[i] = last_party(&server);
    party_respond(x[i]);
  }
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(party_write(x[i], noise, i < 2 ? BULK : SMALL), 0);
    party_finish(x[i], "0");
  }
  sim_run(pair_sim);
  CU_ASSERT_STRING_EQUAL(order(p), "1 5 1 1 1 3 3 3 3 1 1 1 1 3 3 3 3 1 1 1 3 3 3");
}

static const test_case cases[] = {
    TEST(large_messages_take_turns_of_four_frames),
    TEST(a_small_message_passes_all_large_ones_but_the_frame_that_was_first),
    TEST(the_last_bytes_of_a_large_message_wait_for_nobody),
    TEST(who_has_no_window_keeps_nobody_waiting),
    TEST(turns_go_on_where_the_connections_window_ended),
    TEST(small_messages_without_end_do_not_starve_large_ones),
    TEST(nor_do_those_that_wait_for_the_connections_window),
    TEST(who_is_reset_gives_its_turn_or_its_place_away),
    TEST(who_is_reset_in_the_lane_is_called_no_more),
    TEST(a_server_does_the_same_with_replies),
    TESTS_END,
};

const test_suite h2_lane_suite = {"lane", cases, pair_setup, pair_teardown};
