/* front_test.c: a channel over several loops: where calls go, what it is as a whole. */
#include "tests/unit/client/front_kit.h"
#include <gmux/error.h>
#include <stdio.h>
#include <string.h>

/* ---- making one ---- */

static void refused(gmux_loop *const *loops, size_t count, const char *words) {
  CU_ASSERT_EQUAL(
      gmux_channel_new_on_loops(&w_channel, loops, count, "ipv4:127.0.0.1:50051", &w_options),
      GMUX_ERR_INVALID);
  ASSERT_HAS(gmux_last_error(), words);
  CU_ASSERT_PTR_NULL(w_channel);
}

static void loops_that_cannot_be_are_refused_in_words(void) {
  gmux_loop *many[GMUX_CHANNEL_LOOPS_MAX + 1];
  for (size_t i = 0; i < sizeof many / sizeof *many; i++)
    many[i] = fk_loops[0];
  gmux_loop *twice[] = {fk_loops[0], fk_loops[1], fk_loops[0]};
  gmux_loop *hole[] = {fk_loops[0], NULL};
  refused(fk_loops, 0, "0 loops: it must be 1 to 64");
  refused(many, GMUX_CHANNEL_LOOPS_MAX + 1, "65 loops: it must be 1 to 64");
  refused(twice, 3, "loops[0] and loops[2] are the same");
  refused(hole, 2, "loops[1] is NULL");
  refused(NULL, 2, "out, loops or target is NULL");
}

static void a_bad_target_leaves_nothing_behind(void) {
  CU_ASSERT_EQUAL(gmux_channel_new_on_loops(&w_channel, fk_loops, 3, "a b", &w_options),
                  GMUX_ERR_INVALID);
  w_options.max_connections = 0;
  CU_ASSERT_EQUAL(gmux_channel_new_on_loops(&w_channel, fk_loops, 3, "x:1", &w_options),
                  GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NULL(w_channel); /* and the world finds no user of a loop */
}

static void one_loop_makes_an_ordinary_channel(void) {
  fk_open(1);
  CU_ASSERT_PTR_NULL(w_channel->front);
  CU_ASSERT_PTR_NULL(w_channel->lane);
}

static void limits_of_the_whole_are_divided(void) {
  w_options.max_connections = 7;
  w_options.min_connections = 2;
  w_options.burst_connections = 4;
  w_options.max_waiting = 100;
  w_options.connection_queue_bytes = 65536;
  w_options.channel_queue_bytes = 131072;
  fk_open(3);
  static const uint32_t want[3][4] = {{3, 1, 2, 34}, {2, 1, 1, 33}, {2, 0, 1, 33}};
  for (size_t i = 0; i < 3; i++) {
    const gmux_channel_options *o = &fk_lane(i)->options;
    CU_ASSERT_EQUAL(o->max_connections, want[i][0]);
    CU_ASSERT_EQUAL(o->min_connections, want[i][1]);
    CU_ASSERT_EQUAL(o->burst_connections, want[i][2]);
    CU_ASSERT_EQUAL(o->max_waiting, want[i][3]);
    CU_ASSERT_EQUAL(o->channel_queue_bytes, 65536); /* a connection's at least */
  }
}

static void each_loop_has_a_connection_however_few_are_allowed(void) {
  w_options.max_connections = 1;
  w_options.max_waiting = 1;
  fk_connected(3);
  for (size_t i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(fk_lane(i)->options.max_connections, 1);
    CU_ASSERT_EQUAL(fk_lane(i)->options.max_waiting, 1);
  }
}

/* ---- calls ---- */

static void calls_of_other_threads_go_to_the_least_busy_loop(void) {
  fk_connected(3);
  tcall *t[30];
  for (size_t i = 0; i < 30; i++)
    t[i] = w_unary(); /* none has reached its loop yet: those on the way count */
  w_run();
  for (size_t i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(fk_calls_of(i), 10);
  CU_ASSERT_EQUAL(fk_answer_all(), 30);
  for (size_t i = 0; i < 30; i++) {
    ASSERT_LOG(t[i], "H M5 E");
    ASSERT_CODE(t[i], GMUX_OK);
  }
}

static unsigned starts_left;

static void start_here(void *arg) {
  gmux_loop *loop = arg;
  while (starts_left > 0) {
    starts_left--;
    tcall *t = w_unary();
    CU_ASSERT_PTR_EQUAL(t->call->channel->loop, loop);
  }
}

static void a_call_that_a_loop_starts_stays_on_it(void) {
  fk_connected(3);
  starts_left = GMUX__LANES_SLACK;
  fk_inside(1, start_here, fk_loops[1]);
  CU_ASSERT_EQUAL(fk_calls_of(1), GMUX__LANES_SLACK);
  CU_ASSERT_EQUAL(fk_answer_all(), GMUX__LANES_SLACK);
}

static void start_many(void *arg) {
  (void)arg;
  for (; starts_left > 0; starts_left--)
    w_unary();
}

static void a_loop_that_starts_too_many_gives_of_them_to_others(void) {
  fk_connected(2);
  starts_left = 400;
  fk_inside(0, start_many, NULL);
  CU_ASSERT_TRUE(fk_calls_of(0) > fk_calls_of(1));
  CU_ASSERT_TRUE(fk_calls_of(0) <= 2 * fk_calls_of(1) + GMUX__LANES_SLACK + 1);
  CU_ASSERT_EQUAL(fk_answer_all(), 400);
}

static void a_call_that_is_over_makes_room_on_its_loop(void) {
  fk_connected(2);
  for (int i = 0; i < 50; i++) {
    w_unary();
    CU_ASSERT_EQUAL(fk_answer_all(), 1);
  }
  CU_ASSERT_EQUAL(fk_calls_of(0), 50); /* one at a time: the first is never busy */
}

static void a_start_that_failed_counts_nowhere(void) {
  fk_connected(2);
  gmux_bytes big = gmux_bytes_borrow(NULL, 5); /* a length without data */
  for (int i = 0; i < 9; i++)
    CU_ASSERT_EQUAL(
        gmux_call_unary_start(NULL, w_channel, w_methods[GMUX_UNARY], NULL, &big, w_on_done, NULL),
        GMUX_ERR_INVALID);
  w_unary();
  CU_ASSERT_EQUAL(fk_answer_all(), 1);
  CU_ASSERT_EQUAL(fk_calls_of(0), 1);
}

static void a_loop_whose_connection_is_lost_gets_no_calls_while_another_is_ready(void) {
  fk_connected(2);
  sim_net_dial_fate(w_sim, &w_address, SIM_DIAL_REFUSED);
  rawpeer_close(fk_peer(0));
  w_run();
  gmux_channel_get_state(fk_lane(0), true);
  gmux_channel_get_state(fk_lane(1), true);
  w_run_ms(3000); /* it tries again, and fails */
  size_t lost = fk_lane_state(0) == GMUX_CHANNEL_READY;
  CU_ASSERT_EQUAL(fk_lane_state(lost), GMUX_CHANNEL_TRANSIENT_FAILURE);
  uint64_t before = fk_calls_of(lost);
  for (int i = 0; i < 20; i++)
    w_unary();
  w_run();
  CU_ASSERT_EQUAL(fk_calls_of(lost), before);
  CU_ASSERT_EQUAL(w_stats().calls_failed, 0);
  CU_ASSERT_EQUAL(fk_answer_all(), 20);
}

static void loops_that_sleep_are_woken_when_there_is_more_than_one_call(void) {
  fk_open(3);
  gmux_channel_get_state(fk_lane(1), true);
  fk_greet_all();
  w_unary(); /* goes to the one that is READY */
  w_run();
  CU_ASSERT_EQUAL(fk_calls_of(1), 1);
  CU_ASSERT_EQUAL(fk_lane_state(0), GMUX_CHANNEL_IDLE);
  w_unary(); /* there too; but now there would be work for another */
  w_run();
  CU_ASSERT_EQUAL(fk_calls_of(1), 2);
  CU_ASSERT_EQUAL(fk_lane_state(0), GMUX_CHANNEL_CONNECTING);
  CU_ASSERT_EQUAL(fk_lane_state(2), GMUX_CHANNEL_IDLE);
  fk_greet_all();
  w_unary();
  w_run();
  CU_ASSERT_EQUAL(fk_calls_of(0), 1);
  fk_greet_all();
  CU_ASSERT_EQUAL(fk_answer_all(), 3);
}

static void a_loop_that_failed_comes_back_with_the_server(void) {
  fk_connected(2);
  sim_net_dial_fate(w_sim, &w_address, SIM_DIAL_REFUSED);
  rawpeer_close(fk_peer(0));
  rawpeer_close(fk_peer(1));
  w_run();
  w_unary();
  w_unary();
  w_run_ms(3000);
  for (size_t i = 0; i < 2; i++)
    CU_ASSERT_EQUAL(fk_lane_state(i), GMUX_CHANNEL_TRANSIENT_FAILURE);
  sim_net_dial_fate(w_sim, &w_address, SIM_DIAL_CONNECTS);
  w_run_ms(120000); /* nobody asks: nobody tries */
  gmux_channel_get_state(fk_lane(0), true);
  CU_ASSERT_EQUAL(fk_greet_all(), 1);
  CU_ASSERT_EQUAL(fk_lane_state(1), GMUX_CHANNEL_TRANSIENT_FAILURE);
  w_unary();
  w_unary(); /* now there would be work for another */
  CU_ASSERT_EQUAL(fk_greet_all(), 1);
  CU_ASSERT_EQUAL(fk_lane_state(1), GMUX_CHANNEL_READY);
  CU_ASSERT_EQUAL(fk_answer_all(), 2);
}

static void each_loop_dials_once_however_many_calls_wait(void) {
  fk_open(3);
  for (int i = 0; i < 3000; i++)
    w_unary();
  w_run();
  CU_ASSERT_EQUAL(w_stats().dials_started, 3);
  CU_ASSERT_EQUAL(w_stats().calls_waiting, 3000);
}

static void explain_says_on_which_loop_a_call_is(void) {
  fk_connected(3);
  tcall *first = w_unary(), *second = w_unary();
  w_run();
  gmux_call_explanation e = {.size = sizeof e};
  for (size_t i = 0; i < FK_LOOPS; i++)
    sim_set_outside(fk_loops[i], false); /* nobody else runs it while we wait */
  CU_ASSERT_EQUAL(gmux_call_explain(first->call, &e), 0);
  CU_ASSERT_EQUAL(e.loop, 1);
  ASSERT_HAS(e.sentence, " on loop 1 of 3");
  CU_ASSERT_EQUAL(gmux_call_explain(second->call, &e), 0);
  CU_ASSERT_EQUAL(e.loop, 2);
}

/* ---- as a whole ---- */

static void the_state_is_the_best_of_the_loops(void) {
  fk_open(3);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  gmux_channel_get_state(fk_lane(2), true);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING);
  fk_greet_all();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  CU_ASSERT_EQUAL(fk_lane_state(0), GMUX_CHANNEL_IDLE);
}

static void it_has_failed_when_all_loops_have(void) {
  sim_net_dial_fate(w_sim, &w_address, SIM_DIAL_REFUSED);
  fk_open(2);
  gmux_channel_get_state(fk_lane(0), true);
  w_run();
  CU_ASSERT_EQUAL(fk_lane_state(0), GMUX_CHANNEL_TRANSIENT_FAILURE);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  gmux_channel_get_state(fk_lane(1), true);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
}

typedef struct seen {
  unsigned count;
  gmux_channel_state state;
  int error;
} seen;

static void who_waits_for_it_asks_loops_that_connect_for_a_call_too(void) {
  sim_net_dial_fate(w_sim, &w_address, SIM_DIAL_UNANSWERED);
  fk_open(2);
  w_unary();
  w_unary();
  w_run();
  for (size_t i = 0; i < 2; i++)
    CU_ASSERT_EQUAL(fk_lane_state(i), GMUX_CHANNEL_CONNECTING);
  gmux__front_want_connections(fk_front());
  w_run_ms(60000); /* the attempts fail, and both calls */
  CU_ASSERT_EQUAL(w_stats().calls_failed, 2);
  sim_net_dial_fate(w_sim, &w_address, SIM_DIAL_CONNECTS);
  size_t greeted = 0;
  for (int i = 0; i < 130 && greeted < 2; i++) {
    w_run_ms(1000);
    greeted += fk_greet_all();
  }
  CU_ASSERT_EQUAL(greeted, 2);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
}

static void on_state(gmux_channel_state state, void *user_data) {
  seen *s = user_data;
  s->count++;
  s->state = state;
}

static void watch(gmux_channel_state last, seen *s) {
  *s = (seen){.count = 0};
  CU_ASSERT_EQUAL(gmux_channel_watch_state(w_channel, last, on_state, s), 0);
}

static void watchers_hear_once_of_the_whole(void) {
  seen idle, other, closed;
  fk_open(2);
  watch(GMUX_CHANNEL_IDLE, &idle);
  watch(GMUX_CHANNEL_READY, &other); /* it already is another */
  CU_ASSERT_EQUAL(other.count, 0);   /* never from inside */
  w_run();
  CU_ASSERT_EQUAL(other.count, 1);
  CU_ASSERT_EQUAL(other.state, GMUX_CHANNEL_IDLE);
  CU_ASSERT_EQUAL(idle.count, 0);
  gmux_channel_get_state(fk_lane(1), true);
  w_run();
  CU_ASSERT_EQUAL(idle.count, 1);
  CU_ASSERT_EQUAL(idle.state, GMUX_CHANNEL_CONNECTING);
  fk_greet_all();
  watch(GMUX_CHANNEL_READY, &closed);
  gmux_channel_get_state(fk_lane(0), true); /* the other comes too: no news */
  fk_greet_all();
  CU_ASSERT_EQUAL(closed.count, 0);
  gmux_channel_close(w_channel, NULL, NULL);
  CU_ASSERT_EQUAL(gmux_channel_watch_state(w_channel, GMUX_CHANNEL_READY, on_state, &other),
                  GMUX_ERR_CLOSED);
  w_run();
  CU_ASSERT_EQUAL(closed.count, 1);
  CU_ASSERT_EQUAL(closed.state, GMUX_CHANNEL_SHUTDOWN);
  CU_ASSERT_EQUAL(idle.count + other.count, 2);
}

static void on_warm(int error, void *user_data) {
  seen *s = user_data;
  s->count++;
  s->error = error;
}

static void it_is_warm_when_all_loops_are(void) {
  w_options.min_connections = 4;
  w_options.max_connections = 4;
  fk_open(3);
  seen s = {.error = 1};
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &s), 0);
  for (int i = 0; i < 3; i++)
    w_greet(-1);
  CU_ASSERT_EQUAL(s.count, 0);
  w_greet(-1);
  CU_ASSERT_EQUAL(s.count, 1);
  CU_ASSERT_EQUAL(s.error, 0);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 4);
}

static void of_a_time_limit_the_next_loop_is_left_what_others_did_not_need(void) {
  const uint64_t ms = GMUX__NS_PER_MS;
  CU_ASSERT_EQUAL(gmux__front_left_ms(100, 0), 100);
  CU_ASSERT_EQUAL(gmux__front_left_ms(100, 40 * ms), 60);
  CU_ASSERT_EQUAL(gmux__front_left_ms(100, 41 * ms - 1), 60);
  CU_ASSERT_EQUAL(gmux__front_left_ms(100, 100 * ms), 0);
  CU_ASSERT_EQUAL(gmux__front_left_ms(100, 5000 * ms), 0);
  CU_ASSERT_EQUAL(gmux__front_left_ms(0, 5000 * ms), 0);
  CU_ASSERT_EQUAL(gmux__front_left_ms(GMUX_NO_TIMEOUT, 5000 * ms), GMUX_NO_TIMEOUT);
}

static void a_channel_that_closes_is_warm_nowhere(void) {
  fk_open(2);
  seen s = {.error = 0};
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &s), 0);
  w_run();
  gmux_channel_close(w_channel, NULL, NULL);
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &s), GMUX_ERR_CLOSED);
  w_run();
  CU_ASSERT_EQUAL(s.count, 1);
  CU_ASSERT_EQUAL(s.error, GMUX_ERR_CLOSED);
}

static const gmux__loop_ops *sim_ops;

/* The first loop hears of the pause: then another thread resumes, before the others do. */
static void wake_and_resume(gmux_loop *loop) {
  loop->ops = sim_ops;
  loop->ops->wake(loop);
  gmux_channel_resume(w_channel);
}

static void of_two_threads_that_pause_and_resume_all_loops_hear_the_same(void) {
  fk_connected(3);
  gmux__loop_ops ops = *fk_loops[0]->ops;
  sim_ops = fk_loops[0]->ops;
  ops.wake = wake_and_resume;
  fk_loops[0]->ops = &ops;
  gmux_channel_pause(w_channel);
  CU_ASSERT_PTR_EQUAL(fk_loops[0]->ops, sim_ops); /* it was woken */
  w_run();
  for (size_t i = 1; i < 3; i++)
    CU_ASSERT_EQUAL(fk_lane(i)->loop_only.is_paused, fk_lane(0)->loop_only.is_paused);
}

static void a_pause_holds_calls_of_all_loops(void) {
  fk_connected(2);
  gmux_channel_pause(w_channel);
  w_run();
  w_unary();
  w_unary();
  CU_ASSERT_EQUAL(fk_answer_all(), 0);
  CU_ASSERT_EQUAL(w_stats().calls_waiting, 2);
  gmux_channel_resume(w_channel);
  CU_ASSERT_EQUAL(fk_answer_all(), 2);
}

static void a_rotation_replaces_the_connections_of_all_loops(void) {
  fk_connected(3);
  gmux_channel_rotate(w_channel);
  CU_ASSERT_EQUAL(fk_greet_all(), 3);
  CU_ASSERT_EQUAL(w_stats().recycled_rotated, 3);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 3);
}

static void a_reset_of_the_backoff_is_for_all_loops(void) {
  sim_net_dial_fate(w_sim, &w_address, SIM_DIAL_REFUSED);
  w_options.initial_backoff_ms = 100000;
  fk_open(2);
  gmux_channel_get_state(w_channel, true);
  w_run();
  CU_ASSERT_EQUAL(w_stats().dials_failed, 2);
  w_run_ms(50);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 2);
  gmux_channel_reset_backoff(w_channel);
  w_run();
  CU_ASSERT_EQUAL(w_stats().dials_failed, 4);
}

static void what_one_loop_learns_of_too_many_pings_the_others_know(void) {
  w_options.keepalive_ms = 10000;
  fk_open(3);
  gmux_channel_get_state(fk_lane(0), true);
  rawpeer *p = w_greet(-1);
  gmux_channel_get_state(w_channel, false);
  rawpeer_goaway(p, 0, 11, "too_many_pings");
  w_run();
  for (size_t i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(fk_lane(i)->loop_only.endpoint.keepalive_ns, 20000 * MS);
  CU_ASSERT_EQUAL(w_stats().too_many_pings, 1);
  CU_ASSERT_EQUAL(w_stats().keepalive_ms, 20000);
}

static void figures_are_added_up(void) {
  fk_connected(3);
  for (int i = 0; i < 6; i++)
    w_unary();
  CU_ASSERT_EQUAL(fk_answer_all(), 6);
  w_unary();
  w_run();
  gmux_channel_stats s = w_stats();
  CU_ASSERT_EQUAL(s.calls_started, 7);
  CU_ASSERT_EQUAL(s.calls_succeeded, 6);
  CU_ASSERT_EQUAL(s.calls_running, 1);
  CU_ASSERT_EQUAL(s.connections, 3);
  CU_ASSERT_EQUAL(s.attempts, 7);
  CU_ASSERT_EQUAL(s.reused, 4);
  CU_ASSERT_TRUE(s.bytes_sent > 0 && s.bytes_received > 0);
  struct { /* of a program that knows less of them */
    size_t size;
    uint64_t started;
    uint64_t beyond;
  } old = {.size = 2 * sizeof(size_t), .beyond = 77};
  CU_ASSERT_EQUAL(gmux_channel_get_stats(w_channel, (gmux_channel_stats *)(void *)&old), 0);
  CU_ASSERT_EQUAL(old.started, 7);
  CU_ASSERT_EQUAL(old.beyond, 77);
}

static void describe_tells_of_each_loop(void) {
  static char text[16384];
  fk_connected(2);
  for (size_t i = 0; i < FK_LOOPS; i++)
    sim_set_outside(fk_loops[i], false);
  size_t len = gmux_channel_describe(w_channel, text, sizeof text);
  CU_ASSERT_EQUAL(len, strlen(text));
  ASSERT_HAS(text, "on 2 loops: READY");
  ASSERT_HAS(text, "on loop 1 of 2: channel to 127.0.0.1:50051: READY");
  ASSERT_HAS(text, "on loop 2 of 2: channel to 127.0.0.1:50051: READY");
  CU_ASSERT_EQUAL(gmux_channel_describe(w_channel, NULL, 0), len);
  char cut[40];
  CU_ASSERT_EQUAL(gmux_channel_describe(w_channel, cut, sizeof cut), len);
  CU_ASSERT_EQUAL(strlen(cut), sizeof cut - 1);
}

static char inside_text[16384];

static void describe_inside(void *arg) {
  (void)arg;
  gmux_channel_describe(w_channel, inside_text, sizeof inside_text);
}

static void on_one_of_its_loops_describe_waits_for_none(void) {
  fk_connected(2);
  fk_inside(1, describe_inside, NULL);
  ASSERT_HAS(inside_text, "no more is told");
  ASSERT_HAS(inside_text, "on loop 2 of 2: channel to 127.0.0.1:50051: READY\n  calls:");
}

static int inside_answer;

static void peer_inside(void *arg) {
  (void)arg;
  gmux_channel_peer peer = {.size = sizeof peer};
  inside_answer = gmux_channel_get_peer(w_channel, &peer, NULL);
}

/* The second loop has no connection: of the first one's it is told outside alone. */
static void the_peer_of_any_loop_is_told_but_inside_that_of_its_own(void) {
  gmux_channel_peer peer = {.size = sizeof peer};
  fk_open(2);
  gmux_channel_get_state(fk_lane(0), true);
  w_greet(-1);
  fk_inside(1, peer_inside, NULL);
  CU_ASSERT_EQUAL(inside_answer, GMUX_ERR_NOT_FOUND);
  fk_inside(0, peer_inside, NULL);
  CU_ASSERT_EQUAL(inside_answer, 0);
  for (size_t i = 0; i < FK_LOOPS; i++)
    sim_set_outside(fk_loops[i], false);
  CU_ASSERT_EQUAL(gmux_channel_get_peer(w_channel, &peer, NULL), 0);
  CU_ASSERT_STRING_EQUAL(peer.address, "ipv4:127.0.0.1:50051");
}

static void wait_inside(void *arg) {
  (void)arg;
  gmux_bytes request = gmux_bytes_borrow("x", 1), reply;
  CU_ASSERT_EQUAL(gmux_channel_connect_wait(w_channel, GMUX_NO_TIMEOUT), GMUX_ERR_DEADLOCK);
  CU_ASSERT_EQUAL(gmux_channel_warm_wait(w_channel, GMUX_NO_TIMEOUT), GMUX_ERR_DEADLOCK);
  CU_ASSERT_EQUAL(gmux_channel_drain_wait(w_channel, GMUX_NO_TIMEOUT), GMUX_ERR_DEADLOCK);
  gmux_status s = gmux_call_unary_wait(w_channel, w_methods[GMUX_UNARY], NULL, &request, &reply);
  CU_ASSERT_EQUAL(s.code, GMUX_FAILED_PRECONDITION);
  gmux_status_clear(&s);
}

static void wait_for_call(void *arg) {
  gmux_call *call = arg;
  gmux_bytes message = gmux_bytes_borrow("x", 1);
  const gmux_metadata *headers;
  CU_ASSERT_EQUAL(gmux_call_read_wait(call, &message), GMUX_ERR_DEADLOCK);
  CU_ASSERT_EQUAL(gmux_call_write_wait(call, &message), GMUX_ERR_DEADLOCK);
  CU_ASSERT_EQUAL(gmux_call_headers_wait(call, &headers), GMUX_ERR_DEADLOCK);
  gmux_status s = gmux_call_end_wait(call, NULL);
  CU_ASSERT_EQUAL(s.code, GMUX_FAILED_PRECONDITION);
  gmux_status_clear(&s);
}

static void nor_for_a_call_of_another_loop(void) {
  fk_connected(3);
  gmux_call *call = NULL;
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_start(&call, w_channel, w_methods[GMUX_BIDI_STREAMING], NULL, NULL, NULL), 0);
  for (size_t i = 0; i < 3; i++)
    fk_inside(i, wait_for_call, call);
  gmux_call_cancel(call);
  gmux_call_free(call);
  w_run();
}

static void nobody_waits_on_any_of_its_loops(void) {
  fk_connected(3);
  for (size_t i = 0; i < 3; i++)
    fk_inside(i, wait_inside, NULL);
  CU_ASSERT_EQUAL(w_stats().calls_started, 0);
}

static const test_case cases[] = {
    TEST(loops_that_cannot_be_are_refused_in_words),
    TEST(a_bad_target_leaves_nothing_behind),
    TEST(one_loop_makes_an_ordinary_channel),
    TEST(limits_of_the_whole_are_divided),
    TEST(each_loop_has_a_connection_however_few_are_allowed),
    TEST(calls_of_other_threads_go_to_the_least_busy_loop),
    TEST(a_call_that_a_loop_starts_stays_on_it),
    TEST(a_loop_that_starts_too_many_gives_of_them_to_others),
    TEST(a_call_that_is_over_makes_room_on_its_loop),
    TEST(a_start_that_failed_counts_nowhere),
    TEST(a_loop_whose_connection_is_lost_gets_no_calls_while_another_is_ready),
    TEST(loops_that_sleep_are_woken_when_there_is_more_than_one_call),
    TEST(a_loop_that_failed_comes_back_with_the_server),
    TEST(each_loop_dials_once_however_many_calls_wait),
    TEST(explain_says_on_which_loop_a_call_is),
    TEST(the_state_is_the_best_of_the_loops),
    TEST(it_has_failed_when_all_loops_have),
    TEST(who_waits_for_it_asks_loops_that_connect_for_a_call_too),
    TEST(watchers_hear_once_of_the_whole),
    TEST(it_is_warm_when_all_loops_are),
    TEST(of_a_time_limit_the_next_loop_is_left_what_others_did_not_need),
    TEST(a_channel_that_closes_is_warm_nowhere),
    TEST(of_two_threads_that_pause_and_resume_all_loops_hear_the_same),
    TEST(a_pause_holds_calls_of_all_loops),
    TEST(a_rotation_replaces_the_connections_of_all_loops),
    TEST(a_reset_of_the_backoff_is_for_all_loops),
    TEST(what_one_loop_learns_of_too_many_pings_the_others_know),
    TEST(figures_are_added_up),
    TEST(describe_tells_of_each_loop),
    TEST(on_one_of_its_loops_describe_waits_for_none),
    TEST(the_peer_of_any_loop_is_told_but_inside_that_of_its_own),
    TEST(nobody_waits_on_any_of_its_loops),
    TEST(nor_for_a_call_of_another_loop),
    TESTS_END,
};

extern const test_suite client_front_suite;
const test_suite client_front_suite = {
    .name = "front", .cases = cases, .setup = fk_setup, .teardown = fk_teardown};
