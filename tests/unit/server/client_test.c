/*
 * client_test.c: the server's policy as a client of ours sees it: it notices nothing. Both are in
 * the simulated world, with a millisecond of wire between them.
 */
#include "tests/unit/server/kit.h"
#include <gmux/channel.h>
#include <stdio.h>

enum { QUICK_MAX = 64 };

static struct {
  gmux_channel *channel;
  gmux_method *quick, *slow;
  unsigned started, succeeded;
  unsigned executed; /* by the server */
  char words[256];   /* of the last that failed */
  /* Quick calls that the server has, and answers when it is told to. */
  gmux_server_call *waiting[QUICK_MAX];
  size_t waiting_count;
  uint64_t random;
} client;

static uint32_t random_below(uint32_t n) {
  client.random = client.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)((client.random >> 33) % n);
}

/* ---- the server's side ---- */

static void act_serve(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_CALL) client.executed++;
  if (event != SAW_UNARY) return;
  client.executed++;
  CU_ASSERT_FATAL(client.waiting_count < QUICK_MAX);
  client.waiting[client.waiting_count++] = gmux_server_call_ref(call);
}

/* Replies to some of those that wait, or to all. */
static void answer(bool all) {
  for (size_t i = client.waiting_count; i-- > 0;) {
    if (!all && random_below(4) != 0) continue;
    gmux_bytes reply = kit_text("reply");
    CU_ASSERT_EQUAL(gmux_server_call_reply(client.waiting[i], &reply), 0);
    gmux_server_call_unref(client.waiting[i]);
    client.waiting[i] = client.waiting[--client.waiting_count];
  }
}

/* ---- the client's side ---- */

static void note_end(const gmux_status *status) {
  if (status->code == GMUX_OK)
    client.succeeded++;
  else
    snprintf(client.words, sizeof client.words, "%d %s", (int)status->code,
             status->message ? status->message : "");
}

static void on_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)reply, (void)trailers, (void)user_data;
  note_end(status);
}

static void start_quick(void) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.wait_for_ready = true;
  gmux_bytes request = kit_text("request");
  client.started++;
  CU_ASSERT_EQUAL(
      gmux_call_unary_start(NULL, client.channel, client.quick, &o, &request, on_done, NULL), 0);
}

static void on_slow_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                        void *user_data) {
  (void)call, (void)trailers, (void)user_data;
  note_end(status);
}

static void start_slow(void) {
  static const gmux_call_handlers handlers = {.on_end = on_slow_end};
  client.started++;
  CU_ASSERT_EQUAL(gmux_call_start(NULL, client.channel, client.slow, NULL, &handlers, NULL), 0);
  kit_run_ms(100);
  CU_ASSERT_PTR_NOT_NULL(kit.call);
}

static void client_open(void) {
  memset(&client, 0, sizeof client);
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.cleartext = true;
  kit.act = act_serve;
  sim_net(kit.world)->latency_ns = GMUX__NS_PER_MS;
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&client.channel, kit.peers, "ipv4:127.0.0.1:50051", &o),
                        0);
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&client.quick, "/t.S/Fn", GMUX_UNARY, 0), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_method_new(&client.slow, "/t.S/Bidi", GMUX_BIDI_STREAMING, 0), 0);
}

/* Every call was executed once and succeeded. */
static void client_finish(void) {
  answer(true);
  kit_run_ms(1000);
  answer(true);
  kit_run_ms(1000);
  CU_ASSERT_EQUAL(client.succeeded, client.started);
  CU_ASSERT_EQUAL(client.executed, client.started);
  CU_ASSERT_STRING_EQUAL(client.words, "");
  gmux_channel_free(client.channel);
  gmux_method_free(client.quick);
  gmux_method_free(client.slow);
  kit_run_ms(1000);
}

/* ---- pings ---- */

/* Both with default settings: calls now and then, also after long silence, and some that are silent
 * themselves for much longer than the keepalive interval. */
static void a_client_with_default_settings_is_never_punished_in_a_day(void) {
  kit_serve();
  client_open();
  uint64_t end_ns = sim_now(kit.world) + 86400 * GMUX__NS_PER_S;
  while (sim_now(kit.world) < end_ns) {
    if (random_below(4) == 0) {
      start_slow();
      kit_run_ms(random_below(40 * 60000));
      CU_ASSERT_EQUAL(gmux_server_call_finish(kit.call, NULL, NULL), 0);
    }
    for (uint32_t i = random_below(4); i > 0; i--) {
      start_quick();
      kit_run_ms(10 + random_below(3000));
      answer(true);
    }
    kit_run_ms(random_below(2) ? random_below(60000) : random_below(50 * 60000));
  }
  gmux_server_stats stats = kit_stats();
  CU_ASSERT_EQUAL(stats.too_many_pings, 0);
  CU_ASSERT_TRUE(stats.pings_received > 0); /* there was something to punish */
  CU_ASSERT_EQUAL(stats.clients_dead, 0);
  client_finish();
}

/* ---- age and idleness ---- */

static void a_hundred_ages_lose_no_call(void) {
  kit.options.max_connection_age_ms = 1000;
  kit_serve();
  client_open();
  while (kit_stats().ended_age < 100 && client.started < 100000) {
    if (client.started - client.succeeded < QUICK_MAX / 2) start_quick();
    kit_run_ms(1 + random_below(10));
    answer(false);
  }
  CU_ASSERT_EQUAL(kit_stats().ended_age, 100);
  CU_ASSERT_TRUE(kit_stats().connections_accepted >= 100);
  client_finish();
}

/* Calls come just when their connection is given up. */
static void idleness_that_meets_a_call_loses_none(void) {
  kit.options.max_connection_idle_ms = 1000;
  kit_serve();
  client_open();
  while (kit_stats().ended_idle < 100 && client.started < 10000) {
    start_quick();
    kit_run_ms(5);
    answer(true);
    kit_run_ms(890 + random_below(220));
  }
  CU_ASSERT_EQUAL(kit_stats().ended_idle, 100);
  CU_ASSERT_TRUE(kit_stats().connections_accepted <= 102);
  client_finish();
}

/* ---- the end of a server ---- */

static void a_server_that_drains_and_its_successor_lose_no_call(void) {
  kit_serve();
  client_open();
  for (int life = 0; life < 20; life++) {
    for (int i = 0; i < 50; i++) {
      if (client.started - client.succeeded < QUICK_MAX / 2) start_quick();
      kit_run_ms(1 + random_below(5));
      answer(false);
    }
    gmux_server *old = kit.server;
    gmux_server_drain(old, 60000, NULL, NULL);
    gmux_server_free(old);
    kit_run();
    kit_serve(); /* in its place */
  }
  client_finish();
}

static const test_case cases[] = {
    TEST(a_client_with_default_settings_is_never_punished_in_a_day),
    TEST(a_hundred_ages_lose_no_call),
    TEST(idleness_that_meets_a_call_loses_none),
    TEST(a_server_that_drains_and_its_successor_lose_no_call),
    TESTS_END,
};

const test_suite server_client_suite = {
    .name = "client", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
