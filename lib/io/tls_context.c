/* tls_context.c: credentials: options in, an SSL_CTX with the policy of tls.h out. */
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/tls_openssl.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- options ---- */

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
  return 0;
}

static int options_check_pair(const char *name, const char *file, const char *pem) {
  if (!file || !pem) return 0;
  return gmux__fail(GMUX_ERR_INVALID, "%s_file and %s_pem are both set: set one of them", name,
                    name);
}

static bool options_have_trust(const gmux_tls_options *o) {
  return o->ca_file || o->ca_pem;
}

static bool options_have_identity(const gmux_tls_options *o) {
  return o->cert_file || o->cert_pem;
}

static int options_check(const gmux_tls_options *o) {
  int rc = options_check_pair("ca", o->ca_file, o->ca_pem);
  if (rc == 0) rc = options_check_pair("cert", o->cert_file, o->cert_pem);
  if (rc == 0) rc = options_check_pair("key", o->key_file, o->key_pem);
  if (rc) return rc;
  bool has_key = o->key_file || o->key_pem;
  if (options_have_identity(o) && !has_key)
    return gmux__fail(GMUX_ERR_INVALID,
                      "a certificate without its key: set key_file or key_pem as well");
  if (has_key && !options_have_identity(o))
    return gmux__fail(GMUX_ERR_INVALID,
                      "a key without its certificate: set cert_file or cert_pem as well");
  if ((int)o->client_cert < GMUX_CLIENT_CERT_NONE || o->client_cert > GMUX_CLIENT_CERT_REQUIRED)
    return gmux__fail(GMUX_ERR_INVALID, "client_cert is %d, which is no gmux_client_cert",
                      (int)o->client_cert);
  if (o->client_cert != GMUX_CLIENT_CERT_NONE && !options_have_trust(o))
    return gmux__fail(GMUX_ERR_INVALID, "client_cert asks for certificates, but nobody is trusted "
                                        "to sign them: set ca_file or ca_pem");
  return 0;
}

int gmux_tls_options_check(const gmux_tls_options *options, char *why, size_t len) {
  gmux_tls_options o;
  int rc = options ? options_read(&o, options) : gmux__fail(GMUX_ERR_INVALID, "no TLS options");
  if (rc == 0) rc = options_check(&o);
  if (rc && why && len > 0) snprintf(why, len, "%s", gmux_last_error());
  return rc;
}

static int options_check_role(const gmux_tls_options *o, bool is_server) {
  if (!is_server && o->client_cert != GMUX_CLIENT_CERT_NONE)
    return gmux__fail(GMUX_ERR_INVALID, "client_cert is for servers: a client presents the "
                                        "certificate of cert_file or cert_pem when it is asked");
  if (is_server && !options_have_identity(o))
    return gmux__fail(GMUX_ERR_INVALID,
                      "a server needs a certificate: set cert_file and key_file (or ..._pem)");
  /* Somebody who gives a server a CA believes that clients are checked. */
  if (is_server && options_have_trust(o) && o->client_cert == GMUX_CLIENT_CERT_NONE)
    return gmux__fail(GMUX_ERR_INVALID, "ca_file or ca_pem is set, but client_cert is NONE, so no "
                                        "client would be checked: set client_cert, or no CA");
  return 0;
}

/* ---- the key log ---- */

static int key_log_refuse(const char *path, const char *why) {
  return gmux__fail(GMUX_ERR_IO, "SSLKEYLOGFILE \"%s\" cannot be written: %s", path, why);
}

/* A pipe would block us here, and raise SIGPIPE when its reader goes. */
static bool key_log_is_pipe(int fd) {
  struct stat st;
  return fstat(fd, &st) != 0 || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode);
}

static int key_log_open(gmux_tls *tls) {
  const char *path = secure_getenv("SSLKEYLOGFILE");
  if (!path || !*path) return 0;
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
  if (fd < 0) return key_log_refuse(path, strerror(errno));
  if (key_log_is_pipe(fd)) {
    close(fd);
    return key_log_refuse(path, "it is a pipe, not a file");
  }
  tls->key_log = fd;
  return 0;
}

/* A line is one system call, so that lines of several loops and processes do not mix. One that
 * cannot be written is lost: connections are worth more than their traces. */
static void key_log_write(const SSL *ssl, const char *line) {
  const gmux_tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  char newline[] = "\n";
  union {
    const char *in;
    void *out;
  } text = {.in = line}; /* writev wants it without const, and does not change it */
  struct iovec parts[] = {{text.out, strlen(line)}, {newline, 1}};
  while (writev(tls->key_log, parts, 2) < 0 && errno == EINTR)
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
  enum { SECURITY_LEVEL = 2 }; /* 112 bits: RSA 2048, no SHA-1 signatures */
  if (SSL_CTX_get_security_level(context) < SECURITY_LEVEL)
    SSL_CTX_set_security_level(context, SECURITY_LEVEL);
  if (SSL_CTX_get_min_proto_version(context) < TLS1_2_VERSION &&
      !SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION))
    return false;
  /* TLS 1.2's: RFC 9113 appendix A forbids all others. TLS 1.3 has only such. */
  return SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
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
 * are given theirs by callback, for the endpoint's own place (tls_session.c).
 */
static bool context_set_resumption(SSL_CTX *context, const gmux_tls_options *o, bool is_server) {
  static const unsigned char session_id_context[] = "gmux";
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (o->no_resumption) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    return SSL_CTX_set_num_tickets(context, 0);
  }
  if (is_server)
    return SSL_CTX_set_num_tickets(context, 1) &&
           SSL_CTX_set_session_ticket_cb(context, NULL, gmux__tls_ticket_check, NULL) &&
           SSL_CTX_set_session_id_context(context, session_id_context,
                                          sizeof session_id_context - 1);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, gmux__tls_session_save);
  return true;
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

static int context_load(SSL_CTX *context, const gmux_tls_options *o, bool is_server) {
  int rc = 0;
  if (options_have_trust(o))
    rc = gmux__tls_load_trust(context, o->ca_file, o->ca_pem, is_server);
  else if (!is_server && !SSL_CTX_set_default_verify_paths(context))
    rc = gmux__tls_fail("TLS: the system's store of trusted authorities");
  if (rc == 0 && options_have_identity(o)) rc = gmux__tls_load_identity(context, o);
  return rc;
}

/* ---- life ---- */

static int tls_build(gmux_tls *tls, const gmux_tls_options *o) {
  bool is_server = tls->is_server;
  ERR_clear_error();
  tls->bio_method = gmux__tls_bio_method_new();
  tls->context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
  if (!tls->bio_method || !tls->context) return gmux__tls_fail("TLS cannot be set up");
  SSL_CTX_set_app_data(tls->context, tls);
  context_set_behaviour(tls->context);
  if (!context_set_floor(tls->context) || !context_require_h2(tls->context, is_server) ||
      !context_set_resumption(tls->context, o, is_server))
    return gmux__tls_fail("TLS cannot be set up");
  SSL_CTX_set_verify(tls->context, verify_mode(o, is_server), gmux__tls_verify_note);
  int rc = context_load(tls->context, o, is_server);
  if (rc || !o->key_log) return rc;
  rc = key_log_open(tls);
  if (rc == 0 && tls->key_log >= 0) SSL_CTX_set_keylog_callback(tls->context, key_log_write);
  return rc;
}

static int tls_new(gmux_tls **out, const gmux_tls_options *options, bool is_server) {
  if (!out) return gmux__fail(GMUX_ERR_INVALID, "nowhere to put the new gmux_tls: out is NULL");
  gmux_tls_options o;
  int rc = options_read(&o, options);
  if (rc == 0) rc = options_check(&o);
  if (rc == 0) rc = options_check_role(&o, is_server);
  if (rc) return rc;
  gmux_tls *tls = gmux__calloc(1, sizeof *tls);
  if (!tls) return gmux__fail_code(GMUX_ERR_NOMEM);
  tls->is_server = is_server;
  tls->key_log = -1;
  atomic_init(&tls->users, 1);
  rc = tls_build(tls, &o);
  ERR_clear_error();
  if (rc)
    gmux_tls_free(tls);
  else
    *out = tls;
  return rc;
}

int gmux_tls_client_new(gmux_tls **out, const gmux_tls_options *options) {
  return tls_new(out, options, false);
}

int gmux_tls_server_new(gmux_tls **out, const gmux_tls_options *options) {
  return tls_new(out, options, true);
}

bool gmux__tls_is_server(const gmux_tls *tls) {
  return tls->is_server;
}

gmux_tls *gmux__tls_ref(gmux_tls *tls) {
  atomic_fetch_add_explicit(&tls->users, 1, memory_order_relaxed);
  return tls;
}

void gmux_tls_free(gmux_tls *tls) {
  if (!tls) return;
  /* Release: what this user did happens before the last one's free; acquire: that one sees it. */
  if (atomic_fetch_sub_explicit(&tls->users, 1, memory_order_acq_rel) > 1) return;
  SSL_CTX_free(tls->context);
  BIO_meth_free(tls->bio_method);
  if (tls->key_log >= 0) close(tls->key_log);
  gmux__free(tls);
}
