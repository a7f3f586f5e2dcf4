/* tls_name_test.c: for which hosts a certificate is good: RFC 6125, and the names of RFC 5280. */
#include "tests/sim/tls_world.h"
#include <string.h>

extern const test_suite tls_name_suite;

typedef struct row {
  const char *host;
  const char *san;         /* NULL: none */
  const char *common_name; /* NULL: none */
  const char *words;       /* why it is refused; NULL: it is good */
} row;

static const char name_words[] = "hostname mismatch";
static const char ip_words[] = "IP address mismatch";
static const char none_words[] = "the certificate names no host in its subjectAltName";

static void try_rows(const row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const row *r = &rows[i];
    char name[128];
    snprintf(name, sizeof name, "%s for %s", r->san ? r->san : "(none)", r->host);
    test_cert *cert =
        test_cert_new(tw.ca, &(test_cert_options){.common_name = r->common_name, .san = r->san});
    tls_row(name);
    tw.host = r->host;
    tw.server_tls.cert_pem = cert->cert_pem;
    tw.server_tls.key_pem = cert->key_pem;
    if (r->words)
      tls_expect_refused(r->words, "bad certificate", 1);
    else
      tls_expect_accepted();
    test_cert_free(cert);
  }
}
#define TRY(rows) try_rows(rows, sizeof rows / sizeof *rows)

static void names_are_compared_without_case_and_final_dot(void) {
  static const row rows[] = {
      {"a.example", "DNS:a.example", NULL, NULL},
      {"A.EXAMPLE", "DNS:a.example", NULL, NULL},
      {"a.example", "DNS:A.Example", NULL, NULL},
      {"a.example.", "DNS:a.example", NULL, NULL},
      {"a.example", "DNS:b.example,DNS:a.example", NULL, NULL},
      {"b.example", "DNS:a.example", NULL, "(the certificate is for a.example, not b.example)"},
      {"a.example.org", "DNS:a.example", NULL, name_words},
      {"example", "DNS:a.example", NULL, name_words},
      {"x.a.example", "DNS:a.example", NULL, name_words},
      {"a.example", "DNS:a.example.", NULL, name_words},
      {"a.example", "email:root@a.example", NULL, none_words},
      {"a.example", "URI:https://a.example/", NULL, none_words},
  };
  TRY(rows);
}

static void wildcard_is_the_whole_leftmost_label_and_one_label(void) {
  static const row rows[] = {
      {"x.b.example", "DNS:*.b.example", NULL, NULL},
      {"X.B.Example", "DNS:*.b.example", NULL, NULL},
      {"x.b.example.", "DNS:*.b.example", NULL, NULL},
      {"b.example", "DNS:*.b.example", NULL, name_words},
      {"x.y.b.example", "DNS:*.b.example", NULL, name_words},
      {"xy.b.example", "DNS:x*.b.example", NULL, name_words},
      {"xy.b.example", "DNS:*y.b.example", NULL, name_words},
      {"xyz.b.example", "DNS:x*z.b.example", NULL, name_words},
      {"x.y.b.example", "DNS:x.*.b.example", NULL, name_words},
      {"x.y.b.example", "DNS:*.*.b.example", NULL, name_words},
      {"x.b.example", "DNS:*.B.*", NULL, name_words},
  };
  TRY(rows);
}

/* OpenSSL's rule: two labels at least have to follow. It has no list of public suffixes. */
static void wildcard_of_a_top_level_domain_is_none(void) {
  static const row rows[] = {
      {"x.com", "DNS:*.com", NULL, name_words},
      {"localhost", "DNS:*", NULL, name_words},
      {"x.example.com", "DNS:*.example.com", NULL, NULL},
  };
  TRY(rows);
}

static void international_names_are_a_labels(void) {
  static const row rows[] = {
      {"xn--bcher-kva.example", "DNS:xn--bcher-kva.example", NULL, NULL},
      {"XN--BCHER-KVA.example", "DNS:xn--bcher-kva.example", NULL, NULL},
      {"xn--bcher-kva.b.example", "DNS:*.b.example", NULL, NULL},
      {"xn--bcher-kva.b.example", "DNS:xn--*.b.example", NULL, name_words},
      {"xn--bcher-kva.b.example", "DNS:xn--bcher*.b.example", NULL, name_words},
  };
  TRY(rows);
}

static void addresses_are_compared_as_addresses(void) {
  static const row rows[] = {
      {"127.0.0.1", "IP:127.0.0.1", NULL, NULL},
      {"::1", "IP:::1", NULL, NULL},
      {"0:0:0:0:0:0:0:1", "IP:::1", NULL, NULL},
      {"2001:DB8::1", "IP:2001:db8::1", NULL, NULL},
      {"127.0.0.2", "IP:127.0.0.1", NULL, ip_words},
      {"::2", "IP:::1", NULL, ip_words},
      {"127.0.0.1", "IP:::ffff:127.0.0.1", NULL, ip_words},
      {"127.0.0.1", "DNS:127.0.0.1", NULL, ip_words},
      {"::1", "DNS:::1", NULL, ip_words},
      {"127.0.0.1", "DNS:*.0.0.1", NULL, ip_words},
      {"127.0.0.1", NULL, "127.0.0.1", none_words},
      {"127.0.0.1", "URI:https://127.0.0.1/", NULL, none_words},
  };
  TRY(rows);
}

static void common_name_does_not_count(void) {
  static const row rows[] = {
      {"a.example", NULL, "a.example", none_words},
      {"a.example", "DNS:b.example", "a.example", name_words},
      {"a.example", "IP:127.0.0.1", "a.example", name_words},
      {"a.example", "email:root@a.example", "a.example", none_words},
  };
  TRY(rows);
}

static const test_case cases[] = {
    TEST(names_are_compared_without_case_and_final_dot),
    TEST(wildcard_is_the_whole_leftmost_label_and_one_label),
    TEST(wildcard_of_a_top_level_domain_is_none),
    TEST(international_names_are_a_labels),
    TEST(addresses_are_compared_as_addresses),
    TEST(common_name_does_not_count),
    TESTS_END,
};

const test_suite tls_name_suite = {"name", cases, tls_world_setup, tls_world_teardown};
