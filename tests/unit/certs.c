/* certs.c: certificates for tests, by OpenSSL's API. */
#include "tests/unit/certs.h"
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct test_ca {
  X509 *cert;
  EVP_PKEY *key;
  char *pem;
  char *chain; /* what leaves carry behind them: nothing below a root, its own PEM below others */
  char *file;
};

static const test_cert_options default_options;

static void must(bool ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "certs: %s failed\n", what);
  ERR_print_errors_fp(stderr);
  abort();
}

/* ---- text ---- */

static char *bio_take(BIO *bio) {
  char *data;
  long len = BIO_get_mem_data(bio, &data);
  char *text = strndup(data, (size_t)len);
  must(text, "memory");
  BIO_free(bio);
  return text;
}

static char *cert_text(X509 *cert) {
  BIO *bio = BIO_new(BIO_s_mem());
  must(bio && PEM_write_bio_X509(bio, cert), "writing a certificate");
  return bio_take(bio);
}

static char *key_text(EVP_PKEY *key) {
  BIO *bio = BIO_new(BIO_s_mem());
  must(bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), "writing a key");
  return bio_take(bio);
}

static char *text_join(char *first, const char *second) {
  size_t len = strlen(first);
  first = realloc(first, len + strlen(second) + 1);
  must(first, "memory");
  strcpy(first + len, second);
  return first;
}

char *test_temp_file(const char *text) {
  const char *dir = getenv("TMPDIR");
  char *path = text_join(strdup(dir && *dir ? dir : "/tmp"), "/gmux-test-XXXXXX");
  int fd = mkstemp(path);
  must(fd >= 0, "a temporary file");
  size_t len = strlen(text);
  must(write(fd, text, len) == (ssize_t)len, "writing a temporary file");
  close(fd);
  return path;
}

static void temp_file_free(char *path) {
  if (path) unlink(path);
  free(path);
}

/* ---- making one ---- */

static EVP_PKEY *key_new(int rsa_bits, const char *curve) {
  EVP_PKEY *key = rsa_bits ? EVP_RSA_gen((unsigned)rsa_bits) : EVP_EC_gen(curve ? curve : "P-256");
  must(key, "a key");
  return key;
}

static void cert_extend(X509 *cert, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  must(extension && X509_add_ext(cert, extension, -1), value);
  X509_EXTENSION_free(extension);
}

static void cert_set_serial(X509 *cert) {
  unsigned char bytes[16];
  must(RAND_bytes(bytes, sizeof bytes) == 1, "a serial number");
  bytes[0] &= 0x7f;
  BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
  must(number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)), "a serial number");
  BN_free(number);
}

static void cert_set_subject(X509 *cert, const char *common_name) {
  if (!common_name) return;
  const unsigned char *text = (const unsigned char *)common_name;
  must(
      X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8, text, -1, -1, 0),
      "a name");
}

static void set_times(ASN1_TIME *from, ASN1_TIME *until, int from_s, int until_s) {
  enum { HOUR = 3600, DAY = 24 * HOUR };
  bool is_default = from_s == 0 && until_s == 0;
  must(X509_gmtime_adj(from, is_default ? -HOUR : from_s) &&
           X509_gmtime_adj(until, is_default ? DAY : until_s),
       "a time");
}

/* Everything but extensions and signature. */
static X509 *cert_begin(EVP_PKEY *key, const test_cert_options *o) {
  X509 *cert = X509_new();
  must(cert && X509_set_version(cert, X509_VERSION_3) && X509_set_pubkey(cert, key),
       "a certificate");
  cert_set_serial(cert);
  cert_set_subject(cert, o->common_name);
  set_times(X509_getm_notBefore(cert), X509_getm_notAfter(cert), o->from_s, o->until_s);
  return cert;
}

static void cert_sign(X509 *cert, const X509 *issuer, EVP_PKEY *key, const EVP_MD *hash) {
  must(X509_set_issuer_name(cert, X509_get_subject_name(issuer)), "an issuer");
  must(X509_sign(cert, key, hash) > 0, "a signature");
}

/* ---- authorities ---- */

test_ca *test_ca_new_with(const test_ca_options *o) {
  test_ca *ca = calloc(1, sizeof *ca);
  must(ca, "memory");
  ca->key = key_new(0, o->curve);
  ca->cert = cert_begin(
      ca->key,
      &(test_cert_options){.common_name = o->name, .from_s = o->from_s, .until_s = o->until_s});
  const test_ca *above = o->issuer ? o->issuer : ca;
  cert_extend(ca->cert, above->cert, NID_basic_constraints,
              o->constraint ? o->constraint : "critical,CA:TRUE");
  cert_extend(ca->cert, above->cert, NID_key_usage, "critical,keyCertSign,cRLSign");
  cert_extend(ca->cert, above->cert, NID_subject_key_identifier, "hash");
  cert_sign(ca->cert, above->cert, above->key, EVP_sha256());
  ca->pem = cert_text(ca->cert);
  ca->chain = strdup(o->issuer ? ca->pem : "");
  must(ca->chain, "memory");
  if (o->issuer) ca->chain = text_join(ca->chain, o->issuer->chain);
  return ca;
}

test_ca *test_ca_new(const char *name) {
  return test_ca_new_with(&(test_ca_options){.name = name});
}

test_ca *test_ca_new_intermediate(const char *name, const test_ca *issuer) {
  return test_ca_new_with(&(test_ca_options){.name = name, .issuer = issuer});
}

void test_ca_free(test_ca *ca) {
  if (!ca) return;
  X509_free(ca->cert);
  EVP_PKEY_free(ca->key);
  free(ca->pem);
  free(ca->chain);
  temp_file_free(ca->file);
  free(ca);
}

const char *test_ca_pem(const test_ca *ca) {
  return ca->pem;
}

const char *test_ca_file(test_ca *ca) {
  if (!ca->file) ca->file = test_temp_file(ca->pem);
  return ca->file;
}

/* ---- leaves ---- */

static void leaf_extend(X509 *cert, X509 *issuer, const test_cert_options *o) {
  cert_extend(cert, issuer, NID_basic_constraints, "critical,CA:FALSE");
  cert_extend(cert, issuer, NID_key_usage, "critical,digitalSignature");
  if (o->use == TEST_CERT_SERVER) cert_extend(cert, issuer, NID_ext_key_usage, "serverAuth");
  if (o->use == TEST_CERT_CLIENT) cert_extend(cert, issuer, NID_ext_key_usage, "clientAuth");
  if (o->san) cert_extend(cert, issuer, NID_subject_alt_name, o->san);
}

test_cert *test_cert_new(const test_ca *ca, const test_cert_options *options) {
  const test_cert_options *o = options ? options : &default_options;
  test_cert *made = calloc(1, sizeof *made);
  must(made, "memory");
  EVP_PKEY *key = key_new(o->rsa_bits, o->curve);
  X509 *cert = cert_begin(key, o);
  X509 *issuer = ca ? ca->cert : cert;
  leaf_extend(cert, issuer, o);
  cert_sign(cert, issuer, ca ? ca->key : key, o->sha1 ? EVP_sha1() : EVP_sha256());
  made->cert_pem = text_join(cert_text(cert), ca && !o->alone ? ca->chain : "");
  made->key_pem = key_text(key);
  X509_free(cert);
  EVP_PKEY_free(key);
  return made;
}

void test_cert_free(test_cert *cert) {
  if (!cert) return;
  free(cert->cert_pem);
  free(cert->key_pem);
  temp_file_free(cert->cert_file);
  temp_file_free(cert->key_file);
  free(cert);
}

void test_cert_files(test_cert *cert) {
  if (!cert->cert_file) cert->cert_file = test_temp_file(cert->cert_pem);
  if (!cert->key_file) cert->key_file = test_temp_file(cert->key_pem);
}

char *test_cert_encrypted_key_pem(const test_cert *cert, const char *password) {
  BIO *in = BIO_new_mem_buf(cert->key_pem, -1);
  EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, NULL, NULL) : NULL;
  BIO *out = BIO_new(BIO_s_mem());
  must(key && out, "reading a key");
  const unsigned char *secret = (const unsigned char *)password;
  must(PEM_write_bio_PrivateKey(out, key, EVP_aes_128_cbc(), secret, (int)strlen(password), NULL,
                                NULL),
       "encrypting a key");
  BIO_free(in);
  EVP_PKEY_free(key);
  return bio_take(out);
}

/* ---- lists of what was revoked ---- */

static void crl_revoke(X509_CRL *crl, const char *pem) {
  BIO *bio = BIO_new_mem_buf(pem, -1);
  X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
  X509_REVOKED *revoked = X509_REVOKED_new();
  must(cert && revoked && X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(cert)) &&
           X509_REVOKED_set_revocationDate(revoked, X509_get_notBefore(cert)) &&
           X509_CRL_add0_revoked(crl, revoked),
       "revoking a certificate");
  X509_free(cert);
  BIO_free(bio);
}

static char *crl_text(X509_CRL *crl) {
  BIO *bio = BIO_new(BIO_s_mem());
  must(bio && PEM_write_bio_X509_CRL(bio, crl), "writing a CRL");
  return bio_take(bio);
}

char *test_crl_pem(const test_ca *ca, const test_crl_options *options) {
  static const test_crl_options empty;
  const test_crl_options *o = options ? options : &empty;
  X509_CRL *crl = X509_CRL_new();
  ASN1_TIME *from = ASN1_TIME_new(), *until = ASN1_TIME_new();
  must(crl && from && until, "a CRL");
  set_times(from, until, o->from_s, o->until_s);
  must(X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
           X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert)) &&
           X509_CRL_set1_lastUpdate(crl, from) && X509_CRL_set1_nextUpdate(crl, until),
       "a CRL");
  if (o->revoked_pem) crl_revoke(crl, o->revoked_pem);
  must(X509_CRL_sort(crl) &&
           X509_CRL_sign(crl, (o->forger ? o->forger : ca)->key, EVP_sha256()) > 0,
       "signing a CRL");
  char *text = crl_text(crl);
  ASN1_TIME_free(from);
  ASN1_TIME_free(until);
  X509_CRL_free(crl);
  return text;
}
