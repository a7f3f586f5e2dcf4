/* unruly_fate_test.c: what becomes of calls at an unruly server, and what its connections are born
 * with, as a channel sees it. */
#include "tests/sim/unruly_kit.h"
#include "tests/unit/certs.h"

extern const test_suite unruly_fate_suite;

/* ---- a decent server ---- */

static void without_roughness_every_kind_of_call_is_served(void) {
  open_decent();
  for (int kind = 0; kind < 4; kind++)
    start_with((gmux_method_kind)kind, kind == GMUX_UNARY || kind == GMUX_SERVER_STREAMING ? 1 : 5,
               true);
  run_ms(2000);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 4);
  for (uint32_t id = 1; id <= 4; id++)
    CU_ASSERT_EQUAL(w.calls[id].executed, 1);
  for (int fault = 0; fault < UNRULY_FAULTS; fault++)
    CU_ASSERT_EQUAL(w.faults[fault], 0);
}

static void over_tls_too(void) {
  test_ca *ca = test_ca_new("unruly");
  test_cert *cert = test_cert_new(ca, &(test_cert_options){.san = "DNS:u.example"});
  gmux_tls *server_tls, *client_tls;
  gmux_tls_options t;
  gmux_tls_options_init(&t, sizeof t);
  t.cert_pem = cert->cert_pem;
  t.key_pem = cert->key_pem;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_server_new(&server_tls, &t), 0);
  gmux_tls_options_init(&t, sizeof t);
  t.ca_pem = test_ca_pem(ca);
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&client_tls, &t), 0);
  server_open(&(unruly_options){.tls = server_tls}, 1);
  gmux_channel_options o = channel_options();
  o.cleartext = false;
  o.tls = client_tls;
  o.tls_host = "u.example";
  channel_open_with(&o);
  start_many(10);
  run_ms(10);
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_DRIP, 1));
  run_ms(10000);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 10);
  gmux_tls_free(server_tls);
  gmux_tls_free(client_tls);
  test_cert_free(cert);
  test_ca_free(ca);
}

/* ---- what becomes of calls ---- */

/* One call, always treated so. */
static line *one(unruly_fault fault, gmux_method_kind kind) {
  open_always(fault);
  line *c = start_with(kind, 1, true);
  run_ms(20000);
  CU_ASSERT_TRUE(w.faults[fault] >= 1);
  return c;
}

static void refused_calls_are_made_again_and_never_executed(void) {
  const line *c = one(UNRULY_REFUSED, GMUX_UNARY);
  CU_ASSERT_EQUAL(c->code, GMUX_UNAVAILABLE);
  CU_ASSERT_EQUAL(c->evidence, GMUX_EVIDENCE_REFUSED);
  CU_ASSERT_EQUAL(c->executed, 0);
  CU_ASSERT_EQUAL(c->refused, 4); /* max_refused_retries and the first */
}

static void a_late_refusal_is_one_too(void) {
  const line *c = one(UNRULY_REFUSED_LATE, GMUX_CLIENT_STREAMING);
  CU_ASSERT_EQUAL(c->evidence, GMUX_EVIDENCE_REFUSED);
  CU_ASSERT_EQUAL(c->refused, 4);
}

static void a_reset_proves_nothing_executed_or_not(void) {
  const line *c = one(UNRULY_RESET_UNEXECUTED, GMUX_UNARY);
  CU_ASSERT_TRUE(c->evidence >= GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_NOT_EQUAL(c->code, GMUX_OK);
  CU_ASSERT_EQUAL(c->executed, 0);
  CU_ASSERT_EQUAL(figures().attempts, 1);
}

static void nor_does_that_of_an_executed_call(void) {
  const line *c = one(UNRULY_RESET_EXECUTED, GMUX_SERVER_STREAMING);
  CU_ASSERT_NOT_EQUAL(c->code, GMUX_OK);
  CU_ASSERT_EQUAL(c->executed, 1);
}

static void an_error_is_what_the_client_hears(void) {
  const line *c = one(UNRULY_ERROR, GMUX_BIDI_STREAMING);
  CU_ASSERT_NOT_EQUAL(c->code, GMUX_OK);
  CU_ASSERT_EQUAL(c->evidence, GMUX_EVIDENCE_ANSWERED);
}

static void trailers_only_has_no_headers(void) {
  open_always(UNRULY_ERROR_ONLY);
  start_many(10);
  run_ms(20000);
  unsigned headers = 0;
  for (uint32_t id = 1; id <= w.count; id++)
    headers += w.calls[id].headers;
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 0);
  CU_ASSERT_EQUAL(headers, 0);
}

static void an_early_answer_ends_a_call_that_is_still_written(void) {
  open_always(UNRULY_EARLY);
  const line *c = start_open();
  run_ms(5000);
  CU_ASSERT_EQUAL(c->ends, 1);
  CU_ASSERT_EQUAL(c->evidence, GMUX_EVIDENCE_ANSWERED);
  CU_ASSERT_EQUAL(w.faults[UNRULY_EARLY], 1);
  CU_ASSERT_EQUAL(unruly_calls(w.server), 0);
}

static void informational_headers_are_passed_over(void) {
  open_always(UNRULY_INFORMATIONAL);
  start_with(GMUX_BIDI_STREAMING, 1, true);
  start();
  run_ms(5000);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 2);
  CU_ASSERT_EQUAL(w.calls[2].headers, 1);
  CU_ASSERT_EQUAL(w.faults[UNRULY_INFORMATIONAL], 2);
}

static void an_answer_without_a_status_is_not_ok(void) {
  const line *c = one(UNRULY_NO_TRAILERS, GMUX_SERVER_STREAMING);
  CU_ASSERT_EQUAL(c->code, GMUX_INTERNAL);
  CU_ASSERT_EQUAL(c->executed, 1);
}

static void ok_in_the_middle_of_a_message_is_not_ok(void) {
  const line *c = one(UNRULY_CUT_MESSAGE, GMUX_BIDI_STREAMING);
  CU_ASSERT_EQUAL(c->code, GMUX_INTERNAL);
}

static void ok_after_none_or_two_messages_is_not_ok(void) {
  open_always(UNRULY_WRONG_COUNT);
  start_many(10);
  run_ms(5000);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 0);
  CU_ASSERT_TRUE(w.faults[UNRULY_WRONG_COUNT] >= 5); /* who hears two may go before the end */
}

static void a_connection_that_breaks_off_leaves_calls_possibly_executed(void) {
  const line *c = one(UNRULY_BROKEN_OFF, GMUX_SERVER_STREAMING);
  CU_ASSERT_EQUAL(c->code, GMUX_UNAVAILABLE);
  CU_ASSERT_TRUE(c->evidence >= GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(c->executed, 1);
}

static void goaway_instead_of_an_answer_spares_what_was_executed(void) {
  const line *c = one(UNRULY_GOAWAY_INSTEAD, GMUX_UNARY);
  CU_ASSERT_EQUAL(c->code, GMUX_UNAVAILABLE);
  CU_ASSERT_TRUE(c->evidence >= GMUX_EVIDENCE_POSSIBLE);
  CU_ASSERT_EQUAL(c->executed, 1);
}

static void what_it_is_silent_about_is_answered_in_calm(void) {
  const line *c = one(UNRULY_SILENT, GMUX_UNARY);
  CU_ASSERT_EQUAL(c->ends, 0);
  CU_ASSERT_EQUAL(c->executed, 1);
  unruly_calm(w.server);
  run_ms(1000);
  CU_ASSERT_EQUAL(c->code, GMUX_OK);
}

/* ---- what connections are born with ---- */

static void without_settings_no_connection_is_used(void) {
  open_always(UNRULY_NO_GREETING);
  line *c = start();
  run_ms(1000);
  CU_ASSERT_EQUAL(figures().connections_ready, 0);
  CU_ASSERT_EQUAL(c->ends, 0);
  run_ms(30000); /* connect_timeout_ms */
  CU_ASSERT_TRUE(figures().dials_failed >= 1);
  unruly_calm(w.server);
  run_ms(5000);
  CU_ASSERT_EQUAL(c->code, GMUX_OK);
}

static void born_with(unruly_fault fault) {
  open_always(fault);
  start_many(10);
  for (int i = 0; i < 5; i++)
    start_with(GMUX_BIDI_STREAMING, 6, true);
  run_ms(20000);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 15);
  CU_ASSERT_EQUAL(figures().connections_made, 1); /* and that one lives */
  CU_ASSERT_TRUE(w.faults[fault] >= 1);
}

static void late_settings_delay_calls(void) {
  born_with(UNRULY_LATE_GREETING);
  CU_ASSERT_EQUAL(w.eager, 0);
  CU_ASSERT_EQUAL(figures().dials_failed, 0);
}

static void eager_calls_do_not_wait_for_settings(void) {
  gmux_channel_options o = channel_options();
  o.eager_calls = 2;
  server_open(&(unruly_options){.always = UNRULY_LATE_GREETING}, 1);
  channel_open_with(&o);
  start_many(5);
  run_ms(20000);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 5);
  CU_ASSERT_EQUAL(w.eager, 2);
  CU_ASSERT_EQUAL(figures().dials_failed, 0);
}

static void late_acks_do_no_harm(void) {
  born_with(UNRULY_LATE_ACKS);
}

static void a_small_window_is_respected(void) {
  born_with(UNRULY_SMALL_WINDOW);
}

static void padding_is_given_back(void) {
  born_with(UNRULY_PADDING);
}

static void small_frames_make_whole_messages(void) {
  born_with(UNRULY_SMALL_FRAMES);
}

static void empty_frames_say_nothing(void) {
  born_with(UNRULY_EMPTY_FRAMES);
}

static void header_blocks_may_come_in_pieces(void) {
  born_with(UNRULY_CONTINUATION);
}

static void goaway_behind_settings_leaves_calls_waiting(void) {
  open_always(UNRULY_GOAWAY_AT_ONCE);
  line *c = start();
  run_ms(5000);
  CU_ASSERT_TRUE(w.faults[UNRULY_GOAWAY_AT_ONCE] >= 2);
  CU_ASSERT_EQUAL(c->executed, 0);
  unruly_calm(w.server);
  run_ms(120000);
  CU_ASSERT_EQUAL(c->code, GMUX_OK);
}

static const test_case cases[] = {
    TEST(without_roughness_every_kind_of_call_is_served),
    TEST(over_tls_too),
    TEST(refused_calls_are_made_again_and_never_executed),
    TEST(a_late_refusal_is_one_too),
    TEST(a_reset_proves_nothing_executed_or_not),
    TEST(nor_does_that_of_an_executed_call),
    TEST(an_error_is_what_the_client_hears),
    TEST(trailers_only_has_no_headers),
    TEST(an_early_answer_ends_a_call_that_is_still_written),
    TEST(informational_headers_are_passed_over),
    TEST(an_answer_without_a_status_is_not_ok),
    TEST(ok_in_the_middle_of_a_message_is_not_ok),
    TEST(ok_after_none_or_two_messages_is_not_ok),
    TEST(a_connection_that_breaks_off_leaves_calls_possibly_executed),
    TEST(goaway_instead_of_an_answer_spares_what_was_executed),
    TEST(what_it_is_silent_about_is_answered_in_calm),
    TEST(without_settings_no_connection_is_used),
    TEST(late_settings_delay_calls),
    TEST(eager_calls_do_not_wait_for_settings),
    TEST(late_acks_do_no_harm),
    TEST(a_small_window_is_respected),
    TEST(padding_is_given_back),
    TEST(small_frames_make_whole_messages),
    TEST(empty_frames_say_nothing),
    TEST(header_blocks_may_come_in_pieces),
    TEST(goaway_behind_settings_leaves_calls_waiting),
    TESTS_END,
};
const test_suite unruly_fate_suite = {"unruly_fate", cases, setup, teardown};
