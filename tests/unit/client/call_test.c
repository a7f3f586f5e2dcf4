#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

/* ---- arguments ---- */

static void wrong_arguments_are_refused_in_words(void) {
  static const gmux_call_handlers no_end = {0};
  gmux_call *call = NULL;
  gmux_method *m = w_methods[GMUX_UNARY];
  gmux_bytes request = gmux_bytes_borrow("x", 1);
  w_open();
  CU_ASSERT_EQUAL(gmux_call_start(&call, NULL, m, NULL, &w_handlers, NULL), GMUX_ERR_INVALID);
  ASSERT_HAS(gmux_last_error(), "channel is NULL");
  CU_ASSERT_EQUAL(gmux_call_start(&call, w_channel, NULL, NULL, &w_handlers, NULL),
                  GMUX_ERR_INVALID);
  ASSERT_HAS(gmux_last_error(), "method is NULL");
  CU_ASSERT_EQUAL(gmux_call_start(&call, w_channel, m, NULL, &no_end, NULL), GMUX_ERR_INVALID);
  ASSERT_HAS(gmux_last_error(), "on_end is NULL");
  CU_ASSERT_EQUAL(gmux_call_start(NULL, w_channel, m, NULL, NULL, NULL), GMUX_ERR_INVALID);
  ASSERT_HAS(gmux_last_error(), "out and handlers are both NULL");
  gmux_call_options bad = w_timeout(1);
  bad.size = 0;
  CU_ASSERT_EQUAL(gmux_call_start(&call, w_channel, m, &bad, &w_handlers, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_call_unary_start(&call, w_channel, m, NULL, NULL, NULL, NULL),
                  GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_call_unary_start(&call, w_channel, m, NULL, &request, NULL, NULL),
                  GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NULL(call);
  CU_ASSERT_EQUAL(gmux_call_write(NULL, &request), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_call_half_close(NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_call_grant(NULL, 1), GMUX_ERR_INVALID);
  gmux_call_cancel(NULL);
  gmux_call_free(NULL);
  CU_ASSERT_STRING_EQUAL(gmux_call_peer(NULL), "");
  CU_ASSERT_EQUAL(gmux_call_get_evidence(NULL), GMUX_EVIDENCE_NEVER_LEFT);
  w_run();
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  CU_ASSERT_EQUAL(w_stats().calls_started, 0);
}

static void wrong_messages_are_refused_in_words(void) {
  w_options.max_send_message_bytes = 4;
  w_open();
  tcall *t = w_start(GMUX_BIDI_STREAMING, NULL);
  gmux_bytes message = gmux_bytes_borrow("hello", 5);
  CU_ASSERT_EQUAL(gmux_call_write(t->call, &message), GMUX_ERR_TOO_LARGE);
  ASSERT_HAS(gmux_last_error(), "max_send_message_bytes");
  CU_ASSERT_EQUAL(message.len, 5);
  message = (gmux_bytes){.data = NULL, .len = 3};
  CU_ASSERT_EQUAL(gmux_call_write(t->call, &message), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_call_write(t->call, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_call_grant(t->call, 0), GMUX_ERR_INVALID);
}

static void evidence_and_states_have_names(void) {
  static const char *const names[] = {"never left",        "refused",  "above last stream id",
                                      "possibly executed", "answered", "unknown"};
  static const char *const states[] = {"NEW",    "WAITING", "RUNNING", "RESTING",
                                       "ENDING", "ENDED",   "?"};
  for (int i = 0; i < 6; i++)
    CU_ASSERT_STRING_EQUAL(gmux_evidence_str((gmux_evidence)i), names[i]);
  for (int i = 0; i < 7; i++)
    CU_ASSERT_STRING_EQUAL(gmux__call_state_str((gmux__call_state)i), states[i]);
}

/* ---- what is sent ---- */

static void the_request_says_what_the_protocol_wants(void) {
  gmux_metadata *md;
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&md), 0);
  gmux_metadata_add(md, "x-key", "value");
  rawpeer *p = w_connected();
  gmux_call_options o = w_timeout(1500);
  o.metadata = md;
  w_start(GMUX_BIDI_STREAMING, &o);
  gmux_metadata_free(md); /* copied */
  w_run();
  const rawframe *f = rawpeer_find(p, RAW_HEADERS, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  static const char *const wanted[] = {
      ":method", ":scheme",      ":path",      ":authority",           "grpc-timeout",
      "te",      "content-type", "user-agent", "grpc-accept-encoding", "x-key"};
  CU_ASSERT_EQUAL_FATAL(f->header_count, 10);
  for (size_t i = 0; i < 10; i++)
    CU_ASSERT_STRING_EQUAL(f->headers[i].name, wanted[i]);
  CU_ASSERT_STRING_EQUAL(rawframe_header(f, ":path"), "/test.Service/Bidi");
  CU_ASSERT_STRING_EQUAL(rawframe_header(f, ":scheme"), "http");
  CU_ASSERT_STRING_EQUAL(rawframe_header(f, "grpc-timeout"), "1500000u");
  CU_ASSERT_STRING_EQUAL(rawframe_header(f, "x-key"), "value");
}

static void the_timeout_on_the_wire_is_what_is_left_when_the_request_leaves(void) {
  w_open();
  gmux_call_options o = w_timeout(5000);
  w_start(GMUX_UNARY, &o);
  rawpeer *p = w_accept();
  w_run_ms(1250);
  w_settings(p, -1);
  w_run();
  const rawframe *f = rawpeer_find(p, RAW_HEADERS, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  CU_ASSERT_STRING_EQUAL(rawframe_header(f, "grpc-timeout"), "3750000u");
}

static void more_metadata_than_usual_is_sent_too(void) {
  gmux_metadata *md;
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&md), 0);
  for (int i = 0; i < 100; i++)
    gmux_metadata_add(md, "x-key", "value");
  rawpeer *p = w_connected();
  gmux_call_options o = w_patient();
  o.metadata = md;
  w_start(GMUX_UNARY, &o);
  w_unary();
  gmux_metadata_free(md);
  w_run();
  CU_ASSERT_EQUAL(rawpeer_find(p, RAW_HEADERS, 1, 0)->header_count, 108);
  CU_ASSERT_EQUAL(rawpeer_find(p, RAW_HEADERS, 3, 0)->header_count, 8);
}

static void a_unary_request_is_one_message_and_the_end(void) {
  rawpeer *p = w_connected();
  tcall *t = w_unary();
  CU_ASSERT_EQUAL(w_write(t, "again"), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(gmux_call_half_close(t->call), 0); /* unneeded and harmless */
  w_run();
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_DATA, 1), 1);
  const rawframe *f = rawpeer_find(p, RAW_DATA, 1, 0);
  CU_ASSERT_EQUAL(f->len, 10);
  CU_ASSERT_EQUAL(memcmp(f->payload, "\0\0\0\0\5hello", 10), 0);
  CU_ASSERT_EQUAL(f->flags, RAW_END_STREAM);
}

static void a_stream_of_messages_ends_by_half_close(void) {
  rawpeer *p = w_connected();
  tcall *t = w_start(GMUX_CLIENT_STREAMING, NULL);
  CU_ASSERT_EQUAL(w_write(t, "one"), 0);
  CU_ASSERT_EQUAL(w_write(t, "two"), 0);
  w_run();
  CU_ASSERT_FALSE(rawpeer_find(p, RAW_DATA, 1, 0)->flags & RAW_END_STREAM);
  CU_ASSERT_EQUAL(gmux_call_half_close(t->call), 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(t->call), GMUX_ERR_STATE);
  CU_ASSERT_EQUAL(w_write(t, "three"), GMUX_ERR_STATE);
  w_run();
  w_answer(p, 1, "sum");
  w_run();
  ASSERT_LOG(t, "H M3 E");
  ASSERT_CODE(t, GMUX_OK);
}

static void half_close_before_the_call_has_a_connection_is_kept(void) {
  w_open();
  tcall *t = w_start(GMUX_CLIENT_STREAMING, NULL);
  CU_ASSERT_EQUAL(w_write(t, "one"), 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(t->call), 0);
  rawpeer *p = w_greet(-1);
  const rawframe *f = rawpeer_find(p, RAW_DATA, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  CU_ASSERT_TRUE(f->flags & RAW_END_STREAM);
}

/* ---- deadlines ---- */

static void a_deadline_that_is_over_at_the_start_sends_nothing(void) {
  w_open();
  gmux_call_options o = w_timeout(0);
  tcall *a = w_start(GMUX_UNARY, &o);
  ASSERT_LOG(a, "");
  o = w_timeout(-5);
  tcall *b = w_start(GMUX_UNARY, &o);
  w_run();
  ASSERT_LOG(a, "E");
  ASSERT_CODE(a, GMUX_DEADLINE_EXCEEDED);
  ASSERT_MESSAGE(a, "deadline of 0 ms passed before it was started");
  ASSERT_CODE(b, GMUX_DEADLINE_EXCEEDED);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
}

static tcall *start_with_timeout(int64_t ms) {
  gmux_call_options o = w_timeout(ms);
  o.wait_for_ready = true;
  tcall *t = w_start(GMUX_UNARY, &o);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  return t;
}

static void assert_late_after(tcall *t, uint64_t ms, const char *words) {
  w_run_ms(ms - 1);
  ASSERT_LOG(t, "");
  w_run_ms(1);
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_DEADLINE_EXCEEDED);
  ASSERT_MESSAGE(t, words);
}

static void a_deadline_passes_during_the_look_up(void) {
  sim_dns_hang(w_sim, "slow.example");
  w_open_to("slow.example:1");
  tcall *t = start_with_timeout(1500);
  assert_late_after(t, 1500,
                    "deadline of 1500 ms passed while waiting for a connection: looking "
                    "up slow.example");
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_NEVER_LEFT);
}

static void a_deadline_passes_during_the_dial(void) {
  sim_net_blackhole(w_sim, &w_address, SIM_BOTH_WAYS);
  w_open();
  tcall *t = start_with_timeout(1500);
  assert_late_after(t, 1500,
                    "deadline of 1500 ms passed while waiting for a connection: "
                    "connecting to ipv4:127.0.0.1:50051");
}

static void a_deadline_passes_during_the_tls_handshake(void) {
  w_options.cleartext = false;
  w_open();
  tcall *t = start_with_timeout(1500);
  w_accept();
  assert_late_after(t, 1500,
                    "deadline of 1500 ms passed while waiting for a connection: in the "
                    "TLS handshake with ipv4:127.0.0.1:50051");
}

static void a_deadline_passes_before_the_server_greets(void) {
  w_open();
  tcall *t = start_with_timeout(1500);
  w_accept();
  assert_late_after(t, 1500,
                    "deadline of 1500 ms passed while waiting for a connection: no "
                    "SETTINGS from ipv4:127.0.0.1:50051 yet");
}

static void a_deadline_passes_during_the_backoff(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  tcall *t = start_with_timeout(500);
  assert_late_after(t, 500,
                    "deadline of 500 ms passed while waiting for a connection: connect "
                    "to ipv4:127.0.0.1:50051: connection refused");
}

static void a_deadline_passes_while_waiting_for_a_stream(void) {
  w_open();
  w_unary();
  tcall *t = start_with_timeout(1500);
  w_greet(1);
  assert_late_after(t, 1500,
                    "deadline of 1500 ms passed while waiting for a free stream to "
                    "ipv4:127.0.0.1:50051, which has 1 of them in use");
}

static void a_deadline_passes_while_the_server_works(void) {
  rawpeer *p = w_connected();
  tcall *t = start_with_timeout(1500);
  assert_late_after(t, 1500, "deadline of 1500 ms passed while the server worked on it");
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_POSSIBLE);
  w_run();
  const rawframe *rst = rawpeer_find(p, RAW_RST_STREAM, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(rst);
  CU_ASSERT_EQUAL(rawframe_u32(rst, 0), 8); /* CANCEL */
  w_answer(p, 1, "late");
  w_run();
  ASSERT_LOG(t, "E");
}

static void a_deadline_passes_while_the_request_is_not_half_closed(void) {
  w_connected();
  gmux_call_options o = w_timeout(1500);
  tcall *t = w_start(GMUX_CLIENT_STREAMING, &o);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  assert_late_after(t, 1500,
                    "deadline of 1500 ms passed while the server had it and the request was not "
                    "half-closed");
}

/* The server's SETTINGS arrive in the very turn in which the timer is due, and before it. */
static void a_deadline_that_is_over_when_a_connection_comes_sends_nothing(void) {
  w_open();
  tcall *t = start_with_timeout(1500);
  rawpeer *p = w_accept();
  sim_net(w_sim)->latency_ns = 10 * MS;
  w_run_ms(1490);
  w_settings(p, -1);
  w_run_ms(10);
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_DEADLINE_EXCEEDED);
  w_run_ms(100);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 0);
}

static void a_deadline_passes_before_the_request_could_be_written(void) {
  static char big[40000];
  rawpeer *p = w_connected();
  sim_link_stall(sim_link_first(w_sim), SIM_TO_SERVER);
  for (int i = 0; i < 3; i++) { /* fills the pipe to the server, and what waits for it */
    tcall *filler = w_start(GMUX_CLIENT_STREAMING, NULL);
    gmux_bytes message = gmux_bytes_borrow(big, sizeof big);
    CU_ASSERT_EQUAL(gmux_call_write(filler->call, &message), 0);
    w_run();
  }
  tcall *t = start_with_timeout(1500);
  assert_late_after(t, 1500, "deadline of 1500 ms passed before it left for ipv4:127.0.0.1:50051");
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_NEVER_LEFT);
  sim_link_stall(sim_link_first(w_sim), 0);
  w_run();
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 3);
}

static void an_answer_in_time_stops_the_clock(void) {
  rawpeer *p = w_connected();
  tcall *t = start_with_timeout(1500);
  w_run_ms(1499);
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  uint64_t turns = sim_turns(w_sim);
  w_run_ms(10000);
  CU_ASSERT_EQUAL(sim_turns(w_sim), turns);
}

/* The raw server answers no PINGs. */
static void without_pings(void) {
  w_options.keepalive_ms = 0;
  w_options.suspect_after_ms = GMUX_NEVER_MS;
}

static void no_timeout_sets_no_timer(void) {
  without_pings();
  w_connected();
  w_unary();
  w_run_ms(100000); /* over the connection's own, for the acknowledgement of its SETTINGS */
  uint64_t turns = sim_turns(w_sim);
  w_run_ms(100000);
  CU_ASSERT_EQUAL(sim_turns(w_sim), turns);
  CU_ASSERT_EQUAL(w_stats().calls_running, 1);
}

static void a_timeout_beyond_all_time_is_none(void) {
  without_pings();
  w_connected();
  tcall *t = start_with_timeout(INT64_MAX - 1);
  w_run_ms(100000);
  ASSERT_LOG(t, "");
}

static void cancel_by_the_server_at_our_deadline_is_deadline_exceeded(void) {
  rawpeer *p = w_connected();
  sim_net(w_sim)->latency_ns = 10 * MS;
  tcall *t = start_with_timeout(1500);
  w_run_ms(1490);
  rawpeer_rst(p, 1, 8); /* arrives in the very turn in which our timer is due */
  w_run_ms(10);
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_DEADLINE_EXCEEDED);
}

static void cancel_by_the_server_before_our_deadline_is_cancelled(void) {
  rawpeer *p = w_connected();
  tcall *t = start_with_timeout(1500);
  w_run_ms(1000);
  rawpeer_rst(p, 1, 8);
  w_run();
  ASSERT_CODE(t, GMUX_CANCELLED);
  ASSERT_MESSAGE(t, "the server reset the stream: CANCEL (8)");
}

/* ---- cancel ---- */

static void assert_cancelled(tcall *t) {
  gmux_call_cancel(t->call);
  ASSERT_LOG(t, ""); /* never from inside */
  gmux_call_cancel(t->call);
  w_run();
  ASSERT_LOG(t, "E");
  ASSERT_CODE(t, GMUX_CANCELLED);
  ASSERT_MESSAGE(t, "cancelled by the application");
}

static void a_call_can_be_cancelled_while_it_waits(void) {
  for (int phase = 0; phase < 4; phase++) {
    sim_dns_hang(w_sim, "slow.example");
    sim_net_blackhole(w_sim, &w_address, phase == 1 ? SIM_BOTH_WAYS : 0);
    sim_net_refuse(w_sim, &w_address, phase == 3);
    w_open_to(phase == 0 ? "slow.example:1" : "ipv4:127.0.0.1:50051");
    gmux_call_options patient = w_patient();
    tcall *t = w_start(GMUX_UNARY, &patient);
    if (phase == 2) CU_ASSERT_PTR_NOT_NULL(w_accept());
    w_run();
    CU_ASSERT_EQUAL(w_stats().calls_waiting, 1);
    assert_cancelled(t);
    CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_NEVER_LEFT);
    w_free(t);
    gmux_channel_free(w_channel);
    w_channel = NULL;
    w_run();
  }
}

static void a_call_can_be_cancelled_while_it_waits_for_a_stream(void) {
  w_open();
  w_unary();
  tcall *t = w_unary(), *next = w_unary();
  rawpeer *p = w_greet(1);
  assert_cancelled(t);
  w_answer(p, 1, "reply");
  w_run();
  CU_ASSERT_EQUAL(next->call->loop_only.state, GMUX__CALL_RUNNING);
}

static void a_running_call_can_be_cancelled(void) {
  rawpeer *p = w_connected();
  tcall *t = w_unary();
  w_run();
  assert_cancelled(t);
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_POSSIBLE);
  const rawframe *rst = rawpeer_find(p, RAW_RST_STREAM, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(rst);
  CU_ASSERT_EQUAL(rawframe_u32(rst, 0), 8);
}

static void a_call_cancelled_before_it_left_is_never_seen_by_the_server(void) {
  rawpeer *p = w_connected();
  tcall *t = w_unary();
  assert_cancelled(t);
  CU_ASSERT_EQUAL(t->evidence, GMUX_EVIDENCE_NEVER_LEFT);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_HEADERS, RAW_ANY), 0);
  tcall *u = w_unary();
  w_run();
  CU_ASSERT_EQUAL(w_answer_all(p, "reply"), 1);
  w_run();
  ASSERT_CODE(u, GMUX_OK);
}

static void cancelling_after_the_end_changes_nothing(void) {
  rawpeer *p = w_connected();
  tcall *t = w_unary();
  w_run();
  w_answer(p, 1, "reply");
  w_run();
  gmux_call_cancel(t->call);
  w_run();
  ASSERT_LOG(t, "H M5 E");
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_RST_STREAM, RAW_ANY), 0);
}

/* ---- the handle ---- */

static void a_freed_call_runs_on_and_tells_its_end(void) {
  rawpeer *p = w_connected();
  tcall *t = w_unary();
  w_free(t);
  w_run();
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_LOG(t, "H M5 E");
  ASSERT_CODE(t, GMUX_OK);
}

static void the_handle_need_not_be_taken(void) {
  rawpeer *p = w_connected();
  tcall *t = w_record();
  CU_ASSERT_EQUAL(gmux_call_start(NULL, w_channel, w_methods[GMUX_UNARY], NULL, &w_handlers, t), 0);
  w_run();
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_LOG(t, "H M5 E");
}

static void memory_of_calls_is_kept_while_it_is_needed_and_then_given_back(void) {
  rawpeer *p = w_connected();
  for (int i = 0; i < 4; i++) {
    tcall *t = w_unary();
    w_run();
    w_answer_all(p, "reply");
    w_run();
    w_free(t);
    w_run_ms(900);
    CU_ASSERT_EQUAL(w_channel->loop_only.calls.held, 1);
    CU_ASSERT_EQUAL(w_channel->loop_only.attempts.held, 1);
  }
  w_run_ms(2000);
  CU_ASSERT_EQUAL(w_channel->loop_only.calls.held, 0);
  CU_ASSERT_EQUAL(w_channel->loop_only.attempts.held, 0);
}

static void so_is_that_of_a_call_that_could_not_be_started(void) {
  w_connected();
  gmux_call_options o = w_patient();
  o.compression = "br";
  CU_ASSERT_EQUAL(w_start_with(w_record(), GMUX_UNARY, &o), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(w_channel->loop_only.calls.held, 1);
  w_run_ms(3000);
  CU_ASSERT_EQUAL(w_channel->loop_only.calls.held, 0);
}

static void a_method_may_be_freed_while_its_calls_run(void) {
  gmux_method *m;
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&m, "/test.Service/Gone", GMUX_UNARY, 0), 0);
  w_open();
  tcall *t = w_record();
  CU_ASSERT_EQUAL(gmux_call_start(&t->call, w_channel, m, NULL, &w_handlers, t), 0);
  gmux_method_free(m);
  rawpeer *p = w_greet(-1);
  CU_ASSERT_STRING_EQUAL(rawframe_header(rawpeer_find(p, RAW_HEADERS, 1, 0), ":path"),
                         "/test.Service/Gone");
  w_answer(p, 1, "reply");
  w_run();
  ASSERT_CODE(t, GMUX_OK);
}

/* ---- from inside the handlers ---- */

static char event_wanted;
static void (*action)(tcall *t);
static unsigned actions;

static void act(tcall *t, char event) {
  if (event != event_wanted) return;
  actions++;
  action(t);
}

static void do_cancel(tcall *t) {
  gmux_call_cancel(t->call);
}

static void do_free(tcall *t) {
  w_free(t);
}

static void do_start(tcall *t) {
  t->arg = w_unary();
}

static void do_close(tcall *t) {
  (void)t;
  gmux_channel_close(w_channel, w_on_closed, &w_closed);
}

static void do_free_channel(tcall *t) {
  w_free(t);
  gmux_channel_free(w_channel);
  w_channel = NULL;
}

static void do_cancel_all(tcall *t) {
  tcall *other = t->arg;
  gmux_call_cancel(other->call);
  gmux_call_cancel(t->call);
}

/* A bidi call that gets each event in turn: H, M, D, W, E. */
static tcall *run_with(char event, void (*fn)(tcall *t)) {
  event_wanted = event;
  action = fn;
  actions = 0;
  w_closed = 0;
  w_options.write_queue_bytes = 1024;
  rawpeer *p = w_connected();
  rawpeer_window_update(p, 0, 0x10000);
  tcall *other = w_unary();
  tcall *t = w_start(GMUX_BIDI_STREAMING, NULL);
  t->on_event = act;
  t->arg = other;
  static char big[100000];
  gmux_bytes message = gmux_bytes_borrow(big, sizeof big);
  CU_ASSERT_EQUAL(gmux_call_write(t->call, &message), GMUX_WRITE_FULL);
  w_run();
  rawpeer_window_update(p, 3, 0x100000);
  w_run();
  w_headers(p, 3);
  w_message(p, 3, "one");
  w_message(p, 3, "two");
  w_run();
  if (t->ends == 0) rawpeer_goaway(p, 3, 0, NULL);
  w_run();
  if (t->ends == 0) w_trailers(p, 3, "0", NULL);
  w_run();
  if (other->ends == 0) w_answer(p, 1, "reply");
  w_run();
  return t;
}

static void close_world(tcall *t) {
  w_free(t);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  while (w_accept())
    ;
}

static const char events[] = "WHMDE";

static void without_any_action_all_events_come(void) {
  tcall *t = run_with('-', do_cancel);
  ASSERT_LOG(t, "W H M3 M3 D E");
  ASSERT_CODE(t, GMUX_OK);
}

static void a_call_can_be_cancelled_from_each_of_its_handlers(void) {
  static const char *const logs[] = {"W E", "W H E", "W H M3 E", "W H M3 M3 D E", "W H M3 M3 D E"};
  for (int i = 0; events[i]; i++) {
    tcall *t = run_with(events[i], do_cancel);
    ASSERT_LOG(t, logs[i]);
    ASSERT_CODE(t, events[i] == 'E' ? GMUX_OK : GMUX_CANCELLED);
    CU_ASSERT_EQUAL(t->ends, 1);
    close_world(t);
  }
}

static void a_call_can_be_freed_from_each_of_its_handlers(void) {
  for (int i = 0; events[i]; i++) {
    tcall *t = run_with(events[i], do_free);
    ASSERT_LOG(t, "W H M3 M3 D E");
    ASSERT_CODE(t, GMUX_OK);
    close_world(t);
  }
}

static void a_call_can_be_started_from_each_handler(void) {
  for (int i = 0; events[i]; i++) {
    tcall *t = run_with(events[i], do_start);
    CU_ASSERT_TRUE(actions > 0);
    tcall *started = t->arg;
    CU_ASSERT_PTR_NOT_NULL_FATAL(started);
    ASSERT_LOG(t, "W H M3 M3 D E");
    close_world(t);
    CU_ASSERT_EQUAL(started->ends, 1);
    w_free(started);
    w_run();
  }
}

static void the_channel_can_be_closed_from_each_handler(void) {
  for (int i = 0; events[i]; i++) {
    tcall *t = run_with(events[i], do_close);
    tcall *other = t->arg;
    CU_ASSERT_EQUAL(t->ends, 1);
    CU_ASSERT_EQUAL(other->ends, 1);
    ASSERT_CODE(t, events[i] == 'E' ? GMUX_OK : GMUX_CANCELLED);
    ASSERT_CODE(other, GMUX_CANCELLED);
    CU_ASSERT_EQUAL(w_closed, 1);
    close_world(t);
  }
}

static void the_channel_can_be_freed_from_each_handler(void) {
  for (int i = 0; events[i]; i++) {
    tcall *t = run_with(events[i], do_free_channel);
    tcall *other = t->arg;
    CU_ASSERT_EQUAL(t->ends, 1);
    CU_ASSERT_EQUAL(other->ends, 1);
    w_free(other);
    close_world(t);
  }
}

static void other_calls_can_be_cancelled_from_each_handler(void) {
  for (int i = 0; events[i]; i++) {
    tcall *t = run_with(events[i], do_cancel_all);
    tcall *other = t->arg;
    CU_ASSERT_EQUAL(t->ends, 1);
    CU_ASSERT_EQUAL(other->ends, 1);
    ASSERT_CODE(other, GMUX_CANCELLED);
    close_world(t);
  }
}

/* Every call that fails starts the next, without end: the loop must still get round. */
static unsigned chain;
static void start_again(tcall *t, char event) {
  if (event != 'E' || ++chain == 1000) return;
  w_free(t);
  t->on_event = NULL;
  tcall *next = w_record();
  next->on_event = start_again;
  CU_ASSERT_EQUAL(w_start_with(next, GMUX_UNARY, NULL), 0);
}

static void a_chain_of_failing_calls_does_not_grow_the_stack(void) {
  sim_net_refuse(w_sim, &w_address, true);
  w_open();
  chain = 0;
  tcall *t = w_unary();
  t->on_event = start_again;
  w_run();
  CU_ASSERT_EQUAL(chain, 1000);
}

/* ---- the unary form ---- */

typedef struct unary_record {
  unsigned times;
  gmux_code code;
  char message[256], reply[64], trailer[32];
  gmux_bytes kept;
} unary_record;

static void on_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  unary_record *r = user_data;
  (void)call;
  r->times++;
  r->code = status->code;
  strncpy(r->message, status->message, sizeof r->message - 1);
  if (reply->len) memcpy(r->reply, reply->data, reply->len);
  const char *trailer = gmux_metadata_get(trailers, "x-trailer", NULL);
  strcpy(r->trailer, trailer ? trailer : "");
  CU_ASSERT_EQUAL(gmux_bytes_take(&r->kept, reply), 0);
}

static void a_unary_call_takes_one_function(void) {
  rawpeer *p = w_connected();
  unary_record r = {0};
  gmux_bytes request;
  CU_ASSERT_EQUAL_FATAL(gmux_bytes_copy(&request, "hello", 5), 0);
  CU_ASSERT_EQUAL(
      gmux_call_unary_start(NULL, w_channel, w_methods[GMUX_UNARY], NULL, &request, on_done, &r),
      0);
  CU_ASSERT_EQUAL(request.len, 0); /* taken */
  w_run();
  const rawframe *f = rawpeer_find(p, RAW_DATA, 1, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  CU_ASSERT_EQUAL(memcmp(f->payload, "\0\0\0\0\5hello", 10), 0);
  CU_ASSERT_EQUAL(f->flags, RAW_END_STREAM);
  CU_ASSERT_EQUAL(r.times, 0);
  w_answer(p, 1, "reply");
  w_run();
  CU_ASSERT_EQUAL(r.times, 1);
  CU_ASSERT_EQUAL(r.code, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(r.reply, "reply");
  CU_ASSERT_STRING_EQUAL(r.trailer, "bye");
  CU_ASSERT_EQUAL(r.kept.len, 5);
  gmux_bytes_release(&r.kept);
}

/* It has no handlers that could be told. */
static void a_unary_call_ends_on_a_connection_that_drains(void) {
  rawpeer *p = w_connected();
  unary_record r = {0};
  gmux_bytes request = gmux_bytes_borrow("hello", 5);
  CU_ASSERT_EQUAL(
      gmux_call_unary_start(NULL, w_channel, w_methods[GMUX_UNARY], NULL, &request, on_done, &r),
      0);
  w_run();
  rawpeer_goaway(p, 1, 0, "max_age");
  w_run();
  CU_ASSERT_EQUAL(r.times, 0);
  w_answer(p, 1, "reply");
  w_run();
  CU_ASSERT_EQUAL(r.times, 1);
  CU_ASSERT_EQUAL(r.code, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(r.reply, "reply");
  gmux_bytes_release(&r.kept);
}

/* How many calls hold the channel, when each was told. */
typedef struct told {
  size_t times, holds[4];
} told;

static void note_holds(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                       const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)status, (void)reply, (void)trailers;
  told *t = user_data;
  t->holds[t->times++] = w_channel->loop_only.holds;
}

/* So that the next call is made of memory that is in the caches. */
static void who_was_told_an_answer_is_gone_before_the_next_is_told(void) {
  rawpeer *p = w_connected();
  told t = {0};
  for (int i = 0; i < 3; i++) {
    gmux_bytes request = gmux_bytes_borrow("hello", 5);
    CU_ASSERT_EQUAL_FATAL(gmux_call_unary_start(NULL, w_channel, w_methods[GMUX_UNARY], NULL,
                                                &request, note_holds, &t),
                          0);
  }
  w_run();
  size_t all = w_channel->loop_only.holds;
  w_answer_all(p, "reply");
  w_run();
  CU_ASSERT_EQUAL_FATAL(t.times, 3);
  for (size_t i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(t.holds[i], all - i);
}

static void an_empty_unary_request_is_a_message_too(void) {
  rawpeer *p = w_connected();
  unary_record r = {0};
  gmux_bytes request = gmux_bytes_borrow(NULL, 0);
  CU_ASSERT_EQUAL(
      gmux_call_unary_start(NULL, w_channel, w_methods[GMUX_UNARY], NULL, &request, on_done, &r),
      0);
  w_run();
  CU_ASSERT_EQUAL(rawpeer_find(p, RAW_DATA, 1, 0)->len, 5);
  w_answer(p, 1, "");
  w_run();
  CU_ASSERT_EQUAL(r.times, 1);
  CU_ASSERT_EQUAL(r.code, GMUX_OK);
  CU_ASSERT_EQUAL(r.kept.len, 0);
}

static void a_unary_reply_with_an_error_is_dropped(void) {
  rawpeer *p = w_connected();
  unary_record r = {0};
  gmux_bytes request = gmux_bytes_borrow("x", 1);
  CU_ASSERT_EQUAL(
      gmux_call_unary_start(NULL, w_channel, w_methods[GMUX_UNARY], NULL, &request, on_done, &r),
      0);
  w_run();
  w_headers(p, 1);
  w_message(p, 1, "reply");
  w_trailers(p, 1, "5", "no such thing");
  w_run();
  CU_ASSERT_EQUAL(r.code, GMUX_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(r.message, "no such thing");
  CU_ASSERT_EQUAL(r.kept.len, 0);
}

static void what_a_unary_call_refuses_stays_the_callers(void) {
  w_options.max_send_message_bytes = 4;
  w_open();
  gmux_bytes request;
  CU_ASSERT_EQUAL_FATAL(gmux_bytes_copy(&request, "hello", 5), 0);
  unary_record r = {0};
  CU_ASSERT_EQUAL(
      gmux_call_unary_start(NULL, w_channel, w_methods[GMUX_UNARY], NULL, &request, on_done, &r),
      GMUX_ERR_TOO_LARGE);
  CU_ASSERT_EQUAL(gmux_call_unary_start(NULL, w_channel, w_methods[GMUX_BIDI_STREAMING], NULL,
                                        &request, on_done, &r),
                  GMUX_ERR_INVALID);
  ASSERT_HAS(gmux_last_error(), "/test.Service/Bidi is not a unary method");
  CU_ASSERT_EQUAL(request.len, 5);
  gmux_bytes_release(&request);
  request = (gmux_bytes){.data = NULL, .len = 3};
  CU_ASSERT_EQUAL(
      gmux_call_unary_start(NULL, w_channel, w_methods[GMUX_UNARY], NULL, &request, on_done, &r),
      GMUX_ERR_INVALID);
  w_run();
  CU_ASSERT_EQUAL(r.times, 0);
  CU_ASSERT_EQUAL(w_stats().calls_started, 0);
}

/* ---- memory ---- */

/* Without a connection nghttp2 has no part in it: what is left is ours, and is nothing. */
static void a_call_made_of_used_memory_allocates_nothing_of_ours(void) {
  w_open();
  size_t calls = 0;
  for (int i = 0; i < 10; i++) {
    size_t before = test_alloc_calls();
    unary_record r = {0};
    gmux_bytes request = gmux_bytes_borrow("hello", 5);
    gmux_call *call;
    CU_ASSERT_EQUAL_FATAL(
        gmux_call_unary_start(&call, w_channel, w_methods[GMUX_UNARY], NULL, &request, on_done, &r),
        0);
    w_run();
    CU_ASSERT_EQUAL(call->loop_only.state, GMUX__CALL_WAITING);
    calls = test_alloc_calls() - before; /* a status with a text takes one of its own */
    gmux_call_cancel(call);
    gmux_call_free(call);
    w_run();
    CU_ASSERT_EQUAL(r.times, 1);
  }
  CU_ASSERT_EQUAL(calls, 0);
}

/* Whole unary calls one after the other. All that is taken then is taken by nghttp2: 10 blocks with
 * 1.52, for a stream, two frames, and header names and values. */
static void a_whole_call_allocates_no_more_than_nghttp2_needs(void) {
  rawpeer *p = w_connected();
  size_t least = SIZE_MAX;
  for (uint32_t i = 0; i < 20; i++) {
    size_t before = test_alloc_calls();
    unary_record r = {0};
    gmux_bytes request = gmux_bytes_borrow("hello", 5);
    CU_ASSERT_EQUAL(
        gmux_call_unary_start(NULL, w_channel, w_methods[GMUX_UNARY], NULL, &request, on_done, &r),
        0);
    w_run();
    static const char *const headers[] = {":status", "200", "content-type", "application/grpc",
                                          NULL};
    static const char *const trailers[] = {"grpc-status", "0", NULL};
    rawpeer_headers(p, 2 * i + 1, RAW_END_HEADERS, headers);
    w_message(p, 2 * i + 1, "");
    rawpeer_headers(p, 2 * i + 1, RAW_END_HEADERS | RAW_END_STREAM, trailers);
    w_run();
    CU_ASSERT_EQUAL(r.code, GMUX_OK);
    size_t all = test_alloc_calls() - before;
    if (all < least) least = all;
  }
  CU_ASSERT_TRUE(least <= 12);
}

static const test_case cases[] = {
    TEST(wrong_arguments_are_refused_in_words),
    TEST(wrong_messages_are_refused_in_words),
    TEST(evidence_and_states_have_names),
    TEST(the_request_says_what_the_protocol_wants),
    TEST(the_timeout_on_the_wire_is_what_is_left_when_the_request_leaves),
    TEST(more_metadata_than_usual_is_sent_too),
    TEST(a_unary_request_is_one_message_and_the_end),
    TEST(a_stream_of_messages_ends_by_half_close),
    TEST(half_close_before_the_call_has_a_connection_is_kept),
    TEST(a_deadline_that_is_over_at_the_start_sends_nothing),
    TEST(a_deadline_passes_during_the_look_up),
    TEST(a_deadline_passes_during_the_dial),
    TEST(a_deadline_passes_during_the_tls_handshake),
    TEST(a_deadline_passes_before_the_server_greets),
    TEST(a_deadline_passes_during_the_backoff),
    TEST(a_deadline_passes_while_waiting_for_a_stream),
    TEST(a_deadline_passes_while_the_server_works),
    TEST(a_deadline_passes_while_the_request_is_not_half_closed),
    TEST(a_deadline_that_is_over_when_a_connection_comes_sends_nothing),
    TEST(a_deadline_passes_before_the_request_could_be_written),
    TEST(an_answer_in_time_stops_the_clock),
    TEST(no_timeout_sets_no_timer),
    TEST(a_timeout_beyond_all_time_is_none),
    TEST(cancel_by_the_server_at_our_deadline_is_deadline_exceeded),
    TEST(cancel_by_the_server_before_our_deadline_is_cancelled),
    TEST(a_call_can_be_cancelled_while_it_waits),
    TEST(a_call_can_be_cancelled_while_it_waits_for_a_stream),
    TEST(a_running_call_can_be_cancelled),
    TEST(a_call_cancelled_before_it_left_is_never_seen_by_the_server),
    TEST(cancelling_after_the_end_changes_nothing),
    TEST(a_freed_call_runs_on_and_tells_its_end),
    TEST(the_handle_need_not_be_taken),
    TEST(memory_of_calls_is_kept_while_it_is_needed_and_then_given_back),
    TEST(so_is_that_of_a_call_that_could_not_be_started),
    TEST(a_method_may_be_freed_while_its_calls_run),
    TEST(without_any_action_all_events_come),
    TEST(a_call_can_be_cancelled_from_each_of_its_handlers),
    TEST(a_call_can_be_freed_from_each_of_its_handlers),
    TEST(a_call_can_be_started_from_each_handler),
    TEST(the_channel_can_be_closed_from_each_handler),
    TEST(the_channel_can_be_freed_from_each_handler),
    TEST(other_calls_can_be_cancelled_from_each_handler),
    TEST(a_chain_of_failing_calls_does_not_grow_the_stack),
    TEST(a_unary_call_takes_one_function),
    TEST(a_unary_call_ends_on_a_connection_that_drains),
    TEST(who_was_told_an_answer_is_gone_before_the_next_is_told),
    TEST(an_empty_unary_request_is_a_message_too),
    TEST(a_unary_reply_with_an_error_is_dropped),
    TEST(what_a_unary_call_refuses_stays_the_callers),
    TEST(a_call_made_of_used_memory_allocates_nothing_of_ours),
    TEST(a_whole_call_allocates_no_more_than_nghttp2_needs),
    TESTS_END,
};

const test_suite client_call_suite = {"call", cases, w_setup, w_teardown};
