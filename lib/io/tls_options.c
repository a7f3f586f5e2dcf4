/* tls_options.c: what was asked for: is it of sense, and a copy of it, for reloads. */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/tls_openssl.h"
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

enum {
  /* Programs built against the first version of the struct pass at least its fields; a size far
   * beyond any version is a struct that was never initialised. */
  OPTIONS_SIZE_MIN = offsetof(gmux_tls_options, key_log) + sizeof(bool),
  OPTIONS_SIZE_MAX = 1024
};

void gmux_tls_options_init(gmux_tls_options *options, size_t size) {
  if (!options || size < sizeof options->size) return;
  memset(options, 0, size);
  options->size = size;
}

/* ---- reading ---- */

/* A newer program may set what this library has never heard of. To overlook that could mean to
 * check less than was asked for. */
static bool options_ask_for_unknown(const gmux_tls_options *options) {
  const unsigned char *bytes = (const unsigned char *)options;
  for (size_t i = sizeof *options; i < options->size; i++)
    if (bytes[i]) return true;
  return false;
}

static int options_read(gmux_tls_options *out, const gmux_tls_options *options) {
  *out = (gmux_tls_options){.size = sizeof *out};
  if (!options) return 0;
  if (options->size < OPTIONS_SIZE_MIN || options->size > OPTIONS_SIZE_MAX)
    return gmux__fail(GMUX_ERR_INVALID,
                      "the TLS options have size %zu, not %zu: fill them with "
                      "gmux_tls_options_init(&o, sizeof o)",
                      options->size, sizeof *out);
  if (options_ask_for_unknown(options))
    return gmux__fail(GMUX_ERR_INVALID, "the TLS options ask for something that this version of "
                                        "gmux does not know: use a newer one");
  memcpy(out, options, options->size < sizeof *out ? options->size : sizeof *out);
  out->size = sizeof *out;
  return 0;
}

/* ---- checking ---- */

static int options_check_pair(const char *name, const char *file, const char *pem) {
  if (!file || !pem) return 0;
  return gmux__fail(GMUX_ERR_INVALID, "%s_file and %s_pem are both set: set one of them", name,
                    name);
}

bool gmux__tls_options_have_trust(const gmux_tls_options *o) {
  return o->ca_file || o->ca_pem;
}

bool gmux__tls_options_have_identity(const gmux_tls_options *o) {
  return o->cert_file || o->cert_pem;
}

bool gmux__tls_options_have_crls(const gmux_tls_options *o) {
  return o->crl_file || o->crl_pem;
}

static int options_check_identity(const gmux_tls_options *o) {
  bool has_cert = gmux__tls_options_have_identity(o);
  bool has_key = o->key_file || o->key_pem;
  if (has_cert && !has_key)
    return gmux__fail(GMUX_ERR_INVALID,
                      "a certificate without its key: set key_file or key_pem as well");
  if (has_key && !has_cert)
    return gmux__fail(GMUX_ERR_INVALID,
                      "a key without its certificate: set cert_file or cert_pem as well");
  return 0;
}

static int options_check_client_cert(const gmux_tls_options *o) {
  if ((int)o->client_cert < GMUX_CLIENT_CERT_NONE || o->client_cert > GMUX_CLIENT_CERT_REQUIRED)
    return gmux__fail(GMUX_ERR_INVALID, "client_cert is %d, which is no gmux_client_cert",
                      (int)o->client_cert);
  if (o->client_cert != GMUX_CLIENT_CERT_NONE && !gmux__tls_options_have_trust(o))
    return gmux__fail(GMUX_ERR_INVALID, "client_cert asks for certificates, but nobody is trusted "
                                        "to sign them: set ca_file or ca_pem");
  return 0;
}

static int options_check(const gmux_tls_options *o) {
  int rc = options_check_pair("ca", o->ca_file, o->ca_pem);
  if (rc == 0) rc = options_check_pair("cert", o->cert_file, o->cert_pem);
  if (rc == 0) rc = options_check_pair("key", o->key_file, o->key_pem);
  if (rc == 0) rc = options_check_pair("crl", o->crl_file, o->crl_pem);
  if (rc == 0) rc = options_check_identity(o);
  return rc ? rc : options_check_client_cert(o);
}

int gmux_tls_options_check(const gmux_tls_options *options, char *why, size_t len) {
  gmux_tls_options o;
  int rc = options ? options_read(&o, options) : gmux__fail(GMUX_ERR_INVALID, "no TLS options");
  if (rc == 0) rc = options_check(&o);
  if (rc && why && len > 0) snprintf(why, len, "%s", gmux_last_error());
  return rc;
}

/* Somebody who gives a server a CA or a CRL believes that clients are checked. */
static int options_check_unasked(const gmux_tls_options *o) {
  if (gmux__tls_options_have_trust(o))
    return gmux__fail(GMUX_ERR_INVALID, "ca_file or ca_pem is set, but client_cert is NONE, so no "
                                        "client would be checked: set client_cert, or no CA");
  if (gmux__tls_options_have_crls(o))
    return gmux__fail(GMUX_ERR_INVALID, "crl_file or crl_pem is set, but client_cert is NONE, so "
                                        "no client would be checked: set client_cert, or no CRL");
  return 0;
}

static int options_check_role(const gmux_tls_options *o, bool is_server) {
  if (!is_server && o->client_cert != GMUX_CLIENT_CERT_NONE)
    return gmux__fail(GMUX_ERR_INVALID, "client_cert is for servers: a client presents the "
                                        "certificate of cert_file or cert_pem when it is asked");
  if (is_server && !gmux__tls_options_have_identity(o))
    return gmux__fail(GMUX_ERR_INVALID,
                      "a server needs a certificate: set cert_file and key_file (or ..._pem)");
  if (is_server && o->client_cert == GMUX_CLIENT_CERT_NONE) return options_check_unasked(o);
  return 0;
}

/* ---- keeping ---- */

static void options_texts(gmux_tls_options *o, const char **texts[GMUX__TLS_TEXTS]) {
  const char **all[GMUX__TLS_TEXTS] = {&o->ca_file,  &o->ca_pem,  &o->cert_file, &o->cert_pem,
                                       &o->key_file, &o->key_pem, &o->crl_file,  &o->crl_pem};
  memcpy(texts, all, sizeof all);
}

static int kept_copy(gmux__tls_kept *kept) {
  const char **texts[GMUX__TLS_TEXTS];
  options_texts(&kept->options, texts);
  for (size_t i = 0; i < GMUX__TLS_TEXTS; i++) {
    if (!*texts[i]) continue;
    kept->own[i] = gmux__strdup(*texts[i]);
    if (!kept->own[i]) return gmux__fail_code(GMUX_ERR_NOMEM);
    *texts[i] = kept->own[i];
  }
  return 0;
}

int gmux__tls_kept_init(gmux__tls_kept *kept, const gmux_tls_options *options, bool is_server) {
  *kept = (gmux__tls_kept){{0}, {0}};
  int rc = options_read(&kept->options, options);
  if (rc == 0) rc = options_check(&kept->options);
  if (rc == 0) rc = options_check_role(&kept->options, is_server);
  if (rc == 0) rc = kept_copy(kept);
  if (rc) gmux__tls_kept_deinit(kept);
  return rc;
}

/* One of them may be a private key. */
void gmux__tls_kept_deinit(gmux__tls_kept *kept) {
  for (size_t i = 0; i < GMUX__TLS_TEXTS; i++) {
    if (kept->own[i]) OPENSSL_cleanse(kept->own[i], strlen(kept->own[i]));
    gmux__free(kept->own[i]);
  }
  *kept = (gmux__tls_kept){{0}, {0}};
}
