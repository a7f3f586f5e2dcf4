/* connection_test.c: connections of clients: how many, how long, and who they are. */
#include "lib/h2/conn.h"
#include "lib/io/tls.h"
#include "lib/wire/status.h"
#include "tests/unit/certs.h"
#include "tests/unit/server/kit.h"

/* ---- limits ---- */

static void one_connection_too_many_is_closed_at_once_and_the_others_go_on(void) {
  kit.options.max_connections = 2;
  kit_serve();
  rawpeer *first = kit_connect();
  rawpeer *second = kit_connect();
  rawpeer *third = kit_connect();
  CU_ASSERT_EQUAL(rawpeer_state(first), 0);
  CU_ASSERT_EQUAL(rawpeer_state(second), 0);
  CU_ASSERT_NOT_EQUAL(rawpeer_state(third), 0);
  CU_ASSERT_EQUAL(rawpeer_bytes(third), 0);
  gmux_server_stats stats = kit_stats();
  CU_ASSERT_EQUAL(stats.connections, 2);
  CU_ASSERT_EQUAL(stats.connections_accepted, 2);
  CU_ASSERT_EQUAL(stats.connections_refused, 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(kit.log, "2 are open already"));
  /* Room again. */
  rawpeer_close(second);
  kit_run();
  rawpeer *fourth = kit_connect();
  CU_ASSERT_EQUAL(rawpeer_state(fourth), 0);
  CU_ASSERT_EQUAL(kit_stats().connections, 2);
}

static void one_handshake_too_many_is_closed_at_once_and_the_others_go_on(void) {
  kit.options.max_handshaking = 2;
  kit_serve();
  rawpeer *served = kit_connect();
  rawpeer *first = kit_connect_silent(), *second = kit_connect_silent();
  kit_run();
  CU_ASSERT_EQUAL(kit_stats().connections_handshaking, 2);
  CU_ASSERT_EQUAL(kit_stats().connections, 3);
  rawpeer *third = kit_connect();
  CU_ASSERT_TRUE(kit_is_gone(third));
  CU_ASSERT_EQUAL(rawpeer_bytes(third), 0);
  CU_ASSERT_EQUAL(kit_stats().connections_refused, 1);
  CU_ASSERT_EQUAL(kit_stats().connections_accepted, 3);
  CU_ASSERT_PTR_NOT_NULL(strstr(kit.log, "2 shake hands already (max_handshaking)"));
  CU_ASSERT_FALSE(kit_is_gone(served) || kit_is_gone(first) || kit_is_gone(second));
  /* Room again when one has greeted, and when one has gone. */
  kit_greet(first);
  CU_ASSERT_EQUAL(kit_stats().connections_handshaking, 1);
  rawpeer_close(second);
  kit_run();
  CU_ASSERT_EQUAL(kit_stats().connections_handshaking, 0);
  CU_ASSERT_FALSE(kit_is_gone(kit_connect()));
  CU_ASSERT_EQUAL(kit_stats().connections, 3);
  CU_ASSERT_EQUAL(kit_stats().connections_refused, 1);
}

static void act_reply(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_UNARY) kit_reply_text(call, "reply");
}

static void a_flood_of_handshakes_harms_no_client_that_is_served_and_passes(void) {
  enum { FLOOD = 1000, MAX = 100 };
  kit.options.max_handshaking = MAX;
  kit.options.handshake_timeout_ms = 2000;
  kit.act = act_reply;
  kit_serve();
  kit_connect();
  for (int i = 0; i < FLOOD; i++)
    kit_connect_silent();
  kit_run();
  CU_ASSERT_EQUAL(kit_stats().connections_handshaking, MAX);
  CU_ASSERT_EQUAL(kit_stats().connections_refused, FLOOD - MAX);
  CU_ASSERT_EQUAL(kit.log_lines, 1); /* not one for each */
  kit_unary(1, "/t.S/Fn", "x");
  KIT_STREQ(kit_reply(1, 0), "reply");
  kit_run_ms(1000);
  kit_connect_silent();
  kit_run();
  CU_ASSERT_EQUAL(kit.log_lines, 2);
  CU_ASSERT_PTR_NOT_NULL(strstr(kit.log, "so were 899 since this was last said"));
  kit_run_ms(1000);
  gmux_server_stats stats = kit_stats();
  CU_ASSERT_EQUAL(stats.connections_handshaking, 0);
  CU_ASSERT_EQUAL(stats.connections, 1);
  CU_ASSERT_EQUAL(stats.connections_overdue, MAX);
  CU_ASSERT_FALSE(kit_is_gone(kit_connect()));
  kit_unary(3, "/t.S/Fn", "x");
  KIT_STREQ(kit_reply(3, 0), "reply");
}

static void a_client_that_says_nothing_is_closed_when_its_time_is_up(void) {
  kit.options.handshake_timeout_ms = 500;
  kit_serve();
  rawpeer *silent = kit_connect_silent();
  kit_run_ms(499);
  CU_ASSERT_EQUAL(rawpeer_state(silent), 0);
  CU_ASSERT_EQUAL(kit_stats().connections, 1);
  kit_run_ms(1);
  CU_ASSERT_NOT_EQUAL(rawpeer_state(silent), 0);
  const rawframe *goaway = rawpeer_find(silent, RAW_GOAWAY, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(goaway);
  CU_ASSERT_EQUAL(rawframe_u32(goaway, 4), GMUX__H2_SETTINGS_TIMEOUT);
  CU_ASSERT_EQUAL(kit_stats().connections, 0);
  CU_ASSERT_EQUAL(kit_stats().connections_overdue, 1);
}

static void a_preface_without_settings_is_not_enough(void) {
  kit.options.handshake_timeout_ms = 500;
  kit_serve();
  rawpeer *peer = kit_connect_silent();
  rawpeer_preface(peer);
  kit_run_ms(500);
  CU_ASSERT_NOT_EQUAL(rawpeer_state(peer), 0);
}

static void a_client_that_has_greeted_may_be_silent(void) {
  kit.options.handshake_timeout_ms = 500;
  kit_serve();
  rawpeer *peer = kit_connect();
  kit_run_ms(100000);
  CU_ASSERT_EQUAL(rawpeer_state(peer), 0);
}

static void streams_over_the_limit_are_refused_also_before_the_client_has_heard_of_it(void) {
  kit.options.max_concurrent_streams = 2;
  kit_serve();
  kit_connect_silent();
  rawpeer_preface(kit.peer);
  rawpeer_settings(kit.peer, 0, NULL, NULL); /* and no ACK */
  for (uint32_t stream = 1; stream <= 7; stream += 2)
    kit_request(stream, "/t.S/Bidi", false, NULL);
  kit_run();
  KIT_STREQ(kit.order, "cc");
  CU_ASSERT_EQUAL(kit_rst(3), -1);
  CU_ASSERT_EQUAL(kit_rst(5), GMUX__H2_REFUSED_STREAM);
  CU_ASSERT_EQUAL(kit_rst(7), GMUX__H2_REFUSED_STREAM);
  const rawframe *settings = rawpeer_find(kit.peer, RAW_SETTINGS, 0, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(settings);
  CU_ASSERT_EQUAL(rawframe_u32(settings, 2), 2); /* announced, and first */
  /* A place that has come free is free. */
  rawpeer_settings_ack(kit.peer);
  rawpeer_rst(kit.peer, 1, GMUX__H2_CANCEL);
  kit_request(9, "/t.S/Bidi", false, NULL);
  kit_run();
  KIT_STREQ(kit.order, "ccec");
}

static void what_is_no_http2_is_closed(void) {
  kit_serve();
  rawpeer *peer = kit_connect_silent();
  rawpeer_send(peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
  kit_run();
  CU_ASSERT_NOT_EQUAL(rawpeer_state(peer), 0);
  CU_ASSERT_EQUAL(kit_stats().connections, 0);
}

/* ---- promise 19: each phase of a connection has a timer ---- */

static void settings_that_are_never_acknowledged_end_a_connection(void) {
  kit_serve();
  kit_connect_silent();
  rawpeer_preface(kit.peer);
  rawpeer_settings(kit.peer, 0, NULL, NULL);
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run_ms(59999);
  KIT_STREQ(kit.order, "c");
  kit_run_ms(1);
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_EQUAL(kit.code, GMUX_CANCELLED);
  CU_ASSERT_TRUE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().connections_overdue, 0); /* its handshake was in time */
}

static void a_header_block_that_never_ends_ends_a_connection(void) {
  static const char *const pairs[] = {":method", "POST", NULL};
  kit_serve();
  kit_connect();
  rawpeer_headers(kit.peer, 1, 0, pairs); /* and CONTINUATION is to follow */
  kit_run_ms(19999);
  CU_ASSERT_FALSE(kit_is_gone(kit.peer));
  kit_run_ms(1);
  CU_ASSERT_TRUE(kit_is_gone(kit.peer));
  CU_ASSERT_EQUAL(kit_stats().connections, 0);
}

static void act_fill(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event != SAW_CALL && event != SAW_WRITABLE) return;
  static char text[10000];
  gmux_bytes bytes;
  do
    bytes = gmux_bytes_borrow(text, sizeof text);
  while (gmux_server_call_write(call, &bytes) == 0);
}

static void a_client_whose_socket_takes_nothing_is_closed_in_the_end(void) {
  kit.options.write_stall_timeout_ms = 5000;
  kit.act = act_fill;
  sim_net(kit.world)->buffer_bytes = 4096;
  kit_serve();
  kit_connect();
  sim_link_stall(sim_link_first(kit.world), SIM_TO_CLIENT);
  kit_request(1, "/t.S/Bidi", false, NULL);
  kit_run_ms(4999);
  CU_ASSERT_EQUAL(kit.ends, 0);
  kit_run_ms(1);
  CU_ASSERT_EQUAL(kit.ends, 1);
  CU_ASSERT_EQUAL(kit.code, GMUX_CANCELLED);
  CU_ASSERT_EQUAL(kit_stats().clients_dead, 1);
  CU_ASSERT_EQUAL(kit_stats().connections, 0);
}

/* ---- TLS ---- */

/* A client of lib/h2 over TLS that makes one request. */
static struct {
  test_ca *ca;
  test_cert *server_cert, *client_cert;
  gmux_tls *server_tls, *client_tls;
  gmux__h2 *h2;
  gmux__conn *conn;
  gmux__stream stream;
  gmux__dial *dial;
  bool is_closed, is_ended;
} tls;

static void client_on_ready(gmux__conn *conn, void *owner) {
  (void)owner;
  static const char *const pairs[] = {
      ":method",   "POST",       ":scheme",   "https",        ":path",
      "/t.S/Bidi", ":authority", "a.example", "content-type", "application/grpc"};
  gmux__field fields[5];
  for (size_t i = 0; i < 5; i++)
    fields[i] = (gmux__field){.name = (const uint8_t *)pairs[2 * i],
                              .value = (const uint8_t *)pairs[2 * i + 1],
                              .name_len = strlen(pairs[2 * i]),
                              .value_len = strlen(pairs[2 * i + 1])};
  int rv = gmux__stream_open(&tls.stream, conn, fields, 5);
  CU_ASSERT_TRUE(rv == 0 || test_alloc_has_failed());
}

static void client_on_conn_closed(gmux__conn *conn, void *owner) {
  (void)owner;
  tls.is_closed = true;
  gmux__conn_free(conn);
}

static const gmux__conn_handlers client_conn_handlers = {.on_ready = client_on_ready,
                                                         .on_closed = client_on_conn_closed};

static void client_on_headers(gmux__stream *stream) {
  (void)stream;
}

static void client_on_message(gmux__stream *stream, gmux_bytes *message) {
  (void)stream, (void)message;
}

static void client_on_sent(gmux__stream *stream, size_t bytes) {
  (void)stream, (void)bytes;
}

static void client_on_closed(gmux__stream *stream) {
  (void)stream;
  tls.is_ended = true;
}

static const gmux__stream_handlers client_stream_handlers = {.on_headers = client_on_headers,
                                                             .on_message = client_on_message,
                                                             .on_sent = client_on_sent,
                                                             .on_closed = client_on_closed};

static void client_on_dialed(void *arg, int error, gmux__transport *transport, const char *why) {
  (void)arg, (void)why;
  CU_ASSERT_EQUAL_FATAL(error, 0);
  gmux__transport *secure;
  if (gmux__tls_wrap(&secure, tls.client_tls, transport, "a.example") == 0) {
    gmux__conn_start(tls.conn, secure);
    return;
  }
  CU_ASSERT_TRUE(test_alloc_has_failed());
  gmux__transport_close(transport);
  gmux__conn_free(tls.conn);
  tls.is_closed = true;
}

static gmux_tls *client_tls_new(bool has_cert) {
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.ca_pem = test_ca_pem(tls.ca);
  o.no_resumption = true;
  if (has_cert) {
    o.cert_pem = tls.client_cert->cert_pem;
    o.key_pem = tls.client_cert->key_pem;
  }
  gmux_tls *out = NULL;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_client_new(&out, &o), 0);
  return out;
}

static gmux_tls *server_tls_new(void) {
  gmux_tls_options o;
  gmux_tls_options_init(&o, sizeof o);
  o.cert_pem = tls.server_cert->cert_pem;
  o.key_pem = tls.server_cert->key_pem;
  o.ca_pem = test_ca_pem(tls.ca);
  o.client_cert = GMUX_CLIENT_CERT_OPTIONAL;
  gmux_tls *out = NULL;
  CU_ASSERT_EQUAL_FATAL(gmux_tls_server_new(&out, &o), 0);
  return out;
}

static void tls_serve(void) {
  memset(&tls, 0, sizeof tls);
  tls.ca = test_ca_new("test CA");
  tls.server_cert = test_cert_new(tls.ca, &(test_cert_options){.san = "DNS:a.example"});
  tls.client_cert = test_cert_new(tls.ca, &(test_cert_options){.common_name = "client"});
  tls.server_tls = server_tls_new();
  CU_ASSERT_EQUAL_FATAL(kit_make_server(), 0);
  CU_ASSERT_EQUAL_FATAL(
      gmux_server_listen(kit.server, "ipv4:127.0.0.1:50051", tls.server_tls, NULL), 0);
  gmux_tls_free(tls.server_tls); /* the server has its own hold */
}

static size_t fail_at; /* which allocation of the connection; 0: none */

static void tls_connect(bool has_cert) {
  tls.client_tls = client_tls_new(has_cert);
  gmux__h2_config config = {.max_streams = 10,
                            .stream_window_bytes = 65535,
                            .connection_window_bytes = 65535,
                            .max_header_bytes = 8192};
  CU_ASSERT_EQUAL_FATAL(gmux__h2_new(&tls.h2, kit.peers, &config), 0);
  CU_ASSERT_EQUAL_FATAL(gmux__conn_new(&tls.conn, tls.h2, &client_conn_handlers, NULL), 0);
  gmux__stream_init(&tls.stream, tls.h2, &client_stream_handlers, 1000, 1);
  gmux__address at = sim_address("127.0.0.1", KIT_PORT);
  CU_ASSERT_EQUAL_FATAL(gmux__loop_dial(kit.peers, &tls.dial, &at, NULL, client_on_dialed, NULL),
                        0);
  test_alloc_fail_at(fail_at);
  kit_run();
}

static void tls_finish(void) {
  gmux_server_free(kit.server);
  kit.server = NULL;
  kit_run();
  CU_ASSERT_TRUE(tls.is_closed);
  gmux__stream_deinit(&tls.stream);
  gmux__h2_free(tls.h2);
  gmux_tls_free(tls.client_tls);
  test_cert_free(tls.server_cert);
  test_cert_free(tls.client_cert);
  test_ca_free(tls.ca);
}

static void over_tls_a_call_knows_the_name_on_the_clients_certificate_also_afterwards(void) {
  tls_serve();
  tls_connect(true);
  KIT_STREQ(kit.order, "c");
  CU_ASSERT_PTR_NOT_NULL_FATAL(kit.call);
  gmux_server_call *call = gmux_server_call_ref(kit.call);
  gmux__conn_close(tls.conn, GMUX_ERR_CLOSED, GMUX__H2_NO_ERROR, "enough");
  kit_run();
  KIT_STREQ(kit.order, "ce");
  CU_ASSERT_PTR_NOT_NULL_FATAL(gmux_server_call_peer_name(call));
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_server_call_peer_name(call), "client"));
  gmux_server_call_unref(call);
  tls_finish();
}

static void over_tls_a_client_without_a_certificate_has_no_name(void) {
  tls_serve();
  tls_connect(false);
  KIT_STREQ(kit.order, "c");
  CU_ASSERT_PTR_NOT_NULL_FATAL(kit.call);
  CU_ASSERT_PTR_NULL(gmux_server_call_peer_name(kit.call));
  tls_finish();
}

/* It must not look like one without a certificate. */
static void over_tls_a_client_whose_name_finds_no_memory_is_not_served(void) {
  for (size_t n = 1;; n++) {
    tls_serve();
    fail_at = n;
    tls_connect(true);
    bool has_failed = test_alloc_has_failed();
    test_alloc_fail_at(0);
    if (kit.call) CU_ASSERT_PTR_NOT_NULL(gmux_server_call_peer_name(kit.call));
    if (!has_failed) CU_ASSERT_PTR_NOT_NULL(kit.call);
    tls_finish();
    kit_teardown();
    kit_setup();
    fail_at = 0;
    if (!has_failed) break;
    CU_ASSERT_TRUE_FATAL(n < 10000);
  }
}

static void cleartext_to_a_tls_listener_is_closed(void) {
  tls_serve();
  rawpeer *peer = kit_connect();
  CU_ASSERT_NOT_EQUAL(rawpeer_state(peer), 0);
  CU_ASSERT_EQUAL(kit_stats().connections, 0);
  tls.is_closed = true; /* nothing to wait for */
  tls_finish();
}

static void tls_that_is_never_begun_is_closed_when_its_time_is_up(void) {
  kit.options.handshake_timeout_ms = 500;
  tls_serve();
  rawpeer *peer = kit_connect_silent();
  kit_run_ms(499);
  CU_ASSERT_EQUAL(rawpeer_state(peer), 0);
  kit_run_ms(1);
  CU_ASSERT_NOT_EQUAL(rawpeer_state(peer), 0);
  tls.is_closed = true;
  tls_finish();
}

static const test_case cases[] = {
    TEST(one_connection_too_many_is_closed_at_once_and_the_others_go_on),
    TEST(one_handshake_too_many_is_closed_at_once_and_the_others_go_on),
    TEST(a_flood_of_handshakes_harms_no_client_that_is_served_and_passes),
    TEST(a_client_that_says_nothing_is_closed_when_its_time_is_up),
    TEST(a_preface_without_settings_is_not_enough),
    TEST(a_client_that_has_greeted_may_be_silent),
    TEST(streams_over_the_limit_are_refused_also_before_the_client_has_heard_of_it),
    TEST(what_is_no_http2_is_closed),
    TEST(settings_that_are_never_acknowledged_end_a_connection),
    TEST(a_header_block_that_never_ends_ends_a_connection),
    TEST(a_client_whose_socket_takes_nothing_is_closed_in_the_end),
    TEST(over_tls_a_call_knows_the_name_on_the_clients_certificate_also_afterwards),
    TEST(over_tls_a_client_without_a_certificate_has_no_name),
    TEST(over_tls_a_client_whose_name_finds_no_memory_is_not_served),
    TEST(cleartext_to_a_tls_listener_is_closed),
    TEST(tls_that_is_never_begun_is_closed_when_its_time_is_up),
    TESTS_END,
};

const test_suite server_connection_suite = {
    .name = "connection", .cases = cases, .setup = kit_setup, .teardown = kit_teardown};
