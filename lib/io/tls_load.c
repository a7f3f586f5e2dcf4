/* tls_load.c: certificates, keys and CRLs from PEM, given as a file or as the text itself. Files
 * are read here and not by OpenSSL, so that both take one way and a missing file has the system's
 * words. */
#include "lib/base/buf.h"
#include "lib/base/fail.h"
#include "lib/io/tls_openssl.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
  READ_STEP = 16 * 1024, /* a key fits into the first one, so growing leaves no copy of it behind */
  FILE_MAX = 16 * 1024 * 1024 /* a system's whole store is a fiftieth of this */
};

/* PEM text and what to call it. */
typedef struct source {
  char name[GMUX__FAIL_TEXT / 4]; /* `ca_file "/etc/x.pem"`, `ca_pem` */
  gmux__buf file;
  const char *text; /* not terminated */
  size_t len;
} source;

static void source_deinit(source *src) {
  if (src->file.mem) OPENSSL_cleanse(src->file.mem, src->file.cap);
  gmux__buf_deinit(&src->file);
}

static int source_fail_errno(const source *src, int error) {
  int code = error == ENOENT || error == ENOTDIR ? GMUX_ERR_NOT_FOUND : GMUX_ERR_IO;
  return gmux__fail(code, "%s cannot be read: %s", src->name, strerror(error));
}

static int source_read(source *src, int fd) {
  for (;;) {
    if (gmux__buf_len(&src->file) > FILE_MAX)
      return gmux__fail(GMUX_ERR_TLS, "%s is larger than 16 MiB", src->name);
    uint8_t *at = gmux__buf_reserve(&src->file, READ_STEP);
    if (!at) return gmux__fail_code(GMUX_ERR_NOMEM);
    ssize_t got = read(fd, at, READ_STEP);
    if (got == 0) return 0;
    if (got > 0)
      gmux__buf_commit(&src->file, (size_t)got);
    else if (errno != EINTR)
      return source_fail_errno(src, errno);
  }
}

static int source_read_file(source *src, const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return source_fail_errno(src, errno);
  int rc = source_read(src, fd);
  close(fd);
  if (rc) return rc;
  src->text = (const char *)gmux__buf_data(&src->file);
  src->len = gmux__buf_len(&src->file);
  return 0;
}

/* `option` is the fields' name without _file and _pem. To be deinited also after a failure. */
static int source_init(source *src, const char *option, const char *file, const char *pem) {
  *src = (source){.text = pem, .len = pem ? strlen(pem) : 0};
  snprintf(src->name, sizeof src->name, pem ? "%s_pem" : "%s_file \"%s\"", option, file);
  if (!pem) return source_read_file(src, file);
  if (src->len > FILE_MAX) return gmux__fail(GMUX_ERR_TLS, "%s is larger than 16 MiB", src->name);
  return 0;
}

static BIO *source_bio(const source *src) {
  return BIO_new_mem_buf(src->text ? src->text : "", (int)src->len);
}

/* OpenSSL would ask for a password on the terminal. */
static int password_refuse(char *buf, int size, int is_writing, void *was_asked) {
  (void)buf, (void)size, (void)is_writing;
  *(bool *)was_asked = true;
  return -1;
}

/* ---- certificates ---- */

static void certificates_free(STACK_OF(X509) * certs) {
  sk_X509_pop_free(certs, X509_free);
}

static int read_certificates(const source *src, BIO *bio, STACK_OF(X509) * certs) {
  ERR_clear_error();
  bool is_encrypted = false;
  X509 *cert;
  while ((cert = PEM_read_bio_X509(bio, NULL, password_refuse, &is_encrypted)) != NULL) {
    if (sk_X509_push(certs, cert)) continue;
    X509_free(cert);
    return gmux__fail_code(GMUX_ERR_NOMEM);
  }
  if (!gmux__tls_error_is(ERR_LIB_PEM, PEM_R_NO_START_LINE))
    return gmux__tls_fail("%s: certificate number %d cannot be read", src->name,
                          sk_X509_num(certs) + 1);
  ERR_clear_error();
  if (sk_X509_num(certs) > 0) return 0;
  return gmux__fail(GMUX_ERR_TLS,
                    "%s has no certificate in it: PEM with -----BEGIN CERTIFICATE----- is wanted",
                    src->name);
}

/* At least one, in the order of the text. */
static int source_certificates(STACK_OF(X509) * *out, const source *src) {
  BIO *bio = source_bio(src);
  STACK_OF(X509) *certs = sk_X509_new_null();
  int rc = bio && certs ? read_certificates(src, bio, certs) : gmux__fail_code(GMUX_ERR_NOMEM);
  BIO_free(bio);
  if (rc)
    certificates_free(certs);
  else
    *out = certs;
  return rc;
}

static int trust_certificate(SSL_CTX *context, X509 *cert, const source *src, bool for_server) {
  if (!X509_STORE_add_cert(SSL_CTX_get_cert_store(context), cert) ||
      (for_server && !SSL_CTX_add_client_CA(context, cert)))
    return gmux__tls_fail("%s", src->name);
  return 0;
}

static int trust_source(SSL_CTX *context, const source *src, bool for_server) {
  STACK_OF(X509) *certs = NULL;
  int rc = source_certificates(&certs, src);
  for (int i = 0; rc == 0 && i < sk_X509_num(certs); i++)
    rc = trust_certificate(context, sk_X509_value(certs, i), src, for_server);
  certificates_free(certs);
  return rc;
}

int gmux__tls_load_trust(SSL_CTX *context, const char *file, const char *pem, bool for_server) {
  source src;
  int rc = source_init(&src, "ca", file, pem);
  if (rc == 0) rc = trust_source(context, &src, for_server);
  source_deinit(&src);
  return rc;
}

/* ---- who is trusted no more ---- */

/* The earlier of *until and the list's end. */
static int until_lower(ASN1_TIME **until, const X509_CRL *crl) {
  const ASN1_TIME *end = X509_CRL_get0_nextUpdate(crl);
  if (!end || (*until && ASN1_TIME_compare(*until, end) <= 0)) return 0;
  ASN1_TIME_free(*until);
  *until = ASN1_STRING_dup(end);
  return *until ? 0 : gmux__fail_code(GMUX_ERR_NOMEM);
}

static int distrust_list(SSL_CTX *context, X509_CRL *crl, const source *src, ASN1_TIME **until) {
  if (!X509_STORE_add_crl(SSL_CTX_get_cert_store(context), crl))
    return gmux__tls_fail("%s", src->name);
  return until_lower(until, crl);
}

static int distrust_lists(SSL_CTX *context, BIO *bio, const source *src, ASN1_TIME **until) {
  ERR_clear_error();
  bool is_encrypted = false;
  int count = 0, rc = 0;
  X509_CRL *crl;
  while (!rc && (crl = PEM_read_bio_X509_CRL(bio, NULL, password_refuse, &is_encrypted)) != NULL) {
    rc = distrust_list(context, crl, src, until);
    X509_CRL_free(crl);
    count++;
  }
  if (rc) return rc;
  if (!gmux__tls_error_is(ERR_LIB_PEM, PEM_R_NO_START_LINE))
    return gmux__tls_fail("%s: CRL number %d cannot be read", src->name, count + 1);
  ERR_clear_error();
  if (count > 0) return 0;
  return gmux__fail(GMUX_ERR_TLS,
                    "%s has no CRL in it: PEM with -----BEGIN X509 CRL----- is wanted", src->name);
}

static int distrust_source(SSL_CTX *context, const source *src, ASN1_TIME **until) {
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context),
                              X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  BIO *bio = source_bio(src);
  int rc = bio ? distrust_lists(context, bio, src, until) : gmux__fail_code(GMUX_ERR_NOMEM);
  BIO_free(bio);
  return rc;
}

int gmux__tls_load_crls(SSL_CTX *context, const char *file, const char *pem, ASN1_TIME **until) {
  source src;
  int rc = source_init(&src, "crl", file, pem);
  if (rc == 0) rc = distrust_source(context, &src, until);
  source_deinit(&src);
  return rc;
}

/* ---- one's own ---- */

static int source_key(EVP_PKEY **out, const source *src) {
  BIO *bio = source_bio(src);
  if (!bio) return gmux__fail_code(GMUX_ERR_NOMEM);
  bool is_encrypted = false;
  ERR_clear_error();
  *out = PEM_read_bio_PrivateKey(bio, NULL, password_refuse, &is_encrypted);
  BIO_free(bio);
  if (*out) return 0;
  if (!is_encrypted) return gmux__tls_fail("%s has no private key that can be read", src->name);
  ERR_clear_error();
  return gmux__fail(GMUX_ERR_TLS,
                    "%s is encrypted: decrypt it first (openssl pkey -in ... -out ...)", src->name);
}

/* That the two are not a pair, and not that there was no memory to compare them. */
static bool is_mismatch(void) {
  return gmux__tls_error_is(ERR_LIB_X509, X509_R_KEY_VALUES_MISMATCH) ||
         gmux__tls_error_is(ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH);
}

static int use_key(SSL_CTX *context, X509 *leaf, EVP_PKEY *key, const source *cert_src,
                   const source *key_src) {
  ERR_clear_error();
  if (!X509_check_private_key(leaf, key)) {
    if (!is_mismatch()) return gmux__tls_fail("%s cannot be compared", key_src->name);
    ERR_clear_error();
    return gmux__fail(GMUX_ERR_TLS,
                      "the key of %s does not belong to the first certificate of %s (one's own "
                      "certificate stands first, its issuers follow)",
                      key_src->name, cert_src->name);
  }
  if (!SSL_CTX_use_PrivateKey(context, key))
    return gmux__tls_fail("%s is not accepted", key_src->name);
  return 0;
}

static int use_chain(SSL_CTX *context, STACK_OF(X509) * certs, const source *src) {
  ERR_clear_error();
  if (!SSL_CTX_use_certificate(context, sk_X509_value(certs, 0)))
    return gmux__tls_fail("%s is not accepted", src->name);
  for (int i = 1; i < sk_X509_num(certs); i++)
    if (!SSL_CTX_add1_chain_cert(context, sk_X509_value(certs, i)))
      return gmux__tls_fail("%s: certificate number %d is not accepted", src->name, i + 1);
  return 0;
}

static int use_identity(SSL_CTX *context, const source *cert_src, const source *key_src) {
  STACK_OF(X509) *certs = NULL;
  EVP_PKEY *key = NULL;
  int rc = source_certificates(&certs, cert_src);
  if (rc == 0) rc = source_key(&key, key_src);
  if (rc == 0) rc = use_chain(context, certs, cert_src);
  if (rc == 0) rc = use_key(context, sk_X509_value(certs, 0), key, cert_src, key_src);
  EVP_PKEY_free(key);
  certificates_free(certs);
  return rc;
}

int gmux__tls_load_identity(SSL_CTX *context, const gmux_tls_options *options) {
  source cert_src, key_src = {0};
  int rc = source_init(&cert_src, "cert", options->cert_file, options->cert_pem);
  if (rc == 0) rc = source_init(&key_src, "key", options->key_file, options->key_pem);
  if (rc == 0) rc = use_identity(context, &cert_src, &key_src);
  source_deinit(&key_src);
  source_deinit(&cert_src);
  return rc;
}
