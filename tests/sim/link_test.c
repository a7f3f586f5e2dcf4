/* link_test.c: links carry bytes as TCP would, also when they are broken. */
#include "tests/sim/sides.h"
#include <gmux/error.h>
#include <string.h>

extern const test_suite sim_link_suite;

/* ---- bytes ---- */

static void bytes_arrive_in_order_after_the_latency(void) {
  sides_connect();
  sim_net(world)->latency_ns = 10 * MS;
  CU_ASSERT_EQUAL(side_write(&client, "ab"), 2);
  sim_run_for(world, 4 * MS);
  sim_net(world)->latency_ns = 1 * MS; /* a faster way does not overtake */
  CU_ASSERT_EQUAL(side_write(&client, "cd"), 2);
  sim_run_for(world, 6 * MS - 1);
  CU_ASSERT_EQUAL(server.len, 0);
  sim_run_for(world, 1);
  CU_ASSERT_STRING_EQUAL(server.data, "abcd");
  CU_ASSERT_EQUAL(client.len, 0);
}

static void bytes_do_not_arrive_within_the_call_that_wrote_them(void) {
  uint8_t byte;
  sides_connect();
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  CU_ASSERT_EQUAL(gmux__transport_read(server.transport, &byte, 1), GMUX_ERR_AGAIN);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
}

static void slices_are_written_in_one_go(void) {
  static const gmux__slice slices[] = {
      {(const uint8_t *)"one ", 4}, {NULL, 0}, {(const uint8_t *)"two", 3}};
  sim_link *link = sides_connect();
  CU_ASSERT_EQUAL(gmux__transport_write(server.transport, slices, 3), 7);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(client.data, "one two");
  CU_ASSERT_EQUAL(sim_link_bytes(link, SIM_TO_CLIENT), 7);
  CU_ASSERT_EQUAL(sim_link_writes(link, SIM_TO_CLIENT), 1);
  CU_ASSERT_EQUAL(sim_link_writes(link, SIM_TO_SERVER), 0);
}

static void a_full_buffer_holds_the_writer_until_the_reader_takes(void) {
  uint8_t taken[4];
  sim_net(world)->buffer_bytes = 8;
  sides_connect();
  gmux__transport_want(server.transport, 0);
  CU_ASSERT_EQUAL(side_write(&client, "0123456789"), 8);
  CU_ASSERT_EQUAL(side_write(&client, "89"), GMUX_ERR_AGAIN);
  gmux__transport_want(client.transport, GMUX__WRITABLE);
  sim_run(world);
  CU_ASSERT_EQUAL(client.calls, 0);
  CU_ASSERT_EQUAL(gmux__transport_read(server.transport, taken, 4), 4);
  sim_run(world);
  CU_ASSERT_EQUAL(client.events, GMUX__WRITABLE);
  CU_ASSERT_EQUAL(side_write(&client, "89"), 2);
  gmux__transport_want(server.transport, GMUX__READABLE);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "456789"); /* round the end of the ring */
}

/* What is in the buffer goes round its end when it has to grow. */
static void a_buffer_grows_around_what_is_in_it(void) {
  static uint8_t sent[40000], got[40000];
  for (size_t i = 0; i < sizeof sent; i++)
    sent[i] = (uint8_t)(i * 7 + i / 256);
  sides_connect();
  gmux__transport_want(server.transport, 0);
  const gmux__slice parts[] = {{sent, 4000}, {sent + 4000, 2000}, {sent + 6000, 34000}};
  size_t len = 0;
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(gmux__transport_write(client.transport, &parts[i], 1), (ptrdiff_t)parts[i].len);
    sim_run(world);
    len += (size_t)gmux__transport_read(server.transport, got + len, 2000);
  }
  len += (size_t)gmux__transport_read(server.transport, got + len, sizeof got - len);
  CU_ASSERT_EQUAL(len, sizeof sent);
  CU_ASSERT_EQUAL(memcmp(got, sent, sizeof sent), 0);
}

static void chunks_limit_what_one_call_moves(void) {
  sides_connect();
  sim_net(world)->write_chunk = 3;
  sim_net(world)->read_chunk = 1;
  CU_ASSERT_EQUAL(side_write(&client, "abcdef"), 3);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "abc");
  CU_ASSERT_EQUAL(server.calls, 3);
}

/* ---- readiness ---- */

static void readiness_is_told_once_a_turn_while_it_lasts_and_is_wanted(void) {
  sides_connect();
  sim_net(world)->read_chunk = 1;
  CU_ASSERT_EQUAL(side_write(&client, "abcd"), 4);
  CU_ASSERT_TRUE(sim_step(world));
  CU_ASSERT_EQUAL(server.calls, 1);
  CU_ASSERT_TRUE(sim_step(world));
  CU_ASSERT_EQUAL(server.calls, 2);
  gmux__transport_want(server.transport, 0);
  CU_ASSERT_FALSE(sim_step(world));
  gmux__transport_want(server.transport, GMUX__READABLE);
  sim_run(world);
  CU_ASSERT_EQUAL(server.calls, 4);
}

static void close_both_sides(void *owner, unsigned events) {
  (void)events;
  ((side *)owner)->calls++;
  side_close(&client);
  side_close(&server);
}

static void on_ready_may_close_its_own_transport_and_others(void) {
  sides_connect();
  client.transport->on_ready = server.transport->on_ready = close_both_sides;
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  CU_ASSERT_EQUAL(side_write(&server, "b"), 1);
  sim_run(world);
  CU_ASSERT_EQUAL(client.calls + server.calls, 1);
  CU_ASSERT_EQUAL(sim_net_live(world).transports, 0);
  CU_ASSERT_PTR_NULL(sim_link_first(world));
}

static side *robbed;

static void read_the_others_bytes(void *owner, unsigned events) {
  (void)events;
  side_read(owner);
  side_read(robbed);
}

static void who_is_not_ready_any_more_is_not_told(void) {
  sides_connect();
  robbed = &server;
  client.transport->on_ready = read_the_others_bytes;
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  CU_ASSERT_EQUAL(side_write(&server, "b"), 1);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
  CU_ASSERT_EQUAL(server.calls, 0);
}

/* Who is told first, of eight links whose servers have become ready in one turn; as letters. */
static char told[9];

static void note_who(void *owner, unsigned events) {
  (void)events;
  side *x = owner;
  size_t len = strlen(told);
  CU_ASSERT_FATAL(len < sizeof told - 1);
  told[len] = x->data[0];
  told[len + 1] = '\0';
  gmux__transport_want(x->transport, 0);
}

static void tell_eight(bool is_shuffled) {
  side clients[8], servers[8];
  told[0] = '\0';
  for (int i = 0; i < 8; i++) {
    sides_connect();
    clients[i] = client;
    servers[i] = server;
    client = server = (side){0};
    servers[i].data[0] = (char)('a' + i);
    servers[i].transport->owner = &servers[i];
    servers[i].transport->on_ready = note_who;
  }
  sim_shuffle(world, is_shuffled);
  for (int i = 0; i < 8; i++)
    CU_ASSERT_EQUAL(side_write(&clients[i], "x"), 1);
  sim_run(world);
  for (int i = 0; i < 8; i++) {
    gmux__transport_close(clients[i].transport);
    gmux__transport_close(servers[i].transport);
  }
}

static void those_that_are_ready_in_one_turn_are_told_in_order_or_by_chance(void) {
  tell_eight(false);
  CU_ASSERT_STRING_EQUAL(told, "abcdefgh");
  tell_eight(true);
  CU_ASSERT_EQUAL(strlen(told), 8);
  CU_ASSERT_STRING_NOT_EQUAL(told, "abcdefgh");
}

/* The kernel takes what comes, also for a process that is stopped. */
static void a_frozen_loop_finds_all_that_came_meanwhile(void) {
  sides_connect();
  sim_loop_freeze(loop, S);
  CU_ASSERT_EQUAL(side_write(&client, "ab"), 2);
  sim_run_for(world, S / 2);
  CU_ASSERT_EQUAL(side_write(&client, "cd"), 2);
  sim_run_for(world, S / 2 - 1);
  CU_ASSERT_EQUAL(server.calls, 0);
  sim_run_for(world, 1);
  CU_ASSERT_STRING_EQUAL(server.data, "abcd");
  CU_ASSERT_EQUAL(server.calls, 1);
}

/* ---- ends ---- */

static void close_ends_behind_what_was_written(void) {
  sides_connect();
  sim_net(world)->latency_ns = 10 * MS;
  CU_ASSERT_EQUAL(side_write(&client, "bye"), 3);
  side_close(&client);
  sim_run_for(world, 10 * MS - 1);
  CU_ASSERT_EQUAL(server.calls, 0);
  sim_run_for(world, 1);
  CU_ASSERT_STRING_EQUAL(server.data, "bye");
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_EOF);
}

static void shutdown_ends_one_half(void) {
  sides_connect();
  gmux__transport_shutdown(client.transport);
  sim_run(world);
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_EOF);
  CU_ASSERT_EQUAL(side_write(&server, "still here"), 10);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(client.data, "still here");
  CU_ASSERT_EQUAL(side_write(&client, "a"), GMUX_ERR_IO);
}

static void bytes_for_a_closed_end_are_answered_by_a_reset(void) {
  sides_connect();
  sim_net(world)->latency_ns = 10 * MS;
  side_close(&client);
  sim_run_for(world, 10 * MS);
  CU_ASSERT_EQUAL(side_write(&server, "a"), 1); /* nobody knows yet */
  sim_run_for(world, 20 * MS - 1);
  CU_ASSERT_EQUAL(side_write(&server, "b"), 1);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(side_write(&server, "c"), GMUX_ERR_IO);
}

static void close_with_unread_bytes_resets_the_peer(void) {
  sides_connect();
  gmux__transport_want(server.transport, 0);
  CU_ASSERT_EQUAL(side_write(&client, "unread"), 6);
  CU_ASSERT_EQUAL(side_write(&server, "last words"), 10);
  sim_run(world);
  side_close(&server);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(client.data, "last words");
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_IO);
}

/* ---- broken links ---- */

static void reset_breaks_both_ends_and_loses_what_is_under_way(void) {
  sim_link *link = sides_connect();
  gmux__transport_want(server.transport, 0);
  CU_ASSERT_EQUAL(side_write(&client, "there"), 5);
  sim_run(world);
  sim_net(world)->latency_ns = 10 * MS;
  CU_ASSERT_EQUAL(side_write(&client, "lost"), 4);
  sim_link_reset(link);
  gmux__transport_want(server.transport, GMUX__READABLE);
  sim_run_for(world, 20 * MS);
  CU_ASSERT_STRING_EQUAL(server.data, "there");
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_IO);
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_IO);
  gmux__transport_shutdown(client.transport); /* too late to be seen as a good end */
  sim_run_for(world, 20 * MS);
  side_read(&server);
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_IO);
  CU_ASSERT_STRING_EQUAL(server.data, "there");
  CU_ASSERT_EQUAL(side_write(&client, "a"), GMUX_ERR_IO);
  CU_ASSERT_EQUAL(side_write(&server, "a"), GMUX_ERR_IO);
}

static void a_reset_makes_a_held_writer_ready(void) {
  sim_net(world)->buffer_bytes = 1;
  sim_link *link = sides_connect();
  gmux__transport_want(server.transport, 0);
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  gmux__transport_want(client.transport, GMUX__WRITABLE);
  sim_run(world);
  CU_ASSERT_EQUAL(client.calls, 0);
  sim_link_reset(link);
  CU_ASSERT_TRUE(sim_step(world));
  CU_ASSERT_EQUAL(client.events, GMUX__WRITABLE);
}

static void half_close_ends_a_direction_that_its_writer_believes_in(void) {
  sim_link *link = sides_connect();
  CU_ASSERT_EQUAL(side_write(&client, "heard"), 5);
  sim_link_half_close(link, SIM_TO_SERVER);
  CU_ASSERT_EQUAL(side_write(&client, "unheard"), 7);
  CU_ASSERT_EQUAL(side_write(&server, "back"), 4);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(server.data, "heard");
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_EOF);
  CU_ASSERT_STRING_EQUAL(client.data, "back");
  CU_ASSERT_EQUAL(client.end, 0);
}

static void a_black_hole_holds_one_direction_until_it_heals(void) {
  sides_connect();
  sim_net_blackhole(world, &at, SIM_TO_SERVER);
  CU_ASSERT_EQUAL(side_write(&client, "held"), 4);
  CU_ASSERT_EQUAL(side_write(&server, "free"), 4);
  sim_run_for(world, GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(server.calls, 0);
  CU_ASSERT_STRING_EQUAL(client.data, "free");
  sim_net_blackhole(world, &at, SIM_TO_CLIENT);
  CU_ASSERT_EQUAL(side_write(&server, " no more"), 8);
  sim_run_for(world, GMUX__NS_PER_S);
  CU_ASSERT_STRING_EQUAL(server.data, "held");
  CU_ASSERT_STRING_EQUAL(client.data, "free");
  sim_net_blackhole(world, &at, 0);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(client.data, "free no more");
  CU_ASSERT_EQUAL(sim_happened_so_far(world)->lost_to_server, 1);
  CU_ASSERT_EQUAL(sim_happened_so_far(world)->lost_to_client, 1);
  CU_ASSERT_EQUAL(sim_happened_so_far(world)->stalled, 0);
}

static void a_dial_into_a_black_hole_completes_only_when_it_heals(void) {
  sim_net(world)->latency_ns = 10 * MS;
  sim_net_blackhole(world, &at, SIM_TO_SERVER);
  sides_dial(&at);
  sim_run_for(world, 100 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(accepted + dialed, 0);
  sim_net_blackhole(world, &at, 0);
  sim_run_for(world, 20 * MS);
  CU_ASSERT_EQUAL(accepted, 1);
  CU_ASSERT_EQUAL(dialed, 1);
  CU_ASSERT_EQUAL(dial_error, 0);
}

static void a_dial_whose_answer_is_lost_waits_for_it(void) {
  sim_net(world)->latency_ns = 10 * MS;
  sides_dial(&at);
  sim_run_for(world, 15 * MS);
  sim_net_blackhole(world, &at, SIM_TO_CLIENT);
  sim_run_for(world, GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(accepted, 1);
  CU_ASSERT_EQUAL(dialed, 0);
  sim_net_blackhole(world, &at, 0);
  sim_run_for(world, 10 * MS);
  CU_ASSERT_EQUAL(dialed, 1);
}

static void a_stalled_link_leaves_others_alone(void) {
  sim_link *first = sides_connect();
  side old_client = client, old_server = server;
  old_client.transport->owner = &old_client;
  old_server.transport->owner = &old_server;
  client = server = (side){0};
  sim_link *second = sides_connect();
  CU_ASSERT_PTR_EQUAL(sim_link_first(world), first);
  CU_ASSERT_PTR_EQUAL(sim_link_next(first), second);
  CU_ASSERT_PTR_NULL(sim_link_next(second));
  CU_ASSERT_TRUE(gmux__address_is_equal(sim_link_address(second), &at));
  sim_link_stall(first, SIM_BOTH_WAYS);
  CU_ASSERT_EQUAL(side_write(&old_client, "a"), 1);
  CU_ASSERT_EQUAL(side_write(&client, "b"), 1);
  sim_run(world);
  CU_ASSERT_EQUAL(old_server.len, 0);
  CU_ASSERT_STRING_EQUAL(server.data, "b");
  sim_link_stall(first, 0);
  sim_run(world);
  CU_ASSERT_STRING_EQUAL(old_server.data, "a");
  side_close(&old_client);
  side_close(&old_server);
}

static const test_case cases[] = {
    TEST(bytes_arrive_in_order_after_the_latency),
    TEST(bytes_do_not_arrive_within_the_call_that_wrote_them),
    TEST(slices_are_written_in_one_go),
    TEST(a_full_buffer_holds_the_writer_until_the_reader_takes),
    TEST(a_buffer_grows_around_what_is_in_it),
    TEST(chunks_limit_what_one_call_moves),
    TEST(readiness_is_told_once_a_turn_while_it_lasts_and_is_wanted),
    TEST(who_is_not_ready_any_more_is_not_told),
    TEST(on_ready_may_close_its_own_transport_and_others),
    TEST(those_that_are_ready_in_one_turn_are_told_in_order_or_by_chance),
    TEST(a_frozen_loop_finds_all_that_came_meanwhile),
    TEST(close_ends_behind_what_was_written),
    TEST(shutdown_ends_one_half),
    TEST(bytes_for_a_closed_end_are_answered_by_a_reset),
    TEST(close_with_unread_bytes_resets_the_peer),
    TEST(reset_breaks_both_ends_and_loses_what_is_under_way),
    TEST(a_reset_makes_a_held_writer_ready),
    TEST(half_close_ends_a_direction_that_its_writer_believes_in),
    TEST(a_black_hole_holds_one_direction_until_it_heals),
    TEST(a_dial_into_a_black_hole_completes_only_when_it_heals),
    TEST(a_dial_whose_answer_is_lost_waits_for_it),
    TEST(a_stalled_link_leaves_others_alone),
    TESTS_END,
};

const test_suite sim_link_suite = {"link", cases, sides_setup, sides_teardown};
