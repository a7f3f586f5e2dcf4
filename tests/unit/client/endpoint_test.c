/* endpoint_test.c: connections with TLS, to a server that is made of the rooms below. */
#include "tests/unit/certs.h"
#include "tests/unit/client/world.h"
#include <gmux/error.h>
#include <string.h>

/* ---- a server for TLS: takes connections, answers each stream with OK and no message ---- */

static struct {
  test_ca *ca;
  test_cert *cert;
  gmux_tls *tls;
  gmux__h2 *h2;
  gmux__listener *listener;
  gmux__conn *conn; /* the newest */
  unsigned accepted, resumed;
  gmux__stream stream; /* one at a time */
  bool has_stream;
} server;

static void finish(gmux__stream *stream) {
  static const char *const pairs[] = {":status", "200", "content-type", "application/grpc"};
  gmux__field fields[2];
  for (int i = 0; i < 2; i++)
    fields[i] = (gmux__field){.name = (const uint8_t *)pairs[2 * i],
                              .value = (const uint8_t *)pairs[2 * i + 1],
                              .name_len = strlen(pairs[2 * i]),
                              .value_len = strlen(pairs[2 * i + 1])};
  CU_ASSERT_EQUAL(gmux__stream_respond(stream, fields, 2, 0), 0);
  gmux__stream_finish(stream, 1);
}

static void on_headers(gmux__stream *stream) {
  finish(stream);
}

static void on_message(gmux__stream *stream, gmux_bytes *message) {
  (void)stream, (void)message;
}

static void on_sent(gmux__stream *stream, size_t bytes) {
  (void)stream, (void)bytes;
}

static void on_stream_closed(gmux__stream *stream) {
  gmux__stream_deinit(stream);
  server.has_stream = false;
}

static size_t trailers(gmux__stream *stream, gmux__field *fields, size_t room) {
  (void)stream, (void)room;
  fields[0] = (gmux__field){.name = (const uint8_t *)"grpc-status",
                            .value = (const uint8_t *)"0",
                            .name_len = sizeof "grpc-status" - 1,
                            .value_len = 1,
                            .is_name_lasting = true,
                            .is_value_lasting = true};
  return 1;
}

static const gmux__stream_handlers stream_handlers = {
    .on_headers = on_headers,
    .on_message = on_message,
    .on_sent = on_sent,
    .on_closed = on_stream_closed,
    .trailers = trailers,
};

static gmux__stream *on_stream(gmux__conn *conn, void *owner) {
  (void)conn, (void)owner;
  if (server.has_stream) return NULL;
  server.has_stream = true;
  gmux__stream_init(&server.stream, server.h2, &stream_handlers, 1000, GMUX_CREDIT_UNLIMITED);
  return &server.stream;
}

static void on_conn_ready(gmux__conn *conn, void *owner) {
  (void)owner;
  if (gmux__conn_info(conn)->is_resumed) server.resumed++;
}

static void on_conn_closed(gmux__conn *conn, void *owner) {
  (void)owner;
  if (server.conn == conn) server.conn = NULL;
  gmux__conn_free(conn);
}

static const gmux__conn_handlers conn_handlers = {
    .on_ready = on_conn_ready, .on_closed = on_conn_closed, .on_stream = on_stream};

static void on_accepted(void *arg, gmux__transport *transport) {
  (void)arg;
  gmux__transport *secured;
  CU_ASSERT_EQUAL_FATAL(gmux__tls_wrap(&secured, server.tls, transport, NULL), 0);
  CU_ASSERT_EQUAL_FATAL(gmux__conn_new(&server.conn, server.h2, &conn_handlers, NULL), 0);
  server.accepted++;
  gmux__conn_start(server.conn, secured);
}

static gmux__address tls_address;

static void setup(void) {
  w_setup();
  memset(&server, 0, sizeof server);
  server.ca = test_ca_new("test CA");
  server.cert = test_cert_new(server.ca, &(test_cert_options){.san = "DNS:greeter.example"});
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.cert_pem = server.cert->cert_pem;
  o.key_pem = server.cert->key_pem;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_server_new(&server.tls, &o), 0);
  const gmux__h2_config config = {.is_server = true,
                                  .max_streams = 100,
                                  .stream_window_bytes = 65535,
                                  .connection_window_bytes = 65535,
                                  .max_header_bytes = 8192};
  CU_ASSERT_EQUAL_FATAL(gmux__h2_new(&server.h2, w_loop, &config), 0);
  tls_address = sim_address("127.0.0.2", 443);
  CU_ASSERT_EQUAL_FATAL(
      gmux__loop_listen(w_loop, &server.listener, &tls_address, NULL, on_accepted, NULL), 0);
  sim_dns_set(w_sim, "greeter.example", &tls_address, 1);
  sim_dns_set(w_sim, "other.example", &tls_address, 1);

  gmux_tls_options_init(&o, sizeof o);
  o.ca_pem = test_ca_pem(server.ca);
  w_options.cleartext = false;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&w_options.tls, &o), 0);
}

static void teardown(void) {
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
  if (server.conn) gmux__conn_close(server.conn, GMUX_ERR_CLOSED, 0, "the test is over");
  w_run();
  gmux__listener_close(server.listener);
  gmux__h2_free(server.h2);
  gmux_tls_free(server.tls);
  gmux_tls_free(w_options.tls);
  test_cert_free(server.cert);
  test_ca_free(server.ca);
  w_teardown();
}

static void a_call_is_made_over_tls(void) {
  w_open_to("greeter.example");
  tcall *t = w_start(GMUX_SERVER_STREAMING, NULL);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  w_run();
  ASSERT_LOG(t, "H E");
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(t->peer, "ipv4:127.0.0.2:443");
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_READY);
}

static void a_certificate_for_another_name_is_a_failed_attempt(void) {
  w_open_to("other.example");
  tcall *t = w_unary();
  w_run();
  ASSERT_CODE(t, GMUX_UNAVAILABLE);
  ASSERT_HAS(t->message, "connect to ipv4:127.0.0.2:443: ");
  ASSERT_HAS(t->message, "other.example");
  CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_TRANSIENT_FAILURE);
}

/* Whichever address comes last. */
static void a_failed_handshake_is_told_rather_than_a_refused_dial(void) {
  static const char *const targets[] = {"ipv4:127.0.0.2:443,127.0.0.9:1",
                                        "ipv4:127.0.0.9:1,127.0.0.2:443"};
  for (int i = 0; i < 2; i++) {
    w_options.tls_host = "other.example";
    w_open_to(targets[i]);
    tcall *t = w_unary();
    w_run();
    ASSERT_CODE(t, GMUX_UNAVAILABLE);
    ASSERT_HAS(t->message, "connect to ipv4:127.0.0.2:443: ");
    ASSERT_HAS(t->message, "other.example");
    gmux_channel_free(w_channel);
    w_channel = NULL;
    w_free(t);
    w_run();
  }
}

static void tls_host_says_which_name_the_certificate_must_be_for(void) {
  w_options.tls_host = "greeter.example";
  w_open_to("other.example:443");
  tcall *t = w_start(GMUX_SERVER_STREAMING, NULL);
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  CU_ASSERT_STRING_EQUAL(w_channel->authority, "greeter.example");
}

static void the_next_connection_resumes_the_session(void) {
  w_open_to("greeter.example");
  gmux_channel_get_state(w_channel, true);
  w_run();
  for (int i = 0; i < 3; i++) {
    w_start(GMUX_SERVER_STREAMING, NULL);
    w_run();
    gmux__conn_close(server.conn, GMUX_ERR_CLOSED, 0, "again");
    w_run();
    CU_ASSERT_EQUAL(w_state(), GMUX_CHANNEL_IDLE);
  }
  CU_ASSERT_EQUAL(server.accepted, 3);
  CU_ASSERT_EQUAL(server.resumed, 2);
}

static void call_and_close_the_channel(void) {
  w_open_to("greeter.example");
  tcall *t = w_start(GMUX_SERVER_STREAMING, NULL);
  CU_ASSERT_EQUAL(w_write(t, "hello"), 0);
  w_run();
  ASSERT_CODE(t, GMUX_OK);
  gmux_channel_free(w_channel);
  w_channel = NULL;
  w_run();
}

static void another_channel_of_the_same_credentials_resumes_the_session(void) {
  for (int i = 0; i < 3; i++)
    call_and_close_the_channel();
  CU_ASSERT_EQUAL(server.accepted, 3);
  CU_ASSERT_EQUAL(server.resumed, 2);
}

static void a_channel_resumes_nothing_of_before_a_reload(void) {
  call_and_close_the_channel();
  CU_ASSERT_EQUAL(gmux_tls_reload(w_options.tls, NULL), 0);
  call_and_close_the_channel();
  CU_ASSERT_EQUAL(server.resumed, 0);
  call_and_close_the_channel();
  CU_ASSERT_EQUAL(server.resumed, 1);
}

static void a_servers_credentials_are_refused(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.tls = server.tls;
  char why[200] = "";
  CU_ASSERT_EQUAL(gmux_channel_options_check(&o, why, sizeof why), GMUX_ERR_INVALID);
  ASSERT_HAS(why, "server's credentials");
}

static const test_case cases[] = {
    TEST(a_call_is_made_over_tls),
    TEST(a_certificate_for_another_name_is_a_failed_attempt),
    TEST(a_failed_handshake_is_told_rather_than_a_refused_dial),
    TEST(tls_host_says_which_name_the_certificate_must_be_for),
    TEST(the_next_connection_resumes_the_session),
    TEST(another_channel_of_the_same_credentials_resumes_the_session),
    TEST(a_channel_resumes_nothing_of_before_a_reload),
    TEST(a_servers_credentials_are_refused),
    TESTS_END,
};

const test_suite client_endpoint_suite = {"endpoint", cases, setup, teardown};
