/* promises_app_test.c: what an application does, or does not do, harms no calls but its own. */
#include "tests/sim/fleet.h"
#include "tests/unit/harness.h"
#include <stdlib.h>
#include <string.h>

extern const test_suite promises_app_suite;

enum { MESSAGE = 16384 };

static const uint8_t noise[MESSAGE];

/* ---- the server's two further methods ---- */

/* As fast as it may: until the client's windows are full, and on when they are not. */
static void flood_on(gmux_server_call *call) {
  int rv = 0;
  while (rv == 0) {
    gmux_bytes message = gmux_bytes_borrow(noise, sizeof noise);
    rv = gmux_server_call_write(call, &message);
  }
}

static void flood_half_closed(gmux_server_call *call, void *user_data) {
  (void)user_data;
  flood_on(call);
}

static void flood_writable(gmux_server_call *call, void *user_data) {
  (void)user_data;
  flood_on(call);
}

static const gmux_server_handlers flood = {.on_half_close = flood_half_closed,
                                           .on_writable = flood_writable};

static void echo_message(gmux_server_call *call, gmux_bytes *message, void *user_data) {
  (void)user_data;
  gmux_server_call_write(call, message);
}

static void echo_half_closed(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_finish(call, NULL, NULL);
}

static const gmux_server_handlers echo = {.on_message = echo_message,
                                          .on_half_close = echo_half_closed};

static gmux_method *flood_method, *echo_method;

static void add_methods(gmux_server *server) {
  int error =
      gmux_server_add_method(server, "/fleet.Service/Flood", GMUX_SERVER_STREAMING, &flood, NULL);
  if (!error)
    error = gmux_server_add_method(server, "/fleet.Service/Echo", GMUX_BIDI_STREAMING, &echo, NULL);
  fleet_promise(error == 0, "no methods: %d", error);
}

static void setup(void) {
  fleet_setup();
  fl.add_methods = add_methods;
  fleet_server_open(0, NULL);
  gmux_method_new(&flood_method, "/fleet.Service/Flood", GMUX_SERVER_STREAMING, 0);
  gmux_method_new(&echo_method, "/fleet.Service/Echo", GMUX_BIDI_STREAMING, 0);
}

static void methods_free(void) {
  gmux_method_free(flood_method);
  gmux_method_free(echo_method);
  flood_method = echo_method = NULL;
}

static void teardown(void) {
  fleet_teardown();
  methods_free();
}

/* ---- never reads ---- */

static unsigned stream_ends, stream_messages;

static void on_unread_message(gmux_call *call, gmux_bytes *message, void *user_data) {
  (void)call, (void)message, (void)user_data;
  stream_messages++;
}

static void on_stream_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                          void *user_data) {
  (void)trailers;
  fleet_ended_beside(user_data, call, status);
  stream_ends++;
}

static const gmux_call_handlers unread = {.on_message = on_unread_message, .on_end = on_stream_end};

static gmux_call *flood_start(fleet_channel *ch) {
  gmux_call_options o;
  gmux_call *call = NULL;
  gmux_call_options_init(&o, sizeof o);
  o.initial_credit = 0;
  CU_ASSERT_EQUAL_FATAL(gmux_call_start(&call, ch->channel, flood_method, &o, &unread, ch), 0);
  gmux_bytes request = gmux_bytes_borrow("", 0);
  CU_ASSERT_EQUAL(gmux_call_write(call, &request), 0);
  ledger_channel_started(&ch->book);
  return call;
}

static void law_of_prompt_answers(uint64_t within_ms) {
  for (size_t i = 0; i < fl.call_count; i++) {
    const fleet_call *c = fleet_call_at(i);
    fleet_promise(c->entry.ended_ns - c->entry.started_ns <= within_ms * FLEET_MS,
                  "call %u took %llu us", c->entry.id,
                  (unsigned long long)(c->entry.ended_ns - c->entry.started_ns) / 1000);
  }
}

static void streams_that_nobody_reads_hold_back_nobody_else(void) {
  enum { UNREAD = 50 };
  gmux_call *calls[UNREAD];
  gmux_channel_options o = fleet_channel_options();
  o.max_connections = 1; /* all have to share it */
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  stream_ends = stream_messages = 0;
  for (int i = 0; i < UNREAD; i++)
    calls[i] = flood_start(ch);
  fleet_run_for(2000); /* till every window is full: 50 of 256 KiB, three times what all may have */
  fleet_load_start(ch, &(fleet_ask){0}, 10);
  fleet_run_for(1000);
  fleet_loads_stop();
  CU_ASSERT_TRUE(fleet_run_until_ended(100));
  law_of_prompt_answers(5);
  CU_ASSERT_TRUE(fl.call_count >= 1000);
  CU_ASSERT_EQUAL(stream_messages, 0);
  CU_ASSERT_EQUAL(stream_ends, 0);
  for (int i = 0; i < UNREAD; i++) {
    gmux_call_cancel(calls[i]);
    gmux_call_free(calls[i]);
  }
  fleet_run_for(100);
  CU_ASSERT_EQUAL(stream_ends, UNREAD);
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_made, 1);
  methods_free();
  fleet_finish();
}

/* ---- never frees ---- */

static void calls_that_are_never_freed_hold_no_slot_and_no_connection(void) {
  unsigned count = fleet_many(10000);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  for (unsigned i = 0; i < count; i += 100) {
    fleet_start_many(ch, &(fleet_ask){.keeps_handle = true}, 100);
    CU_ASSERT_TRUE(fleet_run_until_ended(20));
  }
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), count);
  CU_ASSERT_EQUAL(fleet_figures(ch).connections_made, 1);
  ch->book.is_recycled = true;
  gmux_channel_rotate(ch->channel); /* nor do they keep the old one */
  fleet_run_for(1000);
  CU_ASSERT_EQUAL(fleet_links(0), 1);
  methods_free();
  fleet_finish();
}

/* ---- calls back from every callback ---- */

enum { MEDDLERS = 300 };

typedef struct meddler {
  gmux_call *handle;
  fleet_channel *channel;
  unsigned ends;
} meddler;

static meddler meddlers[MEDDLERS];
static size_t meddler_count, meddler_ends;
static bool may_end_channel;

static void meddler_start(fleet_channel *ch);

static void on_any_state(gmux_channel_state state, void *user_data) {
  (void)state, (void)user_data;
}

static void on_any_warm(int error, void *user_data) {
  (void)error, (void)user_data;
}

static void ask_about(gmux_channel *channel, gmux_call *call) {
  char text[2000];
  gmux_call_explanation e = {.size = sizeof e};
  gmux_channel_stats s = {.size = sizeof s};
  fleet_promise(gmux_call_explain(call, &e) == 0, "a call cannot be explained");
  fleet_promise(gmux_channel_get_stats(channel, &s) == 0, "a channel cannot be counted");
  gmux_channel_describe(channel, text, sizeof text);
}

static void touch_channel(fleet_channel *ch) {
  gmux_channel *channel = ch->channel;
  switch (fleet_random(8)) {
  case 0:
    gmux_channel_rotate(channel);
    break;
  case 1:
    gmux_channel_pause(channel);
    gmux_channel_resume(channel);
    break;
  case 2:
    gmux_channel_reset_backoff(channel);
    ledger_channel_reset_backoff(&ch->book);
    break;
  case 3:
    gmux_channel_warm(channel, on_any_warm, NULL);
    break;
  case 4:
    gmux_channel_watch_state(channel, gmux_channel_get_state(channel, true), on_any_state, NULL);
    break;
  default:
    break;
  }
}

static void touch_call(meddler *m, gmux_call *call) {
  gmux_bytes message = gmux_bytes_borrow("more", 4);
  switch (fleet_random(8)) {
  case 0:
    gmux_call_cancel(call);
    break;
  case 1:
    gmux_call_free(m->handle);
    m->handle = NULL;
    break;
  case 2:
    gmux_call_half_close(call);
    break;
  case 3:
    gmux_call_grant(call, 1);
    break;
  default:
    gmux_call_write(call, &message);
    break;
  }
}

static void meddle(meddler *m, gmux_call *call) {
  ask_about(m->channel->channel, call);
  touch_channel(m->channel);
  touch_call(m, call);
  if (fleet_random(2) == 0) meddler_start(m->channel);
  if (may_end_channel && fleet_random(40) == 0) {
    gmux_channel_close(m->channel->channel, NULL, NULL);
    may_end_channel = false;
  }
}

static void meddler_headers(gmux_call *call, const gmux_metadata *metadata, void *user_data) {
  (void)metadata;
  meddle(user_data, call);
}

static void meddler_message(gmux_call *call, gmux_bytes *message, void *user_data) {
  (void)message;
  meddle(user_data, call);
}

static void meddler_writable(gmux_call *call, void *user_data) {
  meddle(user_data, call);
}

static void meddler_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                        void *user_data) {
  (void)trailers;
  meddler *m = user_data;
  fleet_promise(m->ends++ == 0, "a meddler ended twice");
  meddler_ends++;
  fleet_ended_beside(m->channel, call, status);
  meddle(m, call);
  gmux_call_free(m->handle);
  m->handle = NULL;
}

static const gmux_call_handlers meddling = {
    .on_headers = meddler_headers,
    .on_message = meddler_message,
    .on_writable = meddler_writable,
    .on_draining = meddler_writable,
    .on_end = meddler_end,
};

static void meddler_start(fleet_channel *ch) {
  if (meddler_count == MEDDLERS) return;
  meddler *m = &meddlers[meddler_count];
  *m = (meddler){.channel = ch};
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.timeout_ms = 2000;
  int error = gmux_call_start(&m->handle, ch->channel, echo_method, &o, &meddling, m);
  fleet_promise(error == 0 || error == GMUX_ERR_CLOSED, "a meddler cannot be started: %d", error);
  if (error) return;
  meddler_count++;
  ledger_channel_started(&ch->book);
  gmux_bytes message = gmux_bytes_borrow("first", 5);
  gmux_call_write(m->handle, &message);
}

static void meddlers_start(fleet_channel *ch) {
  memset(meddlers, 0, sizeof meddlers);
  meddler_count = meddler_ends = 0;
  for (int i = 0; i < 20; i++)
    meddler_start(ch);
}

static bool meddlers_have_ended(void *arg) {
  (void)arg;
  return meddler_ends == meddler_count;
}

static void an_application_that_calls_back_from_every_callback_harms_no_other_call(void) {
  gmux_channel_options o = fleet_channel_options();
  o.min_connections = 2;
  fleet_channel *ch = fleet_channel_new(0, &o);
  fleet_warm(ch);
  fleet_load_start(ch, &(fleet_ask){.work_ms = 5}, 20);
  may_end_channel = false;
  ch->book.is_recycled = true;
  meddlers_start(ch);
  CU_ASSERT_TRUE(fleet_run_until(meddlers_have_ended, NULL, 60000));
  CU_ASSERT_TRUE(meddler_count > 100);
  fleet_loads_stop();
  CU_ASSERT_TRUE(fleet_run_until_ended(1000));
  CU_ASSERT_EQUAL(fleet_ended_with(0, GMUX_OK), fl.call_count);
  methods_free();
  fleet_finish();
}

static void a_channel_closed_from_a_callback_harms_no_other_channel(void) {
  fleet_channel *other = fleet_channel_new(0, NULL);
  fleet_channel *ch = fleet_channel_new(0, NULL);
  fleet_load_start(other, &(fleet_ask){.work_ms = 5}, 20);
  may_end_channel = true;
  ch->book.is_recycled = true;
  meddlers_start(ch);
  CU_ASSERT_TRUE(fleet_run_until(meddlers_have_ended, NULL, 60000));
  CU_ASSERT_FALSE(may_end_channel);
  methods_free();
  fleet_finish();
  CU_ASSERT_EQUAL(other->book.failed, 0);
}

static const test_case cases[] = {
    TEST(streams_that_nobody_reads_hold_back_nobody_else),
    TEST(calls_that_are_never_freed_hold_no_slot_and_no_connection),
    TEST(an_application_that_calls_back_from_every_callback_harms_no_other_call),
    TEST(a_channel_closed_from_a_callback_harms_no_other_channel),
    TESTS_END,
};

const test_suite promises_app_suite = {"app", cases, setup, teardown};
