/* patience_test.c: ends give up a silent peer when their options say so, and not before. */
#include "tests/sim/sides.h"
#include <gmux/error.h>
#include <string.h>

extern const test_suite sim_patience_suite;

static const sim_happened *happened(void) {
  return sim_happened_so_far(world);
}

/* ---- the user timeout ---- */

static void bytes_that_are_not_delivered_end_their_writer_after_the_user_timeout(void) {
  dial_options.user_timeout_ms = 20000;
  sides_connect();
  sim_net_blackhole(world, &at, SIM_TO_SERVER);
  sim_run_for(world, 3600 * S); /* silence alone is no reason */
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  sim_run_for(world, 20 * S - 1);
  CU_ASSERT_EQUAL(client.end, 0);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_TIMEOUT);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "connection timed out"));
  CU_ASSERT_EQUAL(side_write(&client, "b"), GMUX_ERR_TIMEOUT);
  CU_ASSERT_EQUAL(happened()->user_timeouts, 1);
}

static void without_the_option_nobody_gives_up(void) {
  sides_connect();
  sim_net_blackhole(world, &at, SIM_BOTH_WAYS);
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  sim_run_for(world, 3600 * S);
  CU_ASSERT_EQUAL(client.end, 0);
  sim_net_blackhole(world, &at, 0);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
}

static void a_listener_gives_its_options_to_those_it_accepts(void) {
  listen_options.user_timeout_ms = 1000;
  sides_listen_again();
  sides_connect();
  sim_net_blackhole(world, &at, SIM_TO_CLIENT);
  CU_ASSERT_EQUAL(side_write(&server, "a"), 1);
  sim_run_for(world, S);
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_TIMEOUT);
  CU_ASSERT_EQUAL(client.end, 0);
}

static void each_acknowledgement_starts_the_user_timeout_again(void) {
  dial_options.user_timeout_ms = 1000;
  sim_link *link = sides_connect();
  sim_link_drip(link, SIM_TO_SERVER, 2);
  CU_ASSERT_EQUAL(side_write(&client, "abcdef"), 6);
  sim_run_for(world, 10 * S);
  CU_ASSERT_STRING_EQUAL(server.data, "abcdef");
  CU_ASSERT_EQUAL(client.end, 0);
}

static void a_heal_in_time_saves_a_link(void) {
  dial_options.user_timeout_ms = 1000;
  sides_connect();
  sim_net_blackhole(world, &at, SIM_TO_SERVER);
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  sim_run_for(world, 999 * MS);
  sim_net_blackhole(world, &at, 0);
  sim_run_for(world, 3600 * S);
  CU_ASSERT_EQUAL(client.end, 0);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
}

/* The peer reads every word, and its writer cannot know. */
static void an_acknowledgement_that_is_lost_is_none(void) {
  dial_options.user_timeout_ms = 1000;
  sides_connect();
  sim_net_blackhole(world, &at, SIM_TO_CLIENT);
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  sim_run_for(world, S);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_TIMEOUT);
}

static void what_arrived_before_is_readable_after_giving_up(void) {
  dial_options.user_timeout_ms = 1000;
  sides_connect();
  gmux__transport_want(client.transport, 0);
  CU_ASSERT_EQUAL(side_write(&server, "last words"), 10);
  sim_run(world);
  sim_net_blackhole(world, &at, SIM_BOTH_WAYS);
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  sim_run_for(world, S);
  gmux__transport_want(client.transport, GMUX__READABLE);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(client.data, "last words");
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_TIMEOUT);
}

/* Nothing is sent to the peer then: it learns of it when it speaks. */
static void the_peer_of_one_that_gave_up_is_reset_when_it_speaks(void) {
  dial_options.user_timeout_ms = 1000;
  sides_connect();
  sim_net_blackhole(world, &at, SIM_BOTH_WAYS);
  CU_ASSERT_EQUAL(side_write(&client, "lost with it"), 12);
  sim_run_for(world, 2 * S);
  sim_net_blackhole(world, &at, 0);
  sim_run_for(world, S);
  CU_ASSERT_EQUAL(server.calls, 0);
  CU_ASSERT_EQUAL(side_write(&server, "anybody?"), 8);
  sim_run(world);
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_IO);
}

static void one_that_gave_up_says_no_goodbye(void) {
  dial_options.user_timeout_ms = 1000;
  sides_connect();
  sim_net_blackhole(world, &at, SIM_BOTH_WAYS);
  CU_ASSERT_EQUAL(side_write(&client, "lost with it"), 12);
  sim_run_for(world, 2 * S);
  side_close(&client);
  sim_net_blackhole(world, &at, 0);
  sim_run_for(world, S);
  CU_ASSERT_EQUAL(server.calls, 0);
}

/* Linux counts the probes of a window that stays closed, too. */
static void a_peer_that_does_not_read_ends_who_fills_its_buffer(void) {
  dial_options.user_timeout_ms = 1000;
  sim_net(world)->buffer_bytes = 4;
  sides_connect();
  gmux__transport_want(server.transport, 0);
  CU_ASSERT_EQUAL(side_write(&client, "abc"), 3);
  sim_run_for(world, 3600 * S); /* all is in its buffer */
  CU_ASSERT_EQUAL(client.end, 0);
  CU_ASSERT_EQUAL(side_write(&client, "de"), 1);
  sim_run_for(world, 999 * MS);
  uint8_t byte;
  CU_ASSERT_EQUAL(gmux__transport_read(server.transport, &byte, 1), 1); /* room again */
  CU_ASSERT_EQUAL(side_write(&client, "e"), 1);
  sim_run_for(world, 999 * MS);
  CU_ASSERT_EQUAL(client.end, 0);
  sim_run_for(world, 1 * MS);
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_TIMEOUT);
}

/* ---- keepalive ---- */

static void dial_with_keepalive(uint32_t user_timeout_ms) {
  dial_options = (gmux__socket_options){.user_timeout_ms = user_timeout_ms,
                                        .keepalive_idle_s = 10,
                                        .keepalive_interval_s = 2,
                                        .keepalive_count = 3};
  sides_connect();
}

static void keepalive_ends_an_idle_link_into_a_black_hole(void) {
  dial_with_keepalive(0);
  sim_run_for(world, 3600 * S); /* answered each time */
  CU_ASSERT_EQUAL(client.end, 0);
  sim_net_blackhole(world, &at, SIM_TO_CLIENT);
  sim_run_for(world, 10 * S + 3 * 2 * S - 1);
  CU_ASSERT_EQUAL(client.end, 0);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_TIMEOUT);
  CU_ASSERT_EQUAL(happened()->keepalive_timeouts, 1);
}

static void beside_a_user_timeout_that_says_when_probes_are_enough(void) {
  dial_with_keepalive(11000);
  sim_net_blackhole(world, &at, SIM_BOTH_WAYS);
  sim_run_for(world, 12 * S - 1);
  CU_ASSERT_EQUAL(client.end, 0);
  sim_run_for(world, 1); /* the first probe behind it, and one was unanswered */
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_TIMEOUT);
}

/* Silence alone is not enough: one has to ask. */
static void a_user_timeout_shorter_than_the_idle_time_still_waits_for_a_probe(void) {
  dial_with_keepalive(5000);
  sim_net_blackhole(world, &at, SIM_BOTH_WAYS);
  sim_run_for(world, 12 * S - 1);
  CU_ASSERT_EQUAL(client.end, 0);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_TIMEOUT);
}

static void keepalive_counts_from_the_last_packet(void) {
  dial_with_keepalive(0);
  sim_run_for(world, 9 * S);
  CU_ASSERT_EQUAL(side_write(&server, "a"), 1);
  sim_run(world);
  sim_net_blackhole(world, &at, SIM_BOTH_WAYS);
  sim_run_for(world, 16 * S - 1);
  CU_ASSERT_EQUAL(client.end, 0);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_TIMEOUT);
}

static void one_answered_probe_forgives_all(void) {
  dial_with_keepalive(0);
  sim_net_blackhole(world, &at, SIM_TO_SERVER);
  sim_run_for(world, 13 * S); /* two of three */
  sim_net_blackhole(world, &at, 0);
  sim_run_for(world, 2 * S); /* the third, after 14 s, is answered */
  sim_net_blackhole(world, &at, SIM_TO_SERVER);
  sim_run_for(world, 15 * S - 1);
  CU_ASSERT_EQUAL(client.end, 0);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_TIMEOUT);
}

static void keepalive_finds_a_peer_that_gave_up_in_silence(void) {
  listen_options.user_timeout_ms = 1000;
  sides_listen_again();
  dial_with_keepalive(0);
  sim_net_blackhole(world, &at, SIM_TO_CLIENT);
  CU_ASSERT_EQUAL(side_write(&server, "a"), 1);
  sim_run_for(world, S);
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_TIMEOUT);
  sim_net_blackhole(world, &at, 0);
  sim_run_for(world, 9 * S - 1);
  CU_ASSERT_EQUAL(client.end, 0);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_IO);
}

static void pending_bytes_are_the_user_timeouts_business(void) {
  dial_with_keepalive(0);
  sim_net_blackhole(world, &at, SIM_BOTH_WAYS);
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  sim_run_for(world, 3600 * S);
  CU_ASSERT_EQUAL(client.end, 0);
}

static const test_case cases[] = {
    TEST(bytes_that_are_not_delivered_end_their_writer_after_the_user_timeout),
    TEST(without_the_option_nobody_gives_up),
    TEST(a_listener_gives_its_options_to_those_it_accepts),
    TEST(each_acknowledgement_starts_the_user_timeout_again),
    TEST(a_heal_in_time_saves_a_link),
    TEST(an_acknowledgement_that_is_lost_is_none),
    TEST(what_arrived_before_is_readable_after_giving_up),
    TEST(the_peer_of_one_that_gave_up_is_reset_when_it_speaks),
    TEST(one_that_gave_up_says_no_goodbye),
    TEST(a_peer_that_does_not_read_ends_who_fills_its_buffer),
    TEST(keepalive_ends_an_idle_link_into_a_black_hole),
    TEST(beside_a_user_timeout_that_says_when_probes_are_enough),
    TEST(a_user_timeout_shorter_than_the_idle_time_still_waits_for_a_probe),
    TEST(keepalive_counts_from_the_last_packet),
    TEST(one_answered_probe_forgives_all),
    TEST(keepalive_finds_a_peer_that_gave_up_in_silence),
    TEST(pending_bytes_are_the_user_timeouts_business),
    TESTS_END,
};

const test_suite sim_patience_suite = {"patience", cases, sides_setup, sides_teardown};
