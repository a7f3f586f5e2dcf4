/*
 * unruly_test.c: what the unruly server does is seen by a channel as it should be, and what a
 * client does wrong is seen by the server.
 */
#include "tests/sim/rawpeer.h"
#include "tests/sim/unruly.h"
#include "tests/unit/certs.h"
#include "tests/unit/harness.h"
#include <gmux/channel.h>
#include <stdio.h>
#include <string.h>

enum { CALLS = 64, PORT = 50051, MESSAGE_MAX = 300, NOISE = 1024 };
#define MS GMUX__NS_PER_MS

static const char *const paths[4] = {"/u.U/Unary", "/u.U/Client", "/u.U/Server", "/u.U/Bidi"};

typedef struct line { /* of the ledger, and what its client heard */
  gmux_call *call;
  gmux_method_kind kind;
  unsigned executed, served_ok, refused, received, headers, ends;
  gmux_code code;
  gmux_evidence evidence;
} line;

static struct {
  sim *sim;
  gmux_loop *loop;
  unruly *server;
  gmux_channel *channel;
  gmux_method *methods[4];
  line calls[CALLS + 1]; /* by id, from 1 */
  uint32_t count;
  uint64_t faults[UNRULY_FAULTS];
  unsigned breaches, punishable;
  char last_breach[160];
  bool is_breach_expected;
} w;

/* ---- messages ---- */

static void message(uint32_t id, bool to_client, unsigned number, const uint8_t **data,
                    size_t *len) {
  static uint8_t noise[NOISE];
  if (noise[1] == 0)
    for (size_t i = 0; i < NOISE; i++)
      noise[i] = (uint8_t)(i * 7 + i / 256);
  unsigned hash = id * 31 + number * 17 + to_client;
  *data = noise + hash % (NOISE - MESSAGE_MAX);
  *len = hash % MESSAGE_MAX;
}

static bool message_is(const gmux_bytes *m, uint32_t id, bool to_client, unsigned number) {
  const uint8_t *data;
  size_t len;
  message(id, to_client, number, &data, &len);
  return m->len == len && (len == 0 || memcmp(m->data, data, len) == 0);
}

/* ---- the ledger ---- */

static void on_executed(uint32_t id, gmux_method_kind kind, void *user_data) {
  (void)user_data;
  CU_ASSERT_EQUAL(w.calls[id].kind, kind);
  w.calls[id].executed++;
}

static void on_served(uint32_t id, unsigned messages, gmux_code code, void *user_data) {
  (void)messages, (void)user_data;
  w.calls[id].served_ok += code == GMUX_OK;
}

static void on_refused(uint32_t id, void *user_data) {
  (void)user_data;
  if (id <= CALLS) w.calls[id].refused++;
}

static void on_fault(unruly_fault fault, void *user_data) {
  (void)user_data;
  w.faults[fault]++;
}

static void on_breach(unruly_breach_kind kind, const char *what, void *user_data) {
  (void)kind, (void)user_data;
  w.breaches++;
  snprintf(w.last_breach, sizeof w.last_breach, "%s", what);
  if (!w.is_breach_expected) printf("# breach: %s\n", what);
}

static void on_punishable(uint32_t id, void *user_data) {
  (void)id, (void)user_data;
  w.punishable++;
}

static const unruly_handlers handlers = {
    .message = message,
    .on_executed = on_executed,
    .on_served = on_served,
    .on_refused = on_refused,
    .on_fault = on_fault,
    .on_breach = on_breach,
    .on_punishable = on_punishable,
};

/* ---- the world ---- */

static void server_open(const unruly_options *options, uint64_t seed) {
  gmux__address at = sim_address("127.0.0.1", PORT);
  unruly_options o = *options;
  o.paths = paths;
  o.max_bytes = MESSAGE_MAX;
  o.handlers = &handlers;
  w.server = unruly_open(w.loop, &at, &o, seed);
  CU_ASSERT_PTR_NOT_NULL_FATAL(w.server);
}

static void channel_open_with(const gmux_channel_options *options) {
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&w.channel, w.loop, "ipv4:127.0.0.1:50051", options), 0);
}

static gmux_channel_options channel_options(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.cleartext = true;
  return o;
}

static void channel_open(void) {
  gmux_channel_options o = channel_options();
  channel_open_with(&o);
}

/* A server that is decent by itself, and a channel. */
static void open_decent(void) {
  server_open(&(unruly_options){.roughness = 0}, 1);
  channel_open();
}

static void open_always(unruly_fault fault) {
  server_open(&(unruly_options){.always = fault}, 1);
  channel_open();
}

static void setup(void) {
  memset(&w, 0, sizeof w);
  w.sim = sim_new(1);
  w.loop = sim_loop(w.sim);
  sim_net(w.sim)->latency_ns = MS;
  for (int i = 0; i < 4; i++)
    CU_ASSERT_EQUAL_FATAL(gmux_method_new(&w.methods[i], paths[i], (gmux_method_kind)i, 0), 0);
}

static void run_ms(uint64_t ms) {
  sim_run_for(w.sim, ms * MS);
}

/* The ledger's laws, whatever was done. */
static void law_of_call(const line *c) {
  CU_ASSERT_EQUAL(c->ends, 1);
  CU_ASSERT_TRUE(c->executed <= 1);
  CU_ASSERT_TRUE(c->code != GMUX_OK || (c->executed == 1 && c->served_ok == 1));
  bool is_excluded = c->evidence < GMUX_EVIDENCE_POSSIBLE;
  CU_ASSERT_TRUE(!is_excluded || c->executed == 0);
}

static void teardown(void) {
  gmux_channel_close(w.channel, NULL, NULL);
  run_ms(1000);
  for (uint32_t id = 1; id <= w.count; id++) {
    law_of_call(&w.calls[id]);
    gmux_call_free(w.calls[id].call);
  }
  gmux_channel_free(w.channel);
  unruly_close(w.server);
  run_ms(1000);
  for (int i = 0; i < 4; i++)
    gmux_method_free(w.methods[i]);
  sim_free(w.sim);
  CU_ASSERT_TRUE(w.is_breach_expected || w.breaches == 0);
}

/* ---- calls ---- */

static void on_headers(gmux_call *call, const gmux_metadata *metadata, void *user_data) {
  (void)call, (void)metadata;
  line *c = user_data;
  c->headers++;
}

static void on_message(gmux_call *call, gmux_bytes *m, void *user_data) {
  (void)call;
  line *c = user_data;
  CU_ASSERT_TRUE(message_is(m, (uint32_t)(c - w.calls), true, c->received));
  c->received++;
}

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  (void)trailers;
  line *c = user_data;
  c->ends++;
  c->code = status->code;
  c->evidence = gmux_call_get_evidence(call);
}

static const gmux_call_handlers call_handlers = {
    .on_headers = on_headers, .on_message = on_message, .on_end = on_end};

static void write_message(uint32_t id, unsigned number) {
  const uint8_t *data;
  size_t len;
  message(id, false, number, &data, &len);
  gmux_bytes bytes = gmux_bytes_borrow(data, len);
  CU_ASSERT_TRUE(gmux_call_write(w.calls[id].call, &bytes) >= 0);
}

/* Written, and half-closed if it says all. */
static line *start_with(gmux_method_kind kind, unsigned messages, bool says_all) {
  uint32_t id = ++w.count;
  line *c = &w.calls[id];
  char text[16];
  gmux_metadata *md;
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_new(&md), 0);
  snprintf(text, sizeof text, "%u", id);
  CU_ASSERT_EQUAL_FATAL(gmux_metadata_add(md, "x-id", text), 0);
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.metadata = md;
  o.wait_for_ready = true;
  c->kind = kind;
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_start(&c->call, w.channel, w.methods[kind], &o, &call_handlers, c), 0);
  gmux_metadata_free(md);
  for (unsigned i = 0; i < messages; i++)
    write_message(id, i);
  if (says_all) gmux_call_half_close(c->call);
  return c;
}

static line *start(void) {
  return start_with(GMUX_UNARY, 1, true);
}

/* Executed, if its server does that, and not answered: it waits for more. */
static line *start_open(void) {
  return start_with(GMUX_BIDI_STREAMING, 1, false);
}

static size_t ended_with(gmux_code code) {
  size_t count = 0;
  for (uint32_t id = 1; id <= w.count; id++)
    count += w.calls[id].ends == 1 && w.calls[id].code == code;
  return count;
}

static gmux_channel_stats figures(void) {
  gmux_channel_stats s = {.size = sizeof s};
  CU_ASSERT_EQUAL(gmux_channel_get_stats(w.channel, &s), 0);
  return s;
}

static void start_many(unsigned n) {
  for (unsigned i = 0; i < n; i++)
    start();
}

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
  CU_ASSERT_TRUE(w.faults[fault] >= 1);
}

static void late_settings_delay_calls(void) {
  born_with(UNRULY_LATE_GREETING);
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

/* ---- deeds ---- */

/* Calls under way on one connection, and the deed. */
static void do_under_way(unruly_fault deed, uint64_t seed) {
  open_decent();
  start_many(20);
  run_ms(4);
  CU_ASSERT_TRUE(unruly_calls(w.server) > 0);
  CU_ASSERT_TRUE(unruly_do(w.server, deed, seed));
  CU_ASSERT_EQUAL(w.faults[deed], 1);
  start_many(10);
  run_ms(20000);
}

/* In a world of its own for each seed. */
static void for_seeds(void (*run)(uint64_t seed)) {
  for (uint64_t seed = 1; seed <= 20; seed++) {
    if (seed > 1) {
      teardown();
      setup();
    }
    run(seed);
  }
}

static uint64_t goaways(void) {
  uint64_t count = 0;
  gmux_channel_stats s = figures();
  for (int code = 0; code < GMUX_H2_CODES; code++)
    count += s.goaways[code];
  return count;
}

static void goaway_seed(uint64_t seed) {
  do_under_way(UNRULY_GOAWAY, seed);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 30);
  CU_ASSERT_EQUAL(goaways(), 1);
}

static void goaway_of_any_kind_loses_no_call(void) {
  for_seeds(goaway_seed);
}

static void lowered_seed(uint64_t seed) {
  open_decent();
  start_many(20);
  run_ms(3);
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_GOAWAY_TWO_STEPS, seed));
  CU_ASSERT_FALSE(unruly_do(w.server, UNRULY_GOAWAY, seed)); /* it has been told */
  run_ms(3);
  unruly_do(w.server, UNRULY_GOAWAY_LOWERED, seed);
  run_ms(20000);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 20);
  CU_ASSERT_TRUE(goaways() >= 2);
}

static void a_second_goaway_may_lower_the_first(void) {
  for_seeds(lowered_seed);
}

static void close_seed(uint64_t seed) {
  do_under_way(UNRULY_GOAWAY_CLOSE, seed);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK) + ended_with(GMUX_UNAVAILABLE), 30);
}

static void goaway_and_close_ends_calls_by_the_evidence(void) {
  for_seeds(close_seed);
}

static void two_steps_lose_no_call(void) {
  do_under_way(UNRULY_GOAWAY_TWO_STEPS, 1);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 30);
  CU_ASSERT_EQUAL(goaways(), 2);
}

static void too_many_pings_is_counted_as_such(void) {
  do_under_way(UNRULY_TOO_MANY_PINGS, 1);
  CU_ASSERT_EQUAL(figures().too_many_pings, 1);
}

static void what_is_refused_is_made_again(void) {
  do_under_way(UNRULY_REFUSE, 1);
  unsigned refused = 0;
  for (uint32_t id = 1; id <= w.count; id++)
    refused += w.calls[id].refused;
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 30);
  CU_ASSERT_TRUE(refused > 0);
  CU_ASSERT_EQUAL(figures().retries[GMUX_EVIDENCE_REFUSED], refused);
}

static void a_reset_ends_one_call(void) {
  do_under_way(UNRULY_RESET, 1);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 29);
}

static void lower_seed(uint64_t seed) {
  open_decent();
  for (int i = 0; i < 8; i++)
    start_open();
  run_ms(5);
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_LIMIT_DOWN, seed));
  start_many(20);
  run_ms(3000);
  for (uint32_t id = 1; id <= 8; id++)
    gmux_call_half_close(w.calls[id].call);
  run_ms(20000);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 28);
}

static void a_limit_below_what_runs_is_respected(void) {
  for_seeds(lower_seed);
}

static void a_limit_of_zero_holds_calls_until_it_is_raised(void) {
  gmux_channel_options o = channel_options();
  o.max_connections = 1;
  server_open(&(unruly_options){.roughness = 0}, 1);
  channel_open_with(&o);
  start();
  run_ms(1000);
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_LIMIT_ZERO, 1));
  run_ms(3);
  line *c = start();
  run_ms(1);
  CU_ASSERT_EQUAL(unruly_calls(w.server), 0);
  run_ms(10000);
  CU_ASSERT_EQUAL(c->code, GMUX_OK);
}

static void deeds_without_loss(unruly_fault deed) {
  do_under_way(deed, 1);
  CU_ASSERT_EQUAL(ended_with(GMUX_OK), 30);
}

static void a_raised_limit_is_used(void) {
  deeds_without_loss(UNRULY_LIMIT_UP);
}

static void wider_windows_are_used(void) {
  deeds_without_loss(UNRULY_WINDOW_UP);
}

static void windows_may_shrink_below_what_is_under_way(void) {
  deeds_without_loss(UNRULY_WINDOW_DOWN);
}

static void starved_calls_go_on_when_windows_come(void) {
  deeds_without_loss(UNRULY_STARVE);
}

static void pings_are_answered_in_their_order(void) {
  deeds_without_loss(UNRULY_PINGS);
}

static void withheld_acks_come_later(void) {
  deeds_without_loss(UNRULY_NO_ACKS);
}

static void what_was_not_read_is_read_later(void) {
  deeds_without_loss(UNRULY_DEAF);
}

static void frames_may_be_cut_anywhere(void) {
  deeds_without_loss(UNRULY_DRIP);
}

static void what_nobody_knows_is_ignored(void) {
  deeds_without_loss(UNRULY_BABBLE);
}

static void a_transport_that_ends_is_replaced(void) {
  static const unruly_fault ends[] = {UNRULY_CLOSE, UNRULY_ABORT, UNRULY_HALF_CLOSE};
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    if (i > 0) {
      teardown();
      setup();
    }
    do_under_way(ends[i], 1);
    const line *c = start();
    run_ms(2000);
    CU_ASSERT_EQUAL(c->code, GMUX_OK);
    CU_ASSERT_EQUAL(figures().connections_made, 2);
    CU_ASSERT_EQUAL(ended_with(GMUX_OK) + ended_with(GMUX_UNAVAILABLE), 31);
  }
}

static void a_drained_server_takes_nobody_and_finishes(void) {
  open_decent();
  line *c = start_open();
  run_ms(100);
  unruly_drain(w.server);
  run_ms(100);
  CU_ASSERT_EQUAL(figures().goaways[0], 2);
  CU_ASSERT_EQUAL(c->ends, 0);
  gmux_call_half_close(c->call);
  run_ms(1000);
  CU_ASSERT_EQUAL(c->code, GMUX_OK);
  CU_ASSERT_EQUAL(unruly_connections(w.server), 0);
}

static void the_same_seed_does_the_same(void) {
  uint64_t bytes[2], faults[2][UNRULY_FAULTS];
  for (int i = 0; i < 2; i++) {
    server_open(&(unruly_options){.roughness = 100}, 7);
    channel_open();
    start_many(30);
    run_ms(500);
    bytes[i] = sim_turns(w.sim);
    memcpy(faults[i], w.faults, sizeof w.faults);
    if (i > 0) break;
    teardown();
    setup();
  }
  CU_ASSERT_EQUAL(bytes[0], bytes[1]);
  CU_ASSERT_EQUAL(memcmp(faults[0], faults[1], sizeof faults[0]), 0);
}

/* ---- a client that does what it must not ---- */

static rawpeer *wrong_client(void) {
  gmux__address at = sim_address("127.0.0.1", PORT);
  open_decent();
  w.is_breach_expected = true;
  rawpeer *p = rawpeer_connect(w.loop, &at);
  rawpeer_preface(p);
  rawpeer_settings(p, 0, NULL, NULL);
  run_ms(10);
  rawpeer_settings_ack(p);
  return p;
}

static void request(rawpeer *p, uint32_t stream, uint8_t flags) {
  rawpeer_headers(p, stream, flags | RAW_END_HEADERS,
                  (const char *[]){":method", "POST", ":path", paths[GMUX_BIDI_STREAMING], "te",
                                   "trailers", "x-id", "64", NULL});
}

/* It is told; and nothing else is. */
static void breach(rawpeer *p, const char *words) {
  run_ms(10);
  CU_ASSERT_EQUAL(w.breaches, 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(w.last_breach, words));
  if (!strstr(w.last_breach, words)) printf("# \"%s\" is not \"%s\"\n", w.last_breach, words);
  rawpeer_free(p);
}

static void prepare(void) {
  w.calls[CALLS].kind = GMUX_BIDI_STREAMING;
}

static void stream_ids_that_fall_are_noticed(void) {
  rawpeer *p = wrong_client();
  prepare();
  request(p, 3, 0);
  request(p, 1, 0);
  breach(p, "HEADERS on stream 1 after 3");
}

static void streams_beyond_the_limit_are_noticed(void) {
  rawpeer *p = wrong_client();
  prepare();
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_LIMIT_ZERO, 1));
  run_ms(10);
  rawpeer_settings_ack(p);
  request(p, 1, 0);
  breach(p, "the limit is 0");
}

static void a_limit_that_was_not_acknowledged_is_not_held_against_it(void) {
  rawpeer *p = wrong_client();
  prepare();
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_LIMIT_ZERO, 1));
  request(p, 1, 0);
  run_ms(10);
  CU_ASSERT_EQUAL(w.breaches, 0);
  rawpeer_free(p);
}

static void a_stream_after_goaway_is_noticed(void) {
  rawpeer *p = wrong_client();
  prepare();
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_GOAWAY_TWO_STEPS, 1));
  run_ms(10);
  const rawframe *ping = rawpeer_find(p, RAW_PING, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(ping);
  request(p, 1, 0); /* it may have been on its way */
  rawpeer_ping(p, RAW_ACK, ping->payload);
  run_ms(10);
  CU_ASSERT_EQUAL(w.breaches, 0);
  request(p, 3, 0);
  breach(p, "after the client had heard GOAWAY");
}

static void data_beyond_a_window_are_noticed(void) {
  static uint8_t bytes[16384];
  rawpeer *p = wrong_client();
  prepare();
  w.calls[CALLS].kind = GMUX_BIDI_STREAMING;
  CU_ASSERT_TRUE(unruly_do(w.server, UNRULY_STARVE, 1));
  for (int i = 0; i < 4; i++)
    rawpeer_data(p, 1, 0, bytes, i == 3 ? 16383 : 16384, 0); /* 65535, of no stream */
  run_ms(3);
  w.breaches = 0;
  rawpeer_data(p, 1, 0, bytes, 1, 0);
  run_ms(3);
  CU_ASSERT_TRUE(w.breaches >= 1);
  rawpeer_free(p);
}

static void a_foreign_message_is_noticed(void) {
  rawpeer *p = wrong_client();
  prepare();
  request(p, 1, 0);
  rawpeer_grpc_message(p, 1, 0, "x", 1);
  breach(p, "message 0 has 1 bytes");
}

static void a_wrong_ack_is_noticed(void) {
  rawpeer *p = wrong_client();
  rawpeer_ping(p, RAW_ACK, (const uint8_t[8]){0, 0, 0, 0, 0, 0, 0, 1});
  breach(p, "an ACK for PING 1");
}

static void too_frequent_pings_are_noticed_but_not_punished(void) {
  static const uint8_t payload[8] = {1};
  rawpeer *p = wrong_client();
  for (int i = 0; i < 3; i++)
    rawpeer_ping(p, 0, payload);
  run_ms(10);
  CU_ASSERT_EQUAL(w.punishable, 0); /* one is good, two are forgiven */
  rawpeer_ping(p, 0, payload);
  run_ms(10);
  CU_ASSERT_EQUAL(w.punishable, 1);
  CU_ASSERT_EQUAL(rawpeer_count(p, RAW_PING, 0), 4);
  CU_ASSERT_EQUAL(rawpeer_state(p), 0);
  rawpeer_free(p);
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
    TEST(late_acks_do_no_harm),
    TEST(a_small_window_is_respected),
    TEST(padding_is_given_back),
    TEST(small_frames_make_whole_messages),
    TEST(empty_frames_say_nothing),
    TEST(header_blocks_may_come_in_pieces),
    TEST(goaway_behind_settings_leaves_calls_waiting),
    TEST(goaway_of_any_kind_loses_no_call),
    TEST(a_second_goaway_may_lower_the_first),
    TEST(goaway_and_close_ends_calls_by_the_evidence),
    TEST(two_steps_lose_no_call),
    TEST(too_many_pings_is_counted_as_such),
    TEST(what_is_refused_is_made_again),
    TEST(a_reset_ends_one_call),
    TEST(a_limit_below_what_runs_is_respected),
    TEST(a_limit_of_zero_holds_calls_until_it_is_raised),
    TEST(a_raised_limit_is_used),
    TEST(wider_windows_are_used),
    TEST(windows_may_shrink_below_what_is_under_way),
    TEST(starved_calls_go_on_when_windows_come),
    TEST(pings_are_answered_in_their_order),
    TEST(withheld_acks_come_later),
    TEST(what_was_not_read_is_read_later),
    TEST(frames_may_be_cut_anywhere),
    TEST(what_nobody_knows_is_ignored),
    TEST(a_transport_that_ends_is_replaced),
    TEST(a_drained_server_takes_nobody_and_finishes),
    TEST(the_same_seed_does_the_same),
    TEST(stream_ids_that_fall_are_noticed),
    TEST(streams_beyond_the_limit_are_noticed),
    TEST(a_limit_that_was_not_acknowledged_is_not_held_against_it),
    TEST(a_stream_after_goaway_is_noticed),
    TEST(data_beyond_a_window_are_noticed),
    TEST(a_foreign_message_is_noticed),
    TEST(a_wrong_ack_is_noticed),
    TEST(too_frequent_pings_are_noticed_but_not_punished),
    TESTS_END,
};

int main(int argc, char **argv) {
  static const test_suite suite = {"unruly", cases, setup, teardown};
  static const test_suite *const suites[] = {&suite, NULL};
  return test_main("unruly", suites, 60, argc, argv);
}
