/* tls_verify_test.c: who is let in, who is not, and what they are told. */
#include "tests/unit/io/tls_pair.h"
#include <string.h>

extern const test_suite io_tls_verify_suite;

static void use_server_cert(const test_ca *ca, const test_cert_options *o) {
  test_cert *cert = test_cert_new(ca, o);
  gmux_tls_options options = tls_server_options(cert);
  tls_pair_use(NULL, &options);
  test_cert_free(cert);
}

static void expect_client_refuses(const char *words) {
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, words));
  CU_ASSERT_NOT_EQUAL(pair.server.handshake, 0);
  tls_pair_close();
}

static void expect_server_refuses(const char *words) {
  tls_pair_connect();
  CU_ASSERT_EQUAL(pair.server.handshake, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.server, words));
}

static void connect_to(const char *host) {
  pair.host = host;
  tls_pair_connect_well();
  tls_pair_close();
}

/* ---- names ---- */

static void names_of_the_certificate_are_accepted(void) {
  tls_pair_use(NULL, NULL);
  connect_to("a.example");
  connect_to("A.Example");
  connect_to("a.example."); /* in full, with the root's dot */
  connect_to("anything.b.example");
}

static void addresses_of_the_certificate_are_accepted(void) {
  tls_pair_use(NULL, NULL);
  connect_to("127.0.0.1");
  connect_to("::1");
  connect_to("0:0:0:0:0:0:0:1");
}

static void other_names_are_refused(void) {
  tls_pair_use(NULL, NULL);
  pair.host = "c.example";
  expect_client_refuses("hostname mismatch (the certificate is for a.example, *.b.example, "
                        "127.0.0.1, ::1, not c.example)");
  pair.host = "b.example"; /* the wildcard is for what is below */
  expect_client_refuses("hostname mismatch");
  pair.host = "x.y.b.example"; /* and only one label */
  expect_client_refuses("hostname mismatch");
  pair.host = "127.0.0.2";
  expect_client_refuses("IP address mismatch (the certificate is for a.example");
}

static void wildcard_is_a_whole_label(void) {
  use_server_cert(pair.ca, &(test_cert_options){.san = "DNS:a*.c.example"});
  pair.host = "ab.c.example";
  expect_client_refuses("hostname mismatch");
}

static void address_as_a_name_is_refused(void) {
  use_server_cert(pair.ca, &(test_cert_options){.san = "DNS:127.0.0.1"});
  pair.host = "127.0.0.1";
  expect_client_refuses("IP address mismatch");
}

static void common_name_does_not_count(void) {
  use_server_cert(pair.ca, &(test_cert_options){.common_name = "a.example"});
  expect_client_refuses("its common name does not count");
  use_server_cert(pair.ca,
                  &(test_cert_options){.common_name = "a.example", .san = "email:a@a.example"});
  expect_client_refuses("its common name does not count");
}

static void long_list_of_names_is_cut(void) {
  use_server_cert(pair.ca, &(test_cert_options){.san = "DNS:1.x,DNS:2.x,DNS:3.x,DNS:4.x,DNS:5.x"});
  expect_client_refuses("is for 1.x, 2.x, 3.x, 4.x and others, not a.example");
}

static void name_that_is_none_is_invalid(void) {
  static char too_long[300];
  memset(too_long, 'a', sizeof too_long - 1);
  const char *const hosts[] = {NULL, "", ".", ".example", too_long};
  tls_pair_use(NULL, NULL);
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
    pair.host = hosts[i];
    tls_pair_connect();
    CU_ASSERT_EQUAL(pair.client.handshake, GMUX_ERR_INVALID);
    CU_ASSERT_TRUE(tls_side_says(&pair.client, "is not a host name"));
    tls_pair_close();
  }
}

static void peer_without_a_subject_has_no_name(void) {
  use_server_cert(pair.ca, &(test_cert_options){.san = "DNS:a.example"});
  tls_pair_connect_well();
  CU_ASSERT_PTR_NULL(gmux__transport_info_get(pair.client.transport)->peer_name);
}

static void control_characters_of_a_stranger_are_not_repeated(void) {
  test_ca *stranger = test_ca_new("stranger");
  use_server_cert(stranger, &(test_cert_options){.common_name = "a\n\x1b[2Jb"});
  tls_pair_connect();
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "/CN=a\\x0A\\x1B[2Jb"));
  for (const char *c = pair.client.why; *c; c++)
    CU_ASSERT_TRUE(*c >= ' ' && *c <= '~');
  test_ca_free(stranger);
}

/* ---- chains ---- */

static void chain_over_an_intermediate_is_accepted(void) {
  test_ca *intermediate = test_ca_new_intermediate("intermediate", pair.ca);
  use_server_cert(intermediate, &(test_cert_options){.san = "DNS:a.example"});
  connect_to("a.example");
  test_ca_free(intermediate);
}

static void unknown_authority_is_refused(void) {
  test_ca *stranger = test_ca_new("stranger");
  use_server_cert(stranger, &(test_cert_options){.common_name = "x", .san = "DNS:a.example"});
  expect_client_refuses("/CN=x is not signed by an authority that is trusted here");
  test_ca_free(stranger);
}

static void self_signed_is_refused(void) {
  use_server_cert(NULL, &(test_cert_options){.common_name = "self", .san = "DNS:a.example"});
  expect_client_refuses("self-signed certificate (/CN=self is not signed by an authority");
}

static void self_signed_that_is_trusted_is_accepted(void) {
  test_cert *cert =
      test_cert_new(NULL, &(test_cert_options){.common_name = "self", .san = "DNS:a.example"});
  gmux_tls_options client = tls_client_options(), server = tls_server_options(cert);
  client.ca_pem = cert->cert_pem;
  tls_pair_use(&client, &server);
  connect_to("a.example");
  test_cert_free(cert);
}

static void systems_store_does_not_know_a_test_authority(void) {
  gmux_tls_options client;
  gmux_tls_options_init(&client, sizeof client);
  tls_pair_use(&client, NULL);
  expect_client_refuses("is not signed by an authority that is trusted here");
}

static void expired_certificate_is_refused(void) {
  use_server_cert(pair.ca,
                  &(test_cert_options){.san = "DNS:a.example", .from_s = -7200, .until_s = -3600});
  expect_client_refuses("certificate has expired");
}

static void certificate_of_the_future_is_refused(void) {
  use_server_cert(pair.ca,
                  &(test_cert_options){.san = "DNS:a.example", .from_s = 3600, .until_s = 7200});
  expect_client_refuses("certificate is not yet valid");
}

static void certificate_of_a_client_is_no_server(void) {
  use_server_cert(pair.ca, &(test_cert_options){.common_name = "client",
                                                .san = "DNS:a.example",
                                                .use = TEST_CERT_CLIENT});
  expect_client_refuses("/CN=client was not made for a server");
}

/* ---- clients ---- */

static void use_mutual(gmux_client_cert ask, const test_cert *client_cert) {
  gmux_tls_options client = tls_client_options();
  gmux_tls_options server = tls_server_options(pair.server_cert);
  server.ca_pem = test_ca_pem(pair.ca);
  server.client_cert = ask;
  if (client_cert) {
    client.cert_pem = client_cert->cert_pem;
    client.key_pem = client_cert->key_pem;
  }
  tls_pair_use(&client, &server);
}

static const char *name_of_client(void) {
  return gmux__transport_info_get(pair.server.transport)->peer_name;
}

static void client_with_a_certificate_has_a_name(void) {
  use_mutual(GMUX_CLIENT_CERT_REQUIRED, pair.client_cert);
  tls_pair_connect_well();
  CU_ASSERT_STRING_EQUAL(name_of_client(), "CN=client");
}

static void client_is_not_asked_unless_wanted(void) {
  gmux_tls_options client = tls_client_options();
  client.cert_pem = pair.client_cert->cert_pem;
  client.key_pem = pair.client_cert->key_pem;
  tls_pair_use(&client, NULL);
  tls_pair_connect_well();
  CU_ASSERT_PTR_NULL(name_of_client());
}

static void client_without_a_certificate_is_refused_where_required(void) {
  use_mutual(GMUX_CLIENT_CERT_REQUIRED, NULL);
  expect_server_refuses("the client sent none, and one is required");
  /* With TLS 1.3 the client has done its handshake before it is refused. */
  CU_ASSERT_EQUAL(pair.client.handshake, 0);
  CU_ASSERT_EQUAL(pair.client.read_end, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "the server requires a client certificate: set "
                                             "cert_file and key_file"));
}

/* The first write reaches nobody, and the reset that answers it makes the second one fail while the
 * alert still waits to be read. */
static void writer_is_told_why_it_was_refused(void) {
  use_mutual(GMUX_CLIENT_CERT_REQUIRED, NULL);
  pair.client.is_idle = true;
  tls_pair_connect();
  tls_side_write(&pair.client, "hello", 5);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.write_end, 0);
  tls_side_write(&pair.client, "hello", 5);
  sim_run(pair.world);
  CU_ASSERT_EQUAL(pair.client.write_end, GMUX_ERR_TLS);
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "the server requires a client certificate"));
}

static void client_without_a_certificate_is_accepted_where_optional(void) {
  use_mutual(GMUX_CLIENT_CERT_OPTIONAL, NULL);
  tls_pair_connect_well();
  CU_ASSERT_PTR_NULL(name_of_client());
}

static void client_with_a_certificate_has_a_name_where_optional(void) {
  use_mutual(GMUX_CLIENT_CERT_OPTIONAL, pair.client_cert);
  tls_pair_connect_well();
  CU_ASSERT_STRING_EQUAL(name_of_client(), "CN=client");
}

static void client_of_a_stranger_is_refused_even_where_optional(void) {
  test_ca *stranger = test_ca_new("stranger");
  test_cert *cert = test_cert_new(stranger, &(test_cert_options){.common_name = "mallory"});
  use_mutual(GMUX_CLIENT_CERT_OPTIONAL, cert);
  expect_server_refuses("/CN=mallory is not signed by an authority");
  CU_ASSERT_TRUE(tls_side_says(&pair.client, "does not trust the authority that signed our"));
  test_cert_free(cert);
  test_ca_free(stranger);
}

static void certificate_of_a_server_is_no_client(void) {
  use_mutual(GMUX_CLIENT_CERT_REQUIRED, pair.server_cert);
  expect_server_refuses("/CN=server was not made for a client");
}

static void expired_client_is_refused(void) {
  test_cert *cert = test_cert_new(
      pair.ca, &(test_cert_options){.common_name = "old", .from_s = -7200, .until_s = -3600});
  use_mutual(GMUX_CLIENT_CERT_REQUIRED, cert);
  expect_server_refuses("certificate has expired (/CN=old is good until ");
  test_cert_free(cert);
}

static const test_case cases[] = {
    TEST(names_of_the_certificate_are_accepted),
    TEST(addresses_of_the_certificate_are_accepted),
    TEST(other_names_are_refused),
    TEST(wildcard_is_a_whole_label),
    TEST(address_as_a_name_is_refused),
    TEST(common_name_does_not_count),
    TEST(long_list_of_names_is_cut),
    TEST(name_that_is_none_is_invalid),
    TEST(peer_without_a_subject_has_no_name),
    TEST(control_characters_of_a_stranger_are_not_repeated),
    TEST(chain_over_an_intermediate_is_accepted),
    TEST(unknown_authority_is_refused),
    TEST(self_signed_is_refused),
    TEST(self_signed_that_is_trusted_is_accepted),
    TEST(systems_store_does_not_know_a_test_authority),
    TEST(expired_certificate_is_refused),
    TEST(certificate_of_the_future_is_refused),
    TEST(certificate_of_a_client_is_no_server),
    TEST(client_with_a_certificate_has_a_name),
    TEST(client_is_not_asked_unless_wanted),
    TEST(client_without_a_certificate_is_refused_where_required),
    TEST(writer_is_told_why_it_was_refused),
    TEST(client_without_a_certificate_is_accepted_where_optional),
    TEST(client_with_a_certificate_has_a_name_where_optional),
    TEST(client_of_a_stranger_is_refused_even_where_optional),
    TEST(certificate_of_a_server_is_no_client),
    TEST(expired_client_is_refused),
    TESTS_END,
};

const test_suite io_tls_verify_suite = {"tls_verify", cases, tls_pair_setup, tls_pair_teardown};
