/* tls_foreword_test.c: what a server says in the handshake, to whom, and to whom not. */
#include "lib/io/tls_openssl.h"
#include "tests/unit/io/tls_pair.h"
#include <string.h>

extern const test_suite io_tls_foreword_suite;

static const char foreword[] = "the same to everybody";
enum { FOREWORD_LEN = sizeof foreword - 1, LATENCY_MS = 10 };

static void setup(void) {
  tls_pair_setup();
  pair.foreword = foreword;
  sim_net(pair.world)->latency_ns = LATENCY_MS * GMUX__NS_PER_MS;
}

static bool server_has_said_it(void) {
  return gmux__transport_info_get(pair.server.transport)->foreword_ns != 0;
}

/* Until nothing moves any more, time included. */
static void run(void) {
  while (sim_step(pair.world))
    continue;
}

/* Whether the client had all of it while the server still waited for the client's last word. */
static bool connect_and_watch(void) {
  bool was_early = false;
  tls_pair_connect_for(0);
  while (sim_step(pair.world))
    was_early |= pair.server.handshake == GMUX_ERR_AGAIN && pair.client.got_len == FOREWORD_LEN;
  CU_ASSERT_EQUAL_FATAL(pair.client.handshake, 0);
  CU_ASSERT_EQUAL_FATAL(pair.server.handshake, 0);
  return was_early;
}

/* Both ways, behind what came already. */
static void expect_talk(const char *said) {
  tls_side_write(&pair.client, "ping", 4);
  tls_side_write(&pair.server, " and pong", 9);
  run();
  char all[64];
  snprintf(all, sizeof all, "%s and pong", said);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, all, strlen(all)));
  CU_ASSERT_TRUE(tls_side_got(&pair.server, "ping", 4));
}

static void it_comes_with_the_servers_part_of_the_handshake(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_TRUE(connect_and_watch());
  CU_ASSERT_TRUE(server_has_said_it());
  expect_talk(foreword);
}

static void it_comes_also_when_a_session_is_resumed(void) {
  tls_pair_use(NULL, NULL);
  connect_and_watch();
  tls_pair_close();
  CU_ASSERT_TRUE(connect_and_watch());
  CU_ASSERT_TRUE(gmux__transport_info_get(pair.server.transport)->is_resumed);
  expect_talk(foreword);
}

static void it_comes_whole_through_a_socket_that_is_full(void) {
  tls_pair_use(NULL, NULL);
  sim_net(pair.world)->buffer_bytes = 100;
  CU_ASSERT_TRUE(connect_and_watch());
  expect_talk(foreword);
}

static void expect_none(void) {
  CU_ASSERT_FALSE(connect_and_watch());
  CU_ASSERT_FALSE(server_has_said_it());
  expect_talk("");
}

static void tls_1_2_has_no_place_for_it(void) {
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_max_proto_version(pair.client_tls->edition->context, TLS1_2_VERSION);
  expect_none();
}

/* The first group that it offers is none of the server's, who asks for another: nothing is
 * encrypted yet when OpenSSL stops there. */
static void who_has_to_begin_anew_is_told_as_usual(void) {
  char offered[] = "X25519:P-384", accepted[] = "P-384"; /* OpenSSL's macro casts const away */
  tls_pair_use(NULL, NULL);
  SSL_CTX_set1_groups_list(pair.client_tls->edition->context, offered);
  SSL_CTX_set1_groups_list(pair.server_tls->edition->context, accepted);
  expect_none();
}

static void who_asks_for_certificates_says_nothing_before(void) {
  gmux_tls_options client = tls_client_options(), server = tls_server_options(pair.server_cert);
  client.cert_pem = pair.client_cert->cert_pem;
  client.key_pem = pair.client_cert->key_pem;
  server.ca_pem = test_ca_pem(pair.ca);
  server.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  tls_pair_use(&client, &server);
  expect_none();
  tls_pair_close();
  server.client_cert = GMUX_CLIENT_CERT_OPTIONAL;
  tls_pair_use(&client, &server);
  expect_none();
}

static void who_does_not_speak_http_2_hears_nothing(void) {
  static const unsigned char http_1_1[] = "\x8http/1.1";
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_alpn_protos(pair.client_tls->edition->context, http_1_1, sizeof http_1_1 - 1);
  tls_pair_connect_for(0);
  run();
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "does not offer HTTP/2"));
  CU_ASSERT_EQUAL(pair.client.got_len, 0);
}

static void who_turns_away_from_the_certificate_is_named(void) {
  tls_pair_use(NULL, NULL);
  pair.host = "other.example";
  tls_pair_connect_for(0);
  run();
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "hostname mismatch"));
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "alert"));
}

/* ---- early data ---- */

static size_t offers; /* of early data, by tickets */

static void count_offers(int is_writing, int version, int type, const void *data, size_t len,
                         SSL *ssl, void *arg) {
  (void)version, (void)arg, (void)len;
  const unsigned char *message = data;
  if (is_writing || type != SSL3_RT_HANDSHAKE || message[0] != SSL3_MT_FINISHED) return;
  SSL_SESSION *resumable = SSL_get_session(ssl);
  offers += resumable && SSL_SESSION_get_max_early_data(resumable) > 0;
}

/* OpenSSL takes none where none was offered (SSL_CTX_set_max_early_data), and the name of the
 * function that says a foreword, SSL_read_early_data, could make one wonder. */
static void server_offers_to_take_no_early_data(void) {
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_msg_callback(pair.client_tls->edition->context, count_offers);
  CU_ASSERT_EQUAL(SSL_CTX_get_max_early_data(pair.server_tls->edition->context), 0);
  offers = 0;
  connect_and_watch();
  tls_pair_close();
  connect_and_watch();
  CU_ASSERT_TRUE(gmux__transport_info_get(pair.client.transport)->is_resumed);
  CU_ASSERT_EQUAL(offers, 0);
}

/* ---- failures ---- */

static void talk(void *arg) {
  (void)arg;
  tls_pair_connect_for(0);
  run();
  bool is_well = tls_side_got(&pair.client, foreword, FOREWORD_LEN);
  CU_ASSERT_TRUE(is_well || test_alloc_has_failed());
  tls_pair_close();
}

static void out_of_memory_anywhere_leaks_nothing(void) {
  gmux_tls_options client = tls_client_options();
  client.no_resumption = true; /* a session that is kept is no leak, and looks like one */
  tls_pair_use(&client, NULL);
  CU_ASSERT_TRUE(test_alloc_torture(talk, NULL) > 4);
}

static void close_works_at_every_step(void) {
  tls_pair_use(NULL, NULL);
  for (int steps = 1; steps < 40; steps++) {
    tls_pair_connect_for(steps);
    tls_pair_close();
  }
}

static const test_case cases[] = {
    TEST(it_comes_with_the_servers_part_of_the_handshake),
    TEST(it_comes_also_when_a_session_is_resumed),
    TEST(it_comes_whole_through_a_socket_that_is_full),
    TEST(tls_1_2_has_no_place_for_it),
    TEST(who_has_to_begin_anew_is_told_as_usual),
    TEST(who_asks_for_certificates_says_nothing_before),
    TEST(who_does_not_speak_http_2_hears_nothing),
    TEST(who_turns_away_from_the_certificate_is_named),
    TEST(server_offers_to_take_no_early_data),
    TEST(out_of_memory_anywhere_leaks_nothing),
    TEST(close_works_at_every_step),
    TESTS_END,
};

const test_suite io_tls_foreword_suite = {"tls_foreword", cases, setup, tls_pair_teardown};
