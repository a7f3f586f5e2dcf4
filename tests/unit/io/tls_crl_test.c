/* tls_crl_test.c: with lists of revoked certificates the whole chain is held against them, and no
 * list is as bad as a wrong one. */
#include "tests/unit/io/tls_pair.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const test_suite io_tls_crl_suite;

/* root -> middle -> server_cert, client_cert */
static test_ca *middle;
static test_cert *server_cert, *client_cert;
static char *empty_root, *empty_middle;

static void setup(void) {
  tls_pair_setup();
  middle = test_ca_new_intermediate("middle", pair.ca);
  server_cert =
      test_cert_new(middle, &(test_cert_options){.common_name = "server", .san = "DNS:a.example"});
  client_cert = test_cert_new(middle, &(test_cert_options){.common_name = "client"});
  empty_root = test_crl_pem(pair.ca, NULL);
  empty_middle = test_crl_pem(middle, NULL);
}

static void teardown(void) {
  free(empty_root);
  free(empty_middle);
  test_cert_free(server_cert);
  test_cert_free(client_cert);
  test_ca_free(middle);
  tls_pair_teardown();
}

/* Both at once: the client holds the server against these lists, the server the client. */
static void use_lists(const char *first, const char *second) {
  char text[8192];
  CU_ASSERT_FATAL(strlen(first) + strlen(second) < sizeof text);
  strcat(strcpy(text, first), second);
  gmux_tls_options client = tls_client_options(), server = tls_server_options(server_cert);
  client.cert_pem = client_cert->cert_pem;
  client.key_pem = client_cert->key_pem;
  client.crl_pem = server.crl_pem = text;
  server.ca_pem = test_ca_pem(pair.ca);
  server.client_cert = GMUX_CLIENT_CERT_REQUIRED;
  tls_pair_use(&client, &server);
}

/* The client finds the server's chain bad. With a client that does not look, the server finds the
 * same of the client's. */
static void expect_both_refuse(const char *words_of_client, const char *words_of_server) {
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, words_of_client));
  tls_pair_close();
  gmux_tls_options lax = tls_client_options();
  lax.cert_pem = client_cert->cert_pem;
  lax.key_pem = client_cert->key_pem;
  CU_ASSERT_EQUAL(gmux_tls_reload(pair.client_tls, &lax), 0);
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.server, words_of_server));
}

static void who_is_on_no_list_is_accepted(void) {
  use_lists(empty_middle, empty_root);
  tls_pair_connect_well();
}

static void lists_may_come_from_a_file(void) {
  char *path = test_temp_file(test_ca_pem(pair.ca)); /* what else is in it is passed over */
  FILE *file = fopen(path, "a");
  CU_ASSERT_FATAL(file && fputs(empty_root, file) >= 0 && fputs(empty_middle, file) >= 0);
  fclose(file);
  gmux_tls_options client = tls_client_options(), server = tls_server_options(server_cert);
  client.crl_file = path;
  tls_pair_use(&client, &server);
  tls_pair_connect_well();
  unlink(path);
  free(path);
}

static void revoked_leaf_is_refused(void) {
  char *list = test_crl_pem(middle, &(test_crl_options){.revoked_pem = server_cert->cert_pem});
  use_lists(list, empty_root);
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "certificate revoked (/CN=server)"));
  free(list);
}

static void revoked_client_is_refused(void) {
  char *list = test_crl_pem(middle, &(test_crl_options){.revoked_pem = client_cert->cert_pem});
  use_lists(list, empty_root);
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "certificate revoked (/CN=client)"));
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "the peer says that our certificate was revoked"));
  free(list);
}

static void revoked_intermediate_is_refused(void) {
  char *list = test_crl_pem(pair.ca, &(test_crl_options){.revoked_pem = test_ca_pem(middle)});
  use_lists(list, empty_middle);
  expect_both_refuse("certificate revoked (/CN=middle)", "certificate revoked (/CN=middle)");
  free(list);
}

static void expired_list_is_refused(void) {
  char *list = test_crl_pem(middle, &(test_crl_options){.from_s = -7200, .until_s = -3600});
  use_lists(list, empty_root);
  expect_both_refuse("CRL has expired (the list of /CN=middle in crl_file, good until ",
                     "CRL has expired (the list of /CN=middle in crl_file, good until ");
  free(list);
}

static void list_of_the_future_is_refused(void) {
  char *list = test_crl_pem(middle, &(test_crl_options){.from_s = 3600, .until_s = 7200});
  use_lists(list, empty_root);
  expect_both_refuse("CRL is not yet valid (the list of /CN=middle",
                     "CRL is not yet valid (the list of /CN=middle");
  free(list);
}

static void each_authority_of_the_chain_needs_its_list(void) {
  use_lists(empty_middle, "");
  expect_both_refuse("crl_file has no list of /CN=test authority", "no list of /CN=test authority");
  tls_pair_close();
  use_lists(empty_root, "");
  expect_both_refuse("crl_file has no list of /CN=middle", "no list of /CN=middle");
}

static void list_signed_by_another_is_refused(void) {
  test_ca *forger = test_ca_new("forger");
  char *list = test_crl_pem(middle, &(test_crl_options){.forger = forger});
  use_lists(list, empty_root);
  expect_both_refuse("CRL signature failure (the list of /CN=middle",
                     "CRL signature failure (the list of /CN=middle");
  free(list);
  test_ca_free(forger);
}

/* Else a session could be renewed for ever, past a list that its certificate is on. */
static void session_lasts_no_longer_than_the_list(void) {
  char *list = test_crl_pem(middle, &(test_crl_options){.from_s = -60, .until_s = 600});
  use_lists(list, empty_root);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  tls_time_passed_s = 300;
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
  tls_time_passed_s = 601;
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "CRL has expired"));
  free(list);
}

/* The same, when it is the server alone that looks. */
static void ticket_lasts_no_longer_than_the_servers_list(void) {
  char *list = test_crl_pem(middle, &(test_crl_options){.from_s = -60, .until_s = 600});
  use_lists(list, empty_root);
  gmux_tls_options lax = tls_client_options();
  lax.cert_pem = client_cert->cert_pem;
  lax.key_pem = client_cert->key_pem;
  CU_ASSERT_EQUAL(gmux_tls_reload(pair.client_tls, &lax), 0);
  CU_ASSERT_FALSE(tls_pair_talk_is_resumed());
  CU_ASSERT_TRUE(tls_pair_talk_is_resumed());
  tls_time_passed_s = 601;
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.server, "CRL has expired"));
  free(list);
}

static void expect_options(const gmux_tls_options *options, int error, const char *words) {
  gmux_tls *tls = NULL;
  CU_ASSERT_EQUAL(gmux_tls_client_new(&tls, options), error);
  CU_ASSERT_PTR_NULL(tls);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), words));
}

static void what_is_no_list_is_refused_at_once(void) {
  gmux_tls_options options = tls_client_options();
  options.crl_pem = test_ca_pem(pair.ca);
  expect_options(&options, GMUX_ERR_TLS, "crl_pem has no CRL in it: PEM with -----BEGIN X509 CRL");
  options.crl_file = "x";
  expect_options(&options, GMUX_ERR_INVALID, "crl_file and crl_pem are both set");
  options.crl_pem = NULL;
  options.crl_file = "/nonexistent/crl.pem";
  expect_options(&options, GMUX_ERR_NOT_FOUND, "crl_file \"/nonexistent/crl.pem\" cannot be read");
  options.crl_file = NULL;
  char *half = test_crl_pem(pair.ca, NULL);
  half[strlen(half) / 2] = '\0';
  options.crl_pem = half;
  expect_options(&options, GMUX_ERR_TLS, "crl_pem: CRL number 1 cannot be read");
  free(half);
}

static void list_of_a_server_that_asks_nobody_is_refused(void) {
  gmux_tls_options options = tls_server_options(server_cert);
  options.crl_pem = empty_root;
  gmux_tls *tls = NULL;
  CU_ASSERT_EQUAL(gmux_tls_server_new(&tls, &options), GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(gmux_last_error(), "no client would be checked"));
}

static const test_case cases[] = {
    TEST(who_is_on_no_list_is_accepted),
    TEST(lists_may_come_from_a_file),
    TEST(revoked_leaf_is_refused),
    TEST(revoked_client_is_refused),
    TEST(revoked_intermediate_is_refused),
    TEST(expired_list_is_refused),
    TEST(list_of_the_future_is_refused),
    TEST(each_authority_of_the_chain_needs_its_list),
    TEST(list_signed_by_another_is_refused),
    TEST(session_lasts_no_longer_than_the_list),
    TEST(ticket_lasts_no_longer_than_the_servers_list),
    TEST(what_is_no_list_is_refused_at_once),
    TEST(list_of_a_server_that_asks_nobody_is_refused),
    TESTS_END,
};

const test_suite io_tls_crl_suite = {"tls_crl", cases, setup, teardown};
