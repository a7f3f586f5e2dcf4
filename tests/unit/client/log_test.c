/* log_test.c: what the log says (promise 14): a line for each change of state to who debugs, a line
 * for each event to who operates, and nothing of a single call to him. */
#include "tests/unit/client/world.h"
#include <stdio.h>
#include <string.h>

extern const test_suite client_log_suite;

static struct {
  gmux_log_level level; /* as far as lines are kept */
  char text[16384];     /* "I client: connected to ...\n" */
  size_t len;
} heard;

static void on_log(gmux_log_level level, const char *room, const char *message, void *user_data) {
  static const char letters[] = "-EWID";
  CU_ASSERT_PTR_EQUAL(user_data, &heard);
  if (level > heard.level) return;
  int n = snprintf(heard.text + heard.len, sizeof heard.text - heard.len, "%c %s: %s\n",
                   letters[level], room, message);
  CU_ASSERT_FATAL(n > 0 && (size_t)n < sizeof heard.text - heard.len);
  heard.len += (size_t)n;
}

static void setup(void) {
  w_setup();
  gmux_loop_options o;
  gmux_loop_options_init(&o, sizeof o);
  o.log = on_log;
  o.log_user_data = &heard;
  o.log_level = GMUX_LOG_DEBUG;
  w_loop = sim_loop_with(w_sim, &o); /* the raw server stays on the other one */
  heard.level = GMUX_LOG_INFO;
}

static void forget(void) {
  heard.len = 0;
  heard.text[0] = '\0';
}

static void setup_forgetful(void) {
  setup();
  forget();
}

#define ASSERT_HEARD(expected) assert_heard(expected, __FILE__, __LINE__)
/* All that was said since the last time. */
static void assert_heard(const char *expected, const char *file, unsigned line) {
  bool is_so = strcmp(heard.text, expected) == 0;
  if (!is_so) printf("# expected:\n%s# heard:\n%s", expected, heard.text);
  CU_assertImplementation(is_so, line, "as expected", file, "", CU_FALSE);
  forget();
}

static void each_change_of_state_is_a_line_for_who_debugs(void) {
  heard.level = GMUX_LOG_DEBUG;
  w_open();
  w_unary();
  w_run();
  rawpeer *p = w_greet(-1);
  w_answer(p, 1, "reply");
  w_run();
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
  w_run();
  ASSERT_HEARD(
      "D client: call /test.Service/Unary: NEW -> WAITING\n"
      "D client: connecting to 127.0.0.1:50051: off -> waiting\n"
      "D client: channel to 127.0.0.1:50051: IDLE -> CONNECTING\n"
      "D client: connecting to 127.0.0.1:50051: waiting -> racing\n"
      "D client: connection 1: line NEW -> GREETING\n"
      "D h2: connection 1 (ipv4:127.0.0.1:50051): DIALING -> SECURING\n"
      "D h2: connection 1 (ipv4:127.0.0.1:50051): SECURING -> GREETING\n"
      "D h2: connection 1 (ipv4:127.0.0.1:50051): GREETING -> READY\n"
      "D client: connection 1 (ipv4:127.0.0.1:50051): line GREETING -> READY\n"
      "I client: connection 1 (ipv4:127.0.0.1:50051): ready\n"
      "D client: connecting to 127.0.0.1:50051: racing -> off\n"
      "D client: channel to 127.0.0.1:50051: CONNECTING -> READY\n"
      "D client: call /test.Service/Unary: WAITING -> RUNNING\n"
      "D client: call /test.Service/Unary: RUNNING -> ENDING\n"
      "D client: call /test.Service/Unary: ENDING -> ENDED\n"
      "D client: connection 1 (ipv4:127.0.0.1:50051): line READY -> ABANDONED\n"
      "D h2: connection 1 (ipv4:127.0.0.1:50051): READY -> CLOSED: the channel was closed\n"
      "D client: channel to 127.0.0.1:50051: READY -> SHUTDOWN\n"
      "D client: connection 1 (ipv4:127.0.0.1:50051): line ABANDONED -> GONE\n");
}

static void a_call_that_is_made_again_is_a_line_for_who_debugs(void) {
  rawpeer *p = w_connected();
  w_unary();
  w_run();
  forget();
  heard.level = GMUX_LOG_DEBUG;
  rawpeer_rst(p, 1, 7); /* REFUSED_STREAM */
  w_run();
  ASSERT_HEARD("D client: call /test.Service/Unary: made again in 0 ms: refused\n"
               "D client: call /test.Service/Unary: RUNNING -> RESTING\n"
               "D client: call /test.Service/Unary: RESTING -> WAITING\n"
               "D client: call /test.Service/Unary: WAITING -> RUNNING\n");
}

static void calls_are_nothing_to_who_operates(void) {
  rawpeer *p = w_connected();
  ASSERT_HEARD("I client: connection 1 (ipv4:127.0.0.1:50051): ready\n");
  for (int i = 0; i < 100; i++) {
    tcall *t = w_unary();
    w_run();
    if (i % 2) gmux_call_cancel(t->call);
    w_answer_all(p, "reply");
    w_run();
  }
  ASSERT_HEARD("");
}

static void what_becomes_of_a_connection_is_told_once(void) {
  w_connected();
  forget();
  gmux_channel_rotate(w_channel);
  rawpeer *p = w_greet(-1);
  ASSERT_HEARD(
      "I client: connection 1 (ipv4:127.0.0.1:50051): will be replaced: the pool is rotated\n"
      "I client: connection 2 (ipv4:127.0.0.1:50051): ready\n"
      "I client: connection 1 (ipv4:127.0.0.1:50051): no more calls: the pool is rotated\n");
  tcall *t = w_unary();
  w_run();
  rawpeer_goaway(p, 1, 0, "deploy");
  w_run();
  ASSERT_HEARD(
      "I client: connection 2 (ipv4:127.0.0.1:50051): no more calls: the peer sent GOAWAY NO_ERROR "
      "\"deploy\"\n");
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  p = w_greet(-1);
  ASSERT_HEARD("I client: connection 3 (ipv4:127.0.0.1:50051): ready\n");
  rawpeer_close(p);
  w_run();
  ASSERT_HEARD(
      "I client: connection 3 (ipv4:127.0.0.1:50051): lost: the peer closed the connection\n");
}

static void who_asks_too_often_is_warned(void) {
  w_options.keepalive_ms = 10000;
  rawpeer *p = w_connected();
  forget();
  rawpeer_goaway(p, 0, 11, "too_many_pings");
  w_run();
  ASSERT_HEARD("W client: connection 1 (ipv4:127.0.0.1:50051): the server counts too many PINGs: "
               "from now on one after 20000 "
               "ms of silence; set keepalive_ms to what its policy allows\n"
               "I client: connection 1 (ipv4:127.0.0.1:50051): no more calls: the peer sent GOAWAY "
               "ENHANCE_YOUR_CALM \"too_many_pings\"\n");
}

static void a_peer_that_falls_silent_is_told_of_at_each_step(void) {
  w_options.suspect_after_ms = 1000;
  rawpeer *p = w_connected();
  w_unary();
  w_run();
  forget();
  w_run_ms(1500);
  ASSERT_HEARD("I h2: connection 1 (ipv4:127.0.0.1:50051): suspect: not a byte came for 1000 ms, "
               "and a PING is "
               "not answered\n");
  rawpeer_settings(p, 0, NULL, NULL);
  w_run();
  ASSERT_HEARD(
      "I h2: connection 1 (ipv4:127.0.0.1:50051): trusted again, after 1500 ms without a byte\n");
}

static void a_peer_that_stays_silent_is_dead_in_words(void) {
  w_options.keepalive_ms = 1000;
  w_options.keepalive_timeout_ms = 500;
  w_connected();
  w_unary();
  w_run();
  forget();
  w_run_ms(2000);
  ASSERT_HEARD(
      "I client: connection 1 (ipv4:127.0.0.1:50051): lost: no answer to a PING within 500 ms\n");
}

static void a_server_that_cannot_be_had_is_a_warning_each_time(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  w_unary();
  w_run();
  static const char words[] = "W client: connect to ipv4:127.0.0.1:50051: connection refused; "
                              "backoff: "; /* jittered */
  CU_ASSERT_EQUAL(strncmp(heard.text, words, sizeof words - 1), 0);
  CU_ASSERT_PTR_EQUAL(strchr(heard.text, '\n'), heard.text + heard.len - 1);
  forget();
  w_unary(); /* fails at once: no attempt, no line */
  w_run();
  ASSERT_HEARD("");
}

static void a_pause_is_told_when_it_begins_and_ends(void) {
  w_connected();
  forget();
  gmux_channel_pause(w_channel);
  gmux_channel_pause(w_channel);
  w_run();
  ASSERT_HEARD("I client: channel to 127.0.0.1:50051: paused\n");
  gmux_channel_resume(w_channel);
  gmux_channel_resume(w_channel);
  w_run();
  ASSERT_HEARD("I client: channel to 127.0.0.1:50051: resumed\n");
}

static void an_outage_of_dns_is_told(void) {
  w_options.dns_cache_ms = 0;
  sim_dns_set(w_sim, "server.test", &w_address, 1);
  w_open_to("server.test:50051");
  w_unary();
  rawpeer *p = w_greet(-1);
  w_answer_all(p, "reply");
  sim_dns_fail(w_sim, "server.test", "nobody answers");
  rawpeer_close(p);
  w_run();
  forget();
  w_unary();
  w_run();
  ASSERT_HEARD("I client: look up server.test: nobody answers; its last answer is used\n");
}

static const test_case cases[] = {
    TEST(each_change_of_state_is_a_line_for_who_debugs),
    TEST(a_call_that_is_made_again_is_a_line_for_who_debugs),
    TEST(calls_are_nothing_to_who_operates),
    TEST(what_becomes_of_a_connection_is_told_once),
    TEST(who_asks_too_often_is_warned),
    TEST(a_peer_that_falls_silent_is_told_of_at_each_step),
    TEST(a_peer_that_stays_silent_is_dead_in_words),
    TEST(a_server_that_cannot_be_had_is_a_warning_each_time),
    TEST(a_pause_is_told_when_it_begins_and_ends),
    TEST(an_outage_of_dns_is_told),
    TESTS_END,
};

const test_suite client_log_suite = {"log", cases, setup_forgetful, w_teardown};
