#include "tests/unit/client/front_kit.h"
#include <gmux/error.h>
#include <stdio.h>

gmux_loop *fk_loops[FK_LOOPS];
static rawpeer *peers[16];
static size_t peer_count;

void fk_setup(void) {
  w_setup();
  peer_count = 0;
  for (size_t i = 0; i < FK_LOOPS; i++) {
    fk_loops[i] = sim_loop(w_sim);
    sim_set_outside(fk_loops[i], true);
  }
}

void fk_teardown(void) {
  w_teardown();
}

void fk_open(size_t count) {
  int error =
      gmux_channel_new_on_loops(&w_channel, fk_loops, count, "ipv4:127.0.0.1:50051", &w_options);
  if (error) fprintf(stderr, "# %s\n", gmux_last_error());
  CU_ASSERT_EQUAL_FATAL(error, 0);
}

gmux__front *fk_front(void) {
  return w_channel->front;
}

gmux_channel *fk_lane(size_t i) {
  return w_channel->front->lanes[i].channel;
}

gmux_channel_state fk_lane_state(size_t i) {
  return gmux_channel_get_state(fk_lane(i), false);
}

size_t fk_greet_all(void) {
  size_t before = peer_count;
  w_run();
  for (rawpeer *p; (p = w_accept());) {
    w_settings(p, -1);
    rawpeer_settings_ack(p);
    rawpeer_window_update(p, 0, 1u << 30);
    CU_ASSERT_FATAL(peer_count < sizeof peers / sizeof *peers);
    peers[peer_count++] = p;
  }
  w_run();
  return peer_count - before;
}

rawpeer *fk_peer(size_t i) {
  return peers[i];
}

void fk_connected(size_t count) {
  fk_open(count);
  gmux_channel_get_state(w_channel, true);
  CU_ASSERT_EQUAL(fk_greet_all(), count);
  for (size_t i = 0; i < count; i++)
    CU_ASSERT_EQUAL(fk_lane_state(i), GMUX_CHANNEL_READY);
}

size_t fk_answer_all(void) {
  size_t count = 0;
  w_run();
  for (size_t i = 0; i < peer_count; i++)
    if (rawpeer_state(peers[i]) == 0) count += w_answer_all(peers[i], "reply");
  w_run();
  return count;
}

void fk_inside(size_t i, void (*fn)(void *arg), void *arg) {
  CU_ASSERT_EQUAL_FATAL(gmux_loop_post(fk_loops[i], fn, arg), 0);
  w_run();
}

uint64_t fk_calls_of(size_t i) {
  gmux_channel_stats s = {.size = sizeof s};
  gmux_channel_get_stats(fk_lane(i), &s);
  return s.calls_started;
}
