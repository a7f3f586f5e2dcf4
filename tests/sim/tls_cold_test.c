/* tls_cold_test.c: how many round trips a first call takes, TCP's own included. */
#include "tests/sim/tls_world.h"

extern const test_suite tls_cold_suite;

enum { LATENCY_MS = 50 };

static uint64_t round_trips_of_a_call(void) {
  uint64_t begun_ns = sim_now(tw.sim);
  unsigned ends = tw.ends;
  tls_call(false);
  while (tw.ends == ends && sim_step(tw.sim))
    continue;
  tls_check(tw.code == GMUX_OK, tw.words);
  return (sim_now(tw.sim) - begun_ns) / (2 * LATENCY_MS * GMUX__NS_PER_MS);
}

/* The one that is there is lost, and time passes until another may be dialed. */
static void lose_connection(void) {
  sim_link_reset(sim_link_first(tw.sim));
  sim_run_for(tw.sim, 2 * GMUX__NS_PER_S);
}

static void open_far(void) {
  sim_net(tw.sim)->latency_ns = LATENCY_MS * GMUX__NS_PER_MS;
  tls_open();
}

static void in_cleartext_it_takes_one_more_than_a_warm_one(void) {
  tls_row("cleartext");
  tw.is_client_clear = tw.is_server_clear = true;
  open_far();
  CU_ASSERT_EQUAL(round_trips_of_a_call(), 2);
  CU_ASSERT_EQUAL(round_trips_of_a_call(), 1);
  tls_close();
}

/* They come with the server's part of the handshake. */
static void over_tls_it_need_not_wait_for_the_servers_settings(void) {
  tls_row("fresh");
  open_far();
  CU_ASSERT_EQUAL(round_trips_of_a_call(), 3);
  CU_ASSERT_EQUAL(round_trips_of_a_call(), 1);
  lose_connection();
  CU_ASSERT_EQUAL(round_trips_of_a_call(), 3); /* the session is resumed, for CPU's sake */
  tls_close();
}

static void an_eager_one_over_tls_leaves_right_behind_the_handshake(void) {
  tls_row("eager");
  tw.eager_calls = 1;
  open_far();
  CU_ASSERT_EQUAL(round_trips_of_a_call(), 3);
  lose_connection();
  CU_ASSERT_EQUAL(round_trips_of_a_call(), 3);
  tls_close();
}

/* Who asks for certificates says nothing before it has seen them. */
static void where_the_client_shows_a_certificate_it_waits_for_settings(void) {
  tls_row_mutual("mutual", tw.client_cert);
  open_far();
  CU_ASSERT_EQUAL(round_trips_of_a_call(), 4);
  tls_close();
}

static void where_the_client_shows_a_certificate_an_eager_one_takes_no_more(void) {
  tls_row_mutual("mutual", tw.client_cert);
  tw.eager_calls = 1;
  open_far();
  CU_ASSERT_EQUAL(round_trips_of_a_call(), 3);
  tls_close();
}

static const test_case cases[] = {
    TEST(in_cleartext_it_takes_one_more_than_a_warm_one),
    TEST(over_tls_it_need_not_wait_for_the_servers_settings),
    TEST(an_eager_one_over_tls_leaves_right_behind_the_handshake),
    TEST(where_the_client_shows_a_certificate_it_waits_for_settings),
    TEST(where_the_client_shows_a_certificate_an_eager_one_takes_no_more),
    TESTS_END,
};

const test_suite tls_cold_suite = {"cold", cases, tls_world_setup, tls_world_teardown};
