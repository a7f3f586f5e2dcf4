/*
 * ledger_test.c: each law can be broken. Records are made up, so that the library need not be.
 *
 * Laws that look into the library (PLACES, WAITS, SILENCE, UPKEEP, RETRIES, RESETS, QUEUES, CHECK)
 * are broken by tests/sim/mutants instead.
 */
#include "tests/sim/ledger.h"
#include "tests/unit/harness.h"
#include <string.h>

static uint64_t now_ns;
static unsigned broken[LEDGER_LAWS];

static uint64_t read_now(void) {
  return now_ns;
}

static void on_broken(ledger_law_id law, const char *format) {
  (void)format;
  broken[law]++;
}

static const ledger_reader reader = {.now_ns = read_now, .on_broken = on_broken};

static ledger_channel channel;
static ledger_call call;
static ledger_server server;

/* As nothing is open, nothing is asked of the library. */
static void setup(void) {
  gmux_channel_options o;
  gmux_server_options so;
  gmux_channel_options_init(&o, sizeof o);
  gmux_server_options_init(&so, sizeof so);
  now_ns = GMUX__NS_PER_S;
  memset(broken, 0, sizeof broken);
  ledger_open(&reader); /* which lets go of what was open before */
  memset(&channel, 0, sizeof channel);
  memset(&server, 0, sizeof server);
  ledger_channel_open(&channel, 0, NULL, &o);
  ledger_server_open(&server, 0, NULL, &so);
  ledger_call_begin(&call, 1, &channel, false, GMUX_NO_TIMEOUT);
  ledger_call_started(&call);
}

static unsigned broken_in_all(void) {
  unsigned sum = 0;
  for (int i = 0; i < LEDGER_LAWS; i++)
    sum += broken[i];
  return sum;
}

/* This one and no other; the next step of a test begins with none. */
static bool is_broken(ledger_law_id law) {
  bool is_alone = broken[law] > 0 && broken_in_all() == broken[law];
  memset(broken, 0, sizeof broken);
  return is_alone;
}

static gmux_call_explanation story_of(uint32_t attempts, gmux_evidence evidence) {
  gmux_call_explanation e = {.size = sizeof e, .attempts = attempts, .evidence = evidence};
  e.ended_by[evidence] = attempts;
  strcpy(e.sentence, "0 ms");
  return e;
}

static void end_with(gmux_code code, uint32_t attempts, gmux_evidence evidence) {
  gmux_call_explanation e = story_of(attempts, evidence);
  ledger_call_explained(&call, &e);
  ledger_call_ended(&call, code, evidence, &e);
}

static void execute(void) {
  ledger_execution x;
  ledger_executed(&x, &call, &server, GMUX_NO_TIMEOUT);
  ledger_execution_over(&x);
}

/* ---- calls ---- */

static void a_call_that_is_executed_once_and_ends_breaks_no_law(void) {
  execute();
  end_with(GMUX_OK, 1, GMUX_EVIDENCE_ANSWERED);
  ledger_call_settle(&call);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  CU_ASSERT_EQUAL(ledger_broken(), 0);
}

static void l1_is_broken_by_a_call_without_an_end(void) {
  ledger_call_settle(&call);
  CU_ASSERT_TRUE(is_broken(LAW_L1));
}

static void l2_is_broken_by_a_second_end(void) {
  end_with(GMUX_UNAVAILABLE, 0, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  end_with(GMUX_UNAVAILABLE, 0, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_TRUE(is_broken(LAW_L2));
  ledger_call_settle(&call);
  CU_ASSERT_TRUE(is_broken(LAW_L2));
}

static void l3_is_broken_by_a_second_execution(void) {
  execute();
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  execute();
  CU_ASSERT_TRUE(is_broken(LAW_L3));
}

static void l3_is_broken_by_a_second_sending_after_a_possible_execution(void) {
  end_with(GMUX_UNAVAILABLE, 2, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_TRUE(is_broken(LAW_L3));
}

static void l3_lets_an_idempotent_call_be_executed_as_often_as_it_was_sent(void) {
  call.is_idempotent = true;
  execute();
  execute();
  end_with(GMUX_UNAVAILABLE, 2, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  execute();
  ledger_call_settle(&call);
  CU_ASSERT_TRUE(is_broken(LAW_L3));
}

static void l4_is_broken_by_ok_without_execution(void) {
  end_with(GMUX_OK, 1, GMUX_EVIDENCE_ANSWERED);
  CU_ASSERT_TRUE(is_broken(LAW_L4));
}

static void l4_is_broken_by_ok_without_an_answer(void) {
  execute();
  end_with(GMUX_OK, 1, GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_TRUE(is_broken(LAW_L4));
}

static void l5_is_broken_by_each_evidence_that_excludes_execution(void) {
  static const gmux_evidence evidence[] = {GMUX_EVIDENCE_NEVER_LEFT, GMUX_EVIDENCE_REFUSED,
                                           GMUX_EVIDENCE_ABOVE_LAST};
  for (int i = 0; i < 3; i++) {
    ledger_call_begin(&call, 1, &channel, false, GMUX_NO_TIMEOUT);
    execute();
    end_with(GMUX_UNAVAILABLE, 1, evidence[i]);
    CU_ASSERT_TRUE(is_broken(LAW_L5));
  }
}

static void l5_is_broken_by_an_execution_after_the_end(void) {
  end_with(GMUX_DEADLINE_EXCEEDED, 1, GMUX_EVIDENCE_NEVER_LEFT);
  execute();
  CU_ASSERT_TRUE(is_broken(LAW_L5));
}

static void l7_is_broken_a_nanosecond_after_the_deadline(void) {
  ledger_call_begin(&call, 1, &channel, false, 20);
  now_ns = call.deadline_ns;
  end_with(GMUX_DEADLINE_EXCEEDED, 0, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  ledger_call_begin(&call, 1, &channel, false, 20);
  now_ns = call.deadline_ns + 1;
  end_with(GMUX_DEADLINE_EXCEEDED, 0, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_TRUE(is_broken(LAW_L7));
}

static void l7_is_broken_by_a_server_that_goes_on_after_its_last_words(void) {
  ledger_execution x;
  ledger_executed(&x, &call, &server, 20);
  now_ns += 20 * GMUX__NS_PER_MS + GMUX__NS_PER_S;
  ledger_execution_look(&x);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  now_ns += 2 * GMUX__NS_PER_MS;
  ledger_execution_over(&x);
  CU_ASSERT_TRUE(is_broken(LAW_L7));
}

static void l7_is_broken_by_a_server_that_was_not_told_or_told_of_more_time(void) {
  static const int64_t told_ms[] = {GMUX_NO_TIMEOUT, 1003, 2000};
  for (int i = 0; i < 3; i++) {
    ledger_execution x;
    ledger_call_begin(&call, 1, &channel, false, 1000);
    ledger_executed(&x, &call, &server, told_ms[i]);
    CU_ASSERT_TRUE(is_broken(LAW_L7));
  }
  ledger_execution x;
  ledger_call_begin(&call, 1, &channel, false, 1000);
  ledger_executed(&x, &call, &server, 999);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
}

static void story_is_broken_by_times_that_do_not_add_up(void) {
  gmux_call_explanation e = story_of(1, GMUX_EVIDENCE_ANSWERED);
  e.total_ns = 5;
  now_ns += 5;
  e.server_ns = 5;
  ledger_call_explained(&call, &e);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  e.server_ns = 4;
  ledger_call_explained(&call, &e);
  CU_ASSERT_TRUE(is_broken(LAW_STORY));
}

static void story_is_broken_by_more_time_than_it_took(void) {
  gmux_call_explanation e = story_of(1, GMUX_EVIDENCE_ANSWERED);
  e.total_ns = e.server_ns = 1;
  ledger_call_explained(&call, &e);
  CU_ASSERT_TRUE(is_broken(LAW_STORY));
}

static void story_is_broken_by_silence(void) {
  gmux_call_explanation e = story_of(1, GMUX_EVIDENCE_ANSWERED);
  e.sentence[0] = '\0';
  ledger_call_explained(&call, &e);
  CU_ASSERT_TRUE(is_broken(LAW_STORY));
}

static void counts_is_broken_by_more_refusals_than_may_be_retried(void) {
  gmux_call_explanation e = story_of(4, GMUX_EVIDENCE_REFUSED);
  ledger_call_explained(&call, &e);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  e = story_of(5, GMUX_EVIDENCE_REFUSED);
  ledger_call_explained(&call, &e);
  CU_ASSERT_TRUE(is_broken(LAW_COUNTS));
}

/* ---- channels ---- */

/* Of a channel with one call that runs on one connection. */
static gmux_channel_stats figures(void) {
  return (gmux_channel_stats){
      .size = sizeof(gmux_channel_stats),
      .calls_started = 1,
      .calls_running = 1,
      .streams_peak = 1,
      .attempts = 1,
      .dials_started = 1,
      .connections_made = 1,
      .connections = 1,
      .connections_ready = 1,
      .keepalive_ms = channel.options.keepalive_ms,
  };
}

static bool breaks(ledger_law_id law, const gmux_channel_stats *s) {
  ledger_channel_read_stats(&channel, s);
  return is_broken(law);
}

static void figures_that_are_true_break_no_law(void) {
  gmux_channel_stats s = figures();
  ledger_channel_read_stats(&channel, &s);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
}

static void counts_is_broken_by_figures_that_do_not_add_up(void) {
  gmux_channel_stats s = figures();
  s.calls_failed++;
  CU_ASSERT_TRUE(breaks(LAW_COUNTS, &s));
  s = figures();
  s.retries[GMUX_EVIDENCE_REFUSED]++;
  s.attempts += 2;
  CU_ASSERT_TRUE(breaks(LAW_COUNTS, &s));
  s = figures();
  s.lost[GMUX_LOSS_EOF]++;
  CU_ASSERT_TRUE(breaks(LAW_COUNTS, &s));
  s = figures();
  s.dials_started++;
  CU_ASSERT_TRUE(breaks(LAW_COUNTS, &s));
  s = figures();
  s.pings_acked++;
  CU_ASSERT_TRUE(breaks(LAW_COUNTS, &s));
}

static void counts_is_broken_by_figures_that_the_application_did_not_see(void) {
  gmux_channel_stats s = figures();
  s.calls_running = 0;
  s.calls_succeeded = 1;
  CU_ASSERT_TRUE(breaks(LAW_COUNTS, &s));
  ledger_channel_ended(&channel, GMUX_OK, GMUX_EVIDENCE_ANSWERED, 1);
  ledger_channel_read_stats(&channel, &s);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  channel.attempts++; /* which a call had, and the channel does not know of */
  CU_ASSERT_TRUE(breaks(LAW_COUNTS, &s));
}

static void connections_is_broken_by_one_more_than_the_options_allow(void) {
  gmux_channel_stats s = figures();
  s.connections_ready = s.connections = channel.options.max_connections;
  s.connections_made = s.dials_started = s.connections;
  ledger_channel_read_stats(&channel, &s);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  s.connections_dialing = 1;
  s.dials_started++;
  CU_ASSERT_TRUE(breaks(LAW_CONNECTIONS, &s));
  channel.is_recycled = true; /* then it may be the next one's */
  ledger_channel_read_stats(&channel, &s);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  s.connections_dialing = 0;
  s.connections_made = s.connections = ++s.connections_ready;
  CU_ASSERT_TRUE(breaks(LAW_CONNECTIONS, &s));
}

static void connections_is_broken_by_more_than_twice_as_many_with_the_suspect_ones(void) {
  gmux_channel_stats s = figures();
  uint32_t most = 2 * channel.options.max_connections;
  s.connections_ready = s.connections = s.connections_suspect = most;
  s.connections_made = s.dials_started = most;
  ledger_channel_read_stats(&channel, &s);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  s.connections_suspect = s.connections_ready = s.connections = most + 1;
  s.connections_made = s.dials_started = most + 1;
  CU_ASSERT_TRUE(breaks(LAW_CONNECTIONS, &s));
}

static void dials_is_broken_by_two_attempts_at_once(void) {
  gmux_channel_stats s = figures();
  s.connections_dialing = 2;
  s.dials_started += 2;
  CU_ASSERT_TRUE(breaks(LAW_DIALS, &s));
}

static void pings_is_broken_by_a_complaint_about_default_settings(void) {
  gmux_channel_stats s = figures();
  s.too_many_pings = 1;
  s.keepalive_ms *= 2;
  CU_ASSERT_TRUE(breaks(LAW_PINGS, &s));
  channel.may_be_accused = true;
  ledger_channel_read_stats(&channel, &s);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
}

static void calm_is_broken_by_a_server_that_is_taken_for_hostile(void) {
  gmux_channel_stats s = figures();
  s.ended_chatter = 1;
  CU_ASSERT_TRUE(breaks(LAW_CALM, &s));
}

static void pings_is_broken_by_a_complaint_that_changes_nothing(void) {
  gmux_channel_stats s = figures();
  channel.may_be_accused = true;
  s.too_many_pings = 1;
  CU_ASSERT_TRUE(breaks(LAW_PINGS, &s));
  s.keepalive_ms *= 4; /* once for each */
  CU_ASSERT_TRUE(breaks(LAW_PINGS, &s));
}

/* ---- dials ---- */

static ledger_dials seen;

static void attempt_at(uint64_t at_ms) {
  now_ns = GMUX__NS_PER_S + at_ms * GMUX__NS_PER_MS;
  seen.has_calls = true;
  seen.started++;
  ledger_channel_read_dials(&channel, &seen);
}

static void attempt_fails(void) {
  seen.failed++;
  ledger_channel_read_dials(&channel, &seen);
}

static void dials_is_broken_by_an_attempt_before_the_backoff_is_over(void) {
  memset(&seen, 0, sizeof seen);
  attempt_at(0);
  attempt_fails();
  attempt_at(800); /* 1 s, less a fifth */
  attempt_fails();
  attempt_at(800 + 1280);
  attempt_fails();
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  attempt_at(800 + 1280 + 2047);
  CU_ASSERT_TRUE(is_broken(LAW_DIALS));
}

static void backoff_begins_anew_after_a_connection_and_when_the_application_says_so(void) {
  memset(&seen, 0, sizeof seen);
  attempt_at(0);
  attempt_fails();
  ledger_channel_reset_backoff(&channel);
  attempt_at(1);
  seen.made = seen.connections = 1;
  ledger_channel_read_dials(&channel, &seen);
  attempt_at(2); /* beside it */
  attempt_fails();
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  attempt_at(3);
  CU_ASSERT_TRUE(is_broken(LAW_DIALS));
}

static void a_connection_comes(void) {
  seen.made++;
  seen.connections = 1;
  ledger_channel_read_dials(&channel, &seen);
}

static void it_is_lost(void) {
  seen.connections = 0;
  ledger_channel_read_dials(&channel, &seen);
}

static void dials_is_broken_by_a_redial_at_once_after_a_connection_of_no_use(void) {
  memset(&seen, 0, sizeof seen);
  attempt_at(0);
  a_connection_comes();
  seen.attempts++; /* a call was on it */
  it_is_lost();
  attempt_at(1);
  a_connection_comes();
  it_is_lost();
  attempt_at(801);
  a_connection_comes();
  it_is_lost();
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  channel.dials.is_rotated = true;
  attempt_at(802); /* it was asked for before that was lost */
  a_connection_comes();
  it_is_lost();
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  attempt_at(803);
  CU_ASSERT_TRUE(is_broken(LAW_DIALS));
}

/* ---- servers ---- */

static bool server_breaks(ledger_law_id law, const gmux_server_stats *s) {
  ledger_server_read_stats(&server, s);
  return is_broken(law);
}

static void counts_is_broken_by_a_server_that_forgets_a_call(void) {
  gmux_server_stats s = {.size = sizeof s, .calls_started = 1, .calls_failed = 1};
  execute();
  ledger_server_read_stats(&server, &s);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
  s.calls_started = s.calls_failed = 0;
  CU_ASSERT_TRUE(server_breaks(LAW_COUNTS, &s));
  s.calls_started = 2;
  CU_ASSERT_TRUE(server_breaks(LAW_COUNTS, &s));
}

static void connections_and_streams_are_broken_by_more_than_a_server_allows(void) {
  gmux_server_stats s = {.size = sizeof s};
  s.connections = server.options.max_connections + 1;
  CU_ASSERT_TRUE(server_breaks(LAW_CONNECTIONS, &s));
  s.connections = 1;
  s.calls_started = s.calls_running = s.calls_peak = server.options.max_concurrent_streams + 1;
  CU_ASSERT_TRUE(server_breaks(LAW_STREAMS, &s));
}

static void pings_is_broken_by_a_server_that_had_to_punish_polite_channels(void) {
  gmux_server_stats s = {
      .size = sizeof s, .too_many_pings = 1, .pings_bad = 3, .pings_received = 3};
  CU_ASSERT_TRUE(server_breaks(LAW_PINGS, &s));
  gmux_channel_options o = channel.options;
  o.keepalive_ms = 10000;
  ledger_channel_open(&channel, 0, NULL, &o);
  ledger_server_read_stats(&server, &s);
  CU_ASSERT_EQUAL(broken_in_all(), 0);
}

/* ---- the laws themselves ---- */

static void each_law_has_a_name_and_a_sentence_and_is_told_once_with_each(void) {
  for (int i = 0; i < LEDGER_LAWS; i++) {
    ledger_law_id law = (ledger_law_id)i;
    uint64_t before = ledger_law_readings(law);
    CU_ASSERT_TRUE(strlen(ledger_law_name(law)) > 0 && strlen(ledger_law_sentence(law)) > 0);
    CU_ASSERT_TRUE(ledger_law(law, true, "it holds"));
    CU_ASSERT_FALSE(ledger_law(law, false, "it does not, for once"));
    CU_ASSERT_TRUE(is_broken(law));
    CU_ASSERT_EQUAL(ledger_law_readings(law), before + 2);
  }
  CU_ASSERT_EQUAL(ledger_broken(), LEDGER_LAWS);
}

static void recovery_takes_as_long_as_the_options_let_an_attempt_take(void) {
  gmux_channel_options o = channel.options;
  o.max_backoff_ms = 1000;
  o.connect_timeout_ms = 5000;
  o.redial_jitter_ms = 0;
  CU_ASSERT_EQUAL(ledger_recovery_ns(&o, 0), 7 * GMUX__NS_PER_S); /* suspicion, attempt, call */
  o.max_backoff_ms = 10000;
  CU_ASSERT_EQUAL(ledger_recovery_ns(&o, 0), 14 * GMUX__NS_PER_S);
  o.suspect_after_ms = 500;
  CU_ASSERT_EQUAL(ledger_recovery_ns(&o, 0), 13500 * GMUX__NS_PER_MS);
}

static void a_server_knows_of_a_dead_client_within_its_tcp_keepalive(void) {
  gmux_server_options o;
  gmux_server_options_init(&o, sizeof o);
  o.tcp_keepalive_idle_s = 100;
  o.tcp_keepalive_interval_s = 7;
  o.tcp_keepalive_count = 3;
  o.keepalive_timeout_ms = 20000;
  CU_ASSERT_EQUAL(ledger_server_detection_ns(&o), 127 * GMUX__NS_PER_S); /* TCP_USER_TIMEOUT */
  o.keepalive_ms = 0;
  CU_ASSERT_EQUAL(ledger_server_detection_ns(&o), 121 * GMUX__NS_PER_S); /* by count */
  o.tcp_keepalive_idle_s = 0;
  CU_ASSERT_EQUAL(ledger_server_detection_ns(&o), GMUX__NEVER);
}

static const test_case cases[] = {
    TEST(a_call_that_is_executed_once_and_ends_breaks_no_law),
    TEST(l1_is_broken_by_a_call_without_an_end),
    TEST(l2_is_broken_by_a_second_end),
    TEST(l3_is_broken_by_a_second_execution),
    TEST(l3_is_broken_by_a_second_sending_after_a_possible_execution),
    TEST(l3_lets_an_idempotent_call_be_executed_as_often_as_it_was_sent),
    TEST(l4_is_broken_by_ok_without_execution),
    TEST(l4_is_broken_by_ok_without_an_answer),
    TEST(l5_is_broken_by_each_evidence_that_excludes_execution),
    TEST(l5_is_broken_by_an_execution_after_the_end),
    TEST(l7_is_broken_a_nanosecond_after_the_deadline),
    TEST(l7_is_broken_by_a_server_that_goes_on_after_its_last_words),
    TEST(l7_is_broken_by_a_server_that_was_not_told_or_told_of_more_time),
    TEST(story_is_broken_by_times_that_do_not_add_up),
    TEST(story_is_broken_by_more_time_than_it_took),
    TEST(story_is_broken_by_silence),
    TEST(counts_is_broken_by_more_refusals_than_may_be_retried),
    TEST(figures_that_are_true_break_no_law),
    TEST(counts_is_broken_by_figures_that_do_not_add_up),
    TEST(counts_is_broken_by_figures_that_the_application_did_not_see),
    TEST(connections_is_broken_by_one_more_than_the_options_allow),
    TEST(connections_is_broken_by_more_than_twice_as_many_with_the_suspect_ones),
    TEST(dials_is_broken_by_two_attempts_at_once),
    TEST(pings_is_broken_by_a_complaint_about_default_settings),
    TEST(pings_is_broken_by_a_complaint_that_changes_nothing),
    TEST(calm_is_broken_by_a_server_that_is_taken_for_hostile),
    TEST(dials_is_broken_by_an_attempt_before_the_backoff_is_over),
    TEST(backoff_begins_anew_after_a_connection_and_when_the_application_says_so),
    TEST(dials_is_broken_by_a_redial_at_once_after_a_connection_of_no_use),
    TEST(counts_is_broken_by_a_server_that_forgets_a_call),
    TEST(connections_and_streams_are_broken_by_more_than_a_server_allows),
    TEST(pings_is_broken_by_a_server_that_had_to_punish_polite_channels),
    TEST(each_law_has_a_name_and_a_sentence_and_is_told_once_with_each),
    TEST(recovery_takes_as_long_as_the_options_let_an_attempt_take),
    TEST(a_server_knows_of_a_dead_client_within_its_tcp_keepalive),
    TESTS_END,
};

int main(int argc, char **argv) {
  static const test_suite suite = {"ledger", cases, setup, NULL};
  static const test_suite *const suites[] = {&suite, NULL};
  return test_main("ledger", suites, 60, argc, argv);
}
