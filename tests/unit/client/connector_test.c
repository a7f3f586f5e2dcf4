/*
 * connector_test.c: promises 6 and 7 as far as dialing goes: the race of the addresses, what DNS
 * said, the deadline, and the gate in front. What comes of it in a channel is in dialing_test.c.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/client/connector.h"
#include "tests/sim/net.h"
#include "tests/unit/harness.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MS GMUX__NS_PER_MS
enum { MANY = 200, WITHIN_MS = 20000 };

static sim *world;
static gmux_loop *loop;
static gmux__target target;
static gmux__connector connector;
static gmux__listener *listeners[16];
static size_t listener_count;
static gmux__transport *accepted[MANY]; /* stay open until the end, and never say a word */
static size_t accepted_count;

/* ---- an owner that keeps what it is handed, and writes down what happens ---- */

static char trace[2048]; /* "250 handed ipv4:127.0.0.1:1; " */
static gmux__try *handed[16];
static size_t handed_count;
static gmux__connector_reach reach_now;
static void (*in_on_transport)(gmux__try *t), (*in_on_dropped)(void), (*in_on_failed)(void);
static bool is_calling; /* a function that calls no handler */

static void trace_add(const char *format, ...) GMUX_PRINTF(1, 2);
static void trace_add(const char *format, ...) {
  size_t len = strlen(trace);
  len += (size_t)snprintf(trace + len, sizeof trace - len, "%llu ",
                          (unsigned long long)((sim_now(world) - SIM_EPOCH) / MS));
  va_list args;
  va_start(args, format);
  vsnprintf(trace + len, sizeof trace - len, format, args);
  va_end(args);
}

static const char *try_name(const gmux__try *t) {
  static char text[GMUX__ADDRESS_TEXT];
  return gmux__address_str(&t->address, text);
}

static void give_up(gmux__try *t) {
  gmux__transport_close(t->owner_data);
  t->owner_data = NULL;
  for (size_t i = 0; i < handed_count; i++)
    if (handed[i] == t) handed[i] = NULL;
}

static void on_transport(void *owner, gmux__try *t, gmux__transport *transport) {
  (void)owner;
  CU_ASSERT_FALSE(is_calling);
  t->owner_data = transport;
  CU_ASSERT_TRUE_FATAL(handed_count < 16);
  handed[handed_count++] = t;
  trace_add("handed %s; ", try_name(t));
  if (in_on_transport) in_on_transport(t);
}

static void on_dropped(void *owner, gmux__try *t, int error, const char *why) {
  (void)owner;
  CU_ASSERT_FALSE(is_calling);
  CU_ASSERT_PTR_NOT_NULL(t->owner_data);
  CU_ASSERT_TRUE(error == GMUX_ERR_CANCELLED || error == GMUX_ERR_TIMEOUT);
  const char *kind = error == GMUX_ERR_TIMEOUT ? "late" : "cancelled";
  trace_add("dropped %s %s: %s; ", try_name(t), kind, why);
  give_up(t);
  if (in_on_dropped) in_on_dropped();
}

static void on_failed(void *owner) {
  (void)owner;
  CU_ASSERT_FALSE(is_calling);
  CU_ASSERT_FALSE(gmux__connector_is_on(&connector));
  trace_add("failed; ");
  if (in_on_failed) in_on_failed();
}

static gmux__connector_reach reach(void *owner, const gmux__try *t) {
  (void)owner;
  CU_ASSERT_PTR_NOT_NULL(t->owner_data);
  return reach_now;
}

static const gmux__connector_handlers handlers = {
    .on_transport = on_transport, .on_dropped = on_dropped, .on_failed = on_failed, .reach = reach};

/* ---- the world ---- */

static void setup(void) {
  world = sim_new(1);
  loop = sim_loop(world);
  trace[0] = '\0';
  handed_count = accepted_count = listener_count = 0;
  reach_now = GMUX__REACH_GREETING;
  in_on_transport = NULL;
  in_on_dropped = in_on_failed = NULL;
}

static void teardown(void) {
  in_on_dropped = in_on_failed = NULL;
  if (connector.loop) gmux__connector_deinit(&connector);
  connector.loop = NULL;
  for (size_t i = 0; i < listener_count; i++)
    gmux__listener_close(listeners[i]);
  for (size_t i = 0; i < accepted_count; i++)
    gmux__transport_close(accepted[i]);
  gmux__target_deinit(&target);
  sim_free(world);
}

static void on_accepted(void *arg, gmux__transport *transport) {
  (void)arg;
  CU_ASSERT_TRUE_FATAL(accepted_count < MANY);
  accepted[accepted_count++] = transport;
}

static gmux__address at(const char *ip) {
  return sim_address(ip, 1);
}

/* Connects, after `latency_ms` both ways together. */
static void serve(const char *ip, uint64_t latency_ms) {
  gmux__address a = at(ip);
  CU_ASSERT_EQUAL_FATAL(
      gmux__loop_listen(loop, &listeners[listener_count++], &a, NULL, on_accepted, NULL), 0);
  sim_net_latency_of(world, &a, latency_ms * MS / 2);
}

/* Refuses after `latency_ms`. */
static void refuse(const char *ip, uint64_t latency_ms) {
  gmux__address a = at(ip);
  sim_net_latency_of(world, &a, latency_ms * MS / 2);
}

static void hole(const char *ip) {
  gmux__address a = at(ip);
  sim_net_blackhole(world, &a, SIM_BOTH_WAYS);
}

static void name(const char *host, const char *const *ips) {
  gmux__address addresses[16];
  size_t count = 0;
  while (ips[count]) {
    addresses[count] = at(ips[count]);
    count++;
  }
  sim_dns_set(world, host, addresses, count);
}
#define NAME(host, ...) name(host, (const char *const[]){__VA_ARGS__, NULL})

static size_t dials(const char *ip) {
  gmux__address a = at(ip);
  return sim_net_dials(world, &a);
}

/* When the address was dialed for the i-th time. */
static uint64_t dialed_ms(const char *ip, size_t i) {
  gmux__address a = at(ip);
  return (sim_net_dialed_at(world, &a, i) - SIM_EPOCH) / MS;
}

static void run_ms(uint64_t ms) {
  sim_run_for(world, ms * MS);
  if (connector.loop) gmux__connector_check(&connector);
}

static void open_with(const char *text, uint64_t cache_ms) {
  CU_ASSERT_EQUAL_FATAL(gmux__target_parse(&target, text), 0);
  const gmux__connector_config config = {
      .target = &target, .happy_eyeballs_ns = 250 * MS, .cache_ns = cache_ms * MS};
  gmux__connector_init(&connector, loop, &config, &handlers, NULL);
}

static void start(uint64_t within_ms) {
  is_calling = true;
  gmux__connector_start(&connector, within_ms * MS);
  is_calling = false;
  gmux__connector_check(&connector);
}

static void open_and_start(const char *text) {
  open_with(text, 30000);
  start(WITHIN_MS);
  sim_run(world);
}

static void win(size_t i) {
  gmux__try *t = handed[i];
  CU_ASSERT_PTR_NOT_NULL_FATAL(t);
  give_up(t); /* a connection of the owner's from now on; here it ends */
  gmux__connector_win(&connector, t);
  gmux__connector_check(&connector);
}

static void lose(size_t i, gmux__connector_reach how_far, gmux_loss loss, const char *why) {
  gmux__try *t = handed[i];
  CU_ASSERT_PTR_NOT_NULL_FATAL(t);
  give_up(t);
  gmux__connector_lose(&connector, t, how_far, loss, why);
  gmux__connector_check(&connector);
}

#define EXPECT_TRACE(expected) CU_ASSERT_STRING_EQUAL(trace, expected)

static void expect_failure(const char *why, gmux_loss loss) {
  CU_ASSERT_FALSE(gmux__connector_is_on(&connector));
  CU_ASSERT_STRING_EQUAL(gmux__connector_why(&connector), why);
  CU_ASSERT_EQUAL(gmux__connector_loss(&connector), loss);
}

/* ---- the race ---- */

static void the_second_address_is_tried_after_250_ms_beside_the_first(void) {
  hole("127.0.0.1");
  hole("127.0.0.2");
  serve("127.0.0.3", 0);
  open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1,127.0.0.3:1");
  CU_ASSERT_EQUAL(dialed_ms("127.0.0.1", 0), 0);
  run_ms(249);
  CU_ASSERT_EQUAL(dials("127.0.0.2"), 0);
  run_ms(1);
  CU_ASSERT_EQUAL(dialed_ms("127.0.0.2", 0), 250);
  CU_ASSERT_EQUAL(sim_net_live(world).dials, 2); /* the first goes on */
  run_ms(250);
  EXPECT_TRACE("500 handed ipv4:127.0.0.3:1; ");
}

static void an_earlier_address_may_still_win(void) {
  serve("127.0.0.1", 600);
  hole("127.0.0.2");
  hole("127.0.0.3");
  open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1,127.0.0.3:1");
  run_ms(600);
  EXPECT_TRACE("600 handed ipv4:127.0.0.1:1; ");
  win(0);
  CU_ASSERT_EQUAL(sim_net_live(world).dials, 0);
}

static void the_next_address_is_tried_at_once_when_one_fails(void) {
  refuse("127.0.0.1", 20);
  refuse("127.0.0.2", 30);
  serve("127.0.0.3", 0);
  open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1,127.0.0.3:1");
  run_ms(100);
  CU_ASSERT_EQUAL(dialed_ms("127.0.0.2", 0), 20);
  EXPECT_TRACE("50 handed ipv4:127.0.0.3:1; ");
}

/* Each start, for whatever reason, begins a new interval. */
static void the_interval_counts_from_the_last_start(void) {
  refuse("127.0.0.1", 200);
  hole("127.0.0.2");
  hole("127.0.0.3");
  open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1,127.0.0.3:1");
  run_ms(1000);
  CU_ASSERT_EQUAL(dialed_ms("127.0.0.2", 0), 200);
  CU_ASSERT_EQUAL(dialed_ms("127.0.0.3", 0), 450);
}

static void a_handshake_that_hangs_does_not_hold_the_race(void) {
  serve("127.0.0.1", 10);
  serve("127.0.0.2", 10);
  open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1");
  run_ms(1000);
  EXPECT_TRACE("10 handed ipv4:127.0.0.1:1; 260 handed ipv4:127.0.0.2:1; ");
  CU_ASSERT_TRUE(gmux__connector_is_on(&connector));
}

static void a_handshake_that_fails_starts_the_next_address_at_once(void) {
  serve("127.0.0.1", 10);
  serve("127.0.0.2", 10);
  open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1");
  run_ms(50);
  lose(0, GMUX__REACH_TLS, GMUX_LOSS_TLS, "the certificate has expired");
  run_ms(100);
  EXPECT_TRACE("10 handed ipv4:127.0.0.1:1; 60 handed ipv4:127.0.0.2:1; ");
}

static void the_winner_drops_the_others(void) {
  serve("127.0.0.1", 10);
  hole("127.0.0.2");
  serve("127.0.0.3", 10);
  serve("127.0.0.4", 10);
  open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1,127.0.0.3:1,127.0.0.4:1");
  run_ms(600);
  trace[0] = '\0';
  win(1);
  EXPECT_TRACE("600 dropped ipv4:127.0.0.1:1 cancelled: another address was faster; ");
  CU_ASSERT_FALSE(gmux__connector_is_on(&connector));
  CU_ASSERT_EQUAL(sim_net_live(world).dials, 0);
  run_ms(60000);
  CU_ASSERT_EQUAL(dials("127.0.0.4"), 0);
  CU_ASSERT_FALSE(gmux__timer_is_set(&connector.deadline_timer));
  CU_ASSERT_FALSE(gmux__timer_is_set(&connector.next_timer));
}

static void one_address_alone_needs_no_interval(void) {
  hole("127.0.0.1");
  open_and_start("ipv4:127.0.0.1:1");
  CU_ASSERT_FALSE(gmux__timer_is_set(&connector.next_timer));
  run_ms(WITHIN_MS);
  CU_ASSERT_EQUAL(dials("127.0.0.1"), 1);
  EXPECT_TRACE("20000 failed; ");
}

static void families_take_turns_the_resolvers_first_first(void) {
  hole("::1");
  hole("::2");
  hole("127.0.0.1");
  hole("127.0.0.2");
  NAME("two.example", "::1", "::2", "127.0.0.1", "127.0.0.2");
  open_and_start("two.example:1");
  run_ms(1000);
  CU_ASSERT_EQUAL(dialed_ms("::1", 0), 0);
  CU_ASSERT_EQUAL(dialed_ms("127.0.0.1", 0), 250);
  CU_ASSERT_EQUAL(dialed_ms("::2", 0), 500);
  CU_ASSERT_EQUAL(dialed_ms("127.0.0.2", 0), 750);
}

/* ---- words ---- */

static void of_equals_the_last_ones_error_is_told(void) {
  open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1");
  EXPECT_TRACE("0 failed; ");
  expect_failure("connect to ipv4:127.0.0.2:1: connection refused", GMUX_LOSS_REFUSED);
}

static void the_error_of_the_address_that_got_furthest_is_told(void) {
  static const struct {
    gmux__connector_reach reach[2];
    const char *why;
    gmux_loss loss;
  } rows[] = {
      {{GMUX__REACH_TLS, GMUX__REACH_TLS}, "connect to ipv4:127.0.0.2:1: b", GMUX_LOSS_EOF},
      {{GMUX__REACH_GREETING, GMUX__REACH_TLS}, "connect to ipv4:127.0.0.1:1: a", GMUX_LOSS_TLS},
      {{GMUX__REACH_TLS, GMUX__REACH_GREETING}, "connect to ipv4:127.0.0.2:1: b", GMUX_LOSS_EOF},
  };
  serve("127.0.0.1", 0);
  serve("127.0.0.2", 0);
  open_with("ipv4:127.0.0.1:1,127.0.0.2:1,127.0.0.3:1", 0); /* the last one refuses */
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    handed_count = 0;
    start(WITHIN_MS);
    sim_run(world);
    lose(0, rows[i].reach[0], GMUX_LOSS_TLS, "a");
    sim_run(world);
    lose(1, rows[i].reach[1], GMUX_LOSS_EOF, "b");
    sim_run(world);
    expect_failure(rows[i].why, rows[i].loss);
  }
}

static void each_attempt_has_its_own_words(void) {
  serve("127.0.0.1", 0);
  open_and_start("ipv4:127.0.0.1:1");
  lose(0, GMUX__REACH_GREETING, GMUX_LOSS_PROTOCOL, "that is no HTTP/2");
  expect_failure("connect to ipv4:127.0.0.1:1: that is no HTTP/2", GMUX_LOSS_PROTOCOL);
  hole("127.0.0.1");
  start(1000);
  run_ms(1000);
  expect_failure("connect to ipv4:127.0.0.1:1: no answer within 1000 ms", GMUX_LOSS_TIMEOUT);
}

/* ---- time ---- */

static void when_the_time_is_up_all_are_given_up_and_the_furthest_is_told(void) {
  serve("127.0.0.1", 10);
  hole("127.0.0.2");
  open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1");
  run_ms(WITHIN_MS - 1);
  EXPECT_TRACE("10 handed ipv4:127.0.0.1:1; ");
  trace[0] = '\0';
  run_ms(1);
  EXPECT_TRACE("20000 dropped ipv4:127.0.0.1:1 late: no SETTINGS within 20000 ms; 20000 failed; ");
  expect_failure("connect to ipv4:127.0.0.1:1: no SETTINGS within 20000 ms", GMUX_LOSS_TIMEOUT);
  CU_ASSERT_EQUAL(sim_net_live(world).dials, 0);
}

static void the_words_say_in_which_handshake_the_time_ran_out(void) {
  serve("127.0.0.1", 10);
  reach_now = GMUX__REACH_TLS;
  open_and_start("ipv4:127.0.0.1:1");
  run_ms(WITHIN_MS);
  expect_failure("connect to ipv4:127.0.0.1:1: no end of the TLS handshake within 20000 ms",
                 GMUX_LOSS_TIMEOUT);
}

static void an_address_that_began_late_does_not_claim_the_whole_time(void) {
  hole("127.0.0.1");
  hole("127.0.0.2");
  open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1");
  run_ms(WITHIN_MS);
  expect_failure("connect to ipv4:127.0.0.2:1: no answer within 19750 ms", GMUX_LOSS_TIMEOUT);
}

/* "ipv4:127.0.1.1:1,127.0.1.2:1,..." */
static const char *many_addresses(size_t count, void (*each)(const char *ip)) {
  static char text[4096];
  size_t len = (size_t)snprintf(text, sizeof text, "ipv4:");
  for (size_t i = 1; i <= count; i++) {
    char ip[32];
    snprintf(ip, sizeof ip, "127.0.1.%zu", i);
    if (each) each(ip);
    len += (size_t)snprintf(text + len, sizeof text - len, "%s%s:1", i > 1 ? "," : "", ip);
  }
  return text;
}

static void a_hundred_dead_addresses_are_all_tried_within_half_of_the_time(void) {
  open_and_start(many_addresses(100, hole));
  for (int ms = 0; ms < WITHIN_MS / 2; ms += 50) {
    run_ms(50);
    CU_ASSERT_TRUE(sim_net_live(world).dials <= GMUX__CONNECTOR_TRIES);
  }
  CU_ASSERT_EQUAL(dialed_ms("127.0.1.2", 0), 100);
  CU_ASSERT_EQUAL(dialed_ms("127.0.1.100", 0), 9900);
  run_ms(WITHIN_MS / 2);
  EXPECT_TRACE("20000 failed; ");
}

static void the_hundredth_address_is_found(void) {
  serve("127.0.1.100", 10);
  many_addresses(99, hole);
  open_and_start(many_addresses(100, NULL));
  run_ms(WITHIN_MS);
  CU_ASSERT_EQUAL(handed_count, 1);
  CU_ASSERT_EQUAL(strncmp(trace, "9910 handed ipv4:127.0.1.100:1; ", 32), 0);
}

static void a_hundred_addresses_that_refuse_take_no_time(void) {
  open_and_start(many_addresses(100, NULL));
  EXPECT_TRACE("0 failed; ");
  CU_ASSERT_EQUAL(dials("127.0.1.100"), 1);
}

static void addresses_are_never_tried_in_a_flood(void) {
  open_with(many_addresses(100, hole), 0);
  start(200);
  run_ms(199);
  CU_ASSERT_EQUAL(dialed_ms("127.0.1.2", 0), 10);
  CU_ASSERT_EQUAL(dialed_ms("127.0.1.20", 0), 190);
  CU_ASSERT_EQUAL(dials("127.0.1.21"), 0);
}

static void who_is_not_connected_makes_room_before_who_shakes_hands(void) {
  many_addresses(20, hole);
  serve("127.0.0.9", 0);
  char text[512];
  snprintf(text, sizeof text, "ipv4:127.0.0.9:1,%s", many_addresses(20, NULL) + 5);
  open_and_start(text);
  run_ms(8 * 250); /* the ninth begins: the second, which is the oldest that dials, has gone */
  CU_ASSERT_EQUAL(dials("127.0.1.8"), 1);
  CU_ASSERT_EQUAL(sim_net_live(world).dials, 7);
  EXPECT_TRACE("0 handed ipv4:127.0.0.9:1; ");
  win(0);
}

static void of_eight_that_shake_hands_the_oldest_makes_room(void) {
  for (int i = 1; i <= 9; i++) {
    char ip[32];
    snprintf(ip, sizeof ip, "127.0.1.%d", i);
    serve(ip, 0);
  }
  open_and_start(many_addresses(9, NULL));
  run_ms(7 * 250);
  CU_ASSERT_EQUAL(handed_count, 8);
  trace[0] = '\0';
  run_ms(250);
  EXPECT_TRACE("2000 dropped ipv4:127.0.1.1:1 late: no SETTINGS within 2000 ms; "
               "2000 handed ipv4:127.0.1.9:1; ");
  win(8);
}

/* ---- names ---- */

static void what_dns_said_is_used_again_within_the_cache_time(void) {
  serve("127.0.0.1", 0);
  serve("127.0.0.2", 0);
  NAME("moving.example", "127.0.0.1");
  open_with("moving.example:1", 30000);
  static const struct {
    uint64_t wait_ms;
    size_t dials[2];
  } rows[] = {{29999, {1, 0}}, {1, {2, 0}}, {29999, {2, 1}}, {0, {2, 2}}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    handed_count = 0;
    start(WITHIN_MS);
    sim_run(world);
    win(0);
    NAME("moving.example", "127.0.0.2");
    CU_ASSERT_EQUAL(dials("127.0.0.1"), rows[i].dials[0]);
    CU_ASSERT_EQUAL(dials("127.0.0.2"), rows[i].dials[1]);
    run_ms(rows[i].wait_ms);
  }
}

static void without_a_cache_dns_is_asked_each_time(void) {
  serve("127.0.0.1", 0);
  serve("127.0.0.2", 0);
  NAME("moving.example", "127.0.0.1");
  open_with("moving.example:1", 0);
  start(WITHIN_MS);
  sim_run(world);
  win(0);
  NAME("moving.example", "127.0.0.2");
  start(WITHIN_MS);
  sim_run(world);
  CU_ASSERT_EQUAL(dials("127.0.0.2"), 1);
}

static void a_failed_attempt_asks_dns_again(void) {
  serve("127.0.0.2", 0);
  NAME("moving.example", "127.0.0.1"); /* refuses */
  open_and_start("moving.example:1");
  EXPECT_TRACE("0 failed; ");
  NAME("moving.example", "127.0.0.2");
  start(WITHIN_MS);
  sim_run(world);
  EXPECT_TRACE("0 failed; 0 handed ipv4:127.0.0.2:1; ");
}

static void names_can_be_forgotten_by_hand_also_in_the_middle_of_the_race(void) {
  serve("127.0.0.1", 10);
  serve("127.0.0.2", 0);
  NAME("moving.example", "127.0.0.9", "127.0.0.1");
  open_and_start("moving.example:1");
  gmux__connector_forget_names(&connector);
  run_ms(10);
  win(0);
  NAME("moving.example", "127.0.0.2");
  start(WITHIN_MS);
  run_ms(10);
  CU_ASSERT_EQUAL(dials("127.0.0.2"), 1);
}

static void an_address_that_disappears_from_dns_is_no_longer_the_targets(void) {
  gmux__address old = at("127.0.0.1"), new = at("127.0.0.2");
  serve("127.0.0.1", 0);
  serve("127.0.0.2", 0);
  NAME("moving.example", "127.0.0.1", "127.0.0.2");
  open_with("moving.example:1", 1000);
  CU_ASSERT_TRUE(gmux__connector_has_address(&connector, &old)); /* nothing is known yet */
  start(WITHIN_MS);
  sim_run(world);
  win(0);
  CU_ASSERT_TRUE(gmux__connector_has_address(&connector, &old));
  CU_ASSERT_TRUE(gmux__connector_has_address(&connector, &new));
  NAME("moving.example", "127.0.0.2");
  run_ms(1000);
  CU_ASSERT_TRUE(gmux__connector_has_address(&connector, &old)); /* not asked again yet */
  start(WITHIN_MS);
  sim_run(world);
  CU_ASSERT_FALSE(gmux__connector_has_address(&connector, &old));
  CU_ASSERT_TRUE(gmux__connector_has_address(&connector, &new));
}

static void a_target_of_addresses_has_those(void) {
  gmux__address one = at("127.0.0.1"), other = at("127.0.0.2");
  open_with("ipv4:127.0.0.1:1", 1000);
  CU_ASSERT_TRUE(gmux__connector_has_address(&connector, &one));
  CU_ASSERT_FALSE(gmux__connector_has_address(&connector, &other));
  one.port = 2;
  CU_ASSERT_FALSE(gmux__connector_has_address(&connector, &one));
}

static void a_name_that_cannot_be_looked_up_fails_in_its_words(void) {
  sim_dns_fail(world, "nowhere.example", "no such host");
  open_and_start("nowhere.example:1");
  EXPECT_TRACE("0 failed; ");
  expect_failure("look up nowhere.example: no such host", GMUX_LOSS_DNS);
}

static void a_name_that_is_never_answered_takes_the_whole_time(void) {
  sim_dns_hang(world, "slow.example");
  open_and_start("slow.example:1");
  run_ms(WITHIN_MS - 1);
  EXPECT_TRACE("");
  run_ms(1);
  EXPECT_TRACE("20000 failed; ");
  expect_failure("look up slow.example: no answer within 20000 ms", GMUX_LOSS_DNS);
}

/* An attempt that has succeeded with 127.0.0.1 and 127.0.0.2, longer ago than the cache time. */
static void look_up_once(void) {
  serve("127.0.0.2", 0);
  NAME("some.example", "127.0.0.1", "127.0.0.2");
  open_with("some.example:1", 1000);
  start(WITHIN_MS);
  sim_run(world);
  win(0);
  run_ms(1000);
  trace[0] = '\0';
}

static void when_dns_cannot_be_asked_its_last_answer_is_used(void) {
  look_up_once();
  sim_dns_fail(world, "some.example", "the server has failed");
  start(WITHIN_MS);
  sim_run(world);
  EXPECT_TRACE("1000 handed ipv4:127.0.0.2:1; ");
  win(1);
  NAME("some.example", "127.0.0.9");
  start(WITHIN_MS); /* and the next attempt asks again */
  sim_run(world);
  CU_ASSERT_EQUAL(dials("127.0.0.9"), 1);
}

static void when_dns_is_silent_its_last_answer_is_used_in_the_end(void) {
  look_up_once();
  sim_dns_hang(world, "some.example");
  start(WITHIN_MS);
  run_ms(1799);
  CU_ASSERT_EQUAL(gmux__connector_wait(&connector), GMUX__WAIT_RESOLVE);
  run_ms(1);
  EXPECT_TRACE("2800 handed ipv4:127.0.0.2:1; ");
  CU_ASSERT_EQUAL(sim_net_live(world).resolves, 0);
  win(1);
  start(1000); /* half of the time is left to connect */
  run_ms(500);
  CU_ASSERT_EQUAL(dials("127.0.0.2"), 3);
}

static void also_a_failed_attempt_does_not_lose_the_last_answer(void) {
  look_up_once();
  sim_dns_hang(world, "some.example");
  gmux__listener_close(listeners[--listener_count]); /* the server restarts */
  start(WITHIN_MS);
  run_ms(1800);
  EXPECT_TRACE("2800 failed; ");
  expect_failure("connect to ipv4:127.0.0.2:1: connection refused", GMUX_LOSS_REFUSED);
  serve("127.0.0.2", 0);
  start(WITHIN_MS);
  run_ms(1800);
  EXPECT_TRACE("2800 failed; 4600 handed ipv4:127.0.0.2:1; ");
}

static void a_name_that_is_no_more_is_not_dialed_by_its_last_answer(void) {
  gmux__address unknown = at("127.0.0.9");
  look_up_once();
  sim_dns_forget(world, "some.example");
  start(WITHIN_MS);
  sim_run(world);
  EXPECT_TRACE("1000 failed; ");
  expect_failure("look up some.example: no such host", GMUX_LOSS_DNS);
  CU_ASSERT_TRUE(gmux__connector_has_address(&connector, &unknown)); /* nothing is known */
  sim_dns_fail(world, "some.example", "the server has failed");
  start(WITHIN_MS);
  sim_run(world);
  expect_failure("look up some.example: the server has failed", GMUX_LOSS_DNS);
}

static void the_look_up_is_part_of_the_time(void) {
  sim_net(world)->dns_latency_ns = 15000 * MS;
  hole("127.0.0.1");
  NAME("slow.example", "127.0.0.1");
  open_and_start("slow.example:1");
  run_ms(WITHIN_MS);
  expect_failure("connect to ipv4:127.0.0.1:1: no answer within 5000 ms", GMUX_LOSS_TIMEOUT);
}

static void an_answer_at_the_last_moment_comes_too_late(void) {
  sim_net(world)->dns_latency_ns = WITHIN_MS * MS;
  NAME("slow.example", "127.0.0.1");
  open_and_start("slow.example:1");
  run_ms(WITHIN_MS);
  EXPECT_TRACE("20000 failed; ");
  CU_ASSERT_EQUAL(dials("127.0.0.1"), 0);
  CU_ASSERT_EQUAL(gmux__connector_loss(&connector), GMUX_LOSS_DNS);
}

/* ---- the gate ---- */

typedef struct dialer {
  gmux__connector connector;
  uint64_t failed_ns;
} dialer;
static dialer dialers[MANY];

static void dialer_on_failed(void *owner) {
  dialer *d = owner;
  d->failed_ns = sim_now(world);
}

static const gmux__connector_handlers dialer_handlers = {
    .on_transport = on_transport, .on_dropped = on_dropped, .on_failed = dialer_on_failed};

static void dial_many(uint32_t max_dialing, uint32_t rate) {
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.max_dialing = max_dialing;
  o.dial_rate_per_s = rate;
  loop = sim_loop_with(world, &o);
  CU_ASSERT_EQUAL_FATAL(gmux__target_parse(&target, "ipv4:127.0.0.1:1"), 0);
  const gmux__connector_config config = {.target = &target, .happy_eyeballs_ns = 250 * MS};
  for (size_t i = 0; i < MANY; i++) {
    gmux__connector_init(&dialers[i].connector, loop, &config, &dialer_handlers, &dialers[i]);
    dialers[i].failed_ns = 0;
    gmux__connector_start(&dialers[i].connector, 1000 * MS);
  }
}

static void end_many(void) {
  for (size_t i = 0; i < MANY; i++)
    gmux__connector_deinit(&dialers[i].connector);
}

static void two_hundred_connectors_dial_no_more_than_the_gate_lets_at_once(void) {
  hole("127.0.0.1"); /* each takes its whole second */
  dial_many(10, 100000);
  for (size_t done = 0; done < MANY; done += 10) {
    sim_run(world);
    CU_ASSERT_EQUAL(sim_net_live(world).dials, 10);
    CU_ASSERT_EQUAL(dials("127.0.0.1"), done + 10);
    run_ms(999);
    CU_ASSERT_EQUAL(sim_net_live(world).dials, 10);
    run_ms(1);
  }
  for (size_t i = 0; i < MANY; i++) /* in the order of their starts, none robbed of its time */
    CU_ASSERT_EQUAL(dialers[i].failed_ns, SIM_EPOCH + (i / 10 + 1) * 1000 * MS);
  end_many();
}

static void two_hundred_connectors_begin_no_more_than_the_rate_a_second(void) {
  dial_many(100, 20); /* refused at once: only the rate holds them */
  run_ms(10000);
  CU_ASSERT_EQUAL(dials("127.0.0.1"), MANY);
  for (size_t i = 0; i < MANY; i++) {
    uint64_t expected_ms = i < 20 ? 0 : (i - 19) * 50;
    CU_ASSERT_EQUAL(dialed_ms("127.0.0.1", i), expected_ms);
    CU_ASSERT_EQUAL(dialers[i].failed_ns, SIM_EPOCH + expected_ms * MS);
  }
  end_many();
}

static void who_waits_at_the_gate_can_be_stopped(void) {
  hole("127.0.0.1");
  dial_many(10, 100000);
  run_ms(500);
  CU_ASSERT_EQUAL(gmux__connector_wait(&dialers[10].connector), GMUX__WAIT_GATE);
  end_many();
  CU_ASSERT_EQUAL(sim_net_live(world).dials, 0);
  run_ms(10000);
  CU_ASSERT_EQUAL(dials("127.0.0.1"), 10);
}

/* ---- stopping, from anywhere ---- */

static void stop(void) {
  gmux__connector_stop(&connector);
  CU_ASSERT_FALSE(gmux__connector_is_on(&connector));
  gmux__connector_check(&connector);
}

static void stopping_is_silent_in_every_stage_but_for_what_was_handed(void) {
  sim_net(world)->dns_latency_ns = 10 * MS;
  serve("127.0.0.1", 10);
  NAME("some.example", "127.0.0.1", "127.0.0.2");
  open_with("some.example:1", 0);
  stop();
  start(WITHIN_MS);
  stop(); /* WAITING */
  start(WITHIN_MS);
  run_ms(5);
  stop(); /* RESOLVING */
  start(WITHIN_MS);
  run_ms(15);
  CU_ASSERT_EQUAL(sim_net_live(world).dials, 1);
  stop(); /* DIALING */
  CU_ASSERT_EQUAL(sim_net_live(world).dials + sim_net_live(world).resolves, 0);
  EXPECT_TRACE("");
  start(WITHIN_MS);
  run_ms(20);
  trace[0] = '\0';
  stop();
  EXPECT_TRACE("40 dropped ipv4:127.0.0.1:1 cancelled: the attempt to connect was given up; ");
  run_ms(60000);
  EXPECT_TRACE("40 dropped ipv4:127.0.0.1:1 cancelled: the attempt to connect was given up; ");
}

static void stop_in_on_transport(gmux__try *t) {
  (void)t;
  stop();
}

static void end_in_on_transport(gmux__try *t) {
  (void)t;
  gmux__connector_deinit(&connector);
}

static void win_in_on_transport(gmux__try *t) {
  give_up(t);
  gmux__connector_win(&connector, t);
}

static void lose_in_on_transport(gmux__try *t) {
  give_up(t);
  gmux__connector_lose(&connector, t, GMUX__REACH_TLS, GMUX_LOSS_LOCAL, "no");
}

/* With another that dials meanwhile. */
static void everything_can_be_ended_from_on_transport(void) {
  static void (*const ends[])(gmux__try * t) = {stop_in_on_transport, end_in_on_transport,
                                                win_in_on_transport};
  serve("127.0.0.1", 300);
  hole("127.0.0.2");
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    gmux__target_deinit(&target);
    handed_count = 0;
    in_on_transport = ends[i];
    open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1");
    run_ms(300);
    CU_ASSERT_EQUAL(handed_count, 1);
    CU_ASSERT_FALSE(gmux__connector_is_on(&connector));
    CU_ASSERT_EQUAL(sim_net_live(world).dials, 0);
    gmux__connector_deinit(&connector);
  }
}

static void a_transport_may_be_turned_down_at_once(void) {
  serve("127.0.0.1", 0);
  serve("127.0.0.2", 0);
  in_on_transport = lose_in_on_transport;
  open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1");
  EXPECT_TRACE("0 handed ipv4:127.0.0.1:1; 0 handed ipv4:127.0.0.2:1; 0 failed; ");
  expect_failure("connect to ipv4:127.0.0.2:1: no", GMUX_LOSS_LOCAL);
}

static void open_three_handshakes(void) {
  serve("127.0.0.1", 0);
  serve("127.0.0.2", 0);
  serve("127.0.0.3", 0);
  open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1,127.0.0.3:1");
  run_ms(600);
  CU_ASSERT_EQUAL(handed_count, 3);
  trace[0] = '\0';
}

static void stop_all(void) {
  in_on_dropped = NULL;
  stop();
  CU_ASSERT_TRUE(handed[0] == NULL && handed[1] == NULL && handed[2] == NULL);
}

static void stopping_from_on_dropped_drops_the_rest_and_nothing_follows(void) {
  open_three_handshakes();
  in_on_dropped = stop_all;
  run_ms(WITHIN_MS); /* the time is up */
  CU_ASSERT_PTR_NOT_NULL(strstr(trace, "dropped ipv4:127.0.0.1:1 late: no SETTINGS"));
  CU_ASSERT_PTR_NOT_NULL(strstr(trace, "dropped ipv4:127.0.0.2:1 cancelled: the attempt"));
  CU_ASSERT_PTR_NOT_NULL(strstr(trace, "dropped ipv4:127.0.0.3:1 cancelled: the attempt"));
  CU_ASSERT_PTR_NULL(strstr(trace, "failed"));
}

static void start_anew(void) {
  in_on_dropped = in_on_failed = NULL;
  gmux__connector_stop(&connector);
  start(WITHIN_MS);
}

static void another_attempt_may_begin_in_on_dropped(void) {
  open_three_handshakes();
  in_on_dropped = start_anew;
  handed_count = 3;
  run_ms(WITHIN_MS - 600);
  CU_ASSERT_PTR_NULL(strstr(trace, "failed"));
  CU_ASSERT_PTR_NOT_NULL(strstr(trace, "20000 handed ipv4:127.0.0.1:1"));
  CU_ASSERT_TRUE(gmux__connector_is_on(&connector));
}

static void lose_the_second(void) {
  in_on_dropped = NULL;
  lose(1, GMUX__REACH_TLS, GMUX_LOSS_EOF, "it went too");
}

static void another_may_be_lost_in_on_dropped(void) {
  open_three_handshakes();
  in_on_dropped = lose_the_second;
  run_ms(WITHIN_MS);
  CU_ASSERT_PTR_NOT_NULL(strstr(trace, "dropped ipv4:127.0.0.1:1"));
  CU_ASSERT_PTR_NULL(strstr(trace, "dropped ipv4:127.0.0.2:1"));
  CU_ASSERT_PTR_NOT_NULL(strstr(trace, "dropped ipv4:127.0.0.3:1"));
  CU_ASSERT_PTR_NOT_NULL(strstr(trace, "failed; "));
}

static void win_the_last(void) {
  in_on_dropped = NULL;
  win(2);
}

static void when_the_time_is_up_no_other_address_is_begun(void) {
  for (int i = 1; i <= 9; i++) {
    char ip[32];
    snprintf(ip, sizeof ip, "127.0.1.%d", i);
    serve(ip, 0);
  }
  open_with(many_addresses(9, NULL), 0);
  start(55); /* for six of them, at 10 ms each */
  in_on_dropped = lose_the_second;
  run_ms(55);
  CU_ASSERT_EQUAL(handed_count, 6);
  CU_ASSERT_EQUAL(dials("127.0.1.7"), 0);
  CU_ASSERT_PTR_NOT_NULL(strstr(trace, "failed; "));
}

static void another_may_win_in_on_dropped(void) {
  open_three_handshakes();
  in_on_dropped = win_the_last;
  run_ms(WITHIN_MS);
  CU_ASSERT_PTR_NULL(strstr(trace, "failed"));
  CU_ASSERT_PTR_NOT_NULL(strstr(trace, "dropped ipv4:127.0.0.2:1 cancelled: another address"));
  CU_ASSERT_FALSE(gmux__connector_is_on(&connector));
}

static void another_attempt_may_begin_in_on_failed(void) {
  in_on_failed = start_anew;
  open_and_start("ipv4:127.0.0.1:1");
  EXPECT_TRACE("0 failed; 0 failed; ");
  CU_ASSERT_EQUAL(dials("127.0.0.1"), 2);
}

/* ---- what it is at ---- */

static gmux__wait stages[16];
static size_t stage_count;

static void on_stage(void *owner) {
  (void)owner;
  if (stage_count < 16) stages[stage_count++] = gmux__connector_wait(&connector);
}

static void expect_at(gmux__wait wait, const char *words) {
  char text[256];
  gmux__connector_explain(&connector, text, sizeof text);
  CU_ASSERT_EQUAL(gmux__connector_wait(&connector), wait);
  CU_ASSERT_STRING_EQUAL(text, words);
}

static void it_says_what_it_is_at(void) {
  static gmux__connector_handlers telling;
  telling = handlers;
  telling.on_stage = on_stage;
  stage_count = 0;
  sim_net(world)->dns_latency_ns = 10 * MS;
  serve("127.0.0.1", 10);
  hole("127.0.0.2");
  NAME("some.example", "127.0.0.1", "127.0.0.2");
  open_with("some.example:1", 0);
  connector.handlers = &telling;
  expect_at(GMUX__WAIT_NONE, "about to connect");
  start(WITHIN_MS);
  expect_at(GMUX__WAIT_GATE, "waiting until the loop may begin another connection (max_dialing "
                             "64, dial_rate_per_s 100)");
  run_ms(5);
  expect_at(GMUX__WAIT_RESOLVE, "looking up some.example");
  run_ms(10);
  expect_at(GMUX__WAIT_DIAL, "connecting to ipv4:127.0.0.1:1");
  run_ms(10);
  reach_now = GMUX__REACH_TLS;
  expect_at(GMUX__WAIT_TLS, "in the TLS handshake with ipv4:127.0.0.1:1");
  reach_now = GMUX__REACH_GREETING;
  expect_at(GMUX__WAIT_SETTINGS, "no SETTINGS from ipv4:127.0.0.1:1 yet");
  run_ms(250);
  expect_at(GMUX__WAIT_SETTINGS,
            "no SETTINGS from ipv4:127.0.0.1:1 yet (one of 2 addresses that are tried)");
  win(0);
  expect_at(GMUX__WAIT_NONE, "about to connect");
  CU_ASSERT_EQUAL(stage_count, 2); /* what changed by itself, and was not told otherwise */
  CU_ASSERT_EQUAL(stages[0], GMUX__WAIT_RESOLVE);
  CU_ASSERT_EQUAL(stages[1], GMUX__WAIT_DIAL);
}

static void of_several_that_are_tried_the_furthest_and_last_is_named(void) {
  serve("127.0.0.1", 600);
  hole("127.0.0.2");
  open_and_start("ipv4:127.0.0.1:1,127.0.0.2:1");
  run_ms(250);
  expect_at(GMUX__WAIT_DIAL, "connecting to ipv4:127.0.0.2:1 (one of 2 addresses that are tried)");
  run_ms(350);
  expect_at(GMUX__WAIT_SETTINGS,
            "no SETTINGS from ipv4:127.0.0.1:1 yet (one of 2 addresses that are tried)");
}

/* ---- want of everything ---- */

static gmux__loop_ops broken_ops;

static int broken_dial(gmux_loop *l, gmux__dial **out, const gmux__address *to,
                       const gmux__socket_options *options, gmux__dialed_fn fn, void *arg) {
  (void)l, (void)out, (void)to, (void)options, (void)fn, (void)arg;
  return gmux__fail(GMUX_ERR_IO, "no descriptor left");
}

static int broken_resolve(gmux_loop *l, gmux__resolve **out, const char *host, uint16_t port,
                          gmux__resolved_fn fn, void *arg) {
  (void)l, (void)out, (void)host, (void)port, (void)fn, (void)arg;
  return gmux__fail(GMUX_ERR_RESOLVE, "no resolver");
}

static void what_fails_at_once_fails_the_attempt_a_moment_later(void) {
  static const char *const targets[] = {"ipv4:127.0.0.1:1,127.0.0.2:1", "some.example:1"};
  static const char *const words[] = {"connect to ipv4:127.0.0.2:1: no descriptor left",
                                      "look up some.example: no resolver"};
  static const gmux_loss losses[] = {GMUX_LOSS_LOCAL, GMUX_LOSS_DNS};
  const gmux__loop_ops *ops = loop->ops;
  broken_ops = *ops;
  broken_ops.dial = broken_dial;
  broken_ops.resolve = broken_resolve;
  loop->ops = &broken_ops;
  for (int i = 0; i < 2; i++) {
    open_with(targets[i], 0);
    start(WITHIN_MS);
    EXPECT_TRACE("");
    sim_run(world);
    EXPECT_TRACE("0 failed; ");
    expect_failure(words[i], losses[i]);
    gmux__connector_deinit(&connector);
    gmux__target_deinit(&target);
    trace[0] = '\0';
  }
  loop->ops = ops;
}

/* Two addresses, found by name: whatever is wanting, either one is handed or it fails in words. */
static void attempt_without_memory(void *arg) {
  (void)arg;
  trace[0] = '\0';
  handed_count = 0;
  gmux__connector_start(&connector, WITHIN_MS * MS);
  run_ms(1000);
  if (handed_count > 0) {
    stop();
  } else {
    CU_ASSERT_PTR_NOT_NULL(strstr(trace, "failed; "));
    CU_ASSERT_EQUAL(gmux__connector_loss(&connector), GMUX_LOSS_LOCAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(gmux__connector_why(&connector), "out of memory"));
  }
  gmux__free(connector.found);
  connector.found = NULL;
  connector.found_count = 0;
}

static void want_of_memory_fails_the_attempt_or_costs_an_address(void) {
  serve("127.0.0.1", 0);
  serve("127.0.0.2", 0);
  NAME("some.example", "127.0.0.1", "127.0.0.2");
  open_with("some.example:1", 0);
  test_alloc_fail_at(1); /* for the gate, which stays with the loop: hence not in the torture */
  start(WITHIN_MS);
  EXPECT_TRACE("");
  sim_run(world);
  EXPECT_TRACE("0 failed; ");
  expect_failure("connect to some.example:1: out of memory", GMUX_LOSS_LOCAL);
  start(WITHIN_MS);
  sim_run(world);
  stop();
  gmux__free(connector.found);
  connector.found = NULL;
  connector.found_count = 0;
  CU_ASSERT_TRUE(test_alloc_torture(attempt_without_memory, NULL) > 2);
}

static const test_case cases[] = {
    TEST(the_second_address_is_tried_after_250_ms_beside_the_first),
    TEST(an_earlier_address_may_still_win),
    TEST(the_next_address_is_tried_at_once_when_one_fails),
    TEST(the_interval_counts_from_the_last_start),
    TEST(a_handshake_that_hangs_does_not_hold_the_race),
    TEST(a_handshake_that_fails_starts_the_next_address_at_once),
    TEST(the_winner_drops_the_others),
    TEST(one_address_alone_needs_no_interval),
    TEST(families_take_turns_the_resolvers_first_first),
    TEST(of_equals_the_last_ones_error_is_told),
    TEST(the_error_of_the_address_that_got_furthest_is_told),
    TEST(each_attempt_has_its_own_words),
    TEST(when_the_time_is_up_all_are_given_up_and_the_furthest_is_told),
    TEST(the_words_say_in_which_handshake_the_time_ran_out),
    TEST(an_address_that_began_late_does_not_claim_the_whole_time),
    TEST(a_hundred_dead_addresses_are_all_tried_within_half_of_the_time),
    TEST(the_hundredth_address_is_found),
    TEST(a_hundred_addresses_that_refuse_take_no_time),
    TEST(addresses_are_never_tried_in_a_flood),
    TEST(who_is_not_connected_makes_room_before_who_shakes_hands),
    TEST(of_eight_that_shake_hands_the_oldest_makes_room),
    TEST(what_dns_said_is_used_again_within_the_cache_time),
    TEST(without_a_cache_dns_is_asked_each_time),
    TEST(a_failed_attempt_asks_dns_again),
    TEST(names_can_be_forgotten_by_hand_also_in_the_middle_of_the_race),
    TEST(an_address_that_disappears_from_dns_is_no_longer_the_targets),
    TEST(a_target_of_addresses_has_those),
    TEST(a_name_that_cannot_be_looked_up_fails_in_its_words),
    TEST(a_name_that_is_never_answered_takes_the_whole_time),
    TEST(when_dns_cannot_be_asked_its_last_answer_is_used),
    TEST(when_dns_is_silent_its_last_answer_is_used_in_the_end),
    TEST(also_a_failed_attempt_does_not_lose_the_last_answer),
    TEST(a_name_that_is_no_more_is_not_dialed_by_its_last_answer),
    TEST(the_look_up_is_part_of_the_time),
    TEST(an_answer_at_the_last_moment_comes_too_late),
    TEST(two_hundred_connectors_dial_no_more_than_the_gate_lets_at_once),
    TEST(two_hundred_connectors_begin_no_more_than_the_rate_a_second),
    TEST(who_waits_at_the_gate_can_be_stopped),
    TEST(stopping_is_silent_in_every_stage_but_for_what_was_handed),
    TEST(everything_can_be_ended_from_on_transport),
    TEST(a_transport_may_be_turned_down_at_once),
    TEST(stopping_from_on_dropped_drops_the_rest_and_nothing_follows),
    TEST(another_attempt_may_begin_in_on_dropped),
    TEST(another_may_be_lost_in_on_dropped),
    TEST(when_the_time_is_up_no_other_address_is_begun),
    TEST(another_may_win_in_on_dropped),
    TEST(another_attempt_may_begin_in_on_failed),
    TEST(it_says_what_it_is_at),
    TEST(of_several_that_are_tried_the_furthest_and_last_is_named),
    TEST(what_fails_at_once_fails_the_attempt_a_moment_later),
    TEST(want_of_memory_fails_the_attempt_or_costs_an_address),
    TESTS_END,
};

const test_suite client_connector_suite = {"connector", cases, setup, teardown};
