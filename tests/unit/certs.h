/*
 * certs.h: certificates for tests, made when they run: EC P-256 unless said otherwise, nothing on
 * disk but temporary files that go with their object. Whatever fails ends the process with words:
 * there is no test without certificates. Memory is libc's and OpenSSL's, so that the library's
 * allocations are counted alone.
 *
 *   test_ca *ca = test_ca_new("test CA");
 *   test_cert *server = test_cert_new(ca, &(test_cert_options){.san = "DNS:localhost"});
 *   ... ca_pem = test_ca_pem(ca), cert_pem = server->cert_pem, key_pem = server->key_pem ...
 *   test_cert_free(server);
 *   test_ca_free(ca);
 */
#ifndef TESTS_UNIT_CERTS_H
#define TESTS_UNIT_CERTS_H

#include <stdbool.h>

/* An authority. */
typedef struct test_ca test_ca;
test_ca *test_ca_new(const char *name);
/* One below another: its certificates come with a chain. */
test_ca *test_ca_new_intermediate(const char *name, const test_ca *issuer);

/* All zero: a root without a name. */
typedef struct test_ca_options {
  const char *name;
  const test_ca *issuer;  /* NULL: a root */
  const char *constraint; /* NULL: "critical,CA:TRUE" */
  const char *curve;      /* NULL: P-256 */
  int from_s, until_s;    /* as in test_cert_options */
} test_ca_options;
test_ca *test_ca_new_with(const test_ca_options *options);
void test_ca_free(test_ca *ca); /* takes NULL */
/* Its own certificate; text and file live as long as it does. */
const char *test_ca_pem(const test_ca *ca);
const char *test_ca_file(test_ca *ca);

typedef enum test_cert_use {
  TEST_CERT_ANY = 0, /* says nothing of its purpose: good for both */
  TEST_CERT_SERVER,
  TEST_CERT_CLIENT
} test_cert_use;

/* All zero: no names, any use, good from an hour ago until tomorrow. */
typedef struct test_cert_options {
  const char *common_name; /* NULL: an empty subject */
  const char *san;         /* as openssl.cnf has it: "DNS:*.a.example,IP:::1"; NULL: none */
  test_cert_use use;
  int from_s, until_s; /* seconds from now; both 0: the default */
  int rsa_bits;        /* 0: EC */
  const char *curve;   /* NULL: P-256 */
  bool sha1;           /* signed with it */
  bool alone;          /* without the chain */
} test_cert_options;

typedef struct test_cert {
  char *cert_pem; /* with the chain below the root, the leaf first */
  char *key_pem;
  char *cert_file, *key_file; /* NULL until test_cert_files */
} test_cert;

/* ca NULL: signed by itself. options NULL: all zero. */
test_cert *test_cert_new(const test_ca *ca, const test_cert_options *options);
void test_cert_free(test_cert *cert); /* takes NULL */
/* Writes the two files, for peers that want them. */
void test_cert_files(test_cert *cert);
/* The key once more, encrypted with `password`; free() it. */
char *test_cert_encrypted_key_pem(const test_cert *cert, const char *password);

/* All zero: an empty list, good from an hour ago until tomorrow. */
typedef struct test_crl_options {
  const char *revoked_pem; /* the first certificate in it; NULL: none */
  const test_ca *forger;   /* signs in the authority's place; NULL: nobody */
  int from_s, until_s;
} test_crl_options;
/* A list of what the authority has revoked, as PEM; free() it. options NULL: all zero. */
char *test_crl_pem(const test_ca *ca, const test_crl_options *options);

/* A new temporary file with this text; its path is to be unlinked and free()d. */
char *test_temp_file(const char *text);

#endif
