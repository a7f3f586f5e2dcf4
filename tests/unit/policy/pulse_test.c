/* pulse_test.c: keepalive, suspicion, validation (promises 5, 8, 9, 10), by hand-moved time. */
#include "lib/policy/pulse.h"
#include "tests/unit/harness.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

static const uint64_t T0 = 1000 * S;

static gmux__pulse p;
static uint64_t now;

/* The jitter is none: random is 0. */
static void start_with(const gmux__pulse_config *config) {
  now = T0;
  gmux__pulse_init(&p, config, now, 0);
}

static const gmux__pulse_config CLIENT = {.keepalive_ns = 330 * S, .timeout_ns = 20 * S};

static void start(void) {
  start_with(&CLIENT);
}

/* Nothing is suspicious, so that only the schedule speaks. */
static void start_keepalive(uint64_t keepalive_ns, bool without_calls) {
  gmux__pulse_config config = {.keepalive_ns = keepalive_ns,
                               .timeout_ns = 20 * S,
                               .suspect_ns = GMUX__PULSE_OFF,
                               .without_calls = without_calls};
  start_with(&config);
}

static void open_stream(void) {
  gmux__pulse_on_streams(&p, now, true);
}

static void end_streams(void) {
  gmux__pulse_on_streams(&p, now, false);
}

static void read_bytes(void) {
  gmux__pulse_on_read(&p, now);
}

static void read_answer(void) {
  read_bytes();
  gmux__pulse_on_answer(&p);
}

static void read_ack(void) {
  read_bytes();
  gmux__pulse_on_ping_acked(&p, now);
}

static void send_ping(gmux__pulse_action kind) {
  gmux__pulse_on_ping_sent(&p, now, kind, 0);
}

static gmux__pulse_action poll(void) {
  return gmux__pulse_poll(&p, now);
}

/* Sleeps as an owner does; a jump over something due is a failure. */
static void sleep_until(uint64_t at) {
  CU_ASSERT_TRUE(at >= now);
  CU_ASSERT_TRUE(gmux__pulse_next_ns(&p, now) >= at);
  now = at;
}

/* The next change comes exactly at `at`, and is `action`. */
static void expect(uint64_t at, gmux__pulse_action action) {
  CU_ASSERT_EQUAL(gmux__pulse_next_ns(&p, now), at);
  if (at > now) {
    now = at - 1;
    CU_ASSERT_EQUAL(poll(), GMUX__PULSE_NOTHING);
    CU_ASSERT_EQUAL(gmux__pulse_next_ns(&p, now), at);
  }
  now = at;
  CU_ASSERT_EQUAL(poll(), action);
}

static void expect_never(void) {
  CU_ASSERT_EQUAL(gmux__pulse_next_ns(&p, now), GMUX__PULSE_OFF);
  CU_ASSERT_EQUAL(poll(), GMUX__PULSE_NOTHING);
  CU_ASSERT_EQUAL(gmux__pulse_poll(&p, UINT64_MAX - 1), GMUX__PULSE_NOTHING);
}

/* At `at` nothing is to be done but the peer becomes suspect. */
static void expect_suspect(uint64_t at) {
  CU_ASSERT_EQUAL(gmux__pulse_next_ns(&p, now), at);
  CU_ASSERT_FALSE(gmux__pulse_is_suspect(&p, at - 1));
  now = at;
  CU_ASSERT_EQUAL(poll(), GMUX__PULSE_NOTHING);
  CU_ASSERT_TRUE(gmux__pulse_is_suspect(&p, now));
}

/* ---- promise 8: keepalive ---- */

static void keepalive_counts_from_the_last_byte_read(void) {
  start_keepalive(330 * S, false);
  open_stream();
  sleep_until(now + 200 * S);
  read_bytes();
  expect(T0 + 530 * S, GMUX__PULSE_PING_KEEPALIVE);
}

static void keepalive_goes_on_after_each_ack(void) {
  start_keepalive(330 * S, false);
  open_stream();
  for (int i = 0; i < 1000; i++) {
    expect(now + 330 * S, GMUX__PULSE_PING_KEEPALIVE);
    send_ping(GMUX__PULSE_PING_KEEPALIVE);
    sleep_until(now + 30 * MS);
    read_ack();
  }
}

static void without_streams_there_is_no_keepalive(void) {
  start_keepalive(10 * S, false);
  expect_never();
}

static void without_calls_keeps_alive_if_asked(void) {
  start_keepalive(10 * S, true);
  expect(T0 + 10 * S, GMUX__PULSE_PING_KEEPALIVE);
  send_ping(GMUX__PULSE_PING_KEEPALIVE);
  sleep_until(now + 1 * S);
  read_ack();
  expect(T0 + 21 * S, GMUX__PULSE_PING_KEEPALIVE);
}

static void keepalive_may_be_off(void) {
  start_keepalive(GMUX__PULSE_OFF, true);
  open_stream();
  expect_never();
}

static void a_call_after_long_silence_pings_at_once(void) {
  start_keepalive(330 * S, false);
  now += 1000 * S;
  CU_ASSERT_EQUAL(poll(), GMUX__PULSE_NOTHING);
  open_stream();
  expect(now, GMUX__PULSE_PING_KEEPALIVE);
}

static void the_absence_of_calls_does_not_reset_the_clock(void) {
  start_keepalive(330 * S, false);
  open_stream();
  sleep_until(now + 100 * S);
  end_streams();
  sleep_until(now + 200 * S);
  open_stream();
  expect(T0 + 330 * S, GMUX__PULSE_PING_KEEPALIVE);
}

static void the_exact_end_of_the_interval_is_long_silence(void) {
  start_keepalive(330 * S, false);
  now += 330 * S;
  open_stream();
  expect(now, GMUX__PULSE_PING_KEEPALIVE);
}

static void no_byte_within_the_timeout_is_death(void) {
  start_keepalive(330 * S, false);
  open_stream();
  expect(T0 + 330 * S, GMUX__PULSE_PING_KEEPALIVE);
  send_ping(GMUX__PULSE_PING_KEEPALIVE);
  expect(T0 + 350 * S, GMUX__PULSE_DEAD);
}

static void the_end_of_the_last_call_does_not_save_the_dead(void) {
  start_keepalive(330 * S, false);
  open_stream();
  sleep_until(T0 + 330 * S);
  send_ping(GMUX__PULSE_PING_KEEPALIVE);
  end_streams();
  expect(T0 + 350 * S, GMUX__PULSE_DEAD);
}

static void any_byte_within_the_timeout_is_life(void) {
  start_keepalive(30 * S, false);
  open_stream();
  sleep_until(T0 + 30 * S);
  send_ping(GMUX__PULSE_PING_KEEPALIVE);
  sleep_until(T0 + 50 * S - 1);
  read_bytes();
  expect(T0 + 80 * S - 1, GMUX__PULSE_PING_KEEPALIVE);
}

static void an_ack_that_never_comes_does_not_block_for_ever(void) {
  start_keepalive(1 * S, false);
  open_stream();
  sleep_until(T0 + 1 * S);
  send_ping(GMUX__PULSE_PING_KEEPALIVE);
  sleep_until(T0 + 2 * S);
  read_bytes(); /* not the ACK */
  expect(T0 + 21 * S, GMUX__PULSE_PING_KEEPALIVE);
  send_ping(GMUX__PULSE_PING_KEEPALIVE);
  expect(T0 + 41 * S, GMUX__PULSE_DEAD);
}

static void an_ack_without_a_ping_is_nothing(void) {
  start();
  gmux__pulse_on_ping_acked(&p, now);
  CU_ASSERT_EQUAL(p.rtt.smoothed_ns, 0);
  expect_never();
}

/* ---- promise 9: one budget, jittered intervals ---- */

static void each_round_has_a_jitter_of_its_own_and_is_never_early(void) {
  gmux__pulse_config config = {.keepalive_ns = 100 * S,
                               .timeout_ns = 20 * S,
                               .suspect_ns = GMUX__PULSE_OFF,
                               .without_calls = true};
  now = T0;
  gmux__pulse_init(&p, &config, now, UINT64_MAX);
  expect(now + 110 * S, GMUX__PULSE_PING_KEEPALIVE);
  gmux__pulse_on_ping_sent(&p, now, GMUX__PULSE_PING_KEEPALIVE, UINT64_C(1) << 63);
  read_ack();
  expect(now + 105 * S, GMUX__PULSE_PING_KEEPALIVE);
  gmux__pulse_on_ping_sent(&p, now, GMUX__PULSE_PING_KEEPALIVE, 0);
  read_ack();
  expect(now + 100 * S, GMUX__PULSE_PING_KEEPALIVE);
}

static void validate(void) {
  send_ping(GMUX__PULSE_PING_VALIDATION);
  sleep_until(now + 10 * MS);
  read_ack();
}

static void two_extra_pings_are_the_budget(void) {
  start();
  CU_ASSERT_TRUE(gmux__pulse_may_validate(&p, now));
  validate();
  CU_ASSERT_TRUE(gmux__pulse_may_validate(&p, now));
  validate();
  CU_ASSERT_FALSE(gmux__pulse_may_validate(&p, now));
  read_answer();
  CU_ASSERT_TRUE(gmux__pulse_may_validate(&p, now));
}

static void validation_and_suspicion_draw_on_the_same_budget(void) {
  start();
  validate();
  open_stream();
  expect(now + 500 * MS, GMUX__PULSE_PING_SUSPICION);
  send_ping(GMUX__PULSE_PING_SUSPICION);
  sleep_until(now + 10 * MS);
  read_ack();
  CU_ASSERT_FALSE(gmux__pulse_may_validate(&p, now));
}

static void a_spent_budget_silences_suspicion_but_not_keepalive(void) {
  start();
  validate();
  validate();
  open_stream();
  expect(now + 330 * S, GMUX__PULSE_PING_KEEPALIVE);
}

static void the_keepalive_schedule_is_not_extra(void) {
  start_keepalive(30 * S, false);
  open_stream();
  for (int i = 0; i < 10; i++) {
    sleep_until(now + 30 * S);
    CU_ASSERT_EQUAL(poll(), GMUX__PULSE_PING_KEEPALIVE);
    send_ping(GMUX__PULSE_PING_KEEPALIVE);
    read_ack();
  }
  CU_ASSERT_EQUAL(p.extra, 0);
  CU_ASSERT_TRUE(gmux__pulse_may_validate(&p, now));
}

static void a_ping_that_crosses_an_answer_stays_counted(void) {
  start();
  send_ping(GMUX__PULSE_PING_VALIDATION);
  read_answer(); /* maybe written before the PING arrived */
  read_ack();
  CU_ASSERT_EQUAL(p.extra, 1);
  validate();
  CU_ASSERT_FALSE(gmux__pulse_may_validate(&p, now));
}

static void calls_after_long_silence_that_nobody_answers_use_up_the_budget(void) {
  start_keepalive(330 * S, false);
  for (int i = 0; i < 2; i++) {
    now += 400 * S;
    open_stream();
    expect(now, GMUX__PULSE_PING_KEEPALIVE);
    send_ping(GMUX__PULSE_PING_KEEPALIVE);
    read_ack();
    end_streams();
  }
  now += 400 * S;
  open_stream(); /* refused again? then this PING would be one without streams */
  expect(now + 330 * S, GMUX__PULSE_PING_KEEPALIVE);
  send_ping(GMUX__PULSE_PING_KEEPALIVE);
  CU_ASSERT_EQUAL(p.extra, 2); /* the server has long seen the stream: that one is good */
  read_answer();
  read_ack();
  end_streams();
  now += 400 * S;
  open_stream();
  expect(now, GMUX__PULSE_PING_KEEPALIVE);
}

/* ---- promise 5: validation ---- */

static void a_ping_under_way_serves_as_validation(void) {
  start();
  validate();
  send_ping(GMUX__PULSE_PING_VALIDATION);
  CU_ASSERT_TRUE(gmux__pulse_may_validate(&p, now));
  read_bytes();
  CU_ASSERT_TRUE(gmux__pulse_may_validate(&p, now + 20 * S - 1));
  CU_ASSERT_FALSE(gmux__pulse_may_validate(&p, now + 20 * S)); /* nobody waits for it any more */
}

static void a_connection_that_fails_validation_is_suspect_then_dead(void) {
  start();
  gmux__rtt_measured(&p.rtt, 100 * MS);
  send_ping(GMUX__PULSE_PING_VALIDATION);
  CU_ASSERT_FALSE(gmux__pulse_is_suspect(&p, now));
  expect_suspect(T0 + 800 * MS);
  expect(T0 + 20 * S, GMUX__PULSE_DEAD);
}

/* ---- promise 10: suspicion ---- */

static void silence_of_eight_round_trips_is_suspicious(void) {
  start();
  gmux__rtt_measured(&p.rtt, 100 * MS);
  open_stream();
  expect(T0 + 800 * MS, GMUX__PULSE_PING_SUSPICION);
  CU_ASSERT_FALSE(gmux__pulse_is_suspect(&p, now));
  send_ping(GMUX__PULSE_PING_SUSPICION);
  CU_ASSERT_TRUE(gmux__pulse_is_suspect(&p, now)); /* at once */
  expect(T0 + 800 * MS + 20 * S, GMUX__PULSE_DEAD);
}

static void suspicion_takes_at_least_half_a_second_and_at_most_the_timeout(void) {
  start();
  gmux__rtt_measured(&p.rtt, 1 * MS);
  open_stream();
  CU_ASSERT_EQUAL(gmux__pulse_next_ns(&p, now), T0 + 500 * MS);
  p.rtt.smoothed_ns = 3 * S;
  CU_ASSERT_EQUAL(gmux__pulse_next_ns(&p, now), T0 + 20 * S);
  p.config.timeout_ns = 100 * MS;
  CU_ASSERT_EQUAL(gmux__pulse_next_ns(&p, now), T0 + 100 * MS);
}

static void without_a_sample_suspicion_takes_a_second(void) {
  start();
  open_stream();
  expect(T0 + 1 * S, GMUX__PULSE_PING_SUSPICION);
}

static void a_reply_is_a_sample_too(void) {
  start();
  open_stream();
  read_answer();
  gmux__pulse_on_reply(&p, 75 * MS);
  expect(T0 + 600 * MS, GMUX__PULSE_PING_SUSPICION);
}

static void the_time_until_suspicion_can_be_set(void) {
  gmux__pulse_config config = CLIENT;
  config.suspect_ns = 10 * MS;
  start_with(&config);
  open_stream();
  expect(T0 + 10 * MS, GMUX__PULSE_PING_SUSPICION);
}

static void suspicion_counts_from_the_first_stream_after_silence(void) {
  start();
  now += 100 * S;
  open_stream();
  sleep_until(now + 900 * MS);
  open_stream(); /* a second one does not put it off */
  expect(T0 + 101 * S, GMUX__PULSE_PING_SUSPICION);
}

static void without_streams_nothing_is_suspicious(void) {
  start();
  open_stream();
  sleep_until(now + 900 * MS);
  end_streams();
  expect_never();
}

static void any_byte_restores_trust(void) {
  start();
  open_stream();
  sleep_until(T0 + 1 * S);
  send_ping(GMUX__PULSE_PING_SUSPICION);
  sleep_until(T0 + 19 * S);
  CU_ASSERT_TRUE(gmux__pulse_is_suspect(&p, now));
  read_bytes();
  CU_ASSERT_FALSE(gmux__pulse_is_suspect(&p, now));
  CU_ASSERT_FALSE(gmux__pulse_is_suspect(&p, now + 100 * S));
}

static void one_suspicion_between_two_answers(void) {
  start();
  open_stream();
  sleep_until(T0 + 1 * S);
  CU_ASSERT_EQUAL(poll(), GMUX__PULSE_PING_SUSPICION);
  send_ping(GMUX__PULSE_PING_SUSPICION);
  sleep_until(T0 + 1100 * MS);
  read_ack(); /* is no answer */
  expect(now + 330 * S, GMUX__PULSE_PING_KEEPALIVE);
  send_ping(GMUX__PULSE_PING_KEEPALIVE);
  sleep_until(now + 100 * MS);
  read_ack();
  sleep_until(now + 10 * S);
  read_answer();
  expect(now + 800 * MS, GMUX__PULSE_PING_SUSPICION);
}

static void an_unanswered_keepalive_makes_suspect_later_than_a_suspicion(void) {
  start();
  gmux__rtt_measured(&p.rtt, 1 * MS);
  open_stream();
  p.is_suspicion_spent = true;
  expect(T0 + 330 * S, GMUX__PULSE_PING_KEEPALIVE);
  send_ping(GMUX__PULSE_PING_KEEPALIVE);
  expect_suspect(T0 + 330 * S + 500 * MS);
  expect(T0 + 350 * S, GMUX__PULSE_DEAD);
}

static void suspicion_may_be_off(void) {
  start_keepalive(330 * S, false);
  open_stream();
  sleep_until(T0 + 330 * S);
  send_ping(GMUX__PULSE_PING_KEEPALIVE);
  CU_ASSERT_FALSE(gmux__pulse_is_suspect(&p, now + 19 * S));
  expect(T0 + 350 * S, GMUX__PULSE_DEAD);
}

static void suspicion_waits_for_the_ping_under_way(void) {
  start();
  open_stream();
  send_ping(GMUX__PULSE_PING_VALIDATION);
  read_answer(); /* bytes, but no ACK */
  sleep_until(now + 5 * S);
  CU_ASSERT_EQUAL(poll(), GMUX__PULSE_NOTHING);
  expect(T0 + 20 * S, GMUX__PULSE_PING_SUSPICION);
}

static void a_ping_measures_the_round_trip(void) {
  start();
  send_ping(GMUX__PULSE_PING_VALIDATION);
  sleep_until(now + 80 * MS);
  read_ack();
  CU_ASSERT_EQUAL(p.rtt.smoothed_ns, 80 * MS);
}

static void times_near_the_end_do_not_wrap(void) {
  gmux__pulse_config config = {.keepalive_ns = UINT64_MAX - 1,
                               .timeout_ns = UINT64_MAX - 1,
                               .suspect_ns = UINT64_MAX - 1,
                               .without_calls = true};
  now = UINT64_MAX - 5;
  gmux__pulse_init(&p, &config, now, UINT64_MAX);
  open_stream();
  CU_ASSERT_EQUAL(poll(), GMUX__PULSE_NOTHING);
  send_ping(GMUX__PULSE_PING_VALIDATION);
  CU_ASSERT_EQUAL(poll(), GMUX__PULSE_NOTHING);
  CU_ASSERT_EQUAL(gmux__pulse_next_ns(&p, now), GMUX__PULSE_OFF);
  CU_ASSERT_FALSE(gmux__pulse_is_suspect(&p, now));
}

static const test_case cases[] = {
    TEST(keepalive_counts_from_the_last_byte_read),
    TEST(keepalive_goes_on_after_each_ack),
    TEST(without_streams_there_is_no_keepalive),
    TEST(without_calls_keeps_alive_if_asked),
    TEST(keepalive_may_be_off),
    TEST(a_call_after_long_silence_pings_at_once),
    TEST(the_absence_of_calls_does_not_reset_the_clock),
    TEST(the_exact_end_of_the_interval_is_long_silence),
    TEST(no_byte_within_the_timeout_is_death),
    TEST(the_end_of_the_last_call_does_not_save_the_dead),
    TEST(any_byte_within_the_timeout_is_life),
    TEST(an_ack_that_never_comes_does_not_block_for_ever),
    TEST(an_ack_without_a_ping_is_nothing),
    TEST(each_round_has_a_jitter_of_its_own_and_is_never_early),
    TEST(two_extra_pings_are_the_budget),
    TEST(validation_and_suspicion_draw_on_the_same_budget),
    TEST(a_spent_budget_silences_suspicion_but_not_keepalive),
    TEST(the_keepalive_schedule_is_not_extra),
    TEST(a_ping_that_crosses_an_answer_stays_counted),
    TEST(calls_after_long_silence_that_nobody_answers_use_up_the_budget),
    TEST(a_ping_under_way_serves_as_validation),
    TEST(a_connection_that_fails_validation_is_suspect_then_dead),
    TEST(silence_of_eight_round_trips_is_suspicious),
    TEST(suspicion_takes_at_least_half_a_second_and_at_most_the_timeout),
    TEST(without_a_sample_suspicion_takes_a_second),
    TEST(a_reply_is_a_sample_too),
    TEST(the_time_until_suspicion_can_be_set),
    TEST(suspicion_counts_from_the_first_stream_after_silence),
    TEST(without_streams_nothing_is_suspicious),
    TEST(any_byte_restores_trust),
    TEST(one_suspicion_between_two_answers),
    TEST(an_unanswered_keepalive_makes_suspect_later_than_a_suspicion),
    TEST(suspicion_may_be_off),
    TEST(suspicion_waits_for_the_ping_under_way),
    TEST(a_ping_measures_the_round_trip),
    TEST(times_near_the_end_do_not_wrap),
    TESTS_END};
const test_suite policy_pulse_suite = {"pulse", cases, NULL, NULL};
