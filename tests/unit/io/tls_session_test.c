/* tls_session_test.c: a second connection resumes the first, where it may. */
#include "lib/io/tls_openssl.h"
#include "tests/unit/io/tls_pair.h"
#include <string.h>

extern const test_suite io_tls_session_suite;

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

/* A connection that has not read its ticket yet: it may take a session, and brings none. */
static bool connection_without_a_ticket_is_resumed(void) {
  pair.client.is_idle = true;
  tls_pair_connect_well();
  bool is_resumed = gmux__transport_info_get(pair.client.transport)->is_resumed;
  tls_pair_close();
  return is_resumed;
}

/* RFC 8446 section C.4. */
static void session_is_used_once(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_TRUE(connection_without_a_ticket_is_resumed());
  CU_ASSERT_FALSE(connection_without_a_ticket_is_resumed());
}

static void session_of_tls_1_2_is_used_again(void) {
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_max_proto_version(pair.client_tls->edition->context, TLS1_2_VERSION);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  for (int i = 0; i < 3; i++)
    CU_ASSERT_TRUE(connection_without_a_ticket_is_resumed());
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

static void listen_at_another_port(void) {
  gmux__address fresh = sim_address("127.0.0.1", 0);
  gmux__listener *before = pair.listener;
  int rc = gmux__loop_listen(pair.loop, &pair.listener, &fresh, NULL, tls_pair_on_accepted, NULL);
  CU_ASSERT_EQUAL_FATAL(rc, 0);
  gmux__listener_close(before);
  pair.at = *gmux__listener_address(pair.listener);
}

static void session_is_of_one_port(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  listen_at_another_port();
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

static void ticket_may_come_when_the_credentials_were_let_go_of(void) {
  tls_pair_use(NULL, NULL);
  pair.client.is_idle = true;
  tls_pair_connect_well();
  gmux_tls_free(pair.client_tls);
  pair.client_tls = NULL;
  pair.client.is_idle = false;
  tls_side_update(&pair.client);
  tls_side_write(&pair.server, "pong", 4);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "pong", 4));
}

static void freeing_nothing_does_nothing(void) {
  gmux__tls_sessions_free(NULL);
  gmux_tls_free(NULL);
}

/* ---- what is kept ---- */

/* Of TLS 1.3, except where a test says otherwise. */
static SSL_SESSION *session_new(void) {
  static unsigned char id;
  SSL_SESSION *session = SSL_SESSION_new();
  CU_ASSERT_PTR_NOT_NULL_FATAL(session);
  id++;
  SSL_SESSION_set1_id(session, &id, 1); /* one without an id cannot be resumed */
  SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION);
  SSL_SESSION_set_time(session, (long)time(NULL));
  SSL_SESSION_set_timeout(session, GMUX__TLS_SESSION_S);
  return session;
}

static gmux__tls_peer place_of(const char *host, uint16_t port) {
  return (gmux__tls_peer){
      .edition = pair.client_tls->edition, .host = (char *)(uintptr_t)host, .port = port};
}

static void keep(const gmux__tls_peer *place, SSL_SESSION *session) {
  CU_ASSERT_TRUE_FATAL(gmux__tls_sessions_keep(place->edition->sessions, place, session));
}

/* Takes one out; was any there? */
static bool take(const gmux__tls_peer *place, const SSL_SESSION *expected) {
  SSL_SESSION *session = gmux__tls_sessions_take(place->edition->sessions, place);
  if (expected) CU_ASSERT_PTR_EQUAL(session, expected);
  SSL_SESSION_free(session);
  return session != NULL;
}

static void newest_is_taken_first(void) {
  tls_pair_use(NULL, NULL);
  gmux__tls_peer place = place_of("a.example", 443);
  SSL_SESSION *older = session_new(), *newer = session_new();
  keep(&place, older);
  keep(&place, newer);
  CU_ASSERT_TRUE(take(&place, newer));
  CU_ASSERT_TRUE(take(&place, older));
  CU_ASSERT_FALSE(take(&place, NULL));
}

static void a_place_keeps_so_many_and_leaves_others_alone(void) {
  tls_pair_use(NULL, NULL);
  gmux__tls_peer place = place_of("a.example", 443), other = place_of("a.example", 444);
  SSL_SESSION *of_other = session_new();
  keep(&other, of_other);
  for (int i = 0; i < GMUX__TLS_SESSIONS_A_PLACE + 3; i++)
    keep(&place, session_new());
  int count = 0;
  while (take(&place, NULL))
    count++;
  CU_ASSERT_EQUAL(count, GMUX__TLS_SESSIONS_A_PLACE);
  CU_ASSERT_TRUE(take(&other, of_other));
}

static void of_too_many_places_the_least_recent_goes(void) {
  tls_pair_use(NULL, NULL);
  for (int i = 0; i <= GMUX__TLS_SESSIONS_MAX; i++) {
    gmux__tls_peer place = place_of("a.example", (uint16_t)(1 + i));
    keep(&place, session_new());
  }
  gmux__tls_peer first = place_of("a.example", 1), second = place_of("a.example", 2);
  CU_ASSERT_FALSE(take(&first, NULL));
  CU_ASSERT_TRUE(take(&second, NULL));
}

static void session_that_is_used_again_is_no_more_the_least_recent(void) {
  tls_pair_use(NULL, NULL);
  gmux__tls_peer again = place_of("a.example", 1), other = place_of("a.example", 2);
  SSL_SESSION *reusable = session_new();
  SSL_SESSION_set_protocol_version(reusable, TLS1_2_VERSION);
  keep(&again, reusable);
  keep(&other, session_new());
  CU_ASSERT_TRUE(take(&again, reusable));
  for (int i = 0; i < GMUX__TLS_SESSIONS_MAX - 1; i++) {
    gmux__tls_peer place = place_of("b.example", (uint16_t)(1 + i));
    keep(&place, session_new());
  }
  CU_ASSERT_TRUE(take(&again, reusable));
  CU_ASSERT_FALSE(take(&other, NULL));
}

static void of_tls_1_2_a_place_keeps_one(void) {
  tls_pair_use(NULL, NULL);
  gmux__tls_peer place = place_of("a.example", 443);
  SSL_SESSION *reusable = session_new();
  SSL_SESSION_set_protocol_version(reusable, TLS1_2_VERSION);
  keep(&place, session_new());
  keep(&place, reusable);
  CU_ASSERT_TRUE(take(&place, reusable));
  gmux__tls_sessions_forget(place.edition->sessions, &place);
  CU_ASSERT_FALSE(take(&place, NULL));
}

static void session_is_good_for_two_hours(void) {
  tls_pair_use(NULL, NULL);
  gmux__tls_peer place = place_of("a.example", 443);
  keep(&place, session_new());
  tls_time_passed_s = GMUX__TLS_SESSION_S + 1;
  CU_ASSERT_FALSE(take(&place, NULL));
}

/* The server may have been restarted: what it has sealed before is worth nothing. */
static void session_that_was_not_accepted_takes_the_others_with_it(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  gmux__tls_peer place = place_of("a.example", pair.at.port);
  SSL_SESSION *sealed = gmux__tls_sessions_take(place.edition->sessions, &place);
  CU_ASSERT_PTR_NOT_NULL_FATAL(sealed);
  keep(&place, SSL_SESSION_dup(sealed));
  keep(&place, sealed);
  gmux_tls_options server = tls_server_options(pair.server_cert);
  gmux_tls_free(pair.server_tls);
  pair.server_tls = tls_server_of(&server);
  CU_ASSERT_FALSE(connection_without_a_ticket_is_resumed());
  CU_ASSERT_FALSE(take(&place, NULL));
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 2000, PLACES = 3, SESSIONS = PLACES * GMUX__TLS_SESSIONS_A_PLACE };

/* As connections do, which bring a session for the one that they have taken. */
static void *take_and_keep(void *arg) {
  gmux__tls_sessions *sessions = arg;
  for (int i = 0; i < ROUNDS; i++) {
    gmux__tls_peer place = place_of("a.example", (uint16_t)(1 + i % PLACES));
    gmux__tls_peer empty = place_of("b.example", 1);
    SSL_SESSION *session = gmux__tls_sessions_take(sessions, &place);
    if (session) gmux__tls_sessions_keep(sessions, &place, session);
    gmux__tls_sessions_forget(sessions, &empty);
  }
  return NULL;
}

static void threads_may_share_them_and_none_is_lost_or_doubled(void) {
  tls_pair_use(NULL, NULL);
  gmux__tls_sessions *sessions = pair.client_tls->edition->sessions;
  for (int i = 0; i < SESSIONS; i++) {
    gmux__tls_peer place = place_of("a.example", (uint16_t)(1 + i % PLACES));
    keep(&place, session_new());
  }
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, take_and_keep, sessions), 0);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  int count = 0;
  for (int i = 0; i < PLACES; i++) {
    gmux__tls_peer place = place_of("a.example", (uint16_t)(1 + i));
    while (take(&place, NULL))
      count++;
  }
  CU_ASSERT_EQUAL(count, SESSIONS);
}

static const test_case cases[] = {
    TEST(second_connection_is_resumed),
    TEST(second_connection_is_resumed_by_tls_1_2),
    TEST(connection_that_was_reset_is_resumed),
    TEST(connection_that_was_cut_is_resumed),
    TEST(session_is_used_once),
    TEST(session_of_tls_1_2_is_used_again),
    TEST(connection_brings_one_ticket),
    TEST(server_may_do_without),
    TEST(client_may_do_without),
    TEST(session_is_of_one_host),
    TEST(session_is_of_one_port),
    TEST(session_of_another_host_vouches_for_nobody),
    TEST(session_is_of_one_set_of_credentials),
    TEST(server_that_was_restarted_gets_a_full_handshake),
    TEST(failed_handshake_forgets_the_session),
    TEST(resumed_client_keeps_its_name),
    TEST(client_whose_certificate_has_expired_is_not_resumed),
    TEST(server_whose_certificate_has_expired_is_not_resumed),
    TEST(ticket_may_come_when_the_credentials_were_let_go_of),
    TEST(freeing_nothing_does_nothing),
    TEST(newest_is_taken_first),
    TEST(a_place_keeps_so_many_and_leaves_others_alone),
    TEST(of_too_many_places_the_least_recent_goes),
    TEST(session_that_is_used_again_is_no_more_the_least_recent),
    TEST(of_tls_1_2_a_place_keeps_one),
    TEST(session_is_good_for_two_hours),
    TEST(session_that_was_not_accepted_takes_the_others_with_it),
    TEST(threads_may_share_them_and_none_is_lost_or_doubled),
    TESTS_END,
};

const test_suite io_tls_session_suite = {"tls_session", cases, tls_pair_setup, tls_pair_teardown};
