/* certificate.c: what OpenSSL reads of one. */
#include "tools/gmux/certificate.h"
#include "tools/gmux/plain.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What was printed into it, without what a terminal would obey. */
static void take_text(BIO *bio, buffer *out) {
  char *text;
  long len = BIO_get_mem_data(bio, &text);
  if (len > 0) plain_add(out, text, (size_t)len);
  BIO_free(bio);
}

static void read_name(const X509_NAME *name, buffer *out) {
  BIO *bio = BIO_new(BIO_s_mem());
  if (!bio) return;
  X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
  take_text(bio, out);
}

static void read_names(X509 *x, buffer *out) {
  GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
  BIO *bio = BIO_new(BIO_s_mem());
  for (int i = 0; bio && i < sk_GENERAL_NAME_num(names); i++) {
    if (i) BIO_puts(bio, ", ");
    GENERAL_NAME_print(bio, sk_GENERAL_NAME_value(names, i));
  }
  if (bio) take_text(bio, out);
  GENERAL_NAMES_free(names);
}

static void read_end(certificate *c, const X509 *x) {
  const ASN1_TIME *end = X509_get0_notAfter(x);
  struct tm when;
  int days = 0, seconds = 0;
  if (ASN1_TIME_to_tm(end, &when))
    strftime(c->expires, sizeof c->expires, "%Y-%m-%d %H:%M:%S UTC", &when);
  ASN1_TIME_diff(&days, &seconds, NULL, end);
  c->days_left = days ? days : seconds < 0 ? -1 : 0;
}

static void read_fingerprint(certificate *c, const X509 *x) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned len = 0;
  if (!X509_digest(x, EVP_sha256(), digest, &len)) return;
  for (unsigned i = 0; i < len && 3 * i + 3 <= sizeof c->fingerprint; i++)
    snprintf(c->fingerprint + 3 * i, 4, "%02X%s", digest[i], i + 1 < len ? ":" : "");
}

bool certificate_read(certificate *c, const uint8_t *der, size_t len) {
  const unsigned char *at = der;
  X509 *x = len <= LONG_MAX ? d2i_X509(NULL, &at, (long)len) : NULL;
  ERR_clear_error();
  if (!x) return false;
  *c = (certificate){.days_left = 0};
  read_name(X509_get_subject_name(x), &c->subject);
  read_name(X509_get_issuer_name(x), &c->issuer);
  read_names(x, &c->names);
  read_end(c, x);
  read_fingerprint(c, x);
  ERR_clear_error();
  X509_free(x);
  return true;
}

void certificate_free(certificate *c) {
  buffer_free(&c->subject);
  buffer_free(&c->issuer);
  buffer_free(&c->names);
}
