/* loops_test.c: channels and servers over several loops, each on a thread of its own, used by many
 * threads. */
#include "tests/net/callers.h"
#include <stdio.h>
#include <string.h>

enum { LOOPS = 3, CALLS_PER_THREAD = 50 };

typedef struct spread {
  gmux_loop *loops[LOOPS];
  gmux_channel *channel;
} spread;

static void spread_start(spread *s, const char *target, const gmux_channel_options *options) {
  for (int i = 0; i < LOOPS; i++)
    CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&s->loops[i], NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new_on_loops(&s->channel, s->loops, LOOPS, target, options),
                        0);
}

/* Nothing is waited for; the loop that was given first is stopped last. */
static void spread_drop(spread *s) {
  gmux_channel_free(s->channel);
  for (int i = LOOPS - 1; i >= 0; i--)
    CU_ASSERT_EQUAL(gmux_loop_stop(s->loops[i]), 0);
}

/* A wait that is over has left nothing with the loops, which would grow with each. */
static void who_waits_in_vain_for_warmth_leaves_no_wish_behind(void) {
  enum { WAITS = 100 };
  gmux_channel_options o = kit_channel_options(NULL);
  o.min_connections = LOOPS;
  spread s;
  spread_start(&s, "ipv4:127.0.0.1:1", &o); /* nobody listens there */
  CU_ASSERT_EQUAL(gmux_channel_warm_wait(s.channel, 0), GMUX_ERR_TIMEOUT);
  size_t before = test_alloc_live();
  for (int i = 0; i < WAITS; i++)
    CU_ASSERT_EQUAL(gmux_channel_warm_wait(s.channel, 0), GMUX_ERR_TIMEOUT);
  CU_ASSERT_TRUE(test_alloc_live() < before + WAITS); /* dials come and go */
  spread_drop(&s);
}

/* ---- calls ---- */

static atomic_uint good_ends, bad_ends;

static void on_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers;
  caller *c = user_data;
  atomic_fetch_add(status->code == GMUX_OK ? &good_ends : &bad_ends, 1);
  sem_post(&c->done);
}

static int start_call(caller *c, gmux_method *method) {
  gmux_bytes request = gmux_bytes_borrow("hello", 5);
  return gmux_call_unary_start(NULL, c->channel, method, NULL, &request, on_done, c);
}

static void *call_at_once(void *arg) {
  caller *c = arg;
  gmux_method *method = kit_method(KIT_ECHO, GMUX_UNARY);
  for (unsigned i = 0; i < c->calls; i++)
    CU_ASSERT_EQUAL_FATAL(start_call(c, method), 0);
  for (unsigned i = 0; i < c->calls; i++)
    kit_wait(&c->done);
  gmux_method_free(method);
  return NULL;
}

static void calls_of_eight_threads_are_spread_over_all_loops(void) {
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    kit_server server;
    CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(kind), kit_server_tls(kind)));
    gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
    if (kind == KIT_UNIX) o.tls_host = NULL;
    spread s;
    spread_start(&s, server.target, &o);
    CU_ASSERT_EQUAL(gmux_channel_warm_wait(s.channel, GMUX_NO_TIMEOUT), 0);
    CU_ASSERT_TRUE(kit_stats(s.channel).connections_ready >= LOOPS);
    atomic_store(&good_ends, 0);
    caller callers[CALLERS];
    callers_start(callers, s.channel, CALLS_PER_THREAD, call_at_once);
    callers_join(callers);
    CU_ASSERT_EQUAL(atomic_load(&good_ends), CALLERS * CALLS_PER_THREAD);
    callers_start(callers, s.channel, CALLS_PER_THREAD, caller_call_and_wait);
    CU_ASSERT_EQUAL(callers_join(callers), CALLERS * CALLS_PER_THREAD);
    CU_ASSERT_EQUAL(kit_stats(s.channel).calls_succeeded, 2 * CALLERS * CALLS_PER_THREAD);
    spread_drop(&s);
    kit_server_stop(&server);
  }
}

/* ---- everything else at the same time ---- */

static void on_state(gmux_channel_state state, void *user_data) {
  (void)state;
  atomic_fetch_add((atomic_uint *)user_data, 1);
}

static void on_warm(int error, void *user_data) {
  (void)error;
  atomic_fetch_add((atomic_uint *)user_data, 1);
}

static atomic_uint states_told, states_asked, warms_told, warms_asked;

static void meddle(caller *c, unsigned i) {
  static _Thread_local char text[16384];
  gmux_channel_state seen = gmux_channel_get_state(c->channel, true);
  if (gmux_channel_watch_state(c->channel, seen, on_state, &states_told) == 0)
    atomic_fetch_add(&states_asked, 1);
  if (gmux_channel_warm(c->channel, on_warm, &warms_told) == 0) atomic_fetch_add(&warms_asked, 1);
  gmux_channel_pause(c->channel);
  gmux_channel_resume(c->channel);
  if (i % 8 == c->number) gmux_channel_rotate(c->channel);
  if (i % 8 == 0) CU_ASSERT_EQUAL(gmux_channel_warm_wait(c->channel, GMUX_NO_TIMEOUT), 0);
  if (i % 8 == 1) CU_ASSERT_EQUAL(gmux_channel_connect_wait(c->channel, GMUX_NO_TIMEOUT), 0);
  if (i % 8 == 2) CU_ASSERT_TRUE(gmux_channel_describe(c->channel, text, sizeof text) > 0);
  if (i % 8 == 3) gmux_channel_reset_backoff(c->channel);
}

static void *call_and_meddle(void *arg) {
  caller *c = arg;
  for (unsigned i = 0; i < c->calls; i++) {
    meddle(c, i);
    c->good += kit_echo(c->channel);
  }
  return NULL;
}

static void eight_threads_meddle_with_all_loops_at_once(void) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TCP), NULL));
  gmux_channel_options o = kit_channel_options(NULL);
  o.min_connections = 4;
  o.max_connections = 6;
  spread s;
  spread_start(&s, server.target, &o);
  caller callers[CALLERS];
  callers_start(callers, s.channel, CALLS_PER_THREAD / 2, call_and_meddle);
  CU_ASSERT_EQUAL(callers_join(callers), CALLERS * (CALLS_PER_THREAD / 2));
  CU_ASSERT_EQUAL(gmux_channel_drain_wait(s.channel, GMUX_NO_TIMEOUT), 0);
  spread_drop(&s);
  CU_ASSERT_EQUAL(atomic_load(&states_told), atomic_load(&states_asked));
  CU_ASSERT_EQUAL(atomic_load(&warms_told), atomic_load(&warms_asked));
  kit_server_stop(&server);
}

/* ---- the end ---- */

static atomic_uint told;
static sem_t ended;

static void on_ended(void *user_data) {
  caller *c = user_data; /* whoever was the first */
  c->good++;
  atomic_fetch_add(&told, 1);
  sem_post(&ended);
}

static void *end_the_channel(void *arg) {
  caller *c = arg;
  if (c->number == 3) CU_ASSERT_EQUAL(gmux_channel_drain_wait(c->channel, GMUX_NO_TIMEOUT), 0);
  if (c->number % 2)
    gmux_channel_close(c->channel, on_ended, c);
  else
    gmux_channel_drain(c->channel, c->number ? 10 * (int64_t)c->number : GMUX_NO_TIMEOUT, on_ended,
                       c);
  return NULL;
}

/* The thread that waits may be the first, and has nobody told. */
static void of_eight_threads_that_end_it_at_most_one_is_told(void) {
  enum { ROUNDS = 50 };
  sem_init(&ended, 0, 0);
  gmux_channel_options o = kit_channel_options(NULL);
  spread s;
  spread_start(&s, "127.0.0.1:1", &o);
  for (int i = 0; i < ROUNDS; i++) {
    gmux_channel *channel;
    CU_ASSERT_EQUAL_FATAL(gmux_channel_new_on_loops(&channel, s.loops, LOOPS, "127.0.0.1:1", &o),
                          0);
    atomic_store(&told, 0);
    caller callers[CALLERS];
    callers_start(callers, channel, 0, end_the_channel);
    CU_ASSERT_EQUAL(gmux_channel_drain_wait(channel, GMUX_NO_TIMEOUT), 0);
    unsigned good = callers_join(callers);
    CU_ASSERT_EQUAL(good, atomic_load(&told));
    CU_ASSERT_TRUE(good <= 1);
    CU_ASSERT_EQUAL(gmux_channel_get_state(channel, false), GMUX_CHANNEL_SHUTDOWN);
    gmux_channel_free(channel);
  }
  spread_drop(&s);
  sem_destroy(&ended);
}

static atomic_uint storm_started;

static void *call_until_closed(void *arg) {
  caller *c = arg;
  gmux_method *method = kit_method(KIT_ECHO, GMUX_UNARY);
  int error;
  while ((error = start_call(c, method)) == 0) {
    atomic_fetch_add(&storm_started, 1);
    kit_wait(&c->done); /* it ends, whatever becomes of the channel */
  }
  c->good = error == GMUX_ERR_CLOSED;
  gmux_method_free(method);
  return NULL;
}

static void on_closed(void *user_data) {
  sem_post(user_data);
}

static void it_is_closed_in_the_middle_of_a_storm_and_every_call_ends_once(void) {
  enum { ROUNDS = 10 };
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TCP), NULL));
  gmux_channel_options o = kit_channel_options(NULL);
  sem_t closed;
  sem_init(&closed, 0, 0);
  for (int i = 0; i < ROUNDS; i++) {
    atomic_store(&storm_started, 0);
    atomic_store(&good_ends, 0);
    atomic_store(&bad_ends, 0);
    spread s;
    spread_start(&s, server.target, &o);
    caller callers[CALLERS];
    callers_start(callers, s.channel, 0, call_until_closed);
    CU_ASSERT_TRUE(kit_echo(s.channel)); /* it is in full swing */
    gmux_channel_close(s.channel, on_closed, &closed);
    kit_wait(&closed);
    CU_ASSERT_EQUAL(callers_join(callers), CALLERS);
    CU_ASSERT_EQUAL(atomic_load(&good_ends) + atomic_load(&bad_ends), atomic_load(&storm_started));
    spread_drop(&s);
  }
  sem_destroy(&closed);
  kit_server_stop(&server);
}

static void what_is_freed_is_gone_when_its_loops_are_stopped(void) {
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    kit_server server;
    CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(kind), kit_server_tls(kind)));
    gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
    if (kind == KIT_UNIX) o.tls_host = NULL;
    spread s;
    spread_start(&s, server.target, &o);
    gmux_method *method = kit_method(KIT_TALK, GMUX_BIDI_STREAMING);
    gmux_call *calls[2 * LOOPS];
    for (int i = 0; i < 2 * LOOPS; i++)
      CU_ASSERT_EQUAL(gmux_call_start(&calls[i], s.channel, method, NULL, NULL, NULL), 0);
    CU_ASSERT_TRUE(kit_echo(s.channel));
    for (int i = 0; i < 2 * LOOPS; i++)
      gmux_call_free(calls[i]);
    gmux_method_free(method);
    spread_drop(&s); /* with calls still running on all loops */
    kit_server_stop(&server);
  }
}

static void none_of_its_loops_is_stopped_under_it(void) {
  gmux_channel_options o = kit_channel_options(NULL);
  spread s;
  spread_start(&s, "localhost:1", &o);
  for (int i = 0; i < LOOPS; i++) {
    CU_ASSERT_EQUAL(gmux_loop_stop(s.loops[i]), GMUX_ERR_STATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "not closed and freed"));
  }
  spread_drop(&s);
}

/* ---- on its loops ---- */

typedef struct chain {
  spread *s;
  gmux_method *method;
  unsigned left;
  sem_t done;
} chain;

static void chain_start(void *arg);

static void on_link(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers;
  chain *c = user_data;
  CU_ASSERT_EQUAL(status->code, GMUX_OK);
  CU_ASSERT_TRUE(gmux_loop_is_inside(c->s->loops[1]));
  if (--c->left > 0)
    chain_start(c);
  else
    sem_post(&c->done);
}

static void chain_start(void *arg) {
  chain *c = arg;
  gmux_bytes request = gmux_bytes_borrow("hello", 5);
  CU_ASSERT_EQUAL(gmux_call_unary_start(NULL, c->s->channel, c->method, NULL, &request, on_link, c),
                  0);
}

static void calls_that_start_one_another_stay_on_their_loop(void) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TCP), NULL));
  gmux_channel_options o = kit_channel_options(NULL);
  spread s;
  spread_start(&s, server.target, &o);
  CU_ASSERT_EQUAL(gmux_channel_warm_wait(s.channel, GMUX_NO_TIMEOUT), 0);
  chain c = {.s = &s, .method = kit_method(KIT_ECHO, GMUX_UNARY), .left = 200};
  sem_init(&c.done, 0, 0);
  CU_ASSERT_EQUAL(gmux_loop_post(s.loops[1], chain_start, &c), 0);
  kit_wait(&c.done);
  sem_destroy(&c.done);
  gmux_method_free(c.method);
  spread_drop(&s);
  kit_server_stop(&server);
}

static void one_that_cannot_connect_says_why(void) {
  gmux_channel_options o = kit_channel_options(NULL);
  o.connect_timeout_ms = 1000;
  spread s;
  spread_start(&s, "unix:/nowhere/at/all", &o);
  CU_ASSERT_EQUAL(gmux_channel_connect_wait(s.channel, 50), GMUX_ERR_TIMEOUT);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "no connection within 50 ms: "));
  CU_ASSERT_EQUAL(gmux_channel_warm_wait(s.channel, 20), GMUX_ERR_TIMEOUT);
  spread_drop(&s);
}

/* ---- a server of several loops ---- */

typedef struct house {
  gmux_loop *loops[LOOPS];
  gmux_server *server;
  char target[192];
} house;

static void on_echo(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  if (gmux_server_call_reply(call, request))
    gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, gmux_last_error());
}

static void house_open(house *h, kit_kind kind) {
  uint16_t port = 0;
  gmux_tls *tls = kit_server_tls(kind);
  const char *address = kit_address(kind);
  for (int i = 0; i < LOOPS; i++)
    CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&h->loops[i], NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_new_on_loops(&h->server, h->loops, LOOPS, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_unary(h->server, KIT_ECHO, on_echo, NULL), 0);
  int error = tls ? gmux_server_listen(h->server, address, tls, &port)
                  : gmux_server_listen_cleartext(h->server, address, &port);
  CU_ASSERT_EQUAL_FATAL(error, 0);
  if (kind == KIT_UNIX)
    snprintf(h->target, sizeof h->target, "%s", address);
  else
    snprintf(h->target, sizeof h->target, "%.*s:%u", (int)(strrchr(address, ':') - address),
             address, port);
}

/* Nothing is waited for; the loop that listens is stopped first. */
static void house_drop(house *h) {
  gmux_server_free(h->server);
  for (int i = 0; i < LOOPS; i++)
    CU_ASSERT_EQUAL(gmux_loop_stop(h->loops[i]), 0);
}

static void a_server_serves_on_all_loops_whatever_it_listens_on(void) {
  for (kit_kind kind = 0; kind < KIT_KINDS; kind++) {
    house h;
    house_open(&h, kind);
    gmux_channel_options o = kit_channel_options(kit_client_tls(kind));
    if (kind == KIT_UNIX) o.tls_host = NULL;
    o.max_connections = o.min_connections = 2 * LOOPS;
    spread s;
    spread_start(&s, h.target, &o);
    CU_ASSERT_EQUAL(gmux_channel_warm_wait(s.channel, GMUX_NO_TIMEOUT), 0);
    caller callers[CALLERS];
    callers_start(callers, s.channel, CALLS_PER_THREAD, caller_call_and_wait);
    CU_ASSERT_EQUAL(callers_join(callers), CALLERS * CALLS_PER_THREAD);
    CU_ASSERT_EQUAL(gmux_channel_drain_wait(s.channel, GMUX_NO_TIMEOUT), 0);
    gmux_server_stats stats = {.size = sizeof stats};
    CU_ASSERT_EQUAL(gmux_server_get_stats(h.server, &stats), 0);
    CU_ASSERT_EQUAL(stats.connections_accepted, 2 * LOOPS);
    CU_ASSERT_EQUAL(stats.calls_started, CALLERS * CALLS_PER_THREAD);
    spread_drop(&s);
    CU_ASSERT_EQUAL(gmux_server_drain_wait(h.server, GMUX_NO_TIMEOUT), 0);
    house_drop(&h);
  }
}

static char storm_target[192];

/* One fresh channel after the other, until the server is gone. */
static void *come_and_go(void *arg) {
  caller *c = arg;
  gmux_loop *loop;
  gmux_channel_options o = kit_channel_options(NULL);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&loop, NULL), 0);
  o.tls_host = NULL;
  bool is_there = true;
  for (c->good = 0; is_there; c->good++) {
    CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&c->channel, loop, storm_target, &o), 0);
    is_there = kit_echo(c->channel);
    if (c->good == 0) sem_post(&c->done);
    gmux_channel_free(c->channel);
  }
  CU_ASSERT_EQUAL(gmux_loop_stop(loop), 0);
  return NULL;
}

static void a_server_is_freed_while_clients_come_and_go(void) {
  enum { ROUNDS = 5 };
  for (int i = 0; i < ROUNDS; i++) {
    house h;
    house_open(&h, KIT_UNIX); /* whose name is nobody else's afterwards */
    snprintf(storm_target, sizeof storm_target, "%s", h.target);
    caller callers[CALLERS];
    callers_start(callers, NULL, 0, come_and_go);
    for (unsigned t = 0; t < CALLERS; t++)
      kit_wait(&callers[t].done); /* all are at it */
    house_drop(&h);
    CU_ASSERT_TRUE(callers_join(callers) >= CALLERS);
  }
}

static void *drain_server(void *server) {
  CU_ASSERT_EQUAL(gmux_server_drain_wait(server, GMUX_NO_TIMEOUT), 0);
  return NULL;
}

static void of_eight_threads_that_drain_a_server_all_see_its_end(void) {
  house h;
  house_open(&h, KIT_TCP);
  pthread_t threads[CALLERS];
  for (int i = 0; i < CALLERS; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, drain_server, h.server), 0);
  for (int i = 0; i < CALLERS; i++)
    pthread_join(threads[i], NULL);
  house_drop(&h);
}

static const test_case cases[] = {
    TEST(who_waits_in_vain_for_warmth_leaves_no_wish_behind),
    TEST(calls_of_eight_threads_are_spread_over_all_loops),
    TEST(eight_threads_meddle_with_all_loops_at_once),
    TEST(of_eight_threads_that_end_it_at_most_one_is_told),
    TEST(it_is_closed_in_the_middle_of_a_storm_and_every_call_ends_once),
    TEST(what_is_freed_is_gone_when_its_loops_are_stopped),
    TEST(none_of_its_loops_is_stopped_under_it),
    TEST(calls_that_start_one_another_stay_on_their_loop),
    TEST(one_that_cannot_connect_says_why),
    TEST(a_server_serves_on_all_loops_whatever_it_listens_on),
    TEST(a_server_is_freed_while_clients_come_and_go),
    TEST(of_eight_threads_that_drain_a_server_all_see_its_end),
    TESTS_END,
};

extern const test_suite net_loops_suite;
const test_suite net_loops_suite = {
    .name = "loops", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
