/* start_test.c: generated stubs in the callback form, client and server, in a simulated world. */
#include "tests/protoc/kinds.h"
#include "tests/sim/sim.h"
#include "tests/unit/harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct world {
  sim *sim;
  gmux_loop *loop;
  gmux_server *server;
  gmux_channel *channel;
  kinds kinds;
} world;

/* What one call was told. */
typedef struct outcome {
  unsigned messages, ends;
  char text[64]; /* of the last message */
  gmux_code code;
  char why[256];
} outcome;

static void world_free(world *w) {
  gmux_channel_free(w->channel);
  gmux_server_free(w->server);
  sim_run_for(w->sim, GMUX__NS_PER_S);
  sim_free(w->sim);
  free(w);
}

/* NULL: out of memory. `given` may be NULL. */
static world *world_new(const gmux_channel_options *given) {
  world *w = sim_alloc(sizeof *w);
  w->sim = sim_new(1);
  w->loop = sim_loop(w->sim);
  kinds_init(&w->kinds);
  gmux_channel_options options;
  gmux_channel_options_init(&options, sizeof options);
  if (given) options = *given;
  options.cleartext = true;
  uint16_t port = 0;
  char target[64];
  int error = w->loop ? gmux_server_new(&w->server, w->loop, NULL) : GMUX_ERR_NOMEM;
  if (!error) error = test__kinds__kinds__server__add(w->server, &w->kinds.service);
  if (!error) error = gmux_server_listen_cleartext(w->server, "ipv4:127.0.0.1:0", &port);
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", port);
  if (!error) error = gmux_channel_new(&w->channel, w->loop, target, &options);
  if (!error) return w;
  CU_ASSERT_EQUAL(error, GMUX_ERR_NOMEM);
  world_free(w);
  return NULL;
}

static bool has_ended(void *arg) {
  return ((outcome *)arg)->ends > 0;
}

static void world_wait(world *w, outcome *o) {
  CU_ASSERT_TRUE(sim_run_until(w->sim, has_ended, o, 60 * GMUX__NS_PER_S));
  CU_ASSERT_EQUAL(o->ends, 1);
}

/* ---- handlers ---- */

static void outcome_end(outcome *o, const gmux_status *status) {
  o->ends++;
  o->code = status->code;
  snprintf(o->why, sizeof o->why, "%s", status->message);
}

static void on_answer(gmux_call *call, const Test__Kinds__Answer *answer, void *user_data) {
  (void)call;
  outcome *o = user_data;
  o->messages++;
  snprintf(o->text, sizeof o->text, "%s", answer->text);
}

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  (void)call, (void)trailers;
  outcome_end(user_data, status);
}

static void on_done(gmux_call *call, const gmux_status *status, const Test__Kinds__Answer *answer,
                    const gmux_metadata *trailers, void *user_data) {
  (void)trailers;
  CU_ASSERT_EQUAL(answer != NULL, status->code == GMUX_OK);
  if (answer) on_answer(call, answer, user_data);
  outcome_end(user_data, status);
}

static const Test__Kinds__Kinds__Many_Handlers many = {.on_message = on_answer, .on_end = on_end};
static const Test__Kinds__Kinds__Collect_Handlers collect = {.on_message = on_answer,
                                                             .on_end = on_end};
static const Test__Kinds__Kinds__Chat_Handlers chat = {.on_message = on_answer, .on_end = on_end};

/* ---- each kind ---- */

static void a_unary_call_brings_its_typed_reply(void) {
  world *w = world_new(NULL);
  outcome o = {0};
  Test__Kinds__Ask ask = ask_make("Ada", 0);
  CU_ASSERT_EQUAL(test__kinds__kinds__one__start(NULL, w->channel, NULL, &ask, on_done, &o), 0);
  CU_ASSERT_EQUAL(o.ends, 0);
  world_wait(w, &o);
  CU_ASSERT_EQUAL(o.code, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(o.text, "one: Ada");
  world_free(w);
}

/* More than a queue and a window hold, so that on_writable has to go on. */
static void a_server_stream_brings_all_its_replies(void) {
  enum { COUNT = 20000 };
  world *w = world_new(NULL);
  outcome o = {0};
  Test__Kinds__Ask ask = ask_make("Ada", COUNT);
  CU_ASSERT_EQUAL(test__kinds__kinds__many__start(NULL, w->channel, NULL, &ask, &many, &o), 0);
  world_wait(w, &o);
  CU_ASSERT_EQUAL(o.code, GMUX_OK);
  CU_ASSERT_EQUAL(o.messages, COUNT);
  CU_ASSERT_STRING_EQUAL(o.text, "many: Ada");
  CU_ASSERT_EQUAL(w->kinds.ended, 1);
  world_free(w);
}

static void a_client_stream_is_counted_and_answered(void) {
  world *w = world_new(NULL);
  outcome o = {0};
  gmux_call *call;
  Test__Kinds__Ask ask = ask_make("Ada", 0);
  CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__collect__start(&call, w->channel, NULL, &collect, &o),
                        0);
  for (int i = 0; i < 7; i++)
    CU_ASSERT_EQUAL(test__kinds__kinds__collect__write(call, &ask), 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  world_wait(w, &o);
  CU_ASSERT_EQUAL(o.code, GMUX_OK);
  CU_ASSERT_EQUAL(o.messages, 1);
  CU_ASSERT_STRING_EQUAL(o.text, "7 messages");
  gmux_call_free(call);
  world_free(w);
}

static void a_chat_goes_both_ways(void) {
  world *w = world_new(NULL);
  outcome o = {0};
  gmux_call *call;
  Test__Kinds__Ask first = ask_make("Ada", 0), second = ask_make("Grace", 0);
  CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__chat__start(&call, w->channel, NULL, &chat, &o), 0);
  CU_ASSERT_EQUAL(test__kinds__kinds__chat__write(call, &first), 0);
  sim_run_for(w->sim, GMUX__NS_PER_S);
  CU_ASSERT_STRING_EQUAL(o.text, "Ada");
  CU_ASSERT_EQUAL(test__kinds__kinds__chat__write(call, &second), 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  world_wait(w, &o);
  CU_ASSERT_EQUAL(o.messages, 2);
  CU_ASSERT_STRING_EQUAL(o.text, "Grace");
  gmux_call_free(call);
  world_free(w);
}

/* ---- what is wrong ---- */

static void a_method_without_handlers_is_left_out(void) {
  world *w = sim_alloc(sizeof *w);
  w->sim = sim_new(1);
  w->loop = sim_loop(w->sim);
  static const Test__Kinds__Kinds_Server nothing;
  CU_ASSERT_EQUAL(gmux_server_new(&w->server, w->loop, NULL), 0);
  CU_ASSERT_EQUAL(test__kinds__kinds__server__add(w->server, NULL), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(test__kinds__kinds__server__add(w->server, &nothing), 0);
  /* None was added, so each still can be, once. */
  kinds_init(&w->kinds);
  CU_ASSERT_EQUAL(test__kinds__kinds__server__add(w->server, &w->kinds.service), 0);
  CU_ASSERT_EQUAL(test__kinds__kinds__server__add(w->server, &w->kinds.service), GMUX_ERR_EXISTS);
  world_free(w);
}

static void a_streamed_reply_that_is_no_message_ends_the_call(void) {
  world *w = world_new(NULL);
  outcome o = {0};
  Test__Kinds__Ask ask = ask_make("rubbish", 1);
  CU_ASSERT_EQUAL(test__kinds__kinds__many__start(NULL, w->channel, NULL, &ask, &many, &o), 0);
  world_wait(w, &o);
  CU_ASSERT_EQUAL(o.code, GMUX_INTERNAL);
  CU_ASSERT_STRING_EQUAL(o.why, "the reply is not a valid test.kinds.Answer");
  CU_ASSERT_EQUAL(o.messages, 0);
  world_free(w);
}

static void a_streamed_request_that_is_no_message_ends_the_call(void) {
  world *w = world_new(NULL);
  outcome o = {0};
  gmux_call *call;
  gmux_bytes rubbish = gmux_bytes_borrow("\xff\xff", 2);
  CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__chat__start(&call, w->channel, NULL, &chat, &o), 0);
  CU_ASSERT_EQUAL(gmux_call_write(call, &rubbish), 0);
  world_wait(w, &o);
  CU_ASSERT_EQUAL(o.code, GMUX_INTERNAL);
  CU_ASSERT_STRING_EQUAL(o.why, "the request is not a valid test.kinds.Ask");
  gmux_call_free(call);
  world_free(w);
}

static void a_message_of_another_type_is_refused(void) {
  world *w = world_new(NULL);
  outcome o = {0};
  Test__Kinds__Answer answer = TEST__KINDS__ANSWER__INIT;
  const Test__Kinds__Ask *other = (const Test__Kinds__Ask *)(const void *)&answer;
  CU_ASSERT_EQUAL(test__kinds__kinds__many__start(NULL, w->channel, NULL, other, &many, &o),
                  GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "Many takes a test.kinds.Ask, not a test.kinds.Answer");
  Test__Kinds__Ask ask = ask_make("other", 0);
  CU_ASSERT_EQUAL(test__kinds__kinds__one__start(NULL, w->channel, NULL, &ask, on_done, &o), 0);
  world_wait(w, &o);
  CU_ASSERT_EQUAL(o.code, GMUX_INTERNAL);
  CU_ASSERT_STRING_EQUAL(o.why, "One answers with a test.kinds.Answer, not a test.kinds.Ask");
  world_free(w);
}

/* What generated code never does, and code by hand may. */
static void without_a_method_there_is_no_call(void) {
  world *w = world_new(NULL);
  outcome o = {0};
  Test__Kinds__Ask ask = ask_make("x", 1);
  const gmux_stub_handlers handlers = {.on_end = on_end};
  gmux_call *call = NULL;
  ProtobufCMessage *reply;
  CU_ASSERT_EQUAL(
      gmux_stub_stream_start(&call, w->channel, NULL, NULL, &ask.base, &handlers, NULL, &o),
      GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "method is NULL");
  CU_ASSERT_EQUAL(gmux_stub_stream_open(&call, w->channel, NULL, NULL, &ask.base),
                  GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_stub_write(call, NULL, &ask.base), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_stub_write_wait(call, NULL, &ask.base), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_stub_read_wait(call, NULL, &reply), GMUX_ERR_INVALID);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "method is NULL");
  CU_ASSERT_PTR_NULL(call);
  world_free(w);
}

static void a_request_that_may_not_be_sent_starts_no_call(void) {
  gmux_channel_options options;
  gmux_channel_options_init(&options, sizeof options);
  options.max_send_message_bytes = 10;
  world *w = world_new(&options);
  outcome o = {0};
  Test__Kinds__Ask ask = ask_make("longer than ten bytes", 1);
  CU_ASSERT_EQUAL(test__kinds__kinds__many__start(NULL, w->channel, NULL, &ask, &many, &o),
                  GMUX_ERR_TOO_LARGE);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "max_send_message_bytes"));
  world_free(w);
  CU_ASSERT_EQUAL(o.ends, 0);
}

static void what_is_missing_is_said_before_the_call(void) {
  world *w = world_new(NULL);
  Test__Kinds__Ask ask = ask_make("Ada", 1);
  static const Test__Kinds__Kinds__Many_Handlers deaf = {.on_message = on_answer};
  CU_ASSERT_EQUAL(test__kinds__kinds__many__start(NULL, w->channel, NULL, &ask, NULL, NULL),
                  GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(test__kinds__kinds__many__start(NULL, w->channel, NULL, &ask, &deaf, NULL),
                  GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(test__kinds__kinds__many__start(NULL, w->channel, NULL, NULL, &many, NULL),
                  GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(test__kinds__kinds__one__start(NULL, w->channel, NULL, &ask, NULL, NULL),
                  GMUX_ERR_INVALID);
  world_free(w);
}

/* ---- out of memory ---- */

static void torture_streams(void *arg) {
  (void)arg;
  world *w = world_new(NULL);
  if (!w) return;
  outcome o[2] = {{0}};
  gmux_call *call = NULL;
  Test__Kinds__Ask ask = ask_make("Ada", 3);
  int errors[2] = {test__kinds__kinds__many__start(NULL, w->channel, NULL, &ask, &many, &o[0]),
                   test__kinds__kinds__chat__start(&call, w->channel, NULL, &chat, &o[1])};
  if (!errors[1]) {
    test__kinds__kinds__chat__write(call, &ask);
    if (gmux_call_half_close(call)) gmux_call_cancel(call);
  }
  sim_run_for(w->sim, 60 * GMUX__NS_PER_S);
  for (int i = 0; i < 2; i++) {
    CU_ASSERT_TRUE(errors[i] == 0 || errors[i] == GMUX_ERR_NOMEM);
    CU_ASSERT_EQUAL(o[i].ends, errors[i] ? 0 : 1);
    CU_ASSERT_PTR_NULL(strstr(o[i].why, "not a valid"));
  }
  if (!test_alloc_has_failed()) CU_ASSERT_EQUAL(o[0].messages + o[1].messages, 4);
  gmux_call_free(call);
  world_free(w);
}

static void streams_survive_every_failing_allocation(void) {
  CU_ASSERT_TRUE(test_alloc_torture(torture_streams, NULL) > 20);
}

static const test_case cases[] = {
    TEST(a_unary_call_brings_its_typed_reply),
    TEST(a_server_stream_brings_all_its_replies),
    TEST(a_client_stream_is_counted_and_answered),
    TEST(a_chat_goes_both_ways),
    TEST(a_method_without_handlers_is_left_out),
    TEST(a_streamed_reply_that_is_no_message_ends_the_call),
    TEST(a_streamed_request_that_is_no_message_ends_the_call),
    TEST(a_message_of_another_type_is_refused),
    TEST(without_a_method_there_is_no_call),
    TEST(a_request_that_may_not_be_sent_starts_no_call),
    TEST(what_is_missing_is_said_before_the_call),
    TEST(streams_survive_every_failing_allocation),
    TESTS_END,
};
const test_suite stubs_start_suite = {"start", cases, NULL, NULL};
