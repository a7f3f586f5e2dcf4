/* pool_test.c: which connection takes a call, when one more is dialed, and which must go. */
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <stdio.h>
#include <string.h>

/* ---- helpers ---- */

static size_t dials(void) {
  return sim_net_dials(w_sim, &w_address);
}

static size_t requests(const rawpeer *p) {
  return rawpeer_count(p, RAW_HEADERS, RAW_ANY);
}

static bool is_open(const rawpeer *p) {
  return rawpeer_state(p) == 0;
}

static void start(size_t count) {
  for (size_t i = 0; i < count; i++)
    w_unary();
  w_run();
}

/* Ends the oldest call that `p` has not answered yet. */
static void answer_stream(rawpeer *p, uint32_t stream) {
  w_answer(p, stream, "reply");
  w_run();
}

static rawpeer *last; /* whose PINGs were acknowledged last, */
static size_t acked;  /* and how many of them */

static void ack_pings(rawpeer *p) {
  if (last != p) acked = 0;
  last = p;
  const rawframe *f;
  for (; (f = rawpeer_find(p, RAW_PING, 0, acked)); acked++)
    if (!(f->flags & RAW_ACK)) rawpeer_ping(p, RAW_ACK, f->payload);
  w_run();
}

static const gmux__line *line_at(size_t n) {
  const gmux__link *l = w_channel->loop_only.endpoint.ready.first;
  for (; l && n > 0; n--)
    l = l->next;
  return gmux__line_of(l);
}

/* ---- promise 1: slots, ideal, pack and spread ---- */

static void three_calls_with_a_limit_of_2_take_two_connections(void) {
  w_open();
  start(3);
  rawpeer *p = w_greet(2), *q = w_greet(2);
  CU_ASSERT_PTR_NOT_NULL_FATAL(rawpeer_find(p, RAW_HEADERS, 1, 0));
  CU_ASSERT_EQUAL(requests(p), 2);
  CU_ASSERT_EQUAL(requests(q), 1);
  CU_ASSERT_EQUAL(w_answer_all(p, "reply") + w_answer_all(q, "reply"), 3);
  w_run();
  CU_ASSERT_EQUAL(w_stats().calls_succeeded, 3);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 2);
}

static void a_limit_lowered_from_100_to_1_with_100_in_flight_blocks_nothing_for_ever(void) {
  w_options.max_connections = 1;
  w_open();
  start(150);
  rawpeer *p = w_greet(100);
  CU_ASSERT_EQUAL(requests(p), 100);
  w_settings(p, 1);
  w_run();
  CU_ASSERT_EQUAL(w_stats().calls_running, 100); /* none is harmed */
  for (uint32_t i = 0; i < 150; i++) {
    CU_ASSERT_EQUAL(requests(p), i < 100 ? 100 : i + 1);
    answer_stream(p, 2 * i + 1);
  }
  CU_ASSERT_EQUAL(w_stats().calls_succeeded, 150);
}

static void with_pack_calls_fill_the_fullest_connection_below_its_ideal(void) {
  w_options.ideal_streams = 2;
  w_open();
  start(3);
  rawpeer *p = w_greet(-1), *q = w_greet(-1);
  CU_ASSERT_EQUAL(requests(p), 3); /* while the second was made the first took what came */
  start(1);
  CU_ASSERT_EQUAL(requests(q), 1);
  answer_stream(p, 1);
  answer_stream(p, 3);
  start(1); /* both carry one call: the first asked, which is the oldest */
  CU_ASSERT_EQUAL(requests(p), 4);
  start(1);
  CU_ASSERT_EQUAL(requests(q), 2);
  answer_stream(p, 5);
  answer_stream(p, 7);
  answer_stream(q, 1);
  start(1); /* none and one: the fuller one, so that the other can go idle */
  CU_ASSERT_EQUAL(requests(q), 3);
}

static void with_spread_calls_go_to_the_least_loaded_connection(void) {
  w_options.pick_order = GMUX_PICK_SPREAD;
  w_options.min_connections = 3;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p[3];
  for (int i = 0; i < 3; i++)
    p[i] = w_greet(-1);
  start(30);
  for (int i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(requests(p[i]), 10);
}

static void a_connection_whose_socket_takes_nothing_is_passed_over(void) {
  sim_net(w_sim)->buffer_bytes = 1024;
  w_options.min_connections = 2;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_greet(-1), *q = w_greet(-1);
  sim_link_stall(sim_link_first(w_sim), SIM_TO_SERVER);
  static char much[100000];
  memset(much, 'x', sizeof much - 1);
  tcall *t = w_start(GMUX_UNARY, NULL);
  CU_ASSERT_TRUE(w_write(t, much) >= 0);
  w_run();
  CU_ASSERT_TRUE(gmux__conn_is_blocked(line_at(0)->conn));
  start(1);
  CU_ASSERT_EQUAL(requests(p), 0);
  CU_ASSERT_EQUAL(requests(q), 1);
}

/* ---- promise 2: one more connection ---- */

static void ten_thousand_calls_on_a_cold_channel_make_one_dial_then_at_most_four(void) {
  enum { CALLS = 10000 };
  static tcall *t[CALLS];
  w_open();
  for (int i = 0; i < CALLS; i++)
    t[i] = w_unary();
  w_run();
  CU_ASSERT_EQUAL(dials(), 1);
  rawpeer *p[4];
  size_t answered = 0;
  for (size_t i = 0; i < 4; i++) {
    CU_ASSERT_EQUAL(dials(), i + 1); /* the next one only when this one greets */
    p[i] = w_greet(100);
  }
  while (answered < CALLS) {
    size_t before = answered;
    for (int i = 0; i < 4; i++)
      answered += w_answer_all(p[i], "reply");
    w_run();
    CU_ASSERT_FATAL(answered > before);
  }
  CU_ASSERT_EQUAL(dials(), 4);
  size_t good = 0;
  for (int i = 0; i < CALLS; i++)
    good += t[i]->ends == 1 && t[i]->code == GMUX_OK;
  CU_ASSERT_EQUAL(good, CALLS);
  CU_ASSERT_EQUAL(w_stats().streams_peak, 400);
  for (int i = 0; i < 4; i++) /* each has carried its share */
    CU_ASSERT_TRUE(requests(p[i]) > CALLS / 8);
}

static void a_full_connection_goes_on_taking_calls_while_another_is_dialed(void) {
  w_options.ideal_streams = 2;
  rawpeer *p = w_connected();
  start(2);
  CU_ASSERT_EQUAL(dials(), 1);
  start(1);
  CU_ASSERT_EQUAL(dials(), 2);
  start(10);
  CU_ASSERT_EQUAL(requests(p), 13);
  CU_ASSERT_EQUAL(dials(), 2);
  rawpeer *q = w_greet(-1);
  start(1);
  CU_ASSERT_EQUAL(requests(q), 1);
  CU_ASSERT_EQUAL(requests(p), 13);
}

static void growth_stops_at_the_maximum(void) {
  w_options.ideal_streams = 1;
  w_options.max_connections = 2;
  w_connected();
  start(2);
  w_greet(-1);
  start(20);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(dials(), 2);
  CU_ASSERT_EQUAL(w_stats().calls_running, 22);
}

static void a_growth_dial_that_fails_fails_nobody(void) {
  rawpeer *p = w_connected();
  w_settings(p, 1);
  w_run();
  sim_net_refuse(w_sim, &w_address, true);
  start(1);
  tcall *waits = w_unary();
  w_run();
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
  ASSERT_LOG(waits, "");
  tcall *later = w_unary(); /* nor a new one while the backoff runs */
  w_run();
  ASSERT_LOG(later, "");
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  w_run_ms(1200);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 2); /* and it is tried again */
  for (uint32_t stream = 1; stream <= 5; stream += 2)
    answer_stream(p, stream);
  ASSERT_CODE(waits, GMUX_OK);
  ASSERT_CODE(later, GMUX_OK);
  w_run_ms(100000);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 2); /* until nobody needs it */
}

static void a_crowd_that_has_gone_needs_no_further_connection(void) {
  w_options.ideal_streams = 2;
  rawpeer *p = w_connected();
  sim_net_refuse(w_sim, &w_address, true);
  start(3);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
  w_run_ms(1200);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 2); /* it is still there */
  answer_stream(p, 1);
  answer_stream(p, 3);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 2);
  start(2); /* the next one does */
  CU_ASSERT_EQUAL(w_stats().dials_failed, 3);
}

static void a_dial_that_nobody_needs_any_more_becomes_a_spare(void) {
  rawpeer *p = w_connected();
  w_settings(p, 1);
  start(1);
  tcall *t = w_unary();
  w_run();
  CU_ASSERT_EQUAL(dials(), 2);
  gmux_call_cancel(t->call);
  answer_stream(p, 1);
  rawpeer *q = w_greet(1);
  w_run();
  CU_ASSERT_TRUE(is_open(q));
  CU_ASSERT_EQUAL(w_stats().connections_ready, 2);
}

/* ---- promise 3: who waits ---- */

static void when_the_last_connection_is_lost_and_dials_fail_waiting_calls_fail(void) {
  rawpeer *p = w_connected();
  w_settings(p, 1);
  start(1);
  tcall *t = w_unary();
  w_run();
  rawpeer *q = w_accept(); /* the growth dial hangs before its SETTINGS */
  sim_net_refuse(w_sim, &w_address, true);
  rawpeer_reset(p);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING); /* by the dial that runs (gRPC A105) */
  ASSERT_LOG(t, "");
  rawpeer_reset(q);
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
}

/* ---- promise 4: min_connections and warm ---- */

static struct {
  unsigned count;
  int error;
} warm;

static void on_warm(int error, void *user_data) {
  CU_ASSERT_PTR_EQUAL(user_data, &warm);
  warm.count++;
  warm.error = error;
}

static void setup(void) {
  w_setup();
  last = NULL; /* the next peer may have the same address */
  warm.count = 0;
  warm.error = 1;
}

static void nothing_is_connected_before_the_first_need(void) {
  w_options.min_connections = 2;
  w_open();
  gmux_channel_reset_backoff(w_channel);
  gmux_channel_pause(w_channel);
  gmux_channel_resume(w_channel);
  gmux_channel_rotate(w_channel);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(dials(), 0);
  start(1);
  w_greet(-1);
  w_greet(-1);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(dials(), 2);
}

static void warm_opens_min_connections_one_after_the_other_and_tells_once(void) {
  w_options.min_connections = 3;
  w_open();
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &warm), 0);
  for (unsigned i = 1; i <= 3; i++) {
    w_run();
    CU_ASSERT_EQUAL(dials(), i);
    CU_ASSERT_EQUAL(warm.count, 0);
    w_greet(-1);
  }
  CU_ASSERT_EQUAL(warm.count, 1);
  CU_ASSERT_EQUAL(warm.error, 0);
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &warm), 0);
  CU_ASSERT_EQUAL(warm.count, 1); /* never from inside */
  w_run();
  CU_ASSERT_EQUAL(warm.count, 2);
}

static void warm_without_a_minimum_opens_one(void) {
  w_open();
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &warm), 0);
  w_greet(-1);
  CU_ASSERT_EQUAL(warm.count, 1);
  w_run_ms(1000);
  CU_ASSERT_EQUAL(dials(), 1);
}

static void warm_goes_on_through_failures(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_options.min_connections = 2;
  w_open();
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &warm), 0);
  w_run_ms(5000);
  CU_ASSERT_TRUE(w_stats().dials_failed >= 3);
  CU_ASSERT_EQUAL(warm.count, 0);
  sim_net_refuse(w_sim, &w_address, false);
  w_greet_within(20000);
  w_greet(-1);
  CU_ASSERT_EQUAL(warm.count, 1);
}

static void warm_hears_of_the_end(void) {
  w_open();
  CU_ASSERT_EQUAL(gmux_channel_warm(NULL, on_warm, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, NULL, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &warm), 0);
  w_run();
  gmux_channel_close(w_channel, NULL, NULL);
  CU_ASSERT_EQUAL(warm.count, 0);
  w_run();
  CU_ASSERT_EQUAL(warm.count, 1);
  CU_ASSERT_EQUAL(warm.error, GMUX_ERR_CLOSED);
  CU_ASSERT_EQUAL(gmux_channel_warm(w_channel, on_warm, &warm), GMUX_ERR_CLOSED);
}

static void min_connections_are_made_again_when_lost_and_never_idle(void) {
  w_options.min_connections = 2;
  w_options.idle_timeout_ms = 1000;
  w_options.max_idle_ms = 1000;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_greet(-1);
  w_greet(-1);
  w_run_ms(100000);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 2);
  rawpeer_reset(p);
  w_run();
  CU_ASSERT_EQUAL(dials(), 3);
  w_greet(-1);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 2);
}

/* ---- promise 4: spare ones ---- */

static void spare_connections_close_after_max_idle_and_the_last_stays(void) {
  w_options.max_idle_ms = 5000;
  w_open();
  start(6);
  rawpeer *p[3];
  for (int i = 0; i < 3; i++)
    p[i] = w_greet(2);
  w_run_ms(1000);
  for (int i = 2; i >= 0; i--) { /* the last one first, a second apart */
    w_answer_all(p[i], "reply");
    w_run_ms(1000);
  }
  w_run_ms(1999);
  CU_ASSERT_EQUAL(w_stats().connections, 3);
  w_run_ms(1);
  CU_ASSERT_FALSE(is_open(p[2]));
  CU_ASSERT_EQUAL(w_stats().connections, 2);
  w_run_ms(1000);
  CU_ASSERT_FALSE(is_open(p[1]));
  w_run_ms(60000);
  CU_ASSERT_TRUE(is_open(p[0]));
  CU_ASSERT_EQUAL(w_stats().connections, 1);
  CU_ASSERT_EQUAL(w_stats().closed_idle, 2);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
}

static void a_busy_connection_is_not_idle(void) {
  w_options.max_idle_ms = 1000;
  w_open();
  start(4);
  rawpeer *p = w_greet(2), *q = w_greet(2);
  w_answer_all(p, "reply");
  w_run_ms(999);
  CU_ASSERT_TRUE(is_open(p));
  w_run_ms(60000);
  CU_ASSERT_FALSE(is_open(p));
  CU_ASSERT_TRUE(is_open(q));
  CU_ASSERT_EQUAL(w_stats().calls_running, 2);
}

static void a_maximum_idle_time_of_0_keeps_spare_ones(void) {
  w_options.max_idle_ms = 0;
  w_open();
  start(2);
  rawpeer *p = w_greet(1), *q = w_greet(1);
  w_answer_all(p, "reply");
  w_answer_all(q, "reply");
  w_run_ms(1000000);
  CU_ASSERT_EQUAL(w_stats().connections, 2);
}

static void the_idle_timeout_closes_all_and_stops_a_dial(void) {
  w_options.idle_timeout_ms = 5000;
  w_options.max_idle_ms = 0;
  w_open();
  start(3);
  rawpeer *p = w_greet(1), *q = w_greet(1);
  w_accept(); /* the third never greets */
  gmux_call_cancel(w_unary()->call);
  w_answer_all(p, "reply");
  w_answer_all(q, "reply");
  w_run();
  w_answer_all(p, "reply");
  w_run_ms(4999);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  w_run_ms(1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  w_run();
  CU_ASSERT_EQUAL(w_stats().connections + w_stats().connections_dialing, 0);
  CU_ASSERT_EQUAL(w_stats().closed_idle, 2);
}

/* ---- promise 4: burst ---- */

static void burst_options(void) {
  w_options.max_connections = 1;
  w_options.burst_connections = 1;
  w_options.burst_after_ms = 100;
  w_options.max_idle_ms = 5000;
}

static void a_call_that_waits_for_long_brings_a_burst_connection(void) {
  burst_options();
  w_open();
  start(2);
  rawpeer *p = w_greet(1);
  w_run_ms(99);
  CU_ASSERT_EQUAL(dials(), 1);
  w_run_ms(1);
  CU_ASSERT_EQUAL(dials(), 2);
  rawpeer *q = w_greet(1);
  CU_ASSERT_EQUAL(requests(p) + requests(q), 2);
  start(5);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(dials(), 2); /* no more than burst_connections */
}

static void burst_connections_are_used_last_and_go_first(void) {
  burst_options();
  w_open();
  start(2);
  rawpeer *p = w_greet(1);
  w_run_ms(100);
  rawpeer *q = w_greet(1);
  w_run_ms(1000);
  w_answer_all(p, "reply");
  w_run_ms(10);
  w_answer_all(q, "reply"); /* idle later than the other, and yet the first to go */
  w_run();
  start(1);
  CU_ASSERT_EQUAL(requests(p), 2);
  w_answer_all(p, "reply");
  w_run_ms(5000);
  CU_ASSERT_FALSE(is_open(q));
  CU_ASSERT_TRUE(is_open(p));
}

static void a_burst_connection_takes_the_place_of_one_lost_meanwhile(void) {
  burst_options();
  w_open();
  start(2);
  rawpeer *p = w_greet(1);
  w_run_ms(100);
  CU_ASSERT_EQUAL(dials(), 2);
  rawpeer_reset(p);
  w_run();
  w_greet(1);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 1);
  CU_ASSERT_FALSE(line_at(0)->is_temporary);
}

static void a_burst_connection_that_nobody_needs_any_more_is_closed(void) {
  burst_options();
  w_open();
  start(2);
  rawpeer *p = w_greet(1);
  w_run_ms(100);
  CU_ASSERT_EQUAL(dials(), 2);
  answer_stream(p, 1);
  answer_stream(p, 3);
  rawpeer *q = w_greet(1);
  w_run();
  CU_ASSERT_FALSE(is_open(q));
  CU_ASSERT_EQUAL(w_stats().connections, 1);
}

static void waiting_for_the_answer_of_an_idle_connection_is_no_burst(void) {
  burst_options();
  rawpeer *p = w_connected();
  w_run_ms(30000);
  start(1);
  w_run_ms(300);
  CU_ASSERT_EQUAL(dials(), 1);
  ack_pings(p);
  CU_ASSERT_EQUAL(requests(p), 1);
}

/* ---- promise 4: make before break ---- */

/* A call runs on p; its replacement greets, and then p drains. */
static void assert_make_before_break(rawpeer *p) {
  size_t before = requests(p);
  start(1);
  CU_ASSERT_EQUAL(requests(p), before + 1); /* it goes on taking calls */
  CU_ASSERT_TRUE(is_open(p));
  rawpeer *q = w_greet(-1);
  CU_ASSERT_EQUAL(w_stats().connections_draining, 1);
  start(1);
  CU_ASSERT_EQUAL(requests(p), before + 1);
  CU_ASSERT_EQUAL(requests(q), 1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  w_answer_all(p, "reply");
  w_answer_all(q, "reply");
  w_run();
  CU_ASSERT_FALSE(is_open(p));
  CU_ASSERT_EQUAL(w_stats().calls_failed, 0);
  CU_ASSERT_EQUAL(w_stats().connections, 1);
}

static void a_connection_too_old_is_replaced_before_it_drains(void) {
  w_options.max_age_ms = 10000;
  rawpeer *p = w_connected();
  w_run_ms(8999); /* 10 % either way */
  CU_ASSERT_EQUAL(dials(), 1);
  w_run_ms(2001);
  CU_ASSERT_EQUAL(dials(), 2);
  assert_make_before_break(p);
  CU_ASSERT_EQUAL(w_stats().recycled_age, 1);
}

static void a_busy_connection_too_old_is_replaced_too(void) {
  w_options.max_age_ms = 10000;
  rawpeer *p = w_connected();
  start(1);
  w_run_ms(11000);
  rawpeer *q = w_greet(-1);
  CU_ASSERT_EQUAL(w_stats().connections_draining, 1);
  w_run_ms(60000);
  CU_ASSERT_TRUE(is_open(p)); /* its call may go on */
  w_answer_all(p, "reply");
  w_run();
  CU_ASSERT_FALSE(is_open(p));
  CU_ASSERT_EQUAL(w_stats().calls_succeeded, 1);
  (void)q;
}

static void ages_are_jittered_and_replaced_one_at_a_time(void) {
  w_options.max_age_ms = 100000;
  w_options.min_connections = 4;
  w_open();
  gmux_channel_get_state(w_channel, true);
  for (int i = 0; i < 4; i++)
    w_greet(-1);
  CU_ASSERT_NOT_EQUAL(line_at(0)->old_ns, line_at(1)->old_ns);
  CU_ASSERT_NOT_EQUAL(line_at(1)->old_ns, line_at(2)->old_ns);
  w_run_ms(110001); /* all four are too old; the server takes its time */
  for (size_t i = 0; i < 4; i++) {
    CU_ASSERT_EQUAL(dials(), 5 + i);
    CU_ASSERT_EQUAL(w_stats().connections_ready, 4);
    w_greet(-1);
  }
  CU_ASSERT_EQUAL(w_stats().recycled_age, 4);
  w_run_ms(1000);
  CU_ASSERT_EQUAL(dials(), 8);
}

static void a_connection_that_has_carried_max_calls_is_replaced(void) {
  w_options.max_calls = 3;
  rawpeer *p = w_connected();
  for (uint32_t i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(dials(), 1);
    start(1);
    answer_stream(p, 2 * i + 1);
  }
  CU_ASSERT_EQUAL(dials(), 2);
  assert_make_before_break(p);
  CU_ASSERT_EQUAL(w_stats().recycled_calls, 1);
}

/* Promise 13. */
static void a_connection_whose_ids_are_nearly_used_up_is_replaced(void) {
  w_open();
  gmux__h2_set_first_stream_id(w_channel->h2, 1610612735);
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_greet(-1);
  start(1);
  start(1);
  CU_ASSERT_EQUAL(dials(), 2);
  w_answer_all(p, "reply");
  w_run();
  assert_make_before_break(p);
  CU_ASSERT_EQUAL(w_stats().recycled_ids, 1);
}

static void rotate_replaces_all_that_are_open_one_after_the_other(void) {
  w_options.min_connections = 3;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *old[3];
  for (int i = 0; i < 3; i++)
    old[i] = w_greet(-1);
  gmux_channel_rotate(NULL);
  gmux_channel_rotate(w_channel);
  CU_ASSERT_EQUAL(dials(), 3);
  for (int i = 0; i < 3; i++) {
    w_run();
    CU_ASSERT_EQUAL(dials(), 4 + (size_t)i);
    CU_ASSERT_TRUE(is_open(old[i]));
    w_greet(-1);
    CU_ASSERT_FALSE(is_open(old[i]));
  }
  w_run_ms(10000);
  CU_ASSERT_EQUAL(dials(), 6);
  CU_ASSERT_EQUAL(w_stats().recycled_rotated, 3);
  CU_ASSERT_EQUAL(w_stats().connections, 3);
}

static void rotate_asks_dns_though_its_answer_is_fresh(void) {
  gmux__address other = sim_address("127.0.0.2", 50051);
  rawlistener *listener = rawpeer_listen(w_loop, &other);
  sim_dns_set(w_sim, "greeter.example", &w_address, 1);
  w_open_to("greeter.example:50051");
  start(1);
  w_greet(-1);
  sim_dns_set(w_sim, "greeter.example", &other, 1);
  gmux_channel_rotate(w_channel);
  w_run();
  CU_ASSERT_EQUAL(sim_net_dials(w_sim, &other), 1);
  CU_ASSERT_EQUAL(dials(), 1);
  rawpeer_free(rawpeer_accept(listener));
  rawpeer_listen_close(listener);
}

/* When calls wait, there will be another. */
static void a_burst_connection_is_rotated_without_a_replacement(void) {
  burst_options();
  w_open();
  start(2);
  rawpeer *p = w_greet(1);
  w_run_ms(100);
  rawpeer *burst = w_greet(1);
  gmux_channel_rotate(w_channel);
  w_run();
  CU_ASSERT_EQUAL(w_stats().connections_draining, 1);
  CU_ASSERT_EQUAL(dials(), 3);
  w_greet(1);
  w_run_ms(1000);
  CU_ASSERT_EQUAL(dials(), 3);
  CU_ASSERT_EQUAL(w_stats().recycled_rotated, 2);
  w_answer_all(p, "reply");
  w_answer_all(burst, "reply");
  w_run();
  CU_ASSERT_EQUAL(w_stats().connections, 1);
}

static void a_replacement_that_cannot_be_had_leaves_the_old_one_in_use(void) {
  rawpeer *p = w_connected();
  sim_net_refuse(w_sim, &w_address, true);
  gmux_channel_rotate(w_channel);
  w_run_ms(3000);
  CU_ASSERT_TRUE(w_stats().dials_failed >= 2);
  start(1);
  CU_ASSERT_EQUAL(requests(p), 1);
  answer_stream(p, 1);
  CU_ASSERT_EQUAL(w_stats().calls_succeeded, 1);
  sim_net_refuse(w_sim, &w_address, false);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
}

/* Else a pool whose ages are shorter than its patience with idle ones would never shrink. */
static void the_replacement_of_an_idle_spare_is_as_idle(void) {
  w_options.max_age_ms = 2000;
  w_options.max_idle_ms = 5000;
  w_open();
  start(2);
  rawpeer *p = w_greet(1), *q = w_greet(1);
  w_answer_all(p, "reply");
  w_answer_all(q, "reply");
  w_run();
  for (int ms = 0; ms < 7000; ms += 100) {
    w_run_ms(100);
    for (rawpeer *n = w_accept(); n; n = w_accept())
      w_settings(n, 1);
    w_run();
  }
  CU_ASSERT_EQUAL(w_stats().connections_ready, 1);
  CU_ASSERT_EQUAL(w_stats().closed_idle, 1);
}

/* ---- DNS changes ---- */

static void a_connection_whose_address_left_dns_is_replaced(void) {
  gmux__address other = sim_address("127.0.0.2", 50051);
  rawlistener *listener = rawpeer_listen(w_loop, &other);
  sim_dns_set(w_sim, "greeter.example", &w_address, 1);
  w_options.dns_cache_ms = 1000;
  w_open_to("greeter.example:50051");
  start(1);
  rawpeer *p = w_greet(1);
  sim_dns_set(w_sim, "greeter.example", &other, 1);
  w_run_ms(60000);
  CU_ASSERT_TRUE(is_open(p)); /* DNS is not polled */
  start(1);                   /* the next dial asks */
  rawpeer *q = rawpeer_accept(listener);
  CU_ASSERT_PTR_NOT_NULL_FATAL(q);
  w_settings(q, 10);
  w_run();
  CU_ASSERT_EQUAL(requests(q), 1);
  CU_ASSERT_EQUAL(w_stats().connections_draining, 1);
  w_answer_all(p, "reply");
  w_run();
  CU_ASSERT_FALSE(is_open(p));
  CU_ASSERT_EQUAL(dials(), 1);
  CU_ASSERT_EQUAL(w_stats().recycled_rotated, 1);
  rawpeer_free(q);
  rawpeer_listen_close(listener);
}

/* ---- promise 5: validation ---- */

static void a_connection_idle_for_long_is_asked_before_a_call_is_committed_to_it(void) {
  rawpeer *p = w_connected();
  w_run_ms(30000);
  tcall *t = w_unary();
  w_run();
  CU_ASSERT_EQUAL(requests(p), 0);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 1);
  CU_ASSERT_EQUAL(w_channel->loop_only.waits.current, GMUX__WAIT_VALIDATION);
  ack_pings(p);
  CU_ASSERT_EQUAL(requests(p), 1);
  answer_stream(p, 1);
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_EQUAL(w_stats().validations, 1);
  CU_ASSERT_EQUAL(dials(), 1); /* waiting for the answer is no need for more */
}

/* Suspicion has its one PING between two answers; without this a black hole behind a quiet stream
 * would swallow every later call. */
static void a_connection_with_a_quiet_stream_is_asked_too(void) {
  w_options.max_connections = 1;
  w_options.suspect_after_ms = 0;
  rawpeer *p = w_connected();
  start(1);
  w_run_ms(1000);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 1); /* suspicion's */
  ack_pings(p);
  w_run_ms(30000);
  tcall *t = w_unary();
  w_run();
  CU_ASSERT_EQUAL(requests(p), 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 2);
  rawpeer_ping(p, RAW_ACK, rawpeer_find(p, RAW_PING, 0, 1)->payload);
  w_run();
  CU_ASSERT_EQUAL(requests(p), 2);
  w_answer_all(p, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

static void a_connection_idle_for_less_takes_calls_at_once(void) {
  rawpeer *p = w_connected();
  w_run_ms(29999);
  start(1);
  CU_ASSERT_EQUAL(requests(p), 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 0);
}

static void without_validation_an_idle_connection_takes_calls_at_once(void) {
  w_options.validate_after_ms = 0;
  rawpeer *p = w_connected();
  w_run_ms(300000);
  start(1);
  CU_ASSERT_EQUAL(requests(p), 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 0);
}

static void while_an_idle_connection_is_asked_calls_go_to_a_fresh_one(void) {
  w_options.pick_order = GMUX_PICK_SPREAD;
  w_options.min_connections = 2;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_greet(-1), *q = w_greet(-1);
  w_run_ms(29000);
  start(1);
  CU_ASSERT_EQUAL(requests(p), 1);
  w_headers(p, 1);
  w_run_ms(1000);
  start(1); /* the other is the least loaded, and silent for 30 s */
  CU_ASSERT_EQUAL(rawpeer_count(q, RAW_PING, 0), 1);
  CU_ASSERT_EQUAL(requests(p), 2);
  ack_pings(q);
  start(1);
  CU_ASSERT_EQUAL(requests(q), 1);
}

static void of_two_idle_connections_one_is_asked_and_the_other_waits_its_turn(void) {
  w_options.min_connections = 2;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p = w_greet(1), *q = w_greet(1);
  w_run_ms(60000);
  start(1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 1);
  CU_ASSERT_EQUAL(rawpeer_count(q, RAW_PING, 0) + requests(q), 0);
  ack_pings(p);
  CU_ASSERT_EQUAL(requests(p), 1);
  start(1); /* the first is full */
  CU_ASSERT_EQUAL(rawpeer_count(q, RAW_PING, 0), 1);
}

static void a_call_goes_to_a_fresh_connection_when_an_idle_one_does_not_answer(void) {
  w_options.suspect_after_ms = 500;
  rawpeer *p = w_connected();
  w_run_ms(60000);
  sim_net_blackhole(w_sim, &w_address, SIM_BOTH_WAYS);
  tcall *t = w_unary();
  w_run_ms(100);
  sim_link_stall(sim_link_first(w_sim), SIM_BOTH_WAYS); /* the old link stays dead */
  sim_net_blackhole(w_sim, &w_address, 0);
  w_run_ms(400);
  CU_ASSERT_EQUAL(dials(), 2);
  rawpeer *q = w_greet(-1);
  w_answer_all(q, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  w_run_ms(20000);
  CU_ASSERT_EQUAL(w_stats().lost[GMUX_LOSS_DEAD], 1);
  CU_ASSERT_EQUAL(w_stats().connections, 1);
  (void)p;
}

/* ---- promise 10: suspicion ---- */

static void new_calls_leave_a_black_hole_within_suspect_after_and_one_dial(void) {
  w_options.suspect_after_ms = 500;
  rawpeer *p = w_connected();
  tcall *lost = w_unary();
  w_run();
  sim_link_stall(sim_link_first(w_sim), SIM_BOTH_WAYS);
  w_run_ms(500);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  CU_ASSERT_EQUAL(dials(), 1);
  tcall *t = w_unary();
  rawpeer *q = w_greet(-1);
  CU_ASSERT_EQUAL(requests(q), 1);
  w_answer_all(q, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  w_run_ms(19999);
  ASSERT_LOG(lost, "");
  w_run_ms(1);
  ASSERT_CODE(lost, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(w_stats().connections, 1);
  CU_ASSERT_EQUAL(w_stats().lost[GMUX_LOSS_DEAD], 1);
  (void)p;
}

static void when_all_is_suspect_and_the_dial_fails_calls_fail(void) {
  w_options.suspect_after_ms = 500;
  w_connected();
  start(1);
  sim_link_stall(sim_link_first(w_sim), SIM_BOTH_WAYS);
  w_run_ms(500);
  sim_net_refuse(w_sim, &w_address, true);
  tcall *t = w_unary();
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_HAS(t->message, "connection refused");
  t = w_unary(); /* until the next attempt may start */
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(dials(), 2);
}

/* What the attempt said is no news any more when a connection is there after all. */
static void once_trusted_again_the_failed_dial_is_forgotten(void) {
  w_options.suspect_after_ms = 500;
  rawpeer *p = w_connected();
  start(1);
  w_run_ms(500);
  sim_net_refuse(w_sim, &w_address, true);
  start(1);
  CU_ASSERT_EQUAL(w_stats().dials_failed, 1);
  ack_pings(p);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 0);
  w_answer_all(p, "reply");
  w_run();
  rawpeer_goaway(p, 1, 0, "");
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  tcall *t = w_unary(); /* it waits for the next attempt */
  w_run();
  ASSERT_LOG(t, "");
}

static void trusted_again_the_least_loaded_beyond_the_maximum_drains(void) {
  w_options.suspect_after_ms = 500;
  w_options.max_connections = 1;
  rawpeer *p = w_connected();
  start(3);
  w_run_ms(500);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 1);
  start(1);
  rawpeer *q = w_greet(-1); /* the suspect one does not count */
  CU_ASSERT_EQUAL(requests(q), 1);
  ack_pings(p);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 0);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 1);
  CU_ASSERT_EQUAL(w_stats().connections_draining, 1);
  start(1);
  CU_ASSERT_EQUAL(requests(p), 4); /* with three calls against one */
  w_answer_all(q, "reply");
  w_run();
  CU_ASSERT_FALSE(is_open(q));
}

static void a_burst_connection_made_while_another_was_suspect_is_one_too_many(void) {
  burst_options();
  w_options.suspect_after_ms = 500;
  w_open();
  start(2);
  rawpeer *a = w_greet(1);
  w_run_ms(100);
  rawpeer *burst = w_greet(1);
  w_run_ms(600);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 2);
  start(2);
  w_greet(1);
  w_run_ms(100);
  CU_ASSERT_EQUAL(dials(), 4); /* suspect ones of a burst do not count, either */
  ack_pings(a);
  ack_pings(burst);
  rawpeer *late = w_greet(1);
  w_run();
  CU_ASSERT_EQUAL(w_stats().connections_ready, 2);
  CU_ASSERT_TRUE(is_open(a) && is_open(burst));
  CU_ASSERT_FALSE(is_open(late));
}

static void a_suspect_connection_is_no_spare_however_little_it_carries(void) {
  w_options.suspect_after_ms = 500;
  w_options.max_connections = 1;
  rawpeer *p = w_connected();
  start(3);
  w_run_ms(500);
  start(1);
  w_greet(-1);
  w_run_ms(500);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 2);
  start(2);
  rawpeer *r = w_greet(-1);
  ack_pings(p); /* three calls against two; and one on the suspect one */
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 1);
  CU_ASSERT_EQUAL(w_stats().connections_draining, 1);
  w_answer_all(r, "reply");
  w_run();
  CU_ASSERT_FALSE(is_open(r));
}

static void of_connections_with_as_many_calls_the_newest_drains(void) {
  w_options.suspect_after_ms = 500;
  w_options.max_connections = 1;
  rawpeer *p = w_connected();
  start(1);
  w_run_ms(500);
  start(1);
  rawpeer *q = w_greet(-1);
  ack_pings(p);
  w_answer_all(q, "reply");
  w_run();
  CU_ASSERT_FALSE(is_open(q));
  CU_ASSERT_TRUE(is_open(p));
}

static void a_burst_connection_trusted_again_beyond_the_maximum_drains(void) {
  burst_options();
  w_options.suspect_after_ms = 500;
  w_open();
  start(2);
  rawpeer *p = w_greet(1);
  w_run_ms(100);
  rawpeer *q = w_greet(1);
  w_run_ms(600);
  ack_pings(p);
  CU_ASSERT_EQUAL(w_stats().connections_suspect, 1);
  start(1);
  w_run_ms(100);
  rawpeer *r = w_greet(1); /* in place of the suspect one */
  CU_ASSERT_EQUAL(requests(r), 1);
  ack_pings(q);
  CU_ASSERT_EQUAL(w_stats().connections_ready, 2);
  CU_ASSERT_EQUAL(w_stats().connections_draining, 1);
}

static void an_idle_connection_waits_for_trust_before_it_closes_and_nobody_waits_busily(void) {
  w_options.suspect_after_ms = 500;
  w_options.max_connections = 3;
  w_options.max_idle_ms = 1000;
  w_open();
  tcall *t = w_unary();
  start(2);
  rawpeer *p = w_greet(1), *q = w_greet(1), *r = w_greet(1);
  w_run_ms(500);
  ack_pings(q);
  ack_pings(r);
  gmux_call_cancel(t->call);
  uint64_t turns = sim_turns(w_sim);
  w_run_ms(5000);
  CU_ASSERT_TRUE(sim_turns(w_sim) - turns < 50);
  CU_ASSERT_TRUE(is_open(p));
  ack_pings(p);
  CU_ASSERT_FALSE(is_open(p));
  CU_ASSERT_EQUAL(w_stats().closed_idle, 1);
}

/* ---- promises 7 and 11: losing them ---- */

static void after_goaway_with_calls_a_replacement_is_dialed_before_any_call_needs_it(void) {
  w_options.redial_jitter_ms = 1000;
  rawpeer *p = w_connected();
  start(1);
  rawpeer_goaway(p, 1, 0, NULL);
  w_run();
  CU_ASSERT_EQUAL(dials(), 1);
  w_run_ms(1000);
  CU_ASSERT_EQUAL(dials(), 2);
  rawpeer *q = w_greet(-1);
  start(1);
  CU_ASSERT_EQUAL(requests(q), 1);
  CU_ASSERT_TRUE(is_open(p));
}

static void the_replacement_itself_needs_none(void) {
  rawpeer *p = w_connected();
  start(1);
  rawpeer_goaway(p, 1, 0, NULL);
  w_run();
  rawpeer *q = w_greet(-1);
  rawpeer_reset(q);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(dials(), 2);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
}

static void growth_and_rotation_are_not_spread(void) {
  w_options.redial_jitter_ms = 60000;
  rawpeer *p = w_connected();
  CU_ASSERT_EQUAL(dials(), 1); /* nor is a first dial */
  w_settings(p, 1);
  w_run();
  start(2);
  CU_ASSERT_EQUAL(dials(), 2);
  w_greet(1);
  gmux_channel_rotate(w_channel);
  w_run();
  CU_ASSERT_EQUAL(dials(), 3);
}

static void the_redials_of_200_channels_are_spread_over_the_jitter(void) {
  enum { CHANNELS = 200, BUCKETS = 10 };
  static gmux_channel *channels[CHANNELS];
  static rawpeer *peers[CHANNELS];
  const gmux_loop_options fast = {.size = sizeof fast,
                                  .read_buffer_bytes = 65536,
                                  .max_dialing = 1000,
                                  .dial_rate_per_s = 1000};
  gmux_loop *loop = sim_loop_with(w_sim, &fast);
  w_options.redial_jitter_ms = 1000;
  for (int i = 0; i < CHANNELS; i++) {
    CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&channels[i], loop, "ipv4:127.0.0.1:50051", &w_options),
                          0);
    gmux_channel_get_state(channels[i], true);
  }
  w_run();
  for (int i = 0; i < CHANNELS; i++) {
    peers[i] = rawpeer_accept(w_listener);
    CU_ASSERT_PTR_NOT_NULL_FATAL(peers[i]);
    w_settings(peers[i], -1);
  }
  w_run();
  for (int i = 0; i < CHANNELS; i++) {
    gmux_method *method = w_methods[GMUX_BIDI_STREAMING];
    tcall *t = w_record();
    CU_ASSERT_EQUAL(gmux_call_start(&t->call, channels[i], method, NULL, &w_handlers, t), 0);
  }
  w_run();
  for (int i = 0; i < CHANNELS; i++) /* the server restarts */
    rawpeer_goaway(peers[i], INT32_MAX, 0, NULL);
  w_run();
  size_t counted = CHANNELS;
  for (int i = 0; i < BUCKETS; i++) {
    w_run_ms(100);
    size_t more = dials() - counted;
    CU_ASSERT_TRUE(more >= 5 && more <= 45); /* 20 each on average */
    counted = dials();
  }
  CU_ASSERT_EQUAL(counted, 2 * CHANNELS);
  for (int i = 0; i < CHANNELS; i++)
    gmux_channel_free(channels[i]);
  w_run();
  for (int i = 0; i < CHANNELS; i++)
    rawpeer_free(peers[i]);
  for (rawpeer *p = rawpeer_accept(w_listener); p; p = rawpeer_accept(w_listener))
    rawpeer_free(p);
}

static void when_one_of_two_is_lost_its_calls_alone_fail(void) {
  w_open();
  start(2);
  rawpeer *p = w_greet(1), *q = w_greet(1);
  rawpeer_reset(p);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  CU_ASSERT_EQUAL(w_stats().calls_failed, 1);
  w_answer_all(q, "reply");
  w_run();
  CU_ASSERT_EQUAL(w_stats().calls_succeeded, 1);
  CU_ASSERT_EQUAL(w_stats().lost[GMUX_LOSS_RESET], 1);
}

/* ---- promise 9 ---- */

static void too_many_pings_doubles_the_interval_once_for_all_connections_that_had_it(void) {
  w_options.min_connections = 2;
  w_options.keepalive_ms = 10000;
  w_open();
  gmux_channel_get_state(w_channel, true);
  rawpeer *p[2] = {w_greet(-1), w_greet(-1)};
  CU_ASSERT_EQUAL(w_stats().keepalive_ms, 10000);
  for (int i = 0; i < 2; i++)
    rawpeer_goaway(p[i], 0, 11, "too_many_pings");
  w_run();
  CU_ASSERT_EQUAL(w_stats().too_many_pings, 2);
  CU_ASSERT_EQUAL(w_stats().keepalive_ms, 20000);
  w_run_ms(1200);           /* they were of no use, so the next one waits as after a failure */
  rawpeer *q = w_greet(-1); /* made with the new interval: it counts again */
  rawpeer_goaway(q, 0, 11, "too_many_pings");
  w_run();
  CU_ASSERT_EQUAL(w_stats().keepalive_ms, 40000);
  CU_ASSERT_EQUAL(w_stats().goaways[11], 3);
}

static void other_reasons_to_calm_down_change_no_interval(void) {
  w_options.keepalive_ms = 10000;
  rawpeer *p = w_connected();
  rawpeer_goaway(p, 0, 11, "excess load");
  w_run();
  CU_ASSERT_EQUAL(w_stats().keepalive_ms, 10000);
  CU_ASSERT_EQUAL(w_stats().too_many_pings, 0);
}

static void on_log(gmux_log_level level, const char *room, const char *text, void *user_data) {
  (void)room;
  char *log = user_data;
  if (level <= GMUX_LOG_INFO) strncat(log, text, 999 - strlen(log));
}

/* On the loop's thread, when it begins to matter. */
static void an_interval_that_few_servers_allow_is_worth_a_line_in_the_log(void) {
  char log[1000] = "";
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.log = on_log;
  o.log_user_data = log;
  o.log_level = GMUX_LOG_INFO;
  gmux_loop *loop = sim_loop_with(w_sim, &o);
  for (uint32_t ms = 9999; ms <= 10000; ms++) {
    w_options.keepalive_ms = ms;
    CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&w_channel, loop, "127.0.0.1:50051", &w_options), 0);
    CU_ASSERT_STRING_EQUAL(log, "");
    gmux_channel_get_state(w_channel, true);
    CU_ASSERT_EQUAL(strstr(log, "keepalive_ms 9999") != NULL, ms == 9999);
    gmux_channel_free(w_channel);
    w_channel = NULL;
    w_run();
    log[0] = '\0';
  }
}

/* ---- promise 6: eager calls ---- */

static void eager_calls_leave_before_the_servers_settings(void) {
  w_options.eager_calls = 3;
  w_open();
  start(5);
  rawpeer *p = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_run();
  CU_ASSERT_EQUAL(requests(p), 3);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_CONNECTING);
  w_settings(p, -1);
  w_run();
  CU_ASSERT_EQUAL(requests(p), 5);
  CU_ASSERT_EQUAL(w_answer_all(p, "reply"), 5);
  w_run();
  CU_ASSERT_EQUAL(w_stats().calls_succeeded, 5);
}

static void eager_calls_heed_the_limit_that_the_peer_had_before(void) {
  w_options.eager_calls = 3;
  rawpeer *p = w_connected();
  w_settings(p, 1);
  w_run();
  rawpeer_goaway(p, 0, 0, NULL);
  start(3);
  p = w_accept();
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_run();
  CU_ASSERT_EQUAL(requests(p), 1);
}

static void an_eager_call_lost_before_the_settings_is_possibly_executed(void) {
  w_options.eager_calls = 1;
  w_open();
  tcall *t = w_unary();
  rawpeer *p = w_accept();
  w_run();
  CU_ASSERT_EQUAL(requests(p), 1);
  rawpeer_reset(p);
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_POSSIBLE);
}

static void eager_calls_on_an_address_that_loses_the_race_may_finish(void) {
  gmux__address slow = sim_address("127.0.0.2", 50051);
  rawlistener *listener = rawpeer_listen(w_loop, &slow);
  w_options.eager_calls = 1;
  w_open_to("ipv4:127.0.0.2:50051,127.0.0.1:50051");
  tcall *t = w_unary();
  w_run_ms(250);
  rawpeer *p = rawpeer_accept(listener);
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
  w_run();
  CU_ASSERT_EQUAL(requests(p), 1);
  w_greet(-1); /* the other one is faster */
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  ASSERT_LOG(t, "");
  w_settings(p, -1);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_FALSE(is_open(p));
  rawpeer_free(p);
  rawpeer_listen_close(listener);
}

/* ---- promise 14: what calls wait for ---- */

static gmux__wait waits_for(void) {
  return w_channel->loop_only.waits.current;
}

static void what_calls_wait_for_is_known_at_each_step(void) {
  sim_dns_set(w_sim, "greeter.example", &w_address, 1);
  sim_net(w_sim)->dns_latency_ns = 10 * MS;
  sim_net(w_sim)->latency_ns = 10 * MS;
  w_options.max_connections = 1;
  w_open_to("greeter.example:50051");
  gmux_call_options patient = w_patient();
  w_start(GMUX_UNARY, &patient);
  w_run();
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_RESOLVE);
  w_run_ms(10);
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_DIAL);
  w_run_ms(20);
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_SETTINGS);
  rawpeer *p = w_accept();
  w_settings(p, 0);
  w_run_ms(20);
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_LIMIT);
  sim_net_refuse(w_sim, &w_address, true);
  rawpeer_reset(p);
  w_run_ms(60);
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_BACKOFF);
  gmux_channel_pause(w_channel);
  w_run();
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_PAUSED);
}

static void the_tls_handshake_is_waited_for_by_its_name(void) {
  w_options.cleartext = false;
  w_open();
  w_unary();
  CU_ASSERT_PTR_NOT_NULL(w_accept());
  CU_ASSERT_EQUAL(waits_for(), GMUX__WAIT_TLS);
}

static const test_case cases[] = {
    TEST(three_calls_with_a_limit_of_2_take_two_connections),
    TEST(a_limit_lowered_from_100_to_1_with_100_in_flight_blocks_nothing_for_ever),
    TEST(with_pack_calls_fill_the_fullest_connection_below_its_ideal),
    TEST(with_spread_calls_go_to_the_least_loaded_connection),
    TEST(a_connection_whose_socket_takes_nothing_is_passed_over),
    TEST(ten_thousand_calls_on_a_cold_channel_make_one_dial_then_at_most_four),
    TEST(a_full_connection_goes_on_taking_calls_while_another_is_dialed),
    TEST(growth_stops_at_the_maximum),
    TEST(a_growth_dial_that_fails_fails_nobody),
    TEST(a_crowd_that_has_gone_needs_no_further_connection),
    TEST(a_dial_that_nobody_needs_any_more_becomes_a_spare),
    TEST(when_the_last_connection_is_lost_and_dials_fail_waiting_calls_fail),
    TEST(nothing_is_connected_before_the_first_need),
    TEST(warm_opens_min_connections_one_after_the_other_and_tells_once),
    TEST(warm_without_a_minimum_opens_one),
    TEST(warm_goes_on_through_failures),
    TEST(warm_hears_of_the_end),
    TEST(min_connections_are_made_again_when_lost_and_never_idle),
    TEST(spare_connections_close_after_max_idle_and_the_last_stays),
    TEST(a_busy_connection_is_not_idle),
    TEST(a_maximum_idle_time_of_0_keeps_spare_ones),
    TEST(the_idle_timeout_closes_all_and_stops_a_dial),
    TEST(a_call_that_waits_for_long_brings_a_burst_connection),
    TEST(burst_connections_are_used_last_and_go_first),
    TEST(a_burst_connection_takes_the_place_of_one_lost_meanwhile),
    TEST(a_burst_connection_that_nobody_needs_any_more_is_closed),
    TEST(waiting_for_the_answer_of_an_idle_connection_is_no_burst),
    TEST(a_connection_too_old_is_replaced_before_it_drains),
    TEST(a_busy_connection_too_old_is_replaced_too),
    TEST(ages_are_jittered_and_replaced_one_at_a_time),
    TEST(a_connection_that_has_carried_max_calls_is_replaced),
    TEST(a_connection_whose_ids_are_nearly_used_up_is_replaced),
    TEST(rotate_replaces_all_that_are_open_one_after_the_other),
    TEST(rotate_asks_dns_though_its_answer_is_fresh),
    TEST(a_burst_connection_is_rotated_without_a_replacement),
    TEST(a_replacement_that_cannot_be_had_leaves_the_old_one_in_use),
    TEST(the_replacement_of_an_idle_spare_is_as_idle),
    TEST(a_connection_whose_address_left_dns_is_replaced),
    TEST(a_connection_idle_for_long_is_asked_before_a_call_is_committed_to_it),
    TEST(a_connection_with_a_quiet_stream_is_asked_too),
    TEST(a_connection_idle_for_less_takes_calls_at_once),
    TEST(without_validation_an_idle_connection_takes_calls_at_once),
    TEST(while_an_idle_connection_is_asked_calls_go_to_a_fresh_one),
    TEST(of_two_idle_connections_one_is_asked_and_the_other_waits_its_turn),
    TEST(a_call_goes_to_a_fresh_connection_when_an_idle_one_does_not_answer),
    TEST(new_calls_leave_a_black_hole_within_suspect_after_and_one_dial),
    TEST(when_all_is_suspect_and_the_dial_fails_calls_fail),
    TEST(once_trusted_again_the_failed_dial_is_forgotten),
    TEST(trusted_again_the_least_loaded_beyond_the_maximum_drains),
    TEST(a_burst_connection_made_while_another_was_suspect_is_one_too_many),
    TEST(a_suspect_connection_is_no_spare_however_little_it_carries),
    TEST(of_connections_with_as_many_calls_the_newest_drains),
    TEST(a_burst_connection_trusted_again_beyond_the_maximum_drains),
    TEST(an_idle_connection_waits_for_trust_before_it_closes_and_nobody_waits_busily),
    TEST(after_goaway_with_calls_a_replacement_is_dialed_before_any_call_needs_it),
    TEST(the_replacement_itself_needs_none),
    TEST(growth_and_rotation_are_not_spread),
    TEST(the_redials_of_200_channels_are_spread_over_the_jitter),
    TEST(when_one_of_two_is_lost_its_calls_alone_fail),
    TEST(too_many_pings_doubles_the_interval_once_for_all_connections_that_had_it),
    TEST(other_reasons_to_calm_down_change_no_interval),
    TEST(an_interval_that_few_servers_allow_is_worth_a_line_in_the_log),
    TEST(eager_calls_leave_before_the_servers_settings),
    TEST(eager_calls_heed_the_limit_that_the_peer_had_before),
    TEST(an_eager_call_lost_before_the_settings_is_possibly_executed),
    TEST(eager_calls_on_an_address_that_loses_the_race_may_finish),
    TEST(what_calls_wait_for_is_known_at_each_step),
    TEST(the_tls_handshake_is_waited_for_by_its_name),
    TESTS_END,
};

const test_suite client_pool_suite = {"pool", cases, setup, w_teardown};
