/* thread_test.c: many threads, several loops, and what a loop's own thread must not do. */
#include "tests/net/callers.h"
#include <ev.h>
#include <stdio.h>
#include <string.h>

enum { CALLS_PER_THREAD = 125, BLOCKING_CALLS_PER_THREAD = 25 };

/* Each request is answered with itself, so a caller knows its own. */
static void on_gate_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                         const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers;
  caller *c = user_data;
  char want[16];
  int len = snprintf(want, sizeof want, "thread %u", c->number);
  if (status->code == GMUX_OK && reply->len == (size_t)len &&
      memcmp(reply->data, want, reply->len) == 0)
    c->good++;
  sem_post(&c->done);
}

static void *call_through_the_gate(void *arg) {
  caller *c = arg;
  gmux_method *method = kit_method(KIT_GATE, GMUX_UNARY);
  char text[16];
  snprintf(text, sizeof text, "thread %u", c->number);
  for (unsigned i = 0; i < c->calls; i++) {
    gmux_bytes request = gmux_bytes_borrow(text, strlen(text));
    int rv = gmux_call_unary_start(NULL, c->channel, method, NULL, &request, on_gate_done, c);
    CU_ASSERT_EQUAL_FATAL(rv, 0);
  }
  for (unsigned i = 0; i < c->calls; i++)
    kit_wait(&c->done);
  gmux_method_free(method);
  return NULL;
}

static void a_thousand_calls_of_eight_threads_run_at_once_on_one_connection(void) {
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    kit.gate = CALLERS * CALLS_PER_THREAD;
    kit_server server;
    CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(kind), kit_server_tls(kind)));
    gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
    if (kind == KIT_UNIX) o.tls_host = NULL;
    o.max_connections = 1;
    o.suspect_after_ms = GMUX_NEVER_MS; /* on a slow machine the gate may be long in filling */
    kit_client client;
    kit_client_start(&client, server.target, &o);
    caller callers[CALLERS];
    callers_start(callers, client.channel, CALLS_PER_THREAD, call_through_the_gate);
    CU_ASSERT_EQUAL(callers_join(callers), CALLERS * CALLS_PER_THREAD);
    gmux_channel_stats stats = {.size = sizeof stats};
    CU_ASSERT_EQUAL(gmux_channel_get_stats(client.channel, &stats), 0);
    CU_ASSERT_EQUAL(stats.calls_succeeded, CALLERS * CALLS_PER_THREAD);
    CU_ASSERT_EQUAL(stats.streams_peak, CALLERS * CALLS_PER_THREAD);
    CU_ASSERT_EQUAL(stats.connections_made, 1);
    kit_client_stop(&client);
    kit_server_stop(&server);
  }
}

static void eight_threads_wait_for_their_calls(void) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TLS), kit_server_tls(KIT_TLS)));
  gmux_channel_options o = kit_channel_options(kit_client_tls(KIT_TLS));
  kit_client client;
  kit_client_start(&client, server.target, &o);
  caller callers[CALLERS];
  callers_start(callers, client.channel, BLOCKING_CALLS_PER_THREAD, caller_call_and_wait);
  CU_ASSERT_EQUAL(callers_join(callers), CALLERS * BLOCKING_CALLS_PER_THREAD);
  kit_client_stop(&client);
  kit_server_stop(&server);
}

/* ---- the pool, and its end, from all of them ---- */

static void explain_any(gmux_call *call) {
  gmux_call_explanation e = {.size = sizeof e};
  CU_ASSERT_EQUAL(gmux_call_explain(call, &e), 0);
  CU_ASSERT_TRUE(strlen(e.sentence) > 0);
}

/* A call that is asked before, while and after it runs. */
static bool call_and_explain(gmux_channel *channel, gmux_method *method) {
  gmux_call *call;
  gmux_bytes request = gmux_bytes_borrow("hello", 5), reply;
  if (gmux_call_start(&call, channel, method, NULL, NULL, NULL)) return false;
  explain_any(call);
  CU_ASSERT_EQUAL(gmux_call_write_wait(call, &request), 0);
  explain_any(call);
  if (gmux_call_read_wait(call, &reply) == 0) gmux_bytes_release(&reply);
  gmux_status status = gmux_call_end_wait(call, NULL);
  explain_any(call);
  bool is_good = status.code == GMUX_OK;
  gmux_status_clear(&status);
  gmux_call_free(call);
  return is_good;
}

static void ask_and_urge(gmux_channel *channel) {
  char text[4096];
  CU_ASSERT_TRUE(gmux_channel_describe(channel, text, sizeof text) > 0);
  CU_ASSERT_TRUE(kit_stats(channel).calls_started > 0);
  gmux_channel_get_state(channel, true);
  gmux_channel_reset_backoff(channel);
}

static void *call_and_meddle(void *arg) {
  caller *c = arg;
  gmux_method *method = kit_method(KIT_ECHO, GMUX_UNARY);
  for (unsigned i = 0; i < c->calls; i++) {
    gmux_channel_pause(c->channel);
    gmux_channel_resume(c->channel);
    if (i % 8 == c->number) gmux_channel_rotate(c->channel);
    if (i % 8 == 0) CU_ASSERT_EQUAL(gmux_channel_warm_wait(c->channel, GMUX_NO_TIMEOUT), 0);
    c->good += call_and_explain(c->channel, method);
    if (i % 8 == 1) ask_and_urge(c->channel);
  }
  gmux_method_free(method);
  return NULL;
}

/* ---- the end ---- */

static void *drain_and_wait(void *arg) {
  caller *c = arg;
  CU_ASSERT_EQUAL(gmux_channel_drain_wait(c->channel, GMUX_NO_TIMEOUT), 0);
  c->good = gmux_channel_get_state(c->channel, false) == GMUX_CHANNEL_SHUTDOWN;
  return NULL;
}

static void on_kept(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers;
  atomic_fetch_add((atomic_uint *)user_data, status->code == GMUX_OK);
}

static void threads_that_drain_a_channel_wait_for_its_calls(void) {
  enum { CALLS = 100 };
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TCP), NULL));
  gmux_channel_options o = kit_channel_options(NULL);
  kit_client client;
  kit_client_start(&client, server.target, &o);
  gmux_method *method = kit_method(KIT_ECHO, GMUX_UNARY);
  atomic_uint kept = 0;
  for (int i = 0; i < CALLS; i++) {
    gmux_bytes request = gmux_bytes_borrow("hello", 5);
    CU_ASSERT_EQUAL(
        gmux_call_unary_start(NULL, client.channel, method, NULL, &request, on_kept, &kept), 0);
  }
  caller callers[CALLERS];
  callers_start(callers, client.channel, 0, drain_and_wait);
  CU_ASSERT_EQUAL(callers_join(callers), CALLERS);
  CU_ASSERT_EQUAL(kept, CALLS);
  CU_ASSERT_EQUAL(gmux_channel_drain_wait(client.channel, 0), 0); /* over already */
  gmux_method_free(method);
  kit_client_stop(&client);
  kit_server_stop(&server);
}

static void eight_threads_meddle_with_a_channel_that_they_call(void) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TCP), NULL));
  gmux_channel_options o = kit_channel_options(NULL);
  o.min_connections = 2;
  o.burst_connections = 1;
  o.burst_after_ms = 1;
  o.max_concurrent_streams = 2;
  kit_client client;
  kit_client_start(&client, server.target, &o);
  caller callers[CALLERS];
  callers_start(callers, client.channel, BLOCKING_CALLS_PER_THREAD, call_and_meddle);
  CU_ASSERT_EQUAL(callers_join(callers), CALLERS * BLOCKING_CALLS_PER_THREAD);
  CU_ASSERT_TRUE(kit_stats(client.channel).recycled_rotated > 0);
  kit_client_stop(&client);
  kit_server_stop(&server);
}

static struct {
  atomic_uint told;
  sem_t done;
} ending;

static void on_ended(void *user_data) {
  caller *c = user_data; /* whoever was the first */
  c->good++;
  atomic_fetch_add(&ending.told, 1);
  sem_post(&ending.done);
}

static void *end_the_channel(void *arg) {
  caller *c = arg;
  if (c->number % 2)
    gmux_channel_close(c->channel, on_ended, c);
  else
    gmux_channel_drain(c->channel, c->number ? 10 * (int64_t)c->number : GMUX_NO_TIMEOUT, on_ended,
                       c);
  return NULL;
}

static void of_eight_threads_that_end_a_channel_one_is_told(void) {
  enum { ROUNDS = 50 };
  sem_init(&ending.done, 0, 0);
  atomic_store(&ending.told, 0);
  gmux_loop *loop;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&loop, NULL), 0);
  gmux_channel_options o = kit_channel_options(NULL);
  for (int i = 0; i < ROUNDS; i++) {
    gmux_channel *channel;
    CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&channel, loop, "127.0.0.1:1", &o), 0);
    caller callers[CALLERS];
    callers_start(callers, channel, 0, end_the_channel);
    kit_wait(&ending.done);
    CU_ASSERT_EQUAL(callers_join(callers), 1);
    gmux_channel_free(channel);
  }
  CU_ASSERT_EQUAL(gmux_loop_stop(loop), 0);
  CU_ASSERT_EQUAL(atomic_load(&ending.told), ROUNDS);
  sem_destroy(&ending.done);
}

/* ---- on the loop's own thread ---- */

typedef struct visit {
  kit_client client;
  gmux_method *method;
  gmux_call *call;
  sem_t done;
} visit;

static void check_status(gmux_status status) {
  CU_ASSERT_EQUAL(status.code, GMUX_FAILED_PRECONDITION);
  CU_ASSERT_PTR_NOT_NULL(strstr(status.message, "loop's own thread"));
  gmux_status_clear(&status);
}

static void wait_on_the_loop(void *arg) {
  visit *v = arg;
  gmux_channel *channel = v->client.channel;
  gmux_bytes request = gmux_bytes_borrow("x", 1), reply, message;
  const gmux_metadata *headers;
  check_status(gmux_call_unary_wait(channel, v->method, NULL, &request, &reply));
  check_status(gmux_call_end_wait(v->call, NULL));
  CU_ASSERT_EQUAL(gmux_call_read_wait(v->call, &message), GMUX_ERR_DEADLOCK);
  CU_ASSERT_EQUAL(gmux_call_write_wait(v->call, &request), GMUX_ERR_DEADLOCK);
  CU_ASSERT_EQUAL(gmux_call_headers_wait(v->call, &headers), GMUX_ERR_DEADLOCK);
  CU_ASSERT_EQUAL(gmux_channel_connect_wait(channel, GMUX_NO_TIMEOUT), GMUX_ERR_DEADLOCK);
  CU_ASSERT_EQUAL(gmux_loop_stop(v->client.loop), GMUX_ERR_DEADLOCK);
  sem_post(&v->done);
}

static void waiting_is_refused_on_the_loops_own_thread_and_harms_nothing(void) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TCP), NULL));
  gmux_channel_options o = kit_channel_options(NULL);
  visit v = {.method = kit_method(KIT_ECHO, GMUX_UNARY)};
  sem_init(&v.done, 0, 0);
  kit_client_start(&v.client, server.target, &o);
  CU_ASSERT_EQUAL_FATAL(gmux_call_start(&v.call, v.client.channel, v.method, NULL, NULL, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_post(v.client.loop, wait_on_the_loop, &v), 0);
  kit_wait(&v.done);
  gmux_bytes request = gmux_bytes_borrow("x", 1), reply;
  CU_ASSERT_EQUAL(gmux_call_write_wait(v.call, &request), 0);
  CU_ASSERT_EQUAL(gmux_call_read_wait(v.call, &reply), 0);
  gmux_bytes_release(&reply);
  gmux_call_free(v.call);
  gmux_method_free(v.method);
  sem_destroy(&v.done);
  kit_client_stop(&v.client);
  kit_server_stop(&server);
}

typedef struct busy_turn {
  sem_t has_begun, may_end;
} busy_turn;

static void hold_the_turn(void *arg) {
  busy_turn *turn = arg;
  sem_post(&turn->has_begun);
  kit_wait(&turn->may_end);
}

/* The turn takes up the call with a time that it read before the call was asked for. */
static void a_call_without_time_never_leaves(void) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TCP), NULL));
  gmux_channel_options o = kit_channel_options(NULL);
  kit_client client;
  kit_client_start(&client, server.target, &o);
  CU_ASSERT(kit_echo(client.channel)); /* connected: the next could leave at once */
  gmux_method *method = kit_method(KIT_ECHO, GMUX_UNARY);
  busy_turn turn;
  sem_init(&turn.has_begun, 0, 0);
  sem_init(&turn.may_end, 0, 0);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_post(client.loop, hold_the_turn, &turn), 0);
  kit_wait(&turn.has_begun);
  gmux_call_options without_time;
  gmux_call_options_init(&without_time, sizeof without_time);
  without_time.timeout_ms = 0;
  gmux_call *call;
  int error = gmux_call_start(&call, client.channel, method, &without_time, NULL, NULL);
  CU_ASSERT_EQUAL_FATAL(error, 0);
  sem_post(&turn.may_end);
  gmux_status status = gmux_call_end_wait(call, NULL);
  CU_ASSERT_EQUAL(status.code, GMUX_DEADLINE_EXCEEDED);
  CU_ASSERT_EQUAL(kit_stats(client.channel).attempts, 1);
  gmux_status_clear(&status);
  gmux_call_free(call);
  gmux_method_free(method);
  sem_destroy(&turn.has_begun);
  sem_destroy(&turn.may_end);
  kit_client_stop(&client);
  kit_server_stop(&server);
}

static void a_loop_with_a_channel_is_not_stopped(void) {
  gmux_channel_options o = kit_channel_options(NULL);
  kit_client client;
  kit_client_start(&client, "localhost:1", &o);
  CU_ASSERT_EQUAL(gmux_loop_stop(client.loop), GMUX_ERR_STATE);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "not closed and freed"));
  kit_client_stop(&client);
}

/* As short programs do: nothing is waited for, and calls are still running on both sides. */
static void what_is_freed_is_gone_when_its_loop_is_stopped(void) {
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    kit_server server;
    CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(kind), kit_server_tls(kind)));
    gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
    kit_client client;
    kit_client_start(&client, server.target, &o);
    CU_ASSERT(kit_echo(client.channel));
    gmux_method *method = kit_method(KIT_TALK, GMUX_BIDI_STREAMING);
    gmux_call *call;
    CU_ASSERT_EQUAL(gmux_call_start(&call, client.channel, method, NULL, NULL, NULL), 0);
    gmux_method_free(method);
    CU_ASSERT(kit_echo(client.channel)); /* so the other has arrived */
    gmux_call_free(call);
    if (kind == KIT_TLS) { /* either may go first */
      gmux_server_free(server.server);
      CU_ASSERT_EQUAL(gmux_loop_stop(server.loop), 0);
    }
    gmux_channel_free(client.channel);
    CU_ASSERT_EQUAL(gmux_loop_stop(client.loop), 0);
    if (kind == KIT_TLS) continue;
    gmux_server_free(server.server);
    CU_ASSERT_EQUAL(gmux_loop_stop(server.loop), 0);
  }
}

/* ---- the application's own loops ---- */

static void on_attached_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                             const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers;
  unsigned *good = user_data;
  CU_ASSERT_EQUAL(status->code, GMUX_OK);
  CU_ASSERT_EQUAL(reply->len, 5);
  (*good)++;
}

/* Client and server on loops of one thread: each is run a turn at a time. */
static void two_attached_loops_of_one_thread_talk_to_each_other(void) {
  struct ev_loop *ev[2];
  gmux_loop *loop[2];
  for (int i = 0; i < 2; i++) {
    ev[i] = ev_loop_new(EVFLAG_AUTO);
    CU_ASSERT_EQUAL_FATAL(gmux_loop_attach(&loop[i], ev[i], NULL), 0);
  }
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, loop[0], "ipv4:127.0.0.1:0", NULL));
  gmux_channel_options o = kit_channel_options(NULL);
  gmux_channel *channel;
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&channel, loop[1], server.target, &o), 0);
  gmux_method *method = kit_method(KIT_ECHO, GMUX_UNARY);
  unsigned good = 0;
  for (unsigned i = 0; i < 10; i++) {
    gmux_bytes request = gmux_bytes_borrow("hello", 5);
    CU_ASSERT_EQUAL(
        gmux_call_unary_start(NULL, channel, method, NULL, &request, on_attached_done, &good), 0);
  }
  while (good < 10)
    for (int i = 0; i < 2; i++)
      ev_run(ev[i], EVRUN_NOWAIT);
  gmux_method_free(method);
  gmux_channel_free(channel);
  gmux_server_free(server.server);
  /* Each ends when nothing of it is open any more. */
  while (ev_run(ev[1], EVRUN_NOWAIT) + ev_run(ev[0], EVRUN_NOWAIT) > 0) {
  }
  for (int i = 0; i < 2; i++) {
    CU_ASSERT_EQUAL(gmux_loop_stop(loop[i]), 0);
    ev_loop_destroy(ev[i]);
  }
}

/* ---- memory ---- */

/* How many blocks live when the loop has done with the calls so far. */
static size_t live_after_calls(gmux_channel *channel, unsigned calls) {
  char text[64];
  for (unsigned i = 0; i < calls; i++)
    CU_ASSERT(kit_echo(channel));
  gmux_channel_describe(channel, text, sizeof text); /* is told on the loop, after all of that */
  return test_alloc_live();
}

static void calls_of_other_threads_leave_no_memory_in_the_channel(void) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TCP), NULL));
  gmux_channel_options o = kit_channel_options(NULL);
  kit_client client;
  kit_client_start(&client, server.target, &o);
  size_t before = live_after_calls(client.channel, 100); /* HTTP/2 has its tables by then */
  size_t after = live_after_calls(client.channel, 400);
  CU_ASSERT(after < before + 100);
  kit_client_stop(&client);
  kit_server_stop(&server);
}

static const test_case cases[] = {
    TEST(a_thousand_calls_of_eight_threads_run_at_once_on_one_connection),
    TEST(eight_threads_wait_for_their_calls),
    TEST(eight_threads_meddle_with_a_channel_that_they_call),
    TEST(threads_that_drain_a_channel_wait_for_its_calls),
    TEST(of_eight_threads_that_end_a_channel_one_is_told),
    TEST(calls_of_other_threads_leave_no_memory_in_the_channel),
    TEST(waiting_is_refused_on_the_loops_own_thread_and_harms_nothing),
    TEST(a_call_without_time_never_leaves),
    TEST(a_loop_with_a_channel_is_not_stopped),
    TEST(what_is_freed_is_gone_when_its_loop_is_stopped),
    TEST(two_attached_loops_of_one_thread_talk_to_each_other),
    TESTS_END};
const test_suite net_thread_suite = {"thread", cases, kit_setup, kit_teardown};
