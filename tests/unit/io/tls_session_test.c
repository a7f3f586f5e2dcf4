/* tls_session_test.c: a second connection resumes the first, where it may. */
#include "lib/io/tls_openssl.h"
#include "tests/unit/io/tls_pair.h"
#include <string.h>

extern const test_suite io_tls_session_suite;

static void setup(void) {
  tls_pair_setup();
  CU_ASSERT_EQUAL_FATAL(gmux__tls_session_new(&pair.session), 0);
}

static void second_connection_is_resumed(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
}

static void second_connection_is_resumed_by_tls_1_2(void) {
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_max_proto_version(pair.client_tls->edition->context, TLS1_2_VERSION);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
}

/* After a loss is when it counts. */
static void connection_that_was_reset_is_resumed(void) {
  tls_pair_use(NULL, NULL);
  tls_pair_connect_well();
  sim_link_reset(sim_link_first(pair.world));
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.read_end, GMUX_ERR_IO);
  tls_pair_close();
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
}

static void connection_that_was_cut_is_resumed(void) {
  tls_pair_use(NULL, NULL);
  tls_pair_connect_well();
  tls_side_close(&pair.server);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.read_end, GMUX_ERR_TLS);
  tls_pair_close();
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
}

static void without_a_place_for_it_nothing_is_resumed(void) {
  gmux__tls_session_free(pair.session);
  pair.session = NULL;
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
}

static size_t tickets;

static void count_tickets(int is_writing, int version, int type, const void *data, size_t len,
                          SSL *ssl, void *arg) {
  (void)is_writing, (void)version, (void)ssl, (void)arg;
  const unsigned char *message = data;
  if (type == SSL3_RT_HANDSHAKE && len > 0 && message[0] == SSL3_MT_NEWSESSION_TICKET) tickets++;
}

/* Ours keeps only one. */
static void connection_brings_one_ticket(void) {
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_msg_callback(pair.client_tls->edition->context, count_tickets);
  tickets = 0;
  tls_pair_talk_is_resumed();
  CU_ASSERT_EQUAL(tickets, 1);
}

static void server_may_do_without(void) {
  gmux_tls_options server = tls_server_options(pair.server_cert);
  server.no_resumption = true;
  tls_pair_use(NULL, &server);
  SSL_CTX_set_msg_callback(pair.client_tls->edition->context, count_tickets);
  tickets = 0;
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_EQUAL(tickets, 0);
}

static void client_may_do_without(void) {
  gmux_tls_options client = tls_client_options();
  client.no_resumption = true;
  tls_pair_use(&client, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
}

static void session_is_of_one_host(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  pair.host = "x.b.example";
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
}

/* It would show no certificate, and so be trusted by whoever resumes it. */
static void session_of_another_host_vouches_for_nobody(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  pair.host = "c.example";
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "hostname mismatch"));
}

static void session_is_of_one_set_of_credentials(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  gmux_tls_options client = tls_client_options();
  gmux_tls_free(pair.client_tls);
  pair.client_tls = tls_client_of(&client);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
}

static void server_that_was_restarted_gets_a_full_handshake(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  gmux_tls_options server = tls_server_options(pair.server_cert);
  gmux_tls_free(pair.server_tls);
  pair.server_tls = tls_server_of(&server);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
}

static void failed_handshake_forgets_the_session(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  gmux_tls *server_tls = pair.server_tls;
  pair.server_tls = NULL; /* a cleartext server, for a moment */
  tls_pair_connect();
  tls_side_write(&pair.server, "HTTP/1.1 400\r\n", 14);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  tls_pair_close();
  pair.server_tls = server_tls;
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
}

static void use_mutual(void) {
  gmux_tls_options client = tls_client_options();
  gmux_tls_options server = tls_server_options(pair.server_cert);
  client.cert_pem = pair.client_cert->cert_pem;
  client.key_pem = pair.client_cert->key_pem;
  server.ca_pem = test_ca_pem(pair.ca);
  server.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  tls_pair_use(&client, &server);
}

static void resumed_client_keeps_its_name(void) {
  use_mutual();
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  tls_pair_connect_well();
  const gmux__transport_info *server = gmux__transport_info_get(pair.server.transport);
  CU_ASSERT_TRUE(server->is_resumed);
  CU_ASSERT_STRING_EQUAL(server->peer_name, "CN=client");
  const gmux__transport_info *client = gmux__transport_info_get(pair.client.transport);
  CU_ASSERT_STRING_EQUAL(client->peer_name, "CN=server");
}

static void use_short_lived_client(void) {
  test_cert_free(pair.client_cert);
  pair.client_cert = test_cert_new(
      pair.ca, &(test_cert_options){.common_name = "client", .from_s = -60, .until_s = 600});
  use_mutual();
}

/* Neither the client, who does not look at its own certificate, nor its ticket can stop it. */
static void client_whose_certificate_has_expired_is_not_resumed(void) {
  use_short_lived_client();
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  tls_time_passed_s = 300;
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
  tls_time_passed_s = 601;
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "certificate has expired"));
}

static void server_whose_certificate_has_expired_is_not_resumed(void) {
  test_cert *cert = test_cert_new(
      pair.ca, &(test_cert_options){.san = "DNS:a.example", .from_s = -60, .until_s = 600});
  gmux_tls_options server = tls_server_options(cert);
  tls_pair_use(NULL, &server);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  tls_time_passed_s = 300;
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
  tls_time_passed_s = 601;
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "certificate has expired"));
  test_cert_free(cert);
}

static void place_keeps_its_credentials_alive(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  gmux_tls_free(pair.client_tls);
  pair.client_tls = NULL;
  gmux__tls_session_free(pair.session); /* a sanitizer sees it if they were gone */
  pair.session = NULL;
}

static void freeing_nothing_does_nothing(void) {
  gmux__tls_session_free(NULL);
  gmux__tls_session_forget(NULL);
  gmux_tls_free(NULL);
}

static const test_case cases[] = {
    TEST(second_connection_is_resumed),
    TEST(second_connection_is_resumed_by_tls_1_2),
    TEST(connection_that_was_reset_is_resumed),
    TEST(connection_that_was_cut_is_resumed),
    TEST(without_a_place_for_it_nothing_is_resumed),
    TEST(connection_brings_one_ticket),
    TEST(server_may_do_without),
    TEST(client_may_do_without),
    TEST(session_is_of_one_host),
    TEST(session_of_another_host_vouches_for_nobody),
    TEST(session_is_of_one_set_of_credentials),
    TEST(server_that_was_restarted_gets_a_full_handshake),
    TEST(failed_handshake_forgets_the_session),
    TEST(resumed_client_keeps_its_name),
    TEST(client_whose_certificate_has_expired_is_not_resumed),
    TEST(server_whose_certificate_has_expired_is_not_resumed),
    TEST(place_keeps_its_credentials_alive),
    TEST(freeing_nothing_does_nothing),
    TESTS_END,
};

const test_suite io_tls_session_suite = {"tls_session", cases, setup, tls_pair_teardown};
