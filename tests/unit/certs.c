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

static EVP_PKEY *key_new(int rsa_bits) {
  EVP_PKEY *key = rsa_bits ? EVP_RSA_gen((unsigned)rsa_bits) : EVP_EC_gen("P-256");
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

static void cert_set_times(X509 *cert, int from_s, int until_s) {
  enum { HOUR = 3600, DAY = 24 * HOUR };
  bool is_default = from_s == 0 && until_s == 0;
  must(X509_gmtime_adj(X509_getm_notBefore(cert), is_default ? -HOUR : from_s) &&
           X509_gmtime_adj(X509_getm_notAfter(cert), is_default ? DAY : until_s),
       "a time");
}

/* Everything but extensions and signature. */
static X509 *cert_begin(EVP_PKEY *key, const test_cert_options *o) {
  X509 *cert = X509_new();
  must(cert && X509_set_version(cert, X509_VERSION_3) && X509_set_pubkey(cert, key),
       "a certificate");
  cert_set_serial(cert);
  cert_set_subject(cert, o->common_name);
  cert_set_times(cert, o->from_s, o->until_s);
  return cert;
}

static void cert_sign(X509 *cert, const X509 *issuer, EVP_PKEY *key) {
  must(X509_set_issuer_name(cert, X509_get_subject_name(issuer)), "an issuer");
  must(X509_sign(cert, key, EVP_sha256()) > 0, "a signature");
}

/* ---- authorities ---- */

static test_ca *ca_new(const char *name, const test_ca *issuer) {
  test_ca *ca = calloc(1, sizeof *ca);
  must(ca, "memory");
  ca->key = key_new(0);
  ca->cert = cert_begin(ca->key, &(test_cert_options){.common_name = name});
  X509 *above = issuer ? issuer->cert : ca->cert;
  cert_extend(ca->cert, above, NID_basic_constraints, "critical,CA:TRUE");
  cert_extend(ca->cert, above, NID_key_usage, "critical,keyCertSign,cRLSign");
  cert_extend(ca->cert, above, NID_subject_key_identifier, "hash");
  cert_sign(ca->cert, above, issuer ? issuer->key : ca->key);
  ca->pem = cert_text(ca->cert);
  ca->chain = strdup(issuer ? ca->pem : "");
  must(ca->chain, "memory");
  if (issuer) ca->chain = text_join(ca->chain, issuer->chain);
  return ca;
}

test_ca *test_ca_new(const char *name) {
  return ca_new(name, NULL);
}

test_ca *test_ca_new_intermediate(const char *name, const test_ca *issuer) {
  return ca_new(name, issuer);
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
  EVP_PKEY *key = key_new(o->rsa_bits);
  X509 *cert = cert_begin(key, o);
  X509 *issuer = ca ? ca->cert : cert;
  leaf_extend(cert, issuer, o);
  cert_sign(cert, issuer, ca ? ca->key : key);
  made->cert_pem = text_join(cert_text(cert), ca ? ca->chain : "");
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
