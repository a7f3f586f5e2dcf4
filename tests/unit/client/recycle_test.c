/* recycle_test.c: connections that are replaced before they go. */
#include "tests/unit/client/pool_kit.h"

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

static void one_that_greets_and_goes_replaces_nobody(void) {
  w_options.max_age_ms = 10000;
  rawpeer *p = w_connected();
  start(1);
  w_run_ms(11000);
  rawpeer *q = w_accept();
  w_settings(q, -1);
  rawpeer_goaway(q, 0, 0, "going"); /* it arrives with them */
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  CU_ASSERT_EQUAL(w_stats().recycled_age, 0);
  start(1);
  CU_ASSERT_EQUAL(requests(p), 2);
  w_run_ms(1000); /* redial_jitter_ms, or the backoff: then another is tried */
  w_greet(-1);
  CU_ASSERT_EQUAL(w_stats().recycled_age, 1);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
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

static const test_case cases[] = {
    TEST(a_connection_too_old_is_replaced_before_it_drains),
    TEST(a_busy_connection_too_old_is_replaced_too),
    TEST(one_that_greets_and_goes_replaces_nobody),
    TEST(ages_are_jittered_and_replaced_one_at_a_time),
    TEST(a_connection_that_has_carried_max_calls_is_replaced),
    TEST(a_connection_whose_ids_are_nearly_used_up_is_replaced),
    TEST(rotate_replaces_all_that_are_open_one_after_the_other),
    TEST(rotate_asks_dns_though_its_answer_is_fresh),
    TEST(a_burst_connection_is_rotated_without_a_replacement),
    TEST(a_replacement_that_cannot_be_had_leaves_the_old_one_in_use),
    TEST(the_replacement_of_an_idle_spare_is_as_idle),
    TEST(a_connection_whose_address_left_dns_is_replaced),
    TESTS_END,
};

const test_suite client_recycle_suite = {"recycle", cases, pool_setup, w_teardown};
