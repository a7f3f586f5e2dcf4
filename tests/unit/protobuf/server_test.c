/* server_test.c: a protobuf-c service behind a server. */
#include "nameless.pb-c.h"
#include "tests/unit/protobuf/world.h"

#include <string.h>

static void the_request_reaches_the_service_as_it_was_sent(void) {
  world *w = world_new(NULL);
  static char name[] = "Edsger";
  w->request.name = name;
  outcome o = world_ask(w);
  CU_ASSERT_EQUAL(o.code, GMUX_OK);
  CU_ASSERT_EQUAL(w->echo.calls, 1);
  CU_ASSERT_STRING_EQUAL(w->echo.name, "Edsger");
  world_free(w);
}

static void each_method_is_found_by_its_name(void) {
  world *w = world_new(NULL);
  outcome o = world_ask_raw(w, "/test.pb.Echo/Grow", "\x1a\x02hi", 4);
  CU_ASSERT_EQUAL(o.code, GMUX_OK);
  CU_ASSERT_EQUAL(w->echo.calls, 0);
  world_free(w);
}

static void a_method_without_a_function_is_unimplemented(void) {
  world *w = world_new(NULL);
  outcome o = world_ask_raw(w, "/test.pb.Echo/Other", "", 0);
  CU_ASSERT_EQUAL(o.code, GMUX_UNIMPLEMENTED);
  world_free(w);
}

static void a_request_that_is_not_protobuf_is_internal(void) {
  world *w = world_new(NULL);
  outcome o = world_ask_raw(w, "/test.pb.Echo/Say", "\xff\xff\xff", 3);
  CU_ASSERT_EQUAL(o.code, GMUX_INTERNAL);
  CU_ASSERT_STRING_EQUAL(o.message, "the request is not a valid test.pb.Request: malformed, or "
                                    "nested deeper than 100 levels");
  /* Well-formed, but its required field is missing. */
  o = world_ask_raw(w, "/test.pb.Echo/Say", "", 0);
  CU_ASSERT_EQUAL(o.code, GMUX_INTERNAL);
  CU_ASSERT_STRING_EQUAL(o.message, "the request is not a valid test.pb.Request");
  CU_ASSERT_EQUAL(w->echo.calls, 0);
  o = world_ask(w);
  CU_ASSERT_EQUAL(o.code, GMUX_OK); /* and others go on */
  world_free(w);
}

static void an_answer_may_come_later(void) {
  world *w = world_new(NULL);
  w->echo.mode = ECHO_LATER;
  outcome o = {0};
  CU_ASSERT_EQUAL_FATAL(world_say(w, &o), 0);
  sim_run_for(w->sim, 10 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(w->echo.calls, 1);
  CU_ASSERT_EQUAL(o.count, 0);
  echo_answer(&w->echo);
  world_wait(w, &o);
  CU_ASSERT_STRING_EQUAL(o.text, "Hello, Ada!");
  world_free(w);
}

static void an_answer_from_outside_the_loop_arrives(void) {
  world *w = world_new(NULL);
  w->echo.mode = ECHO_LATER;
  outcome o = {0};
  CU_ASSERT_EQUAL_FATAL(world_say(w, &o), 0);
  sim_run_for(w->sim, GMUX__NS_PER_S);
  sim_set_outside(w->loop, true);
  echo_answer(&w->echo);
  world_wait(w, &o);
  CU_ASSERT_STRING_EQUAL(o.text, "Hello, Ada!");
  world_free(w);
}

static void an_answer_given_twice_counts_once(void) {
  world *w = world_new(NULL);
  w->echo.mode = ECHO_TWICE;
  outcome o = world_ask(w);
  CU_ASSERT_EQUAL(o.code, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(o.text, "Hello, Ada!");
  world_free(w);
}

static void an_answer_after_the_client_has_gone_does_no_harm(void) {
  world *w = world_new(NULL);
  w->echo.mode = ECHO_LATER;
  gmux_call_options options;
  gmux_call_options_init(&options, sizeof options);
  options.timeout_ms = 1000;
  outcome o = {0};
  CU_ASSERT_EQUAL_FATAL(gmux_protobuf_call_start(NULL, w->channel, &test__pb__echo__descriptor,
                                                 "Say", &options, &w->request.base, on_outcome, &o),
                        0);
  sim_run_for(w->sim, 5 * GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(o.code, GMUX_DEADLINE_EXCEEDED);
  CU_ASSERT_EQUAL(w->echo.calls, 1);
  echo_answer(&w->echo);
  sim_run_for(w->sim, GMUX__NS_PER_S);
  CU_ASSERT_EQUAL(o.count, 1);
  world_free(w);
}

static void a_null_answer_is_unknown(void) {
  world *w = world_new(NULL);
  w->echo.mode = ECHO_NOTHING;
  outcome o = world_ask(w);
  CU_ASSERT_EQUAL(o.code, GMUX_UNKNOWN);
  CU_ASSERT_STRING_EQUAL(o.message, "the service gave no reply");
  world_free(w);
}

static void an_incomplete_answer_is_internal_and_names_the_field(void) {
  world *w = world_new(NULL);
  w->echo.mode = ECHO_INCOMPLETE;
  outcome o = world_ask(w);
  CU_ASSERT_EQUAL(o.code, GMUX_INTERNAL);
  CU_ASSERT_STRING_EQUAL(o.message, "test.pb.Reply: field text: is required and not set");
  world_free(w);
}

static void an_answer_over_the_servers_limit_is_resource_exhausted(void) {
  world *w = world_new(NULL);
  gmux_server_options options;
  gmux_server_options_init(&options, sizeof options);
  options.max_send_message_bytes = ECHO_LONG_BYTES;
  gmux_server *small;
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&small, w->loop, &options), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_protobuf(small, &w->echo.service.base), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_listen_cleartext(small, "ipv4:127.0.0.1:7", NULL), 0);
  gmux_channel_options how;
  gmux_channel_options_init(&how, sizeof how);
  how.cleartext = true;
  gmux_channel_free(w->channel);
  CU_ASSERT_EQUAL_FATAL(gmux_channel_new(&w->channel, w->loop, "ipv4:127.0.0.1:7", &how), 0);

  w->echo.mode = ECHO_LONG;
  outcome o = world_ask(w);
  CU_ASSERT_EQUAL(o.code, GMUX_RESOURCE_EXHAUSTED);
  w->echo.mode = ECHO_AT_ONCE;
  o = world_ask(w);
  CU_ASSERT_EQUAL(o.code, GMUX_OK);
  gmux_server_free(small);
  world_free(w);
}

static int add_twice(gmux_server *server) {
  static echo e;
  echo_init(&e);
  CU_ASSERT_EQUAL(gmux_server_add_protobuf(server, &e.service.base), 0);
  CU_ASSERT_EQUAL(gmux_server_add_protobuf(server, &e.service.base), GMUX_ERR_EXISTS);
  return 0;
}

static void a_service_is_added_once(void) {
  world *w = world_new(add_twice);
  outcome o = world_ask(w);
  CU_ASSERT_EQUAL(o.code, GMUX_OK);
  world_free(w);
}

static int add_what_cannot_be(gmux_server *server) {
  CU_ASSERT_EQUAL(gmux_server_add_protobuf(server, NULL), GMUX_ERR_INVALID);
  Test__Nameless__Service_Service nameless = {.base = TEST__NAMELESS__SERVICE__BASE_INIT};
  CU_ASSERT_EQUAL(gmux_server_add_protobuf(NULL, &nameless.base), GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux_server_add_protobuf(server, &nameless.base), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "CODE_SIZE"));
  return 0;
}

static void what_cannot_be_a_service_is_refused(void) {
  world *w = world_new(add_what_cannot_be);
  world_free(w);
}

static const test_case cases[] = {TEST(the_request_reaches_the_service_as_it_was_sent),
                                  TEST(each_method_is_found_by_its_name),
                                  TEST(a_method_without_a_function_is_unimplemented),
                                  TEST(a_request_that_is_not_protobuf_is_internal),
                                  TEST(an_answer_may_come_later),
                                  TEST(an_answer_from_outside_the_loop_arrives),
                                  TEST(an_answer_given_twice_counts_once),
                                  TEST(an_answer_after_the_client_has_gone_does_no_harm),
                                  TEST(a_null_answer_is_unknown),
                                  TEST(an_incomplete_answer_is_internal_and_names_the_field),
                                  TEST(an_answer_over_the_servers_limit_is_resource_exhausted),
                                  TEST(a_service_is_added_once),
                                  TEST(what_cannot_be_a_service_is_refused),
                                  TESTS_END};
const test_suite protobuf_server_suite = {"server", cases, NULL, NULL};
