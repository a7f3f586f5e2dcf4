/* promises_pool_test.c: promises 1 to 4: which connection takes a call, and how many there are. */
#include "lib/client/channel.h"
#include "tests/sim/rawserver.h"
#include "tests/unit/harness.h"

extern const test_suite promises_pool_suite;

static void open_server_with_limit(uint32_t limit) {
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  o.max_concurrent_streams = limit;
  fleet_server_open(0, &o);
}

static size_t dials(void) {
  gmux__address at = fleet_address(0);
  return sim_net_dials(fl.sim, &at);
}

/* ---- calls that the raw server keeps ---- */

enum { HELD_MAX = 200 };

static struct {
  rawconn *conn;
  uint32_t stream;
  fleet_call *call;
} held[HELD_MAX];
static size_t held_count, answered;

static void hold(rawconn *c, uint32_t stream, fleet_call *call) {
  CU_ASSERT_FATAL(held_count < HELD_MAX);
  held[held_count].conn = c;
  held[held_count].stream = stream;
  held[held_count++].call = call;
}

static void answer_next(void) {
  rawserver_serve(held[answered].conn, held[answered].stream, held[answered].call);
  answered++;
}

static void setup(void) {
  fleet_setup();
  held_count = answered = 0;
}

/* ---- the cold channel ---- */

static void ten_thousand_calls_on_a_cold_channel_make_one_dial_then_at_most_max_connections(void) {
  unsigned count = fleet_many(10000);
  open_server_with_limit(100);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_start_many(ch, &(fleet_ask){.work_ms = 10}, count);
  CU_ASSERT_EQUAL(fleet_figures(ch).calls_waiting, count);
  while (fleet_figures(ch).connections_made == 0 && fleet_now_ms() < 100) {
    CU_ASSERT_TRUE(dials() <= 1);
    fleet_run_for(1);
  }
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_made, 1);
  CU_ASSERT_TRUE(fleet_run_until_ended(10000));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), count);
  CU_ASSERT_EQUAL(dials(), 4); /* max_connections, as it is by default */
  CU_ASSERT_EQUAL(fleet_server_figures(0).connections_accepted, 4);
  CU_ASSERT_TRUE(fleet_figures(ch).streams_peak <= 400);
  fleet_finish();
}

/* A dial is no answer to load that went away while it ran. */
static void a_dial_that_nobody_needs_any_more_leaves_a_spare_or_nothing(void) {
  open_server_with_limit(100);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_start_many(ch, &(fleet_ask){.timeout_ms = 1}, 500);
  CU_ASSERT_TRUE(fleet_run_until_ended(10));
  fleet_run_for(1000);
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_DEADLINE_EXCEEDED), 500);
  CU_ASSERT_EQUAL(fleet_call_at(0)->entry.evidence, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_TRUE(dials() <= 1);
  fleet_finish();
}

/* ---- limits ---- */

static void three_calls_with_limit_two_go_two_to_one_connection_and_one_to_the_other(void) {
  gmux_channel_options o = fleet_channel_options();
  o.min_connections = o.max_connections = 2;
  open_server_with_limit(2);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_ready, 2);
  fleet_start_many(ch, &(fleet_ask){.work_ms = 50}, 3);
  CU_ASSERT_TRUE(fleet_run_until_ended(1000));
  CU_ASSERT_EQUAL(fleet_call_at(0)->port, fleet_call_at(1)->port);
  CU_ASSERT_NOT_EQUAL(fleet_call_at(0)->port, fleet_call_at(2)->port);
  CU_ASSERT_EQUAL(dials(), 2);
  fleet_finish();
}

static void limit_lowered_from_100_to_1_with_100_in_flight_blocks_nobody_for_ever(void) {
  gmux_channel_options o = fleet_channel_options();
  o.max_connections = 1;
  rawserver_open(100, hold);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_start_many(ch, &(fleet_ask){0}, 150);
  fleet_run_for(20);
  CU_ASSERT_EQUAL_FATAL(held_count, 100);
  rawserver_set_limit(&raw.conns[0], 1);
  fleet_run_for(20);
  fleet_start_many(ch, &(fleet_ask){0}, 10);
  while (answered < 99) {
    answer_next();
    fleet_run_for(3);
  }
  CU_ASSERT_EQUAL(held_count, 100); /* one is still there: that is all that may be */
  raw.conns[0].peak = 0;
  answer_next();
  fleet_run_for(10);
  CU_ASSERT_EQUAL(held_count, 101);
  raw.on_request = rawserver_serve;
  answer_next();
  CU_ASSERT_TRUE(fleet_run_until_ended(2000));
  CU_ASSERT_EQUAL(raw.conns[0].peak, 1);
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), 160);
  CU_ASSERT_EQUAL(raw.count, 1);
  fleet_finish();
}

static void limit_lowered_to_0_holds_calls_until_it_is_raised(void) {
  gmux_channel_options o = fleet_channel_options();
  o.max_connections = 1;
  rawserver_open(100, rawserver_serve);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  rawserver_set_limit(&raw.conns[0], 0);
  fleet_run_for(10);
  fleet_start_many(ch, &(fleet_ask){0}, 20);
  fleet_run_for(1000);
  CU_ASSERT_EQUAL(raw.conns[0].requests, 0);
  CU_ASSERT_EQUAL(fleet_figures(ch).calls_waiting, 20);
  rawserver_set_limit(&raw.conns[0], 2);
  CU_ASSERT_TRUE(fleet_run_until_ended(200));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), 20);
  CU_ASSERT_TRUE(raw.conns[0].peak <= 2);
  fleet_finish();
}

enum { LIMIT_CALLS = 5000 };

/* Answered in some other order than they came, and the limit is another every few ms. */
static void change_limits_and_answer(void) {
  rawserver_look();
  for (uint64_t n = fleet_random(8); n > 0 && held_count > 0; n--) {
    size_t i = fleet_random(held_count);
    rawserver_serve(held[i].conn, held[i].stream, held[i].call);
    held[i] = held[--held_count];
  }
  if (fleet_now_ms() % 5 == 0)
    rawserver_set_limit(&raw.conns[fleet_random(raw.count)], (uint32_t)fleet_random(20));
}

static void limits_that_change_all_the_time_are_kept_and_no_call_is_lost(void) {
  rawserver_open(10, hold);
  fl.on_tick = change_limits_and_answer;
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_start(ch, &(fleet_ask){0});
  fleet_run_for(10);
  fleet_start_many(ch, &(fleet_ask){0}, fleet_many(LIMIT_CALLS));
  CU_ASSERT_TRUE(fleet_run_until_ended(60000));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), fl.call_count);
  CU_ASSERT_EQUAL(raw.count, 4);
  fleet_finish();
}

/* ---- peers that do not read ---- */

static void stop_reading(sim_link *link) {
  sim_link_stall(link, SIM_TO_SERVER);
}

static void go_on_reading(sim_link *link) {
  sim_link_stall(link, 0);
}

/* Two connections, and the peer of the one that calls are packed on reads no more. It still talks,
 * and suspicion (500 ms) has not come yet. */
static void a_connection_that_takes_nothing_is_passed_over_while_another_will_do(void) {
  gmux_channel_options o = fleet_channel_options();
  o.min_connections = o.max_connections = 2;
  sim_net(fl.sim)->buffer_bytes = 512;
  open_server_with_limit(100);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  fleet_start(ch, &(fleet_ask){.work_ms = 2000}); /* it is the fuller one from now on */
  fleet_run_for(10);
  stop_reading(sim_link_first(fl.sim));
  fleet_start_many(ch, &(fleet_ask){0}, 20);
  fleet_run_for(10);
  size_t ended = fleet_ended_with(0, GMUX_OK), begun = fl.call_count;
  CU_ASSERT_EQUAL(ended, 0);
  fleet_start_many(ch, &(fleet_ask){0}, 20);
  fleet_run_for(50);
  CU_ASSERT_EQUAL(fleet_ended_with(begun, GMUX_OK), 20);
  go_on_reading(sim_link_first(fl.sim));
  CU_ASSERT_TRUE(fleet_run_until_ended(5000));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), fl.call_count);
  fleet_finish();
}

static void a_peer_that_reads_no_more_is_a_reason_to_dial(void) {
  gmux_channel_options o = fleet_channel_options();
  o.max_connections = 2;
  sim_net(fl.sim)->buffer_bytes = 512;
  open_server_with_limit(100);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  fleet_each_link(0, stop_reading);
  fleet_start_many(ch, &(fleet_ask){0}, 20);
  fleet_run_for(50);
  fleet_start(ch, &(fleet_ask){0});
  fleet_run_for(60); /* a full socket alone is none */
  CU_ASSERT_EQUAL(dials(), 1);
  fleet_start(ch, &(fleet_ask){0}); /* there is no other yet: it is put there all the same */
  fleet_run_for(20);
  CU_ASSERT_EQUAL(dials(), 2);
  size_t begun = fl.call_count;
  fleet_start_many(ch, &(fleet_ask){0}, 20);
  fleet_run_for(50);
  CU_ASSERT_EQUAL(fleet_ended_with(begun, GMUX_OK), 20);
  fleet_each_link(0, go_on_reading);
  CU_ASSERT_TRUE(fleet_run_until_ended(5000));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), fl.call_count);
  fleet_finish();
}

/* ---- how many there are ---- */

static size_t calls_over(uint16_t port) {
  size_t count = 0;
  for (size_t i = 0; i < fl.call_count; i++)
    count += fleet_call_at(i)->port == port;
  return count;
}

static void spread_gives_each_connection_its_share(void) {
  gmux_channel_options o = fleet_channel_options();
  o.min_connections = 4;
  o.pick_order = GMUX_PICK_SPREAD;
  open_server_with_limit(100);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  fleet_start_many(ch, &(fleet_ask){.work_ms = 20}, 40);
  CU_ASSERT_TRUE(fleet_run_until_ended(100));
  for (size_t i = 0; i < fl.call_count; i++)
    CU_ASSERT_EQUAL(calls_over(fleet_call_at(i)->port), 10);
  fleet_finish();
}

static void pack_fills_one_connection_to_its_ideal_before_the_next(void) {
  gmux_channel_options o = fleet_channel_options();
  o.min_connections = 4;
  o.ideal_streams = 30;
  open_server_with_limit(100);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  fleet_start_many(ch, &(fleet_ask){.work_ms = 20}, 40);
  CU_ASSERT_TRUE(fleet_run_until_ended(100));
  for (size_t i = 0; i < fl.call_count; i++)
    CU_ASSERT_EQUAL(calls_over(fleet_call_at(i)->port), i < 30 ? 30 : 10);
  fleet_finish();
}

static void bursts_open_more_when_calls_have_waited_and_close_when_idle(void) {
  gmux_channel_options o = fleet_channel_options();
  o.max_connections = 1;
  o.burst_connections = 2;
  o.burst_after_ms = 50;
  open_server_with_limit(1);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_start_many(ch, &(fleet_ask){.work_ms = 200}, 9);
  fleet_run_for(49);
  CU_ASSERT_EQUAL(dials(), 1);
  fleet_run_for(2);
  CU_ASSERT_EQUAL(dials(), 2); /* one at a time */
  CU_ASSERT_TRUE(fleet_run_until_ended(2000));
  CU_ASSERT_EQUAL(dials(), 3);
  CU_ASSERT_TRUE(fleet_now_ms() <= 800); /* three at a time; one by one it were 1.8 s */
  fleet_run_for(301 * 1000);             /* max_idle_ms, and not idle_timeout_ms */
  CU_ASSERT_EQUAL(fleet_figures(ch).connections, 1);
  fleet_finish();
}

static void spare_connections_close_when_idle_and_the_last_one_much_later(void) {
  open_server_with_limit(100);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_start_many(ch, &(fleet_ask){.work_ms = 20}, 1000);
  CU_ASSERT_TRUE(fleet_run_until_ended(1000));
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_ready, 4);
  fl.tick_ms = 100;
  fleet_run_for(310 * 1000);
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_ready, 1);
  CU_ASSERT_EQUAL(fleet_figures(ch).closed_idle, 3);
  fleet_run_for(UINT64_C(1500) * 1000);
  CU_ASSERT_EQUAL(fleet_figures(ch).connections, 0);
  CU_ASSERT_EQUAL(gmux_channel_get_state(ch->channel, false), GMUX_CHANNEL_IDLE);
  fleet_finish();
}

static void min_connections_come_back_though_nobody_calls(void) {
  gmux_channel_options o = fleet_channel_options();
  o.min_connections = 2;
  open_server_with_limit(100);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  fleet_server_kill(0);
  fleet_run_for(500);
  open_server_with_limit(100);
  fleet_run_for(3000);
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_ready, 2);
  fleet_finish();
}

static void a_connection_whose_ids_run_out_is_replaced_and_no_call_notices(void) {
  enum { CALLS_BEFORE = 50 };
  open_server_with_limit(100);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  /* Three quarters of 2^31 ids, half of which are a client's. */
  gmux__h2_set_first_stream_id(ch->channel->h2, 0x60000001 - 2 * CALLS_BEFORE);
  fleet_load_start(ch, &(fleet_ask){.work_ms = 5}, 10);
  fleet_run_for(1000);
  CU_ASSERT_TRUE(fleet_figures(ch).recycled_ids >= 1);
  CU_ASSERT_TRUE(fleet_figures(ch).connections_made >= 2);
  fleet_finish();
  CU_ASSERT_EQUAL(ch->book.failed, 0);
}

/* ---- waiting ---- */

static void waiting_calls_are_served_in_the_order_in_which_they_came(void) {
  gmux_channel_options o = fleet_channel_options();
  o.max_connections = 1;
  open_server_with_limit(1);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_start_many(ch, &(fleet_ask){.work_ms = 2}, 100);
  CU_ASSERT_TRUE(fleet_run_until_ended(2000));
  for (size_t i = 1; i < fl.call_count; i++)
    CU_ASSERT_TRUE(fleet_call_at(i - 1)->entry.ended_ns <= fleet_call_at(i)->entry.ended_ns);
  fleet_finish();
}

static void a_call_that_waited_for_acquire_timeout_ends_unavailable_and_never_left(void) {
  gmux_channel_options o = fleet_channel_options();
  o.max_connections = 1;
  o.acquire_timeout_ms = 100;
  open_server_with_limit(1);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_start_many(ch, &(fleet_ask){.work_ms = 1000}, 2);
  CU_ASSERT_TRUE(fleet_run_until_ended(5000));
  CU_ASSERT_EQUAL(fleet_call_at(0)->entry.code, GMUX_OK);
  CU_ASSERT_EQUAL(fleet_call_at(1)->entry.code, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(fleet_call_at(1)->entry.evidence, GMUX_EVIDENCE_NEVER_LEFT);
  uint64_t waited_ms =
      (fleet_call_at(1)->entry.ended_ns - fleet_call_at(1)->entry.started_ns) / FLEET_MS;
  CU_ASSERT_TRUE(waited_ms >= 100 && waited_ms <= 101);
  fleet_finish();
}

static void one_waiter_more_than_max_waiting_is_turned_away_at_once(void) {
  gmux_channel_options o = fleet_channel_options();
  o.max_waiting = 10;
  open_server_with_limit(100);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_start_many(ch, &(fleet_ask){0}, 11);
  CU_ASSERT_TRUE(fleet_run_until_ended(1000));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), 10);
  CU_ASSERT_EQUAL(fleet_call_at(10)->entry.code, GMUX_RESOURCE_EXHAUSTED);
  fleet_finish();
}

/* ---- pause, rotate, drain ---- */

static void pause_holds_new_calls_and_resume_lets_them_go(void) {
  open_server_with_limit(100);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_start_many(ch, &(fleet_ask){.work_ms = 100}, 10);
  fleet_run_for(20);
  gmux_channel_pause(ch->channel);
  fleet_start_many(ch, &(fleet_ask){0}, 10);
  fleet_run_for(1000);
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), 10); /* those that ran */
  CU_ASSERT_EQUAL(fleet_figures(ch).calls_waiting, 10);
  gmux_channel_resume(ch->channel);
  CU_ASSERT_TRUE(fleet_run_until_ended(100));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), 20);
  fleet_finish();
}

static bool has_rotated_four(void *arg) {
  return fleet_figures(arg).recycled_rotated == 4 && fleet_figures(arg).connections_draining == 0;
}

static void rotate_replaces_every_connection_and_no_call_notices(void) {
  gmux_channel_options o = fleet_channel_options();
  o.min_connections = 4;
  open_server_with_limit(100);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  fleet_load_start(ch, &(fleet_ask){.work_ms = 10, .spread_ms = 100}, 200);
  fleet_run_for(500);
  ch->book.is_recycled = true;
  gmux_channel_rotate(ch->channel);
  CU_ASSERT_TRUE(fleet_run_until(has_rotated_four, ch, 5000));
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_made, 8);
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_ready, 4);
  fleet_finish();
  CU_ASSERT_EQUAL(ch->book.failed, 0);
}

static void mark_closed(void *user_data) {
  *(bool *)user_data = true;
}

static void on_no_call(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                       const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)status, (void)reply, (void)trailers, (void)user_data;
  fleet_promise(false, "a call that was refused ends");
}

static void a_drained_channel_finishes_what_runs_and_waits_and_refuses_what_is_new(void) {
  static bool is_closed;
  is_closed = false;
  gmux_channel_options o = fleet_channel_options();
  o.max_connections = 1;
  open_server_with_limit(1);
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_start_many(ch, &(fleet_ask){.work_ms = 20}, 5);
  fleet_run_for(10);
  gmux_channel_drain(ch->channel, GMUX_NO_TIMEOUT, mark_closed, &is_closed);
  gmux_bytes none = gmux_bytes_borrow("", 0);
  CU_ASSERT_EQUAL(
      gmux_call_unary_start(NULL, ch->channel, fl.method, NULL, &none, on_no_call, NULL),
      GMUX_ERR_CLOSED);
  CU_ASSERT_TRUE(fleet_run_until_ended(1000));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), 5);
  fleet_run_for(100);
  CU_ASSERT_TRUE(is_closed);
  fleet_finish();
}

/* ---- age ---- */

static void an_hour_of_max_age_on_both_sides_loses_nothing_and_keeps_the_pool_small(void) {
  gmux_server_options so;
  gmux_server_options_init(&so, sizeof so);
  so.max_connection_age_ms = 45000;
  fleet_server_open(0, &so);
  gmux_channel_options o = fleet_channel_options();
  o.max_age_ms = 60000;
  o.ideal_streams = 5;
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_load_start(ch, &(fleet_ask){.work_ms = 500, .spread_ms = 5000}, 12);
  fl.tick_ms = 50;
  fleet_run_for(fleet_many(3600) * UINT64_C(1000));
  fleet_finish();
  CU_ASSERT_EQUAL(ch->book.failed, 0);
  CU_ASSERT_TRUE(ch->draining_peak <= 8);
}

static void max_age_alone_replaces_before_it_drains(void) {
  open_server_with_limit(100);
  gmux_channel_options o = fleet_channel_options();
  o.max_age_ms = 5000;
  o.max_connections = 1;
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_load_start(ch, &(fleet_ask){.work_ms = 50}, 10);
  uint64_t made = 0;
  while (made < 10 && fleet_now_ms() < 100000) {
    fleet_run_for(10);
    gmux_channel_stats s = fleet_figures(ch);
    made = s.connections_made;
    CU_ASSERT_TRUE(made == 0 || s.connections_ready >= 1);
    CU_ASSERT_TRUE(s.calls_waiting == 0 || made == 0);
  }
  CU_ASSERT_EQUAL(made, 10);
  fleet_finish();
  CU_ASSERT_EQUAL(ch->book.failed, 0);
}

static const test_case cases[] = {
    TEST(ten_thousand_calls_on_a_cold_channel_make_one_dial_then_at_most_max_connections),
    TEST(a_dial_that_nobody_needs_any_more_leaves_a_spare_or_nothing),
    TEST(three_calls_with_limit_two_go_two_to_one_connection_and_one_to_the_other),
    TEST(limit_lowered_from_100_to_1_with_100_in_flight_blocks_nobody_for_ever),
    TEST(limit_lowered_to_0_holds_calls_until_it_is_raised),
    TEST(limits_that_change_all_the_time_are_kept_and_no_call_is_lost),
    TEST(a_connection_that_takes_nothing_is_passed_over_while_another_will_do),
    TEST(a_peer_that_reads_no_more_is_a_reason_to_dial),
    TEST(spread_gives_each_connection_its_share),
    TEST(pack_fills_one_connection_to_its_ideal_before_the_next),
    TEST(bursts_open_more_when_calls_have_waited_and_close_when_idle),
    TEST(spare_connections_close_when_idle_and_the_last_one_much_later),
    TEST(min_connections_come_back_though_nobody_calls),
    TEST(a_connection_whose_ids_run_out_is_replaced_and_no_call_notices),
    TEST(waiting_calls_are_served_in_the_order_in_which_they_came),
    TEST(a_call_that_waited_for_acquire_timeout_ends_unavailable_and_never_left),
    TEST(one_waiter_more_than_max_waiting_is_turned_away_at_once),
    TEST(pause_holds_new_calls_and_resume_lets_them_go),
    TEST(rotate_replaces_every_connection_and_no_call_notices),
    TEST(a_drained_channel_finishes_what_runs_and_waits_and_refuses_what_is_new),
    TEST(an_hour_of_max_age_on_both_sides_loses_nothing_and_keeps_the_pool_small),
    TEST(max_age_alone_replaces_before_it_drains),
    TESTS_END,
};

const test_suite promises_pool_suite = {"pool", cases, setup, fleet_teardown};
