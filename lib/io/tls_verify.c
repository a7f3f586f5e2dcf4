/* tls_verify.c: is the peer who it should be; and when it is not, why, in words. */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/tls_openssl.h"
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
  HOST_MAX = 253,  /* of a name, RFC 1035 section 2.3.4 */
  NAMES_SHOWN = 4, /* of the names of a certificate that is for others */
  WORDS_MAX = 400  /* leaves room in gmux_last_error() for what stands before them */
};

/* ---- whom to expect ---- */

/* RFC 6125: only subjectAltName counts, never the common name; "*" is a whole label or nothing. */
static const unsigned HOST_FLAGS =
    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;

static int expect_ip(SSL *ssl, const gmux__address *address) {
  size_t len = address->family == GMUX__FAMILY_IPV4 ? 4 : 16;
  if (X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), address->ip, len)) return 0;
  return gmux__tls_fail("TLS: the address to expect in the certificate");
}

static int expect_name(SSL *ssl, const char *host, size_t len) {
  X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(param, HOST_FLAGS);
  if (!X509_VERIFY_PARAM_set1_host(param, host, len))
    return gmux__tls_fail("TLS: the host name to expect in the certificate");
  char name[HOST_MAX + 1];
  memcpy(name, host, len);
  name[len] = '\0';
  if (!SSL_set_tlsext_host_name(ssl, name)) return gmux__tls_fail("TLS: the host name for SNI");
  return 0;
}

int gmux__tls_expect_host(SSL *ssl, const char *host) {
  size_t len = host ? strlen(host) : 0;
  gmux__address address;
  if (len && gmux__address_parse_ip(&address, host, len, 0)) return expect_ip(ssl, &address);
  /* "example.com." is the same name in full; certificates and SNI write it without the dot. */
  if (len && host[len - 1] == '.') len--;
  /* To OpenSSL no name means any name, and ".example" means all names below it. */
  if (len == 0 || len > HOST_MAX || host[0] == '.')
    return gmux__fail(GMUX_ERR_INVALID,
                      "\"%.300s\" is not a host name that a certificate can be checked for",
                      host ? host : "");
  return expect_name(ssl, host, len);
}

/* ---- why not ---- */

void gmux__tls_refuse(SSL *ssl, const char *format, ...) {
  gmux__tls_peer *peer = SSL_get_app_data(ssl);
  if (!peer || peer->refusal) return;
  char words[WORDS_MAX];
  va_list args;
  va_start(args, format);
  vsnprintf(words, sizeof words, format, args);
  va_end(args);
  peer->refusal = gmux__strdup(words);
}

typedef struct text {
  char *at;
  size_t left; /* with room for the zero */
} text;

static void text_add(text *t, const char *format, ...) GMUX_PRINTF(2, 3);
static void text_add(text *t, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int len = vsnprintf(t->at, t->left, format, args);
  va_end(args);
  if (len < 0) return;
  size_t added = (size_t)len < t->left ? (size_t)len : t->left - 1;
  t->at += added;
  t->left -= added;
}

/* What a stranger wrote into a certificate may end in a log or on a terminal. */
static void text_add_foreign(text *t, const unsigned char *s, int len) {
  for (int i = 0; i < len; i++)
    text_add(t, "%c", s[i] > ' ' && s[i] < 0x7f ? s[i] : '?');
}

static bool text_add_name(text *t, const GENERAL_NAME *name, const char *separator) {
  char ip[INET6_ADDRSTRLEN];
  const ASN1_STRING *value = name->d.ia5;
  if (name->type == GEN_DNS) {
    text_add(t, "%s", separator);
    text_add_foreign(t, ASN1_STRING_get0_data(value), ASN1_STRING_length(value));
    return true;
  }
  if (name->type != GEN_IPADD) return false;
  int family = ASN1_STRING_length(value) == 4 ? AF_INET : AF_INET6;
  if (family == AF_INET6 && ASN1_STRING_length(value) != 16) return false;
  if (!inet_ntop(family, ASN1_STRING_get0_data(value), ip, sizeof ip)) return false;
  text_add(t, "%s%s", separator, ip);
  return true;
}

/* "a.example, 192.0.2.1 and others", or "" when it is for no host at all. */
static void certificate_names(const X509 *cert, char *buf, size_t len) {
  text t = {buf, len};
  buf[0] = '\0';
  GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  int shown = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names) && shown < NAMES_SHOWN; i++)
    if (text_add_name(&t, sk_GENERAL_NAME_value(names, i), shown ? ", " : "")) shown++;
  if (shown == NAMES_SHOWN && sk_GENERAL_NAME_num(names) > NAMES_SHOWN) text_add(&t, " and others");
  GENERAL_NAMES_free(names);
}

static void name_text(const X509_NAME *name, char *buf, size_t len) {
  buf[0] = '\0';
  if (!X509_NAME_oneline(name, buf, (int)len)) return;
  for (char *c = buf; *c; c++)
    if (*c < ' ' || *c > '~') *c = '?';
}

static void time_text(const ASN1_TIME *time, char *buf, size_t len) {
  struct tm tm;
  if (!ASN1_TIME_to_tm(time, &tm) || !strftime(buf, len, "%Y-%m-%d %H:%M:%S UTC", &tm))
    snprintf(buf, len, "a time that cannot be read");
}

static void refuse_host(SSL *ssl, const X509 *cert, const char *reason) {
  const gmux__tls_peer *peer = SSL_get_app_data(ssl);
  char names[WORDS_MAX / 2];
  certificate_names(cert, names, sizeof names);
  if (!names[0])
    gmux__tls_refuse(ssl,
                     "certificate verify failed: %s (the certificate names no host in its "
                     "subjectAltName; its common name does not count)",
                     reason);
  else
    gmux__tls_refuse(ssl, "certificate verify failed: %s (the certificate is for %s, not %.100s)",
                     reason, names, peer && peer->host ? peer->host : "");
}

static void refuse_time(SSL *ssl, const X509 *cert, const char *reason, const char *subject,
                        bool has_expired) {
  char when[64];
  time_text(has_expired ? X509_get0_notAfter(cert) : X509_get0_notBefore(cert), when, sizeof when);
  gmux__tls_refuse(ssl, "certificate verify failed: %s (%s is good %s %s)", reason, subject,
                   has_expired ? "until" : "from", when);
}

/* `cert` is what the list should say something of. */
static void refuse_list(SSL *ssl, X509_STORE_CTX *store, const X509 *cert, const char *reason) {
  const X509_CRL *crl = X509_STORE_CTX_get0_current_crl(store);
  char issuer[160], when[64] = "";
  name_text(X509_get_issuer_name(cert), issuer, sizeof issuer);
  if (!crl) {
    gmux__tls_refuse(ssl,
                     "certificate verify failed: %s (crl_file has no list of %s, which signed a "
                     "certificate of the chain; every authority of it needs one)",
                     reason, issuer);
    return;
  }
  if (X509_CRL_get0_nextUpdate(crl)) time_text(X509_CRL_get0_nextUpdate(crl), when, sizeof when);
  gmux__tls_refuse(ssl,
                   "certificate verify failed: %s (the list of %s in crl_file%s%s; a good one is "
                   "wanted before anybody that it signed for is trusted)",
                   reason, issuer, when[0] ? ", good until " : "", when);
}

static void refuse_certificate(SSL *ssl, X509_STORE_CTX *store, const X509 *cert) {
  int error = X509_STORE_CTX_get_error(store);
  const char *reason = X509_verify_cert_error_string(error);
  const gmux__tls_peer *peer = SSL_get_app_data(ssl);
  char subject[160];
  name_text(X509_get_subject_name(cert), subject, sizeof subject);
  switch (error) {
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH:
    refuse_host(ssl, cert, reason);
    return;
  case X509_V_ERR_CERT_HAS_EXPIRED:
  case X509_V_ERR_CERT_NOT_YET_VALID:
    refuse_time(ssl, cert, reason, subject, error == X509_V_ERR_CERT_HAS_EXPIRED);
    return;
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    gmux__tls_refuse(ssl,
                     "certificate verify failed: %s (%s is not signed by an authority that is "
                     "trusted here; ca_file says which are)",
                     reason, subject);
    return;
  case X509_V_ERR_INVALID_PURPOSE:
    gmux__tls_refuse(ssl, "certificate verify failed: %s (%s was not made for a %s)", reason,
                     subject, peer && peer->tls->is_server ? "client" : "server");
    return;
  case X509_V_ERR_UNABLE_TO_GET_CRL:
  case X509_V_ERR_CRL_HAS_EXPIRED:
  case X509_V_ERR_CRL_NOT_YET_VALID:
  case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    refuse_list(ssl, store, cert, reason);
    return;
  default:
    gmux__tls_refuse(ssl, "certificate verify failed: %s (%s)", reason, subject);
  }
}

int gmux__tls_verify_note(int is_good, X509_STORE_CTX *store) {
  if (is_good) return is_good;
  SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  const X509 *cert = X509_STORE_CTX_get_current_cert(store);
  if (!cert) cert = X509_STORE_CTX_get0_cert(store);
  if (ssl && cert) refuse_certificate(ssl, store, cert);
  return is_good;
}

/* ---- who is it ---- */

static char *subject_text(const X509_NAME *subject) {
  char *name = NULL;
  BIO *bio = BIO_new(BIO_s_mem());
  if (bio && X509_NAME_print_ex(bio, subject, 0, XN_FLAG_RFC2253) >= 0) {
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    name = gmux__strndup(data, (size_t)len);
  }
  BIO_free(bio);
  return name;
}

int gmux__tls_subject_of_peer(char **name, const SSL *ssl) {
  *name = NULL;
  const X509 *cert = SSL_get0_peer_certificate(ssl);
  const X509_NAME *subject = cert ? X509_get_subject_name(cert) : NULL;
  if (!subject || X509_NAME_entry_count(subject) == 0) return 0;
  *name = subject_text(subject);
  return *name ? 0 : gmux__fail_code(GMUX_ERR_NOMEM);
}

int gmux__tls_der(gmux_bytes *out, X509 *cert) {
  int len = i2d_X509(cert, NULL);
  uint8_t *der = len > 0 ? gmux__malloc((size_t)len) : NULL;
  if (!der) {
    ERR_clear_error();
    return gmux__fail_code(GMUX_ERR_NOMEM);
  }
  uint8_t *end = der; /* is moved behind what was written */
  i2d_X509(cert, &end);
  *out = gmux_bytes_own(der, (size_t)len);
  return 0;
}
