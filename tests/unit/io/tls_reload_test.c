/* tls_reload_test.c: credentials change while they are in use: for handshakes that begin
 * afterwards, wholly or not at all, and nobody resumes past it. */
#include "lib/io/tls_openssl.h"
#include "tests/unit/io/tls_pair.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const test_suite io_tls_reload_suite;

/* The server's next certificate, by the same authority. */
static test_cert *renewed;
/* Files that are written over, as a tool that renews certificates does. */
static char *cert_path, *key_path;

static void setup(void) {
  tls_pair_setup();
  renewed = test_cert_new(pair.ca,
                          &(test_cert_options){.common_name = "renewed", .san = "DNS:a.example"});
  cert_path = test_temp_file(pair.server_cert->cert_pem);
  key_path = test_temp_file(pair.server_cert->key_pem);
}

static void teardown(void) {
  unlink(cert_path);
  unlink(key_path);
  free(cert_path);
  free(key_path);
  test_cert_free(renewed);
  tls_pair_teardown();
}

static void file_write(const char *path, const char *text, size_t len) {
  FILE *file = fopen(path, "w");
  CU_ASSERT_FATAL(file && fwrite(text, 1, len, file) == len);
  CU_ASSERT_EQUAL_FATAL(fclose(file), 0);
}

static void use_files(void) {
  gmux_tls_options server;
  gmux_tls_options_init(&server, sizeof server);
  server.cert_file = cert_path;
  server.key_file = key_path;
  tls_pair_use(NULL, &server);
}

static void reload_server(const gmux_tls_options *options) {
  CU_ASSERT_EQUAL_FATAL(gmux_tls_reload(pair.server_tls, options), 0);
}

static void reload_client(const gmux_tls_options *options) {
  CU_ASSERT_EQUAL_FATAL(gmux_tls_reload(pair.client_tls, options), 0);
}

static void expect_reload_fails(int error, const char *words) {
  gmux__tls_edition *before = pair.server_tls->edition;
  CU_ASSERT_EQUAL(gmux_tls_reload(pair.server_tls, NULL), error);
  if (!strstr(gmux_last_error(), words)) printf("# said: %s\n", gmux_last_error());
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), words));
  CU_ASSERT_PTR_EQUAL(pair.server_tls->edition, before);
}

/* Connects, and closes. */
static void expect_server_is(const char *name) {
  tls_pair_connect_well();
  CU_ASSERT_STRING_EQUAL(gmux__transport_info_get(pair.client.transport)->peer_name, name);
  tls_pair_close();
}

static void use_mutual(void) {
  gmux_tls_options client = tls_client_options(), server = tls_server_options(pair.server_cert);
  client.cert_pem = pair.client_cert->cert_pem;
  client.key_pem = pair.client_cert->key_pem;
  server.ca_pem = test_ca_pem(pair.ca);
  server.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  tls_pair_use(&client, &server);
}

/* ---- what changes ---- */

static void next_connection_sees_the_new_certificate(void) {
  use_files();
  expect_server_is("CN=server");
  file_write(cert_path, renewed->cert_pem, strlen(renewed->cert_pem));
  file_write(key_path, renewed->key_pem, strlen(renewed->key_pem));
  expect_server_is("CN=server"); /* nobody looks at files by themselves */
  reload_server(NULL);
  expect_server_is("CN=renewed");
}

static void open_connection_lives_on(void) {
  use_files();
  tls_pair_connect_well();
  file_write(cert_path, renewed->cert_pem, strlen(renewed->cert_pem));
  file_write(key_path, renewed->key_pem, strlen(renewed->key_pem));
  reload_server(NULL);
  reload_client(NULL);
  tls_side_write(&pair.client, "ping", 4);
  tls_side_write(&pair.server, "pong", 4);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "pong", 4));
  CU_ASSERT_TRUE(tls_side_got(&pair.server, "ping", 4));
}

/* As many steps as there are: the reload falls between any two flights. */
static void handshake_that_has_begun_ends_with_what_it_began_with(void) {
  gmux_tls_options old = tls_server_options(pair.server_cert), new = tls_server_options(renewed);
  for (int steps = 1; steps < 40; steps++) {
    tls_pair_use(NULL, &old);
    tls_pair_connect_for(steps);
    bool has_begun = pair.server.transport != NULL;
    reload_server(&new);
    reload_client(NULL);
    sim_run(pair.world);
    CU_ASSERT_EQUAL_FATAL(pair.client.handshake, 0);
    CU_ASSERT_EQUAL_FATAL(pair.server.handshake, 0);
    CU_ASSERT_STRING_EQUAL(gmux__transport_info_get(pair.client.transport)->peer_name,
                           has_begun ? "CN=server" : "CN=renewed");
    tls_pair_close();
  }
}

static void other_options_replace_all(void) {
  use_files();
  gmux_tls_options other = tls_server_options(renewed);
  reload_server(&other);
  expect_server_is("CN=renewed");
  other.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  other.ca_pem = test_ca_pem(pair.ca);
  reload_server(&other);
  tls_pair_connect();
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "the client sent none, and one is required"));
}

static void texts_may_go_and_are_read_again(void) {
  test_cert *short_lived =
      test_cert_new(pair.ca, &(test_cert_options){.common_name = "copied", .san = "DNS:a.example"});
  gmux_tls_options server = tls_server_options(short_lived);
  tls_pair_use(NULL, &server);
  test_cert_free(short_lived);
  reload_server(NULL);
  expect_server_is("CN=copied");
}

static void client_trusts_another_authority(void) {
  test_ca *next = test_ca_new("next authority");
  test_cert *theirs = test_cert_new(next, &(test_cert_options){.san = "DNS:a.example"});
  tls_pair_use(NULL, NULL);
  gmux_tls_options server = tls_server_options(theirs);
  reload_server(&server);
  tls_pair_connect();
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "is not signed by an authority that is trusted here"));
  tls_pair_close();
  gmux_tls_options client = tls_client_options();
  client.ca_pem = test_ca_pem(next);
  reload_client(&client);
  tls_pair_connect_well();
  test_cert_free(theirs);
  test_ca_free(next);
}

/* ---- what does not ---- */

static void half_written_file_changes_nothing(void) {
  use_files();
  file_write(key_path, renewed->key_pem, strlen(renewed->key_pem));
  for (size_t len = 0; len < strlen(renewed->cert_pem) - 1; len += 97) {
    file_write(cert_path, renewed->cert_pem, len);
    expect_reload_fails(GMUX_ERR_TLS, "cert_file");
  }
  expect_server_is("CN=server");
  file_write(cert_path, renewed->cert_pem, strlen(renewed->cert_pem));
  reload_server(NULL);
  expect_server_is("CN=renewed");
}

static void certificate_before_its_key_changes_nothing(void) {
  use_files();
  file_write(cert_path, renewed->cert_pem, strlen(renewed->cert_pem));
  expect_reload_fails(GMUX_ERR_TLS, "does not belong to the first certificate of cert_file");
  expect_server_is("CN=server");
}

static void missing_file_changes_nothing(void) {
  use_files();
  unlink(cert_path);
  expect_reload_fails(GMUX_ERR_NOT_FOUND, "cannot be read: No such file or directory");
  expect_server_is("CN=server");
}

/* What was refused is not read by the next reload either. */
static void options_that_are_refused_are_forgotten(void) {
  use_files();
  gmux_tls_options other = tls_server_options(renewed);
  other.key_pem = pair.server_cert->key_pem;
  CU_ASSERT_EQUAL(gmux_tls_reload(pair.server_tls, &other), GMUX_ERR_TLS);
  reload_server(NULL);
  expect_server_is("CN=server");
}

static void options_are_checked_as_for_a_new_one(void) {
  tls_pair_use(NULL, NULL);
  gmux_tls_options client = tls_client_options();
  CU_ASSERT_EQUAL(gmux_tls_reload(pair.server_tls, &client), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "a server needs a certificate"));
  client.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  CU_ASSERT_EQUAL(gmux_tls_reload(pair.client_tls, &client), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "client_cert is for servers"));
  client = tls_client_options();
  client.key_log = true;
  CU_ASSERT_EQUAL(gmux_tls_reload(pair.client_tls, &client), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "key_log cannot be changed"));
  CU_ASSERT_EQUAL(gmux_tls_reload(NULL, NULL), GMUX_ERR_INVALID);
}

/* ---- sessions ---- */

static void client_resumes_nothing_of_before(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
  reload_client(NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
}

static void server_resumes_nothing_of_before(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  reload_server(NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
}

static void server_of_tls_1_2_resumes_nothing_of_before(void) {
  tls_pair_use(NULL, NULL);
  SSL_CTX_set_max_proto_version(pair.client_tls->edition->context, TLS1_2_VERSION);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
  reload_server(NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
}

/* Its ticket comes when there is a newer edition already. */
static void session_of_a_connection_from_before_is_not_resumed(void) {
  tls_pair_use(NULL, NULL);
  pair.client.is_idle = true; /* has not read the ticket */
  tls_pair_connect_well();
  reload_client(NULL);
  pair.client.is_idle = false;
  tls_side_update(&pair.client);
  tls_side_write(&pair.server, "pong", 4);
  sim_run(pair.world);
  CU_ASSERT_TRUE(tls_side_got(&pair.client, "pong", 4));
  tls_pair_close();
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
}

/* A client that was let in is revoked; it comes back with its session. */
static void revoked_client_does_not_resume_past_the_list(void) {
  use_mutual();
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
  char *list =
      test_crl_pem(pair.ca, &(test_crl_options){.revoked_pem = pair.client_cert->cert_pem});
  gmux_tls_options server = tls_server_options(pair.server_cert);
  server.ca_pem = test_ca_pem(pair.ca);
  server.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  server.crl_pem = list;
  reload_server(&server);
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "certificate revoked (/CN=client)"));
  free(list);
}

static void client_does_not_resume_past_another_authority(void) {
  test_ca *next = test_ca_new("next authority");
  use_mutual();
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  gmux_tls_options server = tls_server_options(pair.server_cert);
  server.ca_pem = test_ca_pem(next);
  server.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  reload_server(&server);
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "/CN=test authority is not signed by an authority"));
  test_ca_free(next);
}

/* The same from the client's side: the server's certificate is revoked. */
static void revoked_server_is_not_resumed_past_the_list(void) {
  tls_pair_use(NULL, NULL);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  char *list =
      test_crl_pem(pair.ca, &(test_crl_options){.revoked_pem = pair.server_cert->cert_pem});
  gmux_tls_options client = tls_client_options();
  client.crl_pem = list;
  reload_client(&client);
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "certificate revoked (/CN=server)"));
  free(list);
}

/* ---- memory ---- */

static void what_was_replaced_goes_with_its_last_connection(void) {
  tls_pair_use(NULL, NULL);
  tls_pair_connect_well();
  reload_server(NULL);
  reload_client(NULL);
  size_t live = test_alloc_live();
  tls_pair_close();
  size_t freed = live - test_alloc_live();
  CU_ASSERT_TRUE(freed > 2 && freed < 1000); /* both editions, and both transports */
}

static void reload_both(void *arg) {
  const gmux_tls_options *with_list = arg;
  gmux__tls_edition *before = pair.client_tls->edition;
  int rc = gmux_tls_reload(pair.client_tls, with_list);
  CU_ASSERT_EQUAL(rc, test_alloc_has_failed() ? GMUX_ERR_NOMEM : 0);
  CU_ASSERT_EQUAL(pair.client_tls->edition == before, rc != 0);
  if (rc == 0) rc = gmux_tls_reload(pair.server_tls, NULL);
  CU_ASSERT_EQUAL(rc, test_alloc_has_failed() ? GMUX_ERR_NOMEM : 0);
}

static void out_of_memory_changes_nothing(void) {
  char *list = test_crl_pem(pair.ca, NULL);
  char *path = test_temp_file(list);
  gmux_tls_options client = tls_client_options();
  client.crl_file = path;
  use_files();
  reload_client(&client); /* so that what is kept is as much before as afterwards */
  CU_ASSERT_TRUE(test_alloc_torture(reload_both, &client) > 8);
  expect_server_is("CN=server");
  unlink(path);
  free(path);
  free(list);
}

static const test_case cases[] = {
    TEST(next_connection_sees_the_new_certificate),
    TEST(open_connection_lives_on),
    TEST(handshake_that_has_begun_ends_with_what_it_began_with),
    TEST(other_options_replace_all),
    TEST(texts_may_go_and_are_read_again),
    TEST(client_trusts_another_authority),
    TEST(half_written_file_changes_nothing),
    TEST(certificate_before_its_key_changes_nothing),
    TEST(missing_file_changes_nothing),
    TEST(options_that_are_refused_are_forgotten),
    TEST(options_are_checked_as_for_a_new_one),
    TEST(client_resumes_nothing_of_before),
    TEST(server_resumes_nothing_of_before),
    TEST(server_of_tls_1_2_resumes_nothing_of_before),
    TEST(session_of_a_connection_from_before_is_not_resumed),
    TEST(revoked_client_does_not_resume_past_the_list),
    TEST(client_does_not_resume_past_another_authority),
    TEST(revoked_server_is_not_resumed_past_the_list),
    TEST(what_was_replaced_goes_with_its_last_connection),
    TEST(out_of_memory_changes_nothing),
    TESTS_END,
};

const test_suite io_tls_reload_suite = {"tls_reload", cases, setup, teardown};
