/*
 * tls_context.c: one edition of credentials: options in, an SSL_CTX with the policy of tls.h out.
 */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/tls_openssl.h"
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

/* ---- the key log ---- */

/* A line is one system call, so that lines of several loops and processes do not mix. One that
 * cannot be written is lost: connections are worth more than their traces. */
static void key_log_write(const SSL *ssl, const char *line) {
  const gmux__tls_edition *edition = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  char newline[] = "\n";
  union {
    const char *in;
    void *out;
  } text = {.in = line}; /* writev wants it without const, and does not change it */
  struct iovec parts[] = {{text.out, strlen(line)}, {newline, 1}};
  while (writev(edition->key_log, parts, 2) < 0 && errno == EINTR)
    continue;
}

/* ---- ALPN ---- */

static const unsigned char alpn_h2[] = {2, 'h', '2'};

/* OpenSSL asks alpn_select only when the client offers anything; and a client that offers nothing
 * shall be told so as well. */
static int alpn_require(SSL *ssl, int *alert, void *arg) {
  (void)arg;
  const unsigned char *data;
  size_t len;
  unsigned type = TLSEXT_TYPE_application_layer_protocol_negotiation;
  if (SSL_client_hello_get0_ext(ssl, type, &data, &len)) return SSL_CLIENT_HELLO_SUCCESS;
  gmux__tls_refuse(ssl, "the client does not offer HTTP/2 (no ALPN \"h2\")");
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

static int alpn_select(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                       const unsigned char *in, unsigned in_len, void *arg) {
  (void)ssl, (void)arg;
  for (unsigned i = 0; i < in_len; i += 1u + in[i]) {
    if (in_len - i < sizeof alpn_h2 || memcmp(in + i, alpn_h2, sizeof alpn_h2) != 0) continue;
    *out = in + i + 1;
    *out_len = in[i];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool context_require_h2(SSL_CTX *context, bool is_server) {
  if (!is_server) return SSL_CTX_set_alpn_protos(context, alpn_h2, sizeof alpn_h2) == 0;
  SSL_CTX_set_client_hello_cb(context, alpn_require, NULL);
  SSL_CTX_set_alpn_select_cb(context, alpn_select, NULL);
  return true;
}

/* ---- policy ---- */

/* What the system's openssl.cnf demands may be stricter than this, never laxer. */
static bool context_set_floor(SSL_CTX *context) {
  enum {
    SECURITY_LEVEL = 2, /* 112 bits: RSA 2048, no SHA-1 signatures */
    ISSUERS_MAX = 8     /* between a certificate and who is trusted; those in use have one or two */
  };
  if (SSL_CTX_get_security_level(context) < SECURITY_LEVEL)
    SSL_CTX_set_security_level(context, SECURITY_LEVEL);
  SSL_CTX_set_verify_depth(context, ISSUERS_MAX);
  if (SSL_CTX_get_min_proto_version(context) < TLS1_2_VERSION &&
      !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION))
    return false;
  /* TLS 1.2's: RFC 9113 appendix A forbids all others. TLS 1.3 has only such. */
  return SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
}

/* Those of TLS 1.3 that are asked for, as SSL_CTX_set_ciphersuites takes them. */
static void suites_print(const SSL_CTX *context, char *text, size_t room) {
  const STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(context);
  size_t len = 0;
  text[0] = '\0';
  for (int i = 0; i < sk_SSL_CIPHER_num(all) && len < room; i++) {
    const SSL_CIPHER *suite = sk_SSL_CIPHER_value(all, i);
    if (strcmp(SSL_CIPHER_get_version(suite), "TLSv1.3") != 0) continue;
    int more = snprintf(text + len, room - len, "%s%s", len ? ":" : "", SSL_CIPHER_get_name(suite));
    len += (size_t)more;
  }
}

/*
 * OpenSSL asks for AES-256 with SHA-384 first; browsers and Go for AES-128 with SHA-256, which RFC
 * 8446 section 9.1 has everybody implement. A handshake is mostly hashes, and processors have
 * instructions for SHA-256. Where openssl.cnf says what to ask for, that stands.
 */
bool gmux__tls_order_suites(SSL_CTX *context) {
  char asked[256];
  suites_print(context, asked, sizeof asked);
  if (strcmp(asked, OSSL_default_ciphersuites()) != 0) return true;
  return SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                           "TLS_CHACHA20_POLY1305_SHA256");
}

static void context_set_behaviour(SSL_CTX *context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  /* openssl.cnf may have set these. The first would make a cut connection look like an ended one.
   */
  SSL_CTX_clear_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF |
                                     SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                     SSL_OP_LEGACY_SERVER_CONNECT);
  /* Idle connections hold no buffers; a record left over is offered again from wherever its bytes
   * are by then. */
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1); /* a record's head and body by one read */
}

/*
 * Servers keep sessions in tickets, which the client stores, so that clients cannot fill a cache
 * here. One ticket a connection: ours keeps one, and the next connection brings the next. Clients
 * are given theirs by callback (tls_session.c).
 */
static int edition_resume_as_server(gmux__tls_edition *e) {
  static const unsigned char session_id_context[] = "gmux";
  int rc = gmux__tls_tickets_new(&e->tickets);
  if (rc) return rc;
  if (SSL_CTX_set_num_tickets(e->context, 1) &&
      SSL_CTX_set_tlsext_ticket_key_evp_cb(e->context, gmux__tls_ticket_key) &&
      SSL_CTX_set_session_ticket_cb(e->context, NULL, gmux__tls_ticket_check, NULL) &&
      SSL_CTX_set_session_id_context(e->context, session_id_context, sizeof session_id_context - 1))
    return 0;
  return gmux__tls_fail("TLS: tickets");
}

static int edition_set_resumption(gmux__tls_edition *e, const gmux_tls_options *o, bool is_server) {
  SSL_CTX_set_session_cache_mode(e->context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(e->context, GMUX__TLS_SESSION_S);
  if (o->no_resumption) {
    SSL_CTX_set_options(e->context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(e->context, 0);
    return 0;
  }
  if (is_server) return edition_resume_as_server(e);
  SSL_CTX_set_session_cache_mode(e->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(e->context, gmux__tls_session_save);
  return 0;
}

static int verify_mode(const gmux_tls_options *o, bool is_server) {
  if (!is_server) return SSL_VERIFY_PEER;
  switch (o->client_cert) {
  case GMUX_CLIENT_CERT_OPTIONAL:
    return SSL_VERIFY_PEER;
  case GMUX_CLIENT_CERT_REQUIRED:
    return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  case GMUX_CLIENT_CERT_NONE:
  default:
    return SSL_VERIFY_NONE;
  }
}

static int edition_load(gmux__tls_edition *e, const gmux_tls_options *o, bool is_server) {
  int rc = 0;
  if (gmux__tls_options_have_trust(o))
    rc = gmux__tls_load_trust(e->context, o->ca_file, o->ca_pem, is_server);
  else if (!is_server && !SSL_CTX_set_default_verify_paths(e->context))
    rc = gmux__tls_fail("TLS: the system's store of trusted authorities");
  if (rc == 0 && gmux__tls_options_have_crls(o))
    rc = gmux__tls_load_crls(e->context, o->crl_file, o->crl_pem, &e->crls_until);
  if (rc == 0 && gmux__tls_options_have_identity(o)) rc = gmux__tls_load_identity(e->context, o);
  return rc;
}

/* ---- life ---- */

static int edition_build(gmux__tls_edition *e, const gmux_tls_options *o, bool is_server) {
  ERR_clear_error();
  e->context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
  if (!e->context) return gmux__tls_fail("TLS cannot be set up");
  SSL_CTX_set_app_data(e->context, e);
  context_set_behaviour(e->context);
  if (!context_set_floor(e->context) || !context_require_h2(e->context, is_server) ||
      !gmux__tls_order_suites(e->context))
    return gmux__tls_fail("TLS cannot be set up");
  SSL_CTX_set_verify(e->context, verify_mode(o, is_server), gmux__tls_verify_note);
  if (e->key_log >= 0) SSL_CTX_set_keylog_callback(e->context, key_log_write);
  int rc = edition_set_resumption(e, o, is_server);
  return rc ? rc : edition_load(e, o, is_server);
}

int gmux__tls_edition_new(gmux__tls_edition **out, const gmux_tls_options *o, bool is_server,
                          int key_log) {
  gmux__tls_edition *e = gmux__calloc(1, sizeof *e);
  if (!e) return gmux__fail_code(GMUX_ERR_NOMEM);
  e->key_log = key_log;
  atomic_init(&e->users, 1);
  int rc = is_server ? 0 : gmux__tls_sessions_new(&e->sessions);
  if (rc == 0) rc = edition_build(e, o, is_server);
  ERR_clear_error();
  if (rc)
    gmux__tls_edition_unref(e);
  else
    *out = e;
  return rc;
}

void gmux__tls_edition_unref(gmux__tls_edition *e) {
  if (!e) return;
  /* As in gmux_tls_free. */
  if (atomic_fetch_sub_explicit(&e->users, 1, memory_order_acq_rel) > 1) return;
  SSL_CTX_free(e->context);
  gmux__tls_tickets_free(e->tickets);
  gmux__tls_sessions_free(e->sessions);
  ASN1_TIME_free(e->crls_until);
  gmux__free(e);
}
