/* net_test.c: dials find their listener, names resolve, and nothing is left. */
#include "tests/sim/sides.h"
#include <gmux/error.h>
#include <string.h>

extern const test_suite sim_net_suite;

/* ---- dials and listeners ---- */

static void dial_takes_two_ways_and_accept_one(void) {
  sim_net(world)->latency_ns = 10 * MS;
  sides_dial(&at);
  CU_ASSERT_EQUAL(dialed + accepted, 0);
  sim_run_for(world, 100 * MS);
  CU_ASSERT_EQUAL(accepted_ns, SIM_EPOCH + 10 * MS);
  CU_ASSERT_EQUAL(dialed_ns, SIM_EPOCH + 20 * MS);
  CU_ASSERT_EQUAL(dial_error, 0);
}

static void each_dial_is_counted_with_its_time(void) {
  gmux__address nobody = sim_address("127.0.0.9", 1);
  CU_ASSERT_EQUAL(sim_net_dials(world, &nobody), 0);
  for (size_t i = 0; i < 5; i++) {
    CU_ASSERT_EQUAL(sim_net_dials(world, &nobody), i);
    sides_dial(&nobody); /* refused, given up: it was begun */
    if (i % 2 == 0) gmux__dial_cancel(dial);
    sim_run_for(world, MS);
    CU_ASSERT_EQUAL(sim_net_dialed_at(world, &nobody, i), SIM_EPOCH + i * MS);
  }
  dial = NULL;
  CU_ASSERT_EQUAL(sim_net_dials(world, &nobody), 5);
  CU_ASSERT_EQUAL(sim_net_dialed_at(world, &nobody, 0), SIM_EPOCH);
  CU_ASSERT_EQUAL(sim_net_dials(world, &at), 0);
}

static void an_address_may_have_a_latency_of_its_own(void) {
  sim_net(world)->latency_ns = 1 * MS;
  sim_net_latency_of(world, &at, 10 * MS);
  sides_dial(&at);
  sim_run_for(world, 100 * MS);
  CU_ASSERT_EQUAL(dialed_ns, SIM_EPOCH + 20 * MS);
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  CU_ASSERT_EQUAL(side_write(&server, "b"), 1);
  sim_run_for(world, 10 * MS - 1);
  CU_ASSERT_EQUAL(server.len + client.len, 0);
  sim_run_for(world, 1);
  CU_ASSERT_EQUAL(server.len, 1);
  CU_ASSERT_EQUAL(client.len, 1);
}

static void dial_at_no_latency_still_does_not_call_back_from_inside(void) {
  sides_dial(&at);
  CU_ASSERT_EQUAL(dialed + accepted, 0);
  sim_run(world);
  CU_ASSERT_EQUAL(dialed, 1);
  CU_ASSERT_EQUAL(accepted, 1);
}

static void both_ends_know_both_addresses(void) {
  sides_connect();
  const gmux__transport_info *c = gmux__transport_info_get(client.transport);
  const gmux__transport_info *s = gmux__transport_info_get(server.transport);
  CU_ASSERT_EQUAL(gmux__transport_handshake(client.transport), 0);
  CU_ASSERT_TRUE(gmux__address_is_equal(&c->peer, &at));
  CU_ASSERT_TRUE(gmux__address_is_equal(&s->local, &at));
  CU_ASSERT_TRUE(gmux__address_is_equal(&c->local, &s->peer));
  CU_ASSERT_NOT_EQUAL(c->local.port, 0);
  CU_ASSERT_FALSE(c->is_secure);
}

static void listening_on_port_zero_finds_free_ones(void) {
  gmux__listener *second;
  gmux__address any = sim_address("127.0.0.1", 0);
  CU_ASSERT_EQUAL(at.port, 40000);
  CU_ASSERT_EQUAL_FATAL(gmux__loop_listen(loop, &second, &any, NULL, sides_on_accepted, NULL), 0);
  CU_ASSERT_EQUAL(gmux__listener_address(second)->port, 40001);
  gmux__listener_close(second);
}

static void listening_twice_is_refused(void) {
  gmux__listener *second;
  CU_ASSERT_EQUAL(gmux__loop_listen(loop, &second, &at, NULL, sides_on_accepted, NULL),
                  GMUX_ERR_EXISTS);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "127.0.0.1:40000"));
}

static void a_listener_on_any_address_takes_every_dial_to_its_port(void) {
  gmux__listener *any;
  gmux__address zero = sim_address("0.0.0.0", 99), to = sim_address("10.1.2.3", 99);
  CU_ASSERT_EQUAL_FATAL(gmux__loop_listen(loop, &any, &zero, NULL, sides_on_accepted, NULL), 0);
  sides_dial(&to);
  sim_run(world);
  CU_ASSERT_EQUAL(accepted, 1);
  gmux__listener_close(any);
}

static void unix_addresses_connect_too(void) {
  gmux__listener *unix_listener;
  gmux__address path = {.family = GMUX__FAMILY_UNIX, .path_len = 6, .path = "/run/x"};
  CU_ASSERT_EQUAL_FATAL(
      gmux__loop_listen(loop, &unix_listener, &path, NULL, sides_on_accepted, NULL), 0);
  sides_dial(&path);
  sim_run(world);
  CU_ASSERT_EQUAL(accepted, 1);
  gmux__listener_close(unix_listener);
}

static void dial_to_nobody_is_refused_after_two_ways(void) {
  gmux__address nobody = sim_address("::1", 1);
  sim_net(world)->latency_ns = 10 * MS;
  sides_dial(&nobody);
  sim_run_for(world, 100 * MS);
  CU_ASSERT_EQUAL(dial_error, GMUX_ERR_IO);
  CU_ASSERT_STRING_EQUAL(dial_why, "connection refused");
  CU_ASSERT_EQUAL(dialed_ns, SIM_EPOCH + 20 * MS);
}

static void refuse_overrules_the_listener_until_taken_back(void) {
  sim_net_refuse(world, &at, true);
  sides_dial(&at);
  sim_run(world);
  CU_ASSERT_EQUAL(dial_error, GMUX_ERR_IO);
  CU_ASSERT_EQUAL(accepted, 0);
  sim_net_refuse(world, &at, false);
  sides_dial(&at);
  sim_run(world);
  CU_ASSERT_EQUAL(dial_error, 0);
}

static void a_cancelled_dial_is_silent_and_its_peer_sees_the_end(void) {
  sim_net(world)->latency_ns = 10 * MS;
  sides_dial(&at);
  sim_run_for(world, 15 * MS);
  CU_ASSERT_EQUAL(accepted, 1);
  gmux__dial_cancel(dial);
  dial = NULL;
  sim_run_for(world, 100 * MS);
  CU_ASSERT_EQUAL(dialed, 0);
  CU_ASSERT_EQUAL(server.end, GMUX_ERR_EOF);
}

static void a_dial_that_finds_the_listener_closed_is_refused(void) {
  sim_net(world)->latency_ns = 10 * MS;
  sides_dial(&at);
  sim_run_for(world, 5 * MS);
  gmux__listener_close(listener);
  listener = NULL;
  sim_run_for(world, 15 * MS);
  CU_ASSERT_EQUAL(accepted, 0);
  CU_ASSERT_EQUAL(dial_error, GMUX_ERR_IO);
}

static void close_listener(void *arg) {
  (void)arg;
  gmux__listener_close(listener);
  listener = NULL;
}

static void do_nothing(void *arg) {
  (void)arg;
}

/* At the moment when the dial arrives another loop's turn comes before the listener's. */
static void a_closed_listener_ends_who_was_not_told(void) {
  gmux_loop *other = sim_loop(world);
  gmux__timer closing;
  sim_net(world)->latency_ns = 10 * MS;
  CU_ASSERT_EQUAL_FATAL(gmux__loop_dial(other, &dial, &at, NULL, sides_on_dialed, NULL), 0);
  gmux__timer_init(&closing, close_listener, NULL);
  gmux__timer_set(other, &closing, SIM_EPOCH + 10 * MS);
  sim_run(world);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_post(loop, do_nothing, NULL), 0);
  sim_run_for(world, 100 * MS);
  CU_ASSERT_EQUAL(accepted, 0);
  CU_ASSERT_EQUAL(dial_error, 0);
  CU_ASSERT_EQUAL(client.end, GMUX_ERR_EOF);
}

/* ---- names ---- */

static gmux__resolve *question;
static size_t answers, answer_count;
static int answer_error;
static gmux__address answer_first;
static char answer_why[64];
static uint64_t answer_ns;

static void on_resolved(void *arg, int error, const gmux__address *addresses, size_t count,
                        const char *why) {
  (void)arg;
  question = NULL;
  answers++;
  answer_error = error;
  answer_count = count;
  answer_ns = sim_now(world);
  if (count > 0) answer_first = addresses[0];
  strncpy(answer_why, why ? why : "", sizeof answer_why - 1);
}

static void ask(const char *host) {
  answers = 0;
  CU_ASSERT_EQUAL_FATAL(gmux__loop_resolve(loop, &question, host, 443, on_resolved, NULL), 0);
  CU_ASSERT_EQUAL(answers, 0);
}

static void a_name_gives_its_addresses_with_the_port_asked_for(void) {
  gmux__address addresses[] = {sim_address("10.0.0.2", 0), sim_address("10.0.0.1", 0)};
  gmux__address wanted = sim_address("10.0.0.2", 443);
  sim_dns_set(world, "host.example", addresses, 2);
  sim_net(world)->dns_latency_ns = 5 * MS;
  ask("HOST.example");
  sim_run_for(world, 100 * MS);
  CU_ASSERT_EQUAL(answer_error, 0);
  CU_ASSERT_EQUAL(answer_count, 2);
  CU_ASSERT_TRUE(gmux__address_is_equal(&answer_first, &wanted));
  CU_ASSERT_EQUAL(answer_ns, SIM_EPOCH + 5 * MS);
}

static void names_fail_in_their_own_words(void) {
  ask("nobody");
  sim_run(world);
  CU_ASSERT_EQUAL(answer_error, GMUX_ERR_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(answer_why, "no such host");
  sim_dns_fail(world, "nobody", "the server is down");
  ask("nobody");
  sim_run(world);
  CU_ASSERT_EQUAL(answer_error, GMUX_ERR_RESOLVE);
  CU_ASSERT_STRING_EQUAL(answer_why, "the server is down");
}

static void a_forgotten_name_does_not_exist(void) {
  sim_dns_set(world, "host", &at, 1);
  sim_dns_forget(world, "host");
  sim_dns_forget(world, "never named");
  ask("host");
  sim_run(world);
  CU_ASSERT_EQUAL(answer_error, GMUX_ERR_NOT_FOUND);
}

static void what_is_said_of_a_name_later_holds(void) {
  sim_dns_fail(world, "host", "the server is down");
  sim_dns_set(world, "host", &at, 1);
  ask("host");
  sim_run(world);
  CU_ASSERT_EQUAL(answer_error, 0);
  CU_ASSERT_EQUAL(answer_count, 1);
}

static void a_hung_name_is_never_answered_and_can_be_cancelled(void) {
  sim_dns_hang(world, "tar");
  ask("tar");
  sim_run_for(world, 3600 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(answers, 0);
  CU_ASSERT_EQUAL(sim_net_live(world).resolves, 1);
  gmux__resolve_cancel(question);
  CU_ASSERT_EQUAL(sim_net_live(world).resolves, 0);
}

enum { QUESTIONS = 1000 };
static struct {
  gmux__resolve *resolve;
  uint64_t due_ns;
} asked[QUESTIONS];
static uint64_t answered_last_ns;
static size_t answered_in_time;

static void note_answer(void *arg, int error, const gmux__address *addresses, size_t count,
                        const char *why) {
  (void)error, (void)addresses, (void)count, (void)why;
  size_t i = *(size_t *)arg;
  answered_in_time += asked[i].due_ns == sim_now(world) && asked[i].due_ns >= answered_last_ns;
  answered_last_ns = sim_now(world);
}

/* However many others are taken back from among them. */
static void all_that_is_under_way_arrives_at_its_time(void) {
  static size_t numbers[QUESTIONS];
  for (size_t i = 0; i < QUESTIONS; i++) {
    sim_net(world)->dns_latency_ns = gmux__loop_random(loop) % (10 * MS);
    asked[i].due_ns = sim_now(world) + sim_net(world)->dns_latency_ns;
    numbers[i] = i;
    CU_ASSERT_EQUAL_FATAL(
        gmux__loop_resolve(loop, &asked[i].resolve, "nobody", 1, note_answer, &numbers[i]), 0);
  }
  for (size_t i = 0; i < QUESTIONS; i += 2)
    gmux__resolve_cancel(asked[i].resolve);
  answered_in_time = answered_last_ns = 0;
  sim_run_for(world, 10 * MS);
  CU_ASSERT_EQUAL(answered_in_time, QUESTIONS / 2);
}

static void a_cancelled_question_is_silent(void) {
  ask("nobody");
  gmux__resolve_cancel(question);
  sim_run(world);
  CU_ASSERT_EQUAL(answers, 0);
}

/* ---- the whole ---- */

static void the_living_are_counted(void) {
  gmux__address nobody = sim_address("127.0.0.1", 1);
  sides_connect();
  sides_dial(&nobody);
  sim_live live = sim_net_live(world);
  CU_ASSERT_EQUAL(live.transports, 2);
  CU_ASSERT_EQUAL(live.dials, 1);
  CU_ASSERT_EQUAL(live.listeners, 1);
  sim_run(world);
  side_close(&client);
  live = sim_net_live(world);
  CU_ASSERT_EQUAL(live.transports, 1);
  CU_ASSERT_EQUAL(live.dials, 0);
}

static void the_world_makes_no_allocation_of_the_library(void) {
  gmux__address host = sim_address("10.0.0.1", 0);
  size_t before = test_alloc_calls();
  test_alloc_fail_at(1);
  sides_connect();
  CU_ASSERT_EQUAL(side_write(&client, "a"), 1);
  sim_dns_set(world, "host", &host, 1);
  ask("host");
  sim_run(world);
  CU_ASSERT_EQUAL(answer_error, 0);
  CU_ASSERT_STRING_EQUAL(server.data, "a");
  CU_ASSERT_EQUAL(test_alloc_calls(), before);
  test_alloc_fail_at(0);
}

/* Both sides say something at random times for a while; what came and when, as one number. */
static uint64_t chatter(uint64_t seed) {
  uint64_t hash = 1;
  sides_teardown();
  sides_setup_with(seed);
  sides_connect();
  for (int i = 0; i < 64; i++) {
    sim_net(world)->latency_ns = gmux__loop_random(loop) % MS;
    (void)side_write(gmux__loop_random(loop) % 2 ? &client : &server, "word");
    sim_run_for(world, gmux__loop_random(loop) % MS);
    hash = (hash ^ client.at_ns ^ (server.at_ns << 1) ^ client.len) * UINT64_C(0x100000001b3);
    client.len = server.len = 0;
  }
  return hash ^ sim_turns(world);
}

static void the_same_seed_gives_the_same_run(void) {
  uint64_t first = chatter(1);
  CU_ASSERT_EQUAL(chatter(1), first);
  CU_ASSERT_NOT_EQUAL(chatter(2), first);
}

static const test_case cases[] = {
    TEST(dial_takes_two_ways_and_accept_one),
    TEST(each_dial_is_counted_with_its_time),
    TEST(an_address_may_have_a_latency_of_its_own),
    TEST(dial_at_no_latency_still_does_not_call_back_from_inside),
    TEST(both_ends_know_both_addresses),
    TEST(listening_on_port_zero_finds_free_ones),
    TEST(listening_twice_is_refused),
    TEST(a_listener_on_any_address_takes_every_dial_to_its_port),
    TEST(unix_addresses_connect_too),
    TEST(dial_to_nobody_is_refused_after_two_ways),
    TEST(refuse_overrules_the_listener_until_taken_back),
    TEST(a_cancelled_dial_is_silent_and_its_peer_sees_the_end),
    TEST(a_dial_that_finds_the_listener_closed_is_refused),
    TEST(a_closed_listener_ends_who_was_not_told),
    TEST(a_name_gives_its_addresses_with_the_port_asked_for),
    TEST(names_fail_in_their_own_words),
    TEST(a_forgotten_name_does_not_exist),
    TEST(what_is_said_of_a_name_later_holds),
    TEST(a_hung_name_is_never_answered_and_can_be_cancelled),
    TEST(all_that_is_under_way_arrives_at_its_time),
    TEST(a_cancelled_question_is_silent),
    TEST(the_living_are_counted),
    TEST(the_world_makes_no_allocation_of_the_library),
    TEST(the_same_seed_gives_the_same_run),
    TESTS_END,
};

const test_suite sim_net_suite = {"net", cases, sides_setup, sides_teardown};
