/* wait_test.c: generated stubs in the blocking form, over a real socket and a loop of its own. */
#include "tests/protoc/kinds.h"
#include "tests/unit/harness.h"
#include <gmux/gmux.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

static struct {
  gmux_loop *loop;
  gmux_server *server;
  gmux_channel *channel;
  kinds kinds;
} t;

static void setup(void) {
  uint16_t port = 0;
  char target[64];
  gmux_channel_options options;
  gmux_channel_options_init(&options, sizeof options);
  options.cleartext = true;
  kinds_init(&t.kinds);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&t.loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&t.server, t.loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__server__add(t.server, &t.kinds.service), 0);
  gmux_bytes set = test__kinds__kinds__file__descriptors();
  gmux_reflection_options reflection;
  gmux_reflection_options_init(&reflection, sizeof reflection);
  reflection.descriptor_sets = &set, reflection.descriptor_set_count = 1;
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_reflection(t.server, &reflection), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_listen_cleartext(t.server, "ipv4:127.0.0.1:0", &port), 0);
  snprintf(target, sizeof target, "ipv4:127.0.0.1:%u", port);
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&t.channel, t.loop, target, &options), 0);
}

static void teardown(void) {
  gmux_channel_free(t.channel);
  gmux_server_free(t.server);
  CU_ASSERT_EQUAL(gmux_loop_stop(t.loop), 0);
}

/* Ends it, and asserts how. */
static void call_end(gmux_call *call, gmux_code code) {
  gmux_status status = gmux_call_end_wait(call, NULL);
  CU_ASSERT_EQUAL(status.code, code);
  gmux_status_clear(&status);
  gmux_call_free(call);
}

static void a_unary_call_returns_its_typed_reply(void) {
  Test__Kinds__Ask ask = ask_make("Ada", 0);
  Test__Kinds__Answer *answer;
  gmux_status status = test__kinds__kinds__one__wait(t.channel, NULL, &ask, &answer);
  CU_ASSERT_EQUAL(status.code, GMUX_OK);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
  CU_ASSERT_STRING_EQUAL(answer->text, "one: Ada");
  gmux_protobuf_free(answer);

  status = test__kinds__kinds__one__wait(t.channel, NULL, NULL, &answer);
  CU_ASSERT_EQUAL(status.code, GMUX_INVALID_ARGUMENT);
  CU_ASSERT_PTR_NULL(answer);
  gmux_status_clear(&status);
}

static void a_unary_call_can_be_made_step_by_step(void) {
  gmux_call *call;
  Test__Kinds__Ask ask = ask_make("trailers", 0);
  Test__Kinds__Answer *answer;
  const gmux_metadata *trailers;
  CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__one__open(&call, t.channel, NULL, &ask), 0);
  CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__one__read_wait(call, &answer), 0);
  CU_ASSERT_STRING_EQUAL(answer->text, "one: trailers");
  gmux_protobuf_free(answer);
  CU_ASSERT_EQUAL(test__kinds__kinds__one__read_wait(call, &answer), GMUX_ERR_EOF);
  gmux_status status = gmux_call_end_wait(call, &trailers);
  CU_ASSERT_EQUAL(status.code, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(gmux_metadata_get(trailers, "x-told", NULL), "all");
  gmux_status_clear(&status);
  gmux_call_free(call);

  CU_ASSERT_EQUAL(test__kinds__kinds__one__open(&call, t.channel, NULL, NULL), GMUX_ERR_INVALID);
}

static void a_server_stream_is_read_to_its_end(void) {
  gmux_call *call;
  Test__Kinds__Ask ask = ask_make("Ada", 1000);
  Test__Kinds__Answer *answer;
  unsigned count = 0;
  CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__many__open(&call, t.channel, NULL, &ask), 0);
  for (; test__kinds__kinds__many__read_wait(call, &answer) == 0; count++) {
    CU_ASSERT_STRING_EQUAL(answer->text, "many: Ada");
    gmux_protobuf_free(answer);
  }
  CU_ASSERT_EQUAL(count, 1000);
  call_end(call, GMUX_OK);
}

static void a_client_stream_is_answered_once(void) {
  gmux_call *call;
  Test__Kinds__Ask ask = ask_make("Ada", 0);
  Test__Kinds__Answer *answer;
  CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__collect__open(&call, t.channel, NULL), 0);
  for (int i = 0; i < 100; i++)
    CU_ASSERT_EQUAL(test__kinds__kinds__collect__write_wait(call, &ask), 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__collect__read_wait(call, &answer), 0);
  CU_ASSERT_STRING_EQUAL(answer->text, "100 messages");
  gmux_protobuf_free(answer);
  CU_ASSERT_EQUAL(test__kinds__kinds__collect__read_wait(call, &answer), GMUX_ERR_EOF);
  call_end(call, GMUX_OK);
}

static void a_chat_is_question_and_answer(void) {
  gmux_call *call;
  Test__Kinds__Answer *answer;
  CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__chat__open(&call, t.channel, NULL), 0);
  for (int i = 0; i < 10; i++) {
    char text[24];
    snprintf(text, sizeof text, "number %d", i);
    Test__Kinds__Ask ask = ask_make(text, 0);
    CU_ASSERT_EQUAL(test__kinds__kinds__chat__write_wait(call, &ask), 0);
    CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__chat__read_wait(call, &answer), 0);
    CU_ASSERT_STRING_EQUAL(answer->text, text);
    gmux_protobuf_free(answer);
  }
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  CU_ASSERT_EQUAL(test__kinds__kinds__chat__read_wait(call, &answer), GMUX_ERR_EOF);
  call_end(call, GMUX_OK);
}

static void a_reply_that_is_no_message_cancels_the_call(void) {
  gmux_call *call;
  Test__Kinds__Ask ask = ask_make("rubbish", 1);
  Test__Kinds__Answer *answer;
  CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__many__open(&call, t.channel, NULL, &ask), 0);
  CU_ASSERT_EQUAL(test__kinds__kinds__many__read_wait(call, &answer), GMUX_ERR_PROTOCOL);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "the reply is not a valid test.kinds.Answer");
  gmux_status status = gmux_call_end_wait(call, NULL);
  CU_ASSERT_NOT_EQUAL(status.code, GMUX_UNAVAILABLE);
  gmux_status_clear(&status);
  gmux_call_free(call);
}

static void a_servers_thread_reads_and_writes_too(void) {
  gmux_call *call;
  Test__Kinds__Ask ask = ask_make("Ada", 0);
  Test__Kinds__Answer *answer;
  t.kinds.has_thread = true;
  CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__collect__open(&call, t.channel, NULL), 0);
  for (int i = 0; i < 3; i++)
    CU_ASSERT_EQUAL(test__kinds__kinds__collect__write_wait(call, &ask), 0);
  CU_ASSERT_EQUAL(gmux_call_half_close(call), 0);
  CU_ASSERT_EQUAL_FATAL(test__kinds__kinds__collect__read_wait(call, &answer), 0);
  CU_ASSERT_STRING_EQUAL(answer->text, "3 messages");
  gmux_protobuf_free(answer);
  call_end(call, GMUX_OK);
  pthread_join(t.kinds.thread, NULL);
}

/* On the loop's own thread. */
static void try_to_wait(void *arg) {
  sem_t *was_tried = arg;
  gmux_call *call;
  Test__Kinds__Ask ask = ask_make("Ada", 1);
  Test__Kinds__Answer *answer;
  gmux_status status = test__kinds__kinds__one__wait(t.channel, NULL, &ask, &answer);
  CU_ASSERT_EQUAL(status.code, GMUX_FAILED_PRECONDITION);
  CU_ASSERT_PTR_NULL(answer);
  gmux_status_clear(&status);
  CU_ASSERT_EQUAL(test__kinds__kinds__many__open(&call, t.channel, NULL, &ask), GMUX_ERR_DEADLOCK);
  sem_post(was_tried);
}

static void waiting_on_the_loops_own_thread_is_refused(void) {
  sem_t was_tried;
  sem_init(&was_tried, 0, 0);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_post(t.loop, try_to_wait, &was_tried), 0);
  while (sem_wait(&was_tried) != 0)
    continue;
  sem_destroy(&was_tried);
}

/* ---- a handle that is freed as early as it may be ---- */

static void free_and_post(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                          void *user_data) {
  (void)trailers;
  CU_ASSERT_EQUAL(status->code, GMUX_DEADLINE_EXCEEDED);
  gmux_call_free(call);
  sem_post(user_data);
}

/* Its end can come before the function that starts it has returned. */
static void on_end_may_free_the_call(void) {
  enum { ROUNDS = 200 };
  static const Test__Kinds__Kinds__Many_Handlers handlers = {.on_end = free_and_post};
  Test__Kinds__Ask ask = ask_make("Ada", 1);
  gmux_call_options options;
  gmux_call_options_init(&options, sizeof options);
  options.timeout_ms = -1; /* over before it began */
  sem_t ended;
  CU_ASSERT_EQUAL_FATAL(sem_init(&ended, 0, 0), 0);
  for (int i = 0; i < ROUNDS; i++) {
    gmux_call *call;
    CU_ASSERT_EQUAL_FATAL(
        test__kinds__kinds__many__start(&call, t.channel, &options, &ask, &handlers, &ended), 0);
    while (sem_wait(&ended) != 0)
      continue;
  }
  sem_destroy(&ended);
}

static const test_case cases[] = {
    TEST(a_unary_call_returns_its_typed_reply),
    TEST(a_unary_call_can_be_made_step_by_step),
    TEST(a_server_stream_is_read_to_its_end),
    TEST(a_client_stream_is_answered_once),
    TEST(a_chat_is_question_and_answer),
    TEST(a_reply_that_is_no_message_cancels_the_call),
    TEST(a_servers_thread_reads_and_writes_too),
    TEST(waiting_on_the_loops_own_thread_is_refused),
    TEST(on_end_may_free_the_call),
    TESTS_END,
};
const test_suite stubs_wait_suite = {"wait", cases, setup, teardown};
