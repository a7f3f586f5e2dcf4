/* fate_test.c: what befalls one byte, slow links, and dials in trouble. */
#include "tests/sim/sides.h"
#include <gmux/error.h>
#include <string.h>

extern const test_suite sim_fate_suite;

static const sim_happened *happened(void) {
  return sim_happened_so_far(world);
}

/* ---- fates ---- */

static void a_reset_at_a_byte_leaves_all_before_it(void) {
  sim_link *link = sides_connect();
  sim_link_fate(link, SIM_TO_SERVER, SIM_FATE_RESET, 3);
  CU_ASSERT_EQUAL(side_write(&client, "ab"), 2);
  sim_run(world);
  CU_ASSERT_EQUAL(server.end, 0);
  CU_ASSERT_EQUAL(side_write(&client, "cdef"), 4);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "abc");
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_IO);
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_IO);
  CU_ASSERT_EQUAL(side_write(&client, "g"), GMUX_ERR_IO);
  CU_ASSERT_EQUAL(happened()->fates[SIM_FATE_RESET], 1);
  CU_ASSERT_EQUAL(happened()->resets, 0);
}

static void a_reset_by_fate_takes_the_latency_of_its_byte(void) {
  sim_net(world)->latency_ns = 10 * MS;
  sim_link *link = sides_connect();
  sim_link_fate(link, SIM_TO_SERVER, SIM_FATE_RESET, 0);
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  sim_run_for(world, 10 * MS - 1);
  CU_ASSERT_EQUAL(client.end, 0);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_IO);
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_IO);
}

static void an_end_at_a_byte_is_one_that_its_writer_does_not_know_of(void) {
  sim_link *link = sides_connect();
  sim_link_fate(link, SIM_TO_CLIENT, SIM_FATE_EOF, 2);
  CU_ASSERT_EQUAL(side_write(&server, "abcd"), 4);
  CU_ASSERT_EQUAL(side_write(&server, "unheard"), 7);
  CU_ASSERT_EQUAL(side_write(&client, "back"), 4);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(client.data, "ab");
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_EOF);
  CU_ASSERT_STRING_EQUAL(server.data, "back");
  CU_ASSERT_EQUAL(server.end, 0);
}

static void a_stall_at_a_byte_holds_it_and_the_rest_until_it_heals(void) {
  sim_link *link = sides_connect();
  sim_link_fate(link, SIM_TO_SERVER, SIM_FATE_STALL, 1);
  CU_ASSERT_EQUAL(side_write(&client, "abc"), 3);
  CU_ASSERT_EQUAL(side_write(&client, "d"), 1);
  sim_run_for(world, 3600 * S);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
  CU_ASSERT_EQUAL(side_write(&server, "free"), 4);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(client.data, "free");
  sim_link_stall(link, 0);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "abcd");
  CU_ASSERT_EQUAL(side_write(&client, "e"), 1); /* it came true once */
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "abcde");
}

static void a_flipped_byte_arrives_as_another_among_its_like(void) {
  sim_link *link = sides_connect();
  sim_link_fate(link, SIM_TO_SERVER, SIM_FATE_FLIP, 4);
  CU_ASSERT_EQUAL(side_write(&client, "abc"), 3);
  CU_ASSERT_EQUAL(side_write(&client, "def"), 3);
  CU_ASSERT_EQUAL(side_write(&client, "g"), 1);
  sim_run(world);
  CU_ASSERT_EQUAL(server.len, 7);
  CU_ASSERT_EQUAL(memcmp(server.data, "abcd", 4), 0);
  CU_ASSERT_NOT_EQUAL(server.data[4], 'e');
  CU_ASSERT_STRING_EQUAL(server.data + 5, "fg");
  CU_ASSERT_EQUAL(happened()->fates[SIM_FATE_FLIP], 1);
}

static void a_fate_whose_byte_has_passed_meets_the_next(void) {
  sim_link *link = sides_connect();
  CU_ASSERT_EQUAL(side_write(&client, "abc"), 3);
  sim_link_fate(link, SIM_TO_SERVER, SIM_FATE_EOF, 1);
  CU_ASSERT_EQUAL(side_write(&client, "d"), 1);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "abc");
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_EOF);
}

static void a_fate_whose_byte_never_comes_is_none(void) {
  sim_link *link = sides_connect();
  sim_link_fate(link, SIM_TO_SERVER, SIM_FATE_RESET, 3);
  CU_ASSERT_EQUAL(side_write(&client, "abc"), 3);
  sim_run(world);
  CU_ASSERT_EQUAL(server.end, 0);
  CU_ASSERT_EQUAL(happened()->fates[SIM_FATE_RESET], 0);
  sim_link_fate(link, SIM_TO_SERVER, SIM_FATE_NONE, 0);
  CU_ASSERT_EQUAL(side_write(&client, "def"), 3);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "abcdef");
}

static void the_fate_of_an_address_befalls_its_next_links_alone(void) {
  gmux__address other = sim_address("127.0.0.2", 1);
  sim_net_fate(world, &at, SIM_TO_CLIENT, SIM_FATE_STALL, 0, 1);
  sim_net_fate(world, &other, SIM_TO_SERVER, SIM_FATE_RESET, 0, 1);
  sides_connect();
  CU_ASSERT_EQUAL(side_write(&server, "never"), 5);
  CU_ASSERT_EQUAL(side_write(&client, "well"), 4);
  sim_run(world);
  CU_ASSERT_EQUAL(client.len, 0);
  CU_ASSERT_STRING_EQUAL(server.data, "well");
  side_close(&client);
  side_close(&server);
  client = server = (side){0};
  sides_connect();
  CU_ASSERT_EQUAL(side_write(&server, "heard"), 5);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(client.data, "heard");
  CU_ASSERT_EQUAL(happened()->fates[SIM_FATE_STALL], 1);
}

/* Every place of a message of 3 writes: what was before it is there, and nothing behind it. */
static void a_link_can_be_cut_at_any_byte(void) {
  for (uint64_t cut = 0; cut < 9; cut++) {
    sim_link *link = sides_connect();
    sim_link_fate(link, SIM_TO_SERVER, SIM_FATE_RESET, cut);
    for (int i = 0; i < 3; i++)
      CU_ASSERT_EQUAL(side_write(&client, "xyz"), 3);
    sim_run(world);
    CU_ASSERT_EQUAL(server.len, cut);
    CU_ASSERT_EQUAL(server.end, GMUX_ERR_IO);
    side_close(&client);
    side_close(&server);
    client = server = (side){0};
  }
}

/* ---- drips ---- */

static void a_slow_link_lets_bytes_through_one_by_one(void) {
  sim_link *link = sides_connect();
  sim_link_drip(link, SIM_TO_SERVER, 10);
  CU_ASSERT_EQUAL(side_write(&client, "abcd"), 4);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
  sim_run_for(world, 100 * MS - 1);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
  sim_run_for(world, 1);
  CU_ASSERT_STRING_EQUAL(server.data, "ab");
  CU_ASSERT_EQUAL(side_write(&client, "e"), 1); /* takes its turn behind them */
  sim_run_for(world, 300 * MS);
  CU_ASSERT_STRING_EQUAL(server.data, "abcde");
  CU_ASSERT_EQUAL(server.calls, 5);
  CU_ASSERT_EQUAL(side_write(&server, "at once"), 7);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(client.data, "at once");
}

static void what_drips_comes_at_once_when_it_heals(void) {
  sides_connect();
  sim_net_drip(world, &at, SIM_BOTH_WAYS, 1);
  CU_ASSERT_EQUAL(side_write(&client, "abcd"), 4);
  side_close(&client);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
  CU_ASSERT_EQUAL(server.end, 0);
  sim_net_drip(world, &at, SIM_BOTH_WAYS, 0);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "abcd");
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_EOF);
}

static void the_slower_limit_of_link_and_address_holds(void) {
  sim_link *link = sides_connect();
  sim_net_drip(world, &at, SIM_TO_SERVER, 1000);
  sim_link_drip(link, SIM_TO_SERVER, 2);
  CU_ASSERT_EQUAL(side_write(&client, "abcd"), 4);
  sim_run_for(world, S);
  CU_ASSERT_STRING_EQUAL(server.data, "abc");
  sim_net_drip(world, &at, SIM_TO_SERVER, 1);
  sim_link_drip(link, SIM_TO_SERVER, 1000);
  CU_ASSERT_EQUAL(side_write(&client, "efgh"), 4);
  sim_run_for(world, 2 * S);
  CU_ASSERT_STRING_EQUAL(server.data, "abcde");
}

/* 100,000 bytes a second are 101 each time, not 100,000 turns. */
static void a_fast_limit_takes_few_arrivals(void) {
  char text[203];
  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  sim_link *link = sides_connect();
  sim_link_drip(link, SIM_TO_SERVER, 100000);
  CU_ASSERT_EQUAL(side_write(&client, text), 202);
  sim_run_for(world, 1010000 - 1);
  CU_ASSERT_EQUAL(server.len, 101);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(server.len, 202);
}

/* ---- dials ---- */

static void a_dial_may_be_late_and_bytes_are_not(void) {
  sim_net(world)->latency_ns = 10 * MS;
  sim_net_dial_delay(world, &at, 500 * MS);
  sides_dial(&at);
  sim_run_for(world, S);
  CU_ASSERT_EQUAL(dialed_ns, SIM_EPOCH + 520 * MS);
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  sim_run_for(world, 10 * MS);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
  CU_ASSERT_EQUAL(happened()->dials_delayed, 1);
}

static void a_refusal_may_be_late(void) {
  sim_net_dial_delay(world, &at, 500 * MS);
  sim_net_refuse(world, &at, true);
  sides_dial(&at);
  sim_run_for(world, S);
  CU_ASSERT_EQUAL(dial_error, GMUX_ERR_IO);
  CU_ASSERT_EQUAL(dialed_ns, SIM_EPOCH + 500 * MS);
  CU_ASSERT_EQUAL(happened()->dials_refused, 1);
}

static void a_host_without_a_way_is_told_in_words(void) {
  sim_net_dial_fate(world, &at, SIM_DIAL_UNREACHABLE);
  sides_dial(&at);
  sim_run(world);
  CU_ASSERT_EQUAL(dial_error, GMUX_ERR_IO);
  CU_ASSERT_STRING_EQUAL(dial_why, "no route to host");
  CU_ASSERT_EQUAL(happened()->dials_unreachable, 1);
}

static void an_unanswered_dial_times_out_as_linux_does(void) {
  sim_net_dial_fate(world, &at, SIM_DIAL_UNANSWERED);
  sides_dial(&at);
  sim_run_for(world, 127 * S - 1);
  CU_ASSERT_EQUAL(dialed, 0);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(dial_error, GMUX_ERR_TIMEOUT);
  CU_ASSERT_STRING_EQUAL(dial_why, "connection timed out");
  CU_ASSERT_EQUAL(happened()->dials_timed_out, 1);
  CU_ASSERT_EQUAL(happened()->dials_unanswered, 1);
  CU_ASSERT_EQUAL(sim_net_live(world).dials, 0);
}

static void an_unanswered_dial_goes_on_when_syns_come_through(void) {
  sim_net(world)->latency_ns = 10 * MS;
  sim_net_dial_fate(world, &at, SIM_DIAL_UNANSWERED);
  sides_dial(&at);
  sim_run_for(world, S);
  sim_net_blackhole(world, &at, SIM_TO_CLIENT);
  sim_net_blackhole(world, &at, 0); /* is not what it waits for */
  sim_run_for(world, S);
  CU_ASSERT_EQUAL(accepted + dialed, 0);
  CU_ASSERT_EQUAL(happened()->dials_unanswered, 1);
  sim_net_dial_fate(world, &at, SIM_DIAL_CONNECTS);
  sim_run_for(world, 20 * MS);
  CU_ASSERT_EQUAL(dial_error, 0);
  CU_ASSERT_EQUAL(accepted, 1);
}

static void lost_syns_leave_links_alone(void) {
  sides_connect();
  sim_net_dial_fate(world, &at, SIM_DIAL_UNANSWERED);
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  CU_ASSERT_EQUAL(side_write(&server, "b"), 1);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
  CU_ASSERT_STRING_EQUAL(client.data, "b");
}

static void syns_that_are_lost_later_do_not_touch_an_answer(void) {
  sim_net(world)->latency_ns = 10 * MS;
  sides_dial(&at);
  sim_run_for(world, 15 * MS);
  sim_net_dial_fate(world, &at, SIM_DIAL_UNANSWERED);
  sim_net_blackhole(world, &at, SIM_TO_CLIENT);
  sim_run_for(world, S);
  CU_ASSERT_EQUAL(dialed, 0);
  sim_net_blackhole(world, &at, 0);
  sim_run_for(world, 10 * MS);
  CU_ASSERT_EQUAL(dialed, 1);
  CU_ASSERT_EQUAL(dial_error, 0);
}

/* The server had taken it, and finds that nobody is there. */
static void a_dial_whose_answer_never_comes_times_out(void) {
  sim_net(world)->latency_ns = 10 * MS;
  sim_net(world)->dial_timeout_ns = 3 * S;
  sides_dial(&at);
  sim_run_for(world, 15 * MS);
  sim_net_blackhole(world, &at, SIM_TO_CLIENT);
  sim_run_for(world, 4 * S);
  CU_ASSERT_EQUAL(dial_error, GMUX_ERR_TIMEOUT);
  CU_ASSERT_EQUAL(dialed_ns, SIM_EPOCH + 3 * S);
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_EOF);
}

static const test_case cases[] = {
    TEST(a_reset_at_a_byte_leaves_all_before_it),
    TEST(a_reset_by_fate_takes_the_latency_of_its_byte),
    TEST(an_end_at_a_byte_is_one_that_its_writer_does_not_know_of),
    TEST(a_stall_at_a_byte_holds_it_and_the_rest_until_it_heals),
    TEST(a_flipped_byte_arrives_as_another_among_its_like),
    TEST(a_fate_whose_byte_has_passed_meets_the_next),
    TEST(a_fate_whose_byte_never_comes_is_none),
    TEST(the_fate_of_an_address_befalls_its_next_links_alone),
    TEST(a_link_can_be_cut_at_any_byte),
    TEST(a_slow_link_lets_bytes_through_one_by_one),
    TEST(what_drips_comes_at_once_when_it_heals),
    TEST(the_slower_limit_of_link_and_address_holds),
    TEST(a_fast_limit_takes_few_arrivals),
    TEST(a_dial_may_be_late_and_bytes_are_not),
    TEST(a_refusal_may_be_late),
    TEST(a_host_without_a_way_is_told_in_words),
    TEST(an_unanswered_dial_times_out_as_linux_does),
    TEST(an_unanswered_dial_goes_on_when_syns_come_through),
    TEST(lost_syns_leave_links_alone),
    TEST(syns_that_are_lost_later_do_not_touch_an_answer),
    TEST(a_dial_whose_answer_never_comes_times_out),
    TESTS_END,
};

const test_suite sim_fate_suite = {"fate", cases, sides_setup, sides_teardown};
