/* tls_certificate_test.c: each wrong certificate, as a server's and as a client's. The other side
 * says what is wrong and with whose; who shows it learns that it was refused. */
#include "tests/sim/tls_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const test_suite tls_certificate_suite;

enum { AN_HOUR = 3600, ISSUERS_MAX = 8, ISSUERS = ISSUERS_MAX + 1 };

/* Authorities and lists of a row; freed when it is over. */
static test_ca *issuers[ISSUERS];
static char *lists;

static test_ca *issue(size_t i, const test_ca_options *options) {
  issuers[i] = test_ca_new_with(options);
  return issuers[i];
}

static void keep_list(char *list) {
  size_t len = lists ? strlen(lists) : 0;
  lists = realloc(lists, len + strlen(list) + 1);
  strcpy(lists + len, list);
  free(list);
}

/* ---- what is wrong: each makes a certificate of "wrong" for a.example ---- */

static test_cert *leaf(const test_ca *ca, test_cert_options o) {
  o.common_name = "wrong";
  o.san = "DNS:a.example";
  return test_cert_new(ca, &o);
}

static test_cert *make_expired(void) {
  return leaf(tw.ca, (test_cert_options){.from_s = -2 * AN_HOUR, .until_s = -AN_HOUR});
}

static test_cert *make_of_tomorrow(void) {
  return leaf(tw.ca, (test_cert_options){.from_s = AN_HOUR, .until_s = 2 * AN_HOUR});
}

static test_cert *make_self_signed(void) {
  return leaf(NULL, (test_cert_options){0});
}

static test_cert *make_of_stranger(void) {
  return leaf(issue(0, &(test_ca_options){.name = "a stranger"}), (test_cert_options){0});
}

/* It has the trusted one's name, and not its key. */
static test_cert *make_of_namesake(void) {
  return leaf(issue(0, &(test_ca_options){.name = "the authority"}), (test_cert_options){0});
}

static test_ca *middle(const char *constraint) {
  return issue(0,
               &(test_ca_options){.name = "the middle", .issuer = tw.ca, .constraint = constraint});
}

static test_cert *make_without_intermediate(void) {
  return leaf(middle(NULL), (test_cert_options){.alone = true});
}

static test_cert *make_below_no_authority(void) {
  return leaf(middle("critical,CA:FALSE"), (test_cert_options){0});
}

static test_cert *make_below_too_long_a_path(void) {
  test_ca *above = middle("critical,CA:TRUE,pathlen:0");
  return leaf(issue(1, &(test_ca_options){.name = "below it", .issuer = above}),
              (test_cert_options){0});
}

static test_cert *make_below_expired(void) {
  return leaf(issue(0, &(test_ca_options){.name = "the middle",
                                          .issuer = tw.ca,
                                          .from_s = -2 * AN_HOUR,
                                          .until_s = -AN_HOUR}),
              (test_cert_options){0});
}

static test_cert *make_below(size_t count) {
  const test_ca *above = tw.ca;
  static const char *const names[ISSUERS] = {"1", "2", "3", "4", "5", "6", "7", "8", "9"};
  for (size_t i = 0; i < count; i++)
    above = issue(i, &(test_ca_options){.name = names[i], .issuer = above});
  return leaf(above, (test_cert_options){0});
}

static test_cert *make_below_too_many(void) {
  return make_below(ISSUERS_MAX + 1);
}

static test_cert *make_below_many(void) {
  return make_below(ISSUERS_MAX);
}

static test_cert *make_good(void) {
  return leaf(tw.ca, (test_cert_options){0});
}

static test_cert *make_good_with_list(void) {
  keep_list(test_crl_pem(tw.ca, NULL));
  return make_good();
}

static test_cert *make_revoked(void) {
  test_cert *cert = make_good();
  keep_list(test_crl_pem(tw.ca, &(test_crl_options){.revoked_pem = cert->cert_pem}));
  return cert;
}

static test_cert *make_below_revoked(void) {
  test_ca *revoked = middle(NULL);
  keep_list(test_crl_pem(revoked, NULL));
  keep_list(test_crl_pem(tw.ca, &(test_crl_options){.revoked_pem = test_ca_pem(revoked)}));
  return leaf(revoked, (test_cert_options){0});
}

static test_cert *make_with_old_list(void) {
  keep_list(test_crl_pem(tw.ca, &(test_crl_options){.from_s = -2 * AN_HOUR, .until_s = -AN_HOUR}));
  return make_good();
}

static test_cert *make_with_one_list_of_two(void) {
  keep_list(test_crl_pem(tw.ca, NULL));
  return leaf(middle(NULL), (test_cert_options){0});
}

static test_cert *make_with_forged_list(void) {
  test_ca *forger = issue(0, &(test_ca_options){.name = "a forger"});
  keep_list(test_crl_pem(tw.ca, &(test_crl_options){.forger = forger}));
  return make_good();
}

static test_cert *make_weak_rsa(void) {
  return leaf(tw.ca, (test_cert_options){.rsa_bits = 1024});
}

static test_cert *make_rsa(void) {
  return leaf(tw.ca, (test_cert_options){.rsa_bits = 2048});
}

static test_cert *make_below_weak_ec(void) {
  return leaf(
      issue(0, &(test_ca_options){.name = "the middle", .issuer = tw.ca, .curve = "prime192v1"}),
      (test_cert_options){0});
}

static test_cert *make_sha1(void) {
  return leaf(tw.ca, (test_cert_options){.sha1 = true});
}

static test_cert *make_p384(void) {
  return leaf(tw.ca, (test_cert_options){.curve = "P-384"});
}

/* ---- the matrix ---- */

typedef struct row {
  const char *name;
  test_cert *(*make)(void);
  const char *words; /* of the side that refuses; NULL: it is good */
  const char *alert; /* what the other side is told */
  /* Of the same kind, for gmux to load, where it would not load the wrong one. */
  test_cert *(*make_stand_in)(void);
} row;

#define UNTRUSTED "is not signed by an authority that is trusted here"
#define BAD       "the peer refuses our certificate"
#define UNKNOWN   "the peer does not trust the authority that signed our certificate"
#define SIGNATURE "the peer finds a signature wrong"
#define EXPIRED   "the peer says that our certificate has expired"

static const row rows[] = {
    {"nothing wrong", make_good, NULL, NULL, NULL},
    {"nothing wrong, P-384", make_p384, NULL, NULL, NULL},
    {"expired", make_expired, "certificate has expired (/CN=wrong is good until 2", EXPIRED, NULL},
    {"of tomorrow", make_of_tomorrow, "certificate is not yet valid (/CN=wrong is good from 2", BAD,
     NULL},
    {"self-signed", make_self_signed, "/CN=wrong " UNTRUSTED, UNKNOWN, NULL},
    {"of a stranger", make_of_stranger, "/CN=wrong " UNTRUSTED, UNKNOWN, NULL},
    {"of a namesake", make_of_namesake, "certificate signature failure (/CN=wrong)", SIGNATURE,
     NULL},
    {"without the intermediate", make_without_intermediate, "/CN=wrong " UNTRUSTED, UNKNOWN, NULL},
    {"below who is no authority", make_below_no_authority, "invalid CA certificate (/CN=the middle",
     UNKNOWN, NULL},
    {"below too long a path", make_below_too_long_a_path,
     "path length constraint exceeded (/CN=", UNKNOWN, NULL},
    {"below an expired intermediate", make_below_expired,
     "certificate has expired (/CN=the middle is good until 2", EXPIRED, NULL},
    {"below eight authorities", make_below_many, NULL, NULL, NULL},
    {"below nine authorities", make_below_too_many, "certificate chain too long", UNKNOWN, NULL},
    {"nothing wrong, with a list", make_good_with_list, NULL, NULL, NULL},
    {"revoked", make_revoked, "certificate revoked (/CN=wrong)",
     "the peer says that our certificate was revoked", NULL},
    {"below a revoked intermediate", make_below_revoked, "certificate revoked (/CN=the middle)",
     "the peer says that our certificate was revoked", NULL},
    {"with an old list", make_with_old_list, "CRL has expired (the list of /CN=the authority",
     EXPIRED, NULL},
    {"with one list of two", make_with_one_list_of_two, "crl_file has no list of /CN=the middle",
     UNKNOWN, NULL},
    {"with a forged list", make_with_forged_list,
     "CRL signature failure (the list of /CN=the authority", SIGNATURE, NULL},
    {"RSA of 1024 bits", make_weak_rsa, "EE certificate key too weak (/CN=wrong)", BAD, make_rsa},
    {"RSA of 2048 bits", make_rsa, NULL, NULL, NULL},
    {"below EC of 192 bits", make_below_weak_ec, "CA certificate key too weak (/CN=the middle)",
     BAD, make_good},
    {"signed with SHA-1", make_sha1, "CA signature digest algorithm too weak (/CN=wrong)", BAD,
     make_good},
};

static void row_end(test_cert *cert) {
  test_cert_free(cert);
  for (size_t i = 0; i < ISSUERS; i++) {
    test_ca_free(issuers[i]);
    issuers[i] = NULL;
  }
  free(lists);
  lists = NULL;
}

static void try_as_server(const row *r) {
  tls_row(r->name);
  test_cert *cert = r->make();
  tw.client_tls.crl_pem = lists;
  test_cert *loaded = r->make_stand_in ? r->make_stand_in() : cert;
  tw.forced_server = r->make_stand_in ? cert : NULL;
  tw.server_tls.cert_pem = loaded->cert_pem;
  tw.server_tls.key_pem = loaded->key_pem;
  if (r->words)
    tls_expect_refused(r->words, r->alert, 1);
  else
    tls_expect_accepted();
  if (loaded != cert) test_cert_free(loaded);
  row_end(cert);
}

static void try_as_client(const row *r) {
  tls_row_mutual(r->name, tw.client_cert);
  test_cert *cert = r->make();
  tw.server_tls.crl_pem = lists;
  test_cert *loaded = r->make_stand_in ? r->make_stand_in() : cert;
  tw.forced_client = r->make_stand_in ? cert : NULL;
  tw.client_tls.cert_pem = loaded->cert_pem;
  tw.client_tls.key_pem = loaded->key_pem;
  if (r->words)
    tls_expect_refused(r->alert, r->words, 1);
  else
    tls_expect_accepted();
  if (loaded != cert) test_cert_free(loaded);
  row_end(cert);
}

static void each_wrong_server_is_refused_by_the_client(void) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    try_as_server(&rows[i]);
}

static void each_wrong_client_is_refused_by_the_server(void) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    try_as_client(&rows[i]);
}

/* ---- what is wrong in one role alone ---- */

static void certificate_of_the_other_role_is_refused(void) {
  test_cert *client = leaf(tw.ca, (test_cert_options){.use = TEST_CERT_CLIENT});
  test_cert *server = leaf(tw.ca, (test_cert_options){.use = TEST_CERT_SERVER});
  tls_row("a client's certificate, shown by a server");
  tw.server_tls.cert_pem = client->cert_pem;
  tw.server_tls.key_pem = client->key_pem;
  tls_expect_refused("/CN=wrong was not made for a server", "was it made for this purpose", 1);
  tls_row_mutual("a server's certificate, shown by a client", server);
  tls_expect_refused("was it made for this purpose", "/CN=wrong was not made for a client", 1);
  test_cert_free(client);
  test_cert_free(server);
}

static void client_without_a_certificate_is_refused(void) {
  tls_row_mutual("no certificate", NULL);
  tls_expect_refused("the server requires a client certificate: set cert_file and key_file",
                     "the client sent none, and one is required", 1);
}

static void where_certificates_are_optional_a_wrong_one_is_still_wrong(void) {
  tls_row_mutual("none, and none is required", NULL);
  tw.server_tls.client_cert = GMUX_CLIENT_CERT_OPTIONAL;
  tls_expect_accepted();
  test_cert *expired = make_expired();
  tls_row_mutual("expired, and none is required", expired);
  tw.server_tls.client_cert = GMUX_CLIENT_CERT_OPTIONAL;
  tls_expect_refused(EXPIRED, "certificate has expired (/CN=wrong", 1);
  test_cert_free(expired);
}

/* More than 100 KiB, of names. */
static test_cert *make_huge(void) {
  enum { NAMES = 500, LABEL = 60 };
  static char san[NAMES * (4 * LABEL + 8) + 16] = "DNS:a.example";
  char *at = san + strlen("DNS:a.example");
  for (int i = 0; i < NAMES; i++)
    at += sprintf(at, ",DNS:%0*d.%0*d.%0*d.%0*d", LABEL, i, LABEL, 0, LABEL, 0, LABEL / 2, 0);
  return test_cert_new(tw.ca, &(test_cert_options){.common_name = "wrong", .san = san});
}

/* Whoever shows it is still writing when it is refused, and does not come to read why. */
static void certificate_without_end_is_refused(void) {
  test_cert *huge = make_huge();
  tls_row("a huge certificate, shown by a server");
  tw.server_tls.cert_pem = huge->cert_pem;
  tw.server_tls.key_pem = huge->key_pem;
  tls_expect_refused("excessive message size", NULL, 0);
  tls_row_mutual("a huge certificate, shown by a client", huge);
  tls_expect_refused(NULL, "excessive message size", 1);
  test_cert_free(huge);
}

static const test_case cases[] = {
    TEST(each_wrong_server_is_refused_by_the_client),
    TEST(each_wrong_client_is_refused_by_the_server),
    TEST(certificate_of_the_other_role_is_refused),
    TEST(certificate_without_end_is_refused),
    TEST(client_without_a_certificate_is_refused),
    TEST(where_certificates_are_optional_a_wrong_one_is_still_wrong),
    TESTS_END,
};

const test_suite tls_certificate_suite = {"certificate", cases, tls_world_setup,
                                          tls_world_teardown};
