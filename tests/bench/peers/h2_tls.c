/* h2_tls.c: TLS for the peers, as a client or server of gRPC has to have it, and no more. */
#include "tests/bench/peers/h2_conn.h"
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

static _Noreturn void die(const char *what) {
  fprintf(stderr, "TLS: %s\n", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static SSL_CTX *context_new(const SSL_METHOD *method) {
  SSL_CTX *tls = SSL_CTX_new(method);
  if (!tls) die("out of memory");
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return tls;
}

static SSL_SESSION *newest;

static int on_session(SSL *ssl, SSL_SESSION *session) {
  (void)ssl;
  SSL_SESSION_free(newest);
  newest = session;
  return 1;
}

SSL_CTX *h2_tls_client(const char *ca, bool is_resuming) {
  SSL_CTX *tls = context_new(TLS_client_method());
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
  if (SSL_CTX_load_verify_locations(tls, ca, NULL) != 1) die(ca);
  if (!is_resuming) return tls;
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(tls, on_session);
  return tls;
}

SSL *h2_tls_dial(SSL_CTX *tls, int fd) {
  static char host[] = "localhost"; /* OpenSSL's macro would cast a const away */
  SSL *ssl = SSL_new(tls);
  if (!ssl || SSL_set_fd(ssl, fd) != 1) die("out of memory");
  SSL_set_tlsext_host_name(ssl, host);
  SSL_set1_host(ssl, host);
  SSL_set_alpn_protos(ssl, (const unsigned char *)"\x02h2", 3);
  bool is_resuming = newest && SSL_set_session(ssl, newest) == 1;
  if (SSL_connect(ssl) != 1) die("the handshake failed");
  if (is_resuming && !SSL_session_reused(ssl)) die("the server does not resume");
  return ssl;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *offered, unsigned offered_len, void *arg) {
  (void)ssl, (void)arg;
  static const unsigned char ours[] = "\x02h2";
  unsigned char *chosen;
  int result = SSL_select_next_proto(&chosen, out_len, ours, sizeof ours - 1, offered, offered_len);
  *out = chosen;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

SSL_CTX *h2_tls_server(const char *cert, const char *key) {
  SSL_CTX *tls = context_new(TLS_server_method());
  SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(tls, on_alpn, NULL);
  if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1) die(cert);
  if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) die(key);
  return tls;
}
