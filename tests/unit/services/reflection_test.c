/* reflection_test.c: server reflection. */
#include "grpc/reflection/v1/reflection.gmux.h"
#include "lib/services/schema.h"
#include "tests/unit/services/desk.h"
#include "tests/unit/services/protoset.h"
#include <gmux/health.h>
#include <gmux/reflection.h>
#include <stdio.h>
#include <stdlib.h>

#define V1      "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
#define V1ALPHA "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
#define ANSWER  (&grpc__reflection__v1__server_reflection_response__descriptor)

typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;

static int add_shop(void) {
  gmux_bytes set = protoset_shop();
  gmux_reflection_options options;
  gmux_reflection_options_init(&options, sizeof options);
  options.descriptor_sets = &set;
  options.descriptor_set_count = 1;
  return gmux_server_add_reflection(kit.server, &options);
}

static void setup(void) {
  kit_setup();
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  CU_ASSERT_EQUAL_FATAL(add_shop(), 0);
  desk_open();
}

/* ---- asking ---- */

#define CASE(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name

static request asking(int what, const char *text) {
  request r = GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT;
  static char words[64];
  snprintf(words, sizeof words, "%s", text);
  r.message_request_case = (Grpc__Reflection__V1__ServerReflectionRequest__MessageRequestCase)what;
  r.file_by_filename = words; /* a union: any of the texts */
  return r;
}

static void ask(uint32_t stream, int what, const char *text) {
  request r = asking(what, text);
  desk_ask_message(stream, V1, &r.base, false);
}

static void ask_extension(uint32_t stream, char *type, int32_t number) {
  Grpc__Reflection__V1__ExtensionRequest extension = GRPC__REFLECTION__V1__EXTENSION_REQUEST__INIT;
  extension.containing_type = type;
  extension.extension_number = number;
  request r = asking(CASE(FILE_CONTAINING_EXTENSION), "");
  r.file_containing_extension = &extension;
  desk_ask_message(stream, V1, &r.base, false);
}

/* The nth answer's files, "shop.proto goods.proto"; "error 5" for an error. */
static const char *files_of(uint32_t stream, size_t nth) {
  static char text[256];
  size_t len = 0;
  text[0] = '\0';
  response *answer = (response *)desk_message(stream, nth, ANSWER);
  if (answer->message_response_case ==
      GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE) {
    snprintf(text, sizeof text, "error %d", answer->error_response->error_code);
    CU_ASSERT_TRUE(answer->error_response->error_message[0]);
  } else {
    CU_ASSERT_EQUAL_FATAL(
        answer->message_response_case,
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE);
    const Grpc__Reflection__V1__FileDescriptorResponse *files = answer->file_descriptor_response;
    for (size_t i = 0; i < files->n_file_descriptor_proto; i++) {
      gmux__schema_text name;
      const ProtobufCBinaryData *bytes = &files->file_descriptor_proto[i];
      CU_ASSERT_TRUE(gmux__schema_string(&name, bytes->data, bytes->len, 1));
      len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s", i ? " " : "", (int)name.len,
                              name.at);
    }
  }
  desk_free(answer);
  return text;
}

/* ---- what is answered ---- */

static void services_are_listed_in_order(void) {
  static const char *const versions[] = {V1, V1ALPHA};
  for (uint32_t i = 0; i < 2; i++) {
    request r = asking(CASE(LIST_SERVICES), "whatever");
    static char host[] = "example.org";
    r.host = host;
    desk_ask_message(2 * i + 1, versions[i], &r.base, true);
    response *answer = (response *)desk_message(2 * i + 1, 0, ANSWER);
    KIT_STREQ(answer->valid_host, "example.org");
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer->original_request);
    KIT_STREQ(answer->original_request->list_services, "whatever");
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer->list_services_response);
    CU_ASSERT_EQUAL_FATAL(answer->list_services_response->n_service, 3);
    Grpc__Reflection__V1__ServiceResponse **services = answer->list_services_response->service;
    KIT_STREQ(services[0]->name, "grpc.reflection.v1.ServerReflection");
    KIT_STREQ(services[1]->name, "grpc.reflection.v1alpha.ServerReflection");
    KIT_STREQ(services[2]->name, "t.S");
    desk_free(answer);
    CU_ASSERT_EQUAL(desk_status(2 * i + 1), GMUX_OK);
  }
}

static void files_come_with_all_that_they_import(void) {
  ask(1, CASE(FILE_BY_FILENAME), "shop.proto");
  KIT_STREQ(files_of(1, 0), "shop.proto goods.proto base.proto");
  ask(3, CASE(FILE_CONTAINING_SYMBOL), "test.goods.Goods.Label");
  KIT_STREQ(files_of(3, 0), "goods.proto base.proto");
  static char price[] = "test.base.Price";
  ask_extension(5, price, 150);
  KIT_STREQ(files_of(5, 0), "goods.proto base.proto");
  ask(7, CASE(FILE_CONTAINING_SYMBOL), "grpc.health.v1.Health.Watch");
  KIT_STREQ(files_of(7, 0), "grpc/health/v1/health.proto");
}

static void files_are_served_as_protoc_wrote_them(void) {
  ask(1, CASE(FILE_BY_FILENAME), "base.proto");
  response *answer = (response *)desk_message(1, 0, ANSWER);
  const ProtobufCBinaryData *file = &answer->file_descriptor_response->file_descriptor_proto[0];
  gmux__schema schema = {.sets = NULL};
  CU_ASSERT_EQUAL_FATAL(gmux__schema_add(&schema, protoset_shop(), false), 0);
  const gmux__schema_file *base =
      gmux__schema_by_name(&schema, (gmux__schema_text){"base.proto", 10});
  CU_ASSERT_EQUAL_FATAL(file->len, base->len);
  CU_ASSERT_EQUAL(memcmp(file->data, base->data, file->len), 0);
  gmux__schema_deinit(&schema);
  desk_free(answer);
}

static void what_a_stream_imports_it_is_sent_once(void) {
  ask(1, CASE(FILE_BY_FILENAME), "goods.proto");
  KIT_STREQ(files_of(1, 0), "goods.proto base.proto");
  ask(1, CASE(FILE_BY_FILENAME), "shop.proto");
  KIT_STREQ(files_of(1, 1), "shop.proto");
  ask(1, CASE(FILE_BY_FILENAME), "base.proto"); /* asked for by itself it comes again */
  KIT_STREQ(files_of(1, 2), "base.proto");
  ask(3, CASE(FILE_BY_FILENAME), "goods.proto"); /* and so it does on another stream */
  KIT_STREQ(files_of(3, 0), "goods.proto base.proto");
}

static void extension_numbers_are_listed(void) {
  ask(1, CASE(ALL_EXTENSION_NUMBERS_OF_TYPE), "test.base.Price");
  response *answer = (response *)desk_message(1, 0, ANSWER);
  const Grpc__Reflection__V1__ExtensionNumberResponse *numbers =
      answer->all_extension_numbers_response;
  CU_ASSERT_PTR_NOT_NULL_FATAL(numbers);
  KIT_STREQ(numbers->base_type_name, "test.base.Price");
  CU_ASSERT_EQUAL_FATAL(numbers->n_extension_number, 3);
  CU_ASSERT_EQUAL(numbers->extension_number[0], 100);
  CU_ASSERT_EQUAL(numbers->extension_number[1], 150);
  CU_ASSERT_EQUAL(numbers->extension_number[2], 199);
  desk_free(answer);
  ask(1, CASE(ALL_EXTENSION_NUMBERS_OF_TYPE), "test.goods.Goods");
  answer = (response *)desk_message(1, 1, ANSWER);
  CU_ASSERT_PTR_NOT_NULL_FATAL(answer->all_extension_numbers_response);
  CU_ASSERT_EQUAL(answer->all_extension_numbers_response->n_extension_number, 0);
  desk_free(answer);
}

static void an_unknown_name_is_an_answer_and_the_stream_goes_on(void) {
  static char price[] = "test.base.Price";
  ask(1, CASE(FILE_BY_FILENAME), "other.proto");
  ask(1, CASE(FILE_CONTAINING_SYMBOL), "test.Other");
  ask(1, CASE(ALL_EXTENSION_NUMBERS_OF_TYPE), "test.Other");
  ask_extension(1, price, 101);
  ask(1, CASE(FILE_BY_FILENAME), "base.proto");
  for (size_t i = 0; i < 4; i++)
    KIT_STREQ(files_of(1, i), "error 5");
  KIT_STREQ(files_of(1, 4), "base.proto");
  CU_ASSERT_EQUAL(desk_status(1), -1);
  kit_half_close(1);
  kit_run();
  CU_ASSERT_EQUAL(desk_status(1), GMUX_OK);
}

/* ---- what is not ---- */

static void a_request_that_cannot_be_answered_ends_the_stream(void) {
  desk_ask(1, V1, "", 0, false);
  CU_ASSERT_EQUAL(desk_status(1), GMUX_INVALID_ARGUMENT);
  desk_ask(3, V1, "\x0a\x04host", 6, false);
  CU_ASSERT_EQUAL(desk_status(3), GMUX_INVALID_ARGUMENT);
  desk_ask(5, V1, "\x1a\x7f", 2, false);
  CU_ASSERT_EQUAL(desk_status(5), GMUX_INTERNAL);
  desk_ask(7, V1, "\x2a\x02\x0a\x05", 4, false); /* the message in it */
  CU_ASSERT_EQUAL(desk_status(7), GMUX_INTERNAL);
  static char large[8193] = "\x1a\xfe\x3f"; /* file_by_filename of 8190 bytes */
  desk_ask(9, V1, large, sizeof large, false);
  CU_ASSERT_EQUAL(desk_status(9), GMUX_INVALID_ARGUMENT);
  large[1] = '\xfd';
  desk_ask(11, V1, large, sizeof large - 1, false);
  KIT_STREQ(files_of(11, 0), "error 5");
}

static void a_stream_that_asks_nothing_ends_well(void) {
  kit_request(1, V1, true, NULL);
  kit_run();
  CU_ASSERT_EQUAL(desk_status(1), GMUX_OK);
}

/* ---- clients that do not read ---- */

static void a_stream_has_one_answer_in_memory(void) {
  enum { REQUESTS = 100 };
  const uint16_t id = 4; /* INITIAL_WINDOW_SIZE */
  const uint32_t none = 0;
  rawpeer_settings(kit.peer, 1, &id, &none);
  ask(1, CASE(FILE_BY_FILENAME), "shop.proto");
  size_t live = test_alloc_live();
  for (int i = 1; i < REQUESTS; i++)
    ask(1, CASE(FILE_BY_FILENAME), "shop.proto");
  /* Requests wait as bytes behind their stream's window, answers are not there. */
  CU_ASSERT_TRUE(test_alloc_live() < live + 10);
  kit_half_close(1);
  rawpeer_window_update(kit.peer, 0, 1000000);
  rawpeer_window_update(kit.peer, 1, 1000000);
  kit_run();
  CU_ASSERT_EQUAL(desk_count(1), REQUESTS);
  KIT_STREQ(files_of(1, 0), "shop.proto goods.proto base.proto");
  KIT_STREQ(files_of(1, REQUESTS - 1), "shop.proto");
  CU_ASSERT_EQUAL(desk_status(1), GMUX_OK);
}

/* Small requests, and an answer of some KiB to each of many streams. */
static void answers_that_nobody_reads_fill_no_more_than_the_queue(void) {
  enum { STREAMS = 100 };
  kit_teardown();
  kit_setup();
  kit.options.connection_queue_bytes = 65536;
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_reflection(kit.server, NULL), 0);
  desk_open();
  const uint16_t id = 4; /* INITIAL_WINDOW_SIZE */
  const uint32_t none = 0;
  rawpeer_settings(kit.peer, 1, &id, &none);
  for (uint32_t i = 0; i < STREAMS; i++)
    ask(2 * i + 1, CASE(FILE_CONTAINING_SYMBOL), "grpc.reflection.v1.ServerReflection");
  CU_ASSERT_EQUAL(desk_status(1), -1); /* its answer waits */
  CU_ASSERT_EQUAL(desk_status(2 * STREAMS - 1), GMUX_RESOURCE_EXHAUSTED);
  rawpeer_window_update(kit.peer, 0, 1000000);
  for (uint32_t i = 0; i < STREAMS; i++)
    if (desk_status(2 * i + 1) < 0) rawpeer_window_update(kit.peer, 2 * i + 1, 1000000);
  kit_run();
  size_t waited = 0;
  for (uint32_t i = 0; i < STREAMS; i++)
    waited += kit_data_bytes(2 * i + 1);
  CU_ASSERT_EQUAL(desk_count(1), 1);
  CU_ASSERT_TRUE(waited < 65536 + kit_data_bytes(1));
  ask(2 * STREAMS + 1, CASE(LIST_SERVICES), ""); /* there is room again */
  CU_ASSERT_EQUAL(desk_status(2 * STREAMS + 1), -1);
}

static void a_stream_that_is_given_up_leaves_nothing(void) {
  const uint16_t id = 4; /* INITIAL_WINDOW_SIZE */
  const uint32_t none = 0;
  rawpeer_settings(kit.peer, 1, &id, &none);
  ask(1, CASE(FILE_BY_FILENAME), "shop.proto");
  ask(1, CASE(LIST_SERVICES), "");
  rawpeer_rst(kit.peer, 1, 8 /* CANCEL */);
  kit_run();
  CU_ASSERT_EQUAL(kit_stats().calls_running, 0);
}

/* ---- adding ---- */

static gmux_server *other_server(void) {
  gmux_server *server;
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&server, kit.loop, NULL), 0);
  return server;
}

static void it_is_added_once_and_before_the_server_listens(void) {
  CU_ASSERT_EQUAL(gmux_server_add_reflection(kit.server, NULL), GMUX_ERR_STATE);
  gmux_server *server = other_server();
  CU_ASSERT_EQUAL(gmux_server_add_reflection(server, NULL), 0);
  CU_ASSERT_EQUAL(gmux_server_add_reflection(server, NULL), GMUX_ERR_EXISTS);
  gmux_server_free(server);
}

static void methods_may_be_added_after_it(void) {
  kit_teardown();
  kit_setup();
  CU_ASSERT_EQUAL_FATAL(gmux_server_new(&kit.server, kit.loop, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_reflection(kit.server, NULL), 0);
  gmux_health *health;
  CU_ASSERT_EQUAL_FATAL(gmux_health_new(&health), 0);
  CU_ASSERT_EQUAL_FATAL(gmux_server_add_health(kit.server, health), 0);
  gmux_health_free(health);
  desk_open();
  ask(1, CASE(LIST_SERVICES), "");
  response *answer = (response *)desk_message(1, 0, ANSWER);
  CU_ASSERT_EQUAL(answer->list_services_response->n_service, 3);
  KIT_STREQ(answer->list_services_response->service[0]->name, "grpc.health.v1.Health");
  desk_free(answer);
  ask(1, CASE(FILE_CONTAINING_SYMBOL), "grpc.reflection.v1alpha.ServerReflection");
  KIT_STREQ(files_of(1, 1), "grpc/reflection/v1alpha/reflection.proto");
}

static unsigned released;
static void on_release(void *arg, const uint8_t *data, size_t len) {
  (void)arg, (void)data, (void)len;
  released++;
}

static void owned_sets_are_taken_on_success_alone(void) {
  released = 0;
  const gmux_bytes shop = protoset_shop();
  gmux_bytes sets[] = {gmux_bytes_wrap(shop.data, shop.len, on_release, NULL),
                       gmux_bytes_borrow("\x0a", 1)};
  gmux_reflection_options options;
  gmux_reflection_options_init(&options, sizeof options);
  options.descriptor_sets = sets;
  options.descriptor_set_count = 2;
  gmux_server *server = other_server();
  CU_ASSERT_EQUAL(gmux_server_add_reflection(server, &options), GMUX_ERR_PROTOCOL);
  KIT_STREQ(gmux_last_error(),
            "descriptor set 1: not a FileDescriptorSet (protoc --descriptor_set_out)");
  CU_ASSERT_PTR_EQUAL(sets[0].data, shop.data);
  CU_ASSERT_EQUAL(gmux_server_add_reflection(server, NULL), 0);
  options.descriptor_set_count = 1;
  CU_ASSERT_EQUAL(gmux_server_add_reflection(server, &options), GMUX_ERR_EXISTS);
  CU_ASSERT_PTR_EQUAL(sets[0].data, shop.data);
  gmux_server_free(server);
  kit_run();
  CU_ASSERT_EQUAL(released, 0);

  server = other_server();
  CU_ASSERT_EQUAL(gmux_server_add_reflection(server, &options), 0);
  CU_ASSERT_PTR_NULL(sets[0].data);
  CU_ASSERT_EQUAL(released, 0);
  gmux_server_free(server);
  kit_run();
  CU_ASSERT_EQUAL(released, 1);
}

static void bad_options_are_told_in_words(void) {
  gmux_server *server = other_server();
  CU_ASSERT_EQUAL(gmux_server_add_reflection(NULL, NULL), GMUX_ERR_INVALID);
  gmux_reflection_options options;
  gmux_reflection_options_init(&options, sizeof options);
  options.descriptor_set_count = 2;
  CU_ASSERT_EQUAL(gmux_server_add_reflection(server, &options), GMUX_ERR_INVALID);
  KIT_STREQ(gmux_last_error(), "descriptor_set_count is 2, but descriptor_sets is NULL");
  gmux_bytes set = {.data = NULL, .len = 1};
  options.descriptor_sets = &set;
  options.descriptor_set_count = 1;
  CU_ASSERT_EQUAL(gmux_server_add_reflection(server, &options), GMUX_ERR_INVALID);
  KIT_STREQ(gmux_last_error(), "descriptor set 0: it has a length of 1 but no data");
  options.size = 1;
  CU_ASSERT_EQUAL(gmux_server_add_reflection(server, &options), GMUX_ERR_INVALID);
  gmux_server_free(server);
}

static void add_to_new_server(void *arg) {
  (void)arg;
  if (gmux_server_new(&kit.server, kit.loop, NULL)) return;
  int error = add_shop();
  CU_ASSERT_EQUAL(error, test_alloc_has_failed() ? GMUX_ERR_NOMEM : 0);
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run();
}

static void want_of_memory_is_an_answer(void) {
  kit_teardown();
  kit_setup();
  CU_ASSERT_TRUE(test_alloc_torture(add_to_new_server, NULL) > 100);
}

/* Whatever fails, an answer comes, or the stream or the connection ends. */
static void a_stream_without_memory_is_told(void) {
  for (size_t n = 1; n <= 40; n++) {
    if (rawpeer_state(kit.peer)) kit.peer = kit_connect();
    uint32_t stream = (uint32_t)(2 * n - 1);
    test_alloc_fail_at(n);
    ask(stream, CASE(LIST_SERVICES), "");
    ask(stream, CASE(FILE_BY_FILENAME), "shop.proto");
    test_alloc_fail_at(0);
    kit_run();
    bool is_over = rawpeer_state(kit.peer) || kit_is_ended(stream) || kit_rst(stream) >= 0;
    CU_ASSERT_TRUE(is_over || desk_count(stream) == 2);
  }
}

static const test_case cases[] = {TEST(services_are_listed_in_order),
                                  TEST(files_come_with_all_that_they_import),
                                  TEST(files_are_served_as_protoc_wrote_them),
                                  TEST(what_a_stream_imports_it_is_sent_once),
                                  TEST(extension_numbers_are_listed),
                                  TEST(an_unknown_name_is_an_answer_and_the_stream_goes_on),
                                  TEST(a_request_that_cannot_be_answered_ends_the_stream),
                                  TEST(a_stream_that_asks_nothing_ends_well),
                                  TEST(a_stream_has_one_answer_in_memory),
                                  TEST(answers_that_nobody_reads_fill_no_more_than_the_queue),
                                  TEST(a_stream_that_is_given_up_leaves_nothing),
                                  TEST(it_is_added_once_and_before_the_server_listens),
                                  TEST(methods_may_be_added_after_it),
                                  TEST(owned_sets_are_taken_on_success_alone),
                                  TEST(bad_options_are_told_in_words),
                                  TEST(want_of_memory_is_an_answer),
                                  TEST(a_stream_without_memory_is_told),
                                  TESTS_END};
const test_suite services_reflection_suite = {"reflection", cases, setup, kit_teardown};
