/* misuse_test.c: every public function with NULL for all that may be NULL by mistake, and messages
 * over each limit: an error for the one that was given it, and nothing for the others. */
#include "tests/net/kit.h"
#include <ev.h>
#include <stdio.h>
#include <string.h>

/* Says which function of a long list it was. */
#define CHECK(expression, want)                                                                    \
  CU_assertImplementation((expression) == (want), __LINE__, #expression " == " #want, __FILE__,    \
                          "", CU_FALSE)
/* And that there are words, of this error and no older one. */
#define CHECK_INVALID(expression)                                                                  \
  do {                                                                                             \
    gmux_loop_options_check(NULL, NULL, 0);                                                        \
    char old[512];                                                                                 \
    snprintf(old, sizeof old, "%s", gmux_last_error());                                            \
    CHECK(expression, GMUX_ERR_INVALID);                                                           \
    CHECK(strcmp(gmux_last_error(), old) == 0, false);                                             \
  } while (0)

static void on_end(gmux_call *call, const gmux_status *status, const gmux_metadata *trailers,
                   void *user_data) {
  (void)call, (void)status, (void)trailers, (void)user_data;
}

static void on_unary(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                     const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)status, (void)reply, (void)trailers, (void)user_data;
}

static void on_state(gmux_channel_state state, void *user_data) {
  (void)state, (void)user_data;
}

static void on_server_unary(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)call, (void)request, (void)user_data;
}

static void on_message_done(gmux_call *call, const gmux_status *status,
                            const ProtobufCMessage *reply, const gmux_metadata *trailers,
                            void *user_data) {
  (void)call, (void)status, (void)reply, (void)trailers, (void)user_data;
}

static void on_post(void *arg) {
  (void)arg;
}

static void values_and_texts_take_null(void) {
  gmux_bytes bytes = gmux_bytes_borrow(NULL, 0);
  gmux_free(NULL);
  gmux_bytes_release(NULL);
  gmux_bytes_release(&bytes);
  CHECK_INVALID(gmux_bytes_copy(NULL, "x", 1));
  CHECK_INVALID(gmux_bytes_copy(&bytes, NULL, 1));
  CHECK_INVALID(gmux_bytes_take(NULL, &bytes));
  CHECK_INVALID(gmux_bytes_take(&bytes, NULL));
  CHECK(gmux_bytes_copy(&bytes, NULL, 0), 0);
  CHECK(strlen(gmux_strerror(12345)) > 0, true);
  CHECK(strlen(gmux_log_level_str((gmux_log_level)99)) > 0, true);
  CHECK(strcmp(gmux_code_str((gmux_code)99), "UNKNOWN"), 0);
  CHECK(strlen(gmux_channel_state_str((gmux_channel_state)99)) > 0, true);
  CHECK(strlen(gmux_evidence_str((gmux_evidence)99)) > 0, true);
  gmux_status status = gmux_status_make(GMUX_ABORTED, NULL, NULL);
  CHECK(strcmp(status.message, ""), 0);
  gmux_status_clear(&status);
  bytes = gmux_bytes_borrow(NULL, 5);
  status = gmux_status_make(GMUX_ABORTED, NULL, &bytes);
  CHECK(status.details.len, 0);
  gmux_status_clear(&status);
  status = gmux_status_copy(NULL);
  CHECK(status.code, GMUX_OK);
  gmux_status_clear(NULL);
  gmux_metadata_entry entry;
  gmux_metadata *metadata;
  CHECK_INVALID(gmux_metadata_new(NULL));
  CHECK(gmux_metadata_new(&metadata), 0);
  CHECK_INVALID(gmux_metadata_add(NULL, "a", "b"));
  CHECK_INVALID(gmux_metadata_add(metadata, NULL, "b"));
  CHECK_INVALID(gmux_metadata_add(metadata, "a", NULL));
  CHECK_INVALID(gmux_metadata_add_bin(NULL, "a-bin", "b", 1));
  CHECK_INVALID(gmux_metadata_add_bin(metadata, NULL, "b", 1));
  CHECK_INVALID(gmux_metadata_add_bin(metadata, "a-bin", NULL, 1));
  CHECK(gmux_metadata_count(NULL), 0);
  CHECK(gmux_metadata_at(NULL, 0, &entry), GMUX_ERR_NOT_FOUND);
  CHECK(gmux_metadata_get(NULL, "a", NULL), NULL);
  CHECK(gmux_metadata_get(metadata, NULL, NULL), NULL);
  CHECK(gmux_metadata_add(metadata, "a", "b"), 0);
  CHECK_INVALID(gmux_metadata_at(metadata, 0, NULL));
  gmux_metadata_free(metadata);
  gmux_metadata_free(NULL);
}

static void options_take_null(void) {
  char why[4] = "";
  gmux_loop_options_init(NULL, sizeof(gmux_loop_options));
  gmux_tls_options_init(NULL, sizeof(gmux_tls_options));
  gmux_channel_options_init(NULL, sizeof(gmux_channel_options));
  gmux_call_options_init(NULL, sizeof(gmux_call_options));
  gmux_server_options_init(NULL, sizeof(gmux_server_options));
  CHECK(gmux_loop_options_check(NULL, why, sizeof why), GMUX_ERR_INVALID);
  CHECK(strlen(why), sizeof why - 1);
  CHECK(gmux_tls_options_check(NULL, why, sizeof why), GMUX_ERR_INVALID);
  CHECK(gmux_channel_options_check(NULL, why, sizeof why), GMUX_ERR_INVALID);
  CHECK(gmux_call_options_check(NULL, why, sizeof why), GMUX_ERR_INVALID);
  CHECK(gmux_server_options_check(NULL, why, sizeof why), GMUX_ERR_INVALID);
  CHECK(gmux_tls_options_check(NULL, NULL, 10), GMUX_ERR_INVALID);
  CHECK(gmux_channel_options_check(NULL, NULL, 10), GMUX_ERR_INVALID);
  CHECK(gmux_call_options_check(NULL, NULL, 10), GMUX_ERR_INVALID);
  CHECK(gmux_server_options_check(NULL, NULL, 10), GMUX_ERR_INVALID);
}

static void loops_and_credentials_take_null(void) {
  gmux_loop *loop;
  struct ev_loop *ev = ev_loop_new(EVFLAG_AUTO);
  CHECK_INVALID(gmux_loop_start(NULL, NULL));
  CHECK_INVALID(gmux_loop_attach(NULL, ev, NULL));
  CHECK_INVALID(gmux_loop_attach(&loop, NULL, NULL));
  ev_loop_destroy(ev);
  CHECK(gmux_loop_start(&loop, NULL), 0);
  CHECK_INVALID(gmux_loop_post(NULL, on_post, NULL));
  CHECK_INVALID(gmux_loop_post(loop, NULL, NULL));
  CHECK(gmux_loop_is_inside(NULL), false);
  CHECK(gmux_loop_stop(loop), 0);
  CHECK(gmux_loop_stop(NULL), 0);
  CHECK_INVALID(gmux_tls_client_new(NULL, NULL));
  CHECK_INVALID(gmux_tls_server_new(NULL, NULL));
  gmux_tls_free(NULL);
}

static void channels_take_null(void) {
  gmux_loop *loop;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&loop, NULL), 0);
  gmux_channel_options o = kit_channel_options(NULL);
  gmux_channel *channel;
  CHECK_INVALID(gmux_channel_new(NULL, loop, "a:1", &o));
  CHECK_INVALID(gmux_channel_new(&channel, NULL, "a:1", &o));
  CHECK_INVALID(gmux_channel_new(&channel, loop, NULL, &o));
  CHECK(gmux_channel_new(&channel, loop, "a:1", &o), 0);
  CHECK(gmux_channel_get_state(NULL, true), GMUX_CHANNEL_SHUTDOWN);
  CHECK_INVALID(gmux_channel_watch_state(NULL, GMUX_CHANNEL_IDLE, on_state, NULL));
  CHECK_INVALID(gmux_channel_watch_state(channel, GMUX_CHANNEL_IDLE, NULL, NULL));
  CHECK_INVALID(gmux_channel_connect_wait(NULL, 1));
  CHECK_INVALID(gmux_channel_warm_wait(NULL, 1));
  CHECK_INVALID(gmux_channel_drain_wait(NULL, 1));
  gmux_channel_reset_backoff(NULL);
  gmux_channel_stats stats = {.size = 0};
  CHECK_INVALID(gmux_channel_get_stats(NULL, &stats));
  CHECK_INVALID(gmux_channel_get_stats(channel, NULL));
  CHECK_INVALID(gmux_channel_get_stats(channel, &stats));
  gmux_channel_close(NULL, NULL, NULL);
  gmux_channel_free(NULL);
  gmux_channel_free(channel);
  CHECK(gmux_loop_stop(loop), 0);
}

static void check_status(gmux_status status, gmux_code code) {
  CHECK(status.code, code);
  CHECK(strlen(status.message) > 0, true);
  gmux_status_clear(&status);
}

static void calls_take_null(void) {
  static const gmux_call_handlers handlers = {.on_end = on_end}, none;
  gmux_channel_options o = kit_channel_options(NULL);
  kit_client client;
  kit_client_start(&client, "unix:/nowhere", &o);
  gmux_method *method;
  CHECK_INVALID(gmux_method_new(NULL, "/a/b", GMUX_UNARY, 0));
  CHECK_INVALID(gmux_method_new(&method, NULL, GMUX_UNARY, 0));
  CHECK(strcmp(gmux_method_path(NULL), ""), 0);
  gmux_method_free(NULL);
  method = kit_method("/a/b", GMUX_UNARY);

  gmux_call *call;
  gmux_bytes bytes = gmux_bytes_borrow("x", 1), reply;
  const gmux_metadata *headers;
  CHECK_INVALID(gmux_call_start(&call, NULL, method, NULL, &handlers, NULL));
  CHECK_INVALID(gmux_call_start(&call, client.channel, NULL, NULL, &handlers, NULL));
  CHECK_INVALID(gmux_call_start(&call, client.channel, method, NULL, &none, NULL));
  CHECK_INVALID(gmux_call_start(NULL, client.channel, method, NULL, NULL, NULL));
  CHECK_INVALID(gmux_call_unary_start(NULL, NULL, method, NULL, &bytes, on_unary, NULL));
  CHECK_INVALID(gmux_call_unary_start(NULL, client.channel, NULL, NULL, &bytes, on_unary, NULL));
  CHECK_INVALID(gmux_call_unary_start(NULL, client.channel, method, NULL, NULL, on_unary, NULL));
  CHECK_INVALID(gmux_call_unary_start(NULL, client.channel, method, NULL, &bytes, NULL, NULL));
  check_status(gmux_call_unary_wait(NULL, method, NULL, &bytes, &reply), GMUX_INVALID_ARGUMENT);
  check_status(gmux_call_unary_wait(client.channel, NULL, NULL, &bytes, &reply),
               GMUX_INVALID_ARGUMENT);
  check_status(gmux_call_unary_wait(client.channel, method, NULL, NULL, &reply),
               GMUX_INVALID_ARGUMENT);
  check_status(gmux_call_unary_wait(client.channel, method, NULL, &bytes, NULL),
               GMUX_INVALID_ARGUMENT);

  CHECK_INVALID(gmux_call_write(NULL, &bytes));
  CHECK_INVALID(gmux_call_half_close(NULL));
  CHECK_INVALID(gmux_call_grant(NULL, 1));
  CHECK(gmux_call_get_evidence(NULL), GMUX_EVIDENCE_NEVER_LEFT);
  CHECK(strcmp(gmux_call_peer(NULL), ""), 0);
  CHECK_INVALID(gmux_call_read_wait(NULL, &bytes));
  CHECK_INVALID(gmux_call_write_wait(NULL, &bytes));
  CHECK_INVALID(gmux_call_headers_wait(NULL, &headers));
  check_status(gmux_call_end_wait(NULL, NULL), GMUX_INVALID_ARGUMENT);
  gmux_call_cancel(NULL);
  gmux_call_free(NULL);

  CHECK(gmux_call_start(&call, client.channel, method, NULL, NULL, NULL), 0);
  CHECK_INVALID(gmux_call_write(call, NULL));
  gmux_bytes nowhere = gmux_bytes_borrow(NULL, 5);
  CHECK_INVALID(gmux_call_write(call, &nowhere));
  CHECK_INVALID(gmux_call_write_wait(call, &nowhere));
  CHECK_INVALID(
      gmux_call_unary_start(NULL, client.channel, method, NULL, &nowhere, on_unary, NULL));
  check_status(gmux_call_unary_wait(client.channel, method, NULL, &nowhere, &reply),
               GMUX_INVALID_ARGUMENT);
  CHECK_INVALID(gmux_call_write_wait(call, NULL));
  CHECK_INVALID(gmux_call_read_wait(call, NULL));
  CHECK_INVALID(gmux_call_headers_wait(call, NULL));
  check_status(gmux_call_end_wait(call, NULL), GMUX_UNAVAILABLE);
  gmux_call_free(call);
  gmux_method_free(method);
  kit_client_stop(&client);
}

static void servers_take_null(void) {
  static const gmux_server_handlers none;
  gmux_loop *loop;
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&loop, NULL), 0);
  gmux_server *server;
  CHECK_INVALID(gmux_server_new(NULL, loop, NULL));
  CHECK_INVALID(gmux_server_new(&server, NULL, NULL));
  CHECK(gmux_server_new(&server, loop, NULL), 0);
  CHECK_INVALID(gmux_server_add_method(NULL, "/a/b", GMUX_UNARY, &none, NULL));
  CHECK_INVALID(gmux_server_add_method(server, NULL, GMUX_UNARY, &none, NULL));
  CHECK_INVALID(gmux_server_add_method(server, "/a/b", GMUX_UNARY, NULL, NULL));
  CHECK_INVALID(gmux_server_add_method(server, "/a/b", GMUX_UNARY, &none, NULL));
  CHECK_INVALID(gmux_server_add_unary(NULL, "/a/b", on_server_unary, NULL));
  CHECK_INVALID(gmux_server_add_unary(server, NULL, on_server_unary, NULL));
  CHECK_INVALID(gmux_server_add_unary(server, "/a/b", NULL, NULL));
  CHECK_INVALID(gmux_server_listen(NULL, "ipv4:127.0.0.1:0", NULL, NULL));
  CHECK_INVALID(gmux_server_listen(server, NULL, kit_server_tls(KIT_TLS), NULL));
  CHECK_INVALID(gmux_server_listen(server, "ipv4:127.0.0.1:0", NULL, NULL));
  CHECK_INVALID(gmux_server_listen_cleartext(NULL, "ipv4:127.0.0.1:0", NULL));
  CHECK_INVALID(gmux_server_listen_cleartext(server, NULL, NULL));
  gmux_server_stats stats = {.size = 0};
  CHECK_INVALID(gmux_server_get_stats(NULL, &stats));
  CHECK_INVALID(gmux_server_get_stats(server, NULL));
  CHECK_INVALID(gmux_server_get_stats(server, &stats));
  gmux_server_drain(NULL, 0, NULL, NULL);
  gmux_server_close(NULL, NULL, NULL);
  gmux_server_free(NULL);
  gmux_server_free(server);
  CHECK(gmux_loop_stop(loop), 0);
}

static void calls_of_a_server_take_null(void) {
  gmux_bytes bytes = gmux_bytes_borrow("x", 1);
  CHECK(gmux_server_call_ref(NULL), NULL);
  gmux_server_call_unref(NULL);
  CHECK(strcmp(gmux_server_call_path(NULL), ""), 0);
  CHECK(strcmp(gmux_server_call_authority(NULL), ""), 0);
  CHECK(gmux_server_call_metadata(NULL), NULL);
  CHECK(strcmp(gmux_server_call_peer(NULL), ""), 0);
  CHECK(gmux_server_call_peer_name(NULL), NULL);
  CHECK(gmux_server_call_timeout_ms(NULL), GMUX_NO_TIMEOUT);
  CHECK(gmux_server_call_is_over(NULL), true);
  gmux_server_call_set_data(NULL, &bytes);
  CHECK(gmux_server_call_get_data(NULL), NULL);
  CHECK_INVALID(gmux_server_call_send_headers(NULL, NULL));
  CHECK_INVALID(gmux_server_call_write(NULL, &bytes));
  CHECK_INVALID(gmux_server_call_grant(NULL, 1));
  CHECK_INVALID(gmux_server_call_set_manual_credit(NULL));
  CHECK_INVALID(gmux_server_call_finish(NULL, NULL, NULL));
  CHECK_INVALID(gmux_server_call_fail(NULL, GMUX_ABORTED, NULL));
  CHECK_INVALID(gmux_server_call_reply(NULL, &bytes));
  CHECK_INVALID(gmux_server_call_set_blocking(NULL));
  CHECK_INVALID(gmux_server_call_read_wait(NULL, &bytes));
  CHECK_INVALID(gmux_server_call_write_wait(NULL, &bytes));
}

static void protobuf_takes_null(void) {
  gmux_bytes bytes = gmux_bytes_borrow(NULL, 0);
  ProtobufCMessage *message;
  ProtobufCService *service;
  static const ProtobufCMessageDescriptor type;
  CHECK_INVALID(gmux_protobuf_pack(&bytes, NULL));
  CHECK_INVALID(gmux_protobuf_pack(NULL, NULL));
  CHECK_INVALID(gmux_protobuf_unpack(&message, NULL, &bytes));
  CHECK_INVALID(gmux_protobuf_unpack(NULL, NULL, NULL));
  bytes = gmux_bytes_borrow(NULL, 5);
  CHECK_INVALID(gmux_protobuf_unpack(&message, &type, &bytes));
  gmux_protobuf_free(NULL);
  check_status(gmux_protobuf_call_wait(NULL, NULL, NULL, NULL, NULL, &message),
               GMUX_INVALID_ARGUMENT);
  check_status(gmux_protobuf_call_wait(NULL, NULL, NULL, NULL, NULL, NULL), GMUX_INVALID_ARGUMENT);
  CHECK_INVALID(
      gmux_protobuf_call_start(NULL, NULL, NULL, NULL, NULL, NULL, on_message_done, NULL));
  CHECK_INVALID(gmux_protobuf_client_new(&service, NULL, NULL));
  CHECK_INVALID(gmux_protobuf_client_new(NULL, NULL, NULL));
  CHECK_INVALID(gmux_server_add_protobuf(NULL, NULL));
}

/* ---- messages over the limit ---- */

static gmux_code call_with(gmux_channel *channel, size_t len) {
  static char text[64];
  memset(text, 'x', sizeof text);
  CU_ASSERT_FATAL(len < sizeof text);
  text[len] = '\0';
  gmux_code code;
  bool is_good = kit_call(channel, KIT_ECHO, text, NULL, &code, NULL);
  CU_ASSERT_EQUAL(is_good, code == GMUX_OK);
  return code;
}

static void a_message_over_a_limit_fails_its_call_and_no_other(void) {
  kit_server server;
  CU_ASSERT_FATAL(kit_server_start(&server, NULL, kit_address(KIT_TCP), NULL));
  gmux_channel_options o = kit_channel_options(NULL);
  kit_client receives_little, sends_little;
  o.max_recv_message_bytes = 10;
  kit_client_start(&receives_little, server.target, &o);
  o.max_recv_message_bytes = 100;
  o.max_send_message_bytes = 10;
  kit_client_start(&sends_little, server.target, &o);
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(call_with(receives_little.channel, 11), GMUX_RESOURCE_EXHAUSTED);
    CU_ASSERT_EQUAL(call_with(receives_little.channel, 10), GMUX_OK);
    CU_ASSERT_EQUAL(call_with(sends_little.channel, 11), GMUX_RESOURCE_EXHAUSTED);
    CU_ASSERT_EQUAL(call_with(sends_little.channel, 10), GMUX_OK);
  }
  gmux_channel_stats stats = {.size = sizeof stats};
  CU_ASSERT_EQUAL(gmux_channel_get_stats(receives_little.channel, &stats), 0);
  CU_ASSERT_EQUAL(stats.connections_made, 1);
  kit_client_stop(&receives_little);
  kit_client_stop(&sends_little);
  kit_server_stop(&server);
}

static const test_case cases[] = {TEST(values_and_texts_take_null),
                                  TEST(options_take_null),
                                  TEST(loops_and_credentials_take_null),
                                  TEST(channels_take_null),
                                  TEST(calls_take_null),
                                  TEST(servers_take_null),
                                  TEST(calls_of_a_server_take_null),
                                  TEST(protobuf_takes_null),
                                  TEST(a_message_over_a_limit_fails_its_call_and_no_other),
                                  TESTS_END};
const test_suite net_misuse_suite = {"misuse", cases, kit_setup, kit_teardown};
